"""The archive for students holds nothing that decides on their grades."""

import io
import json
import os
import shutil
import subprocess
import zipfile
from functools import cache
from pathlib import Path

import pytest

from rnnlib.grading.assignment import text_of
from rnnlib.grading.release import GRADING, STUDENTS, folder, release

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
LONG = 25  # characters of a line that is nobody else's by chance


def lines(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if len(line.strip()) >= LONG}


def sources(notebook: str) -> list[str]:
    return [text_of(cell["source"]) for cell in json.loads(notebook)["cells"]]


@cache
def secret() -> frozenset[str]:
    """Lines of checks.py and of solutions that are not meant to be shown elsewhere anyway."""
    hidden: set[str] = set()
    shown: set[str] = set()
    for checks in (ROOT / "solutions").glob("*/checks.py"):
        hidden |= lines(checks.read_text("utf-8"))
    for notebook in (ROOT / "solutions").glob("*/*.ipynb"):
        for source in sources(notebook.read_text("utf-8")):
            inside = False
            for line in source.splitlines():
                inside = inside or "### BEGIN" in line
                (hidden if inside else shown).update(lines(line))
                inside = inside and "### END" not in line
    for path in [*(ROOT / "rnnlib").rglob("*.py"), *(ROOT / "book").rglob("*.md")]:
        shown |= lines(path.read_text("utf-8"))
    return frozenset(hidden - shown)


def texts(archive: bytes) -> dict[str, str]:
    """All files of an archive and of the archives in it, notebooks as the lines of their cells."""
    found: dict[str, str] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for name in opened.namelist():
            data = opened.read(name)
            if name.endswith((".whl", ".zip")):
                found |= {f"{name}/{inner}": text for inner, text in texts(data).items()}
                continue
            found[name] = data.decode("utf-8", "replace")
            if name.endswith(".ipynb"):
                found[name] += "\n".join(sources(found[name]))
    return found


def leaks(files: dict[str, str]) -> set[str]:
    """What of a student's files is not for students."""
    secret_folders = {n for n in files if "solutions/" in n or "tests/" in n}
    named = secret_folders | {n for n in files if n.rpartition("/")[2] == "checks.py"}
    marked = {n for n, text in files.items() if n.endswith(".ipynb") and "BEGIN SOLUTION" in text}
    hidden = {n for n, text in files.items() if n.endswith(".ipynb") and "BEGIN HIDDEN" in text}
    return named | marked | hidden | {n for n, text in files.items() if secret() & lines(text)}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, as they lie here, in a repository of their own."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        stop = pytest.fail if os.environ.get("RNNLIB_STRICT") == "1" else pytest.skip
        stop("needs git, and the book's repository")
    copy = tmp_path_factory.mktemp("repository")
    names = run(ROOT, "ls-files", "-z", "rnnlib", "exercises", "solutions", "pyproject.toml")
    tops = ["LICENSE", "LICENSE-TEXT", "README.md", "nbgrader_config.py", "requirements.txt"]
    for name in [*names.split("\0")[:-1], *tops]:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    run(copy, "init", "--quiet")
    run(copy, "add", "--all")
    who = [
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "commit.gpgsign=false",
    ]
    run(copy, *who, "commit", "--quiet", "--message", "All")
    return copy


def run(root: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built book if there is one, or a page in its place."""
    if (SITE / "index.html").is_file():
        return SITE
    site = tmp_path_factory.mktemp("site")
    (site / "index.html").write_text("<!doctype html><title>A book</title>")
    return site


@pytest.fixture(scope="module")
def archives(repository: Path, site: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    # a draft that nobody committed
    (repository / "solutions" / "02-draft").mkdir()
    (repository / "solutions" / "02-draft" / "checks.py").write_text("GRADED = ()\n")
    (repository / "rnnlib" / "draft.py").write_text("answer = 42\n")
    to = tmp_path_factory.mktemp("dist")
    assert [path.name for path in release(repository, site, to)] == [STUDENTS, GRADING]
    return [(to / STUDENTS).read_bytes(), (to / GRADING).read_bytes()]


def test_students_get_notebooks_the_package_and_the_book(archives: list[bytes]) -> None:
    names = set(texts(archives[0]))
    assert {"site/index.html", "exercises/01-forward/01-forward.ipynb", "START.txt"} <= names
    assert any(name.endswith(".whl/rnnlib/reference/elman.py") for name in names)


def test_students_get_nothing_that_decides_on_their_grades(archives: list[bytes]) -> None:
    assert len(secret()) > 100
    assert not leaks(texts(archives[0]))


def test_a_leak_would_be_seen(archives: list[bytes]) -> None:
    grading = texts(archives[1])
    solved = json.loads((ROOT / "solutions/01-forward/01-forward.ipynb").read_text("utf-8"))
    for name in ("solutions/01-forward/checks.py", "solutions/01-forward/01-forward.ipynb"):
        assert leaks({"renamed.txt": grading[name]}) == {"renamed.txt"}
    for cell in solved["cells"]:
        if "BEGIN SOLUTION" in (source := text_of(cell["source"])):
            assert leaks({"site/page.html": source}), source


def test_the_grading_machine_gets_what_grading_needs(archives: list[bytes]) -> None:
    names = set(texts(archives[1]))
    for name in ("01-forward.ipynb", "checks.py"):
        assert f"solutions/01-forward/{name}" in names
    assert {"nbgrader_config.py", "requirements.txt"} <= names
    for part in ("driver.py", "templates/feedback/mathjax.html.j2"):
        assert any(name.endswith(f".whl/rnnlib/grading/{part}") for name in names)


def test_what_is_not_committed_is_in_no_archive(archives: list[bytes]) -> None:
    assert not [name for archive in archives for name in texts(archive) if "draft" in name]


def test_the_same_commit_gives_the_same_bytes(
    archives: list[bytes], repository: Path, site: Path, tmp_path: Path
) -> None:
    again = [path.read_bytes() for path in release(repository, site, tmp_path)]
    assert again == archives


def test_a_release_of_changed_files_is_refused(
    repository: Path, site: Path, archives: list[bytes], tmp_path: Path
) -> None:
    checks = repository / "solutions" / "01-forward" / "checks.py"
    before = checks.read_text("utf-8")
    checks.write_text(before + "# changed\n", "utf-8")
    try:
        with pytest.raises(ValueError, match=r"not committed:\n.*checks\.py"):
            release(repository, site, tmp_path)
    finally:
        checks.write_text(before, "utf-8")
    assert not folder(tmp_path)


def test_a_release_without_the_book_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="make book"):
        release(repository, tmp_path, tmp_path)
