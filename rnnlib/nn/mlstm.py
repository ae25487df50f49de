r"""mLSTM: a matrix for a memory, written and read by key and query (Beck et al. 2024).

The step, for one example and one head; ``f``, ``i`` and ``m`` are single numbers, and ``C``, ``n``
are shifted by ``m``, see :mod:`rnnlib.nn.shifted`::

    [q; √H k; v; a_o] = W_x x + b                                    (mlstm-keys)
    [a_i; a_f] = W_g x + b_g,  log f = log σ(a_f),  log i = a_i      (mlstm-logs)
    C' = f C + i v kᵀ,  n' = f n + i k                               (mlstm-memory)
    d = max(|n'ᵀ q|, exp(-m')),  y = C' q / d                        (mlstm-read)
    h' = o ∘ y,  o = σ(a_o)                                          (mlstm-output)

No gate reads ``h``, so that all steps can be done at once, ``t`` from 1, ``j ≤ t``::

    l_tj = Σ_{j<s≤t} log f_s + log i_j,  l_t0 = Σ_{s≤t} log f_s + m_0        (mlstm-ages)
    m_t = max_j l_tj,  D_tj = exp(l_tj - m_t)                        (mlstm-decay)
    S_tj = D_tj k_jᵀ q_t,  d_t = max(|Σ_j S_tj + D_t0 n_0ᵀ q_t|, exp(-m_t))  (mlstm-scores)
    y_t = (Σ_j S_tj v_j + D_t0 C_0 q_t) / d_t                        (mlstm-parallel)
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rnnlib import shapes
from rnnlib.nn.shifted import weigh


class Params(NamedTuple):
    """What is learned; rows in the order q, k, v, o, and i, f."""

    W_x: Tensor  # (4H, D)
    b: Tensor  # (4H,)
    W_g: Tensor  # (2, D)
    b_g: Tensor  # (2,)


class State(NamedTuple):
    """What is carried from step to step; ``h`` is what was said last, and is not read."""

    h: Tensor  # (B, H)
    C: Tensor  # (B, H, H)
    n: Tensor  # (B, H)
    m: Tensor  # (B, 1)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: sums of nothing, with no shift."""
    H = len(params.b) // 4
    return State(*(params.b.new_zeros(B, *size) for size in ((H,), (H, H), (H,), (1,))))


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it."""
    q, k, v, a_o, log_i, a_f = _project(params, x)
    f, i, m = weigh(logsigmoid(a_f), log_i, state.m)  # (mlstm-logs)
    C = f[..., None] * state.C + (i * v)[:, :, None] * k[:, None]  # (mlstm-memory)
    n = f * state.n + i * k
    d = torch.maximum((n * q).sum(1, keepdim=True).abs(), (-m).exp())
    y = (C @ q[..., None])[..., 0] / d  # (mlstm-read)
    h = a_o.sigmoid() * y  # (mlstm-output)
    return State(h, C, n, m)


def parallel(params: Params, xs: Tensor, state: State) -> tuple[Tensor, State]:
    """Read a sequence, all steps at once, with T times T numbers for each example.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Tensor
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.

    Returns
    -------
    Tensor
        Outputs, ``(T, B, H)``, as :func:`rnnlib.nn.bptt.forward` gives them.
    State
        State after the last input; its shift may differ, and its sums with it.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    q, k, v, a_o, log_i, a_f = _project(params, xs)
    total = logsigmoid(a_f).cumsum(0)[..., 0]
    ages = total[:, None] - total + log_i[..., 0]  # (mlstm-ages)
    seen = torch.ones(2 * xs.shape[:1], dtype=torch.bool, device=xs.device).tril()[..., None]
    first = total + state.m[:, 0]
    logs = torch.cat([ages.where(seen, -torch.inf), first[:, None]], dim=1)
    m = logs.amax(1, keepdim=True)
    D = (logs - m).exp()  # (mlstm-decay)
    D, D_0, m = D[:, :-1], D[:, -1][..., None], m[:, 0][..., None]
    S = D * torch.einsum("tbh,jbh->tjb", q, k)
    nq = S.sum(1)[..., None] + D_0 * (q * state.n).sum(-1, keepdim=True)
    d = torch.maximum(nq.abs(), (-m).exp())  # (mlstm-scores)
    Cq = torch.einsum("tjb,jbh->tbh", S, v) + D_0 * torch.einsum("bvh,tbh->tbv", state.C, q)
    hs = a_o.sigmoid() * Cq / d  # (mlstm-parallel)
    C = torch.einsum("jb,jbv,jbh->bvh", D[-1], v, k) + D_0[-1][..., None] * state.C
    n = torch.einsum("jb,jbh->bh", D[-1], k) + D_0[-1] * state.n
    return hs, State(hs[-1], C, n, m[-1])


def _project(params: Params, x: Tensor) -> tuple[Tensor, ...]:
    """Query, key, value, and what the gates are made of, of inputs ``(..., D)``."""
    q, k, v, a_o = (x @ params.W_x.T + params.b).chunk(4, dim=-1)  # (mlstm-keys)
    log_i, a_f = (x @ params.W_g.T + params.b_g).chunk(2, dim=-1)
    return q, k / k.shape[-1] ** 0.5, v, a_o, log_i, a_f
