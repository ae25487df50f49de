"""The built book, a server for it, and a browser to open it in."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

HERE = Path(__file__).parent
SITE = HERE.parents[1] / "_build" / "html"
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
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
    """Addresses of all pages, from the site's root."""
    paths = [path.relative_to(site) for path in site.rglob("*.html")]
    return sorted(path.as_posix() for path in paths if path.parts[0] != "_static")


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The site over http; the address that its pages' addresses follow."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("localhost", 0), partial(Handler, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium; without one the tests are skipped, or fail where it must be there."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        stop = pytest.fail if os.environ.get("RNNLIB_STRICT") == "1" else pytest.skip
        stop(f"needs a browser: none of {', '.join(names)} is installed")
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
    return seen


@pytest.fixture(scope="session")
def visits(browser: Browser, site: Path, server: str, pages: list[str]) -> list[Visit]:
    """Every page, opened on a phone from a server and on a desktop from the disk."""
    seen = []
    for base, size in [(server, PHONE), (site.as_uri() + "/", DESKTOP)]:
        with browser.new_context(viewport=size) as context:
            for name in pages:
                with context.new_page() as page:
                    seen.append(visit(page, base + name))
    return seen
