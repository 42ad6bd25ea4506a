"""An archived board: off every list, and readable by its name for ever."""

from __future__ import annotations

from app.services.boards.plan_writer import Operator
from tests.integration.boards.test_seasons import deliver
from tests.integration.http.games import Game, game

__all__ = ["game"]  # a fixture


def _archive(game: Game) -> None:
    game.container.board_plans.archive("fastest", by=Operator("tests", "r"))
    game.container.database.rows("UPDATE seasons SET ends_at = now() WHERE ends_at IS NOT NULL RETURNING id")
    game.container.seasons.turn()
    deliver(game.container)
    game.restart()


def test_it_is_on_no_list(game: Game) -> None:
    _archive(game)
    assert [board["slug"] for board in game.data("/boards")] == ["main"]
    assert [row["board"] for row in game.data(f"/players/{game.players[0]}")["standings"]] == ["main"]
    assert [season.board for season in game.container.catalog.mirrored_seasons()] == ["main"]
    assert not [check for check in game.container.doctor.examine() if "fastest" in check.part]


def test_every_read_that_names_it_answers(game: Game) -> None:
    paths = [
        f"/leaderboard/{path}board=fastest"
        for path in ("top?", "top?season=1&limit=2&", "top?segment=country:JP&", "around?rank=2&", "around?score=5&")
    ]
    paths += [
        f"/leaderboard/users/{game.players[0]}?board=fastest",
        f"/players/{game.players[0]}/history?board=fastest",
    ]
    before = {path: game.data(path) for path in paths}
    rules = game.data("/boards/fastest")
    _archive(game)
    for path in paths:
        assert game.data(path) == before[path], path
    (season,) = game.data("/boards/fastest/seasons")
    assert (season["number"], season["state"], season["players"]) == (1, "closed", 5)
    archived = game.data("/boards/fastest")
    assert archived["season"].pop("ends_at") == season["ends_at"]
    assert rules["season"].pop("ends_at") is None
    assert archived == rules
