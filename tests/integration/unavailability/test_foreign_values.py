"""Another program has written to our keys in Redis: each value counts as lost, is 503 at most, and is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.containers.container import Container
from app.domain.boards import MAIN
from app.services.boards.broadcasts import BroadcastCause, Broadcasts
from app.stores.boards.board_events import BOARD_CHANNEL, CONTROL_CHANNEL, BoardChanged, Listening, Subscription
from app.stores.boards.broadcast_gate import BroadcastGateStore
from app.stores.boards.reconcile_progress import ReconcileProgressStore
from app.stores.operations.queue_depths import KEY, QueueDepth
from app.stores.redis.rate_limits import Window, count_call
from tests.integration.unavailability.conftest import PASSWORD, Caller, data, unavailable

ROUNDS = 5  # rounds of calls until every key is mended


@dataclass
class Key:
    """A key of ours, with the type and value that the product gave it."""

    redis: Any
    name: str
    kind: str

    def replace(self, value: object) -> None:
        """Give the key another value: a text, bytes, or a list."""
        self.redis.delete(self.name)
        if isinstance(value, list):
            self.redis.rpush(self.name, *value)
        else:
            self.redis.set(self.name, value)


def _spoil_parts(key: Key) -> None:
    """Put junk into a hash, a sorted set or a set, beside and in place of what is there; junk into any other."""
    if key.kind == "hash":
        for field in key.redis.hkeys(key.name):
            if field != "*":
                key.redis.hset(key.name, field, "junk")
        key.redis.hset(key.name, "junk", b"\xff")
    elif key.kind == "zset":
        key.redis.zadd(key.name, {"junk": 1.5, b"\xff|": 1e300, "a|b|c": 5})
    elif key.kind == "set":
        key.redis.sadd(key.name, "junk", b"\xff", "{}x", "[]")
    else:
        key.replace("junk")


SPOIL: Mapping[str, Callable[[Key], None]] = {
    "a text": lambda key: key.replace('junk"{'),
    "no text": lambda key: key.replace(b"\xff\xfe\x00"),
    "an empty text": lambda key: key.replace(""),
    "a huge number": lambda key: key.replace("9" * 5000),
    "a first line without a list": lambda key: key.replace("1 2 3\n{"),
    "numbers without a list": lambda key: key.replace("1 2\n5"),
    "a list": lambda key: key.replace(["of somebody else"]),
    "junk parts": _spoil_parts,
}


@pytest.fixture
def round_of_calls(anna: Caller, container: Container) -> Callable[[], dict[str, TestResponse]]:
    def call() -> dict[str, TestResponse]:
        paths = ("/me", "/leaderboard/top", "/leaderboard/top?limit=37", "/leaderboard/me", "/action-types")
        answers = {path: anna.get(path) for path in (*paths, f"/leaderboard/users/{anna.id}")}
        answers["issue"] = anna.post("/actions", {"action_type": "tap"})
        if answers["issue"].status_code == 201:
            action = data(answers["issue"])
            answers["state"] = anna.get(f"/actions/{action['action_id']}")
            answers["complete"] = anna.complete(action)
        return answers

    return call


def _keys(container: Container) -> Iterator[Key]:
    """Yield one key of each kind."""
    kinds: dict[str, str] = {}
    for name in sorted(container.redis.scan_iter()):
        kinds[name.partition(":{")[0]] = name
    for name in kinds.values():
        yield Key(container.redis, name, container.redis.type(name))


def _trouble(answers: Mapping[str, TestResponse]) -> list[tuple[str, str]]:
    return [(name, answer.text) for name, answer in answers.items() if answer.status_code >= 400]


@pytest.mark.parametrize("kind", SPOIL)
def test_every_key_may_hold_anything(
    kind: str, container: Container, round_of_calls: Callable[[], dict[str, TestResponse]]
) -> None:
    season = container.standings.season(MAIN)
    assert not _trouble(round_of_calls())
    keys = list(_keys(container))
    assert len(keys) > 12
    for key in keys:
        SPOIL[kind](key)
        answers = round_of_calls()
        bad = {name: answer for name, answer in answers.items() if answer.status_code >= 400}
        assert all(unavailable(answer) for answer in bad.values()), (key, _trouble(bad))
        container.board_sync.repair()
        for _ in range(ROUNDS):
            if not (trouble := _trouble(round_of_calls())):
                break
        assert not trouble, key
        container.redis.delete(key.name)
    container.board_sync.repair()
    container.reconciler.reconcile(pause=0.0)
    assert container.board_sync.verify(season) == []


@pytest.mark.parametrize("kind", SPOIL)
def test_an_action_that_is_overwritten_is_unknown(kind: str, anna: Caller, container: Container) -> None:
    action = anna.issue()
    SPOIL[kind](Key(container.redis, f"action:{{{anna.id}}}:{action['action_id']}", "hash"))
    answers = [anna.complete(action), anna.complete(action)]
    assert unavailable(answers[0]) or answers[0].get_json()["error"]["code"] == "invalid_token"
    assert answers[1].get_json()["error"]["code"] == "invalid_token"
    assert anna.get(f"/actions/{action['action_id']}").status_code == 404


@pytest.mark.parametrize("field", ["state", "type", "points", "issued", "expires", "limits", "claimed", "promise"])
def test_an_action_with_a_field_that_is_junk_is_no_500(field: str, anna: Caller, container: Container) -> None:
    action = anna.issue()
    container.redis.hset(f"action:{{{anna.id}}}:{action['action_id']}", field, "junk")
    shown = anna.get(f"/actions/{action['action_id']}")
    assert shown.status_code == 404 or data(shown)["state"] in ("active", "expired", "invalid")
    assert anna.complete(action).status_code in (200, 401)
    assert anna.get(f"/actions/{action['action_id']}").status_code in (200, 404)


def test_failed_sign_ins_that_are_overwritten_begin_anew(anna: Caller, container: Container) -> None:
    wrong = {"username": anna.name, "password": "not the password"}
    right = {"username": anna.name, "password": PASSWORD}
    assert anna.post("/auth/login", wrong).status_code == 401
    for kind, spoil in SPOIL.items():
        for name in container.redis.scan_iter("guesses:*"):
            spoil(Key(container.redis, name, container.redis.type(name)))
        answers = [anna.post("/auth/login", right) for _ in range(ROUNDS)]
        assert all(answer.status_code == 200 or unavailable(answer) for answer in answers), kind
        assert answers[-1].status_code == 200, kind


@pytest.mark.parametrize("value", ["junk", ["of somebody else"]])
def test_a_lease_and_a_gate_without_an_end_hold_nobody_up(value: object, anna: Caller, container: Container) -> None:
    season = container.standings.season(MAIN)
    for name in ("rebuilding", "proving", "building:10"):
        Key(container.redis, f"leaderboard:{name}:{{main/1}}", "string").replace(value)
    assert container.rankings.rebuild_lease(season).hold()
    assert container.rankings.comparison_lease(season).hold()
    assert container.rankings.lists.build_lease(season, 10).hold()
    gate = BroadcastGateStore(container.redis, container.scripts)
    for name in ("gate", "next"):
        Key(container.redis, f"leaderboard:{name}:{{main/1}}", "string").replace(value)
    gate.request_turns([(season, "{}")], 0.2)
    assert 0 < container.redis.pttl("leaderboard:gate:{main/1}") <= 200
    container.redis.flushdb()
    container.board_sync.repair()


def test_a_window_without_an_end_gets_one(container: Container) -> None:
    container.redis.set("LIMITS:test", 5)
    assert container.scripts.run(*count_call(Window("test", 60))) == 6
    assert 0 < container.redis.ttl("LIMITS:test") <= 60


def test_depths_of_queues_and_progress_of_another_program_count_as_none(container: Container) -> None:
    season, depths = container.standings.season(MAIN), container.queue_depths
    store, proof = ReconcileProgressStore(container.redis), "leaderboard:proof:{main/1}"
    for spoil in SPOIL.values():
        container.redis.delete(KEY, proof)
        container.redis.hset(proof, "events", "junk")
        spoil(Key(container.redis, KEY, "string"))
        spoil(Key(container.redis, proof, "hash"))
        assert depths.all() == {}
        container.reconciler.reconcile(pause=0.0)
        assert store.progress(season).passed > 0
        depths.put({"events": QueueDepth(1, 2, 3), "rest": QueueDepth(0, None, 0)})
        depths.put({"events": QueueDepth(1, 2, 3)})
        assert depths.all() == {"events": QueueDepth(1, 2, 3)}


def test_messages_and_pending_changes_of_another_program_are_ignored(container: Container) -> None:
    subscription = Subscription(container.redis)
    subscription.open()
    assert [subscription.next(1.0), subscription.next(1.0)][-1] == Listening()
    for channel in (BOARD_CHANNEL, CONTROL_CHANNEL):
        for text in ("junk", b"\xff", "[]", "{}", '{"kind": "player_suspended", "player_id": "junk"}'):
            container.redis.publish(channel, text)
            assert subscription.next(1.0) is None
    pending, junk = "leaderboard:pending:{main/1}", ("junk", b"\xff", '{"junk": 1}', "[1]", "null", '{"events": 5}')
    season = container.standings.season(MAIN)
    broadcasts = Broadcasts(
        container.catalog,
        container.standing_store,
        container.rankings,
        container.standings,
        BroadcastGateStore(container.redis, container.scripts),
        container.redis,
        interval=0.01,
    )
    for value in junk:
        container.redis.sadd(pending, value)
        assert broadcasts.announce([(season, BroadcastCause())])[season.id] > 0
        assert isinstance(subscription.next(1.0), BoardChanged)
        assert not container.redis.exists(pending)
    subscription.close()
