"""Jacobians, their products and how fast those grow; the loss with a cliff."""

import numpy as np
import pytest
from helpers import RTOL

from rnnlib.check import directional_derivative
from rnnlib.reference import bptt, cliff, elman, init, jacobian
from rnnlib.reference.elman_activation import SIGMOID, Elman

T, D, H = 6, 2, 5


def run(seed):
    """An Elman network, its inputs and its states."""
    rng = np.random.default_rng(seed)
    params = elman.init(rng, D, H)._replace(b=rng.normal(size=H))
    xs, start = rng.normal(size=(T, 1, D)), elman.State(rng.normal(size=(1, H)))
    hs, _, _ = bptt.forward(elman, params, xs, start)
    return rng, params, xs, hs[:, 0]


def test_the_product_of_jacobians_is_the_derivative_of_a_state_with_respect_to_another():
    rng, params, xs, hs = run(0)
    J = jacobian.of_elman(params, hs)
    u, v = rng.normal(size=(2, H))

    def later(h):
        return bptt.forward(elman, params, xs[2:], elman.State(h[None]))[0][-1, 0] @ u

    want = directional_derivative(later, (hs[1],), (v,))
    np.testing.assert_allclose(u @ np.linalg.multi_dot(J[:1:-1]) @ v, want, rtol=RTOL)


def test_norms_are_those_of_the_products_and_the_future_is_blank():
    _, params, _, hs = run(1)
    J = jacobian.of_elman(params, hs)
    found = jacobian.norms(J)
    assert np.isnan(found[np.triu_indices(T, 1)]).all()
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found[4, 3], np.linalg.norm(J[4], 2), rtol=RTOL)
    np.testing.assert_allclose(found[5, 2], np.linalg.norm(J[5] @ J[4] @ J[3], 2), rtol=RTOL)


def test_the_exponents_of_a_scaled_orthogonal_matrix_are_the_log_of_its_scale():
    rng = np.random.default_rng(2)
    J = np.stack([init.orthogonal(rng, (H, H), gain=1.3) for _ in range(T)])
    np.testing.assert_allclose(jacobian.lyapunov(rng, J, K=3), np.log([1.3] * 3), rtol=RTOL)


def test_the_exponents_of_one_matrix_are_the_logs_of_its_eigenvalues():
    rng = np.random.default_rng(3)
    P, sizes = rng.normal(size=(3, 3)), np.array([0.5, 2.0, 1.25])
    J = np.repeat((P @ np.diag(sizes) @ np.linalg.inv(P))[None], 400, axis=0)
    found = jacobian.lyapunov(rng, J, K=3, skip=200)
    np.testing.assert_allclose(found, np.log([2, 1.25, 0.5]), atol=1e-8)


def test_all_exponents_sum_to_the_mean_log_volume():
    rng, params, _, hs = run(4)
    J = jacobian.of_elman(params, hs)
    volume = np.log(np.abs(np.linalg.det(J))).mean()
    np.testing.assert_allclose(jacobian.lyapunov(rng, J, K=H).sum(), volume, rtol=RTOL)


@pytest.mark.parametrize(
    ("options", "says"), [({"K": 0}, "K"), ({"K": H + 1}, "K"), ({"skip": T}, "skip")]
)
def test_exponents_that_cannot_be_are_refused(options, says):
    rng, params, _, hs = run(5)
    with pytest.raises(ValueError, match=f"^{says}: got"):
        jacobian.lyapunov(rng, jacobian.of_elman(params, hs), **options)


def test_what_is_no_sequence_of_square_matrices_is_refused():
    with pytest.raises(ValueError, match=r"^jacobians"):
        jacobian.norms(np.zeros((3, 2, 4)))


def test_the_gradient_of_the_cliff_is_right_at_every_point():
    rng = np.random.default_rng(6)
    w, b = rng.normal(size=(2, 7))
    _, dw, db = cliff.loss_and_gradient(w, b, h_0=0.3, y=0.6, T=9)
    v, q = rng.normal(size=(2, 7))
    want = directional_derivative(
        lambda w, b: cliff.loss_and_gradient(w, b, h_0=0.3, y=0.6, T=9)[0].sum(), (w, b), (v, q)
    )
    np.testing.assert_allclose((dw * v + db * q).sum(), want, rtol=RTOL)


def test_the_cliff_is_an_elman_network_of_one_unit():
    w, b, h_0, y, steps = 5.0, -2.4, 0.5, 0.7, 50
    params = elman.Params(np.zeros((1, 1)), np.array([[w]]), np.array([b]))
    start = elman.State(np.array([[h_0]]))
    hs, last, caches = bptt.forward(Elman(SIGMOID), params, np.zeros((steps, 1, 1)), start)
    dlast = elman.State(2 * (last.h - y))
    grads, _, _ = bptt.backward(Elman(SIGMOID), params, caches, np.zeros_like(hs), dlast)
    loss, dw, db = cliff.loss_and_gradient(np.array(w), np.array(b))
    np.testing.assert_allclose(loss, (last.h[0, 0] - y) ** 2, rtol=RTOL)
    np.testing.assert_allclose([dw, db], [grads.W_h[0, 0], grads.b[0]], rtol=RTOL)


def test_a_cliff_of_no_steps_is_refused():
    with pytest.raises(ValueError, match=r"^T: got 0"):
        cliff.loss_and_gradient(np.array(1.0), np.array(0.0), T=0)
