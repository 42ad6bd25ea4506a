"""Boards, their open season, and action types."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.boards import ActionType, Season
from app.errors import Conflict
from app.stores.database import Database

_TYPES = """
    SELECT t.id, t.slug, t.name, t.points, t.min_seconds, t.burst, t.per_minute, b.slug AS board
    FROM action_types t JOIN boards b ON b.id = t.board_id
"""


def _action_type(row: sa.Row[Any]) -> ActionType:
    return ActionType(row.id, row.slug, row.name, row.points, row.min_seconds, row.board, row.burst, row.per_minute)


class CatalogStore:
    """What can be played, and where it counts."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def open_season(self, board: str) -> Season | None:
        """The season that scores now; None for a board that doesn't exist."""
        row = self._db.row(
            """
            SELECT s.id, b.slug, s.number FROM boards b
            JOIN seasons s ON s.board_id = b.id AND s.ends_at IS NULL WHERE b.slug = :board
            """,
            board=board,
        )
        return Season(row.id, row.slug, row.number) if row else None

    def open_seasons(self) -> list[Season]:
        """The open season of every board."""
        rows = self._db.rows(
            "SELECT s.id, b.slug, s.number FROM seasons s JOIN boards b ON b.id = s.board_id WHERE s.ends_at IS NULL"
        )
        return [Season(row.id, row.slug, row.number) for row in rows]

    def season(self, season_id: int) -> Season | None:
        """Any season by its id."""
        row = self._db.row(
            "SELECT s.id, b.slug, s.number FROM seasons s JOIN boards b ON b.id = s.board_id WHERE s.id = :id",
            id=season_id,
        )
        return Season(row.id, row.slug, row.number) if row else None

    def action_types(self) -> list[ActionType]:
        """Those that can be started, by their points."""
        rows = self._db.rows(f"{_TYPES} WHERE t.retired_at IS NULL ORDER BY t.points, t.slug")
        return [_action_type(row) for row in rows]

    def action_type(self, slug: str) -> ActionType | None:
        """One that can be started."""
        row = self._db.row(f"{_TYPES} WHERE t.retired_at IS NULL AND t.slug = :slug", slug=slug)
        return _action_type(row) if row else None

    def type_id(self, slug: str) -> int | None:
        """Of any action type, retired ones too."""
        row = self._db.row("SELECT id FROM action_types WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def board_id(self, slug: str) -> int | None:
        """None for a board that doesn't exist."""
        row = self._db.row("SELECT id FROM boards WHERE slug = :slug", slug=slug)
        return int(row.id) if row else None

    def add_action_type(self, values: dict[str, Any], board: str) -> ActionType:
        """A new one; Conflict if the slug was ever used."""
        try:
            self._db.rows(
                """
                INSERT INTO action_types (slug, name, points, min_seconds, burst, per_minute, board_id)
                SELECT :slug, :name, :points, :min_seconds, :burst, :per_minute, id FROM boards WHERE slug = :board
                RETURNING id
                """,
                board=board,
                **values,
            )
        except IntegrityError:
            raise Conflict(f"The action type '{values['slug']}' exists already, perhaps retired.") from None
        added = self.action_type(values["slug"])
        assert added is not None
        return added

    def change_action_type(self, slug: str, changes: dict[str, Any]) -> ActionType | None:
        """Change some of name, points, min_seconds, burst and per_minute; open actions keep what they promised."""
        sets = ", ".join(f"{column} = :{column}" for column in changes)
        if changes.keys() & {"min_seconds", "burst", "per_minute"}:  # what was issued before is judged as before
            sets += ", limits_since = clock_timestamp()"
        self._db.rows(
            f"UPDATE action_types SET {sets} WHERE slug = :slug AND retired_at IS NULL RETURNING id",
            slug=slug,
            **changes,
        )
        return self.action_type(slug)

    def retire_action_type(self, slug: str) -> bool:
        """Nobody can start it any more; open actions may still be completed. False if there is none."""
        rows = self._db.rows(
            "UPDATE action_types SET retired_at = now() WHERE slug = :slug AND retired_at IS NULL RETURNING id",
            slug=slug,
        )
        return bool(rows)
