"""Figures read on white and on near-black, and show what they say."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib_inline import backend_inline

from rnnlib import plot

GROUNDS = {"light": "#ffffff", "dark": "#14181e"}  # pages of the theme
INKS = {"ink": plot.INK}
COLOURS = plot.COLOURS | {f"sequence-{k}": colour for k, colour in enumerate(plot.SEQUENCE)}


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """Contrast ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    np.testing.assert_allclose(contrast("#000000", "#ffffff"), 21)
    np.testing.assert_allclose(contrast("#767676", "#ffffff"), 4.54, atol=0.005)  # of its examples


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", COLOURS)
def test_every_line_has_a_contrast_of_three(name, ground):
    assert contrast(COLOURS[name], GROUNDS[ground]) >= 3


@pytest.mark.parametrize("ground", GROUNDS)
def test_letters_have_a_contrast_of_four(ground):
    assert contrast(plot.INK, GROUNDS[ground]) >= 4


def test_quantities_that_may_meet_differ_in_colour():
    colours = [c for name, c in plot.COLOURS.items() if name != "target"]  # a target is data
    assert len(set(colours)) == len(colours)
    assert len(set(plot.SEQUENCE)) == len(plot.SEQUENCE)


@pytest.fixture
def style(monkeypatch):
    """The style, for one test, and the formats that a notebook is asked to show."""
    formats = []
    monkeypatch.setattr(backend_inline, "set_matplotlib_formats", formats.append)
    with mpl.rc_context():
        plot.use_style()
        yield formats


def test_figures_are_transparent_and_drawn_as_svg(style):
    assert style == ["svg"]
    figure = Figure()
    ax = figure.subplots()
    assert figure.get_facecolor()[3] == ax.get_facecolor()[3] == 0
    assert mpl.rcParams["savefig.transparent"]
    assert mpl.rcParams["axes.labelcolor"] == mpl.rcParams["text.color"] == plot.INK


def test_a_figure_is_the_same_every_time(style, tmp_path):
    drawings = []
    for name in ("one.svg", "two.svg"):
        figure = Figure()
        plot.spread(figure.subplots(), [0, 1, 2], np.eye(3), "loss", "loss")
        figure.savefig(tmp_path / name, metadata={"Date": None})
        drawings.append((tmp_path / name).read_text(encoding="utf-8"))
    assert drawings[0] == drawings[1]
    assert "<svg" in drawings[0]


def test_spread_draws_the_median_and_a_band_from_least_to_most():
    xs, runs = np.array([1.0, 2.0, 4.0, 8.0]), np.random.default_rng(0).normal(size=(5, 4))
    ax = Figure().subplots()
    plot.spread(ax, xs, runs, "gradient", "norm")
    [line], [band] = ax.lines, ax.collections
    np.testing.assert_array_equal(line.get_xdata(), xs)
    np.testing.assert_array_equal(line.get_ydata(), np.sort(runs, axis=0)[2])
    assert line.get_label() == "norm"
    assert line.get_color() == plot.COLOURS["gradient"]
    corners = band.get_paths()[0].vertices
    for k, x in enumerate(xs):
        heights = corners[corners[:, 0] == x, 1]
        assert (heights.min(), heights.max()) == (runs[:, k].min(), runs[:, k].max())
    assert tuple(band.get_facecolor()[0][:3]) == to_rgb(plot.COLOURS["gradient"])
    assert band.get_facecolor()[0][3] < 0.5


@pytest.mark.parametrize("backward", [False, True])
def test_an_unrolled_network_shows_every_step_and_every_loss(style, backward):
    ax = Figure().subplots()
    plot.unrolled(ax, steps=3, losses=[2, 3], backward=backward)
    letters = {text.get_text().strip("$") for text in ax.texts}
    d = "d" if backward else ""
    states = {rf"\delta_{t}" if backward else f"h_{t}" for t in (0, 1, 2, 3)}
    assert {*states, *(f"{d}x_{t}" for t in (1, 2, 3)), "L_2", "L_3"} <= letters
    assert "L_1" not in letters
    assert len(ax.patches) == 1 + 3 + 3 + 2


@pytest.mark.parametrize(("steps", "losses"), [(0, []), (3, [4]), (3, [0])])
def test_an_unrolled_network_refuses_a_loss_without_a_step(steps, losses):
    with pytest.raises(ValueError, match=f"losses: got .* expected steps from 1 to {steps}"):
        plot.unrolled(Figure().subplots(), steps, losses)
