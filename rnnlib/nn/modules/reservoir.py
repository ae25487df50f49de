"""``ESN``: a fixed random network, of which the read-out alone is learned, in closed form."""

from typing import Any

import torch
from torch import Tensor

from rnnlib.nn import bptt, elman, packed, reservoir
from rnnlib.nn.modules import _checks as checks


class ESN(torch.nn.Module):
    """Echo-state network, see :mod:`rnnlib.nn.reservoir`.

    Its weights are buffers: no optimiser sees them, a state dict holds them. The read-out is zero
    until :meth:`fit`, and a parameter, so that it may be trained further.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        Number of inputs, of units in the reservoir, and of outputs.
    radius, leak, input_scale, density : float
        As for :class:`rnnlib.nn.reservoir.Reservoir`.
    batch_first : bool
        Does the batch come before time?
    device, dtype
        As in torch.

    Raises
    ------
    ValueError
        If an option is out of its range.
    """

    W_x: Tensor
    W_h: Tensor
    b: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        radius: float = 0.9,
        leak: float = 1.0,
        input_scale: float = 1.0,
        density: float = 1.0,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        checks.positive(input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        self.cell = reservoir.Reservoir(radius, leak, input_scale, density)
        self.input_size, self.hidden_size, self.output_size = input_size, hidden_size, output_size
        self.batch_first = batch_first
        factory = {"device": device, "dtype": dtype or torch.get_default_dtype()}
        drawn = self.cell.init(None, input_size, hidden_size)
        for name, value in drawn._asdict().items():
            self.register_buffer(name, value.to(**factory))
        self.readout = torch.nn.Linear(hidden_size, output_size, **factory)
        torch.nn.init.zeros_(self.readout.weight)
        torch.nn.init.zeros_(self.readout.bias)

    def states(
        self, x: Tensor, state: Tensor | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run the reservoir.

        Parameters
        ----------
        x : Tensor
            Inputs, ``(T, B, D)``, or with ``batch_first`` ``(B, T, D)``.
        state : Tensor, optional
            State before the first input, ``(B, H)``. Zero by default.
        lengths : Tensor of int, optional
            Lengths of the sequences, ``(B,)``, from 1 to T; what stands past an end is not read.

        Returns
        -------
        Tensor
            States, ``(T, B, H)`` or ``(B, T, H)``, zero past the end of a sequence.
        Tensor
            State of every sequence after its own last input, ``(B, H)``.

        Raises
        ------
        ValueError
            If a shape, dtype or device is not as stated, or a length is not from 1 to T.
        """
        checks.sequences("x", x, self.input_size, self.W_h, lengths, None, self.batch_first)
        xs = x.transpose(0, 1) if self.batch_first else x
        params = elman.Params(self.W_x, self.W_h, self.b)
        first = self.cell.zero_state(params, xs.shape[1])
        if state is not None:
            checks.states("state", (state,), [tuple(first.h.shape)], x)
            first = elman.State(state)
        if lengths is None:
            hs, (last,) = bptt.forward(self.cell, params, xs, first)
        else:
            hs, (last,) = packed.forward(self.cell, params, xs, first, lengths)
        return (hs.transpose(0, 1) if self.batch_first else hs), last

    def forward(
        self, x: Tensor, state: Tensor | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read sequences; as :meth:`states`, with the read-out ``(T, B, V)`` in place of states."""
        hs, last = self.states(x, state, lengths=lengths)
        return self.readout(hs), last

    @torch.no_grad()
    def fit(self, x: Tensor, targets: Tensor, ridge: float, washout: int = 0) -> "ESN":
        """Learn the read-out by ridge regression.

        Parameters
        ----------
        x : Tensor
            Inputs, as for :meth:`states`; all of one length.
        targets : Tensor
            What should be read out, ``(T, B, V)``, or with ``batch_first`` ``(B, T, V)``.
        ridge : float
            Penalty on the squared weights.
        washout : int
            Number of first steps to leave out.

        Returns
        -------
        ESN
            Itself.

        Raises
        ------
        ValueError
            As for :func:`rnnlib.nn.reservoir.fit`.
        """
        hs, _ = self.states(x)
        if self.batch_first:
            hs, targets = hs.transpose(0, 1), targets.transpose(0, 1)
        W_y, b_y = reservoir.fit(hs, targets, ridge, washout)
        if W_y.shape != self.readout.weight.shape:
            got = tuple(targets.shape)
            raise ValueError(f"targets: got shape {got}, expected {self.output_size} outputs")
        self.readout.weight.copy_(W_y)
        self.readout.bias.copy_(b_y)
        return self

    def extra_repr(self) -> str:
        """The arguments of the constructor."""
        options = "".join(f", {k}={v}" for k, v in vars(self.cell).items())
        return f"{self.input_size}, {self.hidden_size}, {self.output_size}{options}"
