"""What assignment 10-forecasting grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. Gradients are
decided against the complex step of the loss, and forecasters by what they are worth on years that
come after the ones they were given.
"""

from functools import partial

import numpy as np

from rnnlib.grading.table import Graded, Part

# ---------------------------------------------------------------------------- inputs


def stretches(rng):
    """Half of the time the last window ends with the series."""
    n_in, n_out = (int(k) for k in rng.permutation([2, 3, 4, 5])[:2])
    stride, more = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    left = int(rng.integers(1, stride)) * int(rng.integers(2))
    return rng.normal(size=n_in + n_out + stride * more + left), n_in, n_out, stride


def origins(rng):
    """Half of the time the last place of the series is asked for."""
    horizon, step = (int(k) for k in rng.permutation([2, 3, 4, 5])[:2])
    first, more = int(rng.integers(4, 9)), int(rng.integers(2, 5))
    left = int(rng.integers(1, step)) * int(rng.integers(2))
    return first + horizon + 1 + step * more + left, first, horizon, step


def seasons(rng):
    """No whole number of seasons is known, and more than one is asked for."""
    season = int(rng.integers(3, 7))
    n = season * int(rng.integers(2, 5)) + int(rng.integers(1, season))
    return rng.normal(size=n), season, season + int(rng.integers(1, season))


def errors(rng):
    """Everything was measured."""
    N, K, season = (int(k) for k in rng.permutation([2, 3, 4, 5])[:3])
    y, forecast = 3 * rng.normal(size=(2, N, K))
    return y, forecast, rng.normal(size=season * 5 + 2).cumsum(), season


def errors_with_gaps(rng):
    """Gaps in both, but in no column and no series everywhere."""
    y, forecast, train, season = errors(rng)
    y = np.concatenate([y, rng.normal(size=y.shape)])
    forecast = np.concatenate([forecast, rng.normal(size=forecast.shape)])
    y[rng.integers(1, len(y)), 0] = y[rng.integers(1, len(y)), -1] = np.nan
    train[rng.integers(season + 1, len(train) - season - 1)] = np.nan
    return y, forecast, train, season


def fading(decay, series):
    mean, rows = 0.0, []
    for value in series:
        mean = decay * mean + (1 - decay) * value
        rows.append([value, mean, 0.5 * mean])
    return np.array(rows)


def fading_backwards(decay, series):
    mean, rows = 0.0, []
    for value in series[::-1]:
        mean = decay * mean + (1 - decay) * value
        rows.append([value, mean, 0.5 * mean])
    return np.array(rows[::-1])


def delayed(series):
    before = np.append(0.0, series[:-1])
    return np.stack([before, 2 * before], axis=1)


def smoothed(reach, series):
    means = [series[max(0, t - reach) : t + reach + 1].mean() for t in range(len(series))]
    return np.stack([means, means], axis=1)


def peeking(reach, column, row, series):
    """In one column; at one origin, or everywhere if row is -1."""
    n, said = len(series), np.stack([series, 2 * series, 3 * series], axis=1)
    rows = np.arange(n) if row < 0 else np.arange(n)[row : row + 1]
    said[rows, column] += series[np.minimum(rows + reach, n - 1)]
    return said


def in_blocks(size, series):
    parts = [series[k : k + size] for k in range(0, len(series), size)]
    flat = np.concatenate([part - part.mean() for part in parts])
    return np.stack([flat, 2 * flat], axis=1)


def standardised(series):
    return np.stack([(series - series.mean()) / series.std()] * 2, axis=1)


def below_largest(series):
    return np.stack([series, series - series.max()], axis=1)


def above_least(series):
    return np.stack([series, series - series.min()], axis=1)


def near_forecasters(rng):
    n, reach = int(rng.integers(14, 19)), int(rng.integers(2, 5))
    row = int(rng.choice([-1, rng.integers(1, n - 6)]))
    kinds = [
        rng.choice([partial(fading, 0.7), delayed]),
        partial(smoothed, reach),
        partial(peeking, reach, int(rng.integers(3)), row),
        partial(in_blocks, reach + 1),
    ]
    return kinds[rng.choice(4, p=[0.2, 0.2, 0.4, 0.2])], rng.normal(size=n)


def far_forecasters(rng):
    n = int(rng.integers(20, 25))
    backwards = partial(fading_backwards, float(rng.uniform(0.3, 0.4)))
    kinds = [standardised, below_largest, above_least, backwards]
    return kinds[rng.integers(4)], rng.normal(size=n)


def ensembles(rng):
    """M, N and K all different; one member in four is near y, so that no sign is the rule."""
    M, N, K = (int(k) for k in rng.permutation([2, 3, 4, 5])[:3])
    y, members = rng.normal(size=(N, K)), 1.5 * rng.normal(size=(max(M, 3), N, K))
    return y, members, rng.normal(size=max(M, 3))


def ensembles_of_any_level(rng):
    """Every other time with large logits."""
    y, members, logits = ensembles(rng)
    return y, members, logits + rng.choice([0.0, 1000.0])


def of_crps(k):
    """One of the three results alone, whatever the others are."""

    def observe(result, rng):
        loss, dmembers, dlogits = result
        return np.asarray((loss, dmembers, dlogits)[k])

    return observe


# --------------------------------------------------------- what a forecaster is worth

CAME = {}  # the years after those that a forecaster was given


def station(rng, n):
    """Monthly temperatures, as in the notebook."""
    phases, level, t = rng.uniform(0, 2 * np.pi, 2), rng.uniform(18, 26), np.arange(n)
    season = 3 * np.cos(np.pi / 6 * t + phases[0]) + 0.8 * np.cos(np.pi / 3 * t + phases[1])
    spells = [0.0, 0.0]
    for push in rng.normal(0, 0.2, n + 200):
        spells.append(1.778 * spells[-1] - 0.81 * spells[-2] + push)
    return level + season + spells[-n:] + rng.normal(0, 0.2, n)


def forty_years(rng):
    whole = station(rng, 480 + 6000)
    CAME[whole[:480].tobytes()] = whole[480:].copy()
    while len(CAME) > 64:  # of the last hand-ins only
        del CAME[next(iter(CAME))]
    return whole[:480], int(rng.choice([24, 30, 36])), 12, int(rng.integers(10, 26))


def _quantiles(errors, M):
    return np.quantile(errors, (np.arange(M) + 0.5) / M, axis=0)


def worth(W, c, offsets, later, lag=0):
    """Loss on later years, from every sixth month; or of values that come so much later."""
    K, n_in = W.shape
    both = np.lib.stride_tricks.sliding_window_view(later, n_in + K + 2)[::6]
    xs, ys = both[:, 1 : n_in + 1], both[:, n_in + 1 + lag : n_in + 1 + lag + K]
    members = np.sort(xs @ W.T + c + offsets[:, None], axis=0)
    M = len(members)
    weights = (2 * np.arange(M) + 1 - M)[:, None, None] / M**2  # of |x_i - x_j| / 2, in order
    return np.mean(np.abs(members - ys).mean(axis=0) - (weights * members).sum(axis=0))


def examined(result, args):
    """Its loss over that of the rule, and what is the matter with it if that is too much."""
    series, n_in, K, M = args
    W, c, offsets = (np.asarray(a, dtype=float) for a in result)
    xs, ys = windows(series, n_in, K, 1)
    rule = np.eye(n_in)[n_in - 12 + np.arange(K) % 12]
    later, errors = CAME[series.tobytes()], ys - xs @ W.T - c
    right, bias = _quantiles(errors, M), errors.mean(axis=0)
    bar = worth(rule, np.zeros(K), _quantiles(ys - xs @ rule.T, M), later)

    def would_do(*model, lag=0):
        return worth(*model, later, lag) <= 0.7 * bar

    good = would_do(W, c, right)
    found = {
        "this is the rule itself": np.allclose(W, rule),
        "it would do with its mean error in the known years added": abs(bias).max() > 0.1
        and would_do(W, c + bias, offsets),
        "W and c are good, but the offsets say that it is sure": good and np.ptp(offsets) < 0.1,
        "W and c are good, but not the offsets": good,
        "it would do a month earlier": would_do(W, c, right, lag=-1),
        "it would do a month later": would_do(W, c, right, lag=1),
        "it would do with the columns of W turned round": would_do(W[:, ::-1], c, offsets),
        "it would do if c were the first column of W": would_do(*ones_last(W, c), offsets),
        "it says the same of all steps ahead": np.ptp(W, axis=0).max() < 1e-6,
    }
    return worth(W, c, offsets, later) / bar, found


def ones_last(W, c):
    """W and c of weights whose first row belongs to the ones."""
    return np.column_stack([W[:, 1:], c]), W[:, 0]


def of_other_shapes(result, args):
    """A tuple of arrays of the shapes that it has, where these are not those asked for."""
    _, n_in, K, M = args
    shapes = [np.shape(a) for a in result]
    return None if shapes == [(K, n_in), (K,), (M, K)] else tuple(map(np.zeros, shapes))


def what_it_is_worth(result, args):
    """Is its loss at most 0.7 of the rule's; if not, what is the matter? Or else its shapes."""
    if other := of_other_shapes(result, args):
        return other
    share, found = examined(result, args)
    return np.array([1, *found.values()]) * (not share <= 0.7)


def share_of_the_rule(result, args):
    share, found = examined(result, args)
    words = next((f": {words}" for words, is_so in found.items() if is_so), "")
    return (
        f"its loss is {share:.2f} of the rule's on the years that follow, expected at most 0.70"
        f"{words}"
    )


def stand(values, offsets, levels):
    """How far, in shares of the values (N, K), each offset is from its level: (M, K)."""
    ordered, levels = np.sort(offsets, axis=0)[:, None], levels[:, None]
    above, reached = (values < ordered).mean(axis=1), (values <= ordered).mean(axis=1)
    return np.maximum(above - levels, 0) + np.minimum(reached - levels, 0)


def where_they_stand(result, args):
    """Are the offsets at their levels of its own errors; if not, at which of what?"""
    if other := of_other_shapes(result, args):
        return other
    series, n_in, K, M = args
    W, c, offsets = (np.asarray(a, dtype=float) for a in result)
    xs, ys = windows(series, n_in, K, 1)
    i, said, ends = np.arange(M), xs @ W.T + c, np.linspace(0, 1, M)
    errors, middle = ys - said, (i + 0.5) / M
    late = windows(series, n_in, K + 1, 1)
    early, (W_last, c_last) = np.column_stack([xs[:, 1:], ys[:, 0]]), ones_last(W, c)

    def like(values, levels):
        return (abs(stand(values, offsets, levels)) <= 0.01).all()

    told_apart = np.ptp(errors, axis=0).min() > 1e-6  # beside a huge forecast all errors are one
    if like(errors, middle) and told_apart:
        return np.zeros(16)
    in_order = np.sort(offsets, axis=0)
    flags = [
        1,
        np.ptp(offsets) < 0.1,
        like(errors, ends),
        like(errors, i / M),
        like(errors, (i + 1) / M),
        like(errors, (i + 1) / (M + 1)),
        like(-errors, middle) or like(-errors, ends),
        like(ys, middle) or like(ys, ends),
        any(like(np.repeat(errors.reshape(-1, 1), K, axis=1), a) for a in (middle, ends)),
        np.allclose(in_order, np.sort(errors[-M:], axis=0)),
        np.ptp(np.diff(in_order, axis=0), axis=0).max() < 1e-6,
        like(errors - errors.mean(axis=0), middle),
        like(ys - early @ W.T - c, middle),
        like(late[1][:, 1:] - late[0] @ W.T - c, middle),
        like(ys - xs[:, ::-1] @ W.T - c, middle),
        like(ys - xs @ W_last.T - c_last, middle),
    ]
    return np.array(flags, dtype=float)


def farthest_off(result, args):
    series, n_in, K, M = args
    W, c, offsets = (np.asarray(a, dtype=float) for a in result)
    xs, ys = windows(series, n_in, K, 1)
    levels = (np.arange(M) + 0.5) / M
    off = stand(ys - xs @ W.T - c, offsets, levels)
    i, k = np.unravel_index(abs(off).argmax(), off.shape)
    return (
        f"{k + 1} steps ahead, of the errors of its W and c in all windows the share "
        f"{levels[i] + off[i, k]:.3f} lies below the offset for i = {i + 1}, expected "
        f"{levels[i]:.3f}"
    )


# -------------------------------------------------------------------------- windows


def windows(series, n_in, n_out, stride):
    both = np.lib.stride_tricks.sliding_window_view(series, n_in + n_out)[::stride]
    return both[:, :n_in].copy(), both[:, n_in:].copy()


def windows_without_stride(series, n_in, n_out, stride):
    """The stride is not used: a window begins stride places after the one before it."""
    starts = np.arange(len(series) - n_in - n_out + 1)[:, None]
    return series[starts + np.arange(n_in)], series[starts + n_in + np.arange(n_out)]


def windows_one_too_few(series, n_in, n_out, stride):
    """The last window is missing where it ends with the series: np.arange leaves its stop out."""
    starts = np.arange(0, len(series) - n_in - n_out, stride)[:, None]
    return series[starts + np.arange(n_in)], series[starts + n_in + np.arange(n_out)]


def windows_one_too_many(series, n_in, n_out, stride):
    """There is a window too many: both its stretches must lie in the series."""
    starts = np.arange(0, len(series) - n_in - n_out + 1 + stride, stride)[:, None]
    padded = np.append(series, np.zeros(stride + n_in + n_out))
    return padded[starts + np.arange(n_in)], padded[starts + n_in + np.arange(n_out)]


def windows_cut_ragged(series, n_in, n_out, stride):
    """The last rows are shorter than the others: windows count only as a whole."""
    starts = range(0, len(series) - n_in, stride)
    xs = [series[s : s + n_in] for s in starts]
    return xs, [series[s + n_in : s + n_in + n_out] for s in starts]


def windows_known_target(series, n_in, n_out, stride):
    """ys begins with the last value of xs, which is known already; it begins right after it."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, stride)[:, None]
    return series[starts + np.arange(n_in)], series[starts + n_in - 1 + np.arange(n_out)]


def windows_with_a_gap(series, n_in, n_out, stride):
    """A value between xs and ys is left out; ys begins right after xs."""
    starts = np.arange(0, len(series) - n_in - n_out, stride)[:, None]
    return series[starts + np.arange(n_in)], series[starts + n_in + 1 + np.arange(n_out)]


def windows_same_start(series, n_in, n_out, stride):
    """ys begins where xs begins; it begins right after xs."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, stride)[:, None]
    return series[starts + np.arange(n_in)], series[starts + np.arange(n_out)]


def windows_newest_first(series, n_in, n_out, stride):
    """The newest value of a window comes first; the oldest does."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, stride)[:, None]
    return series[starts + np.arange(n_in)[::-1]], series[starts + n_in + np.arange(n_out)]


def windows_from_the_end(series, n_in, n_out, stride):
    """Windows are counted from the end of the series; row i begins at place i · stride."""
    starts = np.arange(len(series) - n_in - n_out, -1, -stride)[::-1, None]
    return series[starts + np.arange(n_in)], series[starts + n_in + np.arange(n_out)]


def windows_of_places(series, n_in, n_out, stride):
    """These are the places of the values; the values of the series at these places are asked
    for."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, stride)[:, None]
    return starts + np.arange(n_in), starts + n_in + np.arange(n_out)


def windows_swapped(series, n_in, n_out, stride):
    """The two results are in the wrong order: xs comes first, then ys."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, stride)[:, None]
    return series[starts + n_in + np.arange(n_out)], series[starts + np.arange(n_in)]


def windows_side_by_side(series, n_in, n_out, stride):
    """The windows do not overlap as they should: they begin stride places apart, whatever
    their length."""
    starts = np.arange(0, len(series) - n_in - n_out + 1, n_in + n_out)[:, None]
    return series[starts + np.arange(n_in)], series[starts + n_in + np.arange(n_out)]


def windows_by_a_loop(series, n_in, n_out, stride):
    xs, ys, start = [], [], 0
    while start + n_in + n_out <= len(series):
        xs.append(series[start : start + n_in])
        ys.append(series[start + n_in : start + n_in + n_out])
        start += stride
    return np.array(xs), np.array(ys)


def windows_as_lists(series, n_in, n_out, stride):
    rows = [
        list(series[s : s + n_in + n_out]) for s in range(0, len(series) - n_in - n_out + 1, stride)
    ]
    return [row[:n_in] for row in rows], [row[n_in:] for row in rows]


# ------------------------------------------------------------------- rolling_origin


def rolling_origin(n, first, horizon, step):
    places = [t for t in range(first, n, step) if t + horizon < n]
    asked = [[t + k for k in range(1, horizon + 1)] for t in places]
    return np.array(places) + 1, np.array(asked)


def rolling_known_is_the_origin(n, first, horizon, step):
    """known is one too small: the origin itself is known, and series[:t] leaves it out."""
    known = np.arange(first, n - horizon, step)
    return known, known[:, None] + 1 + np.arange(horizon)


def rolling_asks_the_origin(n, first, horizon, step):
    """asked begins with the origin, which is known; the place after it comes first."""
    known = np.arange(first, n - horizon, step) + 1
    return known, known[:, None] - 1 + np.arange(horizon)


def rolling_skips_a_place(n, first, horizon, step):
    """The place right after the origin is left out."""
    known = np.arange(first, n - horizon - 1, step) + 1
    return known, known[:, None] + 1 + np.arange(horizon)


def rolling_asks_by_steps(n, first, horizon, step):
    """The places that an origin asks for lie step places apart; they follow one another, and
    the origin moves on by step."""
    known = np.arange(first, n - horizon, step) + 1
    return known, known[:, None] + step * np.arange(horizon)


def rolling_one_too_few(n, first, horizon, step):
    """The last origin is missing where it asks for the last place of the series: np.arange
    leaves its stop out."""
    known = np.arange(first, n - horizon - 1, step) + 1
    return known, known[:, None] + np.arange(horizon)


def rolling_one_too_many(n, first, horizon, step):
    """It asks for a place that the series has not got: its last place is n - 1."""
    known = np.arange(first, n - horizon + 1, step) + 1
    return known, known[:, None] + np.arange(horizon)


def rolling_to_the_end(n, first, horizon, step):
    """Origins run to the end of the series, and what they ask for lies beyond it."""
    known = np.arange(first, n - 1, step) + 1
    return known, known[:, None] + np.arange(horizon)


def rolling_without_step(n, first, horizon, step):
    """step is not used: the origin moves on by so many places."""
    known = np.arange(first, n - horizon) + 1
    return known, known[:, None] + np.arange(horizon)


def rolling_by_horizon(n, first, horizon, step):
    """The origin moves on by the horizon; it moves by step, and what is asked for may overlap."""
    known = np.arange(first, n - horizon, horizon) + 1
    return known, known[:, None] + np.arange(horizon)


def rolling_never_learns(n, first, horizon, step):
    """known stays what the first origin knows; more is known as the origin moves on."""
    known = np.arange(first, n - horizon, step) + 1
    return 0 * known + first + 1, known[:, None] + np.arange(horizon)


def rolling_knows_the_answers(n, first, horizon, step):
    """known holds what is asked for as well: that is a leak."""
    known = np.arange(first, n - horizon, step) + 1
    return known + horizon, known[:, None] + np.arange(horizon)


def rolling_asks_all_the_same(n, first, horizon, step):
    """asked is the same for all origins; it moves on with them."""
    known = np.arange(first, n - horizon, step) + 1
    return known, np.repeat(first + 1 + np.arange(horizon)[None], len(known), axis=0)


def rolling_farthest_first(n, first, horizon, step):
    """The farthest place comes first in asked; the nearest does."""
    known = np.arange(first, n - horizon, step) + 1
    return known, known[:, None] + np.arange(horizon)[::-1]


def rolling_as_floats(n, first, horizon, step):
    known = 1 + first + step * np.arange(1 + (n - 1 - horizon - first) // step)
    return known, np.add.outer(known, np.arange(horizon))


def rolling_by_a_loop(n, first, horizon, step):
    known, asked, t = [], [], first
    while t + horizon <= n - 1:
        known.append(t + 1)
        asked.append(list(range(t + 1, t + horizon + 1)))
        t += step
    return known, asked


# ------------------------------------------------------------------- seasonal_naive


def seasonal_naive(series, season, horizon):
    n = len(series)
    k = np.arange(1, horizon + 1)
    return series[n - 1 + k - season * np.ceil(k / season).astype(int)]


def naive_persists(series, season, horizon):
    """This is persistence: the last value for all steps ahead; the rule goes back a season."""
    return np.full(horizon, series[-1])


def naive_first_season(series, season, horizon):
    """It takes the first season of the series; the last one is nearer."""
    return series[:season][np.arange(horizon) % season]


def naive_first_by_calendar(series, season, horizon):
    """It takes the first season of the series, by the calendar; the last one is nearer."""
    return series[(len(series) + np.arange(horizon)) % season]


def naive_calendar_mean(series, season, horizon):
    """It takes the mean over all seasons; the rule takes the last one."""
    n = len(series)
    return np.array([series[(n + k) % season :: season].mean() for k in range(horizon)])


def naive_late(series, season, horizon):
    """It is one step late: one step ahead the value one season before is m - 1 steps before
    the last."""
    return series[-season:][(np.arange(horizon) + 1) % season]


def naive_early(series, season, horizon):
    """It begins with the last value, which lies a season before the last step of a season; one
    step ahead it goes m - 1 steps back from there."""
    return series[-season:][(np.arange(horizon) - 1) % season]


def naive_too_early(series, season, horizon):
    """Each value is one place too early in the series: one step ahead, it is that m places
    before the place t + 1."""
    return np.resize(series[-season - 1 : -1], horizon)


def naive_last_values(series, season, horizon):
    """These are the last K values; the rule goes back one season, and through it again."""
    return series[len(series) - horizon :]


def naive_runs_on(series, season, horizon):
    """Beyond a season it runs on into the beginning of the series; go through the last season
    again."""
    return series[(len(series) - season + np.arange(horizon)) % len(series)]


def naive_out_of_bounds(series, season, horizon):
    """Farther ahead than a season the value one season before is not known either: go back one
    season more."""
    n = len(series)
    return np.array([series[n + k - season] for k in range(horizon)])


def naive_one_season(series, season, horizon):
    """It says one season alone, whatever is asked for: K values."""
    return series[-season:]


def naive_stops_after_a_season(series, season, horizon):
    """Beyond a season it says the last value again and again; go through the season again."""
    return series[-season:][np.minimum(np.arange(horizon), season - 1)]


def naive_repeats_each(series, season, horizon):
    """Each value of the season is repeated on the spot; the season as a whole is."""
    return np.repeat(series[-season:], 2)[:horizon]


def naive_backwards(series, season, horizon):
    """The season runs backwards: the oldest of its values comes first."""
    return series[-season:][::-1][np.arange(horizon) % season]


def naive_by_tile(series, season, horizon):
    return np.tile(series[-season:], horizon)[:horizon]


def naive_by_appending(series, season, horizon):
    longer = list(series)
    for _ in range(horizon):
        longer.append(longer[-season])
    return longer[len(series) :]


# ----------------------------------------------------------------------------- mase


def mase(y, forecast, train, season):
    def mean(values):
        measured = [v for v in values if v == v]
        return sum(measured) / len(measured)

    scale = mean([abs(b - a) for a, b in zip(train, train[season:], strict=False)])
    return np.array([mean(abs(column)) / scale for column in (y - forecast).T])


def mase_unscaled(y, forecast, train, season):
    """It is divided by nothing: this is the mean absolute error."""
    return np.nanmean(np.abs(y - forecast), axis=0)


def mase_one_number(y, forecast, train, season):
    """This is the mean over all steps ahead; each of them has an error of its own."""
    return np.nanmean(np.abs(y - forecast)) / np.nanmean(np.abs(train[season:] - train[:-season]))


def mase_over_steps(y, forecast, train, season):
    """The mean is over the steps ahead, one number for each origin; it is over the origins."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.nanmean(np.abs(y - forecast), axis=1) / scale


def mase_turned(y, forecast, train, season):
    """The quotient is turned round: the error stands above, the scale below."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return scale / np.nanmean(np.abs(y - forecast), axis=0)


def mase_one_step(y, forecast, train, season):
    """The scale compares values one step apart; it compares those one season apart."""
    return np.nanmean(np.abs(y - forecast), axis=0) / np.nanmean(np.abs(np.diff(train)))


def mase_squared(y, forecast, train, season):
    """Errors and differences are squared; their absolute values are taken."""
    scale = np.nanmean((train[season:] - train[:-season]) ** 2)
    return np.nanmean((y - forecast) ** 2, axis=0) / scale


def mase_root_mean_square(y, forecast, train, season):
    """These are roots of mean squares; take means of absolute values."""
    scale = np.nanmean((train[season:] - train[:-season]) ** 2)
    return np.sqrt(np.nanmean((y - forecast) ** 2, axis=0) / scale)


def mase_signed(y, forecast, train, season):
    """Errors of both signs cancel: take their absolute values."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.nanmean(y - forecast, axis=0) / scale


def mase_absolute_too_late(y, forecast, train, season):
    """The absolute value is taken of the mean, where errors of both signs have cancelled; take
    it before the mean."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.abs(np.nanmean(y - forecast, axis=0)) / scale


def mase_signed_scale(y, forecast, train, season):
    """Differences of train of both signs cancel: take their absolute values."""
    scale = np.nanmean(train[season:] - train[:-season])
    return np.nanmean(np.abs(y - forecast), axis=0) / scale


def mase_by_deviation(y, forecast, train, season):
    """The scale is the standard deviation of train; it is what values one season apart differ
    by."""
    return np.nanmean(np.abs(y - forecast), axis=0) / np.nanstd(train)


def mase_share_of_y(y, forecast, train, season):
    """This is the error as a share of y; the scale comes from train."""
    return np.nanmean(np.abs((y - forecast) / y), axis=0)


def mase_scale_from_y(y, forecast, train, season):
    """The scale comes from y, which was not known before; it comes from train."""
    return np.nanmean(np.abs(y - forecast), axis=0) / np.nanmean(np.abs(np.diff(y, axis=0)))


def mase_sum(y, forecast, train, season):
    """The errors are added up; take their mean over the origins."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.nansum(np.abs(y - forecast), axis=0) / scale


def mase_wrong_number(y, forecast, train, season):
    """The scale is divided by n; there are fewer pairs one season apart than values."""
    pairs = np.abs(train[season:] - train[:-season])
    measured = np.sum(~np.isnan(train))
    return np.nanmean(np.abs(y - forecast), axis=0) / (np.nansum(pairs) / measured)


def mase_wraps(y, forecast, train, season):
    """Where t < m, train[t - m] comes from the end of train: there is no value a season
    before, and the pair is left out."""
    scale = np.nanmean(np.abs(train - np.roll(train, season)))
    return np.nanmean(np.abs(y - forecast), axis=0) / scale


def mase_medians(y, forecast, train, season):
    """The median is taken of the errors; it is their mean."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.nanmedian(np.abs(y - forecast), axis=0) / scale


def mase_gaps_spread(y, forecast, train, season):
    """nan is no number, and what has it in its sum has none either: leave out what was not
    measured."""
    return np.abs(y - forecast).mean(axis=0) / np.abs(train[season:] - train[:-season]).mean()


def mase_gaps_cut_out(y, forecast, train, season):
    """Gaps are cut out of train, and what comes after them moves into other months: a gap
    keeps its place, and pairs with it are left out."""
    train = train[~np.isnan(train)]
    scale = np.abs(train[season:] - train[:-season]).mean()
    return np.nanmean(np.abs(y - forecast), axis=0) / scale


def mase_gaps_are_zero(y, forecast, train, season):
    """Gaps are taken for 0; what was not measured counts nowhere."""
    y, train = np.nan_to_num(y), np.nan_to_num(train)
    return np.abs(y - forecast).mean(axis=0) / np.abs(train[season:] - train[:-season]).mean()


def mase_errors_of_gaps_are_zero(y, forecast, train, season):
    """What was not measured is taken for an error of 0; it is not counted at all."""
    e, d = np.abs(y - forecast), np.abs(train[season:] - train[:-season])
    return np.nan_to_num(e).mean(axis=0) / np.nan_to_num(d).mean()


def mase_counts_gaps(y, forecast, train, season):
    """The sum of the errors leaves gaps out, but the number does not."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.nansum(np.abs(y - forecast), axis=0) / len(y) / scale


def mase_drops_rows(y, forecast, train, season):
    """A row of y with a gap is left out as a whole; its other entries were measured."""
    rows = ~np.isnan(y).any(axis=1)
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    return np.abs(y - forecast)[rows].mean(axis=0) / scale


def mase_fills_gaps(y, forecast, train, season):
    """Gaps in train are filled up from their neighbours; pairs with a gap are left out."""
    places, measured = np.arange(len(train)), ~np.isnan(train)
    train = np.interp(places, places[measured], train[measured])
    scale = np.abs(train[season:] - train[:-season]).mean()
    return np.nanmean(np.abs(y - forecast), axis=0) / scale


def mase_in_place(y, forecast, train, season):
    """y is changed in place; it belongs to the caller."""
    scale = np.nanmean(np.abs(train[season:] - train[:-season]))
    y -= forecast
    return np.nanmean(np.abs(y), axis=0) / scale


def mase_by_masks(y, forecast, train, season):
    pairs = train[season:] - train[:-season]
    pairs = pairs[np.isfinite(pairs)]
    seen = np.isfinite(y)
    total = np.where(seen, np.abs(y - forecast), 0).sum(0)
    return total / seen.sum(0) / np.abs(pairs).mean()


def mase_by_column(y, forecast, train, season):
    scale = np.nanmean(np.abs(np.roll(train, -season)[:-season] - train[:-season]))
    result = []
    for k in range(y.shape[1]):
        measured = ~np.isnan(y[:, k])
        result.append(float(np.abs(y[measured, k] - forecast[measured, k]).mean() / scale))
    return result


# ----------------------------------------------------------------------- look_ahead


def look_ahead(forecast, series):
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for value in (-1e5, 1e5):
            other = series.copy()
            other[s] = value
            changed = (forecast(other) != said).any(axis=1)
            furthest = max([furthest, *(s - t for t in range(s) if changed[t])])
    return furthest


def look_counts_its_own_place(forecast, series):
    """It counts from the place of the row itself, which is known: from row t to place s it is
    s - t steps."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero((forecast(other) != said).any(axis=1))
            furthest = max(furthest, s - rows.min(initial=s) + 1)
    return furthest


def look_one_too_small(forecast, series):
    """It is one too small: from row t to place s it is s - t steps."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero((forecast(other) != said).any(axis=1))
            furthest = max(furthest, s - rows.min(initial=s) - 1)
    return furthest


def look_back(forecast, series):
    """It says how far a forecast looks back, or both ways; only rows before the place that was
    changed look ahead."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero((forecast(other) != said).any(axis=1))
            furthest = max(furthest, *np.abs(s - rows), 0)
    return furthest


def look_says_whether(forecast, series):
    """It says whether it looks ahead; it has to say how far."""
    said = forecast(series)
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            if (forecast(other) != said)[:s].any():
                return True
    return False


def look_first_found(forecast, series):
    """It takes the first place that some row sees, or of the rows that see it the latest; of
    all rows and places the largest distance counts."""
    said = forecast(series)
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero((forecast(other) != said)[:s].any(axis=1))
            if len(rows):
                return s - rows[0]
    return 0


def look_counts_rows(forecast, series):
    """It counts rows that see a place; how far the place is from the row counts, and a single
    row may look far."""
    said, most = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            most = max(most, (forecast(other) != said)[:s].any(axis=1).sum())
    return most


def look_at_one_place(forecast, series):
    """One place alone is changed, in the middle; other rows may see other places."""
    said, furthest = forecast(series), 0
    s = len(series) // 2
    for change in (-1e4, 1e4):
        other = series.copy()
        other[s] += change
        rows = np.flatnonzero((forecast(other) != said).any(axis=1))
        furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_at_last_place(forecast, series):
    """The last place alone is changed; a row may look ahead and not see the end."""
    said, furthest = forecast(series), 0
    s = len(series) - 1
    for change in (-1e4, 1e4):
        other = series.copy()
        other[s] += change
        rows = np.flatnonzero((forecast(other) != said).any(axis=1))
        furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_at_first_row(forecast, series):
    """The first row alone is compared; others may look farther."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            if (forecast(other)[0] != said[0]).any():
                furthest = max(furthest, s)
    return furthest


def look_at_first_column(forecast, series):
    """The first column alone is compared; a leak may be in any step ahead."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero(forecast(other)[:, 0] != said[:, 0])
            furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_at_last_column(forecast, series):
    """The last column alone is compared; a leak may be in any step ahead."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero(forecast(other)[:, -1] != said[:, -1])
            furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_changes_all_that_comes(forecast, series):
    """All that comes after the row is changed at once, which tells that it looks ahead and not
    how far; change one place at a time."""
    said, furthest = forecast(series), 0
    n = len(series)
    for t in range(n - 1):
        for change in (-1e4, 1e4):
            other = series.copy()
            other[t + 1 :] += change
            if (forecast(other)[t] != said[t]).any():
                furthest = max(furthest, n - 1 - t)
    return furthest


def look_upwards(forecast, series):
    """Values are changed upwards alone; what looks at the least value does not see that."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        other = series.copy()
        other[s] += 1e4
        rows = np.flatnonzero((forecast(other) != said).any(axis=1))
        furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_downwards(forecast, series):
    """Values are changed downwards alone; what looks at the largest value does not see that."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        other = series.copy()
        other[s] -= 1e4
        rows = np.flatnonzero((forecast(other) != said).any(axis=1))
        furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_small_changes(forecast, series):
    """The change is small, and what looks at the largest or the least value does not see it."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e-3, 1e-3):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero((forecast(other) != said).any(axis=1))
            furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_with_tolerance(forecast, series):
    """A leak that is tiny counts as none, as np.allclose and np.isclose allow; compare with
    !=."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1.0, 1.0, -10.0, 10.0):
            other = series.copy()
            other[s] += change
            rows = np.flatnonzero(~np.isclose(forecast(other), said).all(axis=1))
            furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_in_place(forecast, series):
    """The series is changed in place; work on a copy."""
    said, furthest = forecast(series), 0
    for s in range(len(series)):
        for change in (-1e4, 1e4):
            series[s] += change
            rows = np.flatnonzero((forecast(series) != said).any(axis=1))
            furthest = max(furthest, s - rows.min(initial=s))
    return furthest


def look_with_nan(forecast, series):
    furthest = 0
    for s in range(1, len(series)):
        other = np.array(series)
        other[s] = np.nan
        rows = np.isnan(forecast(other)[:s]).any(axis=1)
        if rows.any():
            furthest = max(furthest, s - int(rows.argmax()))
    return furthest


def look_row_by_row(forecast, series):
    said, n, found = forecast(series), len(series), [0]
    for s in range(n):
        up, down = series.copy(), series.copy()
        up[s], down[s] = series.max() + 500, series.min() - 500
        for row in (forecast(up), forecast(down)):
            for t in range(s):
                if not np.array_equal(row[t], said[t]):
                    found.append(s - t)
    return np.array(max(found))


# ----------------------------------------------------------------------------- crps


def by_complex_step(f, *args):
    """Gradient of a number f(*args) with respect to each array: no derivation, no mistake."""

    def slope(k, entry):
        nudged = [a.astype(complex) for a in args]
        nudged[k][entry] += 1e-30j
        return f(*nudged).imag / 1e-30

    return tuple(
        np.reshape([slope(k, entry) for entry in np.ndindex(a.shape)], a.shape)
        for k, a in enumerate(args)
    )


def distance(a):
    """|a|, for complex numbers too."""
    return np.where(a.real > 0, a, -a)


def crps(y, members, logits):
    """In operations that take complex numbers."""

    def loss(members, logits):
        p = np.exp(logits - logits.real.max())
        p = p / p.sum()
        apart = distance(members[:, None] - members)
        near = np.tensordot(p, distance(members - y), 1)
        return (near - np.einsum("i,j,ij...->...", p, p, apart) / 2).mean()

    return loss(members, logits), *by_complex_step(loss, members, logits)


def _shares(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()


def _distances(y, members, p):
    """From y; from all members, which count by p, in the mean; and the mean sign of these."""
    apart = members[:, None] - members
    gaps = np.einsum("j,ijnk->ink", p, np.abs(apart))
    return members - y, gaps, np.einsum("j,ijnk->ink", p, np.sign(apart))


def _scores(y, p, off, gaps, sides):
    """(loss, dmembers, dlogits) from shares and distances."""
    w, g = p[:, None, None], (np.abs(off) - gaps).mean(axis=(1, 2))
    loss = (w * (np.abs(off) - gaps / 2)).sum(axis=0).mean()
    return loss, w * (np.sign(off) - sides) / y.size, p * (g - p @ g)


def crps_without_spread(y, members, logits):
    """The distance of the members from each other is missing, in the loss and in both
    gradients: this is a weighted absolute error."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    return _scores(y, p, off, 0 * gaps, 0 * sides)


def crps_whole_spread(y, members, logits):
    """The whole distance of the members from each other is taken away, in the loss and in both
    gradients; half of it is."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    return _scores(y, p, off, 2 * gaps, 2 * sides)


def crps_adds_spread(y, members, logits):
    """The distance of the members from each other is added, in the loss and in both gradients;
    half of it is taken away."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    return _scores(y, p, off, -gaps, -sides)


def crps_equal_shares(y, members, logits):
    """All members have the same share, whatever the logits say; their shares are the softmax
    of the logits."""
    p = np.ones(len(members)) / len(members)
    return _scores(y, p, *_distances(y, members, p))


def crps_logits_as_shares(y, members, logits):
    """The logits are taken for shares; these are the softmax of the logits."""
    return _scores(y, logits, *_distances(y, members, logits))


def crps_shares_not_normalised(y, members, logits):
    """The shares do not add up to 1: divide the exponentials by their sum."""
    p = np.exp(logits - logits.max())
    return _scores(y, p, *_distances(y, members, p))


def crps_overflows(y, members, logits):
    """The exponentials of large logits overflow: take the largest logit away from all of them
    first."""
    p = np.exp(logits) / np.exp(logits).sum()
    return _scores(y, p, *_distances(y, members, p))


def crps_spread_of_equals(y, members, logits):
    """In the double sum members count alike; they count by their shares p_i and p_j."""
    p = _shares(logits)
    w, equal = p[:, None, None], np.ones(len(p)) / len(p)
    off, gaps, sides = _distances(y, members, equal)
    _, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    loss = ((w * np.abs(off)).sum(axis=0) - gaps.mean(axis=0) / 2).mean()
    return loss, dmembers, dlogits


def crps_sum(y, members, logits):
    """Over origins and steps the loss is the sum; it is the mean, and so are its gradients."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss * y.size, dmembers * y.size, dlogits * y.size


def crps_mean_over_members(y, members, logits):
    """Over members there is a mean on top of the shares, which add up to 1 already: sum over
    members."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    M = len(p)
    return loss / M, dmembers / M, dlogits / M


def crps_squares(y, members, logits):
    """Distances are squared; take absolute values."""
    p = _shares(logits)
    w, off, apart = p[:, None, None], members - y, members[:, None] - members
    spread = np.einsum("j,ijnk->ink", p, apart**2)
    loss = (w * (off**2 - spread / 2)).sum(axis=0).mean()
    dmembers = w * (2 * off - 2 * np.einsum("j,ijnk->ink", p, apart)) / y.size
    g = (off**2 - spread).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_of_the_mean(y, members, logits):
    """The members are averaged before they are compared with y; each has a distance of its
    own."""
    p = _shares(logits)
    w = p[:, None, None]
    off = (w * members).sum(axis=0) - y
    g = (np.sign(off) * members).mean(axis=(1, 2))
    return np.abs(off).mean(), w * np.sign(off) / y.size, p * (g - p @ g)


def crps_only_pairs(y, members, logits):
    """Pairs of a member with itself are left out of the double sum's shares; the sums are over
    all i and j."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    _, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    w = p[:, None, None]
    loss = ((w * np.abs(off)).sum(axis=0) - (w * gaps).sum(axis=0) / 2 / (1 - p @ p)).mean()
    return loss, dmembers, dlogits


def crps_half_the_pairs(y, members, logits):
    """Of the distance of the members from each other a quarter is taken away, not half: the double
    sum has each pair twice, so that there is no ½ where j > i alone."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    _, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    loss = (p[:, None, None] * (np.abs(off) - gaps / 4)).sum(axis=0).mean()
    return loss, dmembers, dlogits


def crps_members_half_spread(y, members, logits):
    """In dmembers the double sum counts half: x_i is in both places of a pair, so no ½
    remains."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * (np.sign(off) - sides / 2) / y.size, dlogits


def crps_members_double_spread(y, members, logits):
    """In dmembers the double sum counts twice: it has the factor ½."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * (np.sign(off) - 2 * sides) / y.size, dlogits


def crps_members_no_spread(y, members, logits):
    """In dmembers the double sum is missing: members see each other."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * np.sign(off) / y.size, dlogits


def crps_members_plus(y, members, logits):
    """In dmembers the double sum is added; it is taken away."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * (np.sign(off) + sides) / y.size, dlogits


def crps_members_no_share(y, members, logits):
    """dmembers lacks the share p_i of the member itself."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, (np.sign(off) - sides) / y.size, dlogits


def crps_members_share_once(y, members, logits):
    """In dmembers the share p_i of the member stands in front of both terms, not of the first
    alone."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, (p[:, None, None] * np.sign(off) - sides) / y.size, dlogits


def crps_members_share_second(y, members, logits):
    """In dmembers the share p_i of the member stands in front of both terms, not of the second
    alone."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, (np.sign(off) - p[:, None, None] * sides) / y.size, dlogits


def crps_members_share_twice(y, members, logits):
    """In dmembers the share p_i of the member stands twice."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] ** 2 * (np.sign(off) - sides) / y.size, dlogits


def crps_members_others_alike(y, members, logits):
    """In dmembers the other members count alike; they count by their shares p_j."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    sides = _distances(y, members, np.ones(len(p)) / len(p))[2]
    return loss, p[:, None, None] * (np.sign(off) - sides) / y.size, dlogits


def crps_members_not_mean(y, members, logits):
    """dmembers is not divided by the number N K of values, over which the loss is a mean."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, dmembers * y.size, dlogits


def crps_members_mean_of_all(y, members, logits):
    """dmembers is divided by M N K; over members the loss is a sum, with shares."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, dmembers / len(p), dlogits


def crps_members_indicator(y, members, logits):
    """In dmembers the slope of |x - y| below y is taken for 0; it is -1."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * ((off > 0) - sides) / y.size, dlogits


def crps_members_indicators(y, members, logits):
    """In dmembers the slopes of all |a| are taken for 0 and 1; they are -1 and 1."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    above = np.einsum("j,ijnk->ink", p, 1.0 * (members[:, None] > members))
    return loss, p[:, None, None] * ((off > 0) - above) / y.size, dlogits


def crps_members_sign(y, members, logits):
    """dmembers has its sign turned: the loss grows where a member goes away from y."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, -dmembers, dlogits


def crps_members_first_sign(y, members, logits):
    """In dmembers the first term has its sign turned: the slope of |x - y| by x is sign(x -
    y)."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    return loss, p[:, None, None] * (-np.sign(off) - sides) / y.size, dlogits


def crps_members_over_origins(y, members, logits):
    """dmembers is divided by N alone; the loss is a mean over origins and steps, N K values."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, dmembers * y.shape[1], dlogits


def crps_sorted(y, members, logits):
    """The members are sorted and their shares are not, so that each gets the share of another;
    nothing has to be sorted."""
    p, members = _shares(logits), np.sort(members, axis=0)
    return _scores(y, p, *_distances(y, members, p))


def crps_members_values(y, members, logits):
    """In dmembers the differences themselves stand in place of their signs."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, _, dlogits = _scores(y, p, off, gaps, sides)
    mean = np.einsum("j,jnk->nk", p, members)
    return loss, p[:, None, None] * (off - (members - mean)) / y.size, dlogits


def crps_logits_of_shares(y, members, logits):
    """dlogits is the gradient by the shares p; go on to the logits, which move all shares."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, g


def crps_logits_diagonal(y, members, logits):
    """dlogits lacks what a larger logit takes from all shares: the derivative of p_i by the
    logit of j is p_i (1{i = j} - p_j)."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, p * g


def crps_logits_own_share(y, members, logits):
    """dlogits has p_i (1 - p_i) alone: a logit moves the shares of the other members too."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (1 - p) * g


def crps_logits_no_factor(y, members, logits):
    """dlogits lacks the factor p_i of the softmax's derivative."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, g - p @ g


def crps_logits_no_first_factor(y, members, logits):
    """In dlogits the first term lacks the factor p_i: p_i (1{i = j} - p_j) has it in front of
    both."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, g - p * (p @ g)


def crps_logits_plain_mean(y, members, logits):
    """In dlogits the plain mean of the gradient by the shares is taken away; it is the mean
    weighted with the shares."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (g - g.mean())


def crps_logits_plain_sum(y, members, logits):
    """In dlogits the plain sum of the gradient by the shares is taken away; it is the sum weighted
    with the shares."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (g - g.sum())


def crps_logits_half_spread(y, members, logits):
    """In dlogits the double sum counts half: p_i is in both places of a pair, so no ½ remains."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - gaps / 2).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_logits_double_spread(y, members, logits):
    """In dlogits the double sum counts twice: it has the factor ½."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - 2 * gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_logits_no_spread(y, members, logits):
    """In dlogits the double sum is missing: the shares are in it too."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = np.abs(off).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_logits_share_inside(y, members, logits):
    """In dlogits the derivative by p_i of the double sum still has p_i as a factor: what is left
    are the others, by their shares p_j."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    g = (np.abs(off) - p[:, None, None] * gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_logits_others_alike(y, members, logits):
    """In dlogits the other members count alike; they count by their shares p_j."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, _ = _scores(y, p, off, gaps, sides)
    gaps = _distances(y, members, np.ones(len(p)) / len(p))[1]
    g = (np.abs(off) - gaps).mean(axis=(1, 2))
    return loss, dmembers, p * (g - p @ g)


def crps_logits_sum(y, members, logits):
    """dlogits is summed over origins and steps; over these the loss is a mean."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, dmembers, dlogits * y.size


def crps_logits_sign(y, members, logits):
    """dlogits has its sign turned."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    loss, dmembers, dlogits = _scores(y, p, off, gaps, sides)
    return loss, dmembers, -dlogits


def crps_loss_alone(y, members, logits):
    """The gradients are not returned; return the tuple (loss, dmembers, dlogits)."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    return _scores(y, p, off, gaps, sides)[0]


def crps_in_place(y, members, logits):
    """The members are changed in place; they belong to the caller."""
    p = _shares(logits)
    off, gaps, sides = _distances(y, members, p)
    members -= y
    return _scores(y, p, off, gaps, sides)


def crps_by_loops(y, members, logits):
    p = np.exp(logits - np.logaddexp.reduce(logits))
    M, (N, K) = len(p), y.shape
    loss, dx, g = 0.0, np.zeros(members.shape), np.zeros(M)
    for n in range(N):
        for k in range(K):
            x = members[:, n, k]
            for i in range(M):
                loss += p[i] * abs(x[i] - y[n, k])
                g[i] += abs(x[i] - y[n, k])
                dx[i, n, k] += p[i] * np.sign(x[i] - y[n, k])
                for j in range(M):
                    loss -= 0.5 * p[i] * p[j] * abs(x[i] - x[j])
                    g[i] -= p[j] * abs(x[i] - x[j])
                    dx[i, n, k] -= p[i] * p[j] * np.sign(x[i] - x[j])
    jacobian = np.diag(p) - np.outer(p, p)
    return loss / (N * K), dx / (N * K), list(jacobian @ g / (N * K))


def crps_by_order(y, members, logits):
    p = np.exp(logits - logits.max())
    p = p / p.sum()
    order = members.argsort(axis=0)
    x, q = np.take_along_axis(members, order, axis=0), p[order]
    below = np.cumsum(q, axis=0) - q
    above = 1 - below - q
    first, total = np.cumsum(q * x, axis=0) - q * x, (q * x).sum(axis=0)
    gaps = x * below - first + (total - first - q * x) - x * above
    dx = q * (np.where(x > y, 1, -1) - below + above) / y.size
    g = np.empty_like(x)
    np.put_along_axis(g, order, np.abs(x - y) - gaps, axis=0)
    dmembers = np.empty_like(x)
    np.put_along_axis(dmembers, order, dx, axis=0)
    loss = np.mean((q * (np.abs(x - y) - 0.5 * gaps)).sum(axis=0))
    g = g.mean(axis=(1, 2))
    return loss, dmembers, p * (g - (p * g).sum())


def crps_in_float32(y, members, logits):
    y, members, logits = (np.float32(a) for a in (y, members, logits - logits.max()))
    p = np.exp(logits) / np.exp(logits).sum()
    apart = members[:, None] - members[None]
    pairs = p[:, None] * p
    near = np.tensordot(p, np.abs(members - y), 1)
    loss = (near - np.tensordot(pairs, np.abs(apart), 2) / 2).mean()
    signs = np.tensordot(p, np.sign(apart), (0, 1))
    dmembers = (np.sign(members - y) - signs) * p[:, None, None] / y.size
    g = np.abs(members - y) - np.tensordot(p, np.abs(apart), (0, 1))
    g = g.reshape(len(p), -1).mean(1)
    return loss, dmembers, p * g - p * (p * g).sum()


# ----------------------------------------------------------------------- forecaster


def _fit(xs, ys):
    """(W, c), by least squares."""
    weights = np.linalg.lstsq(np.column_stack([xs, np.ones(len(xs))]), ys, rcond=None)[0]
    return weights[:-1].T, weights[-1]


def forecaster(series, n_in, n_out, M):
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, _quantiles(ys - xs @ W.T - c, M)


def forecaster_is_the_rule(series, n_in, n_out, M):
    """This is the rule itself; fit W and c to the windows."""
    xs, ys = windows(series, n_in, n_out, 1)
    W = np.eye(n_in)[n_in - 12 + np.arange(n_out) % 12]
    return W, np.zeros(n_out), _quantiles(ys - xs @ W.T, M)


def forecaster_persists(series, n_in, n_out, M):
    """It says the same of all steps ahead; each has a row of W of its own, fitted to what came
    so many steps later."""
    xs, ys = windows(series, n_in, n_out, 1)
    W = np.eye(n_in)[np.full(n_out, n_in - 1)]
    return W, np.zeros(n_out), _quantiles(ys - xs @ W.T, M)


def forecaster_sure(series, n_in, n_out, M):
    """W and c are good, but all offsets are near 0: they are to say how far it was off in the
    known years."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, np.zeros((M, n_out))


def forecaster_wide(series, n_in, n_out, M):
    """W and c are good, but not the offsets: they are quantiles of its errors in the known years,
    of what came less what was said, at the levels (i - ½) / M."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, _quantiles(ys, M)


def forecaster_last_errors(series, n_in, n_out, M):
    """The offsets are the errors of the last M windows, which are much alike; they are quantiles of
    the errors in all windows."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, (ys - xs @ W.T - c)[-M:]


def forecaster_to_the_ends(series, n_in, n_out, M):
    """The levels of the offsets run from 0 to 1; they run from ½ / M to 1 - ½ / M."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, np.quantile(ys - xs @ W.T - c, np.linspace(0, 1, M), axis=0)


def forecaster_from_the_least(series, n_in, n_out, M):
    """The levels of the offsets are (i - 1) / M, half a step too low: they are (i - ½) / M."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, np.quantile(ys - xs @ W.T - c, np.arange(M) / M, axis=0)


def forecaster_to_the_largest(series, n_in, n_out, M):
    """The levels of the offsets are i / M, half a step too high: they are (i - ½) / M."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    levels = np.arange(1, M + 1) / M
    return W, c, np.quantile(ys - xs @ W.T - c, levels, axis=0)


def forecaster_between(series, n_in, n_out, M):
    """The levels of the offsets are i / (M + 1); they are (i - ½) / M."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    levels = np.arange(1, M + 1) / (M + 1)
    return W, c, np.quantile(ys - xs @ W.T - c, levels, axis=0)


def forecaster_errors_turned(series, n_in, n_out, M):
    """The offsets are quantiles of what was said, less what came: an error is what came, less what
    was said."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, _quantiles(xs @ W.T + c - ys, M)


def forecaster_pooled(series, n_in, n_out, M):
    """The offsets are quantiles of the errors of all steps ahead together; each step has errors of
    its own."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    pooled = _quantiles((ys - xs @ W.T - c).ravel(), M)
    return W, c, np.repeat(pooled[:, None], n_out, axis=1)


def forecaster_evenly_spaced(series, n_in, n_out, M):
    """The offsets are evenly spaced; they are quantiles of the errors, of which more are small than
    large."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    largest = np.abs(ys - xs @ W.T - c).max(axis=0)
    return W, c, np.linspace(-1, 1, M)[:, None] * largest


def forecaster_without_constant(series, n_in, n_out, M):
    """c is not right: with the mean of its errors in the known years added it would do."""
    xs, ys = windows(series, n_in, n_out, 1)
    X, Y = xs - xs.mean(axis=0), ys - ys.mean(axis=0)
    W = np.linalg.lstsq(X, Y, rcond=None)[0].T
    return W, np.zeros(n_out), _quantiles(Y - X @ W.T, M)


def forecaster_ones_first(series, n_in, n_out, M):
    """c is not the row of the weights that belongs to the ones: they come first in what it was
    fitted to, and so does their row."""
    xs, ys = windows(series, n_in, n_out, 1)
    A = np.column_stack([np.ones(len(xs)), xs])
    weights = np.linalg.lstsq(A, ys, rcond=None)[0]
    return weights[:-1].T, weights[-1], _quantiles(ys - A @ weights, M)


def forecaster_looks_ahead(series, n_in, n_out, M):
    """It was fitted to windows whose last value is the first that is to be said: it looked
    ahead, and says what comes a month earlier than it should."""
    xs, ys = windows(series, n_in, n_out, 1)
    xs = np.column_stack([xs[:, 1:], ys[:, 0]])
    W, c = _fit(xs, ys)
    return W, c, _quantiles(ys - xs @ W.T - c, M)


def forecaster_leaves_one_out(series, n_in, n_out, M):
    """It says what comes a month later than it should: between window and target a value was
    left out."""
    xs, ys = windows(series, n_in, n_out + 1, 1)
    ys = ys[:, 1:]
    W, c = _fit(xs, ys)
    return W, c, _quantiles(ys - xs @ W.T - c, M)


def forecaster_newest_first(series, n_in, n_out, M):
    """W has its columns turned round: a window has its oldest value first."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs[:, ::-1], ys)
    return W, c, _quantiles(ys - xs[:, ::-1] @ W.T - c, M)


def forecaster_turned(series, n_in, n_out, M):
    """W is turned: it has a row for each step ahead, and a column for each value of a window."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W.T, c, _quantiles(ys - xs @ W.T - c, M)


def forecaster_offsets_turned(series, n_in, n_out, M):
    """offsets is turned: it has a row for each member, and a column for each step ahead."""
    xs, ys = windows(series, n_in, n_out, 1)
    W, c = _fit(xs, ys)
    return W, c, _quantiles(ys - xs @ W.T - c, M).T


def forecaster_by_ridge(series, n_in, n_out, M):
    both = np.array([series[s : s + n_in + n_out] for s in range(len(series) - n_in - n_out + 1)])
    centre = both.mean(axis=0)
    X, Y = both[:, :n_in] - centre[:n_in], both[:, n_in:] - centre[n_in:]
    W = np.linalg.solve(X.T @ X + np.eye(n_in), X.T @ Y).T
    errors = np.sort(Y - X @ W.T, axis=0)
    ranks = ((np.arange(M) + 0.5) / M * len(errors)).astype(int)
    return W, centre[n_in:] - W @ centre[:n_in], errors[ranks]


def forecaster_by_recursion(series, n_in, n_out, M):
    xs, ys = windows(series, n_in, n_out, 1)
    A = np.column_stack([xs, np.ones(len(xs))])
    w = np.linalg.lstsq(A, ys[:, 0], rcond=None)[0]
    known = list(np.eye(n_in + 1))
    one = known.pop()
    for _ in range(n_out):
        known.append(w[:-1] @ np.array(known[-n_in:]) + w[-1] * one)
    said = np.array(known[n_in:])
    W, c = said[:, :-1], said[:, -1]
    offsets = [np.quantile(ys - xs @ W.T - c, (i + 0.5) / M, axis=0) for i in range(M)]
    return W.tolist(), c.tolist(), offsets


# ------------------------------------------------------------------------- the table

GRADED = (
    Graded(
        name="windows",
        reference=windows,
        parts=(Part("windows-check", 8, stretches),),
        misconceptions=(
            windows_without_stride,
            windows_one_too_few,
            windows_one_too_many,
            windows_cut_ragged,
            windows_known_target,
            windows_with_a_gap,
            windows_same_start,
            windows_newest_first,
            windows_from_the_end,
            windows_of_places,
            windows_swapped,
            windows_side_by_side,
        ),
        alternatives=(
            windows_by_a_loop,
            windows_as_lists,
        ),
        says={
            windows_without_stride: "is the stride used",
            windows_one_too_few: "the last window is missing",
            windows_one_too_many: "a window counts if",
            windows_cut_ragged: "not all of the same length",
            windows_known_target: "which is known",
            windows_with_a_gap: "between xs and ys is left out",
            windows_same_start: "ys begins where xs begins",
            windows_newest_first: "the oldest value comes first",
            windows_from_the_end: "count from place 0",
            windows_of_places: "holds the places",
            windows_swapped: "expected (N, 3)",
            windows_side_by_side: "windows are missing",
        },
    ),
    Graded(
        name="rolling_origin",
        reference=rolling_origin,
        parts=(Part("rolling_origin-check", 8, origins),),
        misconceptions=(
            rolling_known_is_the_origin,
            rolling_asks_the_origin,
            rolling_skips_a_place,
            rolling_asks_by_steps,
            rolling_one_too_few,
            rolling_one_too_many,
            rolling_to_the_end,
            rolling_without_step,
            rolling_by_horizon,
            rolling_never_learns,
            rolling_knows_the_answers,
            rolling_asks_all_the_same,
            rolling_farthest_first,
        ),
        alternatives=(
            rolling_as_floats,
            rolling_by_a_loop,
        ),
        says={
            rolling_known_is_the_origin: "leaves out the origin",
            rolling_asks_the_origin: "ask from the next place on",
            rolling_skips_a_place: "the place right after the origin is left out",
            rolling_asks_by_steps: "one after another, the nearest first",
            rolling_one_too_few: "may the last place asked for",
            rolling_one_too_many: "but the last place is",
            rolling_to_the_end: "but the last place is",
            rolling_without_step: "is step used",
            rolling_by_horizon: "the origin moves by step",
            rolling_never_learns: "more is known as the origin moves on",
            rolling_knows_the_answers: "what is asked for is not known",
            rolling_asks_all_the_same: "after its own origin",
            rolling_farthest_first: "the nearest place comes first",
        },
    ),
    Graded(
        name="seasonal_naive",
        reference=seasonal_naive,
        parts=(Part("seasonal_naive-check", 8, seasons),),
        misconceptions=(
            naive_persists,
            naive_first_season,
            naive_first_by_calendar,
            naive_calendar_mean,
            naive_late,
            naive_early,
            naive_too_early,
            naive_last_values,
            naive_runs_on,
            naive_out_of_bounds,
            naive_one_season,
            naive_stops_after_a_season,
            naive_repeats_each,
            naive_backwards,
        ),
        alternatives=(
            naive_by_tile,
            naive_by_appending,
        ),
        says={
            naive_persists: "this is persistence",
            naive_first_season: "not the last",
            naive_first_by_calendar: "not the last",
            naive_calendar_mean: "the mean over all seasons",
            naive_late: "one step late",
            naive_early: "begins with the last value",
            naive_too_early: "one place too early",
            naive_last_values: "the last K values",
            naive_runs_on: "runs on into the beginning",
            naive_out_of_bounds: "go back one season more",
            naive_one_season: "expected (5,)",
            naive_stops_after_a_season: "by whole seasons",
            naive_repeats_each: "the season as a whole",
            naive_backwards: "the oldest value of the season",
        },
    ),
    Graded(
        name="mase",
        reference=mase,
        parts=(
            Part("mase-check-complete", 6, errors),
            Part("mase-check-gaps", 6, errors_with_gaps),
        ),
        misconceptions=(
            mase_unscaled,
            mase_one_number,
            mase_over_steps,
            mase_turned,
            mase_one_step,
            mase_squared,
            mase_root_mean_square,
            mase_signed,
            mase_absolute_too_late,
            mase_signed_scale,
            mase_by_deviation,
            mase_share_of_y,
            mase_scale_from_y,
            mase_sum,
            mase_wrong_number,
            mase_wraps,
            mase_medians,
            mase_gaps_spread,
            mase_gaps_cut_out,
            mase_gaps_are_zero,
            mase_errors_of_gaps_are_zero,
            mase_counts_gaps,
            mase_drops_rows,
            mase_fills_gaps,
            mase_in_place,
        ),
        alternatives=(
            mase_by_masks,
            mase_by_column,
        ),
        says={
            mase_unscaled: "divided by nothing",
            mase_one_number: "expected one for each step ahead",
            mase_over_steps: "the mean is over the origins",
            mase_turned: "turned round",
            mase_one_step: "one step apart are compared",
            mase_squared: "not squared",
            mase_root_mean_square: "roots of mean squares",
            mase_signed: "signed errors cancel",
            mase_absolute_too_late: "before the mean, not after",
            mase_signed_scale: "signed differences",
            mase_by_deviation: "no standard deviation",
            mase_share_of_y: "as a share of y",
            mase_scale_from_y: "not from y",
            mase_sum: "added up",
            mase_wrong_number: "not n",
            mase_wraps: "comes from the end of train",
            mase_medians: "not medians",
            mase_gaps_spread: "left out of the mean",
            mase_gaps_cut_out: "the gaps are cut out",
            mase_gaps_are_zero: "a gap is no 0",
            mase_errors_of_gaps_are_zero: "it is not counted",
            mase_counts_gaps: "left out of the number",
            mase_drops_rows: "other entries",
            mase_fills_gaps: "between its neighbours",
            mase_in_place: "changes y in place",
        },
    ),
    Graded(
        name="look_ahead",
        reference=look_ahead,
        parts=(
            Part("look_ahead-check-near", 7, near_forecasters, draws=25),
            Part("look_ahead-check-far", 7, far_forecasters, draws=25),
        ),
        misconceptions=(
            look_counts_its_own_place,
            look_one_too_small,
            look_back,
            look_says_whether,
            look_first_found,
            look_counts_rows,
            look_at_one_place,
            look_at_last_place,
            look_at_first_row,
            look_at_first_column,
            look_at_last_column,
            look_changes_all_that_comes,
            look_upwards,
            look_downwards,
            look_small_changes,
            look_with_tolerance,
            look_in_place,
        ),
        alternatives=(
            look_with_nan,
            look_row_by_row,
        ),
        says={
            look_counts_its_own_place: "row t may depend on place t",
            look_one_too_small: "one too small",
            look_back: "rows from s on may change",
            look_says_whether: "expected an int",
            look_first_found: "the largest distance s - t",
            look_counts_rows: "the largest distance s - t",
            look_at_one_place: "is every place changed",
            look_at_last_place: "is every place changed",
            look_at_first_row: "are all rows",
            look_at_first_column: "all columns compared",
            look_at_last_column: "all columns compared",
            look_changes_all_that_comes: "one place at a time",
            look_upwards: "change it further, and both ways",
            look_downwards: "change it further, and both ways",
            look_small_changes: "change it further, and both ways",
            look_with_tolerance: "may be tiny",
            look_in_place: "changes series in place",
        },
    ),
    Graded(
        name="crps",
        reference=crps,
        parts=(
            Part("crps-check-loss", 8, ensembles_of_any_level, of_crps(0)),
            Part("crps-check-members", 12, ensembles, of_crps(1)),
            Part("crps-check-logits", 10, ensembles, of_crps(2)),
        ),
        misconceptions=(
            crps_without_spread,
            crps_whole_spread,
            crps_adds_spread,
            crps_equal_shares,
            crps_logits_as_shares,
            crps_shares_not_normalised,
            crps_overflows,
            crps_spread_of_equals,
            crps_sum,
            crps_mean_over_members,
            crps_squares,
            crps_of_the_mean,
            crps_only_pairs,
            crps_half_the_pairs,
            crps_members_half_spread,
            crps_members_double_spread,
            crps_members_no_spread,
            crps_members_plus,
            crps_members_no_share,
            crps_members_share_once,
            crps_members_share_second,
            crps_members_share_twice,
            crps_members_others_alike,
            crps_members_not_mean,
            crps_members_mean_of_all,
            crps_members_indicator,
            crps_members_indicators,
            crps_members_sign,
            crps_members_first_sign,
            crps_members_over_origins,
            crps_sorted,
            crps_members_values,
            crps_logits_of_shares,
            crps_logits_diagonal,
            crps_logits_own_share,
            crps_logits_no_factor,
            crps_logits_no_first_factor,
            crps_logits_plain_mean,
            crps_logits_plain_sum,
            crps_logits_half_spread,
            crps_logits_double_spread,
            crps_logits_no_spread,
            crps_logits_share_inside,
            crps_logits_others_alike,
            crps_logits_sum,
            crps_logits_sign,
            crps_loss_alone,
            crps_in_place,
        ),
        alternatives=(
            crps_by_loops,
            crps_by_order,
            crps_in_float32,
        ),
        says={
            crps_without_spread: "from each other is missing",
            crps_whole_spread: "only half is taken away",
            crps_adds_spread: "taken away, not added",
            crps_equal_shares: "a share of its own",
            crps_logits_as_shares: "logits are no shares",
            crps_shares_not_normalised: "must add up to 1",
            crps_overflows: "exp overflows",
            crps_spread_of_equals: "not 1/M each",
            crps_sum: "not the sum",
            crps_mean_over_members: "shares add up to 1 already",
            crps_squares: "not squared",
            crps_of_the_mean: "that of their mean",
            crps_only_pairs: "with i = j as well",
            crps_half_the_pairs: "without the ½ if j > i",
            crps_members_half_spread: "so no ½ remains",
            crps_members_double_spread: "the factor ½",
            crps_members_no_spread: "members see each other",
            crps_members_plus: "taken away",
            crps_members_no_share: "counts by its share",
            crps_members_share_once: "both terms have the share",
            crps_members_share_second: "both terms have the share",
            crps_members_share_twice: "there twice",
            crps_members_others_alike: "their shares p_j",
            crps_members_not_mean: "a mean over N K",
            crps_members_mean_of_all: "over members there is a sum",
            crps_members_indicator: "is -1, not 0",
            crps_members_indicators: "not 0 and 1",
            crps_members_sign: "the sign is turned",
            crps_members_first_sign: "the first term has its sign",
            crps_members_over_origins: "not by N",
            crps_sorted: "nothing has to be sorted",
            crps_members_values: "is its sign, not a",
            crps_logits_of_shares: "slopes by the shares",
            crps_logits_diagonal: "takes from all other shares",
            crps_logits_own_share: "i ≠ j too",
            crps_logits_no_factor: "the factor p_i of the softmax",
            crps_logits_no_first_factor: "in front of the first term",
            crps_logits_plain_mean: "not the plain mean",
            crps_logits_plain_sum: "not the plain sum",
            crps_logits_half_spread: "so no ½ remains",
            crps_logits_double_spread: "the factor ½",
            crps_logits_no_spread: "in the double sum too",
            crps_logits_share_inside: "without the p_i in front",
            crps_logits_others_alike: "their shares p_j",
            crps_logits_sum: "not the sum",
            crps_logits_sign: "the sign is turned",
            crps_loss_alone: "expected the 3",
            crps_in_place: "changes members in place",
        },
    ),
    Graded(
        name="forecaster",
        reference=forecaster,
        parts=(
            Part(
                "forecaster-check-worth",
                14,
                forty_years,
                measure=what_it_is_worth,
                draws=3,
                remark=share_of_the_rule,
            ),
            Part(
                "forecaster-check-offsets",
                6,
                forty_years,
                measure=where_they_stand,
                draws=5,
                remark=farthest_off,
            ),
        ),
        misconceptions=(
            forecaster_is_the_rule,
            forecaster_persists,
            forecaster_sure,
            forecaster_wide,
            forecaster_last_errors,
            forecaster_to_the_ends,
            forecaster_from_the_least,
            forecaster_to_the_largest,
            forecaster_between,
            forecaster_errors_turned,
            forecaster_pooled,
            forecaster_evenly_spaced,
            forecaster_without_constant,
            forecaster_ones_first,
            forecaster_looks_ahead,
            forecaster_leaves_one_out,
            forecaster_newest_first,
            forecaster_turned,
            forecaster_offsets_turned,
        ),
        alternatives=(
            forecaster_by_ridge,
            forecaster_by_recursion,
        ),
        tolerance=0,
        stand_ins={"windows": windows_by_a_loop},
        says={
            forecaster_is_the_rule: "this is the rule itself",
            forecaster_persists: "the same of all steps",
            forecaster_sure: "that it is sure",
            forecaster_wide: "too wide",
            forecaster_last_errors: "W and c are good, but not the offsets",
            forecaster_to_the_ends: "run from 0 to 1",
            forecaster_from_the_least: "half a step off",
            forecaster_to_the_largest: "half a step off",
            forecaster_between: "not i / (M + 1)",
            forecaster_errors_turned: "not turned round",
            forecaster_pooled: "has errors of its own",
            forecaster_evenly_spaced: "evenly spaced",
            forecaster_without_constant: "is c right",
            forecaster_ones_first: "which come first here",
            forecaster_looks_ahead: "from the origin itself on",
            forecaster_leaves_one_out: "a month later",
            forecaster_newest_first: "its oldest value first",
            forecaster_turned: "turned",
            forecaster_offsets_turned: "turned",
        },
    ),
)
