"""What is not needed is not imported."""

import subprocess
import sys

import pytest
from helpers import ROOT

NUMPY_ALONE = """
import importlib, pkgutil, sys

class OnlyNumPy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", "rnnlib", *sys.stdlib_module_names}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, OnlyNumPy())
"""


def run_with_numpy_alone(code):
    """Run code in a fresh interpreter that has NumPy, the standard library and rnnlib."""
    command = [sys.executable, "-W", "error", "-c", NUMPY_ALONE + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_the_reference_needs_numpy_alone():
    done = run_with_numpy_alone(
        """
import rnnlib.reference
names = [m.name for m in pkgutil.walk_packages(rnnlib.reference.__path__, "rnnlib.reference.")]
for name in ["check", "data", "interop.describe", "plot", "shapes", "tasks"]:
    importlib.import_module(f"rnnlib.{name}")
for name in names:
    importlib.import_module(name)
assert "rnnlib.reference.elman" in names
assert "torch" not in sys.modules
"""
    )
    assert done.returncode == 0, done.stderr


def test_the_block_blocks():
    done = run_with_numpy_alone("import rnnlib.nn.elman")
    assert "ModuleNotFoundError: torch is blocked" in done.stderr


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("from rnnlib import data; data.sunspots()", "pip install statsmodels"),
        ("from rnnlib import data; data.co2()", "pip install statsmodels"),
        ("from rnnlib import data; data.el_nino()", "pip install statsmodels"),
        ("from rnnlib import data; data.names()", "pip install babel"),
        ("from rnnlib import data; data.dates(data.np.random.default_rng(), 1)", "install babel"),
        ("from rnnlib import data; data.digits()", "pip install scikit-learn"),
        ("from rnnlib import plot; plot.use_style()", "matplotlib"),
    ],
)
def test_what_is_missing_is_named_when_it_is_used(code, says):
    done = run_with_numpy_alone(f"try:\n    {code}\nexcept ImportError as e:\n    print(e)")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_no_module_hides_numpy_or_torch():
    stems = {path.stem for path in (ROOT / "rnnlib").rglob("*")}
    assert "elman" in stems
    assert not stems & {"numpy", "torch"}
