"""Points under strong suspicion are held, and count as soon as it has decayed or a person has decided."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.containers.container import Container
from app.domain.cases import DECISIONS, Decision
from app.errors import Refusal
from tests.integration.moderation.cases.parts import BY, Field

YEAR_SECONDS = 365 * 86_400


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def timed_field(container: Container, clock: Clock) -> Iterator[Field]:
    """Yield the field at a time of the test's own."""
    product = Container(container.settings, clock=clock)
    yield Field(product)
    product.close()


@pytest.fixture
def script(timed_field: Field) -> UUID:
    """Return a player who taps faster than hands can."""
    return timed_field.player("Script")


def _tap(field: Field, clock: Clock, player: UUID, times: int, pause: float = 0.02) -> int:
    """Tap, and return the score that the player sees."""
    score = 0
    for _ in range(times):
        clock.now += pause
        score = field.play(player).score
    field.deliver()
    return score


def _public_score(field: Field, player: UUID) -> int:
    return field.view(player).public["score"] or 0


def test_fast_taps_are_never_refused_and_the_public_sees_them_when_they_are_over(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    assert _tap(timed_field, clock, script, 60) == 60, "the player sees all points, and plays on"
    held_score = _public_score(timed_field, script)
    assert held_score < 20
    assert timed_field.books() == []
    (case,) = timed_field.container.cases.case_files_of(script)
    assert (case.case.state, case.case.held, case.case.status) == ("open", True, "active")
    assert 45 <= case.suspicion < 60
    clock.now += 60
    timed_field.container.status_repair.sweep()
    timed_field.deliver()
    assert _public_score(timed_field, script) == held_score, "the suspicion has not decayed yet"
    clock.now += 1900
    timed_field.container.status_repair.sweep()
    timed_field.deliver()
    assert timed_field.books() == []
    assert timed_field.top() == [("Script", 60, 1)]
    (case,) = timed_field.container.cases.case_files_of(script)
    assert (case.case.state, case.case.held) == ("open", False)


def test_the_next_redemption_after_the_suspicion_has_decayed_releases_all(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    _tap(timed_field, clock, script, 40)
    clock.now += 1900
    assert _tap(timed_field, clock, script, 1) == 41
    assert timed_field.top() == [("Script", 41, 1)]
    assert timed_field.books() == []


def test_points_that_were_released_stay_released_when_the_player_is_held_again(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    _tap(timed_field, clock, script, 40)
    clock.now += 1900
    _tap(timed_field, clock, script, 1)
    assert _tap(timed_field, clock, script, 40) == 81
    assert 41 <= _public_score(timed_field, script) < 81
    assert timed_field.books() == []


def test_a_hold_from_a_clock_that_went_a_year_ahead_and_back_ends_with_the_suspicion(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    now = clock.now
    clock.now += YEAR_SECONDS
    _tap(timed_field, clock, script, 40)
    clock.now = now
    timed_field.container.status_repair.sweep()
    timed_field.deliver()
    assert _public_score(timed_field, script) < 40, "how much of the suspicion was left then is not known"
    clock.now += 1900
    timed_field.container.status_repair.sweep()
    timed_field.deliver()
    assert timed_field.top() == [("Script", 40, 1)]
    clock.now += 10
    assert _tap(timed_field, clock, script, 1) == 41
    assert timed_field.top() == [("Script", 41, 1)], "Redis has no suspicion of the future either"


def test_an_undone_decision_of_that_year_brings_back_no_hold_of_it(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    now = clock.now
    clock.now += YEAR_SECONDS
    _tap(timed_field, clock, script, 40)
    (file,) = timed_field.container.cases.case_files_of(script)
    timed_field.container.decisions.decide(file.case.case_id, "cleared", BY)
    clock.now = now
    timed_field.container.decisions.undo(file.case.case_id, BY)
    for _ in range(2):
        timed_field.container.status_repair.sweep()
        clock.now += 1900
    timed_field.deliver()
    assert timed_field.top() == [("Script", 40, 1)]


def test_a_player_whose_rows_cannot_be_written_keeps_no_one_else_on_hold(
    timed_field: Field, script: UUID, clock: Clock
) -> None:
    container, other = timed_field.container, timed_field.player("Other")
    clock.now -= 60  # a quick machine plays faster than the clock goes, and rows have the time of the database
    for player in (script, other):
        _tap(timed_field, clock, player, 40)
    function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'damaged'; END $$"
    trigger = f"""
        CREATE TRIGGER damaged BEFORE UPDATE OF held_under, held_since ON players FOR EACH ROW
        WHEN (OLD.id = '{script}') EXECUTE FUNCTION refuse()
    """
    with container.database.transaction() as connection:
        connection.execute(sa.text(function))
        connection.execute(sa.text(trigger))
    assert container.holds.reach_back() == [other]
    clock.now += 1900
    container.status_repair.sweep()
    timed_field.deliver()
    with container.database.transaction() as connection:
        connection.execute(sa.text("DROP FUNCTION refuse CASCADE"))
    assert timed_field.top()[0] == ("Other", 40, 1)


@pytest.mark.parametrize("decision", DECISIONS)
def test_a_decision_ends_the_hold_and_its_undo_brings_it_back(
    timed_field: Field, script: UUID, clock: Clock, decision: Decision
) -> None:
    _tap(timed_field, clock, script, 40)
    public_score = _public_score(timed_field, script)
    (file,) = timed_field.container.cases.case_files_of(script)
    timed_field.container.decisions.decide(file.case.case_id, decision, BY)
    timed_field.deliver()
    assert timed_field.books() == []
    decided_score = _public_score(timed_field, script)
    assert decided_score == 40 if decision == "cleared" else decided_score <= public_score
    timed_field.container.decisions.undo(file.case.case_id, BY)
    timed_field.deliver()
    assert timed_field.books() == []
    assert _public_score(timed_field, script) == public_score
    clock.now += 1900
    timed_field.container.status_repair.sweep()
    timed_field.deliver()
    assert timed_field.top() == [("Script", 40, 1)]


def test_a_reinstated_player_is_held_no_longer(timed_field: Field, script: UUID, clock: Clock) -> None:
    _tap(timed_field, clock, script, 40)
    timed_field.container.moderation.reinstate(script, "test")
    timed_field.deliver()
    assert timed_field.top() == [("Script", 40, 1)]


def test_with_quarantine_only_a_person_ends_the_hold(container: Container, clock: Clock) -> None:
    strict = Container(container.settings.model_copy(update={"quarantine": True}), clock=clock)
    field = Field(strict)
    script = field.player("Script")
    _tap(field, clock, script, 40)
    public_score = _public_score(field, script)
    clock.now += 5000
    strict.status_repair.sweep()
    _tap(field, clock, script, 1)
    assert _public_score(field, script) == public_score
    (file,) = strict.cases.case_files_of(script)
    strict.decisions.decide(file.case.case_id, "cleared", BY)
    assert _public_score(field, script) == 41
    strict.close()


def test_without_a_ceiling_the_same_taps_suspend(container: Container, clock: Clock) -> None:
    plain = Container(container.settings.model_copy(update={"anticheat_soft_ceiling": float("inf")}), clock=clock)
    field = Field(plain)
    script = field.player("Script")
    refusals: list[str] = []
    for _ in range(40):
        try:
            _tap(field, clock, script, 1)
        except Refusal as refusal:
            refusals.append(refusal.code)
    assert set(refusals) == {"suspicious_activity", "account_suspended"}
    plain.close()


def test_no_transaction_waits_for_a_second_connection(container: Container, clock: Clock) -> None:
    """With one connection, a transaction that asked for another would wait for itself."""
    narrow = Container(container.settings.model_copy(update={"database_pool": 1}), clock=clock)
    field = Field(narrow)
    script = field.player("Script")
    for pause in [0.02] * 30 + [1900]:
        clock.now += pause
        field.play(script)
    assert _public_score(field, script) == 31
    narrow.close()
