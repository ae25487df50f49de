r"""Convolutional LSTM: inputs, state and gates are images (Shi et al. 2015).

The step, for one example; ``*`` is torch's ``conv2d`` with zeros around the image, ``gated`` what
the gates do in :mod:`rnnlib.nn.lstm`, here at every place of the image::

    a = W_x * x + W_h * h + b                                        (conv-lstm-affine)
    h', c' = gated(a, c)                                             (conv-lstm)

An image has Y rows and X columns; D are its channels, H those of the state.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from torch import Tensor
from torch.nn.functional import conv2d

from rnnlib.nn.lstm import gated


class Params(NamedTuple):
    """What is learned; channels of the gates in the order i, f, g, o."""

    W_x: Tensor  # (4H, D, K, K)
    W_h: Tensor  # (4H, H, K, K)
    b: Tensor  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Tensor  # (B, H, Y, X)
    c: Tensor  # (B, H, Y, X)


@dataclass(frozen=True)
class ConvLSTM:
    """A convolutional LSTM cell.

    Parameters
    ----------
    Y, X : int
        Rows and columns of an image.
    K : int
        Rows and columns of a kernel, odd.

    Raises
    ------
    ValueError
        If ``K`` is not odd and positive.
    """

    Y: int
    X: int
    K: int = 3
    INPUT: ClassVar[str] = "B D Y X"

    def __post_init__(self) -> None:
        if self.K < 1 or self.K % 2 == 0:
            raise ValueError(f"K: got {self.K}, expected an odd positive integer")

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has seen nothing yet: zeros, ``(B, H, Y, X)``."""
        shape = B, params.W_h.shape[1], self.Y, self.X
        return State(*(params.b.new_zeros(shape) for _ in State._fields))

    def step(self, params: Params, x: Tensor, state: State) -> State:
        """Look at one image ``(B, D, Y, X)``; return the state after it."""
        W_x, W_h, b = params
        read = conv2d(x, W_x, b, padding="same")
        a = read + conv2d(state.h, W_h, padding="same")  # (conv-lstm-affine)
        h, c = gated(a, state.c)  # (conv-lstm)
        return State(h, c)
