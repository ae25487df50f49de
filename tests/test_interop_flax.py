"""Weights between us and the cells of Flax, linen and nnx, run by JAX in float64."""

import numpy as np
import pytest
from interop_examples import CELLS, assert_close, assert_same, inputs, random_network, said

from rnnlib import interop
from rnnlib.interop.describe import describe
from rnnlib.reference import gru
from rnnlib.reference.bidirectional import Both

LINEN = [("elman", "SimpleCell"), ("lstm", "LSTMCell"), ("lstm", "OptimizedLSTMCell")]
LINEN += [("gru", "GRUCell")]
NNX = [("elman", "SimpleCell"), ("lstm", "OptimizedLSTMCell"), ("lstm", "LSTMCell")]
NNX += [("gru", "GRUCell")]


@pytest.fixture(scope="module")
def jax():
    import jax

    with jax.enable_x64(True):
        yield jax


@pytest.mark.parametrize(("name", "layer"), LINEN)
@pytest.mark.parametrize("seed", range(2))
def test_linen_with_our_weights_says_what_we_say(jax, name, layer, seed):
    from flax import linen

    rng = np.random.default_rng(seed)
    D, H, T, B = rng.integers(1, 6, size=4)
    both = Both(*(random_network(rng, CELLS[name], D=D, H=H)[0] for _ in range(2)))
    xs = inputs(rng, both, T, B)
    cells = [getattr(linen, layer)(int(H), param_dtype=np.float64) for _ in range(2)]
    net = linen.Bidirectional(*(linen.RNN(cell) for cell in cells), time_major=True)
    fresh = net.init(jax.random.key(0), xs)["params"]
    trees = [interop.to_flax(cell) for cell in both]
    variables = {"forward_rnn": {"cell": trees[0]}, "backward_rnn": {"cell": trees[1]}}
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, fresh)
    assert_close(said(both, xs), np.asarray(net.apply({"params": variables}, xs)), 1e-12)
    assert_same(tuple(map(interop.from_flax, trees)), tuple(both))
    ours = Both(
        *(interop.from_flax(fresh[f"{way}_rnn"]["cell"]) for way in ("forward", "backward"))
    )
    assert_close(said(ours, xs), np.asarray(net.apply({"params": fresh}, xs)), 1e-12)


@pytest.mark.parametrize(("name", "layer"), NNX)
def test_nnx_with_our_weights_says_what_we_say(jax, name, layer):
    from flax import nnx

    rng = np.random.default_rng(1)
    D, H, T, B = (int(n) for n in rng.integers(1, 6, size=4))
    (params,) = random_network(rng, CELLS[name], D=D, H=H)
    if name == "gru":
        params = params._replace(b_n=np.zeros(H))
    xs = inputs(rng, params, T, B)
    cell = getattr(nnx, layer)(D, H, dtype=np.float64, param_dtype=np.float64, rngs=nnx.Rngs(0))
    tree = interop.to_flax(params, "nnx.LSTMCell" if layer == "LSTMCell" else "nnx")
    state = nnx.state(cell, nnx.Param)
    fresh = nnx.to_pure_dict(state)
    assert jax.tree.map(np.shape, tree) == jax.tree.map(np.shape, fresh)
    nnx.replace_by_pure_dict(state, tree)
    nnx.update(cell, state)
    hs = nnx.RNN(cell, time_major=True, rngs=nnx.Rngs(0))(xs)
    assert_close(said(params, xs), np.asarray(hs), 1e-12)
    assert_same(interop.from_flax(nnx.to_pure_dict(nnx.state(cell, nnx.Param))), params)


def test_nnx_has_no_bias_in_the_reset_product_and_linen_has(jax):
    from flax import nnx

    fresh = nnx.to_pure_dict(nnx.state(nnx.GRUCell(3, 4, rngs=nnx.Rngs(0)), nnx.Param))
    assert not interop.from_flax(fresh).b_n.any()
    (params,) = random_network(np.random.default_rng(0), gru)
    np.testing.assert_array_equal(interop.to_flax(params)["hn"]["bias"], params.b_n)
    with pytest.raises(ValueError, match="none inside the reset product"):
        interop.to_flax(params, "nnx")


def test_a_dense_layer_without_its_bias_is_refused():
    (params,) = random_network(np.random.default_rng(0), gru)
    tree = interop.to_flax(params)
    del tree["hn"]["bias"]
    with pytest.raises(ValueError, match="no 'bias'"):
        interop.from_flax(tree)


@pytest.mark.parametrize("ending", [".msgpack", ".npz"])
def test_a_file_of_flax_is_described(ending, tmp_path):
    from flax import serialization, traverse_util

    rng = np.random.default_rng(0)
    lstm, last = (random_network(rng, CELLS[name])[0] for name in ("lstm", "elman"))
    tree = {"LSTMCell_0": interop.to_flax(lstm), "cell": interop.to_flax(last, "nnx")}
    tree["Dense_0"] = {"kernel": np.ones((4, 2)), "bias": np.ones(2)}
    path = tmp_path / f"params{ending}"
    if ending == ".npz":
        np.savez(path, **traverse_util.flatten_dict({"params": tree}, sep="/"))
    else:
        path.write_bytes(serialization.to_bytes({"params": tree}))
    told = describe(path)
    assert "2 recurrent modules" in told
    assert "params/LSTMCell_0: flax.linen LSTMCell\n  layers 1, directions 1, D = 3, H = 4" in told
    assert "params/cell: flax.nnx SimpleCell" in told
