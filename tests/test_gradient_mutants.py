"""Would the gradient tests notice a bug? Plant some, and see.

Each mutant replaces one place in the source of a module. The strong test, which the other files
use, catches all of them. The weak one, one step from a zero state with a plain sum for a loss, is
what one finds in tutorials: it misses more than half.
"""

import pytest
from helpers import (
    catches,
    cell_error,
    convolution_error,
    cross_entropy_error,
    layer_norm_error,
    linear_error,
    mse_error,
    mutant,
    weak_cell_error,
)

from rnnlib.reference import (
    bptt,
    conv_lstm,
    convolution,
    elman,
    elman_activation,
    gru,
    gru_cho,
    jordan,
    layer_norm,
    linear,
    losses,
    lstm,
    lstm_1997,
    lstm_coupled,
    lstm_layer_norm,
    lstm_peephole,
    lstm_projected,
    mgu,
)

SIZES = {"T": 5, "B": 3, "D": 3, "H": 4}

ELMAN = [
    ("dstate.h * (1 - h**2)", "dstate.h"),
    ("dstate.h * (1 - h**2)", "dstate.h * (1 - h)"),
    ("dstate.h * (1 - h**2)", "dstate.h * (1 - prev.h**2)"),
    ("dstate.h * (1 - h**2)", "1.0 - h**2"),
    ("dstate.h * (1 - h**2)", "dstate.h.mean() * (1 - h**2)"),
    ("W_x=da.T @ x", "W_x=dstate.h.T @ x"),
    ("W_x=da.T @ x", "W_x=da.T @ x / len(x)"),
    ("W_h=da.T @ prev.h", "W_h=da.T @ h"),
    ("W_h=da.T @ prev.h", "W_h=0 * W_h"),
    ("W_h=da.T @ prev.h", "W_h=prev.h.T @ da"),
    ("b=da.sum(0)", "b=da.mean(0)"),
    ("b=da.sum(0)", "b=dstate.h.sum(0)"),
    ("dparams, da @ W_x", "dparams, dstate.h @ W_x"),
    ("dparams, da @ W_x", "dparams, 2 * da @ W_x"),
    ("h=da @ W_h", "h=da @ W_h.T"),
    ("h=da @ W_h", "h=dstate.h @ W_h"),
    ("h=da @ W_h", "h=0 * da"),
    ("h=da @ W_h", "h=-da @ W_h"),
]
ACTIVATION = [
    ("dstate.h * self.activation.slope(h)", "dstate.h"),
    ("dstate.h * self.activation.slope(h)", "dstate.h * self.activation.slope(prev.h)"),
    ("W_h=da.T @ prev.h", "W_h=da.T @ h"),
    ("W_h=da.T @ prev.h", "W_h=0 * W_h"),
    ("da.sum(0)", "da.mean(0)"),
    ("h=da @ W_h", "h=da @ W_h.T"),
    ("h=da @ W_h", "h=0 * da"),
]
RELU = [
    ("lambda h: h.real > 0", "lambda h: h.real < 0"),
    ("lambda h: h.real > 0", "lambda h: h"),
    ("lambda h: h.real > 0", "lambda h: 1 - h**2"),
]
SIGMOID = [
    ("lambda h: h * (1 - h)", "lambda h: h"),
    ("lambda h: h * (1 - h)", "lambda h: 1 - h"),
    ("lambda h: h * (1 - h)", "lambda h: sigmoid(h) * (1 - sigmoid(h))"),
]
TANH = [
    ("lambda h: 1 - h**2", "lambda h: 1 - h"),
    ("lambda h: 1 - h**2", "lambda h: 1 - np.tanh(h) ** 2"),
]
JORDAN = [
    ("dstate.h.T @ u", "dstate.h.T @ u / len(u)"),
    ("dstate.h.T @ u", "0 * W_y"),
    ("dstate.h.sum(0)", "dstate.h.mean(0)"),
    ("dstate.h.sum(0)", "dstate.h[0]"),
    ("dstate.h @ W_y * (1 - u**2)", "dstate.h @ W_y"),
    ("dstate.h @ W_y * (1 - u**2)", "dstate.h @ W_y * (1 - u)"),
    ("da.T @ prev.h", "0 * W_h"),
    ("da.T @ prev.h", "da.T @ dstate.h"),
    ("da.sum(0)", "da[0]"),
    ("h=da @ W_h", "h=0 * prev.h"),
    ("h=da @ W_h", "h=u @ W_h"),
]
LSTM = [
    ("dh * tanh_c  #", "dh  #"),
    ("dh * tanh_c  #", "dh * c  #"),
    ("dc + dh * o * (1 - tanh_c**2)", "dh * o * (1 - tanh_c**2)"),
    ("dc + dh * o * (1 - tanh_c**2)", "dc"),
    ("dc + dh * o * (1 - tanh_c**2)", "dc + dh * (1 - tanh_c**2)"),
    ("dc + dh * o * (1 - tanh_c**2)", "dc + dh * o * (1 - tanh_c)"),
    ("dc + dh * o * (1 - tanh_c**2)", "dc + dh * o"),
    ("dc * g, dc * c, dc * i", "dc * i, dc * c, dc * g"),
    ("dc * g, dc * c, dc * i", "dc * g, dc * f, dc * i"),
    ("dc * g, dc * c, dc * i", "dc * g, dc * tanh_c, dc * i"),
    ("di * i * (1 - i)", "di * (1 - i**2)"),
    ("df * f * (1 - f)", "df * (1 - f)"),
    ("df * f * (1 - f)", "0 * df"),
    ("dg * (1 - g**2)", "dg * g * (1 - g)"),
    ("do * o * (1 - o)", "do * o"),
    ("return da, dc * f", "return da, dc"),
    ("return da, dc * f", "return da, dc * i"),
    ("prev.c, dstate.h, dstate.c)", "prev.c, dstate.h, 0 * dstate.c)"),
    ("prev.c, dstate.h, dstate.c)", "prev.h, dstate.h, dstate.c)"),
    ("W_h=da.T @ prev.h", "W_h=0 * W_h"),
    ("h=da @ W_h, c=dc", "h=0 * dc, c=dc"),
    ("h=da @ W_h, c=dc", "h=da @ W_h, c=0 * dc"),
]
LSTM_1997 = [
    ("dstate.h * tanh_c", "dstate.h * prev.c"),
    ("dstate.c + dstate.h * o * (1 - tanh_c**2)", "dstate.h * o * (1 - tanh_c**2)"),
    ("dstate.c + dstate.h * o * (1 - tanh_c**2)", "dstate.c"),
    ("di, dg = dc * g, dc * i", "di, dg = dc * i, dc * g"),
    ("[di * i * (1 - i)", "[di * (1 - i)"),
    ("dg * (1 - g**2)", "dg * (1 - g)"),
    ("[di * i * (1 - i), dg * (1 - g**2)", "[dg * (1 - g**2), di * i * (1 - i)"),
    ("W_h=da.T @ prev.h", "W_h=0 * W_h"),
    ("b=da.sum(0)", "b=da[0]"),
    ("h=da @ W_h, c=dc)", "h=da @ W_h, c=dc * (1 - i))"),
    ("h=da @ W_h, c=dc)", "h=da @ W_h, c=dstate.c)"),
    ("h=da @ W_h, c=dc)", "h=0 * dc, c=dc)"),  # the truncated gradient of the paper
]
LSTM_COUPLED = [
    ("dstate.h * tanh_c", "dstate.h * prev.c"),
    ("dstate.c + dstate.h * o * (1 - tanh_c**2)", "dstate.h * o * (1 - tanh_c**2)"),
    ("dc * (g - prev.c)", "dc * g"),
    ("dc * (g - prev.c)", "dc * (g + prev.c)"),
    ("dc * (g - prev.c)", "dc * (prev.c - g)"),
    ("[di * i * (1 - i)", "[di * (1 - i)"),
    ("W_h=da.T @ prev.h", "W_h=0 * W_h"),
    ("b=da.sum(0)", "b=da[0]"),
    ("h=da @ W_h, c=dc * (1 - i))", "h=da @ W_h, c=dc)"),
    ("h=da @ W_h, c=dc * (1 - i))", "h=da @ W_h, c=dc * i)"),
    ("h=da @ W_h, c=dc * (1 - i))", "h=0 * dc, c=dc * (1 - i))"),
]
LSTM_PEEPHOLE = [
    ("dstate.h * tanh_c * o * (1 - o)", "dstate.h * tanh_c * (1 - o)"),
    ("(1 - tanh_c**2) + w_o * da_o", "(1 - tanh_c**2)"),
    ("(1 - tanh_c**2) + w_o * da_o", "(1 - tanh_c**2) + w_i * da_o"),
    ("dc = dstate.c + dstate.h", "dc = dstate.h"),
    ("da_i = dc * g * i", "da_i = dc * prev.c * i"),
    ("da_f = dc * prev.c * f", "da_f = dc * c * f"),
    ("da_g = dc * i", "da_g = dc * f"),
    ("[da_i * prev.c, da_f * prev.c, da_o * c]", "[da_i * c, da_f * prev.c, da_o * c]"),
    ("[da_i * prev.c, da_f * prev.c, da_o * c]", "[da_i * prev.c, da_f * c, da_o * c]"),
    ("[da_i * prev.c, da_f * prev.c, da_o * c]", "[da_i * prev.c, da_f * prev.c, da_o * prev.c]"),
    ("[da_i, da_f, da_g, da_o]", "[da_f, da_i, da_g, da_o]"),
    ("dc * f + w_i * da_i + w_f * da_f", "dc * f"),
    ("dc * f + w_i * da_i + w_f * da_f", "dc * f + w_i * da_i"),
    ("dc * f + w_i * da_i + w_f * da_f", "dc * f + w_i * da_i + w_f * da_i"),
    ("h=da @ W_h, c=dc", "h=da @ W_h, c=0 * dc"),
]
LSTM_PROJECTED = [
    ("dstate.h.T @ u", "0 * W_p"),
    ("dstate.h.T @ u", "dstate.h.T @ prev.c"),
    ("dstate.h @ W_p", "-dstate.h @ W_p"),
    ("prev.c, du, dstate.c", "prev.c, du, 0 * dstate.c"),
    ("prev.c, du, dstate.c", "u, du, dstate.c"),
    ("da.T @ prev.h", "0 * W_h"),
    ("da.T @ prev.h", "da.T @ dstate.h"),
    ("da.sum(0)", "da[0]"),
    ("h=da @ W_h, c=dc)", "h=0 * prev.h, c=dc)"),
    ("h=da @ W_h, c=dc)", "h=da @ W_h, c=dstate.c)"),
]
LSTM_LAYER_NORM = [
    ("dstate.h * tanh_c, dstate.h * o", "dstate.h * c_hat, dstate.h * o"),
    ("dstate.h * tanh_c, dstate.h * o", "dstate.h * tanh_c, dstate.h"),
    ("* (1 - tanh_c**2)", "* (1 - tanh_c)"),
    ("dc = dstate.c + normalise", "dc = normalise"),
    ("normalise_backward(c_hat, s_c, gamma_c * da_c)", "normalise_backward(c_hat, s_c, da_c)"),
    ("normalise_backward(c_hat, s_c, gamma_c * da_c)", "gamma_c * da_c"),
    ("dc * g, dc * prev.c, dc * i", "dc * g, dc * c_hat, dc * i"),
    ("[di * i * (1 - i), df * f * (1 - f)", "[df * f * (1 - f), di * i * (1 - i)"),
    ("dg * (1 - g**2)", "dg * (1 - g)"),
    ("normalise_backward(x_hat, s_x, gamma_x * da)", "normalise_backward(x_hat, s_x, da)"),
    ("normalise_backward(x_hat, s_x, gamma_x * da)", "gamma_x * da"),
    ("normalise_backward(h_hat, s_h, gamma_h", "normalise_backward(h_hat, s_x, gamma_h"),
    ("normalise_backward(h_hat, s_h, gamma_h", "normalise_backward(h_hat, s_h, gamma_x"),
    ("da_h.T @ prev.h", "da_x.T @ prev.h"),
    ("da.sum(0)", "da_x.sum(0)"),
    ("(da * x_hat).sum(0)", "(da * h_hat).sum(0)"),
    ("(da_c * c_hat).sum(0)", "(da_c * tanh_c).sum(0)"),
    ("h=da_h @ W_h, c=dc * f", "h=da_x @ W_h, c=dc * f"),
    ("h=da_h @ W_h, c=dc * f", "h=da_h @ W_h, c=dc"),
    ("h=da_h @ W_h, c=dc * f", "h=0 * dc, c=dc * f"),
]
CONV_LSTM = [
    ("prev.c, dstate.h, dstate.c)", "prev.c, dstate.h, 0 * dstate.c)"),
    ("prev.c, dstate.h, dstate.c)", "prev.h, dstate.h, dstate.c)"),
    ("convolve_backward(W_h, prev.h, da)", "convolve_backward(W_h, prev.c, da)"),
    ("convolve_backward(W_h, prev.h, da)", "convolve_backward(-W_h, prev.h, da)"),
    ("da.sum((0, 2, 3))", "da.mean((0, 2, 3))"),
    ("da.sum((0, 2, 3))", "da[:, :, 0, 0].sum(0)"),
    ("dx, State(dh, dc)", "dx, State(dh, 0 * dc)"),
    ("dx, State(dh, dc)", "dx, State(dc, dh)"),
    ("dx, State(dh, dc)", "dx, State(dh[..., ::-1], dc)"),
    ("Params(dW_x, dW_h, db)", "Params(dW_x, 0 * dW_h, db)"),
]
LAYER_NORM = [
    ("(a.mean(axis=-1, keepdims=True) for a in", "(a.sum(axis=-1, keepdims=True) for a in"),
    ("(a.mean(axis=-1, keepdims=True) for a in", "(a.mean(keepdims=True) for a in"),
    ("for a in (dx_hat, dx_hat * x_hat)", "for a in (dx_hat, dx_hat)"),
    ("for a in (dx_hat, dx_hat * x_hat)", "for a in (dx_hat * x_hat, dx_hat)"),
    ("s * (dx_hat - mean - x_hat * along)", "s * dx_hat"),
    ("s * (dx_hat - mean - x_hat * along)", "s * (dx_hat - mean)"),
    ("s * (dx_hat - mean - x_hat * along)", "s * (dx_hat - x_hat * along)"),
    ("s * (dx_hat - mean - x_hat * along)", "s * (dx_hat - mean - along)"),
    ("s * (dx_hat - mean - x_hat * along)", "dx_hat - mean - x_hat * along"),
    ("s * (dx_hat - mean - x_hat * along)", "(dx_hat - mean - x_hat * along) / s"),
    ("s * (dx_hat - mean - x_hat * along)", "s * (dx_hat - mean + x_hat * along)"),
    ("(dys * x_hat).sum(others)", "(dys * xs).sum(others)"),
    ("(dys * x_hat).sum(others)", "(dys * x_hat).mean(others)"),
    ("dys.sum(others)", "dys.mean(others)"),
    ("dys.sum(others)", "dys[0].sum(others[:-1])"),
    ("params.gamma * dys", "dys"),
    ("params.gamma * dys", "(params.gamma - params.beta) * dys"),
    ("tuple(range(xs.ndim - 1))", "tuple(range(xs.ndim))[:1]"),
]
CONVOLUTION = [
    ("W[:, :, ::-1, ::-1].swapaxes(0, 1)", "W.swapaxes(0, 1)"),
    ("W[:, :, ::-1, ::-1].swapaxes(0, 1)", "W[:, :, ::-1].swapaxes(0, 1)"),
    ("W[:, :, ::-1, ::-1].swapaxes(0, 1)", "W.swapaxes(2, 3).swapaxes(0, 1)"),
    ("W[:, :, ::-1, ::-1].swapaxes(0, 1)", "W[:, :, ::-1, ::-1]"),
    ('"boyx,bdyxjk->odjk"', '"boyx,bdyxjk->odkj"'),
    ("dW, convolve(turned, da)", "dW[:, :, ::-1, ::-1], convolve(turned, da)"),
    ("dW, convolve(turned, da)", "dW, convolve(turned, da)[..., ::-1]"),
]
GRU = [
    ("dstate.h * (1 - z), dstate.h * (prev.h - n)", "dstate.h * z, dstate.h * (prev.h - n)"),
    ("dstate.h * (1 - z), dstate.h * (prev.h - n)", "dstate.h * (1 - z), -dstate.h * n"),
    ("dstate.h * (1 - z), dstate.h * (prev.h - n)", "dstate.h * (1 - z), dstate.h * prev.h"),
    ("dn * (1 - n**2)", "dn"),
    ("dn * (1 - n**2)", "dn * (1 - n)"),
    ("da_n * recurrent, da_n * r", "da_n * prev.h, da_n * r"),
    ("da_n * recurrent, da_n * r", "da_n * recurrent, da_n"),
    ("dr * r * (1 - r)", "dr * (1 - r**2)"),
    ("dr * r * (1 - r)", "0 * dr"),
    ("dz * z * (1 - z)  #", "dz * (1 - z)  #"),
    ("[da_r, da_z, last]", "[da_z, da_r, last]"),
    ("for last in (da_n, du_n)", "for last in (du_n, da_n)"),
    ("for last in (da_n, du_n)", "for last in (da_n, da_n)"),
    ("du.T @ prev.h", "da.T @ prev.h"),
    ("du.T @ prev.h", "0 * W_h"),
    ("du_n.sum(0))", "da_n.sum(0))"),
    ("h=du @ W_h + dstate.h * z", "h=du @ W_h"),
    ("h=du @ W_h + dstate.h * z", "h=da @ W_h + dstate.h * z"),
    ("h=du @ W_h + dstate.h * z", "h=dstate.h * z"),
    ("h=du @ W_h + dstate.h * z", "h=du @ W_h + dstate.h * (1 - z)"),
]
GRU_CHO = [
    ("dstate.h * (1 - z), dstate.h * (h - n)", "dstate.h * z, dstate.h * (h - n)"),
    ("dstate.h * (1 - z), dstate.h * (h - n)", "dstate.h * (1 - z), dstate.h * (n - h)"),
    ("dstate.h * (1 - z), dstate.h * (h - n)", "dstate.h * (1 - z), -dstate.h * n"),
    ("dn * (1 - n**2)", "dn * (1 - n)"),
    ("da_n @ W_n", "0 * da_n"),
    ("da_n @ W_n", "da_n @ W_n.T"),
    ("du * h * r * (1 - r)", "du * r * (1 - r)"),
    ("du * h * r * (1 - r)", "du * h * (1 - r)"),
    ("dz * z * (1 - z)  #", "dz * (1 - z)  #"),
    ("da_r.T @ h, da_z.T @ h", "da_z.T @ h, da_r.T @ h"),
    ("da_n.T @ u", "da_n.T @ h"),
    ("r * du + z * dstate.h", "du + z * dstate.h"),
    ("r * du + z * dstate.h", "r * du"),
    ("r * du + z * dstate.h", "z * dstate.h"),
    ("da_r @ W_r + da_z @ W_z", "da_z @ W_z"),
    ("da_r @ W_r + da_z @ W_z", "da_r @ W_r"),
]
MGU = [
    ("dstate.h * f * (1 - n**2)", "dstate.h * (1 - n**2)"),
    ("dstate.h * f * (1 - n**2)", "dstate.h * f"),
    ("da_n @ W_n", "da_n @ W_n.T"),
    ("dstate.h * (n - h) + du * h", "dstate.h * (n - h)"),
    ("dstate.h * (n - h) + du * h", "dstate.h * n + du * h"),
    ("df * f * (1 - f)", "df * (1 - f)"),
    ("da_n.T @ u", "da_n.T @ h"),
    ("da_n.T @ u", "0 * W_n"),
    ("[da_f, da_n]", "[da_n, da_f]"),
    ("f * du + (1 - f) * dstate.h", "f * du"),
    ("f * du + (1 - f) * dstate.h", "f * du + f * dstate.h"),
    ("f * du + (1 - f) * dstate.h", "du + (1 - f) * dstate.h"),
]
BPTT = [
    ("h=dstate.h + dh", "h=dh"),
    ("h=dstate.h + dh", "h=dstate.h"),
    ("h=dstate.h + dh", "h=dstate.h - dh"),
    ("h=dstate.h + dh", "h=dstate.h + dh.mean(0)"),
    ("reversed(dhs)", "dhs"),
    ("reversed(caches)", "caches"),
    ("dparams = add(dparams, dparams_t)", "dparams = dparams_t"),
    ("dparams = add(dparams, dparams_t)", "dparams = dparams or dparams_t"),
    ("dxs[::-1]", "dxs"),
    ("dstate = dprev", "dprev"),
    ("dparams_t, dx, dstate = cell", "dparams_t, dx, _ = cell"),
]
LINEAR = [
    ("drows.T @ rows", "drows.T @ rows / len(rows)"),
    ("drows.T @ rows", "drows.T @ rows[::-1]"),
    ("drows.sum(0)", "drows.mean(0)"),
    ("hs.reshape(-1, hs.shape[-1])", "hs.swapaxes(0, 1).reshape(-1, hs.shape[-1])"),
    ("dys @ params.W_y", "dys[:1] @ params.W_y + 0 * hs"),
    ("dys @ params.W_y", "2 * dys @ params.W_y"),
]
MSE = [
    ("2 * error / error.size", "error / error.size"),
    ("2 * error / error.size", "2 * error / len(error)"),
    ("2 * error / error.size", "2 * error"),
    ("2 * error / error.size", "2 * (targets - predictions) / error.size"),
]
CROSS_ENTROPY = [
    ("mask[..., None] * (np.exp(log_p) - onehot) / M", "(np.exp(log_p) - onehot) / M"),
    ("(np.exp(log_p) - onehot) / M", "(np.exp(log_p) - onehot) / mask.size"),
    ("(np.exp(log_p) - onehot) / M", "(np.exp(log_p) - onehot)"),
    ("(np.exp(log_p) - onehot) / M", "(onehot - np.exp(log_p)) / M"),
    ("(np.exp(log_p) - onehot) / M", "np.exp(log_p) / M"),
    ("(np.exp(log_p) - onehot) / M", "(log_p - onehot) / M"),
    ("(np.exp(log_p) - onehot) / M", "np.exp(log_p) * (1 - onehot) / M"),
]


def cell_group(module, changes, cell=lambda module: module):
    """The strong and the weak test of a cell: a module, or what it makes of one."""
    return (
        *(module, changes),
        lambda module: cell_error(cell(module), **SIZES, seed=0),
        lambda module: weak_cell_error(cell(module), 3, 4, seed=0),
    )


GROUPS = {  # name: module, its mutants, the strong test and the weak one
    "elman": cell_group(elman, ELMAN),
    "relu": cell_group(elman_activation, [*ACTIVATION, *RELU], lambda m: m.Elman(m.RELU)),
    "sigmoid": cell_group(elman_activation, [*ACTIVATION, *SIGMOID], lambda m: m.Elman(m.SIGMOID)),
    "tanh": cell_group(elman_activation, [*ACTIVATION, *TANH], lambda m: m.Elman(m.TANH)),
    "jordan": cell_group(jordan, JORDAN, lambda m: m.Jordan(V=2)),
    "lstm": cell_group(lstm, LSTM),
    "lstm_1997": cell_group(lstm_1997, LSTM_1997),
    "lstm_coupled": cell_group(lstm_coupled, LSTM_COUPLED),
    "lstm_peephole": cell_group(lstm_peephole, LSTM_PEEPHOLE),
    "lstm_projected": cell_group(lstm_projected, LSTM_PROJECTED, lambda m: m.ProjectedLSTM(P=2)),
    "lstm_layer_norm": cell_group(lstm_layer_norm, LSTM_LAYER_NORM),
    "conv_lstm": cell_group(conv_lstm, CONV_LSTM, lambda m: m.ConvLSTM(Y=2, X=3)),
    "layer_norm": (
        *(layer_norm, LAYER_NORM),
        lambda module: layer_norm_error(module, (5, 3), H=4, seed=0),
        lambda module: layer_norm_error(module, (1,), H=2, seed=0),
    ),
    "convolution": (
        *(convolution, CONVOLUTION),
        lambda module: convolution_error(module, B=2, D=3, N=2, Y=4, X=5, K=3, seed=0),
        lambda module: convolution_error(module, B=1, D=1, N=1, Y=1, X=1, K=1, seed=0),
    ),
    "gru": cell_group(gru, GRU),
    "gru_cho": cell_group(gru_cho, GRU_CHO),
    "mgu": cell_group(mgu, MGU),
    "bptt": (
        *(bptt, BPTT),
        lambda module: cell_error(elman, **SIZES, seed=0, bptt=module),
        lambda module: weak_cell_error(elman, 3, 4, seed=0, bptt=module),
    ),
    "linear": (
        *(linear, LINEAR),
        lambda module: linear_error(module, (5, 3), H=4, V=6, seed=0),
        lambda module: linear_error(module, (1, 1), H=4, V=6, seed=0),
    ),
    "mse": (
        *(losses, MSE),
        lambda module: mse_error(module, (5, 3, 2), seed=0),
        lambda module: mse_error(module, (1,), seed=0),
    ),
    "cross-entropy": (
        *(losses, CROSS_ENTROPY),
        lambda module: cross_entropy_error(module, (5, 3), V=4, seed=0),
        lambda module: cross_entropy_error(module, (1, 1), V=4, seed=0, masked=False),
    ),
}
ALL = [(name, *change) for name, (_, changes, *_) in GROUPS.items() for change in changes]


@pytest.mark.parametrize(("group", "old", "new"), ALL)
def test_the_strong_test_catches_every_mutant(group, old, new):
    module, _, strong, _ = GROUPS[group]
    assert catches(strong, mutant(module, old, new))


@pytest.mark.parametrize("group", GROUPS)
def test_both_tests_pass_without_a_mutant(group):
    module, _, strong, weak = GROUPS[group]
    assert not catches(strong, module)
    assert not catches(weak, module)


def test_the_weak_test_misses_more_than_half_of_the_mutants():
    caught = dict.fromkeys(GROUPS, 0)
    for group, old, new in ALL:
        module, _, _, weak = GROUPS[group]
        caught[group] += catches(weak, mutant(module, old, new))
    assert 0 < sum(caught.values()) < len(ALL) / 2, caught
    assert all(n < len(GROUPS[group][1]) for group, n in caught.items()), caught


def test_a_mutant_must_change_exactly_one_place():
    with pytest.raises(AssertionError, match="stands 0 times"):
        mutant(elman, "no such line", "another")
    with pytest.raises(AssertionError, match=r"stands [2-9] times"):
        mutant(elman, "np.", "numpy.")
