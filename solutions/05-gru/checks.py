"""What assignment 05-gru grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it. The gradient
of the step with one gate is decided against the complex step of that step; what `to_torch` returns
is decided by what `torch.nn.GRU` makes of it.
"""

import numpy as np
import torch

from rnnlib.grading.table import Graded, Part
from rnnlib.reference import gru, gru_cho
from rnnlib.reference.ops import sigmoid

# ---------------------------------------------------------------------------- inputs


def sizes(rng):
    """B, D, H ≥ 2, all different, so that no shape can stand in for another."""
    return rng.permutation([2, 3, 4, 5])[:3]


def gated_inputs(rng, rows):
    """Of a cell whose W_x, W_h and b have `rows(H)` rows."""
    B, D, H = sizes(rng)
    W_x, W_h, b = (rng.normal(size=(rows(H), *size)) for size in [(D,), (H,), ()])
    b_n = rng.uniform(0.5, 1.0, H) * rng.choice([-1, 1], H)
    return (
        0.7 * W_x,
        0.9 * W_h,
        0.5 * b,
        b_n,
        rng.normal(size=(B, D)),
        rng.uniform(-0.9, 0.9, (B, H)),
    )


def gru_inputs(rng):
    return gated_inputs(rng, lambda H: 3 * H)


def gru_inputs_without_recurrent_candidate(rng):
    """The candidate reads the input alone, so that the reset gate has nothing to act on."""
    W_x, W_h, b, b_n, x, h = gru_inputs(rng)
    W_h[2 * len(b_n) :] = 0
    return W_x, W_h, b, 0 * b_n, x, h


def cho_inputs(rng):
    W_x, W_h, b, _, x, h = gru_inputs(rng)
    return W_x, W_h, b, x, h


def cho_inputs_without_recurrent_candidate(rng):
    W_x, W_h, b, _, x, h = gru_inputs_without_recurrent_candidate(rng)
    return W_x, W_h, b, x, h


def gru_weights(rng):
    W_x, W_h, b, _, _, _ = gru_inputs(rng)
    return W_x, W_h, b


def gru_weights_and_b_n(rng):
    return gru_inputs(rng)[:4]


def scalar_inputs(rng):
    return gated_inputs(rng, lambda H: 2 * H + 1)


def scalar_inputs_without_recurrent_candidate(rng):
    W_x, W_h, b, b_n, x, h = scalar_inputs(rng)
    W_h[len(b_n) + 1 :] = 0
    return W_x, W_h, b, 0 * b_n, x, h


def scalar_inputs_and_cotangent(rng):
    *args, h = scalar_inputs(rng)
    return *args, h, rng.normal(size=h.shape)


# --------------------------------------------------------------------- what is observed


def real(array, *shape):
    """An array of real numbers, of this shape."""
    array = np.asarray(array)
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise ValueError(f"no real array {shape}")
    return array.astype(float)


def in_torch(result, rng, T=4, B=3):
    """What torch's own GRU makes of the arrays: all its states on random inputs."""
    weight_ih, weight_hh, bias_ih, bias_hh = result
    H, D = np.shape(weight_hh)[1], np.shape(weight_ih)[1]
    arrays = [
        real(weight_ih, 3 * H, D),
        real(weight_hh, 3 * H, H),
        real(bias_ih, 3 * H),
        real(bias_hh, 3 * H),
    ]
    xs, h0 = (rng.normal(size=(n, B, size)) for n, size in [(T, D), (1, H)])
    layer = torch.nn.GRU(D, H, dtype=torch.float64)
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
        hs, _ = layer(torch.from_numpy(xs), torch.from_numpy(h0))
    return hs.numpy()


def of_candidate(result, rng):
    """Gradients of the rows of r and n, and of b_n."""
    dW_x, dW_h, db, db_n, _, _ = map(np.asarray, result)
    return *(a[np.arange(len(a)) != len(db) // 2] for a in (dW_x, dW_h, db)), db_n


def of_gate(result, rng):
    """Gradients of the row of z, as arrays of one row; of none if they are too short for it."""
    dW_x, dW_h, db, _, _, _ = map(np.asarray, result)
    return tuple(a[len(db) // 2 :][:1] for a in (dW_x, dW_h, db))


def of_inputs(result, rng):
    _, _, _, _, dx, dh_prev = map(np.asarray, result)
    return dx, dh_prev


# ------------------------------------------------------------------------- gru_step


def gru_step(W_x, W_h, b, b_n, x, h):
    state, _ = gru.step(gru.Params(W_x, W_h, b, b_n), x, gru.State(h))
    return state.h


def gru_swapped(W_x, W_h, b, b_n, x, h):
    """z and 1 - z are swapped: z multiplies h, so that z near 1 keeps, and 1 - z multiplies n."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return z * n + (1 - z) * h


def gru_blocks_z_first(W_x, W_h, b, b_n, x, h):
    """The blocks of r and z are swapped: the rows come in the order r, z, n."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_z, a_r, a_n), (u_z, u_r, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_reset_before(W_x, W_h, b, b_n, x, h):
    """The reset gate multiplies h before the product with W_n, as in Cho's form; here it
    multiplies the product and b_n."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + (r * h) @ W_h[2 * len(b_n) :].T + b_n)
    return (1 - z) * n + z * h


def gru_reset_before_with_bias(W_x, W_h, b, b_n, x, h):
    """The reset gate multiplies h before the product with W_n, as in Cho's form; here it
    multiplies the product and b_n."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + (r * h) @ W_h[2 * len(b_n) :].T + r * b_n)
    return (1 - z) * n + z * h


def gru_b_n_outside(W_x, W_h, b, b_n, x, h):
    """b_n stands outside the brackets; r multiplies it as well."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * u_n + b_n)
    return (1 - z) * n + z * h


def gru_without_b_n(W_x, W_h, b, b_n, x, h):
    """b_n is not added."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * u_n)
    return (1 - z) * n + z * h


def gru_without_reset(W_x, W_h, b, b_n, x, h):
    """The reset gate has no effect: it multiplies u_n + b_n in the candidate."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + u_n + b_n)
    return (1 - z) * n + z * h


def gru_reset_of_input(W_x, W_h, b, b_n, x, h):
    """The reset gate multiplies the whole argument of the tanh; what the input contributes,
    a_n, is not gated."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(r * (a_n + u_n + b_n))
    return (1 - z) * n + z * h


def gru_candidate_gated_by_z(W_x, W_h, b, b_n, x, h):
    """The candidate is gated by z; r gates it, and z mixes."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + z * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_transposed(W_x, W_h, b, b_n, x, h):
    """W_h acts transposed, in one block or in all. A row h of the batch is W h, which is h @
    W.T."""
    a, u = x @ W_x.T + b, np.concatenate([h @ W for W in np.split(W_h, 3)], axis=1)
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_without_b(W_x, W_h, b, b_n, x, h):
    """The bias b is not added."""
    a, u = x @ W_x.T, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_gates_without_state(W_x, W_h, b, b_n, x, h):
    """The gates read the input alone; they read the state h as well."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r)), 1 / (1 + np.exp(-a_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_z_without_state(W_x, W_h, b, b_n, x, h):
    """z reads the input alone; it reads the state h as well."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_r_without_state(W_x, W_h, b, b_n, x, h):
    """r reads the input alone; it reads the state h as well."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_b_in_both(W_x, W_h, b, b_n, x, h):
    """b is added to u as well as to a, so that it acts twice, and in the candidate once more
    within the brackets of r; it is added to a alone."""
    a, u = x @ W_x.T + b, h @ W_h.T + b
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_candidate_unsquashed(W_x, W_h, b, b_n, x, h):
    """The candidate has no tanh."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = a_n + r * (u_n + b_n)
    return (1 - z) * n + z * h


def gru_candidate_sigmoid(W_x, W_h, b, b_n, x, h):
    """The candidate is squashed by the logistic function; it has a tanh."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = 1 / (1 + np.exp(-a_n - r * (u_n + b_n)))
    return (1 - z) * n + z * h


def gru_gates_tanh(W_x, W_h, b, b_n, x, h):
    """The gates are squashed by tanh; they have the logistic function, from 0 to 1."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = np.tanh(a_r + u_r), np.tanh(a_z + u_z)
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_sign_in_exp(W_x, W_h, b, b_n, x, h):
    """The logistic function has the wrong sign in its exponent: it is 1 / (1 + exp(-a))."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(a_r + u_r)), 1 / (1 + np.exp(a_z + u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h


def gru_new_whole(W_x, W_h, b, b_n, x, h):
    """The candidate is added whole; it is multiplied by 1 - z."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return n + z * h


def gru_old_whole(W_x, W_h, b, b_n, x, h):
    """The old state is kept whole; it is multiplied by z."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + h


def gru_keeps_gated(W_x, W_h, b, b_n, x, h):
    """What is kept is gated by r too; r belongs into the candidate alone."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * r * h


def gru_with_cache(W_x, W_h, b, b_n, x, h):
    """What a way back would need is returned as well; return h' alone."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    return (1 - z) * n + z * h, (r, z, n)


def gru_in_place(W_x, W_h, b, b_n, x, h):
    """The result is written into h, which belongs to the caller."""
    a, u = x @ W_x.T + b, h @ W_h.T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    h *= z
    h += (1 - z) * n
    return h


def gru_row_by_row(W_x, W_h, b, b_n, x, h):
    H, rows = len(b_n), []
    for x_i, h_i in zip(x, h, strict=True):
        row = []
        for j in range(H):
            a = [W_x[k * H + j] @ x_i + b[k * H + j] for k in range(3)]
            u = [W_h[k * H + j] @ h_i for k in range(3)]
            r, z = (1 / (1 + np.exp(-a[k] - u[k])) for k in range(2))
            row.append((1 - z) * np.tanh(a[2] + r * (u[2] + b_n[j])) + z * h_i[j])
        rows.append(row)
    return rows


def gru_as_increment(W_x, W_h, b, b_n, x, h):
    H = len(b_n)
    both = np.concatenate([x, h], axis=1) @ np.concatenate([W_x, W_h], axis=1)[: 2 * H].T
    gates = 0.5 + 0.5 * np.tanh((both + b[: 2 * H]) / 2)
    n = x @ W_x[2 * H :].T + b[2 * H :] + gates[:, :H] * (h @ W_h[2 * H :].T + b_n)
    return h + (1 - gates[:, H:]) * (np.tanh(n) - h)


def gru_in_float32(W_x, W_h, b, b_n, x, h):
    W_x, W_h, b, b_n, x, h = (np.float32(a) for a in (W_x, W_h, b, b_n, x, h))
    W_x, W_h, b = W_x.reshape(3, len(b_n), -1), W_h.reshape(3, len(b_n), -1), b.reshape(3, 1, -1)
    a, u = np.einsum("khd,bd->kbh", W_x, x) + b, np.einsum("khj,bj->kbh", W_h, h)
    r, z = 1 / (1 + np.exp(-(a[:2] + u[:2])))
    return (1 - z) * np.tanh(a[2] + r * (u[2] + b_n)) + z * h


# --------------------------------------------------------------------- gru_cho_step


def gru_cho_step(W_x, W_h, b, x, h):
    state, _ = gru_cho.step(gru_cho.Params(W_x, W_h, b), x, gru_cho.State(h))
    return state.h


def cho_swapped(W_x, W_h, b, x, h):
    """z and 1 - z are swapped: z multiplies h, so that z near 1 keeps, and 1 - z multiplies n."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return z * n + (1 - z) * h


def cho_blocks_z_first(W_x, W_h, b, x, h):
    """The blocks of r and z are swapped: the rows come in the order r, z, n."""
    W_z, W_r, W_n = np.split(W_h, 3)
    a_z, a_r, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_reset_after(W_x, W_h, b, x, h):
    """The reset gate multiplies the product W_n h, as in part 1; here it multiplies h before
    the product."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + r * (h @ W_n.T))
    return (1 - z) * n + z * h


def cho_without_reset(W_x, W_h, b, x, h):
    """The reset gate has no effect: the candidate reads r ∘ h in the place of h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + h @ W_n.T)
    return (1 - z) * n + z * h


def cho_reset_of_input(W_x, W_h, b, x, h):
    """The reset gate multiplies the whole argument of the tanh; it multiplies h, before the
    product."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(r * (a_n + h @ W_n.T))
    return (1 - z) * n + z * h


def cho_gate_reads_gated(W_x, W_h, b, x, h):
    """The update gate reads r ∘ h; it reads h, and only the candidate reads r ∘ h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r = 1 / (1 + np.exp(-a_r - h @ W_r.T))
    z = 1 / (1 + np.exp(-a_z - (r * h) @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_candidate_gated_by_z(W_x, W_h, b, x, h):
    """The candidate reads z ∘ h; it reads r ∘ h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (z * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_transposed(W_x, W_h, b, x, h):
    """W_h acts transposed, in one block or in all. A row h of the batch is W h, which is h @
    W.T."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r)), 1 / (1 + np.exp(-a_z - h @ W_z))
    n = np.tanh(a_n + (r * h) @ W_n)
    return (1 - z) * n + z * h


def cho_without_b(W_x, W_h, b, x, h):
    """The bias b is not added."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_gates_without_state(W_x, W_h, b, x, h):
    """The gates read the input alone; they read the state h as well."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r)), 1 / (1 + np.exp(-a_z))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_z_without_state(W_x, W_h, b, x, h):
    """z reads the input alone; it reads the state h as well."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_r_without_state(W_x, W_h, b, x, h):
    """r reads the input alone; it reads the state h as well."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h


def cho_keeps_gated(W_x, W_h, b, x, h):
    """What is kept is gated by r too: h' keeps z ∘ h, and only the candidate reads r ∘ h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * r * h


def cho_new_whole(W_x, W_h, b, x, h):
    """The candidate is added whole; it is multiplied by 1 - z."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return n + z * h


def cho_with_cache(W_x, W_h, b, x, h):
    """What a way back would need is returned as well; return h' alone."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    n = np.tanh(a_n + (r * h) @ W_n.T)
    return (1 - z) * n + z * h, (r, z, n)


def cho_in_place(W_x, W_h, b, x, h):
    """The reset gate is multiplied into h itself, which belongs to the caller, and the changed
    h is kept: write r * h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    old = h.copy()
    h *= r
    n = np.tanh(a_n + h @ W_n.T)
    return (1 - z) * n + z * old


def cho_in_place_and_kept(W_x, W_h, b, x, h):
    """The reset gate is multiplied into h itself, which belongs to the caller, and the changed
    h is kept: write r * h."""
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    h *= r
    n = np.tanh(a_n + h @ W_n.T)
    return (1 - z) * n + z * h


def cho_row_by_row(W_x, W_h, b, x, h):
    H, rows = h.shape[1], []
    for x_i, h_i in zip(x, h, strict=True):
        gates = 1 / (1 + np.exp(-(W_x[: 2 * H] @ x_i + W_h[: 2 * H] @ h_i + b[: 2 * H])))
        n = np.tanh(W_x[2 * H :] @ x_i + W_h[2 * H :] @ (gates[:H] * h_i) + b[2 * H :])
        rows.append(n + gates[H:] * (h_i - n))
    return rows


def cho_by_diagonal_matrices(W_x, W_h, b, x, h):
    H = h.shape[1]
    a = np.einsum("hd,bd->bh", W_x, x) + b
    gates = 1 / (1 + np.exp(-(a[:, : 2 * H] + np.einsum("hk,bk->bh", W_h[: 2 * H], h))))
    r, z = gates[:, :H], gates[:, H:]
    W = W_h[2 * H :] * r[:, None, :]  # one matrix per example: the columns of W_n, gated
    return (1 - z) * np.tanh(a[:, 2 * H :] + np.einsum("bhk,bk->bh", W, h)) + z * h


def cho_in_float32(W_x, W_h, b, x, h):
    W_x, W_h, b, x, h = (np.float32(a) for a in (W_x, W_h, b, x, h))
    W_r, W_z, W_n = np.split(W_h, 3)
    a_r, a_z, a_n = np.split(x @ W_x.T + b, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - h @ W_r.T)), 1 / (1 + np.exp(-a_z - h @ W_z.T))
    return (1 - z) * np.tanh(a_n + (r * h) @ W_n.T) + z * h


# --------------------------------------------------------------------------- flip_z


def flip_z(W_x, W_h, b):
    return tuple(gru.negate_z(gru_cho.Params(W_x, W_h, b)))


def flip_reset(W_x, W_h, b):
    """The rows of r are negated; z has the second block of rows."""
    s = np.repeat([-1.0, 1.0, 1.0], len(b) // 3)
    return s[:, None] * W_x, s[:, None] * W_h, s * b


def flip_candidate(W_x, W_h, b):
    """The rows of n are negated; z has the second block of rows."""
    s = np.repeat([1.0, 1.0, -1.0], len(b) // 3)
    return s[:, None] * W_x, s[:, None] * W_h, s * b


def flip_everything(W_x, W_h, b):
    """All rows are negated; only z, the second block, changes its meaning."""
    s = np.repeat([-1.0, -1.0, -1.0], len(b) // 3)
    return s[:, None] * W_x, s[:, None] * W_h, s * b


def flip_both_gates(W_x, W_h, b):
    """The rows of r are negated as well; r means the same in both conventions."""
    s = np.repeat([-1.0, -1.0, 1.0], len(b) // 3)
    return s[:, None] * W_x, s[:, None] * W_h, s * b


def flip_without_bias(W_x, W_h, b):
    """The bias of z keeps its sign; σ(-a) = 1 - σ(a) takes the negative of the whole
    preactivation."""
    s = np.repeat([1.0, -1.0, 1.0], len(b) // 3)
    return s[:, None] * W_x, s[:, None] * W_h, b.copy()


def flip_bias_only(W_x, W_h, b):
    """Only the bias of z changes its sign; the weights from input and state are in the
    preactivation as well."""
    s = np.repeat([1.0, -1.0, 1.0], len(b) // 3)
    return W_x.copy(), W_h.copy(), s * b


def flip_without_W_x(W_x, W_h, b):
    """The rows of W_x keep their sign; what the input contributes is in the preactivation of z
    as well."""
    s = np.repeat([1.0, -1.0, 1.0], len(b) // 3)
    return W_x.copy(), s[:, None] * W_h, s * b


def flip_without_W_h(W_x, W_h, b):
    """The rows of W_h keep their sign; what the state contributes is in the preactivation of z
    as well."""
    s = np.repeat([1.0, -1.0, 1.0], len(b) // 3)
    return s[:, None] * W_x, W_h.copy(), s * b


def flip_one_minus(W_x, W_h, b):
    """The rows of z are subtracted from 1; it is z that becomes 1 - z, not its weights."""
    W_x, W_h, b, H = W_x.copy(), W_h.copy(), b.copy(), len(b) // 3
    for a in (W_x, W_h, b):
        a[H : 2 * H] = 1 - a[H : 2 * H]
    return W_x, W_h, b


def flip_swaps_blocks(W_x, W_h, b):
    """The blocks of r and z change places; z changes its sign and stays where it is."""
    i = np.arange(len(b)).reshape(3, -1)[[1, 0, 2]].ravel()
    return W_x[i], W_h[i], b[i]


def flip_nothing(W_x, W_h, b):
    """Nothing changes; where z near 1 writes, the same numbers give another function."""
    s = np.repeat([1.0, -1.0, 1.0], len(b) // 3)
    return W_x.copy(), W_h.copy(), b.copy()


def flip_in_place(W_x, W_h, b):
    """The rows are negated in place, in arrays that belong to the caller: copy them first."""
    H = len(b) // 3
    for a in (W_x, W_h, b):
        a[H : 2 * H] *= -1
    return W_x, W_h, b


def flip_on_copies(W_x, W_h, b):
    flipped = [np.array(a) for a in (W_x, W_h, b)]
    for a in flipped:
        H = len(a) // 3
        a[H : 2 * H] = -a[H : 2 * H]
    return tuple(flipped)


def flip_by_concatenation(W_x, W_h, b):
    parts = [np.split(a, 3) for a in (W_x, W_h, b)]
    return [np.concatenate([r, -z, n]).tolist() for r, z, n in parts]


def flip_by_a_matrix(W_x, W_h, b):
    H = len(b) // 3
    S = np.diag(np.concatenate([np.ones(H), -np.ones(H), np.ones(H)])).astype(np.float32)
    return S @ W_x, S @ W_h, S @ b


# ------------------------------------------------------------------------- to_torch


def to_torch(W_x, W_h, b, b_n):
    return W_x, W_h, b, np.concatenate([np.zeros(2 * len(b_n)), b_n])


def to_torch_bias_in_both(W_x, W_h, b, b_n):
    """Both biases hold the biases of r and z, so that torch adds them twice; their sum must be
    b."""
    H = len(b_n)
    bias_hh = np.concatenate([b[: 2 * H], b_n])
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_b_in_both(W_x, W_h, b, b_n):
    """The bias b stands whole in both biases: torch adds those of r and z twice, and takes
    that of n for b_n as well."""
    H = len(b_n)
    bias_hh = b.copy()
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_without_b_n(W_x, W_h, b, b_n):
    """b_n is lost: it is the last block of bias_hh, the one that torch's reset gate
    multiplies."""
    H = len(b_n)
    bias_hh = np.zeros(3 * H)
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_b_n_in_bias_ih(W_x, W_h, b, b_n):
    """b_n is added to bias_ih, where the reset gate does not reach it; it is the last block of
    bias_hh."""
    H = len(b_n)
    bias_hh = np.zeros(3 * H)
    bias_ih = b + np.concatenate([np.zeros(2 * H), b_n])
    return W_x.copy(), W_h.copy(), bias_ih, bias_hh


def to_torch_n_biases_swapped(W_x, W_h, b, b_n):
    """The two biases of the candidate are swapped: the last block of bias_hh is the one that
    the reset gate multiplies, b_n."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b[2 * H :]])
    bias_ih = np.concatenate([b[: 2 * H], b_n])
    return W_x.copy(), W_h.copy(), bias_ih, bias_hh


def to_torch_halves(W_x, W_h, b, b_n):
    """The biases are split in halves everywhere. That is right for r and z, where only the sum
    acts; in the candidate bias_ih holds the last block of b, and bias_hh b_n."""
    H = len(b_n)
    bias_hh = (b + np.concatenate([np.zeros(2 * H), b_n])) / 2
    return W_x.copy(), W_h.copy(), bias_hh, bias_hh.copy()


def to_torch_b_n_first(W_x, W_h, b, b_n):
    """b_n stands in the first block of bias_hh, which is that of r; n comes last."""
    H = len(b_n)
    bias_hh = np.concatenate([b_n, np.zeros(2 * H)])
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_keras_order(W_x, W_h, b, b_n):
    """The blocks are put in the order z, r, n, as Keras has them; torch has r, z, n, as we do."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    i = np.arange(3 * H).reshape(3, H)[[1, 0, 2]].ravel()
    return W_x[i], W_h[i], b[i], bias_hh[i]


def to_torch_flipped(W_x, W_h, b, b_n):
    """The rows of z are negated; in torch a z near 1 keeps, as it does here."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    s = np.repeat([1.0, -1.0, 1.0], H)
    return s[:, None] * W_x, s[:, None] * W_h, s * b, bias_hh


def to_torch_transposed(W_x, W_h, b, b_n):
    """The weights are transposed; torch stacks rows as we do, weight_ih is (3H, D) and
    weight_hh (3H, H)."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    return W_x.T.copy(), W_h.T.copy(), b.copy(), bias_hh


def to_torch_blocks_transposed(W_x, W_h, b, b_n):
    """The blocks of W_h are transposed; torch multiplies as we do."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    W_h = np.concatenate([W.T for W in np.split(W_h, 3)])
    return W_x.copy(), W_h, b.copy(), bias_hh


def to_torch_weights_swapped(W_x, W_h, b, b_n):
    """weight_ih and weight_hh have changed places: ih is from input to hidden, W_x, and hh is
    W_h."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    return W_h.copy(), W_x.copy(), b.copy(), bias_hh


def to_torch_biases_swapped(W_x, W_h, b, b_n):
    """bias_ih and bias_hh have changed places: the one with b_n in its last block is bias_hh."""
    H = len(b_n)
    bias_hh = np.concatenate([np.zeros(2 * H), b_n])
    return W_x.copy(), W_h.copy(), bias_hh, b.copy()


def to_torch_short_bias(W_x, W_h, b, b_n):
    """bias_hh has H entries; torch expects 3H, also where they are zero."""
    H = len(b_n)
    bias_hh = b_n.copy()
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_in_place(W_x, W_h, b, b_n):
    """b is changed in place; it belongs to the caller."""
    H = len(b_n)
    bias_hh = b.copy()
    bias_hh[2 * H :] = b_n
    b[: 2 * H] = 0
    return W_x.copy(), W_h.copy(), b.copy(), bias_hh


def to_torch_other_way(W_x, W_h, b, b_n):
    H = len(b_n)
    bias_ih, bias_hh = np.zeros(3 * H), b.copy()
    bias_ih[2 * H :], bias_hh[2 * H :] = b[2 * H :], b_n
    return W_x, W_h, bias_ih, bias_hh


def to_torch_in_halves(W_x, W_h, b, b_n):
    r, z, n = np.split(b / 2, 3)
    return [W_x.tolist(), W_h.tolist(), [*r, *z, *(2 * n)], [*r, *z, *b_n]]


def to_torch_by_any_split(W_x, W_h, b, b_n):
    H = len(b_n)
    share = np.random.default_rng(0).normal(size=2 * H)
    bias_ih = np.concatenate([b[: 2 * H] - share, b[2 * H :]])
    return W_x.copy(), W_h.copy(), bias_ih, np.concatenate([share, b_n])


def to_torch_in_float32(W_x, W_h, b, b_n):
    bias_hh = np.pad(b_n, (2 * len(b_n), 0))
    return tuple(np.float32(a) for a in (W_x, W_h, b, bias_hh))


# ------------------------------------------------------------------ scalar_gru_step


def scalar_gru_step(W_x, W_h, b, b_n, x, h):
    a, u, H = x @ W_x.T + b, h @ W_h.T, len(b_n)
    gates = sigmoid(a[:, : H + 1] + u[:, : H + 1])
    r, z = gates[:, :H], gates[:, H:]
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_swapped(W_x, W_h, b, b_n, x, h):
    """z and 1 - z are swapped: z multiplies h, so that z near 1 keeps, and 1 - z multiplies n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return z * n + (1 - z) * h


def scalar_z_last(W_x, W_h, b, b_n, x, h):
    """The last row is taken for z; the rows come in the order r, z, n, and z has row H."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, -1:] - u[:, -1:]))
    n = np.tanh(a[:, H:-1] + r * (u[:, H:-1] + b_n))
    return (1 - z) * n + z * h


def scalar_z_first(W_x, W_h, b, b_n, x, h):
    """The first row is taken for z; the rows come in the order r, z, n, and z has row H."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, 1 : H + 1] - u[:, 1 : H + 1]))
    z = 1 / (1 + np.exp(-a[:, :1] - u[:, :1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_z_flat(W_x, W_h, b, b_n, x, h):
    """z has shape (B,), which does not go with (B, H); as a column, (B, 1), it multiplies all
    units of its example."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H] - u[:, H]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_row_of_z_in_candidate(W_x, W_h, b, b_n, x, h):
    """The candidate begins with the row of z, row H; its rows are H + 1 to 2H."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H : 2 * H] + r * (u[:, H : 2 * H] + b_n))
    return (1 - z) * n + z * h


def scalar_one_gate_for_the_batch(W_x, W_h, b, b_n, x, h):
    """All examples share one z, a mean over the batch; each example has its own."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    z = z.mean()
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_reset_before(W_x, W_h, b, b_n, x, h):
    """The reset gate multiplies h before the product with W_n; here it multiplies the product
    and b_n, as in part 1."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + (r * h) @ W_h[H + 1 :].T + b_n)
    return (1 - z) * n + z * h


def scalar_reset_before_with_bias(W_x, W_h, b, b_n, x, h):
    """The reset gate multiplies h before the product with W_n; here it multiplies the product
    and b_n, as in part 1."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + (r * h) @ W_h[H + 1 :].T + r * b_n)
    return (1 - z) * n + z * h


def scalar_b_n_outside(W_x, W_h, b, b_n, x, h):
    """b_n stands outside the brackets; r multiplies it as well."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * u[:, H + 1 :] + b_n)
    return (1 - z) * n + z * h


def scalar_without_b_n(W_x, W_h, b, b_n, x, h):
    """b_n is not added."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * u[:, H + 1 :])
    return (1 - z) * n + z * h


def scalar_without_reset(W_x, W_h, b, b_n, x, h):
    """The reset gate has no effect: it multiplies u_n + b_n in the candidate."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + u[:, H + 1 :] + b_n)
    return (1 - z) * n + z * h


def scalar_gated_by_z(W_x, W_h, b, b_n, x, h):
    """The candidate is gated by z; r gates it, and z mixes."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + z * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_gate_without_state(W_x, W_h, b, b_n, x, h):
    """z reads the input alone; it reads the state h as well."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_transposed(W_x, W_h, b, b_n, x, h):
    """W_h acts transposed, in one block or in all. A row h of the batch is W h, which is h @
    W.T."""
    H = len(b_n)
    a = x @ W_x.T + b
    u = np.concatenate([h @ W_h[:H], h @ W_h[H : H + 1].T, h @ W_h[H + 1 :]], axis=1)
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_without_b(W_x, W_h, b, b_n, x, h):
    """The bias b is not added."""
    H = len(b_n)
    a, u = x @ W_x.T, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h


def scalar_new_whole(W_x, W_h, b, b_n, x, h):
    """The candidate is added whole; it is multiplied by 1 - z."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return n + z * h


def scalar_with_cache(W_x, W_h, b, b_n, x, h):
    """What a way back would need is returned as well; return h' alone."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    return (1 - z) * n + z * h, (r, z, n)


def scalar_in_place(W_x, W_h, b, b_n, x, h):
    """The result is written into h, which belongs to the caller."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    n = np.tanh(a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n))
    h *= z
    h += (1 - z) * n
    return h


def scalar_row_by_row(W_x, W_h, b, b_n, x, h):
    H, rows = len(b_n), []
    for x_i, h_i in zip(x, h, strict=True):
        a, u = W_x @ x_i + b, W_h @ h_i
        r = 1 / (1 + np.exp(-(a[:H] + u[:H])))
        z = 1 / (1 + np.exp(-(a[H] + u[H])))
        n = np.tanh(a[H + 1 :] + r * (u[H + 1 :] + b_n))
        rows.append([z * old + (1 - z) * new for old, new in zip(h_i, n, strict=True)])
    return rows


def scalar_as_a_gru(W_x, W_h, b, b_n, x, h):
    H = len(b_n)
    rows = [*range(H), *[H] * H, *range(H + 1, 2 * H + 1)]  # the row of z, once per unit
    (a_r, a_z, a_n), (u_r, u_z, u_n) = (
        np.split(p, 3, axis=1) for p in (x @ W_x[rows].T + b[rows], h @ W_h[rows].T)
    )
    r, z = (0.5 + 0.5 * np.tanh(p / 2) for p in (a_r + u_r, a_z + u_z))
    return h + (1 - z) * (np.tanh(a_n + r * (u_n + b_n)) - h)


def scalar_in_float32(W_x, W_h, b, b_n, x, h):
    W_x, W_h, b, b_n, x, h = (np.float32(a) for a in (W_x, W_h, b, b_n, x, h))
    H = len(b_n)
    gates = 1 / (1 + np.exp(-(x @ W_x[: H + 1].T + h @ W_h[: H + 1].T + b[: H + 1])))
    r, z = gates[:, :H], gates[:, H, None]
    n = np.tanh(x @ W_x[H + 1 :].T + b[H + 1 :] + r * (h @ W_h[H + 1 :].T + b_n))
    return (1 - z) * n + z * h


# --------------------------------------------------------- scalar_gru_step_backward


def scalar_gru_step_backward(W_x, W_h, b, b_n, x, h, dh):
    """By the complex step: no derivation that could be wrong."""
    args = (W_x, W_h, b, b_n, x, h)

    def slope(k, entry):
        nudged = [a.astype(complex) for a in args]
        nudged[k][entry] += 1e-30j
        return (dh * scalar_gru_step(*nudged)).sum().imag / 1e-30

    return tuple(
        np.reshape([slope(k, entry) for entry in np.ndindex(a.shape)], a.shape)
        for k, a in enumerate(args)
    )


def backward_dz_sign(W_x, W_h, b, b_n, x, h, dh):
    """dz has the wrong sign: z multiplies h, and 1 - z multiplies n, so its factor is h - n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (n - h)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_mean(W_x, W_h, b, b_n, x, h, dh):
    """dz is a mean over the units; z acts on each of them, and their contributions add up."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).mean(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_over_batch(W_x, W_h, b, b_n, x, h, dh):
    """dz is summed over the examples as well; each example has a z of its own, so it is summed
    over the units alone."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum() * np.ones((len(x), 1))
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_per_unit(W_x, W_h, b, b_n, x, h, dh):
    """dz is not summed: there is one z for all units of an example, and what comes back from
    each unit is added up, to (B, 1)."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = dh * (h - n)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_first_unit(W_x, W_h, b, b_n, x, h, dh):
    """dz holds the contribution of one unit; it is the sum over all units."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n))[:, :1]
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_without_n(W_x, W_h, b, b_n, x, h, dh):
    """dz leaves out the candidate: z also stands in the factor 1 - z of n, so dz has the
    factor h - n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * h).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dz_without_h(W_x, W_h, b, b_n, x, h, dh):
    """dz leaves out the state that is kept: z multiplies h, so dz has the factor h - n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = -(dh * n).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_without_kept(W_x, W_h, b, b_n, x, h, dh):
    """The path on which h is kept is missing in dh_prev: z ∘ dh."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_kept_only(W_x, W_h, b, b_n, x, h, dh):
    """dh_prev has the kept path alone; h also enters the gates and the candidate, through W_h."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_kept_whole(W_x, W_h, b, b_n, x, h, dh):
    """The kept path passes on all of dh; h is kept with the factor z."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_kept_swapped(W_x, W_h, b, b_n, x, h, dh):
    """The kept path has the factor 1 - z in dh_prev; h is kept with the factor z."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + (1 - z) * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_da_for_du(W_x, W_h, b, b_n, x, h, dh):
    """dW_h and dh_prev are made with da; behind W_h stands u, and r lies between u_n and a_n,
    so the last block is du_n = da_n ∘ r."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = da @ W_h + z * dh
    return da.T @ x, da.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_da_for_du_in_dW_h(W_x, W_h, b, b_n, x, h, dh):
    """dW_h is made with da; behind W_h stands u, and r lies between u_n and a_n, so the last
    block is du_n = da_n ∘ r."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, da.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_da_for_du_in_dh(W_x, W_h, b, b_n, x, h, dh):
    """dh_prev is made with da; behind W_h stands u, and r lies between u_n and a_n, so the
    last block is du_n = da_n ∘ r."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = da @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_du_for_da(W_x, W_h, b, b_n, x, h, dh):
    """dW_x, db or dx is made with du; r does not touch what the input contributes, so the last
    block is da_n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return du.T @ x, du.T @ h, du.sum(0), du_n.sum(0), du @ W_x, dh_prev


def backward_db_n_ungated(W_x, W_h, b, b_n, x, h, dh):
    """db_n is that of the bias outside the brackets; r multiplies b_n, so its gradient is
    du_n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), da_n.sum(0), da @ W_x, dh_prev


def backward_without_dr(W_x, W_h, b, b_n, x, h, dh):
    """Nothing goes back through the reset gate: r is no constant, it depends on x and h."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = 0 * r, dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dr_without_b_n(W_x, W_h, b, b_n, x, h, dh):
    """dr leaves out b_n: r multiplies u_n + b_n."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * u[:, H + 1 :], da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_without_sigmoid_slopes(W_x, W_h, b, b_n, x, h, dh):
    """The slopes of the logistic functions are missing: r ∘ (1 - r) and z (1 - z)."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr, dz
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_without_slope_of_z(W_x, W_h, b, b_n, x, h, dh):
    """The slope of the logistic function is missing in da_z: z (1 - z)."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_without_slope_of_r(W_x, W_h, b, b_n, x, h, dh):
    """The slope of the logistic function is missing in da_r: r ∘ (1 - r)."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr, dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_without_tanh_slope(W_x, W_h, b, b_n, x, h, dh):
    """The slope of the candidate's tanh is missing: 1 - n²."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_slope_of_argument(W_x, W_h, b, b_n, x, h, dh):
    """The slope of the tanh is taken of its argument; it is 1 - n², of its value."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - A_n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_tanh_slope_squared(W_x, W_h, b, b_n, x, h, dh):
    """The slope of the tanh is 1 - n², of its value, and not 1 - tanh²(n)."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - np.tanh(n) ** 2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dn_swapped(W_x, W_h, b, b_n, x, h, dh):
    """dn has the factor z; n enters h' with the factor 1 - z."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * z * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_dn_whole(W_x, W_h, b, b_n, x, h, dh):
    """dn is all of dh; n enters h' with the factor 1 - z."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_other_convention(W_x, W_h, b, b_n, x, h, dh):
    """This is the gradient of h' = z n + (1 - z) h, with z and 1 - z swapped; here z near 1
    keeps."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * z * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (n - h)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + (1 - z) * dh
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_batch_mean(W_x, W_h, b, b_n, x, h, dh):
    """Gradients of the parameters are means over the batch; they are sums."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    B = len(x)
    return da.T @ x / B, du.T @ h / B, da.mean(0), du_n.mean(0), da @ W_x, dh_prev


def backward_biases_over_units(W_x, W_h, b, b_n, x, h, dh):
    """The gradients of the biases are not summed over the batch: db has the shape of b."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    return da.T @ x, du.T @ h, da, du_n, da @ W_x, dh_prev


def backward_new_state_in_dW_h(W_x, W_h, b, b_n, x, h, dh):
    """dW_h is made with the new state; W_h has read the state before the step."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    new = (1 - z) * n + z * h
    return da.T @ x, du.T @ new, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_in_place(W_x, W_h, b, b_n, x, h, dh):
    """dh is changed in place; it belongs to the caller."""
    H = len(b_n)
    a, u = x @ W_x.T + b, h @ W_h.T
    r = 1 / (1 + np.exp(-a[:, :H] - u[:, :H]))
    z = 1 / (1 + np.exp(-a[:, H : H + 1] - u[:, H : H + 1]))
    A_n = a[:, H + 1 :] + r * (u[:, H + 1 :] + b_n)
    n = np.tanh(A_n)
    da_n = dh * (1 - z) * (1 - n**2)
    dr, du_n = da_n * (u[:, H + 1 :] + b_n), da_n * r
    dz = (dh * (h - n)).sum(axis=1, keepdims=True)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    da, du = (np.concatenate([da_r, da_z, last], axis=1) for last in (da_n, du_n))
    dh_prev = du @ W_h + z * dh
    dh *= z
    return da.T @ x, du.T @ h, da.sum(0), du_n.sum(0), da @ W_x, dh_prev


def backward_row_by_row(W_x, W_h, b, b_n, x, h, dh):
    H = len(b_n)
    grads = [np.zeros(p.shape) for p in (W_x, W_h, b, b_n, x, h)]
    for i in range(len(x)):
        a, u = W_x @ x[i] + b, W_h @ h[i]
        r, z = 1 / (1 + np.exp(-a[:H] - u[:H])), 1 / (1 + np.exp(-a[H] - u[H]))
        n = np.tanh(a[H + 1 :] + r * (u[H + 1 :] + b_n))
        da, du = np.zeros(2 * H + 1), np.zeros(2 * H + 1)
        for j in range(H):
            d = dh[i, j] * (1 - z) * (1 - n[j] ** 2)
            da[H + 1 + j], du[H + 1 + j] = d, d * r[j]
            da[j] = du[j] = d * (u[H + 1 + j] + b_n[j]) * r[j] * (1 - r[j])
            da[H] += dh[i, j] * (h[i, j] - n[j]) * z * (1 - z)
        du[H] = da[H]
        grads[0] += np.outer(da, x[i])
        grads[1] += np.outer(du, h[i])
        grads[2] += da
        grads[3] += du[H + 1 :]
        grads[4][i] = W_x.T @ da
        grads[5][i] = W_h.T @ du + z * dh[i]
    return tuple(grads)


def backward_of_a_gru(W_x, W_h, b, b_n, x, h, dh):
    H = len(b_n)
    rows = [*range(H), *[H] * H, *range(H + 1, 2 * H + 1)]  # the row of z, once per unit
    a, u = x @ W_x[rows].T + b[rows], h @ W_h[rows].T
    (a_r, a_z, a_n), (u_r, u_z, u_n) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    r, z = 1 / (1 + np.exp(-a_r - u_r)), 1 / (1 + np.exp(-a_z - u_z))
    n = np.tanh(a_n + r * (u_n + b_n))
    da_n = dh * (1 - z) * (1 - n**2)
    da_r, da_z = da_n * (u_n + b_n) * r * (1 - r), dh * (h - n) * z * (1 - z)
    da = np.concatenate([da_r, da_z, da_n], axis=1)
    du = np.concatenate([da_r, da_z, da_n * r], axis=1)
    grads = []
    for d in (da.T @ x, du.T @ h, da.sum(0)):
        shared = np.zeros((2 * H + 1, *d.shape[1:]))
        np.add.at(shared, rows, d)  # copies of a row add up
        grads.append(shared)
    return [*grads, (da_n * r).sum(0), da @ W_x[rows], du @ W_h[rows] + dh * z]


def backward_by_einsum_in_float32(W_x, W_h, b, b_n, x, h, dh):
    W_x, W_h, b, b_n, x, h, dh = (np.float32(p) for p in (W_x, W_h, b, b_n, x, h, dh))
    H = len(b_n)
    gates = 1 / (1 + np.exp(-(x @ W_x[: H + 1].T + h @ W_h[: H + 1].T + b[: H + 1])))
    r, z = gates[:, :H], gates[:, H]
    inner = h @ W_h[H + 1 :].T + b_n
    n = np.tanh(x @ W_x[H + 1 :].T + b[H + 1 :] + r * inner)
    d = np.einsum("bh,b->bh", dh * (1 - n * n), 1 - z)
    da_r = d * inner * r * (1 - r)
    da_z = (np.einsum("bh,bh->b", dh, h) - np.einsum("bh,bh->b", dh, n)) * z * (1 - z)
    da, du = np.column_stack([da_r, da_z, d]), np.column_stack([da_r, da_z, d * r])
    dW_x, dW_h = np.einsum("bi,bj->ij", da, x), np.einsum("bi,bj->ij", du, h)
    dx, dh_prev = np.einsum("bi,ij->bj", da, W_x), np.einsum("bi,ij->bj", du, W_h)
    return dW_x, dW_h, da.sum(0), (d * r).sum(0), dx, dh_prev + z[:, None] * dh


# ------------------------------------------------------------------------ the table


GRADED = (
    Graded(
        name="gru_step",
        reference=gru_step,
        parts=(
            Part("gru_step-check-blend", 6, gru_inputs_without_recurrent_candidate),
            Part("gru_step-check-reset", 9, gru_inputs),
        ),
        misconceptions=(
            gru_swapped,
            gru_blocks_z_first,
            gru_reset_before,
            gru_reset_before_with_bias,
            gru_b_n_outside,
            gru_without_b_n,
            gru_without_reset,
            gru_reset_of_input,
            gru_candidate_gated_by_z,
            gru_transposed,
            gru_without_b,
            gru_gates_without_state,
            gru_z_without_state,
            gru_r_without_state,
            gru_b_in_both,
            gru_candidate_unsquashed,
            gru_candidate_sigmoid,
            gru_gates_tanh,
            gru_sign_in_exp,
            gru_new_whole,
            gru_old_whole,
            gru_keeps_gated,
            gru_with_cache,
            gru_in_place,
        ),
        alternatives=(
            gru_row_by_row,
            gru_as_increment,
            gru_in_float32,
        ),
        says={
            gru_swapped: "are z and 1 - z swapped",
            gru_blocks_z_first: "the first rows act as z",
            gru_reset_before: "the form of part 2",
            gru_reset_before_with_bias: "the form of part 2",
            gru_b_n_outside: "b_n still acts",
            gru_without_b_n: "b_n is missing",
            gru_without_reset: "r has no effect",
            gru_reset_of_input: "neither what the input contributes nor b is gated",
            gru_candidate_gated_by_z: "is it gated by z",
            gru_transposed: "W_h acts transposed",
            gru_without_b: "b has no effect there",
            gru_gates_without_state: "it reads h through W_h",
            gru_candidate_unsquashed: "squashing function is missing",
            gru_candidate_sigmoid: "it is the logistic function, not tanh",
            gru_gates_tanh: "a gate has the logistic function",
            gru_sign_in_exp: "a sign in exp",
            gru_new_whole: "n must be multiplied by 1 - z",
            gru_old_whole: "it is multiplied by z",
            gru_keeps_gated: "r acts in the candidate alone",
            gru_with_cache: "gru_step returns a tuple",
            gru_in_place: "gru_step changes h in place",
            gru_z_without_state: "it reads h through W_h",
            gru_r_without_state: "it does not read h",
            gru_b_in_both: "neither what the input contributes nor b is gated",
        },
    ),
    Graded(
        name="gru_cho_step",
        reference=gru_cho_step,
        parts=(
            Part("gru_cho_step-check-blend", 4, cho_inputs_without_recurrent_candidate),
            Part("gru_cho_step-check-reset", 6, cho_inputs),
        ),
        misconceptions=(
            cho_swapped,
            cho_blocks_z_first,
            cho_reset_after,
            cho_without_reset,
            cho_reset_of_input,
            cho_gate_reads_gated,
            cho_candidate_gated_by_z,
            cho_transposed,
            cho_without_b,
            cho_gates_without_state,
            cho_z_without_state,
            cho_r_without_state,
            cho_keeps_gated,
            cho_new_whole,
            cho_with_cache,
            cho_in_place,
            cho_in_place_and_kept,
        ),
        alternatives=(
            cho_row_by_row,
            cho_by_diagonal_matrices,
            cho_in_float32,
        ),
        says={
            cho_swapped: "are z and 1 - z swapped",
            cho_blocks_z_first: "the first rows act as z",
            cho_without_reset: "r has no effect",
            cho_reset_of_input: "neither what the input contributes nor b is gated",
            cho_candidate_gated_by_z: "is it gated by z",
            cho_transposed: "W_h acts transposed",
            cho_without_b: "b has no effect there",
            cho_gates_without_state: "it reads h through W_h",
            cho_new_whole: "n must be multiplied by 1 - z",
            cho_keeps_gated: "r acts in the candidate alone",
            cho_reset_after: "the form of part 1",
            cho_with_cache: "gru_cho_step returns a tuple",
            cho_in_place: "gru_cho_step changes h in place",
            cho_in_place_and_kept: "gru_cho_step changes h in place",
            cho_z_without_state: "it reads h through W_h",
            cho_r_without_state: "it does not read h",
        },
    ),
    Graded(
        name="flip_z",
        reference=flip_z,
        parts=(Part("flip_z-check", 10, gru_weights),),
        misconceptions=(
            flip_reset,
            flip_candidate,
            flip_everything,
            flip_both_gates,
            flip_without_bias,
            flip_bias_only,
            flip_without_W_x,
            flip_without_W_h,
            flip_one_minus,
            flip_swaps_blocks,
            flip_nothing,
            flip_in_place,
        ),
        alternatives=(
            flip_on_copies,
            flip_by_concatenation,
            flip_by_a_matrix,
        ),
        says={
            flip_reset: "r means the same",
            flip_candidate: "n means the same",
            flip_everything: "all rows are negated",
            flip_both_gates: "r means the same",
            flip_without_bias: "the rows of z in b are as before",
            flip_bias_only: "the rows of z in W_x are as before",
            flip_without_W_x: "the rows of z in W_x are as before",
            flip_without_W_h: "the rows of z in W_h are as before",
            flip_one_minus: "are 1 minus what they were",
            flip_swaps_blocks: "the rows of r in W_x have changed",
            flip_nothing: "nothing has changed",
            flip_in_place: "flip_z changes W_x in place",
        },
    ),
    Graded(
        name="to_torch",
        reference=to_torch,
        parts=(Part("to_torch-check", 15, gru_weights_and_b_n, in_torch),),
        misconceptions=(
            to_torch_bias_in_both,
            to_torch_b_in_both,
            to_torch_without_b_n,
            to_torch_b_n_in_bias_ih,
            to_torch_n_biases_swapped,
            to_torch_halves,
            to_torch_b_n_first,
            to_torch_keras_order,
            to_torch_flipped,
            to_torch_transposed,
            to_torch_blocks_transposed,
            to_torch_weights_swapped,
            to_torch_biases_swapped,
            to_torch_short_bias,
            to_torch_in_place,
        ),
        alternatives=(
            to_torch_other_way,
            to_torch_in_halves,
            to_torch_by_any_split,
            to_torch_in_float32,
        ),
        says={
            to_torch_bias_in_both: "both hold it",
            to_torch_b_in_both: "both hold it",
            to_torch_without_b_n: "b_n is lost",
            to_torch_b_n_in_bias_ih: "the sum does not act alone",
            to_torch_n_biases_swapped: "it stands in bias_ih",
            to_torch_halves: "the sum does not act alone",
            to_torch_b_n_first: "torch's two biases of r",
            to_torch_keras_order: "r and z are swapped",
            to_torch_flipped: "no flip",
            to_torch_transposed: "torch stacks rows as we do",
            to_torch_blocks_transposed: "the blocks are transposed",
            to_torch_weights_swapped: "ih is from input to hidden",
            to_torch_biases_swapped: "it stands in bias_ih",
            to_torch_short_bias: "it has a block for r",
            to_torch_in_place: "to_torch changes b in place",
        },
    ),
    Graded(
        name="scalar_gru_step",
        reference=scalar_gru_step,
        parts=(
            Part("scalar_gru_step-check-blend", 7, scalar_inputs_without_recurrent_candidate),
            Part("scalar_gru_step-check-reset", 8, scalar_inputs),
        ),
        misconceptions=(
            scalar_swapped,
            scalar_z_last,
            scalar_z_first,
            scalar_z_flat,
            scalar_row_of_z_in_candidate,
            scalar_one_gate_for_the_batch,
            scalar_reset_before,
            scalar_reset_before_with_bias,
            scalar_b_n_outside,
            scalar_without_b_n,
            scalar_without_reset,
            scalar_gated_by_z,
            scalar_gate_without_state,
            scalar_transposed,
            scalar_without_b,
            scalar_new_whole,
            scalar_with_cache,
            scalar_in_place,
        ),
        alternatives=(
            scalar_row_by_row,
            scalar_as_a_gru,
            scalar_in_float32,
        ),
        says={
            scalar_swapped: "are z and 1 - z swapped",
            scalar_z_last: "the last rows act as z",
            scalar_z_first: "the first rows act as z",
            scalar_z_flat: "could not be broadcast",
            scalar_row_of_z_in_candidate: "those of z are not among them",
            scalar_one_gate_for_the_batch: "z of an example must depend on its own row",
            scalar_reset_before: "the form of part 2",
            scalar_reset_before_with_bias: "the form of part 2",
            scalar_b_n_outside: "b_n still acts",
            scalar_without_b_n: "b_n is missing",
            scalar_without_reset: "r has no effect",
            scalar_gated_by_z: "is it gated by z",
            scalar_gate_without_state: "it reads h through W_h",
            scalar_transposed: "the block of W_h acts transposed",
            scalar_without_b: "b has no effect there",
            scalar_new_whole: "n must be multiplied by 1 - z",
            scalar_with_cache: "scalar_gru_step returns a tuple",
            scalar_in_place: "scalar_gru_step changes h in place",
        },
    ),
    Graded(
        name="scalar_gru_step_backward",
        reference=scalar_gru_step_backward,
        parts=(
            Part(
                "scalar_gru_step_backward-check-candidate",
                12,
                scalar_inputs_and_cotangent,
                of_candidate,
            ),
            Part("scalar_gru_step_backward-check-gate", 13, scalar_inputs_and_cotangent, of_gate),
            Part(
                "scalar_gru_step_backward-check-inputs", 10, scalar_inputs_and_cotangent, of_inputs
            ),
        ),
        misconceptions=(
            backward_dz_sign,
            backward_dz_mean,
            backward_dz_over_batch,
            backward_dz_per_unit,
            backward_dz_first_unit,
            backward_dz_without_n,
            backward_dz_without_h,
            backward_without_kept,
            backward_kept_only,
            backward_kept_whole,
            backward_kept_swapped,
            backward_da_for_du,
            backward_da_for_du_in_dW_h,
            backward_da_for_du_in_dh,
            backward_du_for_da,
            backward_db_n_ungated,
            backward_without_dr,
            backward_dr_without_b_n,
            backward_without_sigmoid_slopes,
            backward_without_slope_of_z,
            backward_without_slope_of_r,
            backward_without_tanh_slope,
            backward_slope_of_argument,
            backward_tanh_slope_squared,
            backward_dn_swapped,
            backward_dn_whole,
            backward_other_convention,
            backward_batch_mean,
            backward_biases_over_units,
            backward_new_state_in_dW_h,
            backward_in_place,
        ),
        alternatives=(
            backward_row_by_row,
            backward_of_a_gru,
            backward_by_einsum_in_float32,
        ),
        says={
            backward_dz_sign: "its sign is wrong",
            backward_dz_mean: "dz is a mean over the units",
            backward_dz_over_batch: "dz is summed over the batch",
            backward_dz_per_unit: "with one column for z",
            backward_dz_first_unit: "dz has one unit's share",
            backward_dz_without_n: "the factor 1 - z of n",
            backward_dz_without_h: "z also multiplies h",
            backward_without_kept: "that way is missing",
            backward_kept_only: "through the candidate is wrong: it is not there",
            backward_kept_whole: "it is kept with the factor z",
            backward_kept_swapped: "not 1 - z",
            backward_da_for_du: "take du, not da",
            backward_da_for_du_in_dW_h: "take du, not da",
            backward_da_for_du_in_dh: "take du, not da",
            backward_du_for_da: "it does not multiply da_n",
            backward_db_n_ungated: "outside the brackets",
            backward_without_dr: "nothing goes back through r",
            backward_dr_without_b_n: "r multiplies b_n as well",
            backward_without_sigmoid_slopes: "the slope of the gate is missing",
            backward_without_slope_of_z: "the slope of the gate is missing",
            backward_without_slope_of_r: "the slope of the gate is missing",
            backward_without_tanh_slope: "the slope of the tanh is missing",
            backward_slope_of_argument: "of n itself",
            backward_tanh_slope_squared: "n is a tanh already",
            backward_dn_swapped: "not z",
            backward_dn_whole: "with the factor 1 - z",
            backward_batch_mean: "do not average",
            backward_biases_over_units: "sum over the batch",
            backward_new_state_in_dW_h: "W_h has read h",
            backward_in_place: "changes dh in place",
        },
    ),
)
