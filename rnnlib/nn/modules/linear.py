"""``MinGRU``, ``MinLSTM`` and ``LRU``: linear in their state, so all steps run at once.

``backend="kernel"`` runs them by the operator of :mod:`rnnlib.nn.kernels.scan`, ``"scan"`` by a
scan made of torch's operators, which also differentiates forward, maps by ``torch.func.vmap`` and
is exported. ``"auto"`` is the first where none of these is asked for.
"""

from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

from rnnlib.nn import lru, min_gru, min_lstm, parallel
from rnnlib.nn.modules import _checks as checks
from rnnlib.nn.scan import Scan, work_efficient

BACKENDS = ("auto", "scan", "kernel")


class Linear(torch.nn.Module):
    """What the three layers share: what they take and give, and how they run."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        checks.positive(input_size=input_size, hidden_size=hidden_size)
        checks.among("backend", backend, BACKENDS)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.batch_first, self.backend = batch_first, backend

    def forward(
        self,
        x: Tensor,
        state: Any = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Read sequences by a scan.

        Parameters
        ----------
        x : Tensor
            Inputs, ``(T, B, D)``, or with ``batch_first`` ``(B, T, D)``.
        state : State, optional
            State before the first input: what an earlier call gave. Zero by default.
        lengths : Tensor of int, optional
            Lengths of the sequences, ``(B,)``, from 1 to T, in any order, on the device of ``x``;
            what stands past an end is not read.
        resets : Tensor of bool, optional
            True where a new sequence begins, ``(T, B)``, or with ``batch_first`` ``(B, T)``.

        Returns
        -------
        Tensor
            Outputs, ``(T, B, H)`` or ``(B, T, H)``, zero past the end of a sequence.
        State
            State of every sequence after its own last input: a named tuple of ``(B, H)``.

        Raises
        ------
        ValueError
            If a shape, dtype or device is not as stated, or a length is not from 1 to T.
        """
        params = self._params()
        checks.sequences("x", x, self.input_size, params[0], lengths, resets, self.batch_first)
        xs = x.transpose(0, 1) if self.batch_first else x
        resets = resets.T if resets is not None and self.batch_first else resets
        zero = self._zero_state(params, xs.shape[1])
        if state is None:
            state = zero
        else:
            checks.states("state", state, [tuple(z.shape) for z in zero], x)
        hs, last = self._run(params, xs, type(zero)(*state), lengths, resets)
        return (hs.transpose(0, 1) if self.batch_first else hs), last

    def extra_repr(self) -> str:
        """The arguments of the constructor."""
        said = f"{self.input_size}, {self.hidden_size}" + ", batch_first=True" * self.batch_first
        return said + (f", backend={self.backend!r}" if self.backend != "auto" else "")

    def _scan(self, params: Any, xs: Tensor) -> Scan | None:
        """The scan to take; None for the operator."""
        if self.backend == "auto":
            by_torch = torch.compiler.is_exporting() or _transformed((xs, *params))
        else:
            by_torch = self.backend == "scan"
        return work_efficient if by_torch else None

    def _params(self) -> Any:
        raise NotImplementedError

    def _zero_state(self, params: Any, B: int) -> Any:
        raise NotImplementedError

    def _run(self, params: Any, xs: Tensor, state: Any, lengths: Any, resets: Any) -> Any:
        raise NotImplementedError


class Minimal(Linear):
    """What :class:`MinGRU` and :class:`MinLSTM` share."""

    cell: Any
    blocks: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first, backend)
        rows = self.blocks * hidden_size
        self.weight_ih = Parameter(torch.empty(rows, input_size, device=device, dtype=dtype))
        self.bias_ih = Parameter(torch.empty(rows, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as torch's linear layer does: uniform within ±1/√D, the bias at zero."""
        bound = self.input_size**-0.5
        torch.nn.init.uniform_(self.weight_ih, -bound, bound)
        torch.nn.init.zeros_(self.bias_ih)

    def _params(self) -> Any:
        return self.cell.Params(self.weight_ih, self.bias_ih)

    def _zero_state(self, params: Any, B: int) -> Any:
        return self.cell.zero_state(params, B)

    def _run(self, params: Any, xs: Tensor, state: Any, lengths: Any, resets: Any) -> Any:
        scan = self._scan(params, xs)
        return parallel.forward(self.cell, params, xs, state, scan, lengths, resets)


class MinGRU(Minimal):
    """A GRU whose gates read the input alone, see :mod:`rnnlib.nn.min_gru`.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs and of units.
    batch_first : bool
        Does the batch come before time?
    device, dtype
        As in torch.
    backend : str
        ``"auto"``, ``"scan"`` or ``"kernel"``, see the module.

    Raises
    ------
    ValueError
        If a size is not positive, or the backend is none of these.
    """

    cell = min_gru
    blocks = 2


class MinLSTM(Minimal):
    """An LSTM whose gates read the input alone, see :mod:`rnnlib.nn.min_lstm`.

    Parameters
    ----------
    input_size, hidden_size, batch_first, device, dtype, backend
        As for :class:`MinGRU`.

    Raises
    ------
    ValueError
        If a size is not positive, or the backend is none of those.
    """

    cell = min_lstm
    blocks = 3


class LRU(Linear):
    """Linear recurrent unit, see :mod:`rnnlib.nn.lru`.

    Parameters
    ----------
    input_size, hidden_size : int
        Number of inputs, and of complex memories; there are as many outputs.
    batch_first : bool
        Does the batch come before time?
    r_min, r_max : float
        Radii of the ring in which the eigenvalues start: the closer to one, the longer the memory.
    device, dtype
        As in torch.
    backend : str
        As for :class:`MinGRU`.

    Raises
    ------
    ValueError
        If a size is not positive, the backend is none of those, or the radii are not
        0 ≤ r_min < r_max ≤ 1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        r_min: float = 0.0,
        r_max: float = 1.0,
        device: Any = None,
        dtype: Any = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first, backend)
        if not 0 <= r_min < r_max <= 1:
            raise ValueError(
                f"r_min, r_max: got {r_min}, {r_max}, expected 0 <= r_min < r_max <= 1"
            )
        self.r_min, self.r_max = r_min, r_max
        H, D = hidden_size, input_size
        for name, shape in zip(
            lru.Params._fields, [(H,)] * 3 + [(H, D)] * 2 + [(H, H)] * 2 + [(H, D)], strict=True
        ):
            setattr(self, name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw eigenvalues evenly over the ring, the other parameters as normal."""
        H, D = self.hidden_size, self.input_size
        square, turn = 1 - torch.rand(2, H, dtype=torch.float64)  # in (0, 1]
        decay = -0.5 * (self.r_min**2 + (self.r_max**2 - self.r_min**2) * square).log()
        started = lru.Params(
            nu=decay.log(),
            theta=(2 * torch.pi * turn).log(),
            gamma=0.5 * (-torch.expm1(-2 * decay)).log(),
            B_re=torch.randn(H, D) / (2 * D) ** 0.5,
            B_im=torch.randn(H, D) / (2 * D) ** 0.5,
            C_re=torch.randn(H, H) / H**0.5,
            C_im=torch.randn(H, H) / H**0.5,
            W_skip=torch.randn(H, D),
        )
        for parameter, value in zip(self._params(), started, strict=True):
            parameter.copy_(value)

    def _params(self) -> lru.Params:
        return lru.Params(*(getattr(self, name) for name in lru.Params._fields))

    def _zero_state(self, params: Any, B: int) -> Any:
        return lru.zero_state(params, B)

    def _run(self, params: Any, xs: Tensor, state: Any, lengths: Any, resets: Any) -> Any:
        return lru.scan_forward(params, xs, state, self._scan(params, xs), lengths, resets)


def _transformed(tensors: tuple[Tensor, ...]) -> bool:
    """Is a function of these mapped or differentiated by torch.func, or forward?"""
    if torch.compiler.is_dynamo_compiling():
        return False
    return any(
        is_functorch_wrapped_tensor(t) or forward_ad.unpack_dual(t).tangent is not None  # type: ignore[no-untyped-call]
        for t in tensors
    )
