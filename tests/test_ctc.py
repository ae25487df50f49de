"""Connectionist temporal classification: against every alignment, and against torch."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers import RTOL, assert_close, mutant
from hypothesis import given, settings
from hypothesis import strategies as st
from part_errors import ctc_error, ctc_example, needed_steps

from rnnlib.reference import ctc
from rnnlib.reference.ops import softmax

SIZES = st.tuples(st.integers(1, 7), st.integers(1, 4), st.integers(1, 4), st.integers(2, 4))
SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=40)


@for_any_size
@given(SIZES, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(sizes, seed):
    assert ctc_error(ctc, *sizes, seed) <= RTOL


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(2, 3), SEEDS)
def test_the_loss_sums_over_every_alignment(T, N, V, seed):
    logits, targets, steps, labels, blank = ctc_example(T, 1, N, V, seed)
    p, target, total = softmax(logits[: steps[0], 0]), targets[0, : labels[0]].tolist(), 0
    for path in product(range(V), repeat=steps[0]):
        if ctc.collapse(np.array(path)).tolist() == target:
            total += p[range(steps[0]), path].prod()
    got, _ = ctc.loss(logits, targets, steps, labels, blank)
    np.testing.assert_allclose(got, -np.log(total), rtol=1e-12, atol=1e-14)


def of_torch(logits, targets, input_lengths, target_lengths, blank):
    """Value and gradient that torch gives."""
    z = torch.tensor(logits, requires_grad=True)
    total = torch.nn.CTCLoss(blank, reduction="sum")(
        torch.log_softmax(z, -1), *map(torch.tensor, (targets, input_lengths, target_lengths))
    )
    loss = total / logits.shape[1]
    loss.backward()
    return loss.item(), z.grad.numpy()


@for_any_size
@given(SIZES, SEEDS, st.booleans(), st.booleans())
def test_value_and_gradient_are_those_of_torch(sizes, seed, last, repeats):
    """Repeated labels, no labels, lengths that differ, and any symbol for the blank."""
    blank = sizes[-1] - 1 if last else 0
    example = ctc_example(*sizes, seed, blank, repeats)
    loss, grad = ctc.loss(*example)
    want, want_grad = of_torch(*example)
    np.testing.assert_allclose(loss, want, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(grad, want_grad, rtol=1e-10, atol=1e-13)


def test_value_and_gradient_are_those_of_torch_on_a_long_sequence():
    example = ctc_example(T=120, B=3, N=30, V=12, seed=0, repeats=False)
    loss, grad = ctc.loss(*example)
    want, want_grad = of_torch(*example)
    np.testing.assert_allclose(loss, want, rtol=1e-12)
    np.testing.assert_allclose(grad, want_grad, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.where(may_skip, two, -np.inf)", "two"),
        ("np.where(may_skip, two, -np.inf)", "two - np.inf"),
        ("may_skip = path != ", "may_skip = path == "),
        ("alpha[-1, -2:]", "alpha[-1, -1:]"),
        ("alpha[-1, -2:]", "alpha[-1, -3:]"),
        ("[alpha, one, ", "[alpha, one - 1, "),
        ("path[1::2] = labels", "path[1::2] = labels[::-1]"),
    ],
)
def test_other_alignments_than_those_of_the_target_have_another_loss(old, new):
    """Most of these have a gradient that fits their loss: only the sum over all paths tells."""
    example = ctc_example(T=9, B=4, N=4, V=4, seed=1)
    got, _ = mutant(ctc, old, new).loss(*example)
    assert abs(got - ctc.loss(*example)[0]) > 1e-3


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [1, 2, 1], [2, 2, 2]])
def test_labels_that_just_fit_have_one_alignment(labels):
    T = max(needed_steps(labels), 1)
    logits = np.random.default_rng(1).normal(size=(T, 1, 3))
    targets, lengths = np.array([labels], dtype=int), np.array([len(labels)])
    loss, grad = ctc.loss(logits, targets, np.array([T]), lengths)
    alone = [] if labels else [0]
    for i, label in enumerate(labels):
        alone += [0, label] if i and label == labels[i - 1] else [label]
    p = softmax(logits[:, 0])
    np.testing.assert_allclose(loss, -np.log(p[range(T), alone]).sum(), rtol=1e-14)
    np.testing.assert_allclose(grad[:, 0], p - np.eye(3)[alone], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("anything", [-7.5, 1e300, np.inf, -np.inf, np.nan])
def test_what_lies_beyond_the_lengths_changes_nothing(anything):
    logits, targets, steps, labels, blank = ctc_example(T=8, B=5, N=4, V=4, seed=2)
    beyond = np.arange(8)[:, None] >= steps
    other = np.where(beyond[..., None], anything, logits)
    padded = np.where(np.arange(4) < labels[:, None], targets, -100)
    loss, grad = ctc.loss(logits, targets, steps, labels, blank)
    assert_close(ctc.loss(other, padded, steps, labels, blank), (loss, grad), rtol=0)
    assert beyond.any() and not grad[beyond].any()
    longer = np.concatenate([logits, logits]), np.concatenate([targets, targets], axis=1)
    loss_2, grad_2 = ctc.loss(*longer, steps, labels, blank)
    assert_close((loss_2, grad_2[:8]), (loss, grad), rtol=0)


def test_a_batch_may_be_permuted_and_is_the_mean_of_its_sequences():
    logits, targets, steps, labels, blank = ctc_example(T=7, B=5, N=3, V=4, seed=3)
    loss, grad = ctc.loss(logits, targets, steps, labels, blank)
    b = np.array([3, 0, 4, 2, 1])
    moved = ctc.loss(logits[:, b], targets[b], steps[b], labels[b], blank)
    assert_close(moved, (loss, grad[:, b]), rtol=1e-14)
    parts = [
        ctc.loss(logits[:, i : i + 1], targets[i : i + 1], steps[i : i + 1], labels[i : i + 1])
        for i in range(5)
    ]
    assert_close(np.mean([part for part, _ in parts]), loss, rtol=1e-14)
    assert_close(np.concatenate([g for _, g in parts], axis=1) / 5, grad, rtol=1e-14)


def test_a_shift_of_all_logits_of_a_step_changes_nothing():
    logits, *rest = ctc_example(T=6, B=3, N=3, V=4, seed=4)
    loss, grad = ctc.loss(logits, *rest)
    shift = np.random.default_rng(4).normal(size=(6, 3, 1))
    assert_close(ctc.loss(logits + 30 * shift, *rest), (loss, grad), rtol=1e-12)
    np.testing.assert_allclose(grad.sum(-1), 0, atol=1e-15)


def test_logits_of_a_thousand_do_not_overflow():
    logits = np.array([[[0.0, 1000.0]], [[1000.0, 0.0]], [[-1000.0, 1000.0]]])
    args = np.array([[1, 1]]), np.array([3]), np.array([2])
    loss, grad = ctc.loss(logits, *args)
    assert loss == 0 and not grad.any()
    loss, grad = ctc.loss(-logits, *args)
    assert loss == 4000
    np.testing.assert_array_equal(grad[:, 0], [[1, -1], [-1, 1], [1, -1]])


def test_a_symbol_may_be_forbidden_by_a_logit_of_minus_infinity():
    logits, targets, steps, labels, _ = ctc_example(T=6, B=2, N=2, V=3, seed=5)
    wide = np.concatenate([logits, np.full((6, 2, 1), -np.inf)], axis=-1)
    loss, grad = ctc.loss(logits, targets, steps, labels)
    assert_close(
        ctc.loss(wide, targets, steps, labels), (loss, np.pad(grad, [(0, 0)] * 2 + [(0, 1)]))
    )


def test_float32_stays_float32():
    logits, *rest = ctc_example(T=6, B=2, N=2, V=3, seed=6)
    loss, grad = ctc.loss(np.float32(logits), *rest)
    assert loss.dtype == grad.dtype == np.float32
    np.testing.assert_allclose(loss, ctc.loss(logits, *rest)[0], rtol=1e-5)


GOOD = dict(
    zip(
        ["logits", "targets", "input_lengths", "target_lengths"],
        [np.zeros((4, 2, 3)), np.array([[1, 1, 2], [2, 1, 2]]), np.array([4, 3]), np.array([3, 2])],
        strict=True,
    )
)


def test_good_input_is_let_in():
    assert np.isfinite(ctc.loss(**GOOD)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": [[0.5]]}, "logits: got list, expected an array"),
        ({"logits": np.zeros((4, 2))}, "logits: got shape (4, 2), expected (T, B, V)"),
        ({"logits": np.zeros((0, 2, 3))}, "logits: got T = 0 steps, expected at least 1"),
        ({"logits": np.zeros((4, 2, 3), int)}, "logits: got dtype int64, expected a floating"),
        ({"logits": np.full((4, 2, 3), np.nan)}, "logits: got nan, expected a finite maximum"),
        ({"logits": np.full((4, 2, 3), np.inf)}, "logits: got inf, expected a finite maximum"),
        ({"logits": np.full((4, 2, 3), -np.inf)}, "logits: got -inf, expected a finite maximum"),
        (
            {"logits": np.where(np.arange(3) < 2, 0, -np.inf) * np.ones((4, 2, 1))},
            "logits: got a target of probability 0, expected a positive one",
        ),
        ({"targets": [[1, 1, 2]]}, "targets: got list, expected an array"),
        ({"targets": GOOD["targets"] / 1}, "targets: got dtype float64, expected integer"),
        ({"targets": GOOD["targets"][:1]}, "targets: got shape (1, 3), expected (B, N) with B = 2"),
        ({"targets": GOOD["targets"] + 1}, "targets: got 3, expected integers from 0 to 2"),
        ({"targets": GOOD["targets"] - 2}, "targets: got -1, expected integers from 0 to 2"),
        ({"targets": GOOD["targets"] - 1}, "targets: got the blank 0, expected labels alone"),
        (
            {"input_lengths": np.array([5, 3])},
            "input_lengths: got 5, expected integers from 1",
        ),
        (
            {"input_lengths": np.array([4, 0])},
            "input_lengths: got 0, expected integers from 1",
        ),
        (
            {"input_lengths": np.array([4, 3.0])},
            "input_lengths: got dtype float64, expected",
        ),
        ({"input_lengths": np.array([3, 3])}, "input_lengths: got 3, expected at least 4 for its"),
        (
            {"target_lengths": np.array([3, 4])},
            "target_lengths: got 4, expected integers from",
        ),
        ({"target_lengths": np.array([3, -1])}, "target_lengths: got -1, expected integers from 0"),
        ({"target_lengths": np.array([3])}, "target_lengths: got shape (1,), expected (B,) with B"),
        ({"blank": 3}, "blank: got 3, expected integers from 0 to 2"),
        ({"blank": -1}, "blank: got -1, expected integers from 0 to 2"),
    ],
)
def test_what_has_no_loss_is_refused(changes, message):
    with pytest.raises(ValueError) as error:
        ctc.loss(**(GOOD | changes))
    assert str(error.value).startswith(message)


def test_one_step_that_is_no_number_is_refused():
    logits = GOOD["logits"].copy()
    logits[1, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"^logits: got nan, expected a finite maximum$"):
        ctc.loss(**(GOOD | {"logits": logits}))


@pytest.mark.parametrize("symbols", [[1, 2], np.array([0.5]), np.array([[1, 2]])])
def test_only_a_row_of_symbols_is_read(symbols):
    with pytest.raises(ValueError, match=r"symbols: got .* expected"):
        ctc.collapse(symbols)
