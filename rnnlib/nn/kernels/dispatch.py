"""Which way is the fastest for a recurrence, by what was measured on a card of the same name.

``dispatch.json``, beside this file, has for each card the times of the ways at some sizes; it is
written by ``python -m rnnlib.bench gpu --dispatch`` and holds nothing that was not measured. Sizes
in between are judged by the measured ones around them: a way takes the place of torch's only where
it is faster, by a margin, at all of these, so that ``auto`` is nowhere slower than torch. As cuDNN
has faster kernels for units in multiples of 128, these and the others are not compared.

What was not measured goes to torch's kernels; where these lack an option, to what needs no table:
one kernel for all steps if the weights fit, else one launch per step in a graph.
"""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("dispatch.json")
WAYS = ("torch", "persistent", "graph")  # in the order in which the unmeasured are taken
MARGIN = 0.95  # of torch's time: what is not faster than that is not worth another way
ALIGNED = 128  # units in multiples of which cuDNN is fast

Table = Mapping[str, Mapping[str, Any]]  # by name of the card
Row = Mapping[str, Any]  # cell, dtype, T, B, H, and ms: milliseconds by way


def choose(
    among: tuple[str, ...],
    cell: str,
    device: str,
    dtype: Any,
    T: int,
    B: int,
    H: int,
    table: Table | None = None,
) -> str:
    """The way to run a recurrence.

    Parameters
    ----------
    among : tuple of str
        The ways that can run it, of ``WAYS``; at least one.
    cell : str
        Name of the cell, as ``"lstm"``.
    device : str
        Name of the card.
    dtype : torch.dtype or str
        What is computed in.
    T, B, H : int
        Number of steps, of sequences and of units.
    table : dict, optional
        What was measured; by default ``dispatch.json``.

    Returns
    -------
    str
        One of ``among``.

    Examples
    --------
    >>> choose(("graph", "torch"), "lstm", "a card nobody measured", None, 128, 16, 768)
    'torch'
    """
    ways = sorted(among, key=WAYS.index)
    card = (read() if table is None else table).get(device)
    if len(ways) == 1 or card is None:
        return ways[0]
    kind = precision(dtype)
    near = around(card["rows"], cell, kind, T, B, H)
    if not near:
        return ways[0]
    slowest = {way: worst(near, way, ways[0]) for way in ways[1:]}
    best = min(slowest, key=lambda way: slowest[way])
    needed = MARGIN if ways[0] == "torch" else 1.0
    return best if slowest[best] < needed else ways[0]


def precision(dtype: Any) -> str:
    """What the table calls a dtype: float32 is multiplied in two ways.

    By default torch's products are exact and its recurrent layers are not. Then there is nothing to
    compare, and no row has this name.
    """
    import torch

    name = str(dtype).removeprefix("torch.")
    if name not in ("float32", "tf32"):
        return name
    exact = torch.get_float32_matmul_precision() == "highest", not torch.backends.cudnn.allow_tf32
    return {(True, True): "float32", (False, False): "tf32"}.get(exact, "mixed")


def around(rows: Sequence[Row], cell: str, dtype: str, T: int, B: int, H: int) -> tuple[Row, ...]:
    """The measured rows around a size, up to eight; none if one is missing.

    Sequences may be longer or shorter than any measured: a step costs about the same. Batches and
    units may not.
    """
    alike = {
        (row["T"], row["B"], row["H"]): row
        for row in rows
        if (row["cell"], row["dtype"]) == (cell, dtype)
        and (row["H"] % ALIGNED == 0) == (H % ALIGNED == 0)
    }
    values = [sorted({size[k] for size in alike}) for k in range(3)]
    if not alike:
        return ()
    T = min(max(T, values[0][0]), values[0][-1])
    sides = [_sides(of, n) for of, n in zip(values, (T, B, H), strict=True)]
    found = [alike.get((t, b, h)) for t, b, h in itertools.product(*sides)]
    return () if None in found else tuple(row for row in found if row is not None)


def worst(rows: Sequence[Row], way: str, other: str) -> float:
    """The largest ratio of the time of a way to that of another; infinite if one is missing."""
    times = [row["ms"] for row in rows]
    if any(way not in ms or other not in ms for ms in times):
        return float("inf")
    return max(float(ms[way] / ms[other]) for ms in times)


@functools.cache
def read() -> Table:
    """What ``dispatch.json`` holds."""
    found: Table = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def write(card: str, found: Mapping[str, Any], path: Path = PATH) -> None:
    """Replace what the file has on a card.

    Parameters
    ----------
    card : str
        Its name.
    found : dict
        ``rows``, and with which versions they were measured.
    path : Path, optional
        The file.
    """
    held = json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps({**held, card: found}, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
    read.cache_clear()


def _sides(values: Sequence[int], n: int) -> list[int]:
    """The neighbours of a number below and above, itself if it is there; none outside."""
    if n in values:
        return [n]
    below, above = [v for v in values if v < n], [v for v in values if v > n]
    return [below[-1], above[0]] if below and above else []
