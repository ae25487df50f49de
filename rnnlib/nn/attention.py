r"""Attention: a query reads values, each in proportion to how well its key answers.

For one query ``q``, keys ``k_j`` and values ``v_j``, with a score ``e_j`` for each, and the mask
``m_j`` true where the query may look::

    α = softmax(e over the j with m_j)                               (attention-weights)
    y = Σ_j α_j v_j                                                  (attention)

Scaled dot product (Vaswani et al. 2017; without the root Luong et al. 2015)::

    e_j = k_jᵀ q / √D                                                (dot-scores)

Additive (Bahdanau et al. 2015), with a layer of K hidden units::

    u_j = tanh(W_q q + W_k k_j),  e_j = wᵀ u_j                       (additive-scores)

Here N counts the queries, T the keys. Every query, key and value belongs to one of B sequences, and
reads only there.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance


class Params(NamedTuple):
    """What additive attention learns."""

    W_q: Tensor  # (K, D)
    W_k: Tensor  # (K, H)
    w: Tensor  # (K,)


def dot(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attend by scaled dot products.

    Parameters
    ----------
    queries : Tensor
        ``(N, B, D)``.
    keys : Tensor
        ``(T, B, D)``.
    values : Tensor
        ``(T, B, V)``.
    mask : Tensor of bool, optional
        True where a query may look, ``(N, B, T)`` or what broadcasts to it: ``(B, T)`` hides
        padding, ``(N, 1, T)`` the future. By default all is seen. What is hidden from every query
        changes neither the outputs nor a gradient, even if it is NaN.

    Returns
    -------
    Tensor
        What the queries read, ``(N, B, V)``.
    Tensor
        The weights, ``(N, B, T)``: the alignment.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or a query may look nowhere.
    """
    keys, values, mask = _enter(queries, keys, values, mask, "T B D")
    scores = torch.einsum("nbd,tbd->nbt", queries, keys) / queries.shape[-1] ** 0.5  # (dot-scores)
    return _read(scores, values, mask)


def additive(
    params: Params, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attend by a layer of hidden units.

    Parameters
    ----------
    params : Params
        The parameters.
    queries : Tensor
        ``(N, B, D)``.
    keys : Tensor
        ``(T, B, H)``.
    values, mask
        As for :func:`dot`.

    Returns
    -------
    Tensor
        What the queries read, ``(N, B, V)``.
    Tensor
        The weights, ``(N, B, T)``: the alignment.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or a query may look nowhere.
    """
    entrance.check(params=(params, Params), queries=(queries, "N B D"), keys=(keys, "T B H"))
    keys, values, mask = _enter(queries, keys, values, mask, "T B H")
    scores = _hidden(params, queries, keys) @ params.w  # (additive-scores)
    return _read(scores, values, mask)


def _enter(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dims: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Keys and values with zeros where no query looks, and the mask in full."""
    entrance.check(queries=(queries, "N B D"), keys=(keys, dims), values=(values, "T B V"))
    if mask is None:
        return keys, values, mask
    full = (*queries.shape[:2], len(keys))
    if mask.dtype != torch.bool:
        raise ValueError(f"mask: got dtype {mask.dtype}, expected bool")
    try:
        mask = mask.expand(full)
    except RuntimeError:
        got = tuple(mask.shape)
        raise ValueError(f"mask: got shape {got}, expected one that fits {full}") from None
    if entrance.may_look(mask) and not mask.any(-1).all():
        raise ValueError("mask: got a query that may look nowhere, expected at least one key each")
    seen = mask.any(0).T[..., None]
    return torch.where(seen, keys, 0), torch.where(seen, values, 0), mask


def _hidden(params: Params, queries: Tensor, keys: Tensor) -> Tensor:
    """Hidden units of additive attention, ``(N, B, T, K)``."""
    W_q, W_k, _ = params
    return torch.tanh((queries @ W_q.T)[:, :, None] + (keys @ W_k.T).swapaxes(0, 1))


def _read(scores: Tensor, values: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the queries read, and the weights."""
    scores = scores if mask is None else torch.where(mask, scores, -torch.inf)
    weights = scores.softmax(-1)  # (attention-weights)
    return torch.einsum("nbt,tbv->nbv", weights, values), weights  # (attention)
