"""A game with boards of every kind on real servers, beside the model of it, and the mail between its processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine

from app.containers.container import Container
from app.domain.board_plans import Fields
from app.domain.boards import MAIN
from app.domain.schedules import Window
from app.services.boards.outbox import BoardChange
from app.services.boards.plan_writer import Operator
from app.stores.boards.seasons import SeasonStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.play.catalog import SEASONS
from tests.integration.boards.machine.model import Model, Period, PlayerModel, Rules, SeasonKey, TypeModel

BY = Operator("cli:tests", "r")
_NOW = datetime.now(UTC)
SEGMENTS = dict.fromkeys((MAIN, "high", "fast"), ("country",))
BOARDS: Mapping[str, Fields] = {
    "high": {"scoring": "best", "segments": ["country"]},
    "fast": {"scoring": "best", "order": "asc", "segments": ["country"]},
    "latest": {"scoring": "last"},
    "least": {"scoring": "last", "order": "asc"},
    "times": {"scoring": "count"},
    "hourly": {"schedule": "0 * * * *"},
    "cup": {"starts_at": _NOW - timedelta(days=1), "ends_at": _NOW + timedelta(days=1)},
}
_LENIENT: Fields = {"min_seconds": 0.0, "cadence": "client", "parallel": 1000}
TYPES: Mapping[str, Fields] = {
    "coin": {"points": 2, "boards": [MAIN, "times", "high", "cup"]},
    "run": {"result_kind": "reported", "boards": ["high", "fast", "latest", "least", "times", "hourly", MAIN]},
    "solo": {"points": 1, "boards": [MAIN]},
    "goal": {"result_kind": "trusted", "boards": ["fast", "least", "cup"]},
    "ticket": {"points": 3, "boards": ["cup"]},
}
PLAYERS = 4
_PERIODS = f"""
    SELECT seasons.*, w.starts_at, w.ends_at, w.over_past, coalesce(w.ends_at <= clock_timestamp(), false) AS is_ended
    FROM ({SEASONS}) seasons JOIN seasons w USING (id)
    WHERE w.number > 0 AND w.starts_at <= clock_timestamp()
"""


def set_up(container: Container) -> None:
    """Add the boards, action types and players of the game to a new database."""
    container.database.rows("UPDATE boards SET segments = '{country}' WHERE slug = 'main' RETURNING id")
    types = {slug: {**_LENIENT, **fields} for slug, fields in TYPES.items()}
    container.board_plans.apply(container.board_plans.plan(BOARDS, types), by=BY)
    for number in range(PLAYERS):
        player = UUID(int=number + 1)
        container.players.add(player, f"p-{number}", f"p-{number}", "no password fits this", "player")


@dataclass
class Clock:
    """A clock on which some irregular seconds pass whenever `tick` is called."""

    now: float
    ticks: int = 0

    def __call__(self) -> float:
        return self.now

    def tick(self) -> None:
        self.ticks += 1
        self.now += 60 + self.ticks * 37 % 50


class World(RuleBasedStateMachine):
    """The game. Changes wait in the outbox, then in `mail`, until a worker takes them: late, twice, in any order."""

    def __init__(self, start: Callable[[], tuple[Container, Clock]]) -> None:
        super().__init__()
        self.container, self.clock = start()
        self.container.replays.known_seconds = 0.0
        self.mail: list[BoardChange] = []
        self.steps = 0
        self.flying: PlayerModel | None = None
        self.model = self._read_model()
        self.refresh_periods()
        for season in self.container.catalog.open_seasons():
            self.container.board_sync.rebuild(season)

    def _read_model(self) -> Model:
        types = {
            row.slug: TypeModel(row.id, row.slug, row.result_kind, row.points, row.boards)
            for row in self.container.catalog.action_types()
        }
        boards = self.container.database.rows("SELECT id, slug FROM boards")
        players = [PlayerModel(UUID(int=number + 1), f"p-{number}") for number in range(PLAYERS)]
        return Model(players, types, SEGMENTS, {row.slug: row.id for row in boards})

    def refresh_periods(self) -> None:
        """Read the seasons that have begun; a new one has the rules of the season before it."""
        for row in sorted(self.container.database.rows(_PERIODS), key=lambda row: (row.board, row.number)):
            key = (row.board, row.number)
            self.model.periods[key] = Period(row.id, Window(row.starts_at, row.ends_at), row.over_past, row.is_ended)
            if key not in self.model.rules:
                before = self.model.rules.get((row.board, row.number - 1))
                types = frozenset(slug for slug, source in self.model.types.items() if row.board in source.boards)
                self.model.rules[key] = before or Rules(row.scoring, row.sort_order, types)
            rules = self.model.rules[key]
            assert (row.scoring, row.sort_order) == (rules.scoring, rules.order), key

    def present(self, board: str) -> SeasonKey:
        """Return the newest season of a board that has begun."""
        return max(key for key in self.model.periods if key[0] == board)

    def free_player(self, number: int) -> PlayerModel | None:
        """Return the player, None while a redemption of theirs is in flight."""
        player = self.model.players[number]
        return None if player is self.flying else player

    def read_hold(self, player: PlayerModel) -> None:
        """Read the hold on a player after a decision on it."""
        with self.container.database.transaction() as connection:
            player.hold = QuarantineStore(self.container.database).hold_of(connection, player.id)

    def collect(self) -> None:
        """Take all changes out of the outbox, as the relay does."""
        while self.container.outbox.drain(self.mail.extend):
            pass

    def work_on(self, change: BoardChange) -> None:
        """Do the tasks of a change, as a worker does."""
        if change.players:
            self.container.board_sync.sync([change])
        if change.has_ended:
            self.container.board_sync.end_season(change.season_id)

    def deliver(self) -> None:
        """Close ended seasons, and do all work that waits, the newest first."""
        self.container.seasons.turn()
        self.collect()
        while self.mail:
            self.work_on(self.mail.pop())

    def is_settled(self) -> bool:
        """Return whether every change has reached Redis, and every ended season is closed."""
        waiting = self.container.outbox.status()["waiting"]
        return not (self.mail or waiting or SeasonStore(self.container.database).ended())

    def rows(self, query: str, **values: object) -> list[Any]:
        """Return the rows of a query on the database."""
        return list(self.container.database.rows(query, **values))
