"""Initial weights have the distribution that they claim."""

import numpy as np
import pytest
from helpers import CELLS, mutant
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import init, linear

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


@pytest.mark.parametrize("module", [*CELLS, linear], ids=lambda m: m.__name__)
def test_a_layer_starts_within_the_inverse_root_of_its_units(module):
    W, *_, b = module.init(np.random.default_rng(3), 64, H := 64)
    assert 0.9 * H**-0.5 < abs(W).max() <= H**-0.5
    assert not b.any()


def test_the_seed_decides():
    draw = [init.orthogonal(np.random.default_rng(seed), (3, 3)) for seed in (7, 7, 8)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.allclose(draw[0], draw[2])
