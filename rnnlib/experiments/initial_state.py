"""Which state should a sequence begin with?

Prediction: a series of Mackey & Glass goes on from each value in several ways, so a network that
begins in the middle of one must err until it has seen enough. A learned first state is one for all
beginnings and can help with what they share only; one made from the first input knows no more than
the network itself after that input; so all of them should err alike. The state that is carried over
from the steps before should err far less at the beginning, and as much as the others later. A
network that was trained from random states should recover faster from a wrong one.

Measured: squared error at each of the steps after a beginning in the middle of held-out series,
relative to that of saying the last value again (``error``: seed, start, step), for five ways to
begin every window of K steps in training: zero, random (uniform in -1 to 1, drawn anew each time),
learned, a linear function of the first input, and carried from the window before. In the test each
network begins as it was trained, at random too; the carried one has read the 200 steps before. The
same from the state that its own carrying has left at the end of another series (``wrong_error``).
"""

from typing import Any, NamedTuple

import numpy as np

from rnnlib import tasks
from rnnlib.reference import bptt, elman, linear, losses
from rnnlib.reference.ops import Array, zeros_like
from rnnlib.reference.optim import Adam, clip_by_global_norm

SEEDS = 5
QUICK = {"T": 30, "K": 5, "H": 4, "B": 4, "epochs": 2, "ahead": 6}
STARTS = ("zero", "random", "learned", "input", "carried")


class Net(NamedTuple):
    """A cell, its read-out, and where it begins: a linear function of the first input."""

    cell: elman.Params
    readout: linear.Params
    first: linear.Params


def measure(
    seed: int,
    *,
    T: int = 400,
    K: int = 20,
    B: int = 32,
    H: int = 16,
    lr: float = 3e-3,
    epochs: int = 40,
    interval: float = 6.0,
    ahead: int = 60,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng([seed, 1])
    xs, ys, _ = tasks.mackey_glass(rng, T, B, interval=interval)
    before, after, _ = tasks.mackey_glass(rng, 200 + ahead, 10 * B, interval=interval)
    mean, std = xs.mean(), xs.std()
    xs, ys, before, after = ((a - mean) / std for a in (xs, ys, before, after))
    found: dict[str, list[Array]] = {"error": [], "wrong_error": []}
    for start in STARTS:
        net = teach(seed, start, xs, ys, K, H, lr, epochs)
        zero = elman.zero_state(net.cell, 10 * B)
        _, read, _ = bptt.forward(elman, net.cell, before[:200], zero)
        state = read if start == "carried" else begin(net, start, before[200], rng)
        wrong = elman.State(np.roll(read.h, 1, axis=0))
        for name, first in (("error", state), ("wrong_error", wrong)):
            hs, _, _ = bptt.forward(elman, net.cell, before[200:], first)
            errors = (linear.forward(net.readout, hs) - after[200:]) ** 2
            found[name].append(errors.mean((1, 2)) / ((before - after) ** 2).mean())
    return found


def begin(net: Net, start: str, x: Array, rng: np.random.Generator) -> elman.State:
    """The state before a first input."""
    if start == "random":
        return elman.State(rng.uniform(-1, 1, (len(x), len(net.cell.b))))
    if start in ("learned", "input"):
        return elman.State(linear.forward(net.first, x if start == "input" else 0 * x))
    return elman.zero_state(net.cell, len(x))


def teach(
    seed: int, start: str, xs: Array, ys: Array, K: int, H: int, lr: float, epochs: int
) -> Net:
    """Train on windows of K steps that begin in this way, in order."""
    rng = np.random.default_rng(seed)
    net = Net(
        elman.init(rng, 1, H), linear.init(rng, H, 1), linear.Params(np.zeros((H, 1)), np.zeros(H))
    )
    adam = Adam(lr)
    memory = adam.init(net)
    for _ in range(epochs):
        state = elman.zero_state(net.cell, xs.shape[1])
        for t in range(0, len(xs), K):
            x = xs[t] if start == "input" else 0 * xs[t]
            if start != "carried":
                state = begin(net, start, x, rng)
            hs, last, caches = bptt.forward(elman, net.cell, xs[t : t + K], state)
            _, dys = losses.mse(linear.forward(net.readout, hs), ys[t : t + K])
            dreadout, dhs = linear.backward(net.readout, hs, dys)
            dcell, _, dstate = bptt.backward(elman, net.cell, caches, dhs, zeros_like(last))
            dfirst = zeros_like(net.first)
            if start in ("learned", "input"):
                dfirst, _ = linear.backward(net.first, x, dstate.h)
            grads, _ = clip_by_global_norm(Net(dcell, dreadout, dfirst), 1.0)
            net, memory = adam.update(net, grads, memory)
            state = last
    return net
