"""Every rung of the ladder is the reference, computed in another order."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from helpers import assert_close, equations, example, labels_used
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlib import shapes
from rnnlib.check import random_like
from rnnlib.reference import bptt, gru, ladder, lstm
from rnnlib.reference.ladder import chunks, entrance, gru_in_place, lstm_in_place
from rnnlib.reference.ops import leaves, tree_map

MODULES = [
    importlib.import_module(f"rnnlib.reference.ladder.{m.name}")
    for m in pkgutil.iter_modules(ladder.__path__)
]
RUNGS = [m for m in MODULES if m not in (chunks, entrance)]
CELLS = {"lstm": lstm, "gru": gru}

each_rung = pytest.mark.parametrize("rung", RUNGS, ids=lambda m: m.__name__.split(".")[-1])
each_dtype = pytest.mark.parametrize(
    ("dtype", "rtol"), [("float64", 1e-12), ("float32", 1e-4)], ids=["float64", "float32"]
)


def cell_of(rung):
    return CELLS[rung.__name__.split(".")[-1].partition("_")[0]]


def both(rung, T, B, D, H, dtype, seed):
    """All values and gradients of a random example, by the rung and by the reference."""
    cell = cell_of(rung)
    rng, *arguments = example(cell, T, B, D, H, seed)
    cotangents = rng.normal(size=(T, B, H)), random_like(rng, arguments[2])
    arguments, cotangents = (
        tree_map(lambda a: a.astype(dtype), tuple(t)) for t in (arguments, cotangents)
    )
    hs, last, cache = rung.forward(*arguments)
    got = hs, last, *rung.backward(arguments[0], cache, *cotangents)
    hs, last, caches = bptt.forward(cell, *arguments)
    return got, (hs, last, *bptt.backward(cell, arguments[0], caches, *cotangents))


@each_rung
@each_dtype
@pytest.mark.parametrize(
    ("T", "B", "D", "H"),
    [(7, 3, 5, 4), (1, 3, 2, 5), (6, 1, 3, 7), (1, 1, 1, 1), (37, 2, 3, 5), (32, 5, 1, 3)],
    ids=str,
)
def test_a_rung_gives_the_references_values_and_gradients(rung, dtype, rtol, T, B, D, H):
    got, want = both(rung, T, B, D, H, dtype, seed=T)
    assert_close(got, want, rtol)
    assert type(got[1]) is type(want[1]) and type(got[2]) is type(want[2])
    assert [a.dtype for a in leaves(got)] == [a.dtype for a in leaves(want)]


@each_rung
@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), st.integers(0, 99)
)
def test_a_rung_is_the_reference_at_any_size(rung, T, B, D, H, seed):
    assert_close(*both(rung, T, B, D, H, "float64", seed), rtol=1e-11)


@each_rung
def test_a_rung_changes_no_argument_and_its_backward_can_be_called_again(rung):
    cell = cell_of(rung)
    rng, *arguments = example(cell, 20, 3, 2, 4, seed=1)
    cotangents = rng.normal(size=(20, 3, 4)), random_like(rng, arguments[2])
    before = tree_map(np.copy, (*arguments, *cotangents))
    _, _, cache = rung.forward(*arguments)
    first = rung.backward(arguments[0], cache, *cotangents)
    again = rung.backward(arguments[0], cache, *cotangents)
    assert_close(again, first, rtol=0)
    assert_close((*arguments, *cotangents), before, rtol=0)


@pytest.mark.parametrize("rung", [lstm_in_place, gru_in_place], ids=["lstm", "gru"])
def test_stated_shapes_are_the_shapes(rung):
    _, *arguments = example(cell_of(rung), 3, 2, 4, 5, seed=2)
    _, _, cache = rung.forward(*arguments)
    assert set(shapes.stated(rung.Cache)) == set(rung.Cache._fields)
    shapes.check_tuple("cache", cache, {"T": 3, "N": 4, "B": 2, "D": 4, "H": 5})


@each_rung
def test_a_rung_refuses_what_the_reference_refuses(rung):
    _, params, xs, state = example(cell_of(rung), 3, 2, 4, 5, seed=2)
    with pytest.raises(ValueError, match=r"xs: got shape \(3, 2, 3\), expected \(T, B, D\)"):
        rung.forward(params, xs[:, :, 1:], state)
    with pytest.raises(ValueError, match="xs: got T = 0 steps"):
        rung.forward(params, xs[:0], state)
    _, _, cache = rung.forward(params, xs, state)
    with pytest.raises(ValueError, match=r"dhs: got shape \(3, 2, 4\)"):
        rung.backward(params, cache, xs, state)


@each_rung
@pytest.mark.parametrize("cut", ["T", "B"])
def test_a_rung_refuses_gradients_of_another_sequence(rung, cut):
    _, params, xs, state = example(cell_of(rung), 3, 2, 4, 5, seed=2)
    hs, _, cache = rung.forward(params, xs, state)
    dhs, dstate = (hs[1:], state) if cut == "T" else (hs[:, 1:], tree_map(lambda a: a[1:], state))
    with pytest.raises(ValueError, match=f"{cut} = "):
        rung.backward(params, cache, dhs, dstate)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.split(".")[-1])
def test_labels_defined_are_the_labels_used(module):
    defined = [label for label, _ in equations(module.__doc__)]
    assert set(labels_used(inspect.getsource(module))) == set(defined)
    others = [equations(m.__doc__) for m in MODULES if m is not module]
    assert not set(defined) & {label for other in others for label, _ in other}


def test_the_ladder_names_its_rungs_from_the_bottom_to_the_top():
    steps = [line.strip("`") for line in ladder.__doc__.splitlines() if line.startswith("``")]
    assert {m.__name__.split(".")[-1] for m in RUNGS} == {f"{c}_{s}" for c in CELLS for s in steps}
