r"""Weight drop: DropConnect on the recurrent weights (Wan et al. 2013; Merity et al. 2018).

One mask, drawn once for a sequence, drops weights instead of units::

    W̃ = m ∘ W_h                                                      (weight-drop)

The cell runs with ``W̃``, and is not changed: any cell with a ``W_h`` will do.
"""

from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from rnnlib.nn import dropout


class HasRecurrent(Protocol):
    """Parameters: a named tuple with recurrent weights ``W_h``."""

    @property
    def W_h(self) -> Tensor: ...
    def _replace(self, *, W_h: Tensor) -> Self: ...


P = TypeVar("P", bound=HasRecurrent)


def draw(rng: torch.Generator | None, params: HasRecurrent, rate: float) -> Tensor:
    """Draw a mask of the recurrent weights.

    Parameters
    ----------
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    params : Params
        Parameters of a cell with recurrent weights ``W_h``.
    rate : float
        Probability that a weight is dropped, below 1.

    Returns
    -------
    Tensor
        Of the shape and dtype of ``W_h``; its mean is 1.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1.
    """
    W_h = params.W_h
    wide = torch.promote_types(W_h.dtype, torch.float32)
    u = torch.rand(W_h.shape, generator=rng, dtype=wide, device=W_h.device)
    return dropout.mask(u, rate).to(W_h.dtype)


def forward(params: P, m: Tensor) -> P:
    """Drop recurrent weights.

    Parameters
    ----------
    params : Params
        Parameters of a cell with recurrent weights ``W_h``.
    m : Tensor
        The mask, of the shape of ``W_h``.

    Returns
    -------
    Params
        The parameters to run the sequence with.

    Raises
    ------
    ValueError
        If the mask is not of the shape of ``W_h``.
    """
    if m.shape != params.W_h.shape:
        raise ValueError(f"m: got shape {tuple(m.shape)}, expected {tuple(params.W_h.shape)}")
    W_h = m * params.W_h  # (weight-drop)
    return params._replace(W_h=W_h)
