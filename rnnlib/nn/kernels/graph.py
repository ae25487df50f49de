"""Many launches recorded once as a CUDA graph, and played again with other numbers.

A graph reads and writes at fixed places. So it has copies of what a call reads and writes, filled
before it is played and copied out after. A sequence is cut into stretches of 128 steps and, at its
end, of powers of two, so that eight graphs serve sequences of all lengths, and what they hold does
not grow with the length. Graphs are kept by what is computed, shapes, dtypes, device and stream.
"""

import collections
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

STRETCH = 128  # steps of the longest graph
KEPT = 32  # graphs; the one that was not played for longest is dropped first

Some = list[Tensor | None]


class Call(NamedTuple):
    """What a run over time reads and writes; None where there is nothing.

    Parameters
    ----------
    read, written : list of Tensor
        Tensors whose first axis is time.
    fixed : list of Tensor
        What is the same at all steps.
    state : list of Tensor
        What is carried from step to step, read and written in place.
    """

    read: Some
    fixed: Some
    state: Some
    written: Some

    def stretch(self, start: int, stop: int) -> "Call":
        """The call for some of the steps."""
        read, written = ([None if s is None else s[start:stop] for s in of] for of in self[::3])
        return self._replace(read=read, written=written)

    def at(self, t: int) -> "Call":
        """The call for one step, without the axis of time."""
        read, written = ([None if s is None else s[t] for s in of] for of in self[::3])
        return self._replace(read=read, written=written)

    def steps(self) -> int:
        """Number of steps."""
        return len(next(s for s in self.written if s is not None))

    def tensors(self) -> Some:
        """All tensors, in order."""
        return [s for of in self for s in of]


Run = Callable[[Call], None]


class Recorded:
    """A run over a stretch of time, recorded.

    Parameters
    ----------
    run : callable
        Takes a call on a GPU; launches the same for the same shapes.
    call : Call
        A call to record it with.
    """

    def __init__(self, run: Run, call: Call) -> None:
        self.call = copy_of(call)
        before, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(before)
        with torch.cuda.stream(aside):  # kernels are compiled and cuBLAS has its workspace
            run(self.call)
        before.wait_stream(aside)
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded, capture_error_mode="thread_local"):
            run(self.call)
        self.play = recorded.replay

    def __call__(self, call: Call) -> None:
        """Play it on other numbers."""
        for mine, theirs in zip(self.call[:3], call[:3], strict=True):
            _copy(theirs, mine)
        self.play()
        for mine, theirs in zip(self.call[2:], call[2:], strict=True):
            _copy(mine, theirs)


_graphs: collections.OrderedDict[Any, Recorded] = collections.OrderedDict()


def play(name: tuple[str, ...], run: Run, call: Call, upward: bool) -> None:
    """Run over time as graphs; those are recorded that are not there yet.

    Parameters
    ----------
    name : tuple of str
        What ``run`` computes.
    run : callable
        As :class:`Recorded` takes it.
    call : Call
        What to run it on.
    upward : bool
        Does it run from the last step to the first?
    """
    parts = stretches(call.steps())
    for start, stop in reversed(parts) if upward else parts:
        part = call.stretch(start, stop)
        key = name, *map(_kind, part.tensors()), _stream()
        if key not in _graphs:
            _graphs[key] = Recorded(run, part)
        _graphs.move_to_end(key)
        if len(_graphs) > KEPT:
            _graphs.popitem(last=False)
        _graphs[key](part)


def stretches(T: int) -> list[tuple[int, int]]:
    """Where the stretches of a sequence start and stop.

    Examples
    --------
    >>> stretches(261)
    [(0, 128), (128, 256), (256, 260), (260, 261)]
    """
    cuts = [0]
    while cuts[-1] < T:
        cuts.append(cuts[-1] + min(STRETCH, 1 << (T - cuts[-1]).bit_length() - 1))
    return list(itertools.pairwise(cuts))


def copy_of(call: Call) -> Call:
    """The same numbers elsewhere."""
    return Call(*([None if s is None else s.clone() for s in of] for of in call))


def is_recording() -> bool:
    """Is a graph being recorded already, so that launches go into it?"""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


def _stream() -> int:
    """The stream that work is given to now."""
    return int(torch.cuda.current_stream().cuda_stream)


def _copy(source: Some, target: Some) -> None:
    """Copy tensors to where they belong."""
    for s, t in zip(source, target, strict=True):
        if s is not None and t is not None:
            t.copy_(s)


def _kind(s: Tensor | None) -> Any:
    """What two tensors have in common that one graph can take."""
    return None if s is None else (s.shape, s.dtype, s.device)
