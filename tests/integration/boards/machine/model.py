"""The state that a game should be in: players, their events and holds, boards with their rules and seasons.

Scores are made by the fold of `app.domain.scoring` alone. Only times and ids come from the database.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain.attributes import Segment
from app.domain.boards import ResultKind, Season
from app.domain.corrections import Selection
from app.domain.schedules import Window
from app.domain.scoring import BoardFold, Hold, Order, Score, ScoreEvent, Scoring, counting_events, fold_board
from tests.integration.boards.page_world import Truth

SeasonKey = tuple[str, int]
"""The board and the number of a season."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a season scores: `types` are the slugs of the action types that feed it."""

    scoring: Scoring
    order: Order
    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Period:
    """A season's id and time. `over_past`: it has all events from before its end."""

    id: int
    window: Window
    over_past: bool
    is_ended: bool

    def contains(self, moment: datetime) -> bool:
        """Return whether events of that time count in the season."""
        has_begun = self.over_past or moment >= self.window.starts_at
        return has_begun and (self.window.ends_at is None or moment < self.window.ends_at)


@dataclass
class TypeModel:
    """An action type, and the boards that it feeds."""

    id: int
    slug: str
    kind: ResultKind
    points: int | None
    boards: list[str]


@dataclass
class CaseModel:
    """A case: `before` is the player's status and hold before the last decision, None while it is open."""

    id: UUID
    before: tuple[str, Hold | None] | None = None
    voids: list[VoidModel] = field(default_factory=list)


@dataclass
class VoidModel:
    """A void, and whether it was restored."""

    id: UUID
    is_restored: bool = False


@dataclass
class PlayerModel:
    """A player; `sources` are the action types of the events, `voided_by` the void that counts last, by action."""

    id: UUID
    name: str
    status: str = "active"
    hold: Hold | None = None
    country: str | None = None
    events: list[ScoreEvent] = field(default_factory=list)
    sources: dict[UUID, str] = field(default_factory=dict)
    voided_by: dict[UUID, UUID] = field(default_factory=dict)
    cases: list[CaseModel] = field(default_factory=list)

    @property
    def open_case(self) -> CaseModel | None:
        return next((case for case in self.cases if case.before is None), None)


@dataclass
class Model:
    """The whole game. `rules` and `periods` are those of every season, ended ones included."""

    players: list[PlayerModel]
    types: dict[str, TypeModel]
    segments: Mapping[str, Sequence[str]]
    board_ids: Mapping[str, int]
    rules: dict[SeasonKey, Rules] = field(default_factory=dict)
    periods: dict[SeasonKey, Period] = field(default_factory=dict)
    voids: list[VoidModel] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def season(self, key: SeasonKey) -> Season:
        """Return the season as the product names it, with the model's own rules."""
        rules = self.rules[key]
        return Season(self.periods[key].id, *key, rules.scoring, rules.order)

    def keys_at(self, moment: datetime, slug: str) -> list[SeasonKey]:
        """Return the seasons in which an event of this type and time counts, in the order of the type's boards."""
        keys = [
            key
            for key, rules in self.rules.items()
            if slug in rules.types and key in self.periods and self.periods[key].contains(moment)
        ]
        boards = self.types[slug].boards
        return sorted(keys, key=lambda key: boards.index(key[0]) if key[0] in boards else len(boards))

    def redeemed(
        self, player: PlayerModel, slug: str, action: UUID, result: int, at: datetime, metadata: dict[str, int] | None
    ) -> None:
        """Add a redemption, the newest event of the player."""
        hold = player.hold.id if player.hold else None
        player.events.append(ScoreEvent(next(self.numbers), "redeem", action, result, at, hold, metadata))
        player.sources[action] = slug

    def selected(self, player: PlayerModel, selection: Selection, until: datetime | None = None) -> list[ScoreEvent]:
        """Return the player's redemptions that a void of this selection would void, of before `until`."""
        if selection.player_id not in (None, player.id):
            return []
        return [event for event in counting_events(player.events) if self._is_selected(player, event, selection, until)]

    def _is_selected(
        self, player: PlayerModel, event: ScoreEvent, selection: Selection, until: datetime | None
    ) -> bool:
        source = self.types[player.sources[event.action_id]]
        fed_ids = [self.board_ids[board] for board in source.boards]
        return (
            selection.action_type_id in (None, source.id)
            and (selection.board_id is None or selection.board_id in fed_ids)
            and (selection.since is None or event.created_at >= selection.since)
            and (until is None or event.created_at < until)
        )

    def void(self, void: VoidModel, selection: Selection, until: datetime | None = None) -> None:
        """Void the selected events."""
        for player in self.players:
            for event in self.selected(player, selection, until):
                self._reverse(player, event, "void")
                player.voided_by[event.action_id] = void.id

    def restore(self, void: VoidModel) -> None:
        """Restore the events that this void was the last to void."""
        void.is_restored = True
        for player in self.players:
            for event in list(player.events):
                if event.kind == "redeem" and player.voided_by.get(event.action_id) == void.id:
                    self._reverse(player, event, "restore")
                    del player.voided_by[event.action_id]

    def _reverse(self, player: PlayerModel, event: ScoreEvent, kind: str) -> None:
        points = -event.points if kind == "void" else event.points
        player.events.append(replace(event, id=next(self.numbers), kind=kind, points=points, metadata=None))  # type: ignore[arg-type]

    def events(self, player: PlayerModel, key: SeasonKey) -> list[ScoreEvent]:
        """Return the player's events of a season, with all voids and restores of these."""
        period, rules = self.periods[key], self.rules[key]
        return [
            event
            for event in player.events
            if player.sources[event.action_id] in rules.types and period.contains(event.created_at)
        ]

    def fold(self, player: PlayerModel, key: SeasonKey) -> BoardFold:
        """Return the player's scores in a season."""
        rules = self.rules[key]
        return fold_board(self.events(player, key), player.hold, rules.scoring, rules.order)

    def counting(self, player: PlayerModel, key: SeasonKey) -> list[ScoreEvent]:
        """Return the player's events that count in a season, held ones included, the oldest first."""
        return counting_events(self.events(player, key))

    def public_events(self, player: PlayerModel, key: SeasonKey) -> list[ScoreEvent]:
        """Return the player's events that count in a season for everyone, the oldest first."""
        hold = player.hold
        return [event for event in self.counting(player, key) if hold is None or not hold.holds(event)]

    def scores(self, key: SeasonKey, segment: Segment | None = None) -> dict[UUID, Score]:
        """Return the public scores of a season, or of a segment of it."""
        folds = {
            player.id: self.fold(player, key).public
            for player in self.players
            if player.status == "active" and (segment is None or player.country == segment.value)
        }
        return {player: score for player, score in folds.items() if score}

    def truth(self, key: SeasonKey, segment: Segment | None = None) -> Truth:
        """Return a season, or a segment of it, as every read should show it."""
        return Truth(self.season(key), self.scores(key, segment))

    def copy(self) -> Model:
        """Return a copy to try a change on."""
        numbers, self.numbers = self.numbers, iter(())
        twin = deepcopy(self)
        self.numbers = numbers
        twin.numbers = itertools.count(10**9)
        return twin


def moves(before: Model, after: Model, touched: Mapping[UUID, Sequence[ScoreEvent]]) -> dict[object, object]:
    """Return the rows that the preview of a correction from one model to the other should have."""
    rows: dict[object, object] = {}
    for key, rules in before.rules.items():
        if key not in before.periods:
            continue
        ranks_before, ranks_after = _ranks(before, key), _ranks(after, key)
        changed = {
            player: [event for event in events if event.action_id in _actions(before, player, key)]
            for player, events in touched.items()
        }
        for old, new in zip(before.players, after.players, strict=True):
            events, ranks = changed.get(old.id, []), (ranks_before.get(old.id), ranks_after.get(old.id))
            folds = [model.fold(player, key).public for model, player in ((before, old), (after, new))]
            scores = [fold.score if fold else None for fold in folds]
            if events or ranks[0] != ranks[1] or scores[0] != scores[1]:
                empty = None if rules.scoring in ("best", "last") else 0
                shown = [empty if score is None else score for score in scores]
                rows[(*key, old.id)] = (*shown, *ranks, len(events))
    return rows


def _actions(model: Model, player_id: UUID, key: SeasonKey) -> set[UUID]:
    (player,) = [player for player in model.players if player.id == player_id]
    return {event.action_id for event in model.events(player, key)}


def _ranks(model: Model, key: SeasonKey) -> dict[UUID, int | None]:
    return {row[1]: row[0] for row in model.truth(key).rows}
