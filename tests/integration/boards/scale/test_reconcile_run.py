"""Reconciliation of a large board: recent changes and the top at each run, everything within some runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.exceptions import NoPermissionError

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from app.services.boards.reconcile import Reconciler, ReconcileResult
from app.services.operations.retries import Retries
from app.stores.boards.bulk_rankings import BulkRankings
from app.stores.boards.recent_changes import RecentChangeStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.redis.client import Scripts, connect
from tests.integration.boards.scale.conftest import BATCH, SHARE, STANDINGS, make_reconciler

Scores = Callable[[], dict[str, int]]
RUNS = STANDINGS // SHARE


def _prove(reconciler: Reconciler) -> ReconcileResult:
    (proved,) = reconciler.reconcile(pause=0)
    return proved


def _keys(season: Season) -> tuple[str, str]:
    return f"leaderboard:scores:{{{season.tag}}}", f"leaderboard:versions:{{{season.tag}}}"


def test_some_runs_come_upon_every_difference_and_mend_it(
    board: Container,
    season: Season,
    players: list[UUID],
    reconciler: Reconciler,
    expected_scores: Scores,
    redis_scores: Scores,
) -> None:
    """Make each kind of difference, far from the top and from the beginning of the walk."""
    scores, versions = _keys(season)
    board.database.rows("UPDATE standings SET score = 5 WHERE player_id > :half RETURNING 1", half=players[-100])
    board.board_sync.rebuild(season)
    missing, wrong, ahead, behind = map(str, players[-4:])
    stranger = str(uuid4())
    board.redis.zrem(scores, missing)
    board.redis.zadd(scores, {wrong: 6, stranger: 1, "nobody": 2})
    board.redis.hset(versions, mapping={ahead: 1000, behind: 1})
    runs = [_prove(reconciler) for _ in range(RUNS + 1)]
    assert sum(run.differing for run in runs) == 6
    described = {item["player"]: item for run in runs for item in run.differences}
    assert described[ahead] == {"what": "version", "player": ahead, "redis": 1000, "database": 3}
    assert {described[player]["what"] for player in (missing, wrong, stranger, "nobody")} == {"score"}
    assert redis_scores() == expected_scores()
    assert board.rankings.changes_of(season, [UUID(ahead), UUID(behind)]) == [3, 3]
    assert board.board_sync.verify(season) == []


def test_a_run_costs_its_share_and_the_runs_together_are_a_whole_pass(
    board: Container, season: Season, players: list[UUID], reconciler: Reconciler
) -> None:
    store, part = ReconcileProgressStore(board.redis), SHARE + BATCH
    for number in range(1, STANDINGS // part + 1):
        # One walk through the standings, one through the sorted set; Redis returns some more than asked for.
        assert _prove(reconciler).standings <= part + SHARE + 1500
        assert store.progress(season).compared == number * part
        assert store.progress(season).passed == 0
    assert _prove(reconciler).differing == 0
    assert store.progress(season).passed > 0
    assert store.progress(season).compared == 0


def test_a_board_as_large_as_a_share_is_compared_as_a_whole_at_each_run(
    board: Container, season: Season, players: list[UUID]
) -> None:
    proof = make_reconciler(board, share=STANDINGS)
    for _ in range(2):
        board.redis.zadd(_keys(season)[0], {str(uuid4()): 11})
        assert _prove(proof).differing == 1
        assert ReconcileProgressStore(board.redis).progress(season).passed > 0


def test_what_has_changed_is_found_by_the_next_run_wherever_it_is(
    board: Container,
    season: Season,
    players: list[UUID],
    reconciler: Reconciler,
    expected_scores: Scores,
    redis_scores: Scores,
) -> None:
    """Lose the refreshes of an event and of a suspension, and let a correction lower a standing."""
    redeemed, suspended, lowered = players[-1], players[-2], players[-3]
    _prove(reconciler)
    for player, points in ((redeemed, 1), (lowered, -5)):
        _score_past_redis(board, season, player, points)
    board.moderation.suspend(suspended, "test")
    board.outbox.drain(lambda changes: None)
    proved = _prove(reconciler)
    assert {item["player"] for item in proved.differences} == {str(redeemed), str(suspended), str(lowered)}
    assert redis_scores() == expected_scores()


def test_an_event_is_found_whose_number_is_older_than_one_that_was_seen(
    board: Container, season: Season, players: list[UUID], reconciler: Reconciler
) -> None:
    """Commit an event last whose number was drawn first."""
    row = board.database.row("SELECT nextval(pg_get_serial_sequence('score_events', 'id')) AS id")
    assert row is not None
    _score_past_redis(board, season, players[-1], 1)
    assert _prove(reconciler).differing == 1
    _score_past_redis(board, season, players[-2], 1, number=row.id)
    assert _prove(reconciler).differing == 1


def test_after_a_restore_to_fewer_events_the_newest_are_looked_at(container: Container) -> None:
    changes = RecentChangeStore(container.database)
    season = container.standings.season(MAIN)
    assert changes.last_checked_event(0) == changes.last_checked_event(10**9) == 0
    container.accounts.create("Anna", "a good password")
    player = container.accounts.find("Anna").id
    container.database.rows(
        "INSERT INTO standings (season_id, player_id, score, changes, achieved_at)"
        " VALUES (:season, :player, 1, 1, now()) RETURNING 1",
        season=season.id,
        player=player,
    )
    _score_past_redis(container, season, player, 1)
    newest, players = changes.by_events(season, 0, 10)
    assert newest is not None
    assert players == [player]
    assert changes.last_checked_event(newest) == newest
    assert changes.last_checked_event(newest + 1) == 0
    assert changes.last_settled_event() == 0, "it is younger than the longest transaction"


def test_the_top_is_proven_at_each_run(board: Container, season: Season, reconciler: Reconciler) -> None:
    scores, _ = _keys(season)
    board.redis.zadd(scores, {str(uuid4()): 10**9})
    best = board.standings.top(limit=1)
    assert _prove(reconciler).differing == 1
    board.redis.zrem(scores, board.redis.zrevrange(scores, 0, 0)[0])
    assert _prove(reconciler).differing == 1
    assert board.standings.top(limit=1).rows == best.rows


@pytest.mark.parametrize("names", [("scores",), ("versions",), ("scores", "versions")], ids="+".join)
def test_what_has_vanished_is_rebuilt_by_one_run(
    names: tuple[str, ...],
    board: Container,
    season: Season,
    reconciler: Reconciler,
    expected_scores: Scores,
    redis_scores: Scores,
) -> None:
    board.redis.delete(*(board.rankings.key(name, season) for name in names))
    if board.rankings.is_ready(season):
        assert _prove(reconciler).was_rebuilt
    else:
        board.board_sync.repair()
    assert redis_scores() == expected_scores()
    assert board.board_sync.verify(season) == []


def test_a_run_that_fails_half_way_is_made_anew(
    board: Container, season: Season, players: list[UUID], reconciler: Reconciler
) -> None:
    """Let Redis refuse to remove the stranger."""
    _prove(reconciler)
    before = ReconcileProgressStore(board.redis).progress(season)
    board.redis.zadd(_keys(season)[0], {str(uuid4()): 10**9})
    board.redis.execute_command("ACL", "SETUSER", "clumsy", "on", "nopass", "~*", "&*", "+@all", "-zrem")
    clumsy = connect(re.sub("//[^@]*@", "//clumsy:any@", board.settings.redis_url), 5.0)
    try:
        with pytest.raises(NoPermissionError):
            make_reconciler(board, BulkRankings(clumsy, Scripts(clumsy))).reconcile(pause=0)
    finally:
        clumsy.close()
        board.redis.execute_command("ACL", "DELUSER", "clumsy")
    assert ReconcileProgressStore(board.redis).progress(season) == before
    assert _prove(reconciler).differing == 1


def test_a_pass_begins_anew_on_another_run_of_redis(board: Container, season: Season, reconciler: Reconciler) -> None:
    _prove(reconciler)
    store = ReconcileProgressStore(board.redis)
    board.redis.hset(f"leaderboard:proof:{{{season.tag}}}", "run", "another")
    _prove(reconciler)
    assert store.progress(season).compared == SHARE + BATCH
    assert store.progress(season).run == board.rankings.run_id(season)


def test_so_many_rows_are_held_at_once_and_no_more(board: Container, season: Season, players: list[UUID]) -> None:
    """Count rows besides the differences: every walk reads a board in batches."""
    comparison = make_reconciler(board)._comparison
    patience = Retries()
    after: UUID | None = UUID(int=0)
    compared = 0
    while after is not None:
        part = comparison.suspects_after(season, after, patience)
        assert len(part.members) <= BATCH
        assert part.suspects == []
        after, compared = part.last, compared + len(part.members)
    assert compared == STANDINGS
    cursor, scanned = BulkRankings.scan(board.bulk_rankings, season, 0)
    assert cursor != 0, "one call does not answer the whole sorted set"
    assert len(scanned) < STANDINGS / 2


def _score_past_redis(
    container: Container, season: Season, player: UUID, points: int, number: int | None = None
) -> None:
    """Commit an event whose change never reaches Redis: its refresh is lost."""
    values: dict[str, Any] = {"season": season.id, "player": player, "points": points}
    id_column = ", id" if number else ""
    id_value = ", :number" if number else ""
    if number:
        values["number"] = number
    container.database.rows(
        f"""
        WITH standing AS (
            UPDATE standings SET score = score + :points, changes = changes + 1
            WHERE season_id = :season AND player_id = :player RETURNING score
        )
        INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score, score,
                                  issued_at, request_id{id_column})
        {"OVERRIDING SYSTEM VALUE" if number else ""}
        SELECT gen_random_uuid(), :player, :season, 1, :points, score - :points, score, now(), 'test'{id_value}
        FROM standing RETURNING 1
        """,
        **values,
    )
