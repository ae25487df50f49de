"""Which regulariser helps a network that has read too few names?

Prediction: without one an LSTM learns 200 names by heart; the loss on others falls and then rises
for the rest of the training. Stopping early mends the loss and hardly the error. Penalties on
weights and states take less than 5 points off the error, noise takes more. On the state one mask
for a whole sequence does no better than a fresh one at each step, since names are short and an LSTM
keeps its memory in c; a fresh mask on c takes least of all noise. A naive Bayes model of 1-3-grams
is better than all. Which names are drawn moves the error more than the seed does. (Written after
one trial of all kinds with another seed and two other splits, by which the grids of rates were
set; only the part on splits, and on what can be told apart, is a guess without a look.)

Measured: for each of the ``splits``, every kind and every rate of its grid (seed, split, kind,
rate), at the end of training the loss on the names learned from (``train_loss``), the error on
those for choosing (``validation_error``), loss and error on those for the test (``test_loss``,
``test_error``); and the last two at the check with the least loss on those for choosing
(``stop_loss``, ``stop_error``). For no regulariser, and for dropout everywhere with one mask at its
lower rate: loss on the names learned from and on those of the test, then the error on both, at
every check, mean over the splits (``curves``: seed, kind, check, 4). Losses are in nats, errors
shares. Where a kind has no rate, all its columns are the same.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding

from rnnlib import data

SEEDS = 5
QUICK = {"splits": 2, "sizes": (8, 8, 8), "H": 3, "steps": 4, "every": 2}

#: Rates, or probabilities, to choose from.
GRIDS: dict[str, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "L1": (1e-4, 1e-3),
    "L2": (1e-3, 3e-3),
    "L2 on W_h": (0.03, 0.3),
    "AR": (10.0, 100.0),
    "TAR": (10.0, 100.0),
    "up, each step": (0.25, 0.5),
    "state, each step": (0.5, 0.75),
    "state, one mask": (0.5, 0.75),
    "all, one mask": (0.25, 0.5),
    "memory, each step": (0.5, 0.75),
    "zoneout": (0.5, 0.75),
    "weight drop": (0.5, 0.75),
}

LANGUAGES = ("de", "en", "es", "fi", "hu", "is", "pl", "tr")


class Params(NamedTuple):
    """Weights of N LSTMs side by side; gates in the order i, f, o, g."""

    W_x: Tensor  # (N, V, 4H)
    W_h: Tensor  # (N, H, 4H)
    b: Tensor  # (N, 1, 4H)
    W_y: Tensor  # (N, H, K)
    b_y: Tensor  # (N, 1, K)


class Noise(NamedTuple):
    """What multiplies what; None is one everywhere, or for ``keep`` zero."""

    letters: Tensor | None = None  # (N, T, B, 1)
    h: Tensor | None = None  # (N, T, B, H), or (N, 1, B, H) for all steps
    c: Tensor | None = None
    keep: Tensor | None = None  # (2, N, T, B, H), shares of h and of c
    last: Tensor | None = None  # (N, B, H)
    W_h: Tensor | None = None  # (N, H, 4H)


class Names(NamedTuple):
    """Names of each split, as numbers of letters, padded by zeros."""

    letters: Tensor  # (splits, T, B)
    ends: Tensor  # (splits, B)
    languages: Tensor  # (splits, B)


def measure(
    seed: int,
    *,
    splits: int = 4,
    sizes: tuple[int, int, int] = (200, 200, 600),
    H: int = 32,
    steps: int = 120,
    every: int = 10,
    lr: float = 0.01,
) -> dict[str, Any]:
    """Measure once, see the module; ``sizes`` are those of training, validation and test."""
    torch.set_num_threads(1)
    drawn = [draw_names(s, sizes) for s in range(splits)]
    parts = [tensors([split[k] for split in drawn]) for k in range(3)]
    found: dict[str, list[Any]] = {"curves": []}
    for kind, grid in GRIDS.items():
        rates = grid if any(grid) else grid[:1]
        checks = teach(seed, kind, rates, parts, H, steps, every, lr)
        stop = checks[:, 1, 0].argmin(0)  # (rates, splits)
        at_stop = checks.gather(0, stop.expand(1, 3, 2, *stop.shape))[0]
        for name, values in {
            "train_loss": checks[-1, 0, 0],
            "validation_error": checks[-1, 1, 1],
            "test_loss": checks[-1, 2, 0],
            "test_error": checks[-1, 2, 1],
            "stop_loss": at_stop[2, 0],
            "stop_error": at_stop[2, 1],
        }.items():
            rows = values.T.expand(splits, len(grid)).double()
            found.setdefault(name, []).append(rows.numpy().round(4))
        if kind in ("none", "all, one mask"):
            curve = checks[:, [0, 2], :, 0].mean(-1)  # check, part, measure
            found["curves"].append(curve.transpose(1, 2).flatten(1).double().numpy().round(4))
    return {name: np.stack(rows, axis=0 if name == "curves" else 1) for name, rows in found.items()}


def draw_names(split: int, sizes: Sequence[int], longest: int = 10) -> list[list[data.Name]]:
    """Draw names for training, validation and test.

    What a name names decides on which side it is; a name that is the same in two of the languages
    is left out, since nobody could tell its language.
    """
    names = [n._replace(text=n.text.lower()) for n in data.names(LANGUAGES)]
    count = Counter(n.text for n in names)
    named: dict[tuple[str, str], list[data.Name]] = {}
    for n in names:
        if len(n.text) <= longest and count[n.text] == 1:
            named.setdefault((n.kind, n.code), []).append(n)
    order = np.random.default_rng([split, 4]).permutation(len(named))
    groups = iter([list(named.values())[k] for k in order])
    parts: list[list[data.Name]] = []
    for size in sizes:
        part: list[data.Name] = []
        while len(part) < size:
            part += next(groups)
        parts.append(part[:size])
    return parts


def tensors(parts: list[list[data.Name]]) -> Names:
    """Parts of the same size as tensors; padding is 0."""
    alphabet = letters()
    T = max(len(n.text) for part in parts for n in part)
    rows = [[[alphabet.index(x) + 1 for x in n.text] for n in part] for part in parts]
    padded = [[row + [0] * (T - len(row)) for row in part] for part in rows]
    return Names(
        torch.tensor(padded).transpose(1, 2),
        torch.tensor([[len(row) for row in part] for part in rows]),
        torch.tensor([[LANGUAGES.index(n.language) for n in part] for part in parts]),
    )


def letters() -> str:
    """All letters of all names."""
    return "".join(sorted({x for n in data.names(LANGUAGES) for x in n.text.lower()}))


def start(seed: int, N: int, V: int, H: int, K: int) -> Params:
    """Draw a network, its forget bias 1, and copy it."""
    torch.manual_seed(seed)
    b = torch.zeros(1, 4 * H)
    b[:, H : 2 * H] = 1
    W_x, W_h, W_y = (torch.empty(s).uniform_(-1, 1) for s in ((V, 4 * H), (H, 4 * H), (H, K)))
    net = Params(W_x * H**-0.5, W_h * H**-0.5, b, W_y * H**-0.5, torch.zeros(1, K))
    return Params(*(leaf.repeat(N, 1, 1) for leaf in net))


def teach(
    seed: int,
    kind: str,
    rates: Sequence[float],
    parts: list[Names],
    H: int,
    steps: int,
    every: int,
    lr: float,
) -> Tensor:
    """Teach a network per rate and split; ``(checks, parts, loss and error, rates, splits)``."""
    S, V = len(parts[0].ends), len(letters()) + 1
    rate = torch.tensor(rates).repeat_interleave(S)
    params = start(seed, len(rate), V, H, len(LANGUAGES))
    for leaf in params:
        leaf.requires_grad_()
    adam = torch.optim.Adam(params, lr=lr)
    checks = []
    for t in range(1, steps + 1):
        said, hs = forward(params, parts[0], draw(kind, rate, parts[0], V, H))
        loss = scores(said, parts[0])[0].sum() + penalty(kind, rate, params, hs, parts[0])
        adam.zero_grad()
        loss.backward()
        adam.step()
        if t % every == 0:
            with torch.no_grad():
                found = [
                    scores(forward(params, part, expected(kind, rate, part, H))[0], part)
                    for part in parts
                ]
            checks.append(torch.stack([torch.stack(pair) for pair in found]))
    return torch.stack(checks).view(len(checks), 3, 2, len(rates), S)


def draw(kind: str, rate: Tensor, names: Names, V: int, H: int) -> Noise:
    """Draw the noise of a step of training; ``rate`` is ``(N,)``."""
    _, T, B = names.letters.shape

    def mask(*shape: int) -> Tensor:
        p = rate.view(-1, *(1 for _ in shape))
        return (torch.rand(len(rate), *shape) >= p).float() / (1 - p)

    if kind == "up, each step":
        return Noise(letters=mask(T, B, 1), last=mask(B, H))
    if kind == "state, each step":
        return Noise(h=mask(T, B, H))
    if kind == "state, one mask":
        return Noise(h=mask(1, B, H))
    if kind == "memory, each step":
        return Noise(c=mask(T, B, H))
    if kind == "memory, one mask":
        return Noise(c=mask(1, B, H))
    if kind == "all, one mask":
        of_letter = names.letters.repeat(len(rate) // len(names.letters), 1, 1).transpose(1, 2)
        seen = mask(B, V).gather(2, of_letter).transpose(1, 2)
        return Noise(letters=seen[..., None], h=mask(1, B, H), last=mask(B, H))
    if kind == "zoneout":
        return Noise(keep=(torch.rand(2, len(rate), T, B, H) < rate.view(-1, 1, 1, 1)).float())
    return Noise(W_h=mask(H, 4 * H)) if kind == "weight drop" else Noise()


def expected(kind: str, rate: Tensor, names: Names, H: int) -> Noise:
    """What stands for the noise in evaluation."""
    _, T, B = names.letters.shape
    if kind != "zoneout":
        return Noise()
    return Noise(keep=rate.view(-1, 1, 1, 1).expand(2, len(rate), T, B, H))


def forward(params: Params, names: Names, noise: Noise) -> tuple[Tensor, Tensor]:
    """What each network says after the last letter ``(N, B, K)``, and its states ``(N, T, B, H)``.

    Network n reads split n modulo S.
    """
    (N, V, _), H, B = params.W_x.shape, params.W_h.shape[1], names.letters.shape[2]
    copies = N // len(names.letters)
    own = names.letters.repeat(copies, 1, 1) + V * torch.arange(N)[:, None, None]
    xs = embedding(own, params.W_x.flatten(0, 1))
    if noise.letters is not None:
        xs = noise.letters * xs
    xs = xs + params.b[:, None]
    W_h = params.W_h if noise.W_h is None else noise.W_h * params.W_h
    h = c = xs.new_zeros(N, B, H)
    hs = []
    for t, x in enumerate(xs.unbind(1)):
        h_read, c_read = (
            s if m is None else m[:, t % m.shape[1]] * s for s, m in ((h, noise.h), (c, noise.c))
        )
        i_f_o, g = torch.baddbmm(x, h_read, W_h).tensor_split([3 * H], dim=-1)
        i, f, o = i_f_o.sigmoid().chunk(3, dim=-1)
        c_new = f * c_read + i * g.tanh()
        h_new = o * c_new.tanh()
        if noise.keep is not None:
            h_new = h_new + noise.keep[0, :, t] * (h - h_new)
            c_new = c_new + noise.keep[1, :, t] * (c - c_new)
        h, c = h_new, c_new
        hs.append(h)
    states = torch.stack(hs, dim=1)
    at = (names.ends.repeat(copies, 1) - 1)[:, None, :, None].expand(-1, 1, -1, H)
    last = states.gather(1, at)[:, 0]
    if noise.last is not None:
        last = noise.last * last
    return torch.baddbmm(params.b_y, last, params.W_y), states


def penalty(kind: str, rate: Tensor, params: Params, hs: Tensor, names: Names) -> Any:
    """Sum of all networks' penalties."""
    weights = [params.W_x, params.W_h, params.W_y]
    if kind == "L1":
        return sum((rate * W.abs().sum((1, 2))).sum() for W in weights)
    if kind.startswith("L2"):
        chosen = weights if kind == "L2" else [params.W_h]
        return sum((rate / 2 * W.square().sum((1, 2))).sum() for W in chosen)
    if kind not in ("AR", "TAR"):
        return 0.0
    counts = torch.arange(hs.shape[1])[:, None] < names.ends[:, None]
    counts = counts.repeat(len(hs) // len(counts), 1, 1)[..., None]
    if kind == "TAR":  # a change counts if the later of its steps does
        hs, counts = hs.diff(dim=1), counts[:, 1:]
    each = (hs * counts).square().sum((1, 2, 3)) / (counts.sum((1, 2, 3)) * hs.shape[-1])
    return (rate * each).sum()


def scores(said: Tensor, names: Names) -> tuple[Tensor, Tensor]:
    """Loss and error of each network, ``(N,)``."""
    ys = names.languages.repeat(len(said) // len(names.languages), 1)
    each = cross_entropy(said.flatten(0, 1), ys.flatten(), reduction="none")
    return each.view(ys.shape).mean(1), (said.argmax(-1) != ys).float().mean(1)
