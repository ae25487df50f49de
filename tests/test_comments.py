"""Comments that state a shape or name an equation are checked like code.

A new module is covered as it appears. A class that states shapes needs a value to compare with:
``values_of`` builds it by calling the module's own functions with sizes of the names that their
arguments have.
"""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections import Counter

import numpy as np
import pytest
import torch
from helpers import (
    CELLS,
    ROOT,
    equations,
    input_shape,
    labels_used,
    module_of,
    nn_cell,
    options,
)
from part_errors import VALUES

import rnnlib
from rnnlib import shapes
from rnnlib.reference.ops import Array, tree_map

SIZES = {"T": 4, "B": 2, "D": 3, "H": 5, "V": 7, "N": 309}


def modules(package):
    """The modules of a package, by their names."""
    names = (m.name for m in pkgutil.iter_modules([ROOT / package.replace(".", "/")]))
    return [importlib.import_module(f"{package}.{name}") for name in sorted(names)]


REFERENCE, NN = modules("rnnlib.reference"), modules("rnnlib.nn")
TOP = [
    importlib.import_module(f"rnnlib.{name}")
    for name in ("check", "data", "plot", "shapes", "tasks", "train")
]
TWINS = [
    (r, n) for r in REFERENCE for n in NN if r.__name__.split(".")[-1] == n.__name__.split(".")[-1]
]

FROM_TORCH = {"from_torch", "fold"}  # what a twin has to itself: it reads torch's own layers

each = pytest.mark.parametrize("module", [*REFERENCE, *NN, *TOP], ids=lambda m: m.__name__)
each_twin = pytest.mark.parametrize(("reference", "nn"), TWINS, ids=lambda m: m.__name__)


def public(module):
    """Names that a module defines, in order; those that begin with an underscore aside."""
    names = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign):
            names.append(node.target.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
    return [name for name in names if not name.startswith("_")]


def functions(module):
    """The sources of a module's functions and methods, by their names."""
    source, found = inspect.getsource(module), {}
    for node in ast.parse(source).body:
        for inner in [node] if isinstance(node, ast.FunctionDef) else getattr(node, "body", []):
            if isinstance(inner, ast.FunctionDef):
                name = inner.name if inner is node else f"{node.name}.{inner.name}"
                lines = source.splitlines()[inner.lineno - 1 : inner.end_lineno]
                found[name] = textwrap.dedent("\n".join(lines))
    return found


def named_tuples(module):
    """The named tuples that a module defines."""
    found = (getattr(module, name) for name in public(module))
    return [c for c in found if isinstance(c, type) and issubclass(c, tuple)]


def call(function, **arguments):
    """Call a function with the arguments that it has names for."""
    names = inspect.signature(function).parameters
    return function(**{name: a for name, a in arguments.items() if name in names})


def cell_of(module):
    """The module if it is a cell, or one of its class if that is; the module if neither."""
    return next((cell for cell in CELLS if module_of(cell) is module), module)


def values_of(module):
    """Values of the classes that a module states shapes for, made by its own functions."""
    if module in NN:
        return values_of_twin(module)
    if module is rnnlib.train:
        steps = [0.5] * SIZES["N"]
        return [rnnlib.train.Progress(steps, steps, steps, [2], [0.75], best=2).history()]
    if module is rnnlib.data:
        return [rnnlib.data.sunspots()]
    if module in VALUES:
        return VALUES[module](SIZES)
    cell = cell_of(module)
    params = call(cell.init, rng=np.random.default_rng(0), **SIZES)
    if not hasattr(cell, "step"):
        return [params]
    x = np.zeros(input_shape(cell, B=SIZES["B"], D=SIZES["D"]))
    state, cache = cell.step(params, x, cell.zero_state(params, SIZES["B"]))
    dparams, _, dstate = cell.step_backward(params, cache, state)
    return [params, state, cache, dparams, dstate]


def values_of_twin(module):
    """Values of the classes of a twin, those of a cell by its own functions."""
    theirs = values_of(dict((n, r) for r, n in TWINS)[module])
    values = {
        type(v).__name__: getattr(module, type(v).__name__)(*tree_map(torch.tensor, tuple(v)))
        for v in theirs
        if hasattr(module, type(v).__name__)
    }
    cell = nn_cell(cell_of(dict((n, r) for r, n in TWINS)[module]))
    if not hasattr(cell, "step"):
        return list(values.values())
    x = torch.zeros(input_shape(cell, B=SIZES["B"], D=SIZES["D"])).double()
    after = cell.step(values["Params"], x, values["State"])
    return [*values.values(), after, cell.zero_state(values["Params"], SIZES["B"])]


@each
def test_stated_shapes_are_the_shapes(module):
    stating = {cls for cls in named_tuples(module) if shapes.stated(cls)}
    if not stating:
        return
    values = [value for value in values_of(module) if type(value).__module__ == module.__name__]
    assert {type(value) for value in values} == stating
    cell = cell_of({twin: reference for reference, twin in TWINS}.get(module, module))
    for value in values:
        shapes.check_tuple(type(value).__name__, value, SIZES | options(cell))


@each
def test_every_array_of_a_named_tuple_states_its_shape(module):
    for cls in named_tuples(module):
        arrays = {
            name for name, hint in cls.__annotations__.items() if hint in (Array, torch.Tensor)
        }
        assert set(shapes.stated(cls)) == arrays, cls


@each
def test_labels_defined_are_the_labels_used(module):
    defined = {label for label, _ in equations(module.__doc__)}
    assert set(labels_used(inspect.getsource(module))) == defined


def test_a_label_is_defined_once():
    twins = [nn for _, nn in TWINS]
    alone = [module for module in [*REFERENCE, *NN, *TOP] if module not in twins]
    count = Counter(label for module in alone for label, _ in equations(module.__doc__))
    assert [label for label, n in count.items() if n > 1] == []


@each_twin
def test_twins_have_the_same_names_in_the_same_order(reference, nn):
    names = public(nn)
    shared = [name for name in names if name not in FROM_TORCH]
    assert shared == [name for name in public(reference) if name in shared]


@each_twin
def test_twins_have_the_same_fields_and_shapes(reference, nn):
    for cls in named_tuples(nn):
        peer = getattr(reference, cls.__name__)
        assert (cls._fields, shapes.stated(cls)) == (peer._fields, shapes.stated(peer))


@each_twin
def test_twins_state_the_same_equations(reference, nn):
    ours, theirs = dict(equations(nn.__doc__)), dict(equations(reference.__doc__))
    assert ours or not theirs
    assert ours.items() <= theirs.items()


@each_twin
def test_twins_name_the_same_equations_in_the_same_functions(reference, nn):
    stated = dict(equations(nn.__doc__))  # those of the backward are not
    ours, theirs = functions(nn), functions(reference)
    assert {name for name, source in ours.items() if labels_used(source)} <= set(theirs)
    for name in set(ours) & set(theirs):
        wanted = [label for label in labels_used(theirs[name]) if label in stated]
        assert labels_used(ours[name]) == wanted, name


def test_the_readers_of_comments_can_fail():
    doc = """Title (Author 1990).

    Text that ends in (a-word)

        y = f(x)                 (first)
        z = g(y) +
            h(x)                 (second-one)

        u = (v)
        w = 1                    (third)
    """
    assert equations(doc) == [
        ("first", "y = f(x)                 (first)"),
        ("second-one", "z = g(y) +\nh(x)                 (second-one)"),
        ("third", "u = (v)\nw = 1                    (third)"),
    ]
    source = """
a = 1  # (one)
b = "# (two)"
c = 3  # see (three)
d: int  # (H, D)
e = 5  # (a-b): why
"""
    assert labels_used(source) == ["one", "a-b"]
