"""What a player's events add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from app.domain.scoring import Fold, Hold, ScoreEvent, counting_events, fold_events

_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
_CASE = uuid4()


def _event(
    number: int, kind: Literal["redeem", "void", "restore"], action: UUID, points: int, case_id: UUID | None = None
) -> ScoreEvent:
    return ScoreEvent(number, kind, action, points, _at(number), case_id)


def _at(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=number)


def test_without_events_there_is_nothing() -> None:
    assert fold_events([], None) == Fold(0, 0, None)


def test_a_voided_event_does_not_count_and_a_restored_one_counts_at_its_own_time() -> None:
    first, second = uuid4(), uuid4()
    events = [_event(1, "redeem", first, 5), _event(2, "redeem", second, 7), _event(3, "void", second, -7)]
    assert fold_events(events, None) == Fold(5, 0, _at(1))
    events.append(_event(4, "restore", second, 7))
    assert fold_events(events, None) == Fold(12, 0, _at(2))
    events.append(_event(5, "void", second, -7))
    assert fold_events(events, None) == Fold(5, 0, _at(1))
    assert [event.id for event in counting_events(reversed(events))] == [1]


def test_points_are_held_only_under_the_case_under_which_they_were_scored() -> None:
    free, held = uuid4(), uuid4()
    events = [_event(1, "redeem", free, 5), _event(2, "redeem", held, 7, _CASE)]
    assert fold_events(events, Hold(_CASE)) == Fold(5, 7, _at(1))
    assert fold_events(events, None) == Fold(12, 0, _at(2))
    assert fold_events(events, Hold(uuid4())) == Fold(12, 0, _at(2))
    assert fold_events(events[1:], Hold(_CASE)) == Fold(0, 7, None)


def test_a_hold_that_reaches_back_holds_what_was_scored_from_its_start_to_its_begin() -> None:
    events = [_event(1, "redeem", uuid4(), 5), _event(2, "redeem", uuid4(), 7), _event(3, "redeem", uuid4(), 11)]
    events.append(_event(4, "redeem", uuid4(), 13, _CASE))
    assert fold_events(events, Hold(_CASE, since=_at(2), begun=_at(3))) == Fold(16, 20, _at(3))
    assert fold_events(events, Hold(_CASE)) == Fold(23, 13, _at(3))
    assert fold_events(events, None) == Fold(36, 0, _at(4))
