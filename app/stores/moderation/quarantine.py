"""Held points: visible to their player alone until the hold under which they were scored ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from app.stores.boards.counting import folded
from app.stores.postgres.engine import Database

_SETTLE = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, due.* FROM standings s JOIN players p ON p.id = s.player_id
        {folded("s", "p.held_under")} WHERE {{which}}
    )
    UPDATE standings s SET score = due.score, held = due.held, has_held = due.has_held, achieved_at = due.achieved_at,
        action_id = due.action_id, changes = s.changes + 1
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id
      AND (s.score, s.held, s.has_held, s.achieved_at, s.action_id)
          IS DISTINCT FROM (due.score, due.held, due.has_held, due.achieved_at, due.action_id)
"""
_SETTLE_PLAYER = _SETTLE.format(which="s.player_id = :player")
_SETTLE_PLAYERS = _SETTLE.format(which="s.player_id = ANY(:players) AND (s.has_held OR s.held <> 0)")


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a player's points. `until`: it may end by itself from then on; None: a person ends it."""

    id: UUID
    until: datetime | None = None


class QuarantineStore:
    """Writes take the caller's connection, whose transaction has locked the player."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def hold_of(self, connection: sa.Connection, player_id: UUID) -> Hold | None:
        """Return the hold on the player's points, or `None`."""
        row = connection.execute(
            sa.text("SELECT held_under, held_until FROM players WHERE id = :player"), {"player": player_id}
        ).one()
        return Hold(row.held_under, row.held_until) if row.held_under else None

    def hold(self, connection: sa.Connection, player_id: UUID, hold: Hold | None) -> int:
        """Hold past and future points of this hold, or with `None` none; return the number of changed standings."""
        connection.execute(
            sa.text("UPDATE players SET held_under = :hold, held_until = :until WHERE id = :player"),
            {"hold": hold and hold.id, "until": hold and hold.until, "player": player_id},
        )
        return self.settle(connection, player_id)

    def extend(self, connection: sa.Connection, player_id: UUID, until: datetime) -> None:
        """Move the time at which the player's hold may end by itself, if it is one that does."""
        statement = "UPDATE players SET held_until = :until WHERE id = :player AND held_until IS NOT NULL"
        connection.execute(sa.text(statement), {"until": until, "player": player_id})

    def players_to_release(self, now: datetime, most: int) -> list[UUID]:
        """Return at most `most` players whose hold may end by itself now."""
        rows = self._db.rows(
            "SELECT id FROM players WHERE held_until <= :now ORDER BY held_until LIMIT :most", now=now, most=most
        )
        return [row.id for row in rows]

    def settle(self, connection: sa.Connection, player_id: UUID) -> int:
        """Recompute scores and held points from events and the player's hold; return the number of changed standings.

        The rows are locked first, so that the next statement sees the redemption that had them locked.
        """
        values = {"player": player_id}
        connection.execute(
            sa.text("SELECT FROM standings WHERE player_id = :player ORDER BY season_id FOR UPDATE"), values
        )
        return connection.execute(sa.text(_SETTLE_PLAYER), values).rowcount

    def settle_missed(self, connection: sa.Connection, players: Sequence[UUID]) -> None:
        """Correct these players' held points, which may include a redemption that was in flight at a decision.

        Call it before their events are voided, so that the void subtracts points from the column that has them. The
        caller has locked the standings.
        """
        connection.execute(sa.text(_SETTLE_PLAYERS), {"players": list(players)})

    def players_without_hold(self) -> list[UUID]:
        """Return players with held points but no hold: a redemption was in flight when the hold ended."""
        rows = self._db.rows(
            """
            SELECT DISTINCT s.player_id FROM standings s JOIN players p ON p.id = s.player_id
            WHERE (s.has_held OR s.held <> 0) AND p.held_under IS NULL
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
