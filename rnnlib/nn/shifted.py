r"""Exponential weights of an old and a new summand, both divided by the larger.

A running sum ``C' = exp(l) C + exp(p) v`` over- or underflows. Kept as ``c = C exp(-m)``, with a
shift ``m`` of its own, it does not::

    m' = max(l + m, p)                                               (shifted-max)
    f = exp(l + m - m'),  i = exp(p - m'),  c' = f c + i v           (shifted-weights)

so that ``c' exp(m') = C'``. One of the two weights is 1, the other at most 1.
"""

import torch
from torch import Tensor

EMPTY = -1e30  # shift of a sum of nothing: whatever comes first outweighs it


def weigh(log_f: Tensor, log_i: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of what is kept and of what is added.

    Parameters
    ----------
    log_f : Tensor
        Logarithm ``l`` of the true weight of the old sum, of any shape.
    log_i : Tensor
        Logarithm ``p`` of the true weight of the new summand, of the same shape.
    m : Tensor
        Shift of the old sum.

    Returns
    -------
    Tensor, Tensor
        The weights ``f`` and ``i`` of the shifted sums; neither exceeds 1.
    Tensor
        Shift of the new sum.
    """
    old = log_f + m
    new_m = torch.maximum(old, log_i)  # (shifted-max)
    return (old - new_m).exp(), (log_i - new_m).exp(), new_m  # (shifted-weights)
