"""What a function is worth: it is called on fresh inputs and compared with the reference.

Nothing here knows where the student's function runs. It is called through a
:data:`rnnlib.grading.calls.Call`, which takes arguments and gives back a result and the arguments
as they are afterwards, and all decisions are made on these, in this process.
"""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnlib.grading import hints, inert
from rnnlib.grading.calls import Call, Draw, Lost, Unobservable, make_draws, standing_in
from rnnlib.grading.compare import agree, form, is_finite, unchanged
from rnnlib.grading.table import Graded

AMONG_STAND_INS = {
    "raises": "it raises an exception, even if all functions that it may call are right",
    "form": "its result has the wrong form, even if all functions that it may call are right",
    "too long": "it takes too long, even if all functions that it may call are right",
    "dies": "it ends its process, even if all functions that it may call are right",
    "missing": "there is no such function once all functions that it may call are right",
}


class Verdict(NamedTuple):
    """On one part."""

    cell: str
    function: str
    points: float
    score: float
    problem: str = ""  # a word for it, by which failures are counted
    says: str = ""  # what is wrong, in a sentence
    hint: str = ""
    wrong: int = 0  # draws out of
    draws: int = 0

    @property
    def passed(self) -> bool:
        """Were all results right?"""
        return not self.problem


def trouble(graded: Graded, draw: Draw) -> tuple[str, str]:
    """What is wrong with an answer: a word and a sentence; both are empty if nothing is."""
    result, after, error, _ = draw.got
    if error is not None:
        return "raises", complaint(error)
    if result is None and draw.want is not None:
        return "returns None", "it returns None: is its return statement missing?"
    names = inspect.signature(graded.reference).parameters
    changed = [
        name for name, b, a in zip(names, draw.args, after, strict=False) if not unchanged(b, a)
    ]
    if changed or len(after) != len(draw.args):
        which = ", ".join(changed) or "its arguments"
        return "changes an argument", f"it changes {which} in place, which belongs to the caller"
    if agree(result, draw.want, 0.0):  # what is seen of the same is the same
        return "", ""
    got, want = draw.got_seen, draw.want_seen
    if isinstance(got, Unobservable):
        return "form", f"its result has a form that cannot be read: {form(result)}"
    if agree(got, want, graded.tolerance):
        return "", ""
    if form(got) != form(want) and not isinstance(got, list):
        return "form", f"its result is {form(result)}, expected {form(draw.want)}"
    if not is_finite(got) and is_finite(want):
        return "not finite", "its result holds nan or infinity"
    return "differs", "its result has the right form but other numbers"


def complaint(error: Mapping[str, Any]) -> str:
    """An exception in a sentence."""
    message = inert.one_line(error["message"])
    place = error.get("place")
    where = f" (line {place[1]} of cell {inert.one_line(place[0])})" if place else ""
    if error["type"] == "NotImplementedError" and not message:
        return f"it is not written yet: it raises NotImplementedError{where}"
    return f"it raises {inert.one_line(error['type'])}{': ' if message else ''}{message}{where}"


def shapes(graded: Graded, draw: Draw) -> str:
    """Shapes of the arguments of a draw, and numbers among them as they are."""
    said = []
    for name, value in zip(inspect.signature(graded.reference).parameters, draw.args, strict=True):
        if isinstance(value, (bool, int, str)):
            said.append(f"{name} = {value!r}")
        elif isinstance(value, (float, np.number)):
            said.append(f"{name} = {value:.4g}")
        elif isinstance(value, (tuple, list)):
            said.append(f"{name} {form(value)}")
        else:
            said.append(name if callable(value) else f"{name} {np.shape(value)}")
    return ", ".join(said)


def judge(
    graded: Graded, seed: tuple[int, ...], call: Call, call_with_stand_ins: Call | None = None
) -> list[Verdict]:
    """Judge one function.

    Parameters
    ----------
    graded : Graded
    seed : tuple of int
        Of the inputs; they are the same for the same seed.
    call : callable
        Calls the student's function among the student's other functions.
    call_with_stand_ins : callable, optional
        Calls it among the stand-ins. It is used only if there are any and the function fails.

    Returns
    -------
    list of Verdict
        One for each part.
    """
    verdicts = judge_once(graded, seed, call)
    in_vain = all(v.passed or v.problem == "missing" for v in verdicts)
    if call_with_stand_ins and graded.stand_ins and not in_vain:
        with standing_in(graded):
            again = judge_once(graded, seed, call_with_stand_ins)
        verdicts = [clearer(*both) for both in zip(verdicts, again, strict=True)]
    return verdicts


def clearer(own: Verdict, helped: Verdict) -> Verdict:
    """Of a function among the student's others, and among stand-ins, the verdict that counts.

    A pass comes first, then a hint. Otherwise an exception or a loss of time may be another
    function's fault, so what becomes of this one among stand-ins is told; but a number that is
    wrong is told of the student's own functions, since this one may be written out.
    """
    if own.passed or helped.passed:
        return own if own.passed else helped
    if own.hint or helped.hint:
        return own if own.hint else discreet(helped)
    return own if own.problem == "differs" or own.says == helped.says else discreet(helped)


def discreet(verdict: Verdict) -> Verdict:
    """A verdict from among stand-ins, without what the student's code says there.

    The stand-ins answer other parts, and the code can read them and put them into its words.
    """
    return verdict._replace(says=AMONG_STAND_INS.get(verdict.problem, verdict.says))


def judge_once(graded: Graded, seed: tuple[int, ...], call: Call) -> list[Verdict]:
    """Judge one function as it stands."""
    draws: list[Draw] = []
    lost: Lost | None = None
    for p, part in enumerate(graded.parts):
        try:
            draws += list(make_draws(graded, part, (*seed, p), call))  # all of a part, or none
        except Lost as reason:
            lost = reason
            break
    wrong = any(trouble(graded, draw)[1] for draw in draws)
    known = hints.recognise(graded, draws) if wrong else {}
    verdicts = []
    for part in graded.parts:
        of_part = [draw for draw in draws if draw.part is part]
        if of_part:
            verdicts.append(decide(graded, of_part, known.get(part.cell, "")))
        else:
            assert lost
            verdicts.append(
                Verdict(part.cell, graded.name, part.points, 0, lost.problem, lost.says)
            )
    return verdicts


def decide(graded: Graded, draws: list[Draw], hint: str) -> Verdict:
    """The verdict on a part from its draws: all points or none."""
    part = draws[0].part
    found = [(draw, *trouble(graded, draw)) for draw in draws]
    wrong = [one for one in found if one[1]]
    if not wrong:
        return Verdict(part.cell, graded.name, part.points, part.points, draws=len(draws))
    draw, problem, says = wrong[0]
    if problem == "differs" and (remark := draw.remark):
        says = f"its result is not right: {remark}" if part.measure else f"{says}: {remark}"
    if draw.args and problem in ("differs", "not finite", "form", "raises"):
        says += f"; the arguments were {shapes(graded, draw)}"
    return Verdict(
        part.cell, graded.name, part.points, 0, problem, says, hint, len(wrong), len(draws)
    )
