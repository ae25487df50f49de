"""What does a ReLU network lack that starts from the identity?

Prediction: read pixel by pixel, digits are learned badly from the identity (``IRNN`` of the
experiment ``sequential_digits``), although it hands gradients back unharmed. If that is because
all its states are multiples of one sum, in which the order of the pixels is lost, then another
matrix that ReLU leaves alone and that keeps order must do far better: the cyclic shift, which
hands the state of each unit to the next one. A random permutation, which has several short cycles,
lies between. An orthogonal start, half of which ReLU cuts away at each step, loses the early
pixels and learns less than the shift, with a gain of √2 more than without. (A trial with the first
seed had been seen when this was written.)

Measured: share of the held-out digits that is recognised, at the end (``accuracy``: seed, kind in
the order of ``kinds``) and on the way (``curve``: seed, kind, check), with the digits, settings
and seeds of ``sequential_digits``.
"""

from typing import Any

import torch

from rnnlib.experiments import _networks as networks
from rnnlib.experiments import sequential_digits

SEEDS = 3
QUICK = sequential_digits.QUICK


def measure(
    seed: int,
    *,
    kinds: tuple[str, ...] = ("shift", "permutation", "orthogonal", "orthogonal √2"),
    H: int = 64,
    B: int = 64,
    lr: float = 1e-3,
    steps: int = 1200,
    every: int = 100,
    held_out: int = 597,
) -> dict[str, Any]:
    """Measure once, see the module."""
    task = sequential_digits.Task(seed, B, held_out)
    curves = [task.curve(start(seed, kind, H), steps, lr, every) for kind in kinds]
    return {"accuracy": [curve[-1] for curve in curves], "curve": curves}


def start(seed: int, kind: str, H: int) -> networks.Network:
    """A ReLU network of a kind; biases are zero, and all else is as torch draws it."""
    module = networks.network(seed, "relu", 1, H, 10)
    for name in ("bias_ih", "bias_hh"):
        networks.weights(module.layer, name).zero_()
    W = networks.weights(module.layer, "weight_hh")
    generator = torch.Generator().manual_seed(seed)
    if kind == "shift":
        W.copy_(torch.eye(H).roll(1, 0))
    elif kind == "permutation":
        W.copy_(torch.eye(H)[torch.randperm(H, generator=generator)])
    else:
        networks.orthogonal(seed, W)
        W *= 2**0.5 if kind == "orthogonal √2" else 1
    return module
