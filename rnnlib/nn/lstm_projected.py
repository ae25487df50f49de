r"""LSTM with a projection: what is fed back is smaller than the memory (Sak et al. 2014).

The step, for one example; ``gated`` is what the gates do in :mod:`rnnlib.nn.lstm`::

    a = W_x x + W_h h + b                                            (projected-affine)
    u, c' = gated(a, c)                                              (projected-gated)
    h' = W_p u                                                       (projected)

The cell of the paper has peepholes and a second output that is not fed back; this one, as
``torch.nn.LSTM(proj_size=P)``, has neither.
"""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from rnnlib.nn import gates
from rnnlib.nn.lstm import gated


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Tensor  # (4H, D)
    W_h: Tensor  # (4H, P)
    b: Tensor  # (4H,)
    W_p: Tensor  # (P, H)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, P)
    c: Tensor  # (B, H)


@dataclass(frozen=True)
class ProjectedLSTM:
    """An LSTM cell with a projection.

    Parameters
    ----------
    P : int
        Number of outputs.
    """

    P: int

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: ``h`` ``(B, P)``, ``c`` ``(B, H)``."""
        return State(h=gates.zeros(params, B), c=params.W_p.new_zeros(B, params.W_p.shape[1]))

    def step(self, params: Params, x: Tensor, state: State) -> State:
        """Read one input ``(B, D)``; return the state after it."""
        W_x, W_h, b, W_p = params
        a = x @ W_x.T + state.h @ W_h.T + b  # (projected-affine)
        u, c = gated(a, state.c)  # (projected-gated)
        h = u @ W_p.T  # (projected)
        return State(h, c)
