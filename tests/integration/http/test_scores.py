"""Scores that a game's server submits, one by one and in batches: each counts once under its key."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.containers.container import Container
from tests.integration.boards.test_scorings import add_board
from tests.integration.http.keyed import GameServer, Reply, close, start
from tests.integration.http.test_results import add_type
from tests.parts.kinds import ON_BOTH

SUSPENDED, NOT_FOUND, INVALID = (403, "account_suspended"), (404, "not_found"), (422, "invalid_request")
REUSED = (422, "idempotency_key_reused")


@dataclass
class Scorer:
    """A game's server with a key for scores, and two players of its own, `ext:u1` and `ext:u2`."""

    server: GameServer
    key: str
    key_id: UUID
    players: list[UUID]

    @property
    def container(self) -> Container:
        return self.server.container

    def submit(self, key: str | None = "k", server: GameServer | None = None, **fields: object) -> Reply:
        """Submit `{player: ext:u1, action_type: duel, result: 7}`, changed by `fields`; None removes one."""
        body = {"player": "ext:u1", "action_type": "duel", "result": 7, **fields}
        body = {name: value for name, value in body.items() if value is not None}
        headers = {} if key is None else {"Idempotency_Key": key}
        return (server or self.server).call("POST", "/scores", body, key=self.key, **headers)

    def batch(self, *items: dict[str, object], server: GameServer | None = None) -> list[Any]:
        scores = [{"player": "ext:u1", "action_type": "duel", "result": 7, **item} for item in items]
        reply = (server or self.server).call("POST", "/scores/batch", {"scores": scores}, key=self.key)
        rows: list[Any] = reply.data
        return rows

    def events(self) -> list[Any]:
        return self.container.database.rows("SELECT * FROM score_events ORDER BY id")


@pytest.fixture
def scorer(container: Container) -> Iterator[Scorer]:
    server = start(container)
    add_board(container, "fastest", "best", "asc")
    add_board(container, "latest", "last")
    add_type(container, "duel", {"min_seconds": 0.0, "result_kind": "trusted", "max_result": 1000})
    bounds = {"result_kind": "reported", "min_result": -5, "max_result": 1000, "max_per_second": 1.0}
    add_type(container, "race", {"min_seconds": 60.0, **bounds, "boards": ["main", "fastest", "latest"]})
    shown = server.key("score", "players")
    players = [
        UUID(
            server.call("POST", "/players", {"external_id": f"u{n}", "username": f"u-{n}"}, key=shown.text).data[
                "user_id"
            ]
        )
        for n in (1, 2)
    ]
    container.board_sync.rebuild(container.standings.season("main"))
    yield Scorer(server, shown.text, shown.key.id, players)
    close(server)


@ON_BOTH
def test_a_score_of_every_kind_counts_and_its_event_names_the_key(scorer: Scorer) -> None:
    first = scorer.submit("a", metadata={"car": "red"})
    assert (first.status, first.data["points"], first.data["result"]) == (200, None, 7)
    assert first.data["score"] == {"previous": 0, "current": 7}
    assert first.data["rank"] == {"previous": None, "current": 1}
    race = scorer.submit("b", player=str(scorer.players[0]), action_type="race", result=900).data
    assert [(row["board"], row["score"]["current"]) for row in race["standings"]] == [
        ("main", 907),
        ("fastest", 900),
        ("latest", 900),
    ]
    tap = scorer.submit("c", player="ext:u2", action_type="tap", result=None)
    assert (tap.data["points"], tap.data["rank"]["current"]) == (1, 2)
    assert tap.body["links"]["standing"] == "/api/v1/leaderboard/users/ext%3Au2"
    assert {row.api_key_id for row in scorer.events()} == {scorer.key_id}
    assert scorer.container.database.rows("SELECT FROM signals") == [], "nothing is implausible, nor too fast"
    assert scorer.container.ledger.past(str(scorer.players[0]), 50, 0.0) == [], "it is no history of the player's"


def test_the_links_lead_to_the_board_that_the_score_feeds(scorer: Scorer) -> None:
    add_type(scorer.container, "lap", {"min_seconds": 0.0, "result_kind": "trusted", "boards": ["fastest"]})
    links = scorer.submit(action_type="lap").body["links"]
    assert links["standing"] == "/api/v1/leaderboard/users/ext%3Au1?board=fastest"
    key = scorer.server.key("read", name="reader").text
    assert scorer.server.call("GET", links["standing"].removeprefix("/api/v1"), key=key).data["score"] == 7


def test_a_retry_gets_the_first_answer_and_another_score_is_refused(scorer: Scorer) -> None:
    first = scorer.submit(metadata={"a": 1, "b": 2})
    scorer.submit("other")
    again = scorer.submit(metadata={"b": 2, "a": 1})
    assert again.data == first.data
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    for fields in ({"result": 8}, {"metadata": {"a": 1}}, {"player": "ext:u2"}, {"action_type": "race"}, {"x": 1}):
        changed: dict[str, Any] = {"metadata": {"a": 1, "b": 2}, **fields}
        assert scorer.submit(**changed).refusal == REUSED
    (row,) = scorer.batch({"key": "k", "metadata": {"a": 1, "b": 2}})
    assert row == {"key": "k", "code": 200, "data": first.data}, "keys are shared with batches"
    other_key = scorer.server.key("score").text
    body = {"player": "ext:u1", "action_type": "duel", "result": 8}
    assert scorer.server.call("POST", "/scores", body, key=other_key, Idempotency_Key="k").status == 200
    assert len(scorer.events()) == 3


@pytest.mark.parametrize(
    ("fields", "refusal", "field"),
    [
        ({"player": "ext:nobody"}, NOT_FOUND, None),
        ({"player": str(uuid4())}, NOT_FOUND, None),
        ({"player": "anna"}, INVALID, "player"),
        ({"player": 5}, INVALID, "player"),
        ({"action_type": "unknown"}, INVALID, "action_type"),
        ({"action_type": "\0"}, INVALID, "action_type"),
        ({"result": None}, INVALID, "result"),
        ({"result": 1001}, INVALID, "result"),
        ({"result": 5.0}, INVALID, "result"),
        ({"result": True}, INVALID, "result"),
        ({"action_type": "tap"}, INVALID, "result"),
        ({"metadata": {"x": "y" * 1100}}, INVALID, "metadata"),
        ({"\0": 1}, INVALID, "\0"),
    ],
)
def test_a_refusal_is_remembered_even_when_its_cause_has_gone(
    scorer: Scorer, fields: dict[str, Any], refusal: tuple[int, str], field: str | None
) -> None:
    first = scorer.submit(**fields)
    assert first.refusal == refusal
    assert field is None or first.fields == {field}
    if fields.get("player") == "ext:nobody":
        scorer.server.call("POST", "/players", {"external_id": "nobody", "username": "nobody"}, key=scorer.key)
    again = scorer.submit(**fields)
    assert (again.refusal, again.body["error"]) == (refusal, first.body["error"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert scorer.submit(metadata={"a": "good one"}).refusal == REUSED
    assert scorer.events() == []


def test_a_suspended_player_a_closed_board_and_the_highest_score_are_refused(scorer: Scorer) -> None:
    database = scorer.container.database
    assert scorer.submit("a").status == 200
    database.rows("UPDATE standings SET score = 9007199254740990 RETURNING score")
    assert scorer.submit("b").fields == {"result"}
    rows = scorer.batch({"key": "c"}, {"key": "d", "player": "ext:u2"}, {"key": "e", "result": 1})
    assert [row["code"] for row in rows] == [422, 200, 200], "each on its own"
    database.rows("UPDATE players SET status = 'suspended' WHERE external_id = 'u1' RETURNING id")
    assert scorer.submit("f").refusal == SUSPENDED
    database.rows("UPDATE players SET status = 'active' WHERE external_id = 'u1' RETURNING id")
    assert scorer.submit("f").refusal == SUSPENDED
    database.rows("UPDATE seasons SET ends_at = now() WHERE ends_at IS NULL RETURNING id")
    for _ in range(2):
        assert scorer.submit("g").refusal == (409, "board_closed")


def test_a_score_of_a_batch_past_the_limit_is_refused_in_its_place(scorer: Scorer) -> None:
    assert scorer.submit("a", result=10).status == 200
    scorer.container.database.rows("UPDATE standings SET score = 9007199254740988 RETURNING score")
    rows = scorer.batch(*({"key": key, "result": result} for key, result in (("b", 3), ("c", 5), ("d", 1), ("e", 0))))
    assert [row["code"] for row in rows] == [200, 422, 422, 200], "c would fit nowhere, and nothing goes ahead of it"
    assert rows[0]["data"]["score"] == {"previous": 9007199254740988, "current": 9007199254740991}
    add_type(
        scorer.container, "down", {"min_seconds": 0.0, "result_kind": "trusted", "min_result": -9, "max_result": 9}
    )
    down: dict[str, object] = {"action_type": "down"}
    rows = scorer.batch({"key": "f", "result": 5}, {"key": "g", "result": -6, **down}, {"key": "h", "result": 6})
    assert [row["code"] for row in rows] == [422, 200, 200]
    assert rows[2]["data"]["score"]["current"] == 9007199254740991


def test_a_header_is_required_and_a_scope(scorer: Scorer) -> None:
    assert scorer.submit(None).fields == {"Idempotency-Key"}
    assert scorer.submit("é").fields == {"Idempotency-Key"}
    reader = scorer.server.key("read", "players", "moderate", "admin").text
    for path in ("/scores", "/scores/batch"):
        answer = scorer.server.call("POST", path, {}, key=reader)
        assert (answer.refusal, answer.details) == ((403, "forbidden"), {"scope": "score"})


@ON_BOTH
def test_a_batch_answers_each_on_its_own_in_order_and_again_as_the_first_time(scorer: Scorer) -> None:
    items: list[dict[str, object]] = [
        {"key": "a", "result": 5},
        {"key": "b", "player": "ext:nobody"},
        {"key": "a", "result": 5},
        {"key": "c", "player": "ext:u2", "action_type": "race", "result": 40},
        {"key": "a", "result": 6},
        {"key": "d", "result": "5"},
        {"key": "e", "action_type": "race", "result": 30},
        {"key": "f", "action_type": "race", "result": 35},
        {"key": ""},
        {"key": 5},
        {},
    ]
    rows = scorer.batch(*items)
    assert [row["key"] for row in rows] == ["a", "b", "a", "c", "a", "d", "e", "f", "", None, None]
    assert [row["code"] for row in rows] == [200, 404, 200, 200, 422, 422, 200, 200, 422, 422, 422]
    assert rows[2] == rows[0], "a key that appears twice is a replay"
    assert rows[4]["error"]["code"] == "idempotency_key_reused"
    standings = {row["key"]: row["data"]["standings"] for row in rows if "data" in row}
    scores = {key: [standing["score"]["current"] for standing in changes] for key, changes in standings.items()}
    assert scores == {"a": [5], "c": [40, 40, 40], "e": [35, 30, 30], "f": [70, 30, 35]}, "a player's own in order"
    assert scorer.batch(*items) == rows
    assert scorer.batch(*reversed(items[:4])) == rows[3::-1]
    assert len(scorer.events()) == 4
    assert scorer.batch() == []
    first, last = (
        scorer.submit(key, **fields).data
        for key, fields in (("a", {"result": 5}), ("f", {"action_type": "race", "result": 35}))
    )
    assert (first, last) == (rows[0]["data"], rows[7]["data"])


def test_a_batch_has_at_most_1000_scores_and_1_mib(scorer: Scorer) -> None:
    items = [{"key": f"k{n}", "player": "ext:u1", "action_type": "duel", "result": n % 9} for n in range(1001)]
    call = scorer.server.call
    assert call("POST", "/scores/batch", {"scores": items}, key=scorer.key).fields == {"scores"}
    assert scorer.events() == []
    rows = call("POST", "/scores/batch", {"scores": items[:1000]}, key=scorer.key).data
    assert {row["code"] for row in rows} == {200}
    assert rows[-1]["data"]["score"]["current"] == sum(item["result"] for item in items[:1000])  # type: ignore[misc]
    assert len(scorer.events()) == 1000
    full = [{**item, "metadata": {"x": "y" * 960}} for item in items[:1000]]
    answer = call("POST", "/scores/batch", {"scores": full}, key=scorer.key)
    assert answer.refusal == (413, "too_large")
    for body in ({}, {"scores": 5}, {"scores": [], "x": 1}):
        assert call("POST", "/scores/batch", body, key=scorer.key).refusal == INVALID
    assert call("POST", "/scores/batch", {"scores": [5]}, key=scorer.key).data[0]["code"] == 422


@ON_BOTH
def test_calls_at_once_score_once(scorer: Scorer) -> None:
    servers = [start(scorer.container) for _ in range(4)]
    items: list[dict[str, object]] = [{"key": f"k{n}", "player": f"ext:u{n % 2 + 1}", "result": n} for n in range(60)]
    try:
        with ThreadPoolExecutor(8) as pool:
            batches = [
                pool.submit(scorer.batch, *items[:: -1 if n % 2 else 1], server=server)
                for n, server in enumerate(servers)
            ]
            singles = [pool.submit(scorer.submit, "k7", server, player="ext:u2", result=7) for server in servers]
            answers = [{row["key"]: row for row in batch.result()} for batch in batches]
            replies = [single.result() for single in singles]
    finally:
        for server in servers:
            close(server)
    assert answers[1:] == answers[:-1]
    assert {row["code"] for row in answers[0].values()} == {200}
    assert [reply.data for reply in replies] == [answers[0]["k7"]["data"]] * 4
    assert len(scorer.events()) == 60
    assert list(scorer.container.corrections.find_unsound()) == []


def test_a_crash_after_the_commit_loses_no_answer(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer.submit("first", player="ext:u2", result=50)
    scores = scorer.server.app.extensions["fairboard"].key_scores

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(scores, "_rank", die)
        with pytest.raises(KeyboardInterrupt):
            scorer.submit()
    again = scorer.submit()
    assert (again.data["score"], again.data["rank"]["current"]) == ({"previous": 0, "current": 7}, 2)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert scorer.submit().data == again.data
    assert len(scorer.events()) == 2


def test_answers_are_kept_for_24_hours(scorer: Scorer) -> None:
    for key in ("old", "new"):
        scorer.submit(key)
    statement = "UPDATE key_answers SET created_at = now() - interval '{}' WHERE key = 'old' RETURNING key"
    scorer.container.database.rows(statement.format("23 hours 59 minutes"))
    assert scorer.container.key_answers.prune() == 0
    scorer.container.database.rows(statement.format("24 hours"))
    assert scorer.container.key_answers.prune(batch=1) == 1
    assert [row.key for row in scorer.container.database.rows("SELECT key FROM key_answers")] == ["new"]
