"""What becomes of an LSTM without a forget gate in a stream that never ends?

Prediction (Gers et al. 2000): the cell adds up what it reads, no sign says where a string begins,
and after many strings the cell is far from where it was trained: its predictions get worse with
the time since the start of the stream. With a forget gate (bias 1 at the start) they stay as good
as they were. It is worse for a network that is trained as it is used, its state carried on from
one stretch to the next (``carried``), than for one whose stretches start from zero (``reset``).

Measured on ten streams in ten blocks of time, altogether ten times as long as the stretches of
training (all: seed, block): cross-entropy in nats (``loss``), share of the steps at which the
likeliest symbol is illegal (``illegal``), the same where only the memory of the string's second
symbol tells T from P (``long``), and the mean absolute cell state (``cell``). The names begin with
``gate`` or ``none``, then the training. ``bigram`` is what the best guess from one symbol costs,
``entropy`` what these streams cost who knows the grammar and the past (seed).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from rnnlib import tasks
from rnnlib.experiments import _networks as networks
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {"T": 20, "H": 4, "B": 2, "steps": 2}


def measure(
    seed: int, *, T: int = 100, B: int = 10, H: int = 24, lr: float = 1e-2, steps: int = 1000
) -> dict[str, Any]:
    """Measure once, see the module."""
    V, rng = len(tasks.ALPHABET), np.random.default_rng([seed, 2])
    streams = tasks.continual(rng, 10 * T, B)
    legal = legal_symbols(streams.inputs)
    found: dict[str, Any] = {
        "bigram": tasks.bigram_baseline(tasks.CONTINUAL),
        "entropy": np.log(legal.sum(-1)).mean(),
    }
    long = tasks.continual(np.random.default_rng([seed, 1]), T * steps, B)
    fields: dict[str, Any] = long._asdict()
    stretches = [
        networks.tensors(long._replace(**{k: part[t : t + T] for k, part in fields.items()}), V)
        for t in range(0, T * steps, T)
    ]
    for name in ("gate", "none"):
        for training in ("reset", "carried"):
            module = networks.open_forget_gate(networks.network(seed, "LSTM", V, H, V))
            if name == "none":
                networks.hold_gate_open(module.layer, "f")
            loss = networks.symbol_loss if training == "reset" else carry(module)
            networks.teach(
                module, iter(stretches), steps, lambda m: 0.0, lr, every=steps, loss=loss
            )
            seen = look(module, streams, legal)
            found |= {f"{name}_{training}_{key}": rows for key, rows in seen.items()}
    return found


def carry(module: networks.Network) -> Callable[[Any, Any], torch.Tensor]:
    """A loss whose first state is the last one of the batch before."""
    carried: list[Any] = [None]

    def loss(_: Any, batch: Any) -> torch.Tensor:
        xs, ys, _ = batch
        hs, state = module.layer(xs, carried[0])
        carried[0] = tuple(part.detach() for part in state)
        return cross_entropy(module.readout(hs).flatten(0, 1), ys.flatten())

    return loss


def look(module: networks.Network, streams: tasks.Symbols, legal: Array) -> dict[str, Any]:
    """Measure a network on long streams, block by block."""
    V = len(tasks.ALPHABET)
    state, parts, cells = None, [], []
    with torch.no_grad():
        for xs in torch.tensor_split(networks.tensors(streams, V)[0], 10):
            hs, state = module.layer(xs, state)
            parts.append(module.readout(hs))
            cells.append(float(state[1].abs().mean()))
    logits = torch.cat(parts)
    losses = cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(streams.targets).flatten(), reduction="none"
    ).numpy()
    says = logits.argmax(-1).numpy()[..., None]
    wrong = ~np.take_along_axis(legal, says, axis=-1)[..., 0]
    tp = [tasks.ALPHABET.index(symbol) for symbol in "TP"]
    long = (legal.sum(-1) == 1) & legal[..., tp].any(-1)
    return {
        "loss": [block.mean() for block in np.array_split(losses.reshape(wrong.shape), 10)],
        "illegal": [block.mean() for block in np.array_split(wrong, 10)],
        "long": [
            w[c].mean() if c.any() else np.nan
            for w, c in zip(np.array_split(wrong, 10), np.array_split(long, 10), strict=True)
        ],
        "cell": cells,
    }


def legal_symbols(inputs: Array) -> Array:
    """Which symbols may follow each step, ``(T, B, V)``."""
    legal = np.zeros((*inputs.shape, len(tasks.ALPHABET)), dtype=bool)
    for b, string in enumerate(inputs.T):
        state = 0
        for t, number in enumerate(string):
            state = tasks.CONTINUAL[state][tasks.ALPHABET[number]]
            for symbol in tasks.CONTINUAL[state]:
                legal[t, b, tasks.ALPHABET.index(symbol)] = True
    return legal
