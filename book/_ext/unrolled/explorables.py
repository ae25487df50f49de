"""Explorables: pictures that a reader moves, in the page and without a server.

```{explorable} lstm-cell        book/explorables/lstm-cell.mjs draws it
a figure                         what stands there without JavaScript
```

The source is an ES module, which Node can test. A page that was opened from a disk may not load
modules, so the site gets each as one plain script, with what it imports put before it.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from rnnlib.plot import COLOURS, GATES
from unrolled.explorable_data import DATA, WEIGHTS

SOURCES = Path(__file__).parents[2] / "explorables"
IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.mjs)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=async|class|const|function)", re.MULTILINE)
KEY = "explorables"  # in the metadata of a page


def modules(name: str) -> list[Path]:
    """Sources that a module is made of, itself last."""
    path, found = SOURCES / name, []
    for imported in IMPORT.findall(path.read_text(encoding="utf-8")):
        found += [module for module in modules(imported) if module not in found]
    return [*found, path]


def script(element: str) -> str:
    """The plain script that defines an element."""
    texts = [path.read_text(encoding="utf-8") for path in modules(f"{element}.mjs")]
    body = "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)
    return f'(() => {{\n"use strict";\n{body}}})();\n'


def sent(value: Any) -> Any:
    """Data as a page carries it: an array becomes its shape and float32 in base64."""
    if not isinstance(value, np.ndarray):
        return value
    coded = base64.b64encode(value.astype("<f4").tobytes()).decode("ascii")
    return {"shape": value.shape, "float32": coded}


def assigned(packed: bytes) -> str:
    """Bytes as a script that a page can load from a disk, too."""
    return f'globalThis.unrolledWeights = "{base64.b64encode(packed).decode("ascii")}";\n'


def used(env: BuildEnvironment, page: str = "") -> list[str]:
    """Explorables of a page, or of the one that is being read."""
    return str(env.metadata[page or env.docname].get(KEY, "")).split()


class Explorable(SphinxDirective):
    """An element, with what stands in its place until a script has drawn it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The element's data, the body, and the script."""
        [name] = self.arguments
        self.env.metadata[self.env.docname][KEY] = " ".join([*used(self.env), name])
        for path in modules(f"{name}.mjs"):
            self.env.note_dependency(str(path))
        data = {key: sent(value) for key, value in DATA[name]().items()}
        data = json.dumps({"colours": COLOURS | GATES} | data).replace("</", r"<\/")
        root = "../" * self.env.docname.count("/")
        opening = f'<{name} class="explorable"><script type="application/json">{data}</script>'
        closing = f'</{name}><script defer src="{root}_static/explorables/{name}.js"></script>'
        body = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, body)
        return [
            nodes.raw("", opening, format="html"),
            *body.children,
            nodes.raw("", closing, format="html"),
        ]


def write_scripts(app: Sphinx, exception: Exception | None) -> None:
    """Write the scripts into the built site."""
    names = {name for page in app.env.found_docs for name in used(app.env, page)}
    if exception or app.builder.format != "html" or not names:
        return
    folder = Path(app.outdir) / "_static" / "explorables"
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(names):
        (folder / f"{name}.js").write_text(script(name), encoding="utf-8")
        if name in WEIGHTS:
            packed = assigned(WEIGHTS[name]())
            (folder / f"{name}.weights.js").write_text(packed, encoding="ascii")


def setup(app: Sphinx) -> None:
    """Make the directive known; write the scripts at the end."""
    app.add_directive("explorable", Explorable)
    app.connect("build-finished", write_scripts)
