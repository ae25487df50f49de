"""How many bits does a character of unseen Python source cost, by networks, counting and zipping?

Prediction, made when all on the whole of the held-out text had been tried, but for what goes on
learning: paragraphs that stand in the training text, too, help xz most, which can point at them,
long n-grams next and the network least. Where none are left, the network is ahead of xz with the
training text in front, and of every n-gram. To go on learning while reading gains a tenth of a bit.

Measured, on the held-out text of ``char_lstm``, with three ``VARIANTS`` of it, in bits per
character: by every one of ``NETWORKS``, ``network`` (seed, variant, network), where "untrained" and
"short" differ in the seed, "long" is the one that ``char_lstm`` has kept, and "dynamic" is "long",
but takes a step of Adam after each piece that it has predicted; by n-grams, ``ngram`` (seed,
variant, rule, n - 1), with ``RULES``; by ``COMPRESSORS``, alone and with the training text in
front, ``press`` (seed, variant, compressor, 2). ``left`` (seed, variant) characters were scored.
The cost of each file is ``file`` (seed, variant, 3, file), for "long" and for the first two rules
at their best n; what has less than 500 characters left is no number. Chosen on text that is in
neither: that n, by ``orders`` (seed, rule, n - 1), and the rate of "dynamic", by ``rates`` (seed,
rate), bits all of them.

The share of each file that stands in the training text in stretches of ``copied`` characters is
``share`` (seed, file). ``checked`` (seed) is 1 if the running library has the checksum of the one
that the kept network has learnt. The network of the first seed's short run is kept.
"""

import bz2
import gzip
import lzma
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from rnnlib import characters, data, duplicates, inside, ngram
from rnnlib.experiments import _networks as networks
from rnnlib.experiments import char_lstm
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {
    "known": 30_000,
    "stretch": 300,
    "steps": 2,
    "B": 16,
    "T": 50,
    "N": 3,
    "tuning": 100,
    "H": 5,
    "D": 3,
}
VARIANTS = ("all", "near-duplicates left out", "all copies left out")
SHARES = (None, 0.5, 1e-6)  # of a paragraph, from which it is left out
NETWORKS = ("untrained", "short", "long", "dynamic")
RULES = {
    "Witten-Bell": ngram.witten_bell,
    "Kneser-Ney": ngram.kneser_ney,
    "Witten-Bell, going on": ngram.going_on,
}
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda raw: gzip.compress(raw, 9, mtime=0),
    "bz2": lambda raw: bz2.compress(raw, 9),
    "xz": lambda raw: lzma.compress(raw, preset=9),
}
RATES = (3e-4, 1e-3, 2e-3)


class Held(NamedTuple):
    """Texts side by side, those that are shorter filled up."""

    symbols: Array  # (T, files)
    counts: Array  # (T, files), whether a symbol is scored; the first of a file is not


def measure(
    seed: int,
    *,
    known: int = 2_000_000,
    held_out: int = 20,
    stretch: int = 5_000,
    copied: int = 32,
    steps: int = 120,
    B: int = 50,
    T: int = 128,
    lr: float = 4e-3,
    N: int = 8,
    tuning: int = 30_000,
    chunk: int = 20,
    H: int = 192,
    D: int = 24,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found = dict(_without_seed(known, held_out, stretch, copied, N, tuning, chunk))
    text, variants, files, _ = corpus(known, held_out, stretch, copied, tuning)
    torch.manual_seed(seed)
    model = char_lstm.Model(D, H)
    untrained = char_lstm.reference(model)
    test = variants[0].symbols[:1000]
    char_lstm.teach(model, text[: steps * B * T + 1], test, 1, B, T, lr, every=steps)
    short = char_lstm.rounded(char_lstm.reference(model))
    found["network"] = [
        [network_bits(untrained, held), network_bits(short, held), *rest]
        for held, rest in zip(variants, found["network"], strict=True)
    ]
    source = f"{steps} steps, otherwise as char_lstm; {characters.load().source}"
    kept = characters.Trained(short, np.zeros((0, 0), dtype=np.int64), files, source)
    return found | {"arrays": characters.save(kept)}


@cache
def _without_seed(
    known: int, held_out: int, stretch: int, copied: int, N: int, tuning: int, chunk: int
) -> dict[str, Any]:
    """What no seed changes."""
    text, variants, _, rest = corpus(known, held_out, stretch, copied, tuning)
    long, trained = characters.load().network, characters.load().source
    tune = Held(rest[:, None], np.arange(len(rest))[:, None] > 0)
    rates = [dynamic_bits(long, tune, lr, chunk) for lr in RATES]
    lr = RATES[int(np.argmin(rates))]
    orders = np.array([ngram_bits(rule, text, tune, N) for rule in RULES])
    found: dict[str, Any] = {
        "checked": str(data.python_source().release) in trained.split()[3],
        "share": [m.mean() for m in marked(text, variants[0], copied)],
        "rates": rates,
        "orders": orders,
        "left": [held.counts.sum() for held in variants],
        "network": [],
        "ngram": [],
        "press": [],
        "file": [],
    }
    front = raw(text)
    for held in variants:
        found["network"].append([network_bits(long, held), dynamic_bits(long, held, lr, chunk)])
        found["ngram"].append([ngram_bits(rule, text, held, N) for rule in RULES])
        joined = raw(np.concatenate(columns(held)))
        found["press"].append([pressed(name, joined, front) for name in COMPRESSORS])
        costs = [network_costs(long, held)]
        costs += [
            -np.log2(rule(text, held.symbols, N)[best])
            for rule, best in zip(list(RULES.values())[:2], orders.argmin(axis=1), strict=False)
        ]
        scored = np.where(held.counts, 1.0, 0.0)
        counts = np.where(scored.sum(axis=0) < min(500, stretch - 1), np.nan, scored.sum(axis=0))
        found["file"].append([(cost * scored).sum(axis=0) / counts for cost in costs])
    return found


@cache
def corpus(
    known: int, held_out: int, stretch: int, copied: int, tuning: int
) -> tuple[Array, tuple[Held, ...], tuple[str, ...], Array]:
    """Text to learn from; the variants of what is held out; its files; text to tune on."""
    text, test, files = char_lstm.corpus(known + tuning, held_out, stretch)
    text, rest = text[:known], text[known:]
    everything = side_by_side([characters.decode(column) for column in test.T])
    marks = marked(text, everything, copied)
    variants = [everything]
    for share in SHARES[1:]:
        texts = [
            duplicates.without(characters.decode(column), mark, share)
            for column, mark in zip(test.T, marks, strict=True)
        ]
        variants.append(side_by_side(texts))
    return text, tuple(variants), tuple(files), rest


def side_by_side(texts: list[str]) -> Held:
    """Texts of any lengths as columns."""
    T = max(map(len, texts))
    symbols = np.stack([characters.encode(text.ljust(T, "\n")) for text in texts], axis=1)
    t = np.arange(T)[:, None]
    return Held(symbols, (t > 0) & (t < [len(text) for text in texts]))


def columns(held: Held) -> list[Array]:
    """The texts again."""
    pairs = zip(held.symbols.T, held.counts.T, strict=True)
    return [symbols[: counts.sum() + counts.any()] for symbols, counts in pairs]


def marked(text: Array, held: Held, copied: int) -> list[Array]:
    """For each text, what of it stands in the training text in as many characters."""
    return duplicates.copied(list(columns(held)), text, copied)


def raw(symbols: Array) -> bytes:
    """One byte per symbol, so that compressors and networks see the same text."""
    return symbols.astype(np.uint8).tobytes()


def pressed(name: str, text: bytes, front: bytes) -> tuple[float, float]:
    """Bits per character, alone and what it adds behind another text."""
    press = COMPRESSORS[name]
    alone, before, both = (len(press(part)) for part in (text, front, front + text))
    return 8 * alone / len(text), 8 * (both - before) / len(text)


def ngram_bits(rule: str, text: Array, held: Held, N: int) -> list[float]:
    """Bits per character for each length of n-gram."""
    if rule == "Witten-Bell, going on":  # what fills a column up must not be counted
        joined = np.concatenate(columns(held))[:, None]
        held = Held(joined, np.ones_like(joined, dtype=bool))
    return [-np.log2(p[held.counts]).mean() for p in RULES[rule](text, held.symbols, N)]


def network_costs(network: characters.Network, held: Held) -> Array:
    """What each symbol costs; the first of a text, that none precedes, nothing."""
    logits, *_ = characters.read(network, held.symbols[:-1])
    costs = inside.bits(logits, held.symbols[1:])
    return np.concatenate([np.zeros_like(costs[:1]), costs])


def network_bits(network: characters.Network, held: Held) -> float:
    """Bits per character."""
    return float(network_costs(network, held)[held.counts].mean())


def dynamic_bits(network: characters.Network, held: Held, lr: float, chunk: int) -> float:
    """Bits per character of a network that learns from each piece once it has predicted it."""
    model = module(network)
    adam = torch.optim.Adam(model.parameters(), lr)
    torch.set_num_threads(1)
    total, scored = 0.0, 0
    for column in columns(held):
        symbols = torch.from_numpy(column)[:, None]
        model.state = None
        for t in range(0, len(symbols) - 1, chunk):
            targets = symbols[t + 1 : t + 1 + chunk]
            loss = cross_entropy(
                model(symbols[t : t + len(targets)]).flatten(0, 1), targets.flatten()
            )
            total, scored = total + float(loss.detach()) * len(targets), scored + len(targets)
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    return total / scored / float(np.log(2))


def module(network: characters.Network) -> char_lstm.Model:
    """The torch twin of a network."""
    D = network.embedding.E.shape[1]
    model = char_lstm.Model(D, network.readout.W_y.shape[1])
    layer, readout = model.network.layer, model.network.readout
    with torch.no_grad():
        for tensor, array in (
            (model.embedding.weight, network.embedding.E),
            (networks.weights(layer, "weight_ih"), network.cell.W_x),
            (networks.weights(layer, "weight_hh"), network.cell.W_h),
            (networks.weights(layer, "bias_ih"), network.cell.b),
            (networks.weights(layer, "bias_hh"), 0 * network.cell.b),
            (readout.weight, network.readout.W_y),
            (readout.bias, network.readout.b_y),
        ):
            tensor.copy_(torch.from_numpy(array))
    return model
