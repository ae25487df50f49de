"""Random networks and what they say, for the tests of interop; nothing in them is zero or one."""

import numpy as np

from rnnlib import interop
from rnnlib.check import random_like
from rnnlib.interop.layers import MODULES
from rnnlib.reference import stack
from rnnlib.reference.bidirectional import Both
from rnnlib.reference.lstm_projected import ProjectedLSTM
from rnnlib.reference.ops import leaves


def random_network(rng, cell, layers=1, ways=1, D=3, H=4):
    """Parameters of a network, each layer of so many directions, from a random generator."""
    params = []
    for _ in range(layers):
        cells = [random_like(rng, cell.init(rng, D, H)) for _ in range(ways)]
        params.append(Both(*cells) if ways == 2 else cells[0])
        D = ways * (cell.P if isinstance(cell, ProjectedLSTM) else H)
    return tuple(params)


def said(params, xs):
    """What the reference says: outputs, time first."""
    net = interop.network(params)
    params = params if type(params) is tuple else (params,)
    hs, _, _ = stack.forward(net, params, xs, net.zero_state(params, xs.shape[1]))
    return hs


def inputs(rng, params, T=5, B=2):
    """Random inputs of the size that the lowest layer reads."""
    return rng.normal(size=(T, B, leaves(params)[0].shape[1]))


def assert_same(got, want):
    """Two trees are of one form and equal in every bit."""
    assert type(got) is type(want)
    if isinstance(want, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            assert_same(g, w)
    else:
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def assert_close(got, want, rtol):
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max())


CELLS = {name.__name__.rpartition(".")[2]: name for name in MODULES.values()}
