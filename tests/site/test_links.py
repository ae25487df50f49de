"""The files of the built book: where links lead, and what is not among them."""

import importlib
import inspect
import pkgutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import rnnlib

ROOT = Path(__file__).parents[2]


class Links(HTMLParser):
    """Collects the names in a page, and the addresses that it mentions."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[tuple[str, str]] = []  # class, address
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.names |= {given[key] for key in ("id", "name") if key in given}
        for key in ("href", "src"):
            if key in given and "xlink" not in given:
                self.links.append((given.get("class", ""), given[key]))


@pytest.fixture(scope="session")
def parsed(site: Path, pages: list[str]) -> dict[Path, Links]:
    return {(site / name).resolve(): Links(site / name) for name in pages}


def test_every_link_within_the_book_leads_somewhere(parsed: dict[Path, Links]) -> None:
    broken = []
    for page, found in parsed.items():
        for _, address in found.links:
            url = urlsplit(address)
            if url.scheme or url.netloc or address in ("", "#"):
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            names = parsed[target].names if target in parsed else {""}
            if not target.is_file() or (url.fragment and unquote(url.fragment) not in names):
                broken.append((page.name, address))
    assert not broken


def test_a_label_in_a_comment_leads_to_its_equation(parsed: dict[Path, Links]) -> None:
    links = [a for found in parsed.values() for cls, a in found.links if cls == "equation"]
    assert links, "no page shows a line of code with the label of an equation"
    assert all("#equation-" in address for address in links)


def test_every_public_name_has_an_anchor(parsed: dict[Path, Links], site: Path) -> None:
    lost = []
    for info in pkgutil.walk_packages(rnnlib.__path__, "rnnlib."):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        page = (site / "api" / f"{info.name}.html").resolve()
        names = parsed[page].names if page in parsed else set()
        module = importlib.import_module(info.name)
        for path, thing in vars(module).items():
            made = inspect.isfunction(thing) or inspect.isclass(thing)
            if path.startswith("_") or not made or thing.__module__ != info.name:
                continue
            methods = [m for m, f in vars(thing).items() if inspect.isfunction(f)]
            paths = [path] + [f"{path}.{m}" for m in methods if not m.startswith("_")]
            lost += [f"{info.name}.{p}" for p in paths if f"{info.name}.{p}" not in names]
    assert not lost


def test_nothing_private_is_published(site: Path) -> None:
    private = {path.read_bytes() for path in (ROOT / "solutions").rglob("*") if path.is_file()}
    private.discard(b"")
    for path in site.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        assert path.name != "checks.py" and "solutions" not in path.relative_to(site).parts, path
        assert content not in private, path
        assert b"BEGIN SOLUTION" not in content and b"HIDDEN TESTS" not in content, path


def test_every_assignment_has_its_notebook_to_download(
    parsed: dict[Path, Links], site: Path
) -> None:
    notebooks = sorted(ROOT.glob("exercises/*/*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        page = (site / "assignments" / f"{notebook.stem}.html").resolve()
        [found] = [a for _, a in parsed[page].links if a.endswith(f"/{notebook.name}")]
        assert (page.parent / found).read_bytes() == notebook.read_bytes()
