"""Arrays of a saved file by their names, whoever saved it; nothing in it is unpickled or run.

What a format needs is imported when a file of it is read.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnlib.interop.onnx_weights import BLOCKS, Node
from rnnlib.reference.ops import Array

Arrays = dict[str, Array]
SAFETENSORS = {"F64": "f8", "F32": "f4", "F16": "f2"}


def read(path: Path) -> Arrays:
    """Read the floating arrays of a file.

    Parameters
    ----------
    path : path
        Ends in ``.npz``, ``.pt``, ``.pth``, ``.bin``, ``.safetensors``, ``.h5``, ``.keras`` or
        ``.msgpack``.

    Returns
    -------
    dict[str, Array]
        By their names; those of nested parts are joined by ``/``.

    Raises
    ------
    ValueError
        If the ending is another one, or the file holds more than arrays.
    """
    if path.suffix not in READERS:
        raise ValueError(f"path: got {path.name!r}, expected an ending among {', '.join(ENDINGS)}")
    arrays = READERS[path.suffix](path)
    return {name: a for name, a in arrays.items() if np.issubdtype(a.dtype, np.floating)}


def read_onnx(path: Path) -> dict[str, Node | str]:
    """Read the recurrent operators of an ONNX file.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    dict[str, Node or str]
        By the names of the nodes; a string says why a node's weights cannot be read.
    """
    import onnx
    from onnx import helper, numpy_helper

    try:
        graph = onnx.load(path).graph
    except (FileNotFoundError, onnx.checker.ValidationError):  # weights lie in another file
        graph = onnx.load(path, load_external_data=False).graph
    stored = {i.name: i for i in graph.initializer}
    nodes: dict[str, Node | str] = {}
    for k, node in enumerate(graph.node):
        if node.op_type not in BLOCKS:
            continue
        name = node.name or f"node {k}"
        inputs = [*node.input, *[""] * 8]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        wanted = [i for i in inputs[1:4] if i]
        if missing := [i for i in wanted if not _is_there(stored.get(i))]:
            nodes[name] = f"{node.op_type} whose weights {', '.join(missing)} are not in the file"
        elif node.op_type == "LSTM" and inputs[7]:
            nodes[name] = "LSTM with peepholes, which rnnlib.reference.lstm_peephole has"
        else:
            W, R, *B = (numpy_helper.to_array(stored[i]) for i in wanted)
            nodes[name] = Node(node.op_type, attributes, W, R, B[0] if B else None)
    return nodes


def _is_there(tensor: Any) -> bool:
    """Is this an initializer whose numbers could be loaded?"""
    return tensor is not None and not tensor.data_location


def _npz(path: Path) -> Arrays:
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return dict(file)


def _torch(path: Path) -> Arrays:
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        found = re.search(r"GLOBAL \S+", str(error))
        why = f"{found[0]}, which is not unpickled" if found else str(error) or "it is empty"
        raise ValueError(f"path: {path.name} holds more than tensors, or none: {why}") from None
    tensors = {name: t for name, t in _flat(held) if isinstance(t, torch.Tensor)}
    wide = {name: t.double() if t.dtype == torch.bfloat16 else t for name, t in tensors.items()}
    return {name: t.detach().numpy() for name, t in wide.items() if t.layout == torch.strided}


def _safetensors(path: Path) -> Arrays:
    """A length, that many bytes of JSON, then the numbers; bfloat16 is widened."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size < path.stat().st_size:
            raise ValueError(f"path: {path.name} does not begin as a safetensors file")
        header = json.loads(file.read(size))
        data = file.read()
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] not in (*SAFETENSORS, "BF16"):
            continue
        raw = data[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            numbers = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            numbers = np.frombuffer(raw, "<" + SAFETENSORS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


def _h5(path: Path | IO[bytes]) -> Arrays:
    import h5py  # type: ignore[import-untyped]

    arrays: Arrays = {}
    with h5py.File(path, "r") as file:

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                arrays[name] = np.asarray(item)

        file.visititems(visit)
    return arrays


def _keras(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as file:
        return _h5(BytesIO(file.read("model.weights.h5")))


def _msgpack(path: Path) -> Arrays:
    from flax import serialization

    tree = serialization.msgpack_restore(path.read_bytes())
    return {name: np.asarray(a) for name, a in _flat(tree) if hasattr(a, "dtype")}


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(tree, Mapping):
        yield prefix, tree
        return
    for name, value in tree.items():
        yield from _flat(value, f"{prefix}/{name}" if prefix else str(name))


READERS: dict[str, Callable[[Path], Arrays]] = {
    ".npz": _npz,
    ".pt": _torch,
    ".pth": _torch,
    ".bin": _torch,
    ".safetensors": _safetensors,
    ".h5": _h5,
    ".keras": _keras,
    ".msgpack": _msgpack,
}
ENDINGS = [*READERS, ".onnx"]
