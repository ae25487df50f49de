"""How frameworks hold the weights of a recurrent layer: one table.

A new convention is a new line. :mod:`rnnlib.interop.blocks` reads it, in both directions.
"""

from dataclasses import dataclass

from rnnlib.reference import elman, gru, gru_cho, lstm, lstm_projected

Cell = elman.Params | lstm.Params | lstm_projected.Params | gru.Params | gru_cho.Params

ONE, ONE_AND_B_N, TWO, NONE = "one", "one, and b_n", "two", "none"


@dataclass(frozen=True)
class Convention:
    """How one layer of one framework holds its weights.

    Parameters
    ----------
    framework, layer : str
        Whose it is.
    cell : str
        Which of ours computes the same: a key of :data:`CELLS`.
    gates : str
        The blocks in their order, by our letters.
    biases : str
        ``"one"``, ``"one, and b_n"`` as ours, ``"two"``, or ``"none"``.
    transposed : bool
        Whether the arrays are the transposes of ours, with the blocks side by side.
    z_writes : bool
        Whether ``h' = z ∘ n + (1 - z) ∘ h``, the other way round than ours.
    arrays : str
        What the arrays are called; in torch those of the first layer.

    Examples
    --------
    >>> find("onnx", "LSTM").gates
    'iofg'
    """

    framework: str
    layer: str
    cell: str
    gates: str
    biases: str
    transposed: bool = False
    z_writes: bool = False
    arrays: str = ""

    @property
    def reset(self) -> str:
        """Where the reset gate acts: ``"after"`` or ``"before"`` the product, or nowhere."""
        return {"gru": "after", "gru_cho": "before"}.get(self.cell, "—")


OURS = "rnnlib.reference"
LINEN, NNX = "flax.linen", "flax.nnx"
TORCH = "weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0"
KERAS = "kernel, recurrent_kernel, bias"
DENSE = "dense_i.kernel, dense_h.kernel, dense_i.bias"

CONVENTIONS = (
    Convention(OURS, "elman", "elman", "h", ONE, arrays="W_x, W_h, b"),
    Convention(OURS, "lstm", "lstm", "ifgo", ONE, arrays="W_x, W_h, b"),
    Convention(OURS, "lstm_projected", "lstm_projected", "ifgo", ONE, arrays="W_x, W_h, b, W_p"),
    Convention(OURS, "gru", "gru", "rzn", ONE_AND_B_N, arrays="W_x, W_h, b, b_n"),
    Convention(OURS, "gru_cho", "gru_cho", "rzn", ONE, arrays="W_x, W_h, b"),
    Convention("torch.nn", "RNN", "elman", "h", TWO, arrays=TORCH),
    Convention("torch.nn", "LSTM", "lstm", "ifgo", TWO, arrays=TORCH),
    Convention(
        "torch.nn", "LSTM, proj_size", "lstm_projected", "ifgo", TWO,
        arrays=f"{TORCH}, weight_hr_l0",
    ),
    Convention("torch.nn", "GRU", "gru", "rzn", TWO, arrays=TORCH),
    Convention("rnnlib.nn", "GRU, reset_before=True", "gru_cho", "rzn", TWO, arrays=TORCH),
    Convention("keras", "SimpleRNN", "elman", "h", ONE, True, arrays=KERAS),
    Convention("keras", "LSTM", "lstm", "ifgo", ONE, True, arrays=KERAS),
    Convention("keras", "GRU", "gru", "zrn", TWO, True, arrays=f"{KERAS} (2, 3H)"),
    Convention("keras", "GRU, reset_after=False", "gru_cho", "zrn", ONE, True, arrays=KERAS),
    Convention("onnx", "RNN", "elman", "h", TWO, arrays="W, R, B"),
    Convention("onnx", "LSTM", "lstm", "iofg", TWO, arrays="W, R, B"),
    Convention("onnx", "GRU", "gru_cho", "zrn", TWO, arrays="W, R, B"),
    Convention("onnx", "GRU, linear_before_reset=1", "gru", "zrn", TWO, arrays="W, R, B"),
    Convention(LINEN, "SimpleCell", "elman", "h", ONE, True, arrays="i.kernel, h.kernel, i.bias"),
    Convention(LINEN, "LSTMCell", "lstm", "ifgo", ONE, True, arrays="ii.kernel …, hi.bias …"),
    Convention(
        LINEN, "GRUCell", "gru", "rzn", ONE_AND_B_N, True, arrays="ir.kernel …, ir.bias …, hn.bias"
    ),
    Convention(NNX, "SimpleCell", "elman", "h", ONE, True, arrays=DENSE),
    Convention(NNX, "LSTMCell", "lstm", "ifgo", ONE, True, arrays="ii.kernel …, hi.bias …"),
    Convention(
        NNX, "OptimizedLSTMCell", "lstm", "ifgo", ONE, True,
        arrays="dense_i.kernel, dense_h.kernel, dense_h.bias",
    ),
    Convention(NNX, "GRUCell", "gru", "rzn", ONE, True, arrays=DENSE),
)  # fmt: skip

CELLS: dict[str, type[Cell]] = {
    "elman": elman.Params,
    "lstm": lstm.Params,
    "lstm_projected": lstm_projected.Params,
    "gru": gru.Params,
    "gru_cho": gru_cho.Params,
}
KINDS = {params: name for name, params in CELLS.items()}
GATES = {c.cell: c.gates for c in CONVENTIONS if c.framework == OURS}


def kind(params: Cell) -> str:
    """Name the cell that parameters belong to.

    Parameters
    ----------
    params : Params
        Of one of the cells of :data:`CELLS`.

    Returns
    -------
    str
        Its key there.

    Raises
    ------
    ValueError
        If there is no such cell.
    """
    if type(params) not in KINDS:
        names = " ".join(f"{name}.Params" for name in CELLS)
        raise ValueError(f"params: got {type(params).__name__}, expected one of {names}")
    return KINDS[type(params)]


def find(framework: str, layer: str) -> Convention:
    """Look a convention up in :data:`CONVENTIONS`.

    Parameters
    ----------
    framework, layer : str
        Whose it is.

    Returns
    -------
    Convention
        That of the table.

    Raises
    ------
    ValueError
        If the table has none.
    """
    layers = {c.layer: c for c in CONVENTIONS if c.framework == framework}
    if layer not in layers:
        raise ValueError(f"layer: got {layer!r}, expected one of {sorted(layers)} of {framework}")
    return layers[layer]


def for_cell(framework: str, params: Cell) -> Convention:
    """Find what a framework has for a cell of ours.

    Parameters
    ----------
    framework : str
        As in the table.
    params : Params
        Parameters of the cell.

    Returns
    -------
    Convention
        The first of the table.

    Raises
    ------
    ValueError
        If the framework has no layer that computes the same, with the reason.
    """
    cell = kind(params)
    for convention in CONVENTIONS:
        if (convention.framework, convention.cell) == (framework, cell):
            return convention
    raise ValueError(f"params: got {cell}.Params, but {framework} {LACKS[cell]}")


LACKS = {
    "gru_cho": "has its reset gate after the product, and with equal weights that is another "
    "function: see the chapter on the GRU",
    "lstm_projected": "has no LSTM with a projection",
}
