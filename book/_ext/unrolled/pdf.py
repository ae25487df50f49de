"""The built book as one PDF: ``python -m unrolled.pdf _build/unrolled.pdf [PAGE ...]``.

The pages are joined into one, with their ids told apart, so that every reference stays a link; a
headless Chromium prints it. Pages of the API are left out, drop-downs are open, and pictures that
move show what they show without scripts.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import sync_playwright

from unrolled.browser import found

SITE = Path("_build/html")
LEFT_OUT = ".headerlink, .copybtn, script, audio"
PRINT = """
@page { size: A4; margin: 18mm 16mm 20mm }
html { font-size: 10.5pt }
body { background: white }
main { max-width: none; padding: 0 }
section.page { break-before: page }
pre, pre * { white-space: pre-wrap !important; overflow-wrap: anywhere }
div.math, mjx-container { overflow: visible !important }
figure, svg.figure, .admonition, tr { break-inside: avoid }
svg.figure { max-height: 230mm }
a { text-decoration: none }
"""
FOOT = """<div style="font-size: 8px; width: 100%; text-align: center">
<span class="pageNumber"></span></div>"""


def names(toc: dict) -> list[tuple[str, list[str]]]:
    """Parts of the table of contents with their pages, globs resolved."""
    parts = [("", [toc["root"]])]
    for part in toc["parts"]:
        pages = []
        for entry in part["chapters"]:
            if "file" in entry:
                pages.append(entry["file"])
            else:
                found = sorted((SITE).glob(f"{entry['glob']}.html"))
                pages += [path.relative_to(SITE).with_suffix("").as_posix() for path in found]
        parts.append((part["caption"], [page for page in pages if page != "api"]))
    return parts


def name(page: str, anchor: str = "") -> str:
    """What an anchor of a page is called in the whole."""
    return f"{page.replace('/', '-')}--{anchor or 'top'}"


def section(page: str, known: set[str], home: str) -> Tag:
    """The article of a page, its ids and links made those of the whole."""
    path = SITE / f"{page}.html"
    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article")
    assert article, f"{path} has no article"
    for tag in article.select(LEFT_OUT):
        tag.decompose()
    for tag in article.find_all("details"):
        tag["open"] = ""
    for tag in article.find_all(id=True):
        if tag.find_parent("svg") is None and tag.name != "svg":  # their ids are told apart already
            tag["id"] = name(page, tag["id"])
    for link in article.find_all("a", href=True):
        url = urlsplit(urljoin(f"{page}.html", link["href"]))
        target = url.path.removesuffix(".html")
        if not url.scheme and target in known:
            link["href"] = "#" + name(target, url.fragment)
        elif not url.scheme:
            link["href"] = urljoin(urljoin(home, f"{page}.html"), link["href"])
    for picture in article.find_all("img", src=True):
        if not urlsplit(picture["src"]).scheme:
            picture["src"] = (path.parent / picture["src"]).resolve().as_uri()
    article.name, article["class"], article["id"] = "section", "page", name(page)
    return article


def whole(pages: list[tuple[str, list[str]]], home: str) -> str:
    """All pages as one."""
    front = BeautifulSoup((SITE / "notation.html").read_text(encoding="utf-8"), "html.parser")
    for script in front.head.find_all("script", src=True):
        if "mathjax" not in script["src"]:
            script.decompose()
    style = front.new_tag("style")
    style.string = PRINT
    front.head.append(style)
    front.title.string = "Unrolled"
    front.body.clear()
    main = front.new_tag("main")
    front.body.append(main)
    known = {page for _, part in pages for page in part}
    sections = [(caption, section(p, known, home)) for caption, part in pages for p in part]
    contents = front.new_tag("nav")
    for caption, part in pages:
        heading = front.new_tag("h2")
        heading.string = caption
        listing = front.new_tag("ul")
        for page in part:
            [found] = [s for _, s in sections if s["id"] == name(page)]
            link = front.new_tag("a", href="#" + name(page))
            link.string = found.h1.get_text()
            item = front.new_tag("li")
            item.append(link)
            listing.append(item)
        contents.extend([heading, listing] if caption else [])
    first, *rest = [found for _, found in sections]
    main.extend([first, contents, *rest])
    for tag in front.head.find_all(["link", "script"]):
        for key in ("href", "src"):
            if key in tag.attrs and not urlsplit(tag[key]).scheme:
                tag[key] = urljoin(SITE.resolve().as_uri() + "/", tag[key])
    front.html["data-theme"] = "light"
    return str(front)


def main(to: Path, chosen: list[str]) -> None:
    """Write the PDF."""
    home = yaml.safe_load(Path("_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"]
    pages = names(yaml.safe_load(Path("_toc.yml").read_text(encoding="utf-8")))
    if chosen:
        pages = [(caption, [p for p in part if p in chosen]) for caption, part in pages]
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        joined = Path(folder) / "unrolled.html"
        joined.write_text(whole(pages, home), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=found(), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(0)
        page.goto(joined.as_uri())
        page.evaluate("async () => { await MathJax.startup.promise; await document.fonts.ready }")
        page.pdf(
            path=to,
            prefer_css_page_size=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOT,
            outline=True,
            tagged=True,
        )
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
