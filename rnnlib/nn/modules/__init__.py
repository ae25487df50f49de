"""Layers for use: torch's, with what it lacks, under its own names.

``RNN``, ``LSTM`` and ``GRU`` take the place of those of :mod:`torch.nn`; the others have no peer
there. Time comes first, ``(T, B, D)``, unless ``batch_first=True``.
"""

from rnnlib.nn.modules.attention import Attention
from rnnlib.nn.modules.crf import CRF
from rnnlib.nn.modules.gru import GRU
from rnnlib.nn.modules.linear import LRU, MinGRU, MinLSTM
from rnnlib.nn.modules.lstm import LSTM
from rnnlib.nn.modules.reservoir import ESN
from rnnlib.nn.modules.rnn import RNN
from rnnlib.nn.modules.seq2seq import Seq2Seq

__all__ = ["CRF", "ESN", "GRU", "LRU", "LSTM", "RNN", "Attention", "MinGRU", "MinLSTM", "Seq2Seq"]
