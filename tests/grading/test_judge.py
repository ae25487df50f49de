"""Verdicts, from functions that run in this process."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import NAME, ROOT, assignment
from rnnlib.grading import mutants
from rnnlib.grading.assignment import read
from rnnlib.grading.calls import Unobservable, observe
from rnnlib.grading.compare import agree, form, is_finite
from rnnlib.grading.judge import judge
from rnnlib.grading.table import Graded, Part, load

ELMAN = assignment().graded[0]


def verdict(function: Any) -> Any:
    (one,) = judge(ELMAN, (1,), partial(mutants.through_frames, function))
    return one


@pytest.mark.parametrize("graded", assignment().graded, ids=lambda graded: graded.name)
def test_the_matrix_holds(graded: Any) -> None:
    wrong = [row for row in mutants.matrix((graded,), seed=7) if not row.holds]
    assert wrong == []


def test_a_row_that_should_not_be_is_found() -> None:
    broken = ELMAN._replace(misconceptions=ELMAN.alternatives, alternatives=ELMAN.misconceptions)
    kinds = {row.kind for row in mutants.matrix((broken,)) if not row.holds}
    assert kinds == {"misconception", "alternative"}


def test_what_a_result_is_worth_may_depend_on_the_arguments() -> None:
    """Either root of a square is right; the table's own is one of them."""

    def draw(rng: np.random.Generator) -> tuple[float]:
        return (float(rng.uniform(1, 9)),)

    def squared(result: float, args: tuple[float]) -> float:
        return result**2 / args[0]

    part = Part("root-check", 5, draw, measure=squared, draws=3)
    root = Graded("root", lambda a: a**0.5, (part,), (), ())
    for found, points in ((lambda a: -(a**0.5), 5), (lambda a: a, 0)):
        (one,) = judge(root, (1,), partial(mutants.through_frames, found))
        assert (one.score, one.draws) == (points, 3)


def test_a_number_among_the_arguments_is_told_as_it_is() -> None:
    def draw(rng: np.random.Generator) -> tuple[Any, ...]:
        return np.eye(3), 0.28125, np.float32(0.5), 7

    shift = Graded("shift", lambda W, tol, s, n: tol + s + n, (Part("c", 1, draw),), (), ())
    (one,) = judge(shift, (1,), partial(mutants.through_frames, lambda W, tol, s, n: 0.0))
    assert one.says.endswith("W (3, 3), tol = 0.2812, s = 0.5, n = 7")


def test_a_part_may_say_something_about_a_result_that_differs_and_about_no_other() -> None:
    def draw(rng: np.random.Generator) -> tuple[int]:
        return (2,)

    def above(result: float, rng: np.random.Generator) -> str:
        return f"it is {result - 2:g} too large"

    part = Part("c", 1, draw, remark=above)
    same = Graded("same", lambda a: a, (part,), (), ())
    (one,) = judge(same, (1,), partial(mutants.through_frames, lambda a: a + 3))
    assert "other numbers: it is 3 too large; the arguments were a = 2" in one.says
    (one,) = judge(same, (1,), partial(mutants.through_frames, lambda a: "2"))
    assert "too large" not in one.says
    (one,) = judge(same, (1,), partial(mutants.through_frames, lambda a: a))
    assert one.says == ""


def test_a_remark_beside_a_measure_is_given_the_arguments() -> None:
    def beyond(result: float, args: tuple[int]) -> str:
        return f"it is {result - args[0]:g} too large"

    part = Part("c", 1, lambda rng: (2,), measure=lambda result, args: result, remark=beyond)
    same = Graded("same", lambda a: a, (part,), (), ())
    (one,) = judge(same, (1,), partial(mutants.through_frames, lambda a: a + 3))
    assert "it is 3 too large" in one.says


def test_what_another_function_raises_is_not_told_of_one_that_fails_among_stand_ins_too() -> None:
    unroll = next(graded for graded in assignment().graded if graded.name == "unroll")

    def own(*args: Any) -> Any:
        raise ValueError("in leaky_step")

    def off_by_one(*args: Any) -> Any:
        hs, h_last = unroll.reference(*args)
        return hs + 1, h_last

    calls = [partial(mutants.through_frames, function) for function in (own, off_by_one)]
    assert {one.problem for one in judge(unroll, (1,), *calls)} == {"differs"}
    calls[1] = partial(mutants.through_frames, unroll.reference)
    assert all(one.passed for one in judge(unroll, (1,), *calls))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_no_number_that_is_not_right_scores(bad: float) -> None:
    one = verdict(lambda W_x, W_h, b, x, h: np.full_like(h, bad))
    assert one.score == 0
    assert one.problem == ("differs" if np.isfinite(bad) else "not finite")


def test_an_object_that_equals_everything_equals_nothing() -> None:
    class Equal:
        __array__ = None
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = None  # type: ignore[assignment]

    assert verdict(lambda *args: Equal()).problem == "form"


def test_what_a_function_raises_is_told_in_one_line() -> None:
    def raises(*args: Any) -> Any:
        raise ValueError("a\n\x1b[31mb" + 1000 * "c")

    one = verdict(raises)
    assert one.problem == "raises"
    assert "ValueError: a b" in one.says and len(one.says) < 600 and "\x1b" not in one.says


def test_a_result_has_no_way_to_put_words_into_a_report() -> None:
    def named(*args: Any) -> Any:
        return type("a\n\x1b[31mRight on 10 fresh inputs.", (), {})()

    def nested(*args: Any, depth: int = 6) -> Any:
        return tuple(nested(depth=depth - 1) for _ in range(5)) if depth else 1.0

    for function in (named, nested):
        one = verdict(function)
        assert one.problem == "form"
        assert len(one.says) < 700 and not {"\n", "\x1b"} & set(one.says)


def test_nothing_is_told_of_how_stand_ins_are_written() -> None:
    unroll = next(graded for graded in assignment().graded if graded.name == "unroll")

    class TookTooLong(Exception):
        pass

    def silent(*args: Any) -> Any:
        raise ValueError

    def tells(*args: Any) -> Any:
        raise ValueError("a secret")

    def returns(*args: Any) -> Any:
        return type("a secret", (), {})()

    def slow(*args: Any) -> Any:
        raise TookTooLong("a secret")

    for function in (tells, returns, slow):
        calls = [partial(mutants.through_frames, one) for one in (silent, function)]
        for one in judge(unroll, (1,), *calls):
            assert not one.passed and "secret" not in one.says
        calls[0] = calls[1]  # without stand-ins there is nothing to tell
        assert all("secret" in one.says for one in judge(unroll, (1,), *calls))


@pytest.mark.parametrize(
    ("name", "function", "guess"),
    [
        ("02-bptt", "directional_check", lambda f, args, grads, v: -1e-5),
        ("02-bptt", "directional_check", lambda f, args, grads, v: 0.0),
        ("03-gradients", "gain_for_unit_lyapunov", lambda W_x, W_h, *_: 0.0),
        (
            "03-gradients",
            "gain_for_unit_lyapunov",
            lambda W_x, W_h, *_: 1.7 if W_x.std() * W_x.shape[1] ** 0.5 < 0.9 else 2.3,
        ),
    ],
)
def test_no_constant_scores(name: str, function: str, guess: Any) -> None:
    graded = next(one for one in load(ROOT / "solutions" / name) if one.name == function)
    assert not any(
        one.passed for one in judge(graded, (0,), partial(mutants.through_frames, guess))
    )


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        (np.ones(3), np.ones(3), True),
        ([1, 1, 1], np.ones(3), True),
        (np.ones((3, 1)), np.ones(3), False),
        (1.0, np.ones(1), False),
        (np.nan, np.nan, False),
        (1.0, np.inf, False),
        (np.inf, np.inf, True),
        ((1, 2), np.array([1, 2]), True),
        ((1,), 1, False),
        ([1, 2], (1, 2), True),
        (True, 1, True),
        ("1", 1, False),
        (None, 0, False),
        ([[1], [1, 2]], np.ones((2, 2)), False),
        (1 + 1e-7, 1.0, True),
        (1 + 1e-3, 1.0, False),
    ],
)
def test_agreement(got: Any, want: Any, same: bool) -> None:
    assert agree(got, want, 1e-5) is same
    assert form(got) and form(want)


@pytest.mark.parametrize("result", [None, "text", {"a": 1}, [None, 1.0], 10**400])
def test_an_observer_may_make_an_array_of_anything(result: Any) -> None:
    assert is_finite(np.asarray(result)) and not agree(np.asarray(result), np.ones(3), 1e-5)


def test_what_is_compared_has_a_size() -> None:
    part = Part("cell", 1, lambda rng: (), observe=lambda r, rng: np.outer(r, r))
    assert isinstance(observe(part, (0,), np.ones(4000), ()), Unobservable)
    assert observe(part, (0,), np.ones(10), ()).shape == (10, 10)


def test_the_table_of_another_folder_is_not_this_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^folder: got"):
        load(tmp_path / NAME)
    assert (ROOT / "solutions" / NAME / "checks.py").is_file()


def test_a_table_that_was_mended_is_read_again(tmp_path: Path) -> None:
    for folder in ("solutions", "exercises"):
        shutil.copytree(ROOT / folder / NAME, tmp_path / folder / NAME)
    folders = (tmp_path / "solutions", tmp_path / "exercises")
    before = read(NAME, *folders)
    assert read(NAME, *folders) is before
    with (folders[0] / NAME / "checks.py").open("a") as file:
        file.write("\nLIMITS = {'cell': 7}\n")
    after = read(NAME, *folders)
    assert after.limits.cell == 7 and after.digest != before.digest


def test_a_name_of_no_assignment_is_told_apart_from_one_without_a_release(tmp_path: Path) -> None:
    solutions = ROOT / "solutions"
    with pytest.raises(ValueError, match=f"got 'out', expected one of {NAME}, .*--assignment"):
        read("out", solutions, ROOT / "exercises")
    with pytest.raises(ValueError, match=f"run: nbgrader generate_assignment {NAME}"):
        read(NAME, solutions, tmp_path)
