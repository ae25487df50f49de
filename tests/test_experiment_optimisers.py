"""The sweep of chapter *optimisers*: networks side by side are networks."""

import numpy as np
import pytest

from rnnlib import tasks
from rnnlib.experiments import optimisers
from rnnlib.reference import bptt, elman, linear, losses, optim


def test_networks_side_by_side_learn_as_each_would_alone():
    arms = [
        optimisers.Arm("SGD", 0.1),
        optimisers.Arm("Adam", 0.01, "none"),
        optimisers.Arm("Adam", 0.01, "value"),
        optimisers.Arm("Adam", 0.03, schedule="both"),
    ]
    sizes = {"T": 10, "H": 3, "B": 4, "steps": 12, "every": 4, "held_out": 9}
    together = optimisers.teach(0, arms, **sizes)
    for n, arm in enumerate(arms):
        alone = optimisers.teach(0, [arm], **sizes)
        for several, one in zip(together, alone, strict=True):
            np.testing.assert_allclose(several[n], one[0], rtol=1e-4)


def test_the_gradient_of_a_network_side_by_side_is_that_of_the_reference():
    params = optimisers.start(1, 3, 5)
    batch = tasks.temporal_order(np.random.default_rng(0), 12, 4)
    got = optimisers.gradient(params, batch)
    cell = elman.Params(params.W_x[1].T, params.W_h[1].T, params.b[1, 0])
    readout = linear.Params(params.W_y[1].T, params.b_y[1, 0])
    zero, xs = elman.zero_state(cell, 4), np.eye(8, dtype=np.float32)[batch.inputs]
    hs, _, caches = bptt.forward(elman, cell, xs, zero)
    _, dsaid = losses.cross_entropy(linear.forward(readout, hs[-1:]), batch.targets[-1:])
    dreadout, dlast = linear.backward(readout, hs[-1:], dsaid)
    dhs = np.concatenate([np.zeros_like(hs[:-1]), dlast])
    dcell, _, _ = bptt.backward(elman, cell, caches, dhs, zero)
    want = [dcell.W_x.T, dcell.W_h.T, dcell.b[None], dreadout.W_y.T, dreadout.b_y[None]]
    for each, a in zip(got, want, strict=True):
        np.testing.assert_allclose(each[1], a, rtol=1e-3, atol=1e-6)


def test_networks_side_by_side_are_clipped_as_the_library_clips():
    rng = np.random.default_rng(0)
    grads = optimisers.Params(*(rng.normal(size=(3, 2, n)).astype(np.float32) for n in range(1, 6)))
    got, norms = optimisers.clipped(grads, ["none", "norm", "value"])
    rows = [optimisers.Params(*(g[n] for g in grads)) for n in range(3)]
    want = [
        rows[0],
        optim.clip_by_global_norm(rows[1], 1.0)[0],
        optim.clip_by_value(rows[2], 0.1),
    ]
    for n in range(3):
        assert norms[n] == pytest.approx(optim.global_norm(rows[n]))
        for each, a in zip(got, want[n], strict=True):
            np.testing.assert_allclose(each[n], a, rtol=1e-5)


def test_a_relapse_is_an_error_after_the_goal():
    nan = np.nan
    errors = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.3, nan], [0.2, 0.5, 0.0, nan]])
    solved, relapse = optimisers.first_and_after(errors, every=50)
    np.testing.assert_array_equal(solved, [100, nan, 50, 50])
    np.testing.assert_array_equal(relapse, [0.2, nan, 0.3, nan])
