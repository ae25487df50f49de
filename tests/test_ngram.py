"""N-grams, against counting by hand, and the copies that a text has of another."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib import duplicates, ngram
from rnnlib.characters import V

SEEDS = st.integers(0, 2**16)
RULES = [ngram.witten_bell, ngram.kneser_ney, ngram.going_on]


def text(seed, T, symbols=4):
    """Few symbols, so that many n-grams come again."""
    return np.random.default_rng(seed).integers(symbols, size=T)


def grams(known, n):
    return Counter(tuple(known[t : t + n].tolist()) for t in range(len(known) - n + 1))


def by_hand(known, history, y, rule, n):
    """p(y | the last n symbols), straight from the equations."""
    if n < 0:
        return 1 / V
    u = tuple(history[len(history) - n :].tolist())
    shorter = by_hand(known, history, y, "continued" if rule != "wb" else rule, n - 1)
    counts = grams(known, n + 1)
    if rule == "continued":
        counts = Counter(gram[1:] for gram in grams(known, n + 2))
    after = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == u}
    c, total, kinds = after.get(y, 0), sum(after.values()), len(after)
    if not total:
        return shorter
    if rule == "wb":
        return (c + kinds * shorter) / (total + kinds)
    ones, twos = (sum(c == k for c in counts.values()) for k in (1, 2))
    d = ones / max(ones + 2 * twos, 1)
    return (max(c - d, 0) + d * kinds * shorter) / total


@given(SEEDS, st.sampled_from(["wb", "kn"]))
@settings(max_examples=20)
def test_probabilities_are_those_of_the_equations(seed, rule):
    N, known, texts = 3, text(seed, 30), text([seed, 1], 8, symbols=5).reshape(4, 2)
    got = {"wb": ngram.witten_bell, "kn": ngram.kneser_ney}[rule](known, texts, N)
    for n in range(N):
        for t in range(4):
            for b in range(2):
                k = min(n, t)  # at the beginning the contexts are shorter
                want = by_hand(known, texts[:t, b], texts[t, b], rule, k)
                if rule == "kn" and k < n:
                    want = by_hand(known, texts[:t, b], texts[t, b], "continued", k)
                np.testing.assert_allclose(got[n, t, b], want, rtol=1e-12)


@given(SEEDS)
@settings(max_examples=20)
def test_going_on_is_counting_anew_after_every_symbol(seed):
    N, known, texts = 3, text(seed, 30), text([seed, 1], 12, symbols=5)[:, None]
    got = ngram.going_on(known, texts, N)
    for t in range(len(texts)):
        counts = Counter()
        for n in range(1, N + 1):
            counts += grams(known, n) + grams(texts[:t, 0], n)
        for n in range(N):
            want = 1 / V
            for k in range(min(n, t) + 1):
                u = tuple(texts[t - k : t, 0].tolist())
                after = {g[-1]: c for g, c in counts.items() if len(g) == k + 1 and g[:-1] == u}
                if after:
                    c = after.get(int(texts[t, 0]), 0)
                    want = (c + len(after) * want) / (sum(after.values()) + len(after))
            np.testing.assert_allclose(got[n, t, 0], want, rtol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_the_probabilities_of_all_symbols_sum_to_one(rule):
    known, before = text(0, 50), text(1, 6)
    texts = np.stack([np.append(before, y) for y in range(V)], axis=1)
    last = rule(known, texts, 4)[:, -1]
    if rule is not ngram.going_on:  # its columns are read one after the other
        np.testing.assert_allclose(last.sum(axis=-1), 1, rtol=1e-12)
        return
    alone = [rule(known, texts[:, [y]], 4)[:, -1, 0] for y in range(V)]
    np.testing.assert_allclose(np.sum(alone, axis=0), 1, rtol=1e-12)


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match=r"^n: got 10, expected from 1 to 9"):
        ngram.codes(text(0, 20), 10)
    with pytest.raises(ValueError, match=r"^n: got 4, expected from 1 to 3"):
        ngram.codes(text(0, 3), 4)


@given(SEEDS, st.sampled_from([1, 2, 4, 8]))
def test_what_is_copied_is_found(seed, n):
    known, texts = text(seed, 60), [text([seed, k], 20 + k) for k in (1, 2)]
    there = grams(known, n)
    for got, one in zip(duplicates.copied(texts, known, n), texts, strict=True):
        want = np.zeros(len(one), dtype=bool)
        for t in range(len(one) - n + 1):
            if tuple(one[t : t + n].tolist()) in there:
                want[t : t + n] = True
        np.testing.assert_array_equal(got, want)


def test_paragraphs_are_left_out_by_the_share_that_is_marked():
    marks = np.array([True, True, False, False, False, False, True, False, False])
    assert duplicates.without("abc\n\nabcd", marks, 0.6) == "abcd"
    assert duplicates.without("abc\n\nabcd", marks, 0.7) == "abc\n\nabcd"
    assert duplicates.without("abc\n\nabcd", marks, 1e-6) == ""
    assert duplicates.without("abc\n\nabcd", ~marks[:1].repeat(9), 1e-6) == "abc\n\nabcd"


def test_duplicates_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match=r"^n: got 3, expected a power of two, at most 4"):
        duplicates.name(text(0, 4), 3)
    with pytest.raises(ValueError, match=r"^marks: got 2, expected 3, one per character"):
        duplicates.without("abc", np.zeros(2, bool), 0.5)
    with pytest.raises(ValueError, match=r"^share: got 0, expected above 0, at most 1"):
        duplicates.without("abc", np.zeros(3, bool), 0)
