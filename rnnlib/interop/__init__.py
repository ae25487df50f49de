"""Weights of recurrent layers, between us and others: torch.nn, Keras 3, ONNX, Flax.

Ours is the middle: ``from_X`` gives parameters of :mod:`rnnlib.reference`, ``to_X`` takes them, so
two calls lead from any framework to any other. All of it is NumPy; nothing here imports a
framework. ``python -m rnnlib.interop describe FILE`` says what a saved file looks like.

The conventions stand in one table, :data:`rnnlib.interop.conventions.CONVENTIONS`. To
``to_X`` and back by ``from_X`` every array is what it was. Where a framework cannot hold the
weights a ``ValueError`` says why.
"""

from rnnlib.interop.blocks import Blocks, pack, unpack
from rnnlib.interop.conventions import CONVENTIONS, Convention, find
from rnnlib.interop.flax_weights import from_flax, to_flax
from rnnlib.interop.keras_weights import from_keras, to_keras
from rnnlib.interop.layers import network
from rnnlib.interop.onnx_weights import Node, from_onnx, to_onnx
from rnnlib.interop.saved import load, save
from rnnlib.interop.torch_weights import from_torch, to_torch

__all__ = [
    "CONVENTIONS",
    "Blocks",
    "Convention",
    "Node",
    "find",
    "from_flax",
    "from_keras",
    "from_onnx",
    "from_torch",
    "load",
    "network",
    "pack",
    "save",
    "to_flax",
    "to_keras",
    "to_onnx",
    "to_torch",
    "unpack",
]
