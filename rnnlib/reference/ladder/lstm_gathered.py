r"""LSTM: weight gradients are one product for many steps.

Only dh waits for the step after it. What else the reference computes from da at each step is
gathered over a stretch of steps, and is one product there::

    dh = W_hᵀ da                                                     (lstm-gathered-dh)
    dW_x = Σ_t da_t x_tᵀ = [da_1 ... da_n] [x_1 ... x_n]ᵀ            (lstm-gathered-dwx)
    dW_h = [da_1 ... da_n] [h_0 ... h_{n-1}]ᵀ,  db = Σ_t da_t        (lstm-gathered-dwh)
    [dx_1 ... dx_n] = W_xᵀ [da_1 ... da_n]                           (lstm-gathered-dx)

The sum over steps runs inside the product, so that a matrix of the size of the weights is written
once for a stretch, not at every step. With the whole sequence as one stretch it would be one
product in all, and would keep 4H numbers more for each step and example.
"""

from collections.abc import Sequence

import numpy as np

from rnnlib.reference import bptt, lstm
from rnnlib.reference.ladder import chunks, entrance
from rnnlib.reference.lstm import Cache, Params, State
from rnnlib.reference.ops import Array, zeros_like

__all__ = ["backward", "forward"]


def forward(params: Params, xs: Array, state: State) -> tuple[Array, State, list[Cache]]:
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
    list of Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    return bptt.forward(lstm, params, xs, state)


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
    (W_x, W_h, _), (dh, dc) = params, dstate
    dparams, dxs = zeros_like(params), np.empty((*dhs.shape[:2], W_x.shape[1]), dhs.dtype)
    gathered = np.empty((min(len(dhs), chunks.STEPS), len(dh), len(W_h)), dhs.dtype)
    for start, stop in chunks.backward(len(dhs)):
        das = gathered[: stop - start]
        for t in reversed(range(start, stop)):
            _, prev, kept = cache[t]
            das[t - start], dc = lstm.gated_backward(kept, prev.c, dh + dhs[t], dc)
            dh = das[t - start] @ W_h  # (lstm-gathered-dh)
        da, stretch = das.reshape(-1, len(W_h)), cache[start:stop]
        dparams.W_x[:] += da.T @ np.concatenate([x for x, _, _ in stretch])  # (lstm-gathered-dwx)
        hs = np.concatenate([prev.h for _, prev, _ in stretch])
        dparams.W_h[:] += da.T @ hs  # (lstm-gathered-dwh)
        dparams.b[:] += da.sum(0)
        dxs[start:stop] = (da @ W_x).reshape(dxs[start:stop].shape)  # (lstm-gathered-dx)
    return dparams, dxs, State(dh, dc)
