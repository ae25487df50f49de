"""What the experiments on forecasts take for granted."""

import numpy as np
import pytest
import torch
from statsmodels.tsa.ar_model import AutoReg

from rnnlib.experiments import _series as series
from rnnlib.experiments import backtest, leaks
from rnnlib.reference import quantile

K, T = 12, 36


@pytest.fixture(scope="module")
def sunspots():
    return series.tasks()["sunspots"]


def changed_after(task, place):
    """The same task, but for what lies beyond a place."""
    values = task.series.values.copy()
    values[place + 1 :] = np.random.default_rng(0).normal(1e3, 10.0, len(values) - place - 1)
    return task._replace(series=task.series._replace(values=values))


def test_windows_are_followed_by_what_they_are_to_forecast():
    xs, ys = series.windows(np.arange(20.0), 5, 3)
    assert xs.shape == (13, 5)
    np.testing.assert_array_equal(ys, xs[:, -1:] + np.arange(1, 4))
    assert (xs[0, 0], ys[-1, -1]) == (0, 19)


@pytest.mark.parametrize("rule", backtest.RULES)
def test_no_rule_and_no_model_looks_beyond_the_origin(sunspots, rule):
    places = sunspots.first + np.arange(4)
    forecast = backtest.FORECASTERS[rule]
    got = forecast(sunspots, places, K)
    again = forecast(changed_after(sunspots, places[-1]), places, K)
    np.testing.assert_array_equal(again.said, got.said)
    np.testing.assert_array_equal(again.offsets, got.offsets)
    other = forecast(changed_after(sunspots, places[0]), places, K)
    np.testing.assert_array_equal(other.said[0], got.said[0])
    np.testing.assert_array_equal(other.offsets, got.offsets)  # what is fitted is not fitted again
    if rule != "calendar mean":
        assert (other.said[-1] != got.said[-1]).any()


@pytest.mark.parametrize(("ahead", "Q"), [(K, 1), (1, 1), (K, 3)])
def test_no_network_looks_beyond_the_origin(sunspots, ahead, Q):
    starts = [sunspots.first + np.arange(3), sunspots.first + np.arange(3, 6)]
    how = {"H": 3, "B": 4, "lr": 0.01}

    def roll(task):
        return backtest.roll(0, task, starts, T, K, ahead, Q, 3, how)

    def choose(task):
        return backtest.choose(0, task, T, ahead, Q, 4, 1, how)

    got, other = roll(sunspots), changed_after(sunspots, starts[1][0])
    assert got.shape == ((6, K, Q) if Q > 1 else (6, K))
    np.testing.assert_array_equal(roll(other)[:4], got[:4])
    assert (roll(other)[4:] != got[4:]).any()
    assert choose(other) == choose(sunspots)


def test_recursion_is_what_an_autoregression_does(sunspots):
    known = sunspots.series.values[: sunspots.first + 1]
    fitted = AutoReg(known, 9).fit()
    constant, weights = fitted.params[0], fitted.params[1:]

    def step(xs):
        return constant + xs[:, :-10:-1] @ weights[:, None]

    said = series.recur(step, known[None, -T:], K)
    np.testing.assert_allclose(said[0], fitted.forecast(K))


def test_the_quantile_loss_is_that_of_the_reference():
    rng = np.random.default_rng(1)
    said, ys = rng.normal(size=(5, 4, 3)), rng.normal(size=(5, 4))
    want = [quantile.pinball(said[..., i], ys, tau)[0] for i, tau in enumerate(series.LEVELS)]
    got = series.pinball(torch.tensor(said), torch.tensor(ys))
    assert float(got) == pytest.approx(np.mean(want), rel=1e-6)


@pytest.mark.parametrize("anchored", [True, False])
@pytest.mark.parametrize("Q", [1, 3])
def test_a_network_that_says_zero_says_the_last_value_or_the_mean(anchored, Q):
    net = series.Forecaster(4, K, Q)
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    values = np.random.default_rng(2).normal(5.0, 2.0, size=60)
    xs, _ = series.windows(values, T, K)
    said = series.say(net, series.scale(values, K, anchored), xs)
    want = xs[:, -1] if anchored else np.full(len(xs), values.mean())
    np.testing.assert_allclose(said.reshape(len(xs), -1), np.repeat(want[:, None], K * Q, 1))


def test_a_network_speaks_in_the_unit_of_the_series():
    """What is learnt of a series is learnt of the same series in another unit."""
    values = np.random.default_rng(3).normal(size=80).cumsum()
    for anchored in (True, False):
        said = []
        for change in (lambda a: a, lambda a: 100 + 7 * a):
            known = series.windows(change(values), T, K)
            unit = series.scale(change(values), K, anchored)
            net, _ = series.fit(0, known, unit, H=3, B=8, lr=0.01, steps=5, every=5)
            said.append(series.say(net, unit, known.xs))
        np.testing.assert_allclose(said[1], 100 + 7 * said[0], rtol=1e-4)


def test_a_band_is_scored_by_what_it_covers():
    truth = np.random.default_rng(4).normal(size=(50_000, 2))
    levels = np.array([-1.2816, 0.0, 1.2816]) + np.zeros((50_000, 2, 1))
    got = backtest.band(levels, truth)
    np.testing.assert_allclose(got["coverage"], 0.8, atol=0.01)
    np.testing.assert_allclose(got["below"], 0.1, atol=0.01)
    np.testing.assert_allclose(got["width"], 2.5632)
    worse = backtest.band(1.5 * levels, truth)
    assert (worse["loss"] > got["loss"]).all()


def test_split_by_time_no_target_is_shared_and_shuffled_nearly_all_are():
    values = np.arange(200.0)  # each value is its own place
    known = series.windows(values, T, K)
    learned, held_out = leaks._split(known, "by time", 0)
    assert learned.ys.max() == held_out.ys.min() - 1
    learned, held_out = leaks._split(known, "shuffled", 0)
    assert np.isin(held_out.ys, learned.ys).mean() > 0.95
    assert not np.isin(held_out.xs[:, -1], learned.xs[:, -1]).any()


def test_the_rule_of_the_leaks_is_that_of_the_backtest(sunspots):
    places = np.arange(sunspots.first, len(sunspots.series.values) - K)
    said = backtest.seasonal_naive(sunspots, places, K).said
    later = series.windows(sunspots.series.values[sunspots.first + 1 - T :], T, K)
    want = np.sqrt(((said - later.ys) ** 2).mean(0))
    np.testing.assert_allclose(leaks._rule(later, sunspots.season), want)


def test_neighbours_of_a_shuffled_walk_lie_on_both_sides():
    """The mean of what follows them is wrong by half the difference of two changes."""
    walk = np.random.default_rng(5).normal(size=4000).cumsum()
    known = series.windows(walk, T, K)
    wrong = (known.ys[:-2] + known.ys[2:]) / 2 - known.ys[1:-1]
    stay = known.ys - known.xs[:, -1:]
    ratio = np.sqrt((stay**2).mean(0) / (wrong**2).mean(0))
    np.testing.assert_allclose(ratio, np.sqrt(2 * np.arange(1, K + 1)), rtol=0.1)
