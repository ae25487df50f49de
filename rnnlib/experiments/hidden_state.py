"""Does an Elman network that is taught the hidden state do as well as the forward algorithm?

Prediction: on the first source the counted model is closer to the exact forward algorithm at every
number of sequences, most of all at few, and the network comes near it with many. On the second the
counted model levels off above the exact one, and the network passes it.

Measured: ``exact`` (seed, source), cross-entropy in nats of the state given the symbols so far, on
sequences held out; ``counted`` and ``elman`` (seed, source, size in the order of ``sizes``), the
same; ``right_exact``, ``right_counted`` and ``right_elman``, the share of steps at which the most
probable state is the true one.

Two sources hide one of three states, which follow one another in a circle, behind noisy symbols. A
stay of the first has a geometric length, so a hidden Markov model of three states is right; one of
the second lasts 4, 5 or 6 steps, so that model is wrong, and one of 18 states is right. Both stay 5
steps on average. From T symbols with their states, a model of three states is counted, and an Elman
network is taught the state at each step from the symbols so far; a quarter of the sequences says
when to stop.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnlib import train
from rnnlib.reference import bptt, elman, hmm, linear, losses
from rnnlib.reference.crf import Ids
from rnnlib.reference.ops import Array, softmax
from rnnlib.reference.optim import Adam

SEEDS = 5
QUICK = {"sizes": (4,), "T": 12, "H": 3, "steps": 4, "every": 2, "held_out": 8}


class Source(NamedTuple):
    """A hidden Markov model, and which label each of its states shows."""

    model: hmm.Params
    labels: Ids  # (H,)


def geometric(stay: float = 0.8, noise: float = 0.4) -> Source:
    """Three states in a circle, each left with the same probability at every step."""
    A = stay * np.eye(3) + (1 - stay) * np.roll(np.eye(3), 1, axis=1)
    return Source(hmm.Params(np.full(3, 1 / 3), A, symbols(noise)), np.arange(3))


def timed(noise: float = 0.4) -> Source:
    """Three labels in a circle, each for 4, 5 or 6 steps; six states count the steps of a stay.

    A stay that goes beyond its fourth step ends there with probability 1/3, then 1/2, then surely.
    """
    leave = np.array([0, 0, 0, 1 / 3, 1 / 2, 1])
    K = len(leave)
    A = np.zeros((3 * K, 3 * K))
    for state in range(3 * K):
        label, age = divmod(state, K)
        if age < K - 1:
            A[state, state + 1] = 1 - leave[age]
        A[state, (label + 1) % 3 * K] = leave[age]
    labels = np.repeat(np.arange(3), K)
    return Source(hmm.Params(np.full(3 * K, 1 / (3 * K)), A, symbols(noise)[labels]), labels)


def symbols(noise: float) -> Array:
    """Each state has its symbol; with this probability another comes in its place."""
    return (1 - noise) * np.eye(3) + noise / 2 * (1 - np.eye(3))


def draw(source: Source, rng: np.random.Generator, T: int, B: int) -> tuple[Ids, Ids]:
    """Labels and symbols, ``(T, B)`` each."""
    states, xs = hmm.sample(source.model, rng, T, B)
    return source.labels[states], xs


def filtered(source: Source, xs: Ids) -> Array:
    """Probability of every label given the symbols so far, ``(T, B, 3)``."""
    alphas, _ = hmm.forward(source.model, xs)
    of_labels: Array = alphas @ (source.labels[:, None] == np.arange(3))
    return of_labels


def count(labels: Ids, xs: Ids) -> Source:
    """The model of three states with the frequencies of the data, one added to each count."""

    def shares(K: int, *index: Any) -> Array:
        counts = np.ones((3,) * (len(index) - 1) + (K,))
        np.add.at(counts, index, 1)
        rows: Array = counts / counts.sum(-1, keepdims=True)
        return rows

    pi, A = shares(3, labels[0].ravel()), shares(3, labels[:-1].ravel(), labels[1:].ravel())
    return Source(hmm.Params(pi, A, shares(3, labels.ravel(), xs.ravel())), np.arange(3))


def teach(
    rng: np.random.Generator,
    labels: Ids,
    xs: Ids,
    *,
    H: int = 16,
    steps: int = 2000,
    every: int = 25,
    patience: int = 10,
    lr: float = 0.01,
) -> train.Network:
    """An Elman network that says the label from the symbols so far."""
    fresh = train.Network(elman.init(rng, 3, H), linear.init(rng, H, 3))
    learner = train.Reference(fresh, Adam(lr), train.many_to_many(elman, losses.cross_entropy))
    inputs, known = np.eye(3)[xs], 3 * xs.shape[1] // 4

    def batches() -> Any:
        while True:
            rows = rng.choice(known, size=min(32, known), replace=False)
            yield inputs[:, rows], labels[:, rows]

    def validate(net: train.Network) -> float:
        return score(predict(net, xs[:, known:]), labels[:, known:])[0]

    train.fit(
        learner,
        batches(),
        steps,
        clip=1.0,
        validate=validate,
        every=every,
        patience=patience,
        bar=False,
    )
    return learner.params  # type: ignore[no-any-return]


def predict(net: train.Network, xs: Ids) -> Array:
    """Probability of every label according to a network, ``(T, B, 3)``."""
    zero = elman.zero_state(net.cell, xs.shape[1])
    hs, _, _ = bptt.forward(elman, net.cell, np.eye(3)[xs], zero)
    return softmax(linear.forward(net.readout, hs))


def score(p: Array, labels: Ids) -> tuple[float, float]:
    """Cross-entropy in nats, and share of steps at which the most probable label is right."""
    said = np.take_along_axis(p, labels[..., None], axis=-1)
    return float(-np.log(said).mean()), float((p.argmax(-1) == labels).mean())


def measure(
    seed: int,
    *,
    sizes: tuple[int, ...] = (4, 16, 64, 256, 1024),
    T: int = 50,
    H: int = 16,
    steps: int = 2000,
    every: int = 25,
    patience: int = 10,
    lr: float = 0.01,
    held_out: int = 1000,
) -> dict[str, Any]:
    """Measure once, see the module."""
    rng, found = np.random.default_rng(seed), []
    for source in (geometric(), timed()):
        labels, xs = draw(source, rng, T, held_out)
        known = draw(source, rng, T, max(sizes))
        counted, elmans = [], []
        for size in sizes:
            some = [part[:, :size] for part in known]
            net = teach(rng, *some, H=H, steps=steps, every=every, patience=patience, lr=lr)
            counted.append(score(filtered(count(*some), xs), labels))
            elmans.append(score(predict(net, xs), labels))
        found.append((score(filtered(source, xs), labels), counted, elmans))
    exact, counted_of, elman_of = (np.array(part) for part in zip(*found, strict=True))
    return {
        "exact": exact[..., 0],
        "counted": counted_of[..., 0],
        "elman": elman_of[..., 0],
        "right_exact": exact[..., 1],
        "right_counted": counted_of[..., 1],
        "right_elman": elman_of[..., 1],
    }
