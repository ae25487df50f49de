r"""Synthetic tasks, drawn afresh from a random generator, each with what it costs to know nothing.

A *baseline* is the loss of a guess that does not look at what the task is about; a network that
does not beat it has learned nothing. Losses are means over the mask, squared errors or nats::

    adding               2 Var u = 2 / 12                            (adding-baseline)
    copying              S log K / (delay + 2 S)                     (copying-baseline)
    temporal order       n log 2                                     (order-baseline)
    parity               log 2                                       (parity-baseline)
    aⁿbⁿ, q = 1/E n      -2 ((1/q - 1) log(1 - q) + log q) / (2/q + 1)    (anbn-baseline)
    a grammar            -Σ_{a,b} p(a,b) log p(b | a)                (bigram-baseline)
    Mackey-Glass         mean of (x(t + ahead) - x(t))²              (persistence-baseline)
    NARMA10              Var y                                       (variance-baseline)

The two series follow::

    dx/dt = β x(t-τ) / (1 + x(t-τ)ⁿ) - γ x(t)                        (mackey-glass)
    y_{t+1} = 0.3 y_t + 0.05 y_t Σ_{i<10} y_{t-i} + 1.5 u_{t-9} u_t + 0.1    (narma10)
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Sequences(NamedTuple):
    """A batch of sequences of numbers, time first."""

    inputs: NDArray[np.float64]  # (T, B, D)
    targets: NDArray[np.float64]  # (T, B, V)
    mask: NDArray[np.bool_]  # (T, B), true where the target counts


class Symbols(NamedTuple):
    """A batch of sequences of symbols, time first; what the mask hides is 0."""

    inputs: NDArray[np.int64]  # (T, B)
    targets: NDArray[np.int64]  # (T, B)
    mask: NDArray[np.bool_]  # (T, B), true where the target counts


def adding(rng: np.random.Generator, T: int, B: int) -> Sequences:
    """Sum of the two numbers that are marked (Hochreiter & Schmidhuber 1997).

    In the form of Arjovsky et al. (2016): numbers from 0 to 1, one of them marked in each half.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps, at least 2, and of sequences.

    Returns
    -------
    Sequences
        Inputs ``(T, B, 2)``: a number, and 1 if it is marked. The sum, ``(T, B, 1)``, is the
        target of the last step; no other counts.

    Raises
    ------
    ValueError
        If there are fewer than 2 steps, or no sequence.
    """
    _at_least(2, T=T)
    _at_least(1, B=B)
    numbers, marks = rng.uniform(size=(T, B)), np.zeros((T, B))
    for low, high in [(0, T // 2), (T // 2, T)]:
        marks[rng.integers(low, high, size=B), np.arange(B)] = 1
    targets = np.zeros((T, B, 1))
    targets[-1, :, 0] = (numbers * marks).sum(0)
    return Sequences(np.stack([numbers, marks], axis=-1), targets, _only_last(T, B))


def adding_baseline() -> float:
    """Mean squared error of always saying 1, the mean of the sum of two uniform numbers.

    Returns
    -------
    float
        The variance of that sum: each number has 1/12, and they are independent.

    Examples
    --------
    >>> adding_baseline() == 1 / 6
    True
    """
    return 2 / 12  # (adding-baseline)


def copying(rng: np.random.Generator, delay: int, B: int, S: int = 10, K: int = 8) -> Symbols:
    """Repeat what was read, after a delay (Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016).

    The input is S symbols to remember, blanks, the sign to go, and S blanks; the target is blank,
    and from the step after the sign on what was read.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    delay : int
        Steps from the last symbol to the sign, at least 1.
    B : int
        Number of sequences.
    S, K : int
        How many symbols to remember, and of how many kinds.

    Returns
    -------
    Symbols
        ``delay + 2 S`` steps. Symbols are 0 to K - 1, the blank is K, the sign K + 1.

    Raises
    ------
    ValueError
        If a size is not positive.
    """
    _at_least(1, delay=delay, B=B, S=S, K=K)
    inputs = np.full((delay + 2 * S, B), K)
    targets = inputs.copy()
    inputs[:S] = targets[-S:] = rng.integers(K, size=(S, B))
    inputs[S + delay - 1] = K + 1
    return Symbols(inputs, targets, np.ones(inputs.shape, dtype=bool))


def copying_baseline(delay: int, S: int = 10, K: int = 8) -> float:
    """Cross-entropy of a network that sees the sign and has forgotten the symbols.

    Parameters
    ----------
    delay, S, K : int
        As for :func:`copying`.

    Returns
    -------
    float
        Blanks cost it nothing and each of the S symbols log K, a mean over all steps.
    """
    return float(S * np.log(K) / (delay + 2 * S))  # (copying-baseline)


def temporal_order(rng: np.random.Generator, T: int, B: int, n: int = 2) -> Symbols:
    """In which order did X and Y come? (Hochreiter & Schmidhuber 1997, tasks 6a and 6b).

    Among random symbols a, b, c, d stand n that are X or Y, in fixed tenths of the sequence: from
    T/10 to 2T/10 and from 5T/10 to 6T/10 for two; from 10, 33 and 66 to 20, 43 and 76 hundredths
    for three. It begins with E and ends with B. Here all sequences of a batch have the same length.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps, at least 10, and of sequences.
    n : int
        Number of symbols to remember, 2 or 3.

    Returns
    -------
    Symbols
        Inputs are 0 to 3 for a to d, 4 for X, 5 for Y, 6 for E, 7 for B. The target of the last
        step, which alone counts, has one binary digit for each symbol to remember, the first of
        them leading: 0 for X and 1 for Y.

    Raises
    ------
    ValueError
        If there are fewer than 10 steps, no sequence, or n is neither 2 nor 3.
    """
    _at_least(10, T=T)
    _at_least(1, B=B)
    hundredths = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}
    if n not in hundredths:
        raise ValueError(f"n: got {n}, expected 2 or 3")
    inputs, targets = rng.integers(4, size=(T, B)), np.zeros((T, B), dtype=np.int64)
    inputs[0], inputs[-1] = 6, 7
    for low, high in hundredths[n]:
        bit = rng.integers(2, size=B)
        at = rng.integers(low * T // 100, high * T // 100, size=B, endpoint=True)
        inputs[at, np.arange(B)] = 4 + bit
        targets[-1] = 2 * targets[-1] + bit
    return Symbols(inputs, targets, _only_last(T, B))


def order_baseline(n: int = 2) -> float:
    """Cross-entropy of a guess among the 2ⁿ orders, all equally likely: n log 2.

    Parameters
    ----------
    n : int
        As for :func:`temporal_order`.

    Returns
    -------
    float
        In nats.
    """
    return float(n * np.log(2))  # (order-baseline)


def parity(rng: np.random.Generator, T: int, B: int) -> Symbols:
    """Is the number of ones so far odd?

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps and of sequences.

    Returns
    -------
    Symbols
        Bits, and at every step their sum so far modulo 2.

    Raises
    ------
    ValueError
        If a size is not positive.
    """
    _at_least(1, T=T, B=B)
    bits = rng.integers(2, size=(T, B))
    return Symbols(bits, bits.cumsum(0) % 2, np.ones((T, B), dtype=bool))


def parity_baseline() -> float:
    """Cross-entropy of a constant guess: odd and even are equally likely at every step.

    Returns
    -------
    float
        log 2. Knowing the last k bits does not help, from step k + 1 on.
    """
    return float(np.log(2))  # (parity-baseline)


def anbn(rng: np.random.Generator, B: int, least: int, most: int) -> Symbols:
    """Say what comes next in a string of n times a and n times b (Gers & Schmidhuber 2001).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    B : int
        Number of strings.
    least, most : int
        Range of n, all equally likely; 1 ≤ least ≤ most.

    Returns
    -------
    Symbols
        0 begins a string, 1 is a, 2 is b, and 3 ends it; the target is the next symbol. Strings
        are padded to ``2 most + 1`` steps.

    Raises
    ------
    ValueError
        If there is no string, or the range is empty.
    """
    _at_least(1, B=B, least=least)
    _at_least(least, most=most)
    n, t = rng.integers(least, most, size=B, endpoint=True), np.arange(2 * most + 2)[:, None]
    string = 0 + (t >= 1) + (t > n) + (t > 2 * n)
    mask = t[:-1] <= 2 * n
    return Symbols(string[:-1] * mask, string[1:] * mask, mask)


def anbn_baseline(least: int, most: int) -> float:
    """Cross-entropy of the best guess from the last symbol alone.

    In a string, n - 1 times an a follows an a and once a b; so a b follows an a with probability
    q = 1 / E n. With b and the end it is the same, and the first a is sure.

    Parameters
    ----------
    least, most : int
        As for :func:`anbn`.

    Returns
    -------
    float
        In nats, a mean over all symbols of all strings.
    """
    mean = (least + most) / 2
    q = 1 / mean
    stay = (mean - 1) * np.log1p(-q) if mean > 1 else 0.0
    return float(2 * (0.0 - stay - np.log(q)) / (2 * mean + 1))  # (anbn-baseline)


#: The symbols of the grammars; a symbol's number is its place here.
ALPHABET = "BTSXPVE"

#: A grammar: for every state, to which state each legal symbol leads. The first state begins; one
#: without symbols ends.
Grammar = tuple[Mapping[str, int], ...]

#: The grammar of Reber (1967).
REBER: Grammar = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
    {},
)


def _embed(inner: Grammar) -> Grammar:
    """The grammar B T inner T E | B P inner P E."""
    n = len(inner)
    after = 2 + 2 * n
    copies = [[{a: s + first for a, s in edges.items()} for edges in inner] for first in (2, 2 + n)]
    copies[0][-1], copies[1][-1] = {"T": after}, {"P": after}
    return ({"B": 1}, {"T": 2, "P": 2 + n}, *copies[0], *copies[1], {"E": after + 1}, {})


#: Two copies of Reber's grammar; the last symbol but one must be the second (Hochreiter &
#: Schmidhuber 1997).
EMBEDDED: Grammar = _embed(REBER)

#: Embedded Reber strings one after the other without end (Gers et al. 2000).
CONTINUAL: Grammar = (*EMBEDDED[:-2], {"E": 0})


def next_symbols(grammar: Grammar, string: str) -> str:
    """Symbols that may come next.

    Parameters
    ----------
    grammar : Grammar
        Such as :data:`REBER`.
    string : str
        What has come so far.

    Returns
    -------
    str
        The symbols, in the order of the grammar; none if the string is complete.

    Raises
    ------
    ValueError
        If no string of the grammar begins like this.

    Examples
    --------
    >>> next_symbols(REBER, "BTX"), next_symbols(EMBEDDED, "BPBTXSE"), next_symbols(REBER, "BTXSE")
    ('XS', 'P', '')
    """
    state = 0
    for t, symbol in enumerate(string):
        if symbol not in grammar[state]:
            want = " or ".join(grammar[state]) or "the end"
            raise ValueError(f"string: got {symbol!r} at place {t}, expected {want}")
        state = grammar[state][symbol]
    return "".join(grammar[state])


def is_legal(grammar: Grammar, string: str) -> bool:
    """Is this a complete string of the grammar?

    Parameters
    ----------
    grammar : Grammar
        Such as :data:`REBER`. :data:`CONTINUAL` has no complete strings.
    string : str
        Any string.

    Returns
    -------
    bool
        Whether the grammar can write it, from its first state to its last.

    Examples
    --------
    >>> is_legal(REBER, "BTXSE"), is_legal(REBER, "BTXS"), is_legal(REBER, "BTXVE")
    (True, False, False)
    """
    try:
        return next_symbols(grammar, string) == ""
    except ValueError:
        return False


def reber(rng: np.random.Generator, B: int, grammar: Grammar = REBER) -> Symbols:
    """Say what comes next in a string of a grammar (Reber 1967); each branch is equally likely.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    B : int
        Number of strings.
    grammar : Grammar
        :data:`REBER` or :data:`EMBEDDED`.

    Returns
    -------
    Symbols
        Numbers are places in :data:`ALPHABET`; the target is the next symbol. Strings are padded
        to the longest.

    Raises
    ------
    ValueError
        If there is no string, or the grammar has no end.
    """
    _at_least(1, B=B)
    if all(grammar):
        raise ValueError("grammar: got one without an end, expected one with it; see continual")
    strings = [list(_write(rng, grammar)) for _ in range(B)]
    lengths = np.array([len(s) - 1 for s in strings])
    T = lengths.max()
    padded = np.array([s + [0] * (T + 1 - len(s)) for s in strings]).T
    mask = np.arange(T)[:, None] < lengths
    return Symbols(padded[:-1] * mask, padded[1:] * mask, mask)


def continual(rng: np.random.Generator, T: int, B: int, grammar: Grammar = CONTINUAL) -> Symbols:
    """Say what comes next in an endless stream of strings that no sign divides (Gers et al. 2000).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps and of streams.
    grammar : Grammar
        One without an end.

    Returns
    -------
    Symbols
        As for :func:`reber`, without padding. Every stream begins with a fresh string.

    Raises
    ------
    ValueError
        If a size is not positive, or the grammar has an end.
    """
    _at_least(1, T=T, B=B)
    if not all(grammar):
        raise ValueError("grammar: got one with an end, expected one without it; see reber")
    streams = np.array([list(islice(_write(rng, grammar), T + 1)) for _ in range(B)]).T
    return Symbols(streams[:-1], streams[1:], np.ones((T, B), dtype=bool))


def bigram_baseline(grammar: Grammar) -> float:
    """Cross-entropy of the best guess from the last symbol alone, for long streams or many strings.

    The states that the grammar goes through, from the first again after the last, form a Markov
    chain. Its stationary distribution says how often each pair of symbols follows one another.

    Parameters
    ----------
    grammar : Grammar
        Such as :data:`REBER`.

    Returns
    -------
    float
        In nats, a mean over all predictions.
    """
    n, V = len(grammar), len(ALPHABET)
    P = np.zeros((n, n))
    for s, edges in enumerate(grammar):
        for nxt in edges.values() or [0]:
            P[s, nxt] += 1 / max(len(edges), 1)
    system = np.vstack([P.T - np.eye(n), np.ones(n)])
    often = np.linalg.lstsq(system, np.eye(n + 1)[-1])[0]
    pairs = np.zeros((V, V))
    for s, edges in enumerate(grammar):
        for a, middle in edges.items():
            for b in grammar[middle]:
                p = often[s] / len(edges) / len(grammar[middle])
                pairs[ALPHABET.index(a), ALPHABET.index(b)] += p
    known = pairs / np.maximum(pairs.sum(1, keepdims=True), np.finfo(float).tiny)
    log_p = np.log(np.where(pairs > 0, known, 1))
    return float(-(pairs * log_p).sum() / pairs.sum())  # (bigram-baseline)


def mackey_glass(
    rng: np.random.Generator,
    T: int,
    B: int,
    tau: float = 17.0,
    interval: float = 1.0,
    ahead: int = 1,
    h: float = 0.1,
) -> Sequences:
    """Say how a chaotic series goes on (Mackey & Glass 1977), for β = 0.2, γ = 0.1, n = 10.

    It is integrated by :func:`delay_rk4`. Each series starts from a constant past, drawn from 0.5
    to 1.3, and what it does in the first 300 units of time is left out.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps and of series.
    tau : float
        Delay τ; at 17 the series is mildly chaotic.
    interval : float
        Time between two steps of the series.
    ahead : int
        How many steps ahead the target lies.
    h : float
        Step of the integrator; the delay and the interval are multiples of it.

    Returns
    -------
    Sequences
        The series, ``(T, B, 1)``, and the same ``ahead`` steps later.

    Raises
    ------
    ValueError
        If a size is not positive, or the delay or the interval is no multiple of the step.
    """
    _at_least(1, T=T, B=B, ahead=ahead)
    every, past = _multiple("interval", interval, h), rng.uniform(0.5, 1.3, size=B)
    skip = int(np.ceil(300 / interval))
    x = delay_rk4(past, tau, h, (skip + T + ahead - 1) * every)[::every][skip:, :, None]
    return Sequences(x[:T], x[ahead:], np.ones((T, B), dtype=bool))


def delay_rk4(past: Floats, tau: float, h: float, N: int) -> Floats:
    """Integrate the Mackey-Glass equation by the classical Runge-Kutta method of order 4.

    The delayed value is read from the past steps; half-way between two of them it is that of the
    cubic through their values and slopes, which keeps the order.

    Parameters
    ----------
    past : numpy.ndarray
        Constant value of each series up to time 0, ``(B,)``.
    tau, h : float
        Delay τ and step; the delay is a multiple of the step.
    N : int
        Number of steps.

    Returns
    -------
    numpy.ndarray
        Values at the times 0, h, ..., N h, ``(N + 1, B)``.

    Raises
    ------
    ValueError
        If the step is not positive, or the delay is no multiple of it.
    """
    k = _multiple("tau", tau, h)

    def slope(x: Floats, late: Floats) -> Floats:
        return 0.2 * late / (1 + late**10) - 0.1 * x  # (mackey-glass)

    xs, middles = [past] * (k + 1), [past] * k  # xs[-1] is now, xs[0] a delay ago
    last = slope(past, past)
    for n in range(N):
        x, late, late_h = xs[-1], xs[n], xs[n + 1]
        k1 = slope(x, late)
        if n > 0:
            middles.append((xs[-2] + x) / 2 + h * (last - k1) / 8)
        k2 = slope(x + h / 2 * k1, middles[n])
        k3 = slope(x + h / 2 * k2, middles[n])
        k4 = slope(x + h * k3, late_h)
        xs.append(x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
        last = k1
    return np.stack(xs[k:])


def mackey_glass_baseline(batch: Sequences) -> float:
    """Mean squared error of persistence: to say that nothing changes.

    Parameters
    ----------
    batch : Sequences
        As :func:`mackey_glass` gives it.

    Returns
    -------
    float
        The mean over all steps.
    """
    change = batch.targets - batch.inputs
    return float((change**2).mean())  # (persistence-baseline)


def narma10(rng: np.random.Generator, T: int, B: int) -> Sequences:
    """Follow a nonlinear moving average of order 10 (Atiya & Parlos 2000).

    The input is uniform from 0 to 0.5; the output starts from zero. The recurrence is unstable:
    now and then an output passes its unstable fixed point near 1 and runs away to infinity, the
    more often the longer the sequence. A sequence with an output above 1 is drawn again as a whole,
    so what is returned is NARMA10 given that it stays bounded.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    T, B : int
        Number of steps and of sequences.

    Returns
    -------
    Sequences
        Inputs u_t, ``(T, B, 1)``, and the outputs y_{t+1} that they lead to.

    Raises
    ------
    ValueError
        If a size is not positive, or sequences of this length have run away a hundred times.
    """
    _at_least(1, T=T, B=B)
    u, y = np.empty((T, B)), np.full((T, B), np.inf)
    for _ in range(100):
        bad = y.max(0) > 1
        if not bad.any():
            return Sequences(u[..., None], y[..., None], np.ones((T, B), dtype=bool))
        u[:, bad] = rng.uniform(0, 0.5, size=(T, bad.sum()))
        y[:, bad] = _narma10(u[:, bad])
    raise ValueError(f"T: got {T}, expected fewer steps: the recurrence ran away 100 times")


def _narma10(u: Floats) -> Floats:
    """The outputs that the inputs lead to, ``(T, B)``; what has run away stops at 2."""
    T, B = u.shape
    u, y = np.concatenate([np.zeros((9, B)), u]), np.zeros((T + 10, B))
    for t in range(T):
        now, ten = y[t + 9], y[t : t + 10]
        new = 0.3 * now + 0.05 * now * ten.sum(0) + 1.5 * u[t] * u[t + 9] + 0.1  # (narma10)
        y[t + 10] = np.minimum(new, 2)
    return y[10:]


def narma10_baseline(batch: Sequences) -> float:
    """Mean squared error of always saying the mean; the root of a loss over this is the NRMSE.

    Parameters
    ----------
    batch : Sequences
        As :func:`narma10` gives it.

    Returns
    -------
    float
        The variance of the targets.
    """
    return float(batch.targets.var())  # (variance-baseline)


def _write(rng: np.random.Generator, grammar: Grammar) -> Iterator[int]:
    """Symbols of one string as numbers; each branch is equally likely."""
    state = 0
    while edges := grammar[state]:
        symbol = list(edges)[rng.integers(len(edges))]
        yield ALPHABET.index(symbol)
        state = edges[symbol]


def _only_last(T: int, B: int) -> Bools:
    """A mask that lets the last step through."""
    return np.repeat(np.arange(T)[:, None] == T - 1, B, axis=1)


def _at_least(bound: int, /, **sizes: int) -> None:
    """Check that sizes are not too small."""
    for name, n in sizes.items():
        if n < bound:
            raise ValueError(f"{name}: got {n}, expected at least {bound}")


def _multiple(name: str, duration: float, h: float) -> int:
    """How often a step goes into a duration."""
    if not h > 0:
        raise ValueError(f"h: got {h}, expected a positive number")
    k = round(duration / h)
    if k < 1 or abs(k * h - duration) > 1e-9 * duration:
        raise ValueError(f"{name}: got {duration}, expected a multiple of h = {h}")
    return k
