"""What :mod:`rnnlib.bench.gpu` times: sizes, options, who runs them, and the figures to reach."""

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest import mock

from rnnlib.bench import layers

Way = Callable[
    [], tuple[Any, ...]
]  # forward and backward; gives hs, dxs and the weights' gradients


class Figure(NamedTuple):
    """What the ratio of our time to the yardstick's is to be.

    Parameters
    ----------
    yardstick : str
        Whose time it is held against.
    most : float
        The most that it may be.
    aim : float, optional
        What we would like.
    """

    yardstick: str
    most: float
    aim: float | None = None


FIGURES = {
    "cuDNN's standard path": Figure("torch", 1 / 2, 1 / 4),
    "cuDNN's own ground": Figure("torch", 1.25, 1 / 1.2),
    "layer norm": Figure("eager", 1 / 20),
    "layer norm, over plain": Figure("plain", 1.8),
    "options, over plain": Figure("plain", 1.15),
    "lengths and resets, over padded": Figure("plain", 1.05),
    "auto": Figure("torch", 1.03),
}
PRECISE = {"float32": 1e-5, "tf32": 1e-3, "float16": 1e-2, "bfloat16": 1e-2}  # relative norm


class Case(NamedTuple):
    """One thing to time."""

    regime: str
    cell: str = "LSTM"
    dtype: str = "bfloat16"
    T: int = 1024
    B: int = 16
    H: int = 768
    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    lengths: bool = False
    resets: bool = False

    @property
    def name(self) -> str:
        """The case in words."""
        more = [k if v is True else f"{k}={v}" for k, v in self.options.items()]
        more += ["lengths"] * self.lengths + ["resets"] * self.resets
        return " ".join([self.cell, self.dtype, f"T={self.T} B={self.B} H={self.H}", *more])

    @property
    def kernel(self) -> str:
        """What :mod:`rnnlib.nn.kernels.cells` calls the cell."""
        own = [name for name in ("layer_norm", "peephole") if self.options.get(name)]
        return "_".join([{"RNN": "tanh"}.get(self.cell, self.cell.lower()), *own])


def cases() -> list[Case]:
    """All of them; the first of each regime are those that matter most."""
    by_regime = {regime: list(made(regime)) for regime in FIGURES}
    turns = itertools.zip_longest(*by_regime.values())
    return [case for turn in turns for case in turn if case is not None]


def made(regime: str) -> Iterator[Case]:
    """The cases of a regime, in order of weight."""
    norm, peephole = {"layer_norm": True}, {"peephole": True}
    sizes = [(1024, 16, 768), (128, 64, 256), (1024, 1, 512), (128, 16, 1024), (128, 32, 100)]
    match regime:
        case "cuDNN's standard path":
            yield Case(regime)
            yield Case(regime, dtype="tf32", H=512)
            yield Case(regime, "GRU", "float16")
            yield Case(regime, dtype="float16", H=650)
            yield Case(regime, dtype="float16", options={"bidirectional": True})
            yield Case(regime, dtype="float16", lengths=True)
            yield Case(regime, dtype="float16", B=17)
            yield Case(regime, dtype="float32", H=256)
            for dtype, B, H in itertools.product(
                ("bfloat16", "tf32"), (1, 8, 16, 32, 64), (256, 512, 768, 1024)
            ):
                yield Case(regime, dtype=dtype, T=128, B=B, H=H)
            for B, H in itertools.product((1, 16, 64), (256, 1024)):
                yield Case(regime, T=1024, B=B, H=H)
                yield Case(regime, "GRU", T=128, B=B, H=H)
            for B, H in itertools.product((1, 16, 64), (200, 650)):
                yield Case(regime, T=128, B=B, H=H)
        case "cuDNN's own ground":
            yield Case(regime, dtype="float16")
            for T, B, H in itertools.product((128, 1024), (8, 64), (256, 1024)):
                yield Case(regime, dtype="float16", T=T, B=B, H=H)
            for dtype, B, H in itertools.product(("bfloat16", "tf32"), (1, 16, 64), (64, 100, 128)):
                yield Case(regime, dtype=dtype, T=128, B=B, H=H)
        case "layer norm":
            for T, B, H in [(128, 16, 768), (1024, 16, 768), (128, 64, 128)]:
                yield Case(regime, T=T, B=B, H=H, options=norm)
        case "layer norm, over plain":
            for T, B, H in sizes:
                yield Case(regime, T=T, B=B, H=H, options=norm)
        case "options, over plain":
            for options in (peephole, {"zoneout": 0.1}, {"weight_drop": 0.5}):
                for T, B, H in sizes[:2]:
                    yield Case(regime, T=T, B=B, H=H, options=options)
        case "lengths and resets, over padded":
            for T, B, H in sizes[:2]:
                yield Case(regime, T=T, B=B, H=H, lengths=True)
                yield Case(regime, T=T, B=B, H=H, resets=True)
        case "auto":  # also between the sizes that the table has
            for cell, dtype in (("LSTM", "bfloat16"), ("LSTM", "float16"), ("GRU", "tf32")):
                for T, B, H in [(1024, 16, 768), (300, 24, 384), (128, 1, 100), (128, 64, 1024)]:
                    yield Case(regime, cell, dtype, T, B, H)


def checked() -> list[Case]:
    """Small and odd sizes at which every kernel is checked, those first that matter most."""
    own: list[dict[str, Any]] = [{}, {"layer_norm": True}, {"peephole": True}, {"zoneout": 0.3}]
    found = []
    for dtype in ("bfloat16", "float32", "float16", "tf32"):
        for options in own if dtype in ("bfloat16", "float32") else own[:2]:
            found.append(Case("check", "LSTM", dtype, 37, 3, 45, options, True, True))
        found.append(Case("check", "GRU", dtype, 37, 3, 45, lengths=True))
        found.append(Case("check", "RNN", dtype, 37, 3, 45, resets=True))
    for cell, dtype in itertools.product(("LSTM", "GRU", "RNN"), ("bfloat16", "float32")):
        found.append(Case("check", cell, dtype, 1, 1, 7))
        found.append(Case("check", cell, dtype, 19, 17, 130))
        found.append(Case("check", cell, dtype, 200, 5, 300))
    return found


class Built(NamedTuple):
    """Inputs of a case, on the device."""

    case: Case
    x: Any  # (T, B, H)
    u: Any  # gradients of the outputs
    more: dict[str, Any]  # lengths and resets
    theirs: Any  # torch's own layer


def build(case: Case, device: Any) -> Built:
    """Draw inputs, and weights in torch's own layer."""
    import torch

    torch.manual_seed(0)
    dtype = dtype_of(case)
    both = bool(case.options.get("bidirectional"))
    theirs = getattr(torch.nn, case.cell)(case.H, case.H, bidirectional=both)
    x = torch.randn(case.T, case.B, case.H)
    u, more = torch.randn(case.T, case.B, case.H * (1 + both)), {}
    if case.lengths:
        more["lengths"] = torch.randint(1, case.T + 1, (case.B,))
        more["lengths"][0] = case.T
        u *= (torch.arange(case.T)[:, None] < more["lengths"])[..., None]
    if case.resets:
        more["resets"] = torch.rand(case.T, case.B) < 0.02
    more = {key: value.to(device) for key, value in more.items()}
    return Built(case, x.to(device, dtype), u.to(device, dtype), more, theirs.to(device, dtype))


def dtype_of(case: Case) -> Any:
    """The dtype of the numbers; tf32 is a way to multiply those of float32."""
    import torch

    return torch.float32 if case.dtype == "tf32" else getattr(torch, case.dtype)


def set_precision(case: Case) -> None:
    """Let torch, and so our kernels, multiply float32 as the case says."""
    import torch

    quick = case.dtype == "tf32"
    torch.set_float32_matmul_precision("high" if quick else "highest")
    torch.backends.cudnn.allow_tf32 = quick


def ours(built: Built, backend: str, options: dict[str, Any] | None = None, **more: Any) -> Way:
    """Our layer, with the options of the case or others."""
    module = layer(built, backend, built.case.options if options is None else options)
    return both_ways(module, built, lambda x: module(x, **more)[0])


def layer(built: Built, backend: str, options: dict[str, Any]) -> Any:
    """Our layer with torch's weights; what torch lacks is drawn, in the dtype of the case."""
    import torch

    from rnnlib.nn import modules

    more = {key: value for key, value in options.items() if key != "bidirectional"}
    module = getattr(modules, built.case.cell).from_torch(built.theirs, backend=backend, **more)
    rng, known = torch.Generator().manual_seed(1), dict(built.theirs.named_parameters())
    for name, parameter in module.named_parameters():
        if name not in known:
            drawn = name.startswith("gamma") + 0.3 * torch.randn(parameter.shape, generator=rng)
            parameter.data.copy_(drawn.to(dtype_of(built.case)))
    return module


def both_ways(module: Any, built: Built, run: Callable[[Any], Any]) -> Way:
    """Forward and backward of a module."""
    import torch

    x, parameters = built.x.detach().requires_grad_(), list(module.parameters())

    def way() -> tuple[Any, ...]:
        hs = run(x)
        return (hs.detach(), *torch.autograd.grad(hs, [x, *parameters], built.u))

    return way


def by(name: str, way: Way) -> Way:
    """Our kernels, all of them by one way of :mod:`rnnlib.nn.kernels.launch`."""
    from rnnlib.nn.kernels import launch

    def forced() -> tuple[Any, ...]:
        with mock.patch.object(launch, "way", lambda cell, given: name):
            return way()

    return forced


def ways(built: Built, kinds: tuple[str, ...]) -> dict[str, Way]:
    """Our ways and the yardstick's, for a case.

    Parameters
    ----------
    built : Built
        The case.
    kinds : tuple of str
        Ways of our kernels, such as ``("persistent", "graph")``; with none the operator's own.

    Returns
    -------
    dict
        ``"auto"`` or one way per kind, then the yardstick: ``"torch"``, ``"eager"``, or
        ``"plain KIND"`` per kind.
    """
    case, more = built.case, built.more
    yardstick = FIGURES[case.regime].yardstick
    if case.regime == "auto":
        return {"auto": ours(built, "auto", **more), "torch": torch_way(built)}
    kernel, found = ours(built, "kernel", **more), dict[str, Way]()
    found |= {kind: by(kind, kernel) for kind in kinds} or {"kernel": kernel}
    if yardstick == "torch":
        return found | {"torch": torch_way(built)}
    if yardstick == "eager":
        return found | {"eager": eager_way(built)}
    plain = ours(built, "kernel", {})
    return found | ({f"plain {kind}": by(kind, plain) for kind in kinds} or {"plain": plain})


def torch_way(built: Built) -> Way:
    """Torch's own layer; for lengths with a packed sequence, as its users do it."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    module, lengths = built.theirs, built.more.get("lengths")
    if lengths is None:
        return both_ways(module, built, lambda x: module(x)[0])
    known = lengths.cpu()

    def packed(x: Any) -> Any:
        hs, _ = module(pack_padded_sequence(x, known, enforce_sorted=False))
        return pad_packed_sequence(hs)[0]

    return both_ways(module, built, packed)


def eager_way(built: Built) -> Way:
    """A loop of a cell of Linear and LayerNorm, with the weights of our layer."""
    module = layer(built, "loop", {"layer_norm": True}).cpu().float()
    cell = layers.normed_cell(module).to(built.x.device, built.x.dtype)
    return both_ways(cell, built, lambda x: layers.loop(cell, x))


def exact_way(built: Built) -> Way:
    """The loop of our cell in float64, from the same rounded numbers."""
    import copy

    theirs = copy.deepcopy(built.theirs).double()
    wide = built._replace(x=built.x.double(), u=built.u.double(), theirs=theirs)
    return ours(wide, "loop", **built.more)


# ---------------------------------------------------------------- what others have written


def peers(built: Built) -> tuple[dict[str, Way], dict[str, str]]:
    """Layers of other libraries that are installed; of the others, why they are not run."""
    made, absent = {}, {}
    for name, make in {"haste_pytorch": haste, "flashrnn": flashrnn}.items():
        try:
            made[name] = make(importlib.import_module(name), built)
        except ImportError as error:
            absent[name] = f"not installed: {error}"
    return made, absent


def haste(library: Any, built: Built) -> Way:
    """Haste's LSTM; it has float32 alone."""
    H = built.case.H
    module = library.LSTM(H, H).to(built.x.device)
    wide = built._replace(x=built.x.float(), u=built.u.float())
    return both_ways(module, wide, lambda x: module(x)[0])


def flashrnn(library: Any, built: Built) -> Way:
    """FlashRNN's LSTM with one head, the product of the inputs included."""
    import torch

    T, B, H = built.x.shape

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W = torch.nn.Linear(H, 4 * H, bias=False)
            self.R = torch.nn.Parameter(torch.randn(4, 1, H, H) / H**0.5)
            self.b = torch.nn.Parameter(torch.zeros(4, 1, H))

        def forward(self, x: Any) -> Any:
            a = self.W(x).view(T, B, 4, 1, H).transpose(0, 1)
            given = {"states": x.new_zeros(2, B, 1, 1, H), "function": "lstm"}
            states, _ = library.flashrnn(a, self.R, self.b, backend="cuda_fused", **given)
            return states[0].squeeze(2).transpose(0, 1)

    module = Layer().to(built.x.device, built.x.dtype)
    return both_ways(module, built, module)
