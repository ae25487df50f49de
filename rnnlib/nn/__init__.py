"""Torch twins of :mod:`rnnlib.reference`: the same files, functions and labels.

Autograd takes the place of the cache and the backward. The layers for use are in
:mod:`rnnlib.nn.modules`; who runs them, and where kernels belong, is in :mod:`rnnlib.nn.backend`.
"""
