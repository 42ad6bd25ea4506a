"""Seasons that a person ends."""

from __future__ import annotations

import pytest

from app.containers.container import Container
from app.domain.boards import MAIN
from app.errors import Conflict, NotFound
from app.stores.boards.seasons import SeasonStore
from tests.integration.boards.test_scorings import add_board, redeem
from tests.integration.boards.test_seasons import add_player, facts, wait_for_end


def test_an_endless_season_that_a_person_ends_is_followed_by_another(container: Container) -> None:
    redeem(container, add_player(container, "p"), 1)
    at = container.seasons.end(MAIN, by="cli:tests", request_id="r")
    assert (facts(container, MAIN, 1).ends_at, facts(container, MAIN, 2).starts_at) == (at, at)
    assert facts(container, MAIN, 2).ends_at is None
    with pytest.raises(Conflict, match="Season 1 of 'main' ends already"):
        container.seasons.end(MAIN, by="cli:tests", request_id="r")
    wait_for_end(container)
    with pytest.raises(Conflict, match="Season 1 of 'main' has ended already"):
        container.seasons.end(MAIN, 1, by="cli:tests", request_id="r")
    with pytest.raises(NotFound, match="no season 7"):
        container.seasons.end(MAIN, 7, by="cli:tests", request_id="r")
    with pytest.raises(NotFound, match="no board 'x'"):
        container.seasons.end("x", by="cli:tests", request_id="r")
    (row,) = container.database.rows("SELECT act, subject FROM audit_log WHERE act = 'board.season_ended'")
    assert row.subject == "board:main"


def test_the_next_season_of_a_schedule_begins_early_and_ends_at_the_next_time(container: Container) -> None:
    board = add_board(container, "hourly", ends="date_trunc('hour', now()) + interval '2 hours'")
    container.database.rows("UPDATE boards SET schedule = '0 * * * *' WHERE id = :id RETURNING id", id=board)
    container.seasons.turn()
    boundary, end = facts(container, "hourly", 2).starts_at, facts(container, "hourly", 2).ends_at
    at = container.seasons.end("hourly", 1, by="cli:tests", request_id="r")
    assert (facts(container, "hourly", 2).starts_at, facts(container, "hourly", 2).ends_at) == (at, boundary)
    with pytest.raises(Conflict, match="begins only at"):
        container.seasons.end("hourly", 2, by="cli:tests", request_id="r")
    wait_for_end(container, "hourly")
    assert container.seasons.turn().planned == ["hourly"]
    assert (facts(container, "hourly", 3).starts_at, facts(container, "hourly", 3).ends_at) == (boundary, end)


def test_a_contest_that_a_person_ends_is_over(container: Container) -> None:
    board = add_board(container, "cup", ends="now() + interval '1 day'")
    container.database.rows(
        "UPDATE boards SET ends_at = now() + interval '1 day' WHERE id = :id RETURNING id", id=board
    )
    at = container.seasons.end("cup", by="cli:tests", request_id="r")
    assert [season.ends_at for season in SeasonStore(container.database).facts("cup")] == [at]
    assert container.database.rows("SELECT ends_at FROM boards WHERE id = :id", id=board)[0].ends_at == at
    wait_for_end(container, "cup")
    with pytest.raises(Conflict, match="no open season"):
        container.seasons.end("cup", by="cli:tests", request_id="r")
