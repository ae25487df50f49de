r"""Positive numbers carried as their logarithms, so that long products neither vanish nor overflow.

Sums, and the squashing functions of Feng et al. (2024)::

    log_add(p, q) = log(exp p + exp q)                               (log-add)
    softplus(a) = log(1 + exp a)                                     (softplus)
    g(a) = a + ½  if a ≥ 0,  σ(a)  if a < 0                          (positive)
    log g(a) = log(a + ½)  if a ≥ 0,  -softplus(-a)  if a < 0        (log-positive)

A state that moves by the share ``1 - σ(k)`` towards ``g(a)``, ``h' = σ(k) h + (1 - σ(k)) g(a)``,
as the logarithms of its factor and its summand; and how two such steps compose::

    log a = -softplus(-k)                                            (log-factor)
    log b = -softplus(k) + log g(a)                                  (log-summand)
    p • q = (log a_q + log a_p,  log_add(log a_q + log b_p, log b_q))       (log-compose)
"""

import torch
from torch import Tensor

from rnnlib.nn.scan import Affine


def log_add(p: Tensor, q: Tensor) -> Tensor:
    """Logarithm of a sum, from the logarithms of the two summands.

    Parameters
    ----------
    p, q : Tensor
        Logarithms, of one shape.

    Returns
    -------
    Tensor
        ``log(exp(p) + exp(q))``, of that shape; no exponential overflows.
    """
    return torch.logaddexp(p, q)  # (log-add)


def softplus(a: Tensor) -> Tensor:
    """A smooth ``max(0, a)``; ``-softplus(-a)`` is the logarithm of the logistic function.

    Parameters
    ----------
    a : Tensor
        Preactivations, of any shape.

    Returns
    -------
    Tensor
        ``log(1 + exp(a))``, of the same shape.
    """
    return -torch.nn.functional.logsigmoid(-a)  # (softplus): torch's own rounds above 20


def positive(a: Tensor) -> Tensor:
    """The squashing function g: positive everywhere, of slope one above zero (Feng et al. 2024).

    Parameters
    ----------
    a : Tensor
        Preactivations, of any shape.

    Returns
    -------
    Tensor
        ``g(a)``, of the same shape; it underflows far below zero, :func:`log_positive` never.
    """
    return torch.where(a >= 0, a + 0.5, a.sigmoid())  # (positive)


def log_positive(a: Tensor) -> Tensor:
    """Logarithm of :func:`positive`, finite where that underflows.

    Parameters
    ----------
    a : Tensor
        Preactivations, of any shape.

    Returns
    -------
    Tensor
        ``log g(a)``, of the same shape.

    Examples
    --------
    >>> log_positive(torch.tensor([-1000.0, 0.5]))
    tensor([-1000.,     0.])
    """
    above = a >= 0
    return torch.where(
        above, (torch.where(above, a, 0) + 0.5).log(), -softplus(-a)
    )  # (log-positive)


def coefficients(k: Tensor, a: Tensor) -> Affine:
    """Logarithms of the factor and the summand of a state that moves towards a positive candidate.

    Parameters
    ----------
    k : Tensor
        Preactivation of the share that is kept, of any shape.
    a : Tensor
        Preactivation of the candidate, of the same shape.

    Returns
    -------
    Affine
        ``log σ(k)`` and ``log (1 - σ(k)) g(a)``.
    """
    return Affine(
        a=-softplus(-k),  # (log-factor)
        b=-softplus(k) + log_positive(a),  # (log-summand)
    )


def compose(p: Affine, q: Affine) -> Affine:
    """The step that does ``p`` and then ``q``, all as logarithms: for the scans."""
    return Affine(q.a + p.a, log_add(q.a + p.b, q.b))  # (log-compose)
