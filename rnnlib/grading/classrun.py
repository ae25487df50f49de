"""Grade a whole class: one submission is one task, and one process writes the gradebook.

Each result is a file as soon as it is there, under the digest of what was handed in and of the
assignment. A run that was killed goes on where it was: what has a file with the right digest is not
graded again, and what is in the gradebook already is not entered again.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    as_completed,
)
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from rnnlib.grading.assignment import Assignment, read
from rnnlib.grading.inert import one_line
from rnnlib.grading.intake import Refused, blank, find, read_bytes
from rnnlib.grading.result import fault, grade, grade_intake, to_json
from rnnlib.grading.sandbox import Unavailable

TRIES = 3  # of a task whose worker dies under it


class Job(NamedTuple):
    """One submission, in words that can be sent to another machine with the same folders."""

    assignment: str
    solutions: str
    releases: str
    student: str
    folder: str
    digest: str
    unsafe_local: bool = False


Outcome = dict[str, Any]  # a result as JSON, with its notebook and the digest of its job


def jobs(
    assignment: Assignment, solutions: Path, releases: Path, submitted: Path, unsafe_local: bool
) -> list[Job]:
    """One job for each student whose folder has something under the assignment's name."""
    found = sorted(submitted.glob(f"*/{assignment.name}"))
    return [
        Job(
            assignment.name,
            str(solutions),
            str(releases),
            folder.parent.name,
            str(folder),
            digest(folder, assignment),
            unsafe_local,
        )
        for folder in found
    ]


def digest(folder: Path, assignment: Assignment) -> str:
    """Of what was handed in and of all that decides what it is worth."""
    try:
        content = read_bytes(find(folder, assignment.name))
    except (Refused, OSError) as refused:
        content = str(refused).encode(errors="replace")
    return sha256(assignment.digest.encode() + content).hexdigest()


def do(job: Job) -> Outcome:
    """Grade one submission; runs in a worker."""
    assignment = read(job.assignment, Path(job.solutions), Path(job.releases))
    if digest(Path(job.folder), assignment) != job.digest:
        return lost(
            job, ValueError(f"{job.folder} holds something else by now, or on this machine")
        )
    result = grade(Path(job.folder), assignment, job.student, unsafe_local=job.unsafe_local)
    return {**to_json(result), "notebook": result.notebook, "digest": job.digest}


def kept(job: Job, results: Path) -> Outcome | None:
    """The outcome of a job in an earlier run, if there is one."""
    try:
        outcome: Outcome = json.loads((results / f"{job.student}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if any(verdict["problem"] == "not graded" for verdict in outcome.get("verdicts", ())):
        return None  # whatever was in the way may be gone
    return outcome if outcome.get("digest") == job.digest else None


def run_all(
    todo: Iterable[Job],
    make_executor: Callable[[], Executor],
    dead: tuple[type[Exception], ...] = (BrokenExecutor,),
) -> Iterator[Outcome]:
    """Do all jobs, in any order.

    Parameters
    ----------
    todo : iterable of Job
    make_executor : callable
        Gives a :class:`concurrent.futures.Executor`; a new one is asked for if one breaks.
    dead : tuple of type, optional
        Exceptions by which it says that a worker died.

    Yields
    ------
    dict
        The outcome of each job.

    Raises
    ------
    Unavailable
        If a sandbox does not start, or the scheduler of a cluster is gone.

    Notes
    -----
    A worker that dies may take all tasks of its executor with it, whose fault it was not. So a job
    that was lost ``TRIES`` times is done once more, alone; what is lost alone is not graded.
    """
    from rnnlib.grading.worker import work

    left = {job: 0 for job in todo}
    while left:
        suspects = [job for job, lost in left.items() if lost >= TRIES]
        together = suspects[:1] or list(left)
        with make_executor() as executor:
            futures = {executor.submit(work, job): job for job in together}
            try:
                for future in as_completed(list(futures)):
                    job = futures.pop(future)
                    outcome = outcome_of(future, job, left, dead)
                    if outcome is not None:
                        yield outcome
            finally:
                for future in futures:
                    future.cancel()


def outcome_of(
    future: Future[str], job: Job, left: dict[Job, int], dead: tuple[type[Exception], ...]
) -> Outcome | None:
    """What came of a job, which is then no longer left; None if it is to be done again."""
    try:
        outcome: Outcome = json.loads(future.result())
    except dead as error:
        left[job] += 1
        if left[job] <= TRIES:
            return None
        outcome = lost(job, error)
    except CancelledError:
        gone = "the scheduler is gone, with what it had to do; the same command goes on from here"
        raise Unavailable(gone) from None
    del left[job]
    return outcome


def lost(job: Job, error: BaseException) -> Outcome:
    """The outcome of a job whose worker dies whenever it does it."""
    assignment = read(job.assignment, Path(job.solutions), Path(job.releases))
    result = grade_intake(blank(assignment, *fault(error)), assignment, job.student)
    return {**to_json(result), "notebook": result.notebook, "digest": job.digest}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """See that one process at a time writes; the system ends this with the process.

    Parameters
    ----------
    folder : Path
        Of all results of a course.

    Raises
    ------
    ValueError
        If there is another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                "this course is being graded by another process; wait for it"
            ) from None
        yield


def summary(outcomes: list[Outcome]) -> str:
    """Distribution of the scores, failures by part, and who needs a look.

    Parameters
    ----------
    outcomes : list of dict

    Returns
    -------
    str
    """
    if not outcomes:
        return "Nothing was handed in."
    points = outcomes[0]["points"]
    scores = [outcome["score"] for outcome in outcomes]
    lines = [f"{len(scores)} submissions, mean {sum(scores) / len(scores):.1f} of {points:g}"]
    tenths = Counter(min(int(10 * score / points), 9) for score in scores)
    most = max(tenths.values())
    for tenth in range(10):
        low, high = points * tenth / 10, points * (tenth + 1) / 10
        bar = "█" * round(40 * tenths[tenth] / most)
        lines.append(f"  {low:5.0f} - {high:3.0f}  {tenths[tenth]:5d}  {bar}".rstrip())
    verdicts = [v for outcome in outcomes for v in outcome["verdicts"]]
    failed = Counter(v["cell"] for v in verdicts if not v["passed"])
    if failed:
        lines.append("Failures by part:")
        for cell, n in failed.most_common():
            why = Counter(v["problem"] for v in verdicts if v["cell"] == cell and v["problem"])
            words = ", ".join(f"{problem} {m}" for problem, m in why.most_common())
            lines.append(f"  {n:5d}  {cell} ({words})")
    look = [outcome for outcome in outcomes if outcome["needs_a_look"] or outcome["notes"]]
    if look:
        lines.append("Who needs a look:")
        lines += [f"  {one_line(outcome['student'])}: {why_look(outcome)}" for outcome in look]
    return "\n".join(lines)


def why_look(outcome: Outcome) -> str:
    """Why a person should see a submission."""
    odd = [v["says"] for v in outcome["verdicts"] if v["problem"] in ("dies", "too long")]
    return "; ".join(dict.fromkeys([outcome["refused"] or "", *odd, *outcome["notes"]])).strip("; ")


def workers() -> int:
    """How many submissions are graded at a time by default: one for each processor."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
