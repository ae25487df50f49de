r"""Is a hand-derived gradient right, and if not, where is it wrong?

For a real ``f`` built of analytic operations, and any direction ``v``, the complex step
(Squire & Trapp 1998) gives the derivative to rounding, without a step size to tune::

    ⟨∇f(θ), v⟩ = Im f(θ + i ε v) / ε,  ε = 1e-30                     (complex-step)
"""

import inspect
from collections.abc import Callable, Collection, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from rnnlib.reference.ops import Array, leaves, paths, tree_map

STEP = 1e-30


def dot(p: Any, q: Any) -> Any:
    """Inner product of two trees of arrays of the same form."""
    return sum((a * b).sum() for a, b in zip(leaves(p), leaves(q), strict=True))


def random_like(rng: np.random.Generator, tree: Any) -> Any:
    """A tree of standard normal numbers, of the form of another."""
    return tree_map(lambda a: rng.normal(size=a.shape), tree)


def directional_derivative(f: Callable[..., Any], args: Any, v: Any) -> float:
    """Derivative of ``f(*args)`` along a direction, by the complex step: exact to rounding.

    Parameters
    ----------
    f : callable
        Takes the trees in ``args``, returns a scalar. Every operation in it must be analytic:
        ``np.abs``, ``np.linalg.norm``, ``np.var`` and comparisons of complex numbers are not. A
        buffer of real numbers, ``.real`` and ``float`` drop the imaginary part, and with it the
        derivative.
    args : tuple of trees
        Where to differentiate.
    v : tuple of trees
        The direction, of the same form.

    Returns
    -------
    float
        The derivative of ``f(args + r v)`` with respect to ``r`` at zero.

    Raises
    ------
    ValueError
        If ``f`` gives anything but one complex number for complex arguments.

    Examples
    --------
    >>> float(directional_derivative(lambda x: x**3, (np.array(2.0),), (np.array(1.0),)))
    12.0
    """
    shifted = tree_map(lambda a, w: a + 1j * STEP * w, args, v)
    value = f(*shifted)
    if np.size(value) != 1 or not np.iscomplexobj(value):
        raise ValueError(
            f"f: got {np.shape(value)} of dtype {np.asarray(value).dtype} for complex arguments, "
            "expected one complex number"
        )
    return float(np.imag(value) / STEP)  # (complex-step)


def gradient(f: Callable[..., Any], args: tuple[Array, ...]) -> tuple[Array, ...]:
    """All derivatives of ``f(*args)``, one complex step for each: exact to rounding, and slow.

    Parameters
    ----------
    f : callable
        As for :func:`directional_derivative`, but of arrays.
    args : tuple of Array
        Where to differentiate.

    Returns
    -------
    tuple of Array
        The derivative by every entry, of the shapes of ``args``.

    Raises
    ------
    ValueError
        If ``f`` gives anything but one complex number for complex arguments.

    Examples
    --------
    >>> [slope] = gradient(lambda x: (x**2).sum(), (np.array([1.0, 2.0]),))
    >>> slope
    array([2., 4.])
    """
    found = tuple(np.zeros(a.shape) for a in args)
    for k, a in enumerate(args):
        for at in np.ndindex(a.shape):
            v = tuple(np.zeros(b.shape) for b in args)
            v[k][at] = 1
            found[k][at] = directional_derivative(f, args, v)
    return found


def gradient_error(
    f: Callable[..., Any], args: Any, grads: Any, rng: np.random.Generator, atol: float = 0.0
) -> float:
    """Relative error of a gradient along one random direction.

    Parameters
    ----------
    f, args
        As for :func:`directional_derivative`.
    grads : tuple of trees
        The gradient to check, of the form of ``args``.
    rng : numpy.random.Generator
        Draws the direction.
    atol : float
        A difference up to this counts as none: for a gradient that is zero but for rounding.

    Returns
    -------
    float
        ``|got - want| / Σ|gᵢ vᵢ|``: near 1e-16 for a right gradient. A wrong one gives about the
        share that the wrong entries have in the sum, so an entry that is very small beside the
        others may be wrong unseen; :func:`localise` looks at each array for itself. A gradient
        that is not finite gives infinity.

    Raises
    ------
    ValueError
        If the gradient is not of the form of the arguments.
    """
    _check_form(f, args, grads)
    v = random_like(rng, args)
    want = directional_derivative(f, args, v)
    error = abs(float(dot(grads, v)) - want)
    if error <= atol:
        return 0.0
    scale = sum(float(np.abs(g * w).sum()) for g, w in zip(leaves(grads), leaves(v), strict=True))
    return error / max(scale, abs(want)) if np.isfinite(error) else np.inf


class Fault(NamedTuple):
    """One component of a gradient that is wrong."""

    argument: str  # which argument, such as "params.W_h"
    step: int | None  # which time step, counted from 0; None if the argument has no time axis
    entry: tuple[int, ...]  # which entry of the array
    got: float  # what the gradient says
    want: float  # what the complex step says


def localise(
    f: Callable[..., Any],
    args: Any,
    grads: Any,
    rng: np.random.Generator,
    time_major: Collection[str] = (),
    rtol: float = 1e-10,
    atol: float = 0.0,
) -> list[Fault]:
    """Say in which argument, time step and entry a gradient is wrong.

    Every array of every argument is tried along one random direction; only where that fails is it
    searched entry by entry.

    Parameters
    ----------
    f, args, grads, rng
        As for :func:`gradient_error`. Arguments go by the names that ``f`` gives them.
    time_major : collection of str
        Names of the arguments that hold one entry per time step: an array ``(T, ...)``, or a
        tuple of T trees (give each step its own copy of the parameters to learn at which step
        their gradient goes wrong).
    rtol : float
        A component is right if it is off by no more than this, relative to the largest component
        of its array at that step.
    atol : float
        A difference up to this counts as none: for a gradient that is zero but for rounding.

    Returns
    -------
    list of Fault
        All wrong components, in the order of the arguments; empty if the gradient is right.

    Raises
    ------
    ValueError
        If the gradient is not of the form of the arguments, or a name in ``time_major`` is no
        argument of ``f``, or one without an entry per step.
    """
    names = _check_form(f, args, grads)
    if unknown := set(time_major) - set(names):
        raise ValueError(f"time_major: got {sorted(unknown)}, expected names among {names}")
    for name, arg in zip(names, args, strict=True):
        if name in time_major and hasattr(arg, "_fields"):
            got = f"{name}, one {type(arg).__name__}"
            raise ValueError(f"time_major: got {got}, expected an array (T, ...) or T trees")
    faults = []
    for argument, step, k, at in _blocks(names, args, time_major):
        grad = np.asarray(leaves(grads)[k][at])

        def derivative(w: Array, k: int = k, at: tuple[int, ...] = at) -> float:
            v = [np.zeros(np.shape(a)) for a in leaves(args)]
            v[k][at] = w
            return directional_derivative(f, args, _unflatten(args, v))

        w = rng.normal(size=grad.shape)
        if np.isfinite(grad).all():
            error = abs((grad * w).sum() - derivative(w))
            if error <= max(rtol * np.abs(grad * w).sum(), atol):
                continue
        units = np.eye(grad.size).reshape(grad.size, *grad.shape)
        want = np.array([derivative(unit) for unit in units]).reshape(grad.shape)
        largest = max(np.nan_to_num(np.abs(g), posinf=0).max() for g in (grad, want))
        tolerance = max(rtol * largest, atol)
        for i in np.argwhere(~(np.abs(grad - want) <= tolerance)).tolist():
            entry = tuple(i)
            faults.append(Fault(argument, step, entry, float(grad[entry]), float(want[entry])))
    return faults


def _check_form(f: Callable[..., Any], args: Any, grads: Any) -> list[str]:
    """Names of the arguments, once the gradient is known to be of their form."""
    names = list(inspect.signature(f).parameters)[: len(args)]
    if len(names) != len(args):
        names = [f"args[{i}]" for i in range(len(args))]
    if len(grads) != len(args):
        raise ValueError(f"grads: got {len(grads)} gradients, expected {len(args)}: {names}")
    for name, arg, grad in zip(names, args, grads, strict=True):
        got, want = [[np.shape(a) for a in leaves(t)] for t in (grad, arg)]
        if got != want:
            raise ValueError(f"grads: got shapes {got} for {name}, expected {want}")
    return names


def _blocks(
    names: list[str], args: Any, time_major: Collection[str]
) -> Iterator[tuple[str, int | None, int, tuple[int, ...]]]:
    """Every array at every step: its name, the step, its number among the leaves, where in it."""
    k = count()
    for name, arg in zip(names, args, strict=True):
        if name not in time_major:
            yield from ((path, None, next(k), ()) for path in paths(name, arg))
        elif isinstance(arg, tuple):
            yield from (
                (p, t, next(k), ()) for t, tree in enumerate(arg) for p in paths(name, tree)
            )
        else:
            n = next(k)
            yield from ((name, t, n, (t,)) for t in range(len(arg)))


def _unflatten(tree: Any, arrays: list[Array]) -> Any:
    """The tree of the same form that holds these arrays."""
    remaining = iter(arrays)
    return tree_map(lambda _: next(remaining), tree)
