r"""Echo-state network (Jaeger 2001): of a fixed random network only the read-out is learned.

The reservoir forgets at the rate of its leak ``α``; its weights are scaled once, to a spectral
radius ``ρ``::

    W_h = ρ W / max_i |λ_i(W)|                                       (spectral-radius)
    h' = (1 - α) h + α tanh(W_x x + W_h h + b)                       (reservoir)

The read-out ``ŷ = W_y h + b_y`` has a closed form. With ``Z`` and ``Y`` the states and the targets
after the washout, one row each, less their means ``z`` and ``y``::

    W_y = argmin ‖Z W_yᵀ - Y‖² + λ ‖W_y‖²,  b_y = y - W_y z          (ridge)

that is, least squares with the rows ``√λ I`` below ``Z`` and zeros below ``Y``.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnlib.nn import elman, entrance
from rnnlib.nn.elman import Params, State


@dataclass(frozen=True)
class Reservoir:
    """A random network with a leak; its weights are those of the Elman network.

    Parameters
    ----------
    radius : float
        Spectral radius ρ of ``W_h``.
    leak : float
        Share α of the state that is new, above 0 and at most 1.
    input_scale : float
        Bound of the input weights and the bias.
    density : float
        Share of the recurrent weights that are not zero, above 0 and at most 1.

    Raises
    ------
    ValueError
        If an option is out of its range.
    """

    radius: float = 0.9
    leak: float = 1.0
    input_scale: float = 1.0
    density: float = 1.0

    def __post_init__(self) -> None:
        for name, most in [
            ("radius", math.inf),
            ("leak", 1),
            ("input_scale", math.inf),
            ("density", 1),
        ]:
            value = getattr(self, name)
            if not 0 < value <= most or value == math.inf:
                raise ValueError(f"{name}: got {value}, expected a number above 0, at most {most}")

    def init(self, rng: torch.Generator | None, D: int, H: int) -> Params:
        """Draw the reservoir: normal recurrent weights, uniform input weights and bias.

        Parameters
        ----------
        rng : torch.Generator, optional
            Source of randomness; torch's own by default.
        D, H : int
            Number of inputs and of units.

        Returns
        -------
        Params
            Parameters in float64, on the CPU.

        Raises
        ------
        ValueError
            If the recurrent weights drawn have no spectral radius to scale, for lack of loops.
        """

        def even(*shape: int) -> Tensor:
            return torch.rand(shape, generator=rng, dtype=torch.float64)

        W = torch.randn(H, H, generator=rng, dtype=torch.float64) * (even(H, H) < self.density)
        radius = torch.linalg.eigvals(W).abs().max()
        if radius <= 1e-8 * W.square().sum().sqrt():
            raise ValueError(f"density: got {self.density}, expected one that leaves loops")
        W_h = self.radius * W / radius  # (spectral-radius)
        W_x, b = ((2 * u - 1) * self.input_scale for u in (even(H, D), even(H)))
        return Params(W_x, W_h, b)

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet, ``(B, H)``."""
        return elman.zero_state(params, B)

    def step(self, params: Params, x: Tensor, state: State) -> State:
        """Read one input; as :func:`rnnlib.nn.elman.step`, with the leak."""
        new = elman.step(params, x, state)
        return State((1 - self.leak) * state.h + self.leak * new.h)  # (reservoir)


def fit(hs: Tensor, targets: Tensor, ridge: float, washout: int = 0) -> tuple[Tensor, Tensor]:
    """Learn the read-out in one go, by ridge regression; the bias is not penalised.

    It is solved as a least-squares problem, in float64 on the CPU: the normal equations would
    square its condition number, which for a reservoir is large.

    Parameters
    ----------
    hs : Tensor
        States, ``(T, B, H)``.
    targets : Tensor
        What should be read out of them, ``(T, B, V)``.
    ridge : float
        Penalty λ on the squared weights. At zero, the shortest of all best weights is taken.
    washout : int
        Number of first steps to leave out, in which the state still depends on where it started.

    Returns
    -------
    Tensor, Tensor
        The read-out: weights ``(V, H)`` and biases ``(V,)``, of the dtype and device of ``hs``.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the ridge is negative or infinite, or the washout
        leaves no step.
    """
    entrance.check(hs=(hs, "T B H"), targets=(targets, "T B V"))
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge: got {ridge}, expected a number of at least 0")
    if not 0 <= washout < len(hs):
        raise ValueError(f"washout: got {washout}, expected from 0 to {len(hs) - 1} of T steps")

    Z, Y = (a[washout:].flatten(0, 1).double().cpu() for a in (hs, targets))
    z, y = Z.mean(0), Y.mean(0)
    root = float(ridge) ** 0.5 * torch.eye(Z.shape[1], dtype=Z.dtype)
    rows = torch.cat([Z - z, root])
    values = torch.cat([Y - y, Y.new_zeros(len(root), len(y))])
    W_y = torch.linalg.lstsq(rows, values, driver="gelsd").solution.T  # (ridge)
    return W_y.to(hs), (y - W_y @ z).to(hs)
