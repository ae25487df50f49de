r"""GRU: the product with the inputs leaves the loop.

The inputs of all steps meet their weights in one product; that with the state stays::

    a_1, ..., a_T = W_x [x_1, ..., x_T] + b                          (gru-hoisted-inputs)
    u = W_h h                                                        (gru-hoisted-affine)

Why that is faster stands in :mod:`rnnlib.reference.ladder.lstm_hoisted`. The backward is
that of the rung below.
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference.gru import Cache, Params, State
from rnnlib.reference.ladder.gru_gathered import backward
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["backward", "forward"]


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
    sizes = shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    T, B, D, H = (sizes[letter] for letter in "TBDH")
    W_x, W_h, b, b_n = params
    inputs = (xs.reshape(T * B, D) @ W_x.T + b).reshape(T, B, 3 * H)  # (gru-hoisted-inputs)
    hs, caches, h = np.empty((T, B, H), inputs.dtype), [], state.h
    for t, x in enumerate(xs):
        u = h @ W_h.T  # (gru-hoisted-affine)
        (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(inputs[t], 3, axis=1), np.split(u, 3, axis=1)
        r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)
        n = np.tanh(a_n + r * (u_n + b_n))
        caches.append(Cache(x, State(h), (r, z, n, u_n + b_n)))
        hs[t] = (1 - z) * n + z * h
        h = hs[t]
    return hs, State(h), caches
