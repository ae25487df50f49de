r"""From logits to fewer logits: what may be drawn from them.

What is excluded gets -inf; the softmax of the rest is a distribution again::

    ŷ / τ                                                            (temperature)
    the k largest ŷ                                                  (top-k)
    the largest ŷ, until their probabilities sum to at least p       (nucleus)
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference.crf import Ids
from rnnlib.reference.ops import Array, softmax


def temperature(logits: Array, tau: float) -> Array:
    """Sharpen (τ < 1) or flatten (τ > 1) a distribution.

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(..., V)``.
    tau : float
        Temperature τ, above zero. Its limit at zero is :func:`rnnlib.reference.decode.greedy`.

    Returns
    -------
    Array
        Logits of the same shape.

    Raises
    ------
    ValueError
        If the temperature is not positive and finite, or the logits are no floating array.
    """
    _check(logits)
    if not 0 < tau < np.inf:
        raise ValueError(f"tau: got {tau}, expected a positive number")
    return logits / tau  # (temperature)


def top_k(logits: Array, k: int) -> Array:
    """Exclude all symbols but the k most probable (Fan et al. 2018).

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(..., V)``.
    k : int
        How many to keep, from 1 to V. Exactly k are kept: of equal ones the smaller symbols.

    Returns
    -------
    Array
        Logits of the same shape, -inf for what is excluded.

    Raises
    ------
    ValueError
        If k is out of range, or the logits are no floating array.
    """
    _check(logits)
    if not 1 <= k <= logits.shape[-1]:
        raise ValueError(f"k: got {k}, expected from 1 to V = {logits.shape[-1]}")
    return np.where(_ranks(logits) < k, logits, -np.inf)  # (top-k)


def nucleus(logits: Array, p: float) -> Array:
    """Exclude the least probable symbols, that have no part in a share p (Holtzman et al. 2020).

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(..., V)``.
    p : float
        Share of the probability, above 0 and at most 1. A symbol is kept if those ranked before
        it sum to less than p; so one is always kept, and with p = 1 all that rounding can see.

    Returns
    -------
    Array
        Logits of the same shape, -inf for what is excluded.

    Raises
    ------
    ValueError
        If p is out of range, or the logits are no floating array.
    """
    _check(logits)
    if not 0 < p <= 1:
        raise ValueError(f"p: got {p}, expected a number above 0, at most 1")
    ranks = _ranks(logits)
    ordered = np.take_along_axis(softmax(logits), ranks.argsort(-1), -1)
    before = np.take_along_axis(ordered.cumsum(-1) - ordered, ranks, -1)
    return np.where(before < p, logits, -np.inf)  # (nucleus)


def _check(logits: Array) -> None:
    """Check that there is a distribution over the last axis."""
    shapes.check("logits", logits, ("...", "V"), {})
    if logits.shape[-1] == 0 or not np.isfinite(logits.max(-1, initial=-np.inf)).all():
        raise ValueError("logits: got none, NaN or infinite ones, expected numbers")


def _ranks(logits: Array) -> Ids:
    """Rank of every symbol, from 0 for the most probable; of equal ones the smaller comes first."""
    ranks: Ids = (-logits).argsort(-1, kind="stable").argsort(-1)
    return ranks
