"""``Attention``: queries read values, by dot products or by a layer of hidden units."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from rnnlib.nn import attention, entrance, ragged
from rnnlib.nn.modules import _checks as checks


class Attention(torch.nn.Module):
    """Attention over a sequence, see :mod:`rnnlib.nn.attention`.

    Parameters
    ----------
    kind : str
        ``"dot"``: scaled dot products, nothing to learn. ``"additive"``: a layer of hidden units.
    query_size, key_size, hidden_size : int, optional
        For ``"additive"``: size of a query, of a key, and number of hidden units.
    batch_first : bool
        Does the batch come before time?
    device, dtype
        As in torch.

    Raises
    ------
    ValueError
        If an option makes no sense.
    """

    W_q: Parameter
    W_k: Parameter
    w: Parameter

    def __init__(
        self,
        kind: str = "dot",
        query_size: int | None = None,
        key_size: int | None = None,
        hidden_size: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        checks.among("kind", kind, ("dot", "additive"))
        sizes = {"query_size": query_size, "key_size": key_size, "hidden_size": hidden_size}
        self.kind, self.batch_first, self.sizes = kind, batch_first, sizes
        if kind == "dot":
            given = [name for name, size in sizes.items() if size is not None]
            if given:
                raise ValueError(f'{given[0]}: got it with kind="dot", which has no parameters')
            return
        checks.positive(**sizes)
        D, H, K = (size or 0 for size in sizes.values())
        for name, shape in {"W_q": (K, D), "W_k": (K, H), "w": (K,)}.items():
            setattr(self, name, Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw each parameter uniform within ±1/√n, n the numbers it reads."""
        for W in self.parameters():
            bound = W.shape[-1] ** -0.5
            torch.nn.init.uniform_(W, -bound, bound)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        *,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Read values.

        Parameters
        ----------
        queries : Tensor
            ``(N, B, D)``; with ``batch_first`` all have the batch in front.
        keys : Tensor
            ``(T, B, H)``; for dot products H = D.
        values : Tensor
            ``(T, B, V)``.
        lengths : Tensor of int, optional
            Lengths of the keys and values, ``(B,)``, from 1 to T.
        mask : Tensor of bool, optional
            True where a query may look, ``(N, B, T)`` or what broadcasts to it; with
            ``batch_first`` ``(B, N, T)``.

        Returns
        -------
        Tensor
            What the queries read, ``(N, B, V)``.
        Tensor
            The weights, ``(N, B, T)``.

        Raises
        ------
        ValueError
            If a shape or dtype is not as stated, or a query may look nowhere.
        """
        if self.batch_first:
            queries, keys, values = (a.transpose(0, 1) for a in (queries, keys, values))
            mask = mask.transpose(0, 1) if mask is not None and mask.ndim == 3 else mask
        if lengths is not None:
            entrance.check_integers("lengths", lengths, (keys.shape[1],), 1, len(keys))
            seen = ragged.valid(lengths, len(keys))[..., 0].T
            mask = seen if mask is None else mask & seen
        if self.kind == "dot":
            ys, weights = attention.dot(queries, keys, values, mask)
        else:
            params = attention.Params(self.W_q, self.W_k, self.w)
            ys, weights = attention.additive(params, queries, keys, values, mask)
        if self.batch_first:
            return ys.transpose(0, 1), weights.transpose(0, 1)
        return ys, weights

    def extra_repr(self) -> str:
        """The arguments of the constructor."""
        given = "".join(f", {k}={v}" for k, v in self.sizes.items() if v is not None)
        return f"{self.kind!r}{given}" + ", batch_first=True" * self.batch_first
