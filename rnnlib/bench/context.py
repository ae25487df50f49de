"""How long the next token takes, and what must be kept for it, after a context of n tokens.

::

    attention   one layer of self-attention whose keys and values are kept
    LSTM        torch.nn.LSTMCell, the yardstick
    sLSTM, mLSTM, RWKV   rnnlib.nn.slstm, mlstm with one head, rwkv

One sequence, inputs and outputs of H numbers, float32, forward only, one thread, in turns, by
processor time, as :mod:`rnnlib.bench.ladder` does it. Every way has read the same n tokens before
the first is timed. What is kept are the bytes of what the next token needs of those before it;
weights are not counted.
"""

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rnnlib import machine
from rnnlib.bench import ladder

CONTEXTS = (256, 1024, 4096, 16384, 32768)


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--units", type=int, default=256, help="H")
    parser.add_argument("--heads", type=int, default=4, help="of attention")
    parser.add_argument("--contexts", type=int, nargs="+", default=CONTEXTS, help="tokens, growing")
    parser.add_argument("--tokens", type=int, default=20, help="timed together")
    parser.add_argument("--repeats", type=int, default=15, help="turns")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Time the next token of all ways in turns, after every context.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line about each context.

    Returns
    -------
    dict
        What :mod:`json` can write; milliseconds for one token, and bytes.

    Raises
    ------
    ValueError
        If an option makes no sense, or torch is missing.
    """
    _check(args)
    start, busy, before = time.monotonic(), [], 0
    torch = ladder.torch_with_one_thread()
    all_readers = importlib.import_module("rnnlib.bench.readers").all_readers
    measured: dict[str, dict[str, list[float]]] = {}
    kept: dict[str, dict[str, int]] = {}
    with torch.no_grad():
        readers = all_readers(args.units, args.heads, args.contexts[-1] + 1)
        xs = torch.randn(args.contexts[-1] + 1, args.units)
        for n in args.contexts:
            for reader in readers.values():
                reader.read(xs[before:n])
            before, size = n, str(n)
            busy.append(machine.busy(ladder.QUIET))
            ways = {
                name: _tokens(reader, xs[n:][:1], args.tokens) for name, reader in readers.items()
            }
            times = ladder.turns(ways, args.repeats + 1)
            measured[size] = {
                name: [round(t / args.tokens, 5) for t in of_way[1:]]  # the first is cold
                for name, of_way in times.items()
            }
            kept[size] = {
                name: sum(a.numel() * a.element_size() for a in reader.kept())
                for name, reader in readers.items()
            }
            log(f"{n}: attention {ladder.ratios(measured[size], 'attention', 'LSTM')[1]:.2f}")
    given = {
        name: getattr(args, name) for name in ("units", "heads", "contexts", "tokens", "repeats")
    }
    said = (f"--{k} {' '.join(map(str, v)) if k == 'contexts' else v}" for k, v in given.items())
    return {
        "name": "context_speed",
        "command": f"python -m rnnlib.bench context {' '.join(said)}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": given | {"contexts": list(args.contexts), "dtype": "float32"},
        "versions": machine.versions("numpy", "torch"),
        "machine": machine.computer() | {"torch_threads": torch.get_num_threads()},
        "blas": {"torch": ladder.blas_of_torch()},
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "measured": measured,
        "bytes": kept,
    }


def say(found: dict[str, Any]) -> str:
    """A table of times and of bytes, and on what they were measured."""
    measured, H = found["measured"], found["settings"]["units"]
    rows: dict[str, list[str]] = {name: [] for name in next(iter(measured.values()))}
    for size, times in measured.items():
        for name, row in rows.items():
            low, middle, high = ladder.ratios(times, name, "LSTM")
            lines = (
                f"{statistics.median(times[name]):.4f} ms",
                f"× {middle:.2f} ({low:.2f} to {high:.2f})",
                f"{found['bytes'][size][name]:,} bytes",
            )
            row.append("\n".join(lines))
    computer = found["machine"]
    lines_below = [
        "Processor time for the next token; × is times that of LSTM, with quartiles.",
        f"{computer['cpu']}, {computer['cores']} cores, {computer['torch_threads']} threads",
        found["noise"],
    ]
    title = f"After n tokens, H = {H}"
    return ladder.table(title, list(measured), rows, "n") + "\n".join(filter(None, lines_below))


def _tokens(reader: Any, x: Any, tokens: int) -> Callable[[], Any]:
    """So many next tokens."""

    def run() -> None:
        for _ in range(tokens):
            reader.token(x)

    return run


def _check(args: argparse.Namespace) -> None:
    """Refuse options that make no sense."""
    for option in ("units", "heads", "tokens", "repeats"):
        if getattr(args, option) < 1:
            raise ValueError(f"--{option}: got {getattr(args, option)}, expected at least 1")
    if args.units % args.heads:
        raise ValueError(f"--heads: got {args.heads}, expected a divisor of {args.units} units")
    if list(args.contexts) != sorted({n for n in args.contexts if n > 0}):
        raise ValueError(f"--contexts: got {args.contexts}, expected numbers above 0 that grow")
