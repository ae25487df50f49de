"""Layers for use: torch's, with what it lacks, under its own names.

``RNN``, ``LSTM`` and ``GRU`` take the place of those of :mod:`torch.nn`; the others have no peer
there.
"""

from rnnlib.nn.modules.recurrent import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN"]
