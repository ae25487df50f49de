"""What assignment 01-forward grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.
"""

import numpy as np

from rnnlib.grading.table import Graded, Part
from rnnlib.reference import elman, losses

# ---------------------------------------------------------------------------- inputs


def sizes(rng):
    """B, D, H, V ≥ 2, all different, so that no shape can stand in for another."""
    return rng.permutation([2, 3, 4, 5])


def weights(rng, D, H):
    return 0.5 * rng.normal(size=(H, D)), 0.5 * rng.normal(size=(H, H)), 0.5 * rng.normal(size=H)


def elman_inputs(rng):
    B, D, H, _ = sizes(rng)
    return *weights(rng, D, H), rng.normal(size=(B, D)), rng.uniform(-0.9, 0.9, (B, H))


def leaky_inputs(rng):
    W_x, W_h, b, x, h = elman_inputs(rng)
    return W_x, W_h, b, rng.uniform(0.1, 0.9, len(b)), x, h


def leaky_inputs_without_leak(rng):
    W_x, W_h, b, x, h = elman_inputs(rng)
    return W_x, W_h, b, np.ones(len(b)), x, h


def full_sequences(rng):
    W_x, W_h, b, alpha, _, h0 = leaky_inputs(rng)
    T, B, D = rng.integers(3, 8), len(h0), W_x.shape[1]
    return W_x, W_h, b, alpha, rng.normal(size=(T, B, D)), h0, np.full(B, T)


def ragged_sequences(rng):
    """Lengths in any order, 1 and the longest among them; every other draw has spare padding."""
    *params, xs, h0, lengths = full_sequences(rng)
    T, B, _ = xs.shape
    longest = T - rng.integers(2)
    lengths[:] = rng.permutation([1, longest, *rng.integers(1, longest + 1, B - 2)])
    xs[np.arange(T)[:, None] >= lengths] = rng.uniform(-50, 50)
    return *params, xs, h0, lengths


def predictions(rng):
    """The mask is no prefix, and lets different numbers through in every column."""
    B, _, T, V = sizes(rng)
    mask = rng.random((T, B)) < 0.6
    mask[rng.integers(T), rng.integers(B)] = True
    mask[rng.integers(T), rng.integers(B)] = False
    mask.flat[0] |= not mask.any()
    return 2 * rng.normal(size=(T, B, V)), rng.integers(V, size=(T, B)), mask


def extreme_predictions(rng):
    """Differences of thousands within a position and between positions; one of them counts."""
    logits, targets, mask = predictions(rng)
    mask.flat[:] = np.arange(mask.size) == rng.integers(mask.size)
    logits += rng.choice([-1000, 1000], logits.shape[:2])[..., None]
    logits[..., 0] += rng.choice([-1000, 1000], logits.shape[:2])
    return np.round(64 * logits) / 64, targets, mask  # float32 holds them exactly


def the_loss(result, rng):
    return result[0]


def the_gradient(result, rng):
    return result[1]


def one_layer(rng):
    D, H, V, _ = (int(n) for n in 10 * sizes(rng))
    return D, H, V, 1, bool(rng.integers(2))


def stack(rng):
    D, H, V, layers = (int(n) for n in sizes(rng))
    return D, H, V, layers, bool(rng.integers(2))


def nothing(rng):
    return ()


def outputs(result, bits):
    """What the ReLU network puts out after every bit."""
    W_x, W_h, b, w_out, b_out = (np.asarray(w, dtype=float) for w in result)
    n = len(b)
    if (W_x.shape, W_h.shape, b.shape, w_out.size, b_out.size) != ((n, 1), (n, n), (n,), n, 1):
        raise ValueError("no network of one input and one output")
    h, ys = np.zeros(n), []
    for x in bits:
        h = np.maximum(W_x[:, 0] * x + W_h @ h + b, 0)
        ys.append(float((w_out @ h + b_out).item()))
    return np.array(ys)


def read_short(result, rng):
    """The bit that is read off, on 20 short strings."""
    return np.array([outputs(result, rng.integers(2, size=8)) > 0.5 for _ in range(20)], float)


def read_long(result, rng):
    """The number that is put out, on one long string; that it be exact means tolerance 0."""
    return outputs(result, rng.integers(2, size=2000))


# ------------------------------------------------------------------------ elman_step


def elman_step(W_x, W_h, b, x, h):
    state, _ = elman.step(elman.Params(W_x, W_h, b), x, elman.State(h))
    return state.h


def elman_forgets(W_x, W_h, b, x, h):
    """The state before the step has no part in the new one: nothing recurs."""
    return np.tanh(x @ W_x.T + b)


def elman_without_bias(W_x, W_h, b, x, h):
    """The bias b is not added."""
    return np.tanh(x @ W_x.T + h @ W_h.T)


def elman_bias_outside(W_x, W_h, b, x, h):
    """The bias b is added to the tanh; it belongs into its argument."""
    return np.tanh(x @ W_x.T + h @ W_h.T) + b


def elman_bias_twice(W_x, W_h, b, x, h):
    """The bias b is added to each of the two products; it is added once."""
    return np.tanh((x @ W_x.T + b) + (h @ W_h.T + b))


def elman_relu(W_x, W_h, b, x, h):
    """The activation is relu; the equation has tanh."""
    return np.maximum(x @ W_x.T + h @ W_h.T + b, 0)


def elman_with_cache(W_x, W_h, b, x, h):
    """What a way back would need is returned as well; return h' alone."""
    new = np.tanh(x @ W_x.T + h @ W_h.T + b)
    return new, (x, h, new)


def elman_transposed(W_x, W_h, b, x, h):
    """W_h acts transposed. A row h of the batch is W_h h, which is h @ W_h.T."""
    return np.tanh(x @ W_x.T + h @ W_h + b)


def elman_tanh_of_input_only(W_x, W_h, b, x, h):
    """The tanh covers the input and the bias but not W_h h."""
    return np.tanh(x @ W_x.T + b) + h @ W_h.T


def elman_residual(W_x, W_h, b, x, h):
    """The old state is added to the new one; the equation replaces it."""
    return h + np.tanh(x @ W_x.T + h @ W_h.T + b)


def elman_sigmoid(W_x, W_h, b, x, h):
    """The activation is the logistic function; the equation has tanh."""
    return 1 / (1 + np.exp(-(x @ W_x.T + h @ W_h.T + b)))


def elman_linear(W_x, W_h, b, x, h):
    """The activation is missing: this is the argument of the tanh."""
    return x @ W_x.T + h @ W_h.T + b


def elman_batch_mean(W_x, W_h, b, x, h):
    """The examples of a batch are mixed; each row of h' belongs to its own row of x and h."""
    return np.tanh(x @ W_x.T + h.mean(0) @ W_h.T + b)


def elman_in_place(W_x, W_h, b, x, h):
    """The result is written into h, which belongs to the caller."""
    h[:] = np.tanh(x @ W_x.T + h @ W_h.T + b)
    return h


def elman_by_loops(W_x, W_h, b, x, h):
    rows = []
    for i in range(len(x)):
        row = []
        for j in range(len(b)):
            a = b[j]
            for k in range(W_x.shape[1]):
                a = a + W_x[j, k] * x[i, k]
            for k in range(len(b)):
                a = a + W_h[j, k] * h[i, k]
            row.append(np.tanh(a))
        rows.append(row)
    return rows


def elman_by_einsum(W_x, W_h, b, x, h):
    a = np.einsum("hd,bd->bh", W_x, x)
    a += np.einsum("hk,bk->bh", W_h, h)
    a += b
    return np.tanh(a, out=a)


def elman_stacked(W_x, W_h, b, x, h):
    W = np.concatenate([W_x, W_h, b[:, None]], axis=1)
    return np.tanh(W @ np.concatenate([x, h, np.ones((len(x), 1))], axis=1).T).T


def elman_in_float32(W_x, W_h, b, x, h):
    W_x, W_h, b, x, h = (a.astype(np.float32) for a in (W_x, W_h, b, x, h))
    return np.tanh(x @ W_x.T + h @ W_h.T + b)


# ------------------------------------------------------------------------ leaky_step


def leaky_step(W_x, W_h, b, alpha, x, h):
    return (1 - alpha) * h + alpha * elman_step(W_x, W_h, b, x, h)


def leaky_swapped(W_x, W_h, b, alpha, x, h):
    """α and 1 - α are swapped: α is the share of the new, 1 - α that of the old state."""
    return alpha * h + (1 - alpha) * np.tanh(x @ W_x.T + h @ W_h.T + b)


def leaky_alpha_inside(W_x, W_h, b, alpha, x, h):
    """α stands inside the tanh; it multiplies the tanh."""
    return (1 - alpha) * h + np.tanh(alpha * (x @ W_x.T + h @ W_h.T + b))


def leaky_new_unscaled(W_x, W_h, b, alpha, x, h):
    """The new part is not multiplied by α, so that old and new do not balance."""
    return (1 - alpha) * h + np.tanh(x @ W_x.T + h @ W_h.T + b)


def leaky_old_unscaled(W_x, W_h, b, alpha, x, h):
    """The old state is not multiplied by 1 - α: nothing leaks, the state piles up."""
    return h + alpha * np.tanh(x @ W_x.T + h @ W_h.T + b)


def leaky_one_rate(W_x, W_h, b, alpha, x, h):
    """All units leak at one rate; each has its own entry of α."""
    a = alpha.mean()
    return (1 - a) * h + a * np.tanh(x @ W_x.T + h @ W_h.T + b)


def leaky_decays_first(W_x, W_h, b, alpha, x, h):
    """The state decays before W_h reads it; W_h reads the whole state."""
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + ((1 - alpha) * h) @ W_h.T + b)


def leaky_scales_recurrence(W_x, W_h, b, alpha, x, h):
    """α scales what W_h reads; W_h reads the whole state, and α multiplies the tanh alone."""
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + (alpha * h) @ W_h.T + b)


def leaky_tanh_outside(W_x, W_h, b, alpha, x, h):
    """The tanh is taken of the mixture; it covers W_x x + W_h h + b alone."""
    return np.tanh((1 - alpha) * h + alpha * (x @ W_x.T + h @ W_h.T + b))


def leaky_transposed(W_x, W_h, b, alpha, x, h):
    """W_h acts transposed. A row h of the batch is W_h h, which is h @ W_h.T."""
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + h @ W_h + b)


def leaky_without_bias(W_x, W_h, b, alpha, x, h):
    """The bias b is not added."""
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + h @ W_h.T)


def leaky_with_cache(W_x, W_h, b, alpha, x, h):
    """The tanh is returned as well; return h' alone."""
    new = np.tanh(x @ W_x.T + h @ W_h.T + b)
    return (1 - alpha) * h + alpha * new, new


def leaky_in_place(W_x, W_h, b, alpha, x, h):
    """The state h is scaled in place; it belongs to the caller."""
    new = np.tanh(x @ W_x.T + h @ W_h.T + b)
    h *= 1 - alpha
    return h + alpha * new


def leaky_as_increment(W_x, W_h, b, alpha, x, h):
    return h + alpha * (np.tanh(x @ W_x.T + h @ W_h.T + b) - h)


def leaky_by_diagonal_matrices(W_x, W_h, b, alpha, x, h):
    A = np.diag(alpha)
    new = np.tanh(W_x @ x.T + W_h @ h.T + b[:, None])
    return ((np.eye(len(b)) - A) @ h.T + A @ new).T


def leaky_row_by_row(W_x, W_h, b, alpha, x, h):
    return [
        (1 - alpha) * h_i + alpha * np.tanh(W_x @ x_i + W_h @ h_i + b)
        for x_i, h_i in zip(x, h, strict=True)
    ]


def leaky_in_float32(W_x, W_h, b, alpha, x, h):
    W_x, W_h, b, alpha, x, h = (np.float32(a) for a in (W_x, W_h, b, alpha, x, h))
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + h @ W_h.T + b)


# ---------------------------------------------------------------------------- unroll


def unroll(W_x, W_h, b, alpha, xs, h0, lengths):
    h, hs = h0, []
    for t, x in enumerate(xs):
        new = leaky_step(W_x, W_h, b, alpha, x, h)
        h = np.where(t < lengths[:, None], new, h)
        hs.append(h)
    return np.stack(hs), h


def made_up_step(W_x, W_h, b, alpha, x, h):
    """Any step will do that reads all its arguments and is not the leaky one."""
    return h + alpha * x.sum(-1, keepdims=True) + b + W_x.sum() + W_h.sum()


def unroll_ignores_lengths(W_x, W_h, b, alpha, xs, h0, lengths):
    """lengths is not used: the padding after the end of a sequence moves its state."""
    h, hs = h0, []
    for x in xs:
        h = leaky_step(W_x, W_h, b, alpha, x, h)
        hs.append(h)
    return np.stack(hs), h


def unroll_zeros_after_the_end(W_x, W_h, b, alpha, xs, h0, lengths):
    """hs is zero after the end of a sequence; it repeats the last state there."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        active = (t < lengths)[:, None]
        h = np.where(active, leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h * active)
    return np.stack(hs), h


def unroll_forgets_after_the_end(W_x, W_h, b, alpha, xs, h0, lengths):
    """The state itself drops to zero after the end of a sequence; it stays as it is."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), 0)
        hs.append(h)
    return np.stack(hs), h


def unroll_returns_to_h0(W_x, W_h, b, alpha, xs, h0, lengths):
    """The state returns to h0 after the end of a sequence; it stays as it is."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h0)
        hs.append(h)
    return np.stack(hs), h


def unroll_one_step_too_far(W_x, W_h, b, alpha, xs, h0, lengths):
    """Each sequence reads one step of its padding: with steps from 0, the last is lengths - 1."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t <= lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_one_step_short(W_x, W_h, b, alpha, xs, h0, lengths):
    """Each sequence stops one step early: with steps from 0, the last is lengths - 1."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths - 1)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_starts_afresh(W_x, W_h, b, alpha, xs, h0, lengths):
    """Every step starts from h0: the state is not carried from step to step."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h0), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_ignores_h0(W_x, W_h, b, alpha, xs, h0, lengths):
    """The first state is zero; it is h0."""
    h, hs = np.zeros_like(h0), []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_lists_states_before(W_x, W_h, b, alpha, xs, h0, lengths):
    """hs lists the state before each input, h0 first; it lists the state after each input."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        hs.append(h)
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
    return np.stack(hs), h


def unroll_backwards(W_x, W_h, b, alpha, xs, h0, lengths):
    """The sequence is read from its end; it is read from its beginning."""
    h, hs = h0, [None] * len(xs)
    for t in range(len(xs))[::-1]:
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, xs[t], h), h)
        hs[t] = h
    return np.stack(hs), h


def unroll_stops_with_the_longest(W_x, W_h, b, alpha, xs, h0, lengths):
    """hs ends with the longest sequence; it has T steps even if none is that long."""
    h, hs = h0, []
    for t in range(lengths.max()):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, xs[t], h), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_assumes_sorted(W_x, W_h, b, alpha, xs, h0, lengths):
    """The first sequences are taken for the longest; lengths may be in any order."""
    h, hs = h0.copy(), []
    for t, x in enumerate(xs):
        n = (t < lengths).sum()
        h[:n] = leaky_step(W_x, W_h, b, alpha, x[:n], h[:n])
        hs.append(h.copy())
    return np.stack(hs), h


def unroll_one_array(W_x, W_h, b, alpha, xs, h0, lengths):
    """One array is written into at every step, so that all of hs is the last state: copy it."""
    h, hs = h0.copy(), []
    for t, x in enumerate(xs):
        h[:] = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_changes_h0(W_x, W_h, b, alpha, xs, h0, lengths):
    """The states are written into h0, which belongs to the caller."""
    hs = []
    for t, x in enumerate(xs):
        h0[:] = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h0), h0)
        hs.append(h0.copy())
    return np.stack(hs), h0


def unroll_takes_no_step(W_x, W_h, b, alpha, xs, h0, lengths):
    """The condition is the other way round: running sequences are frozen, ended ones move."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], h, leaky_step(W_x, W_h, b, alpha, x, h))
        hs.append(h)
    return np.stack(hs), h


def unroll_batch_first(W_x, W_h, b, alpha, xs, h0, lengths):
    """hs has the batch on its first axis; time comes first."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, x, h), h)
        hs.append(h)
    return np.stack(hs, axis=1), h


def unroll_keeps_h0(W_x, W_h, b, alpha, xs, h0, lengths):
    """hs begins with h0 and is one state too long; it lists the state after each input."""
    hs = [h0]
    for t, x in enumerate(xs):
        new = leaky_step(W_x, W_h, b, alpha, x, hs[-1])
        hs.append(np.where((t < lengths)[:, None], new, hs[-1]))
    return np.stack(hs), hs[-1]


def unroll_swaps_arguments(W_x, W_h, b, alpha, xs, h0, lengths):
    """leaky_step gets h before x; its arguments end with x, h."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        h = np.where((t < lengths)[:, None], leaky_step(W_x, W_h, b, alpha, h, x), h)
        hs.append(h)
    return np.stack(hs), h


def unroll_by_mask(W_x, W_h, b, alpha, xs, h0, lengths):
    m = (np.arange(len(xs))[:, None] < lengths).astype(float)[..., None]
    hs = [h0]
    for t in range(len(xs)):
        hs.append(m[t] * leaky_step(W_x, W_h, b, alpha, xs[t], hs[-1]) + (1 - m[t]) * hs[-1])
    return [hs[1:], hs[-1]]


def unroll_gathers(W_x, W_h, b, alpha, xs, h0, lengths):
    T, B, _ = xs.shape
    free = np.empty((T, *h0.shape))
    h = h0
    for t in range(T):
        free[t] = h = leaky_step(W_x, W_h, b, alpha, xs[t], h)
    hs = free[np.minimum(np.arange(T)[:, None], lengths - 1), np.arange(B)]
    return hs, hs[-1]


def unroll_sequence_by_sequence(W_x, W_h, b, alpha, xs, h0, lengths):
    hs = np.empty((*xs.shape[:2], len(b)))
    for i, n in enumerate(lengths):
        h = h0[i : i + 1]
        for t in range(n):
            h = leaky_step(W_x, W_h, b, alpha, xs[t, i : i + 1], h)
            hs[t, i] = h[0]
        hs[n:, i] = h[0]
    return hs, hs[-1].copy()


def unroll_only_the_active(W_x, W_h, b, alpha, xs, h0, lengths):
    h, hs = np.array(h0), []
    for t, x in enumerate(xs):
        rows = np.flatnonzero(t < lengths)
        if len(rows):
            h[rows] = leaky_step(W_x, W_h, b, alpha, x[rows], h[rows])
        hs.append(h.copy())
    return np.array(hs), h


def unroll_written_out(W_x, W_h, b, alpha, xs, h0, lengths):
    driven = xs @ W_x.T + b  # the inputs' share, for all steps at once
    h, hs = h0, []
    for t in range(len(xs)):
        new = (1 - alpha) * h + alpha * np.tanh(driven[t] + h @ W_h.T)
        h = np.where((lengths > t)[:, None], new, h)
        hs.append(h)
    return np.stack(hs), h


# ---------------------------------------------------------------------- softmax_xent


def softmax_xent(logits, targets, mask):
    return losses.cross_entropy(logits, targets, mask)


def xent_mean_over_all(logits, targets, mask):
    """The mean is over all positions; it is over those that the mask lets through."""
    T, B, V = logits.shape
    e = np.exp(logits - logits.max(-1, keepdims=True))
    log_p = logits - logits.max(-1, keepdims=True) - np.log(e.sum(-1, keepdims=True))
    y = np.eye(V)[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / (T * B), m * (np.exp(log_p) - y) / (T * B)


def xent_sum(logits, targets, mask):
    """The loss is a sum over the positions; it is their mean."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum(), m * (np.exp(log_p) - y)


def xent_gradient_of_the_sum(logits, targets, mask):
    """The gradient is that of the sum; the loss is a mean, so it is divided by M as well."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * (np.exp(log_p) - y)


def xent_gradient_unmasked(logits, targets, mask):
    """The gradient reaches positions that the mask hides."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    return -(mask[..., None] * y * log_p).sum() / mask.sum(), (np.exp(log_p) - y) / mask.sum()


def xent_gradient_flipped(logits, targets, mask):
    """The gradient has the wrong sign: raising the right symbol's logit lowers the loss."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * (y - np.exp(log_p)) / mask.sum()


def xent_loss_flipped(logits, targets, mask):
    """The loss is the mean of log p; it is that of -log p."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return (m * y * log_p).sum() / mask.sum(), m * (np.exp(log_p) - y) / mask.sum()


def xent_unmasked(logits, targets, mask):
    """The mask is not used: hidden positions enter the loss and its gradient."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    return -(y * log_p).sum() / mask.size, (np.exp(log_p) - y) / mask.size


def xent_without_log(logits, targets, mask):
    """The loss is the mean of -p; the logarithm is missing."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * p).sum() / mask.sum(), m * (p - y) / mask.sum()


def xent_per_position(logits, targets, mask):
    """The loss is one number per position; it is their mean."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum(-1), m * (np.exp(log_p) - y) / mask.sum()


def xent_gradient_is_p(logits, targets, mask):
    """The gradient holds the probabilities; the symbol that came enters the loss by itself too."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * np.exp(log_p) / mask.sum()


def xent_overflows(logits, targets, mask):
    """exp overflows: subtract the largest logit of the position before."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -np.log((p * y).sum(-1))[mask].mean(), m * (p - y) / mask.sum()


def xent_overflows_behind_the_mask(logits, targets, mask):
    """exp overflows: subtract the largest logit of the position before."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    y, m = np.eye(logits.shape[-1])[targets], mask[..., None]
    p_y = np.clip((p * y).sum(-1), 1e-12, 1)
    return -(mask * np.log(p_y)).sum() / mask.sum(), m * (p - y) / mask.sum()


def xent_log_of_zero(logits, targets, mask):
    """The softmax underflows to 0 and its logarithm is -inf: compute log p, not log(softmax)."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -np.log((p * y).sum(-1))[mask].mean(), m * (p - y) / mask.sum()


def xent_with_epsilon(logits, targets, mask):
    """A small number is added within the logarithm, which bounds the loss: compute log p."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -np.log((p * y).sum(-1) + 1e-9)[mask].mean(), m * (p - y) / mask.sum()


def xent_global_shift(logits, targets, mask):
    """The largest logit of all is subtracted, which empties positions with lower ones: shift
    each position by its own."""
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -log_p[y.astype(bool)].reshape(mask.shape)[mask].mean(), np.where(
        m, (np.exp(log_p) - y) / mask.sum(), 0
    )


def xent_hidden_infinity(logits, targets, mask):
    """A hidden position with an infinite loss is multiplied by 0, which gives nan: select the
    positions that count, or compute a finite log p everywhere."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(mask * np.log((p * y).sum(-1))).sum() / mask.sum(), m * (p - y) / mask.sum()


def xent_in_bits(logits, targets, mask):
    """The logarithm has base 2, so the loss is in bits; it is in nats."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = (shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))) / np.log(2)
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * (np.exp2(log_p) - y) / np.log(2) / mask.sum()


def xent_masks_logits(logits, targets, mask):
    """The logits are masked before the softmax: what is hidden then counts as a uniform guess."""
    logits = logits * mask[..., None]
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    return -(y * log_p).sum() / mask.sum(), (np.exp(log_p) - y) / mask.sum()


def xent_mean_of_means(logits, targets, mask):
    """Each sequence is averaged before the batch is, so symbols of short ones weigh more: take
    one mean over all symbols that count."""
    shifted = logits - logits.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    weight = mask / np.maximum(mask.sum(0), 1) / mask.any(0).sum()
    return -(weight[..., None] * y * log_p).sum(), weight[..., None] * (np.exp(log_p) - y)


def xent_wrong_axis(logits, targets, mask):
    """The probabilities sum to one over the batch; they do so over the symbols, the last axis."""
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * (np.exp(log_p) - y) / mask.sum()


def xent_in_place(logits, targets, mask):
    """The shift is subtracted from logits itself, which belongs to the caller."""
    logits -= logits.max(-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    y = np.eye(logits.shape[-1])[targets]
    m = mask[..., None]
    return -(m * y * log_p).sum() / mask.sum(), m * (np.exp(log_p) - y) / mask.sum()


def xent_by_loops(logits, targets, mask):
    import math

    T, B, V = logits.shape
    loss, dlogits, M = 0.0, np.zeros((T, B, V)), int(mask.sum())
    for t in range(T):
        for i in range(B):
            if mask[t, i]:
                z = [float(v) for v in logits[t, i]]
                top = max(z)
                log_sum = top + math.log(sum(math.exp(v - top) for v in z))
                loss += (log_sum - z[targets[t, i]]) / M
                for k in range(V):
                    dlogits[t, i, k] = (math.exp(z[k] - log_sum) - (k == targets[t, i])) / M
    return [loss, dlogits.tolist()]


def xent_selects(logits, targets, mask):
    z, y = logits[mask], targets[mask]  # (M, V), (M,)
    rows = np.arange(len(y))
    log_p = z - np.logaddexp.reduce(z, axis=-1, keepdims=True)
    dz = np.exp(log_p)
    dz[rows, y] -= 1
    dlogits = np.zeros_like(logits)
    dlogits[mask] = dz / len(y)
    return np.mean(-log_p[rows, y]), dlogits


def xent_in_float32(logits, targets, mask):
    z = logits.astype(np.float32)
    z = z - z.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    w = mask.astype(np.float32) / mask.sum(dtype=np.float32)
    picked = np.take_along_axis(log_p, targets[..., None], axis=-1)
    dz = np.exp(log_p)
    np.put_along_axis(dz, targets[..., None], np.exp(picked) - 1, axis=-1)
    return -(w * picked[..., 0]).sum(), dz * w[..., None]


# ---------------------------------------------------------------------- count_params


def count_params(D, H, V, layers, bidirectional):
    directions = 1 + bidirectional
    inputs = [D] + [H * directions] * (layers - 1)
    return sum(directions * H * (n + H + 1) for n in inputs) + V * (H * directions + 1)


def count_two_biases(D, H, V, layers, bidirectional):
    """Two biases are counted for each unit, as torch stores them; there is one."""
    d = 2 if bidirectional else 1
    return d * H * (D + H + 2) + (layers - 1) * d * H * (d * H + H + 2) + V * (d * H + 1)


def count_bias_once(D, H, V, layers, bidirectional):
    """A layer's bias is counted once; each of its directions has a bias of its own."""
    d = 2 if bidirectional else 1
    return d * H * (D + H) + (layers - 1) * d * H * (d * H + H) + layers * H + V * (d * H + 1)


def count_no_bias(D, H, V, layers, bidirectional):
    """The biases of the units are not counted."""
    d = 2 if bidirectional else 1
    return d * H * (D + H) + (layers - 1) * d * H * (d * H + H) + V * (d * H + 1)


def count_no_output_bias(D, H, V, layers, bidirectional):
    """The bias of the read-out, one for each of V outputs, is not counted."""
    d = 2 if bidirectional else 1
    return d * H * (D + H + 1) + (layers - 1) * d * H * (d * H + H + 1) + V * d * H


def count_all_layers_read_the_input(D, H, V, layers, bidirectional):
    """Every layer is counted as reading the D inputs; a deeper one reads the layer below."""
    d = 2 if bidirectional else 1
    return layers * d * H * (D + H + 1) + V * (d * H + 1)


def count_deeper_reads_one_direction(D, H, V, layers, bidirectional):
    """A deeper layer is counted as reading H numbers; below it two directions give 2H."""
    d = 2 if bidirectional else 1
    return d * H * (D + H + 1) + (layers - 1) * d * H * (H + H + 1) + V * (d * H + 1)


def count_output_reads_one_direction(D, H, V, layers, bidirectional):
    """The read-out is counted as reading H numbers; two directions give 2H."""
    d = 2 if bidirectional else 1
    return d * H * (D + H + 1) + (layers - 1) * d * H * (d * H + H + 1) + V * (H + 1)


def count_everything_twice(D, H, V, layers, bidirectional):
    """Both directions are counted by doubling everything; the read-out has one bias, and the
    deeper layers read both directions."""
    one = H * (D + H + 1) + (layers - 1) * H * (H + H + 1) + V * (H + 1)
    return 2 * one if bidirectional else one


def count_one_layer(D, H, V, layers, bidirectional):
    """The number of layers is not used."""
    d = 2 if bidirectional else 1
    return d * H * (D + H + 1) + V * (d * H + 1)


def count_recurrence_across_directions(D, H, V, layers, bidirectional):
    """W_h is counted as reading both directions; each direction reads its own H units."""
    d = 2 if bidirectional else 1
    return d * H * (D + d * H + 1) + (layers - 1) * d * H * (2 * d * H + 1) + V * (d * H + 1)


def count_by_building(D, H, V, layers, bidirectional):
    n = D
    arrays = []
    for _ in range(layers):
        for _ in range(2 if bidirectional else 1):
            arrays += [np.empty((H, n)), np.empty((H, H)), np.empty(H)]
        n = 2 * H if bidirectional else H
    arrays += [np.empty((V, n)), np.empty(V)]
    return np.sum([a.size for a in arrays])


def count_recursively(D, H, V, layers, bidirectional):
    width = 2 * H if bidirectional else H

    def from_layer(n, layer):
        if layer == layers:
            return V * (n + 1)
        return width * (n + H + 1) + from_layer(width, layer + 1)

    return from_layer(D, 0)


# -------------------------------------------------------------------- parity_weights


def parity_weights():
    W_h = np.array([[1.0, -2.0], [1.0, -2.0]])
    return np.ones((2, 1)), W_h, np.array([0.0, -1.0]), np.array([1.0, -2.0]), 0.0


def parity_counts():
    """The state counts the ones: right until the second one arrives."""
    return np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), np.ones(1), 0.0


def parity_any():
    """The network says whether a one has come at all, which is OR: a second one must undo the
    first."""
    W_h = np.array([[1.0, -1.0], [1.0, -1.0]])
    return np.ones((2, 1)), W_h, np.array([0.0, -1.0]), np.array([1.0, -1.0]), 0.0


def parity_complement():
    """The output is 1 where the parity is 0."""
    W_h = np.array([[1.0, -2.0], [1.0, -2.0]])
    return np.ones((2, 1)), W_h, np.array([0.0, -1.0]), np.array([-1.0, 2.0]), 1.0


def parity_copies():
    """The output is the last bit: the state is not carried on."""
    return np.ones((2, 1)), np.zeros((2, 2)), np.array([0.0, -1.0]), np.array([1.0, 0.0]), 0.0


def parity_rounds():
    """Read at 1/2 the output is right, but it is not exactly 0 or 1: with such weights rounding
    errors come in, and |s - x| never forgets them. Take weights that add without rounding."""
    W_h = np.array([[1.0, -2 * 0.3 / 0.7], [0.7 / 0.3, -2.0]])
    return np.array([[0.3], [0.7]]), W_h, np.array([0, -0.7]), np.array([1 / 0.3, -2 / 0.7]), 0.0


def parity_up_to_eight():
    """The ones are counted and the count is folded, which ends where the folds end: keep the
    parity in the state, not the count."""
    W_x, W_h = np.ones((9, 1)), np.zeros((9, 9))
    W_h[:, 0] = 1.0
    b, w_out = -np.arange(9.0), np.array([1.0] + [-2.0, 2.0] * 4)
    return W_x, W_h, b, w_out, 0.0


def parity_by_distance():
    W_h = np.array([[-1.0, -1.0], [1.0, 1.0]])
    return np.array([[1.0], [-1.0]]), W_h, np.zeros(2), np.ones(2), 0.0


def parity_as_lists():
    return [[2], [2]], [[1, -2], [1, -2]], [0, -2], [0.5, -1], 0


def parity_three_units():
    W_x = np.array([[1.0], [1.0], [0.0]])  # x or s; x and s; a constant that nobody needs
    W_h = np.array([[1.0, -2.0, 0.5], [1.0, -2.0, 0.5], [0.0, 0.0, 1.0]])
    b = np.array([0.0, -1.0, 0.0])
    return W_x, W_h, b, np.array([1, -2, 0]), np.float32(0)


# ------------------------------------------------------------------------- the table

GRADED = (
    Graded(
        name="elman_step",
        reference=elman_step,
        parts=(Part("elman_step-check", 10, elman_inputs),),
        misconceptions=(
            elman_forgets,
            elman_without_bias,
            elman_bias_outside,
            elman_bias_twice,
            elman_transposed,
            elman_tanh_of_input_only,
            elman_residual,
            elman_sigmoid,
            elman_relu,
            elman_linear,
            elman_batch_mean,
            elman_with_cache,
            elman_in_place,
        ),
        alternatives=(elman_by_loops, elman_by_einsum, elman_stacked, elman_in_float32),
        says={
            elman_forgets: "h has no effect",
            elman_without_bias: "b is missing",
            elman_bias_outside: "b is outside the tanh",
            elman_bias_twice: "b is added twice",
            elman_transposed: "W_h acts transposed",
            elman_residual: "something is outside of it",
            elman_sigmoid: "the logistic function",
            elman_relu: "relu",
            elman_linear: "the tanh is missing",
            elman_batch_mean: "mixed",
            elman_with_cache: "elman_step returns a tuple",
            elman_in_place: "elman_step changes h in place",
        },
    ),
    Graded(
        name="leaky_step",
        reference=leaky_step,
        parts=(
            Part("leaky_step-check-new", 6, leaky_inputs_without_leak),
            Part("leaky_step-check-mix", 9, leaky_inputs),
        ),
        misconceptions=(
            leaky_swapped,
            leaky_alpha_inside,
            leaky_new_unscaled,
            leaky_old_unscaled,
            leaky_one_rate,
            leaky_decays_first,
            leaky_scales_recurrence,
            leaky_tanh_outside,
            leaky_transposed,
            leaky_without_bias,
            leaky_with_cache,
            leaky_in_place,
        ),
        alternatives=(
            leaky_as_increment,
            leaky_by_diagonal_matrices,
            leaky_row_by_row,
            leaky_in_float32,
        ),
        says={
            leaky_swapped: "are alpha and 1 - alpha swapped",
            leaky_alpha_inside: "alpha multiplies the tanh from outside",
            leaky_new_unscaled: "the tanh is not multiplied by alpha",
            leaky_one_rate: "each unit has its own alpha",
            leaky_decays_first: "with alpha = 1: with x = 0, h has no effect",
            leaky_scales_recurrence: "W_h reads the whole h",
            leaky_tanh_outside: "h is inside a tanh",
            leaky_transposed: "with alpha = 1: unit 0 alone, at 1, adds row 0",
            leaky_without_bias: "b is missing",
            leaky_with_cache: "leaky_step returns a tuple",
            leaky_in_place: "leaky_step changes h in place",
        },
    ),
    Graded(
        name="unroll",
        reference=unroll,
        parts=(
            Part("unroll-check-full", 14, full_sequences),
            Part("unroll-check-lengths", 16, ragged_sequences),
        ),
        misconceptions=(
            unroll_ignores_lengths,
            unroll_zeros_after_the_end,
            unroll_forgets_after_the_end,
            unroll_returns_to_h0,
            unroll_one_step_too_far,
            unroll_one_step_short,
            unroll_starts_afresh,
            unroll_ignores_h0,
            unroll_lists_states_before,
            unroll_backwards,
            unroll_stops_with_the_longest,
            unroll_assumes_sorted,
            unroll_one_array,
            unroll_changes_h0,
            unroll_takes_no_step,
            unroll_batch_first,
            unroll_keeps_h0,
            unroll_swaps_arguments,
        ),
        alternatives=(
            unroll_by_mask,
            unroll_gathers,
            unroll_sequence_by_sequence,
            unroll_only_the_active,
            unroll_written_out,
        ),
        stand_ins={"leaky_step": made_up_step},
        says={
            unroll_ignores_lengths: "it has read padding",
            unroll_zeros_after_the_end: "must repeat",
            unroll_returns_to_h0: "which is h0",
            unroll_one_step_too_far: "frozen one step too late",
            unroll_one_step_short: "frozen one step too early",
            unroll_starts_afresh: "hs[1] is a step from h0",
            unroll_ignores_h0: "start from h0",
            unroll_lists_states_before: "hs[0] is h0",
            unroll_backwards: "running from the end",
            unroll_stops_with_the_longest: "even if every sequence has ended",
            unroll_one_array: "append the same array",
            unroll_changes_h0: "unroll changes h0 in place",
            unroll_takes_no_step: "all hs[t] are h0",
            unroll_batch_first: "time comes first",
            unroll_keeps_h0: "h0 is not in hs",
            unroll_swaps_arguments: "calls leaky_step with arguments of shapes",
        },
    ),
    Graded(
        name="softmax_xent",
        reference=softmax_xent,
        parts=(
            Part("softmax_xent-check-loss", 7, predictions, the_loss),
            Part("softmax_xent-check-gradient", 7, predictions, the_gradient),
            Part("softmax_xent-check-extremes", 3, extreme_predictions, the_loss),
            Part("softmax_xent-check-extremes-gradient", 3, extreme_predictions, the_gradient),
        ),
        misconceptions=(
            xent_mean_over_all,
            xent_sum,
            xent_gradient_of_the_sum,
            xent_gradient_unmasked,
            xent_gradient_flipped,
            xent_gradient_is_p,
            xent_loss_flipped,
            xent_unmasked,
            xent_without_log,
            xent_per_position,
            xent_overflows,
            xent_overflows_behind_the_mask,
            xent_log_of_zero,
            xent_with_epsilon,
            xent_global_shift,
            xent_hidden_infinity,
            xent_in_bits,
            xent_masks_logits,
            xent_mean_of_means,
            xent_wrong_axis,
            xent_in_place,
        ),
        alternatives=(xent_by_loops, xent_selects, xent_in_float32),
        says={
            xent_mean_over_all: "divided by 3, but only M = 2",
            xent_sum: "this is the sum; divide by M",
            xent_gradient_of_the_sum: "the gradient of the sum",
            xent_gradient_unmasked: "not zero where the mask is False",
            xent_gradient_flipped: "the sign is wrong",
            xent_gradient_is_p: "also enters the loss by itself",
            xent_loss_flipped: "the sign is wrong",
            xent_unmasked: "the hidden position is in it",
            xent_without_log: "the logarithm is missing",
            xent_per_position: "expected one number",
            xent_overflows: "an exp overflowed",
            xent_overflows_behind_the_mask: "an exp overflowed",
            xent_log_of_zero: "a logarithm met 0",
            xent_with_epsilon: "a difference of 2000 costs 2000",
            xent_hidden_infinity: "0 times infinity is nan",
            xent_in_bits: "use the natural logarithm",
            xent_masks_logits: "mask losses, not logits",
            xent_mean_of_means: "in whichever sequence it is",
            xent_wrong_axis: "is the softmax over the last axis",
            xent_in_place: "softmax_xent changes logits in place",
        },
    ),
    Graded(
        name="count_params",
        reference=count_params,
        parts=(
            Part("count_params-check-one-layer", 5, one_layer),
            Part("count_params-check-stack", 5, stack),
        ),
        misconceptions=(
            count_two_biases,
            count_bias_once,
            count_no_bias,
            count_no_output_bias,
            count_all_layers_read_the_input,
            count_deeper_reads_one_direction,
            count_output_reads_one_direction,
            count_everything_twice,
            count_one_layer,
            count_recurrence_across_directions,
        ),
        alternatives=(count_by_building, count_recursively),
        tolerance=0,
    ),
    Graded(
        name="parity_weights",
        reference=parity_weights,
        parts=(
            Part("parity_weights-check-short", 9, nothing, read_short),
            Part("parity_weights-check-long", 6, nothing, read_long),
        ),
        misconceptions=(
            parity_counts,
            parity_any,
            parity_complement,
            parity_copies,
            parity_rounds,
            parity_up_to_eight,
        ),
        alternatives=(parity_by_distance, parity_as_lists, parity_three_units),
        tolerance=0,
        says={
            parity_counts: "after the bits [1, 1]",
            parity_rounds: "weights that add up without rounding",
            parity_up_to_eight: "right for short strings only",
        },
    ),
)
