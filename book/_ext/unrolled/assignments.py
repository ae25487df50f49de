"""What a page says of an assignment is read from the notebook that students get.

```{assignment} 01-forward        its parts, its signatures and the notebook to download
```{assignments}                  a table of all assignments that have a page
```{weeks}                        a plan, one line a week, READ | HAND IN, with points and minutes
{ref}`ch-elman` | 01-forward
"""

import json
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PART = re.compile(r"\| \w+ \| `(\w+)` \|")  # of the opening table: a function that is graded
COLUMN = re.compile(r" {2,}# ")  # of remarks, which stand too far right for a page
NAME = re.compile(r"\d\d-[a-z-]+")  # of an assignment
TOGETHER = re.compile(r"\|[^|]*\| together \| (\d+) \| (\d+) \|")

ONE = """\
{table}

```{{code-block}} python
:class: signatures

{signatures}
```

The notebook: {{download}}`{name}.ipynb <{notebook}>`
"""
ALL = """\
| assignment | you write | points | minutes |
|---|---|---|---|
{rows}
"""


WEEKS = """\
| week | read | hand in | points | minutes |
|---|---|---|---|---|
{rows}
| | | **together** | **{points:,}** | **{minutes:,}** |
"""


class Released(SphinxDirective):
    """A directive that shows what stands in released notebooks."""

    def cells(self, name: str) -> dict[str, str]:
        """Text of the cells of an assignment's notebook, by their ids."""
        path = Path(self.env.srcdir).parent / "exercises" / name / f"{name}.ipynb"
        self.env.note_dependency(str(path))
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return {cell["id"]: "".join(cell["source"]) for cell in cells}

    def together(self, name: str) -> tuple[int, int]:
        """Points and minutes of an assignment."""
        found = TOGETHER.search(self.cells(name)["opening"])
        assert found, f"{name}: the notebook does not say what the parts are together"
        points, minutes = map(int, found.groups())
        return points, minutes

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
        signatures = cells["signatures"].split("```python\n")[1].split("\n```")[0]
        table = [line for line in cells["opening"].splitlines() if line.startswith("|")]
        return self.show(
            ONE.format(
                table="\n".join(table),
                signatures=COLUMN.sub("  # ", signatures),
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
        name = Path(page).name
        found = PART.findall(self.cells(name)["opening"])
        functions = ", ".join(f"`{function}`" for function in found)
        points, minutes = self.together(name)
        return f"| {{doc}}`/{page}` | {functions} | {points} | {minutes} |"


class Weeks(Released):
    """A plan of a course."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The plan as a table, with a last row that adds up."""
        rows, sums = [], (0, 0)
        for week, line in enumerate(self.content, start=1):
            read, _, due = (part.strip() for part in line.partition("|"))
            if NAME.fullmatch(due):
                points, minutes = self.together(due)
                sums = (sums[0] + points, sums[1] + minutes)
                due = f"{{ref}}`{due} <as-{due}>` | {points} | {minutes}"
            else:
                due += " | |"
            rows.append(f"| {week} | {read} | {due} |")
        return self.show(WEEKS.format(rows="\n".join(rows), points=sums[0], minutes=sums[1]))


def setup(app: Sphinx) -> None:
    """Make them known."""
    app.add_directive("assignment", Assignment)
    app.add_directive("assignments", Assignments)
    app.add_directive("weeks", Weeks)
