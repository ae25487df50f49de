"""Run an experiment and write down what came, by which command, with what, where, how long."""

import ast
import importlib
import inspect
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rnnlib import machine
from rnnlib.experiments import Result

PACKAGE = Path(__file__).parent
DIGITS = 6  # significant ones that are kept of a number
PACKAGES = ("numpy", "scipy", "torch", "gymnasium")  # whose versions are noted, if they compute


def question(name: str) -> str:
    """First line of an experiment's docstring; its packages need not be there."""
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def run(
    name: str,
    seeds: int | None = None,
    log: TextIO | None = None,
    out: Path | None = None,
    **settings: Any,
) -> Result:
    """Make an experiment, once per seed; other settings than its own are for tests.

    What the first seed gives under the name ``arrays`` is written to ``NAME.npz`` in ``out``; of a
    module with ``KEEP_ALL`` what each gives, under names that begin with the seed and a full stop.
    """
    module = importlib.import_module(f"rnnlib.experiments.{name}")
    count = module.SEEDS if seeds is None else seeds
    start, rows, kept = time.perf_counter(), [], dict[str, Any]()
    keep_all = getattr(module, "KEEP_ALL", False)
    for seed in range(count):
        before = time.perf_counter()
        rows.append(module.measure(seed, **settings))
        arrays = rows[-1].pop("arrays", {})
        if keep_all:
            kept |= {f"{seed}.{key}": array for key, array in arrays.items()}
        elif seed == 0:
            kept = arrays
        if kept and out:
            out.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(out / f"{name}.npz", **kept)
        if log:
            print(f"{name}: seed {seed}, {time.perf_counter() - before:.0f} s", file=log)
    return Result(
        name=name,
        command=f"python -m rnnlib.experiments run {name} --seeds {count}",
        seeds=list(range(count)),
        settings=_settings(module.measure) | settings,
        versions=_versions(),
        machine=machine.computer(),
        seconds=round(time.perf_counter() - start, 1),
        measured={key: np.array([row[key] for row in rows], dtype=float) for key in rows[0]},
    )


def write(result: Result, folder: Path) -> Path:
    """Write a result as JSON; what is not finite becomes null."""
    rows = {key: _plain(values) for key, values in result.measured.items()}
    others = {key: value for key, value in result._asdict().items() if key != "measured"}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in others.items()]
    inner = [f"    {json.dumps(key)}: {json.dumps(values)}" for key, values in rows.items()]
    text = ",\n".join([*lines, '  "measured": {\n' + ",\n".join(inner) + "\n  }"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text("{\n" + text + "\n}\n", encoding="utf-8")
    return path


def _plain(values: Any) -> Any:
    """Nested lists of numbers with so many digits."""
    if np.ndim(values):
        return [_plain(value) for value in values]
    return float(f"{values:.{DIGITS}g}") if np.isfinite(values) else None


def _settings(measure: Any) -> dict[str, Any]:
    """The defaults of an experiment."""
    parameters = inspect.signature(measure).parameters.values()
    return {p.name: p.default for p in parameters if p.name != "seed"}


def _versions() -> dict[str, str]:
    """Versions of what computes."""
    return machine.versions(*(name for name in PACKAGES if name in sys.modules))
