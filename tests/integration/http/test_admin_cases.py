"""/admin/cases: a decision and its undoing say first who would move."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.integration.boards.test_scorings import redeem
from tests.integration.http.contents import contents
from tests.integration.http.keyed import GameServer, game

__all__ = ["game"]  # a fixture

BY = {"reason": "a script"}


@pytest.fixture
def case(game: GameServer) -> UUID:
    """Return the case of Mallory, whose 20 newest points are held: 10 are public, between Anna's 25 and Ben's 5."""
    container, players = game.container, [game.add_player(name) for name in ("Anna", "Mallory", "Ben")]
    for player, points in zip(players, (25, 10, 5), strict=True):
        redeem(container, player, points)
    with container.database.transaction() as connection:
        case = container.suspicions.open_case(connection, str(players[1]), half_life=1800.0, hold=True)
    redeem(container, players[1], 20)
    return case


def _moves(data: dict[str, Any]) -> list[tuple[object, ...]]:
    assert data["dry_run"]
    assert data["moving"] == len(data["moves"])
    names = ("username", "score_before", "score_after", "rank_before", "rank_after")
    return sorted(tuple(row[name] for name in names) for row in data["moves"])


def test_a_decision_and_its_undoing_say_first_who_would_move(game: GameServer, case: UUID) -> None:
    key, path = game.key("moderate").text, f"/admin/cases/{case}"

    def try_then_do(act: str, body: dict[str, object]) -> list[tuple[object, ...]]:
        before = contents(game.container)
        trial = game.call("POST", f"{path}/{act}", {**body, **BY, "dry_run": True}, key=key).data
        assert contents(game.container) == before
        assert game.call("POST", f"{path}/{act}", {**body, **BY}, key=key).status == 200
        return _moves(trial)

    released = [("Anna", 25, 25, 1, 2), ("Mallory", 10, 30, 2, 1)]
    assert try_then_do("decision", {"decision": "cleared"}) == released
    again = game.call("POST", f"{path}/decision", {"decision": "confirmed", **BY, "dry_run": True}, key=key)
    assert again.refusal == (409, "already_decided")
    assert try_then_do("undo", {}) == [("Anna", 25, 25, 2, 1), ("Mallory", 30, 10, 1, 2)]
    again = game.call("POST", f"{path}/undo", {**BY, "dry_run": True}, key=key)
    assert again.refusal == (409, "nothing_to_undo")
    leaves = try_then_do("decision", {"decision": "confirmed"})
    assert [row[0] for row in leaves] == ["Ben", "Mallory"]
    assert (leaves[0][3:], leaves[1][3:]) == ((3, 2), (2, None))
    assert try_then_do("undo", {})[0] == ("Ben", 5, 5, 2, 3)
    assert game.container.standings.standing(game.container.accounts.find("Mallory").id).score == 10


def test_the_undoing_takes_no_decision_and_a_decision_needs_one(game: GameServer, case: UUID) -> None:
    key, path = game.key("moderate").text, f"/admin/cases/{case}"
    for act, body, fields in (
        ("decision", {"dry_run": 1}, {"decision", "reason", "dry_run"}),
        ("undo", {"decision": "cleared", "limit": 0}, {"decision", "reason", "limit"}),
    ):
        assert game.call("POST", f"{path}/{act}", body, key=key).fields == fields
