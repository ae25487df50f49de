"""Optimisers equal their peers in torch, and change nothing in place."""

import copy
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers import assert_close

from rnnlib.check import dot, random_like
from rnnlib.reference import optim
from rnnlib.reference.ops import leaves, tree_map

LR = 0.03


class Layer(NamedTuple):
    W: np.ndarray
    b: np.ndarray


class Network(NamedTuple):
    cell: tuple[Layer, Layer]
    readout: Layer


FORM = Network(
    cell=(Layer(np.zeros((4, 3)), np.zeros(4)), Layer(np.zeros((4, 4)), np.zeros(4))),
    readout=Layer(np.zeros((2, 4)), np.zeros(2)),
)

PAIRS = [
    (optim.SGD(LR), lambda ps: torch.optim.SGD(ps, lr=LR)),
    (optim.Momentum(LR, mu=0.8), lambda ps: torch.optim.SGD(ps, lr=LR, momentum=0.8)),
    (optim.Momentum(LR), lambda ps: torch.optim.SGD(ps, lr=LR, momentum=0.9)),
    (optim.Adam(), torch.optim.Adam),
    (
        optim.Adam(LR, beta1=0.7, beta2=0.95, eps=1e-3),
        lambda ps: torch.optim.Adam(ps, lr=LR, betas=(0.7, 0.95), eps=1e-3),
    ),
]
NAMES = ["sgd", "momentum", "momentum-default", "adam-default", "adam"]
each_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=NAMES)


@each_pair
def test_a_hundred_steps_equal_those_of_torch(ours, theirs):
    rng = np.random.default_rng(0)
    params = random_like(rng, FORM)
    state = ours.init(params)
    tensors = [torch.tensor(a) for a in leaves(params)]
    peer = theirs(tensors)
    for _ in range(100):
        grads = random_like(rng, FORM)
        params, state = ours.update(params, grads, state)
        for tensor, g in zip(tensors, leaves(grads), strict=True):
            tensor.grad = torch.tensor(g)
        peer.step()
    assert isinstance(params, Network)
    assert isinstance(params.readout, Layer)
    assert_close(tuple(leaves(params)), tuple(t.numpy() for t in tensors), rtol=1e-12)


@each_pair
def test_nothing_is_changed_in_place(ours, theirs):
    rng = np.random.default_rng(1)
    params, grads = random_like(rng, FORM), random_like(rng, FORM)
    first, state = ours.update(params, grads, ours.init(params))
    given = leaves((params, grads, state))
    before = copy.deepcopy(given)
    ours.update(params, grads, state)
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)
    again, _ = ours.update(params, grads, ours.init(params))
    tree_map(np.testing.assert_array_equal, first, again)


def test_an_optimiser_cannot_be_changed():
    with pytest.raises(AttributeError):
        optim.Adam().lr = 1.0


@pytest.mark.parametrize("max_norm", [0.5, 3.5, 1e3])
def test_clipping_is_that_of_torch(max_norm):
    """Torch multiplies by c / (‖g‖ + 1e-6) against ‖g‖ = 0: where it clips, it clips more."""
    grads = random_like(np.random.default_rng(2), FORM)
    ours, norm = optim.clip_by_global_norm(grads, max_norm)
    tensors = [torch.zeros(g.shape, dtype=torch.float64) for g in leaves(grads)]
    for tensor, g in zip(tensors, leaves(grads), strict=True):
        tensor.grad = torch.tensor(g)
    want = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
    assert_close(np.array(norm), want.numpy(), rtol=1e-12)
    excess = norm / (norm + 1e-6) if norm > max_norm else 1
    theirs = tuple(t.grad.numpy() for t in tensors)
    assert_close(tuple(g * excess for g in leaves(ours)), theirs, rtol=1e-12)


def test_clipping_keeps_the_direction():
    grads = random_like(np.random.default_rng(3), FORM)
    clipped, norm = optim.clip_by_global_norm(grads, 0.25)
    np.testing.assert_allclose(optim.global_norm(clipped), 0.25, rtol=1e-14)
    np.testing.assert_allclose(dot(clipped, grads), 0.25 * norm, rtol=1e-14)


def test_a_short_gradient_is_left_as_it_is():
    grads = random_like(np.random.default_rng(4), FORM)
    norm = optim.global_norm(grads)
    for limit in (norm, 2 * norm, np.inf):
        clipped, before = optim.clip_by_global_norm(grads, limit)
        tree_map(np.testing.assert_array_equal, clipped, grads)
        assert before == norm
    zero = tree_map(np.zeros_like, grads)
    tree_map(np.testing.assert_array_equal, optim.clip_by_global_norm(zero, 0.5)[0], zero)
