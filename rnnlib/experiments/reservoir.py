"""How far does a network get in which only the read-out is learned?

Prediction: on NARMA10 a reservoir of 300 units is far better than the mean (NRMSE 1) and than a
linear model of the last ten inputs; its memory capacity is well below the number of its units,
which bounds it (Jaeger 2002), since tanh trades memory for nonlinearity; the Mackey-Glass series
is continued freely for 84 steps with a small error, which grows with the horizon.

Measured: ``narma_nrmse`` and ``narma_linear`` (seed), root of the mean squared error over the
variance on a held-out sequence; ``memory`` (seed, lag from 1): squared correlation of the read-out
with the input so long ago, held out, and ``capacity`` (seed), the sum of it; ``mackey_nrmse``
(seed, leak, ridge, horizon): error of a free run over the standard deviation, from so many starts
on series not trained on, for each of ``leaks``, ``ridges`` and ``horizons``. Nothing else is tried.
"""

from typing import Any

import numpy as np

from rnnlib import tasks
from rnnlib.reference import bptt, linear
from rnnlib.reference.ops import Array
from rnnlib.reference.reservoir import Reservoir, fit

SEEDS = 5
QUICK = {
    "H": 10,
    "T": 300,
    "units": 5,
    "lags": 10,
    "starts": 2,
    "washout": 20,
    "ridges": (1e-8,),
    "leaks": (1.0,),
}


def measure(
    seed: int,
    *,
    H: int = 300,
    radius: float = 0.9,
    T: int = 3000,
    washout: int = 200,
    ridge: float = 1e-8,
    ridges: tuple[float, ...] = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12),
    leaks: tuple[float, ...] = (1.0, 0.3),
    horizons: tuple[int, ...] = (1, 6, 17, 42, 84),
    units: int = 100,
    lags: int = 200,
    starts: int = 50,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng(seed)
    found: dict[str, Any] = {}

    cell = Reservoir(radius)
    params = cell.init(rng, 1, H)
    (known, test) = (tasks.narma10(rng, T, 1) for _ in range(2))
    hs = [run(cell, params, part.inputs) for part in (known, test)]
    past = [delays(part.inputs, 10) for part in (known, test)]
    for name, (one, other) in {"narma_nrmse": hs, "narma_linear": past}.items():
        readout = fit(one, known.targets, ridge, washout)
        error = linear.forward(readout, other) - test.targets
        found[name] = nrmse(error[washout:], test.targets[washout:])

    linear_range = Reservoir(radius, input_scale=0.1)
    small = linear_range.init(rng, 1, units)
    us = rng.uniform(-1, 1, size=(2, T, 1, 1))
    known_hs, test_hs = (run(linear_range, small, u) for u in us)
    ago, wanted = (delays(u, lags + 1)[..., 1:] for u in us)
    skip = max(washout, lags)
    said = linear.forward(fit(known_hs, ago, ridge, skip), test_hs)[skip:, 0]
    found["memory"] = [
        np.corrcoef(s, w)[0, 1] ** 2 for s, w in zip(said.T, wanted[skip:, 0].T, strict=True)
    ]
    found["capacity"] = np.sum(found["memory"])

    reservoirs = [Reservoir(radius, leak) for leak in leaks]
    errors = np.array([free_run(rng, cell, H, T, washout, ridges, starts) for cell in reservoirs])
    found["mackey_nrmse"] = errors[:, :, np.array(horizons) - 1]
    return found


def run(cell: Reservoir, params: Any, xs: Array) -> Array:
    """States from zero."""
    return bptt.forward(cell, params, xs, cell.zero_state(params, xs.shape[1]))[0]


def delays(us: Array, n: int) -> Array:
    """The last n inputs, zeros before the first, ``(T, B, n)``."""
    padded = np.concatenate([np.zeros((n - 1, *us.shape[1:])), us])
    return np.concatenate([padded[n - 1 - k : len(padded) - k] for k in range(n)], axis=-1)


def nrmse(error: Array, targets: Array) -> float:
    """Root of the mean squared error over the variance."""
    return float(np.sqrt((error**2).mean() / targets.var()))


def free_run(
    rng: np.random.Generator,
    cell: Reservoir,
    H: int,
    T: int,
    washout: int,
    ridges: tuple[float, ...],
    starts: int,
) -> list[list[float]]:
    """Error of continuing the Mackey-Glass series by the network's own predictions."""
    horizon = 84
    params = cell.init(rng, 1, H)
    known = tasks.mackey_glass(rng, T, 1)
    known_hs = run(cell, params, known.inputs)
    test = tasks.mackey_glass(rng, washout + horizon, starts)
    zero = cell.zero_state(params, starts)
    _, first, _ = bptt.forward(cell, params, test.inputs[:washout], zero)
    found = []
    for ridge in ridges:
        readout, state, errors = fit(known_hs, known.targets, ridge, washout), first, []
        for t in range(horizon):
            said = linear.forward(readout, state.h)
            errors.append(nrmse(said - test.targets[washout - 1 + t], known.targets))
            state, _ = cell.step(params, said, state)
        found.append(errors)
    return found
