"""Do gates win when digits are read pixel by pixel?

Prediction: 64 steps are within the reach of a tanh network that starts orthogonal, and it has a
quarter of an LSTM's weights to learn; so it may well beat the gated cells within a fixed number of
steps. Tanh with torch's own start learns less; ReLU from the identity (IRNN), untuned, is
unstable.

Measured: share of the held-out digits that is recognised, at the end (``accuracy``: seed, kind in
the order of ``kinds``) and on the way (``curve``: seed, kind, check). All kinds have the same
number of units, the same learning rate, and nothing is tuned. The loss is at the last step alone.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from rnnlib import data
from rnnlib.experiments import _networks as networks

SEEDS = 3
QUICK = {"H": 3, "steps": 2, "every": 2, "B": 8, "held_out": 8}


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("orthogonal tanh", "tanh", "GRU", "LSTM", "IRNN"),
    H: int = 64,
    B: int = 64,
    lr: float = 1e-3,
    steps: int = 1200,
    every: int = 100,
    held_out: int = 597,
) -> dict[str, Any]:
    """Measure once, see the module."""
    digits, rng = data.digits(), np.random.default_rng(seed)
    xs, ys = torch.from_numpy(data.pixels(digits)).float(), torch.from_numpy(digits.labels)
    order = torch.from_numpy(rng.permutation(len(ys)))
    test, known = order[:held_out], order[held_out:]
    last = torch.arange(len(xs)) == len(xs) - 1

    def batch(rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mask = last[:, None].expand(-1, len(rows))
        return xs[:, rows], ys[rows].expand(len(xs), -1), mask

    def batches() -> Iterator[Any]:
        draws = np.random.default_rng([seed, 1])
        while True:
            yield batch(known[draws.integers(len(known), size=B)])

    curves = []
    for kind in kinds:
        history = networks.teach(
            start(seed, kind, H),
            batches(),
            steps,
            lambda m: networks.symbol_error(m, batch(test)),
            lr,
            every,
        )
        curves.append(1 - history.validation)
    return {"accuracy": [curve[-1] for curve in curves], "curve": curves}


def start(seed: int, kind: str, H: int) -> networks.Network:
    """A network of a kind, one pixel in, ten digits out."""
    layer = {"orthogonal tanh": "tanh", "IRNN": "relu"}.get(kind, kind)
    module = networks.network(seed, layer, 1, H, 10)
    if kind == "orthogonal tanh":
        networks.orthogonal(seed, networks.weights(module.layer, "weight_hh"))
    if kind == "IRNN":
        torch.nn.init.eye_(networks.weights(module.layer, "weight_hh"))
        for name in ("bias_ih", "bias_hh"):
            networks.weights(module.layer, name).zero_()
    return module
