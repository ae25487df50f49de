"""What assignment 08-attention grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. Gradients are
decided against the complex step of the forward that they belong to.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np

from rnnlib.grading.table import Graded, Part

LIMITS = {"call": 75.0}  # seconds: one call trains a network

# What students get for dates is in the notebook, once: the variants of `date_grads` call it.
CELLS = json.loads(Path(__file__).with_name("08-attention.ipynb").read_text("utf-8"))["cells"]
[DATES] = ["".join(cell["source"]) for cell in CELLS if cell["id"] == "given-dates"]
GIVEN = {"np": np}
exec(DATES, GIVEN)
gru, gru_backward, delayed, cross_entropy, fresh_net = (
    GIVEN[name] for name in ("gru", "gru_backward", "delayed", "cross_entropy", "fresh_net")
)

# ---------------------------------------------------------------------------- inputs


def read_inputs(rng):
    """N, T, B, D, V ≥ 2, all different; every query may look somewhere, none everywhere."""
    N, T, B, D, V = (int(n) for n in rng.permutation([2, 3, 4, 5, 6]))
    T = max(T, 3)
    queries, keys = 1.5 * rng.normal(size=(N, B, D)), 1.5 * rng.normal(size=(T, B, D))
    mask = rng.random((B, T)) < 0.6
    mask[np.arange(B), rng.integers(T, size=B)] = True
    mask[rng.integers(B), rng.integers(T)] = False
    mask[~mask.any(axis=1), 0] = True
    return queries, keys, rng.normal(size=(T, B, V)), mask


def large_inputs(rng):
    """Every other time scores of some thousands, the largest of them hidden."""
    queries, keys, values, mask = read_inputs(rng)
    return (queries * rng.choice([1.0, 2000.0]), keys, values, mask)


def tired_inputs(rng):
    """A λ of either sign, far from 0 and 1."""
    lam = float(rng.choice([-1, 1]) * rng.choice([rng.uniform(0.4, 0.7), rng.uniform(1.5, 2.5)]))
    queries, keys, values, mask = read_inputs(rng)
    queries = np.concatenate([queries, 1.5 * rng.normal(size=(1, *queries.shape[1:]))])
    mask[:, :2] = True  # where one place alone is seen, nothing depends on λ
    return lam, queries, keys, values, mask


def backward_inputs(rng):
    lam, queries, keys, values, mask = tired_inputs(rng)
    _, weights = tired_attention(lam, queries, keys, values, mask)
    return (
        lam,
        queries,
        keys,
        values,
        weights,
        rng.normal(size=(*queries.shape[:2], values.shape[2])),
    )


def network(W, E, keys, W_y, b_y, symbols, state):
    """A small one that writes: (logits, weights, state)."""
    state = np.tanh(E[symbols] + state @ W.T)
    e = state @ keys.T
    weights = np.exp(e - e.max(axis=1, keepdims=True))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.hstack([state, weights @ keys]) @ W_y.T + b_y, weights, state


def writers(rng, rows):
    """Such a network, states for so many rows, a symbol to start with, one that ends, a length."""
    K, H, T = (int(n) for n in rng.permutation([4, 5, 6]))
    W, E = 1.5 * rng.normal(size=(H, H)) / np.sqrt(H), 1.5 * rng.normal(size=(K, H))
    keys, W_y = 1.5 * rng.normal(size=(T, H)), rng.normal(size=(K, 2 * H))
    step = partial(network, W, E, keys, W_y, 2 + 0.5 * rng.normal(size=K))
    start, end = (int(k) for k in rng.permutation(K)[:2])
    return step, rng.uniform(-0.9, 0.9, (rows, H)), start, end, int(rng.integers(4, 8))


def greedy_inputs(rng):
    """Some sequences end early; every other time all do, and otherwise not all."""
    all_end = rng.random() < 0.5
    while True:
        args = writers(rng, int(rng.integers(3, 6)))
        symbols, _ = greedy_decode(*args)
        ended = symbols == args[3]
        short = len(symbols) < args[4] and not ended[:-1].any(axis=0).all()
        if ended[:-2].any() and (short if all_end else not ended.any(axis=0).all()):
            return args


def beam_inputs(rng):
    """Some hypotheses end. One that matters does so by an improbable symbol, or is one that an
    early stop misses."""
    missed = beam_improbable_ends_lost if rng.random() < 0.5 else beam_stops_when_all_sure
    while True:
        args = (*writers(rng, 1), int(rng.integers(2, 5)), float(rng.uniform(1, 2)))
        found = [list(symbols) for symbols, _ in beam_search(*args)]
        if not any(s[-1] == args[3] for s in found):
            continue
        if found != [list(symbols) for symbols, _ in missed(*args)]:
            return args


def shapes_of(H):
    """Of the twelve arrays of a writer of dates."""
    four = [(3 * H, H), (3 * H,), (H,)]
    return [(3 * H, 13), *four, (3 * H, 12), *four, (), (H, H), (11, 2 * H), (11,)]


def date_inputs(rng):
    """A small network, λ of either sign; texts and symbols that are none of dates."""
    H, T, B, N = (int(n) for n in rng.permutation([2, 3, 4, 5]))
    T = max(T, 3)
    net = [0.7 * rng.normal(size=shape) for shape in shapes_of(H)]
    net[8] = np.array(rng.choice([-1, 1]) * rng.uniform(0.5, 1.5))
    mask = rng.random((B, T)) < 0.6
    mask[:, :2], mask[rng.integers(B), 2] = True, False
    xs = rng.normal(size=(T, B, 13)) * mask.T[..., None]
    return net, xs, mask, rng.integers(11, size=(N, B))


def one_seed(rng):
    """The seed that the visible check takes."""
    return (0,)


def as_arrays(result, rng):
    """The hypotheses, each as its symbols and its score."""
    return [np.asarray(a) for hypothesis in result for a in hypothesis]


def the_values_gradient(result, rng):
    return result[3]


def the_scores_gradients(result, rng):
    return tuple(result[1:3])


def the_fatigue_gradient(result, rng):
    return result[0]


def the_last_layer(result, rng):
    """The loss and the gradients of W_y and b_y."""
    loss, grads = result
    return loss, grads[10], grads[11]


def what_comes_through_the_states(result, rng):
    """The gradients of the other ten arrays."""
    _, grads = result
    return tuple(grads[:10])


READ = " ./0123456789"


def held_out_texts(rng, B):
    """Days that `date_batch` keeps back: one-hot texts, where they are, and what is right."""
    all_days = np.arange(np.datetime64("1950-01-01"), np.datetime64("2050-01-01"))
    days = [str(day).split("-") for day in rng.choice(all_days[::10], B)]
    forms = rng.integers(2, size=B)
    texts = [
        (f"{int(m)}/{int(d)}/{y}  ", f"{int(d)}.{int(m)}.{y}  ")[form]
        for (y, m, d), form in zip(days, forms, strict=True)
    ]
    xs = np.zeros((max(map(len, texts)), B, len(READ)))
    for b, text in enumerate(texts):
        xs[np.arange(len(text)), b, [READ.index(c) for c in text]] = 1
    ys = np.array([[*map(int, y + m + d), 10] for y, m, d in days])
    return xs, xs.any(axis=2).T, ys.T


def gru_step(W_x, W_h, b, b_n, x, h):
    """Each array may have one more axis in front."""
    H = h.shape[-1]
    a = x @ np.swapaxes(W_x, -1, -2) + b[..., None, :]
    u = h @ np.swapaxes(W_h, -1, -2)
    gates = sigmoid((a + u)[..., : 2 * H])
    n = np.tanh(a[..., 2 * H :] + gates[..., :H] * (u[..., 2 * H :] + b_n[..., None, :]))
    return (1 - gates[..., H:]) * n + gates[..., H:] * h


def sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2


def written(weights, xs, mask):
    """What the network writes, nine symbols each, by the most probable one at every step."""
    reader, writer, (lam, W_q, W_y, b_y) = weights[:4], weights[4:8], weights[8:]
    h, hs = np.zeros((len(mask), len(W_q))), []
    for x in xs:
        h = gru_step(*reader, x, h)
        hs.append(h)
    s, covered, y = np.zeros_like(h), np.zeros(mask.shape), np.full(len(mask), 11)
    found, hs = [], np.array(hs)
    for _ in range(9):
        s = gru_step(*writer, np.eye(12)[y], s)
        e = np.einsum("bd,tbd->bt", s @ W_q.T, hs) / len(W_q) ** 0.5 - lam * covered
        alpha = softmax(np.where(mask, e, -np.inf))
        covered = covered + alpha
        c = np.einsum("bt,tbd->bd", alpha, hs)
        y = (np.hstack([s, c]) @ W_y.T + b_y).argmax(axis=1)
        found.append(y)
    return np.array(found)


def softmax(e):
    e = np.exp(e - e.real.max(axis=-1, keepdims=True))  # for complex numbers too
    return e / e.sum(axis=-1, keepdims=True)


def examination(result, rng):
    """The weights as arrays, 1000 fresh texts, what is right, and what the network writes."""
    weights = [np.asarray(w, dtype=float) for w in result]
    H = len(weights[9])
    if H > 64 or [w.shape for w in weights] != shapes_of(H):
        raise ValueError("no such network")
    xs, mask, ys = held_out_texts(rng, 1000)
    return weights, xs, mask, ys, written(weights, xs, mask)


def share_that_is_right(result, rng):
    *_, ys, said = examination(result, rng)
    year, month, day = (np.mean((said == ys)[a:b].all(0)) for a, b in ((0, 4), (4, 6), (6, 8)))
    return (
        f"{np.mean((said == ys).all(0)):.1%} of 1000 fresh dates are right, expected 95%; "
        f"the year is right in {year:.0%}, the month in {month:.0%}, the day in {day:.0%}"
    )


def what_it_knows(result, rng):
    """On 1000 fresh texts: are 95 of 100 right; if not, what else is to be said of them?"""
    weights, xs, mask, ys, said = examination(result, rng)
    H, right = len(weights[9]), said == ys
    if right.all(axis=0).mean() >= 0.95:
        return np.array([1, 0, 0, 0, 0, 0])
    turned = [*weights[:10], np.roll(weights[10], H, axis=1), weights[11]]
    says = [
        (said[0] == 10).mean() >= 0.9,
        (said[:8] == said[0]).all(axis=0).mean() >= 0.9,
        (said == said[:, :1]).all(axis=0).mean() >= 0.9,
        (written(turned, xs, mask) == ys).all(axis=0).mean() >= 0.95,
        right[:4].all(axis=0).mean() >= 0.9,
    ]
    return np.array([0, *says])


def by_nudging(loss, args):
    """The slopes of a loss by every number of args, by the complex step. An array comes as many
    times as it has numbers, each time with another one nudged."""
    grads = []
    for k, a in enumerate(map(np.asarray, args)):
        nudged = a + 1e-30j * np.eye(a.size).reshape(a.size, *a.shape)
        grads.append(loss(*args[:k], nudged, *args[k + 1 :]).imag.reshape(a.shape) / 1e-30)
    return grads


# -------------------------------------------------------------------- attention


def attention(queries, keys, values, mask):
    e = np.einsum("nbd,tbd->nbt", queries, keys) / queries.shape[2] ** 0.5
    weights = softmax(np.where(mask, e, -np.inf))
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def _att(queries, keys, values, mask, root=None, hidden=-np.inf, axis=2):
    e = np.einsum("nbd,tbd->nbt", queries, keys) / (root or np.sqrt(queries.shape[2]))
    e = np.where(mask, e, hidden)
    p = np.exp(e - e.max(axis=axis, keepdims=True))
    weights = p / p.sum(axis=axis, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_without_root(queries, keys, values, mask):
    """The scores are not divided by √D."""
    return _att(queries, keys, values, mask, root=1.0)


def att_by_d(queries, keys, values, mask):
    """The scores are divided by D; it is its root."""
    return _att(queries, keys, values, mask, root=queries.shape[2])


def att_by_root_of_places(queries, keys, values, mask):
    """The scores are divided by the root of the number of places; D is the size of a query."""
    return _att(queries, keys, values, mask, root=np.sqrt(len(keys)))


def att_by_root_of_examples(queries, keys, values, mask):
    """The scores are divided by the root of the number of examples; D is the size of a query."""
    return _att(queries, keys, values, mask, root=np.sqrt(queries.shape[1]))


def att_without_mask(queries, keys, values, mask):
    """The mask is not used: hidden places are read too."""
    return _att(queries, keys, values, np.ones_like(mask))


def att_mask_turned(queries, keys, values, mask):
    """The mask is taken the wrong way round: it is True where a query may look."""
    return _att(queries, keys, values, ~mask)


def att_zero_scores(queries, keys, values, mask):
    """A hidden place gets the score 0, and exp 0 is 1; its score is -∞."""
    return _att(queries, keys, values, mask, hidden=0.0)


def att_mask_after(queries, keys, values, mask):
    """Weights are set to 0 after the softmax, so the others no longer add up to 1; hide the scores
    before it."""
    _, weights = _att(queries, keys, values, np.ones_like(mask))
    return np.einsum("nbt,tbv->nbv", weights * mask, values), weights * mask


def att_divided_after(queries, keys, values, mask):
    """The mask comes after the exponentials: where a hidden score is far above the others, 0 is
    divided by 0. Hide the scores before."""
    _, p = _att(queries, keys, values, np.ones_like(mask))
    weights = p * mask / (p * mask).sum(axis=2, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def _unshifted(queries, keys, values, mask, cut=None, mend=None):
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2])
    p = np.exp(np.where(mask, cut(e) if cut else e, -np.inf))
    weights = p / p.sum(axis=2, keepdims=True)
    weights = mend(weights) if mend else weights
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_overflow(queries, keys, values, mask):
    """Exponentials of large scores overflow: subtract the largest score of each query that is
    seen, which changes no weight."""
    return _unshifted(queries, keys, values, mask)


def att_cut_off(queries, keys, values, mask):
    """Large scores are cut off so that no exponential overflows: places with different scores get
    the same weight. Subtract the largest score of each query that is seen, which changes none."""
    return _unshifted(queries, keys, values, mask, cut=lambda e: np.clip(e, -500, 500))


def att_cut_off_above(queries, keys, values, mask):
    """Large scores are cut off so that no exponential overflows: places with different scores get
    the same weight. Subtract the largest score of each query that is seen, which changes none."""
    return _unshifted(queries, keys, values, mask, cut=lambda e: np.minimum(e, 700))


def att_nan_replaced(queries, keys, values, mask):
    """Exponentials of large scores overflow, and the nan that comes of it is made 0: then nothing
    is read. Subtract the largest score of each query that is seen, which changes no weight."""
    return _unshifted(queries, keys, values, mask, mend=np.nan_to_num)


def att_zero_times_infinity(queries, keys, values, mask):
    """There is nan even where nothing is hidden: 0 times infinity, or infinity less infinity, is
    no number. np.where hides without computing with what it hides."""
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2]) - ~mask * np.inf
    p = np.exp(e - e.max(axis=2, keepdims=True))
    weights = p / p.sum(axis=2, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_less_the_mean(queries, keys, values, mask):
    """There is nan wherever a place is hidden: the mean of scores is -∞ if one of them is. Subtract
    the largest."""
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2])
    e = np.where(mask, e, -np.inf)
    p = np.exp(e - e.mean(axis=2, keepdims=True))
    weights = p / p.sum(axis=2, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_over_queries(queries, keys, values, mask):
    """The weights of a place add up to 1 over the queries; those of a query do over the places."""
    return _att(queries, keys, values, mask, axis=0)


def att_over_batch(queries, keys, values, mask):
    """The weights add up to 1 over the examples; they do over the places."""
    return _att(queries, keys, values, mask, axis=1)


def att_shares_of_scores(queries, keys, values, mask):
    """The scores are divided by their sum; take their exponentials first."""
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2])
    p = np.where(mask, e, 0.0)
    weights = p / p.sum(axis=2, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_reads_keys(queries, keys, values, mask):
    """What is read are the keys; read the values."""
    return _att(queries, keys, keys, mask)


def att_best_alone(queries, keys, values, mask):
    """Only the best place is read; each has its share."""
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2])
    e = np.where(mask, e, -np.inf)
    p = 1.0 * (e == e.max(axis=2, keepdims=True))
    weights = p / p.sum(axis=2, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def att_swapped_results(queries, keys, values, mask):
    """The two results are in the wrong order: what is read first, then the weights."""
    out, weights = _att(queries, keys, values, mask)
    return weights, out


def att_output_alone(queries, keys, values, mask):
    """The weights are not returned; return the pair (out, weights)."""
    return _att(queries, keys, values, mask)[0]


def att_in_place(queries, keys, values, mask):
    """The queries are changed in place; they belong to the caller."""
    queries /= np.sqrt(queries.shape[2])
    return _att(queries, keys, values, mask, root=1.0)


def att_by_matrices(queries, keys, values, mask):
    q, k, v = (np.swapaxes(a, 0, 1) for a in (queries, keys, values))
    e = q @ k.transpose(0, 2, 1) / q.shape[-1] ** 0.5
    e[np.broadcast_to(~mask[:, None, :], e.shape)] = -1e300
    e -= e.max(axis=-1, keepdims=True)
    weights = np.exp(e) / np.exp(e).sum(axis=-1, keepdims=True)
    return np.swapaxes(weights @ v, 0, 1), np.swapaxes(weights, 0, 1)


def att_example_by_example(queries, keys, values, mask):
    out = np.zeros((len(queries), queries.shape[1], values.shape[2]))
    weights = np.zeros((len(queries), *mask.shape))
    for n in range(len(queries)):
        for b in range(len(mask)):
            seen = np.flatnonzero(mask[b])
            e = keys[seen, b] @ queries[n, b] / len(queries[n, b]) ** 0.5
            p = np.exp(e - max(e))
            weights[n, b, seen] = p / sum(p)
            out[n, b] = weights[n, b, seen] @ values[seen, b]
    return [out.tolist(), weights.tolist()]


# -------------------------------------------------------------- tired_attention


def tired_attention(lam, queries, keys, values, mask):
    """Each array but the mask may have one more axis in front."""
    e = np.einsum("...nbd,...tbd->...nbt", queries, keys) / queries.shape[-1] ** 0.5
    lam, covered, weights = np.asarray(lam)[..., None, None], 0, []
    for n in range(e.shape[-3]):
        weights.append(softmax(np.where(mask, e[..., n, :, :] - lam * covered, -np.inf)))
        covered = covered + weights[-1]
    weights = np.stack(np.broadcast_arrays(*weights), axis=-3)
    return np.einsum("...nbt,...tbv->...nbv", weights, values), weights


tired_forward = tired_attention  # whatever stands in for the student's


def _tired(lam, queries, keys, values, mask, root=None, price=None, cover=None):
    root, covered, weights = root or queries.shape[2] ** 0.5, np.zeros(mask.shape), []
    for n, q in enumerate(queries):
        e = np.einsum("bd,tbd->bt", q, keys) / root
        e = e - (price(lam * covered, n) if price else lam * covered)
        e = np.where(mask, e, -np.inf)
        p = np.exp(e - e.max(axis=1, keepdims=True))
        alpha = p / p.sum(axis=1, keepdims=True)
        covered = cover(covered, alpha, e, n) if cover else covered + alpha
        weights.append(alpha)
    weights = np.array(weights)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def tired_without_lam(lam, queries, keys, values, mask):
    """λ is not used: this is plain attention."""
    return _tired(0.0, queries, keys, values, mask)


def tired_sign(lam, queries, keys, values, mask):
    """λ C is added to the scores; it is taken away."""
    return _tired(-lam, queries, keys, values, mask)


def tired_size_of_lam(lam, queries, keys, values, mask):
    """λ is taken without its sign; a negative one makes attention come back to where it was."""
    return _tired(abs(lam), queries, keys, values, mask)


def tired_cut_off(lam, queries, keys, values, mask):
    """C is cut off at 1, which belongs to (coverage-score) alone; λ times the whole of it is taken
    away."""
    return _tired(
        lam,
        queries,
        keys,
        values,
        mask,
        price=lambda price, n: lam * np.minimum(price / (lam or 1), 1),
    )


def tired_zero_times_infinity(lam, queries, keys, values, mask):
    """There is nan even where nothing is hidden: 0 times infinity, or infinity less infinity, is
    no number. np.where hides without computing with what it hides."""
    return _tired(lam, queries, keys, values, mask, price=lambda price, n: price + ~mask * np.inf)


def tired_last_alone(lam, queries, keys, values, mask):
    """C holds the weights of the query before alone; it is the sum over all queries before."""
    return _tired(lam, queries, keys, values, mask, cover=lambda C, alpha, e, n: alpha)


def tired_mean(lam, queries, keys, values, mask):
    """C is the mean of the weights before; it is their sum."""
    return _tired(lam, queries, keys, values, mask, price=lambda price, n: price / max(n, 1))


def tired_under_root(lam, queries, keys, values, mask):
    """λ C is divided by √D as well; the root belongs to the product of query and key alone."""
    root = queries.shape[2] ** 0.5
    return _tired(lam, queries, keys, values, mask, price=lambda price, n: price / root)


def tired_without_root(lam, queries, keys, values, mask):
    """The products of query and key are not divided by √D."""
    return _tired(lam, queries, keys, values, mask, root=1.0)


def tired_after_softmax(lam, queries, keys, values, mask):
    """λ C is taken away from the weights; it is taken away from the scores, before the softmax."""
    root, covered, weights = queries.shape[2] ** 0.5, np.zeros(mask.shape), []
    for q in queries:
        e = np.einsum("bd,tbd->bt", q, keys) / root
        e = np.where(mask, e, -np.inf)
        p = np.exp(e - e.max(axis=1, keepdims=True))
        alpha = p / p.sum(axis=1, keepdims=True)
        covered, alpha = covered + alpha, alpha - lam * covered
        weights.append(alpha)
    weights = np.array(weights)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def tired_shared(lam, queries, keys, values, mask):
    """C is added up over the examples; each example has its own."""
    return _tired(
        lam, queries, keys, values, mask, cover=lambda C, alpha, e, n: C + alpha.sum(axis=0)
    )


def tired_sums_scores(lam, queries, keys, values, mask):
    """C adds up the scores; it adds up the weights."""
    return _tired(
        lam, queries, keys, values, mask, cover=lambda C, alpha, e, n: C + np.where(mask, e, 0)
    )


def tired_of_plain(lam, queries, keys, values, mask):
    """C adds up the weights of plain attention; those that are added up are the tired ones
    themselves, so go query by query."""
    _, plain = _att(queries, keys, values, mask)
    return _tired(lam, queries, keys, values, mask, cover=lambda C, alpha, e, n: C + plain[n])


def tired_changed_later(lam, queries, keys, values, mask):
    """The weights that were handed out for the first query are changed later, by adding to C in
    place: C and they are one array. Make a new one, C = C + weights."""

    def add(C, alpha, e, n):
        if n == 0:
            return alpha
        C += alpha
        return C

    return _tired(lam, queries, keys, values, mask, cover=add)


def tired_without_mask(lam, queries, keys, values, mask):
    """The mask is not used: hidden places are read too."""
    return _tired(lam, queries, keys, values, np.ones_like(mask))


def tired_mask_turned(lam, queries, keys, values, mask):
    """The mask is taken the wrong way round: it is True where a query may look."""
    return _tired(lam, queries, keys, values, ~mask)


def tired_swapped_results(lam, queries, keys, values, mask):
    """The two results are in the wrong order: what is read first, then the weights."""
    out, weights = _tired(lam, queries, keys, values, mask)
    return weights, out


def right_tired(lam, queries, keys, values, mask):
    e = np.einsum("nbd,tbd->nbt", queries, keys) / np.sqrt(queries.shape[2])
    e[:, ~mask] = -np.inf
    weights = np.zeros(e.shape)
    for n in range(len(e)):
        s = e[n] - lam * weights.sum(axis=0)
        p = np.exp(s - s.max(axis=1, keepdims=True))
        weights[n] = p / p.sum(axis=1, keepdims=True)
    return np.einsum("nbt,tbv->nbv", weights, values), weights


def tired_one_by_one(lam, queries, keys, values, mask):
    def look(b):
        used, alphas = np.zeros(mask[b].sum()), []
        for q in queries[:, b]:
            p = np.exp(keys[mask[b], b] @ q / len(q) ** 0.5 - lam * used)
            alphas.append(p / p.sum())
            used = used + alphas[-1]
        whole = np.zeros((len(queries), len(keys)))
        whole[:, mask[b]] = alphas
        return whole

    weights = np.stack([look(b) for b in range(len(mask))], axis=1)
    return (weights.transpose(1, 0, 2) @ values.swapaxes(0, 1)).swapaxes(0, 1), weights


# ----------------------------------------------------- tired_attention_backward


def tired_attention_backward(lam, queries, keys, values, weights, dout):
    """By the complex step of the way forward."""

    def loss(*args):
        return (tired_forward(*args, weights[0] > 0)[0] * dout).sum(axis=(-3, -2, -1))

    return tuple(by_nudging(loss, (lam, queries, keys, values)))


def _walk(lam, values, weights, dout, carry=None, slope=None, later_first=True):
    """The gradients of the scores."""
    dweights = np.einsum("nbv,tbv->nbt", dout, values)
    dcovered, de = np.zeros(weights.shape[1:]), np.zeros(weights.shape)
    for n in range(len(weights))[:: -1 if later_first else 1]:
        dalpha = dweights[n] + dcovered
        if slope:
            de[n] = slope(weights[n], dalpha, dweights[n])
        else:
            de[n] = weights[n] * (dalpha - (weights[n] * dalpha).sum(axis=1, keepdims=True))
        dcovered = carry(dcovered, de[n], dalpha) if carry else dcovered - lam * de[n]
    return de


def _four(queries, keys, weights, dout, de, root=None, covered=None, over=None):
    """What is returned, from the gradients of the scores."""
    root = root or np.sqrt(queries.shape[2])
    covered = np.cumsum(weights, axis=0) - weights if covered is None else covered
    dqueries = np.einsum("nbt,tbd->nbd", de, keys) / root
    dkeys = np.einsum("nbt,nbd->tbd", de, queries) / root
    dvalues = np.einsum("nbt,nbv->tbv", weights, dout)
    return -(de * covered).sum(axis=over), dqueries, dkeys, dvalues


def back_coverage_constant(lam, queries, keys, values, weights, dout):
    """C is taken for a constant: but it is made of the weights of earlier queries, and a gradient
    goes back to them through it."""
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c)
    return _four(queries, keys, weights, dout, de)


def back_next_alone(lam, queries, keys, values, weights, dout):
    """A weight is in the C of all later queries; what comes back from them is added up, and here
    only the next one's is there."""
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: -lam * de)
    return _four(queries, keys, weights, dout, de)


def back_carry_sign(lam, queries, keys, values, weights, dout):
    """What comes back through C has the wrong sign: the score has -λ C."""
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c + lam * de)
    return _four(queries, keys, weights, dout, de)


def back_carry_without_lam(lam, queries, keys, values, weights, dout):
    """What comes back through C lacks the factor λ."""
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c - de)
    return _four(queries, keys, weights, dout, de)


def back_carry_dalpha(lam, queries, keys, values, weights, dout):
    """What is carried back through C is -λ dα; what goes into the coverage is de, not dα: C stands
    in the scores."""
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c - lam * dalpha)
    return _four(queries, keys, weights, dout, de)


def back_carry_under_root(lam, queries, keys, values, weights, dout):
    """What is carried back through C is divided by √D; the root belongs to the products of query
    and key alone."""
    root = queries.shape[2] ** 0.5
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c - lam * de / root)
    return _four(queries, keys, weights, dout, de)


def back_carry_plain(lam, queries, keys, values, weights, dout):
    """What is carried back through C is made of the de of what comes from out alone; carry the
    whole de of each query, with what came back to it through C."""
    plain = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: 0 * c)
    alone = iter(plain[::-1])
    de = _walk(lam, values, weights, dout, carry=lambda c, de, dalpha: c - lam * next(alone))
    return _four(queries, keys, weights, dout, de)


def back_stops_early(lam, queries, keys, values, weights, dout):
    """The walk stops before the first query, which so gets nothing: the last n is 0."""
    de = _walk(lam, values, weights, dout)
    de[0] = 0
    return _four(queries, keys, weights, dout, de)


def back_wrong_walk(lam, queries, keys, values, weights, dout):
    """The walk goes from the first query to the last; later queries depend on earlier ones, so it
    goes from the last to the first."""
    de = _walk(lam, values, weights, dout, later_first=False)
    return _four(queries, keys, weights, dout, de)


def back_mean_without_carry(lam, queries, keys, values, weights, dout):
    """The mean is taken of what comes through out alone; it is that of all that reaches the
    weights, with what comes back through C."""

    def slope(alpha, dalpha, dweights):
        return alpha * (dalpha - (alpha * dweights).sum(axis=1, keepdims=True))

    de = _walk(lam, values, weights, dout, slope=slope)
    return _four(queries, keys, weights, dout, de)


def back_without_mean(lam, queries, keys, values, weights, dout):
    """In the gradient of the scores the mean is missing: each weight depends on every score, de = α
    ∘ (dα - Σ α dα)."""

    def slope(alpha, dalpha, dweights):
        return alpha * dalpha

    de = _walk(lam, values, weights, dout, slope=slope)
    return _four(queries, keys, weights, dout, de)


def back_own_score_alone(lam, queries, keys, values, weights, dout):
    """The slope of a softmax is taken as α (1 - α): that is a weight by its own score, and it
    depends on the others too."""

    def slope(alpha, dalpha, dweights):
        return alpha * (1 - alpha) * dalpha

    de = _walk(lam, values, weights, dout, slope=slope)
    return _four(queries, keys, weights, dout, de)


def back_plain_mean(lam, queries, keys, values, weights, dout):
    """The mean over the places is taken evenly; each place counts with its weight."""

    def slope(alpha, dalpha, dweights):
        return alpha * (dalpha - dalpha.mean(axis=1, keepdims=True))

    de = _walk(lam, values, weights, dout, slope=slope)
    return _four(queries, keys, weights, dout, de)


def back_mean_over_batch(lam, queries, keys, values, weights, dout):
    """The mean of dα is taken over the whole batch; each example has its own, so sum over the
    places alone, with keepdims."""

    def slope(alpha, dalpha, dweights):
        return alpha * (dalpha - (alpha * dalpha).sum())

    de = _walk(lam, values, weights, dout, slope=slope)
    return _four(queries, keys, weights, dout, de)


def back_without_root(lam, queries, keys, values, weights, dout):
    """The root is missing in dqueries and dkeys: the score is divided by √D, and so is what comes
    back."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, root=1.0)


def back_dlam_zero(lam, queries, keys, values, weights, dout):
    """dlam lacks the factor C: without it, it is the sum of all de, which is always 0."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, covered=1.0)


def back_dlam_under_root(lam, queries, keys, values, weights, dout):
    """dlam is divided by √D; λ C is not, so take the gradient of the scores before the root."""
    de = _walk(lam, values, weights, dout)
    dlam, dqueries, dkeys, dvalues = _four(queries, keys, weights, dout, de)
    return dlam / np.sqrt(queries.shape[2]), dqueries, dkeys, dvalues


def back_dlam_sign(lam, queries, keys, values, weights, dout):
    """dlam has the wrong sign: the score has -λ C."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, covered=weights - np.cumsum(weights, axis=0))


def back_dlam_own(lam, queries, keys, values, weights, dout):
    """In dlam C has the weights of the query itself as well; it is the sum over the queries
    before."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, covered=np.cumsum(weights, axis=0))


def back_dlam_total(lam, queries, keys, values, weights, dout):
    """In dlam C has the weights of all queries; it is the sum over those before."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, covered=weights.sum(axis=0))


def back_dlam_mean(lam, queries, keys, values, weights, dout):
    """dlam is the mean over the examples; all share λ, so it is the sum."""
    de = _walk(lam, values, weights, dout)
    dlam, dqueries, dkeys, dvalues = _four(queries, keys, weights, dout, de)
    return dlam / weights.shape[1], dqueries, dkeys, dvalues


def back_dlam_not_summed(lam, queries, keys, values, weights, dout):
    """dlam is not summed over the examples; all share λ, so it is one number."""
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de, over=(0, 2))


def back_dlam_last(lam, queries, keys, values, weights, dout):
    """dlam comes last; the order is that of the arguments, and it comes first."""
    de = _walk(lam, values, weights, dout)
    dlam, dqueries, dkeys, dvalues = _four(queries, keys, weights, dout, de)
    return dqueries, dkeys, dvalues, dlam


def back_values_last_query(lam, queries, keys, values, weights, dout):
    """dvalues has what comes from the last query alone; all queries read the values, so it is
    summed over them."""
    de = _walk(lam, values, weights, dout)
    others = _four(queries, keys, weights, dout, de)[:3]
    return *others, np.einsum("bt,bv->tbv", weights[-1], dout[-1])


def back_values_with_de(lam, queries, keys, values, weights, dout):
    """dvalues is made with the gradient of the scores; a value is multiplied by its weight."""
    de = _walk(lam, values, weights, dout)
    return *_four(queries, keys, weights, dout, de)[:3], np.einsum("nbt,nbv->tbv", de, dout)


def back_in_place(lam, queries, keys, values, weights, dout):
    """The incoming gradient dout is changed in place; it belongs to the caller."""
    de = _walk(lam, values, weights, dout)
    dlam, dqueries, dkeys, dvalues = _four(queries, keys, weights, dout, de)
    dout *= 1.5
    return dlam, dqueries, dkeys, dvalues


def right_back(lam, queries, keys, values, weights, dout):
    de = _walk(lam, values, weights, dout)
    return _four(queries, keys, weights, dout, de)


def back_by_later_sums(lam, queries, keys, values, weights, dout):
    out = np.einsum("nbt,tbv->nbv", weights, values)
    N, D = len(queries), queries.shape[2]
    de, dlam = np.zeros(weights.shape), 0.0
    for n in range(N - 1, -1, -1):
        later = -lam * de[n + 1 :].sum(axis=0)
        slope = np.einsum("tbv,bv->bt", values, dout[n])
        average = (out[n] * dout[n]).sum(axis=1) + (weights[n] * later).sum(axis=1)
        de[n] = weights[n] * (slope + later - average[:, None])
        for m in range(n):
            dlam -= (de[n] * weights[m]).sum()
    dq = [(de[n].T[:, :, None] * keys).sum(axis=0) / D**0.5 for n in range(N)]
    dk = sum(de[n].T[:, :, None] * queries[n] for n in range(N)) / D**0.5
    dv = sum(weights[n].T[:, :, None] * dout[n] for n in range(N))
    return [dlam, dq, dk, dv]


def back_example_by_example(lam, queries, keys, values, weights, dout):
    dlam, grads, root = 0.0, [], queries.shape[2] ** 0.5
    for b in range(queries.shape[1]):
        A, g, des = weights[:, b], np.zeros(len(keys)), []
        for alpha, d in zip(A[::-1], dout[::-1, b], strict=True):
            J = np.diag(alpha) - np.outer(alpha, alpha)
            des.insert(0, J @ (values[:, b] @ d + g))
            g = g - lam * des[0]
        E = np.array(des)
        before = np.tril(np.ones((len(A), len(A))), -1) @ A
        dlam -= np.sum(E * before)
        grads.append((E @ keys[:, b] / root, E.T @ queries[:, b] / root, A.T @ dout[:, b]))
    return (dlam, *(np.stack(g, axis=1) for g in zip(*grads, strict=True)))


# ---------------------------------------------------------------- greedy_decode


def greedy_decode(step, state, start, end, max_length):
    last = np.full(len(state), start)
    live, log_probs, symbols = np.ones(len(state), dtype=bool), np.zeros(len(state)), []
    while live.any() and len(symbols) < max_length:
        logits, _, state = step(last, state)
        last = np.where(live, logits.argmax(axis=1), end)
        log_p = np.log(softmax(logits))
        log_probs = log_probs + np.where(live, log_p.max(axis=1), 0)
        live = live & (last != end)
        symbols.append(last)
    return np.array(symbols), log_probs


def _greedy(
    step,
    state,
    start,
    end,
    max_length,
    log=None,
    going=np.any,
    write=None,
    counts=None,
    live_on=None,
):
    B = len(state)
    last, live, log_probs, symbols = np.full(B, start), np.ones(B, dtype=bool), np.zeros(B), []
    for _ in range(max_length):
        logits, _, state = step(last, state)
        log_p = log(logits) if log else logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        best = logits.argmax(axis=1)
        last = write(live, best) if write else np.where(live, best, end)
        counted = counts(live, best) if counts else live
        log_probs = log_probs + np.where(counted, log_p[np.arange(B), best], 0)
        live = live_on(best) if live_on else live & (best != end)
        symbols.append(last)
        if not going(live):
            break
    return np.array(symbols), log_probs


def greedy_goes_on(step, state, start, end, max_length):
    """A sequence goes on after its end symbol; from then on there is nothing but end symbols."""
    return _greedy(step, state, start, end, max_length, write=lambda live, best: best)


def greedy_comes_back(step, state, start, end, max_length):
    """A sequence that has ended comes back: the live ones are taken from the last symbol alone.
    Once ended stays ended: live & (last != end)."""
    return _greedy(step, state, start, end, max_length, live_on=lambda best: best != end)


def greedy_counts_on(step, state, start, end, max_length):
    """Log-probabilities are added after a sequence has ended; they stop with the end symbol."""
    return _greedy(step, state, start, end, max_length, counts=lambda live, best: True)


def greedy_end_not_counted(step, state, start, end, max_length):
    """The log-probability of the end symbol is left out; it is one of the symbols."""
    return _greedy(
        step, state, start, end, max_length, counts=lambda live, best: live & (best != end)
    )


def greedy_state_kept(step, state, start, end, max_length):
    """Every step starts from the first state; take the state that step returns into the next
    call."""
    return _greedy(lambda symbols, _: step(symbols, state), state, start, end, max_length)


def greedy_feeds_start(step, state, start, end, max_length):
    """Every step is fed the start symbol; feed what was written last."""

    def deaf(symbols, state):
        return step(np.full(len(symbols), start), state)

    return _greedy(deaf, state, start, end, max_length)


def greedy_stops_with_first(step, state, start, end, max_length):
    """It stops when the first sequence ends; go on until all have."""
    return _greedy(step, state, start, end, max_length, going=np.all)


def greedy_never_stops(step, state, start, end, max_length):
    """It goes on when all sequences have ended; stop then, so that the longest has no rows to
    spare."""
    return _greedy(step, state, start, end, max_length, going=lambda live: True)


def greedy_logits(step, state, start, end, max_length):
    """Logits are added up; take the log of their softmax first."""
    return _greedy(step, state, start, end, max_length, log=lambda logits: logits)


def greedy_over_batch(step, state, start, end, max_length):
    """The softmax goes over the examples; it goes over the symbols."""
    return _greedy(
        step,
        state,
        start,
        end,
        max_length,
        log=lambda a: a - np.log(np.exp(a).sum(axis=0, keepdims=True)),
    )


def greedy_probabilities(step, state, start, end, max_length):
    """Probabilities are added up; add their logarithms."""
    return _greedy(
        step,
        state,
        start,
        end,
        max_length,
        log=lambda a: np.exp(a) / np.exp(a).sum(axis=1, keepdims=True),
    )


def greedy_per_symbol(step, state, start, end, max_length):
    """The log-probabilities are divided by the number of symbols; they are the sums."""
    symbols, log_probs = _greedy(step, state, start, end, max_length)
    written = len(symbols) - (symbols[:-1] == end).sum(axis=0)
    return symbols, log_probs / written


def greedy_per_step(step, state, start, end, max_length):
    """The log-probabilities are divided by the number of steps; they are the sums."""
    symbols, log_probs = _greedy(step, state, start, end, max_length)
    return symbols, log_probs / len(symbols)


def greedy_by_rows(step, state, start, end, max_length):
    """The symbols have the shape (B, L); time comes first, (L, B)."""
    symbols, log_probs = _greedy(step, state, start, end, max_length)
    return symbols.T, log_probs


def greedy_shows_start(step, state, start, end, max_length):
    """The start symbol is in the result; it was fed and not written."""
    symbols, log_probs = _greedy(step, state, start, end, max_length)
    return np.concatenate([np.full((1, len(state)), start), symbols]), log_probs


def greedy_one_too_many(step, state, start, end, max_length):
    """It writes one symbol more than max_length."""
    return _greedy(step, state, start, end, max_length + 1)


def greedy_weights_as_state(step, state, start, end, max_length):
    """The second result of step is taken for the state; that is the third, the second are the
    weights."""

    def swapped(symbols, state):
        logits, weights, state = step(symbols, state)
        return logits, state, weights

    return _greedy(swapped, state, start, end, max_length)


def right_greedy(step, state, start, end, max_length):
    return _greedy(step, state, start, end, max_length)


def greedy_row_by_row(step, state, start, end, max_length):
    rows, totals = [], []
    for b in range(len(state)):
        s, y, row, total = state[b : b + 1], start, [], 0.0
        while len(row) < max_length and y != end:
            logits, _, s = step(np.array([y]), s)
            p = np.exp(logits[0]) / np.exp(logits[0]).sum()
            y = int(np.argmax(p))
            row.append(y)
            total += float(np.log(p[y]))
        rows.append(row)
        totals.append(total)
    longest = max(map(len, rows))
    return np.array([row + [end] * (longest - len(row)) for row in rows]).T.tolist(), totals


# ------------------------------------------------------------------ beam_search


def beam_search(step, state, start, end, max_length, width, beta):
    live, aside = [((), 0.0, 0.0)], []  # symbols, log-probability, coverage
    for _ in range(max_length):
        last = np.array([symbols[-1] if symbols else start for symbols, _, _ in live])
        logits, weights, state = step(last, state)
        log_p = np.log(softmax(logits))
        new = [
            ((*symbols, y), total + log_p[r, y], covered + weights[r], r)
            for r, (symbols, total, covered) in enumerate(live)
            for y in range(log_p.shape[1])
        ]
        aside += [h[:3] for h in new if h[0][-1] == end]
        best = sorted((h for h in new if h[0][-1] != end), key=lambda h: -h[1])[:width]
        live, state = [h[:3] for h in best], state[[h[3] for h in best]]
    scored = [
        (list(symbols), total + beta * np.log(np.minimum(covered, 1)).sum())
        for symbols, total, covered in aside + live
    ]
    return sorted(scored, key=lambda h: -h[1])[:width]


def _search(
    step,
    state,
    start,
    end,
    max_length,
    width,
    log=None,  # of the logits
    look=None,  # the new coverage
    price=None,  # of a coverage, paid at every step
    key=None,  # by which continuations are chosen
    room=None,  # of all continuations, also by the end
    choose=None,  # in place of the width best
    follow=None,  # the beam and its rows
    stop=None,
):
    """All hypotheses that are set aside, the finished ones first."""
    live, aside = [([], 0.0, 0.0)], []
    for _ in range(max_length):
        if not live or (stop and stop(live, aside)):
            break
        last = np.array([symbols[-1] if symbols else start for symbols, _, _ in live])
        logits, weights, state = step(last, state)
        log_p = log(logits) if log else logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        new = []
        for r, (symbols, total, covered) in enumerate(live):
            for y in range(log_p.shape[1]):
                seen = look(covered, weights[r], y) if look else covered + weights[r]
                paid = price(seen) if price else 0
                new.append((([*symbols, y], total + log_p[r, y] + paid, seen), r))
        new = sorted(new, key=lambda h: -(key(h[0]) if key else h[0][1]))[:room]
        aside = aside + [one for one, _ in new if one[0][-1] == end]
        new = [h for h in new if h[0][0][-1] != end]
        new = choose(new) if choose else new[:width]
        rows = [r for _, r in new]
        live, rows = follow(new, live, weights) if follow else ([one for one, _ in new], rows)
        state = state[rows]
    return aside + live


def _ranked(found, width, score):
    scored = [(symbols, score(total, covered)) for symbols, total, covered in found]
    return sorted(scored, key=lambda h: -h[1])[:width]


def _sure(width, everyone=False, drop=False):
    """Stop where width finished hypotheses, or everyone that is finished, are the most probable."""

    def stop(live, aside):
        best = sorted((h[1] for h in aside), reverse=True)[: None if everyone else width]
        sure = len(best) >= width and best[-1] > max(h[1] for h in live)
        if sure and drop:
            live.clear()
        return sure

    return stop


def _score(beta):
    return lambda total, C: total + beta * np.log(np.minimum(C, 1)).sum()


def beam_without_coverage(step, state, start, end, max_length, width, beta):
    """The coverage is not used: the score is the log-probability alone."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked(found, width, lambda total, C: total)


def beam_without_min(step, state, start, end, max_length, width, beta):
    """min(C, 1) is missing: a place that was looked at twice earns a reward."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked(found, width, lambda total, C: total + beta * np.log(C).sum())


def beam_sign(step, state, start, end, max_length, width, beta):
    """The coverage is taken away; log min(C, 1) is negative, and β times it is added."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked(found, width, _score(-beta))


def beam_mean_coverage(step, state, start, end, max_length, width, beta):
    """The logarithms are averaged over the places; they are added up."""

    def score(total, C):
        return total + beta * np.log(np.minimum(C, 1)).mean()

    return _ranked(_search(step, state, start, end, max_length, width), width, score)


def beam_log_of_sum(step, state, start, end, max_length, width, beta):
    """The logarithm is taken of the sum over the places; take it of each place, then add up."""

    def score(total, C):
        return total + beta * np.log(np.minimum(C, 1).sum())

    return _ranked(_search(step, state, start, end, max_length, width), width, score)


def beam_last_look(step, state, start, end, max_length, width, beta):
    """C holds the weights of the last step alone; it is their sum over all steps of the
    hypothesis."""
    found = _search(step, state, start, end, max_length, width, look=lambda C, weights, y: weights)
    return _ranked(found, width, _score(beta))


def beam_end_not_covered(step, state, start, end, max_length, width, beta):
    """The look before the end symbol is not counted in C; it is one of the steps."""

    def look(C, weights, y):
        return np.zeros_like(weights) + C + weights * (y != end)

    found = _search(step, state, start, end, max_length, width, look=look)
    return _ranked(found, width, _score(beta))


def beam_coverage_stays(step, state, start, end, max_length, width, beta):
    """The coverage does not move with its hypothesis: after the best have been chosen, the rows are
    others."""

    def follow(new, live, weights):
        rows = [min(k, len(live) - 1) for k in range(len(new))]
        kept = [(*h[0][:2], live[k][2] + weights[k]) for h, k in zip(new, rows, strict=True)]
        return kept, [r for _, r in new]

    found = _search(step, state, start, end, max_length, width, follow=follow)
    return _ranked(found, width, _score(beta))


def beam_states_stay(step, state, start, end, max_length, width, beta):
    """The states do not move with their hypotheses: after the best have been chosen, pick their
    rows of the state too."""

    def follow(new, live, weights):
        return [one for one, _ in new], [min(k, len(live) - 1) for k in range(len(new))]

    found = _search(step, state, start, end, max_length, width, follow=follow)
    return _ranked(found, width, _score(beta))


def beam_prunes_by_score(step, state, start, end, max_length, width, beta):
    """The hypotheses that live on are chosen by the score; they are chosen by their log-
    probability, and coverage counts at the end."""

    def key(one):
        return one[1] + beta * np.log(np.minimum(one[2], 1)).sum()

    found = _search(step, state, start, end, max_length, width, key=key)
    return _ranked(found, width, _score(beta))


def beam_finished_take_room(step, state, start, end, max_length, width, beta):
    """Finished hypotheses take up room in the beam; they are set aside, and width others live
    on."""
    found = _search(step, state, start, end, max_length, width, room=width)
    return _ranked(found, width, _score(beta))


def beam_one_each(step, state, start, end, max_length, width, beta):
    """Each hypothesis is continued by its best symbol alone; all continuations of all hypotheses
    compete."""

    def choose(new):
        first = {r: k for k, (_, r) in reversed([*enumerate(new)])}
        return new[:width] if len(first) == 1 else [new[k] for k in sorted(first.values())]

    found = _search(step, state, start, end, max_length, width, choose=choose)
    return _ranked(found, width, _score(beta))


def beam_stops_at_first_end(step, state, start, end, max_length, width, beta):
    """It stops when the first hypothesis ends; others may still become better."""

    def stop(live, aside):
        return len(live) > 1 and min(len(h[0]) for h in aside) < len(live[0][0])

    found = _search(step, state, start, end, max_length, width, stop=stop)
    return _ranked(found, width, _score(beta))


def beam_stops_when_sure(step, state, start, end, max_length, width, beta):
    """It stops early by log-probability: width finished hypotheses are more probable than all that
    live on. One of these may still win, by what it will have looked at."""
    return _ranked(
        _search(step, state, start, end, max_length, width, stop=_sure(width)), width, _score(beta)
    )


def beam_stops_when_all_sure(step, state, start, end, max_length, width, beta):
    """It stops early by log-probability: width finished hypotheses are more probable than all that
    live on. One of these may still win, by what it will have looked at."""
    stop = _sure(width, everyone=True)
    return _ranked(
        _search(step, state, start, end, max_length, width, stop=stop), width, _score(beta)
    )


def beam_stops_and_drops(step, state, start, end, max_length, width, beta):
    """It stops early by log-probability: width finished hypotheses are more probable than all that
    live on. One of these may still win, by what it will have looked at."""
    stop = _sure(width, drop=True)
    return _ranked(
        _search(step, state, start, end, max_length, width, stop=stop), width, _score(beta)
    )


def beam_unfinished_lost(step, state, start, end, max_length, width, beta):
    """What is not finished after max_length symbols is lost; it counts as it is."""
    found = _search(step, state, start, end, max_length, width)
    found = [h for h in found if h[0][-1] == end]
    return _ranked(found, width, _score(beta))


def beam_logits(step, state, start, end, max_length, width, beta):
    """Logits are added up; take the log of their softmax first."""
    found = _search(step, state, start, end, max_length, width, log=lambda logits: logits)
    return _ranked(found, width, _score(beta))


def beam_probabilities(step, state, start, end, max_length, width, beta):
    """Probabilities are added up; add their logarithms."""

    def log(logits):
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    found = _search(step, state, start, end, max_length, width, log=log)
    return _ranked(found, width, _score(beta))


def beam_per_symbol(step, state, start, end, max_length, width, beta):
    """The log-probability is divided by the number of symbols; in the score it is the sum."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked([(s, total / len(s), C) for s, total, C in found], width, _score(beta))


def beam_score_per_symbol(step, state, start, end, max_length, width, beta):
    """The score is divided by the number of symbols; leave it as it is."""
    found, score = _search(step, state, start, end, max_length, width), _score(beta)
    scored = [(s, score(total, C) / len(s)) for s, total, C in found]
    return sorted(scored, key=lambda h: -h[1])[:width]


def beam_least_probable(step, state, start, end, max_length, width, beta):
    """The least probable continuations live on; the most probable ones do."""
    found = _search(step, state, start, end, max_length, width, key=lambda one: -one[1])
    return _ranked(found, width, _score(beta))


def beam_few_set_aside(step, state, start, end, max_length, width, beta):
    """Of what is set aside the most probable are chosen before the score is known; all of it is
    scored."""
    found = sorted(_search(step, state, start, end, max_length, width), key=lambda h: -h[1])
    ended = [h for h in found if h[0][-1] == end][:width]
    return _ranked(ended + [h for h in found if h[0][-1] != end], width, _score(beta))


def beam_few_scored(step, state, start, end, max_length, width, beta):
    """Of what is set aside the most probable are chosen before the score is known; all of it is
    scored."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked(sorted(found, key=lambda h: -h[1])[:width], width, _score(beta))


def beam_returns_log_prob(step, state, start, end, max_length, width, beta):
    """The log-probability is returned in place of the score, by which the hypotheses are
    ordered."""
    found, score = _search(step, state, start, end, max_length, width), _score(beta)
    found = sorted(found, key=lambda h: -score(*h[1:]))[:width]
    return [(symbols, total) for symbols, total, _ in found]


def beam_worst_first(step, state, start, end, max_length, width, beta):
    """The worst come first, and are returned; the best come first."""
    return _ranked(_search(step, state, start, end, max_length, width), None, _score(beta))[
        : -width - 1 : -1
    ]


def beam_all(step, state, start, end, max_length, width, beta):
    """All hypotheses are returned; return the best width of them."""
    found = _search(step, state, start, end, max_length, width)
    return _ranked(found, None, _score(beta))


def beam_without_end(step, state, start, end, max_length, width, beta):
    """The end symbol is left out of the symbols; it is one of them."""
    found = _search(step, state, start, end, max_length, width)
    found = [([y for y in s if y != end], total, C) for s, total, C in found]
    return _ranked(found, width, _score(beta))


def beam_width_one(step, state, start, end, max_length, width, beta):
    """Only one hypothesis lives on; width of them do."""
    found = _search(step, state, start, end, max_length, 1)
    return _ranked(found, width, _score(beta))


def beam_improbable_ends_lost(step, state, start, end, max_length, width, beta):
    """A continuation by the end symbol is set aside only where it is among the most probable; each
    of them is set aside."""
    found = _search(step, state, start, end, max_length, width, room=2 * width)
    return _ranked(found, width, _score(beta))


def beam_pays_each_step(step, state, start, end, max_length, width, beta):
    """The price of coverage is paid at every step; it is paid once, at the end, and the beam is
    chosen without it."""

    def price(C):
        return beta * np.log(np.minimum(C, 1)).sum()

    found = _search(step, state, start, end, max_length, width, price=price)
    return _ranked(found, width, lambda total, C: total)


def beam_weights_as_state(step, state, start, end, max_length, width, beta):
    """The second result of step is taken for the state; that is the third, the second are the
    weights."""

    def swapped(symbols, state):
        logits, weights, state = step(symbols, state)
        return logits, state, weights

    found = _search(swapped, state, start, end, max_length, width)
    return _ranked(found, width, _score(beta))


def beam_of_the_book(step, state, start, end, max_length, width, beta):
    """Finished hypotheses stay in the beam, as in the book; here they are set aside, and width
    others live on."""
    kept = [((), 0.0, 0.0)]
    for _ in range(max_length):
        done = [h for h in kept if h[0][-1:] == (end,)]
        live = [h for h in kept if h[0][-1:] != (end,)]
        if not live:
            break
        logits, weights, state = step(np.array([h[0][-1] if h[0] else start for h in live]), state)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        pool = [(h, -1) for h in done] + [
            (((*symbols, y), total + log_p[r, y], covered + weights[r]), r)
            for r, (symbols, total, covered) in enumerate(live)
            for y in range(log_p.shape[1])
        ]
        best = sorted(pool, key=lambda h: -h[0][1])[:width]
        kept = [h for h, _ in best]
        state = state[[r for h, r in best if h[0][-1] != end]]
    scored = [(s, total + beta * np.log(np.minimum(c, 1)).sum()) for s, total, c in kept]
    return sorted(scored, key=lambda h: -h[1])


def right_beam(step, state, start, end, max_length, width, beta):
    return _ranked(_search(step, state, start, end, max_length, width), width, _score(beta))


def beam_one_at_a_time(step, state, start, end, max_length, width, beta):
    beam, found = [(0.0, (), np.zeros(1), state)], []
    while beam:
        following = []
        for total, symbols, seen, s in beam:
            if len(symbols) == max_length or symbols[-1:] == (end,):
                found.append((total + beta * np.log(np.clip(seen, None, 1)).sum(), symbols))
                continue
            logits, look, s = step(np.array([symbols[-1] if symbols else start]), s)
            p = np.exp(logits[0] - logits[0].max())
            for y, q in enumerate(p / p.sum()):
                following.append((total + np.log(q), (*symbols, y), seen + look[0], s))
        ended = [h for h in following if h[1][-1] == end]
        others = sorted((h for h in following if h[1][-1] != end), key=lambda h: h[0])
        beam = ended + others[::-1][:width]
    found.sort(key=lambda h: h[0], reverse=True)
    return [(symbols, score) for score, symbols in found[:width]]


def beam_by_arrays(step, state, start, end, max_length, width, beta):
    symbols, total, seen, done = np.zeros((1, 0), int), np.zeros(1), 0, []
    for _ in range(max_length):
        fed = symbols[:, -1] if symbols.shape[1] else np.array([start])
        logits, look, state = step(fed, state)
        a = logits - logits.max(axis=1, keepdims=True)
        totals = total[:, None] + a - np.log(np.exp(a).sum(axis=1, keepdims=True))
        seen = seen + look
        for r in range(len(fed)):
            done.append(([*symbols[r], end], totals[r, end], seen[r]))
        totals[:, end] = -np.inf
        flat = np.argsort(-totals, axis=None)[:width]  # also those of -∞
        rows, ys = np.unravel_index(flat, totals.shape)
        symbols, total = np.hstack([symbols[rows], ys[:, None]]), totals[rows, ys]
        seen, state = seen[rows], state[rows]
    done += zip(symbols, total, seen, strict=True)
    score = np.array([t + beta * sum(np.log(min(c, 1)) for c in s) for _, t, s in done])
    return [[list(done[k][0]), score[k]] for k in np.argsort(-score)[:width]]


def beam_stops_by_score(step, state, start, end, max_length, width, beta):
    def stop(live, aside):
        best = sorted((score(*h[1:]) for h in aside), reverse=True)[:width]
        return len(best) == width and best[-1] > max(h[1] for h in live)

    score = _score(beta)
    found = _search(step, state, start, end, max_length, width, stop=stop)
    return _ranked(found, width, score)


# ------------------------------------------------------------------- date_grads


def date_loss(net, xs, mask, targets):
    """Each array of the network may have one more axis in front, and so has the loss then."""
    reader, writer, (lam, W_q, W_y, b_y) = net[:4], net[4:8], net[8:]
    h = s = np.zeros((len(mask), W_q.shape[-1]))
    hs, ss = [], []
    for x in xs:
        h = gru_step(*reader, x, h)
        hs.append(h)
    for y in [np.full(len(mask), 11), *targets[:-1]]:
        s = gru_step(*writer, np.eye(12)[y], s)
        ss.append(s)
    hs, ss = np.stack(hs, axis=-3), np.stack(ss, axis=-3)
    queries = ss @ np.swapaxes(W_q, -1, -2)[..., None, :, :]
    read, _ = tired_forward(lam, queries, hs, hs, mask)
    both = np.concatenate(np.broadcast_arrays(ss, read), axis=-1)
    p = softmax(both @ np.swapaxes(W_y, -1, -2)[..., None, :, :] + b_y[..., None, None, :])
    return -(np.log(p) * np.eye(11)[targets]).sum(axis=-1).mean(axis=(-1, -2))


def date_grads(net, xs, mask, targets):
    """By the complex step."""
    grads = by_nudging(lambda *arrays: date_loss(arrays, xs, mask, targets), net)
    return date_loss(net, xs, mask, targets), grads


def _date_grads(net, xs, mask, targets, fed=None, reader=None, writer=None):
    lam, W_q, W_y, b_y = net[8:]
    hs, read = gru(net[:4], xs)
    ss, wrote = gru(net[4:8], delayed(targets) if fed is None else fed)
    queries, H = ss @ W_q.T, len(W_q)
    out, weights = tired_attention(lam, queries, hs, hs, mask)
    features = np.concatenate([ss, out], axis=2)
    loss, dlogits = cross_entropy(features @ W_y.T + b_y, targets)
    direct, dout = np.split(dlogits @ W_y, [H], axis=2)
    dlam, dq, dk, dv = tired_attention_backward(lam, queries, hs, hs, weights, dout)
    return loss, [
        *gru_backward(net[:4], read, reader(dk, dv) if reader else dk + dv),
        *gru_backward(net[4:8], wrote, writer(direct, dq) if writer else direct + dq @ W_q),
        dlam,
        np.einsum("nbi,nbj->ij", dq, ss),
        np.einsum("nbk,nbf->kf", dlogits, features),
        dlogits.sum(axis=(0, 1)),
    ]


def grads_W_q_transposed(net, xs, mask, targets):
    """The gradient of W_q is transposed: its row i belongs to number i of the queries, q = W_q
    s."""
    loss, grads = _date_grads(net, xs, mask, targets)
    grads[9] = grads[9].T
    return loss, grads


def grads_W_q_zero(net, xs, mask, targets):
    """The gradient of W_q is 0: dqueries goes into it as well as to the writer."""
    loss, grads = _date_grads(net, xs, mask, targets)
    grads[9] = 0 * grads[9]
    return loss, grads


def grads_writer_not_asking(net, xs, mask, targets):
    """The writer's states act twice, through the logits and as queries; what comes back through the
    queries, dqueries @ W_q, does not reach the writer."""
    return _date_grads(net, xs, mask, targets, writer=lambda direct, dq: direct)


def grads_writer_asking_alone(net, xs, mask, targets):
    """The writer's states act twice, through the logits and as queries; what comes back through the
    logits, the first H numbers of dfeatures, does not reach the writer."""
    return _date_grads(net, xs, mask, targets, writer=lambda direct, dq: dq @ net[9])


def grads_back_through_transposed(net, xs, mask, targets):
    """What comes back to the writer through the queries is multiplied by the transpose of W_q:
    forward ss @ W_q.T, back dqueries @ W_q."""
    return _date_grads(net, xs, mask, targets, writer=lambda direct, dq: direct + dq @ net[9].T)


def grads_keys_alone(net, xs, mask, targets):
    """The reader's states are keys and values; dvalues does not reach the reader."""
    return _date_grads(net, xs, mask, targets, reader=lambda dk, dv: dk)


def grads_values_alone(net, xs, mask, targets):
    """The reader's states are keys and values; dkeys does not reach the reader."""
    return _date_grads(net, xs, mask, targets, reader=lambda dk, dv: dv)


def grads_other_queries(net, xs, mask, targets):
    """The queries are those of the transpose of W_q: q = W_q s is `ss @ W_q.T`, for rows."""
    net = [*net[:9], net[9].T, *net[10:]]
    loss, grads = _date_grads(net, xs, mask, targets)
    grads[9] = grads[9].T
    return loss, grads


def grads_without_mask(net, xs, mask, targets):
    """The writer looks behind the end of a text: the mask is not passed on to the attention."""
    return _date_grads(net, xs, np.ones_like(mask), targets)


def grads_halves_swapped(net, xs, mask, targets):
    """The halves of W_y are swapped: the state of the writer comes first, then what was read."""
    H = len(net[9])
    net = [*net[:10], np.roll(net[10], H, axis=1), net[11]]
    loss, grads = _date_grads(net, xs, mask, targets)
    grads[10] = np.roll(grads[10], H, axis=1)
    return loss, grads


def grads_not_delayed(net, xs, mask, targets):
    """The writer reads the symbol that it is to write; it reads those before, START at the
    first."""
    return _date_grads(net, xs, mask, targets, fed=np.eye(12)[targets])


def grads_not_tired(net, xs, mask, targets):
    """λ is not used: it is that of the network, and not 0."""
    net = [*net[:8], np.zeros(()), *net[9:]]
    return _date_grads(net, xs, mask, targets)


def grads_lam_held(net, xs, mask, targets):
    """The gradient of λ is 0: it is the first of the four that tired_attention_backward returns."""
    loss, grads = _date_grads(net, xs, mask, targets)
    grads[8] = 0 * grads[8]
    return loss, grads


def grads_alone(net, xs, mask, targets):
    """The loss is not returned; return the pair (loss, grads)."""
    return _date_grads(net, xs, mask, targets)[1]


def grads_right(net, xs, mask, targets):
    return _date_grads(net, xs, mask, targets)


def grads_by_halves(net, xs, mask, targets):
    reader, writer, (lam, W_q, W_y, b_y) = net[:4], net[4:8], net[8:]
    H, (N, B) = len(W_q), targets.shape
    hs, cache = gru(reader, xs)
    before = np.vstack([np.full(B, 11), targets])[:-1]
    ss, writing = gru(writer, (before[..., None] == np.arange(12)) * 1.0)
    qs = np.array([(W_q @ s.T).T for s in ss])
    out, weights = tired_attention(lam, qs, hs, hs, mask)
    a = ss @ W_y[:, :H].T + out @ W_y[:, H:].T + b_y
    p = np.exp(a) / np.exp(a).sum(axis=2, keepdims=True)
    right = targets[..., None] == np.arange(11)
    d = (p - right) / (N * B)
    back = tired_attention_backward(lam, qs, hs, hs, weights, d @ W_y[:, H:])
    dW_q = sum(dq.T @ s for dq, s in zip(back[1], ss, strict=True))
    dW_y = np.hstack([np.tensordot(d, half, ([0, 1], [0, 1])) for half in (ss, out)])
    grads = [
        gru_backward(reader, cache, back[2] + back[3]),
        gru_backward(writer, writing, d @ W_y[:, :H] + back[1] @ W_q),
        [np.asarray(back[0]).tolist(), dW_q.tolist(), dW_y, d.sum(axis=0).sum(axis=0)],
    ]
    return [-np.log(p[right]).mean(), tuple(g for group in grads for g in group)]


# --------------------------------------------------------------------- date_net


def date_net(seed):
    """Stands for a network that learned: what it is judged by says so of every such one."""
    return dates_wired(seed)


def dates_end_at_once(seed):
    """It writes the end symbol at once. The end is the ninth symbol that is to be written, and
    nothing but the ninth."""
    weights = [np.zeros(s) for s in [(39, 13), (39, 13), 39, 13, (39, 12), (39, 13), 39, 13]]
    b_y = np.zeros(11)
    b_y[10] = 1
    return [*weights, 0.0, np.zeros((13, 13)), np.zeros((11, 26)), b_y]


def dates_repeat(seed):
    """It writes one symbol over and over, as a network does that has hardly been trained. Is `net`
    at every step what descend has returned, and are there 700 steps? If date_grads is written out
    here: the writer reads, at a step of training, the symbol before the one that it is to write."""
    weights = [np.zeros(s) for s in [(39, 13), (39, 13), 39, 13, (39, 12), (39, 13), 39, 13]]
    b_y = np.zeros(11)
    b_y[2] = 1
    return [*weights, 0.0, np.zeros((13, 13)), np.zeros((11, 26)), b_y]


def _wired(places=((42,), (43,), (44,), (45,), (33, 32), (37, 36), (31, 34), (35, 38))):
    """A network that nobody has trained: each unit of the reader knows one thing about a place, and
    the writer asks for that which the n-th digit is known by."""
    H = 46
    reads, after, b = np.zeros((H, 13)), np.zeros((H, H)), np.zeros(H)
    digit = np.arange(10)
    reads[digit, 3 + digit], b[:10] = 20, -10  # units 0 to 9: this symbol
    after[10 + digit, digit] = after[20 + digit, 10 + digit] = 10  # the one before, and before that
    reads[30, [1, 2]], after[30, 30] = 20, 20  # a sign was there
    for unit, sign, old, bias in [(31, 1, -20, -10), (32, 2, -20, -10), (33, 1, 20, -30)]:
        reads[unit, sign], after[unit, 30], b[unit] = 20, old, bias  # first ., first /, second .
    reads[34, 2], after[34, 30], b[34] = 20, 20, -30  # second /
    reads[39, [1, 2]], after[39, 30], b[39] = 20, 20, -30  # second sign
    for unit in (*range(35, 39), *range(40, 46)):  # one step later
        after[unit, unit - (4 if unit < 39 else 1)], b[unit] = 10, -5
    gates = [np.zeros(H) + 20, np.zeros(H) - 20]
    reader = np.zeros((3 * H, 13)), np.zeros((3 * H, H)), np.concatenate([*gates, b]), np.zeros(H)
    reader[0][2 * H :], reader[1][2 * H :] = reads, after
    counts, b = np.zeros((H, H)), np.zeros(H)
    counts[np.arange(1, 9), np.arange(8)], b[:9] = 10, -5
    writer = np.zeros((3 * H, 12)), np.zeros((3 * H, H)), np.concatenate([*gates, b]), np.zeros(H)
    writer[0][2 * H, 11], writer[1][2 * H :] = 20, counts
    W_q, W_y, b_y = np.zeros((H, H)), np.zeros((11, 2 * H)), np.zeros(11)
    for n, units in enumerate(places):
        W_q[list(units), n] = 200
    W_y[digit, H + 20 + digit], b_y[0], W_y[10, 8] = 10, 5, 25
    return [*reader, *writer, 0.0, W_q, W_y, b_y]


def dates_deaf(seed):
    """It writes the same date whatever it reads: has it been trained for 700 steps? If date_grads
    is written out here: does the gradient of the attention's keys, added to that of its values,
    reach gru_backward?"""
    net = _wired()
    net[9], net[10] = 0 * net[9], 0 * net[10]
    net[10][range(8), range(8)], net[10][10, 8] = 10, 25
    return net


def dates_halves_swapped(seed):
    """It would be right if the halves of W_y were swapped: the state of the writer comes first,
    then what was read."""
    net = _wired()
    net[10] = np.roll(net[10], 46, axis=1)
    return net


def dates_year_alone(seed):
    """The year is right, and not the rest, which takes longest to learn. Does it train for 700
    steps, and is each batch drawn afresh?"""
    return _wired([[42], [43], [44], [45], [33, 32], [36], [34], [35]])


def dates_without_lam(seed):
    """λ is not returned; return the twelve arrays in the order of fresh_net."""
    net = _wired()
    return net[:8] + net[9:]


def dates_untrained(seed):
    """It has not learned enough. Is `net` at every step what descend has returned, are there 700
    steps, and is each batch drawn afresh?"""
    return fresh_net(np.random.default_rng(seed))


def dates_wired(seed):
    return _wired()


def dates_wired_as_lists(seed):
    net = _wired()
    net[8], net[9] = np.array(0.3), 2 * net[9]
    return tuple(w.tolist() if isinstance(w, np.ndarray) else w for w in net)


# ------------------------------------------------------------------ the table


STEPS = {"tired_attention": right_tired, "tired_attention_backward": right_back}

GRADED = (
    Graded(
        name="attention",
        reference=attention,
        parts=(Part("attention-check", 10, large_inputs),),
        misconceptions=(
            att_without_root,
            att_by_d,
            att_by_root_of_places,
            att_by_root_of_examples,
            att_without_mask,
            att_mask_turned,
            att_zero_scores,
            att_mask_after,
            att_divided_after,
            att_overflow,
            att_cut_off,
            att_cut_off_above,
            att_nan_replaced,
            att_zero_times_infinity,
            att_less_the_mean,
            att_over_queries,
            att_over_batch,
            att_shares_of_scores,
            att_reads_keys,
            att_best_alone,
            att_swapped_results,
            att_output_alone,
            att_in_place,
        ),
        alternatives=(att_by_matrices, att_example_by_example),
        says={
            att_without_root: "are they divided by √D",
            att_by_d: "divided by D",
            att_by_root_of_places: "number of places",
            att_by_root_of_examples: "number of examples",
            att_without_mask: "hidden places have a share",
            att_mask_turned: "wrong way round",
            att_zero_scores: "score 0",
            att_mask_after: "after the softmax",
            att_divided_after: "0 was divided by 0",
            att_overflow: "overflow",
            att_cut_off: "do not cut scores off",
            att_cut_off_above: "all of them vanish",
            att_nan_replaced: "or replace nan",
            att_zero_times_infinity: "0 multiplied by infinity",
            att_less_the_mean: "with the -∞ of hidden places",
            att_over_queries: "over the queries",
            att_over_batch: "over the examples",
            att_shares_of_scores: "exponentials",
            att_reads_keys: "the keys are read",
            att_best_alone: "the best place alone",
            att_swapped_results: "they are swapped",
            att_output_alone: "expected the pair",
            att_in_place: "changes queries in place",
        },
    ),
    Graded(
        name="tired_attention",
        reference=tired_attention,
        parts=(Part("tired_attention-check", 10, tired_inputs),),
        misconceptions=(
            tired_without_lam,
            tired_sign,
            tired_size_of_lam,
            tired_cut_off,
            tired_zero_times_infinity,
            tired_last_alone,
            tired_mean,
            tired_under_root,
            tired_without_root,
            tired_after_softmax,
            tired_shared,
            tired_sums_scores,
            tired_of_plain,
            tired_changed_later,
            tired_without_mask,
            tired_mask_turned,
            tired_swapped_results,
        ),
        alternatives=(right_tired, tired_one_by_one),
        says={
            tired_without_lam: "λ is not used",
            tired_sign: "is added",
            tired_size_of_lam: "with λ = -1.7 λ C is added",
            tired_cut_off: "cut off at 1",
            tired_zero_times_infinity: "0 multiplied by infinity",
            tired_last_alone: "the query before alone",
            tired_mean: "the mean of the weights",
            tired_under_root: "divided by √D as well",
            tired_without_root: "are they divided by √D",
            tired_after_softmax: "before the softmax",
            tired_shared: "each example has its own",
            tired_sums_scores: "adds up the scores",
            tired_of_plain: "weights of plain attention",
            tired_changed_later: "changed later",
            tired_without_mask: "hidden places have a share",
            tired_mask_turned: "wrong way round",
            tired_swapped_results: "they are swapped",
        },
    ),
    Graded(
        name="tired_attention_backward",
        reference=tired_attention_backward,
        parts=(
            Part("tired_attention_backward-check-values", 5, backward_inputs, the_values_gradient),
            Part(
                "tired_attention_backward-check-scores", 15, backward_inputs, the_scores_gradients
            ),
            Part(
                "tired_attention_backward-check-fatigue", 10, backward_inputs, the_fatigue_gradient
            ),
        ),
        misconceptions=(
            back_coverage_constant,
            back_next_alone,
            back_carry_sign,
            back_carry_without_lam,
            back_carry_dalpha,
            back_carry_under_root,
            back_carry_plain,
            back_stops_early,
            back_wrong_walk,
            back_mean_without_carry,
            back_without_mean,
            back_own_score_alone,
            back_plain_mean,
            back_mean_over_batch,
            back_without_root,
            back_dlam_zero,
            back_dlam_under_root,
            back_dlam_sign,
            back_dlam_own,
            back_dlam_total,
            back_dlam_mean,
            back_dlam_not_summed,
            back_dlam_last,
            back_values_last_query,
            back_values_with_de,
            back_in_place,
        ),
        alternatives=(right_back, back_by_later_sums, back_example_by_example),
        says={
            back_coverage_constant: "C is taken for a constant",
            back_next_alone: "of the next query alone",
            back_carry_sign: "the wrong sign",
            back_carry_without_lam: "the factor λ is missing",
            back_carry_dalpha: "de, not dα",
            back_carry_under_root: "belongs to the products alone",
            back_carry_plain: "carry the whole de",
            back_stops_early: "goes on to query 0",
            back_wrong_walk: "from the last query to the first",
            back_mean_without_carry: "the mean",
            back_without_mean: "each weight depends on every score",
            back_own_score_alone: "by its own score",
            back_without_root: "divided by √D",
            back_dlam_zero: "lacks the factor C",
            back_dlam_under_root: "λ C is not divided by √D",
            back_dlam_sign: "it has the wrong sign",
            back_dlam_own: "the query itself",
            back_dlam_total: "of all queries",
            back_dlam_mean: "mean over the examples",
            back_dlam_not_summed: "one number",
            back_dlam_last: "in the order of the arguments",
            back_values_last_query: "summed over the queries",
            back_in_place: "changes dout in place",
        },
    ),
    Graded(
        name="greedy_decode",
        reference=greedy_decode,
        parts=(Part("greedy_decode-check", 10, greedy_inputs),),
        misconceptions=(
            greedy_goes_on,
            greedy_comes_back,
            greedy_counts_on,
            greedy_end_not_counted,
            greedy_state_kept,
            greedy_feeds_start,
            greedy_stops_with_first,
            greedy_never_stops,
            greedy_logits,
            greedy_over_batch,
            greedy_probabilities,
            greedy_per_symbol,
            greedy_per_step,
            greedy_by_rows,
            greedy_shows_start,
            greedy_one_too_many,
            greedy_weights_as_state,
        ),
        alternatives=(right_greedy, greedy_row_by_row),
        says={
            greedy_goes_on: "goes on after its end",
            greedy_comes_back: "once ended stays ended",
            greedy_counts_on: "after a sequence has ended",
            greedy_end_not_counted: "the end symbol is left out",
            greedy_state_kept: "the state that step returns",
            greedy_feeds_start: "fed the start symbol",
            greedy_stops_with_first: "stops when the first",
            greedy_never_stops: "when all sequences have ended",
            greedy_logits: "logits are added",
            greedy_over_batch: "over the examples",
            greedy_probabilities: "probabilities are added",
            greedy_per_symbol: "divided by the number of symbols",
            greedy_per_step: "divided by the number of symbols",
            greedy_by_rows: "time comes first",
            greedy_shows_start: "the start symbol is in",
            greedy_one_too_many: "more than max_length",
            greedy_weights_as_state: "in this order",
        },
    ),
    Graded(
        name="beam_search",
        reference=beam_search,
        parts=(Part("beam_search-check", 20, beam_inputs, as_arrays),),
        misconceptions=(
            beam_without_coverage,
            beam_without_min,
            beam_sign,
            beam_mean_coverage,
            beam_log_of_sum,
            beam_last_look,
            beam_end_not_covered,
            beam_coverage_stays,
            beam_states_stay,
            beam_prunes_by_score,
            beam_finished_take_room,
            beam_one_each,
            beam_stops_at_first_end,
            beam_stops_when_sure,
            beam_stops_when_all_sure,
            beam_stops_and_drops,
            beam_unfinished_lost,
            beam_logits,
            beam_probabilities,
            beam_per_symbol,
            beam_score_per_symbol,
            beam_least_probable,
            beam_few_set_aside,
            beam_few_scored,
            beam_returns_log_prob,
            beam_worst_first,
            beam_all,
            beam_without_end,
            beam_width_one,
            beam_improbable_ends_lost,
            beam_pays_each_step,
            beam_weights_as_state,
            beam_of_the_book,
        ),
        alternatives=(right_beam, beam_one_at_a_time, beam_by_arrays, beam_stops_by_score),
        says={
            beam_without_coverage: "the coverage is not used",
            beam_without_min: "min(C, 1) is missing",
            beam_sign: "it is added",
            beam_mean_coverage: "averaged over the places",
            beam_log_of_sum: "of each place",
            beam_last_look: "the last step alone",
            beam_end_not_covered: "before the end symbol",
            beam_coverage_stays: "does not move with",
            beam_states_stay: "rows of the state",
            beam_prunes_by_score: "chosen by the score",
            beam_finished_take_room: "takes up room",
            beam_one_each: "all continuations",
            beam_stops_at_first_end: "stops when the first",
            beam_stops_when_sure: "early by log-probability",
            beam_stops_when_all_sure: "early by log-probability",
            beam_stops_and_drops: "early by log-probability",
            beam_unfinished_lost: "counts as it is",
            beam_logits: "logits are added",
            beam_probabilities: "probabilities are added",
            beam_per_symbol: "divided by the number of symbols",
            beam_score_per_symbol: "divided by the number of symbols",
            beam_least_probable: "the least probable live on",
            beam_few_set_aside: "most probable alone are scored",
            beam_few_scored: "most probable alone are scored",
            beam_returns_log_prob: "in place of the score",
            beam_worst_first: "the best come first",
            beam_all: "the width best",
            beam_without_end: "the end symbol is left out",
            beam_width_one: "width of them",
            beam_improbable_ends_lost: "an improbable end is lost",
            beam_pays_each_step: "paid at every step",
            beam_weights_as_state: "in this order",
            beam_of_the_book: "stays in the beam",
        },
    ),
    Graded(
        name="date_grads",
        reference=date_grads,
        parts=(
            Part("date_grads-check-last", 5, date_inputs, the_last_layer),
            Part("date_grads-check-states", 10, date_inputs, what_comes_through_the_states),
        ),
        misconceptions=(
            grads_W_q_transposed,
            grads_W_q_zero,
            grads_writer_not_asking,
            grads_writer_asking_alone,
            grads_back_through_transposed,
            grads_keys_alone,
            grads_values_alone,
            grads_other_queries,
            grads_without_mask,
            grads_halves_swapped,
            grads_not_delayed,
            grads_not_tired,
            grads_lam_held,
            grads_alone,
        ),
        alternatives=(grads_right, grads_by_halves),
        stand_ins=STEPS,
        says={
            grads_W_q_transposed: "it is transposed",
            grads_W_q_zero: "it is 0",
            grads_writer_not_asking: "through the queries",
            grads_writer_asking_alone: "through the logits",
            grads_back_through_transposed: "transpose of W_q",
            grads_keys_alone: "as values",
            grads_values_alone: "as keys",
            grads_other_queries: "ss @ W_q.T",
            grads_without_mask: "is `mask` passed on",
            grads_halves_swapped: "writer's state comes first",
            grads_not_delayed: "about to write",
            grads_not_tired: "λ is not used",
            grads_lam_held: "it is 0",
            grads_alone: "expected the pair",
        },
    ),
    Graded(
        name="date_net",
        reference=date_net,
        parts=(
            Part("date_net-check", 5, one_seed, what_it_knows, draws=1, remark=share_that_is_right),
        ),
        misconceptions=(
            dates_end_at_once,
            dates_repeat,
            dates_deaf,
            dates_halves_swapped,
            dates_year_alone,
            dates_without_lam,
            dates_untrained,
        ),
        alternatives=(dates_wired, dates_wired_as_lists),
        tolerance=0,
        stand_ins={**STEPS, "date_grads": grads_right},
        slow=True,
        says={
            dates_end_at_once: "writes the end symbol at once",
            dates_repeat: "one symbol over and over",
            dates_deaf: "whatever it reads",
            dates_halves_swapped: "the halves of W_y",
            dates_year_alone: "the year is right",
            dates_without_lam: "expected the twelve arrays",
            dates_untrained: "what descend has returned",
        },
    ),
)
