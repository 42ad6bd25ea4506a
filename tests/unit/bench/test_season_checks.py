"""The checks of the drills find each way in which boards and seasons can be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from bench.faults.finals import EndedSeason, check_screens
from bench.faults.ledger import Ledger
from bench.faults.load import Screen

END = datetime(2026, 6, 1, tzinfo=UTC)
ANNA, BEN = UUID(int=1), UUID(int=2)
FEEDS = [(1, "sum"), (1, "low")]
SEASONS = [
    (1, "sum", 1, "sum", "desc", None, END, True),
    (2, "sum", 2, "sum", "desc", END, None, True),
    (3, "low", 1, "best", "asc", None, None, True),
]


def at(seconds: float) -> datetime:
    """Return a time, in seconds after the boundary."""
    return END + timedelta(seconds=seconds)


def event(number: int, player: UUID, points: int, seconds: float) -> tuple[Any, ...]:
    return number, "redeem", UUID(int=100 + number), points, at(seconds), player, 1


EVENTS = [event(1, ANNA, 5, -1), event(2, ANNA, 3, 0), event(3, BEN, 4, 1), event(4, BEN, 1, 2)]
STANDINGS = [
    (1, ANNA, 5, at(-1)),
    (2, ANNA, 3, at(0)),
    (2, BEN, 5, at(2)),
    (3, ANNA, -3, at(0)),
    (3, BEN, -1, at(2)),
]


def ledger(standings: list[tuple[Any, ...]] = STANDINGS, seasons: list[tuple[Any, ...]] = SEASONS) -> Ledger:
    """Read a ledger from these rows."""
    tables = {"standings WHERE": standings, "seasons n": seasons, "action_types t": FEEDS, "score_events": EVENTS}

    def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
        return next(rows for table, rows in tables.items() if table in query)

    return Ledger(rows)


def test_standings_that_are_the_fold_of_their_events_are_right() -> None:
    assert list(ledger().wrong_standings()) == []
    assert ledger().top("sum") == [[str(BEN), 5], [str(ANNA), 3]]
    assert ledger().top("low") == [[str(BEN), 1], [str(ANNA), 3]]


@pytest.mark.parametrize(
    "standing", [(2, BEN, 4, at(2)), (2, BEN, 5, at(1)), (1, BEN, 5, at(2))], ids=["score", "time", "season"]
)
def test_a_standing_with_another_score_time_or_season_is_wrong(standing: tuple[Any, ...]) -> None:
    assert list(ledger([*STANDINGS[:2], standing, *STANDINGS[3:]]).wrong_standings())


def test_an_event_in_no_season_or_in_two_is_seen() -> None:
    late = (2, "sum", 2, "sum", "desc", at(1.5), None, True)
    early = (2, "sum", 2, "sum", "desc", at(-2), None, True)
    actions = [str(row[2]) for row in EVENTS]
    seasons = [ledger(seasons=[SEASONS[0], second, SEASONS[2]]).seasons_by_action for second in (late, early)]
    assert [seasons[0][action]["sum"] for action in actions] == [[1], [], [], [2]]
    assert [seasons[1][action]["sum"] for action in actions] == [[1, 2], [2], [2], [2]]


def screen(*boards: float) -> Screen:
    """Return a screen with lists whose oldest rows are of these seconds after the boundary, one list a second."""
    return Screen("sum", [(at(number).timestamp(), at(oldest).isoformat()) for number, oldest in enumerate(boards)])


def test_screens_must_show_the_old_season_first_and_then_never_again() -> None:
    season = EndedSeason("sum", 1, END, 1.0, [])
    elsewhere = Screen("low", [])
    assert check_screens(season, [screen(-3, -2, 0, 1), screen(-3, 0.5), elsewhere]) == (2.0, [])
    assert check_screens(season, [screen(-3, 0, -2, 1)])[1] == ["a screen had the board of sum/1 after the next one's"]
    assert check_screens(season, [screen(-3, -2)])[1] == ["a screen has not seen the end of sum/1"]
    assert check_screens(season, [screen(1, 2)])[1] == ["a screen has not seen the end of sum/1"]
