r"""Minimal gated unit: one gate resets and updates (Zhou et al. 2016).

The step, for one example, with ``a = [a_f; a_n]`` and ``W_h = [W_f; W_n]``::

    a = W_x x + b                                                    (mgu-affine)
    f = σ(a_f + W_f h)                                               (mgu-gate)
    u = f ∘ h,  n = tanh(a_n + W_n u)                                (mgu-candidate)
    h' = f ∘ n + (1 - f) ∘ h                                         (mgu)

and its transpose, given ``dh' = ∂L/∂h'``::

    da_n = dh' ∘ f ∘ (1 - n²)                                        (mgu-da-n)
    du = W_nᵀ da_n                                                   (mgu-dreset)
    df = dh' ∘ (n - h) + du ∘ h                                      (mgu-df)
    da_f = df ∘ f ∘ (1 - f)                                          (mgu-da-f)

    dW_f = da_f hᵀ,  dW_n = da_n uᵀ                                  (mgu-dweights)
    dW_x = da xᵀ,  db = da                                           (mgu-dparams)
    dh = W_fᵀ da_f + f ∘ du + (1 - f) ∘ dh'                          (mgu-dh)
    dx = W_xᵀ da                                                     (mgu-dinputs)

It is the GRU of :mod:`rnnlib.reference.gru_cho` with ``r = f`` and ``z = 1 - f``.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.gru import State, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order f, n."""

    W_x: Array  # (2H, D)
    W_h: Array  # (2H, H)
    b: Array  # (2H,)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: tuple[Array, Array, Array]  # f, n and u, each (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as :func:`rnnlib.reference.gru_cho.init` does, for two gates."""
    return Params(*gates.init(rng, 2, D, H))


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params, x, state
        As for :func:`rnnlib.reference.gru_cho.step`.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    W_x, W_h, b = params
    h, (W_f, W_n) = state.h, np.split(W_h, 2)
    a_f, a_n = np.split(x @ W_x.T + b, 2, axis=1)  # (mgu-affine)
    f = sigmoid(a_f + h @ W_f.T)  # (mgu-gate)
    u = f * h
    n = np.tanh(a_n + u @ W_n.T)  # (mgu-candidate)
    h = f * n + (1 - f) * h  # (mgu)
    return State(h), Cache(x, state, (f, n, u))


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params, cache, dstate
        As for :func:`rnnlib.reference.gru_cho.step_backward`.

    Returns
    -------
    Params, Array, State
        As there: gradients with respect to parameters, inputs and the state before the step.
    """
    W_x, W_h, _ = params
    x, (h,), (f, n, u) = cache
    W_f, W_n = np.split(W_h, 2)
    da_n = dstate.h * f * (1 - n**2)  # (mgu-da-n)
    du = da_n @ W_n  # (mgu-dreset)
    df = dstate.h * (n - h) + du * h  # (mgu-df)
    da_f = df * f * (1 - f)  # (mgu-da-f)
    da = np.concatenate([da_f, da_n], axis=1)

    dW_h = np.concatenate([da_f.T @ h, da_n.T @ u])  # (mgu-dweights)
    dparams = Params(W_x=da.T @ x, W_h=dW_h, b=da.sum(0))  # (mgu-dparams)
    dh = da_f @ W_f + f * du + (1 - f) * dstate.h  # (mgu-dh)
    return dparams, da @ W_x, State(h=dh)  # (mgu-dinputs)
