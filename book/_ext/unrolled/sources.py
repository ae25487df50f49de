"""Commands that get the sources, whose address stands in ``_config.yml`` and nowhere else.

```{commands}
git clone {repository}
```
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective


def repository(config: Config) -> str:
    """Address of the sources, as ``_config.yml`` has it."""
    return str(config.html_theme_options["repository_url"])


def with_address(lines: list[str], config: Config) -> str:
    """Lines in which the address stands for its name."""
    return "\n".join(lines).replace("{repository}", repository(config))


class Commands(SphinxDirective):
    """A block of shell commands."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = with_address(list(self.content), self.config)
        return [nodes.literal_block(text, text, language="sh")]


def setup(app: Sphinx) -> None:
    """Make it known to Sphinx."""
    app.add_directive("commands", Commands)
