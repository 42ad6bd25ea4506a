"""/admin/players: found, shown, changed, suspended and reinstated, with the command line's refusals and audit rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.api_keys import Scope
from tests.integration.boards.test_scorings import add_board, redeem
from tests.integration.http.contents import contents
from tests.integration.http.keyed import PASSWORD, GameServer, game

__all__ = ["game"]  # a fixture

PLAYERS = "/admin/players"


@pytest.fixture
def admin(game: GameServer) -> str:
    """Return a key with the scope `admin`."""
    return game.key("admin").text


@pytest.fixture
def players(game: GameServer) -> list[UUID]:
    """Return three players, of 30, 20 and 10 points."""
    players = [game.add_player(name) for name in ("Anna", "Ben", "Carl")]
    for place, player in enumerate(players):
        redeem(game.container, player, 30 - 10 * place)
    return players


def _acts(game: GameServer) -> list[tuple[str, str, str]]:
    """Return (act, subject, details) of the audit log, the oldest first."""
    rows = reversed(game.container.audit.page(limit=100))
    return [(row.act, row.subject, row.details) for row in rows if not row.act.startswith("key.")]


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["username"] for row in rows]


def test_players_are_listed_by_name_page_by_page(game: GameServer, admin: str, players: list[UUID]) -> None:
    first = game.call("GET", f"{PLAYERS}?limit=2", key=admin)
    assert _names(first.data) == ["Anna", "Ben"]
    assert set(first.data[0]) == {"user_id", "username", "role", "status", "created_at"}
    path = first.body["links"]["next"].removeprefix("/api/v1")
    second = game.call("GET", path, key=admin)
    assert (_names(second.data), "links" in second.body) == (["Carl"], False)
    game.container.moderation.suspend(players[1], "r")
    for query, names in (("prefix=b", ["Ben"]), ("status=suspended", ["Ben"]), ("prefix=z", [])):
        assert _names(game.call("GET", f"{PLAYERS}?{query}", key=admin).data) == names


def test_a_player_is_found_by_name_by_id_and_by_the_games_own_id(game: GameServer, admin: str) -> None:
    body = {"external_id": "u/1", "username": "Anna", "attributes": {"country": "JP"}}
    user_id = game.call("POST", "/players", body, key=game.key("players").text).data["user_id"]
    for name in ("aNNa", user_id, "ext:u/1"):
        assert _names(game.call("GET", f"{PLAYERS}?player={name}", key=admin).data) == ["Anna"]
    for name in ("nobody", str(uuid4()), "ext:nobody"):
        assert game.call("GET", f"{PLAYERS}?player={name}", key=admin).data == []
    by_id, by_own = (game.call("GET", f"{PLAYERS}/{name}", key=admin).data for name in (user_id, "ext:u%2F1"))
    assert by_id == by_own
    assert (by_id["external_id"], by_id["attributes"], by_id["cases"]) == ("u/1", {"country": "JP"}, [])
    assert (by_id["score"], by_id["held"], by_id["rank"], by_id["suspicion"]) == (0, 0, None, 0)
    assert game.call("POST", f"{PLAYERS}/ext:u%2F1/suspend", {}, key=admin).data["user_id"] == user_id
    assert game.call("GET", f"{PLAYERS}/{uuid4()}", key=admin).refusal == (404, "not_found")


def test_a_new_account_may_have_a_reserved_name_and_be_an_admin(game: GameServer) -> None:
    token = game.token("admin")
    body = {"username": "moderator", "password": PASSWORD, "role": "admin"}
    answer = game.call("POST", PLAYERS, body, key=token)
    assert (answer.status, answer.data["role"]) == (201, "admin")
    assert answer.headers["Location"] == f"/api/v1/admin/players/{answer.data['user_id']}"
    assert game.call("POST", PLAYERS, body, key=token).refusal == (409, "username_taken")
    admin_id = game.container.accounts.find("the-admin").id
    assert game.audited("user.created")[0] == (f"player:{admin_id}", f"player:{answer.data['user_id']}")


def test_a_change_of_name_role_and_attributes_is_one_or_none(game: GameServer, admin: str, players: list[UUID]) -> None:
    path, body = f"{PLAYERS}/{players[0]}", {"username": "Nova", "role": "admin", "attributes": {"country": "JP"}}
    before = contents(game.container)
    trial = game.call("PATCH", path, {**body, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    changed = game.call("PATCH", path, body, key=admin).data
    assert (changed["username"], changed["role"], changed["attributes"]) == ("Nova", "admin", {"country": "JP"})
    assert {**trial, "dry_run": False} == changed
    subject = f"player:{players[0]}"
    assert _acts(game) == [
        ("user.attributes", subject, '{"removed":[],"set":["country"]}'),
        ("user.renamed", subject, "{}"),
        ("user.role", subject, '{"role":"admin"}'),
    ]
    assert not game.call("PATCH", path, body, key=admin).data["changed"]
    taken = {"username": "BEN", "attributes": {"country": "BR"}}
    assert game.call("PATCH", path, taken, key=admin).refusal == (409, "username_taken")
    assert game.container.attributes.of(players[0]) == {"country": "JP"}
    assert len(_acts(game)) == 3
    removed = game.call("PATCH", path, {"attributes": {"country": None}}, key=admin).data
    assert removed["attributes"] == {}


def test_a_suspension_says_first_who_would_move(game: GameServer, players: list[UUID]) -> None:
    key = game.key("moderate")
    path, moves = f"{PLAYERS}/{players[0]}", {}
    game.container.database.rows("UPDATE seasons SET corrected_at = NULL RETURNING id")
    for act, was, reason in (("suspend", "active", "sells accounts"), ("reinstate", "suspended", "does not")):
        before = contents(game.container)
        trial = game.call("POST", f"{path}/{act}", {"dry_run": True}, key=key.text).data
        assert contents(game.container) == before
        assert (trial["status"], trial["changed"], trial["moving"]) == (was, True, 3)
        moves[act] = {row["username"]: (row["rank_before"], row["rank_after"]) for row in trial["moves"]}
        done = game.call("POST", f"{path}/{act}", {"reason": reason}, key=key.text).data
        assert (done["status"] != was, done["changed"]) == (True, True)
        suspension = game.call("GET", path, key=key.text).data["suspension"]
        assert (suspension and suspension["reason"]) == (reason if act == "suspend" else None)
        assert not game.call("POST", f"{path}/{act}", {}, key=key.text).data["changed"]
        again = game.call("POST", f"{path}/{act}", {"dry_run": True}, key=key.text).data
        assert (again["changed"], again["moving"]) == (False, 0)
    assert moves["suspend"] == {"Anna": (1, None), "Ben": (2, 1), "Carl": (3, 2)}
    assert moves["reinstate"] == {"Anna": (None, 1), "Ben": (1, 2), "Carl": (2, 3)}
    actor, subject = f"key:{key.key.id}", f"player:{players[0]}"
    assert game.audited("player.suspended") == [(actor, subject)], "a second one changes nothing"
    assert game.audited("player.reinstated") == [(actor, subject)] * 2, "a second one clears the past once more"
    details = [details for act, _, details in _acts(game) if act == "player.suspended"]
    assert details == ['{"changed":true,"reason":"sells accounts"}']


def test_the_moves_of_a_suspension_can_be_cut(game: GameServer, players: list[UUID]) -> None:
    body = {"dry_run": True, "limit": 1}
    trial = game.call("POST", f"{PLAYERS}/{players[0]}/suspend", body, key=game.key("moderate").text).data
    assert (len(trial["moves"]), trial["moving"]) == (1, 3)


def test_a_result_is_entered_after_a_dry_run_has_shown_the_ranks(
    game: GameServer, admin: str, players: list[UUID]
) -> None:
    add_board(game.container, "cup", "best")
    game.container.database.rows(
        """
        INSERT INTO action_types (slug, name, board_id, more_boards, result_kind)
        SELECT 'cup', 'Cup', id, '{}', 'trusted' FROM boards WHERE slug = 'cup' RETURNING id
        """
    )
    path = f"{PLAYERS}/{players[2]}/scores"
    game.call("POST", f"{PLAYERS}/{players[0]}/scores", {"action_type": "cup", "result": 7}, key=admin)
    body = {"action_type": "cup", "result": 9, "metadata": {"map": "canyon"}}
    before = contents(game.container)
    trial = game.call("POST", path, {**body, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    entered = game.call("POST", path, body, key=admin).data
    assert entered["standings"] == [
        {"board": "cup", "season": 1, "score": {"previous": None, "current": 9},
         "rank": {"previous": None, "current": 1}, "counted": True}
    ]  # fmt: skip
    assert {**trial, "dry_run": False, "action_id": entered["action_id"]} == entered
    assert len(game.audited("score.entered")) == 2
    refused = game.call("POST", path, {"action_type": "tap", "result": 9}, key=admin)
    assert (refused.refusal, refused.fields) == ((422, "invalid_request"), {"action_type"})
    game.container.moderation.suspend(players[2], "r")
    assert game.call("POST", path, body, key=admin).refusal == (403, "account_suspended")


BAD: list[tuple[str, str, object, set[str]]] = [
    ("GET", "?limit=0", None, {"limit"}),
    ("GET", "?limit=101", None, {"limit"}),
    ("GET", "?status=sleeping", None, {"status"}),
    ("GET", "?after=first", None, {"after"}),
    ("GET", f"?after={uuid4()}", None, {"after"}),
    ("GET", "?player=anna&status=active", None, {"status"}),
    ("GET", "?player=ext:", None, {"player"}),
    ("GET", "?prefix=%00", None, {"prefix"}),
    ("POST", "", {"username": "x", "role": "king"}, {"username", "password", "role"}),
    ("PATCH", "/ID", {}, {"body"}),
    ("PATCH", "/ID", {"dry_run": True}, {"body"}),
    ("PATCH", "/ID", {"username": "x"}, {"username"}),
    ("PATCH", "/ID", {"status": "active"}, {"status"}),
    ("PATCH", "/ID", {"attributes": {"1st": "x", "a": 1}}, {"attributes.a"}),
    ("PATCH", "/ID", {"attributes": {"1st": "x"}}, {"attributes.1st"}),
    ("PATCH", "/ID", {"attributes": None}, {"attributes"}),
    ("POST", "/ID/suspend", {"reason": " ", "dry_run": "yes", "limit": 0}, {"reason", "dry_run", "limit"}),
    ("POST", "/ID/reinstate", {"why": "r"}, {"why"}),
    ("POST", "/ID/scores", {"result": 5.0, "metadata": 3}, {"action_type", "result", "metadata"}),
    ("POST", "/ID/scores", {"action_type": "nothing", "result": 5}, {"action_type"}),
]


def test_every_bad_field_is_named(game: GameServer, admin: str) -> None:
    player = game.add_player("Anna")
    for method, path, body, fields in BAD:
        answer = game.call(method, f"{PLAYERS}{path.replace('ID', str(player))}", body, key=admin)
        assert (answer.refusal, answer.fields) == ((422, "invalid_request"), fields), (path, body)


@pytest.mark.parametrize(("scope", "suffices"), [("moderate", True), ("admin", True), ("players", False)])
def test_a_players_status_needs_no_more_than_moderate_and_all_else_needs_admin(
    game: GameServer, players: list[UUID], scope: Scope, suffices: bool
) -> None:
    key, player = game.key(scope).text, f"{PLAYERS}/{players[0]}"
    for method, path, body in (("POST", "/suspend", {}), ("POST", "/reinstate", {}), ("GET", "", None)):
        answer = game.call(method, f"{player}{path}", body, key=key)
        assert (answer.status, answer.details if answer.status == 403 else None) == (
            (200, None) if suffices else (403, {"scope": "moderate"})
        )
    if scope != "admin":
        for method, path, more in (("GET", PLAYERS, None), ("PATCH", player, {"role": "admin"})):
            answer = game.call(method, path, more, key=key)
            assert (answer.refusal, answer.details) == ((403, "forbidden"), {"scope": "admin"})
