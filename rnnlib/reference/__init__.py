"""NumPy, written to be read: one file per idea, the equations on top, the backward derived by hand.

A *cell* is a module with ``init``, ``zero_state``, ``step`` and ``step_backward``;
:mod:`rnnlib.reference.bptt` runs any of them over time.
"""
