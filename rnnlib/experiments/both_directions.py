"""What does it cost, and what does it buy, to read a sequence from both ends?

Prediction: a network that reads both ways and says the next year's sunspots at every step of a
window has an error near zero wherever the next year is in the window, and at the last step, the
only one that is a forecast, one at least as large as that of a network that reads ahead. On tags
that are decided by what comes later, it is right everywhere, and so is a reader that may answer two
symbols late; one that must answer at once is held to what the symbols so far allow.

Measured: ``forecast`` (seed, kind, step of the window): root of the mean squared error on years
after those learned from, of the kinds ``ahead``, ``both`` and, at the last step alone, ``whole``,
which reads the window from both ends and then speaks once; ``persistence`` (step). ``tags`` (seed,
kind, symbol): share of the letters of dates that are tagged as part of a day or of a year
correctly, by their place, of the kinds ``ahead``, ``late`` and ``both``; ``count`` (symbol).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, one_hot, pad
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlib import data
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

SEEDS = 5
QUICK = {"H": 3, "B": 4, "steps": 2, "T": 5, "dates": 8}
SYMBOLS = "0123456789-"
DELAY = 2


def measure(
    seed: int,
    *,
    H: int = 16,
    B: int = 16,
    T: int = 30,
    learned: int = 200,
    lr: float = 0.01,
    steps: int = 300,
    dates: int = 2000,
) -> dict[str, Any]:
    """Measure once, see the module."""
    years = data.sunspots().values
    scaled = (years - years[:learned].mean()) / years[:learned].std()
    rng = np.random.default_rng([seed, 15])
    test = np.lib.stride_tricks.sliding_window_view(scaled[learned:], T + 1).T
    xs, ys = (torch.from_numpy(a.copy()).float()[..., None] for a in (test[:-1], test[1:]))
    found: dict[str, Any] = {"forecast": [], "tags": []}
    for kind in ("ahead", "both", "whole"):
        torch.manual_seed(seed)
        forecaster = Forecaster(kind, H)
        train(forecaster, windows(rng, scaled[:learned], T, B), steps, lr, forecast_loss)
        with torch.no_grad():
            error = (forecaster(xs) - ys).square().mean((1, 2)).sqrt() * years[:learned].std()
        if kind == "whole":
            error[:-1] = torch.nan
        found["forecast"].append(error.tolist())
    found["persistence"] = (xs - ys).square().mean((1, 2)).sqrt().numpy() * years[:learned].std()

    held_out = written(np.random.default_rng([seed, 16]), dates)
    for kind in ("ahead", "late", "both"):
        torch.manual_seed(seed)
        tagger = Tagger(kind, H)
        train(tagger, stream(rng, B), steps, lr, tag_loss)
        with torch.no_grad():
            right = tagger(held_out).argmax(-1) == held_out.tags
        found["tags"].append(by_place(right, held_out))
    found["count"] = (held_out.tags >= 0).sum(1).numpy()
    return found


class Forecaster(nn.Module):
    """Says the next value at every step, or, having read the whole window, at the last."""

    def __init__(self, kind: str, H: int) -> None:
        super().__init__()
        self.kind = kind
        self.layer = nn.RNN(1, H, bidirectional=kind != "ahead")
        self.readout = nn.Linear(H if kind == "ahead" else 2 * H, 1)

    def forward(self, xs: Tensor) -> Tensor:
        """Forecasts, ``(T, B, 1)``."""
        hs, last = self.layer(xs)
        if self.kind == "whole":
            hs = torch.cat([*last], dim=-1).expand(len(xs), -1, -1)
        ys: Tensor = self.readout(hs)
        return ys


def windows(rng: np.random.Generator, series: Array, T: int, B: int) -> Iterator[Any]:
    """Random stretches of the series, and the same one step later."""
    while True:
        start = rng.integers(len(series) - T, size=B)
        rows = torch.from_numpy(series[start + np.arange(T + 1)[:, None]]).float()[..., None]
        yield rows[:-1], rows[1:]


def forecast_loss(net: Forecaster, batch: Any) -> Tensor:
    """Mean squared error, of the whole window or of its end."""
    xs, ys = batch
    first = len(xs) - 1 if net.kind == "whole" else 0
    return mse_loss(net(xs)[first:], ys[first:])


class Written(NamedTuple):
    """Dates as they are written."""

    text: Tensor  # (T, B), which symbol, 0 past the end
    tags: Tensor  # (T, B), 1 in a year, 0 elsewhere, -1 past the end
    lengths: Tensor  # (B,)


def written(rng: np.random.Generator, B: int) -> Written:
    """Days of 1900 to 2099, half of them with the day first, half with the year, without zeros."""
    texts, tags = [], []
    for day in np.datetime64("1900-01-01") + rng.integers(200 * 365, size=B):
        parts = [part.lstrip("0") for part in str(day).split("-")]
        marks = ["1" * len(parts[0]), "0" * len(parts[1]), "0" * len(parts[2])]
        order = 1 if rng.random() < 0.5 else -1
        texts.append("-".join(parts[::order]))
        tags.append("0".join(marks[::order]))
    T = max(map(len, texts))
    return Written(
        torch.tensor([[SYMBOLS.index(s) for s in text.ljust(T, "0")] for text in texts]).T,
        torch.tensor([[int(s) for s in tag] + [-1] * (T - len(tag)) for tag in tags]).T,
        torch.tensor([len(text) for text in texts]),
    )


class Tagger(nn.Module):
    """Says of every symbol whether it is of a year: at once, two symbols late, or both ways."""

    def __init__(self, kind: str, H: int) -> None:
        super().__init__()
        self.delay = DELAY if kind == "late" else 0
        self.layer = nn.RNN(len(SYMBOLS), H, bidirectional=kind == "both")
        self.readout = nn.Linear(2 * H if kind == "both" else H, 2)

    def forward(self, batch: Written) -> Tensor:
        """Logits ``(T, B, 2)`` of the symbols, as late as they may come."""
        xs = pad(one_hot(batch.text, len(SYMBOLS)).float(), (0, 0, 0, 0, 0, self.delay))
        lengths = batch.lengths + self.delay
        packed = pack_padded_sequence(xs, lengths, enforce_sorted=False)
        hs, _ = pad_packed_sequence(self.layer(packed)[0], total_length=len(xs))
        logits: Tensor = self.readout(hs[self.delay :])
        return logits


def stream(rng: np.random.Generator, B: int) -> Iterator[Written]:
    """Batches without end."""
    while True:
        yield written(rng, B)


def tag_loss(net: Tagger, batch: Written) -> Tensor:
    """Cross-entropy of the symbols."""
    return cross_entropy(net(batch).flatten(0, 1), batch.tags.flatten(), ignore_index=-1)


def by_place(right: Tensor, batch: Written) -> Array:
    """Share of the symbols that is right, at each place."""
    valid = batch.tags >= 0
    return ((right & valid).sum(1) / valid.sum(1)).numpy()


def train(
    net: nn.Module, batches: Iterator[Any], steps: int, lr: float, loss: Callable[..., Tensor]
) -> None:
    """Train for so many steps."""
    networks.teach(net, batches, steps, lambda _: 0.0, lr, every=steps, loss=loss)
