"""The expanding migration on a ledger with a past, while servers of the version before go on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.board_plans import Fields
from app.errors import Conflict
from app.services.boards.plan_writer import Operator
from app.settings import Settings
from app.stores.play.redeem_statement import REDEEM_SUM
from app.stores.postgres import migrations
from app.stores.postgres.session_settings import SCHEMA
from devstack.stack import Stack
from tests.parts.waiting import eventually

_BEFORE = "0017"
_PLAYERS, _EVENTS = 500, 10_000
_WRITERS = 3

# The statement of servers before the migration, without its parts for keys and limits.
_OLD_REDEEM = """
    WITH who AS MATERIALIZED (
        SELECT id, held_under FROM players WHERE id = %(player)s AND status = 'active'
    ), standing AS (
        INSERT INTO standings AS s (season_id, player_id, score, held, changes, achieved_at)
        SELECT 1, id, CASE WHEN held_under IS NOT NULL THEN 0 ELSE 1 END,
               CASE WHEN held_under IS NOT NULL THEN 1 ELSE 0 END, 1, clock_timestamp()
        FROM who
        ON CONFLICT (season_id, player_id) DO UPDATE
        SET score = s.score + excluded.score, held = s.held + excluded.held, changes = s.changes + 1,
            achieved_at = CASE WHEN excluded.held = 0 THEN clock_timestamp() ELSE s.achieved_at END
        RETURNING score + held AS score, held, changes, achieved_at
    ), event AS (
        INSERT INTO score_events
            (action_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at, request_id,
             created_at, held_under)
        SELECT %(action)s, %(player)s, 1, 1, 1, score - 1, score, now(), 'r',
               CASE WHEN held_under IS NOT NULL THEN clock_timestamp() ELSE achieved_at END, held_under
        FROM standing, who RETURNING id
    )
    INSERT INTO outbox (season_id, player_id, event_id, request_id) SELECT 1, %(player)s, id, 'r' FROM event
"""


def _fill(url: str) -> list[UUID]:
    """Add players with many events; the last one's points are held. Return the players."""
    players = [uuid4() for _ in range(_PLAYERS)]
    with sa.create_engine(url).begin() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO players (id, username, username_key, password_hash, held_under)
                SELECT id, 'p' || place, 'p' || place, 'x', CASE WHEN place = :players THEN gen_random_uuid() END
                FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS p (id, place)
                """
            ),
            {"ids": players, "players": _PLAYERS},
        )
        connection.execute(
            sa.text(
                """
                INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score,
                                          score, issued_at, created_at, request_id, held_under)
                SELECT gen_random_uuid(), p.id, 1, 1, 1, number - 1, number, now(), now() - interval '1 day', 'r',
                       p.held_under
                FROM generate_series(1, :each) number CROSS JOIN players p ORDER BY number
                """
            ),
            {"each": _EVENTS // _PLAYERS},
        )
        connection.execute(
            sa.text(
                """
                INSERT INTO standings (season_id, player_id, score, held, changes, achieved_at)
                SELECT 1, p.id, coalesce(sum(points) FILTER (WHERE p.held_under IS NULL), 0),
                       coalesce(sum(points) FILTER (WHERE p.held_under IS NOT NULL), 0), count(*), max(e.created_at)
                FROM score_events e JOIN players p ON p.id = e.player_id GROUP BY p.id
                """
            )
        )
    return players


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _has(url: str, what: str) -> bool:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        row = connection.execute(f"SELECT {what}").fetchone()
    return bool(row and row[0])


def test_nothing_is_lost_while_servers_of_the_version_before_go_on(servers: Stack, empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    players, stop = _fill(empty_database), threading.Event()

    def play(number: int) -> int:
        scored = 0
        with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
            while not stop.is_set() or scored < 20:
                player = players[-1] if scored % 5 == 0 else players[(number + _WRITERS * scored) % _PLAYERS]
                scored += connection.execute(_OLD_REDEEM, {"player": player, "action": uuid4()}).rowcount
        return scored

    with ThreadPoolExecutor(_WRITERS) as pool:
        games = [pool.submit(play, number) for number in range(_WRITERS)]
        migrations.upgrade(empty_database)
        stop.set()
        scored = sum(game.result() for game in games)
    settings = Settings.from_env(servers.env).model_copy(update={"database_url": empty_database})
    container = Container(settings)
    try:
        row: Any = container.database.row("SELECT sum(score + held) AS total, count(*) AS players FROM standings")
        assert (row.total, row.players) == (_EVENTS + scored, _PLAYERS)
        assert list(container.corrections.find_unsound()) == []
        season = container.standings.season("main")
        assert container.board_sync.rebuild(season) == _PLAYERS - 1
        assert container.board_pages.total(season) == _PLAYERS - 1, "held points rank no one"
    finally:
        container.redis.flushdb()
        container.close()


def test_all_standings_of_before_are_completed(empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    players = _fill(empty_database)
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        connection.execute("UPDATE standings SET score = 0 WHERE player_id = ANY(%s)", (players[:300],))
    migrations.upgrade(empty_database)
    assert not _has(empty_database, "count(*) FROM standings WHERE score = 0 AND achieved_at IS NOT NULL")
    assert _has(empty_database, "count(*) = 1 FROM standings WHERE has_held AND held > 0")


def test_it_waits_for_no_long_reader_while_others_wait_behind_it(empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    (player, *_) = _fill(empty_database)
    url = _plain(empty_database)
    waits = "count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE '%migrations%'"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as reader:
        for table in ("standings", "players", "seasons"):
            reader.execute(f"SELECT count(*) FROM {table}")
        upgrade = pool.submit(migrations.upgrade, empty_database)
        eventually(lambda: _has(empty_database, waits))
        with psycopg.connect(url, autocommit=True, options="-c statement_timeout=5s") as server:
            server.execute("SELECT id FROM seasons WHERE ends_at IS NULL")
            assert server.execute(_OLD_REDEEM, {"player": player, "action": uuid4()}).rowcount == 1
        assert not upgrade.done()
        reader.rollback()
        upgrade.result()
    assert not _has(empty_database, "count(*) FROM pg_constraint WHERE NOT convalidated")


def test_a_standing_that_changes_while_it_is_completed_is_completed_too(empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    held = _fill(empty_database)[-1]
    migrations.upgrade(empty_database, "0022")
    waits = "count(*) FROM pg_stat_activity WHERE query LIKE '%UPDATE standings s%' AND wait_event_type = 'Lock'"
    with psycopg.connect(_plain(empty_database)) as player, ThreadPoolExecutor(1) as pool:
        player.execute("UPDATE standings SET changes = changes + 1 WHERE player_id = %s", (held,))
        upgrade = pool.submit(migrations.upgrade, empty_database)
        eventually(lambda: _has(empty_database, waits), every=0.01)
        player.commit()
        upgrade.result()
    assert not _has(empty_database, "count(*) FROM standings WHERE held > 0 AND NOT has_held")


def test_it_goes_on_after_a_stop_between_its_steps(empty_database: str) -> None:
    migrations.upgrade(empty_database, "0022")
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        connection.execute("ALTER TABLE standings VALIDATE CONSTRAINT ck_standings_score")
        connection.execute("CREATE INDEX ix_standings_withheld ON standings (player_id) WHERE has_held OR held <> 0")
    migrations.upgrade(empty_database)
    assert not _has(empty_database, "count(*) FROM pg_constraint WHERE NOT convalidated")


def test_no_action_scores_twice_on_both_sides_of_the_partitioning(empty_database: str) -> None:
    """Servers of before have the statement of this version, prepared on the table that becomes a partition."""
    migrations.upgrade(empty_database, "0028")
    players, stop = _fill(empty_database)[:-1], threading.Event()
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        connection.execute("GRANT SELECT ON score_events TO PUBLIC")

    def values(player: UUID, action: UUID, issued_at: datetime) -> dict[str, Any]:
        ids = {"player": player, "action": action, "type": 1, "request": "r"}
        return {**ids, "result": 1, "most": 2**53 - 1, "issued": issued_at, "judged": None, "metadata": None}

    def play(number: int) -> list[dict[str, Any]]:
        redeemed: list[dict[str, Any]] = []
        with psycopg.connect(_plain(empty_database), autocommit=True, prepare_threshold=0) as connection:
            while not stop.is_set() or len(redeemed) < 20:
                player = players[(number + _WRITERS * len(redeemed)) % len(players)]
                redeemed.append(values(player, uuid4(), datetime.now(UTC)))
                assert connection.execute(REDEEM_SUM, redeemed[-1]).fetchall()
        return redeemed

    with ThreadPoolExecutor(_WRITERS) as pool:
        games = [pool.submit(play, number) for number in range(_WRITERS)]
        migrations.upgrade(empty_database)
        stop.set()
        redeemed = [each for game in games for each in game.result()]
    later = [values(players[0], uuid4(), datetime.now(UTC) + timedelta(days=days)) for days in (80, 4000)]
    total = f"(SELECT sum(score) FROM standings) = {_EVENTS + len(redeemed) - _EVENTS // _PLAYERS + len(later)}"
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        for event in later:
            connection.execute(REDEEM_SUM, event)
        for event in redeemed[:: len(redeemed) // 20] + later:
            with pytest.raises(psycopg.errors.UniqueViolation) as violation:
                connection.execute(REDEEM_SUM, event)
            assert str(violation.value.diag.constraint_name).startswith("uq_score_events_action")
            assert event in later or violation.value.diag.constraint_name == "uq_score_events_action"
    assert _has(empty_database, total)
    assert _has(empty_database, "has_table_privilege('public', 'score_events', 'SELECT')")
    leftover = "NOT convalidated OR conname = 'ck_score_events_before'"
    assert _has(empty_database, f"count(*) = 0 FROM pg_constraint WHERE {leftover}")
    events = f"count(*) = {_EVENTS + len(redeemed) + len(later)} AND count(DISTINCT id) = count(*) FROM score_events"
    assert _has(empty_database, events)
    migrations.downgrade(empty_database, "0028")
    assert _has(empty_database, events)
    migrations.upgrade(empty_database)
    assert _has(empty_database, events)


def test_the_partitioning_goes_on_after_a_stop_between_its_steps(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0029'")
    migrations.upgrade(empty_database)
    migrations.downgrade(empty_database, "0029")
    with psycopg.connect(_plain(empty_database), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0028'")
    migrations.upgrade(empty_database)
    assert _has(empty_database, "relkind = 'p' FROM pg_class WHERE relname = 'score_events'")


_LEFTOVER = "to_regproc('unlist_standing') IS NOT NULL"


def test_boards_change_only_once_no_server_of_before_is_left(servers: Stack, empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    migrations.upgrade(empty_database)
    assert _has(empty_database, _LEFTOVER)
    container = Container(Settings.from_env(servers.env).model_copy(update={"database_url": empty_database}))
    new_board: dict[str, Fields] = {"weekly": {"schedule": "0 0 * * 1"}}
    fed: dict[str, Fields] = {"tap": {"boards": ["main", "weekly"]}}
    try:
        plan = container.board_plans.plan(new_board, fed)
        with pytest.raises(Conflict, match="flask db contract"):
            container.board_plans.apply(plan, by=Operator("tests", "r"))
        with psycopg.connect(_plain(empty_database), application_name="fairboard beat"):
            with pytest.raises(Conflict, match="fairboard beat"):
                container.schema.contract()
            assert _has(empty_database, _LEFTOVER)
        assert container.schema.contract()
        assert not container.schema.contract(), "there is nothing left to drop"
        assert not _has(empty_database, _LEFTOVER)
        container.board_plans.apply(plan, by=Operator("tests", "r"))
        assert {season.board for season in container.catalog.open_seasons()} == {"main", "weekly"}
    finally:
        container.close()
    migrations.downgrade(empty_database, _BEFORE)
    assert _has(empty_database, "to_regclass('ix_standings_held') IS NOT NULL")


def test_a_new_database_is_contracted_at_once(empty_database: str) -> None:
    migrations.upgrade(empty_database)
    assert not _has(empty_database, _LEFTOVER)


def test_processes_go_on_on_the_schema_of_a_later_version(container: Container) -> None:
    container.database.rows("UPDATE alembic_version SET version_num = '9999' RETURNING version_num")
    assert container.health.faults() == {}
    assert {check.state for check in container.doctor.examine() if check.part == "migrations"} == {"note"}
    container.database.rows("UPDATE alembic_version SET version_num = '0022' RETURNING version_num")
    assert "0022" in container.health.faults()["postgresql"]


def test_the_names_of_sessions_have_the_newest_migration() -> None:
    assert migrations.newest() == SCHEMA
