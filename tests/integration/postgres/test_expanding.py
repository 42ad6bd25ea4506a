"""The expanding migration on a ledger with a past, while servers of the version before go on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import sqlalchemy as sa

from app.containers.container import Container
from app.settings import Settings
from app.stores.postgres import migrations
from devstack.stack import Stack

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


def test_nothing_is_lost_while_servers_of_the_version_before_go_on(servers: Stack, empty_database: str) -> None:
    migrations.upgrade(empty_database, _BEFORE)
    players, stop = _fill(empty_database), threading.Event()

    def play(number: int) -> int:
        scored = 0
        url = empty_database.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url, autocommit=True) as connection:
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
