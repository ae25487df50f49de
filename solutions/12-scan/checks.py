"""What assignment 12-scan grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.

How a scan was made is read off what it returns. Some of the steps that it gets carry a record: an
array with a row for each step, 1 at its own place and 0 elsewhere. The composition that goes with
them adds two rows, and 1 more wherever there is something. So the row of a prefix says how deep in
its tree of compositions each step lies, which is the tree itself; `chains` reads the longest chain
and the number of different compositions off all rows. A result without such trees of its own is not
right, however it came about. Compositions that are made again leave no trace in a tree. So they are
numbered, or the calls of compose are where segments are scanned, by a list that the composition
brings along, and one array more says which one made what.
"""

from functools import partial

import numpy as np

from rnnlib.grading.table import Graded, Part
from rnnlib.reference import log_space, min_gru
from rnnlib.reference import scan as scans

LIMITS = {"result": 4 << 20}  # bytes: some gradients have many steps and units

# ----------------------------------------------------- compositions that students are sent


def affine(p, q):
    """First h -> a h + b of p, then that of q."""
    return q[0] * p[0], q[0] * p[1] + q[1]


def clipped(p, q):
    """First h -> max(h + a, b) of p, then that of q; a third array counts the steps."""
    return q[0] + p[0], np.maximum(q[0] + p[1], q[1]), p[2] + q[2]


def matrices(p, q):
    """First the matrix of p, then that of q."""
    return (q[0] @ p[0],)


def either(p, q):
    """Is there a true one among these steps? And a sum."""
    return p[0] | q[0], p[1] + q[1]


def held(p, q):
    """What the first step holds, the very array that came; and a sum."""
    with np.errstate(over="ignore"):
        return p[0], p[1] + q[1]


def recorded(p, q):
    """As affine, with a record."""
    together = p[2] + q[2]
    return q[0] * p[0], q[0] * p[1] + q[1], together + (together > 0)


def tallied(made, p, q):
    """As recorded; a fourth array numbers the compositions, and ``made`` is how many there were."""
    together, S = p[2] + q[2], max(len(p[3]), len(q[3]))
    made[0] += S
    number = np.arange(made[0] - S, made[0]) + 1.0
    return q[0] * p[0], q[0] * p[1] + q[1], together + (together > 0), number


def shared(calls, p, q):
    """As recorded; a fourth array says which call this is, and ``calls`` how many there were."""
    calls[0] += 1
    together = p[2] + q[2]
    return q[0] * p[0], q[0] * p[1] + q[1], together + (together > 0), 0 * q[3] + calls[0]


def ending(nothing, compose, p, q):
    """As compose; ``nothing`` is how often there was nothing to compose."""
    nothing[0] += np.size(p[0]) == 0
    if nothing[0] > 200:
        raise RecursionError("compose gets no steps, again and again: where does it end?")
    return compose(p, q)


# ---------------------------------------------------------------------------- inputs


def some_steps(rng, kind, *shape):
    """Steps for one of the compositions, (T, ...)."""
    a, b = rng.uniform(-1.3, 1.3, shape), rng.normal(size=shape)
    if kind is clipped:
        return a, b, rng.uniform(0.5, 1.5, shape)
    if kind is matrices:
        return (rng.normal(size=(*shape, 2, 2)) / 1.5,)
    if kind is either:  # without a nan the judge takes 1.0 for True, and looks no further
        b = rng.normal(size=(*shape, 2))  # a list of arrays of one shape arrives as one array
        b[rng.integers(len(b))] = np.nan
        return rng.random(shape) < 0.2, b
    return a, b


def record(T, B):
    """The record of T steps before anything is composed, (T, B, T)."""
    return np.repeat(np.eye(T)[:, None], B, axis=1)


def any_kind(rng):
    return (affine, clipped, matrices)[rng.integers(3)]


def pairs(rng):
    T, B, H = rng.permutation([2, 3, 4])
    p, q = (some_steps(rng, affine, T, B, H) for _ in range(2))
    return p, q


def scan_inputs(rng):
    """Few steps, of shapes of their own; lengths are odd, even and powers of two."""
    kind = any_kind(rng) if rng.integers(3) else either
    T = int(rng.choice([1, 2, 3, 5, 6, 7, 8, 9, 11, 13, 14]))
    steps = some_steps(rng, kind, T, *rng.permutation([2, 3])[: rng.integers(3)])
    return partial(ending, [0], kind), steps


def recorded_inputs(rng):
    T = int(rng.choice([23, 32, 64, 81, 100, 121]))  # squares: chunks have √T
    steps = (*some_steps(rng, affine, T, 2), np.eye(T), np.zeros(T))
    return partial(ending, [0], partial(tallied, [0])), steps


def borders(rng, T, B):
    """Some resets in every sequence after its first step, and no two sequences alike."""
    while True:
        resets = rng.random((T, B)) < 0.3
        if resets[1:].any(axis=0).all() and not resets.all(axis=0).any():
            if not any((resets[1:, 0] == resets[1:, j]).all() for j in range(1, B)):
                return resets


def segmented_inputs(rng):
    """Every other time with sums that are infinite across a reset, and finite within segments."""
    kind, B = any_kind(rng), int(rng.integers(2, 4))
    T = int(rng.integers(6, 14))
    steps, resets = some_steps(rng, kind, T, B, *[4][: rng.integers(2)]), borders(rng, T, B)
    if rng.integers(2):
        begins = resets | (np.arange(T) == 0)[:, None]
        return held, (rng.normal(size=(T, B)), np.where(begins, 1.5e308, 1.0)), resets
    return kind, steps, resets


def short_segments(rng, T):
    """Resets of one sequence, two or three steps apart."""
    flags = np.zeros(T, dtype=bool)
    at = np.cumsum(rng.integers(2, 4, T))
    flags[at[at < T]] = True
    return flags


def segmented_recorded(rng):
    """The first sequence is reset early and then runs on; the others have many short segments."""
    T, B = int(rng.choice([20, 33, 40])), 4
    resets = np.stack([short_segments(rng, T) for _ in range(B)], axis=1)
    resets[:, 0] = np.arange(T) == rng.integers(1, 3)
    steps = (*some_steps(rng, affine, T, B), record(T, B), np.zeros((T, B)))
    return partial(shared, [0]), steps, resets


def layer(rng):
    T, B, D, H = rng.permutation([3, 4, 5, 6])
    return rng.normal(size=(2 * H, D)), rng.normal(size=2 * H), rng.normal(size=(T, B, D))


def steep_layer(rng):
    """Preactivations beyond what exp can hold, or whose products are.

    Every other unit has them with one sign at all steps, the rest with any from step to step: these
    fade after they wrote, and write far below what they hold.
    """
    size = rng.uniform(800, 1500) if rng.integers(2) else rng.uniform(300, 600)
    W_x, b, xs = layer(rng)
    steady = np.tile(np.arange(len(b) // 2) % 2 == 1, 2)
    scale, shift = np.where(steady, 1.0, size / 2), np.where(steady, size, 0.0)
    return scale[:, None] * W_x, b + shift * rng.choice([-1, 1], len(b)), xs


def stretch(rng, T, B, H, level):
    n = rng.uniform(0.5, 3, (T, B))
    m = level + 2 * rng.normal(size=(T, B))
    return -rng.uniform(0.2, 3, (T, B)), m, n[..., None] * rng.normal(size=(T, B, H)), n


def stretches(rng):
    T, B, H = rng.permutation([2, 3, 4])
    return stretch(rng, T, B, H, 0.0), stretch(rng, T, B, H, 0.0)


def far_stretches(rng):
    """Both far up or down; or one above the other; or the older one fades below the newer.

    What was there before both may fade as far, and makes no difference to shift or weights.
    """
    T, B, H = rng.permutation([2, 3, 4])
    up, apart = rng.choice([-1000.0, 1000.0]), rng.choice([0.0, 0.0, 900.0, -900.0], (T, B))
    p, q = stretch(rng, T, B, H, up), stretch(rng, T, B, H, up)
    fade = np.where(apart > 0, rng.choice([-1800.0, -2.0], (T, B)), -2.0)
    fade.flat[:2], apart.flat[:2] = (-1800.0, -2.0), 900.0
    before = rng.choice([-1800.0, 0.0], (T, B))
    before.flat[1] = -1800.0
    return (p[0] + before, p[1] + apart, *p[2:]), (q[0] + fade, *q[1:])


def second_order_inputs(rng, T=None, B=None, H=None):
    t, i, j = rng.permutation([4, 5, 6, 7])[:3]
    T, B, H = T or t, B or i, H or j
    a, c = rng.uniform(-1.2, 1.2, (T, B, H)), rng.uniform(-0.7, 0.7, (T, B, H))
    b, dhs = rng.normal(size=(2, T, B, H))
    h0, h_before = rng.normal(size=(2, B, H))
    return a, c, h0, h_before, second_order(a, c, b, h0, h_before), dhs


def gradient_inputs(rng):
    """Few steps, and now and then only two."""
    return second_order_inputs(rng, T=None if rng.integers(5) else 2)


def longer_gradient_inputs(rng):
    """Now and then too many numbers to nudge one after another."""
    if rng.integers(5):
        return gradient_inputs(rng)
    return second_order_inputs(rng, T=100, B=8, H=16)


# ------------------------------------------------------------------- what is looked at


def chains(paths, starts):
    """The longest chain of compositions behind prefixes, and how many different ones there are.

    Row t of ``paths`` must hold 1 and the depth of every step from ``starts[t]`` to t, and zeros.
    """
    T, longest, known = len(paths), 0, {}
    for t, start in enumerate(starts):
        inside = np.arange(T)
        inside = (inside >= start) & (inside <= t)
        if not ((paths[t] > 0) == inside).all():
            return None
        open_ = []
        for j in range(start, t + 1):
            open_.append((int(paths[t][j]), j))
            while len(open_) > 1 and open_[-1][0] == open_[-2][0] > 1:
                (depth, right), (_, left) = open_.pop(), open_.pop()
                open_.append((depth - 1, known.setdefault((left, right), T + len(known))))
        if [depth for depth, _ in open_] != [1]:
            return None
        longest = max(longest, int(paths[t].max()) - 1)
    return longest, len(known)


def allowed(T):
    """Compositions one after another that a scan over T steps may have."""
    return 2 * int(np.ceil(np.log2(T)))


def no_trees(paths):
    """A number below zero for rows that are none of right trees; it tells them apart."""
    return -1 - np.sum(paths * np.cos(np.arange(paths.size)).reshape(paths.shape)) ** 2


def of_shape(array, *shape):
    """An array of a result, if it has this shape."""
    array = np.asarray(array)
    if array.shape != shape:
        raise ValueError(f"array: got {array.shape}, expected {shape}")
    return array


def out_of_order(got, want):
    """Zero if these are the right a and b of affine steps, or else a number for what they are."""
    a, b = (of_shape(array, *w.shape) for array, w in zip(got, want, strict=True))
    if np.allclose(a, want[0], rtol=1e-5) and np.allclose(b, want[1], rtol=1e-5, atol=1e-5):
        return 0.0
    return 1 + np.sum(b * np.cos(np.arange(b.size)).reshape(b.shape)) ** 2


def chain_and_work(result, args):
    """Zeros if both are within bounds and the prefixes right, or else what they are.

    And, where all of these are zero, one if too many compositions were made again or for nothing.
    """
    steps = args[1]
    T = len(steps[0])
    a, b, paths, numbers = result
    paths, made = of_shape(paths, T, T), of_shape(numbers, T).max()
    longest, work = chains(paths, [0] * T) or (-1, no_trees(paths))
    bad = longest * (not 0 <= longest <= allowed(T)), work * (not 0 <= work < 2 * T)
    found = [*bad, out_of_order((a, b), scan(affine, steps[:2]))]
    return np.array([*found, not any(found) and made >= 4 * T], dtype=float)


def dtypes_too(result, rng):
    """All arrays, with a number for nan, and which of them hold booleans."""
    arrays = [np.asarray(a) for a in result]
    return *(np.nan_to_num(a, nan=1e9) for a in arrays), [1.0 * (a.dtype == bool) for a in arrays]


def calls_of(numbers):
    """How many calls of compose there were, and were those of any two sequences different ones?"""
    numbers = np.asarray(numbers, dtype=float)
    made = [set(column[column > 0]) for column in numbers.T]
    return int(numbers.max()), sum(map(len, made)) == len(set().union(*made))


def chain_in_segments(result, args):
    """Zero for every sequence if its chains are short enough, or else how long they are.

    And then zero if compose was called as often as allowed at most; if it was called more often,
    two if no call served two sequences, or else one. And then zero if the prefixes are right.
    """
    _, steps, resets = args
    T, B = resets.shape
    a, b, paths, numbers = result
    found = []
    for rows, flags in zip(of_shape(paths, T, B, T).swapaxes(0, 1), resets.T, strict=True):
        starts = np.maximum.accumulate(np.where(flags, np.arange(T), 0))
        longest, _ = chains(rows, starts) or (no_trees(rows), 0)
        found.append(longest * (not 0 <= longest <= allowed(T)))
    calls, apart = calls_of(of_shape(numbers, T, B))
    many = (1 + apart) * (calls > allowed(T))
    wrong = out_of_order((a, b), segmented_scan(affine, steps[:2], resets))
    return np.array([*found, many, wrong], dtype=float)


def said_of_chains(result, rng):
    paths = np.asarray(result[2])
    T = len(paths)
    found = chains(paths, [0] * T)
    if not found:
        return "the rows of the record are not those of all prefixes"
    if found[0] <= allowed(T) and found[1] < 2 * T:
        if (made := int(np.max(result[3]))) >= 4 * T:
            return (
                f"with T = {T} it makes {found[1]} different compositions, but {made} with those "
                f"made again or for nothing, of fewer than {4 * T} allowed"
            )
        return "its chains are short and its compositions few, but its prefixes are not right"
    return (
        f"with T = {T} its longest chain has {found[0]} compositions, of {allowed(T)} allowed, and "
        f"in all it makes {found[1]} different ones, of fewer than {2 * T} allowed"
    )


def said_of_segments(result, args):
    paths = np.asarray(result[2])
    T, longest = len(paths), int(paths.max()) - 1
    *rows, many, _ = chain_in_segments(result, args)
    if min(rows) < 0:
        return "the rows of the record are not those of all prefixes within segments"
    if any(rows):
        return f"with T = {T} its longest chain has {longest} compositions, of {allowed(T)} allowed"
    if many:
        calls, _ = calls_of(result[3])
        return f"with T = {T} it calls compose {calls} times or more, of {allowed(T)} allowed"
    return "its chains are short and its calls few, but its prefixes are not right"


def meaning(result, rng):
    """What four numbers say, whatever the shift: the fading, the weight and the mean."""
    l, m, c, n = (np.asarray(a) for a in result)
    return l, m + np.log(n), c / n[..., None]


def meaning_on_and_on(result, rng):
    """As meaning; and is an n so far from 1 that the next compositions cannot hold it?"""
    l, weight, mean = meaning(result, rng)
    return l, weight, mean, np.abs(np.log(np.asarray(result[3]))) > 100


def only(*which):
    """Of several results some, as arrays."""

    def observe(result, rng):
        return tuple(np.asarray(result[k]) for k in which)

    return observe


# ------------------------------------------------------------------------- compose


def compose(p, q):
    return tuple(scans.compose(scans.Affine(*p), scans.Affine(*q)))


def compose_reversed(p, q):
    """This is first q and then p: a_q and b_q must act on what p has made of h."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_p * b_q + b_p


def compose_adds_summands(p, q):
    """The summands are added as they are; what p has added is multiplied by a_q in step q."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, b_p + b_q


def compose_scales_by_p(p, q):
    """b_p is multiplied by a_p; in step p it is added after that, and only a_q is still to come."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_p * b_p + b_q


def compose_scales_both(p, q):
    """b_q is multiplied by a_q as well; in step q it is added last."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_q * (b_p + b_q)


def compose_scales_twice(p, q):
    """b_p is multiplied by both factors; it is there after step p, so it goes through q alone."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_p * a_q * b_p + b_q


def compose_scales_own(p, q):
    """Each summand is multiplied by the factor of its own step; in each step the factor comes
    first and the summand after it."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_p * b_p + a_q * b_q


def compose_scales_other(p, q):
    """a_q multiplies the wrong one of the summands: which of the two is there when step q
    begins?"""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * a_p, a_q * b_q + b_p


def compose_adds_factors(p, q):
    """The factors are added; h is multiplied by one and then by the other."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q + a_p, a_q * b_p + b_q


def compose_forgets_b_q(p, q):
    """b_q is missing."""
    (a_p, b_p), (a_q, _) = p, q
    return a_q * a_p, a_q * b_p


def compose_forgets_a_p(p, q):
    """The factor of both steps is a_q alone; h is multiplied by a_p before."""
    (_, b_p), (a_q, b_q) = p, q
    return a_q.copy(), a_q * b_p + b_q


def compose_turned(p, q):
    """The summand is returned before the factor."""
    (a_p, b_p), (a_q, b_q) = p, q
    return a_q * b_p + b_q, a_q * a_p


def compose_in_place(p, q):
    """b of the second step is changed in place; it belongs to the caller."""
    (a_p, b_p), (a_q, b_q) = p, q
    b_q += a_q * b_p
    return a_q * a_p, b_q


def compose_by_trying(p, q):
    def both(h):
        for a, b in (p, q):
            h = a * h + b
        return h

    return both(1.0) - both(0.0), both(0.0)


def compose_as_lists(p, q):
    a = [x * y for x, y in zip(p[0], q[0], strict=True)]
    return [a, (np.einsum("tbh,tbh->tbh", q[0], p[1]) + q[1]).tolist()]


def compose_in_float32(p, q):
    (a_p, b_p), (a_q, b_q) = ([np.float32(x) for x in s] for s in (p, q))
    return a_q * a_p, a_q * b_p + b_q


# ---------------------------------------------------------------------------- scan


def scan(compose, steps):
    return scans.work_efficient(compose, steps)


def _woven(steps, odd, even):
    """The first step, the prefixes at odd t and those at even t, in their order."""
    out = tuple(np.empty_like(s) for s in steps)
    for new, s, o, e in zip(out, steps, odd, even, strict=True):
        new[:1], new[1::2], new[2::2] = s[:1], o, e
    return out


def _up_and_down(steps, up, down, empty=np.empty_like):
    """All prefixes: up composes neighbours, down a prefix and the step after it.

    Besides these down is given all prefixes at odd t, and all steps there.
    """
    T = len(steps[0])
    if T == 1:
        return steps
    first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
    odd = _up_and_down(up(tuple(s[: T // 2] for s in first), second), up, down, empty)
    late = tuple(s[1:] for s in first)
    even = down(tuple(s[: (T - 1) // 2] for s in odd), late, odd, second)
    out = []
    for s, o, e in zip(steps, odd, even, strict=True):
        new = empty(s)
        new[:1], new[1::2], new[2::2] = s[:1], o, e
        out.append(new)
    return tuple(out)


def scan_by_a_loop(compose, steps):
    """This is the loop, one composition after another: every prefix waits for the one before it.
    The prefixes are right, but a scan has chains of at most 2 ⌈log₂ T⌉ compositions."""
    prefixes = [tuple(s[:1] for s in steps)]
    for t in range(1, len(steps[0])):
        prefixes.append(compose(prefixes[-1], tuple(s[t : t + 1] for s in steps)))
    return tuple(np.concatenate(parts) for parts in zip(*prefixes, strict=True))


def scan_by_doubling(compose, steps):
    """This is doubling: its chains are as short as they can be, but it makes about T log₂ T
    compositions, and fewer than 2T are asked for. Compose in pairs, so that half as many steps
    are left."""
    d = 1
    while d < len(steps[0]):
        far = compose(tuple(s[:-d] for s in steps), tuple(s[d:] for s in steps))
        steps = tuple(np.concatenate([s[:d], f]) for s, f in zip(steps, far, strict=True))
        d *= 2
    return steps


def _halved(compose, steps, cut):
    """All prefixes from those of both halves; of T steps the first half has cut(T)."""
    T, h = len(steps[0]), cut(len(steps[0]))
    if T == 1:
        return steps
    halves = (slice(h), slice(h, None))
    left, right = (_halved(compose, tuple(s[k] for s in steps), cut) for k in halves)
    end = tuple(np.repeat(s[-1:], T - h, axis=0) for s in left)
    return tuple(np.concatenate(both) for both in zip(left, compose(end, right), strict=True))


def scan_by_halves(compose, steps):
    """Both halves are scanned, and then the whole second half is composed with the end of the
    first. That is T/2 compositions on each of log₂ T levels, and fewer than 2T in all are asked
    for. Compose in pairs, so that there is one half to scan and not two."""
    return _halved(compose, steps, lambda T: T // 2)


def scan_by_upper_halves(compose, steps):
    """Both halves are scanned, and then the whole second half is composed with the end of the
    first, on each of log₂ T levels; fewer than 2T compositions in all are asked for. Compose in
    pairs, so that there is one half to scan and not two."""
    return _halved(compose, steps, lambda T: (T + 1) // 2)


def scan_by_chunks(compose, steps):
    """These are chunks of about √T steps, one after another: the carry from chunk to chunk is a
    chain, and so are the steps inside a chunk. Together that is nearly 2 √T compositions, and for a
    large T more than 2 ⌈log₂ T⌉."""
    T = len(steps[0])
    K = int(np.ceil(np.sqrt(T)))
    chunks = []
    for start in range(0, T, K):
        inside = [tuple(s[start : start + 1] for s in steps)]
        for t in range(start + 1, min(start + K, T)):
            inside.append(compose(inside[-1], tuple(s[t : t + 1] for s in steps)))
        if chunks:
            inside = [compose(chunks[-1], one) for one in inside]
        chunks += inside
    return tuple(np.concatenate(parts) for parts in zip(*chunks, strict=True))


def scan_each_anew(compose, steps):
    """Every prefix is put together anew from all of its steps: fewer than 2T compositions are
    possible only if prefixes share them."""

    def whole(part):
        n = len(part[0])
        if n == 1:
            return part
        left, right = (tuple(s[k] for s in part) for k in (slice(n // 2), slice(n // 2, n)))
        return compose(whole(left), whole(right))

    prefixes = [whole(tuple(s[: t + 1] for s in steps)) for t in range(len(steps[0]))]
    return tuple(np.concatenate(parts) for parts in zip(*prefixes, strict=True))


def scan_makes_again(compose, steps):
    """There are few enough different compositions, but far more are made: the same ones over and
    over, or some that nobody needs. Keep what was composed once, and compose no more than that."""

    def block(i, n):
        if n == 1:
            return tuple(s[i : i + 1] for s in steps)
        return compose(block(i, n // 2), block(i + n // 2, n // 2))

    def prefix(n):
        low = n & -n
        return block(0, n) if n == low else compose(prefix(n - low), block(n - low, low))

    prefixes = [prefix(t + 1) for t in range(len(steps[0]))]
    return tuple(np.concatenate(parts) for parts in zip(*prefixes, strict=True))


def scan_swaps(compose, steps):
    """compose gets the later steps first; compose(p, q) is first p and then q."""

    def turned(p, q, *_):
        return compose(q, p)

    return _up_and_down(steps, turned, turned)


def scan_swaps_down(compose, steps):
    """On the way down compose gets the later step first; compose(p, q) is first p and then q."""
    return _up_and_down(steps, compose, lambda p, q, *_: compose(q, p))


def scan_swaps_up(compose, steps):
    """On the way up compose gets the later one of two neighbours first; compose(p, q) is first p
    and then q."""
    return _up_and_down(steps, lambda p, q: compose(q, p), lambda p, q, *_: compose(p, q))


def scan_swaps_tail(compose, steps):
    """Where T is odd, the last step is put first in its composition with the prefix before it;
    compose(p, q) is first p and then q."""

    def halves(steps):
        T = len(steps[0])
        if T == 1:
            return steps
        if T % 2:
            most = halves(tuple(s[:-1] for s in steps))
            last = compose(tuple(s[-1:] for s in steps), tuple(s[-1:] for s in most))
            return tuple(np.concatenate(both) for both in zip(most, last, strict=True))
        first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
        odd = halves(compose(first, second))
        even = compose(tuple(s[:-1] for s in odd), tuple(s[1:] for s in first))
        return _woven(steps, odd, even)

    return halves(steps)


def scan_without_end(compose, steps):
    """It calls itself again and again: where one step is left, that step is the prefix, and the
    recursion ends."""

    def again(steps):
        T = len(steps[0])
        first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
        odd = again(compose(tuple(s[: T // 2] for s in first), second))
        even = compose(tuple(s[: (T - 1) // 2] for s in odd), tuple(s[1:] for s in first))
        return _woven(steps, odd, even)

    return again(steps)


def scan_from_the_end(compose, steps):
    """These are the compositions from t to the end; the prefixes are those from the first step
    to t."""
    found = [tuple(s[-1:] for s in steps)]
    for t in reversed(range(len(steps[0]) - 1)):
        found.append(compose(tuple(s[t : t + 1] for s in steps), found[-1]))
    return tuple(np.concatenate(parts) for parts in zip(*found[::-1], strict=True))


def scan_without_down(compose, steps):
    """The way down is missing: where the number of steps up to t is odd, there stands the step
    itself; it is to be composed with the prefix before it."""

    def up(steps):
        T = len(steps[0])
        if T == 1:
            return steps
        first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
        even = up(compose(tuple(s[: T // 2] for s in first), second))
        out = []
        for s, e in zip(steps, even, strict=True):
            new = np.array(s)
            new[1::2] = e
            out.append(new)
        return tuple(out)

    return up(steps)


def scan_only_neighbours(compose, steps):
    """Only neighbours are composed: the pairs have to be scanned in turn, by scan itself."""
    T = len(steps[0])
    if T == 1:
        return steps
    first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
    odd = compose(tuple(s[: T // 2] for s in first), second)
    return _woven(
        steps, odd, compose(tuple(s[: (T - 1) // 2] for s in odd), tuple(s[1:] for s in first))
    )


def scan_with_step(compose, steps):
    """On the way down a step is composed with the prefix that contains it already; it is to be
    composed with the one before it."""

    def late(p, q, odd, second):
        n = len(q[0])
        return compose(tuple(np.concatenate([o, o[-1:]])[1 : n + 1] for o in odd), q)

    return _up_and_down(steps, compose, late)


def scan_with_odd(compose, steps):
    """On the way down the prefixes at odd t are composed with the steps at odd t, which they
    contain already; the steps at even t come next."""
    return _up_and_down(
        steps, compose, lambda p, q, odd, second: compose(p, tuple(s[: len(q[0])] for s in second))
    )


def scan_with_later(compose, steps):
    """On the way down the prefixes are composed with steps that come too late; between the prefix
    at t and these, a step is left out."""
    return _up_and_down(
        steps, compose, lambda p, q, odd, second: compose(p, tuple(s[1:] for s in second))
    )


def scan_with_identity(compose, steps):
    """A step is put in that is to do nothing, with 1 for its factor and 0 for the rest. That is so
    for (scan-compose) alone, and for another compose there may be no such step: begin with what is
    there, the first step."""
    T, n, d = len(steps[0]), 1, 1
    while n < T:
        n *= 2
    s = [np.concatenate([x, np.zeros((n - T, *x.shape[1:]), x.dtype)]) for x in steps]
    own = tuple(x.copy() for x in s)
    while d < n:
        up = compose(tuple(x[d - 1 :: 2 * d] for x in s), tuple(x[2 * d - 1 :: 2 * d] for x in s))
        for x, new in zip(s, up, strict=True):
            x[2 * d - 1 :: 2 * d] = new
        d *= 2
    for k, x in enumerate(s):
        x[-1] = k == 0
    while d > 1:
        d //= 2
        left, right = (tuple(x[k * d - 1 :: 2 * d].copy() for x in s) for k in (1, 2))
        for x, new, r in zip(s, compose(right, left), right, strict=True):
            x[2 * d - 1 :: 2 * d], x[d - 1 :: 2 * d] = new, r
    return tuple(x[:T] for x in compose(tuple(s), own))


def scan_shifted(compose, steps):
    """The prefixes are a place late: the one at t must contain step t."""
    prefixes = [tuple(s[:1] for s in steps)] * 2
    for t in range(1, len(steps[0]) - 1):
        prefixes.append(compose(prefixes[-1], tuple(s[t : t + 1] for s in steps)))
    return tuple(np.concatenate(parts[: len(steps[0])]) for parts in zip(*prefixes, strict=True))


def scan_total(compose, steps):
    """This is the composition of all steps alone; all T prefixes are asked for."""
    while len(steps[0]) > 1:
        n = len(steps[0]) // 2 * 2
        pairs = compose(tuple(s[0:n:2] for s in steps), tuple(s[1:n:2] for s in steps))
        steps = tuple(np.concatenate([p, s[n:]]) for p, s in zip(pairs, steps, strict=True))
    return tuple(s.copy() for s in steps)


def scan_even_only(compose, steps):
    """This works only where T is a power of two: if T is odd, the last step at an even t has no
    partner."""

    def up_and_down(steps):
        if len(steps[0]) == 1:
            return steps
        first, second = (tuple(s[k::2] for s in steps) for k in (0, 1))
        odd = up_and_down(compose(first, second))
        even = compose(tuple(s[:-1] for s in odd), tuple(s[1:] for s in first))
        return _woven(steps, odd, even)

    return up_and_down(steps)


def scan_doubles_in_place(compose, steps):
    """Within a round some steps are composed with what the same round has already changed; a
    round reads what stood there before it."""
    steps, T, d = tuple(np.array(s) for s in steps), len(steps[0]), 1
    while d < T:
        for t in range(d, T):
            new = compose(
                tuple(s[t - d : t - d + 1] for s in steps), tuple(s[t : t + 1] for s in steps)
            )
            for s, n in zip(steps, new, strict=True):
                s[t : t + 1] = n
        d *= 2
    return steps


def scan_assumes_affine(compose, steps):
    """The composition of (scan-compose) is written out; compose may be another one, and the
    number of arrays another than two."""
    a, b = (np.array(s) for s in steps)
    for t in range(1, len(a)):
        a[t], b[t] = a[t] * a[t - 1], a[t] * b[t - 1] + b[t]
    return a, b


def scan_in_place(compose, steps):
    """The prefixes are written into the arrays of steps, which belong to the caller."""
    for t in range(1, len(steps[0])):
        new = compose(tuple(s[t - 1 : t] for s in steps), tuple(s[t : t + 1] for s in steps))
        for s, one in zip(steps, new, strict=True):
            s[t : t + 1] = one
    return steps


def scan_forgets_dtype(compose, steps):
    """The new arrays hold floats, whatever steps has: np.empty_like(s) keeps the dtype as well as
    the shape, and a composition may need booleans."""
    return _up_and_down(steps, compose, lambda p, q, *_: compose(p, q), lambda s: np.empty(s.shape))


def scan_returns_floats(compose, steps):
    """The prefixes are right, but come back as floats, also where steps has booleans: each array
    of the result has the dtype of its array in steps."""
    return tuple(1.0 * s for s in _up_and_down(steps, compose, lambda p, q, *_: compose(p, q)))


def scan_levels(compose, steps):
    T, levels = len(steps[0]), [steps]
    while len(levels[-1][0]) > 1:
        s = levels[-1]
        n = len(s[0]) // 2 * 2
        levels.append(compose(tuple(x[0:n:2] for x in s), tuple(x[1:n:2] for x in s)))
    found = levels.pop()
    while levels:
        s = levels.pop()
        n = len(s[0])
        out = [np.array(x) for x in s]
        for x, f in zip(out, found, strict=True):
            x[1::2] = f
        if n > 2:
            late = compose(tuple(f[: (n - 1) // 2] for f in found), tuple(x[2::2] for x in s))
            for x, new in zip(out, late, strict=True):
                x[2::2] = new
        found = tuple(out)
    assert len(found[0]) == T
    return list(found)


def scan_in_the_array(compose, steps):
    out, T, d = [np.array(s) for s in steps], len(steps[0]), 1

    def put(left, right):
        if len(right):
            both = compose(tuple(s[left] for s in out), tuple(s[right] for s in out))
            for s, new in zip(out, both, strict=True):
                s[right] = new

    while d < T:
        right = np.arange(2 * d - 1, T, 2 * d)
        put(right - d, right)
        d *= 2
    while d > 1:
        d //= 2
        right = np.arange(3 * d - 1, T, 2 * d)
        put(right - d, right)
    return tuple(out)


def scan_step_by_step(compose, steps):
    def up_and_down(items):
        if len(items) == 1:
            return items
        two = [compose(items[i], items[i + 1]) for i in range(0, len(items) - 1, 2)]
        even, out = up_and_down(two), [items[0]]
        for t in range(1, len(items)):
            out.append(even[t // 2] if t % 2 else compose(even[t // 2 - 1], items[t]))
        return out

    items = [tuple(s[t : t + 1] for s in steps) for t in range(len(steps[0]))]
    return tuple(np.concatenate(parts).tolist() for parts in zip(*up_and_down(items), strict=True))


def scan_padded(compose, steps):
    T, d, n = len(steps[0]), 1, 1
    while n < T:
        n *= 2
    out = [np.concatenate([s, *[s[-1:]] * (n - T)]) for s in steps]

    def put(left, right):
        new = compose(tuple(s[left] for s in out), tuple(s[right] for s in out))
        for s, one in zip(out, new, strict=True):
            s[right] = one

    while d < n:
        put(slice(d - 1, None, 2 * d), slice(2 * d - 1, None, 2 * d))
        d *= 2
    for d in (2**k for k in reversed(range(n.bit_length() - 2))):
        put(slice(2 * d - 1, -d, 2 * d), slice(3 * d - 1, None, 2 * d))
    return tuple(s[:T] for s in out)


def doubling(compose, steps):
    d = 1
    while d < len(steps[0]):
        far = compose(tuple(s[:-d] for s in steps), tuple(s[d:] for s in steps))
        steps = tuple(np.concatenate([s[:d], f]) for s, f in zip(steps, far, strict=True))
        d *= 2
    return tuple(steps)


# -------------------------------------------------------------------- min_gru_logs


def min_gru_logs(W_x, b, xs):
    T, B, D = xs.shape
    pairs = min_gru.coefficients(min_gru.Params(W_x, b), xs.reshape(T * B, D))
    steps = scans.Affine(*(a.reshape(T, B, -1) for a in pairs))
    return tuple(scans.work_efficient(log_space.compose, steps))


def _log_steps(W_x, b, xs):
    """log a and log b of single steps."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -np.logaddexp(0, -a_n))
    return -np.logaddexp(0, -k), -np.logaddexp(0, k) + log_g


def logs_blocks_swapped(W_x, b, xs):
    """The blocks of z and of the candidate are swapped: z has the first H rows."""
    a_n, k = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -np.logaddexp(0, -a_n))
    steps = -np.logaddexp(0, -k), -np.logaddexp(0, k) + log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_z_writes(W_x, b, xs):
    """z and 1 - z are swapped: z keeps, so that log a is the logarithm of σ(k)."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -np.logaddexp(0, -a_n))
    steps = -np.logaddexp(0, k), -np.logaddexp(0, -k) + log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_whole_candidate(W_x, b, xs):
    """The candidate is written whole; its share is 1 - z."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -np.logaddexp(0, -a_n))
    steps = -np.logaddexp(0, -k), log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_sigmoid_candidate(W_x, b, xs):
    """The candidate is σ everywhere; from zero on g is a + 1/2."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    steps = -np.logaddexp(0, -k), -np.logaddexp(0, k) - np.logaddexp(0, -a_n)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_plain_softplus(W_x, b, xs):
    """softplus is computed as log(1 + exp a), and exp overflows where a is large: take the larger
    of 0 and a out, as np.logaddexp(0, a) does."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)

    def softplus(a):
        return np.log(1 + np.exp(a))

    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -softplus(-a_n))
    steps = -softplus(-k), -softplus(k) + log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_of_numbers(W_x, b, xs):
    """The logarithms are taken of factors and summands, or of their products, which may be 0
    already; every one of them has to be a logarithm from the start."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    z = 1 / (1 + np.exp(-k))
    g = np.where(a_n >= 0, a_n + 0.5, 1 / (1 + np.exp(-a_n)))
    A, B = scan(lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1]), (z, (1 - z) * g))
    return np.log(A), np.log(B)


def logs_of_gates(W_x, b, xs):
    """The logarithms are taken of σ(k), 1 - σ(k) and g, which are rounded to 0 where the logarithm
    is far below 0: softplus gives each logarithm without the number."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    z = 1 / (1 + np.exp(-k))
    g = np.where(a_n >= 0, a_n + 0.5, 1 / (1 + np.exp(-a_n)))
    steps = np.log(z), np.log(1 - z) + np.log(g)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_plain_sum(W_x, b, xs):
    """Two logarithms are added by way of exp, which is 0 or infinite far from zero; take the
    larger of the two out, as np.logaddexp does."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.log(np.exp(q[0] + p[1]) + np.exp(q[1]))), steps)


def logs_composed_as_numbers(W_x, b, xs):
    """The logarithms are composed as numbers are, by (scan-compose); a product of numbers is a
    sum of logarithms."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1]), steps)


def logs_adds_logs(W_x, b, xs):
    """The logarithms of the summands are added; that multiplies the summands."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], q[0] + p[1] + q[1]), steps)


def logs_nothing_fades(W_x, b, xs):
    """Older summands are kept whole: log b of the earlier steps is to be lowered by log a of the
    later ones."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(p[1], q[1])), steps)


def logs_fade_by_p(W_x, b, xs):
    """log b of the earlier steps is lowered by their own log a; it is lowered by that of the later
    ones, which are still to come."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(p[0] + p[1], q[1])), steps)


def logs_reversed(W_x, b, xs):
    """This is first q and then p: what the earlier steps wrote fades in the later ones, so log b of
    p is lowered by log a of q."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(p[0] + q[1], p[1])), steps)


def logs_write_more(W_x, b, xs):
    """The sign of log(1 - z) is turned; 1 - z is below 1, and its logarithm below 0."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0) + 0.5), -np.logaddexp(0, -a_n))
    steps = -np.logaddexp(0, -k), np.logaddexp(0, k) + log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_without_half(W_x, b, xs):
    """Where a is positive, g(a) is a + 1/2, and not a."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    log_g = np.where(a_n >= 0, np.log(np.maximum(a_n, 0)), -np.logaddexp(0, -a_n))
    steps = -np.logaddexp(0, -k), -np.logaddexp(0, k) + log_g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_without_bias(W_x, b, xs):
    """The bias b is missing from the preactivations."""
    steps = _log_steps(W_x, 0 * b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_of_one_alone(W_x, b, xs):
    """g is added as it is, and the logarithm of the share as a logarithm: a product of the two
    needs the logarithm of both."""
    k, a_n = np.split(xs @ W_x.T + b, 2, axis=-1)
    g = np.where(a_n >= 0, a_n + 0.5, 1 / (1 + np.exp(-a_n)))
    steps = -np.logaddexp(0, -k), -np.logaddexp(0, k) + g
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)


def logs_multiplies_inside(W_x, b, xs):
    """Where an older summand fades, its logarithm is multiplied by log a; numbers are multiplied
    where their logarithms are added."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] * p[1], q[1])), steps)


def logs_larger(W_x, b, xs):
    """Of two summands the larger is taken; both are there, and np.logaddexp gives the logarithm of
    their sum."""
    steps = _log_steps(W_x, b, xs)
    return scan(lambda p, q: (p[0] + q[0], np.maximum(q[0] + p[1], q[1])), steps)


def logs_unscanned(W_x, b, xs):
    """These are the logarithms of single steps; they are not composed yet."""
    return _log_steps(W_x, b, xs)


def logs_exponentiated(W_x, b, xs):
    """These are A and B; their logarithms are asked for."""
    steps = _log_steps(W_x, b, xs)
    logs = scan(lambda p, q: (p[0] + q[0], np.logaddexp(q[0] + p[1], q[1])), steps)
    return tuple(np.exp(a) for a in logs)


def logs_by_a_loop(W_x, b, xs):
    H, log_A, log_B = len(b) // 2, [], []
    for x in xs:
        k, a = (x @ W_x.T + b)[:, :H], (x @ W_x.T + b)[:, H:]
        keep, write = -np.logaddexp(0, -k), -np.logaddexp(0, k)
        safe = np.where(a < 0, 1.0, a + 0.5)
        write = write + np.where(a < 0, -np.logaddexp(0, -a), np.log(safe))
        log_A.append(keep + log_A[-1] if log_A else keep)
        log_B.append(np.logaddexp(keep + log_B[-1], write) if log_B else write)
    return [np.stack(log_A), [one.tolist() for one in log_B]]


def logs_by_sums(W_x, b, xs):
    k, a_n = np.moveaxis((xs @ W_x.T + b).reshape(*xs.shape[:2], 2, -1), 2, 0)

    def softplus(a):
        return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))

    log_g = -softplus(-a_n)
    log_g[a_n >= 0] = np.log(a_n[a_n >= 0] + 0.5)
    log_a, log_b = -softplus(-k), log_g - softplus(k)
    log_A = np.cumsum(log_a, axis=0)
    log_B = []
    for t in range(len(xs)):
        parts = np.stack([log_b[j] + log_a[j + 1 : t + 1].sum(axis=0) for j in range(t + 1)])
        top = parts.max(axis=0)
        log_B.append(top + np.log(np.exp(parts - top).sum(axis=0)))
    return log_A, np.array(log_B)


# ------------------------------------------------------------------ segmented_scan


def segmented_scan(compose, steps, resets):
    def flagged(p, q):
        (f_p, *p), (f_q, *q) = p, q
        both = compose(tuple(p), tuple(q))
        wide = [f_q.reshape(f_q.shape + (1,) * (new.ndim - 2)) for new in both]
        kept = [np.where(f, alone, new) for f, alone, new in zip(wide, q, both, strict=True)]
        return f_p | f_q, *kept

    return scan(flagged, (resets, *steps))[1:]


def _flagged(
    compose, steps, resets, flag=np.logical_or, cuts=lambda f_p, f_q: f_q, keeps=lambda p, q: q
):
    """The scan of stretches with flags: flag is that of two, cuts says where keeps stands alone."""

    def flagged(p, q):
        (f_p, *p), (f_q, *q) = p, q
        both, f = compose(tuple(p), tuple(q)), cuts(f_p, f_q)
        kept = [
            np.where(f.reshape(f.shape + (1,) * (new.ndim - 2)), alone, new)
            for alone, new in zip(keeps(p, q), both, strict=True)
        ]
        return flag(f_p, f_q), *kept

    return scan(flagged, (resets, *steps))


def segmented_not(compose, steps, resets):
    """The resets have no effect."""
    return scan(compose, steps)


def segmented_drops_flag(compose, steps, resets):
    """A composed stretch carries the flag of its later part alone; a reset in its earlier part
    cuts off what comes before just as well."""
    return _flagged(compose, steps, resets, flag=lambda f_p, f_q: f_q)[1:]


def segmented_both_flags(compose, steps, resets):
    """A composed stretch carries a flag only if both of its parts do; one is enough."""
    return _flagged(compose, steps, resets, flag=np.logical_and)[1:]


def segmented_flag_of_p(compose, steps, resets):
    """The flag of the earlier stretch decides; a reset in the later one cuts the two apart."""
    return _flagged(compose, steps, resets, cuts=lambda f_p, f_q: f_p)[1:]


def segmented_either_cuts(compose, steps, resets):
    """A flag in either stretch cuts; only one in the later cuts the two apart. What one in the
    earlier cuts off is gone already, and the rest of it belongs to the same segment."""
    return _flagged(compose, steps, resets, cuts=np.logical_or)[1:]


def segmented_turned(compose, steps, resets):
    """The two cases are exchanged: the later stretch stands alone where it has no reset, and is
    composed with what comes before where it has one."""
    return _flagged(compose, steps, resets, cuts=lambda f_p, f_q: ~f_q)[1:]


def segmented_blends(compose, steps, resets):
    """What comes before a reset is multiplied by 0 and added; where it is infinite that is nan.
    Choose one of the two instead of adding both."""

    def flagged(p, q):
        f_q, out = q[0], []
        for new, alone in zip(compose(tuple(p[1:]), tuple(q[1:])), q[1:], strict=True):
            f = f_q.reshape(f_q.shape + (1,) * (alone.ndim - 2))
            out.append(f * alone + (1 - f) * new)
        return p[0] | f_q, *out

    return scan(flagged, (resets, *steps))[1:]


def segmented_writes(compose, steps, resets):
    """What compose returns is written into. It may be what compose was given, so the steps of the
    caller are written into as well: put what you choose into new arrays."""

    def flagged(p, q):
        both = compose(tuple(p[1:]), tuple(q[1:]))
        for new, alone in zip(both, q[1:], strict=True):
            new[q[0]] = alone[q[0]]
        return p[0] | q[0], *both

    return scan(flagged, (resets, *steps))[1:]


def segmented_swaps(compose, steps, resets):
    """compose gets the later stretch first; compose(p, q) is first p and then q."""
    return _flagged(lambda p, q: compose(q, p), steps, resets)[1:]


def segmented_keeps_p(compose, steps, resets):
    """Where the later stretch has a reset the earlier one is kept; it is the earlier one that
    does not count any more."""
    return _flagged(compose, steps, resets, keeps=lambda p, q: p)[1:]


def segmented_late(compose, steps, resets):
    """The cut is a step late: step t itself, where resets[t] is true, is the first of its
    segment."""
    resets = np.concatenate([0 * resets[:1], resets[:-1]]).astype(bool)
    return _flagged(compose, steps, resets)[1:]


def segmented_zeros(compose, steps, resets):
    """The earlier stretch is set to zero and composed all the same; a stretch of zeros is no
    absence of steps. Take the later one as it is."""

    def flagged(p, q):
        f_q = q[0]
        cut = tuple(
            np.where(f_q.reshape(f_q.shape + (1,) * (one.ndim - 2)), 0, one) for one in p[1:]
        )
        return p[0] | f_q, *compose(cut, q[1:])

    return scan(flagged, (resets, *steps))[1:]


def segmented_zero_factor(compose, steps, resets):
    """The first array is set to zero at resets, as the factor of (scan-loop) may be if the states
    are all one wants; the prefixes of a segment hold its own first step whole, and for another
    compose a zero means something else."""
    wide = resets.reshape(resets.shape + (1,) * (steps[0].ndim - 2))
    return scan(compose, (np.where(wide, 0, steps[0]), *steps[1:]))


def segmented_for_all(compose, steps, resets):
    """A reset in one sequence cuts all sequences; each has its own."""
    resets = np.repeat(resets.any(axis=1, keepdims=True), resets.shape[1], axis=1)
    return _flagged(compose, steps, resets)[1:]


def segmented_narrow(compose, steps, resets):
    """The flags, (S, B), are not given the axes that an array has beyond them."""

    def flagged(p, q):
        f_q, both = q[0], compose(p[1:], q[1:])
        kept = [np.where(f_q, alone, new) for alone, new in zip(q[1:], both, strict=True)]
        return p[0] | f_q, *kept

    return scan(flagged, (resets, *steps))[1:]


def segmented_one_axis(compose, steps, resets):
    """The flags are given one axis, but an array may have none beyond (S, B), or two."""

    def flagged(p, q):
        f_q, both = q[0], compose(p[1:], q[1:])
        kept = [
            np.where(f_q[..., None], alone, new) for alone, new in zip(q[1:], both, strict=True)
        ]
        return p[0] | f_q, *kept

    return scan(flagged, (resets, *steps))[1:]


def segmented_with_flags(compose, steps, resets):
    """The flags are returned with the prefixes; they were needed on the way only."""
    return _flagged(compose, steps, resets)


def segmented_by_a_loop(compose, steps, resets):
    """This is the loop: every prefix waits for the one before it. The prefixes are right, but
    their chains are as long as the segments; put the reset into what is composed, and let scan
    do the rest."""
    prefixes = [tuple(s[:1] for s in steps)]
    for t in range(1, len(resets)):
        q = tuple(s[t : t + 1] for s in steps)
        both, f = compose(prefixes[-1], q), resets[t : t + 1]
        prefixes.append(
            tuple(
                np.where(f.reshape(f.shape + (1,) * (n.ndim - 2)), a, n)
                for a, n in zip(q, both, strict=True)
            )
        )
    return tuple(np.concatenate(parts) for parts in zip(*prefixes, strict=True))


def segmented_by_pieces(compose, steps, resets):
    """This is a loop over segments or sequences: compose is called anew for each of them. One scan
    serves them all at once, if what it composes knows whether there is a reset in it."""
    columns = []
    for i in range(resets.shape[1]):
        cuts = [t for t in range(1, len(resets)) if resets[t, i]]
        segments = [
            scan(compose, tuple(s[t:e, i : i + 1] for s in steps))
            for t, e in zip([0, *cuts], [*cuts, len(resets)], strict=True)
        ]
        columns.append([np.concatenate(parts) for parts in zip(*segments, strict=True)])
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*columns, strict=True))


def segmented_by_sequences(compose, steps, resets):
    """This is a scan for each sequence, so compose is called anew for each of them. Its arrays may
    have any axes behind that of the steps: one scan serves all sequences at once."""
    columns = [
        _flagged(compose, tuple(s[:, i : i + 1] for s in steps), resets[:, i : i + 1])[1:]
        for i in range(resets.shape[1])
    ]
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*columns, strict=True))


def segmented_by_arrays(compose, steps, resets):
    """compose is called anew for each array, or more than once for the same stretches: one call
    gives all arrays. Keep what it returns, and choose from that."""

    def one_by_one(p, q):
        return tuple(compose(p, q)[k] for k in range(len(p)))

    return _flagged(one_by_one, steps, resets)[1:]


def segmented_in_place(compose, steps, resets):
    """The first row of resets is changed in place; it belongs to the caller."""
    resets[0] = ~resets[0]
    return _flagged(compose, steps, resets)[1:]


def segmented_with_numbers(compose, steps, resets):
    def flagged(p, q):
        f = q[-1]
        new = [np.array(one) for one in compose(tuple(p[:-1]), tuple(q[:-1]))]
        for one, alone in zip(new, q[:-1], strict=True):
            one[f > 0] = alone[f > 0]
        return (*new, np.maximum(p[-1], f))

    return list(scan(flagged, (*steps, resets.astype(float)))[:-1])


def segmented_by_starts(compose, steps, resets):
    T, B = resets.shape
    time = np.arange(T)[:, None] + np.zeros((1, B))
    start = np.maximum.accumulate(np.where(resets, time, 0))

    def flagged(p, q):
        both, cut = compose(p[2:], q[2:]), q[1] > 0
        out = []
        for n, a in zip(both, q[2:], strict=True):
            out.append(
                np.moveaxis(
                    np.where(
                        cut.T, np.moveaxis(a, (0, 1), (-1, -2)), np.moveaxis(n, (0, 1), (-1, -2))
                    ),
                    (-1, -2),
                    (0, 1),
                )
            )
        return (q[0], np.where(cut, 1, p[1]), *out)

    return scan(flagged, (start, 1.0 * resets, *steps))[2:]


def segmented_by_doubling(compose, steps, resets):
    T, time = len(resets), np.arange(len(resets))[:, None]
    start, d = np.maximum.accumulate(np.where(resets, time, 0)), 1
    while d < T:
        far = compose(tuple(s[:-d] for s in steps), tuple(s[d:] for s in steps))
        inside, out = (time - d >= start)[d:], []
        for s, new in zip(steps, far, strict=True):
            whole = np.array(s)
            whole[d:][inside] = new[inside]
            out.append(whole)
        steps, d = tuple(out), 2 * d
    return steps


# ------------------------------------------------------------------ fading_compose


def fading_compose(p, q):
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_without_shift(p, q):
    """The sums are taken at their full size, and exp of a large m is infinite, that of a very
    negative one 0; only differences of shifts may go through exp."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    f, i = np.exp(m_p + l_q), np.exp(m_q)
    c = f[..., None] * c_p + i[..., None] * c_q
    return l_p + l_q, 0 * m_p, c, f * n_p + i * n_q


def fading_by_logs(p, q):
    """Shift and sums are put together by way of exp, which is infinite or 0 far from zero; only
    differences of shifts may go through exp."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.log(np.exp(m_p + l_q) + np.exp(m_q))
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_not(p, q):
    """What p has gathered does not fade while q is read: the sums of p are multiplied by exp(l)
    of q."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p, m_q)
    f, i = np.exp(m_p - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_by_p(p, q):
    """The sums of p fade by l of p; while p was read they have faded as they should, and q's own
    l is still to come."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_p, m_q)
    f, i = np.exp(m_p + l_p - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_by_both(p, q):
    """The sums of p fade by l of p and by l of q; what p does to its own sums is in them
    already."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_p + l_q, m_q)
    f, i = np.exp(m_p + l_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_reversed(p, q):
    """This is first q and then p: the sums of p are the older ones, and fade while q is read."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_q + l_p, m_p)
    f, i = np.exp(m_p - m), np.exp(m_q + l_p - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_shift_of_both(p, q):
    """The shift is the larger of m_p and m_q; but p has faded by then, and where that was the
    larger both weights may be 0. Compare m_p + l_q with m_q."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_shift_by_both(p, q):
    """For the shift m_p is lowered by l of p as well, which is in the sums of p already. Where that
    l is far below 0 the shift is far below the sums of p, and their weight is infinite: compare
    m_p + l_q with m_q."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_shift_of_q(p, q):
    """The shift is always that of q; where p is much larger its weight is infinite. The larger of
    m_p + l_q and m_q is safe."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    f = np.exp(m_p + l_q - m_q)
    return l_p + l_q, 1 * m_q, f[..., None] * c_p + c_q, f * n_p + n_q


def fading_shift_of_p(p, q):
    """The shift is always that of p; where q is much larger its weight is infinite. The larger of
    m_p + l_q and m_q is safe."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = m_p + l_q
    i = np.exp(m_q - m)
    return l_p + l_q, m, c_p + i[..., None] * c_q, n_p + i * n_q


def fading_shift_unfaded(p, q):
    """The shift is always m_p, as it was before q; where q is much larger, or p has faded, a weight
    is infinite or both are 0. The larger of m_p + l_q and m_q is safe."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    f, i = np.exp(l_q), np.exp(m_q - m_p)
    return l_p + l_q, 1 * m_p, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_adds_shifts(p, q):
    """The shifts are added, as l is; but the sums of p and of q stand beside each other, and the
    common shift is the larger of m_p + l_q and m_q."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = m_p + m_q
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_adds_shifts_told(p, q):
    """The shifts are added in m, and not where the weights are made; m is the common shift of both
    sums, so the weights are made with the same."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m_p + m_q, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_adds_shifts_only(p, q):
    """The shifts are added, as l is, and have no effect on the weights; but the sums of p and of q
    stand beside each other, under a common shift, and each takes a weight that brings it there."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    f = np.exp(l_q)
    return l_p + l_q, m_p + m_q, f[..., None] * c_p + c_q, f * n_p + n_q


def fading_shift_half_way(p, q):
    """The shift lies half-way between m_p + l_q and m_q. Where these are far apart one weight is
    huge, and so is n, and the next compositions of a scan make it infinite. Take the larger of the
    two."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = (m_p + l_q + m_q) / 2
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_n_plain(p, q):
    """The two n are added as they are; they carry the shifts of p and of q, as c does, and take
    the same weights."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, n_p + n_q


def fading_c_plain(p, q):
    """The two c are added as they are; they carry the shifts of p and of q, as n does, and take
    the same weights."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, c_p + c_q, f * n_p + i * n_q


def fading_weights_of_step(p, q):
    """The later stretch is taken for a single step: its n is put at 1, but it has one of its
    own."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, _) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i


def fading_divides(p, q):
    """c is divided by n already; c and n are the two sums, and their quotient is taken when a mean
    is read."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    n = f * n_p + i * n_q
    return l_p + l_q, m, (f[..., None] * c_p + i[..., None] * c_q) / n[..., None], n


def fading_averages(p, q):
    """c is made a mean of the two c, with n for weights; c and n are sums, and each is the sum of
    the two under the same weights."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = n_p * np.exp(m_p + l_q - m), n_q * np.exp(m_q - m)
    n = f + i
    return l_p + l_q, m, (f[..., None] * c_p + i[..., None] * c_q) / n[..., None], n


def fading_l_of_q(p, q):
    """l is that of q; what came before both stretches fades while either is read."""
    (_, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return 1 * l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_multiplies_l(p, q):
    """The two l are multiplied; they are logarithms, and exp(l) of one times exp(l) of the other
    has their sum."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p * l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_without_axis(p, q):
    """The weights lack the axis of units, which c has and n has not: give them one where they
    meet c."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f * c_p + i * c_q, f * n_p + i * n_q


def fading_shift_of_all(p, q):
    """One shift serves all stretches, so that small ones become 0; each pair has its own."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q).max() + 0 * m_p
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_q_unshifted(p, q):
    """The weight of q is not divided by exp(m): both summands have the common shift m."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_fades_q(p, q):
    """The sums of q fade by l of q, which is in them already."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q + l_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q + l_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_axis_in_front(p, q):
    """The weights are given their axis before that of the batch; the units come last."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m = np.maximum(m_p + l_q, m_q)
    f, i = np.exp(m_p + l_q - m), np.exp(m_q - m)
    return l_p + l_q, m, f[:, None] * c_p + i[:, None] * c_q, f * n_p + i * n_q


def fading_in_place(p, q):
    """The shift of p is changed in place; it belongs to the caller."""
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    m_p += l_q
    m = np.maximum(m_p, m_q)
    f, i = np.exp(m_p - m), np.exp(m_q - m)
    return l_p + l_q, m, f[..., None] * c_p + i[..., None] * c_q, f * n_p + i * n_q


def fading_normalised(p, q):
    old, new = p[1] + q[0] + np.log(p[3]), q[1] + np.log(q[3])
    m = np.logaddexp(old, new)
    means = [s[2] / s[3][:, :, None] for s in (p, q)]
    shares = [np.exp(one - m)[:, :, None] for one in (old, new)]
    return p[0] + q[0], m, shares[0] * means[0] + shares[1] * means[1], np.ones_like(m)


def fading_by_cases(p, q):
    (l_p, m_p, c_p, n_p), (l_q, m_q, c_q, n_q) = p, q
    behind = m_q - (m_p + l_q)
    f = np.where(behind > 0, np.exp(-np.abs(behind)), 1.0)
    i = np.where(behind > 0, 1.0, np.exp(-np.abs(behind)))
    c = np.einsum("tb,tbh->tbh", f, c_p) + np.einsum("tb,tbh->tbh", i, c_q)
    return [l_p + l_q, np.where(behind > 0, m_q, m_p + l_q).tolist(), c, f * n_p + i * n_q]


def fading_shifted_by_one(p, q):
    joined = [np.concatenate([s[2], s[3][..., None]], axis=-1) for s in (p, q)]
    old, new = p[1] + q[0], q[1]
    m = np.max([old, new], axis=0) + 1.0
    both = sum(np.exp(s - m)[..., None] * a for s, a in zip((old, new), joined, strict=True))
    return p[0] + q[0], m, both[..., :-1], both[..., -1]


# ----------------------------------------------------------- second_order_backward


def second_order(a, c, b, h0, h_before):
    """The states of (second-order), one step after another."""
    hs = [h_before, h0]
    for t in range(len(b)):
        hs.append(a[t] * hs[-1] + c[t] * hs[-2] + b[t])
    return np.stack(hs[2:])


def second_order_backward(a, c, h0, h_before, hs, dhs):
    """By the complex step: units do not see each other, so one step is nudged in all at once."""
    T, past = len(a), np.concatenate([h_before[None], h0[None], hs])
    args = [a, c, hs - a * past[1:-1] - c * past[:T], h0, h_before]

    def slope(k):
        given = [x[:, None] for x in args[:3]] + args[3:]
        nudge = np.eye(T)[:, :, None, None] if k < 3 else 1.0  # its second axis: the step nudged
        given[k] = given[k] + 1e-30j * nudge
        return (dhs[:, None] * second_order(*given).imag).sum(axis=0) / 1e-30

    return *(slope(k) for k in range(3)), slope(3)[0], slope(4)[0]


def _walk(a, c, dhs, near=1, far=2):
    """All that reaches each state, with the factors of so many steps ahead."""
    T, beyond = len(a), np.zeros_like(a[:2])
    a, c, lam = (np.concatenate([x, beyond]) for x in (a, c, dhs))
    for t in reversed(range(T)):
        lam[t] += a[t + near] * lam[t + 1] + c[t + far] * lam[t + 2]
    return lam[:T]


def _five(a, c, h0, h_before, hs, lam):
    """(da, dc, db, dh0, dh_before), given all that reaches each state."""
    past = np.concatenate([h_before[None], h0[None], hs])
    return lam * past[1:-1], lam * past[:-2], lam, a[0] * lam[0] + c[1] * lam[1], c[0] * lam[0]


def back_c_of_next(a, c, h0, h_before, hs, dhs):
    """The factor from two steps ahead is a step early: h_t enters h_{t+2} with the factor c_{t+2},
    not c_{t+1}."""
    return _five(a, c, h0, h_before, hs, _walk(a, c, dhs, far=1))


def back_unshifted(a, c, h0, h_before, hs, dhs):
    """The factors are those of step t, as on the way forward; h_t enters h_{t+1} with the factor
    a_{t+1} and h_{t+2} with the factor c_{t+2}."""
    return _five(a, c, h0, h_before, hs, _walk(a, c, dhs, near=0, far=0))


def back_first_order(a, c, h0, h_before, hs, dhs):
    """The way from h_t to h_{t+2} by c is missing: that is the gradient of (scan-loop)."""
    return _five(a, c, h0, h_before, hs, _walk(a, 0 * c, dhs))


def back_only_c(a, c, h0, h_before, hs, dhs):
    """The way from h_t to h_{t+1} by a is missing."""
    return _five(a, c, h0, h_before, hs, _walk(0 * a, c, dhs))


def back_nothing_carried(a, c, h0, h_before, hs, dhs):
    """Nothing comes back from later steps: what reaches h_t is more than dhs[t]."""
    return _five(a, c, h0, h_before, hs, dhs.copy())


def back_sends_dhs(a, c, h0, h_before, hs, dhs):
    """Later states send back dhs alone; what h_{t+1} and h_{t+2} send back is all that reaches
    them, from later states too."""
    later = np.concatenate([dhs, np.zeros_like(dhs[:2])])
    next_a, next_c = (np.concatenate([x, np.zeros_like(x[:2])]) for x in (a, c))
    lam = dhs + next_a[1:-1] * later[1:-1] + next_c[2:] * later[2:]
    return _five(a, c, h0, h_before, hs, lam)


def back_pushes_round(a, c, h0, h_before, hs, dhs):
    """What h_1 and h_2 send to h_0 and h_{-1} is added to the last states: an index below 0 counts
    from the end."""
    lam = dhs.copy()
    for t in reversed(range(len(a))):
        lam[t - 1] += a[t] * lam[t]
        lam[t - 2] += c[t] * lam[t]
    return _five(a, c, h0, h_before, hs, lam)


def back_shifted_down(a, c, h0, h_before, hs, dhs):
    """The factors are shifted the wrong way: what comes back to h_t has factors of steps before t,
    and it comes by the equations of t + 1 and t + 2."""
    zeros = np.zeros_like(a[:2])
    former_a = np.concatenate([zeros[:1], a[:-1]])[::-1]
    former_c = np.concatenate([zeros, c[:-2]])[::-1]
    db = second_order(former_a, former_c, dhs[::-1], zeros[0], zeros[0])[::-1]
    return _five(a, c, h0, h_before, hs, db)


def back_factors_swapped(a, c, h0, h_before, hs, dhs):
    """a and c are swapped on the way back: a goes with one step, c with two."""
    return _five(a, c, h0, h_before, hs, _walk(c, a, dhs))


def back_forward(a, c, h0, h_before, hs, dhs):
    """It runs forward in time: what reaches h_t comes from later steps."""
    lam = np.concatenate([dhs, 0 * dhs[:2]])  # before the first step there is nothing either
    for t in range(len(dhs)):
        lam[t] += a[t] * lam[t - 1] + c[t] * lam[t - 2]
    return _five(a, c, h0, h_before, hs, lam[:-2])


def back_turned(a, c, h0, h_before, hs, dhs):
    """The results over time are in the order of the way back; turn them round at the end."""
    da, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da[::-1], dc[::-1], db[::-1], dh0, dh_before


def back_db_not_turned(a, c, h0, h_before, hs, dhs):
    """db is in the order of the way back, and the others are made with it as it is; turn it round
    before anything is made with it."""
    return _five(a, c, h0, h_before, hs, _walk(a, c, dhs)[::-1])


def back_new_states(a, c, h0, h_before, hs, dhs):
    """da and dc are made with the states a step too late; a_t multiplies h_{t-1}, and c_t
    multiplies h_{t-2}."""
    da, _, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return db * hs, da, db, dh0, dh_before


def back_da_new_state(a, c, h0, h_before, hs, dhs):
    """da is made with h_t; a_t multiplies h_{t-1}."""
    _, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return db * hs, dc, db, dh0, dh_before


def back_dc_of_da(a, c, h0, h_before, hs, dhs):
    """dc is made with h_{t-1}; c_t multiplies h_{t-2}."""
    da, _, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, da.copy(), db, dh0, dh_before


def back_states_swapped(a, c, h0, h_before, hs, dhs):
    """h0 and h_before are swapped in da and dc: in the order of time h_before comes first."""
    _, _, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    da, dc, *_ = _five(a, c, h_before, h0, hs, db)
    return da, dc, db, dh0, dh_before


def back_states_wrap(a, c, h0, h_before, hs, dhs):
    """For the first steps da and dc are made with the last states: hs at an index below 0 counts
    from the end. Before h_1 come h_0 and h_{-1}."""
    _, _, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return db * np.roll(hs, 1, axis=0), db * np.roll(hs, 2, axis=0), db, dh0, dh_before


def back_da_wraps(a, c, h0, h_before, hs, dhs):
    """da of the first step is made with the last state: hs at an index below 0 counts from the
    end. Before h_1 comes h_0."""
    _, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return db * np.roll(hs, 1, axis=0), dc, db, dh0, dh_before


def back_dc_before_twice(a, c, h0, h_before, hs, dhs):
    """In dc both of the first steps are made with h_before; c_2 multiplies h_0."""
    da, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    dc[1] = db[1] * h_before
    return da, dc, db, dh0, dh_before


def back_loss_for_lam(a, c, h0, h_before, hs, dhs):
    """da and dc are made with dhs[t] alone; they are made with all that reaches h_t."""
    _, _, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    da, dc, *_ = _five(a, c, h0, h_before, hs, dhs)
    return da, dc, db, dh0, dh_before


def back_dh0_one_way(a, c, h0, h_before, hs, dhs):
    """dh0 has the way by h_1 alone; h_0 enters h_2 as well, with the factor c_2."""
    da, dc, db, _, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, a[0] * db[0], dh_before


def back_before_twice(a, c, h0, h_before, hs, dhs):
    """dh_before has a way by h_2, too; h_{-1} enters h_1 alone."""
    da, dc, db, dh0, _ = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, dh0, c[0] * db[0] + c[1] * db[1]


def back_before_of_next(a, c, h0, h_before, hs, dhs):
    """dh_before has the factor c_2; h_{-1} enters h_1, with the factor c_1."""
    da, dc, db, dh0, _ = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, dh0, c[1] * db[0]


def back_before_through_h0(a, c, h0, h_before, hs, dhs):
    """dh_before has a way through h_0; both are given, and neither is made of the other."""
    da, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, dh0, dh_before + a[0] * dh0


def back_start_as_adjoint(a, c, h0, h_before, hs, dhs):
    """dh0 has the factors of step 1 for both ways; the way from h_0 to h_2 has the factor c_2."""
    da, dc, db, _, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, a[0] * db[0] + c[0] * db[1], dh_before


def back_ends_swapped(a, c, h0, h_before, hs, dhs):
    """dh_before is returned before dh0."""
    da, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, dc, db, dh_before, dh0


def back_in_order_a_b_c(a, c, h0, h_before, hs, dhs):
    """db is returned before dc."""
    da, dc, db, dh0, dh_before = _five(a, c, h0, h_before, hs, _walk(a, c, dhs))
    return da, db, dc, dh0, dh_before


def back_dhs_not_turned(a, c, h0, h_before, hs, dhs):
    """dhs is not turned round, although the way back begins at its end."""
    return _five(a, c, h0, h_before, hs, _walk(a, c, dhs[::-1]))


def back_zeros_last(a, c, h0, h_before, hs, dhs):
    """The zeros stand at the wrong end: in reverse, what is beyond T comes first."""
    zeros = np.zeros_like(a[:2])
    later_a = np.concatenate([a[1:][::-1], zeros[:1]])
    later_c = np.concatenate([c[2:][::-1], zeros])
    db = second_order(later_a, later_c, dhs[::-1], zeros[0], zeros[0])[::-1]
    return _five(a, c, h0, h_before, hs, db)


def back_h_before_zero(a, c, h0, h_before, hs, dhs):
    """h_before counts as 0 in dc; c_1 multiplies it."""
    return _five(a, c, h0, 0 * h_before, hs, _walk(a, c, dhs))


def back_in_place(a, c, h0, h_before, hs, dhs):
    """dhs is changed in place; it belongs to the caller."""
    T, past = len(a), [h_before, h0, *hs]
    lam = dhs
    for t in reversed(range(T)):
        if t + 1 < T:
            lam[t] += a[t + 1] * lam[t + 1]
        if t + 2 < T:
            lam[t] += c[t + 2] * lam[t + 2]
    da = np.stack([lam[t] * past[t + 1] for t in range(T)])
    dc = np.stack([lam[t] * past[t] for t in range(T)])
    return da, dc, lam, a[0] * lam[0] + c[1] * lam[1], c[0] * lam[0]


def back_by_the_forward(a, c, h0, h_before, hs, dhs):
    T, none = len(a), np.zeros_like(a[:2])
    later_a = np.concatenate([a[1:], none[:1]])[::-1]
    later_c = np.concatenate([c[2:], none])[::-1]
    db = second_order(later_a, later_c, dhs[::-1], none[0], none[0])[::-1]
    past = np.concatenate([h_before[None], h0[None], hs])
    return db * past[1:-1], db * past[:T], db, a[0] * db[0] + c[1] * db[1], c[0] * db[0]


def back_by_matrices(a, c, h0, h_before, hs, dhs):
    T, B, H = a.shape
    J = np.zeros((T, B, H, 2, 2))
    J[..., 0, 0], J[..., 0, 1], J[..., 1, 0] = a, c, 1
    turned = np.swapaxes(J, -1, -2)
    sent = np.stack([dhs, np.zeros_like(dhs)], axis=-1)[..., None]
    later = np.concatenate([np.zeros_like(turned[:1]), turned[:0:-1]])

    def both(p, q):
        return q[0] @ p[0], q[0] @ p[1] + q[1]

    reached = scan(both, (later, sent[::-1]))[1][::-1]
    start = (turned[0] @ reached[0])[..., 0]
    old = np.concatenate([h0[None], hs[:-1]]), np.concatenate([h_before[None], h0[None], hs[:-2]])
    db = reached[..., 0, 0]
    return [db * old[0], db * old[1][:T], db, start[..., 0], start[..., 1]]


def back_by_ends(a, c, h0, h_before, hs, dhs):
    T, past = len(a), np.concatenate([h_before[None], h0[None], hs])
    reached = np.concatenate([np.zeros_like(past[:2]), dhs])
    da, dc = np.empty_like(a), np.empty_like(a)
    for t in range(T, 0, -1):  # push back what is complete
        lam = reached[t + 1]
        da[t - 1], dc[t - 1] = lam * past[t], lam * past[t - 1]
        reached[t] += a[t - 1] * lam
        reached[t - 1] += c[t - 1] * lam
    return da.tolist(), dc, reached[2:], reached[1], reached[0].tolist()


# ----------------------------------------------------------------------- the table

SCAN = {"scan": doubling}

GRADED = (
    Graded(
        "compose",
        compose,
        (Part("compose-check", 6, pairs),),
        misconceptions=(
            compose_reversed,
            compose_adds_summands,
            compose_scales_by_p,
            compose_scales_both,
            compose_scales_twice,
            compose_scales_own,
            compose_scales_other,
            compose_adds_factors,
            compose_forgets_b_q,
            compose_forgets_a_p,
            compose_turned,
            compose_in_place,
        ),
        alternatives=(compose_by_trying, compose_as_lists, compose_in_float32),
        says={
            compose_reversed: "first q and then p",
            compose_adds_summands: "b_p is added before step q",
            compose_scales_by_p: "b_p is multiplied by a_p",
            compose_scales_twice: "passes through q alone",
            compose_scales_own: "the factor of its own step",
            compose_scales_other: "the wrong summand",
            compose_adds_factors: "the factors are added",
            compose_turned: "turned round",
        },
    ),
    Graded(
        "scan",
        scan,
        (
            Part("scan-check-prefixes", 8, scan_inputs, observe=dtypes_too, draws=24),
            Part(
                "scan-check-chains",
                12,
                recorded_inputs,
                measure=chain_and_work,
                remark=said_of_chains,
            ),
        ),
        misconceptions=(
            scan_by_a_loop,
            scan_by_doubling,
            scan_by_halves,
            scan_by_upper_halves,
            scan_by_chunks,
            scan_each_anew,
            scan_makes_again,
            scan_swaps,
            scan_swaps_up,
            scan_swaps_down,
            scan_swaps_tail,
            scan_from_the_end,
            scan_without_down,
            scan_only_neighbours,
            scan_with_step,
            scan_with_odd,
            scan_with_later,
            scan_with_identity,
            scan_even_only,
            scan_shifted,
            scan_total,
            scan_doubles_in_place,
            scan_assumes_affine,
            scan_forgets_dtype,
            scan_returns_floats,
            scan_without_end,
            scan_in_place,
        ),
        alternatives=(scan_levels, scan_in_the_array, scan_step_by_step, scan_padded),
        says={
            scan_by_a_loop: "this is a loop",
            scan_by_doubling: "this is doubling",
            scan_by_halves: "are both halves scanned",
            scan_by_upper_halves: "are both halves scanned",
            scan_each_anew: "share what they have in common",
            scan_makes_again: "made again and again",
            scan_swaps: "here it is turned round",
            scan_by_chunks: "from chunk to chunk",
            scan_swaps_up: "here it is turned round",
            scan_swaps_down: "which call of compose gets the later ones first",
            scan_swaps_tail: "which call of compose gets the later ones first",
            scan_without_down: "that is step t alone",
            scan_only_neighbours: "only neighbours",
            scan_with_odd: "in it twice and another is missing",
            scan_with_later: "a later step is in it",
            scan_with_identity: "a step put in that does nothing",
            scan_even_only: "if T is odd",
            scan_shifted: "step t is missing",
            scan_total: "not the last alone",
            scan_assumes_affine: "the number of arrays",
            scan_forgets_dtype: "np.empty_like",
            scan_returns_floats: "come back as float64",
            scan_without_end: "where does the recursion end",
        },
    ),
    Graded(
        "min_gru_logs",
        min_gru_logs,
        (
            Part("min_gru_logs-check", 8, layer),
            Part("min_gru_logs-check-far", 6, steep_layer),
        ),
        misconceptions=(
            logs_blocks_swapped,
            logs_z_writes,
            logs_whole_candidate,
            logs_sigmoid_candidate,
            logs_plain_softplus,
            logs_of_numbers,
            logs_of_gates,
            logs_plain_sum,
            logs_composed_as_numbers,
            logs_adds_logs,
            logs_nothing_fades,
            logs_fade_by_p,
            logs_reversed,
            logs_write_more,
            logs_without_half,
            logs_without_bias,
            logs_of_one_alone,
            logs_multiplies_inside,
            logs_larger,
            logs_unscanned,
            logs_exponentiated,
        ),
        alternatives=(logs_by_a_loop, logs_by_sums),
        stand_ins=SCAN,
        says={
            logs_blocks_swapped: "the gate's come first",
            logs_z_writes: "z keeps, and 1 - z writes",
            logs_whole_candidate: "the share 1 - z",
            logs_sigmoid_candidate: "only where a is negative",
            logs_plain_softplus: "is softplus log(1 + exp(a))",
            logs_of_numbers: "taken of a number",
            logs_of_gates: "rounded to 0",
            logs_plain_sum: "np.logaddexp takes the larger out",
            logs_composed_as_numbers: "logarithms are multiplied",
            logs_adds_logs: "logarithms are added",
            logs_nothing_fades: "does not fade",
            logs_fade_by_p: "lowered by log a of p",
            logs_reversed: "first q and then p",
            logs_write_more: "its sign is turned",
            logs_without_half: "not a",
            logs_without_bias: "the bias b is missing",
            logs_of_one_alone: "where the logarithm of g(a) belongs",
            logs_multiplies_inside: "log a and log b are multiplied",
            logs_larger: "the larger of two is not their sum",
            logs_unscanned: "scan them",
            logs_exponentiated: "its logarithm is asked for",
        },
    ),
    Graded(
        "segmented_scan",
        segmented_scan,
        (
            Part("segmented_scan-check-prefixes", 9, segmented_inputs, draws=20),
            Part(
                "segmented_scan-check-chains",
                9,
                segmented_recorded,
                measure=chain_in_segments,
                remark=said_of_segments,
            ),
        ),
        misconceptions=(
            segmented_not,
            segmented_drops_flag,
            segmented_both_flags,
            segmented_flag_of_p,
            segmented_either_cuts,
            segmented_turned,
            segmented_blends,
            segmented_writes,
            segmented_swaps,
            segmented_keeps_p,
            segmented_late,
            segmented_zeros,
            segmented_zero_factor,
            segmented_for_all,
            segmented_narrow,
            segmented_one_axis,
            segmented_with_flags,
            segmented_by_a_loop,
            segmented_by_pieces,
            segmented_by_sequences,
            segmented_by_arrays,
            segmented_in_place,
        ),
        alternatives=(segmented_with_numbers, segmented_by_starts, segmented_by_doubling),
        stand_ins=SCAN,
        says={
            segmented_not: "no effect",
            segmented_drops_flag: "still know",
            segmented_both_flags: "either of its parts",
            segmented_flag_of_p: "a flag in the later stretch cuts",
            segmented_either_cuts: "which of the two flags cuts",
            segmented_turned: "step t stands alone, although there is no reset",
            segmented_blends: "not even multiplied by 0",
            segmented_writes: "what compose returns written into",
            segmented_swaps: "here it is turned round",
            segmented_keeps_p: "the later stretch is kept",
            segmented_late: "a step late",
            segmented_zeros: "a stretch of zeros",
            segmented_zero_factor: "a factor set to zero",
            segmented_narrow: "see hint 4",
            segmented_one_axis: "see hint 4",
            segmented_for_all: "cuts all of them",
            segmented_by_a_loop: "this is a loop",
            segmented_by_pieces: "loop over segments or sequences",
            segmented_by_sequences: "loop over segments or sequences",
            segmented_by_arrays: "or once for each array",
        },
    ),
    Graded(
        "fading_compose",
        fading_compose,
        (
            Part("fading_compose-check", 11, stretches, observe=meaning),
            Part("fading_compose-check-far", 7, far_stretches, observe=meaning_on_and_on),
        ),
        misconceptions=(
            fading_without_shift,
            fading_by_logs,
            fading_not,
            fading_by_p,
            fading_by_both,
            fading_reversed,
            fading_shift_of_both,
            fading_shift_by_both,
            fading_shift_of_q,
            fading_shift_of_p,
            fading_shift_unfaded,
            fading_adds_shifts,
            fading_adds_shifts_told,
            fading_adds_shifts_only,
            fading_shift_half_way,
            fading_n_plain,
            fading_c_plain,
            fading_weights_of_step,
            fading_divides,
            fading_averages,
            fading_l_of_q,
            fading_multiplies_l,
            fading_without_axis,
            fading_shift_of_all,
            fading_q_unshifted,
            fading_fades_q,
            fading_axis_in_front,
            fading_in_place,
        ),
        alternatives=(fading_normalised, fading_by_cases, fading_shifted_by_one),
        says={
            fading_without_shift: "may go through exp",
            fading_not: "do not fade while q is read",
            fading_by_p: "fade by l of p",
            fading_by_both: "in them already",
            fading_reversed: "first q and then p",
            fading_shift_of_both: "compare m_p + l_q with m_q",
            fading_shift_by_both: "may go through exp",
            fading_shift_of_q: "may go through exp",
            fading_shift_of_p: "may go through exp",
            fading_shift_unfaded: "may go through exp",
            fading_adds_shifts: "the shifts are added",
            fading_adds_shifts_told: "the shifts are added",
            fading_adds_shifts_only: "the shifts are added",
            fading_shift_half_way: "is one of the two weights 1",
            fading_shift_of_all: "for each pair",
            fading_q_unshifted: "not divided by e^m",
            fading_fades_q: "the sums of q fade",
            fading_axis_in_front: "a weight needs an axis",
            fading_n_plain: "the two n are added",
            fading_c_plain: "the two c are added",
            fading_weights_of_step: "n of q is put at 1",
            fading_divides: "c is the mean already",
            fading_averages: "a mean of the two c",
            fading_l_of_q: "that of one stretch",
            fading_without_axis: "a weight needs an axis",
        },
    ),
    Graded(
        "second_order_backward",
        second_order_backward,
        (
            Part("second_order_backward-check-db", 10, longer_gradient_inputs, observe=only(2)),
            Part("second_order_backward-check-factors", 6, gradient_inputs, observe=only(0, 1)),
            Part("second_order_backward-check-start", 8, gradient_inputs, observe=only(3, 4)),
        ),
        misconceptions=(
            back_c_of_next,
            back_unshifted,
            back_first_order,
            back_only_c,
            back_nothing_carried,
            back_sends_dhs,
            back_pushes_round,
            back_shifted_down,
            back_factors_swapped,
            back_forward,
            back_turned,
            back_db_not_turned,
            back_new_states,
            back_da_new_state,
            back_dc_of_da,
            back_states_swapped,
            back_states_wrap,
            back_da_wraps,
            back_dc_before_twice,
            back_loss_for_lam,
            back_dh0_one_way,
            back_before_twice,
            back_before_of_next,
            back_before_through_h0,
            back_start_as_adjoint,
            back_ends_swapped,
            back_in_order_a_b_c,
            back_dhs_not_turned,
            back_zeros_last,
            back_h_before_zero,
            back_in_place,
        ),
        alternatives=(back_by_the_forward, back_by_matrices, back_by_ends),
        stand_ins=SCAN,
        says={
            back_c_of_next: "a step early",
            back_unshifted: "those of step t",
            back_first_order: "the way by c is missing",
            back_nothing_carried: "nothing comes back",
            back_sends_dhs: "later states send back dhs alone",
            back_pushes_round: "an index below 0 wraps",
            back_shifted_down: "shifted the wrong way",
            back_states_wrap: "an index below 0 wraps",
            back_da_wraps: "an index below 0 wraps",
            back_dc_before_twice: "c_2 multiplies h_0",
            back_before_through_h0: "no way leads through h_0",
            back_forward: "it runs forward",
            back_dhs_not_turned: "dhs is not turned",
            back_zeros_last: "wrong end",
            back_h_before_zero: "h_before counts as 0",
            back_turned: "order of the way back",
            back_db_not_turned: "order of the way back",
            back_new_states: "a step too late",
            back_dc_of_da: "c_t multiplies h_{t-2}",
            back_states_swapped: "h0 and h_before are swapped",
            back_loss_for_lam: "made with dhs",
            back_dh0_one_way: "a way is missing",
            back_before_twice: "a way too many",
            back_start_as_adjoint: "a factor is of the wrong step",
            back_ends_swapped: "are swapped",
        },
    ),
)
