"""The texts and numbers of a board in Redis. A text of another program counts as absent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from app.domain.cursors import Place, microseconds, moment_of
from app.stores.unavailability import RedisRefuses

_COUNT = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class ListEnd:
    """How many players are ranked, and the last place on a list, None if no player is ranked below the list."""

    total: int
    last: Place | None = None

    def __str__(self) -> str:
        place = self.last
        return (
            f"{self.total} {place.score} {microseconds(place.achieved_at)} {place.player}" if place else f"{self.total}"
        )


@dataclass(frozen=True, slots=True)
class CachedTop:
    """A top list as text. `changes` is the board's change count when it was read, `built_ms` the time of the read.

    `end` is None for a list that an older server has cached.
    """

    version: int
    changes: int
    built_ms: int
    rows: str
    end: ListEnd | None = None


@dataclass(frozen=True, slots=True)
class ShownTop:
    """The list that every HTTP reader gets until the end of `second`, in Unix time."""

    second: int
    version: int
    rows: str
    end: ListEnd


def _is_count(text: str | None) -> bool:
    return text is None or bool(_COUNT.fullmatch(text))


def parse_count(text: str | None) -> int:
    """Return a count of changes. Raises one of UNAVAILABLE for text of another program, until the repair deletes it."""
    if not _is_count(text):
        raise RedisRefuses("a count of changes is no number")
    return int(text or 0)


def _parse_end(text: str) -> ListEnd | None:
    """Return the end that this text describes; None for a text of another program."""
    total, *place = text.split(" ")
    if not _COUNT.fullmatch(total):
        return None
    if not place:
        return ListEnd(int(total))
    if len(place) != 3 or not all(_NUMBER.fullmatch(number) for number in place[:2]):
        return None
    try:
        return ListEnd(int(total), Place(int(place[0]), moment_of(int(place[1])), UUID(place[2])))
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _parse_list(text: str | None, numbers: int) -> tuple[tuple[int, ...], str, str] | None:
    """Return the numbers in the first line, the rest of that line, and the rows below.

    None for no text, or one of another program. Most reads of a list find the text of the last one,
    whose rows need no second check.
    """
    head, _, rows = (text or "").partition("\n")
    words = head.split(" ", numbers)
    if len(words) < numbers or not all(_COUNT.fullmatch(word) for word in words[:numbers]):
        return None
    try:
        is_list = isinstance(json.loads(rows), list)
    except (ValueError, RecursionError):
        return None
    return (tuple(map(int, words[:numbers])), "".join(words[numbers:]), rows) if is_list else None


def parse_shown(text: str | None) -> ShownTop | None:
    """Return the list that is shown; None for no text, or one of another program."""
    parts = _parse_list(text, 2)
    end = parts and _parse_end(parts[1])
    if not parts or not end:
        return None
    (second, version), _, rows = parts
    return ShownTop(second, version, rows, end)


def parse_top(text: str | None, end_text: str | None = None) -> CachedTop | None:
    """Return the cached list, with its end if that text is of the same version; None for no text, or a foreign one."""
    parts = _parse_list(text, 3)
    if parts is None or parts[1]:
        return None
    (version, changes, built_ms), _, rows = parts
    end_version, _, end = (end_text or "").partition(" ")
    return CachedTop(version, changes, built_ms, rows, _parse_end(end) if end_version == str(version) else None)


def change_number(text: str | None) -> int | None:
    """Return a player's change number; None for none, or a text of another program, which counts as none."""
    return int(text) if text and _is_count(text) else None
