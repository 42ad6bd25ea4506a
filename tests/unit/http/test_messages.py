"""The messages of refused requests are in the API's own words."""

from __future__ import annotations

import pytest
from flask import Flask
from pydantic import BaseModel

from app.errors import InvalidRequest, NotFound
from app.http import board_queries, bodies, failures


@pytest.fixture
def app() -> Flask:
    app = Flask("messages", static_folder=None)
    failures.register(app)
    return app


@pytest.mark.parametrize(
    ("model", "text", "message"),
    [
        (board_queries.TopQuery, "limit=0", "must be at least 1"),
        (board_queries.TopQuery, "limit=101", "must be at most 100"),
        (board_queries.TopQuery, "limit=ten", "must be an integer"),
        (board_queries.TopQuery, "colour=red", "is not a field of this request"),
        (bodies.AnalyticsQuery, "by=week", "must be 'hour' or 'day'"),
        (bodies.CasesQuery, "appealed=perhaps", "must be true or false"),
        (bodies.CasesQuery, "after=first", "must be the id of a case"),
    ],
)
def test_a_bad_parameter_is_named_with_its_rule(app: Flask, model: type[BaseModel], text: str, message: str) -> None:
    with app.test_request_context(f"/?{text}"), pytest.raises(InvalidRequest) as refused:
        bodies.query(model)
    assert refused.value.details == [{"field": text.partition("=")[0], "message": message}]


@pytest.mark.parametrize(
    ("body", "message"),
    [({}, "is required"), ({"action_type": 7}, "must be a string")],
)
def test_a_bad_field_is_named_with_its_rule(app: Flask, body: dict[str, object], message: str) -> None:
    with app.test_request_context("/", method="POST", json=body), pytest.raises(InvalidRequest) as refused:
        bodies.body(bodies.NewAction)
    assert refused.value.details == [{"field": "action_type", "message": message}]


def test_a_password_that_is_too_long_is_named_with_the_limit(app: Flask) -> None:
    sign_in = {"username": "anna", "password": "x" * 5000}
    with app.test_request_context("/", method="POST", json=sign_in), pytest.raises(InvalidRequest) as refused:
        bodies.body(bodies.Credentials)
    assert refused.value.details == [{"field": "password", "message": "must have at most 4096 characters"}]


def test_an_unknown_path_has_the_message_of_any_missing_resource(app: Flask) -> None:
    error = app.test_client().get("/nowhere").get_json()["error"]
    assert error == {"code": "not_found", "message": NotFound.default_message}
