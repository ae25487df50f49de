r"""Dropout: train with a random half of a network, use all of it (Srivastava et al. 2014).

With the rate ``p`` and numbers ``u`` drawn evenly from [0, 1)::

    m = 1{u ≥ p} / (1 - p)                                           (dropout-mask)
    x' = m ∘ x,  dx = m ∘ dx'                                        (dropout)

The mean of ``m`` is 1, so in evaluation nothing is left to do. Over time, masks are drawn

- for each step, and for what goes up through the layers but not for what goes along in time, where
  T of them in a row would let nothing through (Zaremba et al. 2014);
- or once for a whole sequence, and then for the recurrent state too (Gal & Ghahramani 2016)::

    s' = step(m_x ∘ x, s with m_h ∘ h for its h)                     (dropout-cell)
    dx = m_x ∘ dx̃,  dh = m_h ∘ dh̃                                    (dropout-cell-dinputs)

``dx̃`` and ``dh̃`` are what the cell sends back into the masked arguments.
"""

from dataclasses import dataclass
from typing import Any, Generic

import numpy as np

from rnnlib import shapes
from rnnlib.reference.bptt import C, Cell, P, S
from rnnlib.reference.ops import Array


def mask(u: Array, rate: float) -> Array:
    """Turn even numbers into a mask.

    Parameters
    ----------
    u : Array
        Numbers from [0, 1), of any shape.
    rate : float
        Probability p that one is dropped, below 1.

    Returns
    -------
    Array
        Zeros, and elsewhere ``1 / (1 - p)``; of the same shape and dtype.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1, or a number of ``u`` is out of its range.

    Examples
    --------
    >>> mask(np.array([0.0, 0.19, 0.2, 0.9]), 0.2)
    array([0.  , 0.  , 1.25, 1.25])
    """
    check_rate("rate", rate)
    shapes.check("u", u, ("...",), {})
    if bad := u[~((u >= 0) & (u < 1))].tolist():
        raise ValueError(f"u: got {bad[0]}, expected numbers from 0 to below 1")
    return (u >= rate).astype(u.dtype) / (1 - rate)  # (dropout-mask)


def each_step(
    rng: np.random.Generator, rate: float, T: int, B: int, D: int, dtype: Any = np.float64
) -> Array:
    """Draw a mask for every step (Zaremba et al. 2014).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rate : float
        Probability that a number is dropped.
    T, B, D : int
        Number of steps, sequences and numbers.
    dtype : dtype
        That of what is masked.

    Returns
    -------
    Array
        ``(T, B, D)``, for :func:`apply` to the inputs of a layer or to its outputs.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1.
    """
    return mask(rng.random((T, B, D), dtype), rate)


def each_sequence(
    rng: np.random.Generator, rate: float, B: int, D: int, dtype: Any = np.float64
) -> Array:
    """Draw one mask for all steps (Gal & Ghahramani 2016).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    rate : float
        Probability that a number is dropped.
    B, D : int
        Number of sequences and numbers.
    dtype : dtype
        That of what is masked.

    Returns
    -------
    Array
        ``(B, D)``, for :func:`apply` and for :class:`Dropout`.

    Raises
    ------
    ValueError
        If the rate is not from 0 to below 1.
    """
    return mask(rng.random((B, D), dtype), rate)


def apply(xs: Array, m: Array) -> Array:
    """Multiply by a mask; the same function sends the gradient back.

    Parameters
    ----------
    xs : Array
        What is to be masked, ``(T, B, D)``, or the gradient with respect to what was.
    m : Array
        The mask: ``(T, B, D)``, or ``(B, D)`` for all steps.

    Returns
    -------
    Array
        ``(T, B, D)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = shapes.arguments(xs=(xs, "T B D"))
    shapes.check("m", m, "TBD"[-max(2, np.ndim(m)) :], sizes)
    return m * xs  # (dropout)


@dataclass(frozen=True, eq=False)
class Dropout(Generic[P, S, C]):
    """A cell whose input and recurrent state go through the same two masks at every step.

    Parameters
    ----------
    cell : Cell
        The cell.
    m_x : Array
        Mask of its inputs, ``(B, D)``.
    m_h : Array
        Mask of the state that it reads, ``(B, H)``; what it hands out is whole.
    """

    cell: Cell[P, S, C]
    m_x: Array
    m_h: Array

    def init(self, rng: np.random.Generator, D: int, H: int) -> P:
        """Draw the parameters of the cell."""
        return self.cell.init(rng, D, H)

    def zero_state(self, params: P, B: int) -> S:
        """The first state of the cell."""
        return self.cell.zero_state(params, B)

    def step(self, params: P, x: Array, state: S) -> tuple[S, C]:
        """Read one input ``(B, D)``; return the state after it, and what the cell keeps."""
        masked = state._replace(h=self.m_h * state.h)
        return self.cell.step(params, self.m_x * x, masked)  # (dropout-cell)

    def step_backward(self, params: P, cache: C, dstate: S) -> tuple[P, Array, S]:
        """Gradients with respect to the parameters, the input, and the state before."""
        dparams, dx, dprev = self.cell.step_backward(params, cache, dstate)
        dprev = dprev._replace(h=self.m_h * dprev.h)
        return dparams, self.m_x * dx, dprev  # (dropout-cell-dinputs)


def check_rate(name: str, rate: Any) -> None:
    """Refuse a probability of dropping that is not from 0 to below 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"{name}: got {rate}, expected a number from 0 to below 1")
