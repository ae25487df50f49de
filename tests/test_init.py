"""Initial weights have the distribution that they claim."""

from math import erf

import numpy as np
import pytest
from helpers import mutant
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import conv_lstm, elman, embedding, init, linear
from rnnlib.reference.ops import sigmoid

SIZE = st.integers(1, 6)


@settings(deadline=None, derandomize=True)
@given(SIZE, SIZE, st.integers(0, 2**16))
def test_an_orthogonal_matrix_is_orthogonal(m, n, seed):
    gain = 1.5
    Q = init.orthogonal(np.random.default_rng(seed), (m, n), gain)
    assert Q.shape == (m, n)
    gram = Q.T @ Q if m >= n else Q @ Q.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(min(m, n)), atol=1e-14)


def traces(module, n=5, draws=4000):
    """Mean of tr Q, (tr Q)² and tr Q² over many draws; evenly drawn they are 0, 1 and 1."""
    rng = np.random.default_rng(0)
    Qs = np.stack([module.orthogonal(rng, (n, n)) for _ in range(draws)])
    tr, tr_2 = (np.trace(A, axis1=1, axis2=2) for A in (Qs, Qs @ Qs))
    return np.array([tr.mean(), (tr**2).mean(), tr_2.mean()])


def test_an_orthogonal_matrix_is_drawn_evenly():
    """Diaconis & Shahshahani (1994): tr Q and tr Q² have means 0 and 1, and variances 1 and 2."""
    np.testing.assert_allclose(traces(init), [0, 1, 1], atol=0.1)  # over four standard errors


def test_without_the_signs_the_draw_is_not_even():
    unsigned = mutant(init, "Q * np.sign(np.diag(R))", "1.0 * Q")
    assert traces(unsigned)[0] < -1  # LAPACK reflects, so its diagonals lean to the negative
    Q = [unsigned.orthogonal(np.random.default_rng(seed), (5, 5)) for seed in range(100)]
    assert max(q[0, 0] for q in Q) < 0


def test_uniform_weights_fill_their_bounds():
    W = init.uniform(np.random.default_rng(1), (300, 400), fan=16)
    assert 0.2499 < W.max() < 0.25 and -0.25 < W.min() < -0.2499
    np.testing.assert_allclose(W.var(), 0.25**2 / 3, rtol=0.02)
    np.testing.assert_allclose(W.mean(), 0, atol=0.002)


def test_glorot_weights_have_the_variance_that_balances_both_ways():
    m, n = 300, 400
    W = init.glorot(np.random.default_rng(2), (m, n))
    assert W.shape == (m, n)
    np.testing.assert_allclose(W.var(), 2 / (m + n), rtol=0.02)
    assert abs(W).max() <= np.sqrt(6 / (m + n))


def test_a_kernel_starts_within_the_inverse_root_of_its_units_times_its_points():
    params = conv_lstm.ConvLSTM(4, 4, K=3).init(np.random.default_rng(3), 16, 16)
    for W in params[:2]:
        assert 0.99 / 12 < abs(W).max() <= 1 / 12


def test_vectors_of_symbols_start_normal():
    E = embedding.init(np.random.default_rng(4), 200, 50).E
    np.testing.assert_allclose([E.mean(), E.std()], [0, 1], atol=0.04)


@pytest.mark.parametrize("module", [elman, linear], ids=lambda m: m.__name__)
def test_a_layer_starts_within_the_inverse_root_of_its_units(module):
    W, *_, b = module.init(np.random.default_rng(3), 64, H := 64)
    assert 0.9 * H**-0.5 < abs(W).max() <= H**-0.5
    assert not b.any()


def distance(sample, cdf):
    """Largest gap between the shares of a sample and a distribution (Kolmogorov)."""
    ordered = np.sort(sample.ravel())
    shares = np.arange(len(ordered) + 1) / len(ordered)
    want = np.array([cdf(x) for x in ordered])
    return max((shares[1:] - want).max(), (want - shares[:-1]).max())


N = 10_000
LIMIT = 1.95 / np.sqrt(N)  # exceeded by chance once in a thousand seeds


def test_gaussian_weights_are_normal():
    W = init.gaussian(np.random.default_rng(4), (N // 50, 50), std=0.3)
    assert W.shape == (N // 50, 50)

    def cdf(x, std=0.3):
        return (1 + erf(x / std / np.sqrt(2))) / 2

    assert distance(W, cdf) < LIMIT
    assert distance(W, lambda x: cdf(x, std=0.33)) > LIMIT
    assert not init.gaussian(np.random.default_rng(4), (2, 3), std=0.0).any()


@settings(deadline=None, derandomize=True)
@given(SIZE, SIZE)
def test_identity_weights_hand_the_state_on(m, n):
    W = init.identity((m, n), gain=0.5)
    assert W.shape == (m, n)
    h = np.random.default_rng(0).normal(size=n)
    kept = min(m, n)
    np.testing.assert_array_equal(W @ h, np.r_[0.5 * h[:kept], np.zeros(m - kept)])


@settings(deadline=None, derandomize=True)
@given(SIZE, st.floats(-5, 5), st.sampled_from([np.float32, np.float64]))
def test_the_forget_bias_is_that_of_the_forget_gates_alone(H, value, dtype):
    b = np.random.default_rng(H).normal(size=4 * H).astype(dtype)
    before, got = b.copy(), init.forget_bias(b, value)
    np.testing.assert_array_equal(b, before)
    want = b.reshape(4, H).copy()
    want[1] = value  # i, f, g, o
    np.testing.assert_array_equal(got, want.ravel())
    assert got.dtype == dtype


def test_unasked_identity_weights_hand_all_on_and_the_forget_bias_is_one():
    np.testing.assert_array_equal(init.identity((2, 3)), np.eye(2, 3))
    np.testing.assert_array_equal(init.forget_bias(np.zeros(8)), [0, 0, 1, 1, 0, 0, 0, 0])


def test_chrono_gates_forget_in_proportion_to_the_inverse_of_an_even_time():
    b, T_max = np.random.default_rng(5).normal(size=4 * N), 50
    i, f, g, o = init.chrono(np.random.default_rng(6), b, T_max).reshape(4, N)
    np.testing.assert_array_equal(i, -f)
    np.testing.assert_array_equal(np.r_[g, o], b[2 * N :])
    time = 1 / (1 - sigmoid(f))  # 1 + u steps, hence between 2 and T_max
    assert 2 <= time.min() and time.max() <= T_max * (1 + 1e-12)
    assert distance(time, lambda t: (t - 2) / (T_max - 2)) < LIMIT
    assert distance(time, lambda t: (t - 1) / (T_max - 1)) > LIMIT
    np.testing.assert_allclose(sigmoid(i), 1 / time, rtol=1e-12)  # what comes in is what is lost


def test_chrono_keeps_the_dtype_and_the_shortest_time_is_two_steps():
    b = np.ones(12, np.float32)
    got = init.chrono(np.random.default_rng(7), b, 2)
    np.testing.assert_array_equal(got, [0] * 6 + [1] * 6)
    assert got.dtype == np.float32
    assert b.all()


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: init.orthogonal(rng, (3, 3)),
        lambda rng: init.gaussian(rng, (3, 3), 1.0),
        lambda rng: init.chrono(rng, np.zeros(12), 9),
    ],
)
def test_the_seed_decides(draw):
    one, same, other = (draw(np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
