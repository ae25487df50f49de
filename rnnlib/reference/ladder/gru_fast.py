r"""GRU: what the backward loop multiplies with is computed for many steps at once.

All that comes back to a step is dh', so all gradients of its preactivations are dh' times what the
forward knows already, and that is computed before the loop for a stretch of steps at once::

    q_n = (1 - z) ∘ (1 - n²),  q_u = q_n ∘ r                         (gru-fast-candidate)
    q_r = q_n ∘ (u_n + b_n) ∘ r ∘ (1 - r)                            (gru-fast-reset)
    q_z = (h - n) ∘ z ∘ (1 - z)                                      (gru-fast-update)

and the loop is short::

    [da_r; da_z; du_n; da_n] = [q_r; q_z; q_u; q_n] ∘ dh'            (gru-fast-da)
    dh = W_hᵀ [da_r; da_z; du_n] + dh' ∘ z                           (gru-fast-dstate)

Why that is faster stands in :mod:`rnnlib.reference.ladder.lstm_fast`. The forward is that of the
rung below.
"""

import numpy as np

from rnnlib.reference.gru import Params, State
from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.ladder.gru_in_place import Cache, forward
from rnnlib.reference.ops import Array, zeros_like

__all__ = ["Cache", "backward", "forward", "local"]


def local(cache: Cache, start: int, stop: int, q: Array) -> None:
    """Write what the loop multiplies with.

    Parameters
    ----------
    cache : Cache
        What :func:`forward` kept.
    start, stop : int
        First step of the stretch, and the step after its last.
    q : Array
        Where to write, ``(n, 4, H, B)`` with n = stop - start, in the order r, z, u, n.
    """
    gates = cache.gates[start:stop]
    r, z, n = gates.swapaxes(0, 1)
    q_r, q_z, q_u, q_n = q.swapaxes(0, 1)
    np.multiply(n, n, out=q_n)
    np.subtract(1, q_n, out=q_n)
    q_n *= np.subtract(1, z, out=q_u)
    np.multiply(gates[:, :2], gates[:, :2], out=q[:, :2])
    np.subtract(gates[:, :2], q[:, :2], out=q[:, :2])
    q_z *= np.subtract(cache.hs[start:stop].swapaxes(1, 2), n, out=q_u)  # (gru-fast-update)
    q_r *= np.multiply(q_n, cache.recurrents[start:stop], out=q_u)  # (gru-fast-reset)
    np.multiply(q_n, r, out=q_u)  # (gru-fast-candidate)


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
    T, _, H, B = cache.gates.shape
    D, dtype, longest = cache.xs.shape[2], cache.gates.dtype, min(T, chunks.STEPS)
    dparams, dxs = zeros_like(params), np.empty((T, B, D), dtype)
    dh, way = np.array(dstate.h.T, order="C"), np.empty((H, B), dtype)
    qs, gathered = np.empty((longest, 4, H, B), dtype), np.empty((3 * H, longest, B), dtype)
    for start, stop in chunks.backward(T):
        k, n = stop - start, (stop - start) * B
        local(cache, start, stop, qs[:k])
        for t in reversed(range(start, stop)):
            d = qs[t - start]
            dh += dhs[t].T
            d *= dh  # (gru-fast-da)
            np.multiply(dh, cache.gates[t, 1], out=way)
            np.matmul(params.W_h.T, d[:3].reshape(3 * H, B), out=dh)
            dh += way  # (gru-fast-dstate)
        gathered[:, :k] = qs[:k, :3].reshape(k, 3 * H, B).swapaxes(0, 1)
        dus = gathered[:, :k].reshape(3 * H, n)
        dparams.W_h[:] += dus @ cache.hs[start:stop].reshape(n, H)
        dparams.b_n[:] += dus[2 * H :].sum(1)
        gathered[2 * H :, :k] = qs[:k, 3].swapaxes(0, 1)
        das = gathered[:, :k].reshape(3 * H, n)
        dparams.W_x[:] += das @ cache.xs[start:stop].reshape(n, D)
        dparams.b[:] += das.sum(1)
        np.matmul(das.T, params.W_x, out=dxs[start:stop].reshape(n, D))
    return dparams, dxs, State(dh.T)
