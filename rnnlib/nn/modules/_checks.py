"""What modules refuse, in one wording."""

from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import entrance


def among(name: str, value: Any, expected: tuple[Any, ...]) -> None:
    """Refuse an option that is none of the values."""
    if value not in expected:
        raise ValueError(f"{name}: got {value!r}, expected one of {expected}")


def positive(**sizes: Any) -> None:
    """Refuse sizes that are no positive integers."""
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name}: got {size!r}, expected a positive integer")


def like(name: str, a: Tensor, b: Tensor) -> None:
    """Refuse a tensor of another dtype or device; autocast takes care of dtypes."""
    if a.device != b.device:
        raise ValueError(f"{name}: got device {a.device}, expected {b.device}")
    if a.dtype != b.dtype and not torch.is_autocast_enabled(a.device.type):
        raise ValueError(f"{name}: got dtype {a.dtype}, expected {b.dtype}")


def sequences(
    x: Any, D: int, W: Tensor, lengths: Any, resets: Any, batch_first: bool, unbatched: bool = False
) -> None:
    """Refuse what is no batch of sequences.

    Parameters
    ----------
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
    if not isinstance(x, Tensor):
        got = type(x).__name__
        hint = ", with lengths=" * (got == "PackedSequence")
        raise ValueError(f"x: got {got}, expected a tensor{hint}")
    if x.ndim not in (3, 3 - unbatched) or x.shape[-1] != D or 0 in x.shape[:-1]:
        want = f"(B, T, {D})" if batch_first else f"(T, B, {D})"
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected {want}, T and B above 0")
    like("x", x, W)
    for name, given in (("lengths", lengths), ("resets", resets)):
        if given is None:
            continue
        if x.ndim == 2:
            raise ValueError(f"{name}: got some with x of shape {tuple(x.shape)}, expected a batch")
        if not isinstance(given, Tensor):
            raise ValueError(f"{name}: got {type(given).__name__}, expected a tensor")
        if given.device != x.device:
            raise ValueError(f"{name}: got device {given.device}, expected {x.device}")
    if lengths is not None:
        B, T = x.shape[:2] if batch_first else (x.shape[1], x.shape[0])
        entrance.check_integers("lengths", lengths, (B,), 1, T)
    if resets is not None:
        if resets.dtype != torch.bool:
            raise ValueError(f"resets: got dtype {resets.dtype}, expected bool")
        if resets.shape != x.shape[:2]:
            shapes = tuple(resets.shape), tuple(x.shape[:2])
            raise ValueError("resets: got shape {}, expected {}".format(*shapes))
