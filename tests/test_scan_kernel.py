"""The operator of linear recurrences: its loop on a CPU, its kernel, and the layers that use it.

Where there is no NVIDIA card the kernel is interpreted, with tiles of a few steps and units, so
that the carry, the edges and what lies beyond them are all run.
"""

import importlib.util
import itertools
import os
import subprocess
import sys

import pytest
import torch
from helpers import ROOT

from rnnlib.nn import complex_pairs, scan
from rnnlib.nn.kernels import scan as kernel
from rnnlib.nn.modules import LRU, MinGRU, MinLSTM

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FORMS = list(itertools.product((1, 2), (True, False)))  # parts of a number; a factor per step?
for_every_form = pytest.mark.parametrize(("parts", "steps"), FORMS)
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None
    and not (os.environ.get("RNNLIB_STRICT") == "1" and sys.platform == "linux"),
    reason="Triton is not installed",
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def example(parts, steps, T, B, H, dtype=torch.float64, seed=0, device="cpu"):
    """Factors of all sizes, summands, a first state and gradients of the result."""
    rng = torch.Generator().manual_seed(seed)
    shapes = [(T, B, H) if steps else (H,), (T, B, H), (B, H), (T, B, H)]
    return [
        [torch.randn(s, generator=rng, dtype=torch.float64).to(device, dtype) for _ in range(parts)]
        for s in shapes
    ]


def by_autograd(a, b, h, u):
    """States and gradients from the loop of torch's operators, in float64."""
    a, b, h = ([part.double().requires_grad_() for part in parts] for parts in (a, b, h))
    T = len(b[0])
    whole = [part.expand(T, *b[0].shape[1:]) for part in a]
    if len(a) == 1:
        hs = [scan.loop(whole[0], b[0], h[0])]
    else:
        one, states = tuple(h), []
        for t in range(T):
            carried = complex_pairs.times((whole[0][t], whole[1][t]), one)
            one = carried[0] + b[0][t], carried[1] + b[1][t]
            states.append(one)
        hs = [torch.stack(part) for part in zip(*states, strict=True)]
    loss = sum((s * g.double()).sum() for s, g in zip(hs, u, strict=True))
    return hs, torch.autograd.grad(loss, [*a, *b, *h])


def off(got, want):
    """The largest relative norm of an error."""
    return max(
        ((g.double().cpu() - w.cpu()).norm() / w.norm().cpu()).item()
        for g, w in zip(got, want, strict=True)
    )


@for_every_form
@pytest.mark.parametrize("size", [(1, 1, 1), (7, 2, 3), (40, 3, 5)])
def test_states_and_gradients_are_those_of_the_loop(parts, steps, size):
    a, b, h, u = example(parts, steps, *size)
    want = by_autograd(a, b, h, u)
    given = [[part.requires_grad_() for part in parts] for parts in (a, b, h)]
    hs = torch.ops.rnnlib.scan(*given)
    grads = torch.autograd.grad(hs, [part for parts in given for part in parts], u)
    assert off(hs, want[0]) < 1e-13
    assert off(grads, want[1]) < 1e-13


@for_every_form
def test_the_gradient_has_a_gradient(parts, steps):
    given = example(parts, steps, 4, 2, 3)[:3]
    flat = [part.requires_grad_() for parts in given for part in parts]

    def states(*flat):
        return tuple(
            torch.ops.rnnlib.scan(*(flat[i : i + parts] for i in range(0, 3 * parts, parts)))
        )

    assert torch.autograd.gradcheck(states, flat)
    assert torch.autograd.gradgradcheck(states, flat)


@for_every_form
def test_torch_finds_no_fault_with_the_operators(parts, steps):
    a, b, h, u = example(parts, steps, 5, 2, 3)
    hs = torch.ops.rnnlib.scan(a, b, h)
    torch.library.opcheck(torch.ops.rnnlib.scan_backward.default, (a, h, hs, u))
    given = [[part.requires_grad_() for part in parts] for parts in (a, b, h)]
    torch.library.opcheck(torch.ops.rnnlib.scan.default, tuple(given))


@needs_triton
@for_every_form
@pytest.mark.parametrize("size", [(1, 1, 1), (9, 2, 5), (4, 3, 3), (11, 1, 2)])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.bfloat16, 1e-2)],
    ids=["float64", "float32", "bfloat16"],
)
def test_the_kernel_runs_the_loop_and_its_backward(parts, steps, size, dtype, tolerance):
    a, b, h, u = example(parts, steps, *size, dtype, sum(size), DEVICE)
    want, grads = by_autograd(a, b, h, u)
    tile = {"chunk": 4, "block": 4}
    hs = kernel.launch_forward(a, b, h, **tile)
    assert off(hs, want) < tolerance
    found = kernel.launch_backward(a, h, hs, u, **tile)
    assert off(found, grads[: 2 * parts]) < 2 * tolerance
    assert {part.dtype for part in (*hs, *found)} == {dtype}


@needs_triton
def test_the_kernel_takes_tensors_that_are_not_contiguous():
    a, b, h, u = ([part.transpose(-1, -2) for part in parts] for parts in example(1, True, 5, 3, 2))
    h = [h[0].contiguous().T.contiguous().T]
    want, grads = by_autograd(a, b, h, u)
    hs = kernel.launch_forward(a, b, h, chunk=4, block=4)
    assert off(hs, want) < 1e-13
    assert off(kernel.launch_backward(a, h, hs, u, chunk=4, block=4), grads[:2]) < 1e-13


@needs_triton
def test_the_kernels_compile_for_a_hopper_card_without_one():
    """What the interpreter runs, the compiler may still refuse; and registers must not spill."""
    env = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "error", "tests/compiled_kernels.py", "scan"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert all("spills 0" in line for line in lines), done.stdout


@needs_cuda
@for_every_form
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_the_operator_on_a_card_is_that_of_the_cpu_and_repeats_bit_by_bit(parts, steps, dtype):
    a, b, h, u = example(parts, steps, 200, 3, 77, dtype, device="cuda")
    a = [part * 0.5 for part in a]
    want, grads = by_autograd(a, b, h, u)
    given = [[part.requires_grad_() for part in parts] for parts in (a, b, h)]
    runs = []
    for _ in range(2):
        hs = torch.ops.rnnlib.scan(*given)
        found = torch.autograd.grad(hs, [part for parts in given for part in parts], u)
        runs.append((*hs, *found))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-2
    assert off(runs[0][:parts], want) < tolerance
    assert off(runs[0][parts:], grads) < 2 * tolerance
    assert all(torch.equal(p, q) for p, q in zip(*runs, strict=True))


# The layers.

LAYERS = pytest.mark.parametrize("cls", [MinGRU, MinLSTM, LRU], ids=lambda cls: cls.__name__)


@LAYERS
def test_a_layer_gives_the_same_by_the_operator_and_by_a_scan(cls):
    torch.manual_seed(0)
    layers = [cls(3, 5, dtype=torch.float64, backend=name) for name in ("scan", "kernel", "auto")]
    for layer in layers[1:]:
        layer.load_state_dict(layers[0].state_dict())
    x, u = torch.randn(2, 30, 4, 3, dtype=torch.float64)[0], torch.randn(30, 4, 5).double()
    more = {"lengths": torch.tensor([30, 1, 17, 29]), "resets": torch.rand(30, 4) < 0.1}
    found = []
    for layer in layers:
        given = x.clone().requires_grad_()
        ys, last = layer(given, **more)
        loss = (ys * u).sum() + sum((s * s).sum() for s in last)
        grads = torch.autograd.grad(loss, [given, *layer.parameters()])
        found.append((ys, *last, *grads))
    assert off(found[1], found[0]) < 1e-12
    assert off(found[2], found[1]) == 0


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@LAYERS
def test_auto_gives_way_where_the_operator_cannot_go(cls):
    layer, x = cls(3, 5), torch.randn(4, 2, 3)

    def run(x):
        return layer(x)[0]

    want, slope = torch.func.jvp(run, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(want, run(x))
    eps = 1e-3
    torch.testing.assert_close(
        slope, (run(x + eps) - run(x - eps)) / (2 * eps), rtol=0.02, atol=1e-3
    )
    torch.testing.assert_close(torch.func.vmap(run)(torch.stack([x, x]))[1], want)
    with torch.autograd.forward_ad.dual_level():
        run(torch.autograd.forward_ad.make_dual(x, x))
    with pytest.raises(ValueError, match="backend: got 'loop', expected one of"):
        cls(3, 5, backend="loop")
    assert repr(cls(3, 5, backend="scan")) == f"{cls.__name__}(3, 5, backend='scan')"


@LAYERS
def test_a_compiled_layer_serves_every_batch_size_without_compiling_again(cls):
    torch._dynamo.reset()
    layer, graphs = cls(3, 5), []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, fullgraph=True, backend=backend, dynamic=True)
    for B in (2, 3, 7, 16):
        x = torch.randn(6, B, 3)
        torch.testing.assert_close(compiled(x)[0], layer(x)[0])
    assert len(graphs) == 1
    assert any("rnnlib.scan" in str(node.target) for node in graphs[0].graph.nodes)
