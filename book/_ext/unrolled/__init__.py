"""What this book adds to Sphinx, one idea per file."""

from importlib import import_module
from typing import Any

from sphinx.application import Sphinx

PARTS = [
    "address",
    "api",
    "assignments",
    "equations",
    "execution",
    "explorables",
    "figures",
    "include",
    "labels",
    "light",
    "mathjax",
    "notebooks",
    "sources",
    "spoken",
    "toc",
]


def setup(app: Sphinx) -> dict[str, Any]:
    """Load every part; Sphinx calls this."""
    for part in PARTS:
        import_module(f"unrolled.{part}").setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
