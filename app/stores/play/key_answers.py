"""The first answers to the keys of scores that a game's server submits, by API key. A retry gets them again.

A row is written in the transaction of its score, before it: of two calls with one key the second waits for the first,
and then finds its answer. Rows live for at least 24 hours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa

from app.domain.redemption import StandingChange
from app.errors import AccountSuspended, BoardClosed, InvalidRequest, NotFound, Refusal
from app.stores.play.first_answers import EVENT_STANDINGS, present_seasons, prune_answers
from app.stores.postgres.engine import Database
from app.stores.postgres.rows import Row

Ranks: TypeAlias = Sequence[tuple[int | None, int]]

_REMEMBERED: tuple[type[Refusal], ...] = (InvalidRequest, NotFound, AccountSuspended, BoardClosed)
_CLASSES = {kind.code: kind for kind in _REMEMBERED}
_CLAIM = """
    INSERT INTO key_answers (api_key_id, key, fingerprint, action_id, refusal)
    SELECT :api_key, * FROM unnest(
        CAST(:keys AS text[]), CAST(:fingerprints AS text[]), CAST(:actions AS uuid[]), CAST(:refusals AS json[])
    ) ON CONFLICT DO NOTHING RETURNING key
"""
_ANSWERS = f"""
    SELECT a.key, a.fingerprint, a.refusal, a.ranks, e.action_id, e.player_id, e.points, t.result_kind,
           {EVENT_STANDINGS} AS standings
    FROM key_answers a
    LEFT JOIN score_events e ON e.action_id = a.action_id AND e.kind = 'redeem'
    LEFT JOIN action_types t ON t.id = e.action_type_id
    WHERE a.api_key_id = :api_key AND a.key = ANY(:keys)
"""
_STORE_RANKS = """
    UPDATE key_answers a SET ranks = new.ranks
    FROM unnest(CAST(:keys AS text[]), CAST(:ranks AS jsonb[])) AS new (key, ranks)
    WHERE a.api_key_id = :api_key AND a.key = new.key
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A key to claim: for the score of `action_id`, or for a refusal."""

    key: str
    fingerprint: str
    action_id: str | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class StoredScore:
    """A score event as it was answered; the changes have no ranks if the first try died before it knew them."""

    action_id: str
    player_id: str
    result: int
    result_kind: str
    changes: Sequence[StandingChange]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The first answer to a key."""

    fingerprint: str
    outcome: StoredScore | Refusal


class KeyAnswerStore:
    """One row for each API key and key."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def claim(self, connection: sa.Connection, api_key_id: UUID, claims: Sequence[Claim]) -> set[str]:
        """Claim keys for their answers, and return those that are new; waits for other transactions with the same."""
        ordered = sorted(claims, key=lambda claim: claim.key)  # in the same order for all, so that no two deadlock
        rows = connection.execute(
            sa.text(_CLAIM),
            {
                "api_key": api_key_id,
                "keys": [claim.key for claim in ordered],
                "fingerprints": [claim.fingerprint for claim in ordered],
                "actions": [claim.action_id for claim in ordered],
                "refusals": [None if claim.refusal is None else _refusal_text(claim.refusal) for claim in ordered],
            },
        )
        return {row.key for row in rows}

    def refuse(self, connection: sa.Connection, api_key_id: UUID, keys: Sequence[str], refusal: Refusal) -> None:
        """Change the answers to claimed keys to a refusal, in the transaction that has claimed them."""
        statement = (
            "UPDATE key_answers SET refusal = CAST(:refusal AS json) WHERE api_key_id = :api_key AND key = ANY(:keys)"
        )
        values = {"refusal": _refusal_text(refusal), "api_key": api_key_id, "keys": list(keys)}
        connection.execute(sa.text(statement), values)

    def answers(self, api_key_id: UUID, keys: Sequence[str]) -> dict[str, StoredAnswer]:
        """Return the first answers to these keys; new keys are left out."""
        rows = self._db.rows(_ANSWERS, api_key=api_key_id, keys=list(keys))
        ids = {entry[0] for row in rows if row.refusal is None for entry in row.standings}
        seasons = present_seasons(self._db, sorted(ids)) if ids else {}
        answers = {}
        for row in rows:
            outcome: StoredScore | Refusal
            if row.refusal is not None:
                outcome = _refusal(row.refusal)
            else:
                ranks = row.ranks or [None] * len(row.standings)
                changes = [
                    StandingChange(seasons[season], previous, score, ranks=tuple(rank) if rank else None)
                    for (season, previous, score), rank in zip(row.standings, ranks, strict=True)
                ]
                outcome = _stored_score(row, changes)
            answers[row.key] = StoredAnswer(row.fingerprint, outcome)
        return answers

    def store_ranks(self, api_key_id: UUID, ranks: Mapping[str, Ranks]) -> None:
        """Store the ranks of first answers. Losing them in a crash costs a replay's exact ranks, no points."""
        values = {"api_key": api_key_id, "keys": list(ranks), "ranks": [json.dumps(each) for each in ranks.values()]}
        with self._db.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            connection.execute(sa.text(_STORE_RANKS), values)

    def prune(self, *, batch: int = 5000) -> int:
        """Delete all rows older than 24 hours, `batch` per statement; return their number."""
        return prune_answers(self._db, "key_answers", batch)


def _stored_score(row: Row, changes: Sequence[StandingChange]) -> StoredScore:
    return StoredScore(str(row.action_id), str(row.player_id), row.points, row.result_kind, changes)


def _refusal_text(refusal: Refusal) -> str:
    return json.dumps({"code": refusal.code, "message": refusal.message, "details": refusal.details})


def _refusal(stored: Mapping[str, str]) -> Refusal:
    details = stored["details"]
    return _CLASSES[stored["code"]](stored["message"], details=details)  # type: ignore[arg-type]
