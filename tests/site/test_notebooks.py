"""The chapters as notebooks: each has one, it is light, and it runs without this repository."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
LEFT = re.compile(
    r"^\s*(?:`{3,}|:{3,})\{|\{(?:ref|eq|numref|glue:text)\}`|^\([\w-]+\)=$", re.MULTILINE
)


@pytest.fixture(scope="session")
def notebooks(site: Path) -> dict[str, nbformat.NotebookNode]:
    """All of them, by the names of their pages."""
    return {path.stem: nbformat.read(path, 4) for path in (site / "notebooks").glob("*.ipynb")}


def test_every_chapter_with_code_has_its_notebook(notebooks: dict, site: Path) -> None:
    code = {
        path.stem
        for path in (ROOT / "book").glob("*.md")
        if "```{code-cell}" in path.read_text(encoding="utf-8")
    }
    assert set(notebooks) == code
    for name in code:
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        assert f'href="notebooks/{name}.ipynb"' in page
        branch = "github/unrolled-book/unrolled/blob/gh-pages"
        assert f"https://colab.research.google.com/{branch}/notebooks/{name}.ipynb" in page
        assert f"urlpath=lab/tree/notebooks/{name}.ipynb" in page


def test_notebooks_have_no_outputs_and_nothing_that_jupyter_cannot_show(notebooks: dict) -> None:
    for name, notebook in notebooks.items():
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert not cell.get("outputs"), name
            found = LEFT.search(cell.source) if cell.cell_type == "markdown" else None
            assert not found, (name, found)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install` of the repository puts beside other packages."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    for name in ("rnnlib", "book/results"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = "pip wheel --quiet --no-deps --no-build-isolation --no-cache-dir --wheel-dir".split()
    subprocess.run([sys.executable, "-m", *command, folder, source], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "packages")
    return folder / "packages"


@pytest.mark.parametrize("name", ["elman", "parallel"])  # one of them reads kept results
def test_a_notebook_runs_where_only_the_package_is(
    name: str, notebooks: dict, installed: Path, tmp_path: Path
) -> None:
    notebook = notebooks[name]
    here = f"import rnnlib\nassert rnnlib.__file__.startswith({json.dumps(str(installed))})"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(here))
    nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "jupyter",
            "nbconvert",
            "--execute",
            "--to=notebook",
            f"{name}.ipynb",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
