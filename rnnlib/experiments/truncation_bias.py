"""How wrong is the direction of a truncated gradient?

Prediction: the loss of temporal order sits at the last step, but what it needs lies at least 0.4 T
steps back. With recurrent weights that start orthogonal the near steps do not dominate, so a
gradient cut after one step points elsewhere; a longer window helps quickly, since the Jacobians of
tanh shrink what comes from afar. As the network learns to remember, short windows get worse.

Measured: cosine between the gradient of the recurrent layer truncated to chunks of K steps and the
full one (``cosine``: seed, step of training, K), and the share of errors on the held-out sequences
that it is measured on (``error``: seed, step). Training is with the full gradient.
"""

from typing import Any

import numpy as np

from rnnlib import tasks, train
from rnnlib.reference import bptt, elman, init, linear, losses, truncated
from rnnlib.reference.ops import Array, leaves, zeros_like
from rnnlib.reference.optim import Adam

SEEDS = 5
QUICK = {"T": 20, "H": 6, "B": 4, "steps": 4, "every": 2, "windows": (1, 20)}


def measure(
    seed: int,
    *,
    T: int = 60,
    B: int = 32,
    H: int = 50,
    lr: float = 1e-3,
    steps: int = 1000,
    every: int = 100,
    windows: tuple[int, ...] = (1, 5, 10, 20, 30),
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng(seed)
    cell = elman.init(rng, 8, H)._replace(W_h=init.orthogonal(rng, (H, H)))
    learner = train.Reference(
        train.Network(cell, linear.init(rng, H, 4)),
        Adam(lr),
        train.many_to_many(elman, losses.cross_entropy),
    )
    held_out, found = one_hot(tasks.temporal_order(rng, T, 4 * B)), []

    def probe(params: train.Network) -> float:
        cosines, error = compare(params, held_out, windows)
        found.append((cosines, error))
        return error

    def batches() -> Any:
        while True:
            yield one_hot(tasks.temporal_order(rng, T, B))

    probe(learner.params)
    train.fit(learner, batches(), steps, clip=1.0, validate=probe, every=every, bar=False)
    return {"cosine": [c for c, _ in found], "error": [e for _, e in found]}


def one_hot(batch: tasks.Symbols) -> tuple[Array, Array, Array]:
    """The batch, its inputs as vectors of 0 and 1."""
    return np.eye(8)[batch.inputs], batch.targets, batch.mask


def compare(
    params: train.Network, batch: Any, windows: tuple[int, ...]
) -> tuple[list[float], float]:
    """Cosine of each truncated gradient with the full one, and the share of errors."""
    xs, ys, _ = batch
    zero = elman.zero_state(params.cell, xs.shape[1])
    hs, last, caches = bptt.forward(elman, params.cell, xs, zero)
    logits = linear.forward(params.readout, hs[-1])
    _, dlogits = losses.cross_entropy(logits, ys[-1])
    dhs = np.zeros_like(hs)
    _, dhs[-1] = linear.backward(params.readout, hs[-1], dlogits)

    def gradient(K: int) -> Array:
        rest = zeros_like(last)
        dcell, _, _ = truncated.backward(elman, params.cell, caches, dhs, rest, K)
        return np.concatenate([d.ravel() for d in leaves(dcell)])

    full = gradient(len(xs))
    cosines = [float(g @ full / np.sqrt((g @ g) * (full @ full))) for g in map(gradient, windows)]
    return cosines, float((logits.argmax(-1) != ys[-1]).mean())
