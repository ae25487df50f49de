r"""Positive numbers carried as their logarithms, so that long products neither vanish nor overflow.

Sums, and the squashing functions of Feng et al. (2024)::

    log_add(p, q) = log(exp p + exp q)                               (log-add)
    softplus(a) = log(1 + exp a)                                     (softplus)
    g(a) = a + ½  if a ≥ 0,  σ(a)  if a < 0                          (positive)
    log g(a) = log(a + ½)  if a ≥ 0,  -softplus(-a)  if a < 0        (log-positive)
    g'(a) = 1  if g(a) ≥ ½,  g(a) (1 - g(a))  if g(a) < ½            (positive-slope)

A state that moves by the share ``1 - σ(k)`` towards ``g(a)``, ``h' = σ(k) h + (1 - σ(k)) g(a)``,
as the logarithms of its factor and its summand; and how two such steps compose::

    log a = -softplus(-k)                                            (log-factor)
    log b = -softplus(k) + log g(a)                                  (log-summand)
    p • q = (log a_q + log a_p,  log_add(log a_q + log b_p, log b_q))       (log-compose)
"""

import numpy as np

from rnnlib.reference.ops import Array, logsumexp, sigmoid
from rnnlib.reference.scan import Affine


def log_add(p: Array, q: Array) -> Array:
    """Logarithm of a sum, from the logarithms of the two summands.

    Parameters
    ----------
    p, q : Array
        Logarithms, of one shape.

    Returns
    -------
    Array
        ``log(exp(p) + exp(q))``, of that shape; no exponential overflows.

    Examples
    --------
    >>> log_add(np.array([1000.0, -1000.0]), np.array([0.0, -1000.0])) - np.array([1000.0, -1000.0])
    array([0.        , 0.69314718])
    """
    return logsumexp(np.stack([p, q], axis=-1))[..., 0]  # (log-add)


def softplus(a: Array) -> Array:
    """A smooth ``max(0, a)``; ``-softplus(-a)`` is the logarithm of the logistic function.

    Parameters
    ----------
    a : Array
        Preactivations, of any shape.

    Returns
    -------
    Array
        ``log(1 + exp(a))``, of the same shape.

    Examples
    --------
    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return log_add(a, np.zeros_like(a))  # (softplus)


def positive(a: Array) -> Array:
    """The squashing function g: positive everywhere, of slope one above zero (Feng et al. 2024).

    Parameters
    ----------
    a : Array
        Preactivations, of any shape.

    Returns
    -------
    Array
        ``g(a)``, of the same shape; it rounds to zero below about -37, :func:`log_positive` never.

    Examples
    --------
    >>> positive(np.array([-1000.0, 0.0, 1000.0]))
    array([0.0000e+00, 5.0000e-01, 1.0005e+03])
    """
    return np.where(a.real >= 0, a + 0.5, sigmoid(a))  # (positive)


def log_positive(a: Array) -> Array:
    """Logarithm of :func:`positive`, finite where that underflows.

    Parameters
    ----------
    a : Array
        Preactivations, of any shape.

    Returns
    -------
    Array
        ``log g(a)``, of the same shape.

    Examples
    --------
    >>> log_positive(np.array([-1000.0, 0.5]))
    array([-1000.,     0.])
    """
    above = a.real >= 0
    return np.where(above, np.log(np.where(above, a, 0) + 0.5), -softplus(-a))  # (log-positive)


def positive_slope(n: Array) -> Array:
    """Derivative of :func:`positive`, from its value.

    Parameters
    ----------
    n : Array
        ``g(a)``, of any shape.

    Returns
    -------
    Array
        ``g'(a)``, of the same shape; at the kink ``a = 0`` that from above.
    """
    return np.where(n.real >= 0.5, 1, n * (1 - n))  # (positive-slope)


def coefficients(k: Array, a: Array) -> Affine:
    """Logarithms of the factor and the summand of a state that moves towards a positive candidate.

    Parameters
    ----------
    k : Array
        Preactivation of the share that is kept, of any shape.
    a : Array
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
