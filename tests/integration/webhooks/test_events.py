"""The events that deliveries are written of, and that none is written twice or lost."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from app.containers.container import Container
from app.domain.boards import MAIN
from app.services.accounts.player_changes import PlayerChange
from app.services.boards.plan_writer import Operator
from tests.integration.boards.test_scorings import add_board, feed, redeem
from tests.integration.boards.test_seasons import end_main, wait_for_end
from tests.integration.players import add_player
from tests.integration.webhooks.conftest import Hooks
from tests.parts.receiver import Receiver


def _events(hooks: Hooks, receiver: Receiver, secret: str) -> list[tuple[str, Any]]:
    """Send what waits; return the type and the data of each new event, sorted."""
    before = len(receiver.calls)
    hooks.send()
    events = [call.event(secret) for call in receiver.calls[before:]]
    return sorted(((event["type"], event["data"]) for event in events), key=lambda event: (event[0], str(event[1])))


def _suspend(container: Container, player: UUID) -> None:
    container.moderation.suspend(player, "r", by="cli:tests")


def test_results_and_records(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    secret = hooks.create(receiver.url).secret
    anna, ben = (add_player(container, name) for name in ("Anna", "Ben"))
    redeem(container, anna, 5)
    counted, record = _events(hooks, receiver, secret)[::-1]
    assert (counted[0], record[0]) == ("score.counted", "record.set")
    data = counted[1]
    assert (data["board"], data["season"], data["result"], data["held"]) == (MAIN, 1, 5, False)
    assert data["player"] == {"user_id": str(anna), "username": "Anna"}
    assert data["score"] == {"previous": 0, "current": 5}
    first = {"user_id": str(anna), "username": "Anna", "score": 5}
    assert (record[1]["player"], record[1]["previous"]) == (first, None)

    redeem(container, anna, 2)
    assert [event for event, _ in _events(hooks, receiver, secret)] == ["score.counted"], "the first stays the first"
    redeem(container, ben, 9)
    record, _ = _events(hooks, receiver, secret)
    assert record[1]["player"]["username"] == "Ben"
    assert record[1]["previous"] == {**first, "score": 7}
    _suspend(container, ben)
    types = dict(_events(hooks, receiver, secret))
    assert set(types) == {"player.suspended", "record.set"}
    assert types["record.set"]["player"]["username"] == "Anna"


def test_a_batch_that_comes_twice_makes_no_second_event(hooks: Hooks, receiver: Receiver) -> None:
    hooks.create(receiver.url)
    redeem(hooks.container, add_player(hooks.container, "Anna"), 5)
    hooks.note()
    hooks.container.webhook_fan_out.note_scores(hooks.changes)
    assert len(hooks.container.database.rows("SELECT FROM webhook_deliveries")) == 2
    assert hooks.send() == {"delivered": 2}
    hooks.container.webhook_fan_out.note_scores(hooks.changes)
    assert hooks.send() == {}
    assert len({call.event_id for call in receiver.calls}) == len(receiver.calls) == 2


def test_a_leader_of_before_the_webhook_is_no_record(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    anna = add_player(container, "Anna")
    redeem(container, anna, 5)
    hooks.note()
    shown = hooks.create(receiver.url, ["record.set"])
    redeem(container, anna, 5)
    assert _events(hooks, receiver, shown.secret) == []
    container.webhooks.change(shown.webhook.id, {"enabled": False}, by="cli:tests", request_id="r")
    ben = add_player(container, "Ben")
    redeem(container, ben, 90)
    hooks.note()
    container.webhooks.change(shown.webhook.id, {"enabled": True}, by="cli:tests", request_id="r")
    redeem(container, ben, 1)
    assert _events(hooks, receiver, shown.secret) == []
    redeem(container, anna, 200)
    ((_, data),) = _events(hooks, receiver, shown.secret)
    assert (data["player"]["username"], data["previous"]["username"]) == ("Anna", "Ben")


def test_each_board_of_an_action_has_its_event_and_a_subscription_chooses_boards(
    hooks: Hooks, receiver: Receiver, other_receiver: Receiver
) -> None:
    container = hooks.container
    best = add_board(container, "best", scoring="best")
    feed(container, [best])
    everything, chosen = hooks.create(receiver.url), hooks.create(other_receiver.url, ["score.counted"], ["best"])
    anna = add_player(container, "Anna")
    redeem(container, anna, 5)
    hooks.send()
    assert len(receiver.calls) == 4
    (call,) = other_receiver.calls
    data = call.event(chosen.secret)["data"]
    assert (data["board"], data["score"]) == ("best", {"previous": None, "current": 5})
    redeem(container, anna, 3)
    events = _events(hooks, receiver, everything.secret)
    assert [(event, data["board"]) for event, data in events] == [("score.counted", MAIN)], "3 is no better"
    assert len(other_receiver.calls) == 1


def test_players_and_cases(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    secret = hooks.create(
        receiver.url, ["case.opened", "player.suspended", "player.reinstated", "player.renamed"]
    ).secret
    anna = add_player(container, "Anna")
    player = {"user_id": str(anna), "username": "Anna"}
    for _ in range(2):
        _suspend(container, anna)
    assert _events(hooks, receiver, secret) == [("player.suspended", {"player": player})]
    container.moderation.reinstate(anna, "r", by="cli:tests")
    assert _events(hooks, receiver, secret) == [("player.reinstated", {"player": player})]
    for _ in range(2):
        container.player_changes.change(anna, PlayerChange(username="Annette"), by="cli:tests", request_id="r")
    player["username"] = "Annette"
    renamed = {"player": player, "previous_username": "Anna"}
    assert _events(hooks, receiver, secret) == [("player.renamed", renamed)]
    with container.database.transaction() as connection:
        case_id = container.suspicions.open_case(connection, str(anna), half_life=1800, hold=False)
        container.suspicions.open_case(connection, str(anna), half_life=1800, hold=False)
    assert _events(hooks, receiver, secret) == [("case.opened", {"case_id": str(case_id), "player": player})]


def test_what_is_rolled_back_is_not_told(hooks: Hooks, receiver: Receiver) -> None:
    hooks.create(receiver.url)
    anna = add_player(hooks.container, "Anna")
    with hooks.container.database.transaction() as connection:
        hooks.container.players.set_status(connection, anna, "suspended")
        connection.rollback()
    assert hooks.send() == {}


def test_the_end_of_a_season_has_the_final_list(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    secret = hooks.create(receiver.url, ["season.ended"]).secret
    anna, ben = (add_player(container, name) for name in ("Anna", "Ben"))
    redeem(container, anna, 5)
    redeem(container, ben, 7)
    end_main(container, 0.2)
    wait_for_end(container)
    while not container.seasons.turn().closed:
        pass
    hooks.note()
    hooks.container.webhook_fan_out.note_season(hooks.changes[0].season_id)
    ((event, data),) = _events(hooks, receiver, secret)
    assert (event, data["board"], data["season"], data["players"]) == ("season.ended", MAIN, 1, 2)
    assert [(row["rank"], row["username"], row["score"]) for row in data["top"]] == [(1, "Ben", 7), (2, "Anna", 5)]
    assert data["starts_at"] < data["ends_at"]


def test_erasing_a_player_deletes_what_was_told_of_them(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    hooks.create(receiver.url)
    anna = add_player(container, "Anna")
    redeem(container, anna, 5)
    hooks.send()
    assert len(receiver.calls) == 2
    container.erasures.erase_by("cli:tests", anna, "r")
    hooks.note()
    assert container.database.rows("SELECT FROM webhook_deliveries WHERE payload LIKE '%Anna%'") == []
    assert container.database.rows("SELECT FROM webhook_attempts") == []


def test_after_a_replay_the_first_place_is_compared_with_the_one_before_it(hooks: Hooks, receiver: Receiver) -> None:
    container = hooks.container
    secret = hooks.create(receiver.url).secret
    anna, ben = (add_player(container, name) for name in ("Anna", "Ben"))
    for player, result in ((anna, 5), (anna, 5), (ben, 9)):
        redeem(container, player, result)
    old_season = container.standings.season(MAIN)
    _events(hooks, receiver, secret)
    redeem(container, anna, 1)  # its message is on the way while the replay takes place
    by = Operator("cli:tests", "r")
    plan = container.board_changes.plan_board_change(MAIN, {"scoring": "best"}, [], [])
    container.board_changes.carry_out(plan, rebuild=True, by=by)
    while container.replays.resume(5.0) is not None:
        pass
    season = container.catalog.open_season(MAIN)
    assert season is not None
    assert season.id != old_season.id
    events = dict(_events(hooks, receiver, secret))
    assert events["score.counted"]["season"] == 1
    assert (events["record.set"]["player"]["username"], events["record.set"]["player"]["score"]) == ("Ben", 9)
    assert (events["record.set"]["previous"]["username"], events["record.set"]["previous"]["score"]) == ("Anna", 5)
