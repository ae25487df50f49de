"""``python -m rnnlib.grading``: grade a class, judge a file, print a matrix, try the isolation."""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from rnnlib.grading import assignment, classrun, doctor, intake, mutants, result
from rnnlib.grading.sandbox import Unavailable, why_not

UNSAFE = (
    "--unsafe-local: students' code runs with your rights. It can read and change your files, the "
    "gradebook and other submissions, use the network, and leave processes behind."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit status."""
    args = parser().parse_args(argv)
    if getattr(args, "unsafe_local", False):
        print(UNSAFE, file=sys.stderr)
    elif args.command in (grade, judge) and (reason := why_not()):
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


def grade(args: argparse.Namespace) -> int:
    """Grade a class."""
    from nbgrader.api import Gradebook
    from nbgrader.utils import parse_utc
    from tqdm import tqdm

    from rnnlib.grading import gradebook, plugin

    directory = course()
    directory.db_url = args.db or directory.db_url
    about = assignment.read(args.assignment, *folders(directory))
    root = Path(directory.root)
    submitted = args.submitted or root / directory.submitted_directory
    autograded = root / directory.autograded_directory
    results = autograded.parent / "results" / about.name
    todo = classrun.jobs(about, *folders(directory), submitted, args.unsafe_local)
    plugin.register(directory, about)
    old = [] if args.regrade else [o for job in todo if (o := classrun.kept(job, results))]
    done = {outcome["student"] for outcome in old}
    left = [job for job in todo if job.student not in done]
    outcomes: list[classrun.Outcome] = []
    with closing(Gradebook(directory.db_url, directory.course_id)) as book:
        entered = gradebook.stored(book, about.name)

        def enter(outcome: classrun.Outcome) -> None:
            student = outcome["student"]
            beside = plugin.from_exchange(submitted / student / about.name)
            when = parse_utc(beside["timestamp.txt"]) if "timestamp.txt" in beside else None
            gradebook.store(book, about.name, student, outcome["notebook"], when, directory.config)
            path = autograded / student / about.name / f"{about.name}.ipynb"
            gradebook.write(path, outcome["notebook"])
            for file, text in beside.items():
                (path.parent / file).write_text(text)

        def enter_or_say(outcome: classrun.Outcome) -> None:
            """What cannot be entered, such as a name that is no text, does not stop the others."""
            try:
                gradebook.write(results / f"{outcome['student']}.json", outcome)
                enter(outcome)
            except Exception as error:
                book.db.rollback()
                refused, note = result.fault(error)
                outcome.update(refused=refused, needs_a_look=True, score=0)
                outcome["notes"].append(note)

        for outcome in old:
            if outcome["student"] not in entered:
                enter_or_say(outcome)
            outcomes.append(outcome)
        bar = tqdm(total=len(todo), initial=len(old), unit="submission", disable=None)
        with bar:
            for outcome in classrun.run_all(left, partial(pool, args.workers)):
                enter_or_say(outcome)
                outcomes.append(outcome)
                bar.update()
    outcomes.sort(key=lambda outcome: str(outcome["student"]))
    if args.json:
        slim = [{k: v for k, v in o.items() if k != "notebook"} for o in outcomes]
        gradebook.write(args.json, slim)
    print(classrun.summary(outcomes))
    return 0


def pool(workers: int) -> Executor:
    """Processes of this machine, each of which has imported what it needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rnnlib.grading.classrun"])
    return ProcessPoolExecutor(workers, mp_context=context)


def judge(args: argparse.Namespace) -> int:
    """Judge one notebook, wherever it lies."""
    name = args.assignment or args.notebook.stem
    about = assignment.read(name, *folders(course()))
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
    print("\n".join(result.report(verdict) for verdict in graded.verdicts))
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
