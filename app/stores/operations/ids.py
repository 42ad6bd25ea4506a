"""Rows found by the beginning of their id, through the index on the id."""

from __future__ import annotations

from app.domain.id_prefixes import Candidate, IdKind, IdRange
from app.stores.postgres.engine import Database

_STATEMENTS: dict[IdKind, str] = {
    "user": """
        SELECT id, username AS label FROM players
        WHERE id BETWEEN :first AND :last AND status <> 'erased' ORDER BY id LIMIT :most
    """,
    "case": """
        SELECT c.id, c.state || ', ' || p.username AS label FROM cases c JOIN players p ON p.id = c.player_id
        WHERE c.id BETWEEN :first AND :last ORDER BY c.id LIMIT :most
    """,
    "correction": """
        SELECT id, kind || ', ' || state AS label FROM corrections
        WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :most
    """,
    "key": "SELECT id, name AS label FROM api_keys WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :most",
    "webhook": "SELECT id, url AS label FROM webhooks WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :most",
    "delivery": """
        SELECT id, type || ', ' || state AS label FROM webhook_deliveries
        WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :most
    """,
}


class IdStore:
    """Ids of players that were not erased, of cases, corrections, API keys, webhooks and deliveries."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def within(self, kind: IdKind, ids: IdRange, limit: int) -> list[Candidate]:
        """Return at most `limit` rows of this kind with an id in the range, in the order of their ids."""
        rows = self._db.rows(_STATEMENTS[kind], first=ids.first, last=ids.last, most=limit)
        return [Candidate(row.id, row.label) for row in rows]
