"""Layer normalisation: its gradient, what it forgets, and torch's own."""

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close, layer_norm_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import random_like
from rnnlib.reference import layer_norm

SEEDS = st.integers(0, 2**16)
SHAPES = st.lists(st.integers(1, 4), max_size=3)
for_any_shape = settings(deadline=None, derandomize=True, max_examples=50)


@for_any_shape
@given(SHAPES, st.integers(1, 6), SEEDS)
def test_backward_is_the_transpose_of_the_derivative(shape, H, seed):
    assert layer_norm_error(layer_norm, shape, H, seed) <= RTOL


@for_any_shape
@given(SHAPES, st.integers(3, 6), SEEDS)
def test_what_is_normalised_has_mean_zero_and_variance_one(shape, H, seed):
    x = np.random.default_rng(seed).normal(size=(*shape, H))
    x_hat, s = layer_norm.normalise(x, eps=0)
    np.testing.assert_allclose(x_hat.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(x_hat.var(-1), 1, rtol=1e-12)
    np.testing.assert_allclose(1 / s[..., 0], x.std(-1), rtol=1e-12)


@for_any_shape
@given(SHAPES, st.integers(3, 6), SEEDS, st.floats(0.1, 10), st.floats(-10, 10))
def test_a_vector_may_be_scaled_and_shifted(shape, H, seed, factor, shift):
    x = np.random.default_rng(seed).normal(size=(*shape, H))
    got, _ = layer_norm.normalise(factor * x + shift, eps=0)
    np.testing.assert_allclose(got, layer_norm.normalise(x, eps=0)[0], atol=1e-10)


def test_where_all_inputs_are_equal_nothing_is_left():
    np.testing.assert_array_equal(layer_norm.normalise(np.full((2, 4), 3.0))[0], 0)


@pytest.mark.parametrize("eps", [layer_norm.EPS, 0.1])
def test_values_and_gradients_agree_with_torch(eps):
    rng = np.random.default_rng(0)
    params, (xs, u) = random_like(rng, layer_norm.init(4)), rng.normal(size=(2, 5, 3, 4))
    gamma, beta, xs_t = (torch.tensor(a, requires_grad=True) for a in (*params, xs))
    ys = torch.nn.functional.layer_norm(xs_t, (4,), gamma, beta, eps)
    (ys * torch.tensor(u)).sum().backward()
    assert_close(layer_norm.forward(params, xs, eps), ys.detach().numpy(), rtol=1e-12)
    dparams, dxs = layer_norm.backward(params, xs, u, eps)
    want = gamma.grad.numpy(), beta.grad.numpy(), xs_t.grad.numpy()
    assert_close((*dparams, dxs), want, rtol=1e-12)


def test_float32_stays_float32():
    rng = np.random.default_rng(1)
    params = layer_norm.Params(*np.float32(rng.normal(size=(2, 4))))
    xs = np.float32(rng.normal(size=(5, 4)))
    dparams, dxs = layer_norm.backward(params, xs, xs)
    values = layer_norm.forward(params, xs), *dparams, dxs
    assert {a.dtype for a in values} == {np.dtype(np.float32)}
