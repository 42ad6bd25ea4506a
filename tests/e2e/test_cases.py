"""Cases through the API: admins' evidence and decisions, the player's notice and appeal, the public board."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.parts.client import Api, Player
from tests.parts.product import Product
from tests.parts.subscriber import Subscriber
from tests.parts.waiting import eventually


@pytest.fixture(scope="module")
def admin(product: Product) -> Player:
    player = Api(product.url).register()
    assert product.flask("users", "set-role", player.username, "admin").returncode == 0
    return player


@pytest.fixture
def caught(anna: Player) -> str:
    """Suspend Anna, who has 1 point, for two fights completed at once. Returns her case's id."""
    anna.score_once()
    for code in ("suspicious_activity", "account_suspended"):
        assert anna.complete(anna.issue("boss-fight")).refusal == (403, code)
    case: str = anna.me()["case"]["case_id"]
    return case


def _decide(admin: Player, case: str, decision: str, reason: str = "looked at it") -> Any:
    return admin.post(f"/admin/cases/{case}/decision", {"decision": decision, "reason": reason})


def test_a_case_shows_its_evidence_in_words_and_numbers(admin: Player, anna: Player, caught: str) -> None:
    answer = admin.get(f"/admin/cases/{caught}")
    case = answer.data
    assert (case["case_id"], case["state"], case["username"], case["status"]) == (
        caught,
        "open",
        anna.username,
        "suspended",
    )
    assert answer.links["decision"].endswith(f"/{caught}/decision")
    first = case["signals"][0]
    assert (first["rule"], first["source"], first["action_type"]) == ("timing", "live", "boss-fight")
    assert "after" in first["seen"]
    assert first["expected"] == "20.00 s or more"
    assert first["added"] == pytest.approx(first["left"] + first["decayed"], abs=0.05)
    assert 0 < first["left"] <= first["added"]
    assert case["summary"].startswith(f"{anna.username} completed actions faster than they can be done, twice ")
    assert "the account was suspended" in case["summary"]
    assert (case["appeal"], case["decisions"]) == (None, [])


def test_the_list_is_filtered_and_paged(admin: Player, anna: Player, caught: str, api: Api) -> None:
    other_cases = []
    for _ in range(2):
        cheater = api.register()
        cheater.complete(cheater.issue("boss-fight"))
        other_cases.append(cheater.me()["case"]["case_id"])
    rows = admin.get(f"/admin/cases?player={anna.username}&state=open&rule=timing&appealed=false").data
    assert [row["case_id"] for row in rows] == [caught]
    assert (rows[0]["signals"], rows[0]["rules"]) == (2, ["timing"])
    assert admin.get(f"/admin/cases?player={anna.user_id}&rule=pattern").data == []
    assert admin.get(f"/admin/cases?player={anna.username}&since=2999-01-01").data == []
    page = admin.get("/admin/cases?limit=1&rule=timing")
    case_ids = [page.data[0]["case_id"]]
    for _ in range(2):
        page = admin.get(page.links["next"].removeprefix("/api/v1"))
        case_ids.append(page.data[0]["case_id"])
    assert case_ids == [*reversed(other_cases), caught]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=closed", "state"),
        ("rule=nonsense", "rule"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("appealed=maybe", "appealed"),
        ("since=yesterday", "since"),
        ("order=oldest", "order"),
        ("after=nothing", "after"),
        (f"after={uuid4()}", "after"),
        ("colour=red", "colour"),
    ],
    ids=lambda value: value.split("=")[0],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(admin: Player, query: str, field: str) -> None:
    answer = admin.get(f"/admin/cases?{query}")
    assert answer.refusal == (422, "invalid_request")
    assert answer.fields == {field}


def test_a_confirmed_cheater_is_off_every_screen_within_a_second_and_the_undo_brings_them_back(
    product: Product, api: Api, admin: Player, anna: Player, extra_type: Callable[..., str]
) -> None:
    anna.score_once(extra_type(points=990_000_011))
    prize = anna.me()
    case = product.query_value("SELECT gen_random_uuid()::text")
    with product.database() as connection:
        row = "INSERT INTO cases (id, player_id, starts_at) VALUES (%s, %s, '2026-01-01')"
        connection.execute(row, [case, anna.user_id])
    with Subscriber(product.url) as screen:
        screen.subscribe(admin.access_token)
        _read_until(screen, lambda ids: anna.user_id in ids)
        confirmed = _decide(admin, case, "confirmed", "ran a script").data
        _read_until(screen, lambda ids: anna.user_id not in ids)
        eventually(lambda: anna.user_id not in _listed(api))
        assert (anna.me()["score"], anna.me()["status"], anna.me()["case"]["state"]) == (0, "suspended", "confirmed")
        assert (confirmed["state"], confirmed["decisions"][0]["decided_by_name"]) == ("confirmed", admin.username)
        undone = admin.post(f"/admin/cases/{case}/undo", {"reason": "the wrong one"}).data
        assert (undone["state"], [decision["decision"] for decision in undone["decisions"]]) == (
            "open",
            ["confirmed", "undone"],
        )
        _read_until(screen, lambda ids: anna.user_id in ids)
    back = anna.me()
    assert (back["score"], back["rank"], back["status"]) == (prize["score"], prize["rank"], "active")
    eventually(lambda: product.flask("leaderboard", "verify").returncode == 0, within=30)


def _listed(api: Api) -> list[str]:
    return [row["user_id"] for row in api.get("/leaderboard/top").data]


def _read_until(screen: Subscriber, is_expected: Callable[[list[str]], bool]) -> None:
    """Read boards until one has the expected ids."""
    while True:
        message = screen.receive()
        if message["type"].startswith("leaderboard.") and is_expected([row["user_id"] for row in message["data"]]):
            return


def test_what_a_script_scored_since_the_evidence_leaves_the_public_board_with_its_hold(
    product: Product, api: Api, anna: Player
) -> None:
    slug = f"dash-{anna.username}"
    assert product.flask("actions", "add", slug, "--points", "1", "--per-minute", "16").returncode == 0
    for _ in range(20):  # the 18th is evidence, and the 20th is held
        anna.score_once(slug)
    own = anna.me()
    assert (own["score"], own["case"]["state"]) == (20, "open")
    eventually(lambda: api.get(f"/leaderboard/users/{anna.user_id}").data["score"] == 17, within=20)
    assert anna.me()["score"] == 20


def test_open_cases_are_listed_by_harm(admin: Player, caught: str) -> None:
    rows = admin.get("/admin/cases?order=harm&limit=100").data
    scores = [row["harm"]["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert caught in {row["case_id"] for row in rows}


def test_clearing_a_case_lets_the_player_play_on(admin: Player, anna: Player, caught: str) -> None:
    assert _decide(admin, caught, "cleared", "a fast hand").data["status"] == "active"
    me = anna.me()
    assert (me["status"], me["case"]["state"], me["case"]["may_appeal"]) == ("active", "cleared", False)
    assert me["case"]["decided_at"] is not None
    assert anna.score_once()["score"]["current"] == 2
    assert anna.post("/me/appeal", {"text": "Thank you"}).refusal == (409, "already_decided")


def test_a_suspended_player_appeals_once_and_it_stands_on_the_case(
    product: Product, admin: Player, anna: Player, caught: str
) -> None:
    before = anna.get("/me")
    assert before.data["case"] == {
        "case_id": caught,
        "state": "open",
        "opened_at": before.data["case"]["opened_at"],
        "decided_at": None,
        "appealed_at": None,
        "may_appeal": True,
    }
    assert before.links["appeal"] == "/api/v1/me/appeal"
    answer = anna.post("/me/appeal", {"text": "I have a macro key.\nFor my wrist."})
    assert (answer.status, answer.data["case_id"]) == (201, caught)
    me = anna.get("/me")
    assert me.data["case"]["may_appeal"] is False
    assert me.data["case"]["appealed_at"] == answer.data["appealed_at"]
    assert "appeal" not in me.links
    assert anna.post("/me/appeal", {"text": "Once more."}).refusal == (409, "already_appealed")
    case = admin.get(f"/admin/cases/{caught}").data
    assert case["appeal"] == {"text": "I have a macro key.\nFor my wrist.", "appealed_at": answer.data["appealed_at"]}
    assert caught in [row["case_id"] for row in admin.get("/admin/cases?appealed=true").data]
    assert product.run_json("anticheat", "show", caught)["cases"][0]["appeal"].startswith("I have a macro key.")


def test_what_was_confirmed_can_be_appealed_against(admin: Player, anna: Player, caught: str) -> None:
    _decide(admin, caught, "confirmed")
    assert anna.me()["case"]["may_appeal"] is True
    assert anna.post("/me/appeal", {"text": "It was not me."}).status == 201


def test_without_a_case_there_is_nothing_to_appeal(anna: Player) -> None:
    assert "case" not in anna.me()
    assert anna.post("/me/appeal", {"text": "Hello?"}).refusal == (404, "not_found")


@pytest.mark.parametrize("text", ["", " \n", "x" * 2001, "a\0b", 5, None], ids=repr)
def test_an_appeal_is_a_text_of_up_to_2000_characters(anna: Player, text: Any) -> None:
    anna.complete(anna.issue("boss-fight"))
    answer = anna.post("/me/appeal", {"text": text})
    assert (answer.refusal, answer.fields) == ((422, "invalid_request"), {"text"})
    assert anna.post("/me/appeal", {"text": "x" * 2000}).status == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "cleared"}, "reason"),
        ({"decision": "cleared", "reason": " "}, "reason"),
        ({"decision": "cleared", "reason": "x" * 1001}, "reason"),
        ({"decision": "forgiven", "reason": "x"}, "decision"),
        ({"decision": "cleared", "reason": "x", "by": "me"}, "by"),
    ],
    ids=["none", "blank", "long", "unknown", "more"],
)
def test_a_decision_needs_a_reason_and_nothing_else(
    admin: Player, caught: str, body: dict[str, str], field: str
) -> None:
    answer = admin.post(f"/admin/cases/{caught}/decision", body)
    assert (answer.refusal, answer.fields) == ((422, "invalid_request"), {field})
    assert admin.get(f"/admin/cases/{caught}").data["state"] == "open"


def test_an_admin_decides_on_others_only(product: Product, anna: Player) -> None:
    anna.complete(anna.issue("boss-fight"))
    assert product.flask("users", "set-role", anna.username, "admin").returncode == 0
    case = anna.me()["case"]["case_id"]
    assert _decide(anna, case, "cleared").refusal == (403, "forbidden")
    assert anna.get(f"/admin/cases/{uuid4()}").refusal == (404, "not_found")
    assert _decide(anna, str(uuid4()), "cleared").refusal == (404, "not_found")


def test_appeals_are_limited(caller: Callable[[], Api]) -> None:
    player = caller().register()
    codes = [player.post("/me/appeal", {"text": "Hello?"}).code for _ in range(6)]
    assert codes == [*["not_found"] * 5, "rate_limited"]
