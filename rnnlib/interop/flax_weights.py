"""Weights of Flax's cells, of ``flax.linen`` and of ``flax.nnx``.

The arrays are the transposes of ours, dense layers that multiply from the right. linen has a dense
layer for each gate, named after the side and the gate, as ``hf`` for the state's share of the
forget gate; so has ``nnx.LSTMCell``. The other cells of nnx have one dense layer for each side, the
gates side by side in our order. The LSTM has its bias on the side of the state, all others on that
of the inputs. linen's GRU has our ``b_n`` besides; nnx's has none, so it cannot hold one.

No bias is added to the forget gate, neither at the start nor when a step is computed. A network
names its cells as it likes, so what has a fixed form, and is converted here, is one cell.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnlib.interop.blocks import Blocks, pack, unpack
from rnnlib.interop.conventions import LINEN, NNX, ONE_AND_B_N, Cell, Convention, find, for_cell
from rnnlib.interop.layers import Layers, as_layers, directions
from rnnlib.reference.ops import Array

Tree = dict[str, dict[str, Array]]


def to_flax(params: Cell | Layers, layer: str = "linen") -> Tree:
    """Bring the weights of one cell into the form of Flax.

    Parameters
    ----------
    params : Params, or a tuple of one
        Of the cell; one layer, read in one direction.
    layer : str
        ``"linen"``; or ``"nnx"``, which for an LSTM is ``nnx.OptimizedLSTMCell``; or
        ``"nnx.LSTMCell"``.

    Returns
    -------
    dict[str, dict[str, Array]]
        For linen what stands under the cell's name in ``variables["params"]``; for nnx the pure
        dict of the cell's state, for ``nnx.replace_by_pure_dict``.

    Raises
    ------
    ValueError
        If Flax has no such cell, or it cannot hold the parameters.

    Examples
    --------
    >>> from rnnlib.reference import elman
    >>> to_flax(elman.Params(np.eye(1), np.eye(1), np.ones(1)))
    {'i': {'kernel': array([[1.]]), 'bias': array([1.])}, 'h': {'kernel': array([[1.]])}}
    """
    if layer not in ("linen", "nnx", "nnx.LSTMCell"):
        raise ValueError(f"layer: got {layer!r}, expected 'linen', 'nnx' or 'nnx.LSTMCell'")
    cells = [cell for one in as_layers(params) for cell in directions(one)]
    if len(cells) > 1:
        raise ValueError(f"params: got {len(cells)} cells, expected one; call this for each cell")
    params = cells[0]
    convention = find(NNX, "LSTMCell") if layer == "nnx.LSTMCell" else _for(layer, params)
    blocks = pack(params, convention)
    biases = {"h" if convention.cell == "lstm" else "i": blocks.m_x}
    tree: Tree = {}
    for side, M in (("i", blocks.M_x), ("h", blocks.M_h)):
        for name, gates in _dense(convention, side).items():
            tree[name] = {"kernel": _part(M, convention.gates, gates)}
            if (m := biases.get(side)) is not None:
                tree[name]["bias"] = _part(m, convention.gates, gates)
    if blocks.m_h is not None:
        tree["hn"]["bias"] = blocks.m_h
    return tree


def from_flax(tree: Mapping[str, Mapping[str, Any]]) -> Cell:
    """Read the weights of one cell of Flax.

    Parameters
    ----------
    tree : mapping
        Of linen what stands under the cell's name in ``variables["params"]``; of nnx
        ``nnx.to_pure_dict(nnx.state(cell, nnx.Param))``.

    Returns
    -------
    Params
        Of the cell.

    Raises
    ------
    ValueError
        If the names are none of a cell's, or an array is missing or of another shape.
    """
    convention = told_by_names(tree)
    x, h = ([tree[name] for name in _dense(convention, side)] for side in ("i", "h"))
    try:
        M_x, M_h = (np.concatenate([np.asarray(d["kernel"]) for d in s], axis=1) for s in (x, h))
        side = h if convention.cell == "lstm" else x
        m_x = np.concatenate([np.asarray(d["bias"]) for d in side])
        m_h = np.asarray(h[-1]["bias"]) if convention.biases == ONE_AND_B_N else None
    except KeyError as error:
        raise ValueError(f"tree: a dense layer has no {error}") from None
    return unpack(Blocks(M_x, M_h, m_x, m_h), convention, convention.layer)


def _for(api: str, params: Cell) -> Convention:
    """The cell of nnx whose gates lie side by side, or that of linen."""
    if api == "nnx" and (convention := for_cell(NNX, params)).layer == "LSTMCell":
        return find(NNX, "OptimizedLSTMCell")
    return convention if api == "nnx" else for_cell(LINEN, params)


def _dense(convention: Convention, side: str) -> dict[str, str]:
    """Names of the dense layers of a side, with the gates that each has."""
    if convention.framework == NNX and convention.layer != "LSTMCell":
        return {f"dense_{side}": convention.gates}
    if convention.cell == "elman":
        return {side: "h"}
    keyword = convention.framework == NNX and side == "i"  # `if` is a keyword of Python
    return {f"{side}{g}" + "_" * (keyword and g == "f"): g for g in convention.gates}


def _part(a: Array, have: str, want: str) -> Array:
    """Blocks along the last axis."""
    blocks = dict(zip(have, np.split(a, len(have), axis=-1), strict=True))
    return np.ascontiguousarray(np.concatenate([blocks[g] for g in want], axis=-1))


def told_by_names(tree: Mapping[str, Any]) -> Convention:
    """The one cell that has such dense layers."""
    for framework, layer in CELLS:
        convention = find(framework, layer)
        if {**_dense(convention, "i"), **_dense(convention, "h")}.keys() == tree.keys():
            kernel = np.shape(tree[next(iter(_dense(convention, "h")))].get("kernel", ()))
            gates = 1 if len(_dense(convention, "h")) > 1 else len(convention.gates)
            if len(kernel) == 2 and kernel[1] == gates * kernel[0]:
                return convention
    raise ValueError(
        f"tree: got {sorted(tree)}, expected the dense layers of a SimpleCell, an LSTMCell, an "
        "OptimizedLSTMCell or a GRUCell, which stand under the name of the cell"
    )


CELLS = [
    (LINEN, "SimpleCell"),
    (LINEN, "LSTMCell"),
    (LINEN, "GRUCell"),
    (NNX, "SimpleCell"),
    (NNX, "LSTMCell"),
    (NNX, "OptimizedLSTMCell"),
    (NNX, "GRUCell"),
]
