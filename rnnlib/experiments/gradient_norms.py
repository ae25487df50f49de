"""How fast does a gradient grow or shrink on its way back?

Prediction: in a linear network with ρ times an orthogonal matrix its norm is multiplied by exactly
ρ per step, so the slope of its logarithm is log ρ. With tanh the slope is lower, since each step
also multiplies by 1 - h² < 1; at ρ = 1.2 saturation may undo the growth.

Measured: the norm of ∂L/∂h_{T-k} over that of ∂L/∂h_T for a random ∂L/∂h_T, lag k = 0, ..., T,
mean of the logarithm over the batch (``linear``, ``tanh``: seed, ρ, lag), and the least-squares
slope of it per step (``linear_slope``, ``tanh_slope``: seed, ρ). Inputs are standard normal.
"""

from typing import Any

import numpy as np

from rnnlib.reference import bptt, elman, init
from rnnlib.reference.elman_activation import Activation, Elman
from rnnlib.reference.ops import Array, zeros_like

SEEDS = 5
QUICK = {"T": 6, "H": 8, "B": 2}
LINEAR = Elman(Activation(lambda a: a, np.ones_like))


def measure(
    seed: int,
    *,
    T: int = 100,
    B: int = 20,
    D: int = 1,
    H: int = 100,
    radii: tuple[float, ...] = (0.9, 1.0, 1.2),
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {}
    for name, cell in {"linear": LINEAR, "tanh": elman}.items():
        logs = [log_norms(cell, seed, radius, T, B, D, H) for radius in radii]
        found[name] = logs
        found[f"{name}_slope"] = [np.polyfit(np.arange(T + 1), log, 1)[0] for log in logs]
    return found


def log_norms(cell: Any, seed: int, radius: float, T: int, B: int, D: int, H: int) -> Array:
    """Mean log norm of the adjoint at every lag, relative to lag 0."""
    rng = np.random.default_rng(seed)
    params = elman.init(rng, D, H)._replace(W_h=init.orthogonal(rng, (H, H), gain=radius))
    zero = elman.zero_state(params, B)
    hs, _, caches = bptt.forward(cell, params, rng.normal(size=(T, B, D)), zero)
    last = elman.State(rng.normal(size=(B, H)))
    walk = bptt.steps_backward(cell, params, caches, zeros_like(hs), last)
    adjoints = np.stack([last.h, *(dprev.h for _, _, dprev in walk)])
    logs = np.log(np.sqrt((adjoints**2).sum(-1))).mean(-1)
    relative: Array = logs - logs[0]
    return relative
