"""Score events of the past that an import writes: many in one transaction, each at its own time.

An event counts in the seasons that have its time, ended ones too, as every event does. The standings that it changes
are folded from their events, so all four ways to score, and holds, have the rules of `counting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import MAX_SCORE
from app.stores.boards.counting import IS_ONE_RUN, IS_REDEMPTION, SEASONS_OF_EVENT, folded
from app.stores.boards.seasons import note_corrections
from app.stores.play.ledger import ScoreAtLimit

_LINES = """
    unnest(CAST(:actions AS uuid[]), CAST(:players AS uuid[]), CAST(:types AS int[]), CAST(:results AS bigint[]),
           CAST(:times AS timestamptz[]), CAST(:issues AS timestamptz[]), CAST(:texts AS text[]))
    WITH ORDINALITY AS e (action_id, player_id, action_type_id, points, created_at, issued_at, metadata, place)
"""
# OFFSET 0: with a limit the planner would walk the ledger backwards for players without events.
_LOCK_PLAYERS = f"""
    SELECT p.id, p.status, (
        SELECT max(e.created_at) FROM (
            SELECT e.created_at FROM score_events e WHERE e.player_id = p.id AND {IS_REDEMPTION} OFFSET 0
        ) e
    ) AS newest_at
    FROM players p WHERE p.id = ANY(:ids) AND p.status <> 'erased' ORDER BY p.id FOR SHARE OF p
"""
_STANDINGS = f"SELECT DISTINCT n.id AS season_id, e.player_id FROM {_LINES} {SEASONS_OF_EVENT}"
_BEGIN_STANDINGS = f"""
    INSERT INTO standings (season_id, player_id, score, changes, listed, keeps_newest)
    SELECT DISTINCT n.id, e.player_id, 0, 0, p.status = 'active', CASE WHEN {IS_ONE_RUN} THEN b.scoring = 'last' END
    FROM {_LINES} JOIN players p ON p.id = e.player_id {SEASONS_OF_EVENT}
    ORDER BY 2, 1 ON CONFLICT DO NOTHING
"""
_LOCK_STANDINGS = f"""
    SELECT s.season_id, s.player_id FROM standings s JOIN ({_STANDINGS}) due USING (season_id, player_id)
    ORDER BY player_id, season_id FOR UPDATE OF s
"""
# The season of an event is that of the first board which its type feeds, as for redemptions. The unique index of
# actions is that of a partition, and a file may have another time of issue than the ledger: so all are searched, when
# the standings of the players are locked.
_WRITE = f"""
    INSERT INTO score_events
        (action_id, player_id, season_id, action_type_id, points, issued_at, created_at, imported_at, request_id,
         api_key_id, held_under, metadata)
    SELECT e.action_id, e.player_id, first.id, e.action_type_id, e.points, e.issued_at, e.created_at,
           clock_timestamp(), :request, :import, p.held_under, CAST(e.metadata AS json)
    FROM {_LINES} JOIN players p ON p.id = e.player_id CROSS JOIN LATERAL (
        SELECT n.id FROM (SELECT e.action_type_id, e.created_at) e {SEASONS_OF_EVENT}
        ORDER BY array_position(t.board_id || t.more_boards, n.board_id) LIMIT 1
    ) first
    WHERE NOT EXISTS (SELECT FROM score_events w WHERE w.action_id = e.action_id AND w.kind = 'redeem')
    ORDER BY e.place
    ON CONFLICT DO NOTHING
    RETURNING action_id
"""
_FOLD = f"""
    WITH due AS (
        SELECT s.season_id, s.player_id, due.*
        FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])) AS s (season_id, player_id)
        JOIN players p ON p.id = s.player_id {folded("s", "p")}
    )
    UPDATE standings s SET score = due.score, held = due.held, has_held = due.has_held, achieved_at = due.achieved_at,
        action_id = due.action_id, changes = s.changes + 1
    FROM due WHERE s.season_id = due.season_id AND s.player_id = due.player_id
    RETURNING s.score + s.held AS total
"""
_QUEUE = """
    INSERT INTO outbox (season_id, player_id, request_id)
    SELECT season_id, player_id, :request
    FROM unnest(CAST(:seasons AS int[]), CAST(:players AS uuid[])) AS s (season_id, player_id)
"""
_NOTE_HOURS = """
    INSERT INTO stale_rollups (starts_at)
    SELECT DISTINCT date_trunc('hour', at, 'UTC') FROM unnest(CAST(:times AS timestamptz[])) AS at
"""
_BATCH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """A result at its time. `metadata` is the text of a JSON object."""

    action_id: UUID
    player_id: UUID
    action_type_id: int
    result: int
    created_at: datetime
    issued_at: datetime
    metadata: str | None


@dataclass(frozen=True, slots=True)
class LockedPlayer:
    """A player whom no decision changes until the transaction ends, and the time of the newest event."""

    is_active: bool
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenSeason:
    """The season of a board that is open `now`, by the database's clock; `starts_at` None: it has all of the past."""

    id: int
    now: datetime
    starts_at: datetime | None


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """An event that is in the ledger already."""

    player_id: UUID
    result: int


class ImportedEventStore:
    """Reads and writes of an import, on the connection of its transaction, in this order."""

    def lock_players(self, connection: sa.Connection, ids: Sequence[UUID]) -> dict[UUID, LockedPlayer]:
        """Let no decision about these players be made meanwhile; return those that exist."""
        connection.execute(sa.text(f"SET LOCAL statement_timeout = '{_BATCH_SECONDS}s'"))
        rows = connection.execute(sa.text(_LOCK_PLAYERS), {"ids": sorted(set(ids))})
        return {row.id: LockedPlayer(row.status == "active", row.newest_at) for row in rows}

    def open_season(self, connection: sa.Connection, board: str) -> OpenSeason | None:
        """Return the open season of a board, None without one.

        The lock on the table comes before the clock is read: a season that ends is closed after this transaction.
        """
        connection.execute(sa.text("LOCK TABLE standings IN ROW EXCLUSIVE MODE"))
        query = """
            SELECT n.id, clock.now, CASE WHEN NOT n.over_past THEN n.starts_at END AS starts_at
            FROM (SELECT clock_timestamp() AS now) clock, seasons n JOIN boards b ON b.id = n.board_id
            WHERE b.slug = :board AND n.starts_at <= clock.now AND (n.ends_at IS NULL OR n.ends_at > clock.now)
        """
        row = connection.execute(sa.text(query), {"board": board}).one_or_none()
        return OpenSeason(row.id, row.now, row.starts_at) if row else None

    def now(self, connection: sa.Connection) -> datetime:
        """Return the time by the database's clock, with the lock of `open_season`."""
        connection.execute(sa.text("LOCK TABLE standings IN ROW EXCLUSIVE MODE"))
        now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        return now

    def ranked(self, connection: sa.Connection, season_id: int, ids: Sequence[UUID]) -> set[UUID]:
        """Return those of the players that have an event in the season."""
        query = """
            SELECT player_id FROM standings
            WHERE season_id = :season AND player_id = ANY(:ids) AND (achieved_at IS NOT NULL OR has_held)
        """
        return set(connection.execute(sa.text(query), {"season": season_id, "ids": list(ids)}).scalars())

    def written(self, connection: sa.Connection, action_ids: Sequence[UUID]) -> dict[UUID, WrittenEvent]:
        """Return the events of these actions that are in the ledger."""
        query = "SELECT action_id, player_id, points FROM score_events WHERE kind = 'redeem' AND action_id = ANY(:ids)"
        rows = connection.execute(sa.text(query), {"ids": list(action_ids)})
        return {row.action_id: WrittenEvent(row.player_id, row.points) for row in rows}

    def without_season(self, connection: sa.Connection, events: Sequence[ImportedEvent]) -> set[UUID]:
        """Return the actions whose type feeds no board with a season at their time."""
        query = f"""
            SELECT e.action_id FROM {_LINES} WHERE NOT EXISTS (
                SELECT FROM (SELECT e.action_type_id, e.created_at) e {SEASONS_OF_EVENT}
            )
        """
        return set(connection.execute(sa.text(query), _arrays(events)).scalars())

    def write(
        self, connection: sa.Connection, events: Sequence[ImportedEvent], *, import_id: UUID, request_id: str
    ) -> set[UUID]:
        """Write these events, which have a season, in this order, and fold their standings; return the new ones.

        Raises ScoreAtLimit: the transaction is then to be rolled back.
        """
        values = _arrays(events)
        connection.execute(sa.text(_BEGIN_STANDINGS), values)
        standings = connection.execute(sa.text(_LOCK_STANDINGS), values).all()
        written = set(
            connection.execute(sa.text(_WRITE), {**values, "import": import_id, "request": request_id}).scalars()
        )
        keys = {"seasons": [row.season_id for row in standings], "players": [row.player_id for row in standings]}
        try:
            totals = connection.execute(sa.text(_FOLD), keys).scalars().all()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.CheckViolation):
                raise ScoreAtLimit() from error
            raise
        if any(abs(total) > MAX_SCORE for total in totals):
            raise ScoreAtLimit()
        connection.execute(sa.text(_QUEUE), {**keys, "request": request_id})
        note_corrections(connection, keys["seasons"])
        connection.execute(sa.text(_NOTE_HOURS), {"times": values["times"]})
        return written


def _arrays(events: Sequence[ImportedEvent]) -> dict[str, list[object]]:
    return {
        "actions": [event.action_id for event in events],
        "players": [event.player_id for event in events],
        "types": [event.action_type_id for event in events],
        "results": [event.result for event in events],
        "times": [event.created_at for event in events],
        "issues": [event.issued_at for event in events],
        "texts": [event.metadata for event in events],
    }
