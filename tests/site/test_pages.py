"""What a reader of the built book can rely on."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser

from conftest import COURSE, PHONE, Visit, barriers, settle, visit
from rnnlib.plot import INK


def test_no_page_complains(visits: list[Visit]) -> None:
    assert not {v.url: v.complaints for v in visits if v.complaints}


def test_no_page_asks_another_origin(visits: list[Visit], site: Path, server: str) -> None:
    ours = (server, site.as_uri(), "data:", "blob:")
    others = {v.url: [r for r in v.requests if not r.startswith(ours)] for v in visits}
    assert not {url: requests for url, requests in others.items() if requests}


def test_no_page_asks_for_what_is_not_there(visits: list[Visit]) -> None:
    assert not {v.url: v.missing for v in visits if v.missing}


def test_every_formula_is_rendered(visits: list[Visit]) -> None:
    assert not {v.url: v.unrendered for v in visits if v.unrendered}


def test_every_picture_says_what_it_shows(visits: list[Visit]) -> None:
    assert not {v.url: v.wordless for v in visits if v.wordless}


def test_every_page_fits_a_phone(visits: list[Visit]) -> None:
    assert not {v.url: v.wide for v in visits if v.wide}


def test_axe_finds_nothing_serious(visits: list[Visit]) -> None:
    assert not {v.url: v.barriers for v in visits if v.barriers}


def test_code_keeps_its_lines(visits: list[Visit]) -> None:
    assert not {v.url: v.flowing for v in visits if v.flowing}


def test_a_lost_reader_finds_the_way_back(browser: Browser, server: str) -> None:
    with browser.new_context() as context, context.new_page() as page:
        seen = visit(page, server + "404.html")
        assert not seen.missing and not seen.complaints
        for place in ("index.html", "search.html"):
            assert page.locator(f"article a[href='{COURSE}{place}']").count() == 1
        page.locator(f".bd-sidebar-primary a[href='{COURSE}lstm.html']").click()
        page.wait_for_url(server + "lstm.html")
        assert page.locator("article h1").count() == 1


def test_the_site_is_mapped(site: Path, pages: list[str]) -> None:
    places = ElementTree.parse(site / "sitemap.xml").iterfind(".//{*}loc")
    mapped = {(place.text or "").partition(COURSE)[2] for place in places}
    assert mapped == set(pages) - {"search.html"}


LETTERS = """() => [...document.querySelectorAll('article svg.figure')].map(figure => {
    const text = getComputedStyle(figure.closest('article')).color;
    const letters = [...figure.querySelectorAll('text')].map(t => getComputedStyle(t).fill);
    return [text, ...new Set(letters)];
})"""


SHEETS = """() => [...document.querySelectorAll('article svg.figure')].flatMap(figure => {
    const area = box => box.width * box.height;
    const whole = area(figure.getBoundingClientRect());
    return [...figure.querySelectorAll('rect, path, image, use')].filter(shape => {
        const { fill, fillOpacity } = getComputedStyle(shape);
        const [r, g, b, a = 1] = (fill.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
        const white = Math.min(r, g, b) > 240 && a * fillOpacity > 0.5;
        return white && area(shape.getBoundingClientRect()) > whole / 3;
    }).map(shape => shape.outerHTML.slice(0, 100));
})"""


def test_no_figure_is_a_white_sheet_on_dark(browser: Browser, site: Path, pages: list[str]) -> None:
    sheets = {}
    with browser.new_context(color_scheme="dark") as context, context.new_page() as page:
        for name in pages:
            if 'class="figure"' in (site / name).read_text(encoding="utf-8"):
                page.goto((site / name).as_uri())
                sheets[name] = page.evaluate(SHEETS)
    assert sheets and not {name: found for name, found in sheets.items() if found}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_ink_of_figures_is_the_colour_of_the_text(
    mode: str, browser: Browser, site: Path, pages: list[str]
) -> None:
    figures = {}
    with browser.new_context(color_scheme=mode) as context, context.new_page() as page:
        for name in pages:
            if 'class="figure"' in (site / name).read_text(encoding="utf-8"):
                page.goto((site / name).as_uri())
                assert page.evaluate("document.documentElement.dataset.theme") == mode
                figures[name] = page.evaluate(LETTERS)
                drawn = [svg.inner_html() for svg in page.locator("article svg.figure").all()]
                assert not any(INK in svg for svg in drawn), f"{name} has ink of its own"
    assert figures, "no page has a figure"
    for name, colours in figures.items():
        for text, *letters in colours:
            assert text in letters or not letters, (name, text, letters)


CONTRAST = """() => {
    const parse = colour => {
        const n = colour.match(/[\\d.]+/g).map(Number);
        const c = colour.startsWith('color(') ? n.slice(0, 3).map(v => 255 * v) : n.slice(0, 3);
        return [...c, n[3] ?? 1];
    };
    const over = (top, under) =>
        top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
    const ground = e => !e ? [255, 255, 255]
        : over(parse(getComputedStyle(e).backgroundColor), ground(e.parentElement));
    const luminance = c => c.map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = e => {
        const under = ground(e), ink = over(parse(getComputedStyle(e).color), under);
        const [a, b] = [luminance(ink), luminance(under)];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const faint = new Set();
    const walk = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const e = walk.currentNode.parentElement;
        const skip = 'svg, script, style, mjx-container, .headerlink';
        if (!walk.currentNode.data.trim() || e.closest(skip) || !e.checkVisibility()) continue;
        if (contrast(e) < 4.5) faint.add(`${contrast(e).toFixed(1)} ${e.outerHTML.slice(0, 100)}`);
    }
    return [...faint];
}"""


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "elman.html", "api/rnnlib.reference.lstm.html"])
def test_axe_agrees_about_contrast(mode: str, name: str, browser: Browser, server: str) -> None:
    with browser.new_context(color_scheme=mode) as context, context.new_page() as page:
        page.goto(server + name)
        settle(page)
        assert not barriers(page, ["color-contrast"])


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_stands_out_from_its_ground(
    mode: str, browser: Browser, site: Path, telling: list[str]
) -> None:
    faint = {}
    with browser.new_context(color_scheme=mode) as context, context.new_page() as page:
        for name in telling:
            page.goto((site / name).as_uri())
            if page.locator("article").count():
                faint[name] = page.evaluate(CONTRAST)
    assert not {name: texts for name, texts in faint.items() if texts}


def first_page_with(site: Path, pages: list[str], text: str) -> str:
    """Address of the first page whose source holds a text."""
    return next(name for name in pages if text in (site / name).read_text(encoding="utf-8"))


def test_choices_open_without_javascript(browser: Browser, site: Path, pages: list[str]) -> None:
    count = 0
    with browser.new_context(java_script_enabled=False) as context, context.new_page() as page:
        for name in pages:
            if 'class="predict' not in (site / name).read_text(encoding="utf-8"):
                continue
            page.goto((site / name).as_uri())
            for choice in page.locator(".admonition.predict + details").all():
                answer = choice.locator(".sd-summary-content")
                assert not answer.is_visible()
                choice.locator("summary").click()
                assert answer.is_visible()
                count += 1
    assert count, "no page has a question to predict"


SOUND = """() => Promise.all([...document.querySelectorAll('article audio')].map(async player => {
    const [kind, coded] = player.src.split(',');
    const bytes = Uint8Array.from(atob(coded), letter => letter.charCodeAt(0));
    const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(bytes.buffer);
    player.muted = true;
    await player.play();
    const loudest = sound.getChannelData(0).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    return [kind, player.duration, loudest, player.ariaLabel];
}))"""


def test_every_sound_is_in_its_page_and_plays(
    browser: Browser, site: Path, pages: list[str]
) -> None:
    count = 0
    with browser.new_context(offline=True) as context, context.new_page() as page:
        for name in pages:
            if "<audio" in (site / name).read_text(encoding="utf-8"):
                page.goto((site / name).as_uri())
                for source, seconds, loudest, words in page.evaluate(SOUND):
                    assert source == "data:audio/wav;base64"
                    assert seconds > 0.1 and 0.9 < loudest <= 1 and words, (name, words)
                    count += 1
    assert count, "no page has a sound"


def test_formulas_can_be_heard(browser: Browser, site: Path, server: str, pages: list[str]) -> None:
    """What MathJax draws is hidden from screen readers; the same formula in MathML is not."""
    with browser.new_context() as context, context.new_page() as page:
        page.goto(server + first_page_with(site, pages, 'class="math'))
        settle(page)
        formulas = page.locator("mjx-container").count()
        assert (
            formulas and page.locator("mjx-container > mjx-assistive-mml math").count() == formulas
        )
        assert page.locator("mjx-container > mjx-math[aria-hidden=true]").count() == formulas


def test_a_wide_equation_scrolls_by_keyboard(
    browser: Browser, site: Path, server: str, pages: list[str]
) -> None:
    with browser.new_context(viewport=PHONE) as context, context.new_page() as page:
        page.goto(server + first_page_with(site, pages, '<div class="math'))
        settle(page)
        formula = page.locator("div.math mjx-container").first
        formula.evaluate("formula => { formula.parentElement.style.width = '5rem' }")
        formula.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("formula => formula.scrollLeft > 0", arg=formula.element_handle())


def test_search_finds_a_function(browser: Browser, site: Path, server: str) -> None:
    for base in (server, site.as_uri() + "/"):
        with browser.new_context() as context, context.new_page() as page:
            page.goto(base + "search.html?q=step_backward")
            wanted = "api/rnnlib.reference.elman.html"  # results come one after another
            page.locator(f"#search-results li a[href*='{wanted}']").first.wait_for()


FIRST = {
    "vanishing gradient": "gradients.html",
    "forget gate": "lstm.html",
    "teacher forcing": "seq2seq.html",
    "beam search": "seq2seq.html",
    "step_backward": "api/",
}


@pytest.mark.parametrize("words", FIRST)
def test_search_finds_first_where_it_is_taught(words: str, browser: Browser, server: str) -> None:
    with browser.new_context() as context, context.new_page() as page:
        page.goto(f"{server}search.html?q={words.replace(' ', '+')}")
        page.locator(".search-summary", has_text="found").wait_for()
        first = page.locator("#search-results li a").first.get_attribute("href") or ""
        assert first.startswith(FIRST[words]), first


def test_formulas_have_one_size(browser: Browser, server: str) -> None:
    sizes = (
        """where => [...document.querySelectorAll(where)].map(e => getComputedStyle(e).fontSize)"""
    )
    with browser.new_context() as context, context.new_page() as page:
        visit(page, server + "elman.html")
        lines = page.evaluate(sizes, "article section > p > span.math mjx-container")
        displayed = page.evaluate(sizes, "article section > div.math mjx-container")
        assert len(lines) > 20 and len(displayed) > 5
        assert len({*lines, *displayed}) == 1
