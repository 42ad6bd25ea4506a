"""The boards with their rules, as the API lists them."""

from __future__ import annotations

from app.domain.board_config import BoardConfig
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_FACTS = """
    SELECT slug, name, scoring, sort_order AS "order", unit, decimals, schedule, timezone, starts_at, ends_at,
           segments, public
    FROM boards
"""


class BoardListStore:
    """Boards, those that are archived on request only."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def boards(self) -> list[BoardConfig]:
        """Return all boards that are not archived, the oldest first."""
        rows = self._db.rows(f"{_FACTS} WHERE archived_at IS NULL ORDER BY id")
        return [read_row(row, BoardConfig) for row in rows]

    def board(self, slug: str, *, with_archived: bool = False) -> BoardConfig | None:
        """Return a board, None for one that doesn't exist."""
        condition = "" if with_archived else " AND archived_at IS NULL"
        row = self._db.row(f"{_FACTS} WHERE slug = :slug{condition}", slug=slug)
        return read_row(row, BoardConfig) if row else None
