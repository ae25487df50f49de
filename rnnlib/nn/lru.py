r"""Linear recurrent unit: complex, diagonal, stable however it is trained (Orvieto et al. 2023).

The step, for one example, with a complex memory ``s`` and ``C_out`` complex too::

    λ = exp(-exp(ν) + i exp(θ))                                      (lru-lambda)
    u = exp(γ) ∘ (B_in x)                                            (lru-input)
    s' = λ ∘ s + u                                                   (lru)
    h' = Re(C_out s') + W_skip x                                     (lru-readout)

``|λ| = exp(-exp(ν)) < 1`` for every ν. At first ``exp(γ) = √(1 - |λ|²)``, so that white noise
excites a memory of every length alike; then γ is learned. Complex numbers are pairs of real
tensors, for the reason given in :mod:`rnnlib.nn.complex_pairs`. The recurrence is linear, so a
scan runs all steps at once.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance, ragged
from rnnlib.nn.complex_pairs import Complex, recur, times
from rnnlib.nn.scan import Scan, work_efficient
from rnnlib.reference.ops import tree_map


class Params(NamedTuple):
    """What is learned."""

    nu: Tensor  # (H,)
    theta: Tensor  # (H,)
    gamma: Tensor  # (H,)
    B_re: Tensor  # (H, D)
    B_im: Tensor  # (H, D)
    C_re: Tensor  # (H, H)
    C_im: Tensor  # (H, H)
    W_skip: Tensor  # (H, D)


class State(NamedTuple):
    """What is carried from step to step, ``re`` and ``im``; and ``h``, the read-out of it."""

    h: Tensor  # (B, H)
    re: Tensor  # (B, H)
    im: Tensor  # (B, H)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet: all at zero, each ``(B, H)``."""
    h, re, im = params.nu.new_zeros(3, B, len(params.nu))
    return State(h, re, im)


def eigenvalues(params: Params) -> Complex:
    """The factors λ, within the unit disc, ``(H,)``."""
    r, phi = (-params.nu.exp()).exp(), params.theta.exp()
    return r * phi.cos(), r * phi.sin()  # (lru-lambda)


def step(params: Params, x: Tensor, state: State) -> State:
    """Read one input ``(B, D)``; return the state after it. Its ``h`` is not read."""
    u = _excite(params, x)
    carried = times(eigenvalues(params), (state.re, state.im))
    re, im = tree_map(torch.add, carried, u)  # (lru)
    return State(_read(params, x, re, im), re, im)


def scan_forward(
    params: Params,
    xs: Tensor,
    state: State,
    scan: Scan | None = work_efficient,
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
        One of the scans of :mod:`rnnlib.nn.scan`, or None for the operator of
        :mod:`rnnlib.nn.kernels.scan`.
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
    xs, factor = ragged.pad(xs, lengths), eigenvalues(params)
    if resets is not None:
        factor = tree_map(lambda f: torch.where(resets[..., None], 0, f), factor)
    re, im = recur(factor, _excite(params, xs), (state.re, state.im), scan)
    hs = _read(params, xs, re, im)
    return ragged.pad(hs, lengths), State(*(ragged.last(s, lengths) for s in (hs, re, im)))


def _excite(params: Params, x: Tensor) -> Complex:
    """What inputs ``(..., D)`` add to the memory."""
    scale = params.gamma.exp()
    return scale * (x @ params.B_re.T), scale * (x @ params.B_im.T)  # (lru-input)


def _read(params: Params, x: Tensor, re: Tensor, im: Tensor) -> Tensor:
    """Read-out of memories ``(..., H)``."""
    return re @ params.C_re.T - im @ params.C_im.T + x @ params.W_skip.T  # (lru-readout)
