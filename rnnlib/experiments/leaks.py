"""How much better does a forecast look if the test leaks into the training?

Prediction: with windows shuffled before they are split, a model that can find a window's neighbours
looks several times better twelve steps ahead than it turns out to be on a random walk, and up to
twice as good on the three series; one step ahead, and with a linear model, shuffling buys next to
nothing. Split by time, what is claimed is near what is met later. A scale that knows the test
stretch buys much on carbon dioxide, which rises beyond all that was known, and nothing on the
others. (No number had been seen when this was written.)

Measured, for each of ``SERIES`` (the last is a random walk, another for each seed), each of
``SPLITS`` and each of ``MODELS``: ``claimed``, the root of the mean squared error on a fifth of the
windows that was held out before the test stretch begins, and ``met``, that on the stretch itself,
by the same fitted model (series, split, model, steps ahead); the same of the seasonal naive rule,
or on the walk of persistence, ``rule_claimed`` (series, split, steps ahead) and ``rule_met``
(series, steps ahead). Then ``scaled`` (series, steps ahead, of the first three): the error on the
test stretch of a GRU whose mean and standard deviation are those of what was known, ``honest``, or
of the whole series, ``leaky``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from statsmodels.tools.eval_measures import rmse

from rnnlib.experiments import _series as series
from rnnlib.experiments._series import Scale, Windows
from rnnlib.reference.ops import Array

SEEDS = 5
SERIES = ("sunspots", "co2", "el_nino", "walk")
SPLITS = ("by time", "shuffled")
MODELS = ("linear", "neighbours", "GRU")
QUICK = {"names": ("sunspots", "walk"), "H": 3, "steps": 4, "every": 2}


def measure(
    seed: int,
    *,
    names: tuple[str, ...] = SERIES,
    K: int = 12,
    T: int = 36,
    walk: int = 600,
    H: int = 32,
    B: int = 64,
    lr: float = 0.01,
    steps: int = 400,
    every: int = 20,
) -> dict[str, Any]:
    """Measure once, see the module."""
    keys = ("claimed", "met", "rule_claimed", "rule_met", "scaled_honest", "scaled_leaky")
    found: dict[str, Any] = {key: [] for key in keys}
    how: dict[str, Any] = {"H": H, "B": B, "lr": lr, "steps": steps, "every": every}
    for name in names:
        values, season, first = _series(name, seed, walk)
        known = series.windows(values[: first + 1], T, K)
        later = series.windows(values[first + 1 - T :], T, K)
        unit = series.scale(values[: first + 1], K, anchored=name == "co2")
        found["rule_met"].append(_rule(later, season))
        for key in ("claimed", "met", "rule_claimed"):
            found[key].append([])
        for split in SPLITS:
            learned, held_out = _split(known, split, seed)
            claimed, met = [], []
            for model in MODELS:
                say = _fitted(model, seed, learned, held_out, unit, how)
                claimed.append(rmse(say(held_out.xs), held_out.ys, axis=0))
                met.append(rmse(say(later.xs), later.ys, axis=0))
            found["claimed"][-1].append(claimed)
            found["met"][-1].append(met)
            found["rule_claimed"][-1].append(_rule(held_out, season))
        for key, seen in (("honest", values[: first + 1]), ("leaky", values)):
            if name != "walk":
                levels = series.scale(seen, K, anchored=False)
                net, _ = series.fit(seed, known, levels, **how)
                found[f"scaled_{key}"].append(rmse(series.say(net, levels, later.xs), later.ys))
    return found


def _series(name: str, seed: int, walk: int) -> tuple[Array, int, int]:
    """Values, season, and the last place that is known; four fifths of a walk are."""
    if name == "walk":
        steps = np.random.default_rng([seed, 24]).normal(size=walk)
        return steps.cumsum(), 1, walk * 4 // 5
    task = series.tasks()[name]
    return task.series.values, task.season, task.first


def _split(known: Windows, split: str, seed: int) -> tuple[Windows, Windows]:
    """Four fifths to learn from, and a fifth that is held out."""
    N, K = known.ys.shape
    cut = N * 4 // 5
    if split == "shuffled":
        order = np.random.default_rng([seed, 25]).permutation(N)
        learned, held_out = order[:cut], order[cut:]
    else:  # no target of the one part is a target of the other
        learned, held_out = np.arange(cut - K + 1), np.arange(cut, N)
    return Windows(known.xs[learned], known.ys[learned]), Windows(
        known.xs[held_out], known.ys[held_out]
    )


def _fitted(
    model: str, seed: int, learned: Windows, held_out: Windows, unit: Scale, how: dict[str, Any]
) -> Callable[[Array], Array]:
    """A model, and for the GRU as many steps as serve the held-out windows best."""
    if model == "GRU":
        _, losses = series.fit(seed, learned, unit, **how, held_out=held_out)
        best = how["every"] * (1 + int(losses.argmin()))
        net, _ = series.fit(seed, learned, unit, **how | {"steps": best})
        return lambda xs: series.say(net, unit, xs)
    zero, plain = unit.zero(learned.xs), {"linear": LinearRegression()}
    near = KNeighborsRegressor(n_neighbors=2)
    fitted = plain.get(model, near).fit(learned.xs - zero, learned.ys - zero)
    return lambda xs: fitted.predict(xs - unit.zero(xs)) + unit.zero(xs)


def _rule(windows: Windows, season: int) -> Array:
    """Error of the rule that says what was one season before."""
    ahead = np.arange(windows.ys.shape[1])
    error: Array = rmse(windows.xs[:, ahead % season - season], windows.ys, axis=0)
    return error
