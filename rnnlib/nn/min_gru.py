r"""minGRU: a GRU whose gates read the input alone (Feng et al. 2024).

The step, for one example, with ``σ`` the logistic function and ``g`` the positive squashing
function of :mod:`rnnlib.nn.log_space`::

    [a_z; a_n] = W_x x + b                                           (min-gru-a)
    z = σ(a_z),  n = g(a_n)                                          (min-gru-gates)
    h' = z ∘ h + (1 - z) ∘ n                                         (min-gru)

``z`` keeps, as in :mod:`rnnlib.nn.gru`; what Feng et al. call z is our ``1 - z``, which is
the same network with the signs of the rows of ``a_z`` changed. As ``z`` and ``n`` do not read the
state, the recurrence is linear in it and :mod:`rnnlib.nn.parallel` runs all steps at once,
from the logarithms that :func:`coefficients` gives.
"""

from typing import NamedTuple

from torch import Tensor

from rnnlib.nn import log_space
from rnnlib.nn.scan import Affine


class Params(NamedTuple):
    """What is learned; rows in the order z, n."""

    W_x: Tensor  # (2H, D)
    b: Tensor  # (2H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
    return State(h=params.b.new_zeros(B, len(params.b) // 2))


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    a_z, a_n = _preactivations(params, x)
    z, n = a_z.sigmoid(), log_space.positive(a_n)  # (min-gru-gates)
    h = z * state.h + (1 - z) * n  # (min-gru)
    return State(h)


def coefficients(params: Params, x: Tensor) -> Affine:
    """Logarithms of the factor ``z`` and the summand ``(1 - z) ∘ n`` of the step.

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
    return log_space.coefficients(*_preactivations(params, x))


def _preactivations(params: Params, x: Tensor) -> tuple[Tensor, ...]:
    """Of the gate and of the candidate."""
    return (x @ params.W_x.T + params.b).chunk(2, dim=-1)  # (min-gru-a)
