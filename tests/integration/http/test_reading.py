"""Boards, players and histories over HTTP: shapes, cursors, links, refusals, hidden boards, seasons that have ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.boards import MAX_SCORE
from app.services.accounts.player_changes import PlayerChange
from tests.integration.boards.test_scorings import redeem
from tests.integration.http.games import API, Game, game

__all__ = ["game"]  # a fixture


_PLAYER_RULE = "must be the id of a player, or ext: and your own id of the player"


def _pages(game: Game, path: str) -> Iterator[dict[str, Any]]:
    """Yield the bodies of a page and of all pages that its links lead to."""
    link: str | None = path
    while link:
        status, body = game.get(link)
        assert status == 200, body
        yield body
        link = body.get("links", {}).get("next")


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("limit=2", [[0, 1], [2, 3], [4]]),
        ("limit=5", [[0, 1, 2, 3, 4]]),
        ("limit=2&board=fastest", [[4, 3], [2, 0], [1]]),
        ("limit=2&segment=country:BR", [[0, 2], [4]]),
        ("limit=1&board=fastest&segment=country:JP", [[3], [1]]),
        ("limit=4&segment=country:XX", [[]]),
    ],
)
def test_links_lead_through_the_whole_board(game: Game, query: str, pages: list[list[int]]) -> None:
    bodies = list(_pages(game, f"/leaderboard/top?{query}"))
    assert [game.names(body["data"]) for body in bodies] == pages
    assert {body["meta"]["total"] for body in bodies} == {sum(map(len, pages))}


def test_ranks_go_on_from_page_to_page(game: Game) -> None:
    rows = [row for body in _pages(game, "/leaderboard/top?limit=1") for row in body["data"]]
    assert [(row["rank"], row["score"]) for row in rows] == [(1, 50), (1, 50), (3, 40), (4, 30), (5, 20)]
    rows = [row for body in _pages(game, "/leaderboard/top?limit=3&board=fastest") for row in body["data"]]
    assert [(row["rank"], row["score"]) for row in rows] == [(1, 20), (2, 30), (3, 40), (4, 50), (4, 50)]
    assert [row["metadata"] for row in rows] == [{"number": number} for number in (4, 3, 2, 0, 1)]


def _cursor(game: Game, query: str) -> str:
    _, body = game.get(f"/leaderboard/top?limit=1&{query}")
    return str(body["links"]["next"].partition("after=")[2])


def test_a_cursor_is_valid_for_its_board_season_and_segment_alone(game: Game) -> None:
    cursor = _cursor(game, "board=main")
    assert game.get(f"/leaderboard/top?after={cursor}&season=1&limit=7")[0] == 200
    segment_cursor = _cursor(game, "segment=country:BR")
    foreign = [
        f"board=fastest&after={cursor}",
        f"segment=country:BR&after={cursor}",
        f"segment=country:JP&after={segment_cursor}",
        f"after={segment_cursor}",
        f"after={_cursor(game, 'board=fastest')}",
    ]
    for query in foreign:
        assert game.fields(f"/leaderboard/top?{query}") == {"after"}


def test_a_cursor_of_the_season_before_is_refused_unless_the_season_is_named(game: Game) -> None:
    cursor = _cursor(game, "board=main")
    link = game.get("/leaderboard/top?limit=1")[1]["links"]["next"]
    game.container.database.rows(
        """
        WITH ended AS (UPDATE seasons SET ends_at = now() WHERE id = 1 RETURNING board_id, ends_at)
        INSERT INTO seasons (board_id, number, starts_at) SELECT board_id, 2, ends_at FROM ended RETURNING id
        """
    )
    game.restart()
    assert game.fields(f"/leaderboard/top?after={cursor}") == {"after"}
    assert game.names(game.data(f"/leaderboard/top?after={cursor}&season=1")) == [1, 2, 3, 4]
    assert game.names(game.data(link)) == [1], "a link leads on in its season"


@pytest.mark.parametrize("change", ["", "A", "%00", "é", "x" * 300, "last", "first", "cut"])
def test_a_changed_cursor_is_refused(game: Game, change: str) -> None:
    cursor = _cursor(game, "board=main")
    swap = {"A": "B"}
    changed = {
        "last": cursor[:-1] + swap.get(cursor[-1], "A"),
        "first": swap.get(cursor[0], "A") + cursor[1:],
        "cut": cursor[:-4],
    }.get(change, change)
    if change == "last" and len(cursor) % 4:
        changed = cursor[:-2] + swap.get(cursor[-2], "A") + cursor[-1]
    assert game.fields(f"/leaderboard/top?after={changed}") == {"after"}


def test_pages_have_tags_and_are_not_kept(game: Game) -> None:
    link = next(_pages(game, "/leaderboard/top?limit=2"))["links"]["next"]
    first = game.client.get(link)
    assert first.headers["X-Cache"] == "MISS"
    assert "X-Accel-Expires" not in first.headers
    again = game.client.get(link, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_first_page_comes_from_the_cache_with_its_total_and_link(game: Game) -> None:
    bodies = [game.get("/leaderboard/top?limit=2")[1] for _ in range(3)]
    assert [(body["meta"]["total"], body["data"], body["links"]) for body in bodies[1:]] == [
        (5, bodies[0]["data"], bodies[0]["links"])
    ] * 2


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("segment=planet:Mars", {"segment"}),
        ("segment=country", {"segment"}),
        ("segment=:JP", {"segment"}),
        ("segment=", {"segment"}),
        ("season=0", {"season"}),
        ("season=first", {"season"}),
        ("limit=0", {"limit"}),
    ],
)
def test_a_bad_segment_or_season_is_named(game: Game, query: str, fields: set[str]) -> None:
    assert game.fields(f"/leaderboard/top?{query}") == fields
    if "limit" not in query:
        assert game.fields(f"/leaderboard/around?rank=1&{query}") == fields


def test_a_season_that_does_not_exist_is_a_404(game: Game) -> None:
    user = game.players[0]
    for path in ("top?", "around?rank=1&", f"users/{user}?"):
        assert game.get(f"/leaderboard/{path}season=2")[0] == 404
    assert game.get(f"/players/{user}/history?season=2")[0] == 404


@pytest.mark.parametrize(
    ("query", "rank", "above", "below"),
    [
        ("rank=3&limit=1", 3, [1], [2]),
        ("rank=2&limit=2", 1, [0], [1, 2]),
        ("rank=5&limit=0", 5, [], []),
        ("score=45&limit=2", 3, [0, 1], [2, 3]),
        ("score=50", 1, [], [0, 1, 2, 3, 4]),
        (f"score={-MAX_SCORE}&limit=1", 6, [4], []),
        ("score=25&board=fastest&limit=1", 2, [4], [3]),
        ("rank=2&segment=country:JP", 2, [1], [3]),
    ],
)
def test_around_a_rank_or_a_score(game: Game, query: str, rank: int, above: list[int], below: list[int]) -> None:
    data = game.data(f"/leaderboard/around?{query}")
    assert (data["rank"], game.names(data["above"]), game.names(data["below"])) == (rank, above, below)


def test_around_a_player(game: Game) -> None:
    data = game.data(f"/leaderboard/around?user_id={game.players[2]}&limit=1")
    assert (data["rank"], game.names(data["above"]), game.names(data["below"])) == (3, [1], [3])
    data = game.data(f"/leaderboard/around?user_id={game.players[2]}&segment=country:JP")
    assert data == {"rank": None, "above": [], "below": []}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"rank", "score", "user_id"}),
        ("rank=1&score=2", {"rank", "score"}),
        ("rank=0", {"rank"}),
        ("rank=1.5", {"rank"}),
        ("user_id=someone", {"user_id"}),
        (f"score={MAX_SCORE + 1}", {"score"}),
        ("rank=1&limit=51", {"limit"}),
        ("rank=1&colour=red", {"colour"}),
    ],
)
def test_around_takes_exactly_one_selector(game: Game, query: str, fields: set[str]) -> None:
    assert game.fields(f"/leaderboard/around?{query}") == fields


@pytest.mark.parametrize(
    "query",
    ["rank=6", f"rank={MAX_SCORE}", "user_id=0b9a4c1e-3b0f-4a5e-9d55-0d2a6e5b1c11", "rank=4&segment=country:JP"],
)
def test_around_nothing_is_a_404(game: Game, query: str) -> None:
    assert game.get(f"/leaderboard/around?{query}")[0] == 404


def test_a_board_of_friends(game: Game) -> None:
    friends = [str(game.players[number]) for number in (3, 1, 0, 4)]
    answer = game.client.post(f"{API}/leaderboard/lookup", json={"user_ids": [*friends, str(uuid4()), friends[0]]})
    rows = answer.get_json()["data"]
    assert [(row["place"], row["rank"]) for row in rows] == [(1, 1), (1, 1), (3, 4), (4, 5)]
    assert game.names(rows) == [0, 1, 3, 4]
    body = {"board": "fastest", "segment": "country:JP", "user_ids": friends}
    rows = game.client.post(f"{API}/leaderboard/lookup", json=body).get_json()["data"]
    assert [(row["place"], row["rank"], row["metadata"]) for row in rows] == [
        (1, 1, {"number": 3}),
        (2, 2, {"number": 1}),
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, ("user_ids", "is required")),
        ({"user_ids": "x"}, ("user_ids", "must be a list")),
        ({"user_ids": ["x"]}, ("user_ids.0", _PLAYER_RULE)),
        ({"user_ids": [7]}, ("user_ids.0", _PLAYER_RULE)),
        ({"user_ids": [str(uuid4())] * 101}, ("user_ids", "must have at most 100 items")),
        ({"user_ids": [], "season": "1"}, ("season", "must be an integer")),
        ({"user_ids": [], "board": "nowhere"}, None),
    ],
)
def test_a_bad_lookup_is_named(game: Game, body: dict[str, object], problem: tuple[str, str] | None) -> None:
    answer = game.client.post(f"{API}/leaderboard/lookup", json=body)
    details = answer.get_json()["error"].get("details", [])
    assert answer.status_code == (422 if problem else 404)
    assert [(detail["field"], detail["message"]) for detail in details] == ([problem] if problem else [])


def test_a_player_has_a_page(game: Game) -> None:
    user = game.players[1]
    data = game.data(f"/players/{user}")
    assert {name: data[name] for name in ("user_id", "username", "attributes")} == {
        "user_id": str(user),
        "username": "p-1",
        "attributes": {"country": "JP"},
    }
    assert data["joined_at"].endswith("Z")
    standings = {row["board"]: row for row in data["standings"]}
    assert (standings["main"]["rank"], standings["main"]["percentile"], standings["main"]["score"]) == (1, 100.0, 50)
    fastest = standings["fastest"]
    assert (fastest["rank"], fastest["percentile"], fastest["metadata"]) == (4, 40.0, {"number": 1})
    newcomer = uuid4()
    game.container.players.add(newcomer, "newcomer", "newcomer", "no password fits this", "player")
    rows = game.data(f"/players/{newcomer}")["standings"]
    assert [(row["rank"], row["score"], row["percentile"]) for row in rows] == [(None, 0, None), (None, None, None)]
    assert game.get(f"/players/{uuid4()}")[0] == 404
    assert game.get("/players/nobody")[0] == 404
    assert game.fields(f"/players/{user}?colour=red") == {"colour"}


def test_a_history_goes_page_by_page(game: Game) -> None:
    user = game.players[4]
    for result in (70, 10, 30):
        redeem(game.container, user, result)
    bodies = list(_pages(game, f"/players/{user}/history?limit=3"))
    rows = [row for body in bodies for row in body["data"]]
    assert [len(body["data"]) for body in bodies] == [3, 1]
    assert [(row["score"], row["result"]) for row in rows] == [(130, 30), (100, 10), (90, 70), (20, 20)]
    assert rows[-1]["metadata"] == {"number": 4}
    assert {row["action_type"] for row in rows} == {game.data("/action-types")[0]["slug"]}
    rows = game.data(f"/players/{user}/history?board=fastest")
    assert [(row["score"], row["result"]) for row in rows] == [(10, 30), (10, 10), (20, 70), (20, 20)]
    cursor = bodies[0]["links"]["next"].partition("after=")[2]
    for path in (f"/players/{user}/history?board=fastest", f"/players/{game.players[0]}/history?limit=1"):
        assert game.fields(f"{path}&after={cursor}") == {"after"}
    assert game.get(f"/players/{uuid4()}/history")[0] == 404


def test_a_hidden_board_exists_for_admins_alone(game: Game) -> None:
    game.container.database.rows("UPDATE boards SET public = false WHERE slug = 'fastest' RETURNING id")
    game.restart()
    user, admin, player = game.players[0], game.token("admin"), game.token()
    paths = [f"/leaderboard/{path}board=fastest" for path in ("top?", "around?rank=1&", f"users/{user}?", "online?")]
    for path in (*paths, f"/players/{user}/history?board=fastest", "/leaderboard/top?board=fastest&limit=3"):
        assert game.get(path, admin)[0] == 200, path
        for token in (None, player, "nonsense"):
            assert game.get(path, token)[0] == 404, path
    assert game.get("/leaderboard/me?board=fastest", player)[0] == 404
    assert [row["board"] for row in game.data(f"/players/{user}")["standings"]] == ["main"]
    assert game.client.post(f"{API}/leaderboard/lookup", json={"board": "fastest", "user_ids": []}).status_code == 404


def test_a_contest_that_has_ended_shows_its_last_season(game: Game) -> None:
    game.container.database.rows(
        """UPDATE seasons SET ends_at = now() FROM boards b WHERE b.id = board_id AND slug = 'fastest'
           RETURNING seasons.id"""
    )
    game.restart()
    bodies = list(_pages(game, "/leaderboard/top?board=fastest&limit=2"))
    assert [game.names(body["data"]) for body in bodies] == [[4, 3], [2, 0], [1]]
    data = game.data("/leaderboard/around?board=fastest&rank=1&limit=1")
    assert (data["rank"], game.names(data["below"])) == (1, [4])
    assert [row["board"] for row in game.data(f"/players/{game.players[0]}")["standings"]] == ["main", "fastest"]


def test_ones_own_place_in_a_segment(game: Game) -> None:
    token = game.token()
    status, body = game.get("/leaderboard/me?segment=country:JP", token)
    assert (status, body["data"]["standing"]["rank"], body["data"]["above"]) == (200, None, [])
    user = UUID(game.get("/me", token)[1]["data"]["user_id"])
    game.players.append(user)
    change = PlayerChange(attributes={"country": "JP"})
    game.container.player_changes.change(user, change, by="cli:tests", request_id="r")
    redeem(game.container, user, 35)
    game.deliver()
    _, body = game.get("/leaderboard/me?segment=country:JP&around=1", token)
    data = body["data"]
    assert (data["standing"]["rank"], game.names(data["above"]), game.names(data["below"])) == (2, [1], [3])
