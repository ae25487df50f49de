"""How fast it is, on the machine that asks: ``python -m rnnlib.bench --help``.

Each benchmark is a module with ``options``, ``measure`` and ``say``. What it compares takes turns
in one run, since two numbers of two days say little about each other.
"""
