r"""Gated recurrent unit with the reset gate before the product (Cho et al. 2014).

The step, for one example, with ``a = [a_r; a_z; a_n]`` and ``W_h = [W_r; W_z; W_n]``::

    a = W_x x + b                                                    (gru-cho-affine)
    r, z = σ(a_r + W_r h), σ(a_z + W_z h)                            (gru-cho-gates)
    u = r ∘ h,  n = tanh(a_n + W_n u)                                (gru-cho-candidate)
    h' = (1 - z) ∘ n + z ∘ h                                         (gru-cho)

and its transpose, given ``dh' = ∂L/∂h'``::

    dn = dh' ∘ (1 - z),  dz = dh' ∘ (h - n)                          (gru-cho-dblend)
    da_n = dn ∘ (1 - n²)                                             (gru-cho-da-n)
    du = W_nᵀ da_n                                                   (gru-cho-dreset)
    da_r = du ∘ h ∘ r ∘ (1 - r),  da_z = dz ∘ z ∘ (1 - z)            (gru-cho-da-gates)

    dW_x = da xᵀ,  db = da                                           (gru-cho-dparams)
    dW_r = da_r hᵀ,  dW_z = da_z hᵀ,  dW_n = da_n uᵀ                 (gru-cho-dweights)
    dh = W_rᵀ da_r + W_zᵀ da_z + r ∘ du + z ∘ dh'                    (gru-cho-dh)
    dx = W_xᵀ da                                                     (gru-cho-dinputs)

From :mod:`rnnlib.reference.gru` it differs in the place of ``r``: with the same weights the two are
one function if ``W_n`` is diagonal, and two if not. :func:`rnnlib.reference.gru.negate_z` serves
both.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.gru import State, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order r, z, n."""

    W_x: Array  # (3H, D)
    W_h: Array  # (3H, H)
    b: Array  # (3H,)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: tuple[Array, Array, Array, Array]  # r, z, n and u, each (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as :func:`rnnlib.reference.gru.init` does, but for its second bias."""
    return Params(*gates.init(rng, 3, D, H))


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params, x, state
        As for :func:`rnnlib.reference.gru.step`.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    W_x, W_h, b = params
    h, (W_r, W_z, W_n) = state.h, np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)  # (gru-cho-affine)
    r, z = sigmoid(a_r + h @ W_r.T), sigmoid(a_z + h @ W_z.T)  # (gru-cho-gates)
    u = r * h
    n = np.tanh(a_n + u @ W_n.T)  # (gru-cho-candidate)
    h = (1 - z) * n + z * h  # (gru-cho)
    return State(h), Cache(x, state, (r, z, n, u))


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params, cache, dstate
        As for :func:`rnnlib.reference.gru.step_backward`.

    Returns
    -------
    Params, Array, State
        As there: gradients with respect to parameters, inputs and the state before the step.
    """
    W_x, W_h, _ = params
    x, (h,), (r, z, n, u) = cache
    W_r, W_z, W_n = np.split(W_h, 3)
    dn, dz = dstate.h * (1 - z), dstate.h * (h - n)  # (gru-cho-dblend)
    da_n = dn * (1 - n**2)  # (gru-cho-da-n)
    du = da_n @ W_n  # (gru-cho-dreset)
    da_r, da_z = du * h * r * (1 - r), dz * z * (1 - z)  # (gru-cho-da-gates)
    da = np.concatenate([da_r, da_z, da_n], axis=1)

    dW_h = np.concatenate([da_r.T @ h, da_z.T @ h, da_n.T @ u])  # (gru-cho-dweights)
    dparams = Params(W_x=da.T @ x, W_h=dW_h, b=da.sum(0))  # (gru-cho-dparams)
    dh = da_r @ W_r + da_z @ W_z + r * du + z * dstate.h  # (gru-cho-dh)
    return dparams, da @ W_x, State(h=dh)  # (gru-cho-dinputs)
