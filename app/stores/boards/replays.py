"""Replays of the ledger: how far each has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from app.stores.postgres.engine import Database

_COLUMNS = "id, state, plan, made_by, request_id, made_at, player_id, covered_id, is_walked, standings"
_UNFINISHED = "state IN ('running', 'switched')"


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay: `plan` is carried out at its end; `player_id`: all players up to there were folded once."""

    id: UUID
    state: str
    plan: Mapping[str, Any]
    made_by: str
    request_id: str
    made_at: datetime
    player_id: UUID | None
    covered_id: int | None
    is_walked: bool
    standings: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest event, and a transaction: once it and all before it are over, every event up to there is visible."""

    event_id: int
    transaction: int


class ReplayStore:
    """Replays, of which one at most is unfinished. Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def unfinished(self) -> Replay | None:
        """Return the replay that has not been finished, None without one."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM replays WHERE {_UNFINISHED}")
        return Replay(*row) if row else None

    def get(self, replay_id: UUID) -> Replay | None:
        """Return a replay, None for an unknown id."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM replays WHERE id = :id", id=replay_id)
        return Replay(*row) if row else None

    def cancelled_in_part(self) -> list[Replay]:
        """Return the cancelled replays whose seasons are not deleted yet."""
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM replays r WHERE state = 'cancelled' AND EXISTS (
                SELECT FROM seasons n WHERE n.replay_id = r.id AND n.board_id IS NULL
            )
            """
        )
        return [Replay(*row) for row in rows]

    def page(self, limit: int) -> list[Replay]:
        """Return at most `limit` replays, the newest first."""
        query = f"SELECT {_COLUMNS} FROM replays ORDER BY made_at DESC, id LIMIT :most"
        return [Replay(*row) for row in self._db.rows(query, most=limit)]

    def lock(self, connection: sa.Connection, replay_id: UUID) -> Replay | None:
        """Lock the replay until the transaction ends, and return it."""
        query = f"SELECT {_COLUMNS} FROM replays WHERE id = :id FOR UPDATE"
        row = connection.execute(sa.text(query), {"id": replay_id}).one_or_none()
        return Replay(*row) if row else None

    def add(self, connection: sa.Connection, plan: str, made_by: str, request_id: str) -> UUID:
        """Begin a replay with this plan, in JSON; return its id."""
        values = {"id": uuid4(), "plan": plan, "made_by": made_by, "request_id": request_id}
        statement = """
            INSERT INTO replays (id, plan, made_by, request_id)
            VALUES (:id, CAST(:plan AS jsonb), :made_by, :request_id)
        """
        connection.execute(sa.text(statement), values)
        return values["id"]  # type: ignore[return-value]

    def finish(self, connection: sa.Connection, replay_id: UUID, state: str) -> None:
        """Write the state of a replay, and its end unless that is `switched`."""
        statement = """
            UPDATE replays SET state = :state, finished_at = CASE WHEN :state <> 'switched' THEN clock_timestamp() END
            WHERE id = :id
        """
        connection.execute(sa.text(statement), {"id": replay_id, "state": state})

    def mark(self, connection: sa.Connection) -> Mark:
        """Return a mark of the events so far."""
        event = connection.execute(sa.text("SELECT coalesce(max(id), 0) AS id FROM score_events")).one()
        transaction = connection.execute(sa.text("SELECT pg_current_xact_id()::text::bigint AS id")).one()
        return Mark(event.id, transaction.id)

    def is_settled(self, mark: Mark) -> bool:
        """Return whether every event up to the mark is visible now, however late its transaction ended."""
        row = self._db.row("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest")
        return row is not None and row.oldest > mark.transaction

    def cover(self, connection: sa.Connection, replay_id: UUID, event_id: int) -> None:
        """Write that all events up to this one are in the filled seasons."""
        statement = "UPDATE replays SET covered_id = :event WHERE id = :id"
        connection.execute(sa.text(statement), {"id": replay_id, "event": event_id})

    def uncover(self, connection: sa.Connection, replay_id: UUID, since: datetime) -> None:
        """Write that the events from this time on may be missing in a filled season."""
        connection.execute(
            sa.text(
                """
                UPDATE replays SET covered_id = least(covered_id, coalesce((
                    SELECT id FROM score_events
                    WHERE coalesce(imported_at, created_at) < CAST(:since AS timestamptz) - interval '1 minute'
                    ORDER BY id DESC LIMIT 1
                ), 0)) WHERE id = :id
                """
            ),
            {"id": replay_id, "since": since},
        )

    def next_players(self, connection: sa.Connection, after: UUID | None, limit: int) -> list[UUID]:
        """Lock the next players by id, so that no decision about them is made meanwhile, and return them."""
        query = """
            SELECT id FROM players WHERE id > coalesce(CAST(:after AS uuid), CAST(:nil AS uuid))
            ORDER BY id LIMIT :most FOR SHARE
        """
        values = {"after": after, "most": limit, "nil": UUID(int=0)}
        return [row.id for row in connection.execute(sa.text(query), values)]

    def players_since(
        self, connection: sa.Connection, event_id: int, until: int | None, after: UUID, limit: int
    ) -> list[UUID]:
        """Return the next players by id with an event of any kind after `event_id`, up to `until`."""
        query = """
            SELECT DISTINCT player_id FROM score_events
            WHERE id > :event AND (CAST(:until AS bigint) IS NULL OR id <= :until) AND player_id > :after
            ORDER BY player_id LIMIT :most
        """
        values = {"event": event_id, "until": until, "after": after, "most": limit}
        return [row.player_id for row in connection.execute(sa.text(query), values)]

    def lock_players(self, connection: sa.Connection, players: Sequence[UUID]) -> None:
        """Let no decision about these players be made until the transaction ends."""
        query = "SELECT FROM players WHERE id = ANY(:players) ORDER BY id FOR SHARE"
        connection.execute(sa.text(query), {"players": list(players)})

    def advance(self, connection: sa.Connection, replay_id: UUID, last: UUID | None, standings: int) -> None:
        """Write that all players up to `last` were folded, None for all players, and count their standings."""
        connection.execute(
            sa.text(
                """
                UPDATE replays SET player_id = coalesce(CAST(:last AS uuid), player_id),
                    is_walked = is_walked OR CAST(:last AS uuid) IS NULL, standings = standings + :standings
                WHERE id = :id
                """
            ),
            {"id": replay_id, "last": last, "standings": standings},
        )

    def lock_standings(self, connection: sa.Connection) -> None:
        """Let all changes of standings wait until the transaction ends. Raises OperationalError.

        Autovacuum makes room after a second (deadlock_timeout), so the wait for the lock is longer.
        """
        connection.execute(sa.text("SET LOCAL lock_timeout = '3s'"))
        connection.execute(sa.text("LOCK TABLE standings IN EXCLUSIVE MODE"))
