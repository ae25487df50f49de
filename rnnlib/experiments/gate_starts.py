"""Do gates win on the digits if they, too, are given a start?

Prediction: in ``sequential_digits`` a tanh network had an orthogonal start, and GRU and LSTM had
torch's, which forgets within a few steps. With chrono biases for 64 steps both come close to the
tanh network: above 0.85, where they had 0.70 to 0.80.

Measured: share of the held-out digits that is recognised, at the end (``accuracy``: seed, kind in
the order of ``kinds``) and on the way (``curve``: seed, kind, check), with the digits, settings
and seeds of ``sequential_digits``. A GRU has z in the place of f, so its chrono is b_z = log u.
"""

from typing import Any

import torch

from rnnlib.experiments import _networks as networks
from rnnlib.experiments import sequential_digits
from rnnlib.nn import init

SEEDS = 3
QUICK = sequential_digits.QUICK


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("LSTM", "GRU"),
    T_max: float = 64,
    H: int = 64,
    B: int = 64,
    lr: float = 1e-3,
    steps: int = 1200,
    every: int = 100,
    held_out: int = 597,
) -> dict[str, Any]:
    """Measure once, see the module."""
    task = sequential_digits.Task(seed, B, held_out)
    curves = [task.curve(start(seed, kind, H, T_max), steps, lr, every) for kind in kinds]
    return {"accuracy": [curve[-1] for curve in curves], "curve": curves}


def start(seed: int, kind: str, H: int, T_max: float) -> networks.Network:
    """A network with chrono biases; all else is as torch draws it."""
    module = networks.network(seed, kind, 1, H, 10)
    drawn = init.chrono(torch.Generator().manual_seed(seed), torch.zeros(4 * H), T_max)
    b_i, b_f, _, _ = drawn.chunk(4)
    wanted = torch.cat([b_i, b_f]) if kind == "LSTM" else b_f
    rows = slice(0, 2 * H) if kind == "LSTM" else slice(H, 2 * H)
    networks.weights(module.layer, "bias_ih")[rows] = wanted
    networks.weights(module.layer, "bias_hh")[rows] = 0
    return module
