r"""Where training starts from, beyond ``torch.nn.init``.

::

    orthogonal   QᵀQ = I,  Q drawn evenly from all such matrices     (init-orthogonal)

and the bias ``b = [b_i; b_f; b_g; b_o]`` of an LSTM, which decides how long it remembers before
it has learned anything::

    forget bias  b_f = s                                             (init-forget-bias)
    chrono       b_f = log u,  u ~ U(1, T_max - 1),  b_i = -b_f      (init-chrono)
"""

import math

import torch
from torch import Tensor


def orthogonal(
    rng: torch.Generator | None, shape: tuple[int, int], dtype: torch.dtype | None = None
) -> Tensor:
    """Draw an orthogonal matrix, evenly over all of them (Mezzadri 2007; Saxe et al. 2014).

    Parameters
    ----------
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    shape : tuple of int
        ``(m, n)``. If they differ, the rows or the columns are orthonormal, whichever are fewer.
    dtype : torch.dtype, optional
        Of the result; it is drawn in float64.

    Returns
    -------
    Tensor
        Weights.
    """
    Q = torch.empty(shape, dtype=torch.float64)
    return torch.nn.init.orthogonal_(Q, generator=rng).to(dtype)  # (init-orthogonal)


def forget_bias(b: Tensor, value: float = 1.0) -> Tensor:
    """Open the forget gates of an LSTM (Gers et al. 2000; Jozefowicz et al. 2015).

    Parameters
    ----------
    b : Tensor
        Bias of the gates i, f, g, o, ``(4H,)``.
    value : float
        The bias of the forget gates.

    Returns
    -------
    Tensor
        A copy with the rows of f at ``value``.
    """
    b_i, b_f, b_g, b_o = b.chunk(4)
    return torch.cat([b_i, torch.full_like(b_f, value), b_g, b_o])  # (init-forget-bias)


def chrono(rng: torch.Generator | None, b: Tensor, T_max: float) -> Tensor:
    """Spread the memories of an LSTM evenly over 1 to T_max steps (Tallec & Ollivier 2018).

    A forget gate of σ(log u) loses the share 1/(1 + u) of its cell at each step, so it remembers
    for about 1 + u of them.

    Parameters
    ----------
    rng : torch.Generator, optional
        Source of randomness; torch's own by default.
    b : Tensor
        Bias of the gates i, f, g, o, ``(4H,)``.
    T_max : float
        The longest lag that the task is expected to have, at least 2.

    Returns
    -------
    Tensor
        A copy with the rows of f drawn, and those of i their negatives.

    Raises
    ------
    ValueError
        If ``T_max`` is below 2 or infinite.
    """
    if not 2 <= T_max < math.inf:
        raise ValueError(f"T_max: got {T_max}, expected at least 2 steps")
    b_i, _, b_g, b_o = b.chunk(4)
    u = torch.rand(len(b_i), generator=rng, dtype=torch.float64)
    b_f = (1 + (T_max - 2) * u).log().to(b)
    return torch.cat([-b_f, b_f, b_g, b_o])  # (init-chrono)
