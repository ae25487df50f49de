"""Convolution: its gradient, and torch's own."""

import numpy as np
import torch
from helpers import RTOL, assert_close, convolution_error
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import convolution

SIZES = st.fixed_dictionaries(
    {letter: st.integers(1, 4) for letter in "BDNYX"}
    | {"K": st.sampled_from([1, 3, 5]), "seed": st.integers(0, 2**16)}
)
for_any_size = settings(deadline=None, derandomize=True, max_examples=50)


@for_any_size
@given(SIZES)
def test_backward_is_the_transpose_of_the_derivative(sizes):
    assert convolution_error(convolution, **sizes) <= RTOL


@for_any_size
@given(SIZES)
def test_values_and_gradients_agree_with_torch(sizes):
    rng = np.random.default_rng(sizes["seed"])
    B, D, N, Y, X, K = (sizes[letter] for letter in "BDNYXK")
    W, x, u = (rng.normal(size=s) for s in [(N, D, K, K), (B, D, Y, X), (B, N, Y, X)])
    W_t, x_t = (torch.tensor(a, requires_grad=True) for a in (W, x))
    a = torch.nn.functional.conv2d(x_t, W_t, padding="same")
    (a * torch.tensor(u)).sum().backward()
    got = convolution.convolve(W, x), *convolution.convolve_backward(W, x, u)
    assert_close(got, (a.detach().numpy(), W_t.grad.numpy(), x_t.grad.numpy()), rtol=1e-12)
