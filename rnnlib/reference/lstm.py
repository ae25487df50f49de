r"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]``::

    a = W_x x + W_h h + b                                            (lstm-affine)
    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o)                   (lstm-gates)
    c' = f ∘ c + i ∘ g                                               (lstm-cell)
    h' = o ∘ tanh(c')                                                (lstm-output)

and its transpose, given ``dh' = ∂L/∂h'`` and ``dc' = ∂L/∂c'``, where the way through ``h'`` is
added to ``dc'`` first::

    do = dh' ∘ tanh(c')                                              (lstm-do)
    dc' ← dc' + dh' ∘ o ∘ (1 - tanh²(c'))                            (lstm-dcell)
    di = dc' ∘ g,  df = dc' ∘ c,  dg = dc' ∘ i                       (lstm-dgates)

    da_i = di ∘ i ∘ (1 - i),  da_f = df ∘ f ∘ (1 - f)
    da_g = dg ∘ (1 - g²),  da_o = do ∘ o ∘ (1 - o)                   (lstm-da)

    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (lstm-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (lstm-dinputs)
    dc = dc' ∘ f                                                     (lstm-dc)

What the gates do with their preactivations is a function of its own, :func:`gated`: other cells
come to the preactivations by another way.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.ops import Array, sigmoid

Kept = tuple[Array, Array, Array, Array, Array]  # i, f, g, o and tanh(c'), each (B, H)


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Array  # (4H, D)
    W_h: Array  # (4H, H)
    b: Array  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H)
    c: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: Kept


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
    return Params(*gates.init(rng, 4, D, H))


def zero_state(params: gates.Recurrent, B: int) -> State:
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
        ``h`` and ``c`` at zero, each ``(B, H)``.
    """
    return State(h=gates.zeros(params, B), c=gates.zeros(params, B))


def gated(a: Array, c: Array) -> tuple[Array, Array, Kept]:
    """Let the gates act on the memory.

    Parameters
    ----------
    a : Array
        Preactivations of the gates, ``(B, 4H)``, or with more axes after these.
    c : Array
        The memory before the step, ``(B, H)``, or with the same axes after these.

    Returns
    -------
    Array
        The output ``h'``, of the shape of ``c``.
    Array
        The memory ``c'`` after the step.
    Kept
        What :func:`gated_backward` needs.
    """
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)  # (lstm-gates)
    c = f * c + i * g  # (lstm-cell)
    tanh_c = np.tanh(c)
    h = o * tanh_c  # (lstm-output)
    return h, c, (i, f, g, o, tanh_c)


def gated_backward(kept: Kept, c: Array, dh: Array, dc: Array) -> tuple[Array, Array]:
    """Send the gradient back through the gates.

    Parameters
    ----------
    kept : Kept
        What :func:`gated` kept.
    c : Array
        The memory before the step.
    dh, dc : Array
        Gradient with respect to the output and to the memory after the step.

    Returns
    -------
    Array
        Gradient with respect to the preactivations.
    Array
        Gradient with respect to the memory before the step.
    """
    i, f, g, o, tanh_c = kept
    do = dh * tanh_c  # (lstm-do)
    dc = dc + dh * o * (1 - tanh_c**2)  # (lstm-dcell)
    di, df, dg = dc * g, dc * c, dc * i  # (lstm-dgates)
    da = np.concatenate(  # (lstm-da)
        [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1
    )
    return da, dc * f  # (lstm-dc)


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
    a = x @ W_x.T + state.h @ W_h.T + b  # (lstm-affine)
    h, c, kept = gated(a, state.c)
    return State(h, c), Cache(x, state, kept)


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
    x, prev, kept = cache
    da, dc = gated_backward(kept, prev.c, dstate.h, dstate.c)
    dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))  # (lstm-dparams)
    return dparams, da @ W_x, State(h=da @ W_h, c=dc)  # (lstm-dinputs)
