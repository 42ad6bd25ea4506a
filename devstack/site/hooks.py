"""The hooks of MkDocs (mkdocs.yml): pages made from the code, and pages of other folders of the repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from devstack.site import command_page, error_page, metric_page
from devstack.site.links import MIRRORED, indent_lists, relocate
from devstack.site.websocket_page import websocket_page

ROOT = Path(__file__).resolve().parents[2]
GENERATED: dict[str, Callable[[], str]] = {
    "reference/commands.md": command_page.page,
    "reference/errors.md": error_page.page,
    "reference/metrics.md": metric_page.page,
    "reference/websocket.md": lambda: websocket_page((ROOT / "docs/api.md").read_text()),
}
"""The pages made from the code, by their place in the site."""

_SOURCES = {target: source for source, target in MIRRORED.items()} | {"reference/websocket.md": "docs/api.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for source, target in MIRRORED.items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text()))
    for target, make in GENERATED.items():
        files.append(File.generated(config, target, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page's text with links that lead somewhere in the site, and with lists as Python-Markdown reads them."""
    place = page.file.src_uri
    return indent_lists(relocate(markdown, _SOURCES.get(place, f"docs/{place}"), place))
