"""Losses and the functions under them: gradients, masks, extremes, and their peers in torch."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close, cross_entropy_error, mse_error, random_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import pinball_error

from rnnlib.check import directional_derivative, gradient_error
from rnnlib.reference import losses, ops, quantile

SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True)


@for_any_size
@given(SHAPES, SEEDS)
def test_the_gradient_of_the_squared_error_is_right(shape, seed):
    assert mse_error(losses, shape, seed) <= RTOL


@for_any_size
@given(SHAPES, st.integers(2, 5), st.booleans(), SEEDS)
def test_the_gradient_of_the_cross_entropy_is_right(shape, V, masked, seed):
    assert cross_entropy_error(losses, shape, V, seed, masked) <= RTOL


def test_one_symbol_alone_is_certain():
    loss, grad = losses.cross_entropy(np.array([[3.5], [-2.5]]), np.array([0, 0]))
    assert loss == 0
    np.testing.assert_array_equal(grad, np.zeros((2, 1)))


def test_mse_is_that_of_torch():
    predictions, targets = np.random.default_rng(0).normal(size=(2, 5, 3, 2))
    p = torch.tensor(predictions, requires_grad=True)
    want = torch.nn.functional.mse_loss(p, torch.tensor(targets))
    want.backward()
    assert_close(losses.mse(predictions, targets), (want.item(), p.grad.numpy()), rtol=1e-12)


@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_is_that_of_torch(masked):
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(size=(5, 3, 4)), rng.integers(4, size=(5, 3))
    mask = random_mask(rng, (5, 3)) if masked else None
    z = torch.tensor(logits, requires_grad=True)
    seen = targets if mask is None else np.where(mask, targets, -100)  # what torch ignores
    want = torch.nn.functional.cross_entropy(z.reshape(-1, 4), torch.tensor(seen).reshape(-1))
    want.backward()
    got = losses.cross_entropy(logits, targets, mask)
    assert_close(got, (want.item(), z.grad.numpy()), rtol=1e-12)


@for_any_size
@given(SHAPES, SEEDS, st.sampled_from([-7.5, 1e300, np.inf, -np.inf, np.nan]))
def test_what_the_mask_hides_changes_nothing(shape, seed, anything):
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(size=(*shape, 4)), rng.integers(4, size=shape)
    mask = random_mask(rng, shape)
    loss, grad = losses.cross_entropy(logits, targets, mask)
    other = np.where(mask[..., None], logits, anything), np.where(mask, targets, -1)
    assert_close(losses.cross_entropy(*other, mask), (loss, grad), rtol=0)
    assert not grad[~mask].any()
    assert_close(losses.cross_entropy(logits[mask], targets[mask]), (loss, grad[mask]))


def test_logits_of_a_thousand_do_not_overflow():
    logits = np.array([[1000.0, -1000.0], [-1000.0, 1000.0]])
    loss, grad = losses.cross_entropy(logits, np.array([0, 0]))
    assert loss == 1000  # half of 0 and 2000
    np.testing.assert_allclose(grad, [[0, 0], [-0.5, 0.5]], atol=1e-300)
    np.testing.assert_allclose(ops.softmax(logits), [[1, 0], [0, 1]], atol=1e-300)
    np.testing.assert_allclose(ops.logsumexp(logits), [[1000], [1000]])
    np.testing.assert_allclose(ops.sigmoid(logits), [[1, 0], [0, 1]], atol=1e-300)


def test_a_symbol_may_be_forbidden_by_a_logit_of_minus_infinity():
    logits, targets = np.array([[0.5, -np.inf, 1.5]]), np.array([2])
    loss, grad = losses.cross_entropy(logits, targets)
    allowed = losses.cross_entropy(logits[:, [0, 2]], np.array([1]))
    assert_close((loss, grad[:, [0, 2]]), allowed)
    assert grad[0, 1] == 0


@for_any_size
@given(SHAPES, SEEDS, st.sampled_from([0.5, 30.0, 700.0]))
def test_softmax_and_logsumexp_are_analytic(shape, seed, scale):
    rng = np.random.default_rng(seed)
    a, v = scale * rng.normal(size=(*shape, 5)), rng.normal(size=(*shape, 5))
    u = rng.normal(size=(*shape, 5))
    p = ops.softmax(a)
    assert_close(p.sum(-1), np.ones(shape))
    assert_close(ops.logsumexp(a), torch.logsumexp(torch.tensor(a), -1, keepdim=True).numpy())
    got = directional_derivative(lambda a: ops.logsumexp(a).sum(), (a,), (v,))
    assert abs(got - (p * v).sum()) <= RTOL * np.abs(p * v).sum()
    got = directional_derivative(lambda a: (u * ops.softmax(a)).sum(), (a,), (v,))
    terms = u * p * (v - (p * v).sum(-1, keepdims=True))
    assert abs(got - terms.sum()) <= RTOL * (np.abs(u) * p * np.abs(v)).sum()


@for_any_size
@given(st.floats(-50, 50), st.floats(0.5, 2))
def test_sigmoid_is_analytic(a, v):
    got = directional_derivative(lambda a: ops.sigmoid(a), (np.array(a),), (np.array(v),))
    p = 1 / (1 + np.exp(-a))
    assert abs(got - v * p * (1 - p)) <= 1e-15


def test_trees_of_another_form_are_refused():
    one = np.ones(2)
    for other in [(one,), (one, one, one)]:
        with pytest.raises(ValueError, match="argument 2 is"):
            ops.tree_map(np.add, (one, one), other)


def test_the_logarithm_of_a_sum_of_nothing_is_minus_infinity():
    a = np.array([[-np.inf, -np.inf], [-np.inf, 0.5], [np.inf, 0.5]])
    np.testing.assert_array_equal(ops.logsumexp(a), [[-np.inf], [0.5], [np.inf]])
    np.testing.assert_array_equal(ops.logsumexp(a + 0j).real, [[-np.inf], [0.5], [np.inf]])
    assert ops.logsumexp(np.float32(a)).dtype == np.float32


@for_any_size
@given(SHAPES, SEEDS, st.floats(0.05, 0.95))
def test_the_gradient_of_the_quantile_loss_is_right(shape, seed, tau):
    assert pinball_error(quantile, shape, tau, seed) <= RTOL


def test_the_quantile_loss_is_smallest_at_the_quantile():
    targets = np.random.default_rng(2).normal(size=101)
    for tau in (0.105, 0.5, 0.9):
        at = [quantile.pinball(np.full(101, y), targets, tau)[0] for y in np.sort(targets)]
        assert np.argmin(at) == int(101 * tau)


def test_the_quantile_loss_at_one_half_is_half_the_absolute_error_of_torch():
    predictions, targets = np.random.default_rng(3).normal(size=(2, 5, 3))
    p = torch.tensor(predictions, requires_grad=True)
    want = torch.nn.functional.l1_loss(p, torch.tensor(targets)) / 2
    want.backward()
    got = quantile.pinball(predictions, targets, 0.5)
    assert_close(got, (want.item(), p.grad.numpy()), rtol=1e-12)


def test_being_right_costs_nothing():
    y = np.array([0.5, -1.5])
    loss, grad = quantile.pinball(y, y, 0.3)
    assert loss == 0
    np.testing.assert_allclose(grad, [-0.15, -0.15])


NUMERIC = [losses.mse, partial(quantile.pinball, tau=0.3)]


@pytest.mark.parametrize("loss", NUMERIC, ids=["mse", "pinball"])
@for_any_size
@given(SHAPES, SEEDS, st.sampled_from([-7.5, 1e300, np.inf, np.nan]))
def test_hiding_numbers_is_leaving_them_out(loss, shape, seed, anything):
    rng = np.random.default_rng(seed)
    predictions, targets = rng.normal(size=(2, *shape))
    mask = random_mask(rng, shape)
    value, grad = losses.masked(loss, predictions, targets, mask)
    assert_close((value, grad[mask]), loss(predictions[mask], targets[mask]), rtol=0)
    assert not grad[~mask].any()
    others = (np.where(mask, a, anything) for a in (predictions, targets))
    assert_close(losses.masked(loss, *others, mask), (value, grad), rtol=0)

    def f(predictions):
        return losses.masked(loss, predictions, targets, mask)[0]

    assert gradient_error(f, (predictions,), (grad,), rng) <= RTOL


@pytest.mark.parametrize("loss", NUMERIC, ids=["mse", "pinball"])
def test_numbers_of_float32_have_a_gradient_of_float32(loss):
    predictions, targets = np.float32(np.random.default_rng(4).normal(size=(2, 5, 3)))
    value, grad = losses.masked(loss, predictions, targets, targets > 0)
    assert {a.dtype for a in (value, grad, *loss(predictions, targets))} == {np.dtype(np.float32)}
