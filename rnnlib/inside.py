r"""What a trained network keeps: what is known of a text, how well units tell it, and what acts.

``u`` are the values of a unit, or what a linear probe says, over N places; ``y`` says at each
place whether something holds. The places where it holds are P, the others Q::

    AUC = Σ_{p ∈ P} Σ_{q ∈ Q} (1{u_p > u_q} + 1{u_p = u_q} / 2) / (|P| |Q|)

a sum that the ranks of ``u`` give at once, since a place of rank R is above R - 1 others::

    AUC = (Σ_{p ∈ P} R_p - |P| (|P| + 1) / 2) / (|P| |Q|)                       (auc)

A linear probe is a vector ``w`` and a number ``w_0``, fitted to memories ``c_n`` that were brought
to mean 0 and variance 1::

    min Σ_n (y_n - w · c_n - w_0)² + λ w · w                                    (probe)

To ask what a unit does, hold it. With ``m`` 1 at the units that are held and 0 elsewhere, the
memory after a step is, before it is read::

    c' ← (1 - m) ∘ c' + m ∘ v,  h' = o ∘ tanh(c')                               (clamp)

What a step listens to is a gradient: for one number ``q`` computed after step t, and the vector
``x_s`` that stands for the symbol read at step s, to first order in a change of it::

    q(x_s + Δx) ≈ q(x_s) + dx_s · Δx,  dx_s = (dq/dx_s)ᵀ                        (first-order)
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib import characters
from rnnlib.reference import bptt, linear, lstm
from rnnlib.reference.ops import Array, logsumexp, softmax, tree_map

# What is known of a text


class Marks(NamedTuple):
    """What holds of a Python source after each of its characters."""

    string: NDArray[np.bool_]  # (T,), in a string literal
    comment: NDArray[np.bool_]  # (T,)
    prose: NDArray[np.bool_]  # (T,), in a string or a comment
    bracket: NDArray[np.bool_]  # (T,), in a bracket of any kind
    indent: Array  # (T,), blanks at the beginning of the line so far
    column: Array  # (T,), characters of the line so far


_LITERAL = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
  | (?P<string> \"{3} (?: \\. | [^\\] )*? (?: \"{3} | \Z )
              | '{3}  (?: \\. | [^\\] )*? (?: '{3}  | \Z )
              | \" (?: \\. | [^\"\\\n] )* \"?
              | '  (?: \\. | [^'\\\n] )* '? )
    """,
    re.VERBOSE | re.DOTALL,
)


def marks(text: str) -> Marks:
    """Mark a Python source that begins outside of strings, comments and brackets.

    Parameters
    ----------
    text : str
        The source.

    Returns
    -------
    Marks
        One entry per character, of what holds after it has been read.

    Examples
    --------
    >>> marks('f("(")').bracket.astype(int)
    array([0, 1, 1, 1, 1, 0])
    """
    inside = {"comment": np.zeros(len(text), dtype=bool), "string": np.zeros(len(text), dtype=bool)}
    literal = np.zeros(len(text), dtype=bool)
    for match in _LITERAL.finditer(text):
        kind = str(match.lastgroup)
        inside[kind][match.start() : match.end() - (kind == "string")] = True
        literal[match.start() : match.end()] = True
    letters = np.array(list(text))
    change = np.isin(letters, list("([{")).astype(int) - np.isin(letters, list(")]}"))
    depth = np.cumsum(np.where(literal, 0, change))
    column, indent = np.zeros(len(text)), np.zeros(len(text))
    at = 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        blanks, n = len(line) - len(line.lstrip(" ")), len(line)
        count = np.arange(1, n + 1) * np.array([character != "\n" for character in line])
        column[at : at + n], indent[at : at + n] = count, np.minimum(count, blanks)
        at += n
    string, comment = inside["string"], inside["comment"]
    return Marks(string, comment, string | comment, depth > 0, indent, column)


def first_definition(text: str) -> int:
    """Where the first function or class at the margin of a source begins, or its end."""
    found = re.finditer(r"^(?:async def|class|def) ", text, re.MULTILINE)
    string = marks(text).string
    return next((match.start() for match in found if not string[match.start()]), len(text))


# How well something tells it


def auc(scores: Array, holds: NDArray[np.bool_]) -> Array:
    """How often a place where something holds has the higher score; a half is chance.

    Parameters
    ----------
    scores : Array
        Values of the units, ``(N, H)``.
    holds : Array of bool
        Where it holds, ``(N,)``: somewhere, and somewhere not.

    Returns
    -------
    Array
        Area under the ROC curve of every unit, ``(H,)``.

    Examples
    --------
    >>> auc(np.array([[1.0], [2.0], [3.0]]), np.array([True, False, True]))
    array([0.5])
    """
    from scipy.stats import rankdata

    P, Q = holds.sum(), (~holds).sum()
    ranks = rankdata(scores, axis=0)
    result: Array = (ranks[holds].sum(axis=0) - P * (P + 1) / 2) / (P * Q)  # (auc)
    return result


def correlation(scores: Array, values: Array) -> Array:
    """Pearson's r of every column of scores ``(N, H)`` with values ``(N,)``, 0 for a constant."""
    scores, values = scores - scores.mean(axis=0), values - values.mean()
    size = np.sqrt((scores * scores).sum(axis=0) * (values * values).sum())
    r: Array = np.divide(values @ scores, size, out=np.zeros(scores.shape[1]), where=size > 0)
    return r


def score(scores: Array, mark: Array) -> Array:
    """How well every column tells a mark: its AUC, or r if the mark is a number, ``(H,)``."""
    return auc(scores, mark) if mark.dtype == bool else correlation(scores, mark)


def strength(scored: Array, mark: Array) -> Array:
    """A score without its sign: from a half to 1 for an AUC, from 0 to 1 for r."""
    return np.maximum(scored, 1 - scored) if mark.dtype == bool else np.abs(scored)


def best(scores: Array, mark: Array) -> tuple[int, int]:
    """Which column tells a mark best, and the sign with which it does.

    Parameters
    ----------
    scores : Array
        Values of the units, ``(N, H)``.
    mark : Array
        What to tell, ``(N,)``, booleans or numbers.

    Returns
    -------
    int
        The first of the strongest columns.
    int
        1, or -1 if it is low where the mark holds or is high.

    Examples
    --------
    >>> best(np.array([[1.0, 3.0], [2.0, 2.0], [1.0, 1.0]]), np.array([False, False, True]))
    (1, -1)
    """
    scored = score(scores, mark)
    k = int(strength(scored, mark).argmax())
    return k, 1 if scored[k] > (0.5 if mark.dtype == bool else 0) else -1


class Probe(NamedTuple):
    """A linear function of standardised states."""

    w: Array  # (H,)
    w_0: float
    mean: Array  # (H,)
    std: Array  # (H,)

    def __call__(self, states: Array) -> Array:
        """What it says of states ``(N, H)``, one number each."""
        result: Array = (states - self.mean) / self.std @ self.w + self.w_0
        return result


def probe(states: Array, mark: Array, ridge: float = 10.0) -> Probe:
    """Fit a linear function of states to a mark by least squares with a penalty.

    Parameters
    ----------
    states : Array
        States, ``(N, H)``.
    mark : Array
        What to tell, ``(N,)``, booleans or numbers.
    ridge : float
        The weight λ of the penalty.

    Returns
    -------
    Probe
        The function.
    """
    mean, std = states.mean(axis=0), states.std(axis=0) + 1e-6
    z, y = (states - mean) / std, mark.astype(states.dtype)
    gram = z.T @ z + ridge * np.eye(z.shape[1], dtype=z.dtype)
    return Probe(np.linalg.solve(gram, z.T @ (y - y.mean())), float(y.mean()), mean, std)  # (probe)


# What acts


@dataclass(frozen=True)
class Clamped:
    """An LSTM some of whose memories are held.

    Parameters
    ----------
    held : Array of bool
        Which, ``(B, H)`` or ``(H,)``.
    value : Array
        At what, of the same shape.
    """

    held: NDArray[np.bool_]
    value: Array

    init = staticmethod(lstm.init)
    zero_state = staticmethod(lstm.zero_state)
    step_backward = staticmethod(lstm.step_backward)  # of the LSTM that is not held

    def step(
        self, params: lstm.Params, x: Array, state: lstm.State
    ) -> tuple[lstm.State, lstm.Cache]:
        """Read one input, and hold."""
        after, cache = lstm.step(params, x, state)
        c = np.where(self.held, self.value, after.c)  # (clamp)
        return lstm.State(h=cache.kept[3] * np.tanh(c), c=c), cache


def bits(logits: Array, targets: NDArray[np.int64]) -> Array:
    """What each symbol costs, in bits: logits ``(..., V)`` and targets ``(...)``."""
    log_p = np.take_along_axis(logits - logsumexp(logits), targets[..., None], axis=-1)
    result: Array = -log_p[..., 0] / np.log(2)
    return result


def into_log_p(network: characters.Network, hs: Array, following: NDArray[np.int64]) -> Array:
    """Gradient of log p of the symbol that follows, with respect to each hidden state.

    Parameters
    ----------
    network : characters.Network
        The network.
    hs : Array
        Hidden states, ``(T, H)``.
    following : Array of int
        The symbol after each, ``(T,)``.

    Returns
    -------
    Array
        ``(T, H)``.
    """
    p = softmax(linear.forward(network.readout, hs))
    dlogits = (np.arange(characters.V) == following[:, None]) - p
    return linear.backward(network.readout, hs, dlogits)[1]


def listens(network: characters.Network, symbols: NDArray[np.int64], dhs: Array) -> Array:
    """What every step of a text listens to.

    Parameters
    ----------
    network : characters.Network
        The network.
    symbols : Array of int
        The text, ``(T,)``.
    dhs : Array
        The number asked about at step t, by its derivative with respect to the hidden state there,
        ``(T, H)``: a 1 at one unit asks about that unit, :func:`into_log_p` about the prediction.

    Returns
    -------
    Array
        Its gradient with respect to the vector of the symbol read at step s, in row t and column
        s, ``(T, T, D)``; zero for s > t.
    """
    each = np.arange(len(symbols))
    texts = np.repeat(symbols[:, None], len(symbols), axis=1)  # column t asks at step t
    _, hs, _, caches = characters.read(network, texts)
    sent = np.zeros_like(hs)
    sent[each, each] = dhs
    zero = lstm.zero_state(network.cell, len(symbols))
    _, dxs, _ = bptt.backward(lstm, network.cell, caches, sent, zero)
    return dxs.swapaxes(0, 1)


def moves(
    network: characters.Network,
    symbols: NDArray[np.int64],
    following: int,
    places: NDArray[np.int64],
    others: NDArray[np.int64],
) -> tuple[Array, Array, Array]:
    """How far log p of the next symbol moves when one symbol of the text is another.

    Parameters
    ----------
    network : characters.Network
        The network.
    symbols : Array of int
        The text, ``(T,)``.
    following : int
        The symbol whose probability is asked for, after the last.
    places, others : Array of int
        Which symbol of the text is replaced, and by which, ``(M,)``, one at a time.

    Returns
    -------
    Array
        How far it moves, ``(M,)``, in nats.
    Array
        What the gradient says, to first order.
    Array
        Norm of the gradient with respect to the vector of each symbol of the text, ``(T,)``.
    """
    texts = np.repeat(symbols[:, None], len(places) + 1, axis=1)  # the last column is as it was
    texts[places, np.arange(len(places))] = others
    logits, hs, _, caches = characters.read(network, texts)
    log_p = (logits[-1] - logsumexp(logits[-1]))[:, following]

    sent = np.zeros_like(hs[:, -1:])
    sent[-1] = into_log_p(network, hs[-1, -1:], np.array([following]))
    own = [tree_map(lambda a: a[-1:], cache) for cache in caches]
    zero = lstm.zero_state(network.cell, 1)
    _, dxs, _ = bptt.backward(lstm, network.cell, own, sent, zero)
    E = network.embedding.E
    first = (dxs[places, 0] * (E[others] - E[symbols[places]])).sum(axis=-1)  # (first-order)
    norms = np.sqrt((dxs[:, 0] ** 2).sum(axis=-1))
    return log_p[:-1] - log_p[-1], first, norms
