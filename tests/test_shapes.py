"""Bad input is refused at the entrance: with the argument, what came and what was expected."""

from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers import assert_close

from rnnlib import plot, shapes
from rnnlib.nn import bptt as nn_bptt
from rnnlib.nn import elman as nn_elman
from rnnlib.reference import (
    attention,
    batch_norm,
    bptt,
    conv_lstm,
    elman,
    embedding,
    init,
    layer_norm,
    linear,
    losses,
    lru,
    min_gru,
    optim,
    packed,
    parallel,
    quantile,
    rtrl,
    scan,
    stack,
    truncated,
)
from rnnlib.reference.ops import leaves

RNG = np.random.default_rng(0)
T, B, D, H, V = 4, 2, 3, 5, 7
PARAMS, STATE = elman.init(RNG, D, H), elman.State(RNG.normal(size=(B, H)))
XS, YS, HS = (RNG.normal(size=(T, B, n)) for n in (D, V, H))
READOUT, TARGETS, MASK = linear.init(RNG, H, V), RNG.integers(V, size=(T, B)), YS[..., 0] > 0
EMBEDDING = embedding.init(RNG, V, D)
ATTENTION, QUERIES = attention.init(RNG, D, H, K=6), RNG.normal(size=(3, B, D))
READ = attention.dot(QUERIES, XS, YS)[1]
READ_ADDITIVE = attention.additive(ATTENTION, QUERIES, HS, YS)[1]
BATCH_NORM, RUNNING = batch_norm.init(D), batch_norm.no_training(D, N=T)
NORMED = batch_norm.train(BATCH_NORM, XS, RUNNING)[1]
CACHES = bptt.forward(elman, PARAMS, XS, STATE)[2]
PACKED = packed.forward(elman, PARAMS, XS, STATE, np.array([T, 1]))[2]
MIN_GRU = {"params": min_gru.init(RNG, D, H), "xs": XS, "state": min_gru.State(STATE.h)}
LRU = {"params": lru.init(RNG, D, H), "xs": XS, "state": lru.State(*[STATE.h] * 3)}
CONV = conv_lstm.ConvLSTM(2, 4)
IMAGES = {"params": CONV.init(RNG, D, H), "xs": RNG.normal(size=(T, B, D, 2, 4))}
IMAGES["state"] = CONV.zero_state(IMAGES["params"], B)
NORM = layer_norm.init(H)
TORCH = {
    "params": nn_elman.Params(*map(torch.tensor, PARAMS)),
    "xs": torch.tensor(XS),
    "state": nn_elman.State(torch.tensor(STATE.h)),
}

ENTRANCES = {  # a function that the reader calls, and arguments that it takes
    "forward": (partial(bptt.forward, elman), {"params": PARAMS, "xs": XS, "state": STATE}),
    "backward": (
        partial(bptt.backward, elman),
        {"params": PARAMS, "caches": CACHES, "dhs": HS, "dstate": STATE},
    ),
    "rtrl": (rtrl.gradient, {"params": PARAMS, "xs": XS, "state": STATE, "dhs": HS}),
    "torch": (partial(nn_bptt.forward, nn_elman), TORCH),
    "linear": (linear.forward, {"params": READOUT, "hs": HS}),
    "linear-backward": (linear.backward, {"params": READOUT, "hs": HS, "dys": YS}),
    "images": (partial(bptt.forward, CONV), IMAGES),
    "layer-norm": (layer_norm.forward, {"params": NORM, "xs": HS}),
    "layer-norm-backward": (layer_norm.backward, {"params": NORM, "xs": HS, "dys": HS}),
    "mse": (losses.mse, {"predictions": YS, "targets": YS}),
    "cross-entropy": (losses.cross_entropy, {"logits": YS, "targets": TARGETS, "mask": MASK}),
    "pinball": (quantile.pinball, {"predictions": YS, "targets": YS, "tau": 0.3}),
    "masked": (
        partial(losses.masked, losses.mse),
        {"predictions": YS, "targets": YS, "mask": YS > 0},
    ),
    "clip": (optim.clip_by_global_norm, {"grads": HS, "max_norm": 0.5}),
    "clip-value": (optim.clip_by_value, {"grads": HS, "max_value": 0.5}),
    "uniform": (partial(init.uniform, RNG), {"shape": (2, 3), "fan": 3}),
    "glorot": (partial(init.glorot, RNG), {"shape": (2, 3)}),
    "orthogonal": (partial(init.orthogonal, RNG), {"shape": (2, 3)}),
    "scan": (scan.forward, {"a": HS, "b": HS, "h": STATE.h}),
    "scan-adjoint": (scan.adjoint, {"a": HS, "dhs": HS}),
    "scan-backward": (scan.backward, {"a": HS, "h": STATE.h, "hs": HS, "dhs": HS}),
    "truncated": (
        partial(truncated.backward, elman, K=3),
        {"params": PARAMS, "caches": CACHES, "dhs": HS, "dstate": STATE},
    ),
    "checkpointed": (
        partial(truncated.forward_checkpointed, elman),
        {"params": PARAMS, "xs": XS, "state": STATE},
    ),
    "packed": (
        partial(packed.forward, elman),
        {"params": PARAMS, "xs": XS, "state": STATE, "lengths": np.array([T, 1])},
    ),
    "packed-backward": (
        partial(packed.backward, elman, cache=PACKED),
        {"params": PARAMS, "dhs": HS, "dstate": STATE},
    ),
    "stack": (
        partial(stack.forward, stack.Recurrent(elman), state=STATE),
        {"params": PARAMS, "xs": XS, "lengths": np.array([T, 1])},
    ),
    "parallel": (partial(parallel.forward, min_gru), MIN_GRU),
    "lru": (lru.scan_forward, LRU),
    "embedding": (embedding.forward, {"params": EMBEDDING, "symbols": TARGETS}),
    "embedding-backward": (
        embedding.backward,
        {"params": EMBEDDING, "symbols": TARGETS, "dxs": XS},
    ),
    "dot": (attention.dot, {"queries": QUERIES, "keys": XS, "values": YS}),
    "dot-backward": (attention.dot_backward, {"cache": READ, "dys": RNG.normal(size=(3, B, V))}),
    "additive": (
        attention.additive,
        {"params": ATTENTION, "queries": QUERIES, "keys": HS, "values": YS},
    ),
    "additive-backward": (
        attention.additive_backward,
        {"params": ATTENTION, "cache": READ_ADDITIVE, "dys": RNG.normal(size=(3, B, V))},
    ),
    "batch-norm": (batch_norm.train, {"params": BATCH_NORM, "xs": XS, "running": RUNNING}),
    "batch-norm-evaluate": (
        batch_norm.evaluate,
        {"params": BATCH_NORM, "xs": XS, "running": RUNNING},
    ),
    "batch-norm-backward": (
        partial(batch_norm.backward, cache=NORMED),
        {"params": BATCH_NORM, "dys": XS},
    ),
    "gaussian": (partial(init.gaussian, RNG), {"shape": (2, 3), "std": 0.5}),
    "identity": (init.identity, {"shape": (2, 3)}),
    "forget-bias": (init.forget_bias, {"b": np.zeros(4 * H)}),
    "chrono": (partial(init.chrono, RNG), {"b": np.zeros(4 * H), "T_max": 9}),
}
ARRAYS = [
    (entrance, name)
    for entrance, (_, arguments) in ENTRANCES.items()
    for name, value in arguments.items()
    if hasattr(value, "dtype")
]
TUPLES = [
    (entrance, name)
    for entrance, (_, arguments) in ENTRANCES.items()
    for name, value in arguments.items()
    if hasattr(value, "_fields")
]


def refusal(entrance, **changes):
    """What an entrance says about a changed argument."""
    function, arguments = ENTRANCES[entrance]
    with pytest.raises(ValueError) as error:
        function(**(arguments | changes))
    return str(error.value)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_good_input_is_let_in(entrance):
    function, arguments = ENTRANCES[entrance]
    function(**arguments)


@pytest.mark.parametrize(("entrance", "name"), ARRAYS)
def test_a_list_is_no_array(entrance, name):
    a_list = ENTRANCES[entrance][1][name].tolist()
    assert refusal(entrance, **{name: a_list}) == f"{name}: got list, expected an array"


@pytest.mark.parametrize("dtype", ["int64", "bool", "float64"])
@pytest.mark.parametrize(("entrance", "name"), ARRAYS)
def test_an_array_of_another_kind_of_number_is_refused(entrance, name, dtype):
    array = ENTRANCES[entrance][1][name]
    if str(array.dtype).endswith(dtype):
        return
    if isinstance(array, torch.Tensor):
        other, dtype = array.to(getattr(torch, dtype)), f"torch.{dtype}"
    else:
        other = array.astype(dtype)
    kind = {"i": "integer", "b": "bool"}.get(getattr(array.dtype, "kind", "f"), "a floating dtype")
    assert refusal(entrance, **{name: other}) == f"{name}: got dtype {dtype}, expected {kind}"


@pytest.mark.parametrize(("entrance", "name"), TUPLES)
def test_a_bare_tuple_is_no_named_tuple(entrance, name):
    message = refusal(entrance, **{name: tuple(ENTRANCES[entrance][1][name])})
    assert message.startswith(f"{name}: got tuple, expected ")
    assert message.endswith((".Params", ".State", ".Cache", ".Running"))


@pytest.mark.parametrize(("entrance", "name"), TUPLES)
def test_every_field_of_a_named_tuple_is_checked(entrance, name):
    value = ENTRANCES[entrance][1][name]
    for field, array in value._asdict().items():
        for bad in ([0.5], array > 0, array[..., None]):
            message = refusal(entrance, **{name: value._replace(**{field: bad})})
            assert message.startswith(f"{name}.{field}: got "), message
            assert ", expected " in message


@pytest.mark.parametrize(
    ("entrance", "changes", "message"),
    [
        ("forward", {"xs": XS[0]}, "xs: got shape (2, 3), expected (T, B, D) with D = 3"),
        ("forward", {"xs": XS[..., 1:]}, "xs: got shape (4, 2, 2), expected (T, B, D) with D = 3"),
        ("forward", {"xs": XS[:0]}, "xs: got T = 0 steps, expected at least 1"),
        (
            "forward",
            {"params": PARAMS._replace(W_h=PARAMS.W_h[:, 1:])},
            "params.W_h: got shape (5, 4), expected (H, H) with H = 5",
        ),
        (
            "forward",
            {"state": elman.State(STATE.h[:1])},
            "state.h: got shape (1, 5), expected (B, H) with H = 5, B = 2",
        ),
        (
            "backward",
            {"dhs": HS[1:]},
            "dhs: got shape (3, 2, 5), expected (T, B, H) with T = 4, H = 5, B = 2",
        ),
        ("backward", {"caches": []}, "caches: got T = 0 steps, expected at least 1"),
        (
            "backward",
            {"dstate": elman.State(STATE.h[:, 1:])},
            "dstate.h: got shape (2, 4), expected (B, H) with H = 5",
        ),
        ("rtrl", {"xs": XS[:0], "dhs": HS[:0]}, "xs: got T = 0 steps, expected at least 1"),
        ("rtrl", {"dhs": HS[1:]}, "dhs: got shape (3, 2, 5), expected (T, B, H) with H = 5, T = 4"),
        ("torch", {"xs": TORCH["xs"][0]}, "xs: got shape (2, 3), expected (T, B, D) with D = 3"),
        ("torch", {"xs": TORCH["xs"][:0]}, "xs: got T = 0 steps, expected at least 1"),
        (
            "torch",
            {"state": nn_elman.State(TORCH["state"].h[:1])},
            "state.h: got shape (1, 5), expected (B, H) with H = 5, B = 2",
        ),
        ("linear", {"hs": HS[..., 1:]}, "hs: got shape (4, 2, 4), expected (..., H) with H = 5"),
        (
            "images",
            {"xs": XS},
            "xs: got shape (4, 2, 3), expected (T, B, D, Y, X) with D = 3",
        ),
        (
            "images",
            {"xs": IMAGES["xs"][..., 1:]},
            "state.h: got shape (2, 5, 2, 4), expected (B, H, Y, X) with H = 5, B = 2",
        ),
        ("layer-norm", {"xs": XS}, "xs: got shape (4, 2, 3), expected (..., H) with H = 5"),
        (
            "layer-norm-backward",
            {"dys": HS[1:]},
            "dys: got shape (3, 2, 5), expected (4, 2, H) with H = 5",
        ),
        ("linear", {"hs": HS[0, 0, 0]}, "hs: got shape (), expected (..., H) with H = 5"),
        (
            "linear",
            {"params": PARAMS},
            "params: got Params, expected rnnlib.reference.linear.Params",
        ),
        (
            "linear-backward",
            {"dys": YS.swapaxes(0, 1)},
            "dys: got shape (2, 4, 7), expected (4, 2, V) with V = 7",
        ),
        ("mse", {"targets": YS[1:]}, "targets: got shape (3, 2, 7), expected (4, 2, 7)"),
        (
            "mse",
            {"predictions": YS[:0], "targets": YS[:0]},
            "predictions: got none, expected at least one number",
        ),
        ("cross-entropy", {"logits": YS[0, 0, 0]}, "logits: got shape (), expected (..., V)"),
        ("cross-entropy", {"targets": TARGETS[1:]}, "targets: got shape (3, 2), expected (4, 2)"),
        ("cross-entropy", {"mask": MASK[:, 1:]}, "mask: got shape (4, 1), expected (4, 2)"),
        (
            "cross-entropy",
            {"mask": MASK & ~MASK},
            "mask: got no symbol that counts, expected at least one",
        ),
        (
            "cross-entropy",
            {"targets": np.full((T, B), V)},
            "targets: got 7, expected integers from 0 to 6",
        ),
        (
            "cross-entropy",
            {"targets": np.full((T, B), -1)},
            "targets: got -1, expected integers from 0 to 6",
        ),
        ("pinball", {"targets": YS[1:]}, "targets: got shape (3, 2, 7), expected (4, 2, 7)"),
        ("pinball", {"tau": 0.0}, "tau: got 0.0, expected a number between 0 and 1"),
        ("pinball", {"tau": 1.0}, "tau: got 1.0, expected a number between 0 and 1"),
        ("pinball", {"tau": 1.5}, "tau: got 1.5, expected a number between 0 and 1"),
        ("masked", {"mask": YS[..., 0] > 0}, "mask: got shape (4, 2), expected (4, 2, 7)"),
        ("masked", {"mask": YS > np.inf}, "mask: got no number that counts, expected at least"),
        ("clip", {"max_norm": 0.0}, "max_norm: got 0.0, expected a positive number"),
        ("clip", {"max_norm": np.nan}, "max_norm: got nan, expected a positive number"),
        ("clip-value", {"max_value": -1.0}, "max_value: got -1.0, expected a positive number"),
        ("uniform", {"fan": 0}, "fan: got 0, expected a positive integer"),
        ("glorot", {"shape": (3,)}, "shape: got (3,), expected (m, n), both positive"),
        ("glorot", {"shape": (0, 0)}, "shape: got (0, 0), expected (m, n), both positive"),
        ("orthogonal", {"shape": 3}, "shape: got 3, expected (m, n), both positive"),
        ("orthogonal", {"shape": (2, 0)}, "shape: got (2, 0), expected (m, n), both positive"),
        ("embedding", {"symbols": np.array([0, V])}, "symbols: got 7, expected integers from 0 "),
        ("embedding", {"symbols": np.array([0, -1])}, "symbols: got -1, expected integers from 0 "),
        ("embedding-backward", {"symbols": TARGETS * 0 + V}, "symbols: got 7, expected integers"),
        (
            "embedding-backward",
            {"dxs": XS[1:]},
            "dxs: got shape (3, 2, 3), expected (4, 2, D) with",
        ),
        ("dot", {"keys": HS}, "keys: got shape (4, 2, 5), expected (T, B, D) with B = 2, D = 3"),
        ("dot", {"values": YS[1:]}, "values: got shape (3, 2, 7), expected (T, B, V) with"),
        ("dot", {"mask": [[True]]}, "mask: got list, expected an array"),
        ("dot", {"mask": YS}, "mask: got dtype float64, expected bool"),
        ("dot", {"mask": MASK}, "mask: got shape (4, 2), expected one that fits (3, 2, 4)"),
        ("dot", {"mask": MASK.T & False}, "mask: got a query that may look nowhere, expected at"),
        ("dot", {"keys": XS[:0], "values": YS[:0]}, "keys: got T = 0 steps, expected at least 1"),
        ("additive", {"keys": XS}, "keys: got shape (4, 2, 3), expected (T, B, H) with H = 5"),
        (
            "additive",
            {"queries": QUERIES[..., 1:]},
            "queries: got shape (3, 2, 2), expected (N, B, D) with D = 3",
        ),
        (
            "additive-backward",
            {"cache": READ_ADDITIVE._replace(queries=QUERIES[..., 1:])},
            "cache.queries: got shape (3, 2, 2), expected (N, B, D) with D = 3",
        ),
        ("additive-backward", {"dys": YS}, "dys: got shape (4, 2, 7), expected (N, B, V)"),
        (
            "batch-norm",
            {"running": BATCH_NORM},
            "running: got Params, expected rnnlib.reference.batch_norm.Running",
        ),
        ("batch-norm", {"xs": XS[..., :1]}, "xs: got shape (4, 2, 1), expected (T, B, D) with D"),
        ("batch-norm-evaluate", {"xs": XS[:0]}, "xs: got T = 0 steps, expected at least 1"),
        ("batch-norm-backward", {"dys": XS[1:]}, "dys: got shape (3, 2, 3), expected (T, B, D)"),
        ("identity", {"shape": (2, 0)}, "shape: got (2, 0), expected (m, n), both positive"),
        ("gaussian", {"std": -0.5}, "std: got -0.5, expected a finite number, not negative"),
        ("gaussian", {"std": np.inf}, "std: got inf, expected a finite number, not negative"),
        ("gaussian", {"std": np.nan}, "std: got nan, expected a finite number, not negative"),
        ("forget-bias", {"b": np.zeros(6)}, "b: got shape (6,), expected (4H,)"),
        ("chrono", {"b": np.zeros((4, 2))}, "b: got shape (4, 2), expected (4H,)"),
        ("chrono", {"T_max": 1.5}, "T_max: got 1.5, expected at least 2 steps"),
        ("chrono", {"T_max": np.inf}, "T_max: got inf, expected at least 2 steps"),
    ],
)
def test_a_refusal_says_what_came_and_what_was_expected(entrance, changes, message):
    assert refusal(entrance, **changes).startswith(message)


@pytest.mark.parametrize("K", [-1, 0, 2])
def test_a_kernel_without_a_middle_is_refused(K):
    with pytest.raises(ValueError, match=f"K: got {K}, expected an odd positive integer"):
        conv_lstm.ConvLSTM(2, 4, K)


@pytest.mark.parametrize(
    ("runs", "quantity", "message"),
    [
        (np.ones((3, 5)), "love", "quantity: got 'love', expected one of ['baseline', "),
        (np.ones((3, 4)), "loss", "runs: got shape (3, 4), expected (runs, 5)"),
        (np.ones(5), "loss", "runs: got shape (5,), expected (runs, 5)"),
        (np.ones((0, 5)), "loss", "runs: got shape (0, 5), expected (runs, 5)"),
    ],
)
def test_a_figure_refuses_what_it_cannot_draw(runs, quantity, message):
    with pytest.raises(ValueError) as error:
        plot.spread(None, range(5), runs, quantity, "label")
    assert str(error.value).startswith(message)


class Gates(NamedTuple):
    W: np.ndarray  # (4H, D)
    b: np.ndarray  # (4H,)
    two: np.ndarray  # (2, H)
    name: str


def test_shapes_are_read_from_comments():
    assert shapes.stated(Gates) == {"W": ("4H", "D"), "b": ("4H",), "two": ("2", "H")}


def test_a_multiple_binds_its_letter():
    sizes = {}
    shapes.check_tuple("g", Gates(np.ones((8, 3)), np.ones(8), np.ones((2, 2)), "g"), sizes)
    assert sizes == {"H": 2, "D": 3}
    for bad in [(7, 3), (8, 3, 1), (3,)]:
        with pytest.raises(ValueError, match=r"W: got shape .* expected \(4H, D\)"):
            shapes.check("W", np.ones(bad), ("4H", "D"), {"H": 2})
    with pytest.raises(ValueError, match=r"b: got shape \(6,\), expected \(4H,\)$"):
        shapes.check("b", np.ones(6), ("4H",), {})


def test_a_refused_array_binds_no_letter():
    sizes = {"H": 5}
    with pytest.raises(ValueError, match="expected"):
        shapes.check("W", np.ones((3, 4)), ("D", "H"), sizes)
    assert sizes == {"H": 5}


def test_a_class_without_source_states_nothing_and_still_runs():
    space = {"NamedTuple": NamedTuple, "np": np, "__name__": "__main__"}
    exec("class Params(NamedTuple):\n    W_x: np.ndarray  # (H, D)\n", space)
    assert shapes.stated(space["Params"]) == {}
    shapes.check_tuple("params", space["Params"](np.ones((2, 3))), {})


class Bare(NamedTuple):
    """A state that states no shape."""

    h: np.ndarray


def bare_step(params, x, state):
    """A step of the Elman network with such a state."""
    new, cache = elman.step(params, x, elman.State(state.h))
    return Bare(new.h), cache


def bare_step_backward(params, cache, dstate):
    """Its transpose."""
    dparams, dx, dprev = elman.step_backward(params, cache, elman.State(dstate.h))
    return dparams, dx, Bare(dprev.h)


def test_hidden_states_without_a_stated_shape_are_rows_of_units():
    cell = SimpleNamespace(step=bare_step, step_backward=bare_step_backward)
    bare, lengths = Bare(STATE.h), np.full(B, T)
    caches = bptt.forward(cell, PARAMS, XS, bare)[2]
    cache = packed.forward(cell, PARAMS, XS, bare, lengths)[2]
    want = leaves(bptt.backward(elman, PARAMS, CACHES, HS, STATE))
    for got in (
        bptt.backward(cell, PARAMS, caches, HS, bare),
        packed.backward(cell, PARAMS, cache, HS, bare),
    ):
        assert_close(tuple(leaves(got)), tuple(want))
    for backward, kept in [(bptt.backward, caches), (packed.backward, cache)]:
        with pytest.raises(ValueError, match=r"^dhs: got shape \(4, 2\), expected \(T, B, H\)"):
            backward(cell, PARAMS, kept, HS[..., 0], bare)


def test_images_are_read_packed_and_from_checkpoints_as_they_are():
    want = bptt.forward(CONV, **IMAGES)[:2]
    assert_close(packed.forward(CONV, **IMAGES, lengths=np.full(B, T))[:2], want, rtol=1e-13)
    assert_close(truncated.forward_checkpointed(CONV, **IMAGES)[:2], want, rtol=0)
