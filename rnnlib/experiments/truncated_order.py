"""Does a truncated gradient that points nearly the right way teach what lies beyond it?

Prediction: no. In temporal order with T = 60 the two symbols to remember lie 24 to 30 and 48 to 54
steps before the end, where alone the loss is. A gradient that goes back K = 20 steps agrees with
the full one to within a few hundredths in its cosine at the start, but no part of it tells the
network to write a symbol down. What the untrained state happens to carry can be read out.

Measured: share of errors on held-out sequences after training, for each window K (``error``: seed,
K); 3/4 is chance. The recurrent weights start orthogonal; all windows see the same sequences.
"""

from typing import Any

import numpy as np

from rnnlib import tasks, train
from rnnlib.experiments.truncation_bias import one_hot
from rnnlib.reference import bptt, elman, init, linear, losses
from rnnlib.reference.ops import zeros_like
from rnnlib.reference.optim import Adam, clip_by_global_norm

SEEDS = 5
QUICK = {"T": 20, "H": 6, "B": 4, "steps": 4, "windows": (1, 20)}


def measure(
    seed: int,
    *,
    T: int = 60,
    B: int = 32,
    H: int = 50,
    lr: float = 1e-3,
    steps: int = 1500,
    held_out: int = 1000,
    windows: tuple[int, ...] = (1, 10, 20, 30, 60),
) -> dict[str, Any]:
    """Measure once, see the module."""
    test = one_hot(tasks.temporal_order(np.random.default_rng([seed, 2]), T, held_out))
    errors = []
    for K in windows:
        net = teach(seed, K, T, B, H, lr, steps)
        xs, ys, _ = test
        zero = elman.zero_state(net.cell, held_out)
        _, last, _ = bptt.forward(elman, net.cell, xs, zero)
        errors.append(float((linear.forward(net.readout, last.h).argmax(-1) != ys[-1]).mean()))
    return {"error": errors}


def teach(seed: int, K: int, T: int, B: int, H: int, lr: float, steps: int) -> train.Network:
    """Train with a gradient that goes back K steps from the last."""
    rng = np.random.default_rng(seed)
    cell = elman.init(rng, 8, H)._replace(W_h=init.orthogonal(rng, (H, H)))
    net = train.Network(cell, linear.init(rng, H, 4))
    adam, zero = Adam(lr), elman.zero_state(cell, B)
    memory = adam.init(net)
    for _ in range(steps):
        xs, ys, _ = one_hot(tasks.temporal_order(rng, T, B))
        hs, last, caches = bptt.forward(elman, net.cell, xs, zero)
        _, dlogits = losses.cross_entropy(linear.forward(net.readout, last.h), ys[-1])
        dreadout, dlast = linear.backward(net.readout, last.h, dlogits)
        rest = zeros_like(hs[-K:])
        dcell, _, _ = bptt.backward(elman, net.cell, caches[-K:], rest, elman.State(dlast))
        grads, _ = clip_by_global_norm(train.Network(dcell, dreadout), 1.0)
        net, memory = adam.update(net, grads, memory)
    return net
