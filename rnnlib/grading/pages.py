"""The pages of nbgrader's formgrader, safe from names that are markup.

What students write is made inert when it is taken in. What they are called is not: names come from
a class list and ids from folders, and nbgrader's templates put both into pages as they are.
"""

from functools import wraps
from html import escape
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbgrader.server_extensions.formgrader.base import BaseHandler


def install(config: Any) -> None:
    """Escape names wherever a page of formgrader or of the feedback shows one.

    Parameters
    ----------
    config : traitlets.config.Config
        What ``get_config()`` gives in ``nbgrader_config.py``.
    """
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
