"""The batches of a correction: further events void or restore events, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Correction
from app.errors import Conflict
from app.stores.boards.counting import (
    COUNTS,
    HOLD_COLUMNS,
    IS_ONE_RUN,
    IS_VOIDED,
    NEWEST_REVERSAL,
    RULES,
    SEASONS_OF_EVENT,
    achieved_at,
    bounded,
    folded,
    has_held,
    is_held,
    is_public,
    redemption_of,
    stored,
    total,
)
from app.stores.boards.seasons import note_corrections
from app.stores.boards.standing_locks import lock_standings
from app.stores.moderation.correction_limits import WAITS
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.selections import SELECTED, values_of
from app.stores.postgres.rows import Row

# The search for events may take long, since it blocks no player, and so may the change of one player; that of a batch
# blocks all its players.
_SEARCH_SECONDS, _CHANGE_SECONDS = 500, 20

_VOIDABLE = f"""
    SELECT e.id, e.id AS place, true AS meant FROM score_events e {NEWEST_REVERSAL}
    WHERE {COUNTS} AND {SELECTED} AND e.id > :cursor ORDER BY e.id LIMIT :most
"""
# The events that this void voided come newest first, so that the newest event that counts, whose time the standing has,
# is found at once. `meant` is true for events that no other correction has changed since.
_RESTORABLE = f"""
    WITH v AS MATERIALIZED (
        SELECT id, action_id, issued_at FROM score_events WHERE correction_id = :restores_id AND id < :cursor
        ORDER BY id DESC LIMIT :most
    )
    SELECT e.id, v.id AS place, reversal.id = v.id AS meant
    FROM v {redemption_of("v")} {NEWEST_REVERSAL} ORDER BY v.id DESC
"""
_VOIDABLE_OF_PLAYER = f"""
    SELECT e.id FROM score_events e {NEWEST_REVERSAL} WHERE {COUNTS} AND {SELECTED} AND e.player_id = :player
"""
_RESTORABLE_OF_PLAYER = f"""
    SELECT e.id FROM score_events v {redemption_of("v")} {NEWEST_REVERSAL}
    WHERE v.correction_id = :restores_id AND v.player_id = :player AND reversal.id = v.id
"""
_LOCK = f"""
    SELECT s.season_id, s.player_id, season.is_one_run FROM standings s JOIN (
        SELECT DISTINCT n.id AS season_id, e.player_id, {IS_ONE_RUN} AS is_one_run
        FROM score_events e {SEASONS_OF_EVENT} WHERE e.id = ANY(:ids)
    ) season USING (season_id, player_id)
    ORDER BY player_id, season_id FOR UPDATE OF s
"""
# The standings are locked now, but another correction may have changed the events before: those are skipped.
_WRITE = f"""
    INSERT INTO score_events
        (kind, action_id, voids_id, player_id, season_id, action_type_id, points, issued_at, request_id, correction_id,
         held_under)
    SELECT CAST(:kind AS text), e.action_id, coalesce(reversal.id, e.id), e.player_id, e.season_id, e.action_type_id,
           :sign * e.points, e.issued_at, :request_id, :correction, e.held_under
    FROM score_events e {NEWEST_REVERSAL}
    WHERE e.id = ANY(:ids) AND ({IS_VOIDED}) = (:sign > 0) AND (:sign < 0 OR reversal.correction_id = :restores_id)
    ORDER BY e.id
    RETURNING id, season_id, player_id, action_id, points, held_under
"""
# On `sum` and `count` boards only the change is computed. The search for the newest event that counts passes all events
# voided since, so it runs only if the event may have changed: a redemption takes less than the ten seconds, so an event
# older by that much has a lower id too. A score of 0 may have been reached by the first event.
_RECOMPUTE_TOTALS = f"""
    WITH written AS (
        SELECT e.*, w.kind = 'restore' AS is_back FROM score_events w {redemption_of("w")} WHERE w.id = ANY(:written)
    ), change AS (
        SELECT n.id AS season_id, e.player_id, {HOLD_COLUMNS}, max(e.created_at) AS newest,
               {
    total(
        f"CASE WHEN is_back THEN {stored('e.points')} ELSE -({stored('e.points')}) END",
        is_held("e", "p"),
    )
} AS held,
               {
    total(
        f"CASE WHEN is_back THEN {stored('e.points')} ELSE -({stored('e.points')}) END",
        is_public("e", "p"),
    )
} AS score,
               bool_or({is_held("e", "p")}) AS has_held
        FROM written e JOIN players p ON p.id = e.player_id {SEASONS_OF_EVENT} WHERE NOT {IS_ONE_RUN}
        GROUP BY n.id, e.player_id, {HOLD_COLUMNS}
    )
    UPDATE standings s SET score = s.score + change.score, held = s.held + change.held, changes = s.changes + 1,
        has_held = CASE WHEN s.has_held OR change.has_held THEN {has_held("s", "change")} ELSE false END,
        achieved_at = CASE WHEN s.score <> 0 AND change.newest < s.achieved_at - interval '10 s' THEN s.achieved_at
            ELSE {achieved_at("s", "change")} END
    FROM change WHERE s.season_id = change.season_id AND s.player_id = change.player_id
    RETURNING s.score + s.held AS total
"""
_TOTALS_OF_PLAYER = f"""
    SELECT s.score + s.held FROM standings s JOIN seasons n ON n.id = s.season_id {RULES}
    WHERE s.player_id = :player AND NOT {IS_ONE_RUN}
"""
_FOLD_RUNS = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, due.*
        FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])) AS s (season_id, player_id)
        JOIN players p ON p.id = s.player_id {folded("s", "p")}
    )
    UPDATE standings s SET score = due.score, held = due.held, has_held = due.has_held, achieved_at = due.achieved_at,
        action_id = due.action_id, changes = s.changes + 1
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id
"""

_STALE_ROLLUPS = f"""
    INSERT INTO stale_rollups (starts_at)
    SELECT DISTINCT date_trunc('hour', e.created_at, 'UTC') FROM score_events w {redemption_of("w")}
    WHERE w.id = ANY(:written)
"""
_COUNT = f"""
    UPDATE corrections SET events = events + :events, points = {bounded("points + :points")} WHERE id = :id
"""


class BatchPastLimit(Exception):
    """A standing would be past MAX_SCORE after this batch alone. The later events of its player may bring it back."""

    def __init__(self, players: list[UUID]) -> None:
        """`players` are all players of the batch, each once."""
        super().__init__(players)
        self.players = players


class CorrectionBatches:
    """Takes the connection of the transaction that has locked the correction."""

    def __init__(self, quarantine: QuarantineStore) -> None:
        self._quarantine = quarantine

    def process(self, connection: sa.Connection, correction: Correction, limit: int) -> bool:
        """Void or restore up to `limit` events, with all consequences in the database; return True once none remain.

        Raises `BatchPastLimit`, and the caller has to roll back, if a score would be past MAX_SCORE then.

        No events remain for a void once a search from the first event on finds none, as ids don't become visible in
        their order. The events of a restore all existed when it began.
        """
        _limit_seconds(connection, _SEARCH_SECONDS)
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
        _limit_seconds(connection, _CHANGE_SECONDS)
        ids = [row.id for row in rows if row.meant]
        if ids:
            self._change(connection, correction, ids, progress.request_id)
        cursor = rows[-1].place if len(rows) == limit else None
        connection.execute(
            sa.text("UPDATE corrections SET cursor = :last WHERE id = :id"), {"last": cursor, "id": correction.id}
        )
        return not rows and progress.cursor is None if is_void else cursor is None

    def process_player(self, connection: sa.Connection, correction: Correction, player_id: UUID) -> None:
        """Void or restore all remaining events of one player at once: only the standings after the last one count.

        Raises `Conflict`, and the caller has to roll back, if one of those would be past MAX_SCORE.
        """
        _limit_seconds(connection, _SEARCH_SECONDS)
        request_id = connection.execute(
            sa.text("SELECT request_id FROM corrections WHERE id = :id"), {"id": correction.id}
        ).scalar_one()
        lock_standings(connection, player_id)
        ids = connection.execute(
            sa.text(_VOIDABLE_OF_PLAYER if correction.kind == "void" else _RESTORABLE_OF_PLAYER),
            {**values_of(correction.selection), "restores_id": correction.restores_id, "player": player_id},
        ).scalars()
        events = _write(connection, correction, list(ids), request_id)
        try:
            seasons = self._quarantine.settle(connection, player_id)
        except Conflict as error:
            raise Conflict(WAITS) from error
        _check_totals(connection.execute(sa.text(_TOTALS_OF_PLAYER), {"player": player_id}).scalars())
        _note_changes(connection, seasons, [player_id] * len(seasons), request_id)
        _note_events(connection, correction, events)

    def _change(self, connection: sa.Connection, correction: Correction, ids: list[int], request_id: str) -> None:
        standings = connection.execute(sa.text(_LOCK), {"ids": ids}).all()
        seasons, players = [row.season_id for row in standings], [row.player_id for row in standings]
        try:
            self._quarantine.settle_missed(connection, seasons, players)
            events = _write(connection, correction, ids, request_id)
            if not events:
                return
            _recompute_totals(connection, events)
        except Conflict as error:
            raise BatchPastLimit(sorted(set(players))) from error
        _fold_runs(connection, [row for row in standings if row.is_one_run])
        _note_changes(connection, seasons, players, request_id)
        _note_events(connection, correction, events)


def _limit_seconds(connection: sa.Connection, seconds: int) -> None:
    connection.execute(sa.text(f"SET LOCAL statement_timeout = '{seconds}s'"))


def _write(connection: sa.Connection, correction: Correction, ids: list[int], request_id: str) -> Sequence[Row]:
    """Write the voids or restores of those events that need one, and return them."""
    values = {
        "ids": ids,
        "kind": correction.kind,
        "sign": -1 if correction.kind == "void" else 1,
        "correction": correction.id,
        "restores_id": correction.restores_id,
        "request_id": request_id,
    }
    return connection.execute(sa.text(_WRITE), values).all()


def _recompute_totals(connection: sa.Connection, events: Sequence[Row]) -> None:
    """Add what these events change to the sums. Raises Conflict if one would be past MAX_SCORE."""
    try:
        totals = connection.execute(sa.text(_RECOMPUTE_TOTALS), {"written": [event.id for event in events]}).scalars()
    except IntegrityError as error:  # the score alone would be past it
        raise Conflict(WAITS) from error
    _check_totals(totals)


def _check_totals(totals: Iterable[int]) -> None:
    if any(abs(total) > MAX_SCORE for total in totals):
        raise Conflict(WAITS)


def _fold_runs(connection: sa.Connection, standings: Sequence[Row]) -> None:
    if standings:
        values = {"seasons": [row.season_id for row in standings], "players": [row.player_id for row in standings]}
        connection.execute(sa.text(_FOLD_RUNS), values)


def _note_changes(connection: sa.Connection, seasons: list[int], players: list[UUID], request_id: str) -> None:
    """Queue a refresh of these standings, and say on seasons that had ended that they were corrected."""
    connection.execute(
        sa.text(
            """
            INSERT INTO outbox (season_id, player_id, request_id)
            SELECT season_id, player_id, :request
            FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])) AS s (season_id, player_id)
            """
        ),
        {"seasons": seasons, "players": players, "request": request_id},
    )
    note_corrections(connection, seasons)


def _note_events(connection: sa.Connection, correction: Correction, events: Sequence[Row]) -> None:
    """Have the hours of the corrected events rolled up again, and count the events on the correction."""
    connection.execute(sa.text(_STALE_ROLLUPS), {"written": [event.id for event in events]})
    points = sum(abs(event.points) for event in events)
    connection.execute(sa.text(_COUNT), {"id": correction.id, "events": len(events), "points": points})
