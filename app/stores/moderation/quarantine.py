"""Points that are held: seen by their player alone until the case they were scored under is decided."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database

# An action counts unless the newest event about it is a void.
_COUNTS = """
    (
        SELECT v.kind FROM score_events v WHERE v.action_id = e.action_id AND v.kind <> 'redeem'
        ORDER BY v.id DESC LIMIT 1
    ) IS DISTINCT FROM 'void'
"""
# What was scored under the case that the player is held under now is held, and nothing else. The time of a standing is
# that of its newest event that counts and that everybody sees.
_SETTLE = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, p.held_under, coalesce((
            SELECT sum(e.points) FROM score_events e
            WHERE e.player_id = s.player_id AND e.season_id = s.season_id AND e.kind = 'redeem'
              AND e.held_under = p.held_under AND {_COUNTS}
        ), 0) AS held
        FROM standings s JOIN players p ON p.id = s.player_id WHERE {{which}}
    )
    UPDATE standings s SET score = s.score + s.held - due.held, held = due.held, changes = s.changes + 1,
        achieved_at = coalesce((
            SELECT e.created_at FROM score_events e
            WHERE e.player_id = s.player_id AND e.season_id = s.season_id AND e.kind = 'redeem'
              AND (due.held_under IS NULL OR e.held_under IS DISTINCT FROM due.held_under) AND {_COUNTS}
            ORDER BY e.id DESC LIMIT 1
        ), s.achieved_at)
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id AND s.held <> due.held
"""


_OF_ONE = _SETTLE.format(which="s.player_id = :player")
_OF_MANY = _SETTLE.format(which="s.player_id = ANY(:players) AND s.held > 0")


class QuarantineStore:
    """Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @staticmethod
    def held_under(connection: sa.Connection, player_id: UUID) -> UUID | None:
        """The case under which the player's points are held; None for a player like any other."""
        found: UUID | None = connection.execute(
            sa.text("SELECT held_under FROM players WHERE id = :player"), {"player": player_id}
        ).scalar_one()
        return found

    @staticmethod
    def hold(connection: sa.Connection, player_id: UUID, case_id: UUID | None) -> int:
        """Hold what was and will be scored under this case, or with None nothing; how many standings changed."""
        connection.execute(
            sa.text("UPDATE players SET held_under = :case WHERE id = :player"),
            {"case": case_id, "player": player_id},
        )
        return QuarantineStore.settle(connection, player_id)

    @staticmethod
    def settle(connection: sa.Connection, player_id: UUID) -> int:
        """Make score and held points what the events and the player's case say; how many standings changed.

        The rows are locked first: a redemption that had them is seen by the statement after it.
        """
        player = {"player": player_id}
        connection.execute(sa.text("SELECT FROM standings WHERE player_id = :player FOR UPDATE"), player)
        return connection.execute(sa.text(_OF_ONE), player).rowcount

    @staticmethod
    def settle_strays(connection: sa.Connection, players: Sequence[UUID]) -> None:
        """Before events of these players are voided, whose standings the caller has locked: what is held is what
        should be, and not what was on its way at a decision, so that it is taken from where it was put."""
        connection.execute(sa.text(_OF_MANY), {"players": list(players)})

    def missed_status_changes(self) -> list[UUID]:
        """Whose points are held although they are under no case: they were on their way when it was decided."""
        rows = self._db.rows(
            """
            SELECT DISTINCT s.player_id FROM standings s JOIN players p ON p.id = s.player_id
            WHERE s.held > 0 AND p.held_under IS NULL
            """
        )
        return [row.player_id for row in rows]

    def mislisted(self, seconds: float) -> list[UUID]:
        """Who is on a board though suspended, or off though active: their first redemption there was on its way when
        somebody decided on them, in the last `seconds`."""
        rows = self._db.rows(
            """
            SELECT DISTINCT p.id FROM players p JOIN standings s ON s.player_id = p.id
            WHERE p.status_at > now() - make_interval(secs => :seconds) AND s.listed <> (p.status = 'active')
            """,
            seconds=seconds,
        )
        return [row.id for row in rows]
