"""The networks of chapter *normalisation* are those of the library."""

import math

import numpy as np
import pytest
import torch

from rnnlib.experiments import normalisation
from rnnlib.reference import batch_norm, bptt, elman, lstm, lstm_layer_norm
from rnnlib.reference.ops import tree_map

T, B, D, H = 5, 6, 3, 4


def example(G, gain=1.3):
    """A network whose gains and shifts are anything, and inputs."""
    net = normalisation.start(0, G, D, H, 2, gain)
    rng = np.random.default_rng(1)
    net = tree_map(lambda leaf: leaf + 0.3 * rng.normal(size=leaf.shape), net)
    return net, rng.normal(size=(T, B, D))


def states(net, xs, kind, statistics=None):
    """States ``(T, B, H)`` of one network in float64, and the statistics of its steps."""
    run = normalisation.unroll(
        normalisation.tensors_of(net), torch.from_numpy(xs)[:, None], kind, statistics
    )
    return torch.stack(run.hs)[:, 0].numpy(), run.statistics


def weights(net):
    return net.W_x[0].T, net.W_h[0].T, net.b[0, 0]


@pytest.mark.parametrize(("kind", "G"), [("none", 4), ("layer", 4), ("none", 1)])
def test_the_cells_are_those_of_the_reference(kind, G):
    net, xs = example(G)
    gains = net.gamma_x[0, 0], net.gamma_h[0, 0], net.gamma_c[0, 0], net.beta_c[0, 0]
    cell, params = {
        ("none", 4): (lstm, lstm.Params(*weights(net))),
        ("layer", 4): (lstm_layer_norm, lstm_layer_norm.Params(*weights(net), *gains)),
        ("none", 1): (elman, elman.Params(*weights(net))),
    }[kind, G]
    want, _, _ = bptt.forward(cell, params, xs, cell.zero_state(params, B))
    np.testing.assert_allclose(states(net, xs, kind)[0], want, rtol=1e-10)


def test_batch_norm_in_the_cell_is_that_of_the_reference():
    net, xs = example(1)
    W_x, W_h, b = weights(net)
    h, want, fresh = np.zeros((B, H)), [], batch_norm.no_training(H, 1)

    def norm(a, gain):
        return batch_norm.train(batch_norm.Params(gain[0, 0], 0 * b), a[None], fresh)[0][0]

    for x in xs:
        h = np.tanh(norm(x @ W_x.T, net.gamma_x) + norm(h @ W_h.T, net.gamma_h) + b)
        want.append(h)
    np.testing.assert_allclose(states(net, xs, "batch")[0], want, rtol=1e-10)


@pytest.mark.parametrize("G", [1, 4])
def test_on_its_own_statistics_a_batch_gives_what_it_gave(G):
    net, xs = example(G)
    want, statistics = states(net, xs, "batch")
    got, _ = states(net, xs, "batch", statistics)
    np.testing.assert_allclose(got, want, rtol=1e-10)
    longer = np.concatenate([xs, xs[:2]])
    row = [*statistics, statistics[-1], statistics[-1]]
    np.testing.assert_allclose(
        states(net, longer, "batch", statistics)[0], states(net, longer, "batch", row)[0]
    )


def test_statistics_of_all_steps_are_those_of_all_values():
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(T, 1, B, H)))
    each = [[normalisation._moments(a)] for a in values]
    ((m, v),) = normalisation.together(each)
    v_all, m_all = torch.var_mean(values, dim=(0, 2), correction=0)
    np.testing.assert_allclose(m[:, 0], m_all)
    np.testing.assert_allclose(v[:, 0], v_all)


@pytest.mark.parametrize("gamma_x", [1e-3, 0.2, 2.0])
@pytest.mark.parametrize("gamma_h", [2e-3, 0.3, 1.0, 3.0])
def test_the_mean_adjoint_falls_at_least_as_fast_as_the_past_is_displaced(gamma_x, gamma_h):
    share = 0.5 * math.log(gamma_h**2 / (gamma_x**2 + gamma_h**2))
    each, mean = normalisation.mean_field(gamma_x, gamma_h)
    assert mean <= share + 1e-12
    assert mean <= each
    if gamma_x + gamma_h < 0.01:  # without saturation it is that share alone
        assert each == pytest.approx(share, rel=1e-3)
        assert mean == pytest.approx(share, rel=1e-3)


def test_the_adjoint_of_a_plain_tanh_network_is_that_of_the_reference():
    net, xs = example(1)
    net = tree_map(np.float32, net)
    cell = elman.Params(*weights(net))
    _, _, caches = bptt.forward(elman, cell, np.float32(xs), elman.zero_state(cell, B))
    noise = torch.randn((1, B, H), generator=torch.Generator().manual_seed(3)).numpy()[0]
    walk = bptt.steps_backward(
        elman, cell, caches, np.zeros((T, B, H), np.float32), elman.State(noise)
    )
    adjoints = np.stack([noise, *(dprev.h for _, _, dprev in walk)])[:-1]
    logs = np.log(np.linalg.norm(adjoints, axis=-1)).mean(-1)
    got = normalisation.lags(net, torch.from_numpy(np.float32(xs))[:, None], "none", seed=3)
    np.testing.assert_allclose(got, logs - logs[0], atol=1e-4)
