"""What the explorables draw, as the library computes it. Arrays are sent as float32."""

import zlib
from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any

import numpy as np

from rnnlib import characters, inside
from rnnlib.reference import cliff, elman, init
from rnnlib.reference.ops import Array, leaves, tree_map


def gradient_through_time(T: int = 100, B: int = 4, H: int = 32) -> dict[str, Any]:
    """A network, inputs and a gradient at the last step, drawn as the chapter's experiment does."""
    rng = np.random.default_rng(0)
    params = elman.init(rng, 1, H)
    return {
        "Q": init.orthogonal(rng, (H, H)),
        "W_x": params.W_x[:, 0],
        "b": params.b,
        "xs": rng.normal(size=(T, B)),
        "last": rng.normal(size=(B, H)),
    }


@cache
def char_weights() -> characters.Network:
    """The long run's network as a page carries it: float16 with 8 bits of the fraction, not 10.

    The last bits are noise to a compressor. Without two of them the file is a fifth shorter.
    """

    def shorter(array: Array) -> Array:
        bits = array.astype("<f2").view("<u2").astype("u4")
        rounded = (bits + 2) & 0xFFFC
        return rounded.astype("<u2").view("<f2").astype(np.float32)

    return tree_map(shorter, characters.load().network)


def char_model() -> dict[str, Any]:
    """Sizes and symbols of the character model, and the unit that tells an open bracket best."""
    network, symbols = char_weights(), characters.load().excerpt[:, :600].T
    _, _, cs, _ = characters.read(network, symbols)
    weights = 4 / 3 * len(packed(network))  # in base64
    brackets = [inside.marks(characters.decode(row)).bracket for row in symbols.T]
    open_there = np.stack(brackets, axis=1).ravel().astype(float)
    tells = inside.correlation(cs.reshape(len(open_there), -1), open_there)
    V, D = network.embedding.E.shape
    return {
        "vocabulary": characters.VOCABULARY,
        "kilobytes": round(weights / 1000),
        "sizes": {"V": V, "D": D, "H": cs.shape[-1]},
        "unit": int(np.abs(tells).argmax()),
        "text": "    def area(self, radius):\n        return math.pi * (radius ",
        "longest": 400,
        "shown": 8,
    }


def lstm_cell() -> dict[str, Any]:
    """What the candidate makes of a pulse, and how many steps are shown."""
    return {"W_g": 2.0, "steps": 40}


def clipping_cliff() -> dict[str, Any]:
    """The network of the chapter's figure, its start, and what of the surface is shown."""
    parameters = signature(cliff.loss_and_gradient).parameters
    network = {name: parameters[name].default for name in ("h_0", "y", "T")}
    return network | {"start": [5.2, -2.0], "w": [3.4, 6.4], "b": [-3.4, -1.0]}


def unroll_steps(T: int = 4, D: int = 2, H: int = 3) -> dict[str, Any]:
    """A network, inputs and gradients of short numbers, so that a reader can follow on paper."""
    rng = np.random.default_rng(1)
    shapes = {"W_x": (H, D), "W_h": (H, H), "b": (H,), "xs": (T, D), "h_0": (H,), "dhs": (T, H)}
    data = {name: rng.uniform(-1, 1, size=shape).round(1) for name, shape in shapes.items()}
    data["dhs"][[0, 2]] = 0.0  # the losses look at steps 2 and 4
    return {name: array.tolist() for name, array in data.items()}


#: By the name of the element.
DATA: dict[str, Callable[[], dict[str, Any]]] = {
    "char-model": char_model,
    "clipping-cliff": clipping_cliff,
    "gradient-through-time": gradient_through_time,
    "lstm-cell": lstm_cell,
    "unroll-steps": unroll_steps,
}


def packed(network: Any) -> bytes:
    """Weights for a page: the low bytes of all float16, then the high ones, deflated."""
    flat = np.concatenate([leaf.ravel() for leaf in leaves(network)]).astype("<f2")
    planes = flat.view(np.uint8).reshape(-1, 2).T
    return zlib.compress(planes.tobytes(), level=9)


#: What a page loads only when it is asked to, by the name of the element.
WEIGHTS: dict[str, Callable[[], bytes]] = {"char-model": lambda: packed(char_weights())}
