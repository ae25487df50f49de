"""Calls of a graded function: the student's, through whatever runs it, and ours like it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnlib.grading import inert
from rnnlib.grading.bounded import bounded
from rnnlib.grading.sandbox import Called
from rnnlib.grading.table import Function, Graded, Part

MOST = 32 << 20  # bytes of what is compared of one result
TOO_LONG = "TookTooLong"  # what the sandbox raises in code whose time is up

Call = Callable[[tuple[Any, ...]], Called]


class Lost(Exception):
    """There is no answer to this call, and none to later ones of the function: a word and why."""

    def __init__(self, problem: str, says: str) -> None:
        super().__init__(says)
        self.problem, self.says = problem, says


@dataclass(frozen=True)
class Draw:
    """Fresh arguments, what is right for them, and what the student's function made of them."""

    part: Part
    args: tuple[Any, ...]
    seed: tuple[int, ...]  # of what is observed
    want: Any
    got: Called

    @cached_property
    def want_seen(self) -> Any:
        """What of the right result is compared."""
        return observe(self.part, self.seed, self.want, self.args)

    @cached_property
    def got_seen(self) -> Any:
        """What of the student's result is compared."""
        return observe(self.part, self.seed, self.got.result, self.args)

    @property
    def remark(self) -> str:
        """What there is to say about the student's result."""
        remark = self.part.remark
        if remark is None:
            return ""
        given = deepcopy(self.args) if self.part.measure else np.random.default_rng(self.seed)
        said = guarded(lambda: remark(self.got.result, given))
        return "" if isinstance(said, Unobservable) else str(said)


@contextmanager
def standing_in(graded: Graded) -> Iterator[None]:
    """Put the stand-ins of a function in place of what they stand for, in its ``checks.py``."""
    namespace = graded.reference.__globals__ if graded.stand_ins else {}
    kept = {name: namespace[name] for name in graded.stand_ins}
    namespace.update(graded.stand_ins)
    try:
        yield
    finally:
        namespace.update(kept)


def behave(function: Function, args: tuple[Any, ...]) -> Called:
    """Call a function of ours as a sandbox calls a student's."""
    args = deepcopy(args)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Called(function(*args), args, None)
        except Exception as error:
            return Called(None, args, {"type": type(error).__name__, "message": str(error)[:500]})


class Unobservable:
    """In place of what would be compared, of a result that has not got it."""


def observe(part: Part, seed: tuple[int, ...], result: Any, args: tuple[Any, ...]) -> Any:
    """What of a result is compared."""

    def look() -> Any:
        seen = part.seen(result, deepcopy(args), np.random.default_rng(seed))
        return seen if size(seen) <= MOST else Unobservable()

    return guarded(look)


def size(value: Any) -> int:
    """Bytes of the arrays in a nesting of tuples and lists."""
    if isinstance(value, (tuple, list)):
        return sum(map(size, value))
    return getattr(value, "nbytes", 0)


def guarded(look: Callable[[], Any]) -> Any:
    """What a look at a result finds, or Unobservable if it cannot be looked at."""
    with np.errstate(all="ignore"), warnings.catch_warnings(), bounded():
        warnings.simplefilter("ignore")
        try:
            return look()
        except Exception:
            return Unobservable()


def make_draws(graded: Graded, part: Part, seed: tuple[int, ...], call: Call) -> Iterator[Draw]:
    """Arguments, expectations and answers."""
    for k in range(part.draws):
        args = part.draw(np.random.default_rng((*seed, k, 0)))
        want = graded.reference(*deepcopy(args))
        got = call(deepcopy(args))
        if got.missing:
            raise Lost(
                "missing",
                "there is no such function: its cell is still the stub, or no cell defines it",
            )
        if got.error is not None and got.error["type"] == TOO_LONG:
            raise Lost("too long", inert.one_line(got.error["message"]))
        yield Draw(part, args, (*seed, k, 1), want, got)
