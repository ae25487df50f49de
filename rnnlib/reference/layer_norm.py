r"""Layer normalisation (Ba et al. 2016).

The statistics are those of one example over its last axis, here written ``mean``; no example
depends on another, and none on the past::

    x̂ = (x - mean(x)) / √(mean((x - mean(x))²) + ε)                  (layer-norm-normal)
    y = γ ∘ x̂ + β                                                    (layer-norm)

and the transpose, given ``dy = ∂L/∂y``, with ``s`` the inverse of the root above::

    dγ = dy ∘ x̂,  dβ = dy                                            (layer-norm-dparams)
    dx̂ = γ ∘ dy                                                      (layer-norm-dnormal)
    dx = s (dx̂ - mean(dx̂) - x̂ mean(dx̂ ∘ x̂))                          (layer-norm-dinputs)

``ε`` keeps the division finite where all inputs are equal.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Array

EPS = 1e-5


class Params(NamedTuple):
    """What is learned."""

    gamma: Array  # (H,)
    beta: Array  # (H,)


def init(H: int) -> Params:
    """Parameters that leave what is normalised as it is.

    Parameters
    ----------
    H : int
        Number of inputs.

    Returns
    -------
    Params
        γ at one and β at zero, in float64.
    """
    return Params(np.ones(H), np.zeros(H))


def normalise(x: Array, eps: float = EPS) -> tuple[Array, Array]:
    """Shift and scale to mean zero and variance one over the last axis.

    Parameters
    ----------
    x : Array
        Inputs, ``(..., H)``.
    eps : float
        Keeps the division finite.

    Returns
    -------
    Array
        The normalised inputs, ``(..., H)``.
    Array
        The factor ``s`` that scaled them, ``(..., 1)``.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    return centred * s, s  # (layer-norm-normal)


def normalise_backward(x_hat: Array, s: Array, dx_hat: Array) -> Array:
    """Send the gradient of normalised inputs back.

    Parameters
    ----------
    x_hat, s : Array
        What :func:`normalise` gave.
    dx_hat : Array
        Gradient with respect to the normalised inputs, ``(..., H)``.

    Returns
    -------
    Array
        Gradient with respect to the inputs, ``(..., H)``.
    """
    mean, along = (a.mean(axis=-1, keepdims=True) for a in (dx_hat, dx_hat * x_hat))
    dx: Array = s * (dx_hat - mean - x_hat * along)  # (layer-norm-dinputs)
    return dx


def forward(params: Params, xs: Array, eps: float = EPS) -> Array:
    """Normalise every vector, then scale and shift it.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Array
        Inputs, ``(..., H)``.
    eps : float
        Keeps the division finite.

    Returns
    -------
    Array
        Outputs, ``(..., H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(params=(params, Params), xs=(xs, "... H"))
    x_hat, _ = normalise(xs, eps)
    return params.gamma * x_hat + params.beta  # (layer-norm)


def backward(params: Params, xs: Array, dys: Array, eps: float = EPS) -> tuple[Params, Array]:
    """Send the gradient of the outputs back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`forward` used.
    xs : Array
        The inputs that it read, ``(..., H)``.
    dys : Array
        Gradient with respect to its outputs, ``(..., H)``.
    eps : float
        As for :func:`forward`.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the inputs, ``(..., H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = shapes.arguments(params=(params, Params), xs=(xs, "... H"))
    shapes.check("dys", dys, (*map(str, xs.shape[:-1]), "H"), sizes)
    x_hat, s = normalise(xs, eps)
    others = tuple(range(xs.ndim - 1))
    dparams = Params((dys * x_hat).sum(others), dys.sum(others))  # (layer-norm-dparams)
    dx_hat = params.gamma * dys  # (layer-norm-dnormal)
    return dparams, normalise_backward(x_hat, s, dx_hat)
