"""Top lists as texts in Redis."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.domain.cursors import Place, microseconds, moment_of


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


def parse_end(text: str) -> ListEnd:
    """Return the end that this text describes."""
    total, *place = text.split(" ")
    if not place:
        return ListEnd(int(total))
    score, since, player = place
    return ListEnd(int(total), Place(int(score), moment_of(int(since)), UUID(player)))


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


def parse_shown(text: str) -> ShownTop:
    """Return the list that this text is."""
    head, rows = text.split("\n", 1)
    second, version, end = head.split(" ", 2)
    return ShownTop(int(second), int(version), rows, parse_end(end))
