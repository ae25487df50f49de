"""Say whose weights a file holds, and what cannot be told from them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnlib.interop import files
from rnnlib.interop.blocks import pack
from rnnlib.interop.conventions import GATES, OURS, Convention, for_cell
from rnnlib.interop.files import Arrays
from rnnlib.interop.flax_weights import from_flax, told_by_names
from rnnlib.interop.keras_weights import from_keras
from rnnlib.interop.layers import Layers, directions
from rnnlib.interop.onnx_weights import Node, from_onnx
from rnnlib.interop.saved import NAME as OUR_NAME
from rnnlib.interop.saved import from_names
from rnnlib.interop.torch_weights import OPTION, from_torch
from rnnlib.reference.ops import Array, leaves

TORCH = re.compile(r"(.*?)((?:weight|bias)_(?:ih|hh|hr))(_l\d+(?:_reverse)?)?")
KERAS = re.compile(r"(.*?)(?:/(forward|backward)_layer)?(/cell(?:/.+)?)?/vars/(\d+)")
FLAX = re.compile(r"(?:(.*)/)?([^/]+)/(kernel|bias)")


class Found(NamedTuple):
    """A recurrent module in a file; ``layers`` is a string if its weights make no sense."""

    where: str
    convention: Convention | None
    layers: Layers | str
    besides: tuple[str, ...] = ()  # names of parameters that its convention does not have


def describe(path: str | Path) -> str:
    """Say which convention a saved file looks like.

    Parameters
    ----------
    path : path
        Of a state dict of torch (``.pt``, ``.pth``, ``.bin``, ``.safetensors``), weights of Keras 3
        (``.weights.h5``, ``.keras``), an ``.onnx`` file, parameters of Flax (``.msgpack``, or
        ``.npz`` with names joined by ``/``), or of a file of ours (``.npz``).

    Returns
    -------
    str
        Some lines for each recurrent module in it.

    Raises
    ------
    ValueError
        If the file is of another kind.
    """
    path = Path(path)
    found, rest = _read(path)
    lines = [f"{path.name}: {len(found)} recurrent module{'s' * (len(found) != 1)}"]
    for one in found:
        lines += ["", f"{one.where or '(top)'}: {_title(one)}", *_lines(one)]
    if not found:
        lines += _guesses(rest)
    kinds = {one.convention.cell for one in found if one.convention}
    untold = [text for text, cells in UNTOLD.items() if cells & kinds]
    lines += ["", "The weights do not tell", *(f"- {text}" for text in untold)] if untold else []
    return "\n".join(lines)


def _read(path: Path) -> tuple[list[Found], Arrays]:
    """Modules of a file, and arrays that belong to none; a broken file is a ValueError."""
    try:
        if path.suffix == ".onnx":
            return list(_of_onnx(files.read_onnx(path))), {}
        return recognised(files.read(path))
    except (OSError, ImportError, ValueError):
        raise
    except Exception as error:  # each format has errors of its own
        raise ValueError(f"path: {path.name} is no {path.suffix} file: {error}") from error


def recognised(arrays: Arrays) -> tuple[list[Found], Arrays]:
    """Find recurrent modules by the names of their arrays.

    Parameters
    ----------
    arrays : dict[str, Array]
        By their names.

    Returns
    -------
    list of Found
        The modules.
    dict[str, Array]
        The arrays that belong to none.
    """
    found: list[Found] = []
    for search in (_ours, _torch, _keras, _flax):
        for where, names, convention, read in search(arrays):
            try:
                layers: Layers | str = read()
            except ValueError as error:
                layers = str(error)
            found.append(_settled(where, convention, layers, _besides(where, arrays)))
            arrays = {name: a for name, a in arrays.items() if name not in names}
    return found, arrays


Match = tuple[str, set[str], str | Convention, Callable[[], Layers]]


def _ours(arrays: Arrays) -> Iterator[Match]:
    mine = {name: a for name, a in arrays.items() if OUR_NAME.fullmatch(name)}
    if mine:
        yield "", set(mine), OURS, partial(from_names, mine)


def _torch(arrays: Arrays) -> Iterator[Match]:
    for prefix, names in _grouped(arrays, TORCH).items():
        state = {m[2] + (m[3] or "_l0"): arrays[name] for name, m in names.items()}
        yield prefix.rstrip("."), set(names), "torch.nn", partial(from_torch, state)


def _keras(arrays: Arrays) -> Iterator[Match]:
    for where, names in _grouped(arrays, KERAS).items():
        cells: dict[str, dict[str, str]] = {}
        for name, m in names.items():
            if m[3]:  # a dense layer has no cell
                cells.setdefault((m[2] or "") + m[3], {})[m[4]] = name
        stacked = [[part] for part in sorted(cells) if "/cells/" in part]
        for ways in stacked or [sorted(cells, reverse=True)] * bool(cells):
            used = [cells[way][k] for way in ways for k in sorted(cells[way])]
            label = where + ways[0] * bool(stacked)
            read = partial(from_keras, [[arrays[name] for name in used]])
            yield label, set(used), "keras", read


def _flax(arrays: Arrays) -> Iterator[Match]:
    slashed = {name.replace(".", "/"): name for name in arrays}
    for where, names in _grouped(slashed, FLAX).items():
        tree: dict[str, dict[str, Any]] = {}
        for name, m in names.items():
            tree.setdefault(m[2], {})[m[3]] = arrays[slashed[name]]
        try:
            convention = told_by_names(tree)
        except ValueError:
            continue
        used = {slashed[name] for name in names}
        yield where, used, convention, partial(_one_of_flax, tree)


def _one_of_flax(tree: dict[str, dict[str, Any]]) -> Layers:
    return (from_flax(tree),)


def _of_onnx(nodes: Mapping[str, Node | str]) -> Iterator[Found]:
    for name, node in nodes.items():
        try:
            layers = node if isinstance(node, str) else from_onnx([node])
        except ValueError as error:
            layers = str(error)
        yield _settled(name, "onnx", layers)


def _grouped(names: Iterable[str], form: re.Pattern[str]) -> dict[str, dict[str, re.Match[str]]]:
    """Names of a form, by what the first bracket of the form catches."""
    groups: dict[str, dict[str, re.Match[str]]] = {}
    for name in names:
        if m := form.fullmatch(name):
            groups.setdefault(m[1] or "", {})[name] = m
    return groups


def _settled(
    where: str, framework: str | Convention, layers: Layers | str, besides: tuple[str, ...] = ()
) -> Found:
    """Name the convention, now that the cell is known."""
    if isinstance(layers, str):
        return Found(where, None, layers, besides)
    if isinstance(framework, str):
        framework = for_cell(framework, directions(layers[0])[0])
    return Found(where, framework, layers, besides)


def _besides(where: str, arrays: Arrays) -> tuple[str, ...]:
    """Parameters of the options of :class:`rnnlib.nn.modules.LSTM` that torch lacks."""
    prefix = re.escape(where + "." * bool(where))
    return tuple(n for n in arrays if re.fullmatch(prefix + OPTION.pattern, n))


def _title(found: Found) -> str:
    if found.convention is None:
        return "recurrent, but not to be read"
    return f"{found.convention.framework} {found.convention.layer}"


def _lines(found: Found) -> Iterator[str]:
    """What is known of a module, and what is not."""
    if found.convention is None or isinstance(found.layers, str):
        yield f"  {found.layers}"
        return
    convention, layers = found.convention, found.layers
    first = directions(layers[0])
    H = first[0].W_h.shape[0] // len(GATES[convention.cell])
    sizes = f"D = {first[0].W_x.shape[1]}, H = {H}"
    if convention.cell == "lstm_projected":
        sizes += f", P = {first[0].W_h.shape[1]}"
    yield f"  layers {len(layers)}, directions {len(first)}, {sizes}, {first[0].W_x.dtype}"
    numbers = sum(a.size for a in leaves(layers))
    yield f"  the function of rnnlib.reference.{convention.cell}, there with {numbers} numbers"
    stands = "columns" if convention.transposed else "rows"
    yield f"  blocks of {stands} {', '.join(convention.gates)}; biases: {convention.biases}"
    if convention.reset != "—":
        yield f"  reset gate {convention.reset} the product; z near 1 keeps"
    if (convention.framework, convention.layer) == ("torch.nn", "GRU"):
        yield "  or rnnlib.nn GRU(reset_before=True), whose names are the same"
    if found.besides:
        yield f"  but with {', '.join(found.besides)}: options of rnnlib.nn, another function"
    for note in _hints(convention, layers):
        yield f"  hint: {note}"


def _hints(convention: Convention, layers: Layers) -> Iterator[str]:
    """A bias that looks fresh says where a forget gate stands."""
    for layer in layers if "f" in convention.gates else ():
        for cell in directions(layer):
            for block in _ones(pack(cell, convention).m_x):
                gate = convention.gates[block]
                told = "and" if gate == "f" else "but"
                yield (
                    f"block {block + 1} of the bias is all ones, a fresh forget bias, {told} by "
                    f"the names that block is {gate}"
                )
                return


def _ones(b: Array | None) -> list[int]:
    """Which one of four blocks is all ones, if only one is."""
    if b is None or b.size % 4 or not b.size:
        return []
    ones = [k for k, block in enumerate(np.split(b, 4)) if (block == 1).all()]
    return ones if len(ones) == 1 else []


GATED = {"lstm", "lstm_projected", "gru", "gru_cho"}
UNTOLD = {
    "whether an RNN squashes by tanh or by relu": {"elman"},
    "whether gates and candidates have other activations than the usual ones": GATED,
    "the order of the blocks, which is that of the names: every order has equal shapes": GATED,
    "whether z near 1 keeps, as in all frameworks above, or writes, as in some programs": {
        "gru",
        "gru_cho",
    },
}


def _guesses(arrays: Arrays) -> Iterator[str]:
    """Matrices that could be recurrent weights under names that we do not know."""
    yield "Names that we do not know. By their shapes these could be recurrent weights:"
    guesses = [line for name, array in arrays.items() for line in _guess(name, array)]
    yield from guesses or ["  none"]


def _guess(name: str, array: Array) -> Iterator[str]:
    cells = {1: "RNN", 3: "GRU", 4: "LSTM"}
    if array.ndim == 1:
        for block in _ones(array):
            order = "i, f, g, o" if block == 1 else "i, o, f, g or i, g, f, o"
            sign = "a fresh forget bias" + f" in the order {order}" * (block in (1, 2))
            yield f"  {name} {array.shape}: all ones in block {block + 1}, {sign}"
    if array.ndim != 2 or 0 in array.shape:
        return
    n, m = array.shape
    if n == m:
        yield f"  {name} {array.shape}: RNN, by rows or transposed"
    elif n % m == 0 and n // m in cells:
        yield f"  {name} {array.shape}: {cells[n // m]} by rows, as ours, torch's, ONNX's"
    elif m % n == 0 and m // n in cells:
        yield f"  {name} {array.shape}: {cells[m // n]} by columns, as Keras's, Flax's"
