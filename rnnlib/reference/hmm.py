r"""Hidden Markov model (Rabiner 1989): a recurrence whose state is a distribution.

With ``π`` the probabilities of the first state, ``A`` of the next state and ``E`` of the symbols,
the forward algorithm is a linear recurrence, normalised at every step::

    a_1 = π ∘ E[:, x_1],   a_t = (Aᵀ α_{t-1}) ∘ E[:, x_t]            (hmm-forward)
    c_t = Σ_j a_t[j],  α_t = a_t / c_t                               (hmm-normalise)
    log p(x_1 ... x_T) = Σ_t log c_t                                 (hmm-likelihood)

``α_t`` is what is known of the state after t symbols, and ``c_t`` the probability of ``x_t`` given
those before it, so nothing underflows. What later symbols add comes from behind::

    β_T = 1,   β_t = A (E[:, x_{t+1}] ∘ β_{t+1}) / c_{t+1}           (hmm-backward)
    p(s_t = j | x_1 ... x_T) = α_t[j] β_t[j]                         (hmm-posterior)

An HMM is a conditional random field whose scores are log-probabilities, so the best path is that
of :func:`rnnlib.reference.crf.viterbi`::

    A ← log A,  b ← log π,  f ← 0,  e_t ← log E[:, x_t]              (hmm-crf)
"""

from typing import NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.reference import crf, ids
from rnnlib.reference.crf import Ids
from rnnlib.reference.ops import Array


class Params(NamedTuple):
    """The probabilities; rows sum to one."""

    pi: Array  # (H,)
    A: Array  # (H, H)
    E: Array  # (H, V)


def init(rng: np.random.Generator, H: int, V: int) -> Params:
    """Draw a model: every row evenly from all distributions.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    H, V : int
        Number of states and of symbols.

    Returns
    -------
    Params
        Probabilities in float64.
    """
    one_state, one_symbol = np.ones(H), np.ones(V)
    A, E = rng.dirichlet(one_state, size=H), rng.dirichlet(one_symbol, size=H)
    return Params(rng.dirichlet(one_state), A, E)


def sample(params: Params, rng: np.random.Generator, T: int, B: int) -> tuple[Ids, Ids]:
    """Draw sequences from the model.

    Parameters
    ----------
    params : Params
        The model.
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps and of sequences.

    Returns
    -------
    Array of int
        States, ``(T, B)``.
    Array of int
        Symbols, ``(T, B)``.

    Raises
    ------
    ValueError
        If the model is no model, or T or B is not positive.
    """
    _check(params)
    if T < 1 or B < 1:
        raise ValueError(f"T, B: got {T}, {B}, expected at least 1 of each")

    def draw(p: Array) -> Ids:
        drawn: Ids = (rng.random((B, 1)) >= p.cumsum(-1)[..., :-1]).sum(-1)
        return drawn

    states = [draw(params.pi)]
    while len(states) < T:
        states.append(draw(params.A[states[-1]]))
    return np.stack(states), np.stack([draw(params.E[s]) for s in states])


def forward(params: Params, xs: Ids) -> tuple[Array, Array]:
    """Read symbols, and say at every step what is known of the state.

    Parameters
    ----------
    params : Params
        The model.
    xs : Array of int
        Symbols from 0 to V - 1, ``(T, B)``, with T ≥ 1.

    Returns
    -------
    Array
        Probability of every state given the symbols so far, ``(T, B, H)``. It is zero for all
        states from where on the model holds the symbols impossible.
    Array
        Probability of each symbol given those before it, ``(T, B)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the rows of the model are no distributions, a symbol
        is out of range, or there is none.
    """
    _check(params, xs)
    pi, A, E = params
    emitted = E.T[xs]
    alphas: list[Array] = []
    scales: list[Array] = []
    for e in emitted:
        a = (alphas[-1] @ A if alphas else pi) * e  # (hmm-forward)
        c = a.sum(-1, keepdims=True)
        alphas.append(a / np.where(c == 0, 1, c))  # (hmm-normalise)
        scales.append(c[:, 0])
    return np.stack(alphas), np.stack(scales)


def log_likelihood(params: Params, xs: Ids) -> Array:
    """Log-probability of sequences of symbols.

    Parameters
    ----------
    params, xs
        As for :func:`forward`.

    Returns
    -------
    Array
        In nats, ``(B,)``; -inf for what the model holds impossible.

    Raises
    ------
    ValueError
        As for :func:`forward`.
    """
    total: Array = _log(forward(params, xs)[1]).sum(0)  # (hmm-likelihood)
    return total


def posterior(params: Params, xs: Ids) -> Array:
    """Probability of every state at every step, given all symbols.

    Parameters
    ----------
    params, xs
        As for :func:`forward`.

    Returns
    -------
    Array
        Probabilities, ``(T, B, H)``.

    Raises
    ------
    ValueError
        As for :func:`forward`, and if the model holds a sequence impossible.
    """
    alphas, scales = forward(params, xs)
    if not scales.all():
        step = np.argwhere(scales == 0)[0, 0]
        raise ValueError(f"xs: got an impossible symbol at step {step}, expected a possible one")
    ahead = params.E.T[xs] / scales[..., None]
    betas = [np.ones_like(alphas[-1])]
    for e in ahead[:0:-1]:
        betas.append((e * betas[-1]) @ params.A.T)  # (hmm-backward)
    result: Array = alphas * np.stack(betas[::-1])  # (hmm-posterior)
    return result


def viterbi(params: Params, xs: Ids) -> tuple[Ids, Array]:
    """The most probable sequences of states.

    Parameters
    ----------
    params, xs
        As for :func:`forward`.

    Returns
    -------
    Array of int
        States, ``(T, B)``; ties go as in :func:`rnnlib.reference.crf.viterbi`.
    Array
        Log-probability of these states together with the symbols, ``(B,)``.

    Raises
    ------
    ValueError
        As for :func:`forward`.
    """
    _check(params, xs)
    pi, A, E = map(_log, params)
    return crf.viterbi(crf.Params(A, pi, np.zeros_like(pi)), E.T[xs])  # (hmm-crf)


def _log(p: Array) -> Array:
    """Logarithm; that of zero is -inf, without a warning."""
    with np.errstate(divide="ignore"):
        log_p: Array = np.log(p)
    return log_p


def _check(params: Params, xs: Ids | None = None) -> None:
    """Check what came in."""
    sizes: dict[str, int] = {}
    shapes.check_tuple("params", params, sizes, like=Params)
    for name, p in params._asdict().items():
        sums = p.sum(-1)
        if (p.real < 0).any() or not np.allclose(sums, 1, rtol=0, atol=1e-5):
            raise ValueError(f"params.{name}: got rows that sum to {sums}, expected probabilities")
    if xs is not None:
        ids.check("xs", xs, ("T", "B"), sizes, 0, sizes["V"] - 1)
        if len(xs) == 0:
            raise ValueError("xs: got T = 0 steps, expected at least 1")
