r"""Sequences of several lengths in one batch, each run to its own end and no further.

With ``n`` the length of a sequence of the batch, what is padding is never read::

    s_t = step(x_t, s_{t-1})  if t ≤ n,   s_t = s_{t-1}  if t > n    (packed)
    h_t = 0  if t > n                                                (packed-padding)

The reference leaves finished sequences out of the batch, as packed sequences of torch do. Here all
rows go on, over zeros, and what they make of them is not taken: the same values and gradients, and
no shape that depends on the lengths, so nothing waits for a GPU to tell them.
"""

from typing import TypeVar

import torch
from torch import Tensor

from rnnlib.nn import entrance, ragged
from rnnlib.nn.bptt import Cell, HasHidden
from rnnlib.reference.ops import tree_map

P = TypeVar("P", contravariant=True)  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State


def forward(cell: Cell[P, S], params: P, xs: Tensor, state: S, lengths: Tensor) -> tuple[Tensor, S]:
    """Unroll a cell over sequences of several lengths.

    Parameters
    ----------
    cell : Cell
        The cell.
    params : Params
        Its parameters.
    xs : Tensor
        Inputs, ``(T, B, D)``, with T ≥ 1; what stands past the end of a sequence is not read.
    state : State
        State before the first input.
    lengths : Tensor of int
        Lengths of the sequences, ``(B,)``, from 1 to T, on the device of ``xs``.

    Returns
    -------
    Tensor
        Hidden states, ``(T, B, H)``, zero past the end of a sequence.
    State
        State of every sequence after its own last input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the sequence is empty, or a length is not in 1 ... T.
    """
    entrance.check(params=params, xs=(xs, "T B D"), state=state)
    check_lengths(lengths, *xs.shape[:2])
    on, hs = ragged.valid(lengths, len(xs)), []
    for x, go in zip(ragged.pad(xs, lengths), on, strict=True):
        new = cell.step(params, x, state)
        state = tree_map(lambda n, s, go=go: torch.where(go, n, s), new, state)  # (packed)
        hs.append(new.h)
    return ragged.pad(torch.stack(hs), lengths), state  # (packed-padding)


def check_lengths(lengths: Tensor, T: int, B: int) -> None:
    """Refuse what are no lengths of B sequences of up to T steps.

    Their values are looked at, which waits for the GPU if they are there; not while a graph is
    traced or captured.

    Parameters
    ----------
    lengths : Tensor of int
        The lengths, ``(B,)``.
    T, B : int
        Number of steps that the longest may have, and of sequences.

    Raises
    ------
    ValueError
        If they are no integers, not B, or not from 1 to T.
    """
    entrance.check_integers("lengths", lengths, (B,), 1, T)
