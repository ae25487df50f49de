r"""LSTM: the product with the inputs leaves the loop.

No input waits for a state, so the inputs of all steps meet their weights in one product::

    a_1, ..., a_T = W_x [x_1, ..., x_T] + b                          (lstm-hoisted-inputs)
    a = a_t + W_h h                                                  (lstm-hoisted-affine)

One large product is faster than T small ones: the weights are packed once and stay in the
processor's cache. The backward is that of the rung below.
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference import lstm
from rnnlib.reference.ladder.lstm_gathered import backward
from rnnlib.reference.lstm import Cache, Params, State
from rnnlib.reference.ops import Array

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
    sizes = shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    T, B, D, H = (sizes[letter] for letter in "TBDH")
    W_x, W_h, b = params
    inputs = (xs.reshape(T * B, D) @ W_x.T + b).reshape(T, B, 4 * H)  # (lstm-hoisted-inputs)
    hs, caches = np.empty((T, B, H), inputs.dtype), []
    for t, x in enumerate(xs):
        a = inputs[t] + state.h @ W_h.T  # (lstm-hoisted-affine)
        hs[t], c, kept = lstm.gated(a, state.c)
        caches.append(Cache(x, state, kept))
        state = State(hs[t], c)
    return hs, state, caches
