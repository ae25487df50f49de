"""What every optimiser is: a few numbers within their range, and a rule for trees of one form."""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import leaves, paths

P = TypeVar("P")  # the tree of parameters
FRACTIONS = {"mu", "rho", "beta1", "beta2"}


@dataclass(frozen=True)
class Optimiser:
    """What all share; each adds what it carries, :meth:`init`, and its :meth:`rule`.

    Parameters
    ----------
    lr : float
        Learning rate η.

    Raises
    ------
    ValueError
        If a number is negative or not finite, or a fraction is not below 1.
    """

    lr: float

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            limit = 1 if name in FRACTIONS else np.inf
            if not 0 <= (value := getattr(self, name)) < limit:
                raise ValueError(f"{name}: got {value}, expected a number from 0 to below {limit}")

    def init(self, params: Any) -> Any:
        """What is carried into the first step."""

    def rule(self, params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        """The equation; :meth:`update` has checked what comes in."""
        raise NotImplementedError

    def update(self, params: P, grads: P, state: Any = None) -> tuple[P, Any]:
        """Take one step; see the module for the equations.

        Parameters
        ----------
        params : tree of Array
            The parameters.
        grads : tree of Array
            The gradient with respect to them.
        state
            What :meth:`init` or the step before gave.

        Returns
        -------
        tree of Array
            The parameters after the step.
        state
            For the next step.

        Raises
        ------
        ValueError
            If the gradient or the state is not of the form and shapes of the parameters, or a
            leaf is no array of a floating dtype.
        """
        for name, tree in {"params": params, "grads": grads}.items():
            for path, a in zip(paths(name, tree), leaves(tree), strict=True):
                shapes.check(path, a, ("...",), {})
        _check_form("grads", grads, params)
        _check_form("state", state, self.init(params))
        after: tuple[P, Any] = self.rule(params, grads, state)
        return after


def _check_form(name: str, tree: Any, like: Any) -> None:
    """Refuse a tree that is not of the form and shapes of another."""
    names, want = paths(name, tree), paths(name, like)
    if names != want:
        raise ValueError(f"{name}: got {names}, expected {want}")
    for path, *pair in zip(names, leaves(tree), leaves(like), strict=True):
        got, expected = map(np.shape, pair)
        if got != expected:
            raise ValueError(f"{path}: got shape {got}, expected {expected} as in params")
