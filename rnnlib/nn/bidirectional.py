r"""Reading backward, each sequence from its own end (Schuster & Paliwal 1997).

With ``n`` the length of a sequence; what is padding stays where it is::

    reverse(xs)_t = x_{n+1-t}  if t ≤ n,   x_t  if t > n             (reverse)

Reversing is its own inverse and its own transpose.
"""

import torch
from torch import Tensor


def reverse(xs: Tensor, lengths: Tensor | None) -> Tensor:
    """Turn every sequence around, and leave what stands past its end.

    Parameters
    ----------
    xs : Tensor
        Sequences, ``(T, B, D)``.
    lengths : Tensor of int, optional
        Their lengths, ``(B,)``; by default all have T steps.

    Returns
    -------
    Tensor
        The reversed sequences, ``(T, B, D)``.

    Examples
    --------
    >>> xs = torch.tensor([[1.0, 1], [2, 2], [3, 0]])[..., None]
    >>> reverse(xs, torch.tensor([3, 2]))[..., 0].T
    tensor([[3., 2., 1.],
            [2., 1., 0.]])
    """
    if lengths is None:
        return xs.flip(0)
    t = torch.arange(len(xs), device=xs.device)[:, None]
    source = torch.where(t < lengths, lengths - 1 - t, t)  # (reverse)
    return xs.gather(0, source[..., None].expand(xs.shape))
