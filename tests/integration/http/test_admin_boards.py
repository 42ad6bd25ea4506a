"""/admin/action-types, /admin/boards and /admin/replays: plans shown, carried out, and replayed by a worker."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.boards.test_scorings import redeem
from tests.integration.http.contents import contents
from tests.integration.http.keyed import GameServer, game
from tests.parts.waiting import eventually

__all__ = ["game"]  # a fixture

BOARDS, TYPES, REPLAYS = "/admin/boards", "/admin/action-types", "/admin/replays"


@pytest.fixture
def admin(game: GameServer) -> str:
    """Return a key with the scope `admin`."""
    return game.key("admin").text


@pytest.fixture
def players(game: GameServer) -> list[UUID]:
    """Return two players: one with three redemptions of 1, one with one of 9."""
    players = [game.add_player(name) for name in ("Anna", "Ben")]
    for player, results in zip(players, ((1, 1, 1), (9,)), strict=True):
        for result in results:
            redeem(game.container, player, result)
    return players


def _acts(game: GameServer) -> list[str]:
    """Return the acts of the audit log, the oldest first, without those on keys."""
    return [row.act for row in reversed(game.container.audit.page(limit=100)) if not row.act.startswith("key.")]


def _slugs(rows: list[dict[str, Any]]) -> list[str]:
    return [row["slug"] for row in rows]


def test_an_action_type_is_created_changed_and_retired(game: GameServer, admin: str) -> None:
    body = {"slug": "dungeon", "points": 40, "min_seconds": 12, "name": "Dungeon run"}
    before = contents(game.container)
    trial = game.call("POST", TYPES, {**body, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    assert (_slugs(trial["action_types"]), trial["boards"], trial["replayed"]) == (["dungeon"], [], [])
    created = game.call("POST", TYPES, body, key=admin)
    assert (created.status, created.headers["Location"]) == (201, "/api/v1/admin/action-types/dungeon")
    assert (created.data["points"], created.data["boards"], created.data["retired_at"]) == (40, ["main"], None)
    assert game.call("POST", TYPES, body, key=admin).refusal == (409, "conflict")
    path = f"{TYPES}/dungeon"
    before = contents(game.container)
    trial = game.call("PATCH", path, {"points": 50, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    assert trial["action_types"][0]["before"], trial["action_types"][0]["after"] == ({"points": 40}, {"points": 50})
    assert game.call("PATCH", path, {"points": 50, "burst": 7}, key=admin).data["points"] == 50
    assert game.call("PATCH", path, {"burst": None}, key=admin).data["burst"] is None
    retired = game.call("POST", f"{path}/retire", {}, key=admin).data
    assert retired["retired_at"] is not None
    assert game.call("POST", f"{path}/retire", {}, key=admin).refusal == (404, "not_found")
    assert game.call("PATCH", path, {"points": 1}, key=admin).refusal == (404, "not_found")
    assert game.call("GET", path, key=admin).data == retired
    assert _slugs(game.call("GET", TYPES, key=admin).data)[-1] == "dungeon"
    assert "dungeon" not in _slugs(game.call("GET", "/action-types").data)
    assert _acts(game) == ["action_type.added", *["action_type.changed"] * 2, "action_type.retired"]
    assert game.call("POST", TYPES, body, key=admin).fields == {"slug"}


def test_a_board_is_created_changed_and_archived(game: GameServer, admin: str) -> None:
    body = {"slug": "fastest", "action_types": ["tap"], "scoring": "best", "order": "asc", "public": False}
    before = contents(game.container)
    trial = game.call("POST", BOARDS, {**body, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    assert [(step["slug"], step["new"]) for step in trial["boards"]] == [("fastest", True)]
    created = game.call("POST", BOARDS, body, key=admin)
    assert (created.status, created.headers["Location"]) == (201, "/api/v1/admin/boards/fastest")
    assert (created.data["action_types"], created.data["season"]["number"]) == (["tap"], 1)
    path = f"{BOARDS}/fastest"
    changed = game.call("PATCH", path, {"unit": "s", "decimals": 3, "segments": ["country"]}, key=admin).data
    assert (changed["unit"], changed["decimals"], changed["segments"]) == ("s", 3, ["country"])
    assert game.call("GET", path, key=admin).data == changed
    assert _slugs(game.call("GET", BOARDS, key=admin).data) == ["main", "fastest"]
    assert _slugs(game.call("GET", "/boards").data) == ["main"]
    assert game.call("POST", f"{BOARDS}/main/archive", {}, key=admin).refusal == (409, "conflict")
    before = contents(game.container)
    trial = game.call("POST", f"{path}/archive", {"dry_run": True}, key=admin).data
    assert contents(game.container) == before
    archived = game.call("POST", f"{path}/archive", {}, key=admin).data
    assert archived == {"slug": "fastest", "archived": True, "dry_run": False}
    assert trial == {**archived, "archived": False, "dry_run": True}
    assert game.call("GET", path, key=admin).refusal == (404, "not_found")
    assert len(game.call("GET", f"{path}/seasons", key=admin).data) == 1
    assert _acts(game) == ["board.added", "action_type.changed", "board.changed", "board.archived"]


def test_a_season_is_ended_and_the_next_one_begins(game: GameServer, admin: str) -> None:
    game.call("POST", BOARDS, {"slug": "weekly", "action_types": ["tap"], "schedule": "0 0 * * 1"}, key=admin)
    path = f"{BOARDS}/weekly"
    assert game.call("POST", f"{path}/close-season", {"season": 7}, key=admin).refusal == (404, "not_found")
    before = contents(game.container)
    trial = game.call("POST", f"{path}/close-season", {"dry_run": True}, key=admin).data
    assert contents(game.container) == before
    assert (trial["board"], trial["dry_run"]) == ("weekly", True)
    ends_at = game.call("POST", f"{path}/close-season", {"season": 1}, key=admin).data["ends_at"]
    assert trial["ends_at"] <= ends_at
    assert game.call("POST", f"{path}/close-season", {"season": 1}, key=admin).refusal == (409, "conflict")
    seasons = game.call("GET", f"{path}/seasons", key=admin).data
    assert [(season["number"], season["state"]) for season in seasons] == [(2, "scheduled"), (1, "open")]
    assert seasons[0]["starts_at"] == ends_at
    assert game.audited("board.season_ended") == [(game.audited("board.added")[0][0], "board:weekly")]


PLAN = {
    "boards": {
        "speedrun": {"scoring": "best", "order": "asc", "unit": "s", "decimals": 3},
        "contest": {"starts_at": "2020-06-01T00:00:00Z", "ends_at": "2099-07-01"},
    },
    "action_types": {
        "level": {"points": 10, "boards": ["contest"]},
        "run": {"boards": ["speedrun", "contest"], "result_kind": "reported", "result_is_duration": True},
    },
}


def test_a_whole_plan_is_applied_at_once_and_the_second_time_changes_nothing(game: GameServer, admin: str) -> None:
    before = contents(game.container)
    trial = game.call("POST", f"{BOARDS}/apply", {**PLAN, "dry_run": True}, key=admin).data
    assert contents(game.container) == before
    applied = game.call("POST", f"{BOARDS}/apply", PLAN, key=admin).data
    assert {**applied, "dry_run": True} == trial
    assert (_slugs(applied["boards"]), _slugs(applied["action_types"])) == (["contest", "speedrun"], ["level", "run"])
    again = game.call("POST", f"{BOARDS}/apply", PLAN, key=admin).data
    assert (again["boards"], again["action_types"]) == ([], [])
    assert sorted(_acts(game)) == [*["action_type.added"] * 2, *["board.added"] * 2]
    assert game.call("GET", f"{BOARDS}/apply", key=admin).refusal == (404, "not_found"), "a board may be called so"


def test_a_change_of_the_past_says_who_would_move_and_is_replayed_by_a_worker(
    game: GameServer, admin: str, players: list[UUID]
) -> None:
    path, body = f"{BOARDS}/main", {"scoring": "count"}
    before = contents(game.container)
    trial = game.call("PATCH", path, {**body, "dry_run": True}, key=admin).data
    refused = game.call("PATCH", path, body, key=admin)
    assert contents(game.container) == before
    assert [(move["username"], move["rank_before"], move["rank_after"]) for move in trial["moves"]] == [
        ("Anna", 2, 1),
        ("Ben", 1, 2),
    ]
    assert (trial["replayed"], trial["moving"]) == (["main"], 2)
    assert (refused.refusal, refused.details) == ((409, "rebuild_required"), {"boards": ["main"]})
    assert '"rebuild": true' in refused.body["error"]["message"]
    begun = game.call("PATCH", path, {**body, "rebuild": True}, key=admin)
    replay = begun.data["replay_id"]
    assert (begun.status, begun.headers["Location"]) == (202, f"/api/v1/admin/replays/{replay}")
    assert (begun.data["state"], begun.data["boards"]) == ("running", ["main"])
    assert game.call("PATCH", path, {"name": "Other"}, key=admin).refusal == (409, "conflict")
    assert "moves" not in game.call("PATCH", path, {"scoring": "best", "dry_run": True}, key=admin).data
    done = game.container.replays.resume(60.0)
    assert done is not None
    shown = game.call("GET", f"{REPLAYS}/{replay}", key=admin).data
    assert (shown["state"], shown["standings"]) == ("done", 2)
    assert game.call("GET", REPLAYS, key=admin).data == [shown]
    assert game.call("GET", path, key=admin).data["scoring"] == "count"
    assert game.container.standings.standing(players[0]).score == 3
    actor = game.audited("boards.replayed")[0][0]
    assert game.audited("board.changed") == [(actor, "board:main")]
    assert game.call("POST", f"{REPLAYS}/{replay}/cancel", {}, key=admin).refusal == (409, "conflict")


def test_a_replay_is_cancelled_and_a_worker_deletes_what_it_has_filled(
    game: GameServer, admin: str, players: list[UUID]
) -> None:
    body = {"slug": "other", "action_types": ["tap"], "rebuild": True}
    replay = game.call("POST", BOARDS, body, key=admin).data["replay_id"]
    eventually(lambda: (current := game.container.replays.resume(0.0)) is not None and current.state == "running")
    assert game.call("POST", f"{REPLAYS}/{replay}/cancel", {}, key=admin).data["state"] == "cancelled"
    assert game.container.replays.resume(0.0) is None
    seasons = game.container.database.rows("SELECT id FROM seasons WHERE replay_id IS NOT NULL")
    assert seasons == []
    assert _slugs(game.call("GET", BOARDS, key=admin).data) == ["main"]
    assert _acts(game) == ["boards.replay_cancelled"]
    assert game.call("POST", f"{REPLAYS}/{uuid4()}/cancel", {}, key=admin).refusal == (404, "not_found")


TAP = ["tap"]
BAD: list[tuple[str, str, object, set[str]]] = [
    ("POST", TYPES, {"points": "5", "colour": "red"}, {"slug", "points", "colour"}),
    ("POST", TYPES, {"slug": "New Type", "points": 0}, {"slug", "points"}),
    ("POST", TYPES, {"slug": "new", "points": 1, "boards": ["nowhere"]}, {"boards"}),
    ("POST", TYPES, {"slug": "new", "points": 1, "boards": []}, {"boards"}),
    ("POST", TYPES, {"slug": "new"}, {"points"}),
    ("PATCH", f"{TYPES}/tap", {}, {"body"}),
    ("PATCH", f"{TYPES}/tap", {"rebuild": True}, {"body"}),
    ("PATCH", f"{TYPES}/tap", {"min_seconds": -1}, {"min_seconds"}),
    ("PATCH", f"{TYPES}/tap", {"min_seconds": 86_400, "dry_run": True}, {"token_seconds"}),
    ("PATCH", f"{TYPES}/tap", {"name": None, "cadence": "odd", "parallel": 1.0}, {"name", "cadence", "parallel"}),
    ("PATCH", f"{TYPES}/tap", {"boards": "main"}, {"boards"}),
    ("POST", f"{TYPES}/tap/retire", {"now": True}, {"now"}),
    ("POST", BOARDS, {"slug": "main", "action_types": ["tap"]}, {"slug"}),
    ("POST", BOARDS, {"slug": "new"}, {"action_types"}),
    ("POST", BOARDS, {"slug": "Ä", "action_types": ["tap"], "decimals": 7}, {"slug", "decimals"}),
    ("POST", BOARDS, {"slug": "new", "action_types": ["tap"], "schedule": "30 2 31 2 *"}, {"schedule"}),
    ("POST", BOARDS, {"slug": "new", "action_types": ["tap"], "ends_at": "2020-01-01"}, {"ends_at"}),
    ("PATCH", f"{BOARDS}/main", {"dry_run": True}, {"body"}),
    ("PATCH", f"{BOARDS}/main", {"scoring": "most", "starts_at": 5, "public": 1}, {"scoring", "starts_at", "public"}),
    ("PATCH", f"{BOARDS}/main", {"order": "asc"}, {"order"}),
    ("PATCH", f"{BOARDS}/main", {"segments": ["1st"]}, {"segments"}),
    ("PATCH", f"{BOARDS}/main", {"slug": "other"}, {"slug"}),
    ("POST", f"{BOARDS}/main/close-season", {"season": 0}, {"season"}),
    ("POST", f"{BOARDS}/apply", {"boards": {"a": {"colour": 1}}}, {"boards.a.colour"}),
    ("POST", f"{BOARDS}/apply", {"boards": {"a": {}}, "types": {}}, {"types"}),
    ("POST", f"{BOARDS}/apply", {"boards": {"a": {}}}, {"boards.a.action_types"}),
    ("POST", f"{BOARDS}/apply", {"boards": {"\x00": {}}}, {"boards.\x00.slug", "boards.\x00.name"}),
    ("POST", BOARDS, {"slug": "new", "action_types": ["tap", "nothing"]}, {"action_types"}),
    ("POST", BOARDS, {"slug": "x", "decimals": 7, "timezone": "X/Y", "action_types": TAP}, {"decimals", "timezone"}),
    ("POST", BOARDS, {"slug": "x", "decimals": 7, "schedule": "* *", "action_types": TAP}, {"decimals", "schedule"}),
    ("PATCH", f"{BOARDS}/main", {"add_types": ["nothing"], "remove_types": ["\0"]}, {"add_types", "remove_types"}),
    ("GET", f"{REPLAYS}?limit=0", None, {"limit"}),
]  # fmt: skip


def test_every_bad_field_is_named(game: GameServer, admin: str) -> None:
    for method, path, body, fields in BAD:
        answer = game.call(method, path, body, key=admin)
        assert (answer.refusal, answer.fields) == ((422, "invalid_request"), fields), (path, body)
    for path in (f"{BOARDS}/nowhere", f"{BOARDS}/nowhere/seasons", f"{TYPES}/nothing", f"{REPLAYS}/{uuid4()}"):
        assert game.call("GET", path, key=admin).refusal == (404, "not_found"), path
    for path in (f"{BOARDS}/%00", f"{TYPES}/%00"):
        assert game.call("PATCH", path, {"name": "Other"}, key=admin).refusal == (404, "not_found"), path
