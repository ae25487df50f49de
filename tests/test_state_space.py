"""State-space models, and Newton's method over time: all steps at once equal the loop."""

import types

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close, cell_error, example
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.nn import selective as nn_selective
from rnnlib.reference import bptt, deer, elman, gru, log_space, lstm, min_gru, s4d, scan, selective
from rnnlib.reference.ops import leaves, tree_map

CELL = selective.Selective(N=3)
AT_ONCE = types.SimpleNamespace(
    forward=lambda cell, *args: cell.scan_forward(*args),
    backward=lambda cell, *args: cell.scan_backward(*args),
)
RULES = [s4d.hold, s4d.bilinear]
SCANS = [scan.sequential, scan.hillis_steele, scan.work_efficient, scan.chunked]
SIZES = st.tuples(st.integers(1, 12), *[st.integers(1, 4)] * 3)  # T, B, D, H
SEEDS = st.integers(0, 2**16)

for_any_size = settings(deadline=None, derandomize=True, max_examples=20)
for_every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
for_every_scan = pytest.mark.parametrize("by", SCANS, ids=lambda by: by.__name__)


def sampled(T, B, D, H, N, seed):
    """A model with random parameters, inputs, and memories that are not at rest."""
    rng = np.random.default_rng(seed)
    params = s4d.init(rng, D, H, N, delta_min=0.01, delta_max=1.0)
    params = params._replace(alpha=rng.normal(size=(H, N)), omega=3 * rng.normal(size=(H, N)))
    s = rng.normal(size=(B, H, N)) + 1j * rng.normal(size=(B, H, N))
    return params, rng.normal(size=(T, B, D)), s


# The selective state space


@for_any_size
@given(SIZES, SEEDS)
def test_backward_of_the_selective_scan_is_the_transpose_of_the_derivative(size, seed):
    assert cell_error(CELL, *size, seed, bptt=AT_ONCE) <= RTOL


@for_every_scan
@for_any_size
@given(SIZES, SEEDS)
def test_all_steps_of_the_selective_cell_at_once_equal_the_loop(by, size, seed):
    rng, params, xs, state = example(CELL, *size, seed)
    hs, last, caches = bptt.forward(CELL, params, xs, state)
    hs_p, last_p, cache = CELL.scan_forward(params, xs, state, by)
    assert_close((hs_p, last_p), (hs, last))
    u, w = rng.normal(size=hs.shape), tree_map(lambda a: rng.normal(size=a.shape), last)
    got = CELL.scan_backward(params, cache, u, w, by)
    assert_close(got, bptt.backward(CELL, params, caches, u, w))


@for_any_size
@given(SIZES, SEEDS)
def test_the_twin_of_the_selective_scan_equals_it(size, seed):
    rng, params, xs, state = example(CELL, *size, seed)
    given = tree_map(lambda a: torch.tensor(a, requires_grad=True), (params, xs, state))
    twin = nn_selective.Selective(3)
    twin_params = nn_selective.Params(*given[0])
    hs, _ = twin.scan_forward(twin_params, given[1], nn_selective.State(*given[2]))
    want, last_want, cache = CELL.scan_forward(params, xs, state)
    assert_close(hs.detach().numpy(), want)
    u = rng.normal(size=hs.shape)
    (hs * torch.tensor(u)).sum().backward()
    zero = tree_map(np.zeros_like, last_want)
    grads = [given[2].h.new_zeros(a.shape) if a.grad is None else a.grad for a in leaves(given)]
    want = leaves(CELL.scan_backward(params, cache, u, zero))
    assert_close(tuple(g.numpy() for g in grads), tuple(want))


def test_sequences_of_the_selective_twin_end_and_begin_where_it_is_told():
    _, params, xs, state = example(CELL, 7, 3, 2, 4, seed=1)
    twin = nn_selective.Selective(3)
    given = [
        nn_selective.Params(*map(torch.tensor, params)),
        torch.tensor(xs),
        nn_selective.State(*map(torch.tensor, state)),
    ]
    lengths, resets = torch.tensor([7, 2, 4]), torch.zeros(7, 3, dtype=torch.bool)
    resets[3, 0] = True
    hs, last = twin.scan_forward(*given, lengths=lengths, resets=resets)
    for b, n in enumerate(lengths.tolist()):
        one, start = xs[:n, b : b + 1], tree_map(lambda a, b=b: a[b : b + 1], state)
        want, end, _ = bptt.forward(CELL, params, one, start)
        if b == 0:
            again, end, _ = bptt.forward(CELL, params, one[3:], CELL.zero_state(params, 1))
            want = np.concatenate([want[:3], again])
        assert_close(hs[:n, b : b + 1].numpy(), want)
        assert (hs[n:, b] == 0).all()
        assert_close(last.s[b : b + 1].numpy(), end.s)


@for_any_size
@given(SIZES, SEEDS)
def test_one_memory_under_a_hold_is_a_gate(size, seed):
    """With a = -1 the factor is 1 - σ: Theorem 1 of Gu & Dao (2023)."""
    _, params, xs, _ = example(selective.Selective(1), *size, seed)
    a = xs @ params.W_dt.T + params.b_dt
    z = np.exp(-log_space.softplus(a))
    assert_close(z, 1 / (1 + np.exp(a)))
    assert_close((z - 1) / -1, 1 / (1 + np.exp(-a)))  # what a hold gives the input


def test_a_clock_that_stands_still_keeps_and_one_that_runs_forgets():
    _, params, xs, state = example(CELL, 6, 2, 3, 4, seed=3)
    still = params._replace(W_dt=0 * params.W_dt, b_dt=0 * params.b_dt - 800)
    assert_close(CELL.scan_forward(still, xs, state)[1].s, state.s)
    fast = still._replace(b_dt=still.b_dt + 1600)
    far = state._replace(s=1e6 * state.s)
    hs, last, _ = CELL.scan_forward(fast, xs, state)
    assert_close((hs, last), CELL.scan_forward(fast, xs, far)[:2])


def test_what_is_no_sequence_is_refused_by_the_selective_scan():
    _, params, xs, state = example(CELL, 4, 2, 3, 5, seed=8)
    hs, last, cache = CELL.scan_forward(params, xs, state)
    for run, message in [
        (lambda: CELL.scan_forward(params, xs[:0], state), "xs: got T = 0 steps"),
        (lambda: CELL.scan_forward(params, xs[0], state), "xs: got shape (2, 3), expected (T, B,"),
        (lambda: CELL.scan_forward(tuple(params), xs, state), "params: got tuple"),
        (lambda: CELL.scan_forward(params, xs, tuple(state)), "state: got tuple"),
        (lambda: CELL.scan_backward(params, cache, hs[1:], last), "dhs: got shape (3, 2, 5)"),
        (lambda: CELL.scan_backward(tuple(params), cache, hs, last), "params: got tuple"),
        (lambda: CELL.scan_backward(params, cache, hs, tuple(last)), "dstate: got tuple"),
    ]:
        with pytest.raises(ValueError) as error:
            run()
        assert str(error.value).startswith(message)


# The sampled differential equation


@for_every_rule
@for_every_scan
@for_any_size
@given(SIZES, SEEDS)
def test_all_steps_of_the_sampled_equation_at_once_equal_the_loop(by, rule, size, seed):
    params, xs, s = sampled(*size, 3, seed)
    assert_close(s4d.forward(params, xs, s, rule, by), s4d.loop(params, xs, s, rule))


@for_every_rule
@for_any_size
@given(SIZES, SEEDS)
def test_from_rest_the_recurrence_is_a_convolution(rule, size, seed):
    params, xs, _ = sampled(*size, 3, seed)
    rest = s4d.zero_state(params, size[1])
    hs, _ = s4d.loop(params, xs, rest, rule)
    assert_close(s4d.convolve(params, xs, rule), hs)
    k, vs = s4d.kernel(params, size[0], rule), xs @ params.W_x.T
    direct = [sum(k[j] * vs[t - j] for j in range(t + 1)) for t in range(size[0])]
    assert_close(np.stack(direct), hs)


@for_every_rule
def test_the_memories_fade_and_rest_where_the_equation_rests(rule):
    params, _, _ = sampled(1, 1, 2, 5, 4, seed=5)
    params = params._replace(eta=params.eta + 3)  # far steps
    factor, g = s4d.discrete(params, rule)
    assert (np.abs(factor) < 1).all()
    a = -np.exp(params.alpha) + 1j * params.omega
    assert_close(factor * (-1 / a) + g, -1 / a)  # s = -v/a under v = 1


def test_a_hold_is_exact_at_any_sampling_and_the_bilinear_rule_of_second_order():
    params, _, s = sampled(1, 2, 2, 3, 4, seed=6)
    params, still = params._replace(eta=np.log(np.full(3, 0.1))), np.ones((1, 2, 2))

    def after(times, rule):
        finer = params._replace(eta=params.eta - np.log(times))
        return s4d.loop(finer, np.repeat(still, times, 0), s, rule)[1]

    exact = after(1, s4d.hold)
    assert_close(after(8, s4d.hold), exact)
    errors = [np.abs(after(n, s4d.bilinear) - exact).max() for n in (16, 32)]
    np.testing.assert_allclose(errors[0] / errors[1], 4, rtol=0.01)


def test_the_hold_does_not_lose_its_digits_near_zero():
    z = np.array([1e-7, 1e-9, -1e-5 + 1e-6j, 0])
    assert_close(s4d.hold(z), 1 + z / 2 + z**2 / 6 + z**3 / 24, rtol=1e-14)


def test_the_sampled_equation_starts_as_s4d_lin():
    params = s4d.init(np.random.default_rng(0), 3, 400, 5, 0.01, 0.2)
    np.testing.assert_array_equal(params.omega[7], np.pi * np.arange(5))
    np.testing.assert_allclose(np.exp(params.alpha), 0.5)
    times = np.exp(params.eta)
    assert 0.01 <= times.min() < 0.011 and 0.18 < times.max() <= 0.2
    np.testing.assert_allclose((np.abs(params.c) ** 2).mean(), 4, rtol=0.1)  # 2c, of variance 1


def test_what_is_no_sequence_is_refused_by_the_sampled_equation():
    params, xs, s = sampled(4, 2, 3, 5, 2, seed=8)
    for run, message in [
        (lambda: s4d.forward(params, xs[:0], s), "xs: got T = 0 steps"),
        (lambda: s4d.forward(params, xs, s[0]), "s: got shape (5, 2), expected (B, H, N)"),
        (lambda: s4d.convolve(params, xs[0]), "xs: got shape (2, 3), expected (T, B, D)"),
        (lambda: s4d.convolve(tuple(params), xs), "params: got tuple"),
    ]:
        with pytest.raises(ValueError) as error:
            run()
        assert str(error.value).startswith(message)


# Newton's method over time


@pytest.mark.parametrize("cell", [elman, gru, min_gru], ids=["elman", "gru", "min_gru"])
@for_any_size
@given(SIZES, SEEDS)
def test_newton_over_time_finds_the_states_of_the_loop(cell, size, seed):
    _, params, xs, state = example(cell, *size, seed)
    hs, _, _ = bptt.forward(cell, params, xs, state)
    found, residuals = deer.solve(cell, params, xs, state, tolerance=1e-12)
    assert_close(found, hs, rtol=1e-8)
    assert len(residuals) <= size[0] + 1


@pytest.mark.parametrize("keep", [lambda J: J, deer.diagonal, np.zeros_like])
@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
def test_after_k_rounds_the_first_k_states_are_those_of_the_loop(keep, rounds):
    _, params, xs, state = example(gru, 6, 2, 3, 4, seed=4)
    guess = np.random.default_rng(0).normal(size=(6, 2, 4))
    found, residuals = deer.solve(
        gru, params, xs, state, guess=guess, rounds=rounds, tolerance=-1.0, keep=keep
    )
    hs, _, _ = bptt.forward(gru, params, xs, state)
    assert len(residuals) == rounds + 1
    assert_close(found[:rounds], hs[:rounds], rtol=1e-9)
    assert rounds > 2 or np.abs(found[-1] - hs[-1]).max() > 1e-3
    assert rounds or (found == guess).all()


def test_a_linear_cell_is_solved_in_one_round():
    _, params, xs, state = example(min_gru, 9, 2, 3, 4, seed=5)
    assert len(deer.solve(min_gru, params, xs, state)[1]) == 2


def test_newtons_method_doubles_its_digits():
    _, params, xs, state = example(elman, 40, 1, 3, 6, seed=6)
    params = params._replace(W_h=0.3 * params.W_h)
    _, errors = deer.solve(elman, params, xs, state, tolerance=1e-14)
    small = errors[(errors < 0.05) & (errors > 1e-8)]
    after = errors[1:][(errors[:-1] < 0.05) & (errors[:-1] > 1e-8)]
    assert len(small) and (after < 10 * small**2).all()


def test_the_jacobians_are_those_of_one_step():
    _, params, xs, state = example(elman, 3, 1, 2, 4, seed=7)
    hs, _, _ = bptt.forward(elman, params, xs, state)
    seen = []
    deer.solve(elman, params, xs, state, guess=hs, rounds=1, tolerance=-1.0, keep=keeping(seen))
    assert_close(seen[0][:, 0], (1 - hs[:, 0] ** 2)[:, :, None] * params.W_h)


def keeping(seen):
    """Keep the Jacobians, and remember them."""

    def keep(J):
        seen.append(J)
        return J

    return keep


def test_a_guess_that_overflows_ends_the_search():
    _, params, xs, state = example(elman, 400, 1, 2, 6, seed=9)
    params = params._replace(W_h=40 * params.W_h)
    _, residuals = deer.solve(elman, params, xs, state, rounds=5)
    assert not np.isfinite(residuals[-1])


def test_what_cannot_be_solved_is_refused():
    _, params, xs, state = example(lstm, 4, 2, 3, 5, seed=8)
    with pytest.raises(ValueError, match=r"state: got the parts \('h', 'c'\), expected h alone"):
        deer.solve(lstm, params, xs, state)
    _, params, xs, state = example(elman, 4, 2, 3, 5, seed=8)
    with pytest.raises(ValueError, match="guess: got shape"):
        deer.solve(elman, params, xs, state, guess=np.zeros((3, 2, 5)))
    with pytest.raises(ValueError, match="xs: got T = 0 steps"):
        deer.solve(elman, params, xs[:0], state)
