"""What this book adds to Sphinx, one idea per file."""

from typing import Any

from sphinx.application import Sphinx

from unrolled import (
    api,
    assignments,
    equations,
    execution,
    figures,
    include,
    labels,
    mathjax,
    toc,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Load every part; Sphinx calls this."""
    for part in (
        api,
        assignments,
        equations,
        execution,
        figures,
        include,
        labels,
        mathjax,
        toc,
    ):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
