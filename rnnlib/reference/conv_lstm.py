r"""Convolutional LSTM: inputs, state and gates are images (Shi et al. 2015).

The step, for one example; ``*`` is :func:`rnnlib.reference.convolution.convolve`, ``gated`` what
the gates do in :mod:`rnnlib.reference.lstm`, here at every place of the image::

    a = W_x * x + W_h * h + b                                        (conv-lstm-affine)
    h', c' = gated(a, c)                                             (conv-lstm)

and its transpose, given ``dh'`` and ``dc'``::

    da, dc = gatedᵀ(dh', dc')                                        (conv-lstm-dgated)
    dW_x, dx = *ᵀ(W_x, x; da)                                        (conv-lstm-dinputs)
    dW_h, dh = *ᵀ(W_h, h; da)                                        (conv-lstm-dstate)
    db = Σ_{yx} da                                                   (conv-lstm-dbias)

An image has Y rows and X columns; D are its channels, H those of the state. The cell of the paper
also has peepholes, one weight for every place; this one has none.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from rnnlib.reference.convolution import convolve, convolve_backward
from rnnlib.reference.init import uniform
from rnnlib.reference.lstm import Kept, gated, gated_backward
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned; channels of the gates in the order i, f, g, o."""

    W_x: Array  # (4H, D, K, K)
    W_h: Array  # (4H, H, K, K)
    b: Array  # (4H,)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, H, Y, X)
    c: Array  # (B, H, Y, X)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D, Y, X)
    prev: State
    kept: Kept


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

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw parameters: weights uniform within ±1/√(HK²), the bias at zero.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        D, H : int
            Number of channels of the input and of the state.

        Returns
        -------
        Params
            Fresh parameters in float64.
        """
        K = self.K
        W_x, W_h = (uniform(rng, (4 * H, n, K, K), fan=H * K * K) for n in (D, H))
        return Params(W_x, W_h, np.zeros(4 * H))

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has seen nothing yet: zeros, ``(B, H, Y, X)``."""
        shape = B, params.W_h.shape[1], self.Y, self.X
        return State(*(np.zeros(shape, dtype=params.b.dtype) for _ in State._fields))

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Cache]:
        """Look at one image.

        Parameters
        ----------
        params : Params
            The parameters.
        x : Array
            Images at this step, ``(B, D, Y, X)``.
        state : State
            State before it.

        Returns
        -------
        State
            State after it.
        Cache
            What :meth:`step_backward` needs.
        """
        W_x, W_h, b = params
        a = convolve(W_x, x) + convolve(W_h, state.h) + b[:, None, None]  # (conv-lstm-affine)
        h, c, kept = gated(a, state.c)  # (conv-lstm)
        return State(h, c), Cache(x, state, kept)

    def step_backward(
        self, params: Params, cache: Cache, dstate: State
    ) -> tuple[Params, Array, State]:
        """Send the gradient of one step back.

        Parameters
        ----------
        params, cache, dstate
            As for :func:`rnnlib.reference.lstm.step_backward`.

        Returns
        -------
        Params, Array, State
            As there: gradients with respect to parameters, inputs and the state before the step.
        """
        W_x, W_h, _ = params
        x, prev, kept = cache
        da, dc = gated_backward(kept, prev.c, dstate.h, dstate.c)  # (conv-lstm-dgated)
        dW_x, dx = convolve_backward(W_x, x, da)  # (conv-lstm-dinputs)
        dW_h, dh = convolve_backward(W_h, prev.h, da)  # (conv-lstm-dstate)
        db = da.sum((0, 2, 3))  # (conv-lstm-dbias)
        return Params(dW_x, dW_h, db), dx, State(dh, dc)
