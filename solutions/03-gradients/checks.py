"""What assignment 03-gradients grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.
"""

from functools import cache

import numpy as np

from rnnlib.grading.table import Graded, Part
from rnnlib.reference import optim

# ---------------------------------------------------------------------------- inputs


def haar(rng, H):
    Q, R = np.linalg.qr(rng.normal(size=(H, H)))
    return Q * np.sign(np.diag(R))


def sequences(rng):
    """One example; T, D, H ≥ 2, all different."""
    D, H, T = rng.permutation([2, 3, 4, 5, 6])[:3]
    T = max(T, 3) if {D, H} != {3} else T
    W_x, W_h = rng.normal(size=(H, D)), rng.normal(size=(H, H))
    return W_x, W_h, 0.5 * rng.normal(size=H), rng.normal(size=(T, D)), rng.uniform(-0.9, 0.9, H)


def last_norm(result, rng):
    """Across one step, the last; and the shape."""
    norms = np.asarray(result)
    return np.array([*norms.shape, norms[-1]])


def decaying(rng):
    """Norms over at least four lags, scattered around a line whose slope is not near 0."""
    T = rng.integers(4, 12)
    rate = rng.choice([-1, 1]) * rng.uniform(0.2, 0.6)
    lags = np.arange(T, 0, -1)
    return (np.exp(rate * lags + rng.uniform(-2, 2) + 0.4 * rng.normal(size=T)),)


def gaussians(rng):
    """m ≥ n ≥ 2, in half of the draws equal, and well conditioned; a sign is not LAPACK's."""
    while True:
        n = rng.integers(2, 6)
        G = rng.normal(size=(n + rng.integers(2) * rng.integers(1, 4), n))
        if np.linalg.cond(G) < 20 and (np.diag(np.linalg.qr(G)[1]) < 0).any():
            return (G,)


def gradients(rng):
    """A list of arrays of several shapes, and their norm."""
    D, H, V = rng.permutation([2, 3, 4])
    shapes = [(H, D), (H, H), (H,), (V, H)][: rng.integers(2, 5)]
    grads = [rng.normal(size=shape) for shape in shapes]
    return grads, np.sqrt(sum((g * g).sum() for g in grads))


def long_gradients(rng):
    grads, norm = gradients(rng)
    return grads, float(norm * rng.uniform(0.1, 0.8))


def short_gradients(rng):
    grads, norm = gradients(rng)
    return grads, float(norm * rng.uniform(1.2, 5.0))


def any_gradients(rng):
    return (long_gradients, short_gradients)[rng.integers(2)](rng)


def the_norm(result, rng):
    return result[1]


def the_gradients(result, rng):
    return tuple(result[0])


def power_norms(W_h, n):
    """Largest singular values of the powers 0 to n - 1."""
    powers = [np.eye(len(W_h))]
    for _ in range(n - 1):
        powers.append(W_h @ powers[-1])
    return np.linalg.svd(np.array(powers), compute_uv=False)[:, 0]


def clear_of(W_h, tol, n=400):
    """Is no power so close to tol that rounding decides?"""
    return np.abs(np.log(power_norms(W_h, n) / tol)).min() > 1e-3


def tells_norms_apart(W_h, tol):
    """Does the Frobenius norm come down to tol later, for good, than the spectral norm?"""
    return forget_by_frobenius(W_h, tol) > time_to_forget(W_h, tol)


def normal_matrices(rng):
    """‖W^k‖ is the k-th power of the spectral radius: a symmetric matrix, or a rotation's."""
    while True:
        H = rng.integers(2, 6)
        Q, scale = haar(rng, H), rng.uniform(0.6, 0.95)
        values = np.append([1, -1], rng.uniform(-0.9, 0.9, H - 2))
        W_h = scale * (haar(rng, H) if rng.integers(2) else Q * values @ Q.T)
        tol = float(rng.uniform(0.01, 0.3))
        if clear_of(W_h, tol) and tells_norms_apart(W_h, tol):
            return W_h, tol


def stretching_matrices(rng):
    """‖W^k‖ rises first; once it has come down to tol, it does not rise above it again.

    Each singular value is there twice or three times: a single large one would be the Frobenius
    norm as well.
    """
    while True:
        copies, H = ((2, 2), (2, 3), (3, 2))[rng.integers(3)]
        A = np.triu(3 * rng.normal(size=(H, H)), 1) + np.diag(rng.uniform(-0.85, 0.85, H))
        Q = haar(rng, copies * H)
        W_h, tol = Q @ np.kron(haar(rng, copies), A) @ Q.T, float(rng.uniform(0.01, 0.3))
        norms = power_norms(W_h, 400)
        below, rate = norms <= tol, np.abs(np.linalg.eigvals(W_h)).max()
        first = below.argmax()
        late = first > np.log(tol) / np.log(rate) + 3 and norms[1] > 2
        settled = 5 < first < 100 and below[first:].all()
        if late and settled and clear_of(W_h, tol) and tells_norms_apart(W_h, tol):
            return W_h, tol


def returning_matrices(rng):
    """‖W^k‖ goes up and down: a cycle of unequal weights, turned so that nobody sees it."""
    while True:
        H = rng.integers(3, 7)
        Q = haar(rng, H)
        weights = np.exp(rng.uniform(-2.5, 2.5, H))
        weights *= rng.uniform(0.6, 0.85) / np.exp(np.log(weights).mean())
        W_h = Q @ np.roll(np.diag(weights), 1, axis=0) @ Q.T
        n, share = time_to_forget(W_h, rng.uniform(0.02, 0.4)), rng.uniform()
        power = np.linalg.matrix_power(W_h, n)  # tol lies between its two norms
        tol = float(np.linalg.norm(power) ** share * np.linalg.norm(power, 2) ** (1 - share))
        below = power_norms(W_h, 400) <= tol
        last = np.flatnonzero(~below).max()
        long_dip = (below[: last - 1] & below[1:last]).any()
        if last < 100 and long_dip and clear_of(W_h, tol) and tells_norms_apart(W_h, tol):
            return W_h, tol


BAND = 0.06  # that λ(g) may be off


def exponent(W_x, W_h, b, xs, h0, g):
    """λ(g): log of the largest singular value of J_T ... J_1, over T."""
    h, P, log = h0, np.eye(len(b)), 0.0
    for driven in xs @ W_x.T + b:
        h = np.tanh(driven + g * (W_h @ h))
        P = (1 - h**2)[:, None] * (g * (W_h @ P))
        size = np.abs(P).max()
        P, log = P / size, log + np.log(size)
    return (log + np.log(np.linalg.norm(P, 2))) / len(xs)


def zero_of_one_nudge(W_x, W_h, b, xs, h0, v):
    """A gain at which one nudge, which starts along v, keeps its length."""
    low, high = 0.5, 4.0
    for _ in range(12):
        g = (low + high) / 2
        h, nudge, log = h0, v / np.linalg.norm(v), 0.0
        for x in xs:
            h = np.tanh(W_x @ x + g * (W_h @ h) + b)
            nudge = (1 - h**2) * (g * (W_h @ nudge))
            size = np.linalg.norm(nudge)
            nudge, log = nudge / size, log + np.log(size)
        low, high = (g, high) if log < 0 else (low, g)
    return g


@cache
def driven_by(seed, sizes, scales):
    """λ crosses 0 once between the gains 1/2 and 4, not near 1, and not in leaps.

    One nudge, in place of the norm, finds a gain well within the band. The recurrent weights have
    a scale of their own, so that no one gain is right for two draws.
    """
    rng = np.random.default_rng(seed)
    while True:
        H, D, T = rng.integers(24, 31), rng.integers(2, 5), rng.integers(280, 321)
        W_x = rng.uniform(*sizes) * rng.normal(size=(H, D)) / np.sqrt(D)
        W_h = rng.uniform(*scales) * rng.normal(size=(H, H)) / np.sqrt(H)
        b, h0 = 0.3 * rng.normal(size=H), rng.uniform(-0.5, 0.5, H)
        args = W_x, W_h, b, rng.normal(size=(T, D)), h0
        if exponent(*args, 0.5) > -0.2 or exponent(*args, 4) < 0.2 or abs(exponent(*args, 1)) < 0.2:
            continue
        zero = gain_for_unit_lyapunov(*args)
        if any(abs(exponent(*args, zero + d)) > 0.03 for d in np.arange(-0.08, 0.09, 0.02)):
            continue
        if (np.diff([exponent(*args, g) > 0 for g in np.arange(0.5, 4.1, 0.2)])).sum() != 1:
            continue
        nudged = (zero_of_one_nudge(*args, v) for v in (np.ones(H), rng.normal(size=H)))
        if all(abs(exponent(*args, g)) < 0.02 for g in nudged):
            return args


def driven(rng, sizes, scales):
    return tuple(np.copy(a) for a in driven_by(int(rng.integers(1 << 62)), sizes, scales))


def weakly_driven(rng):
    return driven(rng, (0.2, 0.8), (0.5, 1.1))


def strongly_driven(rng):
    return driven(rng, (1.0, 2.5), (0.6, 1.4))


def zero_if_right(result, args):
    """Twice 0 if λ is within the band at the gain that was found; otherwise 1 and that gain."""
    g = np.asarray(result, dtype=float)
    if g.shape != ():
        raise ValueError("no number")
    return np.array([0.0, 0.0] if abs(exponent(*args, float(g))) <= BAND else [1.0, float(g)])


# -------------------------------------------------------------------- jacobian_norms


def jacobian_norms(W_x, W_h, b, xs, h0):
    """By the complex step through the network itself, one unit nudged at a time."""
    norms = []
    h = h0
    for t in range(len(xs)):
        nudged = h + 1e-30j * np.eye(len(h))  # a row for each unit
        for x in xs[t:]:
            nudged = np.tanh(x @ W_x.T + nudged @ W_h.T + b)
        norms.append(np.linalg.norm(nudged.imag / 1e-30, 2))
        h = np.tanh(W_x @ xs[t] + W_h @ h + b)
    return np.array(norms)


def norms_of_state_before(W_x, W_h, b, xs, h0):
    """The slopes are taken at the state before the step; tanh' at a step is 1 - h² of the state
    after it."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        Js.append((1 - h**2)[:, None] * W_h)
        h = np.tanh(W_x @ x + W_h @ h + b)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_of_columns(W_x, W_h, b, xs, h0):
    """The slopes multiply the columns of W_h; the slope of unit i belongs to row i. W_h * (1 - h²)
    broadcasts along the rows."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append(W_h * (1 - h**2))
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_transposed(W_x, W_h, b, xs, h0):
    """W_h stands transposed in the Jacobian: row i, column j is the effect of unit j on unit i,
    as in W_h."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h.T)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_without_slopes(W_x, W_h, b, xs, h0):
    """The slopes of tanh are missing: these are norms of powers of W_h."""
    norms, P = [], np.eye(len(b))
    for _ in xs:
        P = P @ W_h
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_slope_of_preactivation(W_x, W_h, b, xs, h0):
    """The slope is 1 - a², with what goes into the tanh; it is 1 - h², with what comes out."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        a = W_x @ x + W_h @ h + b
        h = np.tanh(a)
        Js.append((1 - a**2)[:, None] * W_h)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_wrong_order(W_x, W_h, b, xs, h0):
    """The Jacobians are multiplied in the wrong order: the latest step stands on the left."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h)
    norms = []
    for J in Js[::-1]:
        P = J @ P
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_multiplied(W_x, W_h, b, xs, h0):
    """The norms of the steps are multiplied, which is a bound; take the norm of the product."""
    h, norms = h0, []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        norms.append(np.linalg.norm((1 - h**2)[:, None] * W_h, 2))
    return np.cumprod(norms[::-1])[::-1]


def norms_frobenius(W_x, W_h, b, xs, h0):
    """This is the Frobenius norm, which np.linalg.norm gives by default; the spectral norm is the
    largest singular value, np.linalg.norm(A, 2)."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P))
    return np.array(norms[::-1])


def norms_by_eigenvalues(W_x, W_h, b, xs, h0):
    """This is the spectral radius, the largest eigenvalue; the spectral norm is the largest
    singular value."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.abs(np.linalg.eigvals(P)).max())
    return np.array(norms[::-1])


def norms_by_lag(W_x, W_h, b, xs, h0):
    """The entries are in the order of the lag; entry t belongs to h_t, so the longest way stands
    first."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h)
    norms = []
    for J in Js[::-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms)


def norms_from_the_first(W_x, W_h, b, xs, h0):
    """These are the norms of dh_t/dh_0; the last state is differentiated by each earlier one."""
    h, P, norms = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        P = (1 - h**2)[:, None] * W_h @ P
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms)


def norms_end_with_identity(W_x, W_h, b, xs, h0):
    """The entries are those of h_1 to h_T, the last of which is 1; they are those of h_0 to
    h_(T-1)."""
    h, P, Js = h0, np.eye(len(b)), []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append((1 - h**2)[:, None] * W_h)
    norms = [1.0]
    for J in Js[:0:-1]:
        P = P @ J
        norms.append(np.linalg.norm(P, 2))
    return np.array(norms[::-1])


def norms_of_single_steps(W_x, W_h, b, xs, h0):
    """These are the norms of single steps; the way from h_t to h_T is a product of all steps
    between."""
    h, norms = h0, []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        norms.append(np.linalg.norm((1 - h**2)[:, None] * W_h, 2))
    return np.array(norms)


def norms_by_adjoints(W_x, W_h, b, xs, h0):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
    rows = np.eye(len(b))  # a gradient of each entry of h_T
    norms = np.zeros(len(xs))
    for t in range(len(xs) - 1, -1, -1):
        rows = rows * (1 - hs[t + 1] ** 2) @ W_h
        norms[t] = np.linalg.svd(rows)[1][0]
    return norms


def norms_afresh(W_x, W_h, b, xs, h0):
    h, Js = h0, []
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        Js.append(np.diag(1 - h * h) @ W_h)
    norms = []
    for t in range(len(xs)):
        P = np.eye(len(h))
        for J in Js[t:]:
            P = J @ P
        norms.append(float(np.sqrt(np.linalg.eigvalsh(P.T @ P)[-1])))
    return norms


def norms_in_float32(W_x, W_h, b, xs, h0):
    W_x, W_h, b, xs, h = (a.astype(np.float32) for a in (W_x, W_h, b, xs, h0))
    products = np.zeros((0, len(b), len(b)), np.float32)
    for x in xs:
        products = np.concatenate([products, np.eye(len(b), dtype=np.float32)[None]])
        h = np.tanh(W_x @ x + W_h @ h + b)
        products = ((1 - h**2)[:, None] * W_h) @ products
    return np.linalg.norm(products, 2, axis=(1, 2))


# ------------------------------------------------------------------------ decay_rate


def decay_rate(norms):
    lags = np.arange(len(norms), 0, -1)
    centred = lags - lags.mean()
    return (centred @ np.log(norms)) / (centred @ centred)


def rate_forward(norms):
    """The sign is turned: the slope is taken along t, and the lag T - t runs the other way."""
    return np.polyfit(np.arange(len(norms)), np.log(norms), 1)[0]


def rate_base_10(norms):
    """The logarithm has base 10; take the natural one."""
    return np.polyfit(np.arange(len(norms), 0, -1), np.log10(norms), 1)[0]


def rate_base_2(norms):
    """The logarithm has base 2; take the natural one."""
    return np.polyfit(np.arange(len(norms), 0, -1), np.log2(norms), 1)[0]


def rate_without_log(norms):
    """The line is fitted to the norms; fit it to their logarithms."""
    return np.polyfit(np.arange(len(norms), 0, -1), norms, 1)[0]


def rate_through_origin(norms):
    """The line is forced through 0 at lag 0; it has an intercept of its own."""
    lags = np.arange(len(norms), 0, -1)
    return (lags @ np.log(norms)) / (lags @ lags)


def rate_of_ends(norms):
    """Only the first and the last norm are used; the line is fitted to all of them."""
    return np.log(norms[0] / norms[-1]) / (len(norms) - 1)


def rate_of_ends_over_T(norms):
    """Only the first and the last norm are used, and divided by T; between T points there are
    T - 1 steps, and the line is fitted to all points."""
    return np.log(norms[0] / norms[-1]) / len(norms)


def rate_mean_of_ratios(norms):
    """Each logarithm is divided by its own lag and the mean is taken; fit one line to all, with an
    intercept."""
    return np.mean(np.log(norms) / np.arange(len(norms), 0, -1))


def rate_as_factor(norms):
    """This is the factor per step, e to the slope; return the slope."""
    return np.exp(np.polyfit(np.arange(len(norms), 0, -1), np.log(norms), 1)[0])


def rate_and_intercept(norms):
    """Slope and intercept are returned; return the slope alone."""
    return np.polyfit(np.arange(len(norms), 0, -1), np.log(norms), 1)


def rate_is_intercept(norms):
    """This is the intercept of the line; return its slope."""
    return np.polyfit(np.arange(len(norms), 0, -1), np.log(norms), 1)[1]


def rate_by_polyfit(norms):
    return np.polyfit(np.arange(len(norms), 0, -1), np.log(norms), 1)[0]


def rate_by_least_squares(norms):
    T = len(norms)
    A = np.stack([np.arange(T), np.ones(T)], axis=1)
    return -np.linalg.lstsq(A, np.log(norms), rcond=None)[0][0]


def rate_by_sums(norms):
    import math

    n, k = len(norms), [len(norms) - t for t in range(len(norms))]
    y = [math.log(v) for v in norms]
    top = n * sum(a * v for a, v in zip(k, y, strict=True)) - sum(k) * sum(y)
    return np.float32(top / (n * sum(a * a for a in k) - sum(k) ** 2))


# ------------------------------------------------------------------------ orthogonal


def orthogonal(G):
    Q, R = np.linalg.qr(G)
    return Q * np.sign(np.diag(R))


def orthogonal_plain(G):
    """The signs are LAPACK's: R has negative numbers on its diagonal, and Q is not drawn evenly."""
    return np.linalg.qr(G)[0]


def orthogonal_rows(G):
    """The signs multiply the rows of Q; the sign of R[k, k] belongs to column k."""
    Q, R = np.linalg.qr(G)
    return np.append(np.sign(np.diag(R)), np.ones(len(Q) - len(R)))[:, None] * Q


def orthogonal_all_turned(G):
    """All columns are turned over; only those are where the diagonal of R is negative."""
    return -np.linalg.qr(G)[0]


def orthogonal_by_diagonal(G):
    """The columns are multiplied by the diagonal of R and not by its signs: their length is not
    1."""
    Q, R = np.linalg.qr(G)
    return Q * np.diag(R)


def orthogonal_normalised(G):
    """The columns have length 1 but are not orthogonal to each other."""
    return G / np.linalg.norm(G, axis=0)


def orthogonal_by_svd(G):
    """These are the left singular vectors; asked is the Q of G = QR with a positive diagonal."""
    return np.linalg.svd(G, full_matrices=False)[0]


def orthogonal_polar(G):
    """This is the orthogonal matrix that lies nearest to G. It is drawn evenly as well, but it is
    not the Q of G = QR: its product with G is symmetric and no triangle."""
    U, _, V = np.linalg.svd(G, full_matrices=False)
    return U @ V


def orthogonal_transposed(G):
    """Q is transposed: its rows are what its columns should be."""
    Q, R = np.linalg.qr(G)
    return (Q * np.sign(np.diag(R))).T


def orthogonal_complete(G):
    """Q is square even where G is not: the reduced Q has the shape of G."""
    Q, R = np.linalg.qr(G, mode="complete")
    signs = np.append(np.sign(np.diag(R)), np.ones(len(Q) - R.shape[1]))
    return Q * signs


def orthogonal_in_place(G):
    """G is changed in place; it belongs to the caller."""
    for k in range(G.shape[1]):
        for j in range(k):
            G[:, k] -= (G[:, j] @ G[:, k]) * G[:, j]
        G[:, k] /= np.sqrt(G[:, k] @ G[:, k])
    return G


def orthogonal_by_gram_schmidt(G):
    columns = []
    for g in G.T:
        for q in columns:
            g = g - (q @ g) * q
        columns.append(g / np.linalg.norm(g))
    return np.array(columns).T


def orthogonal_by_cholesky(G):
    R = np.linalg.cholesky(G.T @ G).T
    return np.linalg.solve(R.T, G.T).T


def orthogonal_where(G):
    Q, R = np.linalg.qr(G.astype(np.float32))
    return np.where(np.diag(R) < 0, -Q, Q).tolist()


# --------------------------------------------------------------- clip_by_global_norm


def clip_by_global_norm(grads, max_norm):
    clipped, norm = optim.clip_by_global_norm(tuple(grads), max_norm)
    return clipped, norm


def clip_each(grads, max_norm):
    """Each array is clipped by its own norm, which turns the gradient: there is one norm for all
    arrays together."""
    norms = [np.sqrt((g * g).sum()) for g in grads]
    clipped = [g * min(1, max_norm / n) for g, n in zip(grads, norms, strict=True)]
    return clipped, np.sqrt(sum(n * n for n in norms))


def clip_values(grads, max_norm):
    """Each number is cut to the range; that is clipping by value, which turns the gradient."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [np.clip(g, -max_norm, max_norm) for g in grads], norm


def clip_norm_after(grads, max_norm):
    """The norm returned is that after clipping; return the norm before."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * min(1, max_norm / norm) for g in grads], min(norm, max_norm)


def clip_sum_of_norms(grads, max_norm):
    """The norms of the arrays are added; add the squares of all numbers and take one root."""
    norm = sum(np.linalg.norm(g) for g in grads)
    return [g * min(1, max_norm / norm) for g in grads], norm


def clip_without_root(grads, max_norm):
    """The norm is the sum of squares; its root is missing."""
    norm = sum((g * g).sum() for g in grads)
    return [g * min(1, max_norm / norm) for g in grads], norm


def clip_always(grads, max_norm):
    """Short gradients are made longer; one that is short enough stays as it is."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * (max_norm / norm) for g in grads], norm


def clip_not_divided(grads, max_norm):
    """The gradient is multiplied by max_norm and not divided by its norm."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * max_norm if norm > max_norm else g for g in grads], norm


def clip_to_unit(grads, max_norm):
    """A long gradient gets length 1; it gets length max_norm."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g / norm if norm > max_norm else g for g in grads], norm


def clip_the_wrong_ones(grads, max_norm):
    """The condition is the other way round: short gradients are made longer and long ones stay."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * max(1, max_norm / norm) for g in grads], norm


def clip_largest(grads, max_norm):
    """The norm is the largest entry; it is the root of the sum of squares."""
    norm = max(np.abs(g).max() for g in grads)
    return [g * min(1, max_norm / norm) for g in grads], norm


def clip_mean_square(grads, max_norm):
    """The norm is the root of the mean of the squares; take their sum."""
    norm = np.sqrt(np.concatenate([(g * g).ravel() for g in grads]).mean())
    return [g * min(1, max_norm / norm) for g in grads], norm


def clip_in_place(grads, max_norm):
    """The arrays are scaled in place; they belong to the caller."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    for g in grads:
        g *= min(1, max_norm / norm)
    return grads, norm


def clip_without_norm(grads, max_norm):
    """The norm is not returned; return the pair of the gradients and the norm before."""
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * min(1, max_norm / norm) for g in grads]


def clip_as_one_vector(grads, max_norm):
    flat = np.concatenate([np.ravel(g) for g in grads])
    norm = np.linalg.norm(flat)
    if norm > max_norm:
        flat = flat / norm * max_norm
    ends = np.cumsum([g.size for g in grads])[:-1]
    parts = np.split(flat, ends)
    return [p.reshape(g.shape) for p, g in zip(parts, grads, strict=True)], norm


def clip_by_maximum(grads, max_norm):
    norm = sum(np.vdot(g, g) for g in grads) ** 0.5
    return tuple(g * max_norm / max(max_norm, norm) for g in grads), float(norm)


def clip_in_float32(grads, max_norm):
    grads = [g.astype(np.float32) for g in grads]
    norm = np.sqrt(sum(np.sum(g**2) for g in grads))
    return [(g / max(norm / max_norm, 1)).tolist() for g in grads], norm


# -------------------------------------------------------------------- time_to_forget


def time_to_forget(W_h, tol):
    """Norms of all powers far beyond what is needed; `clear_of` and the draws keep it there."""
    return int(np.flatnonzero(power_norms(W_h, 400) > tol).max()) + 1


def forget_at_first(W_h, tol):
    """This is the first power at or below tol. A later one may be above it again: ask when all
    powers from there on are small."""
    n, P = 0, np.eye(len(W_h))
    while np.linalg.norm(P, 2) > tol:
        n, P = n + 1, P @ W_h
    return n


def forget_by_radius(W_h, tol):
    """The spectral radius, or the largest eigenvalue of the power, is compared with tol; that is
    its norm for normal matrices only. Take the largest singular value of the power."""
    return int(np.ceil(np.log(tol) / np.log(np.abs(np.linalg.eigvals(W_h)).max())))


def forget_by_frobenius(W_h, tol):
    """This is the Frobenius norm, which np.linalg.norm gives by default; take the largest singular
    value, np.linalg.norm(P, 2)."""
    norms, P = [], np.eye(len(W_h))
    for _ in range(400):
        norms.append(np.linalg.norm(P))
        P = P @ W_h
    return int(np.flatnonzero(np.array(norms) > tol).max()) + 1


def forget_entries(W_h, tol):
    """Each number of W_h is raised to the power n; W_h ** n is no power of a matrix."""
    n, P = 0, np.eye(len(W_h))
    while 1e50 > np.linalg.norm(P, 2) > tol:
        n, P = n + 1, P * W_h if n else W_h.copy()
    return n


def forget_largest_entry(W_h, tol):
    """The largest entry of the power is compared with tol; take its largest singular value."""
    sizes, P = [], np.eye(len(W_h))
    for _ in range(400):
        sizes.append(np.abs(P).max())
        P = P @ W_h
    return int(np.flatnonzero(np.array(sizes) > tol).max()) + 1


def forget_last_above(W_h, tol):
    """This is the last power above tol; the one after it is the first from which on all are
    small."""
    norms, P = [], np.eye(len(W_h))
    for _ in range(400):
        norms.append(np.linalg.norm(P, 2))
        P = P @ W_h
    return int(np.flatnonzero(np.array(norms) > tol).max())


def forget_at_once(W_h, tol):
    """This is 0, but power 0 is the identity, whose norm 1 exceeds tol. n is one more than the last
    power that exceeds tol: is it n = k + 1, and not n = k? Does the loop begin?"""
    return 0


def forget_one_late(W_h, tol):
    """One too many: the powers count from W_h to the power 0, which is the identity."""
    norms, P = [], np.eye(len(W_h))
    for _ in range(400):
        norms.append(np.linalg.norm(P, 2))
        P = P @ W_h
    return int(np.flatnonzero(np.array(norms) > tol).max()) + 2


def forget_by_singular_value(W_h, tol):
    """The norm of W_h to the power n is compared with tol: that is a bound, and no bound at all if
    the norm exceeds 1. Take the norm of the power."""
    norm = np.linalg.norm(W_h, 2)
    return int(np.ceil(np.log(tol) / np.log(norm))) if norm < 1 else 10000


def forget_after_one_more(W_h, tol):
    """Two small powers in a row are taken for the end; a later one may be above tol again. How many
    in a row are enough?"""
    n, P = 0, np.eye(len(W_h))
    while max(np.linalg.norm(P, 2), np.linalg.norm(P @ W_h, 2)) > tol:
        n, P = n + 1, P @ W_h
    return n


def forget_as_lag(W_h, tol):
    """A number that is no integer is returned; count whole steps."""
    norms, P = [], np.eye(len(W_h))
    for _ in range(400):
        norms.append(np.linalg.norm(P, 2))
        P = P @ W_h
    last = np.flatnonzero(np.array(norms) > tol).max()
    return last + np.log(norms[last] / tol) / np.log(norms[last] / norms[last + 1])


def forget_by_a_run(W_h, tol):
    n, k, P = 0, 0, np.eye(len(W_h))
    while k < max(2 * n, 1):  # are the powers n to 2n - 1 small?
        if np.linalg.norm(P, 2) > tol:
            n = k + 1
        k, P = k + 1, W_h @ P
    return n


def forget_by_a_bound(W_h, tol):
    norms, P = [], np.eye(len(W_h))
    while not norms or norms[-1] >= 0.5:
        norms.append(np.linalg.svd(P)[1][0])
        P = W_h @ P
    N, most = len(norms) - 1, max(norms)
    turns = int(np.ceil(np.log(tol / most) / np.log(norms[-1]))) + 1
    for k in range(N * turns, -1, -1):  # all beyond are below most * norms[-1] ** turns
        if np.linalg.norm(np.linalg.matrix_power(W_h, k), 2) > tol:
            return k + 1
    return 0


def forget_numpy_integer(W_h, tol):
    powers = [np.eye(len(W_h))]
    for _ in range(999):
        powers.append(powers[-1] @ W_h)
    small = np.linalg.norm(np.array(powers), 2, axis=(1, 2)) <= tol
    return len(small) - np.argmin(small[::-1])


# ------------------------------------------------------------ gain_for_unit_lyapunov


def gain_for_unit_lyapunov(W_x, W_h, b, xs, h0):
    low, high = 0.5, 4.0
    for _ in range(14):
        middle = (low + high) / 2
        if exponent(W_x, W_h, b, xs, h0, middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def gain_at_the_end(W_x, W_h, b, xs, h0):
    """This is 4, the end of the interval: the search keeps the wrong half, or λ, as you
    compute it, stays below 0. Does g multiply W_h, in the step and in the Jacobian, and nothing
    else? Is the slope 1 - h²? Is it the largest exponent that you make 0, and not the mean?"""
    return 4.0


def gain_at_the_beginning(W_x, W_h, b, xs, h0):
    """This is close to 1/2, the beginning of the interval, where λ is below 0. Is a sign turned in
    your search? Or is it one over the largest singular value, at which nothing can grow?"""
    return 0.5


def gain_by_radius(W_x, W_h, b, xs, h0):
    """The gain makes the spectral radius of g W_h equal to 1, which is right without tanh; the
    slopes of tanh shrink every step, and the more the stronger the input."""
    return 1 / np.abs(np.linalg.eigvals(W_h)).max()


def gain_with_old_states(W_x, W_h, b, xs, h0):
    """The states are those at gain 1, so that λ(g) is taken for λ(1) + log g; another gain gives
    other states, and other slopes."""
    h, v, log = h0, np.ones(len(b)), 0.0
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        v = (1 - h**2) * (W_h @ v)
        log += np.log(np.linalg.norm(v))
        v = v / np.linalg.norm(v)
    return np.exp(-log / len(xs))


def gain_by_mean_norm(W_x, W_h, b, xs, h0):
    """The mean of log ‖J_t‖ is made 0, which bounds the exponent from above; the product grows
    more slowly than its factors could."""
    low, high = 0.5, 4.0
    for _ in range(12):
        g = (low + high) / 2
        h, log = h0, 0.0
        for x in xs:
            h = np.tanh(W_x @ x + g * W_h @ h + b)
            log += np.log(np.linalg.norm((1 - h**2)[:, None] * g * W_h, 2))
        low, high = (g, high) if log < 0 else (low, g)
    return g


def gain_by_mean_radius(W_x, W_h, b, xs, h0):
    """The mean logarithm of the spectral radii of the J_t is made 0; eigenvalues of factors say
    nothing about those of a product."""
    low, high = 0.5, 4.0
    for _ in range(12):
        g = (low + high) / 2
        h, log = h0, 0.0
        for x in xs:
            h = np.tanh(W_x @ x + g * W_h @ h + b)
            log += np.log(np.abs(np.linalg.eigvals((1 - h**2)[:, None] * g * W_h)).max())
        low, high = (g, high) if log < 0 else (low, g)
    return g


def gain_without_input(W_x, W_h, b, xs, h0):
    """The inputs are not read; they decide where the units are, and how steep."""
    low, high = 0.5, 4.0
    for _ in range(12):
        g = (low + high) / 2
        h, v, log = h0, np.ones(len(b)), 0.0
        for _ in xs:
            h = np.tanh(g * W_h @ h + b)
            v = (1 - h**2) * (g * W_h @ v)
            log += np.log(np.linalg.norm(v))
            v = v / np.linalg.norm(v)
        low, high = (g, high) if log < 0 else (low, g)
    return g


def gain_is_exponent(W_x, W_h, b, xs, h0):
    """This is the exponent at gain 1; return the gain at which it is 0."""
    h, v, log = h0, np.ones(len(b)), 0.0
    for x in xs:
        h = np.tanh(W_x @ x + W_h @ h + b)
        v = (1 - h**2) * (W_h @ v)
        log += np.log(np.linalg.norm(v))
        v = v / np.linalg.norm(v)
    return log / len(xs)


def gain_by_qr(W_x, W_h, b, xs, h0):
    def exponent(g):
        h, Q, logs = h0, np.eye(len(b)), []
        for x in xs:
            h = np.tanh(W_x @ x + g * (W_h @ h) + b)
            Q, R = np.linalg.qr((1 - h**2)[:, None] * g * W_h @ Q)
            logs.append(np.log(np.abs(R[0, 0])))
        return np.mean(logs)

    low, high = 0.5, 4.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (middle, high) if exponent(middle) < 0 else (low, middle)
    return low


def gain_by_a_vector(W_x, W_h, b, xs, h0):
    v0 = np.random.default_rng(0).normal(size=len(b))

    def exponent(g):
        h, v, log = h0, v0 / np.linalg.norm(v0), 0.0
        for x in xs:
            h = np.tanh(W_x @ x + g * W_h @ h + b)
            v = (1 - h * h) * (g * W_h @ v)
            size = np.linalg.norm(v)
            v, log = v / size, log + np.log(size)
        return log / len(xs)

    g, step = 0.5, 0.25  # walk up to the first sign change, with ever smaller steps
    while step > 1e-3:
        if exponent(g + step) < 0:
            g += step
        else:
            step /= 2
    return np.array(g)


def gain_backwards(W_x, W_h, b, xs, h0):
    def exponent(g):
        hs = [h0]
        for x in xs:
            hs.append(np.tanh(W_x @ x + g * W_h @ hs[-1] + b))
        v, log = np.ones(len(b)) / np.sqrt(len(b)), 0.0
        for h in hs[:0:-1]:
            v = g * W_h.T @ ((1 - h**2) * v)
            log += np.log(np.linalg.norm(v))
            v = v / np.linalg.norm(v)
        return log / len(xs)

    a, b_ = 0.5, 4.0
    fa, fb = exponent(a), exponent(b_)
    for _ in range(40):  # regula falsi, Illinois
        c = (a * fb - b_ * fa) / (fb - fa)
        fc = exponent(c)
        if abs(fc) < 1e-3:
            break
        if fc * fb < 0:
            a, fa = b_, fb
        else:
            fa /= 2
        b_, fb = c, fc
    return float(c)


# ------------------------------------------------------------------------- the table

GRADED = (
    Graded(
        name="jacobian_norms",
        reference=jacobian_norms,
        parts=(
            Part("jacobian_norms-check-one-step", 5, sequences, last_norm),
            Part("jacobian_norms-check-all", 10, sequences),
        ),
        misconceptions=(
            norms_of_state_before,
            norms_of_columns,
            norms_transposed,
            norms_without_slopes,
            norms_slope_of_preactivation,
            norms_wrong_order,
            norms_multiplied,
            norms_frobenius,
            norms_by_eigenvalues,
            norms_by_lag,
            norms_from_the_first,
            norms_end_with_identity,
            norms_of_single_steps,
        ),
        alternatives=(norms_by_adjoints, norms_afresh, norms_in_float32),
        says={
            norms_of_state_before: "those of the state before the step",
            norms_of_columns: "do the slopes multiply the columns",
            norms_transposed: "or does it act transposed",
            norms_without_slopes: "the slopes of tanh are missing",
            norms_slope_of_preactivation: "of what comes out",
            norms_wrong_order: "in the wrong order",
            norms_multiplied: "norms were multiplied",
            norms_frobenius: "the Frobenius norm",
            norms_by_eigenvalues: "this is an eigenvalue",
            norms_by_lag: "put the longest way first",
            norms_from_the_first: "differentiate the last state by each",
            norms_end_with_identity: "the norm of the identity",
            norms_of_single_steps: "the norms of single steps",
        },
    ),
    Graded(
        name="decay_rate",
        reference=decay_rate,
        parts=(Part("decay_rate-check", 10, decaying),),
        misconceptions=(
            rate_forward,
            rate_base_10,
            rate_base_2,
            rate_without_log,
            rate_through_origin,
            rate_of_ends,
            rate_of_ends_over_T,
            rate_mean_of_ratios,
            rate_as_factor,
            rate_and_intercept,
            rate_is_intercept,
        ),
        alternatives=(rate_by_polyfit, rate_by_least_squares, rate_by_sums),
        says={
            rate_forward: "the sign is turned",
            rate_base_10: "base 10",
            rate_base_2: "base 2",
            rate_without_log: "not to their logarithms",
            rate_through_origin: "an intercept of its own",
            rate_of_ends: "only the first and the last",
            rate_of_ends_over_T: "divided by T",
            rate_mean_of_ratios: "divided by its own lag",
            rate_as_factor: "the factor per step",
            rate_and_intercept: "the slope alone",
            rate_is_intercept: "this is the intercept",
        },
    ),
    Graded(
        name="orthogonal",
        reference=orthogonal,
        parts=(Part("orthogonal-check", 10, gaussians),),
        misconceptions=(
            orthogonal_plain,
            orthogonal_rows,
            orthogonal_all_turned,
            orthogonal_by_diagonal,
            orthogonal_normalised,
            orthogonal_by_svd,
            orthogonal_polar,
            orthogonal_transposed,
            orthogonal_complete,
            orthogonal_in_place,
        ),
        alternatives=(orthogonal_by_gram_schmidt, orthogonal_by_cholesky, orthogonal_where),
        says={
            orthogonal_plain: "expected positive numbers",
            orthogonal_rows: "a sign belongs to a whole column",
            orthogonal_all_turned: "and no others",
            orthogonal_by_diagonal: "not by its numbers",
            orthogonal_normalised: "orthogonal to each other",
            orthogonal_by_svd: "expected an upper triangle",
            orthogonal_polar: "nearest to G",
            orthogonal_transposed: "is Q transposed",
            orthogonal_complete: "expected that of G",
            orthogonal_in_place: "orthogonal changes G in place",
        },
    ),
    Graded(
        name="clip_by_global_norm",
        reference=clip_by_global_norm,
        parts=(
            Part("clip_by_global_norm-check-norm", 5, any_gradients, the_norm),
            Part("clip_by_global_norm-check-long", 5, long_gradients, the_gradients),
            Part("clip_by_global_norm-check-short", 5, short_gradients, the_gradients),
        ),
        misconceptions=(
            clip_each,
            clip_values,
            clip_norm_after,
            clip_sum_of_norms,
            clip_without_root,
            clip_always,
            clip_not_divided,
            clip_to_unit,
            clip_the_wrong_ones,
            clip_largest,
            clip_mean_square,
            clip_in_place,
            clip_without_norm,
        ),
        alternatives=(clip_as_one_vector, clip_by_maximum, clip_in_float32),
        says={
            clip_each: "neither norms of single arrays",
            clip_values: "nor cutting off single numbers",
            clip_norm_after: "return the norm before",
            clip_sum_of_norms: "add squares",
            clip_without_root: "the root is missing",
            clip_always: "it became longer",
            clip_not_divided: "divide by the norm as well",
            clip_to_unit: "this is length 1",
            clip_the_wrong_ones: "came back as it was",
            clip_largest: "the largest entry",
            clip_mean_square: "take the sum",
            clip_in_place: "changes grads in place",
            clip_without_norm: "expected the pair",
        },
    ),
    Graded(
        name="time_to_forget",
        reference=time_to_forget,
        parts=(
            Part("time_to_forget-check-normal", 5, normal_matrices),
            Part("time_to_forget-check-stretching", 8, stretching_matrices),
            Part("time_to_forget-check-returning", 12, returning_matrices),
        ),
        misconceptions=(
            forget_at_first,
            forget_by_radius,
            forget_by_frobenius,
            forget_entries,
            forget_largest_entry,
            forget_last_above,
            forget_one_late,
            forget_by_singular_value,
            forget_after_one_more,
            forget_as_lag,
            forget_at_once,
        ),
        alternatives=(forget_by_a_run, forget_by_a_bound, forget_numpy_integer),
        tolerance=0,
        says={
            forget_at_first: "is the first small power",
            forget_by_radius: "what the spectral radius says",
            forget_by_frobenius: "is this the Frobenius norm",
            forget_last_above: "is the last that exceeds tol",
            forget_one_late: "one too many",
            forget_as_lag: "expected an int",
            forget_at_once: "and not n = k?",
            forget_entries: "W ** k is no power",
            forget_by_singular_value: "and not the power of the norm",
        },
    ),
    Graded(
        name="gain_for_unit_lyapunov",
        reference=gain_for_unit_lyapunov,
        parts=(
            Part(
                "gain_for_unit_lyapunov-check-weak",
                10,
                weakly_driven,
                measure=zero_if_right,
                draws=4,
            ),
            Part(
                "gain_for_unit_lyapunov-check-strong",
                15,
                strongly_driven,
                measure=zero_if_right,
                draws=4,
            ),
        ),
        misconceptions=(
            gain_at_the_end,
            gain_at_the_beginning,
            gain_by_radius,
            gain_with_old_states,
            gain_by_mean_norm,
            gain_by_mean_radius,
            gain_without_input,
            gain_is_exponent,
        ),
        alternatives=(gain_by_qr, gain_by_a_vector, gain_backwards),
        tolerance=0.004,  # for telling mistakes apart
        says={
            gain_at_the_end: "the end of the interval",
            gain_at_the_beginning: "the beginning of the interval",
            gain_by_radius: "one over the spectral radius",
            gain_with_old_states: "the states are those at gain 1",
            gain_by_mean_norm: "logs of norms of single steps",
            gain_by_mean_radius: "logs of spectral radii",
            gain_without_input: "the inputs are not read",
            gain_is_exponent: "this is λ(1)",
        },
    ),
)
