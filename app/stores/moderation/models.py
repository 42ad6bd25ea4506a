"""Learned models and what they found. Of a model only data is kept, never anything that runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database

_KEPT = "90 days"  # a model that has not been used for so long is deleted when the next one comes
_EXCUSED = "14 days"
_FACTS = "version, state, trained_at, window_since, window_until, seed, players, settings, numbers, digest"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model with what it was made of: the time it learned from, the seed, how many players, the settings."""

    since: datetime
    until: datetime
    seed: int
    players: int
    settings: Mapping[str, Any]
    numbers: Mapping[str, Any]
    artifact: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Strange:
    """A feature in which a player's window stood out, in words."""

    rule: str
    seen: str
    expected: str


class ModelStore:
    """Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[dict[str, Any]]:
        """All but the models themselves, the newest first."""
        return [dict(row._mapping) for row in self._db.rows(f"SELECT {_FACTS} FROM models ORDER BY version DESC")]

    def facts(self, version: int) -> dict[str, Any] | None:
        """Of one; None if there is none."""
        row = self._db.row(f"SELECT {_FACTS} FROM models WHERE version = :version", version=version)
        return dict(row._mapping) if row else None

    def active(self) -> int | None:
        """The version that judges."""
        row = self._db.row("SELECT version FROM models WHERE state = 'active'")
        return int(row.version) if row else None

    def artifact(self, version: int) -> tuple[bytes, str]:
        """The model and the digest it had when it was trained."""
        row = self._db.row("SELECT artifact, digest FROM models WHERE version = :version", version=version)
        assert row is not None
        return bytes(row.artifact), row.digest

    @staticmethod
    def add(connection: sa.Connection, kept: StoredModel) -> int:
        """Keep a new one, retired as yet; its version. Models long out of use go."""
        _alone(connection)
        connection.execute(
            sa.text(f"DELETE FROM models WHERE state = 'retired' AND trained_at < now() - interval '{_KEPT}'")
        )
        added = connection.execute(
            sa.text(
                """
                INSERT INTO models (window_since, window_until, seed, players, settings, numbers, artifact, digest,
                                    state)
                VALUES (:since, :until, :seed, :players, CAST(:settings AS jsonb), CAST(:numbers AS jsonb), :artifact,
                        :digest, 'retired') RETURNING version
                """
            ),
            {
                "since": kept.since,
                "until": kept.until,
                "seed": kept.seed,
                "players": kept.players,
                "settings": json.dumps(kept.settings),
                "numbers": json.dumps(kept.numbers),
                "artifact": kept.artifact,
                "digest": kept.digest,
            },
        )
        return int(added.scalar_one())

    @staticmethod
    def activate(connection: sa.Connection, version: int | None) -> int | None:
        """Let this one judge from now on, or with None none; which one did before."""
        _alone(connection)
        retired = connection.execute(
            sa.text("UPDATE models SET state = 'retired' WHERE state = 'active' RETURNING version")
        ).scalar_one_or_none()
        if version is not None:
            connection.execute(
                sa.text("UPDATE models SET state = 'active' WHERE version = :version"), {"version": version}
            )
        return retired

    @staticmethod
    def excused(connection: sa.Connection, player_id: UUID, since: datetime) -> bool:
        """Whether a person has cleared what a model had found of this player, some days before `since` or later."""
        return bool(
            connection.execute(
                sa.text(
                    f"""
                    SELECT EXISTS (
                        SELECT FROM cases c WHERE c.player_id = :player AND c.state = 'cleared'
                            AND c.decided_at > CAST(:since AS timestamptz) - interval '{_EXCUSED}'
                            AND EXISTS (SELECT FROM signals s WHERE s.case_id = c.id AND s.source = 'model')
                    )
                    """
                ),
                {"player": player_id, "since": since},
            ).scalar_one()
        )

    @staticmethod
    def add_signals(connection: sa.Connection, player_id: UUID, found: Sequence[Strange], at: datetime) -> int:
        """Keep what stood out in the window that ended `at`, once; how much of it is new. It adds no suspicion."""
        return sum(
            connection.execute(
                sa.text(
                    """
                    INSERT INTO signals (player_id, rule, seen, expected, added, suspicion, outcome, at, source)
                    VALUES (:player, :rule, :seen, :expected, 0, 0, 'flag', :at, 'model')
                    ON CONFLICT (player_id, rule, at) WHERE source = 'model' DO NOTHING
                    """
                ),
                {"player": player_id, "rule": each.rule, "seen": each.seen, "expected": each.expected, "at": at},
            ).rowcount
            for each in found
        )


def _alone(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('fairboard models'))"))
