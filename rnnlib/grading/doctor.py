"""What the sandbox keeps in, found out by trying to get out.

Each layer is a piece of code that a student could have written. It runs in a sandbox like theirs
and says what it saw; a layer holds if that is what a closed sandbox shows. What cannot be tried is
not claimed.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from rnnlib.grading.sandbox import Dead, Limits, Sandbox, Unavailable, why_not


class Finding(NamedTuple):
    """One layer."""

    layer: str
    holds: bool
    seen: str


SETUP = """
import ctypes, os, resource, socket, sys, threading
def attempt(f, *args):
    try:
        return f"done ({f(*args)!r})"
    except BaseException as error:
        return f"refused ({type(error).__name__}: {error})"
"""

# What to run, and how what it prints begins if the layer holds.
LAYERS: dict[str, tuple[str, str | tuple[str, ...]]] = {
    "network, by address": (
        "attempt(socket.create_connection, ('1.1.1.1', 53), 2)",
        "refused",
    ),
    "network, this machine": (
        "attempt(socket.create_connection, ('127.0.0.1', {port}), 2)",
        "refused",
    ),
    "network, interfaces": ("sorted(name for _, name in socket.if_nameindex())", "['lo']"),
    "files, reading outside": ("attempt(open, {secret!r})", "refused"),
    "files, writing outside": ("attempt(open, {target!r}, 'w')", "refused"),
    "files, writing to the system": ("attempt(open, '/usr/lib/x', 'w')", "refused"),
    "files, writing to the environment": ("attempt(open, {site!r}, 'w')", "refused"),
    "files, writing to the root": ("attempt(os.mkdir, '/x')", "refused"),
    "files, writing to /dev": ("attempt(open, '/dev/x', 'w')", "refused"),
    "processes, seeing others": (
        "attempt(os.kill, {pid}, 0) if {pid} > 100 else "
        "len([p for p in os.listdir('/proc') if p.isdigit()])",
        ("refused", "1", "2", "3"),
    ),
    "processes, starting": ("attempt(os.fork)", "refused"),
    "processes, spawning": ("attempt(os.posix_spawn, '/usr/bin/true', ['true'], {{}})", "refused"),
    "threads, which must work": (
        "[t.start() or t.join() for t in [threading.Thread(target=len, args=['a'])]]",
        "[None]",
    ),
    "memory": ("attempt(bytearray, {memory})", "refused"),
    "memory, outside of that account": ("attempt(os.memfd_create, 'x')", "refused"),
    "file size": (
        "attempt(lambda: [open('big', 'ab', 0).write(bytes({file})) for _ in range(2)])",
        "refused",
    ),
    "folder size": (
        "[attempt(open(f'f{{i}}', 'wb').write, bytes({file} - 2)) for i in range({many})][-1]",
        "refused",
    ),
    "capabilities": (
        "[l.split()[1] for l in open('/proc/self/status') if l.startswith(('CapEff', 'CapBnd'))]",
        "['0000000000000000', '0000000000000000']",
    ),
    "privileges, gaining": (
        "[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]",
        "['1']",
    ),
    "system calls, filtered": (
        "[l.split()[1] for l in open('/proc/self/status') if l.startswith('Seccomp:')]",
        "['2']",
    ),
    "namespaces, making new ones": (
        "ctypes.CDLL(None, use_errno=True).unshare(0x10000000)",
        "-1",
    ),
    "mounts, changing": (
        "ctypes.CDLL(None, use_errno=True).umount2(b'/tmp', 2)",
        "-1",
    ),
    "environment": ("attempt(os.environ.__getitem__, {variable!r})", "refused"),
    "user": ("os.getuid()", "65534"),
    "modules that answer, ours": ("attempt(__import__, 'rnnlib.reference.elman')", "refused"),
    "modules that answer, torch": ("attempt(__import__, 'torch')", "refused"),
}
VARIABLE = "RNNLIB_DOCTOR"


def examine() -> list[Finding]:
    """Try all layers.

    Returns
    -------
    list of Finding
    """
    findings = tools()
    if not all(finding.holds for finding in findings):
        return findings
    limits = Limits(cell=20)
    os.environ[VARIABLE] = "a secret"
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Sandbox(limits, time.monotonic() + 120) as sandbox,
        ):
            secret = Path(folder, "secret")
            secret.write_text("of the host")
            values = {
                "secret": str(secret),
                "target": str(Path(folder, "target")),
                "site": str(Path(tempfile.__file__).with_name("x.py")),
                "pid": os.getpid(),
                "port": 22,
                "memory": limits.memory + 1,
                "file": limits.file + 1,
                "many": limits.folder // limits.file + 1,
                "variable": VARIABLE,
            }
            sandbox.run("setup", SETUP)
            for layer, (code, wanted) in LAYERS.items():
                said = sandbox.run(layer, f"print({code.format(**values)}, end='')").text
                findings.append(Finding(layer, said.startswith(wanted), said[:100]))
    except Unavailable as error:
        findings.append(Finding("start", False, str(error)))
    finally:
        del os.environ[VARIABLE]
    return [*findings, stubborn(), orphan()]


def tools() -> list[Finding]:
    """Are the programs there?"""
    reason = why_not()
    return [Finding("bubblewrap and prlimit", not reason, reason or shutil.which("bwrap") or "")]


def stubborn() -> Finding:
    """Does a loop that swallows what interrupts it come to an end?"""
    start = time.monotonic()
    loop = "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
    with Sandbox(Limits(cell=1, grace=1), start + 60) as sandbox:
        try:
            sandbox.run("loop", loop)
        except Dead as dead:
            return Finding("time, for a loop that does not stop", True, str(dead))
    return Finding("time, for a loop that does not stop", False, "it came back")


def orphan() -> Finding:
    """Is the sandbox's process gone when the sandbox is closed?"""
    with Sandbox(Limits(), time.monotonic() + 60) as sandbox:
        pid = sandbox.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        below = [int(child) for child in children.read_text().split()] if children.exists() else []
    time.sleep(0.1)
    left = [child for child in below if Path(f"/proc/{child}").exists()]
    return Finding("orphans", not left, f"{len(left)} of {len(below)} processes left")
