"""Can a recurrent network learn how the cart-pole moves, from recordings without velocities?

Prediction: where the pole is held upright the cart-pole is nearly linear, so there a linear model
is better than the network. From clean recordings the true simulator, started with the velocity of
the last two frames, makes no error at all; with noise of 0.003 it is the worst, for its start is
wrong and the pole multiplies what is wrong by e every quarter of a second. Where the pole swings
around, the linear model is no better than the last position repeated after 40 steps, and the
network is better than both. (The upright worlds were seen in trials with the first seed before
this was written, the swinging one was not. There a network that says the change itself, and not how
it differs from the change before, learned little in so few updates.)

Measured, on recordings that were not trained on, for each of ``WORLDS``: root mean square error of
x in metres and of θ in radians, one to ``ahead`` steps after the last frame that was read, against
where the cart-pole truly was (``error``: seed, world, x or θ, step), if the pushes are known. Who
goes on: a GRU (``network``), the linear model (``linear``), the true simulator (``simulator``), and
the last position repeated (``last``).

Upright poles are recorded in gymnasium: a policy that sees the velocities holds the pole, and three
of ten pushes are drawn by lot. Swinging ones, which gymnasium's limits do not allow, are recorded
in the simulator, which is the same to rounding; they start anywhere, and all pushes are drawn.
"""

from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from rnnlib.experiments import _cart_pole as cart_pole
from rnnlib.reference.ops import Array

SEEDS = 3
QUICK = {
    **{"episodes": 4, "length": 15, "updates": 4, "B": 3, "H": 4},
    **{"read": 5, "ahead": 4, "trained": 3},
}
WORLDS = {"clean": (True, 0.0), "noisy": (True, 0.003), "swinging": (False, 0.003)}
CHANGE = torch.tensor([0.004, 0.006])  # so much of a change of x and θ is changed by a push


class Recorded(NamedTuple):
    """Episodes of T steps."""

    seen: Tensor  # (T, B, 2), x and θ, with noise
    true: Tensor  # (T, B, 2), without
    pushes: Tensor  # (T, B), -1 or 1, after each of them


class Model(nn.Module):
    """A GRU that reads positions and pushes, and says how a change differs from the one before."""

    def __init__(self, H: int) -> None:
        super().__init__()
        self.cell, self.readout = nn.GRUCell(6, H), nn.Linear(H, 2)

    def forward(self, seen: Tensor, pushes: Tensor) -> Tensor:
        """Positions ``(T, B, 2)`` after each push; those not seen are taken from what it says."""
        h, said = seen.new_zeros(seen.shape[1], self.cell.hidden_size), list[Tensor]()
        before = x = seen[0]
        for t, F in enumerate(pushes):
            before, x = x, seen[t] if t < len(seen) else said[-1]
            change = x - before
            place, angle, push = x[:, :1], x[:, 1:], F[:, None]
            turned = 3 * angle.sin(), 3 * angle.cos()
            h = self.cell(torch.cat([place, *turned, change / CHANGE / 10, push], 1), h)
            said.append(x + change + CHANGE * self.readout(h))
        return torch.stack(said)


def measure(
    seed: int,
    *,
    episodes: int = 100,
    length: int = 150,
    read: int = 20,
    trained: int = 20,
    ahead: int = 40,
    H: int = 32,
    B: int = 64,
    lr: float = 1e-2,
    updates: int = 400,
) -> dict[str, Any]:
    """Measure once, see the module."""
    found: dict[str, Any] = {}
    for upright, noise in WORLDS.values():
        known, new = (record(2 * seed + k, episodes, length, upright, noise) for k in range(2))
        new = windows(new, read + ahead)
        torch.manual_seed(seed)
        model = teach(Model(H), known, seed, read, trained, B, lr, updates)
        with torch.no_grad():
            seen, pushes = new.seen[:read], new.pushes[:-1]
            said = {
                "network": model(seen.float(), pushes.float())[read - 1 :],
                "linear": run_linear(fit_linear(known, read), seen, pushes),
                "simulator": simulate(seen, pushes),
                "last": seen[-1].expand(ahead, *seen[-1].shape),
            }
            truth = new.true[read:]
        for name, positions in said.items():
            error = (positions - truth).square().mean(1).sqrt()
            found.setdefault(f"{name}_error", []).append(error.T.tolist())
    return found


def record(seed: int, episodes: int, length: int, upright: bool, noise: float) -> Recorded:
    """Episodes of so many steps."""
    rng = np.random.default_rng([seed, 0])
    true, pushes = (hold if upright else swing)(rng, episodes, length)
    return Recorded(true + noise * torch.from_numpy(rng.normal(size=true.shape)), true, pushes)


def hold(rng: np.random.Generator, episodes: int, length: int) -> tuple[Tensor, Tensor]:
    """Positions and pushes while the pole is held upright, in gymnasium."""
    env, rows = gymnasium.make("CartPole-v1"), list[tuple[Array, Array]]()
    weights = cart_pole.ByHand.weights.numpy()
    while len(rows) < episodes:
        state, _ = env.reset(seed=int(rng.integers(2**31)))
        states, pushes, fell = list[Array](), list[int](), False
        while len(states) < length and not fell:
            action = int(rng.integers(2)) if rng.random() < 0.3 else int(state @ weights > 0)
            states.append(state[::2])
            pushes.append(2 * action - 1)
            state, _, fell, _, _ = env.step(action)
        if len(states) == length:
            rows.append((np.array(states), np.array(pushes)))
    true, pushed = (torch.from_numpy(np.stack(each, 1)) for each in zip(*rows, strict=True))
    return true.double(), pushed.double()


def swing(rng: np.random.Generator, episodes: int, length: int) -> tuple[Tensor, Tensor]:
    """The same while it swings around, in the simulator."""
    state = torch.from_numpy(rng.uniform(-1, 1, (episodes, 4)) * [1, 1, np.pi, 3])
    pushes = torch.from_numpy(2.0 * rng.integers(2, size=(length, episodes)) - 1)
    true = list[Tensor]()
    for F in pushes:
        true.append(state[:, ::2])
        state = cart_pole.step(state, cart_pole.FORCE * F)
    return torch.stack(true), pushes


def windows(recorded: Recorded, T: int) -> Recorded:
    """The first T steps, the next, and so on, side by side."""
    n = len(recorded.seen) // T
    parts = (torch.cat(a[: n * T].chunk(n), 1) for a in recorded)
    return Recorded(*parts)


def teach(
    model: Model, known: Recorded, seed: int, read: int, ahead: int, B: int, lr: float, updates: int
) -> Model:
    """Train a model on what it says after the last frame that it reads."""
    rng = np.random.default_rng([seed, 1])
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    T, episodes = known.pushes.shape
    steps = np.arange(read + ahead)[:, None]
    for _ in range(updates):
        t = steps + rng.integers(T - len(steps) + 1, size=B)
        which = rng.integers(episodes, size=B)
        seen, _, pushes = (a[t, which].float() for a in known)
        said = model(seen[:read], pushes[:-1])
        loss = (((said - seen[1:]) / CHANGE) ** 2)[read - 1 :].mean()
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        falling.step()
    return model


def fit_linear(known: Recorded, read: int) -> Tensor:
    """Least squares from ``read`` positions and pushes to the next change, ``(3 read + 1, 2)``.

    By NumPy: the features depend on one another, and torch's driver for the CPU takes that amiss.
    """
    T = len(known.seen)
    rows = [features(known.seen[t - read : t], known.pushes[t - read : t]) for t in range(read, T)]
    changes = (known.seen[read:] - known.seen[read - 1 : -1]).flatten(0, 1)
    return torch.from_numpy(np.linalg.lstsq(torch.cat(rows).numpy(), changes.numpy())[0])


def features(seen: Tensor, pushes: Tensor) -> Tensor:
    """What the linear model weighs, ``(B, 3 read + 1)``; where the track begins tells nothing."""
    moved = seen - seen[-1] * torch.tensor([1.0, 0.0])
    return torch.cat([*moved, pushes.T, torch.ones(seen.shape[1], 1)], 1)


def run_linear(weights: Tensor, seen: Tensor, pushes: Tensor) -> Tensor:
    """Positions after those that were seen, by the linear model."""
    read, positions = len(seen), list(seen)
    for t in range(read, len(pushes) + 1):
        row = features(torch.stack(positions[t - read :]), pushes[t - read : t])
        positions.append(positions[-1] + row @ weights)
    return torch.stack(positions[read:])


def simulate(seen: Tensor, pushes: Tensor) -> Tensor:
    """The same by the true simulator, from the last two frames."""
    before = seen[-2]
    rates = (seen[-1] - before) / cart_pole.TAU  # those at the frame before the last
    state, positions = torch.stack([before, rates], 2).flatten(1), list[Tensor]()
    for F in pushes[len(seen) - 2 :]:
        state = cart_pole.step(state, cart_pole.FORCE * F)
        positions.append(state[:, ::2])
    return torch.stack(positions[1:])
