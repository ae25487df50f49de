"""What the instructor's page says of attacks is what was measured, and what it names is there."""

import json
import os
import re
from pathlib import Path

import pytest

from rnnlib.grading import doctor
from rnnlib.grading.sandbox import why_not
from tests.attacks.compare import RESULTS, ROOT, table
from tests.scale import experiment

PAGE = (ROOT / "book" / "instructors.md").read_text("utf-8")
KEPT = json.loads(RESULTS.read_text("utf-8"))
ROWS = {
    "got points that it does not deserve": "undeserved",
    "got all points undeserved": "undeserved_full",
    "got no score at all": "without_score",
    "got less than it deserves": "less_than_deserved",
    "spoilt the grading of others in its class": "class_spoilt",
}


def test_the_table_of_attacks_is_that_of_the_results() -> None:
    assert table(KEPT["rows"]) in PAGE
    assert f"{len(KEPT['rows'])} submissions" in PAGE and KEPT["note"] in PAGE


@pytest.mark.parametrize(("words", "key"), ROWS.items())
def test_the_totals_are_those_of_the_results(words: str, key: str) -> None:
    stock, ours = KEPT["totals"]["stock"], KEPT["totals"]["ours"]
    cells = [f"{column[key]} of {column['run']}" for column in (stock, ours)]
    assert f"| {words} | {cells[0]} | {cells[1]} |" in PAGE


def test_what_became_of_honest_submissions_is_what_was_measured() -> None:
    stock, ours = KEPT["totals"]["stock"], KEPT["totals"]["ours"]
    cells = [f"{column['honest_as_deserved']} of {column['honest']}" for column in (stock, ours)]
    assert f"| honest, and got what it deserves | {cells[0]} | {cells[1]} |" in PAGE


def test_what_is_said_of_scale_is_what_was_measured() -> None:
    assert experiment.sentences(json.loads(experiment.RESULTS.read_text("utf-8"))) in PAGE


def test_the_plan_has_every_assignment_once_and_in_order() -> None:
    _, plan, _ = PAGE.split("```{weeks}\n")
    named = [line.rpartition(" | ")[2] for line in plan.partition("\n```")[0].splitlines()]
    folders = (path for path in Path(ROOT, "exercises").iterdir() if path.is_dir())
    assert named == sorted(path.name for path in folders)


def test_the_sample_of_doctor_is_what_doctor_says() -> None:
    if reason := why_not():
        stop = pytest.fail if os.environ.get("RNNLIB_STRICT") == "1" else pytest.skip
        stop(reason)
    block = re.search(r"```text\n(holds .*?)```", PAGE, re.DOTALL)
    assert block
    said = [line.split(": ")[:2] for line in block[1].splitlines()]
    seen = {f"holds  {one.layer}": one.seen.split(": ")[0] for one in doctor.examine()}
    assert [layer for layer, _ in said] == list(seen)
    for layer in ("bubblewrap and prlimit", "processes, seeing others"):  # each machine its own
        del seen[f"holds  {layer}"]
    assert {layer: words for layer, words in said if layer in seen} == seen
