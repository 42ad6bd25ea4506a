"""The learned model: trained on a schedule, and applied to every player's last day.

A day that stands out becomes evidence on a case, in words. Nothing else follows: the model adds no suspicion, refuses
nothing and suspends no player. Importing this needs numpy and scikit-learn; `Container.model_training` says so
where they are missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version as version_of
from uuid import UUID

import numpy as np
import structlog

from anticheat import features as features_of
from anticheat import model as models
from anticheat.features import FEATURES, Vector
from anticheat.model import THRESHOLD, DamagedModel, Model
from anticheat.suspicion import FORGIVEN_SHARE
from app.domain.actors import SYSTEM
from app.domain.times import utc
from app.errors import Conflict, NotFound
from app.services.moderation.player_days import DAY, first_part, strange_days, vector_of
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.models import ModelFacts, ModelFinding, ModelStore, StoredModel
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas

log = structlog.get_logger("fairboard.learning")

DAYS = 14
"""The days of play that a model learns from by default."""
MOST_STRANGE = 0.02
"""A model that finds a larger part than this of its own training days strange is stored, but doesn't judge."""
_SETTLE_TIME = timedelta(minutes=2)  # until all earlier redemptions are in the ledger and on the replicas

ProgressCallback = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ModelAssessment:
    """A model's assessment of a player's day.

    `features` has `{"feature", "words", "value", "usual"}` of each feature, `stands_out` of those that stand out, the
    strangest first.
    """

    version: int
    since: datetime
    until: datetime
    score: float
    threshold: float
    features: list[dict[str, str]]
    stands_out: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class ModelCase:
    """A case that a model opened: the score of the day, and the names of the features that stand out."""

    player_id: UUID
    case_id: UUID
    score: float
    features: list[str]


@dataclass(slots=True)
class JudgingResult:
    """The result of judging a day; `cases` are the new ones."""

    version: int
    since: datetime
    until: datetime
    players: int = 0
    signals: int = 0
    cases: list[ModelCase] = field(default_factory=list)


class ModelTraining:
    """`patient_replicas` have time limits for a day's ledger; `quarantine`: hold points scored under a case."""

    def __init__(
        self,
        database: Database,
        patient_replicas: Replicas,
        store: ModelStore,
        reviews: ReviewStore,
        suspicions: SuspicionStore,
        audit: AuditStore,
        *,
        half_life: float,
        quarantine: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._patient_replicas, self._store = database, patient_replicas, store
        self._reviews, self._suspicions, self._audit = reviews, suspicions, audit
        self._half_life, self._quarantine, self._clock = half_life, quarantine, clock

    def train(
        self,
        *,
        days: int = DAYS,
        seed: int = 1,
        by: str = SYSTEM,
        request_id: str = "",
        on_progress: ProgressCallback = lambda count: None,
    ) -> ModelFacts:
        """Train a model on the last days, up to the last full hour, and let it judge; return its facts.

        Raises Conflict for too few days of play. A model that finds too many days strange is stored, but doesn't judge.
        """
        until = self._last_hour()
        model = self._train_on(until - days * DAY, until, seed, on_progress)
        is_fit = model.numbers["strange"] <= MOST_STRANGE
        with self._db.transaction() as connection:
            version = self._store.add(connection, model)
            details = {"digest": model.digest, "active": is_fit}
            if is_fit:
                details["retired"] = self._store.activate(connection, version)
            self._audit.append(connection, by, "model.trained", f"model:{version}", details, request_id)
        if not is_fit:
            log.warning("model_not_used", version=version, strange=model.numbers["strange"])
        return self.facts(version)

    def _train_on(self, since: datetime, until: datetime, seed: int, on_progress: ProgressCallback) -> StoredModel:
        players: set[UUID] = set()
        vectors: list[Vector] = []
        for day in range((until - since) // DAY):
            begin = since + day * DAY
            for player, vector in self._patient_replicas.read_patiently(partial(first_part, since=begin)):
                players.add(player)
                vectors.append(vector)
            on_progress(len(vectors))
        try:
            model = models.train(vectors, seed)
        except ValueError as error:
            raise Conflict(f"{error}.") from error
        artifact, digest = models.dump(model)
        return StoredModel(
            since, until, seed, len(players), _settings(), _numbers(model, len(vectors)), artifact, digest
        )

    def judge(
        self, version: int | None = None, *, on_progress: ProgressCallback = lambda count: None
    ) -> JudgingResult | None:
        """Judge every player's last day, up to the last full hour, by this model or the active one; None without one.

        Raises Conflict for an unreadable model. A repetition in the same hour changes nothing.
        """
        model_version = self._store.active() if version is None else version
        if model_version is None:
            return None
        model, until = self._load(model_version), self._last_hour()
        result = JudgingResult(model_version, until - DAY, until)
        result.players, strange_players = self._patient_replicas.read_patiently(
            lambda source: strange_days(source, model, until, on_progress)
        )
        for player, vector, score in strange_players:
            self._record(player, model, vector, score, result)
        return result

    def _record(self, player: UUID, model: Model, vector: Vector, score: float, result: JudgingResult) -> None:
        differences = models.unusual_features(model, vector)
        signals = [
            ModelFinding(
                difference.feature.name,
                f"{difference.feature.words}: {difference.value}",
                f"{difference.usual} is usual",
            )
            for difference in differences
        ]
        with self._db.transaction() as connection:
            floor, had_open_case = self._reviews.lock_player(connection, player)
            share = FORGIVEN_SHARE if "model" in self._suspicions.forgiven(str(player), connection) else 1.0
            if floor > result.until.timestamp() or share * score < THRESHOLD:
                return
            added_count = self._store.add_signals(connection, player, signals, result.until)
            if not added_count:
                return
            since = max(result.since, utc(floor))
            case_id = self._suspicions.open_case(
                connection, str(player), half_life=self._half_life, hold=self._quarantine, since=since
            )
        result.signals += added_count
        if not had_open_case:
            names = [signal.rule for signal in signals]
            result.cases.append(ModelCase(player, case_id, round(score, 1), names))
            log.warning("case_opened_by_model", player_id=str(player), case_id=str(case_id), score=round(score, 1))

    def assess(self, player_id: UUID, version: int | None = None) -> ModelAssessment:
        """Return a model's view of the player's last day. Raises NotFound without a model, or for too few plays."""
        model_version = self._store.active() if version is None else version
        if model_version is None:
            raise NotFound("No model is active.")
        model, until = self._load(model_version), self._last_hour()
        vector = self._patient_replicas.read_patiently(lambda source: vector_of(source, player_id, until))
        if vector is None:
            least = features_of.LEAST_PLAYS
            raise NotFound(f"There are fewer than {least} completions of this player in the day before {until:%H:%M}.")
        (score,) = models.scores(model, [vector])
        rows = [
            {
                "feature": feature.name,
                "words": feature.words,
                "value": feature.format_value(float(value)),
                "usual": feature.format_value(float(middle)),
            }
            for feature, value, middle in zip(FEATURES, vector, model.middle, strict=True)
        ]
        names = [difference.feature.name for difference in models.unusual_features(model, vector)]
        strange_rows = [next(row for row in rows if row["feature"] == name) for name in names]
        return ModelAssessment(model_version, until - DAY, until, round(score, 2), THRESHOLD, rows, strange_rows)

    def verify(self, version: int, *, on_progress: ProgressCallback = lambda count: None) -> list[str]:
        """Return the flaws of a stored model: that it is unreadable, or that training it again gives another one."""
        facts = self.facts(version)
        try:
            models.load(*self._store.artifact(version))
        except DamagedModel as error:
            return [str(error)]
        retrained = self._train_on(facts["window_since"], facts["window_until"], facts["seed"], on_progress)
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
            return models.load(*self._store.artifact(version))
        except DamagedModel as error:
            raise Conflict(f"Model {version} can't be used: {error}. Train a new one, or activate another.") from error

    def _last_hour(self) -> datetime:
        return (utc(self._clock()) - _SETTLE_TIME).replace(minute=0, second=0, microsecond=0)


def _settings() -> dict[str, object]:
    """Return all that a model depends on besides the ledger: the same settings and ledger give the same model."""
    return {
        "features": [feature.name for feature in FEATURES],
        "least_plays": features_of.LEAST_PLAYS,
        "neighbours": models.NEIGHBOURS,
        "most_points": models.MOST_POINTS,
        "threshold": THRESHOLD,
        "numpy": version_of("numpy"),
        "scikit-learn": version_of("scikit-learn"),
    }


def _numbers(model: Model, windows: int) -> dict[str, float]:
    """Measure how strange the days of the training are, each compared with the others."""
    scores = np.array(models.own_scores(model))
    quantiles = {name: round(float(np.quantile(scores, part)), 2) for name, part in _QUANTILES.items()}
    strange = round(float(np.mean(scores >= THRESHOLD)), 4)
    highest = round(float(scores.max()), 2)
    return {"days": windows, "kept": len(scores), **quantiles, "highest": highest, "strange": strange}


_QUANTILES = {"median": 0.5, "p99": 0.99, "p999": 0.999}
