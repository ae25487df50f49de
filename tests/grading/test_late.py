"""Being late costs what the instructor's page says, by the commands that it shows."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from conftest import NAME, ROOT, Hand, solved

PAGE = (ROOT / "book" / "instructors.md").read_text("utf-8")
SECTION = PAGE[PAGE.index("## Late, and by hand") :].partition("\n## ")[0]
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)[::-1])
PATH = sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"]


@pytest.mark.usefixtures("sandboxed")
def test_a_day_late_costs_ten_percent_and_points_by_hand_count(
    hand_in: Hand, tmp_path: Path
) -> None:
    config = (ROOT / "nbgrader_config.py").read_text() + BLOCKS["python"]
    (tmp_path / "nbgrader_config.py").write_text(config)
    for folder in ("solutions", "exercises"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for student, when in [
        ("early", "2026-10-02 21:00:00 UTC"),
        ("late", "2026-10-03 22:00:00 UTC"),
        ("unknown", ""),
    ]:
        folder = hand_in(solved(), student=student)
        if when:
            (folder / "timestamp.txt").write_text(when)
    grade = f"{sys.executable} -m rnnlib.grading grade {NAME} --submitted submitted"

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=tmp_path,
            env=os.environ | {"PATH": PATH, "JUPYTER_CONFIG_DIR": str(tmp_path / "none")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def penalties() -> dict[str, float]:
        with Gradebook(f"sqlite:///{tmp_path / 'grading' / 'gradebook.db'}") as book:
            found = {s: book.find_submission(NAME, s) for s in ("early", "late", "unknown")}
            return {s: float(one.late_submission_penalty or 0) for s, one in found.items()}

    run(BLOCKS["sh"])
    run(grade)
    assert penalties() == {"early": 0, "late": 20, "unknown": 0}
    with Gradebook(f"sqlite:///{tmp_path / 'grading' / 'gradebook.db'}") as book:
        book.find_grade("question-answer", NAME, NAME, "late").manual_score = 10
        book.db.commit()
    run(f"{grade} --regrade")
    assert penalties() == {"early": 0, "late": 22, "unknown": 0}
    commands = re.findall(r"^```sh\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    assert "still need grading by hand" in run(commands[-1])
    lines = (tmp_path / "grades.csv").read_text("utf-8-sig").splitlines()
    row = next(line for line in lines if ",late," in line)
    assert row.endswith("110,22,88,110")
