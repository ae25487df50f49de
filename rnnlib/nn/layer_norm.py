r"""Layer normalisation (Ba et al. 2016).

The statistics are those of one example over its last axis, here written ``mean``; no example
depends on another, and none on the past::

    x̂ = (x - mean(x)) / √(mean((x - mean(x))²) + ε)                  (layer-norm-normal)

``ε`` keeps the division finite where all inputs are equal. With a scale and a shift it is
``torch.nn.LayerNorm``.
"""

from torch import Tensor
from torch.nn.functional import layer_norm

EPS = 1e-5


def normalise(x: Tensor, eps: float = EPS) -> Tensor:
    """Shift and scale to mean zero and variance one over the last axis.

    Parameters
    ----------
    x : Tensor
        Inputs, ``(..., H)``.
    eps : float
        Keeps the division finite.

    Returns
    -------
    Tensor
        The normalised inputs, ``(..., H)``.
    """
    return layer_norm(x, x.shape[-1:], eps=eps)  # (layer-norm-normal)
