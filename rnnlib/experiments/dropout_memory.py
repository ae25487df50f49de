"""Over how many steps does an LSTM remember a symbol, if dropout hides its state or its memory?

Prediction: a fresh mask at each step on h costs nothing, since the memory is in c. One on c leaves
a unit alive over T steps with probability (1 - p)^T; with p = 1/4 and 32 units that is 10 units of
4 steps, 3 of 8, less than one of 16: so it learns at 4, partly at 8, and not at 16 and 32. One mask
for all steps on c is learned with, as it is drawn, and fails without it: what a unit that is kept
has been multiplied by, (1 - p)^-T, is gone. Zoneout costs nothing. (Written after trials with
another seed at 20 and 30 steps, in which a fresh mask on c failed and the others did not, at 20.)

Measured: share of 256 sequences whose first of T symbols is not named after the last, at the end of
training, for each of ``lengths`` and of ``KINDS`` (both: seed, T, kind): as used, without noise
(``error``), and with the noise of training (``noisy_error``). Networks of a seed start alike, with
a forget bias of 3, and see the same data.
"""

from functools import partial
from typing import Any

import numpy as np
import torch

from rnnlib.experiments import _networks as networks
from rnnlib.experiments.regularisers import Names, Noise, draw, expected, forward, scores, start

SEEDS = 5
QUICK = {"lengths": (2, 3), "H": 3, "steps": 2}

KINDS = (
    "none",
    "state, each step",
    "state, one mask",
    "memory, each step",
    "memory, one mask",
    "zoneout",
)
K, V = 8, 16  # symbols that come first, and all


def measure(
    seed: int,
    *,
    lengths: tuple[int, ...] = (4, 8, 16, 32),
    rate: float = 0.25,
    H: int = 32,
    B: int = 32,
    steps: int = 200,
    lr: float = 0.01,
) -> dict[str, Any]:
    """Measure once, see the module."""
    torch.set_num_threads(1)
    pairs = [teach(seed, T, torch.tensor([rate]), H, B, steps, lr) for T in lengths]
    return {"error": [used for used, _ in pairs], "noisy_error": [noisy for _, noisy in pairs]}


def sample(rng: np.random.Generator, T: int, B: int) -> Names:
    """The first symbol is one of K, and is asked for; the others are other symbols."""
    first, others = rng.integers(K, size=(1, 1, B)), rng.integers(K, V, size=(1, T - 1, B))
    symbols = torch.from_numpy(np.concatenate([first, others], axis=1))
    return Names(symbols, torch.full((1, B), T), symbols[:, 0])


def teach(
    seed: int, T: int, rate: torch.Tensor, H: int, B: int, steps: int, lr: float
) -> tuple[list[float], list[float]]:
    """Teach a network of each kind; give errors without noise and with it."""
    params = start(seed, len(KINDS), V, H, K)
    params.b[..., H : 2 * H] = 3
    for leaf in params:
        leaf.requires_grad_()
    adam = torch.optim.Adam(params, lr=lr)
    batches = networks.stream(seed, partial(sample, T=T, B=B))
    for _ in range(steps):
        batch = next(batches)
        said, _ = forward(params, batch, noise_of(batch, rate, H))
        adam.zero_grad()
        scores(said, batch)[0].sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
    test = sample(np.random.default_rng([seed, 2]), T, 256)
    still = beside([expected(kind, rate, test, H) for kind in KINDS], T, 256, H)
    with torch.no_grad():
        used, noisy = (
            scores(forward(params, test, noise)[0], test)[1].tolist()
            for noise in (still, noise_of(test, rate, H))
        )
    return used, noisy


def noise_of(batch: Names, rate: torch.Tensor, H: int) -> Noise:
    """Noise of a step of training, for networks of all kinds side by side."""
    _, T, B = batch.letters.shape
    return beside([draw(kind, rate, batch, V, H) for kind in KINDS], T, B, H)


def beside(noises: list[Noise], T: int, B: int, H: int) -> Noise:
    """Noise on h, on c and on what is kept, of networks that have each their own kind."""
    one, zero = torch.ones(1, 1, 1, 1), torch.zeros(2, 1, 1, 1, 1)
    h = [(one if n.h is None else n.h).expand(1, T, B, H) for n in noises]
    c = [(one if n.c is None else n.c).expand(1, T, B, H) for n in noises]
    keep = [(zero if n.keep is None else n.keep).expand(2, 1, T, B, H) for n in noises]
    return Noise(h=torch.cat(h), c=torch.cat(c), keep=torch.cat(keep, dim=1))
