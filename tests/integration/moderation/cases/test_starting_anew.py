"""After a person has cleared a player, the past counts no more, until new behaviour is new evidence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from anticheat.rules import Signal
from app.containers.container import Container
from app.containers.moderation import thresholds_of
from app.domain.redemption import RedemptionRequest
from app.errors import TooSoon
from app.services.play.actions import Issued
from tests.integration.moderation.cases.parts import BY, Field
from tests.integration.moderation.cases.test_holds import Clock, _tap, child, clock, timed_field

__all__ = ["child", "clock", "timed_field"]


def _case_of(field: Field, player: UUID) -> UUID:
    return field.container.cases.case_files_of(player)[0].case.case_id


def _switch(field: Field, clock: Clock, player: UUID, times: int) -> float:
    """Play like an auto-repeat switch, once a second to the millisecond; return the suspicion."""
    _tap(field, clock, player, times, pause=1.0)
    return field.container.cases.suspicion(player)


def _clear(field: Field, player: UUID) -> None:
    field.container.decisions.decide(_case_of(field, player), "cleared", BY)


@pytest.mark.parametrize("redis_was_away", [False, True])
def test_the_rules_see_nothing_of_before(timed_field: Field, child: UUID, clock: Clock, redis_was_away: bool) -> None:
    assert _switch(timed_field, clock, child, 20) >= 30
    before = {key: timed_field.container.redis.dump(key) for key in timed_field.container.redis.keys(f"*{child}*")}
    _clear(timed_field, child)
    if redis_was_away:  # as if it had missed the decision
        for key, value in before.items():
            timed_field.container.redis.restore(key, 0, value, replace=True)
        timed_field.container.moderation.resend_changes()
    assert _switch(timed_field, clock, child, 11) == 0, "eleven intervals of the newest twelve are of before"
    assert _switch(timed_field, clock, child, 10) > 0, "there is no immunity: new behaviour is new evidence"


def test_an_undone_clearing_brings_the_past_back(timed_field: Field, child: UUID, clock: Clock) -> None:
    suspicion = _switch(timed_field, clock, child, 20)
    case_id = _case_of(timed_field, child)
    timed_field.container.decisions.decide(case_id, "cleared", BY)
    timed_field.container.decisions.undo(case_id, BY)
    assert _switch(timed_field, clock, child, 1) >= suspicion


def test_the_review_sees_nothing_of_before(timed_field: Field, child: UUID, clock: Clock) -> None:
    _switch(timed_field, clock, child, 20)
    _clear(timed_field, child)
    _switch(timed_field, clock, child, 11)
    since = timed_field.container.database.rows("SELECT now() - interval '1 hour' AS since")[0].since
    summary = timed_field.container.review.review_again(since, player_id=child)
    assert (summary.signals, summary.cases) == (0, [])


def test_a_kind_of_evidence_that_was_cleared_twice_counts_a_fraction(
    timed_field: Field, child: UUID, clock: Clock
) -> None:
    for _ in range(2):
        assert _switch(timed_field, clock, child, 20) >= 30
        _clear(timed_field, child)
    assert timed_field.container.suspicions.forgiven(str(child)) == {"pattern"}
    assert 0 < _switch(timed_field, clock, child, 40) < 30
    assert len(timed_field.container.cases.case_files_of(child)) == 2
    assert _tap(timed_field, clock, child, 30) > 0
    assert timed_field.container.cases.suspicion(child) >= 30, "another kind counts as ever"
    timed_field.container.decisions.decide(_case_of(timed_field, child), "cleared", BY)
    timed_field.container.decisions.undo(_case_of(timed_field, child), BY)
    assert "frequency" not in timed_field.container.suspicions.forgiven(str(child))


def test_concurrent_soft_evidence_stays_below_the_ceiling(
    container: Container, timed_field: Field, child: UUID
) -> None:
    levels, now = thresholds_of(container.settings), container.clock()

    def add(number: int) -> None:
        with container.database.transaction() as connection:
            evidence = [Signal("pattern", "", "", 14.0), Signal("forgery", "", "", 2.0, is_hard=True)][: 1 + number % 2]
            container.suspicions.add(connection, str(child), evidence, now, levels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    suspicion = container.suspicions.get(str(child))
    assert suspicion.soft <= levels.soft_ceiling
    assert suspicion.value - suspicion.soft == pytest.approx(40)


def test_a_completion_that_overlaps_leaves_no_trace(timed_field: Field, child: UUID, clock: Clock) -> None:
    container = timed_field.container
    first, second = (container.actions.issue(child, "quick-match") for _ in range(2))
    clock.now += 3.5

    def complete(issued: Issued, key: str | None = None) -> int:
        request = RedemptionRequest(str(child), issued.promise.action_id, issued.token, key, "test")
        return container.redemptions.complete(request).result

    key = str(uuid4())
    assert complete(first) > 0
    for _ in range(3):
        with pytest.raises(TooSoon) as refused:
            complete(second, key)
        assert refused.value.retry_after == 3
    state = container.actions.state(child, UUID(second.promise.action_id))
    assert state["state"] == "active"
    assert container.database.rows("SELECT FROM signals") == []
    assert container.database.rows("SELECT FROM idempotency") == []
    clock.now += 3
    assert complete(second, key) > 0
    assert container.cases.suspicion(child) == 0
