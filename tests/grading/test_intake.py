"""What is taken from a student's folder, and what is left there."""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from conftest import NAME, Hand, assignment, code, solved
from rnnlib.grading import intake
from rnnlib.grading.assignment import tags
from rnnlib.grading.intake import steps, take


def sources(notebook: dict[str, Any]) -> dict[str, str]:
    return {cell["id"]: cell["source"] for cell in notebook["cells"]}


def run(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    """Kind and source of the cells that a submission runs."""
    return [(step.kind, step.source) for step in steps(notebook, assignment().release)]


def test_a_solved_notebook_comes_back_as_it_was(hand_in: Hand) -> None:
    taken = take(hand_in(solved()), assignment())
    assert (taken.notebook, taken.refused, taken.notes) == (solved(), "", ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\0\0", "is empty"),
        (json.dumps(solved()).encode()[:5000], "ends in the middle"),
        (bytes(range(256)) * 4, "is binary"),
        (b"PK\x03\x04 zip", "zip file"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'{\n<<<<<<< HEAD\n "cells": [],\n=======\n>>>>>>> x\n}', "merge conflict"),
        (b"[1, 2]", "no notebook"),
        (b'{"cells": []}', "nbformat"),
        (b'{"nbformat": 5, "cells": []}', "nbformat 5"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"nbformat": 2, "worksheets": 3}', "old nbformat"),
        (b" " * (20 << 20) + b" ", "MB"),
        (json.dumps({**solved(), "cells": 9 * [code("#" * 150_000)]}).encode(), "1,350,000"),
    ],
)
def test_what_is_no_notebook_is_refused_with_a_reason(
    hand_in: Hand, content: bytes, reason: str
) -> None:
    taken = take(hand_in(content), assignment())
    assert reason in taken.refused
    assert taken.notebook == assignment().release


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_obstacle(hand_in: Hand, encoding: str) -> None:
    taken = take(hand_in(json.dumps(solved()).encode(encoding)), assignment())
    assert taken.notebook == solved()


def test_what_takes_too_long_to_read_is_refused(
    hand_in: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "PARSING", 0.05)
    deep = b'{"nbformat": 3, "worksheets": [], "metadata": [' + b"{}," * 200_000 + b"1]}"
    assert take(hand_in(deep), assignment()).refused
    assert not take(hand_in(solved()), assignment()).refused


def test_an_old_notebook_is_upgraded(hand_in: Hand) -> None:
    cells = []
    for cell in solved()["cells"]:
        old = {"cell_type": cell["cell_type"], "metadata": cell["metadata"]}
        key = "input" if cell["cell_type"] == "code" else "source"
        old |= {key: cell["source"]} | (
            {"outputs": [], "language": "python"} if key == "input" else {}
        )
        cells.append(old)
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    assert run(take(hand_in(old), assignment()).notebook) == run(solved())


def test_links_are_not_followed(tmp_path: Path, hand_in: Hand) -> None:
    target = hand_in(solved(), student="someone")
    folder = tmp_path / "submitted" / "student" / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").symlink_to(target / f"{NAME}.ipynb")
    assert "is a link" in take(folder, assignment()).refused
    linked = tmp_path / "submitted" / "other"
    linked.symlink_to(target.parent)
    assert "link" in take(linked / NAME, assignment()).refused
    (tmp_path / "submitted" / "third").mkdir()
    (tmp_path / "submitted" / "third" / NAME).symlink_to(target)
    assert "link" in take(tmp_path / "submitted" / "third" / NAME, assignment()).refused


def test_a_pipe_does_not_stop_the_class(tmp_path: Path) -> None:
    folder = tmp_path / "student" / NAME
    folder.mkdir(parents=True)
    os.mkfifo(folder / f"{NAME}.ipynb")
    assert "no regular file" in take(folder, assignment()).refused


@pytest.mark.parametrize("name", [f"{NAME} (1).ipynb", "01-Forward-Copy1.ipynb"])
def test_a_name_that_a_browser_or_jupyter_made_is_accepted_and_noted(
    hand_in: Hand, name: str
) -> None:
    taken = take(hand_in(solved(), name), assignment())
    assert taken.notebook == solved()
    assert name in taken.notes[0]


@pytest.mark.parametrize("name", ["homework.ipynb", "notes.txt"])
def test_another_name_is_refused(hand_in: Hand, name: str) -> None:
    assert f"no {NAME}.ipynb" in take(hand_in(solved(), name), assignment()).refused


def test_only_sources_of_solution_cells_cross_over(hand_in: Hand) -> None:
    forged = solved()
    for cell in forged["cells"]:
        cell["metadata"].update({"tags": ["skip-execution"]})
        meta = tags(cell)
        meta.update({"points": 1000, "locked": False, "checksum": "0"} if meta else {})
        if not meta.get("solution"):
            cell["source"] = "forged()"
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "data": {"text/html": "<b>"}}]
    taken = take(hand_in(forged), assignment())
    for cell in taken.notebook["cells"]:
        if cell["id"].startswith("added-"):
            assert cell["source"] == "forged()" and cell["metadata"] == {}
    kept = [cell for cell in taken.notebook["cells"] if not cell["id"].startswith("added-")]
    assert kept == solved()["cells"]


def test_order_types_and_lost_metadata_do_not_matter(hand_in: Hand) -> None:
    odd = solved()
    odd["cells"].reverse()
    for cell in odd["cells"]:
        cell["metadata"] = {}
        if cell["id"] == "elman_step":
            cell["cell_type"] = "raw"
    assert take(hand_in(odd), assignment()).notebook == solved()


def test_added_cells_run_just_before_the_cell_that_came_next(hand_in: Hand) -> None:
    notebook = solved()
    at = [cell["id"] for cell in notebook["cells"]].index("unroll")
    notebook["cells"].insert(at, code("def helper(): ..."))
    notebook["cells"].append(code("last = 1"))
    ran = run(take(hand_in(notebook), assignment()).notebook)
    assert ran[-1] == ("added", "last = 1")
    before = ran.index(("added", "def helper(): ..."))
    assert ran[before + 1] == ("solution", sources(solved())["unroll"])


def test_the_last_of_several_cells_counts_unless_it_is_blank(hand_in: Hand) -> None:
    stub = sources(assignment().release)["elman_step"]
    for texts, wanted in [
        (["first", "second"], "second"),
        (["first", stub], "first"),
        ([stub, "second"], "second"),
        (["same", "same"], "same"),
        (["first", "  "], "first"),
    ]:
        notebook = deepcopy(assignment().release)
        at = [cell["id"] for cell in notebook["cells"]].index("elman_step")
        cell = notebook["cells"].pop(at)
        notebook["cells"][at:at] = [{**cell, "source": text} for text in texts]
        taken = take(hand_in(notebook), assignment())
        assert sources(taken.notebook)["elman_step"] == wanted


def test_a_stub_does_not_run_so_a_definition_elsewhere_counts(hand_in: Hand) -> None:
    ran = run(take(hand_in(assignment().release), assignment()).notebook)
    assert {kind for kind, _ in ran} == {"given"}


def test_what_no_file_can_hold_is_replaced(hand_in: Hand) -> None:
    taken = take(hand_in(solved(elman_step="a = '\ud800\0'")), assignment())
    assert sources(taken.notebook)["elman_step"] == "a = '\ufffd\ufffd'"
    json.dumps(taken.notebook, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "cell", [3, "x", {}, {"source": 3}, {"source": ["a", 1]}, {"metadata": []}]
)
def test_cells_of_no_known_form_are_passed_over(hand_in: Hand, cell: Any) -> None:
    notebook = solved()
    notebook["cells"].append(cell)
    assert take(hand_in(notebook), assignment()).notebook == solved()


def test_markdown_of_a_student_is_inert(hand_in: Hand) -> None:
    active = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) ![b](http://b) &lt;script&gt;"
    taken = take(hand_in(solved(**{"question-answer": active})), assignment())
    text = sources(taken.notebook)["question-answer"]
    assert "<img" not in text and "javascript:" not in text
    assert "![" not in text and "&lt;" not in text
