"""Boards, their open season, and action types."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.action_types import EARNINGS, LIMITS
from app.domain.boards import ActionType, Season
from app.errors import Conflict
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_TYPES = """
    SELECT t.id, t.slug, t.name, t.points, t.min_seconds, b.slug AS board, t.burst, t.per_minute,
           t.expected_median_seconds, t.expected_p95_seconds, t.steadiest_hand, t.min_is_fact, t.cadence, t.parallel
    FROM action_types t JOIN boards b ON b.id = t.board_id
"""


class CatalogStore:
    """The action types that can be played, and the boards and seasons where they count."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_season(self, board: str) -> Season | None:
        """Return the season that scores now; None for a board that doesn't exist."""
        row = self._db.row(
            """
            SELECT s.id, b.slug, s.number FROM boards b
            JOIN seasons s ON s.board_id = b.id AND s.ends_at IS NULL WHERE b.slug = :board
            """,
            board=board,
        )
        return Season(row.id, row.slug, row.number) if row else None

    def open_seasons(self) -> list[Season]:
        """Return the open season of every board."""
        rows = self._db.rows(
            "SELECT s.id, b.slug, s.number FROM seasons s JOIN boards b ON b.id = s.board_id WHERE s.ends_at IS NULL"
        )
        return [Season(row.id, row.slug, row.number) for row in rows]

    def season(self, season_id: int) -> Season | None:
        """Return a season, open or closed, or None for an unknown id."""
        row = self._db.row(
            "SELECT s.id, b.slug, s.number FROM seasons s JOIN boards b ON b.id = s.board_id WHERE s.id = :id",
            id=season_id,
        )
        return Season(row.id, row.slug, row.number) if row else None

    def action_types(self) -> list[ActionType]:
        """Return the action types that can be started, ordered by points."""
        rows = self._db.rows(f"{_TYPES} WHERE t.retired_at IS NULL ORDER BY t.points, t.slug")
        return [read_row(row, ActionType) for row in rows]

    def action_type(self, slug: str) -> ActionType | None:
        """Return the action type if it can be started, else None."""
        row = self._db.row(f"{_TYPES} WHERE t.retired_at IS NULL AND t.slug = :slug", slug=slug)
        return read_row(row, ActionType) if row else None

    def type_id(self, slug: str) -> int | None:
        """Return the id of an action type, also of a retired one; None for an unknown slug."""
        row = self._db.row("SELECT id FROM action_types WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def board_id(self, slug: str) -> int | None:
        """Return the board's id; None for a board that doesn't exist."""
        row = self._db.row("SELECT id FROM boards WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def add_action_type(self, connection: sa.Connection, values: Mapping[str, object], board: str) -> None:
        """Insert an action type. Raises Conflict if the slug was ever used."""
        columns = ", ".join(values)
        try:
            connection.execute(
                sa.text(
                    f"""
                    INSERT INTO action_types ({columns}, board_id)
                    SELECT {", ".join(":" + name for name in values)}, id FROM boards WHERE slug = :board
                    """
                ),
                {**values, "board": board},
            )
        except IntegrityError as error:
            if not isinstance(error.orig, psycopg.errors.UniqueViolation):
                raise
            raise Conflict(f"The action type '{values['slug']}' exists already; it may be retired.") from None

    def change_action_type(self, connection: sa.Connection, slug: str, changes: Mapping[str, object]) -> bool:
        """Change some columns, not the promises of open actions; return False if no such type can be started.

        A tireless person's points may change too: the limits of gain are computed again.
        """
        assignments = ", ".join(f"{column} = :{column}" for column in changes)
        if changes.keys() & set(LIMITS):  # earlier actions are judged by the earlier limits
            assignments += ", limits_since = clock_timestamp()"
        if changes.keys() & set(EARNINGS):
            connection.execute(sa.text("UPDATE gain_progress SET limits_at = NULL"))
        update = f"UPDATE action_types SET {assignments} WHERE slug = :slug AND retired_at IS NULL"
        return bool(connection.execute(sa.text(update), {**changes, "slug": slug}).rowcount)

    def retire_action_type(self, connection: sa.Connection, slug: str) -> bool:
        """Stop offering an action type; open actions may still be completed. Return False if there is none."""
        update = "UPDATE action_types SET retired_at = now() WHERE slug = :slug AND retired_at IS NULL"
        return bool(connection.execute(sa.text(update), {"slug": slug}).rowcount)
