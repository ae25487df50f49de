"""``Seq2Seq``: one network reads, another writes, and looks at what was read."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnlib.nn import decode, ragged
from rnnlib.nn.modules import _checks as checks
from rnnlib.nn.modules.attention import Attention
from rnnlib.nn.modules.gru import GRU


class State(NamedTuple):
    """What is carried from symbol to symbol; one row per sequence in every tensor."""

    h: Tensor  # (B, H)
    memory: Tensor  # (B, T, 2H)
    seen: Tensor  # where the memory is no padding, as a number: (B, T)


class Seq2Seq(torch.nn.Module):
    """Encoder and decoder with attention (Sutskever et al. 2014; Bahdanau et al. 2015).

    The encoder is a bidirectional GRU. Its last states, through a layer with tanh, are the first
    state of the decoder, a GRU that reads at every step the last symbol and what its state before
    finds in the encoder's states by additive attention. Both give the logits.

    Parameters
    ----------
    source_size, target_size : int
        Number of symbols that are read, and that are written.
    embedding_size, hidden_size : int
        Size of a symbol's vector; number of units of the encoder in each direction, of the decoder
        and of the attention.
    dropout : float
        Probability that a number of an embedding is dropped in training.
    device, dtype
        As in torch.

    Raises
    ------
    ValueError
        If a size is not positive.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        embedding_size: int,
        hidden_size: int,
        dropout: float = 0.0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        checks.positive(
            source_size=source_size,
            target_size=target_size,
            embedding_size=embedding_size,
            hidden_size=hidden_size,
        )
        factory: Any = {"device": device, "dtype": dtype}
        D, H = embedding_size, hidden_size
        self.source = torch.nn.Embedding(source_size, D, **factory)
        self.target = torch.nn.Embedding(target_size, D, **factory)
        self.drop = torch.nn.Dropout(dropout)
        self.encoder = GRU(D, H, bidirectional=True, **factory)
        self.bridge = torch.nn.Linear(2 * H, H, **factory)
        self.attention = Attention("additive", H, 2 * H, H, **factory)
        self.decoder = torch.nn.GRUCell(D + 2 * H, H, **factory)
        self.readout = torch.nn.Linear(3 * H, target_size, **factory)

    def forward(self, source: Tensor, target: Tensor, *, lengths: Tensor | None = None) -> Tensor:
        """Logits of every next symbol, when the right one before it is given.

        Parameters
        ----------
        source : Tensor of int
            Symbols to read, ``(T, B)``.
        target : Tensor of int
            Symbols before those to write, the first a start symbol, ``(N, B)``.
        lengths : Tensor of int, optional
            Lengths of the sources, ``(B,)``, from 1 to T.

        Returns
        -------
        Tensor
            Logits, ``(N, B, target_size)``.

        Raises
        ------
        ValueError
            If a shape or dtype is not as stated, or a length is not from 1 to T.
        """
        if target.ndim != 2 or target.shape[1] != source.shape[-1] or len(target) == 0:
            got, B = tuple(target.shape), source.shape[-1]
            raise ValueError(f"target: got shape {got}, expected (N, {B}), N above 0")
        state, logits = self.encode(source, lengths=lengths), []
        for symbols in target:
            said, state = self.step(symbols, state)
            logits.append(said)
        return torch.stack(logits)

    def encode(self, source: Tensor, *, lengths: Tensor | None = None) -> State:
        """Read; the state before the first symbol is written. Arguments as for :meth:`forward`."""
        if source.ndim != 2:
            raise ValueError(f"source: got shape {tuple(source.shape)}, expected (T, B)")
        hs, last = self.encoder(self.drop(self.source(source)), lengths=lengths)
        h = torch.tanh(self.bridge(torch.cat([last[0], last[1]], dim=1)))
        memory = hs.transpose(0, 1)
        if lengths is None:
            return State(h, memory, memory.new_ones(memory.shape[:2]))
        return State(h, memory, ragged.valid(lengths, len(source))[..., 0].T.to(h.dtype))

    def step(self, symbols: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits ``(B, V)`` after the symbols ``(B,)``: what :mod:`rnnlib.nn.decode` runs."""
        keys = state.memory.transpose(0, 1)
        context, _ = self.attention(state.h[None], keys, keys, mask=state.seen > 0)
        x = torch.cat([self.drop(self.target(symbols)), context[0]], dim=1)
        h = self.decoder(x, state.h)
        logits: Tensor = self.readout(torch.cat([h, context[0]], dim=1))
        return logits, state._replace(h=h)

    @torch.no_grad()
    def generate(
        self,
        source: Tensor,
        start: int,
        end: int,
        max_length: int,
        *,
        lengths: Tensor | None = None,
    ) -> decode.Decoded:
        """Write greedily.

        Parameters
        ----------
        source, lengths
            As for :meth:`forward`.
        start, end : int
            The symbol before the first, and the one that finishes a sequence.
        max_length : int
            Number of symbols after which to stop in any case.

        Returns
        -------
        Tensor, Tensor, Tensor
            As for :func:`rnnlib.nn.decode.greedy`.

        Raises
        ------
        ValueError
            As for :meth:`forward` and :func:`rnnlib.nn.decode.greedy`.
        """
        first = torch.full(source.shape[-1:], start, device=source.device)
        return decode.greedy(
            self.step, first, self.encode(source, lengths=lengths), end, max_length
        )
