"""Triton, or stand-ins for it.

What writes a kernel takes ``jit`` and ``tl`` from here, so that its file can be read, tested for
its doctests and documented on a machine that Triton does not support; only a launch needs it.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

try:
    import triton
    import triton.language as tl

    jit: Callable[[Callable[..., Any]], Any] = triton.jit
except ImportError:

    class Missing:
        """A kernel that says what it needs when it is launched."""

        def __init__(self, function: Callable[..., Any]) -> None:
            self.__doc__ = function.__doc__

        def __getitem__(self, grid: Any) -> Any:
            raise ImportError("kernels on a GPU are compiled by Triton: pip install triton")

    jit, tl = Missing, SimpleNamespace(constexpr=object, tensor=object)

__all__ = ["jit", "tl"]
