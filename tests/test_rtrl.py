"""Real-time recurrent learning."""

import numpy as np
from helpers import RTOL, SIZES, assert_close, example
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import gradient_error
from rnnlib.reference import bptt, elman, rtrl
from rnnlib.reference.ops import leaves, tree_map, zeros_like

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


@for_any_size
@given(SIZES, SEEDS)
def test_the_forward_gradient_is_the_backward_gradient(size, seed):
    rng, params, xs, state = example(elman, *size, seed)
    hs, last, caches = bptt.forward(elman, params, xs, state)
    u = rng.normal(size=hs.shape)
    want, _, _ = bptt.backward(elman, params, caches, u, zeros_like(last))
    got, _ = rtrl.gradient(params, xs, state, u)
    assert_close(got, want)


@for_any_size
@given(SIZES, SEEDS)
def test_the_influence_is_the_derivative_of_the_last_state(size, seed):
    rng, params, xs, state = example(elman, *size, seed)
    T, B, D, H = size
    u = rng.normal(size=(B, H))
    _, S = rtrl.gradient(params, xs, state, np.zeros((T, B, H)))
    dW_x, dW_h, db = np.split(np.einsum("bi,bijk->jk", u, S), [D, D + H], axis=1)

    def loss(params):
        return (u * bptt.forward(elman, params, xs, state)[1].h).sum()

    grads = (elman.Params(dW_x, dW_h, db[:, 0]),)
    assert gradient_error(loss, (params,), grads, rng) <= RTOL


def test_float32_stays_float32():
    rng, params, xs, state = example(elman, 5, 2, 3, 4, seed=0)
    u = rng.normal(size=(5, 2, 4))
    got = rtrl.gradient(*tree_map(np.float32, (params, xs, state, u)))
    assert {a.dtype for a in leaves(got)} == {np.dtype(np.float32)}
    assert_close(tree_map(np.float64, got), rtrl.gradient(params, xs, state, u), rtol=1e-5)
