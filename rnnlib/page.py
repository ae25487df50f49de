"""What a chapter's cells share."""

from numbers import Integral
from typing import Any


def keep(**numbers: Any) -> None:
    """Keep measured numbers under their names, for the prose of the page to show.

    Parameters
    ----------
    **numbers : float or int
        What was measured; the prose writes ``{glue:text}`name:.1f```.

    Raises
    ------
    ImportError
        If the book's tools are not installed.
    """
    from myst_nb import glue

    for name, number in numbers.items():
        glue(name, int(number) if isinstance(number, Integral) else float(number), display=False)
