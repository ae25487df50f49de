"""The table by which ``auto`` chooses: what it holds decides, and nothing that it does not hold."""

import json

import pytest
import torch

from rnnlib.nn.kernels import dispatch

CARD = "a card"


def table(*rows):
    """A table with times of torch's way at 1 ms, and of graph's as given."""
    made = [
        {
            "cell": "lstm",
            "dtype": "bfloat16",
            "T": T,
            "B": B,
            "H": H,
            "ms": {"torch": 1.0, "graph": graph, **more},
        }
        for T, B, H, graph, *rest in rows
        for more in [rest[0] if rest else {}]
    ]
    return {CARD: {"rows": made}}


def choose(held, T, B, H, among=("torch", "graph"), **changes):
    given = {"cell": "lstm", "device": CARD, "dtype": torch.bfloat16} | changes
    return dispatch.choose(among, **given, T=T, B=B, H=H, table=held)


BOTH = [(T, B, H) for T in (128, 1024) for B in (1, 16) for H in (256, 512)]


def test_what_was_not_measured_goes_to_torch_or_else_to_what_needs_no_table():
    for held in ({}, {CARD: {"rows": []}}, table((128, 1, 256, 0.1))):
        assert choose(held, 128, 8, 200) == "torch"
        assert choose(held, 128, 8, 200, ("graph", "persistent")) == "persistent"
        assert choose(held, 128, 8, 200, ("graph",)) == "graph"
    held = table(*[(*size, 0.5) for size in BOTH])
    assert choose(held, 128, 1, 256) == "graph"
    for another in (
        {"cell": "gru"},
        {"device": "another card"},
        {"dtype": torch.float16},
    ):
        assert choose(held, 128, 1, 256, **another) == "torch"


def test_between_measured_sizes_a_way_must_win_at_all_of_them():
    held = table(*[(*size, 0.5) for size in BOTH])
    assert choose(held, 500, 7, 384) == "graph"
    for lost in BOTH:
        mixed = table(*[(*size, 0.96 if size == lost else 0.5) for size in BOTH])
        assert choose(mixed, 500, 7, 384) == "torch"
        assert choose(mixed, *lost) == "torch"
        assert choose(table(*[(*s, 0.5) for s in BOTH if s != lost]), 500, 7, 384) == "torch"


def test_float32_is_looked_up_only_if_torch_and_we_multiply_it_alike(monkeypatch):
    held = table(*[(*size, 0.5) for size in BOTH])
    for row in held[CARD]["rows"]:
        row["dtype"] = "tf32"
    before = torch.get_float32_matmul_precision()
    try:
        for matmul, cudnn, want in (
            ("high", True, "graph"),
            ("high", False, "torch"),
            ("highest", True, "torch"),  # torch's default: its layers are rounder than ours
            ("highest", False, "torch"),
        ):
            torch.set_float32_matmul_precision(matmul)
            monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", cudnn)
            for dtype in (torch.float32, "tf32", "float32"):
                assert choose(held, 128, 1, 256, dtype=dtype) == want
    finally:
        torch.set_float32_matmul_precision(before)
    assert choose(table((128, 1, 256, 0.5)), 128, 1, 256, dtype="bfloat16") == "graph"


def test_longer_sequences_are_judged_by_the_longest_but_larger_batches_and_layers_are_not():
    held = table(*[(*size, 0.5) for size in BOTH])
    assert choose(held, 1, 1, 256) == choose(held, 10**6, 16, 512) == "graph"
    assert choose(held, 128, 17, 256) == choose(held, 128, 16, 640) == "torch"
    assert choose(held, 128, 16, 128) == "torch"


def test_units_in_multiples_of_128_and_others_are_not_compared():
    held = table(*[(*size, 0.5) for size in BOTH])
    assert choose(held, 128, 1, 384) == "graph"
    assert choose(held, 128, 1, 300) == "torch"
    odd = table(*[(T, B, H - 56, 0.5) for T, B, H in BOTH])
    assert choose(odd, 128, 1, 300) == "graph"
    assert choose(odd, 128, 1, 384) == "torch"


def test_the_fastest_of_several_is_taken_if_it_was_measured_wherever_torch_was():
    sizes = [(128, 1, 64), (128, 1, 100)]
    held = table(*[(*size, 0.5, {"persistent": 0.3}) for size in sizes])
    among = ("graph", "torch", "persistent")
    assert choose(held, 128, 1, 80, among) == "persistent"
    held[CARD]["rows"][1]["ms"].pop("persistent")
    assert choose(held, 128, 1, 80, among) == "graph"
    slow = table(*[(*size, 0.5, {"persistent": 0.6}) for size in sizes])
    assert choose(slow, 128, 1, 80, ("persistent", "graph")) == "graph"


def test_the_file_holds_times_and_the_versions_they_were_measured_with():
    for card, found in dispatch.read().items():
        assert card and {"date", "versions", "driver", "rows"} <= set(found)
        for row in found["rows"]:
            assert set(row) == {"cell", "dtype", "T", "B", "H", "ms"}
            assert set(row["ms"]) <= set(dispatch.WAYS) and min(row["ms"].values()) > 0


def test_writing_replaces_one_card_and_keeps_the_others(tmp_path):
    path = tmp_path / "dispatch.json"
    path.write_text('{"another": {"rows": []}}', encoding="utf-8")
    for graph in (0.5, 2.0):
        dispatch.write(CARD, table((128, 1, 256, graph))[CARD], path)
    held = json.loads(path.read_text("utf-8"))
    assert sorted(held) == [CARD, "another"]
    assert held[CARD]["rows"][0]["ms"]["graph"] == 2.0


@pytest.mark.parametrize("n", [0, 1, 5, 9, 10])
def test_neighbours_enclose_a_number_or_there_are_none(n):
    sides = dispatch._sides([1, 4, 9], n)
    assert sides == {0: [], 1: [1], 5: [4, 9], 9: [9], 10: []}[n]
