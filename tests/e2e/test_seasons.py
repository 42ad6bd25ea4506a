"""A boundary between two seasons of the whole product: players redeem, a subscriber watches, and workers close it."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product, running
from tests.parts.receiver import Receiver, started_receiver
from tests.parts.subscriber import Subscriber
from tests.parts.waiting import eventually

_LENIENT = {f"ANTICHEAT_{level}": "1000000" for level in ("FLAG", "REJECT", "CRITICAL")}
_PLAYERS = 4


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start a product where players may be as quick as they can, and webhooks may call this machine."""
    env = {**_LENIENT, "WEBHOOK_PRIVATE_ADDRESSES": "on"}
    with running(tmp_path_factory.mktemp("lenient"), env, broker="redis") as started:
        yield started


def _begin_race(product: Product, seconds: int) -> None:
    """Add a board whose first season ends so many seconds from now, as the second begins; `tap` feeds it alone."""
    product.query_value("INSERT INTO boards (slug, name) VALUES ('race', 'Race') RETURNING id")
    product.query_value(
        """
        WITH board AS (SELECT id FROM boards WHERE slug = 'race'), boundary AS (
            SELECT clock_timestamp() + make_interval(secs => %s) AS at
        ), first AS (
            INSERT INTO seasons (board_id, number, starts_at, ends_at)
            SELECT id, 1, at - interval '1 hour', at FROM board, boundary
        ), second AS (
            INSERT INTO seasons (board_id, number, starts_at) SELECT id, 2, at FROM board, boundary
        )
        UPDATE action_types SET board_id = board.id, min_seconds = 0 FROM board WHERE slug = 'tap' RETURNING 1
        """,
        seconds,
    )


def _play(player: Player, stop: threading.Event) -> Counter[int]:
    """Complete actions one after the other; return how many counted in which season."""
    counted: Counter[int] = Counter()
    while not stop.is_set():
        answer = player.complete(player.issue())
        assert answer.status == 200, answer
        counted[answer.data["standings"][0]["season"]] += 1
    return counted


def _watch(subscriber: Subscriber, stop: threading.Event) -> list[int]:
    """Return the sum of the scores of each board that comes."""
    sums = []
    while not stop.is_set():
        message = subscriber.receive()
        if message["type"].startswith("leaderboard."):
            sums.append(sum(row["score"] for row in message["data"]))
    return sums


def _season(api: Api, number: int) -> dict[str, Any]:
    (season,) = [row for row in api.get("/boards/race/seasons").data if row["number"] == number]
    return dict(season)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with started_receiver() as receiver:
        yield receiver


def _data(receiver: Receiver, secret: str, event_type: str) -> dict[str, Any]:
    """Return the data of the verified events of a type, by the events' ids."""
    events = {call.event_id: call.event(secret) for call in list(receiver.calls)}
    return {event_id: event["data"] for event_id, event in events.items() if event["type"] == event_type}


def test_each_redemption_is_in_one_season_for_players_subscribers_and_webhooks(
    lenient: Product, receiver: Receiver
) -> None:
    api, stop = Api(lenient.url), threading.Event()
    players = [api.register() for _ in range(_PLAYERS)]
    events = [word for event in ("score.counted", "season.ended", "record.set") for word in ("--event", event)]
    secret = lenient.run_json("webhooks", "create", receiver.url, *events)["secret"]
    _begin_race(lenient, 4)
    with Subscriber(lenient.url) as subscriber, ThreadPoolExecutor(_PLAYERS + 1) as pool:
        subscriber.subscribe(players[0].access_token, "race")
        games = [pool.submit(_play, player, stop) for player in players]
        watch = pool.submit(_watch, subscriber, stop)
        eventually(lambda: _season(api, 1)["players"] and lenient.query_value("SELECT count(closed_at) FROM seasons"))
        final = api.get("/leaderboard/top?board=race&season=1").data
        eventually(lambda: sum(row["score"] for row in api.get("/leaderboard/top?board=race").data) > 20)
        stop.set()
        counted = sum((game.result() for game in games), Counter())
        sums = watch.result()
    assert api.get("/leaderboard/top?board=race&season=1").data == final
    assert sum(row["score"] for row in final) == counted[1] > 0
    eventually(lambda: sum(row["score"] for row in api.get("/leaderboard/top?board=race").data) == counted[2])
    falls = [(earlier, later) for earlier, later in itertools.pairwise(sums) if later < earlier]
    assert len(falls) == 1, sums
    assert lenient.run_json("leaderboard", "verify", "--board", "race")["clean"]
    eventually(lambda: len(_data(receiver, secret, "score.counted")) == counted.total(), within=60)
    scores = _data(receiver, secret, "score.counted").values()
    assert Counter(score["season"] for score in scores) == counted, "the same season as in the players' answers"
    eventually(lambda: _data(receiver, secret, "season.ended"), within=30)
    (ended,) = _data(receiver, secret, "season.ended").values()
    assert [(row["user_id"], row["score"]) for row in ended["top"]] == [(row["user_id"], row["score"]) for row in final]
    assert {record["season"] for record in _data(receiver, secret, "record.set").values()} == {1, 2}
    closed = _season(api, 1)
    assert (closed["state"], closed["players"], closed["corrected_at"]) == ("closed", _PLAYERS, None)
    api.close()
