r"""Carry the weights of one cell into another convention, and back.

A cell of ours has blocks of H rows, one for each gate. Another convention has the blocks in another
order, and where its z near 1 writes, the rows of ``z`` change their sign. With ``P`` for both, a
permutation of the rows with a sign for each::

    M_x = P W_x,  M_h = P W_h                                        (interop-rows)

What becomes of the biases depends on how many there are; ``0`` stands for the blocks of r and z::

    one:            m_x = P b
    one, and b_n:   m_x = P b,  m_h = b_n
    two:            m_x = P b,  m_h = P [0; b_n]                     (interop-biases)

and on the way back, where ``m_h`` is 0 if there is no second bias, only the sum of the two counts,
but for the candidate of a GRU whose reset gate acts on ``u_n``::

    u = Pᵀ m_h
    b = Pᵀ m_x + u                                                   (interop-fold)
    b = Pᵀ m_x + [u_r; u_z; 0],  b_n = u_n                           (interop-fold-gru)

``P`` and the copies are exact, in any dtype, so from here to there and back nothing changes. From
there to here and back the function is the same, but two biases have become their sum.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from rnnlib import shapes
from rnnlib.interop.conventions import CELLS, GATES, NONE, ONE_AND_B_N, TWO, Cell, Convention, kind
from rnnlib.reference import gru, lstm_projected
from rnnlib.reference.ops import Array


class Blocks(NamedTuple):
    """The arrays of one cell in some convention; what it does not have is None.

    If the convention is transposed, so are the matrices.
    """

    M_x: Array
    M_h: Array
    m_x: Array | None  # the bias that is added to the inputs' share
    m_h: Array | None  # the bias that is added to the state's share
    W_p: Array | None = None


def pack(params: Cell, convention: Convention) -> Blocks:
    """Bring the parameters of a cell into a convention.

    Parameters
    ----------
    params : Params
        Of the cell that the convention computes.
    convention : Convention
        One of :data:`CONVENTIONS`, or your own.

    Returns
    -------
    Blocks
        The arrays as it has them.

    Raises
    ------
    ValueError
        If the convention cannot hold the parameters, with the reason.

    Examples
    --------
    >>> from rnnlib.interop.conventions import find
    >>> from rnnlib.reference import lstm
    >>> params = lstm.Params(*(np.arange(4.0).reshape(s) for s in [(4, 1), (4, 1), (4,)]))
    >>> pack(params, find("onnx", "LSTM")).m_x  # i, f, g, o become i, o, f, g
    array([0., 3., 1., 2.])
    """
    _check_cell(params, convention)
    shapes.arguments(params=params)
    own = GATES[convention.cell]
    b_n = params.b_n if isinstance(params, gru.Params) else params.b[:0]
    m_x, m_h = _spread(params.b, b_n, convention)
    M_x, M_h = (_rows(W, own, convention) for W in (params.W_x, params.W_h))  # (interop-rows)
    W_p = params.W_p if isinstance(params, lstm_projected.Params) else None
    blocks = Blocks(M_x, M_h, m_x, m_h, W_p)
    return _transposed(blocks) if convention.transposed else blocks


def unpack(blocks: Blocks, convention: Convention, name: str = "blocks") -> Cell:
    """Bring arrays of a convention into the parameters of a cell.

    Parameters
    ----------
    blocks : Blocks
        The arrays.
    convention : Convention
        The one that they follow.
    name : str
        What error messages call them.

    Returns
    -------
    Params
        Of the cell that the convention computes.

    Raises
    ------
    ValueError
        If an array is missing or has another shape.
    """
    blocks = _transposed(blocks) if convention.transposed else blocks
    _check_blocks(blocks, convention, name)
    own = GATES[convention.cell]
    W_x, W_h = (_rows(M, own, convention, back=True) for M in (blocks.M_x, blocks.M_h))
    b, b_n = _fold(blocks, convention)
    extra = {"gru": (b_n,), "lstm_projected": (blocks.W_p,)}.get(convention.cell, ())
    cell: Any = CELLS[convention.cell]
    params: Cell = cell(W_x, W_h, b, *extra)
    return params


def _rows(a: Array, own: str, convention: Convention, back: bool = False) -> Array:
    """Reorder the blocks of rows, and turn those of z if need be; ``back`` is the inverse."""
    have, want = (convention.gates, own) if back else (own, convention.gates)
    blocks = dict(zip(have, np.split(a, len(have)), strict=True))
    turned = {"z"} if convention.z_writes else set()
    return np.concatenate([-blocks[g] if g in turned else blocks[g] for g in want])


def _spread(b: Array, b_n: Array, convention: Convention) -> tuple[Array | None, Array | None]:
    """Biases of ours as those of a convention."""
    name = f"{convention.framework} {convention.layer}"
    m_x = _rows(b, GATES[convention.cell], convention)
    match convention.biases:  # (interop-biases)
        case "none" if b.any() or b_n.any():
            raise ValueError(f"params: got a bias that is not zero, but {name} has none")
        case "none":
            return None, None
        case "one" if b_n.any():
            raise ValueError(
                f"params.b_n: got a bias that is not zero, but {name} has none inside the reset "
                "product, and a bias outside of it computes something else"
            )
        case "one":
            return m_x, None
        case "one, and b_n":
            return m_x, b_n.copy()
        case _:
            m_h = np.zeros_like(b)
            m_h[len(b) - len(b_n) :] = b_n
            return m_x, _rows(m_h, GATES[convention.cell], convention)


def _fold(blocks: Blocks, convention: Convention) -> tuple[Array, Array]:
    """Biases of a convention as ours: b, and b_n, which only a GRU with reset after has."""
    own, H = GATES[convention.cell], len(blocks.M_h) // len(convention.gates)
    zero = np.zeros(len(blocks.M_h), dtype=blocks.M_h.dtype)
    m_x, m_h = (zero if m is None else m for m in (blocks.m_x, blocks.m_h))
    b = _rows(m_x, own, convention, back=True)
    if convention.biases == ONE_AND_B_N:
        return b, m_h.copy()
    u = _rows(m_h, own, convention, back=True)
    if convention.cell != "gru":
        return b + u, u[:0]  # (interop-fold)
    b[:-H] += u[:-H]  # (interop-fold-gru)
    return b, u[-H:]


def _transposed(blocks: Blocks) -> Blocks:
    """Transpose the two matrices; the biases are vectors."""
    M_x, M_h = (np.ascontiguousarray(np.transpose(M)) for M in (blocks.M_x, blocks.M_h))
    return blocks._replace(M_x=M_x, M_h=M_h)


def _check_cell(params: Cell, convention: Convention) -> None:
    cell = kind(params)
    if cell == convention.cell:
        return
    name = f"{convention.framework} {convention.layer}"
    if {cell, convention.cell} == {"gru", "gru_cho"}:
        raise ValueError(
            f"params: got {cell}.Params, but the reset gate of {name} acts {convention.reset} the "
            "product, and with equal weights that is another function"
        )
    raise ValueError(f"params: got {cell}.Params, expected {convention.cell}.Params for {name}")


def _expected(convention: Convention) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Which arrays a convention has, and their shapes as rows."""
    n, projected = len(convention.gates), convention.cell == "lstm_projected"
    yield "M_x", (f"{n}H", "D")
    yield "M_h", (f"{n}H", "P" if projected else "H")
    if convention.biases != NONE:
        yield "m_x", (f"{n}H",)
    if convention.biases in (ONE_AND_B_N, TWO):
        yield "m_h", ("H",) if convention.biases == ONE_AND_B_N else (f"{n}H",)
    if projected:
        yield "W_p", ("P", "H")


def _check_blocks(blocks: Blocks, convention: Convention, name: str) -> None:
    sizes: dict[str, int] = {}
    want = dict(_expected(convention))
    for field, array in blocks._asdict().items():
        if field in want:
            shapes.check(f"{name}.{field}", array, want[field], sizes)
        elif array is not None:
            layer = f"{convention.framework} {convention.layer}"
            raise ValueError(f"{name}.{field}: got an array, but {layer} has none")
