"""Unverified tokens are no data: for any bytes in them, the answer keeps to docs/api.md and the forgery counts."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.containers.container import Container
from app.domain.action_token import Promise, read, sign
from app.factory import create_app

HOSTILE: list[Any] = [
    "\ud800",
    "\udfff\ud800",
    "\0",
    "\x1b[2J\nforged line",
    "x" * 8000,
    "tap|1|2",
    2**70,
    -(2**70),
    -1,
    0,
    1.5,
    True,
    None,
    [],
    {},
    [[["tap"]]],
    {"a": {"b": []}},
]
TEXTS = [
    "",
    "null",
    "[]",
    "{}",
    '"text"',
    "[1e400]",
    "[NaN]",
    "[" * 4000,
    "9" * 5000,
    '{"action_id": "a", "action_id": "b"}',
    "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
]


@dataclass
class Stage:
    """A player with an open action, on a server that never suspends players."""

    client: FlaskClient
    container: Container
    headers: dict[str, str]
    issued: dict[str, Any]

    @property
    def token(self) -> str:
        return str(self.issued["token"])

    @property
    def promise(self) -> Promise:
        secrets = {key.kid: key.secret for key in self.container.settings.action_token_keys}
        promise = read(self.token, secrets).promise
        assert promise is not None
        return promise

    def refusal(self, token: str) -> tuple[int, str]:
        path = f"/api/v1/actions/{self.issued['action_id']}/complete"
        answer = self.client.post(path, json={"token": token}, headers=self.headers)
        return answer.status_code, answer.get_json().get("error", {}).get("code", "scored")

    def forgeries(self) -> int:
        row = self.container.database.row("SELECT count(*) AS number FROM signals WHERE rule = 'forgery'")
        return int(row.number) if row else 0


@pytest.fixture
def stage(container: Container) -> Iterator[Stage]:
    never, unlimited = 1_000_000.0, "100000/second"
    changes = {
        "rate_limit_actions": unlimited,
        "rate_limit_auth": unlimited,
        "anticheat_flag": never,
        "anticheat_reject": never,
        "anticheat_critical": never,
    }
    app = create_app(container.settings.model_copy(update=changes))
    client = app.test_client()
    registered = client.post("/api/v1/auth/register", json={"username": "mallory", "password": "correct horse battery"})
    headers = {"Authorization": f"Bearer {registered.get_json()['data']['access_token']}"}
    issued = client.post("/api/v1/actions", json={"action_type": "tap"}, headers=headers).get_json()["data"]
    yield Stage(client, app.extensions["fairboard"], headers, issued)
    app.extensions["fairboard"].close()


def _body(value: Any) -> str:
    return _encoded(json.dumps(value))


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def _payload(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return payload


def _with_body(token: str, body: str) -> str:
    kid, _, seal = token.split(".")
    return ".".join([kid, body or "e30", seal])


def test_a_forged_payload_of_any_kind_is_refused_and_counted(stage: Stage) -> None:
    connection = stage.container.redis.direct.call("CLIENT", "ID")
    places = range(10)
    for number, (place, value) in enumerate(itertools.product(places, HOSTILE), 1):
        payload = list(astuple(stage.promise)[:10])  # the form of older servers
        payload[place] = value
        assert stage.refusal(_with_body(stage.token, _body(payload))) == (401, "invalid_signature"), (place, value)
        assert stage.forgeries() == number, (place, value)
    assert stage.container.redis.direct.call("CLIENT", "ID") == connection, "it was not dropped"
    assert stage.refusal(stage.token) == (200, "scored")


def test_a_forged_payload_with_names_is_refused_and_counted(stage: Stage) -> None:
    genuine = _payload(stage.token)
    for number, (name, value) in enumerate(itertools.product(genuine, HOSTILE), 1):
        forged = _with_body(stage.token, _body({**genuine, name: value}))
        assert stage.refusal(forged) == (401, "invalid_signature"), (name, value)
        assert stage.forgeries() == number, (name, value)
    assert stage.refusal(stage.token) == (200, "scored")


def test_a_forged_text_of_any_shape_is_refused_and_counted(stage: Stage) -> None:
    payload = list(astuple(stage.promise)[:10])  # the form of older servers
    bodies = [_encoded(text) for text in TEXTS] + [_body([*payload, 1]), _body(payload[:-1]), "%%%%", "AAA", "é" * 40]
    kid, body, seal = stage.token.split(".")
    tokens = [_with_body(stage.token, forged_body) for forged_body in bodies]
    tokens += [f"{kid}.{body}=.{seal}", f"{kid}.{body}\n.{seal}", f"{kid}. {body}.{seal}", f"{kid}.{body}.{seal}="]
    tokens += [f"é{kid}.{body}.{seal}", f"ſ.{body}.{seal}", f"{kid}.{body}.é", f"{kid}.{body}.{seal.lower()}"]
    for number, token in enumerate(tokens, 1):
        assert stage.refusal(token) == (401, "invalid_signature"), token[:100]
        assert stage.forgeries() == number
    assert stage.refusal(stage.token) == (200, "scored")


def test_a_forged_token_that_names_another_action_or_player_is_counted_too(stage: Stage) -> None:
    for number, place in enumerate((0, 1), 1):
        payload = list(astuple(stage.promise)[:10])  # the form of older servers
        payload[place] = str(uuid4())
        assert stage.refusal(_with_body(stage.token, _body(payload))) == (401, "invalid_token")
        assert stage.forgeries() == number
    for number, name in enumerate(("a", "p"), 3):
        forged = _with_body(stage.token, _body({**_payload(stage.token), name: str(uuid4())}))
        assert stage.refusal(forged) == (401, "invalid_token")
        assert stage.forgeries() == number


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, max_size=12), st.integers(0, 10))
def test_no_forged_payload_is_an_error_of_ours(stage: Stage, values: list[Any], genuine: int) -> None:
    before = stage.forgeries()
    payload = [*astuple(stage.promise)[:genuine], *values]
    status, code = stage.refusal(_with_body(stage.token, _body(payload)))
    assert (status, code) in ((401, "invalid_signature"), (401, "invalid_token"))
    assert stage.forgeries() == before + 1


LEAKED: list[tuple[str, Any]] = [
    ("points", 1_000_000),
    ("points", -1),
    ("action_type", "puzzle"),
    ("action_type", "\ud800"),
    ("action_type_id", 2),
    ("board", "another"),
    ("season_id", 2),
    ("season_number", 2),
    ("issued_ms", 0),
    ("expires_ms", 2**62),
    ("points", True),
    ("points", 2**70),
    ("points", 1.0),
    ("board", None),
]


def test_what_a_leaked_key_signs_is_compared_with_what_was_issued(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    key = stage.container.settings.action_token_keys[0]
    for number, (name, value) in enumerate(LEAKED, 1):
        changed: dict[str, Any] = {name: value}
        caplog.clear()
        assert stage.refusal(sign(replace(stage.promise, **changed), key)) == (401, "invalid_signature"), (name, value)
        assert stage.forgeries() == number
        assert "action_token_key_leaked" in caplog.text, "an alarm for the operator"
    assert stage.refusal(sign(stage.promise, key)) == (200, "scored")


def test_a_command_that_cannot_be_sent_costs_no_connection(container: Container) -> None:
    direct = container.redis.direct
    direct.call("PING")
    connection = direct.call("CLIENT", "ID")
    for commands in ([("SET", "a", "\ud800")], [("PING",), ("SET", "a", "\ud800")], [("SET", "a", object())]):
        with pytest.raises((UnicodeEncodeError, TypeError)):
            direct.call_together(commands)
        assert direct.call("PING") in ("PONG", True)
    assert direct.call("CLIENT", "ID") == connection


ACCESS_TOKENS = [
    f"{_encoded('[' * 2500)}.e30.e30",
    f"{_body({'alg': 'HS256', 'kid': 'local'})}.{_encoded('[' * 2500)}.e30",
    f"{_body({'alg': 'HS256', 'kid': chr(0xD800)})}.e30.e30",
    f"{_body({'alg': 'HS256', 'kid': 2**70})}.{_body({'exp': 10**400})}.e30",
    f"{_body({'alg': 'HS256', 'kid': ['local']})}.{_body({'exp': 'never', 'sub': 1})}.e30",
    f"{_body({'alg': ['HS256'], 'typ': 7})}.{_body([])}.e30",
    f"{_body([])}.{_body([])}.e30",
    "\xe9.\xe9.\xe9",
    "..",
]


def test_no_forged_access_token_is_an_error_of_ours(stage: Stage) -> None:
    for token in ACCESS_TOKENS:
        answer = stage.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (401, "unauthorized"), token
