"""Guests over HTTP: they play, become full accounts, and have names that nobody may choose."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from app.domain.guest_names import guest_name, is_guest_name
from app.errors import NotAGuest, Unavailable
from app.services.accounts.accounts import NewAccount
from app.services.accounts.guests import Guests
from app.services.accounts.player_changes import PlayerChange
from tests.integration.boards.test_scorings import redeem
from tests.integration.boards.test_seasons import deliver
from tests.integration.http.keyed import PASSWORD, GameServer, Reply, block, close, game, start
from tests.integration.http.test_own_account import pushed_names
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture


def test_a_guest_is_signed_in_like_everyone_who_registers(game: GameServer) -> None:
    guest = game.call("POST", "/auth/guest")
    registered = game.call("POST", "/auth/register", {"username": "Anna", "password": PASSWORD})
    assert (guest.status, set(guest.data), set(guest.data["user"])) == (
        201, set(registered.data), set(registered.data["user"]),
    )  # fmt: skip
    assert guest.headers["Cache-Control"] == "no-store"
    name = guest.data["user"]["username"]
    assert is_guest_name(name)
    me = game.call("GET", "/me", key=guest.data["access_token"]).data
    assert (me["username"], me["role"], me["score"], me["guest"]) == (name, "player", 0, True)
    assert "guest" not in game.call("GET", "/me", key=registered.data["access_token"]).data
    again = game.call("POST", "/auth/refresh", key=guest.data["refresh_token"])
    assert again.data["user"] == guest.data["user"]
    for password in ("", "!", PASSWORD):
        credentials = {"username": name, "password": password}
        assert game.call("POST", "/auth/login", credentials).refusal == (401, "invalid_credentials")


def test_a_guest_chooses_nothing(game: GameServer) -> None:
    assert game.call("POST", "/auth/guest", {"username": "Anna"}).fields == {"username"}
    assert game.call("POST", "/auth/guest", []).fields == {"body"}


def test_guests_count_against_the_limit_of_registrations(game: GameServer) -> None:
    server = start(game.container, rate_limit_auth="2/minute")
    try:
        assert server.call("POST", "/auth/guest").status == 201
        assert server.call("POST", "/auth/register", {}).fields == {"username", "password"}
        refused = server.call("POST", "/auth/guest")
        assert refused.refusal == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
    finally:
        close(server)


def test_nobody_chooses_a_name_of_a_guest(game: GameServer) -> None:
    token = game.call("POST", "/auth/guest").data["access_token"]
    for name in ("Calm Otter 40213", "calmotter40213", "C\u0430lm_\u041etter-4O2l3"):
        body = {"username": name, "password": PASSWORD}
        assert game.call("POST", "/auth/register", body).refusal == (409, "username_taken")
        assert game.call("PATCH", "/me", {"username": name}, key=token).fields == {"username"}


def _guests(game: GameServer, seed: int) -> Guests:
    """Return the service with names that are known beforehand."""
    guests = game.container.guests
    return Guests(
        guests._db, guests._players, guests._credentials, guests._accounts, guests._renames, guests._rules,
        guests._throttle, guests._attributes, source=random.Random(seed),
    )  # fmt: skip


def test_a_guest_does_not_get_a_name_that_is_taken_or_blocked(game: GameServer) -> None:
    source = random.Random(7)
    first, second, third = (guest_name(source) for _ in range(3))
    game.container.accounts.create_by("cli:tests", first, PASSWORD, "player", "r")
    block(game, second.split()[1])
    assert _guests(game, 7).create().player.username == third
    block(game, *"aeiou")
    with pytest.raises(Unavailable):
        _guests(game, 7).create()


def test_a_guest_becomes_a_full_account_with_the_same_id_and_score(game: GameServer) -> None:
    guest = game.call("POST", "/auth/guest").data
    token, player_id = guest["access_token"], guest["user"]["user_id"]
    redeem(game.container, UUID(player_id), 5)
    game.container.board_sync.rebuild(game.container.standings.season("main"))
    deliver(game.container)
    assert game.call("GET", "/leaderboard/top").data[0]["username"] == guest["user"]["username"]
    answers: list[Reply] = []
    account = {"username": "Anna", "password": PASSWORD}
    names = pushed_names(game, lambda: answers.append(game.call("POST", "/me/account", account, key=token)))
    assert names == [["Anna"]], "every screen shows it"
    (answer,) = answers
    assert answer.data == {
        "user_id": player_id, "username": "Anna", "role": "player", "status": "active", "score": 5, "rank": 1
    }  # fmt: skip
    assert game.call("GET", "/me", key=token).data == answer.data, "the login goes on"
    signed_in = game.call("POST", "/auth/login", {"username": "anna", "password": PASSWORD})
    assert signed_in.data["user"]["user_id"] == player_id
    eventually(lambda: game.call("GET", "/leaderboard/top").data[0]["username"] == "Anna")
    again = {"username": "Berta", "password": PASSWORD}
    assert game.call("POST", "/me/account", again, key=token).refusal == (409, "not_a_guest")
    assert game.call("POST", "/me/account", again, key=game.token()).refusal == (409, "not_a_guest")
    key = game.key("players").text
    game.call("POST", "/players", {"external_id": "u1", "username": "Game player"}, key=key)
    token = game.call("POST", "/players/ext:u1/tokens", key=key).data["access_token"]
    assert game.call("POST", "/me/account", again, key=token).refusal == (409, "not_a_guest")


BAD_ACCOUNTS: list[tuple[dict[str, object], set[str]]] = [
    ({}, {"username", "password"}),
    ({"username": "x", "password": "short"}, {"username", "password"}),
    ({"username": "Anna", "password": "password"}, {"password"}),
    ({"username": "Anna Berta", "password": "anna berta 7"}, {"password"}),
    ({"username": "Anna", "password": PASSWORD, "role": "admin"}, {"role"}),
    ({"username": "xX_B4dword_Xx", "password": PASSWORD}, {"username"}),
]


def test_an_account_that_is_not_allowed_leaves_the_guest_one(game: GameServer) -> None:
    block(game, "badword")
    token = game.call("POST", "/auth/guest").data["access_token"]
    for body, fields in BAD_ACCOUNTS:
        assert game.call("POST", "/me/account", body, key=token).fields == fields, body
    assert game.call("GET", "/me", key=token).data["guest"]


def test_a_taken_name_leaves_the_guest_one(game: GameServer) -> None:
    game.container.accounts.create("Anna", PASSWORD)
    token = game.call("POST", "/auth/guest").data["access_token"]
    for name in ("ANNA", "\u0410nna", "Moderator"):
        body = {"username": name, "password": PASSWORD}
        assert game.call("POST", "/me/account", body, key=token).refusal == (409, "username_taken")
    assert game.call("GET", "/me", key=token).data["guest"]
    for password in (PASSWORD, ""):
        with_name = {"username": game.call("GET", "/me", key=token).data["username"], "password": password}
        assert game.call("POST", "/auth/login", with_name).refusal == (401, "invalid_credentials")


def test_a_guest_is_never_an_admin(game: GameServer) -> None:
    guest = game.container.guests.create().player
    with pytest.raises(Exception, match="guest can't be an admin"):
        game.container.player_changes.change(guest.id, PlayerChange(role="admin"), by="cli:tests", request_id="r")
    assert game.container.accounts.role(guest.id) == "player"


def test_of_two_upgrades_at_once_one_counts(game: GameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    guests, guest = game.container.guests, game.container.guests.create().player
    check_new = game.container.accounts.check_new

    def check_late(username: str, password: str) -> NewAccount:
        account = check_new(username, password)
        monkeypatch.undo()
        guests.upgrade(guest.id, "Berta", PASSWORD, "10.0.0.1", "r")
        return account

    monkeypatch.setattr(game.container.accounts, "check_new", check_late)
    with pytest.raises(NotAGuest):
        guests.upgrade(guest.id, "Anna", PASSWORD, "10.0.0.1", "r")
    assert game.container.accounts.find(str(guest.id)).username == "Berta"
