"""The conditional random field against the sum over all sequences, and its derivatives."""

from itertools import product

import numpy as np
import pytest
from helpers import RTOL, assert_close, mutant
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import gradient_error, random_like
from rnnlib.reference import crf
from rnnlib.reference.ops import leaves, tree_map

SIZES = st.tuples(*[st.integers(1, 4)] * 3)  # T, B, V
WIDE = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(2, 5))  # V = 1: no gradient
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


def example(T, B, V, seed, scale=1.0):
    """Random generator, parameters, emissions, targets and lengths; the longest need not be T."""
    rng = np.random.default_rng(seed)
    params = tree_map(lambda a: scale * a, random_like(rng, crf.init(rng, V)))
    emissions, targets = scale * rng.normal(size=(T, B, V)), rng.integers(V, size=(T, B))
    return rng, params, emissions, targets, rng.integers(1, T + 1, size=B)


def brute(params, emissions, n):
    """All sequences of labels of one example of n steps and their scores, by the definition."""
    A, b, f = params
    ys = list(product(range(len(b)), repeat=n))
    scores = []
    for y in ys:
        s = b[y[0]] + f[y[-1]] + sum(emissions[t][y[t]] for t in range(n))
        scores.append(s + sum(A[y[t - 1], y[t]] for t in range(1, n)))
    return ys, np.array(scores)


@for_any_size
@given(SIZES, SEEDS)
def test_everything_equals_the_sum_over_all_sequences(size, seed):
    _, params, emissions, targets, lengths = example(*size, seed)
    log_Z = crf.log_partition(params, emissions, lengths)
    scores = crf.score(params, emissions, targets, lengths)
    labels, pairs = crf.marginals(params, emissions, lengths)
    paths, best = crf.viterbi(params, emissions, lengths)
    for k, n in enumerate(lengths):
        ys, s = brute(params, emissions[:, k], n)
        p = np.exp(s - s.max()) / np.exp(s - s.max()).sum()
        np.testing.assert_allclose(
            log_Z[k], s.max() + np.log(np.exp(s - s.max()).sum()), 1e-12, 1e-12
        )
        np.testing.assert_allclose(scores[k], s[ys.index(tuple(targets[:n, k]))], 1e-12, 1e-12)
        want, want_pairs = np.zeros_like(labels[:, k]), np.zeros_like(pairs[:, k])
        for y, q in zip(ys, p, strict=True):
            want[np.arange(n), y] += q
            want_pairs[np.arange(n - 1), y[:-1], y[1:]] += q
        np.testing.assert_allclose(labels[:, k], want, atol=1e-12)
        np.testing.assert_allclose(pairs[:, k], want_pairs, atol=1e-12)
        assert tuple(paths[:n, k]) == ys[s.argmax()]
        assert (paths[n:, k] == -1).all()
        np.testing.assert_allclose(best[k], s.max(), 1e-12, 1e-12)


def nll_error(crf, T, B, V, seed):
    """Relative error of the gradient with respect to parameters and emissions."""
    rng, params, emissions, targets, lengths = example(T, B, V, seed)
    _, dparams, demissions = crf.nll(crf.Params(*params), emissions, targets, lengths)
    return gradient_error(
        lambda params, e: crf.nll(crf.Params(*params), e, targets, lengths)[0],
        *((tuple(params), emissions), (tuple(dparams), demissions), rng),
    )


@for_any_size
@given(WIDE, SEEDS)
def test_the_gradient_of_the_loss_is_its_derivative(size, seed):
    assert nll_error(crf, *size, seed) <= RTOL


@for_any_size
@given(WIDE, SEEDS)
def test_the_marginals_are_the_derivative_of_the_log_partition(size, seed):
    rng, params, emissions, _, lengths = example(*size, seed)
    u = rng.normal(size=size[1])  # a cotangent on every log Z
    labels, pairs = crf.marginals(params, emissions, lengths)
    weighted, last = labels * u[:, None], labels[lengths - 1, np.arange(size[1])] * u[:, None]
    dparams = crf.Params(np.einsum("tbij,b->ij", pairs, u), weighted[0].sum(0), last.sum(0))
    error = gradient_error(
        lambda params, e: (u * crf.log_partition(params, e, lengths)).sum(),
        *((params, emissions), (dparams, weighted), rng),
    )
    assert error <= RTOL


MUTANTS = [
    ("np.broadcast_to(params.f, emissions.shape[1:])", "np.zeros(emissions.shape[1:])"),
    ("logsumexp(params.A + (e + betas[-1])", "logsumexp(params.A.T + (e + betas[-1])"),
    ("logsumexp(params.A + (e + betas[-1])", "logsumexp(params.A + (betas[-1])"),
    ("betas.append(np.where(on, beta, betas[-1]))", "betas.append(beta)"),
    ("zip(emissions[:0:-1], valid[:0:-1, :, None]", "zip(emissions[-2::-1], valid[:0:-1, :, None]"),
    ("labels = alphas + betas - log_Z", "labels = alphas - log_Z"),
    ("labels = alphas + betas - log_Z", "labels = alphas + betas + emissions - log_Z"),
    ("after = (emissions + betas - log_Z)[1:]", "after = (betas - log_Z)[1:]"),
    ("after = (emissions + betas - log_Z)[1:]", "after = (emissions + betas - log_Z)[:-1]"),
    ("alphas[:-1, ..., None] + params.A", "alphas[:-1, ..., None] + params.A.T"),
    ("alphas[:-1, ..., None] + params.A", "alphas[1:, ..., None] + params.A"),
    ("off[1:, ..., None]", "off[:-1, ..., None]"),
    ("demissions = (labels - onehot) / B", "demissions = labels - onehot"),
    ("demissions = (labels - onehot) / B", "demissions = labels / B"),
    ("onehot[:-1, ..., None] & onehot[1:,", "onehot[1:, ..., None] & onehot[:-1,"),
    (".sum((0, 1)) / B", ".mean((0, 1))"),
    ("[..., None]) & valid[..., None]", "[..., None])"),
    ("demissions[0].sum(0), last.sum(0)", "last.sum(0), demissions[0].sum(0)"),
    ("last = demissions[valid.sum(0) - 1, np.arange(B)]", "last = demissions[-1]"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), MUTANTS)
def test_the_gradient_test_catches_every_mutant(old, new):
    try:
        assert not nll_error(mutant(crf, old, new), 5, 3, 4, seed=0) <= RTOL
    except ValueError:
        pass  # by a shape that does not fit


@for_any_size
@given(SIZES, SEEDS)
def test_what_is_beyond_a_length_changes_nothing(size, seed):
    _, params, emissions, targets, lengths = example(*size, seed)
    beyond = np.arange(size[0])[:, None] >= lengths
    other = np.where(beyond[..., None], np.nan, emissions), np.where(beyond, -7, targets)
    for f in (crf.nll, crf.score):
        assert_close(f(params, *other, lengths), f(params, emissions, targets, lengths), 0)
    for f in (crf.log_partition, crf.marginals, crf.viterbi):
        assert_close(f(params, other[0], lengths), f(params, emissions, lengths), 0)
    assert (crf.nll(params, *other, lengths)[2][beyond] == 0).all()


@for_any_size
@given(SIZES, SEEDS)
def test_a_batch_is_its_examples_cut_to_their_lengths(size, seed):
    _, params, emissions, targets, lengths = example(*size, seed)
    alone = [
        crf.nll(params, emissions[:n, k : k + 1], targets[:n, k : k + 1])
        for k, n in enumerate(lengths)
    ]
    loss, dparams, demissions = crf.nll(params, emissions, targets, lengths)
    np.testing.assert_allclose(loss, np.mean([a[0] for a in alone]), rtol=1e-12)
    assert_close(dparams, tree_map(lambda *g: np.mean(g, axis=0), *(a[1] for a in alone)), 1e-9)
    for k, n in enumerate(lengths):
        np.testing.assert_allclose(demissions[:n, k] * size[1], alone[k][2][:, 0], atol=1e-12)


def test_scores_that_are_large_do_not_overflow():
    _, params, emissions, targets, lengths = example(6, 3, 4, seed=1, scale=1e4)
    values = crf.nll(params, emissions, targets, lengths)
    assert all(np.isfinite(a).all() for a in leaves(values[1:])) and np.isfinite(values[0])
    assert crf.log_partition(params, emissions)[0] >= crf.viterbi(params, emissions)[1][0]


def test_float32_stays_float32_and_nothing_is_changed_in_place():
    _, params, emissions, targets, lengths = example(5, 3, 4, seed=2)
    params, emissions = tree_map(np.float32, (params, emissions))
    before = tree_map(np.copy, (params, emissions))
    loss, *grads = crf.nll(params, emissions, targets, lengths)
    found = loss, *grads, *crf.marginals(params, emissions), crf.viterbi(params, emissions)[1]
    assert {a.dtype for a in leaves(found)} == {np.dtype(np.float32)}
    tree_map(np.testing.assert_array_equal, (params, emissions), before)


def test_of_equal_sequences_the_smallest_last_label_wins():
    params, emissions = crf.Params(np.zeros((3, 3)), np.zeros(3), np.zeros(3)), np.zeros((4, 1, 3))
    assert (crf.viterbi(params, emissions)[0] == 0).all()
    tie = params._replace(A=np.array([[-9.0, 0, -9], [0, -9, -9], [-9, -9, -9]]))  # 0101 and 1010
    assert crf.viterbi(tie, emissions)[0][:, 0].tolist() == [1, 0, 1, 0]


def test_a_forbidden_transition_is_not_taken():
    _, params, emissions, _, lengths = example(6, 8, 3, seed=3)
    A = np.where(np.eye(3, dtype=bool), -np.inf, params.A)
    paths, best = crf.viterbi(params._replace(A=A), emissions, lengths)
    assert ((paths[1:] != paths[:-1]) | (paths[1:] == -1)).all()
    assert np.isfinite(best).all()
    with pytest.raises(ValueError, match=r"A: got -inf, expected finite scores"):
        crf.log_partition(params._replace(A=A), emissions)


def test_one_score_that_is_no_number_is_refused():
    _, params, emissions, _, _ = example(4, 2, 3, seed=5)
    emissions[1, 0, 2] = np.nan
    with pytest.raises(ValueError, match=r"^emissions: got nan, expected finite scores$"):
        crf.log_partition(params, emissions)


NAMES = ("params", "emissions", "targets", "lengths")
GOOD = dict(zip(NAMES, example(4, 2, 3, seed=4)[1:], strict=True))
PARAMS = GOOD["params"]
REFUSED = [
    ("params", tuple(PARAMS), "params: got tuple, expected rnnlib.reference.crf.Params"),
    ("params", PARAMS._replace(A=np.ones((3, 2))), "params.A: got shape (3, 2), expected (V, V)"),
    ("params", PARAMS._replace(f=np.full(3, np.nan)), "f: got nan, expected finite scores"),
    ("emissions", [[[0.5]]], "emissions: got list, expected an array"),
    ("emissions", np.ones((4, 2, 3), int), "emissions: got dtype int64, expected a floating dtype"),
    ("emissions", np.ones((4, 2, 5)), "emissions: got shape (4, 2, 5), expected (T, B, V) with V"),
    ("emissions", np.ones((0, 2, 3)), "emissions: got T = 0 steps and B = 2, expected at least 1"),
    ("emissions", np.full((4, 2, 3), np.inf), "emissions: got inf, expected finite scores"),
    ("targets", [[1]], "targets: got list, expected an array"),
    ("targets", np.ones((4, 2)), "targets: got dtype float64, expected integer"),
    ("targets", np.ones((3, 2), int), "targets: got shape (3, 2), expected (4, 2)"),
    ("targets", np.full((4, 2), 3), "targets: got 3, expected integers from 0 to 2"),
    ("targets", np.full((4, 2), -1), "targets: got -1, expected integers from 0 to 2"),
    ("lengths", [4, 4], "lengths: got list, expected an array"),
    ("lengths", np.array([4, np.nan]), "lengths: got dtype float64, expected integer"),
    ("lengths", np.array([4]), "lengths: got shape (1,), expected (B,) with B = 2"),
    ("lengths", np.array([0, 4]), "lengths: got 0, expected integers from 1 to 4"),
    ("lengths", np.array([-1, 4]), "lengths: got -1, expected integers from 1 to 4"),
    ("lengths", np.array([5, 4]), "lengths: got 5, expected integers from 1 to 4"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_bad_input_is_refused(name, value, message):
    functions = [crf.score, crf.nll]
    if name != "targets":
        functions += [crf.log_partition, crf.marginals, crf.viterbi]
    for function in functions:
        arguments = GOOD | {name: value}
        if function not in (crf.score, crf.nll):
            del arguments["targets"]
        with pytest.raises(ValueError) as error:
            function(**arguments)
        assert str(error.value).startswith(message), function
