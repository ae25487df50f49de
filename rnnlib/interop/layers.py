"""Networks of recurrent layers: a tuple with the parameters of each, as a stack has them.

A layer is the parameters of a cell, or a :class:`~rnnlib.reference.bidirectional.Both` of two. So
what :mod:`rnnlib.interop` reads from another framework runs here, with its gradient::

    params = interop.from_torch(module.state_dict())
    net = interop.network(params)
    hs, last, cache = stack.forward(net, params, xs, net.zero_state(params, B))
"""

from collections.abc import Sequence
from typing import Any

from rnnlib import shapes
from rnnlib.interop.conventions import Cell, kind
from rnnlib.reference import elman, gru, gru_cho, lstm, lstm_projected
from rnnlib.reference.bidirectional import Bidirectional, Both
from rnnlib.reference.stack import Recurrent, Stack

Layer = Cell | Both
Layers = tuple[Layer, ...]
Network = Layer | Sequence[Layer]

MODULES: dict[type, Any] = {m.Params: m for m in (elman, lstm, gru, gru_cho)}


def directions(layer: Layer) -> tuple[Cell, ...]:
    """The cells of a layer: one, or that which reads forward and that which reads backward."""
    return tuple(layer) if isinstance(layer, Both) else (layer,)


def joined(cells: Sequence[Cell]) -> Layer:
    """A layer of one cell or two, the inverse of :func:`directions`."""
    return Both(*cells) if len(cells) == 2 else cells[0]


def width(cell: Cell) -> int:
    """How many numbers a cell reads of its own state, which is what it says."""
    return int(cell.W_h.shape[1])


def as_layers(params: Network) -> Layers:
    """Check that layers fit on one another.

    Parameters
    ----------
    params : Params, Both, or a sequence of them
        One layer or several, from the lowest to the highest.

    Returns
    -------
    tuple of Params or Both
        The layers; one alone becomes a tuple of one.

    Raises
    ------
    ValueError
        If there is none, an array has another shape than its cell states, the two directions of a
        layer are of different kinds or read inputs of different sizes, or a layer does not read
        what that below it says.
    """
    alone = isinstance(params, Both) or hasattr(params, "_fields")
    layers: Layers = (params,) if alone else tuple(params)  # type: ignore[assignment, arg-type]
    if not layers:
        raise ValueError("params: got no layer, expected at least one")
    D = None
    for k, layer in enumerate(layers):
        sizes = [_sizes(f"layer {k}", cell) for cell in directions(layer)]
        if len({(kind(c), s["D"]) for c, s in zip(directions(layer), sizes, strict=True)}) > 1:
            raise ValueError(f"layer {k}: got two directions of different cells or inputs")
        if D not in (None, sizes[0]["D"]):
            raise ValueError(f"layer {k}: got D = {sizes[0]['D']} inputs, expected {D}")
        D = sum(map(width, directions(layer)))
    return layers


def uniform(framework: str, layers: Layers) -> None:
    """Refuse layers that differ, for a framework that has one size for all.

    Parameters
    ----------
    framework : str
        Its name.
    layers : tuple of Params or Both
        The layers.

    Raises
    ------
    ValueError
        If they differ in cell, directions or sizes other than that of the input.
    """
    forms = [tuple((kind(c), *c.W_h.shape) for c in directions(layer)) for layer in layers]
    if len({form for layer in forms for form in layer}) > 1 or len({len(f) for f in forms}) > 1:
        raise ValueError(
            f"params: got layers {forms} (cell, shape of W_h), expected equal ones: {framework} "
            "has one size for all; make a module of each layer"
        )


def network(params: Network) -> Stack:
    """Build what runs such parameters.

    Parameters
    ----------
    params : Params, Both, or a sequence of them
        One layer or several; several as a tuple are the parameters of what comes back.

    Returns
    -------
    Stack
        For :func:`rnnlib.reference.stack.forward`.

    Raises
    ------
    ValueError
        As :func:`as_layers`.
    """

    def recurrent(cell: Cell) -> Recurrent:
        if isinstance(cell, lstm_projected.Params):
            return Recurrent(lstm_projected.ProjectedLSTM(P=len(cell.W_p)))
        return Recurrent(MODULES[type(cell)])

    def run(layer: Layer) -> Any:
        if isinstance(layer, Both):
            return Bidirectional(recurrent(layer.ahead))
        return recurrent(layer)

    return Stack(tuple(run(layer) for layer in as_layers(params)))


def _sizes(name: str, cell: Any) -> dict[str, int]:
    kind(cell)
    sizes: dict[str, int] = {}
    shapes.check_tuple(name, cell, sizes)
    return sizes
