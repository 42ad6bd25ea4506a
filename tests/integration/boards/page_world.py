"""Boards of every kind with players and segments, and the pure fold of their events to compare reads with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID, uuid4

import pytest
import redis

from app.containers.container import Container
from app.domain.attributes import Segment
from app.domain.boards import Season, Standing
from app.domain.scoring import BoardFold, Hold, Score, ScoreEvent, fold_board
from app.services.accounts.player_changes import PlayerChange
from app.services.boards.outbox import BoardChange
from app.services.boards.player_pages import BoardStanding
from app.settings import Settings
from app.stores.boards.season_marks import read_marks, write_marks
from app.stores.moderation.quarantine import QuarantineStore
from devstack.stack import Stack
from tests.integration.boards.test_counting import History
from tests.integration.boards.test_scorings import BOARDS, add_board, feed, redeem
from tests.integration.conftest import copy_database, database_copy, url_of

RESULTS = (-2, 0, 1, 1, 3)
SEGMENTS = (None, Segment("country", "JP"), Segment("country", "BR"), Segment("country", "XX"))

Row = tuple[int | None, UUID, int, datetime | None, object]
"""Rank, player, score, time and metadata of a standing."""


@dataclass
class World(History):
    """Players with ties, scores below 0, voided and held events, and suspensions, on boards of every kind."""

    seasons: list[Season] = field(default_factory=list)

    def season_list(self) -> list[Season]:
        """Return the seasons, which are open at first."""
        return self.seasons

    def close(self) -> None:
        """End and close all seasons, with a mark at every third place."""
        self.container.database.rows(
            """
            UPDATE seasons n SET ends_at = clock_timestamp(), closed_at = clock_timestamp(), players = (
                SELECT count(*) FROM standings s WHERE s.season_id = n.id AND s.listed AND s.achieved_at IS NOT NULL
            ) RETURNING id
            """
        )
        with self.container.database.transaction() as connection:
            for season in self.seasons:
                write_marks(connection, season.id, read_marks(connection, season.id, every=3))
        self.container.redis.flushdb()

    def events(self, player: UUID) -> list[ScoreEvent]:
        rows = self.container.database.rows(
            """SELECT id, kind, action_id, points, created_at, held_under, metadata FROM score_events
               WHERE player_id = :player""",
            player=player,
        )
        return [ScoreEvent(*row) for row in rows]

    def histories(self) -> dict[UUID, tuple[list[ScoreEvent], Hold | None]]:
        """Return the events and the hold of each player that is not suspended."""
        rows = self.container.database.rows("SELECT id FROM players WHERE status = 'active'")
        active = {row.id for row in rows}
        return {player: (self.events(player), self.hold_of(player)) for player in self.players if player in active}

    def folds(self, season: Season) -> dict[UUID, BoardFold]:
        """Return the folds of the players that are not suspended."""
        return _folds(season, self.histories())

    def members(self, segment: Segment | None) -> set[UUID]:
        if segment is None:
            return set(self.players)
        return {
            player for player in self.players if self.container.attributes.of(player).get(segment.name) == segment.value
        }

    def deliver(self) -> None:
        """Refresh the boards as a worker does."""

        def publish(changes: list[BoardChange]) -> None:
            self.container.board_sync.sync(changes)

        while self.container.outbox.drain(publish):
            pass


def _folds(season: Season, histories: dict[UUID, tuple[list[ScoreEvent], Hold | None]]) -> dict[UUID, BoardFold]:
    return {
        player: fold_board(events, hold, season.scoring, season.order) for player, (events, hold) in histories.items()
    }


@dataclass
class Truth:
    """A board, or a segment of it, by the fold: the public scores of its players, in order."""

    season: Season
    scores: dict[UUID, Score]

    def place(self, player: UUID, score: Score) -> tuple[int, datetime, UUID]:
        return -self.season.stored(score.score), score.achieved_at, player

    @cached_property
    def rows(self) -> list[Row]:
        ordered = sorted(self.scores, key=lambda player: self.place(player, self.scores[player]))
        return [self.row(player, self.scores[player]) for player in ordered]

    def row(self, player: UUID, score: Score) -> Row:
        return self.rank(score.score, player), player, score.score, score.achieved_at, score.run and score.run.metadata

    def rank(self, score: int, player: UUID | None = None) -> int:
        stored = self.season.stored
        return 1 + sum(stored(rival.score) > stored(score) for name, rival in self.scores.items() if name != player)

    def sides(self, player: UUID, score: Score, limit: int) -> tuple[list[Row], list[Row]]:
        """Return the rows of the players before and after a player with this score."""
        place = self.place(player, score)
        rows = [row for row in self.rows if row[1] != player]
        above = [row for row in rows if self.place(row[1], self.scores[row[1]]) < place]
        return above[max(0, len(above) - limit) :], rows[len(above) :][:limit]


def row_of(standing: Standing) -> Row:
    return standing.rank, standing.user_id, standing.score, standing.achieved_at, standing.metadata


def rows_of(standings: list[Standing]) -> list[Row]:
    return [row_of(standing) for standing in standings]


@dataclass(frozen=True)
class Original:
    """A world to be copied, which takes a tenth of making one: its database, and what is in Redis.

    `values`: by key, the milliseconds that are left to the value, or 0, and what DUMP returns.
    """

    world: World
    database: str
    values: dict[str, tuple[int, bytes]]


@pytest.fixture(scope="module")
def original(servers: Stack, migrated: str) -> Original:
    """Return the world of the module's tests, as each of them finds it."""
    name = copy_database(servers, migrated)
    container = Container(Settings.from_env(servers.env).model_copy(update={"database_url": url_of(servers, name)}))
    container.redis.flushdb()
    world = _make_world(container)
    container.close()
    with redis.Redis.from_url(servers.env["REDIS_URL"]) as client:
        values = {key.decode(): (max(0, client.pttl(key)), client.dump(key)) for key in client.scan_iter()}
    return Original(world, name, {key: (left, value) for key, (left, value) in values.items() if value is not None})


@pytest.fixture
def database(servers: Stack, original: Original) -> Iterator[str]:
    """Yield the URL of a copy of the world's database."""
    with database_copy(servers, original.database) as url:
        yield url


@pytest.fixture
def world(container: Container, original: Original) -> World:
    """Return a world of 24 players, whose boards are complete in Redis."""
    for key, (left, value) in original.values.items():
        container.redis.restore(key, left, value)
    world = original.world
    return replace(world, container=container, cases=dict(world.cases), voids=list(world.voids))


def _make_world(container: Container) -> World:
    feed(container, [add_board(container, *board) for board in BOARDS])
    container.database.rows("UPDATE boards SET segments = '{country,platform}' RETURNING id")
    seasons, chance = container.catalog.open_seasons(), random.Random(7)
    world = World(container, [uuid4() for _ in range(24)], {}, seasons=seasons)
    for number, player in enumerate(world.players):
        container.players.add(player, f"p-{number}", f"p-{number}", "no password fits this", "player")
        if number % 3:
            move(world, player, "JP" if number % 3 == 1 else "BR")
    for season in world.season_list():
        container.board_sync.rebuild(season)
    scorers = world.players[1:]
    for number in range(60):
        redeem(container, chance.choice(scorers), chance.choice(RESULTS), f'{{"number":{number}}}')
        if number == 30:
            suspended = _trouble(world)
            scorers = [player for player in scorers if player not in suspended]
    move(world, world.players[4], "BR")
    move(world, world.players[5], None)
    world.deliver()
    return world


def move(world: World, player: UUID, country: str | None) -> None:
    change = PlayerChange(attributes={"country": country})
    world.container.player_changes.change(player, change, by="cli:tests", request_id="r")


def _trouble(world: World) -> list[UUID]:
    """Hold what four players score from now on, void the events of two, and suspend two; return these."""
    store = QuarantineStore(world.container.database)
    for player in world.players[6:10]:
        with world.container.database.transaction() as connection:
            case = world.container.suspicions.open_case(connection, str(player), half_life=1800.0, hold=False)
            store.hold(connection, player, Hold(case))
    for number in (12, 13):
        world.apply("void", number, 0)
    for player in world.players[10:12]:
        world.container.moderation.suspend(player, "r", by="cli:tests")
    return world.players[10:12]


@pytest.fixture(params=["complete", "lost", "closed"])
def redis_state(request: pytest.FixtureRequest, world: World) -> str:
    """Return whether the boards are complete in Redis, or Redis has lost all of them, or their seasons are closed."""
    if request.param == "lost":
        world.container.redis.flushdb()
    elif request.param == "closed":
        world.close()
    return str(request.param)


def truths(world: World) -> Iterator[tuple[Season, Segment | None, Truth, dict[UUID, BoardFold]]]:
    histories = world.histories()
    members_of = {segment: world.members(segment) for segment in SEGMENTS}
    for season in world.season_list():
        folds = _folds(season, histories)
        for segment, members in members_of.items():
            yield season, segment, _truth(season, folds, members), folds


def _truth(season: Season, folds: dict[UUID, BoardFold], members: set[UUID]) -> Truth:
    scores = {player: fold.public for player, fold in folds.items() if fold.public and player in members}
    return Truth(season, scores)


def check_standing(row: BoardStanding, player: UUID, truth: Truth) -> None:
    score = truth.scores.get(player)
    assert row.total == len(truth.scores)
    if score is None:
        shown = row.standing.as_row()
        assert (shown["rank"], shown["score"], row.percentile) == (None, row.season.empty_score, None)
        return
    assert row_of(row.standing) == truth.row(player, score)
    equal_or_lower = sum(rank >= (row.standing.rank or 0) for rank, *_ in truth.rows if rank is not None)
    assert row.percentile == 100 * equal_or_lower / len(truth.scores)


def truth_of(world: World, season: Season, segment: Segment | None) -> Truth:
    return _truth(season, world.folds(season), world.members(segment))
