r"""The cart-pole of gymnasium as a function that can be differentiated, and policies for it.

A cart of the mass M - m on a track is pushed by a force F; on it stands a pole of the mass m and
half the length l, hinged at its foot. The cart is at x and moves with velocity v, the pole leans by
the angle θ to the right and turns with ω. One step of τ = 0.02 s::

    q = (F + m l ω² sin θ) / M                                   (cart-pole-push)
    α = (g sin θ - q cos θ) / (l (4/3 - m cos² θ / M))           (cart-pole-turn)
    a = q - m l α cos θ / M                                      (cart-pole-drive)
    (x, v, θ, ω)' = (x, v, θ, ω) + τ (v, a, ω, α)                (cart-pole-euler)

A policy says a number u, and the cart is pushed with 10 N to the right if u > 0, otherwise to the
left. The gradient is that of a force that does not jump::

    F = 10 sign(u),  ∂F/∂u := 10 (1 - tanh² u)                   (straight-through)

What a policy sees at a step is ``(x, θ, 1)``, or, if the frame is dropped, what it saw last, with a
0 at the end. Noise is added to x, in metres, and to θ, in radians.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from rnnlib.reference.ops import Array

G, M, MASS, LENGTH, TAU, FORCE = 9.8, 1.1, 0.1, 0.5, 0.02, 10.0  # g, M, m, l, τ; SI units
X_MAX, THETA_MAX = 2.4, np.deg2rad(12)  # beyond them an episode is over,
LONGEST = 500  # and after so many steps
OFTEN = 5  # steps after which those whose episode is over begin again, in training
SCALE = torch.tensor([1.0, 10.0, 1.0])  # what networks read is of about this size


def step(state: Tensor, force: Tensor) -> Tensor:
    """States ``(B, 4)``, in the order x, v, θ, ω, after a step with forces ``(B,)``."""
    _, v, theta, omega = state.unbind(-1)
    sin, cos = theta.sin(), theta.cos()
    q = (force + MASS * LENGTH * omega**2 * sin) / M  # (cart-pole-push)
    arm = LENGTH * (4 / 3 - MASS * cos**2 / M)
    alpha = (G * sin - q * cos) / arm  # (cart-pole-turn)
    a = q - MASS * LENGTH * alpha * cos / M  # (cart-pole-drive)
    return state + TAU * torch.stack([v, a, omega, alpha], -1)  # (cart-pole-euler)


def push(u: Tensor) -> Tensor:
    """The force that a policy's answer means, with the gradient of a smooth one."""
    smooth = FORCE * u.tanh()
    sign = torch.where(u > 0, 1.0, -1.0)
    return smooth + (FORCE * sign - smooth).detach()  # (straight-through)


def look(positions: Tensor, before: Tensor, noise: Any, drop: Any, draw: torch.Generator) -> Tensor:
    """What is seen, ``(B, 3)``, of x and θ, ``(B, 2)``, if ``before`` was seen before."""
    clear = torch.rand(len(positions), 1, generator=draw) >= drop
    noisy = positions + noise * torch.randn(positions.shape, generator=draw)
    return torch.cat([torch.where(clear, noisy, before[:, :2]), clear.float()], 1)


# Policies: from what is seen, (B, 3), and a memory, (B, any), to u, (B,), and the next memory


class Policy(Protocol):
    """What pushes."""

    def start(self, B: int) -> Tensor: ...
    def __call__(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]: ...


class Memoryless(nn.Module):
    """A network with one hidden layer that sees the present frame alone."""

    def __init__(self, H: int = 64) -> None:
        super().__init__()
        self.net = mlp(3, H)

    def start(self, B: int) -> Tensor:
        """No memory, ``(B, 0)``."""
        return torch.zeros(B, 0)

    def forward(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        return self.net(SCALE * seen)[:, 0], memory


class Recurrent(nn.Module):
    """A GRU that sees the present frame, and a linear read-out of its state."""

    def __init__(self, H: int = 32) -> None:
        super().__init__()
        self.cell, self.readout = nn.GRUCell(3, H), nn.Linear(H, 1)

    def start(self, B: int) -> Tensor:
        """The state before the first frame, ``(B, H)``."""
        return torch.zeros(B, self.cell.hidden_size)

    def forward(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        h = self.cell(SCALE * seen, memory)
        return self.readout(h)[:, 0], h


def difference(seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Velocities from the last two frames that were not dropped: ``(x, v, θ, ω)`` and a memory.

    The memory ``(B, 5)`` holds the last frame, the velocities found with it, and the steps since,
    which are below zero before the first frame.
    """
    last, found, since = memory[:, :2], memory[:, 2:4], memory[:, 4:]
    now, new, since = seen[:, :2], seen[:, 2:] > 0, since + 1
    found = torch.where(new & (since > 0), (now - last) / (TAU * since.clamp(min=1)), found)
    memory = torch.cat([now, found, torch.where(new, 0.0, since)], 1)
    return torch.stack([now, found], 2).flatten(1), memory


def nothing_seen(B: int) -> Tensor:
    """The memory of :func:`difference` before the first frame."""
    return torch.tensor([0.0, 0.0, 0.0, 0.0, -1.0]).repeat(B, 1)


class ByHand:
    """Two frames are differenced, and a weighted sum decides."""

    weights = torch.tensor([0.02, 0.06, 1.0, 0.2])

    def start(self, B: int) -> Tensor:
        """The memory before the first frame."""
        return nothing_seen(B)

    def __call__(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        state, memory = difference(seen, memory)
        return state @ self.weights, memory


class Differenced(nn.Module):
    """Two frames are differenced, and a network with one hidden layer decides."""

    def __init__(self, H: int = 64) -> None:
        super().__init__()
        self.net = mlp(5, H)

    def start(self, B: int) -> Tensor:
        """The memory before the first frame."""
        return nothing_seen(B)

    def forward(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        state, memory = difference(seen, memory)
        known = torch.cat([state * SCALE[[0, 0, 1, 1]], seen[:, 2:]], 1)
        return self.net(known)[:, 0], memory


class Observer(ByHand):
    """A simulator runs along and is corrected by what is seen; the same weighted sum decides."""

    pull = torch.tensor([0.2, 0.02 / TAU])  # of what is wrong with a position: on it, on its rate

    def start(self, B: int) -> Tensor:
        """Where it believes the cart to be, with the last column 1 before the first frame."""
        return torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0]).repeat(B, 1)

    def __call__(self, seen: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Answer."""
        state, first = memory[:, :4], memory[:, 4:]
        wrong = (seen[:, :2] - state[:, ::2]) * seen[:, 2:]
        pull = torch.where(first > 0, torch.tensor([1.0, 0.0]), self.pull)
        state = state + (wrong[:, :, None] * pull[:, None]).flatten(1)
        u = state @ self.weights
        return u, torch.cat([step(state, push(u)), first * (1 - seen[:, 2:])], 1)


def mlp(D: int, H: int) -> nn.Sequential:
    """One hidden layer, one answer."""
    return nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 1))


# The real environment


def balance(
    policy: Policy, episodes: int, seed: int, noise: float = 0.0, drop: float = 0.0
) -> Array:
    """Steps that a policy balances in gymnasium's CartPole-v1, ``(episodes,)``; at most 500.

    Of gymnasium's observations the velocities are taken away; the policy sees :func:`look`.
    """
    envs = [gymnasium.make("CartPole-v1") for _ in range(episodes)]
    states = np.stack([env.reset(seed=1000 * seed + k)[0] for k, env in enumerate(envs)])
    steps, running = np.zeros(episodes), np.ones(episodes, dtype=bool)
    draw = torch.Generator().manual_seed(seed)
    memory, seen = policy.start(episodes), torch.zeros(episodes, 3)
    while running.any():
        missing = drop if steps.any() else 0.0  # the first frame arrives
        seen = look(torch.from_numpy(states[:, ::2]), seen, noise, missing, draw)
        with torch.no_grad():
            u, memory = policy(seen, memory)
        steps += running
        for k in np.flatnonzero(running):
            states[k], _, fell, late, _ = envs[k].step(int(u[k] > 0))
            running[k] = not (fell or late)
    return steps


# Training in the simulator


def out(state: Tensor) -> Tensor:
    """Is an episode over, ``(B,)``?"""
    over: Tensor = (state[:, 0].abs() > X_MAX) | (state[:, 2].abs() > THETA_MAX)
    return over


class Carts(NamedTuple):
    """What goes on in training: for each of N policies B carts, one below the other."""

    state: Tensor  # (N B, 4)
    seen: Tensor  # (N B, 3)
    spoilt: Tensor  # (N B, 2), noise and share of dropped frames of this episode
    age: Tensor  # (N B, 1), steps
    memory: tuple[Tensor, ...]  # for each policy (B, any)


def teach(
    policies: Sequence[Any],
    limits: Sequence[tuple[float, float]],
    seed: int,
    *,
    updates: int,
    T: int,
    B: int,
    lr: float,
    start: float,
    check: Callable[[Any, tuple[float, float]], float],
    every: int,
) -> tuple[Array, Array]:
    """Train policies, each by itself, by truncated BPTT through the simulator.

    Each of a policy's B carts has noise and a share of dropped frames of its own, up to the
    policy's limits, drawn when its episode begins; so are its place and its velocities, up to
    ``start``. After every so many updates ``check`` gives each policy, with its limits, a mark; it
    ends with the weights that had the best one, of equals the last. What comes back is the loss at
    every update, ``(N, updates)``, and the marks, ``(N, checks)``.
    """
    draw = torch.Generator().manual_seed(seed)
    optimisers = [torch.optim.Adam(policy.parameters(), lr=lr) for policy in policies]
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, updates) for o in optimisers]
    most = torch.tensor(limits).repeat_interleave(B, 0)

    def fresh() -> Carts:
        state = start * (2 * torch.rand(len(most), 4, generator=draw) - 1)
        spoilt = most * torch.rand(most.shape, generator=draw)
        seen = look(state[:, ::2], torch.zeros(len(most), 3), spoilt[:, :1], 0.0, draw)
        age = torch.zeros(len(most), 1)
        return Carts(state, seen, spoilt, age, tuple(policy.start(B) for policy in policies))

    carts = fresh()
    carts = carts._replace(age=torch.randint(LONGEST, carts.age.shape, generator=draw).float())
    losses, marks = [], []
    best = [policy.state_dict() for policy in policies]
    for k in range(1, updates + 1):
        memory = tuple(m.detach() for m in carts.memory)
        carts = carts._replace(state=carts.state.detach(), seen=carts.seen.detach(), memory=memory)
        loss = torch.zeros(len(policies))
        for t in range(T):
            carts = advance(policies, carts, draw)
            loss = loss + cost(carts.state).view(-1, B).mean(1) / T
            if t % OFTEN == 0:
                over = out(carts.state)[:, None] | (carts.age >= LONGEST)
                carts = begin_again(over, fresh(), carts) if over.any() else carts
        torch.autograd.backward(loss.sum())
        for policy, optimiser, schedule in zip(policies, optimisers, schedules, strict=True):
            clip_grad_norm_(policy.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
        losses.append(loss.detach().numpy())
        if k % every == 0:
            marks.append([check(*each) for each in zip(policies, limits, strict=True)])
            for n, policy in enumerate(policies):
                if marks[-1][n] == max(row[n] for row in marks):
                    best[n] = {name: w.clone() for name, w in policy.state_dict().items()}
    for policy, weights in zip(policies, best, strict=True):
        policy.load_state_dict(weights)
    return np.stack(losses, 1), np.transpose(marks)


def advance(policies: Sequence[Any], carts: Carts, draw: torch.Generator) -> Carts:
    """One step of all carts: push, move, look."""
    seen = carts.seen.chunk(len(policies))
    told = [p(x, m) for p, x, m in zip(policies, seen, carts.memory, strict=True)]
    state = step(carts.state, push(torch.cat([u for u, _ in told])))
    look_at = state[:, ::2], carts.seen, carts.spoilt[:, :1], carts.spoilt[:, 1:]
    memory = tuple(m for _, m in told)
    return Carts(state, look(*look_at, draw), carts.spoilt, carts.age + 1, memory)


def cost(state: Tensor) -> Tensor:
    """What is to be small: squares of x and θ, each 1 where an episode ends, ``(B,)``."""
    squares: Tensor = (state[:, 0] / X_MAX) ** 2 + (state[:, 2] / THETA_MAX) ** 2
    return squares


def begin_again(over: Tensor, new: Carts, old: Carts) -> Carts:
    """Carts whose episode is over, ``(N B, 1)``, replaced by new ones."""

    def merge(over: Tensor, new: Sequence[Tensor], old: Sequence[Tensor]) -> list[Tensor]:
        return [torch.where(over, a, b) for a, b in zip(new, old, strict=True)]

    state, seen, spoilt, age = merge(over, new[:4], old[:4])
    parts = zip(over.chunk(len(old.memory)), new.memory, old.memory, strict=True)
    memory = tuple(torch.where(o, a, b) for o, a, b in parts)
    return Carts(state, seen, spoilt, age, memory)
