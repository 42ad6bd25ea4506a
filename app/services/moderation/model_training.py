"""The learned model: trained on a schedule, and applied to the players that have played.

An account that stands out becomes soft evidence on a case, in words: it adds to the player's suspicion, and refuses
nothing by itself. Importing this needs numpy; `Container.model_training` says so where it is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version as version_of
from uuid import UUID

import structlog

from anticheat import features as features_of
from anticheat.features import FEATURES
from anticheat.model import Assessment, Model
from anticheat.stored_model import DamagedModel, dump, load
from app.domain.actors import SYSTEM
from app.domain.times import utc
from app.errors import Conflict, NotFound
from app.services.moderation.model_cases import JudgingResult, ModelCases
from app.services.moderation.player_weeks import (
    ONE_DAY,
    ONE_WEEK,
    TrainingInput,
    assessment_of,
    strange_players,
    train_on,
)
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.models import ModelFacts, ModelStore, StoredModel
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.learning")

DAYS = 14
"""The days of play that a model learns from by default."""
MOST_STRANGE = 0.1
"""A model of enough players that finds a larger part of their weeks strange is stored, but doesn't judge."""
_SETTLE_TIME = timedelta(minutes=2)  # until all earlier redemptions are in the ledger and on the replicas

ProgressCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ModelAssessment:
    """A model's assessment of a player: the score, the threshold from which on it is a case, and the hand's evidence.

    `basis`: the model in words. `limits` are the absolute limits that were broken. `features` has `{"feature",
    "words", "value", "usual"}` of each feature, `stands_out` of those that stand out, the strangest first.
    """

    version: int
    since: datetime
    until: datetime
    score: float
    threshold: float
    hand: float
    basis: str
    limits: list[str]
    features: list[dict[str, str]]
    stands_out: list[dict[str, str]]


class ModelTraining:
    """`patient_replicas` have time limits for weeks of the ledger; `false_cases`: expected in 1,000 player-weeks."""

    def __init__(
        self,
        database: Database,
        patient_replicas: Replicas,
        store: ModelStore,
        cases: ModelCases,
        audit: AuditStore,
        *,
        false_cases: float,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._patient_replicas, self._store = database, patient_replicas, store
        self._cases, self._audit = cases, audit
        self._false_cases, self._clock = false_cases, clock

    def train(
        self,
        *,
        days: int = DAYS,
        by: str = SYSTEM,
        request_id: str = "",
        on_progress: ProgressCallback = lambda count: None,
    ) -> ModelFacts:
        """Train a model on the last days, up to the last full hour, and let it judge; return its facts.

        A model that finds too many weeks strange is stored, but doesn't judge.
        """
        until = self._last_hour()
        model = self._train_on(until - days * ONE_DAY, until, self._false_cases, None, on_progress)
        is_fit = model.numbers["own_share"] < 1 or model.numbers["strange"] <= MOST_STRANGE
        with self._db.transaction() as connection:
            version = self._store.add(connection, model)
            details = {"digest": model.digest, "active": is_fit}
            if is_fit:
                details["retired"] = self._store.activate(connection, version)
            self._audit.append(connection, by, "model.trained", f"model:{version}", details, request_id)
        if not is_fit:
            log.warning("model_not_used", version=version, strange=model.numbers["strange"])
        return self.facts(version)

    def _train_on(
        self,
        since: datetime,
        until: datetime,
        false_cases: float,
        training_input: TrainingInput | None,
        on_progress: ProgressCallback,
    ) -> StoredModel:
        training = self._patient_replicas.read_patiently(
            lambda source: train_on(
                source,
                since,
                until,
                false_cases=false_cases,
                training_input=training_input,
                on_progress=on_progress,
            )
        )
        artifact, digest = dump(training.model)
        numbers = training.model.numbers
        inputs = training.input.as_row()
        settings = _settings(false_cases, training.action_types)
        return StoredModel(since, until, training.model.accounts, settings, inputs, numbers, artifact, digest)

    def active(self) -> int | None:
        """Return the version of the model that judges, or `None`."""
        return self._store.active()

    def judge(
        self,
        version: int | None = None,
        *,
        active: timedelta = ONE_DAY,
        on_progress: ProgressCallback = lambda count: None,
    ) -> JudgingResult | None:
        """Judge the players that were `active` in this time before the last full hour, by this model or the active one.

        Return None without a model. Raises Conflict for an unreadable one. A repetition within a day changes nothing.
        """
        model_version = self._store.active() if version is None else version
        if model_version is None:
            return None
        model, until = self._load(model_version), self._last_hour()
        result = JudgingResult(model_version, until - active, until)
        result.players, strange = self._patient_replicas.read_patiently(
            lambda source: strange_players(source, model, until, until - active, on_progress)
        )
        for player, assessment in strange:
            self._cases.record(player, model, assessment, result)
        return result

    def assess(self, player_id: UUID, version: int | None = None) -> ModelAssessment:
        """Return a model's view of the player's week up to now. Raises NotFound without a model or enough plays."""
        model_version = self._store.active() if version is None else version
        if model_version is None:
            raise NotFound("No model is active.")
        model, until = self._load(model_version), utc(self._clock())
        assessment = self._patient_replicas.read_patiently(
            lambda source: assessment_of(source, model, player_id, until)
        )
        if assessment is None:
            least = features_of.LEAST_PLAYS
            raise NotFound(f"There are fewer than {least} completions of this player in the last week.")
        return _presented(model_version, model, assessment, until)

    def verify(self, version: int, *, on_progress: ProgressCallback = lambda count: None) -> list[str]:
        """Return the flaws of a stored model: that it is unreadable, or that training it again gives another one."""
        facts = self.facts(version)
        try:
            model = load(*self._store.artifact(version))
        except DamagedModel as error:
            return [str(error)]
        training_input = TrainingInput.of_row(self._store.inputs(version))
        retrained = self._train_on(
            facts["window_since"], facts["window_until"], model.false_cases, training_input, on_progress
        )
        if retrained.digest == facts["digest"]:
            return []
        changes = {
            name: value for name, value in retrained.settings.items() if facts["settings"].get(name) != value
        } or "the ledger of that time"
        return [f"training again gives another model ({retrained.digest[:12]}); changed since then: {changes}"]

    def all(self) -> list[ModelFacts]:
        """Return the facts of all models, the newest first."""
        return self._store.all()

    def facts(self, version: int) -> ModelFacts:
        """Return a model's facts. Raises NotFound."""
        facts = self._store.facts(version)
        if facts is None:
            raise NotFound(f"There is no model {version}.")
        return facts

    def activate(self, version: int, *, by: str = SYSTEM, request_id: str = "") -> None:
        """Let this model judge from now on. Raises NotFound, and Conflict for an unreadable one."""
        self.facts(version)
        self._load(version)
        with self._db.transaction() as connection:
            retired_version = self._store.activate(connection, version)
            if retired_version == version:
                return
            self._audit.append(
                connection, by, "model.activated", f"model:{version}", {"retired": retired_version}, request_id
            )

    def retire(self, *, by: str = SYSTEM, request_id: str = "") -> int | None:
        """Let no model judge until the next one is trained or activated; return the version of the retired one."""
        with self._db.transaction() as connection:
            retired_version = self._store.activate(connection, None)
            if retired_version is not None:
                self._audit.append(connection, by, "model.retired", f"model:{retired_version}", {}, request_id)
        return retired_version

    def _load(self, version: int) -> Model:
        self.facts(version)
        try:
            return load(*self._store.artifact(version))
        except DamagedModel as error:
            raise Conflict(f"Model {version} can't be used: {error}. Train a new one, or activate another.") from error

    def _last_hour(self) -> datetime:
        return (utc(self._clock()) - _SETTLE_TIME).replace(minute=0, second=0, microsecond=0)


def _presented(version: int, model: Model, assessment: Assessment, until: datetime) -> ModelAssessment:
    rows = [
        {
            "feature": feature.name,
            "words": feature.words,
            "value": feature.say(float(value)),
            "usual": feature.say(float(middle)),
        }
        for feature, value, middle in zip(FEATURES, assessment.values, model.middle, strict=True)
    ]
    by_name = {row["feature"]: row for row in rows}
    stands_out = [by_name[finding.feature.name] for finding in assessment.findings]
    score = max(assessment.score, assessment.threshold) if assessment.limits else assessment.score
    return ModelAssessment(
        version,
        until - ONE_WEEK,
        until,
        round(score, 2),
        round(model.threshold, 2),
        assessment.hand,
        model.basis,
        list(assessment.limits),
        rows,
        stands_out,
    )


def _settings(false_cases: float, action_types: dict[str, list[object]]) -> dict[str, object]:
    """Return all that a model depends on besides the ledger and its inputs: the same give the same model."""
    return {
        "features": [feature.name for feature in FEATURES],
        "least_plays": features_of.LEAST_PLAYS,
        "false_cases": false_cases,
        "action_types": action_types,
        "numpy": version_of("numpy"),
        "scipy": version_of("scipy"),
    }
