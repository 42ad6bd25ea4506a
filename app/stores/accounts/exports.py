"""Everything that PostgreSQL has about one player, except hashes of passwords and tokens."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from app.stores.postgres.engine import Database

_CHUNK = 1000

_ACCOUNT = """
    SELECT id AS user_id, username, role, status, created_at, external_id, is_guest, renamed_at, status_at,
           password_hash <> '!' AS has_password, held_under IS NOT NULL AS is_held, held_until, held_since, released_at
    FROM players WHERE id = :player AND status <> 'erased'
"""
_BOARD = "b.slug AS board, n.number AS season"
_JOIN_BOARD = "LEFT JOIN seasons n ON n.id = t.season_id LEFT JOIN boards b ON b.id = n.board_id"
# The reason of a decision is the moderator's, and which accounts are linked is about other people too.
_SECTIONS = {
    "attributes": "SELECT name, value FROM player_attributes WHERE player_id = :player ORDER BY name",
    "name_skeletons": "SELECT skeleton FROM username_skeletons WHERE player_id = :player ORDER BY skeleton",
    "logins": """
        SELECT id, created_at, expires_at, ended_at, ended_why FROM logins WHERE player_id = :player ORDER BY created_at
    """,
    "identities": "SELECT issuer, subject, created_at, tokens_from FROM identities WHERE player_id = :player",
    "reset_links": "SELECT created_at, expires_at FROM reset_links WHERE player_id = :player",
    "sightings": """
        SELECT CAST(date '1970-01-01' + day AS text) AS day, week, encode(network, 'hex') AS network,
               encode(device, 'hex') AS device
        FROM sightings WHERE player_id = :player ORDER BY 1, 2
    """,
    "standings": f"""
        SELECT {_BOARD}, t.score * CASE WHEN coalesce(n.sort_order, b.sort_order) = 'asc' THEN -1 ELSE 1 END AS score,
               t.has_held OR t.held <> 0 AS has_held, t.achieved_at, t.listed
        FROM standings t {_JOIN_BOARD} WHERE t.player_id = :player AND n.board_id IS NOT NULL ORDER BY board, season
    """,
    "podium_entries": f"""
        SELECT {_BOARD}, entered_at FROM podium_entries t {_JOIN_BOARD} WHERE t.player_id = :player ORDER BY entered_at
    """,
    "suspicion": "SELECT value, soft, at, cleared_at FROM suspicion WHERE player_id = :player",
    "cases": """
        SELECT id, state, opened_at, decided_at, starts_at, appeal, appealed_at, gain_points FROM cases
        WHERE player_id = :player ORDER BY opened_at
    """,
    "decisions": """
        SELECT d.case_id, d.decision, d.decided_at FROM decisions d JOIN cases c ON c.id = d.case_id
        WHERE c.player_id = :player ORDER BY d.id
    """,
    "signals": """
        SELECT at, source, case_id, action_id, action_type, rule, CASE WHEN source <> 'linked' THEN seen END AS seen,
               expected, added, suspicion, outcome, is_hard
        FROM signals WHERE player_id = :player ORDER BY id
    """,
    "cleared_rules": "SELECT rule, times FROM cleared_rules WHERE player_id = :player ORDER BY rule",
    "refusals": """
        SELECT r.action_id, t.slug AS action_type, r.reason, r.judged_at, r.issued_at
        FROM refusals r LEFT JOIN action_types t ON t.id = r.action_type_id WHERE r.player_id = :player
        ORDER BY r.judged_at
    """,
    "corrections": """
        SELECT id, kind, case_id, since, until, made_at, events, points FROM corrections WHERE player_id = :player
        ORDER BY made_at
    """,
    "points_by_hour": "SELECT starts_at, points FROM gain_hours WHERE player_id = :player ORDER BY starts_at",
    "points_by_day": "SELECT starts_at, points FROM gain_days WHERE player_id = :player ORDER BY starts_at",
    "looks_at_points": "SELECT looked_at, next_points FROM gain_looks WHERE player_id = :player",
    "idempotency_keys": """
        SELECT key, action_id, outcome, created_at FROM idempotency WHERE player_id = :player ORDER BY created_at
    """,
    # Those of results have what the events below have. Bodies may name other players.
    "webhook_deliveries": """
        SELECT event_id, type, state, created_at, finished_at FROM webhook_deliveries
        WHERE player_id = :player AND type <> 'score.counted' ORDER BY created_at
    """,
    "audit_log": """
        SELECT id, at, act, CAST(details AS json) AS details, request_id FROM audit_log
        WHERE subject = 'player:' || :player OR actor = 'player:' || :player ORDER BY id
    """,
}
_EVENTS = f"""
    SELECT t.id, t.kind, t.action_id, t.voids_id, {_BOARD}, a.slug AS action_type, t.points AS result,
           t.previous_score, t.score, t.issued_at, t.created_at, t.request_id, t.metadata,
           t.held_under IS NOT NULL AS was_held, t.api_key_id, t.imported_at
    FROM score_events t {_JOIN_BOARD} LEFT JOIN action_types a ON a.id = t.action_type_id
    WHERE t.player_id = :player AND t.id > :after ORDER BY t.id LIMIT {_CHUNK}
"""

Record = dict[str, object]


class ExportStore:
    """Reads of the primary, so that the player finds the newest events."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def account(self, player_id: UUID) -> Record | None:
        """Return the account; None for an unknown or erased player."""
        row = self._db.row(_ACCOUNT, player=player_id)
        return dict(row._mapping) if row else None

    def sections(self, player_id: UUID) -> dict[str, list[Record]]:
        """Return the rows of everything but the account and the events, by the names of their sections."""
        return {name: self._rows(sql, player_id) for name, sql in _SECTIONS.items()}

    def events(self, player_id: UUID) -> Iterator[list[Record]]:
        """Yield the player's events in the order of the ledger, a thousand at a time."""
        after = 0
        while rows := self._db.rows(_EVENTS, player=player_id, after=after):
            yield [dict(row._mapping) for row in rows]
            after = rows[-1].id

    def _rows(self, sql: str, player_id: UUID) -> list[Record]:
        return [dict(row._mapping) for row in self._db.rows(sql, player=player_id)]
