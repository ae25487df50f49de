r"""Echo-state network (Jaeger 2001): of a fixed random network only the read-out is learned.

The reservoir forgets at the rate of its leak ``α``; its weights are scaled once, to a spectral
radius ``ρ``::

    W_h = ρ W / max_i |λ_i(W)|                                       (spectral-radius)
    h' = (1 - α) h + α tanh(W_x x + W_h h + b)                       (reservoir)

and its transpose, should one want the gradient after all, given ``dh' = ∂L/∂h'``::

    dtanh = α dh',  dh = (1 - α) dh' + ...                           (reservoir-backward)

where the dots are what comes back through the tanh, as in :mod:`rnnlib.reference.elman`. The
read-out ``ŷ = W_y h + b_y`` has a closed form. With ``Z`` and ``Y`` the states and the targets
after the washout, one row each, less their means ``z`` and ``y``::

    W_y = argmin ‖Z W_yᵀ - Y‖² + λ ‖W_y‖²,  b_y = y - W_y z          (ridge)

that is, least squares with the rows ``√λ I`` below ``Z`` and zeros below ``Y``.
"""

from dataclasses import dataclass

import numpy as np

from rnnlib import shapes
from rnnlib.reference import elman, linear
from rnnlib.reference.elman import Cache, Params, State
from rnnlib.reference.ops import Array


@dataclass(frozen=True)
class Reservoir:
    """A random network with a leak; its weights are those of the Elman network.

    If the largest singular value of ``W_h`` is below one, two starts are sure to converge on the
    same inputs (the *echo-state property*). A spectral radius below one is the usual choice; it is
    less than that, and neither sufficient nor, with inputs, necessary (Yildiz et al. 2012).

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
            ("radius", np.inf),
            ("leak", 1),
            ("input_scale", np.inf),
            ("density", 1),
        ]:
            value = getattr(self, name)
            if not 0 < value <= most or value == np.inf:
                raise ValueError(f"{name}: got {value}, expected a number above 0, at most {most}")

    def init(self, rng: np.random.Generator, D: int, H: int) -> Params:
        """Draw the reservoir: normal recurrent weights, uniform input weights and bias.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        D, H : int
            Number of inputs and of units.

        Returns
        -------
        Params
            Parameters in float64.

        Raises
        ------
        ValueError
            If the recurrent weights drawn have no spectral radius to scale, for lack of loops.
        """
        W = rng.normal(size=(H, H)) * (rng.random((H, H)) < self.density)
        radius = np.abs(np.linalg.eigvals(W)).max()
        if radius <= 1e-8 * np.sqrt((W * W).sum()):
            raise ValueError(f"density: got {self.density}, expected one that leaves loops")
        W_h = self.radius * W / radius  # (spectral-radius)
        W_x, b = (rng.uniform(-1, 1, shape) * self.input_scale for shape in [(H, D), (H,)])
        return Params(W_x, W_h, b)

    def zero_state(self, params: Params, B: int) -> State:
        """State of a network that has read nothing yet, ``(B, H)``."""
        return elman.zero_state(params, B)

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Cache]:
        """Read one input; as :func:`rnnlib.reference.elman.step`, with the leak."""
        new, cache = elman.step(params, x, state)
        return State((1 - self.leak) * state.h + self.leak * new.h), cache  # (reservoir)

    def step_backward(
        self, params: Params, cache: Cache, dstate: State
    ) -> tuple[Params, Array, State]:
        """Send the gradient of one step back; as :func:`rnnlib.reference.elman.step_backward`."""
        dtanh = State(self.leak * dstate.h)  # (reservoir-backward)
        dparams, dx, dprev = elman.step_backward(params, cache, dtanh)
        return dparams, dx, State((1 - self.leak) * dstate.h + dprev.h)


def fit(hs: Array, targets: Array, ridge: float, washout: int = 0) -> linear.Params:
    """Learn the read-out in one go, by ridge regression; the bias is not penalised.

    It is solved as a least-squares problem: the normal equations would square its condition
    number, which for a reservoir is large.

    Parameters
    ----------
    hs : Array
        States, ``(T, B, H)``.
    targets : Array
        What should be read out of them, ``(T, B, V)``.
    ridge : float
        Penalty λ on the squared weights. At zero, the shortest of all best weights is taken.
    washout : int
        Number of first steps to leave out, in which the state still depends on where it started.

    Returns
    -------
    linear.Params
        The read-out, for :func:`rnnlib.reference.linear.forward`.

    Raises
    ------
    ValueError
        If a shape or dtype is not as stated, the ridge is negative or infinite, or the washout
        leaves no step.
    """
    sizes: dict[str, int] = {}
    shapes.check("hs", hs, ("T", "B", "H"), sizes)
    shapes.check("targets", targets, ("T", "B", "V"), sizes)
    if not 0 <= ridge < np.inf:
        raise ValueError(f"ridge: got {ridge}, expected a number of at least 0")
    if not 0 <= washout < len(hs):
        raise ValueError(f"washout: got {washout}, expected from 0 to {len(hs) - 1} of T steps")

    Z, Y = (a[washout:].reshape(-1, a.shape[-1]) for a in (hs, targets))
    z, y = Z.mean(0), Y.mean(0)
    root = float(ridge) ** 0.5 * np.eye(sizes["H"], dtype=Z.dtype)
    rows = np.vstack([Z - z, root])
    values = np.vstack([Y - y, np.zeros((len(root), len(y)), Y.dtype)])
    W_y = np.linalg.lstsq(rows, values)[0].T  # (ridge)
    return linear.Params(W_y, y - W_y @ z)
