"""What is lost when one matrix reads both the input and the state?

Prediction: an LSTM whose gates are ``σ(W h + W x + b)``, with the same W twice, sees only the sum
h + x. The shapes force D = H, here by filling inputs up with zeros, and units on which inputs fall
must stay small or be confused with them. With as many units it learns embedded Reber strings and
adding more slowly and ends with higher losses; with as many parameters, hence more units, it makes
up for part of that and not for all.

Measured while it learns (seed, check): cross-entropy on held-out strings in nats (``reber``), share
of the strings at whose end the second symbol is not recalled (``long``), and mean squared error of
adding over its baseline of 1/6 (``adding``). The names begin with ``two``, the LSTM as it is;
``one``, with one matrix and as many units; or ``wide``, with one matrix and about as many
parameters. ``KIND_units`` and ``KIND_parameters`` are those of the cell for strings (seed).
``entropy`` is what these strings cost who knows the grammar (seed).
"""

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from rnnlib import tasks, train
from rnnlib.reference import bptt, init, linear, losses, lstm
from rnnlib.reference.ops import Array
from rnnlib.reference.optim import Adam

SEEDS = 5
QUICK = {"H": 8, "steps": 2, "every": 1, "T": 10, "held_out": 8}

V = len(tasks.ALPHABET)
Loss = Callable[[train.Network, Any], tuple[float, train.Network]]


class One(NamedTuple):
    """Parameters of an LSTM with one matrix; rows in the order i, f, g, o."""

    W: Array  # (4H, H)
    b: Array  # (4H,)


def measure(
    seed: int,
    *,
    H: int = 16,
    T: int = 30,
    B: int = 32,
    lr: float = 1e-2,
    steps: int = 1000,
    every: int = 50,
    held_out: int = 500,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng = np.random.default_rng([seed, 2])
    strings, sums = tasks.reber(rng, held_out, tasks.EMBEDDED), tasks.adding(rng, T, held_out)
    found: dict[str, Any] = {"entropy": entropy(strings)}
    for kind in ("two", "one", "wide"):
        K = matched(V, H) if kind == "wide" else H
        found[f"{kind}_units"] = K
        found[f"{kind}_parameters"] = 4 * K * ((V if kind == "two" else 0) + K + 1)

        loss = of(kind, train.many_to_many(lstm, losses.cross_entropy))
        drawn = (
            symbols(tasks.reber(rng, B, tasks.EMBEDDED), K)
            for rng in repeat(np.random.default_rng([seed, 1]))
        )
        held = symbols(strings, K)
        recalls: list[float] = []

        def validate(
            params: Any, loss: Loss = loss, held: Any = held, seen: Any = recalls
        ) -> float:
            seen.append(forgotten(params, held))
            return loss(params, held)[0]

        net = start(kind, seed, K, V)
        found[f"{kind}_reber"] = teach(net, loss, drawn, steps, validate, lr, every)
        found[f"{kind}_long"] = recalls

        K = matched(2, H) if kind == "wide" else H
        loss = of(kind, train.many_to_one(lstm, losses.mse))
        drawn = (
            numbers(tasks.adding(rng, T, B), K) for rng in repeat(np.random.default_rng([seed, 1]))
        )
        held = numbers(sums, K)

        def relative(params: Any, loss: Loss = loss, held: Any = held) -> float:
            return loss(params, held)[0] / tasks.adding_baseline()

        net = start(kind, seed, K, 1)
        found[f"{kind}_adding"] = teach(net, loss, drawn, steps, relative, lr, every)
    return found


def start(kind: str, seed: int, H: int, outputs: int) -> train.Network:
    """Fresh parameters, forget bias 1; inputs are as long as the state."""
    rng = np.random.default_rng(seed)
    W_x, W_h, b = lstm.init(rng, H, H)
    b = init.forget_bias(b)
    cell = lstm.Params(W_x, W_h, b) if kind == "two" else One(W_h, b)
    return train.Network(cell, linear.init(rng, H, outputs))


def of(kind: str, loss: Loss) -> Loss:
    """The loss as a function of one matrix: its gradient is the sum over its two uses."""
    if kind == "two":
        return loss

    def tied(params: train.Network, batch: Any) -> tuple[float, train.Network]:
        value, (cell, readout) = loss(untied(params), batch)
        return value, train.Network(One(cell.W_x + cell.W_h, cell.b), readout)

    return tied


def untied(params: train.Network) -> train.Network:
    """The LSTM that a network with one matrix is."""
    cell = params.cell
    if isinstance(cell, One):
        cell = lstm.Params(cell.W, cell.W, cell.b)
    return train.Network(cell, params.readout)


def teach(
    net: train.Network,
    loss: Loss,
    batches: Iterator[Any],
    steps: int,
    validate: Callable[[Any], float],
    lr: float,
    every: int,
) -> Array:
    """Train with Adam and gradients clipped to norm 1; the validations."""
    history = train.fit(
        train.Reference(net, Adam(lr), loss),
        batches,
        steps,
        clip=1.0,
        validate=validate,
        every=every,
        bar=False,
    )
    return history.validation


def symbols(batch: tasks.Symbols, K: int) -> tuple[Array, Array, Array]:
    """Inputs as one-hot vectors, filled up to length K, targets, mask."""
    return np.eye(V, K)[batch.inputs], batch.targets, batch.mask


def numbers(batch: tasks.Sequences, K: int) -> tuple[Array, Array, Array]:
    """Inputs filled up to length K, targets of the last step, mask without padding."""
    xs = np.pad(batch.inputs, ((0, 0), (0, 0), (0, K - batch.inputs.shape[-1])))
    return xs, batch.targets[-1], np.ones(batch.mask.shape, dtype=bool)


def forgotten(params: train.Network, batch: tuple[Array, Array, Array]) -> float:
    """Share of strings whose last symbol but one, which is the second, is not foreseen."""
    (cell, readout), (xs, ys, mask) = untied(params), batch
    hs, _, _ = bptt.forward(lstm, cell, xs, lstm.zero_state(cell, xs.shape[1]))
    t, b = mask.sum(0) - 2, np.arange(xs.shape[1])
    says: Array = linear.forward(readout, hs[t, b]).argmax(-1)
    return float((says != ys[t, b]).mean())


def entropy(batch: tasks.Symbols) -> float:
    """Mean of the logarithm of the number of symbols that may come next."""
    total = 0.0
    for b, length in enumerate(batch.mask.sum(0)):
        string = "".join(tasks.ALPHABET[s] for s in batch.inputs[:length, b])
        for t in range(length):
            total += np.log(len(tasks.next_symbols(tasks.EMBEDDED, string[: t + 1])))
    return float(total / batch.mask.sum())


def matched(D: int, H: int) -> int:
    """Units with which one matrix has about as many numbers as two with D inputs and H units."""
    wanted = H * (D + H + 1)
    return min(range(max(D, H), D + H + 1), key=lambda K: abs(K * (K + 1) - wanted))
