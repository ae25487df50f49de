"""Checks at the entrances, where values can be looked at and where they cannot."""

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_batchedtensor

from rnnlib import shapes

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)  # that can be compared


def check(**named: Any) -> None:
    """Check arguments by :func:`rnnlib.shapes.arguments`; not while ``torch.compile`` traces."""
    if not torch.compiler.is_compiling():
        shapes.arguments(**named)


def may_look(values: Tensor) -> bool:
    """May values be looked at? Not while a graph is traced or captured, nor within a vmap."""
    if torch.compiler.is_compiling() or values.is_meta or is_batchedtensor(values):
        return False
    return not (values.is_cuda and torch.cuda.is_current_stream_capturing())


def check_integers(
    name: str,
    values: Any,
    shape: tuple[int, ...],
    least: int,
    most: int,
    where: Tensor | None = None,
) -> None:
    """Refuse what are no integers of a shape and from a range.

    Their values are looked at, which waits for the GPU if they are there.

    Parameters
    ----------
    name : str
        What the caller calls the argument; the error message opens with it.
    values : Tensor of int
        The argument.
    shape : tuple of int
        Its shape.
    least, most : int
        The range, both ends included.
    where : Tensor of bool, optional
        Where the range matters; by default everywhere.

    Raises
    ------
    ValueError
        If the argument is no tensor, not of an integer dtype, of another shape, or out of range.

    Examples
    --------
    >>> check_integers("lengths", torch.tensor([3, 0]), (2,), 1, 4)
    Traceback (most recent call last):
        ...
    ValueError: lengths: got 0, expected integers from 1 to 4
    """
    if not isinstance(values, Tensor):
        raise ValueError(f"{name}: got {type(values).__name__}, expected a tensor")
    if values.dtype not in INTEGERS:
        raise ValueError(f"{name}: got dtype {values.dtype}, expected integer, such as torch.int64")
    if tuple(values.shape) != shape:
        raise ValueError(f"{name}: got shape {tuple(values.shape)}, expected {shape}")
    if may_look(values):
        bad = values[((values < least) | (values > most)) & (True if where is None else where)]
        if len(bad):
            got = int(bad[0])
            raise ValueError(f"{name}: got {got}, expected integers from {least} to {most}")
