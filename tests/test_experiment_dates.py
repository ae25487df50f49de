"""What the experiments on dates share."""

import datetime
from collections import Counter
from itertools import islice, pairwise

import pytest
import torch
from babel.dates import format_date

from rnnlib import data
from rnnlib.experiments import _dates as dates
from rnnlib.experiments import date_writers
from rnnlib.nn.modules import Seq2Seq


@pytest.fixture(scope="module")
def lines():
    train, _ = dates.split([0], 60, 10)
    return [dates.line(date) for date in train]


@pytest.fixture(scope="module")
def known(lines):
    return dates.alphabet(lines)


def text(names, symbols):
    """Symbols as they read, up to the first that has no name."""
    found = {k: name for name, k in names.items()}
    symbols = [*symbols.tolist(), 0]
    return tuple(found[k] for k in symbols[: symbols.index(0)])


def test_no_day_is_trained_on_and_held_out():
    train, test = dates.split([3], 4000, 400)
    assert (len(train), len(test)) == (4000, 400)
    assert not {date.iso for date in train} & {date.iso for date in test}
    assert len({date.locale for date in test}) > 20
    assert dates.split([3], 4000, 400) == (train, test)


def test_lines_are_read_back_from_their_numbers(lines, known):
    batch = dates.encode(known, lines)
    for b, (read, write) in enumerate(lines):
        assert text(known.read, batch.source[: batch.lengths[b], b]) == read
        assert text(known.write, batch.target[:, b]) == write
    assert (dates.written(batch).sum(0) == 11).all()  # ten characters and one END
    assert read[0] == dates.split([0], 60, 10)[0][-1].locale


def test_a_symbol_that_training_does_not_have_is_unknown(known):
    batch = dates.encode(known, [dates.Line(("€", "1"), ("1",))])
    assert batch.source[0, 0] == dates.UNKNOWN != batch.source[1, 0]


def test_several_dates_make_a_line(lines):
    two = dates.join(lines[:2])
    assert two.read == lines[0].read + lines[1].read
    assert "".join(two.write) == f"{''.join(lines[0].write)} {''.join(lines[1].write)}"
    known = dates.alphabet([two])
    assert dates.encode(known, [two]).target[:, 0].tolist() == [
        *(known.write[symbol] for symbol in two.write),
        dates.END,
    ]


@pytest.mark.parametrize("pool", [1, 2, 3])
def test_every_line_comes_before_any_comes_again(lines, known, pool):
    parts = list(islice(dates.batches(known, lines, 20, [1], pool), 3))
    seen = [text(known.read, column) for part in parts for column in part.source.T]
    assert sorted(seen) == sorted(line.read for line in lines)


def test_lines_of_like_length_come_together(lines, known):
    parts = list(islice(dates.batches(known, lines, 10, [1], pool=6), 6))
    ranges = sorted((int(part.lengths.min()), int(part.lengths.max())) for part in parts)
    assert all(most <= least for (_, most), (least, _) in pairwise(ranges))


def test_a_summary_is_attention_to_one_place(lines, known):
    batch = dates.encode(known, lines)
    summary = dates.network(0, known, 4, 5, attention=False)
    whole = dates.network(1, known, 4, 5, attention=True)
    assert type(whole) is Seq2Seq
    whole.load_state_dict(summary.state_dict(), strict=False)
    state = summary.encode(batch.source, lengths=batch.lengths)
    symbols = batch.target[0]
    for got, want in zip(summary.step(symbols, state), whole.step(symbols, state), strict=True):
        torch.testing.assert_close(got, want)
    hs, _ = summary.encoder(summary.source(batch.source), lengths=batch.lengths)
    ends = hs[batch.lengths - 1, range(len(lines)), :5], hs[0, :, 5:]
    torch.testing.assert_close(state.memory[:, 0], torch.cat(ends, dim=1))


@pytest.mark.parametrize("attention", [False, True])
def test_a_line_is_written_exactly_if_and_only_if_no_forced_step_errs(lines, known, attention):
    train, _ = dates.split([0], 60, 10)
    batch = dates.encode(known, [dates.line(date) for date in train if date.iso < "1980"][:9])
    network = dates.network(2, known, 8, 24, attention)
    source = dates.batches(known, lines[:12], 12, [0])
    few = dates.encode(known, lines[:12])
    history = dates.teach(
        *(network, source, 60, 0.02),
        validate=lambda module: float(dates.loss(module, few)),
        every=30,
    )
    assert history.validation[-1] < history.validation[0] < 2
    for part in (few, batch):
        right = (dates.forced(network, part).argmax(-1) == part.target) | ~dates.written(part)
        torch.testing.assert_close(dates.exact(network, part), right.all(0))
    assert dates.exact(network, few).any()


def test_a_text_has_the_readings_that_places_give_it():
    """Against all texts of two years."""
    found = {}
    for n in range(2 * 365):
        day = datetime.date(2003, 1, 1) + datetime.timedelta(days=n)
        for place in data.DATE_LOCALES:
            for style in date_writers.STYLES:
                found.setdefault(format_date(day, style, place), []).append((day, place, style))
    several = {text for text, ways in found.items() if len({day for day, *_ in ways}) > 1}
    assert len(several) > 200
    for text, ways in found.items():
        days = Counter(day.isoformat() for day, _, style in ways if style == "short")
        readings = date_writers.readings(text)
        assert bool(readings) >= (text in several)
        if text in several and set(readings) == set(days):
            assert readings == {day: n / days.total() for day, n in days.items()}
    assert date_writers.readings("1/2/03") == {"2003-02-01": 0.8, "2003-01-02": 0.2}
    assert date_writers.readings("31/1/03") == date_writers.readings("1 Feb 2003") == {}


def test_a_style_is_that_in_which_a_date_is_written():
    assert date_writers.style(data.Date("2/1/03", "en_US", "2003-02-01")) == "short"
    assert date_writers.style(data.Date("Feb 1, 2003", "en_US", "2003-02-01")) == "medium"


def test_what_is_drawn_with_right_symbols_alone_is_teacher_forcing(lines, known):
    batch = dates.encode(known, lines)
    network = dates.network(3, known, 4, 5, attention=False)
    torch.testing.assert_close(
        date_writers.partly_forced(network, batch, 1.0), dates.forced(network, batch)
    )
    free = date_writers.partly_forced(network, batch, 0.0)
    torch.testing.assert_close(free[0], dates.forced(network, batch)[0])
    assert not torch.allclose(free[1], dates.forced(network, batch)[1])


def test_after_no_change_a_date_goes_on_as_it_would(lines, known):
    batch = dates.encode(known, lines)
    network = dates.network(4, known, 4, 5, attention=False)
    with torch.no_grad():
        network.readout.bias[known.write["0"]] += 1
        forced = dates.forced(network, batch).argmax(-1)
        right = (forced[10] == batch.target[10]) & (forced[9] == batch.target[9])
        torch.testing.assert_close(date_writers.goes_on(network, known, batch, 8), right)


def test_a_beam_of_width_one_is_greedy_and_wide_ones_are_no_less_probable(lines, known):
    batch = dates.encode(known, lines[:5])
    network = dates.network(5, known, 4, 5, attention=False)
    said = dates.write(network, batch)
    for b in range(5):
        [one] = date_writers.beam(network, batch, b, 1)
        assert (said[: len(one.symbols), b] == torch.tensor(one.symbols)).all()
        assert date_writers.beam(network, batch, b, 50)[0].log_prob >= one.log_prob - 1e-12
