"""Results into nbgrader's gradebook and folders, as `nbgrader autograde` would leave them.

One process writes. Storing a result twice leaves what storing it once does; a score that a person
gave stays, and is to be looked at again where what it was given for is another by now.
"""

import json
import os
import sysconfig
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import (
    Course,
    Grade,
    Gradebook,
    SubmittedAssignment,
    SubmittedNotebook,
    get_alembic_version,
)
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution
from sqlalchemy import text
from sqlalchemy.exc import SAWarning


def prepare(url: str, course: str) -> None:
    """Make what a gradebook needs before anything is entered; what is there stays.

    nbgrader makes the tables, but takes up nothing that was broken off after that, and knows of no
    course without a name, to which PostgreSQL then lets no assignment belong.

    Parameters
    ----------
    url : str
    course : str
        Its id, which may be empty.
    """
    # nbgrader calls `alembic` by name, also where nobody has activated the environment.
    scripts, path = sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)
    if scripts not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join((path, scripts))
    with Gradebook(url, course) as gradebook:
        db = gradebook.db
        if not db.query(Course).filter(Course.id == course).first():
            db.add(Course(id=course))
        if not db.query(SubmittedAssignment).first():
            db.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"))
            if not db.execute(text("SELECT version_num FROM alembic_version")).first():
                version = {"version": get_alembic_version()}
                db.execute(text("INSERT INTO alembic_version VALUES (:version)"), version)
        db.commit()


def store(
    gradebook: Gradebook,
    assignment: str,
    student: str,
    notebook: dict[str, Any],
    handed_in: datetime | None,
    config: Any = None,
    before: dict[str, Any] | None = None,
) -> None:
    """Enter one result in the gradebook.

    Parameters
    ----------
    gradebook : nbgrader.api.Gradebook
        Which knows the assignment.
    assignment, student : str
    notebook : dict
        With verdicts as outputs, from which nbgrader reads the scores.
    handed_in : datetime or None
        When, in UTC, if that is known.
    config : traitlets.config.Config, optional
        That may name a plug-in for late penalties.
    before : dict, optional
        The notebook that was entered last time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader makes rows before it adds them
        enter(gradebook, assignment, student, notebook, handed_in, config, before)


def enter(
    gradebook: Gradebook,
    assignment: str,
    student: str,
    notebook: dict[str, Any],
    handed_in: datetime | None,
    config: Any,
    before: dict[str, Any] | None,
) -> None:
    """As :func:`store`."""
    same = before is not None and sources(before) == sources(notebook)
    gradebook.update_or_create_student(student)
    when = {"timestamp": handed_in} if handed_in else {}
    submission = gradebook.update_or_create_submission(assignment, student, **when)
    cells = nbformat.from_dict(notebook).cells
    for cell in cells:
        if is_grade(cell):
            name = cell.metadata.nbgrader.grade_id
            grade = gradebook.find_grade(name, assignment, assignment, student)
            old, (grade.auto_score, _) = grade.auto_score, determine_grade(cell)
            if grade.manual_score is None:
                grade.needs_manual_grade = grade.auto_score is None
            elif not (same and old == grade.auto_score):
                grade.needs_manual_grade = True
        if is_solution(cell):
            name = cell.metadata.nbgrader.grade_id
            comment = gradebook.find_comment(name, assignment, assignment, student)
            blank = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            comment.auto_comment = "No response." if blank else None
    gradebook.db.commit()
    if submission.total_seconds_late > 0:
        url = str(gradebook.engine.url.render_as_string(hide_password=False))
        about = {"notebook": assignment, "assignment": assignment, "student": student}
        AssignLatePenalties(config=config).preprocess(
            nbformat.from_dict(notebook), {"nbgrader": {**about, "db_url": url}}
        )


def sources(notebook: dict[str, Any]) -> list[str]:
    """What stands in the cells of a notebook."""
    return [cell["source"] for cell in notebook["cells"]]


def stored(gradebook: Gradebook, assignment: str) -> set[str]:
    """Students whose results for an assignment are in the gradebook.

    Parameters
    ----------
    gradebook : nbgrader.api.Gradebook
    assignment : str

    Returns
    -------
    set of str
    """
    found = (
        gradebook.db.query(SubmittedAssignment.student_id)
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .filter(SubmittedAssignment.name == assignment, Grade.auto_score.isnot(None))
        .distinct()
    )
    return {student for (student,) in found}


def entered(path: Path) -> dict[str, Any] | None:
    """The notebook that was entered last time, if it is there.

    Parameters
    ----------
    path : Path
        To which :func:`write` wrote it.

    Returns
    -------
    dict or None
    """
    try:
        notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return notebook


def write(path: Path, content: Any) -> None:
    """Write JSON so that the file is there as a whole or not at all, to be called by one process.

    What a process leaves that is killed while it writes, the next one overwrites.

    Parameters
    ----------
    path : Path
        An existing file is replaced, even one that may only be read.
    content : object
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(".writing")
    unfinished.write_text(json.dumps(content), encoding="utf-8")
    unfinished.chmod(0o644)
    unfinished.replace(path)
