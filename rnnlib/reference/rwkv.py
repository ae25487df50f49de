r"""RWKV-4: the mean of all values so far, weighted by their keys and their age (Peng et al. 2023).

The time mixing of version 4, without the channel mixing that follows it in the network. The step,
for one example, ``x_-`` the input before it, ``μ_r`` a row of ``μ``, and so on::

    a_r = W_r (μ_r ∘ x + (1 - μ_r) ∘ x_-),  k and v likewise         (rwkv-shift)
    y = (c + exp(u + k) ∘ v) / (n + exp(u + k))                      (rwkv-read)
    h' = W_o (r ∘ y),  r = σ(a_r)                                    (rwkv-output)
    c' = exp(-w) ∘ c + exp(k) ∘ v,  n' = exp(-w) ∘ n + exp(k)        (rwkv-memory)

with ``w = exp(ω)``. ``c`` and ``n`` are shifted by ``m``, see :mod:`rnnlib.reference.shifted`: for
reading as if the old were kept whole, for writing with ``log f = -w``. Back,
where the weights with hats are those of the reading::

    dz = W_oᵀ dh',  da_r = dz ∘ y ∘ r ∘ (1 - r)                      (rwkv-doutput)
    e = dz ∘ r / (f̂ n + î),  df̂ = e ∘ (c - y ∘ n),  dî = e ∘ (v - y)         (rwkv-dread)
    df = dc' ∘ c + dn' ∘ n,  di = dc' ∘ v + dn'                      (rwkv-dweights)
    dv = î ∘ e + i ∘ dc',  dc = f̂ ∘ e + f ∘ dc',  dn = f ∘ dn' - f̂ ∘ e ∘ y   (rwkv-dc)
    du = dlog î,  dk = dlog î + dlog i,  dω = -w ∘ dlog f            (rwkv-dkeys)
"""

from typing import NamedTuple

import numpy as np

from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.shifted import EMPTY, weigh, weigh_backward

Kept = tuple[Array, ...]  # mixed inputs (3, B, D); r, v, y, the weights twice, n of y (B, H)


class Params(NamedTuple):
    """What is learned; rows in the order r, k, v."""

    mu: Array  # (3, D)
    W_x: Array  # (3H, D)
    omega: Array  # (H,)
    u: Array  # (H,)
    W_o: Array  # (H, H)


class State(NamedTuple):
    """What is carried from step to step; ``h`` is what was said last, and is not read."""

    h: Array  # (B, H)
    x: Array  # (B, D)
    c: Array  # (B, H)
    n: Array  # (B, H)
    m: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: Kept


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw weights as torch's linear layer does; half of each input is the one before.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H : int
        Number of inputs and of hidden units.

    Returns
    -------
    Params
        Fresh parameters in float64. Memories last from one step to a thousand, evenly in their
        logarithms.
    """
    omega, mu = -np.linspace(0, np.log(1000), H), np.full((3, D), 0.5)
    W_x, W_o = uniform(rng, (3 * H, D), fan=D), uniform(rng, (H, H), fan=H)
    return Params(mu, W_x, omega, np.zeros(H), W_o)


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
        No input and sums of nothing: zeros, and ``m`` at :data:`rnnlib.reference.shifted.EMPTY`.
    """
    (H,), D, dtype = params.u.shape, params.mu.shape[1], params.u.dtype
    zero = np.zeros((B, H), dtype)
    return State(zero, np.zeros((B, D), dtype), zero, zero, zero + EMPTY)


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
    mu, W_x, omega, u, W_o = params
    mixed = state.x + mu[:, None] * (x - state.x)
    a_r, k, v = mixed @ W_x.reshape(3, len(u), -1).swapaxes(1, 2)  # (rwkv-shift)
    f_y, i_y, _ = weigh(np.zeros_like(k), u + k, state.m)
    n_y = f_y * state.n + i_y
    y = (f_y * state.c + i_y * v) / n_y  # (rwkv-read)
    r = sigmoid(a_r)
    h = (r * y) @ W_o.T  # (rwkv-output)
    f, i, m = weigh(-np.exp(omega) + np.zeros_like(k), k, state.m)
    c, n = f * state.c + i * v, f * state.n + i  # (rwkv-memory)
    return State(h, x, c, n, m), Cache(x, state, (mixed, r, v, y, f_y, i_y, f, i, n_y))


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
        Gradient with respect to the state before the step; that of its ``h`` is zero.
    """
    mu, W_x, omega, _, W_o = params
    x, prev, (mixed, r, v, y, f_y, i_y, f, i, n_y) = cache
    dz = dstate.h @ W_o
    da_r = dz * y * r * (1 - r)  # (rwkv-doutput)
    e = dz * r / n_y
    df_y, di_y = e * (prev.c - y * prev.n), e * (v - y)  # (rwkv-dread)
    df, di = dstate.c * prev.c + dstate.n * prev.n, dstate.c * v + dstate.n  # (rwkv-dweights)
    _, du, dm_y = weigh_backward((f_y, i_y), (df_y, di_y), np.zeros_like(e))
    dlog_f, dlog_i, dm = weigh_backward((f, i), (df, di), dstate.m)
    dv, dc = i_y * e + i * dstate.c, f_y * e + f * dstate.c  # (rwkv-dc)
    dn = f * dstate.n - f_y * e * y
    da = np.stack([da_r, du + dlog_i, dv])  # (rwkv-dkeys)
    dmixed = da @ W_x.reshape(3, len(omega), -1)
    dparams = Params(
        mu=(dmixed * (x - prev.x)).sum(1),
        W_x=np.concatenate(da.swapaxes(1, 2) @ mixed),
        omega=-np.exp(omega) * dlog_f.sum(0),
        u=du.sum(0),
        W_o=dstate.h.T @ (r * y),
    )
    dx = (mu[:, None] * dmixed).sum(0) + dstate.x
    dbefore = ((1 - mu)[:, None] * dmixed).sum(0)
    return dparams, dx, State(np.zeros_like(dc), dbefore, dc, dn, dm_y + dm)
