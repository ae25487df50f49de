r"""What a nudge of one state does to later ones, in one example of an Elman network.

The Jacobian of one step, and that of several::

    J_t = diag(1 - h_t²) W_h                                         (jacobian)
    dh_t/dh_s = J_t J_{t-1} ⋯ J_{s+1},   the identity if t = s       (jacobian-product)

A Lyapunov exponent is the rate at which a long product grows. ``Q_0`` has K orthonormal columns;
after every step they are made orthonormal again, and what that took away is summed
(Benettin et al. 1980)::

    Q_t R_t = J_t Q_{t-1},   λ_i = 1/T Σ_t log |R_t[i, i]|           (lyapunov)
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference import init
from rnnlib.reference.elman import Params
from rnnlib.reference.ops import Array


def of_elman(params: Params, hs: Array) -> Array:
    """Jacobians of the steps that led to these states.

    Parameters
    ----------
    params : Params
        The parameters.
    hs : Array
        States of one example after each step, ``(T, H)``.

    Returns
    -------
    Array
        ``(T, H, H)``: in row i and column j the derivative of unit i after a step with respect to
        unit j before it.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(params=params, hs=(hs, "T H"))
    J: Array = (1 - hs**2)[:, :, None] * params.W_h  # (jacobian)
    return J


def norms(jacobians: Array) -> Array:
    """How much of a nudge can be left between any two steps.

    Parameters
    ----------
    jacobians : Array
        One per step, ``(T, H, H)``.

    Returns
    -------
    Array
        ‖dh_t/dh_s‖, the largest singular value, in row t and column s, ``(T, T)``; NaN where
        s > t.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    T, H, _ = _check(jacobians)
    found = np.full((T, T), np.nan)
    products = np.zeros((0, H, H))  # dh_t/dh_s for s = 1 ... t
    for t, J in enumerate(jacobians):
        products = np.concatenate([J @ products, np.eye(H)[None]])  # (jacobian-product)
        found[t, : t + 1] = np.linalg.svd(products, compute_uv=False)[:, 0]
    return found


def lyapunov(rng: np.random.Generator, jacobians: Array, K: int = 1, skip: int = 0) -> Array:
    """The largest Lyapunov exponents of a product of Jacobians.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the first directions.
    jacobians : Array
        One per step, ``(T, H, H)``.
    K : int
        How many exponents, from 1 to H.
    skip : int
        Steps at the beginning that are taken but not averaged over: the directions turn first.

    Returns
    -------
    Array
        Mean growth of the logarithm per step, ``(K,)``; for ``skip = 0`` the exponents sum to the
        mean log volume, and for long products they fall.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, K not from 1 to H, or skip not from 0 to below T.
    """
    T, H, _ = _check(jacobians)
    if not 1 <= K <= H:
        raise ValueError(f"K: got {K}, expected 1 to {H}")
    if not 0 <= skip < T:
        raise ValueError(f"skip: got {skip}, expected 0 to {T - 1}")
    Q, logs = init.orthogonal(rng, (H, K)), []
    for J in jacobians:
        Q, R = np.linalg.qr(J @ Q)
        logs.append(np.log(np.abs(np.diag(R))))
    exponents: Array = np.mean(logs[skip:], axis=0)  # (lyapunov)
    return exponents


def _check(jacobians: Array) -> tuple[int, ...]:
    """The shape of a sequence of square matrices."""
    shapes.arguments(jacobians=(jacobians, "T H H"))
    return jacobians.shape
