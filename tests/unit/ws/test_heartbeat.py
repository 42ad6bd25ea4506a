"""The effects of time on sockets. Time stands still: settings are chosen so that a moment is due or far away."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.settings import Settings
from app.ws.heartbeat import Heartbeat
from app.ws.hub import Hub
from app.ws.messages import error
from app.ws.outbound import Outbound, offer_all
from tests.parts.wire import until
from tests.unit.ws.conftest import Guest

Make = Callable[..., Guest]
CALM = Settings(ping_seconds=3600.0, subscribe_seconds=600.0, slow_seconds=3600.0)


def heartbeat(hub: Hub, *, now: float = 1000.0, **changes: float) -> Heartbeat:
    return Heartbeat(hub, CALM.model_copy(update=changes), lambda: now)


def fill(outbound: Outbound) -> None:
    while not outbound.backlog:
        offer_all([outbound], error(400, "x", "y" * 100))


def test_who_does_not_subscribe_in_time_is_refused(hub: Hub, guest: Make) -> None:
    late, early = guest(), guest()
    late.subscriber.subscribe_by_at = time.monotonic()
    heartbeat(hub).tick()
    assert late.wire.until_closed() == 1008
    assert late.wire.messages[0]["meta"] == {"code": 401}
    assert not early.subscriber.outbound.is_closing


def test_a_token_that_expires_ends_the_socket(hub: Hub, guest: Make) -> None:
    over, valid = guest().join(expires_at=1000.0), guest().join(expires_at=1000.1)
    heartbeat(hub, now=1000.0).tick()
    assert over.wire.until_closed() == 1008
    assert over.wire.messages[-1]["meta"] == {"code": 401}
    assert not valid.subscriber.outbound.is_closing


def test_two_pings_unanswered_in_a_row_close_the_socket(hub: Hub, guest: Make) -> None:
    ada = guest().join()
    beat = heartbeat(hub, ping_seconds=0.0)
    for _ in range(3):
        beat.tick()
    assert ada.wire.until_closed() == 4408
    assert [message["type"] for message in ada.wire.messages] == ["leaderboard.initial", "ping", "ping"]
    assert ada.wire.messages[1]["timestamp"] == "1970-01-01T00:16:40.000Z"


def test_an_answer_starts_the_count_again(hub: Hub, guest: Make) -> None:
    ada = guest().join()
    beat = heartbeat(hub, ping_seconds=0.0)
    for _ in range(20):
        beat.tick()
        beat.tick()
        ada.subscriber.unanswered_pings = 0
    assert not ada.subscriber.outbound.is_closing


def test_a_ping_comes_only_when_it_is_due(hub: Hub, guest: Make) -> None:
    ada = guest().join()
    ada.subscriber.ping_at = time.monotonic() + 60
    heartbeat(hub).tick()
    assert ada.received() == [("initial", 0)]


def test_a_reader_that_stands_still_too_long_is_closed_with_4409_behind_what_it_left_unread(
    hub: Hub, guest: Make
) -> None:
    sleeper, ada = guest(send_buffer=4096).join(), guest().join()
    fill(sleeper.subscriber.outbound)
    heartbeat(hub).tick()
    assert not sleeper.subscriber.outbound.is_closing
    heartbeat(hub, slow_seconds=0.0).tick()
    assert hub.dropped_slow == 1
    assert sleeper.wire.until_closed() == 4409
    assert not ada.subscriber.outbound.is_closing


def test_a_reader_that_stands_still_is_not_pinged(hub: Hub, guest: Make) -> None:
    sleeper = guest(send_buffer=4096).join()
    fill(sleeper.subscriber.outbound)
    beat = heartbeat(hub, ping_seconds=0.0)
    for _ in range(5):
        beat.tick()
    assert sleeper.subscriber.unanswered_pings == 0
    assert not sleeper.subscriber.outbound.is_closing


def test_who_does_not_close_in_turn_is_dropped_after_a_while(hub: Hub, guest: Make) -> None:
    ada = guest().join()
    ada.subscriber.outbound.close(1008)
    beat = heartbeat(hub)
    beat.tick()
    assert not ada.subscriber.outbound.is_released
    ada.subscriber.drop_at = time.monotonic()
    beat.tick()
    assert ada.subscriber.outbound.is_released
    ada.wire.read_until(lambda: ada.wire.ended)
    assert ada.wire.close_code == 1008


@pytest.mark.parametrize(("state", "code"), [("suspended", 403), ("ended", 401), ("active", None)])
def test_a_sweep_ends_the_sockets_of_those_who_may_no_longer_listen(
    hub: Hub, guest: Make, state: str, code: int | None
) -> None:
    player, login = uuid4(), uuid4()
    ada, bob = guest().join(player=player, login=login), guest().join()
    guest()  # not subscribed: the stores are not asked about it

    def states(pairs: list[tuple[UUID, UUID]]) -> list[str]:
        assert len(pairs) == 2
        return [state if pair == (player, login) else "active" for pair in pairs]

    heartbeat(hub).sweep(states)
    assert not bob.subscriber.outbound.is_closing
    assert ada.subscriber.outbound.is_closing is (code is not None)
    if code is not None:
        assert ada.wire.until_closed() == 1008
        assert ada.wire.messages[-1]["meta"] == {"code": code}


def test_a_sweep_asks_once_per_login_and_for_many_in_parts(hub: Hub, guest: Make) -> None:
    player, login = uuid4(), uuid4()
    for _ in range(3):
        guest().join(player=player, login=login)
    for _ in range(520):
        guest().join()
    batches: list[int] = []

    def states(pairs: list[tuple[UUID, UUID]]) -> list[str]:
        batches.append(len(pairs))
        return ["active"] * len(pairs)

    heartbeat(hub).sweep(states)
    assert sum(batches) == 521
    assert max(batches) <= 500
    until(lambda: True)


def test_short_deadlines_are_looked_at_often_enough(hub: Hub) -> None:
    assert heartbeat(hub, ping_seconds=0.4).tick_seconds == pytest.approx(0.1)
    assert heartbeat(hub).tick_seconds == 0.5
    assert heartbeat(hub, ping_seconds=30.0).sweep_seconds < 30.0
