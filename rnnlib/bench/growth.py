"""How the cost of forward and backward grows with steps, batch size and units.

From T = 50, B = 32, D = H = 64 one size is changed at a time, over powers of two or four. The
exponent p says that the time grows as that size to the power p: the slope of a line, by least
squares, through the logarithms of the medians of the last three sizes. The arithmetic alone would
have 1 for T and B, and 2 for H; calls that wait for nothing but their own start have 0 for B and H.
The ways are the reference, the top rung and torch.nn, timed as :mod:`rnnlib.bench.ladder` does it.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from rnnlib import machine
from rnnlib.bench import ladder

BASE = {"T": 50, "B": 32, "H": 64}
SWEEP = {"T": (10, 20, 40, 80, 160), "B": (1, 4, 16, 64, 256), "H": (16, 32, 64, 128, 256)}
WAYS = ("reference", "fast", "torch")


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--points", type=int, default=5, help="the first of each sweep, 3 to 5")
    parser.add_argument("--repeats", type=int, default=7, help="turns")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Time the ways over the sweeps.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line about each sweep.

    Returns
    -------
    dict
        What :mod:`json` can write; times in milliseconds.

    Raises
    ------
    ValueError
        If an option makes no sense, torch is missing, or a way gives other numbers.
    """
    if args.repeats < 1:
        raise ValueError(f"--repeats: got {args.repeats}, expected at least 1")
    if not 3 <= args.points <= 5:
        raise ValueError(f"--points: got {args.points}, expected 3 to 5")
    torch, start, busy = ladder.torch_with_one_thread(), time.monotonic(), []
    sweep = {letter: values[: args.points] for letter, values in SWEEP.items()}
    measured: dict[str, dict[str, dict[str, list[list[float]]]]] = {}
    for name in ladder.CELLS:
        measured[name] = {letter: {way: [] for way in WAYS} for letter in sweep}
        for letter, values in sweep.items():
            busy.append(machine.busy(ladder.QUIET))
            for value in values:
                ways = ways_of(name, **BASE | {letter: value})
                for way, times in ladder.turns(ways, args.repeats).items():
                    measured[name][letter][way].append(times)
            p = exponent(values, measured[name][letter]["fast"])
            log(f"{name}: fast grows as {letter} to the power {p:.2f}")
    return {
        "name": "growth_speed",
        "command": f"python -m rnnlib.bench growth --points {args.points} --repeats {args.repeats}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {"base": BASE, "sweep": {k: list(v) for k, v in sweep.items()}},
        "versions": machine.versions("numpy", "torch"),
        "machine": machine.computer() | {"torch_threads": torch.get_num_threads()},
        "blas": {"numpy": ladder.blas_of_numpy(), "torch": ladder.blas_of_torch()},
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "measured": measured,
    }


def say(found: dict[str, Any]) -> str:
    """A table of the exponents, and on what they were measured."""
    sweep, text = found["settings"]["sweep"], ""
    for name, letters in found["measured"].items():
        rows = {
            way: [f"{exponent(sweep[letter], letters[letter][way]):.2f}" for letter in sweep]
            for way in WAYS
        }
        columns = [f"{letter} = {', '.join(map(str, sweep[letter][-3:]))}" for letter in sweep]
        text += ladder.table(f"{name}: exponents", columns, rows, corner="")
    computer = found["machine"]
    lines = [
        f"Around T = {BASE['T']}, B = {BASE['B']}, D = H = {BASE['H']}; forward and backward.",
        f"{computer['cpu']}, {computer['cores']} cores, {computer['threads']} threads for NumPy, "
        f"{computer['torch_threads']} for torch",
        found["noise"],
    ]
    return text + "\n".join(filter(None, lines))


def ways_of(name: str, T: int, B: int, H: int) -> dict[str, ladder.Way]:
    """The ways, warm, and known to agree."""
    cell = ladder.CELLS[name]
    given = ladder.example(cell, T, B, H)
    modules = {"reference": cell, "fast": ladder.rung_of(name, "fast")}
    ways = {way: ladder.numpy_way(module, given) for way, module in modules.items()}
    ways["torch"] = ladder.torch_ways(name, given)["torch"]
    ladder.same(ways)
    return ways


def exponent(values: Any, times: list[list[float]]) -> float:
    """Slope of a line through the logarithms of the last three sizes and of their medians.

    Parameters
    ----------
    values : sequence of int
        The sizes.
    times : list of list of float
        Of each size, what the turns took.

    Returns
    -------
    float

    Examples
    --------
    >>> round(exponent([1, 2, 4, 8], [[9.0], [0.5], [2.0, 2.0, 7.0], [8.0]]), 3)
    2.0
    """
    medians = [float(np.median(of_size)) for of_size in times]
    return float(np.polyfit(np.log(values[-3:]), np.log(medians[-3:]), 1)[0])
