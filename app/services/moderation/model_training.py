"""The learned model: trained on a schedule, and shown what everybody did in the last day.

What it finds becomes evidence on a case, in words. Nothing else follows: it adds no suspicion, refuses nothing and
suspends nobody. Importing this needs numpy and scikit-learn; `Container.learning` says so where they are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version as version_of
from typing import Any
from uuid import UUID

import numpy as np
import structlog

from anticheat import features as features_of
from anticheat import model as models
from anticheat.features import FEATURES, Vector
from anticheat.model import THRESHOLD, DamagedModel, Model
from app.domain.actors import SYSTEM
from app.domain.times import utc
from app.errors import Conflict, NotFound
from app.services.moderation.player_days import DAY, first_part, strange_days, vector_of
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.models import ModelStore, StoredModel, Strange
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.learning")

DAYS = 14
"""Of play a model learns from, unless told otherwise."""
MOST_STRANGE = 0.02
"""A model to which a larger part of the days it learned from is strange, is kept, but doesn't judge."""
_SETTLED = timedelta(minutes=2)  # until everything redeemed before is in the ledger, and on the replicas

Done = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ModelAssessment:
    """What the model makes of a player's day: `{"feature", "words", "value", "usual"}` of each feature in `features`,
    and of what stands out, the strangest first."""

    version: int
    since: datetime
    until: datetime
    score: float
    threshold: float
    features: list[dict[str, str]]
    stands_out: list[dict[str, str]]


@dataclass(slots=True)
class Judged:
    """What came of showing a day to a model; `cases`, `{"player_id", "case_id", "score", "features"}` each, are new."""

    version: int
    since: datetime
    until: datetime
    players: int = 0
    signals: int = 0
    cases: list[dict[str, Any]] = field(default_factory=list)


class ModelTraining:
    """`patient` are replicas with time for a day's ledger; `quarantine`: hold what is scored under a case."""

    def __init__(
        self,
        database: Database,
        patient: Replicas,
        store: ModelStore,
        *,
        half_life: float,
        quarantine: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._patient, self._store = database, patient, store
        self._half_life, self._quarantine, self._clock = half_life, quarantine, clock

    def train(
        self,
        *,
        days: int = DAYS,
        seed: int = 1,
        by: str = SYSTEM,
        request_id: str = "",
        done: Done = lambda count: None,
    ) -> dict[str, Any]:
        """Learn from the last days, up to the last full hour, and let the new model judge; its facts.

        Conflict when there is too little to learn from. A model that finds too many strange is kept, but not used.
        """
        until = self._last_hour()
        kept = self._learn(until - days * DAY, until, seed, done)
        fit = kept.numbers["strange"] <= MOST_STRANGE
        with self._db.transaction() as connection:
            version = self._store.add(connection, kept)
            details = {"digest": kept.digest, "active": fit}
            if fit:
                details["retired"] = self._store.activate(connection, version)
            AuditStore.append(connection, by, "model.trained", f"model:{version}", details, request_id)
        if not fit:
            log.warning("model_not_used", version=version, strange=kept.numbers["strange"])
        return self.facts(version)

    def _learn(self, since: datetime, until: datetime, seed: int, done: Done) -> StoredModel:
        players: set[UUID] = set()
        vectors: list[Vector] = []
        for number in range((until - since) // DAY):
            begin = since + number * DAY
            for player, vector in self._patient.patiently(partial(first_part, since=begin)):
                players.add(player)
                vectors.append(vector)
            done(len(vectors))
        try:
            model = models.train(vectors, seed)
        except ValueError as error:
            raise Conflict(f"{error}.") from error
        artifact, digest = models.dump(model)
        return StoredModel(
            since, until, seed, len(players), _settings(), _numbers(model, len(vectors)), artifact, digest
        )

    def judge(self, version: int | None = None, *, done: Done = lambda count: None) -> Judged | None:
        """Show everybody's last day, up to the last full hour, to this model or the active one; None without one.

        Raises Conflict for a model that can't be read. Twice in the same hour is as once.
        """
        number = self._store.active() if version is None else version
        if number is None:
            return None
        model, until = self._model(number), self._last_hour()
        judged = Judged(number, until - DAY, until)
        judged.players, strange = self._patient.patiently(lambda source: strange_days(source, model, until, done))
        for player, vector, score in strange:
            self._keep(player, model, vector, score, judged)
        return judged

    def _keep(self, player: UUID, model: Model, vector: Vector, score: float, judged: Judged) -> None:
        found = models.stands_out(model, vector)
        strange = [
            Strange(one.feature.name, f"{one.feature.words}: {one.value}", f"{one.usual} is usual") for one in found
        ]
        with self._db.transaction() as connection:
            floor, open_before = ReviewStore.standing_of(connection, player)
            if floor > judged.since.timestamp() or self._store.excused(connection, player, judged.since):
                return
            added = self._store.add_signals(connection, player, strange, judged.until)
            if not added:
                return
            case_id = SuspicionStore.open_case(
                connection, str(player), half_life=self._half_life, hold=self._quarantine, since=judged.since
            )
        judged.signals += added
        if not open_before:
            names = [one.feature.name for one in found]
            case = {"player_id": player, "case_id": case_id, "score": round(score, 1), "features": names}
            judged.cases.append(case)
            log.warning("case_opened_by_model", player_id=str(player), case_id=str(case_id), score=round(score, 1))

    def look(self, player_id: UUID, version: int | None = None) -> ModelAssessment:
        """What a model makes of the player's last day. NotFound without a model, or for too few plays."""
        number = self._store.active() if version is None else version
        if number is None:
            raise NotFound("No model is active.")
        model, until = self._model(number), self._last_hour()
        vector = self._patient.patiently(lambda source: vector_of(source, player_id, until))
        if vector is None:
            least = features_of.LEAST_PLAYS
            raise NotFound(f"There are fewer than {least} completions of this player in the day before {until:%H:%M}.")
        (score,) = models.scores(model, [vector])
        rows = [
            {
                "feature": each.name,
                "words": each.words,
                "value": each.shows(float(value)),
                "usual": each.shows(float(mid)),
            }
            for each, value, mid in zip(FEATURES, vector, model.middle, strict=True)
        ]
        names = [one.feature.name for one in models.stands_out(model, vector)]
        strange = [next(row for row in rows if row["feature"] == name) for name in names]
        return ModelAssessment(number, until - DAY, until, round(score, 2), THRESHOLD, rows, strange)

    def verify(self, version: int, *, done: Done = lambda count: None) -> list[str]:
        """What is wrong with a stored model: whether it can be read, and learning the same again gives the same."""
        facts = self.facts(version)
        try:
            models.load(*self._store.artifact(version))
        except DamagedModel as error:
            return [str(error)]
        again = self._learn(facts["window_since"], facts["window_until"], facts["seed"], done)
        if again.digest == facts["digest"]:
            return []
        changed = {
            name: value for name, value in again.settings.items() if facts["settings"].get(name) != value
        } or "the ledger of that time"
        return [f"learned again it is another one ({again.digest[:12]}); what changed since: {changed}"]

    def all(self) -> list[dict[str, Any]]:
        """The facts of each model, the newest first."""
        return self._store.all()

    def facts(self, version: int) -> dict[str, Any]:
        """Of one. Raises NotFound."""
        found = self._store.facts(version)
        if found is None:
            raise NotFound(f"There is no model {version}.")
        return found

    def activate(self, version: int, *, by: str = SYSTEM, request_id: str = "") -> None:
        """Let this one judge from now on. Raises NotFound, and Conflict for one that can't be read."""
        self.facts(version)
        self._model(version)
        with self._db.transaction() as connection:
            retired = self._store.activate(connection, version)
            AuditStore.append(connection, by, "model.activated", f"model:{version}", {"retired": retired}, request_id)

    def retire(self, *, by: str = SYSTEM, request_id: str = "") -> int | None:
        """Let no model judge, until the next is trained or one is activated; the one that did."""
        with self._db.transaction() as connection:
            retired = self._store.activate(connection, None)
            if retired is not None:
                AuditStore.append(connection, by, "model.retired", f"model:{retired}", {}, request_id)
        return retired

    def _model(self, version: int) -> Model:
        self.facts(version)
        try:
            return models.load(*self._store.artifact(version))
        except DamagedModel as error:
            raise Conflict(f"Model {version} judges nobody: {error}. Train a new one, or activate another.") from error

    def _last_hour(self) -> datetime:
        return (utc(self._clock()) - _SETTLED).replace(minute=0, second=0, microsecond=0)


def _settings() -> dict[str, Any]:
    """What a model depends on beside the ledger: with all of it the same, the same model comes out."""
    return {
        "features": [each.name for each in FEATURES],
        "least_plays": features_of.LEAST_PLAYS,
        "neighbours": models.NEIGHBOURS,
        "most_points": models.MOST_POINTS,
        "threshold": THRESHOLD,
        "numpy": version_of("numpy"),
        "scikit-learn": version_of("scikit-learn"),
    }


def _numbers(model: Model, windows: int) -> dict[str, Any]:
    """How strange the days it learned from are, each compared with the others."""
    scores = np.array(models.own_scores(model))
    quantiles = {name: round(float(np.quantile(scores, part)), 2) for name, part in _QUANTILES.items()}
    strange = round(float(np.mean(scores >= THRESHOLD)), 4)
    return {
        "days": windows,
        "kept": len(scores),
        **quantiles,
        "highest": round(float(scores.max()), 2),
        "strange": strange,
    }


_QUANTILES = {"median": 0.5, "p99": 0.99, "p999": 0.999}
