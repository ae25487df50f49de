"""Networks of torch for the experiments, and how they are taught until they can."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from rnnlib import tasks, train

LAYERS: dict[str, Callable[..., nn.RNNBase]] = {
    "tanh": nn.RNN,
    "relu": lambda D, H: nn.RNN(D, H, nonlinearity="relu"),
    "LSTM": nn.LSTM,
    "GRU": nn.GRU,
}


class Network(nn.Module):
    """A layer and a linear read-out of every state; inputs ``(T, B, D)``."""

    def __init__(self, layer: nn.Module, H: int, V: int) -> None:
        super().__init__()
        self.layer = layer
        self.readout = nn.Linear(H, V)

    def forward(self, xs: Tensor) -> Tensor:
        """Logits ``(T, B, V)``."""
        ys: Tensor = self.readout(self.layer(xs)[0])
        return ys


def network(seed: int, kind: str, D: int, H: int, V: int) -> Network:
    """Draw a network; torch's own start."""
    torch.manual_seed(seed)
    return Network(LAYERS[kind](D, H), H, V)


def weights(layer: nn.Module, name: str) -> Tensor:
    """A parameter of one of torch's layers, to be written to."""
    tensor: Tensor = getattr(layer, f"{name}_l0").data
    return tensor


def set_gate(layer: nn.Module, gate: str, bias: float) -> None:
    """Set the bias of a gate of an LSTM; torch has two, which add up."""
    rows = gate_rows(layer, gate)
    weights(layer, "bias_ih")[rows] = bias
    weights(layer, "bias_hh")[rows] = 0


def hold_gate_open(layer: nn.Module, gate: str) -> None:
    """Take a gate of an LSTM away: it is 1, whatever is read, and does not learn."""
    rows = gate_rows(layer, gate)
    for parameter in layer.parameters():
        parameter.data[rows] = 0
        parameter.register_hook(lambda grad: grad.index_fill(0, rows, 0))  # type: ignore[no-untyped-call]
    weights(layer, "bias_ih")[rows] = 40  # 1 - σ(40) is below the precision


def gate_rows(layer: nn.Module, gate: str) -> Tensor:
    """Rows of the weights that belong to a gate, in torch's order."""
    H = weights(layer, "weight_hh").shape[1]
    return "ifgo".index(gate) * H + torch.arange(H)


def orthogonal(seed: int, W: Tensor) -> None:
    """Start square weights as an orthogonal matrix."""
    generator = torch.Generator().manual_seed(seed)
    nn.init.orthogonal_(W, generator=generator)


def tensors(batch: tasks.Symbols, D: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs as one-hot vectors, targets, mask."""
    xs = one_hot(torch.from_numpy(batch.inputs), D).float()
    return xs, torch.from_numpy(batch.targets), torch.from_numpy(batch.mask)


def symbol_loss(module: nn.Module, batch: Any) -> Tensor:
    """Cross-entropy of the symbols that count."""
    xs, ys, mask = batch
    return cross_entropy(module(xs)[mask], ys[mask])


def symbol_error(module: nn.Module, batch: Any) -> float:
    """Share of the symbols that count that is not the most likely one."""
    xs, ys, mask = batch
    return float((module(xs).argmax(-1) != ys)[mask].float().mean())


def stream(seed: int, draw: Callable[[np.random.Generator], Any]) -> Iterator[Any]:
    """Batches without end."""
    rng = np.random.default_rng([seed, 1])
    while True:
        yield draw(rng)


def teach(
    module: nn.Module,
    batches: Iterator[Any],
    steps: int,
    validate: Callable[[nn.Module], float],
    lr: float,
    every: int,
    goal: float | None = None,
    loss: Callable[[Any, Any], Tensor] = symbol_loss,
    schedule: Callable[[int], float] | None = None,
) -> train.History:
    """Train with Adam and gradients clipped to norm 1, on one thread, until the goal is reached."""
    torch.set_num_threads(1)
    learner = train.Torch(module, torch.optim.Adam(module.parameters(), lr=lr), loss)
    return train.fit(
        *(learner, batches, steps),
        clip=1.0,
        schedule=schedule,
        validate=validate,
        every=every,
        goal=goal,
        bar=False,
    )


def falling(lr: float, steps: int) -> Callable[[int], float]:
    """A rate that falls to zero in a straight line."""
    return lambda t: lr * (1 - (t - 1) / steps)


def solved_at(history: train.History) -> float:
    """The step at which the goal was reached; NaN if it was not."""
    return float(len(history.loss)) if history.end == "goal" else float("nan")


def filled(history: train.History, checks: int) -> list[float]:
    """The validations, with the last of them in the place of those that were not needed."""
    values = [float(value) for value in history.validation]
    return values + values[-1:] * (checks - len(values))


def open_forget_gate(module: Network) -> Network:
    """Set the forget bias of an LSTM to 1."""
    set_gate(module.layer, "f", 1.0)
    return module


def temporal_order(
    seed: int, module: nn.Module, T: int, steps: int, every: int, held_out: int, lr: float
) -> train.History:
    """Teach a network temporal order of two symbols until 99 % of those held out are right."""
    test = tensors(tasks.temporal_order(np.random.default_rng([seed, 2]), T, held_out), 8)
    batches = stream(seed, lambda rng: tensors(tasks.temporal_order(rng, T, 32), 8))
    return teach(module, batches, steps, lambda m: symbol_error(m, test), lr, every, goal=0.01)
