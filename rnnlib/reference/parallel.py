r"""All steps at once, for a cell that is linear in its state (Martin & Cundy 2018).

With ``a_t`` and ``b_t`` positive and given by the input alone, the scan runs on their logarithms
(Heinsen 2023; Feng et al. 2024); ``h_0``, which may have any sign, is put in last::

    log A_t, log B_t = scan of the pairs (log a_t, log b_t)          (parallel-scan)
    h_t = exp(log A_t) ∘ h_0 + exp(log B_t)                          (parallel)

Once the states before every step are known, and on the way back the adjoints after every step, the
T steps of B sequences are T B steps that do not wait for each other::

    caches = step(x_t, h_{t-1})                                      (parallel-caches)
    δ_t = a_{t+1} ∘ δ_{t+1} + dh_t                                   (parallel-adjoint)
    dθ, dx_t, dh_{t-1} = step_backward(caches, δ_t)                  (parallel-backward)
"""

from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference import log_space
from rnnlib.reference.bptt import Cell, HasHidden
from rnnlib.reference.ops import Array, tree_map
from rnnlib.reference.scan import Affine, Scan, adjoint, work_efficient

P = TypeVar("P")  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State
C = TypeVar("C")  # its Cache


class LinearCell(Cell[P, S, C], Protocol[P, S, C]):
    """A cell whose state is ``h`` alone and whose step is ``h → a ∘ h + b``."""

    def coefficients(self, params: P, x: Array) -> Affine: ...


class Cache(NamedTuple):
    """What :func:`backward` needs of :func:`forward`."""

    factors: Any  # a_t, an array of (T, B, H)
    steps: Any  # what the cell kept of T B steps


def forward(
    cell: LinearCell[P, S, C], params: P, xs: Array, state: S, scan: Scan = work_efficient
) -> tuple[Array, S, Cache]:
    """Run a cell over a sequence, by a scan.

    Parameters
    ----------
    cell : LinearCell
        The cell: :mod:`rnnlib.reference.min_gru` or :mod:`rnnlib.reference.min_lstm`.
    params : Params
        Its parameters.
    xs : Array
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input; the last state of a stretch continues it in the next.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Array
        Hidden states, ``(T, B, H)``, as :func:`rnnlib.reference.bptt.forward` gives them.
    State
        State after the last input.
    Cache
        For :func:`backward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    shapes.arguments(params=params, xs=(xs, "T B D"), state=state)
    x, T = flatten(xs), len(xs)
    logs = tree_map(lambda r: unflatten(r, T), cell.coefficients(params, x))
    log_A, log_B = scan(log_space.compose, logs)  # (parallel-scan)
    hs = np.exp(log_A) * state.h + np.exp(log_B)  # (parallel)
    prev = state._replace(h=flatten(np.concatenate([state.h[None], hs[:-1]])))
    _, cache = cell.step(params, x, prev)  # (parallel-caches)
    return hs, state._replace(h=hs[-1]), Cache(np.exp(logs.a), cache)


def backward(
    cell: LinearCell[P, S, C],
    params: P,
    cache: Cache,
    dhs: Array,
    dstate: S,
    scan: Scan = work_efficient,
) -> tuple[P, Array, S]:
    """Carry gradients back through the whole sequence, by a scan in reverse.

    Parameters
    ----------
    cell : LinearCell
        The cell that :func:`forward` ran.
    params : Params
        Its parameters.
    cache : Cache
        What :func:`forward` kept.
    dhs : Array
        Gradient that the loss sends into each hidden state, ``(T, B, H)``.
    dstate : State
        Gradient with respect to the state after the last input.
    scan : callable
        One of the scans of :mod:`rnnlib.reference.scan`.

    Returns
    -------
    Params
        Gradient with respect to the parameters, summed over the steps.
    Array
        Gradient with respect to the inputs, ``(T, B, D)``.
    State
        Gradient with respect to the state before the first input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    a = cache.factors
    shapes.arguments(params=params, factors=(a, "T B H"), dhs=(dhs, "T B H"), dstate=dstate)
    dhs = np.concatenate([dhs[:-1], dhs[-1:] + dstate.h])
    deltas = dstate._replace(h=flatten(adjoint(a, dhs, scan)))  # (parallel-adjoint)
    dparams, dx, dprev = cell.step_backward(params, cache.steps, deltas)  # (parallel-backward)
    return dparams, unflatten(dx, len(a)), dstate._replace(h=unflatten(dprev.h, len(a))[0])


def flatten(a: Array) -> Array:
    """Time and batch as one axis: ``(T, B, ...)`` to ``(T B, ...)``."""
    return a.reshape(-1, *a.shape[2:])


def unflatten(a: Array, T: int) -> Array:
    """The reverse of :func:`flatten`."""
    return a.reshape(T, -1, *a.shape[1:])
