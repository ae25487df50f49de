"""A class is graded on a cluster, into PostgreSQL, while the grader and a worker are killed.

::

    the class    :mod:`tests.scale.mix`, whose scores are known
    gradebook    a PostgreSQL server of its own, on a socket in a temporary folder
    workers      two processes of a Dask LocalCluster; one is killed while it grades
    grader       python -m rnnlib.grading grade, killed at random moments and started again

None may be lost, none may be there twice, each must have the score that it deserves, and what was
entered before a kill must stand as it was. ``python -m tests.scale.experiment`` writes
``book/results/grading_scale.json``; ``make scale`` does the same for fifty and writes nothing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from distributed import Client, LocalCluster

from rnnlib import machine
from tests.attacks import course
from tests.scale import mix

RESULTS = mix.ROOT / "book" / "results" / "grading_scale.json"
WORKERS = 2
LONGEST = 1800  # seconds without a new result, after which the experiment has failed
OF_ONE = """
    select submitted_assignment.student_id, submitted_assignment.id, submitted_notebook.id,
        grade.id, grade.auto_score, grade.xmin::text
    from submitted_assignment
    left join submitted_notebook on submitted_notebook.assignment_id = submitted_assignment.id
    left join grade on grade.notebook_id = submitted_notebook.id
"""


# ----------------------------------------------------------------------- what it takes


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs, where Debian puts them or on the PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


@contextmanager
def postgres() -> Iterator[str]:
    """A throw-away server that nobody else can reach; gives the address of its database."""
    programs = binaries()
    assert programs, "PostgreSQL is missing: on Debian and Ubuntu, apt install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="rnnlib-postgres-"))
    user = []
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    data, options = str(folder / "data"), {"cwd": folder, "stdout": subprocess.DEVNULL}
    initdb = [str(programs / "initdb"), "--pgdata", data, "--username=rnn", "--auth=trust"]
    subprocess.run([*user, *initdb, "--encoding=UTF8", "--locale=C"], check=True, **options)
    server = [str(programs / "postgres"), "-D", data, "-k", str(folder), "-h", ""]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*(user or ["setpriv"]), "--pdeathsig=INT", *server], stderr=log, **options
        ) as process,
    ):
        try:
            ready = [str(programs / "pg_isready"), "--quiet", "--host", str(folder)]
            while subprocess.run(ready).returncode:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"postgresql+psycopg2://rnn@/postgres?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)
    shutil.rmtree(folder)


class Grader:
    """The command that grades the class."""

    def __init__(self, root: Path, url: str, scheduler: str) -> None:
        self.root = root
        command = ["rnnlib.grading", "grade", mix.NAME, "--db", url, "--scheduler", scheduler]
        self.command = [sys.executable, "-m", *command, "--json", "out.json"]
        self.results = root / "grading" / "results" / mix.NAME

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a group of processes of its own."""
        env = os.environ | {"JUPYTER_CONFIG_DIR": str(self.root), "PYTHONPATH": str(mix.ROOT)}
        with (self.root / "log").open("ab") as log:
            return subprocess.Popen(
                self.command,
                cwd=self.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def done(self) -> int:
        """How many results are there."""
        return len(list(self.results.glob("*.json")))

    def entered(self) -> dict[str, str]:
        """The seed of each result that stands in the gradebook."""
        found = {path.stem: json.loads(path.read_text()) for path in self.results.glob("*.json")}
        return {student: one["seed"] for student, one in found.items() if one["entered"]}


def wait(process: subprocess.Popen[bytes], grader: Grader, target: int) -> None:
    """Wait until so many results are there, or the grader ends well."""
    since, last = time.monotonic(), -1
    while process.poll() is None and (done := grader.done()) < target:
        if done > last:
            since, last = time.monotonic(), done
        assert time.monotonic() < since + LONGEST, "nothing new for a long time"
        time.sleep(0.05)
    log = (grader.root / "log").read_text(errors="replace")
    assert not process.returncode, log[-5000:]


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill the grader with all that it has started; False if it had ended by itself."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return alive


def kill_worker(cluster: LocalCluster, rng: random.Random) -> int:
    """Kill a worker that grades; gives how many of its tasks others take over."""
    with Client(cluster) as client:
        pids, end = client.run(os.getpid), time.monotonic() + 60
        while not (at := sorted(name for name, keys in client.processing().items() if keys)):
            assert time.monotonic() < end, "no worker grades"
            time.sleep(0.05)
        os.kill(pids[rng.choice(at)], signal.SIGKILL)
        for _ in range(200):
            tasks = list(cluster.scheduler.tasks.values())
            if again := sum(task.suspicious > 0 for task in tasks):
                return again
            time.sleep(0.05)
    return 0


# ------------------------------------------------------------------------- the experiment


def rows(url: str) -> list[tuple[Any, ...]]:
    """All that the gradebook holds of scores, and by which transaction each was written."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sqlalchemy.text(OF_ONE))]
    engine.dispose()
    return sorted(found, key=str)


def found(
    students: dict[str, mix.Submission], grader: Grader, url: str, entered: dict[str, str]
) -> dict[str, int]:
    """How many are lost, there twice, wrong, or graded again after they were entered."""
    book = rows(url)
    notebooks = {student: {row[1:3] for row in book if row[0] == student} for student in students}
    grades = Counter(row[0] for row in book)
    usual = Counter(grades.values()).most_common(1)[0][0]
    scores = {s: sum(row[4] or 0 for row in book if row[0] == s) for s in students}
    pages = grader.root / "grading" / "autograded"
    listed = json.loads((grader.root / "out.json").read_text())
    said = {one["student"]: one["score"] for one in listed}
    now = grader.entered()
    return {
        "lost": sum(
            len(notebooks[student]) < 1
            or student not in said
            or student not in now
            or not (pages / student / mix.NAME / f"{mix.NAME}.ipynb").is_file()
            for student in students
        ),
        "twice": len(listed)
        - len(said)
        + sum(len(n) > 1 for n in notebooks.values())
        + sum(grades[student] != usual for student in students)
        + len(set(now) - set(students)),
        "wrong": sum(
            not scores[student] == said.get(student) == one.deserves
            for student, one in students.items()
        ),
        "graded_again": sum(now.get(student) != seed for student, seed in entered.items()),
    }


def measure(
    n: int, kills: int, seed: int, log: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Grade a class of n, killing the grader so many times and a worker once.

    Parameters
    ----------
    n, kills : int
    seed : int
        Of the class and of the moments.
    log : callable, optional
        Takes a line about each event.

    Returns
    -------
    dict
    """
    rng = random.Random(seed)
    students = mix.make(n, seed)
    targets = sorted(rng.sample(range(1, n - WORKERS), kills - 1))
    at_worker = rng.randrange(n // 4, n // 2)
    events = sorted([*((target, False) for target in targets), (at_worker, True)])
    killed: list[int] = []
    again, entered, quiet = 0, {}, machine.busy()
    with (
        tempfile.TemporaryDirectory(prefix="rnnlib-scale-") as folder,
        postgres() as url,
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            local_directory=folder,
        ) as cluster,
    ):
        root = Path(folder, "course")
        course.make(root)
        for student, one in students.items():
            path = root / course.SUBMITTED / student / mix.NAME / f"{mix.NAME}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_bytes(one.content)
        grader = Grader(root, url, cluster.scheduler_address)
        start = time.monotonic()
        process = grader.start()
        time.sleep(rng.uniform(1, 5))  # while it makes tables, or before
        killed += [grader.done()] if kill(process) else []
        process = grader.start()
        for target, is_worker in events:
            wait(process, grader, target)
            time.sleep(rng.uniform(0, 1))
            if is_worker:
                again = kill_worker(cluster, rng)
                log(f"{grader.done()} results: killed a worker, {again} tasks go to others")
                continue
            killed += [grader.done()] if kill(process) else []
            entered = grader.entered() | entered
            log(f"{grader.done()} results, {time.monotonic() - start:.0f} s: killed the grader")
            process = grader.start()
        wait(process, grader, n + 1)
        seconds = time.monotonic() - start
        assert process.wait() == 0
        measured = found(students, grader, url, entered)
        before = rows(url)
        assert grader.start().wait() == 0
        measured["written_by_a_second_run"] = len(set(rows(url)) ^ set(before))
    return {
        "settings": {"submissions": n, "kills": kills, "seed": seed, "workers": WORKERS},
        "machine": machine.computer(),
        "busy": quiet,
        "noise": machine.noise([quiet]),
        "seconds": round(seconds),
        "mix": dict(Counter(one.kind for one in students.values())),
        "grader_killed_at": killed,
        "worker_killed_at": at_worker,
        "tasks_done_by_another_worker": again,
        "entered_before_a_kill": len(entered),
        "measured": measured,
    }


def sentences(kept: dict[str, Any]) -> str:
    """What came of it, in words for the instructor's page."""
    chosen, came, kills = kept["settings"], kept["measured"], len(kept["grader_killed_at"])
    return (
        f"`{kept['command']}` graded {chosen['submissions']} submissions, right, partly right, "
        f"blank, broken and hanging, with {chosen['workers']} Dask workers on one machine, into "
        f"PostgreSQL, {kept['date']}. The grader was killed {kills} times at random moments and "
        "started again, and a worker was killed while it graded. "
        f"{came['lost']} were lost, {came['twice']} were there twice, {came['wrong']} had another "
        f"score than they deserve. {kept['entered_before_a_kill']} were entered before a kill, and "
        f"{came['graded_again']} of them were graded again. It took "
        f"{round(kept['seconds'] / 60)} minutes on {kept['machine']['cores']} cores that had other "
        "work besides, so take no speed from it."
    )


def version() -> str:
    """Of PostgreSQL."""
    programs = binaries()
    assert programs
    done = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True)
    return done.stdout.split()[2]


def main() -> None:
    """Make the experiment and keep what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale.experiment", description=__doc__)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=8, help="of the grader")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    result = measure(args.submissions, args.kills, args.seed, lambda line: print(line, flush=True))
    chosen = f"--submissions {args.submissions} --kills {args.kills} --seed {args.seed}"
    packages = ("dask", "distributed", "nbgrader", "numpy", "psycopg2-binary", "sqlalchemy")
    about = {
        "name": "grading_scale",
        "command": f"python -m tests.scale.experiment {chosen}",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": machine.versions(*packages) | {"postgresql": version()},
    }
    RESULTS.write_text(json.dumps(about | result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["measured"]))
    assert not any(result["measured"].values()), "this is not what must come of it"


if __name__ == "__main__":
    main()
