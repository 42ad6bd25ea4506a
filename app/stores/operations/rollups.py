"""Stored roll-ups and their progress. The table can be rebuilt from the ledger at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from app.domain.rollups import ALL_TYPES, Granularity, RollupFigures, RollupKey, Rollups
from app.stores.operations.rollup_ledger import STATEMENT_SECONDS
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_MARKS = 10_000

_FIGURES = (
    "redemptions",
    "points",
    "players",
    "voided",
    "voided_points",
    "median_seconds",
    "p95_seconds",
    "refusals",
)
_COLUMNS = f"starts_at, season_id, action_type_id, {', '.join(_FIGURES)}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of the primary, and a transaction id: all transactions that had ended by then have lower ids."""

    now: datetime
    unknown: int


@dataclass(frozen=True, slots=True)
class RollupProgress:
    """The progress of the roll-ups of one granularity; see `rollup_progress` in the schema."""

    began_at: datetime
    final_before: datetime
    ended_before: datetime
    horizon: int
    computed_at: datetime | None
    took_seconds: float


@dataclass(frozen=True, slots=True)
class NamedRollup:
    """A stored roll-up with its names: `action_type` is None for all types together, `complete` whether it is final."""

    starts_at: datetime
    season_id: int
    action_type_id: int
    redemptions: int
    points: int
    players: int
    voided: int
    voided_points: int
    median_seconds: float | None
    p95_seconds: float | None
    refusals: Mapping[str, int]
    computed_at: datetime
    board: str
    season: int
    action_type: str | None
    complete: bool


class RollupStore:
    """The roll-ups and their progress; writes run on the caller's connection, which is the primary's."""

    def lock(self, connection: sa.Connection, *, wait: bool = False) -> bool:
        """Lock the roll-ups until this transaction ends. Without `wait`, returns `False` when another one has it."""
        if wait:
            connection.execute(sa.text(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"))
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('fairboard rollups'))"))
            return True
        statement = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('fairboard rollups'))")
        return bool(connection.execute(statement).scalar_one())

    def take_mark(self, connection: sa.Connection) -> Mark:
        """Return the mark of this transaction's start."""
        row = connection.execute(
            sa.text("SELECT now() AS now, pg_snapshot_xmax(pg_current_snapshot())::text AS unknown")
        ).one()
        return Mark(row.now, int(row.unknown))

    def horizon(self, connection: sa.Connection) -> int:
        """Return a new transaction id: rows from before the start of this transaction all have lower ones.

        (The end of a snapshot would not do: running transactions may have higher ids.)
        """
        return int(connection.execute(sa.text("SELECT pg_current_xact_id()::text")).scalar_one())

    def progress(self, connection: sa.Connection, granularity: Granularity) -> RollupProgress:
        """Return the progress; it begins on the day of the first season (or of the first event, if that is earlier)."""
        values = {"granularity": granularity}
        select = sa.text(
            """
            SELECT began_at, final_before, ended_before, horizon, computed_at, took_seconds
            FROM rollup_progress WHERE granularity = :granularity
            """
        )
        row = connection.execute(select, values).one_or_none()
        if row is None:
            connection.execute(
                sa.text(
                    """
                    INSERT INTO rollup_progress
                        (granularity, began_at, final_before, ended_before, horizon, took_seconds)
                    SELECT :granularity, began_at, began_at, began_at, 0, 0 FROM (
                        SELECT date_trunc('day', least(
                            (SELECT min(starts_at) FROM seasons),
                            (SELECT created_at FROM score_events ORDER BY id LIMIT 1)
                        ), 'UTC') AS began_at
                    ) AS begin ON CONFLICT DO NOTHING
                    """
                ),
                values,
            )
            row = connection.execute(select, values).one()
        return RollupProgress(*row)

    def store_progress(self, connection: sa.Connection, granularity: Granularity, progress: RollupProgress) -> None:
        """Store the progress of a granularity."""
        connection.execute(
            sa.text(
                """
                UPDATE rollup_progress SET final_before = :final_before, ended_before = :ended_before,
                    horizon = :horizon, computed_at = :computed_at, took_seconds = :took_seconds
                WHERE granularity = :granularity
                """
            ),
            {
                "granularity": granularity,
                "final_before": progress.final_before,
                "ended_before": progress.ended_before,
                "horizon": progress.horizon,
                "computed_at": progress.computed_at,
                "took_seconds": progress.took_seconds,
            },
        )

    def stored(self, connection: sa.Connection, granularity: Granularity, since: datetime, until: datetime) -> Rollups:
        """Return the stored roll-ups of a window."""
        rows = connection.execute(
            sa.text(
                f"""
                SELECT {_COLUMNS} FROM rollups
                WHERE granularity = :granularity AND starts_at >= :since AND starts_at < :until
                """
            ),
            {"granularity": granularity, "since": since, "until": until},
        )
        return {RollupKey(*row[:3]): RollupFigures(*row[3:]) for row in rows}

    def replace(
        self,
        connection: sa.Connection,
        granularity: Granularity,
        since: datetime,
        until: datetime,
        rollups: Rollups,
        computed_at: datetime,
    ) -> None:
        """Replace all stored roll-ups of a window by `rollups`."""
        connection.execute(
            sa.text(
                "DELETE FROM rollups WHERE granularity = :granularity AND starts_at >= :since AND starts_at < :until"
            ),
            {"granularity": granularity, "since": since, "until": until},
        )
        if not rollups:
            return
        insert = sa.text(
            f"""
            INSERT INTO rollups (granularity, computed_at, {_COLUMNS})
            VALUES (:granularity, :computed_at, :starts_at, :season_id, :action_type_id,
                    {", ".join(":" + name for name in _FIGURES)})
            """
        ).bindparams(sa.bindparam("refusals", type_=JSONB))
        connection.execute(
            insert,
            [
                {
                    "granularity": granularity,
                    "computed_at": computed_at,
                    "starts_at": key.starts_at,
                    "season_id": key.season_id,
                    "action_type_id": key.action_type_id,
                    **dict(zip(_FIGURES, astuple(figures), strict=True)),
                }
                for key, figures in rollups.items()
            ],
        )

    def stale(self, connection: sa.Connection) -> tuple[list[int], set[datetime]]:
        """Return up to 10,000 marks of hours whose events were voided or restored later: their ids, and the hours."""
        rows = connection.execute(sa.text(f"SELECT id, starts_at FROM stale_rollups ORDER BY id LIMIT {_MARKS}")).all()
        return [row.id for row in rows], {row.starts_at for row in rows}

    def drop_stale(self, connection: sa.Connection, ids: list[int]) -> None:
        """Delete marks of hours that were computed again, from a snapshot that has the marked changes."""
        connection.execute(sa.text("DELETE FROM stale_rollups WHERE id = ANY(:ids)"), {"ids": ids})

    def read(
        self, source: Database, granularity: Granularity, board: str, since: datetime, until: datetime, slug: str | None
    ) -> list[NamedRollup]:
        """Return a board's roll-ups with their names, by time; the row of all action types comes before each type's."""
        rows = source.rows(
            f"""
            SELECT {", ".join("r." + name for name in _COLUMNS.split(", "))}, r.computed_at, b.slug AS board,
                   s.number AS season, t.slug AS action_type, r.starts_at < p.final_before AS complete
            FROM rollups r JOIN seasons s ON s.id = r.season_id JOIN boards b ON b.id = s.board_id
            JOIN rollup_progress p ON p.granularity = r.granularity
            LEFT JOIN action_types t ON t.id = r.action_type_id
            WHERE r.granularity = :granularity AND r.starts_at >= :since AND r.starts_at < :until AND b.slug = :board
              AND (CAST(:slug AS text) IS NULL OR t.slug = :slug)
            ORDER BY r.starts_at, s.number, r.action_type_id <> {ALL_TYPES}, t.slug
            """,
            granularity=granularity,
            since=since,
            until=until,
            board=board,
            slug=slug,
        )
        return [read_row(row, NamedRollup) for row in rows]

    def names(self, source: Database) -> tuple[dict[int, str], dict[int, str]]:
        """Return the slugs of boards by season id, and those of action types, retired ones too, by type id."""
        seasons = source.rows("SELECT s.id, b.slug FROM seasons s JOIN boards b ON b.id = s.board_id")
        types = source.rows("SELECT id, slug FROM action_types")
        return {row.id: row.slug for row in seasons}, {row.id: row.slug for row in types}
