r"""Layers over time, one on top of the other (Graves 2013; El Hihi & Bengio 1996).

A layer turns a sequence into a sequence. A stack of them, from the inputs ``xs⁰``::

    xsˡ = layer_l(xsˡ⁻¹),  l = 1 ... L,  hs = xsᴸ                    (stack)

and its transpose, given ``dhs = dxsᴸ``::

    dxsˡ⁻¹ = (∂xsˡ/∂xsˡ⁻¹)ᵀ dxsˡ,  l = L ... 1                       (stack-backward)

Layers are built of pieces: :class:`Recurrent` runs any cell; :class:`Stack`,
:class:`~rnnlib.reference.bidirectional.Bidirectional`,
:class:`~rnnlib.reference.residual.Residual` and :class:`~rnnlib.reference.residual.Highway` are
made of layers, and are layers. Parameters, states and caches are trees of the same form::

    Stack((Recurrent(lstm), Residual(Recurrent(lstm))))

:func:`forward` and :func:`backward` are the entrances: they check what is given and put zeros
past the end of every sequence, for what goes in and for the gradient that comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from rnnlib import shapes
from rnnlib.reference import packed
from rnnlib.reference.bptt import Cell
from rnnlib.reference.ops import Array, leaves, paths


class Layer(Protocol):
    """What a layer is: any frozen dataclass with these five functions."""

    def init(self, rng: np.random.Generator, D: int, H: int) -> Any: ...
    def zero_state(self, params: Any, B: int) -> Any: ...
    def width(self, params: Any) -> int: ...
    def forward(
        self, params: Any, xs: Array, state: Any, lengths: Array
    ) -> tuple[Array, Any, Any]: ...
    def backward(
        self, params: Any, cache: Any, dhs: Array, dlast: Any
    ) -> tuple[Any, Array, Any]: ...


@dataclass(frozen=True)
class Recurrent:
    """A cell, run over time.

    Parameters
    ----------
    cell : Cell
        Any cell, such as the module :mod:`rnnlib.reference.elman`.
    """

    cell: Cell[Any, Any, Any]

    def init(self, rng: np.random.Generator, D: int, H: int) -> Any:
        """Draw the cell's parameters."""
        return self.cell.init(rng, D, H)

    def zero_state(self, params: Any, B: int) -> Any:
        """State before anything is read; refuses what are no parameters of a cell."""
        shapes.check_tuple("params", params, {})
        return self.cell.zero_state(params, B)

    def width(self, params: Any) -> int:
        """How many numbers come out at each step."""
        return int(self.cell.zero_state(params, 1).h.shape[1])

    def forward(
        self, params: Any, xs: Array, state: Any, lengths: Array
    ) -> tuple[Array, Any, packed.Cache[Any]]:
        """Run the cell over time."""
        return packed.forward(self.cell, params, xs, state, lengths)

    def backward(self, params: Any, cache: Any, dhs: Array, dlast: Any) -> tuple[Any, Array, Any]:
        """Carry gradients back through time."""
        return packed.backward(self.cell, params, cache, dhs, dlast)


@dataclass(frozen=True)
class Stack:
    """Layers, the first reading the input and each other one the layer below it.

    Parameters
    ----------
    layers : sequence of Layer
        From the lowest to the highest. Parameters, states and caches are tuples of theirs.

    Raises
    ------
    ValueError
        If there is none.
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("layers: got none, expected at least one")

    def init(self, rng: np.random.Generator, D: int, H: int) -> tuple[Any, ...]:
        """Draw the parameters of all layers, each with H units."""
        params = []
        for layer in self.layers:
            params.append(layer.init(rng, D, H))
            D = layer.width(params[-1])
        return tuple(params)

    def zero_state(self, params: Any, B: int) -> tuple[Any, ...]:
        """States before anything is read; refuses what are no parameters of so many layers."""
        if not isinstance(params, tuple) or len(params) != len(self.layers):
            got = f"{len(params)} parts" if isinstance(params, tuple) else type(params).__name__
            raise ValueError(f"params: got {got}, expected a tuple of {len(self.layers)} parts")
        return tuple(a.zero_state(p, B) for a, p in zip(self.layers, params, strict=True))

    def width(self, params: Any) -> int:
        """How many numbers come out at each step."""
        return self.layers[-1].width(params[-1])

    def forward(
        self, params: Any, xs: Array, state: Any, lengths: Array
    ) -> tuple[Array, tuple[Any, ...], tuple[Any, ...]]:
        """Run all layers, from the lowest."""
        last, caches = [], []
        for layer, p, s in zip(self.layers, params, state, strict=True):
            xs, end, cache = layer.forward(p, xs, s, lengths)  # (stack)
            last.append(end)
            caches.append(cache)
        return xs, tuple(last), tuple(caches)

    def backward(
        self, params: Any, cache: Any, dhs: Array, dlast: Any
    ) -> tuple[tuple[Any, ...], Array, tuple[Any, ...]]:
        """Carry gradients back through all layers, from the highest."""
        dparams, dstate = [], []
        for layer, p, c, d in reversed(list(zip(self.layers, params, cache, dlast, strict=True))):
            dp, dhs, ds = layer.backward(p, c, dhs, d)  # (stack-backward)
            dparams.append(dp)
            dstate.append(ds)
        return tuple(dparams[::-1]), dhs, tuple(dstate[::-1])


class Cache(NamedTuple):
    """What :func:`backward` needs of :func:`forward`."""

    valid: Any  # where a sequence has not ended, an array (T, B, 1) of bool
    last: Any
    inner: Any


def forward(
    layer: Layer, params: Any, xs: Array, state: Any, lengths: Array | None = None
) -> tuple[Array, Any, Cache]:
    """Run a layer, such as a stack of them, over sequences.

    Parameters
    ----------
    layer : Layer
        The layer.
    params : tree of Array
        Its parameters, of the form that ``layer.init`` gives.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1; what stands past the end of a sequence is not read.
    state : tree of Array
        States before the first input, of the form that ``layer.zero_state`` gives.
    lengths : Array of int, optional
        Lengths of the sequences, ``(B,)``, from 1 to T; by default all have T steps.

    Returns
    -------
    Array
        Outputs, ``(T, B, width)``, zero past the end of a sequence.
    tree of Array
        States of every sequence after its own last input; in a layer that reads backward, after
        the first.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a form, shape or dtype is not as stated, the sequence is empty, or a length is not in
        1 ... T.
    """
    sizes = shapes.arguments(xs=(xs, "T B D"))
    T, B = sizes["T"], sizes["B"]
    lengths = np.full(B, T) if lengths is None else lengths
    packed.check_lengths(lengths, T, B)
    _check_form("state", state, layer.zero_state(params, B))
    valid = (np.arange(T)[:, None] < lengths)[..., None]
    hs, last, inner = layer.forward(params, np.where(valid, xs, 0), state, lengths)
    return hs, last, Cache(valid, last, inner)


def backward(
    layer: Layer, params: Any, cache: Cache, dhs: Array, dlast: Any
) -> tuple[Any, Array, Any]:
    """Carry gradients back through a layer.

    Parameters
    ----------
    layer : Layer
        The layer that :func:`forward` ran.
    params : tree of Array
        Its parameters.
    cache : Cache
        What :func:`forward` kept.
    dhs : Array
        Gradient that the loss sends into each output, ``(T, B, width)``; what stands past the end
        of a sequence is not read.
    dlast : tree of Array
        Gradient with respect to the states after the last input.

    Returns
    -------
    tree of Array
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``, zero past the end of a sequence.
    tree of Array
        Gradient with respect to the states before the first input.

    Raises
    ------
    ValueError
        If a form, shape or dtype is not as stated.
    """
    T, B, _ = cache.valid.shape
    shapes.check("dhs", dhs, ("T", "B", "H"), {"T": T, "B": B, "H": layer.width(params)})
    _check_form("dlast", dlast, cache.last)
    return layer.backward(params, cache.inner, np.where(cache.valid, dhs, 0), dlast)


def _check_form(name: str, got: Any, want: Any) -> None:
    """Refuse a tree of another form, or with an array of another shape."""
    forms = [dict(zip(paths(name, t), map(np.shape, leaves(t)), strict=True)) for t in (got, want)]
    if forms[0] != forms[1]:
        raise ValueError(f"{name}: got {forms[0]}, expected {forms[1]}")
