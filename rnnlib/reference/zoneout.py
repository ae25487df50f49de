r"""Zoneout: some units keep what they had (Krueger et al. 2017).

Whatever a cell makes of its state ``s``, the share ``k`` of the old one is kept::

    s̃ = step(x, s)                                                   (zoneout-step)
    s' = k ∘ s + (1 - k) ∘ s̃                                         (zoneout)

and the transpose, given ``ds' = ∂L/∂s'``, with ``stepᵀ`` that of the cell::

    ds̃ = (1 - k) ∘ ds',  dk = (s - s̃) ∘ ds'                          (zoneout-dnew)
    dθ, dx, ds = stepᵀ(ds̃)                                           (zoneout-dstep)
    ds ← ds + k ∘ ds'                                                (zoneout-dprev)

In training ``k = 1{u < z}`` with ``u`` drawn evenly from [0, 1) for every step and unit, and ``z``
the rate; in evaluation ``k = z``, its mean. It is a gate that nobody learns, and comes in from
outside: the inputs of the cell are ``[x; k]``, so that a step stays a function of its arguments.
"""

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.bptt import C, Cell, P, S
from rnnlib.reference.dropout import check_rate
from rnnlib.reference.ops import Array, add, leaves, tree_map


class Params(NamedTuple, Generic[P]):
    """What is learned: the parameters of the cell."""

    cell: P


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    keep: Any  # a state that holds k
    prev: Any
    new: Any
    cell: Any  # the cell's own


def draw(rng: np.random.Generator, state: Any, rates: tuple[float, ...], T: int) -> Array:
    """Draw what is kept in training.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    state : State
        A state of the cell.
    rates : tuple of float
        Probability z for each array of the state, such as ``(0.05, 0.5)`` for h and c.
    T : int
        Number of steps.

    Returns
    -------
    Array
        ``k``, one where a unit keeps its state, ``(T, B, S)`` with S the size of all the state.

    Raises
    ------
    ValueError
        If the rates are not one for each array, or one is not from 0 to below 1.
    """
    z = expected(state, rates, T)
    return (rng.random(z.shape) < z).astype(z.dtype)


def expected(state: Any, rates: tuple[float, ...], T: int) -> Array:
    """The mean of what :func:`draw` gives, for evaluation; arguments and result as there."""
    arrays = leaves(state)
    if np.shape(rates) != (len(arrays),):
        raise ValueError(f"rates: got {rates}, expected {len(arrays)}, one per array of the state")
    for rate in rates:
        check_rate("rates", rate)
    z = [np.full((T, *a.shape), rate, a.dtype) for a, rate in zip(arrays, rates, strict=True)]
    return np.concatenate(z, axis=-1)


def inputs(xs: Array, keep: Array) -> Array:
    """What the cell reads: inputs, and behind them what is kept.

    Parameters
    ----------
    xs : Array
        Inputs, ``(T, B, D)``.
    keep : Array
        Share k of every unit, ``(T, B, S)``.

    Returns
    -------
    Array
        ``(T, B, D + S)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(xs=(xs, "T B D"), keep=(keep, "T B S"))
    return np.concatenate([xs, keep], axis=-1)


@dataclass(frozen=True)
class Zoneout(Generic[P, S, C]):
    """A cell with zoneout.

    Parameters
    ----------
    cell : Cell
        The cell.
    """

    cell: Cell[P, S, C]

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params[P]:
        """Draw the parameters of the cell; D counts its own inputs, without k."""
        return Params(self.cell.init(rng, D, H))

    def zero_state(self, params: Params[P], B: int) -> S:
        """The first state of the cell."""
        return self.cell.zero_state(params.cell, B)

    def step(self, params: Params[P], x: Array, state: S) -> tuple[S, Cache]:
        """Read one input ``[x; k]``, ``(B, D + S)``; return the state after it, and a cache."""
        x, keep = _split(x, state)
        new, cache = self.cell.step(params.cell, x, state)  # (zoneout-step)
        after = tree_map(lambda k, s, n: k * s + (1 - k) * n, keep, state, new)  # (zoneout)
        return after, Cache(keep, state, new, cache)

    def step_backward(
        self, params: Params[P], cache: Cache, dstate: S
    ) -> tuple[Params[P], Array, S]:
        """Gradients with respect to the parameters, the input ``[x; k]``, the state before."""
        keep, prev, new, inner = cache
        dnew = tree_map(lambda k, d: (1 - k) * d, keep, dstate)  # (zoneout-dnew)
        dkeep = tree_map(lambda s, n, d: (s - n) * d, prev, new, dstate)
        dparams, dx, dprev = self.cell.step_backward(params.cell, inner, dnew)  # (zoneout-dstep)
        dprev = add(dprev, tree_map(lambda k, d: k * d, keep, dstate))  # (zoneout-dprev)
        return Params(dparams), np.concatenate([dx, *leaves(dkeep)], axis=-1), dprev


def _split(x: Array, state: S) -> tuple[Array, S]:
    """The inputs of the cell, and a state that holds the share that is kept."""
    sizes = [a.shape[-1] for a in leaves(state)]
    x, *keeps = np.split(x, np.cumsum([x.shape[-1] - sum(sizes), *sizes[:-1]]), axis=-1)
    remaining = iter(keeps)
    return x, tree_map(lambda _: next(remaining), state)
