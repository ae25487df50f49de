"""Truncated and checkpointed backpropagation through time."""

from math import ceil, sqrt

import numpy as np
import pytest
from helpers import RTOL, assert_close, example
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.reference import bptt, elman, lstm, truncated
from rnnlib.reference.ops import add, leaves, tree_map, zeros_like

CELLS = [elman, lstm]
SIZES = st.tuples(st.integers(1, 12), *[st.integers(1, 4)] * 3)  # T, B, D, H
CHUNKS = st.integers(1, 14)
SEEDS = st.integers(0, 2**16)

for_some_cells = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
for_any_size = settings(deadline=None, derandomize=True, max_examples=20)


def run(cell, size, seed):
    """What bptt gives for a random example, and random cotangents."""
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    return rng, params, xs, state, caches, rng.normal(size=hs.shape), random_like(rng, last)


def truncated_error(module, cell, T, B, D, H, K, seed):
    """Relative error of the gradient of a loss whose states pass from chunk to chunk as numbers."""
    rng, params, xs, state, caches, u, w = run(cell, (T, B, D, H), seed)

    def loss(params, xs, state):
        carried, total = state, 0
        for c in range(0, T, K):
            hs, carried, _ = bptt.forward(cell, params, xs[c : c + K], carried)
            total, end = total + (u[c : c + K] * hs).sum(), carried
            carried = tree_map(np.real, carried)  # detach: the complex step stops here
        return total + dot(w, end)

    grads = module.backward(cell, params, caches, u, w, K)
    return gradient_error(loss, (params, xs, state), grads, rng)


@for_some_cells
@for_any_size
@given(SIZES, CHUNKS, SEEDS)
def test_backward_is_the_transpose_of_the_derivative_with_detached_states(cell, size, K, seed):
    assert truncated_error(truncated, cell, *size, K, seed) <= RTOL


@for_some_cells
@for_any_size
@given(SIZES, SEEDS)
def test_a_chunk_as_long_as_the_sequence_gives_bptt(cell, size, seed):
    _, params, _, _, caches, u, w = run(cell, size, seed)
    want = bptt.backward(cell, params, caches, u, w)
    for K in (size[0], size[0] + 1, 1000):
        got = truncated.backward(cell, params, caches, u, w, K)
        tree_map(np.testing.assert_array_equal, got, want)


@for_some_cells
@for_any_size
@given(SIZES, CHUNKS, SEEDS)
def test_the_gradient_is_the_sum_over_chunks_run_one_by_one(cell, size, K, seed):
    _, params, xs, state, caches, u, w = run(cell, size, seed)
    total, dxs, first = zeros_like(params), [], None
    for c in range(0, size[0], K):  # detach and carry: each chunk knows the state before it alone
        _, state, kept = bptt.forward(cell, params, xs[c : c + K], state)
        dlast = w if c + K >= size[0] else zeros_like(w)
        dparams, dx, dstate = bptt.backward(cell, params, kept, u[c : c + K], dlast)
        total, dxs, first = add(total, dparams), [*dxs, dx], first or dstate
    got = truncated.backward(cell, params, caches, u, w, K)
    assert_close(got, (total, np.concatenate(dxs), first))


@for_some_cells
@for_any_size
@given(SIZES, CHUNKS, SEEDS)
def test_nothing_crosses_a_cut(cell, size, K, seed):
    rng, params, _, _, caches, u, w = run(cell, (size[0] + K, *size[1:]), seed)
    other = np.concatenate([u[:K], rng.normal(size=u[K:].shape)])
    first, second = (truncated.backward(cell, params, caches, d, w, K) for d in (u, other))
    np.testing.assert_array_equal(first[1][:K], second[1][:K])
    tree_map(np.testing.assert_array_equal, first[2], second[2])
    assert not np.array_equal(first[1][K:], second[1][K:])


@for_some_cells
@for_any_size
@given(SIZES, CHUNKS, SEEDS)
def test_checkpoints_give_the_gradient_of_bptt_bit_by_bit(cell, size, K, seed):
    _, params, xs, state, caches, u, w = run(cell, size, seed)
    want = bptt.forward(cell, params, xs, state)[:2], bptt.backward(cell, params, caches, u, w)
    for chunk in (K, None):
        hs, last, kept = truncated.forward_checkpointed(cell, params, xs, state, chunk)
        got = (hs, last), bptt.backward(cell, params, kept, u, w)
        tree_map(np.testing.assert_array_equal, got, want)
    for t in range(-size[0], size[0]):
        tree_map(np.testing.assert_array_equal, kept[t], caches[t])
    tree_map(np.testing.assert_array_equal, tuple(kept[1:]), tuple(caches[1:]))
    with pytest.raises(IndexError):
        kept[size[0]]


class Counted:
    """A cell whose caches, and calls of step, are counted."""

    def __init__(self, cell):
        self.cell, self.live, self.peak, self.steps = cell, 0, 0, 0

    def step(self, params, x, state):
        state, cache = self.cell.step(params, x, state)
        self.steps += 1
        return state, Kept(self, cache)

    def step_backward(self, params, kept, dstate):
        return self.cell.step_backward(params, kept.cache, dstate)


class Kept:
    """A cache that tells when it is made and when it is gone."""

    def __init__(self, counter, cache):
        self.counter, self.cache = counter, cache
        counter.live += 1
        counter.peak = max(counter.peak, counter.live)

    def __del__(self):
        self.counter.live -= 1


@pytest.mark.parametrize("T", [1, 2, 3, 10, 16, 17, 99, 100, 101, 400])
def test_no_more_than_two_roots_of_T_states_and_caches_live_at_a_time(T):
    rng, params, xs, state = example(elman, T, 2, 3, 4, seed=0)
    u, w = rng.normal(size=(T, 2, 4)), random_like(rng, state)
    counted = Counted(elman)
    _, _, caches = bptt.forward(counted, params, xs, state)
    bptt.backward(counted, params, caches, u, w)
    assert (counted.peak, counted.steps) == (T, T)
    del caches

    counted = Counted(elman)
    _, _, kept = truncated.forward_checkpointed(counted, params, xs, state)
    assert counted.live == 0
    bptt.backward(counted, params, kept, u, w)
    assert counted.peak <= ceil(sqrt(T)) + 1
    assert counted.peak + len(kept.states) <= 2 * sqrt(T) + 3
    assert counted.steps == 2 * T  # one more forward pass
    assert counted.live == 0


def test_the_root_is_the_best_size_of_a_chunk():
    _, params, xs, state = example(elman, 144, 1, 1, 1, seed=1)

    def cost(K):
        kept = truncated.forward_checkpointed(elman, params, xs, state, K)[2]
        return len(kept.states) + len(kept.chunk(0))

    assert (
        min(range(1, 145), key=cost)
        == 12
        == truncated.forward_checkpointed(elman, params, xs, state)[2].K
    )


def test_nothing_is_changed_in_place():
    _, params, xs, state, caches, u, w = run(lstm, (7, 2, 3, 4), seed=2)
    given = params, xs, state, tuple(caches), u, w
    before = tree_map(np.copy, given)
    truncated.backward(lstm, params, caches, u, w, 3)
    bptt.backward(lstm, params, truncated.forward_checkpointed(lstm, params, xs, state)[2], u, w)
    for got, want in zip(leaves(given), leaves(before), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("K", [0, -3, 2.0, None, float("nan")])
def test_what_is_no_size_of_a_chunk_is_refused(K):
    _, params, xs, state, caches, u, w = run(elman, (7, 2, 3, 4), seed=3)
    with pytest.raises(ValueError, match=f"K: got {K}, expected a positive integer"):
        truncated.backward(elman, params, caches, u, w, K)
    if K is not None:
        with pytest.raises(ValueError, match=f"K: got {K}, expected a positive integer"):
            truncated.forward_checkpointed(elman, params, xs, state, K)


def test_what_is_no_sequence_is_refused():
    _, params, xs, state, caches, u, w = run(elman, (7, 2, 3, 4), seed=4)
    for caches_, dhs, dstate, message in [
        ([], u, w, "caches: got T = 0 steps, expected at least 1"),
        (caches, u[1:], w, "dhs: got shape (6, 2, 4), expected (T, B, H) with T = 7"),
        (caches, np.concatenate([u, u]), w, "dhs: got shape (14, 2, 4), expected (T, B, H)"),
        (caches, u, tuple(w), "dstate: got tuple, expected a NamedTuple"),
    ]:
        with pytest.raises(ValueError) as error:
            truncated.backward(elman, params, caches_, dhs, dstate, 3)
        assert str(error.value).startswith(message)
    for xs_, state_, message in [
        (xs[:0], state, "xs: got T = 0 steps, expected at least 1"),
        (xs[0], state, "xs: got shape (2, 3), expected (T, B, D) with D = 3"),
        (xs, elman.State(state.h[:1]), "state.h: got shape (1, 4), expected (B, H)"),
    ]:
        with pytest.raises(ValueError) as error:
            truncated.forward_checkpointed(elman, params, xs_, state_)
        assert str(error.value).startswith(message)
