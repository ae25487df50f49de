"""What does a network learn that sees padding, in its loss or in the state that it is read from?

Prediction: a writer of names whose loss counts padding shows less than half of the loss of one
whose loss does not, and is no better: per symbol that counts, it comes within 2 % of the other. One
whose mask hides the padding by its symbol, which is also the sign that ends a name, never ends. A
reader that is asked in which language a name is, after the padding, is right less often by some
points, in the batches that it was trained on; and more so alone, without padding, or with more of
it. One that also reads backward suffers less, since its other half ends at the first letter.

Measured, all by seed. Of writers with each of ``masks``: ``shown``, the loss that they minimise,
and ``true``, the loss per symbol that counts, on names held out (mask, check); ``ended``, the share
of names that end when they write, and ``letters``, how many letters on average these names have.
Of readers of four kinds (forward without lengths and with, both ways without and with): ``right``,
the share of names held out whose language they say (kind, setting), and ``changed``, the share of
answers that are others than without padding. The settings are: without padding; in batches of the
usual size; padded to ``far`` letters.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnnlib import data
from rnnlib.experiments import _networks as networks
from rnnlib.nn import modules, ragged
from rnnlib.reference.ops import Array

SEEDS = 5
QUICK = {"H": 3, "B": 4, "steps": 2, "every": 1, "held_out": 9, "written": 3, "far": 70}
MEASURED = ("shown", "true", "ended", "letters", "right", "changed")
PAD = 0  # nothing; and before the first letter and after the last, in a name that is written


class Names(NamedTuple):
    """A batch of names, padded."""

    letters: Tensor  # (T, B)
    lengths: Tensor  # (B,)
    languages: Tensor  # (B,)


class Corpus(NamedTuple):
    """Names in several languages, letters as numbers from 1."""

    train: list[Array]
    test: list[Array]
    languages: tuple[Array, Array]  # of the two lists
    V: int  # letters, and PAD


class Writer(nn.Module):
    """A GRU that says which letter comes next."""

    def __init__(self, V: int, H: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(V, H)
        self.layer = nn.GRU(H, H)
        self.readout = nn.Linear(H, V)

    def forward(self, letters: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits ``(T, B, V)`` and the last state."""
        hs, state = self.layer(self.embedding(letters), state)
        return self.readout(hs), state


class Reader(nn.Module):
    """A GRU that reads a name, and a read-out of its last state; padding is read as zeros."""

    def __init__(self, V: int, H: int, K: int, both: bool, lengths: bool) -> None:
        super().__init__()
        self.lengths = lengths
        self.embedding = nn.Embedding(V, H, padding_idx=PAD)
        self.layer = modules.GRU(H, H, bidirectional=both)
        self.readout = nn.Linear(H * (1 + both), K)

    def forward(self, names: Names) -> Tensor:
        """Logits of the languages, ``(B, K)``."""
        known = names.lengths if self.lengths else None
        _, last = self.layer(self.embedding(names.letters), lengths=known)
        logits: Tensor = self.readout(torch.cat(tuple(last), dim=1))
        return logits


def measure(
    seed: int,
    *,
    masks: tuple[str, ...] = ("length", "none", "symbol"),
    H: int = 48,
    B: int = 32,
    steps: int = 600,
    every: int = 50,
    held_out: int = 1000,
    written: int = 200,
    far: int = 64,
    lr: float = 5e-3,
) -> dict[str, Any]:
    """Measure once, see the module."""
    torch.set_num_threads(1)
    corpus = names(seed)
    found: dict[str, Any] = {key: [] for key in MEASURED}
    tests = groups(corpus, held_out, B)
    for mask in masks:
        torch.manual_seed(seed)
        writer = Writer(corpus.V, H)
        shown: list[float] = []
        true: list[float] = []

        def check(module: Any, mask: str = mask, shown: Any = shown, true: Any = true) -> float:
            with torch.no_grad():
                shown.append(float(np.mean([float(write_loss(module, x, mask)) for x in tests])))
                true.append(per_symbol(module, tests))
            return float(shown[-1])

        loss = partial(write_loss, mask=mask)
        networks.teach(writer, batches(seed, corpus, B), steps, check, lr, every, loss=loss)
        ends = write(writer, seed, written, far)
        found["shown"].append(shown)
        found["true"].append(true)
        found["ended"].append(float((ends < far).mean()))
        found["letters"].append(float(ends[ends < far].mean()) if (ends < far).any() else np.nan)
    for both in (False, True):
        for lengths in (False, True):
            torch.manual_seed(seed)
            reader = Reader(corpus.V, H, len(data.NAME_LANGUAGES), both, lengths)
            stream = batches(seed, corpus, B)
            networks.teach(reader, stream, steps, lambda m: 0.0, lr, steps, loss=read_loss)
            right, changed = read(reader, corpus, held_out, B, far)
            found["right"].append(right)
            found["changed"].append(changed)
    return found


def names(seed: int) -> Corpus:
    """Names of places and languages; a tenth of what is named is held out, in all languages."""
    rows = data.names()
    letters = {c: k for k, c in enumerate(sorted(set("".join(r.text for r in rows))), start=1)}
    codes = sorted({(r.kind, r.code) for r in rows})
    rng = np.random.default_rng([seed, 4])
    held = {codes[k] for k in rng.permutation(len(codes))[: len(codes) // 10]}
    parts: tuple[list[Any], list[Any]] = [], []
    for k in rng.permutation(len(rows)):
        row = rows[k]
        symbols = np.array([letters[c] for c in row.text])
        language = data.NAME_LANGUAGES.index(row.language)
        parts[(row.kind, row.code) in held].append((symbols, language))
    train, test = ([x for x, _ in part] for part in parts)
    known = tuple(np.array([k for _, k in part]) for part in parts)
    return Corpus(train, test, (known[0], known[1]), 1 + len(letters))


def batch(texts: list[Array], languages: Array, T: int | None = None) -> Names:
    """Pad names, by default to the longest."""
    lengths = np.array([len(x) for x in texts])
    letters = np.full((T or lengths.max(), len(texts)), PAD)
    for b, x in enumerate(texts):
        letters[: len(x), b] = x
    return Names(*map(torch.from_numpy, (letters, lengths, languages)))


def batches(seed: int, corpus: Corpus, B: int) -> Any:
    """Random batches without end."""

    def draw(rng: np.random.Generator) -> Names:
        chosen = rng.integers(len(corpus.train), size=B)
        return batch([corpus.train[k] for k in chosen], corpus.languages[0][chosen])

    return networks.stream(seed, draw)


def groups(corpus: Corpus, N: int, B: int) -> list[Names]:
    """The first N names held out, in batches."""
    texts, languages = corpus.test[:N], corpus.languages[1]
    return [batch(texts[k : k + B], languages[k : min(k + B, N)]) for k in range(0, N, B)]


def write_loss(writer: Writer, names: Names, mask: str) -> Tensor:
    """Cross-entropy of the next letter, or of the end."""
    end = torch.full_like(names.letters[:1], PAD)
    inputs, targets = torch.cat([end, names.letters]), torch.cat([names.letters, end])
    counts = {
        "length": ragged.valid(names.lengths + 1, len(targets))[..., 0],
        "none": torch.ones_like(targets, dtype=torch.bool),
        "symbol": targets != PAD,
    }[mask]
    return cross_entropy(writer(inputs)[0][counts], targets[counts])


def per_symbol(writer: Writer, tests: list[Names]) -> float:
    """Loss per symbol that counts, over all batches together."""
    sizes = [int(x.lengths.sum()) + len(x.lengths) for x in tests]
    means = [float(write_loss(writer, x, "length")) for x in tests]
    return float(np.average(means, weights=sizes))


def write(writer: Writer, seed: int, N: int, limit: int) -> Array:
    """Let it write N names; how many letters each has, at most the limit."""
    generator = torch.Generator().manual_seed(seed)
    last, state = torch.full((1, N), PAD), None
    ends = np.full(N, limit)
    with torch.no_grad():
        for t in range(limit):
            logits, state = writer(last, state)
            last = torch.multinomial(logits[0].softmax(-1), 1, generator=generator).T
            ends = np.where((last[0].numpy() == PAD) & (ends == limit), t, ends)
    return ends


def read_loss(reader: Reader, names: Names) -> Tensor:
    """Cross-entropy of the language."""
    return cross_entropy(reader(names), names.languages)


def read(
    reader: Reader, corpus: Corpus, N: int, B: int, far: int
) -> tuple[list[float], list[float]]:
    """Shares of right answers, and of changed ones, in the three settings."""
    texts, languages = corpus.test[:N], corpus.languages[1][:N]
    alone = [batch([x], languages[k : k + 1]) for k, x in enumerate(texts)]
    settings = alone, groups(corpus, N, B), [batch(texts, languages, far)]
    with torch.no_grad():
        said = [torch.cat([reader(x).argmax(-1) for x in part]).numpy() for part in settings]
    right = [float((a == languages).mean()) for a in said]
    return right, [float((a != said[0]).mean()) for a in said]
