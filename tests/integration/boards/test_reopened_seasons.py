"""The database's clock is set back to before a season's end: it is open again, and is closed at its next end."""

from __future__ import annotations

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN, Season
from tests.integration.boards.test_scorings import add_board, feed, redeem
from tests.integration.boards.test_seasons import add_player, deliver, end_main, facts, wait_for_end
from tests.integration.moderation.cases.parts import Field


def _set_back(container: Container, seconds: float) -> None:
    """Let the boundary between the first two seasons of `main` be so many seconds from now."""
    container.database.rows(
        """
        WITH boundary AS (SELECT clock_timestamp() + make_interval(secs => :seconds) AS at)
        UPDATE seasons SET starts_at = CASE number WHEN 2 THEN at ELSE starts_at END,
            ends_at = CASE number WHEN 1 THEN at END FROM boundary RETURNING id
        """,
        seconds=seconds,
    )


def _present(container: Container) -> Season:
    season = container.catalog.open_season(MAIN)
    assert season is not None
    return season


def test_a_season_that_is_open_again_is_closed_and_counted_again(container: Container) -> None:
    first, second = (add_player(container, name) for name in ("first", "second"))
    redeem(container, first, 5)
    end_main(container, 0.0)
    wait_for_end(container)
    (closed,) = container.seasons.turn().closed
    deliver(container)
    assert facts(container, MAIN, 1).players == 1

    _set_back(container, 3600)
    assert container.seasons.turn().closed == []
    (change,) = redeem(container, second, 7)
    assert change.season.number == 1
    container.board_sync.repair()
    assert container.board_sync.verify(_present(container)) == []

    _set_back(container, 0.0)
    wait_for_end(container)
    assert container.seasons.turn().closed == [closed]
    assert facts(container, MAIN, 1).players == 2
    deliver(container)
    container.board_sync.repair()
    assert _present(container).number == 2
    assert container.board_sync.verify(_present(container)) == []
    assert list(container.corrections.find_unsound()) == []


def _begin_later(container: Container) -> None:
    """Let the clock be an hour before all boards were made."""
    container.database.rows("UPDATE seasons SET starts_at = now() + interval '1h' RETURNING id")


def test_a_board_that_was_made_in_the_future_is_open(container: Container) -> None:
    field = Field(container)
    player = field.player("anna")
    _begin_later(container)
    assert [change.season.board for change in field.play(player).changes] == [MAIN]
    _begin_later(container)
    assert container.seasons.turn().planned == [MAIN]
    assert facts(container, MAIN, 1).state == "open"


@pytest.mark.parametrize("schedule", [None, "0 0 * * *"])
def test_no_board_keeps_the_others_from_the_event(container: Container, schedule: str | None) -> None:
    field = Field(container)
    player = field.player("anna")
    later = add_board(container, "later", ends="now() + interval '2h'" if schedule else "NULL")
    values = {"schedule": schedule, "zone": schedule and "UTC", "id": later}
    container.database.rows(
        "UPDATE boards SET schedule = :schedule, timezone = coalesce(:zone, timezone) WHERE id = :id RETURNING id",
        **values,
    )
    feed(container, [later, add_board(container, "weekly")])
    container.database.rows("UPDATE seasons SET starts_at = now() + interval '1h' WHERE board_id <> 1 RETURNING id")
    assert [change.season.board for change in field.play(player).changes] == [MAIN, "later", "weekly"]
    assert list(container.corrections.find_unsound()) == []


def test_a_contest_that_has_not_begun_stays_closed(container: Container) -> None:
    contest = add_board(container, "contest")
    container.database.rows(
        "UPDATE boards SET starts_at = now() + interval '1h' WHERE id = :id RETURNING id", id=contest
    )
    container.database.rows(
        "UPDATE seasons SET starts_at = now() + interval '1h' WHERE board_id = :id RETURNING id", id=contest
    )
    feed(container, [contest])
    field = Field(container)
    assert [change.season.board for change in field.play(field.player("anna")).changes] == [MAIN]
    assert container.seasons.turn().planned == []
