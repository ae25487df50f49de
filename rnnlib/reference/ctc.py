r"""Connectionist temporal classification: labels without an alignment (Graves et al. 2006).

At every step the network says a label or the blank. What it says is read by merging repeats, then
dropping blanks, so ``a␣aab`` reads ``aab``. The loss sums over all that read as the target. They
are the ways through ``s``, the labels with blanks around them, that stay, move on by one, or skip
a blank between two different labels; ``y_t`` are the probabilities, ``B`` the sequences::

    s = ␣ l_1 ␣ l_2 ... l_N ␣                                        (ctc-path)
    a_t(i) = α_{t-1}(i) + α_{t-1}(i-1) + α_{t-1}(i-2) 1{s_i ≠ s_{i-2}}  (ctc-arrive)
    α_t(i) = a_t(i) y_t(s_i),  a_1(i) = 1{i ≤ 2}                     (ctc-forward)
    p = α_T(2N+1) + α_T(2N),  L = -Σ log p / B                       (ctc)

and, with ``b`` the same sums from the end, those of the reversed sequence::

    γ_t(i) = α_t(i) b_t(i) / p                                       (ctc-posterior)
    dŷ_t(k) = (y_t(k) - Σ_{i: s_i = k} γ_t(i)) / B                   (ctc-backward)

``γ_t(i)`` is the probability of being at ``s_i`` at step t, given the target. Everything is kept
as logarithms.
"""

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.ops import Array, logsumexp

Ids = NDArray[np.integer]


def collapse(symbols: Ids, blank: int = 0) -> Ids:
    """Read what was said: merge repeats, then drop blanks.

    Parameters
    ----------
    symbols : Ids
        One symbol for each step, ``(T,)``.
    blank : int
        The symbol that is not a label.

    Returns
    -------
    Ids
        The labels.

    Raises
    ------
    ValueError
        If the symbols are not a row of integers.

    Examples
    --------
    >>> collapse(np.array([1, 0, 1, 1, 2]))
    array([1, 1, 2])
    """
    shapes.check_kind("symbols", symbols, "integer", np.shape(symbols)[:1])
    labels: Ids = symbols[(np.diff(symbols, prepend=blank) != 0) & (symbols != blank)]
    return labels


def loss(
    logits: Array, targets: Ids, input_lengths: Ids, target_lengths: Ids, blank: int = 0
) -> tuple[float, Array]:
    """Mean negative log-probability of the targets, over all their alignments.

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(T, B, V)``.
    targets : Ids
        Labels from 0 to V - 1 without the blank, ``(B, N)``.
    input_lengths, target_lengths : Ids
        How many steps, at least 1, and how many labels, at least 0, belong to each sequence,
        ``(B,)``. What lies beyond changes neither the loss nor the gradient.
    blank : int
        The symbol that is not a label.

    Returns
    -------
    float
        The mean over the sequences, in nats.
    Array
        Its gradient with respect to the logits.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, a label is no label, a length is out of range, or a target
        has no alignment of positive probability. There torch returns infinity, or a zero that
        hides it.
    """
    _enter(logits, targets, input_lengths, target_lengths, blank)
    B = logits.shape[1]
    total, dlogits = 0.0, np.zeros_like(logits)
    for b, (T, N) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        log_p, dlogits[:T, b] = _log_p(logits[:T, b], targets[b, :N], blank)
        total = total - log_p / B  # (ctc)
    return total, dlogits / B


def _log_p(logits: Array, labels: Ids, blank: int) -> tuple[float, Array]:
    """Log-probability of the labels of one sequence, and the gradient of its negative."""
    log_y = logits - logsumexp(logits)
    path = np.full(2 * len(labels) + 1, blank)  # (ctc-path)
    path[1::2] = labels
    emit = log_y[:, path]
    alpha = _arrive(emit, path) + emit  # (ctc-forward)
    beta = _arrive(emit[::-1, ::-1], path[::-1])[::-1, ::-1]
    log_p = logsumexp(alpha[-1, -2:])[0]
    if not np.isfinite(log_p):
        raise ValueError("logits: got a target of probability 0, expected a positive one")
    gamma = np.exp(alpha + beta - log_p)  # (ctc-posterior)
    onehot = path[:, None] == np.arange(logits.shape[-1])
    return log_p, np.exp(log_y) - gamma @ onehot  # (ctc-backward)


def _arrive(emit: Array, path: Ids) -> Array:
    """Log of the sum over all ways to a place at a step, before that speaks, ``(T, 2N + 1)``."""
    may_skip = path != np.concatenate([path[:1], path[:1], path[:-2]])[: len(path)]
    alpha = np.where(np.arange(len(path)) == 0, 0, -np.inf).astype(emit.dtype)
    nowhere, arrived = np.full(2, -np.inf, emit.dtype), []
    for e in emit:
        one, two = (np.concatenate([nowhere[:k], alpha])[: len(path)] for k in (1, 2))
        ways = np.stack([alpha, one, np.where(may_skip, two, -np.inf)], axis=-1)
        arrived.append(logsumexp(ways)[:, 0])  # (ctc-arrive)
        alpha = arrived[-1] + e
    return np.stack(arrived)


def _enter(
    logits: Array, targets: Ids, input_lengths: Ids, target_lengths: Ids, blank: int
) -> None:
    """Refuse what has no loss."""
    sizes = shapes.arguments(logits=(logits, "T B V"))
    T, _, V = sizes.values()
    ids.check("targets", targets, ("B", "N"), sizes, 0, V - 1, where=False)
    ids.check("input_lengths", input_lengths, ("B",), sizes, 1, T)
    ids.check("target_lengths", target_lengths, ("B",), sizes, 0, sizes["N"])
    ids.check("blank", np.array([blank]), ("1",), {}, 0, V - 1)
    counts = np.arange(sizes["N"]) < target_lengths[:, None]
    ids.check("targets", targets, ("B", "N"), sizes, 0, V - 1, where=counts)
    if (targets == blank)[counts].any():
        raise ValueError(f"targets: got the blank {blank}, expected labels alone")
    twice = (targets[:, 1:] == targets[:, :-1]) & counts[:, 1:]
    least = target_lengths + twice.sum(1)  # between two equal labels a blank must stand
    if (short := input_lengths < least).any():
        got, want = input_lengths[short][0], least[short][0]
        raise ValueError(f"input_lengths: got {got}, expected at least {want} for its target")
    best = logits.real.max(-1)[np.arange(T)[:, None] < input_lengths]
    if not np.isfinite(best).all():
        raise ValueError(f"logits: got {best[~np.isfinite(best)][0]}, expected a finite maximum")
