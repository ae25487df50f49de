"""``python -m rnnlib.grading``: grade a class, judge a file, print a matrix, try the isolation."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from rnnlib.grading import assignment, classrun, doctor, intake, mutants, result
from rnnlib.grading.sandbox import Unavailable, exposed, why_not

UNSAFE = (
    "--unsafe-local: students' code runs with your rights. It can read and change your files, the "
    "gradebook and other submissions, use the network, and leave processes behind."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit status."""
    args = parser().parse_args(argv)
    if getattr(args, "unsafe_local", False):
        print(UNSAFE, file=sys.stderr)
    elif args.command in (grade, judge) and here(args) and (reason := why_not()):
        print(f"There is no sandbox here: {reason}\n", file=sys.stderr)
        print(f"To grade without one: {UNSAFE}", file=sys.stderr)
        return 2
    try:
        return int(args.command(args))
    except (ValueError, Unavailable) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130


def here(args: argparse.Namespace) -> bool:
    """Does students' code run on this machine?"""
    return getattr(args, "scheduler", None) is None


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m rnnlib.grading", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[Any], int], help: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help, description=help)
        one.set_defaults(command=command)
        return one

    one = add("grade", grade, "Grade all submissions and enter them in the gradebook.")
    one.add_argument("assignment")
    one.add_argument("--submitted", type=Path, help="folder STUDENT/ASSIGNMENT/ASSIGNMENT.ipynb")
    one.add_argument("--workers", type=int, default=classrun.workers(), help="how many at a time")
    one.add_argument("--scheduler", help="address of a Dask scheduler whose workers grade")
    one.add_argument("--db", help="URL of the gradebook")
    one.add_argument("--json", type=Path, help="write all results to this file")
    one.add_argument("--regrade", action="store_true", help="grade again what has a result")
    one.add_argument("--unsafe-local", action="store_true", help="without a sandbox")

    one = add("judge", judge, "Grade one notebook and say what it is worth.")
    one.add_argument("notebook", type=Path)
    one.add_argument("--assignment", help="by default the notebook's name")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.add_argument("--seed", type=int, help="of an earlier result, to repeat it")
    one.add_argument("--unsafe-local", action="store_true", help="without a sandbox")

    one = add("mutants", matrix, "Print what every solution in checks.py is worth.")
    one.add_argument("assignment", nargs="*", help="by default all")

    add("doctor", examine, "Try each layer of the isolation, and say what holds here.")
    return top


def course() -> Any:
    """The course directory that ``nbgrader_config.py`` in this folder describes."""
    from nbgrader.apps import NbGrader
    from nbgrader.coursedir import CourseDirectory

    app = NbGrader()
    app.initialize([])
    return CourseDirectory(parent=app)


def folders(directory: Any) -> tuple[Path, Path]:
    """Of the instructor's notebooks and of the released ones."""
    root = Path(directory.root)
    return root / directory.source_directory, root / directory.release_directory


def refuse_exposed(args: argparse.Namespace, directory: Any, *more: Path) -> None:
    """See that students' code cannot read the course."""
    reason = exposed(*assignment.private(directory), *more)
    if reason and here(args) and not args.unsafe_local:
        raise Unavailable(reason)


def grade(args: argparse.Namespace) -> int:
    """Grade a class."""
    from rnnlib.grading import gradebook

    directory = course()
    directory.db_url = args.db or directory.db_url
    about = assignment.read(args.assignment, *folders(directory))
    root = Path(directory.root)
    submitted = args.submitted or root / directory.submitted_directory
    refuse_exposed(args, directory, submitted)
    results = (root / directory.autograded_directory).parent / "results"
    with classrun.alone(results):
        outcomes = grade_all(args, about, directory, submitted.resolve(), results / about.name)
    outcomes.sort(key=lambda outcome: str(outcome["student"]))
    if args.json:
        slim = [{k: v for k, v in o.items() if k != "notebook"} for o in outcomes]
        gradebook.write(args.json, [{**o, "entered": bool(o["entered"])} for o in slim])
    print(classrun.summary(outcomes))
    missing = sum(not outcome["entered"] for outcome in outcomes)
    if missing:
        print(f"{missing} not entered in the gradebook; the same command tries again.")
    return int(missing > 0)


def grade_all(
    args: argparse.Namespace,
    about: assignment.Assignment,
    directory: Any,
    submitted: Path,
    results: Path,
) -> list[classrun.Outcome]:
    """Grade what has no result yet, and enter what is not entered yet."""
    from nbgrader.api import Gradebook
    from nbgrader.utils import parse_utc
    from tqdm import tqdm

    from rnnlib.grading import gradebook, plugin

    autograded = Path(directory.root) / directory.autograded_directory
    todo = classrun.jobs(about, *folders(directory), submitted, args.unsafe_local)
    old = [] if args.regrade else [o for job in todo if (o := classrun.kept(job, results))]
    done = {outcome["student"] for outcome in old}
    left = [job for job in todo if job.student not in done]
    outcomes: list[classrun.Outcome] = []
    gradebook.prepare(directory.db_url, directory.course_id)
    plugin.register(directory, about)
    with closing(Gradebook(directory.db_url, directory.course_id)) as book:
        stored = gradebook.stored(book, about.name)
        where = book.engine.url.render_as_string(hide_password=True)

        def enter(outcome: classrun.Outcome) -> None:
            student = outcome["student"]
            beside = plugin.from_exchange(submitted / student / about.name)
            when = parse_utc(beside["timestamp.txt"]) if "timestamp.txt" in beside else None
            path = autograded / student / about.name / f"{about.name}.ipynb"
            now, before = outcome["notebook"], gradebook.entered(path)
            gradebook.store(book, about.name, student, now, when, directory.config, before)
            gradebook.write(path, now)
            for file, text in beside.items():
                (path.parent / file).write_text(text)

        def enter_or_say(outcome: classrun.Outcome) -> None:
            """What cannot be entered, such as a name that is no text, does not stop the others."""
            path = results / f"{outcome['student']}.json"
            outcomes.append({**outcome, "entered": None})
            try:
                gradebook.write(path, outcomes[-1])
                enter(outcome)
                outcomes[-1]["entered"] = where
                gradebook.write(path, outcomes[-1])
            except Exception as error:
                book.db.rollback()
                _, note = result.fault(error)
                note = f"not entered in the gradebook: {note}"
                outcomes[-1] |= {"entered": None, "notes": [*outcome["notes"], note]}

        for outcome in old:
            if outcome.get("entered") == where and outcome["student"] in stored:
                outcomes.append(outcome)
            else:
                enter_or_say(outcome)
        bar = tqdm(total=len(todo), initial=len(old), unit="submission", disable=None)
        with bar, closing(run(args, about, directory, submitted, left)) as graded:
            for outcome in graded:
                enter_or_say(outcome)
                bar.update()
    return outcomes


def run(
    args: argparse.Namespace,
    about: assignment.Assignment,
    directory: Any,
    submitted: Path,
    todo: list[classrun.Job],
) -> Generator[classrun.Outcome, None, None]:
    """Do all jobs, on this machine or on those of a cluster."""
    if here(args) or not todo:
        yield from classrun.run_all(todo, partial(ThreadPoolExecutor, args.workers))
        return
    try:
        from rnnlib.grading import cluster
    except ImportError as error:
        raise ValueError(f"scheduler: {error}; run: pip install 'rnnlib[cluster]'") from None
    seen = tuple(str(folder) for folder in (*folders(directory), submitted))
    with cluster.connect(args.scheduler) as client:
        cluster.examine(client, about, seen, args.unsafe_local)
        make = partial(client.get_executor, pure=False)
        yield from classrun.run_all(todo, make, cluster.DEAD)


def judge(args: argparse.Namespace) -> int:
    """Judge one notebook, wherever it lies."""
    name = args.assignment or args.notebook.stem
    directory = course()
    refuse_exposed(args, directory)
    about = assignment.read(name, *folders(directory))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "student", name)
        copy.mkdir(parents=True)
        try:
            (copy / f"{name}.ipynb").write_bytes(intake.read_bytes(args.notebook))
        except intake.Refused as refused:
            raise ValueError(f"notebook: {refused}") from None
        graded = result.grade(copy, about, seed=args.seed, unsafe_local=args.unsafe_local)
    if args.json:
        print(json.dumps(result.to_json(graded), indent=2))
        return 0
    print("\n".join(f"{v.cell}\n{result.report(v)}" for v in graded.verdicts))
    for note in graded.notes:
        print(f"Note: {note}.")
    print(f"{graded.score:g} of {graded.points:g} points; --seed {graded.seed} repeats this.")
    return 0


def matrix(args: argparse.Namespace) -> int:
    """Print the matrix of each assignment."""
    from rnnlib.grading.table import load

    solutions, _ = folders(course())
    names = args.assignment or sorted(path.parent.name for path in solutions.glob("*/checks.py"))
    bad = 0
    for name in names:
        print(name)
        for row in mutants.matrix(load(solutions / name)):
            verdict = "ok" if row.holds else "WRONG"
            print(f"  {verdict:5}  {row.score:5g} / {row.points:<3g}  {row.kind:13} {row.variant}")
            if not row.holds:
                bad += 1
                for said in row.hints:
                    print(f"         hint given: {said or '(none)'}")
    print(f"{bad} rows are wrong." if bad else "All rows are as they should be.")
    return int(bad > 0)


def examine(args: argparse.Namespace) -> int:
    """Print what the sandbox of this machine keeps in."""
    findings = doctor.examine()
    for finding in findings:
        print(f"{'holds' if finding.holds else 'FAILS':5}  {finding.layer}: {finding.seen}")
    return int(not all(finding.holds for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
