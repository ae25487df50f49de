"""How long scans take on one thread, against the loop over time and against torch.nn.LSTM.

::

    recurrence   h ← a ∘ h + b with given a and b: a loop of torch, and the scans of rnnlib.nn.scan
    layer        torch.nn.LSTM; minLSTM as a loop of its cell, and by the scans, in log space

Forward and backward, in float32, in turns, by processor time, as :mod:`rnnlib.bench.ladder` does
it; what computes the same is compared first. A ratio above one says slower: than the loop, for the
recurrence, and than torch.nn.LSTM, for the layers.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rnnlib import machine
from rnnlib.bench import ladder

SIZES = ("64,16,64", "256,16,64", "1024,16,64", "4096,1,16", "256,16,256", "128,16,512")
YARDSTICKS = {"recurrence": "loop", "layer": "torch.nn.LSTM"}
SCANS = ("sequential", "hillis_steele", "work_efficient", "chunked")


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="T,B,H each, with D = H")
    parser.add_argument("--repeats", type=int, default=11, help="turns")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Time all ways in turns, for all sizes.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line about each size.

    Returns
    -------
    dict
        What :mod:`json` can write; times in milliseconds.

    Raises
    ------
    ValueError
        If an option makes no sense, torch is missing, or a scan gives other numbers.
    """
    sizes, start, busy = _chosen(args), time.monotonic(), []
    torch = ladder.torch_with_one_thread()
    measured: dict[str, dict[str, dict[str, list[float]]]] = {name: {} for name in YARDSTICKS}
    for T, B, H in sizes:
        busy.append(machine.busy(ladder.QUIET))
        for name, ways in (("recurrence", recurrences(T, B, H)), ("layer", layers(T, B, H))):
            measured[name][f"{T},{B},{H}"] = found = ladder.turns(ways, args.repeats)
            middle = ladder.ratios(found, "chunked", YARDSTICKS[name])[1]
            log(f"{name} {T},{B},{H}: chunked {middle:.2f}")
    return {
        "name": "scans_speed",
        "command": f"python -m rnnlib.bench scans --sizes {' '.join(args.sizes)} "
        f"--repeats {args.repeats}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {"sizes": [list(size) for size in sizes], "dtype": "float32"},
        "versions": machine.versions("numpy", "torch"),
        "machine": machine.computer() | {"torch_threads": torch.get_num_threads()},
        "blas": {"torch": ladder.blas_of_torch()},
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "measured": measured,
    }


def say(found: dict[str, Any]) -> str:
    """Tables of what was measured, and on what."""
    tables, sizes = [], [",".join(map(str, size)) for size in found["settings"]["sizes"]]
    for name, yardstick in YARDSTICKS.items():
        measured = found["measured"][name]

        def entry(
            way: str,
            size: str,
            measured: dict[str, Any] = measured,
            yardstick: str = yardstick,
        ) -> str:
            low, middle, high = ladder.ratios(measured[size], way, yardstick)
            milliseconds = f"{statistics.median(measured[size][way]):.4g} ms"
            return f"{milliseconds}\n× {middle:.2f} ({low:.2f} to {high:.2f})"

        rows = {way: [entry(way, size) for size in sizes] for way in measured[sizes[0]]}
        tables.append(ladder.table(f"{name}, against {yardstick}", sizes, rows, "T,B,H"))
    computer = found["machine"]
    lines = [
        "Milliseconds of processor time, forward and backward; × is times the yardstick's,",
        "with quartiles.",
        f"{computer['cpu']}, {computer['cores']} cores, {computer['torch_threads']} threads",
        f"torch {found['versions']['torch']} with {found['blas']['torch']}",
        found["noise"],
    ]
    return "".join(tables) + "\n".join(filter(None, lines))


def recurrences(T: int, B: int, H: int) -> dict[str, ladder.Way]:
    """The recurrence by the loop and by every scan, warm, and known to agree."""
    import torch

    from rnnlib.nn import scan

    torch.manual_seed(0)
    a, b = torch.rand(T, B, H, requires_grad=True), torch.randn(T, B, H, requires_grad=True)
    h, u = torch.randn(B, H), torch.randn(T, B, H)

    def way(run: Callable[..., Any]) -> ladder.Way:
        def both() -> Any:
            hs = run(a, b, h)
            grads = torch.autograd.grad(hs, [a, b], u)
            return hs.detach().numpy(), grads[0].numpy()

        return both

    ways = {"loop": way(scan.loop)}
    for name in SCANS:
        ways[name] = way(functools.partial(scan.forward, scan=getattr(scan, name)))
    ladder.same(ways, "loop")
    return ways


def layers(T: int, B: int, H: int) -> dict[str, ladder.Way]:
    """Torch's LSTM, and minLSTM by a loop and by every scan, which are known to agree."""
    import torch

    from rnnlib.nn import bptt, min_lstm, modules, parallel, scan

    torch.manual_seed(0)
    x, u = torch.randn(T, B, H, requires_grad=True), torch.randn(T, B, H)
    lstm, minimal = torch.nn.LSTM(H, H), modules.MinLSTM(H, H)
    params = min_lstm.Params(minimal.weight_ih, minimal.bias_ih)
    state = min_lstm.zero_state(params, B)

    def way(module: Any, run: Callable[[], Any]) -> ladder.Way:
        def both() -> Any:
            hs = run()
            grads = torch.autograd.grad(hs, [x, *module.parameters()], u)
            return hs.detach().numpy(), grads[0].numpy()

        return both

    def at_once(by: scan.Scan) -> torch.Tensor:
        return parallel.forward(min_lstm, params, x, state, by)[0]

    ways = {"loop": way(minimal, lambda: bptt.forward(min_lstm, params, x, state)[0])}
    for name in SCANS[1:]:
        by = getattr(scan, name)
        ways[name] = way(minimal, functools.partial(at_once, by))
    ladder.same(ways, "loop")
    return {"torch.nn.LSTM": way(lstm, lambda: lstm(x)[0])} | ways


def _chosen(args: argparse.Namespace) -> list[tuple[int, int, int]]:
    """The sizes, if all options make sense."""
    if args.repeats < 1:
        raise ValueError(f"--repeats: got {args.repeats}, expected at least 1")
    sizes = []
    for text in args.sizes:
        parts = text.split(",")
        if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
            want = "three positive integers T,B,H such as 256,16,64"
            raise ValueError(f"--sizes: got {text!r}, expected {want}")
        sizes.append((int(parts[0]), int(parts[1]), int(parts[2])))
    return sizes
