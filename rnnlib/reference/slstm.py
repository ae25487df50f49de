r"""sLSTM: an LSTM with an exponential input gate and a memory that is a mean (Beck et al. 2024).

The step, for one example, with ``a = [a_i; a_f; a_g; a_o]``::

    a = W_x x + W_h h + b                                            (slstm-affine)
    log f = log σ(a_f),  log i = a_i                                 (slstm-logs)
    g, o = tanh(a_g), σ(a_o)                                         (slstm-gates)
    c' = f c + i g,  n' = f n + i                                    (slstm-cell)
    h' = o ∘ y,  y = c' / n'                                         (slstm-output)

where all is entry by entry, and ``c``, ``n`` and the weights ``f``, ``i`` are shifted by ``m``, see
:mod:`rnnlib.reference.shifted`. Back::

    do = dh' ∘ y                                                     (slstm-do)
    dc' ← dc' + dh' ∘ o / n',  dn' ← dn' - dh' ∘ o ∘ y / n'          (slstm-dcell)
    df = dc' ∘ c + dn' ∘ n,  di = dc' ∘ g + dn',  dg = dc' ∘ i       (slstm-dgates)
    da_i = dlog i,  da_f = dlog f ∘ (1 - σ(a_f))
    da_g = dg ∘ (1 - g²),  da_o = do ∘ o ∘ (1 - o)                   (slstm-da)
    dc = f ∘ dc',  dn = f ∘ dn'                                      (slstm-dc)

From ``da`` on it is the LSTM. The forget gate may also be exponential; here it is logistic.
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.log_space import softplus
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.shifted import EMPTY, weigh, weigh_backward

Kept = tuple[Array, ...]  # i, f, g, o, σ(a_f), c' / n' and n', each (B, H)


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Array  # (4H, D)
    W_h: Array  # (4H, H)
    b: Array  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H)
    c: Array  # (B, H)
    n: Array  # (B, H)
    m: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: Kept


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw weights as torch does for its LSTM, uniform within ±1/√H; the bias is zero.

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
        ``h`` and the sums at zero, ``m`` at :data:`rnnlib.reference.shifted.EMPTY`, each
        ``(B, H)``.
    """
    zero = gates.zeros(params, B)
    return State(zero, zero, zero, zero + EMPTY)


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
    a = x @ W_x.T + state.h @ W_h.T + b  # (slstm-affine)
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    f, i, m = weigh(-softplus(-a_f), a_i, state.m)  # (slstm-logs)
    g, o = np.tanh(a_g), sigmoid(a_o)  # (slstm-gates)
    c, n = f * state.c + i * g, f * state.n + i  # (slstm-cell)
    y = c / n
    h = o * y  # (slstm-output)
    return State(h, c, n, m), Cache(x, state, (i, f, g, o, sigmoid(a_f), y, n))


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
    (W_x, W_h, _), (x, prev, (i, f, g, o, open_f, y, n)) = params, cache
    do = dstate.h * y  # (slstm-do)
    dy = dstate.h * o
    dc, dn = dstate.c + dy / n, dstate.n - dy * y / n  # (slstm-dcell)
    df, di, dg = dc * prev.c + dn * prev.n, dc * g + dn, dc * i  # (slstm-dgates)
    dlog_f, dlog_i, dm = weigh_backward((f, i), (df, di), dstate.m)
    da = np.concatenate(  # (slstm-da)
        [dlog_i, dlog_f * (1 - open_f), dg * (1 - g**2), do * o * (1 - o)], axis=1
    )
    dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))
    return dparams, da @ W_x, State(da @ W_h, f * dc, f * dn, dm)  # (slstm-dc)
