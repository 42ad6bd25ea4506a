"""The batches of a correction: further events void or restore events, each batch in one transaction."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Correction
from app.errors import Conflict
from app.stores.boards.counting import (
    COUNTS,
    HOLD_COLUMNS,
    IS_VOIDED,
    NEWEST_REVERSAL,
    achieved_at,
    is_held,
    is_public,
    redemption_of,
    total,
)
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.selections import SELECTED, values_of

# The search for events may take long, since it blocks no player; a change blocks the players of its events.
_SEARCH_SECONDS, _CHANGE_SECONDS = 500, 20

PAST_LIMIT = f"A score would be past {MAX_SCORE}, the highest there is, if this were restored. Nothing was restored."
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
        SELECT w.season_id, w.player_id, {HOLD_COLUMNS}, max(e.created_at) AS newest,
               {total("w.points", is_held("e", "p"))} AS held,
               {total("w.points", is_public("e", "p"))} AS score
        FROM score_events w JOIN players p ON p.id = w.player_id {redemption_of("w")} WHERE w.id = ANY(:written)
        GROUP BY w.season_id, w.player_id, {HOLD_COLUMNS}
    )
    UPDATE standings s SET score = s.score + change.score, held = s.held + change.held, changes = s.changes + 1,
        achieved_at = CASE WHEN s.score + change.score = 0 THEN s.achieved_at
            WHEN s.score > 0 AND change.newest < s.achieved_at - interval '10 s' THEN s.achieved_at
            ELSE coalesce({achieved_at("s", "change")}, s.achieved_at) END
    FROM change WHERE s.season_id = change.season_id AND s.player_id = change.player_id
    RETURNING s.score + s.held AS total
"""


class CorrectionBatches:
    """Takes the connection of the transaction that has locked the correction."""

    def __init__(self, quarantine: QuarantineStore) -> None:
        self._quarantine = quarantine

    def process(self, connection: sa.Connection, correction: Correction, limit: int) -> bool:
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
            self._change(connection, correction, ids, progress.request_id)
        cursor = rows[-1].place if len(rows) == limit else None
        connection.execute(
            sa.text("UPDATE corrections SET cursor = :last WHERE id = :id"), {"last": cursor, "id": correction.id}
        )
        return not rows and progress.cursor is None if is_void else cursor is None

    def _change(self, connection: sa.Connection, correction: Correction, ids: list[int], request_id: str) -> None:
        standings = connection.execute(sa.text(_LOCK), {"ids": ids}).all()
        self._quarantine.settle_missed(connection, [row.player_id for row in standings])
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


def _recompute_standings(connection: sa.Connection, values: dict[str, list[int]]) -> None:
    try:
        totals = connection.execute(sa.text(_RECOMPUTE_STANDINGS), values).scalars()
    except IntegrityError as error:  # the score alone would be past it
        raise Conflict(PAST_LIMIT) from error
    if any(total > MAX_SCORE for total in totals):
        raise Conflict(PAST_LIMIT)
