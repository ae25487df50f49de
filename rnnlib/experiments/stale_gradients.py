"""What do gradients cost that were taken at weights of some updates ago?

Prediction: the largest rate at which asynchronous training does not blow up falls with P about as
on a quadratic loss, as sin(π / (4 P - 2)). After the same time, each at its best rate, 16
asynchronous workers do no better than 16 synchronous ones, and not much better than 4. (No trial
had been made when this was written. In a trial with one seed and 150 steps all ended near one
floor; since then it is 60 steps.)

Measured, with plain SGD, for each number in ``workers`` and each rate, in the time in which one
worker computes ``steps`` gradients: the loss over all series before training (``before``: seed) and
after it (``asynchronous`` and ``synchronous``: seed, P, rate; NaN if it has blown up, beyond twice
the loss before). The task is to forecast the sunspots of the next year at every year.

P workers share the weights. *Asynchronous*: each takes the weights, computes a gradient and adds it
as soon as it is done, so that in between the P - 1 others have moved them. *Synchronous*: they wait
for each other, and the mean of their gradients makes one step. All workers are equally fast, and
messages take no time.
"""

from collections import deque
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnlib import data
from rnnlib.experiments import _networks as networks
from rnnlib.reference import init

SEEDS = 5
QUICK = {"workers": (1, 2), "H": 3, "B": 2, "steps": 3, "rates": 2}


class Params(NamedTuple):
    """Weights of N tanh networks side by side, and their read-outs."""

    W_x: Any  # (N, 1, H)
    W_h: Any  # (N, H, H)
    b: Any  # (N, 1, H)
    W_y: Any  # (N, H, 1)
    b_y: Any  # (N, 1, 1)


def measure(
    seed: int,
    *,
    workers: tuple[int, ...] = (1, 2, 4, 8, 16),
    H: int = 16,
    B: int = 4,
    T: int = 20,
    steps: int = 60,
    top: float = 1.0,
    rates: int = 18,
) -> dict[str, Any]:
    """Measure once, see the module; rates fall from ``top`` by roots of two."""
    torch.set_num_threads(1)
    rate = torch.tensor(top * 2.0 ** (-np.arange(rates) / 2)).float()
    series = sunspots()
    every = windows(series, T, np.arange(0, len(series) - T, T // 2))
    before = loss(start(seed, rates, H), every)[0]
    found: dict[str, Any] = {"before": float(before), "asynchronous": [], "synchronous": []}
    for P in workers:
        for name, batch, delay, updates in (
            ("asynchronous", B, P - 1, steps * P),
            ("synchronous", B * P, 0, steps),
        ):
            params = train(seed, start(seed, rates, H), rate, series, T, batch, delay, updates)
            with torch.no_grad():
                after = loss(params, every).numpy()
            found[name].append(np.where(after < 2 * float(before), after, np.nan).tolist())
    return found


def sunspots() -> Tensor:
    """The yearly numbers, with mean 0 and variance 1."""
    values = data.sunspots().values
    return torch.tensor((values - values.mean()) / values.std()).float()


def windows(series: Tensor, T: int, starts: Any) -> Tensor:
    """Stretches of T + 1 years, ``(T + 1, B, 1)``."""
    return series[torch.from_numpy(starts + np.arange(T + 1)[:, None])][..., None]


def start(seed: int, N: int, H: int) -> Params:
    """Draw a network, orthogonal and recurrent, and copy it."""
    rng, n = np.random.default_rng([seed, 3]), H**-0.5
    W_x, W_h = rng.uniform(-n, n, size=(1, H)), init.orthogonal(rng, (H, H))
    W_y = rng.uniform(-n, n, size=(H, 1))
    net = Params(W_x, W_h, np.zeros((1, H)), W_y, np.zeros((1, 1)))
    return Params(*(torch.tensor(a).float().repeat(N, 1, 1) for a in net))


def train(
    seed: int,
    params: Params,
    rate: Tensor,
    series: Tensor,
    T: int,
    B: int,
    delay: int,
    updates: int,
) -> Params:
    """SGD whose gradients were taken so many updates ago, or at the start if that was later."""
    batches = networks.stream(
        seed, lambda rng: windows(series, T, rng.integers(len(series) - T, size=B))
    )
    old = deque([params] * (delay + 1), maxlen=delay + 1)
    for _ in range(updates):
        tensors = Params(*(a.requires_grad_() for a in old[0]))
        grads = torch.autograd.grad(loss(tensors, next(batches)).sum(), tensors)
        with torch.no_grad():
            new = (a - rate[:, None, None] * g for a, g in zip(old[-1], grads, strict=True))
            old.append(Params(*new))  # (stale)
    return old[-1]


def loss(params: Params, batch: Tensor) -> Tensor:
    """Mean squared error of each network's forecasts, ``(N,)``."""
    W_x, W_h, b, W_y, b_y = params
    h, hs = W_h.new_zeros(len(W_h), batch.shape[1], W_h.shape[1]), []
    for x in batch[:-1]:
        h = torch.baddbmm(x @ W_x + b, h, W_h).tanh()
        hs.append(h)
    said = torch.stack(hs, 1) @ W_y[:, None] + b_y[:, None]
    each: Tensor = (said - batch[1:]).square().mean((1, 2, 3))
    return each
