"""After a person has cleared a player, the past counts no more, until new behaviour is new evidence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from anticheat.rules import Signal, forgery
from anticheat.suspicion import Suspicion
from anticheat.verdict import Outcome, Verdict
from app.containers.container import Container
from app.containers.moderation import thresholds_of
from app.domain.redemption import RedemptionRequest
from app.errors import IdempotencyKeyReused, InvalidSignature, SuspiciousActivity, TokenAlreadyUsed, TooSoon
from app.services.play.actions import Issued
from tests.integration.moderation.cases.parts import BY, Field
from tests.integration.moderation.cases.test_holds import Clock, _tap, clock, script, timed_field

__all__ = ["clock", "script", "timed_field"]


@pytest.fixture(autouse=True)
def paced_taps(container: Container) -> None:
    """Give taps a minimum that no play comes near, so that their rhythm is judged like that of other actions."""
    container.actions.change("tap", {"min_seconds": 0.02})


def _case_of(field: Field, player: UUID) -> UUID:
    return field.container.cases.case_files_of(player)[0].case.case_id


def _switch(field: Field, clock: Clock, player: UUID, times: int) -> float:
    """Play like an auto-repeat switch, once a second to the millisecond; return the suspicion."""
    _tap(field, clock, player, times, pause=1.0)
    return field.container.cases.suspicion(player)


def _clear(field: Field, player: UUID) -> None:
    field.container.decisions.decide(_case_of(field, player), "cleared", BY)


@pytest.mark.parametrize("redis_was_away", [False, True])
def test_the_rules_see_nothing_of_before(timed_field: Field, script: UUID, clock: Clock, redis_was_away: bool) -> None:
    assert _switch(timed_field, clock, script, 20) >= 30
    before = {key: timed_field.container.redis.dump(key) for key in timed_field.container.redis.keys(f"*{script}*")}
    _clear(timed_field, script)
    if redis_was_away:  # as if it had missed the decision
        for key, value in before.items():
            timed_field.container.redis.restore(key, 0, value, replace=True)
        timed_field.container.moderation.resend_changes()
    assert _switch(timed_field, clock, script, 11) == 0, "eleven intervals of the newest twelve are of before"
    assert _switch(timed_field, clock, script, 10) > 0, "there is no immunity: new behaviour is new evidence"


@pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.REJECT, Outcome.CRITICAL])
def test_a_redemption_that_was_judged_before_the_clearing_is_no_evidence_after_it(
    timed_field: Field, script: UUID, clock: Clock, outcome: Outcome
) -> None:
    container = timed_field.container
    _switch(timed_field, clock, script, 20)
    issued, judged_at = container.actions.issue(script, "tap"), clock.now
    request = RedemptionRequest(str(script), issued.promise.action_id, issued.token, str(uuid4()), "test")
    verdict = Verdict(outcome, Suspicion(150, judged_at), (Signal("timing", "", "", 150.0, is_hard=True),))
    clock.now += 1
    _clear(timed_field, script)
    if outcome is Outcome.HOLD:
        redeemed = container.moderation.score_under_suspicion(request, issued.promise, verdict)
        assert redeemed is not None
        assert not redeemed.is_held
    else:
        assert not container.moderation.refuse(request, issued.promise, verdict)
        with pytest.raises(SuspiciousActivity):
            container.redemptions.complete(request)
    container.moderation.note(request, Signal("forgery", "", "", 150.0, is_hard=True), judged_at)
    timed_field.deliver()
    assert timed_field.books() == []
    (file,) = container.cases.case_files_of(script)
    assert (file.case.state, file.case.status) == ("cleared", "active")
    assert container.cases.suspicion(script) == 0
    assert _tap(timed_field, clock, script, 1) > 0


def test_a_new_case_does_not_start_before_the_clearing(timed_field: Field, script: UUID, clock: Clock) -> None:
    container, before = timed_field.container, clock.now - 600
    signals = [Signal("pattern", "", "", 14.0)]
    with container.database.transaction() as connection:
        container.suspicions.add_signals(
            connection, str(script), str(uuid4()), "tap", signals, suspicion=14.0, outcome="clean", at=before
        )
    container.moderation.reinstate(script, "test")
    timed_field.suspect(script)
    (case,) = container.database.rows(
        "SELECT c.starts_at >= s.cleared_at AS is_later FROM cases c JOIN suspicion s USING (player_id)"
    )
    assert case.is_later


def test_an_undone_clearing_brings_the_past_back(timed_field: Field, script: UUID, clock: Clock) -> None:
    suspicion = _switch(timed_field, clock, script, 20)
    case_id = _case_of(timed_field, script)
    timed_field.container.decisions.decide(case_id, "cleared", BY)
    timed_field.container.decisions.undo(case_id, BY)
    assert _switch(timed_field, clock, script, 1) >= suspicion


def test_the_review_sees_nothing_of_before(timed_field: Field, script: UUID, clock: Clock) -> None:
    _switch(timed_field, clock, script, 20)
    _clear(timed_field, script)
    _switch(timed_field, clock, script, 11)
    since = timed_field.container.database.rows("SELECT now() - interval '1 hour' AS since")[0].since
    summary = timed_field.container.review.review_again(since, player_id=script)
    assert (summary.signals, summary.cases) == (0, [])


def test_a_kind_of_evidence_that_was_cleared_twice_counts_a_fraction(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    for _ in range(2):
        assert _switch(timed_field, clock, script, 20) >= 30
        _clear(timed_field, script)
    assert timed_field.container.suspicions.forgiven(str(script)) == {"pattern"}
    assert 0 < _switch(timed_field, clock, script, 40) < 30
    assert len(timed_field.container.cases.case_files_of(script)) == 2
    assert _tap(timed_field, clock, script, 30) > 0
    assert timed_field.container.cases.suspicion(script) >= 30, "another kind counts as ever"
    timed_field.container.decisions.decide(_case_of(timed_field, script), "cleared", BY)
    timed_field.container.decisions.undo(_case_of(timed_field, script), BY)
    assert "frequency" not in timed_field.container.suspicions.forgiven(str(script))


def test_what_is_forgiven_opens_no_case_however_much_the_rule_adds(timed_field: Field, script: UUID) -> None:
    """Complete a calibrated minimum at once: without the two clearings, that is held."""
    container = timed_field.container
    insert = "INSERT INTO cleared_rules (player_id, rule, times) VALUES (:player, 'timing', :times) RETURNING times"
    container.database.rows(insert, player=script, times=2)
    container.actions.change("puzzle", {"min_is_fact": False})
    timed_field.play(script, "puzzle")
    assert 0 < container.cases.suspicion(script) < 15
    assert container.cases.case_files_of(script) == []
    other = timed_field.player("Other")
    timed_field.play(other, "puzzle")
    assert len(container.cases.case_files_of(other)) == 1


def test_concurrent_soft_evidence_stays_below_the_ceiling(
    container: Container, timed_field: Field, script: UUID
) -> None:
    levels, now = thresholds_of(container.settings), container.clock()

    def add(number: int) -> None:
        with container.database.transaction() as connection:
            evidence = [Signal("pattern", "", "", 14.0), Signal("forgery", "", "", 2.0, is_hard=True)][: 1 + number % 2]
            container.suspicions.add(connection, str(script), evidence, now, levels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    suspicion = container.suspicions.get(str(script))
    assert suspicion.soft <= levels.soft_ceiling
    assert suspicion.value - suspicion.soft == pytest.approx(40)


def test_a_forged_token_is_noted_at_the_time_of_its_request(timed_field: Field, script: UUID, clock: Clock) -> None:
    container = timed_field.container
    issued = container.actions.issue(script, "tap")
    token = issued.token[:-4] + "AAAA"
    with pytest.raises(InvalidSignature):
        container.redemptions.complete(RedemptionRequest(str(script), issued.promise.action_id, token, None, "test"))
    request = RedemptionRequest(str(script), issued.promise.action_id, token, None, "test")
    container.moderation.note(request, forgery(), clock.now - 600)
    rows = container.database.rows("SELECT at FROM signals ORDER BY id")
    assert [round(row.at.timestamp() - clock.now) for row in rows] == [0, -600]


def test_a_completion_that_overlaps_leaves_no_trace(timed_field: Field, script: UUID, clock: Clock) -> None:
    container = timed_field.container
    first, second = (container.actions.issue(script, "quick-match") for _ in range(2))
    clock.now += 3.5

    def complete(issued: Issued, key: str | None = None) -> int:
        request = RedemptionRequest(str(script), issued.promise.action_id, issued.token, key, "test")
        return container.redemptions.complete(request).result

    key = str(uuid4())
    assert complete(first) > 0
    third = container.actions.issue(script, "quick-match")
    for _ in range(3):
        with pytest.raises(TooSoon) as refused:
            complete(second, key)
        assert refused.value.retry_after == 3
    state = container.actions.state(script, UUID(second.promise.action_id))
    assert state["state"] == "active"
    assert container.database.rows("SELECT FROM signals") == []
    assert container.database.rows("SELECT FROM idempotency") == []
    clock.now += 3
    assert complete(third, key) > 0, "the key is bound to nothing"
    with pytest.raises(IdempotencyKeyReused):
        complete(second, key)
    another_key = str(uuid4())
    with pytest.raises(TooSoon):
        complete(second, another_key)
    clock.now += 3
    assert complete(second, another_key) > 0, "the same request, with its key, scores after the wait"
    with pytest.raises(TokenAlreadyUsed):
        complete(second)
    assert container.redemptions.complete(
        RedemptionRequest(str(script), second.promise.action_id, second.token, another_key, "test")
    ).replayed
    assert container.cases.suspicion(script) == 0
