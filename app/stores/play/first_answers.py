"""The first answers to Idempotency-Keys, which a retry gets again for 24 hours.

A redemption writes its own with its event (`redeem_statement.py`); its ranks are added once they are known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.action_token import Promise
from app.domain.boards import Season
from app.domain.redemption import StandingChange
from app.stores.play.catalog import SEASONS, read_season
from app.stores.postgres.engine import Database

EVENT_STANDINGS = "coalesce(e.standings, jsonb_build_array(jsonb_build_array(e.season_id, e.previous_score, e.score)))"
"""The standings that an event `e` changed, on one board or on several: season, previous score and score of each."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A score event: its result and its changes of standings, with the ranks of the first answer, if known."""

    result: int
    result_kind: str
    changes: Sequence[StandingChange]


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """The first response to an Idempotency-Key: `outcome` is scored (then `event` is set), rejected or suspended."""

    fingerprint: str
    outcome: str
    event: Scored | None


class FirstAnswerStore:
    """One row for each player and key."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def first_answer(self, player_id: str, key: str) -> FirstAnswer | None:
        """Return the first response to this player's key; None for a new key."""
        row = self._db.row(
            f"""
            SELECT i.fingerprint, i.outcome, i.previous_rank, i.current_rank, i.ranks, e.points, t.result_kind,
                   {EVENT_STANDINGS} AS standings
            FROM idempotency i
            LEFT JOIN score_events e ON e.action_id = i.action_id AND e.kind = 'redeem'
            LEFT JOIN action_types t ON t.id = e.action_type_id
            WHERE i.player_id = :player AND i.key = :key AND i.created_at > now() - interval '24 hours'
            """,
            player=player_id,
            key=key,
        )
        if row is None:
            return None
        if row.points is None:
            return FirstAnswer(row.fingerprint, row.outcome, None)
        seasons = present_seasons(self._db, [entry[0] for entry in row.standings])
        ranks = row.ranks or ([(row.previous_rank, row.current_rank)] if row.current_rank is not None else None)
        changes = [
            StandingChange(seasons[season], previous, score, ranks=tuple(ranks[place]) if ranks else None)
            for place, (season, previous, score) in enumerate(row.standings)
        ]
        return FirstAnswer(row.fingerprint, row.outcome, Scored(row.points, row.result_kind, changes))

    def store_ranks(self, player_id: str, key: str, changes: Sequence[StandingChange]) -> None:
        """Store the ranks of the first response. Losing them in a crash costs a replay's exact ranks, no points."""
        ranks = [change.ranks for change in changes if change.ranks is not None]
        (previous, current) = ranks[0]
        with self._db.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            connection.exec_driver_sql(
                """
                UPDATE idempotency
                SET previous_rank = %(previous)s, current_rank = %(current)s, ranks = %(ranks)s::jsonb
                WHERE player_id = %(player)s AND key = %(key)s
                """,
                {
                    "previous": previous,
                    "current": current,
                    "ranks": json.dumps(ranks) if len(ranks) > 1 else None,
                    "player": player_id,
                    "key": key,
                },
            )

    def store_refusal(
        self, connection: sa.Connection, promise: Promise, key: str, fingerprint: str, outcome: str
    ) -> None:
        """Store that anti-cheat refused this key's action."""
        connection.exec_driver_sql(
            """
            INSERT INTO idempotency (player_id, key, fingerprint, action_id, outcome)
            VALUES (%(player)s, %(key)s, %(fingerprint)s, %(action)s, %(outcome)s)
            ON CONFLICT (player_id, key) DO NOTHING
            """,
            {
                "player": promise.player_id,
                "key": key,
                "fingerprint": fingerprint,
                "action": promise.action_id,
                "outcome": outcome,
            },
        )

    def drop_old_key(self, player_id: str, key: str) -> bool:
        """Delete a key that is older than 24 hours; return False if there is none so old."""
        rows = self._db.rows(
            """
            DELETE FROM idempotency WHERE player_id = :player AND key = :key
            AND created_at <= now() - interval '24 hours' RETURNING key
            """,
            player=player_id,
            key=key,
        )
        return bool(rows)

    def prune_keys(self, *, batch: int = 5000) -> int:
        """Delete all keys older than 24 hours, `batch` per statement; return their number."""
        return prune_answers(self._db, "idempotency", batch)


def prune_answers(database: Database, table: str, batch: int) -> int:
    """Delete all first answers of a table older than 24 hours, `batch` per statement; return their number."""
    total, pruned = 0, batch
    while pruned == batch:
        row = database.row(
            f"""
            WITH pruned AS (
                DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM {table} WHERE created_at <= now() - interval '24 hours'
                    ORDER BY created_at LIMIT :batch
                )) RETURNING 1
            )
            SELECT count(*) AS pruned FROM pruned
            """,
            batch=batch,
        )
        pruned = row.pruned if row else 0
        total += pruned
    return total


def present_seasons(database: Database, ids: Sequence[int]) -> dict[int, Season]:
    """Return seasons by these ids; in the place of one that a replay has replaced, the one that replaced it."""
    rows = database.rows(
        f"""
        SELECT present.*, w.id AS id_then FROM seasons w
        CROSS JOIN LATERAL ({SEASONS} WHERE n.id = coalesce(w.replaced_by, w.id)) present WHERE w.id = ANY(:ids)
        """,
        ids=list(ids),
    )
    return {row.id_then: read_season(row) for row in rows}
