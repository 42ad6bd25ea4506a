"""The boards with their rules, as the API lists them."""

from __future__ import annotations

from app.domain.boards import BoardFacts
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_FACTS = """
    SELECT slug, name, scoring, sort_order AS "order", unit, decimals, schedule, timezone, starts_at, ends_at,
           segments, public
    FROM boards WHERE archived_at IS NULL
"""


class BoardListStore:
    """Boards that are not archived."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def boards(self) -> list[BoardFacts]:
        """Return all boards, the oldest first."""
        return [read_row(row, BoardFacts) for row in self._db.rows(f"{_FACTS} ORDER BY id")]

    def board(self, slug: str) -> BoardFacts | None:
        """Return a board, None for one that doesn't exist."""
        row = self._db.row(f"{_FACTS} AND slug = :slug", slug=slug)
        return read_row(row, BoardFacts) if row else None
