"""What does training the recurrent weights buy, beside a reservoir of the same size?

Prediction: trained on 3000 steps of NARMA10, a GRU and an Elman network of 100 units end no better
than a reservoir of 100 units, since their thousands of weights fit what is particular to those
steps; trained on ten times as many they end at less than half of its error. (Trials with one seed,
3000 steps and no choice of the reservoir's input scale had been seen when this was written.)

Measured, for each number of ``series`` of T steps to learn from (all: seed, series), as the root of
the mean squared error over the variance, on a series that nothing was learned from: ``reservoir``
(size), with the input scale of ``scales`` that does best on a third series, and that ``scale``;
``lagged``, a linear model of so many inputs; ``trained`` (kind, check), every so many steps of
training, and the same on the third series, ``validation``. The kinds are ``tanh`` and ``GRU``.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.experiments.reservoir import delays, nrmse, run
from rnnlib.reference import linear
from rnnlib.reference.ops import Array
from rnnlib.reference.reservoir import Reservoir, fit

SEEDS = 3
QUICK = {
    "series": (1, 2),
    "T": 60,
    "washout": 20,
    "sizes": (5,),
    "scales": (0.1, 0.3),
    "lags": 12,
    "window": 30,
    "skip": 10,
    "B": 2,
    "steps": 2,
    "every": 1,
}
RATES = {"tanh": 0.001, "GRU": 0.003}


def measure(
    seed: int,
    *,
    series: tuple[int, ...] = (1, 10),
    T: int = 3000,
    washout: int = 200,
    sizes: tuple[int, ...] = (100, 300),
    radius: float = 0.9,
    scales: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0),
    ridge: float = 1e-8,
    lags: int = 50,
    window: int = 160,
    skip: int = 60,
    B: int = 16,
    steps: int = 1200,
    every: int = 60,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng([seed, 20])
    held_out = tasks.narma10(rng, T, 2)  # the first to choose by, the second to test

    def errors(said: Array) -> list[float]:
        late, want = said[washout:], held_out.targets[washout:]
        return [nrmse(late[:, b] - want[:, b], want[:, b]) for b in range(2)]

    found: dict[str, Any] = {
        name: [] for name in ("reservoir", "scale", "lagged", "trained", "validation")
    }
    for number in series:
        known = tasks.narma10(rng, T, number)
        best = []
        for size in sizes:
            tried = []
            for scale in scales:
                cell = Reservoir(radius, input_scale=scale)
                params = cell.init(np.random.default_rng([seed, size]), 1, size)
                readout = fit(run(cell, params, known.inputs), known.targets, ridge, washout)
                said = linear.forward(readout, run(cell, params, held_out.inputs))
                tried.append((*errors(said), scale))
            best.append(min(tried))
        found["reservoir"].append([test for _, test, _ in best])
        found["scale"].append([scale for _, _, scale in best])

        readout = fit(delays(known.inputs, lags), known.targets, ridge, washout)
        found["lagged"].append(errors(linear.forward(readout, delays(held_out.inputs, lags)))[1])

        curves = []
        for kind, lr in RATES.items():
            network = networks.network(seed, kind, 1, sizes[0], 1)
            batches = windows(np.random.default_rng([seed, number]), known, window, B, skip)
            curves.append(teach(network, batches, known, held_out, errors, steps, every, lr))
        found["validation"].append([[first for first, _ in curve] for curve in curves])
        found["trained"].append([[second for _, second in curve] for curve in curves])
    return found


def scaled(values: Array, like: Array) -> Tensor:
    """Numbers in units of the standard deviation of others, around their mean."""
    return torch.from_numpy((values - like.mean()) / like.std()).float()


def windows(
    rng: np.random.Generator, known: tasks.Sequences, window: int, B: int, skip: int
) -> Iterator[Any]:
    """Batches of stretches of the series, and how many of their first steps do not count."""
    xs, ys = (scaled(a, a) for a in (known.inputs, known.targets))
    T, number, _ = known.inputs.shape
    while True:
        start, which = rng.integers(T - window, size=B), rng.integers(number, size=B)
        steps = start + np.arange(window)[:, None]
        yield xs[steps, which], ys[steps, which], skip


def teach(
    network: nn.Module,
    batches: Iterator[Any],
    known: tasks.Sequences,
    held_out: tasks.Sequences,
    errors: Callable[[Array], list[float]],
    steps: int,
    every: int,
    lr: float,
) -> list[list[float]]:
    """Train; the errors on what is held out, every so many steps."""
    curve = []
    xs = scaled(held_out.inputs, known.inputs)

    def check(module: Any) -> float:
        with torch.no_grad():
            said = module(xs).double().numpy()
        curve.append(errors(said * known.targets.std() + known.targets.mean()))
        return curve[-1][0]

    networks.teach(network, batches, steps, check, lr, every, loss=late_loss)
    return curve


def late_loss(network: nn.Module, batch: Any) -> Tensor:
    """Mean squared error, but for the first steps."""
    xs, ys, skip = batch
    return mse_loss(network(xs)[skip:], ys[skip:])
