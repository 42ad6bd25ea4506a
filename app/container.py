"""Everything a process needs, built once: stores, then services. No Flask, no Celery."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from anticheat.verdict import Thresholds
from app.errors import Unavailable
from app.services.accounts import Accounts, Sessions
from app.services.actions import Actions
from app.services.analytics import Analytics
from app.services.anchors import Anchors
from app.services.audit import Audit
from app.services.backtest import Backtest
from app.services.broadcasts import Broadcasts
from app.services.calibration import Calibration
from app.services.cases import Cases
from app.services.corrections import Corrections
from app.services.decisions import Decisions
from app.services.diagnosis import Diagnosis
from app.services.guessing import Guessing
from app.services.health import Health
from app.services.moderation import Moderation
from app.services.outbox import Outbox
from app.services.passwords import Passwords
from app.services.past import Past
from app.services.presence import LIFETIMES, Presence
from app.services.proof import Proof
from app.services.queues import Queues
from app.services.readings import Readings
from app.services.redemptions import Redemptions
from app.services.refresh import Refresh
from app.services.review import Review
from app.services.schema import Schema
from app.services.sign_ins import SignIns
from app.services.sources import sources
from app.services.standings import Standings
from app.services.strays import Strays
from app.settings import Settings
from app.stores.anchors import AnchorFile
from app.stores.announcements import AnnouncementStore
from app.stores.audit import AuditStore
from app.stores.bulk_rankings import BulkRankings
from app.stores.cases import CaseStore
from app.stores.catalog import CatalogStore
from app.stores.changes import ChangeStore
from app.stores.corrections import CorrectionStore
from app.stores.database import Database
from app.stores.failures import FailureStore
from app.stores.feed import Subscription
from app.stores.guesses import GuessStore
from app.stores.holds import HoldStore
from app.stores.lateness import LatenessStore
from app.stores.ledger import LedgerStore
from app.stores.logins import LoginStore
from app.stores.models import ModelStore
from app.stores.outbox import OutboxStore
from app.stores.permits import PermitStore
from app.stores.players import PlayerStore
from app.stores.presence import PresenceStore
from app.stores.probes import PostgresProbe, RedisProbe
from app.stores.proofs import ProofStore
from app.stores.queue_counts import QueueCounts
from app.stores.rankings import RankingStore
from app.stores.redis_store import Scripts, connect
from app.stores.replicas import Replicas
from app.stores.rollups import STATEMENT_SECONDS
from app.stores.sign_ins import SignInStore
from app.stores.standings import StandingStore
from app.stores.suspicions import SuspicionStore
from app.stores.ticks import TickStore

if TYPE_CHECKING:
    from app.services.learning import Learning

_PATIENT_SECONDS = 5.0


def _run_apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Under gevent a slow computation gets a real thread, so that the other greenlets go on."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return function(*arguments)
    return sys.modules["gevent"].get_hub().threadpool.apply(function, arguments)


def _hashing_threads(web_workers: int) -> int:
    """Return how many passwords one process hashes at a time: its share of the cores, 4 at most."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // web_workers))


class Container:
    """Builds no connection by itself: they open at the first use, in the process that uses them."""

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.time, statement_seconds: float = 5.0
    ) -> None:
        self.settings, self.clock = settings, clock
        self.database = Database(
            settings.database_url, pool=settings.database_pool, statement_seconds=statement_seconds
        )
        self.replicas = Replicas(
            settings.database_replica_urls,
            self.database,
            pool=settings.database_pool,
            statement_seconds=statement_seconds,
            wait_seconds=settings.replica_wait_seconds,
            lag_seconds=settings.replica_lag_seconds,
        )
        # The same replicas, with the time that a roll-up of a busy day takes; nothing is opened until one is made.
        self.patient_replicas = Replicas(
            settings.database_replica_urls,
            self.database,
            pool=4,
            statement_seconds=STATEMENT_SECONDS,
            wait_seconds=settings.replica_wait_seconds,
            lag_seconds=settings.replica_lag_seconds,
        )
        self.redis = connect(settings.redis_url, settings.redis_timeout)
        # The same, for those who go through a whole board and can wait; nothing is opened until somebody does.
        self.patient_redis = connect(settings.redis_url, max(settings.redis_timeout, _PATIENT_SECONDS))
        self._build_stores()
        self._build_services()

    def _build_stores(self) -> None:
        settings, database = self.settings, self.database
        self.scripts = Scripts(self.redis)
        self.players = PlayerStore(database)
        self.logins = LoginStore(database, self.redis)
        self.catalog = CatalogStore(database)
        self.standing_store = StandingStore(database)
        self.ledger = LedgerStore(database)
        self.suspicions = SuspicionStore(database)
        self.rankings = RankingStore(self.redis, self.scripts)
        self.bulk_rankings = BulkRankings(self.patient_redis, Scripts(self.patient_redis))
        self.queue_counts = QueueCounts(self.redis)
        self.failures = FailureStore(self.redis)
        self.ticks = TickStore(database)
        self.permits = PermitStore(
            self.redis,
            self.scripts,
            lease_ms=settings.claim_seconds * 1000,
            consumed_seconds=settings.consumed_seconds,
        )

    def _build_services(self) -> None:
        settings, clock = self.settings, self.clock
        self.sessions = Sessions(self.logins)
        self.accounts = Accounts(
            self.database,
            self.players,
            self.logins,
            Passwords(_run_apart, at_once=_hashing_threads(settings.web_workers)),
            Guessing(GuessStore(self.scripts, clock)),
            self.redis,
            clock=clock,
            refresh_seconds=settings.refresh_token_seconds,
        )
        self.sign_ins = SignIns(SignInStore(self.redis), clock=clock)
        self.moderation = Moderation(
            self.database,
            self.redis,
            self.ledger,
            self.logins,
            self.permits,
            self.rankings,
            self.catalog,
            half_life=settings.anticheat_half_life,
            quarantine=settings.quarantine,
            clock=clock,
        )
        self.cases = Cases(
            self.database,
            CaseStore(self.database),
            self.suspicions,
            half_life=settings.anticheat_half_life,
            clock=clock,
        )
        self.corrections = Corrections(
            self.database, self.patient_replicas, CorrectionStore(self.database), self.catalog, self.rankings
        )
        self.decisions = Decisions(
            self.database,
            CaseStore(self.database),
            self.moderation,
            self.corrections,
            half_life=settings.anticheat_half_life,
            clock=clock,
        )
        audit_store = AuditStore(self.database)
        anchor_file = AnchorFile(settings.audit_anchors) if settings.audit_anchors else None
        self.audit = Audit(self.database, audit_store, Anchors(audit_store, anchor_file))
        self.strays = Strays(self.database, HoldStore(self.database))
        thresholds = Thresholds(
            settings.anticheat_flag,
            settings.anticheat_reject,
            settings.anticheat_critical,
            settings.anticheat_half_life,
        )
        self.review = Review(
            self.database,
            self.patient_replicas,
            thresholds=thresholds,
            lag_seconds=settings.replica_lag_seconds,
            quarantine=settings.quarantine,
        )
        self.backtest = Backtest(self.patient_replicas, thresholds)
        past = Past(self.ledger, self.suspicions, self.permits)
        self.actions = Actions(
            self.database,
            self.catalog,
            self.permits,
            self.ledger,
            self.standing_store,
            past,
            key=settings.action_token_keys[0],
            clock=clock,
            seconds=settings.action_seconds,
            most=settings.max_active_actions,
        )
        self.calibration = Calibration(self.patient_replicas, self.actions)
        self.redemptions = Redemptions(
            self.permits,
            self.ledger,
            self.rankings,
            self.standing_store,
            past,
            self.moderation,
            self.scripts,
            secrets={key.kid: key.secret for key in settings.action_token_keys},
            thresholds=thresholds,
            clock=clock,
        )
        self.standings = Standings(
            self.catalog, self.standing_store, self.rankings, self.players, self.replicas, clock=clock
        )
        self.presence = Presence(
            PresenceStore(self.scripts, seconds=settings.presence_seconds * LIFETIMES),
            self.standings,
            most_per_player=settings.max_sockets_per_player,
            most_per_address=settings.max_sockets_per_address,
            renew_seconds=settings.presence_seconds,
        )
        broadcasts = Broadcasts(
            self.standing_store,
            self.rankings,
            self.standings,
            AnnouncementStore(self.redis, self.scripts),
            self.redis,
            interval=settings.broadcast_seconds,
        )
        self.refresh = Refresh(
            self.catalog, self.standing_store, self.rankings, self.bulk_rankings, self.standings, broadcasts
        )
        self.proof = Proof(
            self.catalog,
            self.standing_store,
            ChangeStore(self.database),
            self.bulk_rankings,
            ProofStore(self.patient_redis),
            self.refresh,
            clock=clock,
        )
        self.analytics = Analytics(self.database, self.replicas, self.patient_replicas, self.catalog)
        postgres_probe, redis_probe = PostgresProbe(self.database), RedisProbe(self.redis, self.scripts)
        self.health = Health(self.database, postgres_probe, redis_probe)
        self.queues = Queues(settings, self.failures)
        self.outbox = Outbox(self.database, OutboxStore(self.database))
        read = sources(
            self.outbox,
            LatenessStore(self.database),
            self.rankings,
            self.queue_counts,
            self.catalog,
            self.replicas,
            self.presence.count,
            ProofStore(self.redis),
            clock,
            postgres_probe,
            redis_probe,
            self.audit.look,
        )
        self.readings = Readings(read)
        self.schema = Schema(self.database, settings.database_url)
        self.diagnosis = Diagnosis(
            settings,
            postgres_probe,
            self.replicas,
            redis_probe,
            self.schema,
            self.outbox,
            self.catalog,
            self.rankings,
            self.ticks,
            LatenessStore(self.database),
            self.presence,
            self.sign_ins,
            self.audit,
            clock=clock,
        )

    @cached_property
    def learning(self) -> Learning:
        """The learned model, with the libraries it needs loaded at the first use: no web server has a use for them.

        Unavailable where they are not installed.
        """
        try:
            from app.services.learning import Learning
        except ImportError as error:
            raise Unavailable(f"The learned model needs scikit-learn, which is not installed ({error}).") from error
        return Learning(
            self.database,
            self.patient_replicas,
            ModelStore(self.database),
            half_life=self.settings.anticheat_half_life,
            quarantine=self.settings.quarantine,
            clock=self.clock,
        )

    apart = staticmethod(_run_apart)

    def subscription(self) -> Subscription:
        """A connection of its own that listens to what other processes announce."""
        return Subscription(self.redis)

    def close(self) -> None:
        """Give all connections back."""
        self.replicas.close()
        self.patient_replicas.close()
        self.database.close()
        self.redis.close()
        self.patient_redis.close()
