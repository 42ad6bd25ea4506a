"""If-None-Match by RFC 9110, section 13.1.2: one reading of it for every response that has an ETag.

nginx compares in the same way, so a client gets the same answer from its cache, from a process's own memory and
from a view. A list is split at its commas: none of our tags contains a comma or a quotation mark, so a part equals
one of ours only where the list names it.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r'(W/)?"[^"]*"')


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Return whether the client has the entity with this tag, given without quotation marks and without `W/`.

    Tags are compared weakly. `*` is any entity. Parts that are no quoted tag are ignored.
    """
    if not if_none_match:
        return False
    quoted = f'"{tag}"'
    if quoted not in if_none_match:
        return if_none_match.strip(" \t") == "*"
    return any(part.strip(" \t").removeprefix("W/") == quoted for part in if_none_match.split(","))


def quoted_tags(if_none_match: str) -> str:
    """Return the header's quoted tags, or `*`, without all other parts."""
    if if_none_match.strip(" \t") == "*":
        return "*"
    parts = (part.strip(" \t") for part in if_none_match.split(","))
    return ", ".join(part for part in parts if _QUOTED.fullmatch(part))
