"""A scheduled board whose workers were away for longer than a season: play goes on in the season of the clock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.stores.boards.seasons import SeasonStore
from tests.integration.http.test_results import Racer, racer

__all__ = ["racer"]  # a fixture

_AWAY = "date_trunc('hour', now()) - interval '3 hours'"


@pytest.fixture
def hourly(racer: Racer) -> Racer:
    """Make `fastest` an hourly board whose last season ended three hours ago."""
    racer.container.database.rows("UPDATE boards SET schedule = '0 * * * *' WHERE slug = 'fastest' RETURNING id")
    racer.container.database.rows(
        f"""
        UPDATE seasons n SET ends_at = {_AWAY} FROM boards b
        WHERE b.id = n.board_id AND b.slug = 'fastest' RETURNING n.id
        """
    )
    return racer


def _states(racer: Racer) -> list[str]:
    return [season.state for season in SeasonStore(racer.container.database).facts("fastest")]


def test_a_redemption_counts_on_every_board_that_it_feeds(hourly: Racer) -> None:
    status, data = hourly.complete(hourly.issue(), result=60)
    assert status == 200
    assert [(row["board"], row["season"]) for row in data["standings"]] == [("main", 1), ("fastest", 5)]
    assert _states(hourly) == ["scheduled", "open", "closed", "closed", "closed", "closed"]
    assert list(hourly.container.corrections.find_unsound()) == []


def test_an_action_that_feeds_this_board_alone_can_be_started_and_completed(hourly: Racer) -> None:
    hourly.container.database.rows(
        """UPDATE action_types SET more_boards = '{}', board_id = (SELECT id FROM boards WHERE slug = 'fastest')
           WHERE slug = 'race' RETURNING id"""
    )
    status, data = hourly.complete(hourly.issue(), result=60)
    assert (status, data["standings"][0]["season"]) == (200, 5)


def test_an_operator_enters_a_score(hourly: Racer) -> None:
    hourly.container.database.rows(
        """UPDATE action_types SET more_boards = ARRAY(SELECT id FROM boards WHERE slug = 'fastest')
           WHERE slug = 'duel' RETURNING id"""
    )
    player = hourly.container.database.rows("SELECT id FROM players")[0].id
    entered = hourly.container.operator_scores.enter(player, "duel", 7, by="cli:tests", request_id="r")
    assert [change.season.number for change in entered.changes] == [1, 5]


def test_many_that_miss_a_season_at_once_write_it_once(hourly: Racer) -> None:
    actions = [hourly.issue() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda action: hourly.complete(action, result=60), actions))
    assert [status for status, _ in answers] == [200] * 8
    assert _states(hourly).count("open") == 1


def test_a_contest_with_a_schedule_is_closed_after_its_end(hourly: Racer) -> None:
    hourly.container.database.rows(f"UPDATE boards SET ends_at = {_AWAY} WHERE slug = 'fastest' RETURNING id")
    status, data = hourly.complete(hourly.issue(), result=60)
    assert (status, [row["board"] for row in data["standings"]]) == (200, ["main"])
