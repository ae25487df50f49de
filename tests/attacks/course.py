"""A throw-away course in which submissions are graded, and what is watched while they are."""

import hashlib
import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.attacks.submissions import NAME, ROOT, Attack, Place, put, solved

EVERY = 10  # attacks between two honest submissions
WITNESS = "witness"
# Attacks that hang shall not take long; an honest machine may be slow.
LIMITS = '\nLIMITS = {"cell": 6, "call": 3, "notebook": 25, "grace": 1}\n'
SUBMITTED = Path("grading", "submitted")


def make(root: Path, judged: bool = True) -> None:
    """A course of the first assignment; not judged, it is stock nbgrader's."""
    config = (ROOT / "nbgrader_config.py").read_text("utf-8")
    config = config.replace("Path(__file__).resolve().parent", "Path.cwd()")
    if not judged:
        config = "\n".join(line for line in config.splitlines() if "plugin" not in line)
    root.mkdir(parents=True, exist_ok=True)
    (root / "nbgrader_config.py").write_text(config)
    for folder in ("solutions", "exercises"):
        shutil.copytree(
            ROOT / folder / NAME,
            root / folder / NAME,
            ignore=shutil.ignore_patterns("__pycache__", ".*"),
        )
    with (root / "solutions" / NAME / "checks.py").open("a") as file:
        file.write(LIMITS)


def fill(place: Place, attacks: Iterable[Attack]) -> dict[str, Attack]:
    """Hand in all submissions with honest ones between them; students and what they do."""
    students: dict[str, Attack] = {}
    honest = Attack(WITNESS, "honest", "right answers", solved, 100)

    def hand_in(attack: Attack) -> None:
        student = attack.student or f"s{len(students):03d}-{attack.name}"
        students[student] = attack
        put(attack, place.course / SUBMITTED / student / NAME, place)

    hand_in(honest)
    for k, attack in enumerate(attacks, 1):
        hand_in(attack)
        if k % EVERY == 0:
            hand_in(honest)
    hand_in(honest)
    return students


def run(
    place: Place, *command: str, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a Python module in the course, with a folder of its own for temporary files."""
    temporary = place.canary.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(place.canary.parent / "jupyter"),
        "IPYTHONDIR": str(place.canary.parent / "ipython"),
        "TMPDIR": str(temporary),
        "RNNLIB_SECRET": "a secret of the grader",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [*prefix, sys.executable, "-m", *command],
        cwd=place.course,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def results(place: Place) -> dict[str, dict[str, Any]]:
    """What `python -m rnnlib.grading grade` has written, by student."""
    text = (place.course / "out.json").read_text("utf-8")
    return {one["student"]: one for one in json.loads(text)}


def scores(place: Place) -> dict[str, float]:
    """What the gradebook says of students for whom there is anything: all automatic points."""
    path = place.course / "grading" / "gradebook.db"
    query = """
        select submitted_assignment.student_id, sum(coalesce(grade.manual_score, grade.auto_score)),
            count(coalesce(grade.manual_score, grade.auto_score))
        from submitted_assignment
        join submitted_notebook on submitted_notebook.assignment_id = submitted_assignment.id
        join grade on grade.notebook_id = submitted_notebook.id
        group by submitted_assignment.student_id
    """
    book = sqlite3.connect(path)
    try:
        return {student: score for student, score, n in book.execute(query) if n}
    except sqlite3.OperationalError:
        return {}
    finally:
        book.close()


# ---------------------------------------------------------------------- what is watched


@contextmanager
def a_place(folder: Path) -> Iterator[tuple[Place, list[bytes]]]:
    """A place with somebody who listens on a port, and what came to the port."""
    canary = folder / "canary"
    canary.mkdir(parents=True)
    (canary / "sings").write_text("still")
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    came.append(b"a connection")

        threading.Thread(target=listen, daemon=True).start()
        mark = str(10**8 + secrets.randbelow(10**8))
        port = server.getsockname()[1]
        yield Place(folder / "course", canary, port, mark), came
        server.shutdown(socket.SHUT_RDWR)


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder, by what is in it; links by what they name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            with path.open("rb") as file:
                found[name] = hashlib.sha256(file.read(1 << 26)).hexdigest()
        else:
            found[name] = "folder" if path.is_dir() else "other"
    return found


def guarded(place: Place) -> dict[str, dict[str, str]]:
    """Hashes of all that no submission may change."""
    folders = [place.canary, *(place.course / name for name in ("solutions", "exercises"))]
    return {str(folder): hashes(folder) for folder in [*folders, place.course / SUBMITTED]}


def left_behind(place: Place) -> list[str]:
    """Processes and files with the mark of this place, and temporary files of any kind."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if place.mark.encode() in command:
                found.append(f"process {command!r}")
    folders = ["/", "/tmp", "/etc", "/usr/local", "/dev", "/dev/shm", str(Path.home())]
    folders += [os.path.dirname(os.__file__), str(place.course), str(place.course / "grading")]
    found += [
        f"file {path}"
        for folder in folders
        for path in Path(folder).iterdir()
        if place.mark in path.name
    ]
    return found + [str(path) for path in (place.canary.parent / "tmp").iterdir()]
