"""What runs inside a sandbox: a notebook's cells, and then the student's functions on arguments.

The grader starts it as ``python -I -c ... REPLIES`` with requests on the standard input and replies
on the file descriptor REPLIES. From the first cell on the student's code can do to this process
whatever it likes, so nothing here guards a secret or decides anything: it is a convenience for
honest code, and the grader treats every byte that comes back as hostile.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from rnnlib.grading import wire


class TookTooLong(Exception):
    """Raised in the student's code when its time is up."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what runs in this block when its time is up, and again until it gives in."""

    def give_up(*_: Any) -> None:
        raise TookTooLong(f"it took longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def complaint(error: BaseException) -> wire.Json:
    """Type, message and place of an exception; the place is the innermost line of a cell."""
    place: list[Any] = [None, None]
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith("<cell "):
            place = [name[6:-1], trace.tb_lineno]
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and str(error.filename).startswith("<cell "):
        place = [str(error.filename)[6:-1], error.lineno]
    try:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        message = ""
    return {"type": type(error).__name__[:100], "message": str(message)[:500], "place": place}


def make_shell() -> Any:
    """An IPython shell that writes plain text and keeps no history."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    for name in ("showtraceback", "showsyntaxerror", "showindentationerror"):
        setattr(shell, name, lambda *args, **kwargs: None)
    shell.user_ns["__name__"] = "__main__"
    return shell


class Notebook:
    """Cells that have run, and the functions that they defined under the graded names."""

    def __init__(self) -> None:
        self.shell = make_shell()
        self.namespace: dict[str, Any] = self.shell.user_ns
        self.bound: dict[str, Any] = {}

    def run(self, cell: str, source: str, seconds: float, names: list[str]) -> wire.Json:
        """Run a cell; what it binds to one of the names is what will be called under that name."""
        self.shell.compile.get_code_name = lambda *_: f"<cell {cell}>"
        before = {name: self.namespace.get(name) for name in names}
        try:
            with at_most(seconds):
                result = self.shell.run_cell(source, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as raised:
            error = raised
        for name in names:
            now = self.namespace.get(name)
            if now is not None and now is not before[name]:
                self.bound[name] = now
        return {} if error is None else {"error": complaint(error)}

    def call(self, name: str, tree: wire.Json, blobs: list[bytes], seconds: float) -> Any:
        """Call a function; what comes back is its result and its arguments as they are then."""
        self.namespace.update(self.bound)
        function = self.namespace.get(name)
        if function is None:
            return {"missing": True}, []
        args = wire.decode(tree, blobs, self.compile)
        try:
            with at_most(seconds), np.errstate(all="ignore"):
                result = function(*args)
                after = tuple(a for a in args)
                value, blobs = wire.encode((result, after))
        except BaseException as error:
            value, blobs = wire.encode((None, tuple(args)))
            return {"error": complaint(error), "value": value}, blobs
        return {"value": value}, blobs

    def compile(self, source: str, name: str) -> Callable[..., Any]:
        """A function that the grader passes as an argument."""
        namespace: dict[str, Any] = {"np": np}
        exec(source, namespace)
        function: Callable[..., Any] = namespace[name]
        return function


def read_exactly(fd: int, n: int) -> bytes:
    """The next n bytes; the end of the requests is the end of this process."""
    parts = []
    while n:
        part = os.read(fd, min(n, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


class Masked:
    """Says of some modules that they are not there, which is also true of their files."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse a name, or leave it to the finders after this one."""
        if name in self.names:
            raise ModuleNotFoundError(f"{name} is no part of this assignment", name=name)


def main(replies: int, masked: list[str]) -> None:
    """Answer requests until there are no more."""
    requests = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    notebook = Notebook()
    sys.path.insert(0, "")
    sys.meta_path.insert(0, Masked(masked))

    def reply(header: wire.Json, blobs: list[bytes]) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:
                pass
        data = memoryview(wire.pack(header, blobs))
        while data:
            data = data[os.write(replies, data) :]

    reply({"id": 0}, [])
    while True:
        lengths = read_exactly(requests, wire.LENGTHS.size)
        request, blobs = wire.unpack(
            lengths, read_exactly(requests, wire.size(lengths, most=1 << 32))
        )
        if request["do"] == "run":
            answer = notebook.run(
                request["cell"], request["source"], request["seconds"], request["names"]
            )
            reply({**answer, "id": request["id"]}, [])
        else:
            answer, blobs = notebook.call(
                request["name"], request["args"], blobs, request["seconds"]
            )
            reply({**answer, "id": request["id"]}, blobs)
