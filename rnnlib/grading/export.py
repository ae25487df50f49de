"""Grades for a spreadsheet, Canvas or Moodle, as nbgrader export plug-ins.

::

    nbgrader export --exporter rnnlib.grading.export.CSV --to grades.csv
    nbgrader export --exporter rnnlib.grading.export.Canvas --to canvas.csv
    nbgrader export --exporter rnnlib.grading.export.Moodle --to moodle.csv

A student chooses the name that a teacher's spreadsheet will show. Spreadsheets run a cell that
begins with ``=``, so every text that could be taken for a formula gets an apostrophe before it, as
OWASP advises ("CSV Injection"). Numbers stay numbers.
"""

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import ExportPlugin
from traitlets import Dict, Enum

#: What a spreadsheet takes for the beginning of a formula, and what it skips before one.
FORMULA = tuple("=+-@\t\r\n")


class Row(NamedTuple):
    """One student's standing in one assignment."""

    assignment: Assignment
    student: Student
    status: str  # "graded", "needs manual grading" or "missing"
    timestamp: str
    raw_score: float
    penalty: float

    @property
    def score(self) -> float:
        """Points after the penalty for lateness, which never makes them negative."""
        return max(0.0, self.raw_score - self.penalty)


class Grades(NamedTuple):
    """All that is exported."""

    assignments: list[Assignment]
    students: list[Student]
    rows: dict[tuple[str, str], Row]  # by name of the assignment and of the student


def safe(value: Any) -> Any:
    """Text that no spreadsheet runs; anything else as it is.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
        Text that begins like a formula, wide forms of its sign included, behind an apostrophe;
        None as empty text.

    Examples
    --------
    >>> safe("=cmd()"), safe("Ada"), safe(-1.5)
    ("'=cmd()", 'Ada', -1.5)
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFKC", value).lstrip(" ")
    return "'" + value if plain.startswith(FORMULA) else value


def table(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV text, each cell made safe and quoted where it has to be."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([safe(value) for value in row] for row in rows)
    return text.getvalue()


def number(score: float) -> float | int:
    """A score as it is written: at most four decimals, none where there are none."""
    rounded = round(float(score), 4)
    return int(rounded) if rounded == int(rounded) else rounded


def standing(gradebook: Gradebook, assignment: Assignment, student: Student) -> Row:
    """What the gradebook says of a student and an assignment."""
    try:
        found = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return Row(assignment, student, "missing", "", 0.0, 0.0)
    status = "needs manual grading" if found.needs_manual_grade else "graded"
    when = "" if found.timestamp is None else str(found.timestamp)
    raw, penalty = float(found.score or 0), float(found.late_submission_penalty or 0)
    return Row(assignment, student, status, when, raw, penalty)


class _Export(ExportPlugin):  # type: ignore[misc]  # nbgrader has no types
    """What the three have in common: whom and what to export, and where to."""

    encoding = "utf-8"
    default = "grades.csv"

    columns = Dict(
        {}, help="Name of an assignment to the heading of its column in the other system."
    ).tag(config=True)
    missing = Enum(
        ["blank", "zero"],
        "blank",
        help="What stands for a submission that was not handed in. Canvas and Moodle leave a grade"
        " as it is where the cell is blank.",
    ).tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the file.

        Parameters
        ----------
        gradebook : nbgrader.api.Gradebook

        Raises
        ------
        ValueError
            If an assignment or a student that was asked for is not in the gradebook.
        """
        students = self._chosen(gradebook.students, "student", "id")
        assignments = self._chosen(gradebook.assignments, "assignment", "name")
        rows = {
            (assignment.name, student.id): standing(gradebook, assignment, student)
            for assignment in assignments
            for student in students
        }
        open_ = sum(row.status == "needs manual grading" for row in rows.values())
        if open_:
            self.log.warning("%d submissions still need grading by hand", open_)
        to = Path(self.to or self.default)
        beside = to.with_name(to.name + ".part")  # an old file stays until the new one is whole
        beside.write_text(
            table(self.lines(Grades(assignments, students, rows))),
            encoding=self.encoding,
            newline="",
        )
        os.replace(beside, to)
        self.log.info("Exported %d grades to %s", len(rows), to)

    def lines(self, grades: Grades) -> Iterator[list[Any]]:
        """Header and lines of the file."""
        raise NotImplementedError

    def heading(self, assignment: Assignment) -> str:
        """Heading of an assignment's column."""
        return str(self.columns.get(assignment.name, assignment.name))

    def cell(self, row: Row) -> float | int | str:
        """What stands in an assignment's column for a student."""
        if row.status == "missing" and self.missing == "blank":
            return ""
        return number(row.score)

    def _chosen(self, entries: Iterable[Any], kind: str, key: str) -> list[Any]:
        entries = sorted(entries, key=lambda entry: str(getattr(entry, key)))
        wanted = [str(name) for name in getattr(self, kind)]
        known = [str(getattr(entry, key)) for entry in entries]
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise ValueError(f"{kind}: got {unknown}, expected some of {known}")
        return [e for e in entries if not wanted or str(getattr(e, key)) in wanted]


class CSV(_Export):
    """One line per student and assignment, for a spreadsheet."""

    encoding = "utf-8-sig"  # without the mark Excel takes UTF-8 for a local encoding

    def lines(self, grades: Grades) -> Iterator[list[Any]]:
        """Header and lines of the file."""
        yield [
            *("assignment", "student_id", "last_name", "first_name", "email", "status"),
            *("duedate", "timestamp", "raw_score", "late_submission_penalty", "score", "max_score"),
        ]
        for assignment in grades.assignments:
            for student in grades.students:
                row = grades.rows[assignment.name, student.id]
                yield [
                    self.heading(assignment),
                    *(student.id, student.last_name, student.first_name, student.email),
                    *(row.status, "" if assignment.duedate is None else str(assignment.duedate)),
                    *(row.timestamp, number(row.raw_score), number(row.penalty), self.cell(row)),
                    number(assignment.max_score),
                ]


class Canvas(_Export):
    """What Canvas's gradebook imports: a student per line, an assignment per column.

    Canvas finds a student by ``ID``, its own number (the gradebook's ``lms_user_id``), or by
    ``SIS User ID`` or ``SIS Login ID``. The second line holds the points possible. A heading
    ``Name (1234)`` is the assignment of that number; another is a new assignment.
    """

    default = "canvas.csv"

    def lines(self, grades: Grades) -> Iterator[list[Any]]:
        """Header, points possible and lines of the file."""
        who = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
        yield [*who, *(self.heading(a) for a in grades.assignments)]
        yield [
            "    Points Possible",
            "",
            "",
            "",
            "",
            *(number(a.max_score) for a in grades.assignments),
        ]
        for student in grades.students:
            names = [name for name in (student.last_name, student.first_name) if name]
            yield [
                ", ".join(names) or student.id,
                *(student.lms_user_id, student.id, student.id, ""),
                *(
                    self.cell(grades.rows[assignment.name, student.id])
                    for assignment in grades.assignments
                ),
            ]


class Moodle(_Export):
    """What Moodle's gradebook imports: a student per line, an assignment per column.

    On import, map ``ID number`` or ``Email address`` to the user, and each assignment's column to
    its grade item.
    """

    default = "moodle.csv"

    def lines(self, grades: Grades) -> Iterator[list[Any]]:
        """Header and lines of the file."""
        who = ["First name", "Last name", "ID number", "Email address"]
        yield [*who, *(self.heading(a) for a in grades.assignments)]
        for student in grades.students:
            yield [
                *(student.first_name, student.last_name, student.id, student.email),
                *(
                    self.cell(grades.rows[assignment.name, student.id])
                    for assignment in grades.assignments
                ),
            ]
