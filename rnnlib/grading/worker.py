"""A process that grades one submission after another, told which by lines of JSON.

Each thread of an executor has one, be it on this machine or in a Dask worker. Grading needs the
main thread of a process, for the bounds on our own work; when it dies, that costs one submission
and neither the executor nor a worker of the cluster; and it ends with whoever started it, since its
input ends then. Lines of JSON are all that goes in and comes out.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import BrokenExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from rnnlib.grading import classrun
from rnnlib.grading.assignment import read
from rnnlib.grading.sandbox import Unavailable, exposed, why_not

mine = threading.local()


class Grader:
    """A process that grades, seen from the thread that it works for."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "rnnlib.grading.worker"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, job: "classrun.Job") -> Any:
        """What it answers to a job, or None if it is gone."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline() or b"null")
        except BrokenPipeError:
            return None

    def close(self) -> int:
        """End it; gives its exit status."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        return self.process.wait()

    def __del__(self) -> None:
        self.close()


def work(job: "classrun.Job") -> str:
    """Have a submission graded by the process of this thread.

    Parameters
    ----------
    job : Job

    Returns
    -------
    str
        The outcome as JSON, so that nothing but text crosses a cluster.

    Raises
    ------
    BrokenExecutor
        If the process dies.
    Unavailable
        If this machine has no sandbox.
    """
    if not hasattr(mine, "grader"):
        mine.grader = Grader()
    answer = mine.grader.ask(job)
    if answer is None:
        status = mine.grader.close()
        del mine.grader
        raise BrokenExecutor(f"{socket.gethostname()}: what grades ended, with status {status}")
    if unavailable := answer.get("unavailable"):
        raise Unavailable(unavailable)
    return json.dumps(answer)


def obstacle(assignment: str, digest: str, folders: tuple[str, ...], unsafe_local: bool) -> str:
    """Why submissions cannot be graded on this machine, and what to do; empty if they can.

    Parameters
    ----------
    assignment, digest : str
        Its name, and what it is as the grader sees it.
    folders : tuple of str
        Of the solutions, the releases and what was handed in.
    unsafe_local : bool
        Is a sandbox not asked for?
    """
    if not unsafe_local and (reason := why_not() or exposed(*map(Path, folders))):
        return f"{socket.gethostname()}: {reason}"
    if unseen := [folder for folder in folders if not Path(folder).is_dir()]:
        return f"{socket.gethostname()}: there is no {unseen[0]}; all machines must see one folder"
    if read(assignment, Path(folders[0]), Path(folders[1])).digest != digest:
        return f"{socket.gethostname()}: {folders[0]} or {folders[1]} holds another {assignment}"
    return ""


def main() -> None:
    """Grade what the lines of the standard input name, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lines: SimpleQueue[bytes] = SimpleQueue()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # where nothing but answers may go

    def listen() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    reason: str | None = None
    while True:
        job = classrun.Job(*json.loads(lines.get()))
        reason = why_not() if reason is None and not job.unsafe_local else reason
        try:
            answer = {"unavailable": reason} if reason else classrun.do(job)
        except Unavailable as error:
            answer = {"unavailable": str(error)}
        if "unavailable" in answer:
            answer["unavailable"] = f"{socket.gethostname()}: {answer['unavailable']}"
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
