r"""Optimisers: from a gradient to the next parameters.

With ``g`` the gradient, ``θ`` the parameters, ``η`` the learning rate, ``t`` the step from 1::

    g ← g min(1, c / ‖g‖)                                            (clip-norm)

    θ' = θ - η g                                                     (sgd)

    v' = μ v + g,  θ' = θ - η v'                                     (momentum)

    m' = β₁ m + (1 - β₁) g,  v' = β₂ v + (1 - β₂) g²                 (adam-moments)
    θ' = θ - η (m' / (1 - β₁ᵗ)) / (√(v' / (1 - β₂ᵗ)) + ε)            (adam)

An optimiser is a frozen dataclass: ``state = o.init(params)`` once, then
``params, state = o.update(params, grads, state)`` for every step. Nothing is changed in place.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Tree, leaves, tree_map, zeros_like

P = TypeVar("P")  # the tree of parameters


def global_norm(grads: Tree) -> float:
    """Euclidean norm of all arrays of a tree, taken as one vector."""
    return float(np.sqrt(sum((g * g).sum() for g in leaves(grads))))


def clip_by_global_norm(grads: Tree, max_norm: float) -> tuple[Tree, float]:
    """Shorten a gradient to a maximal norm and keep its direction (Pascanu et al. 2013).

    Parameters
    ----------
    grads : tree of Array
        The gradient.
    max_norm : float
        The norm that it may not exceed.

    Returns
    -------
    tree of Array
        The gradient, unchanged if it was short enough.
    float
        Its norm before.

    Raises
    ------
    ValueError
        If ``max_norm`` is not positive, or a leaf of the gradient is no array of a floating dtype.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm: got {max_norm}, expected a positive number")
    for g in leaves(grads):
        shapes.check("grads", g, ("...",), {})
    norm = global_norm(grads)
    scale = max_norm / norm if norm > max_norm else 1.0
    return tree_map(lambda g: g * scale, grads), norm  # (clip-norm)


@dataclass(frozen=True)
class SGD:
    """Gradient descent.

    Parameters
    ----------
    lr : float
        Learning rate η.
    """

    lr: float

    def init(self, params: P) -> None:
        """Nothing is carried from step to step."""

    def update(self, params: P, grads: P, state: None = None) -> tuple[P, None]:
        """Take one step; see the module for the equations."""
        return tree_map(lambda p, g: p - self.lr * g, params, grads), None  # (sgd)


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with momentum (Polyak 1964), in the form of ``torch.optim.SGD``.

    Parameters
    ----------
    lr : float
        Learning rate η.
    mu : float
        Fraction μ of the velocity that is kept.
    """

    lr: float
    mu: float = 0.9

    def init(self, params: P) -> P:
        """Start at rest."""
        return zeros_like(params)

    def update(self, params: P, grads: P, state: P) -> tuple[P, P]:
        """Take one step; see the module for the equations."""
        state = tree_map(lambda v, g: self.mu * v + g, state, grads)  # (momentum)
        return tree_map(lambda p, v: p - self.lr * v, params, state), state


class AdamState(NamedTuple, Generic[P]):
    """What Adam carries from step to step."""

    t: int
    m: P
    v: P


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015).

    Parameters
    ----------
    lr : float
        Learning rate η.
    beta1, beta2 : float
        Fractions of the two moments that are kept.
    eps : float
        Keeps the division finite.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def init(self, params: P) -> AdamState[P]:
        """Start with both moments at zero."""
        return AdamState(0, zeros_like(params), zeros_like(params))

    def update(self, params: P, grads: P, state: AdamState[P]) -> tuple[P, AdamState[P]]:
        """Take one step; see the module for the equations."""
        b1, b2, t = self.beta1, self.beta2, state.t + 1
        m = tree_map(lambda m, g: b1 * m + (1 - b1) * g, state.m, grads)  # (adam-moments)
        v = tree_map(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, grads)
        params = tree_map(  # (adam)
            lambda p, m, v: p - self.lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + self.eps),
            *(params, m, v),
        )
        return params, AdamState(t, m, v)
