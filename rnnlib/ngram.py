r"""Predict the next character by counting: n-grams with smoothing.

``y`` is a symbol, ``u`` the context: the symbols before it, none to N - 1 of them, and ``u'`` is
``u`` without its first one. In a text that is known, ``c(uy)`` counts how often ``uy`` occurs,
``c(u) = Σ_y c(uy)``, and ``K(u)`` counts the *different* symbols that follow ``u``. The shortest
context is empty; below it all V symbols are equally probable, and where ``c(u) = 0``, ``p(y | u)``
is ``p(y | u')``. Otherwise, by Witten & Bell (1991)::

    p(y | u) = (c(uy) + K(u) p(y | u')) / (c(u) + K(u))                     (witten-bell)

or, by Kneser & Ney (1995) in the interpolated form of Chen & Goodman (1999)::

    p(y | u) = (max(c(uy) - d, 0) + d K(u) p(y | u')) / c(u)                (kneser-ney)
    d = m_1 / (m_1 + 2 m_2)                                                 (discount)
    c(uy) = number of different symbols before uy                           (continuation)

where m_1 and m_2 are how many ``uy`` of that length have the counts 1 and 2, and the last line
holds for all contexts but the longest, which keeps its counts.

A counter may go on counting: at place t of what it predicts, every count is that of the known text
and of all before t. With ``s_t`` the symbols that end at t,

    c_t(s) = c(s) + number of j < t with s_j = s                            (go-on)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib.characters import V
from rnnlib.reference.ops import Array

Ids = NDArray[np.int64]
_LONGEST = 9  # V to this power is still an int64


class Counts(NamedTuple):
    """What follows each context of one length."""

    grams: Ids  # (N,), codes of the uy that occur, in order
    counts: Ids  # (N,), c(uy)
    contexts: Ids  # (M,), codes of the u that occur, in order
    totals: Ids  # (M,), c(u)
    kinds: Ids  # (M,), K(u)


def codes(symbols: Ids, n: int) -> Ids:
    """One number for every n symbols in a row.

    Parameters
    ----------
    symbols : Array of int
        Symbols of :mod:`rnnlib.characters`, ``(T, ...)``.
    n : int
        How many, from 1 to 9, so that the numbers are exact.

    Returns
    -------
    Array of int
        ``(T - n + 1, ...)``.

    Raises
    ------
    ValueError
        If n is out of range or the text too short.

    Examples
    --------
    >>> codes(np.array([1, 2, 3]), 2).tolist() == [1 * V + 2, 2 * V + 3]
    True
    """
    if not 1 <= n <= min(_LONGEST, len(symbols)):
        raise ValueError(f"n: got {n}, expected from 1 to {min(_LONGEST, len(symbols))}")
    code = np.zeros((len(symbols) - n + 1, *symbols.shape[1:]), dtype=np.int64)
    for k in range(n):
        code = code * V + symbols[k : k + len(code)]
    return code


def count(symbols: Ids, n: int, continuation: bool = False) -> Counts:
    """Count what follows the contexts of n symbols.

    Parameters
    ----------
    symbols : Array of int
        The text, ``(T,)``.
    n : int
        Length of the contexts, from 0.
    continuation : bool
        Whether to count the different symbols before, not the occurrences.

    Returns
    -------
    Counts
        In order of their codes.

    Raises
    ------
    ValueError
        As for :func:`codes`.
    """
    seen = codes(symbols, n + 1)
    if continuation:
        seen = np.unique(codes(symbols, n + 2)) % V ** (n + 1)  # (continuation)
    grams, counts = np.unique(seen, return_counts=True)
    contexts, first, kinds = np.unique(grams // V, return_index=True, return_counts=True)
    return Counts(grams, counts, contexts, np.add.reduceat(counts, first), kinds)


def witten_bell(known: Ids, texts: Ids, N: int) -> Array:
    """Probability of every symbol of some texts, after its context, for n = 1 to N.

    Parameters
    ----------
    known : Array of int
        The text that is counted, ``(T,)``.
    texts : Array of int
        What is predicted, one text per column, ``(T, B)``. At the beginning of a text the contexts
        are shorter.
    N : int
        Symbols in the longest n-gram, from 1 to 9.

    Returns
    -------
    Array
        ``(N, T, B)``.

    Raises
    ------
    ValueError
        As for :func:`codes`.
    """
    p, found = np.full(texts.shape, 1 / V), []
    for n in range(N):
        p = _mixed(*_look(count(known, n), texts, n), p)
        found.append(p)
    return np.stack(found)


def going_on(known: Ids, texts: Ids, N: int) -> Array:
    """As :func:`witten_bell`, but what has been predicted is counted, too.

    Parameters
    ----------
    known, texts, N
        As for :func:`witten_bell`; the columns are read one after the other.

    Returns
    -------
    Array
        ``(N, T, B)``.

    Raises
    ------
    ValueError
        As for :func:`codes`.
    """
    p, found = np.full(texts.shape, 1 / V), []
    for n in range(N):
        counts = count(known, n)
        grams = codes(texts, n + 1)
        c, total, K = _look(counts, texts, n)
        here = _before(grams)
        new = (here == 0) & (c == 0)  # a uy that is seen for the first time
        p = _mixed(c + here, total + _before(grams // V), K + _before(grams // V, new), p)
        found.append(p)
    return np.stack(found)


def _mixed(c: Ids, total: Ids, K: Ids, shorter: Array) -> Array:
    """Probabilities after contexts of one length, from those after shorter ones."""
    n = len(shorter) - len(c)
    p = shorter.copy()
    mixed = (c + K * p[n:]) / np.maximum(total + K, 1)  # (witten-bell)
    p[n:] = np.where(total, mixed, p[n:])
    return p


def _before(keys: Ids, counts: NDArray[np.bool_] | None = None) -> Ids:
    """How many equal keys stand before each that count, column after column."""
    flat = keys.ravel(order="F")
    weights = np.ones_like(flat) if counts is None else counts.ravel(order="F").astype(np.int64)
    order = flat.argsort(kind="stable")
    ordered, before = flat[order], weights[order].cumsum() - weights[order]
    first = np.searchsorted(ordered, ordered)  # of equal keys, where the first stands
    found = np.empty_like(flat)
    found[order] = before - before[first]  # (go-on)
    return found.reshape(keys.shape, order="F")


def kneser_ney(known: Ids, texts: Ids, N: int) -> Array:
    """Probability of every symbol of some texts, after its context, for n = 1 to N.

    Parameters
    ----------
    known, texts, N
        As for :func:`witten_bell`; N at most 8.

    Returns
    -------
    Array
        ``(N, T, B)``.

    Raises
    ------
    ValueError
        As for :func:`codes`.
    """
    shorter, found = np.full(texts.shape, 1 / V), []
    for n in range(N):
        found.append(_discounted(count(known, n), shorter, texts, n))
        shorter = _discounted(count(known, n, continuation=True), shorter, texts, n)
    return np.stack(found)


def _discounted(counts: Counts, shorter: Array, texts: Ids, n: int) -> Array:
    """Probabilities after contexts of one length, from those after shorter ones."""
    c, total, K = _look(counts, texts, n)
    m = np.bincount(counts.counts, minlength=3)
    d = m[1] / max(m[1] + 2 * m[2], 1)  # (discount)
    p, left = shorter.copy(), np.maximum(c - d, 0)
    mixed = (left + d * K * p[n:]) / np.maximum(total, 1)  # (kneser-ney)
    p[n:] = np.where(total, mixed, p[n:])
    return p


def _look(counts: Counts, texts: Ids, n: int) -> tuple[Ids, Ids, Ids]:
    """c(uy), c(u) and K(u) at every place that has n symbols before it."""
    grams = codes(texts, n + 1)
    at, within = _places(counts.grams, grams), _places(counts.contexts, grams // V)
    c, total, K = counts.counts[at[0]], counts.totals[within[0]], counts.kinds[within[0]]
    return c * at[1], total * within[1], K * within[1]


def _places(keys: Ids, wanted: Ids) -> tuple[Ids, NDArray[np.bool_]]:
    """Where each number stands among the keys, and whether it does."""
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return at, keys[at] == wanted
