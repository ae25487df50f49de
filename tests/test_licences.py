"""The licences and the citation file say what the package says."""

import tomllib

import yaml
from helpers import ROOT

import rnnlib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_code_is_under_bsd_3_clause():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("BSD 3-Clause License")
    assert "The Unrolled authors" in text
    assert (PROJECT["license"], PROJECT["license-files"]) == ("BSD-3-Clause", ["LICENSE"])


def test_the_text_is_under_cc_by_4():
    text = (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert text.startswith("Attribution 4.0 International\n")
    assert all(f"Section {n} -- " in text for n in range(1, 9))


def test_the_citation_file_is_valid_and_up_to_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in {"software", "dataset"}
    assert citation["authors"] == [{"name": "The Unrolled authors"}]
    assert citation["license"] == ["BSD-3-Clause", "CC-BY-4.0"]
    assert citation["version"] == PROJECT["version"] == rnnlib.__version__
