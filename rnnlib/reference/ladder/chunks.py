"""Steps of a sequence, taken several at a time from the last to the first."""

from collections.abc import Iterator

STEPS = 16  # enough for one product to be efficient, few enough to stay in the processor's cache


def backward(T: int) -> Iterator[tuple[int, int]]:
    """Cut a sequence into stretches of at most :data:`STEPS` steps, the last of them first.

    Parameters
    ----------
    T : int
        Number of steps.

    Returns
    -------
    iterator of tuple of int
        First step of each stretch, and the step after its last.

    Examples
    --------
    >>> list(backward(35))
    [(19, 35), (3, 19), (0, 3)]
    """
    return ((max(0, stop - STEPS), stop) for stop in range(T, 0, -STEPS))
