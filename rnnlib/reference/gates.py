r"""What gated cells share: weights with one block of H rows for each of their n gates.

::

    W_x = [W_x1; ...; W_xn],  W_h = [W_h1; ...; W_hn],  b = [b_1; ...; b_n]

One product gives the preactivations of all gates, and ``np.split(a, n, axis=1)`` tells them apart.
"""

from typing import Protocol

import numpy as np

from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array


class Recurrent(Protocol):
    """Parameters with recurrent weights, whose second axis is that of the units they read."""

    @property
    def W_h(self) -> Array: ...


def init(rng: np.random.Generator, n: int, D: int, H: int) -> tuple[Array, Array, Array]:
    """Draw weights as torch does, uniform within ±1/√H; the bias, which torch draws too, is zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n : int
        Number of gates.
    D, H : int
        Number of inputs and of hidden units.

    Returns
    -------
    tuple of Array
        ``W_x`` ``(nH, D)``, ``W_h`` ``(nH, H)`` and ``b`` ``(nH,)``, in float64.
    """
    return uniform(rng, (n * H, D), fan=H), uniform(rng, (n * H, H), fan=H), np.zeros(n * H)


def zeros(params: Recurrent, B: int) -> Array:
    """What the recurrent weights read before the first step: zeros ``(B, H)`` of their dtype."""
    return np.zeros((B, params.W_h.shape[1]), dtype=params.W_h.dtype)
