"""Factory of services for operators: analytics, health, queues, outbox, metrics, schema, doctor."""

from __future__ import annotations

from dataclasses import dataclass

from app.containers.accounts import AccountParts
from app.containers.boards import BoardParts
from app.containers.broker_processes import BrokerProcesses
from app.containers.connections import Connections
from app.containers.play import PlayStores
from app.services.boards.outbox import Outbox
from app.services.moderation.audit import Audit
from app.services.operations.analytics import Analytics
from app.services.operations.doctor import Doctor
from app.services.operations.gauges import sources
from app.services.operations.health import Health
from app.services.operations.metric_readings import MetricReadings
from app.services.operations.queues import Queues
from app.services.operations.schema import Schema
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.boards.replays import ReplayStore
from app.stores.operations.beat_lock import BeatLockStore
from app.stores.operations.job_ages import JobAgeStore
from app.stores.operations.ledger_months import LedgerMonthStore
from app.stores.operations.probes import PostgresProbe, RedisProbe
from app.stores.operations.queue_depths import QueueDepthStore
from app.stores.operations.rollups import RollupStore
from app.stores.operations.task_failures import TaskFailureStore
from app.stores.operations.webhook_deliveries import WebhookDeliveryStore
from app.stores.operations.webhooks import WebhookStore


@dataclass(frozen=True, slots=True)
class OperationParts:
    """The stores and services of operations."""

    queue_depths: QueueDepthStore
    failures: TaskFailureStore
    beat_lock: BeatLockStore
    analytics: Analytics
    health: Health
    queues: Queues
    outbox: Outbox
    readings: MetricReadings
    schema: Schema
    ledger_months: LedgerMonthStore
    doctor: Doctor


@dataclass(frozen=True, slots=True)
class _SharedParts:
    """The parts that both the metrics and the doctor read."""

    outbox: Outbox
    job_ages: JobAgeStore
    postgres_probe: PostgresProbe
    redis_probe: RedisProbe


def build_operations(
    connections: Connections, accounts: AccountParts, play: PlayStores, boards: BoardParts, audit: Audit
) -> OperationParts:
    """Return the stores and services of operations."""
    settings, database, redis = connections.settings, connections.database, connections.redis
    queue_depths, failures, beat_lock = QueueDepthStore(redis), TaskFailureStore(redis), BeatLockStore(database)
    schema, ledger_months = Schema(database, settings.database_url), LedgerMonthStore(database)
    broker_questions = BrokerProcesses(settings.broker_url)
    shared = _SharedParts(
        Outbox(database, boards.outbox),
        JobAgeStore(database),
        PostgresProbe(database),
        RedisProbe(redis, connections.scripts),
    )
    doctor = Doctor(
        settings,
        shared.postgres_probe,
        connections.replicas,
        shared.redis_probe,
        schema,
        ledger_months,
        shared.outbox,
        play.catalog,
        boards.rankings,
        ReplayStore(database),
        beat_lock,
        shared.job_ages,
        boards.presence,
        accounts.sign_ins,
        accounts.provider_keys,
        audit,
        broker_questions,
        WebhookStore(database),
        WebhookDeliveryStore(database),
        clock=connections.clock,
    )
    return OperationParts(
        queue_depths,
        failures,
        beat_lock,
        Analytics(database, connections.replicas, connections.patient_replicas, play.catalog, RollupStore()),
        Health(database, shared.postgres_probe, shared.redis_probe),
        Queues(settings, failures, broker_questions),
        shared.outbox,
        _build_readings(connections, play, boards, audit, queue_depths, shared),
        schema,
        ledger_months,
        doctor,
    )


def _build_readings(
    connections: Connections,
    play: PlayStores,
    boards: BoardParts,
    audit: Audit,
    queue_depths: QueueDepthStore,
    shared: _SharedParts,
) -> MetricReadings:
    gauge_sources = sources(
        shared.outbox,
        shared.job_ages,
        boards.rankings,
        queue_depths,
        play.catalog,
        connections.replicas,
        boards.presence.count,
        ReconcileProgressStore(connections.redis),
        connections.clock,
        shared.postgres_probe,
        shared.redis_probe,
        audit.check,
        WebhookStore(connections.database),
        WebhookDeliveryStore(connections.database),
    )
    return MetricReadings(gauge_sources)
