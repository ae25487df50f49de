"""What grading one submission comes to, and how that is said in JSON and in a notebook."""

import copy
import math
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from secrets import randbits
from typing import Any, NamedTuple

from rnnlib.grading import inert
from rnnlib.grading.assignment import Assignment, is_check, tags
from rnnlib.grading.calls import TOO_LONG, Call, Lost
from rnnlib.grading.intake import Intake, Step, blank, steps, take
from rnnlib.grading.judge import Verdict, complaint, judge
from rnnlib.grading.sandbox import Called, Ran, Unavailable
from rnnlib.grading.session import ENDED, Session, time_left

TEXT, TEXTS = 10_000, 200_000  # characters that are kept of what a cell prints, and of all
NOT_GRADED = "not graded: needs a look"  # a fault of ours, not of what was handed in


class Result(NamedTuple):
    """One graded submission."""

    student: str
    assignment: str
    score: float
    points: float
    refused: str  # why nothing could be taken from what was handed in, or ""
    notes: tuple[str, ...]  # what was odd
    verdicts: tuple[Verdict, ...]
    ran: Mapping[str, Ran]  # what came of the student's cells
    seed: int  # of the inputs
    seconds: float
    notebook: dict[str, Any]  # for the gradebook's pages: rebuilt, with verdicts as outputs

    @property
    def needs_a_look(self) -> bool:
        """Should a person see it?"""
        return bool(self.refused or any(v.problem in ("dies", "too long") for v in self.verdicts))


def grade(
    folder: Path,
    assignment: Assignment,
    student: str = "",
    seed: int | None = None,
    unsafe_local: bool = False,
) -> Result:
    """Grade what one student handed in.

    Parameters
    ----------
    folder : Path
        With the student's notebook.
    assignment : Assignment
    student : str, optional
    seed : int, optional
        Of an earlier result, to repeat it with the same inputs; by default a fresh secret one.
    unsafe_local : bool, optional
        Run the student's code with all rights of this process.

    Returns
    -------
    Result

    Raises
    ------
    Unavailable
        If the sandbox does not start.
    """
    taken = take_or_not(folder, assignment)
    return grade_intake(taken, assignment, student, seed, unsafe_local)


def take_or_not(folder: Path, assignment: Assignment) -> Intake:
    """Rebuild what was handed in; an exception of ours is a reason to refuse it."""
    try:
        return take(folder, assignment)
    except Exception as error:
        return blank(assignment, *fault(error))


def fault(error: BaseException) -> tuple[str, str]:
    """Of an unexpected exception: what its victim is told, and what a person who looks is told."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" in {Path(at.filename).name}, line {at.lineno}" for at in place)
    message = f"{type(error).__name__}{where}: {error}"
    return f"{NOT_GRADED} (the grader met an error of its own)", inert.one_line(message)


def grade_intake(
    taken: Intake,
    assignment: Assignment,
    student: str = "",
    seed: int | None = None,
    unsafe_local: bool = False,
) -> Result:
    """Grade a notebook that was rebuilt; see :func:`grade`.

    An unexpected exception, of the judge or of a table, costs no other submission anything: this
    one is not graded, and says so.
    """
    try:
        return grade_rebuilt(taken, assignment, student, seed, unsafe_local)
    except Unavailable:
        raise
    except Exception as error:
        refused = blank(assignment, *fault(error))
        return grade_rebuilt(refused, assignment, student, seed, unsafe_local)


def grade_rebuilt(
    taken: Intake, assignment: Assignment, student: str, seed: int | None, unsafe_local: bool
) -> Result:
    """As :func:`grade_intake`, but exceptions pass."""
    start = time.monotonic()
    seed = randbits(64) if seed is None else seed
    ran: Mapping[str, Ran] = {}
    if taken.refused:
        verdicts = nothing(assignment, taken.refused)
    else:
        to_run = steps(taken.notebook, assignment.release)
        verdicts, ran = run(to_run, assignment, seed, unsafe_local)
    return Result(
        student,
        assignment.name,
        sum(verdict.score for verdict in verdicts),
        assignment.points,
        taken.refused,
        (*taken.notes, *cut_short(ran)),
        tuple(verdicts),
        ran,
        seed,
        round(time.monotonic() - start, 3),
        finish(taken.notebook, verdicts, ran),
    )


def nothing(assignment: Assignment, refused: str) -> list[Verdict]:
    """Verdicts on what was refused."""
    problem = "not graded" if refused.startswith(NOT_GRADED) else "refused"
    return [
        Verdict(part.cell, graded.name, part.points, 0, problem, refused)
        for graded in assignment.graded
        for part in graded.parts
    ]


def run(
    to_run: list[Step], assignment: Assignment, seed: int, unsafe_local: bool
) -> tuple[list[Verdict], Mapping[str, Ran]]:
    """Judge all functions in one sandbox; a failing one with stand-ins again in one of its own.

    A stand-in may answer another part, so it enters no sandbox in which that part is judged.
    """
    deadline = time_left(assignment)
    verdicts: list[Verdict] = []
    with Session(assignment, to_run, deadline, unsafe_local) as first:
        for g, graded in enumerate(assignment.graded):
            with Session(assignment, to_run, deadline, unsafe_local) as own:
                stand_ins = tuple(graded.stand_ins.items())
                call = caller(first, graded.name)
                own_call = caller(own, graded.name)
                own.spent = first.spent
                own.steps = [*to_run, *(stand_in(name, f) for name, f in stand_ins)]
                verdicts += judge(graded, (seed, g), call, own_call)
        return verdicts, first.ran


def caller(session: Session, name: str) -> Call:
    """Calls of one function in a session."""

    def call(args: tuple[Any, ...]) -> Called:
        called = session.call(name, args)
        error = session.ran[name].error if name in session.ran else None
        if called.missing and error:
            raise Lost("missing", f"there is no such function: when its cell ran, {why(error)}")
        return called

    return call


def why(error: Mapping[str, Any]) -> str:
    """Why a cell did not come to its end."""
    return inert.one_line(error["message"]) if error["type"] == ENDED else complaint(error)


def cut_short(ran: Mapping[str, Ran]) -> list[str]:
    """Cells that the limits ended, or that ended the process: a slower machine may do the same."""
    return [
        f"when cell {inert.one_line(cell)} ran, {why(one.error)}"
        for cell, one in ran.items()
        if one.error and one.error["type"] in (ENDED, TOO_LONG)
    ]


def stand_in(name: str, function: Any) -> Step:
    """A cell that puts a function in place of a student's."""
    from rnnlib.grading.table import source

    return Step(f"stand-in-{name}", source(function, name), "solution")


# --------------------------------------------------------------------- in a notebook


def finish(notebook: dict[str, Any], verdicts: list[Verdict], ran: Mapping[str, Ran]) -> Any:
    """The notebook with verdicts as outputs, in the form from which nbgrader takes scores."""
    by_cell = {verdict.cell: verdict for verdict in verdicts}
    finished, left = copy.deepcopy(notebook), TEXTS
    for cell in finished["cells"]:
        if cell["cell_type"] != "code":
            continue
        cell["outputs"], cell["execution_count"] = [], None
        if cell["id"] in by_cell and is_check(tags(cell)):
            verdict = by_cell[cell["id"]]
            cell["outputs"] = [stream(report(verdict)), score_output(verdict)]
        elif cell["id"] in ran and (text := printed(ran[cell["id"]], min(TEXT, left))):
            cell["outputs"] = [stream(text)]
            left = max(0, left - len(text))
    return finished


def printed(ran: Ran, most: int = TEXT) -> str:
    """What a cell printed, and the exception that ended it."""
    text = inert.plain(ran.text, most)
    if ran.error:
        text += f"\nWhen this cell ran, {why(ran.error)}.\n"
    return text.lstrip("\n")


def report(verdict: Verdict) -> str:
    """A verdict in words; it holds no expected value."""
    lines = [f"{verdict.function}: {verdict.score:g} of {verdict.points:g} points"]
    if verdict.passed:
        lines.append(f"Right on {fresh(verdict.draws)}.")
    elif verdict.problem in ("refused", "not graded"):
        lines.append(f"Nothing could be graded: {verdict.says}.")
    else:
        if verdict.draws:
            lines.append(f"Wrong on {verdict.wrong} of {fresh(verdict.draws)}.")
        lines.append(f"{verdict.function}: {verdict.says}.")
        if verdict.hint:
            lines.append(f"Hint: it behaves like this mistake. {verdict.hint}")
    return "\n".join(lines) + "\n"


def fresh(draws: int) -> str:
    """So many inputs, in words."""
    return f"{draws} fresh input" + ("" if draws == 1 else "s")


def stream(text: str) -> dict[str, Any]:
    """Text as an output of a cell."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def score_output(verdict: Verdict) -> dict[str, Any]:
    """A score as an output of a cell: finite, and between nothing and all points."""
    score = verdict.score if math.isfinite(verdict.score) else 0.0
    return {
        "output_type": "execute_result",
        "execution_count": None,
        "metadata": {},
        "data": {"text/plain": repr(float(min(max(score, 0.0), verdict.points)))},
    }


# --------------------------------------------------------------------------- in JSON


def to_json(result: Result) -> dict[str, Any]:
    """A result as JSON, without the notebook.

    Parameters
    ----------
    result : Result

    Returns
    -------
    dict
    """
    fields = result._asdict()
    del fields["notebook"], fields["ran"]
    return {
        **fields,
        "seed": str(result.seed),
        "notes": list(result.notes),
        "verdicts": [{**v._asdict(), "passed": v.passed} for v in result.verdicts],
        "needs_a_look": result.needs_a_look,
    }
