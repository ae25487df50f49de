"""A grader that is stopped anywhere goes on from there: none is lost, and none is there twice."""

import json
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
from nbgrader import api

from conftest import NAME, ROOT, Hand
from rnnlib.grading import classrun, gradebook, intake, worker
from rnnlib.grading.__main__ import main

ENTERED = (
    "select student_id, count(grade.id), sum(auto_score) from submitted_assignment a "
    "join submitted_notebook n on n.assignment_id = a.id join grade on grade.notebook_id = n.id "
    "group by a.id order by student_id"
)


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as book:
        return book.execute(sql).fetchall()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the processes that are started for what does not matter here."""
    for module in (api, gradebook):
        monkeypatch.setattr(module, "get_alembic_version", lambda: "the newest")
    monkeypatch.setattr(worker, "work", lambda job: json.dumps(classrun.do(job)))
    monkeypatch.setattr(intake, "bounded", nullcontext)  # a worker's own process has this bound


@pytest.fixture
def course(tmp_path: Path, hand_in: Hand, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of two students, whose submissions need no sandbox."""
    (tmp_path / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    for name in ("solutions", "exercises"):
        (tmp_path / name).symlink_to(ROOT / name)
    for student in ("a", "b"):
        hand_in(b"{", student=student)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    return tmp_path


def run(*more: str) -> int:
    command = ("grade", NAME, "--submitted", "submitted", "--workers", "1", "--unsafe-local")
    return main([*command, *more])


def result(course: Path, student: str) -> Any:
    return json.loads((course / "grading" / "results" / NAME / f"{student}.json").read_text())


@pytest.mark.parametrize("broken_off", ["store", "write"])
def test_what_was_graded_and_not_entered_is_entered_and_not_graded_again(
    course: Path, monkeypatch: pytest.MonkeyPatch, broken_off: str
) -> None:
    book = course / "grading" / "gradebook.db"
    whole = getattr(gradebook, broken_off)

    def stop(*args: Any) -> None:
        about_b = args[2] == "b" if broken_off == "store" else args[0].parts[-3:-1] == ("b", NAME)
        if about_b:
            raise KeyboardInterrupt
        whole(*args)

    for more in ((), ("--regrade",)):
        monkeypatch.setattr(gradebook, broken_off, stop)
        assert run(*more) == 130
        seed = result(course, "b")["seed"]
        assert result(course, "a")["entered"] and not result(course, "b")["entered"]
        monkeypatch.setattr(gradebook, broken_off, whole)
        assert run() == 0
        assert result(course, "b")["entered"] and result(course, "b")["seed"] == seed
        pages = course / "grading" / "autograded"
        assert all((pages / who / NAME / f"{NAME}.ipynb").is_file() for who in ("a", "b"))
        grades = query(book, ENTERED)
        assert [row[0] for row in grades] == ["a", "b"] and grades[0][1:] == grades[1][1:]


def test_another_gradebook_gets_what_was_graded_before(course: Path) -> None:
    assert run() == run("--db", f"sqlite:///{course / 'other.db'}") == 0
    assert query(course / "other.db", ENTERED) == query(course / "grading/gradebook.db", ENTERED)


def test_a_gradebook_whose_making_was_broken_off_is_made_whole(tmp_path: Path) -> None:
    path, url = tmp_path / "gradebook.db", f"sqlite:///{tmp_path / 'gradebook.db'}"
    api.Gradebook(url, "").close()
    for left in ("drop table alembic_version", "delete from alembic_version"):
        with closing(sqlite3.connect(path)) as book:
            book.execute(left)
            book.commit()
        for _ in range(2):
            gradebook.prepare(url, "")
            assert query(path, "select version_num from alembic_version") == [("the newest",)]
            assert query(path, "select id from course") == [("",)]
