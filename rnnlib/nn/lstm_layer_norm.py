r"""LSTM with layer normalisation (Ba et al. 2016).

Three vectors are normalised, each over all its entries, by ``norm`` of
:mod:`rnnlib.nn.layer_norm`: what comes from the input and what comes from the state, each
for the four gates together; and the memory, on its way out alone. The step, for one example::

    x̂ = norm(W_x x),  ĥ = norm(W_h h)                                (norm-lstm-normal)
    a = γ_x ∘ x̂ + γ_h ∘ ĥ + b                                        (norm-lstm-affine)
    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o)                   (norm-lstm-gates)
    c' = f ∘ c + i ∘ g                                               (norm-lstm-cell)
    ĉ = norm(c'),  a_c = γ_c ∘ ĉ + β_c                               (norm-lstm-memory)
    h' = o ∘ tanh(a_c)                                               (norm-lstm-output)

The paper shifts ``x̂`` and ``ĥ`` each by a vector of its own; beside ``b`` these change nothing.
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn.layer_norm import normalise
from rnnlib.nn.lstm import State, zero_state

__all__ = ["Params", "State", "step", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Tensor  # (4H, D)
    W_h: Tensor  # (4H, H)
    b: Tensor  # (4H,)
    gamma_x: Tensor  # (4H,)
    gamma_h: Tensor  # (4H,)
    gamma_c: Tensor  # (H,)
    beta_c: Tensor  # (H,)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b, gamma_x, gamma_h, gamma_c, beta_c = params
    x_hat, h_hat = normalise(x @ W_x.T), normalise(state.h @ W_h.T)  # (norm-lstm-normal)
    a = gamma_x * x_hat + gamma_h * h_hat + b  # (norm-lstm-affine)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    i, f, g, o = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid()  # (norm-lstm-gates)
    c = f * state.c + i * g  # (norm-lstm-cell)
    a_c = gamma_c * normalise(c) + beta_c  # (norm-lstm-memory)
    h = o * a_c.tanh()  # (norm-lstm-output)
    return State(h, c)
