"""What must be so before any test is read, and which tests keep together.

Triton decides as it is imported, once for a process, whether its kernels are compiled or
interpreted: they are interpreted where there is no NVIDIA card, unless the environment says so.
"""

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import pytest

if not Path("/proc/driver/nvidia").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

collect_ignore_glob = []
if importlib.util.find_spec("triton") is None:  # not for every system; its modules are no doctests
    collect_ignore_glob += ["rnnlib/nn/kernels/triton_*.py"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Of several processes one takes a whole file, whose fixtures are then made once.

    Of `tests/test_assignments.py` it takes all variants of one assignment.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneProcess(LoadScopeScheduling):
        def _split_scope(self, test: str) -> str:
            found = re.match(r".*?::\w+\[\d\d-\w+-|.*?::", test)
            return re.sub(r"::\w+", "", found[0]) if found else test

    return OneProcess(config, log)
