"""Prefix beam search: against every alignment, and against the loss."""

from itertools import product

import numpy as np
import pytest
from helpers import mutant
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import ctc, ctc_beam
from rnnlib.reference.ops import softmax

SIZES = st.tuples(st.integers(1, 5), st.integers(2, 4))
SEEDS = st.integers(0, 2**16)
EXACT = 10**6  # a width that drops nothing


def of_every_alignment(logits, blank):
    """The probability of every reading."""
    (T, V), y, total = logits.shape, softmax(logits), {}
    for path in product(range(V), repeat=T):
        labels = tuple(ctc.collapse(np.array(path), blank).tolist())
        total[labels] = total.get(labels, 0) + y[range(T), path].prod()
    return total


def wrong_by(beam, T=5, V=3, blank=0, seed=0):
    """Largest error of a probability, over all readings."""
    logits = 2 * np.random.default_rng(seed).normal(size=(T, V))
    want = of_every_alignment(logits, blank)
    got = {r.labels: np.exp(r.log_p) for r in beam.search(logits, EXACT, blank)}
    return max(abs(got.get(l, 0) - want.get(l, 0)) for l in want.keys() | got.keys())


@settings(deadline=None, derandomize=True, max_examples=30)
@given(SIZES, SEEDS, st.booleans())
def test_a_search_that_drops_nothing_finds_every_reading_and_its_probability(sizes, seed, last):
    T, V = sizes
    assert wrong_by(ctc_beam, T, V, V - 1 if last else 0, seed) < 1e-13


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("again, b[:, None]", "again, either[:, None]"),
        ("grown[:, blank] = -np.inf", "pass"),
        ("log_y[blank] + either", "log_y[blank] + b"),
        ("log_y[last] + e", "log_y[last] + either"),
        ("e[i] = np.logaddexp(e[i], grown[j, l[-1]])", "pass"),
        ("grown[j, l[-1]] = -np.inf", "pass"),
    ],
)
def test_another_recursion_has_other_probabilities(old, new):
    assert wrong_by(mutant(ctc_beam, old, new)) > 1e-3


@pytest.mark.parametrize("width", [1, 2, 5, 30])
def test_a_narrow_search_never_claims_more_than_the_loss_gives(width):
    logits = np.random.default_rng(width).normal(size=(12, 4))
    found = ctc_beam.search(logits, width)
    assert len(found) == width
    assert len({r.labels for r in found}) == width
    assert [r.log_p for r in found] == sorted((r.log_p for r in found), reverse=True)
    for labels, log_p in found:
        args = np.array([labels], dtype=int), np.array([12]), np.array([len(labels)])
        assert log_p <= -ctc.loss(logits[:, None], *args)[0] + 1e-12


def test_the_likeliest_reading_need_not_be_that_of_the_likeliest_symbols():
    logits = np.log(np.array([[0.6, 0.4], [0.6, 0.4]]))
    assert ctc.collapse(logits.argmax(-1)).tolist() == []
    best, second = ctc_beam.search(logits, 2)
    assert (best.labels, second.labels) == ((1,), ())
    np.testing.assert_allclose(np.exp([best.log_p, second.log_p]), [0.64, 0.36], rtol=1e-12)


def test_a_forbidden_symbol_is_not_read_and_what_is_impossible_not_found():
    logits = np.array([[-np.inf, 0.0, -np.inf], [0.0, -np.inf, -np.inf]])
    assert ctc_beam.search(logits, 5) == [((1,), 0.0)]


def test_of_equal_readings_the_older_comes_first_then_the_smaller_label():
    found = [r.labels for r in ctc_beam.search(np.zeros((1, 4)), 4)]
    assert found == [(), (1,), (2,), (3,)]


def test_the_logits_are_left_as_they_were():
    logits = np.random.default_rng(0).normal(size=(6, 3))
    before = logits.copy()
    ctc_beam.search(logits, 3)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((2, 3, 4))}, "logits: got shape (2, 3, 4), expected (T, V)"),
        ({"logits": np.zeros((0, 3))}, "logits: got T = 0 steps, expected at least 1"),
        ({"logits": np.full((2, 3), np.nan)}, "logits: got nan, expected a finite maximum"),
        ({"logits": np.full((2, 3), -np.inf)}, "logits: got -inf, expected a finite maximum"),
        ({"width": 0}, "width: got 0, expected at least 1"),
        ({"blank": 3}, "blank: got 3, expected integers from 0 to 2"),
    ],
)
def test_what_cannot_be_searched_is_refused(changes, message):
    with pytest.raises(ValueError) as error:
        ctc_beam.search(**({"logits": np.zeros((2, 3)), "width": 2} | changes))
    assert str(error.value).startswith(message)
