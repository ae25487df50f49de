"""Every cell, run over time: its gradients, its invariances, and its peers in torch."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers import CELLS, RTOL, SIZES, assert_close, cell_error, example, module_of, nn_cell
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.nn import bptt as nn_bptt
from rnnlib.reference import bptt, elman, elman_activation, gru, lstm, lstm_projected
from rnnlib.reference.ops import add, leaves, tree_map, zeros_like

LAYERS = {  # torch's own layer for each cell that it has
    elman: torch.nn.RNN,
    elman_activation.Elman(elman_activation.RELU): partial(torch.nn.RNN, nonlinearity="relu"),
    lstm: torch.nn.LSTM,
    lstm_projected.ProjectedLSTM(P=3): partial(torch.nn.LSTM, proj_size=3),
    gru: torch.nn.GRU,
}
SEEDS = st.integers(0, 2**16)


def name(cell):
    """Name of the module that a cell is, or whose class it is of."""
    return module_of(cell).__name__


TWINNED = [cell for cell in CELLS if nn_cell(cell)]

for_every_cell = pytest.mark.parametrize("cell", CELLS, ids=name)
for_every_layer = pytest.mark.parametrize("cell", LAYERS, ids=name)
for_every_twin = pytest.mark.parametrize("cell", TWINNED, ids=name)
for_any_size = settings(deadline=None, derandomize=True, max_examples=30)


def twin(cell):
    """The module of the same name in :mod:`rnnlib.nn`."""
    return module_of(nn_cell(cell))


def from_torch(cell, layer):
    """Parameters of one of torch's own layers, its two biases folded; through the twin, if any."""
    if cell in TWINNED and hasattr(twin(cell), "from_torch"):
        return twin(cell).from_torch(layer)
    W_x, W_h, *rest = layer.all_weights[0]
    biases = [rest.pop(0) for _ in range(2 * layer.bias)] or [W_h.new_zeros(len(W_h))] * 2
    if cell is gru:  # the reset gate acts on the second bias of the candidate
        H = layer.hidden_size
        biases[1], b_n = torch.cat([biases[1][:-H], W_h.new_zeros(H)]), biases[1][-H:]
        rest = [b_n]
    return module_of(cell).Params(W_x, W_h, sum(biases), *rest)


def tensors(tree):
    """The same tree, of torch tensors that ask for their gradient."""
    return tree_map(lambda a: torch.tensor(a, requires_grad=True), tree)


def arrays(tree):
    """The same tree, of NumPy arrays."""
    return tree_map(lambda a: a.detach().numpy(), tree)


def gradients(tree):
    """The gradients that autograd left in a tree of tensors; none where nothing was read."""
    return tree_map(lambda a: np.zeros(a.shape) if a.grad is None else a.grad.numpy(), tree)


def run_layer(layer, xs, state):
    """Run one of torch's own layers, whose state has a layer axis and is no tuple if it is one."""
    inner = tuple(a[None] for a in state)
    hs, last = layer(xs, inner if len(inner) > 1 else inner[0])
    return hs, type(state)(*(a[0] for a in (last if isinstance(last, tuple) else (last,))))


@for_every_cell
@for_any_size
@given(SIZES, SEEDS)
def test_backward_is_the_transpose_of_the_derivative(cell, size, seed):
    assert cell_error(cell, *size, seed) <= RTOL


@for_every_cell
@for_any_size
@given(SIZES, SEEDS)
def test_a_step_gives_the_gradient_of_its_own_copy_of_the_parameters(cell, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)

    def loss(*untied):
        s, total = state, 0
        for params_t, x, u_t in zip(untied, xs, u, strict=True):
            s, _ = cell.step(params_t, x, s)
            total = total + (u_t * s.h).sum()
        return total + dot(w, s)

    grads = tuple(d for d, _, _ in bptt.steps_backward(cell, params, caches, u, w))[::-1]
    assert gradient_error(loss, (params,) * len(xs), grads, rng) <= RTOL


@for_every_cell
@for_any_size
@given(SIZES, SEEDS)
def test_the_steps_sum_to_backward(cell, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    total, dxs = zeros_like(params), []
    for dparams, dx, dprev in bptt.steps_backward(cell, params, caches, u, w):
        total, dxs, dstate = add(total, dparams), [dx, *dxs], dprev
    assert_close((total, np.stack(dxs), dstate), bptt.backward(cell, params, caches, u, w))


@for_every_cell
@for_any_size
@given(SIZES, SEEDS, st.data())
def test_a_sequence_may_be_cut_anywhere(cell, size, seed, data):
    rng, params, xs, state = example(cell, size[0] + 1, *size[1:], seed)
    cut = data.draw(st.integers(1, size[0]), label="cut")
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)

    hs_1, middle, caches_1 = bptt.forward(cell, params, xs[:cut], state)
    hs_2, end, caches_2 = bptt.forward(cell, params, xs[cut:], middle)
    assert_close((np.concatenate([hs_1, hs_2]), end), (hs, last))

    dparams_2, dxs_2, dmiddle = bptt.backward(cell, params, caches_2, u[cut:], w)
    dparams_1, dxs_1, dstate = bptt.backward(cell, params, caches_1, u[:cut], dmiddle)
    got = add(dparams_1, dparams_2), np.concatenate([dxs_1, dxs_2]), dstate
    assert_close(got, bptt.backward(cell, params, caches, u, w))


@for_every_cell
@for_any_size
@given(SIZES, SEEDS)
def test_a_batch_may_be_permuted(cell, size, seed):
    rng, params, xs, state = example(cell, *size, seed)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dparams, dxs, dstate = bptt.backward(cell, params, caches, u, w)

    order = rng.permutation(size[1])

    def permute(tree):
        return tree_map(lambda a: a[order], tree)

    hs_p, last_p, caches_p = bptt.forward(cell, params, xs[:, order], permute(state))
    assert_close((hs_p, last_p), (hs[:, order], permute(last)))
    got = bptt.backward(cell, params, caches_p, u[:, order], permute(w))
    assert_close(got, (dparams, dxs[:, order], permute(dstate)))


@for_every_cell
def test_nothing_is_changed_in_place(cell):
    rng, params, xs, state = example(cell, 4, 3, 2, 5, seed=1)
    before = tree_map(np.copy, (params, xs, state))
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    given = tree_map(np.copy, (u, w, tuple(caches)))
    bptt.backward(cell, params, caches, u, w)
    now = params, xs, state, u, w, tuple(caches)
    for got, want in zip(leaves(now), leaves(before + given), strict=True):
        np.testing.assert_array_equal(got, want)


@for_every_cell
def test_float32_stays_float32(cell):
    _, params, xs, _ = example(cell, 4, 3, 2, 5, seed=2)
    params, xs = tree_map(np.float32, (params, xs))
    hs, last, caches = bptt.forward(cell, params, xs, cell.zero_state(params, 3))
    values = hs, last, bptt.backward(cell, params, caches, hs, last)
    assert {a.dtype for a in leaves(values)} == {np.dtype(np.float32)}


@for_every_layer
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_agree_with_torch(cell, bias):
    rng, _, xs, state = example(cell, 7, 3, 4, 5, seed=3)
    torch.manual_seed(3)
    layer = LAYERS[cell](4, 5, bias=bias, dtype=torch.float64)
    folded = from_torch(cell, layer)
    params = module_of(cell).Params(*arrays(folded))

    hs, last, caches = bptt.forward(cell, params, xs, state)
    xs_t, state_t = tensors((xs, state))
    hs_t, last_t = run_layer(layer, xs_t, state_t)
    assert_close((hs, last), arrays((hs_t, last_t)), rtol=1e-12)

    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dparams, dxs, dstate = bptt.backward(cell, params, caches, u, w)
    dot((hs_t, last_t), tensors((u, w))).backward()
    assert_close((dxs, dstate), gradients((xs_t, state_t)), rtol=1e-12)
    weights = tuple(layer.parameters())
    got = torch.autograd.grad(dot(folded, tensors(dparams)), weights)  # dparams, through the fold
    assert_close(arrays(got), gradients(weights), rtol=1e-12)


@for_every_twin
def test_the_twin_is_the_same_function_and_autograd_gives_the_same_gradient(cell):
    rng, params, xs, state = example(cell, 6, 3, 4, 5, seed=4)
    hs, last, caches = bptt.forward(cell, params, xs, state)
    params_t, xs_t, state_t = tensors((params, xs, state))
    params_t, state_t = twin(cell).Params(*params_t), twin(cell).State(*state_t)
    hs_t, last_t = nn_bptt.forward(nn_cell(cell), params_t, xs_t, state_t)
    assert_close((hs, last), arrays((hs_t, last_t)), rtol=1e-12)

    u, w = rng.normal(size=hs.shape), random_like(rng, last)
    dot((hs_t, last_t), tensors((u, w))).backward()
    want = gradients((params_t, xs_t, state_t))
    assert_close(bptt.backward(cell, params, caches, u, w), want, rtol=1e-12)


@for_every_twin
def test_the_twin_starts_from_the_same_state(cell):
    _, params, _, _ = example(cell, 1, 1, 4, 5, seed=5)
    got = nn_cell(cell).zero_state(twin(cell).Params(*tensors(params)), 3)
    want = cell.zero_state(params, 3)
    assert got._fields == want._fields
    tree_map(np.testing.assert_array_equal, arrays(got), want)


def test_elman_has_a_twin():
    assert elman in TWINNED


def test_from_torch_adds_the_two_biases():
    layer = torch.nn.RNN(3, 5)
    params = twin(elman).from_torch(layer)
    torch.testing.assert_close(params.b, layer.bias_ih_l0 + layer.bias_hh_l0, rtol=0, atol=0)
    assert params.W_x is layer.weight_ih_l0
    without = twin(elman).from_torch(torch.nn.RNN(3, 5, bias=False))
    torch.testing.assert_close(without.b, torch.zeros(5), rtol=0, atol=0)


@pytest.mark.parametrize(
    "options", [{"num_layers": 2}, {"bidirectional": True}, {"nonlinearity": "relu"}]
)
def test_from_torch_refuses_what_is_another_function(options):
    with pytest.raises(ValueError, match=r"module: got RNN.*expected one layer"):
        twin(elman).from_torch(torch.nn.RNN(3, 5, **options))


def test_caches_of_another_batch_are_refused():
    _, params, xs, state = example(elman, 3, 2, 4, 5, seed=6)
    hs, _, caches = bptt.forward(elman, params, xs, state)
    one = elman.zero_state(params, 1)
    with pytest.raises(ValueError, match=r"^dhs: got B = 1, expected B = 2 as in the caches$"):
        bptt.backward(elman, params, caches, hs[:, :1], one)
