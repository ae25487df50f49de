"""What screen readers say where the theme and Sphinx leave it out or get it wrong."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

TOGGLE = '<summary aria-label="Show or hide the pages below this one">'
LIST = '<div role="list" class="citation-list">'  # its entries are no list items


def correct(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Name the arrows that open a part of the sidebar; call nothing a list that is none."""
    make = context["generate_toctree_html"]

    def named(*args: Any, **options: Any) -> str:
        return str(make(*args, **options)).replace("<summary>", TOGGLE)

    context["generate_toctree_html"] = named
    if body := context.get("body"):
        context["body"] = body.replace(LIST, LIST.replace(' role="list"', ""))


def setup(app: Sphinx) -> None:
    """Act after the theme."""
    app.connect("html-page-context", correct, priority=900)
