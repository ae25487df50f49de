r"""LSTM: one call of tanh serves all gates.

The logistic function is a tanh, of half the preactivation; the half goes into the weights::

    σ(a) = ½ + ½ tanh(½ a)
    s = [½; ½; 1; ½]  (H rows each)
    W_x' = s ∘ W_x,  W_h' = s ∘ W_h,  b' = s ∘ b                     (lstm-one-tanh-fold)
    [i; f; g; o] = tanh(W_x' x + W_h' h + b')                        (lstm-one-tanh)
    i, f, o ← ½ + ½ (i, f, o)                                        (lstm-one-tanh-logistic)

That is five calls in place of thirteen, as the logistic function of the reference has four. The
gates are written over the preactivations. Alone it gains little, and at some sizes it loses: with
an example in each row, the gates become pieces of rows that lie apart.
Where features come first the pieces are whole, see :mod:`rnnlib.reference.ladder.lstm_in_place`.
The backward is that of the rung below.
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ladder.lstm_hoisted import backward
from rnnlib.reference.lstm import Cache, Params, State
from rnnlib.reference.ops import Array

__all__ = ["backward", "fold", "forward"]


def fold(params: Params) -> Params:
    """Halve the rows of the logistic gates.

    Parameters
    ----------
    params : Params
        Parameters of the LSTM.

    Returns
    -------
    Params
        Parameters with which tanh serves all gates.
    """
    W_x, W_h, b = params
    s = np.repeat(np.array([0.5, 0.5, 1, 0.5], b.dtype), len(b) // 4)
    return Params(s[:, None] * W_x, s[:, None] * W_h, s * b)  # (lstm-one-tanh-fold)


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
    W_x, W_h, b = fold(params)
    gates = (xs.reshape(T * B, D) @ W_x.T + b).reshape(T, B, 4 * H)
    hs, caches = np.empty((T, B, H), gates.dtype), []
    for t, x in enumerate(xs):
        gate = gates[t]
        gate += state.h @ W_h.T
        np.tanh(gate, out=gate)  # (lstm-one-tanh)
        for logistic in (gate[:, : 2 * H], gate[:, 3 * H :]):
            logistic *= 0.5
            logistic += 0.5  # (lstm-one-tanh-logistic)
        i, f, g, o = np.split(gate, 4, axis=1)
        c = f * state.c + i * g
        tanh_c = np.tanh(c)
        caches.append(Cache(x, state, (i, f, g, o, tanh_c)))
        hs[t] = o * tanh_c
        state = State(hs[t], c)
    return hs, state, caches
