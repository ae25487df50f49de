r"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]``::

    a = W_x x + W_h h + b                                            (lstm-affine)
    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o)                   (lstm-gates)
    c' = f ∘ c + i ∘ g                                               (lstm-cell)
    h' = o ∘ tanh(c')                                                (lstm-output)

What the gates do with their preactivations is a function of its own, :func:`gated`: other cells
come to the preactivations by another way.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import gates


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Tensor  # (4H, D)
    W_h: Tensor  # (4H, H)
    b: Tensor  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)


def from_torch(module: torch.nn.LSTM) -> Params:
    """Take the weights of torch's own layer; its two biases act as their sum.

    Parameters
    ----------
    module : torch.nn.LSTM
        One layer, one direction, no projection.

    Returns
    -------
    Params
        The same function's parameters; gradients reach the module's.

    Raises
    ------
    ValueError
        If the module has more layers or directions, or a projection.
    """
    if (module.num_layers, module.bidirectional, module.proj_size) != (1, False, 0):
        raise ValueError(f"module: got {module}, expected one layer, one direction, no projection")
    W_x, W_h, *biases = module.all_weights[0]
    return Params(W_x, W_h, sum(biases, W_h.new_zeros(len(W_h))))


def zero_state(params: gates.Recurrent, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` and ``c`` at zero, ``(B, H)``."""
    return State(h=gates.zeros(params, B), c=gates.zeros(params, B))


def gated(a: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Let the gates with preactivations ``(B, 4H)`` act on the memory ``(B, H)``; return h', c'."""
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    i, f, g, o = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid()  # (lstm-gates)
    c = f * c + i * g  # (lstm-cell)
    h = o * c.tanh()  # (lstm-output)
    return h, c


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (lstm-affine)
    h, c = gated(a, state.c)
    return State(h, c)
