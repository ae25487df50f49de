"""Kernels of the recurrences: the loop's numbers, by whichever way they run.

Where there is no GPU, Triton interprets its kernels, see conftest.py in the root.
"""

import inspect
import itertools
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import ROOT, equations, labels_used
from torch._dynamo.testing import CompileCounterWithBackend

from rnnlib.nn import backend, elman, gru, gru_cho, kernels, lstm, lstm_layer_norm, lstm_peephole
from rnnlib.nn.elman_activation import RELU, Elman
from rnnlib.nn.kernels import (
    cells,
    graph,
    launch,
    ops,
    plain,
    steps,
    triton_backward,
    triton_cells,
    triton_forward,
)
from rnnlib.nn.modules import GRU, LSTM, RNN

CELLS = {
    "tanh": elman,
    "relu": Elman(RELU),
    "lstm": lstm,
    "lstm_peephole": lstm_peephole,
    "lstm_layer_norm": lstm_layer_norm,
    "gru": gru,
}
OPTIONS = ("keep", "mask", "lengths", "resets")
EVERY = [set(some) for n in range(5) for some in itertools.combinations(OPTIONS, n)]
FEW = [set(), *({name} for name in OPTIONS), set(OPTIONS)]


def named(options: set[str]) -> str:
    return "+".join(sorted(options)) or "plain"


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WAYS = ["step", "persistent", *["graph"] * torch.cuda.is_available()]

each_cell = pytest.mark.parametrize("cell", CELLS)
each_way = pytest.mark.parametrize("way", WAYS)
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module", autouse=True)
def triton():
    """Triton, interpreting unless there is a GPU."""
    if sys.platform == "linux" and os.environ.get("RNNLIB_STRICT") == "1":
        import triton
    else:
        triton = pytest.importorskip("triton")
    assert triton.knobs.runtime.interpret != torch.cuda.is_available()
    return triton


def example(cell, T, B, D, H, options, seed=0, dtype=torch.float64, device="cpu"):
    """A layer with random numbers in all places, and what it is run on."""
    rng, form = np.random.default_rng(seed), cells.FORMS[cell]

    def draw(*shape):
        numbers = rng.normal(size=shape) / max(1, shape[-1] * (len(shape) == 2)) ** 0.5
        numbers = torch.tensor(numbers, dtype=dtype, device=device)
        return numbers.requires_grad_()

    def even(*shape):
        return torch.tensor(rng.random(shape), dtype=dtype, device=device)

    more = {
        "lstm_peephole": [(3, H)],
        "lstm_layer_norm": [(4 * H,), (4 * H,), (H,), (H,)],
        "gru": [(H,)],
    }
    shapes = [(form.gates * H, D), (form.gates * H, H), (form.gates * H,), *more.get(cell, [])]
    kind = elman.Params if cell == "relu" else CELLS[cell].Params
    params, parts = kind(*(draw(*shape) for shape in shapes)), 1 + form.memory
    state = (lstm if form.memory else elman).State(*(draw(B, H) for _ in range(parts)))
    keep = even(T, B, parts * H) if "keep" in options else None
    mask = 2 * even(B, H) if "mask" in options else None
    lengths = torch.tensor(rng.integers(1, T + 1, B), device=device)
    resets = torch.tensor(rng.random((T, B)) < 0.3, device=device)
    return (
        backend.Layer(CELLS[cell], params, mask, keep),
        *(draw(T, B, D), state),
        *(lengths if "lengths" in options else None, resets if "resets" in options else None),
    )


def outputs_and_gradients(name, arguments, twice=False):
    """What a backend gives, and gradients of all of it with random cotangents, in float64."""
    layer, xs, state, *_ = arguments
    wanted = [xs, *state, *layer.params]
    rng = np.random.default_rng(1)

    def through(tensors):
        return sum((s * torch.tensor(rng.normal(size=s.shape)).to(s)).sum() for s in tensors)

    hs, last = backend.run(name, *arguments)
    grads = torch.autograd.grad(through([hs, *last]), wanted, create_graph=twice)
    if twice:
        grads += torch.autograd.grad(through(grads), wanted)
    return [s.detach().double() for s in (hs, *last, *grads)]


def off(got, want):
    """The largest distance, relative to the norm of what is wanted."""
    pairs = zip(got, want, strict=True)
    return max(float((g - w).norm() / (w.norm() + 1e-30)) for g, w in pairs)


def wide(arguments):
    """The same numbers in float64."""

    def to(s):
        if s is None or not s.is_floating_point():
            return s
        return s.detach().double().requires_grad_(s.requires_grad)

    layer, xs, state, *rest = arguments
    params = type(layer.params)(*map(to, layer.params))
    layer = backend.Layer(layer.cell, params, to(layer.mask), to(layer.keep))
    return layer, to(xs), type(state)(*map(to, state)), *rest


# The operator, by the loop of torch.


@each_cell
@pytest.mark.parametrize("options", EVERY, ids=named)
def test_the_operator_is_the_loop_forward_and_backward(cell, options):
    arguments = example(cell, 4, 3, 2, 5, options)
    got, want = (outputs_and_gradients(name, arguments) for name in ("kernel", "loop"))
    assert off(got, want) < 1e-13


@each_cell
@pytest.mark.parametrize("options", [set(), set(OPTIONS)], ids=named)
def test_its_gradient_can_be_differentiated(cell, options):
    arguments = example(cell, 3, 2, 2, 3, options)
    got, want = (outputs_and_gradients(name, arguments, twice=True) for name in ("kernel", "loop"))
    assert off(got, want) < 1e-12


def test_a_gradient_of_weights_that_also_make_the_inputs_can_be_differentiated():
    layer, xs, state, *_ = example("tanh", 3, 2, 4, 4, set())
    W, v = layer.params.W_h, torch.randn(4, 4, dtype=torch.float64)
    found = []
    for name in ("kernel", "loop"):
        tied = backend.Layer(layer.cell, layer.params._replace(W_x=W))
        hs, _ = backend.run(name, tied, xs, state)
        (first,) = torch.autograd.grad(hs.sin().sum(), W, create_graph=True)
        found.append((first, *torch.autograd.grad((first * v).sum(), [W, xs])))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


def inputs(cell, options, **sizes):
    """Arguments of the operator, as leaves."""
    layer, xs, state, lengths, resets = example(
        cell, **{"T": 3, "B": 2, "D": 2, "H": 3} | sizes, options=options
    )
    a, W_h, own = (s.detach() for s in cells.hoist(layer.params, xs))
    c = state.c if cells.FORMS[cell].memory else state.h[:, :0]
    given = [s.detach().requires_grad_() for s in (a, W_h, own, state.h, c)]
    return cells.Inputs(*given, layer.keep, layer.mask, lengths, resets)


@each_cell
@pytest.mark.parametrize("options", [set(), set(OPTIONS)], ids=named)
def test_the_operator_is_what_torch_asks_of_operators(cell, options):
    checks = torch.library.opcheck(ops.recur, (cell, *inputs(cell, options), True))
    assert set(checks.values()) == {"SUCCESS"}
    outs = ops.recur(cell, *inputs(cell, options), True)
    saved, douts = [s.detach() for s in (outs[0], *outs[3:])], [s.detach() for s in outs[:3]]
    back = cell, *(s if s is None else s.detach() for s in inputs(cell, options)), *saved, *douts
    assert set(torch.library.opcheck(ops.recur_backward, back).values()) == {"SUCCESS"}


def test_without_a_backward_nothing_is_saved():
    given = inputs("lstm_layer_norm", set())
    hs, h, c, *saved = ops.recur("lstm_layer_norm", *given, False)
    assert [s.numel() for s in saved] == [0, 0, 0]
    torch.testing.assert_close((hs, h, c), ops.recur("lstm_layer_norm", *given, True)[:3])
    with pytest.raises(RuntimeError, match="got save=False, expected True for a backward"):
        hs.sum().backward()
    m, x = LSTM(2, 3, layer_norm=True), torch.randn(4, 2, 2)
    with torch.no_grad():
        quiet = m(x)
    torch.testing.assert_close(quiet, m(x), rtol=0, atol=0)


# The kernels.


def by(monkeypatch, way):
    """Let the operator run kernels: on a GPU it does, on a CPU it takes them for its loop."""
    monkeypatch.setattr(launch, "way", lambda cell, given: way)
    if DEVICE == "cpu":
        interpreted = SimpleNamespace(
            forward=lambda *given: launch.forward(way, *given),
            backward=lambda *given: launch.backward(way, *given),
            read_of=plain.read_of,
            weights=plain.weights,
        )
        monkeypatch.setattr(ops, "plain", interpreted)


SIZES = [(3, 5, 5), (1, 3, 7), (4, 1, 17), (2, 18, 3)]  # T, B, H


@each_way
@each_cell
@pytest.mark.parametrize("options", FEW, ids=named)
def test_a_kernel_is_the_loop_in_float64(cell, way, options, monkeypatch):
    if way == "persistent" and DEVICE == "cuda":
        pytest.skip("no CUDA device has room for float64")
    by(monkeypatch, way)
    seed = FEW.index(options)
    T, B, H = SIZES[seed % len(SIZES)]
    if way == "step":  # a program is one sequence, and interpreted programs take their time
        B = min(B, 3)
    arguments = example(cell, T, B, 2, H, options, seed, device=DEVICE)
    want = outputs_and_gradients("loop", arguments)
    assert off(outputs_and_gradients("kernel", arguments), want) < 1e-12


@each_way
@each_cell
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 1e-2)],
    ids=str,
)
def test_a_kernel_is_as_precise_as_its_dtype(cell, way, dtype, tolerance, monkeypatch):
    if (dtype, way, DEVICE) == (torch.bfloat16, "persistent", "cpu"):
        pytest.skip("no CUDA device, and Triton's interpreter multiplies no bfloat16")
    by(monkeypatch, way)
    arguments = example(cell, 5, 3, 4, 19, set(OPTIONS), seed=3, dtype=dtype, device=DEVICE)
    want = outputs_and_gradients("loop", wide(arguments))
    if dtype == torch.bfloat16 and DEVICE == "cpu":  # the interpreter cuts digits off
        tolerance *= 2
    assert off(outputs_and_gradients("kernel", arguments), want) < tolerance


@each_cell
def test_steps_in_stretches_are_the_same_steps(cell, monkeypatch):
    class Played:
        """A graph that is not recorded but run where it would be played, on its own copies."""

        def __init__(self, run, call):
            self.run, self.call = run, graph.copy_of(call)

        def play(self):
            self.run(self.call)

        __call__ = graph.Recorded.__call__

    made = []

    def record(run, call):
        made.append(call.steps())
        return Played(run, call)

    if DEVICE == "cpu":
        monkeypatch.setattr(graph, "Recorded", record)
        monkeypatch.setattr(graph, "_stream", lambda: 0)
    monkeypatch.setattr(graph, "STRETCH", 2)
    monkeypatch.setattr(graph, "_graphs", type(graph._graphs)())
    by(monkeypatch, "graph")
    for seed in (1, 2):  # the second plays what the first recorded
        arguments = example(cell, 5, 3, 2, 4, set(OPTIONS), seed, device=DEVICE)
        want = outputs_and_gradients("loop", arguments)
        assert off(outputs_and_gradients("kernel", arguments), want) < 1e-12
    assert DEVICE == "cuda" or made == [2, 1, 1, 2]
    assert len(graph._graphs) == 4


def test_graphs_that_are_not_played_are_dropped(monkeypatch):
    monkeypatch.setattr(graph, "Recorded", lambda run, call: run)
    monkeypatch.setattr(graph, "_graphs", type(graph._graphs)())
    monkeypatch.setattr(graph, "_stream", lambda: 0)
    monkeypatch.setattr(graph, "KEPT", 2)
    calls = [graph.Call([], [torch.zeros(n)], [], [torch.zeros(1)]) for n in (1, 2, 3)]
    seen = []
    for k in (0, 1, 0, 2, 0, 1):
        graph.play(("name",), lambda call: seen.append(len(call.fixed[0])), calls[k], False)
    assert seen == [1, 2, 1, 3, 1, 2]
    assert [key[1][0][0] for key in graph._graphs] == [1, 2]


COMPILE = """
import json, sys, torch, triton
from triton.compiler import ASTSource
from triton.backends.compiler import GPUTarget
from rnnlib.nn.kernels import (
    cells, graph, launch, ops, plain, steps, triton_backward, triton_cells, triton_forward,
)
from rnnlib.nn.kernels.language import tl

WIDE = {"c_0", "cs", "c_last", "dnorms", "dh_last", "dc_last", "dh_first", "dc_first"}
for file, options, absent, warps in json.load(sys.stdin):
    run = {"forward": triton_forward, "backward": triton_backward}[file].run
    options = {"PRECISION": "tf32", "NUMBER": tl.float32} | options
    signature = {}
    for name in run.arg_names:
        if name in options or name in absent:
            signature[name] = "constexpr"
        elif name in ("T", "B", "H"):
            signature[name] = "i32"
        elif name in ("on", "resets", "fresh_after"):
            signature[name] = "*i1"
        else:
            signature[name] = "*fp32" if name in WIDE else "*bf16"
    kinds = list(enumerate(signature.items()))
    constants = {(k,): options.get(name) for k, (name, kind) in kinds if kind == "constexpr"}
    aligned = {(k,): [["tt.divisibility", 16]] for k, (name, kind) in kinds if "*" in kind}
    kernel = triton.compile(
        ASTSource(run, signature, constants, aligned),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": warps},
    )
    print(kernel.metadata.shared)
"""


def test_the_kernels_compile_for_hopper_and_fit():
    cases = []
    for cell, way, H in [
        ("tanh", "persistent", 16),
        ("gru", "persistent", 16),
        ("lstm", "persistent", 128),
        ("lstm_peephole", "step", 128),
        ("lstm_layer_norm", "step", 16),
    ]:
        form, persistent = cells.FORMS[cell], way == "persistent"
        tile = {"BB": 16 if persistent else 1, "BH": H, "CELL": cell, "G": form.gates}
        no_memory = [] if form.memory else ["c_0", "cs", "c_last", "dc_last", "dc_first"]
        absent = [*no_memory, *["us", "du"] * (not form.product), *["dnorms"] * (not form.norm)]
        absent += ["own"] * (not form.own)
        given = ["u", "x_last", "through", "fresh_after"] if persistent else ["W_h"]
        for file in ("forward", "backward"):
            cases.append([file, tile, [*absent, *given], 8 if persistent and H > 64 else 4])
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        cwd=ROOT,
        env=os.environ | {"TRITON_INTERPRET": "0"},
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    shared = [int(line) for line in done.stdout.split()]
    assert len(shared) == len(cases) and max(shared) <= launch.SHARED


@on_a_gpu
@each_cell
@each_way
def test_the_same_call_gives_the_same_bits(cell, way, monkeypatch):
    by(monkeypatch, way)
    arguments = example(cell, 50, 33, 7, 61, set(OPTIONS), dtype=torch.float32, device="cuda")
    first = outputs_and_gradients("kernel", arguments)
    for _ in range(5):
        for got, want in zip(outputs_and_gradients("kernel", arguments), first, strict=True):
            assert torch.equal(got, want)


# Who runs a layer.

LAYERS = {
    "RNN": lambda **k: RNN(3, 5, **k),
    "LSTM": lambda **k: LSTM(3, 5, layer_norm=True, zoneout=0.2, bidirectional=True, **k),
    "GRU": lambda **k: GRU(3, 5, num_layers=2, recurrent_dropout=0.3, **k),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_compiled_layer_is_whole_and_takes_another_batch_as_it_is(make):
    m = make(dtype=torch.float64).eval()
    count = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(m, backend=count, fullgraph=True, dynamic=True)
    frames = []
    for B in (6, 2, 7):
        x, lengths = torch.randn(4, B, 3, dtype=torch.float64), torch.randint(1, 5, (B,))
        found = []
        for run in (m, compiled):
            m.zero_grad()
            ys, last = run(x, lengths=lengths)
            ys.sin().sum().backward()
            found.append((ys, last, [p.grad.clone() for p in m.parameters()]))
        torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
        frames.append(count.frame_count)
    assert frames[1:] == frames[:-1]


def noting(names, name, function):
    """The function, which notes when it is called."""

    def run(*given):
        names.append(name)
        return function(*given)

    return run


@pytest.fixture
def ran(monkeypatch):
    """Names of the backends that run, in order."""
    names = []
    for name, module, function in [
        ("torch", backend, "fused"),
        ("kernel", backend.kernels, "forward"),
        ("loop", backend, "loop"),
    ]:
        monkeypatch.setattr(module, function, noting(names, name, getattr(module, function)))
    return names


@pytest.mark.parametrize(
    ("make", "given", "want"),
    [
        (lambda: LSTM(3, 5), {"lengths": torch.tensor([4, 2])}, "torch"),
        (lambda: GRU(3, 5), {"resets": torch.zeros(4, 2, dtype=torch.bool)}, "kernel"),
        (lambda: LSTM(3, 5, layer_norm=True), {}, "kernel"),
        (lambda: LSTM(3, 5, peephole=True), {}, "kernel"),
        (lambda: RNN(3, 5, zoneout=0.1), {}, "kernel"),
        (lambda: RNN(3, 5, nonlinearity="relu", recurrent_dropout=0.1), {}, "kernel"),
        (lambda: GRU(3, 5, reset_before=True), {}, "loop"),
        (lambda: LSTM(3, 5, proj_size=2, zoneout=0.1), {}, "loop"),
        (lambda: LSTM(3, 5, backend="kernel"), {}, "kernel"),
        (lambda: LSTM(3, 5, layer_norm=True, backend="loop"), {}, "loop"),
    ],
)
def test_each_layer_has_who_runs_it(make, given, want, ran):
    make()(torch.randn(4, 2, 3), **given)
    assert ran == [want]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch, in its own
def test_within_transforms_auto_takes_the_loop(ran):
    m, x = LSTM(3, 5, layer_norm=True), torch.randn(4, 2, 3)
    torch.func.grad(lambda x: m(x)[0].sum())(x)
    torch.func.vmap(lambda x: m(x)[0], 1)(x[:, :, None])
    _, slope = torch.func.jvp(lambda x: m(x)[0], (x,), (torch.ones_like(x),))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        out = torch.autograd.forward_ad.unpack_dual(m(dual)[0])
    torch.testing.assert_close(out.tangent, slope)
    torch.export.export(m, (x,))
    assert set(ran) == {"loop"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: GRU(3, 5, backend="kernel", reset_before=True), "with reset_before, which its"),
        (lambda: LSTM(3, 5, backend="kernel", proj_size=2), "with proj_size, which its kernels"),
    ],
)
def test_the_kernels_refuse_what_they_lack(make, says):
    with pytest.raises(ValueError, match=f'backend: got "kernel" {says}'):
        make()


def test_a_cell_without_kernels_is_refused():
    layer, xs, state, _, _ = example("tanh", 2, 2, 2, 3, set())
    with pytest.raises(ValueError, match='backend: got "kernel" with an option that its kernels'):
        backend.run("kernel", backend.Layer(gru_cho, layer.params), xs, state)
    with pytest.raises(ValueError, match=r"cell: got .*gru_cho.*, expected one of tanh, relu, "):
        kernels.forward(gru_cho, layer.params, xs, state)


def test_a_measured_layer_goes_to_whoever_was_faster(monkeypatch):
    asked = []

    def choose(among, *about):
        asked.append((among, *about))
        return among[-1]

    card = SimpleNamespace(name="a card", shared_memory_per_block_optin=launch.SHARED)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(launch.dispatch, "choose", choose)
    x = torch.zeros(7, 3, 2, dtype=torch.bfloat16)
    assert backend.fastest("gru", x, 128) == "kernel"
    assert launch.fastest("lstm_layer_norm", x, 128) == "graph"
    card.shared_memory_per_block_optin = 99 * 1024
    assert backend.fastest("gru", x.float(), 64) == "kernel"
    assert asked == [
        (("torch", "persistent", "graph"), "gru", "a card", torch.bfloat16, 7, 3, 128),
        (("graph",), "lstm_layer_norm", "a card", torch.bfloat16, 7, 3, 128),
        (("torch", "graph"), "gru", "a card", torch.float32, 7, 3, 64),
    ]


def test_float32_is_multiplied_as_torch_is_told():
    assert launch.precision() == "ieee"
    torch.set_float32_matmul_precision("high")
    try:
        assert launch.precision() == "tf32"
    finally:
        torch.set_float32_matmul_precision("highest")


# What is written down.


def labels(module):
    """Labels of a module's equations."""
    return {label for label, _ in equations(module.__doc__)}


def used(module):
    """Labels that a module's lines name."""
    return set(labels_used(inspect.getsource(module)))


def test_the_lines_name_the_equations():
    for module in (cells, plain, steps):
        assert used(module) == labels(module), module.__name__
    for module, peer in [(triton_forward, plain), (triton_backward, plain)]:
        assert dict(equations(module.__doc__)).items() <= dict(equations(peer.__doc__)).items()
        assert labels(module) <= used(module) <= labels(module) | labels(steps), module.__name__
    assert labels(triton_cells) <= used(triton_cells) <= labels(triton_cells) | labels(steps)


@pytest.mark.parametrize("cell", CELLS)
def test_stated_shapes_are_the_shapes(cell):
    given = inputs(cell, set(OPTIONS))
    (_, B, GH), H, M = given.a.shape, given.h.shape[1], given.c.shape[1]
    form = cells.FORMS[cell]
    sizes = {"T": 3, "B": B, "GH": GH, "G": form.gates, "K": form.own, "H": H, "M": M}
    sizes |= {"U": GH * form.product, "N": H * form.norm, "H + M": H + M}
    _, _, saved = plain.forward(cell, given)
    read = plain.read_of(given, saved)
    slopes = plain.backward(cell, given, saved, read, (saved.hs, given.h, given.c))
    for value in (given, saved, read, slopes):
        for line in inspect.getsource(type(value)).splitlines():
            if match := re.match(r"    (\w+): .*# \((.*)\)$", line):
                axes = [axis.strip() for axis in match[2].split(",") if axis.strip()]
                assert getattr(value, match[1]).shape == tuple(sizes[axis] for axis in axes), line


def test_triton_is_not_imported_before_it_is_needed():
    code = """
import sys, torch
before = set(sys.modules)
from rnnlib.nn.modules import LSTM
early = set(sys.modules)
LSTM(2, 3, layer_norm=True)(torch.zeros(4, 1, 2))[0].sum().backward()
assert not [name for name in sys.modules if "kernels.triton_" in name]
assert not [name for name in early - before if name.startswith("triton")]
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
