r"""Zoneout: some units keep what they had (Krueger et al. 2017).

Whatever a cell makes of its state ``s``, the share ``k`` of the old one is kept::

    s̃ = step(x, s)                                                   (zoneout-step)
    s' = k ∘ s + (1 - k) ∘ s̃                                         (zoneout)

In training ``k = 1{u < z}`` with ``u`` drawn evenly from [0, 1) for every step and unit, and ``z``
the rate; in evaluation ``k = z``, its mean. It is a gate that nobody learns, and comes in from
outside: the inputs of the cell are ``[x; k]``, so that a step stays a function of its arguments.
"""

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance
from rnnlib.nn.bptt import Cell, P, S
from rnnlib.reference.dropout import check_rate
from rnnlib.reference.ops import tree_map


class Params(NamedTuple, Generic[P]):
    """What is learned: the parameters of the cell."""

    cell: P


def draw(rng: torch.Generator | None, state: Any, rates: tuple[float, ...], T: int) -> Tensor:
    """Draw what is kept in training.

    Parameters
    ----------
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    state : State
        A state of the cell.
    rates : tuple of float
        Probability z for each array of the state, such as ``(0.05, 0.5)`` for h and c.
    T : int
        Number of steps.

    Returns
    -------
    Tensor
        ``k``, one where a unit keeps its state, ``(T, B, S)`` with S the size of all the state.

    Raises
    ------
    ValueError
        If the rates are not one for each array, or one is not from 0 to below 1.
    """
    z = expected(state, rates, T)
    return (torch.rand(z.shape, generator=rng, device=z.device) < z).to(z.dtype)


def expected(state: Any, rates: tuple[float, ...], T: int) -> Tensor:
    """The mean of what :func:`draw` gives, for evaluation; arguments and result as there."""
    if len(rates) != len(state):
        raise ValueError(f"rates: got {rates}, expected {len(state)}, one per array of the state")
    for rate in rates:
        check_rate("rates", rate)
    z = [a.new_full((T, *a.shape), rate) for a, rate in zip(state, rates, strict=True)]
    return torch.cat(z, dim=-1)


def inputs(xs: Tensor, keep: Tensor) -> Tensor:
    """What the cell reads: inputs, and behind them what is kept.

    Parameters
    ----------
    xs : Tensor
        Inputs, ``(T, B, D)``.
    keep : Tensor
        Share k of every unit, ``(T, B, S)``.

    Returns
    -------
    Tensor
        ``(T, B, D + S)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    entrance.check(xs=(xs, "T B D"), keep=(keep, "T B S"))
    return torch.cat([xs, keep], dim=-1)


@dataclass(frozen=True)
class Zoneout(Generic[P, S]):
    """A cell with zoneout.

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
        """Read one input ``[x; k]``, ``(B, D + S)``; return the state after it."""
        x, keep = _split(x, state)
        new = self.cell.step(params.cell, x, state)  # (zoneout-step)
        after: S = tree_map(lambda k, s, n: k * s + (1 - k) * n, keep, state, new)  # (zoneout)
        return after


def _split(x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """The inputs of the cell, and a state that holds the share that is kept."""
    sizes = [a.shape[-1] for a in state]
    x, *keeps = torch.split(x, [x.shape[-1] - sum(sizes), *sizes], dim=-1)
    return x, type(state)(*keeps)
