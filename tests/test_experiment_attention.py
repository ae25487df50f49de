"""What the experiments of the chapter on attention do."""

import numpy as np
import pytest
import torch

from rnnlib.experiments import _dates as dates
from rnnlib.experiments import bottleneck, two_dates


@pytest.fixture(scope="module")
def material():
    known, train, _ = two_dates.material(3, 60, 4)
    return known, two_dates.lines(train, 2)


@pytest.fixture
def network(material):
    known, _ = material
    torch.manual_seed(0)
    return two_dates.Looking(len(known.read) + 1, len(known.write) + 2, 5, 6).eval()


@pytest.fixture(scope="module")
def weights():
    """Weights of lines of 5, 3 and 1 symbols."""
    seen = torch.arange(5) < torch.tensor([[5], [3], [1]])
    scores = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    return scores.masked_fill(~seen, -torch.inf).softmax(1), seen


def test_every_date_stands_first_and_second_in_a_line():
    _, train, _ = two_dates.material(3, 60, 4)
    for n in (1, 2):
        for place in range(n):
            isos = ["".join(line.write).split(" ")[place] for line in two_dates.lines(train, n)]
            assert sorted(isos) == sorted(date.iso for date in train)


@pytest.mark.parametrize("change", two_dates.CHANGE)
def test_changed_weights_are_shares_of_what_is_seen(change, weights):
    alpha, seen = weights
    torch.manual_seed(1)
    changed = two_dates.CHANGE[change](alpha, seen)
    torch.testing.assert_close(changed.sum(1), torch.ones(3))
    assert not changed[~seen].any()


def test_permuted_weights_are_the_same_in_another_order(weights):
    alpha, seen = weights
    torch.manual_seed(1)
    changed = two_dates.permuted(alpha, seen)
    torch.testing.assert_close(changed.sort(1).values, alpha.sort(1).values)
    assert (changed != alpha).any()


def test_the_largest_weight_gets_all_and_uniform_ones_are_equal(weights):
    alpha, seen = weights
    one = two_dates.largest(alpha, seen)
    assert one.gather(1, alpha.argmax(1, keepdim=True)).eq(1).all()
    assert two_dates.uniform(alpha, seen)[1].tolist() == pytest.approx([1 / 3] * 3 + [0, 0])


def test_weights_as_they_are_change_nothing(network, material, monkeypatch):
    known, lines = material
    batch = dates.encode(known, lines[:4])
    want = dates.forced(network, batch)
    monkeypatch.setitem(two_dates.CHANGE, "same", lambda weights, seen: weights)
    network.change = "same"
    torch.testing.assert_close(dates.forced(network, batch), want)
    network.change = "uniform"
    assert not torch.allclose(dates.forced(network, batch), want)


def test_the_alignment_is_that_of_the_writer_and_sees_no_padding(network, material):
    known, lines = material
    batch = dates.encode(known, lines[:4])
    alpha = two_dates.alignment(network, batch)
    assert alpha.shape == (*batch.target.shape, len(batch.source))
    np.testing.assert_allclose(alpha.sum(-1), 1, rtol=1e-5)
    for b, T in enumerate(batch.lengths):
        assert not alpha[:, b, T:].any()
    state = network.encode(batch.source, lengths=batch.lengths)
    np.testing.assert_allclose(alpha[0], network.look(state)[1].detach(), rtol=1e-5)


def test_erasing_is_writing_a_line_with_an_unknown_symbol(network, material):
    known, lines = material
    line = lines[0]._replace(read=("€", *lines[0].read))  # a symbol that is unknown already
    batch = dates.encode(known, [lines[1], line])
    moved = two_dates.erase(network, batch, 1)
    assert moved.shape == (len(batch.target), len(line.read))
    assert not moved[:, 0].any()
    assert (moved[:, 1:] > 0).all()
    j, p = 2, dates.forced(network, dates.encode(known, [line])).softmax(-1)
    erased = line._replace(read=(*line.read[:j], "€", *line.read[j + 1 :]))
    q = dates.forced(network, dates.encode(known, [erased])).softmax(-1)
    want = two_dates.distance(p, q)[:, 0].detach().numpy()
    np.testing.assert_allclose(moved[: len(want), j], want, atol=1e-6)


def test_dates_are_judged_by_their_place(network, material, monkeypatch):
    known, lines = material
    batch = dates.encode(known, lines[:4])
    said = batch.target.clone()
    said[3, 0] += 1  # a fault in the first date of one line
    said[12, 1:3] += 1  # in the second of two others
    monkeypatch.setattr(dates, "write", lambda *_: said)
    assert two_dates.by_date(network, batch, 2) == [0.75, 0.5]


def test_the_kept_network_writes_two_dates():
    network, known = two_dates.load()
    lines = [
        dates.join(
            [
                dates.Line(("en_GB", *"1 February 2003"), tuple("2003-02-01")),
                dates.Line(("en_US", *"12/24/99"), tuple("1999-12-24")),
            ]
        )
    ]
    assert dates.exact(network, dates.encode(known, lines)).all()


def test_nothing_but_the_passage_and_attention_reach_the_writer():
    torch.manual_seed(0)
    strings = bottleneck.draw(np.random.default_rng(0), 4, 6, 10)
    for attending in (False, True):
        copier = bottleneck.Copier(10, 3, 5, 2, attending)
        torch.nn.init.zeros_(copier.narrow.weight)  # all strings leave the same in the passage
        first = copier(strings)[0]
        assert attending != torch.allclose(first, first[:1].expand_as(first))


def test_the_bits_of_a_sure_writer_are_those_of_the_string(monkeypatch):
    copier, strings = bottleneck.Copier(10, 3, 5, 2, False), torch.arange(8).reshape(4, 2)
    sure = 40.0 * torch.nn.functional.one_hot(strings.flip(0), 10)
    for said, exact, bits in [(sure, 1.0, 4 * np.log2(10)), (0 * sure, 0.0, 0.0)]:
        monkeypatch.setattr(copier, "forward", lambda _, said=said: said)
        got = bottleneck.judge(copier, strings)
        assert got == pytest.approx((exact, bits), abs=1e-4)
