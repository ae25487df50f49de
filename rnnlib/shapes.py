"""Shapes that are stated once, in comments, and checked from there.

A named tuple states a shape beside each field, ``W_x: Array  # (4H, D)``. The entrances of the
library check arguments against these comments, the tests check the comments against the code, and
the API pages print them.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

FIELD = re.compile(r"^\s+(\w+): [\w.]+\s*# \(([^)]*)\)", re.MULTILINE)
TERM = re.compile(r"(\d*)([A-Z]?)")


@cache
def stated(cls: type) -> Mapping[str, tuple[str, ...]]:
    """Read the shape comments of a named tuple.

    Parameters
    ----------
    cls : type
        A ``NamedTuple`` whose fields carry comments such as ``# (4H, D)``.

    Returns
    -------
    Mapping[str, tuple[str, ...]]
        For each field with a comment, its dimensions, as in ``{"W_x": ("4H", "D")}``. Empty for a
        class without a source file, such as one defined in a notebook.
    """
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):
        return {}
    return {name: tuple(re.findall(r"\w+", dims)) for name, dims in FIELD.findall(source)}


def check(name: str, array: Any, shape: Sequence[str], sizes: dict[str, int]) -> None:
    """Check one array against a stated shape; a letter met for the first time takes its size.

    Parameters
    ----------
    name : str
        What the caller calls the argument; the error message opens with it.
    array : numpy.ndarray or torch.Tensor
        The argument.
    shape : Sequence[str]
        Its stated dimensions, such as ``("T", "B", "D")`` or ``("4H", "D")``; a leading ``"..."``
        stands for any number of them.
    sizes : dict[str, int]
        The letters bound so far; new ones are added.

    Raises
    ------
    ValueError
        If the argument is no array, not of a floating dtype, or of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> sizes = {"H": 5}
    >>> check("W_h", np.zeros((5, 4)), ("H", "H"), sizes)
    Traceback (most recent call last):
        ...
    ValueError: W_h: got shape (5, 4), expected (H, H) with H = 5
    """
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        raise ValueError(f"{name}: got {type(array).__name__}, expected an array")
    if not re.search("float|complex", str(array.dtype)):
        raise ValueError(f"{name}: got dtype {array.dtype}, expected a floating dtype")
    got, terms, bound = tuple(array.shape), list(shape), dict(sizes)
    if terms[:1] == ["..."]:  # any number of leading dimensions
        terms[:1] = ["..."] * max(0, len(got) - len(terms) + 1)
    if len(got) != len(terms) or not all(map(_fits, terms, got, [bound] * len(got))):
        known = ", ".join(f"{k} = {n}" for k, n in sizes.items() if any(k in t for t in shape))
        want = f"({', '.join(shape)}{',' * (len(shape) == 1)})"
        raise ValueError(f"{name}: got shape {got}, expected {want}{' with ' * bool(known)}{known}")
    sizes.update(bound)


def check_kind(name: str, array: Any, kind: str, shape: Sequence[int] | None = None) -> None:
    """Check an array of integers or booleans.

    Parameters
    ----------
    name : str
        What the caller calls the argument; the error message opens with it.
    array : numpy.ndarray or torch.Tensor
        The argument.
    kind : str
        ``"integer"`` or ``"bool"``.
    shape : Sequence[int], optional
        Its shape; by default any will do.

    Raises
    ------
    ValueError
        If the argument is no array, not of that kind, or of another shape.
    """
    if not hasattr(array, "shape") or not hasattr(array, "dtype"):
        raise ValueError(f"{name}: got {type(array).__name__}, expected an array")
    if shape is not None and tuple(array.shape) != tuple(shape):
        raise ValueError(f"{name}: got shape {tuple(array.shape)}, expected {tuple(shape)}")
    if kind[:3] not in str(array.dtype):  # "int" or "boo"
        raise ValueError(f"{name}: got dtype {array.dtype}, expected {kind}")


def _fits(term: str, size: int, sizes: dict[str, int]) -> bool:
    """Does a dimension of this size fit a term such as ``4H``, given the letters bound so far?"""
    if term == "...":
        return True
    match = TERM.fullmatch(term)
    assert match, f"{term!r} is not a dimension"
    times, letter = int(match[1] or 1), match[2]
    if not letter:
        return size == times
    return size == times * sizes.setdefault(letter, size // times)


def check_tuple(name: str, value: Any, sizes: dict[str, int], like: type | None = None) -> None:
    """Check every field of a named tuple against the shapes that its class states.

    Parameters
    ----------
    name : str
        What the caller calls the argument.
    value : NamedTuple
        The argument.
    sizes : dict[str, int]
        The letters bound so far; new ones are added.
    like : type, optional
        The class that is expected; by default the argument's own.

    Raises
    ------
    ValueError
        If the argument is of another class, or a field is not as stated.
    """
    cls = like or type(value)
    if not isinstance(value, cls) or not hasattr(cls, "_fields"):
        want = f"{cls.__module__}.{cls.__name__}" if like else "a NamedTuple such as elman.Params"
        raise ValueError(f"{name}: got {type(value).__name__}, expected {want}")
    for field, shape in stated(cls).items():
        check(f"{name}.{field}", getattr(value, field), shape, sizes)


def arguments(**named: Any) -> dict[str, int]:
    """Check all arguments of a function in one line.

    Parameters
    ----------
    **named
        For each argument, by its name: a named tuple, checked against the shapes that its class
        states; a pair of a named tuple and the class that it must be of; or a pair of an array
        and its dimensions, such as ``(xs, "T B D")``.

    Returns
    -------
    dict[str, int]
        The size of every letter.

    Raises
    ------
    ValueError
        If an argument is not as stated, or a sequence has no step.

    Examples
    --------
    >>> import numpy as np
    >>> arguments(xs=(np.zeros((7, 2, 3)), "T B D"), h=(np.zeros((2, 5)), "B H"))
    {'T': 7, 'B': 2, 'D': 3, 'H': 5}
    """
    sizes: dict[str, int] = {}
    for name, argument in named.items():
        match argument:
            case tuple() if hasattr(argument, "_fields"):
                check_tuple(name, argument, sizes)
            case (value, type() as cls):
                check_tuple(name, value, sizes, like=cls)
            case (array, str() as dims):
                check(name, array, tuple(dims.split()), sizes)
            case _:
                check_tuple(name, argument, sizes)
        if sizes.get("T") == 0:
            raise ValueError(f"{name}: got T = 0 steps, expected at least 1")
    return sizes
