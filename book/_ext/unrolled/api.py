"""Pages of the library, one per module, from its docstrings.

They are written before Sphinx looks for sources, so that a new module has a page by itself. Two
hooks make them say what the source says: the shapes of fields, and ``Array`` by its name.
"""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.inspect import signature, stringify_signature
from sphinx.util.typing import stringify_annotation

from rnnlib.reference.ops import Array

PAGE = """\
# {module}

```{{eval-rst}}
.. highlight:: none
.. automodule:: {module}
```
"""
LONG_ARRAY = stringify_annotation(Array, "smart")  # what autodoc calls it


def write_pages(app: Sphinx, config: Config) -> None:
    """Make the sources in ``api/`` those of the library's present modules."""
    root, folder = Path(app.srcdir).parent, Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    pages = {folder / f"{module}.md": PAGE.format(module=module) for module in modules(root)}
    for path in set(folder.glob("*.md")) - set(pages):
        path.unlink()
    for path, page in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")


def modules(root: Path) -> list[str]:
    """Names of the public modules and packages."""
    paths = [path.relative_to(root).with_suffix("") for path in root.glob("rnnlib/**/*.py")]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    return sorted(name for name in names if "._" not in name)


def describe_field(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Replace "Alias for field number 0" by the field's line in the source."""
    if not (lines and lines[0].startswith("Alias for field number")):
        return
    module, cls, field = name.rsplit(".", 2)
    source = inspect.getsource(getattr(sys.modules[module], cls))
    line = re.search(rf"^ +{field}: (.+?)(?:  # (.+))?$", source, re.MULTILINE)
    assert line, f"{name} is not stated in the source of its class"
    type, comment = line.groups()
    is_shape = comment and comment.startswith("(")
    note = f", ``{comment}``" if is_shape else f" – {comment}" if comment else ""
    lines[:] = [f"``{type}``{note}"]


def write_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, args: str, returns: str
) -> tuple[str, str] | None:
    """Print a function's types by their short names."""
    if what not in ("function", "method"):
        return None
    bound = what == "method"
    text = stringify_signature(signature(obj, bound_method=bound), unqualified_typehints=True)
    args, _, returns = text.replace(LONG_ARRAY, "Array").rpartition(" -> ")
    return args, returns


def show_protocol(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Keep the methods of a class although they have no docstring: a protocol's speak by type."""
    if what == "class" and inspect.isfunction(obj) and not name.startswith("_"):
        return False
    return None


def setup(app: Sphinx) -> None:
    """Write the pages before the table of contents looks for them."""
    app.connect("config-inited", write_pages, priority=100)
    app.connect("autodoc-process-docstring", describe_field, priority=100)
    app.connect("autodoc-process-signature", write_signature)
    app.connect("autodoc-skip-member", show_protocol)
