"""Reading the board: the top, a player's neighbours, one player."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.parts.client import API, Api, Player
from tests.parts.raw import raw_answer
from tests.parts.waiting import eventually

ROW = {"rank", "user_id", "username", "score", "achieved_at"}


def test_the_top_shows_rows_in_order(api: Api, anna: Player) -> None:
    anna.score_once()
    rows = eventually(lambda: api.get("/leaderboard/top").data)
    assert len(rows) <= 10
    assert all(set(row) == ROW for row in rows)
    assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_a_redemption_is_in_the_top_within_a_second_or_so(
    api: Api, anna: Player, extra_type: Callable[..., str]
) -> None:
    anna.score_once(extra_type(points=900_000_000))

    def listed() -> bool:
        return anna.user_id in [row["user_id"] for row in api.get("/leaderboard/top").data]

    assert eventually(listed, within=5)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_top_is_as_long_as_asked_at_most(api: Api, player: Callable[..., Player], limit: int) -> None:
    for _ in range(2):
        player().score_once()
    rows = eventually(lambda: api.get(f"/leaderboard/top?limit={limit}").data)
    assert 1 <= len(rows) <= limit


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", "", "1e1", "999999999999999999999", " 5", "0x5"])
def test_a_limit_out_of_range_is_a_422_and_not_clamped(api: Api, limit: str) -> None:
    answer = api.get(f"/leaderboard/top?limit={limit}")
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"limit"}


def test_an_unknown_query_field_is_a_422(api: Api, anna: Player) -> None:
    assert api.get("/leaderboard/top?colour=red").fields == {"colour"}
    assert anna.get("/leaderboard/me?limit=3").fields == {"limit"}


@pytest.mark.parametrize("board", ["nowhere", "MAIN", "", "main%00", "x" * 300, "%F0%9F%8F%86"])
def test_an_unknown_board_is_a_404(api: Api, anna: Player, board: str) -> None:
    assert api.get(f"/leaderboard/top?board={board}").status in (404, 422)
    if board == "nowhere":
        assert api.get(f"/leaderboard/top?board={board}").status == 404


def test_the_default_board_is_main(api: Api) -> None:
    assert api.get("/leaderboard/top?board=main").data == api.get("/leaderboard/top").data


def test_the_top_says_whether_it_came_from_the_cache(api: Api) -> None:
    assert api.get("/leaderboard/top").headers["X-Cache"] in ("HIT", "MISS")
    eventually(lambda: api.get("/leaderboard/top").headers["X-Cache"] == "HIT")


def test_an_etag_is_answered_with_304_until_the_board_changes(
    api: Api, anna: Player, extra_type: Callable[..., str]
) -> None:
    first = api.get("/leaderboard/top")
    etag = first.headers["ETag"]
    unchanged = api.get("/leaderboard/top", headers={"If-None-Match": etag})
    assert (unchanged.status, unchanged.text) == (304, "")
    assert unchanged.headers["ETag"] == etag
    assert api.get("/leaderboard/top", headers={"If-None-Match": '"something-else"'}).status == 200
    assert api.get("/leaderboard/top", headers={"If-None-Match": f'"x", {etag}'}).status == 304
    address = urlsplit(api.url)
    for path in ("/leaderboard/top", "/leaderboard/top?limit=10&board=main"):  # the kept answer, and perhaps the view
        lines = f'If-None-Match: "x"\r\nif-none-match: {etag}\r\nConnection: close'
        request = f"GET {API}{path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n"
        assert raw_answer((str(address.hostname), int(address.port or 0)), request.encode()).status == 304
    anna.score_once(extra_type(points=900_000_000))
    changed = eventually(
        lambda: (answer := api.get("/leaderboard/top", headers={"If-None-Match": etag})).status == 200 and answer
    )
    assert changed.headers["ETag"] != etag


def test_a_shorter_top_has_another_etag(api: Api, player: Callable[..., Player]) -> None:
    for _ in range(2):
        player().score_once()
    eventually(lambda: len(api.get("/leaderboard/top?limit=2").data) == 2)
    etag_of_one, etag_of_two = (api.get(f"/leaderboard/top?limit={limit}").headers["ETag"] for limit in (1, 2))
    assert etag_of_one != etag_of_two


def test_equal_scores_share_a_rank_and_the_first_to_get_there_is_listed_first(
    api: Api, player: Callable[..., Player], extra_type: Callable[..., str]
) -> None:
    """Expect the ranks 1, 2, 2 and 4."""
    high, middle, low = (extra_type(points=points) for points in (800_000_002, 800_000_001, 800_000_000))
    fourth, third, second, first = (player() for _ in range(4))
    fourth.score_once(low)
    second.score_once(middle)
    third.score_once(middle)
    first.score_once(high)
    expected_ids = [entrant.user_id for entrant in (first, second, third, fourth)]

    def listed() -> list[dict[str, object]]:
        rows = [row for row in api.get("/leaderboard/top?limit=100").data if row["user_id"] in expected_ids]
        assert [row["user_id"] for row in rows] == expected_ids
        return rows

    rows = eventually(listed)
    base = first.me()["rank"]
    assert [row["rank"] for row in rows] == [base, base + 1, base + 1, base + 3]
    for entrant, row in zip((first, second, third, fourth), rows, strict=True):
        assert entrant.me()["rank"] == row["rank"]
        assert api.get(f"/leaderboard/users/{entrant.user_id}").data["rank"] == row["rank"]


def test_a_new_players_standing_is_0_and_no_rank(api: Api, anna: Player) -> None:
    for standing in (
        api.get(f"/leaderboard/users/{anna.user_id}").data,
        anna.get("/leaderboard/me").data["standing"],
    ):
        assert (standing["user_id"], standing["username"]) == (anna.user_id, anna.username)
        assert (standing["score"], standing["rank"]) == (0, None)


def test_one_players_standing_is_for_anyone_to_see(api: Api, anna: Player) -> None:
    scored = anna.score_once()
    standing = api.get(f"/leaderboard/users/{anna.user_id}").data
    assert set(standing) >= ROW
    assert (standing["score"], standing["rank"]) == (1, scored["rank"]["current"])


def test_nobody_has_no_standing(api: Api) -> None:
    assert api.get(f"/leaderboard/users/{uuid4()}").status == 404


def test_neighbours_are_those_just_above_and_just_below(
    player: Callable[..., Player], extra_type: Callable[..., str]
) -> None:
    types = [extra_type(points=700_000_000 + step) for step in range(5)]
    entrants = [player() for _ in types]
    for entrant, slug in zip(entrants, types, strict=True):
        entrant.score_once(slug)
    middle = entrants[2].get("/leaderboard/me?around=1").data
    assert middle["standing"]["user_id"] == entrants[2].user_id
    assert [standing["user_id"] for standing in middle["above"]] == [entrants[3].user_id]
    assert [standing["user_id"] for standing in middle["below"]] == [entrants[1].user_id]
    wider = entrants[2].get("/leaderboard/me?around=2").data
    assert [standing["user_id"] for standing in wider["above"]] == [entrants[4].user_id, entrants[3].user_id]
    assert [standing["user_id"] for standing in wider["below"]] == [entrants[1].user_id, entrants[0].user_id]
    assert [standing["rank"] for standing in wider["above"] + [wider["standing"]] + wider["below"]] == [
        wider["standing"]["rank"] + step for step in range(-2, 3)
    ]


def test_around_may_be_0_to_50(anna: Player) -> None:
    anna.score_once()
    alone = anna.get("/leaderboard/me?around=0").data
    assert (alone["above"], alone["below"]) == ([], [])
    assert len(anna.get("/leaderboard/me?around=50").data["above"]) <= 50
    assert len(anna.get("/leaderboard/me").data["above"]) <= 5
    for around in ("-1", "51", "x", "2.5"):
        answer = anna.get(f"/leaderboard/me?around={around}")
        assert answer.refusal == (422, "invalid_request")
        assert answer.fields == {"around"}


def test_a_player_with_no_rank_has_no_neighbours(anna: Player) -> None:
    mine = anna.get("/leaderboard/me").data
    assert mine["standing"]["rank"] is None
    assert (mine["above"], mine["below"]) == ([], [])
