"""Penalties: gradients, masks, and what they are made for."""

import numpy as np
import pytest
import torch
from helpers import RTOL, SIZES, assert_close, random_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import penalty_error

from rnnlib.check import directional_derivative, random_like
from rnnlib.reference import elman, init, lstm, optim, penalties
from rnnlib.reference.ops import leaves, tree_map

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=40)
ON_PARAMS = [penalties.l1, penalties.l2]
ON_STATES = [penalties.activation, penalties.temporal]
each_on_params = pytest.mark.parametrize("penalty", ON_PARAMS)
each_on_states = pytest.mark.parametrize("penalty", ON_STATES)


def example(size, seed):
    """Generator, parameters, states, and a mask of steps with at least one that counts."""
    T, B, D, H = size
    rng = np.random.default_rng(seed)
    params = random_like(rng, lstm.init(rng, D, H))
    return rng, params, rng.normal(size=(T, B, H)), random_mask(rng, (T, B))


@each_on_params
@for_any_size
@given(SIZES, SEEDS)
def test_the_gradient_on_parameters_is_right(penalty, size, seed):
    rng, params, _, _ = example(size, seed)
    assert penalty_error(penalty, rng, params) <= RTOL


@for_any_size
@given(st.integers(1, 5), SEEDS)
def test_the_gradient_of_the_distance_from_orthogonal_is_right(H, seed):
    rng = np.random.default_rng(seed)
    assert penalty_error(penalties.orthogonality, rng, rng.normal(size=(H, H))) <= RTOL


@each_on_states
@for_any_size
@given(SIZES, SEEDS)
def test_the_gradient_on_states_is_right(penalty, size, seed):
    rng, _, hs, mask = example(size, seed)
    assert penalty_error(penalty, rng, hs) <= RTOL
    assert penalty_error(lambda hs, rate: penalty(hs, rate, mask), rng, hs) <= RTOL


@pytest.mark.parametrize("penalty", [*ON_PARAMS, penalties.orthogonality])
@for_any_size
@given(SIZES, SEEDS)
def test_the_gradient_on_recurrent_weights_is_zero_elsewhere(penalty, size, seed):
    rng = np.random.default_rng(seed)
    params = random_like(rng, elman.init(rng, *size[2:]))
    value, grads = penalties.recurrent(penalty, params, 0.7)
    assert_close((value, grads.W_h), penalty(params.W_h, 0.7), rtol=0)
    assert not grads.W_x.any() and not grads.b.any()
    error = penalty_error(lambda p, rate: penalties.recurrent(penalty, p, rate), rng, params)
    assert error <= RTOL


def test_values_and_gradients_are_those_of_torch():
    rng, params, hs, _ = example((6, 3, 2, 4), seed=0)
    tensors = [torch.tensor(a, requires_grad=True) for a in (*params, hs)]
    *weights, h = tensors
    square = torch.tensor(rng.normal(size=(4, 4)), requires_grad=True)
    pairs = [
        (penalties.l1(params, 0.3), 0.3 * sum(w.abs().sum() for w in weights), weights),
        (penalties.l2(params, 0.3), 0.15 * sum(w.pow(2).sum() for w in weights), weights),
        (penalties.activation(hs, 0.3), 0.3 * h.pow(2).mean(), [h]),
        (penalties.temporal(hs, 0.3), 0.3 * (h[1:] - h[:-1]).pow(2).mean(), [h]),
        (
            penalties.orthogonality(square.detach().numpy(), 0.3),
            0.075 * torch.linalg.matrix_norm(square.T @ square - torch.eye(4)) ** 2,
            [square],
        ),
    ]
    for (value, grads), want, wrt in pairs:
        assert_close(np.array(value), want.detach().numpy(), rtol=1e-13)
        got = tuple(leaves(grads))
        assert_close(got, tuple(g.numpy() for g in torch.autograd.grad(want, wrt)), rtol=1e-12)


def test_under_gradient_descent_half_the_squares_are_the_weight_decay_of_torch():
    rng, params, _, _ = example((1, 1, 2, 4), seed=1)
    tensors = [torch.tensor(a) for a in params]
    peer, sgd = torch.optim.SGD(tensors, lr=0.1, weight_decay=0.3), optim.SGD(0.1)
    for _ in range(20):
        grads = random_like(rng, params)
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.tensor(g)
        peer.step()
        _, decay = penalties.l2(params, 0.3)
        params, _ = sgd.update(params, tree_map(np.add, grads, decay))
    assert_close(tuple(params), tuple(t.numpy() for t in tensors), rtol=1e-12)


def test_at_zero_the_absolute_value_has_no_slope():
    value, grad = penalties.l1(np.array([-2.0, 0.0, -0.0, 0.5]), 0.3)
    assert value == 0.75
    np.testing.assert_array_equal(grad, [-0.3, 0, 0, 0.3])
    zero = np.zeros(3)
    assert directional_derivative(lambda p: penalties.l1(p, 0.3)[0], (zero,), (zero + 1,)) == 0


def test_orthogonal_matrices_and_they_alone_cost_nothing():
    rng = np.random.default_rng(2)
    Q = init.orthogonal(rng, (5, 5))
    value, grad = penalties.orthogonality(Q, 0.3)
    np.testing.assert_allclose(value, 0, atol=1e-28)
    np.testing.assert_allclose(grad, 0, atol=1e-14)
    assert penalties.orthogonality(1.1 * Q, 0.3)[0] > 0.01
    W = 0.5 * rng.normal(size=(5, 5))
    for _ in range(2000):
        W = W - penalties.orthogonality(W, 0.05)[1]
    np.testing.assert_allclose(W.T @ W, np.eye(5), atol=1e-6)


def test_states_that_do_not_change_cost_nothing_over_time():
    hs = np.broadcast_to(np.random.default_rng(3).normal(size=(3, 4)), (6, 3, 4))
    value, grad = penalties.temporal(hs, 0.7)
    assert value == 0 and not grad.any()
    value, grad = penalties.temporal(np.random.default_rng(3).normal(size=(1, 3, 4)), 0.7)
    assert value == 0 and grad.shape == (1, 3, 4) and not grad.any()  # no change in one step


def test_one_change_alone_costs_its_square():
    hs = np.array([3.0, 5.0]).reshape(2, 1, 1)
    value, grad = penalties.temporal(hs, 0.7)
    np.testing.assert_allclose([value, *grad.ravel()], [0.7 * 4, -2.8, 2.8], rtol=1e-14)


def test_at_a_rate_of_zero_nothing_costs():
    _, params, hs, _ = example((3, 2, 2, 4), seed=6)
    for value, grads in [
        *(penalty(params, 0) for penalty in ON_PARAMS),
        *(penalty(hs, 0) for penalty in ON_STATES),
        penalties.orthogonality(params.W_h[:4], 0),
    ]:
        assert value == 0 and not any(g.any() for g in leaves(grads))


@each_on_states
@for_any_size
@given(SIZES, SEEDS, st.sampled_from([-7.5, 1e300, np.inf, np.nan]))
def test_what_the_mask_hides_changes_nothing(penalty, size, seed, anything):
    _, _, hs, mask = example(size, seed)
    value, grad = penalty(hs, 0.7, mask)
    other = np.where(mask[..., None], hs, anything)
    assert_close(penalty(other, 0.7, mask), (value, grad), rtol=0)
    assert not grad[~mask].any()


@each_on_states
def test_hiding_padding_is_cutting_it_off(penalty):
    _, _, hs, _ = example((6, 3, 2, 4), seed=4)
    mask = np.broadcast_to((np.arange(6) < 4)[:, None], (6, 3))
    value, grad = penalty(hs, 0.7, mask)
    assert_close((value, grad[:4]), penalty(hs[:4], 0.7), rtol=1e-14)


def test_float32_stays_float32():
    _, params, hs, mask = example((5, 3, 2, 4), seed=5)
    params, hs = tree_map(np.float32, (params, hs))
    results = [
        *(penalty(params, 0.3) for penalty in ON_PARAMS),
        *(penalty(hs, 0.3, mask) for penalty in ON_STATES),
        penalties.orthogonality(hs[0].T @ hs[0], 0.3),
        penalties.recurrent(penalties.l1, params, 0.3),
    ]
    assert {a.dtype for a in leaves(tuple(results))} == {np.dtype(np.float32)}


HS, MASK = np.ones((4, 2, 3)), np.ones((4, 2), bool)
PARAMS = elman.init(np.random.default_rng(0), 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: penalties.l1(PARAMS, -0.1), "rate: got -0.1, expected a finite number, not"),
        (lambda: penalties.l2(PARAMS, np.nan), "rate: got nan, expected a finite number, not"),
        (lambda: penalties.orthogonality(PARAMS.W_h, np.inf), "rate: got inf, expected a finite"),
        (lambda: penalties.activation(HS, -1), "rate: got -1, expected a finite number, not"),
        (lambda: penalties.temporal(HS, -1), "rate: got -1, expected a finite number, not"),
        (lambda: penalties.l1([0.5], 1), "params: got list, expected an array"),
        (lambda: penalties.orthogonality([[0.5]], 1), "W: got list, expected an array"),
        (lambda: penalties.activation([[[0.5]]], 1), "hs: got list, expected an array"),
        (
            lambda: penalties.l2(PARAMS._replace(b=np.arange(3)), 1),
            "params.b: got dtype int64, expected a floating dtype",
        ),
        (lambda: penalties.orthogonality(PARAMS.W_x, 1), "W: got shape (3, 2), expected (H, H)"),
        (
            lambda: penalties.recurrent(penalties.l2, PARAMS.b, 1),
            "params: got ndarray, expected parameters with a W_h",
        ),
        (lambda: penalties.activation(HS[0], 1), "hs: got shape (2, 3), expected (T, B, H)"),
        (lambda: penalties.temporal(HS[:0], 1), "hs: got T = 0 steps, expected at least 1"),
        (lambda: penalties.activation(HS, 1, MASK.T), "mask: got shape (2, 4), expected (4, 2)"),
        (lambda: penalties.temporal(HS, 1, MASK / 1), "mask: got dtype float64, expected bool"),
        (
            lambda: penalties.activation(HS, 1, ~MASK),
            "mask: got no step that counts, expected at least one",
        ),
    ],
)
def test_what_cannot_be_penalised_is_refused(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value).startswith(message)
