r"""LSTM with a projection: what is fed back is smaller than the memory (Sak et al. 2014).

The step, for one example; ``gated`` is what the gates do in :mod:`rnnlib.reference.lstm`::

    a = W_x x + W_h h + b                                            (projected-affine)
    u, c' = gated(a, c)                                              (projected-gated)
    h' = W_p u                                                       (projected)

and its transpose, given ``dh'`` and ``dc'``::

    dW_p = dh' uᵀ                                                    (projected-dweights)
    du = W_pᵀ dh'                                                    (projected-du)
    da, dc = gatedᵀ(du, dc')                                         (projected-dgated)
    dW_x = da xᵀ,  dW_h = da hᵀ,  db = da                            (projected-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ da                                      (projected-dinputs)

The cell of the paper has peepholes and a second output that is not fed back; this one, as
``torch.nn.LSTM(proj_size=P)``, has neither.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.init import uniform
from rnnlib.reference.lstm import Kept, gated, gated_backward
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """What is learned; rows in the order i, f, g, o."""

    W_x: Array  # (4H, D)
    W_h: Array  # (4H, P)
    b: Array  # (4H,)
    W_p: Array  # (P, H)


class State(NamedTuple):
    """What is carried from step to step."""

    h: Array  # (B, P)
    c: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    u: Array  # (B, H)
    kept: Kept


@dataclass(frozen=True)
class ProjectedLSTM:
    """An LSTM cell with a projection.

    Parameters
    ----------
    P : int
        Number of outputs.
    """

    P: int

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw weights as torch does, uniform within ±1/√H; the bias is zero.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        D, H : int
            Number of inputs and of memories.

        Returns
        -------
        Params
            Fresh parameters in float64.
        """
        W_x, W_h, W_p = (uniform(rng, s, fan=H) for s in [(4 * H, D), (4 * H, self.P), (self.P, H)])
        return Params(W_x, W_h, np.zeros(4 * H), W_p)

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: ``h`` ``(B, P)``, ``c`` ``(B, H)``."""
        c = np.zeros((B, params.W_p.shape[1]), dtype=params.W_p.dtype)
        return State(h=gates.zeros(params, B), c=c)

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Cache]:
        """Read one input.

        Parameters
        ----------
        params, x, state
            As for :func:`rnnlib.reference.lstm.step`.

        Returns
        -------
        State
            State after it.
        Cache
            What :meth:`step_backward` needs.
        """
        W_x, W_h, b, W_p = params
        a = x @ W_x.T + state.h @ W_h.T + b  # (projected-affine)
        u, c, kept = gated(a, state.c)  # (projected-gated)
        h = u @ W_p.T  # (projected)
        return State(h, c), Cache(x, state, u, kept)

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
        W_x, W_h, _, W_p = params
        x, prev, u, kept = cache
        dW_p = dstate.h.T @ u  # (projected-dweights)
        du = dstate.h @ W_p  # (projected-du)
        da, dc = gated_backward(kept, prev.c, du, dstate.c)  # (projected-dgated)
        dparams = Params(da.T @ x, da.T @ prev.h, da.sum(0), dW_p)  # (projected-dparams)
        return dparams, da @ W_x, State(h=da @ W_h, c=dc)  # (projected-dinputs)
