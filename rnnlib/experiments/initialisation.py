"""Can a plain tanh network remember, if it starts right?

Prediction: with recurrent weights that start orthogonal the gradient comes back from 54 steps ago,
and temporal order at T = 60 is learned; with weights from N(0, 0.1²) the spectral radius of 50
units is about 0.7, the gradient is lost on the way, and nothing is learned in the same number of
steps. (Three controls were added when these two had been seen. An orthogonal matrix times 0.7
tells size from shape: we expect it to fail like the Gaussian one. Gaussian weights of radius 1 are
expected to learn, later than orthogonal ones, since most directions still die out. The identity is
orthogonal, but its units do not hear one another: we expect it to learn later, too.)

Measured: step at which 99 % of 500 held-out sequences were right, NaN if none was
(``KIND_solved``: seed), the share of errors every 50 steps (``KIND_error``: seed, check), where a
solved run keeps its last value, and the least and the largest singular value of the recurrent
weights at the end (``KIND_stretch``: seed, 2).
"""

from typing import Any

import torch
from torch import Tensor, nn

from rnnlib.experiments import _networks as networks

SEEDS = 5
QUICK = {"T": 20, "H": 4, "steps": 2, "every": 2, "held_out": 8}


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("orthogonal", "gaussian", "shrunk", "grown", "identity"),
    T: int = 60,
    H: int = 50,
    std: float = 0.1,
    shrink: float = 0.7,
    lr: float = 1e-3,
    steps: int = 2000,
    every: int = 50,
    held_out: int = 500,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {}
    for kind in kinds:
        module = networks.network(seed, "tanh", 8, H, 4)
        W = networks.weights(module.layer, "weight_hh")
        start(W, seed, kind, std, shrink)
        history = networks.temporal_order(seed, module, T, steps, every, held_out, lr)
        found[f"{kind}_solved"] = networks.solved_at(history)
        found[f"{kind}_error"] = networks.filled(history, steps // every)
        found[f"{kind}_stretch"] = torch.linalg.svdvals(W)[[-1, 0]].tolist()
    return found


def start(W: Tensor, seed: int, kind: str, std: float, shrink: float) -> None:
    """Write a start of some kind into recurrent weights; ``grown`` is Gaussian of radius 1."""
    if kind in {"orthogonal", "shrunk"}:
        networks.orthogonal(seed, W)
        W *= shrink if kind == "shrunk" else 1
    elif kind == "identity":
        nn.init.eye_(W)
    else:
        nn.init.normal_(W, std=std if kind == "gaussian" else len(W) ** -0.5)
