"""What the experiments on forecasts share: series, windows of them, and networks that forecast."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rnnlib import data
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

#: What a network of quantiles says for each step ahead.
LEVELS = (0.1, 0.5, 0.9)


class Task(NamedTuple):
    """A series, and where the stretch begins that is forecast."""

    series: data.Series
    season: int  # steps
    first: int  # place of the last value that is known to the first forecast
    anchored: bool  # whether a network reads changes: what is read, less the last value read


def tasks() -> dict[str, Task]:
    """Yearly sunspots, and carbon dioxide and the sea off Peru month by month."""
    return {
        "sunspots": Task(data.sunspots(), season=11, first=249, anchored=False),  # 1949
        "co2": Task(data.co2(), season=12, first=345, anchored=True),  # December 1986
        "el_nino": Task(data.el_nino(), season=12, first=479, anchored=False),  # December 1989
    }


class Windows(NamedTuple):
    """Stretches of a series, each of T values, and the K values that follow."""

    xs: Array  # (N, T)
    ys: Array  # (N, K)


def windows(values: Array, T: int, K: int) -> Windows:
    """All windows of a series; the first ends at place T - 1."""
    both = np.lib.stride_tricks.sliding_window_view(values, T + K)
    return Windows(both[:, :T], both[:, T:])


class Scale(NamedTuple):
    """The unit in which a network reads and speaks."""

    mean: float
    std: float
    anchored: bool

    def zero(self, xs: Array) -> Array:
        """What counts as zero in each window, ``(N, 1)``."""
        return xs[:, -1:] if self.anchored else np.full((len(xs), 1), self.mean)


def scale(values: Array, K: int, anchored: bool) -> Scale:
    """Mean and standard deviation of the values, or of what they change by in K steps."""
    return Scale(values.mean(), (values[K:] - values[:-K] if anchored else values).std(), anchored)


class Forecaster(nn.Module):
    """A GRU that reads a window and then says K values, or Q quantiles of each."""

    def __init__(self, H: int, K: int, Q: int = 1) -> None:
        super().__init__()
        self.layer = nn.GRU(1, H)
        self.readout = nn.Linear(H, K * Q)
        self.shape = (K, Q) if Q > 1 else (K,)

    def forward(self, xs: Tensor) -> Tensor:
        """From ``(B, T)`` to ``(B, K)`` or ``(B, K, Q)``."""
        _, last = self.layer(xs.T[..., None])
        ys: Tensor = self.readout(last[0]).unflatten(-1, self.shape)
        return ys


def squared(said: Tensor, ys: Tensor) -> Tensor:
    """Mean squared error."""
    return mse_loss(said, ys)


def pinball(said: Tensor, ys: Tensor) -> Tensor:
    """Quantile loss, the mean over the levels; see :mod:`rnnlib.reference.quantile`."""
    error, tau = said - ys[..., None], torch.tensor(LEVELS)
    return torch.maximum((1 - tau) * error, -tau * error).mean()


def scaled(known: Windows, unit: Scale) -> tuple[Tensor, Tensor]:
    """Windows in the network's unit."""
    zero = unit.zero(known.xs)
    return tuple(torch.from_numpy((a - zero) / unit.std).float() for a in known)  # type: ignore[return-value]


def fit(
    seed: int,
    known: Windows,
    unit: Scale,
    *,
    H: int,
    B: int,
    lr: float,
    steps: int,
    every: int,
    Q: int = 1,
    held_out: Windows | None = None,
) -> tuple[Forecaster, Array]:
    """Train on windows; the loss on others, if there are any, is measured every so many steps."""
    torch.manual_seed(seed)
    net = Forecaster(H, known.ys.shape[1], Q)
    loss = pinball if Q > 1 else squared
    xs, ys = scaled(known, unit)
    judged = scaled(held_out or known, unit)
    history = networks.teach(
        net,
        _batches(np.random.default_rng([seed, 23]), xs, ys, B),
        steps,
        lambda module: float(loss(module(judged[0]), judged[1])),
        lr,
        every=every,
        loss=lambda module, batch: loss(module(batch[0]), batch[1]),
    )
    return net, history.validation


def _batches(
    rng: np.random.Generator, xs: Tensor, ys: Tensor, B: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Random windows, without end."""
    while True:
        rows = torch.from_numpy(rng.integers(len(xs), size=B))
        yield xs[rows], ys[rows]


def say(net: Forecaster, unit: Scale, xs: Array) -> Array:
    """What a network says after each window, ``(N, K)`` or ``(N, K, Q)``."""
    zero = unit.zero(xs)
    with torch.no_grad():
        said = net(torch.from_numpy((xs - zero) / unit.std).float()).double().numpy()
    return said * unit.std + zero.reshape(len(xs), *[1] * (said.ndim - 1))  # type: ignore[no-any-return]


def recur(step: Callable[[Array], Array], xs: Array, K: int) -> Array:
    """Forecasts by a function that says one step: what it says it reads next, ``(N, K)``."""
    T = xs.shape[1]
    for _ in range(K):
        xs = np.concatenate([xs, step(xs[:, -T:])], axis=1)
    return xs[:, T:]
