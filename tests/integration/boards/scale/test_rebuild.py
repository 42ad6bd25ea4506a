"""A rebuild goes on where a server is slow or away for a moment; it may write the same standings twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis.exceptions

from app.containers.container import Container
from app.domain.boards import Season
from app.services.boards.rebuild import Rebuild
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.orders import MirroredStanding
from app.stores.boards.standings import StandingStore
from app.stores.redis.client import Scripts, connect
from devstack.redis_server import Redis
from tests.integration.boards.scale.conftest import BATCH, STANDINGS

Scores = Callable[[], dict[str, int]]
ANSWER_SECONDS = 0.1


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[Redis]:
    """Yield a Redis server that a test may stop and kill."""
    server = Redis(tmp_path / "redis", tmp_path / "redis.log")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(private_redis: Redis) -> str:
    return private_redis.url


@pytest.fixture
def impatient_rankings(container: Container) -> BulkRankings:
    """Return the board's bulk store on a client with a short timeout."""
    client = connect(container.settings.redis_url, ANSWER_SECONDS)
    return BulkRankings(client, Scripts(client))


def _call_at(standings: int, event: Callable[[], object]) -> Callable[[int], None]:
    """Return a progress callback that calls `event` once, as soon as that many standings are written."""
    results: list[object] = []

    def progress(brought: int) -> None:
        if brought >= standings and not results:
            results.append(event())

    return progress


def test_a_redis_that_stands_still_for_a_while_does_not_end_it(
    container: Container, season: Season, players: list[UUID], private_redis: Redis, impatient_rankings: BulkRankings
) -> None:
    def stop() -> None:
        os.kill(private_redis.pid, signal.SIGSTOP)
        threading.Timer(5 * ANSWER_SECONDS, os.kill, (private_redis.pid, signal.SIGCONT)).start()

    patience = Retries()
    rebuild = Rebuild(container.standing_store, impatient_rankings, batch=BATCH)
    lease = impatient_rankings.rebuild_lease(season)
    assert rebuild.rebuild(season, lease, _call_at(1000, stop), patience) == STANDINGS
    assert patience.repeats > 0
    assert container.rankings.is_ready(season)
    assert container.board_sync.verify(season) == []


def test_a_redis_that_is_killed_and_started_is_brought_all_of_it(
    container: Container, season: Season, players: list[UUID], private_redis: Redis, impatient_rankings: BulkRankings
) -> None:
    """Earlier writes may be lost with the server: the rebuild starts over, and its result holds for the new server."""

    def lose() -> None:
        private_redis.kill()
        for file in private_redis.data.glob("**/*.aof*"):
            file.unlink()
        private_redis.start()

    rebuild = Rebuild(container.standing_store, impatient_rankings, batch=BATCH)
    lease = impatient_rankings.rebuild_lease(season)
    assert rebuild.rebuild(season, lease, _call_at(2000, lose), Retries()) == STANDINGS
    assert container.rankings.is_ready(season)
    assert container.board_sync.verify(season) == []


def test_a_redis_that_stays_away_ends_it_with_its_error(
    container: Container, season: Season, players: list[UUID], private_redis: Redis, impatient_rankings: BulkRankings
) -> None:
    rebuild = Rebuild(container.standing_store, impatient_rankings, batch=BATCH)
    lease = impatient_rankings.rebuild_lease(season)
    with pytest.raises(redis.exceptions.ConnectionError):
        rebuild.rebuild(season, lease, _call_at(1000, private_redis.kill), Retries(seconds=2 * ANSWER_SECONDS))
    private_redis.start()
    assert not container.rankings.is_ready(season)
    container.board_sync.rebuild(season)
    assert container.board_sync.verify(season) == []


def test_strangers_go_and_whoever_comes_meanwhile_stays(
    board: Container, season: Season, players: list[UUID], expected_scores: Scores, redis_scores: Scores
) -> None:
    scores = f"leaderboard:scores:{{{season.tag}}}"
    board.redis.zadd(scores, {str(uuid4()): 5, "nobody": 6} | {str(uuid4()): number for number in range(2 * BATCH)})
    newcomer = board.accounts.create("Anna", "a good password").id

    def play() -> None:
        """Add a first standing, behind or before the walk's position, and write it to Redis at once."""
        board.database.rows(
            "INSERT INTO standings (season_id, player_id, score, changes, achieved_at)"
            " VALUES (:season, :player, 7, 1, now()) RETURNING 1",
            season=season.id,
            player=newcomer,
        )
        board.rankings.apply(season, [(str(newcomer), 7, 1)])

    rebuild = Rebuild(board.standing_store, board.bulk_rankings, batch=BATCH)
    lease = board.bulk_rankings.rebuild_lease(season)
    rebuild.rebuild(season, lease, _call_at(1000, play), Retries())
    assert redis_scores() == expected_scores()
    assert str(newcomer) in redis_scores()


def test_a_batch_is_all_that_is_held_at_once(container: Container, season: Season, players: list[UUID]) -> None:
    lengths: list[int] = []

    class Counting(StandingStore):
        def members_after(self, season: Season, player: UUID, most: int) -> list[MirroredStanding]:
            members = super().members_after(season, player, most)
            lengths.append(len(members))
            return members

    rebuild = Rebuild(Counting(container.database), container.bulk_rankings, batch=BATCH)
    lease = container.bulk_rankings.rebuild_lease(season)
    assert rebuild.rebuild(season, lease, lambda brought: None, Retries()) == STANDINGS
    assert lengths == [BATCH] * (STANDINGS // BATCH) + [0]


def test_the_bulk_client_waits_longer_than_a_player_may(container: Container) -> None:
    impatient = Container(container.settings.model_copy(update={"redis_timeout": 0.05}))
    try:
        assert impatient._connections.patient_redis.connection_pool.connection_kwargs["socket_timeout"] >= 5
        assert impatient.redis.connection_pool.connection_kwargs["socket_timeout"] == 0.05
    finally:
        impatient.close()
