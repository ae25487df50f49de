r"""Where training starts from.

::

    uniform      w ~ U(-1/√n, 1/√n),  n the fan                      (init-uniform)
    Glorot       w ~ U(-√(6/(n+m)), √(6/(n+m))),  W is (m, n)        (init-glorot)
    orthogonal   QᵀQ = I,  Q drawn evenly from all such matrices     (init-orthogonal)
    Gaussian     w ~ N(0, s²)                                        (init-gaussian)
    identity     W = s I                                             (init-identity)

and the bias ``b = [b_i; b_f; b_g; b_o]`` of an LSTM, which decides how long it remembers before
it has learned anything::

    forget bias  b_f = s                                             (init-forget-bias)
    chrono       b_f = log u,  u ~ U(1, T_max - 1),  b_i = -b_f      (init-chrono)
"""

import numpy as np

from rnnlib import shapes
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


def gaussian(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> Array:
    """Draw normal weights of mean zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    shape : tuple of int
        Shape of the result.
    std : float
        Their standard deviation; :func:`orthogonal` is the better choice for powers of a matrix.

    Returns
    -------
    Array
        Weights in float64.

    Raises
    ------
    ValueError
        If ``std`` is negative or not finite.
    """
    if not 0 <= std < np.inf:
        raise ValueError(f"std: got {std}, expected a finite number, not negative")
    return rng.normal(0, std, shape)  # (init-gaussian)


def identity(shape: tuple[int, int], gain: float = 1.0) -> Array:
    """Recurrent weights that hand the state on as it is (IRNN, Le et al. 2015).

    Parameters
    ----------
    shape : tuple of int
        ``(m, n)``. If they differ, what has no partner is zero.
    gain : float
        Factor on the result; below one, the state decays.

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
    return gain * np.eye(m, n)  # (init-identity)


def forget_bias(b: Array, value: float = 1.0) -> Array:
    """Open the forget gates of an LSTM (Gers et al. 2000; Jozefowicz et al. 2015).

    Parameters
    ----------
    b : Array
        Bias of the gates i, f, g, o, ``(4H,)``.
    value : float
        The bias of the forget gates.

    Returns
    -------
    Array
        A copy with the rows of f at ``value``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    b_i, _, b_g, b_o = _gates(b)
    return np.concatenate([b_i, np.full_like(b_i, value), b_g, b_o])  # (init-forget-bias)


def chrono(rng: np.random.Generator, b: Array, T_max: float) -> Array:
    """Spread the memories of an LSTM evenly over 1 to T_max steps (Tallec & Ollivier 2018).

    A forget gate of σ(log u) loses the share 1/(1 + u) of its cell at each step, so it remembers
    for about 1 + u of them.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    b : Array
        Bias of the gates i, f, g, o, ``(4H,)``.
    T_max : float
        The longest lag that the task is expected to have, at least 2.

    Returns
    -------
    Array
        A copy with the rows of f drawn, and those of i their negatives.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or ``T_max`` is below 2 or infinite.
    """
    if not 2 <= T_max < np.inf:
        raise ValueError(f"T_max: got {T_max}, expected at least 2 steps")
    b_i, _, b_g, b_o = _gates(b)
    b_f = np.log(rng.uniform(1, T_max - 1, len(b_i))).astype(b.dtype)
    return np.concatenate([-b_f, b_f, b_g, b_o])  # (init-chrono)


def _gates(b: Array) -> list[Array]:
    """The biases of i, f, g and o."""
    shapes.arguments(b=(b, "4H"))
    return np.split(b, 4)


def _matrix(shape: tuple[int, int]) -> tuple[int, int]:
    """The shape, once it is known to be that of a matrix."""
    if np.ndim(shape) != 1 or len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"shape: got {shape}, expected (m, n), both positive")
    return shape
