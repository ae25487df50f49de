r"""Attention: a query reads values, each in proportion to how well its key answers.

For one query ``q``, keys ``k_j`` and values ``v_j``, with a score ``e_j`` for each, and the mask
``m_j`` true where the query may look::

    α = softmax(e over the j with m_j)                               (attention-weights)
    y = Σ_j α_j v_j                                                  (attention)
    dv_j = α_j dy,  dα_j = v_jᵀ dy                                   (attention-dvalues)
    de_j = α_j (dα_j - Σ_i α_i dα_i)                                 (attention-dscores)

Scaled dot product (Vaswani et al. 2017; without the root Luong et al. 2015)::

    e_j = k_jᵀ q / √D                                                (dot-scores)
    dq = Σ_j de_j k_j / √D,  dk_j = de_j q / √D                      (dot-dinputs)

Additive (Bahdanau et al. 2015), with a layer of K hidden units::

    u_j = tanh(W_q q + W_k k_j),  e_j = wᵀ u_j                       (additive-scores)
    da_j = de_j w ∘ (1 - u_j²)                                       (additive-da)
    dw = Σ_j de_j u_j,  dW_q = Σ_j da_j qᵀ,  dW_k = Σ_j da_j k_jᵀ    (additive-dparams)
    dq = Σ_j W_qᵀ da_j,  dk_j = W_kᵀ da_j                            (additive-dinputs)

Here N counts the queries, T the keys. Every query, key and value belongs to one of B sequences, and
reads only there.
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array, softmax


class Params(NamedTuple):
    """What additive attention learns."""

    W_q: Array  # (K, D)
    W_k: Array  # (K, H)
    w: Array  # (K,)


class Cache(NamedTuple):
    """What the way back needs; for dot products H = D."""

    queries: Array  # (N, B, D)
    keys: Array  # (T, B, H)
    values: Array  # (T, B, V)
    weights: Array  # (N, B, T)


def init(rng: np.random.Generator, D: int, H: int, K: int) -> Params:
    """Draw parameters of additive attention: each uniform within ±1/√n, n the numbers it reads.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    D, H, K : int
        Size of a query, of a key, and number of hidden units.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    W_q, W_k = uniform(rng, (K, D), fan=D), uniform(rng, (K, H), fan=H)
    return Params(W_q, W_k, uniform(rng, (K,), fan=K))


def dot(
    queries: Array, keys: Array, values: Array, mask: Array | None = None
) -> tuple[Array, Cache]:
    """Attend by scaled dot products.

    Parameters
    ----------
    queries : Array
        ``(N, B, D)``.
    keys : Array
        ``(T, B, D)``.
    values : Array
        ``(T, B, V)``.
    mask : Array, optional
        True where a query may look, ``(N, B, T)`` or what broadcasts to it: ``(B, T)`` hides
        padding, ``(N, 1, T)`` the future. By default all is seen. What is hidden from every query
        changes neither the outputs nor a gradient, even if it is NaN.

    Returns
    -------
    Array
        What the queries read, ``(N, B, V)``.
    Cache
        For :func:`dot_backward`; its ``weights`` are the alignment.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or a query may look nowhere.
    """
    keys, values, mask = _enter(queries, keys, values, mask, "T B D")
    scores = np.einsum("nbd,tbd->nbt", queries, keys) / queries.shape[-1] ** 0.5  # (dot-scores)
    ys, weights = _read(scores, values, mask)
    return ys, Cache(queries, keys, values, weights)


def dot_backward(cache: Cache, dys: Array) -> tuple[Array, Array, Array]:
    """Send the gradient of what was read back.

    Parameters
    ----------
    cache : Cache
        What :func:`dot` kept.
    dys : Array
        Gradient with respect to its outputs, ``(N, B, V)``.

    Returns
    -------
    Array, Array, Array
        Gradients with respect to the queries, the keys and the values.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    dvalues, dscores = _read_backward(cache, dys)
    queries, keys, _, _ = cache
    de = dscores / queries.shape[-1] ** 0.5
    dqueries = np.einsum("nbt,tbd->nbd", de, keys)  # (dot-dinputs)
    return dqueries, np.einsum("nbt,nbd->tbd", de, queries), dvalues


def additive(
    params: Params, queries: Array, keys: Array, values: Array, mask: Array | None = None
) -> tuple[Array, Cache]:
    """Attend by a layer of hidden units.

    Parameters
    ----------
    params : Params
        The parameters.
    queries : Array
        ``(N, B, D)``.
    keys : Array
        ``(T, B, H)``.
    values, mask
        As for :func:`dot`.

    Returns
    -------
    Array
        What the queries read, ``(N, B, V)``.
    Cache
        For :func:`additive_backward`; its ``weights`` are the alignment.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or a query may look nowhere.
    """
    shapes.arguments(params=(params, Params), queries=(queries, "N B D"), keys=(keys, "T B H"))
    keys, values, mask = _enter(queries, keys, values, mask, "T B H")
    scores = _hidden(params, queries, keys) @ params.w  # (additive-scores)
    ys, weights = _read(scores, values, mask)
    return ys, Cache(queries, keys, values, weights)


def additive_backward(
    params: Params, cache: Cache, dys: Array
) -> tuple[Params, Array, Array, Array]:
    """Send the gradient of what was read back.

    Parameters
    ----------
    params : Params
        The parameters that :func:`additive` used.
    cache : Cache
        What it kept.
    dys : Array
        Gradient with respect to its outputs, ``(N, B, V)``.

    Returns
    -------
    Params
        Gradient with respect to the parameters.
    Array, Array, Array
        Gradients with respect to the queries, the keys and the values.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated.
    """
    shapes.arguments(params=(params, Params), cache=(cache, Cache))
    dvalues, de = _read_backward(cache, dys)
    (W_q, W_k, w), (queries, keys, _, _) = params, cache
    u = _hidden(params, queries, keys)  # again: kept, it would be the largest array of all
    da = de[..., None] * w * (1 - u**2)  # (additive-da)
    dq, dk = da.sum(2), da.sum(0).swapaxes(0, 1)
    dparams = Params(  # (additive-dparams)
        W_q=np.einsum("nbk,nbd->kd", dq, queries),
        W_k=np.einsum("tbk,tbh->kh", dk, keys),
        w=np.einsum("nbt,nbtk->k", de, u),
    )
    return dparams, dq @ W_q, dk @ W_k, dvalues  # (additive-dinputs)


def _enter(
    queries: Array, keys: Array, values: Array, mask: Array | None, dims: str
) -> tuple[Array, Array, Array]:
    """Keys and values with zeros where no query looks, and the mask in full."""
    sizes = shapes.arguments(
        queries=(queries, "N B D"), keys=(keys, dims), values=(values, "T B V")
    )
    full = tuple(sizes[k] for k in "NBT")
    mask = np.ones(full, dtype=bool) if mask is None else mask
    shapes.check_kind("mask", mask, "bool")
    try:
        mask = np.broadcast_to(mask, full)
    except ValueError:
        raise ValueError(f"mask: got shape {mask.shape}, expected one that fits {full}") from None
    if not mask.any(-1).all():
        raise ValueError("mask: got a query that may look nowhere, expected at least one key each")
    seen = np.any(mask, axis=0).T[..., None]
    return np.where(seen, keys, 0), np.where(seen, values, 0), mask


def _hidden(params: Params, queries: Array, keys: Array) -> Array:
    """Hidden units of additive attention, ``(N, B, T, K)``."""
    W_q, W_k, _ = params
    u: Array = np.tanh((queries @ W_q.T)[:, :, None] + (keys @ W_k.T).swapaxes(0, 1))
    return u


def _read(scores: Array, values: Array, mask: Array) -> tuple[Array, Array]:
    """What the queries read, and the weights."""
    weights = softmax(np.where(mask, scores, -np.inf))  # (attention-weights)
    return np.einsum("nbt,tbv->nbv", weights, values), weights  # (attention)


def _read_backward(cache: Cache, dys: Array) -> tuple[Array, Array]:
    """Gradients with respect to the values and the scores."""
    sizes = shapes.arguments(cache=(cache, Cache))
    shapes.check("dys", dys, ("N", "B", "V"), sizes)
    dvalues = np.einsum("nbt,nbv->tbv", cache.weights, dys)  # (attention-dvalues)
    dweights = np.einsum("nbv,tbv->nbt", dys, cache.values)
    mean = (cache.weights * dweights).sum(-1, keepdims=True)
    return dvalues, cache.weights * (dweights - mean)  # (attention-dscores)
