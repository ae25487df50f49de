r"""LSTM with peepholes: the gates see the memory (Gers & Schmidhuber 2000).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]`` and one weight per unit and gate,
``W_c = [w_i; w_f; w_o]``. The output gate sees the memory after the step, the others before::

    a = W_x x + W_h h + b                                            (peephole-affine)
    i, f = σ(a_i + w_i ∘ c), σ(a_f + w_f ∘ c)                        (peephole-before)
    c' = f ∘ c + i ∘ tanh(a_g)                                       (peephole-cell)
    o = σ(a_o + w_o ∘ c')                                            (peephole-after)
    h' = o ∘ tanh(c')                                                (peephole-output)
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn.lstm import State, zero_state

__all__ = ["Params", "State", "step", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o, those of the peepholes i, f, o."""

    W_x: Tensor  # (4H, D)
    W_h: Tensor  # (4H, H)
    b: Tensor  # (4H,)
    W_c: Tensor  # (3, H)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b, (w_i, w_f, w_o) = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (peephole-affine)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    i, f = (a_i + w_i * state.c).sigmoid(), (a_f + w_f * state.c).sigmoid()  # (peephole-before)
    c = f * state.c + i * a_g.tanh()  # (peephole-cell)
    o = (a_o + w_o * c).sigmoid()  # (peephole-after)
    h = o * c.tanh()  # (peephole-output)
    return State(h, c)
