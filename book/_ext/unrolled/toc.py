"""``jupyter-book build book --toc _toc.yml`` finds the file from where the command runs.

Jupyter Book looks for it there, sphinx-external-toc then beside the sources.
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config


def make_absolute(app: Sphinx, config: Config) -> None:
    """Say the same thing to both."""
    config.external_toc_path = str(Path(config.external_toc_path).absolute())


def setup(app: Sphinx) -> None:
    """Act before sphinx-external-toc reads the file."""
    app.connect("config-inited", make_absolute, priority=100)
