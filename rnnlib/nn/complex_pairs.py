r"""Complex numbers as two real tensors, and linear recurrences of them.

A complex number is a pair of its real and its imaginary part, multiplied by hand::

    (a + ib)(c + id) = (ac - bd) + i(ad + bc)                        (complex-product)

So all is sums and products of real numbers, in every dtype that torch has, bfloat16 among them;
its complex numbers come in float32 and float64 alone. A recurrence ``s_t = λ_t ∘ s_{t-1} + u_t``,
by the scans of :mod:`rnnlib.nn.scan`::

    p • q = (λ_q ∘ λ_p,  λ_q ∘ u_p + u_q)                            (complex-compose)
    s_t = Λ_t ∘ s_0 + U_t,  (Λ_t, U_t) = p_1 • ... • p_t             (complex-carry)
"""

import torch
from torch import Tensor

from rnnlib.nn.kernels.scan import recur_pairs
from rnnlib.nn.scan import Scan
from rnnlib.reference.ops import tree_map

Complex = tuple[Tensor, Tensor]  # real part, imaginary part


def times(p: Complex, q: Complex) -> Complex:
    """Product of complex numbers, entry by entry."""
    return p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]  # (complex-product)


def compose(p: tuple[Complex, Complex], q: tuple[Complex, Complex]) -> tuple[Complex, Complex]:
    """The step that does ``p`` and then ``q``: for the scans."""
    return times(q[0], p[0]), tree_map(torch.add, times(q[0], p[1]), q[1])  # (complex-compose)


def recur(factor: Complex, u: Complex, s: Complex, scan: Scan | None) -> Complex:
    """Run the recurrence.

    Parameters
    ----------
    factor : Complex
        λ, ``(H,)``, or one per step, ``(T, B, H)``.
    u : Complex
        Summands, ``(T, B, H)``.
    s : Complex
        What comes before the first step, ``(B, H)``.
    scan : callable
        One of the scans of :mod:`rnnlib.nn.scan`, or None for the operator of
        :mod:`rnnlib.nn.kernels.scan`.

    Returns
    -------
    Complex
        ``s_1 ... s_T``, ``(T, B, H)``.
    """
    if scan is None:
        return recur_pairs(factor, u, s)
    factors = tree_map(lambda f: f.expand(len(u[0]), *(1, 1, *f.shape)[-2:]), factor)
    prefixes: tuple[Complex, Complex] = scan(compose, (factors, u))
    return tree_map(torch.add, times(prefixes[0], s), prefixes[1])  # (complex-carry)
