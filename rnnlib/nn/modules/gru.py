"""``GRU``: gated recurrent units."""

from typing import Any, Unpack

import torch
from torch import Tensor

from rnnlib.nn import gru, gru_cho
from rnnlib.nn.modules.recurrent import Options, Recurrent


class GRU(Recurrent):
    """Gated recurrent unit; :class:`torch.nn.GRU` with options.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As in torch; ``device`` and ``dtype`` too.
    reset_before : bool
        Reset the state before the product with the recurrent weights, see
        :mod:`rnnlib.nn.gru_cho`; the two biases act as their sum. torch resets after it.
    **options
        See :class:`~rnnlib.nn.modules.recurrent.Options`.

    Raises
    ------
    ValueError
        If an option, or a combination of options, makes no sense.
    """

    _TORCH = torch.nn.GRU

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_before: bool = False,
        **options: Unpack[Options],
    ) -> None:
        sizes = (input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__("GRU", *sizes, device=device, dtype=dtype)
        self.reset_before = reset_before
        self._set_options(options)

    def _own(self) -> tuple[str, ...]:
        return ("reset_before",)

    def _cell(self, W_x: Tensor, W_h: Tensor, biases: list[Tensor], suffix: str) -> tuple[Any, Any]:
        if self.reset_before:
            return gru_cho, gru_cho.Params(W_x, W_h, biases[0] + biases[1])
        return gru, gru.Params(W_x, W_h, *gru.fold(*biases))
