"""Layers over time: stacks, both directions, ways past, sequences of several lengths."""

import types

import numpy as np
import pytest
import torch
from helpers import CELLS, RTOL, assert_close, module_of
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cells import LAYERS, arrays, from_torch, gradients, name, tensors

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.reference import bptt, elman, lstm, packed, residual, stack
from rnnlib.reference.bidirectional import Bidirectional, reverse
from rnnlib.reference.ops import add, leaves, tree_map, zeros_like
from rnnlib.reference.residual import Highway, Residual
from rnnlib.reference.stack import Recurrent, Stack

SIZES = st.tuples(*[st.integers(1, 5)] * 4)  # T, B, D, H
SEEDS = st.integers(0, 2**16)
RNN, LSTM = Recurrent(elman), Recurrent(lstm)
SQUARE = {"D": 4, "H": 4}  # where the input is of the size of the output
STACKS = {  # a layer, and sizes that it needs
    "one": (RNN, {}),
    "two": (Stack((RNN, LSTM)), {}),
    "both": (Bidirectional(LSTM), {}),
    "both-of-two": (Bidirectional(Stack((RNN, LSTM))), {}),
    "two-of-both": (Stack((Bidirectional(RNN), Bidirectional(LSTM))), {}),
    "residual": (Stack((RNN, Residual(LSTM), Residual(RNN))), {}),
    "highway": (Stack((RNN, Highway(LSTM), Highway(RNN))), {}),
    "residual-both": (Residual(Bidirectional(RNN)), {"D": 4, "H": 2}),
    "highway-both": (Highway(Bidirectional(LSTM)), {"D": 6, "H": 3}),
    "past-a-stack": (Residual(Highway(Stack((RNN, Residual(RNN))))), SQUARE),
}

for_every_stack = pytest.mark.parametrize(("layer", "needs"), STACKS.values(), ids=STACKS)
for_any_size = settings(deadline=None, derandomize=True, max_examples=10)


def stack_example(layer, T, B, D, H, seed):
    """Random generator, parameters, inputs, first states and lengths."""
    rng = np.random.default_rng(seed)
    params = random_like(rng, layer.init(rng, D, H))
    state = random_like(rng, layer.zero_state(params, B))
    return rng, params, rng.normal(size=(T, B, D)), state, rng.integers(1, T + 1, size=B)


def stack_error(layer, T, B, D, H, seed, stack=stack, padded=True):
    """Relative error of the gradient of <u, hs> + <w, last> with respect to every argument."""
    rng, params, xs, state, lengths = stack_example(layer, T, B, D, H, seed)
    lens = [lengths] if padded else []
    hs, last, cache = stack.forward(layer, params, xs, state, *lens)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)

    def loss(params, xs, state):
        hs, last, _ = stack.forward(layer, params, xs, state, *lens)
        return (u * hs).sum() + dot(w, last)

    grads = stack.backward(layer, params, cache, u, w)
    return gradient_error(loss, (params, xs, state), grads, rng)


def packed_error(module, cell, T, B, D, H, seed):
    """The same for a cell alone, by a changed copy of ``packed``."""
    rng, params, xs, state, lengths = stack_example(Recurrent(cell), T, B, D, H, seed)
    hs, last, cache = module.forward(cell, params, xs, state, lengths)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)

    def loss(params, xs, state):
        hs, last, _ = packed.forward(cell, params, xs, state, lengths)
        return (u * hs).sum() + dot(w, last)

    return gradient_error(
        loss, (params, xs, state), module.backward(cell, params, cache, u, w), rng
    )


@for_every_stack
@pytest.mark.parametrize("padded", [False, True])
@for_any_size
@given(size=SIZES, seed=SEEDS)
def test_backward_is_the_transpose_of_the_derivative(layer, needs, padded, size, seed):
    sizes = dict(zip("TBDH", size, strict=True)) | needs
    assert stack_error(layer, **sizes, seed=seed, padded=padded) <= RTOL


@pytest.mark.parametrize("cell", [c for c in CELLS if not hasattr(c, "INPUT")], ids=name)
def test_any_cell_makes_a_layer(cell):
    layer = Stack((Bidirectional(Recurrent(cell)), Recurrent(cell)))
    assert stack_error(layer, 5, 3, 2, 4, seed=0) <= RTOL


@for_any_size
@given(SIZES, SEEDS)
def test_one_layer_without_padding_is_bptt(size, seed):
    rng, params, xs, state, _ = stack_example(LSTM, *size, seed)
    hs, last, cache = stack.forward(LSTM, params, xs, state)
    want, end, caches = bptt.forward(lstm, params, xs, state)
    tree_map(np.testing.assert_array_equal, (hs, last), (want, end))
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    got = stack.backward(LSTM, params, cache, u, w)
    assert_close(got, bptt.backward(lstm, params, caches, u, w))


@for_every_stack
@for_any_size
@given(size=SIZES, seed=SEEDS)
def test_a_sequence_in_a_padded_batch_is_as_it_is_alone(layer, needs, size, seed):
    sizes = dict(zip("TBDH", size, strict=True)) | needs
    rng, params, xs, state, lengths = stack_example(layer, **sizes, seed=seed)
    hs, last, cache = stack.forward(layer, params, xs, state, lengths)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dparams, dxs, dstate = stack.backward(layer, params, cache, u, w)
    total = zeros_like(params)
    for b, n in enumerate(lengths):
        own = slice(b, b + 1)

        def row(tree, own=own):
            return tree_map(lambda a: a[own], tree)

        hs_b, last_b, cache_b = stack.forward(layer, params, xs[:n, own], row(state))
        assert_close((hs[:n, own], row(last)), (hs_b, last_b))
        dparams_b, dx_b, ds_b = stack.backward(layer, params, cache_b, u[:n, own], row(w))
        assert_close((dxs[:n, own], row(dstate)), (dx_b, ds_b))
        assert not hs[n:, own].any() and not dxs[n:, own].any()
        total = add(total, dparams_b)
    assert_close(dparams, total)


@for_every_stack
def test_padding_is_never_read(layer, needs):
    sizes = {"T": 6, "B": 4, "D": 3, "H": 5} | needs
    _, params, xs, state, _ = stack_example(layer, **sizes, seed=0)
    lengths = np.array([4, 1, 3, 4])  # none as long as the array
    past = np.arange(6)[:, None] >= lengths
    results = []
    for rubbish in (0, np.nan):
        xs_r = np.where(past[..., None], rubbish, xs)
        hs, last, cache = stack.forward(layer, params, xs_r, state, lengths)
        u, w = np.random.default_rng(1).normal(size=hs.shape), zeros_like(last)
        u = np.where(past[..., None], rubbish, u)
        results.append((hs, last, stack.backward(layer, params, cache, u, w)))
    tree_map(np.testing.assert_array_equal, *results)


@for_any_size
@given(SIZES, SEEDS)
def test_reversing_twice_changes_nothing_and_padding_stays(size, seed):
    rng = np.random.default_rng(seed)
    T, B, D, _ = size
    xs, lengths = rng.normal(size=(T, B, D)), rng.integers(1, T + 1, size=B)
    turned = reverse(xs, lengths)
    np.testing.assert_array_equal(reverse(turned, lengths), xs)
    for b, n in enumerate(lengths):
        np.testing.assert_array_equal(turned[:n, b], xs[:n, b][::-1])
        np.testing.assert_array_equal(turned[n:, b], xs[n:, b])


def test_reading_backward_starts_at_the_end_of_each_sequence():
    _, params, xs, state, _ = stack_example(Bidirectional(RNN), 5, 2, 3, 4, seed=2)
    lengths = np.array([3, 5])
    hs, last, _ = stack.forward(Bidirectional(RNN), params, xs, state, lengths)
    for b, n in enumerate(lengths):
        first = elman.State(state.back.h[b : b + 1])
        after_first, _ = elman.step(params.back, xs[n - 1, b : b + 1], first)
        assert_close(hs[n - 1, b, 4:], after_first.h[0])
        assert_close(last.back.h[b], hs[0, b, 4:])
        assert_close(last.ahead.h[b], hs[n - 1, b, :4])


def test_a_residual_layer_adds_and_a_highway_gate_chooses():
    _, params, xs, state, _ = stack_example(RNN, 5, 2, **SQUARE, seed=3)
    hs, last, _ = stack.forward(RNN, params, xs, state)
    got = stack.forward(Residual(RNN), params, xs, state)[:2]
    assert_close(got, (hs + xs, last))
    gate = residual.linear.Params(np.zeros((4, 4)), np.zeros(4))
    for bias, want in [(1000.0, hs), (-1000.0, xs), (0.0, (hs + xs) / 2)]:
        gated = residual.Gated(params, gate._replace(b_y=gate.b_y + bias))
        assert_close(stack.forward(Highway(RNN), gated, xs, state)[:2], (want, last))
    rng = np.random.default_rng(4)
    np.testing.assert_array_equal(Highway(RNN, bias=-2.0).init(rng, 4, 4).gate.b_y, [-2.0] * 4)


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_changed_in_place_and_float32_stays_float32(name):
    layer, needs = STACKS[name]
    sizes = {"T": 4, "B": 3, "D": 2, "H": 5} | needs
    _, params, xs, state, lengths = stack_example(layer, **sizes, seed=5)
    floats = tree_map(np.float32, (params, xs, state))
    before = tree_map(np.copy, floats)
    hs, last, cache = stack.forward(layer, *floats, lengths)
    kept = tree_map(np.copy, (hs, last))
    grads = stack.backward(layer, floats[0], cache, hs, last)
    assert {a.dtype for a in leaves((hs, last, grads))} == {np.dtype(np.float32)}
    tree_map(np.testing.assert_array_equal, (floats, (hs, last)), (before, kept))


def states_of(tree):
    """The cells' states in a tree, in torch's order."""
    return [tree] if hasattr(tree, "h") else [s for part in tree for s in states_of(part)]


def like_torch(tree):
    """States as torch holds them: an array, or one for h and one for c, with an axis of layers."""
    stacked = tuple(torch.stack(part) for part in zip(*states_of(tree), strict=True))
    return stacked if len(stacked) > 1 else stacked[0]


def parts_of(cell, module):
    """Parameters of every layer and direction of one of torch's own modules."""
    names = ("bias", "hidden_size", "proj_size", "nonlinearity", "mode")
    options = {name: getattr(module, name) for name in names if hasattr(module, name)}
    single = {"num_layers": 1, "bidirectional": False}
    return [
        from_torch(cell, types.SimpleNamespace(**options, **single, all_weights=[weights]))
        for weights in module.all_weights
    ]


def form_like(tree, parts):
    """The tree of parameters of this form that holds these cells' parameters."""
    remaining = iter(parts)

    def fill(t):
        if hasattr(t, "W_x"):
            return next(remaining)
        return type(t)(*map(fill, t)) if hasattr(t, "_fields") else tuple(map(fill, t))

    return fill(tree)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("L", [1, 2, 3])
@pytest.mark.parametrize("cell", LAYERS, ids=name)
def test_values_and_gradients_agree_with_torch(cell, L, both, padded):
    T, B, D, H = 6, 4, 3, 5
    layer = Stack((Bidirectional(Recurrent(cell)) if both else Recurrent(cell),) * L)
    rng, drawn, xs, state, _ = stack_example(layer, T, B, D, H, seed=6)
    lengths = np.array([4, 6, 1, 4]) if padded else np.full(B, T)
    torch.manual_seed(6)
    module = LAYERS[cell](D, H, num_layers=L, bidirectional=both, dtype=torch.float64)
    folded = parts_of(cell, module)
    params = form_like(drawn, [module_of(cell).Params(*arrays(tuple(part))) for part in folded])

    hs, last, cache = stack.forward(layer, params, xs, state, lengths if padded else None)
    xs_t, state_t = tensors((xs, state))
    pack = torch.nn.utils.rnn.pack_padded_sequence
    inputs = pack(xs_t, torch.tensor(lengths), enforce_sorted=False) if padded else xs_t
    hs_t, last_t = module(inputs, like_torch(state_t))
    if padded:
        hs_t, _ = torch.nn.utils.rnn.pad_packed_sequence(hs_t)
    ends = like_torch(tree_map(torch.tensor, last))
    assert_close(hs, arrays(hs_t), rtol=1e-12)
    assert_close(arrays(ends), arrays(last_t), rtol=1e-12)

    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dparams, dxs, dstate = stack.backward(layer, params, cache, u, w)
    dlast = like_torch(tree_map(torch.tensor, w))
    dot((hs_t, last_t), (torch.tensor(u), dlast)).backward()
    assert_close((dxs, dstate), gradients((xs_t, state_t)), rtol=1e-12)
    weights = tuple(module.parameters())
    dparts = tuple(tuple(t) for t in tensors(tuple(parts_in(dparams))))
    got = torch.autograd.grad(dot(tuple(map(tuple, folded)), dparts), weights)
    assert_close(arrays(got), gradients(weights), rtol=1e-12)


def parts_in(tree):
    """The cells' parameters in a tree, in torch's order."""
    return [tree] if hasattr(tree, "W_x") else [p for part in tree for p in parts_in(part)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xs": np.ones((4, 3))}, "xs: got shape (4, 3), expected (T, B, D)"),
        ({"xs": np.ones((0, 2, 3))}, "xs: got T = 0 steps, expected at least 1"),
        ({"xs": np.ones((4, 2, 9))}, "xs: got shape (4, 2, 9), expected (T, B, D) with D = 3"),
        ({"xs": np.ones((4, 2, 3), int)}, "xs: got dtype int64, expected a floating dtype"),
        ({"lengths": [4, 2]}, "lengths: got list, expected an array"),
        ({"lengths": np.array([4.0, 2])}, "lengths: got dtype float64, expected integer"),
        ({"lengths": np.array([4, np.nan])}, "lengths: got dtype float64, expected integer"),
        ({"lengths": np.array([4, 0])}, "lengths: got 0, expected integers from 1 to 4"),
        ({"lengths": np.array([-1, 4])}, "lengths: got -1, expected integers from 1 to 4"),
        ({"lengths": np.array([4, 5])}, "lengths: got 5, expected integers from 1 to 4"),
        ({"lengths": np.array([4])}, "lengths: got shape (1,), expected (2,)"),
        ({"params": ()}, "params: got 0 parts, expected a tuple of 2 parts"),
        ({"params": []}, "params: got list, expected a tuple of 2 parts"),
        ({"params": (1, 2)}, "params: got int, expected "),
        ({"state": ()}, "state: got {}, expected {'state[0].ahead.h': (2, 5), "),
        ({"state": None}, "state: got {'state': ()}, expected {'state[0].ahead.h': (2, 5), "),
    ],
)
def test_what_is_no_sequence_is_refused(changes, message):
    layer = Stack((Bidirectional(RNN), LSTM))
    _, params, xs, state, lengths = stack_example(layer, 4, 2, 3, 5, seed=7)
    good = {"params": params, "xs": xs, "state": state, "lengths": lengths}
    with pytest.raises(ValueError) as error:
        stack.forward(layer, **(good | changes))
    assert str(error.value).startswith(message)


def test_a_state_in_float32_takes_the_dtype_of_what_it_becomes():
    _, params, xs, state, lengths = stack_example(RNN, 4, 3, 2, 5, seed=10)
    single = tree_map(np.float32, state)
    double = tree_map(np.float64, single)
    _, last, _ = packed.forward(elman, params, xs, single, lengths)
    _, want, _ = packed.forward(elman, params, xs, double, lengths)
    np.testing.assert_array_equal(last.h, want.h)


def test_what_is_no_gradient_is_refused():
    layer = Stack((Bidirectional(RNN), LSTM))
    _, params, xs, state, lengths = stack_example(layer, 4, 2, 3, 5, seed=8)
    hs, last, cache = stack.forward(layer, params, xs, state, lengths)
    for dhs, dlast, message in [
        (hs[1:], last, "dhs: got shape (3, 2, 5), expected (T, B, H) with T = 4, B = 2, H = 5"),
        (hs[..., 1:], last, "dhs: got shape (4, 2, 4), expected (T, B, H)"),
        (hs > 0, last, "dhs: got dtype bool, expected a floating dtype"),
        (hs, last[:1], "dlast: got {'dlast[0].ahead.h': (2, 5), 'dlast[0].back.h': (2, 5)}, exp"),
        (hs, tree_map(lambda a: a[:1], last), "dlast: got {'dlast[0].ahead.h': (1, 5), "),
    ]:
        with pytest.raises(ValueError) as error:
            stack.backward(layer, params, cache, dhs, dlast)
        assert str(error.value).startswith(message)
    with pytest.raises(ValueError, match="argument 2 is longer than argument 1"):
        stack.backward(layer, (*params[:1], *params), cache, hs, last)
    cell_params, cell_state = elman.init(np.random.default_rng(0), 3, 5), elman.State(hs[0])
    _, _, cache = packed.forward(elman, cell_params, xs, cell_state, lengths)
    for dhs, dstate, message in [
        (hs[1:], cell_state, "dhs: got shape (3, 2, 5), expected (T, B, H) with T = 4, B = 2"),
        (hs[:, 1:], cell_state, "dhs: got shape (4, 1, 5), expected (T, B, H) with T = 4"),
        (hs, tuple(cell_state), "dstate: got tuple, expected a NamedTuple"),
        (hs, elman.State(hs[0, 1:]), "dstate.h: got shape (1, 5), expected (B, H) with B = 2"),
    ]:
        with pytest.raises(ValueError) as error:
            packed.backward(elman, cell_params, cache, dhs, dstate)
        assert str(error.value).startswith(message)


def test_what_cannot_be_added_is_refused_and_so_are_parameters_of_another_layer():
    rng = np.random.default_rng(9)
    message = "xs: got D = 3, expected 5, the size of the layer's output"
    for layer in (Residual(RNN), Highway(RNN)):
        with pytest.raises(ValueError, match=message):
            layer.init(rng, 3, 5)
    params, gate = RNN.init(rng, 3, 5), residual.linear.init(rng, 3, 5)
    state, xs = elman.State(np.zeros((2, 5))), np.zeros((4, 2, 3))
    for layer, p in [(Residual(RNN), params), (Highway(RNN), residual.Gated(params, gate))]:
        with pytest.raises(ValueError, match=message):
            stack.forward(layer, p, xs, state)
    with pytest.raises(ValueError, match=r"^layers: got none, expected at least one$"):
        Stack(())
    with pytest.raises(ValueError, match=r"params: got Params, expected rnnlib\..*\.Gated"):
        stack.forward(Highway(RNN), params, xs, state)
    with pytest.raises(ValueError, match=r"params: got Params, expected rnnlib\..*\.Both"):
        stack.forward(Bidirectional(RNN), params, xs, state)
