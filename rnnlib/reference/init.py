r"""Where training starts from.

::

    uniform      w ~ U(-1/√n, 1/√n),  n the fan                      (init-uniform)
    Glorot       w ~ U(-√(6/(n+m)), √(6/(n+m))),  W is (m, n)        (init-glorot)
    orthogonal   QᵀQ = I,  Q drawn evenly from all such matrices     (init-orthogonal)
"""

import numpy as np

from rnnlib.reference.ops import Array


def uniform(rng: np.random.Generator, shape: tuple[int, ...], fan: int) -> Array:
    """Draw weights as torch's recurrent layers do.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Shape of the result.
    fan : int
        The number whose inverse root bounds the weights; torch takes the number of hidden units.

    Returns
    -------
    Array
        Weights in float64.

    Raises
    ------
    ValueError
        If ``fan`` is not positive.
    """
    if fan < 1:
        raise ValueError(f"fan: got {fan}, expected a positive integer")
    bound = fan**-0.5
    return rng.uniform(-bound, bound, shape)  # (init-uniform)


def glorot(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Draw weights whose variance balances the signal forward and backward (Glorot & Bengio 2010).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        ``(m, n)``: number of outputs and of inputs.

    Returns
    -------
    Array
        Weights in float64.

    Raises
    ------
    ValueError
        If the shape is not that of a matrix.
    """
    m, n = _matrix(shape)
    bound = np.sqrt(6 / (n + m))
    return rng.uniform(-bound, bound, shape)  # (init-glorot)


def orthogonal(rng: np.random.Generator, shape: tuple[int, int], gain: float = 1.0) -> Array:
    """Draw an orthogonal matrix, evenly over all of them (Mezzadri 2007; Saxe et al. 2014).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        ``(m, n)``. If they differ, the rows or the columns are orthonormal, whichever are fewer.
    gain : float
        Factor on the result: the length of its rows or columns.

    Returns
    -------
    Array
        Weights in float64.

    Raises
    ------
    ValueError
        If the shape is not that of a matrix.
    """
    m, n = _matrix(shape)
    gaussian = rng.normal(size=(max(m, n), min(m, n)))
    Q, R = np.linalg.qr(gaussian)
    Q = Q * np.sign(np.diag(R))  # (init-orthogonal): without the signs the draw is not even
    return gain * (Q if m >= n else Q.T)


def _matrix(shape: tuple[int, int]) -> tuple[int, int]:
    """The shape, once it is known to be that of a matrix."""
    if np.ndim(shape) != 1 or len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape: got {shape}, expected (m, n), both positive")
    return shape
