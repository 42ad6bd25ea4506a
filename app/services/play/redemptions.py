"""The redemption of an action token: the API's order of checks, from the signature to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import NoReturn
from uuid import UUID

import structlog

from anticheat.history import Completion
from anticheat.rules import forgery, replay
from anticheat.verdict import Outcome, Thresholds, Verdict, judge
from app.domain.action_token import NotAToken, Presented, Promise, names_another, read
from app.domain.boards import MAX_SCORE
from app.domain.redemption import Completed, RedemptionRequest, StandingChange
from app.errors import (
    AccountSuspended,
    BoardClosed,
    IdempotencyKeyReused,
    InProgress,
    InvalidRequest,
    InvalidSignature,
    InvalidToken,
    Refusal,
    SuspiciousActivity,
    TokenAlreadyUsed,
    TooSoon,
    TrustedOnly,
)
from app.services.accounts.entrances import Entrance
from app.services.boards.season_plans import SeasonPlans
from app.services.moderation.moderation import Moderation
from app.services.play.player_history import PlayerHistory
from app.services.play.ranks import Ranks
from app.services.play.results import BadResult, check_result
from app.stores.accounts.gates import Admission
from app.stores.boards.rankings import RankingStore
from app.stores.boards.standings import StandingStore
from app.stores.play.action_claims import ActionClaimStore
from app.stores.play.claim_results import Claim, Claimed, Consumed, Forged, Unclaimed
from app.stores.play.first_answers import FirstAnswer, FirstAnswerStore
from app.stores.play.ledger import (
    AlreadyRedeemed,
    KeyAlreadyUsed,
    LedgerStore,
    NoOpenBoard,
    Redeemed,
    ScoreAtLimit,
)
from app.stores.postgres.engine import UNAVAILABLE, certainly_changed_nothing
from app.stores.redis.client import Call, Scripts
from app.stores.unavailability import AFTER_COMMIT, reason_of

log = structlog.get_logger("fairboard.redemptions")

_COMMIT_ERRORS: tuple[type[Exception], ...] = (
    AlreadyRedeemed,
    KeyAlreadyUsed,
    ScoreAtLimit,
    NoOpenBoard,
    BadResult,
    TrustedOnly,
    *UNAVAILABLE,
)


class Redemptions:
    """Redeems action tokens. `secrets` maps key ids to the secrets that tokens may be signed with."""

    def __init__(
        self,
        claims: ActionClaimStore,
        ledger: LedgerStore,
        first_answers: FirstAnswerStore,
        rankings: RankingStore,
        standings: StandingStore,
        history: PlayerHistory,
        moderation: Moderation,
        season_plans: SeasonPlans,
        scripts: Scripts,
        *,
        secrets: Mapping[str, str],
        thresholds: Thresholds,
    ) -> None:
        self._claims, self._ledger, self._first_answers = claims, ledger, first_answers
        self._history, self._moderation, self._season_plans, self._scripts = history, moderation, season_plans, scripts
        self._ranks, self._secrets, self._thresholds = Ranks(rankings, standings, scripts), dict(secrets), thresholds

    def complete(self, request: RedemptionRequest, entrance: Entrance | None = None) -> Completed:
        """Score the action once. Raises a Refusal or one of UNAVAILABLE; a retry with the key tells the outcome.

        With an entrance the request is admitted first, in the round trip of the claim.
        """
        presented = self._read_token(request)
        if presented is None:
            if entrance is not None:
                entrance.admit()
            return self._repeat_first_answer(request, InvalidToken())
        promise = presented.promise
        claim = self._claim(request, presented.digest, entrance)
        if not isinstance(claim, Claimed) or promise is None:
            return self._answer_unclaimed(request, claim, presented)
        promise = replace(promise, issued_ms=claim.issued_ms)
        try:
            return self._judge_and_score(request, promise, claim)
        except _COMMIT_ERRORS as error:
            return self._answer_failed_commit(request, promise, error)

    def _claim(self, request: RedemptionRequest, digest: str, entrance: Entrance | None) -> Claim:
        token = request.player_id, request.action_id, digest
        fingerprint = request.fingerprint if request.key else ""
        if entrance is not None:
            answer = self._claims.admit_and_claim(entrance.gate, *token, key=request.key, fingerprint=fingerprint)
            if not isinstance(answer, Admission):
                return answer
            entrance.check(answer)
        return self._claims.claim(*token, key=request.key, fingerprint=fingerprint)

    def _read_token(self, request: RedemptionRequest) -> Presented | None:
        """Return the token, or None for one that is malformed, or that we signed for another action or player."""
        try:
            presented = read(request.token, self._secrets)
        except NotAToken:
            return None
        promise = presented.promise
        is_foreign = promise and (promise.action_id, promise.player_id) != (request.action_id, request.player_id)
        return None if is_foreign else presented

    def _answer_unclaimed(self, request: RedemptionRequest, claim: Claim, presented: Presented) -> Completed:
        if claim is Unclaimed.REUSED:
            raise IdempotencyKeyReused()
        if claim is Unclaimed.IN_FLIGHT:
            raise InProgress() if request.key else TokenAlreadyUsed()
        if isinstance(claim, Forged):
            self._refuse_forgery(request, presented, claim)
        if not isinstance(claim, Consumed):
            return self._repeat_first_answer(request, InvalidToken())
        try:
            return self._repeat_first_answer(request, TokenAlreadyUsed())
        except TokenAlreadyUsed:
            if signal := replay(claim.replays):
                self._moderation.note(request, signal, claim.at_ms / 1000)
            raise

    def _refuse_forgery(self, request: RedemptionRequest, presented: Presented, claim: Forged) -> NoReturn:
        """Count the forgery against the player, then refuse the token.

        A genuine signature on a promise that we did not issue means that a key has leaked.
        """
        if presented.genuine:
            ids = {"player_id": request.player_id, "action_id": request.action_id}
            log.error("action_token_key_leaked", kid=presented.kid, **ids)
        else:
            log.warning("forged_token", player_id=request.player_id, action_id=request.action_id)
        self._moderation.note(request, forgery(), claim.at_ms / 1000)
        if not presented.genuine and names_another(request.token, request.action_id, request.player_id):
            raise InvalidToken()
        raise InvalidSignature()

    def _repeat_first_answer(self, request: RedemptionRequest, fallback: Refusal) -> Completed:
        """Return or raise the first answer to the request's key; raise `fallback` without a key, or for a new one."""
        first_answer = self._first_answers.first_answer(request.player_id, request.key) if request.key else None
        if first_answer is None:
            raise fallback
        if first_answer.fingerprint != request.fingerprint:
            raise IdempotencyKeyReused()
        if first_answer.outcome == "scored":
            return self._replay(request, first_answer)
        refusal = SuspiciousActivity() if first_answer.outcome == "rejected" else AccountSuspended()
        refusal.replayed = True
        raise refusal

    def _replay(self, request: RedemptionRequest, first_answer: FirstAnswer) -> Completed:
        event = first_answer.event
        assert event is not None, "what was scored is in the ledger"
        changes = event.changes
        if changes[0].ranks is None:  # the first try died between its commit and its answer: this is the first answer
            changes = self._ranks.count(request.player_id, changes)
            self._store_ranks(request, changes)
        points = event.result if event.result_kind == "fixed" else None
        return Completed(request.action_id, points, event.result, changes, replayed=True)

    def _judge_and_score(self, request: RedemptionRequest, promise: Promise, claim: Claimed) -> Completed:
        check_result(request.result, promise)
        verdict = self._judge(request, promise, claim)
        if verdict.outcome is Outcome.TOO_SOON:
            self._refuse_for_now(request, promise, verdict.wait)
        if verdict.outcome in (Outcome.REJECT, Outcome.CRITICAL):
            self._refuse(request, promise, verdict)
        redeemed = self._season_plans.retry_with_seasons(lambda: self._score(request, promise, verdict))
        if redeemed is None:
            self._release(request, promise)
            raise AccountSuspended()
        if redeemed.is_held and verdict.outcome is Outcome.CLEAN:
            self._moderation.end_hold(request.player_id)
        return self._answer(request, promise, redeemed)

    def _score(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> Redeemed | None:
        """Commit the redemption; return None for a player who isn't active."""
        if verdict.outcome is not Outcome.CLEAN or verdict.signals:
            return self._moderation.score_under_suspicion(request, promise, verdict)
        return self._ledger.redeem(
            promise,
            request_id=request.request_id,
            key=request.key,
            fingerprint=request.fingerprint,
            judged=verdict.suspicion.at,
            result=request.result,
            metadata=request.metadata,
        )

    def _judge(self, request: RedemptionRequest, promise: Promise, claim: Claimed) -> Verdict:
        history, suspicion = claim.history, claim.suspicion
        if suspicion is None:  # Redis was emptied after the action was issued, or a person has decided since
            history, suspicion = self._history.fetch(promise.player_id)
        issued_at = inf if claim.is_unmeasurable else promise.issued_ms / 1000
        attempt = Completion(promise.action_type, issued_at, claim.at_ms / 1000, request.result)
        verdict = judge(attempt, claim.limits, history, suspicion, self._thresholds)
        if verdict.signals and (forgiven := self._moderation.forgiven_rules(promise.player_id)):
            verdict = judge(attempt, claim.limits, history, suspicion, self._thresholds, forgiven=forgiven)
        return verdict

    def _refuse_for_now(self, request: RedemptionRequest, promise: Promise, wait: float) -> NoReturn:
        """Refuse a completion that overlaps with another, and leave no trace of it: a later try may score."""
        if self._is_redeemed(promise):
            raise AlreadyRedeemed()
        self._release(request, promise)
        raise TooSoon(wait)

    def _refuse(self, request: RedemptionRequest, promise: Promise, verdict: Verdict) -> None:
        if self._is_redeemed(promise):
            raise AlreadyRedeemed()  # Redis had lost this action; a consumed action is not judged again
        is_suspended = self._moderation.refuse(request, promise, verdict)
        self._settle(self._claims.settle_call(promise.player_id, promise.action_id, "invalid"))
        raise AccountSuspended() if is_suspended else SuspiciousActivity()

    def _answer(self, request: RedemptionRequest, promise: Promise, redeemed: Redeemed) -> Completed:
        """Answer after the commit: the points are the player's, so nothing here may turn the answer into an error."""
        settle = self._claims.settle_call(promise.player_id, promise.action_id, "consumed")
        changes: Sequence[StandingChange]
        if redeemed.is_held:
            self._ranks.wake_relay([change.season for change in redeemed.changes])
            changes = self._ranks.count(promise.player_id, redeemed.changes)
        else:
            # With a key the token stays claimed until the ranks are stored, so that a retry gets the same answer.
            changes = self._ranks.record(promise, redeemed.changes, [] if request.key else [settle])
        if request.key:
            self._store_ranks(request, changes)
        if request.key or redeemed.is_held:
            self._settle(settle)
        result = promise.points if request.result is None else request.result
        points = promise.points if promise.result_kind == "fixed" else None
        return Completed(promise.action_id, points, result, changes)

    def _store_ranks(self, request: RedemptionRequest, changes: Sequence[StandingChange]) -> None:
        assert request.key is not None
        try:
            self._first_answers.store_ranks(request.player_id, request.key, changes)
        except AFTER_COMMIT as error:
            log.warning("ranks_not_kept", error=reason_of(error), action_id=request.action_id)

    def _settle(self, call: Call) -> None:
        _after_commit(lambda: self._scripts.run(*call))

    def _answer_failed_commit(self, request: RedemptionRequest, promise: Promise, error: Exception) -> Completed:
        """Answer or raise after a commit that failed, or whose outcome is unknown."""
        if isinstance(error, ScoreAtLimit | NoOpenBoard | BadResult) and self._is_redeemed(promise):
            error = AlreadyRedeemed()
        if isinstance(error, AlreadyRedeemed):
            self._settle(self._claims.settle_call(promise.player_id, promise.action_id, "consumed"))
            return self._repeat_first_answer(request, TokenAlreadyUsed())
        if isinstance(error, KeyAlreadyUsed):
            assert request.key is not None
            self._release(request, promise)
            if self._first_answers.drop_old_key(request.player_id, request.key):
                return self.complete(request)
            return self._repeat_first_answer(request, InProgress())
        if isinstance(error, ScoreAtLimit):
            self._release(request, promise)
            message = f"would take your score past {MAX_SCORE}, the highest there is"
            field = "token" if request.result is None else "result"
            return self._repeat_first_answer(request, InvalidRequest.field(field, message))
        if isinstance(error, NoOpenBoard | BadResult):
            self._release(request, promise)
            refusal = BoardClosed() if isinstance(error, NoOpenBoard) else InvalidRequest.field("result", str(error))
            return self._repeat_first_answer(request, refusal)
        if isinstance(error, TrustedOnly) or certainly_changed_nothing(error):
            self._release(request, promise)
        raise error

    def _is_redeemed(self, promise: Promise) -> bool:
        """Return whether the ledger has this action, which Redis may have lost."""
        return bool(self._ledger.redeemed_action(UUID(promise.player_id), UUID(promise.action_id)))

    def _release(self, request: RedemptionRequest, promise: Promise) -> None:
        """Release the claim and the key, since nothing was scored. If Redis is down, the claim's lease expires."""
        try:
            self._claims.release(promise, key=request.key)
        except AFTER_COMMIT as error:
            log.warning("claim_not_released", error=reason_of(error), action_id=promise.action_id)


def _after_commit(act: Callable[[], object]) -> None:
    """Write to Redis, if it is there, a value that it also gets otherwise: the points are the player's already."""
    try:
        act()
    except AFTER_COMMIT as error:
        log.warning("redis_after_commit", error=reason_of(error))
