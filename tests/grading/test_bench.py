"""The benchmark of grading counts what was graded, and says what it measured and on what."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from rnnlib import machine
from rnnlib.bench import __main__ as bench
from rnnlib.bench import grading

KEPT = ROOT / "book" / "results" / "grading_speed.json"


def kept() -> Any:
    return json.loads(KEPT.read_text("utf-8"))


@pytest.mark.usefixtures("sandboxed")
def test_both_graders_grade_the_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--submissions", "2", "--workers", "1", "--repeats", "1"]
    assert bench.main(["grading", *options, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert set(found) == set(kept())
    (hanging,), (others,) = found["measured"]["hanging"], found["measured"]["hanging_others"]
    limit = found["settings"]["limit"]
    assert limit < others < hanging  # one worker, and the one that hangs comes first
    said = capsys.readouterr().out
    assert "times as fast" in said and "submissions a minute" in said


def test_a_run_that_does_not_grade_all_is_no_result(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "gradebook.db")) as book, book:
        book.execute("create table grade (auto_score float)")
        book.execute("insert into grade values (1), (0)")
    assert grading.run(tmp_path, ("platform",), 1).seconds > 0
    with pytest.raises(ValueError, match="gave points to 1 of 2"):
        grading.run(tmp_path, ("platform",), 2)


def test_a_command_that_fails_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nbgrader autograde failed:\n.+"):
        grading.call(tmp_path, "nbgrader", "autograde")


def test_an_option_that_makes_no_sense_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["grading", "--repeats", "0"]) == 2
    assert "--repeats: got 0, expected at least 1" in capsys.readouterr().err


def test_a_noisy_machine_is_called_noisy() -> None:
    assert machine.noise([0.0, 0.05]) == ""
    assert "up to 1.5 processors" in machine.noise([0.0, 1.5, None])
    assert "not known" in machine.noise([None])


def test_what_others_use_is_seen() -> None:
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            found = machine.busy(0.5)
        finally:
            other.kill()
    assert found is None or found > 0.3


def test_the_kept_result_holds_what_is_asked_of_grading() -> None:
    found = kept()
    assert min(grading.ratios(found)) >= 3
    assert max(grading.delays(found)) <= found["settings"]["limit"]


def test_the_page_says_what_was_measured() -> None:
    page, found = (ROOT / "book" / "instructors.md").read_text("utf-8"), kept()
    assert grading.say(found) in page
    assert f"{found['command']}\n" in page
