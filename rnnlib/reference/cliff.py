r"""A loss with a cliff: one unit that hears nothing but itself (after Pascanu et al. 2013).

::

    h_t = σ(w h_{t-1} + b),   t = 1 ... T                            (one-unit)
    L = (h_T - y)²                                                   (one-unit-loss)

and the way back, with δ_T = 2 (h_T - y)::

    da_t = δ_t h_t (1 - h_t),  δ_{t-1} = w da_t                      (one-unit-adjoint)
    dw = Σ_t da_t h_{t-1},  db = Σ_t da_t                            (one-unit-dparams)
"""

from rnnlib.reference.ops import Array, sigmoid


def loss_and_gradient(
    w: Array, b: Array, h_0: float = 0.5, y: float = 0.7, T: int = 50
) -> tuple[Array, Array, Array]:
    """The loss over weight and bias, and its slope.

    Parameters
    ----------
    w, b : Array
        Weight and bias of the unit, of any shape: each pair is a network of its own.
    h_0 : float
        State before the first step.
    y : float
        What the state should be after the last.
    T : int
        Number of steps, at least 1.

    Returns
    -------
    Array, Array, Array
        The loss, dw and db, of the shape that ``w`` and ``b`` broadcast to.

    Raises
    ------
    ValueError
        If there is no step.
    """
    if T < 1:
        raise ValueError(f"T: got {T}, expected at least 1 step")
    hs = [h_0 + 0 * w + 0 * b]
    for _ in range(T):
        hs.append(sigmoid(w * hs[-1] + b))  # (one-unit)
    loss, delta = (hs[-1] - y) ** 2, 2 * (hs[-1] - y)  # (one-unit-loss)
    dw = db = 0 * delta
    for prev, h in zip(reversed(hs[:-1]), reversed(hs[1:]), strict=True):
        da = delta * h * (1 - h)
        delta = w * da  # (one-unit-adjoint)
        dw, db = dw + da * prev, db + da  # (one-unit-dparams)
    return loss, dw, db
