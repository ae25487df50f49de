"""How many pairs can a fixed state recall, and how many can attention?

Prediction: attention recalls all 64 pairs, at a width of 8. An mLSTM recalls fewer; the number of
pairs of which half are recalled grows about fourfold as its width doubles, with the numbers of the
matrix, as it does for random keys without training. An LSTM of 128 units, whose state has about as
many numbers as that of the middle mLSTM, recalls fewer than the smallest; three times the training
helps it, but it does not reach the middle one. (In trials with the first seed and half as many
steps again, attention and the mLSTMs had been seen when this was written, and LSTMs of 64 units,
which recalled the last pair, and of 256, which recalled half of seven. The first guess
had been that the pairs double with the width, as the number of orthogonal keys does.)

Measured, for each of ``readers``, after each number of pairs from 1 to K: the share of asked pairs
whose value is named (``right``: seed, reader, pairs), the same for the last reader after ``longer``
times the training (``long_right``: seed, pairs), and on the way the share over all numbers of pairs
(``curve``: seed, reader, check; ``long_curve``).

At every step a pair of a key and a value is read, no key twice, each of V values as likely as the
others; and the key of one of the pairs so far, the present one included, whose value is to be
named. Key, value and question enter as vectors of D numbers, side by side. A layer reads them; a
network with one hidden layer names the value from what the layer says and the question. A reader
is a layer and its width: attention, with one head and no places; the mLSTM of rnnlib.nn, with one
head, its forget gate open at first; torch's LSTM.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from rnnlib.experiments import _networks as networks
from rnnlib.nn import mlstm

SEEDS = 3
QUICK = {
    **{"readers": ("attention 3", "mLSTM 2", "LSTM 3"), "K": 4, "V": 4, "D": 3, "M": 4, "B": 2},
    **{"steps": 2, "longer": 2, "every": 1, "held_out": 6},
}


class Batch(NamedTuple):
    """What is read, and what is to be named; all ``(T, B)``."""

    keys: Tensor
    values: Tensor
    asked: Tensor
    named: Tensor


class Attention(nn.Module):
    """Causal self-attention, one head."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.project = nn.Linear(D, 3 * H)

    def forward(self, xs: Tensor) -> Tensor:
        """Outputs ``(T, B, H)``."""
        q, k, v = (a.transpose(0, 1) for a in self.project(xs).chunk(3, dim=-1))
        ys: Tensor = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(0, 1)
        return ys


class Matrix(nn.Module):
    """An mLSTM, all steps at once."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.project, self.gates = nn.Linear(D, 4 * H), nn.Linear(D, 2)
        for parameter in (self.project.bias, *self.gates.parameters()):
            nn.init.zeros_(parameter)
        self.gates.bias.data[1] = 4  # keep

    def forward(self, xs: Tensor) -> Tensor:
        """Outputs ``(T, B, H)``."""
        params = mlstm.Params(*self.project.parameters(), *self.gates.parameters())
        return mlstm.parallel(params, xs, mlstm.zero_state(params, xs.shape[1]))[0]


class Vector(nn.Module):
    """An LSTM."""

    def __init__(self, D: int, H: int) -> None:
        super().__init__()
        self.layer = nn.LSTM(D, H)

    def forward(self, xs: Tensor) -> Tensor:
        """Outputs ``(T, B, H)``."""
        hs: Tensor = self.layer(xs)[0]
        return hs


LAYERS: dict[str, Callable[[int, int], nn.Module]] = {
    "attention": Attention,
    "mLSTM": Matrix,
    "LSTM": Vector,
}


class Network(nn.Module):
    """Embeddings, a layer, and what names the value."""

    def __init__(self, reader: str, K: int, V: int, D: int, M: int) -> None:
        super().__init__()
        kind, width = reader.split()
        self.key, self.value = nn.Embedding(K, D), nn.Embedding(V, D)
        self.layer = LAYERS[kind](3 * D, int(width))
        self.name = nn.Sequential(nn.Linear(int(width) + D, M), nn.ReLU(), nn.Linear(M, V))

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``(T, B, V)``."""
        asked = self.key(batch.asked)
        xs = torch.cat([self.key(batch.keys), self.value(batch.values), asked], dim=-1)
        logits: Tensor = self.name(torch.cat([self.layer(xs), asked], dim=-1))
        return logits


def measure(
    seed: int,
    *,
    readers: tuple[str, ...] = ("attention 8", "mLSTM 8", "mLSTM 16", "mLSTM 32", "LSTM 128"),
    K: int = 64,
    V: int = 64,
    D: int = 32,
    M: int = 128,
    B: int = 32,
    lr: float = 3e-3,
    steps: int = 400,
    longer: int = 3,
    every: int = 50,
    held_out: int = 1000,
) -> dict[str, Any]:
    """Measure once, see the module."""
    test = draw(np.random.default_rng([seed, 2]), held_out, K, V)

    def teach(reader: str, times: int) -> tuple[list[float], list[float]]:
        torch.manual_seed(seed)
        network = Network(reader, K, V, D, M)
        curve: list[float] = []

        def check(module: Any) -> float:
            curve.append(float(right(module, test).mean()))
            return 1 - curve[-1]

        batches = networks.stream(seed, partial(draw, B=B, K=K, V=V))
        networks.teach(
            *(network, batches, steps * times, check, lr, every * times),
            loss=loss,
            schedule=networks.falling(lr, steps * times),
        )
        return right(network, test).tolist(), curve

    rows = [teach(reader, 1) for reader in readers]
    long_right, long_curve = teach(readers[-1], longer)
    return {
        "right": [shares for shares, _ in rows],
        "curve": [curve for _, curve in rows],
        "long_right": long_right,
        "long_curve": long_curve,
    }


def draw(rng: np.random.Generator, B: int, K: int, V: int) -> Batch:
    """As many pairs as there are keys, and a question after each."""
    keys = rng.permuted(np.tile(np.arange(K), (B, 1)), axis=1).T
    values, so_far = rng.integers(V, size=(K, B)), np.arange(1, K + 1)[:, None]
    place = rng.integers(so_far, size=(K, B))
    asked, named = (np.take_along_axis(a, place, axis=0) for a in (keys, values))
    return Batch(*(torch.from_numpy(np.ascontiguousarray(a)) for a in (keys, values, asked, named)))


def loss(network: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy."""
    return cross_entropy(network(batch).flatten(0, 1), batch.named.flatten())


def right(network: nn.Module, batch: Batch) -> Tensor:
    """Share of questions answered, after each number of pairs, ``(T,)``."""
    with torch.no_grad():
        shares: Tensor = (network(batch).argmax(-1) == batch.named).double().mean(1)
    return shares
