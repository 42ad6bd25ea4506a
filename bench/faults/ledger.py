"""The boards as the ledger gives them: the events are folded by the reference fold, without the product's stores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from app.domain.boards import TOP
from app.domain.scoring import Order, Score, ScoreEvent, Scoring, fold_board, ranked

Rows = Callable[..., list[tuple[Any, ...]]]

_EVENTS = "SELECT id, kind, action_id, points, created_at, player_id, action_type_id FROM score_events"
_FEEDS = "SELECT t.id, b.slug FROM action_types t JOIN boards b ON b.id = t.board_id OR b.id = ANY(t.more_boards)"
_SEASONS = """
    SELECT n.id, b.slug, n.number, b.scoring, b.sort_order, CASE WHEN NOT n.over_past THEN n.starts_at END, n.ends_at,
           n.starts_at <= clock_timestamp()
    FROM seasons n JOIN boards b ON b.id = n.board_id ORDER BY b.id, n.number
"""
_STANDINGS = "SELECT season_id, player_id, score, achieved_at FROM standings WHERE listed"


@dataclass(frozen=True, slots=True)
class LedgerSeason:
    """A season with its rules. `starts_at` is None if it has the whole past, `ends_at` if it is endless."""

    id: int
    board: str
    number: int
    scoring: Scoring
    order: Order
    starts_at: datetime | None
    ends_at: datetime | None
    has_begun: bool

    def has(self, moment: datetime) -> bool:
        """Return whether an event of this time lies in the season."""
        is_early = self.starts_at is not None and moment < self.starts_at
        return not is_early and (self.ends_at is None or moment < self.ends_at)


class Ledger:
    """One reading of the ledger, the seasons and the standings: `rows` runs one query each."""

    def __init__(self, rows: Rows) -> None:
        self._standings = rows(_STANDINGS)
        self.seasons = [LedgerSeason(*row) for row in rows(_SEASONS)]
        feeds: dict[int, list[str]] = defaultdict(list)
        for action_type, board in rows(_FEEDS):
            feeds[action_type].append(board)
        self._events = [(ScoreEvent(*row[:5]), row[5], feeds[row[6]]) for row in rows(_EVENTS)]

    def seasons_of(self, event: ScoreEvent, board: str) -> list[LedgerSeason]:
        """Return the seasons of a board in which an event lies; it should be one."""
        return [season for season in self._seasons_by_board[board] if season.has(event.created_at)]

    @cached_property
    def _seasons_by_board(self) -> Mapping[str, list[LedgerSeason]]:
        seasons: dict[str, list[LedgerSeason]] = defaultdict(list)
        for season in self.seasons:
            seasons[season.board].append(season)
        return seasons

    @cached_property
    def seasons_by_action(self) -> Mapping[str, dict[str, list[int]]]:
        """Return the numbers of the seasons in which each action lies, by the boards that it feeds."""
        return {
            str(event.action_id): {
                board: [season.number for season in self.seasons_of(event, board)] for board in boards
            }
            for event, _, boards in self._events
        }

    @cached_property
    def scores(self) -> Mapping[int, dict[UUID, Score]]:
        """Return the score of every player in each season, by the season's id."""
        events: dict[tuple[int, UUID], list[ScoreEvent]] = defaultdict(list)
        rules = {season.id: season for season in self.seasons}
        for event, player, boards in self._events:
            for board in boards:
                for season in self.seasons_of(event, board):
                    events[season.id, player].append(event)
        scores: dict[int, dict[UUID, Score]] = defaultdict(dict)
        for (season_id, player), counted in events.items():
            score = fold_board(counted, None, rules[season_id].scoring, rules[season_id].order).public
            if score:
                scores[season_id][player] = score
        return scores

    def present(self, board: str) -> LedgerSeason:
        """Return the newest season of a board that has begun."""
        return [season for season in self._seasons_by_board[board] if season.has_begun][-1]

    def top(self, board: str) -> list[list[object]]:
        """Return `[player, score]` of the top ten of a board's present season."""
        season = self.present(board)
        scores = self.scores.get(season.id, {})
        return [[str(player), scores[player].score] for _, player in ranked(scores, season.order)[:TOP]]

    def wrong_standings(self) -> Iterator[str]:
        """Yield a finding for each standing that is not the fold of its events."""
        names = {season.id: f"{season.board}/{season.number}" for season in self.seasons}
        signs = {season.id: -1 if season.order == "asc" else 1 for season in self.seasons}
        standings = {
            (season_id, player): (signs[season_id] * score, achieved_at)
            for season_id, player, score, achieved_at in self._standings
        }
        folded = {
            (season_id, player): (score.score, score.achieved_at)
            for season_id, scores in self.scores.items()
            for player, score in scores.items()
        }
        for key in standings.keys() | folded.keys():
            if standings.get(key) != folded.get(key):
                season_id, player = key
                yield (
                    f"player {player} has {_text(standings.get(key))} in {names[season_id]}, "
                    f"the events give {_text(folded.get(key))}"
                )


def _text(standing: tuple[int, datetime | None] | None) -> str:
    return f"{standing[0]} at {standing[1]}" if standing else "nothing"
