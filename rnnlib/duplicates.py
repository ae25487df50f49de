"""Which parts of a text stand, word for word, in another one.

Two stretches of n symbols are equal if both halves are. So we number the stretches of length 1, 2,
4, ... of both texts such that equal ones have equal numbers; a number for twice the length is one
for a pair of numbers (Karp, Miller & Rosenberg 1972). Nothing is hashed: equal numbers are equal
stretches.
"""

import numpy as np
from numpy.typing import NDArray

from rnnlib.reference.ops import Array

Ids = NDArray[np.int64]
Marks = NDArray[np.bool_]


def name(symbols: Ids, n: int) -> Ids:
    """Number every stretch of n symbols; equal stretches have equal numbers, others have not.

    Parameters
    ----------
    symbols : Array of int
        Any integers from 0, ``(T,)``.
    n : int
        Length of a stretch, a power of two.

    Returns
    -------
    Array of int
        One number for each beginning, ``(T - n + 1,)``.

    Raises
    ------
    ValueError
        If n is no power of two, or longer than the text.

    Examples
    --------
    >>> name(np.array([7, 8, 7, 8, 7]), 2)
    array([0, 1, 0, 1])
    """
    if n < 1 or n & (n - 1) or n > len(symbols):
        raise ValueError(f"n: got {n}, expected a power of two, at most {len(symbols)}")
    _, numbers = np.unique(symbols, return_inverse=True)
    length = 1
    while length < n:
        pairs = numbers[:-length] * (numbers.max() + 1) + numbers[length:]
        _, numbers = np.unique(pairs, return_inverse=True)
        length *= 2
    return numbers


def copied(texts: list[Ids], known: Ids, n: int) -> list[Marks]:
    """Mark every symbol that lies in a stretch of n symbols that another text has, too.

    Parameters
    ----------
    texts : list of Array of int
        Symbols from 0, each text ``(T,)``.
    known : Array of int
        The other text, ``(T,)``.
    n : int
        Length of a stretch, a power of two; no text may be shorter.

    Returns
    -------
    list of Array of bool
        For each text, ``(T,)``.

    Raises
    ------
    ValueError
        As for :func:`name`.
    """
    apart = max(int(text.max()) for text in [*texts, known]) + 1
    joined = [known]
    for k, text in enumerate(texts):
        joined += [np.array([apart + k]), text]  # a symbol that occurs once parts the texts
    numbers = name(np.concatenate(joined), n)
    there = np.isin(numbers, numbers[: len(known) - n + 1])
    found, begin = [], len(known) + 1
    for text in texts:
        starts = np.flatnonzero(there[begin : begin + len(text) - n + 1])
        change = np.zeros(len(text) + 1, dtype=np.int64)
        np.add.at(change, starts, 1)
        np.add.at(change, starts + n, -1)
        found.append(change.cumsum()[:-1] > 0)
        begin += len(text) + 1
    return found


def without(text: str, marks: Marks, share: float) -> str:
    """Leave out the paragraphs of which at least a share is marked.

    Parameters
    ----------
    text : str
        Any text; paragraphs are parted by empty lines.
    marks : Array of bool
        One per character, ``(T,)``.
    share : float
        Of a paragraph's characters, above 0 and at most 1.

    Returns
    -------
    str
        The other paragraphs, in order.

    Raises
    ------
    ValueError
        If there is not one mark per character, or the share is out of range.

    Examples
    --------
    >>> without("ab\\n\\ncd", np.array([1, 1, 0, 0, 0, 1], bool), 0.6)
    'cd'
    """
    if len(marks) != len(text):
        raise ValueError(f"marks: got {len(marks)}, expected {len(text)}, one per character")
    if not 0 < share <= 1:
        raise ValueError(f"share: got {share}, expected above 0, at most 1")
    kept, begin = [], 0
    for paragraph in text.split("\n\n"):
        part: Array = marks[begin : begin + len(paragraph)]
        if part.sum() < share * max(len(part), 1):
            kept.append(paragraph)
        begin += len(paragraph) + 2
    return "\n\n".join(kept)
