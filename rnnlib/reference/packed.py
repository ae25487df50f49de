r"""Sequences of several lengths in one batch, each run to its own end and no further.

With ``n`` the length of a sequence of the batch, what is padding is never read::

    s_t = step(x_t, s_{t-1})  if t ≤ n,   s_t = s_{t-1}  if t > n    (packed)
    h_t = 0  if t > n                                                (packed-padding)

and the transpose, where the gradient of the last state waits until the sequence's own end::

    δ_t = dh_t + (∂s_{t+1}/∂s_t)ᵀ δ_{t+1}  if t ≤ n,   δ_t = δ_{t+1}  if t > n   (packed-adjoint)
    dx_t = 0  if t > n                                                           (packed-dpadding)

Between two ends the batch is constant, so each such piece is one run of
:mod:`rnnlib.reference.bptt` over the sequences that go on; a packed sequence of torch is stored
the same way.
"""

from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference import bptt
from rnnlib.reference.bptt import Cell, HasHidden
from rnnlib.reference.ops import Array, Tree, add, tree_map, zeros_like

P = TypeVar("P")  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State
C = TypeVar("C")  # its Cache


class Piece(NamedTuple, Generic[C]):
    """Steps in which the same sequences go on."""

    steps: slice
    rows: Any  # which sequences go on, an array (B,) of bool
    caches: list[C]


class Cache(NamedTuple, Generic[C]):
    """What :func:`backward` needs of :func:`forward`."""

    T: int
    pieces: list[Piece[C]]


def forward(
    cell: Cell[P, S, C], params: P, xs: Array, state: S, lengths: Array
) -> tuple[Array, S, Cache[C]]:
    """Unroll a cell over sequences of several lengths.

    Parameters
    ----------
    cell : Cell
        The cell.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1; what stands past the end of a sequence is not read.
    state : State
        State before the first input.
    lengths : Array of int
        Lengths of the sequences, ``(B,)``, from 1 to T.

    Returns
    -------
    Array
        Hidden states, ``(T, B, H)``, zero past the end of a sequence.
    State
        State of every sequence after its own last input.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the sequence is empty, or a length is not in 1 ... T.
    """
    bptt.check_input(cell, params, xs, state)
    check_lengths(lengths, *xs.shape[:2])
    hs, pieces, start = [], [], 0
    for stop in np.unique(lengths).tolist():
        steps, rows = slice(start, stop), lengths >= stop
        h, part, caches = bptt.forward(cell, params, xs[steps, rows], _take(state, rows))
        state = _put(state, rows, part)  # (packed)
        hs.append(_spread(h, rows))
        pieces.append(Piece(steps, rows, caches))
        start = stop
    return _pad(hs, len(xs)), state, Cache(len(xs), pieces)  # (packed-padding)


def backward(
    cell: Cell[P, S, C], params: P, cache: Cache[C], dhs: Array, dstate: S
) -> tuple[P, Array, S]:
    """Carry gradients back, each sequence from its own end.

    Parameters
    ----------
    cell : Cell
        The cell that :func:`forward` ran.
    params : Params
        Its parameters.
    cache : Cache
        What :func:`forward` kept.
    dhs : Array
        Gradient that the loss sends into each hidden state, ``(T, B, H)``; what stands past the
        end of a sequence is not read.
    dstate : State
        Gradient with respect to the state after the last input.

    Returns
    -------
    Params
        Gradient with respect to the parameters, summed over the steps.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``, zero past the end of a sequence.
    State
        Gradient with respect to the state before the first input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = {"T": cache.T, "B": len(cache.pieces[0].rows)}
    shapes.check_tuple("dstate", dstate, sizes)
    shapes.check("dhs", dhs, ("T", *shapes.stated(type(dstate)).get("h", "BH")), sizes)
    dparams, dxs = zeros_like(params), []
    for steps, rows, caches in reversed(cache.pieces):
        part = _take(dstate, rows)
        dpiece, dx, part = bptt.backward(cell, params, caches, dhs[steps, rows], part)
        dparams = add(dparams, dpiece)
        dstate = _put(dstate, rows, part)  # (packed-adjoint)
        dxs.append(_spread(dx, rows))
    return dparams, _pad(dxs[::-1], cache.T), dstate  # (packed-dpadding)


def check_lengths(lengths: Array, T: int, B: int) -> None:
    """Refuse what are no lengths of B sequences of up to T steps.

    Parameters
    ----------
    lengths : Array of int
        The lengths, ``(B,)``.
    T, B : int
        Number of steps that the longest may have, and of sequences.

    Raises
    ------
    ValueError
        If they are no integers, not B, or not from 1 to T.
    """
    shapes.check_kind("lengths", lengths, "integer", (B,))
    bad = lengths[(lengths < 1) | (lengths > T)]
    if bad.size:
        raise ValueError(f"lengths: got {bad[0]}, expected integers from 1 to {T}")


def _take(tree: Tree, rows: Array) -> Tree:
    """Some rows of every array."""
    return tree_map(lambda a: a[rows], tree)


def _put(tree: Tree, rows: Array, part: Tree) -> Tree:
    """A copy of every array, with some rows replaced."""

    def put(a: Array, p: Array) -> Array:
        a = a.astype(np.result_type(a, p))
        a[rows] = p
        return a

    return tree_map(put, tree, part)


def _spread(part: Array, rows: Array) -> Array:
    """Steps of some sequences among those of all; the others are zero."""
    whole = np.zeros((len(part), len(rows), *part.shape[2:]), part.dtype)
    whole[:, rows] = part
    return whole


def _pad(parts: list[Array], T: int) -> Array:
    """Parts one after another, and zeros up to T steps."""
    last = parts[-1]
    rest = T - sum(map(len, parts))
    return np.concatenate([*parts, np.zeros((rest, *last.shape[1:]), last.dtype)])
