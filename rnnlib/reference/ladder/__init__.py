"""From the reference to the fastest NumPy, one step at a time.

A rung is a module with two functions::

    hs, last, cache = forward(params, xs, state)
    dparams, dxs, dstate = backward(params, cache, dhs, dstate)

They give what :func:`rnnlib.reference.bptt.forward` and :func:`rnnlib.reference.bptt.backward`
give for the cell, whose parameters and state they take. Each rung says in its docstring what it
does that the rung below does not, and why that is faster; equations stand there where they are
others. From the bottom to the top, for the LSTM and the GRU:

``gathered``
    Weight gradients are one product for many steps.
``hoisted``
    The product with the inputs leaves the loop.
``one_tanh``
    One call of tanh serves all gates.
``in_place``
    Features come first, and arrays are written where they stay.
``fast``
    What the backward loop multiplies with is computed for many steps at once.
"""
