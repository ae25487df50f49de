"""What modules refuse, in one wording."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import entrance
from rnnlib.reference.dropout import check_rate


def among(name: str, value: Any, expected: tuple[Any, ...]) -> None:
    """Refuse an option that is none of the values."""
    if value not in expected:
        raise ValueError(f"{name}: got {value!r}, expected one of {expected}")


def positive(**sizes: Any) -> None:
    """Refuse sizes that are no positive integers."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name}: got {size!r}, expected a positive integer")


def finite(name: str, value: Any, least: float = -math.inf) -> None:
    """Refuse what is no finite number, or is below the least."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < least:
        want = "a finite number" if least == -math.inf else f"a finite number, at least {least:g}"
        raise ValueError(f"{name}: got {value!r}, expected {want}")


def rate(name: str, value: Any) -> None:
    """Refuse what is no probability of dropping, from 0 to below 1."""
    if not isinstance(value, Real):
        raise ValueError(f"{name}: got {value!r}, expected a number from 0 to below 1")
    check_rate(name, value)


def like(name: str, a: Tensor, b: Tensor) -> None:
    """Refuse a tensor of another dtype or device; autocast takes care of dtypes."""
    if a.device != b.device:
        raise ValueError(f"{name}: got device {a.device}, expected {b.device}")
    if a.dtype != b.dtype and not torch.is_autocast_enabled(a.device.type):
        raise ValueError(f"{name}: got dtype {a.dtype}, expected {b.dtype}")


def states(name: str, given: Any, shapes: Sequence[tuple[int, ...]], x: Tensor) -> None:
    """Refuse what are no tensors of these shapes, of the dtype and on the device of ``x``."""
    if not isinstance(given, tuple | list) or len(given) != len(shapes):
        got = f"{len(given)} of them" if isinstance(given, tuple | list) else type(given).__name__
        raise ValueError(f"{name}: got {got}, expected {len(shapes)} tensors, {shapes}")
    for s, shape in zip(given, shapes, strict=True):
        if not isinstance(s, Tensor) or s.shape != shape:
            got = str(tuple(s.shape)) if isinstance(s, Tensor) else type(s).__name__
            raise ValueError(f"{name}: got {got}, expected shape {shape}")
        like(name, s, x)


def sequences(
    name: str,
    x: Any,
    D: int,
    W: Tensor,
    lengths: Any,
    resets: Any,
    batch_first: bool,
    unbatched: bool = False,
) -> None:
    """Refuse what is no batch of sequences.

    Parameters
    ----------
    name : str
        What the caller calls the inputs.
    x : Tensor
        Inputs, ``(T, B, D)``, or with ``batch_first`` ``(B, T, D)``.
    D : int
        Number of inputs.
    W : Tensor
        Weights, whose dtype and device the inputs must have.
    lengths : Tensor of int, optional
        Lengths, ``(B,)``, from 1 to T, on the device of ``x``.
    resets : Tensor of bool, optional
        Resets, ``(T, B)``, or with ``batch_first`` ``(B, T)``.
    batch_first : bool
        Does the batch come before time?
    unbatched : bool
        May one sequence come without a batch, ``(T, D)``?

    Raises
    ------
    ValueError
        If something is not as stated.
    """
    if not isinstance(x, Tensor) or x.is_nested or x.layout != torch.strided:
        got = f"a tensor of layout {x.layout}" if isinstance(x, Tensor) else type(x).__name__
        hint = ", with lengths=" * (got == "PackedSequence" or getattr(x, "is_nested", False))
        raise ValueError(f"{name}: got {got}, expected a dense tensor{hint}")
    if x.ndim not in (3, 3 - unbatched) or x.shape[-1] != D or 0 in x.shape[:-1]:
        want = f"(B, T, {D})" if batch_first else f"(T, B, {D})"
        raise ValueError(f"{name}: got shape {tuple(x.shape)}, expected {want}, T and B above 0")
    like(name, x, W)
    for more, given in (("lengths", lengths), ("resets", resets)):
        if given is None:
            continue
        if x.ndim == 2:
            shape = tuple(x.shape)
            raise ValueError(f"{more}: got some with {name} of shape {shape}, expected a batch")
        if not isinstance(given, Tensor):
            raise ValueError(f"{more}: got {type(given).__name__}, expected a tensor")
        if given.device != x.device:
            raise ValueError(f"{more}: got device {given.device}, expected {x.device}")
    if lengths is not None:
        B, T = x.shape[:2] if batch_first else (x.shape[1], x.shape[0])
        entrance.check_integers("lengths", lengths, (B,), 1, T)
    if resets is not None:
        if resets.dtype != torch.bool:
            raise ValueError(f"resets: got dtype {resets.dtype}, expected bool")
        if resets.shape != x.shape[:2]:
            shapes = tuple(resets.shape), tuple(x.shape[:2])
            raise ValueError("resets: got shape {}, expected {}".format(*shapes))
