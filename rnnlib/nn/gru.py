r"""Gated recurrent unit with the reset gate after the product, as cuDNN and torch have it.

The step, for one example, with ``a = [a_r; a_z; a_n]`` and ``u = [u_r; u_z; u_n]``. The bias
``b_n`` is apart from ``b`` because the reset gate acts on it::

    a = W_x x + b,  u = W_h h                                        (gru-affine)
    r, z = σ(a_r + u_r), σ(a_z + u_z)                                (gru-gates)
    n = tanh(a_n + r ∘ (u_n + b_n))                                  (gru-candidate)
    h' = (1 - z) ∘ n + z ∘ h                                         (gru)

Others write ``h' = z ∘ n + (1 - z) ∘ h``: :func:`rnnlib.reference.gru.negate_z` goes between them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import gates
from rnnlib.nn.elman import State

__all__ = ["Params", "State", "fold", "from_torch", "step", "zero_state"]


class Params(NamedTuple):
    """What is learned; rows in the order r, z, n."""

    W_x: Tensor  # (3H, D)
    W_h: Tensor  # (3H, H)
    b: Tensor  # (3H,)
    b_n: Tensor  # (H,)


def from_torch(module: torch.nn.GRU) -> Params:
    """Take the weights of torch's own layer; its biases are folded, but for that of ``u_n``.

    Parameters
    ----------
    module : torch.nn.GRU
        One layer, one direction.

    Returns
    -------
    Params
        The same function's parameters; gradients reach the module's.

    Raises
    ------
    ValueError
        If the module has more layers or directions.
    """
    if (module.num_layers, module.bidirectional) != (1, False):
        raise ValueError(f"module: got {module}, expected one layer, one direction")
    W_x, W_h, *biases = module.all_weights[0]
    zeros = W_h.new_zeros(len(W_h))
    return Params(W_x, W_h, *(fold(*biases) if biases else fold(zeros, zeros)))


def fold(b_x: Tensor, b_h: Tensor) -> tuple[Tensor, Tensor]:
    """One bias, and that of ``u_n`` apart, of torch's two, ``(3H,)`` each."""
    H = len(b_h) // 3
    kept = torch.cat([b_h[: 2 * H], b_h.new_zeros(H)])
    return b_x + kept, b_h[2 * H :]


def zero_state(params: gates.Recurrent, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
    return State(h=gates.zeros(params, B))


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b, b_n = params
    a, u = x @ W_x.T + b, state.h @ W_h.T  # (gru-affine)
    (a_r, a_z, a_n), (u_r, u_z, u_n) = a.chunk(3, dim=1), u.chunk(3, dim=1)
    r, z = (a_r + u_r).sigmoid(), (a_z + u_z).sigmoid()  # (gru-gates)
    n = (a_n + r * (u_n + b_n)).tanh()  # (gru-candidate)
    h = (1 - z) * n + z * state.h  # (gru)
    return State(h)
