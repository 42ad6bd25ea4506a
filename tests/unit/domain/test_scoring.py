"""What a player's events add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import pytest

from app.domain.scoring import (
    Fold,
    Hold,
    Order,
    Score,
    ScoreEvent,
    Scoring,
    counting_events,
    fold_board,
    fold_events,
    ranked,
)

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


@pytest.mark.parametrize(
    ("results", "scoring", "reached"),
    [
        ([10, 0], "sum", 1),
        ([0, 10, 0, 0], "sum", 2),
        ([0, 0], "sum", 1),
        ([5, -5, 0], "sum", 2),
        ([5, 0], "count", 2),
    ],
)
def test_a_result_of_zero_does_not_reach_a_sum_anew(results: list[int], scoring: Scoring, reached: int) -> None:
    events = [_event(number, "redeem", uuid4(), result) for number, result in enumerate(results, 1)]
    public = fold_board(events, None, scoring).public
    assert public
    assert public.achieved_at == _at(reached)


def test_points_are_held_only_under_the_case_under_which_they_were_scored() -> None:
    free, held = uuid4(), uuid4()
    events = [_event(1, "redeem", free, 5), _event(2, "redeem", held, 7, _CASE)]
    assert fold_events(events, Hold(_CASE)) == Fold(5, 7, _at(1))
    assert fold_events(events, None) == Fold(12, 0, _at(2))
    assert fold_events(events, Hold(uuid4())) == Fold(12, 0, _at(2))
    assert fold_events(events[1:], Hold(_CASE)) == Fold(0, 7, None)


def _runs(*results: int) -> list[ScoreEvent]:
    return [_event(number, "redeem", uuid4(), result) for number, result in enumerate(results, start=1)]


@pytest.mark.parametrize(
    ("scoring", "order", "score", "number"),
    [
        ("sum", "desc", -1, 3),
        ("count", "desc", 4, 4),
        ("best", "desc", 3, 1),
        ("best", "asc", -7, 3),
        ("last", "desc", 0, 4),
        ("last", "asc", 0, 4),
    ],
)
def test_each_scoring_makes_its_own_score(scoring: Scoring, order: Order, score: int, number: int) -> None:
    events = _runs(3, 3, -7, 0)
    fold = fold_board(events, None, scoring, order)
    run = events[number - 1] if scoring in ("best", "last") else None
    assert fold.public == fold.own == Score(score, _at(number), run)


def test_a_best_run_is_one_whole_event_and_the_earlier_of_equals_counts() -> None:
    """The run in question keeps its own time and metadata, not the newest of either."""
    slow, fast, equal = _runs(90, 60, 60)
    fast = replace(fast, metadata={"car": "red"})
    fold = fold_board([equal, fast, slow], None, "best", "asc")
    assert fold.public == Score(60, fast.created_at, fast)
    voided = [slow, fast, equal, _event(9, "void", fast.action_id, -60)]
    assert fold_board(voided, None, "best", "asc").public == Score(60, equal.created_at, equal)
    restored = [*voided, _event(10, "restore", fast.action_id, 60)]
    assert fold_board(restored, None, "best", "asc").public == Score(60, fast.created_at, fast)


@pytest.mark.parametrize("scoring", ["sum", "best", "last", "count"])
def test_a_player_is_ranked_from_the_first_counting_event_on_whatever_the_score(scoring: Scoring) -> None:
    (event,) = _runs(0)
    assert fold_board([], None, scoring).public is None
    assert fold_board([event], None, scoring).public is not None
    assert fold_board([event, _event(2, "void", event.action_id, 0)], None, scoring).public is None


@pytest.mark.parametrize(
    ("scoring", "public", "own"), [("sum", 5, 14), ("best", 5, 9), ("last", 5, 9), ("count", 1, 2)]
)
def test_held_events_count_for_the_player_alone(scoring: Scoring, public: int, own: int) -> None:
    events = [_event(1, "redeem", uuid4(), 5), _event(2, "redeem", uuid4(), 9, _CASE)]
    fold = fold_board(events, Hold(_CASE), scoring)
    assert fold.public
    assert fold.own
    assert (fold.public.score, fold.public.achieved_at, fold.own.score) == (public, _at(1), own)
    only_held = fold_board(events[1:], Hold(_CASE), scoring)
    assert only_held.public is None
    assert only_held.own is not None
    assert fold_board(events, None, scoring).public == fold_board(events, None, scoring).own


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_equal_scores_share_a_rank_and_the_earlier_comes_first(order: Order) -> None:
    late, early, best, worst = (UUID(int=number) for number in range(4))
    sign = 1 if order == "desc" else -1
    scores = {
        late: Score(0, _at(9)),
        early: Score(0, _at(1)),
        best: Score(5 * sign, _at(5)),
        worst: Score(-5 * sign, _at(0)),
    }
    assert ranked(scores, order) == [(1, best), (2, early), (2, late), (4, worst)]


def test_a_hold_that_reaches_back_holds_what_was_scored_from_its_start_to_its_begin() -> None:
    events = [_event(1, "redeem", uuid4(), 5), _event(2, "redeem", uuid4(), 7), _event(3, "redeem", uuid4(), 11)]
    events.append(_event(4, "redeem", uuid4(), 13, _CASE))
    assert fold_events(events, Hold(_CASE, since=_at(2), begun=_at(3))) == Fold(16, 20, _at(3))
    assert fold_events(events, Hold(_CASE)) == Fold(23, 13, _at(3))
    assert fold_events(events, None) == Fold(36, 0, _at(4))
