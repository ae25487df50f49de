r"""Embedding: a learned vector for every symbol.

For one symbol ``y``::

    x = E[y]                                                         (embedding)

and its transpose, given ``dx = ∂L/∂x`` of every symbol read::

    dE[v] = Σ_{y = v} dx                                             (embedding-dparams)

This is the one-hot vector times a matrix, ``x = Eᵀ onehot(y)``, without the multiplications by
zero. A symbol that is read twice gets both gradients; integers have none.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.init import gaussian
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned."""

    E: Array  # (V, D)


def init(rng: np.random.Generator, V: int, D: int) -> Params:
    """Draw vectors as torch does: standard normal.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    V, D : int
        Number of symbols, and of numbers that stand for each.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(gaussian(rng, (V, D), std=1.0))


def forward(params: Params, symbols: Array) -> Array:
    """Look symbols up.

    Parameters
    ----------
    params : Params
        The parameters.
    symbols : Array
        Integers from 0 to V - 1, ``(...)``, such as ``(T, B)``.

    Returns
    -------
    Array
        Their vectors, ``(..., D)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or an integer is no symbol.
    """
    sizes = shapes.arguments(params=(params, Params))
    ids.check("symbols", symbols, ("...",), sizes, 0, sizes["V"] - 1)
    x: Array = params.E[symbols]  # (embedding)
    return x


def backward(params: Params, symbols: Array, dxs: Array) -> Params:
    """Send the gradient of the vectors back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`forward` used.
    symbols : Array
        The symbols that it read, ``(...)``.
    dxs : Array
        Gradient with respect to the vectors, ``(..., D)``.

    Returns
    -------
    Params
        Gradient with respect to the parameters; zero for a symbol that was not read.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or an integer is no symbol.
    """
    sizes = shapes.arguments(params=(params, Params))
    ids.check("symbols", symbols, ("...",), sizes, 0, sizes["V"] - 1)
    shapes.check("dxs", dxs, (*map(str, symbols.shape), "D"), sizes)
    dE = np.zeros_like(params.E)
    np.add.at(dE, symbols, dxs)  # (embedding-dparams)
    return Params(dE)
