"""A class as classes are: most are right or nearly so, some are blank or broken, a few hang."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnlib.grading import mutants
from rnnlib.grading.table import Function, load, source
from tests.attacks.submissions import ATTACKS, NAME, ROOT, added, blank, dump, solved

SHARES = {  # of a hundred
    "right": 50,
    "partly right": 30,
    "blank": 8,
    "broken": 7,
    "ends its process": 3,
    "hangs": 2,
}
OF_ATTACKS = {  # kinds that stand in the suite of attacks, with what they deserve
    "broken": ("empty", "cut-off", "merge-conflict", "web-page", "no-cells"),
    "ends its process": ("exits", "exits-in-call", "segfault"),
    "hangs": ("loops", "loops-in-call"),
}


class Submission(NamedTuple):
    """What one student hands in."""

    kind: str
    content: bytes
    deserves: float


@cache
def variants() -> dict[str, list[tuple[Function | None, float]]]:
    """Of each function, ways to write it and what each is worth; None is not to write it."""
    table = load(Path(ROOT, "solutions", NAME))
    worth = {(row.function, row.variant): row.score for row in mutants.matrix(table)}
    return {
        graded.name: [
            (None, 0.0),
            *((f, worth[graded.name, f.__name__]) for f in graded.misconceptions),
            *((f, worth[graded.name, f.__name__]) for f in graded.alternatives),
        ]
        for graded in table
    }


def partly(rng: np.random.Generator, mark: str) -> Submission:
    """Of the functions some are right, and each of the others is one of its variants."""
    cells, lost, full = {}, 0.0, {g.name: g.points for g in load(Path(ROOT, "solutions", NAME))}
    for name in rng.permutation(list(full))[: rng.integers(1, len(full))]:
        variant, score = variants()[name][rng.integers(len(variants()[name]))]
        cells[name] = "pass" if variant is None else source(variant, name)
        lost += full[name] - score
    notebook = solved(**cells)
    notebook["cells"].append(added(mark, "markdown"))
    return Submission("partly right", dump(notebook), sum(full.values()) - lost)


def submission(kind: str, rng: np.random.Generator, mark: str) -> Submission:
    """One of a kind; the mark makes it differ from all others."""
    if kind == "partly right":
        return partly(rng, mark)
    if kind in OF_ATTACKS:
        name = rng.choice(OF_ATTACKS[kind])
        [attack] = [attack for attack in ATTACKS if attack.name == name]
        made = attack.make()
        return Submission(kind, made if isinstance(made, bytes) else dump(made), attack.deserves)
    notebook = solved() if kind == "right" else blank()
    notebook["cells"].append(added(mark, "markdown"))
    return Submission(kind, dump(notebook), 100 if kind == "right" else 0)


def make(n: int, seed: int) -> dict[str, Submission]:
    """A class of n students.

    Parameters
    ----------
    n : int
        At least a few dozen, for one of each kind.
    seed : int

    Returns
    -------
    dict
        From the student's id to what is handed in.
    """
    rng = np.random.default_rng(seed)
    kinds = [kind for kind, share in SHARES.items() for _ in range(max(1, n * share // 100))]
    kinds = ["right"] * (n - len(kinds)) + kinds
    mixed = (str(kind) for kind in rng.permutation(kinds[len(kinds) - n :]))
    return {
        f"student-{k:04}": submission(kind, rng, f"Handed in as number {k}.")
        for k, kind in enumerate(mixed)
    }
