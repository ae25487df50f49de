r"""LSTM: features come first, and arrays are written where they stay.

With an example in each column, ``a`` is ``(4H, B)``, and each gate is a block of H rows that lie
side by side in memory; with an example in each row it is B pieces that lie apart. Every operation
writes to an array that is there already (``out=``), since a fresh one costs the system a page of
memory at a time. The bias rides in the product, as weights of a unit that is always one::

    [i; f; g; o] = tanh([W_h', b'] [h; 1] + W_x' x)                  (lstm-in-place)
    i, f, o ← ½ + ½ (i, f, o)                                        (lstm-in-place-logistic)

The backward is that of the rung below, with features first: ``da`` of a stretch is ``(4H, n, B)``,
so that its products with inputs and states need no other order.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.ladder.lstm_one_tanh import fold
from rnnlib.reference.lstm import Params, State
from rnnlib.reference.ops import Array, zeros_like


class Cache(NamedTuple):
    """What the backward needs; ``hs`` and ``cs`` begin with the first state, so that N = T + 1."""

    xs: Array  # (T, B, D)
    hs: Array  # (N, B, H)
    cs: Array  # (N, H, B)
    gates: Array  # (T, 4, H, B), in the order i, f, g, o
    tanh_cs: Array  # (T, H, B)


def forward(params: Params, xs: Array, state: State) -> tuple[Array, State, Cache]:
    """Unroll the LSTM over a sequence.

    Parameters
    ----------
    params, xs, state
        As for :func:`rnnlib.reference.bptt.forward`.

    Returns
    -------
    Array
        Hidden states, ``(T, B, H)``.
    State
        State after the last input.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    sizes = shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    T, B, H = (sizes[letter] for letter in "TBH")
    W_x, W_h, b = fold(params)
    W_hb = np.concatenate([W_h, b[:, None]], axis=1)
    gates = np.matmul(W_x, xs.swapaxes(1, 2)).reshape(T, 4, H, B)
    hs, cs = np.empty((T + 1, B, H), gates.dtype), np.empty((T + 1, H, B), gates.dtype)
    hs[0], cs[0], tanh_cs = state.h, state.c.T, np.empty((T, H, B), gates.dtype)
    a, ig = np.empty((4 * H, B), gates.dtype), np.empty((H, B), gates.dtype)
    h_and_one = np.ones((H + 1, B), gates.dtype)
    h = h_and_one[:H]
    h[:] = state.h.T
    for t in range(T):
        gate, c = gates[t], cs[t + 1]
        gate += np.matmul(W_hb, h_and_one, out=a).reshape(4, H, B)
        np.tanh(gate, out=gate)  # (lstm-in-place)
        for logistic in (gate[:2], gate[3]):
            logistic *= 0.5
            logistic += 0.5  # (lstm-in-place-logistic)
        i, f, g, o = gate
        np.multiply(f, cs[t], out=c)
        c += np.multiply(i, g, out=ig)
        np.multiply(o, np.tanh(c, out=tanh_cs[t]), out=h)
        hs[t + 1] = h.T
    return hs[1:], State(hs[T], cs[T].T), Cache(xs, hs, cs, gates, tanh_cs)


def backward(
    params: Params, cache: Cache, dhs: Array, dstate: State
) -> tuple[Params, Array, State]:
    """Carry gradients back through the whole sequence.

    Parameters
    ----------
    params, dhs, dstate
        As for :func:`rnnlib.reference.bptt.backward`.
    cache : Cache
        What :func:`forward` kept.

    Returns
    -------
    tuple of Params, Array, State
        As :func:`rnnlib.reference.bptt.backward` gives them.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    entrance.backward(params, dhs, dstate, *cache.xs.shape[:2])
    xs, hs, cs, gates, tanh_cs = cache
    W_x, W_h, _ = params
    (T, _, H, B), D = gates.shape, xs.shape[2]
    dparams, dxs = zeros_like(params), np.empty(xs.shape, gates.dtype)
    dh, dc = np.array(dstate.h.T, order="C"), np.array(dstate.c.T, order="C")
    da, way = np.empty((4, H, B), gates.dtype), np.empty((H, B), gates.dtype)
    gathered = np.empty((4 * H, min(T, chunks.STEPS), B), gates.dtype)
    for start, stop in chunks.backward(T):
        das, n = gathered[:, : stop - start], (stop - start) * B
        for t in reversed(range(start, stop)):
            i, f, g, o = gates[t]
            dh += dhs[t].T
            np.multiply(tanh_cs[t], tanh_cs[t], out=way)
            np.subtract(1, way, out=way)
            way *= o
            dc += np.multiply(way, dh, out=way)
            np.multiply(gates[t], gates[t], out=da)
            np.subtract(gates[t], da, out=da)  # σ' = σ - σ²
            np.multiply(g, g, out=da[2])
            np.subtract(1, da[2], out=da[2])  # tanh' = 1 - tanh²
            for gate, factor in zip(da, (g, cs[t], i, tanh_cs[t]), strict=True):
                gate *= factor
            da[:3] *= dc
            da[3] *= dh
            dc *= f
            np.matmul(W_h.T, da.reshape(4 * H, B), out=dh)
            das[:, t - start] = da.reshape(4 * H, B)
        flat = das.reshape(4 * H, n)
        dparams.W_x[:] += flat @ xs[start:stop].reshape(n, D)
        dparams.W_h[:] += flat @ hs[start:stop].reshape(n, H)
        dparams.b[:] += flat.sum(1)
        np.matmul(flat.T, W_x, out=dxs[start:stop].reshape(n, D))
    return dparams, dxs, State(dh.T, dc.T)
