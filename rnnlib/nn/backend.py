r"""Who runs one layer, in one direction, over time. Kernels are added here, and nowhere else.

A :class:`Layer` says what is to be computed; :func:`loop` is what that means, for every option.
The others compute the same for the layers that they can do:

``torch``
    torch's own kernels, for the plain cells that torch has, with lengths too. What stands past the
    end of a sequence is run and not taken, so that no packed sequence is needed, whose lengths
    would have to be on the CPU. The last memory ``c`` of an LSTM, which torch gives for the last
    step alone, is carried there by one more input, ``1`` past the end, with large weights to the
    gates: ``σ(-K) = 0`` lets nothing in and ``σ(K) = 1`` forgets nothing, exactly.
``kernel``
    Our own, of :mod:`rnnlib.nn.kernels`, for the cells that torch has and the LSTMs with layer norm
    or peepholes, with every option. On a CPU it is a loop with a backward of its own. To
    ``torch.compile`` it is one operator; differentiated twice, it runs the loop.
``loop``
    The cell, step by step: all options, twice differentiable, compiles.

:func:`choose` takes one for ``auto``.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad

from rnnlib.nn import (
    bptt,
    elman,
    gru,
    kernels,
    lstm,
    lstm_projected,
    packed,
    ragged,
    reset,
    zoneout,
)
from rnnlib.nn.bptt import Cell
from rnnlib.nn.dropout import Dropout
from rnnlib.nn.elman_activation import RELU, TANH, Elman
from rnnlib.nn.kernels import cells, launch
from rnnlib.nn.lstm_projected import ProjectedLSTM
from rnnlib.nn.reset import Reset
from rnnlib.nn.zoneout import Zoneout

BACKENDS = ("auto", "torch", "kernel", "loop")
CERTAIN = 1e4  # a preactivation whose σ is 1, and at the negative 0, in every dtype


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer in one direction.

    Parameters
    ----------
    cell : Cell
        The cell.
    params : Params
        Its parameters.
    mask : Tensor, optional
        Mask of the state that the cell reads, one for all steps, ``(B, H)``.
    keep : Tensor, optional
        Share of the state that zoneout keeps, ``(T, B, S)``.
    """

    cell: Cell[Any, Any]
    params: Any
    mask: Tensor | None = None
    keep: Tensor | None = None


def run(
    backend: str,
    layer: Layer,
    xs: Tensor,
    state: Any,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, Any]:
    """Run a layer.

    Parameters
    ----------
    backend : str
        One of ``BACKENDS``.
    layer : Layer
        The layer.
    xs : Tensor
        Inputs, ``(T, B, D)``.
    state : State
        State before the first input.
    lengths : Tensor of int, optional
        Lengths of the sequences, ``(B,)``, from 1 to T; by default all have T steps.
    resets : Tensor of bool, optional
        True where the state is set to zero before the step, ``(T, B)``.

    Returns
    -------
    Tensor
        Hidden states, ``(T, B, H)``, zero past the end of a sequence.
    State
        State of every sequence after its own last input.

    Raises
    ------
    ValueError
        If the backend cannot run the layer.
    """
    chosen = choose(backend, layer, xs, resets)
    if chosen == "torch":
        return fused(layer, xs, state, lengths)
    if chosen == "kernel":
        more = layer.keep, layer.mask, lengths, resets
        return kernels.forward(layer.cell, layer.params, xs, state, *more)
    return loop(layer, xs, state, lengths, resets)


def choose(backend: str, layer: Layer, xs: Tensor, resets: Tensor | None) -> str:
    """The backend to take; ValueError if the one that is asked for cannot run the layer."""
    name = cells.name(layer.cell)
    can = {"torch": _operator(layer) is not None and resets is None, "kernel": name is not None}
    if not can.get(backend, True):
        raise ValueError(
            f'backend: got "{backend}" with an option that its kernels lack, '
            'expected "auto" or "loop"'
        )
    if backend != "auto":
        return backend
    if torch.compiler.is_exporting() or _transformed(layer, xs):
        among: tuple[str, ...] = ("torch",)
    elif torch.compiler.is_dynamo_compiling():  # it does not trace torch's kernels
        among = ("kernel",)
    elif xs.is_cuda and can["torch"] and name is not None:
        among = (fastest(name, xs, layer.params.W_h.shape[1]),)
    else:
        among = ("torch", "kernel")
    return next((one for one in among if can[one]), "loop")


def fastest(name: str, xs: Tensor, H: int) -> str:
    """The backend that was measured as the fastest on this GPU, of a layer that torch can run."""
    return "torch" if launch.fastest(name, xs, H, ("torch",)) == "torch" else "kernel"


def loop(
    layer: Layer, xs: Tensor, state: Any, lengths: Tensor | None, resets: Tensor | None
) -> tuple[Tensor, Any]:
    """Run a layer step by step; arguments and results are those of :func:`run`."""
    cell, params = layer.cell, layer.params
    if layer.mask is not None:
        cell = Dropout(cell, xs.new_ones(()), layer.mask)
    if layer.keep is not None:
        cell, params, xs = Zoneout(cell), zoneout.Params(params), zoneout.inputs(xs, layer.keep)
    if resets is not None:
        cell, params, xs = Reset(cell), reset.Params(params), reset.inputs(xs, resets)
    if lengths is None:
        return bptt.forward(cell, params, xs, state)
    return packed.forward(cell, params, xs, state, lengths)


def fused(layer: Layer, xs: Tensor, state: Any, lengths: Tensor | None) -> tuple[Tensor, Any]:
    """Run a layer by torch's kernels; arguments and results are those of :func:`run`."""
    operator, weights = _operator(layer), _weights(layer.params)
    xs, is_lstm = ragged.pad(xs, lengths), hasattr(state, "c")
    if is_lstm and lengths is not None:  # hold the memory past the end
        past = ~ragged.valid(lengths, len(xs))
        xs, weights[0] = torch.cat([xs, past.to(xs.dtype)], dim=2), _with_hold(weights[0])
    before = tuple(s[None].contiguous() for s in state)
    with warnings.catch_warnings():
        if xs.is_cuda:  # weights that are not in one piece are copied together; so be it
            warnings.filterwarnings("ignore", "RNN module weights are not part of single")
        hs, *last = operator(
            *(xs, before if is_lstm else before[0], weights), True, 1, 0.0, False, False, False
        )
    ends = (ragged.last(hs, lengths), *(s[0] for s in last[1:]))
    return ragged.pad(hs, lengths), type(state)(*ends)


def _transformed(layer: Layer, xs: Tensor) -> bool:
    """Is this within a transform of ``torch.func``, or forward mode, which kernels do not know?"""
    if torch.compiler.is_compiling():
        return False
    given = xs, *layer.params
    return forward_ad._current_level >= 0 or any(map(is_functorch_wrapped_tensor, given))


def _operator(layer: Layer) -> Any:
    """The operator of torch that runs a layer, or None."""
    if layer.mask is not None or layer.keep is not None:
        return None
    if layer.cell in (lstm, gru, elman):
        return {lstm: torch.lstm, gru: torch.gru, elman: torch.rnn_tanh}[layer.cell]
    if isinstance(layer.cell, ProjectedLSTM):
        return torch.lstm
    if isinstance(layer.cell, Elman):
        return {TANH: torch.rnn_tanh, RELU: torch.rnn_relu}.get(layer.cell.activation)
    return None


def _weights(params: Any) -> list[Tensor]:
    """Weights as torch wants them, with two biases."""
    match params:
        case gru.Params(W_x, W_h, b, b_n):
            return [W_x, W_h, b, torch.cat([b_n.new_zeros(2 * len(b_n)), b_n])]
        case lstm_projected.Params(W_x, W_h, b, W_p):
            return [W_x, W_h, b, torch.zeros_like(b), W_p]
    W_x, W_h, b = params
    return [W_x, W_h, b, torch.zeros_like(b)]


def _with_hold(W_x: Tensor) -> Tensor:
    """Input weights of an LSTM, and those of the input that makes it hold its memory."""
    H = len(W_x) // 4
    hold = W_x.new_tensor([-CERTAIN, CERTAIN, 0.0, 0.0]).repeat_interleave(H)
    return torch.cat([W_x, hold[:, None]], dim=1)
