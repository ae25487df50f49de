"""The book in print: every reference is a link, every equation has its name."""

import os
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def printed(site: Path, tmp_path_factory: pytest.TempPathFactory) -> pypdf.PdfReader:
    """Some pages of the book, printed as `make pdf` prints all."""
    path = tmp_path_factory.mktemp("print") / "some.pdf"
    command = [sys.executable, "-m", "unrolled.pdf", str(path), "index", "notation", "bptt"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "book" / "_ext")}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return pypdf.PdfReader(path)


def test_references_lead_somewhere(printed: pypdf.PdfReader) -> None:
    places, inner = printed.named_destinations, 0
    for page in printed.pages:
        for note in page.get("/Annots", []):
            target = note.get_object().get("/Dest")
            if target is not None:
                inner += 1
                assert target.lstrip("/") in {name.lstrip("/") for name in places}, target
    assert inner > 50


def test_equations_bear_their_names(printed: pypdf.PdfReader) -> None:
    text = "".join(page.extract_text() for page in printed.pages)
    for label in ("adjoint", "elman-dparams", "complex-step"):
        assert f"({label})" in text
    assert {entry.title for entry in printed.outline if not isinstance(entry, list)}
