"""Into nbgrader: `nbgrader autograde` takes in, runs and judges as this package does.

:func:`install`, called from ``nbgrader_config.py``, sets what configuration can reach: a
preprocessor that judges stands where nbgrader would execute, so that nbgrader's own
``SaveAutoGrades`` stores the scores, and the pages sanitise what they render. One thing
configuration cannot reach: which folders and files are read, before any preprocessor runs. So
``Autograde.start`` first puts a notebook rebuilt from the release in the place of each submission,
in a folder of its own, and lets nbgrader grade that folder.
"""

import glob
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor, SaveCells
from nbgrader.utils import parse_utc
from traitlets import Bool

from rnnlib.grading import pages
from rnnlib.grading.assignment import Assignment, private, read, tags
from rnnlib.grading.inert import one_line
from rnnlib.grading.intake import Intake, Refused, read_bytes
from rnnlib.grading.result import NOT_GRADED, grade_intake, take_or_not
from rnnlib.grading.sandbox import exposed, why_not

TIMESTAMP_BYTES, SECRET_BYTES = 100, 200
KEY = "rnnlib"  # in the metadata of a rebuilt notebook
PREPROCESSORS = [
    "rnnlib.grading.plugin.Judge",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]


class Judge(NbGraderPreprocessor):  # type: ignore[misc]
    """Run a rebuilt notebook in a sandbox and put verdicts where nbgrader looks for scores."""

    unsafe_local = Bool(
        False, help="Run students' code without a sandbox, with all rights of whoever grades."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Judge the notebook of one student."""
        about = resources["nbgrader"]
        course = self.parent.parent.coursedir
        assignment = read_assignment(course, about["assignment"])
        kept = nb.metadata.pop(KEY, {})
        notebook = json.loads(json.dumps(nb))
        taken = Intake(notebook, kept.get("refused", ""), tuple(kept.get("notes", ())))
        result = grade_intake(taken, assignment, about["student"], unsafe_local=self.unsafe_local)
        self.log.info("%s: %g of %g", about["student"], result.score, result.points)
        if result.refused:
            self.log.warning("%s: refused: %s", about["student"], result.refused)
            for note in result.notes:
                self.log.warning("%s: %s", about["student"], note)
        return nbformat.from_dict(result.notebook), resources


def read_assignment(course: Any, name: str) -> Assignment:
    """The assignment of this name, where the course directory has it."""
    root = Path(course.root)
    return read(name, root / course.source_directory, root / course.release_directory)


def install(config: Any) -> None:
    """Make nbgrader grade as this package does.

    Parameters
    ----------
    config : traitlets.config.Config
        What ``get_config()`` gives in ``nbgrader_config.py``.
    """
    config.Autograde.autograde_preprocessors = PREPROCESSORS
    Autograde.start = start
    pages.install(config)


def start(self: Any) -> None:
    """Grade the rebuilt submissions in place of what was handed in."""
    course = self.coursedir
    unsafe = bool(self.config.Judge.get("unsafe_local", False))
    if not unsafe and (reason := why_not() or exposed(*private(course))):
        raise refuse(self, f"Nothing was graded: students' code cannot be kept in here. {reason}")
    try:
        assignment = read_assignment(course, course.assignment_id)
        register(course, assignment)
    except ValueError as error:
        raise refuse(self, str(error)) from None
    handed_in = course.submitted_directory
    beside = Path(course.format_path(handed_in, ".", ".")).parent
    with tempfile.TemporaryDirectory(
        prefix=".rebuilt-", dir=beside if beside.is_dir() else None
    ) as folder:
        for student, submission in submissions(course):
            taken = take_or_not(submission, assignment)
            try:
                put(taken, submission, Path(folder, student), assignment.name)
            except (OSError, ValueError) as error:
                self.log.error("%s: %s: %s", one_line(student), NOT_GRADED, one_line(str(error)))
        course.submitted_directory = folder
        try:
            super(Autograde, self).start()
        finally:
            course.submitted_directory = handed_in


def refuse(self: Any, message: str) -> NbGraderException:
    """Log a message and make it an exception that nbgrader's commands end with."""
    self.log.error(message)
    return NbGraderException(message)


def submissions(course: Any) -> Iterator[tuple[str, Path]]:
    """Students and their folders, whatever these are: links and files are refused later."""
    wanted = course.format_path(course.submitted_directory, course.student_id, course.assignment_id)
    for found in sorted(glob.glob(wanted)):
        yield Path(found).parent.name, Path(found)


def put(taken: Intake, submission: Path, student: Path, name: str) -> None:
    """Write a rebuilt notebook where nbgrader looks for a submission, and when it was handed in."""
    folder = student / name
    folder.mkdir(parents=True)
    notebook = {**taken.notebook, "metadata": dict(taken.notebook["metadata"])}
    notebook["metadata"][KEY] = {"refused": taken.refused, "notes": list(taken.notes)}
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    for file, text in from_exchange(submission).items():
        (folder / file).write_text(text)


def timestamp(submission: Path) -> str | None:
    """The time in the file that nbgrader's exchange leaves, if it holds one."""
    try:
        text = read_bytes(submission / "timestamp.txt")[:TIMESTAMP_BYTES].decode().strip()
        parse_utc(text)
    except (Refused, ValueError, OverflowError):
        return None
    return text or None


def from_exchange(submission: Path) -> dict[str, str]:
    """What nbgrader's exchange leaves beside a notebook, as far as it is well formed.

    By the secret `nbgrader release_feedback` finds whose feedback it is.
    """
    found = {"timestamp.txt": timestamp(submission), "submission_secret.txt": secret(submission)}
    return {file: text for file, text in found.items() if text is not None}


def secret(submission: Path) -> str | None:
    """The random digits in the file that nbgrader's exchange leaves, if it holds them."""
    try:
        text = read_bytes(submission / "submission_secret.txt")[:SECRET_BYTES].decode()
    except (Refused, ValueError):
        return None
    return text if re.fullmatch("[0-9a-f]{128}", text) else None


def register(course: Any, assignment: Assignment) -> None:
    """Enter the assignment in the gradebook, unless `nbgrader generate_assignment` has done it."""
    with Gradebook(course.db_url, course.course_id) as gradebook:
        try:
            known = gradebook.find_notebook(assignment.name, assignment.name).grade_cells
        except MissingEntry:
            gradebook.update_or_create_assignment(assignment.name)
        else:
            grades = {
                m["grade_id"] for m in map(tags, assignment.release["cells"]) if m.get("grade")
            }
            if {cell.name for cell in known} != grades:
                raise ValueError(
                    f"the gradebook knows {assignment.name} with other cells than the release: "
                    f"run nbgrader generate_assignment {assignment.name} --force"
                )
            return
    about = {"notebook": assignment.name, "assignment": assignment.name, "db_url": course.db_url}
    SaveCells().preprocess(nbformat.from_dict(assignment.release), {"nbgrader": about})
