"""``RNN``: Elman networks."""

from typing import Any, Unpack

import torch
from torch import Tensor

from rnnlib.nn import elman
from rnnlib.nn.elman_activation import RELU, Elman
from rnnlib.nn.modules import _checks as checks
from rnnlib.nn.modules.recurrent import Options, Recurrent


class RNN(Recurrent):
    """Elman network, with tanh or relu; :class:`torch.nn.RNN` with options.

    Parameters
    ----------
    input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, dropout, bidirectional
        As in torch; ``device`` and ``dtype`` too.
    **options
        See :class:`~rnnlib.nn.modules.recurrent.Options`.

    Raises
    ------
    ValueError
        If an option, or a combination of options, makes no sense.
    """

    _TORCH = torch.nn.RNN

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Unpack[Options],
    ) -> None:
        checks.among("nonlinearity", nonlinearity, ("tanh", "relu"))
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional),
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity
        self._set_options(options)

    def _cell(self, W_x: Tensor, W_h: Tensor, biases: list[Tensor], suffix: str) -> tuple[Any, Any]:
        cell = elman if self.nonlinearity == "tanh" else Elman(RELU)
        return cell, elman.Params(W_x, W_h, biases[0] + biases[1])
