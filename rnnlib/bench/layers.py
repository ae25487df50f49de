"""How long rnnlib.nn's layers take, against torch.nn's and the loops that people write today.

::

    LSTM, GRU, RNN   the layer with all options off; torch.nn's own
    layer norm       LSTM(layer_norm=True); a loop of a cell of Linear and LayerNorm
    zoneout          LSTM(zoneout=(0.1, 0.1)); a loop of LSTMCell that draws and blends
    lengths          LSTM, lengths=...; a loop of LSTMCell that keeps ended states
    lengths, packed  LSTM, lengths=...; pack_padded_sequence around torch.nn.LSTM

Forward and backward, on one thread, in float32, in turns, by processor time, as
:mod:`rnnlib.bench.ladder` does it, and outputs are compared first (zoneout's in evaluation, where
nothing is drawn). A ratio below one says that rnnlib.nn is faster.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rnnlib import machine
from rnnlib.bench import ladder

RATE = 0.1  # of zoneout
SECONDS = 2.0  # of turns for each pair at least, so that short ones have many


def options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    ladder.options(parser)


def measure(args: argparse.Namespace, log: Callable[[str], None]) -> dict[str, Any]:
    """Time every layer and its peer in turns.

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
        If an option makes no sense, torch is missing, or a peer gives other numbers.
    """
    sizes, start, busy = ladder.chosen(args), time.monotonic(), []
    torch = ladder.torch_with_one_thread()
    measured: dict[str, dict[str, dict[str, list[float]]]] = {}
    for B, H in sizes:
        busy.append(machine.busy(ladder.QUIET))
        for name, ways in pairs(args.steps, B, H).items():
            found = ladder.turns(ways, args.repeats, SECONDS)
            measured.setdefault(name, {})[f"{B},{H}"] = found
            log(f"{name} {B},{H}: {ladder.ratios(found, 'rnnlib', 'peer')[1]:.3f}")
    command = f"--sizes {' '.join(args.sizes)} --steps {args.steps} --repeats {args.repeats}"
    return {
        "name": "layers_speed",
        "command": f"python -m rnnlib.bench layers {command}",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": {"sizes": [list(size) for size in sizes], "T": args.steps, "dtype": "float32"},
        "versions": machine.versions("numpy", "torch"),
        "machine": machine.computer() | {"torch_threads": torch.get_num_threads()},
        "blas": {"torch": ladder.blas_of_torch()},
        "seconds": round(time.monotonic() - start, 1),
        "busy": busy,
        "noise": machine.noise(busy),
        "measured": measured,
    }


def say(found: dict[str, Any]) -> str:
    """A table of what was measured, and on what."""

    def entry(times: dict[str, list[float]]) -> str:
        low, middle, high = ladder.ratios(times, "rnnlib", "peer")
        milliseconds = [f"{statistics.median(times[way]):.4g}" for way in ("rnnlib", "peer")]
        return f"{' / '.join(milliseconds)} ms\n× {middle:.3f} ({low:.3f} to {high:.3f})"

    settings, computer = found["settings"], found["machine"]
    sizes = [f"{B},{H}" for B, H in settings["sizes"]]
    rows = {n: [entry(times[size]) for size in sizes] for n, times in found["measured"].items()}
    lines = [
        "Milliseconds of processor time, forward and backward, ours / theirs; × is times theirs,",
        "with quartiles.",
        f"{computer['cpu']}, {computer['cores']} cores, {computer['torch_threads']} threads",
        f"torch {found['versions']['torch']} with {found['blas']['torch']}",
        found["noise"],
    ]
    title = f"rnnlib.nn, T = {settings['T']}, D = H"
    return ladder.table(title, sizes, rows) + "\n".join(filter(None, lines))


def pairs(T: int, B: int, H: int) -> dict[str, dict[str, ladder.Way]]:
    """Every layer and its peer, warm, and known to agree.

    Parameters
    ----------
    T, B, H : int
        Number of steps, of sequences and of units.

    Returns
    -------
    dict
        For each name the ways ``rnnlib`` and ``peer``, forward and backward.

    Raises
    ------
    ValueError
        If a peer gives other numbers.
    """
    import torch

    from rnnlib.nn import modules

    torch.manual_seed(0)
    x, lengths = torch.randn(T, B, H), torch.randint(1, T + 1, (B,))
    lengths[0] = T
    seen = torch.arange(T)[:, None] < lengths
    u = torch.randn(T, B, H)

    def way(module: Any, run: Callable[[], Any]) -> ladder.Way:
        def both() -> Any:
            given = x.requires_grad_()
            hs = run()
            grads = torch.autograd.grad(hs, [given, *module.parameters()], u)
            return hs.detach().numpy(), grads[0].numpy()

        return both

    def pair(ours: Any, ours_run: Any, peer: Any, peer_run: Any) -> dict[str, ladder.Way]:
        ways = {"rnnlib": way(ours, ours_run), "peer": way(peer, peer_run)}
        ours.eval(), peer.eval()
        ladder.same(ways, "peer")
        ours.train(), peer.train()
        return ways

    found = {}
    for name in ("LSTM", "GRU", "RNN"):
        peer = getattr(torch.nn, name)(H, H)
        ours = getattr(modules, name).from_torch(peer)
        found[name] = pair(
            *(ours, lambda m=ours: m(x)[0]),
            *(peer, lambda m=peer: m(x)[0]),
        )
    theirs = torch.nn.LSTM(H, H)
    norm = modules.LSTM.from_torch(theirs, layer_norm=True)
    normed = normed_cell(norm)
    found["layer norm"] = pair(norm, lambda: norm(x)[0], normed, lambda: loop(normed, x))
    zoned, cell = modules.LSTM.from_torch(theirs, zoneout=(RATE, RATE)), cell_of(theirs)
    found["zoneout"] = pair(
        *(zoned, lambda: zoned(x)[0]),
        *(cell, lambda: loop(cell, x, zoneout)),
    )
    plain, other = modules.LSTM.from_torch(theirs), cell_of(theirs)
    found["lengths"] = pair(
        *(plain, lambda: plain(x, lengths=lengths)[0]),
        *(other, lambda: loop(other, x, lambda t, _, new, old: ended(seen[t], new, old), seen)),
    )

    def packed() -> Any:
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        given = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return pad_packed_sequence(theirs(given)[0])[0]

    found["lengths, packed"] = pair(plain, lambda: plain(x, lengths=lengths)[0], theirs, packed)
    return found


# ------------------------------------------------------------------- what people write


def loop(cell: Any, xs: Any, after: Any = None, seen: Any = None) -> Any:
    """Run a cell over time; ``after`` makes the state of the new one and the old one."""
    import torch

    H = cell.hidden_size
    state, hs = (xs.new_zeros(xs.shape[1], H), xs.new_zeros(xs.shape[1], H)), []
    for t, x in enumerate(xs):
        new = cell(x, state)
        state = after(t, cell, new, state) if after else new
        hs.append(state[0])
    out = torch.stack(hs)
    return out if seen is None else out * seen[:, :, None]


def zoneout(t: int, cell: Any, new: Any, old: Any) -> Any:
    """Keep some units, drawn anew; in evaluation, their mean."""
    import torch

    if not cell.training:
        return tuple(RATE * o + (1 - RATE) * n for n, o in zip(new, old, strict=True))
    return tuple(
        torch.where(torch.rand_like(o) < RATE, o, n) for n, o in zip(new, old, strict=True)
    )


def ended(reading: Any, new: Any, old: Any) -> Any:
    """Keep the state of a sequence that has ended."""
    import torch

    return tuple(torch.where(reading[:, None], n, o) for n, o in zip(new, old, strict=True))


def cell_of(layer: Any) -> Any:
    """Torch's LSTMCell with the weights of a layer."""
    import torch

    cell = torch.nn.LSTMCell(layer.input_size, layer.hidden_size)
    for mine, weight in zip(cell.parameters(), layer.parameters(), strict=True):
        mine.data.copy_(weight.data)
    return cell


def normed_cell(layer: Any) -> Any:
    """An LSTM cell of Linear and LayerNorm, with the weights of rnnlib's layer."""
    import torch
    from torch import nn

    class LayerNormLSTMCell(nn.Module):
        def __init__(self, D: int, H: int) -> None:
            super().__init__()
            self.hidden_size = H
            self.ih, self.hh = nn.Linear(D, 4 * H, bias=False), nn.Linear(H, 4 * H, bias=False)
            self.norm_ih, self.norm_hh = nn.LayerNorm(4 * H), nn.LayerNorm(4 * H)
            self.norm_c = nn.LayerNorm(H)

        def forward(self, x: Any, state: Any) -> Any:
            h, c = state
            a = self.norm_ih(self.ih(x)) + self.norm_hh(self.hh(h))
            i, f, g, o = a.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(self.norm_c(c)), c

    cell = LayerNormLSTMCell(layer.input_size, layer.hidden_size)
    weights = {
        "ih.weight": layer.weight_ih_l0,
        "hh.weight": layer.weight_hh_l0,
        "norm_ih.weight": layer.gamma_x_l0,
        "norm_ih.bias": layer.bias_ih_l0,
        "norm_hh.weight": layer.gamma_h_l0,
        "norm_hh.bias": layer.bias_hh_l0,
        "norm_c.weight": layer.gamma_c_l0,
        "norm_c.bias": layer.beta_c_l0,
    }
    cell.load_state_dict(weights)
    return cell
