"""What building does, seen on a book of one page with a library of its own."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PAGE = """\
---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# One page

```{code-cell} python3
from rnnlib.reference.ops import sigmoid
print("the value is", sigmoid(0.0))
```
"""
FIGURE = """
```{code-cell} python3
import matplotlib.pyplot as plt
plt.plot([0, 1])
plt.show()
```
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Folder of a small book, set up as this one is."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("rnnlib", "book/_ext", "book/_static"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (tmp_path / "book" / "references.bib").touch()
    (tmp_path / "book" / "index.md").write_text(PAGE)
    return tmp_path


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command that the README names."""
    command = "jupyter-book build book --config _config.yml --toc _toc.yml --path-output ."
    return subprocess.run(
        [SCRIPTS / "jupyter-book", *command.split()[1:], "-W", "--keep-going", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def text(folder: Path) -> str:
    return (folder / "_build" / "html" / "index.html").read_text(encoding="utf-8")


def test_outputs_follow_the_library_and_are_kept_while_it_is_unchanged(book: Path) -> None:
    first = build(book)
    assert first.returncode == 0, first.stderr
    assert "Executing notebook" in first.stdout and "the value is 0.5" in text(book)

    again = build(book, "--all")
    assert again.returncode == 0, again.stderr
    assert "Executing notebook" not in again.stdout and "the value is 0.5" in text(book)

    ops = book / "rnnlib" / "reference" / "ops.py"
    source = ops.read_text(encoding="utf-8")
    changed = source.replace("return 0.5 * (1.0 + np.tanh", "return 0.25 * (1.0 + np.tanh")
    assert changed != source
    ops.write_text(changed, encoding="utf-8")
    edited = build(book)
    assert edited.returncode == 0, edited.stderr
    assert "the value is 0.25" in text(book)


@pytest.mark.parametrize(
    ("fault", "message"),
    [("\nSee [](no-such-page.md).\n", "no-such-page"), (FIGURE, "without a text alternative")],
    ids=["link", "figure"],
)
def test_a_warning_in_a_page_fails_the_build(book: Path, fault: str, message: str) -> None:
    with (book / "book" / "index.md").open("a") as page:
        page.write(fault)
    built = build(book)
    assert built.returncode != 0
    assert message in built.stderr
