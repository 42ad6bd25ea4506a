"""`GET /admin/analytics`: for admins, in the envelope, with every bad value named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.containers.container import Container
from app.factory import create_app
from tests.integration.moderation.ledgers import EPOCH, Event, HandLedger

TEN = datetime.fromisoformat("2026-01-05T10:00:00Z")
Get = Callable[..., TestResponse]


@pytest.fixture
def client(container: Container) -> Iterator[FlaskClient]:
    app = create_app(container.settings.model_copy(update={"rate_limit_reads": "1000/second"}))
    yield app.test_client()
    app.extensions["fairboard"].close()


@pytest.fixture
def get(container: Container, client: FlaskClient) -> Get:
    """Return a function that sends the request as an admin: `get(by="day")`, or `get({"from": …})` for keywords."""
    container.accounts.create("Alice", "a good password", "admin")
    answer = client.post("/api/v1/auth/login", json={"username": "alice", "password": "a good password"})
    token = answer.get_json()["data"]["access_token"]

    def get(parameters: dict[str, str] | None = None, **more: str) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get("/api/v1/admin/analytics", query_string={**(parameters or {}), **more}, headers=headers)

    return get


def _data(answer: TestResponse) -> Any:
    body = answer.get_json()
    assert (answer.status_code, body["meta"]["code"]) == (200, 200), answer.text
    return body["data"]


def _fields(answer: TestResponse) -> set[str]:
    body = answer.get_json()
    assert (answer.status_code, body["error"]["code"]) == (422, "invalid_request"), answer.text
    return {detail["field"] for detail in body["error"]["details"]}


def test_only_an_admin_may_read_it(client: FlaskClient) -> None:
    assert client.get("/api/v1/admin/analytics").status_code == 401
    answer = client.post("/api/v1/auth/register", json={"username": "anna", "password": "a good password"})
    headers = {"Authorization": f"Bearer {answer.get_json()['data']['access_token']}"}
    refused = client.get("/api/v1/admin/analytics", headers=headers)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (403, "forbidden")


def test_rows_are_of_the_board_the_span_and_the_action_type_that_were_asked_for(container: Container, get: Get) -> None:
    ledger = HandLedger(container)
    anna = ledger.player()
    ledger.write(Event(anna, "puzzle", TEN, points=25, seconds=9.0))
    ledger.refuse(anna, "tap", TEN)
    container.database.rows("UPDATE rollup_progress SET began_at = :at RETURNING 1 AS done", at=EPOCH)
    container.analytics.rebuild(TEN, datetime.fromisoformat("2026-01-06T00:00:00Z"))
    span = {"from": "2026-01-05T10:00:00Z", "to": "2026-01-05T12:00:00+01:00"}
    assert [row["action_type"] for row in _data(get(span))] == [None, "puzzle", "tap"]
    (row,) = _data(get(span, action_type="puzzle"))
    assert row.pop("computed_at") > "2026-01-05"
    assert row == {
        "board": "main",
        "season": 1,
        "action_type": "puzzle",
        "from": "2026-01-05T10:00:00.000Z",
        "to": "2026-01-05T11:00:00.000Z",
        "redemptions": 1,
        "points": 25,
        "players": 1,
        "voided": {"redemptions": 0, "points": 0},
        "refusals": {},
        "completion_seconds": {"median": 9.0, "p95": 9.0},
        "complete": False,
    }
    assert _data(get({"from": "2026-01-05T10:00:01Z", "to": "2026-01-05T12:00:00Z"})) == [], "begins in the span"
    days = _data(get({"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}, by="day"))
    assert [row["redemptions"] for row in days] == [1, 1, 0]


def test_without_a_span_it_is_the_last_day_of_hours(get: Get) -> None:
    assert _data(get()) == []
    assert _data(get(by="day")) == []


NONSENSE: list[tuple[dict[str, str], set[str]]] = [
    ({"by": "week"}, {"by"}),
    ({"from": "yesterday"}, {"from"}),
    ({"from": "2026-06-31T00:00:00Z", "to": "0001-01-01T00:00:00+23:59"}, {"from", "to"}),
    ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"to"}),
    ({"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"}, {"from"}),
    ({"by": "day", "from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"from"}),
    ({"action_type": "nope"}, {"action_type"}),
    ({"action_type": "\0"}, {"action_type"}),
    ({"limit": "5", "since": "2026-01-02T00:00:00Z"}, {"limit", "since"}),
]


def test_what_makes_no_sense_is_named(get: Get) -> None:
    for parameters, fields in NONSENSE:
        assert _fields(get(parameters)) == fields, parameters


def test_the_longest_span_is_said(get: Get) -> None:
    answer = get({"from": "2026-01-01T00:00:00Z", "to": "2026-02-02T00:00:00Z"})
    assert "at most 31 days before 'to'" in answer.text


def test_an_unknown_board_is_not_found(get: Get) -> None:
    assert get(board="nope").status_code == 404
