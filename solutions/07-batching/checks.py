"""What assignment 07-batching grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. Batches count
by what they hold and how long they take. Gradients are decided against the complex step of the
forward that they belong to.
"""

import numpy as np

from rnnlib.check import gradient
from rnnlib.grading.table import Graded, Part

# ---------------------------------------------------------------------------- inputs


def sizes(rng):
    """T ≥ 3, B, D, H ≥ 2, all different, so that no shape can stand in for another."""
    drawn = rng.permutation([2, 3, 4, 5]).tolist()
    return drawn[::-1] if drawn[0] == 2 else drawn


def lengths_in_any_order(rng, T, B):
    """One sequence of all T steps, one that is shorter, the others in between."""
    return rng.permutation([T, int(rng.integers(1, T)), *rng.integers(1, T + 1, B - 2)])


def sequences(rng):
    """Of different lengths, with a step of zeros; the value for padding is NaN, or it is a number
    that one of them holds at a step."""
    T, B, D, _ = sizes(rng)
    value = float(rng.choice([np.nan, rng.normal()]))
    seqs = [rng.normal(size=(n, D)) for n in lengths_in_any_order(rng, T, B)]
    if not np.isnan(value):
        seqs[rng.integers(B)][-1] = value
    max(seqs, key=len)[0] = 0
    return seqs, value


def predictions(rng):
    """Part of a batch, past whose ends stands anything, NaN too; where some logits are ±1000, all
    are −1000 at one place and at another they are not."""
    T, B, V, _ = sizes(rng)
    lengths = lengths_in_any_order(rng, T, B)
    logits, targets = rng.normal(size=(T, B, V)), rng.integers(V, size=(T, B))
    if rng.random() < 0.5:
        logits = 1000.0 * rng.integers(-1, 2, (T, B, V))
        logits[0, 0], logits[0, 1, 0] = -1000.0, 1000.0
    T += int(rng.integers(2))
    logits, targets = (np.concatenate([a, a[:1]])[:T] for a in (logits, targets))
    past = np.arange(T)[:, None] >= lengths
    logits[past] = rng.choice([np.nan, 40.0])
    return logits, targets, lengths, int(lengths.sum() + rng.integers(3, 30))


def padded(rng):
    T, B, D, _ = sizes(rng)
    return rng.normal(size=(T, B, D)), lengths_in_any_order(rng, T, B)


def moderate_lengths(rng):
    lengths = rng.integers(10, 61, rng.integers(30, 60))
    return lengths, int(lengths.max() * rng.integers(3, 7)), float(rng.uniform(1, 4))


def uneven_lengths(rng):
    """Many short and few long ones, now and then so many that not all cuts can be tried."""
    N = int(rng.integers(10, 30)) if rng.random() < 0.7 else 150
    lengths = np.exp(rng.normal(2, 1, N)).clip(1, 120).astype(int)
    longest = lengths.max()
    max_tokens = max(longest, int(rng.choice(lengths) * rng.integers(2, 8)))
    return lengths, int(max_tokens), float(rng.uniform(0.5, 6))


def stream(rng, large=False):
    """At the first step and later some rows begin a sequence and some do not."""
    T, B, D, H = sizes(rng)
    if large:
        D, H = 60, 150
    resets = rng.random((T, B)) < 0.3
    resets[0, :2] = True, False
    resets[rng.integers(1, T), :2] = False, True
    resets = resets[:, rng.permutation(B)]
    W_x, W_h = rng.normal(size=(H, D)) / np.sqrt(D), rng.normal(size=(H, H)) / np.sqrt(H)
    b, start = 0.5 * rng.normal(size=H), rng.uniform(-0.9, 0.9, H)
    return W_x, W_h, b, start, rng.normal(size=(T, B, D)), resets, rng.uniform(-0.9, 0.9, (B, H))


def stream_and_cotangents(rng):
    args = stream(rng, large=rng.random() < 0.2)
    (T, B, _), H = args[4].shape, len(args[2])
    return *args, rng.normal(size=(T, B, H)), rng.normal(size=(B, H))


# ------------------------------------------------------------------- what is compared


def only(*which):
    """Of several results some, as arrays."""

    def observe(result, rng):
        return tuple(np.asarray(result[k]) for k in which)

    return observe


def integers(lengths):
    return np.asarray(lengths).dtype.kind in "iu"


def array_and_integers(result, rng):
    """The array, in which a number of its own stands for NaN; the lengths, and are they integers?

    What equals the right result is right to the judge, whatever it holds; NaN equals nothing.
    """
    xs, lengths = result
    return np.nan_to_num(np.asarray(xs), nan=1e6), lengths, integers(lengths)


def of_what(result, rng):
    return "" if integers(result[1]) else "its lengths are no integers"


def time(lengths, batches, overhead):
    return sum((overhead + len(batch)) * lengths[batch].max() for batch in batches)


def faults(result, lengths, max_tokens):
    """How often an index is missing, there again, or none; empty batches; places too many."""
    batches = [np.asarray(batch) for batch in result]
    if any(batch.ndim != 1 or (batch.size and batch.dtype.kind not in "iu") for batch in batches):
        raise ValueError("no lists of indices")
    every = np.concatenate(batches).tolist() if batches else []
    N, filled = (
        len(lengths),
        [b for b in batches if b.size and 0 <= b.min() <= b.max() < len(lengths)],
    )
    over = [max(0, len(b) * lengths[b].max() - max_tokens) for b in filled]
    missing, again = N - len({*every} & {*range(N)}), len(every) - len({*every})
    strange, empty = len({*every} - {*range(N)}), sum(b.size == 0 for b in batches)
    return [missing, again, strange, empty, sum(over)], filled


def fits(result, args):
    """All right (zeros) if the rules hold and the time is at most 5/4 of the shortest."""
    lengths, max_tokens, overhead = args
    wrong, batches = faults(result, lengths, max_tokens)
    least = time(lengths, bucket_batches(*args), overhead)
    return np.array([*wrong, max(0, time(lengths, batches, overhead) / least - 1.25)])


def how_long(result, args):
    lengths, max_tokens, overhead = args
    wrong, batches = faults(result, lengths, max_tokens)
    return np.array([*wrong, time(lengths, batches, overhead)])


def remark(result, rng):
    if not all(map(len, result)):
        return "a batch is empty"
    every = np.concatenate(result).tolist()
    if len({*every}) < len(every):
        return "an index is in more than one place"
    if sorted(every) != list(range(len(every))):
        return "not every index is in a batch"
    return "every index that there is stands once; it is the padded sizes or the time"


# --------------------------------------------------------------------------------- pad


def pad(seqs, value):
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


def pad_batch_first(seqs, value):
    """The batch comes first; time does: xs has shape (T, B, D)."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs.swapaxes(0, 1), lengths


def pad_with_zeros(seqs, value):
    """Zeros stand past the ends; it is `value` that shall stand there."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.zeros((lengths.max(), len(seqs), seqs[0].shape[1]))
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


def pad_in_front(seqs, value):
    """The padding stands in front; a sequence begins at step 0."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[len(xs) - len(seq) :, i] = seq
    return xs, lengths


def pad_to_the_shortest(seqs, value):
    """The sequences are cut to the shortest; they are filled up to the longest."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.min(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[:, i] = seq[: len(xs)]
    return xs, lengths


def pad_a_step_longer(seqs, value):
    """There is a step too many: T is the length of the longest sequence."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max() + 1, len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


def pad_repeats_last(seqs, value):
    """The last step is repeated; past an end stands `value`."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
        xs[len(seq) :, i] = seq[-1]
    return xs, lengths


def pad_sorted(seqs, value):
    """The sequences are sorted by length; row i is sequence i."""
    seqs = sorted(seqs, key=len, reverse=True)
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


def pad_sorts_in_place(seqs, value):
    """The list is sorted in place; it belongs to the caller, and row i is sequence i."""
    seqs.sort(key=len)
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


def pad_length_T(seqs, value):
    """All lengths are T; each is that of its own sequence."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, np.full(len(seqs), len(xs))


def pad_length_by_value(seqs, value):
    """Lengths are counted by what is not `value`; a sequence may hold that number itself. Take the
    length of what came in."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, (xs != value).any(axis=2).sum(axis=0)


def pad_length_of_entries(seqs, value):
    """The lengths count numbers; they count steps, each of D numbers."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, np.array([seq.size for seq in seqs])


def pad_reshapes(seqs, value):
    """Rows of (B, T, D) are reshaped to (T, B, D), which mixes them: swap the axes, by swapaxes(0,
    1) or transpose(1, 0, 2)."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs.swapaxes(0, 1).reshape(xs.shape), lengths


def pad_swapped(seqs, value):
    """The lengths are returned first; the order is (xs, lengths)."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return lengths, xs


def pad_float_lengths(seqs, value):
    """The lengths are floats, which nobody can use in an index; make integers of them."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths.astype(float)


def pad_value_for_zeros(seqs, value):
    """Zeros are replaced by `value`, those of the sequences as well: only what stands past the ends
    is."""
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.zeros((lengths.max(), len(seqs), seqs[0].shape[1]))
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    xs[xs == 0] = value
    return xs, lengths


def pad_array_of_all(seqs, value):
    """An array is made of the whole list, but the sequences differ in length: make one of the right
    size first, and put them in."""
    xs = np.array(seqs)
    return xs.swapaxes(0, 1), np.array([len(seq) for seq in seqs])


def pad_by_concatenating(seqs, value):
    T, D = max(len(seq) for seq in seqs), seqs[0].shape[1]
    full = [np.concatenate([seq, np.full((T - len(seq), D), value)]) for seq in seqs]
    return np.stack(full, axis=1), np.array([len(seq) for seq in seqs])


def pad_as_lists(seqs, value):
    from itertools import zip_longest

    xs = zip_longest(*[seq.tolist() for seq in seqs], fillvalue=[value] * seqs[0].shape[1])
    return [list(x) for x in xs], [len(seq) for seq in seqs]


def pad_in_float32(seqs, value):
    lengths = np.array([len(seq) for seq in seqs])
    xs = np.full((lengths.max(), len(seqs), seqs[0].shape[1]), value, dtype=np.float32)
    for i, seq in enumerate(seqs):
        xs[: len(seq), i] = seq
    return xs, lengths


# ------------------------------------------------------------------------- masked_xent


def _log_probs(logits, targets, lengths):
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    return valid, log_p, onehot


def masked_xent(logits, targets, lengths, M):
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_own_count(logits, targets, lengths, M):
    """The sum is divided by the number of symbols of this part; M, that of the whole batch, is
    given."""
    M = lengths.sum()
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_all_places(logits, targets, lengths, M):
    """The sum is divided by T B; it is divided by M."""
    M = targets.size
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_per_sequence(logits, targets, lengths, M):
    """Each sequence gets its own mean; the sum of all symbols is divided by M."""
    M = len(lengths) * lengths
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = (-(log_p * onehot).sum(axis=-1) * valid / M).sum()
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M[:, None]


def xent_sum(logits, targets, lengths, M):
    """The sum is not divided by M."""
    M = 1
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_times_mask(logits, targets, lengths, M):
    """What stands past an end is multiplied by 0, and NaN times 0 is NaN: choose with np.where or
    by an index, before anything is computed with it."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = logits
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot * valid[..., None]).sum() / M
    return loss, valid[..., None] * (np.exp(log_p) - onehot) / M


def xent_gradient_times_mask(logits, targets, lengths, M):
    """The gradient past an end is multiplied by 0, and NaN times 0 is NaN: choose with np.where or
    by an index."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = logits
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, valid[..., None] * (np.exp(log_p) - onehot) / M


def xent_gradient_unmasked(logits, targets, lengths, M):
    """The gradient past the ends is not 0."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, (np.exp(log_p) - onehot) / M


def xent_unmasked(logits, targets, lengths, M):
    """The lengths are not used: what stands past an end has no part in the loss."""
    valid = np.full(targets.shape, True)
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_zeros_count(logits, targets, lengths, M):
    """NaN is replaced by zeros, and then all positions count: the lengths say which do."""
    valid = np.full(targets.shape, True)
    safe = np.nan_to_num(logits)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_step_late(logits, targets, lengths, M):
    """Each sequence is followed by a step of padding that counts; t counts from 0, so t <
    length."""
    valid = np.arange(len(logits))[:, None] <= lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_step_early(logits, targets, lengths, M):
    """The last symbol of each sequence does not count; t counts from 0, so t < length."""
    valid = np.arange(len(logits))[:, None] < lengths - 1
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_by_symbol(logits, targets, lengths, M):
    """Symbol 0 is taken for padding; it is a symbol like others. Make the mask of the lengths."""
    valid = np.arange(len(logits))[:, None] < lengths
    valid = valid & (targets != 0)
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_unshifted(logits, targets, lengths, M):
    """exp is taken of logits as they are and overflows for large ones: subtract the largest of each
    position first."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_log_of_p(logits, targets, lengths, M):
    """The logarithm is taken of a probability that has become 0: compute log p = logit - log of the
    sum of exp, without the detour."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=-1, keepdims=True)
    p = np.exp(shifted)
    log_p = np.log(p / p.sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -np.log((np.exp(log_p) * onehot).sum(axis=-1))[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_unshifted_p(logits, targets, lengths, M):
    """exp is taken of logits as they are, overflows for large ones, and infinity over infinity is
    NaN: subtract the largest of each position first."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    e = np.exp(safe)
    p = e / e.sum(axis=-1, keepdims=True)
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -np.log((p * onehot).sum(axis=-1))[valid].sum() / M
    return loss, np.where(valid[..., None], p - onehot, 0) / M


def xent_shifted_by_all(logits, targets, lengths, M):
    """The largest logit of the whole array is subtracted, and elsewhere all exp become 0: subtract
    the largest of each position."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max()
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -log_p[valid][onehot[valid] > 0].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_shifted_by_all_p(logits, targets, lengths, M):
    """The largest logit of the whole array is subtracted, and elsewhere all exp become 0: subtract
    the largest of each position."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    e = np.exp(safe - safe.max())
    p = e / e.sum(axis=-1, keepdims=True)
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -np.log((p * onehot).sum(axis=-1))[valid].sum() / M
    return loss, np.where(valid[..., None], p - onehot, 0) / M


def xent_over_time(logits, targets, lengths, M):
    """The softmax is over the steps; it is over the last axis, the symbols."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=0, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_over_batch(logits, targets, lengths, M):
    """The softmax is over the batch; it is over the last axis, the symbols."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = np.where(valid[..., None], logits, 0)
    shifted = safe - safe.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_sign(logits, targets, lengths, M):
    """The sign of the loss is wrong: a loss is minus the logarithm."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = (log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_both_signs(logits, targets, lengths, M):
    """Both signs are wrong: a loss is minus the logarithm, and its gradient p - onehot."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = (log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], onehot - np.exp(log_p), 0) / M


def xent_gradient_sign(logits, targets, lengths, M):
    """The sign of the gradient is wrong: it is p - onehot."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], onehot - np.exp(log_p), 0) / M


def xent_gradient_of_p(logits, targets, lengths, M):
    """onehot is missing in the gradient: it is p - onehot."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p), 0) / M


def xent_gradient_all_targets(logits, targets, lengths, M):
    """1 is subtracted at every symbol that occurs in targets, at every position: subtract it once
    per position, at its own symbol."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    p = np.exp(log_p)
    p[:, :, targets] -= 1
    return loss, np.where(valid[..., None], p, 0) / M


def xent_gradient_of_sum(logits, targets, lengths, M):
    """The gradient is that of the sum; divide it by M as well."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0)


def xent_bits(logits, targets, lengths, M):
    """The logarithm is to base 2; take the natural one."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M / np.log(2)
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_losses(logits, targets, lengths, M):
    """The losses are returned one by one; return their sum over M, one number."""
    valid, log_p, onehot = _log_probs(logits, targets, lengths)
    loss = np.where(valid, -(log_p * onehot).sum(axis=-1), 0) / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_in_place(logits, targets, lengths, M):
    """The logits past the ends are set to 0 in place; they belong to the caller."""
    valid = np.arange(len(logits))[:, None] < lengths
    safe = logits
    safe[~valid] = 0
    shifted = safe - safe.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    onehot = np.eye(logits.shape[-1])[targets]
    loss = -(log_p * onehot).sum(axis=-1)[valid].sum() / M
    return loss, np.where(valid[..., None], np.exp(log_p) - onehot, 0) / M


def xent_position_by_position(logits, targets, lengths, M):
    loss, dlogits = 0.0, np.zeros(logits.shape)
    for i, n in enumerate(lengths):
        for t in range(n):
            a, y = logits[t, i], targets[t, i]
            log_p = a - a.max() - np.log(np.exp(a - a.max()).sum())
            loss -= log_p[y] / M
            dlogits[t, i] = np.exp(log_p) / M
            dlogits[t, i, y] -= 1 / M
    return loss, dlogits


def xent_by_index(logits, targets, lengths, M):
    t, i = np.nonzero(np.arange(len(logits))[:, None] < lengths)
    rows, y = logits[t, i], targets[t, i]
    top = rows.max(axis=1, keepdims=True)
    log_sum = top + np.log(np.exp(rows - top).sum(axis=1, keepdims=True))
    g = np.exp(rows - log_sum)
    g[np.arange(len(y)), y] -= 1
    dlogits = np.zeros_like(logits)
    dlogits[t, i] = g / M
    return (log_sum[:, 0] - rows[np.arange(len(y)), y]).sum() / M, dlogits


def xent_in_float32(logits, targets, lengths, M):
    valid = (np.arange(len(logits))[:, None] < lengths)[..., None]
    a = np.where(valid, logits, 0).astype(np.float32)
    a = a - a.max(axis=-1, keepdims=True)
    log_p = a - np.log(np.exp(a).sum(axis=-1, keepdims=True))
    log_p_y = np.take_along_axis(log_p, targets[..., None], axis=-1)
    onehot = np.eye(a.shape[-1], dtype=np.float32)[targets]
    return -(log_p_y * valid).sum() / M, (np.exp(log_p) - onehot) * valid / np.float32(M)


# ---------------------------------------------------------------------- reverse_padded


def reverse_padded(xs, lengths):
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_all(xs, lengths):
    """The whole array is turned round, so that padding comes first; each sequence begins at its own
    last step."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs[::-1]


def reverse_to_the_back(xs, lengths):
    """The turned sequences stand at the end of the array; they begin at step 0."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t >= len(xs) - lengths, len(xs) - 1 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_batch(xs, lengths):
    """The rows of the batch are turned round; it is the steps of each."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs[:, ::-1]


def reverse_features(xs, lengths):
    """The numbers within a step are turned round; it is the steps."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs[:, :, ::-1]


def reverse_with_zeros(xs, lengths):
    """Zeros stand past the ends; what stands there stays as it is."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return np.where((t < lengths)[..., None], xs[source, np.arange(len(lengths))], 0)


def reverse_wraps(xs, lengths):
    """Past an end the index is negative, which counts from the end of the array; what stands there
    stays as it is."""
    t = np.arange(len(xs))[:, None]
    source = lengths - 1 - t
    return xs[source, np.arange(len(lengths))]


def reverse_modulo(xs, lengths):
    """Past an end the index begins again at the end of the sequence; what stands there stays as it
    is."""
    t = np.arange(len(xs))[:, None]
    source = (lengths - 1 - t) % lengths
    return xs[source, np.arange(len(lengths))]


def reverse_step_off(xs, lengths):
    """The first step of the result is the padding right after the sequence; counted from 0, its
    last step is length - 1."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, np.minimum(lengths - t, len(xs) - 1), t)
    return xs[source, np.arange(len(lengths))]


def reverse_all_but_last(xs, lengths):
    """The last step of each sequence stays where it is; all its steps are turned round."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths - 1, lengths - 2 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_one_too_many(xs, lengths):
    """The padding right after a sequence is turned round with it; its last step is length - 1."""
    t = np.arange(len(xs))[:, None]
    n = np.minimum(lengths + 1, len(xs))
    source = np.where(t < n, n - 1 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_sorted_lengths(xs, lengths):
    """The lengths are sorted, so that they belong to other rows."""
    t = np.arange(len(xs))[:, None]
    lengths = np.sort(lengths)
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_only_longest(xs, lengths):
    """Only sequences of all T steps are turned round; the others are too, within their lengths."""
    t = np.arange(len(xs))[:, None]
    source = np.where(lengths == len(xs), len(xs) - 1 - t, t)
    return xs[source, np.arange(len(lengths))]


def reverse_in_place(xs, lengths):
    """xs is changed in place; it belongs to the caller."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    xs[:] = xs[source, np.arange(len(lengths))]
    return xs


def reverse_unchanged(xs, lengths):
    """Nothing is turned round."""
    t = np.arange(len(xs))[:, None]
    source = np.where(t < lengths, lengths - 1 - t, t)
    return xs.copy()


def reverse_row_by_row(xs, lengths):
    out = xs.copy()
    for i, n in enumerate(lengths):
        out[:n, i] = xs[:n, i][::-1]
    return out


def reverse_by_taking(xs, lengths):
    t = np.arange(xs.shape[0]).reshape(-1, 1, 1)
    source = np.where(t < lengths[:, None], lengths[:, None] - t - 1, t)
    return np.take_along_axis(xs, np.broadcast_to(source, xs.shape), axis=0)


def reverse_in_float32(xs, lengths):
    rows = [np.concatenate([x[:n][::-1], x[n:]]) for x, n in zip(xs.swapaxes(0, 1), lengths)]
    return np.stack(rows, axis=1).astype(np.float32)


# ---------------------------------------------------------------------- bucket_batches


def bucket_batches(lengths, max_tokens, overhead):
    order = np.argsort(lengths)
    n = lengths[order]
    best, cut = [0.0], [0]
    for j in range(1, len(n) + 1):
        fits = [i for i in range(j) if (j - i) * n[j - 1] <= max_tokens]
        times = [best[i] + (overhead + j - i) * n[j - 1] for i in fits]
        best.append(min(times))
        cut.append(fits[times.index(min(times))])
    batches, j = [], len(n)
    while j > 0:
        batches.append(order[cut[j] : j].tolist())
        j = cut[j]
    return batches


def _filled(order, full):
    """Sequences in this order, one after the other; full(batch, i) opens a new batch."""
    batches, batch = [], []
    for i in order.tolist():
        if full(batch, i):
            batches.append(batch)
            batch = []
        batch.append(i)
    return [*batches, batch]


def _cuts(n, max_tokens, overhead, time=None, fits=None):
    """How lengths n are best cut, as pairs (i, j) from the last batch on; right, by default."""
    time = time or (lambda i, j: (overhead + j - i) * n[j - 1])
    fits = fits or (lambda i, j: (j - i) * n[j - 1] <= max_tokens)
    best, cut = [0.0], [0]
    for j in range(1, len(n) + 1):
        allowed = [i for i in range(j) if fits(i, j)]
        times = [best[i] + time(i, j) for i in allowed]
        best.append(min(times))
        cut.append(allowed[times.index(min(times))])
    pairs, j = [], len(n)
    while j > 0:
        pairs.append((cut[j], j))
        j = cut[j]
    return pairs


def bucket_from_shortest(lengths, max_tokens, overhead):
    """The sorted list is filled from the shortest, each batch as full as it can be. That is not
    always best: compare all places for the last cut."""

    def full(batch, i):
        return (len(batch) + 1) * max(lengths[k] for k in [*batch, i]) > max_tokens

    return _filled(np.argsort(lengths), full)


def bucket_from_longest(lengths, max_tokens, overhead):
    """The sorted list is filled from the longest, each batch as full as it can be. That is not
    always best: compare all places for the last cut."""

    def full(batch, i):
        return (len(batch) + 1) * max(lengths[k] for k in [*batch, i]) > max_tokens

    return _filled(np.argsort(lengths)[::-1], full)


def bucket_unsorted(lengths, max_tokens, overhead):
    """The batches are filled in the order that the sequences have, so that short ones lie beside
    long ones: sort by length first."""

    def full(batch, i):
        return (len(batch) + 1) * max(lengths[k] for k in [*batch, i]) > max_tokens

    return _filled(np.arange(len(lengths)), full)


def bucket_without_padding(lengths, max_tokens, overhead):
    """The lengths in a batch are added up; what counts is the padded size, the number of rows times
    the longest."""

    def full(batch, i):
        return sum(lengths[k] for k in [*batch, i]) > max_tokens

    return _filled(np.argsort(lengths), full)


def bucket_loses_last(lengths, max_tokens, overhead):
    """The last batch is not handed in: it is still open when the loop ends."""

    def full(batch, i):
        return (len(batch) + 1) * max(lengths[k] for k in [*batch, i]) > max_tokens

    return _filled(np.argsort(lengths), full)[:-1]


def bucket_loses_sequence(lengths, max_tokens, overhead):
    """The sequence that does not fit any more gets lost: it opens the next batch."""
    order = np.argsort(lengths)
    batches, batch = [], []
    for i in order.tolist():
        longest = max(lengths[k] for k in [*batch, i])
        if (len(batch) + 1) * longest > max_tokens:
            batches.append(batch)
            batch = []
        else:
            batch.append(i)
    batches.append(batch)
    return batches


def bucket_closes_late(lengths, max_tokens, overhead):
    """A batch is closed only when it is already too large: look before the sequence is put in."""
    order = np.argsort(lengths)
    batches, batch = [], []
    for i in order.tolist():
        batch.append(i)
        if len(batch) * max(lengths[k] for k in batch) > max_tokens:
            batches.append(batch)
            batch = []
    batches += [batch] if batch else []
    return batches


def bucket_step_by_step(lengths, max_tokens, overhead):
    """Each sequence is weighed alone, to join the batch before it or to open one. A choice that is
    best now may cost more later: compare all places for the last cut."""

    def full(batch, i):
        rows, before = len(batch), max([lengths[k] for k in batch], default=0)
        joined = (overhead + rows + 1) * lengths[i] - (overhead + rows) * before
        over = (rows + 1) * max(before, lengths[i]) > max_tokens
        return over or (batch and joined > (overhead + 1) * lengths[i])

    return _filled(np.argsort(lengths), full)


def bucket_alone(lengths, max_tokens, overhead):
    """Every sequence is a batch by itself: nothing is padded, but every step is paid for a single
    row."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, fits=lambda i, j: i == j - 1)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_places_in_order(lengths, max_tokens, overhead):
    """The batches hold places in the sorted list; they are to hold indices into `lengths`: use the
    order that sorting gives."""
    cuts = _cuts(np.sort(lengths), max_tokens, overhead)
    return [list(range(i, j)) for i, j in cuts]


def bucket_lengths(lengths, max_tokens, overhead):
    """The batches hold lengths; they are to hold indices."""
    n = np.sort(lengths)
    return [n[i:j].tolist() for i, j in _cuts(n, max_tokens, overhead)]


def bucket_strictly_below(lengths, max_tokens, overhead):
    """A batch whose padded size is max_tokens is left out; it may be that large."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, fits=lambda i, j: (j - i) * n[j - 1] < max_tokens)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_without_overhead(lengths, max_tokens, overhead):
    """overhead is not counted: every batch pays it for every step, so a batch takes (overhead +
    rows) times its longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, time=lambda i, j: (j - i) * n[j - 1])
    return [order[i:j].tolist() for i, j in cuts]


def bucket_overhead_per_batch(lengths, max_tokens, overhead):
    """overhead is counted once for a batch; it is paid at every step, so it stands in the bracket
    that is multiplied by the longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, time=lambda i, j: overhead + (j - i) * n[j - 1])
    return [order[i:j].tolist() for i, j in cuts]


def bucket_without_rows(lengths, max_tokens, overhead):
    """Only the steps are made few: rows are not counted, or each with its own length, which adds up
    to the same however one cuts. Padded, a batch takes (overhead + rows) times its longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, time=lambda i, j: overhead * n[j - 1])
    return [order[i:j].tolist() for i, j in cuts]


def bucket_by_shortest(lengths, max_tokens, overhead):
    """A batch is measured by its shortest sequence; all are filled up to the longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(
        n,
        max_tokens,
        overhead,
        time=lambda i, j: (overhead + j - i) * n[i],
        fits=lambda i, j: (j - i) * n[i] <= max_tokens,
    )
    return [order[i:j].tolist() for i, j in cuts]


def bucket_by_last(lengths, max_tokens, overhead):
    """A batch is measured by its shortest sequence; all are filled up to the longest."""
    order = np.argsort(lengths)[::-1]
    cuts = _cuts(lengths[order], max_tokens, overhead)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_by_mean(lengths, max_tokens, overhead):
    """A batch is measured by its mean length; all are filled up to the longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(
        n,
        max_tokens,
        overhead,
        time=lambda i, j: (overhead + j - i) * n[i:j].mean(),
        fits=lambda i, j: n[i:j].sum() <= max_tokens,
    )
    return [order[i:j].tolist() for i, j in cuts]


def bucket_limits_the_sum(lengths, max_tokens, overhead):
    """max_tokens is kept by the sum of the lengths in a batch; what it limits is the padded size,
    the number of rows times the longest."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, fits=lambda i, j: n[i:j].sum() <= max_tokens)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_limitless(lengths, max_tokens, overhead):
    """max_tokens is not kept: rows times longest may not be larger."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead, fits=lambda i, j: True)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_unsorted_cuts(lengths, max_tokens, overhead):
    """The list is cut well, but it is not sorted: sort by length first."""
    n = lengths
    cuts = _cuts(
        n,
        max_tokens,
        overhead,
        time=lambda i, j: (overhead + j - i) * n[i:j].max(),
        fits=lambda i, j: (j - i) * n[i:j].max() <= max_tokens,
    )
    return [list(range(i, j)) for i, j in cuts]


def bucket_overlaps(lengths, max_tokens, overhead):
    """Neighbouring batches share a sequence: the one at the cut belongs to one of them."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead)
    return [order[max(i - 1, 0) : j].tolist() for i, j in cuts]


def bucket_one_list(lengths, max_tokens, overhead):
    """The batches are joined into one list; return a list with a list for each batch."""
    order = np.argsort(lengths)
    n = lengths[order]
    cuts = _cuts(n, max_tokens, overhead)
    return [int(k) for i, j in cuts for k in order[i:j]]


def bucket_in_place(lengths, max_tokens, overhead):
    """lengths is sorted in place; it belongs to the caller."""
    order = np.argsort(lengths)
    lengths.sort()
    cuts = _cuts(lengths, max_tokens, overhead)
    return [order[i:j].tolist() for i, j in cuts]


def bucket_fixed_rows(lengths, max_tokens, overhead):
    """All batches have as many rows as fit beside the longest of all sequences. Shorter ones leave
    room for more rows."""
    order, rows = np.argsort(lengths), int(max_tokens // lengths.max())
    return [order[k : k + rows].tolist() for k in range(0, len(order), rows)]


def bucket_like_lengths(lengths, max_tokens, overhead):
    """Only sequences of the same length share a batch. No place is padded, but many batches have
    few rows, and each pays overhead for all its steps."""
    batches = []
    for n in np.unique(lengths):
        same, rows = np.flatnonzero(lengths == n), int(max_tokens // n)
        batches += [same[k : k + rows].tolist() for k in range(0, len(same), rows)]
    return batches


def bucket_by_suffixes(lengths, max_tokens, overhead):
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    N = len(order)
    best, size = [0.0] * (N + 1), [0] * N
    for i in range(N - 1, -1, -1):
        longest = int(lengths[order[i]])
        most = min(N - i, max_tokens // longest)
        tries = [((overhead + k) * longest + best[i + k], k) for k in range(1, most + 1)]
        best[i], size[i] = min(tries)
    batches, i = [], 0
    while i < N:
        batches.append(np.array(order[i : i + size[i]]))
        i += size[i]
    return tuple(batches)


def bucket_by_recursion(lengths, max_tokens, overhead):
    from functools import cache

    order = np.argsort(lengths, kind="stable")

    @cache
    def best(j):
        if j == 0:
            return 0.0, ()
        longest, found = lengths[order[j - 1]], []
        for i in range(j - 1, -1, -1):
            if (j - i) * longest > max_tokens:
                break
            time, cuts = best(i)
            found.append((time + (overhead + j - i) * longest, (*cuts, i)))
        return min(found)

    _, cuts = best(len(order))
    return [list(part) for part in np.split(order, cuts[1:])]


def bucket_carrying_batches(lengths, max_tokens, overhead):
    order, best = np.argsort(lengths), [(0.0, [])]
    for j in range(len(order)):
        found = None
        for i in range(j + 1):
            batch = order[i : j + 1]
            time = best[i][0] + (overhead + len(batch)) * lengths[batch].max()
            if batch.size * lengths[batch].max() <= max_tokens and (not found or time < found[0]):
                found = time, [*best[i][1], batch.tolist()]
        best.append(found)
    return best[-1][1][::-1]


# ------------------------------------------------------------------------------- carry


def carry(W_x, W_h, b, start, xs, resets, h0):
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_without_resets(W_x, W_h, b, start, xs, resets, h0):
    """The resets are not used: a row that begins a sequence reads the state of the one before."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = h
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_resets_to_zero(W_x, W_h, b, start, xs, resets, h0):
    """A reset sets the state to zeros; it is set to start."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], 0, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_turned_round(W_x, W_h, b, start, xs, resets, h0):
    """Rows that are reset keep their state and the others lose it: True begins a sequence."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], h, start)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_all_rows(W_x, W_h, b, start, xs, resets, h0):
    """All rows are reset where one of them is; each row has its own flags."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = start + 0 * h if r.any() else h
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_after_the_step(W_x, W_h, b, start, xs, resets, h0):
    """The reset comes after the step and wipes out what it read: a row that is reset takes its step
    too, from start."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        h = np.tanh(x @ W_x.T + h @ W_h.T + b)
        h = np.where(r[:, None], start, h)
        hs.append(h)
    return np.stack(hs), h


def carry_step_late(W_x, W_h, b, start, xs, resets, h0):
    """The reset comes a step late: resets[t] is about the state that step t reads."""
    h, hs = h0, []
    for x, r in zip(xs, np.roll(resets, 1, axis=0) & (np.arange(len(xs)) > 0)[:, None]):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_step_early(W_x, W_h, b, start, xs, resets, h0):
    """The reset comes a step early: resets[t] is about the state that step t reads."""
    h, hs = h0, []
    for x, r in zip(xs, np.roll(resets, -1, axis=0) & (np.arange(len(xs)) < len(xs) - 1)[:, None]):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_first_from_h0(W_x, W_h, b, start, xs, resets, h0):
    """At the first step all rows read h0; those with resets[0] read start."""
    h, hs = h0, []
    for x, r in zip(xs, resets & (np.arange(len(xs)) > 0)[:, None]):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_first_from_start(W_x, W_h, b, start, xs, resets, h0):
    """At the first step all rows read start; those without resets[0] go on from h0."""
    h, hs = h0, []
    for x, r in zip(xs, resets | (np.arange(len(xs)) == 0)[:, None]):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_added(W_x, W_h, b, start, xs, resets, h0):
    """start is added to the state; it takes its place."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = h + r[:, None] * start
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_outside_W_h(W_x, W_h, b, start, xs, resets, h0):
    """start is added to the preactivation as it is; it takes the place of the state, and W_h
    multiplies it."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], 0, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + r[:, None] * start + b)
        hs.append(h)
    return np.stack(hs), h


def carry_W_h_transposed(W_x, W_h, b, start, xs, resets, h0):
    """The state is multiplied by W_h and not by its transpose: rows are states, so h @ W_h.T."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h + b)
        hs.append(h)
    return np.stack(hs), h


def carry_last_reset(W_x, W_h, b, start, xs, resets, h0):
    """The last state is reset where the last step began a sequence; it is hs[-1], which has read
    its input."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), np.where(resets[-1][:, None], start, h)


def carry_from_h0(W_x, W_h, b, start, xs, resets, h0):
    """A row that is reset goes back to h0; it begins from start."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], h0, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_with_h0(W_x, W_h, b, start, xs, resets, h0):
    """hs begins with h0; hs[t] is the state after the input xs[t]."""
    h, hs = h0, [h0]
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs[:-1]), h


def carry_tanh_of_start(W_x, W_h, b, start, xs, resets, h0):
    """start is squashed by a tanh of its own; it is a state as it is."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], np.tanh(start), h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_same_array(W_x, W_h, b, start, xs, resets, h0):
    """One array is changed at every step, and hs holds it T times: make a new one at each step."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        read = np.where(r[:, None], start, h)
        h = np.tanh(x @ W_x.T + read @ W_h.T + b)
        hs.append(h)
    return np.stack([h for _ in hs]), h


def carry_in_place(W_x, W_h, b, start, xs, resets, h0):
    """h0 is changed in place; it belongs to the caller."""
    h, hs = h0, []
    for x, r in zip(xs, resets):
        h[r] = start
        h = np.tanh(x @ W_x.T + h @ W_h.T + b)
        hs.append(h)
    return np.stack(hs), h


def carry_document_by_document(W_x, W_h, b, start, xs, resets, h0):
    T, B, _ = xs.shape
    hs = np.zeros((T, B, len(b)))
    for i in range(B):
        h = h0[i]
        for t in range(T):
            if resets[t, i]:
                h = start
            h = np.tanh(W_x @ xs[t, i] + W_h @ h + b)
            hs[t, i] = h
    return hs, hs[-1]


def carry_by_mixing(W_x, W_h, b, start, xs, resets, h0):
    r, h, us, hs = resets[..., None] * 1.0, h0, xs @ W_x.T + b, []
    for t in range(len(xs)):
        h = np.tanh(us[t] + ((1 - r[t]) * h + r[t] * start) @ W_h.T)
        hs.append(h)
    return hs, h


def carry_in_float32(W_x, W_h, b, start, xs, resets, h0):
    W_x, W_h, b, start, xs, h = (np.float32(a) for a in (W_x, W_h, b, start, xs, h0))
    hs = np.empty((*resets.shape, len(b)), dtype=np.float32)
    for t in range(len(xs)):
        h = h.copy()
        h[resets[t]] = start
        h = hs[t] = np.tanh(xs[t] @ W_x.T + h @ W_h.T + b)
    return hs, hs[-1].copy()


# ---------------------------------------------------------------------- carry_backward


def carry_backward(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """By the complex step; with hundreds of units, as the solution has it."""
    if len(b) > 10:
        return back_by_mixing(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last)

    def loss(W_x, W_h, b, start, xs, h0):
        hs, h_last = carry(W_x, W_h, b, start, xs, resets, h0)
        return (dhs * hs).sum() + (dh_last * h_last).sum()

    return gradient(loss, (W_x, W_h, b, start, xs, h0))


def _walk_back(
    args, reads=None, da=None, through=None, factor=None, counts=None, to_start=None, goes_on=None
):
    """A way back in which single lines can be others, each a function of a step: what it `reads`,
    the gradient `da` of what the tanh gets, the way `through` W_h, the `factor` in dW_h, whether
    it `counts`, what goes `to_start` and what `goes_on`."""
    from types import SimpleNamespace as Step

    W_x, W_h, b, start, xs, resets, h0, dhs, dh = args
    reads = reads or (lambda h, r: np.where(r, start, h))
    da = da or (lambda s: (s.d + s.dh) * (1 - s.new**2))
    through = through or (lambda da: da @ W_h)
    factor = factor or (lambda s: s.read)
    counts = counts or (lambda s: 1)
    to_start = to_start or (lambda s: (s.r * s.dg).sum(axis=0))
    goes_on = goes_on or (lambda s: np.where(s.r, 0, s.dg))
    hs, read, dxs = [h0], [], np.zeros_like(xs)
    for x, r in zip(xs, resets[..., None]):
        read.append(reads(hs[-1], r))
        hs.append(np.tanh(x @ W_x.T + read[-1] @ W_h.T + b))
    dW_x, dW_h, db, dstart = (np.zeros_like(a) for a in (W_x, W_h, b, start))
    for t in reversed(range(len(xs))):
        s = Step(t=t, r=resets[t][:, None], h=hs[t], read=read[t], new=hs[t + 1], d=dhs[t], dh=dh)
        s.da = da(s)
        s.dg = through(s.da)
        dW_x += counts(s) * (s.da.T @ xs[t])
        dW_h += counts(s) * (s.da.T @ factor(s))
        db += counts(s) * s.da.sum(axis=0)
        dxs[t] = s.da @ W_x
        dstart = dstart + to_start(s)
        dh = goes_on(s)
    return [dW_x, dW_h, db, dstart, dxs, dh]


def back_does_not_stop(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The gradient goes on through the resets; where a row is reset nothing of the state before has
    been read, so nothing goes back to it."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), goes_on=lambda s: s.dg)


def back_stops_all_rows(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The gradient stops in all rows where one of them is reset; each row has its own flags."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        goes_on=lambda s: 0 * s.dg if s.r.any() else s.dg,
    )


def back_keeps_reset_rows(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The gradient goes on where a row is reset and stops where it is not."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), goes_on=lambda s: np.where(s.r, s.dg, 0)
    )


def back_stops_early(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """What comes from later steps is cut off before the step that begins the sequence has been
    walked back; the gradient stops behind that step, on its way to the state before."""

    def da(s):
        return (s.d + np.where(s.r, 0, s.dh)) * (1 - s.new**2)

    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=da, goes_on=lambda s: s.dg
    )


def back_stops_late(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The gradient stops a step too far back: resets[t] cuts between step t and the state before
    it."""
    later = np.concatenate([resets[1:], 0 * resets[:1]])[..., None]
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        goes_on=lambda s: np.where(later[s.t], 0, s.dg),
    )


def back_reads_before(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dW_h has the state before the reset; its factor is what the step has read, which is start
    where a row is reset."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), factor=lambda s: s.h)


def back_constant_start(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """start gets no gradient; it is learned, and every reset has read it."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=lambda s: 0)


def back_start_every_step(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """All rows and all steps add to dstart; only those that are reset have read start."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=lambda s: s.dg.sum(axis=0)
    )


def back_start_unreset(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart is the sum over the rows that are not reset; those that are have read start."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        to_start=lambda s: (~s.r * s.dg).sum(axis=0),
    )


def back_start_not_added_up(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart is what the first step alone sends, since each step overwrites it: add up what all
    resets send."""

    def to_start(s):
        return (s.t == 0) * (s.r * s.dg).sum(axis=0)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=to_start)


def back_start_from_last(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart is that of the last reset alone: add up what all resets send."""
    last = np.flatnonzero(resets.any(axis=1))[-1]

    def to_start(s):
        return (s.t == last) * (s.r * s.dg).sum(axis=0)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=to_start)


def back_start_not_at_first_step(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The resets at the first step send nothing to start; they have read it as well."""

    def to_start(s):
        return (s.t > 0) * (s.r * s.dg).sum(axis=0)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=to_start)


def back_start_mean(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart is a mean over the rows; it is their sum."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        to_start=lambda s: (s.r * s.dg).mean(axis=0),
    )


def back_start_mean_of_resets(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """At each step the mean over the rows that are reset is added to dstart, and where none is, the
    mean of nothing is NaN: add up their sums, which are 0 there."""

    def to_start(s):
        return (s.r * s.dg).sum(axis=0) / s.r.sum()

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=to_start)


def back_start_mean_where_reset(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """At each step the mean over the rows that are reset is added to dstart; it is their sum."""

    def to_start(s):
        return (s.r * s.dg).sum(axis=0) / max(1, s.r.sum())

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=to_start)


def back_start_before_W_h(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart has the gradient of the preactivation; start goes through W_h, so the gradient comes
    back through it."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        to_start=lambda s: (s.r * s.da).sum(axis=0),
    )


def back_start_of_arriving(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart has what arrives at the state after the step; it is to come back through the step."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        to_start=lambda s: (s.r * (s.d + s.dh)).sum(axis=0),
    )


def back_start_slope(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart has a slope 1 - start² as well; start is read as it is, without a tanh."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[3] = grads[3] * (1 - start**2)
    return grads


def back_start_by_row(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart has a row for each row of the batch; they share one start, so sum over the rows
    too."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), to_start=lambda s: s.r * s.dg
    )


def back_start_twice(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """What begins a sequence goes to start and to the state before as well: the gradient does not
    stop, and at each reset it is counted twice."""

    def to_start(s):
        return (s.r * (s.dg + s.dh)).sum(axis=0)

    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        to_start=to_start,
        goes_on=lambda s: s.dg,
    )


def back_forward_without_resets(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """On the way forward nothing is reset: run the states as in (stream) first."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), reads=lambda h, r: h)


def back_forward_to_zero(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """On the way forward a reset sets the state to zeros; it is start that the step reads."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), reads=lambda h, r: np.where(r, 0, h)
    )


def back_without_dh_last(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dh_last is not used: the walk back begins with it."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, 0 * dh_last))


def back_only_dh_last(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dhs is not used: at each step what the loss sends into that state is added."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, 0 * dhs, dh_last))


def back_replaces_dhs(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """At the last step dh_last takes the place of dhs; add them."""
    before = np.concatenate([dhs[:-1], 0 * dhs[-1:]])
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, before, dh_last))


def back_not_carried(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """Nothing is carried from a step to the one before it."""

    def goes_on(s):
        return (s.t == 0) * np.where(s.r, 0, s.dg)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), goes_on=goes_on)


def back_without_slope(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The slope of the tanh, 1 - h'², is missing."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=lambda s: s.d + s.dh)


def back_slope_before(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The slope of the tanh is taken at the state before the step; it is that of the state after
    it."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=lambda s: (s.d + s.dh) * (1 - s.h**2)
    )


def back_slope_of_read(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The slope of the tanh is taken at the state that the step reads; it is that of the state
    after it."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last),
        da=lambda s: (s.d + s.dh) * (1 - s.read**2),
    )


def back_slope_of_later(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """Only what comes from later steps is multiplied by the slope of the tanh; what dhs sends into
    the state goes through it as well."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=lambda s: s.d + s.dh * (1 - s.new**2)
    )


def back_skips_reset_steps(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The steps that begin a sequence give nothing to the weights and inputs; they are steps like
    others, and only their way to the state before is cut."""

    def da(s):
        return np.where(s.r, 0, (s.d + s.dh) * (1 - s.new**2))

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=da)


def back_dW_h_transposed(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dW_h is transposed: entry (j, k) belongs to the way from unit k, which is read, to unit j."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[1] = grads[1].T
    return grads


def back_start_with_dh0(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart has dh0 added to it; h0 is what the chunk before has left, and no start."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[3] = grads[3] + grads[5].sum(axis=0)
    return grads


def back_W_h_transposed(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """On the way back the gradient is multiplied by the transpose of W_h; rows are gradients, so it
    is da @ W_h."""
    return _walk_back(
        (W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), through=lambda da: da @ W_h.T
    )


def back_last_share(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The weights get the share of the earliest step alone: add up what all steps give."""
    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), counts=lambda s: s.t == 0)


def back_mean_over_batch(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """The gradients of the parameters are means over the batch; they are sums."""
    *sums, dxs, dh0 = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    return *(g / len(h0) for g in sums), dxs, dh0


def back_dxs_reversed(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dxs is in the order of the walk back; dxs[t] belongs to xs[t]."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[4] = grads[4][::-1]
    return grads


def back_without_dh0(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dh0 is all zeros; rows that are not reset at the first step have read h0."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[5] = 0 * grads[5]
    return grads


def back_dh0_of_reset_rows(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dh0 is what comes back through the first step in all rows; a row that is reset at step 0 has
    not read h0: its dh0 is 0."""

    def goes_on(s):
        return s.dg if s.t == 0 else np.where(s.r, 0, s.dg)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), goes_on=goes_on)


def back_start_before_b(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dstart is returned before db; the order is (dW_x, dW_h, db, dstart, dxs, dh0)."""
    grads = _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last))
    grads[2:4] = grads[3], grads[2]
    return grads


def back_in_place(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    """dhs is changed in place; it belongs to the caller."""

    def da(s):
        return np.add(s.d, s.dh, out=s.d) * (1 - s.new**2)

    return _walk_back((W_x, W_h, b, start, xs, resets, h0, dhs, dh_last), da=da)


def back_by_mixing(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    R, h, hs = resets[..., None].astype(float), h0, [h0]
    for t in range(len(xs)):
        h = np.tanh(xs[t] @ W_x.T + (R[t] * start + (1 - R[t]) * h) @ W_h.T + b)
        hs.append(h)
    hs = np.stack(hs)
    reads, da, dh = R * start + (1 - R) * hs[:-1], np.zeros_like(dhs), dh_last
    for t in range(len(xs) - 1, -1, -1):
        da[t] = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dh = (1 - R[t]) * (da[t] @ W_h)
    dW_x, dW_h = (np.einsum("tbh,tbk->hk", da, a) for a in (xs, reads))
    dstart = (R * (da @ W_h)).sum(axis=(0, 1))
    return dW_x, dW_h, da.sum(axis=(0, 1)), dstart, da @ W_x, dh


def back_document_by_document(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    grads = [np.zeros_like(a) for a in (W_x, W_h, b, start, xs, h0)]
    dW_x, dW_h, db, dstart, dxs, dh0 = grads
    for i in range(xs.shape[1]):
        cuts = [0, *(np.flatnonzero(resets[1:, i]) + 1).tolist(), len(xs)]
        for n, m in zip(cuts, cuts[1:]):
            hs = [start if resets[n, i] else h0[i]]
            for t in range(n, m):
                hs.append(np.tanh(W_x @ xs[t, i] + W_h @ hs[-1] + b))
            back = dh_last[i] if m == len(xs) else 0 * b
            for t in range(m - 1, n - 1, -1):
                a = (back + dhs[t, i]) * (1 - hs[t - n + 1] ** 2)
                dW_x += np.outer(a, xs[t, i])
                dW_h += np.outer(a, hs[t - n])
                db += a
                dxs[t, i], back = W_x.T @ a, W_h.T @ a
            if resets[n, i]:
                dstart += back
            else:
                dh0[i] = back
    return grads


def back_in_float32(W_x, W_h, b, start, xs, resets, h0, dhs, dh_last):
    W_x, W_h, b, start, xs, h = (np.float32(a) for a in (W_x, W_h, b, start, xs, h0))
    kept, sums, dxs, dh = [], [0, 0, 0, 0], [], np.float32(dh_last)
    for x, r in zip(xs, resets):
        g = h.copy()
        g[r] = start
        h = np.tanh(x @ W_x.T + g @ W_h.T + b)
        kept.append((x, r, g, h))
    for (x, r, g, h), d in zip(kept[::-1], np.float32(dhs)[::-1]):
        da = (d + dh) * (1 - h * h)
        dg = da @ W_h
        shares = da.T @ x, da.T @ g, da.sum(axis=0), dg[r].sum(axis=0)
        sums = [s + share for s, share in zip(sums, shares)]
        dxs.insert(0, da @ W_x)
        dg[r] = 0
        dh = dg
    return *sums, np.stack(dxs), dh


# ----------------------------------------------------------------------------- table

GRADED = (
    Graded(
        name="pad",
        reference=pad,
        parts=(Part("pad-check", 8, sequences, array_and_integers, draws=20, remark=of_what),),
        misconceptions=(
            pad_batch_first,
            pad_with_zeros,
            pad_in_front,
            pad_to_the_shortest,
            pad_a_step_longer,
            pad_repeats_last,
            pad_sorted,
            pad_sorts_in_place,
            pad_length_T,
            pad_length_by_value,
            pad_length_of_entries,
            pad_reshapes,
            pad_swapped,
            pad_float_lengths,
            pad_value_for_zeros,
            pad_array_of_all,
        ),
        alternatives=(
            pad_by_concatenating,
            pad_as_lists,
            pad_in_float32,
        ),
        says={
            pad_batch_first: "time comes first, then the batch",
            pad_with_zeros: "past the end stands value, not 0",
            pad_in_front: "the padding stands behind the sequence, not in front",
            pad_to_the_shortest: "T is the length of the longest sequence, not of the shortest",
            pad_a_step_longer: "T is the length of the longest sequence, no more",
            pad_repeats_last: "past the end stands value; the last step is not repeated",
            pad_sorted: "nothing is sorted",
            pad_sorts_in_place: "pad changes seqs in place",
            pad_length_T: "each sequence has its own",
            pad_length_by_value: "a sequence may hold the number value itself, so take the length of what came in",
            pad_length_of_entries: "count steps, not numbers",
            pad_reshapes: "reshape mixes the rows; swapaxes(0, 1) swaps the axes",
            pad_swapped: "lengths come first here; return (xs, lengths)",
            pad_float_lengths: "make them integers, or nobody can use them in an index",
            pad_value_for_zeros: "only what stands past the end becomes value",
            pad_array_of_all: "seqs of shapes (1, 2), (3, 2)): they differ in length, so make the array first",
        },
    ),
    Graded(
        name="masked_xent",
        reference=masked_xent,
        parts=(
            Part("masked_xent-check-loss", 7, predictions, only(0), draws=20),
            Part("masked_xent-check-gradient", 9, predictions, only(1), draws=20),
        ),
        misconceptions=(
            xent_own_count,
            xent_all_places,
            xent_per_sequence,
            xent_sum,
            xent_times_mask,
            xent_gradient_times_mask,
            xent_gradient_unmasked,
            xent_unmasked,
            xent_zeros_count,
            xent_step_late,
            xent_step_early,
            xent_by_symbol,
            xent_unshifted,
            xent_log_of_p,
            xent_unshifted_p,
            xent_shifted_by_all,
            xent_shifted_by_all_p,
            xent_over_time,
            xent_over_batch,
            xent_sign,
            xent_both_signs,
            xent_gradient_sign,
            xent_gradient_of_p,
            xent_gradient_all_targets,
            xent_gradient_of_sum,
            xent_bits,
            xent_losses,
            xent_in_place,
        ),
        alternatives=(
            xent_position_by_position,
            xent_by_index,
            xent_in_float32,
        ),
        says={
            xent_own_count: "divide by M, the number of symbols of the whole batch",
            xent_all_places: "divide by M, not by T B",
            xent_per_sequence: "divide all by M",
            xent_sum: "divide by M",
            xent_times_mask: "is it t < length? And 0 times NaN is NaN",
            xent_gradient_times_mask: "is it t < length? And 0 times NaN is NaN, so choose by np.where or an index",
            xent_gradient_unmasked: "expected zeros",
            xent_unmasked: "is it t < length? And 0 times NaN is NaN",
            xent_zeros_count: "use the lengths",
            xent_step_late: "is it t < length? And 0 times NaN is NaN",
            xent_step_early: "the last symbol of each sequence counts as well",
            xent_by_symbol: "make the mask of the lengths",
            xent_unshifted: "no logarithm of a probability",
            xent_log_of_p: "no logarithm of a probability",
            xent_unshifted_p: "subtract each position's largest logit before exp",
            xent_shifted_by_all: "subtract each position's largest logit before exp",
            xent_shifted_by_all_p: "subtract each position's largest logit before exp",
            xent_over_time: "the softmax is over the last axis, the symbols",
            xent_over_batch: "the softmax is over the last axis, the symbols",
            xent_sign: "the sign is wrong",
            xent_both_signs: "the sign is wrong",
            xent_gradient_sign: "the sign is wrong",
            xent_gradient_of_p: "this is p; subtract 1 at the symbol that came",
            xent_gradient_all_targets: "subtract it once per position, at its own symbol",
            xent_gradient_of_sum: "divide by M",
            xent_bits: "this is in bits; use the natural logarithm",
            xent_losses: "sum over the other axes",
            xent_in_place: "masked_xent changes logits in place",
        },
    ),
    Graded(
        name="reverse_padded",
        reference=reverse_padded,
        parts=(Part("reverse_padded-check", 10, padded),),
        misconceptions=(
            reverse_all,
            reverse_to_the_back,
            reverse_batch,
            reverse_features,
            reverse_with_zeros,
            reverse_wraps,
            reverse_modulo,
            reverse_step_off,
            reverse_all_but_last,
            reverse_one_too_many,
            reverse_sorted_lengths,
            reverse_only_longest,
            reverse_in_place,
            reverse_unchanged,
        ),
        alternatives=(
            reverse_row_by_row,
            reverse_by_taking,
            reverse_in_float32,
        ),
        says={
            reverse_all: "turn round the first 2 steps alone",
            reverse_to_the_back: "the turned sequence begins at step 0",
            reverse_batch: "the rows of the batch are turned round; turn round the steps of each",
            reverse_features: "the steps are not turned round",
            reverse_with_zeros: "what stands past the end stays as it is, and is not set to 0",
            reverse_wraps: "past the end a negative index counts from the end of the array",
            reverse_modulo: "what stands there stays",
            reverse_step_off: "counted from 0, the last step is n - 1",
            reverse_all_but_last: "its last step is number length - 1",
            reverse_one_too_many: "the last step is n - 1",
            reverse_sorted_lengths: "this is turned round within the length of another row",
            reverse_only_longest: "nothing was turned round; a short sequence is turned round too",
            reverse_in_place: "reverse_padded changes xs in place",
            reverse_unchanged: "the steps are not turned round",
        },
    ),
    Graded(
        name="bucket_batches",
        reference=bucket_batches,
        parts=(
            Part("bucket_batches-check-fits", 10, moderate_lengths, measure=fits, remark=remark),
            Part("bucket_batches-check-best", 18, uneven_lengths, measure=how_long, remark=remark),
        ),
        misconceptions=(
            bucket_from_shortest,
            bucket_from_longest,
            bucket_unsorted,
            bucket_without_padding,
            bucket_loses_last,
            bucket_loses_sequence,
            bucket_closes_late,
            bucket_step_by_step,
            bucket_alone,
            bucket_places_in_order,
            bucket_lengths,
            bucket_strictly_below,
            bucket_without_overhead,
            bucket_overhead_per_batch,
            bucket_without_rows,
            bucket_by_shortest,
            bucket_by_last,
            bucket_by_mean,
            bucket_limits_the_sum,
            bucket_limitless,
            bucket_unsorted_cuts,
            bucket_overlaps,
            bucket_one_list,
            bucket_in_place,
            bucket_fixed_rows,
            bucket_like_lengths,
        ),
        alternatives=(
            bucket_by_suffixes,
            bucket_by_recursion,
            bucket_carrying_batches,
        ),
        says={
            bucket_from_shortest: "compare all cuts",
            bucket_from_longest: "compare all cuts",
            bucket_unsorted: "do batches hold sequences of like length? Sort first",
            bucket_without_padding: "rows times longest, and not the sum of the lengths",
            bucket_loses_last: "is the last batch put into the list?",
            bucket_loses_sequence: "does a sequence that opens a batch get lost?",
            bucket_closes_late: "4 rows, padded to 7 steps, are 28 places, more than max_tokens = 24",
            bucket_step_by_step: "compare all cuts",
            bucket_alone: "each sequence is alone, so what every step costs by itself is paid too often",
            bucket_places_in_order: "are these places in the sorted list? Indices are into lengths as they came in",
            bucket_lengths: "batches hold indices, not lengths",
            bucket_strictly_below: "a padded size may be equal to max_tokens",
            bucket_without_overhead: "little is padded, but what every step costs by itself is paid too often",
            bucket_overhead_per_batch: "it stands in the bracket with the rows",
            bucket_without_rows: "compare all cuts",
            bucket_by_shortest: "not of its shortest",
            bucket_by_last: "not of its shortest",
            bucket_by_mean: "3 rows, padded to 9 steps, are 27 places, more than max_tokens = 24",
            bucket_limits_the_sum: "rows times longest, and not the sum of the lengths",
            bucket_limitless: "3 rows, padded to 9 steps, are 27 places, more than max_tokens = 24",
            bucket_unsorted_cuts: "do batches hold sequences of like length? Sort first",
            bucket_overlaps: "index 4 is there more than once",
            bucket_one_list: "one for each batch",
            bucket_in_place: "bucket_batches changes lengths in place",
            bucket_fixed_rows: "beside short sequences there is room for more rows than beside the longest",
            bucket_like_lengths: "little is padded, but what every step costs by itself is paid too often",
        },
    ),
    Graded(
        name="carry",
        reference=carry,
        parts=(Part("carry-check", 10, stream),),
        misconceptions=(
            carry_without_resets,
            carry_resets_to_zero,
            carry_turned_round,
            carry_all_rows,
            carry_after_the_step,
            carry_step_late,
            carry_step_early,
            carry_first_from_h0,
            carry_first_from_start,
            carry_added,
            carry_outside_W_h,
            carry_W_h_transposed,
            carry_last_reset,
            carry_from_h0,
            carry_with_h0,
            carry_tanh_of_start,
            carry_same_array,
            carry_in_place,
        ),
        alternatives=(
            carry_document_by_document,
            carry_by_mixing,
            carry_in_float32,
        ),
        says={
            carry_without_resets: "rows are reset where resets is True",
            carry_resets_to_zero: "a reset row reads start, not zeros",
            carry_turned_round: "True resets; False carries on",
            carry_all_rows: "each row has flags of its own",
            carry_after_the_step: "from start, with its input",
            carry_step_late: "resets[t] is about what step t reads",
            carry_step_early: "resets[t] is about what step t reads",
            carry_first_from_h0: "a sequence may begin at step 0",
            carry_first_from_start: "at step 0 rows that are not reset read h0",
            carry_added: "start takes the place of the state",
            carry_outside_W_h: "start is multiplied by W_h, like any state that is read",
            carry_W_h_transposed: "the states are rows, so it is h @ W_h.T",
            carry_last_reset: "it must be hs[T - 1], which the next chunk gets",
            carry_from_h0: "a reset row reads start, not h0",
            carry_with_h0: "hs[t] is the state after xs[t]; h0 is not in hs",
            carry_tanh_of_start: "start is read as it is, without a tanh of its own",
            carry_same_array: "make a new one at each step",
            carry_in_place: "np.where makes a new array",
        },
    ),
    Graded(
        name="carry_backward",
        reference=carry_backward,
        parts=(
            Part("carry_backward-check-weights", 10, stream_and_cotangents, only(0, 1, 2)),
            Part("carry_backward-check-start", 10, stream_and_cotangents, only(3)),
            Part("carry_backward-check-inputs", 8, stream_and_cotangents, only(4, 5)),
        ),
        misconceptions=(
            back_does_not_stop,
            back_stops_all_rows,
            back_keeps_reset_rows,
            back_stops_early,
            back_stops_late,
            back_reads_before,
            back_constant_start,
            back_start_every_step,
            back_start_unreset,
            back_start_not_added_up,
            back_start_from_last,
            back_start_not_at_first_step,
            back_start_mean,
            back_start_mean_of_resets,
            back_start_mean_where_reset,
            back_start_before_W_h,
            back_start_of_arriving,
            back_start_slope,
            back_start_by_row,
            back_start_twice,
            back_forward_without_resets,
            back_forward_to_zero,
            back_without_dh_last,
            back_only_dh_last,
            back_replaces_dhs,
            back_not_carried,
            back_without_slope,
            back_slope_before,
            back_slope_of_read,
            back_slope_of_later,
            back_skips_reset_steps,
            back_dW_h_transposed,
            back_start_with_dh0,
            back_W_h_transposed,
            back_last_share,
            back_mean_over_batch,
            back_dxs_reversed,
            back_without_dh0,
            back_dh0_of_reset_rows,
            back_start_before_b,
            back_in_place,
        ),
        alternatives=(
            back_by_mixing,
            back_document_by_document,
            back_in_float32,
        ),
        says={
            back_does_not_stop: "a reset row has not read the state before, so nothing goes back to it",
            back_stops_all_rows: "only the rows that are reset stop; each row has flags of its own",
            back_keeps_reset_rows: "it goes on where it must stop, and stops where it must go on",
            back_stops_early: "stop after it",
            back_stops_late: "resets[t] cuts before step t",
            back_reads_before: "dW_h takes what the step has read, which may be start",
            back_constant_start: "each step that reads it sends it a gradient",
            back_start_every_step: "only rows that are reset have read start",
            back_start_unreset: "rows that are reset have read start, and the others have not",
            back_start_not_added_up: "add up what the resets at all steps send",
            back_start_from_last: "add up what the resets at all steps send",
            back_start_not_at_first_step: "a reset at step 0 has read start as well",
            back_start_mean: "sum over the rows, do not average",
            back_start_mean_of_resets: "a step without resets adds 0",
            back_start_mean_where_reset: "sum over the rows that are reset, do not average",
            back_start_before_W_h: "start is multiplied by W_h, so its gradient comes back through W_h",
            back_start_of_arriving: "it is the sum of dg, what comes back through the tanh and W_h, over all that is reset",
            back_start_slope: "it has no tanh, and so no slope of its own",
            back_start_by_row: "sum over the other axes",
            back_start_twice: "a reset row has not read the state before, so nothing goes back to it",
            back_forward_without_resets: "they do not read the state before",
            back_forward_to_zero: "they read start, not 0",
            back_without_dh_last: "the walk begins with it",
            back_only_dh_last: "dhs[t] is added at each step",
            back_replaces_dhs: "dh_last is added to dhs[T - 1]; it does not replace it",
            back_not_carried: "nothing is carried from a step to the one before it",
            back_without_slope: "the slope of the tanh is missing",
            back_slope_before: "the slope is 1 - h² of the state after the step",
            back_slope_of_read: "the slope is 1 - h² of the state after the step",
            back_slope_of_later: "compare with the table of the example",
            back_skips_reset_steps: "compare with the table of the example",
            back_dW_h_transposed: "entry (j, k) goes from unit k to unit j",
            back_start_with_dh0: "its gradient is no part of dstart",
            back_W_h_transposed: "rows are gradients, so what comes back is da @ W_h",
            back_last_share: "add up all steps",
            back_mean_over_batch: "sum over the rows, do not average",
            back_dxs_reversed: "it is in the order of the walk back; dxs[t] is that of xs[t]",
            back_without_dh0: "rows that are not reset at step 0 have read h0",
            back_dh0_of_reset_rows: "a row that is reset at step 0 has not read h0: its dh0 is 0",
            back_start_before_b: "this is dstart; db comes before it",
            back_in_place: "carry_backward changes dhs in place",
        },
    ),
)
