"""What must be so before any test is read.

Triton decides as it is imported, once for a process, whether its kernels are compiled or
interpreted: they are interpreted where there is no NVIDIA card, unless the environment says so.
"""

import importlib.util
import os
from pathlib import Path

if not Path("/proc/driver/nvidia").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

collect_ignore_glob = []
if importlib.util.find_spec("triton") is None:  # not for every system; its modules are no doctests
    collect_ignore_glob += ["rnnlib/nn/kernels/triton_*.py"]
