"""A board of any size, written straight into PostgreSQL, and some players that can sign in."""

from __future__ import annotations

from typing import Any

import psycopg
import redis

from bench.players import BenchPlayer, register
from devstack.stack import Stack

_READERS = 20

_PLAYERS = """
    INSERT INTO players (id, username, username_key, password_hash)
    SELECT gen_random_uuid(), 'player-' || n, 'player-' || n, '-'
    FROM generate_series(%(first)s::int, %(last)s::int) AS n
"""
# Scores are spread as in real play: few are very high. Events are of the last week, the newest an hour old.
_EVENTS = """
    INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score, score,
                              issued_at, created_at, judged_at, request_id)
    SELECT gen_random_uuid(), p.id, 1, t.id, drawn.points, 0, drawn.points, at - interval '10 s', at, at, 'bench'
    FROM players p JOIN action_types t ON t.slug = 'tap'
    CROSS JOIN LATERAL (
        SELECT 1 + floor(exp(random() * 12) + 0 * length(p.username))::bigint AS points,
               now() - interval '1 hour' - random() * interval '7 days' + 0 * length(p.username) * interval '1 s' AS at
    ) AS drawn
    WHERE NOT EXISTS (SELECT FROM standings s WHERE s.player_id = p.id)
"""
_STANDINGS = """
    INSERT INTO standings (season_id, player_id, score, changes, achieved_at)
    SELECT season_id, player_id, score, 1, created_at FROM score_events e
    WHERE NOT EXISTS (SELECT FROM standings s WHERE s.player_id = e.player_id)
"""
# Sixteen segments, each of which grows with the board.
_COUNTRIES = """
    INSERT INTO player_attributes (player_id, name, value)
    SELECT id, 'country', 'C' || (hashtext(username) & 15) FROM players
    ON CONFLICT DO NOTHING
"""


class ScaleBoard:
    """The board `main` of a stack without other players."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._standings = 0
        self._readers = register(stack.url, _READERS, prefix="reader")
        stack.flask("boards", "change", "main", "--segment", "country")

    def grow_to(self, standings: int) -> None:
        """Add players until there are `standings`, those of the readers among them."""
        first = max(self._standings, _READERS) + 1
        self._sql(_PLAYERS, first=first, last=standings)
        self._sql(_COUNTRIES)
        self._sql(_EVENTS)
        self._sql(_STANDINGS)
        for line in (
            "VACUUM (ANALYZE) players",
            "VACUUM (ANALYZE) player_attributes",
            "VACUUM (ANALYZE) standings",
            "VACUUM (ANALYZE) score_events",
        ):
            self._sql(line)
        self._sql("CHECKPOINT")
        self._standings = standings

    def readers(self) -> list[BenchPlayer]:
        """Return signed-in players with a standing."""
        return self._readers

    def forget(self) -> None:
        """Delete the boards in Redis."""
        with redis.Redis.from_url(self._stack.env["REDIS_URL"]) as client:
            for key in client.keys("leaderboard:*"):
                client.unlink(key)

    def _sql(self, sql: str, **values: Any) -> None:
        # Connect as superuser: the application's role may neither skip foreign keys nor request a checkpoint.
        with psycopg.connect(self._stack.postgres.admin_url("fairboard"), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # skip the checks of foreign keys
            connection.execute(sql, values or None)
