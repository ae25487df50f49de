"""Released notebooks run where students run them: a kernel with NumPy and the wheel of rnnlib.

The kernel is a Python without site-packages. Its path holds links to IPython's kernel, NumPy, the
frameworks that the assignment is about, what these need, and the package as `pip install` puts it
there; so it knows neither nbgrader nor matplotlib, as a notebook on Colab need not.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from importlib.metadata import Distribution, distribution
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers import ROOT
from packaging.requirements import Requirement

from rnnlib.grading.release import committed, make_wheel
from rnnlib.grading.table import settings

NAMES = sorted(path.parent.name for path in ROOT.glob("exercises/*/*.ipynb"))
LAUNCH = "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
LOOK = """\
import importlib.util
import rnnlib.check, rnnlib.reference.elman
assert all(importlib.util.find_spec(name) for name in {there})
assert not [name for name in {absent} if importlib.util.find_spec(name)]"""
ABSENT = ["nbgrader", "matplotlib", "scipy", "pandas", "pytest", "notebook"]


def needed(*names: str) -> dict[str, Distribution]:
    """Installed distributions of these names, and all that they need without extras."""
    found: dict[str, Distribution] = {}
    left = list(names)
    while left:
        name = left.pop().lower()
        if name not in found:
            found[name] = distribution(name)
            wanted = [Requirement(text) for text in found[name].requires or []]
            left += [r.name for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def wheel() -> bytes:
    """The package as it is committed."""
    return make_wheel(committed(ROOT), int(time.time()))[1]


def install_kernel(wheel: bytes, frameworks: list[str], to: Path) -> None:
    """A kernel called `bare` that knows nothing else."""
    site, spec = to / "site", to / "kernels" / "bare"
    with zipfile.ZipFile(BytesIO(wheel)) as archive:
        archive.extractall(site)
    for found in needed("ipykernel", "numpy", *frameworks).values():
        for top in {path.parts[0] for path in found.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(found.locate_file(top))))
    start = f"import sys; sys.path.insert(0, {str(site)!r}); {LAUNCH}"
    argv = [sys.executable, "-I", "-S", "-c", start, "-f", "{connection_file}"]
    spec.mkdir(parents=True)
    text = json.dumps({"argv": argv, "display_name": "bare", "language": "python"})
    (spec / "kernel.json").write_text(text)


def role(cell: Any) -> tuple[bool, bool]:
    """Of a cell: is it graded, and is it the student's?"""
    meta = cell.metadata.get("nbgrader", {})
    return meta.get("grade", False), meta.get("solution", False)


def failing(notebook: Any, folder: Path, frameworks: list[str]) -> set[str]:
    """Run a notebook in that kernel; the cells that raise."""
    look = LOOK.format(there=["numpy", *frameworks], absent=ABSENT)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(look, id="look"))
    nbformat.write(notebook, folder / "notebook.ipynb")
    options = ["--allow-errors", "--to=notebook", "--output=executed", "--log-level=ERROR"]
    options.append("--ExecutePreprocessor.kernel_name=bare")
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", *options, folder / "notebook.ipynb"],
        env={**os.environ, "JUPYTER_PATH": str(folder)},
        check=True,
    )
    executed = nbformat.read(folder / "executed.ipynb", as_version=4)
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    return {cell.id for cell in code if any(o.output_type == "error" for o in cell.outputs)}


@pytest.mark.parametrize("kind", ["blank", "solved"])
@pytest.mark.parametrize("name", NAMES)
def test_a_release_runs_in_a_kernel_with_numpy_alone(
    name: str, kind: str, wheel: bytes, tmp_path: Path
) -> None:
    frameworks = [*settings(ROOT / "solutions" / name).get("FRAMEWORKS", ())]
    install_kernel(wheel, frameworks, tmp_path)
    release, solved = (
        nbformat.read(ROOT / folder / name / f"{name}.ipynb", as_version=4)
        for folder in ("exercises", "solutions")
    )
    checks = {cell.id for cell in release.cells if role(cell) == (True, False)}
    if kind == "solved":
        answers = {cell.id: cell.source for cell in solved.cells if role(cell)[1]}
        for cell in release.cells:
            cell.source = answers.get(cell.id, cell.source)
    assert failing(release, tmp_path, frameworks) == (checks if kind == "blank" else set())
