"""Training with our kernels, an eager cell and torch's layer: on a CPU, and tiny."""

import json
import sys

import pytest
import torch

from rnnlib.bench import __main__ as bench
from rnnlib.bench import layers, training

TINY = ["--steps", "22", "--units", "8", "--batch", "3", "--length", "6"]
HERE = ["training", "--device", "cpu", "--dtype", "float32", *TINY]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A short text."""
    monkeypatch.setattr(training, "corpus", lambda: torch.arange(500) % 97)


def test_three_networks_learn_and_two_of_them_the_same(tmp_path, capsys):
    assert bench.main([*HERE, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split()[3:] == HERE
    assert found["name"] == "cpu_training"
    for name in training.WAYS:
        assert len(found["losses"][name]) == 22
        assert len(found["times"][name]) == 22 - training.WARM
        assert found["losses"][name][-1] < found["losses"][name][0]
    assert found["apart"] < 1e-4
    assert abs(found["losses"]["plain"][-1] - found["losses"]["kernel"][-1]) > 1e-4
    said = capsys.readouterr().out
    assert all(name in said for name in training.WAYS) and "loss at steps 1, 6, 12, 22" in said


def test_an_eager_cell_that_is_another_function_is_not_timed(monkeypatch, capsys):
    monkeypatch.setattr(layers, "loop", lambda cell, xs: loop(cell, xs) * 1.1)
    assert bench.main(HERE) == 2
    assert "kernel and eager: losses begin 0.0" in capsys.readouterr().err


loop = layers.loop


def test_products_may_be_rounder_than_weights(capsys):
    assert bench.main([*HERE[:3], "--dtype", "bfloat16", *TINY]) == 0
    assert "bfloat16 products" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so(capsys):
    assert bench.main(["training", *TINY]) == 2
    assert "no GPU: torch sees no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "least"), [("steps", 7), ("units", 1), ("length", 1)])
def test_a_size_that_makes_no_sense_is_named(name, least, capsys):
    assert bench.main([*HERE, f"--{name}", "0"]) == 2
    assert f"--{name}: got 0, expected at least {least}" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_card_the_curves_begin_alike():
    sizes = ["--steps", "20", "--units", "64", "--batch", "16", "--length", "32"]
    assert bench.main(["training", *sizes]) == 0


def test_the_text_is_symbols_of_python_source(monkeypatch):
    monkeypatch.undo()
    assert "rnnlib.bench.training" in sys.modules
    symbols = training.corpus()
    assert symbols.dtype == torch.int64 and 1e6 < len(symbols) <= 2e6
    assert 0 <= symbols.min() and symbols.max() < 97
