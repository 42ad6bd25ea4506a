"""The consequences of a verdict or of a moderator's decision: signals, cases, suspensions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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
from app.services.moderation.holds import Holds, end_of_hold
from app.services.moderation.reasons import checked_reason
from app.services.moderation.status_changes import StatusChanges, change_details
from app.stores.accounts.logins import LATELY_SECONDS, LoginStore
from app.stores.accounts.players import PlayerStore
from app.stores.moderation.audit import AuditStore
from app.stores.moderation.suspicions import SuspicionStore, suspicion_of
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.first_answers import FirstAnswerStore
from app.stores.play.ledger import LedgerStore, Redeemed
from app.stores.postgres.engine import UNAVAILABLE, Database
from app.stores.postgres.past_times import CLOCKS_DIFFER
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.moderation")


class Moderation:
    """Each act is one database transaction; Redis and the sockets follow after the commit."""

    def __init__(
        self,
        database: Database,
        statuses: StatusChanges,
        players: PlayerStore,
        suspicions: SuspicionStore,
        audit: AuditStore,
        ledger: LedgerStore,
        first_answers: FirstAnswerStore,
        logins: LoginStore,
        claims: ActionClaimStore,
        holds: Holds,
        *,
        thresholds: Thresholds,
        quarantine: bool,
        clock: Callable[[], float],
    ) -> None:
        self._db, self._statuses = database, statuses
        self._players, self._suspicions, self._audit = players, suspicions, audit
        self._ledger, self._first_answers, self._logins = ledger, first_answers, logins
        self._claims, self._holds = claims, holds
        self._thresholds, self._quarantine, self._clock = thresholds, quarantine, clock

    def forgiven_rules(self, player_id: str) -> frozenset[str]:
        """Return the rules whose evidence was cleared so often for this player that it counts a fraction."""
        return self._suspicions.forgiven(player_id)

    def end_hold(self, player_id: str) -> None:
        """End the player's hold, if it may end by itself. If the database is away, the sweep ends it."""
        try:
            self._holds.end(UUID(player_id))
        except UNAVAILABLE as error:
            log.warning("hold_not_ended", error=reason_of(error), player_id=player_id)

    def score_under_suspicion(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> Redeemed | None:
        """Score a redemption and record its signals in one transaction; from `flag` on, also open a case.

        Return None, with nothing recorded, for a player who isn't active.
        """
        with self._db.transaction() as connection:
            recorded = self._record(connection, promise, verdict)
            redeemed = self._ledger.redeem(
                promise,
                request_id=request.request_id,
                key=request.key,
                fingerprint=request.fingerprint,
                judged=verdict.suspicion.at,
                connection=connection,
                result=request.result,
                metadata=request.metadata,
            )
            if redeemed is None:
                connection.rollback()
                return None
        self._log_and_remember(promise.player_id, promise.action_id, recorded)
        return redeemed

    def refuse(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> bool:
        """Record a refused redemption on a case; at `critical`, also suspend the player. Return whether it did."""

        def record(connection: sa.Connection) -> Verdict:
            recorded = self._record(connection, promise, verdict)
            is_critical = recorded.outcome is Outcome.CRITICAL
            self._suspicions.add_refusal(connection, promise, verdict.signals, at=verdict.suspicion.at)
            if request.key:
                if is_critical:  # lock the standings before the key, as a redemption does
                    self._players.lock_standings(connection, UUID(promise.player_id))
                outcome = "suspended" if is_critical else "rejected"
                self._first_answers.store_refusal(connection, promise, request.key, request.fingerprint, outcome)
            if is_critical:
                self._suspend(connection, request, recorded.suspicion)
            return recorded

        recorded = self._db.run(record)
        is_critical = recorded.outcome is Outcome.CRITICAL
        self._log_and_remember(promise.player_id, promise.action_id, recorded)
        if is_critical:
            self._statuses.publish(UUID(promise.player_id), "suspended")
        return is_critical

    def note(self, request: RedemptionRequest, signal: Signal, at: float) -> None:
        """Record the signal of a request at `at` that could not have scored anyway; at `critical`, suspend the player.

        The request gets the same refusal with or without this; if the database is away, nothing is recorded.
        """
        player = UUID(request.player_id)
        try:
            with self._db.transaction() as connection:
                self._players.lock(connection, player)
                verdict = self._add(connection, request.player_id, request.action_id, None, (signal,), at)
                if verdict.outcome is Outcome.CRITICAL:
                    self._suspend(connection, request, verdict.suspicion)
        except UNAVAILABLE as error:
            log.warning(
                "signal_not_recorded", error=str(error).split("\n")[0], player_id=request.player_id, rule=signal.rule
            )
            return
        self._log_and_remember(request.player_id, request.action_id, verdict)
        if verdict.outcome is Outcome.CRITICAL:
            self._statuses.publish(player, "suspended")

    def _suspend(self, connection: sa.Connection, request: RedemptionRequest, suspicion: Suspicion) -> None:
        details = {"action_id": request.action_id, "suspicion": round(suspicion.value, 1)}
        self._statuses.suspend(connection, UUID(request.player_id), request.request_id, by=SYSTEM, details=details)

    def suspend(self, player_id: UUID, request_id: str, *, by: str = SYSTEM, reason: str | None = None) -> bool:
        """Remove a player from every board and end their sockets; return False if they were suspended already.

        Raises InvalidRequest for a reason that may not be.
        """
        reason = None if reason is None else checked_reason(reason)

        def suspend(connection: sa.Connection) -> bool:
            self._players.touch(connection, player_id)
            return self._statuses.suspend(connection, player_id, request_id, by=by, reason=reason)

        has_changed = self._db.run(suspend)
        self._statuses.publish(player_id, "suspended")
        return has_changed

    def reinstate(self, player_id: UUID, request_id: str, *, by: str = SYSTEM, reason: str | None = None) -> bool:
        """Put a player back on the boards; return False if they were active already. Raises as `suspend` does.

        Their suspicion becomes 0, and their past play counts no more, also for an active player: the remaining
        suspicion would suspend them again at the next redemption.
        """
        now, reason = self._clock(), None if reason is None else checked_reason(reason)

        def reinstate(connection: sa.Connection) -> bool:
            self._players.touch(connection, player_id)
            has_changed = self._statuses.set(connection, player_id, "active", request_id)
            self._suspicions.clear(connection, player_id, utc(now))
            details = change_details(has_changed, reason)
            self._audit.append(connection, by, "player.reinstated", f"player:{player_id}", details, request_id)
            return has_changed

        has_changed = self._db.run(reinstate)
        self.start_anew(player_id, Suspicion(0.0, now))
        self.end_hold(str(player_id))
        self._statuses.publish(player_id, "active")
        return has_changed

    def resend_changes(self) -> None:
        """Send Redis the recent suspensions, reinstatements and ended logins again.

        This repairs updates that Redis missed while it was away, or lost in a failover. The accounts stay locked
        meanwhile, so that no later change is overwritten.
        """
        self._logins.correct_ended_logins()
        with self._db.transaction() as connection:
            statuses = self._players.lately_changed(connection, LATELY_SECONDS)
            self._logins.correct_statuses(statuses)
            self._claims.forget_suspicion([player for player, _ in statuses])

    def _record(self, connection: sa.Connection, promise: Promise, verdict: Verdict) -> Verdict:
        self._players.lock(connection, UUID(promise.player_id))
        return self._add(
            connection,
            promise.player_id,
            promise.action_id,
            promise.action_type,
            verdict.signals,
            verdict.suspicion.at,
            verdict.outcome,
        )

    def _add(
        self,
        connection: sa.Connection,
        player_id: str,
        action_id: str,
        action_type: str | None,
        signals: tuple[Signal, ...],
        at: float,
        outcome: Outcome | None = None,
    ) -> Verdict:
        """Add the signals to the player's suspicion, and open or join a case from `flag` on; hold from `hold` on.

        `outcome` is the one that the redemption has already; by default that of the suspicion. The caller has locked
        the player: if a person has cleared the suspicion since `at`, nothing is added, and the outcome is CLEAN.
        """
        earlier = self._suspicions.lock(connection, player_id)
        if earlier and earlier["cleared_at"] and self._was_cleared_since(at, earlier["cleared_at"]):
            return Verdict(Outcome.CLEAN, suspicion_of(earlier), ())
        forgiven = self._suspicions.forgiven(player_id, connection) if signals else frozenset()
        suspicion = self._suspicions.add(connection, player_id, signals, at, self._thresholds, forgiven)
        verdict = Verdict(outcome or outcome_at(suspicion.value, self._thresholds), suspicion, signals)
        self._suspicions.add_signals(
            connection,
            player_id,
            action_id,
            action_type,
            signals,
            suspicion=suspicion.value,
            outcome=verdict.outcome.value,
            at=at,
        )
        if verdict.outcome is not Outcome.CLEAN:
            self._open_case(connection, player_id, suspicion)
        return verdict

    def _was_cleared_since(self, at: float, cleared_at: str) -> bool:
        """Return whether a person has cleared the suspicion since `at`.

        A clearing that lies ahead is from before the clock was set back, so that everything since is later.
        """
        return utc(at) <= datetime.fromisoformat(cleared_at) <= utc(self._clock() + CLOCKS_DIFFER)

    def _open_case(self, connection: sa.Connection, player_id: str, suspicion: Suspicion) -> None:
        self._suspicions.open_case(
            connection,
            player_id,
            half_life=self._thresholds.half_life,
            hold=self._quarantine or suspicion.value >= self._thresholds.hold,
            held_until=None if self._quarantine else utc(end_of_hold(suspicion, self._thresholds)),
        )

    def _log_and_remember(self, player_id: str, action_id: str, verdict: Verdict) -> None:
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

    def start_anew(self, player_id: UUID, suspicion: Suspicion) -> None:
        """Store a player's suspicion in Redis after a decision, and drop the past: the ledger has what still counts."""
        try:
            self._claims.forget_past(player_id, suspicion)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), player_id=str(player_id))

    def remember(self, player_id: UUID, suspicion: Suspicion) -> None:
        """Store a player's remaining suspicion in Redis, after its commit."""
        try:
            self._claims.put_suspicion(player_id, suspicion)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), player_id=str(player_id))
