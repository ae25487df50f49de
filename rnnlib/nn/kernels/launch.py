"""Who launches the kernels of a recurrence, and with which buffers.

``persistent``
    One launch for all steps. A program keeps the recurrent weights on its processor, so they must
    fit there: H ≤ 128 in 16 bits, H ≤ 64 in float32 or with layer norm, see :func:`fits`.
``step``
    For each step a product, by torch, and a launch for the rest; for every H and dtype.
``graph``
    The same in stretches of time, each recorded once as a CUDA graph and played again, see
    :mod:`rnnlib.nn.kernels.graph`.
"""

import functools
from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import ragged
from rnnlib.nn.kernels import dispatch, graph
from rnnlib.nn.kernels.cells import FORMS, Inputs, Read, Saved, Slopes
from rnnlib.nn.kernels.graph import Call

FITS = {torch.float16: 128, torch.bfloat16: 128, torch.float32: 64}  # units, by dtype
NORMED = 64  # units with layer norm, of which more is kept
SHARED = 227 * 1024  # bytes that a block must be able to share for these, or half as many fit
ROWS = 16  # of a tile that is multiplied: matrix units take no fewer
RESETS = 2  # their place among what the backward reads over time
WIDTH = 128  # of a tile that is not, where a row of the state may be cut


def fits(cell: str, dtype: torch.dtype, H: int, shared: int = SHARED) -> bool:
    """Can a program keep what ``persistent`` needs, with so many bytes that a block can share?

    Examples
    --------
    >>> fits("gru", torch.bfloat16, 128), fits("gru", torch.float32, 128)
    (True, False)
    >>> fits("gru", torch.bfloat16, 128, shared=99 * 1024)
    False
    """
    most = min(FITS.get(dtype, 0), NORMED if FORMS[cell].norm else H)
    return (most if shared >= SHARED else most // 2) >= H


def ways(cell: str, dtype: torch.dtype, H: int, shared: int = SHARED) -> tuple[str, ...]:
    """The ways that can run a recurrence."""
    return ("persistent", "graph") if fits(cell, dtype, H, shared) else ("graph",)


def fastest(cell: str, x: Tensor, H: int, others: tuple[str, ...] = ()) -> str:
    """The fastest way for inputs ``(T, B, ...)`` on a GPU, or one of the others, as measured."""
    card = torch.cuda.get_device_properties(x.device)
    can = ways(cell, x.dtype, H, getattr(card, "shared_memory_per_block_optin", 0))
    T, B = x.shape[:2]
    return dispatch.choose((*others, *can), cell, card.name, x.dtype, T, B, H)


def way(cell: str, given: Inputs) -> str:
    """The way of the kernels for a recurrence."""
    return fastest(cell, given.a, given.h.shape[1])


def forward(way: str, cell: str, given: Inputs, save: bool) -> tuple[Tensor, Tensor, Saved]:
    """Run a recurrence by kernels.

    Parameters
    ----------
    way : str
        ``"persistent"``, ``"step"`` or ``"graph"``.
    cell : str
        A name in ``FORMS``.
    given : Inputs
        The recurrence, on a GPU; or on a CPU where Triton interprets.
    save : bool
        Is there to be a backward?

    Returns
    -------
    h, c, saved
        As of :func:`rnnlib.nn.kernels.plain.forward`; what but ``hs`` is saved is empty unless
        ``save``.
    """
    a, W_h, own, h, c, keep, mask, lengths, resets = given
    T, (B, H), form = len(a), h.shape, FORMS[cell]
    sizes = (T, form.gates, B, H), a.shape if form.product else (T, B, 0), (T, *c.shape)
    kept = [of.new_empty(s if save else 0) for of, s in zip((a, a, c), sizes, strict=True)]
    hs, h, c = a.new_empty(T, B, H), h.clone(), c.clone()
    on = None if lengths is None else ragged.valid(lengths, T)
    call = Call(_some(a, keep, on, resets), _some(W_h, own, mask), _some(h, c), _some(hs, *kept))
    _by(way, ("forward", cell), functools.partial(_forward, cell, way == "persistent"), call)
    return h, c, Saved(hs, *kept)


def backward(
    way: str, cell: str, given: Inputs, saved: Saved, read: Read, douts: tuple[Tensor, ...]
) -> Slopes:
    """Carry gradients upward by kernels; see :func:`rnnlib.nn.kernels.plain.backward`."""
    a, W_h, own, _, _, keep, mask, lengths, resets = given
    (T, B, H), form, (dhs, dh, dc) = read.xs.shape, FORMS[cell], douts
    da = a.new_empty(a.shape)
    du, dnorms = da.new_empty(saved.us.shape), dc.new_empty(T, B, H if form.norm else 0)
    dh, dc = dh.to(dc.dtype, copy=True), dc.clone()
    on = None if lengths is None else ragged.valid(lengths, T)
    over_time = _some(keep, on, resets, *read, saved.gates, saved.us, dhs)
    call = Call(over_time, _some(W_h, own, mask), _some(dh, dc), _some(da, du, dnorms))
    run = functools.partial(_backward, cell, way == "persistent")
    _by(way, ("backward", cell), run, call, upward=True)
    return Slopes(da, du if form.product else da, dnorms, dh.to(given.h.dtype), dc)


def precision() -> str:
    """How float32 numbers are multiplied: as torch is told to."""
    return "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"


def _by(way: str, name: tuple[str, ...], run: graph.Run, call: Call, upward: bool = False) -> None:
    """Run at once, or as recorded graphs unless a graph is being recorded already."""
    where = call.fixed[0]
    assert where is not None
    with torch.cuda.device(where.device if where.is_cuda else -1):  # -1 does nothing
        if way == "graph" and not graph.is_recording():
            graph.play((*name, precision()), run, call, upward)
        else:
            run(call)


def _forward(cell: str, persistent: bool, call: Call) -> None:
    """Launch the steps of a stretch of time, the first first."""
    from rnnlib.nn.kernels.triton_forward import run

    (W_h, own, mask), (h, c) = call.fixed, call.state
    assert W_h is not None and h is not None
    (B, H), T = h.shape, call.steps()
    grid, options = _tiles(cell, h, persistent)
    if persistent:
        (a, *read), written = call.read, call.written
        run[grid](a, W_h, own, h, c, *read, mask, None, *written, h, c, None, T, B, H, **options)
        return
    x, u = h if mask is None else mask * h, h.new_empty(B, len(W_h))  # the launches change h and x
    for t in range(T):
        torch.mm(x, W_h.T, out=u)  # (recur-read)
        (a, *read), _, _, written = call.at(t)
        x_next = None if mask is None else x
        run[grid](a, None, own, h, c, *read, mask, u, *written, h, c, x_next, 1, B, H, **options)


def _backward(cell: str, persistent: bool, call: Call) -> None:
    """Launch the steps of a stretch of time backward, the last first."""
    from rnnlib.nn.kernels.triton_backward import run

    (W_h, own, mask), (dh, dc), T = call.fixed, call.state, call.steps()
    assert W_h is not None and dh is not None
    (B, H), resets = dh.shape, call.read[RESETS]
    grid, options = _tiles(cell, dh, persistent)
    if persistent:
        ends = dh, dc, None, None, *call.written, dh, dc, T, B, H
        run[grid](W_h, own, mask, *call.read, *ends, **options)
        return
    through, fresh = W_h.new_zeros(B, H), None if resets is None else resets[-1]
    for t in reversed(range(T)):
        read, _, _, (da, du, dnorm) = call.at(t)
        ends = dh, dc, through, fresh, da, du, dnorm, dh, dc, 1, B, H
        run[grid](None, own, mask, *read, *ends, **options)
        assert da is not None
        torch.mm(da if du is None else du, W_h, out=through)  # (drecur-read)
        fresh = None if resets is None else resets[t]
    came = through if mask is None else mask * through
    dh += came if fresh is None else torch.where(fresh[:, None], 0, came)  # (drecur-state)


def _tiles(cell: str, h: Tensor, persistent: bool) -> tuple[Any, dict[str, Any]]:
    """The grid, and what the kernels are compiled for."""
    from rnnlib.nn.kernels.language import tl

    (B, H), form = h.shape, FORMS[cell]
    whole = 1 << (H - 1).bit_length()  # the least power of two that holds a row
    BB, BH = (ROWS, max(ROWS, whole)) if persistent else (1, min(whole, WIDTH))
    if form.norm:  # a row that is normalised is not cut
        BH = max(BH, whole)
    options = {
        "CELL": cell,
        "G": form.gates,
        "PRECISION": precision(),
        "NUMBER": tl.float64 if torch.float64 == h.dtype else tl.float32,
        "BB": BB,
        "BH": BH,
        "num_warps": 8 if persistent and BH > 64 else 4,
    }
    return (-(-B // BB), -(-H // BH)), options


def _some(*tensors: Tensor | None) -> graph.Some:
    """Each, in one piece, or None if there is nothing in it."""
    return [s.contiguous() if s is not None and s.numel() else None for s in tensors]
