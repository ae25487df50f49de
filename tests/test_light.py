"""Of a style sheet stays what can apply, and nothing else."""

import pytest
import tinycss2
from unrolled import light

USED = {"a", "b"}
KEPT = [
    "p{color:red}",
    ".a .b{color:red}",
    ".a:not(.c){color:red}",
    ":is(.c, .a) p{color:red}",
    'p::after{content:".c"}',
    '[class~="c"]{color:red}',
    "@font-face{font-family:c}",
    "@media print{.a{color:red}}",
    "/*! a licence */",
]
DROPPED = [".c{color:red}", ".a .c{color:red}", "p.a.c:hover{color:red}", "@media print{.c{a:b}}"]


def pruned(style: str) -> str:
    return "".join(light.prune(tinycss2.parse_stylesheet(style, skip_whitespace=True), USED))


@pytest.mark.parametrize("style", KEPT)
def test_what_can_apply_stays(style: str) -> None:
    assert pruned(style) == style


@pytest.mark.parametrize("style", [*DROPPED, "/* a remark */"])
def test_what_cannot_apply_goes(style: str) -> None:
    assert pruned(style) == ""


def test_of_several_selectors_those_stay_that_can_apply() -> None:
    assert pruned(".c,.a,.b.c,p{color:red}") == ".a,p{color:red}"


def test_every_word_of_a_script_counts_as_a_class(tmp_path) -> None:
    page, script = tmp_path / "page.html", tmp_path / "script.js"
    page.write_text('<p class="one two"><a class="three">four</a></p>')
    script.write_text('e.classList.add("five-six"); seven()')
    assert light.named([page], [script]) >= {"one", "two", "three", "five-six", "seven"}
    assert "four" not in light.named([page], [script])
