"""What assignment 06-training grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. Gradients are
decided against the complex step of the forward that they belong to.
"""

import numpy as np

from rnnlib.grading.table import Graded, Part
from rnnlib.reference import dropout, optim
from rnnlib.reference import layer_norm as layers

# ---------------------------------------------------------------------------- inputs


def sizes(rng):
    """T, B, D, H ≥ 2, all different, so that no shape can stand in for another."""
    return rng.permutation([2, 3, 4, 5])


def number(rng, low, high):
    return float(rng.uniform(low, high))


def adam_inputs(rng):
    """In the middle of training, and every other time at its first step."""
    _, _, D, H = sizes(rng)
    theta, g, m = (rng.normal(size=(H, D)) for _ in range(3))
    v, t = rng.uniform(0.05, 2, (H, D)), int(rng.integers(2, 15))
    if rng.integers(2):
        m, v, t = 0 * m, 0 * v, 1
    lr, eps = number(rng, 0.05, 0.5), number(rng, 0.05, 0.5)
    return theta, g, m, v, t, lr, number(rng, 0.5, 0.95), number(rng, 0.6, 0.98), eps


def norm_inputs(rng):
    """No row has mean 0 or variance 1, and ε is large enough to show where it stands."""
    _, B, _, H = sizes(rng)
    x = rng.normal(size=(B, 1)) + rng.uniform(0.3, 2, (B, 1)) * rng.normal(size=(B, H))
    return x, rng.normal(size=H), rng.normal(size=H), number(rng, 0.05, 0.4)


def norm_inputs_and_cotangent(rng):
    x, gain, _, eps = norm_inputs(rng)
    return x, gain, eps, rng.normal(size=x.shape)


def rms_inputs_and_cotangent(rng):
    T, B, _, H = sizes(rng)
    x = rng.normal(size=(T, B, 1)) + rng.uniform(0.3, 2, (T, B, 1)) * rng.normal(size=(T, B, H))
    return x, rng.normal(size=H), number(rng, 0.05, 0.4), rng.normal(size=x.shape)


def zoneout_inputs(rng, training):
    _, B, _, H = sizes(rng)
    mask = rng.random((B, H)) < 0.5
    mask.flat[rng.choice(mask.size, 2, replace=False)] = True, False
    h_prev, h_new = rng.uniform(-0.9, 0.9, (2, B, H))
    return h_prev, h_new, mask, number(rng, 0.1, 0.4), training


def zoneout_in_training(rng):
    return zoneout_inputs(rng, True)


def zoneout_in_evaluation(rng):
    return zoneout_inputs(rng, False)


def mask_inputs(rng):
    T, B, _, H = (int(n) for n in sizes(rng))
    u, rate = rng.random((B, H)), number(rng, 0.2, 0.4)
    u.flat[rng.choice(u.size, 2, replace=False)] = rate / 2, (1 + rate) / 2
    return u, rate, T


def blocks_and_scales(rng):
    _, G, _, H = sizes(rng)
    return rng.normal(size=(G * H, H)) / np.sqrt(H), rng.uniform(0.5, 1.5, G)


def only(k):
    """Of several results one, as an array."""

    def observe(result, rng):
        return np.asarray(result[k])

    return observe


def moments(result, rng):
    _, m, v = map(np.asarray, result)
    return m, v


def of_parameters(result, rng):
    _, dgain, dbias = map(np.asarray, result)
    return dgain, dbias


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


# ------------------------------------------------------------------------ adam_step


def adam_step(theta, g, m, v, t, lr, beta1, beta2, eps):
    state = optim.AdamState(t - 1, m, v)
    new, (_, m, v) = optim.Adam(lr, beta1, beta2, eps).update(theta, g, state)
    return new, m, v


def adam_uncorrected(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The moments are not corrected: they start at zero, and dividing by 1 - β₁ᵗ and 1 - β₂ᵗ
    makes up for it."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m, v
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_m_uncorrected(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The first moment is not corrected: it is divided by 1 - β₁ᵗ."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m, v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_v_uncorrected(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The second moment is not corrected: it is divided by 1 - β₂ᵗ."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_counts_from_zero(theta, g, m, v, t, lr, beta1, beta2, eps):
    """Steps are counted from 0 in the correction, so that the first divides by zero; t is 1 at
    the first step."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1 ** (t - 1)), v / (1 - beta2 ** (t - 1))
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_counts_ahead(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The correction is that of the next step: t already counts this one."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1 ** (t + 1)), v / (1 - beta2 ** (t + 1))
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_without_power(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The correction divides by 1 - β; it is 1 - βᵗ, which goes to 1 as training goes on."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1), v / (1 - beta2)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_times_t(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The correction has β t; it has the power βᵗ."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1 * t), v / (1 - beta2 * t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_keeps_corrected(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The corrected moments are handed on, to be corrected once more at the next step; hand on
    m' and v'."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m_hat, v_hat


def adam_eps_in_root(theta, g, m, v, t, lr, beta1, beta2, eps):
    """ε stands under the root; it is added to the root."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / np.sqrt(v_hat + eps), m, v


def adam_eps_of_another(theta, g, m, v, t, lr, beta1, beta2, eps):
    """Both corrections are moved into the learning rate, but ε stays behind: it is added to
    the root of v' and not to that of v' / (1 - β₂ᵗ)."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - rate * m / (np.sqrt(v) + eps), m, v


def adam_without_eps(theta, g, m, v, t, lr, beta1, beta2, eps):
    """ε is not added."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / np.sqrt(v_hat), m, v


def adam_without_root(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The step is divided by v̂; it is divided by its root."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (v_hat + eps), m, v


def adam_uphill(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The step goes up the gradient; a loss is to go down."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta + lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_without_lr(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The learning rate is not used."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_betas_swapped(theta, g, m, v, t, lr, beta1, beta2, eps):
    """β₁ and β₂ are swapped: β₁ belongs to m, β₂ to v."""
    beta1, beta2 = beta2, beta1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_weights_swapped(theta, g, m, v, t, lr, beta1, beta2, eps):
    """β and 1 - β are swapped: β is the share of the old moment."""
    m = (1 - beta1) * m + beta1 * g
    v = (1 - beta2) * v + beta2 * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_whole_gradient(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The gradient is added whole; it has the share 1 - β in a moment."""
    m = beta1 * m + g
    v = beta2 * v + g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_v_without_square(theta, g, m, v, t, lr, beta1, beta2, eps):
    """v averages g; it averages g²."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_v_of_m(theta, g, m, v, t, lr, beta1, beta2, eps):
    """v averages the square of m'; it averages that of g."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * m**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_v_over_entries(theta, g, m, v, t, lr, beta1, beta2, eps):
    """v is one number, the mean over all entries; each entry has its own."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * (g**2).mean()
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_old_moments(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The step is made with the moments before the update; it is made with m' and v'."""
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    new = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return new, beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2


def adam_gradient_for_m(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The step is made with g; it is made with its average, m̂."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * g / (np.sqrt(v_hat) + eps), m, v


def adam_returns_step(theta, g, m, v, t, lr, beta1, beta2, eps):
    """What is returned first is the step; it is the parameters after it."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_v_before_m(theta, g, m, v, t, lr, beta1, beta2, eps):
    """v' is returned before m'."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), v, m


def adam_in_place(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The moments are changed in place; they belong to the caller."""
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


def adam_theta_in_place(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The parameters are changed in place; they belong to the caller."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    theta -= lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta, m, v


def adam_entry_by_entry(theta, g, m, v, t, lr, beta1, beta2, eps):
    import math

    new, m, v = (np.array(a) for a in (theta, m, v))
    for at in np.ndindex(theta.shape):
        m[at] += (1 - beta1) * (g[at] - m[at])
        v[at] += (1 - beta2) * (g[at] ** 2 - v[at])
        root = math.sqrt(v[at] / (1 - beta2**t))
        new[at] -= lr * m[at] / (1 - beta1**t) / (root + eps)
    return [new.tolist(), m.tolist(), v.tolist()]


def adam_with_one_rate(theta, g, m, v, t, lr, beta1, beta2, eps):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    root = (1 - beta2**t) ** 0.5
    rate = lr * root / (1 - beta1**t)  # both corrections in the rate, and ε along with them
    return theta - rate * m / (v**0.5 + root * eps), m, v


def adam_in_float32(theta, g, m, v, t, lr, beta1, beta2, eps):
    theta, g, m, v = (np.float32(a) for a in (theta, g, m, v))
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * np.square(g)
    step = m / (1 - np.power(beta1, t)) / (np.sqrt(v / (1 - np.power(beta2, t))) + eps)
    return theta - lr * step, m, v


# ----------------------------------------------------------------------- layer_norm


def layer_norm(x, gain, bias, eps):
    return layers.forward(layers.Params(gain, bias), x, eps)


def norm_over_batch(x, gain, bias, eps):
    """Mean and variance are those of a unit over the batch, as in batch norm; they are those
    of an example over its units."""
    mean = x.mean(axis=0, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=0, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gain * x_hat + bias


def norm_over_all(x, gain, bias, eps):
    """Mean and variance are those of the whole batch; each example has its own."""
    mean = x.mean()
    var = ((x - mean) ** 2).mean()
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gain * x_hat + bias


def norm_sample_variance(x, gain, bias, eps):
    """The variance is divided by H - 1; it is the mean of the squares, divided by H."""
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, ddof=1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gain * x_hat + bias


def norm_eps_outside(x, gain, bias, eps):
    """ε is added to the root; it stands under it."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / (np.sqrt(var) + eps)
    return gain * x_hat + bias


def norm_without_eps(x, gain, bias, eps):
    """ε is not added."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var)
    return gain * x_hat + bias


def norm_without_root(x, gain, bias, eps):
    """The root is missing: what is divided by is the standard deviation."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / (var + eps)
    return gain * x_hat + bias


def norm_uncentred(x, gain, bias, eps):
    """The mean is not subtracted from what is divided."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = x / np.sqrt(var + eps)
    return gain * x_hat + bias


def norm_rms(x, gain, bias, eps):
    """No mean is subtracted anywhere; that is the norm of part 6."""
    mean = x.mean(axis=-1, keepdims=True)
    var = (x**2).mean(axis=-1, keepdims=True)
    x_hat = x / np.sqrt(var + eps)
    return gain * x_hat + bias


def norm_without_gain(x, gain, bias, eps):
    """The gain is not used."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return x_hat + bias


def norm_without_bias(x, gain, bias, eps):
    """The bias is not used."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gain * x_hat


def norm_bias_scaled(x, gain, bias, eps):
    """The gain multiplies the bias too; the bias is added last."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return gain * (x_hat + bias)


def norm_gain_first(x, gain, bias, eps):
    """The gain multiplies x before it is normalised; it multiplies what is normalised."""
    x = gain * x
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / np.sqrt(var + eps)
    return x_hat + bias


def norm_mean_deviation(x, gain, bias, eps):
    """It is divided by the mean absolute deviation; it is divided by the root of the mean
    square."""
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    x_hat = (x - mean) / (np.abs(x - mean).mean(axis=-1, keepdims=True) + eps)
    return gain * x_hat + bias


def norm_in_place(x, gain, bias, eps):
    """x is centred in place; it belongs to the caller."""
    x -= x.mean(axis=-1, keepdims=True)
    return gain * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) + bias


def norm_row_by_row(x, gain, bias, eps):
    rows = []
    for row in x:
        mean = sum(row) / len(row)
        s = (sum((one - mean) ** 2 for one in row) / len(row) + eps) ** -0.5
        rows.append([a * (one - mean) * s + c for one, a, c in zip(row, gain, bias, strict=True)])
    return rows


def norm_by_a_matrix(x, gain, bias, eps):
    H = x.shape[1]
    centred = x @ (np.eye(H) - np.ones((H, H)) / H)
    return (
        centred / np.sqrt(np.einsum("bh,bh->b", centred, centred) / H + eps)[:, None] * gain + bias
    )


def norm_in_float32(x, gain, bias, eps):
    x = x.astype(np.float32)
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) * gain + bias


# -------------------------------------------------------------- layer_norm_backward


def layer_norm_of(x, gain, bias, eps):
    """In operations that take complex numbers."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return gain * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) + bias


def layer_norm_backward(x, gain, eps, dy):
    def loss(x, gain, bias):
        return (dy * layer_norm_of(x, gain, bias, eps)).sum()

    return by_complex_step(loss, x, gain, np.zeros_like(gain))


def norm_back_constants(x, gain, eps, dy):
    """Mean and root are taken for constants; both depend on every entry of x, and pass
    gradient on."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * d, (dy * x_hat).sum(0), dy.sum(0)


def norm_back_without_mean(x, gain, eps, dy):
    """What goes back through the mean is missing: every entry of x moves it by 1/H."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_without_root(x, gain, eps, dy):
    """What goes back through the root is missing: every entry of x changes the variance."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_gain_outside(x, gain, eps, dy):
    """The gain multiplies the gradient at the end; it multiplies dy first, before the means
    over the units."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return gain * s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_without_gain(x, gain, eps, dy):
    """The gain is missing in dx: x̂ is multiplied by it on the way to y."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_without_scale(x, gain, eps, dy):
    """dx is not multiplied by 1 over the root, which x̂ has as a factor."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_scale_of_two_terms(x, gain, eps, dy):
    """What goes back through the root is not multiplied by 1 over the root; all three terms of dx
    are."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level) - x_hat * along, (dy * x_hat).sum(0), dy.sum(0)


def norm_back_divided_twice(x, gain, eps, dy):
    """dx is divided by the root twice."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_sums_for_means(x, gain, eps, dy):
    """Sums over the units stand where means must: mean and variance have the factor 1/H."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.sum(axis=-1, keepdims=True)
    along = (d * x_hat).sum(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_means_over_batch(x, gain, eps, dy):
    """The means go over the batch; each example has its own mean and variance, over its units."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=0, keepdims=True)
    along = (d * x_hat).mean(axis=0, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_signs(x, gain, eps, dy):
    """What goes back through mean and root is added; both lessen the effect of x, and are
    subtracted."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d + level + x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_root_sign(x, gain, eps, dy):
    """What goes back through the root has the wrong sign."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level + x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_root_doubled(x, gain, eps, dy):
    """What goes back through the root is doubled: the 2 of the square and the 1/2 of the root
    cancel."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - 2 * x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_without_eps(x, gain, eps, dy):
    """ε is left out."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True))
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x_hat).sum(0), dy.sum(0)


def norm_back_dgain_of_x(x, gain, eps, dy):
    """dgain is made with x; the gain multiplies x̂."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x).sum(0), dy.sum(0)


def norm_back_dgain_of_y(x, gain, eps, dy):
    """dgain contains the gain; y has it once, so its derivative does not have it."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (d * x_hat).sum(0), dy.sum(0)


def norm_back_unsummed(x, gain, eps, dy):
    """The gradients of gain and bias are not summed over the batch."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), dy * x_hat, dy


def norm_back_batch_mean(x, gain, eps, dy):
    """The gradients of gain and bias are means over the batch; they are sums."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), (dy * x_hat).mean(0), dy.mean(0)


def norm_back_swapped(x, gain, eps, dy):
    """dbias is returned before dgain."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = (x - mean) * s, gain * dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), dy.sum(0), (dy * x_hat).sum(0)


def norm_back_in_place(x, gain, eps, dy):
    """dy is multiplied by the gain in place; it belongs to the caller."""
    mean = x.mean(axis=-1, keepdims=True)
    s = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + eps)
    x_hat = (x - mean) * s
    dgain, dbias = (dy * x_hat).sum(0), dy.sum(0)
    dy *= gain
    d = dy
    level = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - level - x_hat * along), dgain, dbias


def norm_back_by_jacobians(x, gain, eps, dy):
    B, H = x.shape
    dx, dgain = np.empty((B, H)), np.zeros(H)
    for i in range(B):
        centred = x[i] - x[i].mean()
        s = (centred @ centred / H + eps) ** -0.5
        jacobian = s * (np.eye(H) - 1 / H) - s**3 * np.outer(centred, centred) / H
        dx[i] = jacobian.T @ (gain * dy[i])
        dgain += dy[i] * centred * s
    return [dx.tolist(), dgain, list(np.ones(B) @ dy)]


def norm_back_step_by_step(x, gain, eps, dy):
    H = x.shape[1]
    mean = x.sum(1, keepdims=True) / H
    centred = x - mean
    var = (centred**2).sum(1, keepdims=True) / H
    s = (var + eps) ** -0.5
    dx_hat = dy * gain
    ds = (dx_hat * centred).sum(1, keepdims=True)
    dvar = ds * -0.5 * (var + eps) ** -1.5
    dcentred = dx_hat * s + dvar * 2 * centred / H
    dmean = -dcentred.sum(1, keepdims=True)
    return dcentred + dmean / H, np.einsum("bh,bh->h", dy, centred * s), np.einsum("bh->h", dy)


def norm_back_in_float32(x, gain, eps, dy):
    x, gain, dy = (np.float32(a) for a in (x, gain, dy))
    s = 1 / np.sqrt(x.var(1, keepdims=True) + np.float32(eps))
    x_hat, d = (x - x.mean(1, keepdims=True)) * s, gain * dy
    d = d - x_hat * (d * x_hat).mean(1, keepdims=True)
    return s * (d - d.mean(1, keepdims=True)), (dy * x_hat).sum(0), dy.sum(0)


# -------------------------------------------------------------------------- zoneout


def zoneout(h_prev, h_new, mask, rate, training):
    k = mask if training else rate
    return k * h_prev + (1 - k) * h_new


def zoneout_swapped(h_prev, h_new, mask, rate, training):
    """Old and new are swapped: the rate is the share of the old state, and the mask is True
    where the old one is kept."""
    if training:
        return np.where(mask, h_new, h_prev)
    return (1 - rate) * h_prev + rate * h_new


def zoneout_mask_swapped(h_prev, h_new, mask, rate, training):
    """In training old and new are swapped: where the mask is True the old state is kept."""
    if training:
        return np.where(mask, h_new, h_prev)
    return rate * h_prev + (1 - rate) * h_new


def zoneout_mean_swapped(h_prev, h_new, mask, rate, training):
    """In evaluation old and new are swapped: the rate is the share of the old state."""
    if training:
        return np.where(mask, h_prev, h_new)
    return (1 - rate) * h_prev + rate * h_new


def zoneout_evaluates_by_mask(h_prev, h_new, mask, rate, training):
    """The mask is used in evaluation too; there the mean of all masks stands in its place."""
    return np.where(mask, h_prev, h_new)


def zoneout_evaluates_new(h_prev, h_new, mask, rate, training):
    """In evaluation the new state is taken whole, as after dropout; zoneout keeps the share
    rate of the old one, as it does on average in training."""
    if training:
        return np.where(mask, h_prev, h_new)
    return h_new.copy()


def zoneout_trains_by_mean(h_prev, h_new, mask, rate, training):
    """The mean is used in training too; there each unit is either kept or new, by the mask."""
    return rate * h_prev + (1 - rate) * h_new


def zoneout_drops(h_prev, h_new, mask, rate, training):
    """What the mask hits is set to zero, as in dropout; in zoneout it keeps the old state."""
    if training:
        return np.where(mask, 0, h_new)
    return rate * h_prev + (1 - rate) * h_new


def zoneout_scales(h_prev, h_new, mask, rate, training):
    """The new state is divided by 1 - rate, as in dropout; zoneout scales nothing."""
    if training:
        return np.where(mask, h_prev, h_new / (1 - rate))
    return rate * h_prev + (1 - rate) * h_new


def zoneout_scales_both(h_prev, h_new, mask, rate, training):
    """In training both states are divided by 1 - rate, as in dropout; zoneout scales nothing."""
    if training:
        return np.where(mask, h_prev, h_new) / (1 - rate)
    return rate * h_prev + (1 - rate) * h_new


def zoneout_scales_old_and_new(h_prev, h_new, mask, rate, training):
    """In training the shares of the mean stand beside the mask; there each unit is either kept
    or new, unscaled."""
    if training:
        return np.where(mask, rate * h_prev, (1 - rate) * h_new)
    return rate * h_prev + (1 - rate) * h_new


def zoneout_flag_reversed(h_prev, h_new, mask, rate, training):
    """Training and evaluation are swapped."""
    if not training:
        return np.where(mask, h_prev, h_new)
    return rate * h_prev + (1 - rate) * h_new


def zoneout_adds(h_prev, h_new, mask, rate, training):
    """The old state is added to the new one; it takes its place."""
    if training:
        return h_new + mask * h_prev
    return rate * h_prev + (1 - rate) * h_new


def zoneout_in_place(h_prev, h_new, mask, rate, training):
    """The old state is written into h_new, which belongs to the caller."""
    if training:
        h_new[mask] = h_prev[mask]
    return h_new
    return rate * h_prev + (1 - rate) * h_new


def zoneout_unit_by_unit(h_prev, h_new, mask, rate, training):
    out = []
    for old, new, kept in zip(h_prev, h_new, mask, strict=True):
        row = []
        for o, n, k in zip(old, new, kept, strict=True):
            row.append((o if k else n) if training else n + rate * (o - n))
        out.append(row)
    return out


def zoneout_on_a_copy(h_prev, h_new, mask, rate, training):
    h = np.array(h_new)
    if training:
        h[mask] = h_prev[mask]
    else:
        h += rate * (h_prev - h)
    return h


def zoneout_in_float32(h_prev, h_new, mask, rate, training):
    k = mask.astype(np.float32) if training else np.float32(rate)
    return k * np.float32(h_prev) + (1 - k) * np.float32(h_new)


# ----------------------------------------------------------------- variational_mask


def variational_mask(u, rate, T):
    return np.tile(dropout.mask(u, rate), (T, 1, 1))


def mask_unscaled(u, rate, T):
    """What is kept is 1; it is 1 / (1 - rate), so that the mean of the mask is 1."""
    m = (u >= rate).astype(float)
    return np.repeat(m[None], T, axis=0)


def mask_scaled_by_rate(u, rate, T):
    """What is kept is 1 / rate; it is 1 / (1 - rate), as the share 1 - rate is kept."""
    m = (u >= rate) / rate
    return np.repeat(m[None], T, axis=0)


def mask_times_kept(u, rate, T):
    """What is kept is multiplied by 1 - rate; it is divided by it."""
    m = (u >= rate) * (1 - rate)
    return np.repeat(m[None], T, axis=0)


def mask_dropped_kept(u, rate, T):
    """What should be dropped is kept: the rate is the probability to drop."""
    m = (u < rate) / (1 - rate)
    return np.repeat(m[None], T, axis=0)


def mask_rate_keeps(u, rate, T):
    """The rate is taken for the probability to keep; it is that to drop."""
    m = (u < rate) / rate
    return np.repeat(m[None], T, axis=0)


def mask_one_step(u, rate, T):
    """The mask is that of one step, (B, H); it is repeated for all T steps."""
    m = (u >= rate) / (1 - rate)
    return m


def mask_batch_first(u, rate, T):
    """The batch stands on the first axis; time comes first."""
    m = (u >= rate) / (1 - rate)
    return np.repeat(m[:, None], T, axis=1)


def mask_time_last(u, rate, T):
    """Time stands on the last axis; it comes first."""
    m = (u >= rate) / (1 - rate)
    return np.repeat(m[:, :, None], T, axis=2)


def mask_one_example(u, rate, T):
    """All examples share the mask of the first one; each has its own."""
    m = (u >= rate) / (1 - rate)
    return np.broadcast_to(m[0], (T, *m.shape)).copy()


def mask_share_kept(u, rate, T):
    """What is kept is divided by the share that happened to be kept; it is divided by 1 -
    rate, whatever was drawn."""
    m = (u >= rate) / (u >= rate).mean()
    return np.repeat(m[None], T, axis=0)


def mask_soft(u, rate, T):
    """The numbers u themselves are the mask; they decide between 0 and 1 / (1 - rate)."""
    m = np.where(u >= rate, u, 0) / (1 - rate)
    return np.repeat(m[None], T, axis=0)


def mask_shifts(u, rate, T):
    """The mask is another one at each step; a unit that is dropped at one step is dropped at
    all."""
    m = (u >= rate) / (1 - rate)
    return np.stack([np.roll(m, t) for t in range(T)])


def mask_in_place(u, rate, T):
    """The mask is written into u, which belongs to the caller."""
    u[:] = (u >= rate) / (1 - rate)
    m = u
    return np.repeat(m[None], T, axis=0)


def mask_by_broadcasting(u, rate, T):
    return np.broadcast_to(np.where(u < rate, 0.0, 1 / (1 - rate)), (T, *u.shape))


def mask_as_lists(u, rate, T):
    one = [[0 if number < rate else 1 / (1 - rate) for number in row] for row in u]
    return [one] * T


def mask_in_float32(u, rate, T):
    m = np.ones((T, *u.shape), dtype=np.float32)
    m[:, u < rate] = 0
    return m / np.float32(1 - rate)


# ---------------------------------------------------------------- rms_norm_backward


def rms_norm(x, gain, eps):
    """In operations that take complex numbers."""
    return gain * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)


def rms_norm_backward(x, gain, eps, dy):
    return by_complex_step(lambda x, gain: (dy * rms_norm(x, gain, eps)).sum(), x, gain)


def rms_constant(x, gain, eps, dy):
    """The root is taken for a constant; every entry of x is in it, and each passes gradient
    on."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * d, (dy * x_hat).sum((0, 1))


def rms_of_layer_norm(x, gain, eps, dy):
    """A mean is subtracted that belongs to layer norm; here no mean is subtracted on the way
    forward, so nothing comes back through one."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - d.mean(axis=-1, keepdims=True) - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_sum_for_mean(x, gain, eps, dy):
    """A sum over the units stands where the mean must: the mean square has the factor 1/H."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).sum(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_root_of_sum(x, gain, eps, dy):
    """The root is that of the sum of the squares; it is that of their mean, with the factor 1/H."""
    s = 1 / np.sqrt((x**2).sum(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).sum(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_mean_over_batch(x, gain, eps, dy):
    """The mean goes over the batch; each example has its own root, over its units."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_mean_over_time(x, gain, eps, dy):
    """The mean goes over the steps; each step has its own root, over its units."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=0, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_own_entry(x, gain, eps, dy):
    """Only the entry's own share of the root comes back; each entry of x is in the root of all
    entries, so a mean over the units comes back."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = d * x_hat / x.shape[-1]
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_gain_outside(x, gain, eps, dy):
    """The gain multiplies the gradient at the end; it multiplies dy first, before the mean
    over the units."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return gain * s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_without_gain(x, gain, eps, dy):
    """The gain is missing in dx: x̂ is multiplied by it on the way to y."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_without_scale(x, gain, eps, dy):
    """dx is not multiplied by 1 over the root, which x̂ has as a factor."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_x_for_x_hat(x, gain, eps, dy):
    """x stands where x̂ must in what comes back through the root."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x).mean(axis=-1, keepdims=True)
    return s * (d - x * along), (dy * x_hat).sum((0, 1))


def rms_one_x_for_x_hat(x, gain, eps, dy):
    """In what comes back through the root x̂ stands once and x once; with s in front, x̂
    stands twice."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x * along), (dy * x_hat).sum((0, 1))


def rms_doubled(x, gain, eps, dy):
    """What comes back through the root is doubled: the 2 of the square and the 1/2 of the root
    cancel."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - 2 * x_hat * along), (dy * x_hat).sum((0, 1))


def rms_halved(x, gain, eps, dy):
    """What comes back through the root is halved: the 2 of the square and the 1/2 of the root
    cancel."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - 0.5 * x_hat * along), (dy * x_hat).sum((0, 1))


def rms_sign(x, gain, eps, dy):
    """What comes back through the root has the wrong sign: a larger x makes the root larger
    and x̂ smaller."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d + x_hat * along), (dy * x_hat).sum((0, 1))


def rms_without_eps(x, gain, eps, dy):
    """ε is left out."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True))
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum((0, 1))


def rms_dgain_of_x(x, gain, eps, dy):
    """dgain is made with x; the gain multiplies x̂."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x).sum((0, 1))


def rms_dgain_of_y(x, gain, eps, dy):
    """dgain contains the gain; y has it once, so its derivative does not have it."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (d * x_hat).sum((0, 1))


def rms_dgain_over_batch(x, gain, eps, dy):
    """dgain is summed over one of the two axes; one gain serves all steps and all examples."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum(0)


def rms_dgain_over_time(x, gain, eps, dy):
    """dgain is summed over one of the two axes; one gain serves all steps and all examples."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).sum(1)


def rms_dgain_mean(x, gain, eps, dy):
    """dgain is a mean over steps and examples; it is a sum."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat, d = x * s, gain * dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), (dy * x_hat).mean((0, 1))


def rms_in_place(x, gain, eps, dy):
    """dy is multiplied by the gain in place; it belongs to the caller."""
    s = 1 / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = x * s
    dgain = (dy * x_hat).sum((0, 1))
    dy *= gain
    d = dy
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    return s * (d - x_hat * along), dgain


def rms_by_jacobians(x, gain, eps, dy):
    H = x.shape[-1]
    dx, dgain = np.empty(x.shape), np.zeros(H)
    for at in np.ndindex(x.shape[:-1]):
        root = np.sqrt(x[at] @ x[at] / H + eps)
        jacobian = np.eye(H) / root - np.outer(x[at], x[at]) / (H * root**3)
        dx[at] = jacobian.T @ (gain * dy[at])
        dgain += dy[at] * x[at] / root
    return [dx, list(dgain)]


def rms_step_by_step(x, gain, eps, dy):
    H = x.shape[-1]
    square = np.einsum("...h,...h->...", x, x)[..., None] / H + eps
    dx_hat = dy * gain
    dsquare = (dx_hat * x).sum(-1, keepdims=True) * -0.5 * square**-1.5
    dx = dx_hat * square**-0.5
    dx += dsquare * 2 * x / H
    return dx, np.einsum("tbh,tbh->h", dy, x * square**-0.5)


def rms_in_float32(x, gain, eps, dy):
    shape, H = x.shape, x.shape[-1]
    x, gain, dy = (np.float32(a).reshape(-1, H) for a in (x, gain, dy))
    s = 1 / np.sqrt(np.square(x).mean(1, keepdims=True) + np.float32(eps))
    d = s * gain * dy
    dx = d - x * s**2 * (d * x).mean(1, keepdims=True)
    return dx.reshape(shape), (dy * x * s).sum(0)


# ------------------------------------------------------------ orthogonality_penalty


def penalty(W_h, s):
    """In operations that take complex numbers."""
    H, loss = W_h.shape[1], 0
    for k in range(len(s)):
        W = W_h[k * H : (k + 1) * H]
        loss = loss + ((W.T @ W - s[k] ** 2 * np.eye(H)) ** 2).sum()
    return loss


def orthogonality_penalty(W_h, s):
    return penalty(W_h, s), *by_complex_step(penalty, W_h, s)


def orthogonality_s_unsquared(W_h, s):
    """s stands where s² must: a block that multiplies all lengths by s has WᵀW = s² I."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -2 * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_one_product(W_h, s):
    """The product is that of the whole W_h, which adds up the blocks; each block has a product
    and a scale of its own."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = (W_h.T @ W_h - (s**2).sum() * np.eye(H))[None]
    loss = (E**2).sum()
    dW_h = 4 * W_h @ E[0]
    ds = -4 * s * np.trace(E[0])
    return loss, dW_h, ds


def orthogonality_root(W_h, s):
    """The loss is the norm; it is the square of the norm."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = np.sqrt((E**2).sum(axis=(1, 2))).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_mean(W_h, s):
    """The loss is a mean over entries; it is the sum of all squares."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).mean()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h / E.size, ds / E.size


def orthogonality_quarter(W_h, s):
    """Everything is a quarter of what is asked; here no factor stands before the norm."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss / 4, dW_h / 4, ds / 4


def orthogonality_diagonal(W_h, s):
    """Only the diagonal of WᵀW - s² I is penalised: columns then have length s, but need not
    be orthogonal."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    E = E * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_spectral(W_h, s):
    """The norm is the largest singular value; ‖·‖² is the sum of the squares of all entries."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = sum(np.linalg.norm(e, 2) ** 2 for e in E)
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_loss_per_block(W_h, s):
    """The loss is one number per block; it is their sum."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum(axis=(1, 2))
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_factor_two(W_h, s):
    """dW_h has the factor 2: the square gives a 2, and W stands in WᵀW twice, which gives
    another."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 2 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_no_factor(W_h, s):
    """dW_h has lost its factor: the square gives a 2, and W stands in WᵀW twice, which gives
    another."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_order(W_h, s):
    """The factors of dW_h are in the wrong order: W comes first, then WᵀW - s² I."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (E @ W).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_transposed(W_h, s):
    """dW_h is transposed, block by block."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * np.transpose(W @ E, (0, 2, 1)).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_W_transposed(W_h, s):
    """dW_h is made with Wᵀ in the place of W."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (np.transpose(W, (0, 2, 1)) @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_dW_sign(W_h, s):
    """dW_h has the wrong sign."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = -4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_ds_sign(W_h, s):
    """ds has the wrong sign: s² is subtracted."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = 4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_ds_of_square(W_h, s):
    """ds is the derivative by s²; by s there is a further factor, 2 s."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -2 * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_ds_half(W_h, s):
    """ds has the factor 2 s; the square gives a 2, and s² another."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -2 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_ds_all_entries(W_h, s):
    """ds adds up all entries; s² stands on the diagonal alone, so it is the trace."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * E.sum(axis=(1, 2))
    return loss, dW_h, ds


def orthogonality_ds_together(W_h, s):
    """All blocks get one ds; each block has a scale of its own."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2).sum()
    return loss, dW_h, ds


def orthogonality_ds_zero(W_h, s):
    """s is taken for a constant; it is learned too."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = np.zeros_like(s)
    return loss, dW_h, ds


def orthogonality_without_s(W_h, s):
    """s is not used: the blocks are drawn towards length 1."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = 0 * s
    return loss, dW_h, ds


def orthogonality_interleaved(W_h, s):
    """The rows are dealt out to the blocks in turn; the first H rows are the first block."""
    H = W_h.shape[1]
    W = np.stack([W_h[k :: len(s)] for k in range(len(s))])
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * np.stack(list(W @ E), axis=1).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    return loss, dW_h, ds


def orthogonality_in_place(W_h, s):
    """W_h is changed in place; it belongs to the caller."""
    H = W_h.shape[1]
    W = W_h.reshape(-1, H, H)
    E = np.transpose(W, (0, 2, 1)) @ W - s[:, None, None] ** 2 * np.eye(H)
    loss = (E**2).sum()
    dW_h = 4 * (W @ E).reshape(-1, H)
    ds = -4 * s * np.trace(E, axis1=1, axis2=2)
    W_h -= 0.01 * dW_h
    return loss, dW_h, ds


def orthogonality_block_by_block(W_h, s):
    H, loss, dW_h, ds = W_h.shape[1], 0.0, [], []
    for W, scale in zip(np.split(W_h, len(s)), s, strict=True):
        E = W @ W.T - scale**2 * np.eye(H)  # of a square W, W Wᵀ does as well
        loss += np.sum(E * E)
        dW_h.extend((4 * E @ W).tolist())
        ds.append(-4 * scale * sum(E[j, j] for j in range(H)))
    return [loss, dW_h, ds]


def orthogonality_by_singular_values(W_h, s):
    H = W_h.shape[1]
    U, sigma, Vt = np.linalg.svd(W_h.reshape(len(s), H, H))
    excess = sigma**2 - s[:, None] ** 2
    dW = U * (4 * sigma * excess)[:, None, :] @ Vt
    return np.sum(excess**2), dW.reshape(W_h.shape), -4 * s * excess.sum(axis=1)


def orthogonality_by_einsum(W_h, s):
    H = W_h.shape[1]
    W = W_h.astype(np.float32).reshape(-1, H, H)
    E = np.einsum("kij,kil->kjl", W, W)
    E[:, range(H), range(H)] -= np.float32(s)[:, None] ** 2
    dW = np.einsum("kij,kjl->kil", W, E) + np.einsum("kij,klj->kil", W, E)
    ds = np.einsum("k,kjj->k", -4 * s, E)
    return np.einsum("kij,kij->", E, E), 2 * np.concatenate(dW), ds


# ------------------------------------------------------------------------ the table


GRADED = (
    Graded(
        name="adam_step",
        reference=adam_step,
        parts=(
            Part("adam_step-check-moments", 5, adam_inputs, moments),
            Part("adam_step-check-parameters", 10, adam_inputs, only(0)),
        ),
        misconceptions=(
            adam_uncorrected,
            adam_m_uncorrected,
            adam_v_uncorrected,
            adam_counts_from_zero,
            adam_counts_ahead,
            adam_without_power,
            adam_times_t,
            adam_keeps_corrected,
            adam_eps_in_root,
            adam_eps_of_another,
            adam_without_eps,
            adam_without_root,
            adam_uphill,
            adam_without_lr,
            adam_betas_swapped,
            adam_weights_swapped,
            adam_whole_gradient,
            adam_v_without_square,
            adam_v_of_m,
            adam_v_over_entries,
            adam_old_moments,
            adam_gradient_for_m,
            adam_returns_step,
            adam_v_before_m,
            adam_in_place,
            adam_theta_in_place,
        ),
        alternatives=(
            adam_entry_by_entry,
            adam_with_one_rate,
            adam_in_float32,
        ),
        says={
            adam_uncorrected: "the moments must be divided by 1 - beta**t",
            adam_m_uncorrected: "m' must be divided by 1 - beta1**t",
            adam_v_uncorrected: "v' must be divided by 1 - beta2**t",
            adam_counts_from_zero: "t is 1 at the first step, so beta**t and not beta**(t - 1)",
            adam_counts_ahead: "t already counts this step: beta**t, not beta**(t + 1)",
            adam_without_power: "it is 1 - beta**t, with a power",
            adam_times_t: "something is divided by 0, or a root is taken of a negative number",
            adam_keeps_corrected: "this is m' divided by 1 - beta1**t; hand on m' itself",
            adam_eps_in_root: "eps is added to the root, not under it",
            adam_without_eps: "eps is missing",
            adam_without_root: "the root is missing",
            adam_uphill: "the step goes uphill",
            adam_without_lr: "the learning rate is missing",
            adam_betas_swapped: "beta1 belongs to m, beta2 to v",
            adam_weights_swapped: "beta1 is the share of the old m, 1 - beta1 that of g",
            adam_whole_gradient: "g has the share 1 - beta1",
            adam_v_without_square: "v averages g², not g",
            adam_v_of_m: "v averages the square of g, not of m'",
            adam_v_over_entries: "each entry has a v of its own",
            adam_old_moments: "these are the moments before the update; take m' and v'",
            adam_gradient_for_m: "the step is made with the average m', not with g",
            adam_returns_step: "this is the step; return theta minus it",
            adam_v_before_m: "this is v'; m' comes first",
            adam_in_place: "adam_step changes m in place",
            adam_theta_in_place: "adam_step changes theta in place",
            adam_eps_of_another: "not to that of v'",
        },
    ),
    Graded(
        name="layer_norm",
        reference=layer_norm,
        parts=(Part("layer_norm-check", 8, norm_inputs),),
        misconceptions=(
            norm_over_batch,
            norm_over_all,
            norm_sample_variance,
            norm_eps_outside,
            norm_without_eps,
            norm_without_root,
            norm_uncentred,
            norm_rms,
            norm_without_gain,
            norm_without_bias,
            norm_bias_scaled,
            norm_gain_first,
            norm_mean_deviation,
            norm_in_place,
        ),
        alternatives=(
            norm_row_by_row,
            norm_by_a_matrix,
            norm_in_float32,
        ),
        says={
            norm_over_batch: "mean and variance are over the units of an example, not over the batch",
            norm_over_all: "each example has a mean and a variance of its own",
            norm_sample_variance: "the variance has the factor 1/H, not 1/(H - 1)",
            norm_eps_outside: "eps stands under the root",
            norm_without_eps: "eps is missing",
            norm_without_root: "the root is missing",
            norm_uncentred: "the mean is not subtracted",
            norm_rms: "no mean is subtracted; that is the norm of part 6",
            norm_without_gain: "the gain is missing",
            norm_without_bias: "the bias is missing",
            norm_bias_scaled: "the bias is added last, so the gain does not multiply it",
            norm_gain_first: "the gain multiplies what is normalised, not x",
            norm_mean_deviation: "it must be 1: divide by the root of the mean square",
            norm_in_place: "layer_norm changes x in place",
        },
    ),
    Graded(
        name="layer_norm_backward",
        reference=layer_norm_backward,
        parts=(
            Part(
                "layer_norm_backward-check-parameters", 5, norm_inputs_and_cotangent, of_parameters
            ),
            Part("layer_norm_backward-check-inputs", 10, norm_inputs_and_cotangent, only(0)),
        ),
        misconceptions=(
            norm_back_constants,
            norm_back_without_mean,
            norm_back_without_root,
            norm_back_gain_outside,
            norm_back_without_gain,
            norm_back_without_scale,
            norm_back_scale_of_two_terms,
            norm_back_divided_twice,
            norm_back_sums_for_means,
            norm_back_means_over_batch,
            norm_back_signs,
            norm_back_root_sign,
            norm_back_root_doubled,
            norm_back_without_eps,
            norm_back_dgain_of_x,
            norm_back_dgain_of_y,
            norm_back_unsummed,
            norm_back_batch_mean,
            norm_back_swapped,
            norm_back_in_place,
        ),
        alternatives=(
            norm_back_by_jacobians,
            norm_back_step_by_step,
            norm_back_in_float32,
        ),
        says={
            norm_back_constants: "mean and root are no constants: each depends on every entry of x",
            norm_back_without_mean: "what goes back through the mean is missing",
            norm_back_without_root: "what goes back through the root is missing",
            norm_back_gain_outside: "the gain multiplies dy first, before the means over the units",
            norm_back_without_gain: "the gain is missing",
            norm_back_without_scale: "the factor s is missing",
            norm_back_scale_of_two_terms: "s stands in front of all three terms",
            norm_back_divided_twice: "the factor s is there twice",
            norm_back_sums_for_means: "mean and variance have the factor 1/H: means, not sums",
            norm_back_means_over_batch: "the means are over the units, not over the batch",
            norm_back_signs: "mean and root lessen the effect of x: both terms are subtracted",
            norm_back_root_sign: "what goes back through the root has the wrong sign",
            norm_back_root_doubled: "the 2 of the square and the 1/2 of the root cancel",
            norm_back_without_eps: "eps is missing in x̂",
            norm_back_dgain_of_x: "the gain multiplies x̂, not x",
            norm_back_dgain_of_y: "y has the gain once, so its derivative does not have it",
            norm_back_unsummed: "dgain has shape (2, 4), expected (4,): sum over the other axes",
            norm_back_batch_mean: "sum over the batch, do not average",
            norm_back_swapped: "this is dbias; dgain comes first",
            norm_back_in_place: "layer_norm_backward changes dy in place",
        },
    ),
    Graded(
        name="zoneout",
        reference=zoneout,
        parts=(
            Part("zoneout-check-training", 4, zoneout_in_training),
            Part("zoneout-check-evaluation", 4, zoneout_in_evaluation),
        ),
        misconceptions=(
            zoneout_swapped,
            zoneout_mask_swapped,
            zoneout_mean_swapped,
            zoneout_evaluates_by_mask,
            zoneout_evaluates_new,
            zoneout_trains_by_mean,
            zoneout_drops,
            zoneout_scales,
            zoneout_scales_both,
            zoneout_scales_old_and_new,
            zoneout_flag_reversed,
            zoneout_adds,
            zoneout_in_place,
        ),
        alternatives=(
            zoneout_unit_by_unit,
            zoneout_on_a_copy,
            zoneout_in_float32,
        ),
        says={
            zoneout_swapped: "True keeps the old state",
            zoneout_mask_swapped: "True keeps the old state",
            zoneout_mean_swapped: "rate is the share of the old state",
            zoneout_evaluates_by_mask: "the mask is not used in evaluation",
            zoneout_evaluates_new: "the old state has the share rate",
            zoneout_trains_by_mean: "in training each unit is either kept or new",
            zoneout_drops: "a unit is kept, not dropped",
            zoneout_scales: "nothing is scaled",
            zoneout_scales_both: "nothing is scaled",
            zoneout_scales_old_and_new: "nothing is scaled",
            zoneout_flag_reversed: "in training each unit is either kept or new",
            zoneout_adds: "the old state takes the place of the new one",
            zoneout_in_place: "zoneout changes h_new in place",
        },
    ),
    Graded(
        name="variational_mask",
        reference=variational_mask,
        parts=(Part("variational_mask-check", 7, mask_inputs),),
        misconceptions=(
            mask_unscaled,
            mask_scaled_by_rate,
            mask_times_kept,
            mask_dropped_kept,
            mask_rate_keeps,
            mask_one_step,
            mask_batch_first,
            mask_time_last,
            mask_one_example,
            mask_share_kept,
            mask_soft,
            mask_shifts,
            mask_in_place,
        ),
        alternatives=(
            mask_by_broadcasting,
            mask_as_lists,
            mask_in_float32,
        ),
        says={
            mask_unscaled: "what is kept is 1 / (1 - rate)",
            mask_scaled_by_rate: "what is kept is 1 / (1 - rate)",
            mask_times_kept: "divide by 1 - rate",
            mask_dropped_kept: "below the rate is dropped, the rest is kept",
            mask_rate_keeps: "the rate is the probability to drop",
            mask_one_step: "the mask has shape (1, 3), expected (2, 1, 3): it is repeated for all T steps",
            mask_batch_first: "the mask has shape (1, 2, 3), expected (2, 1, 3): time comes first, then the batch",
            mask_time_last: "the mask has shape (1, 3, 2), expected (2, 1, 3): time comes first, then the batch",
            mask_one_example: "it is that of its own row of u, whatever the others are",
            mask_share_kept: "divide by 1 - rate, whatever was drawn",
            mask_soft: "u only decides between 0 and 1 / (1 - rate)",
            mask_shifts: "the mask is the same at all steps",
            mask_in_place: "variational_mask changes u in place",
        },
    ),
    Graded(
        name="rms_norm_backward",
        reference=rms_norm_backward,
        parts=(
            Part("rms_norm_backward-check-gain", 5, rms_inputs_and_cotangent, only(1)),
            Part("rms_norm_backward-check-inputs", 15, rms_inputs_and_cotangent, only(0)),
        ),
        misconceptions=(
            rms_constant,
            rms_of_layer_norm,
            rms_sum_for_mean,
            rms_root_of_sum,
            rms_mean_over_batch,
            rms_mean_over_time,
            rms_own_entry,
            rms_gain_outside,
            rms_without_gain,
            rms_without_scale,
            rms_x_for_x_hat,
            rms_one_x_for_x_hat,
            rms_doubled,
            rms_halved,
            rms_sign,
            rms_without_eps,
            rms_dgain_of_x,
            rms_dgain_of_y,
            rms_dgain_over_batch,
            rms_dgain_over_time,
            rms_dgain_mean,
            rms_in_place,
        ),
        alternatives=(
            rms_by_jacobians,
            rms_step_by_step,
            rms_in_float32,
        ),
        says={
            rms_constant: "the root is no constant: every entry of x is in it",
            rms_of_layer_norm: "no mean is subtracted on the way forward, so none comes back",
            rms_root_of_sum: "the root is of the mean, not of the sum",
            rms_sum_for_mean: "the mean square has the factor 1/H",
            rms_mean_over_batch: "the mean is over the units, not over the batch",
            rms_mean_over_time: "the mean is over the units, not over the steps",
            rms_own_entry: "each entry of x is in the root of all entries, not of its own alone",
            rms_gain_outside: "the gain multiplies dy first, before the mean over the units",
            rms_without_gain: "the gain is missing",
            rms_without_scale: "the factor s is missing",
            rms_x_for_x_hat: "x stands where x̂ must",
            rms_one_x_for_x_hat: "of the three factors s one is missing",
            rms_doubled: "the 2 of the square and the 1/2 of the root cancel",
            rms_halved: "the 2 of the square and the 1/2 of the root cancel",
            rms_sign: "a larger x makes x̂ smaller by way of the root: subtract",
            rms_without_eps: "eps is missing in x̂",
            rms_dgain_of_x: "the gain multiplies x̂, not x",
            rms_dgain_of_y: "y has the gain once, so its derivative does not have it",
            rms_dgain_over_batch: "dgain has shape (1, 4), expected (4,): sum over the other axes",
            rms_dgain_over_time: "dgain has shape (2, 4), expected (4,): sum over the other axes",
            rms_dgain_mean: "sum over steps and examples, do not average",
            rms_in_place: "rms_norm_backward changes dy in place",
        },
    ),
    Graded(
        name="orthogonality_penalty",
        reference=orthogonality_penalty,
        parts=(
            Part("orthogonality_penalty-check-loss", 7, blocks_and_scales, only(0)),
            Part("orthogonality_penalty-check-weights", 12, blocks_and_scales, only(1)),
            Part("orthogonality_penalty-check-scales", 8, blocks_and_scales, only(2)),
        ),
        misconceptions=(
            orthogonality_s_unsquared,
            orthogonality_one_product,
            orthogonality_root,
            orthogonality_mean,
            orthogonality_quarter,
            orthogonality_diagonal,
            orthogonality_spectral,
            orthogonality_loss_per_block,
            orthogonality_factor_two,
            orthogonality_no_factor,
            orthogonality_order,
            orthogonality_transposed,
            orthogonality_W_transposed,
            orthogonality_dW_sign,
            orthogonality_ds_sign,
            orthogonality_ds_of_square,
            orthogonality_ds_half,
            orthogonality_ds_all_entries,
            orthogonality_ds_together,
            orthogonality_ds_zero,
            orthogonality_without_s,
            orthogonality_interleaved,
            orthogonality_in_place,
        ),
        alternatives=(
            orthogonality_block_by_block,
            orthogonality_by_singular_values,
            orthogonality_by_einsum,
        ),
        says={
            orthogonality_s_unsquared: "s stands where s² must",
            orthogonality_one_product: "each block has a product of its own",
            orthogonality_root: "this is the norm, not its square",
            orthogonality_mean: "it is the sum of all squares, not their mean",
            orthogonality_quarter: "there is no factor in front",
            orthogonality_diagonal: "all entries of E count, not the diagonal alone",
            orthogonality_spectral: "the norm is that of all entries, not the largest singular value",
            orthogonality_loss_per_block: "loss has shape (2,), expected (): sum over the other axes",
            orthogonality_factor_two: "W stands in WᵀW twice",
            orthogonality_no_factor: "the square gives a 2, and W stands in WᵀW twice",
            orthogonality_order: "the factors are in the wrong order",
            orthogonality_transposed: "the blocks are transposed",
            orthogonality_W_transposed: "it is W, not Wᵀ",
            orthogonality_dW_sign: "the sign is wrong",
            orthogonality_ds_sign: "the sign is wrong: s² is subtracted",
            orthogonality_ds_of_square: "this is the derivative by s²",
            orthogonality_ds_half: "the square gives a 2, and s² another",
            orthogonality_ds_all_entries: "s² is on the diagonal alone: the trace",
            orthogonality_ds_together: "a trace for each",
            orthogonality_ds_zero: "s is learned too",
            orthogonality_without_s: "s is missing",
            orthogonality_interleaved: "the first H rows are the first block",
            orthogonality_in_place: "orthogonality_penalty changes W_h in place",
        },
    ),
)
