"""Which part of an LSTM matters?

Prediction (Greff et al. 2017): the forget gate and the output activation matter most; without the
input gate, the output gate or peepholes, and with input and forget gate coupled, little is lost.
With the number of parameters matched, a variant with fewer gates has more units, which makes up
for some of it.

Measured after a fixed number of steps (each: seed, variant in the order of ``variants``):
cross-entropy on held-out embedded Reber strings (``reber``) and mean squared error of the adding
task over its baseline of 1/6 (``adding``); rank of the variant in each, 1 the best
(``reber_rank``, ``adding_rank``); and the number of units for Reber (``units``). This is a small
version: 300 steps of short sequences say who learns fast, not who is best in the end.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

SEEDS = 5
QUICK = {"H": 3, "steps": 2, "T": 6, "variants": ("full", "coupled", "peepholes")}


def measure(
    seed: int,
    *,
    variants: tuple[str, ...] = (
        "full",
        "no input gate",
        "no forget gate",
        "no output gate",
        "no input activation",
        "no output activation",
        "coupled",
        "peepholes",
    ),
    H: int = 16,
    T: int = 30,
    B: int = 32,
    lr: float = 1e-2,
    steps: int = 300,
) -> dict[str, Any]:
    """Measure once, see the module."""
    V, rng = len(tasks.ALPHABET), np.random.default_rng([seed, 2])
    strings = networks.tensors(tasks.reber(rng, 500, tasks.EMBEDDED), V)
    sums = numbers(tasks.adding(rng, T, 500))
    found: dict[str, list[float]] = {"reber": [], "adding": [], "units": []}
    for variant in variants:
        units = matched(variant, V, H)
        found["units"].append(units)
        batches = networks.stream(
            seed, lambda rng: networks.tensors(tasks.reber(rng, B, tasks.EMBEDDED), V)
        )
        history = networks.teach(
            start(seed, variant, V, units, V),
            batches,
            steps,
            lambda m: float(networks.symbol_loss(m, strings)),
            lr,
            every=steps,
        )
        found["reber"].append(history.validation[-1])
        history = networks.teach(
            start(seed, variant, 2, matched(variant, 2, H), 1),
            networks.stream(seed, lambda rng: numbers(tasks.adding(rng, T, B))),
            steps,
            lambda m: float(number_loss(m, sums)) / tasks.adding_baseline(),
            lr,
            every=steps,
            loss=number_loss,
        )
        found["adding"].append(history.validation[-1])
    return found | {f"{task}_rank": rank(found[task]) for task in ("reber", "adding")}


class Variant(nn.Module):
    """An LSTM layer with one part changed; forget bias 1."""

    def __init__(self, variant: str, D: int, H: int) -> None:
        super().__init__()
        self.variant, self.H, gates = variant, H, rows_of(variant)
        self.x = nn.Linear(D, gates * H)
        self.h = nn.Linear(H, gates * H, bias=False)
        self.peep = nn.Parameter(torch.zeros(3, H)) if variant == "peepholes" else None
        nn.init.uniform_(self.x.weight, -(H**-0.5), H**-0.5)
        nn.init.zeros_(self.x.bias)
        if variant != "no forget gate":
            at = 0 if variant in ("coupled", "no input gate") else 1
            self.x.bias.data[at * H : (at + 1) * H] = 1

    def forward(self, xs: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states and the last cell."""
        variant, hs = self.variant, []
        h = c = xs.new_zeros(xs.shape[1], self.H)
        for a in self.x(xs):
            i, f, g, o = self.gates(a + self.h(h), c)
            c = f * c + i * (g if variant == "no input activation" else torch.tanh(g))
            if self.peep is not None:
                o = o + self.peep[2] * c
            gate = 1.0 if variant == "no output gate" else torch.sigmoid(o)
            h = gate * (c if variant == "no output activation" else torch.tanh(c))
            hs.append(h)
        return torch.stack(hs), c

    def gates(self, a: Tensor, c: Tensor) -> list[Any]:
        """Input and forget gate, and what goes into the candidate and the output gate."""
        parts = list(a.chunk(rows_of(self.variant), dim=1))
        absent = {"no input gate": 0, "no forget gate": 1, "no output gate": 3}.get(self.variant)
        if self.variant == "coupled":
            f = torch.sigmoid(parts[0])
            return [1 - f, f, *parts[1:]]
        if absent is not None:
            parts.insert(absent, torch.full_like(c, 40.0))  # σ(40) is 1
        if self.peep is not None:
            parts[:2] = [parts[k] + self.peep[k] * c for k in range(2)]
        return [torch.sigmoid(parts[0]), torch.sigmoid(parts[1]), *parts[2:]]


def rows_of(variant: str) -> int:
    """Number of blocks of weights."""
    return 3 if variant == "coupled" or variant.endswith(" gate") else 4


def start(seed: int, variant: str, D: int, H: int, V: int) -> networks.Network:
    """A network with a layer of this kind."""
    torch.manual_seed(seed)
    return networks.Network(Variant(variant, D, H), H, V)


def matched(variant: str, D: int, H: int) -> int:
    """Units with which a variant has about as many weights as the full cell with H."""

    def count(kind: str, units: int) -> int:
        return sum(p.numel() for p in Variant(kind, D, units).parameters())

    wanted = count("full", H)
    return min(range(1, 2 * H + 2), key=lambda units: abs(count(variant, units) - wanted))


def numbers(batch: tasks.Sequences) -> tuple[Tensor, Tensor]:
    """Inputs, and the targets of the last step."""
    return torch.from_numpy(batch.inputs).float(), torch.from_numpy(batch.targets[-1]).float()


def number_loss(module: nn.Module, batch: Any) -> Tensor:
    """Mean squared error at the last step."""
    xs, ys = batch
    return mse_loss(module(xs)[-1], ys)


def rank(values: list[float]) -> Array:
    """Place of each value, 1 for the lowest."""
    return np.argsort(np.argsort(values)) + 1
