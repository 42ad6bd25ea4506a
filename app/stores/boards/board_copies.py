"""Copies of standings of several boards, from the database to Redis, in as few round trips as there are nodes."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.boards import Season
from app.stores.boards.orders import MirroredStanding
from app.stores.boards.rankings import RankingStore
from app.stores.redis.client import Call, Scripts
from app.stores.unavailability import RedisRefuses

SeasonMembers = tuple[Season, Sequence[MirroredStanding]]


class BoardCopies:
    """Writes standings to the boards and their orders, and notes a change of each board."""

    def __init__(self, rankings: RankingStore, scripts: Scripts) -> None:
        self._rankings, self._scripts = rankings, scripts

    def copy(self, boards: Sequence[SeasonMembers]) -> None:
        """Copy these standings, except those that are older than Redis's. Raises one of UNAVAILABLE."""
        calls = [(season, call) for season, members in boards for call in self._calls(season, members)]
        try:
            answers = self._scripts.run_together([call for _, call in calls])
        except RedisRefuses:  # perhaps one key of one board; copying twice does no harm
            for season, members in boards:
                self._copy_alone(season, members)
            return
        for season in {season for (season, _), answer in zip(calls, answers, strict=True) if answer is None}:
            self._rankings.orders.clear(season)

    def _calls(self, season: Season, members: Sequence[MirroredStanding]) -> list[Call]:
        apply_calls = self._rankings.apply_calls(season, (member.ranked for member in members))
        return [
            *apply_calls,
            *self._rankings.orders.arrange_calls(season, members),
            self._rankings.change_call(season),
        ]

    def _copy_alone(self, season: Season, members: Sequence[MirroredStanding]) -> None:
        self._rankings.apply(season, (member.ranked for member in members))
        self._rankings.orders.arrange(season, members)
        self._rankings.note_change(season)
