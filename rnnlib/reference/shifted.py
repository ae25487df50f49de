r"""Exponential weights of an old and a new summand, both divided by the larger.

A running sum ``C' = exp(l) C + exp(p) v`` over- or underflows. Kept as ``c = C exp(-m)``, with a
shift ``m`` of its own, it does not::

    m' = max(l + m, p)                                               (shifted-max)
    f = exp(l + m - m'),  i = exp(p - m'),  c' = f c + i v           (shifted-weights)

so that ``c' exp(m') = C'``. One of the two weights is 1, the other at most 1. Back, where ``r`` is
what reaches ``m'`` on all ways together::

    r = dm' - f df - i di                                            (shifted-dmax)
    dl = dm = f df + [f = 1] r,  dp = i di + [f < 1] r               (shifted-dlogs)

If the loss depends on ``c'`` and ``m'`` through ``C'`` alone, ``r`` is zero.
"""

import numpy as np

from rnnlib.reference.ops import Array

EMPTY = -1e30  # shift of a sum of nothing: whatever comes first outweighs it


def weigh(log_f: Array, log_i: Array, m: Array) -> tuple[Array, Array, Array]:
    """Weights of what is kept and of what is added.

    Parameters
    ----------
    log_f : Array
        Logarithm ``l`` of the true weight of the old sum, of any shape.
    log_i : Array
        Logarithm ``p`` of the true weight of the new summand, of the same shape.
    m : Array
        Shift of the old sum.

    Returns
    -------
    Array, Array
        The weights ``f`` and ``i`` of the shifted sums; neither exceeds 1.
    Array
        Shift of the new sum.

    Examples
    --------
    >>> f, i, m = weigh(np.array(-1.0), np.array(1000.0), np.array(5.0))
    >>> f.item(), i.item(), m.item()
    (0.0, 1.0, 1000.0)
    """
    old = log_f + m
    new_m = np.where(old.real >= log_i.real, old, log_i)  # (shifted-max)
    return np.exp(old - new_m), np.exp(log_i - new_m), new_m  # (shifted-weights)


def weigh_backward(
    weights: tuple[Array, Array], dweights: tuple[Array, Array], dm: Array
) -> tuple[Array, Array, Array]:
    """Send gradients of the weights and of the shift back.

    Parameters
    ----------
    weights : tuple of Array
        ``f`` and ``i`` that :func:`weigh` gave.
    dweights : tuple of Array
        Gradients with respect to them.
    dm : Array
        Gradient with respect to the new shift, the weights held.

    Returns
    -------
    Array, Array, Array
        Gradients with respect to the two logarithms and to the old shift.
    """
    (f, i), (df, di) = weights, dweights
    through_f, through_i, kept = f * df, i * di, f == 1
    r = dm - through_f - through_i  # (shifted-dmax)
    dold = through_f + np.where(kept, r, 0)
    return dold, through_i + np.where(kept, 0, r), dold  # (shifted-dlogs)
