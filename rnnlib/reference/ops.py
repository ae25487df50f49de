"""What every module needs: functions that the complex step can differentiate, and trees of arrays.

A *tree* is an array, or a (named) tuple of trees: the parameters of a network, its state, a
gradient. A gradient is a tree of the same type as what it differentiates.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tree = TypeVar("Tree")


def sigmoid(a: Array) -> Array:
    """Logistic function, written with tanh so that it never overflows.

    Parameters
    ----------
    a : Array
        Preactivations, of any shape.

    Returns
    -------
    Array
        ``1 / (1 + exp(-a))``, of the same shape.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return 0.5 * (1.0 + np.tanh(0.5 * a))


def logsumexp(a: Array) -> Array:
    """Logarithm of the summed exponentials over the last axis, shifted so that none overflows.

    The logarithm of nothing, where all of a row is -inf, is -inf.

    Parameters
    ----------
    a : Array
        Logits, ``(..., V)``. Real or complex: the shift is by a real number, hence analytic.

    Returns
    -------
    Array
        ``log(sum(exp(a), -1))`` with the last axis kept, ``(..., 1)``.

    Examples
    --------
    >>> logsumexp(np.array([1000.0, 1000.0])) - 1000  # log 2
    array([0.69314718])
    """
    shift = a.real.max(axis=-1, keepdims=True)
    shift = np.where(np.isinf(shift), 0, shift)
    with np.errstate(divide="ignore"):  # log 0
        result: Array = shift + np.log(np.exp(a - shift).sum(axis=-1, keepdims=True))
    return result


def softmax(a: Array) -> Array:
    """Probabilities in proportion to the exponentials of the last axis.

    Parameters
    ----------
    a : Array
        Logits, ``(..., V)``.

    Returns
    -------
    Array
        Probabilities of the same shape; they sum to one over the last axis.

    Examples
    --------
    >>> softmax(np.array([0.0, 1000.0]))
    array([0., 1.])
    """
    p: Array = np.exp(a - logsumexp(a))
    return p


def leaves(tree: Any) -> list[Array]:
    """List the arrays of a tree, in order.

    Parameters
    ----------
    tree : tree of Array
        An array, or a (named) tuple of trees.

    Returns
    -------
    list of Array
        Its arrays, depth first.
    """
    return [a for t in tree for a in leaves(t)] if isinstance(tree, tuple) else [tree]


def paths(name: str, tree: Any) -> list[str]:
    """Name the arrays of a tree, in the order of :func:`leaves`.

    Parameters
    ----------
    name : str
        Name of the tree.
    tree : tree of Array
        An array, or a (named) tuple of trees.

    Returns
    -------
    list of str
        Their names.

    Examples
    --------
    >>> paths("network", (np.zeros(2), (np.zeros(3),)))
    ['network[0]', 'network[1][0]']
    """
    if not isinstance(tree, tuple):
        return [name]
    fields = getattr(tree, "_fields", None)
    ends = [f".{field}" for field in fields] if fields else [f"[{i}]" for i in range(len(tree))]
    return [path for end, t in zip(ends, tree, strict=True) for path in paths(name + end, t)]


def tree_map(f: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply a function to the arrays of one or more trees of the same form.

    Parameters
    ----------
    f : callable
        Takes one array of each tree and returns an array.
    tree, *others : tree of Array
        Trees of the same form.

    Returns
    -------
    tree of Array
        A tree of the type of the first.

    Raises
    ------
    ValueError
        If the trees are not of the same form.
    """
    if not isinstance(tree, tuple):
        return f(tree, *others)  # type: ignore[no-any-return]
    children = (tree_map(f, *ts) for ts in zip(tree, *others, strict=True))
    return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)


def zeros_like(tree: Tree) -> Tree:
    """A tree of zeros, of the form of another."""
    return tree_map(np.zeros_like, tree)


def add(p: Tree, q: Tree) -> Tree:
    """Sum of two trees of the same form."""
    return tree_map(np.add, p, q)
