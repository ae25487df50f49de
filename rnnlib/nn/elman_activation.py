r"""Elman network with another activation (Elman 1990; with relu: Le et al. 2015).

The step, for one example, with an activation ``φ``::

    h' = φ(W_x x + W_h h + b)                                        (elman-activation)

    tanh       φ(a) = tanh(a),     φ'(h') = 1 - h'²                  (tanh)
    relu       φ(a) = a 1{a > 0},  φ'(h') = 1{h' > 0}                (relu)
    sigmoid    φ(a) = σ(a),        φ'(h') = h' ∘ (1 - h')            (sigmoid)

With tanh it is :mod:`rnnlib.nn.elman`. Autograd knows the slopes ``φ'``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlib.nn import elman
from rnnlib.nn.elman import Params, State

Activation = Callable[[Tensor], Tensor]

TANH: Activation = torch.tanh  # (tanh)
RELU: Activation = torch.relu  # (relu)
SIGMOID: Activation = torch.sigmoid  # (sigmoid)


@dataclass(frozen=True)
class Elman:
    """An Elman cell with an activation of choice.

    Parameters
    ----------
    activation : Activation
        ``TANH``, ``RELU``, ``SIGMOID``, or another.
    """

    activation: Activation

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
        return elman.zero_state(params, B)

    def step(self, params: Params, x: Tensor, state: State) -> State:
        """Read one input ``(B, D)``; return the state after it."""
        W_x, W_h, b = params
        h = self.activation(x @ W_x.T + state.h @ W_h.T + b)  # (elman-activation)
        return State(h)
