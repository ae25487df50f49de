"""Cells whose memory is a sum with exponential weights: a shift keeps it small, nothing else."""

import numpy as np
import pytest
import torch
from helpers import SIZES, assert_close, catches, cell_error, example, mutant, nn_cell
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cells import arrays, gradients, tensors

from rnnlib.check import random_like
from rnnlib.reference import bptt, mlstm, rwkv, shifted, slstm
from rnnlib.reference.log_space import softplus
from rnnlib.reference.ops import sigmoid, softmax, tree_map, zeros_like

CELLS = [slstm, mlstm, rwkv]
each = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)
SEEDS = st.integers(0, 2**16)


def sums(state):
    """Names of what is shifted."""
    return [name for name in ("c", "C", "n") if name in state._fields]


def move(state, by):
    """The same sums, with another shift ``(B, H)`` or ``(B, 1)``."""
    e = np.exp(-by)
    at = {name: e[..., None] if name == "C" else e for name in sums(state)}
    return state._replace(m=state.m + by, **{s: getattr(state, s) * e for s, e in at.items()})


@each
@for_any_size
@given(SIZES, SEEDS)
def test_another_shift_is_the_same_network(cell, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, _ = bptt.forward(cell, params, xs, state)
    moved = move(state, 3 * rng.normal(size=state.m.shape))
    hs_moved, last_moved, _ = bptt.forward(cell, params, xs, moved)
    assert_close(hs_moved, hs, rtol=1e-8)
    assert_close(move(last_moved, last.m - last_moved.m), last, rtol=1e-8)


@each
@for_any_size
@given(SIZES, SEEDS)
def test_what_reaches_the_shift_is_what_reaches_the_sums_through_it(cell, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u = rng.normal(size=hs.shape)
    _, _, d = bptt.backward(cell, params, caches, u, zeros_like(last))
    parts = [getattr(d, name) * getattr(state, name) for name in sums(state)]
    if cell is mlstm:  # one shift for all
        parts = [part.reshape(size[1], -1).sum(1, keepdims=True) for part in parts]
    want = sum(parts)
    scale = sum(np.abs(part).max() for part in parts)
    np.testing.assert_allclose(d.m, want, rtol=1e-9, atol=1e-9 * scale)


@for_any_size
@given(SIZES, SEEDS)
def test_the_mean_of_an_slstm_that_reads_no_state_is_a_softmax_over_the_past(size, seed):
    _, params, xs, _ = example(slstm, *size, seed)
    params = params._replace(W_h=np.zeros_like(params.W_h))
    hs, _, _ = bptt.forward(slstm, params, xs, slstm.zero_state(params, size[1]))
    a_i, a_f, a_g, a_o = np.split(xs @ params.W_x.T + params.b, 4, axis=-1)
    total = np.cumsum(-softplus(-a_f), axis=0)
    for t in range(size[0]):
        logs = (total[t] - total + a_i)[: t + 1]
        shares = np.moveaxis(softmax(np.moveaxis(logs, 0, -1)), -1, 0)
        assert_close(hs[t], sigmoid(a_o[t]) * (shares * np.tanh(a_g[: t + 1])).sum(0))


@for_any_size
@given(SIZES, SEEDS)
def test_rwkv_is_the_sum_of_its_paper(size, seed):
    T, B, _, _ = size
    _, params, xs, _ = example(rwkv, *size, seed)
    hs, _, _ = bptt.forward(rwkv, params, xs, rwkv.zero_state(params, B))
    before = np.concatenate([np.zeros_like(xs[:1]), xs[:-1]])
    r, k, v = (
        (mu * xs + (1 - mu) * before) @ W.T
        for mu, W in zip(params.mu, np.split(params.W_x, 3), strict=True)
    )
    w = np.exp(params.omega)
    for t in range(T):
        past = [np.exp(-(t - 1 - s) * w + k[s]) for s in range(t)] + [np.exp(params.u + k[t])]
        y = sum(p * v[s] for s, p in enumerate(past)) / sum(past)
        assert_close(hs[t], (sigmoid(r[t]) * y) @ params.W_o.T)


@for_any_size
@given(SIZES, SEEDS)
def test_mlstm_is_its_recurrence_without_shifts(size, seed):
    _, params, xs, state = example(mlstm, *size, seed)
    state = state._replace(m=np.zeros_like(state.m))
    hs, _, _ = bptt.forward(mlstm, params, xs, state)
    C, n, H = state.C, state.n, state.h.shape[1]
    for x, h in zip(xs, hs, strict=True):
        q, k, v, o = np.split(x @ params.W_x.T + params.b, 4, axis=1)
        i, f = np.split(x @ params.W_g.T + params.b_g, 2, axis=1)
        i, f, k = np.exp(i), sigmoid(f), k / np.sqrt(H)
        C = f[..., None] * C + i[..., None] * np.einsum("bv,bk->bvk", v, k)
        n = f * n + i * k
        d = np.maximum(np.abs((n * q).sum(1, keepdims=True)), 1)
        assert_close(h, sigmoid(o) * np.einsum("bvk,bk->bv", C, q) / d)


@for_any_size
@given(SIZES, SEEDS)
def test_all_steps_of_an_mlstm_at_once_are_the_loop(size, seed):
    _, params, xs, state = example(mlstm, *size, seed)
    want, end, _ = bptt.forward(mlstm, params, xs, state)
    hs, last = mlstm.parallel(params, xs, state)
    assert_close(hs, want, rtol=1e-9)
    assert_close(move(last, end.m - last.m), end, rtol=1e-9)


@for_any_size
@given(SIZES, SEEDS)
def test_the_twin_of_all_steps_at_once_has_the_gradient_of_the_loop(size, seed):
    rng, params, xs, state = example(mlstm, *size, seed)
    hs, last, caches = bptt.forward(mlstm, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last.h)
    twin = nn_cell(mlstm)
    params_t, xs_t, state_t = tensors((params, xs, state))
    params_t, state_t = twin.Params(*params_t), twin.State(*state_t)
    hs_t, last_t = twin.parallel(params_t, xs_t, state_t)
    assert_close(arrays(hs_t), hs, rtol=1e-9)
    ((hs_t * torch.tensor(u)).sum() + (last_t.h * torch.tensor(w)).sum()).backward()
    dlast = zeros_like(last)._replace(h=w)
    want = bptt.backward(mlstm, params, caches, u, dlast)
    got = gradients((params_t, xs_t, state_t))
    largest = max(np.abs(a).max() for a in (*want[0], want[1]))
    tree_map(lambda g, w: np.testing.assert_allclose(g, w, 1e-8, 1e-8 * largest), got, want)


def test_chunks_of_an_mlstm_are_the_whole():
    _, params, xs, state = example(mlstm, 7, 3, 4, 5, seed=1)
    want, end = mlstm.parallel(params, xs, state)
    hs_1, middle = mlstm.parallel(params, xs[:4], state)
    hs_2, last = mlstm.parallel(params, xs[4:], middle)
    assert_close(np.concatenate([hs_1, hs_2]), want)
    assert_close(move(last, end.m - last.m), end)


def test_an_mlstm_refuses_other_shapes():
    _, params, xs, state = example(mlstm, 3, 2, 4, 5, seed=2)
    with pytest.raises(ValueError, match=r"^xs: got shape \(3, 2\), expected \(T, B, D\)"):
        mlstm.parallel(params, xs[..., 0], state)


@each
def test_gates_far_beyond_the_range_of_exp_do_no_harm(cell):
    rng, params, xs, _ = example(cell, 30, 2, 3, 4, seed=3)
    hs, last, caches = bptt.forward(cell, params, 400 * xs, cell.zero_state(params, 2))
    grads = bptt.backward(cell, params, caches, rng.normal(size=hs.shape), zeros_like(last))
    assert all(np.isfinite(a).all() for a in (hs, *last, *grads[0], grads[1]))
    assert np.abs(last.m).max() > 800  # exp of it is beyond float64


SHIFTED = [
    ("r = dm - through_f - through_i", "r = dm"),
    ("kept = f * df, i * di, f == 1", "kept = f * df, i * di, f < 1"),
    ("dold = through_f + np.where(kept, r, 0)", "dold = through_f"),
    ("through_i + np.where(kept, 0, r), dold", "through_i, dold"),
]
FAULTS = {
    slstm: [
        ("dstate.n - dy * y / n", "dstate.n"),
        ("dc * g + dn, dc * i", "dc * g, dc * i"),
        ("dlog_f * (1 - open_f)", "dlog_f * open_f"),
        ("f * dc, f * dn, dm)", "f * dc, f * dn, 0 * dm)"),
    ],
    mlstm: [
        ("dm = dstate.m - np.where(abs(nq) == d, 0, s * d)", "dm = dstate.m"),
        ("np.where(abs(nq) == d, s * np.sign(nq), 0)", "np.where(abs(nq) == d, s, 0)"),
        ("dk / q.shape[1] ** 0.5", "dk"),
        ("i * (vdC + dn), i * dCk", "i * vdC, i * dCk"),
        ("_times(u, now.C) + dn_q * now.n", "_times(u, prev.C) + dn_q * now.n"),
    ],
    rwkv: [
        ("e * (v - y)  # (rwkv-dread)", "e * v  # (rwkv-dread)"),
        ("+ dstate.x", ""),
        ("omega=-np.exp(omega) * dlog_f", "omega=-dlog_f"),
        ("dc, dn, dm_y + dm)", "dc, dn, dm)"),
        ("u=du.sum(0)", "u=(du + dlog_i).sum(0)"),
    ],
}


@pytest.mark.parametrize(("cell", "fault"), [(c, f) for c in CELLS for f in FAULTS[c]])
def test_the_complex_step_finds_a_fault(cell, fault):
    assert catches(
        lambda m: max(cell_error(m, 5, 3, 3, 4, s) for s in range(5)), mutant(cell, *fault)
    )


@pytest.mark.parametrize("fault", SHIFTED)
@each
def test_the_complex_step_finds_a_fault_in_the_shift(cell, fault, monkeypatch):
    monkeypatch.setattr(cell, "weigh_backward", mutant(shifted, *fault).weigh_backward)
    assert catches(lambda m: max(cell_error(m, 5, 3, 3, 4, s) for s in range(5)), cell)
