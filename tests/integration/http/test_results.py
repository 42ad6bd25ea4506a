"""Results that players report, metadata, and answers for several boards, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.containers.container import Container
from app.domain.board_plans import Fields
from app.errors import InvalidRequest
from app.factory import create_app
from app.services.boards.plan_writer import Operator
from tests.integration.boards.test_scorings import add_board


@dataclass
class Racer:
    """A player of a game with a reported type, `race`, that feeds `main` and `fastest`."""

    client: FlaskClient
    container: Container
    headers: dict[str, str]

    def issue(self, slug: str = "race") -> dict[str, Any]:
        answer = self.client.post("/api/v1/actions", json={"action_type": slug}, headers=self.headers)
        data: dict[str, Any] = answer.get_json()["data"]
        return data

    def complete(self, action: dict[str, Any], *, key: str = "", **fields: object) -> tuple[int, dict[str, Any]]:
        """Return the status, and the data or the error."""
        answer = self.client.post(
            f"/api/v1/actions/{action['action_id']}/complete",
            json={"token": action["token"], **fields},
            headers=self.headers | ({"Idempotency-Key": key} if key else {}),
        )
        body = answer.get_json()
        return answer.status_code, body.get("data") or body["error"]


def add_type(container: Container, slug: str, values: Fields) -> None:
    """Add an action type, to `main` if the values name no boards."""
    plans = container.board_plans
    plans.apply(plans.plan({}, {slug: {"boards": ["main"], **values}}), by=Operator("test", "r"))


@pytest.fixture
def racer(container: Container) -> Iterator[Racer]:
    unlimited = {"rate_limit_actions": "100000/second", "rate_limit_auth": "100000/second"}
    app = create_app(container.settings.model_copy(update=unlimited))
    add_board(container, "fastest", "best", "asc")
    bounds = {"result_kind": "reported", "min_result": -5, "max_result": 1000}
    add_type(container, "race", {"min_seconds": 0.0, **bounds, "boards": ["main", "fastest"]})
    add_type(container, "duel", {"min_seconds": 0.0, "result_kind": "trusted"})
    client = app.test_client()
    registered = client.post("/api/v1/auth/register", json={"username": "anna", "password": "correct horse battery"})
    token = registered.get_json()["data"]["access_token"]
    yield Racer(client, container, {"Authorization": f"Bearer {token}"})
    app.extensions["fairboard"].close()


def test_the_answer_has_the_result_and_every_standing(racer: Racer) -> None:
    action = racer.issue()
    assert (action["points"], action["expected_score"]) == (None, None)
    assert racer.complete(action, result=60)[0] == 200
    status, data = racer.complete(racer.issue(), result=90)
    assert (status, data["points"], data["result"]) == (200, None, 90)
    main = {"score": {"previous": 60, "current": 150}, "rank": {"previous": 1, "current": 1}}
    fastest = {"score": {"previous": 60, "current": 60}, "rank": {"previous": 1, "current": 1}}
    assert (data["score"], data["rank"]) == (main["score"], main["rank"])
    assert data["standings"] == [
        {"board": "main", "season": 1, **main, "counted": True},
        {"board": "fastest", "season": 1, **fastest, "counted": False},
    ]


def test_an_offered_type_comes_with_the_open_seasons_that_it_feeds(racer: Racer) -> None:
    catalog = racer.container.catalog
    add_board(racer.container, "ended", "best", "asc")
    add_type(racer.container, "relay", {"min_seconds": 0.0, "points": 3, "boards": ["fastest", "ended", "main"]})
    racer.container.database.rows(
        """UPDATE seasons n SET ends_at = now() FROM boards b
           WHERE b.id = n.board_id AND b.slug = 'ended' RETURNING n.id"""
    )
    for slug, boards in {"relay": ["fastest", "main"], "race": ["main", "fastest"], "duel": ["main"]}.items():
        offered, expected = catalog.offered(slug), catalog.action_type(slug)
        assert expected is not None
        assert offered == (expected, catalog.fed_seasons(expected))
        assert [season.board for season in offered[1]] == boards
    assert catalog.offered("nothing") is None


def test_the_first_result_on_a_best_board_has_nothing_before_it(racer: Racer) -> None:
    _, data = racer.complete(racer.issue(), result=-5)
    assert [row["score"] for row in data["standings"]] == [
        {"previous": 0, "current": -5},
        {"previous": None, "current": -5},
    ]
    assert [row["rank"]["previous"] for row in data["standings"]] == [None, None]


@pytest.mark.parametrize("result", [5.0, True, "5", None, -6, 1001, 2**53, 2**64])
def test_a_bad_result_is_named_and_leaves_the_token_usable(racer: Racer, result: object) -> None:
    action = racer.issue()
    status, error = racer.complete(action, result=result)
    assert (status, [detail["field"] for detail in error["details"]]) == (422, ["result"])
    status, error = racer.complete(action)
    assert (status, error["details"]) == (422, [{"field": "result", "message": "is required for this action type"}])
    assert racer.complete(action, result=7)[0] == 200


def test_fixed_points_take_no_result(racer: Racer) -> None:
    action = racer.issue("tap")
    assert racer.complete(action, result=7)[0] == 422
    status, data = racer.complete(action)
    assert (status, data["points"], data["result"]) == (200, 1, 1)


def test_a_player_may_not_complete_a_trusted_type(racer: Racer) -> None:
    action = racer.issue("duel")
    for _ in range(2):
        status, error = racer.complete(action, result=7)
        assert (status, error["code"]) == (403, "trusted_only")


@pytest.mark.parametrize("metadata", [[], "text", {"x": "é" * 600}, {"x": "\ud800"}, {"x": 1e999}, None])
def test_metadata_that_can_not_be_kept_is_named(racer: Racer, metadata: object) -> None:
    action = racer.issue()
    status, error = racer.complete(action, result=7, metadata=metadata)
    assert status in (400, 422)
    assert status == 400 or [detail["field"] for detail in error["details"]] == ["metadata"]
    assert racer.complete(action, result=7, metadata={"car": "é" * 480, "laps": [1, None, 2.5, "\0"]})[0] == 200
    rows = racer.client.get("/api/v1/leaderboard/top?board=fastest").get_json()["data"]
    assert rows[0]["metadata"] == {"car": "é" * 480, "laps": [1, None, 2.5, "\0"]}


def test_a_retry_has_the_first_answer_and_another_result_is_another_request(racer: Racer) -> None:
    action = racer.issue()
    first = racer.complete(action, key="k", result=60, metadata={"car": "red"})
    assert first[0] == 200
    assert racer.complete(action, key="k", result=60, metadata={"car": "red"}) == first
    for changed in ({"result": 59, "metadata": {"car": "red"}}, {"result": 60}):
        status, error = racer.complete(action, key="k", **changed)
        assert (status, error["code"]) == (422, "idempotency_key_reused")


def test_an_action_without_an_open_board_is_refused_at_both_ends(racer: Racer) -> None:
    action = racer.issue()
    racer.container.database.rows("UPDATE seasons SET ends_at = now() RETURNING id")
    for _ in range(2):
        status, error = racer.complete(action, result=7)
        assert (status, error["code"]) == (409, "board_closed")
    answer = racer.client.post("/api/v1/actions", json={"action_type": "race"}, headers=racer.headers)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "board_closed")


def test_an_implausible_result_is_refused_with_its_evidence(racer: Racer) -> None:
    bounds = {"result_kind": "reported", "max_per_second": 1.0}
    add_type(racer.container, "coins", {"min_seconds": 0.0, **bounds})
    status, error = racer.complete(racer.issue("coins"), result=10_000)
    assert (status, error["code"]) == (403, "suspicious_activity")
    (signal,) = racer.container.database.rows("SELECT rule, is_hard FROM signals")
    assert tuple(signal) == ("plausibility", True)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"points": 1, "token_seconds": 900, "min_seconds": 900.0}, "token_seconds"),
        ({"points": 1, "min_seconds": 900.0}, "token_seconds"),
        ({"points": 1, "token_seconds": 9}, "token_seconds"),
        ({"points": 1, "max_result": 5}, "max_result"),
        ({"result_kind": "reported", "points": 5}, "points"),
        ({"result_kind": "reported", "min_result": 5, "max_result": 4}, "max_result"),
        ({"result_kind": "reported", "slack_seconds": 2.0}, "slack_seconds"),
        ({"result_kind": "reported", "result_is_duration": True, "max_per_second": 2.0}, "max_per_second"),
        ({"result_kind": "guessed"}, "result_kind"),
    ],
)
def test_a_type_that_makes_no_sense_is_refused(racer: Racer, values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        add_type(racer.container, "odd", {"min_seconds": 0.0, **values})
    assert [detail["field"] for detail in refusal.value.details] == [f"action_types.odd.{field}"]  # type: ignore[index,union-attr]


def test_tokens_live_as_long_as_their_type_says(racer: Racer) -> None:
    add_type(racer.container, "slow", {"points": 1, "min_seconds": 900.0, "token_seconds": 1800})
    promise = racer.container.actions.issue(racer.container.accounts.find("anna").id, "slow").promise
    assert promise.expires_ms - promise.issued_ms == 1_800_000
