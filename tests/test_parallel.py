"""minGRU, minLSTM and LRU: cells that are linear in their state, step by step and all at once."""

import types

import numpy as np
import pytest
from helpers import RTOL, assert_close, cell_error, example
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import directional_derivative, gradient_error, random_like
from rnnlib.reference import bptt, log_space, lru, min_gru, min_lstm, parallel, scan
from rnnlib.reference.ops import add, leaves, tree_map

MIN = [min_gru, min_lstm]
SCANS = [scan.sequential, scan.hillis_steele, scan.work_efficient, scan.chunked]
SIZES = st.tuples(st.integers(1, 12), *[st.integers(1, 4)] * 3)  # T, B, D, H
SEEDS = st.integers(0, 2**16)


def at_once(cell):
    """Forward and backward of a cell over all steps at once, with the arguments of bptt."""
    if cell.__name__ != lru.__name__:
        return parallel
    return types.SimpleNamespace(
        forward=lambda _, *args: cell.scan_forward(*args),
        backward=lambda _, *args: cell.scan_backward(*args),
    )


def unit(module):
    return module.__name__.rpartition(".")[-1]


for_every_cell = pytest.mark.parametrize("cell", [*MIN, lru], ids=unit)
for_every_min = pytest.mark.parametrize("cell", MIN, ids=unit)
for_every_scan = pytest.mark.parametrize("by", SCANS, ids=lambda by: by.__name__)
for_any_size = settings(deadline=None, derandomize=True, max_examples=20)


@for_every_cell
@for_any_size
@given(SIZES, SEEDS)
def test_backward_of_the_scan_is_the_transpose_of_the_derivative(cell, size, seed):
    assert cell_error(cell, *size, seed, bptt=at_once(cell)) <= RTOL


@for_every_cell
@for_every_scan
@for_any_size
@given(SIZES, SEEDS)
def test_all_steps_at_once_equal_the_loop(cell, by, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    hs_p, last_p, cache = at_once(cell).forward(cell, params, xs, state, by)
    assert_close((hs_p, last_p), (hs, last))
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    got = at_once(cell).backward(cell, params, cache, u, w, by)
    assert_close(got, bptt.backward(cell, params, caches, u, w))


@for_every_cell
@for_any_size
@given(SIZES, SEEDS, st.data())
def test_a_sequence_may_be_cut_anywhere(cell, size, seed, data):
    rng, params, xs, state = example(cell, size[0] + 1, *size[1:], seed)
    run, cut = at_once(cell), data.draw(st.integers(1, size[0]), label="cut")
    hs, last, cache = run.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    hs_1, middle, cache_1 = run.forward(cell, params, xs[:cut], state)
    hs_2, end, cache_2 = run.forward(cell, params, xs[cut:], middle)
    assert_close((np.concatenate([hs_1, hs_2]), end), (hs, last))
    dparams_2, dxs_2, dmiddle = run.backward(cell, params, cache_2, u[cut:], w)
    dparams_1, dxs_1, dstate = run.backward(cell, params, cache_1, u[:cut], dmiddle)
    got = add(dparams_1, dparams_2), np.concatenate([dxs_1, dxs_2]), dstate
    assert_close(got, run.backward(cell, params, cache, u, w))


@for_every_cell
def test_nothing_is_changed_in_place_and_float32_stays_float32(cell):
    _, params, xs, state = example(cell, 6, 3, 2, 4, seed=0)
    given = tree_map(np.float32, (params, xs, state))
    before = tree_map(np.copy, given)
    hs, last, cache = at_once(cell).forward(cell, *given)
    kept = tree_map(np.copy, (hs, last, cache))
    grads = at_once(cell).backward(cell, given[0], cache, hs, last)
    loop = bptt.forward(cell, *given)[0]
    assert {a.dtype for a in leaves((hs, last, grads, loop))} == {np.dtype(np.float32)}
    tree_map(np.testing.assert_array_equal, (given, (hs, last, cache)), (before, kept))


@for_every_min
def test_the_scan_in_log_space_survives_what_the_loop_survives(cell):
    _, params, xs, state = example(cell, 2000, 2, 3, 4, seed=1)
    params = tree_map(lambda p: 30 * p, params)  # gates shut and open; products of 1e-20000
    hs, last, cache = parallel.forward(cell, params, xs, state)
    assert_close((hs, last), bptt.forward(cell, params, xs, state)[:2])
    assert np.isfinite(leaves(parallel.backward(cell, params, cache, hs, last))[0]).all()
    huge = tree_map(lambda p: 1e4 * p, params)
    assert np.isfinite(parallel.forward(cell, huge, xs, state)[0]).all()


@for_every_min
def test_the_state_stays_between_its_least_and_greatest_candidate(cell):
    _, params, xs, _ = example(cell, 50, 3, 2, 4, seed=2)
    hs, _, _ = bptt.forward(cell, params, xs, cell.zero_state(params, 3))
    n = np.stack([cell.step(params, x, cell.zero_state(params, 3))[1].n for x in xs])
    assert (hs > 0).all()
    assert (hs <= np.maximum.accumulate(n)).all()


def test_min_gru_is_that_of_the_paper_with_the_sign_of_its_gate_changed():
    _, params, xs, state = example(min_gru, 9, 3, 2, 4, seed=3)
    hs, _, _ = bptt.forward(min_gru, params, xs, state)
    W_z, W_h = np.split(params.W_x, 2)
    b_z, b_h = np.split(params.b, 2)
    h, want = state.h, []
    for x in xs:
        z = 1 / (1 + np.exp(x @ W_z.T + b_z))  # σ(-a), the z of Feng et al.
        a = x @ W_h.T + b_h
        h = (1 - z) * h + z * np.where(a >= 0, a + 0.5, 1 / (1 + np.exp(-a)))
        want.append(h)
    assert_close(hs, np.stack(want))


def test_min_lstm_is_that_of_the_paper():
    _, params, xs, state = example(min_lstm, 9, 3, 2, 4, seed=4)
    hs, _, _ = bptt.forward(min_lstm, params, xs, state)
    h, want = state.h, []
    for x in xs:
        a_i, a_f, a = np.split(x @ params.W_x.T + params.b, 3, axis=1)
        i, f = 1 / (1 + np.exp(-a_i)), 1 / (1 + np.exp(-a_f))
        h = f / (f + i) * h + i / (f + i) * np.where(a >= 0, a + 0.5, 1 / (1 + np.exp(-a)))
        want.append(h)
    assert_close(hs, np.stack(want))


def test_min_lstm_is_min_gru_where_the_gates_leave_one_number():
    _, params, xs, state = example(min_lstm, 9, 3, 2, 4, seed=5)
    a_i, a_f, a_n = np.split(xs @ params.W_x.T + params.b, 3, axis=2)
    k = log_space.softplus(-a_i) - log_space.softplus(-a_f)
    identity = min_gru.Params(np.eye(8), np.zeros(8))
    hs, _, _ = bptt.forward(min_gru, identity, np.concatenate([k, a_n], axis=2), state)
    assert_close(hs, bptt.forward(min_lstm, params, xs, state)[0])


@pytest.mark.parametrize("a", [-5.0, -1.5, -1e-9, 0.0, 1e-9, 0.7, 50.0])
def test_the_positive_function_its_logarithm_and_its_slope_agree(a):
    a = np.array([a])
    g = log_space.positive(a)
    assert_close(np.exp(log_space.log_positive(a)), g)
    for f, slope in [
        (log_space.positive, log_space.positive_slope(g)),
        (log_space.log_positive, log_space.positive_slope(g) / g),
    ]:
        got = directional_derivative(lambda a, f=f: f(a).sum(), (a,), (np.array([1.0]),))
        np.testing.assert_allclose(got, slope[0], rtol=1e-12)


def test_the_positive_function_is_continuous_with_a_kink_at_zero():
    left, right = np.array([-1e-12]), np.array([0.0])
    assert_close(log_space.positive(left), log_space.positive(right))
    slopes = [log_space.positive_slope(log_space.positive(a))[0] for a in (left, right)]
    np.testing.assert_allclose(slopes, [0.25, 1])


@for_any_size
@given(SEEDS)
def test_composition_of_logarithms_is_the_logarithm_of_the_composition(seed):
    rng = np.random.default_rng(seed)
    p, q = (scan.Affine(*np.exp(rng.normal(size=(2, 3, 2, 4)))) for _ in range(2))
    got = log_space.compose(tree_map(np.log, p), tree_map(np.log, q))
    assert_close(tree_map(np.exp, got), scan.compose(p, q))


@for_any_size
@given(SIZES, SEEDS)
def test_lru_is_what_complex_arithmetic_gives(size, seed):
    _, params, xs, state = example(lru, *size, seed)
    lam = np.exp(-np.exp(params.nu) + 1j * np.exp(params.theta))
    B_in, C_out = params.B_re + 1j * params.B_im, params.C_re + 1j * params.C_im
    s, want = state.re + 1j * state.im, []
    for x in xs:
        s = lam * s + np.exp(params.gamma) * (x @ B_in.T)
        want.append((s @ C_out.T).real + x @ params.W_skip.T)
    hs, last, _ = bptt.forward(lru, params, xs, state)
    assert_close(hs, np.stack(want))
    assert_close((last.re, last.im), (s.real, s.imag))


def test_the_complex_step_through_complex_arithmetic_is_wrong():
    """Why the real and the imaginary part are carried apart."""
    rng, params, xs, state = example(lru, 5, 2, 3, 4, seed=6)
    u = rng.normal(size=(5, 2, 4))

    def loss(params):
        return (u * bptt.forward(lru, params, xs, state)[0]).sum()

    def mixed(params):
        lam = np.exp(-np.exp(params.nu) + 1j * np.exp(params.theta))
        s, total = state.re + 1j * state.im, 0
        for x, u_t in zip(xs, u, strict=True):
            s = lam * s + np.exp(params.gamma) * (x @ (params.B_re + 1j * params.B_im).T)
            h = s @ (params.C_re + 1j * params.C_im).T + x @ params.W_skip.T
            total = total + (u_t * h).sum()  # its imaginary part holds more than the derivative
        return total

    _, _, caches = bptt.forward(lru, params, xs, state)
    grads = bptt.backward(lru, params, caches, u, lru.zero_state(params, 2))[:1]
    np.testing.assert_allclose(mixed(params).real, loss(params))
    assert gradient_error(loss, (params,), grads, rng) <= RTOL
    assert gradient_error(mixed, (params,), grads, rng) > 0.1


@for_any_size
@given(SEEDS)
def test_lru_is_stable_whatever_its_parameters(seed):
    _, params, _, _ = example(lru, 1, 1, 2, 20, seed)
    re, im = lru.eigenvalues(tree_map(lambda p: 3 * p, params))
    assert (re**2 + im**2 < 1).all()


def test_lru_starts_at_even_angles_with_the_variances_of_the_paper():
    D, H = 50, 200
    params = lru.init(np.random.default_rng(9), D, H)
    angles = np.sort(np.exp(params.theta)) / (2 * np.pi)
    np.testing.assert_allclose(angles, (np.arange(H) + 0.5) / H, atol=0.12)
    variances = [a.var() for a in (params.B_re, params.B_im, params.C_re, params.C_im)]
    np.testing.assert_allclose(variances, [0.5 / D] * 2 + [1 / H] * 2, rtol=0.1)


def test_lru_starts_in_its_ring_and_white_noise_excites_every_memory_alike():
    rng = np.random.default_rng(7)
    params = lru.init(rng, 2, 2000, r_min=0.3, r_max=0.9)
    re, im = lru.eigenvalues(params)
    square = re**2 + im**2
    assert (square >= 0.3**2).all() and (square <= 0.9**2).all()
    np.testing.assert_allclose(square.mean(), (0.3**2 + 0.9**2) / 2, rtol=0.02)  # even in area

    small = lru.init(rng, 2, 6, r_min=0.3, r_max=0.9)
    power = 0  # of the response to an impulse at each input, which white noise adds up
    for x in np.eye(2):
        xs = np.concatenate([x[None, None], np.zeros((400, 1, 2))])
        _, _, cache = lru.scan_forward(small, xs, lru.zero_state(small, 1))
        power = power + (cache.re**2 + cache.im**2).sum(0)
    np.testing.assert_allclose(power, (small.B_re**2 + small.B_im**2).sum(1), rtol=1e-10)
    for radii in [(0.5, 0.5), (-0.1, 1), (0, 1.1), (float("nan"), 1)]:
        with pytest.raises(ValueError, match=r"r_min, r_max: got .*, expected 0 <= r_min < r_max"):
            lru.init(rng, 2, 3, *radii)


def test_the_scan_that_runs_is_the_one_asked_for():
    _, params, xs, state = example(min_gru, 4, 2, 3, 5, seed=10)
    ran = []

    def by(compose, steps):
        ran.append(len(steps.a))
        return scan.sequential(compose, steps)

    hs, last, cache = parallel.forward(min_gru, params, xs, state, by)
    parallel.backward(min_gru, params, cache, hs, last, by)
    assert ran == [4, 4]


@for_every_cell
def test_what_is_no_sequence_is_refused(cell):
    _, params, xs, state = example(cell, 4, 2, 3, 5, seed=8)
    run = at_once(cell)
    hs, _, cache = run.forward(cell, params, xs, state)
    good = {"params": params, "xs": xs, "state": state}
    for changes, message in [
        ({"xs": xs[0]}, "xs: got shape (2, 3), expected (T, B, D)"),
        ({"xs": xs[:0]}, "xs: got T = 0 steps, expected at least 1"),
        ({"xs": xs > 0}, "xs: got dtype bool, expected a floating dtype"),
        ({"state": tuple(state)}, "state: got tuple, expected "),
        ({"state": tree_map(lambda s: s[:1], state)}, "state.h: got shape (1, 5), expected (B, H)"),
        ({"params": tuple(params)}, "params: got tuple, expected "),
    ]:
        with pytest.raises(ValueError) as error:
            run.forward(cell, *(good | changes).values())
        assert str(error.value).startswith(message)
    good = {"params": params, "cache": cache, "dhs": hs, "dstate": state}
    for changes, message in [
        ({"dhs": hs[1:]}, "dhs: got shape (3, 2, 5), expected (T, B, H)"),
        ({"dhs": hs[:, 1:]}, "dhs: got shape (4, 1, 5), expected (T, B, H)"),
        ({"dstate": tree_map(lambda s: s[:, 1:], state)}, "dstate.h: got shape (2, 4), expected"),
        ({"params": tuple(params)}, "params: got tuple, expected "),
    ]:
        with pytest.raises(ValueError) as error:
            run.backward(cell, *(good | changes).values())
        assert str(error.value).startswith(message)
