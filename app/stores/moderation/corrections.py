"""Corrections: the events that are voided or restored, by whom and why, and the state of the work."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from app.domain.corrections import Correction, Selection
from app.stores.moderation.selections import values_of
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

_COLUMNS = """
    id, kind, state, player_id, action_type_id, board_id, since, until, made_by, reason, made_at, finished_at, case_id,
    restores_id, events, points, players
"""


def _correction(row: Row) -> Correction:
    selection = Selection(row.player_id, row.action_type_id, row.board_id, row.since, row.until)
    return Correction(
        row.id,
        row.kind,
        row.state,
        selection,
        row.made_by,
        row.reason,
        row.made_at,
        row.finished_at,
        row.case_id,
        row.restores_id,
        row.events,
        row.points,
        row.players,
    )


class CorrectionStore:
    """Corrections. Writes take the caller's connection, on which the correction is locked."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, correction_id: UUID) -> Correction | None:
        """Return the correction, or `None`."""
        row = self._db.row(f"SELECT {_COLUMNS} FROM corrections WHERE id = :id", id=correction_id)
        return _correction(row) if row else None

    def page(self, *, limit: int, state: str | None = None, after: UUID | None = None) -> list[Correction]:
        """Return at most `limit` corrections, the newest first, those before `after`; `state` `None`: any."""
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM corrections WHERE state = coalesce(CAST(:state AS text), state) AND (
                CAST(:after AS uuid) IS NULL
                OR (made_at, id) < (SELECT made_at, id FROM corrections WHERE id = :after)
            )
            ORDER BY made_at DESC, id DESC LIMIT :limit
            """,
            state=state,
            limit=limit,
            after=after,
        )
        return [_correction(row) for row in rows]

    def running(self) -> list[UUID]:
        """Return the unfinished corrections, the oldest first. A restore has ended its void, so no order is needed."""
        return [row.id for row in self._db.rows("SELECT id FROM corrections WHERE state = 'running' ORDER BY made_at")]

    def add(
        self,
        connection: sa.Connection,
        correction_id: UUID,
        kind: str,
        selection: Selection,
        *,
        made_by: str,
        reason: str,
        request_id: str,
        case_id: UUID | None,
        restores_id: UUID | None,
    ) -> None:
        """Begin a correction. Without an `until` its time ends now, so that later redemptions are not selected."""
        connection.execute(
            sa.text(
                """
                INSERT INTO corrections
                    (id, kind, player_id, action_type_id, board_id, since, until, made_by, reason, request_id, case_id,
                     restores_id, horizon)
                VALUES (:id, :kind, :player_id, :action_type_id, :board_id, :since,
                        coalesce(CAST(:until AS timestamptz), clock_timestamp()), :made_by, :reason, :request_id,
                        :case_id, :restores_id, pg_current_xact_id()::text::bigint)
                """
            ),
            {
                **values_of(selection),
                "id": correction_id,
                "kind": kind,
                "made_by": made_by,
                "reason": reason,
                "request_id": request_id,
                "case_id": case_id,
                "restores_id": restores_id,
            },
        )

    def lock(self, connection: sa.Connection, correction_id: UUID) -> Correction | None:
        """Lock the correction until the transaction ends and return it, or `None` if there is none."""
        row = connection.execute(
            sa.text(f"SELECT {_COLUMNS} FROM corrections WHERE id = :id FOR UPDATE"), {"id": correction_id}
        ).one_or_none()
        return _correction(row) if row else None

    def voids_of_case(self, connection: sa.Connection, case_id: UUID) -> list[UUID]:
        """Return the voids of a case that were not restored, the oldest first."""
        rows = connection.execute(
            sa.text(
                """
                SELECT id FROM corrections
                WHERE case_id = :case AND kind = 'void' AND state <> 'restored' ORDER BY made_at
                """
            ),
            {"case": case_id},
        )
        return [row.id for row in rows]

    def set_state(self, connection: sa.Connection, correction_id: UUID, state: str) -> int:
        """Finish the correction in this state, count its players and return the number of its events."""
        events: int = connection.execute(
            sa.text(
                """
                UPDATE corrections SET state = :state, finished_at = clock_timestamp(), players = (
                    SELECT count(DISTINCT player_id) FROM score_events WHERE correction_id = :id
                ) WHERE id = :id RETURNING events
                """
            ),
            {"id": correction_id, "state": state},
        ).scalar_one()
        return events

    def is_settled(self, connection: sa.Connection, correction_id: UUID) -> bool:
        """Return whether no further event of the selection can appear: all transactions of the time are over.

        A correction that was made in the future ends at once: since the clock was set back, its time comes again.
        """
        return bool(
            connection.execute(
                sa.text(
                    """
                    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > horizon
                       AND (until <= clock_timestamp() OR made_at > clock_timestamp())
                    FROM corrections WHERE id = :id
                    """
                ),
                {"id": correction_id},
            ).scalar_one()
        )
