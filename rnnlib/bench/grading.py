"""How many submissions a minute are graded: by us in sandboxes, and by nbgrader as it comes.

::

    a class    copies of one trivial notebook, with right answers
    stock      nbgrader autograde: its own configuration, no sandbox, one at a time
    ours       python -m rnnlib.grading grade: every submission in a sandbox of its own
    hanging    ours, with one submission more, the first, whose cell never ends

They take turns, each with a fresh copy of the course, from the start of the command to its end. A
run counts only if every right answer got its points.
"""

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rnnlib import machine

NAME, HANGS = "trivial", "0-hangs"
CELL, GRACE = 4, 1  # seconds: what a cell that hangs may take, and until it is killed
RIGHT = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
ENDLESS = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
CHECKS = f"""
from rnnlib.grading.table import Graded, Part

def double(x):
    return 2 * x

GRADED = (Graded("double", double, (Part("test", 1, lambda rng: (rng.normal(),)),), (), ()),)
LIMITS = {{"cell": {CELL}, "grace": {GRACE}}}
"""
OURS = "from rnnlib.grading import plugin\n\nplugin.install(get_config())\n"


class Run(NamedTuple):
    """One class, graded."""

    seconds: float
    others: float  # until the last right answer had its result; of ours alone


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--submissions", type=int, default=30, help="in the class")
    parser.add_argument("--workers", type=int, default=2, help="how many of ours at a time")
    parser.add_argument("--repeats", type=int, default=3, help="turns")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Grade the class in all ways, in turns.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line about each turn.

    Returns
    -------
    dict
        What :mod:`json` can write.

    Raises
    ------
    ValueError
        If an option makes no sense, or grading fails.
    """
    for option in ("submissions", "workers", "repeats"):
        if getattr(args, option) < 1:
            raise ValueError(f"--{option}: got {getattr(args, option)}, expected at least 1")
    n, start = args.submissions, time.monotonic()
    grade = ("rnnlib.grading", "grade", NAME, "--workers", str(args.workers))
    ways: dict[str, tuple[str, tuple[str, ...]]] = {
        "stock": ("c = get_config()\n", ("nbgrader", "autograde", NAME)),
        "ours": (OURS, grade),
        "hanging": (OURS, grade),
    }
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    busy = []
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "template")
        make(template, n)
        for turn in range(args.repeats):
            order = list(ways) if turn % 2 == 0 else list(ways)[::-1]
            for way in order:
                config, command = ways[way]
                course = Path(folder, "course")
                shutil.copytree(template, course)
                (course / "nbgrader_config.py").write_text(config)
                if way == "hanging":
                    hand_in(course, HANGS, ENDLESS)
                busy.append(machine.busy())
                runs[way].append(run(course, command, n))
                shutil.rmtree(course)
                log(f"turn {turn + 1}, {way}: {runs[way][-1].seconds:.1f} s, others {busy[-1]}")
    chosen = f"--submissions {n} --workers {args.workers} --repeats {args.repeats}"
    return {
        "name": "grading_speed",
        "command": f"python -m rnnlib.bench grading {chosen}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {"submissions": n, "workers": args.workers, "limit": CELL + GRACE},
        "versions": machine.versions("nbgrader", "ipykernel", "ipython", "numpy"),
        "machine": machine.computer(),
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "measured": {way: [one.seconds for one in runs[way]] for way in ways}
        | {f"{way}_others": [one.others for one in runs[way]] for way in ("ours", "hanging")},
    }


def say(found: dict[str, Any]) -> str:
    """What was measured, in sentences."""
    n, measured = found["settings"]["submissions"], found["measured"]
    lines = []
    for way in ("stock", "ours"):
        rates = [60 * n / seconds for seconds in measured[way]]
        lines.append(f"{way}: {spread(rates, '.0f')} submissions a minute")
    lines.append(f"ours is {spread(ratios(found), '.1f')} times as fast")
    limit = found["settings"]["limit"]
    lines.append(
        f"one submission that hangs, whose limit is {limit} s, delays the others by "
        f"{spread(delays(found), '.1f')} s"
    )
    return "\n".join([*lines, *filter(None, [found["noise"]])])


def ratios(found: dict[str, Any]) -> list[float]:
    """Of each turn: how many times as fast as stock nbgrader ours is."""
    both = zip(found["measured"]["stock"], found["measured"]["ours"], strict=True)
    return [stock / ours for stock, ours in both]


def delays(found: dict[str, Any]) -> list[float]:
    """Of each turn: by how many seconds the others are later if one submission hangs."""
    both = zip(found["measured"]["hanging_others"], found["measured"]["ours_others"], strict=True)
    return [hanging - without for hanging, without in both]


def spread(values: list[float], form: str) -> str:
    """Median of some values, and their extremes.

    Parameters
    ----------
    values : list of float
    form : str
        As :func:`format` takes it.

    Returns
    -------
    str

    Examples
    --------
    >>> spread([3.0, 1.0, 2.5], ".1f")
    '2.5 (1.0 to 3.0)'
    """
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


# ------------------------------------------------------------------------ the course


def make(course: Path, n: int) -> None:
    """A course with a trivial assignment, released and handed in by n students."""
    source = course / "source" / NAME
    source.mkdir(parents=True)
    cells = [
        cell("double", RIGHT, solution=True, grade=False, locked=False),
        cell("test", "assert double(3) == 6", solution=False, grade=True, locked=True, points=1),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (source / f"{NAME}.ipynb").write_text(json.dumps(notebook))
    (course / "nbgrader_config.py").write_text("c = get_config()\n")
    call(course, "nbgrader", "generate_assignment", NAME)
    (source / "checks.py").write_text(CHECKS)
    for k in range(n):
        hand_in(course, f"student-{k:04}", RIGHT)


def cell(grade_id: str, source: str, **meta: Any) -> dict[str, Any]:
    """A code cell with nbgrader's metadata."""
    meta |= {"grade_id": grade_id, "schema_version": 3, "task": False}
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": grade_id,
        "metadata": {"nbgrader": meta},
        "outputs": [],
        "source": source,
    }


def hand_in(course: Path, student: str, answer: str) -> None:
    """Put a notebook with this answer where submissions are looked for."""
    notebook = json.loads((course / "release" / NAME / f"{NAME}.ipynb").read_text("utf-8"))
    for one in notebook["cells"]:
        if one["id"] == "double":
            one["source"] = answer
    folder = course / "submitted" / student / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(json.dumps(notebook))


def call(course: Path, *command: str) -> float:
    """Run a module of Python in a course; how many seconds it took."""
    own = {f"JUPYTER_{name}_DIR": str(course / ".jupyter") for name in ("CONFIG", "RUNTIME")}
    scripts = sysconfig.get_path("scripts") + os.pathsep  # nbgrader calls `alembic` by name
    env = os.environ | own | {"PATH": scripts + os.environ.get("PATH", os.defpath)}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=course, env=env, capture_output=True, text=True
    )
    seconds = time.monotonic() - start
    if done.returncode:
        raise ValueError(f"{' '.join(command)} failed:\n{done.stderr}")
    return seconds


def run(course: Path, command: tuple[str, ...], n: int) -> Run:
    """Grade a class and see that it is graded."""
    start = time.time()
    seconds = call(course, *command)
    with closing(sqlite3.connect(course / "gradebook.db")) as book:
        (right,) = book.execute("select count(*) from grade where auto_score = 1").fetchone()
    if right != n:
        raise ValueError(f"{' '.join(command)} gave points to {right} of {n} right answers")
    done = [path.stat().st_mtime for path in (course / "results").rglob("student-*.json")]
    return Run(round(seconds, 3), round(max(done, default=start) - start, 3))
