"""The explorables compute what the library computes.

Node's test runner runs ``tests/explorables/*.test.mjs`` on a file in which NumPy's values stand
beside the data that the page sends.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from explorable_cases import NUMPY, float32
from helpers import ROOT, equations
from unrolled import explorables
from unrolled.explorable_data import DATA, WEIGHTS, char_weights

from rnnlib import characters, inside
from rnnlib.reference import bptt, elman


def test_every_explorable_is_compared_with_numpy() -> None:
    sources = {path.stem for path in explorables.SOURCES.glob("*.mjs")} - {"picture"}
    tests = {path.name.split(".")[0] for path in (ROOT / "tests/explorables").glob("*.test.mjs")}
    assert sources == set(DATA) == set(NUMPY) == tests - {"picture"}


def test_numerics_equal_numpy(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        stop = pytest.fail if os.environ.get("RNNLIB_STRICT") == "1" else pytest.skip
        stop("needs Node: no node is installed")
    for name, values in NUMPY.items():
        data = DATA[name]()
        page = {key: explorables.sent(value) for key, value in data.items()}
        cases = {"data": page, "cases": values(float32(data))}
        (tmp_path / f"{name}.json").write_text(json.dumps(cases, default=np.ndarray.tolist))
    tests = sorted((ROOT / "tests" / "explorables").glob("*.test.mjs"))
    ran = subprocess.run(
        [node, "--test", *tests],
        env=os.environ | {"EXPECTED": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", DATA)
def test_the_script_of_a_page_needs_no_module(name: str) -> None:
    script = explorables.script(name)
    assert "import " not in script and "export " not in script
    assert f'define("{name}", ' in script


def test_weights_are_light_and_lose_nothing() -> None:
    size = len(explorables.assigned(WEIGHTS["char-model"]()))
    assert size <= 400_000
    assert DATA["char-model"]()["kilobytes"] == round(size / 1000)  # as the page says
    trained = characters.load()
    read = trained.excerpt[:, :300].T
    bits = [
        inside.bits(characters.read(network, read[:-1])[0], read[1:]).mean()
        for network in (trained.network, char_weights())
    ]
    assert abs(bits[1] - bits[0]) < 0.002


def test_every_line_of_unroll_steps_is_an_equation_of_the_library() -> None:
    source = (explorables.SOURCES / "unroll-steps.mjs").read_text(encoding="utf-8")
    stated = {label for module in (elman, bptt) for label, _ in equations(module.__doc__)}
    used = set(re.findall(r'label: "([\w-]+)"', source))
    assert used and used <= stated
