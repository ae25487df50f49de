"""The edit distance: against every way to edit, and its laws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib.reference import edit

WORDS = st.text("abc", max_size=6)
for_any_words = settings(deadline=None, derandomize=True, max_examples=60)


def fewest(a, b):
    """By trying all first edits."""
    if not a or not b:
        return len(a) + len(b)
    return min(fewest(a[1:], b) + 1, fewest(a, b[1:]) + 1, fewest(a[1:], b[1:]) + (a[0] != b[0]))


@for_any_words
@given(WORDS, WORDS)
def test_the_distance_is_the_fewest_edits(a, b):
    assert edit.distance(a, b) == fewest(a, b)


@for_any_words
@given(WORDS, WORDS, WORDS)
def test_the_distance_is_a_metric(a, b, c):
    assert (edit.distance(a, b) == 0) == (a == b)
    assert edit.distance(a, b) == edit.distance(b, a)
    assert edit.distance(a, c) <= edit.distance(a, b) + edit.distance(b, c)


def test_the_error_rate_counts_edits_per_symbol_that_was_meant():
    assert edit.error_rate([[1, 2], [], [3, 3, 3]], [[1, 2], [4], [3]]) == 3 / 4


@pytest.mark.parametrize(
    ("said", "meant", "message"),
    [
        (["a"], ["a", "b"], "said: got 1 sequences, expected 2, as were meant"),
        (["a"], [""], "meant: got no symbols, expected at least 1"),
        ([], [], "meant: got no symbols, expected at least 1"),
    ],
)
def test_what_has_no_rate_is_refused(said, meant, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        edit.error_rate(said, meant)
