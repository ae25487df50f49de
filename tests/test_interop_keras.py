"""Weights between us and Keras 3, run by Keras on its torch backend.

The weights are float64 and come back bit for bit. What Keras says is compared as float32: its
``ops.matmul`` makes products of float64 in float32 on that backend (keras#23223, keras#23704).
"""

import os

import numpy as np
import pytest
from interop_examples import CELLS, assert_close, assert_same, inputs, random_network, said

from rnnlib import interop
from rnnlib.interop.describe import describe

# Keras's own variables do not know NumPy 2's copy keyword
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras"
)

KINDS = ["elman", "lstm", "gru", "gru_cho"]


@pytest.fixture(scope="module")
def keras():
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    assert keras.backend.backend() == "torch"
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield keras
    keras.config.set_floatx(before)


def build(keras, name, layers, ways, D, H, **more):
    """A model of recurrent layers, built for inputs of D numbers."""
    layer = {
        "elman": keras.layers.SimpleRNN,
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "gru_cho": keras.layers.GRU,
    }[name]
    more |= {"reset_after": name == "gru"} if name.startswith("gru") else {}
    parts = [keras.Input((None, D))]
    for _ in range(layers):
        one = layer(H, return_sequences=True, **more)
        parts.append(keras.layers.Bidirectional(one) if ways == 2 else one)
    return keras.Sequential(parts)


def say(model, xs):
    """What the model says; Keras has the batch first."""
    return model(xs.swapaxes(0, 1)).detach().numpy().swapaxes(0, 1)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("seed", range(2))
def test_keras_with_our_weights_says_what_we_say(keras, name, ways, seed):
    rng = np.random.default_rng(seed)
    layers, D, H, T, B = (int(n) for n in rng.integers(1, 5, size=5))
    params = random_network(rng, CELLS[name], min(layers, 2), ways, D, H)
    model = build(keras, name, len(params), ways, D, H)
    for layer, weights in zip(model.layers, interop.to_keras(params), strict=True):
        layer.set_weights(weights)
    xs = inputs(rng, params, T, B)
    assert_close(said(params, xs), say(model, xs), 1e-5)
    assert_same(interop.from_keras([layer.get_weights() for layer in model.layers]), params)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_we_with_kerass_weights_say_what_keras_says(keras, name, use_bias):
    keras.utils.set_random_seed(0)
    model = build(keras, name, 1, 2, D=3, H=4, use_bias=use_bias)
    model.layers[0].set_weights([w + 0.1 for w in model.layers[0].get_weights()])
    reset = None if use_bias or "gru" not in name else name == "gru"
    weights = [layer.get_weights() for layer in model.layers]
    params = interop.from_keras(weights, reset_after=reset)
    assert isinstance(params[0].ahead, CELLS[name].Params)
    xs = inputs(np.random.default_rng(0), params)
    assert_close(said(params, xs), say(model, xs), 1e-5)
    if not use_bias:
        back = interop.to_keras(params, use_bias=False)
        assert all(map(np.array_equal, back[0], weights[0]))


def test_the_forget_bias_of_keras_stands_in_its_weights(keras):
    model = build(keras, "lstm", 1, 1, D=3, H=4)
    (params,) = interop.from_keras([layer.get_weights() for layer in model.layers])
    np.testing.assert_array_equal(params.b, np.repeat([0.0, 1, 0, 0], 4))


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_a_file_of_keras_is_described(keras, ending, tmp_path):
    one = keras.layers.GRU(5, reset_after=False, return_sequences=True)
    cells = [keras.layers.LSTMCell(2), keras.layers.GRUCell(3)]
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            keras.layers.LSTM(4, return_sequences=True),
            keras.layers.Bidirectional(one),
            keras.layers.RNN(cells),
            keras.layers.Dense(2),
        ]
    )
    path = tmp_path / f"model{ending}"
    (model.save if ending == ".keras" else model.save_weights)(path)
    told = describe(path)
    assert "4 recurrent modules" in told
    assert "layers/lstm: keras LSTM\n  layers 1, directions 1, D = 3, H = 4, float64" in told
    assert "block 2 of the bias is all ones, a fresh forget bias, and by the names" in told
    assert "bidirectional: keras GRU, reset_after=False\n  layers 1, directions 2, D = 4" in told
    assert "cells/lstm_cell: keras LSTM\n  layers 1, directions 1, D = 10, H = 2" in told
    assert "cells/gru_cell: keras GRU\n  layers 1, directions 1, D = 2, H = 3" in told
