r"""Linear-chain conditional random field (Lafferty et al. 2001).

A score for every sequence of labels, from the emissions ``e`` (what a network says of each step),
the transitions ``A``, and what starting and ending with a label is worth, ``b`` and ``f``::

    s(y) = b[y_1] + Σ_t e_t[y_t] + Σ_{t>1} A[y_{t-1}, y_t] + f[y_T]  (crf-score)
    p(y) = exp s(y) / Z,   L = mean over the batch of log Z - s(y)   (crf-nll)

``Z`` sums over all V^T sequences, yet takes T steps::

    α_1 = b + e_1,  α_t[j] = e_t[j] + log Σ_i exp(α_{t-1}[i] + A[i,j])   (crf-forward)
    log Z = log Σ_j exp(α_T[j] + f[j])                               (crf-partition)
    β_T = f,  β_t[i] = log Σ_j exp(A[i,j] + e_{t+1}[j] + β_{t+1}[j])     (crf-backward)

The derivatives of log Z are the probabilities of the labels and of the pairs of labels::

    p(y_t = j) = exp(α_t[j] + β_t[j] - log Z)                        (crf-labels)
    p(y_{t-1} = i, y_t = j) = exp(α_{t-1}[i] + A[i,j] + e_t[j] + β_t[j] - log Z)  (crf-pairs)

and those of L what is expected less what is true, over the batch size::

    de_t[j] = p(y_t = j) - 1{y_t = j}                                (crf-demissions)
    dA[i,j] = Σ_{t>1} p(y_{t-1} = i, y_t = j) - 1{y_{t-1} = i, y_t = j}  (crf-dtransitions)
    db = de_1,  df = de_T                                            (crf-dends)

The best sequence comes by the same recursion with a maximum for the sum (Viterbi 1967)::

    v_t[j] = e_t[j] + max_i (v_{t-1}[i] + A[i,j])                    (crf-viterbi)

A sequence that is shorter than T, as ``lengths`` says, carries its α and v on unchanged.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference import ids
from rnnlib.reference.init import uniform
from rnnlib.reference.ops import Array, logsumexp

Ids = NDArray[np.integer]


class Params(NamedTuple):
    """What is learned: the scores of transitions, of the first label and of the last."""

    A: Array  # (V, V)
    b: Array  # (V,)
    f: Array  # (V,)


def init(rng: np.random.Generator, V: int) -> Params:
    """Draw parameters: uniform within ±1/√V.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    V : int
        Number of labels.

    Returns
    -------
    Params
        Fresh parameters in float64.
    """
    return Params(*(uniform(rng, shape, fan=V) for shape in [(V, V), (V,), (V,)]))


def score(params: Params, emissions: Array, targets: Ids, lengths: Ids | None = None) -> Array:
    """Score of given sequences of labels.

    Parameters
    ----------
    params : Params
        The parameters.
    emissions : Array
        Score of each label at each step, ``(T, B, V)``.
    targets : Array of int
        The labels, from 0 to V - 1, ``(T, B)``; what stands beyond a length is not read.
    lengths : Array of int, optional
        Number of steps of each sequence, from 1 to T, ``(B,)``; by default all have T.

    Returns
    -------
    Array
        Scores, ``(B,)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, a number is infinite or NaN, or a label or a length
        is out of range.
    """
    emissions, valid = _enter(params, emissions, lengths)
    y = _labels(emissions, targets, valid)
    A, b, f = params
    last = y[valid.sum(0) - 1, np.arange(y.shape[1])]
    chosen = np.take_along_axis(emissions, y[..., None], axis=-1)[..., 0] * valid
    pairs = A[y[:-1], y[1:]] * valid[1:]
    total: Array = b[y[0]] + chosen.sum(0) + pairs.sum(0) + f[last]  # (crf-score)
    return total


def log_partition(params: Params, emissions: Array, lengths: Ids | None = None) -> Array:
    """Logarithm of the summed exponentials of the scores of all sequences of labels.

    Parameters
    ----------
    params, emissions, lengths
        As for :func:`score`.

    Returns
    -------
    Array
        ``log Z``, ``(B,)``.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    alphas = _alphas(params, *_enter(params, emissions, lengths))
    return logsumexp(alphas[-1] + params.f)[:, 0]  # (crf-partition)


def marginals(params: Params, emissions: Array, lengths: Ids | None = None) -> tuple[Array, Array]:
    """Probability of every label, and of every pair of neighbours, given the emissions.

    Parameters
    ----------
    params, emissions, lengths
        As for :func:`score`.

    Returns
    -------
    Array
        Of label j at step t, ``(T, B, V)``; zero beyond a length. This is the gradient of the
        summed :func:`log_partition` with respect to the emissions.
    Array
        Of label i and then j, ``(T - 1, B, V, V)``. Summed over steps and batch it is the gradient
        with respect to the transitions.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    emissions, valid = _enter(params, emissions, lengths)
    alphas, betas = _alphas(params, emissions, valid), _betas(params, emissions, valid)
    log_Z = logsumexp(alphas[-1] + params.f)
    labels = alphas + betas - log_Z
    after = (emissions + betas - log_Z)[1:]
    pairs = alphas[:-1, ..., None] + params.A + after[..., None, :]
    off = ~valid[..., None]
    return (
        np.exp(np.where(off, -np.inf, labels)),  # (crf-labels)
        np.exp(np.where(off[1:, ..., None], -np.inf, pairs)),  # (crf-pairs)
    )


def nll(
    params: Params, emissions: Array, targets: Ids, lengths: Ids | None = None
) -> tuple[float, Params, Array]:
    """Mean negative log-probability of the right sequences, with its gradient.

    Parameters
    ----------
    params, emissions, targets, lengths
        As for :func:`score`.

    Returns
    -------
    float
        The mean over the sequences, in nats.
    Params
        Its gradient with respect to the parameters.
    Array
        Its gradient with respect to the emissions, ``(T, B, V)``; zero beyond a length.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    log_Z = log_partition(params, emissions, lengths)
    loss = (log_Z - score(params, emissions, targets, lengths)).mean()  # (crf-nll)

    clean, valid = _enter(params, emissions, lengths)
    B, V = clean.shape[1:]
    onehot = (np.arange(V) == _labels(clean, targets, valid)[..., None]) & valid[..., None]
    both = onehot[:-1, ..., None] & onehot[1:, ..., None, :]
    labels, pairs = marginals(params, emissions, lengths)
    demissions = (labels - onehot) / B  # (crf-demissions)
    dA = (pairs - both).sum((0, 1)) / B  # (crf-dtransitions)
    last = demissions[valid.sum(0) - 1, np.arange(B)]
    return loss, Params(dA, demissions[0].sum(0), last.sum(0)), demissions  # (crf-dends)


def viterbi(params: Params, emissions: Array, lengths: Ids | None = None) -> tuple[Ids, Array]:
    """The best sequences of labels.

    Parameters
    ----------
    params, emissions, lengths
        As for :func:`score`, but a score may be -inf: that label or transition is forbidden.

    Returns
    -------
    Array of int
        Labels, ``(T, B)``; -1 beyond a length. Of equally good sequences it is the one with the
        smallest last label, of these the one with the smallest label before it, and so on.
    Array
        Their scores, ``(B,)``.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    emissions, valid = _enter(params, emissions, lengths, forbid=True)
    A, b, f = params
    best, back = b + emissions[0], []
    for e, on in zip(emissions[1:], valid[1:, :, None], strict=True):
        scores = best[..., None] + A
        back.append(np.where(on, scores.argmax(1), np.arange(len(b))))
        best = np.where(on, e + scores.max(1), best)  # (crf-viterbi)
    path = [(best + f).argmax(-1)]
    for pointer in reversed(back):
        path.append(np.take_along_axis(pointer, path[-1][:, None], axis=1)[:, 0])
    return np.where(valid, np.stack(path[::-1]), -1), (best + f).max(-1)


def _alphas(params: Params, emissions: Array, valid: NDArray[np.bool_]) -> Array:
    """What all ways to each label at each step are worth, this step included, ``(T, B, V)``."""
    alphas = [params.b + emissions[0]]
    for e, on in zip(emissions[1:], valid[1:, :, None], strict=True):
        alpha = e + logsumexp(alphas[-1][:, None, :] + params.A.T)[..., 0]  # (crf-forward)
        alphas.append(np.where(on, alpha, alphas[-1]))
    return np.stack(alphas)


def _betas(params: Params, emissions: Array, valid: NDArray[np.bool_]) -> Array:
    """What all ways on from each label at each step are worth, ``(T, B, V)``."""
    betas = [np.broadcast_to(params.f, emissions.shape[1:])]
    for e, on in zip(emissions[:0:-1], valid[:0:-1, :, None], strict=True):
        beta = logsumexp(params.A + (e + betas[-1])[:, None, :])[..., 0]  # (crf-backward)
        betas.append(np.where(on, beta, betas[-1]))
    return np.stack(betas[::-1])


def _enter(
    params: Params, emissions: Array, lengths: Ids | None, forbid: bool = False
) -> tuple[Array, NDArray[np.bool_]]:
    """Check what came in; the emissions, zero beyond the lengths, and where they count."""
    sizes: dict[str, int] = {}
    shapes.check_tuple("params", params, sizes, like=Params)
    shapes.check("emissions", emissions, ("T", "B", "V"), sizes)
    T, B = emissions.shape[:2]
    if T == 0 or B == 0:
        raise ValueError(f"emissions: got T = {T} steps and B = {B}, expected at least 1 of each")
    lengths = np.full(B, T) if lengths is None else lengths
    ids.check("lengths", lengths, ("B",), sizes, 1, T)
    valid = np.arange(T)[:, None] < lengths
    emissions = np.where(valid[..., None], emissions, 0)
    for name, a in [*params._asdict().items(), ("emissions", emissions)]:
        bad = a[~np.isfinite(a) & ~((a.real == -np.inf) & forbid)]
        if bad.size:
            raise ValueError(f"{name}: got {bad[0]}, expected finite scores")
    return emissions, valid


def _labels(emissions: Array, targets: Ids, valid: NDArray[np.bool_]) -> Ids:
    """Check the labels that count; the others are set to 0."""
    T, B, V = emissions.shape
    ids.check("targets", targets, (str(T), str(B)), {}, 0, V - 1, where=valid)
    return np.where(valid, targets, 0)
