"""Text for GitHub as text for the site: links and the indentation of lists. Pure; paths are those in the repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

MIRRORED = {
    "CONTRIBUTING.md": "explanation/contributing.md",
    "CHANGELOG.md": "explanation/changelog.md",
    "clients/js/README.md": "reference/browser-client.md",
    "clients/python/README.md": "reference/python-client.md",
}
"""Pages outside docs/ that the site has too, with their place in it."""

_PLACES = MIRRORED | {"README.md": "index.md"}
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_ITEM = re.compile(r"(\d+\.|-) +")


def relocate(markdown: str, source: str, place: str) -> str:
    """Return the text of a source with its links as they are at a place in the site.

    A link to a file that the site lacks becomes its text.
    """

    def replace(link: re.Match[str]) -> str:
        text, target = link.groups()
        if re.match(r"[a-z]+:", target):
            return link[0]
        path, _, anchor = target.partition("#")
        site_path = _site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)) if path else source)
        if site_path is None:
            return text
        relative = "" if site_path == place else posixpath.relpath(site_path, posixpath.dirname(place) or ".")
        return f"[{text}]({relative}{'#' + anchor if anchor else ''})"

    return "\n".join(line if is_code else _LINK.sub(replace, line) for line, is_code in _lines(markdown))


def _site_path(path: str) -> str | None:
    """Return the place in the site of a path in the repository, `None` without one."""
    if path in _PLACES:
        return _PLACES[path]
    in_docs = path.startswith("docs/") and posixpath.splitext(path)[1]
    return path.removeprefix("docs/") if in_docs else None


def indent_lists(markdown: str) -> str:
    """Return the text with lists after an empty line, and everything that belongs to an item indented by four columns.

    GitHub needs neither.
    """
    lines: list[str] = []
    width = 0  # of the marker of the list's newest item, 0 outside lists
    has_parts = False  # the newest item has more than a paragraph
    for line, is_code in _lines(markdown):
        item = None if is_code else _ITEM.match(line)
        if item:
            if lines and lines[-1] and (has_parts or not width):
                lines.append("")
            width, has_parts = len(item[0]), False
        elif line and not line.startswith(" " * width):
            width = 0
        has_parts |= not line
        lines.append(f"    {line[width:]}" if width and line and not item else line)
    return "\n".join(lines)


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is in a fenced block."""
    is_code = False
    for line in markdown.split("\n"):
        is_fence = line.lstrip().startswith("```")
        yield line, is_code or is_fence
        is_code ^= is_fence
