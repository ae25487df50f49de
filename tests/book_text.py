"""Read a page of the book as it is written: MyST Markdown, taken apart without building it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import yaml

FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,}|:{3,})\s*(?:\{(?P<name>[^}]+)\})?(?P<rest>.*)")
OPTION = re.compile(r"\s*:(?P<key>[\w-]+):(?:\s+(?P<value>.*))?$")
VERBATIM = (  # directives whose title and body are no prose
    "bibliography code code-block code-cell eval-rst footbibliography image iframe "
    "literalinclude math raw tableofcontents toctree"
).split()
EQUATION = re.compile(r"\$\$(?P<tex>.+?)\$\$[ \t]*(?:\((?P<label>[\w-]+)\))?", re.DOTALL)
NO_PROSE = [  # in this order: code may hold dollars, a link may hold anything
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^%.*$", re.MULTILINE),
    re.compile(r"(?:\{[\w:+.-]+\})?(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", re.DOTALL),
    EQUATION,
    re.compile(r"(?<!\\)\$(?![\s$])(?:(?!\n\n)[^$])+?(?<!\\)\$"),
    re.compile(r"!?\[[^\]]*\]\([^)]*\)"),
    re.compile(r"^\([\w-]+\)=$", re.MULTILINE),
    re.compile(r"\{[#.][^}]*\}"),
    re.compile(r"<[/a-z][^>]*>|https?://\S+"),
]


@dataclass(frozen=True)
class Directive:
    """A fenced block; its name is empty if it is a plain one."""

    name: str
    argument: str
    options: dict[str, Any]
    body: str
    line: int  # of the opening fence, from 1

    @property
    def classes(self) -> list[str]:
        """Words of its ``:class:``."""
        return str(self.options.get("class", "")).split()


class Equation(NamedTuple):
    """A displayed equation."""

    label: str | None
    line: int


class Row(NamedTuple):
    """A row of a table: its cells by the names of the columns."""

    cells: dict[str, str]
    line: int


@dataclass(frozen=True)
class Page:
    """A page of the book."""

    name: str
    text: str

    @cached_property
    def front_matter(self) -> dict[str, Any]:
        """What stands between the dashes on top."""
        match = re.match(r"---\n(.*?)^---$", self.text, re.DOTALL | re.MULTILINE)
        return yaml.safe_load(match[1]) if match else {}

    @cached_property
    def _parsed(self) -> tuple[list[Directive], str]:
        lines, directives = self.text.split("\n"), []
        if self.front_matter:
            end = lines.index("---", 1) + 1
            lines[:end] = [""] * end
        return directives, "\n".join(_read(lines, 1, directives))

    @property
    def directives(self) -> list[Directive]:
        """All fenced blocks, nested ones too, in the order of their first lines."""
        return self._parsed[0]

    @property
    def markdown(self) -> str:
        """The text without code blocks, options and front matter; lines keep their numbers."""
        return self._parsed[1]

    @cached_property
    def prose(self) -> str:
        """What a reader reads as sentences: neither code, maths, roles nor links are in it."""
        text = self.markdown
        for pattern in NO_PROSE:
            text = pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
        return text

    @cached_property
    def equations(self) -> list[Equation]:
        """All displayed equations."""
        found = [Equation(d.options.get("label"), d.line) for d in self.named("math")]
        text = NO_PROSE[2].sub(lambda m: re.sub(r"[^\n]", " ", m[0]), self.markdown)
        found += [Equation(m["label"], line_of(text, m)) for m in EQUATION.finditer(text)]
        return sorted(found, key=lambda equation: equation.line)

    @cached_property
    def tables(self) -> list[list[Row]]:
        """All tables with pipes, without their header rows."""
        found, rows = [], []
        for number, line in enumerate([*self.markdown.split("\n"), ""], start=1):
            if line.lstrip().startswith("|"):
                cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
                rows.append((cells, number))
            elif rows:
                (header, _), _, *body = rows
                found.append([Row(dict(zip(header, c, strict=True)), n) for c, n in body])
                rows = []
        return found

    def named(self, *names: str) -> list[Directive]:
        """The directives of these names."""
        return [d for d in self.directives if d.name in names]

    def search(self, pattern: str, text: str | None = None) -> Iterator[tuple[int, str]]:
        """Line and words of every match, in the prose or in another text of the page."""
        text = self.prose if text is None else text
        for match in re.finditer(pattern, text, re.IGNORECASE | re.MULTILINE | re.VERBOSE):
            yield line_of(text, match), match[0]


def line_of(text: str, match: re.Match[str]) -> int:
    """Number of the line, from 1, in which a match begins."""
    return text.count("\n", 0, match.start()) + 1


def _read(lines: list[str], first: int, directives: list[Directive]) -> list[str]:
    """Collect the directives among some lines; return the lines with all but Markdown emptied."""
    markdown: list[str] = []
    while len(markdown) < len(lines):
        i = len(markdown)
        opening = FENCE.fullmatch(lines[i])
        if not opening:
            markdown.append(lines[i])
            continue
        body = lines[i + 1 :]
        fence, name, rest = opening["fence"], opening["name"] or "", opening["rest"].strip()
        closing = re.compile(rf"\s*{fence[0]}{{{len(fence)},}}\s*")
        body = body[: next((n for n, x in enumerate(body) if closing.fullmatch(x)), len(body))]
        options, n = _options(body) if name else ({}, 0)
        directives.append(Directive(name, rest, options, "\n".join(body[n:]), first + i))
        if not name or name in VERBATIM or name.startswith("glue:"):
            rest, inner = "", []
        else:
            inner = _read(body[n:], first + i + 1 + n, directives)
        markdown += [rest, *[""] * n, *inner]
        markdown += [""] * (i + len(body) + 2 - len(markdown))
    return markdown[: len(lines)]


def _options(body: list[str]) -> tuple[dict[str, Any], int]:
    """Options of a directive, and the number of lines that they take."""
    if body and body[0].strip() == "---":
        end = next((n for n, x in enumerate(body[1:], 1) if x.strip() == "---"), len(body) - 1)
        return yaml.safe_load("\n".join(body[1:end])) or {}, end + 1
    options: dict[str, Any] = {}
    for n, line in enumerate(body):
        if not (match := OPTION.match(line)):
            return options, n
        try:
            options[match["key"]] = yaml.safe_load(match["value"] or "")
        except yaml.YAMLError:
            options[match["key"]] = match["value"]
    return options, len(body)
