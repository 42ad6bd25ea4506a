"""Exports and erasing over HTTP: all about a player, then nothing, with every sum as it was."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.domain.redemption import RedemptionRequest
from app.errors import NotFound, Refusal
from app.services.accounts.player_changes import PlayerChange
from app.services.operations.rollup_rows import RollupQuery
from app.stores.boards.board_events import LoginEnded
from app.stores.postgres.moderation_schema import metadata
from tests.integration.boards.test_scorings import redeem
from tests.integration.boards.test_seasons import deliver
from tests.integration.http.keyed import PASSWORD, GameServer, Reply, close, game, start
from tests.integration.http.test_own_account import are_signed_in, pushed_names, register, sign_in
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture

NO_PLAYER = (404, "not_found")


def erase(game: GameServer, token: str, body: object) -> Reply:
    return game.call("DELETE", "/me", body, key=token)


def sums(game: GameServer) -> list[Any]:
    """Return the sums over the whole ledger and all standings, and what analytics makes of them."""
    container = game.container
    container.analytics.roll_up()
    events = container.database.rows("SELECT kind, count(*), sum(points) FROM score_events GROUP BY kind ORDER BY kind")
    standings = container.database.rows("SELECT season_id, count(*), sum(score) FROM standings GROUP BY season_id")
    rollups = container.analytics.show(RollupQuery("main", "hour", None, None, None))
    return [*events, *standings, [{**row, "computed_at": None} for row in rollups]]


@pytest.fixture
def board(game: GameServer) -> dict[str, dict[str, str]]:
    """Register three players with a score, and return their logins, the best first."""
    logins = {name: register(game, name) for name in ("Anna", "Berta", "Carla")}
    for login, points in zip(logins.values(), (9, 7, 5), strict=True):
        redeem(game.container, UUID(login["id"]), points)
    game.container.board_sync.rebuild(game.container.standings.season("main"))
    deliver(game.container)
    return logins


def tables_with(game: GameServer, *texts: str) -> set[str]:
    """Return the tables with a row that has one of the texts."""
    rows = {
        table: game.container.database.rows(f"SELECT CAST(row_to_json(t) AS text) AS text FROM {table} t")
        for table in metadata.tables
    }
    return {
        table
        for table, lines in rows.items()
        if any(text.casefold() in line.text.casefold() for text in texts for line in lines)
    }


def test_erasing_removes_the_person_and_leaves_every_sum(game: GameServer, board: dict[str, dict[str, str]]) -> None:
    anna, berta, carla = board.values()
    berta_id = UUID(berta["id"])
    container = game.container
    change = PlayerChange(username="Bertaname", attributes={"clan": "secretclan"})
    container.player_changes.change(berta_id, change, by="cli:tests", request_id="r")
    container.password_changes.make_reset_link("cli:tests", berta_id, "r")
    container.sightings.note(berta_id, "10.1.2.3", "a browser", "en")
    container.database.rows(
        "UPDATE players SET external_id = 'secretexternal' WHERE id = :id RETURNING id", id=berta_id
    )
    before = sums(game)
    assert tables_with(game, "Bertaname", "secretclan", "secretexternal") == {
        "players", "player_attributes", "username_skeletons"
    }  # fmt: skip
    berta = sign_in(game, "Bertaname")
    deliver(container)
    answers: list[Reply] = []
    names = pushed_names(game, lambda: answers.append(erase(game, berta["access"], {"password": PASSWORD})))
    assert names == [["Anna", "Carla"]], "every screen shows it"
    assert [(answer.status, answer.body) for answer in answers] == [(204, None)]
    assert tables_with(game, "Bertaname", "secretclan", "secretexternal") == set()
    about = {table for table in tables_with(game, str(berta_id)) if table != "outbox"}
    assert about == {"players", "standings", "score_events", "audit_log"}, "what stays leads to nobody"
    (row,) = container.database.rows("SELECT * FROM players WHERE id = :id", id=berta_id)
    assert (row.username, row.password_hash, row.role, row.status) == ("erased", "!", "player", "erased")
    assert sums(game) == before
    assert container.audit.verify().flaws == []
    assert game.audited("player.erased") == [(f"player:{berta_id}", f"player:{berta_id}")]
    other = start(container)
    try:
        eventually(
            lambda: (
                [(row["username"], row["rank"]) for row in other.call("GET", "/leaderboard/top").data]
                == [("Anna", 1), ("Carla", 2)]
            )
        )
        for path in ("/players/{}", "/players/{}/history", "/leaderboard/users/{}", "/leaderboard/around?user_id={}"):
            assert other.call("GET", path.format(berta_id)).refusal == NO_PLAYER, path
        assert (
            other.call("POST", "/leaderboard/lookup", {"user_ids": [str(berta_id), anna["id"]]}).data[0]["place"] == 1
        )
        assert are_signed_in(other, anna, carla) == [True, True]
    finally:
        close(other)
    assert container.board_sync.verify(container.standings.season("main")) == []
    assert register(game, "Bertaname")["id"] != str(berta_id), "the name is free"


def test_every_login_and_token_of_an_erased_player_ends(game: GameServer) -> None:
    anna, second = register(game), sign_in(game)
    player_id = UUID(anna["id"])
    subscription = game.container.subscription()
    subscription.open()
    issued = game.container.actions.issue(player_id, "tap")
    assert erase(game, second["access"], {"password": PASSWORD}).status == 204
    ended = [message for _ in range(6) if isinstance(message := subscription.next(0.2), LoginEnded)]
    subscription.close()
    assert len(ended) == 2, "sockets close at once"
    for _ in range(2):
        assert are_signed_in(game, anna, second) == [False, False]
        game.container.redis.flushdb()
    for login in (anna, second):
        assert game.call("POST", "/auth/refresh", key=login["refresh"]).refusal == (401, "unauthorized")
        assert erase(game, login["access"], {"password": PASSWORD}).refusal == (401, "unauthorized")
    credentials = {"username": "Anna", "password": PASSWORD}
    assert game.call("POST", "/auth/login", credentials).refusal == (401, "invalid_credentials")
    request = RedemptionRequest(str(player_id), issued.promise.action_id, issued.token, None, "r")
    with pytest.raises(Refusal):
        game.container.redemptions.complete(request)
    assert game.container.database.rows("SELECT FROM score_events") == []


def test_a_redemption_in_flight_does_not_bring_an_erased_player_back(game: GameServer) -> None:
    container, anna = game.container, register(game)
    player_id = UUID(anna["id"])
    assert erase(game, anna["access"], {"password": PASSWORD}).status == 204
    season = container.standings.season("main")
    late = (
        "INSERT INTO standings VALUES (:season, :id, 7, 1, now()) RETURNING season_id"  # it had read the player before
    )
    container.database.rows(late, season=season.id, id=player_id)
    assert [row.username for row in container.standing_store.top(season, 10)] == ["erased"]
    container.status_repair.sweep()
    assert container.standing_store.top(season, 10) == []


def test_nobody_is_erased_without_the_password(game: GameServer) -> None:
    anna = register(game)
    for body in (
        {},
        None,
        {"password": None},
        {"password": 5},
        {"password": "x" * 5000},
        {"password": PASSWORD, "sure": True},
    ):
        assert erase(game, anna["access"], body).refusal == (422, "invalid_request"), body
    for password in ("wrong password", ""):
        assert erase(game, anna["access"], {"password": password}).refusal == (403, "invalid_credentials")
    assert are_signed_in(game, anna) == [True]


def test_guessing_the_password_of_a_stolen_login_gets_slow(game: GameServer) -> None:
    anna = register(game)
    for _ in range(5):
        assert erase(game, anna["access"], {"password": "wrong password"}).refusal == (403, "invalid_credentials")
    assert erase(game, anna["access"], {"password": PASSWORD}).refusal == (429, "rate_limited")
    credentials = {"username": "Anna", "password": PASSWORD}
    assert game.call("POST", "/auth/login", credentials).refusal == (429, "rate_limited")


def test_a_player_without_a_password_sends_none(game: GameServer) -> None:
    guest = game.call("POST", "/auth/guest").data["access_token"]
    assert erase(game, guest, {"password": PASSWORD}).refusal == (403, "invalid_credentials")
    assert erase(game, guest, {}).status == 204
    key = game.key("players", "score").text
    player_id = game.call("POST", "/players", {"external_id": "u1", "username": "Anna"}, key=key).data["user_id"]
    token = game.call("POST", "/players/ext:u1/tokens", key=key).data["access_token"]
    assert erase(game, token, None).status == 204
    for name in ("ext:u1", player_id):
        assert game.call("POST", f"/players/{name}/tokens", key=key).refusal == NO_PLAYER
    score = {"player": player_id, "action_type": "tap"}
    assert game.call("POST", "/scores", score, key=key, Idempotency_Key="k").refusal == NO_PLAYER
    again = game.call("POST", "/players", {"external_id": "u1", "username": "Anna"}, key=key)
    assert (again.status, again.data["user_id"] != player_id) == (201, True)


def test_the_last_admin_stays(game: GameServer) -> None:
    admin = sign_in(game, "the-admin") if game.token("admin") else {}
    assert erase(game, admin["access"], {"password": PASSWORD}).refusal == (409, "last_admin")
    other = game.container.accounts.create_by("cli:tests", "another", PASSWORD, "admin", "r")
    game.container.moderation.suspend(other.id, "r")
    assert erase(game, admin["access"], {"password": PASSWORD}).refusal == (409, "last_admin")
    game.container.moderation.reinstate(other.id, "r")
    assert erase(game, admin["access"], {"password": PASSWORD}).status == 204


def test_a_case_outlives_its_player_and_its_decision_reinstates_nobody(game: GameServer) -> None:
    container, anna = game.container, register(game)
    player_id, admin = UUID(anna["id"]), game.token("admin")
    redeem(container, player_id, 9)
    (case,) = container.database.rows(
        "INSERT INTO cases (id, player_id, starts_at, appeal, appealed_at) "
        "VALUES (gen_random_uuid(), :id, now() - interval '1 hour', 'my own words', now()) RETURNING id",
        id=player_id,
    )
    assert erase(game, anna["access"], {"password": PASSWORD}).status == 204
    shown = game.call("GET", f"/admin/cases/{case.id}", key=admin).data
    assert (shown["username"], shown["status"], shown["appeal"]) == ("erased", "erased", None)
    for decision in ("cleared", "confirmed"):
        body = {"decision": decision, "reason": "tests"}
        decided = game.call("POST", f"/admin/cases/{case.id}/decision", body, key=admin).data
        assert (decided["state"], decided["status"]) == (decision, "erased")
        if decision == "cleared":
            game.call("POST", f"/admin/cases/{case.id}/undo", {"reason": "tests"}, key=admin)
    container.corrections.resume_all(10)
    assert container.standing_store.top(container.standings.season("main"), 10) == []
    assert container.database.rows("SELECT sum(points) AS sum FROM score_events")[0].sum == 0
    assert container.moderation.reinstate(player_id, "r") is False
    with pytest.raises(NotFound):
        container.accounts.find(str(player_id))


def test_the_ledger_lets_nothing_be_changed_but_metadata_be_emptied(game: GameServer) -> None:
    database, anna = game.container.database, register(game)
    redeem(game.container, UUID(anna["id"]), 9, metadata='{"note":"hello"}')
    for change in ("points = 5", "metadata = '{}'", "request_id = ''", "points = 5, metadata = NULL"):
        with pytest.raises(sa.exc.IntegrityError, match="append-only"):
            database.rows(f"UPDATE score_events SET {change} RETURNING id")
    assert erase(game, anna["access"], {"password": PASSWORD}).status == 204
    assert database.rows("SELECT metadata FROM score_events")[0].metadata is None


def test_an_export_has_everything_that_is_stored(game: GameServer) -> None:
    container, anna = game.container, register(game)
    player_id = UUID(anna["id"])
    change = PlayerChange(attributes={"country": "JP"})
    container.player_changes.change(player_id, change, by="cli:tests", request_id="r")
    for points in range(1, 4):
        redeem(container, player_id, points, metadata=json.dumps({"run": points}))
    container.actions.issue(player_id, "tap")
    answer = game.call("GET", "/me/export", key=anna["access"])
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    data = answer.data
    assert (data["account"]["user_id"], data["account"]["username"]) == (anna["id"], "Anna")
    assert data["attributes"] == [{"name": "country", "value": "JP"}]
    assert [event["result"] for event in data["score_events"]] == [1, 2, 3]
    assert [event["metadata"] for event in data["score_events"]] == [{"run": 1}, {"run": 2}, {"run": 3}]
    assert [(row["board"], row["score"]) for row in data["standings"]] == [("main", 6)]
    assert len(data["logins"]) == len(data["open_actions"]) == 1
    assert [row["act"] for row in data["audit_log"]] == ["user.attributes"]
    assert "argon2" not in json.dumps(answer.body)
    assert PASSWORD not in json.dumps(answer.body)


SECTIONS = {
    "players": "account",
    "player_attributes": "attributes",
    "username_skeletons": "name_skeletons",
    "idempotency": "idempotency_keys",
    "gain_days": "points_by_day",
    "gain_hours": "points_by_hour",
    "gain_looks": "looks_at_points",
}
NOT_ABOUT_A_PLAYER = {"outbox", "replays", "season_marks", "webhook_leaders"}  # work that waits; places of boards


def test_every_table_about_players_is_in_the_export(game: GameServer) -> None:
    tables = {name for name, table in metadata.tables.items() if "player_id" in table.columns} | {"players"}
    data = game.call("GET", "/me/export", key=register(game)["access"]).data
    assert {SECTIONS.get(table, table) for table in tables - NOT_ABOUT_A_PLAYER} <= set(data)


def test_an_export_reads_a_long_ledger_to_its_end(game: GameServer) -> None:
    container, anna = game.container, register(game)
    container.database.rows(
        """
        INSERT INTO score_events (action_id, player_id, season_id, action_type_id, points, previous_score, score,
                                  issued_at, request_id)
        SELECT gen_random_uuid(), :id, 1, 1, 1, n - 1, n, now(), 'r' FROM generate_series(1, 2001) n RETURNING id
        """,
        id=UUID(anna["id"]),
    )
    events = game.call("GET", "/me/export", key=anna["access"]).data["score_events"]
    assert [event["score"] for event in events] == list(range(1, 2002))


def test_an_export_has_nobody_else(game: GameServer, board: dict[str, dict[str, str]]) -> None:
    text = json.dumps(game.call("GET", "/me/export", key=board["Berta"]["access"]).body)
    for login in (board["Anna"], board["Carla"]):
        assert login["id"] not in text
    assert game.call("GET", "/me/export?all=1", key=board["Berta"]["access"]).fields == {"all"}
    with pytest.raises(NotFound):
        game.container.exports.export(uuid4())
