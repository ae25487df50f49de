r"""Linear-chain conditional random field (Lafferty et al. 2001).

A score for every sequence of labels, from the emissions ``e`` (what a network says of each step),
the transitions ``A``, and what starting and ending with a label is worth, ``b`` and ``f``::

    s(y) = b[y_1] + Σ_t e_t[y_t] + Σ_{t>1} A[y_{t-1}, y_t] + f[y_T]  (crf-score)
    p(y) = exp s(y) / Z,   L = mean over the batch of log Z - s(y)   (crf-nll)

``Z`` sums over all V^T sequences, yet takes T steps::

    α_1 = b + e_1,  α_t[j] = e_t[j] + log Σ_i exp(α_{t-1}[i] + A[i,j])   (crf-forward)
    log Z = log Σ_j exp(α_T[j] + f[j])                               (crf-partition)

The best sequence comes by the same recursion with a maximum for the sum (Viterbi 1967)::

    v_t[j] = e_t[j] + max_i (v_{t-1}[i] + A[i,j])                    (crf-viterbi)

A sequence that is shorter than T, as ``lengths`` says, carries its α and v on unchanged. The
probabilities of labels and of pairs of labels are the derivatives of log Z: autograd has them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import entrance, ragged


class Params(NamedTuple):
    """What is learned: the scores of transitions, of the first label and of the last."""

    A: Tensor  # (V, V)
    b: Tensor  # (V,)
    f: Tensor  # (V,)


def score(
    params: Params, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """Score of given sequences of labels.

    Parameters
    ----------
    params : Params
        The parameters.
    emissions : Tensor
        Score of each label at each step, ``(T, B, V)``.
    targets : Tensor of int
        The labels, from 0 to V - 1, ``(T, B)``; what stands beyond a length is not read.
    lengths : Tensor of int, optional
        Number of steps of each sequence, from 1 to T, ``(B,)``; by default all have T.

    Returns
    -------
    Tensor
        Scores, ``(B,)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or a label or a length is out of range.
    """
    emissions, valid = _enter(params, emissions, lengths)
    y = _labels(emissions, targets, valid)
    A, b, f = params
    last = ragged.last(y[..., None], lengths)[:, 0]
    chosen = emissions.gather(-1, y[..., None])[..., 0] * valid
    pairs = A[y[:-1], y[1:]] * valid[1:]
    return b[y[0]] + chosen.sum(0) + pairs.sum(0) + f[last]  # (crf-score)


def log_partition(params: Params, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Logarithm of the summed exponentials of the scores of all sequences of labels.

    Parameters
    ----------
    params, emissions, lengths
        As for :func:`score`.

    Returns
    -------
    Tensor
        ``log Z``, ``(B,)``.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    alpha = _alphas(params, *_enter(params, emissions, lengths))[-1]
    return torch.logsumexp(alpha + params.f, dim=-1)  # (crf-partition)


def nll(
    params: Params, emissions: Tensor, targets: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """Mean negative log-probability of the right sequences.

    Parameters
    ----------
    params, emissions, targets, lengths
        As for :func:`score`.

    Returns
    -------
    Tensor
        The mean over the sequences, in nats, ``()``.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    log_Z = log_partition(params, emissions, lengths)
    return (log_Z - score(params, emissions, targets, lengths)).mean()  # (crf-nll)


def viterbi(
    params: Params, emissions: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The best sequences of labels.

    Parameters
    ----------
    params, emissions, lengths
        As for :func:`score`, but a score may be -inf: that label or transition is forbidden.

    Returns
    -------
    Tensor of int
        Labels, ``(T, B)``; -1 beyond a length. Which of equally good sequences it is, torch's
        ``argmax`` decides.
    Tensor
        Their scores, ``(B,)``.

    Raises
    ------
    ValueError
        As for :func:`score`.
    """
    emissions, valid = _enter(params, emissions, lengths)
    A, b, f = params
    best, back = b + emissions[0], []
    for e, on in zip(emissions[1:], valid[1:, :, None], strict=True):
        scores, arg = (best[..., None] + A).max(1)
        back.append(torch.where(on, arg, torch.arange(len(b), device=arg.device)))
        best = torch.where(on, e + scores, best)  # (crf-viterbi)
    top, label = (best + f).max(-1)
    path = [label]
    for pointer in reversed(back):
        path.append(pointer.gather(1, path[-1][:, None])[:, 0])
    return torch.where(valid, torch.stack(path[::-1]), -1), top


def _alphas(params: Params, emissions: Tensor, valid: Tensor) -> list[Tensor]:
    """What all ways to each label at each step are worth, this step included, T of ``(B, V)``."""
    alphas = [params.b + emissions[0]]
    for e, on in zip(emissions[1:], valid[1:, :, None], strict=True):
        alpha = e + torch.logsumexp(alphas[-1][:, None, :] + params.A.T, dim=-1)  # (crf-forward)
        alphas.append(torch.where(on, alpha, alphas[-1]))
    return alphas


def _enter(params: Params, emissions: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Check what came in; the emissions, zero beyond the lengths, and where they count."""
    entrance.check(params=(params, Params), emissions=(emissions, "T B V"))
    T, B, _ = emissions.shape
    if lengths is None:
        return emissions, torch.ones(T, B, dtype=torch.bool, device=emissions.device)
    entrance.check_integers("lengths", lengths, (B,), 1, T)
    return ragged.pad(emissions, lengths), ragged.valid(lengths, T)[..., 0]


def _labels(emissions: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Check the labels that count; the others are set to 0."""
    T, B, V = emissions.shape
    entrance.check_integers("targets", targets, (T, B), 0, V - 1, where=valid)
    return torch.where(valid, targets.long(), 0)
