"""What assignment 02-bptt grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.
"""

from functools import partial

import numpy as np

from rnnlib.check import gradient
from rnnlib.grading.table import Graded, Part

LIMITS = {"result": 4 << 20}  # bytes: some draws have hundreds of units

# ---------------------------------------------------------------------------- inputs


def product(c, p, q):
    return (c * np.tanh(p @ q)).sum()


def ratio(c, p):
    return (c * p**3).sum() / (2 + (p * p).sum())


def mixture(c, p, q, r):
    return np.exp(c * p).sum() * (q**2).sum() + (np.sin(p) * r).sum()


def functions(rng):
    """A function of one, two or three arrays, where to take it, and its gradient."""
    n, m, k = rng.permutation([2, 3, 4])
    made, shapes = [
        (partial(ratio, rng.normal(size=n)), [n]),
        (partial(product, rng.normal(size=(n, m))), [(n, k), (k, m)]),
        (partial(mixture, rng.normal(size=n)), [n, (m, k), n]),
    ][rng.integers(3)]
    args = tuple(rng.normal(size=shape) for shape in shapes)
    return made, args, gradient(made, args)


def wrong_gradients(rng):
    """A claim that is off in one array, everywhere, in sign, or that all is 0."""
    f, args, right = functions(rng)
    noise = [rng.normal(size=a.shape) for a in args]
    one = rng.integers(len(args))
    grads = [
        tuple(g + (k == one) * e for k, (g, e) in enumerate(zip(right, noise, strict=True))),
        tuple(g + 0.1 * e for g, e in zip(right, noise, strict=True)),
        tuple(-g for g in right),
        tuple(0 * g for g in right),
    ][rng.choice(4, p=[0.5, 0.3, 0.1, 0.1])]
    return f, args, grads, tuple(rng.normal(size=a.shape) for a in args)


def nearly_right_gradients(rng):
    f, args, right = functions(rng)
    factor = 1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-11, -10)
    v = tuple(rng.normal(size=a.shape) for a in args)
    return f, args, tuple(g * factor for g in right), v


def all_digits(result, args):
    """Has the result all digits (0), some (1), or none (2)? In the last case it counts itself."""
    want, got = directional_check(*args), float(result)
    off = abs(got - want)
    kind = 0 if off < 1e-13 + 1e-3 * want else 1 if off < 1e-5 else 2
    return np.array([kind, got if kind == 2 else 0.0])


def sizes(rng):
    """B, D, H ≥ 2, all different; now and then so many units that nudging each takes too long."""
    B, D, H = (int(n) for n in rng.permutation([2, 3, 4, 5])[:3])
    return (B, 90, 250) if rng.random() < 0.2 else (B, D, H)


def parameters(rng, D, H):
    W_x, W_h = rng.normal(size=(H, D)) / np.sqrt(D), rng.normal(size=(H, H)) / np.sqrt(H)
    return W_x, W_h, 0.5 * rng.normal(size=H), rng.uniform(0.1, 0.9, H)


def step_inputs(rng):
    B, D, H = sizes(rng)
    x, h, dh = rng.normal(size=(B, D)), rng.uniform(-0.9, 0.9, (B, H)), rng.normal(size=(B, H))
    return *parameters(rng, D, H), x, h, dh


def loop_inputs(rng, T=None):
    B, D, H = sizes(rng)
    T = T or int(rng.integers(3, 8))
    h0, dh_last = rng.uniform(-0.9, 0.9, (B, H)), rng.normal(size=(B, H))
    xs, dhs = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))
    return *parameters(rng, D, H), xs, h0, dhs, dh_last


def whole_chunks(rng):
    T, K = [(4, 2), (6, 2), (6, 3), (8, 4), (3, 1), (5, 1), (5, 5), (3, 8)][rng.integers(8)]
    return *loop_inputs(rng, T), K


def a_shorter_last_chunk(rng):
    T, K = [(5, 2), (7, 2), (7, 3), (8, 3), (5, 3), (7, 4), (9, 4), (5, 4)][rng.integers(8)]
    return *loop_inputs(rng, T), K


def six(result):
    if len(result) != 6:
        raise ValueError("not six gradients")
    return tuple(result)


def of_parameters(result, rng):
    return six(result)[:4]


def of_inputs(result, rng):
    return six(result)[4:]


def of_weights(result, rng):
    return six(result)[:3]


def of_alpha(result, rng):
    return six(result)[3]


# ----------------------------------------------------------------- directional_check


def directional_check(f, args, grads, v):
    want = np.imag(f(*(a + 1e-30j * w for a, w in zip(args, v, strict=True)))) / 1e-30
    products = np.concatenate([(g * w).ravel() for g, w in zip(grads, v, strict=True)])
    return abs(products.sum() - want) / max(np.abs(products).sum(), abs(want))


def directional_by_differences(f, args, grads, v):
    """The derivative is right to some digits only. A quotient of differences loses the others, and
    so does an imaginary step that is not tiny: take 1e-30."""
    up = f(*[a + 1e-6 * w for a, w in zip(args, v)])
    down = f(*[a - 1e-6 * w for a, w in zip(args, v)])
    want = (up - down) / 2e-6
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(scale, abs(want))


def directional_signed(f, args, grads, v):
    """The difference keeps its sign; an error is its absolute value."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return (got - want) / max(scale, abs(want))


def directional_absolute(f, args, grads, v):
    """The difference is not divided by anything; the error is a relative one."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    return abs(sum((g * w).sum() for g, w in zip(grads, v)) - want)


def directional_by_product(f, args, grads, v):
    """The denominator has the absolute value of the sum; it has the sum of the absolute values,
    which does not become small by chance."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(abs(got), abs(want))


def directional_by_derivative(f, args, grads, v):
    """The difference is divided by the true derivative; that is small by chance in some directions.
    Divide by the sum of |g v|, if that is larger."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / abs(want)


def directional_without_max(f, args, grads, v):
    """The denominator is the sum of |g v| alone; the true derivative may be larger, and a claim of
    zeros makes the sum 0."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / sum(np.abs(g * w).sum() for g, w in zip(grads, v))


def directional_by_norms(f, args, grads, v):
    """The denominator is the product of the lengths of g and v; it is the sum of |g v|."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    gg, vv = sum((g * g).sum() for g in grads), sum((w * w).sum() for w in v)
    return abs(got - want) / max(np.sqrt(gg * vv), abs(want))


def directional_first_only(f, args, grads, v):
    """Only the first array is moved when f is called; all move at once."""
    want = np.imag(f(args[0] + 1e-30j * v[0], *args[1:])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(scale, abs(want))


def directional_not_divided(f, args, grads, v):
    """The imaginary part of f is not divided by the step, so the derivative comes out as 0."""
    want = np.imag(f(*[a + 1e-30j * w for a, w in zip(args, v)]))
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(scale, abs(want))


def directional_real_part(f, args, grads, v):
    """The real part is taken, which is the value of f; the derivative is in the imaginary part."""
    want = np.real(f(*[a + 1e-30j * w for a, w in zip(args, v)])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(scale, abs(want))


def directional_without_direction(f, args, grads, v):
    """The arrays are moved by the same amount everywhere; each entry moves by its own part of v."""
    want = np.imag(f(*[a + 1e-30j for a in args])) / 1e-30
    got = sum((g * w).sum() for g, w in zip(grads, v))
    scale = sum(np.abs(g * w).sum() for g, w in zip(grads, v))
    return abs(got - want) / max(scale, abs(want))


def directional_array_by_array(f, args, grads, v):
    """The largest error of any one array is given; all arrays count together, in one sum."""
    errors = []
    for k in range(len(args)):
        moved = [a + 1e-30j * w * (i == k) for i, (a, w) in enumerate(zip(args, v))]
        want = np.imag(f(*moved)) / 1e-30
        got, scale = (grads[k] * v[k]).sum(), np.abs(grads[k] * v[k]).sum()
        errors.append(abs(got - want) / max(scale, abs(want)))
    return max(errors)


def directional_by_loops(f, args, grads, v):
    eps, got, scale = 1e-20, 0.0, 0.0
    moved = []
    for k in range(len(args)):
        a = np.array(args[k], dtype=complex)
        a.imag = eps * v[k]
        moved.append(a)
        for g, w in zip(np.ravel(grads[k]), np.ravel(v[k])):
            got += g * w
            scale += abs(g * w)
    want = f(*moved).imag / eps
    return np.array(abs(got - want) / max(scale, abs(want)))


def directional_flat(f, args, grads, v):
    g = np.concatenate([np.ravel(a) for a in grads])
    w = np.concatenate([np.ravel(a) for a in v])
    want = np.imag(f(*(a + 1j * 1e-100 * d for a, d in zip(args, v)))) / 1e-100
    return np.abs(g @ w - want) / np.maximum(np.abs(g) @ np.abs(w), np.abs(want))


# --------------------------------------------------------------- leaky_step_backward


def leaky_step(W_x, W_h, b, alpha, x, h):
    return (1 - alpha) * h + alpha * np.tanh(x @ W_x.T + h @ W_h.T + b)


def leaky_step_backward(W_x, W_h, b, alpha, x, h, dh):
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    dn = alpha * dh
    da = dn * (1 - n * n)
    dalpha = (dh * n).sum(0) - (dh * h).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, (1 - alpha) * dh + da @ W_h


def leaky_tanh_of_new_state(W_x, W_h, b, alpha, x, h, dh):
    """tanh' is taken as 1 - h'². In the leaky step h' is a mixture; it is 1 - n², with the tanh n
    itself."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    new = (1 - alpha) * h + alpha * n
    da = dh * alpha * (1 - new**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_tanh_of_preactivation(W_x, W_h, b, alpha, x, h, dh):
    """tanh' is taken as 1 - a², with what is inside the tanh; it is 1 - tanh(a)²."""
    a = x @ W_x.T + h @ W_h.T + b
    da = dh * alpha * (1 - a**2)
    dalpha = (dh * (np.tanh(a) - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_tanh_without_square(W_x, W_h, b, alpha, x, h, dh):
    """tanh' is taken as 1 - tanh; it is 1 - tanh², with a square."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_without_tanh(W_x, W_h, b, alpha, x, h, dh):
    """tanh' is missing: what arrives behind the tanh is passed on in front of it unchanged."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_without_alpha(W_x, W_h, b, alpha, x, h, dh):
    """α is missing on the way to the tanh: the tanh enters h' times α, so its gradient does too."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_shares_swapped(W_x, W_h, b, alpha, x, h, dh):
    """α and 1 - α are swapped: the tanh has the share α, the old state 1 - α."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * (1 - alpha) * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * alpha + da @ W_h


def leaky_mean_over_batch(W_x, W_h, b, alpha, x, h, dh):
    """Gradients of parameters are means over the batch; they are sums: the mean, if there is one,
    is in the loss and has come in with dh."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da, B = dh * alpha * (1 - n**2), len(x)
    dalpha = (dh * (n - h)).mean(0)
    return da.T @ x / B, da.T @ h / B, da.mean(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_bias_mean(W_x, W_h, b, alpha, x, h, dh):
    """db is a mean over the batch while dW_x and dW_h are sums; it is a sum as well."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.mean(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_not_summed(W_x, W_h, b, alpha, x, h, dh):
    """db and dalpha have a row for each example; a parameter's gradient is the sum of the rows."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    return da.T @ x, da.T @ h, da, dh * (n - h), da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_transposed(W_x, W_h, b, alpha, x, h, dh):
    """da goes back to h by W_h where it needs the transpose: for rows of a batch that is da @ W_h,
    without `.T`."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h.T


def leaky_weights_transposed(W_x, W_h, b, alpha, x, h, dh):
    """dW_h is transposed: row i of it belongs to unit i after the step, so it is da.T @ h."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, h.T @ da, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_weights_of_new_state(W_x, W_h, b, alpha, x, h, dh):
    """dW_h is made with the state after the step; W_h multiplies the state before it."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    new = (1 - alpha) * h + alpha * n
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ new, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_no_straight_way(W_x, W_h, b, alpha, x, h, dh):
    """dh_prev has only what comes back by way of W_h; h also enters h' straight, times 1 - α."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, da @ W_h


def leaky_only_straight_way(W_x, W_h, b, alpha, x, h, dh):
    """dh_prev has only the straight way, times 1 - α; h also reaches h' by way of W_h."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha)


def leaky_straight_way_unscaled(W_x, W_h, b, alpha, x, h, dh):
    """All of dh goes back to h straight; the old state has only the share 1 - α of h'."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh + da @ W_h


def leaky_straight_way_by_alpha(W_x, W_h, b, alpha, x, h, dh):
    """What goes back to h straight has the share α; the old state has the share 1 - α of h'."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * alpha + da @ W_h


def leaky_alpha_of_tanh_only(W_x, W_h, b, alpha, x, h, dh):
    """dalpha knows of the tanh alone; α stands in the share 1 - α of the old state as well."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    return (da.T @ x, da.T @ h, da.sum(0), (dh * n).sum(0), da @ W_x,
            dh * (1 - alpha) + da @ W_h)  # fmt: skip


def leaky_alpha_adds(W_x, W_h, b, alpha, x, h, dh):
    """dalpha adds the old state; it stands in h' with 1 - α, so it counts with a minus."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    return (da.T @ x, da.T @ h, da.sum(0), (dh * (n + h)).sum(0), da @ W_x,
            dh * (1 - alpha) + da @ W_h)  # fmt: skip


def leaky_alpha_flipped(W_x, W_h, b, alpha, x, h, dh):
    """dalpha has the wrong sign: a larger α moves h' towards the tanh and away from h."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    return (da.T @ x, da.T @ h, da.sum(0), (dh * (h - n)).sum(0), da @ W_x,
            dh * (1 - alpha) + da @ W_h)  # fmt: skip


def leaky_alpha_times_alpha(W_x, W_h, b, alpha, x, h, dh):
    """dalpha is α times too small, as if made of h' - h; the derivative by α has no α left."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * alpha * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_alpha_inside(W_x, W_h, b, alpha, x, h, dh):
    """dalpha holds tanh'; α multiplies the tanh from outside, and nothing of it is inside."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (1 - n**2) * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_alpha_one_number(W_x, W_h, b, alpha, x, h, dh):
    """dalpha is summed over the units as well; each unit has its own α."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum()
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


def leaky_in_place(W_x, W_h, b, alpha, x, h, dh):
    """dh is scaled in place; it belongs to the caller."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    dalpha = (dh * (n - h)).sum(0)
    straight = dh * (1 - alpha)
    dh *= alpha * (1 - n**2)
    return dh.T @ x, dh.T @ h, dh.sum(0), dalpha, dh @ W_x, straight + dh @ W_h


def leaky_swaps_outputs(W_x, W_h, b, alpha, x, h, dh):
    """The six come in another order; it is that of the arguments: dW_x, dW_h, db, dalpha, dx,
    dh_prev."""
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da @ W_x, dh * (1 - alpha) + da @ W_h, da.T @ x, da.T @ h, da.sum(0), dalpha


def leaky_by_einsum(W_x, W_h, b, alpha, x, h, dh):
    n = np.tanh(np.einsum("hd,bd->bh", W_x, x) + np.einsum("hk,bk->bh", W_h, h) + b)
    da = np.einsum("bh,h,bh->bh", dh, alpha, 1 - n**2)
    return [
        np.einsum("bh,bd->hd", da, x),
        np.einsum("bh,bk->hk", da, h),
        np.einsum("bh->h", da),
        np.einsum("bh,bh->h", dh, n - h),
        np.einsum("bh,hd->bd", da, W_x),
        dh - alpha * dh + np.einsum("bh,hk->bk", da, W_h),
    ]


def leaky_by_example(W_x, W_h, b, alpha, x, h, dh):
    dW_x, dW_h = np.zeros_like(W_x), np.zeros_like(W_h)
    db, dalpha = np.zeros_like(b), np.zeros_like(alpha)
    dx, dh_prev = [], []
    for x_i, h_i, dh_i in zip(x, h, dh):
        J = W_x @ x_i + W_h @ h_i + b
        da = alpha / np.cosh(J) ** 2 * dh_i
        dW_x += np.outer(da, x_i)
        dW_h += np.outer(da, h_i)
        db += da
        dalpha += (np.tanh(J) - h_i) * dh_i
        dx.append(W_x.T @ da)
        dh_prev.append((np.diag(1 - alpha) + W_h.T * 0) @ dh_i + W_h.T @ da)
    return dW_x, dW_h, db, dalpha, dx, dh_prev


def leaky_from_new_state(W_x, W_h, b, alpha, x, h, dh):
    new = leaky_step(W_x, W_h, b, alpha, x, h)
    change = (new - h) / alpha  # n - h
    slope = 1 - (change + h) ** 2
    da = alpha * slope * dh
    return (da.T @ x, da.T @ h, da.sum(0), np.sum(change * dh, axis=0), da @ W_x,
            dh - alpha * dh + da @ W_h)  # fmt: skip


def leaky_in_float32(W_x, W_h, b, alpha, x, h, dh):
    W_x, W_h, b, alpha, x, h, dh = (np.float32(v) for v in (W_x, W_h, b, alpha, x, h, dh))
    n = np.tanh(x @ W_x.T + h @ W_h.T + b)
    da = dh * alpha * (1 - n**2)
    dalpha = (dh * (n - h)).sum(0)
    return da.T @ x, da.T @ h, da.sum(0), dalpha, da @ W_x, dh * (1 - alpha) + da @ W_h


# ------------------------------------------------------------------------------ bptt


def bptt(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [], dh_last
    for x, h, dh_t in zip(xs[::-1], hs[-2::-1], dhs[::-1], strict=True):
        *shares, dx, dh = leaky_step_backward(W_x, W_h, b, alpha, x, h, dh_t + dh)
        sums = [s + share for s, share in zip(sums, shares, strict=True)]
        dxs.append(dx)
    return *sums, np.stack(dxs[::-1]), dh


def bptt_forgets_dh_last(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last is not used: the walk back begins with it."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), np.zeros_like(h0)
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_only_dh_last(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dhs is not used: at each step what the loss sends into that state is added."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_dh_last_replaces(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last takes the place of dhs[T - 1]; both reach the last state, so they add."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        if t < len(xs) - 1:
            dh = dh + dhs[t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_last_loss_twice(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dhs[T - 1] enters twice, before the walk and at its first step: begin with dh_last alone."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last + dhs[-1]
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_dh_last_everywhere(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last is added at every step; it enters once, after the last one."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), np.zeros_like(h0)
    for t in range(len(xs))[::-1]:
        all_ = dh + dhs[t] + dh_last
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], all_)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_dh_last_at_the_first_step(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last enters at step 0, where the walk back ends; it enters at the last step, where the
    walk begins."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), np.zeros_like(h0)
    for t in range(len(xs))[::-1]:
        dh = dh + dhs[t] + (dh_last if t == 0 else 0)
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_last_share_only(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """The parameters' gradients are those of one step (`=` for `+=`); they are sums over all."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    dxs, dh = [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
    return *shares, np.stack(dxs), dh


def bptt_mean_over_time(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """The parameters' gradients are means over the steps; they are sums."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g / len(xs) for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_carries_nothing(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """Nothing is carried from a step to the one before it: dh_prev must be added to the next
    dhs[t]."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs = [0, 0, 0, 0], [None] * len(xs)
    for t in range(len(xs))[::-1]:
        dh = dhs[t] + (dh_last if t == len(xs) - 1 else 0)
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_piles_up(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """What has reached a state is added to what that step hands on: the walk goes on with dh_prev
    alone."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh = dh + dhs[t]
        *shares, dxs[t], back = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
        dh = dh + back
    return *sums, np.stack(dxs), dh


def bptt_state_after(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """The step backward gets the state after its input; it asks for the one before."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        back = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t + 1], dh + dhs[t])
        *shares, dxs[t], dh = back
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_inputs_reversed(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dxs is in the order of the walk back; dxs[t] belongs to xs[t]."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [], dh_last
    for t in range(len(xs))[::-1]:
        *shares, dx, dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
        dxs.append(dx)
    return *sums, np.stack(dxs), dh


def bptt_adds_too_late(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dhs[t] is added after the step at t is taken backwards; it goes through that step, so it is
    added before."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
        dh = dh + dhs[t]
    return *sums, np.stack(dxs), dh


def bptt_adds_to_first_state(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh0 holds dhs[0] besides; that belongs to the state after the first input, not to h0."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh + dhs[0]


def bptt_stops_early(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh0 is what reaches the state after the first input; one more step back leads to h0."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh0 = dh + dhs[t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh0)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh0


def bptt_walks_forward(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """The second loop runs from the first step to the last; gradients go the other way."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs)):
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_loss_reversed(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dhs is read from its start while the walk goes back from the end: dhs[t] enters at step t."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    T, sums, dxs, dh = len(xs), [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(T)[::-1]:
        all_ = dh + dhs[T - 1 - t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], all_)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_one_state(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """Every step backward gets h0 as the state before it: keep the states on the way forward."""
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], h0, dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_from_zero(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """The states run from 0; they run from h0."""
    hs = [0 * h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_changes_dhs(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last is added into dhs, which belongs to the caller."""
    dhs[-1] += dh_last
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), np.zeros_like(h0)
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_changes_dh_last(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    """dh_last is changed by `+=`: a second name is no second array."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh += dhs[t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def bptt_recursive(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    if len(xs) == 0:
        zeros = [np.zeros_like(p) for p in (W_x, W_h, b, alpha)]
        return *zeros, np.zeros((0, *xs.shape[1:])), dh_last
    h1 = leaky_step(W_x, W_h, b, alpha, xs[0], h0)
    *rest, dxs, dh1 = bptt(W_x, W_h, b, alpha, xs[1:], h1, dhs[1:], dh_last)
    *mine, dx, dh0 = leaky_step_backward(W_x, W_h, b, alpha, xs[0], h0, dh1 + dhs[0])
    return *(r + m for r, m in zip(rest, mine)), np.concatenate([dx[None], dxs]), dh0


def bptt_with_arrays(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    T = len(xs)
    hs = np.empty((T + 1, *h0.shape))
    hs[0] = h0
    for t in range(T):
        hs[t + 1] = leaky_step(W_x, W_h, b, alpha, xs[t], hs[t])
    dW_x, dW_h = np.zeros_like(W_x), np.zeros_like(W_h)
    db, dalpha, dxs = np.zeros_like(b), np.zeros_like(alpha), np.zeros_like(xs)
    delta = dh_last.copy()
    for t in range(T - 1, -1, -1):
        delta += dhs[t]
        grads = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], delta)
        dW_x += grads[0]
        dW_h += grads[1]
        db += grads[2]
        dalpha += grads[3]
        dxs[t] = grads[4]
        delta = np.array(grads[5])
    return [dW_x, dW_h, db, dalpha, dxs, delta]


def bptt_written_out(W_x, W_h, b, alpha, xs, h0, dhs, dh_last):
    hs, ns = [h0], []
    for x in xs:
        ns.append(np.tanh(x @ W_x.T + hs[-1] @ W_h.T + b))
        hs.append((1 - alpha) * hs[-1] + alpha * ns[-1])
    delta, das, deltas = dh_last, [], []
    for n, dh in zip(ns[::-1], dhs[::-1]):
        delta = delta + dh
        deltas.append(delta)
        das.append(delta * alpha * (1 - n * n))
        delta = delta * (1 - alpha) + das[-1] @ W_h
    das, deltas, before = np.array(das[::-1]), np.array(deltas[::-1]), np.array(hs[:-1])
    dW_x, dW_h = np.einsum("tbh,tbd->hd", das, xs), np.einsum("tbh,tbk->hk", das, before)
    dalpha = (deltas * (np.array(ns) - before)).sum((0, 1))
    return dW_x, dW_h, das.sum((0, 1)), dalpha, das @ W_x, delta


# -------------------------------------------------------------------- truncated_bptt


def truncated_bptt(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    sums, dxs, h, dh0 = [0, 0, 0, 0], [], h0, None
    for start in range(0, len(xs), K):
        chunk = slice(start, start + K)
        beyond = dh_last if start + K >= len(xs) else np.zeros_like(dh_last)
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[chunk], h, dhs[chunk], beyond)
        sums = [s + share for s, share in zip(sums, shares, strict=True)]
        dxs.append(dx)
        dh0 = dh if dh0 is None else dh0
        for x in xs[chunk]:
            h = leaky_step(W_x, W_h, b, alpha, x, h)
    return *sums, np.concatenate(dxs), dh0


def truncated_not_at_all(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """Nothing is cut: this is the gradient of bptt, whatever K is."""
    return bptt(W_x, W_h, b, alpha, xs, h0, dhs, dh_last)


def truncated_from_the_end(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The chunks are counted from the end of the sequence; the first one begins at step 0, and the
    last one may be shorter."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], back = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
        dh = 0 * back if (len(xs) - t) % K == 0 else back
    return *sums, np.stack(dxs), back


def truncated_a_step_off(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The cut is a step off: what step K - 1 hands on is dropped, which stays within its chunk. It is
    step K, the first one of the next chunk, that hands nothing on."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], back = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
        dh = 0 * back if (t + 1) % K == 0 else back
    return *sums, np.stack(dxs), back


def truncated_counts_from_one(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The cut is where K divides t in code; the equation counts steps from 1, so its t is t + 1."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh = dhs[t] if t % K == 0 else dh + dhs[t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def truncated_cuts_behind_the_last_step(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """dh_last is cut off where K divides T; it comes from no chunk, so no cut is before it."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh = dhs[t] if (t + 1) % K == 0 else dh + dhs[t]
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def truncated_from_h0(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """Every chunk begins with h0 again; it begins with the state that the one before it ended
    with. Only the gradient is cut."""
    sums, dxs, T = [0, 0, 0, 0], [], len(xs)
    for s in range(0, T, K):
        last = dh_last if s + K >= T else 0 * dh_last
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s : s + K], h0, dhs[s : s + K], last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        dh0 = dh if s == 0 else dh0
    return *sums, np.concatenate(dxs), dh0


def truncated_from_zero(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """Every later chunk begins with a state of zeros; it begins with the state that the one before
    it ended with. Only the gradient is cut."""
    sums, dxs, T = [0, 0, 0, 0], [], len(xs)
    for s in range(0, T, K):
        last, h = dh_last if s + K >= T else 0 * dh_last, h0 if s == 0 else 0 * h0
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s : s + K], h, dhs[s : s + K], last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        dh0 = dh if s == 0 else dh0
    return *sums, np.concatenate(dxs), dh0


def truncated_dh_last_everywhere(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """dh_last enters at the end of every chunk; it enters once, at the last step of all."""
    sums, dxs, h = [0, 0, 0, 0], [], h0
    for s in range(0, len(xs), K):
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s : s + K], h, dhs[s : s + K], dh_last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        dh0 = dh if s == 0 else dh0
        for x in xs[s : s + K]:
            h = leaky_step(W_x, W_h, b, alpha, x, h)
    return *sums, np.concatenate(dxs), dh0


def truncated_without_dh_last(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """dh_last is not used; it enters at the last step of all."""
    sums, dxs, h = [0, 0, 0, 0], [], h0
    for s in range(0, len(xs), K):
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s : s + K], h, dhs[s : s + K], 0 * dh_last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        dh0 = dh if s == 0 else dh0
        for x in xs[s : s + K]:
            h = leaky_step(W_x, W_h, b, alpha, x, h)
    return *sums, np.concatenate(dxs), dh0


def truncated_last_chunk_only(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The walk back ends at the first cut; the steps before it have losses of their own, so it
    goes on there with what they send."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    T = len(xs)
    sums, dxs, dh = [0, 0, 0, 0], np.zeros_like(xs), dh_last
    for t in range((T - 1) // K * K, T)[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, dxs, dh if K >= T else 0 * dh


def truncated_loses_losses(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """At a cut dhs[t] is dropped together with what comes from later steps; it belongs to this
    chunk and stays."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        dh = dh + dhs[t] if (t + 1) % K or t == len(xs) - 1 else 0 * dh
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh)
        sums = [s + g for s, g in zip(sums, shares)]
    return *sums, np.stack(dxs), dh


def truncated_dh0_of_the_last_chunk(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """dh0 is the gradient with respect to the state before the last chunk; h0 is the state before
    the first one."""
    sums, dxs, h, T = [0, 0, 0, 0], [], h0, len(xs)
    for s in range(0, T, K):
        last = dh_last if s + K >= T else 0 * dh_last
        *shares, dx, dh0 = bptt(W_x, W_h, b, alpha, xs[s : s + K], h, dhs[s : s + K], last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        for x in xs[s : s + K]:
            h = leaky_step(W_x, W_h, b, alpha, x, h)
    return *sums, np.concatenate(dxs), dh0


def truncated_dh0_cut(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """dh0 is zero: there is no cut before the first chunk, so what reaches h0 through it counts."""
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh = [0, 0, 0, 0], [None] * len(xs), dh_last
    for t in range(len(xs))[::-1]:
        *shares, dxs[t], dh = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dh + dhs[t])
        sums = [s + g for s, g in zip(sums, shares)]
        if t % K == 0:
            dh = np.zeros_like(dh)
    return *sums, np.stack(dxs), dh


def truncated_drops_the_rest(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The steps after the last whole chunk are left out; they are a shorter chunk."""
    sums, dxs, h, n = [0, 0, 0, 0], [], h0, max(1, len(xs) // K)
    for c in range(n):
        s = slice(c * K, (c + 1) * K)
        last = dh_last if c == n - 1 else 0 * dh_last
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s], h, dhs[s], last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        dh0 = dh if c == 0 else dh0
        for x in xs[s]:
            h = leaky_step(W_x, W_h, b, alpha, x, h)
    return *sums, np.concatenate(dxs), dh0


def truncated_by_windows(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """Every loss goes back K steps, so that windows overlap; it goes back to the first step
    of its own chunk and not further."""
    hs, T = [h0], len(xs)
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, dh0 = [0, 0, 0, 0], np.zeros_like(xs), np.zeros_like(h0)
    for t in range(T):
        dh = dhs[t] + (dh_last if t == T - 1 else 0)
        for s in range(max(0, t - K + 1), t + 1)[::-1]:
            *shares, dx, dh = leaky_step_backward(W_x, W_h, b, alpha, xs[s], hs[s], dh)
            sums = [a + g for a, g in zip(sums, shares)]
            dxs[s] += dx
        dh0 += dh * (t < K)
    return *sums, dxs, dh0


def truncated_chunks_reversed(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    """The chunks of dxs are in the order of the walk back, the last one first."""
    hs, T = [h0], len(xs)
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    sums, dxs, last = [0, 0, 0, 0], [], dh_last
    for s in range(0, T, K)[::-1]:
        *shares, dx, dh = bptt(W_x, W_h, b, alpha, xs[s : s + K], hs[s], dhs[s : s + K], last)
        sums = [a + g for a, g in zip(sums, shares)]
        dxs.append(dx)
        last = 0 * dh_last
    return *sums, np.concatenate(dxs), dh


def truncated_by_chunks(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    hs = [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    found, beyond = [], dh_last
    for s in range(0, len(xs), K)[::-1]:
        end = min(s + K, len(xs))
        found.append(bptt(W_x, W_h, b, alpha, xs[s:end], hs[s], dhs[s:end], beyond))
        beyond = np.zeros(dh_last.shape)
    sums = [sum(chunk[k] for chunk in found) for k in range(4)]
    return *sums, np.concatenate([chunk[4] for chunk in found[::-1]]), found[-1][5]


def truncated_by_mask(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    T, hs = len(xs), [h0]
    for x in xs:
        hs.append(leaky_step(W_x, W_h, b, alpha, x, hs[-1]))
    total = [np.zeros_like(p) for p in (W_x, W_h, b, alpha)]
    dxs, dh = np.zeros_like(xs), np.array(dh_last)
    for t in range(T - 1, -1, -1):
        keep = float(t == T - 1 or (t + 1) % K != 0)
        grads = leaky_step_backward(W_x, W_h, b, alpha, xs[t], hs[t], dhs[t] + keep * dh)
        for sum_, grad in zip(total, grads):
            sum_ += grad
        dxs[t], dh = grads[4:]
    return [*total, dxs, dh]


def truncated_written_out(W_x, W_h, b, alpha, xs, h0, dhs, dh_last, K):
    h, hs, ns = h0, [], []
    for x in xs:
        hs.append(h)
        ns.append(np.tanh(x @ W_x.T + h @ W_h.T + b))
        h = h + alpha * (ns[-1] - h)
    grads, dxs, delta = [0, 0, 0, 0], [], dh_last
    for t in range(len(xs) - 1, -1, -1):
        if (t + 1) % K == 0 and t + 1 < len(xs):
            delta = np.zeros_like(delta)
        delta = delta + dhs[t]
        da = delta * alpha * (1 - ns[t] ** 2)
        step = da.T @ xs[t], da.T @ hs[t], da.sum(0), (delta * (ns[t] - hs[t])).sum(0)
        grads = [a + g for a, g in zip(grads, step)]
        dxs.insert(0, da @ W_x)
        delta = delta * (1 - alpha) + da @ W_h
    return *grads, dxs, delta


# ------------------------------------------------------------------------- the table

GRADED = (
    Graded(
        name="directional_check",
        reference=directional_check,
        parts=(
            Part("directional_check-check-error", 12, wrong_gradients),
            Part(
                "directional_check-check-digits", 8, nearly_right_gradients, measure=all_digits
            ),
        ),
        misconceptions=(
            directional_by_differences,
            directional_signed,
            directional_absolute,
            directional_by_product,
            directional_by_derivative,
            directional_without_max,
            directional_by_norms,
            directional_first_only,
            directional_not_divided,
            directional_real_part,
            directional_without_direction,
            directional_array_by_array,
        ),
        alternatives=(directional_by_loops, directional_flat),
        says={
            directional_by_differences: "a quotient of differences",
            directional_signed: "take the absolute value",
            directional_absolute: "not divided by anything",
            directional_by_product: "divide by the sum of |g v|",
            directional_by_derivative: "divided by the derivative",
            directional_without_max: "the larger of two",
            directional_first_only: "only the first array was moved",
            directional_not_divided: "divided by 1e-30",
            directional_real_part: "is that the real part",
        },
    ),
    Graded(
        name="leaky_step_backward",
        reference=leaky_step_backward,
        parts=(
            Part("leaky_step_backward-check-parameters", 12, step_inputs, of_weights),
            Part("leaky_step_backward-check-alpha", 8, step_inputs, of_alpha),
            Part("leaky_step_backward-check-inputs", 10, step_inputs, of_inputs),
        ),
        misconceptions=(
            leaky_tanh_of_new_state,
            leaky_tanh_of_preactivation,
            leaky_tanh_without_square,
            leaky_without_tanh,
            leaky_without_alpha,
            leaky_shares_swapped,
            leaky_mean_over_batch,
            leaky_bias_mean,
            leaky_not_summed,
            leaky_transposed,
            leaky_weights_transposed,
            leaky_weights_of_new_state,
            leaky_no_straight_way,
            leaky_only_straight_way,
            leaky_straight_way_unscaled,
            leaky_straight_way_by_alpha,
            leaky_alpha_of_tanh_only,
            leaky_alpha_adds,
            leaky_alpha_flipped,
            leaky_alpha_times_alpha,
            leaky_alpha_inside,
            leaky_alpha_one_number,
            leaky_in_place,
            leaky_swaps_outputs,
        ),
        alternatives=(
            leaky_by_einsum,
            leaky_by_example,
            leaky_from_new_state,
            leaky_in_float32,
        ),
        tolerance=1e-4,
        says={
            leaky_tanh_of_new_state: "neither from h' nor",
            leaky_tanh_of_preactivation: "nor from what is in the tanh",
            leaky_tanh_without_square: "mind the square",
            leaky_without_tanh: "tanh' is missing",
            leaky_without_alpha: "alpha is missing",
            leaky_shares_swapped: "alpha is missing, or stands in the wrong place",
            leaky_mean_over_batch: "the mean over the 3 examples",
            leaky_bias_mean: "db is wrong: it is the mean",
            leaky_not_summed: "is it summed over the batch",
            leaky_transposed: "W_h acts transposed",
            leaky_weights_transposed: "dW_h is wrong: it is transposed",
            leaky_weights_of_new_state: "it has the state after the step",
            leaky_no_straight_way: "h also reaches h' straight",
            leaky_only_straight_way: "by way of W_h",
            leaky_straight_way_unscaled: "the share 1 - alpha, not all of dh",
            leaky_straight_way_by_alpha: "straight, by 1 - alpha",
            leaky_alpha_of_tanh_only: "takes away from the old state",
            leaky_alpha_adds: "has a minus",
            leaky_alpha_flipped: "dalpha is wrong: the sign",
            leaky_alpha_times_alpha: "do not multiply by alpha",
            leaky_alpha_one_number: "dalpha has shape ()",
            leaky_in_place: "leaky_step_backward changes dh in place",
            leaky_swaps_outputs: "dW_x has shape",
        },
    ),
    Graded(
        name="bptt",
        reference=bptt,
        parts=(
            Part("bptt-check-parameters", 18, loop_inputs, of_parameters),
            Part("bptt-check-inputs", 12, loop_inputs, of_inputs),
        ),
        misconceptions=(
            bptt_forgets_dh_last,
            bptt_only_dh_last,
            bptt_dh_last_replaces,
            bptt_last_loss_twice,
            bptt_dh_last_everywhere,
            bptt_dh_last_at_the_first_step,
            bptt_last_share_only,
            bptt_mean_over_time,
            bptt_carries_nothing,
            bptt_piles_up,
            bptt_state_after,
            bptt_inputs_reversed,
            bptt_adds_too_late,
            bptt_adds_to_first_state,
            bptt_stops_early,
            bptt_walks_forward,
            bptt_loss_reversed,
            bptt_one_state,
            bptt_from_zero,
            bptt_changes_dhs,
            bptt_changes_dh_last,
        ),
        alternatives=(bptt_recursive, bptt_with_arrays, bptt_written_out),
        tolerance=1e-4,
        stand_ins={"leaky_step_backward": leaky_step_backward},
        says={
            bptt_forgets_dh_last: "dh_last is not used",
            bptt_only_dh_last: "dhs is not used",
            bptt_dh_last_replaces: "takes the place of dhs[T - 1]",
            bptt_last_loss_twice: "dhs[T - 1] enters twice",
            bptt_dh_last_everywhere: "dh_last enters at every step",
            bptt_dh_last_at_the_first_step: "dh_last enters at step 0",
            bptt_last_share_only: "the share of step 0",
            bptt_mean_over_time: "the mean over the 5 steps",
            bptt_carries_nothing: "nothing is carried",
            bptt_state_after: "gets the state after xs",
            bptt_inputs_reversed: "in the order of the walk back",
            bptt_adds_too_late: "one step too late",
            bptt_adds_to_first_state: "not to h0",
            bptt_stops_early: "stops one step too early",
            bptt_loss_reversed: "in the wrong order",
            bptt_changes_dhs: "bptt changes dhs in place",
            bptt_changes_dh_last: "bptt changes dh_last in place",
        },
    ),
    Graded(
        name="truncated_bptt",
        reference=truncated_bptt,
        parts=(
            Part("truncated_bptt-check-divides", 8, whole_chunks),
            Part("truncated_bptt-check-rest", 12, a_shorter_last_chunk),
        ),
        misconceptions=(
            truncated_not_at_all,
            truncated_from_the_end,
            truncated_a_step_off,
            truncated_counts_from_one,
            truncated_cuts_behind_the_last_step,
            truncated_from_h0,
            truncated_from_zero,
            truncated_dh_last_everywhere,
            truncated_without_dh_last,
            truncated_last_chunk_only,
            truncated_loses_losses,
            truncated_dh0_of_the_last_chunk,
            truncated_dh0_cut,
            truncated_drops_the_rest,
            truncated_by_windows,
            truncated_chunks_reversed,
        ),
        alternatives=(truncated_by_chunks, truncated_by_mask, truncated_written_out),
        tolerance=1e-4,
        stand_ins={"leaky_step_backward": leaky_step_backward, "bptt": bptt},
        says={
            truncated_not_at_all: "nothing is cut",
            truncated_from_the_end: "counted from the end",
            truncated_a_step_off: "the cut is a step too early",
            truncated_counts_from_one: "t counts from 1 in the equation",
            truncated_cuts_behind_the_last_step: "no cut is beyond the last step",
            truncated_from_h0: "start again from h0",
            truncated_from_zero: "start again from 0",
            truncated_dh_last_everywhere: "at the end of every chunk",
            truncated_without_dh_last: "dh_last is not used",
            truncated_last_chunk_only: "the last chunk alone",
            truncated_dh0_of_the_last_chunk: "before the last chunk",
            truncated_dh0_cut: "through the first chunk",
            truncated_by_windows: "every loss goes back K steps",
        },
    ),
)
