"""How fast the kernels of rnnlib.nn are on a GPU, against cuDNN, eager cells and other libraries.

All in one call, of less than eight minutes: first every kernel is checked, against the loop of its
cell in float64, and run twice to see that not a bit differs. Then a barrier between processors is
timed (:mod:`rnnlib.bench.barrier`), linear recurrences against a copy of as many bytes, and the
cases of :mod:`rnnlib.bench.gpu_cases`, forward and backward, product of the inputs included, in
turns, by events on the device, medians with quartiles. From these comes a table for
:mod:`rnnlib.nn.kernels.dispatch`, with which ``auto`` is held against torch at the end;
``--dispatch`` keeps it. The most important cases come first; what time does not reach is named.

No setting of the card is touched. Without a card there is nothing to measure, and it says so.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from unittest import mock

from rnnlib import machine
from rnnlib.bench import barrier, gpu_cases, ladder
from rnnlib.bench.gpu_cases import FIGURES, PRECISE, Case, Way

SECONDS = 0.6  # that the turns of one case may take
SCANS = ((1024, 16, 768), (1024, 64, 1024), (4096, 1, 1024))  # T, B, H
CHECKS = 0.3  # of the time, at most
SLACK = 2.0  # times the error of the loop in the same dtype, which a kernel may have
ALIKE = 10  # steps that are compared where rounding is magnified later
FIRST = 10.0  # seconds that a first call may take
LEFT = 75.0  # seconds kept for auto and for other libraries


class Plan(NamedTuple):
    """What is to be done."""

    checks: Sequence[Case]
    cases: Sequence[Case]
    scans: Sequence[tuple[int, int, int]]
    minutes: float


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--minutes", type=float, default=7.5, help="after which no case is begun")
    parser.add_argument("--dispatch", action="store_true", help="keep the table for auto")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Check and time everything.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line about each part.

    Returns
    -------
    dict
        What :mod:`json` can write.

    Raises
    ------
    ValueError
        If there is no GPU, no Triton, or an option makes no sense.
    """
    if not args.minutes > 0:
        raise ValueError(f"--minutes: got {args.minutes}, expected more than 0")
    with tempfile.TemporaryDirectory() as empty:  # so that a first call compiles
        os.environ.setdefault("TRITON_CACHE_DIR", empty)
        device = card()
        plan = Plan(gpu_cases.checked(), gpu_cases.cases(), SCANS, args.minutes)
        found = run(plan, device, describe(device), log)
    if args.dispatch and not found["wrong"]:
        from rnnlib.nn.kernels import dispatch

        dispatch.write(found["card"]["name"], table_of(found))
    more = " --dispatch" if args.dispatch else ""
    return found | {"command": f"python -m rnnlib.bench gpu --minutes {args.minutes:g}{more}"}


def card() -> Any:
    """The GPU; ValueError if there is none that the kernels can run on."""
    try:
        import torch
    except ImportError as error:
        raise ValueError("the kernels are torch's to call: pip install torch") from error
    if not torch.cuda.is_available():
        raise ValueError(
            "no GPU: torch sees no CUDA device, so nothing was measured. "
            "This benchmark needs an NVIDIA GPU, and a torch built for CUDA"
        )
    try:
        import triton  # noqa: F401
    except ImportError as error:
        raise ValueError("the kernels are compiled by Triton: pip install triton") from error
    if os.environ.get("TRITON_INTERPRET", "0") not in ("", "0"):
        raise ValueError("TRITON_INTERPRET is set: kernels would be interpreted, not compiled")
    return torch.device("cuda", torch.cuda.current_device())


def describe(device: Any) -> dict[str, Any]:
    """Name and size of the card, its driver, and versions."""
    import torch

    about = torch.cuda.get_device_properties(device)
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        driver = "unknown"
    return {
        "name": about.name,
        "capability": f"{about.major}.{about.minor}",
        "processors": about.multi_processor_count,
        "bytes": about.total_memory,
        "driver": driver,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def run(
    plan: Plan, device: Any, about: dict[str, Any], log: Callable[[str], None]
) -> dict[str, Any]:
    """Do what is planned, on any device.

    Parameters
    ----------
    plan : Plan
        What to do.
    device : torch.device
        Where; on a CPU the kernels are the operators' loops.
    about : dict
        The device, as :func:`describe` gives it.
    log : callable
        Takes a line about each part.

    Returns
    -------
    dict
        As :func:`measure`, without the command.
    """
    start, clock, failed = time.monotonic(), Clock(device), dict[str, str]()
    end = start + 60 * plan.minutes
    first = first_calls(device)
    log(f"first calls: {', '.join(f'{k} {v:.1f} s' for k, v in first.items())}")
    checks, unreached = list[dict[str, Any]](), list[str]()
    for case in plan.checks:
        if time.monotonic() > start + CHECKS * 60 * plan.minutes:
            unreached.append(f"check: {case.name}")
        else:
            checks += guarded(check, failed, case, device)
    wrong = [f"{c['case']} by {c['way']}" for c in checks if not (c["right"] and c["repeats"])]
    log(f"{len(checks)} checks, {len(wrong)} wrong: {', '.join(wrong)}")
    barriers = guarded_list(lambda: barrier.measure(clock, device, about["processors"]), failed)
    bandwidth = copy_rate(clock, device)
    scans = [row for size in plan.scans for row in guarded(scan_rows, failed, size, clock, device)]
    log(f"copy {bandwidth:.0f} GB/s, {len(scans)} scans, {len(barriers)} barriers")

    rows = list[dict[str, Any]]()
    for case in (case for case in plan.cases if case.regime != "auto"):
        if time.monotonic() > end - min(LEFT, 30 * plan.minutes / 7.5):
            unreached.append(f"{case.regime}: {case.name}")
            continue
        for row in guarded(timed, failed, case, clock, device):
            rows.append(row)
            log(f"{case.regime}, {case.name}: {row['ratio'][1]:.3f}")
    found = {
        "name": "gpu",
        "date": datetime.now(UTC).date().isoformat(),
        "card": about,
        "versions": machine.versions("torch", *_installed("triton")),
        "first": first,
        "checks": checks,
        "wrong": wrong,
        "barrier": barriers,
        "bandwidth": round(bandwidth, 1),
        "scans": scans,
        "measured": rows,
    }
    from rnnlib.nn.kernels import dispatch

    with mock.patch.object(dispatch, "read", lambda: {about["name"]: table_of(found)}):
        for case in (case for case in plan.cases if case.regime == "auto"):
            if time.monotonic() > end:
                unreached.append(f"{case.regime}: {case.name}")
            else:
                rows += guarded(timed, failed, case, clock, device)
    others, absent = dict[str, float](), dict[str, str]()
    if time.monotonic() < end:
        others, absent = other_libraries(clock, device, failed)
    return found | {
        "others": others,
        "absent": absent,
        "failed": failed,
        "unreached": unreached,
        "seconds": round(time.monotonic() - start, 1),
    }


class Clock:
    """Milliseconds that the device takes for a callable; on a CPU by the clock on the wall."""

    def __init__(self, device: Any) -> None:
        import torch

        self.cuda, self.event = device.type == "cuda", torch.cuda.Event

    def __call__(self, run: Callable[[], Any]) -> float:
        """Run it once."""
        if not self.cuda:
            start = time.perf_counter()
            run()
            return (time.perf_counter() - start) * 1e3
        before, after = (self.event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        before.record()
        run()
        after.record()
        after.synchronize()
        return float(before.elapsed_time(after))


def turns(ways: dict[str, Way], clock: Clock, seconds: float = SECONDS) -> dict[str, list[float]]:
    """Milliseconds of each way in every turn, every other turn in the other order."""
    for way in ways.values():  # compiles, records, allocates
        way(), way()
    once = sum(clock(way) for way in ways.values()) / 1e3
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(min(max(int(seconds / once), 5), 40)):
        for name in list(ways) if turn % 2 == 0 else list(ways)[::-1]:
            times[name].append(clock(ways[name]))
    return times


def kinds(case: Case, device: Any) -> tuple[str, ...]:
    """The ways of our kernels that can run a case; on a CPU the operator chooses none."""
    if device.type != "cuda":
        return ()
    import torch

    from rnnlib.nn.kernels import launch

    about = torch.cuda.get_device_properties(device)
    shared = getattr(about, "shared_memory_per_block_optin", 0)
    fits = launch.fits(case.kernel, gpu_cases.dtype_of(case), case.H, shared)
    return ("persistent", "graph") if fits else ("graph",)


def check(case: Case, device: Any) -> list[dict[str, Any]]:
    """How far each of our ways is off the loop in float64, and whether it repeats itself.

    Where layer norm magnifies rounding, no way of 16 bits is within the tolerance. There a way is
    right if it is about as far off as the loop in the same 16 bits.
    """
    import torch

    gpu_cases.set_precision(case)
    built = gpu_cases.build(case, device)
    built.theirs.eval()  # zoneout keeps its mean
    wants = gpu_cases.exact_way(built)()
    loop = distance(gpu_cases.ours(built, "loop", **built.more)(), wants)
    kernel = gpu_cases.ours(built, "kernel", **built.more)
    chosen = {kind: gpu_cases.by(kind, kernel) for kind in kinds(case, device)}
    found = []
    for name, way in (chosen or {"kernel": kernel}).items():
        once, again = way(), way()
        off = distance(once, wants)
        found.append(
            {
                "case": case.name,
                "way": name,
                "off": float(f"{off:.2g}"),
                "loop": float(f"{loop:.2g}"),
                "right": off <= max(PRECISE[case.dtype], SLACK * loop),
                "repeats": all(torch.equal(a, b) for a, b in zip(once, again, strict=True)),
            }
        )
    return found


def distance(got: Sequence[Any], want: Sequence[Any]) -> float:
    """The norm of an error over that of what is right; the largest of outputs and gradients."""
    pairs = zip(got, want, strict=True)
    return max(float((g.double() - w).norm() / w.norm().clamp(min=1e-300)) for g, w in pairs)


def differ(got: Sequence[Any], want: Sequence[Any], early: bool) -> float:
    """How far outputs and the inputs' gradients are apart; if ``early`` the first outputs alone."""
    if early:
        got, want = [got[0][:ALIKE]], [want[0][:ALIKE]]
    return distance(got[:2], [w.double() for w in want[:2]])


def timed(case: Case, clock: Clock, device: Any) -> list[dict[str, Any]]:
    """Times of a case, and the ratio of our best way to the yardstick."""
    gpu_cases.set_precision(case)
    built = gpu_cases.build(case, device)
    ways = gpu_cases.ways(built, kinds(case, device))
    yardstick = FIGURES[case.regime].yardstick
    rivals = [name for name in ways if name.split()[0] == yardstick]
    mine = [name for name in ways if name not in rivals]
    if yardstick in ("torch", "eager"):
        apart = max(differ(ways[n](), ways[yardstick](), yardstick == "eager") for n in mine)
        if not apart <= 10 * PRECISE[case.dtype]:
            raise ValueError(f"ours and {yardstick} are {apart:.1g} apart")
    times = turns(ways, clock)
    best, rival = (min(of, key=lambda n: statistics.median(times[n])) for of in (mine, rivals))
    return [
        {
            "regime": case.regime,
            "case": case.name,
            **{key: getattr(case, key) for key in ("cell", "dtype", "T", "B", "H")},
            "kernel": case.kernel,
            "plain": not (case.options or case.lengths or case.resets),
            "best": best,
            "ms": {name: quartiles(of) for name, of in times.items()},
            "ratio": [round(r, 4) for r in ladder.ratios(times, best, rival)],
        }
    ]


def quartiles(times: list[float]) -> list[float]:
    """Lower quartile, median, upper quartile."""
    return [round(t, 5) for t in statistics.quantiles(times, n=4, method="inclusive")]


def first_calls(device: Any) -> dict[str, float]:
    """Seconds of the first forward and backward by each way, compilation included."""
    import torch

    found = {}
    case = Case("check", "LSTM", "bfloat16", 16, 4, 128)
    for name in kinds(case, device) or ("kernel",):
        built = gpu_cases.build(case, device)
        way = gpu_cases.ours(built, "kernel")
        start = time.monotonic()
        (gpu_cases.by(name, way) if name != "kernel" else way)()
        if device.type == "cuda":
            torch.cuda.synchronize()
        found[name] = round(time.monotonic() - start, 2)
    return found


def copy_rate(clock: Clock, device: Any, size: int | None = None) -> float:
    """Gigabytes per second, read and written, of a copy on the device."""
    import torch

    size = size or (2**30 if device.type == "cuda" else 2**20)
    here, there = torch.ones(2, size, dtype=torch.uint8, device=device)
    there.copy_(here)
    return 2 * size / 1e6 / statistics.median(clock(lambda: there.copy_(here)) for _ in range(20))


def scan_rows(size: tuple[int, int, int], clock: Clock, device: Any) -> list[dict[str, Any]]:
    """Gigabytes per second of linear recurrences, forward and backward, each number once."""
    import torch

    from rnnlib.nn.kernels.scan import scan, scan_backward

    T, B, H = size
    found = []
    for parts, steps, dtype in (
        (1, True, torch.float32),
        (1, True, torch.bfloat16),
        (2, False, torch.float32),
    ):
        torch.manual_seed(0)

        def draw(*shape: int, n: int = parts, dtype: Any = dtype) -> list[Any]:
            return [0.5 * torch.randn(*shape, device=device, dtype=dtype) for _ in range(n)]

        a, b, h, u = draw(T, B, H) if steps else draw(H), draw(T, B, H), draw(B, H), draw(T, B, H)
        hs = scan(a, b, h)
        numbers = parts * T * B * H * a[0].element_size() / 1e6
        for name, tensors, way in (
            ("forward", 3 if steps else 2, lambda a=a, b=b, h=h: scan(a, b, h)),
            (
                "backward",
                5 if steps else 3,
                lambda a=a, h=h, hs=hs, u=u: scan_backward(a, h, hs, u),
            ),
        ):
            way()
            ms = statistics.median(clock(way) for _ in range(20))
            found.append(
                {
                    "pass": name,
                    "complex": parts == 2,
                    "dtype": str(dtype).removeprefix("torch."),
                    **dict(zip("TBH", size, strict=True)),
                    "ms": round(ms, 5),
                    "rate": round(tensors * numbers / ms, 1),
                }
            )
    return found


def other_libraries(
    clock: Clock, device: Any, failed: dict[str, str], size: tuple[int, int, int] = (1024, 16, 768)
) -> tuple[dict[str, float], dict[str, str]]:
    """Milliseconds of what others have written, where it is installed."""
    T, B, H = size
    made, absent = gpu_cases.peers(
        gpu_cases.build(Case("check", "LSTM", "bfloat16", T, B, H), device)
    )
    found = {}
    for name, way in made.items():
        for times in guarded(lambda way=way: [turns({"it": way}, clock)["it"]], failed, name=name):
            found[name] = round(statistics.median(times), 4)
    return found, absent


def guarded(run: Any, failed: dict[str, str], *given: Any, name: str = "") -> list[Any]:
    """What a part of the run gives; nothing if it fails, which is written down, not passed over."""
    try:
        return list(run(*given))
    except (RuntimeError, ValueError, TypeError) as error:
        of = name or getattr(given[0], "name", str(given[0]))
        failed[f"{getattr(run, '__name__', 'run')} {of}"] = str(error).partition("\n")[0][:300]
        return []


def guarded_list(run: Callable[[], list[Any]], failed: dict[str, str]) -> list[Any]:
    """The same for the barrier."""
    return guarded(run, failed, name="barrier")


def table_of(found: dict[str, Any]) -> dict[str, Any]:
    """What :mod:`rnnlib.nn.kernels.dispatch` keeps of a run: plain layers, by way."""
    from rnnlib.nn.kernels import dispatch

    rows = []
    for row in found["measured"]:
        ms = {way: of[1] for way, of in row["ms"].items() if way in dispatch.WAYS}
        if row["plain"] and len(ms) > 1:
            size = {key: row[key] for key in ("dtype", "T", "B", "H")}
            rows.append({"cell": row["kernel"], **size, "ms": ms})
    about = {"date": found["date"], "versions": found["versions"]}
    return {**about, "driver": found["card"]["driver"], "rows": rows}


def _installed(package: str) -> list[str]:
    """The package, if it is there."""
    import importlib.util

    return [package] if importlib.util.find_spec(package) else []


# ------------------------------------------------------------------------------- tables


def say(found: dict[str, Any]) -> str:
    """The table of figures, with ours, theirs and the ratio, and on what it was measured."""
    text = ""
    for regime, figure in FIGURES.items():
        rows = {r["case"]: _entries(r, figure) for r in found["measured"] if r["regime"] == regime}
        aim = "" if figure.aim is None else f", aim × {figure.aim:.3g}"
        title = f"{regime}: at most × {figure.most:.3g} the time of {figure.yardstick}{aim}"
        if rows:
            text += ladder.table(title, ["ours, ms", "theirs, ms", "ratio", ""], rows, "case")
    about, versions = found["card"], found["versions"]
    lines = [
        *(f"WRONG: {case}" for case in found["wrong"]),
        f"{len(found['checks'])} checks against float64, {len(found['wrong'])} wrong",
        *(
            f"first call, {way}: {seconds:.1f} s {_met(seconds <= FIRST)}"
            for way, seconds in found["first"].items()
        ),
        f"copy: {found['bandwidth']:.0f} GB/s; scans, at least × 0.8:",
        *(f"  {_scan(row, found['bandwidth'])}" for row in found["scans"]),
        "barrier, and gathering the state, at most 1.5 µs:" if found["barrier"] else "",
        *(
            f"  {row['P']} programs, {row['size']} numbers: {row['us']:.2f} µs "
            f"{_met(row['us'] <= 1.5)}"
            for row in found["barrier"]
            if row["gather"]
        ),
        *(f"{name}, LSTM T=1024 B=16 H=768: {ms:.2f} ms" for name, ms in found["others"].items()),
        *(f"{name}: {why}" for name, why in found["absent"].items()),
        *(f"FAILED {what}: {why}" for what, why in found["failed"].items()),
        f"not reached in time: {len(found['unreached'])}" if found["unreached"] else "",
        f"{about['name']}, driver {about['driver']}, CUDA {about['cuda']}, cuDNN {about['cudnn']}",
        ", ".join(f"{package} {version}" for package, version in versions.items()),
        f"{found['seconds']:.0f} s, forward and backward, medians with quartiles",
    ]
    return text + "\n".join(filter(None, lines))


def _entries(row: dict[str, Any], figure: gpu_cases.Figure) -> list[str]:
    """One line of a table."""
    low, middle, high = row["ratio"]
    rivals = {n: t for n, t in row["ms"].items() if n.split()[0] == figure.yardstick}
    theirs = min(rivals, key=lambda n: rivals[n][1])
    return [
        f"{row['ms'][row['best']][1]:.4g} ({row['best']})",
        f"{row['ms'][theirs][1]:.4g} ({theirs})",
        f"× {middle:.3f} ({low:.3f} to {high:.3f})",
        _met(middle <= figure.most),
    ]


def _scan(row: dict[str, Any], bandwidth: float) -> str:
    """One line about a linear recurrence."""
    what = f"{'complex' if row['complex'] else 'real'} {row['dtype']} {row['pass']}"
    size = f"T={row['T']} B={row['B']} H={row['H']}"
    share = row["rate"] / bandwidth
    return f"{what}, {size}: {row['rate']:.0f} GB/s, × {share:.2f} {_met(share >= 0.8)}"


def _met(is_met: bool) -> str:
    """In a word."""
    return "reached" if is_met else "NOT REACHED"
