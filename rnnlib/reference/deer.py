r"""All steps of a nonlinear cell at once, by Newton's method over time (Lim et al. 2024).

With ``f_t(h) = step(x_t, h)``, the states are the root of T equations in T unknown states::

    F_t(h_1 ... h_T) = h_t - f_t(h_{t-1}) = 0,   t = 1 ... T         (deer-residual)

Newton's method replaces every step by its tangent at the present guess. A tangent is affine, so a
scan of matrices finds the next guess in one go::

    e_iᵀ J_t = step_backward(e_i),  at h_{t-1}                       (deer-jacobian)
    r_t = f_t(h_{t-1}) - J_t h_{t-1}                                 (deer-rest)
    h_t ← J_t h_{t-1} + r_t,  with h_{t-1} on the right new too      (deer)
    p • q = (J_q J_p,  J_q r_p + r_q)                                (deer-compose)

Any other matrices in place of the J_t leave the root where it is: their diagonals alone, which
costs H products instead of H³ (Gonzalez et al. 2024), or zeros, with which a round is a step of all
states at once. With any of them, after k rounds the first k states are those of the loop.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnlib import shapes
from rnnlib.reference.bptt import Cell
from rnnlib.reference.ops import Array
from rnnlib.reference.parallel import flatten, unflatten
from rnnlib.reference.scan import Affine, Scan, work_efficient


def solve(
    cell: Cell[Any, Any, Any],
    params: Any,
    xs: Array,
    state: Any,
    *,
    guess: Array | None = None,
    tolerance: float = 1e-10,
    rounds: int | None = None,
    keep: Callable[[Array], Array] = lambda J: J,
    scan: Scan = work_efficient,
) -> tuple[Array, Array]:
    """Find the states of a cell, all at once.

    Parameters
    ----------
    cell : Cell
        A cell that carries ``h`` alone: Elman, GRU.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input.
    guess : Array, optional
        Where to begin, ``(T, B, H)``; by default at zero.
    tolerance : float
        Stop when no residual is larger.
    rounds : int, optional
        Stop after so many rounds; by default after T, when no more are needed but for rounding.
    keep : callable
        What to take for the Jacobians ``(T, B, H, H)``: by default themselves; :func:`diagonal`.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Array
        The last guess, ``(T, B, H)``; it is a root only if its residual says so.
    Array
        The largest residual of the first guess and after every round, which ends early where a
        guess has overflowed.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the sequence is empty, or the state has other parts.
    """
    sizes = shapes.arguments(params=params, xs=(xs, "T B D"), state=state)
    if state._fields != ("h",):
        raise ValueError(f"state: got the parts {state._fields}, expected h alone")
    hs = np.zeros((len(xs), *state.h.shape)) if guess is None else guess
    shapes.check("guess", hs, ("T", "B", "H"), sizes)
    most = len(xs) if rounds is None else rounds
    residuals: list[float] = []
    with np.errstate(over="ignore", invalid="ignore"):
        while True:
            before = state._replace(h=np.concatenate([state.h[None], hs[:-1]]))
            f, caches = _all_steps(cell, params, xs, before)
            residuals.append(float(np.abs(hs - f).max()))  # (deer-residual)
            if not tolerance < residuals[-1] < np.inf or len(residuals) > most:
                break
            J = keep(_jacobians(cell, params, caches, before))
            rest = f - _apply(J, before.h)  # (deer-rest)
            prefix = scan(compose, Affine(J, rest))
            hs = _apply(prefix.a, state.h) + prefix.b  # (deer)
    return hs, np.array(residuals)


def diagonal(J: Array) -> Array:
    """The diagonals of Jacobians, for ``keep``."""
    return J * np.eye(J.shape[-1])


def compose(p: Affine, q: Affine) -> Affine:
    """The step that does ``p`` and then ``q``, with matrices for factors: for the scans."""
    return Affine(q.a @ p.a, _apply(q.a, p.b) + q.b)  # (deer-compose)


def _all_steps(cell: Any, params: Any, xs: Array, before: Any) -> tuple[Array, Any]:
    """T B steps that do not wait for each other."""
    after, caches = cell.step(params, flatten(xs), before._replace(h=flatten(before.h)))
    return unflatten(after.h, len(xs)), caches


def _jacobians(cell: Any, params: Any, caches: Any, before: Any) -> Array:
    """Of every step with respect to the state before it, row by row, ``(T, B, H, H)``."""
    H, rows = before.h.shape[-1], []
    for i in range(H):
        unit = np.zeros_like(flatten(before.h))
        unit[:, i] = 1
        _, _, dprev = cell.step_backward(params, caches, before._replace(h=unit))
        rows.append(dprev.h)  # (deer-jacobian)
    return unflatten(np.stack(rows, axis=1), len(before.h))


def _apply(J: Array, h: Array) -> Array:
    """Matrices times vectors."""
    product: Array = (J @ h[..., None])[..., 0]
    return product
