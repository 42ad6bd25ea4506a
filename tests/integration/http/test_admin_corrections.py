"""/admin/corrections: voids and restores, begun in the request and finished by a worker."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from tests.integration.boards.test_scorings import redeem
from tests.integration.http.contents import contents
from tests.integration.http.keyed import GameServer, game
from tests.integration.moderation.corrections.conftest import MATCH, TAP, Ledger

__all__ = ["game"]  # a fixture

CORRECTIONS = "/admin/corrections"


@pytest.fixture
def key(game: GameServer) -> str:
    """Return a key that moderates."""
    return game.key("moderate").text


@pytest.fixture
def players(game: GameServer) -> list[UUID]:
    """Return two players, of 30 and 20 points."""
    players = [game.add_player(name) for name in ("Anna", "Ben")]
    for place, player in enumerate(players):
        redeem(game.container, player, 30 - 10 * place)
    return players


def test_a_void_says_first_who_would_move_and_a_restore_undoes_it(
    game: GameServer, key: str, players: list[UUID]
) -> None:
    body = {"player": "anna", "action_type": "tap", "board": "main", "since": "2020-01-01", "reason": "a script"}
    before = contents(game.container)
    trial = game.call("POST", CORRECTIONS, {**body, "dry_run": True}, key=key).data
    assert contents(game.container) == before
    assert {name: trial[name] for name in ("events", "points", "players", "moving")} == {
        "events": 1, "points": 30, "players": 1, "moving": 2
    }  # fmt: skip
    assert [(row["username"], row["rank_before"], row["rank_after"]) for row in trial["moves"]] == [
        ("Anna", 1, None),
        ("Ben", 2, 1),
    ]
    void = game.call("POST", CORRECTIONS, body, key=key)
    assert (void.status, void.data["state"], void.data["kind"], void.data["events"]) == (201, "done", "void", 1)
    address = void.headers["Location"].removeprefix("/api/v1")
    assert address == f"{CORRECTIONS}/{void.data['correction_id']}"
    assert game.call("GET", address, key=key).data == void.data
    selection = void.data["selection"]
    assert (selection["player"], selection["action_type"], selection["board"]) == (str(players[0]), "tap", "main")
    assert selection["since"] == "2020-01-01T00:00:00.000Z"

    before = contents(game.container)
    trial = game.call("POST", f"{address}/restore", {"reason": "it was not", "dry_run": True}, key=key).data
    assert contents(game.container) == before
    assert (trial["points"], trial["moving"]) == (30, 2)
    restore = game.call("POST", f"{address}/restore", {"reason": "it was not"}, key=key)
    assert (restore.status, restore.data["kind"], restore.data["restores_id"]) == (
        201, "restore", void.data["correction_id"]
    )  # fmt: skip
    assert game.container.standings.standing(players[0]).score == 30
    for dry_run in (True, False):
        again = game.call("POST", f"{address}/restore", {"reason": "twice", "dry_run": dry_run}, key=key)
        assert again.refusal == (409, "conflict")
    acts = [(row.act, row.actor) for row in game.container.audit.page(limit=2)]
    actor = f"key:{game.container.api_keys.all()[0].id}"
    assert acts == [("leaderboard.restore", actor), ("leaderboard.void", actor)]


def test_a_correction_that_is_not_done_at_once_is_finished_by_a_worker(
    game: GameServer, key: str, players: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.moderation.corrections._BRIEF_SECONDS", 0.0)
    corrections = game.app.extensions["fairboard"].corrections
    corrections.batch = 1
    answer = game.call("POST", CORRECTIONS, {"since": "2020-01-01", "reason": "a bug"}, key=key)
    assert (answer.status, answer.data["state"], answer.data["events"]) == (202, "running", 1)
    path = answer.headers["Location"].removeprefix("/api/v1")
    game.container.corrections.resume_all(8.0)
    done = game.call("GET", path, key=key).data
    assert (done["state"], done["events"], done["players"]) == ("done", 2, 2)


def test_corrections_are_listed_newest_first_page_by_page(game: GameServer, key: str, players: list[UUID]) -> None:
    made = [
        game.call("POST", CORRECTIONS, {"player": str(player), "reason": "r"}, key=key).data["correction_id"]
        for player in players
    ]
    first = game.call("GET", f"{CORRECTIONS}?limit=1&state=done", key=key)
    second = game.call("GET", first.body["links"]["next"].removeprefix("/api/v1"), key=key)
    assert [row["correction_id"] for answer in (first, second) for row in answer.data] == made[::-1]
    assert "links" not in second.body
    assert game.call("GET", f"{CORRECTIONS}?state=running", key=key).data == []


def test_a_comparison_that_takes_too_long_is_given_up(
    game: GameServer, key: str, players: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("corrections", "admin_players", "admin_changes"):
        monkeypatch.setattr(f"app.http.{module}.PREVIEW_SECONDS", 1)
    calls = {
        ("POST", CORRECTIONS): {"player": "anna", "reason": "r"},
        ("POST", f"/admin/players/{players[0]}/suspend"): {},
        ("PATCH", "/admin/boards/main"): {"scoring": "count"},
    }
    admin = game.key("admin").text
    with game.container.database.transaction() as connection:
        connection.execute(sa.text("LOCK TABLE standings IN ACCESS EXCLUSIVE MODE"))
        for (method, path), body in calls.items():
            answer = game.call(method, path, {**body, "dry_run": True}, key=admin)
            assert answer.refusal == (503, "unavailable")
            assert answer.headers["Retry-After"]
            assert answer.body["error"]["message"].endswith("takes longer than 1 s.")


BAD: list[tuple[str, str, object, set[str]]] = [
    ("GET", "?state=lost", None, {"state"}),
    ("GET", "?limit=x", None, {"limit"}),
    ("GET", "?after=first", None, {"after"}),
    ("GET", f"?after={uuid4()}", None, {"after"}),
    ("POST", "", {}, {"reason"}),
    ("POST", "", {"reason": "r"}, {"player"}),
    ("POST", "", {"reason": "r", "board": "main"}, {"player"}),
    ("POST", "", {"reason": "", "since": 5, "until": "soon", "yes": True}, {"reason", "since", "until", "yes"}),
    ("POST", "", {"reason": "r", "since": "2026-02-01", "until": "2026-01-01"}, {"until"}),
    ("POST", "", {"reason": "r", "action_type": "nothing"}, {"action_type"}),
    ("POST", "", {"reason": "r", "since": "2026-02-01", "board": "nowhere"}, {"board"}),
    ("POST", "", {"reason": "r", "player": "ext:"}, {"player"}),
    ("POST", "", {"reason": "r", "player": "a", "dry_run": True, "limit": 1001}, {"limit"}),
    ("POST", f"/{uuid4()}/restore", {"dry_run": True}, {"reason"}),
]


def test_every_bad_field_is_named(game: GameServer, key: str) -> None:
    for method, path, body, fields in BAD:
        answer = game.call(method, f"{CORRECTIONS}{path}", body, key=key)
        assert (answer.refusal, answer.fields) == ((422, "invalid_request"), fields), (path, body)
    for path, body in ((f"/{uuid4()}/restore", {"reason": "r"}), ("", {"reason": "r", "player": "nobody"})):
        assert game.call("POST", f"{CORRECTIONS}{path}", body, key=key).refusal == (404, "not_found")
    assert game.call("GET", f"{CORRECTIONS}/{uuid4()}", key=key).refusal == (404, "not_found")


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_void_or_restore_that_would_pass_the_highest_score_is_refused(
    game: GameServer, key: str, dry_run: bool
) -> None:
    ledger = Ledger(game.container)
    extreme, restored = game.add_player("Extreme"), game.add_player("Restored")
    for points, action_type in ((MAX_SCORE, TAP), (-MAX_SCORE, MATCH), (1, TAP)):
        ledger.redeem(extreme, points, action_type)
    ledger.redeem(restored, MAX_SCORE)
    void = ledger.void(Selection(player_id=restored))
    ledger.redeem(restored, 1)
    body = {"reason": "a test", "dry_run": dry_run}
    refused = game.call("POST", CORRECTIONS, {**body, "action_type": "quick-match"}, key=key)
    assert refused.refusal == (409, "conflict")
    refused = game.call("POST", f"{CORRECTIONS}/{void}/restore", body, key=key)
    assert refused.refusal == (409, "conflict")
