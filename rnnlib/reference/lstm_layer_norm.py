r"""LSTM with layer normalisation (Ba et al. 2016).

Three vectors are normalised, each over all its entries, by ``norm`` of
:mod:`rnnlib.reference.layer_norm`: what comes from the input and what comes from the state, each
for the four gates together; and the memory, on its way out alone. The step, for one example::

    x̂ = norm(W_x x),  ĥ = norm(W_h h)                                (norm-lstm-normal)
    a = γ_x ∘ x̂ + γ_h ∘ ĥ + b                                        (norm-lstm-affine)
    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o)                   (norm-lstm-gates)
    c' = f ∘ c + i ∘ g                                               (norm-lstm-cell)
    ĉ = norm(c'),  a_c = γ_c ∘ ĉ + β_c                               (norm-lstm-memory)
    h' = o ∘ tanh(a_c)                                               (norm-lstm-output)

and its transpose, given ``dh'`` and ``dc'``, with ``a_x = W_x x`` and ``a_h = W_h h``::

    do = dh' ∘ tanh(a_c),  da_c = dh' ∘ o ∘ (1 - tanh²(a_c))         (norm-lstm-doutput)
    dc' ← dc' + normᵀ(γ_c ∘ da_c)                                    (norm-lstm-dcell)
    di = dc' ∘ g,  df = dc' ∘ c,  dg = dc' ∘ i                       (norm-lstm-dgates)

    da_i = di ∘ i ∘ (1 - i),  da_f = df ∘ f ∘ (1 - f)
    da_g = dg ∘ (1 - g²),  da_o = do ∘ o ∘ (1 - o)                   (norm-lstm-da)

    da_x = normᵀ(γ_x ∘ da)                                           (norm-lstm-da-x)
    da_h = normᵀ(γ_h ∘ da)                                           (norm-lstm-da-h)
    dW_x = da_x xᵀ,  dW_h = da_h hᵀ,  db = da                        (norm-lstm-dweights)
    dγ_x = da ∘ x̂,  dγ_h = da ∘ ĥ                                    (norm-lstm-dgains)
    dγ_c = da_c ∘ ĉ,  dβ_c = da_c                                    (norm-lstm-dmemory)
    dx = W_xᵀ da_x,  dh = W_hᵀ da_h,  dc = dc' ∘ f                   (norm-lstm-dinputs)

The paper shifts ``x̂`` and ``ĥ`` each by a vector of its own; beside ``b`` these change nothing.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.layer_norm import normalise, normalise_backward
from rnnlib.reference.lstm import Kept, State, zero_state
from rnnlib.reference.ops import Array, sigmoid

__all__ = ["Cache", "Params", "State", "init", "step", "step_backward", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Array  # (4H, D)
    W_h: Array  # (4H, H)
    b: Array  # (4H,)
    gamma_x: Array  # (4H,)
    gamma_h: Array  # (4H,)
    gamma_c: Array  # (H,)
    beta_c: Array  # (H,)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    normal: tuple[Array, Array, Array]  # x̂, ĥ and ĉ
    scale: tuple[Array, Array, Array]  # what each was scaled by
    kept: Kept  # i, f, g, o and tanh(a_c)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as :func:`rnnlib.reference.lstm.init` does; every γ is one, β_c zero."""
    gains = np.ones(4 * H), np.ones(4 * H), np.ones(H)
    return Params(*gates.init(rng, 4, D, H), *gains, beta_c=np.zeros(H))


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
    W_x, W_h, b, gamma_x, gamma_h, gamma_c, beta_c = params
    (x_hat, s_x), (h_hat, s_h) = map(normalise, (x @ W_x.T, state.h @ W_h.T))  # (norm-lstm-normal)
    a = gamma_x * x_hat + gamma_h * h_hat + b  # (norm-lstm-affine)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)  # (norm-lstm-gates)
    c = f * state.c + i * g  # (norm-lstm-cell)
    c_hat, s_c = normalise(c)
    tanh_c = np.tanh(gamma_c * c_hat + beta_c)  # (norm-lstm-memory)
    h = o * tanh_c  # (norm-lstm-output)
    normal, scale = (x_hat, h_hat, c_hat), (s_x, s_h, s_c)
    return State(h, c), Cache(x, state, normal, scale, (i, f, g, o, tanh_c))


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
    W_x, W_h, _, gamma_x, gamma_h, gamma_c, _ = params
    x, prev, (x_hat, h_hat, c_hat), (s_x, s_h, s_c), (i, f, g, o, tanh_c) = cache
    do, da_c = dstate.h * tanh_c, dstate.h * o * (1 - tanh_c**2)  # (norm-lstm-doutput)
    dc = dstate.c + normalise_backward(c_hat, s_c, gamma_c * da_c)  # (norm-lstm-dcell)
    di, df, dg = dc * g, dc * prev.c, dc * i  # (norm-lstm-dgates)
    da = np.concatenate(  # (norm-lstm-da)
        [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1
    )
    da_x = normalise_backward(x_hat, s_x, gamma_x * da)  # (norm-lstm-da-x)
    da_h = normalise_backward(h_hat, s_h, gamma_h * da)  # (norm-lstm-da-h)
    dweights = da_x.T @ x, da_h.T @ prev.h, da.sum(0)  # (norm-lstm-dweights)
    dgains = (da * x_hat).sum(0), (da * h_hat).sum(0)  # (norm-lstm-dgains)
    dmemory = (da_c * c_hat).sum(0), da_c.sum(0)  # (norm-lstm-dmemory)
    dparams = Params(*dweights, *dgains, *dmemory)
    return dparams, da_x @ W_x, State(h=da_h @ W_h, c=dc * f)  # (norm-lstm-dinputs)
