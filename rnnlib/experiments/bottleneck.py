"""Does a string get through a narrow passage, and does attention lead around it?

Prediction: two symbols get through two numbers, four do not but get through four, and six get
through neither. Where the passage is too narrow the bits that get through level off below those of
the string: four times the training adds less than a tenth. Through 64 numbers every string gets,
the longest given four times the training. With attention six symbols get around the narrowest
passage. (In trials with one seed, 1,500 to 2,500 steps and other lengths, 8 symbols through four
numbers were still improving, 4 symbols through two had come to two thirds of their bits, and what
came with more steps was not known when this was written.)

Measured on strings by lot, of each of ``lengths`` symbols, through a passage of each of ``widths``
numbers (all: seed, length, width): the share that is written without fault (``exact``), and the
bits that got through, those of the string less the cross-entropy of the writer (``bits``). For the
longest strings the same for four times the steps (``long_exact`` and ``long_bits``: seed, width)
and with attention beside the narrowest passage (``attending_exact``, ``attending_bits``: seed); and
on the way the bits (``curve`` and ``long_curve``: seed, width, check; ``attending_curve``).

A GRU reads a string of S symbols, each as likely as any other. Its last state goes through a layer
to the P numbers of the passage, each between -1 and 1, and these through another to the first state
of a GRU that writes the string backwards. Reader and writer have H units, however narrow the
passage. At every place the right symbol before is given, and the likeliest is compared with the
right one: all are right if and only if the string is written so greedily.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnnlib.experiments import _dates as dates
from rnnlib.nn import attention

SEEDS = 3
QUICK = {
    **{"lengths": (1, 2), "widths": (1, 2), "D": 2, "H": 3, "B": 2},
    **{"steps": 2, "every": 1, "held_out": 5},
}


class Copier(nn.Module):
    """Reads a string, has P numbers left of it, and writes it backwards."""

    def __init__(self, S: int, D: int, H: int, P: int, attending: bool) -> None:
        super().__init__()
        self.S, self.attending = S, attending
        self.source, self.target = nn.Embedding(S, D), nn.Embedding(S + 1, D)
        self.reader, self.writer = nn.GRU(D, H), nn.GRU(D, H)
        self.narrow, self.widen = nn.Linear(H, P), nn.Linear(P, H)
        self.readout = nn.Linear((1 + attending) * H, S)

    def forward(self, strings: Tensor) -> Tensor:
        """Logits ``(T, B, S)`` of the strings ``(T, B)``, backwards."""
        hs, last = self.reader(self.source(strings))
        passed = torch.tanh(self.narrow(last))
        start = torch.full_like(strings[:1], self.S)
        before = torch.cat([start, strings.flip(0)[:-1]])
        states, _ = self.writer(self.target(before), torch.tanh(self.widen(passed)))
        if self.attending:
            found, _ = attention.dot(states, hs, hs)
            states = torch.cat([states, found], dim=-1)
        logits: Tensor = self.readout(states)
        return logits


def measure(
    seed: int,
    *,
    lengths: tuple[int, ...] = (2, 4, 6),
    widths: tuple[int, ...] = (2, 4, 64),
    S: int = 10,
    D: int = 16,
    H: int = 64,
    B: int = 32,
    lr: float = 2e-3,
    steps: int = 1500,
    every: int = 100,
    held_out: int = 2000,
) -> dict[str, Any]:
    """Measure once, see the module."""

    def teach(n: int, P: int, steps: int, attending: bool = False) -> tuple[float, float, Any]:
        torch.manual_seed(seed)
        copier = Copier(S, D, H, P, attending)
        test, curve = draw(np.random.default_rng([seed, 2]), n, held_out, S), []

        def check(module: Any) -> float:
            curve.append(judge(module, test)[1])
            return -curve[-1]

        batches = stream(seed, n, B, S)
        dates.teach(copier, batches, steps, lr, check, every, loss=loss)  # type: ignore[arg-type]
        with torch.no_grad():
            return *judge(copier, test), curve

    rows = [[teach(n, P, steps) for P in widths] for n in lengths]
    found: dict[str, Any] = {
        "exact": [[exact for exact, _, _ in row] for row in rows],
        "bits": [[bits for _, bits, _ in row] for row in rows],
        "curve": [curve for _, _, curve in rows[-1]],
    }
    long = zip(*(teach(lengths[-1], P, 4 * steps) for P in widths), strict=True)
    found |= zip(("long_exact", "long_bits", "long_curve"), long, strict=True)
    attending = teach(lengths[-1], widths[0], steps, attending=True)
    names = ("attending_exact", "attending_bits", "attending_curve")
    return found | dict(zip(names, attending, strict=True))


def draw(rng: np.random.Generator, n: int, B: int, S: int) -> Tensor:
    """Strings by lot, ``(n, B)``."""
    return torch.from_numpy(rng.integers(S, size=(n, B)))


def stream(seed: int, n: int, B: int, S: int) -> Iterator[Tensor]:
    """Batches without end."""
    rng = np.random.default_rng([seed, 1])
    while True:
        yield draw(rng, n, B, S)


def loss(copier: Copier, strings: Tensor) -> Tensor:
    """Cross-entropy of the strings, backwards."""
    return cross_entropy(copier(strings).flatten(0, 1), strings.flip(0).flatten())


def judge(copier: Copier, strings: Tensor) -> tuple[float, float]:
    """Share of the strings that is written without fault, and bits that got through."""
    logits, wanted = copier(strings), strings.flip(0)
    exact = (logits.argmax(-1) == wanted).all(0).float().mean()
    nats = np.log(copier.S) - float(loss(copier, strings))
    return float(exact), len(strings) * nats / float(np.log(2))
