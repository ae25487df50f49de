r"""Linear recurrences, one step after another and by parallel scans (Blelloch 1990).

The recurrence, from a given ``h_0``::

    h_t = a_t ∘ h_{t-1} + b_t,   t = 1 ... T                         (scan-loop)

Two steps, first ``p`` and then ``q``, are one step of the same kind; composition is associative,
so all prefixes ``P_t = (A_t, B_t)`` may be computed in any grouping, and ``h_0`` put in last::

    p • q = (a_q ∘ a_p,  a_q ∘ b_p + b_q)                            (scan-compose)
    P_t = P_{t-1} • p_t                                              (scan-sequential)
    P_t ← P_{t-d} • P_t  if t > d,   d = 1, 2, 4 ...                 (scan-hillis-steele)
    P_{2i} = scan of the pairs p_{2i-1} • p_{2i}                     (scan-up)
    P_{2i+1} = P_{2i} • p_{2i+1}                                     (scan-down)
    h_t = A_t ∘ h_0 + B_t                                            (scan-carry)

In chunks of K steps, with ``p_{c,k}`` step k of chunk c, all chunks advance together, and what
came before each of them is put in afterwards::

    P_{c,k} = P_{c,k-1} • p_{c,k},   P_{c,1} = p_{c,1}               (scan-chunk)
    Q_c = Q_{c-1} • P_{c,K}                                          (scan-chunk-ends)
    P_{c,k} ← Q_{c-1} • P_{c,k}                                      (scan-chunk-carry)

A scan takes ``compose`` and a tree of tensors whose first axis is time, so it serves other pairs
too: logarithms, complex numbers as two real tensors. A round composes many pairs at once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance
from rnnlib.reference.ops import leaves, tree_map

Compose = Callable[[Any, Any], Any]  # (p, q) -> first p, then q; trees of tensors (T, ...)
Scan = Callable[[Compose, Any], Any]  # (compose, steps) -> their prefixes, of the same form


class Affine(NamedTuple):
    """Steps ``h → a ∘ h + b``, one per entry of the first axis."""

    a: Tensor  # (T, B, H)
    b: Tensor  # (T, B, H)


def compose(p: Affine, q: Affine) -> Affine:
    """The step that does ``p`` and then ``q``."""
    return Affine(q.a * p.a, q.a * p.b + q.b)  # (scan-compose)


def sequential(compose: Compose, steps: Any) -> Any:
    """All prefixes, each from the one before it.

    Parameters
    ----------
    compose : callable
        Takes two trees of steps, ``p`` first and ``q`` after it, and returns the composed steps.
    steps : tree of Tensor
        One step per entry of the first axis, which has length T ≥ 1.

    Returns
    -------
    tree of Tensor
        For every t the composition of the steps 1 ... t.
    """
    prefixes = [_part(steps, slice(0, 1))]
    for t in range(1, _length(steps)):
        prefixes.append(compose(prefixes[-1], _part(steps, slice(t, t + 1))))  # (scan-sequential)
    return _join(*prefixes)


def hillis_steele(compose: Compose, steps: Any) -> Any:
    """All prefixes in ⌈log₂ T⌉ rounds, with up to T compositions in each (Hillis & Steele 1986).

    Parameters and result are those of :func:`sequential`.
    """
    d = 1
    while d < _length(steps):
        far = compose(_part(steps, slice(None, -d)), _part(steps, slice(d, None)))
        steps = _join(_part(steps, slice(d)), far)  # (scan-hillis-steele)
        d *= 2
    return steps


def work_efficient(compose: Compose, steps: Any) -> Any:
    """All prefixes with fewer than 2T compositions: pairs up, then down (Blelloch 1990).

    Parameters and result are those of :func:`sequential`.
    """
    T = _length(steps)
    if T == 1:
        return steps
    odd, even = _part(steps, slice(0, None, 2)), _part(steps, slice(1, None, 2))  # from t = 1
    even = work_efficient(compose, compose(_part(odd, slice(T // 2)), even))  # (scan-up)
    first, later = _part(odd, slice(0, 1)), _part(odd, slice(1, None))
    if T > 2:
        first = _join(first, compose(_part(even, slice((T - 1) // 2)), later))  # (scan-down)
    return tree_map(_interleave, first, even)


def chunked(compose: Compose, steps: Any, K: int = 16) -> Any:
    """All prefixes, in chunks that advance together, with fewer than 2T compositions.

    Parameters
    ----------
    compose, steps
        As for :func:`sequential`.
    K : int
        Steps in a chunk; the last one may have fewer.

    Returns
    -------
    tree of Tensor
        As :func:`sequential` gives them.

    Raises
    ------
    ValueError
        If K is not positive.
    """
    if K < 1:
        raise ValueError(f"K: got {K}, expected at least 1")
    T = _length(steps)
    parts = [_part(steps, slice(k, None, K)) for k in range(min(K, T))]  # step k of every chunk
    for k in range(1, len(parts)):
        before = _part(parts[k - 1], slice(_length(parts[k])))
        parts[k] = compose(before, parts[k])  # (scan-chunk)
    if T > K:
        ends = work_efficient(compose, parts[-1])  # (scan-chunk-ends)
        for k in range(K - 1):
            first, later = _part(parts[k], slice(0, 1)), _part(parts[k], slice(1, None))
            before = _part(ends, slice(_length(later)))
            parts[k] = _join(first, compose(before, later))  # (scan-chunk-carry)
        parts[-1] = ends
    return tree_map(_interleave, *parts)


def loop(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """The recurrence as it is defined; parameters and result are those of :func:`forward`."""
    hs = []
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t  # (scan-loop)
        hs.append(h)
    return torch.stack(hs)


def forward(a: Tensor, b: Tensor, h: Tensor, scan: Scan = work_efficient) -> Tensor:
    """The recurrence, by a scan.

    Parameters
    ----------
    a, b : Tensor
        Factors and summands, ``(T, B, H)``, with T ≥ 1.
    h : Tensor
        What comes before the first step, ``(B, H)``.
    scan : callable
        One of the scans above.

    Returns
    -------
    Tensor
        ``h_1 ... h_T``, ``(T, B, H)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    entrance.check(a=(a, "T B H"), b=(b, "T B H"), h=(h, "B H"))
    prefix = scan(compose, Affine(a, b))
    hs: Tensor = prefix.a * h + prefix.b  # (scan-carry)
    return hs


def _length(steps: Any) -> int:
    """Number of steps in a tree of tensors."""
    return len(leaves(steps)[0])


def _part(steps: Any, where: slice) -> Any:
    """Some of the steps."""
    return tree_map(lambda s: s[where], steps)


def _join(*parts: Any) -> Any:
    """Parts one after another."""
    return tree_map(lambda *s: torch.cat(s), *parts)


def _interleave(*parts: Tensor) -> Tensor:
    """Entries in turn, from the first part; one more of them may stand in earlier parts."""
    full = len(parts[-1])
    turns = torch.stack([part[:full] for part in parts], dim=1).flatten(0, 1)
    return torch.cat([turns, *(part[full:] for part in parts)])
