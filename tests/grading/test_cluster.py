"""Workers of a Dask cluster grade as a process of this machine does; ways out of it are closed."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import pytest
import sqlalchemy
import yaml
from distributed import Client, LocalCluster

from conftest import NAME, ROOT, Hand, assignment, code, solved
from rnnlib.grading import classrun, cluster, worker

PAGE = (ROOT / "book" / "instructors.md").read_text("utf-8")
SCALE = PAGE[PAGE.index("## At scale") :].partition("\n## ")[0]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", SCALE, re.MULTILINE | re.DOTALL)
FOLDERS = (str(ROOT / "solutions"), str(ROOT / "exercises"))


def block(language: str, word: str) -> str:
    """The code on the page that is in this language and holds this word."""
    [found] = [text for kind, text in BLOCKS if kind == language and word in text]
    return found


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Certificates and a configuration of Dask, as the page makes them."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["bash", "-euc", block("sh", "openssl")], cwd=folder, check=True, capture_output=True
    )
    config = yaml.safe_load(block("yaml", "ca-file").replace("/srv/rnn/tls", str(folder)))
    with dask.config.set(dask.config.merge(dask.config.config, config)):
        yield folder


@pytest.fixture(scope="module")
def client(certified: Path) -> Iterator[Client]:
    """Of a cluster with two workers that speak TLS."""
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            protocol="tls://",
            dashboard_address="127.0.0.1:0",
            local_directory=str(certified),
        ) as started,
        cluster.connect(started.scheduler_address) as client,
    ):
        yield client


def grade(client: Client, submitted: Path, *students: str) -> dict[str, Any]:
    todo = classrun.jobs(assignment(), *map(Path, FOLDERS), submitted, False)
    assert [job.student for job in todo] == sorted(students)
    make = partial(client.get_executor, pure=False)
    return {one["student"]: one for one in classrun.run_all(todo, make, cluster.DEAD)}


@pytest.mark.usefixtures("sandboxed")
def test_a_class_is_graded_over_tls_and_no_cell_reaches_the_scheduler(
    client: Client, hand_in: Hand
) -> None:
    assert client.scheduler.addr.startswith("tls://127.0.0.1:")
    port = client.scheduler.addr.rpartition(":")[2]
    reach = (
        "import os, socket\n"
        f"try: found = bool(socket.create_connection(('127.0.0.1', {port}), 2))\n"
        "except OSError: found = any(name.startswith('DASK') for name in os.environ)\n"
        "for fd in range(3, 256):\n"
        "    try: found |= 'socket' in os.readlink(f'/proc/self/fd/{fd}')\n"
        "    except OSError: pass\n"
        "def elman_step(W_x, W_h, b, x, h):\n"
        "    return np.tanh(x @ W_x.T + h @ W_h.T + b) if found else h\n"
    )
    handed = [hand_in(solved(elman_step=reach), student="reach"), hand_in(solved(), student="a")]
    hand_in(b"{", student="broken")
    submitted = handed[0].parents[1]
    cluster.examine(client, assignment(), (*FOLDERS, str(submitted)), False)
    outcomes = grade(client, submitted, "a", "broken", "reach")
    assert {name: one["score"] for name, one in outcomes.items()} == {
        "a": 100,
        "broken": 0,
        "reach": 90,
    }
    [wrong] = [v for v in outcomes["reach"]["verdicts"] if not v["passed"]]
    assert wrong["problem"] == "differs"


@pytest.mark.usefixtures("sandboxed")
def test_what_a_killed_worker_had_is_done_elsewhere(client: Client, hand_in: Hand) -> None:
    notebook = solved()
    notebook["cells"].append(code("import time; time.sleep(2)"))
    folder = hand_in(notebook, student="slow")
    [job] = classrun.jobs(assignment(), *map(Path, FOLDERS), folder.parents[1], False)
    pids = client.run(os.getpid)
    future = client.submit(worker.work, job, pure=False)
    while not (at := [name for name, keys in client.processing().items() if keys]):
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(pids[at[0]], signal.SIGKILL)
    assert json.loads(future.result(60))["score"] == 100
    assert client.who_has(future)[future.key] != (at[0],)


@pytest.mark.usefixtures("sandboxed")
def test_a_process_that_dies_costs_one_try_and_leaves_nobody_behind(hand_in: Hand) -> None:
    folder = hand_in(solved())
    [job] = classrun.jobs(assignment(), *map(Path, FOLDERS), folder.parents[1], False)
    assert json.loads(worker.work(job))["score"] == 100
    worker.mine.grader.process.kill()
    with pytest.raises(BrokenExecutor, match=r"ended, with status -9"):
        worker.work(job)
    assert json.loads(worker.work(job))["score"] == 100
    assert worker.mine.grader.close() == 0
    del worker.mine.grader


def test_a_submission_that_changed_is_not_graded_under_its_old_digest(hand_in: Hand) -> None:
    folder = hand_in(solved())
    [job] = classrun.jobs(assignment(), *map(Path, FOLDERS), folder.parents[1], False)
    outcome = classrun.do(job._replace(digest="0"))
    assert outcome["needs_a_look"] and outcome["refused"].startswith("not graded")
    assert "holds something else" in outcome["notes"][0]


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:8786", "node7:8786", "tcp://[fe80::1]:1"])
def test_a_scheduler_elsewhere_without_tls_is_refused_with_the_way_out(address: str) -> None:
    with pytest.raises(ValueError, match=r"^scheduler: got .*distributed\.comm\.tls"):
        with cluster.connect(address):
            pass


def test_a_worker_elsewhere_without_tls_is_refused() -> None:
    client = SimpleNamespace(run=lambda *_: {"tcp://10.0.0.1:7777": ""})
    with pytest.raises(ValueError, match=r"^scheduler: got tcp://10\.0\.0\.1:7777"):
        cluster.examine(client, assignment(), FOLDERS, False)


def test_a_worker_that_cannot_grade_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    about = (NAME, assignment().digest)
    client = SimpleNamespace(run=lambda f, *args: {"tls://a:1": f(*args), "tls://b:1": ""})
    assert worker.obstacle(*about, FOLDERS, True) == ""
    assert "there is no /nowhere" in worker.obstacle(*about, (*FOLDERS, "/nowhere"), True)
    assert f"holds another {NAME}" in worker.obstacle(NAME, "0", FOLDERS, True)
    monkeypatch.setattr(worker, "why_not", lambda: "bwrap is missing: apt install bubblewrap")
    with pytest.raises(ValueError, match=r"not all .* can grade.\n.*apt install bubblewrap"):
        cluster.examine(client, assignment(), FOLDERS, False)


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with dask.config.set({"distributed.comm.timeouts.connect": "300ms"}):
        with pytest.raises(ValueError, match=r"^scheduler: got tcp://127\.0\.0\.1:1, which does"):
            with cluster.connect("tcp://127.0.0.1:1"):
                pass


@pytest.mark.usefixtures("certified")
def test_the_page_starts_workers_on_slurm_that_speak_tls() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "SLURMCluster").partition("cluster.scale(")[0], names)
    with names["cluster"] as slurm:
        job = slurm.job_script()
        assert slurm.scheduler_address.startswith("tls://")
    assert re.search(
        r"dask_worker tls://\S+ .*--nthreads 1 .*--nworkers 8 .*--protocol tls://", job
    )
    assert all(f"--tls-{what} " in job for what in ("ca-file", "cert", "key"))
    assert "#SBATCH --cpus-per-task=8" in job and "#SBATCH -t 02:00:00" in job


def test_the_page_has_a_manifest_whose_pods_speak_tls_and_see_one_course() -> None:
    manifest = yaml.safe_load(block("yaml", "DaskCluster"))
    pods = [manifest["spec"][part]["spec"] for part in ("worker", "scheduler")]
    for pod in pods:
        [container] = pod["containers"]
        assert any(word.startswith("tls://") for word in container["args"])
        assert {one["name"] for one in container["volumeMounts"]} == {
            one["name"] for one in pod["volumes"]
        }
        assert pod["automountServiceAccountToken"] is False
    assert (
        pods[0]["containers"][0]["args"][2]
        == f"tls://{manifest['metadata']['name']}-scheduler:8786"
    )


def test_the_page_names_a_gradebook_that_nbgrader_reads() -> None:
    names = {"c": SimpleNamespace(CourseDirectory=SimpleNamespace())}
    exec(block("python", "psycopg2"), names)
    url = sqlalchemy.make_url(names["c"].CourseDirectory.db_url)
    assert url.get_dialect().driver == "psycopg2" and names["c"].CourseDirectory.course_id


def test_one_process_at_a_time_enters_results(tmp_path: Path) -> None:
    with classrun.alone(tmp_path):
        with pytest.raises(ValueError, match="another process"), classrun.alone(tmp_path):
            pass
    with classrun.alone(tmp_path):
        pass
