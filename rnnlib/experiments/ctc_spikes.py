"""Does CTC say a label in a spike, or for as long as it sounds?

Prediction: that depends on how many frames it sounds. A reader that hears all frames of a sound
alike is held by the loss, from 5 frames on, at saying it in one or two of them. A recurrent reader
can tell the frames apart: it says sounds of 4 frames in most of them, sounds of 16 frames in one or
two. (Trials with one seed, 300 steps, and sounds of 4 to 6 and 12 to 20 frames had been seen when
this was written.)

Measured, for sounds of each of ``lengths`` frames (all: seed, length), one number a frame for each
of K sounds, with silence between them: frames whose likeliest symbol is a sound, per sound
(``width``), the same on the way (``curve``: seed, length, check), edits per sound (``error``), and
how far into the sound it is said first, as a share of its length, mean over the readings without
fault (``onset``).
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss

from rnnlib.experiments import _networks as networks
from rnnlib.reference import ctc, edit
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"lengths": (2, 3), "H": 3, "B": 2, "steps": 2, "every": 1, "held_out": 3}


class Sounds(NamedTuple):
    """Sequences of sounds, and silence after them."""

    xs: Tensor  # (T, B, K)
    lengths: Tensor  # (B,)
    labels: Tensor  # (B, N), from 1 to K
    starts: Array  # (B, N)


class Reader(nn.Module):
    """A GRU that reads both ways, and a read-out of K sounds and the blank."""

    def __init__(self, K: int, H: int) -> None:
        super().__init__()
        self.layer = nn.GRU(K, H, bidirectional=True)
        self.readout = nn.Linear(2 * H, K + 1)

    def forward(self, xs: Tensor) -> Tensor:
        """Logits ``(T, B, K + 1)``."""
        logits: Tensor = self.readout(self.layer(xs)[0])
        return logits


def measure(
    seed: int,
    *,
    lengths: tuple[int, ...] = (4, 8, 16, 32),
    K: int = 4,
    N: int = 3,
    H: int = 24,
    B: int = 16,
    noise: float = 0.1,
    lr: float = 4e-3,
    steps: int = 600,
    every: int = 25,
    held_out: int = 100,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {"curve": [], "width": [], "error": [], "onset": []}
    for length in lengths:
        rng = np.random.default_rng([seed, 2])
        test = draw(rng, length, held_out, K, N, noise)
        torch.manual_seed(seed)
        reader = Reader(K, H)
        curve: list[float] = []

        def check(module: Any, test: Sounds = test, curve: list[float] = curve) -> float:
            said = symbols(module, test)
            curve.append(sum(int((x > 0).sum()) for x in said) / test.labels.numel())
            return edit.error_rate([ctc.collapse(x).tolist() for x in said], test.labels.tolist())

        batches = networks.stream(seed, partial(draw, length=length, B=B, K=K, N=N, noise=noise))
        history = networks.teach(reader, batches, steps, check, lr, every, loss=alignment_loss)
        found["curve"].append(curve)
        found["width"].append(curve[-1])
        found["error"].append(history.validation[-1])
        found["onset"].append(onset(reader, test, length))
    return found


def draw(rng: np.random.Generator, length: int, B: int, K: int, N: int, noise: float) -> Sounds:
    """Sounds of so many frames each, with 3 to 6 frames of silence before each and at the end."""
    gaps, labels = rng.integers(3, 7, size=(B, N + 1)), rng.integers(K, size=(B, N))
    starts = gaps[:, :-1].cumsum(1) + length * np.arange(N)
    ends = gaps.sum(1) + N * length
    xs = np.zeros((ends.max(), B, K))
    for b in range(B):
        for start, k in zip(starts[b], labels[b], strict=True):
            xs[start : start + length, b, k] = 1
    heard = torch.from_numpy(xs + noise * rng.normal(size=xs.shape)).float()
    return Sounds(heard, torch.from_numpy(ends), torch.from_numpy(labels + 1), starts)


def alignment_loss(reader: Reader, batch: Sounds) -> Tensor:
    """Mean negative log-probability of the labels."""
    B, N = batch.labels.shape
    log_y = reader(batch.xs).log_softmax(-1)
    total: Tensor = ctc_loss(
        log_y, batch.labels, batch.lengths, torch.full((B,), N), reduction="sum"
    )
    return total / B


def symbols(reader: Reader, batch: Sounds) -> list[Array]:
    """The likeliest symbol of every frame, sequence by sequence."""
    with torch.no_grad():
        likeliest = reader(batch.xs).argmax(-1).numpy()
    return [likeliest[:n, b] for b, n in enumerate(batch.lengths.tolist())]


def onset(reader: Reader, batch: Sounds, length: int) -> float:
    """How far into a sound it is said first."""
    late = []
    said = zip(symbols(reader, batch), batch.labels.tolist(), batch.starts, strict=True)
    for x, y, starts in said:
        first = np.flatnonzero((np.diff(x, prepend=0) != 0) & (x > 0))
        if x[first].tolist() == y:
            late += ((first - starts) / length).tolist()
    return float(np.mean(late)) if late else np.nan
