"""The own account over HTTP: another name, another password, signing out everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.api_keys import Scope
from app.errors import InvalidCredentials
from app.settings import BadSetting
from app.stores.boards.board_events import BoardChanged
from tests.integration.boards.test_scorings import redeem
from tests.integration.boards.test_seasons import deliver
from tests.integration.http.keyed import PASSWORD, GameServer, Reply, block, close, game, start
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture

OTHER = "another good password"
WRONG = (403, "invalid_credentials")
UNAUTHORIZED = (401, "unauthorized")


def register(game: GameServer, name: str = "Anna") -> dict[str, str]:
    """Register a player; return their tokens and their id."""
    return login_of(game.call("POST", "/auth/register", {"username": name, "password": PASSWORD}))


def login_of(reply: Reply) -> dict[str, str]:
    data = reply.data
    return {"access": data["access_token"], "refresh": data["refresh_token"], "id": data["user"]["user_id"]}


def sign_in(game: GameServer, name: str = "Anna", password: str = PASSWORD) -> dict[str, str]:
    return login_of(game.call("POST", "/auth/login", {"username": name, "password": password}))


def are_signed_in(game: GameServer, *logins: dict[str, str]) -> list[bool]:
    """Return which of the access tokens are good."""
    return [game.call("GET", "/me", key=login["access"]).status == 200 for login in logins]


@pytest.fixture
def other(game: GameServer) -> Iterator[GameServer]:
    """Yield a further process."""
    server = start(game.container)
    yield server
    close(server)


def pushed_names(game: GameServer, change: Callable[[], object]) -> list[list[str]]:
    """Make a change, do the tasks that follow, and return the names on each board that was pushed to subscribers."""
    subscription = game.container.subscription()
    subscription.open()
    change()
    deliver(game.container)
    messages = [subscription.next(0.1) for _ in range(12)]
    names = [[row["username"] for row in message.data] for message in messages if isinstance(message, BoardChanged)]
    subscription.close()
    return names


def rename(game: GameServer, token: str, name: str) -> Reply:
    return game.call("PATCH", "/me", {"username": name}, key=token)


def test_a_new_name_is_on_every_board_and_page_and_the_old_one_is_free(game: GameServer, other: GameServer) -> None:
    anna = register(game)
    redeem(game.container, UUID(anna["id"]), 5)
    game.container.board_sync.rebuild(game.container.standings.season("main"))
    deliver(game.container)
    assert game.call("GET", "/leaderboard/top").data[0]["username"] == "Anna"
    answers: list[Reply] = []
    names = pushed_names(game, lambda: answers.append(rename(game, anna["access"], "Berta \uff21")))
    assert names == [["Berta A"]], "every screen shows it"
    (answer,) = answers
    assert (answer.status, answer.data["username"], answer.data["score"]) == (200, "Berta A", 5)
    eventually(lambda: other.call("GET", "/leaderboard/top").data[0]["username"] == "Berta A")
    for path in (f"/players/{anna['id']}", f"/leaderboard/users/{anna['id']}"):
        assert other.call("GET", path).data["username"] == "Berta A"
    assert other.call("GET", "/leaderboard/around?rank=1").data["below"][0]["username"] == "Berta A"
    assert sign_in(game, "berta a")["id"] == anna["id"]
    assert register(game, "Anna")["id"] != anna["id"]
    assert game.container.audit.page(limit=10) == [], "a player's own name is no act of an operator"


def test_a_second_new_name_within_the_interval_waits(game: GameServer) -> None:
    anna = register(game)["access"]
    assert rename(game, anna, "Anna").status == 200, "the present name is no change"
    assert rename(game, anna, "ANNA").data["username"] == "ANNA", "another case is one"
    refused = rename(game, anna, "Berta")
    assert (refused.refusal, refused.details["window"]) == ((429, "rate_limited"), 86_400)
    assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
    assert rename(game, anna, "ANNA").status == 200
    brisk = start(game.container, rename_seconds="0")
    try:
        assert rename(brisk, anna, "Berta").data["username"] == "Berta"
    finally:
        close(brisk)


def test_two_new_names_at_once_are_one(game: GameServer) -> None:
    anna = register(game)["access"]
    servers = [start(game.container) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            names = ["Berta", "Carla", "Dora", "Emma"]
            replies = list(pool.map(lambda server, name: rename(server, anna, name), servers, names))
    finally:
        for server in servers:
            close(server)
    assert sorted(reply.status for reply in replies) == [200, 429, 429, 429]


def test_a_name_of_another_player_or_one_that_looks_like_it_is_taken(game: GameServer) -> None:
    anna = register(game)["access"]
    register(game, "Berta")
    for name in ("Berta", "BERTA", "B\u0435rta"):
        assert rename(game, anna, name).refusal == (409, "username_taken")
    assert rename(game, anna, "Carla").status == 200, "a refused name is no change"


NAMES_NOT_ALLOWED: list[tuple[dict[str, object], str]] = [
    ({}, "username"),
    ({"username": 5}, "username"),
    ({"username": None}, "username"),
    ({"username": "x"}, "username"),
    ({"username": "x" * 33}, "username"),
    ({"username": "a\x00bc"}, "username"),
    ({"username": "Moderator"}, "username"),
    ({"username": "\u0410dmin"}, "username"),
    ({"username": "B4D-word"}, "username"),
    ({"username": "Whole"}, "username"),
    ({"username": "Berta", "role": "admin"}, "role"),
]


def test_a_name_that_is_not_allowed_is_refused(game: GameServer) -> None:
    anna = register(game)["access"]
    block(game, "# rude", "badword", "=whole", "")
    for body, field in NAMES_NOT_ALLOWED:
        answer = game.call("PATCH", "/me", body, key=anna)
        assert (answer.refusal, answer.fields) == ((422, "invalid_request"), {field}), body
    assert rename(game, anna, "Wholesome").status == 200


def test_blocked_words_hold_for_all_who_choose_a_name_and_not_for_an_operator(game: GameServer) -> None:
    block(game, "badword")
    register_body = {"username": "My Badword", "password": PASSWORD}
    assert game.call("POST", "/auth/register", register_body).fields == {"username"}
    key = game.key("players").text
    for fields in ({"username": "Badword!"}, {"username": "Anna"}):
        answer = game.call("POST", "/players", {"external_id": "u1", **fields}, key=key)
    assert answer.status == 201
    answer = game.call("POST", "/players", {"external_id": "u1", "username": "Badword!"}, key=key)
    assert answer.fields == {"username"}
    game.container.accounts.create_by("cli:tests", "Badword", PASSWORD, "player", "r")
    block(game)
    assert game.call("POST", "/auth/register", register_body).status == 201


def test_a_list_that_is_gone_goes_on_holding_and_stops_a_start(game: GameServer) -> None:
    block(game, "badword")
    body = {"username": "Badword", "password": PASSWORD}
    assert game.call("POST", "/auth/register", body).fields == {"username"}
    file = Path(game.container.settings.blocked_names_file)
    for spoil in (lambda: file.write_bytes(b"\xff"), file.unlink):
        spoil()
        assert game.call("POST", "/auth/register", body).fields == {"username"}
        with pytest.raises(BadSetting, match="BLOCKED_NAMES_FILE can't be read"):
            start(game.container)


def change(game: GameServer, token: str, **body: object) -> Reply:
    return game.call("POST", "/me/password", body, key=token)


def test_a_new_password_ends_every_other_login_on_every_process(game: GameServer, other: GameServer) -> None:
    first, second, third = register(game), sign_in(game), sign_in(game)
    for process in (game, other):
        assert all(are_signed_in(process, first, second, third))
    answer = change(game, second["access"], current=PASSWORD, new=OTHER)
    assert (answer.status, answer.body) == (204, None)
    for process in (game, other):
        assert are_signed_in(process, first, second, third) == [False, True, False]
    for login in (first, third):
        assert game.call("POST", "/auth/refresh", key=login["refresh"]).refusal == UNAUTHORIZED
    assert game.call("POST", "/auth/refresh", key=second["refresh"]).status == 200
    old = {"username": "Anna", "password": PASSWORD}
    assert game.call("POST", "/auth/login", old).refusal == (401, "invalid_credentials")
    assert sign_in(game, password=OTHER)["id"] == first["id"]


def test_a_wrong_password_changes_nothing_and_counts_like_a_failed_sign_in(game: GameServer) -> None:
    anna, other = register(game), sign_in(game)
    for _ in range(5):
        assert change(game, anna["access"], current="wrong password", new=OTHER).refusal == WRONG
    for refused in (
        change(game, anna["access"], current=PASSWORD, new=OTHER),
        game.call("DELETE", "/me", {"password": PASSWORD}, key=anna["access"]),
        game.call("POST", "/auth/login", {"username": "Anna", "password": PASSWORD}),
    ):
        assert refused.refusal == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
    assert all(are_signed_in(game, other))


@pytest.mark.parametrize("scopes", [("players",), ()], ids=["the game's own player", "a guest"])
def test_whoever_has_no_password_has_none_to_change(game: GameServer, scopes: tuple[Scope, ...]) -> None:
    if scopes:
        key = game.key(*scopes).text
        game.call("POST", "/players", {"external_id": "u1", "username": "Anna"}, key=key)
        token = game.call("POST", "/players/ext:u1/tokens", key=key).data["access_token"]
    else:
        token = game.call("POST", "/auth/guest").data["access_token"]
    for current in ("", "!", PASSWORD):
        assert change(game, token, current=current, new=OTHER).refusal == WRONG


BAD_PASSWORDS: list[tuple[dict[str, object], set[str]]] = [
    ({}, {"current", "new"}),
    ({"current": 1, "new": None}, {"current", "new"}),
    ({"current": PASSWORD, "new": "short"}, {"new"}),
    ({"current": PASSWORD, "new": "x" * 257}, {"new"}),
    ({"current": PASSWORD, "new": "password"}, {"new"}),
    ({"current": PASSWORD, "new": "Annabella"}, {"new"}),
    ({"current": PASSWORD, "new": OTHER, "username": "x"}, {"username"}),
]


def test_a_bad_new_password_is_named(game: GameServer) -> None:
    anna = register(game, "Annabella")
    for body, fields in BAD_PASSWORDS:
        assert game.call("POST", "/me/password", body, key=anna["access"]).fields == fields, body
    assert sign_in(game, "Annabella")


def test_a_sign_in_that_has_checked_the_old_password_does_not_outlive_it(game: GameServer) -> None:
    anna = register(game)
    accounts, matches = game.container.accounts, game.container.accounts._passwords.matches

    def match_late(password: str, password_hash: str | None) -> bool:
        has_matched = matches(password, password_hash)
        assert change(game, anna["access"], current=PASSWORD, new=OTHER).status == 204
        return has_matched

    accounts._passwords.matches = match_late  # type: ignore[method-assign]
    with pytest.raises(InvalidCredentials):
        accounts.login("Anna", PASSWORD)


def test_a_reset_link_sets_a_password_once_and_ends_every_login(game: GameServer, other: GameServer) -> None:
    logins = [register(game), sign_in(game)]
    player_id, changes = UUID(logins[0]["id"]), game.container.password_changes
    token = changes.make_reset_link("cli:tests", player_id, "r").token
    bad: list[tuple[object, set[str]]] = [
        ({}, {"token", "password"}),
        ({"token": 5, "password": None}, {"token", "password"}),
        ({"token": token, "password": "password"}, {"password"}),
        ({"token": token, "password": OTHER, "username": "Anna"}, {"username"}),
        ({"token": "\x00", "password": OTHER}, {"token"}),
        ([], {"body"}),
    ]
    for body, fields in bad:
        assert game.call("POST", "/auth/reset", body).fields == fields, body
    unknown = game.call("POST", "/auth/reset", {"token": f"{token}x", "password": OTHER})
    assert unknown.refusal == (401, "invalid_token")
    assert all(are_signed_in(other, *logins))
    answer = other.call("POST", "/auth/reset", {"token": token, "password": OTHER})
    assert (answer.status, answer.body) == (204, None)
    for process in (game, other):
        assert not any(are_signed_in(process, *logins))
    assert game.call("POST", "/auth/reset", {"token": token, "password": PASSWORD}).refusal == (401, "invalid_token")
    assert sign_in(game, password=OTHER)["id"] == str(player_id)
    token = changes.make_reset_link("cli:tests", player_id, "r").token
    game.container.erasures.erase_by("cli:tests", player_id, "r")
    assert game.call("POST", "/auth/reset", {"token": token, "password": PASSWORD}).refusal == (401, "invalid_token")


def test_of_two_uses_of_a_reset_link_at_once_one_counts(game: GameServer) -> None:
    player_id, changes = UUID(register(game)["id"]), game.container.password_changes
    token = changes.make_reset_link("cli:tests", player_id, "r").token
    servers = [start(game.container) for _ in range(3)]
    try:
        with ThreadPoolExecutor(3) as pool:
            bodies = [{"token": token, "password": f"{OTHER} {number}"} for number in range(3)]
            replies = list(pool.map(lambda server, body: server.call("POST", "/auth/reset", body), servers, bodies))
    finally:
        for server in servers:
            close(server)
    assert sorted(reply.status for reply in replies) == [204, 401, 401]


def test_a_suspended_player_may_set_a_new_password_with_a_link(game: GameServer) -> None:
    player_id = UUID(register(game)["id"])
    game.container.moderation.suspend(player_id, "r")
    token = game.container.password_changes.make_reset_link("cli:tests", player_id, "r").token
    assert game.call("POST", "/auth/reset", {"token": token, "password": OTHER}).status == 204
    assert game.call("GET", "/me", key=sign_in(game, password=OTHER)["access"]).data["status"] == "suspended"


@pytest.mark.parametrize("body", [None, {}, {"everywhere": False}])
def test_signing_out_ends_this_login_alone(game: GameServer, body: object) -> None:
    first, second = register(game), sign_in(game)
    assert game.call("POST", "/auth/logout", body, key=first["access"]).status == 204
    assert are_signed_in(game, first, second) == [False, True]


def test_signing_out_everywhere_ends_all_logins_of_this_player_alone(game: GameServer, other: GameServer) -> None:
    logins, ben = [register(game), sign_in(game), sign_in(game)], register(game, "Ben")
    answer = game.call("POST", "/auth/logout", {"everywhere": True}, key=logins[1]["access"])
    assert answer.status == 204
    for process in (game, other):
        assert are_signed_in(process, *logins, ben) == [False, False, False, True]
    for login in logins:
        assert game.call("POST", "/auth/refresh", key=login["refresh"]).refusal == UNAUTHORIZED


@pytest.mark.parametrize(("body", "field"), [({"everywhere": 1}, "everywhere"), ({"every": True}, "every")])
def test_a_sign_out_that_is_not_understood_ends_nothing(game: GameServer, body: object, field: str) -> None:
    anna = register(game)
    assert game.call("POST", "/auth/logout", body, key=anna["access"]).fields == {field}
    assert all(are_signed_in(game, anna))


def test_a_suspended_player_signs_out_everywhere_and_changes_nothing(game: GameServer) -> None:
    anna = register(game)
    game.container.moderation.suspend(UUID(anna["id"]), "r")
    suspended = (403, "account_suspended")
    assert rename(game, anna["access"], "Berta").refusal == suspended
    assert change(game, anna["access"], current=PASSWORD, new=OTHER).refusal == suspended
    assert game.call("POST", "/auth/logout", {"everywhere": True}, key=anna["access"]).status == 204
    assert not any(are_signed_in(game, anna))


def test_every_change_of_the_account_is_limited_like_a_sign_in(game: GameServer) -> None:
    anna = register(game)["access"]
    slow = start(game.container, rate_limit_auth="1/minute")
    calls = [("PATCH", "/me"), ("POST", "/me/password"), ("POST", "/me/account"), ("POST", "/auth/reset"),
             ("GET", "/me/export"), ("DELETE", "/me")]  # fmt: skip
    try:
        slow.call("POST", "/auth/login", {})
        for method, path in calls:
            assert slow.call(method, path, {} if method != "GET" else None, key=anna).refusal == (429, "rate_limited")
    finally:
        close(slow)
