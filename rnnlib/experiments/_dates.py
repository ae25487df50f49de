"""Dates to normalise: as symbols, split by day; an encoder and a decoder, and how they are taught.

What is read is a line of symbols, such as ``en_US 2 / 1 / 0 3``, and what is to be written another,
such as ``2 0 0 3 - 0 2 - 0 1``. A line may hold several dates.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnnlib import data, train
from rnnlib.nn.modules import Seq2Seq
from rnnlib.nn.modules.seq2seq import State
from rnnlib.reference import schedule

END, START = 0, 1  # of what is written: symbols after the last, and before the first
UNKNOWN = 0  # of what is read: one that training does not have; padding too, which nobody reads


class Line(NamedTuple):
    """Symbols to read, and symbols to write."""

    read: tuple[str, ...]
    write: tuple[str, ...]


class Alphabet(NamedTuple):
    """The number of each symbol."""

    read: dict[str, int]
    write: dict[str, int]


class Batch(NamedTuple):
    """Lines as numbers."""

    source: Tensor  # (T, B), beyond the lengths UNKNOWN
    lengths: Tensor  # (B,)
    target: Tensor  # (N, B), what is to be written, then END at least once


# Data


def split(
    seed: Any, train_size: int, test_size: int, share: float = 0.1
) -> tuple[list[data.Date], list[data.Date]]:
    """Dates to train on and dates to test on, such that no *day* of the one is in the other.

    A day is for testing with the probability ``share``, by lot; every place and style in which it
    is written goes with it.
    """
    rng = np.random.default_rng(seed)
    lots: dict[str, bool] = {}
    found: tuple[list[data.Date], list[data.Date]] = ([], [])
    sizes = (train_size, test_size)
    while any(len(part) < size for part, size in zip(found, sizes, strict=True)):
        for date in data.dates(rng, 1000):
            held_out = lots.setdefault(date.iso, bool(rng.random() < share))
            if len(found[held_out]) < sizes[held_out]:
                found[held_out].append(date)
    return found


def line(date: data.Date, told: bool = True) -> Line:
    """A date to read and to write; the first symbol is the place, if it is told."""
    return Line((*([date.locale] if told else []), *date.text), tuple(date.iso))


def join(lines: Sequence[Line]) -> Line:
    """Several lines as one, with a space between what is to be written."""
    write = [line.write for line in lines]
    return Line(
        tuple(symbol for line in lines for symbol in line.read),
        tuple(" ".join("".join(symbols) for symbols in write)),
    )


def alphabet(lines: Sequence[Line]) -> Alphabet:
    """A number for each symbol that occurs."""
    read = sorted({symbol for line in lines for symbol in line.read})
    write = sorted({symbol for line in lines for symbol in line.write})
    return Alphabet(
        {symbol: k for k, symbol in enumerate(read, start=UNKNOWN + 1)},
        {symbol: k for k, symbol in enumerate(write, start=START + 1)},
    )


def encode(known: Alphabet, lines: Sequence[Line]) -> Batch:
    """Lines as numbers, padded to the longest."""
    lengths = [len(line.read) for line in lines]
    source = np.full((max(lengths), len(lines)), UNKNOWN)
    target = np.full((max(len(line.write) for line in lines) + 1, len(lines)), END)
    for b, (read, write) in enumerate(lines):
        source[: len(read), b] = [known.read.get(symbol, UNKNOWN) for symbol in read]
        target[: len(write), b] = [known.write[symbol] for symbol in write]
    return Batch(torch.from_numpy(source), torch.tensor(lengths), torch.from_numpy(target))


def batches(
    known: Alphabet, lines: Sequence[Line], size: int, seed: Any, pool: int = 1
) -> Iterator[Batch]:
    """Batches without end; a line comes again when all others have come.

    Of the lines of so many batches, a pool, those of like length come together, so that there is
    less padding.
    """
    rng, lengths = np.random.default_rng(seed), np.array([len(line.read) for line in lines])
    while True:
        order = rng.permutation(len(lines))[: len(lines) // size * size]
        if pool > 1:
            pools = [order[k : k + pool * size] for k in range(0, len(order), pool * size)]
            order = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
            order = rng.permutation(order.reshape(-1, size)).ravel()
        for k in range(0, len(order), size):
            yield encode(known, [lines[i] for i in order[k : k + size]])


# Networks


class Summary(Seq2Seq):
    """The same without attention: at every step the decoder is given the encoder's last states.

    They are all of the memory; with one thing to look at there is nothing to choose.
    """

    def __init__(
        self, source_size: int, target_size: int, embedding_size: int, hidden_size: int
    ) -> None:
        super().__init__(source_size, target_size, embedding_size, hidden_size)
        del self.attention

    def encode(self, source: Tensor, *, lengths: Tensor | None = None) -> State:
        """Read; the state before the first symbol is written."""
        _, last = self.encoder(self.drop(self.source(source)), lengths=lengths)
        summary = torch.cat([last[0], last[1]], dim=1)
        h = torch.tanh(self.bridge(summary))
        return State(h, summary[:, None], summary.new_ones(len(summary), 1))

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``(B, V)`` after the symbols ``(B,)``."""
        summary = state.memory[:, 0]
        x = torch.cat([self.drop(self.target(symbols)), summary], dim=1)
        h = self.decoder(x, state.h)
        logits: Tensor = self.readout(torch.cat([h, summary], dim=1))
        return logits, state._replace(h=h)


def network(seed: int, known: Alphabet, D: int, H: int, attention: bool) -> Seq2Seq:
    """Draw a network; torch's own start."""
    torch.manual_seed(seed)
    V = len(known.write) + 2
    return (Seq2Seq if attention else Summary)(len(known.read) + 1, V, D, H)


# Teaching


def forced(network: Seq2Seq, batch: Batch) -> Tensor:
    """Logits ``(N, B, V)`` of every symbol, when the right one before it is given."""
    start = torch.full_like(batch.target[:1], START)
    logits: Tensor = network(
        batch.source, torch.cat([start, batch.target[:-1]]), lengths=batch.lengths
    )
    return logits


def written(batch: Batch) -> Tensor:
    """Where a symbol counts, ``(N, B)``: all that is to be written, and one END."""
    done = batch.target == END
    return ~done | (done.cumsum(0) == 1)


def loss(network: Seq2Seq, batch: Batch) -> Tensor:
    """Cross-entropy of the symbols that are to be written."""
    there = written(batch)
    return cross_entropy(forced(network, batch)[there], batch.target[there])


def teach(
    network: Seq2Seq,
    stream: Iterator[Batch],
    steps: int,
    lr: float,
    validate: Callable[[Any], float],
    every: int,
    loss: Callable[[Any, Batch], Tensor] = loss,
) -> train.History:
    """Train with Adam, clipped to norm 1, the rate warmed up and let down, on one thread."""
    torch.set_num_threads(1)
    rise = min(50, steps)
    learner = train.Torch(network, torch.optim.Adam(network.parameters(), lr=lr), loss)
    return train.fit(
        learner,
        stream,
        steps,
        clip=1.0,
        schedule=lambda t: schedule.warm_up_cosine(t, lr, rise, steps - rise + 1),
        validate=validate,
        every=every,
        bar=False,
    )


# Judging


def texts(known: Alphabet, symbols: Tensor) -> list[str]:
    """What symbols ``(N, B)`` read as, each up to its first END."""
    names = {k: name for name, k in known.write.items()} | {START: "?"}
    columns = [[*column, END] for column in symbols.T.tolist()]
    return ["".join(names[k] for k in column[: column.index(END)]) for column in columns]


def write(network: Seq2Seq, batch: Batch) -> Tensor:
    """What is written greedily, ``(N, B)``, after the first END nothing but END."""
    N = len(batch.target)
    symbols, *_ = network.generate(batch.source, START, END, N, lengths=batch.lengths)
    return padded(symbols, N)


def padded(symbols: Tensor, N: int) -> Tensor:
    """Symbols with END behind them, ``(N, B)``."""
    return torch.cat([symbols, symbols.new_full((N - len(symbols), symbols.shape[1]), END)])


def exact(network: Seq2Seq, batch: Batch) -> Tensor:
    """Is a line written without any fault? ``(B,)``."""
    return (write(network, batch) == batch.target).all(0)
