"""Boards and their seasons over HTTP: lists, hidden boards, contests, and pages of a closed season."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.boards.test_scorings import add_board, redeem
from tests.integration.boards.test_seasons import add_season, deliver, end_main, facts, wait_for_end
from tests.integration.http.games import API, Game, game
from tests.integration.http.test_results import Racer, racer

__all__ = ["game", "racer"]  # fixtures


def test_a_board_shows_its_rules_its_season_and_how_many_players_it_ranks(game: Game) -> None:
    main, fastest = game.data("/boards")
    assert fastest == game.data("/boards/fastest")
    season = fastest.pop("season")
    assert fastest == {
        "slug": "fastest",
        "name": "fastest",
        "scoring": "best",
        "order": "asc",
        "unit": "",
        "decimals": 0,
        "schedule": None,
        "timezone": "UTC",
        "starts_at": None,
        "ends_at": None,
        "segments": ["country"],
        "public": True,
        "players": 5,
    }
    assert (main["slug"], main["scoring"], main["order"], main["players"]) == ("main", "sum", "desc", 5)
    assert (season["number"], season["ends_at"]) == (1, None)
    assert season["starts_at"] == game.data("/boards/fastest/seasons")[0]["starts_at"]
    assert game.get("/boards?limit=1")[0] == 422
    assert game.get("/boards/unknown")[0] == game.get("/boards/unknown/seasons")[0] == 404


def test_a_board_that_is_not_public_is_for_admins(game: Game) -> None:
    game.container.database.rows("UPDATE boards SET public = false WHERE slug = 'fastest' RETURNING id")
    game.restart()
    player, admin = game.token(), game.token("admin")
    for token in (None, player):
        assert [board["slug"] for board in game.get("/boards", token)[1]["data"]] == ["main"]
        assert game.get("/boards/fastest", token)[0] == game.get("/boards/fastest/seasons", token)[0] == 404
    assert [board["slug"] for board in game.get("/boards", admin)[1]["data"]] == ["main", "fastest"]
    assert game.get("/boards/fastest", admin)[0] == game.get("/boards/fastest/seasons", admin)[0] == 200


def test_seasons_are_listed_with_their_state_newest_first(game: Game) -> None:
    end_main(game.container, 0.2)
    wait_for_end(game.container)
    board = add_board(game.container, "cup")
    game.container.database.rows("DELETE FROM seasons WHERE board_id = :board RETURNING id", board=board)
    add_season(game.container, board, 1, "now() + interval '1 hour'", "now() + interval '2 hours'")
    rows = game.data("/boards/main/seasons")
    assert [(row["number"], row["state"], row["players"], row["corrected_at"]) for row in rows] == [
        (2, "open", 0, None),
        (1, "closed", 5, None),
    ]
    assert (rows[0]["starts_at"], rows[0]["ends_at"]) == (rows[1]["ends_at"], None)
    (row,) = game.data("/boards/cup/seasons")
    assert (row["state"], row["players"]) == ("scheduled", 0)
    assert game.data("/boards/cup")["season"]["number"] == 1


def test_a_closed_season_is_read_page_by_page_and_a_void_corrects_it(game: Game) -> None:
    end_main(game.container, 1.2)
    wait_for_end(game.container)
    redeem(game.container, game.players[4], 1000)
    game.container.seasons.turn()
    deliver(game.container)
    path, names, ranks = "/leaderboard/top?season=1&limit=2", [], []
    while path:
        status, body = game.get(path)
        assert (status, body["meta"]["total"]) == (200, 5)
        names += game.names(body["data"])
        ranks += [row["rank"] for row in body["data"]]
        path = body.get("links", {}).get("next")
    assert (names, ranks) == ([0, 1, 2, 3, 4], [1, 1, 3, 4, 5])
    assert game.names(game.data("/leaderboard/top")) == [4]
    standing = game.data(f"/leaderboard/users/{game.players[2]}?season=1")
    assert (standing["score"], standing["rank"]) == (40, 3)
    assert game.get("/leaderboard/top?season=3")[0] == 404
    assert facts(game.container, "main", 1).corrected_at is None


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_closed_board_takes_no_action_and_a_token_of_before_stays_usable(racer: Racer, *, has_ended: bool) -> None:
    racer.container.database.rows("UPDATE action_types SET more_boards = '{}' RETURNING id")
    action = racer.issue("tap")
    window = "now() - interval '2 hours'" if has_ended else "now() + interval '1 hour'"
    for table in ("boards", "seasons"):  # a contest
        racer.container.database.rows(
            f"UPDATE {table} SET starts_at = {window}, ends_at = {window} + interval '1 hour' RETURNING id"
        )
    refused = racer.client.post("/api/v1/actions", json={"action_type": "tap"}, headers=racer.headers)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "board_closed")
    status, error = racer.complete(action)
    assert (status, error["code"]) == (409, "board_closed")
    for table in ("boards", "seasons"):
        racer.container.database.rows(f"UPDATE {table} SET starts_at = now(), ends_at = NULL RETURNING id")
    status, data = racer.complete(action)
    assert (status, data["points"]) == (200, 1)


def test_a_closed_board_is_missing_from_an_answer_and_the_first_open_one_leads(racer: Racer) -> None:
    racer.container.database.rows("UPDATE seasons SET ends_at = now() WHERE id = 1 RETURNING id")
    action: dict[str, Any] = racer.issue("race")
    status, data = racer.complete(action, result=60)
    assert status == 200
    assert [(row["board"], row["score"]["current"]) for row in data["standings"]] == [("fastest", 60)]
    assert data["score"] == {"previous": None, "current": 60}
    assert racer.client.get(f"{API}/leaderboard/top").get_json()["data"] == []
