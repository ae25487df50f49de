r"""The cells that kernels run, and what of them does not recur, taken out of the loop.

What comes from the inputs is one product for all steps, made before the loop by torch, whose
autograd carries its gradients::

    a_t = W_x x_t + b,   or   a_t = γ_x ∘ norm(W_x x_t) + b          (hoisted)

What is left is :class:`Inputs`: the recurrence alone, whatever the inputs were.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.nn import elman, gru, lstm, lstm_layer_norm, lstm_peephole
from rnnlib.nn.elman_activation import RELU, TANH, Elman
from rnnlib.nn.layer_norm import normalise


class Form(NamedTuple):
    """What one needs to know of a cell to give it buffers.

    Parameters
    ----------
    gates : int
        Number G of blocks of H rows in its weights.
    own : int
        Number K of vectors ``(H,)`` that it has besides its weights.
    memory : bool
        Has it a memory ``c``? Then M is H, else 0.
    product : bool
        Is ``u = W_h x`` more than a summand, so that the backward needs it? Then U is GH, else 0.
    norm : bool
        Is the memory normalised? Then N is H, else 0.
    """

    gates: int = 1
    own: int = 0
    memory: bool = False
    product: bool = False
    norm: bool = False


FORMS = {
    "tanh": Form(),
    "relu": Form(),
    "lstm": Form(4, memory=True),
    "lstm_peephole": Form(4, own=3, memory=True),
    "lstm_layer_norm": Form(4, own=6, memory=True, product=True, norm=True),
    "gru": Form(3, own=1, product=True),
}

NAMES = (
    (elman, "tanh"),
    (lstm, "lstm"),
    (lstm_peephole, "lstm_peephole"),
    (lstm_layer_norm, "lstm_layer_norm"),
    (gru, "gru"),
)


class Inputs(NamedTuple):
    """A recurrence, its inputs hoisted; the memory in float32 at least."""

    a: Tensor  # (T, B, GH)
    W_h: Tensor  # (GH, H)
    own: Tensor  # (K, H)
    h: Tensor  # (B, H)
    c: Tensor  # (B, M)
    keep: Tensor | None  # (T, B, H + M)
    mask: Tensor | None  # (B, H)
    lengths: Tensor | None  # (B,)
    resets: Tensor | None  # (T, B)


class Saved(NamedTuple):
    """What the backward needs of the forward."""

    hs: Tensor  # (T, B, H)
    gates: Tensor  # (T, G, B, H)
    us: Tensor  # (T, B, U)
    cs: Tensor  # (T, B, M)


class Read(NamedTuple):
    """What the steps read of the state, masked and set to zero where it was."""

    xs: Tensor  # (T, B, H)
    cs: Tensor  # (T, B, M)


class Slopes(NamedTuple):
    """Gradients that the backward's loop leaves; ``dnorms`` of the normalised memory."""

    da: Tensor  # (T, B, GH)
    du: Tensor  # (T, B, GH)
    dnorms: Tensor  # (T, B, N)
    dh: Tensor  # (B, H)
    dc: Tensor  # (B, M)


def name(cell: Any) -> str | None:
    """The name in ``FORMS`` of a cell of :mod:`rnnlib.nn`; None if kernels do not run it."""
    if isinstance(cell, Elman):
        named = (TANH, "tanh"), (RELU, "relu")
        return next((name for function, name in named if cell.activation is function), None)
    return next((name for module, name in NAMES if cell is module), None)


def hoist(params: Any, xs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the inputs out of the recurrence.

    Parameters
    ----------
    params : Params
        Those of a cell that has a name.
    xs : Tensor
        Inputs, ``(T, B, D)``.

    Returns
    -------
    a : Tensor
        What the inputs give to the preactivations, ``(T, B, GH)``.
    W_h : Tensor
        Recurrent weights, ``(GH, H)``.
    own : Tensor
        What else the cell has, ``(K, H)``.
    """
    W_x, W_h, b, *more = params
    if isinstance(params, lstm_layer_norm.Params):
        gamma_x, gamma_h, gamma_c, beta_c = more
        own = torch.cat([gamma_h, gamma_c, beta_c]).view(6, -1)
        return gamma_x * normalise(xs @ W_x.T) + b, W_h, own  # (hoisted)
    own = more[0].view(-1, W_h.shape[1]) if more else W_h.new_empty(0, W_h.shape[1])
    return F.linear(xs, W_x, b), W_h, own  # (hoisted)
