"""A fault of ours costs no other submission anything, and is seen."""

import json
import os
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from distributed.scheduler import KilledWorker
from nbgrader.api import Gradebook

from conftest import NAME, ROOT, Hand, assignment, solved
from rnnlib.grading import classrun, cluster, result
from rnnlib.grading.classrun import Job
from rnnlib.grading.result import NOT_GRADED, grade
from rnnlib.grading.sandbox import Unavailable


def broken(*_: Any) -> Any:
    raise ZeroDivisionError("expected 0.12345")


def with_first(**fields: Any) -> Any:
    """The assignment with another first function in its table."""
    about = assignment()
    return about._replace(graded=(about.graded[0]._replace(**fields), *about.graded[1:]))


def assert_not_graded(graded: Any) -> None:
    assert graded.score == 0 and graded.needs_a_look and graded.refused.startswith(NOT_GRADED)
    assert {verdict.problem for verdict in graded.verdicts} == {"not graded"}
    assert any("ZeroDivisionError in test_not_graded.py" in note for note in graded.notes)
    shown = "".join(result.report(verdict) for verdict in graded.verdicts)
    assert "not graded: needs a look" in shown and "0.12345" not in shown


@pytest.mark.usefixtures("sandboxed")
def test_an_exception_of_a_reference_or_a_draw_is_a_zero_that_says_so(hand_in: Hand) -> None:
    folder = hand_in(solved())
    assert_not_graded(grade(folder, with_first(reference=broken)))
    part = assignment().graded[0].parts[0]._replace(draw=broken)
    assert_not_graded(grade(folder, with_first(parts=(part,))))


def test_an_exception_of_the_intake_is_a_zero_that_says_so(
    hand_in: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result, "take", broken)
    assert_not_graded(grade(hand_in(solved()), assignment()))


class Fragile(Executor):
    """Breaks, with all that it was given, if the bad student's job is among it."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.waiting: list[tuple[Future[Any], Job]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        self.waiting.append((Future(), args[0]))
        return self.waiting[-1][0]

    def finish(self) -> None:
        breaks = any(job.student == "bad" for _, job in self.waiting)
        for future, job in self.waiting:
            if breaks:
                future.set_exception(self.error)
            else:
                future.set_result(json.dumps({"student": job.student, "score": 1}))


@pytest.mark.parametrize(
    "error", [BrokenExecutor(), KilledWorker("work", SimpleNamespace(address="tls://a:1"), 3)]
)
def test_a_job_whose_worker_always_dies_is_not_graded_and_the_others_are(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    folders = (str(ROOT / "solutions"), str(ROOT / "exercises"))
    jobs = [Job(NAME, *folders, student, "nowhere", "0") for student in ("a", "bad", "c")]

    def as_completed(futures: dict[Future[Any], Job]) -> list[Future[Any]]:
        made[-1].finish()
        return list(futures)

    made: list[Fragile] = []
    monkeypatch.setattr(classrun, "as_completed", as_completed)

    def make() -> Executor:
        made.append(Fragile(error))
        return made[-1]

    outcomes = {one["student"]: one for one in classrun.run_all(jobs, make, cluster.DEAD)}
    assert set(outcomes) == {"a", "bad", "c"}
    assert outcomes["bad"]["refused"].startswith(NOT_GRADED) and outcomes["bad"]["score"] == 0
    assert outcomes["a"]["score"] == outcomes["c"]["score"] == 1


def test_a_scheduler_that_is_gone_stops_the_class_and_says_how_to_go_on() -> None:
    job = Job(NAME, str(ROOT / "solutions"), str(ROOT / "exercises"), "a", "nowhere", "0")
    future: Future[str] = Future()
    future.cancel()
    with pytest.raises(Unavailable, match="the same command goes on"):
        classrun.outcome_of(future, job, {job: 0}, cluster.DEAD)


def test_what_was_not_graded_is_graded_again(tmp_path: Path) -> None:
    job = Job(NAME, str(ROOT / "solutions"), str(ROOT / "exercises"), "bad", "nowhere", "0")
    outcome = classrun.lost(job, BrokenExecutor())
    (tmp_path / "bad.json").write_text(json.dumps(outcome))
    assert classrun.kept(job, tmp_path) is None


def test_whole_numbers_of_any_length_are_finite() -> None:
    from rnnlib.grading.compare import agree, is_finite

    assert is_finite(10**400) and not is_finite(np.array([np.nan]))
    assert not agree(10**400, 7, 1e-5) and not agree(["x" * 10**6, ""], np.ones(2), 1e-5)


@pytest.mark.usefixtures("sandboxed")
def test_what_cannot_be_entered_costs_no_other_its_entry_and_is_entered_next_time(
    hand_in: Hand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("solutions", "exercises"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    for student in ("a", "b", "c"):
        hand_in(solved(), student=student)
    database = tmp_path / "grading" / "gradebook.db"

    def run() -> tuple[int, str, dict[str, Any]]:
        command = [sys.executable, "-m", "rnnlib.grading", "grade", NAME, "--workers", "1"]
        done = subprocess.run(
            [*command, "--submitted", "submitted", "--json", "out.json"],
            cwd=tmp_path,
            env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        found = json.loads((tmp_path / "out.json").read_text())
        return done.returncode, done.stdout, {one["student"]: one for one in found}

    def execute(sql: str) -> list[Any]:
        with closing(sqlite3.connect(database)) as book, book:
            return book.execute(sql).fetchall()

    def in_the_gradebook() -> set[str]:
        return {
            student
            for (student,) in execute(
                "select student_id from submitted_assignment join submitted_notebook on "
                "submitted_notebook.assignment_id = submitted_assignment.id join grade on "
                "grade.notebook_id = submitted_notebook.id where auto_score is not null"
            )
        }

    database.parent.mkdir()
    # nbgrader calls `alembic` by name
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    with Gradebook(f"sqlite:///{database}"):
        pass
    execute(
        "create trigger full before insert on submitted_assignment when new.student_id = 'b' "
        "begin select raise(abort, 'the disk is full'); end"
    )
    status, said, first = run()
    assert status == 1 and "1 not entered in the gradebook" in said
    assert [first[student]["entered"] for student in "abc"] == [True, False, True]
    assert "the disk is full" in first["b"]["notes"][-1] and "the disk is full" in said
    assert in_the_gradebook() == {"a", "c"}
    execute("drop trigger full")
    status, said, second = run()
    assert status == 0 and all(one["entered"] for one in second.values())
    assert in_the_gradebook() == {"a", "b", "c"}
    assert {s: one["seed"] for s, one in first.items()} == {
        s: one["seed"] for s, one in second.items()
    }
