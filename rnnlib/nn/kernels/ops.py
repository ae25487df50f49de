"""The recurrences as operators of torch: one call for autograd and for ``torch.compile``.

``rnnlib::recur`` runs a recurrence, ``rnnlib::recur_backward`` gives its gradients. On a CPU they
are the loops of :mod:`rnnlib.nn.kernels.plain`, on CUDA the kernels behind
:mod:`rnnlib.nn.kernels.launch`. A gradient that is itself to be differentiated is taken through the
loop, by autograd.
"""

from typing import Any

import torch
from torch import Tensor

from rnnlib.nn.kernels import plain
from rnnlib.nn.kernels.cells import FORMS, Inputs, Saved

Maybe = Tensor | None


@torch.library.custom_op("rnnlib::recur", mutates_args=(), device_types="cpu")
def recur(
    cell: str,
    a: Tensor,
    W_h: Tensor,
    own: Tensor,
    h: Tensor,
    c: Tensor,
    keep: Maybe,
    mask: Maybe,
    lengths: Maybe,
    resets: Maybe,
    save: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Run a recurrence.

    Parameters
    ----------
    cell : str
        A name in ``FORMS``.
    a, W_h, own, h, c, keep, mask, lengths, resets
        The fields of :class:`~rnnlib.nn.kernels.cells.Inputs`.
    save : bool
        Is there to be a backward?

    Returns
    -------
    hs, h, c : Tensor
        What the steps hand out, and the last state.
    gates, us, cs : Tensor
        The other fields of :class:`~rnnlib.nn.kernels.cells.Saved`, empty unless ``save``.
    """
    given = Inputs(a, W_h, own, h, c, keep, mask, lengths, resets)
    h, c, (hs, gates, us, cs) = plain.forward(cell, given, save)
    return hs, h, c if FORMS[cell].memory else c.clone(), gates, us, cs


@recur.register_kernel("cuda")
def _recur_cuda(cell: str, *given: Any) -> tuple[Tensor, ...]:
    """By Triton's kernels, which are not imported before they are needed."""
    from rnnlib.nn.kernels import launch

    inputs, save = Inputs(*given[:-1]), given[-1]
    h, c, saved = launch.forward(launch.way(cell, inputs), cell, inputs, save)
    return saved.hs, h, c, saved.gates, saved.us, saved.cs


@recur.register_fake
def _recur_fake(cell: str, *given: Any) -> tuple[Tensor, ...]:
    """The shapes of what ``recur`` gives."""
    (a, _, _, h, c, *_), save, form = Inputs(*given[:-1]), given[-1], FORMS[cell]
    (T, B, GH), H, M = a.shape, h.shape[1], c.shape[1]
    shapes = (T, form.gates, B, H), (T, B, GH if form.product else 0), (T, B, M)
    empty = [of.new_empty(s if save else 0) for of, s in zip((a, a, c), shapes, strict=True)]
    return a.new_empty(T, B, H), torch.empty_like(h), torch.empty_like(c), *empty


@torch.library.custom_op("rnnlib::recur_backward", mutates_args=(), device_types="cpu")
def recur_backward(
    cell: str,
    a: Tensor,
    W_h: Tensor,
    own: Tensor,
    h: Tensor,
    c: Tensor,
    keep: Maybe,
    mask: Maybe,
    lengths: Maybe,
    resets: Maybe,
    hs: Tensor,
    gates: Tensor,
    us: Tensor,
    cs: Tensor,
    dhs: Tensor,
    dh: Tensor,
    dc: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of a recurrence.

    Parameters
    ----------
    cell : str
        A name in ``FORMS``.
    a, W_h, own, h, c, keep, mask, lengths, resets
        The fields of :class:`~rnnlib.nn.kernels.cells.Inputs`.
    hs, gates, us, cs : Tensor
        The fields of :class:`~rnnlib.nn.kernels.cells.Saved`.
    dhs, dh, dc : Tensor
        Gradients of what the steps hand out, and of the last state.

    Returns
    -------
    da, dW_h, down, dh, dc : Tensor
        Gradients of ``a``, ``W_h``, ``own``, ``h`` and ``c``.
    """
    given = Inputs(a, W_h, own, h, c, keep, mask, lengths, resets)
    saved = Saved(hs, gates, us, cs)
    read = plain.read_of(given, saved)
    slopes = plain.backward(cell, given, saved, read, (dhs, dh, dc))
    dW_h, down = plain.weights(cell, given, saved, read, slopes)
    return slopes.da, dW_h, down, slopes.dh, slopes.dc if FORMS[cell].memory else dc.clone()


@recur_backward.register_kernel("cuda")
def _recur_backward_cuda(cell: str, *given: Any) -> tuple[Tensor, ...]:
    """By Triton's kernels."""
    from rnnlib.nn.kernels import launch

    inputs, saved = Inputs(*given[:9]), Saved(*given[9:13])
    read, way = plain.read_of(inputs, saved), launch.way(cell, inputs)
    slopes = launch.backward(way, cell, inputs, saved, read, given[13:])
    dW_h, down = plain.weights(cell, inputs, saved, read, slopes)
    return slopes.da, dW_h, down, slopes.dh, slopes.dc


@recur_backward.register_fake
def _recur_backward_fake(cell: str, *given: Any) -> tuple[Tensor, ...]:
    """The shapes of what ``recur_backward`` gives: those of what is differentiated."""
    return tuple(torch.empty_like(s, memory_format=torch.contiguous_format) for s in given[:5])


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Keep what the backward needs."""
    cell, *given, save = inputs
    hs, _, _, *rest = output
    ctx.cell, ctx.save = cell, save
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(*rest)
    ctx.save_for_backward(*given, hs, *rest)


def _backward(ctx: Any, dhs: Maybe, dh: Maybe, dc: Maybe, *_: None) -> tuple[Any, ...]:
    """The gradients of ``recur``, by the kernels, or by the loop to differentiate them again."""
    if not ctx.save:
        raise RuntimeError("rnnlib::recur: got save=False, expected True for a backward")
    *given, hs, gates, us, cs = ctx.saved_tensors
    h, c = given[3:5]
    dhs = torch.zeros_like(hs) if dhs is None else dhs
    dh = torch.zeros_like(h) if dh is None else dh
    dc = torch.zeros_like(c) if dc is None else dc
    if torch.is_grad_enabled():  # create_graph=True
        found = _differentiable(ctx.cell, given, (dhs, dh, dc))
    else:
        found = recur_backward(ctx.cell, *given, hs, gates, us, cs, dhs, dh, dc)
    return None, *found, None, None, None, None, None


def _differentiable(
    cell: str, given: list[Any], douts: tuple[Tensor, Tensor, Tensor]
) -> tuple[Maybe, ...]:
    """The gradients of ``recur`` as functions of its arguments and of those of its outputs."""
    wanted = [s.view_as(s) for s in given[:5]]  # views: one argument may be made of another
    h, c, saved = plain.forward(cell, Inputs(*wanted, *given[5:]))
    outs = [(y, dy) for y, dy in zip((saved.hs, h, c), douts, strict=True) if y.requires_grad]
    ys, dys = zip(*outs, strict=True)
    asked = [s for s in wanted if s.requires_grad]
    found = iter(torch.autograd.grad(ys, asked, dys, create_graph=True, allow_unused=True))
    return tuple(next(found) if s.requires_grad else None for s in wanted)


recur.register_autograd(_backward, setup_context=_setup)
