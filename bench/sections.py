"""Sections of a page that other benchmarks write, between `<!-- name: begin -->` and `<!-- name: end -->`."""

from __future__ import annotations

import re
from pathlib import Path

_ANY = re.compile(r"<!-- (?P<name>[\w-]+): begin -->.*?<!-- (?P=name): end -->", re.DOTALL)


def put(page: Path, name: str, text: str) -> None:
    """Replace the section of this name, or add it at the end."""
    before = page.read_text()
    section = f"<!-- {name}: begin -->\n{text.strip()}\n<!-- {name}: end -->"
    places = {match["name"]: match.span() for match in _ANY.finditer(before)}
    if name in places:
        begin, end = places[name]
        page.write_text(before[:begin] + section + before[end:])
    else:
        page.write_text(f"{before.rstrip()}\n\n{section}\n")


def carry_over(old: str, new: str) -> str:
    """Return a page that is written anew, with the sections of the old page at its end."""
    sections = [match[0] for match in _ANY.finditer(old) if match[0] not in new]
    return "\n\n".join([new.rstrip(), *sections]) + "\n"
