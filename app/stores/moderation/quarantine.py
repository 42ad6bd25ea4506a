"""Held points: visible to their player alone until the case under which they were scored is decided."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from app.stores.boards.counting import achieved_at, held_total
from app.stores.postgres.engine import Database

_SETTLE = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, p.held_under, {held_total("s", "p.held_under")} AS held
        FROM standings s JOIN players p ON p.id = s.player_id WHERE {{which}}
    )
    UPDATE standings s SET score = s.score + s.held - due.held, held = due.held, changes = s.changes + 1,
        achieved_at = coalesce({achieved_at("s", "due.held_under")}, s.achieved_at)
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id AND s.held <> due.held
"""
_SETTLE_PLAYER = _SETTLE.format(which="s.player_id = :player")
_SETTLE_PLAYERS = _SETTLE.format(which="s.player_id = ANY(:players) AND s.held > 0")


class QuarantineStore:
    """Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def holding_case(self, connection: sa.Connection, player_id: UUID) -> UUID | None:
        """Return the case under which the player's points are held, or `None`."""
        case_id: UUID | None = connection.execute(
            sa.text("SELECT held_under FROM players WHERE id = :player"), {"player": player_id}
        ).scalar_one()
        return case_id

    def hold(self, connection: sa.Connection, player_id: UUID, case_id: UUID | None) -> int:
        """Hold past and future points of this case, or with `None` none; return the number of changed standings."""
        connection.execute(
            sa.text("UPDATE players SET held_under = :case WHERE id = :player"),
            {"case": case_id, "player": player_id},
        )
        return self.settle(connection, player_id)

    def settle(self, connection: sa.Connection, player_id: UUID) -> int:
        """Recompute scores and held points from events and the player's case; return the number of changed standings.

        The rows are locked first, so that the next statement sees the redemption that had them locked.
        """
        values = {"player": player_id}
        connection.execute(sa.text("SELECT FROM standings WHERE player_id = :player FOR UPDATE"), values)
        return connection.execute(sa.text(_SETTLE_PLAYER), values).rowcount

    def settle_missed(self, connection: sa.Connection, players: Sequence[UUID]) -> None:
        """Correct these players' held points, which may include a redemption that was in flight at a decision.

        Call it before their events are voided, so that the void subtracts points from the column that has them. The
        caller has locked the standings.
        """
        connection.execute(sa.text(_SETTLE_PLAYERS), {"players": list(players)})

    def players_without_case(self) -> list[UUID]:
        """Return players with held points but no case: a redemption was in flight when the case was decided."""
        rows = self._db.rows(
            """
            SELECT DISTINCT s.player_id FROM standings s JOIN players p ON p.id = s.player_id
            WHERE s.held > 0 AND p.held_under IS NULL
            """
        )
        return [row.player_id for row in rows]

    def mislisted_players(self, seconds: float) -> list[UUID]:
        """Return players that are on a board though suspended, or off it though active.

        Their first redemption there was in flight at a decision on them, in the last `seconds`.
        """
        rows = self._db.rows(
            """
            SELECT DISTINCT p.id FROM players p JOIN standings s ON s.player_id = p.id
            WHERE p.status_at > now() - make_interval(secs => :seconds) AND s.listed <> (p.status = 'active')
            """,
            seconds=seconds,
        )
        return [row.id for row in rows]
