"""Keeping Redis and the subscribers on the board that the database has. Everything here may run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from app.domain.boards import TOP, Season
from app.services.broadcasts import Broadcasts, Change
from app.services.standings import Standings
from app.stores.catalog import CatalogStore
from app.stores.rankings import RankingStore
from app.stores.standings import StandingStore

Progress = Callable[[int], None]
_MENDED = 1000  # players at a time


class Refresh:
    """Events are hints that may come twice, late or in any order: what they point at is read fresh."""

    def __init__(
        self,
        catalog: CatalogStore,
        standings: StandingStore,
        rankings: RankingStore,
        reads: Standings,
        broadcasts: Broadcasts,
    ) -> None:
        self._catalog, self._standings, self._rankings = catalog, standings, rankings
        self._reads, self._broadcasts = reads, broadcasts

    def changed(
        self,
        season_id: int,
        players: Sequence[UUID],
        events: Sequence[int],
        request_ids: Sequence[str] = (),
        committed_at: float | None = None,
    ) -> int:
        """Bring these players' standings, then tell every subscriber. The board's version; 0 if another one tells it.

        `request_ids` and `committed_at` (Unix seconds) go on to the pushing processes.
        """
        season = self._catalog.season(season_id)
        if season is None:
            return 0
        if not self._repaired(season):
            self._bring(season, players)
        self._rankings.note_change(season)
        return self._broadcasts.announce(season, Change(events, request_ids, committed_at))

    def repair(self) -> list[str]:
        """Rebuild the boards whose sorted set may lack something, as after a failover of Redis; their names."""
        rebuilt = []
        for season in self._catalog.open_seasons():
            if self._repaired(season):
                self._rankings.note_change(season)
                self._broadcasts.announce(season, Change())
                rebuilt.append(season.board)
        self._rankings.note_repair()
        return rebuilt

    def rebuild(self, season: Season, progress: Progress = lambda done: None) -> int:
        """Bring every standing, take off what the database doesn't have, cache the top; how many standings.

        Redemptions go on meanwhile: what is newer in Redis is left alone.
        """
        rebuild = self._rankings.begin_rebuild(season)
        # What a failover may have lost comes first, so that a large board isn't wrong until the end of this.
        self._bring(season, self._standings.lately(season))
        known: set[str] = set()
        for members in self._standings.members(season):
            self._rankings.rebuilding(season)
            self._rankings.apply(season, _texts(members))
            known.update(str(player) for player, score, _ in members if score is not None)
            progress(len(known))
        strangers = [player for player, _ in self._rankings.members(season) if player not in known]
        if strangers:
            self._drop(season, strangers)
        self._rankings.mark_ready(season, rebuild)
        self._reads.build(season)
        return len(known)

    def verify(self, season: Season, progress: Progress = lambda done: None) -> list[dict[str, Any]]:
        """What Redis has otherwise than the database: `{"what", "player" or "row", "redis", "database"}` each.

        While players redeem, a score may be on its way; what still differs at a second look is a difference.
        """
        if not self._rankings.ready(season):
            return [{"what": "sorted set", "player": None, "redis": "not complete", "database": "present"}]
        suspects, seen = self._differing(season, progress)
        differences = self._compare(season, suspects)
        extra = {player: score for player, score in self._rankings.members(season) if player not in seen}
        differences += self._compare(season, _ids(extra))
        differences += [
            {"what": "score", "player": player, "redis": score, "database": None}
            for player, score in extra.items()
            if not _is_id(player)
        ]
        return differences + self._compare_top(season)

    def verify_settled(
        self, season: Season, progress: Progress = lambda done: None, pause: float = 1.0
    ) -> list[dict[str, Any]]:
        """As `verify`; what differs is looked at again after `pause` seconds, since a change may be on its way."""
        first = self.verify(season, progress)
        if not first:
            return []
        time.sleep(pause)
        places = [_place(item) for item in first]
        return [item for item in self.verify(season, progress) if _place(item) in places]

    def _repaired(self, season: Season) -> bool:
        """Rebuild the board if it needs that and nobody is at it."""
        if self._rankings.ready(season) or not self._rankings.may_rebuild(season):
            return False
        try:
            self.rebuild(season)
        finally:
            self._rankings.rebuilt(season)
        return True

    def _bring(self, season: Season, players: Sequence[UUID]) -> None:
        for members in self._standings.members(season, players):
            self._rankings.apply(season, _texts(members))

    def mend(self, season: Season, differences: Sequence[dict[str, Any]]) -> None:
        """Put right what `verify` found. Redemptions go on meanwhile: what is newer in Redis is left alone."""
        players = [item["player"] for item in differences if item["what"] == "score"]
        if any(item["what"] == "sorted set" for item in differences):
            self.rebuild(season)
        for start in range(0, len(players), _MENDED):
            self._mend(season, players[start : start + _MENDED])
        if any(item["what"] == "cached top" for item in differences):
            self._rankings.drop_top(season, TOP)
        self._rankings.note_change(season)
        self._broadcasts.announce(season, Change())

    def _mend(self, season: Season, players: Sequence[str]) -> None:
        ids = _ids(players)
        seen = dict(zip(ids, self._rankings.changes_of(season, ids), strict=True))  # before the database is read
        there: set[str] = set()
        for members in self._standings.members(season, ids):
            self._rankings.mend(season, [(str(one), seen[one], score, change) for one, score, change in members])
            there.update(str(player) for player, _, _ in members)
        self._rankings.forget(season, [player for player in players if player not in there])

    def _differing(self, season: Season, progress: Progress) -> tuple[list[UUID], set[str]]:
        suspects: list[UUID] = []
        seen: set[str] = set()
        for members in self._standings.members(season):
            found = self._rankings.scores_of(season, [player for player, _, _ in members])
            suspects += [player for (player, score, _), redis in zip(members, found, strict=True) if score != redis]
            seen.update(str(player) for player, _, _ in members)
            progress(len(seen))
        return suspects, seen

    def _compare(self, season: Season, players: Sequence[UUID]) -> list[dict[str, Any]]:
        if not players:
            return []
        database = {player: score for chunk in self._standings.members(season, players) for player, score, _ in chunk}
        redis = self._rankings.scores_of(season, players)
        return [
            {"what": "score", "player": str(player), "redis": score, "database": database.get(player)}
            for player, score in zip(players, redis, strict=True)
            if score != database.get(player)
        ]

    def _compare_top(self, season: Season) -> list[dict[str, Any]]:
        cached, changes = self._rankings.top(season, TOP)
        if cached is None or cached.changes != changes:
            return []  # nothing cached, or known to be out of date: the next reader rebuilds it
        rows: list[dict[str, Any] | None] = json.loads(cached.rows)
        truth: list[dict[str, Any] | None] = [standing.as_row() for standing in self._standings.top(season, TOP)]
        if rows == truth or self._rankings.changes(season) != changes:
            return []
        length = max(len(rows), len(truth))
        rows, truth = rows + [None] * (length - len(rows)), truth + [None] * (length - len(truth))
        return [
            {"what": "cached top", "row": place, "redis": one, "database": other}
            for place, (one, other) in enumerate(zip(rows, truth, strict=True), 1)
            if one != other
        ]

    def _drop(self, season: Season, players: Sequence[str]) -> None:
        """Take players off unless the database has them by now."""
        there: set[str] = set()
        for members in self._standings.members(season, _ids(players)):
            self._rankings.apply(season, _texts(members))
            there.update(str(player) for player, _, _ in members)
        self._rankings.forget(season, [player for player in players if player not in there])


def _is_id(member: str) -> bool:
    """Whether we can have written this member: anything else in the sorted set is nobody's."""
    try:
        return str(UUID(member)) == member
    except ValueError:
        return False


def _ids(members: Iterable[str]) -> list[UUID]:
    return [UUID(member) for member in members if _is_id(member)]


def _place(difference: dict[str, Any]) -> tuple[Any, ...]:
    return difference["what"], difference.get("player"), difference.get("row")


def _texts(members: Iterable[tuple[UUID, int | None, int]]) -> list[tuple[str, int | None, int]]:
    return [(str(player), score, change) for player, score, change in members]
