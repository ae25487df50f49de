"""What must hold of the book's pages as they are written; no build is needed.

A rule takes pages and says what is wrong, as ``file:line: what``. Every rule is shown to fail on a
small page that breaks it.
"""

import ast
import importlib
import inspect
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from types import ModuleType

import pytest
from book_text import Page
from helpers import LABEL, ROOT, equations, labels_used
from pybtex.database import parse_file

from rnnlib import shapes

BOOK = ROOT / "book"
LANDING = "index.md"  # the only page with code that is no chapter

NUMBERS = r"""
    \d+\.\d+                                       # decimals
  | \d+\s*(?:%|per\s?cent\b)                       # percentages
  | \d+\s*×(?!\s*\d) | \d+x\b | \d+-fold\b         # factors; 8×8 is a size
  | (?<![\d:/])\d+[:/]\d+(?![\d:/])                # ratios; 01/02/03 is a date
  | \d+e[+-]?\d+ | [½⅓⅔¼¾]
"""
WORDS = r"\b(?:simply|obviously|of\s+course|trivially|just)\b"
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
CITE = re.compile(r"\{(?:foot)?cite(?::\w+)?\}`([^`]+)`")
DRAWS = re.compile(r"\bplt\.(?!rcParams)|\bfig\b.*\bplt\.show", re.DOTALL)


def is_chapter(page):
    """A page that runs code is a chapter; the landing page is none."""
    return page.front_matter.get("file_format") == "mystnb" and page.name != LANDING


# The rules for one page


def numbers_are_computed(page):
    """Decimals, percentages and ratios are computed or cited, so none stands in a sentence."""
    for line, found in page.search(NUMBERS):
        yield f"{page.name}:{line}: {found!r} stands in prose"


def words_do_not_belittle(page):
    """What is simple for the writer need not be for the reader."""
    for line, found in page.search(WORDS):
        yield f"{page.name}:{line}: {found!r}"


def figures_have_words(page):
    """Who cannot see a figure is told what it shows."""
    for figure in page.named("image", "figure"):
        if not figure.options.get("alt"):
            yield f"{page.name}:{figure.line}: {figure.name} without alt"
    for line, _ in page.search(r"!\[\s*\]\(", page.markdown):
        yield f"{page.name}:{line}: image without words"
    pasted = {d.argument for d in page.named("glue:figure") if d.options.get("alt")}
    for cell in page.named("code-cell"):
        if DRAWS.search(cell.body):
            mystnb = cell.options.get("mystnb") or {}
            glued = re.findall(r"""glue\(\s*["'](\w+)["']""", cell.body)
            if not mystnb.get("image", {}).get("alt") and not pasted & set(glued):
                yield f"{page.name}:{cell.line}: cell draws without alt"


def chapters_open_alike(page):
    """A chapter says first what it asks, what it needs and how long it runs."""
    if not is_chapter(page):
        return
    lines = page.markdown.split("\n")
    title = next((n for n, line in enumerate(lines) if line.startswith("# ")), len(lines))
    first = page.directives[0] if page.directives else None
    between = "".join(lines[title + 1 : first.line - 1]).strip() if first else ""
    if not first or first.argument != "Before you read" or between:
        yield f"{page.name}:{title + 1}: does not open with 'Before you read'"
        return
    for part in ("Question", "You need", "Runs in"):
        if f"**{part}" not in first.body:
            yield f"{page.name}:{first.line}: 'Before you read' lacks '{part}'"


def chapters_have_their_boxes(page):
    """A chapter asks for a prediction and measures a myth."""
    if is_chapter(page):
        classes = {name for d in page.directives for name in d.classes}
        for name in ("predict", "myth"):
            if name not in classes:
                yield f"{page.name}:1: no box of class '{name}'"


def exercises_have_solutions(page):
    """A chapter has three to five exercises, and every exercise a solution to drop down."""
    exercises, solutions = page.named("exercise"), page.named("solution")
    if is_chapter(page) and not 3 <= len(exercises) <= 5:
        yield f"{page.name}:1: {len(exercises)} exercises"
    dropdowns = Counter(d.argument for d in solutions if "dropdown" in d.classes)
    for exercise in exercises:
        label = exercise.options.get("label")
        if not label or dropdowns[label] != 1:
            yield f"{page.name}:{exercise.line}: {dropdowns[label]} drop-down solutions to {label}"
    for label in {d.argument for d in solutions} - {d.options.get("label") for d in exercises}:
        yield f"{page.name}:1: a solution to {label}, which is no exercise"


def chapters_end_with_sources(page):
    """A chapter ends with what to read next."""
    if is_chapter(page):
        [*_, last] = [
            0,
            *(line for line, _ in page.search(r"^\#\#\ Further\ reading$", page.prose)),
        ]
        lists = page.named("bibliography", "footbibliography")
        if not last or not any(d.line > last for d in lists):
            yield f"{page.name}:1: no 'Further reading' with a bibliography"


def included_code_exists(page):
    """A chapter includes code of the library by names and lines that are there."""
    for d in page.named("literalinclude"):
        where, path = f"{page.name}:{d.line}", BOOK / d.argument
        if not path.is_file():
            yield f"{where}: no file {d.argument}"
            continue
        text = path.read_text(encoding="utf-8")
        for option in ("start-at", "start-after", "end-at", "end-before"):
            if option in d.options and str(d.options[option]) not in text:
                yield f"{where}: {d.argument} has no {d.options[option]!r}"
        if "pyobject" in d.options and d.options["pyobject"] not in definitions(text):
            yield f"{where}: {d.argument} defines no {d.options['pyobject']}"


def symbols_have_names(page):
    """Names in code of the notation page exist, and have the shapes that it states.

    A row of a table with the column *name in code* names, in backticks and separated by commas, a
    field ``elman.Params.W_x``, a parameter ``bptt.forward(xs)`` or any other object of
    ``rnnlib.reference`` or ``rnnlib``. If the table has a column *shape*, every row has a name, and
    one shape for all its names or one for each; without that column, a row may have a dash.
    """
    for row in (row for table in page.tables for row in table if "name in code" in row.cells):
        where, cell = f"{page.name}:{row.line}", row.cells["name in code"]
        names = re.findall(r"`([^`]+)`", cell)
        if not names and ("shape" in row.cells or cell != "—"):
            yield f"{where}: {row.cells['symbol']} has no name in code"
        given = [dims(s) for s in re.findall(r"\$\(([^$]*)\)\$", row.cells.get("shape", ""))]
        if len(given) not in (0, 1, len(names)):
            yield f"{where}: {len(given)} shapes for {len(names)} names"
            continue
        for k, name in enumerate(names):
            try:
                stated = stated_shape(name)
            except (AttributeError, ImportError, KeyError) as error:
                yield f"{where}: {name} does not exist: {error}"
                continue
            if given and stated and not same_shape(stated, given[min(k, len(given) - 1)]):
                yield f"{where}: {name} has the shape {stated}"


ONE_PAGE = [
    numbers_are_computed,
    words_do_not_belittle,
    figures_have_words,
    chapters_open_alike,
    chapters_have_their_boxes,
    exercises_have_solutions,
    chapters_end_with_sources,
    included_code_exists,
    symbols_have_names,
]


# The rules for all pages together


def labels_are_defined_once(pages):
    """No two equations of the book share a label."""
    count = Counter(e.label for page in pages for e in page.equations if e.label)
    for page in pages:
        for equation in page.equations:
            if count[equation.label] > 1:
                yield f"{page.name}:{equation.line}: ({equation.label}) again"


def figures_are_named_once(pages):
    """No two figures or exercises of the book share a name."""

    def names(page):
        for d in page.directives:
            figure = (d.options.get("mystnb") or {}).get("figure") or {}
            name = figure.get("name") or d.options.get("name") or d.options.get("label")
            if name:
                yield d.line, name

    count = Counter(name for page in pages for _, name in names(page))
    for page in pages:
        for line, name in names(page):
            if count[name] > 1:
                yield f"{page.name}:{line}: {name} again"


def included_equations_are_displayed(pages):
    """A module that the book shows has all its equations displayed."""
    displayed = {e.label for page in pages for e in page.equations}
    for page in pages:
        for d in page.named("literalinclude"):
            path = (BOOK / d.argument).resolve()
            if path.is_relative_to(ROOT / "rnnlib") and path.is_file():
                doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
                for label, _ in equations(doc):
                    if label not in displayed:
                        yield f"{page.name}:{d.line}: ({label}) of {path.name} is not displayed"


def labelled_equations_are_coded(pages):
    """A label says that some line computes the equation; that line says so too."""
    cells = "\n".join(d.body for page in pages for d in page.named("code-cell"))
    cited = library_labels() | set(re.findall(rf"# \(({LABEL})\)", cells))
    for page in pages:
        for equation in page.equations:
            if equation.label and equation.label not in cited:
                yield f"{page.name}:{equation.line}: no code cites ({equation.label})"


def citations_are_in_the_bibliography(pages):
    """Every key that is cited stands in references.bib."""
    keys = set(references())
    for page in pages:
        for match in CITE.finditer(page.markdown):
            for key in match[1].split(","):
                if key.strip() not in keys:
                    yield f"{page.name}: {key.strip()} is not in references.bib"


def references_have_words(pages):
    """A reference without words of its own takes them from a heading or from a figure."""
    bare = re.compile(r"^\(([\w-]+)\)=\n+(?![#`:(\n])", re.MULTILINE)
    wordless = {match[1] for page in pages for match in bare.finditer(page.text)}
    for page in pages:
        for line, role in page.search(r"\{ref\}`[^`<]+`", page.markdown):
            if role[6:-1] in wordless:
                yield f"{page.name}:{line}: {role} has no words"


def letters_of_shapes_are_explained(pages):
    """The letters in the library's shape comments stand in a table *symbol, meaning, in code*."""
    rows = [row for page in pages for table in page.tables for row in table]
    known = {x for row in rows for x in re.findall(r"`(\w+)`", row.cells.get("in code", ""))}
    if any(page.name == "notation.md" for page in pages):
        for letter in sorted(letters() - known):
            yield f"notation.md:1: the size {letter} is not explained"


ALL_PAGES = [
    labels_are_defined_once,
    figures_are_named_once,
    included_equations_are_displayed,
    labelled_equations_are_coded,
    citations_are_in_the_bibliography,
    references_have_words,
    letters_of_shapes_are_explained,
]


# What the rules look up


@cache
def references():
    """The entries of the bibliography, by key."""
    path = BOOK / "references.bib"
    return dict(parse_file(path, bib_format="bibtex").entries) if path.is_file() else {}


@cache
def library():
    """The sources of the library."""
    return [path.read_text(encoding="utf-8") for path in (ROOT / "rnnlib").rglob("*.py")]


@cache
def library_labels():
    """Labels that the library's comments cite."""
    return {label for source in library() for label in labels_used(source)}


@cache
def letters():
    """Letters that the library's shape comments use."""
    fields = [dims for source in library() for _, dims in shapes.FIELD.findall(source)]
    return set(re.findall(r"[A-Z]", " ".join(fields)))


def definitions(source):
    """Names that a source defines: functions, classes, and what stands in classes."""
    found = set()

    def collect(body, prefix):
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{prefix}{node.name}.")

    collect(ast.parse(source).body, "")
    return found


def dims(shape):
    """``"T, B, D"`` as a tuple."""
    return tuple(d.strip() for d in shape.split(",") if d.strip())


def same_shape(stated, given):
    """Do two shapes agree, if dots in the first may stand for any number of dimensions?"""
    if stated[0] == "...":
        stated = stated[1:]
        return given[len(given) - len(stated) :] == stated
    return given == stated


def resolve(path):
    """An object of ``rnnlib.reference``, or else of ``rnnlib``, and what holds it."""
    for package in ("rnnlib.reference", "rnnlib"):
        holder, found = None, importlib.import_module(package)
        try:
            for part in path.split("."):
                holder, found = found, member(found, part)
        except (AttributeError, ImportError) as error:
            missing = error
        else:
            return holder, found
    raise missing


def member(holder, name):
    """A member of an object; a module may not be loaded yet, a field may have no default."""
    if isinstance(holder, ModuleType) and not hasattr(holder, name):
        return importlib.import_module(f"{holder.__name__}.{name}")
    if name in getattr(holder, "__dataclass_fields__", {}):
        return holder.__dataclass_fields__[name]
    return getattr(holder, name)


def stated_shape(name):
    """The shape that the library states for a name of the notation page; none if it states none."""
    path, _, parameter = name.rstrip(")").partition("(")
    holder, found = resolve(path)
    if not parameter:
        is_field = isinstance(holder, type) and hasattr(holder, "_fields")
        return shapes.stated(holder).get(path.rpartition(".")[2]) if is_field else None
    inspect.signature(found).parameters[parameter]
    entry = rf"^(?:\w+, )*{parameter}(?:, \w+)* :.*\n((?:[ \n].*\n?)*)"
    description = re.search(entry, inspect.getdoc(found) or "", re.MULTILINE)
    shape = re.search(r"``\(([^)]*)\)``", description[1]) if description else None
    return dims(shape[1]) if shape else None


# The book keeps the rules


def pages():
    """The pages of the book; those of the API are generated from the library."""
    paths = sorted([*BOOK.glob("*.md"), *BOOK.glob("assignments/*.md")])
    return [Page(path.name, path.read_text(encoding="utf-8")) for path in paths]


@pytest.mark.parametrize("rule", ONE_PAGE, ids=lambda rule: rule.__name__)
def test_every_page_keeps(rule):
    assert [fault for page in pages() for fault in rule(page)] == []


@pytest.mark.parametrize("rule", ALL_PAGES, ids=lambda rule: rule.__name__)
def test_the_book_keeps(rule):
    assert list(rule(pages())) == []


def test_every_reference_can_be_found():
    without = [
        key
        for key, entry in references().items()
        if not {"doi", "eprint", "url"} & {field.lower() for field in entry.fields}
    ]
    assert without == []


def test_nothing_is_left_unfinished():
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("git is missing")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    faults = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="ignore")
            faults += [
                f"{name}:{n}" for n, x in enumerate(text.splitlines(), 1) if UNFINISHED.search(x)
            ]
    assert faults == []


# Every rule can fail

CHAPTER = """---
file_format: mystnb
---
(ch-one)=
# One

:::{admonition} Before you read
**Question.** Why? **You need** nothing. **Runs in** seconds.
:::

:::{admonition} Predict first
:class: tip predict
:::
:::{admonition} Myth: none
:class: myth
:::

$$
h = 1
$$ (elman)

```{code-cell}
:mystnb: {image: {alt: "A line."}}
fig, ax = plt.subplots()
plt.show()
```
```{code-cell}
glue("figure", fig)
plt.close()
```
```{glue:figure} figure
:alt: A line.
```
```{code-cell}
import matplotlib.pyplot as plt
x = 1  # (by-hand)
```

$$ x = 1 $$ (by-hand)

```{literalinclude} ../rnnlib/reference/ops.py
:pyobject: sigmoid
```
```{literalinclude} ../rnnlib/reference/elman.py
:start-at: "    W_x, W_h, b = params"
:end-at: (elman)
```

In 1990 an 8×8 image, `0.5`, $0.5$ or {glue:text}`x:.2f`, on 01/02/03.

```{exercise} A
:label: a
```
```{solution} a
:class: dropdown
```
```{exercise} B
:label: b
```
```{solution} b
:class: dropdown
```
```{exercise} C
:label: c
```
```{solution} c
:class: dropdown
```

## Further reading

```{bibliography}
```

| symbol | meaning | shape | name in code |
|---|---|---|---|
| $W_x$, $b$ | weights | $(H, D)$, $(H,)$ | `elman.Params.W_x`, `elman.Params.b` |
| $x$ | inputs | $(T, B, D)$ | `bptt.forward(xs)`, `nn.bptt.forward(xs)` |
| $m$ | mask | $(T, B)$ | `losses.cross_entropy(mask)` |
| $\\eta$ | rate | | `optim.SGD.lr`, `optim.Adam(lr)`, `check.dot` |

| symbol | meaning | name in code |
|---|---|---|
| $\\circ$ | product | — |
"""


@pytest.mark.parametrize("rule", ONE_PAGE, ids=lambda rule: rule.__name__)
def test_a_good_chapter_passes(rule):
    assert list(rule(Page("one.md", CHAPTER))) == []


@pytest.mark.parametrize(
    ("rule", "old", "new", "at"),
    [
        (numbers_are_computed, "In 1990", "In 19.90", "In 1990"),
        (numbers_are_computed, "In 1990", "In 40 %", "In 1990"),
        (numbers_are_computed, "In 1990", "In 40 per cent", "In 1990"),
        (numbers_are_computed, "In 1990", "At 2:1", "In 1990"),
        (numbers_are_computed, "In 1990", "At 1/2", "In 1990"),
        (numbers_are_computed, "In 1990", "At 1e-10", "In 1990"),
        (numbers_are_computed, "In 1990", "3× faster", "In 1990"),
        (numbers_are_computed, "In 1990", "3-fold", "In 1990"),
        (numbers_are_computed, "first\n:class: tip", "first, 0.5\n:class: tip", "Predict first"),
        (words_do_not_belittle, "an 8×8 image", "of\ncourse", "In 1990"),
        (words_do_not_belittle, "Myth: none", "Myth: Just none", "Myth"),
        (figures_have_words, 'alt: "A line."', 'alt: ""', "{code-cell}"),
        (figures_have_words, ":alt: A line.", ":name: line", "{code-cell}\nglue"),
        (figures_have_words, "In 1990", "![](a.png)", "In 1990"),
        (figures_have_words, "{exercise} A", "{image} A", "{exercise} A"),
        (chapters_open_alike, "# One\n", "# One\n\nFirst some words.\n", "# One"),
        (chapters_open_alike, "Before you read", "To begin", "# One"),
        (chapters_open_alike, "**You need**", "You need", "Before you read"),
        (chapters_have_their_boxes, "tip predict", "tip", "---"),
        (chapters_have_their_boxes, ":class: myth", ":class: warning", "---"),
        (
            exercises_have_solutions,
            "{solution} b\n:class: dropdown",
            "{solution} b\n",
            "{exercise} B",
        ),
        (exercises_have_solutions, "{solution} b", "{solution} c", "{exercise} B"),
        (exercises_have_solutions, "{exercise} B", "{note} B", "---"),
        (chapters_end_with_sources, "## Further reading", "## Sources", "---"),
        (chapters_end_with_sources, "{bibliography}", "{note}", "---"),
        (included_code_exists, "ops.py", "no_such_file.py", "/ops.py"),
        (included_code_exists, "sigmoid", "no_such_function", "/ops.py"),
        (included_code_exists, "W_h, b = params", "W_h, c = params", "/elman.py"),
        (symbols_have_names, "`elman.Params.b`", "`elman.Params.c`", "$W_x$"),
        (symbols_have_names, "`bptt.forward(xs)`", "`bptt.forward(ys)`", "$x$"),
        (symbols_have_names, "`optim.SGD.lr`", "`optim.SGD.rate`", "rate"),
        (symbols_have_names, "$(H, D)$, $(H,)$", "$(D, H)$, $(H,)$", "$W_x$"),
        (symbols_have_names, "$(H, D)$, $(H,)$", "$(H, D)$", "$W_x$"),
        (symbols_have_names, "$(T, B, D)$", "$(B, T, D)$", "$x$"),
        (symbols_have_names, "`losses.cross_entropy(mask)`", "—", "$m$"),
        (symbols_have_names, "product | —", "product | none", "circ"),
    ],
)
def test_a_page_that_breaks_a_rule_is_told_where(rule, old, new, at):
    assert CHAPTER.count(old) == 1
    line = CHAPTER[: CHAPTER.index(at)].count("\n") + 1
    faults = list(rule(Page("one.md", CHAPTER.replace(old, new))))
    assert [fault.split(" ")[0] for fault in faults[:1]] == [f"one.md:{line}:"]


ELMAN = "\n".join(f"$$ x $$ ({x})" for x in ("elman-da", "elman-dparams", "elman-dinputs"))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (labels_are_defined_once, "$$ x $$ (elman-da)", "$$ x $$ (elman)"),
        (figures_are_named_once, ":label: b", ":label: a"),
        (included_equations_are_displayed, "$$ x $$ (elman-da)", ""),
        (labelled_equations_are_coded, "# (by-hand)", "# by hand"),
        (labelled_equations_are_coded, "$$ x $$ (elman-da)", "$$ x $$ (elman-d)"),
        (citations_are_in_the_bibliography, "In 1990", "{cite:t}`elman1990finding, nobody1899`"),
        (references_have_words, "(ch-one)=\n#", "{ref}`ch-one`\n\n(ch-one)=\nOne\n\n#"),
        (letters_of_shapes_are_explained, "`V`", "`W`"),
    ],
)
def test_a_book_that_breaks_a_rule_is_told(rule, old, new):
    known = ", ".join(f"`{letter}`" for letter in sorted(letters()))
    sizes = f"| symbol | in code |\n|---|---|\n| sizes | {known} |\n"
    book = [CHAPTER, ELMAN, sizes]
    names = ["one.md", "two.md", "notation.md"]
    assert list(rule([Page(n, text) for n, text in zip(names, book, strict=True)])) == []
    broken = [text.replace(old, new) for text in book]
    assert broken != book
    assert list(rule([Page(n, text) for n, text in zip(names, broken, strict=True)]))
