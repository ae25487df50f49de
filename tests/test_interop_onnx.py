"""Weights between us and ONNX, run by onnxruntime in float32, the only dtype that it has."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from interop_examples import CELLS, assert_close, assert_same, inputs, random_network, said
from onnx import helper, numpy_helper

from rnnlib import interop
from rnnlib.interop.describe import describe
from rnnlib.interop.files import read_onnx
from rnnlib.reference.ops import tree_map

KINDS = ["elman", "lstm", "gru", "gru_cho"]


def model(nodes, dtype=onnx.TensorProto.FLOAT):
    """An ONNX model of such nodes, one on top of the other, from xs to hs."""
    graph, initializers, x = [], [], "xs"
    for k, node in enumerate(nodes):
        arrays = {f"{name}{k}": getattr(node, name) for name in "WRB"}
        arrays = {name: a for name, a in arrays.items() if a is not None}
        initializers += [numpy_helper.from_array(a, name) for name, a in arrays.items()]
        initializers.append(numpy_helper.from_array(np.array([0, 0, -1]), f"shape{k}"))
        graph += [
            helper.make_node(node.op, [x, *arrays], [f"Y{k}"], **node.attributes),
            helper.make_node("Transpose", [f"Y{k}"], [f"t{k}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"t{k}", f"shape{k}"], [f"hs{k}"]),
        ]
        x = f"hs{k}"
    info = [helper.make_tensor_value_info(n, dtype, ["T", "B", None]) for n in ("xs", x)]
    whole = helper.make_graph(graph, "net", info[:1], info[1:], initializers)
    made = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    return made


def say(nodes, xs):
    session = onnxruntime.InferenceSession(
        model(nodes).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (hs,) = session.run(None, {"xs": xs})
    return hs


def single(params):
    return tree_map(lambda a: a.astype(np.float32), params)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_onnxruntime_with_our_weights_says_what_we_say(name, ways, seed):
    rng = np.random.default_rng(seed)
    layers, D, H, T, B = rng.integers(1, 6, size=5)
    params = single(random_network(rng, CELLS[name], min(layers, 3), ways, D, H))
    xs = inputs(rng, params, T, B).astype(np.float32)
    nodes = interop.to_onnx(params)
    assert_close(said(params, xs), say(nodes, xs), 1e-5)
    assert_same(interop.from_onnx(nodes), params)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("biases", [True, False])
def test_we_with_weights_of_onnx_say_what_onnxruntime_says(name, biases):
    """Both biases are random, or there are none."""
    rng = np.random.default_rng(0)
    nodes = [
        node._replace(B=rng.normal(size=node.B.shape).astype(np.float32) if biases else None)
        for node in interop.to_onnx(single(random_network(rng, CELLS[name], layers=2, ways=2)))
    ]
    params = interop.from_onnx(nodes)
    xs = inputs(rng, params).astype(np.float32)
    assert_close(said(params, xs), say(nodes, xs), 1e-5)


def test_without_the_attribute_the_reset_gate_acts_before_the_product():
    (params,) = random_network(np.random.default_rng(0), CELLS["gru_cho"])
    (node,) = interop.to_onnx(params)
    assert_same(interop.from_onnx([node._replace(attributes={"hidden_size": 4})]), (params,))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"op": "MGU"}, "got the operator 'MGU'"),
        ({"attributes": {"direction": "reverse"}}, "direction='reverse'"),
        ({"attributes": {"direction": b"bidirectional"}}, "of 1, 1 and 1 directions, expected 2"),
        ({"attributes": {"input_forget": 1}}, "input_forget=1"),
        ({"attributes": {"activations": [b"Relu", b"Tanh", b"Tanh"]}}, "activations"),
        ({"attributes": {"clip": 3.0}}, "clip"),
        ({"B": np.zeros((1, 6))}, "layer 0.m_x"),
    ],
)
def test_what_our_cells_do_not_do_is_refused(changes, says):
    (node,) = interop.to_onnx(random_network(np.random.default_rng(0), CELLS["lstm"]))
    fine = node._replace(attributes={"activations": [b"Sigmoid", b"Tanh", b"tanh"]})
    interop.from_onnx([fine])
    with pytest.raises(ValueError, match=says):
        interop.from_onnx([node._replace(**changes)])


def test_a_file_of_onnx_is_described(tmp_path):
    rng = np.random.default_rng(0)
    params = random_network(rng, CELLS["gru"], ways=2) + random_network(rng, CELLS["lstm"], D=8)
    made = model(interop.to_onnx(single(params)))
    onnx.save(made, tmp_path / "inside.onnx")
    told = describe(tmp_path / "inside.onnx")
    assert "onnx GRU, linear_before_reset=1\n  layers 1, directions 2, D = 3, H = 4" in told
    assert "onnx LSTM\n  layers 1, directions 1, D = 8, H = 4" in told
    onnx.save(made, tmp_path / "x.onnx", save_as_external_data=True, location="w", size_threshold=0)
    assert describe(tmp_path / "x.onnx").splitlines()[1:] == told.splitlines()[1:]
    (tmp_path / "w").unlink()
    assert "weights W0, R0, B0 are not in the file" in describe(tmp_path / "x.onnx")


def test_peepholes_are_named(tmp_path):
    (node,) = interop.to_onnx(single(random_network(np.random.default_rng(0), CELLS["lstm"])))
    made = model([node])
    made.graph.node[0].input.extend(["", "", "", "P"])
    made.graph.initializer.append(numpy_helper.from_array(np.ones((1, 12), np.float32), "P"))
    onnx.save(made, tmp_path / "p.onnx")
    assert "peepholes" in describe(tmp_path / "p.onnx")


@pytest.mark.filterwarnings("ignore::UserWarning:contextlib")  # torch's exporter, of _flat_weights
@pytest.mark.filterwarnings("ignore:.isinstance:FutureWarning:copyreg")  # and of LeafSpec
@pytest.mark.parametrize("layer", [torch.nn.LSTM, torch.nn.GRU])
def test_torchs_exporter_writes_what_we_write(layer, tmp_path):
    torch.manual_seed(0)
    module = layer(3, 4, num_layers=2, bidirectional=True).eval()
    path = tmp_path / "exported.onnx"
    torch.onnx.export(module, (torch.zeros(1, 1, 3),), path, verbose=False)
    theirs = list(read_onnx(path).values())
    for got, want in zip(
        interop.from_onnx(theirs), interop.from_torch(module.state_dict()), strict=True
    ):
        tree_map(lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-6), got, want)
