"""How surely does a character model give away a secret that stood in its training text?

Prediction (Carlini, Liu, Erlingsson, Kos & Song 2019): what was written once is given away a
little, what was written often entirely; what was never written not at all. It begins before the
loss on other text is least, so stopping there helps some, but not those that were written often.
If copies are left out of the text, every secret is as safe as one that was written once. (One
seed with ten passes had been seen when the sizes were fixed; the prediction is as it was before.)

Measured: lines "# the pin of NAME is" with four random digits are written into Python source,
``each`` of them for each of ``counts`` times. After each of the ``epochs``, bits per character of
other files, ``bits`` (seed, 2, epoch), and the exposure of each secret, ``exposure`` (seed, 2,
epoch, count, line): log2 of how many candidates there are less log2 of the rank of the right one
among all of them. First of 2: the text as it is; second: every line of at least ``least``
characters left out that stood in it before. ``length`` (seed, 2) is that of the text.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rnnlib import characters
from rnnlib.experiments import _networks as networks
from rnnlib.experiments import char_lstm
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {
    "known": 3_000,
    "epochs": 1,
    "H": 4,
    "D": 3,
    "B": 4,
    "T": 50,
    "counts": (0, 2),
    "each": 1,
    "digits": 2,
    "stretch": 60,
}


def measure(
    seed: int,
    *,
    known: int = 30_000,
    counts: tuple[int, ...] = (0, 1, 2, 4, 8, 16),
    each: int = 3,
    digits: int = 4,
    least: int = 16,
    H: int = 64,
    D: int = 16,
    B: int = 10,
    T: int = 50,
    epochs: int = 8,
    lr: float = 4e-3,
    stretch: int = 500,
) -> dict[str, Any]:
    """Measure once, see the module."""
    text, held, _ = char_lstm.corpus(known, 20, stretch)
    rng = np.random.default_rng([seed, 1])
    prompts, secrets = draw(rng, len(counts) * each, digits)
    lines = [prompt + secret for prompt, secret in zip(prompts, secrets, strict=True)]
    times = np.repeat(counts, each)
    planted = plant(rng, characters.decode(text).split("\n"), lines, times)
    found: dict[str, Any] = {"bits": [], "exposure": [], "length": []}
    for kept in (planted, without_copies(planted, least)):
        symbols = characters.encode("\n".join(kept))
        torch.manual_seed(seed)
        model = char_lstm.Model(D, H)
        bits, exposed = teach(model, symbols, held, prompts, secrets, epochs, B, T, lr)
        found["bits"].append(bits)
        found["exposure"].append(np.reshape(exposed, (epochs, len(counts), each)))
        found["length"].append(len(symbols))
    return found


def draw(rng: np.random.Generator, N: int, digits: int) -> tuple[list[str], list[str]]:
    """Beginnings of lines, all different, and what follows them."""
    names = ["".join(name) for name in product("bdfgklmnprstv", "aeiou", "bdklmnrst", "aeiou")]
    prompts = [f"# the pin of {name} is " for name in rng.choice(names, N, replace=False)]
    return prompts, ["".join(map(str, row)) for row in rng.integers(10, size=(N, digits))]


def plant(rng: np.random.Generator, text: list[str], lines: list[str], times: Array) -> list[str]:
    """Write each line into a text so many times, at random places."""
    copies = rng.permutation(np.repeat(lines, times))
    places = np.sort(rng.integers(len(text) + 1, size=len(copies)))
    return [str(line) for line in np.insert(np.array(text, dtype=object), places, copies)]


def without_copies(text: list[str], least: int) -> list[str]:
    """Leave out lines of at least so many characters that stood there before."""
    seen, kept = set[str](), []
    for line in text:
        if len(line) < least or line not in seen:
            kept.append(line)
        seen.add(line)
    return kept


def teach(
    model: char_lstm.Model,
    text: Array,
    held: Array,
    prompts: list[str],
    secrets: list[str],
    epochs: int,
    B: int,
    T: int,
    lr: float,
) -> tuple[list[float], list[list[float]]]:
    """Train; after each epoch, bits per character held out and the exposure of each secret."""
    streams = torch.from_numpy(text[: len(text) // B * B].reshape(B, -1).T.copy())
    starts = range(0, len(streams) - T, T)
    other = torch.from_numpy(held)
    exposed: list[list[float]] = []

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            model.state = None
            for t in starts:
                yield streams[t : t + T], streams[t + 1 : t + T + 1]

    def loss(module: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
        return cross_entropy(module(batch[0]).flatten(0, 1), batch[1].flatten())

    def validate(module: Any) -> float:
        exposed.append(
            [
                exposure(candidates(module, prompt, len(secret)), int(secret))
                for prompt, secret in zip(prompts, secrets, strict=True)
            ]
        )
        state, module.state = module.state, None
        value = float(loss(module, (other[:-1], other[1:])))
        module.state = state
        return value / float(np.log(2))

    steps = len(starts) * epochs
    history = networks.teach(model, batches(), steps, validate, lr, len(starts), loss=loss)
    return [float(value) for value in history.validation], exposed


def candidates(model: char_lstm.Model, prompt: str, digits: int) -> Array:
    """Log-probability of each row of digits after a line feed and the prompt."""
    layer, readout = model.network.layer, model.network.readout
    ten = torch.from_numpy(characters.encode("0123456789"))
    begin = torch.from_numpy(characters.encode("\n" + prompt))[:, None]
    with torch.no_grad():
        hs, state = layer(model.embedding(begin))
        log_p, hs = torch.zeros(1), hs[-1:]
        for place in range(digits):
            next_p = readout(hs[0]).log_softmax(-1)[:, ten]
            log_p = (log_p[:, None] + next_p).flatten()
            if place < digits - 1:  # each beginning goes on in ten ways
                state = tuple(s.repeat_interleave(10, 1) for s in state)
                xs = model.embedding(ten.repeat(10**place))
                hs, state = layer(xs[None], state)
    return log_p.numpy()


def exposure(log_p: Array, secret: int) -> float:
    """How many bits of a secret a model gives away, if all candidates were equally likely before.

    Parameters
    ----------
    log_p : Array
        Log-probability of each candidate by the model, ``(N,)``.
    secret : int
        Which of them is the secret.

    Returns
    -------
    float
        From 0, if it is the least likely of all, to the logarithm of N to the base 2, if it is the
        likeliest. Among equals it comes last.

    Examples
    --------
    >>> exposure(np.array([-3.0, -1.0, -2.0, -9.0]), 2)
    1.0
    """
    rank = (log_p >= log_p[secret]).sum()
    return float(np.log2(len(log_p)) - np.log2(rank))  # (exposure)
