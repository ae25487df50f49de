"""Does normalisation help to train, and what does it cost at the test?

Prediction: from a good start, each at its best rate, an LSTM with layer or batch norm needs
somewhat fewer steps, at most by half. What normalisation protects from is a bad start: with pixels
sixteen times as large, or weights eight times, the plain LSTM gets late or nowhere, and the
normalised ones do not notice. It is no cure for vanishing gradients: a tanh network from torch's
start that does not learn temporal order over 40 steps does not learn it with layer or batch norm
either, while one that starts orthogonal does. With a gain of 2, at which the mean-field rate is
near zero, some runs learn it. Batch norm needs the statistics of each step: with those of all steps
together it recognises far fewer digits, and if the digit begins later than in training, it loses
more than the others. (A trial with one seed was seen before: layer norm was ahead early and not at
the end, batch norm throughout; small weights did not matter and were left out; three runs on order
at gain 1 failed, as predicted. The two bad starts, the gain of 2 and dropout were new. When all of
this had run, batch norm was ahead, and no run with a norm had learned order. So two things were
added. Pixels standardised at every place: we expect that they give the plain LSTM most of what
batch norm gives. Norms with a gain of the input that is a tenth of the state's: where the present
is quiet, some runs should learn order. Later still we saw that the plain LSTM was best at the
highest of three rates, and that the quiet norms had two changes at once. So two more things were
added. A fourth rate on the digits: in a trial of the plain kind it had lowered the median of the
loss; batch norm with a gain of a tenth should stay ahead, by less. Norms with both gains at a half,
as the quiet ones have for the state: they should learn no order.)

Measured on digits, read two pixels at a time by LSTMs: the loss on held-out digits
(``digits_loss``: seed, kind, start, rate, check; the starts are the usual one, pixels sixteen times
as large, weights of the cell eight times, and pixels standardised at every place; on the statistics
of digits of the training); of the network with the lowest loss at the end from the usual start, the
share of held-out digits that it recognises (``test_own``: seed, kind) on statistics of each step of
that batch itself, (``test_each``) of the training, (``test_shared``) of the training with all steps
together; after so many blank steps, on statistics that go on in their last row (``test_late``:
seed, kind, delay) or in the shared one (``test_late_shared``); if batches of so many digits are
normalised by themselves (``test_small``: seed, kind, size); if only the statistics of the input's
share, the state's, or the memory are shared (``test_parts``: seed, kind, part). Of the same
network, before training and after: the norm of the adjoint over that at the last step, the mean of
its logarithm, at every third lag (``digits_lag``: seed, kind, before or after, lag). On temporal
order, by tanh networks, the step at which no more than 1 % of the held-out sequences were wrong
(``order_solved``: seed, way, rate; NaN if there was none), and the least share wrong
(``order_error``).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, layer_norm, one_hot

from rnnlib import data, tasks
from rnnlib.experiments import RESULTS
from rnnlib.experiments import _networks as networks
from rnnlib.experiments.optimisers import clipped
from rnnlib.reference import dropout, init, optim
from rnnlib.reference.ops import tree_map, zeros_like

SEEDS = 5
QUICK = {
    "H": 4,
    "B": 8,
    "steps": 2,
    "every": 2,
    "held_out": 16,
    "sizes": (2, 8),
    "T": 12,
    "order_steps": 2,
}
EPS = 1e-5
GAINS = {  # the kinds, and what their gains are at the start
    "none": 1.0,
    "layer": 1.0,
    "batch": 1.0,
    "batch 0.1": 0.1,
    "dropout": 1.0,
    "layer 2": 2.0,
    "batch 2": 2.0,
    "layer quiet": 0.5,
    "batch quiet": 0.5,
    "layer half": 0.5,
    "batch half": 0.5,
}
KINDS = ("none", "layer", "batch", "batch 0.1", "dropout")
STARTS = {  # by what the weights of the cell are multiplied; for the inputs see views
    "usual": 1.0,
    "large inputs": 1.0,
    "large weights": 8.0,
    "standard inputs": 1.0,
}
DROP = 0.25  # rate of dropout, on the state, with one mask for a sequence
ADAM = optim.Adam(1.0)
WAYS = (
    "none",
    "layer",
    "layer 2",
    "batch",
    "batch 2",
    "orthogonal",
    "layer quiet",  # the gain of the input a tenth of that of the state
    "batch quiet",
    "layer half",  # both gains that of the state in the quiet ones
    "batch half",
)

Statistics = list[tuple[Tensor, Tensor]]  # means and variances of a step, (N, 1, ...)


class Params(NamedTuple):
    """Weights of N networks side by side; in a tanh cell H stands for 4H."""

    W_x: Any  # (N, D, 4H)
    W_h: Any  # (N, H, 4H)
    b: Any  # (N, 1, 4H)
    gamma_x: Any  # (N, 1, 4H)
    gamma_h: Any  # (N, 1, 4H)
    gamma_c: Any  # (N, 1, H)
    beta_c: Any  # (N, 1, H)
    W_y: Any  # (N, H, V)
    b_y: Any  # (N, 1, V)


class Run(NamedTuple):
    """What a pass gives: one entry per step."""

    hs: list[Tensor]  # (N, B, H)
    cs: list[Tensor]  # (N, B, H)
    statistics: list[Statistics]
    recurrent: list[Tensor]  # W_h h, (N, B, 4H)


def measure(
    seed: int,
    *,
    H: int = 24,
    B: int = 24,
    steps: int = 200,
    every: int = 25,
    rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.06),
    held_out: int = 400,
    delays: tuple[int, ...] = (0, 1, 2, 4, 8, 16),
    sizes: tuple[int, ...] = (2, 4, 8, 16, 32),
    T: int = 40,
    order_steps: int = 400,
    order_rates: tuple[float, ...] = (0.003, 0.01, 0.03),
) -> dict[str, Any]:
    """Measure once, see the module."""
    torch.set_num_threads(1)
    rows = [
        on_digits(seed, kind, H, B, steps, every, rates, held_out, delays, sizes) for kind in KINDS
    ]
    arrays = {name: leaf for row in rows for name, leaf in row.pop("arrays").items()}
    found = {name: [row[name] for row in rows] for name in rows[0]}
    order = [
        on_order(seed, way, H, B, order_steps, every, order_rates, T, held_out) for way in WAYS
    ]
    found["order_solved"], found["order_error"] = map(list, zip(*order, strict=True))
    return found | {"arrays": arrays}


def on_digits(
    seed: int,
    kind: str,
    H: int,
    B: int,
    steps: int,
    every: int,
    rates: Sequence[float],
    held_out: int,
    delays: Sequence[int],
    sizes: Sequence[int],
) -> dict[str, Any]:
    """Teach LSTMs of a kind to read digits, from all starts, at all rates."""
    xs, ys = digits()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(ys)))
    test, known = order[:held_out], order[held_out:]
    some = known[:held_out]  # whose statistics are taken
    draws = np.random.default_rng([seed, 1])
    fresh = start(seed, 4, xs.shape[-1], H, 10, GAINS[kind])
    nets = [scaled(fresh, weights) for weights in STARTS.values() for _ in rates]
    params = tree_map(lambda *leaves: np.concatenate(leaves), *nets)
    seen = torch.stack([view for view in views(xs, known) for _ in rates], dim=1)
    state, losses = ADAM.init(params), []
    for t in range(1, steps + 1):
        batch = known[draws.integers(len(known), size=B)]
        mask = dropped(draws, kind, (B, H))
        grads = gradient(params, seen[:, :, batch], ys[batch], kind, mask)
        params, state = step(params, grads, state, np.tile(rates, len(STARTS)))
        if t % every == 0:
            told = statistics_of(params, seen[:, :, some], kind)
            losses.append(loss(params, seen[:, :, test], ys[test], kind, told))
    curves = np.reshape(np.transpose(losses), (len(STARTS), len(rates), -1))
    best = int(curves[0, :, -1].argmin())
    net = tree_map(lambda leaf: leaf[best : best + 1], params)
    found = {"digits_loss": curves.tolist()}
    found |= at_the_test(net, xs, ys, some, test, kind, delays, sizes)
    shown, mask = xs[:, None, test], dropped(draws, kind, (len(test), H))
    both = fresh, net
    found["digits_lag"] = [lags(each, shown, kind, seed, mask)[::3] for each in both]
    found["arrays"] = {f"{kind}_{name}": leaf for name, leaf in net._asdict().items()}
    return found


def dropped(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> Tensor | float:
    """A mask of the state, if this kind has one."""
    if kind != "dropout":
        return 1.0
    return torch.from_numpy(dropout.mask(rng.random(shape, np.float32), DROP))


def digits() -> tuple[Tensor, Tensor]:
    """Two pixels at a time, ``(32, 1797, 2)``, and which digits they are."""
    known = data.digits()
    pixels = torch.from_numpy(data.pixels(known)).float()
    pairs = pixels[..., 0].reshape(-1, 2, len(known.labels)).transpose(1, 2)
    return pairs, torch.from_numpy(known.labels)


def views(xs: Tensor, known: Tensor) -> list[Tensor]:
    """Pixels as they are; 16 times as large; as they are; standardised at every place.

    A hundredth is added to the variance: there are places with hardly any ink.
    """
    v, m = _moments(xs[:, known])
    return [xs, 16 * xs, xs, (xs - m) / (v + 0.01).sqrt()]


def at_the_test(
    net: Params,
    xs: Tensor,
    ys: Tensor,
    some: Tensor,
    test: Tensor,
    kind: str,
    delays: Sequence[int],
    sizes: Sequence[int],
) -> dict[str, Any]:
    """Shares of digits that are recognised, by which statistics are used."""
    each = statistics_of(net, xs[:, None, some], kind)
    shared = [together(each)]

    def right(statistics: list[Statistics] | None, rows: Tensor, delay: int = 0) -> float:
        late = torch.cat([torch.zeros(delay, len(rows), xs.shape[-1]), xs[:, rows]])
        said = read(net, late[:, None], kind, statistics)[0].argmax(-1)
        return float((said == ys[rows]).float().mean())

    def small(size: int) -> float:
        parts = test[: len(test) // size * size].reshape(-1, size)
        return float(np.mean([right(None, part) for part in parts]))

    def mixed(part: int) -> list[Statistics]:
        return [row[:part] + shared[0][part : part + 1] + row[part + 1 :] for row in each]

    return {
        "test_own": right(None, test),
        "test_each": right(each, test),
        "test_shared": right(shared, test),
        "test_late": [right(each, test, delay) for delay in delays],
        "test_late_shared": [right(shared, test, delay) for delay in delays],
        "test_small": [small(size) for size in sizes],
        "test_parts": [right(mixed(part), test) for part in range(3)],
    }


def on_order(
    seed: int,
    way: str,
    H: int,
    B: int,
    steps: int,
    every: int,
    rates: Sequence[float],
    T: int,
    held_out: int,
) -> tuple[list[float], list[float]]:
    """Teach tanh networks temporal order; step at which they could, and least share wrong."""
    kind = "none" if way == "orthogonal" else way
    fresh = start(seed, 1, 8, H, 4, GAINS[kind])
    if way.endswith("quiet"):
        fresh = fresh._replace(gamma_x=fresh.gamma_x / np.float32(10))
    if way == "orthogonal":
        W_h = init.orthogonal(np.random.default_rng([seed, 4]), (H, H))
        fresh = fresh._replace(W_h=W_h[None].astype(np.float32))
    params = tree_map(lambda leaf: np.repeat(leaf, len(rates), axis=0), fresh)
    state, errors = ADAM.init(params), []
    batches = networks.stream(seed, lambda rng: letters(rng, T, B))
    xs, ys = letters(np.random.default_rng([seed, 2]), T, held_out)
    some, _ = letters(np.random.default_rng([seed, 5]), T, held_out)
    for t in range(1, steps + 1):
        read_now, targets = next(batches)
        grads = gradient(params, read_now, targets, kind)
        params, state = step(params, grads, state, np.array(rates))
        if t % every == 0:
            said = read(params, xs, kind, statistics_of(params, some, kind))
            errors.append((said.argmax(-1) != ys).float().mean(-1).tolist())
    good = np.array(errors) <= 0.01
    first = np.where(good.any(0), (good.argmax(0) + 1.0) * every, np.nan)
    return first.tolist(), np.min(errors, axis=0).tolist()


def step(params: Params, grads: Any, state: Any, rates: Any) -> tuple[Params, Any]:
    """Clip each gradient to norm 1; a step of Adam, at the rate of each network."""
    grads, _ = clipped(grads, ["norm"] * len(rates))
    moved, state = ADAM.update(zeros_like(params), grads, state)
    each = np.asarray(rates, np.float32)[:, None, None]
    return tree_map(lambda leaf, move: leaf + each * move, params, moved), state


def letters(rng: np.random.Generator, T: int, B: int) -> tuple[Tensor, Tensor]:
    """Temporal order: inputs ``(T, 1, B, 8)`` and one target per sequence."""
    batch = tasks.temporal_order(rng, T, B)
    inputs = one_hot(torch.from_numpy(batch.inputs), 8).float()
    return inputs[:, None], torch.from_numpy(batch.targets[-1])


def start(seed: int, G: int, D: int, H: int, V: int, gain: float) -> Params:
    """Draw one network as torch does; an LSTM has a forget bias of 1."""
    rng, n = np.random.default_rng([seed, 3]), H**-0.5
    b = np.zeros((1, 1, G * H))
    b[..., H : 2 * H] = 1
    net = Params(
        rng.uniform(-n, n, size=(1, D, G * H)),
        rng.uniform(-n, n, size=(1, H, G * H)),
        b,
        np.full((1, 1, G * H), gain),
        np.full((1, 1, G * H), gain),
        np.full((1, 1, H), gain),
        np.zeros((1, 1, H)),
        rng.uniform(-n, n, size=(1, H, V)),
        np.zeros((1, 1, V)),
    )
    return tree_map(np.float32, net)


def load(kind: str) -> Params:
    """The network of a kind that was trained with the first seed, on the usual inputs."""
    with np.load(RESULTS / "normalisation.npz") as file:
        return Params(*(file[f"{kind}_{name}"] for name in Params._fields))


def scaled(net: Params, scale: float) -> Params:
    """The same with larger or smaller weights in the cell."""
    size = np.float32(scale)
    return net._replace(W_x=size * net.W_x, W_h=size * net.W_h)


def unroll(
    params: Any,
    xs: Tensor,
    kind: str,
    statistics: list[Statistics] | None = None,
    mask: Tensor | float = 1.0,
    apart: bool = False,
) -> Run:
    """Run N networks over ``(T, N or 1, B, D)``; the last row of statistics serves what is later.

    With ``apart``, what a step hands on is another tensor than what it has computed with.
    """
    T, H = len(xs), params.W_h.shape[1]
    h = c = xs.new_zeros(len(params.b_y), xs.shape[2], H)
    rows = None
    if statistics and statistics[0]:
        rows = [statistics[min(t, len(statistics) - 1)] for t in range(T)]
    all_x = tuple(map(torch.stack, zip(*(row[0] for row in rows), strict=True))) if rows else None
    a_xs, told_x = normalised(torch.matmul(xs, params.W_x), params.gamma_x, kind, all_x)
    a_xs, run = a_xs + params.b, Run([], [], [], [])
    for t, a_x in enumerate(a_xs):
        told = rows[t] if rows else None
        before = torch.matmul(mask * h, params.W_h)
        a_h, told_h = normalised(before, params.gamma_h, kind, told and told[1])
        seen = [(told_x[0][t], told_x[1][t]), told_h] if told_x and told_h else []
        a = a_x + a_h
        if a.shape[-1] == H:
            h = a.tanh()
        else:
            a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
            c = a_f.sigmoid() * c + a_i.sigmoid() * a_g.tanh()
            a_c, told_c = normalised(c, params.gamma_c, kind, told and told[2])
            seen += [told_c] if told_c else []
            h = a_o.sigmoid() * (a_c + params.beta_c if is_normalised(kind) else a_c).tanh()
        if apart:
            h, c = h.clone(), c.clone()
        run.hs.append(h)
        run.cs.append(c)
        run.statistics.append(seen)
        run.recurrent.append(before)
    return run


def is_normalised(kind: str) -> bool:
    """Is there a norm in the cells of this kind?"""
    return kind.startswith(("layer", "batch"))


def normalised(
    a: Tensor, gain: Tensor, kind: str, told: Any
) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
    """What the norm of a kind makes of ``(..., B, H)``, and the statistics that it has used."""
    if not is_normalised(kind):
        return a, None
    if kind.startswith("layer"):
        return gain * layer_norm(a, a.shape[-1:], eps=EPS), None
    m, v = told or _moments(a)
    return (a - m) * (gain / (v + EPS).sqrt()), (m, v)


def _moments(a: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over the batch."""
    v, m = torch.var_mean(a, dim=-2, correction=0, keepdim=True)
    return m, v


def together(statistics: list[Statistics]) -> Statistics:
    """Mean and variance over all steps, from those of each."""
    found = []
    for steps in zip(*statistics, strict=True):
        m, v = (torch.stack(part) for part in zip(*steps, strict=True))
        found.append((m.mean(0), v.mean(0) + m.var(0, correction=0)))
    return found


def tensors_of(params: Params) -> Params:
    """The same weights for torch."""
    return Params(*map(torch.from_numpy, params))


@torch.no_grad()
def statistics_of(params: Params, xs: Tensor, kind: str) -> list[Statistics]:
    """Means and variances of each step over these sequences."""
    return unroll(tensors_of(params), xs, kind).statistics


@torch.no_grad()
def read(params: Params, xs: Tensor, kind: str, statistics: list[Statistics] | None) -> Tensor:
    """What the networks say after the last step, ``(N, B, V)``."""
    nets = tensors_of(params)
    said: Tensor = unroll(nets, xs, kind, statistics).hs[-1] @ nets.W_y + nets.b_y
    return said


def loss(params: Params, xs: Tensor, ys: Tensor, kind: str, told: list[Statistics]) -> list[float]:
    """Cross-entropy of each network."""
    said = read(params, xs, kind, told)
    return [float(cross_entropy(each, ys)) for each in said]


def gradient(
    params: Params, xs: Tensor, ys: Tensor, kind: str, mask: Tensor | float = 1.0
) -> Params:
    """Gradient of each network's own loss."""
    nets = Params(*(leaf.requires_grad_() for leaf in tensors_of(params)))
    said = unroll(nets, xs, kind, mask=mask).hs[-1] @ nets.W_y + nets.b_y
    total = cross_entropy(said.flatten(0, 1), ys.repeat(len(said)), reduction="sum") / len(ys)
    grads = torch.autograd.grad(total, nets, allow_unused=True, materialize_grads=True)
    return Params(*(grad.numpy() for grad in grads))


def lags(
    params: Params, xs: Tensor, kind: str, seed: int, mask: Tensor | float = 1.0
) -> list[float]:
    """Mean log norm of the adjoint of one network at every lag, relative to lag 0."""
    nets = Params(*(leaf.requires_grad_() for leaf in tensors_of(params)))
    run = unroll(nets, xs, kind, mask=mask, apart=True)
    noise = torch.randn(run.hs[-1].shape, generator=torch.Generator().manual_seed(seed))
    states = run.hs + (run.cs if nets.gamma_x.shape[-1] > nets.gamma_c.shape[-1] else [])
    grads = torch.autograd.grad(
        (noise * run.hs[-1]).sum(), states, allow_unused=True, materialize_grads=True
    )
    squares = torch.stack([grad.double().square().sum(-1) for grad in grads])
    logs = squares.reshape(-1, *squares[: len(xs)].shape).sum(0).log().mean((1, 2)).flip(0) / 2
    return [float(log) for log in logs - logs[0]]


def mean_field(gamma_x: float, gamma_h: float) -> tuple[float, float]:
    """Rates of an adjoint's logarithm per step in a wide normalised tanh network.

    The first is that of each example's, the second that of their mean.
    """
    u, weight = np.polynomial.hermite_e.hermegauss(101)
    weight = weight / math.sqrt(2 * math.pi)
    h = np.tanh(math.hypot(gamma_x, gamma_h) * u)
    slope, scale = 1 - h**2, gamma_h**2 / (weight @ h**2)
    each = 0.5 * math.log(scale * (weight @ slope**2))  # (norm-rate)
    mean = 0.5 * math.log(scale * (weight @ slope) ** 2)  # (norm-mean-rate)
    return each, mean
