"""The built book, a server for it, and a browser to open it in."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from unrolled.browser import found

HERE = Path(__file__).parent
SITE = HERE.parents[1] / "_build" / "html"
COURSE = "/unrolled/"  # where the server has the site: it need not stand at the root
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
LEFT_OUT = {"_static", "404.html"}
QUIET = [  # keep Chromium itself off the network
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that plain `pytest` leaves them out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("site")


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built book."""
    if not (SITE / "index.html").is_file():
        pytest.fail("the book is not built: run `make book`", pytrace=False)
    return SITE


@pytest.fixture(scope="session")
def pages(site: Path) -> list[str]:
    """Addresses of all pages, from the site's root; the one for lost readers is none."""
    paths = [path.relative_to(site) for path in site.rglob("*.html")]
    return sorted(path.as_posix() for path in paths if path.parts[0] not in LEFT_OUT)


@pytest.fixture(scope="session")
def telling(pages: list[str]) -> list[str]:
    """All pages of the book, and every twentieth of the API, which one template makes."""
    made = [name for name in pages if name.startswith("api/")]
    return [name for name in pages if name not in made or name in made[::20]]


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site over http; the address that its pages' addresses follow."""

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            inside = path.startswith(COURSE)
            return super().translate_path(path.removeprefix(COURSE) if inside else "/none")

        def log_message(self, *args: Any) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("localhost", 0), partial(Handler, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}{COURSE}"
        server.shutdown()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium; without one the tests are skipped, or fail where it must be there."""
    try:
        path = found()
    except FileNotFoundError as missing:
        stop = pytest.fail if os.environ.get("RNNLIB_STRICT") == "1" else pytest.skip
        stop(str(missing))
    browser = playwright.chromium.launch(executable_path=path, args=QUIET)
    yield browser
    browser.close()


def settle(page: Page) -> None:
    """Wait until maths and fonts are there."""
    page.evaluate(
        "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }"
    )


@dataclass
class Visit:
    """What opening one page showed."""

    url: str
    complaints: list[str] = field(default_factory=list)  # of the browser's console
    requests: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # requests that were not answered
    unrendered: list[str] = field(default_factory=list)  # formulas
    wordless: list[str] = field(default_factory=list)  # pictures
    wide: list[str] = field(default_factory=list)  # what does not fit
    flowing: list[str] = field(default_factory=list)  # code and output whose lines run together
    barriers: list[str] = field(default_factory=list)  # to those who read by other means


UNRENDERED = """() => [...document.querySelectorAll('article .math')]
    .filter(math => !math.querySelector('mjx-container') || math.querySelector('mjx-merror'))
    .map(math => math.textContent)"""

WORDLESS = """() => [...document.querySelectorAll('article img, article svg.figure')]
    .filter(picture => !(picture.getAttribute('alt') || picture.getAttribute('aria-label')))
    .map(picture => picture.outerHTML.slice(0, 200))"""

WIDE = """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll('article *')]
    .filter(e => e.getBoundingClientRect().right > window.innerWidth)
    .map(e => e.outerHTML.slice(0, 100)).concat('(the page)').slice(0, 5)"""

FLOWING = """() => [...document.querySelectorAll('article pre, article pre *')]
    .filter(e => !getComputedStyle(e).whiteSpace.startsWith('pre'))
    .map(e => e.outerHTML.slice(0, 100)).slice(0, 5)"""


# The theme lets the keyboard reach what scrolls, a moment after the page took its shape.
REACHABLE = """() => ![...document.querySelectorAll('article [tabindex="-1"]')]
    .some(e => e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight)"""


def barriers(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe finds serious or critical, by some rules or by all but that of contrast.

    Contrast takes axe ten seconds a page; `test_text_stands_out_from_its_ground` measures it.
    """
    chosen = (
        {"runOnly": list(rules)} if rules else {"rules": {"color-contrast": {"enabled": False}}}
    )
    options = {"resultTypes": ["violations"], "preload": False} | chosen
    with suppress(PlaywrightTimeout):  # what stays out of reach, axe reports
        page.wait_for_function(REACHABLE, timeout=3000)
    outside = {"exclude": [["mjx-container"], ["svg.figure"]]}
    return [
        f"{found['id']}: {node['html'][:200]}"
        for found in Axe().run(page, context=outside, options=options).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"][:3]
    ]


def visit(page: Page, url: str) -> Visit:
    """Open a page and look at it."""
    seen = Visit(url)

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("requestfailed", lambda request: seen.missing.append(request.url))
    page.on("response", lambda response: response.ok or seen.missing.append(response.url))
    page.goto(url)
    settle(page)
    seen.unrendered = page.evaluate(UNRENDERED)
    seen.wordless = page.evaluate(WORDLESS)
    seen.wide = page.evaluate(WIDE)
    seen.flowing = page.evaluate(FLOWING)
    return seen


@pytest.fixture(scope="session")
def visits(
    browser: Browser, site: Path, server: str, pages: list[str], telling: list[str]
) -> list[Visit]:
    """Every page, on a phone from a server and on a desktop from the disk; axe looks at some."""
    seen = []
    for base, size in [(server, PHONE), (site.as_uri() + "/", DESKTOP)]:
        with browser.new_context(viewport=size) as context:
            for name in pages:
                with context.new_page() as page:
                    seen.append(visit(page, base + name))
                    seen[-1].barriers = (
                        barriers(page) if size == DESKTOP and name in telling else []
                    )
    return seen
