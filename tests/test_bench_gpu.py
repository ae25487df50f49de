"""The benchmark of the kernels: all that can be run without a GPU, on a CPU with tiny sizes.

There the kernels are the operators' loops. What they take is of no interest; that all is checked,
timed, counted and printed is.
"""

import copy
import importlib.util
import json
import os
import subprocess
import sys
import types

import pytest
import torch
from helpers import ROOT

from rnnlib.bench import __main__ as bench
from rnnlib.bench import barrier, gpu, gpu_cases
from rnnlib.bench.gpu_cases import FIGURES, Case
from rnnlib.nn.kernels import dispatch

CPU = torch.device("cpu")
ABOUT = {
    "name": "no card",
    "processors": 1,
    "driver": "none",
    "cuda": "none",
    "cudnn": "none",
}
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None
    and not (os.environ.get("RNNLIB_STRICT") == "1" and sys.platform == "linux"),
    reason="Triton is not installed",
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def tiny(case):
    """The same case, small, in a dtype that a CPU is quick in."""
    return case._replace(T=5, B=2, H=8, dtype="float32")


@pytest.fixture(autouse=True)
def settings_of_torch(monkeypatch):
    """Leave torch's settings as they were."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.fixture(scope="module")
def found():
    """A run with one small case of every kind."""
    kinds = {(c.regime, c.cell, str(c.options), c.lengths, c.resets): c for c in gpu_cases.cases()}
    checks = [tiny(c) for c in gpu_cases.checked()[:6]]
    checks += [Case("check", "LSTM", "float32", 1, 1, 7)]
    plan = gpu.Plan(checks, [tiny(case) for case in kinds.values()], [(4, 2, 3)], 5.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "SECONDS", 0.001)
        patch.setattr(barrier, "PROGRAMS", ())
        return gpu.run(plan, CPU, ABOUT, lambda line: None) | {"command": ""}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, capsys):
    assert bench.main(["gpu", "--json", str(tmp_path / "gpu.json")]) == 2
    said = capsys.readouterr()
    assert "no GPU: torch sees no CUDA device, so nothing was measured" in said.err
    assert not said.out and not list(tmp_path.iterdir())


def test_an_option_that_makes_no_sense_is_named(capsys):
    assert bench.main(["gpu", "--minutes", "0"]) == 2
    assert "--minutes: got 0.0, expected more than 0" in capsys.readouterr().err


def test_every_check_finds_the_operator_right_and_repeatable(found):
    assert len(found["checks"]) == 7
    assert not found["wrong"] and not found["failed"]
    assert all(0 < one["off"] < 1e-5 for one in found["checks"])


def test_every_regime_is_timed_against_its_yardstick(found):
    assert {row["regime"] for row in found["measured"]} == set(FIGURES)
    for row in found["measured"]:
        yardstick = FIGURES[row["regime"]].yardstick
        assert any(way.startswith(yardstick) for way in row["ms"])
        low, middle, high = row["ratio"]
        assert 0 < low <= middle <= high
        assert row["best"] in row["ms"] and not row["best"].startswith(yardstick)
    assert not found["unreached"]


def test_what_was_found_can_be_written_and_is_said(found):
    said = gpu.say(json.loads(json.dumps(found)))
    for regime in FIGURES:
        assert regime in said
    assert "no card, driver none" in said
    assert "7 checks against float64, 0 wrong" in said
    assert "haste_pytorch: not installed" in said
    assert len(found["scans"]) == 6 and "complex float32 backward" in said


def test_wrong_numbers_failures_and_what_was_not_reached_are_said(found):
    bad = copy.deepcopy(found)
    bad["wrong"], bad["failed"] = ["LSTM by graph"], {"timed GRU": "out of memory"}
    bad["unreached"] = ["a", "b"]
    bad["measured"][0]["ratio"] = [9.0, 9.0, 9.0]
    bad["barrier"] = [{"P": 8, "size": 64, "gather": True, "us": 2.0}]
    said = gpu.say(bad)
    for words in (
        "WRONG: LSTM by graph",
        "FAILED timed GRU: out of memory",
        "not reached in time: 2",
        "NOT REACHED",
        "8 programs, 64 numbers: 2.00 µs NOT REACHED",
    ):
        assert words in said


def test_a_kernel_that_computes_something_else_is_found(monkeypatch):
    def shifted(built, backend, *args, **more):
        way = ours(built, backend, *args, **more)
        if backend == "loop":
            return way
        return lambda: tuple(t * (1 + 1e-4) for t in way())

    ours = gpu_cases.ours
    monkeypatch.setattr(gpu_cases, "ours", shifted)
    (one,) = gpu.check(Case("check", "GRU", "float32", 5, 2, 4), CPU)
    assert not one["right"] and one["repeats"]
    case = Case("auto", "GRU", "float32", 5, 2, 4)
    with pytest.raises(ValueError, match=r"ours and torch are 0\.0001 apart"):
        gpu.timed(case, gpu.Clock(CPU), CPU)
    failed = {}
    assert gpu.guarded(gpu.timed, failed, case, gpu.Clock(CPU), CPU) == []
    assert list(failed) == [f"timed {case.name}"]


def test_a_kernel_that_does_not_repeat_itself_is_found(monkeypatch):
    def restless(built, backend, *args, **more):
        way = ours(built, backend, *args, **more)
        return lambda: tuple(t * (1 + 1e-7 * torch.rand(())) for t in way())

    ours = gpu_cases.ours
    monkeypatch.setattr(gpu_cases, "ours", restless)
    (one,) = gpu.check(Case("check", "LSTM", "float32", 5, 2, 4), CPU)
    assert one["right"] and not one["repeats"]


def test_the_table_for_auto_holds_plain_layers_that_were_timed_by_torch_and_by_a_kernel(found):
    made = copy.deepcopy(found)
    for row in made["measured"]:
        row["ms"] = {
            {"kernel": "graph", "plain": "plain graph"}.get(way, way): ms
            for way, ms in row["ms"].items()
        }
    held = {"no card": gpu.table_of(made)}
    rows = held["no card"]["rows"]
    plain = [r for r in made["measured"] if r["plain"] and {"torch", "graph"} <= set(r["ms"])]
    assert len(rows) == len(plain) > 0
    assert {"date", "versions", "driver", "rows"} == set(held["no card"])
    for row in rows:
        assert set(row) == {"cell", "dtype", "T", "B", "H", "ms"}
        row["ms"]["graph"] = 0.1 * row["ms"]["torch"]
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    given = "lstm", "no card", torch.float32, 5, 2, 8
    assert dispatch.choose(("torch", "graph"), *given, table=held) == "graph"
    torch.backends.cudnn.allow_tf32 = True  # torch's layers are quicker and rounder than ours
    assert dispatch.choose(("torch", "graph"), *given, table=held) == "torch"


def test_the_first_cases_are_one_of_each_regime_and_no_two_are_the_same():
    cases = gpu_cases.cases()
    assert [case.regime for case in cases[: len(FIGURES)]] == list(FIGURES)
    names = [(case.regime, case.name) for case in cases]
    assert len(names) == len(set(names))
    assert all(case.B in (1, 8, 16, 17, 24, 32, 64) for case in cases)
    aligned = [c for c in cases if c.regime == "cuDNN's own ground" and c.H >= 256]
    assert all(c.dtype == "float16" and c.H % 128 == 0 and c.B % 8 == 0 for c in aligned)


def test_what_is_not_reached_in_time_is_named(monkeypatch):
    monkeypatch.setattr(barrier, "PROGRAMS", ())
    cases = [tiny(case) for case in gpu_cases.cases()[:7]]
    plan = gpu.Plan(gpu_cases.checked()[:1], cases, [], 1e-9)
    quick = gpu.run(plan, CPU, ABOUT, lambda line: None)
    assert len(quick["unreached"]) == 8 and not quick["measured"] and not quick["checks"]


def test_ways_take_turns_in_both_orders():
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = gpu.turns(ways, lambda way: way() or 200.0, seconds=0.1)
    assert "".join(calls) == "aabb" + "ab" + "abbaabbaab"
    assert times == {"a": [200.0] * 5, "b": [200.0] * 5}


def test_libraries_of_others_are_run_where_they_are_installed(monkeypatch):
    library = types.ModuleType("haste_pytorch")
    library.LSTM = torch.nn.LSTM
    other = types.ModuleType("flashrnn")

    def flashrnn(a, R, b, states, function, backend):
        B, _, G, N, D = a.shape
        assert (function, G, N, tuple(R.shape)) == ("lstm", 4, 1, (4, 1, D, D))
        assert tuple(states.shape) == (2, B, 1, N, D) and tuple(b.shape) == (4, N, D)
        h = a[:, :, 0] + b[0] + R[0, 0, 0] + states[0]
        return torch.stack([h, h]), None

    other.flashrnn = flashrnn
    monkeypatch.setitem(sys.modules, "haste_pytorch", library)
    monkeypatch.setitem(sys.modules, "flashrnn", other)
    failed = {}
    found, absent = gpu.other_libraries(gpu.Clock(CPU), CPU, failed, (3, 2, 4))
    assert set(found) == {"haste_pytorch", "flashrnn"} and not absent and not failed


@needs_triton
@pytest.mark.parametrize("gather", [False, True])
@pytest.mark.parametrize("T", [1, 2, 7])
def test_the_barrier_lets_one_program_pass_and_the_sum_is_known(T, gather):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device: several programs are tested there")
    sums, want = barrier.launch(T, 1, 5, gather, CPU)
    assert sums.tolist() == [want]
    assert want == gather * 8 * sum(t * (t + 1) / 2 for t in range(1, T + 1))


@needs_triton
def test_the_barrier_compiles_for_a_hopper_card_and_waits_with_acquire():
    env = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "error", "tests/compiled_kernels.py", "barriers"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("spills 0") == 2
    assert done.stdout.count("release 1, acquire 1") == 2


@needs_cuda
def test_several_programs_meet_at_the_barrier():
    device = torch.device("cuda")
    for P in (2, 16, 128):
        for size in (64, 12288):
            sums, want = barrier.launch(64, P, size, True, device)
            assert sums.tolist() == pytest.approx([want] * P, rel=1e-5)


def test_without_torch_the_other_benchmarks_still_start():
    code = "import sys; sys.modules['torch'] = sys.modules['triton'] = None\n"
    code += "import rnnlib.bench.gpu, rnnlib.bench.training"
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True, timeout=60)


def test_interpreted_kernels_are_not_timed(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(sys.modules, "triton", types.ModuleType("triton"))
    assert bench.main(["gpu"]) == 2
    assert "TRITON_INTERPRET is set" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "triton", None)
    assert bench.main(["gpu"]) == 2
    assert "pip install triton" in capsys.readouterr().err


# What asks the card, with a card that is made up.


@pytest.fixture
def card(monkeypatch):
    """A card in name only."""
    about = types.SimpleNamespace(
        **{"name": "a card", "major": 9, "minor": 0, "multi_processor_count": 132},
        **{"total_memory": 2**37, "shared_memory_per_block_optin": 232448},
    )
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    return types.SimpleNamespace(type="cuda")


def test_the_ways_of_a_case_are_those_whose_weights_fit(card):
    def kinds(*size, **options):
        return gpu.kinds(Case("check", *size, options=options), card)

    assert kinds("LSTM", "bfloat16", 9, 2, 128) == ("persistent", "graph")
    assert kinds("GRU", "float16", 9, 2, 129) == ("graph",)
    assert kinds("LSTM", "tf32", 9, 2, 128) == ("graph",)
    assert kinds("LSTM", "bfloat16", 9, 2, 128, layer_norm=True) == ("graph",)
    assert kinds("LSTM", "bfloat16", 9, 2, 50, layer_norm=True) == ("persistent", "graph")


def test_a_way_is_forced_for_as_long_as_it_runs():
    from rnnlib.nn.kernels import launch

    before = launch.way
    assert gpu_cases.by("graph", lambda: launch.way("lstm", None))() == "graph"
    assert launch.way is before


def test_the_names_of_cells_are_those_of_the_kernels():
    from rnnlib.nn.kernels import cells

    assert {case.kernel for case in gpu_cases.checked()} == set(cells.FORMS) - {"relu"}
    assert {case.kernel for case in gpu_cases.cases()} <= set(cells.FORMS)


def test_a_card_is_described_without_touching_it(card, monkeypatch):
    asked = []

    def answer(command, **_):
        asked.append(command)
        return types.SimpleNamespace(stdout="580.1\n")

    monkeypatch.setattr(subprocess, "run", answer)
    about = gpu.describe(card)
    assert (about["name"], about["capability"], about["driver"]) == ("a card", "9.0", "580.1")
    assert about["processors"] == 132
    assert [[word for word in command if word.startswith("-")] for command in asked] == [
        ["--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    ]
