"""What nbgrader's exchange leaves beside a notebook crosses over if it is well formed."""

from pathlib import Path

import pytest

from rnnlib.grading.plugin import from_exchange

STAMP, SECRET = "2026-11-21 04:45:55.958607 UTC", "0f" * 64


def test_time_and_secret_cross_over(tmp_path: Path) -> None:
    (tmp_path / "timestamp.txt").write_text(STAMP + "\n")
    (tmp_path / "submission_secret.txt").write_text(SECRET)
    (tmp_path / "other.txt").write_text("not ours")
    found = from_exchange(tmp_path)
    assert found == {"timestamp.txt": STAMP, "submission_secret.txt": SECRET}


@pytest.mark.parametrize("text", ["", "x" * 128, SECRET[1:], SECRET + "0", "../" + SECRET, "\xff"])
def test_what_is_no_secret_stays_behind(text: str, tmp_path: Path) -> None:
    (tmp_path / "submission_secret.txt").write_bytes(text.encode("latin-1"))
    assert from_exchange(tmp_path) == {}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(SECRET)
    (tmp_path / "submission_secret.txt").symlink_to(tmp_path / "elsewhere")
    assert from_exchange(tmp_path) == {}
