"""How much text does a network need that has read another language before?

Prediction: a network that has read two million characters of Python and is trained on with a little
C needs far less C than one from scratch; the less there is, the larger the gain. Training the
read-out alone is better for the smallest text and worse for the largest. The whole network, trained
on, has forgotten some Python. (Not foreseen: a first run took the C file by file. Its 2000
characters came from one file, and so did the fifth that says when to stop; for two seeds of three
the network was then worse on other files than before. Now they are pieces of many files.)

Measured, in bits per character of C headers that were not trained on, for each of ``sizes``
characters of C: of each of ``WAYS``, ``bits`` (seed, size, way), and what Python costs then,
``python`` (seed, size, way); of an n-gram with Witten-Bell's smoothing, which has seen the same C
and nothing else, ``ngram`` (seed, size); and of the network that has read Python only, ``before``
(seed) and ``python_before`` (seed). A fifth of the C is not trained on: it chooses the learning
rate, ``rate`` (seed, size, way), the step at which to stop, ``step`` (likewise), and the n. The
seed chooses which C, what a new network starts with, and nothing else.

The headers are those of the NumPy that runs, the network is the one of :mod:`rnnlib.characters`.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnnlib import characters, interop, ngram
from rnnlib.experiments import _networks as networks
from rnnlib.experiments import char_lstm
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"sizes": (1_000,), "steps": 2, "every": 1, "held_out": 50, "rates": (1e-3,), "N": 2}
WAYS = ("from scratch", "all weights", "read-out only")


def measure(
    seed: int,
    *,
    sizes: tuple[int, ...] = (2_000, 8_000, 32_000),
    rates: tuple[float, ...] = (1e-3, 4e-3),
    steps: int = 100,
    every: int = 10,
    B: int = 8,
    T: int = 50,
    held_out: int = 1_000,
    piece: int = 400,
    N: int = 6,
) -> dict[str, Any]:
    """Measure once, see the module."""
    trained = characters.load()
    text, test = headers(seed, held_out, piece)
    python = trained.excerpt.T[:held_out, ::4]
    known = pretrained(trained.network)
    found: dict[str, Any] = {
        "before": bits(known, test),
        "python_before": bits(known, python),
        **{name: [] for name in ("bits", "python", "rate", "step", "ngram")},
    }
    for size in sizes:
        part = text[: size * 4 // 5], text[size * 4 // 5 : size]
        rows = []
        for way in WAYS:
            tried = []
            for lr in rates:
                torch.manual_seed(seed)
                model = char_lstm.Model(24, 192) if way == "from scratch" else copy.deepcopy(known)
                if way == "read-out only":
                    model.embedding.requires_grad_(False)
                    model.network.layer.requires_grad_(False)
                tried.append((*teach(model, *part, steps, every, B, T, lr), lr))
            _, step, model, lr = min(tried, key=lambda one: one[0])
            rows.append((bits(model, test), bits(model, python), lr, step))
        for name, column in zip(
            ("bits", "python", "rate", "step"), zip(*rows, strict=True), strict=True
        ):
            found[name].append(column)
        found["ngram"].append(counted(*part, test, N))
    return found


def headers(seed: int, held_out: int, piece: int) -> tuple[Array, Array]:
    """Pieces of C to train on, in an order of its own for each seed; some of six other files."""
    paths = sorted(Path(np.get_include()).rglob("*.h"))
    texts = [characters.encode(path.read_text(encoding="utf-8")) for path in paths]
    long = [k for k, text in enumerate(texts) if len(text) >= 2 * held_out]
    test = np.random.default_rng(0).permutation(long)[:6].tolist()
    rest = [texts[k] for k in range(len(texts)) if k not in test]
    pieces = [x[t : t + piece] for x in rest for t in range(0, len(x) - piece + 1, piece)]
    known = np.random.default_rng([seed, 4]).permutation(pieces).ravel()
    return known, np.stack([texts[k][held_out : 2 * held_out] for k in test], axis=1)


def pretrained(network: characters.Network) -> char_lstm.Model:
    """The network of the reference as a module of torch."""
    E, (W_y, b_y) = network.embedding.E, network.readout
    model = char_lstm.Model(E.shape[1], W_y.shape[1])
    state = {f"network.layer.{name}": a for name, a in interop.to_torch(network.cell).items()}
    state |= {
        "embedding.weight": E,
        "network.readout.weight": W_y,
        "network.readout.bias": b_y,
    }
    model.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
    return model


def teach(
    model: char_lstm.Model,
    text: Array,
    tune: Array,
    steps: int,
    every: int,
    B: int,
    T: int,
    lr: float,
) -> tuple[float, int, char_lstm.Model]:
    """Train; the least bits per character on ``tune``, at which step, and the model there."""
    streams = torch.from_numpy(text[: len(text) // B * B].reshape(B, -1).T.copy())
    best: list[tuple[float, int, char_lstm.Model]] = []
    checks = iter(range(every, steps + every, every))

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            model.state = None
            for t in range(0, len(streams) - T, T):
                yield streams[t : t + T], streams[t + 1 : t + T + 1]

    def loss(module: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(module(batch[0]).flatten(0, 1), batch[1].flatten())

    def validate(module: Any) -> float:
        state = module.state
        value = bits(module, tune[: len(tune) // 4 * 4].reshape(4, -1).T)
        module.state, step = None, next(checks)
        if not best or value < best[-1][0]:
            best.append((value, step, copy.deepcopy(module)))
        module.state = state
        return value

    networks.teach(model, batches(), steps, validate, lr, every, loss=loss)
    return best[-1]


def bits(model: char_lstm.Model, texts: Array) -> float:
    """Bits per character of texts ``(T, B)``, each read from a zero state."""
    symbols = torch.from_numpy(np.ascontiguousarray(texts))
    model.state = None
    with torch.no_grad():
        cost = cross_entropy(model(symbols[:-1]).flatten(0, 1), symbols[1:].flatten())
    model.state = None
    return float(cost) / float(np.log(2))


def counted(text: Array, tune: Array, test: Array, N: int) -> float:
    """Bits per character by the n-gram, n from 1 to N, that is best on ``tune``."""
    tuned = -np.log2(ngram.witten_bell(text, tune[:, None], N)).mean(axis=(1, 2))
    costs = -np.log2(ngram.witten_bell(text, test, N))[int(tuned.argmin()), 1:]
    return float(costs.mean())
