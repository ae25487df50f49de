r"""Jordan network (Jordan 1986).

What is fed back is not the hidden layer, here ``u``, but the output, so the output is the state.
The step, for one example::

    u = tanh(W_x x + W_h h + b)                                      (jordan-hidden)
    h' = W_y u + b_y                                                 (jordan)

and its transpose, given ``dh' = ∂L/∂h'``::

    dW_y = dh' uᵀ,  db_y = dh'                                       (jordan-doutput)
    da = W_yᵀ dh' ∘ (1 - u²)                                         (jordan-da)
    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (jordan-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (jordan-dinputs)

The context of this form is the last output alone; in Jordan's paper it also holds a trace of the
outputs before. A loss reads ``hs`` as predictions or logits: there is no other read-out.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates, linear
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned."""

    W_x: Array  # (H, D)
    W_h: Array  # (H, V)
    b: Array  # (H,)
    W_y: Array  # (V, H)
    b_y: Array  # (V,)


class State(NamedTuple):
    """What is carried from step to step: the output."""

    h: Array  # (B, V)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    u: Array  # (B, H)


@dataclass(frozen=True)
class Jordan:
    """A Jordan cell.

    Parameters
    ----------
    V : int
        Number of outputs.
    """

    V: int

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw parameters: weights uniform within ±1/√H, the biases at zero.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        D, H : int
            Number of inputs and of hidden units.

        Returns
        -------
        Params
            Fresh parameters in float64.
        """
        W_x, W_h = uniform(rng, (H, D), fan=H), uniform(rng, (H, self.V), fan=H)
        return Params(W_x, W_h, np.zeros(H), *linear.init(rng, H, self.V))

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: ``h`` at zero, ``(B, V)``."""
        return State(h=gates.zeros(params, B))

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
        W_x, W_h, b, W_y, b_y = params
        u = np.tanh(x @ W_x.T + state.h @ W_h.T + b)  # (jordan-hidden)
        h = u @ W_y.T + b_y  # (jordan)
        return State(h), Cache(x, state, u)

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
        W_x, W_h, _, W_y, _ = params
        x, prev, u = cache
        dW_y, db_y = dstate.h.T @ u, dstate.h.sum(0)  # (jordan-doutput)
        da = dstate.h @ W_y * (1 - u**2)  # (jordan-da)
        dparams = Params(da.T @ x, da.T @ prev.h, da.sum(0), dW_y, db_y)  # (jordan-dparams)
        return dparams, da @ W_x, State(h=da @ W_h)  # (jordan-dinputs)
