"""Bounds on our own work with what a student's function gave: processor time and memory.

Arrays of a megabyte broadcast to terabytes, and a table's ``observe`` may do that with them.
"""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS, BYTES = 2.0, 1 << 30


class TooMuch(Exception):
    """It took too long."""


@contextmanager
def bounded(seconds: float = SECONDS, most: int = BYTES) -> Iterator[None]:
    """End what runs in this block if it takes more than this.

    Parameters
    ----------
    seconds : float
        Of processor time.
    most : int
        Bytes besides those that are in use now.

    Raises
    ------
    TooMuch, MemoryError
        In the block.
    RuntimeError
        Before it, in any thread but the main one, where no signal arrives.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("grading is bounded in the main thread of a process alone")

    def give_up(*_: Any) -> None:
        raise TooMuch(f"it took more than {seconds:g} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [limit for limit in (in_use() + most, soft, hard) if limit != resource.RLIM_INFINITY]
    before = signal.signal(signal.SIGPROF, give_up)
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGPROF, before)


def in_use() -> int:
    """Bytes of data that this process has; what there is of an unknown system is not bounded."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[5]
    except (OSError, IndexError):
        return 1 << 40
    return int(pages) * resource.getpagesize()
