"""The table of conventions, and weights between us and torch."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from book_text import Page
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from interop_examples import CELLS, assert_close, assert_same, inputs, random_network, said

from rnnlib import interop
from rnnlib.interop.conventions import KINDS
from rnnlib.nn import modules
from rnnlib.reference import bptt, gru, gru_cho, lstm, lstm_peephole
from rnnlib.reference.bidirectional import Both
from rnnlib.reference.lstm_projected import ProjectedLSTM

SIZES = st.tuples(*[st.integers(1, 5)] * 4)  # T, B, D, H
SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=15, deadline=None)

WITH = {"proj": ProjectedLSTM(P=2)}
TORCH = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "proj": torch.nn.LSTM}


def cell_of(convention):
    return CELLS.get(convention.cell, ProjectedLSTM(P=2))


# The table


@pytest.mark.parametrize(
    "convention", interop.CONVENTIONS, ids=lambda c: f"{c.framework} {c.layer}"
)
@pytest.mark.parametrize("z_writes", [False, True])
@FEW
@given(st.integers(1, 5), st.integers(3, 5), SEEDS)
def test_there_and_back_is_exact(convention, z_writes, D, H, seed):
    rng = np.random.default_rng(seed)
    convention = dataclasses.replace(convention, z_writes=z_writes)
    (params,) = random_network(rng, cell_of(convention), D=D, H=H)
    if convention.biases == "one" and convention.cell == "gru":
        params = params._replace(b_n=np.zeros(H))
    for dtype in (np.float64, np.float32):
        one = type(params)(*(a.astype(dtype) for a in params))
        assert_same(interop.unpack(interop.pack(one, convention), convention), one)


@pytest.mark.parametrize("cell", [gru, gru_cho], ids=lambda m: m.__name__)
def test_where_z_writes_its_rows_are_negated(cell):
    (params,) = random_network(np.random.default_rng(0), cell)
    own = interop.find("rnnlib.reference", cell.__name__.rpartition(".")[2])
    other = interop.pack(params, dataclasses.replace(own, z_writes=True))
    turned = gru.negate_z(params)
    assert_same((other.M_x, other.M_h, other.m_x), (turned.W_x, turned.W_h, turned.b))


def test_a_convention_of_ones_own():
    """The GRU of Haiku, after its source: z, r, a; z near 1 writes; reset before; x @ w."""
    haiku = interop.Convention("haiku", "GRU", "gru_cho", "zrn", "one", True, z_writes=True)
    rng = np.random.default_rng(0)
    (params,) = random_network(rng, gru_cho, D=3, H=4)
    w_i, w_h, b, _, _ = interop.pack(params, haiku)
    xs = inputs(rng, params)
    h, hs = np.zeros((2, 4)), []
    for x in xs:
        z_x, r_x, a_x = np.split(x @ w_i + b, 3, axis=1)
        z, r = (1 / (1 + np.exp(-a)) for a in (z_x + h @ w_h[:, :4], r_x + h @ w_h[:, 4:8]))
        h = (1 - z) * h + z * np.tanh(a_x + (r * h) @ w_h[:, 8:])
        hs.append(h)
    assert_close(np.array(hs), said(params, xs), 1e-13)


def test_every_kind_has_a_convention_of_ours():
    ours = {c.cell for c in interop.CONVENTIONS if c.framework == "rnnlib.reference"}
    assert ours == set(KINDS.values())


def test_every_swap_of_gates_is_another_function():
    rng = np.random.default_rng(0)
    for convention in interop.CONVENTIONS:
        (params,) = random_network(rng, cell_of(convention))
        if convention.biases == "one" and convention.cell == "gru":
            params = params._replace(b_n=np.zeros(4))
        xs, blocks = inputs(rng, params), interop.pack(params, convention)
        for k in range(len(convention.gates) - 1):
            g = list(convention.gates)
            g[k], g[k + 1] = g[k + 1], g[k]
            wrong = interop.unpack(blocks, dataclasses.replace(convention, gates="".join(g)))
            assert abs(said(wrong, xs) - said(params, xs)).max() > 1e-3


@pytest.mark.parametrize(
    ("row", "framework"),
    [
        ("this book", "rnnlib.reference"),
        ("torch", "torch.nn"),
        ("Keras", "keras"),
        ("ONNX", "onnx"),
    ],
)
def test_the_notation_page_has_the_orders_of_the_table(row, framework):
    page = Page("notation.md", (ROOT / "book" / "notation.md").read_text(encoding="utf-8"))
    rows = [r.cells for table in page.tables for r in table if "GRU blocks" in r.cells]
    (cells,) = (cells for cells in rows if cells[""].startswith(row))
    for kind in ("LSTM", "GRU"):
        named = {
            tuple(c.gates)
            for c in interop.CONVENTIONS
            if c.framework == framework and c.cell.startswith(kind.lower())
        }
        assert named == {tuple(cells[f"{kind} blocks"].split(", "))}
    resets = {c.reset for c in interop.CONVENTIONS if c.framework == framework} - {"—"}
    assert all(reset in cells["reset gate"] for reset in resets)


# torch


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("ways", [1, 2])
@FEW
@given(SIZES, st.integers(1, 3), st.booleans(), SEEDS)
def test_torch_with_our_weights_says_what_we_say(name, ways, sizes, layers, bias, seed):
    (T, B, D, H), rng = sizes, np.random.default_rng(seed)
    H += name == "proj" and 2  # larger than its projection
    params = random_network(rng, WITH.get(name) or CELLS[name], layers, ways, D, H)
    if not bias:
        params = tuple(map(without_bias, params))
    more = {"proj_size": 2} if name == "proj" else {}
    module = TORCH[name](
        D, H, layers, bidirectional=ways == 2, bias=bias, dtype=torch.float64, **more
    )
    state = interop.to_torch(params, bias=bias)
    module.load_state_dict({k: torch.from_numpy(a) for k, a in state.items()})
    xs = inputs(rng, params, T, B)
    with torch.no_grad():
        hs = module(torch.from_numpy(xs))[0].numpy()
    assert_close(said(params, xs), hs, 1e-12)
    assert_same(interop.from_torch(module.state_dict()), params)


def without_bias(layer):
    def cell(p):
        return p._replace(**{f: np.zeros_like(getattr(p, f)) for f in p._fields if f[0] == "b"})

    return Both(*map(cell, layer)) if isinstance(layer, Both) else cell(layer)


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_we_with_torchs_weights_say_what_torch_says(name, ways, bias):
    torch.manual_seed(0)
    more = {"proj_size": 2} if name == "proj" else {}
    module = TORCH[name](3, 4, 2, bidirectional=ways == 2, bias=bias, dtype=torch.float64, **more)
    params = interop.from_torch(module.state_dict())
    xs = inputs(np.random.default_rng(0), params)
    with torch.no_grad():
        hs = module(torch.from_numpy(xs))[0].numpy()
    assert_close(said(params, xs), hs, 1e-12)


def test_a_module_within_a_model_is_found_by_its_prefix():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.GRU(3, 4))
    assert_same(
        interop.from_torch(model.state_dict(), prefix="1."),
        interop.from_torch(model[1].state_dict()),
    )


@pytest.mark.parametrize("ways", [1, 2])
def test_our_module_that_resets_before_has_torchs_names(ways):
    rng = np.random.default_rng(0)
    params = random_network(rng, gru_cho, layers=2, ways=ways)
    module = modules.GRU(3, 4, 2, bidirectional=ways == 2, dtype=torch.float64, reset_before=True)
    state = interop.to_torch(params, reset_before=True)
    module.load_state_dict({k: torch.from_numpy(a) for k, a in state.items()})
    xs = inputs(rng, params)
    with torch.no_grad():
        hs = module(torch.from_numpy(xs))[0].numpy()
    assert_close(said(params, xs), hs, 1e-12)
    assert_same(interop.from_torch(module.state_dict(), reset_before=True), params)


def test_gradients_flow_through_what_was_read():
    torch.manual_seed(0)
    module = torch.nn.GRU(3, 4, dtype=torch.float64)
    (params,) = interop.from_torch(module.state_dict())
    rng = np.random.default_rng(0)
    xs = inputs(rng, params)
    out, _ = module(torch.from_numpy(xs))
    u = rng.normal(size=out.shape)
    (torch.from_numpy(u) * out).sum().backward()
    zero = gru.zero_state(params, 2)
    _, last, caches = bptt.forward(gru, params, xs, zero)
    dparams, _, _ = bptt.backward(gru, params, caches, u, type(last)(np.zeros_like(last.h)))
    assert_close(dparams.W_x, module.weight_ih_l0.grad.numpy(), 1e-12)
    assert_close(dparams.b, module.bias_ih_l0.grad.numpy(), 1e-12)
    assert_close(dparams.b_n, module.bias_hh_l0.grad.numpy()[-4:], 1e-12)


# A file of ours


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("cell", [*CELLS.values(), ProjectedLSTM(P=2)], ids=str)
def test_a_file_gives_back_what_was_saved(cell, ways, tmp_path):
    params = random_network(np.random.default_rng(0), cell, layers=11, ways=ways)
    interop.save(tmp_path / "weights.npz", params)
    assert_same(interop.load(tmp_path / "weights.npz"), params)


def test_a_file_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", **{"0.W_x": np.array([object()])})
    with pytest.raises(ValueError, match="allow_pickle"):
        interop.load(tmp_path / "x.npz")


# What cannot be


def cell(kind=lstm, D=3, H=4, **changes):
    return random_network(np.random.default_rng(0), kind, D=D, H=H)[0]._replace(**changes)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: interop.to_torch(cell(gru_cho)), "reset gate after the product"),
        (lambda: interop.to_flax(cell(gru_cho)), "reset gate after the product"),
        (lambda: interop.to_keras(cell(ProjectedLSTM(P=2))), "no LSTM with a projection"),
        (lambda: interop.to_flax(cell(gru), "nnx"), "b_n: got a bias that is not zero"),
        (lambda: interop.to_torch(cell(lstm), bias=False), "bias that is not zero"),
        (lambda: interop.to_keras(cell(gru), use_bias=False), "bias that is not zero"),
        (
            lambda: interop.pack(cell(gru), interop.find("onnx", "GRU")),
            "acts before the product",
        ),
        (lambda: interop.pack(cell(gru), interop.find("onnx", "LSTM")), "expected lstm.Params"),
        (lambda: interop.to_torch(cell(lstm_peephole)), "got Params, expected one of elman"),
        (lambda: interop.to_torch([]), "no layer"),
        (lambda: interop.to_torch([cell(), cell()]), "layer 1: got D = 3 inputs, expected 4"),
        (lambda: interop.to_torch([cell(), cell(D=4, H=5)]), "one size for all"),
        (lambda: interop.to_torch([cell(), Both(cell(D=4), cell(D=4))]), "one size for all"),
        (lambda: interop.to_torch(cell(b=np.zeros(3))), r"layer 0.b: got shape \(3,\)"),
        (lambda: interop.to_torch(Both(cell(), cell(gru))), "two directions of different"),
        (lambda: interop.to_torch(cell(gru), reset_before=True), "acts before the product"),
        (
            lambda: interop.from_torch(interop.to_torch(cell()), reset_before=True),
            "reset_before=True for a LSTM",
        ),
        (lambda: interop.find("torch.nn", "Elman"), "expected one of"),
        (lambda: interop.from_torch({}), "got no weights, expected names such as 'weight_ih_l0'"),
        (lambda: interop.from_torch(torch.nn.GRU(3, 4)), r"got GRU, expected what its state_dict"),
        (
            lambda: interop.from_torch(torch.nn.Sequential(torch.nn.GRU(3, 4)).state_dict()),
            "got '0.weight_ih_l0', expected .*; there are some with prefix='0.'",
        ),
        (
            lambda: interop.from_torch({"net.rnn.weight_ih_l0": np.zeros((4, 1))}, prefix="gru."),
            "got no weights, expected names such as 'gru.*; .* prefix='net.rnn.'",
        ),
        (
            lambda: interop.from_torch(torch.nn.GRU(3, 4, device="meta").state_dict()),
            "'weight_ih_l0' on the device meta",
        ),
        (lambda: interop.from_torch({"a": np.zeros(1)}), "weight_ih_l0"),
        (lambda: interop.from_torch({"weight_ih_l1": np.zeros((4, 1))}), "expected 0, 1"),
        (lambda: interop.from_torch({"weight_ih_l0": np.zeros((4, 1))}), "no weight_hh"),
        (
            lambda: interop.from_torch({"weight_ih_l0_reverse": np.zeros((4, 1))}),
            "layer 0 that reads forward",
        ),
        (
            lambda: interop.from_torch(
                {"weight_ih_l0": np.zeros((4, 1)), "weight_hh_l0": np.zeros((4, 2))}
            ),
            "2 blocks of H = 2",
        ),
        (
            lambda: interop.from_torch(
                {"weight_ih_l0": np.zeros((9, 1)), "weight_hh_l0": np.zeros((12, 3))}
            ),
            r"M_h: got shape \(12, 3\)|M_x: got shape \(9, 1\)",
        ),
        (lambda: interop.from_keras([np.zeros((3, 4))]), "got ndarray, expected a list that has"),
        (lambda: interop.from_keras([[np.zeros(3)] * 5]), "got 5 arrays, .* 2, 3, 4 or 6 arrays"),
        (lambda: interop.to_flax((cell(), cell(D=4))), "got 2 cells, expected one"),
        (lambda: interop.from_keras([[np.zeros((1, 4)), np.zeros((2, 4))]]), "expected .H, H"),
        (lambda: interop.from_keras([[np.zeros((1, 6)), np.zeros((2, 6))]]), "say reset_after"),
        (
            lambda: interop.from_keras(interop.to_keras(cell(gru)), reset_after=False),
            "the bias says True",
        ),
        (lambda: interop.from_flax({"i": {}, "h": {}}), "expected the dense layers"),
        (lambda: interop.to_flax(cell(), "haiku"), "expected 'linen'"),
        (lambda: interop.save("weights.pt", cell()), "ending in .npz"),
    ],
)
def test_what_cannot_be_held_is_refused_with_the_reason(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_tensors_in_training_and_of_every_dtype_are_read():
    layer = torch.nn.GRU(3, 4)
    (want,) = interop.from_torch(layer.state_dict())
    (got,) = interop.from_torch(dict(layer.named_parameters()))
    assert all(map(np.array_equal, got, want))
    layer = layer.bfloat16()
    (got,) = interop.from_torch(layer.state_dict())
    np.testing.assert_array_equal(got.W_x, layer.float().weight_ih_l0.detach())


def test_one_layer_of_a_tuple_goes_to_flax():
    tree = interop.to_flax((cell(),))
    assert all(map(np.array_equal, interop.from_flax(tree), cell()))


def test_what_a_framework_lacks_is_said_for_each():
    """Every cell goes into a framework, or the message says why it does not."""
    for framework in {c.framework for c in interop.CONVENTIONS} - {"rnnlib.reference", "rnnlib.nn"}:
        for kind in [*CELLS.values(), ProjectedLSTM(P=2)]:
            try:
                interop.conventions.for_cell(framework, cell(kind))
            except ValueError as error:
                assert re.search("reset gate|projection", str(error))
