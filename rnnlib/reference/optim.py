r"""Optimisers: from a gradient to the next parameters.

With ``g`` the gradient, ``θ`` the parameters, ``η`` the learning rate, ``t`` the step from 1::

    g ← g min(1, c / ‖g‖)                                            (clip-norm)
    g ← max(-c, min(c, g))                                           (clip-value)

    θ' = θ - η g                                                     (sgd)

    v' = μ v + g,  θ' = θ - η v'                                     (momentum)
    v' = μ v + g,  θ' = θ - η (g + μ v')                             (nesterov)

    v' = v + g²,  θ' = θ - η g / (√v' + ε)                           (adagrad)
    v' = ρ v + (1 - ρ) g²,  θ' = θ - η g / (√v' + ε)                 (rmsprop)

    m' = β₁ m + (1 - β₁) g,  v' = β₂ v + (1 - β₂) g²                 (adam-moments)
    θ' = θ - η (m' / (1 - β₁ᵗ)) / (√(v' / (1 - β₂ᵗ)) + ε)            (adam)
    θ ← (1 - η λ) θ,  then as Adam                                   (adamw)

An optimiser is a frozen dataclass: ``state = o.init(params)`` once, then
``params, state = o.update(params, grads, state)`` for every step. Nothing is changed in place.
:mod:`rnnlib.reference.optimiser` checks what comes in, :mod:`rnnlib.reference.schedule` lets the
learning rate depend on ``t``.
"""

from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Tree, leaves, tree_map, zeros_like
from rnnlib.reference.optimiser import Optimiser

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
    _check_clip("max_norm", max_norm, grads)
    norm = global_norm(grads)
    scale = max_norm / norm if norm > max_norm else 1.0
    return tree_map(lambda g: g * scale, grads), norm  # (clip-norm)


def clip_by_value(grads: Tree, max_value: float) -> Tree:
    """Cut every number of a gradient to a range; this may turn it.

    Parameters
    ----------
    grads : tree of Array
        The gradient.
    max_value : float
        The size that no number may exceed.

    Returns
    -------
    tree of Array
        The gradient, each number between ``-max_value`` and ``max_value``.

    Raises
    ------
    ValueError
        If ``max_value`` is not positive, or a leaf of the gradient is no array of a floating dtype.
    """
    _check_clip("max_value", max_value, grads)
    return tree_map(lambda g: np.clip(g, -max_value, max_value), grads)  # (clip-value)


def _check_clip(name: str, limit: float, grads: Any) -> None:
    """Refuse a limit that is not positive, and what is no gradient."""
    if not limit > 0:
        raise ValueError(f"{name}: got {limit}, expected a positive number")
    for g in leaves(grads):
        shapes.check("grads", g, ("...",), {})


class SGD(Optimiser):
    """Gradient descent."""

    def rule(self, params: P, grads: P, state: None) -> tuple[P, None]:
        return tree_map(lambda p, g: p - self.lr * g, params, grads), None  # (sgd)


@dataclass(frozen=True)
class Momentum(Optimiser):
    """Gradient descent with momentum (Polyak 1964), in the form of ``torch.optim.SGD``.

    Parameters
    ----------
    lr : float
        Learning rate η.
    mu : float
        Fraction μ of the velocity that is kept.
    """

    mu: float = 0.9

    def init(self, params: P) -> P:
        """Start at rest."""
        return zeros_like(params)

    def rule(self, params: P, grads: P, state: P) -> tuple[P, P]:
        state = tree_map(lambda v, g: self.mu * v + g, state, grads)  # (momentum)
        return tree_map(lambda p, v: p - self.lr * v, params, state), state


class Nesterov(Momentum):
    """Momentum that looks ahead (Nesterov 1983; in the form of Sutskever et al. 2013 and torch)."""

    def rule(self, params: P, grads: P, state: P) -> tuple[P, P]:
        _, state = super().rule(params, grads, state)
        ahead = tree_map(lambda v, g: g + self.mu * v, state, grads)
        return tree_map(lambda p, d: p - self.lr * d, params, ahead), state  # (nesterov)


@dataclass(frozen=True)
class AdaGrad(Optimiser):
    """Steps that shrink with all that has been seen of a gradient (Duchi et al. 2011).

    Parameters
    ----------
    lr : float
        Learning rate η.
    eps : float
        Keeps the division finite.
    """

    lr: float = 1e-2
    eps: float = 1e-10

    def init(self, params: P) -> P:
        """Start with no squares."""
        return zeros_like(params)

    def rule(self, params: P, grads: P, state: P) -> tuple[P, P]:
        state = tree_map(lambda v, g: v + g * g, state, grads)  # (adagrad)
        return _scaled_step(params, grads, state, self.lr, self.eps), state


@dataclass(frozen=True)
class RMSProp(Optimiser):
    """Steps in proportion to a gradient over its recent size (Tieleman & Hinton 2012).

    Parameters
    ----------
    lr : float
        Learning rate η.
    rho : float
        Fraction ρ of the mean square that is kept; torch calls it ``alpha``.
    eps : float
        Keeps the division finite.
    """

    lr: float = 1e-2
    rho: float = 0.99
    eps: float = 1e-8

    def init(self, params: P) -> P:
        """Start with a mean square of zero."""
        return zeros_like(params)

    def rule(self, params: P, grads: P, state: P) -> tuple[P, P]:
        rho = self.rho
        state = tree_map(lambda v, g: rho * v + (1 - rho) * g * g, state, grads)  # (rmsprop)
        return _scaled_step(params, grads, state, self.lr, self.eps), state


class AdamState(NamedTuple, Generic[P]):
    """What Adam carries from step to step."""

    t: int
    m: P
    v: P


@dataclass(frozen=True)
class Adam(Optimiser):
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

    def rule(self, params: P, grads: P, state: AdamState[P]) -> tuple[P, AdamState[P]]:
        b1, b2, t = self.beta1, self.beta2, state.t + 1
        m = tree_map(lambda m, g: b1 * m + (1 - b1) * g, state.m, grads)  # (adam-moments)
        v = tree_map(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, grads)
        m_hat = tree_map(lambda m: m / (1 - b1**t), m)
        v_hat = tree_map(lambda v: v / (1 - b2**t), v)
        return _scaled_step(params, m_hat, v_hat, self.lr, self.eps), AdamState(t, m, v)  # (adam)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weights that decay apart from the gradient (Loshchilov & Hutter 2019).

    Parameters
    ----------
    lr, beta1, beta2, eps : float
        As for :class:`Adam`.
    weight_decay : float
        Share λ of every parameter, times η, that a step takes away.
    """

    weight_decay: float = 1e-2

    def rule(self, params: P, grads: P, state: AdamState[P]) -> tuple[P, AdamState[P]]:
        decayed = tree_map(lambda p: (1 - self.lr * self.weight_decay) * p, params)  # (adamw)
        return super().rule(decayed, grads, state)


def _scaled_step(params: P, m: P, v: P, lr: float, eps: float) -> P:
    """A step against ``m``, each number over the root of its ``v``."""
    return tree_map(lambda p, m, v: p - lr * m / (np.sqrt(v) + eps), params, m, v)
