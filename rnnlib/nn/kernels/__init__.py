"""Kernels for the recurrences that torch leaves slow, behind one operator.

A layer of :mod:`rnnlib.nn.modules` runs them with ``backend="kernel"``, and with ``"auto"`` where
torch has no kernel of its own. What does not recur is hoisted out of the loop
(:mod:`~rnnlib.nn.kernels.cells`), the recurrence itself is a custom operator
(:mod:`~rnnlib.nn.kernels.ops`): on a CPU a loop of torch (:mod:`~rnnlib.nn.kernels.plain`), on CUDA
kernels written in Triton, one step to a launch, or all steps in one. Nothing here imports Triton
before a tensor on a GPU asks for it.
"""

from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import entrance, packed, ragged
from rnnlib.nn.kernels import cells, ops

__all__ = ["forward"]


def forward(
    cell: Any,
    params: Any,
    xs: Tensor,
    state: Any,
    keep: Tensor | None = None,
    mask: Tensor | None = None,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, Any]:
    """Run a cell over a sequence, as :func:`rnnlib.nn.backend.loop` does it.

    Parameters
    ----------
    cell : Cell
        A cell that has a name, see :func:`rnnlib.nn.kernels.cells.name`.
    params : Params
        Its parameters.
    xs : Tensor
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.
    keep : Tensor, optional
        Share of the state that zoneout keeps, ``(T, B, S)``.
    mask : Tensor, optional
        Mask of the state that the cell reads, ``(B, H)``.
    lengths : Tensor of int, optional
        Lengths of the sequences, ``(B,)``, from 1 to T.
    resets : Tensor of bool, optional
        True where the state is set to zero before the step, ``(T, B)``.

    Returns
    -------
    Tensor
        Hidden states, ``(T, B, H)``, zero past the end of a sequence.
    State
        State of every sequence after its own last input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or no kernel runs the cell.
    """
    name = cells.name(cell)
    if name is None:
        raise ValueError(f"cell: got {cell}, expected one of {', '.join(cells.FORMS)}")
    entrance.check(params=params, xs=(xs, "T B D"), state=state)
    if lengths is not None:
        packed.check_lengths(lengths, *xs.shape[:2])
    resets = None if resets is None else resets.bool()
    hoisted = cells.hoist(params, ragged.pad(xs, lengths))
    dtype, wide = _dtypes(xs)
    c = state.c if cells.FORMS[name].memory else state.h[:, :0]
    a, W_h, own, h = (s.to(dtype) for s in (*hoisted, state.h))
    keep, mask = (None if s is None else s.to(dtype) for s in (keep, mask))
    given = cells.Inputs(a, W_h, own, h, c.to(wide), keep, mask, lengths, resets)
    save = torch.is_grad_enabled() and any(s.requires_grad for s in given[:5])
    hs, *last = ops.recur(name, *given, save)[:3]
    ends = (new.to(old.dtype) for new, old in zip(last, state, strict=False))
    return hs.to(xs.dtype), type(state)(*ends)


def _dtypes(xs: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """The dtype to compute in, autocast's where it is on, and the memory's."""
    dtype, kind = xs.dtype, xs.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
    return dtype, torch.promote_types(dtype, torch.float32)
