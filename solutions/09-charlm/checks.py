"""What assignment 09-charlm grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.
"""

from functools import lru_cache

import numpy as np

from rnnlib.grading.table import Graded, Part

LIMITS = {"call": 75.0}  # seconds: one call trains a network

# -------------------------------------------------------------------------- the language

V = 15  # "\n/aeiouhkmnrstw": the end of a poem, of another line, five vowels, eight consonants
LEARNED, HELD = 100_000, 20_000  # symbols to learn from, and to be judged on
VOWEL = (0.6, 0.2, 0.1, 0.05, 0.05)  # shares of what follows, in an order that is drawn
CONSONANT = (0.5, 0.2, 0.1, 0.1, 0.04, 0.02, 0.02, 0.02)
ENOUGH = 1.9  # bits per character


def poems(rng, N):
    """N symbols of poems in a new language: lines of 5, 7 and 5 syllables."""
    follow = np.zeros((V, V))
    for row in range(V):
        if row < 7:
            follow[row, 7:] = rng.permutation(CONSONANT)
        else:
            follow[row, 2:7] = rng.permutation(VOWEL)
    edges, luck, ids = follow.cumsum(axis=1), rng.random(N), []
    last = 0
    for place, u in enumerate(luck):
        p = place % 37
        last = 1 if p in (10, 25) else 0 if p == 36 else int((edges[last] <= u * (1 - 1e-9)).sum())
        ids.append(last)
    return np.array(ids)


@lru_cache(4)
def language(seed):
    """Text to learn from and text to be judged on, which nobody sees before."""
    text = poems(np.random.default_rng([seed, 9]), LEARNED + HELD)
    return text[:LEARNED], text[LEARNED:]


def log_probs(weights, ids, rows=40):
    """log2 of what an LSTM gives to all symbols after each, (T, rows, V); and what it reads."""
    W_x, W_h, b, W_y, b_y = weights
    xs = ids[: len(ids) // rows * rows].reshape(rows, -1).T
    h = c = np.zeros((rows, W_h.shape[1]))
    logits = []
    for x in xs:
        i, f, g, o = np.split(W_x.T[x] + h @ W_h.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        logits.append(h @ W_y.T + b_y)
    return log_softmax(np.array(logits)) / np.log(2), xs


def cost(log_p, xs, skipped=50):
    """Bits of each symbol but the first ones of each row, before which the state was zero."""
    return -np.take_along_axis(log_p[:-1], xs[1:, :, None], -1)[skipped:, :, 0]


def examination(result, args):
    """The weights as arrays, the held-out text, and bits of each of its symbols."""
    weights = [np.asarray(w, dtype=float) for w in result]
    H = weights[1].shape[1]
    if H > 64 or [w.shape for w in weights] != [(4 * H, V), (4 * H, H), (4 * H,), (V, H), (V,)]:
        raise ValueError("no such network")
    if not all(np.isfinite(w).all() for w in weights):
        raise ValueError("no numbers")
    _, held = language(args[1])
    return weights, held, *log_probs(weights, held)


def bits_that_it_takes(result, args):
    _, _, log_p, xs = examination(result, args)
    bits, ends = cost(log_p, xs), xs[51:] < 2
    return (
        f"it takes {bits.mean():.2f} bits per character of text that it has not seen, expected at "
        f"most {ENOUGH}; {bits[~ends].mean():.2f} at a letter, {bits[ends].mean():.2f} at the end "
        "of a line"
    )


ORDERS = ((0, 1, 3, 2), (1, 0, 2, 3), (0, 3, 1, 2), (0, 2, 1, 3))  # of the four blocks


def what_it_knows(result, args):
    """Does it take few enough bits; if not, what else does it know?"""
    (W_x, W_h, b, W_y, b_y), held, log_p, xs = examination(result, args)
    bits = cost(log_p, xs)
    if bits.mean() <= ENOUGH:
        return np.array([1, 0, 0, 0])
    letters = xs[51:] > 1
    H = W_h.shape[1]
    rows = [np.concatenate([np.arange(H) + k * H for k in order]) for order in ORDERS]
    turned = (cost(*log_probs([W_x[r], W_h[r], b[r], W_y, b_y], held)).mean() for r in rows)
    says_again = -np.take_along_axis(log_p, xs[..., None], -1).mean()
    knows = [bits[letters].mean() < 2.4, says_again < 1, any(one <= ENOUGH for one in turned)]
    return np.array([0, *knows])


# ---------------------------------------------------------------------------- inputs


def streams(rng):
    """B ≠ T; what is over at the end: nothing to a whole window."""
    B, T = rng.permutation([2, 3, 4, 5])[:2]
    N = rng.integers(2, 5) * B * T + rng.integers(0, B * T + 1)
    return rng.permutation(1000)[:N], int(B), int(T)


def predictions(rng):
    T, B, V = rng.permutation([3, 4, 5, 6])[:3]
    return 2 * rng.normal(size=(T, B, V)), rng.integers(V, size=(T, B))


def bold_predictions(rng):
    """Logits in the thousands, and symbols that come although they were all but excluded."""
    logits, targets = predictions(rng)
    T, B, _ = logits.shape
    logits = 400 * logits + 1000 * rng.choice([-1, 1], (T, B, 1))
    return logits, targets


def one_way(rng):
    """One of temperature, top-k and nucleus; the others have no effect, whatever rounding does."""
    while True:
        B, V, way = rng.integers(2, 5), rng.integers(5, 9), rng.integers(3)
        tau = float(rng.choice([rng.uniform(0.3, 0.7), rng.uniform(1.5, 3)])) if way == 0 else 1.0
        k = int(rng.integers(2, V - 1)) if way == 1 else int(V)
        p = rng.uniform(0.3, 0.9) if way == 2 else 1.0
        args = 1.5 * rng.normal(size=(B, V)), tau, k, p
        if way == 2 or not np.allclose(probs_reached(*args), sample_probs(*args)):
            return args


def all_ways(rng):
    """Rows on which all three act, and their order matters."""
    while True:
        B, V = rng.integers(3, 5), rng.integers(6, 10)
        tau = rng.choice([rng.uniform(0.4, 0.7), rng.uniform(1.5, 3)])
        k, p = int(rng.integers(3, V - 1)), rng.uniform(0.5, 0.95)
        args = 1.5 * rng.normal(size=(B, V)), float(tau), k, p
        kept = [(sample(*args) > 0).sum(-1) for sample in (sample_probs, probs_whole_nucleus)]
        if (kept[0] < k).any() and (kept[0] != kept[1]).any():
            return args


def wanted_entropy(rng):
    """A spread from 0.01 to 100, often near these, any level, and bits from few to nearly all."""
    V, power = rng.integers(3, 9), rng.choice([-2, 2, rng.uniform(-2, 2)])
    shape = np.zeros(V)
    while np.diff(np.sort(shape))[-1] <= 0.02 * np.ptp(shape):  # the largest is there once only
        shape = rng.normal(size=V)
    logits = 10.0**power * shape / np.ptp(shape) + 300 * rng.normal()
    return logits, rng.uniform(0.2, 0.9) * np.log2(V)


def two_models(rng, sharp=1.0):
    """p_model, p_ngram (T, V), all positive."""
    T, V = rng.integers(20, 60), rng.integers(3, 7)
    p, q = rng.gamma(1.0, size=(2, T, V)) ** sharp + 0.02
    return p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)


def drawn_from(rng, probs):
    """One symbol per row."""
    return (probs.cumsum(-1)[:, :-1] < rng.random((len(probs), 1))).sum(-1)


def a_mixture(rng):
    p, q = two_models(rng)
    return p, q, rng.integers(p.shape[1], size=len(p)), rng.uniform(0.1, 0.9)


def slopes_at(args, *lams):
    return [interpolate(*args, lam)[1] for lam in lams]


def best_inside(rng):
    """The minimum lies inside; some symbols came that the n-gram gives no chance."""
    while True:
        p, q = two_models(rng, 1.5)
        targets = drawn_from(rng, p + rng.uniform(0.2, 0.8) * (q - p))
        missing = rng.choice(len(p), rng.integers(0, 4), replace=False)
        q[missing, targets[missing]] = 0
        q /= q.sum(-1, keepdims=True)
        left, right = slopes_at((p, q, targets), 0.08, 0.92)
        if left < -0.05 and right > 0.05:
            return p, q, targets


def best_at_an_end(rng):
    """One model is better than any mixture: by much, or by little, where shares change slowly."""
    model, (least, most) = rng.random() < 0.5, [(0.003, 0.012), (0.15, 9.0)][rng.integers(2)]
    while True:
        p, q = two_models(rng, 1.5)
        args = p, q, drawn_from(rng, p if model else q)
        left, right = slopes_at(args, 0, 1)
        if least < (-right if model else left) < most:
            return args


def a_text(rng):
    """Text in a new language, and a seed."""
    seed = int(rng.integers(10**6))
    return language(seed)[0], seed


def the_inputs(result, rng):
    return result[0]


def the_targets(result, rng):
    return result[1]


def the_bits(result, rng):
    return result[0]


def the_slope(result, rng):
    return result[1]


def entropy_there(result, args):
    """Bits of what would be drawn at this temperature."""
    tau = float(result)
    if not 0 < tau < np.inf:
        raise ValueError("no temperature")
    return entropy(args[0], tau)


def how_varied(result, args):
    logits, bits = args
    got = entropy_there(result, args)
    asked = "begin low enough" if got > bits else "end high enough"
    return (
        f"τ = {float(result):.4g} gives {got:.4f} bits, expected {bits:.4f}; the spread of the "
        f"logits is {np.ptp(logits):.3g}: does the search {asked}, and go on until it is right?"
    )


def the_share(result, args):
    return result


def how_far(result, args):
    far = float(result) - best_lambda(*args)
    return (
        f"λ = {float(result):.5f} is {abs(far):.5f} too {'large' if far > 0 else 'small'}: "
        "does the search go on until it is right to 0.0001, also where the best λ is 0 or 1?"
    )


# ------------------------------------------------------------------- stateful_batches


def sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def stateful_batches(ids, B, T):
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], ids[at + 1]


def batches_interleaved(ids, B, T):
    """A row holds every B-th symbol; row b is a piece of the text, unbroken. In the first reshape B
    comes first, and transpose exchanges the axes: reshape to (n, T, B) mixes them up."""
    n = (len(ids) - 1) // (B * T)
    xs = ids[: n * B * T].reshape(n, T, B)
    ys = ids[1 : n * B * T + 1].reshape(n, T, B)
    return xs, ys


def batches_not_continued(ids, B, T):
    """Each window is in order, but row b of the next one does not go on where row b has ended: cut
    the text into B long pieces first, and only then into windows."""
    n = (len(ids) - 1) // (B * T)
    xs = ids[: n * B * T].reshape(n, B, T).transpose(0, 2, 1)
    ys = ids[1 : n * B * T + 1].reshape(n, B, T).transpose(0, 2, 1)
    return xs, ys


def batches_rows_first(ids, B, T):
    """The axes are (n, B, T); time comes before the batch: (n, T, B)."""
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 0, 2)
    return ids[at], ids[at + 1]


def batches_split_inside(ids, B, T):
    """Step t of a window is followed by step t of the next one: of a piece of n T symbols, T in a
    row belong to one window."""
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, T, n).transpose(2, 1, 0)
    return ids[at], ids[at + 1]


def batches_targets_are_inputs(ids, B, T):
    """The targets are the inputs themselves; they are the symbols that come next."""
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], ids[at]


def batches_targets_before(ids, B, T):
    """The targets are the symbols before; they are those that come next."""
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], ids[at - 1]


def batches_targets_roll(ids, B, T):
    """At the end of a window the target is a symbol of the same window; what comes next stands in
    the window after it, or at the beginning of the next piece."""
    n = (len(ids) - 1) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], np.roll(ids[at], -1, axis=1)


def batches_targets_roll_in_rows(ids, B, T):
    """At the end of a row the target is the first symbol of that row; what comes next stands in the
    text after the piece."""
    n = (len(ids) - 1) // (B * T)
    rows = ids[: n * B * T].reshape(B, n * T)
    xs, ys = (a.reshape(B, n, T).transpose(1, 2, 0) for a in (rows, np.roll(rows, -1, axis=1)))
    return xs, ys


def batches_without_a_last_target(ids, B, T):
    """The number of windows forgets that the last symbol needs one after it: it is
    (N - 1) // (B T)."""
    n = len(ids) // (B * T)
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], np.append(ids, ids[0])[at + 1]


def batches_drop_one(ids, B, T):
    """A window is missing: as many are made as the text has room for, (N - 1) // (B T)."""
    n = (len(ids) - 1) // (B * T) - 1
    at = np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], ids[at + 1]


def batches_pieces_too_long(ids, B, T):
    """The pieces begin in the wrong places: they are n T symbols long, windows of T, so that what
    is over is left out at the end of the text and not of each piece."""
    n, L = (len(ids) - 1) // (B * T), len(ids) // B
    at = (L * np.arange(B)[:, None] + np.arange(n * T)).reshape(B, n, T).transpose(1, 2, 0)
    return ids[at], ids[(at + 1) % len(ids)]


def batches_inputs_alone(ids, B, T):
    """The targets are not returned; return the pair xs, ys."""
    n = (len(ids) - 1) // (B * T)
    return ids[np.arange(n * B * T).reshape(B, n, T).transpose(1, 2, 0)]


def batches_by_loops(ids, B, T):
    n = (len(ids) - 1) // (B * T)
    xs, ys = np.zeros((n, T, B), dtype=int), np.zeros((n, T, B), dtype=int)
    for w in range(n):
        for t in range(T):
            for k in range(B):
                place = k * n * T + w * T + t
                xs[w, t, k], ys[w, t, k] = ids[place], ids[place + 1]
    return xs, ys


def batches_by_columns(ids, B, T):
    n = (len(ids) - 1) // (B * T)

    def cut(part):
        columns = np.stack(np.split(np.asarray(part), B), axis=1)
        return [columns[t : t + T].tolist() for t in range(0, n * T, T)]

    return cut(ids[: n * B * T]), cut(ids[1 : n * B * T + 1])


# ---------------------------------------------------------------------- bits_per_char


def bits_per_char(logits, targets):
    log_p = np.take_along_axis(log_softmax(logits), targets[..., None], -1)
    return -log_p.mean() / np.log(2)


def bits_nats(logits, targets):
    """These are nats: the logarithm is that to base 2, which is log p / log 2."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1).mean()


def bits_times_log(logits, targets):
    """The nats are multiplied by log 2; divide by it."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1).mean() * np.log(2)


def bits_sum(logits, targets):
    """The bits are summed over the text; the mean per character is asked for."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1).sum() / np.log(2)


def bits_per_sequence(logits, targets):
    """The bits are summed over time and averaged over the batch; average over both."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1).sum(axis=0).mean() / np.log(2)


def bits_of_all_symbols(logits, targets):
    """The mean is over the V symbols too; of each place only the symbol that came counts."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -(log_p * np.eye(logits.shape[-1])[targets]).mean() / np.log(2)


def bits_of_mean_probability(logits, targets):
    """The logarithm is taken of the mean probability; take the mean of the logarithms."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=-1, keepdims=True)
    return -np.log2(np.take_along_axis(p, targets[..., None], -1).mean())


def bits_perplexity(logits, targets):
    """This is the perplexity; the bits are its logarithm to base 2."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return np.exp(-np.take_along_axis(log_p, targets[..., None], -1).mean())


def bits_sign(logits, targets):
    """The sign is turned: bits are the mean of -log2 p, and not below 0."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return np.take_along_axis(log_p, targets[..., None], -1).mean() / np.log(2)


def bits_per_place(logits, targets):
    """The mean is missing: return one number for all places."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], -1)[..., 0] / np.log(2)


def bits_without_softmax(logits, targets):
    """The logits are taken for logarithms of probabilities; the softmax divides by a sum."""
    return -np.take_along_axis(logits, targets[..., None], -1).mean() / np.log(2)


def bits_softmax_over_all(logits, targets):
    """The softmax is over all numbers at once; it is over the last axis, of each place alone."""
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    return -np.take_along_axis(log_p, targets[..., None], -1).mean() / np.log(2)


def bits_shift_of_all(logits, targets):
    """The largest logit of the whole array is subtracted, so that places far below it are left with
    exp = 0 at every symbol: subtract the largest of each place."""
    shifted = logits - logits.max()
    came = np.take_along_axis(shifted, targets[..., None], -1)[..., 0]
    return (np.log(np.exp(shifted).sum(axis=-1)) - came).mean() / np.log(2)


def bits_entropy(logits, targets):
    """This is the entropy, which the model expects; the targets are not used."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -(np.exp(log_p) * log_p).sum(axis=-1).mean() / np.log(2)


def bits_overflow(logits, targets):
    """exp of a logit of 1000 is infinite, and a probability below 1e-308 is 0: subtract the largest
    logit of each place first, and take the logarithm of the sum alone, log p = a - log Σ exp(a)."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return -np.log2(np.take_along_axis(p, targets[..., None], -1)).mean()


def bits_padded(logits, targets):
    """A small number is added to p, which caps what a surprise costs: subtract the largest logit
    instead, and compute log p = a - log Σ exp(a)."""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return -np.log2(np.take_along_axis(p, targets[..., None], -1) + 1e-9).mean()


def bits_by_loop(logits, targets):
    total = 0.0
    for t, row in enumerate(targets):
        for k, y in enumerate(row):
            a = logits[t, k] - logits[t, k].max()
            total += np.log2(np.exp(a).sum()) - a[y] * np.log2(np.e)
    return total / targets.size


def bits_by_one_hot(logits, targets):
    largest = logits.max(axis=-1)
    log_sum = largest + np.log(np.exp(logits - largest[..., None]).sum(axis=-1))
    came = (logits * np.eye(logits.shape[-1])[targets]).sum(axis=-1)
    return [((log_sum - came) / np.log(2)).mean()][0]


def bits_in_float32(logits, targets):
    a = np.float32(logits - logits.max(axis=-1, keepdims=True))
    came = a.reshape(-1, a.shape[-1])[np.arange(targets.size), targets.ravel()]
    return np.float32(
        np.mean(np.log2(np.exp(a).sum(axis=-1)).ravel() - came / np.log(np.float32(2)))
    )


# ----------------------------------------------------------------------- sample_probs


def softmax(logits):
    return np.exp(log_softmax(logits))


def sample_probs(logits, temperature, top_k, top_p):
    p = softmax(logits / temperature)
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_whole_nucleus(logits, temperature, top_k, top_p):
    """The share top_p is counted among all symbols; it is one of what top-k has left, so divide by
    the sum before the nucleus is chosen."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where((before < top_p) & (ranks < top_k), p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_hot_at_the_end(logits, temperature, top_k, top_p):
    """The temperature comes last; it comes first, since the nucleus depends on it."""
    a = logits
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0) ** (1 / temperature)
    return p / p.sum(axis=-1, keepdims=True)


def probs_multiplied(logits, temperature, top_k, top_p):
    """The logits are multiplied by the temperature; they are divided by it."""
    a = logits * temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_divided(logits, temperature, top_k, top_p):
    """The probabilities are divided by the temperature, which changes nothing once they are made to
    sum to 1; divide the logits."""
    a = logits
    p = np.exp(a - a.max(axis=-1, keepdims=True)) / temperature
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_drops_the_last(logits, temperature, top_k, top_p):
    """The symbol with which the sum reaches top_p is left out; it belongs to the nucleus: keep a
    symbol if those before it sum to less than top_p."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    through = np.take_along_axis(ordered.cumsum(axis=-1), ranks, -1)
    p = np.where((through <= top_p + 1e-12) | (ranks == 0), p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_drops_even_the_first(logits, temperature, top_k, top_p):
    """The symbol with which the sum reaches top_p is left out, even the most probable one; it
    belongs to the nucleus: keep a symbol if those before it sum to less than top_p."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    through = np.take_along_axis(ordered.cumsum(axis=-1), ranks, -1)
    p = np.where(through <= top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_one_too_many(logits, temperature, top_k, top_p):
    """The nucleus has one symbol too many: it ends with the symbol by which the sum reaches
    top_p."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    sums = np.hstack([np.zeros((len(p), 2)), ordered.cumsum(axis=-1)[:, :-2]])
    p = np.where(np.take_along_axis(sums, ranks, -1) < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_reached(logits, temperature, top_k, top_p):
    """Rounding makes the sum of all end just below 1, so that it never reaches top_p = 1, and one
    symbol alone is left. Compare the sum before each symbol with top_p."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    found = np.zeros_like(p)
    for row, new in zip(p, found, strict=True):
        best = np.argsort(-row)[:top_k]
        share = row[best] / row[best].sum()
        best = best[: np.argmax(share.cumsum() >= top_p) + 1]
        new[best] = row[best] / row[best].sum()
    return found


def probs_threshold(logits, temperature, top_k, top_p):
    """Each probability is compared with top_p; it is the sum of the largest ones that must reach
    it."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    p = np.where((p >= 1 - top_p) | (ranks == 0), p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_not_normal(logits, temperature, top_k, top_p):
    """The rows do not sum to 1 in the end: divide by the sum of what is left."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    whole, ranks = p, (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    return np.where((before < top_p) & (ranks < top_k), whole, 0)


def probs_not_normal_in_the_end(logits, temperature, top_k, top_p):
    """The rows do not sum to 1 in the end: divide by the sum once more, after the nucleus."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    return np.where(before < top_p, p, 0)


def probs_sorted(logits, temperature, top_k, top_p):
    """The probabilities come in order of their size; each belongs to its own symbol, so put them
    back."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    p = -np.sort(-p, axis=-1)
    p[:, top_k:] = 0
    p = p / p.sum(axis=-1, keepdims=True)
    p = np.where(p.cumsum(axis=-1) - p < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_order_for_rank(logits, temperature, top_k, top_p):
    """argsort gives the symbol at each rank, and is used as if it gave the rank of each symbol:
    argsort of that argsort does."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_smallest(logits, temperature, top_k, top_p):
    """The least probable symbols are kept; sort from the largest to the smallest."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = p.argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = np.sort(p, axis=-1)[:, p.shape[1] - top_k :]
    before = ordered.cumsum(axis=-1) - ordered
    before = np.hstack([before, np.ones((len(p), p.shape[1] - top_k))])
    p = np.where(np.take_along_axis(before, ranks, -1) < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_first_row_decides(logits, temperature, top_k, top_p):
    """The symbols that the first row keeps are kept in all rows; each row has its own."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p[0]).argsort().argsort()
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = p[0][(-p[0]).argsort()]
    p = np.where((ordered.cumsum() - ordered)[ranks] < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_without_top_k(logits, temperature, top_k, top_p):
    """top_k is not used."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_without_top_p(logits, temperature, top_k, top_p):
    """top_p is not used."""
    a = logits / temperature
    p = np.exp(a - a.max(axis=-1, keepdims=True))
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_in_place(logits, temperature, top_k, top_p):
    """The logits are changed in place; they belong to the caller."""
    logits -= logits.max(axis=-1, keepdims=True)
    p = np.exp(logits / temperature)
    ranks = (-p).argsort(axis=-1).argsort(axis=-1)
    p = np.where(ranks < top_k, p, 0)
    p = p / p.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-p, axis=-1)
    before = np.take_along_axis(ordered.cumsum(axis=-1) - ordered, ranks, -1)
    p = np.where(before < top_p, p, 0)
    return p / p.sum(axis=-1, keepdims=True)


def probs_row_by_row(logits, temperature, top_k, top_p):
    rows = []
    for row in logits:
        weights = np.exp((row - max(row)) / temperature)
        best = sorted(range(len(row)), key=lambda y: -weights[y])[:top_k]
        share, kept = 0.0, []
        total = sum(weights[best])
        for y in best:
            kept.append(y)
            share += weights[y] / total
            if share >= top_p - 1e-12:
                break
        rows.append([weights[y] / sum(weights[kept]) if y in kept else 0 for y in range(len(row))])
    return rows


def probs_by_sorting_and_putting_back(logits, temperature, top_k, top_p):
    a = logits / temperature
    order = np.argsort(-a, axis=1)
    best = np.take_along_axis(a, order, 1)[:, :top_k]
    p = np.exp(best - best[:, :1])
    p /= p.sum(axis=1, keepdims=True)
    p[:, 1:] *= p.cumsum(axis=1)[:, :-1] < top_p
    p /= p.sum(axis=1, keepdims=True)
    found = np.zeros(a.shape, dtype=np.float32)
    np.put_along_axis(found, order[:, :top_k], p.astype(np.float32), 1)
    return found


# -------------------------------------------------------------------- temperature_for


def entropy(logits, temperature):
    """In bits."""
    log_p = log_softmax(logits / temperature)
    return -(np.exp(log_p) * log_p).sum() / np.log(2)


def temperature_for(logits, bits):
    spread = logits.max() - logits.min()
    low, high = 1e-4 * spread, 1e4 * spread
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if entropy(logits, middle) < bits else (low, middle)
    return float(np.sqrt(low * high))


def temperature_nats(logits, bits):
    """The entropy is that many nats; it shall be bits, so take the logarithm to base 2."""
    shifted = logits - logits.max()
    low, high = 1e-6 * np.ptp(logits), 1e6 * np.ptp(logits)
    bits = min(bits, 0.999999 * np.log(len(logits)))
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_wrong_half(logits, bits):
    """The wrong half is kept: a larger temperature gives more entropy, so where it is too small the
    temperature must rise."""
    shifted = logits - logits.max()
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found > bits else (low, middle)
    return middle


def temperature_inverse(logits, bits):
    """This is 1 / τ: the logits are multiplied where they are to be divided."""
    shifted = logits - logits.max()
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return 1 / middle


def temperature_in_proportion(logits, bits):
    """The temperature is taken in proportion to the entropy that the logits have as they are; the
    entropy is no straight line, so search."""
    p = np.exp(logits - logits.max())
    p = p / p.sum()
    return bits / -(p * np.log2(p + 1e-300)).sum()


def temperature_of_surprise(logits, bits):
    """The surprises are those before the temperature, log p at τ = 1: the entropy is the mean of
    -log2 p with the p at this τ in both places."""
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(200):
        middle = np.sqrt(low * high)
        q = np.exp(shifted / middle)
        q = q / q.sum()
        found = -(q * log_p).sum() / np.log(2)
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_perplexity(logits, bits):
    """The perplexity, 2 to the entropy, is made that large; it is the entropy that shall be."""
    shifted = logits - logits.max()
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = 2 ** -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_between_fixed_ends(logits, bits):
    """The search does not look far enough: logits may be of any size, so look from a small share of
    their spread to a large multiple of it."""
    shifted = logits - logits.max()
    low, high = 0.1, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_between_wider_ends(logits, bits):
    """The search does not look far enough below: where the spread of the logits is 0.01, or the two
    largest are near each other, the temperature is smaller still. Begin at a small share of the
    spread."""
    shifted = logits - logits.max()
    low, high = 0.01, 1000.0
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_overflows(logits, bits):
    """exp of a logit of some hundreds is infinite: subtract the largest logit first."""
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(200):
        middle = np.sqrt(low * high)
        p = np.exp(logits / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_too_soon(logits, bits):
    """The search stops too soon: halve until the entropy is right to six digits, 60 times or
    more."""
    shifted = logits - logits.max()
    low, high = 1e-4 * np.ptp(logits), 1e4 * np.ptp(logits)
    for _ in range(10):
        middle = np.sqrt(low * high)
        p = np.exp(shifted / middle)
        p = p / p.sum()
        found = -(p * np.log2(p + 1e-300)).sum()
        low, high = (middle, high) if found < bits else (low, middle)
    return middle


def temperature_by_doubling(logits, bits):
    a = np.asarray(logits) - np.max(logits)

    def H(tau):
        with np.errstate(under="ignore"):
            p = np.exp(a / tau)
        p = p[p > 0] / p.sum()
        return -(p * np.log2(p)).sum()

    high = 1.0
    while H(high) < bits:
        high *= 2
    low = high
    while H(low) > bits:
        low /= 2
    for _ in range(80):
        middle = (low + high) / 2
        if H(middle) < bits:
            low = middle
        else:
            high = middle
    return np.array((low + high) / 2)


def temperature_by_newton(logits, bits):
    a = (logits - logits.max()) / np.ptp(logits)
    low, high, beta = 0.0, 1e6, 1.0
    for _ in range(300):
        p = np.exp(beta * a)
        p = p / p.sum()
        mean = (p * a).sum()
        H = np.log(np.exp(beta * a).sum()) - beta * mean  # nats
        gap = H - bits * np.log(2)
        low, high = (beta, high) if gap > 0 else (low, beta)
        beta = beta + gap / (beta * (p * (a - mean) ** 2).sum() + 1e-300)
        if not low < beta < high:
            beta = (low + high) / 2
    return float(np.ptp(logits) / beta)


# ------------------------------------------------------------------------ interpolate


def interpolate(p_model, p_ngram, targets, lam):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -((p - q) / m).mean() / np.log(2)


def mix_turned_round(p_model, p_ngram, targets, lam):
    """lam is the share of the n-gram here; it is that of the model."""
    at = np.arange(len(targets))
    q, p = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -((p - q) / m).mean() / np.log(2)


def mix_of_logs(p_model, p_ngram, targets, lam):
    """The logarithms are mixed, or the bits; it is the probabilities that are."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    bits = -(lam * np.log2(p) + (1 - lam) * np.log2(q)).mean()
    return bits, -np.log2(p / q).mean()


def mix_nats(p_model, p_ngram, targets, lam):
    """These are nats; divide both results by log 2."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log(m).mean(), -((p - q) / m).mean()


def mix_slope_in_nats(p_model, p_ngram, targets, lam):
    """The slope is that of nats: the derivative of log2 m is 1 / (m log 2)."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -((p - q) / m).mean()


def mix_slope_uphill(p_model, p_ngram, targets, lam):
    """The slope has the wrong sign: bits are -log2 m, so more of what is larger lowers them."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), ((p - q) / m).mean() / np.log(2)


def mix_slope_of_model_alone(p_model, p_ngram, targets, lam):
    """The slope forgets the n-gram: as lam rises, its share 1 - lam falls."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -(p / m).mean() / np.log(2)


def mix_slope_not_divided(p_model, p_ngram, targets, lam):
    """The slope is that of the mean probability: the derivative of log m is dm / m, so divide each
    difference by its m before the mean."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -(p - q).mean() / np.log(2)


def mix_slope_of_means(p_model, p_ngram, targets, lam):
    """The slope is a quotient of two means; it is the mean of the quotients."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -(p - q).mean() / m.mean() / np.log(2)


def mix_sums(p_model, p_ngram, targets, lam):
    """Bits and slope are summed over the text; the means per character are asked for."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).sum(), -((p - q) / m).sum() / np.log(2)


def mix_log_of_mean(p_model, p_ngram, targets, lam):
    """The logarithm is taken of the mean probability; take the mean of the logarithms."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m.mean()), -(p - q).mean() / m.mean() / np.log(2)


def mix_all_symbols(p_model, p_ngram, targets, lam):
    """All symbols of a place count; only the one that came does."""
    m = lam * p_model + (1 - lam) * p_ngram
    return -np.log2(m).mean(), -((p_model - p_ngram) / m).mean() / np.log(2)


def mix_columns(p_model, p_ngram, targets, lam):
    """p[:, targets] has T by T numbers: the t-th symbol is looked up at all places. Take row t with
    target t, p[np.arange(T), targets]."""
    p, q = p_model[:, targets], p_ngram[:, targets]
    m = lam * p + (1 - lam) * q
    return -np.log2(m).mean(), -((p - q) / m).mean() / np.log(2)


def mix_bits_alone(p_model, p_ngram, targets, lam):
    """The slope is not returned; return the pair of bits and slope."""
    at = np.arange(len(targets))
    return -np.log2(lam * p_model[at, targets] + (1 - lam) * p_ngram[at, targets]).mean()


def mix_by_loop(p_model, p_ngram, targets, lam):
    bits = slope = 0.0
    for p, q, y in zip(p_model, p_ngram, targets, strict=True):
        m = q[y] + lam * (p[y] - q[y])
        bits += np.log2(1 / m) / len(targets)
        slope += (q[y] - p[y]) / m / len(targets) * np.log2(np.e)
    return [bits, slope]


def mix_first(p_model, p_ngram, targets, lam):
    one_hot = np.eye(p_model.shape[1])[targets]
    m = (one_hot * (lam * p_model + (1 - lam) * p_ngram)).sum(axis=1)
    dm = -1 / m / len(m) / np.log(2)
    dlam = (dm[:, None] * one_hot * p_model).sum() - (dm[:, None] * one_hot * p_ngram).sum()
    return np.float32(np.mean(-np.log2(m))), np.float32(dlam)


# ------------------------------------------------------------------------ best_lambda


def best_lambda(p_model, p_ngram, targets):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p - q) / (lam * p + (1 - lam) * q)).sum() > 0
        low, high = (lam, high) if falls else (low, lam)
    return (low + high) / 2


def best_of_the_ngram(p_model, p_ngram, targets):
    """This is the share of the n-gram; lam is that of the model, so return 1 minus it."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p - q) / (lam * p + (1 - lam) * q)).sum() > 0
        low, high = (lam, high) if falls else (low, lam)
    return 1 - (low + high) / 2


def best_wrong_half(p_model, p_ngram, targets):
    """The wrong half is kept: where the slope is negative the minimum lies at larger lam."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p - q) / (lam * p + (1 - lam) * q)).sum() > 0
        low, high = (low, lam) if falls else (lam, high)
    return (low + high) / 2


def _best_on_grid(p_model, p_ngram, targets, n):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    lams = np.linspace(0, 1, n + 1)
    bits = [-np.log2(lam * p + (1 - lam) * q).mean() for lam in lams]
    return lams[np.argmin(bits)]


def best_of_tenths(p_model, p_ngram, targets):
    """Only tenths are tried; lam is asked for to four decimals."""
    return _best_on_grid(p_model, p_ngram, targets, 10)


def best_of_hundredths(p_model, p_ngram, targets):
    """Only hundredths are tried; lam is asked for to four decimals."""
    return _best_on_grid(p_model, p_ngram, targets, 100)


def best_of_thousandths(p_model, p_ngram, targets):
    """Only thousandths are tried; lam is asked for to four decimals."""
    return _best_on_grid(p_model, p_ngram, targets, 1000)


def best_in_few_rounds(p_model, p_ngram, targets):
    """A hundred rounds are too few where one model alone is best: go on until lam is right to four
    decimals, for thousands of rounds, or halve an interval."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    lam = 0.5
    for _ in range(100):
        lam = (lam * p / (lam * p + (1 - lam) * q)).mean()
    return lam


def best_ends_at_small_steps(p_model, p_ngram, targets):
    """It ends when a round changes lam by less than 0.000001; where one model alone is best, steps
    are that small while lam is still far away: go on, or halve an interval."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    old, lam = 1.0, 0.5
    while abs(lam - old) >= 1e-6:
        old, lam = lam, (lam * p / (lam * p + (1 - lam) * q)).mean()
    return lam


def best_one_step(p_model, p_ngram, targets):
    """One step of the search alone is made, from lam = 1/2: repeat until lam stays what it is."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    return (p / (p + q)).mean()


def best_by_wins(p_model, p_ngram, targets):
    """This is how often the model is the better one; the minimum also depends on by how much."""
    at = np.arange(len(targets))
    return (p_model[at, targets] > p_ngram[at, targets]).mean()


def best_of_mean_probability(p_model, p_ngram, targets):
    """The mean probability is made largest, or p - q is not divided by m: that always takes one
    model alone. It is the mean of the logarithms that counts."""
    at = np.arange(len(targets))
    return float(p_model[at, targets].mean() > p_ngram[at, targets].mean())


def best_of_logs(p_model, p_ngram, targets):
    """The better model alone is chosen; a mixture of both may need fewer bits than either."""
    at = np.arange(len(targets))
    p, q = np.log2(p_model[at, targets]).mean(), np.log2(p_ngram[at, targets]).mean()
    return float(p > q)


def best_beyond_the_ends(p_model, p_ngram, targets):
    """lam is not kept between 0 and 1, where alone a mixture is one: where the slope does not
    change its sign in between, the minimum is at an end."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    lam = 0.5
    for _ in range(60):
        m = lam * p + (1 - lam) * q
        r = (p - q) / m
        step = r.mean() / (r * r).mean()
        while ((lam + step) * p + (1 - lam - step) * q).min() <= 0:
            step = step / 2
        lam = lam + step
    return lam


def best_with_all_symbols(p_model, p_ngram, targets):
    """All symbols of a place count; only the one that came does."""
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p_model - p_ngram) / (lam * p_model + (1 - lam) * p_ngram)).sum() > 0
        low, high = (lam, high) if falls else (low, lam)
    return (low + high) / 2


def best_columns(p_model, p_ngram, targets):
    """p[:, targets] has T by T numbers: the t-th symbol is looked up at all places. Take row t with
    target t, p[np.arange(T), targets]."""
    p, q = p_model[:, targets], p_ngram[:, targets]
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p - q) / (lam * p + (1 - lam) * q)).sum() > 0
        low, high = (lam, high) if falls else (low, lam)
    return (low + high) / 2


def best_with_bits(p_model, p_ngram, targets):
    """The bits come along; return lam alone."""
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    low, high = 0.0, 1.0
    for _ in range(60):
        lam = (low + high) / 2
        falls = ((p - q) / (lam * p + (1 - lam) * q)).sum() > 0
        low, high = (lam, high) if falls else (low, lam)
    return lam, -np.log2(lam * p + (1 - lam) * q).mean()


def best_by_shares(p_model, p_ngram, targets):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    lam = 0.5
    for _ in range(20000):
        lam = (lam * p / (lam * p + (1 - lam) * q)).mean()
    return lam


def best_by_golden_section(p_model, p_ngram, targets):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]

    def bits(lam):
        with np.errstate(divide="ignore"):
            return -np.log2(lam * p + (1 - lam) * q).sum()

    a, b, r = 0.0, 1.0, (5**0.5 - 1) / 2
    while b - a > 1e-7:
        c, d = b - r * (b - a), a + r * (b - a)
        if bits(c) < bits(d):
            b = d
        else:
            a = c
    return np.array((a + b) / 2)


def best_on_a_grid(p_model, p_ngram, targets):
    at = np.arange(len(targets))
    p, q = p_model[at, targets], p_ngram[at, targets]
    lams = np.linspace(0, 1, 20001)[:, None]
    with np.errstate(divide="ignore"):
        return lams[np.argmin(-np.log2(lams * p + (1 - lams) * q).sum(axis=1)), 0]


def best_with_interpolate(p_model, p_ngram, targets):
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        lam = (low + high) / 2
        if interpolate(p_model, p_ngram, targets, lam)[1] > 0:
            high = lam
        else:
            low = lam
    return lam


# --------------------------------------------------------------------------- char_net


def _wired(ids, order=(0, 1, 2, 3)):
    """By hand: a unit for each symbol, one that counts the letters of a line, and two that know
    which line it is. The order is that of the blocks."""
    V, H = 15, 18
    W_x, W_h, b = np.zeros((4, H, V)), np.zeros((4, H, H)), np.zeros((4, H))  # i, f, g, o
    b[0], b[3], b[1, :V], b[1, V:] = 20, 20, -20, 20
    W_x[2, :V] = 10 * np.eye(V)  # the symbol that is read
    W_x[1, V:, :2] = -40  # at the end of a line forget,
    W_x[2, V, :2], W_x[2, V, 2:] = np.arctanh([-0.475, 0.05])  # count from the start,
    b[0, V + 1 :], W_x[0, V + 1 :, :2] = -20, 40  # and find out which line comes
    W_x[2, V + 1 :, 0] = -99
    W_h[2, V + 1 :, V + 1] = -20, 20
    counts = np.full((V, V), 0.1)
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    W_y, b_y = np.zeros((V, H)), np.zeros(V)
    W_y[2:, :V] = np.log(counts[:, 2:] / counts[:, 2:].sum(axis=1, keepdims=True)).T / np.tanh(1)
    longer = 320 * np.tanh(0.2) / 2
    W_y[:2, V], W_y[:2, V + 1], b_y[:2] = 320, -longer / np.tanh(1), -longer - 6
    W_y[:2, V + 2] = 8, -8
    W_x, W_h, b = (a[[*order]] for a in (W_x, W_h, b))
    return W_x.reshape(4 * H, V), W_h.reshape(4 * H, H), b.ravel(), W_y, b_y


def char_net(ids, seed):
    """As it is wired, without training."""
    return _wired(ids)


def net_without_lines(ids, seed):
    """It knows which letter follows which, and not when a line ends: 10 letters after the last end
    or 14. Are h and c carried from each window to the next, and do the rows go on? If so,
    train longer."""
    V = H = 15
    W_x, b = np.zeros((4, H, V)), np.zeros((4, H))
    W_x[2], b[0], b[1], b[3] = 10 * np.eye(V), 20, -20, 20
    counts = np.full((V, V), 0.1)
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    W_y = np.log(counts / counts.sum(axis=1, keepdims=True)).T / np.tanh(1)
    return W_x.reshape(4 * H, V), np.zeros((4 * H, H)), b.ravel(), W_y, np.zeros(V)


def net_frequencies_alone(ids, seed):
    """It does not even know which letter follows which. Is a target the symbol after its input, is
    the gradient subtracted, does the loss fall, and are the weights that are returned those after
    training?"""
    V, H = 15, 15
    counts = np.bincount(ids, minlength=V)
    return (
        np.zeros((4 * H, V)),
        np.zeros((4 * H, H)),
        np.zeros(4 * H),
        np.zeros((V, H)),
        np.log(counts / counts.sum()),
    )


def net_says_again(ids, seed):
    """It says the symbol that it has read last; the target is the symbol after it."""
    V = H = 15
    W_x, b = np.zeros((4, H, V)), np.zeros((4, H))
    W_x[2], b[0], b[1], b[3] = 10 * np.eye(V), 20, -20, 20
    return W_x.reshape(4 * H, V), np.zeros((4 * H, H)), b.ravel(), 10 * np.eye(V), np.zeros(V)


def net_other_blocks(ids, seed):
    """It would be right if its blocks were in another order; they are i, f, g, o."""
    return _wired(ids, (0, 1, 3, 2))


def net_without_readout(ids, seed):
    """The read-out is not returned; return the five of (W_x, W_h, b, W_y, b_y)."""
    V = H = 15
    return np.zeros((4 * H, V)), np.zeros((4 * H, H)), np.zeros(4 * H)


def net_wired(ids, seed):
    return _wired(ids)


def net_wired_as_lists(ids, seed):
    V, H = 15, 18
    W, U, b = np.zeros((4, H, V)), np.zeros((4, H, H)), np.zeros((4, H))
    b[[0, 3]] = 9
    b[1] = np.where(np.arange(H) < V, -9, 15)
    W[1, V:, :2] = -30
    W[2, :V], W[2, V] = 9 * np.eye(V), [-0.5165, -0.5165, *[0.05004] * 13]
    b[0, V + 1 :], W[0, V + 1 :, :2], W[2, V + 1 :, 0] = -15, 30, -60
    U[2, V + 1 :, V + 1] = -15, 15
    W_y = np.zeros((V, H))
    for x in range(V):
        after = np.bincount(ids[1:][ids[:-1] == x], minlength=V)[2:] + 0.2
        W_y[2:, x] = np.log(after / after.sum()) / 0.7616
    W_y[:2, V:] = [[320, -41.5, 8], [320, -41.5, -8]]
    arrays = [W.reshape(-1, V), U.reshape(-1, H), b.ravel(), W_y, np.repeat([-37.6, 0.0], [2, 13])]
    return [a.tolist() for a in arrays]


# ------------------------------------------------------------------------- the table

STEPS = {"stateful_batches": batches_by_loops, "bits_per_char": bits_by_one_hot}

GRADED = (
    Graded(
        name="stateful_batches",
        reference=stateful_batches,
        parts=(
            Part("stateful_batches-check-inputs", 6, streams, the_inputs),
            Part("stateful_batches-check-targets", 4, streams, the_targets),
        ),
        misconceptions=(
            batches_interleaved,
            batches_not_continued,
            batches_rows_first,
            batches_split_inside,
            batches_targets_are_inputs,
            batches_targets_before,
            batches_targets_roll,
            batches_targets_roll_in_rows,
            batches_without_a_last_target,
            batches_drop_one,
            batches_pieces_too_long,
            batches_inputs_alone,
        ),
        alternatives=(batches_by_loops, batches_by_columns),
        tolerance=0,
        says={
            batches_interleaved: "To exchange axes, transpose",
            batches_not_continued: "it must go on there",
            batches_rows_first: "time comes before the rows",
            batches_split_inside: "T symbols in a row belong to one window",
            batches_targets_are_inputs: "ys is xs",
            batches_targets_before: "the symbol before",
            batches_targets_roll: "also at the end of a window",
            batches_targets_roll_in_rows: "at the end of a row",
            batches_without_a_last_target: "the last symbol has none after it",
            batches_drop_one: "room for one window more",
            batches_pieces_too_long: "each piece has n T symbols",
            batches_inputs_alone: "expected the pair",
        },
    ),
    Graded(
        name="bits_per_char",
        reference=bits_per_char,
        parts=(
            Part("bits_per_char-check-mean", 5, predictions),
            Part("bits_per_char-check-bold", 3, bold_predictions),
        ),
        misconceptions=(
            bits_nats,
            bits_times_log,
            bits_sum,
            bits_per_sequence,
            bits_of_all_symbols,
            bits_of_mean_probability,
            bits_perplexity,
            bits_sign,
            bits_per_place,
            bits_without_softmax,
            bits_softmax_over_all,
            bits_shift_of_all,
            bits_entropy,
            bits_overflow,
            bits_padded,
        ),
        alternatives=(bits_by_loop, bits_by_one_hot, bits_in_float32),
        says={
            bits_nats: "these are nats",
            bits_times_log: "do not multiply",
            bits_sum: "not the sum",
            bits_per_sequence: "not the sum",
            bits_of_all_symbols: "are no places",
            bits_of_mean_probability: "not the logarithm of the mean",
            bits_perplexity: "this is the perplexity",
            bits_sign: "the sign is turned",
            bits_per_place: "expected one number",
            bits_without_softmax: "the softmax is missing",
            bits_softmax_over_all: "at each place by itself",
            bits_shift_of_all: "subtract the largest *of",
            bits_entropy: "this is the entropy",
            bits_overflow: "subtract the largest logit",
            bits_padded: "subtract the largest logit",
        },
    ),
    Graded(
        name="sample_probs",
        reference=sample_probs,
        parts=(
            Part("sample_probs-check-alone", 6, one_way),
            Part("sample_probs-check-together", 9, all_ways),
        ),
        misconceptions=(
            probs_whole_nucleus,
            probs_hot_at_the_end,
            probs_multiplied,
            probs_divided,
            probs_drops_the_last,
            probs_drops_even_the_first,
            probs_one_too_many,
            probs_reached,
            probs_threshold,
            probs_not_normal,
            probs_not_normal_in_the_end,
            probs_sorted,
            probs_order_for_rank,
            probs_smallest,
            probs_first_row_decides,
            probs_without_top_k,
            probs_without_top_p,
            probs_in_place,
        ),
        alternatives=(probs_row_by_row, probs_by_sorting_and_putting_back),
        says={
            probs_whole_nucleus: "a share of what top-k has left",
            probs_hot_at_the_end: "before the temperature acts",
            probs_multiplied: "divide the logits by τ",
            probs_divided: "dividing probabilities changes nothing",
            probs_drops_the_last: "the symbol by which the sum reaches top_p stays, too",
            probs_drops_even_the_first: "the symbol by which the sum reaches top_p stays, too",
            probs_one_too_many: "one symbol too many",
            probs_reached: "with top_k = V and top_p = 1 nothing is left out",
            probs_threshold: "not single probabilities",
            probs_not_normal: "divide what stays by its sum",
            probs_not_normal_in_the_end: "divide what stays by its sum",
            probs_sorted: "back in the order of the symbols",
            probs_order_for_rank: "not its rank",
            probs_smallest: "these are the smallest",
            probs_first_row_decides: "each row is ranked and summed by itself",
            probs_without_top_k: "top_k is not used",
            probs_without_top_p: "top_p is not used",
            probs_in_place: "changes logits in place",
        },
    ),
    Graded(
        name="temperature_for",
        reference=temperature_for,
        parts=(
            Part(
                "temperature_for-check",
                15,
                wanted_entropy,
                measure=entropy_there,
                remark=how_varied,
            ),
        ),
        misconceptions=(
            temperature_nats,
            temperature_wrong_half,
            temperature_inverse,
            temperature_in_proportion,
            temperature_of_surprise,
            temperature_perplexity,
            temperature_between_fixed_ends,
            temperature_between_wider_ends,
            temperature_overflows,
            temperature_too_soon,
        ),
        alternatives=(temperature_by_doubling, temperature_by_newton),
        tolerance=1e-4,
        says={
            temperature_nats: "so many nats it has",
            temperature_wrong_half: "is the wrong half kept",
            temperature_inverse: "1 / τ would be right",
            temperature_in_proportion: "not in proportion to τ",
            temperature_of_surprise: "not of the -log2 p at τ = 1",
            temperature_perplexity: "its perplexity is that large",
            temperature_between_fixed_ends: "the search begins at τ = 0.1",
            temperature_between_wider_ends: "the search begins at τ = 0.01",
            temperature_overflows: "exp overflows",
            temperature_too_soon: "search on",
        },
    ),
    Graded(
        name="interpolate",
        reference=interpolate,
        parts=(
            Part("interpolate-check-bits", 5, a_mixture, the_bits),
            Part("interpolate-check-slope", 7, a_mixture, the_slope),
        ),
        misconceptions=(
            mix_turned_round,
            mix_of_logs,
            mix_nats,
            mix_slope_in_nats,
            mix_slope_uphill,
            mix_slope_of_model_alone,
            mix_slope_not_divided,
            mix_slope_of_means,
            mix_sums,
            mix_log_of_mean,
            mix_all_symbols,
            mix_columns,
            mix_bits_alone,
        ),
        alternatives=(mix_by_loop, mix_first),
        says={
            mix_turned_round: "lam is the share of the model",
            mix_of_logs: "not their logarithms",
            mix_nats: "these are nats",
            mix_slope_in_nats: "the slope of nats",
            mix_slope_uphill: "the sign is turned",
            mix_slope_of_model_alone: "changes as well",
            mix_slope_not_divided: "by its own m",
            mix_slope_of_means: "not a quotient of means",
            mix_sums: "not the sum",
            mix_log_of_mean: "not the logarithm of the mean",
            mix_all_symbols: "only the symbol that came counts",
            mix_columns: "is (T, T)",
            mix_bits_alone: "expected the pair",
        },
    ),
    Graded(
        name="best_lambda",
        reference=best_lambda,
        parts=(
            Part("best_lambda-check-inside", 12, best_inside, measure=the_share, remark=how_far),
            Part("best_lambda-check-ends", 8, best_at_an_end, measure=the_share, remark=how_far),
        ),
        misconceptions=(
            best_of_the_ngram,
            best_wrong_half,
            best_of_tenths,
            best_of_hundredths,
            best_of_thousandths,
            best_in_few_rounds,
            best_ends_at_small_steps,
            best_one_step,
            best_by_wins,
            best_of_mean_probability,
            best_of_logs,
            best_beyond_the_ends,
            best_with_all_symbols,
            best_columns,
            best_with_bits,
        ),
        alternatives=(
            best_by_shares,
            best_by_golden_section,
            best_on_a_grid,
            best_with_interpolate,
        ),
        tolerance=1e-4,
        stand_ins={"interpolate": mix_first},
        says={
            best_of_the_ngram: "this is the share of the n-gram",
            best_wrong_half: "Is the right half kept",
            best_of_tenths: "one decimal",
            best_of_hundredths: "two decimals",
            best_of_thousandths: "three decimals",
            best_in_few_rounds: "the search stops too soon",
            best_ends_at_small_steps: "the search stops too soon",
            best_one_step: "a single step from 1/2",
            best_by_wins: "how often the model is better",
            best_of_mean_probability: "the mean of the logarithms",
            best_of_logs: "a mixture is better than either alone",
            best_beyond_the_ends: "a share lies between 0 and 1",
            best_with_all_symbols: "is it the symbol that came whose",
            best_columns: "is it the symbol that came whose",
            best_with_bits: "expected one number",
        },
    ),
    Graded(
        name="char_net",
        reference=char_net,
        parts=(
            Part(
                "char_net-check",
                20,
                a_text,
                measure=what_it_knows,
                draws=1,
                remark=bits_that_it_takes,
            ),
        ),
        misconceptions=(
            net_without_lines,
            net_frequencies_alone,
            net_says_again,
            net_other_blocks,
            net_without_readout,
        ),
        alternatives=(net_wired, net_wired_as_lists),
        tolerance=0,
        stand_ins=STEPS,
        slow=True,
        says={
            net_without_lines: "Are h and c carried from",
            net_frequencies_alone: "it does not even know the letters",
            net_says_again: "it says the symbol again",
            net_other_blocks: "its blocks in another order",
            net_without_readout: "expected the five",
        },
    ),
)
