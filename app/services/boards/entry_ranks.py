"""The ranks of standings that were read from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.stores.boards.board_rows import BoardEntry
from app.stores.boards.rankings import Places, RankingStore
from app.stores.boards.standings import StandingStore


@dataclass(frozen=True, slots=True)
class Ranked:
    """Standings with their ranks, all ranks by score, and how many players are ranked, None where that was not read."""

    standings: list[Standing]
    ranks: dict[int, int]
    total: int | None


class EntryRanks:
    """Ranks come from the sorted sets, or from the database while these aren't complete."""

    def __init__(self, standings: StandingStore, rankings: RankingStore) -> None:
        self._standings, self._rankings = standings, rankings

    def ranked(
        self, season: Season, entries: Sequence[BoardEntry], segment: Segment | None = None, scores: Sequence[int] = ()
    ) -> Ranked:
        """Return the standings of entries with their ranks, on the board or in a segment that has all of them.

        `scores`: further ones whose ranks are wanted.
        """
        wanted = sorted({*_scores(entries), *scores})
        places = self.places(season, entries, wanted)
        ranks, total = places.ranks, places.total
        if segment is not None:
            counts = self._rankings.orders.counts(season, segment, wanted)
            ranks, total = (counts.ranks, counts.total) if counts else (None, 0)
        if ranks is None:
            ranks = self._count(season, wanted, segment)
            return Ranked(self.add(season, entries, ranks), ranks, None)
        return Ranked(self.add(season, entries, ranks), ranks, total)

    def places(self, season: Season, entries: Sequence[BoardEntry], scores: Sequence[int] | None = None) -> Places:
        """Return the places of entries, after copying newer ones to Redis: no reader sees an entry ahead of Redis.

        `scores`: those to rank, by default those of the entries.
        """
        wanted = _scores(entries) if scores is None else scores
        places = self._rankings.places(season, [entry.standing.user_id for entry in entries], wanted)
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
    ) -> list[Standing]:
        """Return the standings of entries with these ranks by score; None: count them in the database."""
        if ranks is None:
            ranks = self._count(season, _scores(entries), None)
        return [
            replace(entry.standing, rank=ranks[entry.standing.score] - _counts_itself(season, entry))
            if entry.is_listed
            else entry.standing
            for entry in entries
        ]

    def _count(self, season: Season, scores: Sequence[int], segment: Segment | None) -> dict[int, int]:
        if segment is None:
            return self._standings.ranks(season, scores)
        return {score: self._standings.rank(season, score, segment=segment) for score in scores}


def _scores(entries: Sequence[BoardEntry]) -> list[int]:
    return sorted({entry.standing.score for entry in entries if entry.is_listed})


def _counts_itself(season: Season, entry: BoardEntry) -> bool:
    """Return whether the player's public score is better than the score that only the player sees."""
    return entry.score is not None and entry.score > season.stored(entry.standing.score)
