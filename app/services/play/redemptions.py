"""Redeem an action token: the contract's order of checks, from the signature to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn
from uuid import UUID

import structlog

from anticheat.history import Completion
from anticheat.rules import forgery, replay
from anticheat.verdict import Outcome, Thresholds, Verdict, judge
from app.domain.action_token import NotAToken, Presented, Promise, names_another, read
from app.domain.boards import MAX_SCORE, Season
from app.domain.redemption import Completed, RedemptionRequest
from app.errors import (
    AccountSuspended,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    InvalidSignature,
    InvalidToken,
    Refusal,
    SuspiciousActivity,
    TokenAlreadyUsed,
)
from app.services.moderation.moderation import Moderation
from app.services.play.player_history import PlayerHistory
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.play.action_claims import ActionClaimStore, Claim
from app.stores.play.ledger import AlreadyRedeemed, FirstAnswer, KeyKnown, LedgerStore, Redeemed, ScoreAtLimit
from app.stores.postgres.engine import UNAVAILABLE, surely_not_done
from app.stores.redis.client import Call, Scripts
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.redemptions")

_COMMIT_FAILED: tuple[type[Exception], ...] = (AlreadyRedeemed, KeyKnown, ScoreAtLimit, *UNAVAILABLE)


class Redemptions:
    """`secrets` maps key ids to the secrets that action tokens may be signed with."""

    def __init__(
        self,
        permits: ActionClaimStore,
        ledger: LedgerStore,
        rankings: RankingStore,
        standings: StandingStore,
        past: PlayerHistory,
        moderation: Moderation,
        scripts: Scripts,
        *,
        secrets: Mapping[str, str],
        thresholds: Thresholds,
        clock: Callable[[], float],
    ) -> None:
        self._permits, self._ledger, self._rankings, self._standings = permits, ledger, rankings, standings
        self._past, self._moderation, self._scripts = past, moderation, scripts
        self._secrets, self._thresholds, self._clock = dict(secrets), thresholds, clock

    def complete(self, request: RedemptionRequest) -> Completed:
        """Score the action once. Raises a Refusal, or one of UNAVAILABLE: then a retry with the key tells."""
        presented = self._read(request)
        if presented is None:
            return self._first_answer(request, InvalidToken())
        promise = presented.promise
        now_ms = int(self._clock() * 1000)
        claim = self._permits.claim(
            request.player_id,
            request.action_id,
            promise,
            now_ms=now_ms,
            key=request.key,
            fingerprint=request.fingerprint,
        )
        if claim.word != "claimed" or promise is None:
            return self._unclaimed(request, claim, presented)
        try:
            return self._judged(request, promise, claim, now_ms / 1000)
        except _COMMIT_FAILED as error:
            return self._failed(request, promise, error)

    def _read(self, request: RedemptionRequest) -> Presented | None:
        """The token, or None for one that can claim nothing: it has no token's shape, or we signed it for another."""
        try:
            presented = read(request.token, self._secrets)
        except NotAToken:
            return None
        promise = presented.promise
        another = promise and (promise.action_id, promise.player_id) != (request.action_id, request.player_id)
        return None if another else presented

    def _unclaimed(self, request: RedemptionRequest, claim: Claim, presented: Presented) -> Completed:
        if claim.word == "reused":
            raise IdempotencyKeyReused()
        if claim.word == "forged":
            self._refuse_forgery(request, presented)
        if claim.word == "in_flight":
            raise InProgress() if request.key else TokenAlreadyUsed()
        if claim.word == "missing":
            return self._first_answer(request, InvalidToken())
        try:
            return self._first_answer(request, TokenAlreadyUsed())
        except TokenAlreadyUsed:
            if signal := replay(claim.replays):
                self._moderation.note(request, signal, self._thresholds)
            raise

    def _refuse_forgery(self, request: RedemptionRequest, presented: Presented) -> NoReturn:
        """Count it against the player, whatever the answer. Only a leaked key signs what was not issued so."""
        if presented.genuine:
            ids = {"player_id": request.player_id, "action_id": request.action_id}
            log.error("action_token_key_leaked", kid=presented.kid, **ids)
        else:
            log.warning("forged_token", player_id=request.player_id, action_id=request.action_id)
        self._moderation.note(request, forgery(), self._thresholds)
        if not presented.genuine and names_another(request.token, request.action_id, request.player_id):
            raise InvalidToken()
        raise InvalidSignature()

    def _first_answer(self, request: RedemptionRequest, otherwise: Refusal) -> Completed:
        """What the key was answered the first time; `otherwise` is raised where there is no key, or a new one."""
        first = self._ledger.first_answer(request.player_id, request.key) if request.key else None
        if first is None:
            raise otherwise
        if first.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused()
        if first.outcome != "scored":
            refusal = SuspiciousActivity() if first.outcome == "rejected" else AccountSuspended()
            refusal.replayed = True
            raise refusal
        return self._replay(request, first)

    def _replay(self, request: RedemptionRequest, first: FirstAnswer) -> Completed:
        event = first.event
        assert event is not None, "what was scored is in the ledger"
        previous, current = first.previous_rank, first.current_rank
        if current is None:  # the first try died between its commit and its answer: this is the first answer
            previous, current = self._ranks_from_database(
                event.season, request.player_id, event.previous_score, event.score
            )
            self._keep_ranks(request, previous, current)
        return Completed(
            request.action_id,
            event.season.board,
            event.points,
            event.previous_score,
            event.score,
            previous,
            current,
            replayed=True,
        )

    def _judged(self, request: RedemptionRequest, promise: Promise, claim: Claim, now: float) -> Completed:
        history, suspicion = claim.history, claim.suspicion
        if suspicion is None:  # Redis was emptied since the issue
            history, suspicion = self._past.fetch(promise.player_id)
        attempt = Completion(promise.action_type, promise.issued_ms / 1000, now)
        verdict = judge(attempt, claim.limits, history, suspicion, self._thresholds)
        if verdict.outcome in (Outcome.REJECT, Outcome.CRITICAL):
            self._refuse(request, promise, verdict)
        if verdict.outcome is Outcome.CLEAN and not verdict.signals:
            redeemed = self._ledger.redeem(
                promise,
                request_id=request.request_id,
                key=request.key,
                fingerprint=request.fingerprint,
                judged=now,
            )
        else:
            redeemed = self._moderation.score_under_suspicion(request, promise, verdict)
        if redeemed is None:
            self._release(promise)
            raise AccountSuspended()
        return self._answer(request, promise, redeemed)

    def _refuse(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> None:
        if self._scored_before(promise):
            raise AlreadyRedeemed()  # Redis had forgotten that; what is consumed isn't judged again
        self._moderation.refuse(request, promise, verdict)
        self._settle(self._permits.settle_call(promise.player_id, promise.action_id, "invalid"))
        raise SuspiciousActivity() if verdict.outcome is Outcome.REJECT else AccountSuspended()

    def _answer(self, request: RedemptionRequest, promise: Promise, redeemed: Redeemed) -> Completed:
        """After the commit: the points are the player's, so nothing here may turn the answer into an error."""
        season = Season(promise.season_id, promise.board, promise.season_number)
        settle = self._permits.settle_call(promise.player_id, promise.action_id, "consumed")
        if redeemed.held:
            self._wake(season)
            ranks = []
        else:
            record = self._rankings.record_call(
                season, promise.player_id, redeemed.previous, redeemed.score, redeemed.change
            )
            # With a key the token stays claimed until the ranks are kept, so that a retry finds the same answer.
            ranks = self._recorded([record] if request.key else [record, settle], promise)
        if ranks:  # nobody is listed without a score
            previous, current = (ranks[0] if redeemed.previous else None), ranks[1]
        else:
            previous, current = self._ranks_from_database(season, promise.player_id, redeemed.previous, redeemed.score)
        if request.key:
            self._keep_ranks(request, previous, current)
        if request.key or redeemed.held:
            self._settle(settle)
        return Completed(
            promise.action_id,
            season.board,
            promise.points,
            redeemed.previous,
            redeemed.score,
            previous,
            current,
        )

    def _recorded(self, calls: list[Call], promise: Promise) -> list[int]:
        """The ranks before and after; empty while Redis can't tell."""
        try:
            return [int(rank) for rank in self._scripts.run_together(calls)[0]]
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error), action_id=promise.action_id)
            return []

    def _wake(self, season: Season) -> None:
        """What everybody sees of a standing with held points is brought to Redis by the refresh alone."""
        try:
            self._rankings.wake(season)
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))

    def _ranks_from_database(self, season: Season, player_id: str, previous: int, score: int) -> tuple[int | None, int]:
        """As the player sees them: their own score, held points included, among the others' as everybody sees them."""
        current = self._standings.rank(season, score, without=player_id)
        return self._standings.rank(season, previous, without=player_id) if previous else None, current

    def _keep_ranks(self, request: RedemptionRequest, previous: int | None, current: int) -> None:
        assert request.key is not None
        try:
            self._ledger.keep_ranks(request.player_id, request.key, previous, current)
        except AFTER_COMMIT as error:
            log.warning("ranks_not_kept", error=reason_of(error), action_id=request.action_id)

    def _settle(self, call: tuple[str, object, object]) -> None:
        try:
            self._scripts.run(*call)  # type: ignore[arg-type]
        except AFTER_COMMIT as error:
            log.warning("redis_after_commit", error=reason_of(error))

    def _failed(self, request: RedemptionRequest, promise: Promise, error: Exception) -> Completed:
        """The commit didn't come about, or isn't known to have."""
        if isinstance(error, ScoreAtLimit) and self._scored_before(promise):
            error = AlreadyRedeemed()
        if isinstance(error, AlreadyRedeemed):
            self._settle(self._permits.settle_call(promise.player_id, promise.action_id, "consumed"))
            return self._first_answer(request, TokenAlreadyUsed())
        if isinstance(error, KeyKnown):
            assert request.key is not None
            self._release(promise)
            if self._ledger.drop_old_key(request.player_id, request.key):
                return self.complete(request)
            return self._first_answer(request, InProgress())
        if isinstance(error, ScoreAtLimit):
            self._release(promise)
            message = f"would take your score past {MAX_SCORE}, the highest there is"
            return self._first_answer(request, InvalidRequest.field("token", message))
        if surely_not_done(error):
            self._release(promise)
        raise error

    def _scored_before(self, promise: Promise) -> bool:
        """Whether the ledger has this action: Redis may have forgotten that."""
        return bool(self._ledger.redeemed_action(UUID(promise.player_id), UUID(promise.action_id)))

    def _release(self, promise: Promise) -> None:
        """Give the claim back: nothing was scored. If Redis is away, the claim ends by itself."""
        try:
            self._permits.release(promise)
        except AFTER_COMMIT as error:
            log.warning("claim_not_released", error=reason_of(error), action_id=promise.action_id)
