"""The doctor: checks of every part that Fairboard needs, with versions, faults and advice."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from importlib import metadata

import redis.exceptions

from app.domain.quantities import quantity
from app.domain.times import utc
from app.services.accounts.provider_keys import ProviderKeys
from app.services.accounts.sign_ins import SignIns
from app.services.boards.outbox import Outbox
from app.services.boards.presence import Presence
from app.services.moderation.audit import Audit
from app.services.operations import broker_checks
from app.services.operations.broker_questions import BrokerQuestions
from app.services.operations.checks import (
    MOST_COUNTED,
    Check,
    ClockReading,
    action_types,
    audit_log,
    background,
    clients,
    clocks,
    identity_provider,
    ledger,
    postgres_obstacle,
    redis_cluster,
    redis_node,
    replica,
    rhythms,
    unfinished_replay,
    webhooks_found,
)
from app.services.operations.error_messages import BROKEN, describe_fault, server_message, without_environment
from app.services.operations.schema import Schema
from app.settings import Settings
from app.stores.boards.rankings import RankingStore
from app.stores.boards.replays import ReplayStore
from app.stores.moderation.completion_times import rhythms_since
from app.stores.operations.beat_lock import BeatLockStore
from app.stores.operations.job_ages import JobAgeStore
from app.stores.operations.ledger_months import LedgerMonthStore
from app.stores.operations.probes import PostgresProbe, PostgresState, RedisProbe
from app.stores.operations.webhook_deliveries import WebhookDeliveryStore
from app.stores.operations.webhooks import WebhookStore
from app.stores.play.catalog import CatalogStore
from app.stores.postgres.replicas import Replicas
from app.stores.server_addresses import address

_PACKAGES = ("flask", "gunicorn", "gevent", "celery", "kombu", "sqlalchemy", "psycopg", "alembic", "redis", "pydantic")
_OLDEST_PYTHON = (3, 11)
_CLOCK_READINGS = 3
_LATE_OUTBOX_SECONDS = 10.0
_PROBE_SECONDS = 15.0
_RHYTHM_SECONDS = 3600.0


class Doctor:
    """Checks one part after another; no failure prevents the next check."""

    def __init__(
        self,
        settings: Settings,
        postgres: PostgresProbe,
        replicas: Replicas,
        redis_probe: RedisProbe,
        schema: Schema,
        ledger_months: LedgerMonthStore,
        outbox: Outbox,
        catalog: CatalogStore,
        rankings: RankingStore,
        replays: ReplayStore,
        beat_lock: BeatLockStore,
        job_ages: JobAgeStore,
        presence: Presence,
        sign_ins: SignIns,
        provider_keys: ProviderKeys | None,
        audit: Audit,
        broker_questions: BrokerQuestions,
        webhooks: WebhookStore,
        deliveries: WebhookDeliveryStore,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._postgres, self._read_replicas = settings, postgres, replicas
        self._redis, self._schema, self._beat_lock = redis_probe, schema, beat_lock
        self._ledger_months = ledger_months
        self._outbox, self._catalog, self._rankings, self._clock = outbox, catalog, rankings, clock
        self._job_ages, self._presence, self._sign_ins, self._audit_log = job_ages, presence, sign_ins, audit
        self._broker_questions, self._replays = broker_questions, replays
        self._webhook_store, self._deliveries = webhooks, deliveries
        self._provider_keys = provider_keys
        self._broker_answers = True

    def examine(self) -> list[Check]:
        """Check every part, in the order in which to repair them."""
        findings = [self._python(), self._packages(), self._settings_found()]
        for check_part in (
            self._postgresql,
            self._migrations,
            self._ledger,
            self._audit_log_found,
            self._replicas,
            self._redis_cluster,
            self._redis_found,
            self._clocks,
        ):
            findings += self._run(check_part)
        findings += (broker_findings := self._broker())
        self._broker_answers = broker_findings[0].state != "wrong"
        for check_part in (
            self._relay,
            self._beat,
            self._background,
            self._boards,
            self._replay,
            self._action_types,
            self._webhooks,
            self._online,
            self._clients,
            self._identity_provider,
        ):
            findings += self._run(check_part)
        return findings

    def _run(self, check_part: Callable[[], Iterator[Check]]) -> list[Check]:
        try:
            return list(check_part())
        except BROKEN as error:
            part = check_part.__name__.removeprefix("_").removesuffix("_found").replace("_", " ")
            return [self._report_failure(part, error)]

    def _report_failure(self, part: str, error: Exception) -> Check:
        """Report a part as wrong if it is a server itself, and as unknown if it only needs one."""
        if part in ("postgresql", "redis"):
            return Check(part, "wrong", *describe_fault(error, self._settings))
        down = "Redis" if isinstance(error, redis.exceptions.RedisError) else "PostgreSQL"
        return Check(part, "unknown", f"needs {down}: {server_message(error)}")

    def _python(self) -> Check:
        if sys.version_info < _OLDEST_PYTHON:
            return Check("python", "wrong", platform.python_version(), "Fairboard needs 3.11 or newer.")
        return Check("python", "ok", platform.python_version())

    def _packages(self) -> Check:
        versions = {name: _version(name) for name in _PACKAGES}
        missing_packages = [name for name, version in versions.items() if version is None]
        says = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
        if missing_packages:
            return Check(
                "packages", "wrong", f"{', '.join(missing_packages)} missing", "Install the locked dependencies."
            )
        return Check("packages", "ok", says)

    def _settings_found(self) -> Check:
        settings = self._settings
        if advice := without_environment(settings):
            return Check("settings", "note", f"{settings.app_env}, and no address of a server is set", advice)
        if settings.app_env == "production":
            return Check("settings", "ok", "production")
        default = Settings()
        keys = (("JWT_KEYS", "jwt_keys"), ("ACTION_TOKEN_KEYS", "action_token_keys"))
        weak_settings = [name for name, field in keys if getattr(settings, field) == getattr(default, field)]
        if weak_settings:
            advice = f"Set {' and '.join(weak_settings)} before others can reach it; APP_ENV=production requires that."
            says = f"development, with published secrets ({', '.join(weak_settings)})"
            return Check("settings", "note", says, advice)
        return Check("settings", "ok", settings.app_env)

    def _postgresql(self) -> Iterator[Check]:
        state = self._postgres.state()
        says = f"{state.version} at {address(self._settings.database_url)}"
        if state.standby:
            yield Check("postgresql", "wrong", f"{says} is a standby", "Name the primary in DATABASE_URL.")
        elif state.unsafe:
            advice = f"Switch on {' and '.join(state.unsafe)}: otherwise a crash loses points that were confirmed."
            yield Check("postgresql", "wrong", f"{says}, {' and '.join(state.unsafe)} off", advice)
        elif obstacle := self._postgres.obstacle():
            yield postgres_obstacle(says, obstacle)
        else:
            yield self._pool(says, state)

    def _pool(self, says: str, state: PostgresState) -> Check:
        most_connections = self._settings.web_workers * self._settings.database_pool
        if state.superuser:
            advice = "Give the application a role that owns its tables and is no superuser (docs/deployment.md)."
            return Check("postgresql", "note", f"{says}, as the superuser {state.role}", advice)
        if most_connections <= state.max_connections:
            return Check("postgresql", "ok", says)
        says += f", max_connections {state.max_connections}, but the web processes here need {most_connections}"
        return Check("postgresql", "note", says, "Lower DATABASE_POOL or WEB_WORKERS, or raise max_connections.")

    def _migrations(self) -> Iterator[Check]:
        current, newest = self._schema.current(), self._schema.newest()
        if self._schema.is_behind():
            says = f"at {current or 'nothing'}, this version wants {newest}"
            yield Check("migrations", "wrong", says, "Run 'flask --app wsgi db upgrade'.")
        elif current != newest:
            says = f"at {current}, of a later version than this one ({newest})"
            yield Check("migrations", "note", says, "Run the later version in place of this one.")
        else:
            yield Check("migrations", "ok", f"at {current}, the newest")
            if self._schema.awaits_contraction():
                advice = "When no process of an earlier version runs any more, run 'flask --app wsgi db contract'."
                yield Check("migrations", "note", "still fit for an earlier version; boards can't be changed", advice)

    def _ledger(self) -> Iterator[Check]:
        if not self._schema.is_behind():
            rest = self._ledger_months.rest(most=MOST_COUNTED)
            yield ledger(self._ledger_months.partitions(), rest, utc(self._clock()))

    def _audit_log_found(self) -> Iterator[Check]:
        if not self._schema.is_behind():
            yield audit_log(self._audit_log.check(), self._audit_log.anchors_path)

    def _replicas(self) -> Iterator[Check]:
        for number, status in enumerate(self._read_replicas.status(), 1):
            yield replica(f"replica {number}", status, self._settings.replica_lag_seconds)

    def _redis_found(self) -> Iterator[Check]:
        findings = [
            redis_node(state, state.node or address(self._settings.redis_url)) for state in self._redis.states()
        ]
        yield from findings
        if all(finding.state != "wrong" for finding in findings):
            self._redis.write()  # a refusal is reported as a fault of this part

    def _redis_cluster(self) -> Iterator[Check]:
        state = self._redis.cluster()
        if state is not None:
            yield redis_cluster(state)

    def _clocks(self) -> Iterator[Check]:
        servers: dict[str, Callable[[], float]] = {
            "PostgreSQL": lambda: self._postgres.state().clock,
            "Redis": self._redis.clock,
        }
        yield clocks({name: self._read_clock(read) for name, read in servers.items()})

    def _read_clock(self, read: Callable[[], float]) -> ClockReading:
        """Return the most exact of some readings: a busy machine may be slow with one."""
        readings = []
        for _ in range(_CLOCK_READINGS):
            before, reading, after = self._clock(), read(), self._clock()
            readings.append(ClockReading(reading - (before + after) / 2, (after - before) / 2))
        return min(readings, key=lambda reading: reading.doubt)

    def _broker(self) -> list[Check]:
        url, production = self._settings.broker_url, self._settings.app_env == "production"
        answer = self._broker_questions.probe(within=_PROBE_SECONDS)
        return broker_checks.broker(address(url), answer, production=production)

    def _relay(self) -> Iterator[Check]:
        status, relays = self._outbox.status(), self._rankings.listening_relays()
        says = f"{relays} listening, {quantity(status['waiting'], 'change')} waiting"
        if relays == 0:
            advice = "Start it: 'python -m workers.relay'. Nothing reaches the screens without it."
            yield Check("relay", "wrong", says, advice)
        elif status["oldest_seconds"] > _LATE_OUTBOX_SECONDS:
            says += f", the oldest for {status['oldest_seconds']:.0f} s"
            yield broker_checks.late_relay(says, broker_answers=self._broker_answers)
        elif not self._rankings.has_relay_looked():
            yield broker_checks.still_relay(says)
        else:
            yield Check("relay", "ok", says)

    def _beat(self) -> Iterator[Check]:
        state, task_age = self._beat_lock.state(), self._rankings.seconds_since_repair()
        yield broker_checks.beat(state, task_age, broker_answers=self._broker_answers)

    def _background(self) -> Iterator[Check]:
        for part, age in self._job_ages.ages().items():
            yield background(part, age)

    def _online(self) -> Iterator[Check]:
        for season in self._catalog.mirrored_seasons():
            says = f"{quantity(self._presence.count(season.board), 'player')} with a socket open"
            yield Check(f"online {season.board}", "ok", says)

    def _clients(self) -> Iterator[Check]:
        yield clients(self._sign_ins.recent())

    def _identity_provider(self) -> Iterator[Check]:
        if self._provider_keys is not None:
            yield identity_provider(self._provider_keys)

    def _replay(self) -> Iterator[Check]:
        if replay := self._replays.unfinished():
            yield unfinished_replay(replay)

    def _webhooks(self) -> Iterator[Check]:
        if webhooks := self._webhook_store.enabled():
            yield webhooks_found(webhooks, self._deliveries.backlog())

    def _action_types(self) -> Iterator[Check]:
        types = self._catalog.action_types()
        yield from action_types(types)
        since = utc(self._clock() - _RHYTHM_SECONDS)
        yield from rhythms(types, self._read_replicas.read_patiently(lambda source: rhythms_since(source, since)))

    def _boards(self) -> Iterator[Check]:
        for season in self._catalog.mirrored_seasons():
            if self._rankings.is_ready(season):
                yield Check(f"board {season.board}", "ok", f"season {season.number}, complete in Redis")
            else:
                says = f"season {season.number}, not complete in Redis; ranks come from PostgreSQL until it is"
                advice = f"Wait for the worker, or run 'flask --app wsgi leaderboard rebuild --board {season.board}'."
                yield Check(f"board {season.board}", "note", says, advice)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
