"""What needs the address at which the site stands: a map of it, its cards and its lost pages.

The address is ``html: baseurl`` in ``_config.yml``, and nowhere else. The pages themselves do not
need it: their links are relative.
"""

from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from sphinx.application import Sphinx
from sphinx.config import Config

LOST = """\
<h1>Page not found</h1>
<p>There is no page at this address. <a href="{place}index.html">The front page</a> has a map of the
book, <a href="{place}search.html">the search</a> knows every page, and the sidebar lists them.</p>
"""
SCHEME = "http://www.sitemaps.org/schemas/sitemap/0.9"


def tell(app: Sphinx, config: Config) -> None:
    """Tell the extensions that make the cards and the page for lost readers."""
    config.ogp_site_url = config.html_baseurl
    place = urlsplit(config.html_baseurl).path
    config.notfound_urls_prefix = place
    config.notfound_context = {"title": "Page not found", "body": LOST.format(place=place)}


def write_map(app: Sphinx, exception: Exception | None) -> None:
    """Write sitemap.xml."""
    if exception or app.builder.format != "html":
        return
    site = ElementTree.Element("urlset", xmlns=SCHEME)
    for page in sorted(app.env.found_docs):
        place = ElementTree.SubElement(ElementTree.SubElement(site, "url"), "loc")
        place.text = app.config.html_baseurl + app.builder.get_target_uri(page)
    ElementTree.indent(site)
    path = Path(app.outdir) / "sitemap.xml"
    ElementTree.ElementTree(site).write(path, encoding="utf-8", xml_declaration=True)


def setup(app: Sphinx) -> None:
    """Act before the other extensions read their settings, and at the end."""
    app.connect("config-inited", tell, priority=100)
    app.connect("build-finished", write_map)
