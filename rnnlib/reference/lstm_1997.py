r"""LSTM as it was first published, without a forget gate (Hochreiter & Schmidhuber 1997).

The step, for one example, with ``a = [a_i; a_g; a_o]``. What is in the memory stays there::

    a = W_x x + W_h h + b                                            (lstm-1997-affine)
    i, g, o = σ(a_i), tanh(a_g), σ(a_o)                              (lstm-1997-gates)
    c' = c + i ∘ g                                                   (lstm-1997-cell)
    h' = o ∘ tanh(c')                                                (lstm-1997-output)

and its transpose, given ``dh'`` and ``dc'``. What reaches ``c'`` reaches ``c`` undiminished: the
*constant error carousel*::

    do = dh' ∘ tanh(c')                                              (lstm-1997-do)
    dc' ← dc' + dh' ∘ o ∘ (1 - tanh²(c'))                            (lstm-1997-dcell)
    di = dc' ∘ g,  dg = dc' ∘ i                                      (lstm-1997-dgates)

    da_i = di ∘ i ∘ (1 - i),  da_g = dg ∘ (1 - g²)
    da_o = do ∘ o ∘ (1 - o)                                          (lstm-1997-da)

    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (lstm-1997-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da,  dc = dc'                           (lstm-1997-dinputs)

The paper has other squashing functions, blocks of several memories to a gate, and cuts the
gradient where it would leave the memory for the gates; here it is whole.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.lstm import State, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order i, g, o."""

    W_x: Array  # (3H, D)
    W_h: Array  # (3H, H)
    b: Array  # (3H,)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: tuple[Array, Array, Array, Array]  # i, g, o and tanh(c'), each (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as :func:`rnnlib.reference.lstm.init` does, for three gates."""
    return Params(*gates.init(rng, 3, D, H))


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params, x, state
        As for :func:`rnnlib.reference.lstm.step`.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    W_x, W_h, b = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (lstm-1997-affine)
    a_i, a_g, a_o = np.split(a, 3, axis=1)
    i, g, o = sigmoid(a_i), np.tanh(a_g), sigmoid(a_o)  # (lstm-1997-gates)
    c = state.c + i * g  # (lstm-1997-cell)
    tanh_c = np.tanh(c)
    h = o * tanh_c  # (lstm-1997-output)
    return State(h, c), Cache(x, state, (i, g, o, tanh_c))


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params, cache, dstate
        As for :func:`rnnlib.reference.lstm.step_backward`.

    Returns
    -------
    Params, Array, State
        As there: gradients with respect to parameters, inputs and the state before the step.
    """
    W_x, W_h, _ = params
    x, prev, (i, g, o, tanh_c) = cache
    do = dstate.h * tanh_c  # (lstm-1997-do)
    dc = dstate.c + dstate.h * o * (1 - tanh_c**2)  # (lstm-1997-dcell)
    di, dg = dc * g, dc * i  # (lstm-1997-dgates)
    gradients = [di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(gradients, axis=1)  # (lstm-1997-da)
    dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))  # (lstm-1997-dparams)
    return dparams, da @ W_x, State(h=da @ W_h, c=dc)  # (lstm-1997-dinputs)
