r"""What do CTC's outputs read as? The labels that are likeliest over all their alignments.

``y_t`` are the probabilities of step t, ``l`` is a reading, ``l⁻`` the same without its last label
``l_N``. Of all that can be said in t steps and reads ``l``, some ends in a blank, with probability
``b``, and some in ``l_N``, with probability ``e`` (Hannun et al. 2014)::

    b_t(l) = y_t(␣) (b_{t-1}(l) + e_{t-1}(l))                        (prefix-blank)
    g_t(l, k) = y_t(k) (b_{t-1}(l) + e_{t-1}(l) 1{k ≠ l_N})          (prefix-grow)
    e_t(l) = y_t(l_N) e_{t-1}(l) + g_t(l⁻, l_N)                      (prefix-label)

At each step the W readings with the largest ``b + e`` are kept. If none is ever dropped, these are
the probabilities of :mod:`rnnlib.reference.ctc`; else they are at most that. Everything is kept as
logarithms.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.ops import Array, logsumexp


class Reading(NamedTuple):
    """Labels, and the logarithm of their probability over the alignments that were kept."""

    labels: tuple[int, ...]
    log_p: float


def search(logits: Array, width: int, blank: int = 0) -> list[Reading]:
    """Find likely readings of one sequence.

    Of equal readings, one that was kept before comes first, then the one whose beginning ranked
    higher, then the smaller label.

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(T, V)``.
    width : int
        How many readings to keep at each step.
    blank : int
        The symbol that is not a label.

    Returns
    -------
    list of Reading
        At most so many, the likeliest first.

    Raises
    ------
    ValueError
        If the logits are not as stated or have no finite maximum at some step, the width is not
        positive, or the blank no symbol.

    Examples
    --------
    >>> best, *_ = search(np.log([[0.6, 0.4], [0.6, 0.4]]), width=2)
    >>> best.labels, round(float(np.exp(best.log_p)), 2)
    ((1,), 0.64)
    """
    _, V = shapes.arguments(logits=(logits, "T V")).values()
    ids.check("blank", np.array([blank]), ("1",), {}, 0, V - 1)
    if width < 1:
        raise ValueError(f"width: got {width}, expected at least 1")
    if not np.isfinite(best := logits.max(-1)).all():
        raise ValueError(f"logits: got {best[~np.isfinite(best)][0]}, expected a finite maximum")
    kept: list[tuple[int, ...]] = [()]
    b, e = np.zeros(1), np.full(1, -np.inf)
    for log_y in logits - logsumexp(logits):
        kept, b, e = _step(kept, b, e, log_y, width, blank)
    return [Reading(l, float(p)) for l, p in zip(kept, np.logaddexp(b, e), strict=True)]


def _step(
    kept: list[tuple[int, ...]], b: Array, e: Array, log_y: Array, width: int, blank: int
) -> tuple[list[tuple[int, ...]], Array, Array]:
    """The likeliest readings after one more step, and their two log-probabilities."""
    last = np.array([l[-1] if l else blank for l in kept])
    again = last[:, None] == np.arange(len(log_y))
    either = np.logaddexp(b, e)
    grown = log_y + np.where(again, b[:, None], either[:, None])  # (prefix-grow)
    grown[:, blank] = -np.inf
    b, e = log_y[blank] + either, log_y[last] + e  # (prefix-blank)
    place = {l: i for i, l in enumerate(kept)}
    for i, l in enumerate(kept):
        if l and (j := place.get(l[:-1])) is not None:
            e[i] = np.logaddexp(e[i], grown[j, l[-1]])  # (prefix-label)
            grown[j, l[-1]] = -np.inf
    scores = np.concatenate([np.logaddexp(b, e), grown.ravel()])
    best = [k for k in np.argsort(-scores, kind="stable")[:width].tolist() if scores[k] > -np.inf]
    n, V = grown.shape
    new = [kept[k] if k < n else (*kept[(k - n) // V], (k - n) % V) for k in best]
    ends = np.concatenate([e, grown.ravel()])[best]
    return new, np.concatenate([b, np.full(grown.size, -np.inf)])[best], ends
