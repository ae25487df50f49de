r"""How far is what was read from what was meant? The edit distance (Levenshtein 1966).

The fewest symbols to put in, take out or replace; ``d(i, j)`` is that of the first i and the first
j symbols::

    d(i, 0) = i,  d(0, j) = j
    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + 1{a_i ≠ b_j})   (edit)
    error rate = Σ d / Σ n                                           (edit-rate)

with n the number of symbols that were meant. It can be above one.
"""

from collections.abc import Sequence
from typing import Any


def distance(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Edit distance of two sequences.

    Parameters
    ----------
    a, b : sequence
        Symbols, or anything that can be compared.

    Returns
    -------
    int
        From the difference of the lengths to the longer one.

    Examples
    --------
    >>> distance("", "abc"), distance("abcd", "bcde")
    (3, 2)
    """
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))  # (edit)
    return row[-1]


def error_rate(said: Sequence[Sequence[Any]], meant: Sequence[Sequence[Any]]) -> float:
    """Edits per symbol that was meant, over many sequences.

    Parameters
    ----------
    said, meant : sequence of sequence
        What was read, and what should have been.

    Returns
    -------
    float
        At least zero.

    Raises
    ------
    ValueError
        If there are not as many of the one as of the other, or nothing was meant.

    Examples
    --------
    >>> error_rate(["", "12"], ["123", "2"])
    1.0
    """
    if len(said) != len(meant):
        raise ValueError(f"said: got {len(said)} sequences, expected {len(meant)}, as were meant")
    n = sum(len(b) for b in meant)
    if n == 0:
        raise ValueError("meant: got no symbols, expected at least 1")
    return sum(distance(a, b) for a, b in zip(said, meant, strict=True)) / n  # (edit-rate)
