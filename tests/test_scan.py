"""Linear recurrences: loop and scans, forward and backward."""

from math import ceil, log2

import numpy as np
import pytest
from helpers import RTOL, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import gradient_error
from rnnlib.reference import scan


def in_threes(compose, steps):
    """The scan in chunks, of a size that short sequences exceed."""
    return scan.chunked(compose, steps, 3)


SCANS = [scan.sequential, scan.hillis_steele, scan.work_efficient, scan.chunked, in_threes]
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 3), st.integers(1, 3))  # T, B, H
SEEDS = st.integers(0, 2**16)

for_every_scan = pytest.mark.parametrize("by", SCANS, ids=lambda by: by.__name__)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


def recurrence(T, B, H, seed):
    """Random factors of either sign, some above 1; random summands and first state."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, T, B, H))
    return rng, a, b, rng.normal(size=(B, H))


def scan_error(module, T, B, H, seed):
    """Relative error of the gradient of <u, hs> with respect to a, b and the first state."""
    rng, a, b, h = recurrence(T, B, H, seed)
    hs, u = module.loop(a, b, h), rng.normal(size=(T, B, H))
    grads = module.backward(a, h, hs, u, module.work_efficient)
    return gradient_error(lambda *p: (u * module.loop(*p)).sum(), (a, b, h), grads, rng)


def count(by, T):
    """How many pairs a scan of T steps composes, and in how many rounds."""
    compositions, rounds = 0, 0

    def concatenate(p, q):  # associative, not commutative, and counted
        nonlocal compositions, rounds
        assert len(p) == len(q)
        compositions, rounds = compositions + len(p), rounds + 1
        return p + q

    letters = np.array([chr(ord("a") + t % 26) for t in range(T)], dtype=object)
    assert list(by(concatenate, letters)) == ["".join(letters[: t + 1]) for t in range(T)]
    return compositions, rounds


@for_every_scan
@for_any_size
@given(SIZES, SEEDS)
def test_a_scan_equals_the_loop(by, size, seed):
    _, a, b, h = recurrence(*size, seed)
    assert_close(scan.forward(a, b, h, by), scan.loop(a, b, h))


@for_any_size
@given(SIZES, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(size, seed):
    assert scan_error(scan, *size, seed) <= RTOL


@for_every_scan
@for_any_size
@given(SIZES, SEEDS)
def test_a_scan_in_reverse_equals_the_loop_in_reverse(by, size, seed):
    rng, a, b, h = recurrence(*size, seed)
    hs, u = scan.loop(a, b, h), rng.normal(size=size)
    delta, deltas = np.zeros_like(h), []
    for t in reversed(range(size[0])):
        delta = delta + u[t]
        deltas.insert(0, delta)
        delta = a[t] * delta
    da, db, dh = scan.backward(a, h, hs, u, by)
    assert_close((db, dh), (np.stack(deltas), delta))
    assert_close(da, deltas * np.concatenate([h[None], hs[:-1]]))


@for_every_scan
@for_any_size
@given(SIZES, SEEDS, st.data())
def test_a_sequence_may_be_cut_anywhere(by, size, seed, data):
    T, B, H = size
    rng, a, b, h = recurrence(T + 1, B, H, seed)
    cut, u = data.draw(st.integers(1, T), label="cut"), rng.normal(size=(T + 1, B, H))
    first = scan.forward(a[:cut], b[:cut], h, by)
    second = scan.forward(a[cut:], b[cut:], first[-1], by)
    hs = scan.forward(a, b, h, by)
    assert_close(np.concatenate([first, second]), hs)

    da_2, db_2, dmiddle = scan.backward(a[cut:], first[-1], second, u[cut:], by)
    before = u[:cut].copy()
    before[-1] += dmiddle
    da_1, db_1, dh = scan.backward(a[:cut], h, first, before, by)
    got = np.concatenate([da_1, da_2]), np.concatenate([db_1, db_2]), dh
    assert_close(got, scan.backward(a, h, hs, u, by))


@for_any_size
@given(SEEDS)
def test_composition_is_associative_and_has_no_inverse_order(seed):
    rng = np.random.default_rng(seed)
    p, q, r = (scan.init(rng, 3, 2, 4) for _ in range(3))
    assert_close(scan.compose(scan.compose(p, q), r), scan.compose(p, scan.compose(q, r)))
    assert np.abs(scan.compose(p, q).b - scan.compose(q, p).b).max() > 1e-3


@pytest.mark.parametrize("T", [*range(1, 70), 127, 128, 129, 1000])
def test_work_and_rounds_are_as_stated(T):
    log = ceil(log2(T))
    assert count(scan.sequential, T) == (T - 1, T - 1)
    compositions, rounds = count(scan.hillis_steele, T)
    assert compositions == sum(T - 2**i for i in range(log)) <= T * log
    assert rounds == log
    compositions, rounds = count(scan.work_efficient, T)
    assert compositions <= max(2 * T - 2 - log, 0) < 2 * T
    assert rounds <= max(2 * log - 1, 0)
    for K in (1, 2, 3, 16, 2000):
        chunks, full = ceil(T / K), T // K
        compositions, rounds = count(lambda *given, K=K: scan.chunked(*given, K), T)
        assert compositions <= 2 * T - chunks + full - min(K, T) < 2 * T
        assert rounds <= 2 * (K - 1) + 2 * ceil(log2(max(full, 1)))


@for_every_scan
def test_a_zero_factor_forgets_and_nothing_overflows(by):
    _, a, b, h = recurrence(50, 2, 3, seed=0)
    a[20] = 0
    hs = scan.forward(a, b, h, by)
    assert_close(hs[20:], scan.forward(a[20:], b[20:], 1e9 * h, by))


@for_every_scan
def test_float32_stays_float32_and_nothing_is_changed_in_place(by):
    _, a, b, h = recurrence(7, 2, 3, seed=1)
    args = [np.float32(x) for x in (a, b, h)]
    before = [x.copy() for x in args]
    hs = scan.forward(*args, by)
    grads = scan.backward(args[0], args[2], hs, hs, by)
    assert {x.dtype for x in (hs, *grads)} == {np.dtype(np.float32)}
    for x, y in zip(args, before, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_scan_that_runs_is_the_one_asked_for():
    _, a, b, h = recurrence(4, 2, 3, seed=3)
    ran = []

    def by(compose, steps):
        ran.append(len(steps.a))
        return scan.sequential(compose, steps)

    scan.forward(a, b, h, by)
    scan.adjoint(a, b, by)
    scan.backward(a, h, b, b, by)
    assert ran == [4, 4, 4]


def test_random_steps_are_drawn_one_by_one():
    steps = scan.init(np.random.default_rng(4), 3, 2, 5)
    for drawn in steps:
        assert drawn.shape == (3, 2, 5) and len(np.unique(drawn)) == drawn.size


def test_what_is_no_recurrence_is_refused():
    _, a, b, h = recurrence(4, 2, 3, seed=2)
    for function, args, message in [
        (scan.forward, (a[:0], b[:0], h), "a: got T = 0 steps, expected at least 1"),
        (scan.forward, (a, b[1:], h), "b: got shape (3, 2, 3), expected (T, B, H) with T = 4"),
        (scan.forward, (a, b, h[:1]), "h: got shape (1, 3), expected (B, H) with B = 2, H = 3"),
        (scan.forward, (a, b > 0, h), "b: got dtype bool, expected a floating dtype"),
        (scan.adjoint, (a, b[:, 1:]), "dhs: got shape (4, 1, 3), expected (T, B, H) with T = 4"),
        (scan.backward, (a, h, b, b[1:]), "dhs: got shape (3, 2, 3), expected (T, B, H) with"),
        (scan.backward, (a, h, b[1:], b), "hs: got shape (3, 2, 3), expected (T, B, H) with"),
        (scan.backward, (list(a), h, b, b), "a: got list, expected an array"),
    ]:
        with pytest.raises(ValueError) as error:
            function(*args)
        assert str(error.value).startswith(message)
    with pytest.raises(ValueError, match="K: got 0, expected at least 1"):
        scan.chunked(scan.compose, scan.Affine(a, b), 0)
    with pytest.raises(ValueError, match="shorter"):
        scan.loop(a, b[1:], h)
