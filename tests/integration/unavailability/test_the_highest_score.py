"""A score ends at 2^53 - 1: a redemption past it is refused in the API's words, and changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from app.containers.container import Container
from app.domain.boards import MAX_SCORE
from app.domain.corrections import Selection
from app.errors import Conflict
from tests.integration.moderation.corrections.conftest import Ledger
from tests.integration.unavailability.conftest import Caller, data
from tests.parts.waiting import eventually

BY: Any = {"actor": "cli:tests", "reason": "a test", "request_id": "r-1"}


def _set(container: Container, player: Caller, score: int, held_points: int = 0) -> None:
    with container.database.statement() as connection:
        connection.exec_driver_sql(
            "UPDATE standings SET score = %(score)s, held = %(held)s WHERE player_id = %(player)s",
            {"score": score, "held": held_points, "player": player.id},
        )


def _books(container: Container, player: Caller) -> list[Any]:
    """Return everything that a redemption writes of a player."""
    tables = ("standings", "score_events", "outbox", "idempotency", "suspicion", "signals", "cases", "refusals")
    return [
        container.database.rows(f"SELECT * FROM {table} WHERE player_id = :player", player=player.id)
        for table in tables
    ]


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(("score", "held"), [(MAX_SCORE, 0), (MAX_SCORE - 3, 3), (MAX_SCORE, -100)])
def test_a_redemption_past_it_is_422_and_its_token_stays_good(
    score: int, held: int, key: str | None, anna: Caller, container: Container
) -> None:
    action = anna.issue()
    _set(container, anna, score, held)
    before = _books(container, anna)
    for _ in range(3):
        refused = anna.complete(action, key)
        error = refused.get_json()["error"]
        assert (refused.status_code, error["code"]) == (422, "invalid_request")
        assert error["details"] == [
            {"field": "token", "message": f"would take your score past {MAX_SCORE}, the highest there is"}
        ]
    assert _books(container, anna) == before
    assert data(anna.get(f"/actions/{action['action_id']}"))["state"] == "active"
    history = container.redis.zrange(f"history:{{{anna.id}}}", 0, -1)
    assert not [entry for entry in history if entry.startswith(action["action_id"])], "it was no completion"

    _set(container, anna, MAX_SCORE - 1)
    assert data(anna.complete(action, key))["score"] == {"previous": MAX_SCORE - 1, "current": MAX_SCORE}
    assert data(anna.get("/me"))["score"] == MAX_SCORE
    # A list stays public to the end of its second.
    eventually(lambda: [row["score"] for row in data(anna.get("/leaderboard/top"))] == [MAX_SCORE])
    assert anna.issue()["expected_score"] == MAX_SCORE, "the next one would not score"


def test_held_points_have_the_same_limit_whatever_the_others_are(anna: Caller, container: Container) -> None:
    action = anna.issue()
    container.database.rows("UPDATE players SET held_under = id WHERE id = :player RETURNING id", player=anna.id)
    _set(container, anna, -100, MAX_SCORE)
    before = _books(container, anna)
    assert anna.complete(action).status_code == 422
    assert _books(container, anna) == before
    _set(container, anna, -100, MAX_SCORE - 1)
    assert anna.complete(action).status_code == 200


def test_what_was_scored_before_is_answered_as_before(anna: Caller, container: Container) -> None:
    """Let Redis forget that these actions were consumed, after the score has reached its limit."""
    plain, keyed = anna.issue(), anna.issue()
    assert anna.complete(plain).status_code == 200
    first = anna.complete(keyed, "k")
    _set(container, anna, MAX_SCORE)
    for action in (plain, keyed):
        container.redis.hset(f"action:{{{anna.id}}}:{action['action_id']}", "state", "active")
        container.redis.hdel(f"action:{{{anna.id}}}:{action['action_id']}", "claimed")
    assert anna.complete(plain).get_json()["error"]["code"] == "token_already_used"
    assert data(anna.complete(keyed, "k")) == data(first)


def test_a_restore_past_it_is_refused_with_nothing_done(anna: Caller, container: Container) -> None:
    corrections, ledger, player = container.corrections, Ledger(container), UUID(anna.id)
    for _ in range(3):
        assert anna.complete(anna.issue()).status_code == 200
    void = corrections.void(Selection(player_id=player), **BY)
    assert corrections.work(void).events == 4
    ledger.redeem(player, MAX_SCORE - 3)
    with pytest.raises(Conflict, match="past 9007199254740991"):
        corrections.restore(void, **BY)
    assert corrections.get(void).state == "done"

    ledger.redeem(player, -1)
    restore = corrections.restore(void, **BY)
    ledger.redeem(player, 1)
    corrections.batch = 2
    with pytest.raises(Conflict):
        corrections.work(restore)
    assert [waiting.id for waiting in corrections.resume_all(5.0)] == [], "it waits, and is no dead letter"
    ledger.redeem(player, -1)
    assert corrections.work(restore).events == 4
    corrections.batch = 500
