r"""Reset: a new sequence begins in the middle of another's row.

With ``r = 1`` where the input is the first of a new sequence, and ``0`` elsewhere::

    s' = step(x, 0)  if r = 1,   s' = step(x, s)  if r = 0           (reset)

As in :mod:`rnnlib.nn.zoneout` the inputs of the cell are ``[x; r]``. So several short sequences
share a row of a batch, as streams of games or documents do, and nothing crosses their borders: no
value forward, no gradient backward.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple

import torch
from torch import Tensor

from rnnlib.nn.bptt import Cell, P, S
from rnnlib.reference.ops import tree_map


class Params(NamedTuple, Generic[P]):
    """What is learned: the parameters of the cell."""

    cell: P


def inputs(xs: Tensor, resets: Tensor) -> Tensor:
    """What the cell reads, ``(T, B, D + 1)``: inputs ``(T, B, D)`` and resets ``(T, B)``."""
    return torch.cat([xs, resets[..., None].to(xs.dtype)], dim=-1)


@dataclass(frozen=True)
class Reset(Generic[P, S]):
    """A cell whose state can be set to zero before a step.

    Parameters
    ----------
    cell : Cell
        The cell.
    """

    cell: Cell[P, S]

    def zero_state(self, params: Params[P], B: int) -> S:
        """The first state of the cell."""
        return self.cell.zero_state(params.cell, B)

    def step(self, params: Params[P], x: Tensor, state: S) -> S:
        """Read one input ``[x; r]``, ``(B, D + 1)``; return the state after it."""
        first = x[:, -1:] > 0
        state = tree_map(lambda s: torch.where(first, 0, s), state)
        return self.cell.step(params.cell, x[:, :-1], state)  # (reset)
