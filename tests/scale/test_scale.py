"""Fifty submissions on a cluster, into PostgreSQL, whatever is killed; ``make scale``."""

import os

import pytest

from rnnlib.grading.sandbox import why_not
from tests.scale import experiment, mix

pytestmark = pytest.mark.scale


def test_none_is_lost_and_none_is_there_twice() -> None:
    reason = why_not() or ("" if experiment.binaries() else "PostgreSQL is missing")
    if reason and os.environ.get("RNNLIB_STRICT") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    result = experiment.measure(50, kills=3, seed=1)
    assert set(result["mix"]) == set(mix.SHARES)
    assert set(result["measured"].values()) == {0}, result["measured"]
    assert result["grader_killed_at"] and result["tasks_done_by_another_worker"] > 0
