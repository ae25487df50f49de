r"""A long sequence in chunks of K steps: the gradient cut between them, or only states kept there.

Truncated backpropagation carries the state from chunk to chunk and lets no gradient back
(Williams & Peng 1990). With ``δ_T`` the gradient of the last state and ``dθ_c`` that of chunk c::

    δ_t = dh_t + (∂s_{t+1}/∂s_t)ᵀ δ_{t+1},  but δ_t = dh_t if K divides t   (truncated-adjoint)
    dθ = Σ_c dθ_c                                                           (truncated)

It is the gradient of backpropagation through time if K ≥ T. To train, take a step of the optimiser
after each chunk: :func:`rnnlib.reference.bptt.forward` from the last state of the chunk before,
:func:`rnnlib.reference.bptt.backward` with a ``dstate`` of zeros.

Checkpoints give the full gradient in less memory: one state per chunk is kept, and on the way back
the caches of one chunk at a time are made again, for one more forward pass (Chen et al. 2016)::

    s_0, s_K, s_2K ...  and K caches:   T / K + K ≥ 2 √T,  least at K = √T  (checkpoints)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Generic, TypeVar, overload

import numpy as np

from rnnlib.reference import bptt
from rnnlib.reference.bptt import Cell, HasHidden
from rnnlib.reference.ops import Array, add, zeros_like

P = TypeVar("P")  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State
C = TypeVar("C")  # its Cache


def chunks_backward(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S, K: int
) -> Iterator[tuple[P, Array, S]]:
    """Walk back chunk by chunk; what each chunk gives is not summed yet.

    Parameters
    ----------
    cell, params, caches, dhs, dstate, K
        As for :func:`backward`.

    Returns
    -------
    iterator of tuple of Params, Array, State
        From the last chunk to the first: the gradient with respect to the parameters through this
        chunk, to its inputs, and to the state before it, which goes no further.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, there is no step, or K is not a positive integer.
    """
    _check_size(K)
    bptt.steps_backward(cell, params, caches, dhs, dstate)  # refuses what does not fit
    return _walk_back(cell, params, caches, dhs, dstate, K)


def _walk_back(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S, K: int
) -> Iterator[tuple[P, Array, S]]:
    for start in reversed(range(0, len(caches), K)):
        chunk = slice(start, start + K)
        yield bptt.backward(cell, params, caches[chunk], dhs[chunk], dstate)
        dstate = zeros_like(dstate)  # (truncated-adjoint)


def backward(
    cell: Cell[P, S, C], params: P, caches: Sequence[C], dhs: Array, dstate: S, K: int
) -> tuple[P, Array, S]:
    """Carry gradients back to the start of each chunk, and no further.

    Parameters
    ----------
    cell : Cell
        The cell that :func:`rnnlib.reference.bptt.forward` ran.
    params : Params
        Its parameters.
    caches : sequence of Cache
        What it kept.
    dhs : Array
        Gradient that the loss sends into each hidden state, ``(T, B, H)``.
    dstate : State
        Gradient with respect to the state after the last input.
    K : int
        Steps in a chunk; the last may have fewer.

    Returns
    -------
    Params
        Sum of the gradients of the chunks.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``, each through its own chunk alone.
    State
        Gradient with respect to the state before the first input, through the first chunk alone.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, there is no step, or K is not a positive integer.
    """
    dparams, dxs = zeros_like(params), []
    for dchunk, dx, dprev in chunks_backward(cell, params, caches, dhs, dstate, K):
        dparams = add(dparams, dchunk)  # (truncated)
        dxs.append(dx)
        dstate = dprev
    return dparams, np.concatenate(dxs[::-1]), dstate


@dataclass(frozen=True)
class Checkpoints(Sequence[C], Generic[P, S, C]):
    """The caches of all steps, of which none is kept: made again, chunk by chunk, when asked for.

    Parameters
    ----------
    cell : Cell
        The cell.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``.
    states : tuple of State
        States before every chunk.
    K : int
        Steps in a chunk.
    """

    cell: Cell[P, S, C]
    params: P
    xs: Array
    states: tuple[S, ...]
    K: int

    def chunk(self, c: int) -> list[C]:
        """Run chunk ``c`` again; return its caches."""
        xs = self.xs[c * self.K : (c + 1) * self.K]
        return bptt.forward(self.cell, self.params, xs, self.states[c])[2]

    def __len__(self) -> int:
        return len(self.xs)

    @overload
    def __getitem__(self, t: int) -> C: ...
    @overload
    def __getitem__(self, t: slice) -> list[C]: ...
    def __getitem__(self, t: int | slice) -> C | list[C]:
        if isinstance(t, slice):
            return [self[i] for i in range(len(self))[t]]
        c, step = divmod(range(len(self))[t], self.K)
        return self.chunk(c)[step]

    def __reversed__(self) -> Iterator[C]:
        for c in reversed(range(len(self.states))):
            kept = self.chunk(c)
            while kept:
                yield kept.pop()


def forward_checkpointed(
    cell: Cell[P, S, C], params: P, xs: Array, state: S, K: int | None = None
) -> tuple[Array, S, Checkpoints[P, S, C]]:
    """Unroll a cell and keep one state per chunk, for the full gradient in √T memory.

    Parameters
    ----------
    cell : Cell
        The cell.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.
    K : int, optional
        Steps in a chunk; by default √T, rounded up.

    Returns
    -------
    Array
        Hidden states, ``(T, B, H)``.
    State
        State after the last input.
    Checkpoints
        In the place of the list of caches: :func:`rnnlib.reference.bptt.backward` walks it from
        its end and finds every cache as it was, at most K + 1 of them at a time.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the sequence is empty, or K is not a positive integer.
    """
    bptt.check_input(cell, params, xs, state)
    K = ceil(sqrt(len(xs))) if K is None else K  # (checkpoints)
    _check_size(K)
    hs, states = [], []
    for start in range(0, len(xs), K):
        states.append(state)
        part, state = bptt.forward(cell, params, xs[start : start + K], state)[:2]
        hs.append(part)
    return np.concatenate(hs), state, Checkpoints(cell, params, xs, tuple(states), K)


def _check_size(K: int) -> None:
    """Refuse what is no size of a chunk."""
    if not isinstance(K, int | np.integer) or K < 1:
        raise ValueError(f"K: got {K}, expected a positive integer")
