"""A function that a chapter includes by ``:pyobject:`` comes without its docstring.

The chapter says in prose what the docstring says, and the API pages show it. ``:docstring:`` keeps
it.
"""

import ast
import textwrap

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralInclude


class Include(LiteralInclude):
    """``literalinclude``, with docstrings left out of functions and classes."""

    option_spec = LiteralInclude.option_spec | {"docstring": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Include, then leave out."""
        included = super().run()
        if "pyobject" in self.options and "docstring" not in self.options:
            for block in (b for node in included for b in node.findall(nodes.literal_block)):
                block.rawsource = without_docstring(block.astext())
                block.children = [nodes.Text(block.rawsource)]
        return included


def without_docstring(source: str) -> str:
    """The source of a function or class, its docstring taken out."""
    definition = ast.parse(textwrap.dedent(source)).body[0]
    if ast.get_docstring(definition) is None:
        return source
    lines, docstring = source.splitlines(keepends=True), definition.body[0]
    return "".join(lines[: docstring.lineno - 1] + lines[docstring.end_lineno :])


def setup(app: Sphinx) -> None:
    """Put it in the place of Sphinx's own."""
    app.add_directive("literalinclude", Include, override=True)
