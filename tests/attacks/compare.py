"""What stock nbgrader gives for each attack, and what we give.

``python -m tests.attacks.compare`` writes ``book/results/attacks.json``, whose rows :func:`table`
makes into Markdown. Stock nbgrader grades classes of about ten, with honest submissions around
them; those that reach beyond their kernel, and those of a class in which somebody got no score,
each in a class of its own. It runs as it would anywhere, with all rights over its course, the
gradebook and the temporary files; but bubblewrap gives it throw-away copies of them, no network,
processes that end with it, and limits of memory and file size, so that this machine survives.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import Any

from tests.attacks import course
from tests.attacks.submissions import ATTACKS, NAME, ROOT, Attack

RESULTS = ROOT / "book" / "results" / "attacks.json"
SECONDS = 240  # for one class under stock nbgrader, after which a person would stop it
CLASSES = 10
ALONE = ("files", "process")  # groups whose submissions reach beyond their own kernel
Row = dict[str, Any]


def throw_away(folder: Path) -> list[str]:
    """What stands before a command that may harm nothing but what is in this folder."""
    limits = f"prlimit --as={8 << 30} --fsize={1 << 30} --core=0 timeout --signal=KILL {SECONDS}"
    bubble = (
        "bwrap --unshare-all --die-with-parent --new-session --ro-bind / / --tmpfs /tmp "
        f"--tmpfs /dev/shm --proc /proc --dev /dev --bind {folder} {folder} --chdir {folder}/course"
    )
    return [*limits.split(), *bubble.split()]


def template(folder: Path) -> Path:
    """A course of stock nbgrader in which the assignment has been generated."""
    with course.a_place(folder) as (place, _):
        course.make(place.course, judged=False)
        made = course.run(place, "nbgrader", "generate_assignment", NAME, "--force")
        assert made.returncode == 0, made.stdout
        return place.course


def stock(attacks: list[Attack], made: Path) -> dict[str, Row]:
    """What stock nbgrader gives to some submissions, in one class with honest ones around them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        course.a_place(Path(folder)) as (place, came),
    ):
        shutil.copytree(made, place.course)
        students = course.fill(place, attacks)
        before = course.guarded(place)
        done = course.run(place, "nbgrader", "autograde", NAME, prefix=throw_away(Path(folder)))
        scores = course.scores(place)
        changed = course.guarded(place) != before
    attacked = {student: one for student, one in students.items() if one in attacks}
    safe = all(scores.get(student) == 100 for student in students if student not in attacked)
    says = []
    if done.returncode in (137, -9):
        says.append(f"still running after {SECONDS} s")
    if changed:
        says.append("files of the course were changed")
    if came:
        says.append("connected to the machine")
    if not safe:
        says.append("other students in the class were left without a score, or with another")
    return {
        one.name: {
            "stock": clean(scores.get(student)),
            "stock_says": "; ".join(says),
            "stock_class": safe,
        }
        for student, one in attacked.items()
    }


def column(attacks: list[Attack], made: Path, workers: int) -> dict[str, Row]:
    """The column of stock nbgrader: a class of ten at a time, and alone what spoils a class."""
    rows = {
        attack.name: {
            "stock": None,
            "stock_says": f"not run: {attack.stock}",
            "stock_class": None,
        }
        for attack in attacks
        if attack.stock
    }
    quiet = [one for one in attacks if not one.stock and one.group not in ALONE]
    classes = [some for k in range(CLASSES) if (some := quiet[k::CLASSES])]
    alone = [[one] for one in attacks if not one.stock and one.group in ALONE]
    with ThreadPoolExecutor(workers) as pool:
        for n, batch in enumerate([classes, alone]):
            for group, found in zip(batch, pool.map(stock, batch, repeat(made)), strict=True):
                print(*found.items(), sep="\n", file=sys.stderr, flush=True)
                spoilt = not all(row["stock_class"] for row in found.values())
                lost = [one for one in group if found[one.name]["stock"] is None or spoilt]
                rows |= found
                alone += [[one] for one in lost if n == 0]
    return rows


def clean(score: float | None) -> float | str | None:
    """A score as JSON can hold it."""
    return score if score is None or abs(score) < float("inf") else str(score)


def ours(attacks: Iterable[Attack]) -> tuple[dict[str, float | None], float]:
    """What our grading gives to each attack, all in one batch, and how long that takes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        course.a_place(Path(folder)) as (place, _),
    ):
        course.make(place.course)
        students = course.fill(place, attacks)
        start = time.monotonic()
        done = course.run(place, "rnnlib.grading", "grade", NAME, "--json", "out.json")
        assert done.returncode == 0, done.stdout
        scores = course.scores(place)
        found = {attack.name: scores.get(student) for student, attack in students.items()}
        return found, time.monotonic() - start


def undeserved(score: Any, deserves: float) -> bool:
    """Is it more than is deserved, or no number?"""
    return isinstance(score, str) or (score is not None and score > deserves)


def totals(rows: list[Row], column: str) -> Row:
    """Counts over all rows that were run."""
    run = [row for row in rows if "not run" not in str(row.get(f"{column}_says", ""))]
    honest = [row for row in run if row["group"] == "honest"]
    points = [
        row[column] - row["deserves"]
        for row in run
        if isinstance(row[column], float) and row[column] > row["deserves"]
    ]
    return {
        "run": len(run),
        "undeserved": sum(undeserved(row[column], row["deserves"]) for row in run),
        "undeserved_full": sum(
            isinstance(row[column], float) and row[column] >= 100 > row["deserves"] for row in run
        ),
        "undeserved_points": sum(points),
        "without_score": sum(row[column] is None for row in run),
        "less_than_deserved": sum(
            isinstance(row[column], float) and row[column] < row["deserves"] for row in run
        ),
        "honest": len(honest),
        "honest_as_deserved": sum(row[column] == row["deserves"] for row in honest),
        "class_spoilt": sum(row.get(f"{column}_class") is False for row in run),
    }


def table(rows: list[Row]) -> str:
    """The rows as Markdown for the instructor's page."""

    def show(score: Any, says: str = "") -> str:
        if "not run" in says:
            return says
        return "no score" if score is None else f"{score:g}" if isinstance(score, float) else score

    lines = ["| what is handed in | deserves | nbgrader | ours |", "|---|---|---|---|"]
    for row in rows:
        stock_ = show(row["stock"], row["stock_says"])
        if row["stock_says"] and "not run" not in row["stock_says"]:
            stock_ += f" ({row['stock_says']})"
        what = f"{row['says']} (`{row['name']}`)".replace("|", "\\|")
        lines.append(f"| {what} | {row['deserves']} | {stock_} | {show(row['ours'])} |")
    return "\n".join(lines)


def put_together(
    attacks: list[Attack],
    found: dict[str, Row],
    scores: dict[str, float | None],
    seconds: tuple[float, float],
) -> Row:
    """What is kept: both columns, their totals, and with what and when they were made."""
    rows = [
        {
            "name": attack.name,
            "group": attack.group,
            "says": attack.says,
            "deserves": attack.deserves,
            "refused": attack.refused,
            "ours": scores[attack.name],
            **found[attack.name],
        }
        for attack in attacks
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return {
        "command": "python -m tests.attacks.compare",
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("nbgrader", "numpy", "ipython")},
        "seconds": {"stock": round(seconds[0]), "ours": round(seconds[1])},
        "totals": {"stock": totals(rows, "stock"), "ours": totals(rows, "ours")},
        "rows": rows,
    }


def main() -> None:
    """Run both columns, or print the kept ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the kept rows as Markdown")
    parser.add_argument("--only", nargs="*", help="names of attacks; nothing is written")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(RESULTS.read_text("utf-8"))["rows"]))
        return
    attacks = [attack for attack in ATTACKS if not args.only or attack.name in args.only]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = column(attacks, template(Path(folder)), args.workers)
    stock_seconds = time.monotonic() - start
    scores, our_seconds = ours(attacks)
    kept = put_together(attacks, found, scores, (stock_seconds, our_seconds))
    print(json.dumps(kept["totals"], indent=2))
    if not args.only:
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
