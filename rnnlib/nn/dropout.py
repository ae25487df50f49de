r"""Dropout: train with a random half of a network, use all of it (Srivastava et al. 2014).

With the rate ``p`` and numbers ``u`` drawn evenly from [0, 1)::

    m = 1{u ≥ p} / (1 - p)                                           (dropout-mask)

The mean of ``m`` is 1, so in evaluation nothing is left to do. For each step and what goes up
through the layers there is ``torch.nn.functional.dropout``; here masks are drawn once for a whole
sequence, and then for the recurrent state too (Gal & Ghahramani 2016)::

    s' = step(m_x ∘ x, s with m_h ∘ h for its h)                     (dropout-cell)
"""

from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor

from rnnlib.nn.bptt import Cell, P, S
from rnnlib.reference.dropout import check_rate


def mask(u: Tensor, rate: float) -> Tensor:
    """Turn even numbers into a mask.

    Parameters
    ----------
    u : Tensor
        Numbers from [0, 1), of any shape.
    rate : float
        Probability p that one is dropped, below 1.

    Returns
    -------
    Tensor
        Zeros, and elsewhere ``1 / (1 - p)``; of the same shape and dtype.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1.

    Examples
    --------
    >>> mask(torch.tensor([0.0, 0.19, 0.2, 0.9]), 0.2)
    tensor([0.0000, 0.0000, 1.2500, 1.2500])
    """
    check_rate("rate", rate)
    return (u >= rate).to(u.dtype) / (1 - rate)  # (dropout-mask)


def each_sequence(
    rng: torch.Generator | None, rate: float, B: int, D: int, dtype: Any = None, device: Any = None
) -> Tensor:
    """Draw one mask for all steps (Gal & Ghahramani 2016).

    Parameters
    ----------
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    rate : float
        Probability that a number is dropped.
    B, D : int
        Number of sequences and numbers.
    dtype, device
        Those of what is masked.

    Returns
    -------
    Tensor
        ``(B, D)``, for :class:`Dropout`.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1.
    """
    wide = torch.promote_types(dtype or torch.get_default_dtype(), torch.float32)
    u = torch.rand(B, D, generator=rng, dtype=wide, device=device)  # bfloat16 has too few numbers
    return mask(u, rate).to(dtype)


@dataclass(frozen=True, eq=False)
class Dropout(Generic[P, S]):
    """A cell whose input and recurrent state go through the same two masks at every step.

    Parameters
    ----------
    cell : Cell
        The cell.
    m_x : Tensor
        Mask of its inputs, ``(B, D)`` or what broadcasts to it.
    m_h : Tensor
        Mask of the state that it reads, ``(B, H)``; what it hands out is whole.
    """

    cell: Cell[P, S]
    m_x: Tensor
    m_h: Tensor

    def zero_state(self, params: P, B: int) -> S:
        """The first state of the cell."""
        return self.cell.zero_state(params, B)

    def step(self, params: P, x: Tensor, state: S) -> S:
        """Read one input ``(B, D)``; return the state after it."""
        masked = state._replace(h=self.m_h * state.h)
        return self.cell.step(params, self.m_x * x, masked)  # (dropout-cell)
