"""Redis restarts with its data, or with those of a moment before: a board is repaired, and rebuilt if it must be."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.services.boards.reconcile import Reconciler
from devstack.redis_server import Redis
from tests.integration.boards.scale.conftest import STANDINGS
from tests.integration.boards.test_scorings import redeem
from tests.integration.players import add_player

Scores = Callable[[], dict[str, int]]
SCORES, PROOF = "leaderboard:scores:{main/1}", "leaderboard:proof:{main/1}"


class OwnRedis(Redis):
    """A Redis that can be killed, and started with its writes up to now, or up to an earlier moment."""

    def save(self, file: Path) -> None:
        shutil.copy(self._writes, file)

    def come_back(self, writes: Path | None = None) -> None:
        self.kill()
        if writes is not None:
            shutil.copy(writes, self._writes)
        self.start()

    @property
    def _writes(self) -> Path:
        return self.data / "appendonly.aof"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis", tmp_path / "redis.log")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_url(own_redis: OwnRedis) -> str:
    return own_redis.url


@pytest.fixture
def compared(board: Container, players: list[UUID], reconciler: Reconciler) -> Container:
    """Return the container after a first run of the reconciliation, and some play before and after it."""
    redeem(board, players[0], 7)
    board.board_sync.rebuild(board.standings.season(MAIN))
    assert [result.differing for result in reconciler.reconcile(pause=0)] == [0]
    redeem(board, players[1], 7)
    board.bulk_rankings.apply(board.standings.season(MAIN), [(str(players[1]), STANDINGS + 16, 4)])
    return board


def test_a_board_that_redis_has_kept_is_not_rebuilt(
    compared: Container, season: Season, own_redis: OwnRedis, expected_scores: Scores, redis_scores: Scores
) -> None:
    own_redis.come_back()
    assert not compared.rankings.is_ready(season), "nobody knows yet whether it is whole"
    assert compared.board_sync.repair() == []
    assert compared.rankings.is_ready(season)
    assert redis_scores() == expected_scores()
    assert compared.board_sync.repair() == []


def test_what_redis_has_lost_is_repaired_without_a_rebuild(
    compared: Container,
    season: Season,
    players: list[UUID],
    own_redis: OwnRedis,
    tmp_path: Path,
    expected_scores: Scores,
    redis_scores: Scores,
) -> None:
    own_redis.save(tmp_path / "before")
    for player in players[10:15]:
        redeem(compared, player, 1000)
    redeem(compared, add_player(compared, "Newcomer"), 3)
    compared.moderation.suspend(players[20], "test")
    compared.board_sync.rebuild(season)  # the whole board is in Redis, until this is lost
    own_redis.come_back(tmp_path / "before")
    assert redis_scores() != expected_scores()
    assert compared.board_sync.repair() == []
    assert redis_scores() == expected_scores()
    assert compared.board_sync.verify(season) == []
    assert str(players[20]) not in redis_scores()


def _lose_a_tenth(container: Container, players: list[UUID]) -> None:
    container.redis.zrem(SCORES, *map(str, players[::10]))


def _forget_the_progress(container: Container, players: list[UUID]) -> None:
    container.redis.delete(PROOF)


def _run_ahead_of_the_database(container: Container, players: list[UUID]) -> None:
    container.redis.hset(PROOF, "event", 1_000_000_000)


@pytest.mark.parametrize("spoil", [_lose_a_tenth, _forget_the_progress, _run_ahead_of_the_database])
def test_a_board_of_which_more_is_missing_than_was_lost_or_of_which_nothing_is_known_is_rebuilt(
    spoil: Callable[[Container, list[UUID]], None],
    compared: Container,
    players: list[UUID],
    own_redis: OwnRedis,
    expected_scores: Scores,
    redis_scores: Scores,
) -> None:
    spoil(compared, players)
    own_redis.come_back()
    assert compared.board_sync.repair() == [MAIN]
    assert redis_scores() == expected_scores()


def test_the_reconciliation_goes_on_where_it_was_before_the_restart(
    compared: Container, season: Season, players: list[UUID], own_redis: OwnRedis, reconciler: Reconciler
) -> None:
    own_redis.come_back()
    (result,) = reconciler.reconcile(pause=0)
    assert (result.was_rebuilt, result.differing) == (False, 0)
    assert compared.rankings.is_ready(season)
    compared.redis.zadd(SCORES, {str(players[2]): 1})
    assert sum(result.differing for _ in range(7) for result in reconciler.reconcile(pause=0)) == 1
