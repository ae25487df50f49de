"""A notebook's cells in a sandbox, and calls of what they define, whatever becomes of the process.

A cell or a function that takes the process with it is left out when the next sandbox starts: it
costs its own points, and no others.
"""

import time
from typing import Any, Self

from rnnlib.grading.assignment import Assignment
from rnnlib.grading.calls import Lost
from rnnlib.grading.intake import Step
from rnnlib.grading.sandbox import Called, Dead, Ran, Sandbox, TimeIsUp

ENDED = "Ended"  # in place of an exception, of a cell that took the process with it
STARTS = 6  # of sandboxes for one notebook


class Session:
    """To be used in a ``with`` statement.

    Parameters
    ----------
    assignment : Assignment
    steps : list of Step
        Cells to run.
    deadline : float
        When the time of the whole notebook is over, on :func:`time.monotonic`'s clock.
    unsafe_local : bool
        Run without a sandbox.
    """

    def __init__(
        self, assignment: Assignment, steps: list[Step], deadline: float, unsafe_local: bool
    ) -> None:
        self.assignment, self.steps, self.deadline = assignment, steps, deadline
        self.unsafe_local = unsafe_local
        self.starts = 0
        self.sandbox: Sandbox | None = None
        self.ran: dict[str, Ran] = {}
        self.deadly: dict[str, str] = {}  # cells, and functions as "name()"
        self.spent: list[float] = []  # seconds in cells that the student has added
        self.names = [graded.name for graded in assignment.graded]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox, if there is one."""
        if self.sandbox:
            self.sandbox.close()
        self.sandbox = None

    def open(self) -> Sandbox:
        """A sandbox in which all cells have run that let it live."""
        while self.sandbox is None:
            if self.starts == STARTS:
                raise Lost("dies", "the notebook ended its process again and again")
            self.starts += 1
            limits, allowed = self.assignment.limits, self.assignment.frameworks
            files = self.assignment.files
            self.sandbox = Sandbox(limits, self.deadline, allowed, files, self.unsafe_local)
            self.sandbox.wait_until_ready()
            self.run_cells(self.sandbox)
        return self.sandbox

    def run_cells(self, sandbox: Sandbox) -> None:
        """Run all cells, and once more those that used a name before it was there."""
        early = []
        for step in self.steps:
            if step.cell in self.deadly:
                continue
            if not self.run(sandbox, step):
                return
            error = self.ran[step.cell].error
            if error and error["type"] == "NameError":
                early.append(step)
        for step in early:
            if not self.run(sandbox, step):
                return

    def run(self, sandbox: Sandbox, step: Step) -> bool:
        """Run a cell; False if that was the end of the sandbox."""
        names = self.names if step.kind == "solution" else []
        limits, start = self.assignment.limits, time.monotonic()
        seconds = limits.cell
        if step.kind == "added":  # experiments that were left may not cost the time of the others
            seconds = max(1.0, min(seconds, limits.added - sum(self.spent)))
        try:
            self.ran[step.cell] = sandbox.run(step.cell, step.source, names, seconds)
        except Dead as dead:
            self.deadly[step.cell] = str(dead)
            self.ran[step.cell] = Ran("", {"type": ENDED, "message": str(dead), "place": None})
            self.close()
            return False
        finally:
            if step.kind == "added":
                self.spent.append(time.monotonic() - start)
        return True

    def call(self, name: str, args: tuple[Any, ...]) -> Called:
        """Call a student's function.

        Parameters
        ----------
        name : str
        args : tuple

        Returns
        -------
        Called

        Raises
        ------
        Lost
            If the function has taken a process with it before, or does so now, or time is up.
        """
        if f"{name}()" in self.deadly:
            raise Lost("dies", self.deadly[f"{name}()"])
        try:
            return self.open().call(name, args, self.assignment.limits.result)
        except Dead as dead:
            self.deadly[f"{name}()"] = f"when it was called, {dead}"
            self.close()
            raise Lost("dies", self.deadly[f"{name}()"]) from None
        except TimeIsUp:
            seconds = self.assignment.limits.notebook
            raise Lost("too long", f"the whole notebook took longer than {seconds:g} s") from None


def time_left(assignment: Assignment) -> float:
    """The deadline of a notebook that begins now."""
    return time.monotonic() + assignment.limits.notebook
