"""Can telephone numbers be read out of noisy tones, if nobody says when the keys were pressed?

Prediction: a GRU that reads both ways and is trained with CTC on the keys alone reads numbers at
noise at which thresholds on the same filter outputs fail, and comes close to the same network
trained with the key of every frame, which CTC is not told. At first it says blank everywhere. Read
forward only, it says the keys later. A beam search hardly reads better than the likeliest symbol of
each frame. (In trials with the first seed CTC did not end in spikes, as had been predicted; the
beam did help in strong noise; and there the told network and the thresholds, once both are tuned
for the noise, were as good as CTC or better. So both are measured as they are, too.)

Measured, on recordings that were not trained on: edits per key (``error``: seed, signal-to-noise
ratio of ``snrs``) of CTC read both ways (``ctc``), the same by beam search (``beam``), read forward
only (``forward``), of the network that was told every frame (``plain``) and of thresholds that are
the same at all noise (``fixed``: tuned on recordings of the noise of training). Then of these two
tuned for every ratio by itself, on other recordings of the same noise: ``frames``, by the least
frames of a key (``least``: seed, ratio), and ``thresholds``, by the frames to average, the
threshold and the least frames (``tuned``: seed, ratio, three numbers). Numbers read without fault
(``whole``: seed, ratio). Share of the recordings in which the beam reads otherwise (``other``), and
in which it is then nearer to the number (``nearer``) or farther (``farther``). Frames whose
likeliest symbol is a key, per key (``width``: seed, kind of ``KINDS``, ratio), and frames in whose
middle a key does sound (``sounding``: seed, ratio).

On the way, at the noise of training (seed, check): edits per key (``curve``) and frames whose
likeliest symbol is a key, per key (``said``). Of numbers read without fault at 10 dB: how long
after the beginning of its tone a key is said first, by the middle of the frame, mean and standard
deviation (``delay``: seed, kind, two numbers in ms), and how often before it ends (``during``:
seed, kind).

The networks of the first seed are kept.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, ctc_loss
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlib import data
from rnnlib.experiments import RESULTS
from rnnlib.experiments import _networks as networks
from rnnlib.reference import ctc, ctc_beam, edit
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"H": 4, "B": 4, "steps": 2, "every": 1, "held_out": 6, "other": 3, "snrs": (0.0, 30.0)}
KINDS = ("ctc", "forward", "frames")
RATE, FRAME, HOP = 8000, 256, 128  # samples per second, in a frame, and between two of them
V = len(data.KEYS) + 1  # symbol 0 is the blank, or silence; the keys follow


class Recordings(NamedTuple):
    """Telephone numbers as the networks hear them."""

    energies: Array  # (T, B, 8), logarithms, one for each frequency of the keys
    lengths: Array  # (B,), in frames
    labels: list[list[int]]  # symbols from 1 to V - 1
    tones: list[Array]  # the samples at which each tone begins and ends, (N, 2)
    waves: Array  # (samples, B)


class Reader(nn.Module):
    """A GRU and a read-out of V symbols at every frame."""

    def __init__(self, H: int, both_ways: bool) -> None:
        super().__init__()
        width = H if both_ways else 3 * H // 2  # about as many weights
        self.layer = nn.GRU(8, width, bidirectional=both_ways)
        self.readout = nn.Linear(width * (1 + both_ways), V)

    def forward(self, batch: Recordings) -> Tensor:
        """Logits ``(T, B, V)``."""
        xs = pack_padded_sequence(
            torch.from_numpy(batch.energies).float(),
            torch.from_numpy(batch.lengths),
            enforce_sorted=False,
        )
        hs, _ = pad_packed_sequence(self.layer(xs)[0])
        logits: Tensor = self.readout(hs)
        return logits


def measure(
    seed: int,
    *,
    H: int = 32,
    B: int = 32,
    lr: float = 4e-3,
    steps: int = 600,
    every: int = 25,
    faintest: float = -15.0,
    loudest: float = 10.0,
    held_out: int = 120,
    other: int = 60,
    snrs: tuple[float, ...] = (-20, -17.5, -15, -12.5, -10, -7.5, -5, -2.5, 0, 5, 10, 20),
    beam_width: int = 8,
) -> dict[str, Any]:
    """Measure once, see the module."""

    def draw(step: int) -> Recordings:
        snr = np.random.default_rng([seed, 0, step]).uniform(faintest, loudest)
        return record([seed, 1, step], B, snr)

    noises = np.linspace(faintest, loudest, 6)
    known = [record([seed, 2, k], other, snr) for k, snr in enumerate(noises)]
    to_tune = [record([seed, 3, k], other, snr) for k, snr in enumerate(snrs)]
    test = [record([seed, 4, k], held_out, snr) for k, snr in enumerate(snrs)]
    meant = [batch.labels for batch in test]
    found: dict[str, Any] = {}
    readers: dict[str, Reader] = {}
    for kind in KINDS:
        readers[kind], found[f"{kind}_curve"], found[f"{kind}_said"] = teach(
            seed, kind, map(draw, range(steps)), known, H, steps, every, lr
        )
    same = tune_filters(known)
    tuned = [tune_filters([batch]) for batch in to_tune]
    least = [tune_least(readers["frames"], batch) for batch in to_tune]
    said = {
        "ctc": [read(readers["ctc"], batch) for batch in test],
        "beam": [beam(readers["ctc"], batch, beam_width) for batch in test],
        "forward": [read(readers["forward"], batch) for batch in test],
        "frames": [read(readers["frames"], b, n) for b, n in zip(test, least, strict=True)],
        "plain": [read(readers["frames"], batch) for batch in test],
        "thresholds": [listen(b, *how) for b, how in zip(test, tuned, strict=True)],
        "fixed": [listen(batch, *same) for batch in test],
    }
    for name, parts in said.items():
        pairs = list(zip(parts, meant, strict=True))
        found[f"{name}_error"] = [edit.error_rate(a, b) for a, b in pairs]
        found[f"{name}_whole"] = [np.mean([x == y for x, y in zip(*p, strict=True)]) for p in pairs]
    found |= compare(said["beam"], said["ctc"], meant) | {"tuned": tuned, "least": least}
    found["width"] = [[per_key([symbols(r, b)], [b]) for b in test] for r in readers.values()]
    found["sounding"] = [per_key([list(sounds(b).T)], [b]) for b in test]
    found |= delays(readers, record([seed, 5], held_out, 10.0))
    weights = {
        f"{kind}.{name}": w.numpy()
        for kind, reader in readers.items()
        for name, w in reader.state_dict().items()
    }
    return found | {"arrays": weights}


def load(kind: str) -> Reader:
    """The network of a kind that was trained with the first seed."""
    with np.load(RESULTS / "phone_tones.npz") as file:
        weights = {
            k.partition(".")[2]: torch.from_numpy(file[k]) for k in file if k.startswith(f"{kind}.")
        }
    both_ways = kind != "forward"
    width = weights["layer.weight_hh_l0"].shape[1]
    reader = Reader(width if both_ways else 2 * width // 3, both_ways)
    reader.load_state_dict(weights)
    return reader.eval()


# What is heard


def record(seed: Sequence[int], B: int, snr: float) -> Recordings:
    """Draw recordings; a second draw, without the noise, says when a key sounds."""
    loud, clean = (data.tones(np.random.default_rng(seed), B, s) for s in (snr, np.inf))
    waves = loud.inputs[..., 0]
    lengths = 1 + (loud.lengths - FRAME) // HOP
    labels = [(y[:n] + 1).tolist() for y, n in zip(loud.labels, loud.counts, strict=True)]
    return Recordings(
        energy(waves, lengths), lengths, labels, [edges(x) for x in clean.inputs[..., 0].T], waves
    )


def energy(waves: Array, lengths: Array) -> Array:
    """Log of every frame's energy at the frequencies of the keys, less the mean of the recording.

    ``(T, B, 8)``, zero beyond the lengths.
    """
    n = np.arange(FRAME)[:, None]
    probes = np.exp(-2j * np.pi * n * np.array([*data.ROWS, *data.COLUMNS]) / RATE)
    frames = sliding_window_view(waves, FRAME, axis=0)[::HOP]
    logs = np.log(np.abs(frames @ probes) ** 2 / FRAME + 1e-3)
    there = (np.arange(len(logs))[:, None] < lengths)[..., None]
    means = np.where(there, logs, 0).sum((0, 2)) / (8 * lengths)
    found: Array = np.where(there, logs - means[:, None], 0)
    return found


def edges(wave: Array) -> Array:
    """The samples at which tones begin and end in silence, ``(N, 2)``."""
    sounding = np.convolve(wave != 0, np.ones(9), "same") > 0
    return np.flatnonzero(np.diff(np.concatenate([[0], sounding, [0]]))).reshape(-1, 2)


def middles(T: int) -> Array:
    """The samples in the middle of the frames, ``(T,)``."""
    return FRAME // 2 + HOP * np.arange(T)


def sounds(batch: Recordings) -> Array:
    """The symbol that sounds in the middle of every frame, ``(T, B)``: what CTC is not told."""
    columns = []
    for tones, labels in zip(batch.tones, batch.labels, strict=True):
        t = middles(len(batch.energies))[:, None]
        columns.append(((tones[:, 0] <= t) & (t < tones[:, 1])) @ np.array(labels))
    return np.stack(columns, axis=1)


# Teaching


def teach(
    seed: int,
    kind: str,
    batches: Iterator[Recordings],
    known: list[Recordings],
    H: int,
    steps: int,
    every: int,
    lr: float,
) -> tuple[Reader, list[float], list[float]]:
    """Train a network; its errors on the way, and how many frames it spends on a key."""
    torch.manual_seed(seed)
    reader, wide = Reader(H, both_ways=kind != "forward"), []

    def check(module: Any) -> float:
        parts = [symbols(module, batch) for batch in known]
        wide.append(per_key(parts, known))
        said = [ctc.collapse(x).tolist() for part in parts for x in part]
        return edit.error_rate(said, [y for batch in known for y in batch.labels])

    loss = frame_loss if kind == "frames" else alignment_loss
    history = networks.teach(reader, batches, steps, check, lr, every, loss=loss)
    return reader, history.validation.tolist(), wide


def alignment_loss(reader: Reader, batch: Recordings) -> Tensor:
    """Mean negative log-probability of the keys."""
    total: Tensor = ctc_loss(
        reader(batch).log_softmax(-1),
        torch.tensor([k for y in batch.labels for k in y]),
        torch.from_numpy(batch.lengths),
        torch.tensor([len(y) for y in batch.labels]),
        reduction="sum",
    )
    return total / len(batch.labels)


def frame_loss(reader: Reader, batch: Recordings) -> Tensor:
    """Cross-entropy of what sounds, over all frames."""
    there = torch.arange(len(batch.energies))[:, None] < torch.from_numpy(batch.lengths)
    return cross_entropy(reader(batch)[there], torch.from_numpy(sounds(batch))[there])


# Reading


def symbols(reader: Reader, batch: Recordings) -> list[Array]:
    """The likeliest symbol of every frame, recording by recording."""
    with torch.no_grad():
        likeliest = reader(batch).argmax(-1).numpy()
    return [likeliest[:n, b] for b, n in enumerate(batch.lengths)]


def read(reader: Reader, batch: Recordings, least: int = 1) -> list[list[int]]:
    """The keys that the likeliest symbols read as, once runs of fewer frames are left out."""
    return [without_short(x, least) for x in symbols(reader, batch)]


def beam(reader: Reader, batch: Recordings, width: int) -> list[list[int]]:
    """The likeliest keys that a beam search finds."""
    with torch.no_grad():
        logits = reader(batch).double().numpy()
    return [
        list(ctc_beam.search(logits[:n, b], width)[0].labels) for b, n in enumerate(batch.lengths)
    ]


def listen(batch: Recordings, average: int, threshold: float, least: int) -> list[list[int]]:
    """The keys that thresholds find: in each group the loudest frequency, if both stand out."""
    e = np.exp(np.pad(batch.energies, [(average // 2, average // 2), (0, 0), (0, 0)]))
    logs = np.log(sliding_window_view(e, average, axis=0).mean(-1))
    rows, columns = logs[..., :4], logs[..., 4:]
    best = rows.max(-1), columns.max(-1)
    others = (logs.sum(-1) - sum(best)) / 6
    key = 1 + 4 * rows.argmax(-1) + columns.argmax(-1)
    heard = np.where(np.minimum(*best) - others > threshold, key, 0)
    return [without_short(heard[:n, b], int(least)) for b, n in enumerate(batch.lengths)]


def without_short(symbols: Array, least: int) -> list[int]:
    """Leave out runs of fewer frames than that, join what is equal then, and drop silence."""
    runs = [(k, len(list(run))) for k, run in groupby(symbols.tolist())]
    return [k for k, _ in groupby(k for k, n in runs if n >= least) if k]


def tune_filters(batches: list[Recordings]) -> tuple[int, float, int]:
    """The average, the threshold and the least frames with the fewest errors."""
    meant = [y for batch in batches for y in batch.labels]

    def error(how: tuple[int, float, int]) -> float:
        return edit.error_rate([y for batch in batches for y in listen(batch, *how)], meant)

    return min(product((1, 3, 5), np.arange(0, 3.6, 0.25).tolist(), (1, 2, 3, 4, 5)), key=error)


def tune_least(reader: Reader, batch: Recordings) -> int:
    """The least frames of a key with the fewest errors."""
    return min(range(1, 7), key=lambda n: edit.error_rate(read(reader, batch, n), batch.labels))


# Looking


def compare(new: Any, old: Any, meant: Any) -> dict[str, list[float]]:
    """How often one way to read differs from another, and which is then nearer."""
    names: dict[str, list[float]] = {"other": [], "nearer": [], "farther": []}
    for triple in zip(new, old, meant, strict=True):
        gains = [edit.distance(b, c) - edit.distance(a, c) for a, b, c in zip(*triple, strict=True)]
        names["other"].append(float(np.mean([a != b for a, b in zip(*triple[:2], strict=True)])))
        names["nearer"].append(float(np.mean(np.array(gains) > 0)))
        names["farther"].append(float(np.mean(np.array(gains) < 0)))
    return names


def per_key(parts: list[list[Array]], batches: list[Recordings]) -> float:
    """Frames that say a key, per key."""
    keys = sum(len(y) for batch in batches for y in batch.labels)
    return sum(int((x > 0).sum()) for part in parts for x in part) / keys


def delays(readers: dict[str, Reader], batch: Recordings) -> dict[str, Any]:
    """How late the networks say the keys of numbers that they read without fault."""
    found: dict[str, Any] = {"delay": [], "during": []}
    for reader in readers.values():
        late: list[Array] = [np.zeros(0)]
        during: list[Array] = [np.zeros(0)]
        for x, y, tones in zip(symbols(reader, batch), batch.labels, batch.tones, strict=True):
            first = np.flatnonzero((np.diff(x, prepend=0) != 0) & (x > 0))
            if x[first].tolist() == y:
                t = middles(len(x))[first]
                late.append(1000 * (t - tones[:, 0]) / RATE)
                during.append(1.0 * (t < tones[:, 1]))
        ms, there = np.concatenate(late), np.concatenate(during)
        found["delay"].append([ms.mean(), ms.std()] if ms.size else [np.nan] * 2)
        found["during"].append(there.mean() if there.size else np.nan)
    return found
