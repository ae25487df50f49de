"""The record by which assignment 12-scan sees how a scan was made tells what was done."""

from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlib.grading.table import checks
from rnnlib.reference import scan

SHEET = checks(Path(__file__).resolve().parents[1] / "solutions" / "12-scan")
SCANS = (scan.sequential, scan.hillis_steele, scan.work_efficient, scan.chunked)


@pytest.mark.parametrize("T", [1, 2, 3, 16, 37, 64])
@pytest.mark.parametrize("by", SCANS)
def test_a_record_tells_the_longest_chain_and_the_number_of_compositions(by: Any, T: int) -> None:
    work = 0

    def compose(p: Any, q: Any) -> Any:
        nonlocal work
        work += len(p[-1])
        return *SHEET.recorded(p[:3], q[:3]), np.maximum(p[3], q[3]) + 1

    *_, record, depth = by(compose, (*np.ones((2, T)), np.eye(T), np.zeros(T)))
    assert SHEET.chains(record, [0] * T) == (depth.max(), work)


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0, 0], [2, 2, 0], [3, 3, 0]],  # the last step is missing
        [[1, 0, 0], [2, 2, 0], [3, 3, 3]],  # three leaves at one depth
        [[1, 0, 0], [2, 2, 2], [3, 3, 2]],  # a later step
        [[1, 0, 0], [2, 2, 0], [2, 3, 4]],  # no tree
        [[2, 0, 0], [2, 2, 0], [3, 3, 2]],  # a step that was composed with nothing
    ],
)
def test_rows_that_are_no_trees_of_all_steps_so_far_are_none(rows: list[list[int]]) -> None:
    assert SHEET.chains(np.array(rows), [0] * 3) is None
    assert SHEET.chains(np.array([[1, 0, 0], [2, 2, 0], [3, 3, 2]]), [0] * 3) == (2, 2)


def test_a_sequence_that_was_reset_has_the_chains_of_its_segments() -> None:
    T, resets = 9, np.arange(9)[:, None] == [[4, 7]]
    steps = (*np.ones((2, T, 2)), SHEET.record(T, 2))
    *_, record = SHEET.segmented_scan(SHEET.recorded, steps, resets)
    for i, start in enumerate((4, 7)):
        starts = np.where(np.arange(T) < start, 0, start)
        assert SHEET.chains(record[:, i], starts) is not None
        assert SHEET.chains(record[:, i], [0] * T) is None


@pytest.mark.parametrize("by", [scan.hillis_steele, scan.work_efficient])
def test_calls_of_compose_are_counted_anew_with_every_copy_of_the_arguments(by: Any) -> None:
    T, B, calls = 9, 3, []

    def counted(*args: Any) -> Any:
        calls.append(1)
        return compose(*args)

    given = partial(SHEET.shared, [0])
    steps = (*np.ones((2, T, B)), SHEET.record(T, B), np.zeros((T, B)))
    for _ in range(2):
        compose = deepcopy(given)
        *_, numbers = by(counted, steps)
        assert SHEET.calls_of(numbers) == (len(calls), False)
        calls.clear()


def test_a_scan_for_each_sequence_shares_no_call_with_another() -> None:
    _, steps, resets = SHEET.segmented_recorded(np.random.default_rng(0))
    compose = partial(SHEET.shared, [0])
    *_, numbers = SHEET.segmented_by_sequences(compose, steps, resets)
    calls, apart = SHEET.calls_of(numbers)
    assert apart and calls > SHEET.allowed(len(resets))
