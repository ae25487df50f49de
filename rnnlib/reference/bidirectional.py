r"""Two layers, one that reads forward and one that reads backward (Schuster & Paliwal 1997).

With ``n`` the length of a sequence, reading backward starts at its own end; what is padding stays
where it is::

    reverse(xs)_t = x_{n+1-t}  if t ≤ n,   x_t  if t > n             (reverse)
    hs = [ahead(xs); reverse(back(reverse(xs)))]                     (bidirectional)

Reversing is its own inverse and its own transpose, so, with ``[da; db]`` the two halves of
``dhs``::

    dxs = (∂ahead)ᵀ da + reverse((∂back)ᵀ reverse(db))               (bidirectional-backward)

At every step the output knows the whole sequence. The last state of the layer that reads backward
is that after ``x_1``, which has read all: what torch returns too.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Array
from rnnlib.reference.stack import Layer


class Both(NamedTuple):
    """Parameters, or states, of the two directions."""

    ahead: Any
    back: Any


def reverse(xs: Array, lengths: Array) -> Array:
    """Turn every sequence around, and leave what stands past its end.

    Parameters
    ----------
    xs : Array
        Sequences, ``(T, B, D)``.
    lengths : Array of int
        Their lengths, ``(B,)``.

    Returns
    -------
    Array
        The reversed sequences, ``(T, B, D)``.

    Examples
    --------
    >>> xs = np.array([[1.0, 1], [2, 2], [3, 0]])[..., None]
    >>> reverse(xs, np.array([3, 2]))[..., 0].T
    array([[3., 2., 1.],
           [2., 1., 0.]])
    """
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)  # (reverse)
    return np.take_along_axis(xs, source[..., None], axis=0)


@dataclass(frozen=True)
class Bidirectional:
    """A layer in each direction, with parameters of their own.

    Parameters
    ----------
    layer : Layer
        The layer; a stack of them reads all the way in one direction.
    """

    layer: Layer

    def init(self, rng: np.random.Generator, D: int, H: int) -> Both:
        """Draw the parameters of both directions, each with H units."""
        return Both(self.layer.init(rng, D, H), self.layer.init(rng, D, H))

    def zero_state(self, params: Both, B: int) -> Both:
        """States before anything is read; refuses what has no two directions."""
        shapes.check_tuple("params", params, {}, like=Both)
        return Both(*(self.layer.zero_state(p, B) for p in params))

    def width(self, params: Both) -> int:
        """How many numbers come out at each step."""
        return sum(self.layer.width(p) for p in params)

    def forward(
        self, params: Both, xs: Array, state: Both, lengths: Array
    ) -> tuple[Array, Both, Any]:
        """Read in both directions."""
        a, last_a, cache_a = self.layer.forward(params.ahead, xs, state.ahead, lengths)
        turned = reverse(xs, lengths)
        b, last_b, cache_b = self.layer.forward(params.back, turned, state.back, lengths)
        hs = np.concatenate([a, reverse(b, lengths)], axis=2)  # (bidirectional)
        return hs, Both(last_a, last_b), (lengths, cache_a, cache_b)

    def backward(
        self, params: Both, cache: Any, dhs: Array, dlast: Both
    ) -> tuple[Both, Array, Both]:
        """Carry gradients back in both directions."""
        lengths, cache_a, cache_b = cache
        da, db = np.split(dhs, [self.layer.width(params.ahead)], axis=2)
        db = reverse(db, lengths)
        dp_a, dx_a, ds_a = self.layer.backward(params.ahead, cache_a, da, dlast.ahead)
        dp_b, dx_b, ds_b = self.layer.backward(params.back, cache_b, db, dlast.back)
        dxs = dx_a + reverse(dx_b, lengths)  # (bidirectional-backward)
        return Both(dp_a, dp_b), dxs, Both(ds_a, ds_b)
