r"""mLSTM: a matrix for a memory, written and read by key and query (Beck et al. 2024).

The step, for one example and one head; ``f``, ``i`` and ``m`` are single numbers, and ``C``, ``n``
are shifted by ``m``, see :mod:`rnnlib.reference.shifted`::

    [q; √H k; v; a_o] = W_x x + b                                    (mlstm-keys)
    [a_i; a_f] = W_g x + b_g,  log f = log σ(a_f),  log i = a_i      (mlstm-logs)
    C' = f C + i v kᵀ,  n' = f n + i k                               (mlstm-memory)
    d = max(|n'ᵀ q|, exp(-m')),  y = C' q / d                        (mlstm-read)
    h' = o ∘ y,  o = σ(a_o)                                          (mlstm-output)

Back, with ``u = dy / d``, and ``s = -uᵀ y`` the gradient of ``d``::

    do = dh' ∘ y,  dy = dh' ∘ o                                      (mlstm-doutput)
    dn_q = s sign(n'ᵀ q)  if d = |n'ᵀ q|,  else 0 and dm' ← dm' - s d        (mlstm-dread)
    dC' ← dC' + u qᵀ,  dn' ← dn' + dn_q q,  dq = C'ᵀ u + dn_q n'     (mlstm-dmemory)
    df = Σ dC' ∘ C + dn'ᵀ n,  di = vᵀ dC' k + dn'ᵀ k                 (mlstm-dweights)
    dv = i dC' k,  dk = i (dC'ᵀ v + dn')                             (mlstm-dkeys)
    dC = f dC',  dn = f dn'                                          (mlstm-dc)

No gate reads ``h``, so that all steps can be done at once, ``t`` from 1, ``j ≤ t``::

    l_tj = Σ_{j<s≤t} log f_s + log i_j,  l_t0 = Σ_{s≤t} log f_s + m_0        (mlstm-ages)
    m_t = max_j l_tj,  D_tj = exp(l_tj - m_t)                        (mlstm-decay)
    S_tj = D_tj k_jᵀ q_t,  d_t = max(|Σ_j S_tj + D_t0 n_0ᵀ q_t|, exp(-m_t))  (mlstm-scores)
    y_t = (Σ_j S_tj v_j + D_t0 C_0 q_t) / d_t                        (mlstm-parallel)
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.init import uniform
from rnnlib.reference.log_space import softplus
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.shifted import weigh, weigh_backward

Kept = tuple[Array, ...]  # q, k, v and o (B, H); i, f, σ(a_f), n'ᵀ q and d (B, 1); y (B, H)


class Params(NamedTuple):
    """What is learned; rows in the order q, k, v, o, and i, f."""

    W_x: Array  # (4H, D)
    b: Array  # (4H,)
    W_g: Array  # (2, D)
    b_g: Array  # (2,)


class State(NamedTuple):
    """What is carried from step to step; ``h`` is what was said last, and is not read."""

    h: Array  # (B, H)
    C: Array  # (B, H, H)
    n: Array  # (B, H)
    m: Array  # (B, 1)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    now: State
    kept: Kept


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw weights as torch's linear layer does, uniform within ±1/√D; the biases are zero.

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
    W_x, W_g = uniform(rng, (4 * H, D), fan=D), uniform(rng, (2, D), fan=D)
    return Params(W_x, np.zeros(4 * H), W_g, np.zeros(2))


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
        All at zero: sums of nothing, with no shift.
    """
    H, dtype = len(params.b) // 4, params.b.dtype
    return State(*(np.zeros((B, *size), dtype) for size in ((H,), (H, H), (H,), (1,))))


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
    q, k, v, a_o, log_i, a_f = _project(params, x)
    f, i, m = weigh(-softplus(-a_f), log_i, state.m)  # (mlstm-logs)
    C = f[..., None] * state.C + (i * v)[:, :, None] * k[:, None]  # (mlstm-memory)
    n = f * state.n + i * k
    nq = (n * q).sum(1, keepdims=True)
    d = _larger(nq, np.exp(-m))
    y = (C @ q[..., None])[..., 0] / d  # (mlstm-read)
    o = sigmoid(a_o)
    now = State(o * y, C, n, m)  # (mlstm-output)
    return now, Cache(x, state, now, (q, k, v, o, i, f, sigmoid(a_f), nq, d, y))


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
    x, prev, now, (q, k, v, o, i, f, open_f, nq, d, y) = cache
    do, u = dstate.h * y, dstate.h * o / d  # (mlstm-doutput)
    s = -(u * y).sum(1, keepdims=True)
    dn_q = np.where(abs(nq) == d, s * np.sign(nq), 0)  # (mlstm-dread)
    dm = dstate.m - np.where(abs(nq) == d, 0, s * d)
    dC = dstate.C + u[:, :, None] * q[:, None]  # (mlstm-dmemory)
    dn, dq = dstate.n + dn_q * q, _times(u, now.C) + dn_q * now.n
    dCk, vdC = (dC @ k[..., None])[..., 0], _times(v, dC)
    df = (dC * prev.C).sum((1, 2))[:, None] + (dn * prev.n).sum(1, keepdims=True)
    di = (v * dCk + dn * k).sum(1, keepdims=True)  # (mlstm-dweights)
    dk, dv = i * (vdC + dn), i * dCk  # (mlstm-dkeys)
    dlog_f, dlog_i, dm = weigh_backward((f, i), (df, di), dm)
    da = np.concatenate([dq, dk / q.shape[1] ** 0.5, dv, do * o * (1 - o)], axis=1)
    da_g = np.concatenate([dlog_i, dlog_f * (1 - open_f)], axis=1)
    dparams = Params(da.T @ x, da.sum(0), da_g.T @ x, da_g.sum(0))
    dprev = State(np.zeros_like(y), f[..., None] * dC, f * dn, dm)  # (mlstm-dc)
    return dparams, da @ params.W_x + da_g @ params.W_g, dprev


def parallel(params: Params, xs: Array, state: State) -> tuple[Array, State]:
    """Read a sequence, all steps at once, with T times T numbers for each example.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.

    Returns
    -------
    Array
        Outputs, ``(T, B, H)``, as :func:`rnnlib.reference.bptt.forward` gives them.
    State
        State after the last input; its shift may differ, and its sums with it.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    q, k, v, a_o, log_i, a_f = _project(params, xs)
    total = np.cumsum(-softplus(-a_f), axis=0)[..., 0]
    ages = total[:, None] - total + log_i[..., 0]  # (mlstm-ages)
    seen = np.tri(len(xs), dtype=bool)[..., None]
    first = total + state.m[:, 0]
    logs = np.concatenate([np.where(seen, ages, -np.inf), first[:, None]], axis=1)
    m = np.take_along_axis(logs, logs.real.argmax(1)[:, None], 1)
    D = np.exp(logs - m)  # (mlstm-decay)
    D, D_0, m = D[:, :-1], D[:, -1][..., None], m[:, 0][..., None]
    S = D * np.einsum("tbh,jbh->tjb", q, k)
    nq = S.sum(1)[..., None] + D_0 * (q * state.n).sum(-1, keepdims=True)
    d = _larger(nq, np.exp(-m))  # (mlstm-scores)
    Cq = np.einsum("tjb,jbh->tbh", S, v) + D_0 * np.einsum("bvh,tbh->tbv", state.C, q)
    hs = sigmoid(a_o) * Cq / d  # (mlstm-parallel)
    C = np.einsum("jb,jbv,jbh->bvh", D[-1], v, k) + D_0[-1][..., None] * state.C
    n = np.einsum("jb,jbh->bh", D[-1], k) + D_0[-1] * state.n
    return hs, State(hs[-1], C, n, m[-1])


def _project(params: Params, x: Array) -> tuple[Array, ...]:
    """Query, key, value, and what the gates are made of, of inputs ``(..., D)``."""
    q, k, v, a_o = np.split(x @ params.W_x.T + params.b, 4, axis=-1)  # (mlstm-keys)
    log_i, a_f = np.split(x @ params.W_g.T + params.b_g, 2, axis=-1)
    return q, k / k.shape[-1] ** 0.5, v, a_o, log_i, a_f


def _larger(a: Array, floor: Array) -> Array:
    """``max(|a|, floor)``, analytic wherever it is smooth."""
    size = np.where(a.real < 0, -a, a)
    return np.where(size.real >= floor.real, size, floor)


def _times(u: Array, M: Array) -> Array:
    """``uᵀ M`` for each example."""
    product: Array = (u[:, None] @ M)[:, 0]
    return product
