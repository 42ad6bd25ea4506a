"""What follows from a verdict or from a person's decision: signals, cases, suspensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa
import structlog

from anticheat.rules import Signal
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Thresholds, Verdict, outcome_at
from app.domain.action_token import Promise
from app.domain.actors import SYSTEM
from app.domain.redemption import RedemptionRequest
from app.domain.times import utc
from app.stores.accounts.logins import LATELY_SECONDS, LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.boards.board_events import PlayerSuspended, publish_control
from app.stores.boards.outbox import OutboxStore
from app.stores.boards.rankings import RankingStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.suspicions import SuspicionStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.catalog import CatalogStore
from app.stores.play.ledger import LedgerStore, Redeemed
from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.redis.client import Client
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.moderation")


class Moderation:
    """Each act is one database transaction; Redis and the sockets follow after the commit."""

    def __init__(
        self,
        database: Database,
        client: Client,
        ledger: LedgerStore,
        logins: LoginStore,
        permits: ActionClaimStore,
        rankings: RankingStore,
        catalog: CatalogStore,
        *,
        half_life: float,
        quarantine: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._client = database, client
        self._ledger, self._logins = ledger, logins
        self._permits, self._rankings, self._catalog = permits, rankings, catalog
        self._half_life, self._quarantine, self._clock = half_life, quarantine, clock

    def score_under_suspicion(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> Redeemed | None:
        """Score it, and keep what looked wrong; from `flag` on, on a case. All of it or nothing."""
        with self._db.transaction() as connection:
            suspicion = self._keep(connection, promise, verdict)
            redeemed = self._ledger.redeem(
                promise,
                request_id=request.request_id,
                key=request.key,
                fingerprint=request.fingerprint,
                judged=verdict.suspicion.at,
                connection=connection,
            )
            if redeemed is None:
                connection.rollback()
                return None
        self._after(promise.player_id, promise.action_id, replace(verdict, suspicion=suspicion))
        return redeemed

    def refuse(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> None:
        """Keep on a case what was refused; at `critical`, suspend the account with it."""
        critical = verdict.outcome is Outcome.CRITICAL
        with self._db.transaction() as connection:
            suspicion = self._keep(connection, promise, verdict)
            SuspicionStore.add_refusal(connection, promise, verdict.signals, at=verdict.suspicion.at)
            if request.key:
                outcome = "suspended" if critical else "rejected"
                self._ledger.keep_refusal(connection, promise, request.key, request.fingerprint, outcome)
            if critical:
                self._suspend(connection, request, suspicion)
        self._after(promise.player_id, promise.action_id, replace(verdict, suspicion=suspicion))
        if critical:
            self.spread(UUID(promise.player_id), "suspended")

    def note(self, request: RedemptionRequest, signal: Signal, thresholds: Thresholds) -> None:
        """Keep what was wrong with a request that could not have scored anyway; at `critical`, suspend the account.

        The request is refused as it is refused without this; if the database is away, that is all.
        """
        player, at = UUID(request.player_id), self._clock()
        try:
            with self._db.transaction() as connection:
                verdict = self._note(connection, request, signal, thresholds, at)
        except UNAVAILABLE as error:
            log.warning("not_noted", error=str(error).split("\n")[0], player_id=request.player_id, rule=signal.rule)
            return
        self._after(request.player_id, request.action_id, verdict)
        if verdict.outcome is Outcome.CRITICAL:
            self.spread(player, "suspended")

    def _note(
        self, connection: sa.Connection, request: RedemptionRequest, signal: Signal, thresholds: Thresholds, at: float
    ) -> Verdict:
        player = UUID(request.player_id)
        PlayerStore.lock(connection, player)
        suspicion = SuspicionStore.add(connection, request.player_id, signal.added, at, self._half_life)
        verdict = Verdict(outcome_at(suspicion.value, thresholds), suspicion, (signal,))
        SuspicionStore.add_signals(
            connection,
            request.player_id,
            request.action_id,
            None,
            verdict.signals,
            suspicion=suspicion.value,
            outcome=verdict.outcome.value,
            at=at,
        )
        if verdict.outcome is not Outcome.CLEAN:
            SuspicionStore.open_case(connection, request.player_id, half_life=self._half_life, hold=self._quarantine)
        if verdict.outcome is Outcome.CRITICAL:
            self._suspend(connection, request, suspicion)
        return verdict

    @staticmethod
    def _suspend(connection: sa.Connection, request: RedemptionRequest, suspicion: Suspicion) -> None:
        PlayerStore.set_status(connection, UUID(request.player_id), "suspended")
        OutboxStore.add_standings(connection, UUID(request.player_id), request.request_id)
        details = {"action_id": request.action_id, "suspicion": round(suspicion.value, 1)}
        subject = f"player:{request.player_id}"
        AuditStore.append(connection, SYSTEM, "player.suspended", subject, details, request.request_id)

    def suspend(self, player_id: UUID, request_id: str, *, by: str = SYSTEM) -> bool:
        """Take a player off every board and end their sockets; False when they were suspended already."""
        with self._db.transaction() as connection:
            PlayerStore.touch(connection, player_id)
            changed = PlayerStore.set_status(connection, player_id, "suspended")
            OutboxStore.add_standings(connection, player_id, request_id)
            AuditStore.append(
                connection, by, "player.suspended", f"player:{player_id}", {"changed": changed}, request_id
            )
        self.spread(player_id, "suspended")
        return changed

    def reinstate(self, player_id: UUID, request_id: str, *, by: str = SYSTEM) -> bool:
        """Back on the boards, with a suspicion of 0: what is left of it would suspend again at the next redemption."""
        now = self._clock()
        with self._db.transaction() as connection:
            PlayerStore.touch(connection, player_id)
            changed = PlayerStore.set_status(connection, player_id, "active")
            SuspicionStore.clear(connection, player_id, utc(now))
            OutboxStore.add_standings(connection, player_id, request_id)
            AuditStore.append(
                connection, by, "player.reinstated", f"player:{player_id}", {"changed": changed}, request_id
            )
        self.remember(player_id, Suspicion(0.0, now))
        self.spread(player_id, "active")
        return changed

    def restate(self) -> None:
        """Tell Redis again who has lately been suspended or reinstated and which logins have ended.

        What it missed while it was away, or lost in a failover, is put right by that. The accounts stay locked
        meanwhile, so that no later change is overwritten.
        """
        self._logins.restate_ended()
        with self._db.transaction() as connection:
            statuses = PlayerStore.lately_changed(connection, LATELY_SECONDS)
            self._logins.restate_statuses(statuses)
            self._permits.forget_suspicion([player for player, _ in statuses])

    def _keep(self, connection: sa.Connection, promise: Promise, verdict: Verdict) -> Suspicion:
        PlayerStore.lock(connection, UUID(promise.player_id))
        added = sum(signal.added for signal in verdict.signals)
        at = verdict.suspicion.at
        suspicion = SuspicionStore.add(connection, promise.player_id, added, at, self._half_life)
        SuspicionStore.add_signals(
            connection,
            promise.player_id,
            promise.action_id,
            promise.action_type,
            verdict.signals,
            suspicion=suspicion.value,
            outcome=verdict.outcome.value,
            at=at,
        )
        if verdict.outcome is not Outcome.CLEAN:
            SuspicionStore.open_case(connection, promise.player_id, half_life=self._half_life, hold=self._quarantine)
        return suspicion

    def _after(self, player_id: str, action_id: str, verdict: Verdict) -> None:
        if verdict.outcome is not Outcome.CLEAN:
            log.warning(
                "suspicious",
                player_id=player_id,
                action_id=action_id,
                outcome=verdict.outcome.value,
                suspicion=round(verdict.suspicion.value, 1),
                rules=[signal.rule for signal in verdict.signals],
            )
        self.remember(UUID(player_id), verdict.suspicion)

    def remember(self, player_id: UUID, suspicion: Suspicion) -> None:
        """Tell Redis what is left of a player's suspicion, after it was committed."""
        try:
            self._permits.put_suspicion(player_id, suspicion)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), player_id=str(player_id))

    def spread(self, player_id: UUID, status: str) -> None:
        """Tell Redis, after the commit: every server refuses or admits the player from now on; boards are refreshed."""
        try:
            self._logins.note_status(player_id, status)
            if status == "suspended":
                publish_control(self._client, PlayerSuspended(player_id))
            for season in self._catalog.open_seasons():
                self._rankings.wake(season)
        except AFTER_COMMIT as error:  # it is decided all the same; the repair tells Redis as soon as it is back
            log.error("redis_after_commit", error=reason_of(error), player_id=str(player_id), status=status)
