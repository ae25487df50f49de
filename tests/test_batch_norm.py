"""Batch normalisation over time: gradients, masks, running statistics, and torch's own."""

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import batch_norm_error, batch_norm_example

from rnnlib.reference import batch_norm
from rnnlib.reference.batch_norm import ALL_STEPS, EACH_STEP
from rnnlib.reference.ops import tree_map

SIZES = st.tuples(st.integers(1, 4), st.integers(2, 5), st.integers(1, 3))  # T, B, D
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=50)
each_kind = pytest.mark.parametrize("axes", [EACH_STEP, ALL_STEPS])


def example(axes, T=4, B=5, D=3, seed=0):
    """As many rows of running statistics as these axes need."""
    return batch_norm_example(batch_norm, T, B, D, N=1 if axes == ALL_STEPS else T, seed=seed)


@each_kind
@for_any_size
@given(SIZES, SEEDS)
def test_backward_in_training_is_the_transpose_of_the_derivative(axes, sizes, seed):
    assert batch_norm_error(batch_norm, *sizes, seed, axes) <= RTOL


@for_any_size
@given(SIZES, SEEDS)
def test_backward_in_evaluation_is_the_transpose_of_the_derivative(sizes, seed):
    assert batch_norm_error(batch_norm, *sizes, seed, training=False) <= RTOL


def layers(params, running, momentum):
    """Torch's own layers, one for each row of the running statistics."""
    made = []
    for mean, var in zip(*running, strict=True):
        layer = torch.nn.BatchNorm1d(len(mean), momentum=momentum, dtype=torch.float64)
        layer.weight.data, layer.bias.data = map(torch.tensor, params)
        layer.running_mean, layer.running_var = torch.tensor(mean), torch.tensor(var)
        made.append(layer)
    return made


@each_kind
@pytest.mark.parametrize("training", [True, False])
def test_values_gradients_and_running_statistics_are_those_of_torch(axes, training):
    rng, params, xs, running, _ = example(axes)
    x = torch.tensor(xs, requires_grad=True)
    peers = [layer.train(training) for layer in layers(params, running, momentum=0.3)]
    if axes == ALL_STEPS:
        want = peers[0](x.reshape(-1, 3)).reshape(x.shape)
    else:
        want = torch.stack([layer(x_t) for layer, x_t in zip(peers, x, strict=True)])
    if training:
        ys, cache, after = batch_norm.train(params, xs, running, axes=axes, momentum=0.3)
    else:
        (ys, cache), after = batch_norm.evaluate(params, xs, running), running
    assert_close(ys, want.detach().numpy(), rtol=1e-12)
    means, variances = (
        [getattr(p, a).numpy() for p in peers] for a in ["running_mean", "running_var"]
    )
    assert_close(tuple(after), (np.stack(means), np.stack(variances)), rtol=1e-12)

    u = rng.normal(size=ys.shape)
    want.backward(torch.tensor(u))
    dparams, dxs = batch_norm.backward(params, cache, u)
    assert_close(dxs, x.grad.numpy(), rtol=1e-12)
    dgamma, dbeta = (sum(getattr(p, a).grad for p in peers).numpy() for a in ["weight", "bias"])
    assert_close(tuple(dparams), (dgamma, dbeta), rtol=1e-12)


@each_kind
@for_any_size
@given(SIZES, SEEDS)
def test_what_counts_has_mean_beta_and_deviation_gamma(axes, sizes, seed):
    _, params, xs, running, mask = example(axes, *sizes, seed=seed)
    ys, _, _ = batch_norm.train(params, xs, running, mask, axes, eps=0)
    groups = [(ys, mask)] if axes == ALL_STEPS else zip(ys, mask, strict=True)
    for y, m in groups:
        assert_close(y[m].mean(0), params.beta, rtol=1e-9)
        assert_close(y[m].std(0), abs(params.gamma), rtol=1e-9)


@each_kind
@pytest.mark.parametrize("anything", [-7.5, 1e300, np.inf, np.nan])
def test_what_the_mask_hides_changes_nothing(axes, anything):
    rng, params, xs, running, mask = example(axes)
    other, u = np.where(mask[..., None], xs, anything), rng.normal(size=xs.shape)
    du = np.where(mask[..., None], u, anything)
    for forward in (
        lambda xs: batch_norm.train(params, xs, running, mask, axes),
        lambda xs: (*batch_norm.evaluate(params, xs, running, mask), running),
    ):
        (ys, cache, after), (ys_2, cache_2, after_2) = forward(xs), forward(other)
        assert_close((ys_2, after_2), (ys, after), rtol=0)
        dparams, dxs = batch_norm.backward(params, cache, u)
        assert_close(batch_norm.backward(params, cache_2, du), (dparams, dxs), rtol=0)
        assert not dxs[~mask].any() and not ys[~mask].any()


@each_kind
def test_hiding_examples_is_leaving_them_out(axes):
    rng, params, xs, running, _ = example(axes)
    mask = np.broadcast_to(np.arange(5) < 3, (4, 5))
    u = rng.normal(size=xs.shape)
    ys, cache, after = batch_norm.train(params, xs, running, mask, axes)
    few, cut, want = batch_norm.train(params, xs[:, :3], running, None, axes)
    assert_close((ys[:, :3], after), (few, want), rtol=1e-13)
    dparams, dxs = batch_norm.backward(params, cache, u)
    assert_close((dparams, dxs[:, :3]), batch_norm.backward(params, cut, u[:, :3]), rtol=1e-12)


def test_beyond_the_training_the_last_step_serves():
    _, params, xs, running, _ = example(EACH_STEP, T=6)
    short = batch_norm.Running(running.mean[:4], running.var[:4])
    ys, _ = batch_norm.evaluate(params, xs, short)
    want, _ = batch_norm.evaluate(params, xs[:4], short)
    assert_close(ys[:4], want, rtol=0)
    last = batch_norm.Running(short.mean[3:], short.var[3:])
    assert_close(ys[4:], batch_norm.evaluate(params, xs[4:], last)[0], rtol=0)


def test_a_short_batch_moves_the_first_steps_alone():
    _, params, xs, running, _ = example(EACH_STEP, T=6)
    _, _, after = batch_norm.train(params, xs[:2], running)
    assert_close((after.mean[2:], after.var[2:]), (running.mean[2:], running.var[2:]), rtol=0)
    assert not np.isclose(after.mean[:2], running.mean[:2]).any()


def test_running_statistics_approach_those_of_the_inputs():
    rng, _, _, _, _ = example(EACH_STEP)
    running = batch_norm.no_training(D=2, N=3)
    mean, deviation = rng.normal(size=(3, 1, 2)), rng.uniform(0.5, 2, size=(3, 1, 2))
    for _ in range(400):
        xs = mean + deviation * rng.normal(size=(3, 4, 2))
        _, _, running = batch_norm.train(batch_norm.init(2), xs, running, momentum=0.02)
    np.testing.assert_allclose(running.mean, mean[:, 0], atol=0.3)
    np.testing.assert_allclose(running.var, deviation[:, 0] ** 2, rtol=0.3)  # biased it is 3/4


def test_unasked_gain_and_momentum_are_those_of_torch():
    rng = np.random.default_rng(1)
    params, running, xs = (
        batch_norm.init(3),
        batch_norm.no_training(3, N=1),
        rng.normal(size=(5, 3)),
    )
    peer = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    want = peer(torch.tensor(xs)).detach().numpy()
    ys, _, after = batch_norm.train(params, xs[None], running)
    assert_close((ys[0], after.mean[0]), (want, peer.running_mean.numpy()), rtol=1e-12)
    assert_close(after.var[0], peer.running_var.numpy(), rtol=1e-12)


@each_kind
def test_float32_stays_float32_and_nothing_is_changed_in_place(axes):
    _, params, xs, running, mask = example(axes)
    params, xs, running = tree_map(np.float32, (params, xs, running))
    before = tree_map(np.copy, (params, xs, running))
    ys, cache, after = batch_norm.train(params, xs, running, mask, axes)
    says, seen = batch_norm.evaluate(params, xs, running, mask)
    tree_map(np.testing.assert_array_equal, (params, xs, running), before)
    grads = batch_norm.backward(params, cache, ys), batch_norm.backward(params, seen, ys)
    dtypes = []
    tree_map(lambda a: dtypes.append(a.dtype) or a, (ys, after, says, *grads))
    assert set(dtypes) == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": (0,)}, r"axes: got \(0,\), expected EACH_STEP or ALL_STEPS"),
        ({"axes": ALL_STEPS}, "running: got N = 4 rows, expected 1, for all steps"),
        ({"xs": np.ones((5, 5, 3))}, "running: got N = 4 rows, expected at least T = 5"),
        ({"xs": np.ones((4, 1, 3))}, "xs: got a mean over n = 1 places, expected at least 2"),
        ({"mask": np.zeros((4, 5), bool)}, "xs: got a mean over n = 0 places, expected at least 2"),
        ({"mask": np.ones((4, 5))}, "mask: got dtype float64, expected bool"),
        ({"mask": np.ones((5, 4), bool)}, r"mask: got shape \(5, 4\), expected \(4, 5\)"),
    ],
)
def test_statistics_of_too_little_are_refused(changes, message):
    _, params, xs, running, _ = example(EACH_STEP)
    with pytest.raises(ValueError, match=message):
        batch_norm.train(**({"params": params, "xs": xs, "running": running} | changes))
