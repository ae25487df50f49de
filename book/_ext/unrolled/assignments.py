"""What a page says of an assignment is read from the notebook that students get.

```{assignment} 01-forward        its parts, its signatures and the notebook to download
```{assignments}                  a table of all assignments that have a page
"""

import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PART = re.compile(r"\| \w+ \| `(\w+)` \|")  # of the opening table: a function that is graded
TOGETHER = re.compile(r"\|[^|]*\| together \| (\d+) \| (\d+) \|")

ONE = """\
{table}

```python
{signatures}
```

The notebook: {{download}}`{name}.ipynb <{notebook}>`
"""
ALL = """\
| assignment | you write | points | minutes |
|---|---|---|---|
{rows}
"""


class Released(SphinxDirective):
    """A directive that shows what stands in released notebooks."""

    def cells(self, name: str) -> dict[str, str]:
        """Text of the cells of an assignment's notebook, by their ids."""
        path = Path(self.env.srcdir).parent / "exercises" / name / f"{name}.ipynb"
        self.env.note_dependency(str(path))
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return {cell["id"]: "".join(cell["source"]) for cell in cells}

    def show(self, text: str) -> list[nodes.Node]:
        """Markdown as nodes."""
        found = nodes.container()
        self.state.nested_parse(StringList(text.splitlines(), ""), self.content_offset, found)
        return found.children


class Assignment(Released):
    """One assignment."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Its parts, signatures and notebook."""
        [name] = self.arguments
        cells = self.cells(name)
        table = [line for line in cells["opening"].splitlines() if line.startswith("|")]
        return self.show(
            ONE.format(
                table="\n".join(table),
                signatures=cells["signatures"].split("```python\n")[1].split("\n```")[0],
                notebook=f"/../exercises/{name}/{name}.ipynb",
                name=name,
            )
        )


class Assignments(Released):
    """All assignments."""

    def run(self) -> list[nodes.Node]:
        """A table of them."""
        pages = sorted(page for page in self.env.found_docs if page.startswith("assignments/"))
        return self.show(ALL.format(rows="\n".join(map(self.row, pages))))

    def row(self, page: str) -> str:
        """What the table says of one."""
        opening = self.cells(Path(page).name)["opening"]
        functions = ", ".join(f"`{function}`" for function in PART.findall(opening))
        together = TOGETHER.search(opening)
        assert together, f"{page}: the notebook does not say what the parts are together"
        points, minutes = together.groups()
        return f"| {{doc}}`/{page}` | {functions} | {points} | {minutes} |"


def setup(app: Sphinx) -> None:
    """Make both known."""
    app.add_directive("assignment", Assignment)
    app.add_directive("assignments", Assignments)
