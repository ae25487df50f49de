r"""minGRU: a GRU whose gates read the input alone (Feng et al. 2024).

The step, for one example, with ``σ`` the logistic function and ``g`` the positive squashing
function of :mod:`rnnlib.reference.log_space`::

    [a_z; a_n] = W_x x + b                                           (min-gru-a)
    z = σ(a_z),  n = g(a_n)                                          (min-gru-gates)
    h' = z ∘ h + (1 - z) ∘ n                                         (min-gru)

and its transpose, given ``dh' = ∂L/∂h'``::

    da_z = dh' ∘ (h - n) ∘ z ∘ (1 - z)                               (min-gru-da-z)
    da_n = dh' ∘ (1 - z) ∘ g'(a_n)                                   (min-gru-da-n)
    dW_x = da xᵀ,  db = da                                           (min-gru-dparams)
    dx = W_xᵀ da,  dh = z ∘ dh'                                      (min-gru-dinputs)

``z`` keeps, as in :mod:`rnnlib.reference.gru`; what Feng et al. call z is our ``1 - z``, which is
the same network with the signs of the rows of ``a_z`` changed. As ``z`` and ``n`` do not read the
state, the recurrence is linear in it and :mod:`rnnlib.reference.parallel` runs all steps at once,
from the logarithms that :func:`coefficients` gives.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import log_space
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.scan import Affine


class Params(NamedTuple):
    """What is learned; rows in the order z, n."""

    W_x: Array  # (2H, D)
    b: Array  # (2H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    z: Array  # (B, H)
    n: Array  # (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw parameters as torch's linear layer does: uniform within ±1/√D, the bias at zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H : int
        Number of inputs and of hidden units.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(uniform(rng, (2 * H, D), fan=D), np.zeros(2 * H))


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet.

    Parameters
    ----------
    params : Params
        Gives the number of units and the dtype.
    B : int
        Batch size.

    Returns
    -------
    State
        ``h`` at zero, ``(B, H)``.
    """
    return State(h=np.zeros((B, len(params.b) // 2), dtype=params.b.dtype))


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params : Params
        The parameters.
    x : Array
        Inputs at this step, ``(B, D)``.
    state : State
        State before it.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    a_z, a_n = _preactivations(params, x)
    z, n = sigmoid(a_z), log_space.positive(a_n)  # (min-gru-gates)
    h = z * state.h + (1 - z) * n  # (min-gru)
    return State(h), Cache(x, state, z, n)


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`step` used.
    cache : Cache
        What :func:`step` kept.
    dstate : State
        Gradient of the loss with respect to the state after the step.

    Returns
    -------
    Params
        Gradient with respect to the parameters, through this step alone.
    Array
        Gradient with respect to the inputs, ``(B, D)``.
    State
        Gradient with respect to the state before the step.
    """
    x, prev, z, n = cache
    da_z = dstate.h * (prev.h - n) * z * (1 - z)  # (min-gru-da-z)
    da_n = dstate.h * (1 - z) * log_space.positive_slope(n)  # (min-gru-da-n)
    da = np.concatenate([da_z, da_n], axis=1)
    dparams = Params(W_x=da.T @ x, b=da.sum(0))  # (min-gru-dparams)
    return dparams, da @ params.W_x, State(h=z * dstate.h)  # (min-gru-dinputs)


def coefficients(params: Params, x: Array) -> Affine:
    """Logarithms of the factor ``z`` and the summand ``(1 - z) ∘ n`` of the step.

    Parameters
    ----------
    params : Params
        The parameters.
    x : Array
        Inputs, ``(B, D)``.

    Returns
    -------
    Affine
        The two logarithms, ``(B, H)``.
    """
    return log_space.coefficients(*_preactivations(params, x))


def _preactivations(params: Params, x: Array) -> list[Array]:
    """Of the gate and of the candidate."""
    return np.split(x @ params.W_x.T + params.b, 2, axis=1)  # (min-gru-a)
