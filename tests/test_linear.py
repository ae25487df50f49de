"""The linear read-out."""

import numpy as np
from helpers import RTOL, assert_close, linear_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.check import random_like
from rnnlib.reference import linear
from rnnlib.reference.ops import add

AXES = st.lists(st.integers(1, 4), max_size=3)  # what stands before the last axis: none, B, T B...
SIZE = st.integers(1, 5)


@settings(deadline=None, derandomize=True)
@given(AXES, SIZE, SIZE, st.integers(0, 2**16))
def test_backward_is_the_transpose_of_the_derivative(shape, H, V, seed):
    assert linear_error(linear, shape, H, V, seed) <= RTOL


def test_every_state_is_read_out_by_itself():
    rng = np.random.default_rng(0)
    params, hs = random_like(rng, linear.init(rng, 4, 3)), rng.normal(size=(6, 2, 4))
    ys, dys = linear.forward(params, hs), rng.normal(size=(6, 2, 3))
    dparams, dhs = linear.backward(params, hs, dys)
    parts = [linear.backward(params, h, dy) for h, dy in zip(hs, dys, strict=True)]
    assert_close(ys, np.stack([linear.forward(params, h) for h in hs]))
    assert_close(dhs, np.stack([dh for _, dh in parts]))
    total = parts[0][0]
    for dpart, _ in parts[1:]:
        total = add(total, dpart)
    assert_close(dparams, total)
