"""The reader of the book's pages, on small pages."""

import pytest
from book_text import Page

PAGE = Page(
    "small.md",
    """---
file_format: mystnb
ratio: 0.5
---
(ch-small)=
# A title with 1.5

:::{admonition} Before 2.5
:class: note wide
Prose 3.5 and `code 4.5`, $maths 5.5$,
{glue:text}`role:6.5f`, [a link 7.5](to/8.5), https://site.example/9.5 and <b class="10.5">bold</b>.

```{code-cell} ipython3
:tags: [hide-input]
:mystnb: {image: {alt: "A line: it falls."}}
x = 11.5  # $12.5$
```
After 13.5
:::

$$
y = 14.5
$$ (first-one)

    % no comment 15.5
% a comment 16.5
<!-- a comment
17.5 -->
`$$` is no equation, `$$` neither. A price is \\$18.5, not more.

````{exercise} Title 19.5
:label: ex-one

```{math}
:label: second
z = 20.5
```
```
plain 21.5
```
````

```{literalinclude} ../a/b-22.5.py
---
start-at: "    def 23.5"
lines: 3
---
```

| symbol | name in code |
|---|---|
| $a \\| b$ | `x` |
| 24.5 | |

$$u$$ and then $$v$$ (third)
""",
)


def test_prose_is_what_a_reader_reads():
    found = [number for _, number in PAGE.search(r"\d+\.5")]
    assert found == ["1.5", "2.5", "3.5", "13.5", "15.5", "18.5", "19.5", "24.5"]


def test_lines_keep_their_numbers():
    lines = PAGE.text.split("\n")
    for text in (PAGE.markdown, PAGE.prose):
        assert text.count("\n") == PAGE.text.count("\n")
    for word in ("3.5", "13.5", "19.5", "24.5"):
        [(line, _)] = PAGE.search(rf"(?<!\d){word}")
        assert word in lines[line - 1]


def test_front_matter_is_read():
    assert PAGE.front_matter == {"file_format": "mystnb", "ratio": 0.5}
    assert Page("none.md", "# Title\n\n---\n").front_matter == {}


def test_directives_are_read_with_their_options():
    assert [d.name for d in PAGE.directives] == [
        *("admonition", "code-cell", "exercise", "math", "", "literalinclude")
    ]
    box, cell, exercise, maths, plain, include = PAGE.directives
    assert (box.argument, box.classes) == ("Before 2.5", ["note", "wide"])
    assert cell.options["mystnb"] == {"image": {"alt": "A line: it falls."}}
    assert cell.options["tags"] == ["hide-input"]
    assert cell.body == "x = 11.5  # $12.5$"
    assert exercise.options == {"label": "ex-one"}
    assert maths.body == "z = 20.5"
    assert plain.body == "plain 21.5"
    assert (include.argument, include.options["start-at"]) == ("../a/b-22.5.py", "    def 23.5")
    lines = PAGE.text.split("\n")
    assert all("{" + d.name in lines[d.line - 1] for d in PAGE.directives if d.name)


def test_equations_are_read_with_their_labels():
    assert [e.label for e in PAGE.equations] == ["first-one", "second", None, "third"]
    lines = PAGE.text.split("\n")
    assert lines[PAGE.equations[0].line] == "y = 14.5"


def test_tables_are_read_by_column():
    [rows] = PAGE.tables
    assert [row.cells["symbol"] for row in rows] == ["$a \\| b$", "24.5"]


@pytest.mark.parametrize(
    "text", ["```{note}\nnever closed 1.5", ":::{note}\n::::{tip}\nshort fence\n", "$$\nx\n", ""]
)
def test_a_page_that_is_not_closed_is_read_to_its_end(text):
    page = Page("open.md", text)
    assert page.markdown.count("\n") == text.count("\n")
    assert page.equations == []
