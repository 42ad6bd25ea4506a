"""Corrections: further events void and restore events, in batches that each are one transaction."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Correction, Selection
from app.errors import Conflict
from app.stores.boards.counting import (
    COUNTS,
    IS_VOIDED,
    NEWEST_REVERSAL,
    achieved_at,
    is_held,
    is_public,
    redemption_of,
    total,
)
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

# The search for events may take long, since it blocks no player; a change blocks the players of its events.
_SEARCH_SECONDS, _CHANGE_SECONDS = 500, 20

PAST_LIMIT = f"A score would be past {MAX_SCORE}, the highest there is, if this were restored. Nothing was restored."
SELECTED = """
    (CAST(:player_id AS uuid) IS NULL OR e.player_id = :player_id)
    AND (CAST(:action_type_id AS int) IS NULL OR e.action_type_id = :action_type_id)
    AND (CAST(:board_id AS int) IS NULL OR e.season_id IN (SELECT id FROM seasons WHERE board_id = :board_id))
    AND e.created_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
    AND e.created_at < coalesce(CAST(:until AS timestamptz), 'infinity')
"""
"""The condition on events `e` of a selection; `values_of` returns its parameters."""

_VOIDABLE = f"""
    SELECT e.id, e.id AS place, true AS meant FROM score_events e {NEWEST_REVERSAL}
    WHERE {COUNTS} AND {SELECTED} AND e.id > :cursor ORDER BY e.id LIMIT :most
"""
# The events that this void voided come newest first, so that the newest event that counts, whose time the standing has,
# is found at once. `meant` is true for events that no other correction has changed since.
_RESTORABLE = f"""
    WITH v AS MATERIALIZED (
        SELECT id, action_id FROM score_events WHERE correction_id = :restores_id AND id < :cursor
        ORDER BY id DESC LIMIT :most
    )
    SELECT e.id, v.id AS place, reversal.id = v.id AS meant
    FROM v {redemption_of("v")} {NEWEST_REVERSAL} ORDER BY v.id DESC
"""
_LOCK = """
    SELECT s.season_id, s.player_id FROM standings s
    JOIN (SELECT DISTINCT season_id, player_id FROM score_events WHERE id = ANY(:ids)) e USING (season_id, player_id)
    ORDER BY season_id, player_id FOR UPDATE OF s
"""
# The standings are locked now, but another correction may have changed the events before: those are skipped.
_WRITE = f"""
    INSERT INTO score_events
        (kind, action_id, voids_id, player_id, season_id, action_type_id, points, previous_score, score, issued_at,
         request_id, correction_id, held_under)
    SELECT CAST(:kind AS text), e.action_id, coalesce(reversal.id, e.id), e.player_id, e.season_id, e.action_type_id,
           :sign * e.points, s.score + s.held + :sign * (sum(e.points) OVER line - e.points),
           s.score + s.held + :sign * sum(e.points) OVER line, e.issued_at, :request_id, :correction, e.held_under
    FROM score_events e JOIN standings s ON s.season_id = e.season_id AND s.player_id = e.player_id {NEWEST_REVERSAL}
    WHERE e.id = ANY(:ids) AND ({IS_VOIDED}) = (:sign > 0) AND (:sign < 0 OR reversal.correction_id = :restores_id)
    WINDOW line AS (PARTITION BY e.season_id, e.player_id ORDER BY e.id ROWS UNBOUNDED PRECEDING)
    RETURNING id, season_id, player_id, action_id, points, held_under
"""
# The search for the newest event that counts passes all events voided since, so it runs only if the event may have
# changed: a redemption takes less than the ten seconds, so an event older by that much has a lower id too.
_RECOMPUTE_STANDINGS = f"""
    WITH change AS (
        SELECT w.season_id, w.player_id, p.held_under, max(e.created_at) AS newest,
               {total("w.points", is_held("w.held_under", "p.held_under"))} AS held,
               {total("w.points", is_public("w.held_under", "p.held_under"))} AS score
        FROM score_events w JOIN players p ON p.id = w.player_id {redemption_of("w")} WHERE w.id = ANY(:written)
        GROUP BY w.season_id, w.player_id, p.held_under
    )
    UPDATE standings s SET score = s.score + change.score, held = s.held + change.held, changes = s.changes + 1,
        achieved_at = CASE WHEN s.score + change.score = 0 THEN s.achieved_at
            WHEN s.score > 0 AND change.newest < s.achieved_at - interval '10 s' THEN s.achieved_at
            ELSE coalesce({achieved_at("s", "change.held_under")}, s.achieved_at) END
    FROM change WHERE s.season_id = change.season_id AND s.player_id = change.player_id
    RETURNING s.score + s.held AS total
"""
_COLUMNS = """
    id, kind, state, player_id, action_type_id, board_id, since, until, made_by, reason, made_at, finished_at, case_id,
    restores_id, events, points, players
"""


def values_of(selection: Selection) -> dict[str, object]:
    """Return the parameters of SELECTED."""
    return {
        "player_id": selection.player_id,
        "action_type_id": selection.action_type_id,
        "board_id": selection.board_id,
        "since": selection.since,
        "until": selection.until,
    }


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

    def page(self, *, limit: int, state: str | None = None) -> list[Correction]:
        """Return at most `limit` corrections, the newest first; `state` `None`: any."""
        rows = self._db.rows(
            f"""
            SELECT {_COLUMNS} FROM corrections WHERE state = coalesce(CAST(:state AS text), state)
            ORDER BY made_at DESC LIMIT :limit
            """,
            state=state,
            limit=limit,
        )
        return [_correction(row) for row in rows]

    def running(self) -> list[UUID]:
        """Return the unfinished corrections, the oldest first. A restore has ended its void, so no order is needed."""
        return [row.id for row in self._db.rows("SELECT id FROM corrections WHERE state = 'running' ORDER BY made_at")]

    @staticmethod
    def add(
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

    @staticmethod
    def lock(connection: sa.Connection, correction_id: UUID) -> Correction | None:
        """Lock the correction until the transaction ends and return it, or `None` if there is none."""
        row = connection.execute(
            sa.text(f"SELECT {_COLUMNS} FROM corrections WHERE id = :id FOR UPDATE"), {"id": correction_id}
        ).one_or_none()
        return _correction(row) if row else None

    @staticmethod
    def voids_of_case(connection: sa.Connection, case_id: UUID) -> list[UUID]:
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

    @staticmethod
    def set_state(connection: sa.Connection, correction_id: UUID, state: str) -> None:
        """Finish the correction in this state and count its players."""
        connection.execute(
            sa.text(
                """
                UPDATE corrections SET state = :state, finished_at = clock_timestamp(), players = (
                    SELECT count(DISTINCT player_id) FROM score_events WHERE correction_id = :id
                ) WHERE id = :id
                """
            ),
            {"id": correction_id, "state": state},
        )

    @staticmethod
    def process_batch(connection: sa.Connection, correction: Correction, limit: int) -> bool:
        """Void or restore up to `limit` events, with all consequences in the database; return True once none remain.

        Raises `Conflict`, with nothing changed by this batch, if a score would be past MAX_SCORE.

        No events remain for a void once a search from the first event on finds none, as ids don't become visible in
        their order. The events of a restore all existed when it began.
        """
        connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_SEARCH_SECONDS}s'"))
        progress = connection.execute(
            sa.text("SELECT cursor, request_id FROM corrections WHERE id = :id"), {"id": correction.id}
        ).one()
        is_void = correction.kind == "void"
        values = {
            **values_of(correction.selection),
            "restores_id": correction.restores_id,
            "cursor": progress.cursor if progress.cursor is not None else 0 if is_void else 2**63 - 1,
            "most": limit,
        }
        rows = connection.execute(sa.text(_VOIDABLE if is_void else _RESTORABLE), values).all()
        connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_CHANGE_SECONDS}s'"))
        ids = [row.id for row in rows if row.meant]
        if ids:
            _change(connection, correction, ids, progress.request_id)
        cursor = rows[-1].place if len(rows) == limit else None
        connection.execute(
            sa.text("UPDATE corrections SET cursor = :last WHERE id = :id"), {"last": cursor, "id": correction.id}
        )
        return not rows and progress.cursor is None if is_void else cursor is None

    @staticmethod
    def is_settled(connection: sa.Connection, correction_id: UUID) -> bool:
        """Return whether no further event of the selection can appear: all transactions of the time are over."""
        return bool(
            connection.execute(
                sa.text(
                    """
                    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > horizon
                       AND until <= clock_timestamp()
                    FROM corrections WHERE id = :id
                    """
                ),
                {"id": correction_id},
            ).scalar_one()
        )


def _recompute_standings(connection: sa.Connection, values: dict[str, list[int]]) -> None:
    try:
        totals = connection.execute(sa.text(_RECOMPUTE_STANDINGS), values).scalars()
    except IntegrityError as error:  # the score alone would be past it
        raise Conflict(PAST_LIMIT) from error
    if any(total > MAX_SCORE for total in totals):
        raise Conflict(PAST_LIMIT)


def _change(connection: sa.Connection, correction: Correction, ids: list[int], request_id: str) -> None:
    standings = connection.execute(sa.text(_LOCK), {"ids": ids}).all()
    QuarantineStore.settle_missed(connection, [row.player_id for row in standings])
    events = connection.execute(
        sa.text(_WRITE),
        {
            "ids": ids,
            "kind": correction.kind,
            "sign": -1 if correction.kind == "void" else 1,
            "correction": correction.id,
            "restores_id": correction.restores_id,
            "request_id": request_id,
        },
    ).all()
    if not events:
        return
    values = {"written": [event.id for event in events]}
    _recompute_standings(connection, values)
    connection.execute(
        sa.text(
            """
            INSERT INTO outbox (season_id, player_id, request_id)
            SELECT DISTINCT season_id, player_id, :request FROM score_events WHERE id = ANY(:written)
            """
        ),
        {**values, "request": request_id},
    )
    connection.execute(
        sa.text(
            f"""
            INSERT INTO stale_rollups (starts_at)
            SELECT DISTINCT date_trunc('hour', e.created_at, 'UTC') FROM score_events w {redemption_of("w")}
            WHERE w.id = ANY(:written)
            """
        ),
        values,
    )
    connection.execute(
        sa.text("UPDATE corrections SET events = events + :events, points = points + :points WHERE id = :id"),
        {
            "id": correction.id,
            "events": len(events),
            "points": sum(abs(event.points) for event in events),
        },
    )
