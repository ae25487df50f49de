"""``literalinclude`` can leave docstrings out: a chapter says in its text what a function does."""

import re

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude

DOCSTRING = re.compile(r'^ +r?""".*?"""\n+', re.DOTALL | re.MULTILINE)


class LibraryCode(LiteralInclude):
    """``literalinclude`` with the option ``:without-docstring:``."""

    option_spec = LiteralInclude.option_spec | {"without-docstring": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Include, then leave out."""
        included = super().run()
        if "without-docstring" in self.options:
            for node in included:
                for block in node.findall(nodes.literal_block):
                    block.rawsource = DOCSTRING.sub("", block.rawsource)
                    block[:] = [nodes.Text(block.rawsource)]
        return included


def setup(app: Sphinx) -> None:
    """Take the place of Sphinx's directive."""
    app.add_directive("literalinclude", LibraryCode, override=True)
