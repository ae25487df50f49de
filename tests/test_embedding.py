"""The embedding: a matrix that is read row by row."""

import numpy as np
import torch
from helpers import RTOL, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import embedding_error

from rnnlib.reference import embedding

AXES = st.lists(st.integers(1, 4), max_size=3).map(tuple)  # what symbols stand in
SIZE = st.integers(1, 5)
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True)


def example(shape, V, D, seed):
    """Parameters, symbols, many of them repeated, and a gradient for each vector."""
    rng = np.random.default_rng(seed)
    params, symbols = embedding.init(rng, V, D), rng.integers(V, size=shape)
    return params, symbols, rng.normal(size=(*shape, D))


@for_any_size
@given(AXES, SIZE, SIZE, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(shape, V, D, seed):
    assert embedding_error(embedding, shape, V, D, seed) <= RTOL


@for_any_size
@given(AXES, SIZE, SIZE, SEEDS)
def test_looking_up_is_the_product_with_a_one_hot_vector(shape, V, D, seed):
    params, symbols, dxs = example(shape, V, D, seed)
    onehot = np.eye(V)[symbols]
    assert_close(embedding.forward(params, symbols), onehot @ params.E, rtol=1e-15)
    want = np.tensordot(onehot, dxs, axes=(range(len(shape)), range(len(shape))))
    assert_close(embedding.backward(params, symbols, dxs).E, want, rtol=1e-14)


def test_values_and_gradients_are_those_of_torch():
    params, symbols, dxs = example((6, 4), V=5, D=3, seed=0)
    E = torch.tensor(params.E, requires_grad=True)
    xs = torch.nn.functional.embedding(torch.tensor(symbols), E)
    xs.backward(torch.tensor(dxs))
    assert_close(embedding.forward(params, symbols), xs.detach().numpy(), rtol=0)
    assert_close(embedding.backward(params, symbols, dxs).E, E.grad.numpy(), rtol=1e-14)


def test_what_is_read_twice_gets_both_gradients_and_what_is_not_read_none():
    params, _, dxs = example((3,), V=4, D=2, seed=1)
    dE = embedding.backward(params, np.array([2, 0, 2]), dxs).E
    assert_close(dE, np.stack([dxs[1], [0, 0], dxs[0] + dxs[2], [0, 0]]), rtol=1e-15)


def test_padding_without_a_gradient_changes_none():
    """A loss that hides padding sends zero into it, whatever symbol stands there."""
    params, symbols, dxs = example((5, 2), V=4, D=3, seed=2)
    dxs[3:, 1] = 0
    other = symbols.copy()
    other[3:, 1] = 3 - symbols[3:, 1]
    got, want = (embedding.backward(params, s, dxs).E for s in (other, symbols))
    np.testing.assert_array_equal(got, want)


def test_float32_stays_float32():
    params, symbols, dxs = example((5, 2), V=4, D=3, seed=3)
    params, dxs = embedding.Params(np.float32(params.E)), np.float32(dxs)
    assert embedding.forward(params, symbols).dtype == np.float32
    assert embedding.backward(params, symbols, dxs).E.dtype == np.float32
