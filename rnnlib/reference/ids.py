"""Integers that name symbols or count steps, checked at the entrance like shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes


def check(
    name: str,
    ids: Any,
    shape: Sequence[str],
    sizes: dict[str, int],
    least: int,
    most: int,
    where: NDArray[np.bool_] | bool = True,
) -> None:
    """Check an array of integers against a stated shape and a range.

    Parameters
    ----------
    name : str
        What the caller calls the argument; the error message opens with it.
    ids : numpy.ndarray
        The argument.
    shape : sequence of str
        Its stated dimensions, as for :func:`rnnlib.shapes.check`.
    sizes : dict[str, int]
        The letters bound so far; new ones are added.
    least, most : int
        The range, both ends included.
    where : numpy.ndarray of bool
        Where the range matters; by default everywhere.

    Raises
    ------
    ValueError
        If the argument is no array, not of an integer dtype, of another shape, or out of range.

    Examples
    --------
    >>> check("lengths", np.array([3, 0]), ("B",), {}, 1, 4)
    Traceback (most recent call last):
        ...
    ValueError: lengths: got 0, expected integers from 1 to 4
    """
    dtype = getattr(ids, "dtype", None)
    if dtype is not None and dtype.kind not in "iu":
        raise ValueError(f"{name}: got dtype {dtype}, expected integer")
    shapes.check(name, ids if dtype is None else ids.astype(float), shape, sizes)
    bad = ids[where & ((ids < least) | (ids > most))]
    if bad.size:
        raise ValueError(f"{name}: got {bad[0]}, expected integers from {least} to {most}")
