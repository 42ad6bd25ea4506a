"""The findings of the learned model: evidence that adds to a player's suspicion, on a case for a person."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog

from anticheat.features import WEEK
from anticheat.model import Assessment, Model
from anticheat.rules import Signal
from anticheat.suspicion import FORGIVEN_SHARE, Suspicion
from anticheat.verdict import Thresholds
from app.domain.times import utc
from app.services.moderation.player_weeks import ONE_DAY, ONE_WEEK
from app.stores.moderation.models import ModelFinding, ModelStore
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.postgres.engine import Database

log = structlog.get_logger("fairboard.learning")


@dataclass(frozen=True, slots=True)
class ModelCase:
    """A case that a model opened: the score, and the names of the features that stand out."""

    player_id: UUID
    case_id: UUID
    score: float
    features: list[str]


@dataclass(slots=True)
class JudgingResult:
    """The result of judging the plays of a time; `cases` are the new ones."""

    version: int
    since: datetime
    until: datetime
    players: int = 0
    signals: int = 0
    cases: list[ModelCase] = field(default_factory=list)


class ModelCases:
    """`remember` stores a player's suspicion where redemptions read it; `quarantine`: hold points under a case."""

    def __init__(
        self,
        database: Database,
        store: ModelStore,
        reviews: ReviewStore,
        suspicions: SuspicionStore,
        *,
        thresholds: Thresholds,
        quarantine: bool,
        remember: Callable[[UUID, Suspicion], None],
        clock: Callable[[], float],
    ) -> None:
        self._db, self._store, self._reviews, self._suspicions = database, store, reviews, suspicions
        self._thresholds, self._quarantine, self._remember, self._clock = thresholds, quarantine, remember, clock

    def record(self, player: UUID, model: Model, assessment: Assessment, result: JudgingResult) -> None:
        """Open or join the player's case, and raise their suspicion by `flag`, at most once a day for an open case."""
        findings = findings_of(model, assessment)
        with self._db.transaction() as connection:
            floor, had_open_case = self._reviews.lock_player(connection, player)
            forgiven = self._suspicions.forgiven(str(player), connection)
            if floor > result.until.timestamp() or not _is_case(assessment, "model" in forgiven):
                return
            if not self._store.is_new(connection, player, result.until - ONE_DAY):
                return
            before = self._add(connection, player, (), forgiven)
            signal = Signal("model", findings[0].seen, findings[0].expected, self._thresholds.flag)
            suspicion = self._add(connection, player, (signal,), forgiven)
            added_count = self._store.add_signals(
                connection,
                player,
                findings,
                result.until,
                added=suspicion.value - before.value,
                suspicion=suspicion.value,
            )
            case_id = self._suspicions.open_case(
                connection,
                str(player),
                half_life=self._thresholds.half_life,
                hold=self._quarantine,
                since=max(result.until - _window(assessment), utc(floor)),
            )
        self._remember(player, suspicion)
        result.signals += added_count
        score = round(assessment.score, 1)
        if not had_open_case:
            result.cases.append(ModelCase(player, case_id, score, [finding.rule for finding in findings]))
            log.info("case_opened_by_model", player_id=str(player), case_id=str(case_id), score=score)

    def _add(
        self, connection: sa.Connection, player: UUID, signals: tuple[Signal, ...], forgiven: Collection[str]
    ) -> Suspicion:
        return self._suspicions.add(connection, str(player), signals, self._clock(), self._thresholds, forgiven)


def _is_case(assessment: Assessment, is_forgiven: bool) -> bool:
    if is_forgiven:
        return FORGIVEN_SHARE * assessment.score >= assessment.threshold
    return assessment.is_case


def _window(assessment: Assessment) -> timedelta:
    """Return the time in question: the week, unless only days stand out."""
    is_week = any(finding.feature.window == WEEK for finding in assessment.findings)
    return ONE_WEEK if is_week else ONE_DAY


def findings_of(model: Model, assessment: Assessment) -> list[ModelFinding]:
    """Return the finding in words: the model that judged, the limits that it broke, and the features that stand out."""
    expected = (
        f"from {model.threshold:.1f} on it is a case, as {model.false_cases:g} of 1,000 honest player-weeks may be"
    )
    return [
        ModelFinding("model", f"a score of {assessment.score:.1f} by {model.basis}", expected),
        *([ModelFinding("limit", "; ".join(assessment.limits), "an absolute limit")] if assessment.limits else []),
        *(
            ModelFinding(finding.feature.name, f"{finding.feature.words}: {finding.value}", f"{finding.usual} is usual")
            for finding in assessment.findings
        ),
    ]
