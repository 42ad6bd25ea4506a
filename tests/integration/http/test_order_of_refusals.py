"""Of two faults in one request, the one that docs/api.md checks first is answered; the request is counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.containers.container import Container
from app.factory import create_app
from tests.parts.kinds import ON_BOTH

API = "/api/v1"
LIMIT = 500
SETTINGS = {"rate_limit_actions": f"{LIMIT}/minute", "rate_limit_auth": "1000/minute", "max_active_actions": 2}
Refusal: TypeAlias = tuple[int, str]


@dataclass(frozen=True)
class Call:
    """A request to issue or to complete, which each fault spoils in a way of its own."""

    path: str
    members: str
    authorization: str
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    query: str = ""
    body: Callable[[str], str] = "{{{}}}".format


class Actor:
    """A guest with an action in play and one that is consumed, and the calls of this guest."""

    def __init__(self, client: FlaskClient, container: Container) -> None:
        self._client, self._container = client, container
        data = self._data(client.post(f"{API}/auth/guest"))
        self.id, self.authorization = UUID(data["user"]["user_id"]), f"Bearer {data['access_token']}"
        self.active, self.consumed = self.issue(), self.issue()
        assert self.send(self.completing(self.consumed)).status_code == 200

    def _data(self, answer: TestResponse) -> Any:
        assert answer.status_code in (200, 201), answer.text
        return answer.get_json()["data"]

    def issuing(self) -> Call:
        return Call("/actions", '"action_type":"tap"', self.authorization)

    def completing(self, action: dict[str, Any]) -> Call:
        return Call(f"/actions/{action['action_id']}/complete", f'"token":"{action["token"]}"', self.authorization)

    def issue(self) -> dict[str, Any]:
        action: dict[str, Any] = self._data(self.send(self.issuing()))
        return action

    def send(self, call: Call) -> TestResponse:
        return self._client.post(
            f"{API}{call.path}{call.query}",
            data=call.body(call.members),
            content_type=call.media_type,
            headers={"Authorization": call.authorization, **call.headers},
        )

    def suspend(self) -> None:
        assert self._container.moderation.suspend(self.id, "test")

    def sign_out(self) -> None:
        answer = self._client.post(f"{API}/auth/logout", headers={"Authorization": self.authorization})
        assert answer.status_code == 204

    def exceed(self) -> None:
        """Use both limits up."""
        for scope in ("issue", "complete"):
            self._container.redis.set(self._window(scope), LIMIT, ex=60)

    def count(self, scope: str) -> int:
        return int(self._container.redis.get(self._window(scope)) or 0)

    def _window(self, scope: str) -> str:
        return f"LIMITS:LIMITER/limits/{{{self.id}}}/{scope}/{LIMIT}/1/minute"

    def hold_most(self) -> None:
        """Hold as many active actions as one may."""
        while self.send(self.issuing()).status_code == 201:
            pass

    def state(self) -> dict[str, dict[str, str]]:
        """Return everything about the guest's actions, past and keys that Redis has."""
        redis, dump = self._container.redis, {}
        for key in sorted(redis.keys("*")):
            if str(self.id) in key and key.startswith(("action:", "active:", "history:", "idempotency:")):
                kind = redis.type(key)
                dump[key] = redis.hgetall(key) if kind == "hash" else dict(redis.zrange(key, 0, -1, withscores=True))
        return dump


Spoil: TypeAlias = Callable[[Actor, Call], Call]
Prepare: TypeAlias = Callable[[Actor], None]


@dataclass(frozen=True)
class Fault:
    """What is wrong: with the caller (`prepare`) or with the call (`spoil`), and the answer to it alone."""

    name: str
    refusal: Refusal
    spoil: Spoil = lambda _, call: call
    prepare: Prepare = lambda _: None
    group: str = ""
    """Of a group one fault at most fits into a request."""


def _spoil_body(change: Callable[[str], str]) -> Spoil:
    return lambda _, call: replace(call, body=lambda members: change(call.body(members)))


CALLER = (
    Fault("no login", (401, "unauthorized"), lambda _, call: replace(call, authorization="Bearer x")),
    Fault("an ended login", (401, "unauthorized"), prepare=Actor.sign_out),
    Fault("suspended", (403, "account_suspended"), prepare=Actor.suspend),
    Fault("over the limit", (429, "rate_limited"), prepare=Actor.exceed),
)
BODY = (
    Fault("too large", (413, "too_large"), _spoil_body(lambda text: text + " " * 16384)),
    Fault("another media type", (415, "unsupported_media_type"), lambda _, call: replace(call, media_type="text/x")),
    Fault("malformed", (400, "malformed_json"), _spoil_body(lambda text: text + "]")),
    Fault(
        "a field twice",
        (422, "invalid_request"),
        lambda _, call: replace(call, members=f"{call.members},{call.members}"),
    ),
    Fault("a query", (422, "invalid_request"), lambda _, call: replace(call, query="?a=1")),
    Fault("an unknown field", (422, "invalid_request"), lambda _, call: replace(call, members=call.members + ',"x":1')),
)


def _present(change: Callable[[Actor], Call]) -> Spoil:
    return lambda actor, call: replace(call, path=change(actor).path, members=change(actor).members)


def _forge(actor: Actor) -> Call:
    kid, payload, _ = actor.active["token"].split(".")
    return actor.completing({**actor.active, "token": f"{kid}.{payload}.{'A' * 43}"})


COMPLETION = (
    *CALLER,
    *BODY,
    Fault("a bad key", (422, "invalid_request"), lambda _, call: replace(call, headers={"Idempotency-Key": "k" * 256})),
    Fault(
        "no token",
        (401, "invalid_token"),
        _present(lambda actor: actor.completing({**actor.active, "token": "x"})),
        group="token",
    ),
    Fault(
        "another action's token",
        (401, "invalid_token"),
        _present(lambda actor: actor.completing({**actor.active, "token": actor.consumed["token"]})),
        group="token",
    ),
    Fault("a forged token", (401, "invalid_signature"), _present(_forge), group="token"),
    Fault(
        "a consumed token",
        (403, "token_already_used"),
        _present(lambda actor: actor.completing(actor.consumed)),
        group="token",
    ),
)
ISSUE = (
    *CALLER,
    *BODY,
    Fault(
        "an unknown type",
        (422, "invalid_request"),
        lambda _, call: replace(call, members=call.members.replace("tap", "x")),
    ),
    Fault("too many", (409, "too_many_actions"), prepare=Actor.hold_most),
)
PAIRS = {
    "complete": [pair for pair in combinations(COMPLETION, 2) if not pair[0].group or pair[0].group != pair[1].group],
    "issue": list(combinations(ISSUE, 2)),
}


@pytest.fixture
def new_actor(container: Container) -> Iterator[Callable[[], Actor]]:
    app = create_app(container.settings.model_copy(update=SETTINGS))
    client = app.test_client()
    yield lambda: Actor(client, container)
    app.extensions["fairboard"].close()


def _refusal(answer: TestResponse) -> Refusal:
    return answer.status_code, answer.get_json()["error"]["code"]


def _spoilt(actor: Actor, scope: str, faults: tuple[Fault, ...], key: str | None) -> Call:
    call = actor.issuing() if scope == "issue" else actor.completing(actor.active)
    if key is not None:
        call = replace(call, headers={"Idempotency-Key": key})
    for fault in reversed(faults):  # first the one that is checked last: it decides the action and its token
        call = fault.spoil(actor, call)
    return call


def _prepared(actor: Actor, faults: tuple[Fault, ...]) -> Actor:
    for fault in reversed(faults):  # a login that has ended can do nothing else
        fault.prepare(actor)
    return actor


@pytest.mark.parametrize("key", [None, "a key"])
@pytest.mark.parametrize("scope", ["complete", "issue"])
def test_the_first_fault_is_answered_and_counted_once(
    new_actor: Callable[[], Actor], scope: str, key: str | None
) -> None:
    actors: dict[tuple[Prepare, ...], Actor] = {}
    wrong = {}
    for first, second in PAIRS[scope]:
        faults = first, second
        state = tuple({fault.prepare for fault in faults})
        if state not in actors:
            actors[state] = _prepared(new_actor(), faults)
        actor = actors[state]
        count, before = actor.count(scope), actor.state()
        refusal = _refusal(actor.send(_spoilt(actor, scope, faults, key)))
        counted = actor.count(scope) - count
        if refusal != first.refusal or counted != (first.name != "no login") or before != actor.state():
            wrong[first.name, second.name] = refusal, counted, before == actor.state()
    assert wrong == {}


@pytest.mark.parametrize("scope", ["complete", "issue"])
def test_each_fault_alone(new_actor: Callable[[], Actor], scope: str) -> None:
    for fault in COMPLETION if scope == "complete" else ISSUE:
        actor = _prepared(new_actor(), (fault,))
        assert _refusal(actor.send(_spoilt(actor, scope, (fault,), None))) == fault.refusal, fault.name


@ON_BOTH
def test_a_lost_copy_is_filled_and_the_call_goes_on(container: Container, new_actor: Callable[[], Actor]) -> None:
    for lost, key in product((["login:*"], ["status:*"], ["login:*", "status:*"]), (None, "a key")):
        actor = new_actor()
        for scope, status in (("complete", 200), ("issue", 201)):
            _lose(container, *lost)
            count = actor.count(scope)
            assert actor.send(_spoilt(actor, scope, (), key)).status_code == status
            assert actor.count(scope) == count + 1
            assert container.redis.keys("login:*")
            assert container.redis.keys("status:*")


def _lose(container: Container, *patterns: str) -> None:
    for pattern in patterns:
        for name in container.redis.keys(pattern):
            container.redis.delete(name)


def test_a_refused_caller_with_lost_copies_changes_nothing(
    container: Container, new_actor: Callable[[], Actor]
) -> None:
    for fault in CALLER[1:]:
        actor = _prepared(new_actor(), (fault,))
        before = actor.state()
        for action in (actor.active, actor.consumed):
            _lose(container, "login:*", "status:*")
            assert _refusal(actor.send(actor.completing(action))) == fault.refusal
        assert actor.state() == before
