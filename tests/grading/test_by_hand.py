"""What a person graded is to be looked at again where it changed, and nowhere else."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nbgrader.api import Gradebook

from conftest import NAME, assignment, solved
from rnnlib.grading import gradebook, plugin
from rnnlib.grading.result import score_output

ANSWER, CHECK = "question-answer", "elman_step-check"


def graded(score: float = 10, **other: str) -> dict[str, Any]:
    """A notebook with an answer, in which one check was judged."""
    notebook = solved(**{ANSWER: "Because.", **other})
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            verdict = SimpleNamespace(score=score, points=10)
            cell["outputs"] = [score_output(verdict)] if cell["id"] == CHECK else []
    return notebook


@pytest.mark.parametrize(
    ("then", "again"),
    [
        (graded(), set()),
        (graded(**{ANSWER: "Because of this."}), {ANSWER, CHECK}),
        (graded(elman_step="another"), {ANSWER, CHECK}),
        (graded(score=0), {CHECK}),
    ],
)
def test_points_by_hand_are_looked_at_again_where_something_changed(
    tmp_path: Path, then: dict[str, Any], again: set[str]
) -> None:
    url, first = f"sqlite:///{tmp_path / 'gradebook.db'}", graded()
    gradebook.prepare(url, "")
    plugin.register(SimpleNamespace(db_url=url, course_id=""), assignment())
    with Gradebook(url) as book:
        gradebook.store(book, NAME, "ada", first, None)
        found = {name: book.find_grade(name, NAME, NAME, "ada") for name in (ANSWER, CHECK)}
        assert {name for name, one in found.items() if one.needs_manual_grade} == {ANSWER}
        for one in found.values():
            one.manual_score, one.needs_manual_grade = 7, False
        book.db.commit()
        gradebook.store(book, NAME, "ada", then, None, before=first)
        for _ in range(2):  # what was broken off is entered twice, and so changed nothing since
            assert {name for name, one in found.items() if one.needs_manual_grade} == again
            assert all(one.manual_score == 7 for one in found.values())
            gradebook.store(book, NAME, "ada", then, None, before=deepcopy(then))


def test_a_gradebook_is_made_where_nobody_activated_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    gradebook.prepare(f"sqlite:///{tmp_path / 'gradebook.db'}", "")


def test_nothing_was_entered_before_the_first_time(tmp_path: Path) -> None:
    path = tmp_path / "01.ipynb"
    assert gradebook.entered(path) is None
    gradebook.write(path, graded())
    assert gradebook.entered(path) == graded()
    path.write_text("half of a noteb")
    assert gradebook.entered(path) is None
