r"""Elman network (Elman 1990).

The step, for one example::

    h' = tanh(W_x x + W_h h + b)                                     (elman)

A batch holds one example per row, so ``W_x x`` is ``x @ W_x.T``.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Params(NamedTuple):
    """What is learned."""

    W_x: Tensor  # (H, D)
    W_h: Tensor  # (H, H)
    b: Tensor  # (H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H)


def from_torch(module: torch.nn.RNN) -> Params:
    """Take the weights of torch's own layer; its two biases act as their sum.

    Parameters
    ----------
    module : torch.nn.RNN
        One layer, one direction, tanh.

    Returns
    -------
    Params
        The same function's parameters; gradients reach the module's.

    Raises
    ------
    ValueError
        If the module has more layers or directions, or another activation.
    """
    if (module.num_layers, module.bidirectional, module.nonlinearity) != (1, False, "tanh"):
        raise ValueError(f"module: got {module}, expected one layer, one direction, tanh")
    W_x, W_h, *biases = module.all_weights[0]
    return Params(W_x, W_h, sum(biases, W_h.new_zeros(len(W_h))))


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
    return State(h=params.b.new_zeros(B, len(params.b)))


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b = params
    h = torch.tanh(x @ W_x.T + state.h @ W_h.T + b)  # (elman)
    return State(h)
