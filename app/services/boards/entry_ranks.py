"""The ranks of standings that were read from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.stores.boards.board_rows import BoardEntry
from app.stores.boards.rankings import Places, RankingStore
from app.stores.boards.standings import StandingStore


class EntryRanks:
    """Ranks come from the sorted sets, or from the database while these aren't complete."""

    def __init__(self, standings: StandingStore, rankings: RankingStore) -> None:
        self._standings, self._rankings = standings, rankings

    def ranked(self, season: Season, entries: Sequence[BoardEntry], segment: Segment | None = None) -> list[Standing]:
        """Return the standings of entries with their ranks, on the board or in a segment that has all of them."""
        places = self.places(season, entries)
        if segment is None:
            return self.add(season, entries, places.ranks)
        counts = self._rankings.orders.counts(season, segment, _scores(entries))
        return self.add(season, entries, counts.ranks if counts else None, segment)

    def places(self, season: Season, entries: Sequence[BoardEntry]) -> Places:
        """Return the places of entries, after copying newer ones to Redis: no reader sees an entry ahead of Redis."""
        places = self._rankings.places(season, [entry.standing.user_id for entry in entries], _scores(entries))
        self.copy_newer(season, entries, places)
        return places

    def copy_newer(self, season: Season, entries: Sequence[BoardEntry], places: Places) -> None:
        """Copy entries to Redis that are newer than the change numbers of `places`."""
        if places.ranks is None:
            return
        newer = [
            (str(entry.standing.user_id), entry.score, entry.change)
            for entry, change in zip(entries, places.changes, strict=True)
            if entry.change > (change or 0)
        ]
        if newer:
            self._rankings.apply(season, newer)

    def add(
        self,
        season: Season,
        entries: Sequence[BoardEntry],
        ranks: dict[int, int] | None,
        segment: Segment | None = None,
    ) -> list[Standing]:
        """Return the standings of entries with these ranks by score; None: count them in the database."""
        if ranks is None:
            ranks = self._count(season, _scores(entries), segment)
        return [
            replace(entry.standing, rank=ranks[entry.standing.score] - _counts_itself(season, entry))
            if entry.is_listed
            else entry.standing
            for entry in entries
        ]

    def rank(self, season: Season, score: int, segment: Segment | None = None) -> int:
        """Return the rank that a score would have."""
        if segment is None:
            ranks = self._rankings.ranks(season, [score])
        else:
            counts = self._rankings.orders.counts(season, segment, [score])
            ranks = [counts.ranks[score]] if counts else None
        return ranks[0] if ranks else self._count(season, [score], segment)[score]

    def _count(self, season: Season, scores: Sequence[int], segment: Segment | None) -> dict[int, int]:
        if segment is None:
            return self._standings.ranks(season, scores)
        return {score: self._standings.rank(season, score, segment=segment) for score in scores}


def _scores(entries: Sequence[BoardEntry]) -> list[int]:
    return sorted({entry.standing.score for entry in entries if entry.is_listed})


def _counts_itself(season: Season, entry: BoardEntry) -> bool:
    """Return whether the player's public score is better than the score that only the player sees."""
    return entry.score is not None and entry.score > season.stored(entry.standing.score)
