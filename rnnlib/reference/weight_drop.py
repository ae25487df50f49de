r"""Weight drop: DropConnect on the recurrent weights (Wan et al. 2013; Merity et al. 2018).

One mask, drawn once for a sequence, drops weights instead of units::

    W̃ = m ∘ W_h                                                      (weight-drop)
    dW_h = m ∘ dW̃                                                    (weight-drop-dweights)

The cell runs with ``W̃``, and is not changed: any cell with a ``W_h`` will do.
"""

from typing import Any, Protocol, Self, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference import dropout
from rnnlib.reference.ops import Array


class HasRecurrent(Protocol):
    """Parameters: a named tuple with recurrent weights ``W_h``."""

    @property
    def W_h(self) -> Array: ...
    def _replace(self, *, W_h: Array) -> Self: ...


P = TypeVar("P", bound=HasRecurrent)


def draw(rng: np.random.Generator, params: HasRecurrent, rate: float) -> Array:
    """Draw a mask of the recurrent weights.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    params : Params
        Parameters of a cell with recurrent weights ``W_h``.
    rate : float
        Probability that a weight is dropped, below 1.

    Returns
    -------
    Array
        Of the shape and dtype of ``W_h``; its mean is 1.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1, or there is no ``W_h``.
    """
    W_h = recurrent("params", params)
    return dropout.mask(rng.random(W_h.shape), rate).astype(W_h.dtype)


def forward(params: P, m: Array) -> P:
    """Drop recurrent weights.

    Parameters
    ----------
    params : Params
        Parameters of a cell with recurrent weights ``W_h``.
    m : Array
        The mask, of the shape of ``W_h``.

    Returns
    -------
    Params
        The parameters to run the sequence with.

    Raises
    ------
    ValueError
        If there is no ``W_h``, or the mask is not of its shape.
    """
    W_h = _masked("params", params, m)  # (weight-drop)
    return params._replace(W_h=W_h)


def backward(dparams: P, m: Array) -> P:
    """Send the gradient with respect to what the sequence was run with back.

    Parameters
    ----------
    dparams : Params
        Gradient with respect to what :func:`forward` gave.
    m : Array
        The mask that it took.

    Returns
    -------
    Params
        Gradient with respect to the parameters; a dropped weight gets none.

    Raises
    ------
    ValueError
        If there is no ``W_h``, or the mask is not of its shape.
    """
    dW_h = _masked("dparams", dparams, m)  # (weight-drop-dweights)
    return dparams._replace(W_h=dW_h)


def recurrent(name: str, params: Any) -> Array:
    """The recurrent weights, once it is known that there are some."""
    if not hasattr(params, "W_h"):
        raise ValueError(f"{name}: got {type(params).__name__}, expected parameters with a W_h")
    shapes.check(f"{name}.W_h", params.W_h, ("M", "H"), {})
    W_h: Array = params.W_h
    return W_h


def _masked(name: str, params: Any, m: Array) -> Array:
    """The product of a mask and the recurrent weights, or their gradient."""
    W_h = recurrent(name, params)
    shapes.check("m", m, [str(n) for n in W_h.shape], {})
    return m * W_h
