"""The table of conventions as text."""

from rnnlib.interop.conventions import CONVENTIONS, Convention

HEAD = ("layer", "blocks", "biases", "reset gate", "stand as", "ours", "arrays")


def rows() -> list[tuple[str, ...]]:
    """One row for each convention, in the columns of ``HEAD``.

    Returns
    -------
    list of tuple of str
        In the order of :data:`~rnnlib.interop.conventions.CONVENTIONS`.
    """
    return [_row(c) for c in CONVENTIONS]


def markdown(columns: int = len(HEAD)) -> str:
    """The table in Markdown.

    Parameters
    ----------
    columns : int
        How many of them, from the left.

    Returns
    -------
    str
        Its lines.

    Examples
    --------
    >>> markdown().splitlines()[2]
    '| rnnlib.reference elman | h | one | — | rows | elman | W_x, W_h, b |'
    """
    lines = [HEAD, ("---",) * len(HEAD), *rows()]
    return "\n".join(f"| {' | '.join(line[:columns])} |" for line in lines)


def _row(c: Convention) -> tuple[str, ...]:
    stands = "columns" if c.transposed else "rows"
    z = "; z near 1 writes" if c.z_writes else ""
    return (
        f"{c.framework} {c.layer}",
        ",\N{NO-BREAK SPACE}".join(c.gates),
        c.biases,
        c.reset + z,
        stands,
        c.cell,
        c.arrays,
    )
