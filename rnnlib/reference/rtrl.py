r"""Real-time recurrent learning of an Elman network (Williams & Zipser 1989).

The gradient is carried forward in time, beside the state. With ``θ = [W_x W_h b]`` and
``q = [x; h; 1]``, so that the preactivation is ``a = θ q``::

    S'_{ijk} = (1 - h'_i²) (Σ_l W_h[i,l] S_{ljk} + 1{i=j} q_k)       (rtrl)
    dθ_{jk} = Σ_t Σ_i dh'_i S'_{ijk}                                 (rtrl-gradient)

``S_{ijk}``, the derivative of ``h_i`` with respect to ``θ_{jk}``, is the influence of every
parameter on every unit; it is zero before the first step. ``dh'`` is what the loss sends straight
into the state after the step. The influence does not grow with T, and holds H times as many
numbers as there are parameters.
"""

import numpy as np

from rnnlib import shapes
from rnnlib.reference import elman
from rnnlib.reference.elman import Params, State
from rnnlib.reference.ops import Array


def gradient(params: Params, xs: Array, state: State, dhs: Array) -> tuple[Params, Array]:
    """Gradient with respect to the parameters, without a way back.

    Parameters
    ----------
    params : Params
        Parameters of the network.
    xs : Array
        Inputs, ``(T, B, D)``.
    state : State
        State before the first input; the gradient with respect to it is not computed.
    dhs : Array
        Gradient that the loss sends into each hidden state, ``(T, B, H)``; step t needs row t
        only, so a loss may decide it as it goes.

    Returns
    -------
    Params
        The same gradient that :func:`rnnlib.reference.bptt.backward` gives.
    Array
        The influence after the last step, ``(B, H, H, D + H + 1)``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, or the sequence is empty.
    """
    sizes = shapes.arguments(
        params=(params, Params), xs=(xs, "T B D"), state=(state, State), dhs=(dhs, "T B H")
    )
    B, D, H = (sizes[k] for k in "BDH")

    theta = np.concatenate([params.W_x, params.W_h, params.b[:, None]], axis=1)
    S, dtheta = np.zeros((B, *(H, *theta.shape)), theta.dtype), np.zeros_like(theta)
    unit = np.arange(H)
    for x, dh in zip(xs, dhs, strict=True):
        q = np.concatenate([x, state.h, np.ones((B, 1), theta.dtype)], axis=1)
        state, _ = elman.step(params, x, state)
        S = np.tensordot(S, params.W_h, axes=(1, 1)).transpose(0, 3, 1, 2)  # (rtrl)
        S[:, unit, unit] += q[:, None]
        S *= (1 - state.h**2)[..., None, None]
        dtheta += np.einsum("bi,bijk->jk", dh, S)  # (rtrl-gradient)
    dW_x, dW_h, db = np.split(dtheta, [D, D + H], axis=1)
    return Params(dW_x, dW_h, db[:, 0]), S
