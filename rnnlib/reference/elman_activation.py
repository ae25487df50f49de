r"""Elman network with another activation (Elman 1990; with relu: Le et al. 2015).

The step, for one example, with an activation ``φ``::

    h' = φ(W_x x + W_h h + b)                                        (elman-activation)

and its transpose, given ``dh' = ∂L/∂h'``. The slope ``φ'`` is a function of what ``φ`` gave, so
the preactivation need not be kept::

    da = dh' ∘ φ'(h')                                                (elman-activation-da)
    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (elman-activation-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (elman-activation-dinputs)

    tanh       φ(a) = tanh(a),     φ'(h') = 1 - h'²                  (tanh)
    relu       φ(a) = a 1{a > 0},  φ'(h') = 1{h' > 0}                (relu)
    sigmoid    φ(a) = σ(a),        φ'(h') = h' ∘ (1 - h')            (sigmoid)

With tanh it is :mod:`rnnlib.reference.elman`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlib.reference import elman
from rnnlib.reference.elman import Cache, Params, State
from rnnlib.reference.ops import Array, sigmoid


class Activation(NamedTuple):
    """A function, entry by entry, and its slope."""

    function: Callable[[Array], Array]  # of the preactivation
    slope: Callable[[Array], Array]  # of what the function gave


TANH = Activation(np.tanh, lambda h: 1 - h**2)  # (tanh)
RELU = Activation(lambda a: a * (a.real > 0), lambda h: h.real > 0)  # (relu)
SIGMOID = Activation(sigmoid, lambda h: h * (1 - h))  # (sigmoid)


@dataclass(frozen=True)
class Elman:
    """An Elman cell with an activation of choice.

    Parameters
    ----------
    activation : Activation
        ``TANH``, ``RELU``, ``SIGMOID``, or another.
    """

    activation: Activation

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw parameters as :func:`rnnlib.reference.elman.init` does."""
        return elman.init(rng, D, H)

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: ``h`` at zero, ``(B, H)``."""
        return elman.zero_state(params, B)

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Cache]:
        """Read one input.

        Parameters
        ----------
        params, x, state
            As for :func:`rnnlib.reference.elman.step`.

        Returns
        -------
        State
            State after it.
        Cache
            What :meth:`step_backward` needs.
        """
        W_x, W_h, b = params
        h = self.activation.function(x @ W_x.T + state.h @ W_h.T + b)  # (elman-activation)
        return State(h), Cache(x, state, h)

    def step_backward(
        self, params: Params, cache: Cache, dstate: State
    ) -> tuple[Params, Array, State]:
        """Send the gradient of one step back.

        Parameters
        ----------
        params, cache, dstate
            As for :func:`rnnlib.reference.elman.step_backward`.

        Returns
        -------
        Params, Array, State
            As there: gradients with respect to parameters, inputs and the state before the step.
        """
        W_x, W_h, _ = params
        x, prev, h = cache
        da = dstate.h * self.activation.slope(h)  # (elman-activation-da)
        dparams = Params(W_x=da.T @ x, W_h=da.T @ prev.h, b=da.sum(0))  # (elman-activation-dparams)
        return dparams, da @ W_x, State(h=da @ W_h)  # (elman-activation-dinputs)
