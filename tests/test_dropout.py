"""Dropout, zoneout and weight drop: masks, means and gradients."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers import RTOL, SIZES, assert_close, example
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import applied_error, dropout_error, weight_drop_error, zoneout_error

from rnnlib.check import random_like
from rnnlib.nn import elman as nn_elman
from rnnlib.reference import bptt, dropout, elman, gru, lru, lstm, weight_drop, zoneout
from rnnlib.reference.dropout import Dropout
from rnnlib.reference.ops import leaves, tree_map
from rnnlib.reference.zoneout import Zoneout

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=25)
each_cell = pytest.mark.parametrize("cell", [elman, lstm, gru], ids=lambda cell: cell.__name__)


def zoned(params, xs, keep):
    """Parameters and inputs of a cell with zoneout."""
    return zoneout.Params(params), zoneout.inputs(xs, keep)


@each_cell
@for_any_size
@given(SIZES, SEEDS)
def test_backward_through_one_mask_is_the_transpose_of_the_derivative(cell, size, seed):
    assert dropout_error(dropout, cell, *size, seed) <= RTOL


@for_any_size
@given(SIZES, SEEDS)
def test_a_mask_is_its_own_transpose(size, seed):
    assert applied_error(dropout, *size[:3], seed) <= RTOL


@each_cell
@pytest.mark.parametrize("drawn", [False, True])
@for_any_size
@given(SIZES, SEEDS)
def test_backward_through_zoneout_is_the_transpose_of_the_derivative(cell, drawn, size, seed):
    assert zoneout_error(zoneout, cell, *size, seed, drawn) <= RTOL


@settings(deadline=None, derandomize=True, max_examples=5)
@given(SIZES, SEEDS)
def test_backward_through_zoneout_of_three_states_is_the_transpose_of_the_derivative(size, seed):
    assert zoneout_error(zoneout, lru, *size, seed) <= RTOL


@each_cell
@for_any_size
@given(SIZES, SEEDS)
def test_backward_through_dropped_weights_is_the_transpose_of_the_derivative(cell, size, seed):
    assert weight_drop_error(weight_drop, cell, *size, seed) <= RTOL


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
def test_the_mean_of_a_mask_is_one(rate):
    u = (np.arange(1000) + 0.5) / 1000  # evenly, hence exactly
    m = dropout.mask(u, rate)
    np.testing.assert_allclose(m.mean(), 1, rtol=1e-12)
    assert (m == 0).sum() == round(1000 * rate)
    np.testing.assert_allclose(m[m > 0], 1 / (1 - rate))
    drawn = dropout.each_step(np.random.default_rng(0), rate, T=40, B=30, D=50)
    error = np.sqrt(rate / (1 - rate) / drawn.size)
    assert abs(drawn.mean() - 1) <= 4 * error


def test_a_rate_of_zero_changes_nothing():
    rng, params, xs, state = example(lstm, T=5, B=3, D=2, H=4, seed=1)
    np.testing.assert_array_equal(dropout.apply(xs, dropout.each_step(rng, 0.0, 5, 3, 2)), xs)
    m_x, m_h = (dropout.each_sequence(rng, 0.0, 3, n) for n in (2, 4))
    want = bptt.forward(lstm, params, xs, state)[:2]
    assert_close(bptt.forward(Dropout(lstm, m_x, m_h), params, xs, state)[:2], want, rtol=0)
    keep = zoneout.draw(rng, state, (0.0, 0.0), T=5)
    got = bptt.forward(Zoneout(lstm), *zoned(params, xs, keep), state)[:2]
    assert_close(got, want, rtol=0)
    m = weight_drop.draw(rng, params, 0.0)
    assert_close(weight_drop.forward(params, m), params, rtol=0)


def test_a_number_that_is_the_rate_is_kept_and_zero_is_a_number():
    np.testing.assert_array_equal(dropout.mask(np.array([0.0, 0.5]), 0.0), [1, 1])
    np.testing.assert_array_equal(dropout.mask(np.array([0.0, 0.5]), 0.5), [0, 2])


def test_one_mask_for_all_steps_is_the_same_mask_at_every_step():
    rng = np.random.default_rng(2)
    xs, m = rng.normal(size=(6, 3, 4)), dropout.each_sequence(rng, 0.5, 3, 4)
    dropped = dropout.apply(xs, m) == 0
    assert (dropped == (m == 0)).all() and dropped.any() and not dropped.all()
    fresh = dropout.apply(xs, dropout.each_step(rng, 0.5, 6, 3, 4)) == 0
    assert (fresh[1:] != fresh[:-1]).any()


def test_a_cell_with_masks_is_the_cell_with_masked_weights():
    """Dropping an input or a unit is dropping the column of weights that reads it."""
    rng, params, xs, state = example(elman, T=6, B=1, D=3, H=4, seed=3)
    m_x, m_h = (dropout.each_sequence(rng, 0.5, 1, n) for n in (3, 4))
    masked = params._replace(W_x=params.W_x * m_x, W_h=params.W_h * m_h)
    got = bptt.forward(Dropout(elman, m_x, m_h), params, xs, state)[:2]
    assert_close(got, bptt.forward(elman, masked, xs, state)[:2], rtol=1e-14)


def test_masks_of_the_inputs_spare_the_way_through_time_and_masks_of_the_state_do_not():
    """With fresh masks along time, half of what is remembered is lost at every step."""
    T, H, rng = 12, 200, np.random.default_rng(4)
    params = elman.Params(np.eye(H), np.eye(H), np.zeros(H))
    state, xs = elman.State(np.full((1, H), 1e-6)), np.zeros((T, 1, H))
    up = dropout.apply(xs, dropout.each_step(rng, 0.5, T, 1, H))
    last = bptt.forward(elman, params, up, state)[1].h
    np.testing.assert_allclose(last, 1e-6, rtol=1e-9)
    along = state
    for m in dropout.each_step(rng, 0.5, T, 1, H):
        along = bptt.forward(Dropout(elman, np.ones((1, H)), m), params, xs[:1], along)[1]
    assert (along.h != 0).sum() <= 1  # 200 / 2^12
    m = dropout.each_sequence(rng, 0.5, 1, H)
    once = bptt.forward(Dropout(elman, np.ones((1, H)), m), params, xs, state)[1].h
    np.testing.assert_array_equal(once != 0, m != 0)


@each_cell
def test_zoneout_keeps_some_units_and_updates_the_others(cell):
    rng, params, xs, state = example(cell, T=1, B=3, D=2, H=5, seed=5)
    keep = zoneout.draw(rng, state, (0.5,) * len(state), T=1)
    _, after, _ = bptt.forward(Zoneout(cell), *zoned(params, xs, keep), state)
    _, new, _ = bptt.forward(cell, params, xs, state)
    kept = np.split(keep[0] == 1, len(state), axis=-1)
    for k, a, n, s in zip(kept, after, new, state, strict=True):
        assert k.any() and not k.all()
        np.testing.assert_array_equal(a, np.where(k, s, n))


def test_to_keep_everything_is_to_read_nothing():
    _, params, xs, state = example(lstm, T=4, B=3, D=2, H=5, seed=6)
    keep = np.ones((4, 3, 10))
    _, last, _ = bptt.forward(Zoneout(lstm), *zoned(params, xs, keep), state)
    tree_map(np.testing.assert_array_equal, last, state)


@each_cell
def test_evaluation_is_the_mean_over_all_that_may_be_kept_in_a_step(cell):
    _, params, xs, state = example(cell, T=1, B=1, D=2, H=2, seed=7)
    rates = (0.3, 0.6)[: len(state)]
    z = zoneout.expected(state, rates, T=1)
    np.testing.assert_array_equal(z.ravel(), np.repeat(rates, 2))

    def after(keep):
        read = zoned(params, xs, keep.reshape(z.shape))
        return bptt.forward(Zoneout(cell), *read, state)[1]

    mean = tree_map(np.zeros_like, state)
    for keep in map(np.array, product([0.0, 1.0], repeat=z.size)):
        p = np.where(keep == 1, z.ravel(), 1 - z.ravel()).prod()
        mean = tree_map(lambda m, a, p=p: m + p * a, mean, after(keep))
    assert_close(after(z), mean, rtol=1e-14)


def test_what_is_kept_has_the_rate_for_its_mean():
    state = lstm.State(h=np.ones((20, 50)), c=np.ones((20, 50)))
    keep = zoneout.draw(np.random.default_rng(8), state, (0.05, 0.5), T=40)
    assert set(np.unique(keep)) == {0, 1}
    means = [k.mean() for k in np.split(keep, 2, axis=-1)]
    np.testing.assert_allclose(means, (0.05, 0.5), atol=4 * np.sqrt(0.25 / 40_000))


def test_zoneout_is_that_of_a_loop_in_torch():
    rng, params, xs, state = example(elman, T=6, B=3, D=2, H=4, seed=9)
    keep = zoneout.draw(rng, state, (0.4,), T=6)
    arguments = *zoned(params, xs, keep), state
    hs, last, caches = bptt.forward(Zoneout(elman), *arguments)
    tensors = [torch.tensor(a, requires_grad=True) for a in (*params, xs, state.h)]
    *weights, xs_t, h = tensors
    hs_t = []
    for x, k in zip(xs_t, torch.tensor(keep), strict=True):
        new = nn_elman.step(nn_elman.Params(*weights), x, nn_elman.State(h)).h
        h = torch.where(k == 1, h, new)
        hs_t.append(h)
    assert_close(hs, torch.stack(hs_t).detach().numpy(), rtol=1e-13)
    u = rng.normal(size=hs.shape)
    (torch.stack(hs_t) * torch.tensor(u)).sum().backward()
    zero = tree_map(np.zeros_like, last)
    dparams, dxs, dstate = bptt.backward(Zoneout(elman), arguments[0], caches, u, zero)
    got = (*dparams.cell, dxs[..., :2], dstate.h)
    assert_close(got, tuple(t.grad.numpy() for t in tensors), rtol=1e-12)


@each_cell
def test_a_dropped_weight_gets_no_gradient_and_the_others_are_left_alone(cell):
    rng, params, _, _ = example(cell, T=4, B=3, D=2, H=5, seed=10)
    m = weight_drop.draw(rng, params, 0.5)
    ran = weight_drop.forward(params, m)
    assert not ran.W_h[m == 0].any() and (ran.W_h[m > 0] == 2 * params.W_h[m > 0]).all()
    assert_close(ran._replace(W_h=params.W_h), params, rtol=0)
    dparams = weight_drop.backward(random_like(rng, params), m)
    assert not dparams.W_h[m == 0].any() and dparams.W_h[m > 0].all()


def test_weight_drop_is_that_of_torch():
    rng, params, xs, state = example(elman, T=6, B=3, D=2, H=4, seed=11)
    m = weight_drop.draw(rng, params, 0.5)
    W_x, W_h, b = tensors = [torch.tensor(a, requires_grad=True) for a in params]
    h = torch.tensor(state.h)
    for x in torch.tensor(xs):
        h = torch.tanh(x @ W_x.T + h @ (torch.tensor(m) * W_h).T + b)
    h.sum().backward()
    ran = weight_drop.forward(params, m)
    _, last, caches = bptt.forward(elman, ran, xs, state)
    assert_close(last.h, h.detach().numpy(), rtol=1e-13)
    dhs, ones = np.zeros((6, 3, 4)), elman.State(np.ones((3, 4)))
    dparams = weight_drop.backward(bptt.backward(elman, ran, caches, dhs, ones)[0], m)
    assert_close(tuple(dparams), tuple(t.grad.numpy() for t in tensors), rtol=1e-12)


def test_the_seed_decides():
    def drawn(seed):
        rng, state = np.random.default_rng(seed), elman.State(np.ones((4, 5)))
        params = elman.init(rng, 2, 5)
        return (
            dropout.each_step(rng, 0.5, 3, 4, 5),
            dropout.each_sequence(rng, 0.5, 4, 5),
            zoneout.draw(rng, state, (0.5,), 3),
            weight_drop.draw(rng, params, 0.5),
        )

    for one, same, other in zip(drawn(0), drawn(0), drawn(1), strict=True):
        np.testing.assert_array_equal(one, same)
        assert (one != other).any()


def test_float32_stays_float32():
    rng, params, xs, state = example(lstm, T=3, B=2, D=3, H=4, seed=12)
    params, xs, state = tree_map(np.float32, (params, xs, state))
    m_x, m_h = (dropout.each_sequence(rng, 0.4, 2, n, np.float32) for n in (3, 4))
    m = dropout.each_step(rng, 0.4, 3, 2, 3, np.float32)
    keep = zoneout.draw(rng, state, (0.2, 0.3), 3)
    cells = [
        (Dropout(lstm, m_x, m_h), params, xs),
        (Zoneout(lstm), *zoned(params, xs, keep)),
        (lstm, weight_drop.forward(params, weight_drop.draw(rng, params, 0.4)), xs),
        (lstm, params, dropout.apply(xs, m)),
    ]
    for cell, p, x in cells:
        hs, last, caches = bptt.forward(cell, p, x, state)
        arrays = leaves((hs, last, bptt.backward(cell, p, caches, hs, last)))
        assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_a_wrapped_cell_starts_as_the_cell_does():
    cells = [lstm, Dropout(lstm, np.ones((2, 3)), np.ones((2, 4))), Zoneout(lstm)]
    params = [cell.init(np.random.default_rng(0), 3, 4) for cell in cells]
    want, dropped, zoned = (leaves(p) for p in params)
    for other in (dropped, zoned):
        tree_map(np.testing.assert_array_equal, tuple(other), tuple(want))
    states = [cell.zero_state(p, 2) for cell, p in zip(cells, params, strict=True)]
    for state in states:
        assert isinstance(state, lstm.State) and state.h.shape == (2, 4)


RNG, STATE = np.random.default_rng(0), lstm.State(np.ones((2, 4)), np.ones((2, 4)))
ELMAN = elman.init(RNG, 3, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dropout.mask(np.ones(3), 1.0), "rate: got 1.0, expected a number from 0 to below"),
        (
            lambda: dropout.mask(np.ones(3), -0.1),
            "rate: got -0.1, expected a number from 0 to below",
        ),
        (lambda: dropout.mask(np.ones(3), np.nan), "rate: got nan, expected a number from 0 to"),
        (lambda: dropout.mask(np.ones(3), 0.5), "u: got 1.0, expected numbers from 0 to below 1"),
        (lambda: dropout.mask(np.array([0.5, -0.1]), 0.5), "u: got -0.1, expected numbers from 0"),
        (lambda: dropout.mask(np.full(3, np.nan), 0.5), "u: got nan, expected numbers from 0 to"),
        (lambda: dropout.mask([0.5], 0.5), "u: got list, expected an array"),
        (lambda: dropout.each_step(RNG, 1.5, 2, 3, 4), "rate: got 1.5, expected a number from 0"),
        (lambda: dropout.each_sequence(RNG, 1.5, 3, 4), "rate: got 1.5, expected a number from 0"),
        (
            lambda: dropout.apply(np.ones((5, 2, 3)), np.ones((5, 2, 4))),
            "m: got shape (5, 2, 4), expected (T, B, D) with T = 5, B = 2, D = 3",
        ),
        (
            lambda: dropout.apply(np.ones((5, 2, 3)), np.ones((5, 3))),
            "m: got shape (5, 3), expected (B, D) with B = 2, D = 3",
        ),
        (
            lambda: dropout.apply(np.ones((5, 2, 3)), np.ones(3)),
            "m: got shape (3,), expected (B, D) with B = 2, D = 3",
        ),
        (lambda: dropout.apply(np.ones((2, 3)), np.ones((2, 3))), "xs: got shape (2, 3), expected"),
        (lambda: zoneout.draw(RNG, STATE, (0.5,), 3), "rates: got (0.5,), expected 2, one per"),
        (lambda: zoneout.draw(RNG, STATE, 0.5, 3), "rates: got 0.5, expected 2, one per array"),
        (lambda: zoneout.draw(RNG, STATE, (0.5, 1.0), 3), "rates: got 1.0, expected a number from"),
        (
            lambda: zoneout.inputs(np.ones((5, 2, 3)), np.ones((4, 2, 8))),
            "keep: got shape (4, 2, 8), expected (T, B, S) with T = 5, B = 2",
        ),
        (lambda: weight_drop.draw(RNG, ELMAN, 1.0), "rate: got 1.0, expected a number from 0 to"),
        (
            lambda: weight_drop.draw(RNG, ELMAN.b, 0.5),
            "params: got ndarray, expected parameters with a W_h",
        ),
        (
            lambda: weight_drop.forward(ELMAN, np.ones((3, 4))),
            "m: got shape (3, 4), expected (4, 4)",
        ),
        (
            lambda: weight_drop.backward(ELMAN, np.ones(4)),
            "m: got shape (4,), expected (4, 4)",
        ),
        (
            lambda: weight_drop.backward(elman.State(ELMAN.b), np.ones((4, 4))),
            "dparams: got State, expected parameters with a W_h",
        ),
        (
            lambda: weight_drop.forward(ELMAN._replace(W_h=[[0.5]]), np.ones((4, 4))),
            "params.W_h: got list, expected an array",
        ),
    ],
)
def test_what_cannot_be_dropped_is_refused(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value).startswith(message)


def test_weights_to_drop_must_stand_under_their_name():
    with pytest.raises(ValueError, match=r"params: got ndarray, expected parameters with a W_h"):
        weight_drop.forward(np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match=r"dparams: got ndarray, expected parameters with a W_h"):
        weight_drop.backward(np.eye(3), np.eye(3))
