r"""RWKV-4: the mean of all values so far, weighted by their keys and their age (Peng et al. 2023).

The time mixing of version 4, without the channel mixing that follows it in the network. The step,
for one example, ``x_-`` the input before it, ``μ_r`` a row of ``μ``, and so on::

    a_r = W_r (μ_r ∘ x + (1 - μ_r) ∘ x_-),  k and v likewise         (rwkv-shift)
    y = (c + exp(u + k) ∘ v) / (n + exp(u + k))                      (rwkv-read)
    h' = W_o (r ∘ y),  r = σ(a_r)                                    (rwkv-output)
    c' = exp(-w) ∘ c + exp(k) ∘ v,  n' = exp(-w) ∘ n + exp(k)        (rwkv-memory)

with ``w = exp(ω)``. ``c`` and ``n`` are shifted by ``m``, see :mod:`rnnlib.nn.shifted`: for
reading as if the old were kept whole, for writing with ``log f = -w``.
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn.shifted import EMPTY, weigh


class Params(NamedTuple):
    """What is learned; rows in the order r, k, v."""

    mu: Tensor  # (3, D)
    W_x: Tensor  # (3H, D)
    omega: Tensor  # (H,)
    u: Tensor  # (H,)
    W_o: Tensor  # (H, H)


class State(NamedTuple):
    """What is carried from step to step; ``h`` is what was said last, and is not read."""

    h: Tensor  # (B, H)
    x: Tensor  # (B, D)
    c: Tensor  # (B, H)
    n: Tensor  # (B, H)
    m: Tensor  # (B, H)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: no input and sums of nothing, all at zero."""
    zero = params.u.new_zeros(B, len(params.u))
    return State(zero, params.mu.new_zeros(B, params.mu.shape[1]), zero, zero, zero + EMPTY)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    mu, W_x, omega, u, W_o = params
    mixed = state.x + mu[:, None] * (x - state.x)
    a_r, k, v = mixed @ W_x.view(3, len(u), -1).mT  # (rwkv-shift)
    f_y, i_y, _ = weigh(k.new_zeros(()), u + k, state.m)
    y = (f_y * state.c + i_y * v) / (f_y * state.n + i_y)  # (rwkv-read)
    h = (a_r.sigmoid() * y) @ W_o.T  # (rwkv-output)
    f, i, m = weigh(-omega.exp(), k, state.m)
    c, n = f * state.c + i * v, f * state.n + i  # (rwkv-memory)
    return State(h, x, c, n, m)
