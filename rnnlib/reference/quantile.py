r"""Quantile loss: a forecast that the share τ of the targets should stay below.

``ŷ`` is what the read-out says, ``y`` the target, ``N`` counts the numbers predicted::

    L = Σ max((1 - τ) (ŷ - y), τ (y - ŷ)) / N                        (pinball)
    dŷ = (1{ŷ > y} - τ) / N                                          (pinball-backward)

One read-out for each of several τ makes a band around a forecast.
"""

from rnnlib.reference.losses import check_pair
from rnnlib.reference.ops import Array


def pinball(predictions: Array, targets: Array, tau: float) -> tuple[float, Array]:
    """Quantile loss: smallest where the share τ of the targets is below (Koenker & Bassett 1978).

    Parameters
    ----------
    predictions, targets
        As for :func:`rnnlib.reference.losses.mse`.
    tau : float
        The quantile τ, between 0 and 1; at 1/2 this is half the absolute error.

    Returns
    -------
    float
        The mean over all numbers.
    Array
        Its gradient with respect to the predictions; where one is exact, the slope below it.

    Raises
    ------
    ValueError
        As for :func:`rnnlib.reference.losses.mse`, or if ``tau`` is not between 0 and 1.
    """
    if not 0 < tau < 1:
        raise ValueError(f"tau: got {tau}, expected a number between 0 and 1")
    check_pair(predictions, targets)
    error = predictions - targets
    slope = (error.real > 0).astype(error.real.dtype) - tau
    loss = (slope * error).mean()  # (pinball)
    return loss, slope / error.size  # (pinball-backward)
