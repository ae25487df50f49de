r"""The character model that the book trains once: its symbols, its network and its file.

A text is a sequence of V = 97 symbols: the line feed, the 95 printable characters of ASCII from
the space to the tilde, and one symbol for every other character. The network reads a symbol y at
each step and says logits of the next one; its parts are those of the reference::

    x_t = E[y_t],   (h_t, c_t) = lstm(x_t, h_{t-1}, c_{t-1}),   ŷ_t = W_y h_t + b_y

``python -m rnnlib.experiments run char_lstm`` trains it and writes ``book/results/char_lstm.npz``,
an archive of plain arrays that needs no pickle (each ``NAME.npy`` in it is deflated):

========================  ===========  =============================================
array                     dtype        holds
========================  ===========  =============================================
``network.embedding.E``   float16      E, (V, D)
``network.cell.W_x``      float16      (4H, D), blocks of H rows in the order i, f, g, o
``network.cell.W_h``      float16      (4H, H), likewise
``network.cell.b``        float16      (4H,), likewise; torch's two biases are summed
``network.readout.W_y``   float16      (V, H)
``network.readout.b_y``   float16      (V,)
``vocabulary``            str          the V - 1 symbols that are characters, in order
``excerpt``               uint8        text that it was not trained on, (files, T), as symbols
``files``                 str          where each row of it comes from, (files,)
``source``                str          of which Python, and whose it is
========================  ===========  =============================================

The state before the first symbol is zero.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib.experiments import RESULTS
from rnnlib.reference import bptt, embedding, linear, lstm
from rnnlib.reference.ops import Array, leaves, paths, tree_map

#: The symbols that are characters, in order; the one after the last stands for any other.
VOCABULARY = "\n" + "".join(map(chr, range(ord(" "), ord("~") + 1)))
V = len(VOCABULARY) + 1

#: What :func:`decode` writes for the symbol of any other character.
OTHER = "\N{REPLACEMENT CHARACTER}"

_NUMBER = {character: k for k, character in enumerate(VOCABULARY)}


class Network(NamedTuple):
    """An embedding, an LSTM and a read-out."""

    embedding: embedding.Params
    cell: lstm.Params
    readout: linear.Params


class Trained(NamedTuple):
    """What the file holds."""

    network: Network  # in float32
    excerpt: NDArray[np.int64]  # (files, T)
    files: tuple[str, ...]
    source: str


def encode(text: str) -> NDArray[np.int64]:
    """Symbols of a text.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    Array of int
        One symbol per character, ``(T,)``.

    Examples
    --------
    >>> encode("a é")
    array([66,  1, 96])
    """
    return np.array([_NUMBER.get(character, V - 1) for character in text], dtype=np.int64)


def decode(symbols: Any) -> str:
    """Text of symbols.

    Parameters
    ----------
    symbols : sequence of int
        Symbols from 0 to V - 1, ``(T,)``.

    Returns
    -------
    str
        One character per symbol.

    Examples
    --------
    >>> decode(encode("a é")) == "a " + OTHER
    True
    """
    return "".join((VOCABULARY + OTHER)[int(k)] for k in symbols)


def read(
    network: Network, symbols: NDArray[np.int64], cell: Any = lstm
) -> tuple[Array, Array, Array, list[lstm.Cache]]:
    """Read texts from a zero state, all of one length.

    Parameters
    ----------
    network : Network
        The network.
    symbols : Array of int
        One text per column, ``(T, B)``.
    cell : Cell
        What steps; another cell with the parameters and states of an LSTM may take its place.

    Returns
    -------
    Array
        Logits of the symbol after each, ``(T, B, V)``.
    Array
        Hidden states, ``(T, B, H)``.
    Array
        Memories, ``(T, B, H)``.
    list of Cache
        One per step, for :func:`rnnlib.reference.bptt.backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, a symbol is none, or there is no step.
    """
    xs = embedding.forward(network.embedding, symbols)
    zero = lstm.zero_state(network.cell, xs.shape[1])
    hs, last, caches = bptt.forward(cell, network.cell, xs, zero)
    cs = np.stack([*(cache.prev.c for cache in caches[1:]), last.c])
    return linear.forward(network.readout, hs), hs, cs, caches


def save(trained: Trained) -> dict[str, Any]:
    """Arrays of the file, see the module.

    Parameters
    ----------
    trained : Trained
        What to keep; the weights are rounded to float16.

    Returns
    -------
    dict of Array
        By name, for ``numpy.savez_compressed``.
    """
    network = trained.network
    weights = dict(zip(paths("network", network), leaves(network), strict=True))
    return {name: array.astype(np.float16) for name, array in weights.items()} | {
        "vocabulary": np.array(VOCABULARY),
        "excerpt": trained.excerpt.astype(np.uint8),
        "files": np.array(trained.files),
        "source": np.array(trained.source),
    }


def load(path: Path = RESULTS / "char_lstm.npz") -> Trained:
    """Read the file.

    Parameters
    ----------
    path : Path
        By default the one in ``book/results/``.

    Returns
    -------
    Trained
        The network and the text that it has not seen.

    Raises
    ------
    ValueError
        If the file was written for other symbols.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    if str(arrays["vocabulary"]) != VOCABULARY:
        raise ValueError(f"path: got {path.name} with other symbols, expected VOCABULARY")
    names: Any = iter(paths("network", _FORM))
    network = tree_map(lambda _: arrays[next(names)].astype(np.float32), _FORM)
    files = tuple(str(name) for name in arrays["files"])
    return Trained(network, arrays["excerpt"].astype(np.int64), files, str(arrays["source"]))


_none: Any = np.zeros(0)
_FORM = Network(
    embedding.Params(_none), lstm.Params(_none, _none, _none), linear.Params(_none, _none)
)
