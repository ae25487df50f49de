"""Can a convolutional LSTM continue films of moving digits, and how fast may the digits be?

Prediction: a convolutional LSTM beats the last frame repeated, and a fully connected LSTM with as
many weights by far, since that one has six units for a picture of 256 pixels; even one with eighty
times the weights stays behind, since it must learn every motion at every place. Moving on the last
frame by the last step is better than all of them until a digit meets an edge. A kernel of 3 reaches
one pixel per step, so at speed 2 it is far worse than a kernel of 5, and at speed 1 it is not.
Trained on films of one digit, the convolutional ones continue two, and the fully connected ones do
not. (In trials with both speeds mixed and all directions, convolutional LSTMs of 8 channels, one
for every three velocities, learned little more than to blur, and the large one was better. So here
a digit has one speed, eight directions, and every speed its own networks.)

Measured, on films of people whose digits were not trained on: squared error of a frame, summed over
its pixels, one to ``ahead`` steps after the last that was seen (``error``: seed, speed of
``speeds``, one or two digits, step ahead). Who continues them: convolutional LSTMs with kernels of
5 and of 3 (``conv5``, ``conv3``), fully connected ones with about as many weights and with eighty
times as many (``small``, ``large``), trained on one digit of this speed and fed what they said.
Then the last frame (``last``) and the last frame moved on (``carried``). The loss of training in 20
equal parts (``curve``: seed, speed, kind, part).

Of the first seed the weights of ``conv5`` at speed 2 are kept, and how all continue the first film
of each kind.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from rnnlib import data
from rnnlib.experiments import _digits
from rnnlib.experiments import _networks as networks
from rnnlib.nn import conv_lstm
from rnnlib.reference import conv_lstm as reference
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"B": 2, "steps": 20, "held_out": 3, "ahead": 2}
KINDS = ("conv5", "conv3", "small", "large")
SIZE = 16  # rows and columns of a frame
Network = Callable[[Tensor, Any], tuple[Tensor, Any]]


class Conv(nn.Module):
    """A convolutional LSTM of H channels, and a read-out at every pixel."""

    def __init__(self, rng: np.random.Generator, H: int, K: int) -> None:
        super().__init__()
        self.cell = conv_lstm.ConvLSTM(SIZE, SIZE, K)
        drawn = reference.ConvLSTM(SIZE, SIZE, K).init(rng, 1, H)
        self.W_x, self.W_h, self.b = (nn.Parameter(torch.from_numpy(a).float()) for a in drawn)
        self.readout = nn.Conv2d(H, 1, 1)

    def forward(self, x: Tensor, state: conv_lstm.State | None) -> tuple[Tensor, conv_lstm.State]:
        """Logits of the next frame ``(B, 1, Y, X)``, and the state."""
        params = conv_lstm.Params(self.W_x, self.W_h, self.b)
        state = self.cell.step(params, x, state or self.cell.zero_state(params, len(x)))
        return self.readout(state.h), state


class Full(nn.Module):
    """A fully connected LSTM of H units, and a read-out of every pixel."""

    def __init__(self, H: int) -> None:
        super().__init__()
        self.cell, self.readout = nn.LSTMCell(SIZE * SIZE, H), nn.Linear(H, SIZE * SIZE)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Logits of the next frame ``(B, 1, Y, X)``, and the state."""
        h, c = self.cell(x.flatten(1), state)
        return self.readout(h).view(x.shape), (h, c)


def measure(
    seed: int,
    *,
    seen: int = 4,
    trained: int = 4,
    ahead: int = 8,
    B: int = 8,
    rates: tuple[float, ...] = (1e-2, 1e-2, 1e-2, 3e-3),
    steps: int = 600,
    held_out: int = 100,
    speeds: tuple[int, ...] = (1, 2),
) -> dict[str, Any]:
    """Measure once, see the module."""
    known, new = _digits.split()
    found: dict[str, Any] = {"curve": []}
    shown: dict[str, Array] = {}
    for speed in speeds:
        tests = [film(new, [seed, 1, N], seen + ahead, held_out, N, speed) for N in (1, 2)]
        continued: dict[str, list[Tensor]] = {
            "last": [frames[seen - 1].expand_as(frames[seen:]) for frames in tests],
            "carried": [carry(frames[:seen], ahead) for frames in tests],
        }
        found["curve"].append([])
        for name, lr in zip(KINDS, rates, strict=True):
            batches = (film(known, [seed, 0, t], seen + trained, B, 1, speed) for t in range(steps))
            module, curve = teach(draw(seed, name), batches, seen, steps, lr)
            found["curve"][-1].append(curve)
            with torch.no_grad():
                continued[name] = [run(module, f, seen)[seen - 1 :].sigmoid() for f in tests]
            if name == "conv5":
                weights = {key: w.numpy() for key, w in module.state_dict().items()}
        for name, said in continued.items():
            found.setdefault(f"{name}_error", []).append(errors(said, tests, seen))
        for name, parts in {**continued, "films": tests}.items():
            shown[f"{name}_{speed}"] = np.stack([f[:, 0, 0].numpy() for f in parts])
    return found | {"arrays": weights | {k: a.astype(np.float16) for k, a in shown.items()}}


def draw(seed: int, name: str) -> nn.Module:
    """A fresh network."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 2])
    match name:
        case "conv5":
            return Conv(rng, H=8, K=5)
        case "conv3":
            return Conv(rng, H=13, K=3)
    return Full(H=6 if name == "small" else 256)


def teach(
    module: nn.Module, batches: Iterator[Tensor], seen: int, steps: int, lr: float
) -> tuple[nn.Module, list[float]]:
    """Train a network; its loss on the way."""
    history = networks.teach(
        *(module, batches, steps, lambda _: 0.0, lr, steps),
        loss=lambda m, frames: loss(m, frames, seen),
        schedule=networks.falling(lr, steps),
    )
    return module, [part.mean() for part in np.array_split(history.loss, 20)]


def film(digits: data.Digits, seed: list[int], T: int, B: int, N: int, speed: int) -> Tensor:
    """Frames ``(T, B, 1, Y, X)``."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(data.moving(rng, digits, T, B, N, SIZE, (speed, speed)).frames).float()


def run(network: Network, frames: Tensor, seen: int) -> Tensor:
    """Logits of every frame but the first; after those that are seen, from what it said itself."""
    logits: list[Tensor] = []
    state = None
    for t in range(len(frames) - 1):
        x = frames[t] if t < seen else logits[-1].sigmoid()
        y, state = network(x, state)
        logits.append(y)
    return torch.stack(logits)


def loss(network: Network, frames: Tensor, seen: int) -> Tensor:
    """Cross-entropy of a frame, summed over its pixels."""
    each = binary_cross_entropy_with_logits(run(network, frames, seen), frames[1:])
    return each * SIZE * SIZE


def errors(said: list[Tensor], films: list[Tensor], seen: int) -> list[list[float]]:
    """Squared error summed over pixels: for each kind of film, and each step ahead."""
    pairs = zip(said, films, strict=True)
    return [((s - f[seen:]) ** 2).sum((2, 3, 4)).mean(1).tolist() for s, f in pairs]


# The last frame, moved on


def carry(frames: Tensor, ahead: int) -> Tensor:
    """Move the last frame on by the step that best explains it; nothing comes in at the edges."""
    before, last = frames[-2], frames[-1]
    steps = list(product(range(-2, 3), repeat=2))
    misfit = torch.stack([((moved(before, *s) - last) ** 2).sum((1, 2, 3)) for s in steps])
    best = [steps[k] for k in misfit.argmin(0)]
    return torch.stack(
        [
            torch.cat([moved(x[None], t * v, t * w) for x, (v, w) in zip(last, best, strict=True)])
            for t in range(1, ahead + 1)
        ]
    )


def moved(images: Tensor, down: int, right: int) -> Tensor:
    """Images ``(B, 1, Y, X)`` moved by so many pixels, with zeros where nothing comes from."""
    Y, X = images.shape[-2:]
    result = torch.zeros_like(images)
    if abs(down) < Y and abs(right) < X:
        rows, columns = (slice(max(n, 0), s + min(n, 0)) for n, s in ((down, Y), (right, X)))
        others, beside = (slice(max(-n, 0), s + min(-n, 0)) for n, s in ((down, Y), (right, X)))
        result[..., rows, columns] = images[..., others, beside]
    return result
