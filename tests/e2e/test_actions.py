"""Action types, issuing, the states of an action."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.parts.client import Api, Player

RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def test_action_types_say_what_they_are_worth_and_how_long_they_take(api: Api) -> None:
    kinds = api.get("/action-types").data
    assert kinds
    for kind in kinds:
        assert set(kind) == {
            "slug", "name", "points", "min_seconds", "board", "boards", "result_kind", "result_is_duration",
            "min_result", "max_result",
        }  # fmt: skip
        assert kind["boards"] == [kind["board"]]
    assert {kind["slug"]: kind["points"] for kind in kinds}["tap"] == 1


def test_issuing_answers_the_token_and_where_the_action_is(anna: Player) -> None:
    answer = anna.post("/actions", {"action_type": "tap"})
    assert answer.status == 201
    issued = answer.data
    assert set(issued) == {
        "action_id", "action_type", "token", "points", "expected_score", "issued_at", "expires_at"
    }  # fmt: skip
    assert str(UUID(issued["action_id"])) == issued["action_id"]
    assert answer.headers["Location"] == f"/api/v1/actions/{issued['action_id']}"
    assert issued["action_type"] == "tap"
    assert (issued["points"], issued["expected_score"]) == (1, 1)
    assert RFC_3339_UTC.fullmatch(issued["issued_at"])
    assert RFC_3339_UTC.fullmatch(issued["expires_at"])
    life = datetime.fromisoformat(issued["expires_at"]) - datetime.fromisoformat(issued["issued_at"])
    assert life == timedelta(minutes=10)


def test_the_expected_score_is_what_the_score_becomes(anna: Player) -> None:
    anna.score_once()
    action = anna.issue()
    assert action["expected_score"] == 2
    assert anna.complete(action).data["score"]["current"] == 2


@pytest.mark.parametrize("slug", ["no-such-type", "", "TAP", "tap ", "x" * 5000, "tap\u0000"])
def test_an_unknown_action_type_is_a_422(anna: Player, slug: str) -> None:
    answer = anna.post("/actions", {"action_type": slug})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"action_type"}


def test_points_cannot_be_asked_for(anna: Player) -> None:
    answer = anna.post("/actions", {"action_type": "tap", "points": 1000})
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {"points"}


def test_an_action_is_active_until_it_is_consumed(anna: Player) -> None:
    action = anna.issue()
    details = anna.get(f"/actions/{action['action_id']}").data
    assert details["action_id"] == action["action_id"]
    assert (details["action_type"], details["state"]) == ("tap", "active")
    assert anna.complete(action).status == 200
    assert anna.state_of(action) == "consumed"


def test_the_token_is_not_shown_again(anna: Player) -> None:
    action = anna.issue()
    assert action["token"] not in anna.get(f"/actions/{action['action_id']}").text


def test_an_action_that_was_refused_for_cheating_is_invalid_from_then_on(anna: Player) -> None:
    action = anna.issue("boss-fight")
    assert anna.complete(action).refusal == (403, "suspicious_activity")
    assert anna.state_of(action) == "invalid"
    assert anna.complete(action).refusal == (401, "invalid_token")


def test_a_forged_signature_consumes_nothing(anna: Player) -> None:
    action = anna.issue()
    forged = {**action, "token": action["token"][:-6] + action["token"][-6:][::-1]}
    assert anna.complete(forged).refusal == (401, "invalid_signature")
    assert anna.state_of(action) in ("active", "invalid")


def test_another_players_action_is_not_there(anna: Player, ben: Player) -> None:
    action = anna.issue()
    assert ben.get(f"/actions/{action['action_id']}").status == 404


def test_an_action_that_never_was_is_a_404(anna: Player) -> None:
    assert anna.get(f"/actions/{uuid4()}").status == 404


@pytest.mark.parametrize("malformed", ["1", "not-an-id", "0" * 36, "..", "%00", "'", "\u00e9"])
def test_a_malformed_id_is_a_404(anna: Player, malformed: str) -> None:
    assert anna.get(f"/actions/{malformed}").status == 404
    assert anna.post(f"/actions/{malformed}/complete", {"token": "x"}).status == 404
    assert anna.get(f"/leaderboard/users/{malformed}").status == 404


def test_a_player_holds_ten_active_actions_and_no_more(anna: Player, ben: Player) -> None:
    actions = [anna.issue() for _ in range(10)]
    assert anna.post("/actions", {"action_type": "tap"}).refusal == (409, "too_many_actions")
    assert ben.issue(), "another player's are another matter"
    assert anna.complete(actions[3]).status == 200
    assert anna.issue()
    assert anna.post("/actions", {"action_type": "puzzle"}).refusal == (409, "too_many_actions")


def test_an_action_type_can_be_added_and_played_at_once(anna: Player, extra_type: Callable[..., str]) -> None:
    slug = extra_type(points=77)
    assert anna.score_once(slug)["points"] == 77
