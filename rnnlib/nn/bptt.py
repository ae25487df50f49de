r"""Run any cell over time; autograd carries the gradients back.

With ``s`` the state and ``h`` the part of it that is read out::

    s_t = step(x_t, s_{t-1}),                t = 1 ... T             (unroll)
"""

from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor

from rnnlib.nn import entrance


class HasHidden(Protocol):
    """A state: a named tuple with at least the hidden part ``h``."""

    @property
    def h(self) -> Tensor: ...
    def _replace(self, *, h: Tensor) -> Self: ...


P = TypeVar("P", contravariant=True)  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State


class Cell(Protocol[P, S]):
    """What a cell is: any module, or frozen dataclass, with these two functions.

    A cell whose inputs are not ``(B, D)`` says so in a constant such as ``INPUT = "B D Y X"``.
    """

    def zero_state(self, params: P, B: int) -> S: ...
    def step(self, params: P, x: Tensor, state: S) -> S: ...


def forward(cell: Cell[P, S], params: P, xs: Tensor, state: S) -> tuple[Tensor, S]:
    """Unroll a cell over a sequence.

    Parameters
    ----------
    cell : Cell
        The cell, such as the module :mod:`rnnlib.nn.elman`.
    params : Params
        Its parameters.
    xs : Tensor
        Inputs, ``(T, B, D)``, or as the cell states, with T ≥ 1.
    state : State
        State before the first input.

    Returns
    -------
    Tensor
        Hidden states, ``(T, B, H)``, or as the cell's state states ``h``.
    State
        State after the last input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shape = f"T {getattr(cell, 'INPUT', 'B D')}"
    entrance.check(params=params, xs=(xs, shape), state=state)
    hs = []
    for x in xs:
        state = cell.step(params, x, state)  # (unroll)
        hs.append(state.h)
    return torch.stack(hs), state
