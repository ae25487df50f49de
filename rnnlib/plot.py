"""Figures of one style: no ground of their own, and ink that reads on white and on near-black.

One colour stands for one quantity through the whole book, see :data:`COLOURS`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from rnnlib import shapes
from rnnlib.reference.ops import Array

#: Lines, letters and ticks: as far from white as from the dark page. The book's pages replace it
#: by the colour of their text.
INK = "#7b7b7b"

#: Colour of each quantity. Every one has a contrast of at least 3 against white and near-black.
COLOURS = {
    "data": INK,
    "target": INK,
    "input": "#2e9a8f",  # x
    "state": "#3d85c6",  # h
    "memory": "#b0604c",  # c, what an LSTM keeps inside
    "prediction": "#d9662b",  # ŷ
    "gradient": "#b35fc4",  # anything with a d
    "loss": "#c5871a",
    "validation": "#8a72d6",  # the loss on what is not trained on
    "baseline": "#5f9e3f",
    "fault": "#e0524f",
}

#: Colour of each gate and candidate; gates that do the same in the LSTM and the GRU share theirs.
GATES = {
    "i": "#4a9a4a",
    "f": "#c9528f",
    "z": "#c9528f",
    "g": "#5b84d8",
    "n": "#5b84d8",
    "o": "#a8802a",
    "r": "#a8802a",
}

#: For curves that differ in a parameter: from a colour for the smallest to one for the largest.
SEQUENCE = ["#2e9a8f", "#3d85c6", "#8a72d6", "#b35fc4", "#d9662b", "#c5871a"]


def use_style() -> None:
    """Make this the style of all figures of the running notebook, drawn as SVG.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib_inline import backend_inline

    backend_inline.set_matplotlib_formats("svg")
    mpl.rcParams.update(
        {
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.transparent": True,
            "figure.figsize": (6.4, 3.2),
            "figure.constrained_layout.use": True,
            "svg.fonttype": "none",
            "svg.hashsalt": "unrolled",
            "font.family": "sans-serif",
            "font.size": 10,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "axes.prop_cycle": cycler(color=SEQUENCE),
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "grid.alpha": 0.3,
            "image.cmap": "viridis",
        }
    )


def spread(
    ax: Any, xs: Sequence[float] | Array, runs: Array, quantity: str | int, label: str
) -> None:
    """Draw the median of several runs as a line, and all of them as a band from least to most.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    xs : sequence of float
        Horizontal positions, ``(N,)``.
    runs : Array
        One run per row, ``(runs, N)``.
    quantity : str or int
        Key of :data:`COLOURS`; of several curves that show one quantity under other conditions,
        the place of this one among :data:`SEQUENCE`.
    label : str
        For the legend.

    Raises
    ------
    ValueError
        If the quantity has no colour, there is no run, or the rows are not as long as ``xs``.
    """
    if isinstance(quantity, int):
        colour = _sequence_colour("quantity", quantity)
    elif quantity in COLOURS:
        colour = COLOURS[quantity]
    else:
        raise ValueError(f"quantity: got {quantity!r}, expected one of {sorted(COLOURS)}")
    _band(ax, xs, runs, colour, "runs", label)


def learning_curves(ax: Any, steps: Sequence[float] | Array, curves: Mapping[str, Array]) -> None:
    """Draw losses or scores against the step of training, with the spread over runs.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    steps : sequence of float
        Steps at which they were measured, ``(N,)``.
    curves : mapping of str to Array
        One run per row, ``(runs, N)``, by name. A name that is a key of :data:`COLOURS` has its
        colour; the others take those of :data:`SEQUENCE`, in order.

    Raises
    ------
    ValueError
        If there are more curves than colours, no run, or rows not as long as ``steps``.
    """
    others = [name for name in curves if name not in COLOURS]
    for name, runs in curves.items():
        colour = COLOURS.get(name) or _sequence_colour("curves", others.index(name))
        _band(ax, steps, runs, colour, f"curves[{name!r}]", name)
    ax.set_xlabel("step")
    ax.legend()


def norm_against_lag(
    ax: Any, lags: Sequence[float] | Array, norms: Array, label: str, place: int | None = None
) -> None:
    """Draw norms of gradients over the steps that they have gone back, on a logarithmic axis.

    A straight line is exponential decay or growth; its slope is the rate.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    lags : sequence of float
        Steps back, ``(N,)``.
    norms : Array
        One run per row, ``(runs, N)``, all positive.
    label : str
        For the legend.
    place : int, optional
        If several such curves differ in a parameter, the place of this one among
        :data:`SEQUENCE`; by default the colour is that of a gradient.

    Raises
    ------
    ValueError
        If a norm is not positive, there is no run, the rows are not as long as ``lags``, or there
        is no such place.
    """
    colour = COLOURS["gradient"] if place is None else _sequence_colour("place", place)
    if not np.all(np.asarray(norms) > 0):
        raise ValueError("norms: got some that are not positive, expected what has a logarithm")
    _band(ax, lags, norms, colour, "norms", label)
    ax.set_yscale("log")
    ax.set_xlabel("steps back")


def gate_traces(ax: Any, gates: Mapping[str, Array]) -> None:
    """Draw what the gates of one unit do over time.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    gates : mapping of str to Array
        One number per step, ``(T,)``, by the letter of the gate, a key of :data:`GATES`. The
        candidates g and n lie between -1 and 1, the others between 0 and 1.

    Raises
    ------
    ValueError
        If there is no gate, or one has no colour, another shape or another length.
    """
    if not gates or not GATES.keys() >= gates.keys():
        raise ValueError(f"gates: got {list(gates)}, expected some of {list(GATES)}")
    sizes: dict[str, int] = {}
    for name, values in gates.items():
        shapes.check(f"gates[{name!r}]", values, ("T",), sizes)
    for name, values in gates.items():
        ax.plot(range(1, sizes["T"] + 1), values, color=GATES[name], label=f"${name}_t$")
    ax.set_xlabel("$t$")
    ax.legend()


def gradient_heatmap(ax: Any, norms: Array) -> Any:
    """Draw how much of the gradient is left between any two steps, in powers of ten.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    norms : Array
        Such as ‖∂h_t/∂h_s‖ in row t and column s, ``(T, S)``. What is zero or NaN, such as the
        future, stays blank.

    Returns
    -------
    matplotlib.image.AxesImage
        The image; its colour bar is drawn beside it.

    Raises
    ------
    ValueError
        If the norms are no matrix, one is negative, or none is positive.
    """
    shapes.check("norms", norms, ("T", "S"), {})
    if (norms < 0).any() or not (norms > 0).any():
        raise ValueError("norms: got negative ones or none above zero, expected norms")
    with np.errstate(divide="ignore"):
        powers = np.ma.masked_invalid(np.log10(norms))
    T, S = norms.shape
    image = _image(ax, powers, (0.5, S + 0.5, T + 0.5, 0.5))
    ax.figure.colorbar(image, ax=ax, label=r"$\log_{10}$ of the norm")
    ax.locator_params(integer=True)
    ax.set_xlabel("from step $s$")
    ax.set_ylabel("to step $t$")
    return image


def characters(ax: Any, text: str, values: Array, limit: float | None = None) -> Any:
    """Write a text, each character on a ground that shows a value.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; its frame is taken away.
    text : str
        One or more lines.
    values : Array
        One per character, line feeds included, ``(T,)``.
    limit : float, optional
        The grounds run from minus this to this; by default from the least to the largest value.

    Returns
    -------
    matplotlib.image.AxesImage
        The grounds; places without a character are blank.

    Raises
    ------
    ValueError
        If there is not one value per character, or no line.
    """
    shapes.check("values", values, ("T",), {"T": len(text)})
    lines = text.rstrip("\n").split("\n")
    if not any(lines):
        raise ValueError("text: got nothing, expected a line")
    grid = np.full((len(lines), max(map(len, lines))), np.nan)
    start = 0
    for row, line in enumerate(lines):
        grid[row, : len(line)] = values[start : start + len(line)]
        start += len(line) + 1
    low, high = (-limit, limit) if limit else (np.nanmin(grid), np.nanmax(grid))
    image = _image(ax, np.ma.masked_invalid(grid), vmin=low, vmax=high)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            colour = "black" if grid[row, column] > low + 0.44 * (high - low) else "white"
            ax.text(
                *(column, row, character),
                **{"ha": "center", "va": "center", "color": colour},
                **{"family": "monospace", "fontsize": 8, "parse_math": False},
            )
    ax.set_xticks([])
    ax.set_yticks([])
    return image


def alignment(ax: Any, weights: Array, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Draw which inputs a network attends to while it writes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    weights : Array
        Share of attention of each output on each input, ``(outputs, inputs)``; the rows sum to 1.
    inputs, outputs : sequence of str
        The symbols.

    Returns
    -------
    matplotlib.image.AxesImage
        The image, on a scale from 0 to 1.

    Raises
    ------
    ValueError
        If the weights are not a row per output and a column per input, or a row is no share.
    """
    _check_labelled("weights", weights, outputs, inputs)
    if (weights < 0).any() or not np.allclose(weights.sum(1), 1, atol=1e-3):
        raise ValueError("weights: got rows that are no shares, expected rows that sum to 1")
    image = _image(ax, weights, vmin=0, vmax=1)
    _name_rows_and_columns(ax, outputs, inputs)
    return image


def confusion(ax: Any, counts: Array, names: Sequence[str]) -> Any:
    """Draw how often each class was taken for each, with the number in each field.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    counts : Array of int
        How often a true class (row) was called by a name (column), ``(V, V)``.
    names : sequence of str
        Names of the classes.

    Returns
    -------
    matplotlib.image.AxesImage
        The image: the share of each row, from 0 to 1. A class that never occurred has a blank row.

    Raises
    ------
    ValueError
        If the counts are not a row and a column per name, not integers, or negative.
    """
    shapes.check_kind("counts", counts, "integer")
    _check_labelled("counts", counts.astype(float), names, names)
    if (counts < 0).any():
        raise ValueError(f"counts: got {counts.min()}, expected none below zero")
    totals = counts.sum(1, keepdims=True)
    shares = np.ma.masked_array(
        counts / np.maximum(totals, 1), np.broadcast_to(totals == 0, counts.shape)
    )
    image = _image(ax, shares, vmin=0, vmax=1)
    for (row, column), n in np.ndenumerate(counts):
        blank = totals[row, 0] == 0
        colour = INK if blank else "black" if shares[row, column] > 0.44 else "white"
        ax.text(column, row, str(n), ha="center", va="center", color=colour, fontsize=8)
    _name_rows_and_columns(ax, names, names)
    ax.set_xlabel("called")
    ax.set_ylabel("true")
    return image


def unrolled(ax: Any, steps: int, losses: Collection[int], backward: bool = False) -> None:
    """Draw a recurrent network unrolled in time.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; its frame is taken away.
    steps : int
        Number of steps.
    losses : collection of int
        The steps, counted from 1, whose state is read out into the loss.
    backward : bool
        Draw the way of the gradient instead of the way of the values.

    Raises
    ------
    ValueError
        If there is no step, or a loss at a step that does not exist.
    """
    if steps < 1 or not all(1 <= t <= steps for t in losses):
        raise ValueError(f"losses: got {sorted(losses)}, expected steps from 1 to {steps}")

    from matplotlib.patches import Circle

    def node(x: float, y: float, text: str, quantity: str) -> None:
        ax.add_patch(Circle((x, y), 0.26, fill=False, lw=1.8, color=COLOURS[quantity]))
        ax.text(x, y, text, ha="center", va="center", fontsize=11)

    def arrow(start: tuple[float, float], end: tuple[float, float], text: str) -> None:
        (x0, y0), (x1, y1) = (end, start) if backward else (start, end)
        quantity = "gradient" if backward else "state"
        n = 0.3 / np.hypot(x1 - x0, y1 - y0)  # how much of the way the circle covers
        tail, head = (
            (x0 + n * (x1 - x0), y0 + n * (y1 - y0)),
            (x1 - n * (x1 - x0), y1 - n * (y1 - y0)),
        )
        style = {"arrowstyle": "-|>", "color": COLOURS[quantity], "lw": 1.6}
        ax.annotate("", xy=head, xytext=tail, arrowprops=style)
        side = (0, 0.1) if y0 == y1 else (0.08, 0)
        ax.text(
            *((x0 + x1) / 2 + side[0], (y0 + y1) / 2 + side[1], text),
            ha="center" if y0 == y1 else "left",
            va="bottom" if y0 == y1 else "center",
            fontsize=10,
        )

    d = "d" if backward else ""
    first = r"$\delta_0$" if backward else "$h_0$"
    node(0, 0, first, "gradient" if backward else "state")
    for t in range(1, steps + 1):
        x = 1.3 * t
        node(
            x,
            0,
            f"$h_{t}$" if not backward else rf"$\delta_{t}$",
            "gradient" if backward else "state",
        )
        node(x, -1.05, f"${d}x_{t}$", "input")
        arrow((x - 1.3, 0), (x, 0), "$W_h$" if not backward else r"$W_h^\mathsf{T}$")
        arrow((x, -1.05), (x, 0), "$W_x$" if not backward else r"$W_x^\mathsf{T}$")
        if t in losses:
            node(x, 1.05, f"$L_{t}$", "loss")
            arrow((x, 0), (x, 1.05), f"$dh_{t}$" if backward else "")
    ax.set_aspect("equal")
    ax.set_xlim(-0.4, 1.3 * steps + 0.4)
    ax.set_ylim(-1.4, 1.4 if losses else 0.4)
    ax.axis("off")


def _band(
    ax: Any, xs: Sequence[float] | Array, runs: Array, colour: str, name: str, label: str
) -> None:
    """Median of several runs as a line, and all of them as a band."""
    if np.ndim(runs) != 2 or len(runs) == 0 or np.shape(runs)[1] != len(xs):
        raise ValueError(f"{name}: got shape {np.shape(runs)}, expected (runs, {len(xs)})")
    ax.plot(xs, np.median(runs, axis=0), color=colour, label=label)
    ax.fill_between(xs, np.min(runs, axis=0), np.max(runs, axis=0), color=colour, alpha=0.2, lw=0)


def _sequence_colour(name: str, place: int) -> str:
    """A colour of the sequence."""
    if not 0 <= place < len(SEQUENCE):
        raise ValueError(f"{name}: got place {place}, expected from 0 to {len(SEQUENCE) - 1}")
    return SEQUENCE[place]


def _image(ax: Any, matrix: Array, extent: Sequence[float] | None = None, **limits: float) -> Any:
    """A matrix as an image, row 0 on top."""
    ax.spines[:].set_visible(False)
    return ax.imshow(matrix, extent=extent, aspect="auto", interpolation="nearest", **limits)


def _check_labelled(name: str, matrix: Array, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Refuse a matrix that is not a row per name and a column per name."""
    sizes = {"R": len(rows), "C": len(columns)}
    shapes.check(name, matrix, ("R", "C"), sizes)


def _name_rows_and_columns(ax: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    """The symbols as labels of the ticks."""
    ax.set_xticks(range(len(columns)), labels=columns)
    ax.set_yticks(range(len(rows)), labels=rows)
