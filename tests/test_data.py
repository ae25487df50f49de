"""The data are what their source says."""

import numpy as np
import pytest

from rnnlib import data

pytest.importorskip("statsmodels", reason="statsmodels carries the files")


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
