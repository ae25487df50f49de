r"""From logits to sequences: greedy and sampled.

A network is a function of the last symbol and a state, ``step(symbols, state) → (logits, state)``;
every tensor has one row per sequence, and ``start`` is the symbol before the first::

    ŷ_t, s_t = step(y_{t-1}, s_{t-1})                                (decode-step)
    y_t = argmax ŷ_t                                                 (greedy)
    y_t = argmax (ŷ_t + g),  g ~ Gumbel, which draws from softmax ŷ_t    (gumbel-max)

Beam search, which keeps lists of sequences, is in :mod:`rnnlib.reference.decode`.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

S = TypeVar("S")  # the state: a tree of tensors with one row per sequence
Step = Callable[[Tensor, S], tuple[Tensor, S]]
Decoded = tuple[Tensor, Tensor, Tensor]  # symbols (T, B), lengths (B,), log-probabilities (B,)


def greedy(step: Step[S], start: Tensor, state: S, end: int, max_length: int) -> Decoded:
    """Take the most probable symbol at every step.

    Parameters
    ----------
    step : callable
        The network.
    start : Tensor of int
        Symbol before the first, one per sequence, ``(B,)``.
    state : tree of Tensor
        State before the first step; one row per sequence in every tensor.
    end : int
        Symbol that finishes a sequence; it is counted, and repeated to the longest's length.
    max_length : int
        Number of symbols after which to stop in any case.

    Returns
    -------
    Tensor, Tensor, Tensor
        The symbols, ``(T, B)``; the lengths, ``(B,)``; and the log-probabilities, ``(B,)``.

    Raises
    ------
    ValueError
        If an argument is not as stated.
    """
    return _run(step, start, state, end, max_length, lambda logits: logits)


def sample(
    step: Step[S],
    start: Tensor,
    state: S,
    end: int,
    max_length: int,
    rng: torch.Generator | None = None,
    narrow: Callable[[Tensor], Tensor] = lambda logits: logits,
) -> Decoded:
    """Draw every symbol.

    Parameters
    ----------
    step, start, state, end, max_length
        As for :func:`greedy`.
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    narrow : callable
        From logits to the logits to draw from; by default they are as they are.

    Returns
    -------
    Tensor, Tensor, Tensor
        As for :func:`greedy`; the log-probabilities are those before narrowing.

    Raises
    ------
    ValueError
        As for :func:`greedy`.
    """

    def perturb(logits: Tensor) -> Tensor:
        g = -torch.empty_like(logits).exponential_(generator=rng).log()
        return narrow(logits) + g  # (gumbel-max)

    return _run(step, start, state, end, max_length, perturb)


def _run(
    step: Step[S],
    start: Tensor,
    state: S,
    end: int,
    max_length: int,
    perturb: Callable[[Tensor], Tensor],
) -> Decoded:
    """Take the first of the largest logits at every step, after a change to them."""
    if start.ndim != 1 or len(start) == 0:
        raise ValueError(f"start: got shape {tuple(start.shape)}, expected (B,) with B above 0")
    if max_length < 1:
        raise ValueError(f"max_length: got {max_length}, expected at least 1")
    symbols: list[Tensor] = []
    y, log_probs, lengths = start, torch.zeros(()), torch.zeros_like(start)
    live = torch.ones_like(start, dtype=torch.bool)
    while len(symbols) < max_length and live.any():
        logits, all_log_p, state = _ask(step, y, state, end)
        y = torch.where(live, perturb(logits).argmax(-1), end)  # (greedy)
        log_p = all_log_p.gather(1, y[:, None])[:, 0]
        log_probs = log_probs.to(log_p) + torch.where(live, log_p, 0)
        symbols, lengths, live = [*symbols, y], lengths + live, live & (y != end)
    return torch.stack(symbols), lengths, log_probs


def _ask(step: Step[S], symbols: Tensor, state: S, end: int) -> tuple[Tensor, Tensor, S]:
    """What the network says next, as logits and as log-probabilities, and its state."""
    logits, state = step(symbols, state)  # (decode-step)
    if not 0 <= end < logits.shape[-1]:
        raise ValueError(f"end: got {end}, expected from 0 to V - 1 = {logits.shape[-1] - 1}")
    return logits, logits.log_softmax(-1), state
