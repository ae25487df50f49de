"""Which cell learns to count?

Prediction (Gers & Schmidhuber 2001; Weiss et al. 2018): a network taught on aⁿbⁿ with n from 1 to
10 that predicts the end at the right step must count. The cell of an LSTM can grow without bound,
one per a, so it goes on to larger n; the states of a GRU and of tanh lie between -1 and 1, so they
fail not far beyond 10.

Measured: the largest n such that for every n' ≤ n all symbols after the first b are right
(``reach``: seed, kind in the order of ``kinds``; 0 if n = 1 fails), tried up to ``most``; the
share of the n from 1 to ``most`` that are right (``share``: the same).
"""

from typing import Any

import numpy as np
import torch

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

SEEDS = 5
QUICK = {"H": 3, "steps": 2, "most": 12}


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("LSTM", "GRU", "tanh"),
    H: int = 10,
    B: int = 32,
    lr: float = 1e-2,
    steps: int = 2000,
    most: int = 100,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, list[float]] = {"reach": [], "share": []}
    for kind in kinds:
        module = networks.network(seed, kind, 4, H, 4)
        batches = networks.stream(seed, lambda rng: networks.tensors(tasks.anbn(rng, B, 1, 10), 4))
        networks.teach(module, batches, steps, lambda m: 0.0, lr, every=steps)
        right = [is_right(module, n) for n in range(1, most + 1)]
        found["reach"].append([*right, False].index(False))
        found["share"].append(sum(right) / most)
    return found


def is_right(module: networks.Network, n: int) -> bool:
    """Does the network say b to the last b, and then the end?"""
    string: Array = np.repeat([0, 1, 2, 3], [1, n, n, 1])[:, None]
    batch = tasks.Symbols(string[:-1], string[1:], string[:-1] == 2)
    with torch.no_grad():
        return networks.symbol_error(module, networks.tensors(batch, 4)) == 0
