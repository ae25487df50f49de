r"""GRU: features come first, and arrays are written where they stay.

Why that is faster stands in :mod:`rnnlib.reference.ladder.lstm_in_place`. The biases of the two
gates and ``b_n``, which the reset gate acts on, ride in the product, as weights of a unit that is
always one. What remains of ``b`` goes to the candidate::

    a = W_x' x,  then  a_n ← a_n + (the last H of b)                 (gru-in-place-inputs)
    u = [W_h', [b_r'; b_z'; b_n]] [h; 1]                             (gru-in-place-affine)

The backward is that of the rung below, with features first: ``da`` of a stretch is ``(3H, n, B)``,
so that its products with inputs and states need no other order. The gates are sent back together,
and ``du`` becomes ``da`` where it lies: they differ in the last H rows.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.gru import Params, State
from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.ladder.gru_one_tanh import fold
from rnnlib.reference.ops import Array, zeros_like


class Cache(NamedTuple):
    """What the backward needs; ``hs`` begins with the first state, so that N = T + 1."""

    xs: Array  # (T, B, D)
    hs: Array  # (N, B, H)
    gates: Array  # (T, 3, H, B), in the order r, z, n
    recurrents: Array  # (T, H, B), u_n + b_n


def forward(params: Params, xs: Array, state: State) -> tuple[Array, State, Cache]:
    """Unroll the GRU over a sequence.

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
    W_x, W_h, b, b_n = fold(params)
    W_hb = np.concatenate([W_h, np.concatenate([b[: 2 * H], b_n])[:, None]], axis=1)
    gates = np.matmul(W_x, xs.swapaxes(1, 2)).reshape(T, 3, H, B)
    gates[:, 2] += b[2 * H :, None]  # (gru-in-place-inputs)
    hs, recurrents = np.empty((T + 1, B, H), gates.dtype), np.empty((T, H, B), gates.dtype)
    u, way = np.empty((3, H, B), gates.dtype), np.empty((H, B), gates.dtype)
    h_and_one, hs[0] = np.ones((H + 1, B), gates.dtype), state.h
    h = h_and_one[:H]
    h[:] = state.h.T
    for t in range(T):
        logistic, (r, z, n) = gates[t, :2], gates[t]
        np.matmul(W_hb, h_and_one, out=u.reshape(3 * H, B))  # (gru-in-place-affine)
        logistic += u[:2]
        np.tanh(logistic, out=logistic)
        logistic *= 0.5
        logistic += 0.5
        recurrents[t] = u[2]
        n += np.multiply(r, u[2], out=way)
        np.tanh(n, out=n)
        h -= n
        h *= z
        h += n
        hs[t + 1] = h.T
    return hs[1:], State(hs[T]), Cache(xs, hs, gates, recurrents)


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
    xs, hs, gates, recurrents = cache
    (T, _, H, B), D = gates.shape, xs.shape[2]
    dparams, dxs = zeros_like(params), np.empty(xs.shape, gates.dtype)
    dh, du = np.array(dstate.h.T, order="C"), np.empty((3, H, B), gates.dtype)
    da_n, way = np.empty((H, B), gates.dtype), np.empty((H, B), gates.dtype)
    gathered = np.empty((3 * H, min(T, chunks.STEPS), B), gates.dtype)
    last = np.empty((H, min(T, chunks.STEPS), B), gates.dtype)
    for start, stop in chunks.backward(T):
        k, n_columns = stop - start, (stop - start) * B
        for t in reversed(range(start, stop)):
            r, z, n = gates[t]
            dh += dhs[t].T
            np.multiply(gates[t, :2], gates[t, :2], out=du[:2])
            np.subtract(gates[t, :2], du[:2], out=du[:2])  # σ' = σ - σ²
            np.multiply(n, n, out=da_n)
            np.subtract(1, da_n, out=da_n)  # tanh' = 1 - tanh²
            da_n *= dh
            da_n *= np.subtract(1, z, out=way)
            du[0] *= np.multiply(da_n, recurrents[t], out=way)
            du[1] *= dh
            du[1] *= np.subtract(hs[t].T, n, out=way)
            np.multiply(da_n, r, out=du[2])
            np.multiply(dh, z, out=way)
            np.matmul(params.W_h.T, du.reshape(3 * H, B), out=dh)
            dh += way
            gathered[:, t - start] = du.reshape(3 * H, B)
            last[:, t - start] = da_n
        flat = gathered[:, :k].reshape(3 * H, n_columns)
        dparams.W_h[:] += flat @ hs[start:stop].reshape(n_columns, H)
        dparams.b_n[:] += flat[2 * H :].sum(1)
        gathered[2 * H :] = last
        flat = gathered[:, :k].reshape(3 * H, n_columns)
        dparams.W_x[:] += flat @ xs[start:stop].reshape(n_columns, D)
        dparams.b[:] += flat.sum(1)
        np.matmul(flat.T, params.W_x, out=dxs[start:stop].reshape(n_columns, D))
    return dparams, dxs, State(dh.T)
