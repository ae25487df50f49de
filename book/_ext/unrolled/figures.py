"""Figures that follow the page: SVG pictures are put into the HTML, their ink is the text's colour.

A picture in a file of its own cannot see whether the page is light or dark. In the page it can:
:data:`rnnlib.plot.INK` becomes ``currentColor``, and its letters are those of the page.
"""

import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from rnnlib.plot import INK

PROLOG = re.compile(r"^.*?(?=<svg\b)|<metadata>.*?</metadata>", re.DOTALL)
STYLE = re.compile(r"<style[^>]*>\*\{([^}]*)\}</style>")  # would hold for the whole page
NAME = re.compile(r'( id="|url\(#|href="#)')
FONT = re.compile(r"font-family: [^;\"]*\bsans-serif;? ?")

logger = logging.getLogger(__name__)


def inline(svg: str, alt: str, prefix: str) -> str:
    """Rewrite an SVG file as an element of a page.

    Parameters
    ----------
    svg : str
        The file.
    alt : str
        What the picture shows, in words.
    prefix : str
        Put before every id, so that no two pictures of a page share one.

    Returns
    -------
    str
        An ``svg`` element.
    """
    style = "".join(STYLE.findall(svg))
    svg = PROLOG.sub("", STYLE.sub("", svg))
    svg = FONT.sub("", NAME.sub(rf"\g<1>{prefix}", svg)).replace(INK, "currentColor")
    opening = f'<svg class="figure" role="img" aria-label="{escape(alt)}" style="{style}"'
    return svg.replace("<svg", opening, 1)


class InlineFigures(SphinxPostTransform):
    """Put every SVG picture into the page; require words for every picture."""

    default_priority = 50  # after myst-nb has chosen among the forms of an output
    formats = ("html",)

    def run(self, **kwargs: object) -> None:
        """Act on one page."""
        for n, image in enumerate(list(self.document.findall(nodes.image)), start=1):
            if not image.get("alt"):
                logger.warning(
                    "figure without a text alternative: say in `alt` what it shows", location=image
                )
            path = Path(self.app.srcdir) / image["uri"]
            if path.suffix == ".svg" and path.is_file():
                prefix = nodes.make_id(f"{self.env.docname}-figure-{n}") + "-"
                svg = inline(path.read_text(encoding="utf-8"), image.get("alt", ""), prefix)
                image.replace_self(nodes.raw("", svg, format="html"))


def setup(app: Sphinx) -> None:
    """Act when a page is about to be written."""
    app.add_post_transform(InlineFigures)
