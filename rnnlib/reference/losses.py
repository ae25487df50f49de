r"""Losses, each with its gradient.

``ŷ`` is what the read-out says, ``y`` the target; ``N`` counts the numbers predicted, ``M`` the
symbols that the mask ``m`` lets through::

    L = Σ (ŷ - y)² / N                                               (mse)
    dŷ = 2 (ŷ - y) / N                                               (mse-backward)

    p = softmax(ŷ),  L = -Σ m log p[y] / M                           (cross-entropy)
    dŷ = m (p - onehot(y)) / M                                       (cross-entropy-backward)
"""

from collections.abc import Callable

import numpy as np

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.ops import Array, logsumexp

Loss = Callable[[Array, Array], tuple[float, Array]]


def mse(predictions: Array, targets: Array) -> tuple[float, Array]:
    """Mean squared error.

    Parameters
    ----------
    predictions : Array
        What the network says, of any shape.
    targets : Array
        What it should have said, of the same shape.

    Returns
    -------
    float
        The mean over all numbers.
    Array
        Its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If the shapes differ, a dtype is not floating, or there is nothing to average.
    """
    check_pair(predictions, targets)
    error = predictions - targets
    loss = (error * error).mean()  # (mse)
    return loss, 2 * error / error.size  # (mse-backward)


def masked(loss: Loss, predictions: Array, targets: Array, mask: Array) -> tuple[float, Array]:
    """Loss over those numbers alone that count.

    Parameters
    ----------
    loss : callable
        :func:`mse`, or :func:`rnnlib.reference.quantile.pinball` with its quantile.
    predictions, targets
        As for the loss.
    mask : Array
        True where a number counts, of the same shape. What it hides changes neither the loss nor
        the gradient.

    Returns
    -------
    float
        The mean over the numbers that count.
    Array
        Its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If the shapes differ, a dtype is wrong, or no number counts.
    """
    check_pair(predictions, targets)
    shapes.check_kind("mask", mask, "bool", predictions.shape)
    if not mask.any():
        raise ValueError("mask: got no number that counts, expected at least one")
    dpredictions = np.zeros_like(predictions)
    value, dpredictions[mask] = loss(predictions[mask], targets[mask])
    return value, dpredictions


def check_pair(predictions: Array, targets: Array) -> None:
    """Refuse predictions and targets that differ in shape, are no numbers, or none."""
    shapes.check("predictions", predictions, ("...",), {})
    shapes.check("targets", targets, ("...",), {})
    if predictions.shape != targets.shape:
        raise ValueError(f"targets: got shape {targets.shape}, expected {predictions.shape}")
    if predictions.size == 0:
        raise ValueError("predictions: got none, expected at least one number")


def cross_entropy(logits: Array, targets: Array, mask: Array | None = None) -> tuple[float, Array]:
    """Mean negative log-probability of the right symbols.

    Parameters
    ----------
    logits : Array
        Unnormalised log-probabilities, ``(..., V)``.
    targets : Array
        The right symbols as integers from 0 to V - 1, ``(...)``.
    mask : Array, optional
        True where a symbol counts, ``(...)``; by default all do. What it hides changes neither
        the loss nor the gradient.

    Returns
    -------
    float
        The mean over the symbols that count, in nats.
    Array
        Its gradient with respect to the logits.

    Raises
    ------
    ValueError
        If a shape or dtype is wrong, a target that counts is no symbol, or none counts.
    """
    shapes.check("logits", logits, ("...", "V"), {})
    if mask is None:
        mask = np.ones(logits.shape[:-1], dtype=bool)
    shapes.check_kind("mask", mask, "bool", logits.shape[:-1])
    V, M = logits.shape[-1], mask.sum()
    ids.check("targets", targets, [str(n) for n in logits.shape[:-1]], {}, 0, V - 1, where=mask)
    if M == 0:
        raise ValueError("mask: got no symbol that counts, expected at least one")

    logits = np.where(mask[..., None], logits, 0)  # what is hidden may be anything, even NaN
    onehot = np.arange(V) == targets[..., None]
    log_p = logits - logsumexp(logits)
    loss = -np.where(mask[..., None] & onehot, log_p, 0).sum() / M  # (cross-entropy)
    return loss, mask[..., None] * (np.exp(log_p) - onehot) / M  # (cross-entropy-backward)
