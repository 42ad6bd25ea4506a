"""The gauges that /metrics reads from the servers at each scrape: every process returns the same values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.services.boards.outbox import Outbox
from app.services.moderation.audit_anchors import AuditCheck
from app.services.operations.metric_readings import Reading, Source
from app.stores.boards.rankings import RankingStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.operations.job_ages import JobAgeStore
from app.stores.operations.probes import PostgresProbe, RedisProbe
from app.stores.operations.queue_depths import QueueDepthStore
from app.stores.operations.webhook_deliveries import WebhookDeliveryStore
from app.stores.operations.webhooks import WebhookStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.replicas import Replicas, ReplicaStatus

_DATABASE = Reading("fairboard_database_up", "Whether PostgreSQL's primary answers and can be written to", 0)
_REDIS = Reading("fairboard_redis_up", "Whether Redis answers and takes writes", 0)
_REPLICA = "fairboard_replica_up", "Whether the replica answers, and is a replica of the primary"
_AUDIT_BROKEN = (
    "fairboard_audit_broken",
    "Whether the audit log contradicts a head that this process or its machine recorded",
)
_DEAD_LETTERS = "dead"  # the queue of dead letters


def sources(
    outbox: Outbox,
    job_ages: JobAgeStore,
    rankings: RankingStore,
    queues: QueueDepthStore,
    catalog: CatalogStore,
    replicas: Replicas,
    count_online: Callable[[str], int],
    reconcile_progress: ReconcileProgressStore,
    clock: Callable[[], float],
    postgres: PostgresProbe,
    redis_probe: RedisProbe,
    check_audit_log: Callable[[], AuditCheck],
    webhooks: WebhookStore,
    deliveries: WebhookDeliveryStore,
) -> list[Source]:
    """Return a source for each group of gauges and each replica, so that a stalled server hides no other one's gauges.

    `count_online` counts a board's players; `check_audit_log` compares the log's end with the remembered heads.
    """
    all_sources = [
        Source("database", lambda: _read_database(outbox, postgres), (_DATABASE,)),
        Source("redis", lambda: _read_redis(rankings, queues, redis_probe), (_REDIS,)),
        Source("audit", lambda: _read_audit_log(check_audit_log)),
        Source("work", lambda: _read_job_ages(job_ages)),
        Source("online", lambda: _read_online(catalog, count_online)),
        Source("webhooks", lambda: _read_webhooks(webhooks, deliveries)),
        Source("proofs", lambda: _read_proofs(catalog, reconcile_progress, clock)),
    ]
    return all_sources + [_replica_source(replicas, name) for name in replicas.names]


def _read_database(outbox: Outbox, postgres: PostgresProbe) -> Iterable[Reading]:
    status = outbox.status()
    yield _DATABASE._replace(value=0 if postgres.obstacle() else 1)
    yield Reading("fairboard_outbox_rows", "Rows that wait to be published", status["waiting"])
    yield Reading("fairboard_outbox_oldest_seconds", "Age of the oldest waiting row", status["oldest_seconds"])


def _read_audit_log(check_audit_log: Callable[[], AuditCheck]) -> Iterable[Reading]:
    check = check_audit_log()
    yield Reading("fairboard_audit_head_id", "Number of the newest row of the audit log", check.head.id)
    yield Reading("fairboard_audit_head_hash", "The first 52 bits of that row's hash, as a number", check.head.number)
    yield Reading(*_AUDIT_BROKEN, float(check.flaw is not None))


def _read_webhooks(webhooks: WebhookStore, deliveries: WebhookDeliveryStore) -> Iterable[Reading]:
    failing = sum(webhook.failing_since is not None for webhook in webhooks.enabled())
    yield Reading("fairboard_webhooks_failing", "Webhooks whose receiver took no event at the last attempt", failing)
    backlog = deliveries.backlog()
    yield Reading("fairboard_webhook_deliveries_waiting", "Deliveries of webhooks that wait", backlog.waiting)
    yield Reading(
        "fairboard_webhook_deliveries_oldest_seconds",
        "Time since the oldest waiting delivery was due",
        backlog.oldest_seconds,
    )


def _read_job_ages(job_ages: JobAgeStore) -> Iterable[Reading]:
    for job, age in job_ages.ages().items():
        if age is not None:
            labels = {"work": job}
            yield Reading(
                "fairboard_work_age_seconds",
                "Time since the end of the last run, or of the period that it covers",
                age,
                labels,
            )


def _read_redis(rankings: RankingStore, queues: QueueDepthStore, redis_probe: RedisProbe) -> Iterable[Reading]:
    redis_probe.write()
    repair_age = rankings.seconds_since_repair()
    if repair_age is not None:
        yield Reading("fairboard_repaired_seconds", "Time since a worker last compared Redis and database", repair_age)
    for queue, count in queues.all().items():
        if queue == _DEAD_LETTERS:
            yield Reading("fairboard_dead_letters", "Messages that workers have given up", count.ready)
            continue
        for state, messages in (("ready", count.ready), ("unacked", count.unacked)):
            labels = {"queue": queue, "state": state}
            if messages is not None:
                yield Reading(
                    "fairboard_queue_messages", "Messages that wait, or that workers process", messages, labels
                )
        yield Reading("fairboard_queue_consumers", "Consumers of the queue", count.consumers, {"queue": queue})
    yield _REDIS._replace(value=1)


def _read_online(catalog: CatalogStore, count_online: Callable[[str], int]) -> Iterable[Reading]:
    for season in catalog.mirrored_seasons():
        labels = {"board": season.board}
        yield Reading("fairboard_players_online", "Players with an open socket", count_online(season.board), labels)


def _read_proofs(
    catalog: CatalogStore, reconcile_progress: ReconcileProgressStore, clock: Callable[[], float]
) -> Iterable[Reading]:
    for season in catalog.mirrored_seasons():
        labels, progress = {"board": season.board}, reconcile_progress.progress(season)
        yield Reading(
            "fairboard_proof_compared", "Standings that the current pass has compared", progress.compared, labels
        )
        age = clock() - progress.passed
        if progress.passed and age >= 0:  # unknown for a pass that ended before the clock was set back
            yield Reading(
                "fairboard_proof_age_seconds", "Time since the last pass over all standings ended", age, labels
            )


def _replica_source(replicas: Replicas, name: str) -> Source:
    labels = {"replica": name}
    return Source(
        f"replica {name}", lambda: _replica_readings(replicas.status_of(name)), (Reading(*_REPLICA, 0, labels),)
    )


def _replica_readings(status: ReplicaStatus) -> Iterable[Reading]:
    labels = {"replica": status.name}
    yield Reading(*_REPLICA, float(status.up), labels)
    if status.lag_seconds is not None:
        yield Reading(
            "fairboard_replica_lag_seconds", "Age of the oldest change that it may lack", status.lag_seconds, labels
        )
    if status.lag_bytes is not None:
        yield Reading(
            "fairboard_replica_lag_bytes", "Write-ahead log that it has not replayed", status.lag_bytes, labels
        )
