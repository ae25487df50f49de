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
from torch import nn

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
    task = Task(seed, B, held_out)
    curves = [task.curve(start(seed, kind, H), steps, lr, every) for kind in kinds]
    return {"accuracy": [curve[-1] for curve in curves], "curve": curves}


class Task:
    """Digits as sequences of pixels, of which some are held out; the seed says which."""

    def __init__(self, seed: int, B: int, held_out: int) -> None:
        digits = data.digits()
        self.seed, self.B = seed, B
        self.xs = torch.from_numpy(data.pixels(digits)).float()
        self.ys = torch.from_numpy(digits.labels)
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(self.ys)))
        self.test, self.known = order[:held_out], order[held_out:]

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Inputs, targets, and a mask that is true at the last step alone."""
        last = torch.arange(len(self.xs)) == len(self.xs) - 1
        mask = last[:, None].expand(-1, len(rows))
        return self.xs[:, rows], self.ys[rows].expand(len(self.xs), -1), mask

    def batches(self) -> Iterator[Any]:
        """Batches without end."""
        draws = np.random.default_rng([self.seed, 1])
        while True:
            yield self.batch(self.known[draws.integers(len(self.known), size=self.B)])

    def curve(self, module: nn.Module, steps: int, lr: float, every: int) -> Any:
        """Teach a network; the share of the held-out digits that it recognises, on the way."""
        test = self.batch(self.test)
        history = networks.teach(
            module, self.batches(), steps, lambda m: networks.symbol_error(m, test), lr, every
        )
        return 1 - history.validation


def start(seed: int, kind: str, H: int) -> networks.Network:
    """A network of a kind, one pixel in, ten digits out."""
    layer = {"orthogonal tanh": "tanh", "IRNN": "relu"}.get(kind, kind)
    module = networks.network(seed, layer, 1, H, 10)
    if kind == "orthogonal tanh":
        networks.orthogonal(seed, networks.weights(module.layer, "weight_hh"))
    if kind == "IRNN":
        nn.init.eye_(networks.weights(module.layer, "weight_hh"))
        for name in ("bias_ih", "bias_hh"):
            networks.weights(module.layer, name).zero_()
    return module
