"""Show the built book, build it again when a source changes, and let the browser reload.

Run from the folder of ``_config.yml``, with ``book/_ext`` in PYTHONPATH: ``python -m unrolled.serve
8000``. Only pages that changed are built; `make book` builds all of them, and takes warnings for
errors.
"""

import sys
from pathlib import Path

from livereload import Server, shell

COMMAND = "jupyter-book build book --config _config.yml --toc _toc.yml --path-output ."
SOURCES = [
    "_config.yml",
    "_toc.yml",
    "book/*.md",
    "book/assignments/*.md",
    "book/_static/*",
    "book/_templates/*",
    "book/explorables/*",
    "exercises/*/*.ipynb",
    "rnnlib/**/*.py",
]


def main(port: int) -> None:
    """Serve until interrupted."""
    server = Server()
    build = shell([str(Path(sys.executable).parent / "jupyter-book"), *COMMAND.split()[1:]])
    for pattern in SOURCES:
        server.watch(pattern, build)
    server.serve(root="_build/html", host="localhost", port=port)


if __name__ == "__main__":
    main(int(sys.argv[1]))
