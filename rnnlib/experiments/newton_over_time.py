"""In how many rounds does Newton's method find all states of a network, and when does it not pay?

Prediction: where the largest Lyapunov exponent is clearly negative, Newton's method needs fewer
than 20 rounds, and hardly more for four times the steps. Where it is positive, the rounds grow in
proportion to the steps, to more than a third of them. With the diagonals of the Jacobians alone it
needs several times as many rounds everywhere, and with zeros nearly as many as there are steps
unless the network forgets fast. Whatever it ends with is what the loop gives. (A trial with one
seed, 16 units and 256 steps had been seen.)

Measured: an Elman network with normal recurrent weights of standard deviation g/√H and small normal
inputs, from a normal state, for each of ``gains`` g. Its largest Lyapunov exponent (``exponent``:
seed, gain); rounds until no residual is above ``tolerance``, starting from zero, with Newton's
method for each of ``lengths`` (``rounds``: seed, gain, length), and for the ``short`` length with
diagonals and with zeros in place of the Jacobians (``simpler``: seed, gain, kind); NaN where a
guess overflowed, or T rounds did not do. The largest difference from the loop's states, of
Newton's method at the greatest length (``apart``: seed, gain); and the residual after each of the
first 40 rounds there (``residual``: seed, gain, round), its last value carried on.
"""

from typing import Any

import numpy as np

from rnnlib.reference import bptt, deer, elman, jacobian
from rnnlib.reference.ops import Array

SEEDS = 5
QUICK = {"gains": (0.5, 2.5), "lengths": (4, 8), "short": 8, "H": 3}


def measure(
    seed: int,
    *,
    gains: tuple[float, ...] = (0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0),
    lengths: tuple[int, ...] = (64, 128, 256),
    short: int = 128,
    H: int = 32,
    inputs: float = 0.1,
    tolerance: float = 1e-9,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng, T = np.random.default_rng(seed), lengths[-1]
    drawn = elman.init(rng, 3, H)
    W_h, first = rng.normal(size=(H, H)) / np.sqrt(H), elman.State(rng.normal(size=(1, H)))
    xs = inputs * rng.normal(size=(T, 1, 3))
    long = inputs * rng.normal(size=(2000, 1, 3))
    exponent, rounds, simpler, apart, residual = [], [], [], [], []
    for g in gains:
        params = drawn._replace(W_h=g * W_h)
        orbit, _, _ = bptt.forward(elman, params, long, first)
        exponent.append(jacobian.lyapunov(rng, jacobian.of_elman(params, orbit[:, 0]), 1, 500)[0])

        def solve(n: int, params: elman.Params = params, **options: Any) -> Any:
            return deer.solve(elman, params, xs[:n], first, tolerance=tolerance, **options)

        found = [solve(n) for n in lengths]
        rounds.append([needed(residuals, tolerance) for _, residuals in found])
        ways = (deer.diagonal, np.zeros_like)
        simpler.append([needed(solve(short, keep=keep)[1], tolerance) for keep in ways])
        hs, _, _ = bptt.forward(elman, params, xs, first)
        guess, residuals = found[-1]
        apart.append(np.abs(guess - hs).max())
        errors = residuals[:41]
        residual.append(np.pad(errors, (0, 41 - len(errors)), mode="edge"))
    return {
        "exponent": exponent,
        "rounds": rounds,
        "simpler": simpler,
        "apart": apart,
        "residual": residual,
    }


def needed(residuals: Array, tolerance: float) -> float:
    """Rounds until the root was reached; NaN if it was not."""
    return len(residuals) - 1 if residuals[-1] <= tolerance else np.nan
