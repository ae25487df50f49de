r"""All steps at once, for a cell that is linear in its state (Martin & Cundy 2018).

With ``a_t`` and ``b_t`` positive and given by the input alone, the scan runs on their logarithms
(Heinsen 2023; Feng et al. 2024); ``h_0``, which may have any sign, is put in last::

    log A_t, log B_t = scan of the pairs (log a_t, log b_t)          (parallel-scan)
    h_t = exp(log A_t) ∘ h_0 + exp(log B_t)                          (parallel)

The operator of :mod:`rnnlib.nn.kernels.scan` composes few steps at a time and has no need of the
logarithms; it is given ``a_t`` and ``b_t`` themselves.
"""

from typing import Protocol, TypeVar

import torch
from torch import Tensor

from rnnlib.nn import entrance, log_space, ragged
from rnnlib.nn.bptt import Cell, HasHidden
from rnnlib.nn.kernels.scan import recur
from rnnlib.nn.scan import Affine, Scan, work_efficient

P = TypeVar("P", contravariant=True)  # the cell's Params
S = TypeVar("S", bound=HasHidden)  # its State


class LinearCell(Cell[P, S], Protocol[P, S]):
    """A cell whose state is ``h`` alone and whose step is ``h → a ∘ h + b``."""

    def coefficients(self, params: P, x: Tensor) -> Affine: ...


def forward(
    cell: LinearCell[P, S],
    params: P,
    xs: Tensor,
    state: S,
    scan: Scan | None = work_efficient,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
) -> tuple[Tensor, S]:
    """Run a cell over a sequence, by a scan.

    Parameters
    ----------
    cell : LinearCell
        The cell: :mod:`rnnlib.nn.min_gru` or :mod:`rnnlib.nn.min_lstm`.
    params : Params
        Its parameters.
    xs : Tensor
        Inputs, ``(T, B, D)``, with T ≥ 1.
    state : State
        State before the first input; the last state of a stretch continues it in the next.
    scan : callable
        One of the scans of :mod:`rnnlib.nn.scan`, or None for the operator of
        :mod:`rnnlib.nn.kernels.scan`.
    lengths : Tensor of int, optional
        Lengths of the sequences, ``(B,)``, from 1 to T; by default all have T steps.
    resets : Tensor of bool, optional
        True where the state is set to zero before the step, ``(T, B)``.

    Returns
    -------
    Tensor
        Hidden states, ``(T, B, H)``, as :func:`rnnlib.nn.packed.forward` gives them.
    State
        State of every sequence after its own last input.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    entrance.check(params=params, xs=(xs, "T B D"), state=state)
    logs = cell.coefficients(params, ragged.pad(xs, lengths))
    if resets is not None:
        logs = logs._replace(a=torch.where(resets[..., None], -torch.inf, logs.a))
    if scan is None:
        hs = recur(logs.a.exp(), logs.b.exp(), state.h)
    else:
        log_A, log_B = scan(log_space.compose, logs)  # (parallel-scan)
        hs = log_A.exp() * state.h + log_B.exp()  # (parallel)
    return ragged.pad(hs, lengths), state._replace(h=ragged.last(hs, lengths))
