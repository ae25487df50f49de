"""A page is light: what it asks for, compressed as a server would send it."""

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from conftest import COURSE, Visit

TEXT, WHOLE = 400_000, 1_200_000  # bytes, without figures and with them
FIGURE = re.compile(rb'<svg class="figure".*?</svg>|data:(?:image|audio)/[^"\')]*', re.DOTALL)
PICTURES = {".png", ".gif", ".webp", ".jpg"}
PACKED = {".woff2", *PICTURES}  # compressed already


def sizes(visit: Visit, server: str, site: Path) -> tuple[int, int]:
    """Bytes that a page costs, without its figures and with them."""
    without = whole = 0
    for url in set(visit.requests):
        if not url.startswith(server):
            continue
        path = site / unquote(urlsplit(url).path).removeprefix(COURSE)
        content = path.read_bytes()
        size = len(content) if path.suffix in PACKED else len(gzip.compress(content, 6))
        whole += size
        if path.suffix == ".html":
            without += len(gzip.compress(FIGURE.sub(b"", content), 6))
        elif path.suffix not in PICTURES:
            without += size
    return without, whole


def test_no_page_is_heavy(visits: list[Visit], server: str, site: Path) -> None:
    weights = {v.url: sizes(v, server, site) for v in visits if v.url.startswith(server)}
    assert weights
    assert not {u: w for u, w in weights.items() if w[0] > TEXT or w[1] > WHOLE}
