"""A recurrence within segments and a slower one over their summaries."""

import numpy as np
import pytest
from helpers import RTOL, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.reference import bptt, elman, lstm, segments
from rnnlib.reference.ops import leaves, tree_map

SIZES = st.tuples(*[st.integers(1, 4)] * 6)  # segments, K, B, D, H, units of the slow cell
SEEDS = st.integers(0, 2**16)
PAIRS = [(elman, elman), (lstm, elman), (elman, lstm)]

for_some_pairs = pytest.mark.parametrize(
    "cells", PAIRS, ids=lambda cells: "-".join(cell.__name__.split(".")[-1] for cell in cells)
)
for_any_size = settings(deadline=None, derandomize=True, max_examples=15)


def example(cells, C, K, B, D, H, G, seed):
    """Random generator, parameters, inputs and first state."""
    (fast, slow), rng = cells, np.random.default_rng(seed)
    params = segments.Params(fast.init(rng, D, H), slow.init(rng, H, G))
    params = random_like(rng, params)
    state = random_like(rng, slow.zero_state(params.slow, B))
    return rng, params, rng.normal(size=(C * K, B, D)), state


@for_some_pairs
@for_any_size
@given(SIZES, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(cells, size, seed):
    rng, params, xs, state = example(cells, *size, seed)
    gs, last, cache = segments.forward(*cells, params, xs, state, size[1])
    u, w = rng.normal(size=gs.shape), random_like(rng, last)

    def loss(params, xs, state):
        gs, last, _ = segments.forward(*cells, params, xs, state, size[1])
        return (u * gs).sum() + dot(w, last)

    grads = segments.backward(*cells, params, cache, u, w)
    assert gradient_error(loss, (params, xs, state), grads, rng) <= RTOL


@for_some_pairs
@for_any_size
@given(SIZES, SEEDS)
def test_the_summaries_are_those_of_segments_run_one_by_one(cells, size, seed):
    C, K, B, *_ = size
    fast, slow = cells
    _, params, xs, state = example(cells, *size, seed)
    summaries = []
    for c in range(C):
        zero = fast.zero_state(params.fast, B)
        summaries.append(bptt.forward(fast, params.fast, xs[c * K : (c + 1) * K], zero)[1].h)
    want = bptt.forward(slow, params.slow, np.stack(summaries), state)[:2]
    assert_close(segments.forward(*cells, params, xs, state, K)[:2], want)


@for_some_pairs
@for_any_size
@given(SIZES, SEEDS)
def test_an_input_reaches_its_own_segment_and_later_ones(cells, size, seed):
    C, K, *_ = size
    rng, params, xs, state = example(cells, *size, seed)
    t = int(rng.integers(C * K))
    other = xs.copy()
    other[t] += 1
    moved, still = (segments.forward(*cells, params, a, state, K)[0] for a in (other, xs))
    changed = (moved != still).any(axis=(1, 2))
    assert not changed[: t // K].any()
    assert changed[t // K]


def test_nothing_is_changed_in_place():
    cells = elman, lstm
    rng, params, xs, state = example(cells, 3, 2, 2, 3, 4, 5, seed=0)
    gs, last, cache = segments.forward(*cells, params, xs, state, 2)
    u, w = rng.normal(size=gs.shape), random_like(rng, last)
    given = params, xs, state, u, w
    before = tree_map(np.copy, given)
    segments.backward(*cells, params, cache, u, w)
    for got, want in zip(leaves(given), leaves(before), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("K", [0, -2, 4, 2.0, None])
def test_what_does_not_divide_the_sequence_is_refused(K):
    cells = elman, elman
    _, params, xs, state = example(cells, 3, 2, 2, 3, 4, 5, seed=1)
    message = f"K: got {K}, expected a positive integer that divides T = 6"
    with pytest.raises(ValueError, match=message):
        segments.forward(*cells, params, xs, state, K)
    with pytest.raises(ValueError, match="xs: got T = 0 steps"):
        segments.forward(*cells, params, xs[:0], state, 2)
