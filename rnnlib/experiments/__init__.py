"""Long runs, each a question with a prediction; their results are kept in ``book/results/``.

``python -m rnnlib.experiments list`` says which there are, and
``python -m rnnlib.experiments run NAME`` makes one of them again. A chapter reads a result by
:func:`load`.

An experiment is a module with a docstring that says the question, the prediction and what is
measured; ``SEEDS``, how many; ``QUICK``, settings that make it short; and
``measure(seed, **settings)``, which gives numbers and arrays by name. The command calls it once per
seed and stacks what it gives.
What the first seed gives under the name ``arrays``, arrays by name, is kept in
``book/results/NAME.npz``, such as trained weights; see :mod:`rnnlib.characters`. A module with
``KEEP_ALL = True`` keeps those of every seed, such as ``0.readout.bias``.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rnnlib.reference.ops import Array

_PACKAGE = Path(__file__).parents[1]

#: Where the results are: with the book in the repository, in the package where that is installed.
RESULTS = _PACKAGE.parent / "book" / "results"
if not RESULTS.is_dir():
    RESULTS = _PACKAGE / "results"


class Result(NamedTuple):
    """What an experiment has measured, and how."""

    name: str
    command: str
    seeds: list[int]
    settings: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, Any]
    seconds: float
    measured: "dict[str, Array]"  # each with one row per seed


def names() -> list[str]:
    """Names of the experiments.

    Returns
    -------
    list of str
        In alphabetical order.
    """
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(stem for stem in stems if not stem.startswith("_"))


def load(name: str, folder: Path = RESULTS) -> Result:
    """Read a result.

    Parameters
    ----------
    name : str
        Name of the experiment.
    folder : Path
        Where it lies.

    Returns
    -------
    Result
        What was measured, in arrays; what did not happen, such as the step at which a task that
        was not solved was solved, is NaN.

    Raises
    ------
    ValueError
        If there is no such experiment, or no result of it.
    """
    import numpy as np

    path = folder / f"{name}.json"
    if name not in names():
        raise ValueError(f"name: got {name!r}, expected one of {names()}")
    if not path.exists():
        raise ValueError(f"name: got {name!r}, which has no result yet; run it")
    fields = json.loads(path.read_text(encoding="utf-8"))
    measured = {key: np.array(rows, dtype=np.float64) for key, rows in fields["measured"].items()}
    return Result(**(fields | {"measured": measured}))
