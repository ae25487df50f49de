"""Figures of one style: no ground of their own, and ink that reads on white and on near-black.

One colour stands for one quantity through the whole book, see :data:`COLOURS`.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

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
    "prediction": "#d9662b",  # ŷ
    "gradient": "#b35fc4",  # anything with a d
    "loss": "#c5871a",
    "validation": "#8a72d6",  # the loss on what is not trained on
    "baseline": "#5f9e3f",
    "fault": "#e0524f",
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


def spread(ax: Any, xs: Sequence[float] | Array, runs: Array, quantity: str, label: str) -> None:
    """Draw the median of several runs as a line, and all of them as a band from least to most.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    xs : sequence of float
        Horizontal positions, ``(N,)``.
    runs : Array
        One run per row, ``(runs, N)``.
    quantity : str
        Key of :data:`COLOURS`.
    label : str
        For the legend.

    Raises
    ------
    ValueError
        If the quantity has no colour, there is no run, or the rows are not as long as ``xs``.
    """
    if quantity not in COLOURS:
        raise ValueError(f"quantity: got {quantity!r}, expected one of {sorted(COLOURS)}")
    if np.ndim(runs) != 2 or len(runs) == 0 or np.shape(runs)[1] != len(xs):
        raise ValueError(f"runs: got shape {np.shape(runs)}, expected (runs, {len(xs)})")
    colour = COLOURS[quantity]
    ax.plot(xs, np.median(runs, axis=0), color=colour, label=label)
    ax.fill_between(xs, np.min(runs, axis=0), np.max(runs, axis=0), color=colour, alpha=0.2, lw=0)


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
