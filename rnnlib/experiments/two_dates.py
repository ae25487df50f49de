"""Does attention help to normalise two dates in one line, and what do its weights explain?

Prediction: after the same steps the network without attention writes most lines of one date without
a fault, and of two dates hardly any line; with attention, most lines of two. Weights that are
replaced by uniform or permuted ones ruin what is written; only the largest weight of each step does
nearly as well as all. The read symbol with the largest weight is the one whose loss changes the
written one most, in more than half of the cases. (Written before a first run of the same, with
attention trained for 300 steps and the others for up to 1,200: with attention it was two lines in
five, without 1 in 100, one date alone four in five; and what the largest weights do alone fell
short of what all do by a third of the lines and more. This run takes 900 steps for all.)

Measured on days not trained on: the share of the lines that is written without a fault (all: seed,
check), of two dates with attention (``two_attending_curve``) and without (``two_curve``), and of
one date without (``one_curve``). Dates that are written without a fault, by their place in the line
(``right``: seed, run in this order, place; a line of one date has no second).

Of the network with attention, on the same lines (seed, change of ``CHANGES``): the same when its
weights are changed (``changed_exact``), symbols that are right when those before are given
(``changed_symbols``), and mean distance of the probabilities from those with the weights as they
are (``changed_distance``: half the sum of absolute differences). And on fewer lines (``erased``),
for every symbol that is written whose probabilities move by at least a tenth when some read symbol
is replaced by an unknown one (their share: ``moved``): how often the read symbol with the largest
weight is the one that moves them most (``agree``), and how often it is that one or a neighbour
(``near``); the same for a read symbol by lot (``chance_agree``, ``chance_near``); and the mean rank
correlation of weights and moves (``rank``).

The weights of the first seed are kept.
"""

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from rnnlib import data
from rnnlib.experiments import RESULTS
from rnnlib.experiments import _dates as dates
from rnnlib.nn import attention
from rnnlib.nn.modules import Seq2Seq
from rnnlib.nn.modules.seq2seq import State
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {
    **{"D": 3, "H": 4, "B": 2, "steps": 2, "every": 1},
    **{"train_size": 50, "test_size": 8, "erased": 2},
}
CHANGES = ("none", "largest", "permuted", "uniform")


class Looking(Seq2Seq):
    """The same with scaled dot products of the memory with a query made of the decoder's state."""

    change = "none"

    def __init__(
        self, source_size: int, target_size: int, embedding_size: int, hidden_size: int
    ) -> None:
        super().__init__(source_size, target_size, embedding_size, hidden_size)
        del self.attention
        self.query = nn.Linear(hidden_size, 2 * hidden_size, bias=False)

    def look(self, state: State) -> tuple[Tensor, Tensor]:
        """What is read ``(B, 2H)``, and the weights ``(B, T)``."""
        keys, seen = state.memory.transpose(0, 1), state.seen > 0
        ys, weights = attention.dot(self.query(state.h)[None], keys, keys, seen)
        if self.change == "none":
            return ys[0], weights[0]
        changed = CHANGE[self.change](weights[0], seen)
        return torch.einsum("bt,btv->bv", changed, state.memory), changed

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``(B, V)`` after the symbols ``(B,)``."""
        found, _ = self.look(state)
        x = torch.cat([self.drop(self.target(symbols)), found], dim=1)
        h = self.decoder(x, state.h)
        logits: Tensor = self.readout(torch.cat([h, found], dim=1))
        return logits, state._replace(h=h)


def largest(weights: Tensor, seen: Tensor) -> Tensor:
    """All on the largest."""
    return nn.functional.one_hot(weights.argmax(1), weights.shape[1]).to(weights.dtype)


def permuted(weights: Tensor, seen: Tensor) -> Tensor:
    """The same weights at other places, by lot."""
    places = torch.rand(weights.shape).masked_fill(~seen, 2).argsort(1)  # what is not seen is last
    return weights.gather(1, places)


def uniform(weights: Tensor, seen: Tensor) -> Tensor:
    """The same weight everywhere."""
    return seen.to(weights.dtype) / seen.sum(1, keepdim=True)


CHANGE = {"largest": largest, "permuted": permuted, "uniform": uniform}


def measure(
    seed: int,
    *,
    D: int = 32,
    H: int = 64,
    B: int = 32,
    lr: float = 4e-3,
    steps: int = 900,
    every: int = 50,
    train_size: int = 20000,
    test_size: int = 200,
    erased: int = 40,
) -> dict[str, Any]:
    """Measure once, see the module."""
    known, train, test = material(seed, train_size, test_size)
    found: dict[str, Any] = {}
    right = []
    runs = {
        "two_attending": (2, Looking),
        "two": (2, dates.Summary),
        "one": (1, dates.Summary),
    }
    networks: dict[str, Seq2Seq] = {}
    for name, (n, kind) in runs.items():
        torch.manual_seed(seed)
        network = networks[name] = kind(len(known.read) + 1, len(known.write) + 2, D, H)
        batch = dates.encode(known, lines(test, n))
        curve: list[float] = []

        def check(module: Any, batch: dates.Batch = batch, curve: list[float] = curve) -> float:
            curve.append(float(dates.exact(module, batch).float().mean()))
            return 1 - curve[-1]

        stream = dates.batches(known, lines(train, n), B, [seed, 1], pool=16)
        dates.teach(network, stream, steps, lr, check, every)
        found[f"{name}_curve"] = curve
        right.append(by_date(network, batch, n))
    looking, batch = networks["two_attending"], dates.encode(known, lines(test, 2))
    assert isinstance(looking, Looking)
    found |= {"right": right} | changed(looking, batch)
    found |= compare(looking, dates.encode(known, lines(test, 2)[:erased]))
    arrays = {k: v.numpy().astype(np.float16) for k, v in looking.state_dict().items()}
    symbols = {f"{name}_symbols": np.array(list(known._asdict()[name])) for name in known._fields}
    return found | {"arrays": arrays | symbols}


def material(
    seed: int, train_size: int, test_size: int
) -> tuple[dates.Alphabet, list[data.Date], list[data.Date]]:
    """The symbols, dates to train on, and dates of other days."""
    train, test = dates.split([seed, 0], train_size, test_size)
    return dates.alphabet(lines(train, 2)), train, test


def lines(days: list[data.Date], n: int) -> list[dates.Line]:
    """So many dates in each line, each date as often as any other."""
    written = [dates.line(date) for date in days]
    others = [written[k:] + written[:k] for k in range(n)]
    return [dates.join(parts) for parts in zip(*others, strict=True)]


@torch.no_grad()
def by_date(network: Seq2Seq, batch: dates.Batch, n: int) -> list[float]:
    """Share of the first dates that are right, and of the second ones."""
    network.eval()
    same = dates.write(network, batch) == batch.target
    shares = [float(same[11 * k : 11 * k + 10].all(0).float().mean()) for k in range(n)]
    return shares + [float("nan")] * (2 - n)


@torch.no_grad()
def changed(network: Looking, batch: dates.Batch) -> dict[str, Any]:
    """What other weights in the place of the network's own do."""
    network.eval()
    there, as_it_is = dates.written(batch), dates.forced(network, batch).softmax(-1)
    rows = []
    for change in CHANGES:
        network.change = change
        torch.manual_seed(0)
        exact = dates.exact(network, batch).float().mean()
        p = dates.forced(network, batch).softmax(-1)
        right = (p.argmax(-1) == batch.target)[there].float().mean()
        rows.append((exact, right, distance(p, as_it_is)[there].mean()))
    network.change = "none"
    names = ("exact", "symbols", "distance")
    return {
        f"changed_{name}": [float(x) for x in column]
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def distance(p: Tensor, q: Tensor) -> Tensor:
    """Half the sum of absolute differences."""
    return (p - q).abs().sum(-1) / 2


@torch.no_grad()
def alignment(network: Looking, batch: dates.Batch) -> Array:
    """The weights ``(N, B, T)``, when the right symbols are given."""
    network.eval()
    state, found = network.encode(batch.source, lengths=batch.lengths), []
    start = torch.full_like(batch.target[:1], dates.START)
    for symbols in torch.cat([start, batch.target[:-1]]):
        found.append(network.look(state)[1])
        _, state = network.step(symbols, state)
    weights: Array = torch.stack(found).numpy()
    return weights


@torch.no_grad()
def erase(network: Looking, batch: dates.Batch, b: int) -> Array:
    """How far each probability moves, ``(N, T)``, when a read symbol of one line is not known."""
    network.eval()
    T = int(batch.lengths[b])
    copies = batch.source[:T, b : b + 1].repeat(1, T + 1)
    copies[range(T), range(T)] = dates.UNKNOWN  # the last copy is as it was
    target = batch.target[:, b : b + 1].expand(-1, T + 1)
    p = dates.forced(network, dates.Batch(copies, torch.full((T + 1,), T), target)).softmax(-1)
    moved: Array = distance(p[:, :-1], p[:, -1:]).numpy()
    return moved


def compare(network: Looking, batch: dates.Batch, least: float = 0.1) -> dict[str, float]:
    """Are the weights large where an erased symbol matters? See the module."""
    weights, rows, moved = alignment(network, batch), [], []
    digits = batch.target.numpy() > dates.START
    for b, T in enumerate(batch.lengths.tolist()):
        effects = erase(network, batch, b)
        for i in np.flatnonzero(digits[:, b]):
            moved.append(effects[i].max() >= least)
            if moved[-1]:
                at, to = int(weights[i, b, :T].argmax()), int(effects[i].argmax())
                near = 2 if to in (0, T - 1) else 3
                rank = spearmanr(weights[i, b, :T], effects[i]).statistic
                rows.append((at == to, abs(at - to) <= 1, 1 / T, near / T, rank))
    names = ("agree", "near", "chance_agree", "chance_near", "rank")
    means = np.mean(rows, axis=0) if rows else np.full(len(names), np.nan)
    return dict(zip(names, means.tolist(), strict=True)) | {"moved": float(np.mean(moved))}


def load() -> tuple[Looking, dates.Alphabet]:
    """The network with attention that the first seed has trained, and its symbols."""
    with np.load(RESULTS / "two_dates.npz") as file:
        arrays = {name: file[name] for name in file.files}
    read, write = ([str(s) for s in arrays.pop(f"{name}_symbols")] for name in ("read", "write"))
    known = dates.Alphabet(
        {symbol: k for k, symbol in enumerate(read, start=dates.UNKNOWN + 1)},
        {symbol: k for k, symbol in enumerate(write, start=dates.START + 1)},
    )
    D, H = arrays["source.weight"].shape[1], len(arrays["query.weight"]) // 2
    network = Looking(len(read) + 1, len(write) + 2, D, H)
    network.load_state_dict({k: torch.from_numpy(a).float() for k, a in arrays.items()})
    return network.eval(), known
