"""Sockets that share one reading greenlet: none waits for another, and none is left behind."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable

import gevent
import gevent.event
import pytest

from app.settings import Settings
from app.ws.heartbeat import Heartbeat
from app.ws.hub import Hub
from app.ws.messages import Subscribe, Watch
from app.ws.outbound import offer_all
from app.ws.reader import BoardAdmission
from app.ws.turns import Turns
from tests.parts.subscriber import frame_header
from tests.parts.wire import until
from tests.unit.ws.conftest import Guest, admit, converse, rows, subscribe

Guests = Callable[..., Guest]
WATCH = b'{"type": "watch"}'


class Stores:
    """Stores that answer once `answer` is set; `waiting` counts the subscribes before that."""

    def __init__(self) -> None:
        self.answer = gevent.event.Event()
        self.waiting = 0

    def admit(self, message: Subscribe | Watch) -> BoardAdmission:
        self.waiting += 1
        self.answer.wait()
        return admit(message)


def test_a_socket_that_nobody_else_refers_to_is_not_collected(guest: Guests) -> None:
    someone = guest()
    converse(someone)
    gevent.sleep(0)
    gc.collect()
    subscribe(someone.wire)
    assert someone.wire.next()["type"] == "leaderboard.initial"


def test_a_slow_sender_of_half_frames_keeps_nobody_waiting(guest: Guests) -> None:
    turns = Turns(lambda _: None)
    slow, other = guest(), guest()
    for member in (slow, other):
        converse(member, turns=turns)
    frame = frame_header(1, len(WATCH)) + WATCH
    for place in range(len(frame) - 1):
        slow.wire.write(frame[place : place + 1])
        until(lambda: not slow.wire.unread)
        if place % 8 == 0:
            other.wire.ping(b"x")
            other.wire.read_until(lambda: bool(other.wire.pongs))
            other.wire.pongs.clear()
    assert slow.received() == []
    slow.wire.write(frame[-1:])
    assert slow.wire.next()["type"] == "leaderboard.initial"


def test_messages_behind_a_subscribe_wait_for_its_answer_and_other_sockets_do_not(guest: Guests) -> None:
    stores, turns = Stores(), Turns(lambda _: None)
    first, second = guest(), guest()
    converse(first, stores.admit, turns=turns)
    converse(second, turns=turns)
    frame = frame_header(1, len(WATCH)) + WATCH
    first.wire.write(frame + frame_header(9, 1) + b"1")  # in one piece, and then in another
    until(lambda: stores.waiting == 1)
    first.wire.ping(b"2")
    subscribe(second.wire)
    assert second.wire.next()["type"] == "leaderboard.initial"
    first.wire.read()
    assert (first.wire.messages, first.wire.pongs) == ([], [])
    stores.answer.set()
    first.wire.read_until(lambda: first.wire.pongs == [b"1", b"2"])
    assert first.wire.messages[0]["type"] == "leaderboard.initial"


def test_subscribes_beyond_the_workers_wait_in_line_and_are_not_taken_for_none(hub: Hub, guest: Guests) -> None:
    stores, turns = Stores(), Turns(lambda _: None, most_workers=1)
    members = [guest() for _ in range(3)]
    for member in members:
        converse(member, stores.admit, turns=turns)
        member.subscriber.subscribe_by_at = 0.0  # it is over by the next tick
        subscribe(member.wire)
    until(lambda: stores.waiting == 1 and not any(member.wire.unread for member in members))
    Heartbeat(hub, Settings(), lambda: 0.0).tick()
    assert stores.waiting == 1
    stores.answer.set()
    assert [member.wire.next()["type"] for member in members] == ["leaderboard.initial"] * 3


def test_a_subscribe_whose_answer_comes_after_the_stop_began_joins_no_board(hub: Hub, guest: Guests) -> None:
    stores, member = Stores(), guest()
    ended = converse(member, stores.admit)
    subscribe(member.wire)
    until(lambda: stores.waiting == 1)
    hub.close_all()
    stores.answer.set()
    assert member.wire.until_closed() == 1012
    member.wire.close(1012)
    ended.get(timeout=10)
    assert member.wire.messages == []
    assert hub.watched_boards() == []


@pytest.mark.parametrize("is_half_way", [False, True])
def test_a_peer_that_vanishes_leaves_no_descriptor(guest: Guests, is_half_way: bool) -> None:
    member = guest()
    ended = converse(member)
    if is_half_way:
        member.wire.write(frame_header(1, 100) + b"{")
        until(lambda: not member.wire.unread)
    number = member.wire.server.fileno()
    member.wire.client.close()
    ended.get(timeout=10)
    assert member.wire.server.fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_descriptors_next_connection_gets_nothing_of_the_last_one(hub: Hub, guest: Guests) -> None:
    last = guest().join()
    ended = converse(last)
    number = last.wire.server.fileno()
    last.wire.client.close()
    ended.get(timeout=10)
    ours, theirs = socket.socketpair()
    assert number in (ours.fileno(), theirs.fileno())
    for sock in (ours, theirs):
        sock.setblocking(False)
    offer_all([last.subscriber.outbound], b"a board")
    last.subscriber.outbound.send(b"a ping")
    last.subscriber.outbound.close(1012)
    last.subscriber.outbound.drop()
    hub.change("main", 7, rows(7), [])
    gevent.sleep(0.01)
    for sock in (ours, theirs):
        with pytest.raises(BlockingIOError):
            sock.recv(100)
    ours.close()
    theirs.close()


def test_the_next_connection_of_a_descriptor_is_served_as_its_own(guest: Guests) -> None:
    turns = Turns(lambda _: None)
    numbers = set()
    for _ in range(3):
        member = guest()
        converse(member, turns=turns)
        numbers.add(member.wire.server.fileno())
        subscribe(member.wire)
        assert member.wire.next()["type"] == "leaderboard.initial"
        member.wire.client.close()
        until(lambda member=member: member.wire.server.fileno() == -1)  # type: ignore[misc]
    assert len(numbers) < 3, "a number is used again"


def test_a_conversation_that_fails_ends_alone(guest: Guests) -> None:
    def fail(_: Subscribe | Watch) -> BoardAdmission:
        raise RuntimeError("a fault of ours")

    turns = Turns(lambda _: None)
    failing, other = guest(), guest()
    converse(failing, fail, turns=turns)
    converse(other, turns=turns)
    for member in (failing, other):
        subscribe(member.wire)
    assert failing.wire.until_closed() == 1011
    assert failing.wire.server.fileno() == -1
    assert other.wire.next()["type"] == "leaderboard.initial"
