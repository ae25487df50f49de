"""Real data that needs no download: it comes with the packages that a reader has installed."""

from typing import NamedTuple

import numpy as np

from rnnlib.reference.ops import Array


class Series(NamedTuple):
    """One quantity, measured at equal intervals."""

    times: Array  # (N,)
    values: Array  # (N,)
    name: str
    unit: str
    source: str


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
    try:
        from statsmodels.datasets import sunspots as packaged
    except ImportError as error:
        raise ImportError(
            "rnnlib.data.sunspots reads a file that statsmodels carries: pip install statsmodels"
        ) from error
    table = packaged.load_pandas().data
    return Series(
        times=table["YEAR"].to_numpy(dtype=np.float64),
        values=table["SUNACTIVITY"].to_numpy(dtype=np.float64),
        name="sunspot number, yearly mean",
        unit="1",
        source="National Geophysical Data Center, as packaged by statsmodels.datasets.sunspots",
    )
