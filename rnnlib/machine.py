"""What measures: with which versions, on which processor, and who else is at work on it."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from typing import Any

NOISY = 0.1  # of one processor, used by others: from there on a run is called noisy


def versions(*packages: str) -> dict[str, str]:
    """Versions of Python and of these packages."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def computer() -> dict[str, Any]:
    """Processor, cores, threads that the arithmetic may use, and system of this machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    system = f"{platform.system()} {platform.machine()}"
    cpu = model or platform.processor() or "unknown"
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": threads, "system": system}


def busy(seconds: float = 1.0) -> float | None:
    """Processors that others use now, counted while this process sleeps.

    Parameters
    ----------
    seconds : float, optional
        How long to look.

    Returns
    -------
    float or None
        2.0 if two processors have no time left; None where there is no ``/proc/stat``.
    """
    before = _used()
    time.sleep(seconds)
    after = _used()
    if before is None or after is None:
        return None
    return round((after - before) / os.sysconf("SC_CLK_TCK") / seconds, 2)


def noise(found: list[float | None]) -> str:
    """A sentence about what others did before each run; empty if they were quiet."""
    known = [value for value in found if value is not None]
    if not known:
        return "How busy the machine was besides is not known."
    if max(known) <= NOISY:
        return ""
    return f"The machine was noisy: before a run others used up to {max(known):g} processors."


def _used() -> int | None:
    """Ticks that all processors together have worked, for whomever."""
    try:
        fields = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[1:9])
    return user + nice + system + irq + softirq + steal
