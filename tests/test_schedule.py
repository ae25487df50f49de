"""Schedules of the learning rate, with every optimiser, and torch's own."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers import assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from test_optim import FORM, NAMES, PAIRS

from rnnlib.check import random_like
from rnnlib.reference import optim, schedule
from rnnlib.reference.ops import leaves, tree_map
from rnnlib.reference.schedule import Scheduled

LR = 0.05
SCHEDULES = [
    partial(schedule.warm_up, lr=LR, n=30),
    partial(schedule.cosine, lr=LR, n=70, lowest=0.01),
    partial(schedule.warm_up_cosine, lr=LR, rise=20, fall=60),
]


@pytest.mark.parametrize("rate", SCHEDULES, ids=lambda rate: rate.func.__name__)
@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=NAMES)
def test_a_hundred_scheduled_steps_equal_those_of_torch(ours, theirs, rate):
    rng = np.random.default_rng(0)
    params = random_like(rng, FORM)
    scheduled = Scheduled(ours, rate)
    state = scheduled.init(params)
    tensors = [torch.tensor(a) for a in leaves(params)]
    peer = theirs(tensors)
    for t in range(1, 101):
        grads = random_like(rng, FORM)
        params, state = scheduled.update(params, grads, state)
        peer.param_groups[0]["lr"] = rate(t)
        for tensor, g in zip(tensors, leaves(grads), strict=True):
            tensor.grad = torch.tensor(g)
        peer.step()
    assert state.t == 100
    assert_close(tuple(leaves(params)), tuple(t.numpy() for t in tensors), rtol=1e-12)


def rates_of_torch(make, steps):
    """The learning rates that one of torch's schedulers gives."""
    peer = torch.optim.SGD([torch.zeros(1)], lr=LR)
    scheduler, rates = make(peer), []
    for _ in range(steps):
        rates.append(peer.param_groups[0]["lr"])
        peer.step()
        scheduler.step()
    return rates


def test_cosine_is_that_of_torch():
    want = rates_of_torch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 0.01), 41)
    got = [schedule.cosine(t, LR, n=40, lowest=0.01) for t in range(1, 42)]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_warm_up_is_that_of_torch():
    """Torch counts its steps from 0, so its line from 1/n to 1 takes n - 1 of them."""
    want = rates_of_torch(lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / 40, 1, 39), 60)
    got = [schedule.warm_up(t, LR, n=40) for t in range(1, 61)]
    np.testing.assert_allclose(got, want, rtol=1e-12)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 50), st.integers(1, 50))
def test_the_rate_rises_to_its_peak_falls_to_its_floor_and_stays(rise, fall):
    rates = [
        schedule.warm_up_cosine(t, LR, rise, fall, lowest=0.01) for t in range(1, rise + fall + 9)
    ]
    assert rates[rise - 1] == max(rates) == LR
    assert rates[:rise] == sorted(rates[:rise])
    np.testing.assert_allclose(np.diff([0, *rates[:rise]]), LR / rise, rtol=1e-9)
    assert rates[rise - 1 :] == sorted(rates[rise - 1 :], reverse=True)
    np.testing.assert_allclose(rates[rise + fall - 1 :], 0.01, rtol=1e-12)


def test_unasked_the_rate_falls_to_zero():
    assert schedule.warm_up_cosine(9, LR, rise=3, fall=4) == 0


def test_a_constant_schedule_changes_nothing():
    rng = np.random.default_rng(1)
    params, grads = random_like(rng, FORM), random_like(rng, FORM)
    adam = optim.Adam(0.02)
    scheduled = Scheduled(optim.Adam(9.0), lambda t: 0.02)
    got, state = scheduled.update(params, grads, scheduled.init(params))
    want, inner = adam.update(params, grads, adam.init(params))
    tree_map(np.testing.assert_array_equal, got, want)
    tree_map(np.testing.assert_array_equal, state.inner, inner)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedule.warm_up(0, LR, 5), "t: got 0, expected a positive integer"),
        (lambda: schedule.warm_up(1, LR, 0), "n: got 0, expected a positive integer"),
        (lambda: schedule.cosine(0, LR, 5), "t: got 0, expected a positive integer"),
        (lambda: schedule.cosine(1, LR, -1), "n: got -1, expected a positive integer"),
        (lambda: schedule.warm_up_cosine(1, LR, 0, 5), "rise: got 0, expected a positive integer"),
        (lambda: schedule.warm_up_cosine(1, LR, 5, 0), "fall: got 0, expected a positive integer"),
        (
            lambda: Scheduled(optim.SGD(1.0), lambda t: LR).update(FORM, FORM, None),
            "state: got NoneType, expected ScheduledState",
        ),
        (
            lambda: Scheduled(optim.SGD(1.0), lambda t: LR).update(FORM, FORM, 0.5),
            "state: got float, expected ScheduledState",
        ),
        (
            lambda: Scheduled(optim.SGD(1.0), lambda t: -LR).update(
                FORM, FORM, schedule.ScheduledState(0, None)
            ),
            "lr: got -0.05, expected a number from 0 to below inf",
        ),
    ],
)
def test_what_is_no_schedule_is_refused(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
