r"""A long sequence in segments: one recurrence within each, a slower one over their summaries.

The segments, of K steps each, are read from a zero state, independently of one another; the last
hidden state of a segment is its summary, and the slow cell reads the summaries in order (El Hihi &
Bengio 1996). With ``x_{c,k}`` input k of segment c, ``s`` and ``q`` the states of the fast and the
slow cell, and ``h`` the hidden part of ``s``::

    s_{c,k} = fast(x_{c,k}, s_{c,k-1}),  s_{c,0} = 0,  k = 1 ... K   (segments)
    q_c = slow(h_{c,K}, q_{c-1}),        c = 1 ... T / K             (summaries)

and back: what a summary is told by the slow cell is all that its segment hears of the loss::

    dh_{c,K} = (∂q_c/∂h_{c,K})ᵀ δ_c                                  (summaries-backward)

with ``δ_c`` the adjoint of ``q_c``. No path from an input to the last state is longer than
``K + T / K`` steps.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference import bptt
from rnnlib.reference.bptt import Cell
from rnnlib.reference.ops import Array, zeros_like


class Params(NamedTuple):
    """What is learned."""

    fast: Any  # of the cell within a segment
    slow: Any  # of the cell over the summaries; it reads as many numbers as fast has units


class Cache(NamedTuple):
    """What :func:`backward` needs of :func:`forward`."""

    fast: Any  # a cache per step of a segment, for all segments at once
    slow: Any  # a cache per segment
    last: Any  # the last states of all segments


def forward(
    fast: Cell[Any, Any, Any],
    slow: Cell[Any, Any, Any],
    params: Params,
    xs: Array,
    state: Any,
    K: int,
) -> tuple[Array, Any, Cache]:
    """Read the segments side by side, then their summaries one after the other.

    Parameters
    ----------
    fast, slow : Cell
        The cell within a segment and the one over the summaries.
    params : Params
        Their parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T a multiple of K.
    state : State
        State of the slow cell before the first summary.
    K : int
        Steps in a segment.

    Returns
    -------
    Array
        Hidden states of the slow cell, one per segment, ``(T / K, B, H)``.
    State
        State of the slow cell after the last segment.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or T is not a positive multiple of K.
    """
    T, B, D = (shapes.arguments(xs=(xs, "T B D"))[size] for size in "TBD")
    if not isinstance(K, int | np.integer) or K < 1 or T % K:
        raise ValueError(f"K: got {K}, expected a positive integer that divides T = {T}")
    rows = xs.reshape(T // K, K, B, D).swapaxes(0, 1).reshape(K, T // K * B, D)
    zero = fast.zero_state(params.fast, T // K * B)
    _, last, fast_caches = bptt.forward(fast, params.fast, rows, zero)  # (segments)
    summaries = last.h.reshape(T // K, B, -1)
    hs, end, kept = bptt.forward(slow, params.slow, summaries, state)  # (summaries)
    return hs, end, Cache(fast_caches, kept, last)


def backward(
    fast: Cell[Any, Any, Any],
    slow: Cell[Any, Any, Any],
    params: Params,
    cache: Cache,
    dhs: Array,
    dstate: Any,
) -> tuple[Params, Array, Any]:
    """Carry gradients back over the summaries, then into all segments at once.

    Parameters
    ----------
    fast, slow, params
        As for :func:`forward`.
    cache : Cache
        What it kept.
    dhs : Array
        Gradient that the loss sends into each hidden state of the slow cell, ``(T / K, B, H)``.
    dstate : State
        Gradient with respect to the state of the slow cell after the last segment.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``.
    State
        Gradient with respect to the state of the slow cell before the first summary.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    dslow, dsummaries, dstate = bptt.backward(slow, params.slow, cache.slow, dhs, dstate)
    K, last = len(cache.fast), cache.last
    dh = dsummaries.reshape(last.h.shape)  # (summaries-backward)
    dlast = zeros_like(last)._replace(h=dh)
    none = np.zeros((K, *last.h.shape))
    dfast, dxs, _ = bptt.backward(fast, params.fast, cache.fast, none, dlast)
    C, B = dsummaries.shape[:2]
    dxs = dxs.reshape(K, C, B, -1).swapaxes(0, 1).reshape(C * K, B, -1)
    return Params(dfast, dslow), dxs, dstate
