"""A comment ``# (elman)`` in displayed code links to the equation of that name.

The label is the one that the chapter gives the equation. One that no chapter displays stays plain.
"""

import re
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain

COMMENT = re.compile(r'(<span class="c1"># )\(([a-z][\w-]*)\)')


def link_comments(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Turn the labels in a page's highlighted comments into links."""
    domain = app.env.get_domain("math")
    assert isinstance(domain, MathDomain)

    def link(match: re.Match[str]) -> str:
        opening, label = match.groups()
        if label not in domain.equations:
            return match[0]
        home, number = domain.equations[label]
        uri = "" if home == page else app.builder.get_relative_uri(page, home)
        uri += "#" + nodes.make_id(f"equation-{label}")
        title = f"Equation {number}" if number else "Equation"
        anchor = f'<a class="equation" href="{escape(uri)}" title="{title}">({label})</a>'
        return opening + anchor

    if "body" in context:
        context["body"] = COMMENT.sub(link, context["body"])


def setup(app: Sphinx) -> None:
    """Act on the pages as they are written, when every equation is known."""
    app.connect("html-page-context", link_comments)
