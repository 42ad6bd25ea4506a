"""Clear, confirm and undo: each changes all that it promises, and the undo restores the earlier state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from anticheat.rules import Signal
from app.containers.container import Container
from app.containers.moderation import thresholds_of
from app.domain import actors
from app.domain.cases import DECISIONS, Decision
from app.errors import (
    AccountSuspended,
    AlreadyDecided,
    CaseOpen,
    Forbidden,
    InvalidRequest,
    NotFound,
    NothingToUndo,
    SuspiciousActivity,
)
from app.services.moderation.cases import CaseFile
from app.services.moderation.decisions import DecisionAuthor
from tests.integration.moderation.cases.parts import BY, Field, by
from tests.integration.moderation.ledgers import limit_taps
from tests.parts.waiting import eventually


@pytest.fixture(autouse=True)
def limited_taps(container: Container) -> None:
    limit_taps(container)


def _get_suspended(field: Field, player: UUID) -> UUID:
    """Complete twenty seconds of work at once, twice, until suspended. Return the case."""
    for refusal in (SuspiciousActivity, AccountSuspended):
        with pytest.raises(refusal):
            field.play(player, "boss-fight")
    (file,) = field.container.cases.case_files_of(player)
    return file.case.case_id


def _get_flagged(field: Field, player: UUID) -> UUID:
    """Play a burst, up to the first redemption that scores under a case. Return the case."""
    for _ in range(40):
        field.play(player)
        cases = field.container.cases.case_files_of(player)
        if cases:
            return cases[0].case.case_id
    raise AssertionError("forty at once are no burst")


def _case(field: Field, case: UUID) -> CaseFile:
    stored = field.container.cases.case_file(case)
    assert stored is not None
    return stored


def test_clearing_lifts_the_suspension_and_the_suspicion_everywhere(field: Field, anna: UUID) -> None:
    field.play(anna)
    case = _get_suspended(field, anna)
    field.deliver()
    assert field.container.standings.profile(anna)["status"] == "suspended"
    decision = field.container.decisions.decide(case, "cleared", by("a slow network, and a fast hand"))
    assert (decision.status, decision.correction_id) == ("active", None)
    field.deliver()
    assert field.books() == []
    assert field.container.cases.suspicion(anna) == 0
    assert field.container.redis.get(f"suspicion:{{{anna}}}").startswith("0.0|")
    assert field.container.redis.get(f"status:{{{anna}}}") == "active"
    assert field.top() == [("Anna", 1, 1)]
    assert field.play(anna).score == 2
    field.deliver()
    assert field.books() == []


def test_confirming_voids_what_was_scored_since_the_case_began_and_nothing_before(
    field: Field, anna: UUID, ben: UUID
) -> None:
    field.score(ben, 5)
    field.score(anna, 100)
    case = _get_flagged(field, anna)
    assert field.container.standings.profile(anna)["score"] > 100
    decision = field.container.decisions.decide(case, "confirmed", BY)
    field.deliver()
    assert decision.status == "suspended"
    assert field.top() == [("Ben", 5, 1)]
    score, held_points, _, listed = field.standing(anna)
    assert 100 <= score < 116, "what came before the first signal stays"
    assert (held_points, listed) == (0, False)
    assert field.books() == []
    stored = _case(field, case)
    assert (stored.case.state, stored.case.decided_by, stored.case.reason) == ("confirmed", BY.actor, BY.reason)


def test_a_case_starts_at_the_earliest_signal_of_which_a_point_was_left(field: Field, anna: UUID) -> None:
    """Decay with a half-life of 30 minutes: of 50 points after three hours 0.8 are left, after two hours 3."""
    now = datetime.now(UTC)
    times = [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    with field.container.database.transaction() as connection:
        for at in times:
            signals = [Signal("timing", "seen", "expected", 50.0)]
            field.container.suspicions.add_signals(
                connection, str(anna), str(uuid4()), "tap", signals, suspicion=50, outcome="clean", at=at.timestamp()
            )
    case = field.suspect(anna)
    assert _case(field, case).case.starts_at == times[1]
    field.suspect(anna)
    assert _case(field, case).case.starts_at == times[1]


def test_a_case_without_such_a_signal_starts_when_it_was_opened_or_where_its_opener_says(
    field: Field, anna: UUID, ben: UUID
) -> None:
    stored = _case(field, field.suspect(anna))
    assert stored.case.starts_at == stored.case.opened_at
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with field.container.database.transaction() as connection:
        case = field.container.suspicions.open_case(connection, str(ben), half_life=1800.0, hold=False, since=yesterday)
    assert _case(field, case).case.starts_at == yesterday


@pytest.mark.parametrize("decision", ["cleared", "confirmed"])
@pytest.mark.parametrize("come_by", ["caught", "flagged"])
def test_undoing_puts_everything_back_exactly(
    field: Field, anna: UUID, ben: UUID, decision: Decision, come_by: str
) -> None:
    field.score(ben, 5)
    field.score(anna, 3)
    case = (_get_suspended if come_by == "caught" else _get_flagged)(field, anna)
    field.deliver()

    def everything() -> list[object]:
        suspicion = field.container.database.rows("SELECT * FROM suspicion")
        status = field.container.database.rows("SELECT id, status, held_under FROM players ORDER BY id")
        cases = field.container.database.rows("SELECT * FROM cases")
        standings = [field.standing(player) for player in (anna, ben)]
        return [*map(tuple, suspicion), *map(tuple, status), *map(tuple, cases), standings, field.top()]

    before = everything()
    field.container.decisions.decide(case, decision, BY)
    field.deliver()
    assert everything() != before
    assert field.container.decisions.undo(case, by("it was the other one")).decision == "undone"
    field.deliver()
    assert everything() == before
    assert field.books() == []
    assert [row.decision for row in _case(field, case).decisions] == [decision, "undone"]


def test_what_was_undone_can_be_decided_again_and_undone_again(field: Field, anna: UUID) -> None:
    field.score(anna, 7)
    case = _get_flagged(field, anna)
    field.deliver()
    before = field.standing(anna)
    for _ in range(2):
        for decision in DECISIONS:
            field.container.decisions.decide(case, decision, BY)
            field.container.decisions.undo(case, BY)
    field.deliver()
    assert field.standing(anna) == before
    assert field.books() == []


def test_who_is_confirmed_is_off_the_board_and_their_sockets_are_told(field: Field, anna: UUID) -> None:
    field.score(anna, 7)
    case = field.suspect(anna)
    redis: Any = field.container.redis
    control = redis.pubsub(ignore_subscribe_messages=True)
    control.subscribe("fairboard:control")
    control.get_message(timeout=1)
    field.container.decisions.decide(case, "confirmed", BY)
    message: Any = eventually(lambda: control.get_message(timeout=0.1))
    assert str(anna) in message["data"]
    control.close()
    with pytest.raises(AccountSuspended):
        field.play(anna)


@pytest.mark.parametrize("decision", ["cleared", "confirmed"])
def test_a_case_is_decided_once(field: Field, anna: UUID, decision: Decision) -> None:
    case = field.suspect(anna)
    field.container.decisions.decide(case, decision, BY)
    with pytest.raises(AlreadyDecided) as refused:
        field.container.decisions.decide(case, "cleared", by("another opinion"))
    details = refused.value.details
    assert isinstance(details, dict)
    assert (details["state"], details["decided_by"]) == (decision, BY.actor)


def test_of_two_who_decide_at_once_one_is_refused(field: Field, anna: UUID, workers: list[Container]) -> None:
    field.score(anna, 7)
    case = field.suspect(anna)
    decisions: list[Decision] = ["cleared", "confirmed"] * 2
    with ThreadPoolExecutor(4) as pool:
        tries = [
            pool.submit(worker.decisions.decide, case, decision, BY)
            for worker, decision in zip(workers, decisions, strict=True)
        ]
    errors = [attempt.exception() for attempt in tries]
    assert sorted(type(error).__name__ for error in errors) == [*["AlreadyDecided"] * 3, "NoneType"]
    field.deliver()
    assert field.books() == []


def test_what_nobody_decided_is_not_undone(field: Field, anna: UUID) -> None:
    case = field.suspect(anna)
    with pytest.raises(NothingToUndo):
        field.container.decisions.undo(case, BY)
    field.container.decisions.decide(case, "cleared", BY)
    field.container.decisions.undo(case, BY)
    with pytest.raises(NothingToUndo):
        field.container.decisions.undo(case, BY)


def test_a_case_is_not_opened_again_beside_another_open_one(field: Field, anna: UUID) -> None:
    first = field.suspect(anna)
    field.container.decisions.decide(first, "cleared", BY)
    second = field.suspect(anna)
    with pytest.raises(CaseOpen) as refused:
        field.container.decisions.undo(first, BY)
    assert refused.value.details == {"case_id": str(second)}
    field.container.decisions.decide(second, "cleared", BY)
    assert field.container.decisions.undo(first, BY).decision == "undone"


def test_nobody_decides_on_their_own_case_without_a_reason_or_on_none(field: Field, anna: UUID) -> None:
    case = field.suspect(anna)
    own = DecisionAuthor(actors.admin(anna), "I know myself", "test")
    with pytest.raises(Forbidden):
        field.container.decisions.decide(case, "cleared", own)
    with pytest.raises(Forbidden):
        field.container.decisions.undo(case, own)
    for reason in ("", "  \n", "x" * 1001, "a\0b"):
        with pytest.raises(InvalidRequest):
            field.container.decisions.decide(case, "cleared", by(reason))
    with pytest.raises(NotFound):
        field.container.decisions.decide(uuid4(), "cleared", BY)
    assert _case(field, case).case.state == "open"


def test_every_decision_stands_in_the_audit_log(field: Field, anna: UUID) -> None:
    case = field.suspect(anna)
    field.container.decisions.decide(case, "confirmed", by("a script"))
    field.container.decisions.undo(case, by("no script"))
    rows = field.container.database.rows(
        "SELECT actor, act, details FROM audit_log WHERE subject = :case ORDER BY id", case=f"case:{case}"
    )
    assert [(row.actor, row.act) for row in rows] == [(BY.actor, "case.confirmed"), (BY.actor, "case.undone")]
    assert "no script" in rows[1].details


def test_a_redis_that_was_away_at_the_decision_is_told_later(field: Field, anna: UUID) -> None:
    case = _get_flagged(field, anna)  # under a case, but active: the decision doesn't change the status
    score = field.container.standings.profile(anna)["score"]
    redis = field.container.redis
    field.container.logins.note_status(anna, "suspended")
    suspicion = redis.get(f"suspicion:{{{anna}}}")
    field.container.decisions.decide(case, "cleared", BY)
    redis.set(f"suspicion:{{{anna}}}", suspicion)
    redis.set(f"status:{{{anna}}}", "suspended")
    field.container.moderation.resend_changes()
    assert redis.get(f"status:{{{anna}}}") == "active"
    assert redis.get(f"suspicion:{{{anna}}}") is None, "it is asked of the database at the next action"
    assert field.play(anna).score == score + 1


def test_suspicion_that_came_after_a_clearing_is_not_lost_in_its_undo(field: Field, anna: UUID) -> None:
    case = _get_suspended(field, anna)
    before = field.container.cases.suspicion(anna)
    field.container.decisions.decide(case, "cleared", BY)
    with field.container.database.transaction() as connection:
        evidence = [Signal("timing", "seen", "expected", 5.0, is_hard=True)]
        levels = thresholds_of(field.container.settings)
        field.container.suspicions.add(connection, str(anna), evidence, field.container.clock(), levels)
    field.container.decisions.undo(case, BY)
    assert field.container.cases.suspicion(anna) == pytest.approx(before + 5, abs=1)


def test_a_reinstated_player_keeps_the_case_and_it_can_still_be_decided(field: Field, anna: UUID) -> None:
    case = _get_suspended(field, anna)
    field.container.moderation.reinstate(anna, "test")
    assert _case(field, case).case.state == "open"
    field.play(anna)
    field.container.decisions.decide(case, "confirmed", BY)
    assert field.container.standings.profile(anna)["status"] == "suspended"
    assert field.container.standings.profile(anna)["score"] == 0
