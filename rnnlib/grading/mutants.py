"""The matrix of an assignment: what each solution in its ``checks.py`` is worth, and why.

    the instructor's functions    all points
    nothing                       none
    a misconception               loses points, and wherever it does its own hint is given
    an alternative                all points

The variants are ours, so they run in this process, but through the judge and through the frames
that carry the values of a sandbox.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from rnnlib.grading import hints, wire
from rnnlib.grading.calls import Call, behave
from rnnlib.grading.judge import Verdict, judge
from rnnlib.grading.sandbox import Called
from rnnlib.grading.table import Function, Graded


class Row(NamedTuple):
    """One solution of one function."""

    function: str
    variant: str
    kind: str  # solved, blank, misconception or alternative
    score: float
    points: float
    hints: tuple[str, ...]  # of the parts that it fails
    expected: str  # the hint that is its own, or ""

    @property
    def holds(self) -> bool:
        """Is this row as it should be?"""
        match self.kind:
            case "blank":
                return self.score == 0
            case "misconception":
                return self.score < self.points and set(self.hints) == {self.expected}
        return self.score == self.points


def through_frames(variant: Function, args: tuple[Any, ...]) -> Called:
    """Call a function of ours; its result arrives as one from a sandbox would."""
    called = behave(variant, args)
    if called.error:
        return called
    tree, blobs = wire.encode((called.result, called.args))
    result, after = wire.decode(tree, blobs)
    return Called(result, after, None)


def missing(args: tuple[Any, ...]) -> Called:
    """What comes of calling a function that nobody wrote."""
    return Called(None, args, None, missing=True)


def row(graded: Graded, kind: str, name: str, call: Call, expected: str, seed: int) -> Row:
    """Judge one solution."""
    verdicts: list[Verdict] = judge(graded, (seed,), call, call)
    failed = tuple(verdict.hint for verdict in verdicts if not verdict.passed)
    score = sum(verdict.score for verdict in verdicts)
    return Row(graded.name, name, kind, score, graded.points, failed, expected)


def matrix(table: tuple[Graded, ...], seed: int = 0) -> Iterator[Row]:
    """Judge every solution that a table holds.

    Parameters
    ----------
    table : tuple of Graded
    seed : int, optional
        Of the inputs.

    Yields
    ------
    Row
    """
    for graded in table:
        run = partial(partial, through_frames)
        name = graded.reference.__name__
        yield row(graded, "solved", name, run(graded.reference), "", seed)
        yield row(graded, "blank", "(nothing)", missing, "", seed)
        for wrong in graded.misconceptions:
            own = hints.hint(wrong)
            yield row(graded, "misconception", wrong.__name__, run(wrong), own, seed)
        for right in graded.alternatives:
            yield row(graded, "alternative", right.__name__, run(right), "", seed)
