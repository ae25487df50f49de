r"""Learning rates that depend on the step.

With ``t`` the step from 1, ``η`` the highest rate, ``η₀`` the lowest, ``n`` the length::

    η_t = η min(1, t / n)                                            (warm-up)
    η_t = η₀ + (η - η₀) (1 + cos(π min(1, (t - 1) / n))) / 2         (cosine)

A schedule is any function from ``t`` to a rate. :class:`Scheduled` puts it into any optimiser::

    Scheduled(Adam(), lambda t: warm_up_cosine(t, 0.01, rise=100, fall=900))
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from rnnlib.reference.optimiser import Optimiser

P = TypeVar("P")  # the tree of parameters


def warm_up(t: int, lr: float, n: int) -> float:
    """Rise in a line from ``lr / n`` at the first step to ``lr`` at step n, and stay.

    Parameters
    ----------
    t : int
        The step, from 1.
    lr : float
        The rate η at the end.
    n : int
        Number of steps.

    Returns
    -------
    float
        The rate at this step.

    Raises
    ------
    ValueError
        If ``t`` or ``n`` is not positive.

    Examples
    --------
    >>> [warm_up(t, 1.0, n=4) for t in (1, 4, 5)]
    [0.25, 1.0, 1.0]
    """
    _check_positive(t=t, n=n)
    return lr * min(1.0, t / n)  # (warm-up)


def cosine(t: int, lr: float, n: int, lowest: float = 0.0) -> float:
    """Fall along half a cosine from ``lr`` at the first step (Loshchilov & Hutter 2017).

    Parameters
    ----------
    t : int
        The step, from 1.
    lr : float
        The rate η at the first step.
    n : int
        Number of steps of the fall; the step after them, and all later ones, get ``lowest``.
    lowest : float
        The rate η₀ at the end.

    Returns
    -------
    float
        The rate at this step.

    Raises
    ------
    ValueError
        If ``t`` or ``n`` is not positive.

    Examples
    --------
    >>> [round(cosine(t, 1.0, n=4), 3) for t in (1, 3, 5, 6)]
    [1.0, 0.5, 0.0, 0.0]
    """
    _check_positive(t=t, n=n)
    share = (1 + math.cos(math.pi * min(1.0, (t - 1) / n))) / 2
    return lowest + (lr - lowest) * share  # (cosine)


def warm_up_cosine(t: int, lr: float, rise: int, fall: int, lowest: float = 0.0) -> float:
    """Rise for some steps by :func:`warm_up`, then fall by :func:`cosine`.

    Parameters
    ----------
    t : int
        The step, from 1.
    lr : float
        The highest rate, that of step ``rise``.
    rise, fall : int
        Number of steps up and down.
    lowest : float
        The rate after both.

    Returns
    -------
    float
        The rate at this step.

    Raises
    ------
    ValueError
        If ``t``, ``rise`` or ``fall`` is not positive.
    """
    _check_positive(t=t, rise=rise, fall=fall)
    return warm_up(t, lr, rise) if t < rise else cosine(t - rise + 1, lr, fall, lowest)


class ScheduledState(NamedTuple):
    """What is carried from step to step."""

    t: int
    inner: Any


@dataclass(frozen=True)
class Scheduled:
    """An optimiser whose learning rate follows a schedule.

    Parameters
    ----------
    optimiser : Optimiser
        Any; its own ``lr`` is not used.
    schedule : callable
        From the step, counted from 1, to the learning rate.
    """

    optimiser: Optimiser
    schedule: Callable[[int], float]

    def init(self, params: Any) -> ScheduledState:
        """Start at step 0 with what the optimiser starts with."""
        return ScheduledState(0, self.optimiser.init(params))

    def update(self, params: P, grads: P, state: ScheduledState) -> tuple[P, ScheduledState]:
        """Take one step of the optimiser at the rate of this step.

        Parameters
        ----------
        params, grads, state
            As for :meth:`rnnlib.reference.optimiser.Optimiser.update`.

        Returns
        -------
        tree of Array
            The parameters after the step.
        ScheduledState
            For the next step.

        Raises
        ------
        ValueError
            As the optimiser does, or if the state is not that of a scheduled one.
        """
        if not isinstance(state, ScheduledState):
            raise ValueError(f"state: got {type(state).__name__}, expected ScheduledState")
        t = state.t + 1
        optimiser = replace(self.optimiser, lr=self.schedule(t))
        params, inner = optimiser.update(params, grads, state.inner)
        return params, ScheduledState(t, inner)


def _check_positive(**counts: int) -> None:
    """Refuse a count below one."""
    for name, count in counts.items():
        if not count >= 1:
            raise ValueError(f"{name}: got {count}, expected a positive integer")
