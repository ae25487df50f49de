"""Weights of ``torch.nn.RNN``, ``LSTM`` and ``GRU``, by the names of their state dict.

Those of :mod:`rnnlib.nn.modules` have the same names, as long as no option adds parameters.
Blocks in our order, two biases of which the sum acts (but for the candidate of the GRU, which is
our ``b_n``), ``proj_size`` as :mod:`rnnlib.reference.lstm_projected`. Every bias is drawn around 0;
there is no forget bias, and who adds one must add it to one of the two. Whether an RNN squashes by
tanh or by relu does not stand in the weights; ours squashes by tanh.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnnlib.interop.blocks import Blocks, pack, unpack
from rnnlib.interop.conventions import NONE, Cell, find, for_cell
from rnnlib.interop.layers import Layers, Network, as_layers, directions, joined, uniform
from rnnlib.reference.ops import Array

NAME = re.compile(r"(weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)_l(\d+)(_reverse)?")
OPTION = re.compile(r"(?:gamma_[xhc]|beta_c|weight_c)_l\d+(?:_reverse)?")  # of rnnlib.nn alone
FIELDS = {
    "weight_ih": "M_x",
    "weight_hh": "M_h",
    "bias_ih": "m_x",
    "bias_hh": "m_h",
    "weight_hr": "W_p",
}
BEFORE = find("rnnlib.nn", "GRU, reset_before=True")
LAYERS = {1: "RNN", 3: "GRU", 4: "LSTM"}


def to_torch(params: Network, bias: bool = True, reset_before: bool = False) -> dict[str, Array]:
    """Name the weights as torch does.

    Parameters
    ----------
    params : Params, Both, or a sequence of them
        One layer or several.
    bias : bool
        Whether the module has biases.
    reset_before : bool
        Whether it is our ``GRU(reset_before=True)``, which computes
        :mod:`~rnnlib.reference.gru_cho` under torch's names.

    Returns
    -------
    dict[str, Array]
        For ``module.load_state_dict({k: torch.from_numpy(a) for k, a in ....items()})``. The bias
        stands in ``bias_ih``; ``bias_hh`` is zero, but for ``b_n``.

    Raises
    ------
    ValueError
        If torch has no such module.

    Examples
    --------
    >>> from rnnlib.reference import gru
    >>> params = gru.init(np.random.default_rng(0), D=3, H=5)
    >>> {name: array.shape for name, array in to_torch(params).items()}
    {'weight_ih_l0': (15, 3), 'weight_hh_l0': (15, 5), 'bias_ih_l0': (15,), 'bias_hh_l0': (15,)}
    """
    layers, state = as_layers(params), {}
    uniform("torch.nn", layers)
    for k, layer in enumerate(layers):
        for cell, suffix in zip(directions(layer), ("", "_reverse"), strict=False):
            convention = BEFORE if reset_before else for_cell("torch.nn", cell)
            blocks = pack(cell, convention if bias else replace(convention, biases=NONE))
            for name, field in FIELDS.items():
                if (array := getattr(blocks, field)) is not None:
                    state[f"{name}_l{k}{suffix}"] = array
    return state


def from_torch(
    state: Mapping[str, ArrayLike], prefix: str = "", reset_before: bool = False
) -> Layers:
    """Read the weights of a module of torch.

    Parameters
    ----------
    state : mapping of str to array or tensor
        A state dict, or one that holds that of the module under a prefix.
    prefix : str
        What the names of the module's weights begin with, such as ``"encoder."``.
    reset_before : bool
        As for :func:`to_torch`; names and shapes do not tell.

    Returns
    -------
    tuple of Params or Both
        The layers; two biases have become their sum.

    Raises
    ------
    ValueError
        If a name is none of such a module, or an array is missing or of another shape.
    """
    if not isinstance(state, Mapping):
        got = type(state).__name__
        raise ValueError(f"state: got {got}, expected what its state_dict() gives")
    parts: dict[int, dict[str, dict[str, Array]]] = {}
    for name, array in state.items():
        if not name.startswith(prefix):
            continue
        if not (match := NAME.fullmatch(name.removeprefix(prefix))):
            raise ValueError(f"state: got {name!r}, {_instead(name, prefix, state)}")
        part = parts.setdefault(int(match[2]), {}).setdefault(match[3] or "", {})
        part[FIELDS[match[1]]] = _array(name, array)
    if not parts:
        raise ValueError(f"state: got no weights, {_instead('', prefix, state)}")
    if sorted(parts) != list(range(len(parts))):
        raise ValueError(f"state: got layers {sorted(parts)} under {prefix!r}, expected 0, 1, ...")
    layers = []
    for k in range(len(parts)):
        if sorted(parts[k]) not in ([""], ["", "_reverse"]):
            raise ValueError(f"state: got no weights of layer {k} that reads forward")
        layers.append(
            joined([_cell(parts[k][s], f"layer {k}{s}", reset_before) for s in sorted(parts[k])])
        )
    return as_layers(layers)


def _array(name: str, a: Any) -> Array:
    """An array, also of a tensor that has a gradient, lies on a GPU or is of bfloat16."""
    if not hasattr(a, "detach"):
        return np.asarray(a)
    if a.is_meta:
        raise ValueError(f"state: got {name!r} on the device meta, which holds no numbers")
    a = a.detach().cpu()
    return np.asarray(a.float() if str(a.dtype) == "torch.bfloat16" else a)


def _instead(name: str, prefix: str, state: Mapping[str, Any]) -> str:
    """What would be right in place of a name that is not."""
    if OPTION.fullmatch(name.removeprefix(prefix)):
        return "which an option of rnnlib.nn adds, and no other framework has"
    want = f"expected names such as '{prefix}weight_ih_l0'"
    found = [n.removesuffix("weight_ih_l0") for n in state if n.endswith("weight_ih_l0")]
    return want + f"; there are some with prefix={' or '.join(map(repr, found))}" * bool(found)


def _cell(arrays: dict[str, Array], name: str, reset_before: bool) -> Cell:
    """One cell of a module."""
    if missing := {"M_x", "M_h"} - set(arrays):
        names = [n for n, field in FIELDS.items() if field in missing]
        raise ValueError(f"{name}: got no {' and no '.join(names)}")
    projected = "W_p" in arrays
    H = np.shape(arrays["W_p" if projected else "M_h"])[-1]
    blocks = len(arrays["M_h"]) / H
    if blocks not in LAYERS:
        raise ValueError(f"{name}: got {blocks:g} blocks of H = {H} rows, expected 1, 3 or 4")
    convention = find("torch.nn", LAYERS[int(blocks)] + ", proj_size" * projected)
    if reset_before:
        if convention.layer != "GRU":
            raise ValueError(f"{name}: got reset_before=True for a {convention.layer}")
        convention = BEFORE
    if "m_x" not in arrays and "m_h" not in arrays:
        convention = replace(convention, biases=NONE)
    fields = {field: arrays.get(field) for field in Blocks._fields}
    return unpack(Blocks(**fields), convention, name)  # type: ignore[arg-type]
