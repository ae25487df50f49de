r"""Linear recurrent unit: complex, diagonal, stable however it is trained (Orvieto et al. 2023).

The step, for one example, with a complex memory ``s`` and ``C_out`` complex too::

    λ = exp(-exp(ν) + i exp(θ))                                      (lru-lambda)
    u = exp(γ) ∘ (B_in x)                                            (lru-input)
    s' = λ ∘ s + u                                                   (lru)
    h' = Re(C_out s') + W_skip x                                     (lru-readout)

``|λ| = exp(-exp(ν)) < 1`` for every ν. At first ``exp(γ) = √(1 - |λ|²)``, so that white noise
excites a memory of every length alike; then γ is learned. The transpose, where ``dz`` for a
complex z stands for ``∂L/∂Re z + i ∂L/∂Im z``, and ``*`` for the conjugate::

    ds' ← ds' + (C_out*)ᵀ dh'                                        (lru-ds)
    dC_out = dh' (s'*)ᵀ,  dW_skip = dh' xᵀ                           (lru-dreadout)
    w = λ* ∘ ds' ∘ s*                                                (lru-dw)
    dν = -exp(ν) ∘ Re w,  dθ = exp(θ) ∘ Im w                         (lru-dpolar)
    dγ = Re(u* ∘ ds')                                                (lru-dgamma)
    dv = exp(γ) ∘ ds',  dB_in = dv xᵀ                                (lru-dinput-weights)
    dx = Re((B_in*)ᵀ dv) + W_skipᵀ dh',  ds = λ* ∘ ds'               (lru-dinputs)

Complex numbers are pairs of real arrays, for the reason given in
:mod:`rnnlib.reference.complex_pairs`. The recurrence is linear, so a scan runs all steps at once,
forward and backward.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.complex_pairs import Complex, conj, later, recur, times
from rnnlib.reference.ops import Array, add
from rnnlib.reference.parallel import flatten, unflatten
from rnnlib.reference.scan import Scan, work_efficient


class Params(NamedTuple):
    """What is learned."""

    nu: Array  # (H,)
    theta: Array  # (H,)
    gamma: Array  # (H,)
    B_re: Array  # (H, D)
    B_im: Array  # (H, D)
    C_re: Array  # (H, H)
    C_im: Array  # (H, H)
    W_skip: Array  # (H, D)


class State(NamedTuple):
    """What is carried from step to step, ``re`` and ``im``; and ``h``, the read-out of it."""

    h: Array  # (B, H)
    re: Array  # (B, H)
    im: Array  # (B, H)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    u_re: Array  # (B, H)
    u_im: Array  # (B, H)
    re: Array  # (B, H)
    im: Array  # (B, H)


def init(
    rng: np.random.Generator, D: int, H: int, r_min: float = 0.0, r_max: float = 1.0
) -> Params:
    """Draw eigenvalues evenly over a ring of the unit disc, the other parameters as normal.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H : int
        Number of inputs, and of complex memories; there are as many outputs.
    r_min, r_max : float
        Radii of the ring: the closer to one, the longer the memory.

    Returns
    -------
    Params
        Fresh parameters in float64.

    Raises
    ------
    ValueError
        If the radii are not 0 ≤ r_min < r_max ≤ 1.
    """
    if not 0 <= r_min < r_max <= 1:
        raise ValueError(f"r_min, r_max: got {r_min}, {r_max}, expected 0 <= r_min < r_max <= 1")
    square, turn = 1 - rng.random((2, H))  # in (0, 1]
    decay = -0.5 * np.log(r_min**2 + (r_max**2 - r_min**2) * square)
    gamma = 0.5 * np.log(-np.expm1(-2 * decay))
    B_re, B_im = rng.normal(size=(2, H, D)) / np.sqrt(2 * D)
    C_re, C_im = rng.normal(size=(2, H, H)) / np.sqrt(H)
    W_skip = rng.normal(size=(H, D))
    return Params(np.log(decay), np.log(2 * np.pi * turn), gamma, B_re, B_im, C_re, C_im, W_skip)


def zero_state(params: Params, B: int) -> State:
    """State of a network that has read nothing yet.

    Parameters
    ----------
    params : Params
        Gives the number of units and the dtype.
    B : int
        Batch size.

    Returns
    -------
    State
        All at zero, each ``(B, H)``.
    """
    return State(*np.zeros((3, B, len(params.nu)), dtype=params.nu.dtype))


def eigenvalues(params: Params) -> Complex:
    """The factors λ, within the unit disc, ``(H,)``."""
    r, phi = np.exp(-np.exp(params.nu)), np.exp(params.theta)
    return r * np.cos(phi), r * np.sin(phi)  # (lru-lambda)


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params : Params
        The parameters.
    x : Array
        Inputs at this step, ``(B, D)``.
    state : State
        State before it; its ``h`` is not read.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    u = _excite(params, x)
    re, im = add(times(eigenvalues(params), (state.re, state.im)), u)  # (lru)
    return State(_read(params, x, re, im), re, im), Cache(x, state, *u, re, im)


def step_backward(params: Params, cache: Cache, dstate: State) -> tuple[Params, Array, State]:
    """Send the gradient of one step back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`step` used.
    cache : Cache
        What :func:`step` kept.
    dstate : State
        Gradient of the loss with respect to the state after the step.

    Returns
    -------
    Params
        Gradient with respect to the parameters, through this step alone.
    Array
        Gradient with respect to the inputs, ``(B, D)``.
    State
        Gradient with respect to the state before the step; that of its ``h`` is zero.
    """
    x, prev, u_re, u_im, re, im = cache
    dh, scale = dstate.h, np.exp(params.gamma)
    ds = add((dstate.re, dstate.im), _readout_backward(params, dh))  # (lru-ds)
    dprev = times(conj(eigenvalues(params)), ds)
    w_re, w_im = times(dprev, (prev.re, -prev.im))  # (lru-dw)
    dv_re, dv_im = scale * ds[0], scale * ds[1]
    dx = dv_re @ params.B_re + dv_im @ params.B_im + dh @ params.W_skip  # (lru-dinputs)
    dpolar = -np.exp(params.nu) * w_re.sum(0), np.exp(params.theta) * w_im.sum(0)  # (lru-dpolar)
    dgamma = (u_re * ds[0] + u_im * ds[1]).sum(0)  # (lru-dgamma)
    dB = dv_re.T @ x, dv_im.T @ x  # (lru-dinput-weights)
    dreadout = dh.T @ re, -dh.T @ im, dh.T @ x  # (lru-dreadout)
    dparams = Params(*dpolar, dgamma, *dB, *dreadout)
    return dparams, dx, State(np.zeros_like(dh), *dprev)


def scan_forward(
    params: Params, xs: Array, state: State, scan: Scan = work_efficient
) -> tuple[Array, State, Cache]:
    """Read a sequence, all steps at once.

    Parameters
    ----------
    params : Params
        The parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Array
        Read-outs, ``(T, B, H)``, as :func:`rnnlib.reference.bptt.forward` gives them.
    State
        State after the last input.
    Cache
        For :func:`scan_backward`: T B steps as one batch.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
    u = _excite(params, xs)
    re, im = recur(eigenvalues(params), u, (state.re, state.im), scan)
    hs = _read(params, xs, re, im)
    befores = (
        np.concatenate([s[None], ss[:-1]]) for s, ss in zip(state, (hs, re, im), strict=True)
    )
    prev = State(*map(flatten, befores))
    return hs, State(hs[-1], re[-1], im[-1]), Cache(flatten(xs), prev, *map(flatten, (*u, re, im)))


def scan_backward(
    params: Params, cache: Cache, dhs: Array, dstate: State, scan: Scan = work_efficient
) -> tuple[Params, Array, State]:
    """Send gradients back through a sequence, all steps at once.

    Parameters
    ----------
    params : Params
        The parameters that :func:`scan_forward` used.
    cache : Cache
        What it kept.
    dhs : Array
        Gradient that the loss sends into each read-out, ``(T, B, H)``.
    dstate : State
        Gradient with respect to the state after the last input.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``.
    State
        Gradient with respect to the state before the first input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = shapes.arguments(params=(params, Params), dstate=(dstate, State))
    T = sizes["T"] = len(cache.x) // sizes["B"]
    shapes.check("dhs", dhs, ("T", "B", "H"), sizes)
    dhs = np.concatenate([dhs[:-1], dhs[-1:] + dstate.h])
    direct, last = _readout_backward(params, dhs), (dstate.re, dstate.im)
    re, im = later(eigenvalues(params), direct, last, scan)
    dstates = State(*map(flatten, (dhs, re, im)))
    dparams, dx, dprev = step_backward(params, cache, dstates)
    return dparams, unflatten(dx, T), State(*(unflatten(d, T)[0] for d in dprev))


def _excite(params: Params, x: Array) -> Complex:
    """What inputs ``(..., D)`` add to the memory."""
    scale = np.exp(params.gamma)
    return scale * (x @ params.B_re.T), scale * (x @ params.B_im.T)  # (lru-input)


def _read(params: Params, x: Array, re: Array, im: Array) -> Array:
    """Read-out of memories ``(..., H)``."""
    h: Array = re @ params.C_re.T - im @ params.C_im.T + x @ params.W_skip.T  # (lru-readout)
    return h


def _readout_backward(params: Params, dh: Array) -> Complex:
    """What gradients ``(..., H)`` of the read-out send into the memory."""
    return dh @ params.C_re, -dh @ params.C_im
