r"""Linear recurrences, real and complex, as one operator with one gradient.

::

    h_t = a_t ∘ h_{t-1} + b_t,   t = 1 ... T                         (scan-loop)

Backward, from the gradients ``u_t`` of the result; ``a*`` is the conjugate, and ``a_{T+1} = 0``::

    g_t = a*_{t+1} ∘ g_{t+1} + u_t,   db_t = g_t                     (scan-adjoint)
    da_t = g_t ∘ h*_{t-1},   dh_0 = a*_1 ∘ g_1                       (scan-dfactor)

A complex number is a pair of real tensors, as in :mod:`rnnlib.nn.complex_pairs`. On a GPU the
operator is a kernel of :mod:`rnnlib.nn.kernels.triton_scan`, elsewhere the loop above. Both
add in float32, whatever narrower dtype the numbers have. Nothing is divided and no logarithm is
taken: the products of factors within the unit disc may underflow, and then they do not matter.

The gradient is differentiable again: where a graph of it is wanted, (scan-adjoint) is run by the
operator itself. It compiles with ``torch.compile(fullgraph=True)``. Neither forward-mode
derivatives nor :func:`torch.func.vmap` go through it; :mod:`rnnlib.nn.scan` is for these.
"""

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import entrance

Complex = tuple[Tensor, Tensor]  # real part, imaginary part
Parts = Sequence[Tensor]  # a real tensor alone, or both parts


def recur(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """Run the recurrence.

    Parameters
    ----------
    a : Tensor
        Factors, ``(T, B, H)``, or ``(H,)`` if they are the same at every step.
    b : Tensor
        Summands, ``(T, B, H)``, with T ≥ 1.
    h : Tensor
        What comes before the first step, ``(B, H)``.

    Returns
    -------
    Tensor
        ``h_1 ... h_T``, ``(T, B, H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.

    Examples
    --------
    >>> recur(torch.full((1,), 0.5), torch.zeros(3, 1, 1), torch.ones(1, 1)).flatten()
    tensor([0.5000, 0.2500, 0.1250])
    """
    entrance.check(a=(a, _axes(a)), b=(b, "T B H"), h=(h, "B H"))
    return _run((a,), (b,), (h,))[0]


def recur_pairs(a: Complex, b: Complex, h: Complex) -> Complex:
    """Run a complex recurrence: as :func:`recur`, with a real and an imaginary part of each."""
    axes = _axes(a[0])
    entrance.check(a=(a[0], axes), b=(b[0], "T B H"), h=(h[0], "B H"))
    entrance.check(a=(a[1], axes), b=(b[1], "T B H"), h=(h[1], "B H"))
    re, im = _run(a, b, h)
    return re, im


def _run(*given: Parts) -> list[Tensor]:
    """The operator, with all numbers in the widest of their dtypes."""
    number = functools.reduce(torch.promote_types, (parts[0].dtype for parts in given))
    hs: list[Tensor] = scan(*([part.to(number) for part in parts] for parts in given))
    return hs


@torch.library.custom_op("rnnlib::scan", mutates_args=())
def scan(a: Parts, b: Parts, h: Parts) -> list[Tensor]:
    """(scan-loop) on a CPU."""
    a_c, b_c, h_c = (_number(parts) for parts in (a, b, h))
    hs, steps = torch.empty_like(b_c), a_c.expand(len(b_c), *(1, *a_c.shape)[-2:])
    for a_t, b_t, out in zip(steps, b_c, hs, strict=True):
        h_c = torch.addcmul(b_t, a_t, h_c, out=out)  # (scan-loop)
    return _parts(hs, b)


@torch.library.custom_op("rnnlib::scan_backward", mutates_args=())
def scan_backward(a: Parts, h: Parts, hs: Parts, u: Parts) -> list[Tensor]:
    """(scan-adjoint) and (scan-dfactor) on a CPU: parts of da, then of db."""
    a_c, h_c, hs_c, u_c = (_number(parts) for parts in (a, h, hs, u))
    g = torch.empty_like(u_c)
    g[-1] = u_c[-1]
    steps = a_c.conj_physical().expand(len(g), *(1, *a_c.shape)[-2:])
    for t in range(len(g) - 2, -1, -1):
        torch.addcmul(u_c[t], steps[t + 1], g[t + 1], out=g[t])  # (scan-adjoint)
    return [*_parts(_dfactor(a_c, h_c, hs_c, g), a), *_parts(g, u)]


def _dfactor(a: Tensor, h: Tensor, hs: Tensor, g: Tensor) -> Tensor:
    """Gradient of the factors, of their shape; all numbers real or all complex.

    The conjugate is written out here and below: within an operator torch does not heed its mark.
    """
    da = g * torch.cat([h[None], hs[:-1]]).conj_physical()  # (scan-dfactor)
    return da if a.ndim == 3 else da.sum((0, 1))


@scan.register_kernel("cuda")
def _(a: Parts, b: Parts, h: Parts) -> list[Tensor]:
    return launch_forward(a, b, h)


@scan_backward.register_kernel("cuda")
def _(a: Parts, h: Parts, hs: Parts, u: Parts) -> list[Tensor]:
    return launch_backward(a, h, hs, u)


@scan.register_fake
def _(a: Parts, b: Parts, h: Parts) -> list[Tensor]:
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in b]


@scan_backward.register_fake
def _(a: Parts, h: Parts, hs: Parts, u: Parts) -> list[Tensor]:
    return [torch.empty_like(part, memory_format=torch.contiguous_format) for part in [*a, *u]]


def _remember(ctx: Any, inputs: tuple[Parts, Parts, Parts], output: Parts) -> None:
    """Keep what the gradient reads."""
    a, _, h = inputs
    ctx.save_for_backward(*a, *h, *output)


def _gradient(ctx: Any, us: Parts) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Gradients of factors, summands and first state; by differentiable steps if asked for."""
    n = len(us)
    parts = ctx.saved_tensors
    a, h, hs = list(parts[:n]), list(parts[n : 2 * n]), list(parts[2 * n :])
    u = [torch.zeros_like(s) if part is None else part for part, s in zip(us, hs, strict=True)]
    if torch.is_grad_enabled():  # a graph of the gradient is wanted
        a_c, h_c, hs_c = (_number(parts, exact=True) for parts in (a, h, hs))
        later = a_c.conj_physical()
        if later.ndim == 3:  # a_{t+1}, from the end; what stands before the first is not read
            later = torch.cat([torch.zeros_like(later[:1]), later[1:].flip(0)])
        ends = [torch.zeros_like(part) for part in h]
        g = [s.flip(0) for s in scan(_parts(later, a), [part.flip(0) for part in u], ends)]
        da = _parts(_dfactor(a_c, h_c, hs_c, _number(g, exact=True)), a)
    else:
        found = scan_backward(a, h, hs, u)
        da, g = found[:n], found[n:]
    first = [part[0] if part.ndim == 3 else part for part in a]
    a_1, g_1 = _number(first, exact=True), _number([part[0] for part in g], exact=True)
    return da, g, _parts(a_1.conj_physical() * g_1, h)  # (scan-dfactor)


scan.register_autograd(_gradient, setup_context=_remember)


def launch_forward(
    a: Parts, b: Parts, h: Parts, chunk: int | None = None, block: int = 32
) -> list[Tensor]:
    """Run (scan-loop) by Triton.

    Parameters
    ----------
    a, b, h : sequence of Tensor
        One part each, or two, of the shapes that :func:`recur` states.
    chunk, block : int
        Steps and units of a tile, powers of two.

    Returns
    -------
    list of Tensor
        As many parts of ``h_1 ... h_T``.
    """
    from rnnlib.nn.kernels import triton_scan

    hs = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in b]
    kernel, tensors = triton_scan.forward, [_two(parts) for parts in (a, b, h, hs)]
    _launch(kernel, tensors, a[0], b[0], len(a), chunk, block)
    return hs


def launch_backward(
    a: Parts, h: Parts, hs: Parts, u: Parts, chunk: int | None = None, block: int = 32
) -> list[Tensor]:
    """Run (scan-adjoint) and (scan-dfactor) by Triton; parts of da, then of db."""
    from rnnlib.nn.kernels import triton_scan

    B, number = u[0].shape[1], torch.promote_types(u[0].dtype, torch.float32)
    db = [torch.empty_like(part, memory_format=torch.contiguous_format) for part in u]
    if a[0].ndim == 3:
        da = [torch.empty_like(part) for part in db]
    else:  # one row of sums per sequence
        da = [u[0].new_empty(B, u[0].shape[2], dtype=number) for _ in a]
    tensors = [_two(parts) for parts in (a, h, hs, u, da, db)]
    _launch(triton_scan.backward, tensors, a[0], u[0], len(a), chunk, block)
    if a[0].ndim == 1:
        da = [part.sum(0).to(a[0].dtype) for part in da]
    return [*da, *db]


def _launch(
    kernel: Any,
    tensors: list[tuple[Tensor, Tensor]],
    a: Tensor,
    like: Tensor,
    parts: int,
    chunk: int | None,
    block: int,
) -> None:
    """Start one program for every ``block`` units."""
    from rnnlib.nn.kernels.language import tl

    T, B, H = like.shape
    kernel[(-(-B * H // block),)](
        *(part for pair in tensors for part in pair),
        *(T, B * H, H),
        STEPS=a.ndim == 3,
        PAIRS=parts == 2,
        NUMBER=tl.float64 if like.dtype == torch.float64 else tl.float32,
        CHUNK=chunk or 64 // parts,  # so that the tiles of a program stay in registers
        BLOCK=block,
    )


def _two(parts: Parts) -> tuple[Tensor, Tensor]:
    """Contiguous real and imaginary part; of real numbers the same twice."""
    whole = [part.contiguous() for part in parts]
    return whole[0], whole[-1]


def _number(parts: Parts, exact: bool = False) -> Tensor:
    """Real numbers, or complex ones of their parts; in float32 at least, unless ``exact``."""
    if not exact or (len(parts) == 2 and parts[0].dtype not in (torch.float32, torch.float64)):
        number = torch.promote_types(parts[0].dtype, torch.float32)
        parts = [part.to(number) for part in parts]
    return parts[0] if len(parts) == 1 else torch.complex(*parts)


def _parts(number: Tensor, like: Parts) -> list[Tensor]:
    """Parts of numbers, of the dtype and in the number of others."""
    if not number.is_complex():
        return [number.to(like[0].dtype)]
    copies = (
        part.clone(memory_format=torch.contiguous_format) for part in (number.real, number.imag)
    )
    return [part.to(like[0].dtype) for part in copies]


def _axes(a: Tensor) -> str:
    """What shape factors are to have."""
    return "H" if a.ndim == 1 else "T B H"
