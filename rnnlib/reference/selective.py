r"""Selective state space: how far the clock goes at a step is up to the input (Gu & Dao 2023).

Each of H channels has N memories. The step, for one example::

    v = W_v x,  b = W_b x,  c = W_c x                                (selective-inputs)
    Δ = softplus(W_dt x + b_dt)                                      (selective-clock)
    ā = exp(-Δ exp(α)),  p = Δ ∘ v                                   (selective-discrete)
    s' = ā ∘ s + p bᵀ                                                (selective)
    h' = s' c + d ∘ v                                                (selective-readout)

and its transpose, given ``dh'`` and ``ds'``; ``w`` is the gradient of ``log ā``::

    ds' ← ds' + dh' cᵀ                                               (selective-ds)
    dc = s'ᵀ dh',  db = ds'ᵀ p,  dp = ds' b                          (selective-dproducts)
    w = ds' ∘ ā ∘ s,  dα = -Δ exp(α) ∘ w                             (selective-dw)
    dΔ = v ∘ dp - Σ_n exp(α) ∘ w,  da = dΔ ∘ (1 - exp(-Δ))           (selective-dclock)
    dv = Δ ∘ dp + d ∘ dh',  dd = v ∘ dh'                             (selective-dv)
    dW_v = dv xᵀ,  dW_b = db xᵀ,  dW_c = dc xᵀ,
    dW_dt = da xᵀ,  db_dt = da                                       (selective-dweights)
    dx = W_vᵀ dv + W_bᵀ db + W_cᵀ dc + W_dtᵀ da                      (selective-dx)
    ds = ā ∘ ds'                                                     (selective-dstate)

``b`` and ``c`` are shared by the channels, Δ by a channel's memories. As in Mamba's code the input
takes Euler's step, ``p = Δ ∘ v``, the memories the exact one. Its W_dt has low rank; ours is full.
The coefficients do not read the state, so a scan runs all steps at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.init import uniform
from rnnlib.reference.log_space import softplus
from rnnlib.reference.ops import Array
from rnnlib.reference.parallel import flatten, unflatten
from rnnlib.reference.scan import Affine, Scan, adjoint, compose, work_efficient


class Params(NamedTuple):
    """What is learned."""

    W_v: Array  # (H, D)
    W_b: Array  # (N, D)
    W_c: Array  # (N, D)
    W_dt: Array  # (H, D)
    b_dt: Array  # (H,)
    alpha: Array  # (H, N)
    d: Array  # (H,)


class State(NamedTuple):
    """What is carried from step to step, ``s``; and ``h``, what was read of it."""

    h: Array  # (B, H)
    s: Array  # (B, H, N)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    v: Array  # (B, H)
    b: Array  # (B, N)
    c: Array  # (B, N)
    delta: Array  # (B, H)
    s: Array  # (B, H, N)


@dataclass(frozen=True)
class Selective:
    """A cell with a selective state space.

    Parameters
    ----------
    N : int
        Memories in each channel.
    """

    N: int = 16

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw parameters as Mamba does: ``exp(α)`` is 1 ... N, Δ from 0.001 to 0.1 at first.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        D, H : int
            Number of inputs and of channels.

        Returns
        -------
        Params
            Fresh parameters in float64.
        """
        W_v, W_b, W_c, W_dt = (uniform(rng, (n, D), fan=D) for n in (H, self.N, self.N, H))
        b_dt = np.log(np.expm1(np.exp(rng.uniform(np.log(0.001), np.log(0.1), size=H))))
        alpha = np.tile(np.log(1.0 + np.arange(self.N)), (H, 1))
        return Params(W_v, W_b, W_c, W_dt, b_dt, alpha, np.ones(H))

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet: all at zero."""
        s = np.zeros((B, *params.alpha.shape), dtype=params.alpha.dtype)
        return State(s[..., 0], s)

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Cache]:
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
            What :meth:`step_backward` needs.
        """
        v, b, c, delta = _inputs(params, x)
        factor, summand = _discrete(params, v, b, delta)
        s = factor * state.s + summand  # (selective)
        return State(_read(params, v, c, s), s), Cache(x, state, v, b, c, delta, s)

    def step_backward(
        self, params: Params, cache: Cache, dstate: State
    ) -> tuple[Params, Array, State]:
        """Send the gradient of one step back.

        Parameters
        ----------
        params : Params
            The parameters that :meth:`step` used.
        cache : Cache
            What :meth:`step` kept.
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
        ds = dstate.s + _readout_backward(cache.c, dstate.h)  # (selective-ds)
        return _send_back(params, cache, dstate.h, ds)

    def scan_forward(
        self, params: Params, xs: Array, state: State, scan: Scan = work_efficient
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
            For :meth:`scan_backward`: T B steps as one batch.

        Raises
        ------
        ValueError
            If a shape or dtype is not as stated, or the sequence is empty.
        """
        shapes.arguments(params=(params, Params), xs=(xs, "T B D"), state=(state, State))
        T, x = len(xs), flatten(xs)
        v, b, c, delta = _inputs(params, x)
        steps = Affine(*(unflatten(a, T) for a in _discrete(params, v, b, delta)))
        prefix = scan(compose, steps)
        ss = prefix.a * state.s + prefix.b
        hs = unflatten(_read(params, v, c, flatten(ss)), T)
        before = State(*map(_before, state, (hs, ss)))
        cache = Cache(x, before, v, b, c, delta, flatten(ss))
        return hs, State(hs[-1], ss[-1]), cache

    def scan_backward(
        self,
        params: Params,
        cache: Cache,
        dhs: Array,
        dstate: State,
        scan: Scan = work_efficient,
    ) -> tuple[Params, Array, State]:
        """Send gradients back through a sequence, all steps at once.

        Parameters
        ----------
        params : Params
            The parameters that :meth:`scan_forward` used.
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
        direct = unflatten(_readout_backward(cache.c, flatten(dhs)), T)
        direct[-1] += dstate.s
        factors = unflatten(_discrete(params, cache.v, cache.b, cache.delta).a, T)
        rows = (*direct.shape[:2], -1)  # all memories of an example
        deltas = adjoint(factors.reshape(rows), direct.reshape(rows), scan)
        ds = deltas.reshape(cache.s.shape)
        dparams, dx, dprev = _send_back(params, cache, flatten(dhs), ds)
        return dparams, unflatten(dx, T), State(*(unflatten(g, T)[0] for g in dprev))


def _send_back(params: Params, cache: Cache, dh: Array, ds: Array) -> tuple[Params, Array, State]:
    """From all that reaches the memories after steps to what came before them."""
    x, prev, v, b, _, delta, s = cache
    rate, p, factor = np.exp(params.alpha), delta * v, _discrete(params, v, b, delta).a
    dc, db, dp = _pair(dh, s), _pair(p, ds), (ds @ b[..., None])[..., 0]  # (selective-dproducts)
    w = ds * factor * prev.s
    dalpha = -(delta[..., None] * rate * w).sum(0)  # (selective-dw)
    ddelta = v * dp - (rate * w).sum(-1)
    da = ddelta * -np.expm1(-delta)  # (selective-dclock)
    dv, dd = delta * dp + params.d * dh, (v * dh).sum(0)  # (selective-dv)
    dW_v, dW_b, dW_c, dW_dt = (g.T @ x for g in (dv, db, dc, da))
    db_dt = da.sum(0)  # (selective-dweights)
    dx = dv @ params.W_v + db @ params.W_b + dc @ params.W_c + da @ params.W_dt  # (selective-dx)
    dparams = Params(dW_v, dW_b, dW_c, dW_dt, db_dt, dalpha, dd)
    return dparams, dx, State(np.zeros_like(dh), factor * ds)  # (selective-dstate)


def _inputs(params: Params, x: Array) -> tuple[Array, Array, Array, Array]:
    """What a step makes of its input alone."""
    v, b, c = (x @ W.T for W in (params.W_v, params.W_b, params.W_c))  # (selective-inputs)
    return v, b, c, softplus(x @ params.W_dt.T + params.b_dt)  # (selective-clock)


def _discrete(params: Params, v: Array, b: Array, delta: Array) -> Affine:
    """Factors and summands of the memories, ``(B, H, N)``."""
    factor, p = np.exp(-delta[..., None] * np.exp(params.alpha)), delta * v  # (selective-discrete)
    return Affine(factor, p[..., None] * b[:, None])


def _read(params: Params, v: Array, c: Array, s: Array) -> Array:
    """What is read of memories."""
    h: Array = (s @ c[..., None])[..., 0] + params.d * v  # (selective-readout)
    return h


def _readout_backward(c: Array, dh: Array) -> Array:
    """What gradients ``(B, H)`` of the read-out send into the memories."""
    return dh[..., None] * c[:, None]


def _pair(left: Array, memories: Array) -> Array:
    """For each example, its row times its matrix, ``(B, N)``."""
    row: Array = (left[:, None] @ memories)[:, 0]
    return row


def _before(first: Array, after: Array) -> Array:
    """States before every step, of T B steps as one batch."""
    return flatten(np.concatenate([first[None], after[:-1]]))
