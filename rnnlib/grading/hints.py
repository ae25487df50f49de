"""Which misconception a student's function behaves like.

A misconception is recognised in a part if it gives what the student's function gave on every draw
of that part: the same observed result and the same arguments afterwards, or the same exception. Of
several the one counts that agrees on most draws of the whole function, whole results first; of
those, the first in the table.
"""

from typing import Any, NamedTuple

from rnnlib.grading.calls import Draw, behave, observed
from rnnlib.grading.compare import agree
from rnnlib.grading.sandbox import Called
from rnnlib.grading.table import Function, Graded


class Likeness(NamedTuple):
    """Of an answer to what a misconception gives; the higher the better."""

    observed: bool
    whole: bool


def recognise(graded: Graded, draws: list[Draw]) -> dict[str, str]:
    """The hint for each part in which a misconception is recognised.

    Parameters
    ----------
    graded : Graded
    draws : list of Draw
        All that were made of the function.

    Returns
    -------
    dict
        From the cell of a part to a hint. Parts that are right may have one as well.
    """
    likeness = {
        wrong: [alike(graded, draw, behave(wrong, draw.args)) for draw in draws]
        for wrong in graded.misconceptions
    }
    found = {}
    for part in graded.parts:
        here = [k for k, draw in enumerate(draws) if draw.part is part]
        candidates = [
            wrong
            for wrong, like in likeness.items()
            if here and all(like[k].observed for k in here)
        ]
        if candidates:
            found[part.cell] = hint(max(candidates, key=lambda wrong: rank(likeness[wrong])))
    return found


def rank(likeness: list[Likeness]) -> tuple[int, int]:
    """How much a misconception explains: whole results, then observed ones."""
    return sum(like.whole for like in likeness), sum(like.observed for like in likeness)


def hint(wrong: Function) -> str:
    """What its docstring says, as one line."""
    return " ".join((wrong.__doc__ or "").split())


def alike(graded: Graded, draw: Draw, ours: Called) -> Likeness:
    """Is the student's answer what the misconception gives?"""
    theirs = draw.got
    if ours.error or theirs.error:
        same = bool(ours.error and theirs.error) and same_error(ours, theirs)
        return Likeness(same, same)
    tolerance = graded.tolerance
    if not agree(list(theirs.args), list(ours.args), 0.0, nan=True):
        return Likeness(False, False)
    whole = agree(theirs.result, ours.result, tolerance, nan=True)
    return Likeness(whole or agree_observed(draw, theirs.result, ours.result, tolerance), whole)


def same_error(ours: Called, theirs: Called) -> bool:
    """Are two exceptions of one type? Their words depend on how the step is written."""
    assert ours.error and theirs.error
    return bool(ours.error["type"] == theirs.error["type"])


def agree_observed(draw: Draw, theirs: Any, ours: Any, tolerance: float) -> bool:
    """Do two results agree in what of them is compared?"""
    try:
        got, want = observed(draw, theirs), observed(draw, ours)
    except Exception:
        return False
    return agree(got, want, tolerance, nan=True)
