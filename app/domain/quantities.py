"""Numbers of things, in words."""

from __future__ import annotations


def quantity(count: int, noun: str) -> str:
    """Return the number with its noun, as `1 case` or `2,000 cases`; `noun` is a singular whose plural ends in s."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
