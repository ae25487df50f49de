"""The assignments: what students get, what the checks decide, and what nbgrader makes of it."""

import inspect
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from csv import DictReader
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import numpy as np
import pytest

from rnnlib.grading.compare import agree, unchanged
from rnnlib.grading.table import Graded, load, source

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS, EXERCISES = ROOT / "solutions", ROOT / "exercises"
PAGES = ROOT / "book" / "assignments"
NAMES = sorted(path.parent.name for path in SOLUTIONS.glob("*/*.ipynb"))
GRADED = {name: load(SOLUTIONS / name) for name in NAMES}
EACH = pytest.mark.parametrize("name", NAMES)


@cache
def read(folder: Path, name: str) -> Any:
    return nbformat.read(folder / name / f"{name}.ipynb", as_version=4)


def role(cell: Any) -> tuple[bool, bool]:
    """Of a cell: is it graded, and is it the student's?"""
    meta = cell.metadata.get("nbgrader", {})
    return meta.get("grade", False), meta.get("solution", False)


def checks(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if role(cell) == (True, False)]


def fill_in(release: Any, solved: Any) -> Any:
    """The release with the solution cells of another notebook."""
    answers = {cell.id: cell.source for cell in solved.cells if role(cell)[1]}
    filled = deepcopy(release)
    for cell in filled.cells:
        cell.source = answers.get(cell.id, cell.source)
    return filled


def complaints(notebook: Any, replaced: dict[str, str] | None = None) -> dict[str, str]:
    """Run all code cells, some with other sources; what do the check cells raise?"""
    failing: dict[str, str] = {}
    namespace = {"__name__": "__main__"}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        text = (replaced or {}).get(cell.id, cell.source)
        try:
            exec(compile(text, cell.id, "exec"), namespace)
        except Exception as error:
            assert role(cell) == (True, False), f"{cell.id} raises, and is no check"
            failing[cell.id] = str(error)
    return failing


@cache
def complaints_of(name: str, function: str, text: str) -> dict[str, str]:
    """What the checks of a solved notebook raise with another text for one of its functions.

    For others that would train stands one that takes no time.
    """
    slow = {g.name: source(g.alternatives[0], g.name) for g in GRADED[name] if g.slow}
    return complaints(read(SOLUTIONS, name), {**slow, function: text})


def variants(kind: str) -> Any:
    """All misconceptions or all alternatives, as parameters of a test.

    `make test` takes two of each function, `make matrix` the others. Those of an assignment run in
    one process, which reads their complaints once.
    """
    return pytest.mark.parametrize(
        ("name", "graded", "variant"),
        [
            pytest.param(
                name,
                graded,
                variant,
                id=f"{name}-{variant.__name__}",
                marks=[pytest.mark.matrix] if n >= 2 else [],
            )
            for name in NAMES
            for graded in GRADED[name]
            for n, variant in enumerate(getattr(graded, kind))
        ],
    )


# ------------------------------------------------------------------ the visible checks


@EACH
def test_the_solved_notebook_passes_every_check(name: str) -> None:
    assert complaints(read(SOLUTIONS, name)) == {}


@EACH
def test_the_blank_release_fails_every_check(name: str) -> None:
    release = read(EXERCISES, name)
    assert set(complaints(release)) == {cell.id for cell in checks(release)}


@EACH
def test_a_function_that_raises_fails_its_own_checks_and_no_others(name: str) -> None:
    stubs = {cell.id: cell.source for cell in read(EXERCISES, name).cells}
    for graded in GRADED[name]:
        failing = set(complaints_of(name, graded.name, stubs[graded.name]))
        assert failing == {part.cell for part in graded.parts}


@EACH
def test_a_function_may_have_further_arguments(name: str) -> None:
    names = {g.name for g in GRADED[name] if inspect.signature(g.reference).parameters}
    wider = {
        cell.id: re.sub(rf"(def {cell.id}\([^)]*?),?\s*\)", r"\1, more=None)", cell.source, count=1)
        for cell in read(SOLUTIONS, name).cells
        if cell.id in names
    }
    assert all("more=None" in text for text in wider.values())
    assert complaints(read(SOLUTIONS, name), wider) == {}


@variants("misconceptions")
def test_a_misconception_fails_a_check_of_its_function_and_of_no_other(
    name: str, graded: Graded, variant: Any
) -> None:
    failing = set(complaints_of(name, graded.name, source(variant, graded.name)))
    assert failing
    assert failing <= {part.cell for part in graded.parts}


@variants("says")
def test_the_first_check_that_a_misconception_fails_names_it(
    name: str, graded: Graded, variant: Any
) -> None:
    first, *_ = complaints_of(name, graded.name, source(variant, graded.name)).values()
    assert graded.says[variant] in first


@variants("alternatives")
def test_a_right_solution_in_another_style_passes_every_check(
    name: str, graded: Graded, variant: Any
) -> None:
    assert not complaints_of(name, graded.name, source(variant, graded.name))


# ------------------------------------------------------------------------- the table


def results(graded: Graded, function: Any, monkeypatch: Any, stand_ins: bool) -> Iterator[Any]:
    """All draws of each part: what is observed of the result, and were the inputs kept?"""
    with monkeypatch.context() as patch, np.errstate(all="ignore"):
        for name, stand_in in graded.stand_ins.items() if stand_ins else ():
            patch.setitem(function.__globals__, name, stand_in)
        for seed, part in enumerate(p for p in graded.parts for _ in range(p.draws)):
            args = part.draw(np.random.default_rng(seed))
            kept = deepcopy(args)
            try:
                result = part.seen(function(*args), args, np.random.default_rng(seed))
            except Exception as error:
                result = repr(error)
            yield result, unchanged(kept, args)


def is_right(graded: Graded, function: Any, monkeypatch: Any) -> bool:
    got = list(results(graded, function, monkeypatch, stand_ins=True))
    wanted = (results(graded, graded.reference, monkeypatch, stand_ins=s) for s in (True, False))
    return any(
        all(
            kept and not isinstance(g, str) and agree(g, w, graded.tolerance)
            for (g, kept), (w, _) in zip(got, want, strict=True)
        )
        for want in wanted
    )


@EACH
def test_the_table_has_the_points_of_the_notebook(name: str) -> None:
    notebook = read(SOLUTIONS, name)
    parts = [part for graded in GRADED[name] for part in graded.parts]
    points = {cell.id: cell.metadata.nbgrader.points for cell in checks(notebook)}
    assert points == {part.cell: part.points for part in parts}
    assert sum(points.values()) == 100
    written = [c.metadata.nbgrader.points for c in notebook.cells if role(c) == (True, True)]
    assert written == [10]


@EACH
def test_the_table_holds_hints_and_enough_variants(name: str) -> None:
    for graded in GRADED[name]:
        assert len(graded.misconceptions) >= 4
        assert len(graded.alternatives) >= 2
        assert all(variant.__doc__ for variant in graded.misconceptions)
        assert set(graded.says) <= set(graded.misconceptions)


@variants("misconceptions")
def test_fresh_inputs_tell_a_misconception_from_the_reference(
    name: str, graded: Graded, variant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_right(graded, variant, monkeypatch)


@variants("alternatives")
def test_fresh_inputs_find_a_right_solution_right(
    name: str, graded: Graded, variant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_right(graded, variant, monkeypatch)


@pytest.mark.parametrize("text", [None, "", "graded = ()"])
def test_a_folder_without_a_table_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "checks.py").write_text(text)
    with pytest.raises(ValueError, match=f"^folder: got {re.escape(str(tmp_path))}"):
        load(tmp_path)


# ----------------------------------------------------------------- the notebook files


@EACH
def test_the_instructor_notebook_is_stored_without_outputs(name: str) -> None:
    notebook = read(SOLUTIONS, name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    for cell in notebook.cells:
        assert cell.id == cell.metadata.get("nbgrader", cell.metadata).get("grade_id", cell.id)


@EACH
def test_a_student_needs_no_copy_of_the_library(name: str) -> None:
    code = [cell.source for cell in read(SOLUTIONS, name).cells if cell.cell_type == "code"]
    assert not any("rnnlib" in text for text in code)


@EACH
def test_the_release_gives_nothing_away(name: str) -> None:
    files = sorted(path.name for path in (EXERCISES / name).rglob("*"))
    assert files == [f"{name}.ipynb"]
    text = (EXERCISES / name / files[0]).read_text().lower()
    for secret in ("begin solution", "end solution", "hidden test", "mark scheme", "rubric"):
        assert secret not in text
    released = {cell.id: cell.source for cell in read(EXERCISES, name).cells}
    for cell in read(SOLUTIONS, name).cells:
        if role(cell)[1]:
            solution = cell.source.split("### BEGIN SOLUTION")[1].split("### END SOLUTION")[0]
            assert solution.strip() not in released[cell.id]


# ------------------------------------------------------- what is said of it, in three places


def cell(name: str, id: str) -> str:
    """Text of a cell of the release."""
    [found] = [cell for cell in read(EXERCISES, name).cells if cell.id == id]
    return str(found.source)


@EACH
def test_the_opening_and_the_parts_say_the_points_of_the_table(name: str) -> None:
    rows = re.findall(r"^\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", cell(name, "opening"), re.M)
    header, _, reading, *parts, words, together = [tuple(x.strip() for x in row) for row in rows]
    assert header == ("part", "you write", "points", "minutes")
    assert reading[:3] == ("", "(reading)", "") and together[:3] == ("", "together", "110")
    assert words[:3] == (str(len(parts) + 1), "an answer in words", "10")
    assert int(together[3]) == sum(int(row[3]) for row in (reading, *parts, words))
    assert len(parts) == len(GRADED[name])
    for graded, (part, function, points, minutes) in zip(GRADED[name], parts, strict=True):
        assert (function, int(points)) == (f"`{graded.name}`", graded.points)
        title = f"## Part {part} · {function} ({points} points, {minutes} minutes)"
        assert cell(name, f"{graded.name}-spec").splitlines()[0] == title


@EACH
def test_the_signatures_are_those_of_the_stubs_and_of_the_table(name: str) -> None:
    listed = re.findall(r"^(\w+)\((.*)\) +# -> .+$", cell(name, "signatures"), re.M)
    assert [function for function, _ in listed] == [graded.name for graded in GRADED[name]]
    for graded, (function, parameters) in zip(GRADED[name], listed, strict=True):
        assert f"def {function}({parameters}):\n" in cell(name, function)
        assert ", ".join(inspect.signature(graded.reference).parameters) == parameters


def test_every_assignment_has_a_page_in_the_book_and_every_page_an_assignment() -> None:
    assert sorted(page.stem for page in PAGES.glob("*.md")) == NAMES


@EACH
def test_the_page_has_the_title_of_the_notebook_and_shows_what_it_asks(name: str) -> None:
    page, opening = (PAGES / f"{name}.md").read_text("utf-8"), cell(name, "opening")
    assert page.startswith(f"(as-{name})=\n{opening.splitlines()[0]}\n")
    assert f"\n```{{assignment}} {name}\n```\n" in page


# ----------------------------------------------------------------------- the real thing


class Course(NamedTuple):
    """A copy of the course in which nbgrader has run from release to export."""

    root: Path
    log: str

    def grades(self, name: str) -> dict[str, dict[str, str]]:
        with (self.root / "grades.csv").open() as file:
            return {row["student_id"]: row for row in DictReader(file) if row["assignment"] == name}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", root)
    shutil.copytree(SOLUTIONS, root / "solutions", ignore=shutil.ignore_patterns("__pycache__"))
    log = ""

    def nbgrader(*command: str) -> None:
        nonlocal log
        env = {**os.environ, "PATH": os.defpath, "JUPYTER_CONFIG_DIR": str(root)}  # not activated
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *command],
            cwd=root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        log += done.stdout
        assert done.returncode == 0, log

    for name in NAMES:
        nbgrader("generate_assignment", name)
        release = read(root / "exercises", name)
        solved = fill_in(release, read(SOLUTIONS, name))
        for student, notebook in [("blank", release), ("solved", solved)]:
            folder = root / "grading" / "submitted" / student / name
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / f"{name}.ipynb")
        nbgrader("autograde", name)
        nbgrader("generate_feedback", name)
    nbgrader("export", "--to", "grades.csv")
    return Course(root, log)


@EACH
def test_the_exercises_are_what_nbgrader_generates_now(name: str, course: Course) -> None:
    made, kept = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (course.root / "exercises" / name, EXERCISES / name)
    )
    assert made == kept, "run `make exercises`"


@EACH
def test_the_solved_notebook_scores_100_and_waits_for_a_person(name: str, course: Course) -> None:
    grade = course.grades(name)["solved"]
    assert (float(grade["raw_score"]), float(grade["max_score"])) == (100, 110)
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as gradebook:
        waiting = gradebook.execute(
            "select count(*) from grade where needs_manual_grade and auto_score is null"
        )
        assert waiting.fetchone() == (len(NAMES),)
    gradebook.close()


@EACH
def test_the_blank_release_scores_0(name: str, course: Course) -> None:
    assert float(course.grades(name)["blank"]["raw_score"]) == 0


@EACH
def test_each_student_gets_feedback(name: str, course: Course) -> None:
    for student, verdict in [("blank", "there is no such function"), ("solved", "Right on 10")]:
        page = course.root / "grading" / "feedback" / student / name / f"{name}.html"
        assert page.read_text().count(verdict) >= len(GRADED[name])


def test_nbgrader_has_nothing_to_warn_of(course: Course) -> None:
    assert not [line for line in course.log.splitlines() if "WARN" in line or "ERROR" in line]


@EACH
def test_nbval_passes_the_solved_notebook_and_fails_the_blank_one(name: str) -> None:
    nbval = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=60"]
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *nbval]
    runs = [
        subprocess.Popen(
            [*pytest_, folder / name / f"{name}.ipynb"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in (SOLUTIONS, EXERCISES)
    ]
    (solved, _), (blank, _) = (run.communicate() for run in runs)
    assert [run.returncode for run in runs] == [0, 1], solved + blank
