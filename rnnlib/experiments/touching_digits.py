"""Who reads digits that touch, and does it take convolution, recurrence, or both?

Prediction: where there is paper between the digits, cutting at empty columns and classifying each
piece is hard to beat. Where digits touch, that fails and a CRNN (convolution over columns, an LSTM
that reads both ways, CTC) still reads. Without recurrence it misses digits, since a convolution
that sees five columns never sees a whole one; a convolution that sees 17 comes close to the CRNN.
Without convolution it is worse than with it, since the LSTM must learn strokes at every height.
(Length of training, rate and dropout were chosen in trials with the first seed, on the CRNN.)

Measured, on strips of people whose digits were not trained on, for every number of empty columns
between two images (``gaps``; images have about two of their own, so that digits touch at -2): edits
per digit (``error``: seed, gap) and strips read without fault (``whole``: seed, gap). Of networks
with about equal numbers of weights but the third: ``crnn``, ``wide`` (convolution of 17 columns in
place of the LSTM), ``narrow`` (convolution of 5 columns alone) and ``recurrent``. Of a support
vector classifier of single digits: on the pieces between empty columns (``pieces``), on these, wide
ones cut evenly by a width that is tuned on strips of training (``even``), and on the true windows
(``told``). The width of ``even`` is the ``pitch`` (seed). On strips of 20 digits, spaced as in
training: ``long`` (seed, reader). On the way, edits per digit on strips spaced as in training
(``curve``: seed, kind, check).

The CRNN of the first seed is kept.
"""

import importlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss

from rnnlib import data
from rnnlib.experiments import RESULTS, _digits
from rnnlib.experiments import _networks as networks
from rnnlib.reference import ctc, edit
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"B": 4, "steps": 2, "every": 1, "held_out": 4, "gaps": (-2, 3)}
KINDS = ("crnn", "wide", "narrow", "recurrent")
CUTTERS = ("pieces", "even", "told")
V = 11  # symbol 0 is the blank, the digits follow
C = 16  # channels of the last image


class Look(nn.Module):
    """Convolve columns of 8 pixels ``(T, B, 8)``; give 2C numbers for each, ``(T, B, 2C)``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, C // 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)),
            nn.Conv2d(C // 2, C, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)),
        )  # fmt: skip

    def forward(self, xs: Tensor) -> Tensor:
        image = xs.permute(1, 2, 0)[:, None]  # (B, 1, 8, T)
        channels: Tensor = self.layers(image)  # (B, C, 2, T)
        return channels.flatten(1, 2).permute(2, 0, 1)


class Reader(nn.Module):
    """A reader of strips: it says one of V symbols at every column."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.look = nn.Identity() if kind == "recurrent" else Look()
        self.lstm = self.wide = None
        if kind in ("crnn", "recurrent"):
            D, units = (2 * C, 26) if kind == "crnn" else (8, 36)
            self.lstm = nn.LSTM(D, units, bidirectional=True)
            width = 2 * units
        elif kind == "wide":
            width = 29
            self.wide = nn.Sequential(
                nn.Conv1d(2 * C, width, 7, padding=3), nn.ReLU(),
                nn.Conv1d(width, width, 7, padding=3), nn.ReLU(),
            )  # fmt: skip
        else:
            width = 2 * C
        self.dropout, self.readout = nn.Dropout(0.2), nn.Linear(width, V)

    def forward(self, batch: data.Labelled) -> Tensor:
        """Logits ``(T, B, V)``; shorter strips end in empty columns, which are read, too."""
        hs: Tensor = self.look(torch.from_numpy(batch.inputs).float())
        hs = self.dropout(hs)
        if self.lstm:
            hs, _ = self.lstm(hs)
        if self.wide:
            hs = self.wide(hs.permute(1, 2, 0)).permute(2, 0, 1)
        logits: Tensor = self.readout(self.dropout(hs))
        return logits


def measure(
    seed: int,
    *,
    B: int = 32,
    lr: float = 8e-3,
    steps: int = 1000,
    every: int = 200,
    closest: int = -3,
    farthest: int = 3,
    held_out: int = 200,
    gaps: tuple[int, ...] = (-4, -3, -2, -1, 0, 1, 3, 6),
) -> dict[str, Any]:
    """Measure once, see the module."""
    known, new = _digits.split()

    def strips(kind: int, digits: data.Digits, size: int, *spread: int) -> data.Labelled:
        rng = np.random.default_rng([seed, kind])
        return data.strips(rng, digits, size, 3, 8, *spread)

    def draw(step: int) -> data.Labelled:
        rng = np.random.default_rng([seed, 0, step])
        return data.strips(rng, known, B, 3, 8, farthest, closest)

    mixed = strips(1, new, held_out, farthest, closest)
    tests = [strips(2, new, held_out, gap, gap) for gap in gaps]
    rng = np.random.default_rng([seed, 3])
    tests.append(data.strips(rng, new, held_out // 2, 20, 20, farthest, closest))
    cutter = Cutter(known, strips(4, known, held_out, farthest, closest))
    said: dict[str, Any] = {}
    curves = []
    for kind in KINDS:
        batches = map(draw, range(steps))
        reader, curve = teach(seed, kind, batches, mixed, steps, every, lr)
        said[kind] = [read(reader, batch) for batch in tests]
        curves.append(curve)
        if kind == "crnn":
            weights = {name: w.numpy() for name, w in reader.state_dict().items()}
    said["pieces"] = [cutter.read(batch, np.inf) for batch in tests]
    said["even"] = [cutter.read(batch, cutter.pitch) for batch in tests]
    said["told"] = [cutter.told(b, gap) for b, gap in zip(tests, gaps, strict=False)]
    found: dict[str, Any] = {"curve": curves, "pitch": cutter.pitch}
    for name, parts in said.items():
        pairs = [(a, meant(b)) for a, b in zip(parts, tests, strict=False)][: len(gaps)]
        found[f"{name}_error"] = [edit.error_rate(a, b) for a, b in pairs]
        found[f"{name}_whole"] = [np.mean([x == y for x, y in zip(*p, strict=True)]) for p in pairs]
    last = meant(tests[-1])
    found["long"] = [edit.error_rate(said[name][-1], last) for name in (*KINDS, *CUTTERS[:2])]
    return found | {"arrays": weights}


def load() -> Reader:
    """The CRNN that was trained with the first seed."""
    reader = Reader("crnn")
    with np.load(RESULTS / "touching_digits.npz") as file:
        reader.load_state_dict({name: torch.from_numpy(file[name]) for name in file})
    return reader.eval()


# Networks


def teach(
    seed: int,
    kind: str,
    batches: Iterator[data.Labelled],
    mixed: data.Labelled,
    steps: int,
    every: int,
    lr: float,
) -> tuple[Reader, list[float]]:
    """Train a network; its errors on the way."""
    torch.manual_seed(seed)
    reader, truth = Reader(kind), meant(mixed)

    def check(module: Any) -> float:
        return edit.error_rate(read(module, mixed), truth)

    falling = networks.falling(lr, steps)
    history = networks.teach(reader, batches, steps, check, lr, every, loss=loss, schedule=falling)
    return reader.eval(), history.validation.tolist()


def loss(reader: Reader, batch: data.Labelled) -> Tensor:
    """Mean negative log-probability of the digits of a strip."""
    total: Tensor = ctc_loss(
        reader(batch).log_softmax(-1),
        torch.from_numpy(batch.labels + 1),
        torch.from_numpy(batch.lengths),
        torch.from_numpy(batch.counts),
        reduction="sum",
    )
    return total / len(batch.counts)


def read(reader: Reader, batch: data.Labelled) -> list[list[int]]:
    """What the likeliest symbols read as: digits."""
    with torch.no_grad():
        likeliest = reader(batch).argmax(-1).numpy()
    return [(ctc.collapse(likeliest[:n, b]) - 1).tolist() for b, n in enumerate(batch.lengths)]


def meant(batch: data.Labelled) -> list[list[int]]:
    """The digits of each strip."""
    return [y[:n].tolist() for y, n in zip(batch.labels, batch.counts, strict=True)]


# Cutting


class Cutter:
    """Cut strips into pieces and give each to a classifier of single digits."""

    def __init__(self, known: data.Digits, tuning: data.Labelled) -> None:
        SVC: Any = importlib.import_module("sklearn.svm").SVC
        singles = np.array([middle(trimmed(image.T)) for image in known.images])
        self.classifier = SVC().fit(singles, known.labels)
        truth = meant(tuning)
        self.pitch = min(
            np.arange(4.5, 9, 0.5).tolist(),
            key=lambda pitch: edit.error_rate(self.read(tuning, pitch), truth),
        )

    def name(self, parts: list[Array]) -> list[int]:
        """The digits that the classifier takes pieces for."""
        found = [middle(part) for part in parts]
        return self.classifier.predict(found).tolist() if found else []

    def read(self, batch: data.Labelled, pitch: float) -> list[list[int]]:
        """Read every piece between empty columns as its width over the pitch, but at least one."""
        strips = zip(batch.inputs.swapaxes(0, 1), batch.lengths, strict=True)
        return [self.name(pieces(strip[:n], pitch)) for strip, n in strips]

    def told(self, batch: data.Labelled, gap: int) -> list[list[int]]:
        """Read windows of 8 columns that stand where the digits do."""
        found = []
        for strip, n in zip(batch.inputs.swapaxes(0, 1), batch.counts, strict=True):
            starts = max(gap, 0) + np.arange(n) * (8 + gap)
            found.append(self.name([trimmed(strip[a : a + 8]) for a in starts]))
        return found


def pieces(strip: Array, pitch: float) -> list[Array]:
    """Cut columns at empty ones, and what is wider than the pitch evenly."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], strip.any(1), [0]]))).reshape(-1, 2)
    parts = []
    for start, stop in edges:
        count = max(1, round((stop - start) / pitch))
        cuts = np.linspace(start, stop, count + 1).round().astype(int)
        parts += [strip[a:b] for a, b in pairwise(cuts)]
    return parts


def trimmed(columns: Array) -> Array:
    """The columns from the first with ink to the last."""
    ink = np.flatnonzero(columns.any(1))
    return columns[ink[0] : ink[-1] + 1]


def middle(columns: Array) -> Array:
    """Columns put into the middle of 8, or the middle 8 of them; as one row."""
    n = min(len(columns), 8)
    start, skip = (8 - n) // 2, (len(columns) - n) // 2
    image = np.zeros((8, 8))
    image[start : start + n] = columns[skip : skip + n]
    return image.ravel()
