"""``CRF``: the best sequence of labels, not a sequence of best labels."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from rnnlib.nn import crf
from rnnlib.nn.modules import _checks as checks


class CRF(torch.nn.Module):
    """Linear-chain conditional random field, see :mod:`rnnlib.nn.crf`.

    Parameters
    ----------
    num_labels : int
        Number of labels.
    batch_first : bool
        Does the batch come before time?
    device, dtype
        As in torch.

    Raises
    ------
    ValueError
        If there is no label.
    """

    A: Parameter
    b: Parameter
    f: Parameter

    def __init__(
        self, num_labels: int, batch_first: bool = False, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        checks.positive(num_labels=num_labels)
        V = self.num_labels = num_labels
        self.batch_first = batch_first
        for name, shape in {"A": (V, V), "b": (V,), "f": (V,)}.items():
            setattr(self, name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw parameters: uniform within ±1/√V."""
        bound = self.num_labels**-0.5
        for W in self.parameters():
            torch.nn.init.uniform_(W, -bound, bound)

    def forward(
        self, emissions: Tensor, targets: Tensor, *, lengths: Tensor | None = None
    ) -> Tensor:
        """Mean negative log-probability of the right sequences, in nats.

        Parameters
        ----------
        emissions : Tensor
            Score of each label at each step, ``(T, B, V)``, or with ``batch_first`` ``(B, T, V)``.
        targets : Tensor of int
            The labels, ``(T, B)`` or ``(B, T)``; what stands beyond a length is not read.
        lengths : Tensor of int, optional
            Number of steps of each sequence, from 1 to T, ``(B,)``; by default all have T.

        Returns
        -------
        Tensor
            The loss, ``()``.

        Raises
        ------
        ValueError
            If a shape or dtype is not as stated, or a label or a length is out of range.
        """
        if self.batch_first:
            emissions, targets = emissions.transpose(0, 1), targets.T
        return crf.nll(self._params(), emissions, targets, lengths)

    @torch.no_grad()
    def decode(self, emissions: Tensor, *, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The best sequences of labels, -1 beyond a length, and their scores ``(B,)``.

        Arguments and errors are those of :meth:`forward`.
        """
        emissions = emissions.transpose(0, 1) if self.batch_first else emissions
        labels, scores = crf.viterbi(self._params(), emissions, lengths)
        return (labels.T if self.batch_first else labels), scores

    @torch.enable_grad()
    def marginals(self, emissions: Tensor, *, lengths: Tensor | None = None) -> Tensor:
        """Probability of every label at every step, of the shape of the emissions.

        It is the gradient of ``log Z`` with respect to the emissions, and is zero beyond a length.
        Arguments and errors are those of :meth:`forward`.
        """
        emissions = emissions.detach().requires_grad_()
        xs = emissions.transpose(0, 1) if self.batch_first else emissions
        total = crf.log_partition(self._params(), xs, lengths).sum()
        return torch.autograd.grad(total, emissions)[0]

    def extra_repr(self) -> str:
        """The arguments of the constructor."""
        return f"{self.num_labels}" + ", batch_first=True" * self.batch_first

    def _params(self) -> crf.Params:
        return crf.Params(self.A, self.b, self.f)
