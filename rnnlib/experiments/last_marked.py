"""Does a layer whose factors read the input keep what was marked last, and one of fixed ones not?

Prediction: the squared error of the LRU, whose factors are the same at every step, stays at least
three times that of the selective layer and of minGRU, whose factors read the input; LSTM ends with
the least. On sequences four times as long as those of training, the error of the LRU grows most.
(The sizes come from a trial with one seed, the rate from nothing but habit.)

Measured: at every step a number and a mark come in, and the number that was marked last is to be
said. Numbers are normal, so saying zero costs about one. Every layer has the same units around it:
a linear layer and a GELU before it, which can multiply number and mark, and the same after it. Mean
squared error on sequences that were not trained on, for each of ``kinds``, every so many steps of
training (``curve``: seed, kind, check), and at the end on sequences four times as long (``long``:
seed, kind); the number of parameters (``parameters``: seed, kind).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib.nn import selective
from rnnlib.nn.modules import LRU, LSTM, MinGRU
from rnnlib.reference import selective as reference

SEEDS = 3
QUICK = {"T": 6, "H": 4, "B": 2, "steps": 4, "every": 2, "test_size": 8}


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("LRU", "selective", "minGRU", "LSTM"),
    T: int = 64,
    marks: float = 0.1,
    H: int = 32,
    B: int = 32,
    steps: int = 800,
    every: int = 100,
    lr: float = 0.003,
    test_size: int = 256,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng([seed, 1])
    test, longer = (draw(rng, length, test_size, marks) for length in (T, 4 * T))
    curve, at_length, parameters = [], [], []
    for kind in kinds:
        torch.manual_seed(seed)
        network, rng = Network(kind, H, seed), np.random.default_rng([seed, 0])
        adam = torch.optim.Adam(network.parameters(), lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        errors = []
        for step in range(1, steps + 1):
            adam.zero_grad()
            loss = error(network, *draw(rng, T, B, marks))
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            adam.step()
            schedule.step()
            if step % every == 0:
                with torch.no_grad():
                    errors.append(error(network, *test).item())
        curve.append(errors)
        with torch.no_grad():
            at_length.append(error(network, *longer).item())
        parameters.append(sum(p.numel() for p in network.parameters()))
    return {"curve": curve, "long": at_length, "parameters": parameters}


def draw(rng: np.random.Generator, T: int, B: int, marks: float) -> tuple[Tensor, Tensor]:
    """Numbers and marks, ``(T, B, 2)``, and what was marked last, ``(T, B, 1)``; zero at first."""
    v, m = rng.normal(size=(T, B)), rng.random((T, B)) < marks
    where = np.maximum.accumulate(np.where(m, np.arange(T)[:, None], -1))
    held = np.where(where < 0, 0, np.take_along_axis(v, np.maximum(where, 0), 0))
    xs = np.stack([v, m], axis=-1)
    return torch.from_numpy(xs).float(), torch.from_numpy(held[..., None]).float()


def error(network: nn.Module, xs: Tensor, ys: Tensor) -> Tensor:
    """Mean squared error."""
    return nn.functional.mse_loss(network(xs), ys)


class Network(nn.Module):
    """Linear and GELU, a recurrent layer, linear and GELU, a read-out."""

    def __init__(self, kind: str, H: int, seed: int) -> None:
        super().__init__()
        layers = {"LRU": LRU, "minGRU": MinGRU, "LSTM": LSTM}
        self.first = nn.Linear(2, H)
        self.layer = Selective(H, seed) if kind == "selective" else layers[kind](H, H)
        self.last = nn.Sequential(nn.Linear(H, H), nn.GELU(), nn.Linear(H, 1))

    def forward(self, xs: Tensor) -> Tensor:
        """What is said, ``(T, B, 1)``."""
        said: Tensor = self.last(self.layer(nn.functional.gelu(self.first(xs)))[0])
        return said


class Selective(nn.Module):
    """:mod:`rnnlib.nn.selective` from rest, begun as the reference begins."""

    def __init__(self, H: int, seed: int, N: int = 8) -> None:
        super().__init__()
        self.cell = selective.Selective(N)
        begun = reference.Selective(N).init(np.random.default_rng(seed), H, H)
        self.weights = nn.ParameterList(torch.from_numpy(p).float() for p in begun)

    def forward(self, xs: Tensor) -> Any:
        """Read-outs and last state."""
        params = selective.Params(*self.weights)
        return self.cell.scan_forward(params, xs, self.cell.zero_state(params, xs.shape[1]))
