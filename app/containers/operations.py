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
from app.stores.boards.outbox import OutboxStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.operations.beat_lock import BeatLockStore
from app.stores.operations.job_ages import JobAgeStore
from app.stores.operations.probes import PostgresProbe, RedisProbe
from app.stores.operations.queue_depths import QueueDepthStore
from app.stores.operations.task_failures import TaskFailureStore


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
    doctor: Doctor


def build_operations(
    connections: Connections, accounts: AccountParts, play: PlayStores, boards: BoardParts, audit: Audit
) -> OperationParts:
    """Return the stores and services of operations."""
    settings, database, redis = connections.settings, connections.database, connections.redis
    queue_depths, failures, beat_lock = QueueDepthStore(redis), TaskFailureStore(redis), BeatLockStore(database)
    postgres_probe, redis_probe = PostgresProbe(database), RedisProbe(redis, connections.scripts)
    outbox, schema = Outbox(database, OutboxStore(database)), Schema(database, settings.database_url)
    job_ages = JobAgeStore(database)
    broker_questions = BrokerProcesses(settings.broker_url)
    gauge_sources = sources(
        outbox,
        job_ages,
        boards.rankings,
        queue_depths,
        play.catalog,
        connections.replicas,
        boards.presence.count,
        ReconcileProgressStore(redis),
        connections.clock,
        postgres_probe,
        redis_probe,
        audit.check,
    )
    doctor = Doctor(
        settings,
        postgres_probe,
        connections.replicas,
        redis_probe,
        schema,
        outbox,
        play.catalog,
        boards.rankings,
        beat_lock,
        job_ages,
        boards.presence,
        accounts.sign_ins,
        audit,
        broker_questions,
        clock=connections.clock,
    )
    return OperationParts(
        queue_depths,
        failures,
        beat_lock,
        Analytics(database, connections.replicas, connections.patient_replicas, play.catalog),
        Health(database, postgres_probe, redis_probe),
        Queues(settings, failures, broker_questions),
        outbox,
        MetricReadings(gauge_sources),
        schema,
        doctor,
    )
