r"""One training loop, for the reference and for torch.

But for what may go wrong, and for the checkpoints, :func:`fit` is::

    for t in range(1, steps + 1):
        loss, gradient = learner.loss(params, next(batches))
        gradient = clip_by_global_norm(gradient, clip)
        params = optimiser.update(params, gradient, lr=schedule(t))
        if t % every == 0:
            best = min(best, validate(params))
            if there were `patience` validations since: break

A *learner* holds what is changed: :class:`Reference` a tree of NumPy parameters, :class:`Torch` a
module. A network of a cell and a read-out is taught by :func:`many_to_many` or
:func:`many_to_one`.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnlib import shapes
from rnnlib.reference import bptt, linear
from rnnlib.reference.ops import Array, leaves, paths, tree_map, zeros_like
from rnnlib.reference.optim import clip_by_global_norm, global_norm


class History(NamedTuple):
    """What was measured on the way: N steps, M validations."""

    loss: Array  # (N,)
    norm: Array  # (N,)
    rate: Array  # (N,)
    checked: NDArray[np.int64]  # (M,)
    validation: Array  # (M,)
    best: int | None  # the step with the lowest validation, if there was one
    end: str  # what ended it: "steps", "patience" or "goal"


class Learner(Protocol):
    """What is taught: parameters, their gradient, and the optimiser with what it carries."""

    def gradient(self, batch: Any, clip: float | None) -> tuple[float, float]: ...
    def update(self, lr: float | None) -> float: ...
    def validate(self, f: Callable[[Any], float]) -> float: ...
    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> None: ...
    def save(self, path: Path, progress: str, best: Any) -> None: ...
    def load(self, path: Path) -> tuple[str, Any]: ...


@dataclass
class Progress:
    """Where a run is; what it has measured so far, in lists."""

    loss: list[float] = field(default_factory=list)
    norm: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: int | None = None
    end: str = ""

    def note(self, t: int, value: float) -> bool:
        """Enter a validation; say if it is the lowest so far."""
        lowest = min(self.validation, default=np.inf)
        self.checked.append(t)
        self.validation.append(value)
        if value < lowest:
            self.best = t
        return value < lowest

    def stale(self) -> int:
        """Number of validations since the lowest."""
        return len(self.checked) - 1 - self.checked.index(self.best) if self.best else 0

    def history(self) -> History:
        """The same in arrays."""
        return History(
            loss=np.array(self.loss, dtype=np.float64),
            norm=np.array(self.norm, dtype=np.float64),
            rate=np.array(self.rate, dtype=np.float64),
            checked=np.array(self.checked, dtype=np.int64),
            validation=np.array(self.validation, dtype=np.float64),
            best=self.best,
            end=self.end or "steps",
        )


def fit(
    learner: Learner,
    batches: Iterable[Any],
    steps: int,
    *,
    clip: float | None = None,
    schedule: Callable[[int], float] | None = None,
    validate: Callable[[Any], float] | None = None,
    every: int = 100,
    patience: int | None = None,
    goal: float | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    bar: bool = True,
) -> History:
    """Train.

    Parameters
    ----------
    learner : Learner
        What is taught, a :class:`Reference` or a :class:`Torch`; it is changed.
    batches : iterable
        One batch per step, as the learner's loss takes it. If it ends it is started again, as a
        list can be and a generator cannot.
    steps : int
        Number of steps, those before a resumption included.
    clip : float, optional
        The norm that no gradient may exceed.
    schedule : callable, optional
        From the step, counted from 1, to the learning rate; by default the optimiser's own.
    validate : callable, optional
        From the parameters (a module, for torch, in evaluation mode) to a number; lower is better.
    every : int
        Steps from one validation, and from one checkpoint, to the next.
    patience : int, optional
        Stop after this many validations in a row that did not go below the lowest. The learner is
        left with the parameters of the lowest validation, however training ended.
    goal : float, optional
        Stop when a validation is this low.
    checkpoint : path, optional
        A file, to be written every so often and at the end.
    resume : bool
        Go on from the checkpoint if there is one. ``batches`` must be what it was, from its
        beginning: what was taken before is skipped. Then the numbers are, bit for bit, those of a
        run without an interruption.
    bar : bool
        Show progress, if this is a terminal, the variable ``CI`` is not set and tqdm is installed.

    Returns
    -------
    History
        What was measured, from the first step on.

    Raises
    ------
    ValueError
        If an argument makes no sense, there are fewer batches than steps, or the checkpoint is
        that of another learner.
    FloatingPointError
        If a loss, the norm of a gradient, or a validation is not finite; it says at which step.
    """
    _check_arguments(steps, every, clip, validate, patience, goal, checkpoint, resume)
    path, progress, best = Path(checkpoint or ""), Progress(), None
    if resume and path.exists():
        text, best = learner.load(path)
        progress = Progress(**json.loads(text))
    done = len(progress.loss)
    if done > steps:
        raise ValueError(f"steps: got {steps}, expected at least the {done} of the checkpoint")
    last = steps if not progress.end else done
    source = islice(_again(batches), done, None)
    for t in _bar(range(done + 1, last + 1), shown=bar):
        loss, norm = learner.gradient(_next(source, t, steps), clip)
        _check_finite("loss", loss, t, progress)
        _check_finite("norm of the gradient", norm, t, progress)
        rate = learner.update(schedule(t) if schedule else None)
        progress.loss.append(loss)
        progress.norm.append(norm)
        progress.rate.append(rate)
        if validate and t % every == 0:
            value = learner.validate(validate)
            _check_finite("validation", value, t, progress)
            if progress.note(t, value) and patience:
                best = learner.snapshot()
            if patience and progress.stale() >= patience:
                progress.end = "patience"
            if goal is not None and value <= goal:
                progress.end = "goal"
        if checkpoint and (t % every == 0 or t == steps or progress.end):
            learner.save(path, json.dumps(vars(progress)), best)
        if progress.end:
            break
    if patience and best is not None:
        learner.restore(best)
    return progress.history()


@dataclass
class Reference:
    """A learner of :mod:`rnnlib.reference`.

    Parameters
    ----------
    params : tree of Array
        The parameters; replaced step by step, never changed in place.
    optimiser : Optimiser
        Of :mod:`rnnlib.reference.optim`.
    loss : callable
        From parameters and a batch to the loss and its gradient with respect to the parameters.
    rng : numpy.random.Generator, optional
        What the loss draws from, if it does, as with dropout: kept in the checkpoints. The
        batches must have another.
    """

    params: Any
    optimiser: Any
    loss: Callable[[Any, Any], tuple[float, Any]]
    rng: np.random.Generator | None = None
    state: Any = field(init=False)
    grads: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.state = self.optimiser.init(self.params)

    def gradient(self, batch: Any, clip: float | None) -> tuple[float, float]:
        """Loss of a batch, and norm of its gradient, which is clipped and kept."""
        with np.errstate(over="ignore", invalid="ignore"):  # the loop looks at the numbers
            loss, self.grads = self.loss(self.params, batch)
            norm = global_norm(self.grads)
            if clip is not None and np.isfinite(norm):
                self.grads, _ = clip_by_global_norm(self.grads, clip)
        return float(loss), norm

    def update(self, lr: float | None) -> float:
        """Take a step, at this rate or the optimiser's own; give the rate."""
        if lr is not None:
            if not hasattr(self.optimiser, "lr"):
                name = type(self.optimiser).__name__
                raise ValueError(f"schedule: got one, but the optimiser, {name}, has its own")
            self.optimiser = replace(self.optimiser, lr=lr)
        self.params, self.state = self.optimiser.update(self.params, self.grads, self.state)
        return float(getattr(self.optimiser, "lr", np.nan))

    def validate(self, f: Callable[[Any], float]) -> float:
        """A function of the parameters."""
        return float(f(self.params))

    def snapshot(self) -> Any:
        """The parameters, which no one changes."""
        return self.params

    def restore(self, snapshot: Any) -> None:
        """Take these parameters."""
        self.params = snapshot

    def save(self, path: Path, progress: str, best: Any) -> None:
        """Write an ``.npz`` of plain arrays; what is no array is in it as JSON."""
        trees = {"params": self.params, "state": self.state}
        if best is not None:
            trees["best"] = best
        arrays: dict[str, Any] = {
            key: leaf
            for name, tree in trees.items()
            for key, leaf in zip(paths(name, tree), leaves(tree), strict=True)
            if leaf is not None
        }
        rng = self.rng.bit_generator.state if self.rng else None
        meta = json.dumps({"progress": progress, "rng": rng, "best": best is not None})

        def write(file: Any) -> None:
            np.savez(file, meta=np.array(meta), **arrays)

        _replace(path, write)

    def load(self, path: Path) -> tuple[str, Any]:
        """Take parameters, the optimiser's state and the generator's from a file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
                meta = json.loads(str(arrays["meta"]))
        except Exception as error:
            raise ValueError(f"checkpoint: got {path.name}, expected one of Reference") from error

        def tree_of(name: str, like: Any) -> Any:
            keys = iter(paths(name, like))
            return tree_map(lambda a: _like(a, next(keys), arrays), like)

        self.params, self.state = tree_of("params", self.params), tree_of("state", self.state)
        if self.rng and meta["rng"]:
            self.rng.bit_generator.state = meta["rng"]
        return meta["progress"], tree_of("best", self.params) if meta["best"] else None


@dataclass
class Torch:
    """A learner that is a module of torch.

    Parameters
    ----------
    module : torch.nn.Module
        Holds the parameters, changed in place.
    optimiser : torch.optim.Optimizer
        Of these parameters.
    loss : callable
        From the module and a batch to the loss, a tensor.
    """

    module: Any
    optimiser: Any
    loss: Callable[[Any, Any], Any]

    def gradient(self, batch: Any, clip: float | None) -> tuple[float, float]:
        """Loss of a batch, and norm of its gradient, which is clipped and kept."""
        from torch.nn.utils import get_total_norm

        self.module.train()
        self.optimiser.zero_grad()
        loss = self.loss(self.module, batch)
        loss.backward()
        grads = [p.grad for p in self.module.parameters() if p.grad is not None]
        norm = float(get_total_norm(grads))
        if clip is not None and clip < norm < np.inf:
            for grad in grads:
                grad.mul_(clip / norm)
        return float(loss.detach()), norm

    def update(self, lr: float | None) -> float:
        """Take a step, at this rate or the optimiser's own; give the rate."""
        groups = self.optimiser.param_groups
        for group in groups if lr is not None else []:
            group["lr"] = lr
        self.optimiser.step()
        return float(groups[0]["lr"])

    def validate(self, f: Callable[[Any], float]) -> float:
        """A function of the module, in evaluation mode and without gradients."""
        import torch

        self.module.eval()
        with torch.no_grad():
            return float(f(self.module))

    def snapshot(self) -> Any:
        """A copy of the parameters and buffers."""
        return {name: tensor.clone() for name, tensor in self.module.state_dict().items()}

    def restore(self, snapshot: Any) -> None:
        """Take these parameters and buffers."""
        self.module.load_state_dict(snapshot)

    def save(self, path: Path, progress: str, best: Any) -> None:
        """Write what ``torch.load`` reads with ``weights_only=True``: tensors, numbers, text."""
        import torch

        contents = {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": torch.get_rng_state(),
            "progress": progress,
            "best": best,
        }
        _replace(path, lambda file: torch.save(contents, file))

    def load(self, path: Path) -> tuple[str, Any]:
        """Take parameters, the optimiser's state and the generator's (the CPU's) from a file."""
        import torch

        try:
            contents = torch.load(path, weights_only=True)
            self.module.load_state_dict(contents["module"])
            self.optimiser.load_state_dict(contents["optimiser"])
        except Exception as error:
            raise ValueError(
                f"checkpoint: got {path.name}, expected one of Torch with this module and optimiser"
            ) from error
        torch.set_rng_state(contents["rng"])
        return contents["progress"], contents["best"]


class Network(NamedTuple):
    """A cell's parameters and those of a linear read-out."""

    cell: Any
    readout: linear.Params


def every_step(mask: Array) -> tuple[Array, Array]:
    """Where to read out a batch that has a target at every step.

    Parameters
    ----------
    mask : Array of bool
        True where a target counts, ``(T, B)``.

    Returns
    -------
    tuple of Array
        Step and row of each place that counts, for ``hs[t, b]``.
    """
    t, b = np.nonzero(mask)
    return t, b


def last_step(mask: Array) -> tuple[Array, Array]:
    """Where to read out a batch that has one target per sequence.

    Parameters
    ----------
    mask : Array of bool
        True where a step is no padding, ``(T, B)``.

    Returns
    -------
    tuple of Array
        The last step of each row that counts, and the rows in order, for ``hs[t, b]``.

    Raises
    ------
    ValueError
        If a row has no step that counts.
    """
    T, B = mask.shape
    if not mask.any(axis=0).all():
        row = int(np.argmin(mask.any(axis=0)))
        raise ValueError(f"mask: got no step in row {row}, expected at least one in each")
    return T - 1 - np.argmax(mask[::-1], axis=0), np.arange(B)


def many_to_many(cell: Any, criterion: Callable[..., Any]) -> Callable[..., tuple[float, Network]]:
    """Loss of a network that answers at every step.

    Parameters
    ----------
    cell : Cell
        The cell, such as the module :mod:`rnnlib.reference.elman`.
    criterion : callable
        From predictions and targets to the loss and its gradient, of
        :mod:`rnnlib.reference.losses`.

    Returns
    -------
    callable
        From a :class:`Network` and a batch to the loss and its gradient. The batch is ``xs``,
        ``(T, B, D)``, targets ``ys``, ``(T, B)`` or ``(T, B, V)``, and, if some do not count, a
        mask ``(T, B)``, true where they do; the mean is over those.
    """

    def loss(params: Network, batch: Any) -> tuple[float, Network]:
        xs, ys, mask = _parts(batch)
        t, b = every_step(mask)
        return _through_time(cell, criterion, params, xs, ys[t, b], t, b)

    return loss


def many_to_one(cell: Any, criterion: Callable[..., Any]) -> Callable[..., tuple[float, Network]]:
    """Loss of a network that answers once, after the last step of each sequence.

    Parameters
    ----------
    cell, criterion
        As for :func:`many_to_many`.

    Returns
    -------
    callable
        As for :func:`many_to_many`, but targets are ``(B,)`` or ``(B, V)``, and the mask is true
        where a step is no padding.
    """

    def loss(params: Network, batch: Any) -> tuple[float, Network]:
        xs, ys, mask = _parts(batch)
        return _through_time(cell, criterion, params, xs, ys, *last_step(mask))

    return loss


def _parts(batch: Any) -> tuple[Array, Array, Array]:
    """Inputs, targets and mask of a batch, which may have none."""
    xs, ys, mask = batch if len(batch) == 3 else (*batch, None)
    shapes.arguments(xs=(xs, "T B D"))
    mask = np.ones(xs.shape[:2], dtype=bool) if mask is None else mask
    shapes.check_kind("mask", mask, "bool", xs.shape[:2])
    return xs, ys, mask


def _through_time(
    cell: Any, criterion: Any, params: Network, xs: Array, ys: Array, t: Array, b: Array
) -> tuple[float, Network]:
    """Loss and gradient of a network that is read out at steps t of rows b."""
    state = cell.zero_state(params.cell, xs.shape[1])
    hs, last, caches = bptt.forward(cell, params.cell, xs, state)
    loss, dys = criterion(linear.forward(params.readout, hs[t, b]), ys)
    dhs = np.zeros_like(hs)
    dreadout, dhs[t, b] = linear.backward(params.readout, hs[t, b], dys)
    dcell, _, _ = bptt.backward(cell, params.cell, caches, dhs, zeros_like(last))
    return loss, Network(dcell, dreadout)


def _check_arguments(
    steps: int,
    every: int,
    clip: float | None,
    validate: Any,
    patience: int | None,
    goal: float | None,
    checkpoint: Any,
    resume: bool,
) -> None:
    """Refuse what makes no sense."""
    for name, count in {"steps": steps, "every": every, "patience": patience}.items():
        if count is not None and not count >= 1:
            raise ValueError(f"{name}: got {count}, expected a positive integer")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip: got {clip}, expected a positive number")
    for name, value in {"patience": patience, "goal": goal}.items():
        if value is not None and validate is None:
            raise ValueError(f"{name}: got {value} without validate, which it is about")
    if validate and every > steps:
        raise ValueError(f"every: got {every}, expected at most the {steps} steps, to validate")
    if resume and not checkpoint:
        raise ValueError("resume: got True without a checkpoint to resume from")


def _check_finite(name: str, value: float, t: int, progress: Progress) -> None:
    """Stop where a number is lost, before it reaches the parameters."""
    if np.isfinite(value):
        return
    before = [f"{x:.3g}" for x in progress.loss[-3:]]
    raise FloatingPointError(
        f"{name}: got {value} at step {t}, expected a finite number; losses before: {before}"
    )


def _again(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches, over and over, for as long as there are any."""
    some = True
    while some:
        some = False
        for batch in batches:
            some = True
            yield batch


def _next(source: Iterator[Any], t: int, steps: int) -> Any:
    """The next batch."""
    for batch in source:
        return batch
    raise ValueError(f"batches: got {t - 1} in all, expected {steps}, one per step")


def _bar(steps: range, shown: bool) -> Iterable[int]:
    """The steps, with a bar if someone looks."""
    if not shown or os.environ.get("CI") or not sys.stderr.isatty():
        return steps
    try:
        from tqdm import tqdm
    except ImportError:
        return steps
    bar: Iterable[int] = tqdm(steps, initial=steps.start - 1, total=steps.stop - 1, leave=False)
    return bar


def _replace(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file whole, or not at all."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        write(file)
    os.replace(part, path)


def _like(leaf: Any, key: str, arrays: dict[str, Array]) -> Any:
    """What a file holds under a key, once it is known to be of the kind of a leaf."""
    if leaf is None:
        return None
    got = _kind(arrays[key]) if key in arrays else "nothing"
    if got != _kind(leaf):
        raise ValueError(f"checkpoint: got {got} for {key}, expected {_kind(leaf)}")
    return int(arrays[key]) if isinstance(leaf, int) else arrays[key]


def _kind(leaf: Any) -> str:
    """Dtype and shape of an array, or of a number as an array."""
    return f"{np.asarray(leaf).dtype} of shape {np.shape(leaf)}"
