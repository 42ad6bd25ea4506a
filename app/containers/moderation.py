"""Factory of the stores and services of moderation: suspicion, cases, decisions, corrections, audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anticheat.verdict import Thresholds
from app.containers.boards import BoardParts
from app.containers.connections import Connections
from app.containers.play import PlayStores
from app.errors import Unavailable
from app.services.moderation.audit import Audit
from app.services.moderation.audit_anchors import Anchors
from app.services.moderation.backtest import Backtest
from app.services.moderation.cases import Cases
from app.services.moderation.corrections import Corrections
from app.services.moderation.decisions import Decisions
from app.services.moderation.moderation import Moderation
from app.services.moderation.play_review import Review
from app.services.moderation.status_changes import StatusChanges
from app.services.moderation.status_repair import StatusRepair
from app.settings import Settings
from app.stores.accounts.logins import LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.outbox import OutboxStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.audit_anchors import AnchorFile
from app.stores.moderation.cases import CaseStore
from app.stores.moderation.corrections import CorrectionStore
from app.stores.moderation.models import ModelStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore

if TYPE_CHECKING:
    from app.services.moderation.model_training import ModelTraining


@dataclass(frozen=True, slots=True)
class ModerationParts:
    """The stores and services of moderation."""

    suspicions: SuspicionStore
    moderation: Moderation
    cases: Cases
    corrections: Corrections
    decisions: Decisions
    audit: Audit
    status_repair: StatusRepair
    review: Review
    backtest: Backtest


def thresholds_of(settings: Settings) -> Thresholds:
    """Return the suspicion at which a redemption is flagged, rejected, or suspends its player."""
    return Thresholds(
        settings.anticheat_flag,
        settings.anticheat_reject,
        settings.anticheat_critical,
        settings.anticheat_half_life,
    )


def build_moderation(
    connections: Connections, play: PlayStores, boards: BoardParts, players: PlayerStore, logins: LoginStore
) -> ModerationParts:
    """Return the stores and services of moderation."""
    settings, database, clock = connections.settings, connections.database, connections.clock
    half_life = settings.anticheat_half_life
    suspicions, case_store = SuspicionStore(database), CaseStore(database)
    statuses = StatusChanges(
        connections.redis,
        players,
        logins,
        OutboxStore(database),
        AuditStore(database),
        boards.rankings,
        play.catalog,
    )
    moderation = Moderation(
        database,
        statuses,
        play.ledger,
        logins,
        play.action_claims,
        half_life=half_life,
        quarantine=settings.quarantine,
        clock=clock,
    )
    corrections = Corrections(
        database, connections.patient_replicas, CorrectionStore(database), play.catalog, boards.rankings
    )
    return ModerationParts(
        suspicions,
        moderation,
        Cases(database, case_store, suspicions, half_life=half_life, clock=clock),
        corrections,
        Decisions(database, case_store, moderation, statuses, corrections, half_life=half_life, clock=clock),
        _audit(connections),
        StatusRepair(database, QuarantineStore(database)),
        _review(connections),
        Backtest(connections.patient_replicas, thresholds_of(settings)),
    )


def build_learning(connections: Connections, clock: Callable[[], float]) -> ModelTraining:
    """Return the learned model's service, and load the libraries that it needs. Raises Unavailable without them."""
    try:
        from app.services.moderation.model_training import ModelTraining
    except ImportError as error:
        raise Unavailable(f"The learned model needs scikit-learn, which is not installed ({error}).") from error
    return ModelTraining(
        connections.database,
        connections.patient_replicas,
        ModelStore(connections.database),
        half_life=connections.settings.anticheat_half_life,
        quarantine=connections.settings.quarantine,
        clock=clock,
    )


def _audit(connections: Connections) -> Audit:
    store, path = AuditStore(connections.database), connections.settings.audit_anchors
    return Audit(connections.database, store, Anchors(store, AnchorFile(path) if path else None))


def _review(connections: Connections) -> Review:
    settings = connections.settings
    return Review(
        connections.database,
        connections.patient_replicas,
        thresholds=thresholds_of(settings),
        lag_seconds=settings.replica_lag_seconds,
        quarantine=settings.quarantine,
    )
