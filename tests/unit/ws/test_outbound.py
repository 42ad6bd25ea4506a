"""Writing to one socket: whole frames in order, and of boards only the newest."""

import socket
import time
from collections.abc import Iterator

import gevent
import pytest

from app.ws import frames, messages
from app.ws.outbound import Outbound, offer_all
from tests.parts.wire import Wire, until

ROWS = [{"rank": n, "username": "x" * 100} for n in range(10)]


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(send_buffer=4096)
    yield wire
    wire.shut()


def board(version: int) -> bytes:
    return messages.update("main", version, 1, ROWS, [])


def fill(outbound: Outbound) -> int:
    """Offer boards until the socket takes no more; return the last version."""
    version = 0
    while not outbound.backlog:
        version += 1
        offer_all([outbound], board(version))
    return version


def versions(wire: Wire) -> list[int]:
    return [message["meta"]["version"] for message in wire.messages if "meta" in message]


def test_a_reader_that_keeps_up_gets_every_frame(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    for version in range(1, 201):
        offer_all([outbound], board(version))
        wire.read_until(lambda version=version: versions(wire)[-1:] == [version])  # type: ignore[misc]
    assert versions(wire) == list(range(1, 201))


def test_a_reader_that_stops_keeps_one_board_waiting_and_ends_on_the_newest(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    stuck_at = fill(outbound)
    for version in range(stuck_at + 1, stuck_at + 201):
        offer_all([outbound], board(version))
        assert outbound.backlog == 2
    wire.read_until(lambda: versions(wire)[-1:] == [stuck_at + 200])
    assert versions(wire) == [*range(1, stuck_at + 1), stuck_at + 200]
    until(lambda: outbound.backlog == 0)
    offer_all([outbound], board(stuck_at + 201))
    wire.read_until(lambda: versions(wire)[-1] == stuck_at + 201)


@pytest.mark.parametrize("sip", [1, 7, 1000, 30_000])
@pytest.mark.parametrize("size", [100, 20_000])  # a frame that the socket takes whole, one that it takes in parts
def test_a_reader_that_sips_never_finds_a_broken_frame(wire: Wire, sip: int, size: int) -> None:
    outbound = Outbound(wire.server)
    rows = [{"rank": n, "username": chr(97 + n) * size} for n in range(10)]
    version = 0
    for _ in range(100):
        version += 1
        offer_all([outbound], messages.update("main", version, 1, rows, []))
        wire.read(sip)
        until(lambda: True)
    wire.read_until(lambda: versions(wire)[-1:] == [version])
    assert versions(wire) == sorted(set(versions(wire)))
    assert all(message["data"] == rows for message in wire.messages)


def test_answers_and_pings_wait_in_line_and_are_never_left_out(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    stuck_at = fill(outbound)
    outbound.send(messages.error(400, "a", ""))
    offer_all([outbound], board(stuck_at + 1))
    outbound.send(messages.error(400, "b", ""))
    offer_all([outbound], board(stuck_at + 2))
    wire.read_until(lambda: len(wire.messages) == stuck_at + 3)
    order = [message.get("error", {}).get("code") or message["meta"]["version"] for message in wire.messages]
    assert order == [*range(1, stuck_at + 1), "a", "b", stuck_at + 2]


def test_the_answer_to_a_new_subscribe_drops_the_board_that_waits(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    stuck_at = fill(outbound)
    offer_all([outbound], board(stuck_at + 1))
    outbound.start_over(messages.initial("other", 3, 1, []))
    wire.read_until(lambda: wire.messages[-1:] != [] and wire.messages[-1]["meta"]["board"] == "other")
    assert versions(wire) == [*range(1, stuck_at + 1), 3]


def test_a_close_comes_behind_what_was_under_way_and_nothing_behind_it(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    stuck_at = fill(outbound)
    offer_all([outbound], board(stuck_at + 1))
    outbound.send(messages.error(401, "unauthorized", ""))
    outbound.close(1008)
    offer_all([outbound], board(stuck_at + 2))
    outbound.send(messages.ping(0))
    outbound.close(1000)
    assert wire.until_closed() == 1008
    assert [message["type"] for message in wire.messages] == ["leaderboard.update"] * stuck_at + ["error"]


def test_standing_still_is_counted_from_the_last_byte_that_went_out(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    assert outbound.stuck_for(time.monotonic()) == 0
    offer_all([outbound], frames.text(b'"' + b"x" * 1_000_000 + b'"'))
    later = time.monotonic() + 60
    before = outbound.stuck_for(later)
    assert before > 59
    wire.read_until(lambda: outbound.stuck_for(later) < before)
    assert outbound.backlog == 1
    wire.read_until(lambda: outbound.backlog == 0)
    assert outbound.stuck_for(later) == 0


def test_once_everything_is_out_the_socket_is_watched_no_more(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    for _ in range(3):
        fill(outbound)
        wire.read_until(lambda: outbound.backlog == 0)
    wakes: list[int] = []
    watch = gevent.get_hub().loop.idle()
    watch.start(lambda: wakes.append(1))
    try:  # a writable socket that is still watched keeps the loop too busy to be idle
        until(lambda: bool(wakes))
    finally:
        watch.stop()
        watch.close()


def test_dropping_a_stuck_connection_wakes_its_reader(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    fill(outbound)
    outbound.drop()
    assert outbound.is_released
    assert outbound.backlog == 0
    assert wire.server.recv(1) == b""
    offer_all([outbound], b"never sent")


def test_a_client_that_hung_up_is_noticed_at_the_next_write(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    wire.client.close()
    offer_all([outbound], board(1))
    assert outbound.is_released


def test_a_client_that_hangs_up_while_frames_wait_is_noticed(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    fill(outbound)
    wire.client.close()
    until(lambda: outbound.is_released)


def test_after_release_the_number_of_the_socket_may_be_anothers(wire: Wire) -> None:
    outbound = Outbound(wire.server)
    fill(outbound)
    outbound.release()
    number = wire.server.fileno()
    wire.server.close()
    left_end, right_end = socket.socketpair()
    try:
        assert number in (left_end.fileno(), right_end.fileno())
        offer_all([outbound], frames.text(b"stray"))
        outbound.close(1000)
        until(lambda: True)
        for end in (left_end, right_end):
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                end.recv(1)
    finally:
        left_end.close()
        right_end.close()
