"""Completing an action: the answer, and the order of checks with the answer to each failure."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.parts.client import Api, Player

BASE64 = string.ascii_letters + string.digits + "-_"


def test_the_answer_says_what_was_earned_and_where_to_look(anna: Player) -> None:
    action = anna.issue()
    answer = anna.complete(action)
    assert answer.status == 200
    assert set(answer.data) == {"action_id", "points", "result", "score", "rank", "standings"}
    assert answer.data["action_id"] == action["action_id"]
    assert answer.data["points"] == 1
    assert answer.data["score"] == {"previous": 0, "current": 1}
    assert answer.data["rank"]["previous"] is None
    assert answer.data["rank"]["current"] >= 1
    assert any("/leaderboard/top" in link for link in answer.links.values())
    assert any(link.endswith(f"/leaderboard/users/{anna.user_id}") for link in answer.links.values())
    assert "Idempotency-Replayed" not in answer.headers


def test_the_links_lead_somewhere(anna: Player) -> None:
    for link in anna.complete(anna.issue()).links.values():
        assert anna.get(link.removeprefix("/api/v1")).status == 200


def test_ranks_before_and_after_are_the_true_competition_ranks(
    player: Callable[..., Player], extra_type: Callable[..., str]
) -> None:
    hundred, ten = extra_type(points=1_000_000), extra_type(points=1)
    first, second = player(), player()
    lead = first.score_once(hundred)["rank"]["current"]
    tied = second.score_once(hundred)
    assert tied["rank"] == {"previous": None, "current": lead}, "equal scores share a rank"
    ahead = second.score_once(ten)
    assert ahead["rank"] == {"previous": lead, "current": lead}
    assert first.me()["rank"] == lead + 1
    passing = first.score_once(hundred)
    assert passing["rank"] == {"previous": lead + 1, "current": first.me()["rank"]}
    assert second.me()["rank"] == first.me()["rank"] + 1


def test_ones_own_score_and_rank_are_true_at_once(anna: Player) -> None:
    for score in (1, 2, 3):
        scored = anna.score_once()
        me = anna.me()
        assert (me["score"], me["rank"]) == (score, scored["rank"]["current"])
        mine = anna.get("/leaderboard/me").data["standing"]
        assert (mine["score"], mine["rank"]) == (me["score"], me["rank"])


def _refused(player: Player, action_id: str, token: str) -> tuple[int, str | None]:
    return player.post(f"/actions/{action_id}/complete", {"token": token}).refusal


def test_a_second_time_is_token_already_used(anna: Player) -> None:
    action = anna.issue()
    assert anna.complete(action).status == 200
    assert anna.complete(action).refusal == (403, "token_already_used")
    assert anna.me()["score"] == 1


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "null", "\u00e9", "x" * 8000, "\u0000", "..", "a.b.c.d"])
def test_a_token_that_is_none_is_invalid(anna: Player, token: str) -> None:
    action = anna.issue()
    status, code = _refused(anna, action["action_id"], token)
    # A text that can't be a token may be refused as a field already (step 3); otherwise it is not found (step 4).
    assert (status, code) in {(401, "invalid_token"), (422, "invalid_request"), (401, "invalid_signature")}
    assert anna.me()["score"] == 0


def test_the_token_of_another_action_is_invalid(anna: Player) -> None:
    tap, puzzle = anna.issue(), anna.issue("puzzle")
    assert _refused(anna, tap["action_id"], puzzle["token"]) == (401, "invalid_token")
    assert _refused(anna, str(uuid4()), puzzle["token"]) == (401, "invalid_token")
    assert (anna.state_of(tap), anna.state_of(puzzle)) == ("active", "active")


def test_another_players_token_is_invalid_and_stays_good_for_its_player(anna: Player, ben: Player) -> None:
    action = anna.issue()
    assert _refused(ben, action["action_id"], action["token"]) == (401, "invalid_token")
    assert _refused(ben, ben.issue()["action_id"], action["token"]) == (401, "invalid_token")
    assert anna.complete(action).status == 200
    assert ben.me()["score"] == 0


def _altered(token: str, place: int) -> str:
    replacement = next(char for char in BASE64 if char != token[place])
    return token[:place] + replacement + token[place + 1 :]


def test_no_altered_token_scores(player: Callable[..., Player]) -> None:
    cheater, codes = player(), set()
    length = len(cheater.issue()["token"])
    places = sorted({*range(0, length, max(1, length // 25)), length - 2, length - 1})
    for number, place in enumerate(places):
        if number % 8 == 0:
            cheater = player()
        action = cheater.issue()
        if action["token"][place] == ".":
            continue
        status, code = _refused(cheater, action["action_id"], _altered(action["token"], place))
        assert status == 401, place
        codes.add(code)
        assert cheater.me()["score"] == 0
    assert codes <= {"invalid_token", "invalid_signature"}
    assert "invalid_signature" in codes


def test_the_last_character_has_one_good_spelling(player: Callable[..., Player]) -> None:
    """Refuse other spellings: Base64 has spare bits at its end, and a store keyed by the token would not match them."""
    for start in range(0, 64, 8):
        cheater = player()
        for last in BASE64[start : start + 8]:
            action = cheater.issue()
            if action["token"][-1] != last:
                assert _refused(cheater, action["action_id"], action["token"][:-1] + last)[0] == 401, last


def test_surrounding_space_does_not_make_a_second_token(anna: Player) -> None:
    action = anna.issue()
    assert _refused(anna, action["action_id"], action["token"] + " ")[0] in (401, 422)


def test_the_order_from_the_jwt_to_the_body(anna: Player) -> None:
    path = f"/actions/{anna.issue()['action_id']}/complete"
    junk: dict[str, Any] = {"raw": b"{", "headers": {"Content-Type": "text/plain"}}
    assert anna.api.post(path, **junk).refusal == (401, "unauthorized")
    assert anna.post(path, **junk).refusal == (415, "unsupported_media_type")
    assert anna.post(path, raw=b"{").refusal == (400, "malformed_json")
    assert anna.post(path, raw=b"x" * 20_000).refusal == (413, "too_large")
    assert anna.post(path, {"token": 1}).refusal == (422, "invalid_request")
    assert anna.post(path, {"token": "a.b.c", "points": 5}).fields == {"points"}


def test_a_body_is_checked_before_the_token(anna: Player) -> None:
    action = anna.issue()
    assert anna.complete(action).status == 200
    answer = anna.post(f"/actions/{action['action_id']}/complete", {"token": action["token"], "more": 1})
    assert answer.refusal == (422, "invalid_request")


def test_whether_it_is_found_comes_before_whether_it_is_signed(anna: Player) -> None:
    unknown_id = str(uuid4())
    action = anna.issue()
    assert _refused(anna, unknown_id, _altered(action["token"], len(action["token"]) - 4)) == (401, "invalid_token")


def test_the_signature_comes_before_whether_it_is_consumed(anna: Player) -> None:
    action = anna.issue()
    anna.complete(action)
    forged = _altered(action["token"], len(action["token"]) - 4)
    assert _refused(anna, action["action_id"], forged) == (401, "invalid_signature")
    assert anna.state_of(action) == "consumed"


def test_whether_it_is_consumed_comes_before_the_anticheat(api: Api, anna: Player) -> None:
    action = anna.issue()
    anna.complete(action)
    assert anna.complete(anna.issue("boss-fight")).refusal == (403, "suspicious_activity")
    assert anna.complete(action).refusal == (403, "token_already_used")


def test_points_are_those_the_token_promised(product: Any, anna: Player, extra_type: Callable[..., str]) -> None:
    slug = extra_type(points=5, own=True)
    action = anna.issue(slug)
    assert product.flask("actions", "change", slug, "--points", "50").returncode == 0
    assert anna.complete(action).data["points"] == 5
    assert anna.score_once(slug)["points"] in (5, 50), "other processes may take a moment to notice"


def test_a_retired_type_is_unknown_but_what_was_issued_still_counts(
    product: Any, anna: Player, extra_type: Callable[..., str]
) -> None:
    slug = extra_type(points=5, own=True)
    action = anna.issue(slug)
    assert product.flask("actions", "retire", slug, "--yes").returncode == 0
    assert anna.complete(action).status == 200


AHEAD = {"Date": "Thu, 01 Jan 2037 00:00:00 GMT", "X-Request-Start": "t=2114380800"}


@pytest.mark.parametrize("field", ["completed_at", "seconds", "client_time", "timestamp"])
def test_a_client_has_no_say_in_when_something_was(anna: Player, field: str) -> None:
    action = anna.issue()
    path = f"/actions/{action['action_id']}/complete"
    answer = anna.post(path, {"token": action["token"], field: 1})
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert [detail["field"] for detail in answer.details] == [field]
    assert anna.post(path, {"token": action["token"]}, headers=AHEAD).status == 200


def test_a_client_whose_clock_runs_ahead_waits_as_long_as_any_other(anna: Player) -> None:
    action = anna.issue("boss-fight")
    answer = anna.post(f"/actions/{action['action_id']}/complete", {"token": action["token"]}, headers=AHEAD)
    assert (answer.status, answer.code) == (403, "suspicious_activity")
