r"""Penalties: what is added to a loss, each with its gradient.

``λ`` is the rate. On parameters θ, a tree of arrays, or on one matrix ``W``::

    L = λ Σ |θ|                                                      (l1)
    dθ = λ sign θ,  0 at 0                                           (l1-backward)
    L = λ/2 Σ θ²                                                     (l2)
    dθ = λ θ                                                         (l2-backward)
    L = λ/4 ‖WᵀW - I‖²                                               (orthogonality)
    dW = λ W (WᵀW - I)                                               (orthogonality-backward)

On hidden states, with the mask ``m_t`` (1 where a step counts) and ``n`` the numbers that count
(Merity et al. 2017); a change counts if both its ends do::

    L = λ/n Σ m_t h_t²                                               (activation)
    dh_t = 2λ/n m_t h_t                                              (activation-backward)
    e_t = m_t m_{t-1} (h_t - h_{t-1}),  L = λ/n Σ_{t>1} e_t²         (temporal)
    dh_t = 2λ/n (e_t - e_{t+1}),  e_1 = e_{T+1} = 0                  (temporal-backward)
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference.ops import Array, Tree, leaves, paths, tree_map, zeros_like
from rnnlib.reference.weight_drop import HasRecurrent
from rnnlib.reference.weight_drop import recurrent as recurrent_weights

P = TypeVar("P", bound=HasRecurrent)


def l1(params: Tree, rate: float) -> tuple[float, Tree]:
    """Sum of absolute values: makes small parameters exactly zero (Tibshirani 1996).

    Parameters
    ----------
    params : tree of Array
        What is penalised.
    rate : float
        Rate λ.

    Returns
    -------
    float
        The penalty.
    tree of Array
        Its gradient; at zero, where there is none, the one of smallest size, 0.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, or a leaf is no array of a floating dtype.
    """
    _check_tree("params", params, rate)
    signs = tree_map(lambda p: np.sign(p.real), params)
    sizes = tree_map(lambda p, s: p * s, params, signs)  # |θ|, analytic but at zero
    penalty = rate * sum(a.sum() for a in leaves(sizes))  # (l1)
    return penalty, tree_map(lambda s: rate * s, signs)  # (l1-backward)


def l2(params: Tree, rate: float) -> tuple[float, Tree]:
    """Half the sum of squares; under plain gradient descent, weights that decay.

    Parameters
    ----------
    params : tree of Array
        What is penalised.
    rate : float
        Rate λ.

    Returns
    -------
    float
        The penalty.
    tree of Array
        Its gradient.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, or a leaf is no array of a floating dtype.
    """
    _check_tree("params", params, rate)
    penalty = rate / 2 * sum((p * p).sum() for p in leaves(params))  # (l2)
    return penalty, tree_map(lambda p: rate * p, params)  # (l2-backward)


def orthogonality(W: Array, rate: float) -> tuple[float, Array]:
    """Distance of a square matrix from one that keeps all lengths (Vorontsov et al. 2017).

    Parameters
    ----------
    W : Array
        Recurrent weights, ``(H, H)``.
    rate : float
        Rate λ.

    Returns
    -------
    float
        The penalty.
    Array
        Its gradient.

    Raises
    ------
    ValueError
        If the rate is negative or not finite, or a shape or dtype is not as stated.
    """
    _check_tree("W", W, rate)
    shapes.check("W", W, ("H", "H"), {})
    excess = W.T @ W - np.eye(len(W), dtype=W.dtype)
    penalty = rate / 4 * (excess * excess).sum()  # (orthogonality)
    return penalty, rate * W @ excess  # (orthogonality-backward)


def recurrent(
    penalty: Callable[[Array, float], tuple[float, Array]], params: P, rate: float
) -> tuple[float, P]:
    """Penalise the recurrent weights alone.

    Parameters
    ----------
    penalty : callable
        Such as :func:`l2`.
    params : Params
        Parameters of a cell with recurrent weights ``W_h``.
    rate : float
        Rate λ.

    Returns
    -------
    float
        The penalty on ``W_h``.
    Params
        Its gradient, zero but for ``W_h``.

    Raises
    ------
    ValueError
        If there is no ``W_h``, or the penalty refuses it.
    """
    value, dW_h = penalty(recurrent_weights("params", params), rate)
    return value, zeros_like(params)._replace(W_h=dW_h)


def activation(hs: Array, rate: float, mask: Array | None = None) -> tuple[float, Array]:
    """Mean square of the states (AR of Merity et al. 2017).

    Parameters
    ----------
    hs : Array
        States, ``(T, B, H)``.
    rate : float
        Rate λ.
    mask : Array, optional
        True where a step counts, ``(T, B)``; by default all do. What it hides changes neither
        the penalty nor the gradient.

    Returns
    -------
    float
        The penalty.
    Array
        Its gradient with respect to the states, ``(T, B, H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the rate is negative or not finite, or no step counts.
    """
    hs, mask = _states(hs, rate, mask)
    scale = rate / _count(mask, hs)
    penalty = scale * (hs * hs).sum()  # (activation)
    return penalty, 2 * scale * hs  # (activation-backward)


def temporal(hs: Array, rate: float, mask: Array | None = None) -> tuple[float, Array]:
    """Mean square of the changes of the states (TAR of Merity et al. 2017).

    Parameters
    ----------
    hs, rate, mask
        As for :func:`activation`; a change counts if both its steps do.

    Returns
    -------
    float
        The penalty; zero if there is no change to count.
    Array
        Its gradient with respect to the states, ``(T, B, H)``.

    Raises
    ------
    ValueError
        As for :func:`activation`.
    """
    hs, mask = _states(hs, rate, mask)
    both = mask[1:] & mask[:-1]
    changes = both * (hs[1:] - hs[:-1])
    scale = rate / max(_count(both, hs), 1)
    edge = np.zeros_like(hs[:1])
    e = np.concatenate([edge, changes, edge])
    penalty = scale * (changes * changes).sum()  # (temporal)
    return penalty, 2 * scale * (e[:-1] - e[1:])  # (temporal-backward)


def _check_tree(name: str, params: Any, rate: float) -> None:
    """Refuse a rate or a tree that cannot be penalised."""
    if not 0 <= rate < np.inf:
        raise ValueError(f"rate: got {rate}, expected a finite number, not negative")
    for path, p in zip(paths(name, params), leaves(params), strict=True):
        shapes.check(path, p, ("...",), {})


def _states(hs: Array, rate: float, mask: Array | None) -> tuple[Array, NDArray[np.bool_]]:
    """States with zeros where the mask hides them, and the mask, ``(T, B, 1)``."""
    _check_tree("hs", hs, rate)
    shapes.arguments(hs=(hs, "T B H"))
    seen = np.ones(hs.shape[:2], dtype=bool) if mask is None else mask
    shapes.check_kind("mask", seen, "bool", hs.shape[:2])
    if not seen.any():
        raise ValueError("mask: got no step that counts, expected at least one")
    return np.where(seen[..., None], hs, 0), seen[..., None]


def _count(mask: NDArray[np.bool_], hs: Array) -> int:
    """How many numbers count."""
    return int(np.count_nonzero(mask)) * len(hs.T)
