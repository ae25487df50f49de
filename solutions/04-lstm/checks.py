"""What assignment 04-lstm grades; `rnnlib.grading.table` says what the table means.

The docstring of a misconception is the hint that a student gets who behaves like it.
"""

import numpy as np

from rnnlib import tasks
from rnnlib.grading.table import Graded, Part

LIMITS = {"call": 75.0}  # seconds: one call trains a network

# ---------------------------------------------------------------------------- inputs


def step_inputs(rng):
    """B, D, H ≥ 2, all different; no state within reach of zero only."""
    B, D, H = rng.permutation([2, 3, 4, 5])[:3]
    W_x, W_h = 0.7 * rng.normal(size=(4 * H, D)), 0.7 * rng.normal(size=(4 * H, H))
    x, h, c = rng.normal(size=(B, D)), rng.uniform(-0.9, 0.9, (B, H)), 1.5 * rng.normal(size=(B, H))
    return W_x, W_h, 0.7 * rng.normal(size=4 * H), x, h, c


def scaled_inputs(rng):
    """Scales of both signs, none near 0 or 1."""
    *params, x, h, c = step_inputs(rng)
    s = rng.choice([-1, 1], h.shape[1]) * rng.choice([rng.uniform(0.3, 0.7), 1.6], h.shape[1])
    return *params, s, x, h, c


def backward_inputs(rng):
    args = scaled_inputs(rng)
    return *args, rng.normal(size=args[-1].shape), rng.normal(size=args[-1].shape)


def biases(rng):
    return (
        rng.normal(size=4 * rng.integers(2, 7)),
        int(rng.integers(3, 200)),
        rng.uniform(0.05, 0.9),
    )


def one_seed(rng):
    """The seed that the visible check takes."""
    return (0,)


def the_output(result, rng):
    return result[0]


def the_memory(result, rng):
    return result[1]


def the_weights_gradients(result, rng):
    return tuple(result[:3])


def the_scale_gradient(result, rng):
    return result[3]


def the_input_gradients(result, rng):
    return tuple(result[4:6])


def the_memory_gradient(result, rng):
    return result[6]


ORDERS = ((0, 1, 3, 2), (1, 0, 2, 3), (0, 3, 1, 2), (0, 2, 1, 3))  # of the four blocks


def answers(weights, xs):
    """The class that a plain LSTM with a read-out of its last state finds most likely."""
    W_x, W_h, b, W_y, b_y = weights
    h = c = np.zeros((xs.shape[1], W_h.shape[1]))
    for x in xs:
        h, c = lstm_step(W_x, W_h, b, x, h, c)
    return (h @ W_y.T + b_y).argmax(1)


def examination(result, rng):
    """The weights as arrays, 2000 fresh sequences, their classes, and what the network says."""
    weights = [np.asarray(w, dtype=float) for w in result]
    H = weights[1].shape[1]
    if H > 64 or [w.shape for w in weights] != [(4 * H, 8), (4 * H, H), (4 * H,), (4, H), (4,)]:
        raise ValueError("no such network")
    symbols = tasks.temporal_order(rng, 30, 2000)
    xs, y = np.eye(8)[symbols.inputs], symbols.targets[-1]
    return weights, xs, y, answers(weights, xs)


def share_that_is_right(result, rng):
    _, _, y, said = examination(result, rng)
    return (
        f"it is right on {np.mean(said == y):.1%} of 2000 fresh sequences, expected 95%; "
        f"on the first symbol in {np.mean(said // 2 == y // 2):.0%}, "
        f"on the second in {np.mean(said % 2 == y % 2):.0%}"
    )


def what_it_knows(result, rng):
    """On 2000 fresh sequences: is it right in 95 of 100; if not, what else is it right about?"""
    (W_x, W_h, b, W_y, b_y), xs, y, said = examination(result, rng)
    H = W_h.shape[1]
    if np.mean(said == y) >= 0.95:
        return np.array([1, 0, 0, 0, 0])
    rows = [np.concatenate([np.arange(H) + k * H for k in order]) for order in ORDERS]
    turned = (answers([W_x[r], W_h[r], b[r], W_y, b_y], xs) for r in rows)
    knows = [
        np.mean(said // 2 == y // 2) >= 0.95,
        np.mean(said % 2 == y % 2) >= 0.95,
        np.mean(said // 2 + 2 * (said % 2) == y) >= 0.95,
        any(np.mean(one == y) >= 0.95 for one in turned),
    ]
    return np.array([0, *knows])


# ------------------------------------------------------------------------- lstm_step


def sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2  # for complex numbers too


def lstm_step(W_x, W_h, b, x, h, c):
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new), new


def lstm_output_before_candidate(W_x, W_h, b, x, h, c):
    """The third block is taken for the output gate and the fourth for the candidate; the order is
    i, f, g, o."""
    i, f, o, g = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_forget_first(W_x, W_h, b, x, h, c):
    """The first block is taken for the forget gate and the second for the input gate; the order is
    i, f, g, o."""
    f, i, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_interleaved(W_x, W_h, b, x, h, c):
    """The rows are read as if each unit had its four numbers side by side; they come in four blocks
    of H rows."""
    a = x @ W_x.T + h @ W_h.T + b
    i, f, g, o = a[:, 0::4], a[:, 1::4], a[:, 2::4], a[:, 3::4]
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_without_bias(W_x, W_h, b, x, h, c):
    """The bias b is not added."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_ignores_h(W_x, W_h, b, x, h, c):
    """The gates do not read h: nothing that the network has said comes back to it."""
    i, f, g, o = np.split(x @ W_x.T + 0 * (h @ W_h.T) + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_gates_read_c(W_x, W_h, b, x, h, c):
    """The gates read the memory c; they read the state h."""
    i, f, g, o = np.split(x @ W_x.T + c @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_candidate_is_a_gate(W_x, W_h, b, x, h, c):
    """The candidate is squashed by the logistic function; it is a tanh, so that the memory
    can fall."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (
        1 / (1 + np.exp(-i)),
        1 / (1 + np.exp(-f)),
        1 / (1 + np.exp(-o)),
        1 / (1 + np.exp(-g)),
    )
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_no_squash_on_output(W_x, W_h, b, x, h, c):
    """The memory is not squashed on its way out: h' = o ∘ tanh(c')."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * new, new


def lstm_reads_old_memory(W_x, W_h, b, x, h, c):
    """h' is read from the memory before the step; it is read from c'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(c), new


def lstm_coupled(W_x, W_h, b, x, h, c):
    """The input gate is not used: 1 - f stands in its place."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + (1 - f) * g
    return o * np.tanh(new), new


def lstm_no_input_gate(W_x, W_h, b, x, h, c):
    """The input gate is not used: the candidate is added as it is."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + g
    return o * np.tanh(new), new


def lstm_nothing_forgets(W_x, W_h, b, x, h, c):
    """The forget gate is not used: the old memory is kept whole, as in 1997."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = c + i * g
    return o * np.tanh(new), new


def lstm_squashes_memory(W_x, W_h, b, x, h, c):
    """The new memory itself is squashed; tanh stands on the way to h' alone."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = np.tanh(f * c + i * g)
    return o * np.tanh(new), new


def lstm_sign_of_exp(W_x, W_h, b, x, h, c):
    """The sign in exp is turned: σ(a) = 1 / (1 + exp(-a)), so that a gate opens as its
    preactivation grows."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(i)), 1 / (1 + np.exp(f)), 1 / (1 + np.exp(o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_input_not_transposed(W_x, W_h, b, x, h, c):
    """W_x is not transposed: a row of x is one example, so x @ W_x.T is (B, 4H)."""
    i, f, g, o = np.split(x @ W_x + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_state_not_transposed(W_x, W_h, b, x, h, c):
    """W_h is not transposed: a row of h is one example, so h @ W_h.T is (B, 4H)."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def lstm_swapped_results(W_x, W_h, b, x, h, c):
    """The two results are in the wrong order: h' comes first, then c'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return new, o * np.tanh(new)


def lstm_output_alone(W_x, W_h, b, x, h, c):
    """c' is not returned; return the pair h', c'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new)


def lstm_in_place(W_x, W_h, b, x, h, c):
    """The memory c is changed in place; it belongs to the caller."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    c *= f
    new = c + i * g
    return o * np.tanh(new), new


def lstm_by_gates(W_x, W_h, b, x, h, c):
    H = h.shape[1]

    def gate(k):
        rows = slice(k * H, (k + 1) * H)
        return x @ W_x[rows].T + h @ W_h[rows].T + b[rows]

    i, f, o = (1 / (1 + np.exp(-gate(k))) for k in (0, 1, 3))
    memory = i * np.tanh(gate(2)) + f * c
    return np.tanh(memory) * o, memory


def lstm_example_by_example(W_x, W_h, b, x, h, c):
    hs, cs = [], []
    for x_k, h_k, c_k in zip(x, h, c, strict=True):
        a = (W_x @ x_k + W_h @ h_k + b).reshape(4, -1)
        squashed = 0.5 + 0.5 * np.tanh(a / 2)
        cs.append(squashed[1] * c_k + squashed[0] * np.tanh(a[2]))
        hs.append(squashed[3] * np.tanh(cs[-1]))
    return [hs, cs]


def lstm_in_float32(W_x, W_h, b, x, h, c):
    W_x, W_h, b, x, h, c = (np.float32(a) for a in (W_x, W_h, b, x, h, c))
    a = np.hstack([x, h]) @ np.hstack([W_x, W_h]).T + b
    a = a.reshape(len(x), 4, -1)
    i, f, o = np.moveaxis(1 / (1 + np.exp(-a[:, [0, 1, 3]])), 1, 0)
    c = f * c + i * np.tanh(a[:, 2])
    return o * np.tanh(c), c


# ------------------------------------------------------------------ scaled_lstm_step


def scaled_lstm_step(W_x, W_h, b, s, x, h, c):
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(s * new), new


def scaled_without_s(W_x, W_h, b, s, x, h, c):
    """s is not used: this is the plain LSTM."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new


def scaled_outside(W_x, W_h, b, s, x, h, c):
    """s multiplies the tanh; it stands inside: tanh(s ∘ c')."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * s * np.tanh(new), new


def scaled_memory(W_x, W_h, b, s, x, h, c):
    """s scales the memory that is carried on; c' itself has no s, which acts on the way
    to h'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = s * (f * c + i * g)
    return o * np.tanh(new), new


def scaled_one_number(W_x, W_h, b, s, x, h, c):
    """One scale is used for all units; each has its own entry of s."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s.mean() * new), new


def scaled_old_memory(W_x, W_h, b, s, x, h, c):
    """h' is read from the memory before the step; it is read from c'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * c), new


def scaled_divided(W_x, W_h, b, s, x, h, c):
    """The memory is divided by s; it is multiplied."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new / s), new


def scaled_one_plus(W_x, W_h, b, s, x, h, c):
    """The memory is multiplied by 1 + s; it is multiplied by s."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh((1 + s) * new), new


def scaled_output_before_candidate(W_x, W_h, b, s, x, h, c):
    """The third block is taken for the output gate and the fourth for the candidate; the order is
    i, f, g, o."""
    i, f, o, g = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * new), new


def scaled_forget_first(W_x, W_h, b, s, x, h, c):
    """The first block is taken for the forget gate and the second for the input gate; the order is
    i, f, g, o."""
    f, i, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * new), new


def scaled_sign_of_exp(W_x, W_h, b, s, x, h, c):
    """The sign in exp is turned: σ(a) = 1 / (1 + exp(-a)), so that a gate opens as its
    preactivation grows."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(i)), 1 / (1 + np.exp(f)), 1 / (1 + np.exp(o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * new), new


def scaled_input_not_transposed(W_x, W_h, b, s, x, h, c):
    """W_x is not transposed: a row of x is one example, so x @ W_x.T is (B, 4H)."""
    i, f, g, o = np.split(x @ W_x + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * new), new


def scaled_state_not_transposed(W_x, W_h, b, s, x, h, c):
    """W_h is not transposed: a row of h is one example, so h @ W_h.T is (B, 4H)."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(s * new), new


def scaled_swapped_results(W_x, W_h, b, s, x, h, c):
    """The two results are in the wrong order: h' comes first, then c'."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new = f * c + i * g
    return new, o * np.tanh(s * new)


def right_scaled_step(W_x, W_h, b, s, x, h, c):
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    new = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(s * new) / (1 + np.exp(-o)), new


def scaled_by_diagonal_matrix(W_x, W_h, b, s, x, h, c):
    a = (W_x @ x.T + W_h @ h.T + b[:, None]).reshape(4, len(s), -1)
    i, f, o = (1 / (1 + np.exp(-a[k])) for k in (0, 1, 3))
    memory = f * c.T + i * np.tanh(a[2])
    return (o * np.tanh(np.diag(s) @ memory)).T, memory.T


def scaled_in_float32(W_x, W_h, b, s, x, h, c):
    W_x, W_h, b, s, x, h, c = (np.float32(a) for a in (W_x, W_h, b, s, x, h, c))
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=-1)
    memory = c / (1 + np.exp(-a_f)) + np.tanh(a_g) / (1 + np.exp(-a_i))
    return [np.tanh(memory * s) / (1 + np.exp(-a_o)), memory]


# --------------------------------------------------------- scaled_lstm_step_backward


def scaled_lstm_step_backward(W_x, W_h, b, s, x, h, c, dh, dc):
    """By the complex step of the forward step, one number nudged at a time."""
    args = [W_x, W_h, b, s, x, h, c]
    grads = []
    for k, a in enumerate(args):
        grad = np.empty(a.shape)
        for at in np.ndindex(a.shape):
            nudged = a.astype(complex)
            nudged[at] += 1e-30j
            h_new, c_new = scaled_forward(*args[:k], nudged, *args[k + 1 :])
            grad[at] = (h_new * dh + c_new * dc).sum().imag / 1e-30
        grads.append(grad)
    return tuple(grads)


def scaled_forward(W_x, W_h, b, s, x, h, c):
    """(scaled), whatever stands in for the student's step."""
    i, f, g, o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(s * new), new


def back_scale_missing_in_memory(W_x, W_h, b, s, x, h, c, dh, dc):
    """On the way from h' to c' the factor s is missing: h' depends on s ∘ c'."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_forgets_output(W_x, W_h, b, s, x, h, c, dh, dc):
    """The way from c' through h' is forgotten: c' acts there as well as in the next step."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)

    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_drops_dc(W_x, W_h, b, s, x, h, c, dh, dc):
    """The dc that arrives from later steps is not used: c' acts there as well as in h'."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_plain_tanh(W_x, W_h, b, s, x, h, c, dh, dc):
    """The tanh is taken of c' on the way back; it is tanh(s ∘ c'), in its derivative too."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_slope_of_plain_tanh(W_x, W_h, b, s, x, h, c, dh, dc):
    """The slope is 1 - tanh²(c'); it is 1 - tanh²(s ∘ c')."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - np.tanh(new) ** 2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_slope_of_output(W_x, W_h, b, s, x, h, c, dh, dc):
    """The slope is 1 - h'², the habit from the Elman network; here h' is o times the tanh, and the
    slope is 1 - tanh²(s ∘ c')."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - (o * r) ** 2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_input_not_transposed(W_x, W_h, b, s, x, h, c, dh, dc):
    """W_x is not transposed: a row of x is one example, so x @ W_x.T is (B, 4H)."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_state_not_transposed(W_x, W_h, b, s, x, h, c, dh, dc):
    """W_h is not transposed: a row of h is one example, so h @ W_h.T is (B, 4H)."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_turned_too_often(W_x, W_h, b, s, x, h, c, dh, dc):
    """On the way back W_x is not transposed: a row of da is one example, (B, 4H), so da @ W_x is
    (B, D) and da @ W_h is (B, H)."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x.T, da @ W_h.T, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_no_slope(W_x, W_h, b, s, x, h, c, dh, dc):
    """The slope of the tanh is missing on the way from h' to s ∘ c'."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_not_summed(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds has a row for each example; s is one vector for the whole batch, so sum over it."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = du * new
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_mean(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds is the mean over the batch; it is the sum."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).mean(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_old_memory(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds has the memory before the step; s multiplies c'."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * c).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_without_memory(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds lacks the factor c', which s multiplies."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = du.sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_from_total(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds is taken from all that reaches c', later steps too; s acts through h' alone."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    dc = dc + du * s
    ds = (dc * new).sum(0)
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_ds_with_tanh(W_x, W_h, b, s, x, h, c, dh, dc):
    """ds has tanh(s ∘ c') in place of c'; the derivative of s ∘ c' by s is c'."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * r).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_df_new_memory(W_x, W_h, b, s, x, h, c, dh, dc):
    """df has the memory after the step; the forget gate multiplied the one before."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * new, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_i_and_f_swapped(W_x, W_h, b, s, x, h, c, dh, dc):
    """di and df are swapped: the partner of i is g, that of f is c."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * c, dc * g, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_candidate_as_gate(W_x, W_h, b, s, x, h, c, dh, dc):
    """The candidate's slope is a gate's; g is a tanh, so it is 1 - g²."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * g * (1 - g), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_no_gate_slopes(W_x, W_h, b, s, x, h, c, dh, dc):
    """The slopes of the gates are missing: da_i = di ∘ i ∘ (1 - i), and so for f and o."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di, df, dg * (1 - g**2), do]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_slopes_of_preactivations(W_x, W_h, b, s, x, h, c, dh, dc):
    """The slopes are taken of the preactivations; they are written with what came out,
    i (1 - i)."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * a_i * (1 - a_i), df * a_f * (1 - a_f), dg * (1 - a_g**2), do * a_o * (1 - a_o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_wrong_block_order(W_x, W_h, b, s, x, h, c, dh, dc):
    """The blocks of da are stacked in another order than those of a; the order is i, f, g, o."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_dc_not_forgotten(W_x, W_h, b, s, x, h, c, dh, dc):
    """The forget gate is missing in dc_prev: c was multiplied by f."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_dc_prev_too_early(W_x, W_h, b, s, x, h, c, dh, dc):
    """dc_prev is f times the dc that arrived; what came through h' belongs to it as well."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc_prev = dc * f
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev = da @ W_x, da @ W_h
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_batch_mean(W_x, W_h, b, s, x, h, c, dh, dc):
    """The gradients of the weights are means over the batch; they are sums."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x / len(x), da.T @ h / len(x), da.mean(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_db_not_summed(W_x, W_h, b, s, x, h, c, dh, dc):
    """db has a row for each example; b is one vector for the whole batch, so sum over it."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_states_swapped(W_x, W_h, b, s, x, h, c, dh, dc):
    """dh_prev and dc_prev are in the wrong order."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dc_prev, dh_prev


def back_dh_passed_through(W_x, W_h, b, s, x, h, c, dh, dc):
    """dh is added to dh_prev; h acts through the gates alone."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h + dh, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_output_gate_lost(W_x, W_h, b, s, x, h, c, dh, dc):
    """The output gate gets no gradient: do = dh ∘ tanh(s ∘ c')."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = 0 * dh
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_do_of_memory(W_x, W_h, b, s, x, h, c, dh, dc):
    """do has c' in place of tanh(s ∘ c')."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * new
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_in_place(W_x, W_h, b, s, x, h, c, dh, dc):
    """dc is changed in place; it belongs to the caller."""
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc += du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def right_scaled_backward(W_x, W_h, b, s, x, h, c, dh, dc):
    a_i, a_f, a_g, a_o = np.split(x @ W_x.T + h @ W_h.T + b, 4, axis=1)
    i, f, o, g = (*(1 / (1 + np.exp(-a)) for a in (a_i, a_f, a_o)), np.tanh(a_g))
    new = f * c + i * g
    r = np.tanh(s * new)
    do = dh * r
    du = dh * o * (1 - r**2)
    ds = (du * new).sum(0)
    dc = dc + du * s
    di, df, dg = dc * g, dc * c, dc * i
    da = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    da = np.concatenate(da, axis=1)
    dW_x, dW_h, db = da.T @ x, da.T @ h, da.sum(0)
    dx, dh_prev, dc_prev = da @ W_x, da @ W_h, dc * f
    return dW_x, dW_h, db, ds, dx, dh_prev, dc_prev


def back_by_gates(W_x, W_h, b, s, x, h, c, dh, dc):
    H = len(s)
    rows = [slice(k * H, (k + 1) * H) for k in range(4)]
    a = [x @ W_x[r].T + h @ W_h[r].T + b[r] for r in rows]
    i, f, o = (1 / (1 + np.exp(-a[k])) for k in (0, 1, 3))
    g = np.tanh(a[2])
    memory = f * c + i * g
    scaled = np.tanh(memory * s)
    through = dh * o / np.cosh(memory * s) ** 2
    total = dc + through * s
    da = [
        total * g * i * (1 - i),
        total * c * f * (1 - f),
        total * i * (1 - g) * (1 + g),
        dh * scaled * o * (1 - o),
    ]
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b)
    dx, dh_prev = 0, 0
    for r, d in zip(rows, da, strict=True):
        dW_x[r], dW_h[r], db[r] = d.T @ x, d.T @ h, d.sum(axis=0)
        dx, dh_prev = dx + d @ W_x[r], dh_prev + d @ W_h[r]
    return [dW_x, dW_h, db, np.sum(through * memory, axis=0), dx, dh_prev, total * f]


def back_by_einsum(W_x, W_h, b, s, x, h, c, dh, dc):
    B, H = h.shape
    a = (np.einsum("ad,nd->na", W_x, x) + np.einsum("ak,nk->na", W_h, h) + b).reshape(B, 4, H)
    y = 1 / (1 + np.exp(-a))
    y[:, 2] = np.tanh(a[:, 2])
    slope = y * (1 - y)
    slope[:, 2] = 1 - y[:, 2] ** 2
    new = y[:, 1] * c + y[:, 0] * y[:, 2]
    r = np.tanh(s * new)
    u = dh * y[:, 3] * (1 - r * r)
    total = dc + u * s
    dy = np.stack([total * y[:, 2], total * c, total * y[:, 0], dh * r], axis=1)
    da = (dy * slope).reshape(B, -1)
    return (
        np.einsum("na,nd->ad", da, x),
        np.einsum("na,nk->ak", da, h),
        np.einsum("na->a", da),
        np.einsum("nk,nk->k", u, new),
        np.einsum("na,ad->nd", da, W_x),
        np.einsum("na,ak->nk", da, W_h),
        total * y[:, 1],
    )


# ----------------------------------------------------------------------- forget_bias


def forget_bias(b, steps, share):
    b_i, _, b_g, b_o = np.split(b, 4)
    b_f = -np.log(np.expm1(-np.log(share) / steps))
    return np.concatenate([b_i, np.full(len(b_i), b_f), b_g, b_o])


def bias_of_input_gate(b, steps, share):
    """The rows of the input gate are set; those of the forget gate are the second block."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[:H] = np.log(f / (1 - f))
    return new


def bias_of_candidate(b, steps, share):
    """The rows of the candidate are set; those of the forget gate are the second block."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[2 * H : 3 * H] = np.log(f / (1 - f))
    return new


def bias_of_output_gate(b, steps, share):
    """The rows of the output gate are set; those of the forget gate are the second block."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[3 * H :] = np.log(f / (1 - f))
    return new


def bias_of_all(b, steps, share):
    """All gates are set; only the forget gate is."""
    new = b.copy()
    f = share ** (1 / steps)
    new[:] = np.log(f / (1 - f))
    return new


def bias_added(b, steps, share):
    """The number is added to what b held; it takes its place."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] += np.log(f / (1 - f))
    return new


def bias_is_the_gate(b, steps, share):
    """The bias is set to the value that the gate should have; the gate is σ of the bias."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] = f
    return new


def bias_one_step(b, steps, share):
    """The share is what is left after one step; it is left after all steps."""
    new, H = b.copy(), len(b) // 4
    f = share
    new[H : 2 * H] = np.log(f / (1 - f))
    return new


def bias_linear(b, steps, share):
    """The loss is spread evenly, as if each step took the same amount; each step multiplies."""
    new, H = b.copy(), len(b) // 4
    f = 1 - (1 - share) / steps
    new[H : 2 * H] = np.log(f / (1 - f))
    return new


def bias_share_over_steps(b, steps, share):
    """The share is divided by the number of steps; each step multiplies, so the gate is its root,
    share ** (1 / steps)."""
    new, H = b.copy(), len(b) // 4
    f = share / steps
    new[H : 2 * H] = np.log(f / (1 - f))
    return new


def bias_power(b, steps, share):
    """The share is raised to the power of steps; the gate is its root."""
    new, H = b.copy(), len(b) // 4
    f = share**steps
    new[H : 2 * H] = np.log(f / (1 - f))
    return new


def bias_sign(b, steps, share):
    """The sign is turned: a gate near 1 needs a large positive bias."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] = np.log((1 - f) / f)
    return new


def bias_as_exponent(b, steps, share):
    """This is the logarithm of the gate; the gate is σ of the bias, and the inverse of σ is
    log(f / (1 - f))."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] = np.log(f)
    return new


def bias_inverse_tanh(b, steps, share):
    """The inverse is that of tanh; the gate is σ of the bias."""
    new, H = b.copy(), len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] = np.arctanh(f)
    return new


def bias_interleaved(b, steps, share):
    """Every fourth entry is set, from the second on; the forget gate's rows are one block of H."""
    new = b.copy()
    f = share ** (1 / steps)
    new[1::4] = np.log(f / (1 - f))
    return new


def bias_in_place(b, steps, share):
    """b is changed in place; it belongs to the caller."""
    new, H = b, len(b) // 4
    f = share ** (1 / steps)
    new[H : 2 * H] = np.log(f / (1 - f))
    return new


def bias_by_reshape(b, steps, share):
    blocks = np.array(b).reshape(4, -1)
    rate = np.log(share) / steps
    blocks[1] = rate - np.log(1 - np.exp(rate))
    return blocks.ravel()


def bias_as_list(b, steps, share):
    import math

    f = math.exp(math.log(share) / steps)
    H = len(b) // 4
    return [*b[:H], *[-math.log(1 / f - 1)] * H, *b[2 * H :]]


def bias_by_bisection(b, steps, share):
    low, high = -50.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        left = (1 / (1 + np.exp(-middle))) ** steps
        low, high = (middle, high) if left < share else (low, middle)
    index = np.arange(len(b)) // (len(b) // 4)
    return np.where(index == 1, low, b)


# ------------------------------------------------------------------------- order_net


def order_net(seed):
    """Wired by hand: one unit counts the symbols that matter and says which of two listens."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)  # i: at X or Y; the last: only after one
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0  # f: keep
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0  # g: one; the sign
    b[9:12] = 20.0  # o: say
    return W_x, W_h, b, np.array([[0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]]), np.zeros(4)


def order_second_alone(seed):
    """It knows the second symbol and not the first, which lies 23 to 26 steps before the end. Does
    the walk go from the last step to the first, and through all 30? Are dh and dc both carried?
    Are the forget gates open at the start? If so, train longer."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    W_y[:, 1] = 0
    return W_x, W_h, b, W_y, np.zeros(4)


def order_first_alone(seed):
    """It knows the first symbol and not the second. Does the walk go from the last step to the
    first? Are dh and dc both carried? Are the forget gates open at the start? If so, train
    longer."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    W_y[:, 2] = 0
    return W_x, W_h, b, W_y, np.zeros(4)


def order_digits_swapped(seed):
    """It knows both symbols and says them in the wrong order: the class is twice the first,
    plus the second."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    W_y = W_y[:, [0, 2, 1]]
    return W_x, W_h, b, W_y, np.zeros(4)


def order_other_blocks(seed):
    """It would be right if its blocks were in another order; they are i, f, g, o, as in part 1."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    rows = np.array([0, 1, 2, 3, 4, 5, 9, 10, 11, 6, 7, 8])
    return W_x[rows], W_h[rows], b[rows], W_y, np.zeros(4)


def order_guesses(seed):
    """It knows neither symbol surely. Does the walk go from the last step to the first? Are dh and
    dc both carried? Are the forget gates open at the start? Is the loss taken of the last state,
    the gradient subtracted, and are the weights that are returned those after training?"""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    return 0 * W_x, 0 * W_h, 0 * b, 0 * W_y, np.zeros(4)


def order_without_readout(seed):
    """The read-out is not returned; return the five of (W_x, W_h, b, W_y, b_y)."""
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    return W_x, W_h, b


def order_wired(seed):
    W_x, W_h, b = np.zeros((12, 8)), np.zeros((12, 3)), np.zeros(12)
    W_x[0:3, 4:6], b[0:3] = 20.0, (-10.0, -10.0, -30.0)
    W_h[0:3, 0] = 0.0, -25.0, 25.0
    b[3:6] = 20.0
    W_x[7:9, 4], W_x[7:9, 5], b[6] = -3.0, 3.0, 5.0
    b[9:12] = 20.0
    W_y = np.array([[0.0, -1, -1], [0, -1, 1], [0, 1, -1], [0, 1, 1]])
    return W_x, W_h, b, W_y, np.zeros(4)


def order_wired_as_lists(seed):
    W = np.zeros((4, 3, 8))
    W[0, :, 4:6], W[2, 1:, 4], W[2, 1:, 5] = 20, -3, 3
    U = np.zeros((4, 3, 3))
    U[0, 1, 0], U[0, 2, 0] = -25, 25
    b = [-10, -10, -30, 20, 20, 20, 5, 0, 0, 20, 20, 20]
    W_y = [[0, -7, -5], [0, -7, 5], [0, 7, -5], [0, 7, 5]]
    return [W.reshape(12, 8).tolist(), U.reshape(12, 3).tolist(), b, W_y, [0, 0, 0, 0]]


# ------------------------------------------------------------------------- the table

STEPS = {
    "scaled_lstm_step": right_scaled_step,
    "scaled_lstm_step_backward": right_scaled_backward,
    "lstm_step": lstm_by_gates,
    "forget_bias": bias_by_reshape,
}

GRADED = (
    Graded(
        name="lstm_step",
        reference=lstm_step,
        parts=(
            Part("lstm_step-check-memory", 5, step_inputs, the_memory),
            Part("lstm_step-check-output", 5, step_inputs, the_output),
        ),
        misconceptions=(
            lstm_output_before_candidate,
            lstm_forget_first,
            lstm_interleaved,
            lstm_without_bias,
            lstm_ignores_h,
            lstm_gates_read_c,
            lstm_candidate_is_a_gate,
            lstm_no_squash_on_output,
            lstm_reads_old_memory,
            lstm_coupled,
            lstm_no_input_gate,
            lstm_nothing_forgets,
            lstm_squashes_memory,
            lstm_sign_of_exp,
            lstm_input_not_transposed,
            lstm_state_not_transposed,
            lstm_swapped_results,
            lstm_output_alone,
            lstm_in_place,
        ),
        alternatives=(lstm_by_gates, lstm_example_by_example, lstm_in_float32),
        says={
            lstm_output_before_candidate: "is the candidate the third block",
            lstm_forget_first: "is the input gate the first block",
            lstm_interleaved: "not four by four",
            lstm_without_bias: "is b added",
            lstm_ignores_h: "h has no effect on c'",
            lstm_gates_read_c: "read h, and not c",
            lstm_candidate_is_a_gate: "the candidate is a tanh",
            lstm_no_squash_on_output: "the tanh is missing",
            lstm_reads_old_memory: "the memory before the step is read",
            lstm_coupled: "1 - f stands",
            lstm_no_input_gate: "the input gate is not used",
            lstm_nothing_forgets: "c is kept whole",
            lstm_squashes_memory: "c' itself is squashed",
            lstm_sign_of_exp: "with the minus sign?",
            lstm_input_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            lstm_state_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            lstm_swapped_results: "they are swapped",
            lstm_output_alone: "expected the pair",
            lstm_in_place: "lstm_step changes c in place",
        },
    ),
    Graded(
        name="scaled_lstm_step",
        reference=scaled_lstm_step,
        parts=(Part("scaled_lstm_step-check", 15, scaled_inputs),),
        misconceptions=(
            scaled_without_s,
            scaled_outside,
            scaled_memory,
            scaled_one_number,
            scaled_old_memory,
            scaled_divided,
            scaled_one_plus,
            scaled_output_before_candidate,
            scaled_forget_first,
            scaled_sign_of_exp,
            scaled_input_not_transposed,
            scaled_state_not_transposed,
            scaled_swapped_results,
        ),
        alternatives=(right_scaled_step, scaled_by_diagonal_matrix, scaled_in_float32),
        says={
            scaled_without_s: "s is not used",
            scaled_outside: "it stands inside",
            scaled_memory: "the memory is carried on as it is",
            scaled_one_number: "each has its own",
            scaled_old_memory: "the memory before the step is read",
            scaled_divided: "divided by s",
            scaled_one_plus: "by 1 + s",
            scaled_output_before_candidate: "is the candidate the third block",
            scaled_forget_first: "is the input gate the first block",
            scaled_sign_of_exp: "with the minus sign?",
            scaled_input_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            scaled_state_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            scaled_swapped_results: "h' comes first",
        },
    ),
    Graded(
        name="scaled_lstm_step_backward",
        reference=scaled_lstm_step_backward,
        parts=(
            Part("scaled_lstm_step_backward-check-memory", 8, backward_inputs, the_memory_gradient),
            Part("scaled_lstm_step_backward-check-scale", 10, backward_inputs, the_scale_gradient),
            Part(
                "scaled_lstm_step_backward-check-weights",
                15,
                backward_inputs,
                the_weights_gradients,
            ),
            Part(
                "scaled_lstm_step_backward-check-inputs", 12, backward_inputs, the_input_gradients
            ),
        ),
        misconceptions=(
            back_scale_missing_in_memory,
            back_forgets_output,
            back_drops_dc,
            back_plain_tanh,
            back_slope_of_plain_tanh,
            back_slope_of_output,
            back_input_not_transposed,
            back_state_not_transposed,
            back_turned_too_often,
            back_no_slope,
            back_ds_not_summed,
            back_ds_mean,
            back_ds_old_memory,
            back_ds_without_memory,
            back_ds_from_total,
            back_ds_with_tanh,
            back_df_new_memory,
            back_i_and_f_swapped,
            back_candidate_as_gate,
            back_no_gate_slopes,
            back_slopes_of_preactivations,
            back_wrong_block_order,
            back_dc_not_forgotten,
            back_dc_prev_too_early,
            back_batch_mean,
            back_db_not_summed,
            back_states_swapped,
            back_dh_passed_through,
            back_output_gate_lost,
            back_do_of_memory,
            back_in_place,
        ),
        alternatives=(right_scaled_backward, back_by_gates, back_by_einsum),
        says={
            back_scale_missing_in_memory: "the factor s is missing",
            back_forgets_output: "the way through h' is missing",
            back_drops_dc: "the dc that arrives is not used",
            back_plain_tanh: "the slope is that of tanh(c')",
            back_slope_of_plain_tanh: "the slope is that of tanh(c')",
            back_slope_of_output: "the slope is 1 - h'²",
            back_input_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            back_state_not_transposed: "so x @ W_x.T and h @ W_h.T are (B, 4H)",
            back_turned_too_often: "da @ W_x is (B, D), da @ W_h is (B, H)",
            back_no_slope: "is missing",
            back_ds_not_summed: "is summed over the batch",
            back_ds_mean: "the mean over the batch",
            back_ds_old_memory: "not the memory before",
            back_ds_without_memory: "the factor c', which s multiplies",
            back_ds_from_total: "s acts through h' alone",
            back_ds_with_tanh: "stands in the place of c'",
            back_df_new_memory: "with the memory before the step",
            back_i_and_f_swapped: "di = dc' ∘ g",
            back_candidate_as_gate: "and then 1 - g²",
            back_no_gate_slopes: "and then i (1 - i)",
            back_slopes_of_preactivations: "and then i (1 - i)",
            back_wrong_block_order: "the blocks of g and o are swapped",
            back_dc_not_forgotten: "c was multiplied by f",
            back_batch_mean: "the mean over the batch",
            back_db_not_summed: "sum over the batch",
            back_states_swapped: "this is dh_prev",
            back_dh_passed_through: "dh is added",
            back_output_gate_lost: "the block of o is wrong",
            back_do_of_memory: "the block of o is wrong",
            back_in_place: "changes dc in place",
        },
    ),
    Graded(
        name="forget_bias",
        reference=forget_bias,
        parts=(Part("forget_bias-check", 10, biases),),
        misconceptions=(
            bias_of_input_gate,
            bias_of_candidate,
            bias_of_output_gate,
            bias_of_all,
            bias_added,
            bias_is_the_gate,
            bias_one_step,
            bias_linear,
            bias_share_over_steps,
            bias_power,
            bias_sign,
            bias_as_exponent,
            bias_inverse_tanh,
            bias_interleaved,
            bias_in_place,
        ),
        alternatives=(bias_by_reshape, bias_as_list, bias_by_bisection),
        says={
            bias_of_input_gate: "expected the second alone",
            bias_of_candidate: "expected the second alone",
            bias_of_output_gate: "expected the second alone",
            bias_of_all: "expected the second alone",
            bias_added: "it was added to b",
            bias_is_the_gate: "this is the gate",
            bias_one_step: "after one step",
            bias_linear: "each step multiplies",
            bias_share_over_steps: "divided by the number of steps",
            bias_power: "is left after 15 steps",
            bias_sign: "the sign is turned",
            bias_as_exponent: "the log of the gate",
            bias_inverse_tanh: "not tanh",
            bias_interleaved: "expected the second alone",
            bias_in_place: "changes b in place",
        },
    ),
    Graded(
        name="order_net",
        reference=order_net,
        parts=(
            Part(
                "order_net-check",
                20,
                one_seed,
                what_it_knows,
                draws=1,
                remark=share_that_is_right,
            ),
        ),
        misconceptions=(
            order_second_alone,
            order_first_alone,
            order_digits_swapped,
            order_other_blocks,
            order_guesses,
            order_without_readout,
        ),
        alternatives=(order_wired, order_wired_as_lists),
        tolerance=0,
        stand_ins=STEPS,
        slow=True,
        says={
            order_second_alone: "it knows the second symbol",
            order_first_alone: "the first symbol and not the second",
            order_digits_swapped: "in the wrong order",
            order_other_blocks: "its blocks in another order",
            order_guesses: "Do the checks of parts 2 to 4 pass",
            order_without_readout: "expected the five",
        },
    ),
)
