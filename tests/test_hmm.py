"""The hidden Markov model against the sum over all paths of states."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import crf, hmm
from rnnlib.reference.ops import leaves, tree_map

SIZES = st.tuples(*[st.integers(1, 4)] * 4)  # T, B, H, V
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


def example(T, B, H, V, seed):
    """A model and symbols that need not come from it."""
    rng = np.random.default_rng(seed)
    return hmm.init(rng, H, V), rng.integers(V, size=(T, B))


def brute(params, x):
    """All paths of states and their probability together with the symbols, by the definition."""
    pi, A, E = params
    paths = list(product(range(len(pi)), repeat=len(x)))
    joint = []
    for s in paths:
        p = pi[s[0]] * E[s[0], x[0]]
        for t in range(1, len(x)):
            p *= A[s[t - 1], s[t]] * E[s[t], x[t]]
        joint.append(p)
    return paths, np.array(joint)


@for_any_size
@given(SIZES, SEEDS)
def test_everything_equals_the_sum_over_all_paths(size, seed):
    params, xs = example(*size, seed)
    T, B, H, _ = size
    alphas, scales = hmm.forward(params, xs)
    log_p, gammas = hmm.log_likelihood(params, xs), hmm.posterior(params, xs)
    best, best_log_p = hmm.viterbi(params, xs)
    for k in range(B):
        paths, joint = brute(params, xs[:, k])
        np.testing.assert_allclose(log_p[k], np.log(joint.sum()), rtol=1e-12, atol=1e-14)
        want = np.zeros((T, H))
        for s, p in zip(paths, joint / joint.sum(), strict=True):
            want[np.arange(T), s] += p
        np.testing.assert_allclose(gammas[:, k], want, atol=1e-12)
        assert tuple(best[:, k]) == paths[joint.argmax()]
        np.testing.assert_allclose(best_log_p[k], np.log(joint.max()), rtol=1e-12, atol=1e-14)
        for t in range(T):  # what is known after t + 1 symbols
            paths, joint = brute(params, xs[: t + 1, k])
            want = [joint[[s[t] == j for s in paths]].sum() / joint.sum() for j in range(H)]
            np.testing.assert_allclose(alphas[t, k], want, atol=1e-12)
            np.testing.assert_allclose(scales[: t + 1, k].prod(), joint.sum(), rtol=1e-12)


@for_any_size
@given(SIZES, SEEDS)
def test_all_sequences_together_have_probability_one(size, seed):
    T, _, H, V = size
    params, _ = example(T, 1, H, V, seed)
    every = np.array(list(product(range(V), repeat=T))).T
    np.testing.assert_allclose(np.exp(hmm.log_likelihood(params, every)).sum(), 1, rtol=1e-12)


@for_any_size
@given(SIZES, SEEDS)
def test_a_hidden_markov_model_is_a_conditional_random_field(size, seed):
    params, xs = example(*size, seed)
    pi, A, E = tree_map(np.log, params)
    scores, emissions = crf.Params(A, pi, np.zeros_like(pi)), E.T[xs]
    log_Z, (labels, _) = crf.log_partition(scores, emissions), crf.marginals(scores, emissions)
    np.testing.assert_allclose(log_Z, hmm.log_likelihood(params, xs), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(labels, hmm.posterior(params, xs), atol=1e-10)


def test_ten_thousand_steps_do_not_underflow():
    params = hmm.init(np.random.default_rng(1), 3, 5)
    _, xs = hmm.sample(params, np.random.default_rng(2), 10_000, 2)
    log_p = hmm.log_likelihood(params, xs)
    assert (np.exp(log_p) == 0).all()  # the product itself does
    pi, A, E = tree_map(np.log, params)
    want = crf.log_partition(crf.Params(A, pi, np.zeros(3)), E.T[xs])
    np.testing.assert_allclose(log_p, want, rtol=1e-10)
    np.testing.assert_allclose(hmm.posterior(params, xs).sum(-1), 1, rtol=1e-10)
    assert (hmm.viterbi(params, xs)[1] <= log_p).all()


def test_without_memory_the_symbols_are_independent():
    _, _, E = hmm.init(np.random.default_rng(3), 4, 6)
    pi = np.array([0.1, 0.2, 0.3, 0.4])
    xs = np.random.default_rng(4).integers(6, size=(7, 3))
    got = hmm.log_likelihood(hmm.Params(pi, np.tile(pi, (4, 1)), E), xs)
    np.testing.assert_allclose(got, np.log((pi @ E)[xs]).sum(0), rtol=1e-12)


def test_a_sample_has_the_frequencies_of_the_model():
    params = hmm.init(np.random.default_rng(5), 3, 4)
    states, xs = hmm.sample(params, np.random.default_rng(6), 5, 20_000)
    assert states.shape == xs.shape == (5, 20_000)
    p = params.pi
    for t in range(5):
        np.testing.assert_allclose(np.bincount(states[t], minlength=3) / 20_000, p, atol=0.015)
        np.testing.assert_allclose(
            np.bincount(xs[t], minlength=4) / 20_000, p @ params.E, atol=0.015
        )
        p = p @ params.A
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (states[:-1], states[1:]), 1)
    np.testing.assert_allclose(pairs / pairs.sum(1, keepdims=True), params.A, atol=0.02)


def test_what_is_impossible_has_probability_zero():
    params = hmm.Params(np.array([1.0, 0.0]), np.eye(2), np.eye(2))  # emits 0 for ever
    xs = np.array([[0, 0], [0, 1], [0, 0]])
    assert hmm.log_likelihood(params, xs).tolist() == [0, -np.inf]
    alphas, scales = hmm.forward(params, xs)
    assert scales[:, 1].tolist() == [1, 0, 0] and (alphas[1:, 1] == 0).all()
    assert hmm.viterbi(params, xs)[1].tolist() == [0, -np.inf]
    with pytest.raises(ValueError, match="xs: got an impossible symbol at step 1"):
        hmm.posterior(params, xs)


def test_float32_stays_float32():
    params, xs = example(5, 3, 4, 2, seed=7)
    params = tree_map(np.float32, params)
    found = (*hmm.forward(params, xs), hmm.posterior(params, xs), hmm.viterbi(params, xs)[1])
    assert {a.dtype for a in leaves(found)} == {np.dtype(np.float32)}


PARAMS, XS = example(4, 2, 3, 5, seed=8)
REFUSED = [
    ({"params": tuple(PARAMS)}, "params: got tuple, expected rnnlib.reference.hmm.Params"),
    ({"params": PARAMS._replace(A=PARAMS.A[:, 1:])}, "params.A: got shape (3, 2), expected (H, H)"),
    ({"params": PARAMS._replace(A=PARAMS.A.T)}, "params.A: got rows that sum to ["),
    ({"params": PARAMS._replace(pi=np.array([-0.5, 0.5, 1]))}, "params.pi: got rows that sum to 1"),
    ({"params": PARAMS._replace(E=PARAMS.E * np.nan)}, "params.E: got rows that sum to [nan"),
    ({"xs": XS.tolist()}, "xs: got list, expected an array"),
    ({"xs": XS * 1.0}, "xs: got dtype float64, expected integer"),
    ({"xs": XS[0]}, "xs: got shape (2,), expected (T, B)"),
    ({"xs": XS[:0]}, "xs: got T = 0 steps, expected at least 1"),
    ({"xs": XS * 0 + 5}, "xs: got 5, expected integers from 0 to 4"),
    ({"xs": XS * 0 - 1}, "xs: got -1, expected integers from 0 to 4"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_bad_input_is_refused(changes, message):
    for function in (hmm.forward, hmm.log_likelihood, hmm.posterior, hmm.viterbi):
        with pytest.raises(ValueError) as error:
            function(**({"params": PARAMS, "xs": XS} | changes))
        assert str(error.value).startswith(message), function


def test_a_sample_of_nothing_is_refused():
    with pytest.raises(ValueError, match="T, B: got 0, 2, expected at least 1 of each"):
        hmm.sample(PARAMS, np.random.default_rng(0), 0, 2)
    with pytest.raises(ValueError, match="T, B: got 2, 0, expected at least 1 of each"):
        hmm.sample(PARAMS, np.random.default_rng(0), 2, 0)


def test_a_sample_of_one_symbol_is_let_in():
    states, xs = hmm.sample(PARAMS, np.random.default_rng(0), 1, 1)
    assert states.shape == xs.shape == (1, 1)


def test_the_impossible_symbol_is_named_by_its_step():
    params = hmm.Params(np.array([1.0, 0.0]), np.eye(2), np.eye(2))  # emits 0 for ever
    with pytest.raises(ValueError, match="xs: got an impossible symbol at step 2, expected"):
        hmm.posterior(params, np.array([[0], [0], [1]]))


def test_a_row_may_be_off_by_a_hundred_thousandth_and_no_more():
    off = np.array([0.9e-5, 0, 0])
    assert np.isfinite(hmm.log_likelihood(PARAMS._replace(pi=PARAMS.pi + off), XS)).all()
    with pytest.raises(ValueError, match=r"params\.pi: got rows that sum to 1\.0000"):
        hmm.log_likelihood(PARAMS._replace(pi=PARAMS.pi + 1.5 * off), XS)
