"""Two archives of a commit: what students get, and what the machine needs that grades them.

::

    python -m rnnlib.grading.release --site _build/html --to dist

The one for students holds the released notebooks, the package and the built book. What decides on
grades is in the other one alone. Everything but the book comes from the commit and not from the
working folder, where drafts may lie.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

STUDENTS, GRADING = "unrolled-students.zip", "unrolled-grading.zip"
BOTH = ("LICENSE", "LICENSE-TEXT")
FOR_STUDENTS = ("exercises/",)
FOR_GRADING = ("exercises/", "solutions/", "nbgrader_config.py", "requirements.txt")

START_STUDENTS = """\
site/index.html   the book; open it in a browser
exercises/        the notebooks to work on; NumPy and Jupyter are all they need
{wheel}
                  the package that the book describes: pip install ./{wheel}
"""
START_GRADING = """\
This archive holds solutions. Keep it from students.

    python3 -m venv .venv
    . .venv/bin/activate
    pip install --constraint requirements.txt './{wheel}[grading]'
    python -m rnnlib.grading doctor

Linux, Python 3.11 or newer, and bubblewrap (Debian, Ubuntu: apt install bubblewrap). Then put what
was handed in into grading/submitted/STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb and run

    python -m rnnlib.grading grade ASSIGNMENT
"""

Files = Mapping[str, bytes]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    parser = argparse.ArgumentParser(prog="python -m rnnlib.grading.release", description=__doc__)
    parser.add_argument("--site", type=Path, required=True, help="folder of the built book")
    parser.add_argument("--to", type=Path, default=Path("dist"), help="where the archives go")
    args = parser.parse_args(argv)
    try:
        for path in release(Path.cwd(), args.site, args.to):
            print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def release(root: Path, site: Path, to: Path) -> tuple[Path, Path]:
    """Write both archives.

    Parameters
    ----------
    root : Path
        Of the repository.
    site : Path
        Folder of the built book.
    to : Path
        Folder for the archives.

    Returns
    -------
    tuple of Path
        The archive for students and the one for grading.

    Raises
    ------
    ValueError
        If something is not committed, or the book is not built.
    """
    if changed := git(root, "status", "--porcelain", "--untracked-files=no").decode().strip():
        raise ValueError(f"root: got changes that are not committed:\n{changed}")
    if not (site / "index.html").is_file():
        raise ValueError(f"site: got {site}, in which there is no index.html; run `make book`")
    when = int(git(root, "log", "-1", "--format=%ct"))
    files = committed(root)
    wheel, built = make_wheel(files, when)
    chosen = {
        STUDENTS: {
            **below(files, *BOTH, *FOR_STUDENTS),
            **{f"site/{name}": data for name, data in folder(site).items()},
            "START.txt": START_STUDENTS.format(wheel=wheel).encode(),
        },
        GRADING: {
            **below(files, *BOTH, *FOR_GRADING),
            "START.txt": START_GRADING.format(wheel=wheel).encode(),
        },
    }
    to.mkdir(parents=True, exist_ok=True)
    for name, content in chosen.items():
        (to / name).write_bytes(pack({**content, wheel: built}, when))
    return to / STUDENTS, to / GRADING


def git(root: Path, *command: str) -> bytes:
    """What a git command prints."""
    done = subprocess.run(["git", *command], cwd=root, capture_output=True)
    if done.returncode:
        raise ValueError(f"root: git {command[0]} in {root}: {done.stderr.decode().strip()}")
    return done.stdout


def committed(root: Path) -> dict[str, bytes]:
    """All files of the commit that is checked out."""
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "HEAD"))) as archive:
        members = [member for member in archive if member.isfile()]
        return {m.name: read.read() for m in members if (read := archive.extractfile(m))}


def folder(root: Path) -> dict[str, bytes]:
    """All files below a folder, by their path from there."""
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def below(files: Files, *names: str) -> dict[str, bytes]:
    """Those files that have one of these names, or lie in one of these folders."""
    folders = tuple(name for name in names if name.endswith("/"))
    return {k: data for k, data in files.items() if k in names or k.startswith(folders)}


def make_wheel(files: Files, when: int) -> tuple[str, bytes]:
    """The package, built from files of the commit; its name and its bytes."""
    needed = below(files, *BOTH, "rnnlib/", "pyproject.toml", "README.md")
    command = "wheel --quiet --no-deps --no-build-isolation --no-cache-dir --wheel-dir"
    with tempfile.TemporaryDirectory() as place:
        source, out = Path(place, "source"), Path(place, "wheel")
        for name, data in needed.items():
            path = source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o644)
        done = subprocess.run(
            [sys.executable, "-m", "pip", *command.split(), out, source],
            env=os.environ | {"SOURCE_DATE_EPOCH": str(when)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise ValueError(f"root: the wheel could not be built:\n{done.stderr}")
        [wheel] = out.glob("*.whl")
        return wheel.name, wheel.read_bytes()


def pack(files: Files, when: int) -> bytes:
    """An archive that is the same for the same files and time.

    Parameters
    ----------
    files : mapping
        From path to content.
    when : int
        Seconds since 1970, of all files.

    Returns
    -------
    bytes

    Examples
    --------
    >>> one, other = {"a": b"1", "b": b"2"}, {"b": b"2", "a": b"1"}
    >>> pack(one, 10**9) == pack(other, 10**9)
    True
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, time.gmtime(when)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[name])
    return content.getvalue()


if __name__ == "__main__":
    sys.exit(main())
