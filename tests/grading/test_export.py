"""Exported grades: what a spreadsheet, Canvas or Moodle reads is what the gradebook holds."""

import csv
import os
import sysconfig
import warnings

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from rnnlib.grading.export import CSV, Canvas, Moodle, safe

NAMES = {
    "u1": ("=cmd()", 'O"Hara, Jr.', "a@example.org"),
    "u2": ("Ñandú", "张伟", "b@example.org"),
    "u3": ("محمد", "-1+1", None),
    "u4": ("two\nlines", "\t@SUM(A1)", "d@example.org"),
    "=u5": (None, None, None),
}
SCORES = {"u1": 87.5, "u2": 100.0, "u3": 0.0, "u4": 33.333333}


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory):
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:  # nbgrader calls `alembic` by name
        patch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
        book = Gradebook(f"sqlite:///{path}")
    with warnings.catch_warnings(), book:
        warnings.simplefilter("ignore", SAWarning)  # nbgrader makes rows before it adds them
        for name in ("01-forward", "=02"):
            book.add_assignment(name)
            book.add_notebook("notebook", name)
            book.add_grade_cell("part", "notebook", name, max_score=100, cell_type="code")
        for student, (first, last, email) in NAMES.items():
            book.add_student(
                student, first_name=first, last_name=last, email=email, lms_user_id="7" + student
            )
        for student, score in SCORES.items():
            book.add_submission("01-forward", student)
            grade = book.find_grade("part", "notebook", "01-forward", student)
            grade.auto_score, grade.needs_manual_grade = score, student == "u3"
        late = book.find_submission_notebook("notebook", "01-forward", "u1")
        late.late_submission_penalty = 10
        book.db.commit()
        yield book


def exported(plugin, gradebook, path, **options):
    config = Config({plugin.__name__: options})
    plugin(config=config, to=str(path)).export(gradebook)
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.reader(text.splitlines(keepends=True)))


PLUGINS = pytest.mark.parametrize("plugin", [CSV, Canvas, Moodle])


@PLUGINS
def test_no_cell_is_a_formula(plugin, gradebook, tmp_path):
    for line in exported(plugin, gradebook, tmp_path / "grades.csv"):
        for cell in line:
            assert not cell.lstrip(" ").startswith(tuple("=+-@\t\r\n"))


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r", "\n", "＝", "＠", " ="])
def test_every_sign_of_a_formula_is_made_safe(sign):
    assert safe(sign + "cmd()") == "'" + sign + "cmd()"


@pytest.mark.parametrize("value", ["a=b", "O'Hara", "张伟", -3.5, 0, True])
def test_what_is_no_formula_stays_as_it_is(value):
    assert safe(value) is value


@PLUGINS
def test_every_name_comes_back_whole(plugin, gradebook, tmp_path):
    cells = {c for line in exported(plugin, gradebook, tmp_path / "grades.csv") for c in line}
    together = "\0".join(cells)
    for first, last, _ in NAMES.values():
        assert (first or "") in together and (last or "") in together


def test_a_line_of_the_spreadsheet_is_the_gradebooks(gradebook, tmp_path):
    header, *lines = exported(CSV, gradebook, tmp_path / "grades.csv")
    found = {(line[0], line[1]): dict(zip(header, line, strict=True)) for line in lines}
    assert len(found) == 2 * len(NAMES)
    first = found["01-forward", "u1"]
    assert first["raw_score"] == "87.5" and first["late_submission_penalty"] == "10"
    assert (first["score"], first["max_score"], first["status"]) == ("77.5", "100", "graded")
    assert found["01-forward", "u3"]["status"] == "needs manual grading"
    assert found["'=02", "u1"]["status"] == "missing"
    assert found["01-forward", "u4"]["score"] == "33.3333"


def test_canvas_reads_its_own_form(gradebook, tmp_path):
    columns = {"01-forward": "Forward (1234)"}
    header, points, *lines = exported(Canvas, gradebook, tmp_path / "canvas.csv", columns=columns)
    assert header[:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert set(header[5:]) == {"Forward (1234)", "'=02"}
    assert points[0].strip() == "Points Possible" and points[5:] == ["100", "100"]
    forward = header.index("Forward (1234)")
    grades = {line[2]: line[forward] for line in lines}
    assert grades["u1"] == "77.5" and grades["'=u5"] == ""
    names = {line[2]: line[0] for line in lines}
    assert names["u2"] == "张伟, Ñandú" and names["'=u5"] == "'=u5"
    assert {line[1] for line in lines} >= {"7u1", "7u2"}


def test_moodle_reads_its_own_form(gradebook, tmp_path):
    path = tmp_path / "moodle.csv"
    header, *lines = exported(Moodle, gradebook, path, missing="zero")
    assert header[:4] == ["First name", "Last name", "ID number", "Email address"]
    forward = header.index("01-forward")
    assert {line[2]: line[forward] for line in lines}["'=u5"] == "0"
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")  # its first heading would change


def test_only_what_was_asked_for_is_exported(gradebook, tmp_path):
    plugin = CSV(to=str(tmp_path / "one.csv"), student=["u2"], assignment=["01-forward"])
    plugin.export(gradebook)
    text = (tmp_path / "one.csv").read_text(encoding="utf-8-sig")
    assert len(text.splitlines()) == 2 and "u2" in text


@pytest.mark.parametrize("kind", ["student", "assignment"])
def test_whoever_is_unknown_is_named(kind, gradebook, tmp_path):
    plugin = CSV(to=str(tmp_path / "none.csv"), **{kind: ["nobody"]})
    with pytest.raises(ValueError, match=rf"{kind}: got \['nobody'\], expected some of"):
        plugin.export(gradebook)
    assert not list(tmp_path.glob("none*"))
