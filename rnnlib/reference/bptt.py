r"""Run any cell over time, and carry gradients back through it.

With ``s`` the state and ``h`` the part of it that is read out::

    s_t = step(x_t, s_{t-1}),                t = 1 ... T             (unroll)
    δ_t = dh_t + (∂s_{t+1}/∂s_t)ᵀ δ_{t+1},   δ_{T+1} = 0             (adjoint)
    dθ  = Σ_t (∂s_t/∂θ)ᵀ δ_t                                         (shared)

``dh_t`` is what the loss sends straight into ``h_t``, and is added to that part of the state;
``∂`` differentiates a single step with its other arguments held. This is the only file in which
time appears.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Array, add, zeros_like


class HasHidden(Protocol):
    """A state: a named tuple with at least the hidden part ``h``."""

    @property
    def h(self) -> Array: ...
    def _replace(self, *, h: Array) -> Self: ...


P = TypeVar("P")  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State
C = TypeVar("C")  # its Cache


class Cell(Protocol[P, S, C]):
    """What a cell is: any module, or frozen dataclass, with these four functions.

    A cell whose inputs are not ``(B, D)`` says so in a constant such as ``INPUT = "B D Y X"``.
    """

    def init(self, rng: np.random.Generator, D: int, H: int) -> P: ...
    def zero_state(self, params: P, B: int) -> S: ...
    def step(self, params: P, x: Array, state: S) -> tuple[S, C]: ...
    def step_backward(self, params: P, cache: C, dstate: S) -> tuple[P, Array, S]: ...


def forward(cell: Cell[P, S, C], params: P, xs: Array, state: S) -> tuple[Array, S, list[C]]:
    """Unroll a cell over a sequence.

    Parameters
    ----------
    cell : Cell
        The cell, such as the module :mod:`rnnlib.reference.elman`.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``, or as the cell states, with T ≥ 1.
    state : State
        State before the first input.

    Returns
    -------
    Array
        Hidden states, ``(T, B, H)``, or as the cell's state states ``h``.
    State
        State after the last input.
    list of Cache
        One per step, for :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    check_input(cell, params, xs, state)
    hs, caches = [], []
    for x in xs:
        state, cache = cell.step(params, x, state)  # (unroll)
        hs.append(state.h)
        caches.append(cache)
    return np.stack(hs), state, caches


def check_input(cell: Cell[P, S, C], params: P, xs: Array, state: S) -> None:
    """Refuse what :func:`forward` cannot run.

    Parameters
    ----------
    cell, params, xs, state
        As for :func:`forward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shape = f"T {getattr(cell, 'INPUT', 'B D')}"
    shapes.arguments(params=params, xs=(xs, shape), state=state)


def backward(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S
) -> tuple[P, Array, S]:
    """Carry gradients back through the whole sequence.

    Parameters
    ----------
    cell : Cell
        The cell that :func:`forward` ran.
    params : Params
        Its parameters.
    caches : sequence of Cache
        What :func:`forward` kept.
    dhs : Array
        Gradient that the loss sends into each hidden state, of their shape.
    dstate : State
        Gradient with respect to the state after the last input, beyond what ``dhs[-1]`` sends
        there: zero, or what comes back from a later stretch of the sequence.

    Returns
    -------
    Params
        Gradient with respect to the parameters, summed over the steps.
    Array
        Gradient with respect to the inputs, of their shape.
    State
        Gradient with respect to the state before the first input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or there is no step.
    """
    dparams, dxs = zeros_like(params), []
    for dparams_t, dx, dprev in steps_backward(cell, params, caches, dhs, dstate):
        dparams = add(dparams, dparams_t)  # (shared)
        dxs.append(dx)
        dstate = dprev
    return dparams, np.stack(dxs[::-1]), dstate


def steps_backward(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S
) -> Iterator[tuple[P, Array, S]]:
    """Walk back from the last step to the first; what each step gives is not summed yet.

    Parameters
    ----------
    cell, params, caches, dhs, dstate
        As for :func:`backward`.

    Returns
    -------
    iterator of tuple of Params, Array, State
        For t = T, ..., 1: the gradient with respect to the parameters through step t alone, to
        its input ``(B, D)``, and to the state before it.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or there is no step.
    """
    if not caches:
        raise ValueError("caches: got T = 0 steps, expected at least 1")
    sizes = {"T": len(caches)}
    shapes.check_tuple("params", params, sizes)
    shapes.check_tuple("dstate", dstate, sizes)
    shapes.check("dhs", dhs, ("T", *shapes.stated(type(dstate)).get("h", "BH")), sizes)
    return _walk_back(cell, params, caches, dhs, dstate)


def _walk_back(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S
) -> Iterator[tuple[P, Array, S]]:
    for cache, dh in zip(reversed(caches), reversed(dhs), strict=True):
        dstate = dstate._replace(h=dstate.h + dh)  # (adjoint)
        dparams_t, dx, dstate = cell.step_backward(params, cache, dstate)
        if len(dx) != len(dh):
            raise ValueError(f"dhs: got B = {len(dh)}, expected B = {len(dx)} as in the caches")
        yield dparams_t, dx, dstate
