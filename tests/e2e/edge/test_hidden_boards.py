"""A board that is not public behind nginx: an admin reads it past the cache, and nobody gets it from the cache."""

from __future__ import annotations

import pytest

from tests.parts.client import Api, Player
from tests.parts.edge import Edge

TOP = "/leaderboard/top?board=staff"


@pytest.fixture(scope="module")
def hidden_board(edge: Edge) -> None:
    command = ("boards", "create", "staff", "--private", "--action-type", "tap", "--rebuild")
    assert edge.product.flask(*command).returncode == 0


@pytest.fixture
def admin(edge: Edge, api: Api) -> Player:
    player = api.register()
    assert edge.product.flask("users", "set-role", player.username, "admin").returncode == 0
    return player


@pytest.mark.usefixtures("hidden_board")
def test_an_admin_reads_it_and_leaves_nothing_behind(api: Api, admin: Player) -> None:
    admin.score_once()
    for question in (TOP, f"{TOP}&limit=20", TOP):
        answer = admin.get(question)
        assert (answer.status, answer.headers["X-Cache"]) == (200, "MISS")
        assert admin.user_id in answer.text
        assert api.get(question).status == 404


@pytest.mark.usefixtures("hidden_board")
@pytest.mark.parametrize("authorization", ["Bearer nonsense", "nonsense", "0", "Basic eDp5"])
def test_whoever_is_no_admin_gets_what_everybody_gets(api: Api, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert api.get(TOP, headers=headers).status == 404
    player = api.register()
    assert player.get(TOP).status == 404
    for question in ("/leaderboard/top?board=main&limit=33", "/leaderboard/top?limit=33&board=mai%6e"):
        assert api.get(question, headers=headers).status == 200
        assert api.get(question).text.count("user_id") == len(api.get(question).data)
