"""The way of a changed board to every subscriber."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import gevent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ws.hub import Hub
from tests.parts.wire import until
from tests.unit.ws.conftest import Guest, rows

Make = Callable[..., Guest]


def change(user: str, before: int, after: int) -> dict[str, Any]:
    return {
        "user_id": user,
        "username": user,
        "score": after,
        "previous_score": before,
        "rank": 100 - after,
        "previous_rank": 100 - before,
        "action_type": "tap",
    }


def test_a_subscriber_gets_the_board_first_and_then_each_change(hub: Hub, guest: Make) -> None:
    ada = guest().join(3)
    hub.change("main", 4, rows(4), [change("u", 3, 4)])
    until(lambda: ada.received() == [("initial", 3), ("update", 4)])
    assert ada.wire.messages[1]["changeInfo"] == [change("u", 3, 4)]
    assert ada.wire.messages[1]["data"] == rows(4)


def test_only_subscribers_of_the_board_get_it(hub: Hub, guest: Make) -> None:
    ada, bob = guest().join(1), guest().join(1, board="weekly")
    hub.change("main", 2, rows(2), [])
    until(lambda: len(ada.received()) == 2)
    assert bob.received() == [("initial", 1)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(0, 12), st.data())
def test_whatever_the_order_versions_only_grow_and_end_on_the_newest(
    guest: Make, order: list[int], snapshot: int, data: st.DataObject
) -> None:
    hub = Hub(merge_seconds=0.0)
    first = guest(hub).join(0)
    late_at = data.draw(st.integers(0, len(order)))
    late = guest(hub)
    for place, version in enumerate(order):
        if place == late_at:
            late.join(snapshot)
        hub.change("main", version, rows(version), [])
        if data.draw(st.booleans()):
            until(lambda: True)
    until(lambda: first.received()[-1][1] == max(order))
    for messages in (first.received(), late.received()):
        versions = [version for _, version in messages]
        assert versions == sorted(set(versions))
    if late_at < len(order):
        assert late.received()[-1][1] == max(*order, snapshot)


def test_a_change_that_overtook_the_snapshot_is_what_the_subscriber_gets(hub: Hub, guest: Make) -> None:
    guest().join(1)
    hub.change("main", 9, rows(9), [])
    late = guest().join(5)
    until(lambda: late.received() == [("initial", 9)])
    assert late.wire.messages[0]["data"] == rows(9)


def test_a_snapshot_that_overtook_the_change_is_not_followed_by_it(hub: Hub, guest: Make) -> None:
    early, late = guest().join(1), guest().join(5)
    hub.change("main", 5, rows(5), [])
    hub.change("main", 6, rows(6), [])
    until(lambda: late.received() == [("initial", 5), ("update", 6)])
    until(lambda: early.received()[-1] == ("update", 6))


def test_changes_close_together_go_as_one_that_tells_of_all(guest: Make) -> None:
    hub = Hub(merge_seconds=0.2)
    ada = guest(hub).join(0)
    hub.change("main", 1, rows(1), [change("u", 0, 1)])
    until(lambda: len(ada.received()) == 2)  # the first one does not wait
    for version in range(2, 50):
        hub.change("main", version, rows(version), [change("u", version - 1, version)])
    hub.change("main", 50, rows(50), [change("v", 0, 7)])
    until(lambda: ada.received()[-1] == ("update", 50))
    assert [version for _, version in ada.received()] == [0, 1, 50]
    assert ada.wire.messages[-1]["changeInfo"] == [change("u", 1, 49), change("v", 0, 7)]


def test_one_who_does_not_read_keeps_nobody_waiting_and_ends_on_the_newest(hub: Hub, guest: Make) -> None:
    sleeper, ada = guest(send_buffer=4096).join(0), guest().join(0)
    for version in range(1, 201):
        hub.change("main", version, rows(version) * 10, [])
        until(lambda version=version: ada.received()[-1] == ("update", version))  # type: ignore[misc]
    assert len(ada.received()) == 201
    assert sleeper.subscriber.outbound.backlog == 2
    sleeper.wire.read_until(lambda: sleeper.received()[-1] == ("update", 200))
    assert len(sleeper.received()) < 150


def test_a_new_subscribe_changes_the_board_and_answers_with_it(hub: Hub, guest: Make) -> None:
    ada = guest().join(3)
    ada.join(7, board="weekly")
    hub.change("main", 4, rows(4), [])
    hub.change("weekly", 8, rows(8), [])
    until(lambda: ada.received() == [("initial", 3), ("initial", 7), ("update", 8)])
    assert hub.watched_boards() == ["weekly"]


def test_who_changes_the_board_while_a_change_goes_out_does_not_get_it(hub: Hub, guest: Make) -> None:
    crowd = [guest().join(1) for _ in range(450)]
    hub.change("main", 2, rows(2), [])
    while hub.pushed == 0:
        gevent.sleep(0)  # the first subscribers are served, the others are not yet
    waiting = [member for member in crowd if member.subscriber.version == 1]
    assert 0 < len(waiting) < 450
    leaving, staying = waiting[::2], waiting[1::2]
    for member in leaving:
        member.join(1, board="weekly")
    until(lambda: all(member.received()[-1] == ("update", 2) for member in staying))
    for member in leaving:
        assert member.received() == [("initial", 1), ("initial", 1)]


def test_a_change_that_comes_while_another_goes_out_reaches_all(hub: Hub, guest: Make) -> None:
    crowd = [guest().join(1) for _ in range(450)]
    hub.change("main", 2, rows(2), [])
    while hub.pushed == 0:
        gevent.sleep(0)
    hub.change("main", 3, rows(3), [])
    until(lambda: all(member.received()[-1] == ("update", 3) for member in crowd))


def test_a_new_subscribe_to_the_same_board_never_goes_back(hub: Hub, guest: Make) -> None:
    ada = guest().join(3)
    hub.change("main", 6, rows(6), [])
    until(lambda: len(ada.received()) == 2)
    ada.join(4)
    until(lambda: ada.received() == [("initial", 3), ("update", 6), ("initial", 6)])


def test_what_was_missed_is_sent_and_what_was_not_is_not(hub: Hub, guest: Make) -> None:
    ada = guest().join(3)
    hub.catch_up({"board": "main", "version": 4, "data": rows(3)})  # read again, without a change
    hub.catch_up({"board": "main", "version": 5, "data": rows(5)})
    until(lambda: ada.received() == [("initial", 3), ("update", 5)])
    assert ada.wire.messages[1]["changeInfo"] == []


def test_a_suspended_player_loses_every_socket_and_others_none(hub: Hub, guest: Make) -> None:
    player = uuid4()
    phone, desk, other_player = guest().join(player=player), guest().join(player=player), guest().join()
    hub.end_player(player)
    for mine in (phone, desk):
        assert mine.wire.until_closed() == 1008
        assert mine.wire.messages[-1]["error"]["code"] == "account_suspended"
        assert mine.wire.messages[-1]["meta"] == {"code": 403}
    hub.change("main", 1, rows(1), [])
    until(lambda: other_player.received() == [("initial", 0), ("update", 1)])


def test_a_login_that_ended_loses_its_sockets_only(hub: Hub, guest: Make) -> None:
    player, login = uuid4(), uuid4()
    ended, stays = guest().join(player=player, login=login), guest().join(player=player)
    hub.end_login(login)
    assert ended.wire.until_closed() == 1008
    assert ended.wire.messages[-1]["meta"] == {"code": 401}
    assert not stays.subscriber.outbound.is_closing


def test_after_a_new_subscribe_the_former_login_counts_no_more(hub: Hub, guest: Make) -> None:
    login = uuid4()
    ada = guest().join(login=login)
    ada.join()
    hub.end_login(login)
    assert not ada.subscriber.outbound.is_closing


def test_at_shutdown_everybody_is_told_to_come_back(hub: Hub, guest: Make) -> None:
    subscribed, silent = guest().join(), guest()
    hub.close_all()
    assert [member.wire.until_closed() for member in (subscribed, silent)] == [1012, 1012]
    assert hub.is_closing


def test_one_who_left_is_forgotten(hub: Hub, guest: Make) -> None:
    ada = guest().join()
    hub.remove(ada.subscriber)
    assert hub.sockets == set()
    assert hub.watched_boards() == []
    hub.change("main", 5, rows(5), [])
    until(lambda: True)
    assert ada.received() == [("initial", 0)]
