"""Numbers of things, in words."""

from __future__ import annotations


def quantity(count: int, noun: str, plural: str | None = None) -> str:
    """Return the number with its noun, as `1 case` or `2,000 cases`; `plural` is by default the noun with an s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"
