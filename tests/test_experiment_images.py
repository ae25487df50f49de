"""The experiments of chapter *conv-rnn*: who wrote what, where strips are cut, what moves."""

import numpy as np
import pytest
import torch

from rnnlib import data
from rnnlib.experiments import _digits, moving_digits, touching_digits
from rnnlib.nn import conv_lstm


def test_nobody_writes_on_both_sides_of_the_split():
    known, new = _digits.split()
    everything = data.digits()
    np.testing.assert_array_equal(np.concatenate([known.labels, new.labels]), everything.labels)
    np.testing.assert_array_equal(np.concatenate([known.images, new.images]), everything.images)
    assert new.labels[:30].tolist() == list(range(10)) * 3  # how every form begins


def test_strips_are_cut_at_empty_columns_and_wide_pieces_evenly():
    widths = [2, 8, 3]
    strip = np.zeros((17, 8))
    at = 1
    for n, width in enumerate(widths):
        strip[at : at + width, n] = 1
        at += width + 1
    whole = touching_digits.pieces(strip, np.inf)
    assert [len(p) for p in whole] == widths
    assert [len(p) for p in touching_digits.pieces(strip, 4)] == [2, 4, 4, 3]
    np.testing.assert_array_equal(touching_digits.trimmed(strip), strip[1:-1])
    image = touching_digits.middle(whole[2]).reshape(8, 8)
    np.testing.assert_array_equal(image.any(1), [False] * 2 + [True] * 3 + [False] * 3)


@pytest.mark.parametrize("gap", [-3, 0, 2])
def test_who_is_told_where_digits_stand_reads_those_that_are_known(gap):
    known, _ = _digits.split()
    cutter = touching_digits.Cutter(known, data.strips(np.random.default_rng(0), known, 2))
    batch = data.strips(np.random.default_rng(1), known, 20, 3, 8, gap, gap)
    said, truth = cutter.told(batch, gap), touching_digits.meant(batch)
    assert [len(s) for s in said] == [len(t) for t in truth]
    right = np.mean(np.concatenate(said) == np.concatenate(truth))
    assert right > (0.95 if gap >= 0 else 0.6)


@pytest.mark.parametrize("kind", touching_digits.KINDS)
def test_what_a_reader_sees_of_a_strip(kind):
    reach = {"narrow": 2, "wide": 8}.get(kind)
    rng, column = np.random.default_rng(2), 20
    reader = touching_digits.Reader(kind).eval()
    xs = rng.normal(size=(41, 1, 8))
    lengths, others = np.array([41]), np.zeros((1, 1), int)
    changed = xs.copy()
    changed[column] += 1
    said = [reader(data.Labelled(x, lengths, others, lengths)).detach() for x in (xs, changed)]
    differ = np.flatnonzero((said[0] != said[1]).any(-1).numpy())
    assert differ.min() >= (column - reach if reach else 0)
    assert differ.max() - differ.min() == (2 * reach if reach else 40)


def test_the_readers_have_about_as_many_weights():
    sizes = {k: sum(p.numel() for p in touching_digits.Reader(k).parameters())
             for k in touching_digits.KINDS}  # fmt: skip
    assert sizes["narrow"] < 2000
    del sizes["narrow"]
    assert max(sizes.values()) < 1.05 * min(sizes.values())


def test_the_convolutional_networks_have_about_as_many_weights():
    sizes = {k: sum(p.numel() for p in moving_digits.draw(0, k).parameters())
             for k in moving_digits.KINDS}  # fmt: skip
    large = sizes.pop("large")
    assert max(sizes.values()) < 1.25 * min(sizes.values())
    assert sizes["small"] == max(sizes.values()) and large > 80 * sizes["conv5"]


def test_what_moves_straight_is_carried_on_without_error():
    known, _ = _digits.split()
    frames, places = data.moving(np.random.default_rng(3), known, 7, 200, N=1, speeds=(1, 2))
    steps = np.diff(places[:, :, 0], axis=0)
    straight = (steps == steps[0]).all((0, 2))
    assert 5 < straight.sum() < 150
    films = torch.from_numpy(frames[:, straight])
    said = moving_digits.carry(films[:4], 3)
    torch.testing.assert_close(said, films[4:])
    torch.testing.assert_close(moving_digits.errors([said], [films], 4), [[0.0] * 3])


@pytest.mark.parametrize("kind", moving_digits.KINDS)
def test_a_network_sees_no_frame_that_it_has_to_say(kind):
    network = moving_digits.draw(0, kind)
    frames = torch.rand(7, 2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    said = moving_digits.run(network, frames, seen=3)
    assert said.shape == (6, 2, 1, 16, 16)
    changed = torch.cat([frames[:3], 1 - frames[3:]])
    torch.testing.assert_close(moving_digits.run(network, changed, seen=3), said)
    fed = moving_digits.run(network, torch.cat([frames[:3], said[2:].sigmoid()]), seen=7)
    torch.testing.assert_close(fed, said)


def test_the_convolutional_cell_of_torch_refuses_an_even_kernel():
    with pytest.raises(ValueError, match=r"^K: got 4, expected an odd positive integer$"):
        conv_lstm.ConvLSTM(3, 3, K=4)
