"""What assignment 11-clinic grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. Gradients are
decided against the complex step of the forward that they belong to. A fault is named by a condition
and proved by arguments: on these the program, as it was found, is compared with the reference, and
so it is after the change that is to heal it. The notebook holds no right program: its checks know
examples, digests of what is right on some draws, and on which draws a program is wrong.
"""

import json
from pathlib import Path

import numpy as np

from rnnlib.check import gradient
from rnnlib.grading.table import Graded, Part

# The programs as they were found, the conditions and `examine` are in the notebook, once.
CELLS = json.loads(Path(__file__).with_name("11-clinic.ipynb").read_text("utf-8"))["cells"]
for cell in CELLS:
    if cell["id"].startswith("given-"):
        exec("".join(cell["source"]), globals())

# ---------------------------------------------------------------------------- inputs


def sizes(rng):
    """T, B, D, H, all different, so that no shape can stand in for another; H is even."""
    B, D, T = rng.permutation([2, 3, 5])
    return T + 1, B, D, 2 * rng.integers(4, 6)


def different_lengths(rng, T, B):
    lengths = rng.integers(1, T + 1, B)
    lengths[:2] = rng.permutation([T, rng.integers(1, T)])
    return lengths


def read_out_inputs(rng):
    _, B, _, H = sizes(rng)
    return rng.normal(size=(H, 1)), rng.normal(size=(B, H)), rng.normal(size=B)


def pool_inputs(rng):
    """States of any size; the short sequence has a negative unit, and infinity may stand behind."""
    T, B, _, H = sizes(rng)
    hs, lengths = 2 * rng.normal(size=(T, B, H)), different_lengths(rng, T, B)
    hs[:, lengths.argmin(), 0] -= 1 + np.abs(hs[:, lengths.argmin(), 0])
    hs[lengths.min() :, lengths.argmin(), 1:3] += 9
    hs *= 10.0 ** rng.integers(31)
    if rng.integers(2):
        hs[lengths.min() :, lengths.argmin()] = np.inf
    return hs, lengths


def what_stands_in(result, args):
    """Words on a pool that takes one number for each place behind the end."""
    got, want = np.asarray(result), pool(*args)
    wrong = np.abs(got - want) > 1e-5 * np.abs(want)
    one = len(set(got[wrong].tolist())) == 1 and (got > want)[wrong].all()
    return "the number for a place behind the end is not below every state" if one else ""


def matrices(rng, H, *columns):
    return tuple(rng.normal(size=(H, n)) / np.sqrt(n) for n in columns)


def delayed_inputs(rng):
    T, B, D, H = sizes(rng)
    b, xs = 0.5 * rng.normal(size=H), rng.normal(size=(T, B, D))
    return *matrices(rng, H, D, D, H), b, xs, int(rng.integers(2, T + 3))


def rollout_inputs(rng):
    T, B, _, H = sizes(rng)
    mean, std = rng.choice([-1, 1]) * rng.uniform(1, 2), rng.uniform(2, 3)
    series = mean + std * rng.normal(size=(T, B))
    return *matrices(rng, H, 1, H), rng.normal(size=H), mean, std, series, int(rng.integers(3, 6))


def clockwork_inputs(rng):
    """Two groups or more that are updated at the same step, and one that is not at each."""
    T, B, D, H = sizes(rng)
    periods = rng.permutation([1, 2] if H % 4 else [1, 1, 2, 3])
    b, xs = 0.5 * rng.normal(size=H), rng.normal(size=(T + 3, B, D))
    return *matrices(rng, H, D, H), b, periods, xs, rng.uniform(-0.9, 0.9, (B, H))


def last_inputs(rng):
    T, B, D, H = sizes(rng)
    b, xs = 0.5 * rng.normal(size=H), rng.normal(size=(T, B, D))
    return *matrices(rng, H, D, H), b, xs, different_lengths(rng, T, B), rng.normal(size=(B, H))


def limited_inputs(rng):
    """About half of the states are cut off, and about half of c0 lies outside the limits."""
    T, B, D, H = sizes(rng)
    lam, W = rng.choice([-1, 1], H) * rng.uniform(0.5, 1.2, H), rng.normal(size=(H, D))
    xs, dcs = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))
    return lam, W, rng.uniform(0.7, 1.2), xs, rng.uniform(-2, 2, (B, H)), dcs


def two_back_inputs(rng):
    T, B, D, H = sizes(rng)
    before_1, before_2 = rng.uniform(-0.9, 0.9, (2, B, H))
    return (
        *matrices(rng, H, D, H, H),
        rng.normal(size=(T, B, D)),
        before_1,
        before_2,
        rng.normal(size=(B, H)),
    )


# ------------------------------------------------------------------------- read_out


def read_out(w, h, ys):
    def loss(w):
        return (((h * w[:, 0]).sum(axis=1) - ys) ** 2).mean()

    return loss(w), *gradient(loss, (w,))


def read_out_found(w, h, ys):
    """This is what the program gives as it was found. Look at the shape of errors: it should hold
    one number for each sequence."""
    return broken_read_out(w, h, ys)


def read_out_loss_alone(w, h, ys):
    """The loss is mended, the gradient is not: it is still made of all differences between
    outputs and targets."""
    errors = h @ w - ys
    d = 2 * errors / errors.size
    return (np.diag(errors) ** 2).mean(), h.T @ d.sum(axis=1, keepdims=True)


def read_out_gradient_alone(w, h, ys):
    """The gradient is mended, the loss is not: it is still made of all differences between
    outputs and targets."""
    d = 2 * (h @ w - ys[:, None]) / len(ys)
    return ((h @ w - ys) ** 2).mean(), h.T @ d


def read_out_flat(w, h, ys):
    """dw has lost an axis: w has shape (H, 1), and so has its gradient."""
    errors = (h @ w)[:, 0] - ys
    return (errors**2).mean(), h.T @ (2 * errors / errors.size)


def read_out_sum_kept(w, h, ys):
    """errors has one axis here, so that there is no axis 1 for the sum in the gradient. With one
    error for each sequence there is nothing left to sum up; dw needs a second axis, though."""
    errors = (h @ w)[:, 0] - ys
    d = 2 * errors / errors.size
    return (errors**2).mean(), h.T @ d.sum(axis=1, keepdims=True)


def read_out_sums(w, h, ys):
    """The gradient lacks the division by the number of sequences: the loss is a mean."""
    errors = h @ w - ys[:, None]
    return (errors**2).mean(), h.T @ (2 * errors)


def read_out_without_two(w, h, ys):
    """The gradient lacks the 2 of the square."""
    errors = h @ w - ys[:, None]
    return (errors**2).mean(), h.T @ errors / len(ys)


def read_out_without_factor(w, h, ys):
    """The gradient lacks its factor 2/B: the square gives a 2, and the loss is a mean over the B
    sequences."""
    errors = h @ w - ys[:, None]
    return (errors**2).mean(), h.T @ errors


def read_out_mean_target(w, h, ys):
    """Each output is compared with the mean of the targets; each has a target of its own."""
    errors = h @ w - ys.mean()
    return (errors**2).mean(), h.T @ (2 * errors / errors.size)


def read_out_in_columns(w, h, ys):
    errors = h @ w - ys[:, None]
    d = 2 * errors / errors.size
    return (errors**2).mean(), h.T @ d.sum(axis=1, keepdims=True)


def read_out_one_by_one(w, h, ys):
    loss, dw = 0.0, np.zeros(w.shape)
    for row, y in zip(h, ys, strict=True):
        error = float(row @ w[:, 0] - y)
        loss, dw = loss + error**2 / len(ys), dw + 2 * error * row[:, None] / len(ys)
    return [loss, dw.tolist()]


# ----------------------------------------------------------------------------- pool


def pool(hs, lengths):
    return np.array([hs[:n, i].max(axis=0) for i, n in enumerate(lengths)])


def pool_found(hs, lengths):
    """This is what the program gives as it was found. What does it give for a unit that is
    negative throughout a short sequence?"""
    return broken_pool(hs, lengths)


def pool_minus_one(hs, lengths):
    """-1 stands in for what lies behind the end, and a state may lie below -1."""
    here = np.arange(len(hs))[:, None] < lengths
    return np.where(here[:, :, None], hs, -1.0).max(axis=0)


def pool_minus_ten(hs, lengths):
    """-10 stands in for what lies behind the end, and a state may lie below any such number."""
    here = np.arange(len(hs))[:, None] < lengths
    return np.where(here[:, :, None], hs, -10.0).max(axis=0)


def pool_minus_billion(hs, lengths):
    """-1e9 stands in for what lies behind the end, and a state may lie below any such number."""
    here = np.arange(len(hs))[:, None] < lengths
    return np.where(here[:, :, None], hs, -1e9).max(axis=0)


def pool_subtracts(hs, lengths):
    """1e6 is subtracted from what lies behind the end; it may be larger than what is left of the
    sequence all the same. Choose, in place of calculating with it."""
    behind = np.arange(len(hs))[:, None] >= lengths
    return (hs - 1e6 * behind[:, :, None]).max(axis=0)


def pool_ignores_ends(hs, lengths):
    """What lies behind the end of a sequence is among what it takes the largest of."""
    return hs.max(axis=0)


def pool_one_too_many(hs, lengths):
    """It reads one step too far: t counts from 0, so the last step of a sequence is number
    length - 1."""
    here = np.arange(len(hs))[:, None] <= lengths
    return np.where(here[:, :, None], hs, -np.inf).max(axis=0)


def pool_one_too_few(hs, lengths):
    """It leaves out the last step of each sequence: t counts from 0, and t < length is there."""
    here = np.arange(len(hs))[:, None] < np.maximum(lengths - 1, 1)
    return np.where(here[:, :, None], hs, -np.inf).max(axis=0)


def pool_nan(hs, lengths):
    """0 times infinity is nan. A choice between two arrays is np.where."""
    here = (np.arange(len(hs))[:, None] < lengths)[:, :, None]
    return (hs * here + -np.inf * ~here).max(axis=0)


def pool_absolute(hs, lengths):
    """It takes the state that is largest in size, without its sign; the largest is asked for."""
    here = np.arange(len(hs))[:, None] < lengths
    return np.abs(hs * here[:, :, None]).max(axis=0)


def pool_least_of_all(hs, lengths):
    here = np.arange(len(hs))[:, None] < lengths
    return np.where(here[:, :, None], hs, hs.min()).max(axis=0)


def pool_in_float32(hs, lengths):
    return np.stack([hs[:n, i].max(axis=0) for i, n in enumerate(lengths)]).astype(np.float32)


# ---------------------------------------------------------------------- delayed_run


def delayed_run(W_x, W_d, W_h, b, xs, k):
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for t in range(len(xs)):
        a = xs[t] @ W_x.T + h @ W_h.T + b
        h = np.tanh(a + xs[t - k] @ W_d.T if t >= k else a)
        hs.append(h)
    return np.array(hs)


def delayed_found(W_x, W_d, W_h, b, xs, k):
    """This is what the program gives as it was found. Which inputs do the first k steps read?"""
    return broken_delayed_run(W_x, W_d, W_h, b, xs, k)


def delayed_first_alone(W_x, W_d, W_h, b, xs, k):
    """The first step is mended, and steps 2 to k are not: they too have no input k steps back."""
    earlier = np.roll(xs, k, axis=0)
    earlier[0] = 0
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=True):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_ahead(W_x, W_d, W_h, b, xs, k):
    """It reads the input k steps ahead: the zeros belong in front, and the last k inputs are
    never read a second time."""
    earlier = np.concatenate([xs, np.zeros((k, *xs.shape[1:]))])[k:]
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=True):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_by_one_less(W_x, W_d, W_h, b, xs, k):
    """The delay is k - 1 steps, one too few."""
    earlier = np.concatenate([np.zeros((k - 1, *xs.shape[1:])), xs])
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=False):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_by_one_more(W_x, W_d, W_h, b, xs, k):
    """The delay is k + 1 steps, one too many."""
    earlier = np.concatenate([np.zeros((k + 1, *xs.shape[1:])), xs])
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=False):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_repeats_first(W_x, W_d, W_h, b, xs, k):
    """The first k steps read the first input again; before the start the input counts as 0."""
    earlier = np.concatenate([np.repeat(xs[:1], k, axis=0), xs])
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=False):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_silent(W_x, W_d, W_h, b, xs, k):
    """The first k steps read nothing at all; they still read their own input, the state and b."""
    earlier, h, hs = np.roll(xs, k, axis=0), np.zeros((xs.shape[1], len(b))), []
    for t in range(len(xs)):
        if t >= k:
            h = np.tanh(xs[t] @ W_x.T + earlier[t] @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_from_later_on(W_x, W_d, W_h, b, xs, k):
    """The step at which the first input comes back is left out: it is number k, counted from 0."""
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for t, x in enumerate(xs):
        x_k = xs[t - k] if t > k else np.zeros(x.shape)
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_in_place(W_x, W_d, W_h, b, xs, k):
    """xs is changed in place; it belongs to the caller."""
    earlier, h, hs = np.roll(xs, k, axis=0), np.zeros((xs.shape[1], len(b))), []
    earlier[:k] = 0
    for x, x_k in zip(xs, earlier, strict=True):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    xs[-k:] = 0
    return np.array(hs)


def delayed_zeros_in_front(W_x, W_d, W_h, b, xs, k):
    earlier = np.concatenate([np.zeros((k, *xs.shape[1:])), xs])
    h, hs = np.zeros((xs.shape[1], len(b))), []
    for x, x_k in zip(xs, earlier, strict=False):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def delayed_rolled_and_cleared(W_x, W_d, W_h, b, xs, k):
    earlier, h, hs = np.roll(xs, k, axis=0), np.zeros((xs.shape[1], len(b))), []
    earlier[:k] = 0
    for x, x_k in zip(xs, earlier, strict=True):
        h = np.tanh(x @ W_x.T + x_k @ W_d.T + h @ W_h.T + b)
        hs.append(h)
    return hs


# -------------------------------------------------------------------------- rollout


def rollout(W_x, W_h, w, mean, std, series, n):
    z, h, said = [(y - mean) / std for y in series], np.zeros((series.shape[1], len(w))), []
    for t in range(len(series) + n - 1):
        h = np.tanh(z[t][:, None] @ W_x.T + h @ W_h.T)
        if t >= len(series) - 1:
            z.append(h @ w)
            said.append(mean + std * z[-1])
    return np.array(said)


def rollout_found(W_x, W_h, w, mean, std, series, n):
    """This is what the program gives as it was found. In which units is the series that the
    network reads first, and in which is what it reads afterwards?"""
    return broken_rollout(W_x, W_h, w, mean, std, series, n)


def rollout_without_mean(W_x, W_h, w, mean, std, series, n):
    """What is fed back is divided by std, and its mean is not subtracted."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        y = mean + std * (h @ w)
        said.append(y)
        h = np.tanh((y / std)[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_without_std(W_x, W_h, w, mean, std, series, n):
    """The mean is subtracted from what is fed back, and it is not divided by std."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        y = mean + std * (h @ w)
        said.append(y)
        h = np.tanh((y - mean)[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_of_learned_units(W_x, W_h, w, mean, std, series, n):
    """The network reads the right numbers, and its forecasts stay in its own units; they are
    asked for in those of the series."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        z = h @ w
        said.append(z)
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_of_raw_series(W_x, W_h, w, mean, std, series, n):
    """The series is read in its own units; the network has learned from (y - mean) / std."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for y in series:
        h = np.tanh(y[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        z = h @ w
        said.append(mean + std * z)
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_scaled_twice(W_x, W_h, w, mean, std, series, n):
    """h w is in the network's units already: what is fed back is standardised once too often."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        z = h @ w
        said.append(mean + std * z)
        h = np.tanh(((z - mean) / std)[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_own_units(W_x, W_h, w, mean, std, series, n):
    """mean and std are computed from this series; they are those that the network has learned
    with, and are given."""
    m, s = series.mean(), series.std()
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - m) / s:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        z = h @ w
        said.append(m + s * z)
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_late(W_x, W_h, w, mean, std, series, n):
    """The first forecast is left out: the state after the last value of the series says it."""
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        h = np.tanh((h @ w)[:, None] @ W_x.T + h @ W_h.T)
        said.append(mean + std * (h @ w))
    return np.array(said)


def rollout_feeds_z(W_x, W_h, w, mean, std, series, n):
    h, said = np.zeros((series.shape[1], len(w))), []
    for z in (series - mean) / std:
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    for _ in range(n):
        z = h @ w
        said.append(mean + std * z)
        h = np.tanh(z[:, None] @ W_x.T + h @ W_h.T)
    return np.array(said)


def rollout_from_outside(W_x, W_h, w, mean, std, series, n):
    return mean + std * broken_rollout(W_x, W_h, w, 0.0, 1.0, (series - mean) / std, n)


# ------------------------------------------------------------------------ clockwork


def clockwork(W_x, W_h, b, periods, xs, h0):
    h, hs = h0, []
    for t, x in enumerate(xs, start=1):
        due = np.repeat(t % np.asarray(periods) == 0, len(b) // len(periods))
        h = np.where(due, np.tanh(x @ W_x.T + h @ W_h.T + b), h)
        hs.append(h)
    return np.array(hs)


def clockwork_found(W_x, W_h, b, periods, xs, h0):
    """This is what the program gives as it was found. Which h does the second group read? Note
    that `old = h` is a second name for the same array, not a copy."""
    return broken_clockwork(W_x, W_h, b, periods, xs, h0)


def clockwork_reversed(W_x, W_h, b, periods, xs, h0):
    """The groups are taken from the last to the first, which moves the fault: a group still reads
    others that have changed in this step."""
    h, hs, n = h0.copy(), [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        for g in reversed(range(len(periods))):
            if t % periods[g] == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + h @ W_h[rows].T + b[rows])
        hs.append(h.copy())
    return np.array(hs)


def clockwork_own_group(W_x, W_h, b, periods, xs, h0):
    """A group reads its own state alone; W_h lets it read all of h."""
    h, hs, n = h0.copy(), [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                u = h[:, rows] @ W_h[rows, rows].T
                h[:, rows] = np.tanh(x @ W_x[rows].T + u + b[rows])
        hs.append(h.copy())
    return np.array(hs)


def clockwork_every_step(W_x, W_h, b, periods, xs, h0):
    """All groups are updated at every step; a group waits for its period."""
    h, hs = h0, []
    for x in xs:
        h = np.tanh(x @ W_x.T + h @ W_h.T + b)
        hs.append(h)
    return np.array(hs)


def clockwork_from_zero(W_x, W_h, b, periods, xs, h0):
    """The steps are counted from 0; the first one is number 1."""
    h, hs = h0, []
    for t, x in enumerate(xs):
        due = np.repeat(t % np.asarray(periods) == 0, len(b) // len(periods))
        h = np.where(due, np.tanh(x @ W_x.T + h @ W_h.T + b), h)
        hs.append(h)
    return np.array(hs)


def clockwork_cleared(W_x, W_h, b, periods, xs, h0):
    """A group that is not updated is set to 0; it keeps its state."""
    h, hs, n = h0.copy(), [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        old, h = h, np.zeros(h.shape)
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + old @ W_h[rows].T + b[rows])
        hs.append(h)
    return np.array(hs)


def clockwork_forgets(W_x, W_h, b, periods, xs, h0):
    """The old state is taken once, before the first step; each step has its own."""
    h, hs, old, n = h0.copy(), [], h0.copy(), len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + old @ W_h[rows].T + b[rows])
        hs.append(h.copy())
    return np.array(hs)


def clockwork_one_array(W_x, W_h, b, periods, xs, h0):
    """All entries of hs are one array, which holds the last state: append a copy."""
    h, hs, n = h0.copy(), [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        old = h.copy()
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + old @ W_h[rows].T + b[rows])
        hs.append(h)
    return np.array(hs)


def clockwork_before(W_x, W_h, b, periods, xs, h0):
    """hs holds the states before each step; it holds those after it."""
    h, hs = h0, []
    for t, x in enumerate(xs, start=1):
        hs.append(h)
        due = np.repeat(t % np.asarray(periods) == 0, len(b) // len(periods))
        h = np.where(due, np.tanh(x @ W_x.T + h @ W_h.T + b), h)
    return np.array(hs)


def clockwork_in_place(W_x, W_h, b, periods, xs, h0):
    """h0 is changed in place; it belongs to the caller."""
    h, hs, n = h0, [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        old = h.copy()
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + old @ W_h[rows].T + b[rows])
        hs.append(h.copy())
    return np.array(hs)


def clockwork_old_copied(W_x, W_h, b, periods, xs, h0):
    h, hs, n = h0.copy(), [], len(b) // len(periods)
    for t, x in enumerate(xs, start=1):
        old = h.copy()
        for g, period in enumerate(periods):
            if t % period == 0:
                rows = slice(g * n, (g + 1) * n)
                h[:, rows] = np.tanh(x @ W_x[rows].T + old @ W_h[rows].T + b[rows])
        hs.append(h.copy())
    return np.array(hs)


def clockwork_joined(W_x, W_h, b, periods, xs, h0):
    h, hs = h0, []
    for t, x in enumerate(xs, start=1):
        new = np.split(np.tanh(x @ W_x.T + h @ W_h.T + b), len(periods), axis=1)
        old = np.split(h, len(periods), axis=1)
        parts = [o if t % p else n for o, n, p in zip(old, new, periods, strict=True)]
        h = np.concatenate(parts, axis=1)
        hs.append(h)
    return hs


# -------------------------------------------------------------------- last_gradient


def last_gradient(W_x, W_h, b, xs, lengths, dlast):
    def loss(W_x, W_h, b):
        h, value = np.zeros((xs.shape[1], len(b))), 0
        for t, x in enumerate(xs, start=1):
            h = np.tanh(x @ W_x.T + h @ W_h.T + b)
            value = value + ((lengths == t)[:, None] * dlast * h).sum()
        return value

    return gradient(loss, (W_x, W_h, b))


def last_found(W_x, W_h, b, xs, lengths, dlast):
    """This is what the program gives as it was found. What is the shape of dhs[lengths - 1], and
    which of its rows belong to one sequence?"""
    return broken_last_gradient(W_x, W_h, b, xs, lengths, dlast)


def last_of_array(W_x, W_h, b, xs, lengths, dlast):
    """dlast enters at the last step of the array; it enters at the last step of each sequence."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), dlast
    for t in reversed(range(T)):
        da = dh * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_one_late(W_x, W_h, b, xs, lengths, dlast):
    """dlast enters one step too late where there is one: the last step of a sequence is number
    length - 1."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = np.zeros((T, B, len(b)))
    dhs[np.minimum(lengths, T - 1), np.arange(B)] = dlast
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), 0
    for t in reversed(range(T)):
        da = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_at_every_step(W_x, W_h, b, xs, lengths, dlast):
    """dlast enters at every step of a sequence; the loss reads its last state alone."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = (np.arange(T)[:, None] < lengths)[:, :, None] * dlast
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), 0
    for t in reversed(range(T)):
        da = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_longest_alone(W_x, W_h, b, xs, lengths, dlast):
    """Only sequences of the greatest length get a gradient; each gets one at its own end."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = np.zeros((T, B, len(b)))
    dhs[lengths.max() - 1] = (lengths == lengths.max())[:, None] * dlast
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), 0
    for t in reversed(range(T)):
        da = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_step_alone(W_x, W_h, b, xs, lengths, dlast):
    """dh is replaced, not added to: where dlast enters, and at all steps before, what comes from
    later steps must go on."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = np.zeros((T, B, len(b)))
    dhs[lengths - 1, np.arange(B)] = dlast
    dW_x, dW_h, db = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b))
    for t in reversed(range(T)):
        da = dhs[t] * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
    return dW_x, dW_h, db


def last_mean(W_x, W_h, b, xs, lengths, dlast):
    """The gradient is divided by the number of sequences; it is a sum over them."""
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = np.zeros((T, B, len(b)))
    dhs[lengths - 1, np.arange(B)] = dlast / B
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), 0
    for t in reversed(range(T)):
        da = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_in_pairs(W_x, W_h, b, xs, lengths, dlast):
    T, B, _ = xs.shape
    hs = [np.zeros((B, len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dhs = np.zeros((T, B, len(b)))
    dhs[lengths - 1, np.arange(B)] = dlast
    dW_x, dW_h, db, dh = 0, 0, 0, 0
    for t in reversed(range(T)):
        da = (dhs[t] + dh) * (1 - hs[t + 1] ** 2)
        dW_x, dW_h, db = dW_x + da.T @ xs[t], dW_h + da.T @ hs[t], db + da.sum(axis=0)
        dh = da @ W_h
    return dW_x, dW_h, db


def last_where_it_ends(W_x, W_h, b, xs, lengths, dlast):
    hs = [np.zeros((xs.shape[1], len(b)))]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    dW_x, dW_h, db, dh = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(len(b)), 0
    for t in range(len(xs), 0, -1):
        da = np.where((lengths == t)[:, None], dlast, dh) * (1 - hs[t] ** 2)
        dW_x += np.einsum("bh,bd->hd", da, xs[t - 1])
        dW_h += np.einsum("bh,bk->hk", da, hs[t - 1])
        db += da.sum(axis=0)
        dh = da @ W_h
    return [dW_x, dW_h, db]


def last_one_by_one(W_x, W_h, b, xs, lengths, dlast):
    parts = [
        broken_last_gradient(W_x, W_h, b, xs[:n, [i]], np.array([n]), dlast[[i]])
        for i, n in enumerate(lengths)
    ]
    return tuple(sum(part) for part in zip(*parts, strict=True))


# ----------------------------------------------------------------- limited_gradient


def limited_gradient(lam, W, limit, xs, c0, dcs):
    def loss(lam, W, c):
        value = 0
        for x, dc in zip(xs, dcs, strict=True):
            a = lam * c + x @ W.T
            c = np.where(np.abs(a.real) < limit, a, limit * np.sign(a.real))
            value = value + (dc * c).sum()
        return value

    return gradient(loss, (lam, W, c0))


def limited_found(lam, W, limit, xs, c0, dcs):
    """This is what the program gives as it was found. How does a state that is cut off change, if
    what goes into it changes a little? Note that |c| <= limit is true of all of them."""
    return broken_limited_gradient(lam, W, limit, xs, c0, dcs)


def limited_new_whole(lam, W, limit, xs, c0, dcs):
    """What comes from later steps is stopped at the limit, and dcs[t] is not. Both are gradients by
    the state behind the limit, so it is their sum that is stopped."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = dc * (np.abs(cs[t + 1]) < limit) + dcs[t]
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_state_before(lam, W, limit, xs, c0, dcs):
    """It asks whether the state before the step was cut off; it is the one after it that counts."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(cs[t]) < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_too_late(lam, W, limit, xs, c0, dcs):
    """The gradient is stopped only after dlam and dW were made from it; they are made of what has
    passed the limit, so the slope comes first."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = dc + dcs[t]
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * (np.abs(cs[t + 1]) < limit) * lam
    return dlam, dW, dc


def limited_goes_on(lam, W, limit, xs, c0, dcs):
    """dlam and dW are mended, and what is handed to the step before is not: nothing passes a
    state that was cut off."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = dc + dcs[t]
        da = dc * (np.abs(cs[t + 1]) < limit)
        dlam, dW = dlam + (da * cs[t]).sum(axis=0), dW + da.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_gradient_cut(lam, W, limit, xs, c0, dcs):
    """The gradient itself is cut off at the limit; it is stopped where a state was cut off."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = np.clip(dc + dcs[t], -limit, limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_upper_alone(lam, W, limit, xs, c0, dcs):
    """A state is cut off below, too, at -limit."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (cs[t + 1] < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_lam_after(lam, W, limit, xs, c0, dcs):
    """dlam is made of the state after the step; lam multiplies the one before it."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(cs[t + 1]) < limit)
        dlam, dW = dlam + (dc * cs[t + 1]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_masks_start(lam, W, limit, xs, c0, dcs):
    """c0 is not cut off, even where it lies outside the limits, so its gradient is not stopped."""
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(cs[t + 1]) < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc * (np.abs(c0) < limit)


def limited_clips_start(lam, W, limit, xs, c0, dcs):
    """c0 is not cut off, even where it lies outside the limits: the first step reads it as it
    is."""
    inner = [c0]
    for x in xs:
        inner.append(lam * np.clip(inner[-1], -limit, limit) + x @ W.T)
    cs = np.clip(inner, -limit, limit)
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(inner[t + 1]) < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_start_cut(lam, W, limit, xs, c0, dcs):
    """c0 is not cut off, even where it lies outside the limits: the first step reads it as it is,
    and its gradient is not stopped either."""
    inner = [c0]
    for x in xs:
        inner.append(lam * np.clip(inner[-1], -limit, limit) + x @ W.T)
    cs = np.clip(inner, -limit, limit)
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(inner[t + 1]) < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc * (np.abs(c0) < limit)


def limited_by_states(lam, W, limit, xs, c0, dcs):
    cs = [c0]
    for x in xs:
        cs.append(np.clip(lam * cs[-1] + x @ W.T, -limit, limit))
    dlam, dW, dc = 0, 0, 0
    for t in reversed(range(len(xs))):
        dc = (dc + dcs[t]) * (np.abs(cs[t + 1]) < limit)
        dlam, dW = dlam + (dc * cs[t]).sum(axis=0), dW + dc.T @ xs[t]
        dc = dc * lam
    return dlam, dW, dc


def limited_by_preactivations(lam, W, limit, xs, c0, dcs):
    inner, states, c = [], [c0], c0
    for x in xs:
        inner.append(lam * c + x @ W.T)
        c = np.minimum(np.maximum(inner[-1], -limit), limit)
        states.append(c)
    dlam, dW, dc = np.zeros(lam.shape), np.zeros(W.shape), np.zeros(c0.shape)
    for a, c, x, d in zip(inner[::-1], states[-2::-1], xs[::-1], dcs[::-1], strict=True):
        da = np.where((a > -limit) & (a < limit), dc + d, 0)
        dlam += np.einsum("bh,bh->h", da, c)
        dW += np.einsum("bh,bd->hd", da, x)
        dc = da * lam
    return [dlam, dW, dc]


# ---------------------------------------------------------------- two_back_gradient


def two_back_gradient(W_x, W_1, W_2, xs, before_1, before_2, dh):
    def loss(W_1, W_2):
        two, one = before_2, before_1
        for x in xs:
            two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        return (dh * one).sum()

    return gradient(loss, (W_1, W_2))


def two_back_found(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """This is what the program gives as it was found. At how many steps does W_1 act, and how many
    summands does dW_1 have?"""
    return broken_two_back_gradient(W_x, W_1, W_2, xs, before_1, before_2, dh)


def two_back_dW_2_as_found(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """dW_1 is mended, dW_2 is not: W_2 acts at the first two steps as well."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = sum(da.T @ h for da, h in zip(das, [before_1, *hs], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[2:], hs, strict=False))


def two_back_without_second(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """dW_2 has the first step and lacks the second, at which W_2 acts on before_1."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = sum(da.T @ h for da, h in zip(das, [before_1, *hs], strict=False))
    dW_2 = das[0].T @ before_2 + sum(da.T @ h for da, h in zip(das[2:], hs, strict=False))
    return dW_1, dW_2


def two_back_without_first(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """dW_2 has the second step and lacks the first, at which W_2 acts on before_2."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = sum(da.T @ h for da, h in zip(das, [before_1, *hs], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[1:], [before_1, *hs], strict=False))


def two_back_swapped(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """before_1 and before_2 are swapped: before_1 is the state one step before the first, before_2 two steps."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    states = [before_1, before_2, *hs]
    dW_1 = sum(da.T @ h for da, h in zip(das[::-1], states[1:], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[::-1], states, strict=False))


def two_back_same_states(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """dW_2 is made of the states that W_1 acts on; W_2 acts on those one step before."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    pairs = list(zip(das[::-1], [before_1, *hs], strict=False))
    return sum(da.T @ h for da, h in pairs), sum(da.T @ h for da, h in pairs)


def two_back_early(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """What goes back through W_2 is handed on one step too early: it belongs to the state two
    steps back. The program was right there."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das = []
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh = das[-1] @ W_1 + das[-1] @ W_2
    states = [before_2, before_1, *hs]
    dW_1 = sum(da.T @ h for da, h in zip(das[::-1], states[1:], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[::-1], states, strict=False))


def two_back_one_way(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """Nothing goes back through W_2. A state is read twice, so a gradient comes back on two ways;
    the program was right there."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das = []
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh = das[-1] @ W_1
    states = [before_2, before_1, *hs]
    dW_1 = sum(da.T @ h for da, h in zip(das[::-1], states[1:], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[::-1], states, strict=False))


def two_back_one_step_on(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """Each product is made with a state one step too late: W_1 acts on the state before the step,
    W_2 on the one before that."""
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    dW_1 = sum(da.T @ h for da, h in zip(das[::-1], hs, strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[::-1], [before_1, *hs], strict=False))


def two_back_both_in_front(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """The way back must run over the T steps only: the two states before the first step belong in
    front of hs after it. Here they are in hs from the start, and the loop goes through them."""
    hs, two, one = [before_2, before_1], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = sum(da.T @ h for da, h in zip(das[1:], hs, strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das[2:], hs, strict=False))


def two_back_both_shifted(W_x, W_1, W_2, xs, before_1, before_2, dh):
    """The way back must run over the T steps only: das has T + 2 entries here, two too many in
    front, so each is paired with a state of another step."""
    hs, two, one = [before_2, before_1], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = sum(da.T @ h for da, h in zip(das, hs[1:], strict=False))
    return dW_1, sum(da.T @ h for da, h in zip(das, hs, strict=False))


def two_back_with_states(W_x, W_1, W_2, xs, before_1, before_2, dh):
    states = [before_2, before_1]
    for x in xs:
        states.append(np.tanh(x @ W_x.T + states[-1] @ W_1.T + states[-2] @ W_2.T))
    dW_1, dW_2, later = 0, 0, 0
    for t in range(len(xs), 0, -1):
        da = dh * (1 - states[t + 1] ** 2)
        dW_1, dW_2 = dW_1 + da.T @ states[t], dW_2 + da.T @ states[t - 1]
        dh, later = da @ W_1 + later, da @ W_2
    return dW_1, dW_2


def two_back_adds_what_is_missing(W_x, W_1, W_2, xs, before_1, before_2, dh):
    hs, two, one = [], before_2, before_1
    for x in xs:
        two, one = one, np.tanh(x @ W_x.T + one @ W_1.T + two @ W_2.T)
        hs.append(one)
    das, later = [], 0
    for h in hs[::-1]:
        das.append(dh * (1 - h**2))
        dh, later = das[-1] @ W_1 + later, das[-1] @ W_2
    das = das[::-1]
    dW_1 = das[0].T @ before_1 + sum(da.T @ h for da, h in zip(das[1:], hs, strict=False))
    dW_2 = sum(da.T @ h for da, h in zip(das[2:], hs, strict=False))
    return [dW_1, dW_2 + das[0].T @ before_2 + das[1].T @ before_1]


# --------------------------------------------------------------------------- faults


def _experiments(letters, seed=404):
    """Ordinary inputs, changed until the fault of each program hangs on one number."""
    a = {name: list(inputs(name, seed)) for name in FORMS}
    healed = {}

    def single(a, *index):
        """An array of that shape with a single 1."""
        one = np.zeros(np.shape(a))
        one[index] = 1.0
        return one

    w, h, ys = a["read_out"]
    a["read_out"] = w, h, 1 + single(ys, 0)
    healed["read_out"] = "ys", np.ones(len(ys))

    hs = np.abs(a["pool"][0])
    T, B, _ = hs.shape
    low = hs.copy()
    low[:2, 0, 0] = -1
    a["pool"] = low, np.array([2] + [T] * (B - 1))
    healed["pool"] = "hs", low + 3 * single(low, 0, 0, 0)

    *weights, xs, _ = a["delayed_run"]
    tail = np.concatenate([xs[:-2], 0 * xs[-2:]])
    a["delayed_run"] = *weights, tail + single(xs, -1, 0, 0), 2
    healed["delayed_run"] = "xs", tail

    W_x, W_h, w, _, _, series, n = a["rollout"]
    a["rollout"] = W_x, W_h, w, 0.0, 3.0, series, n
    healed["rollout"] = "std", 1.0

    W_x, W_h, b, _, xs, h0 = a["clockwork"]
    upper = np.triu(np.ones((4, 4)))
    W_h = upper + single(W_h, 2, 0)
    a["clockwork"] = W_x, W_h, b, np.array([1, 2]), xs, h0
    healed["clockwork"] = "W_h", upper

    *weights, _, dlast = a["last_gradient"]
    B = len(dlast)
    a["last_gradient"] = *weights, np.array([1] + [2] * (B - 1)), dlast
    healed["last_gradient"] = "lengths", np.full(B, 2)

    lam, W, _, xs, c0, dcs = a["limited_gradient"]
    a["limited_gradient"] = lam, W, 0.5, xs, c0, dcs
    healed["limited_gradient"] = "limit", 90

    W_x, W_1, W_2, xs, start, _, dh = a["two_back_gradient"]
    first = single(start, 0, 0)
    a["two_back_gradient"] = W_x, W_1, W_2, xs, first, 0 * first, dh
    healed["two_back_gradient"] = "before_1", 0 * first

    return {
        name: (letter, tuple(a[name]), *healed[name])
        for name, letter in zip(FORMS, letters, strict=True)
    }


def faults():
    return _experiments("MOFPLBNH")


def faults_too_wide():
    """The condition is too wide: there are arguments on which it holds and the program is right.
    Ask what more it takes to go wrong."""
    return _experiments("ACAAKCAA")


def faults_at_the_same_step():
    """It takes more than two groups that are updated at the same step: one of them must read the
    other, and which of the two comes first matters."""
    return _experiments("MOFPJBNH")


def faults_beside():
    """The program is also wrong on arguments of which this condition does not hold, so the reason
    is another one."""
    return _experiments("MDGQHERE")


def faults_that_go_together():
    """Another condition of the list changes with the one you name, so it could as well be the
    reason. Find arguments in which the change leaves all others as they are; if there are none, it
    is the other one."""
    answer, one, two = _experiments("MOFPLBNH"), np.ones((1, 1)), np.ones((2, 1))
    W_h = np.array([[1.0, 0.0], [1.0, 1.0]])
    answer["pool"] = ("O", (np.array([[[-1.0]], [[0.0]]]), [1]), "lengths", [2])
    answer["rollout"] = ("P", (one, one, np.ones(1), 2.0, 1.0, two, 2), "mean", 0.0)
    answer["clockwork"] = ("L", (two, W_h, [0, 0], [1, 1], [one], [[0, 0]]), "W_h", np.eye(2))
    steps = one, one, np.zeros(1), np.ones((2, 2, 1))
    answer["last_gradient"] = ("B", (*steps, [1, 2], two), "lengths", [2, 2])
    return answer


def faults_next_to_it():
    """Another condition of the list changes with the one you name. Look for arguments of which one
    of the two holds and the other does not, and ask whether the program is wrong on them."""
    answer, one, two = _experiments("MOFPLBNH"), np.ones((1, 1)), np.ones((2, 1))
    W_h = np.array([[1.0, 0.0], [1.0, 1.0]])
    answer["rollout"] = ("Q", (one, one, np.ones(1), 2.0, 1.0, two, 2), "mean", 0.0)
    answer["clockwork"] = ("K", (two, W_h, [0, 0], [1, 1], [one], [[0, 0]]), "W_h", np.eye(2))
    steps = one, one, np.zeros(1), np.ones((2, 2, 1))
    answer["last_gradient"] = ("C", (*steps, [1, 2], two), "lengths", [2, 2])
    return answer


def faults_many_numbers():
    """More than one number changes. Choose arguments in which the condition hangs on a single
    number, and change that."""
    a = {name: inputs(name, 404) for name in FORMS}
    answer = _experiments("MOFPLBNH")
    answer["read_out"] = ("M", a["read_out"], "ys", 0 * a["read_out"][2])
    answer["delayed_run"] = ("F", a["delayed_run"], "xs", 0 * a["delayed_run"][4])
    return answer


def faults_the_other_way():
    """The arguments are such that the program is right, and the change makes it wrong. It is asked
    the other way round: arguments on which it is wrong, and a change that heals them."""
    answer = _experiments("MOFPLBNH")
    for name, (letter, args, changed, value) in answer.items():
        k = list(form(name)).index(changed)
        answer[name] = letter, (*args[:k], value, *args[k + 1 :]), changed, args[k]
    return answer


def faults_not_healed():
    """The change does not heal: the condition still holds after it. Change what the condition is
    about, until it holds no longer."""
    answer = _experiments("MOFPLBNH")
    for name, (letter, args, changed, value) in answer.items():
        old = np.asarray(args[list(form(name)).index(changed)])
        near = {"lengths": 3 - (old == 2), "limit": 0.4, "std": 2.0}
        answer[name] = letter, args, changed, near.get(changed, old + (old - value) / 2)
    return answer


def faults_letters_alone():
    """A letter alone is no proof: an entry has four parts, the letter, arguments, the name of one
    of them, and its new value."""
    letters = dict(zip(FORMS, "MOFPLBNH", strict=True))
    return letters


def faults_by_number():
    """The keys of the dict are to be the names of the mended programs, such as "pool"."""
    answer = _experiments("MOFPLBNH")
    return {str(n): entry for n, entry in enumerate(answer.values(), start=1)}


def faults_of_ordinary_inputs():
    return _experiments("MOFPLBNH")


def faults_as_lists():
    return {
        "read_out": ["M", [[[1], [2]], [[1, 0], [0, 1]], [1, 3]], "ys", [1, 1]],
        "pool": ["O", [[[[-2]], [[5]]], [1]], "hs", [[[2]], [[5]]]],
        "delayed_run": ["F", [[[1]], [[1]], [[0]], [0], [[[1]], [[2]]], 1], "xs", [[[1]], [[0]]]],
        "rollout": ["P", [[[1]], [[0]], [1], 0, 3, [[1], [2]], 2], "std", 1],
        "clockwork": [
            "L",
            [[[1], [1]], [[0, 1], [2, 0]], [0, 0], [1, 2], [[[1]], [[2]]], [[0, 0]]],
            "W_h",
            [[0, 1], [0, 0]],
        ],
        "last_gradient": [
            "B",
            [[[1]], [[0]], [0], [[[1], [1]], [[2], [2]], [[3], [3]]], [2, 1], [[1], [1]]],
            "lengths",
            [1, 1],
        ],
        "limited_gradient": [
            "N",
            [[1], [[1]], 2, [[[1]], [[2]]], [[0]], [[[1]], [[1]]]],
            "limit",
            4,
        ],
        "two_back_gradient": [
            "H",
            [[[1]], [[1]], [[1]], [[[1]], [[0]], [[0]]], [[0]], [[1]], [[1]]],
            "before_2",
            [[0]],
        ],
    }


# ------------------------------------------------------------------------ the table


def proof(name):
    """The part of `faults` that is about one program: a letter, and "" if all is well with it."""
    right = globals()[name]
    return Part(
        f"faults-check-{name}",
        4,
        lambda rng: (),
        measure=lambda result, args: examine(name, result, right),
        draws=1,
        remark=lambda result, rng: examine(name, result, right)[1],
    )


GRADED = (
    Graded(
        name="read_out",
        reference=read_out,
        parts=(
            Part(
                "read_out-check-loss", 2, read_out_inputs, lambda result, rng: np.asarray(result[0])
            ),
            Part(
                "read_out-check-gradient",
                4,
                read_out_inputs,
                lambda result, rng: np.asarray(result[1]),
            ),
        ),
        misconceptions=(
            read_out_found,
            read_out_loss_alone,
            read_out_gradient_alone,
            read_out_flat,
            read_out_sum_kept,
            read_out_sums,
            read_out_without_two,
            read_out_without_factor,
            read_out_mean_target,
        ),
        alternatives=(
            read_out_in_columns,
            read_out_one_by_one,
        ),
        says={
            read_out_found: "as it was found; when is it wrong?",
            read_out_loss_alone: "compared with all targets",
            read_out_gradient_alone: "compared with all targets",
            read_out_flat: "dw has shape (2,), expected (2, 1)",
            read_out_sum_kept: "has lost an axis",
            read_out_sums: "the factor is 2/B: the loss is a mean",
            read_out_without_two: "the factor is 2/B: the square gives a 2",
            read_out_without_factor: "the factor is 2/B",
            read_out_mean_target: "each output has a target of its own",
        },
    ),
    Graded(
        name="pool",
        reference=pool,
        parts=(
            Part(
                "pool-check",
                6,
                pool_inputs,
                measure=lambda result, args: result,
                remark=what_stands_in,
            ),
        ),
        misconceptions=(
            pool_found,
            pool_minus_one,
            pool_minus_ten,
            pool_minus_billion,
            pool_subtracts,
            pool_ignores_ends,
            pool_one_too_many,
            pool_one_too_few,
            pool_nan,
            pool_absolute,
        ),
        alternatives=(
            pool_least_of_all,
            pool_in_float32,
        ),
        says={
            pool_found: "as it was found; when is it wrong?",
            pool_minus_one: "a state may lie below -1",
            pool_minus_ten: "behind the end is not below every state",
            pool_minus_billion: "behind the end is not below every state",
            pool_subtracts: "what is infinite is no part of a sequence",
            pool_ignores_ends: "a state behind the end is among them",
            pool_one_too_many: "it reads one step too far",
            pool_one_too_few: "the last step of a sequence is left out",
            pool_nan: "0 times infinity is nan",
            pool_absolute: "the largest is asked for, not the largest in size",
        },
    ),
    Graded(
        name="delayed_run",
        reference=delayed_run,
        parts=(Part("delayed_run-check", 7, delayed_inputs),),
        misconceptions=(
            delayed_found,
            delayed_first_alone,
            delayed_ahead,
            delayed_by_one_less,
            delayed_by_one_more,
            delayed_repeats_first,
            delayed_silent,
            delayed_from_later_on,
            delayed_in_place,
        ),
        alternatives=(
            delayed_zeros_in_front,
            delayed_rolled_and_cleared,
        ),
        says={
            delayed_found: "as it was found; when is it wrong?",
            delayed_first_alone: "step 2 has no input k steps back either",
            delayed_ahead: "this reads k steps ahead",
            delayed_by_one_less: "the delay is one step too short",
            delayed_by_one_more: "the delay is one step too long",
            delayed_repeats_first: "before the start the input is 0",
            delayed_silent: "the first k steps still read their own input",
            delayed_from_later_on: "at step k + 1 the first input comes back",
            delayed_in_place: "delayed_run changes xs in place",
        },
    ),
    Graded(
        name="rollout",
        reference=rollout,
        parts=(Part("rollout-check", 8, rollout_inputs),),
        misconceptions=(
            rollout_found,
            rollout_without_mean,
            rollout_without_std,
            rollout_of_learned_units,
            rollout_of_raw_series,
            rollout_scaled_twice,
            rollout_own_units,
            rollout_late,
        ),
        alternatives=(
            rollout_feeds_z,
            rollout_from_outside,
        ),
        says={
            rollout_found: "as it was found; when is it wrong?",
            rollout_without_mean: "the mean is not subtracted from what is fed back",
            rollout_without_std: "what is fed back is not divided by std",
            rollout_of_learned_units: "forecasts are asked for in the units of the series",
            rollout_of_raw_series: "the series itself is read without its mean and std",
            rollout_scaled_twice: "h w is in the network's units already",
            rollout_own_units: "mean and std are given",
            rollout_late: "the first forecast is left out",
        },
    ),
    Graded(
        name="clockwork",
        reference=clockwork,
        parts=(Part("clockwork-check", 10, clockwork_inputs),),
        misconceptions=(
            clockwork_found,
            clockwork_reversed,
            clockwork_own_group,
            clockwork_every_step,
            clockwork_from_zero,
            clockwork_cleared,
            clockwork_forgets,
            clockwork_one_array,
            clockwork_before,
            clockwork_in_place,
        ),
        alternatives=(
            clockwork_old_copied,
            clockwork_joined,
        ),
        says={
            clockwork_found: "as it was found; when is it wrong?",
            clockwork_reversed: "now the first group reads what the second has become",
            clockwork_own_group: "a group reads the states of all groups",
            clockwork_every_step: "at step 1 the second group waits",
            clockwork_from_zero: "the first step is number 1",
            clockwork_cleared: "a group that waits keeps its state",
            clockwork_forgets: "each step has an old state of its own",
            clockwork_one_array: "all entries are one array",
            clockwork_before: "these are the states before each step",
            clockwork_in_place: "clockwork changes h0 in place",
        },
    ),
    Graded(
        name="last_gradient",
        reference=last_gradient,
        parts=(Part("last_gradient-check", 10, last_inputs),),
        misconceptions=(
            last_found,
            last_of_array,
            last_one_late,
            last_at_every_step,
            last_longest_alone,
            last_step_alone,
            last_mean,
        ),
        alternatives=(
            last_in_pairs,
            last_where_it_ends,
            last_one_by_one,
        ),
        says={
            last_found: "as it was found; when is it wrong?",
            last_of_array: "dlast enters at the end of each sequence, not of the array",
            last_one_late: "the last step of a sequence is number length - 1",
            last_at_every_step: "the loss reads the last state of a sequence alone",
            last_longest_alone: "short sequences have a last state, too",
            last_step_alone: "what comes from later steps is lost",
            last_mean: "it is a sum over the sequences, not a mean",
        },
    ),
    Graded(
        name="limited_gradient",
        reference=limited_gradient,
        parts=(Part("limited_gradient-check", 10, limited_inputs),),
        misconceptions=(
            limited_found,
            limited_new_whole,
            limited_state_before,
            limited_too_late,
            limited_goes_on,
            limited_gradient_cut,
            limited_upper_alone,
            limited_lam_after,
            limited_masks_start,
            limited_clips_start,
            limited_start_cut,
        ),
        alternatives=(
            limited_by_states,
            limited_by_preactivations,
        ),
        says={
            limited_found: "as it was found; when is it wrong?",
            limited_new_whole: "dcs[t] is to be stopped at the limit, too",
            limited_state_before: "look at the state after the step, not before it",
            limited_too_late: "dlam and dW are made of what has passed the limit",
            limited_goes_on: "nothing passes a state that was cut off",
            limited_gradient_cut: "the gradient itself is not limited",
            limited_upper_alone: "a state is cut off below, too",
            limited_lam_after: "lam multiplies the state before the step",
            limited_masks_start: "c0 is not cut off",
            limited_clips_start: "c0 is not cut off",
            limited_start_cut: "c0 is not cut off",
        },
    ),
    Graded(
        name="two_back_gradient",
        reference=two_back_gradient,
        parts=(Part("two_back_gradient-check", 11, two_back_inputs),),
        misconceptions=(
            two_back_dW_2_as_found,
            two_back_found,
            two_back_without_second,
            two_back_without_first,
            two_back_swapped,
            two_back_same_states,
            two_back_early,
            two_back_one_way,
            two_back_one_step_on,
            two_back_both_in_front,
            two_back_both_shifted,
        ),
        alternatives=(
            two_back_with_states,
            two_back_adds_what_is_missing,
        ),
        says={
            two_back_found: "as it was found; when is it wrong?",
            two_back_dW_2_as_found: "W_2 acts at the first two steps as well",
            two_back_without_second: "W_2 acts at step 2, too, on before_1",
            two_back_without_first: "W_2 acts at step 1, too, on before_2",
            two_back_swapped: "before_1 comes one step before the first, before_2 two",
            two_back_same_states: "W_2 acts two steps back",
            two_back_early: "what goes back through W_2 belongs two steps back",
            two_back_one_way: "a state is read twice",
            two_back_one_step_on: "W_1 acts on the state before the step",
            two_back_both_in_front: "the way back must run over the T steps only",
            two_back_both_shifted: "the way back must run over the T steps only",
        },
    ),
    Graded(
        name="faults",
        reference=faults,
        parts=tuple(proof(name) for name in FORMS),
        misconceptions=(
            faults_too_wide,
            faults_at_the_same_step,
            faults_beside,
            faults_that_go_together,
            faults_next_to_it,
            faults_many_numbers,
            faults_the_other_way,
            faults_not_healed,
            faults_letters_alone,
            faults_by_number,
        ),
        alternatives=(
            faults_of_ordinary_inputs,
            faults_as_lists,
        ),
        says={
            faults_too_wide: "A is too wide",
            faults_at_the_same_step: "J is too wide",
            faults_beside: "D is not it",
            faults_that_go_together: "changes C besides O",
            faults_next_to_it: "changes P besides Q",
            faults_many_numbers: "3 numbers of ys change",
            faults_the_other_way: "M does not hold of your arguments",
            faults_not_healed: "after the change of ys the program is still wrong",
            faults_letters_alone: "the entry must be",
            faults_by_number: "no entry for read_out",
        },
    ),
)
