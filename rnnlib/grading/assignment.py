"""An assignment, as grading sees it: the release, the table of checks, and what code may use."""

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rnnlib.grading.sandbox import Limits
from rnnlib.grading.table import Graded, load, settings


class Assignment(NamedTuple):
    """What grading needs to know."""

    name: str
    release: dict[str, Any]  # notebook that students got, in nbformat 4
    graded: tuple[Graded, ...]
    frameworks: tuple[str, ...]  # that students may import besides NumPy, such as torch
    limits: Limits
    files: tuple[Path, ...]  # released beside the notebook
    digest: str  # of all that decides: the release and checks.py

    @property
    def points(self) -> int:
        """Points that are given automatically."""
        return sum(graded.points for graded in self.graded)


def read(name: str, solutions: Path, releases: Path) -> Assignment:
    """Read an assignment.

    Parameters
    ----------
    name : str
        Such as ``01-forward``.
    solutions, releases : Path
        Folders of all instructor notebooks and of all released ones.

    Returns
    -------
    Assignment

    Raises
    ------
    ValueError
        If there is no such assignment, a file is missing, or the table and the release do not ask
        for the same cells.
    """
    path = releases / name / f"{name}.ipynb"
    table = solutions / name / "checks.py"
    if not path.is_file():
        known = sorted(found.parent.name for found in solutions.glob("*/checks.py"))
        if name not in known:
            raise ValueError(
                f"name: got {name!r}, expected one of {', '.join(known) or 'no assignments'}; "
                "judge takes the notebook's name, unless --assignment says another"
            )
        raise ValueError(
            f"name: got {name!r}, expected an assignment whose release is at {path}; "
            f"run: nbgrader generate_assignment {name}"
        )
    return _read(path, table.parent, path.read_bytes(), table.is_file() and table.read_bytes())


@lru_cache(maxsize=8)
def _read(path: Path, solution: Path, text: bytes, checks: bytes | Literal[False]) -> Assignment:
    """As :func:`read`; the same again as long as both files hold the same."""
    name = solution.name
    graded = load(solution)
    chosen = settings(solution)
    release = json.loads(text)
    for cell in release["cells"]:
        cell["source"] = text_of(cell["source"])
    cells = {part.cell for one in graded for part in one.parts}
    tests = {meta["grade_id"] for meta in map(tags, release["cells"]) if is_check(meta)}
    if cells != tests:
        raise ValueError(
            f"name: got {name!r}, whose checks.py and release disagree about the cells "
            f"{', '.join(sorted(cells ^ tests))}"
        )
    return Assignment(
        name,
        release,
        graded,
        tuple(chosen.get("FRAMEWORKS", ())),
        Limits()._replace(**chosen.get("LIMITS", {})),
        tuple(file for file in sorted(path.parent.iterdir()) if file != path and file.is_file()),
        sha256(text + (checks or b"")).hexdigest(),
    )


def private(course: Any) -> list[Path]:
    """What students' code must not read, of a course directory of nbgrader."""
    root = Path(course.root)
    names = "source submitted autograded feedback solution source_with_tests".split()
    folders = [root / getattr(course, f"{name}_directory") for name in names]
    scheme, _, database = course.db_url.partition(":///")
    return [root, *folders, *([Path(database)] if scheme == "sqlite" else [])]


def tags(cell: dict[str, Any]) -> dict[str, Any]:
    """The nbgrader metadata of a cell of a release; empty if it has none."""
    meta: dict[str, Any] = cell["metadata"].get("nbgrader", {})
    return meta


def is_check(meta: dict[str, Any]) -> bool:
    """Is it a cell with tests, whose points the table gives?"""
    return bool(meta.get("grade")) and not meta.get("solution") and meta["cell_type"] == "code"


def text_of(source: Any) -> str:
    """Source of a cell, which notebooks store as text or as a list of lines."""
    return source if isinstance(source, str) else "".join(source)
