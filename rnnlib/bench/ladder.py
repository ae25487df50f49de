"""How long forward and backward take in NumPy, rung by rung, against torch and autograd.

::

    reference      rnnlib.reference.bptt with the cell
    gathered, ...  the rungs of rnnlib.reference.ladder, from the bottom to the top, fast
    torch          torch.nn.LSTM and torch.nn.GRU as they come, the yardstick
    no oneDNN      the same with torch.backends.mkldnn switched off
    cell loop      torch.nn.LSTMCell and torch.nn.GRUCell in a loop of Python
    autograd       the reference's forward, differentiated by HIPS autograd

All run in one process with one thread, in float32, on the same numbers, and their values and
gradients are compared before the first is timed. They take turns, every other turn in the other
order. What is measured is processor time, so that a neighbour who takes the processor away counts
less; one who empties its cache still counts. A ratio is that of two times of the same turn.

Memory is the most that NumPy held at once beyond its arguments, over the state that the
reference's caches keep and the gradients that must be handed back. With one example the headers
of the many small arrays that the lower rungs keep count as well.
"""

import argparse
import importlib
import io
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from rnnlib import machine
from rnnlib.check import random_like
from rnnlib.reference import bptt, gru, lstm
from rnnlib.reference.ops import Array, leaves, tree_map

CELLS: dict[str, ModuleType] = {"lstm": lstm, "gru": gru}
RUNGS = ("gathered", "hoisted", "one_tanh", "in_place", "fast")
SIZES = ("1,128", "32,64", "32,128", "64,256", "32,512")
DEAD = {  # peers that cannot run where this package can
    "numpy-ml": "0.1.2, the last release, imports collections.Hashable, gone since Python 3.10",
}
QUIET = 0.5  # seconds to look for others before each size
AGREE = 1e-3  # what rounding of float32 may part, relative to the largest number

Way = Callable[[], tuple[Array, Array]]  # forward and backward; gives hs and dxs


class Example(NamedTuple):
    """What every way is given."""

    params: Any
    xs: Array
    state: Any
    dhs: Array
    dstate: Any


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="B,H each, with D = H")
    parser.add_argument("--steps", type=int, default=100, help="of a sequence")
    parser.add_argument("--repeats", type=int, default=15, help="turns")


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Time all ways in turns, for both cells and all sizes.

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
        If an option makes no sense, torch is missing, or a way gives other numbers.
    """
    sizes, start, busy = chosen(args), time.monotonic(), []
    measured: dict[str, dict[str, dict[str, list[float]]]] = {name: {} for name in CELLS}
    memory: dict[str, dict[str, dict[str, float]]] = {name: {} for name in CELLS}
    absent = dict(DEAD)
    torch = torch_with_one_thread()
    for name, cell in CELLS.items():
        for B, H in sizes:
            given = example(cell, args.steps, B, H)
            ours = {"reference": cell, **{rung: rung_of(name, rung) for rung in RUNGS}}
            ways = {way: numpy_way(module, given) for way, module in ours.items()}
            ways |= torch_ways(name, given) | autograd_way(name, given, absent)
            same(ways)
            busy.append(machine.busy(QUIET))
            measured[name][f"{B},{H}"] = turns(ways, args.repeats)
            must = kept(cell, given)
            memory[name][f"{B},{H}"] = {w: round(peak(ways[w]) / must, 3) for w in ours}
            log(f"{name} {B},{H}: fast {ratios(measured[name][f'{B},{H}'], 'fast')[1]:.2f}")
    command = f"--sizes {' '.join(args.sizes)} --steps {args.steps} --repeats {args.repeats}"
    packages = ["numpy", "torch", *(["autograd"] if "autograd" not in absent else [])]
    return {
        "name": "numpy_speed",
        "command": f"python -m rnnlib.bench numpy {command}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {"sizes": [list(size) for size in sizes], "T": args.steps, "dtype": "float32"},
        "versions": machine.versions(*packages),
        "machine": machine.computer() | {"torch_threads": torch.get_num_threads()},
        "blas": {"numpy": blas_of_numpy(), "torch": blas_of_torch()},
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "absent": absent,
        "measured": measured,
        "memory": memory,
    }


def say(found: dict[str, Any]) -> str:
    """Tables of what was measured, and on what."""
    tables = []
    for name, sizes in found["measured"].items():
        ways = next(iter(sizes.values()))
        rows = {way: [_entry(found, name, size, way) for size in sizes] for way in ways}
        tables.append(table(f"{name}, T = {found['settings']['T']}, D = H", list(sizes), rows))
    computer, versions = found["machine"], found["versions"]
    lines = [
        "Milliseconds of processor time, forward and backward; × is times that of torch.nn, with",
        "quartiles; memory is times what backpropagation through time keeps and hands back.",
        f"{computer['cpu']}, {computer['cores']} cores, {computer['threads']} threads for NumPy, "
        f"{computer['torch_threads']} for torch",
        f"NumPy with {found['blas']['numpy']}, torch with {found['blas']['torch']}",
        ", ".join(f"{package} {version}" for package, version in versions.items()),
        *(f"{way} does not run: {why}" for way, why in found["absent"].items()),
        found["noise"],
    ]
    return "".join(tables) + "\n".join(filter(None, lines))


def table(title: str, sizes: Sequence[str], rows: dict[str, list[str]], corner: str = "B,H") -> str:
    """A table with a column for each size, as text."""
    from rich.console import Console
    from rich.table import Table

    drawn, text = Table(title=title, show_lines=True), io.StringIO()
    drawn.add_column(corner)
    for size in sizes:
        drawn.add_column(size, justify="right")
    for name, entries in rows.items():
        drawn.add_row(name, *entries)
    Console(file=text, width=34 + 28 * len(sizes)).print(drawn)
    return text.getvalue()


def ratios(
    times: dict[str, list[float]], way: str, yardstick: str = "torch"
) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of a way's time over another's, turn by turn.

    Parameters
    ----------
    times : dict
        For each way, its times.
    way, yardstick : str
        Two of them.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> ratios({"torch": [2.0, 1.0, 4.0], "fast": [2.0, 1.5, 2.0]}, "fast")
    (0.75, 1.0, 1.25)
    """
    found = [ours / theirs for ours, theirs in zip(times[way], times[yardstick], strict=True)]
    if len(found) == 1:
        return found[0], found[0], found[0]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return low, middle, high


def _entry(found: dict[str, Any], name: str, size: str, way: str) -> str:
    """One entry of the table."""
    times, memory = found["measured"][name][size], found["memory"][name][size]
    if way not in times:
        return ""
    low, middle, high = ratios(times, way)
    lines = [f"{statistics.median(times[way]):.4g} ms", f"× {middle:.2f} ({low:.2f} to {high:.2f})"]
    return "\n".join([*lines, *([f"memory × {memory[way]:.2f}"] if way in memory else [])])


def chosen(args: argparse.Namespace) -> list[tuple[int, int]]:
    """The sizes, if all options make sense."""
    for option in ("steps", "repeats"):
        if getattr(args, option) < 1:
            raise ValueError(f"--{option}: got {getattr(args, option)}, expected at least 1")
    return [_size(text) for text in args.sizes]


def _size(text: str) -> tuple[int, int]:
    """Batch size and hidden units of an option such as ``32,64``."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--sizes: got {text!r}, expected two positive integers B,H such as 32,64")
    return int(parts[0]), int(parts[1])


# ---------------------------------------------------------------- what is measured


def turns(ways: dict[str, Way], repeats: int, seconds: float = 0.0) -> dict[str, list[float]]:
    """Milliseconds of processor time of each way, in every turn; more turns until these seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    turn, end = 0, time.process_time() + seconds
    while turn < repeats or time.process_time() < end:
        for name in list(ways) if turn % 2 == 0 else list(ways)[::-1]:
            start = time.process_time_ns()
            ways[name]()
            times[name].append(round((time.process_time_ns() - start) / 1e6, 4))
        turn += 1
    return times


def peak(way: Way) -> int:
    """The most bytes that NumPy holds at once while a way runs."""
    tracemalloc.start()
    try:
        way()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def kept(cell: Any, given: Example) -> int:
    """Bytes of what the reference keeps beside the inputs, and of the gradients it gives."""
    _, _, caches = bptt.forward(cell, given.params, given.xs, given.state)
    grads = bptt.backward(cell, given.params, caches, given.dhs, given.dstate)
    arrays = [a for cache in caches for a in leaves((cache.prev, cache.kept))]
    return sum({id(a): a.nbytes for a in [*arrays, *leaves(grads)]}.values())


def same(ways: dict[str, Way], right: str = "reference") -> None:
    """Refuse ways that do not compute the same; as they run, they are warm."""
    wants = ways[right]()
    for name, way in ways.items():
        for what, got, want in zip(("hs", "dxs"), way(), wants, strict=True):
            off = np.abs(got - want).max() / np.abs(want).max()
            if not off <= AGREE:
                raise ValueError(f"{name}: {what} is off by {off:.1g}, expected at most {AGREE:g}")


# --------------------------------------------------------------------------- the ways


def example(cell: Any, T: int, B: int, H: int) -> Example:
    """Random parameters, inputs, state and gradients in float32."""
    rng = np.random.default_rng(0)
    params = cell.init(rng, H, H)
    biases = {name: rng.normal(size=b.shape) for name, b in params._asdict().items() if b.ndim == 1}
    state = random_like(rng, cell.zero_state(params, B))
    xs, dhs = rng.normal(size=(2, T, B, H))
    made = Example(params._replace(**biases), xs, state, dhs, random_like(rng, state))
    return tree_map(lambda a: a.astype(np.float32), made)


def rung_of(name: str, rung: str) -> ModuleType:
    """The module of a rung."""
    return importlib.import_module(f"rnnlib.reference.ladder.{name}_{rung}")


def numpy_way(module: Any, given: Example) -> Way:
    """The reference with a cell, or a rung."""
    params, xs, state, dhs, dstate = given

    def run() -> tuple[Array, Array]:
        if hasattr(module, "step"):
            hs, _, caches = bptt.forward(module, params, xs, state)
            return hs, bptt.backward(module, params, caches, dhs, dstate)[1]
        hs, _, cache = module.forward(params, xs, state)
        return hs, module.backward(params, cache, dhs, dstate)[1]

    return run


def torch_with_one_thread() -> ModuleType:
    """Torch, with one thread."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise ValueError("the yardstick is torch: pip install torch") from error
    torch.set_num_threads(1)
    return torch


def blas_of_numpy() -> str:
    """What NumPy multiplies matrices with."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


def blas_of_torch() -> str:
    """What torch multiplies matrices with."""
    import torch

    found = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    names = ("Intel(R) oneAPI Math", "Intel(R) MKL-DNN", "OpenBLAS")
    return "; ".join(line.partition(" for Intel")[0] for line in found if line.startswith(names))


def torch_ways(name: str, given: Example) -> dict[str, Way]:
    """Torch's layer with and without oneDNN, and a loop of its cell."""
    import torch

    tensors: Any = tree_map(torch.tensor, given)
    params, xs, state, dhs, dstate = tensors
    H, D = state.h.shape[1], xs.shape[2]
    kind, cell_kind = getattr(torch.nn, name.upper()), getattr(torch.nn, f"{name.upper()}Cell")
    layer, cell = kind(D, H), cell_kind(D, H)
    b_hh = torch.zeros(len(params.b))
    if name == "gru":  # the reset gate acts on this part
        b_hh[2 * H :] = params.b_n
    for theirs in (list(layer.parameters()), list(cell.parameters())):
        for weight, ours in zip(theirs, (params.W_x, params.W_h, params.b, b_hh), strict=True):
            weight.data.copy_(ours)
    xs, state = xs.requires_grad_(), tuple(s.requires_grad_() for s in state)

    def backward(hs: Any, last: Sequence[Any], module: Any) -> tuple[Array, Array]:
        wanted = [xs, *state, *module.parameters()]
        dxs = torch.autograd.grad([hs, *last], wanted, [dhs, *dstate])[0]
        return hs.detach().numpy(), dxs.numpy()

    def run() -> tuple[Array, Array]:
        first = tuple(s[None] for s in state)
        hs, last = layer(xs, first if name == "lstm" else first[0])
        last = last if name == "lstm" else (last,)
        return backward(hs, [s[0] for s in last], layer)

    def without() -> tuple[Array, Array]:
        with warnings.catch_warnings():  # of TF32, which this switch sets besides
            warnings.simplefilter("ignore", UserWarning)
            with torch.backends.mkldnn.flags(enabled=False):
                return run()

    def loop() -> tuple[Array, Array]:
        hs, s = [], state if name == "lstm" else state[0]
        for x in xs:
            s = cell(x, s)
            hs.append(s[0] if name == "lstm" else s)
        return backward(torch.stack(hs), s if name == "lstm" else (s,), cell)

    return {"torch": run, "no oneDNN": without, "cell loop": loop}


def autograd_way(name: str, given: Example, absent: dict[str, str]) -> dict[str, Way]:
    """The reference's forward in HIPS autograd's NumPy; where it is not, why."""
    try:
        import autograd.numpy as anp
        from autograd import make_vjp
    except ImportError as error:
        absent["autograd"] = str(error)
        return {}

    def sigmoid(a: Any) -> Any:
        return 0.5 * (1.0 + anp.tanh(0.5 * a))

    def lstm_step(params: Any, x: Any, state: Any) -> Any:
        (W_x, W_h, b), (h, c) = params, state
        a_i, a_f, a_g, a_o = anp.split(anp.dot(x, W_x.T) + anp.dot(h, W_h.T) + b, 4, axis=1)
        c = sigmoid(a_f) * c + sigmoid(a_i) * anp.tanh(a_g)
        return sigmoid(a_o) * anp.tanh(c), c

    def gru_step(params: Any, x: Any, state: Any) -> Any:
        (W_x, W_h, b, b_n), (h,) = params, state
        a_r, a_z, a_n = anp.split(anp.dot(x, W_x.T) + b, 3, axis=1)
        u_r, u_z, u_n = anp.split(anp.dot(h, W_h.T), 3, axis=1)
        z = sigmoid(a_z + u_z)
        n = anp.tanh(a_n + sigmoid(a_r + u_r) * (u_n + b_n))
        return ((1 - z) * n + z * h,)

    step = lstm_step if name == "lstm" else gru_step
    (params, xs, state, dhs, dstate), T = given, len(given.xs)

    def unrolled(arguments: Any) -> Any:
        params, xs, state = arguments
        hs = []
        for t in range(T):
            state = step(params, xs[t], state)
            hs.append(state[0])
        return anp.concatenate([*hs, *state])

    def run() -> tuple[Array, Array]:
        vjp, found = make_vjp(unrolled)((tuple(params), xs, tuple(state)))
        _, dxs, _ = vjp(np.concatenate([*dhs, *dstate]))
        return found[: dhs[..., 0].size].reshape(dhs.shape), dxs

    return {"autograd": run}
