"""A course that the sandbox would show to students is not graded."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import NAME, ROOT
from rnnlib.grading import worker
from rnnlib.grading.sandbox import SYSTEM, exposed, prefixes

pytestmark = pytest.mark.usefixtures("sandboxed")


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Path]:
    """A course inside the environment of this Python."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
        yield make(Path(folder))


def make(course: Path) -> Path:
    shutil.copy(ROOT / "nbgrader_config.py", course)
    for part in ("solutions", "exercises"):
        (course / part).symlink_to(ROOT / part)
    handed_in = course / "grading" / "submitted" / "ada" / NAME
    handed_in.mkdir(parents=True)
    shutil.copy(ROOT / "exercises" / NAME / f"{NAME}.ipynb", handed_in)
    return course


def run(course: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(course / "none")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=course, env=env, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "command",
    [
        ("rnnlib.grading", "grade", NAME),
        ("rnnlib.grading", "judge", f"grading/submitted/ada/{NAME}/{NAME}.ipynb"),
        ("nbgrader", "autograde", NAME),
    ],
)
def test_a_course_inside_the_environment_is_not_graded(
    inside: Path, command: tuple[str, ...]
) -> None:
    done = run(inside, *command)
    assert done.returncode
    assert "every sandbox shows: move the course" in done.stderr and str(inside) in done.stderr
    assert not list((inside / "grading").glob("*/ada/*/*.json"))


def test_a_link_from_elsewhere_hides_nothing(inside: Path, tmp_path: Path) -> None:
    (tmp_path / "course").symlink_to(inside)
    assert exposed(tmp_path / "course")
    assert not exposed(tmp_path)


def test_what_was_handed_in_elsewhere_is_looked_at_too(inside: Path, tmp_path: Path) -> None:
    submitted = str(inside / "grading" / "submitted")
    done = run(make(tmp_path), "rnnlib.grading", "grade", NAME, "--submitted", submitted)
    assert done.returncode == 2 and submitted in done.stderr


def test_a_worker_refuses_what_its_own_sandbox_would_show(inside: Path) -> None:
    folders = (str(ROOT / "solutions"), str(ROOT / "exercises"), str(inside))
    assert "move the course" in worker.obstacle(NAME, "", folders, unsafe_local=False)
    assert "another" in worker.obstacle(NAME, "", folders, unsafe_local=True)


@pytest.mark.parametrize("folder", [*SYSTEM, *prefixes()])
def test_all_that_is_bound_counts_as_shown(folder: str) -> None:
    assert exposed(Path(folder, "course")) and exposed(Path(folder))


def test_the_command_binds_nothing_else() -> None:
    from rnnlib.grading.sandbox import HERE, Limits, command

    argv = command(Limits(), 3, 4, (), ())
    bound = {argv[k + 1] for k, word in enumerate(argv) if word.startswith("--ro-bind")}
    ours = {str(HERE / "wire.py"), str(HERE / "driver.py"), "/etc/ld.so.cache"}
    assert bound <= {*SYSTEM, *prefixes(), *ours}
