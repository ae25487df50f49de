"""Which optimiser, at which learning rate, and does it need clipping?

Prediction: an optimiser that divides by the size of past gradients (AdaGrad, RMSProp, Adam, AdamW)
learns temporal order over a wider range of rates than one that does not (SGD, momentum, Nesterov);
Nesterov does as momentum, and AdamW as Adam. Without clipping SGD and momentum fail at rates at
which they learn with it. Adam is helped by clipping, too, but less. Clipping by value does as well
as by norm. Warm-up widens the range of rates at which Adam learns; a falling rate changes little.
With four times the batch the steps needed fall by less than four. (Then came a trial of the sweep
with one seed. It showed networks that had learned it and lost it again, so that was measured, too;
we expect it less often with clipping, and least with a falling rate.)

Measured: the step of the first check with at most 1 % of 256 held-out sequences wrong
(``sweep_solved``: seed, optimiser, clip, rate; NaN if there was none), the largest share that was
wrong at a later check (``sweep_relapse``; NaN if there was none, or a number was lost), the share
wrong at the end (``sweep_error``, NaN if a number was lost), and the median and the largest norm of
the gradient before clipping (``sweep_median``, ``sweep_largest``). The first three of these for
Adam with other schedules (``schedule_solved``, ``schedule_relapse``, ``schedule_error``: seed,
schedule, rate), and for SGD and Adam with other sizes of batch (``batch_solved``,
``batch_relapse``, ``batch_error``: seed, size, optimiser, rate), clipped by norm. All networks of a
seed start from the same weights, the recurrent ones orthogonal, and those of one size of batch see
the same data.
"""

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.reference import init, optim, schedule
from rnnlib.reference.ops import tree_map

SEEDS = 5
QUICK = {"T": 12, "H": 4, "B": 3, "steps": 2, "every": 2, "held_out": 8, "sizes": (2, 3)}

MAKE: dict[str, Callable[[float], Any]] = {
    "SGD": optim.SGD,
    "momentum": optim.Momentum,
    "Nesterov": optim.Nesterov,
    "AdaGrad": optim.AdaGrad,
    "RMSProp": optim.RMSProp,
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
}


MEASURED = ("solved", "relapse", "error", "median", "largest")


class Arm(NamedTuple):
    """How one network is taught."""

    optimiser: str
    rate: float
    clip: str = "norm"
    schedule: str = "constant"


class Params(NamedTuple):
    """Weights of N tanh networks side by side."""

    W_x: Any  # (N, D, H)
    W_h: Any  # (N, H, H)
    b: Any  # (N, 1, H)
    W_y: Any  # (N, H, V)
    b_y: Any  # (N, 1, V)


def measure(
    seed: int,
    *,
    T: int = 40,
    H: int = 32,
    B: int = 16,
    steps: int = 1000,
    every: int = 50,
    held_out: int = 256,
    top: tuple[float, ...] = (3.0, 0.3, 0.3, 1.0, 0.1, 0.1, 0.1),
    rates: int = 7,
    clips: tuple[str, ...] = ("none", "norm", "value"),
    schedules: tuple[str, ...] = ("constant", "warm-up", "cosine", "both"),
    sizes: tuple[int, ...] = (4, 64),
) -> dict[str, Any]:
    """Measure once, see the module; rates fall from ``top`` by half powers of ten."""
    down = 10.0 ** (-np.arange(rates) / 2)
    grid = {name: (highest * down).tolist() for name, highest in zip(MAKE, top, strict=True)}

    def run(shape: tuple[int, ...], arms: list[Arm], B: int) -> list[Any]:
        found = teach(seed, arms, T, H, B, steps, every, held_out)
        return [values.reshape(shape).tolist() for values in found]

    sweep = [Arm(name, rate, clip) for name, clip in product(MAKE, clips) for rate in grid[name]]
    falls = [Arm("Adam", rate, schedule=s) for s, rate in product(schedules, grid["Adam"])]
    sized = [Arm(name, rate) for name in ("SGD", "Adam") for rate in grid[name]]
    parts = {
        "sweep": run((len(MAKE), len(clips), rates), sweep, B),
        "schedule": run((len(schedules), rates), falls, B)[:3],
        "batch": list(zip(*(run((2, rates), sized, size)[:3] for size in sizes), strict=True)),
    }
    return {
        f"{part}_{name}": values
        for part, found in parts.items()
        for name, values in zip(MEASURED, found, strict=False)
    }


def teach(
    seed: int, arms: list[Arm], T: int, H: int, B: int, steps: int, every: int, held_out: int
) -> list[Any]:
    """Teach one network per arm; give what ``MEASURED`` names, one number for each arm."""
    torch.set_num_threads(1)
    rules: dict[Any, list[int]] = {}  # networks that differ in the clip alone are updated together
    for n, arm in enumerate(arms):
        rules.setdefault(arm._replace(clip=""), []).append(n)
    optimisers = [rule_of(arm, steps) for arm in rules]
    params = start(seed, len(arms), H)
    states = [o.init(at(params, ns)) for o, ns in zip(optimisers, rules.values(), strict=True)]
    test = tasks.temporal_order(np.random.default_rng([seed, 2]), T, held_out)
    batches = networks.stream(seed, lambda rng: tasks.temporal_order(rng, T, B))
    clips, norms, errors = [arm.clip for arm in arms], [], []
    for t in range(1, steps + 1):
        with np.errstate(all="ignore"):  # what is lost becomes NaN, and is counted as such
            grads, norm = clipped(gradient(params, next(batches)), clips)
            for k, ns in enumerate(rules.values()):
                new, states[k] = optimisers[k].update(at(params, ns), at(grads, ns), states[k])
                tree_map(lambda leaf, part, ns=ns: leaf.__setitem__(ns, part), params, new)
        norms.append(norm)
        if t % every == 0:
            errors.append(wrong(params, test))
    solved, relapse = first_and_after(np.array(errors), every)
    return [solved, relapse, errors[-1], np.median(norms, axis=0), np.max(norms, axis=0)]


def first_and_after(errors: Any, every: int) -> tuple[Any, Any]:
    """Step of the first check at the goal, and largest error later; ``(checks, N)`` to ``(N,)``."""
    solved, relapse = np.full((2, errors.shape[1]), np.nan)
    for n, each in enumerate(errors.T):
        good = np.flatnonzero(each <= 0.01)
        if len(good):
            solved[n] = (good[0] + 1) * every
            relapse[n] = each[good[0] + 1 :].max(initial=0)
    return solved, relapse


def start(seed: int, N: int, H: int) -> Params:
    """Draw a network, orthogonal and recurrent, and copy it."""
    rng, n = np.random.default_rng([seed, 3]), H**-0.5
    W_x, W_h = rng.uniform(-n, n, size=(8, H)), init.orthogonal(rng, (H, H))
    W_y = rng.uniform(-n, n, size=(H, 4))
    net = Params(W_x, W_h, np.zeros((1, H)), W_y, np.zeros((1, 4)))
    return tree_map(lambda a: np.repeat(a[None], N, axis=0).astype(np.float32), net)


def at(tree: Params, ns: list[int]) -> Params:
    """Some of the networks."""
    return tree_map(lambda a: a[ns], tree)


def rule_of(arm: Arm, steps: int) -> Any:
    """The optimiser of an arm, with its schedule."""
    rise, fall = max(1, steps // 10), steps
    rate = {
        "constant": None,
        "warm-up": lambda t: schedule.warm_up(t, arm.rate, rise),
        "cosine": lambda t: schedule.cosine(t, arm.rate, fall),
        "both": lambda t: schedule.warm_up_cosine(t, arm.rate, rise, fall - rise),
    }[arm.schedule]
    optimiser = MAKE[arm.optimiser](arm.rate)
    return schedule.Scheduled(optimiser, rate) if rate else optimiser


def logits(params: Params, batch: tasks.Symbols) -> Tensor:
    """What each network says at the last step, ``(N, B, 4)``."""
    W_x, W_h, b, W_y, b_y = params
    T, B = batch.inputs.shape
    inputs = one_hot(torch.from_numpy(batch.inputs), 8).float().reshape(T * B, 8)
    inside = (inputs @ W_x + b).unflatten(1, (T, B)).unbind(1)
    h = torch.zeros_like(inside[0])
    for a in inside:
        h = torch.baddbmm(a, h, W_h).tanh()
    said: Tensor = h @ W_y + b_y
    return said


def gradient(params: Params, batch: tasks.Symbols) -> Params:
    """Gradient of each network's own loss."""
    tensors = Params(*(torch.from_numpy(leaf).requires_grad_() for leaf in params))
    said = logits(tensors, batch)
    ys = torch.from_numpy(batch.targets[-1]).expand(len(said), -1)
    loss = cross_entropy(said.flatten(0, 1), ys.flatten(), reduction="sum") / ys.shape[1]
    return Params(*(g.numpy() for g in torch.autograd.grad(loss, tensors)))


def wrong(params: Params, batch: tasks.Symbols) -> Any:
    """Share of sequences that each network gets wrong; NaN if a number was lost."""
    with torch.no_grad():
        said = logits(Params(*map(torch.from_numpy, params)), batch).numpy()
    share = (said.argmax(-1) != batch.targets[-1]).mean(-1)
    return np.where(np.isfinite(said).all((1, 2)), share, np.nan)


def clipped(grads: Params, clips: list[str], norm: float = 1.0, value: float = 0.1) -> Any:
    """Each gradient as its network wants it, and its norm before."""
    squares = [np.square(g, dtype=np.float64).sum((1, 2)) for g in grads]
    norms = np.sqrt(np.sum(squares, axis=0))
    by_norm = np.where(np.array(clips) == "norm", np.minimum(1, norm / norms), 1)[:, None, None]
    by_value = np.where(np.array(clips) == "value", value, np.inf)[:, None, None]
    cut = tree_map(lambda g: np.clip(g * by_norm, -by_value, by_value).astype(np.float32), grads)
    return cut, norms
