r"""LSTM with layer normalisation (Ba et al. 2016).

Three vectors are normalised, each over all its entries, by ``norm`` of
:mod:`rnnlib.reference.layer_norm`: what comes from the input and what comes from the state, each
for the four gates together; and the memory, on its way out alone. The step, for one example::

    p = norm(W_x x),  q = norm(W_h h)                                (norm-lstm-normal)
    a = γ_x ∘ p + γ_h ∘ q + b                                        (norm-lstm-affine)
    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o)                   (norm-lstm-gates)
    c' = f ∘ c + i ∘ g                                               (norm-lstm-cell)
    r = norm(c'),  t = tanh(γ_c ∘ r + β_c)                           (norm-lstm-memory)
    h' = o ∘ t                                                       (norm-lstm-output)

and its transpose, given ``dh'`` and ``dc'``::

    do = dh' ∘ t,  dt = dh' ∘ o ∘ (1 - t²)                           (norm-lstm-doutput)
    dc' ← dc' + normᵀ(γ_c ∘ dt)                                      (norm-lstm-dcell)
    di = dc' ∘ g,  df = dc' ∘ c,  dg = dc' ∘ i                       (norm-lstm-dgates)

    da_i = di ∘ i ∘ (1 - i),  da_f = df ∘ f ∘ (1 - f)
    da_g = dg ∘ (1 - g²),  da_o = do ∘ o ∘ (1 - o)                   (norm-lstm-da)

    du = normᵀ(γ_x ∘ da),  dv = normᵀ(γ_h ∘ da)                      (norm-lstm-dnormal)
    dW_x = du xᵀ,  dW_h = dv hᵀ,  db = da                            (norm-lstm-dparams)
    dγ_x = da ∘ p,  dγ_h = da ∘ q                                    (norm-lstm-dgates-gain)
    dγ_c = dt ∘ r,  dβ_c = dt                                        (norm-lstm-dmemory-gain)
    dx = W_xᵀ du,  dh = W_hᵀ dv,  dc = dc' ∘ f                       (norm-lstm-dinputs)

The paper shifts ``p`` and ``q`` each by a vector of its own; beside ``b`` these change nothing.
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
    normal: tuple[Array, Array, Array]  # p, q and r
    scale: tuple[Array, Array, Array]  # what each was scaled by
    kept: Kept  # i, f, g, o and t


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
    (p, s_p), (q, s_q) = normalise(x @ W_x.T), normalise(state.h @ W_h.T)  # (norm-lstm-normal)
    a = gamma_x * p + gamma_h * q + b  # (norm-lstm-affine)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)  # (norm-lstm-gates)
    c = f * state.c + i * g  # (norm-lstm-cell)
    r, s_r = normalise(c)
    t = np.tanh(gamma_c * r + beta_c)  # (norm-lstm-memory)
    h = o * t  # (norm-lstm-output)
    return State(h, c), Cache(x, state, (p, q, r), (s_p, s_q, s_r), (i, f, g, o, t))


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
    x, prev, (p, q, r), (s_p, s_q, s_r), (i, f, g, o, t) = cache
    do, dt = dstate.h * t, dstate.h * o * (1 - t**2)  # (norm-lstm-doutput)
    dc = dstate.c + normalise_backward(r, s_r, gamma_c * dt)  # (norm-lstm-dcell)
    di, df, dg = dc * g, dc * prev.c, dc * i  # (norm-lstm-dgates)
    da = np.concatenate(  # (norm-lstm-da)
        [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1
    )
    du = normalise_backward(p, s_p, gamma_x * da)  # (norm-lstm-dnormal)
    dv = normalise_backward(q, s_q, gamma_h * da)
    dweights = du.T @ x, dv.T @ prev.h, da.sum(0)  # (norm-lstm-dparams)
    dgains = (da * p).sum(0), (da * q).sum(0)  # (norm-lstm-dgates-gain)
    dmemory = (dt * r).sum(0), dt.sum(0)  # (norm-lstm-dmemory-gain)
    dparams = Params(*dweights, *dgains, *dmemory)
    return dparams, du @ W_x, State(h=dv @ W_h, c=dc * f)  # (norm-lstm-dinputs)
