"""Weights of the ONNX operators ``RNN``, ``LSTM`` and ``GRU``, one node for each layer.

Blocks of rows as ours, in an LSTM in the order i, o, f, g (ONNX calls it i, o, f, c), in a GRU
z, r, n (ONNX: z, r, h). The two biases lie one behind the other in ``B``, the two directions
along the first axis of each array. Where the reset gate of a GRU acts says the attribute
``linear_before_reset``: 1 is after the product, as in :mod:`rnnlib.reference.gru`; the default 0
is before it, as in :mod:`rnnlib.reference.gru_cho`. The arrays do not tell the two apart.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnlib.interop.blocks import Blocks, pack, unpack
from rnnlib.interop.conventions import Cell, find, for_cell
from rnnlib.interop.layers import Layers, Network, as_layers, directions, joined
from rnnlib.reference.ops import Array

BLOCKS = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {
    "RNN": ["tanh"],
    "GRU": ["sigmoid", "tanh"],
    "LSTM": ["sigmoid", "tanh", "tanh"],
}
WAYS = {"forward": 1, "bidirectional": 2}


class Node(NamedTuple):
    """What ``onnx.helper.make_node`` and its initializers take for one layer."""

    op: str
    attributes: dict[str, Any]
    W: Array  # (directions, nH, D)
    R: Array  # (directions, nH, H)
    B: Array | None  # (directions, 2nH)


def to_onnx(params: Network) -> list[Node]:
    """Bring the weights into the form of ONNX.

    Parameters
    ----------
    params : Params, Both, or a sequence of them
        One layer or several.

    Returns
    -------
    list of Node
        One for each layer. The output ``Y`` of a node is ``(T, directions, B, H)``; the next node
        wants ``(T, B, directions · H)``.

    Raises
    ------
    ValueError
        If ONNX has no such operator, or the two directions differ in size.

    Examples
    --------
    >>> from rnnlib.reference import gru
    >>> node = to_onnx(gru.init(np.random.default_rng(0), D=3, H=5))[0]
    >>> node.op, node.attributes, node.B.shape
    ('GRU', {'hidden_size': 5, 'direction': 'forward', 'linear_before_reset': 1}, (1, 30))
    """
    nodes = []
    for layer in as_layers(params):
        cells = directions(layer)
        convention = for_cell("onnx", cells[0])
        blocks = [pack(cell, convention) for cell in cells]
        attributes: dict[str, Any] = {
            "hidden_size": len(cells[0].W_h) // len(convention.gates),
            "direction": "bidirectional" if len(cells) == 2 else "forward",
        }
        if convention.layer.startswith("GRU"):
            attributes["linear_before_reset"] = int(convention.reset == "after")
        W, R = np.stack([b.M_x for b in blocks]), np.stack([b.M_h for b in blocks])
        B = np.stack([np.concatenate([b.m_x, b.m_h]) for b in blocks])
        nodes.append(Node(convention.layer.split(",")[0], attributes, W, R, B))
    return nodes


def from_onnx(nodes: Sequence[Node]) -> Layers:
    """Read the weights of recurrent operators of ONNX.

    Parameters
    ----------
    nodes : sequence of Node
        One for each layer, from the lowest to the highest. Attributes that are missing have
        ONNX's defaults.

    Returns
    -------
    tuple of Params or Both
        The layers; two biases have become their sum.

    Raises
    ------
    ValueError
        If an array has another shape, or an attribute asks for what our cells do not do.
    """
    return as_layers([_layer(node, f"layer {k}") for k, node in enumerate(nodes)])


def _layer(node: Node, name: str) -> Any:
    if node.op not in BLOCKS:
        raise ValueError(f"{name}: got the operator {node.op!r}, expected one of {sorted(BLOCKS)}")
    _check_attributes(node, name)
    after = node.op == "GRU" and node.attributes.get("linear_before_reset", 0)
    convention = find("onnx", node.op + ", linear_before_reset=1" * bool(after))
    n = WAYS[_text(node.attributes.get("direction", "forward"))]
    B = np.zeros((n, 2 * node.R.shape[1]), dtype=node.R.dtype) if node.B is None else node.B
    if not len(node.W) == len(node.R) == len(B) == n:
        got = f"{len(node.W)}, {len(node.R)} and {len(B)}"
        raise ValueError(f"{name}: got W, R and B of {got} directions, expected {n}")
    cells: list[Cell] = []
    for W, R, both in zip(node.W, node.R, B, strict=True):
        half = len(both) // 2
        cells.append(unpack(Blocks(W, R, both[:half], both[half:]), convention, name))
    return joined(cells)


def _check_attributes(node: Node, name: str) -> None:
    """Refuse what changes the function; our cells have the default activations and no clipping."""
    allowed: dict[str, list[Any]] = {
        "direction": list(WAYS),
        "linear_before_reset": [0, 1],
        "input_forget": [0],
        "activations": [ACTIVATIONS[node.op], ACTIVATIONS[node.op] * 2],
    }
    for key, value in node.attributes.items():
        plain = [_text(v).lower() for v in value] if key == "activations" else _text(value)
        if key not in ("hidden_size", "layout") and plain not in allowed.get(key, []):
            raise ValueError(f"{name}: got {key}={value!r}, which our cells do not do")


def _text(value: Any) -> Any:
    """Strings of ONNX come as bytes."""
    return value.decode() if isinstance(value, bytes) else value
