r"""Complex numbers as two real arrays, and linear recurrences of them.

A complex number is a pair of its real and its imaginary part, multiplied by hand::

    (a + ib)(c + id) = (ac - bd) + i(ad + bc)                        (complex-product)

This keeps the complex step of :mod:`rnnlib.check` valid. It puts an imaginary part on real
parameters and reads off the imaginary part of the loss; in complex arithmetic the imaginary unit
of the network would mix with that of the step, and neither ``Re`` nor the conjugate ``*`` is
analytic. On pairs of real arrays all is sums and products.

A recurrence ``s_t = λ ∘ s_{t-1} + u_t`` with one factor for all steps, by the scans of
:mod:`rnnlib.reference.scan`; and its transpose, given ``ds_t``, where ``dz`` for a complex z
stands for ``∂L/∂Re z + i ∂L/∂Im z``::

    p • q = (λ_q ∘ λ_p,  λ_q ∘ u_p + u_q)                            (complex-compose)
    s_t = Λ_t ∘ s_0 + U_t,  (Λ_t, U_t) = p_1 • ... • p_t             (complex-carry)
    δ_t = λ* ∘ δ_{t+1} + ds_t                                        (complex-adjoint)
"""

import numpy as np

from rnnlib.reference.ops import Array, add, tree_map
from rnnlib.reference.scan import Scan

Complex = tuple[Array, Array]  # real part, imaginary part


def times(p: Complex, q: Complex) -> Complex:
    """Product of complex numbers, entry by entry."""
    return p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]  # (complex-product)


def conj(p: Complex) -> Complex:
    """Conjugate complex numbers."""
    return p[0], -p[1]


def compose(p: tuple[Complex, Complex], q: tuple[Complex, Complex]) -> tuple[Complex, Complex]:
    """The step that does ``p`` and then ``q``: for the scans."""
    return times(q[0], p[0]), add(times(q[0], p[1]), q[1])  # (complex-compose)


def recur(factor: Complex, u: Complex, s: Complex, scan: Scan) -> Complex:
    """Run the recurrence.

    Parameters
    ----------
    factor : Complex
        λ, ``(H,)``.
    u : Complex
        Summands, ``(T, B, H)``.
    s : Complex
        What comes before the first step, ``(B, H)``.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Complex
        ``s_1 ... s_T``, ``(T, B, H)``.
    """
    factors = tree_map(lambda f: np.broadcast_to(f, (len(u[0]), 1, *f.shape)), factor)
    prefixes: tuple[Complex, Complex] = scan(compose, (factors, u))
    return add(times(prefixes[0], s), prefixes[1])  # (complex-carry)


def later(factor: Complex, ds: Complex, dlast: Complex, scan: Scan) -> Complex:
    """What every ``s_t`` is sent by the steps after it, by a scan in reverse.

    Parameters
    ----------
    factor : Complex
        λ, ``(H,)``.
    ds : Complex
        What the loss sends into every ``s_t``, ``(T, B, H)``.
    dlast : Complex
        What a later stretch of the sequence sends into ``s_T``, ``(B, H)``.
    scan : callable
        As for :func:`recur`.

    Returns
    -------
    Complex
        ``λ* ∘ δ_{t+1}`` for t = 1 ... T - 1, and at last ``dlast``, ``(T, B, H)``.
    """
    last = tree_map(lambda d: d[None], dlast)
    ds = tree_map(lambda d, e: np.concatenate([d[:-1], d[-1:] + e])[::-1], ds, last)
    deltas = recur(conj(factor), ds, tree_map(np.zeros_like, dlast), scan)  # (complex-adjoint)
    back = times(conj(factor), tree_map(lambda d: d[-2::-1], deltas))
    return tree_map(lambda d, e: np.concatenate([d, e]), back, last)
