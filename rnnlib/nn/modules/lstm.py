"""``LSTM``: long short-term memory, normalised, with peepholes or with a projection."""

from typing import Any, Unpack

import torch
from torch import Tensor
from torch.nn import Parameter

from rnnlib.nn import init, lstm, lstm_layer_norm, lstm_peephole, lstm_projected
from rnnlib.nn.modules import _checks as checks
from rnnlib.nn.modules.recurrent import Options, Recurrent


class LSTM(Recurrent):
    """Long short-term memory; :class:`torch.nn.LSTM` with options.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size
        As in torch; ``device`` and ``dtype`` too.
    layer_norm : bool
        Normalise the preactivations and the memory, see :mod:`rnnlib.nn.lstm_layer_norm`; adds
        ``gamma_x``, ``gamma_h``, ``gamma_c`` and ``beta_c`` to the parameters of every layer.
    peephole : bool
        Let the gates see the memory, see :mod:`rnnlib.nn.lstm_peephole`; adds ``weight_c``.
    forget_bias : float, optional
        Where the biases of the forget gates start.
    chrono_t_max : float, optional
        With ``init="chrono"``: the longest lag that is expected, in steps.
    **options
        See :class:`~rnnlib.nn.modules.recurrent.Options`.

    Raises
    ------
    ValueError
        If an option, or a combination of options, makes no sense.
    """

    _TORCH = torch.nn.LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        layer_norm: bool = False,
        peephole: bool = False,
        forget_bias: float | None = None,
        chrono_t_max: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        sizes = (input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__("LSTM", *sizes, proj_size, device=device, dtype=dtype)
        self._State = lstm_projected.State if proj_size else lstm.State
        self.layer_norm, self.peephole = layer_norm, peephole
        self.forget_bias, self.chrono_t_max = forget_bias, chrono_t_max
        kinds = {"layer_norm": layer_norm, "peephole": peephole, "proj_size": proj_size}
        if len(given := [name for name, value in kinds.items() if value]) > 1:
            raise ValueError(f"{given[1]}: got it with {given[0]}, expected one of them")
        chrono = options.get("init") == "chrono"
        if chrono != (chrono_t_max is not None):
            raise ValueError(f'chrono_t_max: got {chrono_t_max}, expected it with init="chrono"')
        if chrono and forget_bias is not None:
            raise ValueError(f'forget_bias: got {forget_bias} with init="chrono", which sets it')
        if forget_bias is not None:
            checks.finite("forget_bias", forget_bias)
        if chrono_t_max is not None:
            checks.finite("chrono_t_max", chrono_t_max, 2)
        if not bias and (chrono or forget_bias is not None):
            raise ValueError("bias: got False with a start of the biases, expected True")
        for suffix in self._suffixes():
            for name, shape in self._shapes().items():
                empty = torch.empty(shape, device=device, dtype=dtype)
                setattr(self, name + suffix, Parameter(empty))
        self._set_options(options)

    def _own(self) -> tuple[str, ...]:
        return ("layer_norm", "peephole")

    def _sizes(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _inits(self) -> tuple[str, ...]:
        return ("orthogonal", "chrono")

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Parameters that torch does not know, for each layer and direction."""
        H = self.hidden_size
        if self.layer_norm:
            return {"gamma_x": (4 * H,), "gamma_h": (4 * H,), "gamma_c": (H,), "beta_c": (H,)}
        return {"weight_c": (3, H)} if self.peephole else {}

    def _cell(self, W_x: Tensor, W_h: Tensor, biases: list[Tensor], suffix: str) -> tuple[Any, Any]:
        more = [getattr(self, name + suffix) for name in self._shapes()]
        weights = W_x, W_h, biases[0] + biases[1]
        if self.proj_size:
            cell = lstm_projected.ProjectedLSTM(self.proj_size)
            W_p = getattr(self, f"weight_hr{suffix}")
            return cell, lstm_projected.Params(*weights, W_p)
        if self.layer_norm:
            return lstm_layer_norm, lstm_layer_norm.Params(*weights, *more)
        if self.peephole:
            return lstm_peephole, lstm_peephole.Params(*weights, *more)
        return lstm, lstm.Params(*weights)

    @torch.no_grad()
    def _reset_own(self) -> None:
        super()._reset_own()
        H = self.hidden_size
        for suffix in self._suffixes():
            for name in self._shapes():
                W = getattr(self, name + suffix)
                if name == "weight_c":
                    torch.nn.init.uniform_(W, -(H**-0.5), H**-0.5)
                else:
                    torch.nn.init.constant_(W, 0.0 if name == "beta_c" else 1.0)
            if self.forget_bias is not None:
                b_x, b_h = getattr(self, f"bias_ih{suffix}"), getattr(self, f"bias_hh{suffix}")
                b_x.copy_(init.forget_bias(b_x, self.forget_bias))
                b_h[H : 2 * H] = 0
            if self.chrono_t_max is not None:
                b_x, b_h = getattr(self, f"bias_ih{suffix}"), getattr(self, f"bias_hh{suffix}")
                b_x.copy_(init.chrono(None, b_x, self.chrono_t_max))
                b_h[: 2 * H] = 0
