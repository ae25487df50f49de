"""What a chapter's cells share."""

import html
import importlib
from numbers import Integral
from typing import Any

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Array


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


def play(wave: Array, rate: int, words: str) -> None:
    """Show a player for a sound; its WAV is written into the page, which then needs no other file.

    Parameters
    ----------
    wave : Array
        Sound pressure, ``(T,)``; the largest absolute value becomes full scale.
    rate : int
        Samples per second.
    words : str
        What is to be heard, shown beside the player and read out to those who do not see it.

    Raises
    ------
    ImportError
        If the book's tools are not installed.
    ValueError
        If the wave is not one row, is silent, or holds what is no number.
    """
    jupyter: Any = importlib.import_module("IPython.display")
    shapes.arguments(wave=(wave, "T"))
    if not np.isfinite(wave).all() or not wave.any():
        raise ValueError("wave: got silence, or what is no number, expected a sound")
    said, source = html.escape(words), jupyter.Audio(wave, rate=rate).src_attr()
    player = f'<audio controls aria-label="{said}" src="{source}" style="max-width: 100%"></audio>'
    jupyter.display(jupyter.HTML(f'<div class="sound">{player}<div>{said}</div></div>'))
