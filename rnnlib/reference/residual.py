r"""Layers that let their input past (highway: Srivastava et al. 2015; residual: He et al. 2016).

A layer that turns ``xs`` into ``hs`` of the same size becomes one that gives, at every step,::

    y = h + x                                                        (residual)

or, with a gate that reads the input and lets the new value or the old one through,::

    q = σ(W_q x + b_q)                                               (highway-gate)
    y = q ∘ h + (1 - q) ∘ x                                          (highway)

The transposes, given ``dy``; the layer itself then turns ``dh`` into its share of ``dx``::

    dh = dy,  dx = dy + (∂hs/∂xs)ᵀ dh                                (residual-backward)

    da = dy ∘ (h - x) ∘ q ∘ (1 - q)                                  (highway-da)
    dh = dy ∘ q                                                      (highway-dh)
    dx = dy ∘ (1 - q) + W_qᵀ da + (∂hs/∂xs)ᵀ dh                      (highway-dx)

The way past runs across depth, not across time: the states are those of the layer.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference import linear
from rnnlib.reference.ops import Array, sigmoid
from rnnlib.reference.stack import Layer


class Gated(NamedTuple):
    """Parameters of a highway layer: those of the layer and those of its gate."""

    layer: Any
    gate: linear.Params


@dataclass(frozen=True)
class Residual:
    """A layer to whose output its input is added; the two must be of one size.

    Parameters
    ----------
    layer : Layer
        The layer; parameters, states and caches are its own.
    """

    layer: Layer

    def init(self, rng: np.random.Generator, D: int, H: int) -> Any:
        """Draw the layer's parameters."""
        params = self.layer.init(rng, D, H)
        _check_sizes(D, self.layer.width(params))
        return params

    def zero_state(self, params: Any, B: int) -> Any:
        """State of the layer before anything is read."""
        return self.layer.zero_state(params, B)

    def width(self, params: Any) -> int:
        """How many numbers come out at each step."""
        return self.layer.width(params)

    def forward(self, params: Any, xs: Array, state: Any, lengths: Array) -> tuple[Array, Any, Any]:
        """Run the layer and add its input."""
        _check_sizes(xs.shape[2], self.layer.width(params))
        hs, last, cache = self.layer.forward(params, xs, state, lengths)
        return hs + xs, last, cache  # (residual)

    def backward(self, params: Any, cache: Any, dhs: Array, dlast: Any) -> tuple[Any, Array, Any]:
        """Carry gradients back through the layer and past it."""
        dparams, dxs, dstate = self.layer.backward(params, cache, dhs, dlast)
        return dparams, dhs + dxs, dstate  # (residual-backward)


@dataclass(frozen=True)
class Highway:
    """A layer with a gate between its output and its input; the two must be of one size.

    Parameters
    ----------
    layer : Layer
        The layer; states are its own.
    bias : float
        Where the gate's bias starts; below zero, the input passes at first.
    """

    layer: Layer
    bias: float = -1.0

    def init(self, rng: np.random.Generator, D: int, H: int) -> Gated:
        """Draw the parameters of the layer and of its gate."""
        params = self.layer.init(rng, D, H)
        _check_sizes(D, self.layer.width(params))
        gate = linear.init(rng, D, D)
        return Gated(params, gate._replace(b_y=gate.b_y + self.bias))

    def zero_state(self, params: Gated, B: int) -> Any:
        """State of the layer before anything is read; refuses what has no gate."""
        shapes.check_tuple("params", params, {}, like=Gated)
        return self.layer.zero_state(params.layer, B)

    def width(self, params: Gated) -> int:
        """How many numbers come out at each step."""
        return self.layer.width(params.layer)

    def forward(
        self, params: Gated, xs: Array, state: Any, lengths: Array
    ) -> tuple[Array, Any, Any]:
        """Run the layer and mix its output with its input."""
        _check_sizes(xs.shape[2], self.width(params))
        hs, last, cache = self.layer.forward(params.layer, xs, state, lengths)
        q = sigmoid(linear.forward(params.gate, xs))  # (highway-gate)
        return q * hs + (1 - q) * xs, last, (xs, hs, q, cache)  # (highway)

    def backward(
        self, params: Gated, cache: Any, dhs: Array, dlast: Any
    ) -> tuple[Gated, Array, Any]:
        """Carry gradients back through the layer, through the gate and past them."""
        xs, hs, q, inner = cache
        da = dhs * (hs - xs) * q * (1 - q)  # (highway-da)
        dgate, through_gate = linear.backward(params.gate, xs, da)
        dlayer, through_layer, dstate = self.layer.backward(
            *(params.layer, inner, dhs * q, dlast)  # (highway-dh)
        )
        dxs = dhs * (1 - q) + through_gate + through_layer  # (highway-dx)
        return Gated(dlayer, dgate), dxs, dstate


def _check_sizes(D: int, H: int) -> None:
    """Refuse a layer whose output cannot be added to its input."""
    if D != H:
        raise ValueError(f"xs: got D = {D}, expected {H}, the size of the layer's output")
