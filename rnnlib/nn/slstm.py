r"""sLSTM: an LSTM with an exponential input gate and a memory that is a mean (Beck et al. 2024).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]``::

    a = W_x x + W_h h + b                                            (slstm-affine)
    log f = log σ(a_f),  log i = a_i                                 (slstm-logs)
    g, o = tanh(a_g), σ(a_o)                                         (slstm-gates)
    c' = f c + i g,  n' = f n + i                                    (slstm-cell)
    h' = o ∘ y,  y = c' / n'                                         (slstm-output)

where all is entry by entry, and ``c``, ``n`` and the weights ``f``, ``i`` are shifted by ``m``, see
:mod:`rnnlib.nn.shifted`. The forget gate may also be exponential; here it is logistic.
"""

from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import logsigmoid

from rnnlib.nn import gates
from rnnlib.nn.shifted import EMPTY, weigh


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Tensor  # (4H, D)
    W_h: Tensor  # (4H, H)
    b: Tensor  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H)
    c: Tensor  # (B, H)
    n: Tensor  # (B, H)
    m: Tensor  # (B, H)


def zero_state(params: gates.Recurrent, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` and the sums at zero."""
    zero = gates.zeros(params, B)
    return State(zero, zero, zero, zero + EMPTY)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    W_x, W_h, b = params
    a = x @ W_x.T + state.h @ W_h.T + b  # (slstm-affine)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=1)
    f, i, m = weigh(logsigmoid(a_f), a_i, state.m)  # (slstm-logs)
    g, o = a_g.tanh(), a_o.sigmoid()  # (slstm-gates)
    c, n = f * state.c + i * g, f * state.n + i  # (slstm-cell)
    h = o * (c / n)  # (slstm-output)
    return State(h, c, n, m)
