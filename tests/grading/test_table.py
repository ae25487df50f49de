"""The text of a variant runs where a student's cell does."""

from rnnlib.grading.table import source


def _twice(x: float) -> float:
    return 2 * x


def quadrupled(x: float) -> float:
    return sum(_twice(part) for part in (x, x))


def test_a_variant_brings_its_private_helpers_along() -> None:
    text = source(quadrupled, "result")
    space: dict[str, object] = {}
    exec(text, space)
    assert space["result"](1.5) == 6  # type: ignore[operator]
    assert text.count("def _twice(") == 1 and "quadrupled" not in text


def test_a_variant_without_helpers_comes_alone() -> None:
    assert source(_twice, "doubled").startswith("def doubled(")
