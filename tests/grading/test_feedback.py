"""What students get back says what is wrong and why, and not what is right."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup

from conftest import NAME, ROOT, assignment, solved
from rnnlib.grading import hints
from rnnlib.grading.calls import behave, make_draws, standing_in
from rnnlib.grading.table import Function, source

TABLE = assignment().graded
WRONG = zip_longest(*(graded.misconceptions for graded in TABLE))
STUDENTS: dict[str, dict[str, Function]] = {
    "right": {},
    **{
        f"wrong-{k:02}": {graded.name: f for graded, f in zip(TABLE, some, strict=True) if f}
        for k, some in enumerate(WRONG)
    },
}


@pytest.fixture(scope="module")
def pages(sandboxed: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, int]]:
    """Of each student: what their page says in the place of outputs, and their seed."""
    course = tmp_path_factory.mktemp("course")
    (course / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    for folder in ("solutions", "exercises"):
        (course / folder).symlink_to(ROOT / folder)
    for student, wrong in STUDENTS.items():
        folder = course / "grading" / "submitted" / student / NAME
        folder.mkdir(parents=True)
        mine = solved(**{name: source(f, name) for name, f in wrong.items()})
        (folder / f"{NAME}.ipynb").write_text(json.dumps(mine))
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(course), "OMP_NUM_THREADS": "1"}
    for command in (("rnnlib.grading", "grade", NAME), ("nbgrader", "generate_feedback", NAME)):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=course, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    found = {}
    for student in STUDENTS:
        page = course / "grading" / "feedback" / student / NAME / f"{NAME}.html"
        outputs = BeautifulSoup(page.read_text("utf-8"), "html.parser").select("div.output")
        result = json.loads((course / "grading" / "results" / NAME / f"{student}.json").read_text())
        said = " ".join(" ".join(output.get_text() for output in outputs).split())
        found[student] = said, int(result["seed"])
    return found


def expected(seed: int) -> Iterator[float]:
    """All numbers of the references' results on what a student's functions were called with."""
    for g, graded in enumerate(TABLE):
        for p, part in enumerate(graded.parts):

            def call(args: Any, graded: Any = graded) -> Any:
                return behave(graded.reference, args)

            draws = [*make_draws(graded, part, (seed, g, p), call)]
            with standing_in(graded):
                draws += make_draws(graded, part, (seed, g, p), call)
            for draw in draws:
                results = draw.want if isinstance(draw.want, tuple) else (draw.want,)
                yield from (float(x) for result in results for x in np.ravel(result))


def told(text: str, numbers: Iterator[float]) -> set[str]:
    """Those of the numbers that a text holds, to three decimals or more, or as large integers."""
    written = {w for w in re.findall(r"\d+\.\d{3,}|\d{3,}", text)}
    values = np.array([*numbers])
    return {
        w
        for w in written
        if (np.abs(np.abs(values) - float(w)) <= 0.6 * 10.0 ** -len(w.partition(".")[2])).any()
    }


def test_whoever_is_right_reads_so(pages: dict[str, tuple[str, int]]) -> None:
    said, _ = pages["right"]
    assert said.count("Right on 10 fresh inputs") == sum(len(graded.parts) for graded in TABLE)
    assert "Hint" not in said and "Wrong on" not in said


@pytest.mark.parametrize("student", [student for student in STUDENTS if student != "right"])
def test_whoever_has_a_misconception_reads_its_hint(
    student: str, pages: dict[str, tuple[str, int]]
) -> None:
    said, _ = pages[student]
    for name, wrong in STUDENTS[student].items():
        assert f"{name}: 0 of" in said
        assert f"Hint: it behaves like this mistake. {hints.hint(wrong)}" in said


@pytest.mark.parametrize("student", STUDENTS)
def test_no_page_holds_an_expected_value(student: str, pages: dict[str, tuple[str, int]]) -> None:
    said, seed = pages[student]
    assert told(said, expected(seed)) == set()


def test_an_expected_value_would_be_seen(pages: dict[str, tuple[str, int]]) -> None:
    said, seed = pages["wrong-00"]
    for x in [*expected(seed)][::97]:
        if abs(x) % 1 > 1e-3 or abs(x) > 100:
            assert told(f"{said} expected {x:.4f}", expected(seed))
