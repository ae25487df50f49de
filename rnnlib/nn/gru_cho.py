r"""Gated recurrent unit with the reset gate before the product (Cho et al. 2014).

The step, for one example, with ``a = [a_r; a_z; a_n]`` and ``W_h = [W_r; W_z; W_n]``::

    a = W_x x + b                                                    (gru-cho-affine)
    r, z = σ(a_r + W_r h), σ(a_z + W_z h)                            (gru-cho-gates)
    u = r ∘ h,  n = tanh(a_n + W_n u)                                (gru-cho-candidate)
    h' = (1 - z) ∘ n + z ∘ h                                         (gru-cho)
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn.gru import State, zero_state

__all__ = ["Params", "State", "step", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order r, z, n."""

    W_x: Tensor  # (3H, D)
    W_h: Tensor  # (3H, H)
    b: Tensor  # (3H,)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b = params
    h, (W_r, W_z, W_n) = state.h, W_h.chunk(3)
    a_r, a_z, a_n = (x @ W_x.T + b).chunk(3, dim=1)  # (gru-cho-affine)
    r, z = (a_r + h @ W_r.T).sigmoid(), (a_z + h @ W_z.T).sigmoid()  # (gru-cho-gates)
    u = r * h
    n = (a_n + u @ W_n.T).tanh()  # (gru-cho-candidate)
    h = (1 - z) * n + z * h  # (gru-cho)
    return State(h)
