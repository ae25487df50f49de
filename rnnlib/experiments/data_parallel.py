r"""Do two processes, each with half of the rows, learn what one learns from all of them?

Prediction: in float64 they do to rounding if the halves have equally many symbols, whatever these
are. If they have not, and each process takes the mean over its own symbols, the losses drift apart,
visibly from the second step on. If the losses are weighted so that the mean of the two gradients is
the gradient of the joint mean, they are equal to rounding again.

Measured: the loss per symbol before each step, of one process and of two (``one`` and ``two``:
seed, kind, step); the relative difference between them (``gap``: the same), and the largest
difference between the weights of the two processes at the end (``apart``: seed, kind). The kinds
are names of eight letters each; names of all lengths, each process with the mean over its
own symbols; the same, weighted. The processes are two of ``torch.nn.parallel``'s
``DistributedDataParallel`` over gloo, on one machine; the shorter half of the rows goes to one of
them, the longer to the other, as where batches are made of sequences of like lengths.
"""

import os
import socket
import tempfile
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from rnnlib.experiments import _networks as networks
from rnnlib.experiments import padding
from rnnlib.nn import ragged

SEEDS = 3
QUICK = {"H": 3, "B": 4, "steps": 3}
WORLD = 2
WAIT = timedelta(minutes=10)  # for the other process, before it counts as lost

#: Are the names of all lengths, and is a process's loss weighted by what it holds?
KINDS = {"even": (False, False), "own means": (True, False), "weighted": (True, True)}


def measure(
    seed: int, *, H: int = 32, B: int = 16, steps: int = 30, lr: float = 1.0
) -> dict[str, Any]:
    """Measure once, see the module."""
    torch.set_num_threads(1)
    corpus = padding.names(seed)
    data = {kind: batches(seed, corpus, B, steps, mixed) for kind, (mixed, _) in KINDS.items()}
    start = new(seed, corpus.V, H).state_dict()
    with tempfile.TemporaryDirectory() as folder:
        torch.save((start, data, lr), Path(folder) / "work.pt")
        spawn(process, args=(folder,), nprocs=WORLD)  # type: ignore[no-untyped-call]
        told = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(WORLD)]
    one, two, gap, apart = [], [], [], []
    for kind in KINDS:
        one.append(alone(new(seed, corpus.V, H), data[kind], lr))
        losses, weights = zip(*(found[kind] for found in told), strict=True)
        two.append(np.sum(losses, axis=0))
        gap.append(np.abs(two[-1] / one[-1] - 1))
        apart.append(max(float((a - b).abs().max()) for a, b in zip(*weights, strict=True)))
    return {"one": one, "two": two, "gap": gap, "apart": apart}


def new(seed: int, V: int, H: int) -> padding.Writer:
    """A writer in float64."""
    torch.manual_seed(seed)
    return padding.Writer(V, H).double()


def batches(
    seed: int, corpus: padding.Corpus, B: int, steps: int, mixed: bool
) -> list[padding.Names]:
    """One batch per step, the rows sorted by length."""
    texts = [x for x in corpus.train if mixed or len(x) == 8]

    def draw(rng: np.random.Generator) -> padding.Names:
        rows = sorted((texts[k] for k in rng.choice(len(texts), size=B)), key=len)
        return padding.batch(rows, np.zeros(B, dtype=np.int64))

    return list(islice(networks.stream(seed, draw), steps))


def alone(writer: nn.Module, data: list[padding.Names], lr: float) -> list[float]:
    """One process, all rows."""
    sgd, losses = torch.optim.SGD(writer.parameters(), lr=lr), []
    for names in data:
        total, M = total_loss(writer, names)
        sgd.zero_grad()
        torch.autograd.backward(total / M)
        sgd.step()
        losses.append(float(total.detach() / M))
    return losses


def together(
    writer: nn.Module,
    data: list[padding.Names],
    lr: float,
    rank: int,
    weighted: bool,
) -> list[float]:
    """One of several processes, its share of the rows; what it adds to the joint loss."""
    peer = DistributedDataParallel(writer)
    sgd, losses = torch.optim.SGD(peer.parameters(), lr=lr), []
    for names in data:
        total, own = total_loss(peer, share(names, rank))
        M = own.clone()
        dist.all_reduce(M)  # the symbols of all processes
        loss = WORLD * total / M if weighted else total / own  # (rank-loss)
        sgd.zero_grad()
        torch.autograd.backward(loss)  # and DDP takes the mean of the gradients
        sgd.step()
        losses.append(float(total.detach() / M))
    return losses


def share(names: padding.Names, rank: int) -> padding.Names:
    """The rows of one process."""
    B = len(names.lengths)
    rows = slice(rank * B // WORLD, (rank + 1) * B // WORLD)
    return padding.Names(names.letters[:, rows], names.lengths[rows], names.languages[rows])


def total_loss(writer: nn.Module, names: padding.Names) -> tuple[Tensor, Tensor]:
    """Sum of the losses of all symbols that count, and how many these are."""
    end = torch.full_like(names.letters[:1], padding.PAD)
    targets = torch.cat([names.letters, end])
    counts = ragged.valid(names.lengths + 1, len(targets))[..., 0]
    said = writer(torch.cat([end, names.letters]))[0]
    return cross_entropy(said[counts], targets[counts], reduction="sum"), counts.sum()


def process(rank: int, folder: str) -> None:
    """What each process does: meet the other at a file, learn, write down what came."""
    torch.set_num_threads(1)
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    if loopback:  # the two need no network, so they should not look for one
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", meeting, timeout=WAIT, rank=rank, world_size=WORLD)
    start, data, lr = torch.load(Path(folder) / "work.pt", weights_only=False)
    found = {}
    for kind, (_, weighted) in KINDS.items():
        writer = new(0, *start["embedding.weight"].shape)
        writer.load_state_dict(start)
        losses = together(writer, data[kind], lr, rank, weighted)
        found[kind] = losses, [p.detach() for p in writer.parameters()]
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
