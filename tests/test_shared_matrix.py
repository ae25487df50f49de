"""An LSTM with one matrix for input and state is an LSTM, and has the gradient of what it is."""

import numpy as np

from rnnlib import check, tasks, train
from rnnlib.experiments import shared_matrix
from rnnlib.reference import losses, lstm


def test_the_gradient_of_one_matrix_is_the_sum_over_its_two_uses():
    rng = np.random.default_rng(0)
    loss = shared_matrix.of("one", train.many_to_many(lstm, losses.cross_entropy))
    net = check.random_like(rng, shared_matrix.start("one", 0, 8, shared_matrix.V))
    batch = shared_matrix.symbols(tasks.reber(rng, 3, tasks.EMBEDDED), 8)

    full = shared_matrix.untied(net)
    assert full.cell.W_x is full.cell.W_h is net.cell.W

    _, grads = loss(net, batch)
    error = check.gradient_error(lambda net: loss(net, batch)[0], (net,), (grads,), rng)
    assert error < 1e-12


def test_one_matrix_has_about_as_many_numbers_as_two_when_it_is_wide():
    for D, H in [(7, 16), (2, 16), (3, 40)]:
        K = shared_matrix.matched(D, H)
        wanted = H * (D + H + 1)
        assert abs(K * (K + 1) - wanted) <= K + 1
