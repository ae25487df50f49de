"""A light site: of the style sheets and icons that themes carry, what the pages use.

The theme draws icons with a script of 1.5 MB that holds every one there is, or with fonts. Its
style sheets suffice for the fonts, so the script goes. Of the styles those stay whose classes a
page or a script names, and of the fonts the icons that these styles show.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx
from tinycss2.ast import Node

CLASSES = re.compile(r'\bclass="([^"]*)"')
WORD = re.compile(r"-?[A-Za-z_][\w-]*")
ICON = re.compile(r"\\([ef][0-9a-f]{3})\b|([\ue000-\uf8ff])")  # where the fonts have their glyphs
OLD = re.compile(r',\s*url\([^)]*\.ttf\)\s*format\("truetype"\)')  # for browsers without WOFF2
NESTED = {"media", "supports"}


def named(pages: Iterable[Path], scripts: Iterable[Path]) -> set[str]:
    """Classes of the pages, and every word of the scripts, for it may be one."""
    classes = (CLASSES.findall(page.read_text(encoding="utf-8")) for page in pages)
    used = {name for found in classes for names in found for name in names.split()}
    return used.union(*(WORD.findall(path.read_text(encoding="utf-8")) for path in scripts))


def selectors(prelude: list[Node]) -> list[list[Node]]:
    """What stands between the commas in front of a rule."""
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def classes(selector: list[Node]) -> set[str]:
    """Classes that an element must have, or stand in; those within brackets are not asked for."""
    return {name.value for dot, name in pairwise(selector) if dot == "." and name.type == "ident"}


def prune(rules: list[Node], used: set[str]) -> Iterator[str]:
    """The rules that can apply where only some classes are used."""
    for rule in rules:
        if rule.type == "qualified-rule":
            kept = [s for s in selectors(rule.prelude) if classes(s) <= used]
            if kept:
                body = tinycss2.serialize(rule.content)
                yield f"{','.join(map(tinycss2.serialize, kept))}{{{body}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in NESTED:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            if body := "".join(prune(inner, used)):
                yield f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{body}}}"
        elif rule.type != "comment" or rule.value.startswith("!"):  # a licence stays
            yield rule.serialize()


def pack(path: Path, glyphs: set[int] | None = None) -> None:
    """Pack a font as WOFF2, without hints and with some of its glyphs alone."""
    font = TTFont(path)
    options = subset.Options(hinting=False, layout_features=[])
    options.drop_tables += ["FFTM"]  # when the font was made
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=font.getBestCmap() if glyphs is None else glyphs)
    chosen.subset(font)
    font.flavor = "woff2"
    font.save(path.with_suffix(".woff2"))


def shorten(app: Sphinx, exception: Exception | None) -> None:
    """Shorten what was copied to the built site."""
    if exception or app.builder.format != "html":
        return
    site, static = Path(app.outdir), Path(app.outdir) / "_static"
    (static / "scripts" / "fontawesome.js").write_text("// not needed, see light.py\n")
    pages = [path for path in site.rglob("*.html") if static not in path.parents]
    used = named(pages, [path for path in static.rglob("*.js") if "mathjax" not in path.parts])
    icons: set[int] = set()
    for path in [*static.glob("*.css"), *(static / "styles").glob("*.css")]:
        rules = tinycss2.parse_stylesheet(path.read_text(encoding="utf-8"), skip_whitespace=True)
        style = OLD.sub("", "".join(prune(rules, used)))
        path.write_text(style, encoding="utf-8")
        icons |= {int(code, 16) if code else ord(sign) for code, sign in ICON.findall(style)}
    for path in (static / "vendor" / "fontawesome" / "webfonts").iterdir():
        if path.suffix == ".ttf":
            path.unlink()
        elif path.suffix == ".woff2":
            pack(path, icons)


def setup(app: Sphinx) -> None:
    """Act when everything is written."""
    app.connect("build-finished", shorten)
