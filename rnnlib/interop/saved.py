"""Our own weights in a file: an ``.npz`` with one array for each field, and nothing pickled.

The names say the layer and, of two, the direction: ``0.W_x``, or ``1.ahead.W_x`` and
``1.back.W_x``. Which cell it is follows from the fields and the number of blocks.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnlib.interop.conventions import CELLS, GATES, Cell
from rnnlib.interop.layers import Layers, Network, as_layers, directions, joined
from rnnlib.reference.ops import Array

NAME = re.compile(r"(\d+)\.(|ahead\.|back\.)(W_x|W_h|b|b_n|W_p)")


def save(path: str | Path, params: Network) -> None:
    """Write the parameters of layers.

    Parameters
    ----------
    path : path
        Of the file, which ends in ``.npz``.
    params : Params, Both, or a sequence of them
        One layer or several.

    Raises
    ------
    ValueError
        If the layers do not fit, or the path has another ending.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"path: got {str(path)!r}, expected an ending in .npz")
    arrays: dict[str, Any] = {}
    for k, layer in enumerate(as_layers(params)):
        cells = directions(layer)
        for cell, way in zip(cells, ("ahead.", "back.") if len(cells) == 2 else ("",), strict=True):
            arrays |= {f"{k}.{way}{field}": array for field, array in cell._asdict().items()}
    np.savez(path, **arrays)


def load(path: str | Path) -> Layers:
    """Read what :func:`save` wrote.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    tuple of Params or Both
        The layers.

    Raises
    ------
    ValueError
        If there are other arrays in it.

    Examples
    --------
    >>> import tempfile
    >>> from rnnlib.reference import elman
    >>> params = elman.init(np.random.default_rng(0), D=2, H=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/weights.npz", params)
    ...     (back,) = load(f"{folder}/weights.npz")
    >>> all(np.array_equal(a, b) for a, b in zip(params, back, strict=True))
    True
    """
    with np.load(path, allow_pickle=False) as file:
        return from_names(dict(file))


def from_names(arrays: Mapping[str, Array]) -> Layers:
    """Read arrays that are named as :func:`save` names them.

    Parameters
    ----------
    arrays : mapping of str to Array
        By their names.

    Returns
    -------
    tuple of Params or Both
        The layers.

    Raises
    ------
    ValueError
        If a name or a shape is not of the form.
    """
    parts: dict[int, dict[str, dict[str, Array]]] = {}
    for name, array in arrays.items():
        match = NAME.fullmatch(name)
        if not match:
            raise ValueError(f"got {name!r}, expected a name such as '0.W_x' or '0.ahead.W_x'")
        parts.setdefault(int(match[1]), {}).setdefault(match[2], {})[match[3]] = array
    if sorted(parts) != list(range(len(parts))):
        raise ValueError(f"got layers {sorted(parts)}, expected 0, 1, ...")
    layers = []
    for k in range(len(parts)):
        if set(parts[k]) not in ({""}, {"ahead.", "back."}):
            raise ValueError(f"layer {k}: got {sorted(parts[k])}, expected 'ahead.' and 'back.'")
        layers.append(joined([_cell(parts[k][way], f"layer {k}") for way in sorted(parts[k])]))
    return as_layers(layers)


def _cell(fields: dict[str, Array], name: str) -> Cell:
    for cell, params in CELLS.items():
        if set(fields) == set(params._fields):
            blocks = len(fields["W_h"]) / fields.get("W_p", fields["W_h"]).shape[-1]
            if blocks == len(GATES[cell]):
                make: Any = params
                made: Cell = make(**fields)
                return made
    shapes = {field: array.shape for field, array in fields.items()}
    raise ValueError(f"{name}: got {shapes}, which are no parameters of {', '.join(CELLS)}")
