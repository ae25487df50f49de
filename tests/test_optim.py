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
    (
        optim.Nesterov(LR, mu=0.8),
        lambda ps: torch.optim.SGD(ps, lr=LR, momentum=0.8, nesterov=True),
    ),
    (optim.AdaGrad(), torch.optim.Adagrad),
    (optim.AdaGrad(LR, eps=1e-3), lambda ps: torch.optim.Adagrad(ps, lr=LR, eps=1e-3)),
    (optim.RMSProp(), torch.optim.RMSprop),
    (
        optim.RMSProp(LR, rho=0.8, eps=1e-3),
        lambda ps: torch.optim.RMSprop(ps, lr=LR, alpha=0.8, eps=1e-3),
    ),
    (optim.AdamW(), torch.optim.AdamW),
    (
        optim.AdamW(LR, beta1=0.7, beta2=0.95, eps=1e-3, weight_decay=0.5),
        lambda ps: torch.optim.AdamW(ps, LR, betas=(0.7, 0.95), eps=1e-3, weight_decay=0.5),
    ),
]
NAMES = [
    *("sgd", "momentum", "momentum-default", "adam-default", "adam", "nesterov"),
    *("adagrad-default", "adagrad", "rmsprop-default", "rmsprop", "adamw-default", "adamw"),
]
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


@each_pair
def test_float32_stays_float32(ours, theirs):
    rng = np.random.default_rng(5)
    params, grads = tree_map(np.float32, (random_like(rng, FORM), random_like(rng, FORM)))
    for _ in range(2):
        params, state = ours.update(params, grads, ours.init(params))
    arrays = [a for a in leaves((params, state)) if isinstance(a, np.ndarray)]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def changed(tree, f):
    """A tree whose array ``cell[0].W`` is changed."""
    first = tree.cell[0]
    return tree._replace(cell=(first._replace(W=f(first.W)), *tree.cell[1:]))


@each_pair
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: changed(g, lambda W: W[0]), ".cell[0].W: got shape (3,), expected (4, 3) as in"),
        (lambda g: changed(g, lambda W: W[:1]), ".cell[0].W: got shape (1, 3), expected (4, 3) as"),
        (lambda g: changed(g, lambda W: W[..., None]), ".cell[0].W: got shape (4, 3, 1), expected"),
        (lambda g: changed(g, lambda W: (W, W)), ": got ['NAME.cell[0].W[0]', 'NAME.cell[0].W[1]"),
        (lambda g: g.readout, ": got ['NAME.W', 'NAME.b'], expected ['NAME.cell[0].W', 'NAME.cell"),
        (lambda g: None, ": got "),
    ],
)
def test_what_is_not_of_the_form_of_the_parameters_is_refused(ours, theirs, change, message):
    """NumPy would broadcast most of these, and the parameters would change their shape."""
    state = ours.init(FORM)
    wrong = {"grads": (change(FORM), state)}
    if isinstance(state, optim.AdamState):
        wrong["state.m"] = FORM, state._replace(m=change(FORM))
        wrong["state.v"] = FORM, state._replace(v=change(FORM))
    elif state is not None:
        wrong["state"] = FORM, change(FORM)
    for name, (grads, other) in wrong.items():
        with pytest.raises(ValueError) as error:
            ours.update(FORM, grads, other)
        if "NAME" in message and name.startswith("state."):
            assert str(error.value).startswith("state: got ['state.t', 'state.m")
        elif grads is None or message != ": got ":
            assert str(error.value).startswith(name + message.replace("NAME", name))


@each_pair
@pytest.mark.parametrize("name", ["params", "grads"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda W: W.tolist(), "got list, expected an array"),
        (lambda W: W > 0, "got dtype bool, expected a floating dtype"),
        (lambda W: W.astype(int), "got dtype int64, expected a floating dtype"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(ours, theirs, name, change, message):
    trees = {"params": FORM, "grads": FORM} | {name: changed(FORM, change)}
    with pytest.raises(ValueError) as error:
        ours.update(**trees, state=ours.init(FORM))
    assert str(error.value) == f"{name}.cell[0].W: {message}"


@pytest.mark.parametrize("make", [optim.AdaGrad, optim.RMSProp, optim.Adam, optim.AdamW])
def test_a_parameter_with_a_gradient_of_zero_stays_or_decays(make):
    """The root of zero is divided by, but for ε."""
    params = random_like(np.random.default_rng(6), FORM)
    zero = tree_map(np.zeros_like, params)
    after, _ = make().update(params, zero, make().init(params))
    kept = 1 - 1e-3 * 1e-2 if make is optim.AdamW else 1
    assert_close(after, tree_map(lambda p: kept * p, params), rtol=1e-15)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (optim.SGD, {"lr": -0.1}, "lr: got -0.1, expected a number from 0 to below inf"),
        (optim.SGD, {"lr": np.nan}, "lr: got nan, expected a number from 0 to below inf"),
        (optim.Momentum, {"lr": 1, "mu": 1.0}, "mu: got 1.0, expected a number from 0 to below 1"),
        (optim.RMSProp, {"rho": 1.5}, "rho: got 1.5, expected a number from 0 to below 1"),
        (optim.Adam, {"beta1": 1.0}, "beta1: got 1.0, expected a number from 0 to below 1"),
        (optim.Adam, {"beta2": -0.5}, "beta2: got -0.5, expected a number from 0 to below 1"),
        (optim.AdaGrad, {"eps": -1.0}, "eps: got -1.0, expected a number from 0 to below inf"),
        (optim.AdamW, {"weight_decay": np.inf}, "weight_decay: got inf, expected a number from"),
    ],
)
def test_numbers_out_of_their_range_are_refused(make, options, message):
    with pytest.raises(ValueError) as error:
        make(**options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("max_value", [0.1, 1.0, 10.0])
def test_clipping_by_value_is_that_of_torch(max_value):
    grads = random_like(np.random.default_rng(7), FORM)
    tensors = [torch.zeros(g.shape, dtype=torch.float64) for g in leaves(grads)]
    for tensor, g in zip(tensors, leaves(grads), strict=True):
        tensor.grad = torch.tensor(g)
    torch.nn.utils.clip_grad_value_(tensors, max_value)
    clipped = optim.clip_by_value(grads, max_value)
    assert isinstance(clipped, Network)
    assert_close(tuple(leaves(clipped)), tuple(t.grad.numpy() for t in tensors), rtol=0)


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
