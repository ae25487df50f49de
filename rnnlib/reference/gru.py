r"""Gated recurrent unit with the reset gate after the product, as cuDNN and torch have it.

The step, for one example, with ``a = [a_r; a_z; a_n]`` and ``u = [u_r; u_z; u_n]``. The bias
``b_n`` is apart from ``b`` because the reset gate acts on it::

    a = W_x x + b,  u = W_h h                                        (gru-affine)
    r, z = σ(a_r + u_r), σ(a_z + u_z)                                (gru-gates)
    n = tanh(a_n + r ∘ (u_n + b_n))                                  (gru-candidate)
    h' = (1 - z) ∘ n + z ∘ h                                         (gru)

and its transpose, given ``dh' = ∂L/∂h'``::

    dn = dh' ∘ (1 - z),  dz = dh' ∘ (h - n)                          (gru-dblend)
    da_n = dn ∘ (1 - n²)                                             (gru-da-n)
    dr = da_n ∘ (u_n + b_n),  du_n = da_n ∘ r                        (gru-dreset)
    da_r = dr ∘ r ∘ (1 - r),  da_z = dz ∘ z ∘ (1 - z)                (gru-da-gates)
    da = [da_r; da_z; da_n],  du = [da_r; da_z; du_n]                (gru-da)

    dW_x = da xᵀ,  dW_h = du hᵀ,  db = da,  db_n = du_n              (gru-dparams)
    dx = W_xᵀ da,  dh = W_hᵀ du + dh' ∘ z                            (gru-dinputs)

Others write ``h' = z ∘ n + (1 - z) ∘ h``. That is the same family of functions, since
``σ(-a) = 1 - σ(a)``: going from one to the other negates the rows of ``z``::

    W_xz → -W_xz,  W_hz → -W_hz,  b_z → -b_z                         (gru-convention)
"""

from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np

from rnnlib.reference import gates
from rnnlib.reference.elman import State
from rnnlib.reference.ops import Array, sigmoid

__all__ = [
    "Cache",
    "Gated",
    "Params",
    "State",
    "init",
    "negate_z",
    "step",
    "step_backward",
    "zero_state",
]


class Params(NamedTuple):
    """What is learned; rows in the order r, z, n."""

    W_x: Array  # (3H, D)
    W_h: Array  # (3H, H)
    b: Array  # (3H,)
    b_n: Array  # (H,)


class Cache(NamedTuple):
    """What the backward step needs of the forward step."""

    x: Array  # (B, D)
    prev: State
    kept: tuple[Array, Array, Array, Array]  # r, z, n and u_n + b_n, each (B, H)


def init(rng: np.random.Generator, D: int, H: int) -> Params:
    """Draw weights as torch does, uniform within ±1/√H; the biases, drawn there too, are zero.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H : int
        Number of inputs and of hidden units.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(*gates.init(rng, 3, D, H), b_n=np.zeros(H))


def zero_state(params: gates.Recurrent, B: int) -> State:
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
        ``h`` at zero, ``(B, H)``.
    """
    return State(h=gates.zeros(params, B))


def step(params: Params, x: Array, state: State) -> tuple[State, Cache]:
    """Read one input.

    Parameters
    ----------
    params : Params
        The parameters.
    x : Array
        Inputs at this step, ``(B, D)``.
    state : State
        State before it.

    Returns
    -------
    State
        State after it.
    Cache
        What :func:`step_backward` needs.
    """
    W_x, W_h, b, b_n = params
    a, u = x @ W_x.T + b, state.h @ W_h.T  # (gru-affine)
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = sigmoid(a_r + u_r), sigmoid(a_z + u_z)  # (gru-gates)
    n = np.tanh(a_n + r * (u_n + b_n))  # (gru-candidate)
    h = (1 - z) * n + z * state.h  # (gru)
    return State(h), Cache(x, state, (r, z, n, u_n + b_n))


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
        Gradient with respect to the state before the step.
    """
    W_x, W_h, _, _ = params
    x, prev, (r, z, n, recurrent) = cache
    dn, dz = dstate.h * (1 - z), dstate.h * (prev.h - n)  # (gru-dblend)
    da_n = dn * (1 - n**2)  # (gru-da-n)
    dr, du_n = da_n * recurrent, da_n * r  # (gru-dreset)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)  # (gru-da-gates)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))  # (gru-da)
    dparams = Params(da.T @ x, du.T @ prev.h, da.sum(0), du_n.sum(0))  # (gru-dparams)
    return dparams, da @ W_x, State(h=du @ W_h + dstate.h * z)  # (gru-dinputs)


class Gated(Protocol):
    """Parameters of a GRU: stacked by rows in the order r, z, n."""

    @property
    def W_x(self) -> Array: ...
    @property
    def W_h(self) -> Array: ...
    @property
    def b(self) -> Array: ...
    def _replace(self, *, W_x: Array, W_h: Array, b: Array) -> Self: ...


G = TypeVar("G", bound=Gated)


def negate_z(params: G) -> G:
    """Parameters of the same function where the update gate is understood the other way round.

    Parameters
    ----------
    params : Params
        Parameters of this cell, or of :mod:`rnnlib.reference.gru_cho`, under ``h' = (1 - z) ∘ n +
        z ∘ h`` or under ``h' = z ∘ n + (1 - z) ∘ h``.

    Returns
    -------
    Params
        Parameters under the other of the two.
    """
    rows = np.repeat(np.array([1, -1, 1], dtype=params.b.dtype), len(params.b) // 3)
    W_x, W_h = rows[:, None] * params.W_x, rows[:, None] * params.W_h  # (gru-convention)
    return params._replace(W_x=W_x, W_h=W_h, b=rows * params.b)
