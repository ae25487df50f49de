"""Training does what it says, and is the same after an interruption and in torch."""

import io
import json
import sys
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
import torch
from helpers import assert_close
from torch.nn.functional import cross_entropy, mse_loss

from rnnlib import train
from rnnlib.check import gradient_error, random_like
from rnnlib.nn import bptt as nn_bptt
from rnnlib.nn import elman as nn_elman
from rnnlib.reference import elman, gru, linear, losses, schedule
from rnnlib.reference.ops import leaves, tree_map
from rnnlib.reference.optim import SGD, Adam, Momentum

T, B, D, H, V = 6, 4, 3, 5, 2


def network(seed, cell=elman):
    """Parameters of a small network."""
    rng = np.random.default_rng(seed)
    return train.Network(cell.init(rng, D, H), linear.init(rng, H, V))


def batches(seed):
    """Batches without end: the last quarter of each sequence may be padding."""
    rng = np.random.default_rng(seed)
    while True:
        xs = rng.normal(size=(T, B, D))
        lengths = rng.integers(3 * T // 4, T, size=B, endpoint=True)
        yield xs, xs.cumsum(0)[..., :V], np.arange(T)[:, None] < lengths


class Twin(torch.nn.Module):
    """The torch twin of a network, with the same start."""

    def __init__(self, params):
        super().__init__()
        self.cell = torch.nn.ParameterList([torch.tensor(p) for p in params.cell])
        self.readout = torch.nn.ParameterList([torch.tensor(p) for p in params.readout])
        self.drop = torch.nn.Dropout(0.0)

    def forward(self, xs):
        params = nn_elman.Params(*self.cell)
        hs, _ = nn_bptt.forward(nn_elman, params, xs, nn_elman.zero_state(params, xs.shape[1]))
        W_y, b_y = self.readout
        return self.drop(hs) @ W_y.T + b_y


def torch_loss(module, batch):
    """The mean squared error where the mask lets it through."""
    xs, ys, mask = map(torch.tensor, batch)
    return mse_loss(module(xs)[mask], ys[mask])


def reference_learner(optimiser, seed=0):
    return train.Reference(network(seed), optimiser, train.many_to_many(elman, losses.mse))


def torch_learner(optimiser, seed=0, drop=0.0):
    module = Twin(network(seed))
    module.drop.p = drop
    return train.Torch(module, optimiser(module.parameters()), torch_loss)


def noisy_learner(seed=0):
    """A learner of the reference whose loss draws from a generator."""
    rng, loss = np.random.default_rng(seed + 1), train.many_to_many(elman, losses.mse)

    def noisy(params, batch):
        xs, *rest = batch
        return loss(params, (xs + 0.1 * rng.normal(size=xs.shape), *rest))

    return train.Reference(network(seed), Adam(), noisy, rng)


def torch_adam(seed=0):
    """A learner of torch with dropout, from a fixed generator."""
    torch.manual_seed(seed)
    return torch_learner(torch.optim.Adam, seed, drop=0.3)


MAKERS = {
    "reference": noisy_learner,
    "sgd": partial(reference_learner, SGD(0.1)),
    "momentum": partial(reference_learner, Momentum(0.05)),
    "scheduled": partial(
        reference_learner, schedule.Scheduled(Adam(), partial(schedule.warm_up, lr=0.01, n=9))
    ),
    "torch": torch_adam,
}


def state_of(learner):
    """Everything that a learner carries, as arrays."""
    if isinstance(learner, train.Reference):
        return [np.asarray(a) for a in leaves((learner.params, learner.state)) if a is not None]
    held = [learner.module.state_dict(), *learner.optimiser.state_dict()["state"].values()]
    return [t.numpy() for part in held for t in part.values()]


def assert_identical(one, other):
    """Two learners, or two histories, agree bit for bit."""
    for a, b in zip(one, other, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def distance(params):
    """A validation: how far the first weights are from a point that training passes."""
    first = next(params.parameters()) if isinstance(params, torch.nn.Module) else leaves(params)[0]
    return float(abs(first).sum())


class Stop(Exception):
    """The machine is switched off."""


def interrupted(source, after):
    """Batches, until there are no more."""
    for t, batch in enumerate(source):
        if t == after:
            raise Stop
        yield batch


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_resumed_run_is_the_uninterrupted_run_bit_for_bit(make, tmp_path):
    options = {"clip": 1.0, "validate": distance, "every": 7, "patience": 50}
    whole, path = make(), tmp_path / "run"
    history = train.fit(whole, batches(3), 30, **options)
    with pytest.raises(Stop):
        train.fit(make(), interrupted(batches(3), 17), 30, checkpoint=path, **options)
    again = make(seed=5)  # its own start is forgotten
    resumed = train.fit(again, batches(3), 30, checkpoint=path, resume=True, **options)
    assert_identical(state_of(whole), state_of(again))
    assert_identical(history[:5], resumed[:5])
    assert history[5:] == resumed[5:]
    assert len(set(history.loss)) == 30


def test_a_run_may_be_made_longer(tmp_path):
    path, options = tmp_path / "run", {"validate": distance, "every": 4}
    whole, part = reference_learner(Adam()), reference_learner(Adam())
    history = train.fit(whole, batches(0), 13, **options)
    train.fit(part, batches(0), 6, checkpoint=path, **options)
    longer = train.fit(part, batches(0), 13, checkpoint=path, resume=True, **options)
    assert_identical(state_of(whole), state_of(part))
    assert_identical(history[:5], longer[:5])
    with pytest.raises(ValueError, match="steps: got 5, expected at least the 13 of the checkpoi"):
        train.fit(part, batches(0), 5, checkpoint=path, resume=True, validate=distance, every=4)


def test_a_checkpoint_holds_no_pickle(tmp_path):
    path = tmp_path / "run"
    train.fit(noisy_learner(), batches(0), 3, checkpoint=path)
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    assert json.loads(str(arrays.pop("meta")))["rng"]["bit_generator"] == "PCG64"
    assert all(a.dtype.kind in "fi" for a in arrays.values())
    assert "params.cell.W_h" in arrays and "state.m.readout.b_y" in arrays
    train.fit(torch_adam(), batches(0), 3, checkpoint=path)
    assert torch.load(path, weights_only=True)["progress"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("make", [MAKERS["sgd"], MAKERS["torch"]])
def test_a_checkpoint_of_another_learner_is_refused(make, tmp_path):
    path = tmp_path / "run"
    other = torch_adam() if make is MAKERS["sgd"] else noisy_learner()
    train.fit(other, batches(0), 3, checkpoint=path)
    with pytest.raises(ValueError, match="checkpoint: got run, expected one of "):
        train.fit(make(), batches(0), 5, checkpoint=path, resume=True)


class Trap:
    """What runs code when it is unpickled."""

    sprung: ClassVar[list[str]] = []

    def __reduce__(self):
        return Trap.sprung.append, ("sprung",)


@pytest.mark.parametrize("make", [MAKERS["sgd"], MAKERS["torch"]])
def test_a_checkpoint_runs_no_code(make, tmp_path):
    path = tmp_path / "run"
    for save in (torch.save, lambda trap, file: np.savez(file, meta=np.array(trap, dtype=object))):
        with open(path, "wb") as file:
            save(Trap(), file)
        with pytest.raises(ValueError, match="checkpoint: got run"):
            train.fit(make(), batches(0), 5, checkpoint=path, resume=True)
    assert Trap.sprung == []


def test_a_checkpoint_of_another_size_or_optimiser_is_refused(tmp_path):
    path = tmp_path / "run"
    train.fit(reference_learner(SGD(0.1)), batches(0), 3, checkpoint=path)
    again = partial(train.fit, batches=batches(0), steps=5, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match=r"checkpoint: got nothing for state\.t, expected int64 "):
        again(reference_learner(Adam()))
    small = reference_learner(SGD(0.1))
    small.params = tree_map(lambda a: a[:-1], small.params)
    message = r"checkpoint: got float64 of shape \(5, 3\) for params.cell.W_x, expected .*\(4, 3\)"
    with pytest.raises(ValueError, match=message):
        again(small)
    single = reference_learner(SGD(0.1))
    single.params = tree_map(np.float32, single.params)
    with pytest.raises(ValueError, match="expected float32 of shape"):
        again(single)


@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_reference_and_torch_lose_alike(clip, momentum):
    ours = reference_learner(Momentum(0.05, momentum) if momentum else SGD(0.05))
    theirs = torch_learner(partial(torch.optim.SGD, lr=0.05, momentum=momentum))
    options = {"clip": clip, "schedule": partial(schedule.cosine, lr=0.05, n=30)}
    one, other = (train.fit(learner, batches(1), 40, **options) for learner in (ours, theirs))
    for got, want in zip(one[:3], other[:3], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)
    assert one.loss[-10:].mean() < one.loss[:10].mean()
    assert clip is None or (one.norm > clip).sum() > 10
    for got, want in zip(leaves(ours.params), theirs.module.parameters(), strict=True):
        np.testing.assert_allclose(got, want.detach(), rtol=1e-10)


@pytest.mark.parametrize("make", [MAKERS["sgd"], MAKERS["torch"]])
def test_early_stopping_restores_the_best(make):
    values = iter([3.0, 2.0, 2.5, 1.0, 1.0, 4.0, 1.5, 0.0])
    seen, learner = [], make()

    def validate(params):
        seen.append(learner.snapshot())
        return next(values)

    history = train.fit(learner, batches(0), 100, validate=validate, every=2, patience=3)
    assert (history.best, history.end) == (8, "patience")
    assert len(history.loss) == 14
    np.testing.assert_array_equal(history.checked, [2, 4, 6, 8, 10, 12, 14])
    np.testing.assert_array_equal(history.validation, [3, 2, 2.5, 1, 1, 4, 1.5])
    held = state_of(learner)[: len(flat(seen[3]))]
    assert_identical(held, flat(seen[3]))
    assert any((a != b).any() for a, b in zip(held, flat(seen[-1]), strict=True))


def flat(snapshot):
    """Arrays of a snapshot."""
    is_torch = isinstance(snapshot, dict)
    return [t.numpy() for t in snapshot.values()] if is_torch else leaves(snapshot)


def test_without_patience_the_last_parameters_stay():
    values = iter([1.0, 2.0, 3.0])
    learner, plain = reference_learner(SGD(0.1)), reference_learner(SGD(0.1))
    options = {"validate": lambda _: next(values), "every": 2}
    history = train.fit(learner, batches(0), 6, **options)
    train.fit(plain, batches(0), 6)
    assert (history.best, history.end) == (2, "steps")
    assert_identical(state_of(learner), state_of(plain))


def test_a_run_that_has_stopped_stays_stopped(tmp_path):
    path, values = tmp_path / "run", iter([1.0, 2.0, 3.0, 0.0])
    options = {"validate": lambda _: next(values), "every": 2, "patience": 2, "checkpoint": path}
    one, other = reference_learner(SGD(0.1)), reference_learner(SGD(0.1), seed=9)
    first = train.fit(one, batches(0), 50, **options)
    again = train.fit(other, batches(0), 50, resume=True, **options)
    assert first.end == again.end == "patience"
    assert len(first.loss) == len(again.loss) == 6
    assert_identical(state_of(one), state_of(other))


def test_a_goal_ends_training():
    values = iter([0.5, 0.2, 0.1])
    history = train.fit(
        reference_learner(SGD(0.1)),
        batches(0),
        50,
        validate=lambda _: next(values),
        every=3,
        goal=0.2,
    )
    assert (len(history.loss), history.end, history.best) == (6, "goal", 6)


def test_validation_sees_a_module_in_evaluation_mode():
    modes = []

    def validate(module):
        modes.append((module.training, torch.is_grad_enabled()))
        return 0.0

    learner = torch_adam()
    train.fit(learner, batches(0), 4, validate=validate, every=2)
    assert modes == [(False, False)] * 2
    train.fit(learner, batches(0), 1)
    assert learner.module.training


@pytest.mark.parametrize("make", [MAKERS["sgd"], partial(torch_learner, torch.optim.SGD)])
def test_clip_bounds_the_step_and_reports_the_norm_before(make):
    clip, rate, free, clipped = 0.05, 0.5, make(), make()
    starts = [a.copy() for a in state_of(clipped)]
    one = train.fit(free, batches(2), 1, schedule=lambda t: rate)
    other = train.fit(clipped, batches(2), 1, schedule=lambda t: rate, clip=clip)
    assert one.norm[0] == other.norm[0] > clip
    moves = [b - a for a, b in zip(starts, state_of(clipped), strict=True)]
    np.testing.assert_allclose(np.sqrt(sum((m * m).sum() for m in moves)), rate * clip)
    frees = [b - a for a, b in zip(starts, state_of(free), strict=True)]
    for far, near in zip(frees, moves, strict=True):
        np.testing.assert_allclose(near, far * clip / one.norm[0], atol=1e-15)
    loose = make()
    train.fit(loose, batches(2), 1, schedule=lambda t: rate, clip=100.0)
    assert_identical(state_of(loose), state_of(free))


@pytest.mark.parametrize("make", [MAKERS["sgd"], partial(torch_learner, torch.optim.SGD)])
def test_the_rate_is_that_of_the_schedule(make):
    rates, learner, places = [0.5, 0.0, 0.25], make(), []

    def watch(learner):
        for batch in batches(4):
            places.append([a.copy() for a in state_of(learner)])
            yield batch

    history = train.fit(learner, watch(learner), 3, schedule=lambda t: rates[t - 1])
    np.testing.assert_array_equal(history.rate, rates)
    places.append(state_of(learner))
    for rate, norm, before, after in zip(rates, history.norm, places, places[1:], strict=False):
        moved = sum(((b - a) ** 2).sum() for a, b in zip(before, after, strict=True))
        np.testing.assert_allclose(np.sqrt(moved), rate * norm)


@pytest.mark.parametrize("make", [MAKERS["momentum"], MAKERS["torch"]])
def test_a_lost_loss_stops_training_before_it_reaches_the_parameters(make):
    def poisoned():
        for t, (xs, ys, mask) in enumerate(batches(0), start=1):
            yield xs, ys * (np.nan if t == 5 else 1), mask

    learner = make()
    with pytest.raises(FloatingPointError, match=r"^loss: got nan at step 5, expected a finite"):
        train.fit(learner, poisoned(), 10)
    assert all(np.isfinite(a).all() for a in state_of(learner))


@pytest.mark.parametrize("make", [MAKERS["sgd"], partial(torch_learner, torch.optim.SGD)])
def test_an_exploding_gradient_is_named(make):
    def huge():
        for t, (xs, ys, mask) in enumerate(batches(0), start=1):
            yield xs, ys * (1e200 if t == 3 else 1), mask

    with pytest.raises(FloatingPointError, match=r"^loss: got inf at step 3, .* before: \['"):
        train.fit(make(), huge(), 10, clip=1.0)


def test_a_gradient_that_is_not_finite_stops_training():
    def loss(params, batch):
        return 1.0, tree_map(lambda a: a * np.inf + 1e300, params)

    learner = train.Reference(network(0), SGD(0.1), loss)
    with pytest.raises(FloatingPointError, match=r"^norm of the gradient: got nan at step 1"):
        train.fit(learner, [None], 3, clip=1.0)


def test_a_validation_that_is_not_finite_stops_training():
    with pytest.raises(FloatingPointError, match=r"^validation: got nan at step 2"):
        train.fit(MAKERS["sgd"](), batches(0), 4, validate=lambda _: np.nan, every=2)


def test_a_list_of_batches_is_gone_through_again_and_a_generator_is_not():
    some = [batch for batch, _ in zip(batches(0), range(3), strict=False)]
    one, other = MAKERS["sgd"](), MAKERS["sgd"]()
    assert_identical(train.fit(one, some, 7)[:3], train.fit(other, iter(some * 3), 7)[:3])
    with pytest.raises(ValueError, match="batches: got 3 in all, expected 7, one per step"):
        train.fit(one, iter(some), 7)
    with pytest.raises(ValueError, match="batches: got 0 in all"):
        train.fit(one, [], 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: got 0, expected a positive integer"),
        ({"every": 0}, "every: got 0, expected a positive integer"),
        ({"patience": 0, "validate": distance}, "patience: got 0, expected a positive integer"),
        ({"clip": 0.0}, "clip: got 0.0, expected a positive number"),
        ({"clip": np.nan}, "clip: got nan, expected a positive number"),
        ({"patience": 3}, "patience: got 3 without validate"),
        ({"goal": 0.5}, "goal: got 0.5 without validate"),
        ({"validate": distance}, "every: got 100, expected at most the 5 steps"),
        ({"resume": True}, "resume: got True without a checkpoint"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError) as error:
        train.fit(MAKERS["sgd"](), batches(0), **({"steps": 5} | changes))
    assert str(error.value).startswith(message)


def test_an_optimiser_with_a_schedule_takes_no_other():
    with pytest.raises(ValueError, match="schedule: got one, but the optimiser, Scheduled, has"):
        train.fit(MAKERS["scheduled"](), batches(0), 2, schedule=lambda t: 0.1)


@pytest.mark.parametrize("cell", [elman, gru])
@pytest.mark.parametrize("kind", ["many_to_many", "many_to_one"])
def test_the_gradient_of_a_network_is_right_and_padding_does_not_matter(cell, kind):
    rng = np.random.default_rng(7)
    params = random_like(rng, network(0, cell))
    xs, ys, mask = next(batches(8))
    ys = ys if kind == "many_to_many" else rng.normal(size=(B, V))
    loss = getattr(train, kind)(cell, losses.mse)
    value, grads = loss(params, (xs, ys, mask))
    error = gradient_error(lambda p: loss(p, (xs, ys, mask))[0], (params,), (grads,), rng)
    assert error < 1e-10
    assert not mask.all()
    padded = np.where(mask[..., None], xs, rng.normal(size=xs.shape))
    if kind == "many_to_many":
        ys = np.where(mask[..., None], ys, np.nan)
    again, same = loss(params, (padded, ys, mask))
    assert again == value
    assert_close(same, grads)


def test_a_network_that_answers_once_reads_its_last_state():
    rng, params = np.random.default_rng(2), network(1)
    xs, _, mask = next(batches(8))
    classes = rng.integers(V, size=B)
    value, _ = train.many_to_one(elman, losses.cross_entropy)(params, (xs, classes, mask))
    logits = Twin(params)(torch.tensor(xs)).detach()
    last = torch.stack([logits[n - 1, row] for row, n in enumerate(mask.sum(0))])
    np.testing.assert_allclose(value, cross_entropy(last, torch.tensor(classes)), rtol=1e-12)
    unmasked, _ = train.many_to_one(elman, losses.cross_entropy)(params, (xs, classes))
    np.testing.assert_allclose(
        unmasked, cross_entropy(logits[-1], torch.tensor(classes)), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((np.ones((T, B)), np.ones(B)), "xs: got shape (6, 4), expected (T, B, D)"),
        ((np.ones((0, B, D)), np.ones(B)), "xs: got T = 0 steps"),
        (
            (np.ones((T, B, D)), np.ones((B, V)), np.ones((T, 1), dtype=bool)),
            "mask: got shape (6, 1), expected (6, 4)",
        ),
        (
            (np.ones((T, B, D)), np.ones((B, V)), np.ones((T, B))),
            "mask: got dtype float64, expected bool",
        ),
        (
            (np.ones((T, B, D)), np.ones((B, V)), np.arange(B) * np.ones((T, 1)) != 2),
            "mask: got no step in row 2, expected at least one in each",
        ),
        (
            (np.ones((T, B, D)), np.ones((B, V + 1))),
            "targets: got shape (4, 3), expected (4, 2)",
        ),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(batch, message):
    with pytest.raises(ValueError) as error:
        train.many_to_one(elman, losses.mse)(network(0), batch)
    assert str(error.value).startswith(message)


class Terminal(io.StringIO):
    """A file that says that someone looks."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("ci", "bar"), [("", True), ("", False), ("1", True)])
def test_the_bar_is_for_a_person_at_a_terminal(ci, bar, monkeypatch):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "stderr", Terminal())
    train.fit(MAKERS["sgd"](), batches(0), 3, bar=bar)
    assert ("/3" in sys.stderr.getvalue()) == (bar and not ci)


def test_a_pipe_sees_no_bar(capfd, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    train.fit(MAKERS["sgd"](), batches(0), 3)
    assert capfd.readouterr() == ("", "")
