"""Attention: gradients, masks, and torch's own."""

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import additive_error, attention_example, dot_error

from rnnlib.check import random_like
from rnnlib.reference import attention
from rnnlib.reference.ops import tree_map

SIZES = st.tuples(*[st.integers(1, 4)] * 5)  # N, T, B, D, V
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=50)


def additive_params(rng, D, H, K):
    """Parameters with nothing small in them."""
    return random_like(rng, attention.init(rng, D, H, K))


def both(seed, N=5, T=4, B=3, D=2, V=3):
    """The two kinds, each as forward and backward of queries, keys, values and mask."""
    rng = np.random.default_rng(seed)
    params = additive_params(rng, D, D, K=6)

    def backward(cache, dys):
        return attention.additive_backward(params, cache, dys)

    example = attention_example(rng, N, T, B, D, D, V)
    kinds = [
        (attention.dot, attention.dot_backward),
        (lambda *args: attention.additive(params, *args), backward),
    ]
    return rng, example, kinds


@for_any_size
@given(SIZES, SEEDS)
def test_dot_backward_is_the_transpose_of_the_derivative(sizes, seed):
    assert dot_error(attention, *sizes, seed) <= RTOL


@for_any_size
@given(SIZES, SEEDS)
def test_additive_backward_is_the_transpose_of_the_derivative(sizes, seed):
    assert additive_error(attention, *sizes, seed) <= RTOL


def of_torch(queries, keys, values, mask):
    """Torch's own attention, which wants the batch first."""
    q, k, v = (a.transpose(0, 1) for a in (queries, keys, values))
    seen = None if mask is None else mask.transpose(0, 1)
    ys = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    return ys.transpose(0, 1)


@pytest.mark.parametrize("masked", [False, True])
def test_dot_is_the_scaled_dot_product_attention_of_torch(masked):
    rng = np.random.default_rng(0)
    *args, mask = attention_example(rng, N=5, T=4, B=3, D=6, H=6, V=2)
    mask = mask if masked else None
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    want = of_torch(*tensors, None if mask is None else torch.tensor(mask))
    ys, cache = attention.dot(*args, mask)
    assert_close(ys, want.detach().numpy(), rtol=1e-12)
    u = rng.normal(size=ys.shape)
    want.backward(torch.tensor(u))
    grads = attention.dot_backward(cache, u)
    assert_close(grads, tuple(t.grad.numpy() for t in tensors), rtol=1e-12)


@for_any_size
@given(SIZES, SEEDS)
def test_additive_scores_are_a_layer_read_out_for_each_pair(sizes, seed):
    """Query by query and key by key, in torch."""
    N, T, B, D, V = sizes
    rng = np.random.default_rng(seed)
    *args, mask = attention_example(rng, N, T, B, D, D + 1, V)
    params = additive_params(rng, D, D + 1, K=3)
    (W_q, W_k, w), q, k, v = tree_map(torch.tensor, (params, *args))
    ys, cache = attention.additive(params, *args, mask)
    for n in range(N):
        for b in range(B):
            scores = [w @ torch.tanh(W_q @ q[n, b] + W_k @ k[t, b]) for t in range(T)]
            seen = np.flatnonzero(mask[n, b])
            alpha = torch.softmax(torch.stack(scores)[seen], 0)
            assert_close(ys[n, b], (alpha @ v[seen, b]).numpy(), rtol=1e-12)
            assert_close(cache.weights[n, b, seen], alpha.numpy(), rtol=1e-12)


@for_any_size
@given(SIZES, SEEDS)
def test_weights_are_shares_of_what_is_seen(sizes, seed):
    N, T, B, D, V = sizes
    _, (*args, mask), kinds = both(seed, N, T, B, D, V)
    for forward, _ in kinds:
        weights = forward(*args, mask)[1].weights
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-14)
        assert not weights[~mask].any()
        assert (weights[mask] > 0).all()


@pytest.mark.parametrize("anything", [-7.5, 1e300, np.inf, np.nan])
def test_what_the_mask_hides_changes_nothing(anything):
    rng, (queries, keys, values, _), kinds = both(seed=1)
    lengths = np.array([4, 2, 1])
    mask = np.arange(4) < lengths[:, None]  # (B, T), for every query
    hidden = ~mask.T[..., None]
    other = queries, np.where(hidden, anything, keys), np.where(hidden, anything, values)
    for forward, backward in kinds:
        ys, cache = forward(queries, keys, values, mask)
        u = rng.normal(size=ys.shape)
        got, seen = forward(*other, mask)
        assert_close(got, ys, rtol=0)
        want = backward(cache, u)
        assert_close(backward(seen, u), want, rtol=0)
        for grad in want[-2:]:
            assert not grad[hidden[..., 0]].any()


def test_hiding_padding_is_cutting_it_off():
    rng, (queries, keys, values, _), kinds = both(seed=2)
    mask = np.broadcast_to(np.arange(4) < 3, (3, 4))
    for forward, backward in kinds:
        ys, cache = forward(queries, keys, values, mask)
        want, cut = forward(queries, keys[:3], values[:3])
        assert_close(ys, want, rtol=1e-14)
        u = rng.normal(size=ys.shape)
        *rest, dkeys, dvalues = backward(cache, u)
        *want, dk, dv = backward(cut, u)
        assert_close((*rest, dkeys[:3], dvalues[:3]), (*want, dk, dv), rtol=1e-14)


def test_a_causal_mask_hides_the_future():
    _, (queries, keys, values, _), kinds = both(seed=3, N=4, T=4)
    causal = np.tril(np.ones((4, 4), dtype=bool))[:, None]
    for forward, _ in kinds:
        ys, _ = forward(queries, keys, values, causal)
        for n in range(4):
            want, _ = forward(queries[n : n + 1], keys[: n + 1], values[: n + 1])
            assert_close(ys[n : n + 1], want, rtol=1e-14)


def test_the_order_of_the_keys_does_not_matter_and_a_batch_may_be_permuted():
    rng, (queries, keys, values, mask), kinds = both(seed=4)
    t, b = rng.permutation(4), rng.permutation(3)
    for forward, _ in kinds:
        ys, _ = forward(queries, keys, values, mask)
        assert_close(forward(queries, keys[t], values[t], mask[..., t])[0], ys, rtol=1e-14)
        got, _ = forward(queries[:, b], keys[:, b], values[:, b], mask[:, b])
        assert_close(got, ys[:, b], rtol=1e-14)


def test_scores_of_a_thousand_do_not_overflow():
    queries, keys = np.full((1, 1, 1), 1000.0), np.array([[[1.0]], [[-1.0]]])
    ys, cache = attention.dot(queries, keys, np.array([[[0.5]], [[7.0]]]))
    assert ys == 0.5
    np.testing.assert_array_equal(cache.weights, [[[1, 0]]])


def test_float32_stays_float32():
    rng, (*args, mask), _ = both(seed=5)
    params = tree_map(np.float32, additive_params(rng, 2, 2, K=3))
    args = [np.float32(a) for a in args]
    ys, cache = attention.dot(*args, mask)
    zs, other = attention.additive(params, *args, mask)
    dparams, *rest = attention.additive_backward(params, other, zs)
    arrays = [ys, *cache, *attention.dot_backward(cache, ys), zs, *other, *dparams, *rest]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_a_query_that_may_look_nowhere_is_refused():
    _, (*args, mask), kinds = both(seed=6)
    mask[2, 1] = False
    for forward, _ in kinds:
        with pytest.raises(ValueError, match="mask: got a query that may look nowhere, expected"):
            forward(*args, mask)
