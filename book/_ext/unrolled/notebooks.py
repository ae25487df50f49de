"""Each chapter as a notebook to download and to open in Colab or Binder, without outputs.

The notebooks lie on the site, in ``notebooks/``. Colab and Binder read them where the site is
published, from the branch that ``launch_branch`` names in ``_config.yml``.
"""

from pathlib import Path
from typing import Any

import jupytext
import nbformat
from docutils import nodes
from sphinx.application import Sphinx

from unrolled.plain import Plain
from unrolled.sources import repository

INSTALL = """\
# The packages of the book, where they are missing. In Colab this takes some minutes.
try:
    import rnnlib
except ImportError:
    %pip install --quiet "rnnlib[book,torch] @ git+{repository}"
"""


def notebook(app: Sphinx, page: str) -> nbformat.NotebookNode:
    """The notebook of a page."""
    form = {"extension": ".md", "format_name": "myst"}
    made = jupytext.read(Path(app.env.doc2path(page)), fmt=form)
    plain = Plain(app, page)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = plain.text(cell.source)
        cell.metadata.clear()
    home = app.config.html_baseurl + app.builder.get_target_uri(page)
    here = f"This is a copy, to run and to change, of [a page of Unrolled]({home})."
    install = INSTALL.format(repository=repository(app.config))
    made.cells[:0] = [nbformat.v4.new_markdown_cell(here), nbformat.v4.new_code_cell(install)]
    for k, cell in enumerate(made.cells):
        cell["id"] = f"cell-{k}"
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    made.metadata["language_info"] = {"name": "python"}
    made.nbformat, made.nbformat_minor = 4, 5
    return made


def runs_code(app: Sphinx, page: str) -> bool:
    """Has a page cells of code?"""
    path = Path(app.env.doc2path(page))
    return path.suffix == ".md" and "```{code-cell}" in path.read_text(encoding="utf-8")


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write all of them into the built site."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "notebooks"
    folder.mkdir(exist_ok=True)
    for page in sorted(app.env.found_docs):
        if runs_code(app, page):
            nbformat.write(notebook(app, page), folder / f"{page}.ipynb")
    (folder.parent / "binder").mkdir(exist_ok=True)
    needed = f"rnnlib[book,torch] @ git+{repository(app.config)}\njupyterlab\n"
    (folder.parent / "binder" / "requirements.txt").write_text(needed)


def offer(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put links into the page's header."""
    if doctree is None or not runs_code(app, page):
        return
    path, branch = f"notebooks/{page}.ipynb", app.config.launch_branch
    owner = repository(app.config).removeprefix("https://github.com/")
    places = {
        "Colab": f"https://colab.research.google.com/github/{owner}/blob/{branch}/{path}",
        "Binder": f"https://mybinder.org/v2/gh/{owner}/{branch}?urlpath=lab/tree/{path}",
    }
    buttons = [
        {"type": "link", "url": url, "text": name, "tooltip": f"Run this page in {name}"}
        for name, url in places.items()
    ]
    group = {"type": "group", "tooltip": "Run this page", "icon": "fas fa-rocket"}
    context["header_buttons"].insert(0, group | {"buttons": buttons, "label": "launch-buttons"})
    copy = {
        "type": "link",
        "url": context["pathto"](path, 1),
        "text": ".ipynb",
        "tooltip": "Download as a notebook",
        "icon": "fas fa-download",
        "label": "download-notebook-button",
    }
    for given in context["header_buttons"]:
        if given.get("label") == "download-buttons":
            given["buttons"].insert(0, copy)


def setup(app: Sphinx) -> None:
    """Offer after the theme has put its buttons there; write at the end."""
    app.add_config_value("launch_branch", "gh-pages", "html")
    app.connect("html-page-context", offer, priority=900)
    app.connect("build-finished", write)
