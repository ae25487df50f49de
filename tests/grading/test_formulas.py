"""Formulas are typeset without a script, and are no way into a page."""

import json
import re
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from conftest import ROOT
from rnnlib.grading.formulas import mathml
from rnnlib.grading.pages import safe_markdown

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def formulas() -> list[str]:
    found = set()
    for path in Path(ROOT, "exercises").glob("*/*.ipynb"):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                found |= {a or b for a, b in FORMULA.findall("".join(cell["source"]))}
    return sorted(found)


@pytest.mark.parametrize("tex", formulas())
def test_every_formula_of_the_assignments_is_typeset(tex: str) -> None:
    assert mathml(tex, block=True).startswith("<math")


@pytest.mark.parametrize(
    "tex",
    [
        r"\begin{align} a &= b \\ c &= d \end{align}",
        r"\begin{equation*} a = b \end{equation*}",
        r"\tanh\big( x \bigr) + \dots",
    ],
)
def test_what_docutils_does_not_know_is_said_otherwise(tex: str) -> None:
    assert "<math" in safe_markdown(None, f"Then ${tex}$.")


@pytest.mark.parametrize(
    "tex",
    [
        "<script>alert(1)</script>",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\hspace{1em\" onclick=\"alert(1)}",
        r"\tag{<img src=x onerror=alert(1)>} x",
        "{" * 4000,
        "x" * 100_000,
        "x ]]> <!-- &#x3c;script&#x3e;",
        "\x00 \ud800",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "a ${}$ b",
        "$${}$$",
        "# h ${}$",
        "[a ${}$](http://b)",
        '<a title="${}$">c</a>',
        '<a ! title="${}$">c</a>',
        "![${}$](c)",
    ],
)
def test_a_formula_brings_nothing_active_into_a_page(tex: str, around: str) -> None:
    page = BeautifulSoup(safe_markdown(None, around.replace("{}", tex)), "html.parser")
    for element in page.find_all(True):
        assert element.name not in ("script", "img", "iframe", "svg")
        assert not [name for name in element.attrs if name.startswith("on")]
        assert "script:" not in element.attrs.get("href", "")


def test_a_dollar_in_code_is_no_formula() -> None:
    assert "<math" not in safe_markdown(None, "`$x$`\n\n```\n$x$\n```\n")


def test_what_cannot_be_typeset_is_shown_as_it_was_written() -> None:
    assert r"<code>\nonsense{x}</code>" in safe_markdown(None, r"a $\nonsense{x}$")


def test_the_time_a_page_takes_does_not_grow_by_the_square_of_its_text() -> None:
    start = time.process_time()
    for text in (r"\begin{a}" * 20_000, "$a$ " * 4_900, "[" * 19_000):
        assert safe_markdown(None, text)
    assert time.process_time() - start < 10
