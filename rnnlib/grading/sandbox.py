"""A process of its own for a student's code, which can reach nothing but two pipes.

`bwrap` gives it namespaces of its own (no network, no other process, no host's users), a file
system that is read-only but for small folders in memory, no capabilities, an empty environment;
`prlimit` bounds its memory, files and processor time; a seccomp filter forbids new processes. What
it says comes through two pipes, replies and text, and the grader reads both under caps and clocks.

There are pipes where Jupyter would have sockets: so no folder is shared with the host, no message
is signed or parsed by a larger protocol, and a sandbox starts in half the time.
"""

import os
import selectors
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from rnnlib.grading import wire
from rnnlib.grading.seccomp import no_processes

HERE = Path(__file__).resolve().parent
START = (
    "import sys; sys.path.insert(0, {at!r}); "
    "from rnnlib.grading.driver import main; main({replies}, {masked})"
)
WATCH = 0.05  # seconds between two looks at the number of threads
SCRATCH = "/tmp"  # in the sandbox: where a notebook runs, a folder in memory
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")  # that every sandbox shows, besides Python
# Packages that answer an assignment, if they are installed; rnnlib is never there.
FRAMEWORKS = (
    *("torch", "torchvision", "torchaudio", "tensorflow", "keras", "jax", "jaxlib", "flax"),
    *("optax", "autograd", "onnx", "onnxruntime", "onnxscript"),
)


class Limits(NamedTuple):
    """What a student's code may use; times in seconds, sizes in bytes."""

    start: float = 30
    cell: float = 30
    call: float = 10
    added: float = 60  # all cells that a student has added, together
    notebook: float = 150  # all of it, with every restart
    grace: float = 2  # between asking and killing
    memory: int = 2 << 30
    file: int = 16 << 20
    folder: int = 64 << 20  # each of the two folders in memory
    files: int = 256
    threads: int = 256
    text: int = 100_000  # what is kept of what is printed
    result: int = 1 << 20  # of one call, or 64 times its arguments if that is more


class Unavailable(RuntimeError):
    """No sandbox can be had here."""


class Dead(Exception):
    """The process is gone: it ended itself, was killed, or what it said could not be read."""


class TimeIsUp(Exception):
    """The time for the whole notebook is over."""


# ----------------------------------------------------------------------- the command


def why_not() -> str:
    """Why no sandbox can be had here, and what to do about it; empty if one can."""
    if not sys.platform.startswith("linux"):
        return "bubblewrap needs Linux: grade in a Linux machine, WSL 2 or a container"
    for tool, package in [("bwrap", "bubblewrap"), ("prlimit", "util-linux")]:
        if shutil.which(tool) is None:
            return f"{tool} is missing: on Debian and Ubuntu, apt install {package}"
    try:
        no_processes()
    except ValueError as error:
        return f"there is no list of forbidden system calls for this machine: {error}"
    probe = ["bwrap", *isolation(), "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    done = subprocess.run(probe, capture_output=True, text=True)
    if done.returncode:
        return (
            f"bwrap cannot isolate here: {done.stderr.strip()}. User namespaces must be allowed: "
            "see sysctl kernel.unprivileged_userns_clone and "
            "kernel.apparmor_restrict_unprivileged_userns; a container must be started with "
            "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
        )
    return ""


def exposed(*private: Path) -> str:
    """Which of these every sandbox would show, and what to do about it; empty if none.

    Parameters
    ----------
    *private : Path
        What students' code must not read, such as the folder of the course.

    Returns
    -------
    str

    Examples
    --------
    >>> exposed(Path("/usr/share/course"))
    '/usr/share/course is part of /usr, which every sandbox shows: move the course'
    """
    for path in private:
        for shown in (*SYSTEM, *prefixes()):
            if path.resolve().is_relative_to(Path(shown).resolve()):
                return f"{path} is part of {shown}, which every sandbox shows: move the course"
    return ""


def prefixes() -> list[str]:
    """Folders in which this Python lies."""
    found = {str(Path(p).resolve()) for p in (sys.base_prefix, sys.prefix, sys.exec_prefix)}
    return sorted(prefix for prefix in found if not Path(prefix).is_relative_to("/usr"))


def isolation() -> list[str]:
    """The options of bwrap that do not concern files."""
    return (
        "--unshare-all --unshare-user --uid 65534 --gid 65534 --hostname sandbox --disable-userns "
        "--cap-drop ALL --die-with-parent --new-session --clearenv"
    ).split()


def masked(allowed: Sequence[str]) -> list[str]:
    """Names that a student's code must not import."""
    return sorted(set(FRAMEWORKS) - set(allowed))


def hidden(allowed: Sequence[str]) -> list[Path]:
    """Installed packages that a student's code must not find."""
    sites = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    names = {"rnnlib", *masked(allowed)}
    return [path for site in sites for name in sorted(names) if (path := Path(site, name)).is_dir()]


def environment(home: str = SCRATCH) -> dict[str, str]:
    """Everything that the environment of a sandbox holds."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    folders = dict.fromkeys(("HOME", "IPYTHONDIR", "MPLCONFIGDIR", "TMPDIR"), home)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        **threads,
        **folders,
    }


def command(
    limits: Limits, replies: int, filter: int, allowed: Sequence[str], files: Sequence[Path]
) -> list[str]:
    """The command line of a sandbox.

    Parameters
    ----------
    limits : Limits
    replies, filter : int
        File descriptors that it inherits: for its replies, and with the seccomp program.
    allowed : sequence of str
        Of the frameworks that answer a NumPy assignment, those that this one is about.
    files : sequence of Path
        What lies beside the notebook.

    Returns
    -------
    list of str
    """
    bounds = {
        "as": limits.memory,
        "fsize": limits.file,
        "nofile": limits.files,
        "cpu": int(limits.notebook) + 1,
        "core": 0,
        "memlock": 0,
        "msgqueue": 0,
    }
    argv = ["prlimit", *(f"--{name}={n}:{n}" for name, n in bounds.items()), "bwrap", *isolation()]
    argv += ["--seccomp", str(filter)]
    for name, value in environment().items():
        argv += ["--setenv", name, value]
    argv += ["--size", "4096", "--tmpfs", "/"]
    argv += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for name in SYSTEM:
        if os.path.islink(name):
            argv += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            argv += ["--ro-bind", name, name]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for folder in (SCRATCH, "/dev/shm"):
        argv += ["--size", str(limits.folder), "--tmpfs", folder]
    for prefix in prefixes():  # which may lie below a folder that is made above
        argv += ["--ro-bind", prefix, prefix]
    for path in hidden(allowed):
        argv += ["--size", "4096", "--tmpfs", str(path), "--remount-ro", str(path)]
    for file in files:
        argv += ["--ro-bind", str(file), f"{SCRATCH}/{file.name}"]
    for path, name in [
        (HERE / "wire.py", "grading/wire.py"),
        (HERE / "driver.py", "grading/driver.py"),
    ]:
        argv += ["--ro-bind", str(path), f"/grader/rnnlib/{name}"]
    argv += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", SCRATCH]
    return [
        *argv,
        sys.executable,
        "-I",
        "-c",
        START.format(at="/grader", replies=replies, masked=masked(allowed)),
    ]


# ----------------------------------------------------------------------- the process


class Ran(NamedTuple):
    """What came of a cell."""

    text: str  # that it printed
    error: wire.Json | None


class Called(NamedTuple):
    """What came of a call: a result and the arguments after it, or an error."""

    result: Any
    args: tuple[Any, ...]
    error: wire.Json | None
    missing: bool = False  # there is no such function


class Sandbox:
    """A running sandbox, to be used in a ``with`` statement.

    Parameters
    ----------
    limits : Limits
    deadline : float
        When the time of the whole notebook is over, on :func:`time.monotonic`'s clock.
    allowed : sequence of str, optional
        Frameworks that the assignment is about.
    files : sequence of Path, optional
        What lies beside the notebook.
    unsafe_local : bool, optional
        Run the code in a plain process, with all rights of this one.
    """

    def __init__(
        self,
        limits: Limits,
        deadline: float,
        allowed: Sequence[str] = (),
        files: Sequence[Path] = (),
        unsafe_local: bool = False,
    ) -> None:
        self.limits, self.deadline = limits, deadline
        self.number = 0
        self.text = bytearray()
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.closed, self.crowded = threading.Event(), False
        self.watchman = threading.Thread(target=self.watch, daemon=True)
        replies, replies_end = os.pipe()
        text, text_end = os.pipe()
        filter, filter_end = os.pipe()
        inherited = [replies_end, filter]
        try:
            if unsafe_local:
                self.folder = tempfile.TemporaryDirectory(prefix="unsafe-local-")
                start = START.format(
                    at=str(HERE.parents[1]), replies=replies_end, masked=masked(allowed)
                )
                argv, cwd = [sys.executable, "-I", "-c", start], self.folder.name
                env = environment(home=cwd)
                for file in files:
                    shutil.copy(file, cwd)
            else:
                argv = command(limits, replies_end, filter, allowed, files)
                cwd, env = "/", {"PATH": os.environ.get("PATH", os.defpath)}
                os.write(filter_end, no_processes())
            os.close(filter_end)
            filter_end = -1
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=text_end,
                stderr=text_end,
                pass_fds=inherited,
                cwd=cwd,
                start_new_session=True,
                env=env,
            )
        except BaseException:
            for fd in (replies, text, *([filter_end] if filter_end >= 0 else [])):
                os.close(fd)
            raise
        finally:
            for fd in (replies_end, text_end, filter):
                os.close(fd)
        assert self.process.stdin
        self.requests, self.replies, self.texts = self.process.stdin.fileno(), replies, text
        for fd in (self.requests, self.replies, self.texts):
            os.set_blocking(fd, False)

    def __enter__(self) -> Self:
        try:
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise
        return self

    def wait_until_ready(self) -> None:
        """Wait until cells can be run.

        Raises
        ------
        Unavailable
            If the process ends before that, which no student's code can bring about.
        """
        try:
            self.receive(0, time.monotonic() + self.limits.start, 0)
        except Dead as dead:
            said = self.text.decode(errors="replace").strip()
            raise Unavailable(f"the sandbox did not start: {dead}. {said}") from None
        self.watchman.start()

    def watch(self) -> None:
        """End a process with too many threads, which would leave the system none for others.

        No limit of the system does it for whoever grades as root.
        """
        pid = innermost(self.process.pid)
        try:
            process = os.pidfd_open(pid)  # which no later process can be taken for
        except OSError:
            return
        while not self.closed.wait(WATCH):
            if threads(pid) > self.limits.threads:
                self.crowded = True
                try:
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        os.close(process)

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, and all in its namespaces with it."""
        self.closed.set()
        if self.watchman.is_alive():
            self.watchman.join()
        for pid in (*children(self.process.pid), self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
                self.process.wait(1)  # bwrap ends, and reaps, when the first of its namespace does
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.process.wait()
        assert self.process.stdin
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        for fd in (self.replies, self.texts):
            if fd >= 0:
                os.close(fd)
        self.replies = self.texts = -1
        if self.folder:
            self.folder.cleanup()

    def run(
        self, cell: str, source: str, names: Sequence[str] = (), seconds: float | None = None
    ) -> Ran:
        """Run a cell.

        Parameters
        ----------
        cell : str
            What tracebacks call it.
        source : str
        names : sequence of str
            Functions that it may define, to be called later whatever else gets their names.
        seconds : float, optional
            That it may take; by default as the limits say.

        Returns
        -------
        Ran

        Raises
        ------
        Dead
            If the process did not live to say what came of it.
        TimeIsUp
            If the time of the whole notebook is over.
        """
        request = {"do": "run", "cell": cell, "source": source, "names": list(names)}
        header, _ = self.exchange(request, [], seconds or self.limits.cell, 0)
        text = self.text.decode(errors="replace")
        self.text.clear()
        return Ran(text, read_error(header))

    def call(self, name: str, args: tuple[Any, ...], most: int) -> Called:
        """Call a function that a cell has defined.

        Parameters
        ----------
        name : str
        args : tuple
        most : int
            Largest size in bytes of what it may return.

        Returns
        -------
        Called

        Raises
        ------
        Dead
            If the process did not live to say what came of it.
        TimeIsUp
            If the time of the whole notebook is over.
        """
        tree, blobs = wire.encode(args, functions=True)
        request = {"do": "call", "name": name, "args": tree}
        header, blobs = self.exchange(request, blobs, self.limits.call, most)
        self.text.clear()
        if header.get("missing") is True:
            return Called(None, args, None, missing=True)
        error = read_error(header)
        try:
            result, after = wire.decode(header.get("value"), blobs)
            if not isinstance(after, tuple):
                raise wire.Unreadable("arguments that are no tuple")
        except wire.Unreadable as unreadable:
            raise Dead(f"it sent {unreadable}") from None
        except (TypeError, ValueError):
            raise Dead("it sent a value of no known form") from None
        return Called(result, after, error)

    def exchange(
        self, request: wire.Json, blobs: Sequence[bytes], seconds: float, most: int
    ) -> tuple[wire.Json, list[bytes]]:
        """Send a request and wait for its reply."""
        self.number += 1
        end = time.monotonic() + seconds + self.limits.grace
        frame = wire.pack({**request, "id": self.number, "seconds": seconds}, blobs)
        self.move(frame, 0, end)
        return self.receive(self.number, end, most)

    def receive(self, number: int, end: float, most: int) -> tuple[wire.Json, list[bytes]]:
        """The reply to the request of this number."""
        lengths = self.move(b"", wire.LENGTHS.size, end)
        try:
            header, blobs = wire.unpack(lengths, self.move(b"", wire.size(lengths, most), end))
        except wire.Unreadable as unreadable:
            raise Dead(f"it sent {unreadable}") from None
        if header.get("id") != number:
            raise Dead("it sent a reply to another request")
        return header, blobs

    def move(self, frame: bytes, n: int, end: float) -> bytes:
        """Send a frame or receive n bytes, while what is printed is taken in as well."""
        left, got = memoryview(frame), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self.texts, selectors.EVENT_READ)
            selector.register(self.replies, selectors.EVENT_READ)
            if left:
                selector.register(self.requests, selectors.EVENT_WRITE)
            while left or len(got) < n:
                now = time.monotonic()
                if now > self.deadline:
                    raise TimeIsUp
                if now > end:
                    raise Dead("it did not stop when its time was up")
                ready = {key.fd for key, _ in selector.select(min(end, self.deadline) - now + 0.01)}
                if self.texts in ready and not self.take_text():
                    selector.unregister(self.texts)
                if self.requests in ready:
                    try:
                        left = left[os.write(self.requests, left) :]
                    except BlockingIOError:
                        pass
                    except BrokenPipeError:
                        raise Dead(self.epitaph()) from None
                elif self.replies in ready and n:
                    part = os.read(self.replies, min(n - len(got), 1 << 20))
                    if not part:
                        raise Dead(self.epitaph())
                    got += part
                elif self.replies in ready and left:
                    raise Dead("it spoke before it was asked")
        self.take_text()
        return bytes(got)

    def take_text(self) -> bool:
        """Keep what was printed, up to a cap; False at its end."""
        for _ in range(16):  # at most 1 MB before the clock is looked at again
            try:
                part = os.read(self.texts, 1 << 16)
            except BlockingIOError:
                return True
            if not part:
                return False
            self.text += part[: max(0, self.limits.text - len(self.text))]
        return True

    def epitaph(self) -> str:
        """How the process ended."""
        if self.crowded:
            return f"it started more than {self.limits.threads} threads"
        try:
            status = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its end of the pipe"
        if status < 0 or status > 128:
            number = -status if status < 0 else status - 128
            names = {int(s): s.name for s in signal.Signals}
            return f"its process was ended by {names.get(number, f'signal {number}')}"
        return f"its process ended, with exit status {status}"


def children(pid: int) -> list[int]:
    """Processes that a process of ours has started."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def innermost(pid: int) -> int:
    """The process that a sandbox is there for: the last of those that started one another."""
    while found := children(pid):
        pid = found[0]
    return pid


def threads(pid: int) -> int:
    """How many threads a process has; none if it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def read_error(header: wire.Json) -> wire.Json | None:
    """The complaint in a reply, if there is one and it has the form of one."""
    match header.get("error"):
        case {"type": str(kind), "message": str(message), "place": place}:
            match place:
                case [str(cell), int(line)]:
                    where: tuple[str, int] | None = (cell[:100], line)
                case _:
                    where = None
            return {"type": kind[:100], "message": message[:500], "place": where}
        case None:
            return None
    return {"type": "Exception", "message": "", "place": None}
