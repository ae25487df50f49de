"""Bugs planted in the parts and losses: the gradient tests catch every one.

As in ``test_gradient_mutants``, each mutant replaces one place in the source of a module.
"""

import pytest
from helpers import catches, mutant
from part_errors import (
    additive_error,
    applied_error,
    batch_norm_error,
    ctc_error,
    dot_error,
    dropout_error,
    embedding_error,
    penalties_error,
    pinball_error,
    weight_drop_error,
    zoneout_error,
)

from rnnlib.reference import (
    attention,
    batch_norm,
    ctc,
    dropout,
    elman,
    embedding,
    lstm,
    penalties,
    quantile,
    weight_drop,
    zoneout,
)

SIZES = {"T": 5, "B": 3, "D": 3, "H": 4}

ATTENTION = [  # what both kinds share
    ("cache.weights * (dweights - mean)", "cache.weights * dweights"),
    ("cache.weights * (dweights - mean)", "dweights - mean"),
    ("cache.weights * (dweights - mean)", "cache.weights * (dweights + mean)"),
    (".sum(-1, keepdims=True)", ".mean(-1, keepdims=True)"),
    ('"nbt,nbv->tbv", cache.weights, dys', '"nbt,nbv->tbv", 1 - cache.weights, dys'),
]
BATCH_NORM = [
    ("w * (along + x_hat * across)", "w * along"),
    ("w * (along + x_hat * across)", "w * x_hat * across"),
    ("w * (along + x_hat * across)", "(along + x_hat * across)"),
    ("w * (along + x_hat * across)", "(along + x_hat * across) / dys.shape[1]"),
    ("w * (along + x_hat * across)", "0"),
    ("(along + x_hat * across)) * scale", "(along + x_hat * across))"),
    ("(along + x_hat * across)) * scale", "(along + x_hat * across)) / scale"),
    ("(dys * x_hat).sum((0, 1))", "(dys * x_hat).mean((0, 1))"),
    ("(dys * x_hat).sum((0, 1))", "(dx_hat * x_hat).sum((0, 1))"),
    ("dys.sum((0, 1)))", "dx_hat.sum((0, 1)))"),
    ("dx_hat = params.gamma * dys", "dx_hat = dys"),
    ("dys = np.where(mask, dys, 0)", "dys = dys"),
]
GROUPS = {  # name: module, the test, its mutants
    "embedding": (
        embedding,
        lambda module: embedding_error(module, (6, 3), V=4, D=3, seed=0),
        [
            ("np.add.at(dE, symbols, dxs)", "dE[symbols] = dxs"),
            ("np.add.at(dE, symbols, dxs)", "dE[symbols] += dxs"),
            ("np.add.at(dE, symbols, dxs)", "np.subtract.at(dE, symbols, dxs)"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols[::-1], dxs)"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols, dxs / len(dxs))"),
            ("np.add.at(dE, symbols, dxs)", "np.add.at(dE, symbols[:1], dxs[:1])"),
            ("params.E[symbols]", "params.E[symbols - 1]"),
        ],
    ),
    "dot": (
        attention,
        lambda module: dot_error(module, N=4, T=5, B=3, D=2, V=3, seed=0),
        [
            ("de = dscores / queries.shape[-1] ** 0.5", "de = dscores"),
            ("de = dscores / queries.shape[-1] ** 0.5", "de = dscores / len(queries) ** 0.5"),
            ('"nbt,tbd->nbd", de, keys', '"nbt,tbd->nbd", -de, keys'),
            ('"nbt,nbd->tbd", de, queries', '"nbt,nbd->tbd", de[::-1], queries'),
            ('"nbt,nbd->tbd", de, queries', '"nbt,nbd->tbd", cache.weights, queries'),
            *ATTENTION,
        ],
    ),
    "additive": (
        attention,
        lambda module: additive_error(module, N=4, T=5, B=3, D=2, V=3, seed=0),
        [
            ("* w * (1 - u**2)", "* w"),
            ("* w * (1 - u**2)", "* w * (1 - u)"),
            ("* w * (1 - u**2)", "* (1 - u**2)"),
            ("da.sum(2), da.sum(0)", "da.mean(2), da.sum(0)"),
            ("da.sum(2), da.sum(0)", "da.sum(2), da[0]"),
            ('"nbk,nbd->kd", dq, queries', '"nbk,nbd->kd", dq, queries[::-1]'),
            ('"tbk,tbh->kh", dk, keys', '"tbk,tbh->kh", dk, keys[::-1]'),
            ('"nbt,nbtk->k", de, u', '"nbt,nbtk->k", cache.weights, u'),
            ('"nbt,nbtk->k", de, u', '"nbt,nbtk->k", de, 1 - u**2'),
            ("dq @ W_q, dk @ W_k, dvalues", "0 * dq @ W_q, dk @ W_k, dvalues"),
            ("dq @ W_q, dk @ W_k, dvalues", "dq @ W_q, 2 * dk @ W_k, dvalues"),
            *ATTENTION,
        ],
    ),
    "batch-norm": (
        batch_norm,
        lambda module: batch_norm_error(module, T=3, B=5, D=2, seed=0),
        BATCH_NORM,
    ),
    "batch-norm-all-steps": (
        batch_norm,
        lambda module: batch_norm_error(module, T=3, B=5, D=2, seed=0, axes=(0, 1)),
        BATCH_NORM,
    ),
    "ctc": (
        ctc,
        lambda module: ctc_error(module, T=9, B=4, N=4, V=4, seed=1),
        [
            ("np.exp(log_y) - gamma @ onehot", "np.exp(log_y) - gamma @ onehot / 2"),
            ("np.exp(log_y) - gamma @ onehot", "-gamma @ onehot"),
            ("np.exp(log_y) - gamma @ onehot", "gamma @ onehot - np.exp(log_y)"),
            ("np.exp(log_y) - gamma @ onehot", "log_y - gamma @ onehot"),
            ("alpha + beta - log_p", "alpha + beta"),
            ("alpha + beta - log_p", "alpha + beta + emit - log_p"),
            ("alpha + beta - log_p", "beta + emit - log_p"),
            ("path[::-1])[::-1, ::-1]", "path[::-1])"),
            ("path[::-1])[::-1, ::-1]", "path[::-1])[::-1]"),
            ("path[::-1])[::-1, ::-1]", "path)[::-1, ::-1]"),
            ("emit[::-1, ::-1]", "emit[::-1]"),
            ("emit[::-1, ::-1]", "emit[:, ::-1]"),
            ("_arrive(emit, path) + emit", "_arrive(emit, path)"),
            ("return total, dlogits / B", "return total, dlogits"),
            ("dlogits[:T, b] = _log_p(", "dlogits[-T:, b] = _log_p("),
            ("np.where(may_skip, two, -np.inf)", "two"),
        ],
    ),
    "pinball": (
        quantile,
        lambda module: pinball_error(module, (5, 3), tau=0.3, seed=0),
        [
            ("return loss, slope / error.size", "return loss, slope"),
            ("return loss, slope / error.size", "return loss, slope / len(error)"),
            ("return loss, slope / error.size", "return loss, -slope / error.size"),
            ("return loss, slope / error.size", "return loss, slope * error / error.size"),
            ("return loss, slope / error.size", "return loss, (slope + tau) / error.size"),
            ("return loss, slope / error.size", "return loss, abs(slope) / error.size"),
        ],
    ),
    "dropout": (
        dropout,
        lambda module: max(
            dropout_error(module, elman, **SIZES, seed=0), applied_error(module, 5, 3, 2, seed=0)
        ),
        [
            ("h=self.m_h * dprev.h", "h=dprev.h"),
            ("h=self.m_h * dprev.h", "h=(self.m_h > 0) * dprev.h"),
            ("return dparams, self.m_x * dx", "return dparams, dx"),
            ("return dparams, self.m_x * dx", "return dparams, self.m_x**2 * dx"),
            ("h=self.m_h * state.h", "h=state.h"),
            ("self.cell.step(params, self.m_x * x", "self.cell.step(params, x"),
            ("return m * xs", "return m * xs.mean()"),
        ],
    ),
    "zoneout": (
        zoneout,
        lambda module: zoneout_error(module, lstm, **SIZES, seed=0),
        [
            ("(1 - k) * d, keep, dstate", "d, keep, dstate"),
            ("(1 - k) * d, keep, dstate", "k * d, keep, dstate"),
            ("(s - n) * d", "(n - s) * d"),
            ("(s - n) * d", "(s + n) * d"),
            ("(s - n) * d", "0 * d"),
            ("lambda k, d: k * d", "lambda k, d: d"),
            ("lambda k, d: k * d", "lambda k, d: (1 - k) * d"),
            ("lambda k, d: k * d", "lambda k, d: 0 * d"),
            ("(params.cell, inner, dnew)", "(params.cell, inner, dstate)"),
            ("Cache(keep, state, new, cache)", "Cache(keep, state, after, cache)"),
            ("Cache(keep, state, new, cache)", "Cache(keep, new, state, cache)"),
        ],
    ),
    "weight-drop": (
        weight_drop,
        lambda module: weight_drop_error(module, elman, **SIZES, seed=0),
        [
            ('dW_h = _masked("dparams", dparams, m)', "dW_h = dparams.W_h"),
            ('dW_h = _masked("dparams", dparams, m)', "dW_h = (m > 0) * dparams.W_h"),
            ('dW_h = _masked("dparams", dparams, m)', "dW_h = m.T * dparams.W_h"),
            ('dW_h = _masked("dparams", dparams, m)', "dW_h = m**2 * dparams.W_h"),
            ('dW_h = _masked("dparams", dparams, m)', "dW_h = (m == 0) * dparams.W_h"),
            ('W_h = _masked("params", params, m)', "W_h = params.W_h"),
        ],
    ),
    "penalties": (
        penalties,
        lambda module: penalties_error(module, seed=0),
        [
            ("lambda s: rate * s, signs", "lambda s: s, signs"),
            ("lambda s: rate * s, signs", "lambda s: -rate * s, signs"),
            ("lambda p: rate * p, params", "lambda p: 2 * rate * p, params"),
            ("lambda p: rate * p, params", "lambda p: rate * abs(p), params"),
            ("rate * W @ excess", "rate * excess @ W"),
            ("rate * W @ excess", "2 * rate * W @ excess"),
            ("rate * W @ excess", "rate * W.T @ excess"),
            ("_replace(W_h=dW_h)", "_replace(W_h=-dW_h)"),
            ("zeros_like(params)._replace", "params._replace"),
            ("penalty, 2 * scale * hs", "penalty, scale * hs"),
            ("penalty, 2 * scale * hs", "penalty, 2 * rate * hs"),
            ("2 * scale * (e[:-1] - e[1:])", "2 * scale * (e[1:] - e[:-1])"),
            ("2 * scale * (e[:-1] - e[1:])", "2 * scale * e[:-1]"),
            ("2 * scale * (e[:-1] - e[1:])", "-2 * scale * e[1:]"),
            ("2 * scale * (e[:-1] - e[1:])", "scale * (e[:-1] - e[1:])"),
        ],
    ),
}
ALL = [(name, *change) for name, (_, _, changes) in GROUPS.items() for change in changes]


@pytest.mark.parametrize(("group", "old", "new"), ALL)
def test_every_mutant_is_caught(group, old, new):
    module, error, _ = GROUPS[group]
    assert catches(error, mutant(module, old, new))


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_mutant_the_test_passes_and_every_group_has_five(group):
    module, error, changes = GROUPS[group]
    assert not catches(error, module)
    assert len(changes) >= 5
