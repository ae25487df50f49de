r"""Selective state space: how far the clock goes at a step is up to the input (Gu & Dao 2023).

Each of H channels has N memories. The step, for one example::

    v = W_v x,  b = W_b x,  c = W_c x                                (selective-inputs)
    Δ = softplus(W_dt x + b_dt)                                      (selective-clock)
    ā = exp(-Δ exp(α)),  p = Δ ∘ v                                   (selective-discrete)
    s' = ā ∘ s + p bᵀ                                                (selective)
    h' = s' c + d ∘ v                                                (selective-readout)

``b`` and ``c`` are shared by the channels, Δ by a channel's memories. As in Mamba's code the input
takes Euler's step, ``p = Δ ∘ v``, the memories the exact one. Its W_dt has low rank; ours is full.
The coefficients do not read the state, so a scan runs all steps at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance, ragged
from rnnlib.nn.log_space import softplus
from rnnlib.nn.scan import Affine, Scan, compose, work_efficient


class Params(NamedTuple):
    """What is learned."""

    W_v: Tensor  # (H, D)
    W_b: Tensor  # (N, D)
    W_c: Tensor  # (N, D)
    W_dt: Tensor  # (H, D)
    b_dt: Tensor  # (H,)
    alpha: Tensor  # (H, N)
    d: Tensor  # (H,)


class State(NamedTuple):
    """What is carried from step to step, ``s``; and ``h``, what was read of it."""

    h: Tensor  # (B, H)
    s: Tensor  # (B, H, N)


@dataclass(frozen=True)
class Selective:
    """A cell with a selective state space.

    Parameters
    ----------
    N : int
        Memories in each channel.
    """

    N: int = 16

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: all at zero."""
        s = params.alpha.new_zeros(B, *params.alpha.shape)
        return State(s[..., 0], s)

    def step(self, params: Params, x: Tensor, state: State) -> State:
        """Read one input ``(B, D)``; return the state after it. Its ``h`` is not read."""
        v, b, c, delta = _inputs(params, x)
        factor, summand = _discrete(params, v, b, delta)
        s = factor * state.s + summand  # (selective)
        return State(_read(params, v, c, s), s)

    def scan_forward(
        self,
        params: Params,
        xs: Tensor,
        state: State,
        scan: Scan = work_efficient,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """Read a sequence, all steps at once.

        Parameters
        ----------
        params : Params
            The parameters.
        xs : Tensor
            Inputs, ``(T, B, D)``, with T ≥ 1.
        state : State
            State before the first input.
        scan : callable
            One of the scans of :mod:`rnnlib.nn.scan`.
        lengths : Tensor of int, optional
            Lengths of the sequences, ``(B,)``, from 1 to T; by default all have T steps.
        resets : Tensor of bool, optional
            True where the state is set to zero before the step, ``(T, B)``.

        Returns
        -------
        Tensor
            Read-outs, ``(T, B, H)``, as :func:`rnnlib.nn.packed.forward` gives them.
        State
            State of every sequence after its own last input.

        Raises
        ------
        ValueError
            If a shape or dtype is not as stated, or the sequence is empty.
        """
        entrance.check(params=params, xs=(xs, "T B D"), state=state)
        v, b, c, delta = _inputs(params, ragged.pad(xs, lengths))
        steps = _discrete(params, v, b, delta)
        if resets is not None:
            steps = steps._replace(a=torch.where(resets[..., None, None], 0, steps.a))
        prefix = scan(compose, steps)
        ss = prefix.a * state.s + prefix.b
        hs = _read(params, v, c, ss)
        return ragged.pad(hs, lengths), State(*(ragged.last(s, lengths) for s in (hs, ss)))


def _inputs(params: Params, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a step makes of its input alone."""
    v, b, c = (x @ W.T for W in (params.W_v, params.W_b, params.W_c))  # (selective-inputs)
    return v, b, c, softplus(x @ params.W_dt.T + params.b_dt)  # (selective-clock)


def _discrete(params: Params, v: Tensor, b: Tensor, delta: Tensor) -> Affine:
    """Factors and summands of the memories, ``(..., H, N)``."""
    factor, p = (-delta[..., None] * params.alpha.exp()).exp(), delta * v  # (selective-discrete)
    return Affine(factor, p[..., None] * b[..., None, :])


def _read(params: Params, v: Tensor, c: Tensor, s: Tensor) -> Tensor:
    """What is read of memories."""
    return (s @ c[..., None])[..., 0] + params.d * v  # (selective-readout)
