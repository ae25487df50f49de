r"""Diagonal state-space model: a linear differential equation, sampled (Gu et al. 2022).

Each of H channels has N memories, driven by its own input ``v`` and read out by weights ``c``::

    v_t = W_x x_t                                                    (s4d-input)
    ds/dt = a s + v,  a = -exp(α) + iω                               (s4d-ode)

Between two samples, a time ``Δ = exp(η)`` apart, the memories take one step. With ``z = Δ a``,
both rules are of one form, and rest where the equation rests::

    g = Δ Q(z),  ā = 1 + a g                                         (s4d-discrete)
    s_t = ā ∘ s_{t-1} + g v_t                                        (s4d)
    h_t = Σ_n Re(c_n s_{t,n}) + d ∘ v_t                              (s4d-readout)

    zero-order hold, v constant between samples:  Q(z) = (exp(z) - 1) / z      (s4d-hold)
    bilinear, the trapezoidal rule:  Q(z) = 1 / (1 - z/2)            (s4d-bilinear)

``|ā| < 1`` under both. The factors do not depend on the input, so from rest the same numbers are a
convolution, and a product of Fourier transforms::

    k_t = Σ_n Re(c_n ā_n^t g_n) + [t = 0] d                          (s4d-kernel)
    h_t = Σ_j k_j ∘ v_{t-j}                                          (s4d-convolution)

Values only: :mod:`rnnlib.reference.lru`, the same model without the clock, has its gradients. A
pair of conjugate memories is kept as one, with twice its ``c``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array
from rnnlib.reference.scan import Affine, Scan, compose, work_efficient

Rule = Callable[[Array], Array]  # z -> Q(z)


class Params(NamedTuple):
    """What is learned."""

    W_x: Array  # (H, D)
    alpha: Array  # (H, N)
    omega: Array  # (H, N)
    eta: Array  # (H,)
    c: Array  # (H, N), complex
    d: Array  # (H,)


def init(
    rng: np.random.Generator,
    D: int,
    H: int,
    N: int = 16,
    delta_min: float = 0.001,
    delta_max: float = 0.1,
) -> Params:
    """Draw parameters as S4D-Lin does: ``a_n = -1/2 + iπn``, and log Δ evenly over a range.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H, N : int
        Number of inputs, of channels, of memories in each.
    delta_min, delta_max : float
        Least and greatest time Δ between two samples.

    Returns
    -------
    Params
        Fresh parameters, ``c`` complex.
    """
    alpha = np.full((H, N), np.log(0.5))
    omega = np.tile(np.pi * np.arange(N), (H, 1))
    eta = rng.uniform(np.log(delta_min), np.log(delta_max), size=H)
    c = (rng.normal(size=(H, N)) + 1j * rng.normal(size=(H, N))) * np.sqrt(2)
    return Params(uniform(rng, (H, D), fan=D), alpha, omega, eta, c, rng.normal(size=H))


def zero_state(params: Params, B: int) -> Array:
    """Memories at rest, ``(B, H, N)``."""
    return np.zeros((B, *params.c.shape), dtype=params.c.dtype)


def hold(z: Array) -> Array:
    """Zero-order hold: exact if the input stands still between two samples.

    Parameters
    ----------
    z : Array
        ``Δ a``, complex, of any shape.

    Returns
    -------
    Array
        ``Q(z)``, of the same shape.

    Examples
    --------
    >>> hold(np.array([0.0, 1e-12j]))
    array([1.+0.e+00j, 1.+5.e-13j])
    """
    small = np.abs(z) < 1e-8
    safe = np.where(small, 1, z)
    return np.where(small, 1 + z / 2, np.expm1(safe) / safe)  # (s4d-hold)


def bilinear(z: Array) -> Array:
    """Trapezoidal rule; parameters and result are those of :func:`hold`."""
    return 1 / (1 - z / 2)  # (s4d-bilinear)


def discrete(params: Params, rule: Rule = hold) -> tuple[Array, Array]:
    """Factors and weights of the input from sample to sample.

    Parameters
    ----------
    params : Params
        The parameters.
    rule : callable
        :func:`hold` or :func:`bilinear`.

    Returns
    -------
    tuple of Array
        ``ā`` and ``g``, complex, ``(H, N)``.
    """
    a, delta = -np.exp(params.alpha) + 1j * params.omega, np.exp(params.eta)[:, None]  # (s4d-ode)
    g = delta * rule(delta * a)
    return 1 + a * g, g  # (s4d-discrete)


def loop(params: Params, xs: Array, s: Array, rule: Rule = hold) -> tuple[Array, Array]:
    """One step after another; parameters and result are those of :func:`forward`."""
    (factor, g), hs = discrete(params, rule), []
    for x in xs:
        v = x @ params.W_x.T  # (s4d-input)
        s = factor * s + g * v[..., None]  # (s4d)
        hs.append((params.c * s).real.sum(-1) + params.d * v)  # (s4d-readout)
    return np.stack(hs), s


def forward(
    params: Params, xs: Array, s: Array, rule: Rule = hold, scan: Scan = work_efficient
) -> tuple[Array, Array]:
    """Read a sequence, all steps at once.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    s : Array
        Memories before the first input, complex, ``(B, H, N)``.
    rule : callable
        :func:`hold` or :func:`bilinear`.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Array
        Read-outs, ``(T, B, H)``.
    Array
        Memories after the last input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shapes.arguments(params=(params, Params), xs=(xs, "T B D"), s=(s, "B H N"))
    (factor, g), vs = discrete(params, rule), xs @ params.W_x.T
    factors = np.broadcast_to(factor, (len(xs), 1, *factor.shape))
    prefix = scan(compose, Affine(factors, g * vs[..., None]))
    ss = prefix.a * s + prefix.b
    return (params.c * ss).real.sum(-1) + params.d * vs, ss[-1]


def kernel(params: Params, T: int, rule: Rule = hold) -> Array:
    """What is left in each channel's read-out of an input t steps ago, ``(T, H)``."""
    factor, g = discrete(params, rule)
    powers = factor ** np.arange(T)[:, None, None]
    k: Array = (params.c * powers * g).real.sum(-1)  # (s4d-kernel)
    k[0] += params.d
    return k


def convolve(params: Params, xs: Array, rule: Rule = hold) -> Array:
    """Read a sequence from rest, by Fourier transforms; see :func:`forward`."""
    shapes.arguments(params=(params, Params), xs=(xs, "T B D"))
    T, vs = len(xs), xs @ params.W_x.T
    spectra = (np.fft.rfft(a, 2 * T, axis=0) for a in (kernel(params, T, rule)[:, None], vs))
    k, v = spectra
    return np.fft.irfft(k * v, 2 * T, axis=0)[:T]  # (s4d-convolution)
