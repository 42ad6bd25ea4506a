"""The order of a board in Redis: a sorted set of its players in the board's exact order, and one for each segment.

A sorted set sorts equal scores by their members. So here a member is the time at which the score was reached and the
player, and the score is negated: the best player is the first. Thus Redis finds any place, and the place of any player,
without counting. The refresh of a board writes it, a moment after a change; `arranged` has each player's entry.

It can be thrown away, and is rebuilt with the board. Like the board it has marks (see is_complete.lua), and is only
read while they say that it is complete. With a value of another program it counts as lost, and is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import Season
from app.domain.cursors import Place, microseconds, moment_of
from app.stores.boards.board_keys import board_key
from app.stores.redis.client import Call, Client, Scripts
from app.stores.redis.connection import RedisValue, Reply, raw
from app.stores.unavailability import WrongType

_CHUNK = 500
_TIME_DIGITS = 16
_AFTER_ALL = "~"
"""Behind a member: the place after it, since no member has this character."""


class MirroredStanding(NamedTuple):
    """A standing as Redis should have it: `score` as it is stored, None when it is off the board.

    `segments`: those of its board that it belongs to.
    """

    player: UUID
    score: int | None
    change: int
    achieved_at: datetime | None = None
    segments: Sequence[str] = ()

    @property
    def ranked(self) -> tuple[str, int | None, int]:
        """Return the entry of the sorted set: player, score and change number."""
        return str(self.player), self.score, self.change

    @property
    def entry(self) -> str:
        """Return the entry of the order; see arrange.lua."""
        if self.score is None or self.achieved_at is None:
            return str(self.change)
        return "\n".join([f"{self.change} {_time(self.achieved_at)}", *self.segments])


@dataclass(frozen=True, slots=True)
class Span:
    """The places around one: `above` ends before it, `below` begins with it, each from the top. `place` is 1-based."""

    total: int
    place: int
    above: list[Place]
    below: list[Place]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many players are ranked, and the rank of each score, as players see it."""

    total: int
    ranks: dict[int, int]


def order_keys(season: Season) -> list[str]:
    """Return the keys of a board's order, of the entries, and of the names of segments."""
    return [board_key(name, season) for name in ("order", "arranged", "segments")]


class OrderStore:
    """Writes and reads orders. `segment` None stands for the whole board."""

    def __init__(self, client: Client, scripts: Scripts) -> None:
        self._client, self._scripts = client, scripts

    def arrange(
        self, season: Season, members: Iterable[MirroredStanding], earlier: Sequence[str | None] | None = None
    ) -> None:
        """Put players at their places, except those whose entry is newer than this one.

        `earlier`: the entries that Redis had before the database was read; such an entry is replaced in any case.
        """
        for call in self.arrange_calls(season, members, earlier):
            self._run(season, *call)

    @staticmethod
    def arrange_calls(
        season: Season, members: Iterable[MirroredStanding], earlier: Sequence[str | None] | None = None
    ) -> list[Call]:
        """Return the script calls of `arrange`; after an answer of None the order has to be cleared."""
        rows = list(members)
        seen = earlier or [None] * len(rows)
        flat: list[RedisValue] = []
        for member, entry in zip(rows, seen, strict=True):
            flat += str(member.player), raw(entry or ""), -(member.score or 0), member.entry
        starts = range(0, len(flat), 4 * _CHUNK)
        return [("arrange", order_keys(season), flat[start : start + 4 * _CHUNK]) for start in starts]

    def arrange_differing(self, season: Season, members: Sequence[MirroredStanding]) -> None:
        """Put those players at their places whose entry differs."""
        entries = self.entries(season, [member.player for member in members])
        self.arrange(season, [member for member, entry in zip(members, entries, strict=True) if member.entry != entry])

    def remove(self, season: Season, players: Sequence[str]) -> None:
        """Remove players from the order."""
        for start in range(0, len(players), _CHUNK):
            batch = [raw(player) for player in players[start : start + _CHUNK]]
            self._run(season, "unarrange", order_keys(season), batch)

    def clear(self, season: Season) -> None:
        """Delete the order of a board and of its segments."""
        keys = order_keys(season)
        try:
            segments = self._client.smembers(keys[2])
        except WrongType:
            segments = set()
        self._client.unlink(*keys, *(raw(f"{keys[0]}:{segment}") for segment in segments))

    def entries(self, season: Season, players: Sequence[UUID]) -> list[str | None]:
        """Return the entries of these players, None for a missing one."""
        if not players:
            return []
        entries: list[str | None] = self._client.hmget(order_keys(season)[1], [str(player) for player in players])
        return entries

    def near(self, season: Season, segment: Segment | None, place: Place | int, above: int, below: int) -> Span | None:
        """Return the places on both sides of a place, which is given by its number or need not be taken.

        None while the order is incomplete.
        """
        where: list[RedisValue] = [place] if isinstance(place, int) else [-place.score, _member(place)]
        return self._read_span(season, segment, where, above, below)

    def after(self, season: Season, segment: Segment | None, place: Place, count: int) -> Span | None:
        """Return the places after one, which need not be taken any more; None while the order is incomplete."""
        return self._read_span(season, segment, [-place.score, _member(place) + _AFTER_ALL], 0, count)

    def counts(self, season: Season, segment: Segment | None, scores: Sequence[int]) -> Counts | None:
        """Return the number of players, and the ranks of scores; None while the order is incomplete."""
        negated = [-season.stored(score) for score in scores]
        answer = self._run(season, "counts", _keys(season, segment), negated)
        return Counts(answer[0], dict(zip(scores, answer[1:], strict=True))) if answer else None

    def _read_span(
        self, season: Season, segment: Segment | None, where: Sequence[RedisValue], above: int, below: int
    ) -> Span | None:
        answer = self._run(season, "near", _keys(season, segment), [above, below, *where])
        if not answer:
            return None
        total, before, members_above, members_below = answer
        try:
            return Span(total, before + 1, _places(members_above), _places(members_below))
        except ValueError:
            self.clear(season)
            return None

    def _run(self, season: Season, script: str, keys: Sequence[str], arguments: Sequence[RedisValue]) -> Reply:
        """Return the script's answer; None after deleting an order that has values of another program."""
        try:
            answer = self._scripts.run(script, keys, arguments)
        except WrongType:
            answer = None
        if answer is None:
            self.clear(season)
        return answer


def _keys(season: Season, segment: Segment | None) -> list[str]:
    order, arranged, segments = order_keys(season)
    return [order, arranged, order if segment is None else f"{order}:{segment}", segments]


def _time(moment: datetime) -> str:
    return f"{microseconds(moment):0{_TIME_DIGITS}}"


def _member(place: Place) -> str:
    """Return the member at a place; a time before 1970, as of a place ahead of all players, is the beginning."""
    return f"{max(0, microseconds(place.achieved_at)):0{_TIME_DIGITS}}{place.player}"


def _places(answer: Sequence[str]) -> list[Place]:
    return [
        Place(-int(score), moment_of(int(member[:_TIME_DIGITS])), UUID(member[_TIME_DIGITS:]))
        for member, score in zip(answer[::2], answer[1::2], strict=True)
    ]
