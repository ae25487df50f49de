r"""What gated cells share: weights with one block of H rows for each of their n gates.

::

    W_x = [W_x1; ...; W_xn],  W_h = [W_h1; ...; W_hn],  b = [b_1; ...; b_n]

One product gives the preactivations of all gates, and ``a.chunk(n, dim=1)`` tells them apart.
"""

from typing import Protocol

from torch import Tensor


class Recurrent(Protocol):
    """Parameters with recurrent weights, whose second axis is that of the units they read."""

    @property
    def W_h(self) -> Tensor: ...


def zeros(params: Recurrent, B: int) -> Tensor:
    """What the recurrent weights read before the first step: zeros ``(B, H)`` of their dtype."""
    return params.W_h.new_zeros(B, params.W_h.shape[1])
