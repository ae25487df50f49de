r"""GRU: weight gradients are one product for many steps.

Only dh waits for the step after it. What else the reference computes from da and du at each step
is gathered over a stretch of steps, and is one product there::

    dh = W_hᵀ du + dh' ∘ z                                           (gru-gathered-dh)
    dW_x = [da_1 ... da_n] [x_1 ... x_n]ᵀ,  db = Σ_t da_t            (gru-gathered-dwx)
    dW_h = [du_1 ... du_n] [h_0 ... h_{n-1}]ᵀ,  db_n = Σ_t du_nt     (gru-gathered-dwh)
    [dx_1 ... dx_n] = W_xᵀ [da_1 ... da_n]                           (gru-gathered-dx)

Why that is faster stands in :mod:`rnnlib.reference.ladder.lstm_gathered`.
"""

from collections.abc import Sequence

import numpy as np

from rnnlib.reference import bptt, gru
from rnnlib.reference.gru import Cache, Params, State
from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.ops import Array, zeros_like

__all__ = ["backward", "forward", "step_backward"]


def forward(params: Params, xs: Array, state: State) -> tuple[Array, State, list[Cache]]:
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
    list of Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    return bptt.forward(gru, params, xs, state)


def step_backward(params: Params, cache: Cache, dh: Array) -> tuple[Array, Array, Array]:
    """Send the gradient back through one step, and leave that of weights and inputs out.

    Parameters
    ----------
    params : Params
        The parameters.
    cache : Cache
        What the step kept.
    dh : Array
        Gradient with respect to the state after the step, ``(B, H)``.

    Returns
    -------
    tuple of Array
        Gradients with respect to the preactivations from the input, ``(B, 3H)``, to those from
        the state, ``(B, 3H)``, and to the state before the step.
    """
    _, prev, (r, z, n, recurrent) = cache
    da_n, da_z = dh * (1 - z) * (1 - n**2), dh * (prev.h - n) * z * (1 - z)
    da_r = da_n * recurrent * r * (1 - r)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, da_n * r))
    return da, du, du @ params.W_h + dh * z  # (gru-gathered-dh)


def backward(
    params: Params, cache: Sequence[Cache], dhs: Array, dstate: State
) -> tuple[Params, Array, State]:
    """Carry gradients back through the whole sequence.

    Parameters
    ----------
    params, dhs, dstate
        As for :func:`rnnlib.reference.bptt.backward`.
    cache : sequence of Cache
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
    entrance.backward(params, dhs, dstate, len(cache), len(cache[0].x))
    dparams, dh, H = zeros_like(params), dstate.h, dhs.shape[2]
    dxs = np.empty((*dhs.shape[:2], params.W_x.shape[1]), dhs.dtype)
    gathered = np.empty((2, min(len(dhs), chunks.STEPS), len(dh), 3 * H), dhs.dtype)
    for start, stop in chunks.backward(len(dhs)):
        das, dus = gathered[:, : stop - start]
        for t in reversed(range(start, stop)):
            das[t - start], dus[t - start], dh = step_backward(params, cache[t], dh + dhs[t])
        da, du, stretch = das.reshape(-1, 3 * H), dus.reshape(-1, 3 * H), cache[start:stop]
        dparams.W_x[:] += da.T @ np.concatenate([x for x, _, _ in stretch])
        dparams.b[:] += da.sum(0)  # (gru-gathered-dwx)
        dparams.W_h[:] += du.T @ np.concatenate([prev.h for _, prev, _ in stretch])
        dparams.b_n[:] += du[:, 2 * H :].sum(0)  # (gru-gathered-dwh)
        dxs[start:stop] = (da @ params.W_x).reshape(dxs[start:stop].shape)  # (gru-gathered-dx)
    return dparams, dxs, State(dh)
