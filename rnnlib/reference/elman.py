r"""Elman network (Elman 1990).

The step, for one example::

    h' = tanh(W_x x + W_h h + b)                                     (elman)

and its transpose, given ``dh' = ∂L/∂h'``::

    da = dh' ∘ (1 - h'²)                                             (elman-da)
    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (elman-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (elman-dinputs)

A batch holds one example per row, so ``W_x x`` is ``x @ W_x.T`` and the parameter gradients sum
over the rows.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned."""

    W_x: Array  # (H, D)
    W_h: Array  # (H, H)
    b: Array  # (H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    h: Array  # (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw weights as torch does, uniform within ±1/√H; the bias, which torch draws too, is zero.

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
    return Params(uniform(rng, (H, D), fan=H), uniform(rng, (H, H), fan=H), np.zeros(H))


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
    return State(h=np.zeros((B, len(params.b)), dtype=params.b.dtype))


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
    W_x, W_h, b = params
    h = np.tanh(x @ W_x.T + state.h @ W_h.T + b)  # (elman)
    return State(h), Cache(x, state, h)


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
    W_x, W_h, _ = params
    x, prev, h = cache
    da = dstate.h * (1 - h**2)  # (elman-da)
    dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))  # (elman-dparams)
    return dparams, da @ W_x, State(h=da @ W_h)  # (elman-dinputs)
