r"""GRU: one call of tanh serves both gates.

The logistic function is a tanh, of half the preactivation; the half goes into the weights::

    s = [½; ½; 1]  (H rows each)
    W_x' = s ∘ W_x,  W_h' = s ∘ W_h,  b' = s ∘ b                     (gru-one-tanh-fold)
    [r; z] = ½ + ½ tanh([a_r + u_r; a_z + u_z])                      (gru-one-tanh)
    n = tanh(a_n + r ∘ (u_n + b_n))                                  (gru-one-tanh-candidate)
    h' = n + z ∘ (h - n)                                             (gru-one-tanh-blend)

The candidate waits for the reset gate, and so has a tanh of its own. All are written over the
preactivations, and the blend is one product instead of two. The backward is that of the rung below.
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference.gru import Cache, Params, State
from rnnlib.reference.ladder.gru_hoisted import backward
from rnnlib.reference.ops import Array

__all__ = ["backward", "fold", "forward"]


def fold(params: Params) -> Params:
    """Halve the rows of the logistic gates.

    Parameters
    ----------
    params : Params
        Parameters of the GRU.

    Returns
    -------
    Params
        Parameters with which tanh serves the gates.
    """
    W_x, W_h, b, b_n = params
    s = np.repeat(np.array([0.5, 0.5, 1], b.dtype), len(b_n))
    return Params(s[:, None] * W_x, s[:, None] * W_h, s * b, b_n)  # (gru-one-tanh-fold)


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
    W_x, W_h, b, b_n = fold(params)
    inputs = (xs.reshape(T * B, D) @ W_x.T + b).reshape(T, B, 3 * H)
    hs, caches, h = np.empty((T, B, H), inputs.dtype), [], state.h
    for t, x in enumerate(xs):
        u = h @ W_h.T
        logistic, n = inputs[t, :, : 2 * H], inputs[t, :, 2 * H :]
        logistic += u[:, : 2 * H]
        np.tanh(logistic, out=logistic)
        logistic *= 0.5
        logistic += 0.5  # (gru-one-tanh)
        r, z = np.split(logistic, 2, axis=1)
        recurrent = u[:, 2 * H :] + b_n
        n += r * recurrent
        np.tanh(n, out=n)  # (gru-one-tanh-candidate)
        caches.append(Cache(x, State(h), (r, z, n, recurrent)))
        hs[t] = n + z * (h - n)  # (gru-one-tanh-blend)
        h = hs[t]
    return hs, State(h), caches
