"""How the cells are related: each is another one, with parameters of a certain form.

The complex step proves that a backward step belongs to its forward step; these theorems, and the
agreement with torch, that the forward step is the cell it is said to be.
"""

import numpy as np
import pytest
import torch
from helpers import SIZES, assert_close, example, mutant
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from rnnlib.reference import (
    bptt,
    conv_lstm,
    elman,
    elman_activation,
    gru,
    gru_cho,
    jordan,
    linear,
    lstm,
    lstm_1997,
    lstm_coupled,
    lstm_layer_norm,
    lstm_peephole,
    lstm_projected,
    mgu,
)

SEEDS = st.integers(0, 2**16)
for_any_size = settings(deadline=None, derandomize=True, max_examples=20)


def run(cell, params, xs, state):
    """Hidden states and last state."""
    return bptt.forward(cell, params, xs, state)[:2]


def rows(array, H):
    """The blocks of H rows of a stacked array, one per gate."""
    return np.split(array, len(array) // H)


def stack(params, *choose):
    """Build the rows of ``W_x``, ``W_h`` and ``b``: one function of the given blocks per gate."""
    H = params.W_h.shape[1]
    W_x, W_h, b = (rows(array, H) for array in params[:3])
    return [np.concatenate([f(*blocks) for f in choose]) for blocks in (W_x, W_h, b)]


@for_any_size
@given(SIZES, SEEDS)
def test_with_tanh_the_choice_of_activation_is_the_elman_network(size, seed):
    _, params, xs, state = example(elman, *size, seed)
    got = run(elman_activation.Elman(elman_activation.TANH), params, xs, state)
    assert_close(got, run(elman, params, xs, state), rtol=0)


@for_any_size
@given(SIZES, SEEDS, st.integers(1, 5))
def test_a_jordan_network_is_an_elman_network_whose_memory_passes_through_its_outputs(
    size, seed, V
):
    rng, params, xs, _ = example(jordan.Jordan(V), *size, seed)
    W_x, W_h, b, *readout = params
    u = rng.normal(size=(size[1], len(b)))
    first = jordan.State(linear.forward(linear.Params(*readout), u))
    ys, _ = run(jordan.Jordan(V), params, xs, first)

    W_y, b_y = readout
    us, _ = run(elman, elman.Params(W_x, W_h @ W_y, b + W_h @ b_y), xs, elman.State(u))
    assert_close(ys, linear.forward(linear.Params(*readout), us))


@for_any_size
@given(SIZES, SEEDS)
def test_the_lstm_of_1997_is_one_whose_forget_gate_stays_open(size, seed):
    _, params, xs, state = example(lstm_1997, *size, seed)
    W_x, W_h, b = stack(
        params, lambda i, g, o: i, lambda i, g, o: 0 * i, lambda i, g, o: g, lambda i, g, o: o
    )
    b[size[3] : 2 * size[3]] = 1000
    got = run(lstm, lstm.Params(W_x, W_h, b), xs, state)
    assert_close(got, run(lstm_1997, params, xs, state), rtol=1e-13)


@for_any_size
@given(SIZES, SEEDS)
def test_the_coupled_lstm_is_one_whose_forget_gate_has_the_weights_of_the_input_gate_negated(
    size, seed
):
    _, params, xs, state = example(lstm_coupled, *size, seed)
    full = stack(
        params, lambda i, g, o: i, lambda i, g, o: -i, lambda i, g, o: g, lambda i, g, o: o
    )
    got = run(lstm, lstm.Params(*full), xs, state)
    assert_close(got, run(lstm_coupled, params, xs, state), rtol=1e-13)


@for_any_size
@given(SIZES, SEEDS)
def test_a_peephole_is_a_bias_that_the_memory_sets(size, seed):
    _, params, xs, state = example(lstm_peephole, *size, seed)
    W_x, W_h, b, (w_i, w_f, w_o) = params
    _, last = run(lstm_peephole, params, xs[:1], state)
    for k in range(size[1]):  # for one example and one step
        c, c_after = state.c[k], last.c[k]
        seen = np.concatenate([w_i * c, w_f * c, 0 * c, w_o * c_after])
        alone = lstm.State(state.h[k : k + 1], state.c[k : k + 1])
        after, _ = lstm.step(lstm.Params(W_x, W_h, b + seen), xs[0, k : k + 1], alone)
        assert_close(lstm.State(last.h[k : k + 1], last.c[k : k + 1]), after)


@for_any_size
@given(SIZES, SEEDS)
def test_a_projection_onto_itself_is_none(size, seed):
    _, params, xs, state = example(lstm, *size, seed)
    projected = lstm_projected.Params(*params, W_p=np.eye(size[3]))
    first = lstm_projected.State(*state)
    hs, last = run(lstm_projected.ProjectedLSTM(size[3]), projected, xs, first)
    assert_close((hs, lstm.State(*last)), run(lstm, params, xs, state), rtol=1e-13)


def other_convention(module):
    """The same GRU with z and 1 - z in each other's place, read forward only."""
    h = "state.h" if module is gru else "h"
    return mutant(module, f"h = (1 - z) * n + z * {h}  #", f"h = z * n + (1 - z) * {h}  #")


@pytest.mark.parametrize("cell", [gru, gru_cho], ids=lambda cell: cell.__name__)
@for_any_size
@given(SIZES, SEEDS)
def test_negating_the_rows_of_z_changes_the_convention(cell, size, seed):
    _, params, xs, state = example(cell, *size, seed)
    got = run(other_convention(cell), gru.negate_z(params), xs, state)
    assert_close(got, run(cell, params, xs, state), rtol=1e-13)
    assert_close(gru.negate_z(gru.negate_z(params)), params, rtol=0)


@pytest.mark.parametrize("cell", [gru, gru_cho], ids=lambda cell: cell.__name__)
@for_any_size
@given(SIZES, SEEDS)
def test_negating_the_rows_of_z_turns_z_into_one_minus_z(cell, size, seed):
    _, params, xs, state = example(cell, *size, seed)
    _, cache = cell.step(params, xs[0], state)
    _, negated = cell.step(gru.negate_z(params), xs[0], state)
    r, z, *rest = cache.kept
    assert_close(negated.kept, (r, 1 - z, *rest), rtol=1e-13)


@for_any_size
@given(SIZES, SEEDS)
def test_the_place_of_the_reset_gate_does_not_matter_if_the_candidate_reads_its_own_unit_alone(
    size, seed
):
    _, params, xs, state = example(gru_cho, *size, seed)
    H = size[3]
    params.W_h[2 * H :] *= np.eye(H)
    after = gru.Params(*params, b_n=np.zeros(H))
    assert_close(run(gru, after, xs, state), run(gru_cho, params, xs, state))


@for_any_size
@given(SIZES, SEEDS)
def test_nor_if_the_reset_gate_stays_open(size, seed):
    _, params, xs, state = example(gru_cho, *size, seed)
    params.b[: size[3]] = 1000
    after = gru.Params(*params, b_n=np.zeros(size[3]))
    assert_close(run(gru, after, xs, state), run(gru_cho, params, xs, state))


def test_else_the_place_of_the_reset_gate_matters():
    _, params, xs, state = example(gru_cho, 1, 1, 3, 4, seed=0)
    after = gru.Params(*params, b_n=np.zeros(4))
    difference = run(gru, after, xs, state)[0] - run(gru_cho, params, xs, state)[0]
    assert np.abs(difference).max() > 0.1


@for_any_size
@given(SIZES, SEEDS)
def test_the_minimal_gated_unit_is_a_gru_whose_two_gates_are_one(size, seed):
    _, params, xs, state = example(mgu, *size, seed)
    full = stack(params, lambda f, n: f, lambda f, n: -f, lambda f, n: n)
    got = run(gru_cho, gru_cho.Params(*full), xs, state)
    assert_close(got, run(mgu, params, xs, state))


@for_any_size
@given(SIZES, SEEDS)
def test_where_image_and_kernel_are_one_point_the_convolutional_lstm_is_the_lstm(size, seed):
    _, params, xs, state = example(lstm, *size, seed)

    def point(array):
        return array[..., None, None]

    images = conv_lstm.Params(point(params.W_x), point(params.W_h), params.b)
    first = conv_lstm.State(point(state.h), point(state.c))
    hs, last = run(conv_lstm.ConvLSTM(1, 1, K=1), images, point(xs), first)
    want, end = run(lstm, params, xs, state)
    assert_close((hs, *last), (point(want), point(end.h), point(end.c)))


@pytest.mark.parametrize("K", [1, 3, 5])
def test_the_convolutional_lstm_is_torchs_convolution_between_torchs_gates(K):
    cell = conv_lstm.ConvLSTM(Y=4, X=3, K=K)
    _, params, xs, state = example(cell, 5, 2, 3, 4, seed=K)
    W_x, W_h, b = map(torch.tensor, params)
    h, c = map(torch.tensor, state)
    want = []
    for x in torch.tensor(xs):
        a = functional.conv2d(x, W_x, b, padding="same")
        i, f, g, o = (a + functional.conv2d(h, W_h, padding="same")).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        want.append(h.numpy())
    hs, last = run(cell, params, xs, state)
    assert_close((hs, *last), (np.stack(want), h.numpy(), c.numpy()), rtol=1e-12)


def test_the_layer_norm_lstm_is_torchs_layer_norm_between_torchs_gates():
    _, params, xs, state = example(lstm_layer_norm, 6, 3, 4, 5, seed=0)
    W_x, W_h, b, gamma_x, gamma_h, gamma_c, beta_c = map(torch.tensor, params)
    h, c = map(torch.tensor, state)
    want = []
    for x in torch.tensor(xs):
        a = functional.layer_norm(x @ W_x.T, (20,), gamma_x, b)
        a = a + functional.layer_norm(h @ W_h.T, (20,), gamma_h)
        i, f, g, o = a.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * functional.layer_norm(c, (5,), gamma_c, beta_c).tanh()
        want.append(h.numpy())
    hs, last = run(lstm_layer_norm, params, xs, state)
    assert_close((hs, *last), (np.stack(want), h.numpy(), c.numpy()), rtol=1e-12)
