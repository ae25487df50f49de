r"""LSTM with peepholes: the gates see the memory (Gers & Schmidhuber 2000).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]`` and one weight per unit and gate,
``W_c = [w_i; w_f; w_o]``. The output gate sees the memory after the step, the others before::

    a = W_x x + W_h h + b                                            (peephole-affine)
    i, f = σ(a_i + w_i ∘ c), σ(a_f + w_f ∘ c)                        (peephole-before)
    c' = f ∘ c + i ∘ tanh(a_g)                                       (peephole-cell)
    o = σ(a_o + w_o ∘ c')                                            (peephole-after)
    h' = o ∘ tanh(c')                                                (peephole-output)

and its transpose, given ``dh'`` and ``dc'``, with ``g = tanh(a_g)``::

    da_o = dh' ∘ tanh(c') ∘ o ∘ (1 - o)                              (peephole-da-o)
    dc' ← dc' + dh' ∘ o ∘ (1 - tanh²(c')) + w_o ∘ da_o               (peephole-dcell)
    da_i = dc' ∘ g ∘ i ∘ (1 - i)                                     (peephole-da-i)
    da_f = dc' ∘ c ∘ f ∘ (1 - f)                                     (peephole-da-f)
    da_g = dc' ∘ i ∘ (1 - g²)                                        (peephole-da-g)

    dw_i = da_i ∘ c,  dw_f = da_f ∘ c,  dw_o = da_o ∘ c'             (peephole-dpeepholes)
    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (peephole-dparams)
    dc = dc' ∘ f + w_i ∘ da_i + w_f ∘ da_f                           (peephole-dc)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (peephole-dinputs)
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.init import uniform
from rnnlib.reference.lstm import Kept, State, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o, those of the peepholes i, f, o."""

    W_x: Array  # (4H, D)
    W_h: Array  # (4H, H)
    b: Array  # (4H,)
    W_c: Array  # (3, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    c: Array  # (B, H)
    kept: Kept


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as :func:`rnnlib.reference.lstm.init` does, the peepholes like weights."""
    return Params(*gates.init(rng, 4, D, H), W_c=uniform(rng, (3, H), fan=H))


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
    W_x, W_h, b, (w_i, w_f, w_o) = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (peephole-affine)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f = sigmoid(a_i + w_i * state.c), sigmoid(a_f + w_f * state.c)  # (peephole-before)
    g = np.tanh(a_g)
    c = f * state.c + i * g  # (peephole-cell)
    o = sigmoid(a_o + w_o * c)  # (peephole-after)
    tanh_c = np.tanh(c)
    h = o * tanh_c  # (peephole-output)
    return State(h, c), Cache(x, state, c, (i, f, g, o, tanh_c))


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
    W_x, W_h, _, (w_i, w_f, w_o) = params
    x, prev, c, (i, f, g, o, tanh_c) = cache
    da_o = dstate.h * tanh_c * o * (1 - o)  # (peephole-da-o)
    dc = dstate.c + dstate.h * o * (1 - tanh_c**2) + w_o * da_o  # (peephole-dcell)
    da_i = dc * g * i * (1 - i)  # (peephole-da-i)
    da_f = dc * prev.c * f * (1 - f)  # (peephole-da-f)
    da_g = dc * i * (1 - g**2)  # (peephole-da-g)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)

    seen = [da_i * prev.c, da_f * prev.c, da_o * c]
    dW_c = np.stack([dw.sum(0) for dw in seen])  # (peephole-dpeepholes)
    dparams = Params(da.T @ x, da.T @ prev.h, da.sum(0), dW_c)  # (peephole-dparams)
    dc = dc * f + w_i * da_i + w_f * da_f  # (peephole-dc)
    return dparams, da @ W_x, State(h=da @ W_h, c=dc)  # (peephole-dinputs)
