"""The comparison of chapter *regularisation*: its networks are the library's, its names apart."""

import numpy as np
import pytest
import torch

from rnnlib.experiments import dropout_memory, regularisers
from rnnlib.nn import bptt, lstm, weight_drop
from rnnlib.nn.dropout import Dropout
from rnnlib.nn.zoneout import Params as Zoned
from rnnlib.nn.zoneout import Zoneout, inputs
from rnnlib.reference import penalties

H, V, K = 5, len(regularisers.letters()) + 1, 3
NOISY = [kind for kind in regularisers.GRIDS if "step" in kind or "mask" in kind]


@pytest.fixture
def names():
    return regularisers.tensors([regularisers.draw_names(s, (7,))[0] for s in range(2)])


@pytest.fixture
def params():
    start = regularisers.start(0, 4, V, H, K)
    return regularisers.Params(*(a + 0.3 * torch.randn_like(a) for a in start))


def drawn(kind, names, rates=(0.3, 0.3, 0.6, 0.6)):
    torch.manual_seed(1)
    return regularisers.draw(kind, torch.tensor(rates), names, V, H)


def of_library(params, n):
    """One of the networks; the library's gates come in the order i, f, g, o."""
    rows = torch.arange(4 * H).view(4, H)[[0, 1, 3, 2]].flatten()
    return lstm.Params(params.W_x[n].T[rows], params.W_h[n].T[rows], params.b[n, 0][rows]), rows


@pytest.mark.parametrize("kind", [*NOISY, "none", "zoneout", "weight drop"])
def test_a_network_side_by_side_is_one_of_the_library(kind, names, params):
    noise, n = drawn(kind, names), 3
    said, states = regularisers.forward(params, names, noise)
    cell, (net, rows) = lstm, of_library(params, n)
    letters = names.letters[n % 2]
    xs = torch.nn.functional.one_hot(letters, V).float()
    if noise.letters is not None:
        xs = noise.letters[n] * xs
    zero = lstm.zero_state(net, letters.shape[1])
    if kind == "zoneout":
        keep = noise.keep[:, n]
        cell, net, xs = Zoneout(lstm), Zoned(net), inputs(xs, torch.cat([*keep], dim=-1))
    if kind == "weight drop":
        net = weight_drop.forward(net, noise.W_h[n].T[rows])
    if noise.h is not None or noise.c is not None:
        hs, state = [], zero
        for t, x in enumerate(xs):
            h = 1.0 if noise.h is None else noise.h[n, t % noise.h.shape[1]]
            c = 1.0 if noise.c is None else noise.c[n, t]
            masked = Dropout(lstm, torch.ones(()), torch.as_tensor(h))
            state = masked.step(net, x, state._replace(c=c * state.c))
            hs.append(state.h)
        hs = torch.stack(hs)
    else:
        hs, _ = bptt.forward(cell, net, xs, zero)
    torch.testing.assert_close(states[n], hs)
    last = hs[names.ends[n % 2] - 1, torch.arange(letters.shape[1])]
    last = last if noise.last is None else noise.last[n] * last
    torch.testing.assert_close(said[n], last @ params.W_y[n] + params.b_y[n])


@pytest.mark.parametrize("kind", ["L1", "L2", "L2 on W_h", "AR", "TAR"])
def test_a_penalty_is_that_of_the_library(kind, names, params):
    _, states = regularisers.forward(params, names, regularisers.Noise())
    rate, want = torch.tensor([0.1, 0.2, 0.3, 0.4]), 0.0
    for n in range(4):
        weights = tuple(W[n].numpy() for W in (params.W_x, params.W_h, params.W_y))
        hs, seen = states[n].numpy(), np.arange(10)[:, None] < names.ends[n % 2].numpy()
        want += {
            "L1": lambda r, w=weights: penalties.l1(w, r)[0],
            "L2": lambda r, w=weights: penalties.l2(w, r)[0],
            "L2 on W_h": lambda r, w=weights: penalties.l2(w[1], r)[0],
            "AR": lambda r, hs=hs, seen=seen: penalties.activation(hs, r, seen)[0],
            "TAR": lambda r, hs=hs, seen=seen: penalties.temporal(hs, r, seen)[0],
        }[kind](float(rate[n]))
    got = regularisers.penalty(kind, rate, params, states, names)
    assert float(got) == pytest.approx(want, rel=1e-5)
    assert regularisers.penalty("none", rate, params, states, names) == 0


@pytest.mark.parametrize("kind", [*NOISY, "weight drop"])
def test_masks_have_the_mean_one_and_two_values(kind, names):
    for m in drawn(kind, names, (0.5,) * 200):
        if m is not None:
            assert set(m.unique().tolist()) == {0.0, 2.0}
            assert float(m.mean()) == pytest.approx(1, abs=0.1)


def test_what_a_name_names_is_on_one_side_only_and_no_name_is_on_two():
    parts = regularisers.draw_names(3, (50, 60, 70))
    assert [len(part) for part in parts] == [50, 60, 70]
    for pick in (lambda n: (n.kind, n.code), lambda n: n.text):
        seen = [{pick(n) for n in part} for part in parts]
        assert not (seen[0] & seen[1] | seen[1] & seen[2] | seen[0] & seen[2])


def test_networks_that_remember_have_each_their_own_noise(names):
    one, kinds = regularisers.Names(*(a[:1] for a in names)), dropout_memory.KINDS
    torch.manual_seed(0)
    alone = [regularisers.draw(kind, torch.tensor([0.5]), one, V, H) for kind in kinds]
    net = regularisers.start(0, len(kinds), V, H, K)
    T, B = one.letters.shape[1:]
    together, _ = regularisers.forward(net, one, dropout_memory.beside(alone, T, B, H))
    for n, noise in enumerate(alone):
        single = regularisers.Params(*(a[n : n + 1] for a in net))
        said, _ = regularisers.forward(single, one, noise)
        torch.testing.assert_close(together[n : n + 1], said)
