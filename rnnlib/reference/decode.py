r"""From logits to sequences: greedy, sampled, and by beam search.

A network is a function of the last symbol and a state, ``step(symbols, state) → (logits, state)``;
every array has one row per sequence, and ``start`` is the symbol before the first::

    ŷ_t, s_t = step(y_{t-1}, s_{t-1})                                (decode-step)
    y_t = argmax ŷ_t                                                 (greedy)
    y_t = argmax (ŷ_t + g),  g ~ Gumbel, which draws from softmax ŷ_t    (gumbel-max)

:mod:`rnnlib.reference.narrow` has what can be done to the logits before drawing.

Beam search keeps the W best sequences, finished or not, by a score that does not favour short
ones (Wu et al. 2016). With n symbols, the end symbol among them::

    score = Σ_t log softmax(ŷ_t)[y_t] / ((5 + n) / 6)^α              (length-penalty)

Ties are decided: between symbols for the smaller one; between sequences for the one that is
finished already, then for the one whose beginning ranked higher, then for the smaller symbol.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.crf import Ids
from rnnlib.reference.ops import Array, logsumexp, tree_map

S = TypeVar("S")  # the state: a tree of arrays with one row per sequence
Step = Callable[[Ids, S], tuple[Array, S]]


class Decoded(NamedTuple):
    """A batch of sequences, as greedy decoding and sampling give them."""

    symbols: NDArray[np.integer]  # (T, B), the end symbol repeated after the first
    lengths: NDArray[np.integer]  # (B,), the end symbol counted
    log_probs: NDArray[np.floating]  # (B,)


class Hypothesis(NamedTuple):
    """A sequence that beam search has kept."""

    symbols: tuple[int, ...]  # the end symbol last, if it is finished
    log_prob: float
    score: float


def greedy(step: Step[S], start: Ids, state: S, end: int, max_length: int) -> Decoded:
    """Take the most probable symbol at every step.

    Parameters
    ----------
    step : callable
        The network.
    start : Array of int
        Symbol before the first, one per sequence, ``(B,)``.
    state : tree of Array
        State before the first step; one row per sequence in every array.
    end : int
        Symbol that finishes a sequence.
    max_length : int
        Number of symbols after which to stop in any case.

    Returns
    -------
    Decoded
        The sequences, and their log-probabilities.

    Raises
    ------
    ValueError
        If an argument, or what the network returns, is not as stated.
    """
    return _run(step, start, state, end, max_length, lambda logits: logits)


def sample(
    step: Step[S],
    start: Ids,
    state: S,
    end: int,
    max_length: int,
    rng: np.random.Generator,
    narrow: Callable[[Array], Array] = lambda logits: logits,
) -> Decoded:
    """Draw every symbol.

    Parameters
    ----------
    step, start, state, end, max_length
        As for :func:`greedy`.
    rng : numpy.random.Generator
        Source of randomness.
    narrow : callable
        From logits to the logits to draw from, such as ``lambda a: top_k(a, 5)``; by default
        they are as they are.

    Returns
    -------
    Decoded
        The sequences, and the log-probabilities that the network gives them before narrowing.

    Raises
    ------
    ValueError
        As for :func:`greedy`.
    """

    def perturb(logits: Array) -> Array:
        return narrow(logits) + rng.gumbel(size=logits.shape)  # (gumbel-max)

    return _run(step, start, state, end, max_length, perturb)


def beam(
    step: Step[S],
    start: int,
    state: S,
    end: int,
    max_length: int,
    width: int,
    alpha: float = 0.0,
) -> list[Hypothesis]:
    """Keep the best sequences at every step.

    At width 1 this is :func:`greedy`; at a width that lets all sequences in, it is exact.

    Parameters
    ----------
    step, end, max_length
        As for :func:`greedy`.
    start : int
        Symbol before the first.
    state : tree of Array
        State before the first step, of one row.
    width : int
        How many sequences to keep; those that are finished count.
    alpha : float
        Strength α of the length penalty; at zero the score is the log-probability.

    Returns
    -------
    list of Hypothesis
        The sequences kept, the best first.

    Raises
    ------
    ValueError
        As for :func:`greedy`, and if the width is not positive or α is negative or infinite.
    """
    _check(np.array([start]), max_length)
    if width < 1:
        raise ValueError(f"width: got {width}, expected at least 1")
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha: got {alpha}, expected a number of at least 0")
    kept = [Hypothesis((), 0.0, 0.0)]
    while live := [h for h in kept if not _is_done(h, end, max_length)]:
        last = np.array([h.symbols[-1] if h.symbols else start for h in live])
        _, log_p, state = _ask(step, last, state, end)
        done = [(h, -1) for h in kept if _is_done(h, end, max_length)]
        new = [(_extend(h, log_p[k], alpha), k) for k, h in enumerate(live)]
        pool = [*done, *((h, k) for hs, k in new for h in hs)]
        best = sorted(pool, key=lambda c: -c[0].score)[:width]  # of equals the first stays first
        kept = [h for h, _ in best]
        rows = [k for h, k in best if not _is_done(h, end, max_length)]
        state = tree_map(lambda a, rows=rows: a[rows], state)
    return kept


def _extend(h: Hypothesis, log_p: Array, alpha: float) -> list[Hypothesis]:
    """A sequence and one more symbol, for every symbol that is possible."""
    norm = ((5 + len(h.symbols) + 1) / 6) ** alpha
    totals = [(y, h.log_prob + q) for y, q in enumerate(log_p.tolist()) if q > -np.inf]
    return [Hypothesis((*h.symbols, y), q, q / norm) for y, q in totals]  # (length-penalty)


def _is_done(h: Hypothesis, end: int, max_length: int) -> bool:
    """Is a sequence finished, or as long as it may be?"""
    return h.symbols[-1:] == (end,) or len(h.symbols) == max_length


def _run(
    step: Step[S],
    start: Ids,
    state: S,
    end: int,
    max_length: int,
    perturb: Callable[[Array], Array],
) -> Decoded:
    """Take the first of the largest logits at every step, after a change to them."""
    _check(start, max_length)
    symbols: list[Ids] = []
    y, log_probs = start, np.zeros(len(start))
    live, lengths = np.ones(len(start), bool), np.zeros(len(start), int)
    while live.any() and len(symbols) < max_length:
        logits, log_p, state = _ask(step, y, state, end)
        y = np.where(live, perturb(logits).argmax(-1), end)  # (greedy)
        log_probs = log_probs + np.where(live, np.take_along_axis(log_p, y[:, None], 1)[:, 0], 0)
        symbols, lengths, live = [*symbols, y], lengths + live, live & (y != end)
    return Decoded(np.stack(symbols), lengths, log_probs)


def _ask(step: Step[S], symbols: Ids, state: S, end: int) -> tuple[Array, Array, S]:
    """What the network says next, as logits and as log-probabilities, and its state."""
    logits, state = step(symbols, state)  # (decode-step)
    shapes.check("logits of step", logits, ("B", "V"), {"B": len(symbols)})
    if not np.isfinite(logits.max(-1)).all():
        raise ValueError(f"logits of step: got {logits.max(-1)} for the largest, expected numbers")
    if not 0 <= end < logits.shape[-1]:
        raise ValueError(f"end: got {end}, expected from 0 to V - 1 = {logits.shape[-1] - 1}")
    return logits, logits - logsumexp(logits), state


def _check(start: Ids, max_length: int) -> None:
    """Check what came in."""
    ids.check("start", start, ("B",), {}, 0, np.iinfo(np.int64).max)
    if len(start) == 0:
        raise ValueError("start: got B = 0 sequences, expected at least 1")
    if max_length < 1:
        raise ValueError(f"max_length: got {max_length}, expected at least 1")
