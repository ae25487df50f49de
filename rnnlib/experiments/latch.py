"""Can a network remember for longer than its gradient reaches?

Prediction: yes, if the state is carried from chunk to chunk. The network is to say the sign of the
last pulse in a long stream; to hold what one holds is a matter of one step, so chunks of a single
step should teach it. With a fresh state at every chunk, or with another stream's, what is older
than the chunk is not there, and is not learned.

Measured: share of right answers on a long stream with rare pulses, by the number of steps since the
last pulse, in the bins ``ages`` (``right``: seed, condition, bin), of a network trained on one
stream cut into B rows and chunks of K steps. Conditions are K and what the state before a chunk is:
``carried`` from the chunk before; ``fresh``, zero; ``shuffled``, carried, but to another row; and
``interleaved``, carried, where row b holds every B-th step of the stream.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from rnnlib import train
from rnnlib.reference import bptt, elman, linear, losses
from rnnlib.reference.ops import Array
from rnnlib.reference.optim import Adam, clip_by_global_norm

SEEDS = 5
QUICK = {"T": 40, "H": 4, "test": 600, "conditions": (("carried", 2), ("shuffled", 5))}


def measure(
    seed: int,
    *,
    T: int = 10000,
    B: int = 16,
    H: int = 16,
    p: float = 0.02,
    lr: float = 1e-3,
    test: int = 10000,
    test_p: float = 0.005,
    ages: tuple[int, ...] = (0, 1, 5, 10, 20, 50, 100, 200, 500),
    conditions: tuple[tuple[str, int], ...] = (
        ("carried", 1),
        ("carried", 5),
        ("fresh", 5),
        ("shuffled", 5),
        ("interleaved", 5),
    ),
) -> dict[str, Any]:
    """Measure once, see the module."""
    xs, ys, age = stream(np.random.default_rng([seed, 2]), test, test_p)
    found = []
    for start, K in conditions:
        net = teach(seed, start, K, T, B, H, p, lr)
        zero = elman.zero_state(net.cell, 1)
        hs, _, _ = bptt.forward(elman, net.cell, xs[:, None, None], zero)
        right = linear.forward(net.readout, hs[:, 0]).argmax(-1) == ys
        bins = pairwise(ages)
        found.append([float(right[(age >= a) & (age < b)].mean()) for a, b in bins])
    return {"right": found}


def stream(rng: np.random.Generator, T: int, p: float) -> tuple[Array, Array, Array]:
    """Pulses of 1 or -1, each with probability p, and zeros; sign of the last one; its age.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T : int
        Number of steps; the first has a pulse.
    p : float
        Probability of a pulse at each other step.

    Returns
    -------
    Array
        Inputs, ``(T,)``.
    Array of int
        1 if the last pulse was positive, 0 if not, ``(T,)``.
    Array of int
        Steps since the last pulse, ``(T,)``.
    """
    pulse = rng.uniform(size=T) < p
    pulse[0] = True
    sign, t = rng.choice([-1.0, 1.0], size=T), np.arange(T)
    last = np.maximum.accumulate(np.where(pulse, t, 0))
    return np.where(pulse, sign, 0.0), (sign[last] > 0).astype(np.int64), t - last


def rows(xs: Array, B: int, interleaved: bool = False) -> Array:
    """Cut a stream into B rows, time first; row b goes on where row b - 1 ends.

    Parameters
    ----------
    xs : Array
        One stream, ``(N,)``.
    B : int
        Number of rows; what is left over is dropped.
    interleaved : bool
        Give row b every B-th step instead, which is wrong.

    Returns
    -------
    Array
        The rows, ``(N // B, B)``.

    Examples
    --------
    >>> rows(np.arange(6), B=2)
    array([[0, 3],
           [1, 4],
           [2, 5]])
    """
    T = len(xs) // B
    return xs[: T * B].reshape(T, B) if interleaved else xs[: T * B].reshape(B, T).T


def teach(
    seed: int, start: str, K: int, T: int, B: int, H: int, p: float, lr: float
) -> train.Network:
    """Train on a stream of T B steps, one step of Adam per chunk."""
    rng = np.random.default_rng(seed)
    net = train.Network(elman.init(rng, 1, H), linear.init(rng, H, 2))
    adam, zero = Adam(lr), elman.zero_state(net.cell, B)
    memory, state = adam.init(net), zero
    xs, ys = (rows(a, B, start == "interleaved") for a in stream(rng, T * B, p)[:2])
    for t in range(0, T, K):
        if start == "fresh":
            state = zero
        if start == "shuffled":
            state = elman.State(state.h[rng.permutation(B)])
        hs, state, caches = bptt.forward(elman, net.cell, xs[t : t + K, :, None], state)
        says = linear.forward(net.readout, hs)
        dreadout, dhs = linear.backward(
            net.readout, hs, losses.cross_entropy(says, ys[t : t + K])[1]
        )
        dcell, _, _ = bptt.backward(elman, net.cell, caches, dhs, zero)
        grads, _ = clip_by_global_norm(train.Network(dcell, dreadout), 1.0)
        net, memory = adam.update(net, grads, memory)
    return net
