"""Our own work with what came from a sandbox is bounded."""

import resource
import signal
import threading

import numpy as np
import pytest

from rnnlib.grading.bounded import TooMuch, bounded


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


def test_side_threads_run_unbounded() -> None:
    done = []

    def work() -> None:
        with bounded(seconds=1e-6):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
