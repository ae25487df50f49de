"""Our own work with what came from a sandbox is bounded."""

import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pytest

from conftest import Hand, assignment, solved
from rnnlib.grading.bounded import TooMuch, bounded
from rnnlib.grading.result import NOT_GRADED, grade

T = TypeVar("T")


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TooMuch), bounded(seconds=0.05):
        while True:
            pass


def test_what_takes_too_much_memory_is_ended_and_then_there_is_enough() -> None:
    with pytest.raises(MemoryError), bounded(most=1 << 24):
        np.ones(1 << 24)
    assert np.ones(1 << 22).sum() == 1 << 22


def test_limits_are_as_before_afterwards() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)
    with bounded():
        pass
    assert (resource.getrlimit(resource.RLIMIT_DATA), signal.getsignal(signal.SIGPROF)) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)


def in_a_side_thread(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_a_side_thread_is_refused() -> None:
    with pytest.raises(RuntimeError, match="main thread"):
        in_a_side_thread(bounded().__enter__)


@pytest.mark.usefixtures("sandboxed")
def test_what_cannot_be_bounded_is_not_graded(hand_in: Hand) -> None:
    folder = hand_in(solved(elman_step="def elman_step(W_x, W_h, b, x, h):\n    return h"))
    graded = in_a_side_thread(lambda: grade(folder, assignment()))
    assert graded.refused.startswith(NOT_GRADED) and graded.needs_a_look
    assert any("main thread" in note for note in graded.notes)
