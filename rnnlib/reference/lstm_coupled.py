r"""LSTM whose input and forget gate are one (Greff et al. 2017: CIFG).

The step, for one example, with ``a = [a_i; a_g; a_o]``. What comes in takes the place of what
was there, ``f = 1 - i``::

    a = W_x x + W_h h + b                                            (coupled-affine)
    i, g, o = σ(a_i), tanh(a_g), σ(a_o)                              (coupled-gates)
    c' = (1 - i) ∘ c + i ∘ g                                         (coupled-cell)
    h' = o ∘ tanh(c')                                                (coupled-output)

and its transpose, given ``dh'`` and ``dc'``::

    do = dh' ∘ tanh(c')                                              (coupled-do)
    dc' ← dc' + dh' ∘ o ∘ (1 - tanh²(c'))                            (coupled-dcell)
    di = dc' ∘ (g - c),  dg = dc' ∘ i                                (coupled-dgates)

    da_i = di ∘ i ∘ (1 - i),  da_g = dg ∘ (1 - g²)
    da_o = do ∘ o ∘ (1 - o)                                          (coupled-da)

    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (coupled-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da,  dc = dc' ∘ (1 - i)                 (coupled-dinputs)
"""

import numpy as np

from rnnlib.reference.lstm_1997 import Cache, Params, State, init, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params, x, state
        As for :func:`rnnlib.reference.lstm_1997.step`.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    W_x, W_h, b = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (coupled-affine)
    a_i, a_g, a_o = np.split(a, 3, axis=1)
    i, g, o = sigmoid(a_i), np.tanh(a_g), sigmoid(a_o)  # (coupled-gates)
    c = (1 - i) * state.c + i * g  # (coupled-cell)
    tanh_c = np.tanh(c)
    h = o * tanh_c  # (coupled-output)
    return State(h, c), Cache(x, state, (i, g, o, tanh_c))


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params, cache, dstate
        As for :func:`rnnlib.reference.lstm_1997.step_backward`.

    Returns
    -------
    Params, Array, State
        As there: gradients with respect to parameters, inputs and the state before the step.
    """
    W_x, W_h, _ = params
    x, prev, (i, g, o, tanh_c) = cache
    do = dstate.h * tanh_c  # (coupled-do)
    dc = dstate.c + dstate.h * o * (1 - tanh_c**2)  # (coupled-dcell)
    di, dg = dc * (g - prev.c), dc * i  # (coupled-dgates)
    gradients = [di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(gradients, axis=1)  # (coupled-da)
    dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))  # (coupled-dparams)
    return dparams, da @ W_x, State(h=da @ W_h, c=dc * (1 - i))  # (coupled-dinputs)
