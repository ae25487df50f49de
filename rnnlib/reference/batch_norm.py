r"""Batch normalisation over time (Ioffe & Szegedy 2015; Cooijmans et al. 2017).

The statistics are weighted sums over the batch at each step, or over the batch and all steps; the
weight ``w`` is ``1/n`` at the ``n`` places that the mask lets through, and 0 elsewhere::

    m = Σ w x,  v = Σ w (x - m)²                                     (batch-statistics)
    x̂ = (x - m) / √(v + ε),  y = γ ∘ x̂ + β                           (batch-norm)

and the transpose, given ``dy = ∂L/∂y``::

    dx̂ = γ ∘ dy,  dγ = Σ dy ∘ x̂,  dβ = Σ dy                          (batch-norm-dparams)
    dx = (dx̂ - w (Σ dx̂ + x̂ ∘ Σ dx̂ ∘ x̂)) / √(v + ε)                   (batch-norm-dinputs)

In evaluation running statistics stand in for ``m`` and ``v``; they do not depend on ``x``, so
``w = 0`` on the way back. Training moves them by the share μ, with the unbiased variance::

    m̄' = m̄ + μ (m - m̄),  v̄' = v̄ + μ (v n / (n - 1) - v̄)             (batch-running)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference.ops import Array

EACH_STEP = (1,)  # statistics over the batch, for every step its own
ALL_STEPS = (0, 1)  # statistics over the batch and the steps


class Params(NamedTuple):
    """What is learned."""

    gamma: Array  # (D,)
    beta: Array  # (D,)


class Running(NamedTuple):
    """Statistics from training: of the first N steps, or N = 1 row that all steps share."""

    mean: Array  # (N, D)
    var: Array  # (N, D)


class Cache(NamedTuple):
    """What the way back needs."""

    x_hat: Array  # (T, B, D)
    scale: Array  # (T, 1, D)
    mask: NDArray[np.bool_]
    w: Array  # (T, B, 1)
    axes: tuple[int, ...]


def init(D: int, gain: float = 1.0) -> Params:
    """Parameters that scale to one standard deviation for all, and do not shift.

    Parameters
    ----------
    D : int
        Number of inputs.
    gain : float
        The deviation γ. Before a tanh Cooijmans et al. (2017) take 0.1, lest it saturate.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(np.full(D, gain), np.zeros(D))


def no_training(D: int, N: int) -> Running:
    """Running statistics before any training: mean 0 and variance 1.

    Parameters
    ----------
    D : int
        Number of inputs.
    N : int
        The longest sequence of the training if every step has its own, 1 if they share.

    Returns
    -------
    Running
        In float64.
    """
    return Running(np.zeros((N, D)), np.ones((N, D)))


def train(
    params: Params,
    xs: Array,
    running: Running,
    mask: Array | None = None,
    axes: tuple[int, ...] = EACH_STEP,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Cache, Running]:
    """Normalise a batch by its own statistics.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Array
        Inputs, ``(T, B, D)``.
    running : Running
        Running statistics before this batch.
    mask : Array, optional
        True where a step counts, ``(T, B)``; by default all do. What it hides changes no
        statistic, no gradient, and gives zero.
    axes : tuple of int
        ``EACH_STEP`` or ``ALL_STEPS``.
    momentum : float
        Share μ that the batch has in the new running statistics.
    eps : float
        Keeps the division finite.

    Returns
    -------
    Array
        Outputs, ``(T, B, D)``.
    Cache
        For :func:`backward`.
    Running
        Running statistics after this batch.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, a statistic would rest on fewer than two places, or
        ``running`` has not a row for every step, or not one row for all.
    """
    xs, mask = _enter(params, xs, running, mask)
    if axes not in (EACH_STEP, ALL_STEPS):
        raise ValueError(f"axes: got {axes}, expected EACH_STEP or ALL_STEPS")
    N, T = len(running.mean), len(xs)
    if (N < T) if axes == EACH_STEP else (N != 1):
        want = f"at least T = {T}" if axes == EACH_STEP else "1, for all steps"
        raise ValueError(f"running: got N = {N} rows, expected {want}")
    n = mask.sum(axes, keepdims=True).astype(xs.real.dtype)
    if n.min() < 2:
        raise ValueError(f"xs: got a mean over n = {n.min():.0f} places, expected at least 2")

    w = mask / n
    m = (w * xs).sum(axes, keepdims=True)  # (batch-statistics)
    v = (w * (xs - m) ** 2).sum(axes, keepdims=True)
    after = Running(  # (batch-running)
        _move(running.mean, m[:, 0], momentum),
        _move(running.var, (v * n / (n - 1))[:, 0], momentum),
    )
    return *_normalise(params, xs, mask, m, v + eps, w, axes), after


def evaluate(
    params: Params, xs: Array, running: Running, mask: Array | None = None, eps: float = 1e-5
) -> tuple[Array, Cache]:
    """Normalise by running statistics; a sequence may be longer than those of the training.

    Parameters
    ----------
    params, xs, running, mask, eps
        As for :func:`train`. Beyond the N-th step the last row serves (Cooijmans et al. 2017).

    Returns
    -------
    Array
        Outputs, ``(T, B, D)``; no example depends on another.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    xs, mask = _enter(params, xs, running, mask)
    row = np.minimum(np.arange(len(xs)), len(running.mean) - 1)
    m, v = running.mean[row, None], running.var[row, None]
    w = np.zeros(mask.shape, xs.dtype)
    return _normalise(params, xs, mask, m, v + eps, w, EACH_STEP)


def backward(params: Params, cache: Cache, dys: Array) -> tuple[Params, Array]:
    """Send the gradient of the outputs back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`train` or :func:`evaluate` used.
    cache : Cache
        What it kept.
    dys : Array
        Gradient with respect to its outputs, ``(T, B, D)``.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(params=(params, Params), cache=(cache, Cache), dys=(dys, "T B D"))
    x_hat, scale, mask, w, axes = cache
    dys = np.where(mask, dys, 0)
    dx_hat = params.gamma * dys
    dparams = Params((dys * x_hat).sum((0, 1)), dys.sum((0, 1)))  # (batch-norm-dparams)
    along, across = ((dx_hat * a).sum(axes, keepdims=True) for a in (1, x_hat))
    return dparams, (dx_hat - w * (along + x_hat * across)) * scale  # (batch-norm-dinputs)


def _enter(params: Params, xs: Array, running: Running, mask: Array | None) -> tuple[Array, Array]:
    """Inputs with zeros where the mask hides them, and the mask, ``(T, B, 1)``."""
    sizes = shapes.arguments(params=(params, Params), xs=(xs, "T B D"))
    shapes.check_tuple("running", running, sizes, like=Running)
    mask = np.ones(xs.shape[:2], dtype=bool) if mask is None else mask
    shapes.check_kind("mask", mask, "bool", xs.shape[:2])
    return np.where(mask[..., None], xs, 0), mask[..., None]


def _move(old: Array, new: Array, momentum: float) -> Array:
    """Move the rows that the batch has reached."""
    k = len(new)
    return np.concatenate([old[:k] + momentum * (new - old[:k]), old[k:]])


def _normalise(
    params: Params, xs: Array, mask: Array, m: Array, v: Array, w: Array, axes: tuple[int, ...]
) -> tuple[Array, Cache]:
    """Outputs and cache, given the statistics."""
    scale = np.broadcast_to(1 / np.sqrt(v), (len(xs), 1, xs.shape[-1]))
    x_hat = (xs - m) * scale
    ys = np.where(mask, params.gamma * x_hat + params.beta, 0)  # (batch-norm)
    return ys, Cache(x_hat, scale, mask, w, axes)
