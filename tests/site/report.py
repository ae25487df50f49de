"""Lighthouse's judgement of the heaviest pages: ``python tests/site/report.py [PAGE ...]``.

The pages are served compressed, as any static host does. The reports are kept in
``_build/site-report``; the command fails where a score is below 95.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from rich.console import Console
from rich.table import Table
from unrolled.browser import found

SITE = Path("_build/html")
REPORTS = Path("_build/site-report")
LIGHTHOUSE = "lighthouse@12"
LEAST, PAGES = 95, 5
SCORES = ["performance", "accessibility", "best-practices", "seo"]
PACKED = {".woff2", ".png", ".gif", ".pdf"}


class Compressing(SimpleHTTPRequestHandler):
    """Serves files, compressed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = path.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=3600")
        if path.suffix not in PACKED:
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Be silent."""


def heaviest() -> list[str]:
    """The largest pages."""
    pages = sorted(SITE.glob("*.html"), key=lambda path: -path.stat().st_size)
    return [path.name for path in pages[:PAGES]]


def judge(address: str, to: Path) -> dict:
    """Run Lighthouse on one page."""
    if shutil.which("npx") is None:
        raise FileNotFoundError("needs npx, which comes with npm")
    command = ["npx", "--yes", LIGHTHOUSE, address, "--preset=desktop", "--quiet"]
    command += ["--output=json", "--output=html", f"--output-path={to}"]
    command += ["--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage"]
    subprocess.run(command, check=True, env=os.environ | {"CHROME_PATH": found()})
    return json.loads(Path(f"{to}.report.json").read_text(encoding="utf-8"))


def main(pages: list[str]) -> int:
    """Judge the pages; gives the exit status."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    handler = partial(Compressing, directory=str(SITE))
    table, low = Table("page", *SCORES, "largest paint, s", "bytes"), False
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        for name in pages or heaviest():
            address = f"http://localhost:{server.server_port}/{name}"
            report = judge(address, REPORTS / Path(name).stem)
            scores = [round(100 * report["categories"][key]["score"]) for key in SCORES]
            low |= min(scores) < LEAST
            audits = report["audits"]
            paint = audits["largest-contentful-paint"]["numericValue"] / 1000
            weight = audits["total-byte-weight"]["numericValue"]
            table.add_row(name, *map(str, scores), f"{paint:.2f}", f"{weight:,.0f}")
        server.shutdown()
    Console().print(table)
    print(f"The reports lie in {REPORTS}.")
    return int(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
