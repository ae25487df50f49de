"""The checker is checked: it is exact where nothing is wrong, and finds exactly what is planted."""

import numpy as np
import pytest
from helpers import RTOL, SIZES, example
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import (
    Fault,
    directional_derivative,
    dot,
    gradient,
    gradient_error,
    localise,
    random_like,
)
from rnnlib.reference import bptt, elman
from rnnlib.reference.ops import leaves, softmax, tree_map

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=40)


def network(T, B, D, H, seed):
    """A loss of untied parameters, inputs and first state; its arguments and its gradient."""
    rng, params, xs, state = example(elman, T, B, D, H, seed)
    u, w = rng.normal(size=(T, B, H)), random_like(rng, state)

    def loss(params, xs, state):
        total = 0
        for params_t, x, u_t in zip(params, xs, u, strict=True):
            state, _ = elman.step(params_t, x, state)
            total = total + (u_t * state.h).sum()
        return total + dot(w, state)

    _, _, caches = bptt.forward(elman, params, xs, state)
    steps = list(bptt.steps_backward(elman, params, caches, u, w))[::-1]
    dxs = np.stack([dx for _, dx, _ in steps])
    grads = tuple(dparams for dparams, _, _ in steps), dxs, steps[0][2]
    return rng, loss, ((params,) * T, xs, state), grads


TIMED = ("params", "xs")


@for_any_size
@given(st.lists(st.integers(1, 4), max_size=3).map(tuple), SEEDS)
def test_the_directional_derivative_is_exact(shape, seed):
    rng = np.random.default_rng(seed)
    a, b, v, w = rng.normal(size=(4, *shape))
    got = directional_derivative(lambda a, b: (np.exp(a) * np.sin(b)).sum(), (a, b), (v, w))
    terms = np.exp(a) * np.sin(b) * v, np.exp(a) * np.cos(b) * w
    assert abs(got - dot(terms, (np.ones(shape),) * 2)) <= 1e-15 * sum(abs(t).sum() for t in terms)


def test_the_gradient_holds_every_derivative():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(2, 3)), rng.normal(size=3)
    dp, dq = gradient(lambda p, q: np.sin(p @ q).sum(), (p, q))
    np.testing.assert_allclose(dp, np.outer(np.cos(p @ q), q), rtol=1e-12)
    np.testing.assert_allclose(dq, np.cos(p @ q) @ p, rtol=1e-12)


@for_any_size
@given(SIZES, SEEDS)
def test_a_right_gradient_has_an_error_near_rounding(size, seed):
    rng, loss, args, grads = network(*size, seed)
    assert gradient_error(loss, args, grads, rng) <= 1e-13


def test_a_right_gradient_of_zero_has_no_error():
    args, rng = (np.array([0.5, 1.5]),), np.random.default_rng(0)
    assert gradient_error(lambda a: 0 * a.sum(), args, (np.zeros(2),), rng) == 0


@for_any_size
@given(SIZES, SEEDS, st.sampled_from([0.0, 2.0, -1.0]))
def test_a_wrong_gradient_has_a_large_error(size, seed, factor):
    rng, loss, args, grads = network(*size, seed)
    wrong = tree_map(lambda g: factor * g, grads)
    assert gradient_error(loss, args, wrong, rng) > 1e-3


@for_any_size
@given(SIZES, SEEDS)
def test_nothing_is_found_where_nothing_is_wrong(size, seed):
    rng, loss, args, grads = network(*size, seed)
    assert localise(loss, args, grads, rng, TIMED) == []


@for_any_size
@given(SIZES, SEEDS, st.data())
def test_exactly_what_is_planted_is_found(size, seed, data):
    rng, loss, args, grads = network(*size, seed)
    t = data.draw(st.integers(0, len(args[1]) - 1), label="step")
    wrong = tree_map(np.copy, grads)
    places = {
        **{(f"params.{name}", t): array for name, array in wrong[0][t]._asdict().items()},
        ("xs", t): wrong[1][t],
        ("state.h", None): wrong[2].h,
    }
    place = data.draw(st.sampled_from(list(places)), label="place")
    array = places[place]
    entry = tuple(data.draw(st.integers(0, n - 1), label="entry") for n in array.shape)
    want, size = array[entry], np.abs(array).max()
    array[entry] += 0.1 * size

    [fault] = localise(loss, args, wrong, rng, TIMED)
    assert fault[:3] == (*place, entry)
    assert fault.got == array[entry]
    assert abs(fault.want - want) <= RTOL * size


def test_all_faults_are_found_in_the_order_of_the_arguments():
    rng, loss, args, grads = network(4, 2, 3, 2, seed=1)
    wrong = tree_map(np.copy, grads)
    wrong[0][3].b[:] *= 2
    wrong[0][1].W_x[1, 2] = 0
    wrong[1][2, 1, 0] *= -1
    wrong[2].h[0, 1] += 0.5
    found = [fault[:3] for fault in localise(loss, args, wrong, rng, TIMED)]
    assert found == [
        ("params.W_x", 1, (1, 2)),
        ("params.b", 3, (0,)),
        ("params.b", 3, (1,)),
        ("xs", 2, (1, 0)),
        ("state.h", None, (0, 1)),
    ]


def test_without_a_time_axis_a_fault_goes_by_its_whole_index():
    rng, loss, args, grads = network(4, 2, 3, 2, seed=2)
    wrong = tree_map(np.copy, grads)
    wrong[1][2, 1, 0] *= 3
    wrong[0][3].b[1] *= 3
    found = [fault[:3] for fault in localise(loss, args, wrong, rng)]
    assert found == [("params[3].b", None, (1,)), ("xs", None, (2, 1, 0))]


def test_a_fault_of_one_number_is_found():
    args, rng = (np.array(2.0), (np.array([3.0]), np.array(5.0))), np.random.default_rng(3)
    grads = np.array(4.0), (np.array([1.0]), np.array(7.0))
    found = localise(lambda a, b: a**2 + b[0].sum() + b[1], args, grads, rng)
    assert found == [Fault("b[1]", None, (), 7.0, 1.0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found(bad):
    rng, loss, args, grads = network(3, 2, 3, 2, seed=4)
    wrong = tree_map(np.copy, grads)
    wrong[1][1, 0, 2] = bad
    assert not gradient_error(loss, args, wrong, rng) <= RTOL
    [fault] = localise(loss, args, wrong, rng, TIMED)
    assert fault[:3] == ("xs", 1, (0, 2))
    np.testing.assert_equal(fault.got, bad)


def test_the_names_of_arguments_are_those_of_the_function():
    args, grads, rng = (np.array(2.0),) * 2, (np.array(1.0),) * 2, np.random.default_rng(5)
    [fault] = localise(lambda left, right: left + 3 * right, args, grads, rng)
    assert fault.argument == "right"
    [fault] = localise(lambda *both: both[0] + 3 * both[1], args, grads, rng)
    assert fault.argument == "args[1]"


@pytest.mark.parametrize("checker", [gradient_error, localise])
def test_a_gradient_of_another_form_is_refused(checker):
    rng, loss, args, grads = network(3, 2, 3, 4, seed=6)
    with pytest.raises(ValueError, match=r"grads: got 2 gradients, expected 3: \['params', 'xs'"):
        checker(loss, args, grads[:2], rng)
    with pytest.raises(ValueError, match=r"grads: got shapes \[\(3, 3, 2\)\] for xs, expected"):
        checker(loss, args, (grads[0], grads[1].swapaxes(1, 2), grads[2]), rng)
    with pytest.raises(ValueError, match=r"grads: got shapes .* for params, expected"):
        checker(loss, args, (grads[0][:2], *grads[1:]), rng)


def test_a_time_axis_of_an_unknown_argument_is_refused():
    rng, loss, args, grads = network(3, 2, 3, 4, seed=7)
    with pytest.raises(ValueError, match=r"time_major: got \['ys'\], expected names among"):
        localise(loss, args, grads, rng, ["ys"])


def test_nothing_is_changed_in_place():
    rng, loss, args, grads = network(3, 2, 3, 4, seed=8)
    before = [a.copy() for a in leaves((args, grads))]
    localise(loss, args, tree_map(np.negative, grads), rng, TIMED)
    for now, then in zip(leaves((args, grads)), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_function_that_drops_the_imaginary_part_is_refused():
    x = np.array([0.3, -0.7])
    for f in (lambda x: float((x.real**2).sum()), lambda x: x**2):
        with pytest.raises(ValueError, match=r"f: got .* expected one complex number"):
            directional_derivative(f, (x,), (x,))


def test_a_gradient_of_zero_passes_with_an_absolute_tolerance():
    logits, rng = np.random.default_rng(0).normal(size=5), np.random.default_rng(1)
    args, zero = (logits,), (np.zeros(5),)

    def total(a):
        return softmax(a).sum()

    assert gradient_error(total, args, zero, rng, atol=1e-14) == 0
    assert localise(total, args, zero, rng, atol=1e-14) == []


def test_a_gradient_of_nan_has_an_infinite_error():
    rng = np.random.default_rng(2)
    assert (
        gradient_error(lambda x: (x**2).sum(), (np.ones(3),), (np.full(3, np.nan),), rng) == np.inf
    )


def test_one_set_of_parameters_is_no_time_major_argument():
    rng, params = np.random.default_rng(3), elman.init(np.random.default_rng(4), 2, 3)
    with pytest.raises(ValueError, match="time_major: got params, one Params, expected an array"):
        localise(lambda params: (params.b**2).sum(), (params,), (params,), rng, ["params"])
