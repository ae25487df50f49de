"""Real data that need no download: they come with Python and with packages that a reader installs.

What is drawn at random, such as :func:`dates`, is a pure function of a random generator.
"""

import datetime
import hashlib
import importlib
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlib.reference.ops import Array


def _package(module: str, package: str, caller: str) -> Any:
    """Import a module of an optional package, or say which package is missing and for what."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"rnnlib.data.{caller} reads what {package} carries: pip install {package}"
        ) from error


# Series


class Series(NamedTuple):
    """One quantity at equal intervals."""

    times: Array  # (N,)
    values: Array  # (N,)
    name: str
    unit: str
    source: str
    measured: NDArray[np.bool_]  # (N,), false where a gap was filled


def sunspots() -> Series:
    """Yearly mean of the sunspot number, 1700 to 2008.

    Returns
    -------
    Series
        309 years and their means, in float64.

    Raises
    ------
    ImportError
        If statsmodels, which carries the file, is not installed.
    """
    table = _package("statsmodels.datasets.sunspots", "statsmodels", "sunspots").load_pandas().data
    return Series(
        times=table["YEAR"].to_numpy(dtype=np.float64),
        values=table["SUNACTIVITY"].to_numpy(dtype=np.float64),
        name="sunspot number, yearly mean",
        unit="1",
        source="National Geophysical Data Center, as packaged by statsmodels.datasets.sunspots",
        measured=np.ones(len(table), dtype=bool),
    )


def co2() -> Series:
    """Carbon dioxide in the air at Mauna Loa, March 1958 to December 2001, monthly means.

    The file has weekly values, of which 59 are missing. A month is the mean of the weeks whose
    date falls in it and that were measured. Where a month has none, its value is interpolated
    between its neighbours in time, and ``measured`` says so: what was filled in knows the future,
    so no forecast should be scored there.

    Returns
    -------
    Series
        526 months, five of them filled in. Times are years; a month stands at its middle.

    Raises
    ------
    ImportError
        If statsmodels, which carries the file, is not installed.
    """
    table = _package("statsmodels.datasets.co2", "statsmodels", "co2").load_pandas().data
    months = table.index.year.to_numpy() * 12 + table.index.month.to_numpy() - 1
    weekly, first = table["co2"].to_numpy(dtype=np.float64), months[0]
    known = ~np.isnan(weekly)
    weeks = np.bincount(months[known] - first, minlength=months[-1] - first + 1)
    sums = np.bincount(months[known] - first, weekly[known], minlength=len(weeks))
    place, measured = np.arange(len(weeks)), weeks > 0
    return Series(
        times=(first + place + 0.5) / 12,
        values=np.interp(place, place[measured], sums[measured] / weeks[measured]),
        name="carbon dioxide at Mauna Loa, monthly mean",
        unit="ppmv",
        source="Keeling & Whorf (2004), as packaged by statsmodels.datasets.co2",
        measured=measured,
    )


def el_nino() -> Series:
    """Temperature of the sea surface off Peru (Niño 1+2), January 1950 to December 2010, monthly.

    Returns
    -------
    Series
        732 months. Times are years; a month stands at its middle.

    Raises
    ------
    ImportError
        If statsmodels, which carries the file, is not installed.
    """
    table = _package("statsmodels.datasets.elnino", "statsmodels", "el_nino").load_pandas().data
    values = table.to_numpy(dtype=np.float64)[:, 1:].ravel()
    return Series(
        times=float(table["YEAR"].iloc[0]) + (np.arange(len(values)) + 0.5) / 12,
        values=values,
        name="sea surface temperature, Niño 1+2, monthly mean",
        unit="°C",
        source="National Weather Service, ERSST.V3B, as packaged by statsmodels.datasets.elnino",
        measured=np.ones(len(values), dtype=bool),
    )


# Text


class Source(NamedTuple):
    """Python's own source."""

    text: str
    files: tuple[str, ...]  # what it is made of, in this order
    sha256: str
    release: str | None  # the CPython whose text this is; None if that is not on record


#: Files of the standard library that every Python from 3.11 has: most of the large ones.
PYTHON_FILES = tuple(
    f"{folder}{name}.py"
    for folder, names in {
        "": """
            _collections_abc _pydecimal _pyio _strptime argparse ast base64 bdb calendar cmd codecs
            compileall configparser contextlib copy csv dataclasses difflib dis doctest enum
            fileinput fnmatch fractions ftplib functools gettext gzip heapq imaplib inspect
            ipaddress locale mailbox mimetypes modulefinder ntpath operator optparse os pdb pickle
            pickletools pkgutil platform plistlib poplib posixpath pprint pstats pydoc queue random
            selectors shelve shlex shutil smtplib socket socketserver ssl statistics subprocess
            tarfile tempfile textwrap threading timeit tokenize trace traceback tracemalloc types
            typing uuid wave weakref webbrowser zipimport
        """,
        "asyncio/": "base_events events futures locks queues selector_events sslproto streams tasks"
        " unix_events windows_events",
        "collections/": "__init__",
        "concurrent/futures/": "_base process thread",
        "email/": "_header_value_parser _parseaddr contentmanager feedparser generator header"
        " headerregistry message utils",
        "html/": "parser",
        "http/": "client cookiejar cookies server",
        "json/": "decoder encoder scanner",
        "logging/": "__init__ config handlers",
        "multiprocessing/": "connection context managers pool queues shared_memory util",
        "unittest/": "case loader main mock runner suite",
        "urllib/": "parse request robotparser",
        "xml/dom/": "expatbuilder minidom pulldom",
        "xml/etree/": "ElementTree",
        "xml/sax/": "expatreader handler saxutils xmlreader",
        "xmlrpc/": "client server",
    }.items()
    for name in names.split()
)

#: SHA-256 of the text, for the releases on which it was taken.
PYTHON_SHA256 = {
    "3.11.7": "7be9e7961d1aa558fb0ee23be79434fb6f18232a6ec8b8f2bc7d73c42911074d",
    "3.12.1": "63726c666601a6e1d1279bb83262f8f74b7dd8f0fd7659fd7039368e1755d50d",
    "3.13.0": "73158829e499e2e79eb2b06a99d07f60353311cf40d089cbeb0519698176aac7",
}


def python_source() -> Source:
    """Text of a fixed part of the standard library of the Python that runs.

    Another release has another text. Figures that depend on it should say which it was; nothing
    here fails because of it.

    Returns
    -------
    Source
        The files of :data:`PYTHON_FILES` one after the other, each in UTF-8 with ``\\n`` at the end
        of lines. A file that this Python does not have is left out. ``release`` is the one whose
        checksum in :data:`PYTHON_SHA256` is that of the text.

    Raises
    ------
    FileNotFoundError
        If the standard library is not there as files.
    """
    parts = python_files()
    if not parts:
        folder = sysconfig.get_paths()["stdlib"]
        raise FileNotFoundError(f"rnnlib.data.python_source found no Python files in {folder}")
    text, files = "".join(parts.values()), tuple(parts)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    releases = {known: release for release, known in PYTHON_SHA256.items()}
    return Source(text, files, checksum, releases.get(checksum))


def python_files() -> dict[str, str]:
    """The files that :func:`python_source` joins.

    Returns
    -------
    dict of str
        Their texts by their names, in the order of :data:`PYTHON_FILES`.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    return {
        name: (folder / name).read_text(encoding="utf-8")
        for name in PYTHON_FILES
        if (folder / name).is_file()
    }


class Name(NamedTuple):
    """What a language calls a language or a territory."""

    text: str
    language: str  # in which it is called so, such as "fi"
    kind: str  # "language" or "territory"
    code: str  # what is called so, such as "SE"


#: Languages in Latin script, so that the script does not give them away.
NAME_LANGUAGES = tuple(
    "cs da de en es et fi fr hr hu is it lt lv nl pl pt ro sk sl sq sv tr vi".split()
)


def names(languages: Sequence[str] = NAME_LANGUAGES) -> list[Name]:
    """Names of languages and territories in several languages, from the Unicode CLDR.

    A name that several languages share appears once for each of them. To learn a language and not
    a list of places, split training from test by ``code``.

    Parameters
    ----------
    languages : sequence of str
        Codes of languages, such as ``"fi"``.

    Returns
    -------
    list of Name
        For each language, sorted by kind and code. Which they are depends on the CLDR of the
        installed babel.

    Raises
    ------
    ImportError
        If babel, which carries the data, is not installed.
    ValueError
        If there is no language, or one is not known.
    """
    _at_least_one(languages=len(languages))
    found = []
    for language in languages:
        locale = _locale(language, "names")
        for kind, called in [("language", locale.languages), ("territory", locale.territories)]:
            found += [Name(called[code], language, kind, code) for code in sorted(called)]
    return found


class Date(NamedTuple):
    """A date as people write it."""

    text: str
    locale: str  # where it is written so, such as "en_GB"
    iso: str  # such as "2003-02-01"


#: Places that write dates differently: in their order, their signs, their words and their script.
DATE_LOCALES = tuple(
    """
    bg_BG cs_CZ da_DK de_DE el_GR en_GB en_US es_ES et_EE eu_ES fi_FI fr_FR hi_IN hu_HU id_ID it_IT
    ja_JP ko_KR lt_LT lv_LV nl_NL pl_PL pt_BR ru_RU sv_SE tr_TR uk_UA vi_VN zh_CN
    """.split()
)


def dates(rng: np.random.Generator, N: int, locales: Sequence[str] = DATE_LOCALES) -> list[Date]:
    """Dates as they are written in different places, by the Unicode CLDR.

    They are drawn evenly from 1950 to 2049, a hundred years, so that two digits tell the year; the
    place and one of CLDR's four styles, short to full, evenly too. The same text may be another
    day in another place.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    N : int
        Number of dates.
    locales : sequence of str
        Places, such as ``"en_GB"``.

    Returns
    -------
    list of Date
        How exactly a date is written depends on the CLDR of the installed babel.

    Raises
    ------
    ImportError
        If babel, which carries the data, is not installed.
    ValueError
        If there is no date to draw, or a place is not known.
    """
    _at_least_one(N=N, locales=len(locales))
    parsed = [_locale(name, "dates") for name in locales]
    write = _package("babel.dates", "babel", "dates").format_date
    first = datetime.date(1950, 1, 1)
    days = (datetime.date(2050, 1, 1) - first).days
    found = []
    for _ in range(N):
        date = first + datetime.timedelta(days=int(rng.integers(days)))
        place, style = (int(rng.integers(n)) for n in (len(locales), 4))
        text = write(date, ("short", "medium", "long", "full")[style], parsed[place])
        found.append(Date(text, locales[place], date.isoformat()))
    return found


def _locale(name: str, caller: str) -> Any:
    """A locale by its name."""
    core = _package("babel.core", "babel", caller)
    try:
        return core.Locale.parse(name)
    except (ValueError, TypeError, core.UnknownLocaleError) as error:
        raise ValueError(f"{caller}: got locale {name!r}, expected one that CLDR has") from error


# Images and sound


class Digits(NamedTuple):
    """Handwritten digits."""

    images: NDArray[np.float64]  # (N, 8, 8), from 0 for paper to 1 for ink
    labels: NDArray[np.int64]  # (N,), from 0 to 9


def digits() -> Digits:
    """The 1797 handwritten digits of the test set of Alpaydin & Kaynak (1998).

    Returns
    -------
    Digits
        The images and what they show.

    Raises
    ------
    ImportError
        If scikit-learn, which carries the file, is not installed.
    """
    file = _package("sklearn.datasets", "scikit-learn", "digits").load_digits()
    images, labels = (np.asarray(a, dtype=np.float64) for a in (file.images, file.target))
    return Digits(images / 16, labels.astype(np.int64))


def pixels(digits: Digits) -> NDArray[np.float64]:
    """Images as sequences of pixels, row by row from the top left, ``(64, N, 1)``."""
    return digits.images.reshape(len(digits.images), -1).T[..., None]


class Labelled(NamedTuple):
    """A batch of sequences, time first, with labels that are not aligned to the steps.

    What is beyond a length is 0 in the inputs and -1 in the labels.
    """

    inputs: NDArray[np.float64]  # (T, B, D)
    lengths: NDArray[np.int64]  # (B,), how many steps
    labels: NDArray[np.int64]  # (B, L)
    counts: NDArray[np.int64]  # (B,), how many labels


def strips(
    rng: np.random.Generator,
    digits: Digits,
    B: int,
    least: int = 3,
    most: int = 6,
    gap: int = 3,
    closest: int = 0,
) -> Labelled:
    """Digits written side by side, to be read column by column.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    digits : Digits
        To draw from. Take strips for training and for testing from different ones.
    B : int
        Number of strips.
    least, most : int
        Range of the number of digits on a strip, all equally likely.
    gap : int
        Up to how many empty columns there are before each digit.
    closest : int
        From how many, all numbers being equally likely. Below 0 an image begins that many columns
        before the end of the last one, and the darker ink is seen; the images themselves have
        about two empty columns. The first digit is not cut.

    Returns
    -------
    Labelled
        Columns from left to right, ``(T, B, 8)``, and the digits.

    Raises
    ------
    ValueError
        If there is no digit or no strip, a range is empty, or images would overlap by all columns.
    """
    _at_least_one(B=B, least=least, digits=len(digits.labels))
    _range("most", least, most)
    _range("closest", 1 - digits.images.shape[2], closest)
    _range("gap", closest, gap)
    columns, labels = [], []
    for _ in range(B):
        chosen = rng.integers(len(digits.labels), size=rng.integers(least, most, endpoint=True))
        gaps = rng.integers(closest, gap, size=len(chosen), endpoint=True)
        columns.append(_side_by_side(digits.images[chosen], gaps))
        labels.append(digits.labels[chosen])
    return _labelled(columns, labels)


def _side_by_side(images: Array, gaps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Images with so many empty columns before each, columns first."""
    width = images.shape[2]
    starts = np.cumsum(gaps + width) - width - min(int(gaps[0]), 0)
    strip = np.zeros((starts[-1] + width, images.shape[1]))
    for start, image in zip(starts, images, strict=True):
        here = strip[start : start + width]
        np.maximum(here, image.T, out=here)
    return strip


class Moving(NamedTuple):
    """Films of digits that move, time first."""

    frames: NDArray[np.float64]  # (T, B, D, Y, X), one channel, from 0 for nothing to 1
    places: NDArray[np.int64]  # (T, B, N, 2), row and column of each digit's upper left corner


def moving(
    rng: np.random.Generator,
    digits: Digits,
    T: int,
    B: int,
    N: int = 2,
    size: int = 16,
    speeds: tuple[int, int] = (1, 2),
) -> Moving:
    """Digits that move along straight lines and bounce off the edges (Srivastava et al. 2015).

    Where two of them meet, the brighter is seen.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    digits : Digits
        To draw from. Take films for training and for testing from different ones.
    T, B : int
        Number of frames and of films.
    N : int
        Digits in a film.
    size : int
        Rows and columns of a frame.
    speeds : tuple of int
        Least and greatest speed, in pixels per frame. A digit moves in one of eight directions: by
        its speed, or not at all, along the rows, and likewise along the columns.

    Returns
    -------
    Moving
        Frames ``(T, B, 1, size, size)``, and where the digits are.

    Raises
    ------
    ValueError
        If there is no digit, frame or film, a frame leaves no way to go, or the range of speeds is
        empty, begins below 1 or goes beyond that way.
    """
    _at_least_one(T=T, B=B, N=N, digits=len(digits.labels))
    way, (least, most) = size - digits.images.shape[1], speeds
    _range("size", 1 + digits.images.shape[1], size)
    _range("speeds", 1, least)
    _range("speeds", least, most)
    _range("size", digits.images.shape[1] + most, size)
    chosen = rng.integers(len(digits.labels), size=(B, N))
    ways = np.array([(v, w) for v in (-1, 0, 1) for w in (-1, 0, 1) if v or w])
    speed = rng.integers(least, most, size=(B, N, 1), endpoint=True)
    velocity = speed * ways[rng.integers(len(ways), size=(B, N))]
    start = rng.integers(way, size=(B, N, 2), endpoint=True)
    unfolded = start + np.arange(T)[:, None, None, None] * velocity
    places = way - np.abs(way - unfolded % (2 * way))  # to and fro
    frames = np.zeros((T, B, 1, size, size))
    for t, b, n in np.ndindex(T, B, N):
        y, x = places[t, b, n]
        image = digits.images[chosen[b, n]]
        here = frames[t, b, 0, y : y + len(image), x : x + len(image)]
        np.maximum(here, image, out=here)
    return Moving(frames, places)


#: Keys of a telephone, and the two frequencies that each sounds together (ITU-T Q.23).
KEYS = "123A456B789C*0#D"
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)  # Hz


def tones(
    rng: np.random.Generator, B: int, snr: float, least: int = 3, most: int = 7, rate: int = 8000
) -> Labelled:
    """Telephone numbers dialled by tones (DTMF), in noise.

    A tone lasts 50 to 100 ms, the silence before each and at the end 40 to 80 ms. Both its sines
    have amplitude 1 and any phase, so that its power is 1; the noise is white and Gaussian.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    B : int
        Number of recordings.
    snr : float
        Power of a tone over that of the noise, in decibels; infinite for no noise.
    least, most : int
        Range of the number of keys, all equally likely.
    rate : int
        Samples per second, more than twice the highest frequency.

    Returns
    -------
    Labelled
        Sound pressure, ``(T, B, 1)``, and the keys by their place in :data:`KEYS`.

    Raises
    ------
    ValueError
        If there is no recording, the range is empty, the ratio NaN or -inf, or the rate too low.
    """
    _at_least_one(B=B, least=least)
    _range("most", least, most)
    _range("rate", 2 * COLUMNS[-1] + 1, rate)
    if not snr > -np.inf:
        raise ValueError(f"snr: got {snr}, expected decibels")
    waves, labels = [], []
    for _ in range(B):
        keys = rng.integers(len(KEYS), size=rng.integers(least, most, endpoint=True))
        parts = []
        for key in keys:
            parts += [_silence(rng, rate), _tone(rng, key, rate)]
        wave = np.concatenate([*parts, _silence(rng, rate)])
        noise = 10 ** (-snr / 20) * rng.normal(size=len(wave))
        waves.append((wave + noise)[:, None])
        labels.append(keys)
    return _labelled(waves, labels)


def _tone(rng: np.random.Generator, key: int, rate: int) -> NDArray[np.float64]:
    """The sound of a key."""
    seconds = np.arange(round(rng.uniform(0.05, 0.1) * rate)) / rate
    pair = np.array([ROWS[key // 4], COLUMNS[key % 4]])
    cycles = seconds[:, None] * pair + rng.uniform(size=2)
    sound: NDArray[np.float64] = np.sin(2 * np.pi * cycles).sum(1)
    return sound


def _silence(rng: np.random.Generator, rate: int) -> NDArray[np.float64]:
    """No sound."""
    return np.zeros(round(rng.uniform(0.04, 0.08) * rate))


def _labelled(inputs: list[NDArray[np.float64]], labels: list[NDArray[np.int64]]) -> Labelled:
    """Sequences of different lengths, padded to the longest."""
    lengths, counts = (np.array([len(a) for a in parts]) for parts in (inputs, labels))
    padded = np.zeros((lengths.max(), len(inputs), inputs[0].shape[1]))
    padded_labels = np.full((len(labels), counts.max()), -1)
    for k, (x, y) in enumerate(zip(inputs, labels, strict=True)):
        padded[: len(x), k], padded_labels[k, : len(y)] = x, y
    return Labelled(padded, lengths, padded_labels, counts)


def _at_least_one(**sizes: int) -> None:
    """Check that there is something."""
    for name, n in sizes.items():
        _range(name, 1, n)


def _range(name: str, bound: int, n: int) -> None:
    """Check that a number is not too small."""
    if n < bound:
        raise ValueError(f"{name}: got {n}, expected at least {bound}")
