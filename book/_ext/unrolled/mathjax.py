"""MathJax, shipped with the site: the part of it that a page can ask for.

The package ``sphinx-mathjax-offline`` carries all of MathJax 3 and, as an extension, copies 24 MB.
We take the files and leave the extension.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

#: The one script that pages load, and what it and its context menu load on demand.
PARTS = [
    "tex-chtml.js",
    "input/mml.js",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "output/svg.js",
    "output/svg/fonts",
    "a11y",
    "sre",
]


def use_shipped(app: Sphinx, config: Config) -> None:
    """Load MathJax from the site's own files."""
    config.mathjax_path = f"mathjax/{PARTS[0]}"


def copy_parts(app: Sphinx, exception: Exception | None) -> None:
    """Copy the files to the built site."""
    if exception or app.builder.format != "html":
        return
    spec = find_spec("sphinx-mathjax-offline")
    assert spec and spec.origin, "sphinx-mathjax-offline is not installed"
    source = Path(spec.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / part, target / part)


def setup(app: Sphinx) -> None:
    """Say where MathJax is, and put it there."""
    app.connect("config-inited", use_shipped)
    app.connect("build-finished", copy_parts)
