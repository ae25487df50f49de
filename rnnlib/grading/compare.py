"""Whether one result is the other, and what to call the form that a result has."""

from typing import Any

import numpy as np

from rnnlib.grading import inert
from rnnlib.grading.wire import Opaque


def agree(got: Any, want: Any, tolerance: float, nan: bool = False) -> bool:
    """Is one result the other, up to a tolerance?

    Parameters
    ----------
    got : object
        A list in it may stand for a tuple or an array, and a tuple for an array.
    want : object
    tolerance : float
        Absolute, and relative where numbers exceed one. Shapes agree exactly.
    nan : bool, optional
        Does nan agree with nan?

    Returns
    -------
    bool

    Examples
    --------
    >>> agree([0.5, [1, 2]], (0.5, np.array([1.0, 2.0])), 1e-9)
    True
    >>> agree((1.0,), np.array([1.0]), 1e-9)
    True
    >>> agree((1.0,), 1.0, 1e-9)
    False
    """
    if isinstance(want, tuple):
        return (
            isinstance(got, (tuple, list))
            and len(got) == len(want)
            and all(agree(g, w, tolerance, nan) for g, w in zip(got, want, strict=True))
        )
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and list(got) == list(want)
            and all(agree(got[key], want[key], tolerance, nan) for key in want)
        )
    if callable(want):  # a function that was sent as an argument comes back as no more than that
        return isinstance(got, Opaque)
    if isinstance(want, (str, Opaque)) or want is None:
        return type(got) is type(want) and got == want
    if isinstance(want, list):
        return isinstance(got, list) and agree(tuple(got), tuple(want), tolerance, nan)
    if isinstance(got, (dict, str, Opaque)) or got is None:
        return False
    got, want = as_array(got), np.asarray(want)
    if got is None or got.shape != want.shape or got.dtype.kind not in "biufc":
        return False
    same = got == want
    if nan:
        same |= (got != got) & (want != want)
    if tolerance and not same.all():
        with np.errstate(all="ignore"):
            got, want = got + 0.0, want + 0.0  # a difference of booleans is none of numbers
            same |= np.isfinite(want) & (np.abs(got - want) <= tolerance * (1 + np.abs(want)))
    return bool(np.all(same))


def as_array(value: Any) -> Any:
    """Numbers as an array; None of a list that holds anything else or is ragged."""
    if holds_text(value):  # NumPy would make room for the longest at every place
        return None
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        return None


def holds_text(value: Any) -> bool:
    """Is there anything but numbers and arrays in a nesting of lists and tuples?"""
    if isinstance(value, (list, tuple)):
        return any(holds_text(v) for v in value)
    return isinstance(value, (str, dict, Opaque)) or value is None


def unchanged(before: Any, after: Any) -> bool:
    """Is an argument after a call what it was before?"""
    if callable(before):  # what was made of it stays where it was sent
        return True
    if isinstance(before, (tuple, list)):
        return (
            isinstance(after, (tuple, list))
            and len(before) == len(after)
            and all(unchanged(b, a) for b, a in zip(before, after, strict=True))
        )
    if isinstance(after, (Opaque, dict, str)) or after is None:
        return type(before) is type(after) and before == after
    return agree(after, before, 0.0, nan=True)


def form(value: Any, depth: int = 0) -> str:
    """The form of a result, in words and shapes.

    Parameters
    ----------
    value : object
    depth : int, optional
        Of tuples in which it lies; more than two are not told apart.

    Returns
    -------
    str

    Examples
    --------
    >>> form((np.ones((2, 3)), 1.0))
    'a tuple of an array (2, 3) and a number'
    """
    match value:
        case None:
            return "None"
        case Opaque(name):
            return f"an object of type {inert.one_line(name, 100)}"
        case str():
            return "text"
        case dict():
            return "a dict"
        case tuple() if len(value) > 6 or depth > 1:
            return f"a tuple of {len(value)}"
        case tuple():
            *most, last = [form(v, depth + 1) for v in value] or ["nothing"]
            return "a tuple of " + " and ".join(filter(None, [", ".join(most), last]))
        case list():
            array = as_array(value)
            known = array is not None and array.dtype.kind in "biufc"
            return f"a list {array.shape}" if known else f"a list of {len(value)}"
    shape = np.shape(value)
    return f"an array {shape}" if shape else "a number"


def is_finite(value: Any) -> bool:
    """Are all numbers in a result finite?"""
    if isinstance(value, (tuple, list)):
        return all(is_finite(v) for v in value)
    if isinstance(value, dict):
        return all(is_finite(v) for v in value.values())
    if isinstance(value, (str, Opaque)) or value is None:
        return True
    if isinstance(value, int):  # of any length, which NumPy does not take
        return True
    value = np.asarray(value)  # of objects, where an observer has made an array of anything
    return value.dtype.kind not in "biufc" or bool(np.all(np.isfinite(value)))
