r"""minLSTM: an LSTM whose gates read the input alone and sum to one (Feng et al. 2024).

The step, for one example, with ``σ`` the logistic function and ``g`` the positive squashing
function of :mod:`rnnlib.nn.log_space`::

    [a_i; a_f; a_n] = W_x x + b                                      (min-lstm-a)
    i = σ(a_i),  f = σ(a_f),  n = g(a_n)                             (min-lstm-gates)
    k = log f - log i,  p = f / (f + i) = σ(k)                       (min-lstm-share)
    h' = p ∘ h + (1 - p) ∘ n                                         (min-lstm)

Divided by their sum, the input and the forget gate are the shares ``1 - p`` and ``p``; the state
keeps its scale however long the sequence. As they do not read the state, the recurrence is linear
in it and :mod:`rnnlib.nn.parallel` runs all steps at once, from the logarithms that
:func:`coefficients` gives. The step needs ``k`` alone, not the two gates.
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn import log_space
from rnnlib.nn.scan import Affine


class Params(NamedTuple):
    """What is learned; rows in the order i, f, n."""

    W_x: Tensor  # (3H, D)
    b: Tensor  # (3H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
    return State(h=params.b.new_zeros(B, len(params.b) // 3))


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    a_i, a_f, a_n = _preactivations(params, x)
    k, n = _log_ratio(a_i, a_f), log_space.positive(a_n)  # (min-lstm-gates)
    p = k.sigmoid()
    h = p * state.h + (1 - p) * n  # (min-lstm)
    return State(h)


def coefficients(params: Params, x: Tensor) -> Affine:
    """Logarithms of the factor ``p`` and the summand ``(1 - p) ∘ n`` of the step.

    Parameters
    ----------
    params : Params
        The parameters.
    x : Tensor
        Inputs, ``(..., D)``.

    Returns
    -------
    Affine
        The two logarithms, ``(..., H)``.
    """
    a_i, a_f, a_n = _preactivations(params, x)
    return log_space.coefficients(_log_ratio(a_i, a_f), a_n)


def _preactivations(params: Params, x: Tensor) -> tuple[Tensor, ...]:
    """Of the two gates and of the candidate."""
    return (x @ params.W_x.T + params.b).chunk(3, dim=-1)  # (min-lstm-a)


def _log_ratio(a_i: Tensor, a_f: Tensor) -> Tensor:
    """Logarithm of f / i, finite where both underflow."""
    return log_space.softplus(-a_i) - log_space.softplus(-a_f)  # (min-lstm-share)
