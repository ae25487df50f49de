"""What does an LSTM that reads Python's source keep in its units?

Prediction (Karpathy, Johnson & Fei-Fei 2015): some units alone tell whether a string, a comment or
a bracket is open, how far the line is indented and how long it is; a linear probe of all units
tells it better, and better than a probe of the same network before training. A unit that tells it
need not be one that the predictions rest on.

Measured, over files that were not trained on: bits per character, ``bits`` (seed), with the weights
as float16, and on the way ``curve`` (seed, check). Share of all units and steps at which a gate i,
f, o is below 0.1 and above 0.9, ``saturated`` (seed, gate, side), before training
``saturated_fresh``.

Then, of the memories c at letters, digits and underscores, for each of ``PROPERTIES``: AUC, or r
where the property is a number, on one half of the files, of the unit that is best on the other
half, ``unit``, and of a linear probe fitted there, ``probe`` (each: seed, property); the number of
that unit, ``which``; the same before training, ``_fresh``, for the labels of another file,
``_other``, and for labels in random order, ``_shuffled``. Share of the units that tell it better,
over all files, than 95 % of all units tell the labels of other files, ``share``, labels in random
order, ``share_naive``, or, before training, the same, ``share_learnt`` (each: seed, property), and
that do so for any property, ``any``, ``any_naive`` and ``any_learnt`` (seed); ``_fresh`` as above;
``share_other`` and ``any_other``: how many so tell the labels of still other files.

What clamping each unit to its mean adds to the bits per character at each of ``PLACES``,
``clamped`` (seed, place, unit), and the rank correlation over units of that with how well they tell
each of ``TELL``, ``agree`` (seed, place).

How far log p of a symbol moves if one of the ``back`` symbols before it is another: correlation
with what the gradient says to first order, ``first_order``; over those symbols, rank correlation
(``_rank``; without the nearest, ``_rank_far``) of the mean size of the moves with the norm of the
gradient, ``norm``, with the mean size that it says, ``guess``, and with recency alone, ``recency``;
and how often the same symbol is first in both, ``_top`` (each: seed).

The corpus is the library of the Python that runs, see ``versions``. The network of the first seed
and some of the text that it has not seen are kept, see :mod:`rnnlib.characters`.
"""

import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rnnlib import characters, data, inside, train
from rnnlib.experiments import _networks as networks
from rnnlib.reference import embedding, linear, lstm, schedule
from rnnlib.reference.ops import Array, tree_map

SEEDS = 3
QUICK = {
    "H": 5,
    "D": 3,
    "known": 20_000,
    "epochs": 1,
    "B": 16,
    "T": 50,
    "every": 10,
    "stretch": 400,
    "excerpt": 300,
    "skip": 20,
    "clamped_steps": 40,
    "targets": 3,
}
PROPERTIES = inside.Marks._fields
PLACES = ("everywhere", "in prose", "closing bracket", "beginning of a line", "closing quote")
TELL = ("prose", "bracket", "indent", "string")  # what all but the first should rest on


class Model(nn.Module):
    """An embedding, an LSTM and a read-out; it carries its state from batch to batch."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters.V, D)
        self.network = networks.Network(nn.LSTM(D, H), H, characters.V)
        self.state: tuple[Tensor, Tensor] | None = None

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits ``(T, B, V)``."""
        hs, (h, c) = self.network.layer(self.embedding(symbols), self.state)
        self.state = h.detach(), c.detach()
        logits: Tensor = self.network.readout(hs)
        return logits


def measure(
    seed: int,
    *,
    H: int = 192,
    D: int = 24,
    known: int = 2_000_000,
    held_out: int = 20,
    stretch: int = 5_000,
    excerpt: int = 3_000,
    epochs: int = 4,
    B: int = 50,
    T: int = 128,
    lr: float = 4e-3,
    every: int = 100,
    skip: int = 100,
    stride: int = 3,
    clamped_steps: int = 1_000,
    targets: int = 40,
) -> dict[str, Any]:
    """Measure once, see the module."""
    text, test, files = corpus(known, held_out, stretch)
    torch.manual_seed(seed)
    model = Model(D, H)
    fresh = reference(model)
    found: dict[str, Any] = {"curve": teach(model, text, test[:1000], epochs, B, T, lr, every)}
    network = rounded(reference(model))
    found["bits"] = bits(network, test)
    source = f"library of CPython {platform.python_version()}, Python Software Foundation License 2"
    kept = characters.Trained(network, test[:excerpt].T, tuple(files), source)

    rng = np.random.default_rng([seed, 3])
    seen = Seen(test[:excerpt], skip, stride)
    for end, which in {"": network, "_fresh": fresh}.items():
        _, _, cs, caches = characters.read(which, seen.symbols)
        gates = [np.stack([cache.kept[k] for cache in caches]) for k in (0, 1, 3)]
        found[f"saturated{end}"] = [[(a < 0.1).mean(), (a > 0.9).mean()] for a in gates]
        found |= {key + end: value for key, value in tells(rng, seen, cs).items()}
        if not end:
            mean = cs[:, ::2].mean(axis=(0, 1))
    strengths, before = (np.array(found.pop(f"strengths{end}")) for end in ("", "_fresh"))
    learnt = strengths > np.quantile(before, 0.95, axis=1, keepdims=True)
    found |= {"share_learnt": learnt.mean(axis=1), "any_learnt": learnt.any(axis=0).mean()}
    del caches, gates
    found["clamped"] = clamped(network, test[: clamped_steps + 1, 1::2], mean)
    found["agree"] = [
        spearmanr(strengths[PROPERTIES.index(name)], added).statistic
        for name, added in zip(TELL, found["clamped"][1:], strict=True)
    ]
    found |= listening(rng, network, test[:excerpt, 1::2], targets)
    return found | {"arrays": characters.save(kept)}


class Seen:
    """Texts, what holds in them, and where they are looked at."""

    def __init__(self, symbols: Array, skip: int, stride: int) -> None:
        self.symbols = symbols  # (T, files)
        texts = [characters.decode(row) for row in symbols.T]
        marked = [inside.marks(text) for text in texts]
        self.marks = [np.stack(rows, axis=1) for rows in zip(*marked, strict=True)]
        word = np.array([[c.isalnum() or c == "_" for c in text] for text in texts]).T
        t = np.arange(len(symbols))[:, None]
        self.places = word & (t >= skip) & (t % stride == 0)

    def choose(self, states: Array, k: int, half: slice, shift: int = 0) -> tuple[Array, Array]:
        """States and property k where some of the files are looked at, or labels of others."""
        places = self.places[:, half]
        labels = np.roll(self.marks[k][:, half], shift, axis=1)
        return states[:, half][places], labels[places]


def tells(rng: np.random.Generator, seen: Seen, states: Array) -> dict[str, Any]:
    """How well units, and a probe of all of them, tell each property."""
    first, second, both = slice(0, None, 2), slice(1, None, 2), slice(None)
    found: dict[str, Any] = {}

    def note(name: str, value: Any) -> None:
        found.setdefault(name, []).append(value)

    beats: dict[str, list[Array]] = {"": [], "_naive": [], "_other": []}
    for k in range(len(PROPERTIES)):
        for end, shift in {"": 0, "_other": 1, "_shuffled": 0}.items():
            (s, y), (s2, y2) = (seen.choose(states, k, half, shift) for half in (first, second))
            if end == "_shuffled":
                y, y2 = rng.permutation(y), rng.permutation(y2)
            best, sign = inside.best(s, y)
            says = inside.probe(s, y)(s2)
            note(f"unit{end}", inside.score(sign * s2[:, [best]], y2)[0])
            note(f"probe{end}", inside.score(says[:, None], y2)[0])
            if not end:
                note("which", best)
        s, y = seen.choose(states, k, both)
        true, *null = (
            inside.strength(inside.score(s, v), v)
            for v in (seen.choose(states, k, both, n)[1] for n in range(seen.symbols.shape[1]))
        )
        shuffled = rng.permutation(y)
        naive = inside.strength(inside.score(s, shuffled), shuffled)
        level = np.quantile(null[::2], 0.95)  # the others of these serve as a control
        note("strengths", true)
        beats[""].append(true > level)
        beats["_naive"].append(true > np.quantile(naive, 0.95))
        beats["_other"].append(np.array(null[1::2]) > level)
        for end, rows in beats.items():
            note(f"share{end}", rows[-1].mean())
    return found | {f"any{end}": np.any(rows, axis=0).mean() for end, rows in beats.items()}


def clamped(network: characters.Network, texts: Array, mean: Array, block: int = 24) -> Array:
    """Bits per character that clamping each unit adds, ``(place, unit)``."""
    symbols, targets = texts[:-1], texts[1:]
    H, files = len(mean), symbols.shape[1]
    marked = [inside.marks(characters.decode(row)) for row in texts.T]
    string, comment, prose, bracket, indent, column = (
        np.stack(rows, axis=1) for rows in zip(*marked, strict=True)
    )
    closes = np.isin(targets, characters.encode(")]}")) & ~string[:-1] & ~comment[:-1]
    places = [
        np.ones_like(closes),
        prose[:-1] & prose[1:],
        closes & bracket[:-1],
        (indent == column)[:-1],
        string[:-1] & ~string[1:],
    ]
    plain = inside.bits(characters.read(network, symbols)[0], targets)
    added = np.zeros((len(places), H))
    for begin in range(0, H, block):
        units = np.arange(begin, min(begin + block, H))
        held = np.repeat(np.arange(H) == units[:, None], files, axis=0)
        cell = inside.Clamped(held, np.broadcast_to(mean, held.shape))
        logits = characters.read(network, np.tile(symbols, len(units)), cell)[0]
        cost = inside.bits(logits, np.tile(targets, len(units)))
        more = cost.reshape(*symbols.shape[:1], len(units), files) - plain[:, None]
        for k, place in enumerate(places):
            added[k, units] = [more[:, u][place].mean() for u in range(len(units))]
    return added


def listening(
    rng: np.random.Generator,
    network: characters.Network,
    texts: Array,
    targets: int,
    context: int = 100,
    back: int = 40,
    near: int = 5,
    ways: int = 4,
) -> dict[str, Any]:
    """Does the gradient say what the prediction rests on?"""
    said, moved, ranks, tops = [], [], [], []
    places = np.tile(np.arange(context - back, context), ways)
    for _ in range(targets):
        file, t = rng.integers(texts.shape[1]), rng.integers(context, len(texts))
        symbols, following = texts[t - context : t, file], int(texts[t, file])
        others = rng.choice(texts.ravel(), size=len(places))
        while (same := others == symbols[places]).any():
            others[same] = rng.choice(texts.ravel(), size=same.sum())
        moves, first, norms = inside.moves(network, symbols, following, places, others)
        said.append(first)
        moved.append(moves)
        size, guess = (np.abs(a).reshape(ways, back).mean(axis=0) for a in (moves, first))
        guesses = (norms[-back:], guess, np.arange(back))
        ranks.append(
            [[spearmanr(g[:n], size[:n]).statistic for n in (back, back - near)] for g in guesses]
        )
        tops.append([g.argmax() == size.argmax() for g in guesses])
    found: dict[str, Any] = {
        "first_order": np.corrcoef(np.concatenate(said), np.concatenate(moved))[0, 1]
    }
    for name, rank, top in zip(
        ("norm", "guess", "recency"), np.median(ranks, axis=0), np.mean(tops, axis=0), strict=True
    ):
        found |= {f"{name}_rank": rank[0], f"{name}_rank_far": rank[1], f"{name}_top": top}
    return found


def corpus(known: int, held_out: int, stretch: int) -> tuple[Array, Array, list[str]]:
    """Text to train on ``(known,)``; text held out by file ``(stretch, files)``; their names.

    A stretch begins with the first function or class of its file, where no string is open.
    """
    parts = data.python_files()
    names = np.random.default_rng(0).permutation(list(parts)).tolist()
    chosen: dict[str, str] = {}
    rest = []
    for name in names:
        begin = inside.first_definition(parts[name]) if len(chosen) < held_out else len(parts[name])
        if len(parts[name]) >= begin + stretch:
            chosen[name] = parts[name][begin : begin + stretch]
        else:
            rest.append(parts[name])
    test = np.stack([characters.encode(part) for part in chosen.values()], axis=1)
    return characters.encode("".join(rest)[:known]), test, list(chosen)


def teach(
    model: Model, text: Array, test: Array, epochs: int, B: int, T: int, lr: float, every: int
) -> list[float]:
    """Train on streams that carry their state; bits per character held out, on the way."""
    steps = (len(text) - 1) // (B * T) * epochs
    streams = torch.from_numpy(text[: len(text) // B * B].reshape(B, -1).T.copy())
    held = torch.from_numpy(test)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            model.state = None
            for t in range(0, len(streams) - T, T):
                yield streams[t : t + T], streams[t + 1 : t + T + 1]

    def loss(module: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(module(batch[0]).flatten(0, 1), batch[1].flatten())

    def validate(module: Any) -> float:
        kept, module.state = module.state, None
        value = loss(module, (held[:-1], held[1:]))
        module.state = kept
        return float(value) / float(np.log(2))

    torch.set_num_threads(1)
    learner = train.Torch(model, torch.optim.Adam(model.parameters()), loss)
    history = train.fit(
        learner,
        batches(),
        steps,
        clip=1.0,
        schedule=lambda t: schedule.cosine(t, lr, steps),
        validate=validate,
        every=every,
        bar=False,
    )
    return [float(value) for value in history.validation]


def reference(model: Model) -> characters.Network:
    """The same network for the reference."""
    layer, readout = model.network.layer, model.network.readout
    E, W_x, W_h, b, b_h, W_y, b_y = (
        tensor.detach().numpy().copy()
        for tensor in (
            model.embedding.weight,
            *(networks.weights(layer, n) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
            readout.weight,
            readout.bias,
        )
    )
    return characters.Network(
        embedding.Params(E), lstm.Params(W_x, W_h, b + b_h), linear.Params(W_y, b_y)
    )


def rounded(network: characters.Network) -> characters.Network:
    """The weights as the file keeps them."""
    return tree_map(lambda a: a.astype(np.float16).astype(np.float32), network)


def bits(network: characters.Network, texts: Array) -> float:
    """Bits per character of texts ``(T, B)``, each read from a zero state."""
    costs = [
        inside.bits(characters.read(network, part[:-1])[0], part[1:])
        for part in np.array_split(texts, 4, axis=1)
    ]
    return float(np.concatenate(costs, axis=1).mean())
