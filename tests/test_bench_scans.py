"""The benchmark of scans times what computes the same, and says on what."""

import json

import pytest

from rnnlib.bench import __main__ as bench
from rnnlib.bench import ladder, scans
from rnnlib.nn import scan

TINY = ["scans", "--sizes", "5,2,3", "40,1,2", "--repeats", "2"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Do not look for others for long."""
    monkeypatch.setattr(ladder, "QUIET", 0.01)


def test_every_way_takes_as_many_turns_at_every_size(tmp_path, capsys):
    assert bench.main([*TINY, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split() == ["python", "-m", "rnnlib.bench", *TINY]
    said = capsys.readouterr().out
    for name, yardstick in scans.YARDSTICKS.items():
        assert name in said
        assert list(found["measured"][name]) == ["5,2,3", "40,1,2"]
        for times in found["measured"][name].values():
            assert yardstick in times and {"loop", "chunked", "work_efficient"} <= set(times)
            assert all(len(of_way) == 2 and min(of_way) > 0 for of_way in times.values())
    assert found["machine"]["torch_threads"] == 1
    assert found["machine"]["cpu"] in said


def test_a_scan_that_computes_something_else_is_not_timed(monkeypatch):
    monkeypatch.setattr(scan, "chunked", lambda compose, steps: steps)
    for ways in (scans.recurrences, scans.layers):
        with pytest.raises(ValueError, match="chunked: hs is off by"):
            ways(5, 2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "5,2"], "--sizes: got '5,2', expected three positive integers T,B,H"),
        (["--sizes", "5,0,2"], "--sizes: got '5,0,2'"),
        (["--repeats", "0"], "--repeats: got 0, expected at least 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message, capsys):
    assert bench.main(["scans", *options]) == 2
    assert message in capsys.readouterr().err
