"""What several test files need: random examples, gradient errors, mutants, labels."""

import importlib
import importlib.util
import inspect
import io
import re
import tokenize
import types
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from rnnlib.check import dot, gradient_error, random_like
from rnnlib.reference import (
    bptt,
    conv_lstm,
    elman,
    elman_activation,
    gru,
    gru_cho,
    jordan,
    lru,
    lstm,
    lstm_1997,
    lstm_coupled,
    lstm_layer_norm,
    lstm_peephole,
    lstm_projected,
    mgu,
    min_gru,
    min_lstm,
    mlstm,
    rwkv,
    selective,
    slstm,
)
from rnnlib.reference.ops import leaves, tree_map

ROOT = Path(__file__).parents[1]
LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"  # of an equation
RTOL = 1e-10  # a gradient is right if it is off by no more than this
SIZES = st.tuples(*[st.integers(1, 5)] * 4)  # T, B, D, H

CELLS = [
    elman,
    elman_activation.Elman(elman_activation.RELU),
    elman_activation.Elman(elman_activation.SIGMOID),
    jordan.Jordan(V=3),
    lstm,
    lstm_1997,
    lstm_coupled,
    lstm_peephole,
    lstm_projected.ProjectedLSTM(P=3),
    lstm_layer_norm,
    conv_lstm.ConvLSTM(Y=2, X=3),
    gru,
    gru_cho,
    mgu,
    min_gru,
    min_lstm,
    lru,
    selective.Selective(N=3),
    slstm,
    mlstm,
    rwkv,
]


def module_of(cell):
    """The module that a cell is, or whose class it is of."""
    return cell if inspect.ismodule(cell) else inspect.getmodule(type(cell))


def nn_cell(cell):
    """The same cell in :mod:`rnnlib.nn`, or None."""
    name = module_of(cell).__name__.replace("reference", "nn")
    if importlib.util.find_spec(name) is None:
        return None
    twin = importlib.import_module(name)
    if inspect.ismodule(cell):
        return twin
    given = options(cell)
    if "activation" in given:
        names = {getattr(module_of(cell), n): n for n in ("TANH", "RELU", "SIGMOID")}
        given = {"activation": getattr(twin, names[given["activation"]])}
    return getattr(twin, type(cell).__name__)(**given)


def options(cell):
    """What a cell with options was given, by name."""
    return {} if inspect.ismodule(cell) else vars(cell)


def input_shape(cell, **sizes):
    """Shape of one input: ``(B, D)``, or what the cell states, with the sizes that it has."""
    sizes |= options(cell)
    return tuple(sizes[letter] for letter in getattr(cell, "INPUT", "B D").split())


def example(cell, T, B, D, H, seed):
    """Random generator, parameters, inputs and first state; nothing in them is zero or one."""
    rng = np.random.default_rng(seed)
    params = random_like(rng, cell.init(rng, D, H))
    state = random_like(rng, cell.zero_state(params, B))
    return rng, params, rng.normal(size=(T, *input_shape(cell, B=B, D=D))), state


def assert_close(got, want, rtol=RTOL):
    """Two trees agree to a tolerance relative to the largest number of each array."""

    def compare(g, w):
        np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol * np.abs(w).max(initial=0))
        return g

    tree_map(compare, got, want)


def assert_gradient_close(got, want, rtol, rounded=None):
    """Two gradients agree to a tolerance relative to the largest number of all their arrays.

    Some steps magnify rounding, such as layer norm of a few units: where the gradient is given
    also at a point that differs by one rounding, 32 times that difference is allowed besides.
    """
    atol = rtol * max(np.abs(a).max(initial=0) for a in leaves(want))
    if rounded is not None:
        apart = leaves(tree_map(lambda a, b: np.abs(a - b).max(initial=0), want, rounded))
        atol += 32 * max(apart)
    tree_map(lambda g, w: np.testing.assert_allclose(g, w, rtol, atol), got, want)


def cell_error(cell, T, B, D, H, seed, bptt=bptt):
    """Relative error of the gradient of a random example, see :func:`unrolled_error`."""
    rng, *arguments = example(cell, T, B, D, H, seed)
    return unrolled_error(cell, *arguments, rng, bptt)


def unrolled_error(cell, params, xs, state, rng, bptt=bptt):
    """Relative error of the gradient of <u, hs> + <w, last> with respect to every argument."""
    hs, last, caches = bptt.forward(cell, params, xs, state)
    u, w = rng.normal(size=hs.shape), random_like(rng, last)

    def loss(params, xs, state):
        hs, last, _ = bptt.forward(cell, params, xs, state)
        return (u * hs).sum() + dot(w, last)

    grads = bptt.backward(cell, params, caches, u, w)
    return gradient_error(loss, (params, xs, state), grads, rng)


def weak_cell_error(cell, D, H, seed, bptt=bptt):
    """The same as tutorials test it: one step from zero, the loss a plain sum, parameters only."""
    rng, params, xs, _ = example(cell, 1, 1, D, H, seed)
    zero = cell.zero_state(params, 1)
    hs, _, caches = bptt.forward(cell, params, xs, zero)
    dparams, _, _ = bptt.backward(cell, params, caches, np.ones_like(hs), zero)
    return gradient_error(
        lambda params: bptt.forward(cell, params, xs, zero)[0].sum(), (params,), (dparams,), rng
    )


def linear_error(linear, shape, H, V, seed):
    """Relative error of the gradient of <u, ys> with respect to parameters and states."""
    rng = np.random.default_rng(seed)
    params, hs = random_like(rng, linear.init(rng, H, V)), rng.normal(size=(*shape, H))
    u = rng.normal(size=(*shape, V))
    grads = linear.backward(params, hs, u)
    return gradient_error(
        lambda params, hs: (u * linear.forward(params, hs)).sum(), (params, hs), grads, rng
    )


def layer_norm_error(layer_norm, shape, H, seed):
    """Relative error of the gradient of <u, ys> with respect to parameters and inputs."""
    rng = np.random.default_rng(seed)
    params, (xs, u) = random_like(rng, layer_norm.init(H)), rng.normal(size=(2, *shape, H))
    grads = layer_norm.backward(params, xs, u)
    return gradient_error(
        lambda params, xs: (u * layer_norm.forward(params, xs)).sum(), (params, xs), grads, rng
    )


def convolution_error(convolution, B, D, N, Y, X, K, seed):
    """Relative error of the gradient of <u, a> with respect to kernels and images."""
    rng = np.random.default_rng(seed)
    W, x, u = (rng.normal(size=s) for s in [(N, D, K, K), (B, D, Y, X), (B, N, Y, X)])
    grads = convolution.convolve_backward(W, x, u)
    return gradient_error(lambda W, x: (u * convolution.convolve(W, x)).sum(), (W, x), grads, rng)


def mse_error(losses, shape, seed):
    """Relative error of the gradient of the mean squared error."""
    rng = np.random.default_rng(seed)
    predictions, targets = rng.normal(size=(2, *shape))
    _, grad = losses.mse(predictions, targets)
    return gradient_error(lambda p: losses.mse(p, targets)[0], (predictions,), (grad,), rng)


def cross_entropy_error(losses, shape, V, seed, masked=True):
    """Relative error of the gradient of the cross-entropy, about half of the symbols hidden."""
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(size=(*shape, V)), rng.integers(V, size=shape)
    mask = random_mask(rng, shape) if masked else None
    _, grad = losses.cross_entropy(logits, targets, mask)
    return gradient_error(
        lambda z: losses.cross_entropy(z, targets, mask)[0], (logits,), (grad,), rng
    )


def random_mask(rng, shape):
    """A mask that lets about half through, and at least one."""
    mask = np.asarray(rng.random(shape) < 0.5)
    mask.flat[rng.integers(mask.size)] = True
    return mask


def mutant(module, old, new):
    """A copy of a module with one place of its source replaced; no file is touched."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    assert old != new
    copy = types.ModuleType(module.__name__)
    exec(compile(source.replace(old, new), module.__file__, "exec"), copy.__dict__)
    return copy


def catches(error, module):
    """Does this test fail on this module, by a wrong number or by a shape that does not fit?"""
    try:
        return not error(module) <= RTOL
    except (ValueError, IndexError):
        return True


def equations(doc):
    """Equations of a docstring by label: the indented lines since the last label or blank line."""
    found, lines = [], []
    for line in inspect.cleandoc(doc or "").splitlines():
        lines = [*lines, line.strip()] if line.startswith("    ") else []
        if lines and (match := re.search(rf"\s{{2,}}\(({LABEL})\)$", line)):
            found.append((match[1], "\n".join(lines)))
            lines = []
    return found


def labels_used(source):
    """Labels in the comments ``# (label)`` of a source."""
    comments = (
        t.string
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokenize.COMMENT
    )
    return [match[1] for c in comments if (match := re.match(rf"# \(({LABEL})\)", c))]
