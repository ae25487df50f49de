"""What the experiments of chapter parallel take for granted."""

import numpy as np
import torch

from rnnlib.experiments import last_marked, newton_over_time
from rnnlib.reference import bptt, selective


def test_the_target_is_the_number_that_was_marked_last():
    xs, ys = last_marked.draw(np.random.default_rng(0), 40, 5, 0.2)
    for (v, m), held in zip(xs.permute(1, 2, 0).tolist(), ys[..., 0].T.tolist(), strict=True):
        last = 0.0
        for number, mark, target in zip(v, m, held, strict=True):
            last = number if mark else last
            assert target == last
    assert 0.1 < xs[..., 1].mean() < 0.3


def test_the_selective_layer_is_that_of_the_reference():
    layer = last_marked.Selective(3, seed=1, N=4)
    begun = selective.Selective(4).init(np.random.default_rng(1), 3, 3)
    xs = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    cell = selective.Selective(4)
    hs, _, _ = bptt.forward(cell, begun, xs.double().numpy(), cell.zero_state(begun, 2))
    np.testing.assert_allclose(layer(xs)[0].detach(), hs, rtol=1e-4, atol=1e-5)


def test_rounds_that_did_not_reach_the_root_are_not_counted():
    assert newton_over_time.needed(np.array([1.0, 0.1, 1e-12]), 1e-9) == 2
    assert np.isnan(newton_over_time.needed(np.array([1.0, 0.1]), 1e-9))
    assert np.isnan(newton_over_time.needed(np.array([1.0, np.inf]), 1e-9))
