"""What the rungs check of what they are given, as :mod:`rnnlib.reference.bptt` does."""

from typing import Any

from rnnlib import shapes
from rnnlib.reference.ops import Array


def backward(params: Any, dhs: Array, dstate: Any, T: int, B: int) -> None:
    """Refuse gradients that do not fit what the forward has run.

    Parameters
    ----------
    params, dhs, dstate
        As for :func:`rnnlib.reference.bptt.backward`.
    T, B : int
        Number of steps and of examples that the forward has seen.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    sizes = {"T": T, "B": B}
    shapes.check_tuple("params", params, sizes)
    shapes.check_tuple("dstate", dstate, sizes)
    shapes.check("dhs", dhs, ("T", "B", "H"), sizes)
