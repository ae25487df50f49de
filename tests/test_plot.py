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
COLOURS |= {f"gate-{name}": colour for name, colour in plot.GATES.items()}


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
    for cell in ("ifgo", "rzn"):
        gates = {plot.GATES[gate] for gate in cell}
        assert len(gates) == len(cell)
        assert not gates & {*plot.COLOURS.values(), *plot.SEQUENCE}


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


def test_conditions_take_the_colours_of_the_sequence():
    ax = Figure().subplots()
    for place in (0, 4):
        plot.spread(ax, [0, 1], np.eye(2), place, "condition")
    assert [line.get_color() for line in ax.lines] == [plot.SEQUENCE[0], plot.SEQUENCE[4]]
    with pytest.raises(ValueError, match="quantity: got place 6, expected from 0 to 5"):
        plot.spread(ax, [0, 1], np.eye(2), 6, "condition")


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


def runs(seed, shape=(5, 4)):
    return np.random.default_rng(seed).uniform(0.1, 2, size=shape)


def test_learning_curves_have_their_quantity_s_colour_or_one_of_the_sequence():
    ax, steps = Figure().subplots(), [10, 20, 30, 40]
    curves = {"LSTM": runs(0), "validation": runs(1), "GRU": runs(2)}
    plot.learning_curves(ax, steps, curves)
    colours = [plot.SEQUENCE[0], plot.COLOURS["validation"], plot.SEQUENCE[1]]
    assert [line.get_color() for line in ax.lines] == colours
    for line, band, (name, values) in zip(ax.lines, ax.collections, curves.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xdata(), steps)
        np.testing.assert_array_equal(line.get_ydata(), np.median(values, axis=0))
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (values.min(), values.max())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(curves)


@pytest.mark.parametrize("place", [None, 3])
def test_exponential_decay_is_a_straight_line(place):
    ax, lags = Figure().subplots(), np.arange(6)
    plot.norm_against_lag(ax, lags, 0.5**lags * np.array([[1.0], [2.0], [4.0]]), "ρ", place)
    [line] = ax.lines
    points = ax.transData.transform(line.get_xydata())
    np.testing.assert_allclose(np.diff(points[:, 1], 2), 0, atol=1e-9)
    assert points[0, 1] > points[-1, 1]
    wanted = plot.COLOURS["gradient"] if place is None else plot.SEQUENCE[place]
    assert line.get_color() == wanted


def test_gate_traces_draw_each_gate_from_the_first_step():
    ax, gates = Figure().subplots(), dict(zip("fio", runs(3, (3, 7)), strict=True))
    plot.gate_traces(ax, gates)
    for line, (name, values) in zip(ax.lines, gates.items(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(line.get_ydata(), values)
        assert line.get_color() == plot.GATES[name]
        assert line.get_label() == f"${name}_t$"


def test_a_gradient_heatmap_shows_powers_of_ten_and_leaves_the_future_blank():
    norms = np.tril(runs(4, (5, 5)))
    norms[3, 1] = np.nan
    ax = Figure().subplots()
    image = plot.gradient_heatmap(ax, norms)
    shown = image.get_array()
    blank = (norms == 0) | np.isnan(norms)
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), blank)
    np.testing.assert_allclose(10 ** shown[~blank].data, norms[~blank])
    assert [*image.get_extent()] == [0.5, 5.5, 5.5, 0.5]  # of the centres of the pixels: 1 to 5
    assert (image.origin, ax.yaxis_inverted()) == ("upper", True)
    assert image.get_cmap()(np.ma.masked)[3] == 0
    assert len(ax.figure.axes) == 2  # the colour bar


def test_an_alignment_names_its_symbols():
    weights = runs(5, (2, 3))
    weights /= weights.sum(1, keepdims=True)
    ax = Figure().subplots()
    image = plot.alignment(ax, weights, inputs="abc", outputs="xy")
    np.testing.assert_array_equal(image.get_array(), weights)
    assert image.get_clim() == (0, 1)
    assert (image.origin, ax.yaxis_inverted()) == ("upper", True)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]


def test_a_text_stands_on_its_values():
    ax = Figure().subplots()
    image = plot.characters(ax, "ab\n$", np.array([-1.0, 0.0, 9.0, 0.5]), limit=1.0)
    assert image.get_clim() == (-1, 1)
    grid = image.get_array()
    assert grid[0].tolist() == [-1, 0] and grid[1, 0] == 0.5 and np.ma.getmaskarray(grid)[1, 1]
    letters = [(t.get_text(), *t.get_position(), t.get_color()) for t in ax.texts]
    assert letters == [("a", 0, 0, "white"), ("b", 1, 0, "black"), ("$", 0, 1, "black")]
    assert plot.characters(ax, "ab", np.array([2.0, 3.0])).get_clim() == (2, 3)


def test_a_confusion_matrix_shows_counts_on_shares_of_rows():
    counts = np.array([[8, 2, 0], [0, 0, 0], [3, 0, 1]])
    ax = Figure().subplots()
    image = plot.confusion(ax, counts, ["fr", "it", "es"])
    shares = image.get_array()
    np.testing.assert_allclose(shares[[0, 2]], [[0.8, 0.2, 0], [0.75, 0, 0.25]])
    assert np.ma.getmaskarray(shares).sum(1).tolist() == [0, 3, 0]
    fields = {text.get_position(): text for text in ax.texts}
    for (row, column), n in np.ndenumerate(counts):
        assert fields[column, row].get_text() == str(n)
        if row != 1:
            ground = image.get_cmap()(image.norm(shares[row, column]))
            assert contrast(fields[column, row].get_color(), ground[:3]) >= 4
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fr", "it", "es"]


REFUSALS = [
    (
        "learning_curves",
        ([1, 2], {"GRU": runs(0)}),
        "curves['GRU']: got shape (5, 4), expected (ru",
    ),
    ("learning_curves", (range(4), {str(k): runs(0) for k in range(7)}), "curves: got place 6, ex"),
    ("norm_against_lag", (range(3), runs(0), "ρ"), "norms: got shape (5, 4), expected (runs, 3)"),
    ("norm_against_lag", (range(4), -runs(0), "ρ"), "norms: got some that are not positive"),
    ("norm_against_lag", (range(4), runs(0), "ρ", 6), "place: got place 6, expected from 0 to 5"),
    ("gate_traces", ({},), "gates: got [], expected some of ['i', "),
    ("gate_traces", ({"q": runs(0)[0]},), "gates: got ['q'], expected some of ['i', "),
    ("gate_traces", ({"i": runs(0)},), "gates['i']: got shape (5, 4), expected (T,)"),
    (
        "gate_traces",
        ({"i": runs(0)[0], "f": runs(0)[:, 0]},),
        "gates['f']: got shape (5,), expected (T,) with T = 4",
    ),
    ("gradient_heatmap", (runs(0)[0],), "norms: got shape (4,), expected (T, S)"),
    ("gradient_heatmap", (-runs(0),), "norms: got negative ones or none above zero"),
    ("gradient_heatmap", (0 * runs(0),), "norms: got negative ones or none above zero"),
    ("alignment", (runs(0), "abcde", "wxyz"), "weights: got shape (5, 4), expected (R, C) with "),
    ("alignment", (runs(0), "wxyz", "abcde"), "weights: got rows that are no shares"),
    ("characters", ("ab", np.zeros(3)), "values: got shape (3,), expected (T,) with T = 2"),
    ("characters", ("\n", np.zeros(1)), "text: got nothing, expected a line"),
    ("alignment", ([[1.0]], "a", "b"), "weights: got list, expected an array"),
    ("confusion", (runs(0), "abcd"), "counts: got dtype float64, expected integer"),
    ("confusion", (np.ones((2, 3), int), "ab"), "counts: got shape (2, 3), expected (R, C) with"),
    ("confusion", (-np.ones((2, 2), int), "ab"), "counts: got -1, expected none below zero"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), REFUSALS)
def test_a_figure_refuses_what_it_cannot_draw(name, arguments, message):
    ax = Figure().subplots()
    with pytest.raises(ValueError) as error:
        getattr(plot, name)(ax, *arguments)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("n", range(0, 101, 4))
def test_the_numbers_of_a_confusion_matrix_can_be_read_on_every_share(n):
    ax = Figure().subplots()
    image = plot.confusion(ax, np.array([[n, 100 - n], [1, 1]]), ["a", "b"])
    for text in ax.texts[:2]:
        column, row = text.get_position()
        ground = image.to_rgba(image.get_array()[row, column])
        assert contrast(text.get_color(), ground[:3]) >= 4
