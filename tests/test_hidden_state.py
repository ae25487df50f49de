"""The two sources of the experiment hidden_state hide what it says that they hide."""

import numpy as np

from rnnlib.experiments import hidden_state
from rnnlib.reference import hmm


def stays(labels):
    """Lengths of the whole stays in one string of labels; the first and the last are cut off."""
    changes = np.flatnonzero(np.diff(labels)) + 1
    return np.diff(changes)


def test_both_sources_go_round_and_stay_five_steps_on_average():
    rng = np.random.default_rng(0)
    for source in (hidden_state.geometric(), hidden_state.timed()):
        labels, xs = hidden_state.draw(source, rng, 20000, 1)
        assert set(np.diff(labels[:, 0]) % 3) == {0, 1}
        np.testing.assert_allclose(stays(labels[:, 0]).mean(), 5, rtol=0.05)
        np.testing.assert_allclose((xs == labels).mean(), 0.6, rtol=0.05)


def test_a_timed_stay_lasts_four_five_or_six_steps_equally_often():
    labels, _ = hidden_state.draw(hidden_state.timed(), np.random.default_rng(1), 20000, 1)
    lengths, times = np.unique(stays(labels[:, 0]), return_counts=True)
    assert lengths.tolist() == [4, 5, 6]
    np.testing.assert_allclose(times / times.sum(), 1 / 3, rtol=0.1)


def test_labels_are_believed_as_much_as_their_states():
    source, rng = hidden_state.timed(), np.random.default_rng(2)
    _, xs = hidden_state.draw(source, rng, 7, 2)
    alphas, _ = hmm.forward(source.model, xs)
    want = np.stack([alphas[..., source.labels == label].sum(-1) for label in range(3)], axis=-1)
    np.testing.assert_allclose(hidden_state.filtered(source, xs), want, rtol=1e-12)


def test_counts_come_to_the_model_that_drew_them():
    source = hidden_state.geometric()
    drawn = hidden_state.draw(source, np.random.default_rng(3), 200, 1000)
    for got, want in zip(hidden_state.count(*drawn).model, source.model, strict=True):
        np.testing.assert_allclose(got, want, atol=0.05)


def test_counting_adds_one():
    labels, xs = np.array([[0], [0], [1]]), np.array([[2], [0], [1]])
    pi, A, E = hidden_state.count(labels, xs).model
    np.testing.assert_allclose(pi, np.array([2, 1, 1]) / 4)
    np.testing.assert_allclose(A, [[2 / 5, 2 / 5, 1 / 5], [1 / 3] * 3, [1 / 3] * 3])
    np.testing.assert_allclose(E, [[2 / 5, 1 / 5, 2 / 5], [1 / 4, 1 / 2, 1 / 4], [1 / 3] * 3])


def test_the_score_of_a_sure_answer_is_zero_and_right():
    labels = np.array([[0, 2], [1, 1]])
    assert hidden_state.score(np.eye(3)[labels], labels) == (0.0, 1.0)
