"""With as many parameters, is a GRU as good as an LSTM?

Prediction: no cell wins everywhere. The LSTM, whose memory is not bounded, counts furthest; the
cells with fewer gates have more units instead, and learn temporal order and adding at least as
soon. Cho's placement of the reset gate and cuDNN's do equally well.

Measured for the cells in the order of ``cells``, all of NumPy, each with the number of units that
comes nearest to the parameters of an LSTM with ``H`` units (``units``: seed, task, cell; tasks in
the order counting, order, adding). The LSTM's forget bias starts at 1. Of aⁿbⁿ, taught with n up to
10, the largest n such that it and all before are right (``reach``: seed, cell), see
:mod:`rnnlib.experiments.counting`; of temporal order, the step at which 99 % of the sequences held
out are right (``order_solved``: the same), looked at every ``every`` steps; of adding, the mean
squared error on sequences held out over the variance of the sum, after the last step
(``adding_error``: the same).
"""

from functools import partial
from typing import Any

import numpy as np

from rnnlib import tasks, train
from rnnlib.experiments import _networks as networks
from rnnlib.reference import bptt, gru, gru_cho, init, linear, losses, lstm, mgu, optim
from rnnlib.reference.ops import Array, leaves

SEEDS = 5
QUICK = {"H": 3, "steps": 2, "every": 1, "T": 10, "held_out": 8, "most": 3}
CELLS: dict[str, Any] = {"LSTM": lstm, "GRU": gru, "GRU, Cho": gru_cho, "MGU": mgu}


def measure(
    seed: int,
    *,
    cells: tuple[str, ...] = ("LSTM", "GRU", "GRU, Cho", "MGU"),
    H: int = 16,
    B: int = 32,
    lr: float = 1e-2,
    steps: int = 1500,
    every: int = 50,
    T: int = 30,
    most: int = 100,
    held_out: int = 500,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {"reach": [], "order_solved": [], "adding_error": []}
    sizes = [(4, 4), (8, 4), (2, 1)]  # D and V of the three tasks
    units = [[matched(name, D, H) for name in cells] for D, _ in sizes]
    for k, name in enumerate(cells):

        def start(task: int, k: int = k, name: str = name) -> train.Network:
            return network(seed, name, sizes[task][0], units[task][k], sizes[task][1])

        cell = CELLS[name]
        batches = networks.stream(seed, lambda rng: one_hot(tasks.anbn(rng, B, 1, 10), 4))
        learner = train.Reference(
            start(0), optim.Adam(lr), train.many_to_many(cell, losses.cross_entropy)
        )
        train.fit(learner, batches, steps, clip=1.0, bar=False)
        right = [is_right(cell, learner.params, n) for n in range(1, most + 1)]
        found["reach"].append([*right, False].index(False))

        test = one_hot(tasks.temporal_order(np.random.default_rng([seed, 2]), T, held_out), 8)
        batches = networks.stream(seed, lambda rng: one_hot(tasks.temporal_order(rng, T, B), 8))
        learner = train.Reference(
            start(1), optim.Adam(lr), train.many_to_many(cell, losses.cross_entropy)
        )
        history = train.fit(
            learner,
            batches,
            steps,
            clip=1.0,
            validate=partial(wrong, cell, test),
            every=every,
            goal=0.01,
            bar=False,
        )
        found["order_solved"].append(networks.solved_at(history))

        numbers = tasks.adding(np.random.default_rng([seed, 2]), T, held_out)
        batches = networks.stream(seed, lambda rng: tuple(tasks.adding(rng, T, B)))
        loss = train.many_to_many(cell, losses.mse)
        learner = train.Reference(start(2), optim.Adam(lr), loss)
        train.fit(learner, batches, steps, clip=1.0, bar=False)
        error, _ = loss(learner.params, tuple(numbers))
        found["adding_error"].append(error / tasks.adding_baseline())
    return found | {"units": units}


def matched(name: str, D: int, H: int) -> int:
    """The number of units whose parameters come nearest to those of an LSTM with H units."""

    def parameters(name: str, H: int) -> int:
        return sum(a.size for a in leaves(CELLS[name].init(np.random.default_rng(0), D, H)))

    want = parameters("LSTM", H)
    return min(range(1, 2 * H + 1), key=lambda n: abs(parameters(name, n) - want))


def network(seed: int, name: str, D: int, H: int, V: int) -> train.Network:
    """Draw a network; the forget bias of an LSTM is 1."""
    rng = np.random.default_rng(seed)
    cell = CELLS[name].init(rng, D, H)
    if name == "LSTM":
        cell = cell._replace(b=init.forget_bias(cell.b))
    return train.Network(cell, linear.init(rng, H, V))


def one_hot(batch: tasks.Symbols, D: int) -> tuple[Array, Array, Array]:
    """Inputs as one-hot vectors, targets, mask."""
    return np.eye(D)[batch.inputs], batch.targets, batch.mask


def wrong(cell: Any, batch: tuple[Array, Array, Array], params: train.Network) -> float:
    """Share of the symbols that count that is not the most likely one."""
    xs, ys, mask = batch
    hs, _, _ = bptt.forward(cell, params.cell, xs, cell.zero_state(params.cell, xs.shape[1]))
    said = linear.forward(params.readout, hs).argmax(-1)
    return float(np.mean((said != ys)[mask]))


def is_right(cell: Any, params: train.Network, n: int) -> bool:
    """Does the network say b to the last b, and then the end?"""
    string = np.repeat([0, 1, 2, 3], [1, n, n, 1])[:, None]
    batch = tasks.Symbols(string[:-1], string[1:], string[:-1] == 2)
    return wrong(cell, one_hot(batch, 4), params) == 0
