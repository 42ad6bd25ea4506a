"""Redis has lost a part of a board, by eviction or deletion: no rank is read from the rest."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.services.boards.outbox import BoardChange
from app.stores.boards.cached_lists import CachedTop
from app.stores.boards.top_list_store import NewTop
from tests.integration.unavailability.conftest import Caller, data, unavailable
from tests.parts.client import fresh_name

SCORES, VERSIONS, CHANGED, TOP = (
    f"leaderboard:{name}:{{main/1}}" for name in ("scores", "versions", "changed", "top:10")
)
AHEAD = 17


@pytest.fixture
def season(container: Container) -> Season:
    return container.standings.season(MAIN)


@pytest.fixture
def anna(anna: Caller, container: Container, season: Season) -> Caller:
    """Return Anna, with seventeen players ahead of her."""
    for number in range(AHEAD):
        name = fresh_name()
        player = container.players.add(uuid4(), name, name, "no password fits this", "player")
        with container.database.statement() as connection:
            connection.exec_driver_sql(
                """
                INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
                VALUES (%(season)s, %(player)s, %(score)s, 1, now())
                """,
                {"season": season.id, "player": player.id, "score": 100 + number},
            )
    container.board_sync.rebuild(season)
    return anna


@pytest.mark.parametrize("lost", [(SCORES,), (VERSIONS,), (SCORES, VERSIONS)])
def test_a_board_of_which_a_part_is_lost_is_not_believed_and_is_rebuilt(
    lost: tuple[str, ...], anna: Caller, container: Container, season: Season
) -> None:
    last = {"previous": AHEAD + 1, "current": AHEAD + 1}
    container.redis.delete(*lost)
    assert data(anna.get("/me"))["rank"] == AHEAD + 1
    assert data(anna.complete(anna.issue()))["rank"] == last
    assert data(anna.get(f"/leaderboard/users/{anna.id}"))["rank"] == AHEAD + 1
    assert data(anna.get("/leaderboard/me"))["standing"]["rank"] == AHEAD + 1
    assert container.rankings.ranks(season, [100]) is None

    # A late refresh brings a part of it back, but not the board.
    container.rankings.apply(season, [(anna.id, 2, 2)])
    assert not container.rankings.is_ready(season)
    assert data(anna.complete(anna.issue()))["rank"] == last
    assert MAIN in container.board_sync.repair()
    assert container.rankings.ranks(season, [3, 100]) == [AHEAD + 1, AHEAD]
    assert container.board_sync.verify(season) == []
    assert container.board_sync.repair() == []


@pytest.mark.parametrize("lost", [SCORES, VERSIONS])
def test_what_was_left_of_a_board_is_not_taken_for_newer_than_the_database(
    lost: str, anna: Caller, container: Container, season: Season
) -> None:
    # As after a server of PostgreSQL took over without the last commits: numbers, and a player, that it does not have.
    container.rankings.apply(season, [(anna.id, 5000, 5000), (str(uuid4()), 6000, 6000)])
    container.redis.delete(lost)
    assert MAIN in container.board_sync.repair()
    assert container.board_sync.verify(season) == []
    assert container.rankings.ranks(season, [1, 100]) == [AHEAD + 1, AHEAD]


@pytest.mark.parametrize("key", [SCORES, VERSIONS, CHANGED, TOP, "leaderboard:position:{main/1}"])
def test_a_key_with_a_value_of_another_type_is_503_at_most_and_is_rebuilt(
    key: str, anna: Caller, container: Container, season: Season
) -> None:
    action = anna.issue()
    container.redis.delete(key)
    container.redis.rpush(key, "of somebody else")
    assert data(anna.complete(action))["score"]["current"] == 2
    assert all(answer.status_code < 500 or unavailable(answer) for answer in anna.every_call(anna.issue()).values())
    container.board_sync.repair()
    assert data(anna.get("/me"))["rank"] == AHEAD + 1
    assert [answer.status_code for answer in anna.every_call(anna.issue()).values() if answer.status_code >= 500] == []
    assert container.board_sync.verify(season) == []
    assert container.board_sync.repair() == []


def test_a_count_of_changes_that_is_no_number_is_503_and_is_mended(
    anna: Caller, container: Container, season: Season
) -> None:
    container.redis.set(CHANGED, 'junk"{')
    assert data(anna.complete(anna.issue()))["score"]["current"] == 2
    assert not container.redis.exists(CHANGED)
    container.redis.set(CHANGED, 'junk"{')
    assert unavailable(anna.get("/leaderboard/top?limit=37"))
    container.board_sync.repair()
    assert anna.get("/leaderboard/top?limit=37").status_code == 200
    container.board_sync.sync([BoardChange(season.id, MAIN, None, [UUID(anna.id)])])  # the task of the redemption
    assert container.board_sync.verify(season) == []


@pytest.mark.parametrize("key", [SCORES, VERSIONS])
def test_a_rebuild_that_an_operator_asks_for_mends_a_key_of_another_type(
    key: str, anna: Caller, container: Container, season: Season
) -> None:
    container.redis.delete(key)
    container.redis.rpush(key, "of somebody else")
    assert container.board_sync.rebuild(season) == AHEAD + 1
    assert container.board_sync.verify(season) == []


def test_a_refresh_rebuilds_it_at_once(anna: Caller, container: Container, season: Season) -> None:
    container.redis.delete(SCORES)
    container.board_sync.sync([BoardChange(season.id, MAIN, None, [UUID(anna.id)])])
    assert container.rankings.ranks(season, [1]) == [AHEAD + 1]


def test_a_board_that_is_lost_while_it_is_rebuilt_is_not_complete(
    anna: Caller, container: Container, season: Season
) -> None:
    first = container.rankings.begin_rebuild(season)
    container.redis.delete(SCORES)
    container.rankings.apply(season, [(anna.id, 1, 1)])
    assert not container.rankings.mark_ready(season, first)
    second = container.rankings.begin_rebuild(season)
    assert not container.rankings.mark_ready(season, first)
    assert container.rankings.ranks(season, [1]) is None
    assert container.rankings.mark_ready(season, second)
    assert container.rankings.ranks(season, [1]) == [1]


def test_an_empty_board_is_complete(anna: Caller, container: Container, season: Season) -> None:
    with container.database.statement() as connection:
        connection.exec_driver_sql("UPDATE standings SET score = 0, achieved_at = NULL, changes = changes + 1")
    container.board_sync.rebuild(season)
    assert list(container.rankings.members(season)) == []
    assert container.rankings.is_ready(season)
    assert container.board_sync.verify(season) == []
    assert data(anna.complete(anna.issue()))["rank"] == {"previous": None, "current": 1}
    assert container.rankings.scores_of(season, [UUID(anna.id)]) == [1]


def test_a_list_from_before_its_count_was_lost_is_never_new_again(
    anna: Caller, container: Container, season: Season
) -> None:
    """The count begins anew, above the number that a cached list was read at."""
    container.redis.set(CHANGED, 3)
    container.rankings.lists.put([NewTop(season, CachedTop(2**40, 3, 0, "[]"))], 10, "F" * 24, "0" * 24)
    container.redis.delete(CHANGED)
    for _ in range(3):
        container.rankings.note_change(season)
    assert container.rankings.lists.changes([season])[0] > 10**15
    assert anna.complete(anna.issue()).status_code == 200
    assert container.standings.snapshot()["data"]
    container.redis.delete(TOP)


@pytest.mark.parametrize("lost", ["online", "online-servers"])
def test_who_is_online_is_counted_right_after_a_part_of_it_was_lost(lost: str, container: Container) -> None:
    store, board, players = container.presence._store, uuid4().hex, [uuid4(), uuid4()]
    assert store.count_online(board, "one", arrived=players) == 2
    container.redis.delete(f"leaderboard:{lost}:{{{board}}}")
    assert store.count_online(board, "one", arrived=players) == 2
    assert store.count_online(board, "one", departed=players) == 0


def test_a_history_that_was_lost_is_read_from_the_ledger(anna: Caller, container: Container) -> None:
    """A suspicion record beside it is no proof that the history is complete."""
    for _ in range(3):
        assert anna.complete(anna.issue()).status_code == 200
    container.redis.delete(f"history:{{{anna.id}}}")
    assert anna.complete(anna.issue()).status_code == 200
    entries = container.redis.zrange(f"history:{{{anna.id}}}", 0, -1)
    assert len([entry for entry in entries if "|" in entry]) == 5
