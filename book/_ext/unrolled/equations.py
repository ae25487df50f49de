"""An equation bears its label in the margin, the name that its line of code bears in a comment.

Numbers would say nothing to a reader of the code; ``{eq}`` shows the name as well.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain


class NamedEquations(MathDomain):
    """Sphinx's equations, with the label in the place of the number."""

    def note_equation(self, docname: str, labelid: str, location: Any = None) -> None:
        super().note_equation(docname, labelid, location)
        self.equations[labelid] = (docname, labelid)  # type: ignore[assignment]


def setup(app: Sphinx) -> None:
    """Put it in the place of Sphinx's own."""
    app.add_domain(NamedEquations, override=True)
