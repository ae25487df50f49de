"""How deep may a stack be, and does a way past the layers help?

Prediction: of stacks of layers of 32 units that read a digit row by row, two or four layers learn
sooner than one, and eight later than four; where each layer adds its input to its output, eight
learn at least as soon as four. A single layer with as many parameters as four is as good as they
are. (A trial with one seed, one rate and 300 steps had been seen when this was written.)

Measured, for each of ``kinds``, each of ``ways`` past a layer, each of ``depths`` and of ``rates``:
the share of the held-out digits that is recognised, every so many steps of training (``learned``:
seed, kind, way, depth, rate, check); the same of one layer of so many units as ``sizes`` says for
its kind (``wide``: seed, kind, rate, check). With one layer there is nothing to go past: its result
stands under each way. The loss is at the last step alone.
"""

from typing import Any

import torch
from torch import Tensor, nn

from rnnlib import data
from rnnlib.experiments import _networks as networks
from rnnlib.experiments.sequential_digits import Task

SEEDS = 3
QUICK = {
    "ways": ("plain", "highway"),
    "depths": (1, 2),
    "rates": (0.004,),
    "H": 4,
    "sizes": (5, 6),
    "steps": 2,
    "every": 1,
    "held_out": 8,
}


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("tanh", "GRU"),
    ways: tuple[str, ...] = ("plain", "residual", "highway"),
    depths: tuple[int, ...] = (1, 2, 4, 8),
    rates: tuple[float, ...] = (0.002, 0.006),
    H: int = 32,
    sizes: tuple[int, ...] = (80, 82),
    B: int = 32,
    steps: int = 400,
    every: int = 50,
    held_out: int = 597,
) -> dict[str, Any]:
    """Measure once, see the module."""
    task = Rows(seed, B, held_out)

    def curves(kind: str, H: int, L: int = 1, way: str = "plain") -> list[Any]:
        made = []
        for lr in rates:
            torch.manual_seed(seed)
            made.append(task.curve(Deep(kind, 8, H, 10, L, way), steps, lr, every))
        return made

    learned, wide = [], []
    for kind, size in zip(kinds, sizes, strict=True):
        one = curves(kind, H)
        learned.append(
            [[one if L == 1 else curves(kind, H, L, way) for L in depths] for way in ways]
        )
        wide.append(curves(kind, size))
    return {"learned": learned, "wide": wide}


class Rows(Task):
    """Digits as sequences of 8 rows of 8 pixels."""

    def __init__(self, seed: int, B: int, held_out: int) -> None:
        super().__init__(seed, B, held_out)
        self.xs = torch.from_numpy(data.digits().images).float().transpose(0, 1)


class Deep(nn.Module):
    """Layers on top of each other, with a way past all but the first, and a linear read-out."""

    def __init__(self, kind: str, D: int, H: int, V: int, L: int, way: str) -> None:
        super().__init__()
        self.layers = nn.ModuleList(networks.LAYERS[kind](H if k else D, H) for k in range(L))
        gates = [nn.Linear(H, H) for _ in range(L - 1) if way == "highway"]
        for gate in gates:
            nn.init.constant_(gate.bias, -1.0)
        self.gates = nn.ModuleList(gates)
        self.way = way
        self.readout = nn.Linear(H, V)

    def forward(self, xs: Tensor) -> Tensor:
        """Logits ``(T, B, V)``."""
        for k, layer in enumerate(self.layers):
            hs = layer(xs)[0]
            if k and self.way == "residual":
                hs = hs + xs
            if k and self.way == "highway":
                q = torch.sigmoid(self.gates[k - 1](xs))
                hs = q * hs + (1 - q) * xs
            xs = hs
        logits: Tensor = self.readout(xs)
        return logits
