"""clients/python against the product, blocking and with asyncio: every promise of its README."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from devstack.child import ROOT
from fairboard_client import FairboardError, Retries, calls, types
from tests.parts.client import PASSWORD, Api, fresh_name
from tests.parts.product import Product
from tests.parts.python_clients import Kind, kind_of
from tests.parts.shapes import problems
from tests.parts.unreliable import Unreliable, unreliable
from tests.parts.waiting import eventually

_TYPES = {
    "duel": ("--result-kind", "trusted"),
    "slow-tap": ("--points", "1", "--min-seconds", "0.6"),
    "guess": ("--result-kind", "reported", "--min-result", "0", "--max-result", "9"),
}
README = ROOT / "clients" / "python" / "README.md"


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    with kind_of(request.param) as kind:
        yield kind


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    """Create a key of a game's server and the types that it scores; return the key's secret."""
    for slug, options in _TYPES.items():
        result = product.flask("actions", "add", slug, *options)
        assert result.returncode == 0, result.stderr
    shown = product.flask("keys", "create", "python-client", "--scope", "players", "--scope", "score")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.split()[-1]


@pytest.fixture
def way(product: Product) -> Iterator[Unreliable]:
    with unreliable(product.url) as way:
        yield way


@pytest.fixture
def game(kind: Kind, way: Unreliable, key: str) -> Any:
    return kind.server(way.url, key)


def _new_player(game: Any) -> str:
    name = fresh_name("own")
    game.players.put(name, username=name)
    return f"ext:{name}"


def _score(game: Any, player: str) -> int:
    score: int = game.standing(player)["score"]
    return score


def test_a_server_makes_players_and_submits_scores(game: Any, way: Unreliable) -> None:
    name = fresh_name("own")
    way.lose("/players")
    way.refuse("/tokens", 503)
    player = game.players.put(name, username=name, attributes={"country": "JP"})
    changed = game.players.put(name, attributes={"country": None, "team": "red"})
    assert (changed["user_id"], changed["attributes"]) == (player["user_id"], {"team": "red"})
    done = game.scores.submit(f"ext:{name}", "duel", 1200, {"map": "ice"}, key=f"{name}-1")
    assert done["score"] == {"previous": 0, "current": 1200}
    assert game.scores.submit(f"ext:{name}", "duel", 1200, {"map": "ice"}, key=f"{name}-1") == done
    assert game.scores.submit(f"ext:{name}", "duel", 300)["score"]["current"] == 1500
    assert game.players.tokens(f"ext:{name}")["user"]["user_id"] == player["user_id"]


def test_each_score_of_a_batch_is_answered_and_a_lost_part_is_sent_again(game: Any, way: Unreliable) -> None:
    player = _new_player(game)
    item = {"player": player, "action_type": "duel", "result": 1}
    way.lose("/scores/batch")
    rows = game.scores.batch([{**item, "key": f"{player}-1"}, {**item, "player": "ext:nobody at all"}, item])
    assert [row["code"] for row in rows] == [200, 404, 200]
    assert rows[0]["key"] == f"{player}-1"
    assert rows[1]["error"]["code"] == "not_found"
    assert len(way.of("/scores/batch")) == 2
    assert _score(game, player) == 2


def test_rows_of_a_batch_that_stays_unanswered_say_so_and_may_be_sent_later(
    kind: Kind, way: Unreliable, key: str
) -> None:
    game = kind.server(way.url, key, Retries(total=0))
    player = _new_player(game)
    way.lose("/scores/batch")
    scores = [{"player": player, "action_type": "duel", "result": number} for number in (1, 2)]
    rows = game.scores.batch(scores)
    assert [(row["code"], row["error"]["code"]) for row in rows] == [(0, "network")] * 2
    keyed = [{**score, "key": row["key"]} for score, row in zip(scores, rows, strict=True)]
    assert [row["code"] for row in game.scores.batch(keyed)] == [200, 200]
    assert _score(game, player) == 3


def test_a_batch_that_is_refused_as_a_whole_is_an_error(kind: Kind, product: Product) -> None:
    game = kind.server(product.url, "fbk_that_never_was")
    with pytest.raises(FairboardError) as refused:
        game.scores.batch([{"player": "ext:x", "action_type": "duel", "result": 1}])
    assert refused.value.status == 401


@pytest.mark.parametrize("faults", [(0, 0), (503, 502, 0), (429, 504)], ids=str)
def test_a_score_counts_once_whatever_happens_on_the_way(game: Any, way: Unreliable, faults: tuple[int, ...]) -> None:
    player = _new_player(game)
    for status in faults:
        way.refuse("/scores", status) if status else way.lose("/scores")
    done = game.scores.submit(player, "duel", 7)
    assert done["score"] == {"previous": 0, "current": 7}
    assert len({request.key for request in way.of("/scores")}) == 1
    assert len(way.of("/scores")) == len(faults) + 1
    assert _score(game, player) == 7


def test_an_error_has_the_key_to_send_the_score_with_again(kind: Kind, way: Unreliable, key: str) -> None:
    game = kind.server(way.url, key, Retries(total=0))
    player = _new_player(game)
    way.lose("/scores")
    with pytest.raises(FairboardError) as lost:
        game.scores.submit(player, "duel", 7)
    assert (lost.value.code, lost.value.status, lost.value.was_sent) == ("network", 0, True)
    game.scores.submit(player, "duel", 7, key=lost.value.idempotency_key)
    assert _score(game, player) == 7


def test_the_answers_have_their_types(product: Product, key: str) -> None:
    with kind_of("sync") as kind:
        game, player = kind.server(product.url, key), kind.player(product.url)
        name = fresh_name("own")
        score = {"player": f"ext:{name}", "action_type": "duel", "result": 5}
        own = game.players.put(name, username=name)
        pair = player.guest()
        action = player.start("tap")
        done = player.complete(action)
        user_id = pair["user"]["user_id"]
        eventually(lambda: player.standing(user_id)["rank"])
        answers = [
            (own, types.GamePlayer),
            (game.players.tokens(f"ext:{name}"), types.TokenPair),
            (game.scores.batch([score, {**score, "result": "x"}]), list[types.BatchRow]),
            (game.scores.submit(**score), types.Completed),
            (pair, types.TokenPair),
            (action, types.Action),
            (done, types.Completed),
            (player.me(), types.Profile),
            (list(player.top()), list[types.Row]),
            (player.standing(user_id), types.Row),
            (player.around(player=user_id), types.Surroundings),
            (player.lookup([user_id]), list[types.PlacedRow]),
            (player.player(user_id), types.PublicPlayer),
            (list(player.history(user_id)), list[types.Event]),
            (player.boards(), list[types.Board]),
            (player.board(), types.Board),
            (player.seasons(), list[types.Season]),
            (player.action_types(), list[types.ActionType]),
        ]
    assert [problem for answer, shape in answers for problem in problems(answer, shape, str(shape))] == []


def test_a_refusal_says_what_the_server_said(game: Any, product: Product) -> None:
    with pytest.raises(FairboardError) as refused:
        game.scores.submit(_new_player(game), "nothing", 1)
    error = refused.value
    assert (error.status, error.code, error.details[0]["field"]) == (422, "invalid_request", "action_type")
    assert error.request_id
    assert "action_type" in str(error)
    with pytest.raises(FairboardError) as forbidden:
        game.call("GET", "/admin/keys")
    assert (forbidden.value.status, forbidden.value.details) == (403, {"scope": "admin"})


def test_everyone_reads_boards_and_players(
    kind: Kind, game: Any, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_MOST_ROWS", 2)  # pages so small that there are some
    friends = [_new_player(game) for _ in range(3)]
    for place, friend in enumerate(friends):
        game.scores.submit(friend, "duel", 10 - place)
    ids = [game.standing(friend)["user_id"] for friend in friends]
    stranger = kind.player(product.url)
    rows = eventually(
        lambda: (rows := list(stranger.top(limit=None))) and {*ids} <= {row["user_id"] for row in rows} and rows
    )
    assert len({row["user_id"] for row in rows}) == len(rows) > 2
    assert [row["user_id"] for row in stranger.top(limit=3)] == [row["user_id"] for row in rows[:3]]
    assert [row["place"] for row in stranger.lookup(ids)] == [1, 2, 3]
    assert game.around(player=friends[0], limit=1)["rank"] == game.standing(friends[0])["rank"]
    assert stranger.player(ids[0])["standings"][0]["board"] == "main"
    for _ in range(2):
        game.scores.submit(friends[0], "duel", 1)
    assert [event["result"] for event in game.history(friends[0], limit=None)] == [1, 1, 10]
    assert "main" in [board["slug"] for board in stranger.boards()]
    assert stranger.seasons()[0]["state"] == "open"
    assert stranger.board()["scoring"] == "sum"
    assert "tap" in [action_type["slug"] for action_type in stranger.action_types()]
    assert stranger.request("GET", "/leaderboard/top").meta["total"] >= 3


def test_a_player_plays_and_a_lost_answer_loses_no_points(kind: Kind, way: Unreliable) -> None:
    player = kind.player(way.url)
    name = fresh_name("py")
    assert player.register(name, PASSWORD)["user"]["username"] == name
    action = player.start("tap")
    way.lose("/complete")
    way.refuse("/complete", 503)
    done = player.complete(action)
    assert done["score"] == {"previous": 0, "current": done["points"]}
    assert len(way.of("/complete")) == 3
    assert len({request.key for request in way.of("/complete")}) == 1
    assert player.complete(action) == done
    assert player.me()["score"] == done["points"]
    player.logout()
    assert player.tokens is None
    with pytest.raises(FairboardError):
        player.me()
    player.login(name, PASSWORD)
    assert player.me()["username"] == name


def test_after_a_refused_result_another_one_scores_once(kind: Kind, product: Product, key: str) -> None:
    player = kind.player(product.url)
    player.guest()
    action = player.start("guess")
    with pytest.raises(FairboardError) as refused:
        player.complete(action, 10)
    assert (refused.value.status, refused.value.code) == (422, "invalid_request")
    done = player.complete(action, 9, {"map": "ice"})
    assert player.complete(action, 9, {"map": "ice"}) == done
    with pytest.raises(FairboardError) as used:
        player.complete(action, 8)
    assert used.value.code == "token_already_used"
    assert player.me()["score"] == 9


def test_a_guest_plays_with_tokens_that_are_handed_on(kind: Kind, product: Product) -> None:
    pairs: list[Any] = []
    guest = kind.player(product.url, on_tokens=pairs.append)
    guest.guest()
    same = kind.player(product.url, tokens=pairs[-1])
    assert same.me()["user_id"] == pairs[-1]["user"]["user_id"]
    guest.logout()
    assert pairs[-1] is None


def test_a_call_that_could_happen_twice_is_sent_once(kind: Kind, way: Unreliable) -> None:
    player = kind.player(way.url)
    player.guest()
    way.lose("/actions")
    with pytest.raises(FairboardError):
        player.start("tap")
    assert len(way.of("/actions")) == 1
    way.refuse("/actions", 429)
    assert player.start("tap")["token"], "a limit has turned the first one away"


def test_a_completion_that_comes_too_soon_is_sent_again_in_time(product: Product, key: str) -> None:
    pauses: list[tuple[float, FairboardError]] = []

    def wait(seconds: float, error: FairboardError) -> None:
        pauses.append((seconds, error))
        time.sleep(seconds)

    with kind_of("sync") as kind:
        player = kind.player(product.url, wait=wait)
        player.guest()
        actions = [player.start("slow-tap") for _ in range(2)]
        time.sleep(0.7)  # the least time that the type takes
        scores = [player.complete(action)["score"]["current"] for action in actions]
    assert scores == [1, 2]
    ((seconds, error),) = pauses
    assert error.code == "too_soon"
    assert seconds >= (error.retry_after or 0) >= 1


def test_tokens_are_renewed_once_for_all_calls(kind: Kind, way: Unreliable) -> None:
    player = kind.player(way.url)
    pair = player.guest()
    player.use({**pair, "expires_in": 0})
    with ThreadPoolExecutor(8) as pool:
        profiles = list(pool.map(lambda _: player.me(), range(8)))
    assert {profile["user_id"] for profile in profiles} == {pair["user"]["user_id"]}
    assert len(way.of("/auth/refresh")) == 1
    player.use({**player.tokens, "access_token": "none"})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: player.me(), range(8)))
    assert len(way.of("/auth/refresh")) == 2


def test_a_renewal_whose_answer_is_lost_leaves_the_access_token_in_use(kind: Kind, way: Unreliable) -> None:
    player = kind.player(way.url)
    pair = player.guest()
    player.use({**pair, "expires_in": 60})
    way.lose("/auth/refresh")
    with pytest.raises(FairboardError):
        player.refresh()
    assert player.me()["user_id"] == pair["user"]["user_id"]
    assert len(way.of("/auth/refresh")) == 1


def test_a_login_that_has_ended_is_said(kind: Kind, way: Unreliable, api: Api) -> None:
    pairs: list[Any] = []
    player = kind.player(way.url, on_tokens=pairs.append)
    pair = player.guest()
    api.post("/auth/logout", token=pair["access_token"])
    with pytest.raises(FairboardError) as ended:
        player.me()
    assert ended.value.code == "unauthorized"
    assert pairs == [pair, None]


def test_a_server_out_of_reach_is_an_error_of_its_own(kind: Kind) -> None:
    player = kind.player("http://127.0.0.1:1", retries=Retries(total=0.05, first_pause=0.01))
    with pytest.raises(FairboardError) as missing:
        player.guest()
    assert (missing.value.code, missing.value.was_sent) == ("network", False)
    with pytest.raises(ValueError, match="no http address"):
        kind.player("scores.example.com")


def _snippets(product: Product, key: str) -> list[str]:
    blocks = README.read_text().split("```python\n")[1:]
    code = [block.split("```")[0] for block in blocks]
    return [text.replace("https://scores.example.com", product.url).replace("fbk_…", key) for text in code]


def test_the_readme_does_what_it_says(
    product: Product, key: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    server, player = _snippets(product, key)
    scope: dict[str, Any] = {}
    exec(server, scope)
    assert scope["done"]["score"]["current"] == 1200
    assert scope["failed"] == []
    assert scope["tokens"]["access_token"]
    scope["game"].close()
    exec(player, {})
    assert f"'score': {1}" in capsys.readouterr().out.splitlines()[-1]
