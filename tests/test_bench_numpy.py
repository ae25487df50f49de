"""The benchmarks of ladder and layers time what computes the same, and say on what."""

import json
from pathlib import Path

import numpy as np
import pytest

from rnnlib.bench import __main__ as bench
from rnnlib.bench import growth, ladder, layers
from rnnlib.reference import gru, lstm

WAYS = ["reference", *ladder.RUNGS, "torch", "no oneDNN", "cell loop", "autograd"]
RESULTS = Path(__file__).parents[1] / "book" / "results"
TINY = ["numpy", "--sizes", "2,5", "3,4", "--steps", "7", "--repeats", "2"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Do not look for others for long."""
    monkeypatch.setattr(ladder, "QUIET", 0.01)
    monkeypatch.setattr(layers, "SECONDS", 0.0)


def test_every_way_takes_as_many_turns_at_every_size(tmp_path, capsys):
    assert bench.main([*TINY, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split() == ["python", "-m", "rnnlib.bench", *TINY]
    assert list(found["measured"]) == list(ladder.CELLS)
    for name, sizes in found["measured"].items():
        assert list(sizes) == ["2,5", "3,4"]
        for size, times in sizes.items():
            assert list(times) == WAYS
            assert all(len(of_way) == 2 and min(of_way) > 0 for of_way in times.values())
            assert set(found["memory"][name][size]) == {"reference", *ladder.RUNGS}
    assert found["machine"]["torch_threads"] == 1
    said = capsys.readouterr().out
    assert all(way in said for way in WAYS)
    assert found["blas"]["numpy"] in said and found["machine"]["cpu"] in said
    assert found["noise"] in said


def test_every_layer_is_timed_with_its_peer(tmp_path, capsys):
    options = ["layers", *TINY[1:]]
    assert bench.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split() == ["python", "-m", "rnnlib.bench", *options]
    said = capsys.readouterr().out
    for name, sizes in found["measured"].items():
        assert name in said
        assert list(sizes) == ["2,5", "3,4"]
        for times in sizes.values():
            assert {way: len(of_way) for way, of_way in times.items()} == {"rnnlib": 2, "peer": 2}


def test_a_peer_that_computes_something_else_is_not_timed(monkeypatch):
    monkeypatch.setattr(layers, "zoneout", lambda t, cell, new, old: new)
    with pytest.raises(ValueError, match="rnnlib: hs is off by"):
        layers.pairs(5, 2, 3)


def test_growth_is_measured_for_steps_batch_and_units(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(growth, "BASE", {"T": 3, "B": 2, "H": 4})
    monkeypatch.setattr(growth, "SWEEP", dict.fromkeys("TBH", (1, 2, 4, 8)))
    options = ["growth", "--points", "3", "--repeats", "2"]
    assert bench.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split() == ["python", "-m", "rnnlib.bench", *options]
    for letters in found["measured"].values():
        assert list(letters) == ["T", "B", "H"]
        for ways in letters.values():
            assert {way: np.shape(times) for way, times in ways.items()} == dict.fromkeys(
                growth.WAYS, (3, 2)
            )
    assert "exponents" in capsys.readouterr().out
    assert bench.main(["growth", "--points", "2"]) == 2
    assert "--points: got 2, expected 3 to 5" in capsys.readouterr().err


def test_a_way_that_computes_something_else_is_not_timed():
    hs = np.ones((2, 3, 4))
    ladder.same({"reference": lambda: (hs, hs), "other": lambda: (hs, hs * (1 + 1e-5))})
    with pytest.raises(ValueError, match=r"other: dxs is off by 0\.01"):
        ladder.same({"reference": lambda: (hs, hs), "other": lambda: (hs, hs * 1.01)})
    with pytest.raises(ValueError, match="other: hs is off by nan"):
        ladder.same({"reference": lambda: (hs, hs), "other": lambda: (hs * np.nan, hs)})


def test_ways_take_turns_in_both_orders():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "abc"}
    times = ladder.turns(ways, 3)
    assert "".join(calls) == "abccbaabc"
    assert [len(of_way) for of_way in times.values()] == [3, 3, 3]
    longer = ladder.turns({"a": lambda: sum(range(1000))}, 3, 0.01)
    assert len(longer["a"]) > 3


def test_the_peak_of_memory_counts_what_numpy_holds_at_once():
    def twice():
        np.zeros(100_000).sum()
        return np.ones(100_000)  # after the first is gone

    assert 800_000 <= ladder.peak(twice) < 900_000


@pytest.mark.parametrize(("cell", "n"), [(lstm, 7), (gru, 5)], ids=["lstm", "gru"])
def test_what_must_be_kept_is_the_state_and_the_gates_of_every_step(cell, n):
    T, B, H = 6, 3, 4
    given = ladder.example(cell, T, B, H)
    gradients = sum(a.size for a in given.params) + T * B * H + len(given.state) * B * H
    assert ladder.kept(cell, given) == 4 * (n * T * B * H + gradients)


@pytest.mark.parametrize("name", ladder.CELLS)
@pytest.mark.parametrize(("B", "H", "limit"), [(32, 64, 1.5), (1, 128, 1.6)])
def test_a_rung_holds_little_more_than_what_must_be_kept(name, B, H, limit):
    given = ladder.example(ladder.CELLS[name], 100, B, H)
    must = ladder.kept(ladder.CELLS[name], given)
    for rung in ladder.RUNGS:
        way = ladder.numpy_way(ladder.rung_of(name, rung), given)
        assert ladder.peak(way) < (limit if rung not in ("in_place", "fast") else 1.5) * must, rung


def kept_result(name):
    """What the command of a benchmark has left for the book."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def test_the_kept_ladder_ends_near_torch():
    found = kept_result("numpy_speed")
    assert found["settings"] == {
        "sizes": [[int(n) for n in size.split(",")] for size in ladder.SIZES],
        "T": 100,
        "dtype": "float32",
    }
    assert found["machine"]["threads"] == found["machine"]["torch_threads"] == 1
    assert "numpy-ml" in found["absent"]
    for name, sizes in found["measured"].items():
        for size, times in sizes.items():
            limit = 2.2 if size.startswith("1,") else 1.35
            assert list(times) == WAYS and all(len(of_way) >= 15 for of_way in times.values())
            assert ladder.ratios(times, "fast")[1] <= limit, (name, size)
            assert max(found["memory"][name][size][rung] for rung in ladder.RUNGS) < 1.6


def test_the_kept_times_of_plain_layers_are_torchs():
    found = kept_result("layers_speed")["measured"]
    for name in ("LSTM", "GRU", "RNN"):
        for size, times in found[name].items():
            assert ladder.ratios(times, "rnnlib", "peer")[1] <= 1.03, (name, size)


def test_without_autograd_its_line_says_so(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "autograd", None)
    monkeypatch.setitem(sys.modules, "autograd.numpy", None)
    absent = {}
    assert ladder.autograd_way("lstm", ladder.example(lstm, 2, 1, 3), absent) == {}
    assert "autograd" in absent["autograd"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--repeats", "0"], "--repeats: got 0, expected at least 1"),
        (["--steps", "0"], "--steps: got 0, expected at least 1"),
        (["--sizes", "32x64"], "--sizes: got '32x64', expected two positive integers B,H"),
        (["--sizes", "0,64"], "--sizes: got '0,64', expected two positive integers B,H"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options, says, capsys):
    assert bench.main(["numpy", *options]) == 2
    assert says in capsys.readouterr().err
