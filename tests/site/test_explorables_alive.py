"""The explorables in the browser: they answer, by keyboard and by touch, with NumPy's numbers."""

import re
from collections.abc import Iterator
from pathlib import Path

import explorable_cases as cases_of
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page
from unrolled.explorable_data import DATA, char_weights

from conftest import PHONE, settle
from rnnlib import characters
from rnnlib.reference import cliff, lstm

HOMES = {
    "char-model": "charlm",
    "clipping-cliff": "gradients",
    "gradient-through-time": "gradients",
    "lstm-cell": "lstm",
    "unroll-steps": "bptt",
}


@pytest.fixture(params=["keyboard", "touch"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A desktop with a keyboard, or a phone."""
    touch = {"viewport": PHONE, "has_touch": True} if request.param == "touch" else {}
    with browser.new_context(**touch) as context, context.new_page() as page:
        page.set_default_timeout(20_000)
        yield page
        page.close()


def opened(page: Page, site: Path, name: str) -> Locator:
    """An explorable in its chapter, opened from the disk; formulas no longer move it."""
    page.goto((site / f"{HOMES[name]}.html").as_uri())
    settle(page)
    element = page.locator(name)
    element.scroll_into_view_if_needed()
    element.locator(".said").wait_for()
    return element


def press(button: Locator) -> None:
    """Use a button, by the means that the page's reader has."""
    touch = button.page.evaluate("navigator.maxTouchPoints > 0")
    button.tap() if touch else button.press("Enter")


def move(slider: Locator, value: float) -> None:
    """Move a slider by its keys, or as touching it does."""
    if slider.page.evaluate("navigator.maxTouchPoints > 0"):
        slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')) }", value)
        return
    slider.focus()
    step, now = float(slider.get_attribute("step") or 1), float(slider.input_value())
    key = "ArrowRight" if value > now else "ArrowLeft"
    for _ in range(round(abs(value - now) / step)):
        slider.press(key)


def said(element: Locator) -> str:
    return element.locator(".said").inner_text()


def test_the_gradient_through_time_is_numpys(page: Page, site: Path) -> None:
    element = opened(page, site, "gradient-through-time")
    before = said(element)
    move(element.get_by_label("radius ρ"), 1.2)
    move(element.get_by_label("steps T"), 40)
    press_radio = element.get_by_label("ReLU")
    press_radio.check()
    found = np.array(element.evaluate("e => Array.from(e.value)"))
    data = cases_of.float32(DATA["gradient-through-time"]())
    cases = cases_of.gradient_through_time(data)
    settings = {"radius": 1.2, "activation": "ReLU", "T": 40}
    [wanted] = [case["value"] for case in cases if case["settings"] == settings]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert said(element) != before and "40 steps" in said(element)
    assert said(element) in (element.locator("svg").get_attribute("aria-label") or "")


def test_the_descents_beside_the_cliff_are_numpys(page: Page, site: Path) -> None:
    element, data = opened(page, site, "clipping-cliff"), DATA["clipping-cliff"]()
    move(element.get_by_label("learning rate"), 0.5)
    move(element.get_by_label(re.compile("^steps")), 30)
    paths = element.evaluate("e => e.value")
    wanted = cases_of.clipping_cliff(data)
    for name, clip in {"free": None, "tamed": 1.0}.items():
        [path] = [case["value"] for case in wanted if "lr" in case and case["clip"] == clip]
        np.testing.assert_allclose(paths[name], path, atol=1e-6)
    # where the picture is touched, the descent begins
    element.locator("svg").scroll_into_view_if_needed()
    box = element.locator("svg").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.4 * box["height"])
    [w, b], *_ = element.evaluate("e => e.value.free")
    assert abs(w - 4.8) < 0.2 and -2.6 < b < -1.6
    losses = re.findall(r"loss ([\d.e−]*\d)", said(element))
    end = np.array(element.evaluate("e => e.value.tamed.at(-1)"))
    loss, _, _ = cliff.loss_and_gradient(*end, data["h_0"], data["y"], data["T"])
    assert abs(float(losses[1].replace("−", "-")) - loss) <= 0.5 * loss  # a digit or two are said


def test_the_gates_of_the_cell_do_what_the_reference_does(page: Page, site: Path) -> None:
    element = opened(page, site, "lstm-cell")
    press(element.get_by_role("button", name="start again"))
    move(element.get_by_label("forget gate f"), 0.8)
    move(element.get_by_label("output gate o"), 0.5)
    press(element.get_by_role("button", name="pulse −1"))
    press(element.get_by_role("button", name="five steps"))
    W_g = DATA["lstm-cell"]()["W_g"]
    gate = {p: np.log(p) - np.log1p(-p) for p in (0.5, 0.8)}
    b = np.array([np.inf, gate[0.8], 0.0, gate[0.5]])
    params = lstm.Params(np.array([[0.0], [0.0], [W_g], [0.0]]), np.zeros((4, 1)), b)
    state = lstm.State(np.zeros((1, 1)), np.zeros((1, 1)))
    for x in (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0):
        state, _ = lstm.step(params, np.array([[x]]), state)
    found = element.evaluate("e => e.value")
    assert abs(found["c"] - state.c[0, 0]) < 1e-6 and abs(found["h"] - state.h[0, 0]) < 1e-6


def test_the_walk_goes_there_and_back(page: Page, site: Path) -> None:
    element = opened(page, site, "unroll-steps")
    seen = [said(element)]
    for _ in range(19):
        press(element.get_by_role("button", name="next"))
        seen.append(said(element))
    assert len(set(seen)) == 20 and element.get_by_role("button", name="next").is_disabled()
    cases = cases_of.unroll_steps(DATA["unroll-steps"]())
    [wanted] = [c["value"] for c in cases if c["name"] == "to h_0"]
    np.testing.assert_allclose(element.evaluate("e => e.value.values['to h_0']"), wanted, atol=1e-6)
    link = element.locator(".said a")
    assert page.locator(link.get_attribute("href") or "").count() == 1
    move(element.get_by_role("slider"), 1)
    assert said(element) == seen[0]


TYPE = """async element => {
    const area = element.querySelector('textarea');
    const text = 'def f(x):\\n    return x + 1\\n'.repeat(8);
    area.value = text.slice(0, 200);
    area.dispatchEvent(new Event('input'));
    const times = [];
    for (const letter of 'for k in range(len(values)):  # count') {
        const began = performance.now();
        area.value += letter;
        area.dispatchEvent(new Event('input'));
        document.body.offsetHeight;
        times.push(performance.now() - began);
        await new Promise(requestAnimationFrame);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}"""


def test_the_character_model_says_what_the_library_says(page: Page, site: Path) -> None:
    element = opened(page, site, "char-model")
    assert page.locator("script[src*='weights']").count() == 0, "loaded before it was asked for"
    press(element.get_by_role("button", name="load the network"))
    element.locator(".memory span").first.wait_for()
    text = "class Shape:\n    def area(self"
    element.get_by_role("textbox").fill(text)
    logits, *_ = characters.read(char_weights(), characters.encode(text)[:, None])
    wanted = np.exp(logits[-1, 0, :-1] - logits[-1, 0, :-1].max())
    found = np.array(element.evaluate("e => e.value"))
    np.testing.assert_allclose(found[:-1], wanted / wanted.sum(), atol=1e-3)
    assert element.locator(".memory").inner_text().rstrip() == text
    press(element.get_by_role("button", name="write forty"))
    assert len(element.get_by_role("textbox").input_value()) == len(text) + 40
    milliseconds = element.evaluate(TYPE)
    assert milliseconds < 1000 / 60, f"{milliseconds:.1f} ms for a character"


@pytest.mark.parametrize("name", HOMES)
def test_without_scripts_a_figure_is_named(name: str, browser: Browser, site: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        page.goto((site / f"{HOMES[name]}.html").as_uri())
        instead = page.locator(f"{name} p")
        assert instead.is_visible() and "script" in instead.inner_text()
        figure = instead.locator("a").get_attribute("href") or ""
        assert page.locator(figure).count() == 1
