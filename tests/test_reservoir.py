"""The echo-state network: its radius, its leak, its forgetting and its read-out."""

import numpy as np
import pytest
from helpers import RTOL, SIZES, assert_close, cell_error, example, mutant
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import bptt, elman, linear, reservoir
from rnnlib.reference.ops import tree_map

SEEDS = st.integers(0, 2**16)
LEAKY = reservoir.Reservoir(radius=0.8, leak=0.3, input_scale=0.5, density=0.9)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


@for_any_size
@given(SIZES, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(size, seed):
    assert cell_error(reservoir.Reservoir(leak=0.3), *size, seed) <= RTOL


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dtanh = State(self.leak * dstate.h)", "dtanh = State(dstate.h)"),
        ("State((1 - self.leak) * dstate.h + dprev.h)", "dprev"),
        ("(1 - self.leak) * dstate.h + dprev.h", "self.leak * dstate.h + dprev.h"),
        ("(1 - self.leak) * dstate.h + dprev.h", "(1 - self.leak) * cache.h + dprev.h"),
    ],
)
def test_the_gradient_test_catches_every_mutant(old, new):
    cell = mutant(reservoir, old, new).Reservoir(leak=0.3)
    assert not cell_error(cell, 5, 3, 3, 4, seed=0) <= RTOL


@for_any_size
@given(st.integers(1, 4), st.integers(2, 30), SEEDS, st.floats(0.1, 3), st.floats(0.3, 1))
def test_the_recurrent_weights_have_the_radius_asked_for(D, H, seed, radius, density):
    cell = reservoir.Reservoir(radius=radius, density=density)
    params = cell.init(np.random.default_rng(seed), D, H + 20)
    got = np.abs(np.linalg.eigvals(params.W_h)).max()
    np.testing.assert_allclose(got, radius, rtol=1e-8)


def test_the_draw_has_the_density_and_the_scale_asked_for():
    cell = reservoir.Reservoir(density=0.1, input_scale=0.2)
    params = cell.init(np.random.default_rng(0), 50, 300)
    kept = params.W_h[params.W_h != 0]
    assert abs(kept.size / params.W_h.size - 0.1) < 0.01
    assert len(np.unique(kept)) == kept.size
    normal = kept / kept.std()
    np.testing.assert_allclose([normal.mean(), (normal**4).mean()], [0, 3], atol=0.2)
    for a in (params.W_x, params.b):
        assert 0.19 < np.abs(a).max() <= 0.2
        np.testing.assert_allclose(a.std(), 0.2 / np.sqrt(3), rtol=0.1)


def test_a_full_leak_is_the_elman_network():
    _, params, xs, state = example(elman, 6, 3, 2, 5, seed=1)
    hs, _, _ = bptt.forward(reservoir.Reservoir(leak=1.0), params, xs, state)
    np.testing.assert_array_equal(hs, bptt.forward(elman, params, xs, state)[0])


def test_a_leak_is_a_running_mean_of_what_is_new():
    _, params, xs, state = example(LEAKY, 7, 3, 2, 5, seed=2)
    hs, _, _ = bptt.forward(LEAKY, params, xs, state)
    h = state.h
    for x, got in zip(xs, hs, strict=True):
        new = [[np.tanh(wx @ xb + wh @ hb + b) for wx, wh, b in zip(*params, strict=True)]
               for xb, hb in zip(x, h, strict=True)]  # fmt: skip
        h = 0.7 * h + 0.3 * np.array(new)
        np.testing.assert_allclose(got, h, rtol=1e-13)


def gap(cell, scale, T, seed=3):
    """Distance of two starts after every step, on the same inputs; and the distance at first."""
    rng = np.random.default_rng(seed)
    params = cell.init(rng, 2, 40)
    sigma = np.linalg.norm(params.W_h, 2)
    params = params._replace(W_h=params.W_h * (scale / sigma if scale else 1))
    xs, (h, k) = rng.normal(size=(T, 1, 2)), rng.normal(size=(2, 1, 40))
    one, other = (bptt.forward(cell, params, xs, elman.State(s))[0] for s in (h, k))
    return np.linalg.norm(one - other, axis=(1, 2)), np.linalg.norm(h - k)


@pytest.mark.parametrize("leak", [0.3, 1.0])
def test_two_starts_converge_at_least_as_fast_as_the_largest_singular_value_says(leak):
    gaps, first = gap(reservoir.Reservoir(leak=leak), scale=0.95, T=100)
    bound = first * (1 - leak + leak * 0.95) ** np.arange(1, 101)
    assert (gaps <= bound).all()


def test_two_starts_converge_at_a_usual_radius_and_not_at_a_large_one_without_input():
    assert gap(reservoir.Reservoir(radius=0.9), None, T=400)[0][-1] < 1e-12
    silent = reservoir.Reservoir(radius=3.0, input_scale=1e-9)
    assert gap(silent, None, T=400)[0][-1] > 0.1


@for_any_size
@given(SIZES, SEEDS, st.floats(1e-3, 10))
def test_the_read_out_solves_the_normal_equations(size, seed, ridge):
    T, B, V, H = size
    rng = np.random.default_rng(seed)
    hs, targets = rng.normal(size=(T + 3, B, H)), rng.normal(size=(T + 3, B, V))
    got = reservoir.fit(hs, targets, ridge, washout=2)
    Z = np.concatenate([hs[2:].reshape(-1, H), np.ones(((T + 1) * B, 1))], axis=1)
    penalty = ridge * np.diag([1.0] * H + [0.0])  # the bias is free
    want = np.linalg.solve(Z.T @ Z + penalty, Z.T @ targets[2:].reshape(-1, V)).T
    assert_close(tuple(got), (want[:, :-1], want[:, -1]), rtol=1e-8)


def test_the_read_out_is_that_of_scikit_learn():
    ridge = pytest.importorskip("sklearn.linear_model").Ridge
    rng = np.random.default_rng(4)
    hs, targets = rng.normal(size=(50, 3, 8)) + 1, rng.normal(size=(50, 3, 2)) - 2
    got = reservoir.fit(hs, targets, 0.7, washout=10)
    want = ridge(alpha=0.7).fit(hs[10:].reshape(-1, 8), targets[10:].reshape(-1, 2))
    assert_close(tuple(got), (want.coef_, want.intercept_))


def test_without_a_ridge_what_is_linear_is_read_out_exactly():
    rng = np.random.default_rng(5)
    hs, truth = (
        rng.normal(size=(40, 2, 6)),
        linear.Params(rng.normal(size=(3, 6)), rng.normal(size=3)),
    )
    assert_close(reservoir.fit(hs, linear.forward(truth, hs), ridge=0.0), truth)


def test_the_washout_hides_the_start():
    rng = np.random.default_rng(6)
    hs, targets = rng.normal(size=(30, 2, 4)), rng.normal(size=(30, 2, 1))
    want = reservoir.fit(hs, targets, 0.1, washout=5)
    hs[:5], targets[:5] = 1e6, -1e6
    assert_close(reservoir.fit(hs, targets, 0.1, washout=5), want)
    every = reservoir.fit(hs, targets, 0.1, washout=0)
    assert_close(reservoir.fit(hs, targets, 0.1), every, rtol=0)  # nothing is hidden unasked


def test_a_read_out_in_float32_stays_in_float32():
    rng = np.random.default_rng(7)
    hs, targets = np.float32(rng.normal(size=(30, 2, 4))), np.float32(rng.normal(size=(30, 2, 1)))
    got = reservoir.fit(hs, targets, 0.1)
    assert {a.dtype for a in got} == {np.dtype(np.float32)}
    assert_close(
        tree_map(np.float64, got), reservoir.fit(*map(np.float64, (hs, targets)), 0.1), 1e-4
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius: got 0.0, expected a number above 0, at most inf"),
        ({"radius": np.inf}, "radius: got inf, expected"),
        ({"leak": 0.0}, "leak: got 0.0, expected a number above 0, at most 1"),
        ({"leak": 1.5}, "leak: got 1.5, expected"),
        ({"input_scale": np.nan}, "input_scale: got nan, expected"),
        ({"density": -0.1}, "density: got -0.1, expected"),
        ({"density": 1.5}, "density: got 1.5, expected"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError) as error:
        reservoir.Reservoir(**options)
    assert str(error.value).startswith(message)


def test_a_reservoir_without_loops_is_refused():
    with pytest.raises(ValueError, match="density: got 1e-09, expected one that leaves loops"):
        reservoir.Reservoir(density=1e-9).init(np.random.default_rng(0), 2, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hs": [1.0]}, "hs: got list, expected an array"),
        ({"hs": np.ones((5, 2, 3), int)}, "hs: got dtype int64, expected a floating dtype"),
        ({"hs": np.ones((5, 2))}, "hs: got shape (5, 2), expected (T, B, H)"),
        ({"targets": np.ones((4, 2, 1))}, "targets: got shape (4, 2, 1), expected (T, B, V)"),
        ({"ridge": -0.1}, "ridge: got -0.1, expected a number of at least 0"),
        ({"ridge": np.nan}, "ridge: got nan, expected"),
        ({"ridge": np.inf}, "ridge: got inf, expected"),
        ({"washout": 5}, "washout: got 5, expected from 0 to 4 of T steps"),
        ({"washout": -1}, "washout: got -1, expected"),
    ],
)
def test_a_read_out_refuses_bad_input(changes, message):
    good = {"hs": np.ones((5, 2, 3)), "targets": np.ones((5, 2, 1)), "ridge": 1.0}
    with pytest.raises(ValueError) as error:
        reservoir.fit(**(good | changes))
    assert str(error.value).startswith(message)
