"""Which misconception a student's function behaves like.

A misconception is recognised in a part if it gives what the student's function gave on every draw
of that part: the same observed result and the same arguments afterwards, or the same exception. Of
several the one counts that agrees on most draws of the whole function, whole results first; of
those, the first in the table.
"""

from typing import NamedTuple

from rnnlib.grading.calls import Draw, Unobservable, behave, observe
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
    known: dict[tuple[Function, int], Likeness] = {}

    def like(wrong: Function, k: int) -> Likeness:
        if (wrong, k) not in known:
            known[wrong, k] = alike(graded, draws[k], behave(wrong, draws[k].args))
        return known[wrong, k]

    def rank(wrong: Function) -> tuple[int, int]:
        """How much a misconception explains: whole results, then observed ones."""
        all_ = [like(wrong, k) for k in range(len(draws))]
        return sum(one.whole for one in all_), sum(one.observed for one in all_)

    found = {}
    for part in graded.parts:
        here = [k for k, draw in enumerate(draws) if draw.part is part]
        candidates = [
            wrong
            for wrong in graded.misconceptions
            if here and all(like(wrong, k).observed for k in here)
        ]
        if candidates:
            best = candidates[0] if len(candidates) == 1 else max(candidates, key=rank)
            found[part.cell] = hint(best)
    return found


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
    if agree(theirs.result, ours.result, tolerance, nan=True):
        return Likeness(True, True)
    seen = observe(draw.part, draw.seed, ours.result, draw.args)
    if isinstance(seen, Unobservable):
        return Likeness(False, False)
    return Likeness(agree(draw.got_seen, seen, tolerance, nan=True), False)


def same_error(ours: Called, theirs: Called) -> bool:
    """Are two exceptions the same, in type and words?"""
    assert ours.error and theirs.error
    return all(ours.error[key] == theirs.error[key] for key in ("type", "message"))
