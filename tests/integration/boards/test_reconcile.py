"""The reconciler finds differences that no event will repair, and repairs them while players go on."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.stores.accounts.players import Player
from app.stores.boards.recent_changes import RecentChangeStore
from tests.integration.boards.test_scorings import add_board, feed
from tests.integration.cli.conftest import Play, anna, ben, play

__all__ = ["anna", "ben", "play"]


@pytest.fixture
def season(container: Container) -> Season:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    container.board_sync.repair()
    return season


def _scores(container: Container, season: Season) -> dict[str, int]:
    return dict(container.rankings.members(season))


def _differences(container: Container) -> int:
    return sum(proved.differing for proved in container.reconciler.reconcile(pause=0))


def test_a_suspended_player_whose_refresh_was_lost_leaves_the_board(
    container: Container, season: Season, anna: Player, ben: Player, play: Play
) -> None:
    for player in (anna, ben):
        play(player.id)
    container.moderation.suspend(anna.id, "test")
    container.outbox.drain(lambda changes: None)  # published, but the workers gave up on it
    assert str(anna.id) in _scores(container, season)
    assert _differences(container) == 1
    assert _scores(container, season) == {str(ben.id): 1}
    assert _differences(container) == 0


def test_strangers_go_lost_players_come_and_wrong_scores_are_put_right(
    container: Container, season: Season, anna: Player, ben: Player, play: Play
) -> None:
    for player in (anna, ben):
        play(player.id)
    scores, versions = (f"leaderboard:{name}:{{{season.tag}}}" for name in ("scores", "versions"))
    container.redis.zrem(scores, str(anna.id))
    container.redis.zadd(scores, {str(ben.id): 77, str(uuid4()): 5, "nobody": 6})
    container.redis.hset(versions, str(ben.id), 1_000_000)  # as after a restore of an older database
    assert _differences(container) == 4
    assert _scores(container, season) == {str(anna.id): 1, str(ben.id): 1}
    assert container.rankings.changes_of(season, [ben.id]) == [1]
    play(ben.id)
    assert _scores(container, season)[str(ben.id)] == 2
    assert _differences(container) == 0


def test_recent_events_are_those_of_every_board_that_they_count_on(
    container: Container, season: Season, anna: Player, play: Play
) -> None:
    boards = [add_board(container, slug) for slug in ("weekly", "other")]
    feed(container, boards[:1])
    container.database.rows("UPDATE seasons SET starts_at = now() WHERE board_id <> 1 RETURNING id")
    play(anna.id)
    changes = RecentChangeStore(container.database)
    players = {season.board: changes.by_events(season, 0, 10)[1] for season in container.catalog.open_seasons()}
    assert players == {"main": [anna.id], "weekly": [anna.id], "other": []}


def test_a_cached_list_that_is_wrong_is_read_anew(
    container: Container, season: Season, anna: Player, play: Play
) -> None:
    play(anna.id)
    container.board_sync.rebuild(season)
    key = f"leaderboard:top:10:{{{season.tag}}}"
    head, rows = container.redis.get(key).split("\n", 1)
    version, changes, built = head.split(" ")
    wrong = json.dumps([{**json.loads(rows)[0], "score": 99}])
    container.redis.set(key, f"{int(version) + 1_000_000} {changes} {built}\n{wrong}")
    assert _differences(container) == 1
    assert container.standings.snapshot(MAIN)["data"][0]["score"] == 1


def test_what_is_newer_than_the_look_into_the_database_is_left_alone(
    container: Container, season: Season, anna: Player
) -> None:
    """Record change 4 after the reconciler read change 3 from Redis and change 2 from the database."""
    player = str(anna.id)
    container.rankings.apply(season, [(player, 40, 4)])
    container.rankings.mend(season, [(player, 3, 20, 2)])
    assert _scores(container, season) == {player: 40}
    container.rankings.mend(season, [(player, 4, 20, 2)])
    assert _scores(container, season) == {player: 20}


def test_one_compares_at_a_time(container: Container, season: Season) -> None:
    lease = container.rankings.comparison_lease(season)
    assert lease.hold()
    assert container.reconciler.reconcile(pause=0) == []
    lease.release()
    assert [proved.board for proved in container.reconciler.reconcile(pause=0)] == [MAIN]


def test_the_first_build_of_a_board_without_standings_corrects_nothing(container: Container) -> None:
    (first,) = container.reconciler.reconcile(pause=0)
    assert (first.was_rebuilt, first.differing) == (True, 0)


def test_a_board_that_is_rebuilt_with_its_standings_is_a_difference(
    container: Container, season: Season, anna: Player, play: Play
) -> None:
    play(anna.id)
    container.redis.flushdb()
    (result,) = container.reconciler.reconcile(pause=0)
    assert (result.was_rebuilt, result.differing) == (True, 1)
