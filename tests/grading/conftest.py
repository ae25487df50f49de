"""Submissions of the first assignment, with some cells in other words."""

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rnnlib.grading.assignment import Assignment, read, tags, text_of
from rnnlib.grading.sandbox import why_not

ROOT = Path(__file__).resolve().parents[2]
NAME = "01-forward"
Hand = Callable[..., Path]


@cache
def assignment() -> Assignment:
    return read(NAME, ROOT / "solutions", ROOT / "exercises")


@cache
def solved_cells() -> dict[str, str]:
    notebook = json.loads((ROOT / "solutions" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if tags(cell).get("solution")]
    return {cell["id"]: text_of(cell["source"]) for cell in cells}


def solved(**other: str) -> dict[str, Any]:
    """The release with right answers, but for some cells."""
    notebook = deepcopy(assignment().release)
    for cell in notebook["cells"]:
        cell["source"] = {**solved_cells(), **other}.get(cell["id"], cell["source"])
    return notebook


def code(source: str) -> dict[str, Any]:
    """A cell that a student has added."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "mine",
        "metadata": {},
        "outputs": [],
        "source": source,
    }


@pytest.fixture
def hand_in(tmp_path: Path) -> Hand:
    """Write what a student hands in; gives the folder."""

    def write(content: Any, name: str = f"{NAME}.ipynb", student: str = "student") -> Path:
        folder = tmp_path / "submitted" / student / NAME
        folder.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name).write_bytes(data)
        return folder

    return write


@pytest.fixture(scope="session")
def sandboxed() -> None:
    """Skip a test where bubblewrap is not installed; the strict run never does."""
    reason = why_not()
    if not reason:
        return
    if os.environ.get("RNNLIB_STRICT") == "1" or shutil.which("bwrap"):
        pytest.fail(reason)
    pytest.skip(reason)
