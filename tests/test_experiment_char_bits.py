"""What the comparison of character models rests on."""

import lzma

import numpy as np
import pytest
import torch

from rnnlib import characters, experiments
from rnnlib.experiments import char_bits, char_lstm, char_net


def test_texts_side_by_side_come_apart_again():
    texts = ["abc", "", "a\n", "abcde"]
    held = char_bits.side_by_side(texts)
    assert [characters.decode(column) for column in char_bits.columns(held)][2:] == ["a\n", "abcde"]
    assert held.counts.sum(axis=0).tolist() == [2, 0, 1, 4]  # nothing precedes a first symbol


def test_a_network_moved_to_torch_is_the_same():
    torch.manual_seed(0)
    network = char_lstm.reference(char_lstm.Model(3, 5))
    again = char_lstm.reference(char_bits.module(network))
    for want, got in zip(network, again, strict=True):
        for a, b in zip(want, got, strict=True):
            np.testing.assert_array_equal(a, b)


def test_at_rate_zero_a_dynamic_network_is_a_network():
    torch.manual_seed(0)
    network = char_lstm.reference(char_lstm.Model(3, 5))
    held = char_bits.side_by_side(["import sys\nimport os\n", "def f(x):\n"])
    want = char_bits.network_bits(network, held)
    assert char_bits.dynamic_bits(network, held, 0.0, chunk=4) == pytest.approx(want, rel=1e-5)
    assert char_bits.dynamic_bits(network, held, 1e-2, chunk=4) < want


def test_a_dynamic_network_predicts_a_piece_before_it_learns_from_it():
    torch.manual_seed(1)
    network = char_lstm.reference(char_lstm.Model(3, 5))
    held = char_bits.side_by_side(["import sys"])
    want = char_bits.network_bits(network, held)
    assert char_bits.dynamic_bits(network, held, 0.1, chunk=9) == pytest.approx(want, rel=1e-5)
    assert char_bits.dynamic_bits(network, held, 0.1, chunk=8) != pytest.approx(want, rel=1e-5)


def test_a_front_that_holds_the_text_makes_it_cheap():
    rng = np.random.default_rng(0)
    text = char_bits.raw(rng.integers(97, size=3000))
    alone, behind = char_bits.pressed("xz", text, text)
    assert alone == 8 * len(lzma.compress(text, preset=9)) / 3000
    assert behind < 0.1 * alone


def test_the_kept_short_run_is_small_and_ours():
    path = characters.RESULTS / "char_bits.npz"
    assert path.stat().st_size <= 400_000
    assert characters.load(path).network.cell.W_h.shape == (4 * 192, 192)


def test_every_seed_of_assignment_9_passes_and_no_seed_that_forgets_at_a_window_does():
    found = experiments.load("char_net").measured
    assert len(found["solved"]) == 20
    assert (found["solved"] < 1.88).all() and (found["long"] < 1.88).all()
    for name in ("fresh", "interleaved", "pairs", "kneser_ney"):
        assert (found[name] > 2.1).all()


def test_the_language_of_assignment_9_costs_what_is_said():
    table = char_net.with_sizes(char_net.SIZES)
    text = table["poems"](np.random.default_rng(0), 60_000)
    pairs = np.full((15, 15), 1e-9)
    np.add.at(pairs, (text[:-1], text[1:]), 1)
    letters = text[1:] > 1
    pairs[:, :2] = 0
    log_p = np.log2(pairs / pairs.sum(axis=1, keepdims=True), where=pairs > 0, out=0 * pairs)
    costs = -log_p[text[:-1], text[1:]] * letters
    assert costs.mean() == pytest.approx(char_net.source(), abs=0.02)
