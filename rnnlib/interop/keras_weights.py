"""Weights of Keras 3's ``SimpleRNN``, ``LSTM`` and ``GRU``, in the order of ``get_weights()``.

The arrays are the transposes of ours. An LSTM has our order (Keras calls it i, f, c, o), a GRU has
z, r, n (Keras: z, r, h). One bias, but two, as the rows of one array, in a GRU with
``reset_after=True``, Keras's default. ``Bidirectional`` has the weights of the layer that reads
forward, then of that which reads backward. ``unit_forget_bias=True``, also the default, lets the
rows of f in a fresh bias be 1: it stands in the weights, so nothing is added when they move.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from rnnlib.interop.blocks import Blocks, pack, unpack
from rnnlib.interop.conventions import NONE, TWO, Cell, Convention, find, for_cell
from rnnlib.interop.layers import Layers, Network, as_layers, directions, joined
from rnnlib.reference.ops import Array

LAYERS = {1: "SimpleRNN", 3: "GRU", 4: "LSTM"}


def to_keras(params: Network, use_bias: bool = True) -> list[list[Array]]:
    """Bring the weights into the form of Keras.

    Parameters
    ----------
    params : Params, Both, or a sequence of them
        One layer or several; :mod:`~rnnlib.reference.gru` becomes ``GRU``,
        :mod:`~rnnlib.reference.gru_cho` becomes ``GRU(reset_after=False)``.
    use_bias : bool
        Whether the layers have biases.

    Returns
    -------
    list of lists of Array
        For each layer what its ``set_weights`` takes; for two directions, what that of its
        ``Bidirectional`` takes.

    Raises
    ------
    ValueError
        If Keras has no such layer.

    Examples
    --------
    >>> from rnnlib.reference import gru
    >>> params = gru.init(np.random.default_rng(0), D=3, H=5)
    >>> [array.shape for array in to_keras(params)[0]]
    [(3, 15), (5, 15), (2, 15)]
    """
    return [
        [array for cell in directions(layer) for array in _arrays(cell, use_bias)]
        for layer in as_layers(params)
    ]


def from_keras(weights: Sequence[Sequence[ArrayLike]], reset_after: bool | None = None) -> Layers:
    """Read the weights of recurrent layers of Keras.

    Parameters
    ----------
    weights : sequence of sequences of array
        ``layer.get_weights()`` of each layer, from the lowest to the highest.
    reset_after : bool, optional
        Of a GRU, which its biases tell; without biases it must be said.

    Returns
    -------
    tuple of Params or Both
        The layers; two biases have become their sum.

    Raises
    ------
    ValueError
        If an array is missing or of another shape, or the place of the reset gate cannot be told
        or is not that of ``reset_after``.
    """
    layers = []
    for k, arrays in enumerate(weights):
        name = f"layer {k}"
        if not isinstance(arrays, Sequence) or len(arrays) not in (2, 3, 4, 6):
            listed = isinstance(arrays, Sequence)
            got = f"{len(arrays)} arrays" if listed else type(arrays).__name__
            want = "for each layer the 2, 3, 4 or 6 arrays of its get_weights()"
            raise ValueError(f"{name}: got {got}, expected a list that has {want}")
        each = len(arrays) // (2 if len(arrays) in (4, 6) else 1)
        parts = [arrays[n : n + each] for n in range(0, len(arrays), each)]
        layers.append(joined([_cell([*map(np.asarray, p)], reset_after, name) for p in parts]))
    return as_layers(layers)


def _arrays(cell: Cell, use_bias: bool) -> list[Array]:
    convention = for_cell("keras", cell)
    blocks = pack(cell, convention if use_bias else replace(convention, biases=NONE))
    biases = [m for m in (blocks.m_x, blocks.m_h) if m is not None]
    if len(biases) == 2:
        biases = [np.stack(biases)]
    return [blocks.M_x, blocks.M_h, *biases]


def _cell(arrays: list[Array], reset_after: bool | None, name: str) -> Cell:
    kernel, recurrent, *bias = arrays
    blocks = recurrent.shape[-1] / len(recurrent)
    if blocks not in LAYERS:
        raise ValueError(
            f"{name}: got a recurrent_kernel of shape {recurrent.shape}, expected (H, H), (H, 3H) "
            "or (H, 4H)"
        )
    convention = _convention(LAYERS[int(blocks)], bias, reset_after, name)
    m_x, m_h = bias[0] if convention.biases == TWO else (*bias, None, None)[:2]
    return unpack(Blocks(kernel, recurrent, m_x, m_h), convention, name)


def _convention(layer: str, bias: list[Array], reset_after: bool | None, name: str) -> Convention:
    if layer == "GRU":
        told = np.ndim(bias[0]) == 2 if bias else reset_after
        if told is None:
            raise ValueError(f"{name}: a GRU without biases; say reset_after=True or False")
        if reset_after not in (None, told):
            raise ValueError(f"{name}: got reset_after={reset_after}, but the bias says {told}")
        layer += "" if told else ", reset_after=False"
    convention = find("keras", layer)
    return convention if bias else replace(convention, biases=NONE)
