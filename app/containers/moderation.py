"""Factory of the stores and services of moderation: suspicion, cases, decisions, corrections, audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from anticheat.verdict import Thresholds
from app.containers.accounts import AccountParts
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
from app.services.moderation.gain_watch import GainWatch, ScoredDay
from app.services.moderation.holds import Holds
from app.services.moderation.moderation import Moderation
from app.services.moderation.play_review import Review
from app.services.moderation.status_changes import StatusChanges
from app.services.moderation.status_repair import StatusRepair
from app.settings import Settings
from app.stores.boards.ledger_audit import LedgerAuditStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.audit_anchors import AnchorFile
from app.stores.moderation.case_groups import CaseGroupStore
from app.stores.moderation.cases import CaseStore
from app.stores.moderation.correction_batches import CorrectionBatches
from app.stores.moderation.corrections import CorrectionStore
from app.stores.moderation.decisions import DecisionStore
from app.stores.moderation.gain import GainStore
from app.stores.moderation.gain_limits import GainLimitStore
from app.stores.moderation.harm import HarmStore
from app.stores.moderation.models import ModelStore
from app.stores.moderation.play_reviews import ReviewStore
from app.stores.moderation.quarantine import QuarantineStore
from app.stores.moderation.suspicions import SuspicionStore

if TYPE_CHECKING:
    from app.services.moderation.account_links import AccountLinks
    from app.services.moderation.model_training import ModelTraining


@dataclass(frozen=True, slots=True)
class ModerationStores:
    """The stores of moderation."""

    audit: AuditStore
    suspicions: SuspicionStore
    cases: CaseStore
    decisions: DecisionStore
    quarantine: QuarantineStore
    reviews: ReviewStore
    case_groups: CaseGroupStore


@dataclass(frozen=True, slots=True)
class ModerationServices:
    """The services of moderation."""

    moderation: Moderation
    statuses: StatusChanges
    cases: Cases
    corrections: Corrections
    decisions: Decisions
    audit: Audit
    status_repair: StatusRepair
    review: Review
    backtest: Backtest
    holds: Holds
    gain_watch: GainWatch


def thresholds_of(settings: Settings) -> Thresholds:
    """Return the suspicion at which a redemption is flagged, held, rejected, or suspends its player."""
    return Thresholds(
        settings.anticheat_flag,
        settings.anticheat_reject,
        settings.anticheat_critical,
        settings.anticheat_half_life,
        settings.hold_level,
        settings.soft_ceiling,
    )


def build_moderation_stores(connections: Connections) -> ModerationStores:
    """Return the stores of moderation."""
    database = connections.database
    return ModerationStores(
        AuditStore(database),
        SuspicionStore(database),
        CaseStore(database),
        DecisionStore(),
        QuarantineStore(database),
        ReviewStore(),
        CaseGroupStore(database),
    )


def build_moderation(
    connections: Connections,
    stores: ModerationStores,
    accounts: AccountParts,
    play: PlayStores,
    boards: BoardParts,
    assess_day: Callable[[UUID], ScoredDay],
) -> ModerationServices:
    """Return the services of moderation. `assess_day` asks the learned model."""
    settings, database, clock = connections.settings, connections.database, connections.clock
    players = accounts.players
    statuses = StatusChanges(
        connections.redis, players, accounts.logins, boards.outbox, stores.audit, boards.rankings, play.catalog
    )
    thresholds = thresholds_of(settings)
    holds = Holds(
        database, stores.quarantine, stores.suspicions, players, boards.outbox, thresholds=thresholds, clock=clock
    )
    moderation = Moderation(
        database,
        statuses,
        players,
        stores.suspicions,
        stores.audit,
        play.ledger,
        play.first_answers,
        accounts.logins,
        play.action_claims,
        holds,
        thresholds=thresholds,
        quarantine=settings.quarantine,
        clock=clock,
    )
    corrections = _corrections(connections, stores, play, boards)
    return ModerationServices(
        moderation,
        statuses,
        _cases(connections, stores, accounts),
        corrections,
        _decisions(connections, stores, accounts, moderation, statuses, corrections),
        _audit(connections, stores),
        StatusRepair(database, stores.quarantine, players, boards.outbox, holds),
        _review(connections, stores),
        Backtest(connections.patient_replicas, stores.reviews, thresholds),
        holds,
        _gain_watch(connections, stores, play, boards, assess_day),
    )


def build_learning(
    connections: Connections, stores: ModerationStores, moderation: Moderation, clock: Callable[[], float]
) -> ModelTraining:
    """Return the learned model's service, and load the libraries that it needs. Raises Unavailable without them."""
    try:
        from app.services.moderation.model_cases import ModelCases
        from app.services.moderation.model_training import ModelTraining
    except ImportError as error:
        raise Unavailable(f"The learned model needs numpy and scipy, which are not installed ({error}).") from error
    settings, models = connections.settings, ModelStore(connections.database)
    cases = ModelCases(
        connections.database,
        models,
        stores.reviews,
        stores.suspicions,
        thresholds=thresholds_of(settings),
        quarantine=settings.quarantine,
        remember=moderation.remember,
        clock=clock,
    )
    return ModelTraining(
        connections.database,
        connections.patient_replicas,
        models,
        cases,
        stores.audit,
        false_cases=settings.model_false_cases,
        clock=clock,
    )


def build_linking(connections: Connections, stores: ModerationStores, clock: Callable[[], float]) -> AccountLinks:
    """Return the service that links accounts, and load the library that it needs. Raises Unavailable without it."""
    try:
        from app.services.moderation.account_links import AccountLinks
    except ImportError as error:
        raise Unavailable(f"Linking accounts needs numpy, which is not installed ({error}).") from error
    settings = connections.settings
    return AccountLinks(
        connections.database,
        connections.patient_replicas,
        stores.case_groups,
        stores.reviews,
        stores.suspicions,
        thresholds=thresholds_of(settings),
        quarantine=settings.quarantine,
        is_on=settings.account_links,
        clock=clock,
    )


def _corrections(
    connections: Connections, stores: ModerationStores, play: PlayStores, boards: BoardParts
) -> Corrections:
    database = connections.database
    return Corrections(
        database,
        connections.patient_replicas,
        CorrectionStore(database),
        CorrectionBatches(stores.quarantine),
        LedgerAuditStore(database),
        stores.audit,
        play.catalog,
        boards.rankings,
        stores.quarantine,
    )


def _audit(connections: Connections, stores: ModerationStores) -> Audit:
    path = connections.settings.audit_anchors
    return Audit(connections.database, stores.audit, Anchors(stores.audit, AnchorFile(path) if path else None))


def _decisions(
    connections: Connections,
    stores: ModerationStores,
    accounts: AccountParts,
    moderation: Moderation,
    statuses: StatusChanges,
    corrections: Corrections,
) -> Decisions:
    return Decisions(
        connections.database,
        stores.cases,
        stores.decisions,
        accounts.players,
        stores.suspicions,
        stores.quarantine,
        stores.audit,
        moderation,
        statuses,
        corrections,
        thresholds=thresholds_of(connections.settings),
        clock=connections.clock,
    )


def _review(connections: Connections, stores: ModerationStores) -> Review:
    settings = connections.settings
    return Review(
        connections.database,
        connections.patient_replicas,
        stores.reviews,
        stores.suspicions,
        thresholds=thresholds_of(settings),
        lag_seconds=settings.replica_lag_seconds,
        quarantine=settings.quarantine,
    )


def _cases(connections: Connections, stores: ModerationStores, accounts: AccountParts) -> Cases:
    return Cases(
        connections.database,
        stores.cases,
        HarmStore(connections.database),
        stores.case_groups,
        stores.suspicions,
        accounts.players,
        thresholds=thresholds_of(connections.settings),
        clock=connections.clock,
    )


def _gain_watch(
    connections: Connections,
    stores: ModerationStores,
    play: PlayStores,
    boards: BoardParts,
    assess_day: Callable[[UUID], ScoredDay],
) -> GainWatch:
    settings, database = connections.settings, connections.database
    return GainWatch(
        database,
        GainStore(database),
        GainLimitStore(database),
        stores.reviews,
        stores.suspicions,
        stores.quarantine,
        boards.outbox,
        play.catalog,
        assess_day,
        thresholds=thresholds_of(settings),
        multiple=settings.gain_multiple,
        is_on=settings.gain_watch,
        quarantine=settings.quarantine,
        clock=connections.clock,
    )
