r"""Linear read-out: from states to predictions or logits.

For one state::

    ŷ = W_y h + b_y                                                  (linear)

and its transpose, given ``dŷ = ∂L/∂ŷ``::

    dW_y = dŷ hᵀ,  db_y = dŷ                                         (linear-dparams)
    dh = W_yᵀ dŷ                                                     (linear-dinputs)

It acts on the last axis; all others, time and batch among them, are summed over in the parameter
gradients.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned."""

    W_y: Array  # (V, H)
    b_y: Array  # (V,)


def init(rng: np.random.Generator, H: int, V: int) -> Params:
    """Draw parameters: uniform within ±1/√H, the bias at zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    H, V : int
        Number of inputs (hidden units) and of outputs.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(uniform(rng, (V, H), fan=H), np.zeros(V))


def forward(params: Params, hs: Array) -> Array:
    """Read out every state.

    Parameters
    ----------
    params : Params
        The parameters.
    hs : Array
        States, ``(..., H)``.

    Returns
    -------
    Array
        Outputs, ``(..., V)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(params=(params, Params), hs=(hs, "... H"))
    return hs @ params.W_y.T + params.b_y  # (linear)


def backward(params: Params, hs: Array, dys: Array) -> tuple[Params, Array]:
    """Send the gradient of the outputs back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`forward` used.
    hs : Array
        The states that it read, ``(..., H)``.
    dys : Array
        Gradient with respect to its outputs, ``(..., V)``.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the states, ``(..., H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = shapes.arguments(params=(params, Params), hs=(hs, "... H"))
    shapes.check("dys", dys, (*map(str, hs.shape[:-1]), "V"), sizes)

    rows, drows = hs.reshape(-1, hs.shape[-1]), dys.reshape(-1, dys.shape[-1])
    dparams = Params(W_y=drows.T @ rows, b_y=drows.sum(0))  # (linear-dparams)
    return dparams, dys @ params.W_y  # (linear-dinputs)
