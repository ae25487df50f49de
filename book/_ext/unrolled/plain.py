"""A page's Markdown for a plain Jupyter, which knows neither directives nor roles.

References become links into the site, boxes quotations, drop-downs HTML, included code is shown.
What a page's cells compute for its sentences has no value yet: its name stands there.
"""

import re
from collections.abc import Callable
from pathlib import Path

import yaml
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralIncludeReader

from unrolled.include import without_docstring
from unrolled.sources import with_address

FENCE = re.compile(r"\s*(?P<fence>`{3,}|:{3,})\{(?P<name>[\w-]+)\}\s*(?P<argument>.*)")
OPTION = re.compile(r":(?P<key>[\w-]+):\s*(?P<value>.*)")
LABEL = re.compile(r"\([\w-]+\)=")
EQUATION = re.compile(r"^\$\$[ \t]*\(([\w-]+)\)$", re.MULTILINE)
ROLE = re.compile(r"\{(?P<name>[\w:]+)\}`(?P<text>[^`]+)`")
SILENT = {"bibliography", "footbibliography", "explorable", "index", "tableofcontents"}


class Plain:
    """Translates the Markdown of one page.

    Parameters
    ----------
    app : Sphinx
        After the pages were read.
    page : str
        Name of the page.
    """

    def __init__(self, app: Sphinx, page: str) -> None:
        self.app, self.page = app, page
        self.folder = Path(app.srcdir)
        self.labels = app.env.get_domain("std").labels  # type: ignore[attr-defined]

    def text(self, markdown: str) -> str:
        """Markdown without directives and roles."""
        lines, found = markdown.split("\n"), []
        while lines:
            line = lines.pop(0)
            if opening := FENCE.fullmatch(line):
                end = re.compile(rf"\s*{opening['fence'][0]}{{{len(opening['fence'])},}}\s*")
                stop = next((k for k, x in enumerate(lines) if end.fullmatch(x)), len(lines))
                body, lines = lines[:stop], lines[stop + 1 :]
                found += ["", self.directive(opening["name"], opening["argument"], body), ""]
            elif not LABEL.fullmatch(line):
                found.append(line)
        whole = EQUATION.sub(r"\\tag{\1}\n$$", "\n".join(found))
        return ROLE.sub(self.role, whole)

    def directive(self, name: str, argument: str, body: list[str]) -> str:
        """What stands for a directive."""
        options = {}
        while body and (option := OPTION.fullmatch(body[0].strip())):
            options[option["key"]] = str(yaml.safe_load(option["value"]))
            body = body[1:]
        make: Callable[[], str] = {
            "literalinclude": lambda: self.included(argument, options),
            "dropdown": lambda: folded(argument, self.text("\n".join(body))),
            "solution": lambda: folded("Solution", self.text("\n".join(body))),
            "exercise": lambda: f"**Exercise: {argument}**\n" + self.text("\n".join(body)),
            "admonition": lambda: quoted(argument, self.text("\n".join(body))),
            "commands": lambda: f"```sh\n{with_address(body, self.app.config)}\n```",
            "figure": lambda: f"*{' '.join(body).strip()}*",
        }.get(name, lambda: "" if name in SILENT else self.text("\n".join(body)))
        return make()

    def included(self, argument: str, options: dict[str, str]) -> str:
        """Code of the library."""
        wanted = {key: value for key, value in options.items() if key not in ("language", "dedent")}
        path = (self.folder / argument).resolve()
        text, _ = LiteralIncludeReader(str(path), wanted, self.app.config).read()
        if "pyobject" in options and "docstring" not in options:
            text = without_docstring(text)
        return f"```python\n{text.rstrip()}\n```"

    def role(self, match: re.Match[str]) -> str:
        """What stands for a role."""
        name, text = match["name"], match["text"]
        words, _, target = text.removesuffix(">").partition(" <")
        target = target or words
        if name == "eq":
            return f"({text})"
        if name == "glue:text":
            return f"`{text.partition(':')[0]}`"
        if name in ("ref", "numref", "doc") and target in self.labels:
            page, anchor, title = self.labels[target]
            uri = self.app.config.html_baseurl + self.app.builder.get_target_uri(page)
            return f"[{title if words == target else words}]({uri}#{anchor})"
        return words


def quoted(title: str, body: str) -> str:
    """A box as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *body.split("\n")])


def folded(title: str, body: str) -> str:
    """What opens on demand."""
    return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>"
