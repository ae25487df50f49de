"""What building does, seen on a book of one page with a library of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path
from socket import create_server

import pytest
from playwright.sync_api import Browser, Error

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
    for name in ("rnnlib", "book/_ext", "book/_static", "book/_templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("_config.yml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    toc = "format: jb-book\nroot: index\nchapters:\n  - file: other\n"
    (tmp_path / "_toc.yml").write_text(toc)
    (tmp_path / "book" / "other.md").write_text("# Another page\n")
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


def test_a_change_is_built_and_shown_while_the_book_is_served(book: Path, browser: Browser) -> None:
    assert build(book).returncode == 0
    with create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    serving = subprocess.Popen(
        [sys.executable, "-m", "unrolled.serve", str(port)],
        cwd=book,
        env=os.environ | {"PYTHONPATH": f"{book}:{book / 'book' / '_ext'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with browser.new_context() as context, context.new_page() as page:
            page.set_default_timeout(120_000)
            for _ in range(60):
                with suppress(Error):
                    page.goto(f"http://localhost:{port}/other.html")
                    break
                time.sleep(0.5)
            page.wait_for_function("window.LiveReload")
            (book / "book" / "other.md").write_text("# A page that has changed\n")
            page.locator("article h1", has_text="A page that has changed").wait_for()
    finally:
        serving.terminate()
        serving.wait()


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
