"""The experiments of chapter *control*: a simulator, what is seen of it, who pushes, who knows."""

import gymnasium
import numpy as np
import pytest
import torch

from rnnlib import experiments
from rnnlib.check import gradient_error
from rnnlib.experiments import _cart_pole as cart_pole
from rnnlib.experiments import cart_pole as control
from rnnlib.experiments import cart_pole_model


class Fixed:
    """Pushes as it is told, and remembers what it saw."""

    def __init__(self, us):
        self.us, self.seen = us, []

    def start(self, B):
        return torch.zeros(B, 0)

    def __call__(self, seen, memory):
        self.seen.append(seen)
        return torch.full((len(seen),), float(self.us[len(self.seen) - 1])), memory


def states(seed, B):
    """Some in which an episode would not be over, ``(B, 4)``."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.uniform(-1, 1, (B, 4)) * [2.3, 2, 0.2, 2])


def test_the_simulator_is_that_of_gymnasium():
    env, start = gymnasium.make("CartPole-v1"), states(0, 50)
    actions = np.random.default_rng(1).integers(2, size=50)
    moved = cart_pole.step(start, torch.from_numpy(20.0 * actions - 10))
    for before, action, after in zip(start, actions, moved, strict=True):
        env.reset(seed=0)
        env.unwrapped.state = before.numpy()
        _, _, fell, _, _ = env.step(int(action))
        np.testing.assert_allclose(after, env.unwrapped.state, rtol=1e-12, atol=1e-14)
        assert bool(cart_pole.out(after[None])) == fell


def test_the_simulator_is_differentiated_right():
    start, forces = states(2, 3), torch.tensor([4.0, -10.0, 7.0], dtype=torch.float64)
    u = torch.from_numpy(np.random.default_rng(3).normal(size=(3, 4)))

    def value(state, force):
        state, force = (torch.as_tensor(a) for a in (state, force))
        for _ in range(5):
            state = cart_pole.step(state, force)
        return (u * state).sum().numpy()

    leaves = start.requires_grad_(), forces.requires_grad_()
    moved = start
    for _ in range(5):
        moved = cart_pole.step(moved, forces)
    grads = torch.autograd.grad((u * moved).sum(), leaves)
    args = tuple(a.detach().numpy() for a in leaves)
    rng = np.random.default_rng(4)
    assert gradient_error(value, args, tuple(g.numpy() for g in grads), rng) < 1e-10


def test_a_push_is_ten_newtons_with_the_gradient_of_its_mean():
    """The mean is over pushes to the right with probability σ(2u)."""
    u = torch.tensor([-3.0, -0.2, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    forces = cart_pole.push(u)
    assert forces.tolist() == [-10, -10, 10, 10]
    p = (2 * u).sigmoid()
    mean = 10 * p - 10 * (1 - p)
    [got], [want] = (torch.autograd.grad(f.sum(), u) for f in (forces, mean))
    torch.testing.assert_close(got, want, rtol=1e-12, atol=0)


def test_a_dropped_frame_shows_what_was_seen_last():
    draw = torch.Generator().manual_seed(0)
    now, before = torch.randn(500, 2, generator=draw), torch.randn(500, 3, generator=draw)
    seen = cart_pole.look(now, before, 0.0, 0.3, draw)
    clear = seen[:, 2] == 1
    assert 0.6 < clear.double().mean() < 0.8
    torch.testing.assert_close(seen[clear, :2], now[clear])
    torch.testing.assert_close(seen[~clear], before[~clear] * torch.tensor([1.0, 1.0, 0.0]))
    noisy = cart_pole.look(now, before, 0.5, 0.0, draw)
    assert 0.4 < (noisy[:, :2] - now).std() < 0.6


def test_two_frames_tell_the_velocity_of_the_earlier_one():
    """And if frames are dropped, its mean since the last that was not."""
    state, memory = states(5, 4), cart_pole.nothing_seen(4)
    clear = [True, False, True, True, False, False, True, True]
    path, seen = [], torch.zeros(4, 3)
    for t, is_clear in enumerate(clear):
        now = torch.cat([state[:, ::2], torch.ones(4, 1)], 1)
        seen = now if is_clear else seen * torch.tensor([1.0, 1.0, 0.0])
        told, memory = cart_pole.difference(seen, memory)
        path.append(state)
        since = [s for s in range(t + 1) if clear[s]]
        if len(since) > 1:
            a, b = since[-2:]
            mean = torch.stack(path[a:b]).mean(0)[:, 1::2]
            torch.testing.assert_close(told[:, 1::2], mean)
            torch.testing.assert_close(told[:, ::2], path[b][:, ::2])
        else:
            assert (told[:, 1::2] == 0).all()
        state = cart_pole.step(state, torch.tensor(10.0) * (-1) ** t)


def test_an_observer_comes_to_know_the_velocities_also_without_frames():
    observer, state = cart_pole.Observer(), torch.tensor([[0.1, -0.3, 0.02, 0.4]])
    memory, errors = observer.start(1), []
    for t in range(60):
        seen = torch.cat([state[:, ::2], torch.ones(1, 1) * (t < 40)], 1)
        u, memory = observer(seen, memory)
        state = cart_pole.step(state, cart_pole.push(u))
        errors.append(float((memory[:, :4] - state).abs().max()))
    assert errors[0] > 0.3 and max(errors[30:40]) < 0.05 and errors[-1] < 0.1


def test_the_steps_are_those_that_gymnasium_rewards():
    env, us = gymnasium.make("CartPole-v1"), [1, 1, -1, 1, 1, 1, 1] + 20 * [1]
    rewards = []
    for k in range(3):
        env.reset(seed=2000 + k)
        total, over = 0.0, False
        for u in us:
            if not over:
                _, reward, over, _, _ = env.step(int(u > 0))
                total += reward
        rewards.append(total)
    policy = Fixed(us)
    assert cart_pole.balance(policy, 3, 2).tolist() == rewards
    assert len(policy.seen) == max(rewards) and policy.seen[0].shape == (3, 3)


def test_only_carts_whose_episode_is_over_begin_again():
    memories = torch.full((2, 5), 3.0), torch.full((2, 0), 3.0)
    old = cart_pole.Carts(*(torch.full((4, n), 1.0) for n in (4, 3, 2, 1)), memories)
    new = cart_pole.Carts(*(0 * a for a in old[:4]), tuple(0 * m for m in memories))
    over = torch.tensor([False, True, False, False])[:, None]
    merged = cart_pole.begin_again(over, new, old)
    for a in merged[:4]:
        assert a[:, 0].tolist() == [1, 0, 1, 1]
    assert merged.memory[0][:, 0].tolist() == [3, 0]
    assert merged.memory[1].shape == (2, 0)


def test_policies_taught_side_by_side_do_not_touch_one_another():
    torch.manual_seed(0)
    policies = cart_pole.Memoryless(4), cart_pole.Recurrent(4)
    draw = torch.Generator().manual_seed(1)
    memory = tuple(p.start(3) for p in policies)
    state = states(6, 6).float()
    seen = torch.cat([state[:, ::2], torch.ones(6, 1)], 1)
    carts = cart_pole.Carts(state, seen, torch.zeros(6, 2), torch.zeros(6, 1), memory)
    for _ in range(3):
        carts = cart_pole.advance(policies, carts, draw)
    costs = cart_pole.cost(carts.state).view(2, 3).mean(1)
    for k, policy in enumerate(policies):
        own = torch.autograd.grad(costs[k], policy.parameters(), retain_graph=True)
        other = torch.autograd.grad(
            costs[1 - k], policy.parameters(), retain_graph=True, materialize_grads=True
        )
        assert all(g.abs().max() > 0 for g in own) and not any(g.any() for g in other)


def test_a_policy_ends_with_the_weights_that_had_the_best_mark_and_of_equals_the_last():
    torch.manual_seed(2)
    policies = [cart_pole.Memoryless(2), cart_pole.Recurrent(2)]
    marks = {0: iter([3.0, 1.0, 2.0]), 1: iter([1.0, 4.0, 4.0])}
    told, weights = [], {0: [], 1: []}

    def check(policy, limits):
        n = policies.index(policy)
        told.append(limits)
        weights[n].append(torch.nn.utils.parameters_to_vector(policy.parameters()).detach())
        return next(marks[n])

    limits = [(0.0, 0.0), (0.01, 0.5)]
    losses, found = cart_pole.teach(
        policies, limits, 0, updates=6, T=3, B=2, lr=0.1, start=0.1, check=check, every=2
    )
    assert losses.shape == (2, 6) and found.tolist() == [[3, 1, 2], [1, 4, 4]]
    assert told == 3 * limits
    for n, place in ((0, 0), (1, 2)):
        ended = torch.nn.utils.parameters_to_vector(policies[n].parameters())
        torch.testing.assert_close(ended, weights[n][place])
        assert not torch.allclose(ended, weights[n][1])


@pytest.mark.parametrize("seed", range(control.SEEDS))
def test_the_recurrent_policies_that_are_kept_balance_the_real_cart_pole(seed):
    steps = cart_pole.balance(control.load("recurrent", seed), 100, seed)
    assert steps.mean() >= 475
    kept = experiments.load("cart_pole").measured["clean"][seed, control.KINDS.index("recurrent")]
    assert abs(steps.mean() - kept) < 20


def test_what_every_seed_gives_is_kept_if_a_module_asks_for_it():
    with np.load(experiments.RESULTS / "cart_pole.npz") as file:
        names = set(file)
    one = {name.partition(".")[2] for name in names if name.startswith("0.")}
    assert names == {f"{seed}.{name}" for seed in range(control.SEEDS) for name in one}
    assert {name.partition(".")[0] for name in one} == set(control.TAUGHT)


def test_the_simulator_goes_on_without_a_fault_where_it_sees_clearly():
    for upright in (True, False):
        new = cart_pole_model.windows(cart_pole_model.record(0, 3, 60, upright, 0.0), 30)
        assert new.seen.shape == (30, 6, 2) and new.pushes.shape == (30, 6)
        said = cart_pole_model.simulate(new.seen[:10], new.pushes[:-1])
        np.testing.assert_allclose(said, new.true[10:], atol=1e-3 if upright else 1e-9)


def test_the_linear_model_is_exact_where_the_world_is_linear():
    rng = np.random.default_rng(0)
    pushes = torch.from_numpy(2.0 * rng.integers(2, size=(40, 12)) - 1)
    matrix = torch.tensor([[1.0, 0.02], [0.03, 0.98]], dtype=torch.float64)
    path = [torch.from_numpy(rng.normal(size=(12, 2))) for _ in range(2)]
    for F in pushes[1:-1]:
        turned = (path[-1][:, 1:] - 0.5 * path[-2][:, 1:]) @ matrix[1:]
        path.append(path[-1] + turned + 0.1 * F[:, None])
    seen = torch.stack(path)
    known = cart_pole_model.Recorded(seen, seen, pushes)
    weights = cart_pole_model.fit_linear(known, 3)
    said = cart_pole_model.run_linear(weights, seen[:3], pushes[:-1])
    torch.testing.assert_close(said, seen[3:], rtol=1e-6, atol=1e-6)


def test_the_network_sees_no_frame_after_those_it_reads():
    torch.manual_seed(0)
    model = cart_pole_model.Model(5)
    new = cart_pole_model.record(1, 3, 12, False, 0.01)
    seen, pushes = new.seen.float(), new.pushes.float()
    part, whole = model(seen[:4], pushes[:-1]), model(seen, pushes[:-1])
    torch.testing.assert_close(part[:4], whole[:4])
    assert not torch.allclose(part[4:], whole[4:])
