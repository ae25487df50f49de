"""Does a second, slower recurrence make long sequences easier to learn?

Prediction: yes, where few things have to be remembered for long. In segments of K steps no path is
longer than K + T / K steps, which is least at K = √T. Temporal order should be learned fastest
there, and hardly at all, or slowly, with a path of T steps, be it by a network without segments,
with segments of one step or with a single one. The adding problem asks for a number, not for a
symbol; it should gain less.

Measured: the step of training at which the error on held-out sequences falls to the goal, or NaN if
it does not (``order_solved``: seed, K), and the error after the last step (``order_error``,
``adding_error``: seed, K), the share of wrong answers or the squared error, relative to that of
saying always the mean. K = 0 stands for the network without segments, which has about as many
weights. Recurrent weights start orthogonal.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnlib import tasks
from rnnlib.reference import bptt, elman, init, linear, losses, segments
from rnnlib.reference.ops import Array, zeros_like
from rnnlib.reference.optim import Adam, clip_by_global_norm

SEEDS = 3
QUICK = {"T": 20, "H": 4, "B": 4, "steps": 4, "every": 2, "order": (0, 5), "adding": (0, 5)}


def measure(
    seed: int,
    *,
    T: int = 100,
    B: int = 32,
    H: int = 30,
    lr: float = 1e-3,
    steps: int = 1500,
    every: int = 50,
    held_out: int = 256,
    goal: float = 0.01,
    order: tuple[int, ...] = (0, 1, 5, 10, 20, 100),
    adding: tuple[int, ...] = (0, 10),
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, list[float]] = {"order_solved": [], "order_error": [], "adding_error": []}
    for K in order:
        at, error = teach(seed, draw_order, 4, wrong, K, T, B, H, lr, steps, every, held_out, goal)
        found["order_solved"].append(at)
        found["order_error"].append(error)
    for K in adding:
        _, error = teach(seed, draw_adding, 1, off, K, T, B, H, lr, steps, every, held_out, goal)
        found["adding_error"].append(error)
    return found


def draw_order(rng: np.random.Generator, T: int, B: int) -> tuple[Array, Array]:
    """Sequences of temporal order, and what to say after the last step."""
    batch = tasks.temporal_order(rng, T, B)
    return np.eye(8)[batch.inputs], batch.targets[-1]


def draw_adding(rng: np.random.Generator, T: int, B: int) -> tuple[Array, Array]:
    """Sequences of the adding problem, and what to say after the last step."""
    batch = tasks.adding(rng, T, B)
    return batch.inputs, batch.targets[-1]


def wrong(says: Array, ys: Array) -> float:
    """Share of wrong symbols."""
    return float((says.argmax(-1) != ys).mean())


def off(says: Array, ys: Array) -> float:
    """Squared error, relative to that of the mean."""
    return float(((says - ys) ** 2).mean() / tasks.adding_baseline())


def start(rng: np.random.Generator, K: int, D: int, H: int, V: int) -> tuple[Any, linear.Params]:
    """A fresh network; without segments it is as large as the two cells together."""
    if K:
        cell: Any = segments.Params(_cell(rng, D, H), _cell(rng, H, H))
        return cell, linear.init(rng, H, V)
    pair = H * (D + H + 1) + H * (2 * H + 1) + V * (H + 1)
    H = max(n for n in range(1, 3 * H) if n * (D + n + 1) + V * (n + 1) <= pair)
    return _cell(rng, D, H), linear.init(rng, H, V)


def _cell(rng: np.random.Generator, D: int, H: int) -> elman.Params:
    return elman.init(rng, D, H)._replace(W_h=init.orthogonal(rng, (H, H)))


def run(cell: Any, xs: Array, K: int) -> tuple[Array, Callable[[Array], Any]]:
    """The last hidden state, and what carries a gradient from it back to the parameters."""
    B = xs.shape[1]
    if not K:
        hs, last, caches = bptt.forward(elman, cell, xs, elman.zero_state(cell, B))
        none = zeros_like(hs)
        return last.h, lambda dh: bptt.backward(elman, cell, caches, none, elman.State(dh))[0]
    zero = elman.zero_state(cell.slow, B)
    hs, last, cache = segments.forward(elman, elman, cell, xs, zero, K)
    rest = zeros_like(hs)
    return last.h, lambda dh: segments.backward(elman, elman, cell, cache, rest, elman.State(dh))[0]


def teach(
    seed: int,
    draw: Callable[..., tuple[Array, Array]],
    V: int,
    score: Callable[[Array, Array], float],
    K: int,
    T: int,
    B: int,
    H: int,
    lr: float,
    steps: int,
    every: int,
    held_out: int,
    goal: float,
) -> tuple[float, float]:
    """Train until the goal or the last step; when the goal was reached, and the last error."""
    rng = np.random.default_rng(seed)
    test, truth = draw(np.random.default_rng([seed, 2]), T, held_out)
    net = start(rng, K, test.shape[-1], H, V)
    criterion: Any = losses.cross_entropy if V > 1 else losses.mse
    adam, error = Adam(lr), np.inf
    memory = adam.init(net)
    for n in range(1, steps + 1):
        xs, ys = draw(rng, T, B)
        h, back = run(net[0], xs, K)
        _, dys = criterion(linear.forward(net[1], h), ys)
        dreadout, dh = linear.backward(net[1], h, dys)
        grads, _ = clip_by_global_norm((back(dh), dreadout), 1.0)
        net, memory = adam.update(net, grads, memory)
        if n % every == 0:
            error = score(linear.forward(net[1], run(net[0], test, K)[0]), truth)
            if error <= goal:
                return float(n), error
    return float("nan"), error
