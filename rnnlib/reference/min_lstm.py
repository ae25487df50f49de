r"""minLSTM: an LSTM whose gates read the input alone and sum to one (Feng et al. 2024).

The step, for one example, with ``σ`` the logistic function and ``g`` the positive squashing
function of :mod:`rnnlib.reference.log_space`::

    [a_i; a_f; a_n] = W_x x + b                                      (min-lstm-a)
    i = σ(a_i),  f = σ(a_f),  n = g(a_n)                             (min-lstm-gates)
    k = log f - log i,  p = f / (f + i) = σ(k)                       (min-lstm-share)
    h' = p ∘ h + (1 - p) ∘ n                                         (min-lstm)

and its transpose, given ``dh' = ∂L/∂h'``::

    dk = dh' ∘ (h - n) ∘ p ∘ (1 - p)                                 (min-lstm-dk)
    da_i = -dk ∘ (1 - i),  da_f = dk ∘ (1 - f)                       (min-lstm-da-if)
    da_n = dh' ∘ (1 - p) ∘ g'(a_n)                                   (min-lstm-da-n)
    dW_x = da xᵀ,  db = da                                           (min-lstm-dparams)
    dx = W_xᵀ da,  dh = p ∘ dh'                                      (min-lstm-dinputs)

Divided by their sum, the input and the forget gate are the shares ``1 - p`` and ``p``; the state
keeps its scale however long the sequence. As they do not read the state, the recurrence is linear
in it and :mod:`rnnlib.reference.parallel` runs all steps at once, from the logarithms that
:func:`coefficients` gives.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import log_space
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.scan import Affine


class Params(NamedTuple):
    """What is learned; rows in the order i, f, n."""

    W_x: Array  # (3H, D)
    b: Array  # (3H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    i: Array  # (B, H)
    f: Array  # (B, H)
    n: Array  # (B, H)
    p: Array  # (B, H)


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
    return Params(uniform(rng, (3 * H, D), fan=D), np.zeros(3 * H))


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
    return State(h=np.zeros((B, len(params.b) // 3), dtype=params.b.dtype))


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
    a_i, a_f, a_n = _preactivations(params, x)
    i, f, n = sigmoid(a_i), sigmoid(a_f), log_space.positive(a_n)  # (min-lstm-gates)
    p = sigmoid(_log_ratio(a_i, a_f))
    h = p * state.h + (1 - p) * n  # (min-lstm)
    return State(h), Cache(x, state, i, f, n, p)


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
    x, prev, i, f, n, p = cache
    dk = dstate.h * (prev.h - n) * p * (1 - p)  # (min-lstm-dk)
    da_i, da_f = -dk * (1 - i), dk * (1 - f)  # (min-lstm-da-if)
    da_n = dstate.h * (1 - p) * log_space.positive_slope(n)  # (min-lstm-da-n)
    da = np.concatenate([da_i, da_f, da_n], axis=1)
    dparams = Params(W_x=da.T @ x, b=da.sum(0))  # (min-lstm-dparams)
    return dparams, da @ params.W_x, State(h=p * dstate.h)  # (min-lstm-dinputs)


def coefficients(params: Params, x: Array) -> Affine:
    """Logarithms of the factor ``p`` and the summand ``(1 - p) ∘ n`` of the step.

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
    a_i, a_f, a_n = _preactivations(params, x)
    return log_space.coefficients(_log_ratio(a_i, a_f), a_n)


def _preactivations(params: Params, x: Array) -> list[Array]:
    """Of the two gates and of the candidate."""
    return np.split(x @ params.W_x.T + params.b, 3, axis=1)  # (min-lstm-a)


def _log_ratio(a_i: Array, a_f: Array) -> Array:
    """Logarithm of f / i, finite where both underflow."""
    return log_space.softplus(-a_i) - log_space.softplus(-a_f)  # (min-lstm-share)
