"""The benchmark of contexts times what it says, and counts what is needed."""

import json

import pytest
import torch

from rnnlib.bench import __main__ as bench
from rnnlib.bench import ladder, readers
from rnnlib.nn import attention

TINY = ["--units", "8", "--heads", "2", "--contexts", "3", "5", "9", "--tokens", "2"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Do not look for others for long."""
    monkeypatch.setattr(ladder, "QUIET", 0.01)


def test_attention_that_keeps_keys_and_values_is_attention_over_all():
    torch.manual_seed(0)
    reader, xs = readers.Attention(8, 2, 20), torch.randn(12, 8)
    with torch.no_grad():
        reader.read(xs[:4])
        reader.read(xs[4:11])
        said = reader.token(xs[11:])
        assert torch.equal(reader.token(xs[11:]), said)  # it stays where it is
        q, k, v = (a.unflatten(1, (2, 4)) for a in reader.project(xs).chunk(3, 1))
        found, _ = attention.dot(q[11:], k, v)
        torch.testing.assert_close(said, reader.out(found.flatten(1)))
    assert [a.shape for a in reader.kept()] == [(2, 11, 4)] * 2


@pytest.mark.parametrize("name", ["LSTM", "sLSTM", "mLSTM", "RWKV"])
def test_what_is_kept_is_all_that_the_next_token_needs(name):
    xs = torch.randn(7, 8)
    with torch.no_grad():
        reader = readers.all_readers(8, 2, 8)[name]
        reader.read(xs[:6])
        want = reader.token(xs[6:])
        rest = {
            field: torch.full_like(value, torch.nan)
            for field, value in reader.state._asdict().items()
            if field not in reader.fields
        }
        reader.state = reader.state._replace(**rest)
        torch.testing.assert_close(reader.token(xs[6:]), want)
        for field in reader.fields:
            value = getattr(reader.state, field)
            broken = reader.state._replace(**{field: torch.full_like(value, torch.nan)})
            assert reader.step(xs[6:], broken).h.isnan().any(), field


def test_the_bytes_of_a_fixed_state_stay_and_those_of_attention_grow(tmp_path, capsys):
    options = ["context", *TINY, "--repeats", "2"]
    assert bench.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert found["command"].split() == ["python", "-m", "rnnlib.bench", *options]
    kept = found["bytes"]
    assert list(kept) == list(found["measured"]) == ["3", "5", "9"]
    assert [kept[n]["attention"] for n in kept] == [4 * 2 * 8 * n for n in (3, 5, 9)]
    for name, numbers in {"LSTM": 16, "sLSTM": 32, "mLSTM": 73, "RWKV": 32}.items():
        assert {kept[n][name] for n in kept} == {4 * numbers}
    for times in found["measured"].values():
        assert all(len(of_way) == 2 and min(of_way) > 0 for of_way in times.values())
    said = capsys.readouterr().out
    assert all(name in said for name in (*kept["3"], found["machine"]["cpu"], found["noise"]))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--heads", "3"], "--heads: got 3, expected a divisor of 256 units"),
        (["--contexts", "5", "3"], "--contexts: got [5, 3], expected numbers above 0 that grow"),
        (["--tokens", "0"], "--tokens: got 0, expected at least 1"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options, says, capsys):
    assert bench.main(["context", *options]) == 2
    assert says in capsys.readouterr().err
