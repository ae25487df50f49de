"""The data are what their source says."""

import csv
import datetime
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from rnnlib import data

for package in ("statsmodels", "babel", "sklearn"):
    pytest.importorskip(package, reason="it carries the files")


def rng(seed=0):
    return np.random.default_rng(seed)


def rows_of(module):
    """The rows of the file that a module of statsmodels carries, as text."""
    (path,) = Path(module.__file__).parent.glob("*.csv")
    with path.open(encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_sunspots_are_those_that_statsmodels_describes():
    from statsmodels.datasets import sunspots as source

    series = data.sunspots()
    assert "Number of Observations - 309 (Annual 1700 - 2008)" in source.NOTE
    np.testing.assert_array_equal(series.times, np.arange(1700, 2009))
    assert series.values.shape == (309,)
    assert series.values.dtype == series.times.dtype == np.float64
    assert "National Geophysical Data Center" in " ".join(source.DESCRSHORT.split())
    assert "National Geophysical Data Center" in series.source


def test_sunspots_are_complete():
    values = data.sunspots().values
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert 1700 + values.argmax() == 1957  # the highest of all solar maxima
    np.testing.assert_allclose(values[:289].mean(), 48.61, atol=0.005)  # R's sunspot.year
    np.testing.assert_allclose(values.mean(), 49.752, atol=0.0005)


def test_co2_is_the_mean_of_the_weeks_of_a_month_and_says_where_there_are_none():
    from statsmodels.datasets import co2 as source

    months = {}
    for day, value in rows_of(source):
        month = months.setdefault((int(day[:4]), int(day[4:6])), [])
        if value:
            month.append(float(value))
    series, keys = data.co2(), sorted(months)
    assert len(keys) == len(series.values) == 526
    np.testing.assert_allclose(series.times, [y + (m - 0.5) / 12 for y, m in keys], rtol=1e-12)
    empty = [key for key in keys if not months[key]]
    assert empty == [(1958, 6), (1958, 10), (1964, 2), (1964, 3), (1964, 4)]
    assert [keys[i] for i in np.flatnonzero(~series.measured)] == empty
    for key, value, measured in zip(keys, series.values, series.measured, strict=True):
        if measured:
            np.testing.assert_allclose(value, np.mean(months[key]), rtol=1e-12)
    before, june, after = series.values[2:5]
    np.testing.assert_allclose(june, (before + after) / 2, rtol=1e-12)
    steps = np.diff(series.values[70:75])  # January to May 1964, three months filled in
    np.testing.assert_allclose(steps, steps[0], rtol=1e-9)
    assert "Keeling" in source.SOURCE and "Keeling" in series.source and series.unit == "ppmv"


def test_el_nino_reads_its_table_row_by_row():
    from statsmodels.datasets import elnino as source

    want = {(int(float(r[0])), m): float(r[m]) for r in rows_of(source) for m in range(1, 13)}
    series = data.el_nino()
    assert "Number of Observations - 61 x 12" in source.NOTE and len(series.values) == 61 * 12
    for (year, month), time, value in zip(want, series.times, series.values, strict=True):
        np.testing.assert_allclose(time, year + (month - 0.5) / 12, rtol=1e-12)
        assert value == want[year, month]
    assert series.measured.all() and 15 < series.values.min() < series.values.max() < 30
    assert "ERSST.V3B" in source.SOURCE and "ERSST.V3B" in series.source


def test_python_source_is_its_files_one_after_the_other():
    got = data.python_source()
    assert set(got.files) <= set(data.PYTHON_FILES) and len(set(data.PYTHON_FILES)) == 140
    place = 0
    for name in got.files:
        origin = Path(datetime.__file__).parent / name
        text = origin.read_text(encoding="utf-8")
        assert got.text[place : place + len(text)] == text, name
        place += len(text)
    assert place == len(got.text) > 2_000_000
    assert got.sha256 == hashlib.sha256(got.text.encode()).hexdigest()
    assert got.release in (None, *data.PYTHON_SHA256)
    assert (got.release is None) == (got.sha256 not in data.PYTHON_SHA256.values())


def test_python_source_of_another_python_is_another_text_and_no_failure(monkeypatch, tmp_path):
    (tmp_path / "ast.py").write_text("# é\n", encoding="utf-8")
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "decoder.py").write_bytes(b"x = 1\r\n")
    (tmp_path / "other.py").write_text("no")
    monkeypatch.setattr(data.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    got = data.python_source()
    assert got.text == "# é\nx = 1\n" and got.files == ("ast.py", "json/decoder.py")
    assert got.release is None
    monkeypatch.setitem(data.PYTHON_SHA256, "4.0.0", got.sha256)
    assert data.python_source().release == "4.0.0"
    monkeypatch.setattr(data.sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path / "none")})
    with pytest.raises(FileNotFoundError, match="python_source found no Python files in"):
        data.python_source()


def test_names_are_what_people_call_places_and_tongues():
    found = {(n.language, n.kind, n.code): n.text for n in data.names(("fi", "de", "en", "ja"))}
    assert found["fi", "territory", "SE"] == "Ruotsi"
    assert found["de", "territory", "FR"] == "Frankreich"
    assert found["en", "language", "hu"] == "Hungarian"
    assert found["ja", "territory", "JP"] == "日本"
    assert len(data.names(("fi",))) == sum(key[0] == "fi" for key in found) > 500


def test_there_are_names_enough_of_every_language_and_the_script_gives_none_away():
    found = data.names()
    for language in data.NAME_LANGUAGES:
        ours = [n.text for n in found if n.language == language]
        assert len(ours) > 300
        letters = "".join(ours).lower()
        assert sum(c in "abcdefghijklmnopqrstuvwxyz" for c in letters) > 0.6 * len(letters)
    assert [n.language for n in found] == sorted(n.language for n in found)


def test_a_date_is_written_as_its_place_writes_it():
    from babel import Locale
    from babel.dates import parse_date

    assert len({*data.DATE_LOCALES}) >= 20
    found = data.dates(rng(1), 3000)
    assert {d.locale for d in found} == {*data.DATE_LOCALES}
    years = [datetime.date.fromisoformat(d.iso).year for d in found]
    assert (min(years), max(years)) == (1950, 2049)
    numeric = 0
    for text, place, iso in found:
        date, locale = datetime.date.fromisoformat(iso), Locale.parse(place)
        digits = [int(n) for n in re.findall(r"\d+", text)]
        assert date.day in digits and (date.year in digits or date.year % 100 in digits)
        words = {f[date.month].lower() for k in locale.months.values() for f in k.values()}
        assert date.month in digits or any(word in text.lower() for word in words)
        if digits in ([date.day, date.month, date.year], [date.month, date.day, date.year]):
            numeric += 1
            assert parse_date(text, locale, format="short") == date
    assert numeric > 100


def test_a_text_and_its_place_tell_the_day_and_the_text_alone_does_not():
    days = {}
    for d in data.dates(rng(2), 8000):
        assert days.setdefault((d.text, d.locale), d.iso) == d.iso
    written = {}
    for d in data.dates(rng(3), 8000, ("en_US", "es_ES")):
        written.setdefault(d.text, {})[d.locale] = d.iso
    both = [by for by in written.values() if len({*by.values()}) > 1]
    assert both
    for by in both:  # 2/1/03 is February in one place and January in the other
        (year, month, day), (other, m, d) = (iso.split("-") for iso in by.values())
        assert (year, month, day) == (other, d, m)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    got, want = data.digits(), load_digits()
    np.testing.assert_array_equal(got.images * 16, want.images)
    np.testing.assert_array_equal(got.labels, want.target)
    assert got.images.min() == 0 and got.images.max() == 1 and len(got.labels) == 1797
    sequences = data.pixels(got)
    assert sequences.shape == (64, 1797, 1)
    for n, row, column in [(0, 0, 0), (5, 3, 6), (1796, 7, 7)]:
        assert sequences[8 * row + column, n, 0] == got.images[n, row, column]


def test_a_strip_is_its_digits_with_paper_between():
    everything = data.digits()
    some = data.Digits(everything.images[:50], everything.labels[:50])
    batch = data.strips(rng(3), some, 40, least=2, most=5, gap=3)
    assert batch.inputs.shape == (batch.lengths.max(), 40, 8)
    assert {*batch.counts} == {2, 3, 4, 5}
    gaps = set()
    for k in range(40):
        columns, labels = batch.inputs[: batch.lengths[k], k], batch.labels[k, : batch.counts[k]]
        assert not batch.inputs[batch.lengths[k] :, k].any()
        assert (batch.labels[k, batch.counts[k] :] == -1).all()

        def read(at, left, columns=columns):  # all ways to cut the strip into gaps and digits
            if not left:
                return [[]] if at == len(columns) else []
            ways = []
            for gap in range(4):
                image = columns[at + gap : at + gap + 8].T
                same = [i for i in range(50) if np.array_equal(some.images[i], image)]
                if same and not columns[at : at + gap].any() and some.labels[same[0]] == left[0]:
                    ways += [[gap, *way] for way in read(at + gap + 8, left[1:])]
            return ways

        ways = read(0, list(labels))
        assert ways
        gaps |= {*ways[0]}
    assert gaps == {0, 1, 2, 3}


def test_images_that_overlap_show_the_darker_ink_and_the_first_is_not_cut():
    everything = data.digits()
    ink = np.stack([np.full((8, 8), 0.5), np.eye(8)])
    batch = data.strips(rng(2), data.Digits(ink, np.array([5, 1])), 20, 2, 2, gap=-3, closest=-3)
    assert (batch.lengths == 13).all()
    for strip, labels in zip(batch.inputs.swapaxes(0, 1), batch.labels, strict=True):
        first, second = (ink[int(label == 1)].T for label in labels)
        np.testing.assert_array_equal(strip[:5], first[:5])
        np.testing.assert_array_equal(strip[5:8], np.maximum(first[5:], second[:3]))
        np.testing.assert_array_equal(strip[8:], second[3:])
    widths = {int(n) for n in data.strips(rng(3), everything, 90, 2, 2, 1, -2).lengths}
    assert widths == {14, 15, 16, 17, 18}  # the first gap from 0 to 1, the second from -2


def bounced(start, velocity, T, way):
    """Places of what moves to and fro, step by step."""
    places = [start]
    while len(places) < T:
        start += velocity
        if not 0 <= start <= way:
            start, velocity = -start if start < 0 else 2 * way - start, -velocity
        places.append(start)
    return places


def test_films_show_digits_that_bounce_off_the_edges():
    everything, speeds = data.digits(), set()
    frames, places = data.moving(rng(4), everything, T=30, B=60, N=1, size=13, speeds=(1, 3))
    assert frames.shape == (30, 60, 1, 13, 13) and places.shape == (30, 60, 1, 2)
    for b in range(60):
        y, x = places[0, b, 0]
        image = frames[0, b, 0, y : y + 8, x : x + 8]
        assert any(np.array_equal(image, known) for known in everything.images)
        for frame, (y, x) in zip(frames[:, b, 0], places[:, b, 0], strict=True):
            want = np.zeros((13, 13))
            want[y : y + 8, x : x + 8] = image
            np.testing.assert_array_equal(frame, want)
        way = [
            {abs(v) for v in range(-3, 4) if bounced(p[0], v, 30, 5) == p.tolist()}
            for p in places[:, b, 0].T
        ]
        speeds |= {max(min(way[0]), min(way[1]))}
    assert speeds == {1, 2, 3}


def test_where_digits_meet_the_brighter_is_seen():
    ink = np.stack([np.full((8, 8), 0.5), np.eye(8)])
    frames, places = data.moving(rng(5), data.Digits(ink, np.arange(2)), T=6, B=30, N=2)
    shown = set()
    for b in range(30):
        fits = []
        for pair in np.ndindex(2, 2):
            want = np.zeros((6, 16, 16))
            for t, n in np.ndindex(6, 2):
                y, x = places[t, b, n]
                part = want[t, y : y + 8, x : x + 8]
                part[:] = np.maximum(part, ink[pair[n]])
            if np.array_equal(want, frames[:, b, 0]):
                fits.append(pair)
        assert fits
        shown |= {*fits}
    assert len(shown) == 4


def power_at(wave, frequency, rate):
    """Power of one frequency in a sound, by its definition."""
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(wave)) / rate)
    return 2 * abs((wave * turn).mean()) ** 2


def test_a_key_sounds_its_two_frequencies_and_no_other():
    batch = data.tones(rng(4), 20, snr=np.inf, least=1, most=4)
    for k in range(20):
        wave = batch.inputs[: batch.lengths[k], k, 0]
        sounding = np.convolve(wave != 0, np.ones(9), "same") > 0
        edges = np.flatnonzero(np.diff(np.concatenate([[0], sounding, [0]]).astype(int)))
        parts = [wave[a:b] for a, b in edges.reshape(-1, 2)]
        assert len(parts) == batch.counts[k]
        for part, key in zip(parts, batch.labels[k], strict=False):
            powers = {f: power_at(part, f, 8000) for f in (*data.ROWS, *data.COLUMNS)}
            row, column = (max(fs, key=powers.get) for fs in (data.ROWS, data.COLUMNS))
            place = data.ROWS.index(row), data.COLUMNS.index(column)
            assert ["123A", "456B", "789C", "*0#D"][place[0]][place[1]] == data.KEYS[key]
            assert 0.4 < powers[row] < 0.6 and 0.4 < powers[column] < 0.6
            assert 0.05 <= len(part) / 8000 <= 0.103
            np.testing.assert_allclose((part**2).mean(), 1, atol=0.15)


@pytest.mark.parametrize("snr", [-10.0, 0.0, 20.0])
def test_the_noise_is_as_loud_as_asked_for(snr):
    batch = data.tones(rng(5), 8, snr)
    starts = batch.inputs[:300, :, 0]  # at least 40 ms of silence come first
    np.testing.assert_allclose(-10 * np.log10((starts**2).mean()), snr, atol=0.3)
    spectrum = (abs(np.fft.rfft(starts, axis=0)[1:-1]) ** 2).mean(1)
    low, high = np.array_split(spectrum, 2)
    np.testing.assert_allclose(low.mean() / high.mean(), 1, atol=0.25)


def test_a_draw_depends_on_the_generator_alone():
    digits = data.digits()
    for draw in (
        lambda r: data.dates(r, 20),
        lambda r: data.strips(r, digits, 3)[0].tolist(),
        lambda r: data.moving(r, digits, 2, 2)[0].tolist(),
        lambda r: data.tones(r, 2, 10.0)[0].tolist(),
    ):
        assert draw(rng(1)) == draw(rng(1)) != draw(rng(2))


EMPTY = data.Digits(np.zeros((0, 8, 8)), np.zeros(0, int))
ONE = data.Digits(np.zeros((1, 8, 8)), np.zeros(1, int))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: data.names(()), "languages: got 0, expected at least 1"),
        (lambda: data.names(("fi", "xx")), "names: got locale 'xx', expected one that CLDR has"),
        (lambda: data.dates(rng(), 0), "N: got 0, expected at least 1"),
        (lambda: data.dates(rng(), 1, ()), "locales: got 0, expected at least 1"),
        (lambda: data.dates(rng(), 1, ("?",)), "dates: got locale '?', expected one that CLDR has"),
        (lambda: data.strips(rng(), EMPTY, 1), "digits: got 0, expected at least 1"),
        (lambda: data.strips(rng(), ONE, 0), "B: got 0, expected at least 1"),
        (lambda: data.strips(rng(), ONE, 1, least=0), "least: got 0, expected at least 1"),
        (lambda: data.strips(rng(), ONE, 1, most=2), "most: got 2, expected at least 3"),
        (lambda: data.strips(rng(), ONE, 1, gap=-1), "gap: got -1, expected at least 0"),
        (lambda: data.strips(rng(), ONE, 1, closest=-8), "closest: got -8, expected at least -7"),
        (lambda: data.moving(rng(), EMPTY, 1, 1), "digits: got 0, expected at least 1"),
        (lambda: data.moving(rng(), ONE, 0, 1), "T: got 0, expected at least 1"),
        (lambda: data.moving(rng(), ONE, 1, 1, size=9), "size: got 9, expected at least 10"),
        (lambda: data.moving(rng(), ONE, 1, 1, speeds=(0, 1)), "speeds: got 0, expected at least"),
        (lambda: data.moving(rng(), ONE, 1, 1, speeds=(2, 1)), "speeds: got 1, expected at least"),
        (lambda: data.tones(rng(), 0, 1.0), "B: got 0, expected at least 1"),
        (lambda: data.tones(rng(), 1, 1.0, most=2), "most: got 2, expected at least 3"),
        (lambda: data.tones(rng(), 1, np.nan), "snr: got nan, expected decibels"),
        (lambda: data.tones(rng(), 1, -np.inf), "snr: got -inf, expected decibels"),
        (lambda: data.tones(rng(), 1, 1.0, rate=3266), "rate: got 3266, expected at least 3267"),
    ],
)
def test_bad_input_is_refused(draw, message):
    with pytest.raises(ValueError) as error:
        draw()
    assert str(error.value).startswith(message)
