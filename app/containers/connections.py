"""The connections of one process to PostgreSQL and Redis. None is opened before its first use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.settings import Settings
from app.stores.operations.rollup_ledger import STATEMENT_SECONDS
from app.stores.postgres.engine import Database
from app.stores.postgres.replicas import Replicas
from app.stores.redis.client import Client, Scripts, connect

_PATIENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Connections:
    """`patient_replicas` and `patient_redis` reach the same servers with longer timeouts, for work on whole boards."""

    settings: Settings
    clock: Callable[[], float]
    database: Database
    replicas: Replicas
    patient_replicas: Replicas
    redis: Client
    patient_redis: Client
    scripts: Scripts

    def close(self) -> None:
        """Close all connections."""
        self.replicas.close()
        self.patient_replicas.close()
        self.database.close()
        self.redis.close()
        self.patient_redis.close()


def prepare_connections(
    settings: Settings, *, clock: Callable[[], float] = time.time, statement_seconds: float = 5.0
) -> Connections:
    """Return the connections for these settings. `statement_seconds` limits each statement of a request."""
    database = Database(settings.database_url, pool=settings.database_pool, statement_seconds=statement_seconds)
    redis = connect(settings.redis_url, settings.redis_timeout)
    return Connections(
        settings=settings,
        clock=clock,
        database=database,
        replicas=_replicas(settings, database, pool=settings.database_pool, statement_seconds=statement_seconds),
        # The roll-up of a busy day takes this long.
        patient_replicas=_replicas(settings, database, pool=4, statement_seconds=STATEMENT_SECONDS),
        redis=redis,
        patient_redis=connect(settings.redis_url, max(settings.redis_timeout, _PATIENT_SECONDS)),
        scripts=Scripts(redis),
    )


def _replicas(settings: Settings, database: Database, *, pool: int, statement_seconds: float) -> Replicas:
    return Replicas(
        settings.database_replica_urls,
        database,
        pool=pool,
        statement_seconds=statement_seconds,
        wait_seconds=settings.replica_wait_seconds,
        lag_seconds=settings.replica_lag_seconds,
    )
