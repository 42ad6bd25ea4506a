"""The texts and numbers of a board in Redis. A text of another program counts as absent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from app.stores.unavailability import RedisRefuses

_COUNT = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class CachedTop:
    """A top list as text. `changes` is the board's change count when it was read, `built_ms` the time of the read."""

    version: int
    changes: int
    built_ms: int
    rows: str


@dataclass(frozen=True, slots=True)
class ShownTop:
    """The list that every HTTP reader gets until the end of `second`, in Unix time."""

    second: int
    version: int
    rows: str


def _is_count(text: str | None) -> bool:
    return text is None or bool(_COUNT.fullmatch(text))


def parse_count(text: str | None) -> int:
    """Return a count of changes. Raises one of UNAVAILABLE for text of another program, until the repair deletes it."""
    if not _is_count(text):
        raise RedisRefuses("a count of changes is no number")
    return int(text or 0)


@lru_cache(maxsize=64)
def _parse_list(text: str | None, numbers: int) -> tuple[tuple[int, ...], str] | None:
    """Return the numbers in the first line and the rows below; None for no text, or one of another program.

    Most reads of a list find the text of the last one, whose rows need no second check.
    """
    head, _, rows = (text or "").partition("\n")
    words = head.split(" ")
    if len(words) != numbers or not all(_is_count(word) for word in words):
        return None
    try:
        is_list = isinstance(json.loads(rows), list)
    except (ValueError, RecursionError):
        return None
    return (tuple(map(int, words)), rows) if is_list else None


def parse_shown(text: str | None) -> ShownTop | None:
    """Return the list that is shown; None for no text, or one of another program."""
    parts = _parse_list(text, 2)
    if parts is None:
        return None
    (second, version), rows = parts
    return ShownTop(second, version, rows)


def parse_top(text: str | None) -> CachedTop | None:
    """Return the cached list; None for no text, or one of another program."""
    parts = _parse_list(text, 3)
    if parts is None:
        return None
    (version, changes, built_ms), rows = parts
    return CachedTop(version, changes, built_ms, rows)


def change_number(text: str | None) -> int | None:
    """Return a player's change number; None for none, or a text of another program, which counts as none."""
    return int(text) if text and _is_count(text) else None
