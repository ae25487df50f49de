"""The table that the ``checks.py`` of an assignment fills in.

``checks.py`` lies beside the instructor notebook and defines ``GRADED``, a tuple with one
:class:`Graded` for each function that a student writes. It says what is right and on which inputs
that is decided; it decides nothing itself.
"""

import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

Function = Callable[..., Any]
PRIVATE = re.compile(r"\b_[a-z]\w*")


class Part(NamedTuple):
    """Points that are given or withheld together: those of one locked check cell."""

    cell: str  # grade_id of the cell
    points: int
    draw: Callable[[np.random.Generator], tuple[Any, ...]]  # fresh arguments for the function
    observe: Callable[[Any, np.random.Generator], Any] = lambda result, rng: result
    # ^ what of the result is compared; the generator is seeded alike on both sides
    measure: Callable[[Any, tuple[Any, ...]], Any] | None = None
    # ^ in place of observe, where what a result is worth depends on the arguments: given both
    draws: int = 10  # how often the function is called
    remark: Callable[[Any, Any], str] | None = None
    # ^ words on a result that differs, given besides it what observe or measure is given

    def seen(self, result: Any, args: tuple[Any, ...], rng: np.random.Generator) -> Any:
        """What of a result is compared.

        Parameters
        ----------
        result : object
            What a function gave.
        args : tuple
            For these arguments.
        rng : numpy.random.Generator

        Returns
        -------
        object
        """
        return self.measure(result, args) if self.measure else self.observe(result, rng)


class Graded(NamedTuple):
    """One function that a student writes.

    A result is right if it agrees with that of ``reference`` on every draw, and no argument has
    changed. Numbers agree up to ``tolerance``, relative where they exceed one; shapes agree
    exactly; a list may stand for a tuple or an array.

    The function may call another one that the student writes and that may be wrong. ``stand_ins``
    names each such function and what to put in its place while this one runs. The student may
    also have written that step out, so a result is right if it agrees with the reference either
    with the stand-ins in place or with the functions they stand for.
    """

    name: str
    reference: Function
    parts: tuple[Part, ...]
    misconceptions: tuple[Function, ...]  # wrong; the docstring of each is the hint for it
    alternatives: tuple[Function, ...]  # right, in another style
    tolerance: float = 1e-5
    stand_ins: Mapping[str, Function] = {}
    says: Mapping[Function, str] = {}  # of a misconception: words of the first check it fails
    slow: bool = False  # it trains: tests of other functions put its first alternative in its place

    @property
    def points(self) -> int:
        """Points for the whole function."""
        return sum(part.points for part in self.parts)


def load(folder: Path) -> tuple[Graded, ...]:
    """Read the table of an assignment.

    Parameters
    ----------
    folder : Path
        Folder of the instructor notebook, such as ``solutions/01-forward``.

    Returns
    -------
    tuple of Graded
        What its ``checks.py`` calls ``GRADED``.

    Raises
    ------
    ValueError
        If there is no ``checks.py``, or it defines no ``GRADED``.
    """
    module = checks(folder)
    if not hasattr(module, "GRADED"):
        raise ValueError(f"folder: got {folder}, whose checks.py defines no GRADED")
    graded: tuple[Graded, ...] = module.GRADED
    return graded


def settings(folder: Path) -> dict[str, Any]:
    """What else the ``checks.py`` of an assignment may define.

    Parameters
    ----------
    folder : Path
        Folder of the instructor notebook.

    Returns
    -------
    dict
        ``FRAMEWORKS``, packages such as torch that students may import besides NumPy, and
        ``LIMITS``, fields of :class:`rnnlib.grading.sandbox.Limits`; those of them that there are.
    """
    return {k: v for k, v in vars(checks(folder)).items() if k in ("FRAMEWORKS", "LIMITS")}


def checks(folder: Path) -> ModuleType:
    """Run the ``checks.py`` in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    module

    Raises
    ------
    ValueError
        If there is none.
    """
    path = folder / "checks.py"
    if not path.is_file():
        raise ValueError(f"folder: got {folder}, expected one that holds checks.py")
    spec = importlib.util.spec_from_file_location(f"checks_{folder.name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source(variant: Function, name: str) -> str:
    """Text of a misconception or an alternative, under the name that the student's function has.

    Parameters
    ----------
    variant : callable
        A function of ``checks.py`` that uses nothing but ``np``, the student's functions, and
        functions of ``checks.py`` whose names begin with ``_``, which come along.
    name : str
        The name that its definition shall have.

    Returns
    -------
    str
        What a student who thinks so could have written in the cell.
    """
    own = dedent(inspect.getsource(variant)).replace(f"def {variant.__name__}(", f"def {name}(", 1)
    beside = variant.__globals__
    helpers = [beside[word] for word in dict.fromkeys(PRIVATE.findall(own)) if word in beside]
    return "\n\n".join([*map(inspect.getsource, helpers), own])
