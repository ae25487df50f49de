"""The outputs of cells are kept for as long as the code that made them is unchanged.

jupyter-cache looks a page up by the source of its cells alone, and would keep outputs that an older
library computed. So each state of the library, the cached results and the locked packages has a
cache of its own.

Pages compute with one thread: their matrices are small, and threads that wait for a busy processor
take several times as long.
"""

import hashlib
import os
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

KEPT = 2  # caches: this one, and the one before


def fingerprint(root: Path) -> str:
    """Hash of everything that the outputs depend on besides the cells."""
    files = [*root.glob("rnnlib/**/*.py"), *root.glob("book/results/**/*")]
    digest = hashlib.sha256()
    for path in sorted([*files, root / "requirements.txt"]):
        if path.is_file():
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def choose_cache(app: Sphinx, config: Config) -> None:
    """Point myst-nb to the cache of the present state, and remove old ones."""
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")  # the kernels inherit it
    caches = Path(app.outdir).parent / ".jupyter_cache"
    cache = caches / fingerprint(Path(app.srcdir).parent)
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    config.nb_execution_cache_path = str(cache)
    for old in sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old)


def setup(app: Sphinx) -> None:
    """Choose before myst-nb reads its configuration, which it does once the builder exists."""
    app.connect("config-inited", choose_cache)
