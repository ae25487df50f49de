"""No attack gets points that it does not deserve, and none costs anybody else any.

`make attacks` hands in all of them; `make test` a selection. Both are graded in one batch, with
honest submissions between the others.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from rnnlib.grading.sandbox import why_not
from tests.attacks import course
from tests.attacks.submissions import ATTACKS, NAME, Attack, Place


class Graded(NamedTuple):
    """A batch of submissions, after it was graded."""

    place: Place
    students: dict[str, Attack]
    log: str
    before: dict[str, dict[str, str]]
    came: list[bytes]


def grade(folder: Path, attacks: list[Attack], *command: str) -> Iterator[Graded]:
    reason = why_not()
    if reason and (os.environ.get("RNNLIB_STRICT") == "1" or shutil.which("bwrap")):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with course.a_place(folder) as (place, came):
        course.make(place.course)
        students = course.fill(place, attacks)
        before = course.guarded(place)
        done = course.run(place, *command)
        assert done.returncode == 0, done.stdout[-10_000:]
        yield Graded(place, students, done.stdout, before, came)


def holds(graded: Graded) -> None:
    """What is asserted of every batch."""
    scores = course.scores(graded.place)
    deserved = {student: attack.deserves for student, attack in graded.students.items()}
    wrong = {
        student: (scores.get(student), points)
        for student, points in deserved.items()
        if scores.get(student) != points
    }
    assert wrong == {}, "student: (score, deserved)"
    assert course.guarded(graded.place) == graded.before
    assert course.left_behind(graded.place) == []
    assert graded.came == []
    assert "a secret of the grader" not in graded.log


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    attacks = [attack for attack in ATTACKS if attack.fast]
    yield from grade(tmp_path_factory.mktemp("some"), attacks, "nbgrader", "autograde", NAME)


def test_nbgrader_gives_a_selection_what_it_deserves(some: Graded) -> None:
    holds(some)


def test_nbgrader_says_of_each_refused_one_why(some: Graded) -> None:
    for student, attack in some.students.items():
        page = some.place.course / "grading" / "autograded" / student / NAME / f"{NAME}.ipynb"
        assert ("Nothing could be graded:" in page.read_text()) == attack.refused


@pytest.fixture(scope="module")
def all_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    command = ("rnnlib.grading", "grade", NAME, "--json", "out.json")
    yield from grade(tmp_path_factory.mktemp("all"), list(ATTACKS), *command)


@pytest.mark.attacks
def test_all_attacks_get_what_they_deserve_and_change_nothing(all_: Graded) -> None:
    holds(all_)


@pytest.mark.attacks
def test_each_submission_has_a_score_or_a_zero_with_a_reason(all_: Graded) -> None:
    results = course.results(all_.place)
    assert set(results) == set(all_.students)
    for student, attack in all_.students.items():
        assert bool(results[student]["refused"]) == attack.refused, student
        for verdict in results[student]["verdicts"]:
            assert verdict["passed"] or verdict["says"], student
            assert verdict["problem"] != "not graded", student


@pytest.mark.attacks
def test_nothing_that_a_student_wrote_is_active(all_: Graded) -> None:
    assert "\x1b]0;" not in all_.log
    for path in sorted((all_.place.course / "grading" / "autograded").rglob("*.ipynb")):
        text = path.read_text("utf-8")
        assert '"text/html"' not in text and "javascript:alert" not in text, path
