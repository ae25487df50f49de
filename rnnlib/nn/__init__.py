"""Torch twins of :mod:`rnnlib.reference`: the same files, functions and labels.

Autograd takes the place of the cache and the backward.
"""
