"""Decoding a random network: against its definition, and against all sequences there are."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import random_like
from rnnlib.reference import decode, elman, linear, narrow
from rnnlib.reference.ops import logsumexp, softmax

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


def network(V, seed, scale=2.0):
    """A random Elman network over V symbols, as a function of the last one and a state."""
    rng = np.random.default_rng(seed)
    cell = random_like(rng, elman.init(rng, V, 4))
    readout = random_like(rng, linear.init(rng, 4, V))
    readout, h = readout._replace(W_y=scale * readout.W_y), rng.normal(size=4)

    def step(symbols, state):
        state, _ = elman.step(cell, np.eye(V)[symbols], state)
        return linear.forward(readout, state.h), state

    return step, lambda B: elman.State(np.tile(h, (B, 1)))


def log_probs(step, start, state, symbols):
    """Log-probability of every symbol of one sequence, step by step."""
    found, last = [], start
    for y in symbols:
        logits, state = step(np.array([last]), state)
        found.append((logits - logsumexp(logits))[0, y])
        last = y
    return np.array(found)


def complete(V, end, max_length):
    """All sequences that end with the end symbol, or are as long as may be without it."""
    others = [y for y in range(V) if y != end]
    for n in range(max_length):
        yield from ((*ys, end) for ys in product(others, repeat=n))
    yield from product(others, repeat=max_length)


@for_any_size
@given(st.integers(1, 4), st.integers(2, 5), st.integers(1, 6), SEEDS)
def test_greedy_takes_the_best_symbol_until_the_end(B, V, max_length, seed):
    step, state = network(V, seed)
    start = np.random.default_rng(seed).integers(V, size=B)
    got = decode.greedy(step, start, state(B), end=0, max_length=max_length)
    for k in range(B):
        s, last, want, total = state(1), start[k], [], 0.0
        while not (want and last == 0) and len(want) < max_length:
            logits, s = step(np.array([last]), s)
            last = max(range(V), key=lambda y: logits[0, y])
            want.append(last)
            total += np.log(softmax(logits)[0, last])
        assert got.symbols[: len(want), k].tolist() == want
        assert (got.symbols[len(want) :, k] == 0).all()
        assert got.lengths[k] == len(want)
        np.testing.assert_allclose(got.log_probs[k], total, rtol=1e-12, atol=1e-14)


@for_any_size
@given(st.integers(2, 5), st.integers(1, 7), st.floats(0, 2), SEEDS)
def test_a_beam_of_width_one_is_greedy(V, max_length, alpha, seed):
    step, state = network(V, seed)
    (best,) = decode.beam(step, 1, state(1), 0, max_length, width=1, alpha=alpha)
    want = decode.greedy(step, np.array([1]), state(1), 0, max_length)
    assert list(best.symbols) == want.symbols[: want.lengths[0], 0].tolist()
    np.testing.assert_allclose(best.log_prob, want.log_probs[0], rtol=1e-12, atol=1e-14)


@for_any_size
@given(st.integers(2, 4), st.integers(1, 4), st.sampled_from([0.0, 0.6, 2.0]), SEEDS)
def test_a_beam_of_full_width_finds_the_best_of_all_sequences(V, max_length, alpha, seed):
    step, state = network(V, seed, scale=0.5)
    found = decode.beam(step, 1, state(1), 0, max_length, width=V**max_length, alpha=alpha)
    want = {}
    for ys in complete(V, 0, max_length):
        want[ys] = log_probs(step, 1, state(1), ys).sum() / ((5 + len(ys)) / 6) ** alpha
    assert {h.symbols for h in found} == set(want)
    scores = [h.score for h in found]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, [want[h.symbols] for h in found], rtol=1e-12)
    np.testing.assert_allclose(scores[0], max(want.values()), rtol=1e-12)
    np.testing.assert_allclose(sum(np.exp(h.log_prob) for h in found), 1, rtol=1e-12)


@for_any_size
@given(st.integers(2, 5), st.integers(2, 6), st.integers(1, 6), SEEDS)
def test_a_beam_returns_distinct_sequences_with_their_own_probability(V, max_length, width, seed):
    step, state = network(V, seed)
    found = decode.beam(step, 1, state(1), 0, max_length, width, alpha=0.7)
    assert len({h.symbols for h in found}) == len(found) <= width
    for h in found:
        assert 0 not in h.symbols[:-1]
        assert h.symbols[-1] == 0 or len(h.symbols) == max_length
        want = log_probs(step, 1, state(1), h.symbols).sum()
        np.testing.assert_allclose(h.log_prob, want, rtol=1e-12)


def test_a_length_penalty_lengthens():
    def step(symbols, state):  # to end now costs log 1/0.4, to go on costs little each time
        return np.log(np.tile([0.4, 0.6], (len(symbols), 1))), state

    def lengths(alpha):
        return len(decode.beam(step, 1, np.zeros((1, 1)), 0, 6, 64, alpha)[0].symbols)

    assert lengths(0.0) == 1
    assert lengths(3.0) == 6


def test_a_wider_beam_may_find_what_greedy_misses():
    def step(symbols, state):  # state: what came first; after 1 all is spread, after 2 it is sure
        first = np.where(state[:, 0] == 0, symbols, state[:, 0])
        p = {3: [0.0, 0.6, 0.4, 0.0], 1: [0.25] * 4, 2: [0.97, 0.01, 0.01, 0.01]}
        with np.errstate(divide="ignore"):
            return np.log([p[int(y)] for y in symbols]), first[:, None]

    narrow_beam, wide = (
        decode.beam(step, 3, np.zeros((1, 1)), 0, 2, width)[0].symbols for width in (1, 2)
    )
    assert narrow_beam[0] == 1
    assert wide == (2, 0)


def test_ties_go_to_what_is_finished_then_to_rank_then_to_the_smaller_symbol():
    def even(symbols, state):
        return np.zeros((len(symbols), 3)), state

    state = np.zeros((1, 1))
    assert decode.greedy(even, np.array([1]), state, 2, 3).symbols[:, 0].tolist() == [0, 0, 0]
    one, *_ = decode.beam(even, 1, state, 2, 3, width=1)
    assert one.symbols == (0, 0, 0)
    assert [h.symbols for h in decode.beam(even, 1, state, 2, 1, 3)] == [(0,), (1,), (2,)]

    def tied(symbols, state):  # whatever is finished at once ties with whatever goes on at no cost
        p = np.where(state == 0, [0.5, 0.0, 0.5], [1.0, 0.0, 0.0])
        with np.errstate(divide="ignore"):
            return np.log(p), state + 1

    assert [h.symbols for h in decode.beam(tied, 1, state, 2, 3, 2)] == [(2,), (0, 0, 0)]


def test_what_is_impossible_is_not_kept():
    def step(symbols, state):
        return np.array([[0.0, -np.inf, 0.0]] * len(symbols)), state

    found = decode.beam(step, 0, np.zeros((1, 1)), 2, 3, width=100)
    assert {h.symbols for h in found} == {(2,), (0, 2), (0, 0, 2), (0, 0, 0)}


def test_a_sample_has_the_probabilities_of_the_network():
    step, state = network(3, seed=0, scale=0.5)
    B = 20_000
    rng = np.random.default_rng(1)
    got = decode.sample(step, np.ones(B, int), state(B), 0, 3, rng)
    drawn = [tuple(y[:n]) for y, n in zip(got.symbols.T.tolist(), got.lengths, strict=True)]
    for ys in complete(3, 0, 3):
        p = np.exp(log_probs(step, 1, state(1), ys).sum())
        assert abs(drawn.count(ys) / B - p) <= 4 * np.sqrt(p / B)
    for ys, log_p in list(zip(drawn, got.log_probs, strict=True))[:20]:
        want = log_probs(step, 1, state(1), ys).sum()
        np.testing.assert_allclose(log_p, want, rtol=1e-12)


def test_a_sample_is_repeated_by_its_seed_and_narrowed_to_one_it_is_greedy():
    step, state = network(5, seed=2)
    start = np.arange(5)
    run = partial(decode.sample, step, start, state(5), 0, 8)
    one, again, other = (run(np.random.default_rng(seed)).symbols.tolist() for seed in (3, 3, 4))
    assert one == again != other
    got = run(np.random.default_rng(5), narrow=lambda a: narrow.top_k(a, 1))
    want = decode.greedy(step, start, state(5), 0, 8)
    np.testing.assert_array_equal(got.symbols, want.symbols)
    np.testing.assert_allclose(got.log_probs, want.log_probs)


@for_any_size
@given(st.integers(1, 4), st.integers(1, 8), SEEDS, st.data())
def test_what_is_left_is_a_distribution_in_the_old_proportions(B, V, seed, data):
    logits = np.random.default_rng(seed).normal(size=(2, B, V)) * 3
    k = data.draw(st.integers(1, V))
    p = data.draw(st.floats(0.01, 1))
    for left in (narrow.top_k(logits, k), narrow.nucleus(logits, p)):
        q, kept = softmax(left), left > -np.inf
        np.testing.assert_allclose(q.sum(-1), 1, rtol=1e-12)
        assert (left[kept] == logits[kept]).all() and (q[~kept] == 0).all()
        old = np.where(kept, softmax(logits), 0)
        np.testing.assert_allclose(q, old / old.sum(-1, keepdims=True), rtol=1e-10)
        worst = np.where(kept, logits, np.inf).min(-1, keepdims=True)
        assert (logits[~kept] <= np.broadcast_to(worst, kept.shape)[~kept]).all()
    assert ((narrow.top_k(logits, k) > -np.inf).sum(-1) == k).all()
    for row in softmax(logits).reshape(-1, V):  # the smallest set that holds p
        n = (narrow.nucleus(np.log(row), p) > -np.inf).sum()
        ordered = np.sort(row)[::-1]
        assert ordered[:n].sum() >= p - 1e-12 and ordered[: n - 1].sum() < p + 1e-12


def test_of_equal_symbols_the_smaller_are_kept():
    assert (narrow.top_k(np.array([1.0, 2, 2, 2]), 2) > -np.inf).tolist() == [0, 1, 1, 0]
    assert (narrow.nucleus(np.zeros(4), 0.5) > -np.inf).tolist() == [1, 1, 0, 0]
    assert (narrow.nucleus(np.zeros(4), 0.51) > -np.inf).tolist() == [1, 1, 1, 0]
    assert (narrow.nucleus(np.zeros(4), 1.0) > -np.inf).all()
    tied = np.random.default_rng(7).integers(3, size=1000)  # so many that not every sort is stable
    kept = narrow.top_k(np.float64(tied), 500) > -np.inf
    want = sorted(range(1000), key=lambda y: -tied[y])[:500]
    assert set(np.flatnonzero(kept)) == set(want)


def test_a_temperature_is_a_power_of_the_probabilities():
    logits = np.random.default_rng(6).normal(size=(3, 5))
    want = softmax(logits) ** (1 / 0.7)
    got = softmax(narrow.temperature(logits, 0.7))
    np.testing.assert_allclose(got, want / want.sum(-1, keepdims=True), rtol=1e-12)
    cold = softmax(narrow.temperature(logits, 1e-6))
    np.testing.assert_array_equal(cold, np.eye(5)[logits.argmax(-1)])
    narrowed = narrow.nucleus(narrow.temperature(np.float32(logits), 0.7), 0.9)
    assert narrowed.dtype == np.float32


LOGITS = np.zeros((2, 3))
REFUSED = [
    (partial(narrow.temperature, tau=0), LOGITS, "tau: got 0, expected a positive number"),
    (partial(narrow.temperature, tau=np.nan), LOGITS, "tau: got nan, expected"),
    (partial(narrow.temperature, tau=np.inf), LOGITS, "tau: got inf, expected"),
    (partial(narrow.top_k, k=0), LOGITS, "k: got 0, expected from 1 to V = 3"),
    (partial(narrow.top_k, k=4), LOGITS, "k: got 4, expected from 1 to V = 3"),
    (partial(narrow.top_k, k=4), LOGITS[0], "k: got 4, expected from 1 to V = 3"),
    (partial(narrow.nucleus, p=0.0), LOGITS, "p: got 0.0, expected a number above 0, at most 1"),
    (partial(narrow.nucleus, p=1.1), LOGITS, "p: got 1.1, expected"),
]
REFUSED += [
    (f, logits, message)
    for f in (
        partial(narrow.temperature, tau=1.0),
        partial(narrow.top_k, k=1),
        partial(narrow.nucleus, p=0.5),
    )
    for logits, message in [
        ([0.5], "logits: got list, expected an array"),
        (np.zeros((2, 3), int), "logits: got dtype int64, expected a floating dtype"),
        (np.zeros((2, 0)), "logits: got none, NaN or infinite ones, expected numbers"),
        (np.full((2, 3), np.nan), "logits: got none, NaN or infinite ones"),
        (np.full((2, 3), -np.inf), "logits: got none, NaN or infinite ones"),
        (np.array([[0.0], [-np.inf]]), "logits: got none, NaN or infinite ones"),
    ]
]


@pytest.mark.parametrize(("function", "logits", "message"), REFUSED)
def test_narrowing_refuses_bad_input(function, logits, message):
    with pytest.raises(ValueError) as error:
        function(logits)
    assert str(error.value).startswith(message)


def says(logits):
    """A network that always says the same."""
    return lambda symbols, state: (logits, state)


GOOD = {"step": says(np.zeros((1, 3))), "state": np.zeros((1, 1)), "end": 0, "max_length": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": -1}, "start: got -1, expected integers from 0"),
        ({"max_length": 0}, "max_length: got 0, expected at least 1"),
        ({"end": 3}, "end: got 3, expected from 0 to V - 1 = 2"),
        ({"end": -1}, "end: got -1, expected from 0 to V - 1 = 2"),
        ({"step": says([[0.5]])}, "logits of step: got list, expected an array"),
        ({"step": says(np.zeros((2, 3)))}, "logits of step: got shape (2, 3), expected (B, V)"),
        ({"step": says(np.full((1, 3), np.nan))}, "logits of step: got [nan] for the largest"),
        ({"step": says(np.full((1, 3), -np.inf))}, "logits of step: got [-inf] for the largest"),
    ],
)
def test_decoding_refuses_bad_input(changes, message):
    arguments = GOOD | {"start": 1} | changes
    with pytest.raises(ValueError) as error:
        decode.beam(**arguments, width=2)
    assert str(error.value).startswith(message)
    arguments["start"] = np.array([arguments["start"]])
    for function in (decode.greedy, partial(decode.sample, rng=np.random.default_rng(0))):
        with pytest.raises(ValueError) as error:
            function(**arguments)
        assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ([1], "start: got list, expected an array"),
        (np.array([1.0]), "start: got dtype float64, expected integer"),
        (np.array(1), "start: got shape (), expected (B,)"),
        (np.array([], int), "start: got B = 0 sequences, expected at least 1"),
    ],
)
def test_greedy_refuses_a_bad_start(start, message):
    with pytest.raises(ValueError) as error:
        decode.greedy(**GOOD, start=start)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width: got 0, expected at least 1"),
        ({"width": 2, "alpha": -0.5}, "alpha: got -0.5, expected a number of at least 0"),
        ({"width": 2, "alpha": np.nan}, "alpha: got nan, expected"),
        ({"width": 2, "alpha": np.inf}, "alpha: got inf, expected"),
    ],
)
def test_a_beam_refuses_bad_options(options, message):
    with pytest.raises(ValueError) as error:
        decode.beam(**GOOD, start=1, **options)
    assert str(error.value).startswith(message)


def test_one_sequence_without_a_symbol_is_refused():
    logits = np.array([[0.0, 1.0, 2.0], [-np.inf] * 3])
    with pytest.raises(ValueError, match=r"logits of step: got \[  2. -inf\] for the largest"):
        decode.greedy(says(logits), np.array([1, 1]), np.zeros((2, 1)), end=0, max_length=2)
