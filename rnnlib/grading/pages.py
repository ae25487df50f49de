"""The pages of nbgrader's formgrader and feedback: nothing of a student runs, nothing is fetched.

What students write is made inert when it is taken in, and sanitised when it is shown. What they are
called is not: names come from a class list and ids from folders, and nbgrader's templates put both
into pages as they are. Formulas are MathML, in place of a script from another site.
"""

import re
from functools import wraps
from html import escape
from pathlib import Path
from secrets import token_hex
from typing import Any

import bleach
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbgrader.server_extensions.formgrader import handlers
from nbgrader.server_extensions.formgrader.base import BaseHandler

from rnnlib.grading.formulas import mathml

LONGEST = 20_000  # characters of a cell that is rendered
TEMPLATES = Path(__file__).with_name("templates")
TAGS = bleach.ALLOWED_TAGS | set(
    "br dd del details div dl dt h1 h2 h3 h4 h5 h6 hr p pre s span sub summary sup table tbody td "
    "th thead tr u".split()
)
ATTRIBUTES = {
    **bleach.ALLOWED_ATTRIBUTES,
    "*": ["class"],  # an id could be that of a field for points
    "td": ["align"],
    "th": ["align"],
}


def install(config: Any) -> None:
    """Make pages of formgrader and of the feedback show what students wrote, and do nothing else.

    Parameters
    ----------
    config : traitlets.config.Config
        What ``get_config()`` gives in ``nbgrader_config.py``.
    """
    config.TemplateExporter.filters = {"markdown2html": "rnnlib.grading.pages.safe_markdown"}
    # formgrader replaces the second of these, and feedback the first
    config.HTMLExporter.extra_template_paths = [str(TEMPLATES / "formgrade")]
    config.HTMLExporter.extra_template_basedirs = [str(TEMPLATES), handlers.template_path]
    config.HTMLExporter.preprocessors = ["rnnlib.grading.pages.EscapeNames"]
    if not hasattr(BaseHandler.render, "__wrapped__"):  # nbgrader reads its configuration often
        BaseHandler.render = escaping(BaseHandler.render)


class EscapeNames(Preprocessor):  # type: ignore[misc]  # nbconvert has no types
    """Escape what the template of a submission's page knows of its student."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Leave the notebook as it is, and escape the names beside it."""
        names = ("student", "first_name", "last_name", "notebook_path")
        for name in names:
            if isinstance(resources.get(name), str):
                resources[name] = text(resources[name])
        return nb, resources


def escaping(render: Any) -> Any:
    """A handler's ``render`` that puts text, and nothing but text, into its template."""

    @wraps(render)
    def safely(self: Any, name: str, **values: Any) -> Any:
        return render(self, name, **{key: shown(value) for key, value in values.items()})

    return safely


def shown(value: Any) -> Any:
    """A value in which all text is escaped."""
    if isinstance(value, dict):
        return {key: shown(part) for key, part in value.items()}
    return text(value) if isinstance(value, str) else value


def text(value: str) -> str:
    r"""Text as a page shows it, between tags, in an attribute or in a script's quotes.

    Parameters
    ----------
    value : str

    Returns
    -------
    str

    Examples
    --------
    >>> text('";run()<b>\\')
    '&quot;;run()&lt;b&gt;&#92;'
    """
    return escape(value).replace("\\", "&#92;").replace("\n", "&#10;").replace("\r", "&#13;")


class Formulas(IPythonRenderer):  # type: ignore[misc]
    """Markdown as nbconvert renders it, but for formulas, which are kept aside under a mark."""

    def __init__(self) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.secret = token_hex()
        self.kept: dict[str, str] = {}

    def block_math(self, body: str) -> str:
        """A formula with a line of its own."""
        return f"<div>{self.keep(body, block=True)}</div>"

    def inline_math(self, body: str) -> str:
        """A formula in a line."""
        return self.keep(body, block=False)

    def latex_environment(self, name: str, body: str) -> str:
        """What stands in an environment such as ``align``."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def keep(self, body: str, block: bool) -> str:
        """The mark of a formula, which nobody can guess."""
        mark = f"{self.secret}-{len(self.kept)}."
        self.kept[mark] = mathml(body, block)
        return mark


@pass_context
def safe_markdown(context: Any, source: str) -> str:
    """Render Markdown as nbconvert does, and leave nothing active in it.

    Parameters
    ----------
    context : jinja2.runtime.Context
    source : str

    Returns
    -------
    str
    """
    if len(source) > LONGEST:  # some of what is not closed takes time by the square of its length
        return f"<pre>{escape(source)}</pre>"
    formulas = Formulas()

    def allowed(tag: str, name: str, value: str) -> bool:
        known = name in ATTRIBUTES["*"] or name in ATTRIBUTES.get(tag, ())
        return known and formulas.secret not in value  # a formula belongs between tags

    rendered = MarkdownWithMath(renderer=formulas).render(source)
    cleaned: str = bleach.clean(rendered, TAGS, allowed, {"http", "https", "mailto"})
    mark = re.compile(rf"{formulas.secret}-\d+\.")
    return mark.sub(lambda found: formulas.kept[found[0]], cleaned)
