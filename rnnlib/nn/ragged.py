"""Sequences of several lengths in one tensor, zero past their ends.

Nothing here has a shape that depends on the lengths, so nothing waits for a GPU to tell them.
"""

import torch
from torch import Tensor


def valid(lengths: Tensor, T: int) -> Tensor:
    """True where a sequence ``(B,)`` of these lengths has not ended, ``(T, B, 1)``."""
    return (torch.arange(T, device=lengths.device)[:, None] < lengths)[..., None]


def pad(xs: Tensor, lengths: Tensor | None) -> Tensor:
    """The sequences ``(T, B, D)``, with zeros past their ends, even where NaN stood."""
    return xs if lengths is None else torch.where(valid(lengths, len(xs)), xs, 0)


def last(xs: Tensor, lengths: Tensor | None) -> Tensor:
    """The last step of every sequence of ``(T, B, ...)``, ``(B, ...)``."""
    if lengths is None:
        return xs[-1]
    index = (lengths.long() - 1).view(1, -1, *[1] * (xs.ndim - 2)).expand(1, *xs.shape[1:])
    return xs.gather(0, index)[0]
