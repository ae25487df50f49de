"""Would the tests of what runs over time notice a bug? Plant some, and see.

As in ``test_gradient_mutants``: each mutant replaces one place in the source of a module, and the
gradient test of that module must fail.
"""

import inspect
import types

import pytest
from helpers import catches, cell_error, mutant
from test_parallel import at_once
from test_scan import scan_error
from test_stack import LSTM, RNN, packed_error, stack_error
from test_truncated import truncated_error

from rnnlib.reference import (
    bidirectional,
    complex_pairs,
    log_space,
    lru,
    lstm,
    min_gru,
    min_lstm,
    packed,
    parallel,
    residual,
    scan,
    selective,
    stack,
    truncated,
)

SIZES = {"T": 5, "B": 3, "D": 3, "H": 4}

SCAN = [
    ("np.roll(a, -1, axis=0)[::-1]", "a[::-1]"),
    ("np.roll(a, -1, axis=0)[::-1]", "np.roll(a, -1, axis=0)"),
    ("np.roll(a, -1, axis=0)[::-1]", "np.roll(a, 1, axis=0)[::-1]"),
    ("forward(factors, dhs[::-1]", "forward(factors, dhs"),
    ("np.zeros_like(dhs[0]), scan)[::-1]", "np.zeros_like(dhs[0]), scan)"),
    ("np.zeros_like(dhs[0]), scan)", "dhs[-1], scan)"),
    ("deltas * np.concatenate([h[None], hs[:-1]])", "deltas * hs"),
    ("deltas * np.concatenate([h[None], hs[:-1]])", "dhs * np.concatenate([h[None], hs[:-1]])"),
    ("np.concatenate([h[None], hs[:-1]])", "np.concatenate([0 * h[None], hs[:-1]])"),
    ("return da, deltas, a[0]", "return da, dhs, a[0]"),
    ("a[0] * deltas[0]", "deltas[0]"),
    ("a[0] * deltas[0]", "a[-1] * deltas[-1]"),
    ("Affine(q.a * p.a, q.a * p.b + q.b)", "Affine(q.a * p.a, p.a * q.b + p.b)"),
    ("Affine(q.a * p.a, q.a * p.b + q.b)", "Affine(q.a, q.a * p.b + q.b)"),
]
MIN_GRU = [
    ("(prev.h - n) * z * (1 - z)", "(prev.h - n) * z"),
    ("(prev.h - n) * z * (1 - z)", "(n - prev.h) * z * (1 - z)"),
    ("(prev.h - n) * z * (1 - z)", "prev.h * z * (1 - z)"),
    ("dstate.h * (1 - z) * log_space.positive_slope(n)", "dstate.h * log_space.positive_slope(n)"),
    ("(1 - z) * log_space.positive_slope(n)", "z * log_space.positive_slope(n)"),
    ("(1 - z) * log_space.positive_slope(n)", "(1 - z) * n * (1 - n)"),
    ("(1 - z) * log_space.positive_slope(n)", "(1 - z)"),
    ("np.concatenate([da_z, da_n], axis=1)", "np.concatenate([da_n, da_z], axis=1)"),
    ("W_x=da.T @ x", "W_x=da.T @ x / len(x)"),
    ("b=da.sum(0)", "b=da.mean(0)"),
    ("State(h=z * dstate.h)", "State(h=(1 - z) * dstate.h)"),
    ("State(h=z * dstate.h)", "State(h=dstate.h)"),
    ("State(h=z * dstate.h)", "State(h=0 * dstate.h)"),
]
MIN_LSTM = [
    ("(prev.h - n) * p * (1 - p)", "(prev.h - n) * p"),
    ("(prev.h - n) * p * (1 - p)", "(prev.h - n) * f * (1 - f)"),
    ("-dk * (1 - i), dk * (1 - f)", "dk * (1 - i), dk * (1 - f)"),
    ("-dk * (1 - i), dk * (1 - f)", "-dk * i, dk * f"),
    ("-dk * (1 - i), dk * (1 - f)", "-dk, dk"),
    ("-dk * (1 - i), dk * (1 - f)", "dk * (1 - f), -dk * (1 - i)"),
    ("dstate.h * (1 - p) * log_space", "dstate.h * i * log_space"),
    ("np.concatenate([da_i, da_f, da_n], axis=1)", "np.concatenate([da_f, da_i, da_n], axis=1)"),
    ("b=da.sum(0)", "b=dk.sum(0)"),
    ("State(h=p * dstate.h)", "State(h=f * dstate.h)"),
    ("State(h=p * dstate.h)", "State(h=prev.h * dstate.h)"),
]
LOG_SPACE = [
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "np.where(n.real >= 0, 1, n * (1 - n))"),
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "np.where(n.real >= 0.5, n, n * (1 - n))"),
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "np.where(n.real >= 0.5, 1, 1 - n)"),
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "n * (1 - n)"),
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "np.ones_like(n)"),
    ("np.where(n.real >= 0.5, 1, n * (1 - n))", "np.where(n.real < 0.5, 1, n * (1 - n))"),
]
PARALLEL = [
    ("dhs[-1:] + dstate.h", "dhs[-1:]"),
    ("dhs[-1:] + dstate.h", "0 * dhs[-1:] + dstate.h"),
    ("dhs[-1:] + dstate.h", "dhs[-1:] - dstate.h"),
    ("adjoint(a, dhs, scan)", "adjoint(a[::-1], dhs, scan)"),
    ("adjoint(a, dhs, scan)", "adjoint(1 - a, dhs, scan)"),
    ("adjoint(a, dhs, scan)", "dhs"),
    ("unflatten(dprev.h, len(a))[0]", "unflatten(dprev.h, len(a))[-1]"),
    ("unflatten(dprev.h, len(a))[0]", "unflatten(deltas.h, len(a))[0]"),
    ("np.concatenate([state.h[None], hs[:-1]])", "hs"),
    ("return dparams, unflatten(dx, len(a))", "return dparams, unflatten(dx, len(a))[::-1]"),
]
LRU = [
    ("add((dstate.re, dstate.im), _readout_backward(params, dh))", "(dstate.re, dstate.im)"),
    ("add((dstate.re, dstate.im), _readout_backward(params, dh))", "_readout_backward(params, dh)"),
    ("times(conj(eigenvalues(params)), ds)", "times(eigenvalues(params), ds)"),
    ("times(dprev, (prev.re, -prev.im))", "times(dprev, (prev.re, prev.im))"),
    ("times(dprev, (prev.re, -prev.im))", "times(ds, (prev.re, -prev.im))"),
    ("times(dprev, (prev.re, -prev.im))", "times(dprev, (re, -im))"),
    ("-np.exp(params.nu) * w_re.sum(0)", "np.exp(params.nu) * w_re.sum(0)"),
    ("-np.exp(params.nu) * w_re.sum(0)", "-w_re.sum(0)"),
    ("np.exp(params.theta) * w_im.sum(0)", "np.exp(params.theta) * w_re.sum(0)"),
    ("(u_re * ds[0] + u_im * ds[1]).sum(0)", "(u_re * ds[0] - u_im * ds[1]).sum(0)"),
    ("(u_re * ds[0] + u_im * ds[1]).sum(0)", "(u_re * ds[0]).sum(0)"),
    ("dv_re, dv_im = scale * ds[0], scale * ds[1]", "dv_re, dv_im = ds"),
    ("dv_re.T @ x, dv_im.T @ x", "dv_re.T @ x, -dv_im.T @ x"),
    ("dh.T @ re, -dh.T @ im,", "dh.T @ re, dh.T @ im,"),
    ("dh.T @ re, -dh.T @ im,", "dh.T @ prev.re, -dh.T @ prev.im,"),
    ("+ dv_im @ params.B_im + dh", "- dv_im @ params.B_im + dh"),
    (" + dh @ params.W_skip  # (lru-dinputs)", ""),
    ("dh @ params.C_re, -dh @ params.C_im", "dh @ params.C_re, dh @ params.C_im"),
    ("State(np.zeros_like(dh), *dprev)", "State(dh, *dprev)"),
]
LRU_AT_ONCE = [
    ("dhs[-1:] + dstate.h", "dhs[-1:]"),
    ("direct, last, scan)", "direct, (0 * dstate.re, 0 * dstate.im), scan)"),
    ("map(flatten, (dhs, re, im))", "map(flatten, (0 * dhs, re, im))"),
    ("map(flatten, (dhs, re, im))", "map(flatten, (dhs, *direct))"),
    ("unflatten(d, T)[0]", "unflatten(d, T)[-1]"),
    ("return dparams, unflatten(dx, T)", "return dparams, unflatten(dx, T)[::-1]"),
]
SELECTIVE = [
    ("dstate.s + _readout_backward(cache.c, dstate.h)", "dstate.s"),
    ("_pair(dh, s), _pair(p, ds)", "_pair(dh, prev.s), _pair(p, ds)"),
    ("_pair(p, ds)", "_pair(v, ds)"),
    ("w = ds * factor * prev.s", "w = ds * factor * s"),
    ("w = ds * factor * prev.s", "w = ds * prev.s"),
    ("-(delta[..., None] * rate * w).sum(0)", "-(rate * w).sum(0)"),
    ("v * dp - (rate * w)", "v * dp + (rate * w)"),
    ("v * dp - (rate * w)", "-(rate * w)"),
    ("ddelta * -np.expm1(-delta)", "ddelta"),
    ("delta * dp + params.d * dh", "delta * dp"),
    (" + da @ params.W_dt  #", "  #"),
    ("factor * ds)  # (selective-dstate)", "ds)"),
]
SELECTIVE_AT_ONCE = [
    ("dhs[-1:] + dstate.h", "dhs[-1:]"),
    ("direct[-1] += dstate.s", "direct[-1] += 0"),
    ("ds = deltas.reshape", "ds = direct.reshape"),
    ("unflatten(g, T)[0]", "unflatten(g, T)[-1]"),
    ("return dparams, unflatten(dx, T)", "return dparams, unflatten(dx, T)[::-1]"),
]
COMPLEX = [
    ("d[-1:] + e])[::-1]", "d[-1:]])[::-1]"),
    ("d[-1:] + e])[::-1]", "d[-1:] + e])"),
    ("recur(conj(factor), ds", "recur(factor, ds"),
    (
        "times(conj(factor), tree_map(lambda d: d[-2::-1]",
        "times(factor, tree_map(lambda d: d[-2::-1]",
    ),
    ("lambda d: d[-2::-1], deltas", "lambda d: d[:0:-1], deltas"),
    ("times(conj(factor), tree_map(lambda d: d[-2::-1], deltas))", "[d[-2::-1] for d in deltas]"),
    ("lambda d: d[-2::-1], deltas", "lambda d: d[1:], deltas"),
    ("return p[0], -p[1]", "return p"),
]
TRUNCATED = [
    ("dstate = zeros_like(dstate)", "dstate = dstate"),
    ("dstate = zeros_like(dstate)", "dhs = 0 * dhs"),
    ("dparams = add(dparams, dchunk)", "dparams = dchunk"),
    ("np.concatenate(dxs[::-1])", "np.concatenate(dxs)"),
    ("reversed(range(0, len(caches), K))", "range(0, len(caches), K)"),
    ("dxs.append(dx)\n        dstate = dprev", "dxs.append(dx)"),
    ("slice(start, start + K)", "slice(start, start + K - 1)"),
    ("caches[chunk], dhs[chunk], dstate)", "caches[chunk], dhs[:K][: len(caches[chunk])], dstate)"),
]
PACKED = [
    ("dparams = add(dparams, dpiece)", "dparams = dpiece"),
    ("dstate = _put(dstate, rows, part)  # (packed-adjoint)", ""),
    ("part = _take(dstate, rows)", "part = zeros_like(_take(dstate, rows))"),
    ("reversed(cache.pieces)", "cache.pieces"),
    ("caches, dhs[steps, rows], part)", "caches, 0 * dhs[steps, rows], part)"),
    ("_spread(dx, rows)", "_spread(dx[::-1], rows)"),
    ("_pad(dxs[::-1], cache.T)", "_pad(dxs, cache.T)"),
    ("        a[rows] = p\n", "        a[:] = 0\n        a[rows] = p\n"),
]
STACK = [
    ("dp, dhs, ds = layer.backward", "dp, _, ds = layer.backward"),
    ("layer.backward(p, c, dhs, d)", "layer.backward(p, c, dhs, d._replace(h=0 * d.h))"),
    ("tuple(dparams[::-1])", "tuple(dparams)"),
    ("tuple(dstate[::-1])", "tuple(dstate)"),
    ("np.where(cache.valid, dhs, 0), dlast", "np.where(cache.valid, 0, dhs), dlast"),
    (
        "packed.backward(self.cell, params, cache, dhs, dlast)",
        "packed.backward(self.cell, params, cache, dhs[::-1], dlast)",
    ),
    (
        "packed.backward(self.cell, params, cache, dhs, dlast)",
        "packed.backward(self.cell, params, cache, 2 * dhs, dlast)",
    ),
]
RESIDUAL = [
    ("dhs + dxs, dstate  # (residual-backward)", "dxs, dstate"),
    ("dhs + dxs, dstate  # (residual-backward)", "dhs, dstate"),
    ("dhs + dxs, dstate  # (residual-backward)", "dhs - dxs, dstate"),
    ("da = dhs * (hs - xs) * q * (1 - q)", "da = dhs * (hs - xs) * q"),
    ("da = dhs * (hs - xs) * q * (1 - q)", "da = dhs * (xs - hs) * q * (1 - q)"),
    ("da = dhs * (hs - xs) * q * (1 - q)", "da = dhs * hs * q * (1 - q)"),
    ("inner, dhs * q, dlast", "inner, dhs, dlast"),
    ("inner, dhs * q, dlast", "inner, dhs * (1 - q), dlast"),
    ("dhs * (1 - q) + through_gate", "dhs * q + through_gate"),
    (" + through_gate + through_layer", " + through_layer"),
    (" + through_gate + through_layer", " + through_gate"),
]
BIDIRECTIONAL = [
    ("db = reverse(db, lengths)", "pass"),
    ("db = reverse(db, lengths)", "db = db[::-1]"),
    ("dx_a + reverse(dx_b, lengths)", "dx_a + dx_b"),
    ("dx_a + reverse(dx_b, lengths)", "dx_a + dx_b[::-1]"),
    ("dx_a + reverse(dx_b, lengths)", "dx_a"),
    ("Both(dp_a, dp_b), dxs", "Both(dp_b, dp_a), dxs"),
    ("Both(ds_a, ds_b)", "Both(ds_b, ds_a)"),
    ("cache_a, da, dlast.ahead", "cache_a, da, dlast.back"),
    ("cache_b, db, dlast.back", "cache_b, da, dlast.back"),
]


def using(user, changed):
    """A copy of a module that imports a changed copy of another; no file is touched."""
    copy = types.ModuleType(user.__name__)
    exec(compile(inspect.getsource(user), user.__file__, "exec"), copy.__dict__)
    for name, value in list(vars(copy).items()):
        if inspect.ismodule(value) and value.__name__ == changed.__name__:
            setattr(copy, name, changed)
        elif getattr(value, "__module__", None) == changed.__name__:
            setattr(copy, name, getattr(changed, name))
    return copy


def lru_error(module):
    """Relative error of the gradient of a whole sequence at once."""
    return cell_error(module, **SIZES, seed=0, bptt=at_once(module))


SELECTIVELY = types.SimpleNamespace(
    forward=lambda cell, *args: cell.scan_forward(*args),
    backward=lambda cell, *args: cell.scan_backward(*args),
)
GROUPS = {  # name: module, its mutants, the test that must catch them
    "scan": (scan, SCAN, lambda module: scan_error(module, 5, 3, 4, seed=0)),
    "min-gru": (min_gru, MIN_GRU, lambda module: cell_error(module, **SIZES, seed=0)),
    "min-lstm": (min_lstm, MIN_LSTM, lambda module: cell_error(module, **SIZES, seed=0)),
    "log-space": (
        *(log_space, LOG_SPACE),
        lambda module: cell_error(using(min_gru, module), **SIZES, seed=0),
    ),
    "parallel": (
        *(parallel, PARALLEL),
        lambda module: cell_error(min_gru, **SIZES, seed=0, bptt=module),
    ),
    "lru": (lru, LRU, lambda module: cell_error(module, **SIZES, seed=0)),
    "lru-at-once": (lru, LRU_AT_ONCE, lru_error),
    "selective": (
        *(selective, SELECTIVE),
        lambda module: cell_error(module.Selective(3), **SIZES, seed=0),
    ),
    "selective-at-once": (
        *(selective, SELECTIVE_AT_ONCE),
        lambda module: cell_error(module.Selective(3), **SIZES, seed=0, bptt=SELECTIVELY),
    ),
    "truncated": (
        *(truncated, TRUNCATED),
        lambda module: truncated_error(module, lstm, **SIZES, K=2, seed=0),
    ),
    "packed": (packed, PACKED, lambda module: packed_error(module, lstm, **SIZES, seed=0)),
    "stack": (
        *(stack, STACK),
        lambda module: stack_error(
            module.Stack((module.Recurrent(lstm), module.Recurrent(lstm))),
            *(5, 3, 4, 4),
            seed=0,
            stack=module,
        ),
    ),
    "residual": (
        *(residual, RESIDUAL),
        lambda module: stack_error(module.Highway(module.Residual(RNN)), 5, 3, 4, 4, seed=0),
    ),
    "bidirectional": (
        *(bidirectional, BIDIRECTIONAL),
        lambda module: stack_error(module.Bidirectional(LSTM), 5, 3, 4, 4, seed=0),
    ),
    "complex": (complex_pairs, COMPLEX, lambda module: lru_error(using(lru, module))),
}
ALL = [(name, *change) for name, (_, changes, _) in GROUPS.items() for change in changes]


@pytest.mark.parametrize(("group", "old", "new"), ALL)
def test_every_mutant_is_caught(group, old, new):
    module, _, error = GROUPS[group]
    assert catches(error, mutant(module, old, new))


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_mutant_the_test_passes(group):
    module, _, error = GROUPS[group]
    copy = types.ModuleType(module.__name__)
    exec(compile(inspect.getsource(module), module.__file__, "exec"), copy.__dict__)
    assert not catches(error, copy)
