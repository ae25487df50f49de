"""Recurrent neural networks, derived, built and measured: the package behind the book *Unrolled*.

``rnnlib.reference`` is NumPy, written to be read; ``rnnlib.nn`` is its twin in torch. Importing
either of them imports no more than it needs, and this module imports nothing.
"""

__version__ = "0.1.0"
