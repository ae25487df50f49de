"""The clinic's notebook holds no right program, and the bits in its place are right."""

from pathlib import Path

import pytest

from rnnlib.grading.table import checks

CLINIC = checks(Path(__file__).resolve().parents[1] / "solutions" / "11-clinic")


@pytest.mark.parametrize("name", CLINIC.FORMS)
def test_the_bits_say_on_which_draws_the_program_as_it_was_found_is_wrong(name: str) -> None:
    right = getattr(CLINIC, name)
    wrong = [CLINIC.is_wrong(name, CLINIC.inputs(name, seed), right) for seed in range(80)]
    assert CLINIC.WRONG[name] == sum(bit << seed for seed, bit in enumerate(wrong))


def test_no_cell_of_the_checks_holds_a_right_program() -> None:
    text = "".join("".join(cell["source"]) for cell in CLINIC.CELLS if "check" in cell["id"])
    assert "right_" not in text and "np.tanh" not in text and "np.clip" not in text
