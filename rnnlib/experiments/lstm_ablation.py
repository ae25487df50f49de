"""Which part of an LSTM matters?

Prediction (partly after Greff et al. 2017): the forget gate and the output activation matter most;
without the input gate, the output gate or peepholes, and with input and forget gate coupled, little
is lost. With the number of parameters matched, a variant with fewer gates has more units, which
makes up for some of it. The coupled cell starts with its input gate further closed than the full
one; what it wins, it should lose against a full cell of the same start.

Measured on two tasks (``reber``, ``adding``: seed, variant, learning rate, check), on sequences
held out, after the steps that ``checks`` names: what is missing, 0 if nothing and 1 for a network
that knows all but what has to be remembered. For embedded Reber strings that is the cross-entropy
above the entropy of the grammar, over the cost of one of two symbols at the last place but one; for
adding the mean squared error over the variance of the sum. At the last check besides: the full and
the coupled cell begun with other biases of forget and input gate (``reber_starts``,
``adding_starts``: seed, variant, start, learning rate; the coupled cell has one gate and follows
the bias of the forget gate), the first of ``starts`` being that of all other runs; and, for adding,
the variants with three gates with as many units as the full cell (``adding_width``: seed, variant,
learning rate). Also the number of units of every variant (``reber_units``, ``adding_units``). All
runs of a seed read the same batches, and those of one variant and size begin with the same random
weights.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

VARIANTS = (
    "full",
    "no input gate",
    "no forget gate",
    "no output gate",
    "no input activation",
    "no output activation",
    "coupled",
    "peepholes",
)
STARTED = ("full", "coupled")  # variants that are begun in several ways
SEEDS = 10
QUICK = {
    "H": 3,
    "checks": (1, 2),
    "T": 6,
    "held_out": 8,
    "variants": ("full", "coupled", "peepholes"),
}


class Task(NamedTuple):
    """Sequences, the loss of N copies on them, and what a loss says."""

    D: int
    V: int
    draw: Callable[[np.random.Generator, int], Any]  # from the number of sequences
    loss: Callable[[nn.Module, Any], Tensor]  # (N,)
    scale: Callable[[Any], tuple[float, float]]  # loss if nothing is missing, and if all is


def measure(
    seed: int,
    *,
    variants: tuple[str, ...] = VARIANTS,
    starts: tuple[tuple[float, float], ...] = ((1.0, 0.0), (0.0, 0.0), (1.0, -1.0)),
    lrs: tuple[float, ...] = (3e-3, 1e-2, 3e-2),
    H: int = 16,
    T: int = 30,
    B: int = 32,
    checks: tuple[int, ...] = (250, 500, 1000),
    held_out: int = 1000,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {}
    for name, task in {"reber": reber(), "adding": adding(T)}.items():

        def run(variant: str, units: int, starts: Any, task: Task = task) -> Array:
            return curves(seed, task, variant, units, starts, lrs, B, checks, held_out)

        units = {variant: matched(variant, task.D, H) for variant in variants}
        runs = {v: run(v, n, starts if v in STARTED else starts[:1]) for v, n in units.items()}
        found[name] = [runs[v][0] for v in variants]
        found[f"{name}_starts"] = [runs[v][..., -1] for v in STARTED]
        if name == "adding":
            narrow = [v for v, n in units.items() if n != H]
            found["adding_width"] = [run(v, H, starts[:1])[0, :, -1] for v in narrow]
        found[f"{name}_units"] = list(units.values())
    return {key: rounded(np.array(values, dtype=float)) for key, values in found.items()}


def curves(
    seed: int,
    task: Task,
    variant: str,
    H: int,
    starts: Sequence[tuple[float, float]],
    lrs: Sequence[float],
    B: int,
    checks: Sequence[int],
    held_out: int,
) -> Array:
    """What a variant is missing: start, learning rate, check."""
    network = Network(seed, variant, task.D, H, task.V, len(starts) * len(lrs))
    for copy, start in enumerate(np.repeat(np.array(starts), len(lrs), axis=0)):
        network.layer.begin(copy, *start)
    test = task.draw(np.random.default_rng([seed, 2]), held_out)
    batches = networks.stream(seed, lambda rng: task.draw(rng, B))
    rates = torch.tensor(list(lrs) * len(starts))
    losses = teach(network, batches, rates, checks, task.loss, test)
    none, everything = task.scale(test)
    missing = (losses - none) / (everything - none)
    return missing.T.reshape(len(starts), len(lrs), len(checks))


class Variant(nn.Module):
    """LSTM layers with one part changed, N of them side by side."""

    def __init__(self, variant: str, D: int, H: int, N: int = 1) -> None:
        super().__init__()
        self.variant, self.H, self.N = variant, H, N
        rows, bound = H * len(blocks(variant)), H**-0.5
        self.W_x = nn.Parameter(torch.empty(D, rows).uniform_(-bound, bound).repeat(N, 1, 1))
        self.W_h = nn.Parameter(torch.empty(H, rows).uniform_(-bound, bound).repeat(N, 1, 1))
        self.b = nn.Parameter(torch.zeros(N, 1, rows))
        self.W_c = nn.Parameter(torch.zeros(N, 3, 1, H)) if variant == "peepholes" else None

    def begin(self, copy: int, forget: float, input: float) -> None:
        """Set the biases of the gates of a copy, as far as it has them."""
        names = blocks(self.variant)
        wanted = {"i": -forget} if self.variant == "coupled" else {"i": input, "f": forget}
        for name in wanted.keys() & set(names):
            at = names.index(name) * self.H
            self.b.data[copy, :, at : at + self.H] = wanted[name]

    def states(self, xs: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """``(h, c, i, f, o)`` of every step; inputs ``(T, B, D)``, or ``(T, N, B, D)``."""
        xs = xs if xs.ndim == 4 else xs[:, None]
        h = c = xs.new_zeros(self.N, xs.shape[2], self.H)
        for a in xs @ self.W_x + self.b:
            state = step(self.variant, torch.baddbmm(a, h, self.W_h), c, self.W_c)
            h, c = state[:2]
            yield state

    def forward(self, xs: Tensor) -> Tensor:
        """All ``h``, ``(T, N, B, H)``."""
        return torch.stack([state[0] for state in self.states(xs)])


def blocks(variant: str) -> str:
    """What a variant has weights for."""
    missing = {"no input gate": "i", "no forget gate": "f", "no output gate": "o", "coupled": "f"}
    return "ifgo".replace(missing.get(variant, " "), "")


def step(variant: str, a: Tensor, c: Tensor, W_c: Tensor | None) -> tuple[Tensor, ...]:
    """From the preactivations and the memory: ``h``, ``c``, and the gates."""
    names, one = blocks(variant), torch.ones_like(c)
    part = dict(zip(names, a.chunk(len(names), dim=-1), strict=True))
    if W_c is not None:
        part |= {"i": part["i"] + W_c[:, 0] * c, "f": part["f"] + W_c[:, 1] * c}
    i = torch.sigmoid(part["i"]) if "i" in part else one
    f = torch.sigmoid(part["f"]) if "f" in part else one
    f = 1 - i if variant == "coupled" else f
    g = part["g"] if variant == "no input activation" else torch.tanh(part["g"])
    c = f * c + i * g
    if W_c is not None:
        part["o"] = part["o"] + W_c[:, 2] * c
    o = torch.sigmoid(part["o"]) if "o" in part else one
    h = o * (c if variant == "no output activation" else torch.tanh(c))
    return h, c, i, f, o


class Network(nn.Module):
    """N layers, each with its linear read-out."""

    def __init__(self, seed: int, variant: str, D: int, H: int, V: int, N: int = 1) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = Variant(variant, D, H, N)
        bound = H**-0.5
        self.W_y = nn.Parameter(torch.empty(H, V).uniform_(-bound, bound).repeat(N, 1, 1))
        self.b_y = nn.Parameter(torch.zeros(N, 1, V))

    def forward(self, xs: Tensor) -> Tensor:
        """Predictions ``(T, N, B, V)``."""
        ys: Tensor = self.layer(xs) @ self.W_y + self.b_y
        return ys


def teach(
    network: nn.Module,
    batches: Iterator[Any],
    rates: Tensor,
    checks: Sequence[int],
    loss: Callable[[nn.Module, Any], Tensor],
    test: Any,
) -> Array:
    """Train each copy with Adam at its own rate, its gradient clipped to norm 1.

    Gives the loss on the test after the steps to check, ``(checks, N)``.
    """
    torch.set_num_threads(1)
    params = list(network.parameters())
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in params]
    rows = []
    for t in range(1, max(checks) + 1):
        grads = torch.autograd.grad(loss(network, next(batches)).sum(), params)
        squares = torch.stack([g.square().flatten(1).sum(1) for g in grads])
        clip = (1 / squares.sum(0).sqrt()).clamp(max=1)
        with torch.no_grad():
            for p, g, (m, v) in zip(params, grads, moments, strict=True):
                each = (-1, *[1] * (p.ndim - 1))
                g = g * clip.reshape(each)
                m.lerp_(g, 0.1)
                v.lerp_(g * g, 0.001)
                change = m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
                p.sub_(rates.reshape(each) * change)
            if t in checks:
                rows.append(loss(network, test).double().numpy())
    return np.array(rows)


def reber() -> Task:
    """Say what comes next in embedded Reber strings."""
    V = len(tasks.ALPHABET)

    def loss(network: nn.Module, batch: Any) -> Tensor:
        xs, ys, mask = batch
        said = network(xs).log_softmax(-1).movedim(1, 0)[:, mask]  # (N, symbols, V)
        right: Tensor = said.gather(-1, ys[mask].expand(len(said), -1)[..., None])
        return -right.mean((1, 2))

    def scale(batch: Any) -> tuple[float, float]:
        _, ys, mask = batch
        strings, symbols = mask.shape[1], int(mask.sum())
        paid = sum(
            np.log(len(tasks.EMBEDDED[state]))
            for b in range(strings)
            for state in path(ys[mask[:, b], b].tolist())
        )
        return paid / symbols, (paid + strings * np.log(2)) / symbols

    def draw(rng: np.random.Generator, B: int) -> Any:
        return networks.tensors(tasks.reber(rng, B, tasks.EMBEDDED), V)

    return Task(V, V, draw, loss, scale)


def path(symbols: Sequence[int]) -> Iterator[int]:
    """States in which the grammar was when it wrote these, which follow the first B."""
    state = tasks.EMBEDDED[0]["B"]
    for symbol in symbols:
        yield state
        state = tasks.EMBEDDED[state][tasks.ALPHABET[symbol]]


def adding(T: int) -> Task:
    """Add the two numbers that are marked among T."""

    def loss(network: nn.Module, batch: Any) -> Tensor:
        xs, ys = batch
        errors: Tensor = network(xs)[-1] - ys
        return errors.square().mean((1, 2))

    def draw(rng: np.random.Generator, B: int) -> Any:
        batch = tasks.adding(rng, T, B)
        return torch.from_numpy(batch.inputs).float(), torch.from_numpy(batch.targets[-1]).float()

    return Task(2, 1, draw, loss, lambda batch: (0.0, tasks.adding_baseline()))


def matched(variant: str, D: int, H: int) -> int:
    """Units with which a variant has about as many weights as the full cell with H."""

    def count(kind: str, units: int) -> int:
        return sum(p.numel() for p in Variant(kind, D, units).parameters())

    wanted = count("full", H)
    return min(range(1, 2 * H + 2), key=lambda units: abs(count(variant, units) - wanted))


def rounded(values: Array) -> Array:
    """Four significant digits."""
    return np.array([float(f"{value:.4g}") for value in values.flat]).reshape(values.shape)
