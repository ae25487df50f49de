"""What ``RNN``, ``LSTM`` and ``GRU`` share: torch's names, and the options it lacks.

With all options off they are the layers of :mod:`torch.nn`, run by the same kernels. Each option
is a function of :mod:`rnnlib.nn` under its own name; :mod:`rnnlib.nn.backend` decides who runs it.
"""

from typing import Any, ClassVar, Self, TypedDict

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn import functional as F

from rnnlib.nn import backend, dropout, elman, init, ragged, weight_drop, zoneout
from rnnlib.nn.bidirectional import reverse
from rnnlib.nn.modules import _checks as checks


class Options(TypedDict, total=False):
    """Options of all three layers, each off by default.

    Attributes
    ----------
    zoneout : float or tuple of float
        Probability that a unit keeps its state at a step, see :mod:`rnnlib.nn.zoneout`; for an
        LSTM one for ``h`` and one for ``c``, or one for both. In evaluation the mean is kept.
    recurrent_dropout : float
        Probability that a unit of the state is hidden from the step, by one mask per sequence,
        see :mod:`rnnlib.nn.dropout`.
    weight_drop : float
        Probability that a recurrent weight is dropped, by one mask per call, see
        :mod:`rnnlib.nn.weight_drop`.
    residual : bool
        Each layer but the first adds its input, as it is before ``dropout``, to its output.
    init : str
        ``"orthogonal"``: the recurrent weights of every gate start orthogonal. ``"chrono"``, for
        an LSTM: the biases start with memories of up to ``chrono_t_max`` steps.
    backend : str
        ``"auto"``; ``"torch"``, its kernels, which refuse the options that they lack;
        ``"kernel"``, those of :mod:`rnnlib.nn.kernels`, which refuse ``proj_size`` and
        ``reset_before``, differentiate twice and compile with ``torch.compile(fullgraph=True)``;
        or ``"loop"``, which does so too, and differentiates forward and maps over weights by
        ``torch.func.vmap``. See :mod:`rnnlib.nn.backend`.
    """

    zoneout: float | tuple[float, ...]
    recurrent_dropout: float
    weight_drop: float
    residual: bool
    init: str | None
    backend: str


OFF: Options = {
    "zoneout": 0.0,
    "recurrent_dropout": 0.0,
    "weight_drop": 0.0,
    "residual": False,
    "init": None,
    "backend": "auto",
}


class Recurrent(torch.nn.RNNBase):
    """What the three layers share: all but the constructor and the cell.

    It is made by :class:`~rnnlib.nn.modules.RNN`, :class:`~rnnlib.nn.modules.LSTM` and
    :class:`~rnnlib.nn.modules.GRU`.
    """

    _OPERATORS: ClassVar[dict[str, Any]] = {
        "RNN_TANH": torch.rnn_tanh,
        "RNN_RELU": torch.rnn_relu,
        "LSTM": torch.lstm,
        "GRU": torch.gru,
    }
    _KERNELS: ClassVar[dict[str, str]] = {
        "RNN_TANH": "tanh",
        "RNN_RELU": "relu",
        "LSTM": "lstm",
        "GRU": "gru",
    }
    _TORCH: type[torch.nn.RNNBase]  # torch's own layer
    _State: Any = elman.State
    weight_ih_l0: Parameter
    weight_hh_l0: Parameter

    def _set_options(self, options: Options) -> None:
        """Check the options that all layers have, keep them, and start the parameters."""
        if unknown := [name for name in options if name not in OFF]:
            known = ", ".join([*self._own(), *OFF])
            got = f"{type(self).__name__}() got an unexpected option {unknown[0]!r}"
            raise TypeError(f"{got}, expected one of {known}")
        chosen, n = OFF | options, len(self._sizes())
        rates = chosen["zoneout"]
        self.zoneout = tuple(rates) if isinstance(rates, tuple | list) else (rates,) * n
        if len(self.zoneout) != n:
            raise ValueError(f"zoneout: got {rates}, expected one rate, or {n} of them")
        self.recurrent_dropout, self.weight_drop = (
            chosen["recurrent_dropout"],
            chosen["weight_drop"],
        )
        self.residual, self.init = chosen["residual"], chosen["init"]
        self.backend = chosen["backend"]
        for rate in self.zoneout:
            checks.rate("zoneout", rate)
        checks.rate("recurrent_dropout", self.recurrent_dropout)
        checks.rate("weight_drop", self.weight_drop)
        if self.residual and self.num_layers == 1:
            raise ValueError("residual: got True with num_layers=1, expected more layers")
        checks.among("init", self.init, (None, *self._inits()))
        checks.among("backend", self.backend, backend.BACKENDS)
        no_kernel = [name for name in ("proj_size", "reset_before") if getattr(self, name, False)]
        lacking = {"torch": self._lacking(), "kernel": no_kernel}.get(self.backend, [])
        if lacking:
            raise ValueError(
                f'backend: got "{self.backend}" with {lacking[0]}, which its kernels lack; '
                'expected "auto" or "loop"'
            )
        self._reset_own()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as torch does, and as ``init`` says."""
        super().reset_parameters()
        if hasattr(self, "backend"):  # torch's constructor calls this before the options are set
            self._reset_own()

    def forward(
        self,
        input: Tensor,
        hx: Any = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Read sequences.

        Parameters
        ----------
        input : Tensor
            Inputs, ``(T, B, D)``, or with ``batch_first`` ``(B, T, D)``. One sequence may come
            without a batch, ``(T, D)``.
        hx : Tensor or tuple of Tensor, optional
            State before the first input, as in torch: ``(num_layers * directions, B, H)``, for an
            LSTM a pair ``(h, c)`` of these. Zero by default.
        lengths : Tensor of int, optional
            Lengths of the sequences, ``(B,)``, from 1 to T, in any order, on the device of
            ``input``; what stands past an end is not read. Their range is checked, for which a
            GPU is waited for, except while a graph is traced or captured, and within a vmap.
        resets : Tensor of bool, optional
            True where a new sequence begins, so that the step reads a state of zeros; ``(T, B)``,
            or with ``batch_first`` ``(B, T)``. What reads backward is cut at the same places.

        Returns
        -------
        Tensor
            Hidden states of the last layer, ``(T, B, directions * H)``, zero past the end of a
            sequence; or ``(B, T, ...)``, or ``(T, ...)``, as ``input`` is.
        Tensor or tuple of Tensor
            State of every layer after each sequence's own last input, in the form of ``hx``.

        Raises
        ------
        ValueError
            If a shape, dtype or device is not as stated, or a length is not from 1 to T; if
            ``backend="torch"`` and there are resets.
        """
        checks.sequences(
            *("input", input, self.input_size, self.weight_ih_l0, lengths, resets),
            *(self.batch_first, True),
        )
        alone, axis = input.ndim == 2, 0 if self.batch_first else 1
        x = input.unsqueeze(axis) if alone else input
        states = self._states(hx, x, alone)
        if lengths is None and resets is None and self._is_plain(x):
            ys, *ends = self._whole(x, states)
        elif self.batch_first:
            resets = None if resets is None else resets.T
            ys, *ends = self._layers(x.transpose(0, 1), states, lengths, resets)
            ys = ys.transpose(0, 1)
        else:
            ys, *ends = self._layers(x, states, lengths, resets)
        if alone:
            ys, ends = ys.squeeze(axis), [s.squeeze(1) for s in ends]
        return ys, tuple(ends) if len(ends) > 1 else ends[0]

    @classmethod
    def from_torch(cls, module: torch.nn.RNNBase, **options: Any) -> Self:
        """Make a layer of torch's own, with its weights.

        Parameters
        ----------
        module : torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU
            The peer of this class.
        **options
            Options of this class that torch lacks. What says where training starts, as ``init``
            and ``forget_bias``, acts at the next ``reset_parameters``.

        Returns
        -------
        Recurrent
            A layer with a copy of the weights.

        Raises
        ------
        ValueError
            If the module is of another class.
        """
        if not isinstance(module, cls._TORCH):
            got, want = type(module).__name__, cls._TORCH.__name__
            raise ValueError(f"module: got {got}, expected torch.nn.{want}")
        layer = cls(**_arguments(module), **options)
        layer.load_state_dict(module.state_dict(), strict=False)  # options have parameters too
        return layer.train(module.training)

    def to_torch(self) -> torch.nn.RNNBase:
        """Make torch's own layer of this one, with its weights.

        ``recurrent_dropout`` and ``weight_drop``, which do nothing in evaluation, are left behind.

        Returns
        -------
        torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU
            A layer with a copy of the weights.

        Raises
        ------
        ValueError
            If an option makes this another function than any of torch's.
        """
        another = [name for name in self._lacking() if name != "recurrent_dropout"]
        if another or self.residual:
            name = (another or ["residual"])[0]
            raise ValueError(f"{name}: torch.nn.{self._TORCH.__name__} has no such option")
        layer = self._TORCH(**_arguments(self))
        layer.load_state_dict(self.state_dict())
        return layer.train(self.training)

    def extra_repr(self) -> str:
        """The arguments that are not at their defaults."""
        off: dict[str, Any] = {"zoneout": (0.0,) * len(self.zoneout), "backend": "auto"}
        names = (*Options.__annotations__, *self._own(), "forget_bias", "chrono_t_max")
        own = {name: getattr(self, name, None) for name in names}
        shown = [f"{k}={v!r}" for k, v in own.items() if v not in (None, False, 0, off.get(k))]
        return ", ".join([super().extra_repr(), *shown])

    # What a layer says of itself.

    def _own(self) -> tuple[str, ...]:
        """Names of the options that this layer alone has."""
        return ()

    def _sizes(self) -> tuple[int, ...]:
        """Number of units of each part of the state."""
        return (self.hidden_size,)

    def _inits(self) -> tuple[str, ...]:
        """What ``init`` may be."""
        return ("orthogonal",)

    def _lacking(self) -> list[str]:
        """Options in use that torch's kernels lack."""
        names = ("recurrent_dropout", *self._own())
        return ["zoneout"] * any(self.zoneout) + [name for name in names if getattr(self, name)]

    def _cell(self, W_x: Tensor, W_h: Tensor, biases: list[Tensor], suffix: str) -> tuple[Any, Any]:
        """The cell, and its parameters, made of torch's and those that end in ``suffix``."""
        raise NotImplementedError

    def _reset_own(self) -> None:
        """Start what torch does not know of, and what ``init`` says."""
        if self.init == "orthogonal":
            for suffix in self._suffixes():
                for W in getattr(self, f"weight_hh{suffix}").detach().chunk(self._gates()):
                    W.copy_(init.orthogonal(None, (W.shape[0], W.shape[1])))

    # How it runs.

    def _is_plain(self, x: Tensor) -> bool:
        """Can torch run all layers in one call, and should it?"""
        ours = self.backend in ("loop", "kernel")
        if ours or self.residual or (self.training and self.weight_drop):
            return False
        if another := self._lacking():
            return another == ["recurrent_dropout"] and not self.training
        if self.backend == "torch":
            return True
        return not torch.compiler.is_dynamo_compiling() and not self._kernel_is_faster(x)

    def _kernel_is_faster(self, x: Tensor) -> bool:
        """Is a layer alone faster by our kernels? What was measured are no stacks."""
        if not x.is_cuda or self.num_layers > 1 or self.bidirectional or self.proj_size:
            return False
        xs = x.transpose(0, 1) if self.batch_first else x
        return backend.fastest(self._KERNELS[self.mode], xs, self.hidden_size) == "kernel"

    def _whole(self, x: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Run all layers by one call of torch."""
        weights = [getattr(self, name) for name in self._flat_weights_names]
        ys: tuple[Tensor, ...] = self._OPERATORS[self.mode](
            x,
            states if len(states) > 1 else states[0],
            weights,
            self.bias,
            self.num_layers,
            self.dropout,
            self.training,
            self.bidirectional,
            self.batch_first,
        )
        return ys

    def _layers(
        self,
        xs: Tensor,
        states: tuple[Tensor, ...],
        lengths: Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Run the layers one by one; outputs ``(T, B, directions * H)`` and the last states."""
        ends, directions = [], 1 + self.bidirectional
        for k in range(self.num_layers):
            below = xs
            if k and self.dropout:
                xs = F.dropout(xs, self.dropout, self.training)
            outs = []
            for d in range(directions):
                before = tuple(s[k * directions + d] for s in states)
                hs, end = self._direction(k, d, xs, before, lengths, resets)
                outs.append(hs)
                ends.append(end)
            xs = torch.cat(outs, dim=2) if d else hs
            if k and self.residual:
                xs = xs + below
        return (xs, *(torch.stack(parts) for parts in zip(*ends, strict=True)))

    def _direction(
        self,
        k: int,
        d: int,
        xs: Tensor,
        before: tuple[Tensor, ...],
        lengths: Tensor | None,
        resets: Tensor | None,
    ) -> tuple[Tensor, Any]:
        """Run layer ``k`` forward (``d = 0``) or backward (``d = 1``)."""
        layer = self._layer(self._suffixes()[k * (1 + self.bidirectional) + d], len(xs), before)
        arguments = self._State(*before), lengths
        if not d:
            return backend.run(self.backend, layer, xs, *arguments, resets)
        if resets is not None:  # a cut before x_t is one after it on the way back
            resets = ragged.pad(resets[..., None], lengths)
            resets = torch.cat([resets[1:], torch.zeros_like(resets[:1])])
            resets = reverse(resets, lengths)[..., 0]
        hs, end = backend.run(self.backend, layer, reverse(xs, lengths), *arguments, resets)
        return reverse(hs, lengths), end

    def _layer(self, suffix: str, T: int, before: tuple[Tensor, ...]) -> backend.Layer:
        """One layer in one direction, its masks drawn."""
        h = before[0]
        W_x, W_h = getattr(self, f"weight_ih{suffix}"), getattr(self, f"weight_hh{suffix}")
        if self.bias:
            biases = [getattr(self, f"bias_{name}{suffix}") for name in ("ih", "hh")]
        else:
            biases = [W_h.new_zeros(len(W_h))] * 2
        cell, params = self._cell(W_x, W_h, biases, suffix)
        mask = keep = None
        if self.training and self.weight_drop:
            params = weight_drop.forward(params, weight_drop.draw(None, params, self.weight_drop))
        if self.training and self.recurrent_dropout:
            sizes = h.shape[0], h.shape[1]
            mask = dropout.each_sequence(None, self.recurrent_dropout, *sizes, h.dtype, h.device)
        if any(self.zoneout):
            if self.training:
                keep = zoneout.draw(None, before, self.zoneout, T)
            else:
                keep = zoneout.expected(before, self.zoneout, T)
        return backend.Layer(cell, params, mask, keep)

    def _suffixes(self) -> list[str]:
        """Ends of the names of each layer's parameters, the two directions in turn."""
        ends = ("", "_reverse")[: 1 + self.bidirectional]
        return [f"_l{k}{end}" for k in range(self.num_layers) for end in ends]

    def _gates(self) -> int:
        """Number of blocks of rows in the weights."""
        return len(self.weight_hh_l0) // self.hidden_size

    # What comes in.

    def _states(self, hx: Any, x: Tensor, alone: bool) -> tuple[Tensor, ...]:
        """The first state, one tensor per part, once it is known to fit; zeros by default."""
        n, B = self.num_layers * (1 + self.bidirectional), x.shape[0 if self.batch_first else 1]
        sizes = self._sizes()
        if hx is None:
            return tuple(x.new_zeros(n, B, size) for size in sizes)
        states = (hx,) if len(sizes) == 1 else hx
        checks.states("hx", states, [(n, size) if alone else (n, B, size) for size in sizes], x)
        return tuple(s.unsqueeze(1) if alone else s for s in states)


def _arguments(module: torch.nn.RNNBase) -> dict[str, Any]:
    """Arguments of the constructor that made a layer, ours or torch's."""
    names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout"]
    names += ["bidirectional", *["proj_size"] * (module.mode == "LSTM")]
    found = {name: getattr(module, name) for name in names}
    if module.mode.startswith("RNN"):
        found["nonlinearity"] = module.mode.removeprefix("RNN_").lower()
    W = module.weight_hh_l0
    return {**found, "device": W.device, "dtype": W.dtype}
