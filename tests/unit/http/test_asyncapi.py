"""/asyncapi.json: valid, and with every message, close code and event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from app.domain.webhook_events import EVENT_DATA
from app.http.reference.asyncapi import CLOSE_CODES, asyncapi
from app.http.reference.broker_events import BROKER_EVENTS, EXCHANGE
from app.http.reference.message_page import messages_page
from app.ws import frames, messages
from tests.parts.described import check_message
from workers.queues import ROUTES, SCORE_EVENT_TASKS, SEASON_TASKS, WORK

# Of the package @asyncapi/specs 6.11.1, without white space: schemas/3.0.0-without-$id.json.
_SPECIFICATION = Path(__file__).parent / "specs" / "asyncapi-3.0.0.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi()


def test_it_is_valid(document: dict[str, Any]) -> None:
    validator = jsonschema_rs.Draft7Validator(json.loads(_SPECIFICATION.read_text()))
    assert [str(error) for error in validator.iter_errors(document)] == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def targets(value: Any) -> list[str]:
        if isinstance(value, list):
            return [target for part in value for target in targets(part)]
        if not isinstance(value, dict):
            return []
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [target for part in value.values() for target in targets(part)]

    for target in targets(document):
        place: Any = document
        for name in target.removeprefix("#/").split("/"):
            place = place[name]


def test_every_example_is_what_its_payload_says(document: dict[str, Any]) -> None:
    for name, message in document["components"]["messages"].items():
        payload = {**message["payload"], "components": {"schemas": document["components"]["schemas"]}}
        validator = jsonschema_rs.Draft7Validator(payload, validate_formats=True)
        for example in message["examples"]:
            assert [str(error) for error in validator.iter_errors(example["payload"])] == [], name


def test_it_has_the_messages_that_the_server_writes_and_reads(document: dict[str, Any]) -> None:
    row = {"rank": 1, "user_id": "7f0c2f4e-3a55-4b7e-9d1c-5d8f6c2b1a90", "username": "anna", "score": 1}
    row["achieved_at"] = "2026-11-27T10:00:00.000Z"
    written = [
        messages.initial("main", 1, 1, [row]),
        messages.update("main", 2, 1, [row], []),
        messages.standing("main", messages.OwnStanding(1, 1, 1), None),
        messages.ping(0.0),
        messages.error(401, "unauthorized", "Sign in."),
    ]
    shown = document["channels"]["leaderboard"]["messages"]
    kinds = []
    for frame in written:
        message = json.loads(frame[frame.index(b"{") :])
        check_message(message)
        kinds.append(message["type"])
    assert set(kinds) | {"subscribe", "watch", "pong"} == set(shown)
    for kind in ("subscribe", "watch", "pong"):
        example = document["components"]["messages"][kind]["examples"][0]["payload"]
        assert not isinstance(messages.parse(json.dumps(example).encode()), messages.Unreadable)


def test_it_has_every_close_code_of_the_server() -> None:
    codes = {
        value for name, value in vars(frames).items() if name.isupper() and isinstance(value, int) and value >= 1000
    }
    assert codes - {frames.NORMAL} == set(CLOSE_CODES)


def test_it_has_the_events_that_the_relay_publishes() -> None:
    assert {event.task for event in BROKER_EVENTS} == {*SCORE_EVENT_TASKS, *SEASON_TASKS}
    assert WORK.name == EXCHANGE
    for event in BROKER_EVENTS:
        assert ROUTES[f"{event.task.partition('.')[0]}.*"]["routing_key"] == event.routing_key


def test_it_has_every_webhook(document: dict[str, Any]) -> None:
    assert set(document["channels"]["webhooks"]["messages"]) == set(EVENT_DATA)


def test_the_page_shows_every_message(document: dict[str, Any]) -> None:
    shown = {
        message["name"]
        for channel in messages_page()["channels"]
        for group in channel["groups"]
        for message in group["messages"]
    }
    assert shown == set(document["components"]["messages"])
