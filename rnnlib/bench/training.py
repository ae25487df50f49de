"""How many characters a second an LSTM with layer norm learns from, by our kernels and by others.

::

    kernel   rnnlib.nn.LSTM(layer_norm=True)
    eager    a loop of a cell of Linear and LayerNorm, with the same weights
    plain    torch.nn.LSTM, which on a GPU is cuDNN's; another network, without layer norm

Each reads the same batches of Python's own source, forgets between them, and predicts the next
character, under Adam. The first two are one function, so their curves of the loss begin alike, and
if they do not there is nothing to time. Later, training magnifies rounding: how far apart the
curves get is kept. The three are trained a step at a time in turns, and the clock is read when the
device has finished.
With ``--device cpu`` the kernel is the loop of its operator, and the times say nothing of a GPU.
"""

import argparse
import contextlib
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rnnlib import machine
from rnnlib.bench import gpu, ladder, layers

WAYS = ("kernel", "eager", "plain")
SIZES = {"steps": 300, "units": 768, "batch": 64, "length": 128}
WARM = 5  # steps that are not timed
RATE = 2e-3  # of Adam
ALIKE = 10  # steps in which the curves must agree
MEAN = 20  # steps that are averaged to see how far they part later
APART = {"float32": 0.01, "bfloat16": 0.05}  # nats by which they may differ at first


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dtype", choices=tuple(APART), default="bfloat16", help="of products")
    for name, size in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size)


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Train the three, in turns.

    Parameters
    ----------
    args : argparse.Namespace
        With the fields of :func:`options`.
    log : callable
        Takes a line now and then.

    Returns
    -------
    dict
        What :mod:`json` can write.

    Raises
    ------
    ValueError
        If there is no GPU and the CPU was not asked for, a size makes no sense, or the curves of
        the kernel and of the eager cell do not begin alike.
    """
    for name in SIZES:
        least = WARM + 2 if name == "steps" else 1
        if getattr(args, name) < least:
            raise ValueError(f"--{name}: got {getattr(args, name)}, expected at least {least}")
    import torch

    on_card = args.device == "cuda"
    device = gpu.card() if on_card else torch.device("cpu")
    symbols = corpus()
    learners = {name: Learner(model, args.dtype) for name, model in models(args, device).items()}
    rng, start = torch.Generator().manual_seed(0), time.monotonic()
    for step in range(args.steps):
        here = torch.randint(len(symbols) - args.length, (args.batch,), generator=rng)
        cut = symbols[here + torch.arange(args.length + 1)[:, None]].to(device)
        for name in WAYS if step % 2 == 0 else WAYS[::-1]:
            learners[name].learn(cut)
        if step % 50 == 0:
            log(f"step {step}: " + ", ".join(f"{n} {learners[n].losses[-1]:.3f}" for n in WAYS))
    losses = {name: [round(v, 5) for v in learners[name].losses] for name in WAYS}
    pair = losses["kernel"], losses["eager"]
    first = max(abs(a - b) for a, b in zip(*(curve[:ALIKE] for curve in pair), strict=True))
    if not first <= APART[args.dtype]:
        raise ValueError(f"kernel and eager: losses begin {first:.2g} nats apart, expected none")
    apart = max(abs(a - b) for a, b in zip(*map(running, pair), strict=True))
    sizes = {name: getattr(args, name) for name in SIZES}
    shown = " ".join(f"--{name} {value}" for name, value in sizes.items())
    return {
        "name": "gpu_training" if on_card else "cpu_training",
        "command": f"python -m rnnlib.bench training --device {args.device} --dtype {args.dtype} "
        + shown,
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {**sizes, "dtype": args.dtype},
        "versions": machine.versions("torch"),
        "machine": gpu.describe(device) if on_card else machine.computer(),
        "seconds": round(time.monotonic() - start, 1),
        "times": {name: learners[name].times[WARM:] for name in WAYS},
        "losses": losses,
        "apart": round(apart, 6),
    }


def say(found: dict[str, Any]) -> str:
    """A table: characters a second, how many times the kernel's time, and losses on the way."""
    settings, rows = found["settings"], {}
    marks = sorted({0, settings["steps"] // 4, settings["steps"] // 2, settings["steps"] - 1})
    for name, times in found["times"].items():
        low, middle, high = ladder.ratios(found["times"], name, "kernel")
        each = settings["batch"] * settings["length"] / statistics.median(times)
        rows[name] = [
            f"{each * 1e3:,.0f}",
            f"× {middle:.2f} ({low:.2f} to {high:.2f})",
            ", ".join(f"{found['losses'][name][k]:.3f}" for k in marks),
        ]
    columns = ["characters a second", "time, × the kernel's", "loss at " + _list(marks)]
    title = f"{settings['units']} units, B = {settings['batch']}, T = {settings['length']}"
    about = found["machine"]
    lines = [
        f"Kernel and eager, in means of {MEAN} steps: at most {found['apart']:.2g} nats apart",
        f"{about.get('name') or about['cpu']}, {settings['dtype']} products",
        ", ".join(f"{package} {version}" for package, version in found["versions"].items()),
    ]
    return ladder.table(title, columns, rows, "") + "\n".join(lines)


def running(curve: list[float]) -> list[float]:
    """Means of so many steps, or of all if there are fewer."""
    n = min(MEAN, len(curve))
    return [statistics.fmean(curve[k : k + n]) for k in range(len(curve) - n + 1)]


class Learner:
    """A network, its optimiser, and what became of it.

    Parameters
    ----------
    model : torch.nn.Module
        Gives logits for symbols ``(T, B)``.
    dtype : str
        What products are computed in.
    """

    def __init__(self, model: Any, dtype: str) -> None:
        import torch

        self.model, self.dtype = model, getattr(torch, dtype)
        self.optimiser = torch.optim.Adam(model.parameters(), RATE)
        self.losses: list[float] = []
        self.times: list[float] = []  # milliseconds of each step

    def learn(self, cut: Any) -> None:
        """One step, on symbols ``(T + 1, B)``."""
        import torch
        from torch.nn.functional import cross_entropy

        kind = cut.device.type
        mixed = torch.autocast(kind, self.dtype) if self.dtype != torch.float32 else None
        if kind == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        with mixed or contextlib.nullcontext():
            logits = self.model(cut[:-1])
        loss = cross_entropy(logits.flatten(0, 1).float(), cut[1:].flatten())
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.losses.append(loss.item())  # waits for the device
        self.times.append(round((time.perf_counter() - start) * 1e3, 4))


def corpus() -> Any:
    """Python's own source as symbols."""
    import numpy as np
    import torch

    from rnnlib import characters, data

    parts = data.python_files()
    names = np.random.default_rng(0).permutation(list(parts))
    return torch.from_numpy(characters.encode("".join(parts[name] for name in names)[:2_000_000]))


def models(args: argparse.Namespace, device: Any) -> dict[str, Any]:
    """The three networks; the first two with the same weights."""
    import torch
    from torch import nn

    from rnnlib import characters
    from rnnlib.nn import modules

    H = args.units

    class Model(nn.Module):
        def __init__(self, run: Callable[[Any], Any], layer: Any) -> None:
            super().__init__()
            self.embedding, self.readout = nn.Embedding(characters.V, H), nn.Linear(H, characters.V)
            self.layer, self.run = layer, run

        def forward(self, symbols: Any) -> Any:
            return self.readout(self.run(self.embedding(symbols)))

    torch.manual_seed(0)
    ours = modules.LSTM(H, H, layer_norm=True, backend="kernel")
    cell, plain = layers.normed_cell(ours), nn.LSTM(H, H)
    made = {
        "kernel": Model(lambda x: ours(x)[0], ours),
        "eager": Model(lambda x: layers.loop(cell, x), cell),
        "plain": Model(lambda x: plain(x)[0], plain),
    }
    for name in ("eager", "plain"):
        for part in ("embedding", "readout"):
            getattr(made[name], part).load_state_dict(getattr(made["kernel"], part).state_dict())
    return {name: model.to(device) for name, model in made.items()}


def _list(marks: list[int]) -> str:
    """Steps, counted from one."""
    return "steps " + ", ".join(str(mark + 1) for mark in marks)
