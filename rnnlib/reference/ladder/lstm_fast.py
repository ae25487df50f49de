r"""LSTM: what the backward loop multiplies with is computed for many steps at once.

The reference's da is a product of what comes back, dh' and dc', and of what the forward knows
already. The second is computed before the loop, for a stretch of steps at once::

    p = o ∘ (1 - tanh²(c'))                                          (lstm-fast-p)
    q_i = g ∘ i ∘ (1 - i),  q_f = c ∘ f ∘ (1 - f)                    (lstm-fast-if)
    q_g = i ∘ (1 - g²),  q_o = tanh(c') ∘ o ∘ (1 - o)                (lstm-fast-go)

and the loop is short::

    dc' ← dc' + p ∘ dh'                                              (lstm-fast-dcell)
    da = [q_i ∘ dc'; q_f ∘ dc'; q_g ∘ dc'; q_o ∘ dh']                (lstm-fast-da)
    dh = W_hᵀ da,  dc = dc' ∘ f                                      (lstm-fast-dstate)

A call of NumPy takes as long as some thousands of numbers; nineteen calls for each step become
twelve for each stretch, and seven for each step. That shows where arrays are small; where they are
large the products take nearly all the time. The forward is that of the rung below.
"""

import numpy as np

from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.ladder.lstm_in_place import Cache, forward
from rnnlib.reference.lstm import Params, State
from rnnlib.reference.ops import Array, zeros_like

__all__ = ["Cache", "backward", "forward", "local"]


def local(cache: Cache, start: int, stop: int, p: Array, q: Array) -> None:
    """Write what the loop multiplies with.

    Parameters
    ----------
    cache : Cache
        What :func:`forward` kept.
    start, stop : int
        First step of the stretch, and the step after its last.
    p, q : Array
        Where to write, ``(n, H, B)`` and ``(n, 4, H, B)`` with n = stop - start.
    """
    gates, tanh_c = cache.gates[start:stop], cache.tanh_cs[start:stop]
    i, _, g, o = gates.swapaxes(0, 1)
    q_i, q_f, q_g, q_o = q.swapaxes(0, 1)
    np.multiply(tanh_c, tanh_c, out=p)
    np.subtract(1, p, out=p)
    p *= o  # (lstm-fast-p)
    np.multiply(gates, gates, out=q)
    np.subtract(gates[:, :2], q[:, :2], out=q[:, :2])
    q_i *= g
    q_f *= cache.cs[start:stop]  # (lstm-fast-if)
    np.subtract(1, q_g, out=q_g)
    q_g *= i
    np.subtract(o, q_o, out=q_o)
    q_o *= tanh_c  # (lstm-fast-go)


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
    W_x, W_h, _ = params
    (T, _, H, B), D, dtype = cache.gates.shape, cache.xs.shape[2], cache.gates.dtype
    dparams, dxs, longest = zeros_like(params), np.empty((T, B, D), dtype), min(T, chunks.STEPS)
    dh, dc = np.array(dstate.h.T, order="C"), np.array(dstate.c.T, order="C")
    ps, qs = np.empty((longest, H, B), dtype), np.empty((longest, 4, H, B), dtype)
    way, gathered = np.empty((H, B), dtype), np.empty((4 * H, longest, B), dtype)
    for start, stop in chunks.backward(T):
        k, n = stop - start, (stop - start) * B
        local(cache, start, stop, ps[:k], qs[:k])
        for t in reversed(range(start, stop)):
            p, da = ps[t - start], qs[t - start]
            dh += dhs[t].T
            dc += np.multiply(p, dh, out=way)  # (lstm-fast-dcell)
            da[:3] *= dc
            da[3] *= dh  # (lstm-fast-da)
            dc *= cache.gates[t, 1]
            np.matmul(W_h.T, da.reshape(4 * H, B), out=dh)  # (lstm-fast-dstate)
        gathered[:, :k] = qs[:k].reshape(k, 4 * H, B).swapaxes(0, 1)
        das = gathered[:, :k].reshape(4 * H, n)
        dparams.W_x[:] += das @ cache.xs[start:stop].reshape(n, D)
        dparams.W_h[:] += das @ cache.hs[start:stop].reshape(n, H)
        dparams.b[:] += das.sum(1)
        np.matmul(das.T, W_x, out=dxs[start:stop].reshape(n, D))
    return dparams, dxs, State(dh.T, dc.T)
