"""What reads tokens one by one, and keeps of them what it needs for the next."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from rnnlib.nn import lstm, mlstm, rwkv, slstm
from rnnlib.reference import mlstm as mlstm_reference
from rnnlib.reference import rwkv as rwkv_reference
from rnnlib.reference import slstm as slstm_reference
from rnnlib.reference.ops import tree_map


class Reader(Protocol):
    """What reads tokens."""

    def read(self, xs: Tensor) -> None: ...  # go on, over (T, H)
    def token(self, x: Tensor) -> Tensor: ...  # what it says to one more (1, H); stays where it is
    def kept(self) -> list[Tensor]: ...  # what the next token needs


class Attention(nn.Module):
    """Causal self-attention that keeps keys and values in place, for up to so many tokens."""

    def __init__(self, H: int, heads: int, length: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(H, 3 * H), nn.Linear(H, H)
        self.heads, self.n = heads, 0
        self.keys, self.values = (torch.zeros(heads, length, H // heads) for _ in "kv")

    def read(self, xs: Tensor) -> None:
        """Write keys and values of ``(T, H)`` behind those that are there."""
        _, k, v = self._split(xs)
        stop = self.n + len(xs)
        self.keys[:, self.n : stop], self.values[:, self.n : stop] = k, v
        self.n = stop

    def token(self, x: Tensor) -> Tensor:
        """Write one place further, and look at all places up to it."""
        q, k, v = self._split(x)
        self.keys[:, self.n : self.n + 1], self.values[:, self.n : self.n + 1] = k, v
        seen = slice(self.n + 1)
        y = scaled_dot_product_attention(
            q[None], self.keys[None, :, seen], self.values[None, :, seen]
        )
        said: Tensor = self.out(y[0].transpose(0, 1).flatten(1))
        return said

    def kept(self) -> list[Tensor]:
        """Keys and values so far."""
        return [self.keys[:, : self.n], self.values[:, : self.n]]

    def _split(self, xs: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, head by head."""
        return tuple(
            a.unflatten(1, (self.heads, -1)).transpose(0, 1) for a in self.project(xs).chunk(3, 1)
        )


class Recurrent:
    """A cell with its parameters and state; the fields named are those that the next step reads."""

    def __init__(self, step: Callable[[Tensor, Any], Any], state: Any, fields: str) -> None:
        self.step, self.state, self.fields = step, state, fields.split()

    def read(self, xs: Tensor) -> None:
        """Step over ``(T, H)``."""
        for x in xs:
            self.state = self.step(x[None], self.state)

    def token(self, x: Tensor) -> Tensor:
        """One step; the state stays."""
        said: Tensor = self.step(x, self.state).h
        return said

    def kept(self) -> list[Tensor]:
        """The state."""
        return [getattr(self.state, field) for field in self.fields]


def all_readers(H: int, heads: int, length: int) -> dict[str, Reader]:
    """The ways, fresh; attention has room for so many tokens."""
    torch.manual_seed(0)
    rng, cell = np.random.default_rng(0), nn.LSTMCell(H, H)

    def lstm_step(x: Tensor, state: Any) -> Any:
        return type(state)(*cell(x, tuple(state)))

    def ours(twin: Any, reference: Any, fields: str) -> Recurrent:
        drawn = tree_map(lambda a: torch.tensor(a).float(), tuple(reference.init(rng, H, H)))
        params = twin.Params(*drawn)
        return Recurrent(lambda x, s: twin.step(params, x, s), twin.zero_state(params, 1), fields)

    return {
        "attention": Attention(H, heads, length),
        "LSTM": Recurrent(lstm_step, lstm.State(torch.zeros(1, H), torch.zeros(1, H)), "h c"),
        "sLSTM": ours(slstm, slstm_reference, "h c n m"),
        "mLSTM": ours(mlstm, mlstm_reference, "C n m"),
        "RWKV": ours(rwkv, rwkv_reference, "x c n m"),
    }
