"""MathJax, shipped with the site: the part of it that a page can ask for.

``book/_static/typeset.js``, which Jupyter Book puts into every page, typesets the formulas.
The package ``sphinx-mathjax-offline`` carries all of MathJax 3 and, as an extension, copies 24 MB.
We take the files and leave the extension. The fonts are packed again: as WOFF2 and without hints,
which say how to draw with few pixels, they weigh a fifth less.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from unrolled.light import pack

#: The script that pages load, what it loads at once, and what a formula may ask for. MathJax's own
#: bundle has a context menu besides, which is as large as the rest together.
START = "startup.js"
LOADED = ["input/tex", "output/chtml", "a11y/assistive-mml"]
PARTS = [
    START,
    "core.js",
    "input/tex.js",
    "input/tex/extensions",
    "output/chtml.js",
    "output/chtml/fonts",
    "a11y/assistive-mml.js",
]


def use_shipped(app: Sphinx, config: Config) -> None:
    """Load MathJax from the site's own files."""
    config.mathjax_path = f"mathjax/{START}"
    config.mathjax3_config = {"loader": {"load": LOADED}}


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
    for font in target.rglob("*.woff"):
        pack(font)
        font.unlink()
    for script in target.glob("output/**/*.js"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace('.woff") format("woff")', '.woff2") format("woff2")'))


def setup(app: Sphinx) -> None:
    """Say where MathJax is, and put it there."""
    app.connect("config-inited", use_shipped)
    app.connect("build-finished", copy_parts)
