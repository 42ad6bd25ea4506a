"""Learned models and their findings. A stored model is only data, never code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import sqlalchemy as sa

from app.stores.postgres.engine import Database
from app.stores.postgres.rows import read_row

_RETENTION = "90 days"  # a retired model trained longer ago is deleted when the next one is added
_FACTS = "version, state, trained_at, window_since, window_until, players, settings, numbers, digest"


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model and its origin: the time window it learned from, the number of players, the settings.

    `inputs`: the players that it left out, and the decisions that it learned from.
    """

    since: datetime
    until: datetime
    players: int
    settings: Mapping[str, object]
    inputs: Mapping[str, object]
    numbers: Mapping[str, float]
    artifact: bytes
    digest: str


class ModelFacts(TypedDict):
    """The origin and the measured numbers of a model; `state` is active or retired."""

    version: int
    state: str
    trained_at: datetime
    window_since: datetime
    window_until: datetime
    players: int
    settings: dict[str, object]
    numbers: dict[str, float]
    digest: str


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """A feature in which a player's window stood out, in words."""

    rule: str
    seen: str
    expected: str


class ModelStore:
    """Learned models. Writes take the caller's connection."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def all(self) -> list[ModelFacts]:
        """Return the facts of all models, without the models themselves, the newest first."""
        rows = self._db.rows(f"SELECT {_FACTS} FROM models ORDER BY version DESC")
        return [read_row(row, ModelFacts) for row in rows]

    def facts(self, version: int) -> ModelFacts | None:
        """Return the facts of a version, or `None` if there is no such version."""
        row = self._db.row(f"SELECT {_FACTS} FROM models WHERE version = :version", version=version)
        return read_row(row, ModelFacts) if row else None

    def active(self) -> int | None:
        """Return the version that judges, or `None`."""
        row = self._db.row("SELECT version FROM models WHERE state = 'active'")
        return int(row.version) if row else None

    def artifact(self, version: int) -> tuple[bytes, str]:
        """Return the model and the digest that it had when it was trained."""
        row = self._db.row("SELECT artifact, digest FROM models WHERE version = :version", version=version)
        assert row is not None
        return bytes(row.artifact), row.digest

    def inputs(self, version: int) -> dict[str, object]:
        """Return the model's input besides the ledger."""
        row = self._db.row("SELECT inputs FROM models WHERE version = :version", version=version)
        assert row is not None
        inputs: dict[str, object] = row.inputs
        return inputs

    def add(self, connection: sa.Connection, model: StoredModel) -> int:
        """Store a new model, retired as yet, and return its version; deletes old retired models."""
        _lock_models(connection)
        connection.execute(
            sa.text(f"DELETE FROM models WHERE state = 'retired' AND trained_at < now() - interval '{_RETENTION}'")
        )
        added = connection.execute(
            sa.text(
                """
                INSERT INTO models (window_since, window_until, players, settings, inputs, numbers, artifact, digest,
                                    state)
                VALUES (:since, :until, :players, CAST(:settings AS jsonb), CAST(:inputs AS jsonb),
                        CAST(:numbers AS jsonb), :artifact, :digest, 'retired') RETURNING version
                """
            ),
            {
                "since": model.since,
                "until": model.until,
                "players": model.players,
                "settings": json.dumps(model.settings),
                "inputs": json.dumps(model.inputs),
                "numbers": json.dumps(model.numbers),
                "artifact": model.artifact,
                "digest": model.digest,
            },
        )
        return int(added.scalar_one())

    def activate(self, connection: sa.Connection, version: int | None) -> int | None:
        """Let this version judge from now on, or with `None` no model; return the version that did before."""
        _lock_models(connection)
        retired = connection.execute(
            sa.text("UPDATE models SET state = 'retired' WHERE state = 'active' RETURNING version")
        ).scalar_one_or_none()
        if version is not None:
            connection.execute(
                sa.text("UPDATE models SET state = 'active' WHERE version = :version"), {"version": version}
            )
        return retired

    def is_new(self, connection: sa.Connection, player_id: UUID, since: datetime) -> bool:
        """Return whether the player has no open case with a finding of a model since then."""
        statement = sa.text(
            """
            SELECT 1 FROM signals s JOIN cases c ON c.id = s.case_id
            WHERE s.player_id = :player AND s.source = 'model' AND s.at > :since AND c.state = 'open' LIMIT 1
            """
        )
        return connection.execute(statement, {"player": player_id, "since": since}).first() is None

    def add_signals(
        self,
        connection: sa.Connection,
        player_id: UUID,
        findings: Sequence[ModelFinding],
        at: datetime,
        *,
        added: float,
        suspicion: float,
    ) -> int:
        """Store the findings about the time up to `at`, once; return the number of new ones.

        The first one carries the suspicion that they added together; `suspicion` is the player's with it.
        """
        return sum(
            connection.execute(
                sa.text(
                    """
                    INSERT INTO signals (player_id, rule, seen, expected, added, suspicion, outcome, at, source)
                    VALUES (:player, :rule, :seen, :expected, :added, :suspicion, 'flag', :at, 'model')
                    ON CONFLICT (player_id, rule, at) WHERE source = 'model' DO NOTHING
                    """
                ),
                {
                    "player": player_id,
                    "rule": finding.rule,
                    "seen": finding.seen,
                    "expected": finding.expected,
                    "added": 0.0 if number else added,
                    "suspicion": suspicion,
                    "at": at,
                },
            ).rowcount
            for number, finding in enumerate(findings)
        )


def _lock_models(connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('fairboard models'))"))
